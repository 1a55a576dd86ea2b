//! `POST /api/customers`.

use super::resolution::ResolvedBody;
use crate::api::Call;
use crate::api::call::json_of;
use crate::api::problem::{Code, Problem};
use crate::api::reader::{Empty, Reader};
use crate::server::problem::json;
use crate::wire::json::{Json, Object};
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use kehub_core::Micros;
use kehub_core::canonical::is_blank;
use kehub_core::command::{Command, Upsert};
use kehub_core::directory::Permission;
use kehub_core::outcome::{Resolution, ResultKind};

/// How far a sender's clock may be ahead of the hub's.
const CLOCK_SKEW_MICROS: Micros = 60_000_000;

/// Upsert a customer
///
/// The identities decide which customer this is: one that owns them, several that are merged, one
/// with the same `mobile` or `email`, or a new one. Given values overwrite; `null` and empty text
/// say nothing; `unset` clears. The answer tells what came of every identity.
#[utoipa::path(post, path = "/api/customers", tag = "API customers")]
pub(crate) async fn api_customer_upsert(call: Call, body: Body) -> Result<Response, Problem> {
    call.require(Permission::CustomersWrite)?;
    let dry_run = call.dry_run()?;
    let body = call.read(body).await?;
    let upsert = read(&call, &json_of(&body)?)?;
    // What is answered in the sender's own words must outlive the command.
    let own = (!call.tells_in_full()).then(|| upsert.clone());
    let resolution = call.resolve(Command::Upsert(upsert), dry_run).await;
    if !dry_run {
        let result = resolution.as_ref().ok().map(|resolution| resolution.result);
        call.hub().count_upsert(call.app(), result);
    }
    let resolution = resolution?;
    let created = resolution.result == ResultKind::Created && !dry_run;
    let status = if created { StatusCode::CREATED } else { StatusCode::OK };
    Ok(json(status, &answer(&resolution, own.as_ref())))
}

/// One upsert as it was sent.
pub(crate) fn read(call: &Call, json: &Json<'_>) -> Result<Upsert, Problem> {
    let mut reader = Reader::default();
    let nothing = Object::default();
    let object = reader.object("", json).unwrap_or(&nothing);
    reader.known("", object, &["customer", "identities", "onConflict", "observedAt"]);
    let mut upsert = Upsert::default();
    let given = |key: &str| object.get(key).filter(|json| **json != Json::Null);
    if let Some(customer) = given("customer").and_then(|json| reader.object("/customer", json)) {
        let custom_max = call.hub().settings().custom_attributes_max;
        upsert.fields = reader.fields("/customer", customer, Empty::NotGiven, custom_max);
    }
    if let Some(identities) = given("identities") {
        upsert.identities = reader.identities("/identities", identities);
    }
    upsert.on_conflict = reader.on_conflict(object);
    upsert.observed_at = given("observedAt").and_then(|json| reader.moment("/observedAt", json));
    if upsert.observed_at.is_some_and(|at| at > call.now().saturating_add(CLOCK_SKEW_MICROS)) {
        reader.unfit("/observedAt", "a moment that has passed", "one in the future");
    }
    reader.end()?;
    if says_nothing(&upsert) {
        let detail = "expected an identity, or a value of a field";
        return Err(Problem::new(Code::NothingUsable, detail));
    }
    Ok(upsert)
}

/// Whether it names nobody: clearing fields makes no customer.
fn says_nothing(upsert: &Upsert) -> bool {
    let fields = &upsert.fields;
    fields.values.values().all(Option::is_none)
        && fields.mobile_verified.is_none()
        && fields.email_verified.is_none()
        && upsert.identities.iter().all(|it| is_blank(&it.kind) || is_blank(&it.value))
}

/// The whole answer, or the words of a caller that may not read customers.
pub(crate) fn answer<'a>(resolution: &'a Resolution, own: Option<&'a Upsert>) -> ResolvedBody<'a> {
    match own {
        None => ResolvedBody::whole(resolution),
        Some(own) => ResolvedBody::own(resolution, &own.fields, &own.identities),
    }
}
