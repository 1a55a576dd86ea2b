//! `POST /api/users`, `PATCH /api/users/{id}`, and the end of all sessions of a user.
//!
//! Nobody gets more by way of a user: who calls gives only roles whose permissions it has itself, and
//! changes only users who may do no more than it may.

use super::body::UserBody;
use super::list::users;
use crate::api::Call;
use crate::api::call::json_of;
use crate::api::problem::{Code, Problem};
use crate::api::reader::{Reader, below};
use crate::api::version;
use crate::people::password::{self, NotDone};
use crate::server::problem::{Problem as Around, json};
use crate::wire::json::{Json, Object};
use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::Response;
use kehub_core::command::Command;
use kehub_core::directory::{App, Permission};
use kehub_core::outcome::Outcome;
use kehub_core::people::user::{
    LOGIN_CHARS_MAX, NAME_CHARS_MAX, NewUser, Role, User, UserChange, UserSet, fold_login,
};
use kehub_core::people::{PeopleChange, PeopleOutcome};
use tracing::warn;

/// Create a user
///
/// The role says what the user may do; none is given that may do what the caller lacks. Login names
/// are compared in lower case, and belong to the whole hub.
#[utoipa::path(post, path = "/api/users", tag = "API users")]
pub(crate) async fn api_user_create(call: Call, body: Body) -> Result<Response, Problem> {
    call.require(Permission::UsersAdmin)?;
    let dry_run = call.dry_run()?;
    let body = call.read_aside(body).await?;
    let sent = json_of(&body)?;
    let mut reader = Reader::default();
    let nothing = Object::default();
    let object = reader.object("", &sent).unwrap_or(&nothing);
    reader.known("", object, &["login", "name", "role", "password"]);
    let login = reader.required_text(object, "login", LOGIN_CHARS_MAX);
    let login = folded(&mut reader, object, &login);
    let name = reader.required_text(object, "name", NAME_CHARS_MAX);
    let role = role(&mut reader, object);
    let password = password(&mut reader, object, &login);
    for (key, expected) in [("role", ROLE), ("password", password::EXPECTED)] {
        if object.get(key).is_none() {
            reader.missing(&below("", key), expected);
        }
    }
    reader.end()?;
    let role = role.unwrap_or(Role::Viewer);
    stands_for(&call, &[&login, &name, role.name()]);
    let named = (login.into(), name.into());
    let (user, app) = create(&call, named, role, password.unwrap_or_default(), dry_run).await?;
    let status = if dry_run { StatusCode::OK } else { StatusCode::CREATED };
    Ok(json(status, &UserBody::of(&user, &app)))
}

/// Change a user
///
/// What is not sent stays. A disabled user is signed out at once, and so is one who gets another
/// password. The tenant keeps an admin who may sign in. With `version`, a user that has another one stays
/// as it is; so does one that changes at the same moment, if the caller lacks a permission.
#[utoipa::path(patch, path = "/api/users/{id}", tag = "API users")]
pub(crate) async fn api_user_patch(call: Call, body: Body) -> Result<Response, Problem> {
    call.require(Permission::UsersAdmin)?;
    let (dry_run, version) = version::conditions(&call)?;
    let (user, app) = known(&call).await?;
    let body = call.read_aside(body).await?;
    let sent = json_of(&body)?;
    let mut reader = Reader::default();
    let nothing = Object::default();
    let object = reader.object("", &sent).unwrap_or(&nothing);
    reader.known("", object, &["name", "role", "password", "disabled"]);
    let has = |name: &str| object.get(name).is_some();
    let name = has("name").then(|| reader.required_text(object, "name", NAME_CHARS_MAX));
    let role = role(&mut reader, object);
    let password = password(&mut reader, object, &user.login);
    let is_disabled = flag(&mut reader, object, "disabled");
    reader.end()?;
    let role_name = role.map_or("", Role::name);
    let disabled = is_disabled.map_or(String::new(), |it| it.to_string());
    stands_for(&call, &[name.as_deref().unwrap_or_default(), role_name, &disabled]);
    let wanted = UserSet { name: name.map(Into::into), role, is_disabled, ..UserSet::default() };
    let seen = version.as_deref();
    let (user, app) = change(&call, (&user, &app), wanted, seen, password, dry_run).await?;
    Ok(json(StatusCode::OK, &UserBody::of(&user, &app)))
}

/// Sign a user out everywhere
///
/// All sessions of the user end at once. One that gets another role at the same moment is refused, if the
/// caller lacks a permission.
#[utoipa::path(post, path = "/api/users/{id}/sign-out", tag = "API users")]
pub(crate) async fn api_user_sign_out(call: Call) -> Result<Response, Problem> {
    call.require(Permission::UsersAdmin)?;
    let dry_run = call.dry_run()?;
    let (user, _) = known(&call).await?;
    let (user, app) = sign_out(&call, &user, dry_run).await?;
    Ok(json(StatusCode::OK, &UserBody::of(&user, &app)))
}

/// Creates a user of this login name, folded, and name for people.
pub(crate) async fn create(
    call: &Call,
    (login, name): (Box<str>, Box<str>),
    role: Role,
    password: String,
    dry_run: bool,
) -> Result<(User, App), Problem> {
    gives(call, role)?;
    let password = hashed(call, password).await?;
    let new = NewUser { login, name, role, password, is_first: false };
    apply(call, UserChange::Create(new), dry_run).await
}

/// Changes a user; with a version, unless it has another one, and without every permission, unless it is
/// another one by now. The password is one that fits, and is hashed here.
pub(crate) async fn change(
    call: &Call,
    (user, app): (&User, &App),
    set: UserSet,
    seen: Option<&str>,
    password: Option<String>,
    dry_run: bool,
) -> Result<(User, App), Problem> {
    gives(call, user.role)?;
    gives(call, set.role.unwrap_or(user.role))?;
    let password = match password {
        Some(password) => Some(hashed(call, password).await?),
        None => None,
    };
    let (version, stands) = (version::of_user(user, app), version::shown(user, app));
    let instead_of = version::instead_of(seen, &version, stands, version::may_all(call));
    let set = UserSet { password, keep: None, instead_of, ..set };
    apply(call, UserChange::Set { app: user.app, set }, dry_run).await
}

/// Ends all sessions of a user.
pub(crate) async fn sign_out(
    call: &Call,
    user: &User,
    dry_run: bool,
) -> Result<(User, App), Problem> {
    gives(call, user.role)?;
    let instead_of = version::instead_of_checked(user.role, version::may_all(call));
    apply(call, UserChange::SignOut { app: user.app, instead_of }, dry_run).await
}

/// The user that the path names.
async fn known(call: &Call) -> Result<(User, App), Problem> {
    let number = call.number(1, Code::UserNotFound)?;
    let found = users(call).await?.into_iter().find(|(user, _)| i64::from(user.app.0) == number);
    let missing = || Problem::new(Code::UserNotFound, "no user of this id is known");
    found.ok_or_else(missing)
}

/// Refuses to act on a role that may do what the caller may not.
fn gives(call: &Call, role: Role) -> Result<(), Problem> {
    let own = &call.app().permissions;
    let lacking = role.permissions().iter().filter(|permission| !own.contains(permission));
    let lacking: Vec<&str> = lacking.map(|permission| permission.name()).collect();
    if lacking.is_empty() {
        return Ok(());
    }
    let (role, lacking) = (role.name(), lacking.join(", "));
    let detail = format!("a user of the role `{role}` may do what the caller lacks: {lacking}");
    Err(Problem::new(Code::PermissionNotHeld, detail))
}

/// What a role is, for people.
const ROLE: &str = "one of admin, editor, reviewer, viewer";

fn role(reader: &mut Reader, object: &Object<'_>) -> Option<Role> {
    reader.choice("/role", object.get("role")?, ROLE, Role::named)
}

/// What tells two login names apart, as it is kept.
fn folded(reader: &mut Reader, object: &Object<'_>, login: &str) -> String {
    let folded = fold_login(login);
    if folded.is_none() && object.get("login").is_some() && !login.is_empty() {
        reader.unfit("/login", "an e-mail address or a word, without blanks", "text with blanks");
    }
    folded.map(Into::into).unwrap_or_default()
}

fn password(reader: &mut Reader, object: &Object<'_>, login: &str) -> Option<String> {
    let json = object.get("password")?;
    if let Json::Text(password) = json
        && password::is_fit(password, login)
    {
        return Some(password.clone().into_owned());
    }
    let found = if matches!(json, Json::Text(_)) { "other text" } else { json.found() };
    reader.unfit("/password", password::EXPECTED, found);
    None
}

fn flag(reader: &mut Reader, object: &Object<'_>, key: &str) -> Option<bool> {
    let json = object.get(key)?;
    if let Json::Flag(flag) = json {
        return Some(*flag);
    }
    reader.unfit(&below("", key), "true or false", json.found());
    None
}

/// Tells a call from another one without its password: what is remembered of a call is hashed fast.
pub(crate) fn stands_for(call: &Call, words: &[&str]) {
    call.stand_for_body(Bytes::from(words.join("\n")));
}

async fn hashed(call: &Call, password: String) -> Result<Box<str>, Problem> {
    let hash = call.hub().people().passwords().hash(password).await;
    hash.map_err(|not_done| match not_done {
        NotDone::Busy => Around::NotApplied.into(),
        NotDone::Failed => Around::Internal.into(),
    })
}

async fn apply(call: &Call, change: UserChange, dry_run: bool) -> Result<(User, App), Problem> {
    let command = Command::People(PeopleChange::User(change));
    let Outcome::People(outcome) = call.apply(command, dry_run).await? else {
        return Err(Problem::unexpected());
    };
    let PeopleOutcome::User { user, app, .. } = *outcome else { return Err(Problem::unexpected()) };
    // Other hubs know within seconds; this one, at once. If not, it learns with them.
    if !dry_run && let Err(error) = call.hub().refresh().await {
        warn!(%error, "users could not be read again");
    }
    Ok((user, app))
}
