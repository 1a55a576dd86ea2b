//! `POST /v1/customerandidentities` and `POST /v1/customers`.

use crate::server::Call;
use crate::server::idempotency;
use crate::server::problem::{Problem, json};
use crate::v1::problem::{FieldError, FieldErrors, Form, Refused};
use crate::v1::wire::answer::{Answer, View};
use crate::v1::wire::extras::Extras;
use crate::v1::wire::fields::{Empty, Reader, is_whole};
use crate::v1::wire::filter::Selection;
use crate::v1::wire::resolution::{ConflictBody, ResolutionBody};
use crate::wire::json::{Json, Object};
use crate::wire::verdict::why_not_usable;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use kehub_core::command::{Command, FieldsSent, IdentitySent, Upsert};
use kehub_core::directory::Permission;
use kehub_core::outcome::{IdentityOutcome, Outcome, Refusal, Resolution, ResultKind};
use tracing::error;

/// Upsert a customer with its identities
///
/// The identities decide which customer this is: one that owns them, several that are merged, one
/// with the same `mobile` or `email`, or a new one. Given values overwrite, empty ones do not clear.
#[utoipa::path(post, path = "/v1/customerandidentities", tag = "Customers")]
pub(crate) async fn customer_and_identities_upsert(
    call: Call,
    body: Body,
) -> Result<Response, Refused> {
    call.require(Permission::CustomersWrite)?;
    let body = call.read(body).await?;
    let object = sent_object(&body)?;
    let (customer, items) = parts(&object)?;
    let mut reader = Reader::new(Empty::NotGiven, call.hub.settings().custom_attributes_max);
    let fields = if let Json::Object(customer) = customer {
        reader.customer(customer)
    } else {
        reader.unfit("customer", "an object", customer.found());
        FieldsSent::default()
    };
    let identities: Vec<IdentitySent> = items
        .iter()
        .enumerate()
        .map(|(place, item)| reader.identity(&format!("customerIdentities[{place}]."), item))
        .collect();
    let nothing = fields.is_empty() && !identities.iter().any(is_whole);
    if nothing && reader.problems.is_empty() {
        reader.unfit("customerIdentities", "an identity or a field of the customer", "neither");
    }
    upsert(call, reader, fields, identities, Form::Coded).await
}

/// Upsert a customer
///
/// The customer with this `mobile`, else with this `email`, is changed; without one, a customer is
/// created. Given values overwrite, empty ones do not clear.
#[utoipa::path(post, path = "/v1/customers", tag = "Customers")]
pub(crate) async fn customer_upsert(call: Call, body: Body) -> Result<Response, Refused> {
    call.require(Permission::CustomersWrite)?;
    let body = call.read(body).await?;
    let object = sent_object(&body)?;
    let mut reader = Reader::new(Empty::NotGiven, call.hub.settings().custom_attributes_max);
    let fields = reader.customer(&object);
    if fields.is_empty() && reader.problems.is_empty() {
        return Err(Refused::Body("Request data need at least one field".into()));
    }
    upsert(call, reader, fields, Vec::new(), Form::Listed).await
}

async fn upsert(
    call: Call,
    mut reader: Reader,
    fields: FieldsSent,
    identities: Vec<IdentitySent>,
    form: Form,
) -> Result<Response, Refused> {
    let extras = Extras::read(call.query(), call.headers(), &mut reader.problems);
    if !reader.problems.is_empty() {
        return Err(Refused::fields(form, reader.problems));
    }
    let reads = call.caller.may(Permission::CustomersRead);
    // What is answered in the sender's own words must outlive the command.
    let own = (!reads).then(|| (fields.clone(), identities.clone()));
    let on_conflict = extras.on_conflict;
    let command = Command::Upsert(Upsert { identities, fields, on_conflict, ..Upsert::default() });
    let outcome = call.apply(command, extras.dry_run).await?;
    let resolution = resolved(outcome, form, &call);
    if !extras.dry_run {
        let result = resolution.as_ref().ok().map(|resolution| resolution.result);
        call.hub.count_upsert(&call.caller.app, result);
    }
    let resolution = resolution?;
    let created = resolution.result == ResultKind::Created && !extras.dry_run;
    let status = if created { StatusCode::CREATED } else { StatusCode::OK };
    let (fields, identities) = own.unwrap_or_default();
    Ok(json(status, &answered(&resolution, &fields, &identities, extras, reads)))
}

/// The object in a body.
pub(crate) fn sent_object(body: &[u8]) -> Result<Object<'_>, Refused> {
    let json = Json::parse(body).map_err(|error| Refused::not_json(&error))?;
    let found = json.found();
    let Json::Object(object) = json else {
        let message = format!("Request data must be an object, found {found}");
        return Err(Refused::Body(message.into()));
    };
    Ok(object)
}

/// The two parts of a body (E4).
fn parts<'b, 'a>(object: &'b Object<'a>) -> Result<(&'b Json<'a>, Vec<&'b Object<'a>>), Refused> {
    const NO_LIST: &str = "customerIdentities must be an array of values in customerIdentity";
    let given = |key: &str| object.get(key).filter(|json| **json != Json::Null);
    let customer = given("customer").ok_or(Refused::Body("No customer field found".into()))?;
    let identities = given("customerIdentities")
        .ok_or(Refused::Body("No customerIdentities field found".into()))?;
    let Json::Array(items) = identities else { return Err(Refused::Body(NO_LIST.into())) };
    let objects = items.iter().map(|item| match item {
        Json::Object(object) => Ok(object),
        Json::Null
        | Json::Flag(_)
        | Json::Integer(_)
        | Json::Large(_)
        | Json::Real(_)
        | Json::Text(_)
        | Json::Array(_) => Err(Refused::Body(NO_LIST.into())),
    });
    Ok((customer, objects.collect::<Result<_, _>>()?))
}

/// What a resolved request is answered with: the whole customer, or for callers that may not read
/// customers what they sent themselves (W38).
pub(crate) fn answered<'a>(
    resolution: &'a Resolution,
    fields: &'a FieldsSent,
    identities: &[IdentitySent],
    extras: Extras,
    reads: bool,
) -> Answer<'a> {
    let view = if reads {
        View::Whole(&resolution.customer)
    } else {
        View::OwnWords { id: resolution.customer.id, sent: fields }
    };
    let resolution = extras.resolution.then(|| {
        if reads {
            ResolutionBody::whole(resolution)
        } else {
            ResolutionBody::own(resolution, identities)
        }
    });
    Answer { view, selection: &Selection::All, resolution }
}

/// How the wire tells what the domain refused.
pub(crate) fn refusal(refusal: Refusal, form: Form, call: &Call) -> Refused {
    match refusal {
        Refusal::CustomerMissing(_) | Refusal::CustomerDeleted(_) | Refusal::CustomerErased(_) => {
            Problem::CustomerMissing.into()
        }
        Refusal::CustomerMerged { customer, survivor } => {
            Problem::CustomerMerged { customer, survivor }.into()
        }
        Refusal::NothingUsable { identities } => {
            let mut fields: Vec<FieldError> =
                identities.iter().enumerate().filter_map(unusable).collect();
            if fields.is_empty() {
                let message = "nothing in the request can find or make a customer";
                fields.push(FieldError::new("customer", message));
            }
            Refused::fields(form, fields)
        }
        Refusal::Conflicts { conflicts, .. } => {
            let message = "the request meets conflicts, and was asked to be rejected then";
            let fields = vec![FieldError::new("onConflict", message)];
            // They name other customers (W38).
            let reads = call.caller.may(Permission::CustomersRead);
            let conflicts = reads.then(|| conflicts.iter().map(ConflictBody::of).collect());
            Refused::Fields(form, FieldErrors { fields, conflicts })
        }
        Refusal::CustomAttributesTooMany { found, limit } => {
            let message = format!("expected at most {limit} on a customer, found {found}");
            Refused::fields(form, vec![FieldError::new("attr", message)])
        }
        Refusal::NotAttached(outcome) => {
            let message = why_not_usable(&outcome).unwrap_or("it cannot be attached");
            Refused::fields(form, vec![FieldError::new("identityValue", message)])
        }
        Refusal::KeyReused => {
            let message = "the key came with another request before";
            Refused::fields(form, vec![FieldError::new(idempotency::HEADER, message)])
        }
        Refusal::TenantMissing
        | Refusal::TenantExists(_)
        | Refusal::AppMissing
        | Refusal::AppTaken
        | Refusal::AppChanged
        | Refusal::IdentityMissing(_)
        | Refusal::NotQuarantined(_)
        | Refusal::TypesNotSet(_)
        | Refusal::PolicyChanged(_)
        | Refusal::Webhook(_)
        | Refusal::Wechat(_)
        | Refusal::Import(_)
        | Refusal::People(_)
        | Refusal::CustomerLive(_)
        | Refusal::IdentitiesTaken(_)
        | Refusal::SameCustomer(_)
        | Refusal::CannotLinked(_)
        | Refusal::IdentitiesTooMany { .. }
        | Refusal::IdentityNotHeld(_)
        | Refusal::NothingToExtract
        | Refusal::MergeMissing(_)
        | Refusal::MergeUndone(_)
        | Refusal::ClaimDecided { .. }
        | Refusal::CustomerElsewhere(_)
        | Refusal::ConflictMissing(_)
        | Refusal::ConflictSettled(_)
        | Refusal::DecisionUnfit { .. }
        | Refusal::CannotLinkMissing(_) => unexpected(),
    }
}

fn unusable((place, outcome): (usize, &IdentityOutcome)) -> Option<FieldError> {
    let message = why_not_usable(outcome)?;
    Some(FieldError::new(format!("customerIdentities[{place}].identityValue"), message))
}

/// What an upsert, put or attachment came to.
pub(crate) fn resolved(
    outcome: Outcome,
    form: Form,
    call: &Call,
) -> Result<Box<Resolution>, Refused> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "no other outcome is one of such a command")]
    match outcome {
        Outcome::Resolved(resolution) => Ok(resolution),
        Outcome::Refused(refused) => Err(refusal(refused, form, call)),
        _ => Err(unexpected()),
    }
}

/// The store gave an outcome that does not belong to the command: a fault of ours.
pub(crate) fn unexpected() -> Refused {
    error!("the store gave an outcome of another kind");
    Problem::Internal.into()
}
