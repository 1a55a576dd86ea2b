//! `GET /api/apps`.

use super::body::AppBody;
use crate::api::Call;
use crate::api::problem::Problem;
use crate::server::problem::json;
use axum::http::StatusCode;
use axum::response::Response;
use kehub_core::directory::{App, Permission};
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ListBody<'a> {
    items: Vec<AppBody<'a>>,
    next_cursor: Option<String>,
}

/// List apps
///
/// All of the tenant, revoked ones included, in the order in which they were created.
#[utoipa::path(get, path = "/api/apps", tag = "API apps")]
pub(crate) async fn api_app_list(call: Call) -> Result<Response, Problem> {
    call.require(Permission::AppsAdmin)?;
    let mut parameters = call.parameters();
    let limit = parameters.limit();
    let expected = "`nextCursor` of an earlier answer";
    let after = parameters.parsed("cursor", expected, |text| text.parse::<u32>().ok());
    parameters.end()?;
    let apps = apps(&call).await?;
    let after = after.unwrap_or(0);
    let mut rest = apps.iter().filter(|app| app.number.0 > after).peekable();
    let page: Vec<&App> = rest.by_ref().take(limit).collect();
    let last = page.last().filter(|_| rest.peek().is_some());
    let body = ListBody {
        next_cursor: last.map(|last| last.number.to_string()),
        items: page.into_iter().map(AppBody::of).collect(),
    };
    Ok(json(StatusCode::OK, &body))
}

/// The apps of the caller's tenant, by number.
pub(crate) async fn apps(call: &Call) -> Result<Vec<App>, Problem> {
    let directory = call.store().directory().await?;
    let ours = directory.programs().filter(|app| app.tenant == call.tenant());
    let mut apps: Vec<App> = ours.cloned().collect();
    apps.sort_by_key(|app| app.number);
    Ok(apps)
}
