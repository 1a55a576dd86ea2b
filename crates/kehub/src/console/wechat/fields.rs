//! The form of an account. Secrets are typed, and never shown.

use super::words::{Words, words};
use crate::api::problem::Problem;
use crate::console::entry::form::Form;
use crate::console::visitor::Visitor;
use kehub_core::wechat::WechatSettings;
use maud::{Markup, html};
use serde_json::{Map, json};

/// What a form says about the account of this app id, as the API takes it. What is empty stays.
pub(super) fn json_in(app_id: &str, sent: &Form) -> String {
    let mut members = Map::new();
    members.insert("appId".to_owned(), json!(app_id));
    if let Some(name) = sent.given("name") {
        members.insert("name".to_owned(), json!(name.trim()));
    }
    for name in ["appSecret", "callbackToken", "encodingAesKey", "serviceType", "verifyType"] {
        let text = sent.field(name).trim();
        if !text.is_empty() {
            members.insert(name.to_owned(), json!(text));
        }
    }
    members.insert("nightly".to_owned(), json!(!sent.field("nightly").is_empty()));
    serde_json::Value::Object(members).to_string()
}

/// All fields but the app id, as they are or as somebody has just sent them.
pub(super) fn fields(
    visitor: &Visitor,
    stands: Option<&WechatSettings>,
    sent: Option<&Form>,
    problem: Option<&Problem>,
) -> Markup {
    let words = words(visitor.look.language);
    let is_wrong = |name| problem.is_some_and(|problem| problem.fields().contains(&name));
    let name = sent.map_or_else(|| stands.map_or("", |it| &it.name), |sent| sent.field("name"));
    let is_nightly = sent.map_or_else(
        || stands.is_some_and(|it| it.nightly),
        |sent| !sent.field("nightly").is_empty(),
    );
    let secret = |name: &'static str, label: &str, error: &str, is_required: bool| {
        html! {
            label { (label)
                input name=(name) type="password" autocomplete="off" required[is_required]
                    aria-invalid=[is_wrong(name).then_some("true")];
            }
            @if is_wrong(name) { p .error { (error) } }
        }
    };
    html! {
        label { (words.name)
            input name="name" value=(name) autocomplete="off" placeholder=(words.name_hint)
                aria-invalid=[is_wrong("name").then_some("true")];
        }
        @if is_wrong("name") { p .error { (words.wrong_text) } }
        (secret("appSecret", words.app_secret, words.wrong_app_secret, stands.is_none()))
        (secret("callbackToken", words.token, words.wrong_token, false))
        (secret("encodingAesKey", words.aes_key, words.wrong_aes_key, false))
        p .note { @if stands.is_some() { (words.keep) } @else { (words.callback_optional) } }
        (kinds(visitor, stands, sent))
        label .check {
            input type="checkbox" name="nightly" value="1" checked[is_nightly];
            (words.nightly)
        }
    }
}

/// What WeChat says of an account, which clients ask for.
fn kinds(visitor: &Visitor, stands: Option<&WechatSettings>, sent: Option<&Form>) -> Markup {
    let words = words(visitor.look.language);
    let said = |name| sent.and_then(|sent| sent.field(name).parse::<i32>().ok());
    let service = said("serviceType").or(stands.and_then(|it| it.service_type));
    let verify = said("verifyType").or(stands.and_then(|it| it.verify_type));
    // WeChat has two numbers for subscription accounts.
    let subscription = service.filter(|number| *number == 0).unwrap_or(1);
    let services = [(subscription, words.service_subscription), (2, words.service_service)];
    let verified = [(0, words.verified), (-1, words.verified_not)];
    let choice = |name: &str, label: &str, stands: Option<i32>, choices: [(i32, &str); 2]| {
        html! {
            label { (label)
                select name=(name) {
                    // What was said once stays: there is no unsaying it.
                    @match stands {
                        None => option value="" selected { (words.service_unknown) },
                        Some(other) if choices.iter().all(|(number, _)| *number != other) => {
                            option value="" selected { (other) }
                        },
                        Some(_) => {},
                    }
                    @for (number, text) in choices {
                        option value=(number) selected[stands == Some(number)] { (text) }
                    }
                }
            }
        }
    };
    html! {
        (choice("serviceType", words.service_type, service, services))
        (choice("verifyType", words.verify_type, verify, verified))
    }
}

/// What an account is, for people; a number that no page has a word for is told as it is.
pub(super) fn service_word(kind: Option<i32>, words: &Words) -> String {
    match kind {
        None => words.service_unknown.to_owned(),
        Some(0 | 1) => words.service_subscription.to_owned(),
        Some(2) => words.service_service.to_owned(),
        Some(other) => other.to_string(),
    }
}

/// Whether an account is verified, likewise.
pub(super) fn verified_word(kind: Option<i32>, words: &Words) -> String {
    match kind {
        None => words.service_unknown.to_owned(),
        Some(-1) => words.verified_not.to_owned(),
        Some(0) => words.verified.to_owned(),
        Some(other) => other.to_string(),
    }
}
