//! A user as `/api` answers it. Nothing of its password but when it was set.

use crate::api::version;
use crate::wire::time;
use kehub_core::directory::App;
use kehub_core::people::user::User;
use serde::Serialize;

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserBody<'a> {
    id: u32,
    login: &'a str,
    name: &'a str,
    role: &'static str,
    permissions: Vec<&'static str>,
    version: String,
    created_at: Option<String>,
    password_at: Option<String>,
    disabled_at: Option<String>,
}

impl<'a> UserBody<'a> {
    pub(crate) fn of(user: &'a User, app: &'a App) -> UserBody<'a> {
        UserBody {
            id: user.app.0,
            login: &user.login,
            name: &app.name,
            role: user.role.name(),
            permissions: user.role.permissions().iter().map(|it| it.name()).collect(),
            version: version::of_user(user, app),
            created_at: time::precise(app.created_at),
            password_at: time::precise(user.password_at),
            disabled_at: app.revoked_at.and_then(time::precise),
        }
    }
}
