//! All accounts, and the form to bind one.

use super::fields::{fields, json_in};
use super::words::words;
use super::{ADDRESS, callback, no_key, state, why_not};
use crate::api::problem::Problem;
use crate::api::wechat_accounts::change::bind as bind_account;
use crate::console::done::{alert, parameter, refused};
use crate::console::entry::form::Form;
use crate::console::page::{Page, Place, elsewhere};
use crate::console::show::count;
use crate::console::visitor::Visitor;
use axum::body::Body;
use axum::response::Response;
use kehub_core::directory::Permission;
use kehub_core::wechat::WechatAccount;
use maud::{Markup, html};

/// The list.
pub(super) async fn page(visitor: Visitor) -> Response {
    let page = shown(&visitor, None).await;
    visitor.answer(page)
}

/// Binds an account, or changes the one of its app id.
pub(super) async fn bind(visitor: Visitor, body: Body) -> Response {
    let sent = match visitor.call.read_aside(body).await {
        Ok(body) => Form::read(&body),
        Err(problem) => return refused(&visitor, &problem, Err(problem.clone())),
    };
    match bound(&visitor, &sent).await {
        Ok(address) => elsewhere(&address),
        Err(problem) => {
            let page = shown(&visitor, Some((&problem, &sent))).await;
            refused(&visitor, &problem, page)
        }
    }
}

async fn bound(visitor: &Visitor, sent: &Form) -> Result<String, Problem> {
    visitor.call.require(Permission::WechatAdmin)?;
    let body = json_in(sent.field("appId").trim(), sent);
    let (account, is_new) = bind_account(&visitor.call, body.as_bytes(), false).await?;
    Ok(format!("{ADDRESS}/{}?done={}", account.id, if is_new { "bound" } else { "saved" }))
}

async fn shown(visitor: &Visitor, wrong: Option<(&Problem, &Form)>) -> Result<Page, Problem> {
    visitor.call.require(Permission::WechatAdmin)?;
    let (call, words) = (&visitor.call, words(visitor.look.language));
    let all = call.store().wechat_accounts(Some(call.tenant())).await?;
    let accounts: Vec<&WechatAccount> = all.values().collect();
    let is_unbound = parameter(visitor, "done").as_deref() == Some("unbound");
    let told = wrong.map(|(problem, _)| why_not(visitor, problem));
    let has_key = call.hub().wechat().key().is_some();
    let body = html! {
        header .title { h1 { (words.accounts) } span .count { (accounts.len()) } }
        p .lead { (words.about) }
        @if is_unbound { p .alert.good role="status" { (words.done_unbound) } }
        (alert(told.as_deref()))
        (no_key(visitor))
        @if !accounts.is_empty() { (table(visitor, &accounts)) }
        @else if has_key { section .empty { h2 { (words.empty) } p { (words.empty_why) } } }
        @if has_key {
            details .card.narrow.more open[accounts.is_empty() || wrong.is_some()] {
                summary { (words.bind) }
                (form(visitor, wrong))
            }
        }
    };
    let (title, search) = (words.accounts.to_owned(), String::new());
    Ok(Page { title, place: Some(Place::Wechat), body, search })
}

fn table(visitor: &Visitor, accounts: &[&WechatAccount]) -> Markup {
    let words = words(visitor.look.language);
    html! {
        div .scroll {
            table .rows.rules {
                thead { tr {
                    th scope="col" { (words.account) }
                    th scope="col" { (words.app_id) }
                    th scope="col" .number { (words.fans) }
                    th scope="col" { (words.state) }
                    th scope="col" { (words.schedule) }
                    th scope="col" { (words.callback) }
                } }
                tbody { @for account in accounts {
                    @let address = format!("{ADDRESS}/{}", account.id);
                    tr data-href=(address) {
                        th scope="row" { a href=(address) { span .name { (called(account)) } } }
                        td data-label=(words.app_id) { code { (account.app_id) } }
                        td .number data-label=(words.fans) {
                            @if let Some(total) = account.import.total { (count(total)) }
                            @else { "–" }
                        }
                        td data-label=(words.state) { (state(account, visitor)) }
                        td data-label=(words.schedule) {
                            @if account.settings.nightly { (words.nightly_on) }
                            @else { (words.nightly_off) }
                        }
                        td data-label=(words.callback) { (callback(account, words)) }
                    }
                } }
            }
        }
    }
}

/// The name of an account, or its app id if it has none.
pub(super) fn called(account: &WechatAccount) -> &str {
    if account.settings.name.is_empty() { &account.app_id } else { &account.settings.name }
}

fn form(visitor: &Visitor, wrong: Option<(&Problem, &Form)>) -> Markup {
    let words = words(visitor.look.language);
    let is_wrong = wrong.is_some_and(|(problem, _)| problem.fields().contains(&"appId"));
    html! {
        form .act.stack method="post" action=(ADDRESS) {
            (visitor.csrf())
            label { (words.app_id)
                input name="appId" value=(wrong.map_or("", |(_, sent)| sent.field("appId"))) required
                    autocomplete="off" autocapitalize="none" spellcheck="false"
                    placeholder="wx0123456789abcdef" aria-invalid=[is_wrong.then_some("true")];
            }
            @if is_wrong { p .error { (words.wrong_app_id) } }
            (fields(visitor, None, wrong))
            p .note { (words.bind_about) }
            div { button .button.primary { (words.bind_now) } }
        }
    }
}
