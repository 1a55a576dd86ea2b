//! `GET` and `PATCH /api/policy`.

use super::body::{DryChange, PolicyBody, affected, conditions, policy_of, set_policy};
use crate::api::Call;
use crate::api::call::json_of;
use crate::api::problem::Problem;
use crate::api::reader::Reader;
use crate::server::problem::json;
use crate::wire::json::Object;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use kehub_core::command::SetPolicy;
use kehub_core::directory::Permission;
use kehub_core::policy::{OnConflict, Preset};

/// Get the policy
///
/// The preset, what happens when a request brings customers together, and the version, which rises
/// with every change of either or of an identity type.
#[utoipa::path(get, path = "/api/policy", tag = "API policy")]
pub(crate) async fn api_policy_get(call: Call) -> Result<Response, Problem> {
    call.require_only(Permission::CustomersRead)?;
    call.parameters().end()?;
    let policy = policy_of(&call).await?;
    Ok(json(StatusCode::OK, &PolicyBody::of(&policy)))
}

/// Change the policy
///
/// What is absent stays. A change rules the next requests and rewrites nothing. With `dryRun=1` the
/// answer tells the policy before and after, and which customers the next requests would meet with
/// other rules. With `version`, a policy that has another one stays as it is.
#[utoipa::path(patch, path = "/api/policy", tag = "API policy")]
pub(crate) async fn api_policy_patch(call: Call, body: Body) -> Result<Response, Problem> {
    call.require(Permission::PoliciesWrite)?;
    let (dry_run, if_version) = conditions(&call)?;
    let body = call.read(body).await?;
    let sent = json_of(&body)?;
    let mut reader = Reader::default();
    let nothing = Object::default();
    let object = reader.object("", &sent).unwrap_or(&nothing);
    reader.known("", object, &["preset", "onConflict"]);
    let preset = object.get("preset");
    let preset =
        preset.and_then(|it| reader.choice("/preset", it, "compat or guarded", Preset::named));
    let on_conflict = object.get("onConflict");
    let on_conflict = on_conflict.and_then(|it| {
        reader.choice("/onConflict", it, "merge, keep or reject", OnConflict::named)
    });
    reader.end()?;
    let wanted = SetPolicy { preset, on_conflict, if_version, ..SetPolicy::default() };
    let done = set_policy(&call, wanted, dry_run).await?;
    let (before, after) = (PolicyBody::of(&done.before), PolicyBody::of(&done.after));
    if !dry_run {
        return Ok(json(StatusCode::OK, &after));
    }
    let affected = affected(&call, &done).await?;
    Ok(json(StatusCode::OK, &DryChange { before, after, affected }))
}
