//! `/console/settings`: the rules by which the hub tells people apart, and who is connected to it.

pub(super) mod apps;
mod policy;
pub(super) mod webhooks;
mod words;

use super::page::Page;
use super::words::Language;
use crate::api::problem::Code;
use crate::server::Hub;
use axum::Router;
use axum::routing::get;
use words::words;

/// Where identity types and the policy are, which is where settings begin.
pub(super) const ADDRESS: &str = "/console/settings";
/// Where one identity type is, by its name.
const TYPES: &str = "/console/settings/types";

/// The pages.
pub(super) fn router() -> Router<Hub> {
    let router = Router::new()
        .route(ADDRESS, get(policy::list::page).post(policy::preset::act))
        .route(TYPES, get(policy::list::named))
        .route("/console/settings/types/{name}", get(policy::one::page).post(policy::one::act));
    router.merge(apps::router()).merge(webhooks::router())
}

/// What became of a form.
enum Became {
    /// It is done, and told elsewhere.
    Done(String),
    /// It is done, and this page is shown once.
    Once(Page),
    /// It does not fit.
    Unfit(&'static str),
}

/// What the settings are called as a whole.
pub(super) const fn title(language: Language) -> &'static str {
    words(language).settings
}

/// What the list of their parts is called.
pub(super) const fn parts_title(language: Language) -> &'static str {
    words(language).parts
}

/// What the page of identity types is called.
pub(super) const fn types_title(language: Language) -> &'static str {
    words(language).types
}

/// What the page of apps is called.
pub(super) const fn apps_title(language: Language) -> &'static str {
    apps::words::words(language).apps
}

/// What the page of webhooks is called.
pub(super) const fn webhooks_title(language: Language) -> &'static str {
    webhooks::words::words(language).webhooks
}

/// Why a change of settings was refused; `None` if that is no answer to one.
pub(super) fn why(code: Code, language: Language) -> Option<&'static str> {
    let words = words(language);
    let (apps, webhooks) = (apps::words::words(language), webhooks::words::words(language));
    let wechat = super::wechat::words::words(language);
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the rest is no answer to what pages ask for"
    )]
    Some(match code {
        Code::PolicyChanged => words.no_meanwhile,
        Code::IdentityTypeNotFound => words.no_type,
        Code::AppNotFound => apps.no_app,
        Code::AppRevoked => apps.no_revoked,
        Code::WebhookNotFound => webhooks.no_webhook,
        Code::WebhooksTooMany => webhooks.no_more,
        Code::DeadLetterNotFound => webhooks.no_letter,
        Code::BeyondFeed => webhooks.no_beyond,
        Code::WechatAccountNotFound => wechat.no_account,
        Code::WechatAccountsTooMany => wechat.no_more,
        Code::SecretKeyMissing => wechat.no_key_set,
        _ => return None,
    })
}
