//! The console at `/console`: pages for people, rendered here and improved by one small script
//! ([30](../../../docs/decisions/0030-pages-are-rendered-here.md)). Pages read what `/api` reads, by
//! its calls and with its permissions; without a [`visitor::Visitor`] there is no page. All of them are
//! behind the [guard](entry::guard).

mod acts;
mod assets;
mod customer;
mod customers;
mod done;
mod entry;
mod imports;
mod look;
mod meanwhile;
mod overview;
mod page;
mod pair;
mod people;
mod preferences;
mod reasons;
mod review;
mod settings;
mod show;
mod visitor;
mod vocabulary;
mod wechat;
mod why;
mod words;

pub(crate) use entry::frame::finish;
pub(crate) use overview::recent::KeptDays;
pub(crate) use overview::series::Series;

use crate::api::problem::{Code, Problem};
use crate::server::Hub;
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{get, post};
use visitor::Visitor;

/// Every path template of the console, as logs and metrics name it.
pub(crate) const ROUTES: &[&str] = &[
    "/console",
    "/console/account",
    "/console/account/password",
    "/console/account/sessions/end",
    "/console/account/sign-out-everywhere",
    "/console/assets/{name}",
    "/console/audit",
    "/console/customers",
    "/console/customers/export",
    "/console/customers/filters",
    "/console/customers/filters/forget",
    "/console/customers/{id}",
    "/console/customers/{id}/edit",
    "/console/customers/{id}/erase",
    "/console/customers/{id}/extract",
    "/console/customers/{id}/merge",
    "/console/customers/{id}/merges/{merge}/undo",
    "/console/customers/{id}/reveal",
    "/console/first",
    "/console/imports",
    "/console/imports/file",
    "/console/imports/{id}",
    "/console/look",
    "/console/review",
    "/console/settings",
    "/console/settings/apps",
    "/console/settings/apps/{id}",
    "/console/settings/types",
    "/console/settings/types/{name}",
    "/console/settings/webhooks",
    "/console/settings/webhooks/{id}",
    "/console/sign-in",
    "/console/sign-out",
    "/console/users",
    "/console/users/{id}",
    "/console/wechat",
    "/console/wechat/{id}",
    "/console/why",
    "/console/{*path}",
];

/// Whether a canonical path belongs to the console.
pub(crate) fn is_under(path: &str) -> bool {
    path == "/console" || path.starts_with("/console/")
}

/// The pages, and what all of them are behind.
pub(crate) fn router(hub: &Hub) -> Router<Hub> {
    let router = Router::new()
        .route("/console", get(overview::page))
        .route("/console/assets/{name}", get(assets::asset))
        .route("/console/customers/{id}", get(customer::page))
        .route("/console/customers/{id}/reveal", get(customer::revealed).post(customer::reveal))
        .route("/console/look", post(preferences::set))
        .route("/console/why", get(why::page))
        .route("/console/{*path}", get(unknown));
    let guard = from_fn_with_state(hub.clone(), entry::guard::guard);
    router
        .merge(customers::router())
        .merge(acts::router())
        .merge(review::router())
        .merge(people::router())
        .merge(settings::router())
        .merge(wechat::router())
        .merge(imports::router())
        .merge(entry::router())
        .layer(guard)
}

async fn unknown(visitor: Visitor) -> Response {
    visitor.answer(Err(Problem::new(Code::PathUnknown, "no such page")))
}
