//! `GET /api/customers/{id}/export`.

use super::file::{File, held, sent};
use super::gone;
use super::names::Names;
use crate::api::Call;
use crate::api::conflicts::list::named;
use crate::api::problem::Problem;
use crate::server::problem::json;
use axum::http::StatusCode;
use axum::response::Response;
use kehub_core::customer::State;
use kehub_core::directory::Permission;
use kehub_core::history::Moment;
use kehub_core::{ConflictId, IdentityNumber};
use kehub_store::ConflictFilter;

/// Export a person
///
/// Everything that is held about one person, as privacy laws ask: what is seen, what each home holds
/// on its own, identities, every request with its source, merges (undone ones too), conflicts,
/// cannot-links and undecided claims. Also for a deleted customer; of an erased one nothing is held.
/// Of what belongs to somebody else it tells values that came with this person, and numbers.
#[utoipa::path(get, path = "/api/customers/{id}/export", tag = "API customers")]
pub(crate) async fn api_customer_export(call: Call) -> Result<Response, Problem> {
    call.require(Permission::CustomersRead)?;
    call.parameters().end()?;
    let id = call.customer()?;
    let past = call.store().past(call.tenant(), &[id]).await?;
    let now = past.as_of(Moment::Now);
    let row = now.customer(id);
    let root = match row.map(|row| row.state) {
        Some(State::MergedInto(survivor)) => now.customer(survivor),
        Some(State::Live | State::Deleted | State::Erased) | None => row,
    };
    let Some(customer) = root.filter(|root| root.state != State::Erased) else {
        return Err(gone(call.store(), call.tenant(), id).await?);
    };
    // Others may have opened conflicts with the person.
    let wanted = ConflictFilter { customer: Some(id), ..ConflictFilter::default() };
    let first = ConflictId(0);
    let conflicts = call.store().conflicts(call.tenant(), &wanted, first, usize::MAX).await?;
    let others = named(&call, &conflicts).await?;
    let access = call.hub().access();
    let mut names = Names::new(&past, &access);
    let (held, sent) = (held(customer, &past, &now), sent(customer, &now));
    let is_free =
        |number: &IdentityNumber| now.identity(*number).is_some_and(|it| it.home.is_none());
    let own = held.iter().map(|(number, _)| *number);
    let own = own.chain(sent.iter().copied().filter(is_free)).collect();
    names.known = names.known.and(others).told_to(&own, &sent);
    let provenance = past.provenance(customer, &now);
    let file = File {
        customer,
        past: &past,
        now: &now,
        provenance: &provenance,
        conflicts: &conflicts,
        names: &names,
        held: &held,
    };
    Ok(json(StatusCode::OK, &file.body(call.now())))
}
