//! `POST /api/customers/{id}/identities`.

use crate::api::Call;
use crate::api::call::json_of;
use crate::api::customers::resolution::ResolvedBody;
use crate::api::problem::Problem;
use crate::api::reader::Reader;
use crate::server::problem::json;
use crate::wire::json::Object;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use kehub_core::command::{Attach, Command, FieldsSent, IdentitySent};
use kehub_core::directory::Permission;
use kehub_core::outcome::IdentityVerdict;

/// Attach an identity to a customer
///
/// One that the customer has already is answered as it is. One that belongs to another customer, or
/// that the rules do not let the customer have, is refused, and nothing changes.
#[utoipa::path(post, path = "/api/customers/{id}/identities", tag = "API identities")]
pub(crate) async fn api_identity_attach(call: Call, body: Body) -> Result<Response, Problem> {
    call.require(Permission::IdentitiesWrite)?;
    let dry_run = call.dry_run()?;
    let customer = call.customer()?;
    let body = call.read(body).await?;
    let sent = json_of(&body)?;
    let mut reader = Reader::default();
    let nothing = Object::default();
    let object = reader.object("", &sent).unwrap_or(&nothing);
    reader.known("", object, &["type", "value", "name", "scope"]);
    let identity: IdentitySent = reader.identity("", object);
    reader.end()?;
    // What is answered in the sender's own words must outlive the command.
    let own = (!call.tells_in_full()).then(|| [identity.clone()]);
    let command = Command::Attach(Attach { customer, identity });
    let resolution = call.resolve(command, dry_run).await?;
    let outcome = resolution.identities.first();
    let is_new = outcome.is_some_and(|it| it.verdict == IdentityVerdict::Attached);
    let status = if is_new && !dry_run { StatusCode::CREATED } else { StatusCode::OK };
    let no_fields = FieldsSent::default();
    let body = match &own {
        None => ResolvedBody::whole(&resolution),
        Some(own) => ResolvedBody::own(&resolution, &no_fields, own),
    };
    Ok(json(status, &body))
}
