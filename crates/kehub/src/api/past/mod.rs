//! Looking back: what a customer was, what happened to it, where its values are from, and everything
//! that is held about one person.

pub(crate) mod describe;
pub(crate) mod export;
pub(crate) mod file;
pub(crate) mod history;
pub(crate) mod names;
pub(crate) mod provenance;
pub(crate) mod schemas;
pub(crate) mod whole;

use crate::api::problem::{Code, Problem};
use kehub_core::CustomerId;
use kehub_core::customer::State;
use kehub_core::facts::TenantFacts;
use kehub_core::history::Past;
use kehub_core::outcome::Refusal;
use kehub_store::{Store, StoreError};

/// What has become of an id, on the wire.
pub(crate) const fn state_name(state: State) -> &'static str {
    match state {
        State::Live => "live",
        State::MergedInto(_) => "merged",
        State::Deleted => "deleted",
        State::Erased => "erased",
    }
}

/// Why no customer answers for an id today.
pub(crate) async fn gone(
    store: &dyn Store,
    tenant: kehub_core::TenantId,
    id: CustomerId,
) -> Result<Problem, StoreError> {
    let mut row = store.customer_row(tenant, id).await?;
    if let Some(State::MergedInto(survivor)) = row.as_ref().map(|row| row.state) {
        row = store.customer_row(tenant, survivor).await?;
    }
    let state = row.map(|row| (row.id, row.state));
    Ok(match state {
        Some((id, State::Deleted)) => Refusal::CustomerDeleted(id).into(),
        Some((id, State::Erased)) => Refusal::CustomerErased(id).into(),
        Some((_, State::Live | State::MergedInto(_))) | None => Problem::customer_not_found(),
    })
}

/// Why no customer answers for an id in facts of the past.
pub(crate) fn gone_by_then(id: CustomerId, past: &Past, then: &TenantFacts) -> Problem {
    if past.is_erased(id) {
        return Refusal::CustomerErased(id).into();
    }
    match then.customer(id).map(|row| row.state) {
        Some(State::MergedInto(root)) => Refusal::CustomerDeleted(root).into(),
        Some(State::Live | State::Deleted | State::Erased) => Refusal::CustomerDeleted(id).into(),
        None if !past.has_customer(id) => Problem::customer_not_found(),
        None => Problem::new(Code::CustomerNotFound, "the customer was not there yet"),
    }
}
