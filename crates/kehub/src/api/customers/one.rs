//! `GET`, `PATCH` and `DELETE /api/customers/{id}`.

use super::body::WholeBody;
use super::upsert::answer;
use crate::api::Call;
use crate::api::call::json_of;
use crate::api::past;
use crate::api::problem::Problem;
use crate::api::reader::{Empty, Reader};
use crate::server::problem::json;
use crate::wire::json::Object;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use kehub_core::command::{Command, Put, Upsert};
use kehub_core::directory::Permission;
use kehub_core::outcome::Outcome;

/// Get a customer
///
/// With its identities and the ids that were merged into it. An id that was merged away answers the
/// customer it was merged into: `id` tells. With `asOf` the customer as it stood then, also if it was
/// deleted since; texts of identities are those of today. With `provenance=1` where every value is
/// from, and which values lost against it.
#[utoipa::path(get, path = "/api/customers/{id}", tag = "API customers")]
pub(crate) async fn api_customer_get(call: Call) -> Result<Response, Problem> {
    call.require(Permission::CustomersRead)?;
    let mut parameters = call.parameters();
    let as_of = parameters.passed_moment("asOf", call.now());
    let provenance = parameters.flag("provenance");
    parameters.end()?;
    let id = call.customer()?;
    if as_of.is_some() || provenance {
        let past = call.store().past(call.tenant(), &[id]).await?;
        return past::whole::answer(id, &past, as_of, provenance, &call);
    }
    let Some(found) = call.store().customer_whole(call.tenant(), id).await? else {
        return Err(past::gone(call.store(), call.tenant(), id).await?);
    };
    let (merged, identities) = (&found.merged, &found.identities);
    let body = WholeBody { customer: &found.customer, merged, identities };
    Ok(json(StatusCode::OK, &body))
}

/// Change a customer
///
/// Fields that are absent stay as they are; `null`, empty text and `unset` clear. Identities do not
/// change. An id that was merged away means the customer it was merged into.
#[utoipa::path(patch, path = "/api/customers/{id}", tag = "API customers")]
pub(crate) async fn api_customer_patch(call: Call, body: Body) -> Result<Response, Problem> {
    call.require(Permission::CustomersWrite)?;
    let dry_run = call.dry_run()?;
    let customer = call.customer()?;
    let body = call.read(body).await?;
    let sent = json_of(&body)?;
    let mut reader = Reader::default();
    let nothing = Object::default();
    let object = reader.object("", &sent).unwrap_or(&nothing);
    reader.known("", object, &["customer"]);
    let fields = match object.get("customer") {
        None => {
            reader.missing("/customer", "an object");
            None
        }
        Some(json) => reader.object("/customer", json),
    };
    let custom_max = call.hub().settings().custom_attributes_max;
    let fields = reader.fields("/customer", fields.unwrap_or(&nothing), Empty::Clears, custom_max);
    reader.end()?;
    let own =
        (!call.tells_in_full()).then(|| Upsert { fields: fields.clone(), ..Upsert::default() });
    let command = Command::Put(Put { customer, fields });
    let resolution = call.resolve(command, dry_run).await?;
    Ok(json(StatusCode::OK, &answer(&resolution, own.as_ref())))
}

/// Delete a customer
///
/// It is gone from every read, and its identities are free again. An id that was merged away is
/// refused and the survivor named, so that nobody believes a person deleted who is not.
#[utoipa::path(delete, path = "/api/customers/{id}", tag = "API customers")]
pub(crate) async fn api_customer_delete(call: Call) -> Result<Response, Problem> {
    call.require(Permission::CustomersDelete)?;
    let dry_run = call.dry_run()?;
    let customer = call.customer()?;
    let outcome = call.apply(Command::Delete(customer), dry_run).await?;
    let Outcome::Deleted(_) = outcome else { return Err(Problem::unexpected()) };
    Ok(StatusCode::NO_CONTENT.into_response())
}
