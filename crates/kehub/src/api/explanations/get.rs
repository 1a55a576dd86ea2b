//! `GET /api/explanations`.

use super::body::Explained;
use super::sides::{Asked, FROM, Side, TO, both};
use crate::api::Call;
use crate::api::past::names::Names;
use crate::api::problem::{Code, Problem};
use crate::server::problem::json;
use axum::http::StatusCode;
use axum::response::Response;
use kehub_core::directory::Permission;
use kehub_core::history::Moment;

/// Explain why two are one, or are not
///
/// Each side is a customer or an identity. If both belong to one customer: the shortest path of
/// evidence between them. If not: what they share, and what stands between them. An identity that
/// nobody owns belongs to no customer: its `customerId` is `null`. With `asOf` as it stood then, under
/// the policy of today; what an identity was before a deletion freed it is told only from the side of
/// the customer that was deleted.
#[utoipa::path(get, path = "/api/explanations", tag = "API explanations")]
pub(crate) async fn api_explanation_get(call: Call) -> Result<Response, Problem> {
    call.require(Permission::CustomersRead)?;
    let mut parameters = call.parameters();
    let from = Asked::read(&mut parameters, &FROM);
    let to = Asked::read(&mut parameters, &TO);
    let as_of = parameters.passed_moment("asOf", call.now());
    parameters.end()?;
    let (Some(from), Some(to)) = (from, to) else { return Err(Problem::unexpected()) };
    let unknown = || Problem::new(Code::IdentityNotFound, "no such identity is known");
    let (from, to) = (from.find(&call).await?, to.find(&call).await?);
    let (from, to): (Side, Side) =
        both((&FROM, from.ok_or_else(unknown)), (&TO, to.ok_or_else(unknown)))?;
    let homes: Vec<_> = from.home().into_iter().chain(to.home()).collect();
    let past = call.store().past(call.tenant(), &homes).await?;
    let then = past.as_of(as_of.map_or(Moment::Now, Moment::Time));
    let owners = both((&FROM, from.owner(&past, &then)), (&TO, to.owner(&past, &then)))?;
    let access = call.hub().access();
    let mut names = Names::new(&past, &access);
    for side in [&from, &to] {
        if let Side::Identity(found) = side {
            names.known.learn(found);
        }
    }
    let explained = Explained { from: &from, to: &to, owners, as_of, then: &then, names: &names };
    Ok(json(StatusCode::OK, &explained.body()))
}
