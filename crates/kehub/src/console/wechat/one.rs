//! One account: the import of its fans, its callback, its settings, and its end.

use super::fields::{fields, json_in};
use super::list::called;
use super::words::words;
use super::{ADDRESS, callback, import, no_key, why_not};
use crate::api::problem::{Code, Problem};
use crate::api::wechat_accounts::body::callback_path;
use crate::api::wechat_accounts::change::{bind, import_fans, unbind};
use crate::api::wechat_accounts::list::known;
use crate::console::done::{alert, parameter, refused};
use crate::console::entry::form::Form;
use crate::console::page::{Page, Place, elsewhere};
use crate::console::show::{Contacts, Shower};
use crate::console::visitor::Visitor;
use axum::body::Body;
use axum::response::Response;
use kehub_core::WechatId;
use kehub_core::directory::Permission;
use kehub_core::wechat::{FanState, WechatAccount};
use maud::{Markup, html};

/// The account.
pub(super) async fn page(visitor: Visitor) -> Response {
    let page = shown(&visitor, None, false).await;
    visitor.answer(page)
}

/// Does one thing to the account.
pub(super) async fn act(visitor: Visitor, body: Body) -> Response {
    let sent = match visitor.call.read_aside(body).await {
        Ok(body) => Form::read(&body),
        Err(problem) => return refused(&visitor, &problem, Err(problem.clone())),
    };
    match acted(&visitor, &sent).await {
        Ok(Some(address)) => elsewhere(&address),
        Ok(None) => visitor.unfit(shown(&visitor, None, true).await),
        Err(problem) => {
            let page = shown(&visitor, Some((&problem, &sent)), false).await;
            refused(&visitor, &problem, page)
        }
    }
}

/// Where one goes from what was done; nothing if another app id was typed than that of the account.
async fn acted(visitor: &Visitor, sent: &Form) -> Result<Option<String>, Problem> {
    visitor.call.require(Permission::WechatAdmin)?;
    let call = &visitor.call;
    let account = known(call, id(visitor)?).await?;
    let there = |done: &str| Ok(Some(format!("{ADDRESS}/{}?done={done}", account.id)));
    match sent.field("act") {
        "set" => {
            bind(call, json_in(&account.app_id, sent).as_bytes(), false, false).await?;
            there("saved")
        }
        "import" => {
            import_fans(call, account.id, false, false).await?;
            there("import")
        }
        "unbind" if sent.field("typed").trim() != &*account.app_id => Ok(None),
        "unbind" => {
            unbind(call, account.id, false).await?;
            Ok(Some(format!("{ADDRESS}?done=unbound")))
        }
        _ => Err(Problem::new(Code::BodyBroken, "the page is out of date")),
    }
}

/// The account that the address names.
fn id(visitor: &Visitor) -> Result<WechatId, Problem> {
    visitor.call.number(1, Code::WechatAccountNotFound).map(WechatId)
}

async fn shown(
    visitor: &Visitor,
    wrong: Option<(&Problem, &Form)>,
    is_mistyped: bool,
) -> Result<Page, Problem> {
    visitor.call.require(Permission::WechatAdmin)?;
    let words = words(visitor.look.language);
    let account = known(&visitor.call, id(visitor)?).await?;
    let told = wrong.map(|(problem, _)| why_not(visitor, problem));
    let state = account.import.state(visitor.call.now());
    let done = match parameter(visitor, "done").as_deref() {
        Some("bound") => Some(words.done_bound),
        Some("saved") => Some(words.done_saved),
        Some("import") if matches!(state, FanState::Running | FanState::Waiting) => {
            Some(words.done_import)
        }
        _ => None,
    };
    let wrong = wrong.filter(|(_, sent)| sent.field("act") == "set");
    let set = html! {
        (fields(visitor, Some(&account.settings), wrong.map(|it| it.1), wrong.map(|it| it.0)))
        div { button .button.primary { (words.save) } }
    };
    let end = html! {
        p .note { (words.unbind_about) }
        label { (words.unbind_type)
            input name="typed" required autocomplete="off" autocapitalize="none" spellcheck="false"
                aria-invalid=[is_mistyped.then_some("true")];
        }
        @if is_mistyped { p .error { (words.wrong_typed) } }
        div { button .button.danger { (words.unbind_now) } }
    };
    let body = html! {
        header .title {
            h1 { (called(&account)) }
            span .count { code { (account.app_id) } }
            div .tools { a .button href=(ADDRESS) { (words.all) } }
        }
        @if told.is_none() && !is_mistyped && let Some(text) = done {
            p .alert.good role="status" { (text) }
        }
        (alert(told.as_deref().or(is_mistyped.then_some(words.wrong_typed))))
        (no_key(visitor))
        (import::card(visitor, &account))
        (heard(visitor, &account))
        div .sides {
            (form(visitor, &account, words.change, "set", &set))
            (form(visitor, &account, words.unbind, "unbind", &end))
        }
    };
    let (title, search) = (called(&account).to_owned(), String::new());
    Ok(Page { title, place: Some(Place::Wechat), body, search })
}

/// How it hears who follows, and what to paste in WeChat's console.
fn heard(visitor: &Visitor, account: &WechatAccount) -> Markup {
    let words = words(visitor.look.language);
    let shower = Shower { look: &visitor.look, contacts: Contacts::Masked };
    let path = callback_path(&account.app_id);
    let public = visitor.call.hub().settings().public_url.as_ref();
    let address = public.and_then(|url| url.join(&path).ok());
    let heard_at = visitor.call.hub().wechat().heard_at((visitor.call.tenant(), account.id));
    html! {
        section .card {
            h2 { (words.callback) }
            dl .fields {
                div .field { dt { (words.callback_state) } dd { (callback(account, words)) } }
                div .field { dt { (words.callback_address) } dd {
                    @match &address {
                        Some(address) => code { (address) },
                        None => {
                            code { (path) }
                            span .origin { (words.callback_host) }
                        },
                    }
                } }
                div .field { dt { (words.callback_heard) } dd {
                    @match heard_at {
                        Some(at) => (shower.time(at)),
                        None => span .soft { (words.callback_unheard) },
                    }
                } }
                div .field { dt { (words.bound) } dd { (shower.time(account.created_at)) } }
            }
            p .note { (words.callback_about) }
        }
    }
}

fn form(
    visitor: &Visitor,
    account: &WechatAccount,
    title: &str,
    act: &str,
    body: &Markup,
) -> Markup {
    html! {
        section .card {
            h2 { (title) }
            form .act.stack method="post" action={ (ADDRESS) "/" (account.id) } {
                (visitor.csrf())
                input type="hidden" name="act" value=(act);
                (body)
            }
        }
    }
}
