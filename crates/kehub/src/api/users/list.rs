//! `GET /api/users`.

use super::body::UserBody;
use crate::api::Call;
use crate::api::problem::Problem;
use crate::api::shapes::Page;
use crate::server::problem::json;
use axum::http::StatusCode;
use axum::response::Response;
use kehub_core::AppNumber;
use kehub_core::directory::{App, Permission};
use kehub_core::people::user::User;

/// List users
///
/// All of the tenant, disabled ones included, in the order in which they were created.
#[utoipa::path(get, path = "/api/users", tag = "API users")]
pub(crate) async fn api_user_list(call: Call) -> Result<Response, Problem> {
    call.require(Permission::UsersAdmin)?;
    let mut parameters = call.parameters();
    let limit = parameters.limit();
    let expected = "`nextCursor` of an earlier answer";
    let after = parameters.parsed("cursor", expected, |text| text.parse().ok().map(AppNumber));
    parameters.end()?;
    let mut users = users(&call).await?;
    users.retain(|(user, _)| after.is_none_or(|after| user.app > after));
    users.truncate(limit.saturating_add(1));
    let page = Page::of(
        users.iter().collect(),
        limit,
        |both| both.0.app.to_string(),
        |both| {
            let (user, app) = *both;
            UserBody::of(user, app)
        },
    );
    Ok(json(StatusCode::OK, &page))
}

/// The users of the caller's tenant with their apps, by number.
pub(crate) async fn users(call: &Call) -> Result<Vec<(User, App)>, Problem> {
    let directory = call.store().directory().await?;
    let both = directory.users.iter().filter_map(|user| Some((user, directory.app(user.app)?)));
    let ours = both.filter(|(_, app)| app.tenant == call.tenant());
    Ok(ours.map(|(user, app)| (user.clone(), app.clone())).collect())
}
