//! `POST /api/apps`, `PATCH /api/apps/{id}`, and the end of secrets and apps.
//!
//! Nobody gets more by way of another app: an app gives only permissions that it has itself, and
//! draws a secret only for an app that may do no more than it may.

use super::body::AppBody;
use super::list::apps;
use crate::api::Call;
use crate::api::call::json_of;
use crate::api::problem::{Code, Problem};
use crate::api::reader::Reader;
use crate::api::version;
use crate::credentials::{Credentials, draw_secret, secret_hash};
use crate::server::problem::{Problem as Around, json};
use crate::wire::json::{Json, Object};
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use kehub_core::command::Command;
use kehub_core::directory::{App, AppChange, Permission};
use kehub_core::outcome::Outcome;
use tracing::{error, warn};

/// Characters in the name of an app.
pub(crate) const NAME_CHARS_MAX: usize = 64;

/// Create an app
///
/// The answer holds the secret, which is kept nowhere: note it. The app may do what it is given, and
/// is given nothing that the calling app lacks.
#[utoipa::path(post, path = "/api/apps", tag = "API apps")]
pub(crate) async fn api_app_create(call: Call, body: Body) -> Result<Response, Problem> {
    let dry_run = begin(&call)?;
    let body = call.read(body).await?;
    let sent = json_of(&body)?;
    let mut reader = Reader::default();
    let nothing = Object::default();
    let object = reader.object("", &sent).unwrap_or(&nothing);
    reader.known("", object, &["name", "permissions"]);
    let name = reader.required_text(object, "name", NAME_CHARS_MAX);
    let permissions = permissions(&mut reader, object);
    reader.end()?;
    let (app, secret) = create(&call, &name, permissions, dry_run).await?;
    let status = if dry_run { StatusCode::OK } else { StatusCode::CREATED };
    Ok(json(status, &AppBody::of(&app).with(secret.as_deref())))
}

/// Creates an app of this name, which has 1 to 64 characters; with its secret, which is told only now.
pub(crate) async fn create(
    call: &Call,
    name: &str,
    permissions: Vec<Permission>,
    dry_run: bool,
) -> Result<(App, Option<Box<str>>), Problem> {
    gives(call, &permissions)?;
    let Credentials { app: id, secret } = Credentials::draw().map_err(no_chance)?;
    let secret_hash = secret_hash(&secret);
    let change = AppChange::Create { id, name: name.into(), secret_hash, permissions };
    let app = apply(call, change, dry_run).await?;
    let secret = told(secret, &app, dry_run);
    Ok((app, secret))
}

/// Set what an app may do
///
/// A token that lives sees it within seconds. Nothing is given that the calling app lacks; what the
/// other app has already may stay. With `version`, an app that has another one stays as it is; so does
/// one that changes at the same moment, if the calling app lacks a permission.
#[utoipa::path(patch, path = "/api/apps/{id}", tag = "API apps")]
pub(crate) async fn api_app_patch(call: Call, body: Body) -> Result<Response, Problem> {
    call.require(Permission::AppsAdmin)?;
    let (dry_run, version) = version::conditions(&call)?;
    let app = live(&call, named(&call)?).await?;
    let body = call.read(body).await?;
    let sent = json_of(&body)?;
    let mut reader = Reader::default();
    let nothing = Object::default();
    let object = reader.object("", &sent).unwrap_or(&nothing);
    reader.known("", object, &["permissions"]);
    let permissions = permissions(&mut reader, object);
    reader.end()?;
    let app = permit(&call, app, permissions, version.as_deref(), dry_run).await?;
    Ok(json(StatusCode::OK, &AppBody::of(&app)))
}

/// Sets what an app that is not revoked may do; with a version, unless it has another one, and without
/// every permission, unless it may do something else by now.
pub(crate) async fn permit(
    call: &Call,
    app: App,
    permissions: Vec<Permission>,
    seen: Option<&str>,
    dry_run: bool,
) -> Result<App, Problem> {
    let new = permissions.iter().copied().filter(|it| !app.permissions.contains(it));
    gives(call, &new.collect::<Vec<Permission>>())?;
    let version = version::of_app(&app);
    let instead_of = version::instead_of(seen, &version, app.permissions, version::may_all(call));
    apply(call, AppChange::Permit { id: app.id, permissions, instead_of }, dry_run).await
}

/// Give an app a new secret
///
/// The old secret and its tokens end within seconds. The answer holds the new one, which is kept
/// nowhere: note it. An app that may do more than the calling one is refused; so is one that changes at the
/// same moment, if the calling app lacks a permission.
#[utoipa::path(post, path = "/api/apps/{id}/rotate", tag = "API apps")]
pub(crate) async fn api_app_rotate(call: Call) -> Result<Response, Problem> {
    let dry_run = begin(&call)?;
    let app = live(&call, named(&call)?).await?;
    let (app, secret) = rotate(&call, app, dry_run).await?;
    Ok(json(StatusCode::OK, &AppBody::of(&app).with(secret.as_deref())))
}

/// Gives an app that is not revoked a new secret, which is told only now.
pub(crate) async fn rotate(
    call: &Call,
    app: App,
    dry_run: bool,
) -> Result<(App, Option<Box<str>>), Problem> {
    gives(call, &app.permissions)?;
    let secret = draw_secret().map_err(no_chance)?;
    let instead_of = version::instead_of_checked(app.permissions, version::may_all(call));
    let (id, secret_hash) = (app.id, secret_hash(&secret));
    let change = AppChange::Rotate { id, secret_hash, instead_of };
    let app = apply(call, change, dry_run).await?;
    let secret = told(secret, &app, dry_run);
    Ok((app, secret))
}

/// End an app
///
/// Its tokens end within seconds, and it gets no more. That cannot be taken back; a repeat changes
/// nothing.
#[utoipa::path(post, path = "/api/apps/{id}/revoke", tag = "API apps")]
pub(crate) async fn api_app_revoke(call: Call) -> Result<Response, Problem> {
    let dry_run = begin(&call)?;
    let app = known(&call, named(&call)?).await?;
    let app = revoke(&call, app, dry_run).await?;
    Ok(json(StatusCode::OK, &AppBody::of(&app)))
}

/// Ends an app.
pub(crate) async fn revoke(call: &Call, app: App, dry_run: bool) -> Result<App, Problem> {
    apply(call, AppChange::Revoke { id: app.id }, dry_run).await
}

/// What all of them begin with; gives whether it is a dry run.
fn begin(call: &Call) -> Result<bool, Problem> {
    call.require(Permission::AppsAdmin)?;
    call.dry_run()
}

/// The number of the app that the path names.
fn named(call: &Call) -> Result<i64, Problem> {
    call.number(1, Code::AppNotFound)
}

/// The app of this number.
pub(crate) async fn known(call: &Call, number: i64) -> Result<App, Problem> {
    let mut apps = apps(call).await?.into_iter();
    let found = apps.find(|app| i64::from(app.number.0) == number);
    found.ok_or_else(|| Problem::new(Code::AppNotFound, "no app of this id is known"))
}

/// The app of this number, if it is not revoked.
pub(crate) async fn live(call: &Call, number: i64) -> Result<App, Problem> {
    let app = known(call, number).await?;
    match app.revoked_at {
        None => Ok(app),
        Some(_) => Err(Problem::new(Code::AppRevoked, "create another app instead")),
    }
}

/// Refuses to give what the calling app does not have.
fn gives(call: &Call, permissions: &[Permission]) -> Result<(), Problem> {
    let own = &call.app().permissions;
    let lacking = permissions.iter().filter(|permission| !own.contains(permission));
    let lacking: Vec<&str> = lacking.map(|permission| permission.name()).collect();
    if lacking.is_empty() {
        return Ok(());
    }
    let detail = format!("the calling app lacks {}", lacking.join(", "));
    Err(Problem::new(Code::PermissionNotHeld, detail))
}

/// The list `permissions`, which must be there.
fn permissions(reader: &mut Reader, object: &Object<'_>) -> Vec<Permission> {
    let Some(json) = object.get("permissions") else {
        reader.missing("/permissions", "an array of permissions");
        return Vec::new();
    };
    let Some(names) = reader.array("/permissions", json) else { return Vec::new() };
    let mut permissions = Vec::new();
    for (at, json) in names.iter().enumerate() {
        let known = if let Json::Text(name) = json { Permission::named(name) } else { None };
        if let Some(permission) = known {
            permissions.push(permission);
        } else {
            let all: Vec<&str> = Permission::ALL.iter().map(|it| it.name()).collect();
            let expected = format!("one of {}", all.join(", "));
            reader.unfit(&format!("/permissions/{at}"), expected, "something else");
        }
    }
    permissions
}

async fn apply(call: &Call, change: AppChange, dry_run: bool) -> Result<App, Problem> {
    let outcome = call.apply(Command::ChangeApp(change), dry_run).await?;
    let Outcome::App { app, .. } = outcome else { return Err(Problem::unexpected()) };
    // Other hubs know within seconds; this one, at once. If not, it learns with them.
    if !dry_run && let Err(error) = call.hub().refresh().await {
        warn!(%error, "apps could not be read again");
    }
    Ok(app)
}

/// The secret that was drawn, if the app has it now. A request that came before under its
/// idempotency key has drawn another one, which is kept nowhere and not told twice.
fn told(secret: Box<str>, app: &App, dry_run: bool) -> Option<Box<str>> {
    (!dry_run && app.secret_hash == secret_hash(&secret)).then_some(secret)
}

fn no_chance(error: getrandom::Error) -> Problem {
    error!(%error, "no secret could be drawn");
    Around::Internal.into()
}
