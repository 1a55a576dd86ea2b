//! `GET` and `POST /v1/customeridentities`.

use super::customers::upsert::{resolved, sent_object};
use super::problem::{FieldError, Form, Refused};
use super::wire::extras::Extras;
use super::wire::fields::{Empty, Reader};
use super::wire::filter::{self, IDS_MAX};
use super::wire::resolution::ResolutionBody;
use crate::server::Call;
use crate::server::problem::json;
use crate::wire::json::Json;
use crate::wire::query::NotText;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use kehub_core::canonical;
use kehub_core::command::{Attach, Command, IdentitySent};
use kehub_core::directory::Permission;
use kehub_core::outcome::{Outcome, Refusal, Resolution};
use kehub_store::OwnedIdentity;
use serde::Serialize;
use std::borrow::Cow;

/// An identity. `customerId` is text, because clients cast it (W11).
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct IdentityBody<'a> {
    customer_id: String,
    identity_type: &'a str,
    identity_value: &'a str,
    identity_name: Option<&'a str>,
    #[serde(rename = "_resolution", skip_serializing_if = "Option::is_none")]
    resolution: Option<ResolutionBody>,
}

/// Find identities
///
/// By the ids of customers, by type and value, or by value alone.
#[utoipa::path(get, path = "/v1/customeridentities", tag = "Identities")]
pub(crate) async fn identity_list(call: Call) -> Result<Response, Refused> {
    call.require(Permission::CustomersRead)?;
    let found = found(&call).await?;
    let bodies: Vec<IdentityBody<'_>> = found.iter().map(IdentityBody::of).collect();
    Ok(json(StatusCode::OK, &bodies))
}

async fn found(call: &Call) -> Result<Vec<OwnedIdentity>, Refused> {
    let query = call.query();
    let (store, tenant) = (call.hub.store(), call.tenant());
    // The second spelling stands in the original's machine-readable description.
    for name in ["customerIds", "customerId"] {
        if let Some(list) = given(name, query.text(name))? {
            let ids = filter::ids(&list).map_err(|expected| not_ids(name, expected, &list))?;
            return Ok(store.identities_of(tenant, &ids).await?);
        }
    }
    let kind = given("identityType", query.text("identityType"))?;
    let value = given("identityValue", query.number_to_call("identityValue"))?;
    if let Some(value) = value {
        return Ok(store.identities_named(tenant, kind.as_deref(), &value).await?);
    }
    let name = if kind.is_some() { "identityValue" } else { "customerIds" };
    let message = "expected customerIds, or identityValue with or without identityType, \
                   found none of them";
    Err(Refused::fields(Form::Listed, vec![FieldError::new(name, message)]))
}

fn given<'a>(
    name: &'static str,
    value: Result<Option<Cow<'a, str>>, NotText>,
) -> Result<Option<Cow<'a, str>>, Refused> {
    value.map_err(|NotText| {
        let message = "expected text, found bytes that are no text";
        Refused::fields(Form::Listed, vec![FieldError::new(name, message)])
    })
}

/// E8, or that there are too many.
fn not_ids(name: &'static str, expected: &'static str, list: &str) -> Refused {
    let many = list.split(',').nth(IDS_MAX).is_some();
    let message: Cow<'static, str> = if many {
        format!("expected {expected}, found more or others").into()
    } else {
        "customer id should be a number".into()
    };
    Refused::fields(Form::Listed, vec![FieldError::new(name, message)])
}

/// Attach an identity to a customer
///
/// An identity that the customer has already is answered as it is. One that belongs to another
/// customer, or that the rules do not let the customer have, is refused, and nothing changes.
#[utoipa::path(post, path = "/v1/customeridentities", tag = "Identities")]
pub(crate) async fn identity_attach(call: Call, body: Body) -> Result<Response, Refused> {
    call.require(Permission::IdentitiesWrite)?;
    let body = call.read(body).await?;
    let object = sent_object(&body)?;
    let mut reader = Reader::new(Empty::NotGiven, 0);
    let customer =
        reader.customer_id("customerId", object.get("customerId").unwrap_or(&Json::Null));
    let identity = reader.identity("", &object);
    let extras = Extras::read(call.query(), call.headers(), &mut reader.problems);
    for (place, text) in [("identityType", &identity.kind), ("identityValue", &identity.value)] {
        let told = reader.problems.iter().any(|problem| problem.field_name == place);
        if !told && canonical::is_blank(text) {
            reader.unfit(place, "text", "none");
        }
    }
    if !reader.problems.is_empty() {
        return Err(Refused::fields(Form::Listed, reader.problems));
    }
    let command = Command::Attach(Attach { customer, identity: identity.clone() });
    let outcome = call.apply(command, extras.dry_run).await?;
    if matches!(
        outcome,
        Outcome::Refused(
            Refusal::CustomerMissing(_) | Refusal::CustomerDeleted(_) | Refusal::CustomerErased(_)
        )
    ) {
        let problem = FieldError::new("customerId", "no such customer");
        return Err(Refused::fields(Form::Listed, vec![problem]));
    }
    let resolution = resolved(outcome, Form::Listed, &call)?;
    let reads = call.caller.may(Permission::CustomersRead);
    Ok(attached(&resolution, &identity, extras, reads))
}

/// The identity as it stands, or for callers that may not read customers as they sent it (W38).
fn attached(resolution: &Resolution, sent: &IdentitySent, extras: Extras, reads: bool) -> Response {
    let stands = resolution.identities.first().filter(|_| reads);
    let sent_list = std::slice::from_ref(sent);
    let body = IdentityBody {
        customer_id: resolution.customer.id.to_string(),
        identity_type: stands.map_or(&*sent.kind, |identity| &*identity.kind),
        identity_value: stands.map_or(&*sent.value, |identity| &*identity.value),
        identity_name: stands.map_or(sent.name.as_deref(), |identity| identity.name.as_deref()),
        resolution: extras.resolution.then(|| {
            if reads {
                ResolutionBody::whole(resolution)
            } else {
                ResolutionBody::own(resolution, sent_list)
            }
        }),
    };
    json(StatusCode::OK, &body)
}

impl<'a> IdentityBody<'a> {
    fn of(found: &'a OwnedIdentity) -> IdentityBody<'a> {
        IdentityBody {
            customer_id: found.owner.to_string(),
            identity_type: &found.kind,
            identity_value: &found.identity.raw,
            identity_name: found.identity.name.as_deref(),
            resolution: None,
        }
    }
}
