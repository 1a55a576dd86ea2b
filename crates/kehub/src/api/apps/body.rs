//! An app as `/api` answers it.

use crate::api::version;
use crate::wire::time;
use kehub_core::directory::App;
use serde::Serialize;

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AppBody<'a> {
    id: u32,
    app_id: &'a str,
    name: &'a str,
    permissions: Vec<&'static str>,
    version: String,
    created_at: Option<String>,
    revoked_at: Option<String>,
    /// In the only answer in which it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'a str>,
}

impl<'a> AppBody<'a> {
    pub(crate) fn of(app: &'a App) -> AppBody<'a> {
        AppBody {
            id: app.number.0,
            app_id: &app.id,
            name: &app.name,
            permissions: app.permissions.iter().map(|permission| permission.name()).collect(),
            version: version::of_app(app),
            created_at: time::precise(app.created_at),
            revoked_at: app.revoked_at.and_then(time::precise),
            secret: None,
        }
    }

    /// With a secret that was just made.
    pub(crate) fn with(self, secret: Option<&'a str>) -> AppBody<'a> {
        AppBody { secret, ..self }
    }
}
