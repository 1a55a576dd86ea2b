//! `GET`, `PUT` and `DELETE /v1/customers/{id}`.

use super::upsert::{answered, refusal, resolved, sent_object, unexpected};
use crate::server::Call;
use crate::server::idempotency;
use crate::server::problem::{Problem, json};
use crate::v1::problem::{Form, Refused};
use crate::v1::wire::answer::Answer;
use crate::v1::wire::extras::Extras;
use crate::v1::wire::fields::{Empty, Reader};
use crate::v1::wire::filter::Selection;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use kehub_core::command::{Command, Put};
use kehub_core::directory::Permission;
use kehub_core::outcome::Outcome;

/// Get a customer
///
/// An id that was merged away answers the customer it was merged into.
#[utoipa::path(get, path = "/v1/customers/{id}", tag = "Customers")]
pub(crate) async fn customer_get(call: Call) -> Result<Response, Refused> {
    call.require(Permission::CustomersRead)?;
    let found = call.hub.store().customer(call.tenant(), call.customer()?).await?;
    let customer = found.ok_or(Problem::CustomerMissing)?;
    let selection = Selection::read(call.query());
    Ok(json(StatusCode::OK, &Answer::whole(&customer, &selection)))
}

/// Change a customer
///
/// Keys that are absent stay as they are; `null` and empty text clear. Identities do not change.
#[utoipa::path(put, path = "/v1/customers/{id}", tag = "Customers")]
pub(crate) async fn customer_put(call: Call, body: Body) -> Result<Response, Refused> {
    call.require(Permission::CustomersWrite)?;
    let customer = call.customer()?;
    let body = call.read(body).await?;
    let object = sent_object(&body)?;
    let mut reader = Reader::new(Empty::Clears, call.hub.settings().custom_attributes_max);
    let fields = reader.customer(&object);
    let extras = Extras::read(call.query(), call.headers(), &mut reader.problems);
    if !reader.problems.is_empty() {
        return Err(Refused::fields(Form::Listed, reader.problems));
    }
    let command = Command::Put(Put { customer, fields: fields.clone() });
    let outcome = call.apply(command, extras.dry_run).await?;
    let mut resolution = resolved(outcome, Form::Listed, &call)?;
    if call.hub.settings().put_answers_before
        && let Some(before) = resolution.before.take()
    {
        resolution.customer = before;
    }
    let reads = call.caller.may(Permission::CustomersRead);
    Ok(json(StatusCode::OK, &answered(&resolution, &fields, &[], extras, reads)))
}

/// Delete a customer
///
/// Its identities are free again. An id that was merged away is refused, so that nobody believes a
/// person deleted who is not.
#[utoipa::path(delete, path = "/v1/customers/{id}", tag = "Customers")]
pub(crate) async fn customer_delete(call: Call) -> Result<Response, Refused> {
    call.require(Permission::CustomersDelete)?;
    let customer = call.customer()?;
    let mut problems = Vec::new();
    let extras = Extras::read(call.query(), call.headers(), &mut problems);
    // What to do on a conflict has no meaning here, and never had a say.
    problems.retain(|problem| problem.field_name == idempotency::HEADER);
    if !problems.is_empty() {
        return Err(Refused::fields(Form::Listed, problems));
    }
    #[expect(clippy::wildcard_enum_match_arm, reason = "no other outcome is one of such a command")]
    match call.apply(Command::Delete(customer), extras.dry_run).await? {
        Outcome::Deleted(_) => Ok(StatusCode::NO_CONTENT.into_response()),
        Outcome::Refused(refused) => Err(refusal(refused, Form::Listed, &call)),
        _ => Err(unexpected()),
    }
}
