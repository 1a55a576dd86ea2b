//! Which path is answered by whom.

use super::hub::Hub;
use super::problem::Problem;
use super::{docs, layers, openapi, paths, status};
use crate::console;
use crate::v1::{customers, identities, token, users, wechat};
use crate::wechat::callback;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::{Router, routing};
use tower::ServiceExt as _;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Every path template, as logs and metrics name it.
pub(crate) const ROUTES: &[&str] = &[
    "/api/tokens",
    "/api/changes",
    "/api/cannot-links",
    "/api/cannot-links/{one}/{other}",
    "/api/conflicts",
    "/api/conflicts/{id}",
    "/api/conflicts/{id}/resolve",
    "/api/customers",
    "/api/customers/batch",
    "/api/customers/{id}",
    "/api/customers/{id}/erase",
    "/api/customers/{id}/export",
    "/api/customers/{id}/extract",
    "/api/customers/{id}/history",
    "/api/customers/{id}/restore",
    "/api/merges",
    "/api/merges/{id}",
    "/api/merges/{id}/undo",
    "/api/undecided-claims",
    "/api/undecided-claims/{merge}/{claim}/decide",
    "/api/customers/{id}/identities",
    "/api/identities",
    "/api/apps",
    "/api/apps/{id}",
    "/api/apps/{id}/rotate",
    "/api/apps/{id}/revoke",
    "/api/audit",
    "/api/duplicates",
    "/api/explanations",
    "/api/exports",
    "/api/exports/{id}",
    "/api/imports",
    "/api/imports/{id}",
    "/api/imports/{id}/events",
    "/api/imports/{id}/refused",
    "/api/policy",
    "/api/identity-types",
    "/api/identity-types/{type}",
    "/api/quarantine",
    "/api/quarantine/{number}/release",
    "/api/users",
    "/api/users/{id}",
    "/api/users/{id}/sign-out",
    "/api/webhooks",
    "/api/webhooks/{id}",
    "/api/webhooks/{id}/rotate",
    "/api/webhooks/{id}/replay",
    "/api/webhooks/{id}/dead-letters",
    "/api/webhooks/{id}/dead-letters/retry",
    "/api/wechat/accounts",
    "/api/wechat/accounts/{id}",
    "/api/wechat/accounts/{id}/imports",
    "/security/accesstoken",
    "/v1/customerandidentities",
    "/v1/customers",
    "/v1/customers/count",
    "/v1/customers/{id}",
    "/v1/customeridentities",
    "/v1/users/current",
    "/v1/wechataccounts",
    "/wechat/{account}/callback",
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/docs",
];

/// The calls that `openapi.json` describes.
pub(crate) fn described() -> OpenApiRouter<Hub> {
    own().merge(files()).merge(users()).merge(wechat_accounts()).merge(v1())
}

/// Kehub's own API.
fn own() -> OpenApiRouter<Hub> {
    use crate::api::{
        access, apps, cannot_links, changes, claims, conflicts, customers, duplicates,
        explanations, identities, identity_types, merges, past, policy, quarantine, webhooks,
    };
    OpenApiRouter::new()
        .routes(routes!(access::token::api_token_create))
        .routes(routes!(changes::list::api_change_list))
        .routes(routes!(customers::list::api_customer_list, customers::upsert::api_customer_upsert))
        .routes(routes!(customers::batch::api_customer_batch))
        .routes(routes!(past::history::api_customer_history))
        .routes(routes!(past::export::api_customer_export))
        .routes(routes!(
            customers::one::api_customer_get,
            customers::one::api_customer_patch,
            customers::one::api_customer_delete
        ))
        .routes(routes!(
            identities::list::api_customer_identities,
            identities::attach::api_identity_attach
        ))
        .routes(routes!(identities::list::api_identity_list))
        .routes(routes!(apps::list::api_app_list, apps::change::api_app_create))
        .routes(routes!(apps::change::api_app_patch))
        .routes(routes!(apps::change::api_app_rotate))
        .routes(routes!(apps::change::api_app_revoke))
        .routes(routes!(duplicates::list::api_duplicate_list))
        .routes(routes!(explanations::get::api_explanation_get))
        .routes(routes!(policy::one::api_policy_get, policy::one::api_policy_patch))
        .routes(routes!(identity_types::list::api_identity_type_list))
        .routes(routes!(
            identity_types::one::api_identity_type_get,
            identity_types::one::api_identity_type_patch
        ))
        .routes(routes!(quarantine::list::api_quarantine_list))
        .routes(routes!(quarantine::release::api_quarantine_release))
        .routes(routes!(customers::extract::api_customer_extract))
        .routes(routes!(customers::erase::api_customer_restore))
        .routes(routes!(customers::erase::api_customer_erase))
        .routes(routes!(merges::list::api_merge_list, merges::make::api_merge_create))
        .routes(routes!(merges::list::api_merge_get))
        .routes(routes!(merges::undo::api_merge_undo))
        .routes(routes!(conflicts::list::api_conflict_list))
        .routes(routes!(conflicts::list::api_conflict_get))
        .routes(routes!(conflicts::resolve::api_conflict_resolve))
        .routes(routes!(
            cannot_links::list::api_cannot_link_list,
            cannot_links::set::api_cannot_link_create
        ))
        .routes(routes!(cannot_links::set::api_cannot_link_delete))
        .routes(routes!(claims::list::api_claim_list))
        .routes(routes!(claims::decide::api_claim_decide))
        .routes(routes!(webhooks::list::api_webhook_list, webhooks::change::api_webhook_create))
        .routes(routes!(
            webhooks::list::api_webhook_get,
            webhooks::change::api_webhook_patch,
            webhooks::change::api_webhook_delete
        ))
        .routes(routes!(webhooks::change::api_webhook_rotate))
        .routes(routes!(webhooks::change::api_webhook_replay))
        .routes(routes!(webhooks::dead_letters::api_dead_letter_list))
        .routes(routes!(webhooks::dead_letters::api_dead_letter_retry))
}

/// The part of it that is about files of customers.
fn files() -> OpenApiRouter<Hub> {
    use crate::api::{exports, imports};
    OpenApiRouter::new()
        .routes(routes!(exports::get::api_export_get))
        .routes(routes!(exports::fetch::api_export_fetch))
        .routes(routes!(imports::list::api_import_list, imports::create::api_import_create))
        .routes(routes!(imports::list::api_import_get, imports::remove::api_import_delete))
        .routes(routes!(imports::events::api_import_events))
        .routes(routes!(
            imports::report::api_import_refused,
            imports::report::api_import_refused_delete
        ))
}

/// The part of it that is about people who sign in.
fn users() -> OpenApiRouter<Hub> {
    use crate::api::{audit, users};
    OpenApiRouter::new()
        .routes(routes!(users::list::api_user_list, users::change::api_user_create))
        .routes(routes!(users::change::api_user_patch))
        .routes(routes!(users::change::api_user_sign_out))
        .routes(routes!(audit::list::api_audit_list))
}

/// The part of it that is about WeChat.
fn wechat_accounts() -> OpenApiRouter<Hub> {
    use crate::api::wechat_accounts::{change, list};
    OpenApiRouter::new()
        .routes(routes!(list::api_wechat_account_list, change::api_wechat_account_bind))
        .routes(routes!(list::api_wechat_account_get, change::api_wechat_account_unbind))
        .routes(routes!(change::api_wechat_import_start))
}

/// The v1 wire, and how the hub is doing.
fn v1() -> OpenApiRouter<Hub> {
    OpenApiRouter::new()
        .routes(routes!(token::access_token))
        .routes(routes!(users::user_current))
        .routes(routes!(wechat::wechat_account_list))
        .routes(routes!(customers::upsert::customer_and_identities_upsert))
        .routes(routes!(customers::list::customer_list, customers::upsert::customer_upsert))
        .routes(routes!(customers::list::customer_count))
        .routes(routes!(
            customers::one::customer_get,
            customers::one::customer_put,
            customers::one::customer_delete
        ))
        .routes(routes!(identities::identity_list, identities::identity_attach))
        .routes(routes!(status::healthz))
        .routes(routes!(status::readyz))
        .routes(routes!(status::metrics))
}

/// Everything that the hub answers, ready to be asked. Clones are the same.
#[derive(Clone, Debug)]
pub struct App(Router);

impl App {
    /// All routes and what surrounds them.
    pub fn new(hub: Hub) -> App {
        let (described, _) = described().split_for_parts();
        let router = described
            .route("/openapi.json", routing::get(openapi::json))
            .route("/docs", routing::get(docs::page))
            .merge(console::router(&hub))
            .route(
                "/wechat/{account}/callback",
                routing::get(callback::verify).post(callback::receive),
            );
        App::surrounded(router, hub)
    }

    fn surrounded(router: Router<Hub>, hub: Hub) -> App {
        let router = router
            .fallback(async || Problem::PathUnknown)
            .method_not_allowed_fallback(async || Problem::MethodWrong)
            .layer(CatchPanicLayer::custom(layers::panicked))
            .layer(from_fn_with_state(hub.clone(), layers::surround));
        App(router.with_state(hub))
    }

    /// Answers one request.
    pub async fn answer(&self, mut request: Request<Body>) -> Response {
        paths::canonicalise(&mut request);
        match self.0.clone().oneshot(request).await {
            Ok(response) => response,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::server::Settings;
    use axum::body::to_bytes;
    use axum::http::StatusCode;
    use kehub_store::MemoryStore;
    use std::sync::Arc;

    #[tokio::test]
    async fn a_panic_is_an_answer_that_quotes_nothing() {
        let store = Arc::new(MemoryStore::new().unwrap());
        let clock = Arc::new(ManualClock::at(0));
        let hub = Hub::new(store, clock, Settings::default(), 0).await.unwrap();
        let broken = async || -> StatusCode { panic!("13800000001") };
        let app = App::surrounded(Router::new().route("/", routing::get(broken)), hub);
        let response = app.answer(Request::new(Body::empty())).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = to_bytes(response.into_body(), 1000).await.unwrap();
        assert_eq!(body, r#"{"error_code":50001,"error_description":"a fault of the hub"}"#);
    }

    #[test]
    fn every_described_path_has_its_name_in_logs_and_metrics() {
        for path in openapi::document()["paths"].as_object().unwrap().keys() {
            assert!(ROUTES.contains(&path.as_str()), "{path}");
        }
    }
}
