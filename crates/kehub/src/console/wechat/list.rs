//! All accounts, and the form to bind one.

use super::fields::{fields, json_in, service_word, verified_word};
use super::words::{Words, words};
use super::{ADDRESS, callback, no_key, state, why_not};
use crate::api::problem::{Code, Problem};
use crate::api::wechat_accounts::change::bind as bind_account;
use crate::console::done::{alert, parameter, refused};
use crate::console::entry::form::Form;
use crate::console::page::{Page, Place, elsewhere};
use crate::console::show::count;
use crate::console::visitor::Visitor;
use crate::console::words::fill;
use axum::body::Body;
use axum::response::Response;
use kehub_core::directory::Permission;
use kehub_core::wechat::WechatAccount;
use maud::{Markup, html};

/// The list.
pub(super) async fn page(visitor: Visitor) -> Response {
    let page = shown(&visitor, None, Why::Asked).await;
    visitor.answer(page)
}

/// Binds an account. One that is bound already is changed once somebody says so.
pub(super) async fn bind(visitor: Visitor, body: Body) -> Response {
    let sent = match visitor.call.read_aside(body).await {
        Ok(body) => Form::read(&body),
        Err(problem) => return refused(&visitor, &problem, Err(problem.clone())),
    };
    match bound(&visitor, &sent).await {
        Ok(Bound::Done(address)) => elsewhere(&address),
        Ok(Bound::Already(both)) => {
            visitor.unfit(shown(&visitor, Some(&sent), Why::Bound(&both)).await)
        }
        Err(problem) => {
            let page = shown(&visitor, Some(&sent), Why::Refused(&problem)).await;
            refused(&visitor, &problem, page)
        }
    }
}

/// What became of the form.
enum Bound {
    /// It is bound, or changed, and told elsewhere.
    Done(String),
    /// The account is bound, and nobody said that it is to be changed: as it is, and as it would be.
    Already(Box<(WechatAccount, WechatAccount)>),
}

/// Why the page is shown.
#[derive(Clone, Copy)]
enum Why<'a> {
    /// Somebody asked for it.
    Asked,
    /// The form was refused.
    Refused(&'a Problem),
    /// The account is bound already: as it is, and as it would be.
    Bound(&'a (WechatAccount, WechatAccount)),
}

async fn bound(visitor: &Visitor, sent: &Form) -> Result<Bound, Problem> {
    visitor.call.require(Permission::WechatAdmin)?;
    let call = &visitor.call;
    let app_id = sent.field("appId").trim();
    let body = json_in(app_id, sent);
    // Said of this account, and not of the one that the form named before.
    let is_sure = !app_id.is_empty() && sent.field("sure") == app_id;
    if !is_sure && let Some(both) = already(visitor, app_id, &body).await? {
        return Ok(Bound::Already(both));
    }
    match bind_account(call, body.as_bytes(), !is_sure, false).await {
        Ok((account, is_new)) => {
            let became = if is_new { "bound" } else { "saved" };
            Ok(Bound::Done(format!("{ADDRESS}/{}?done={became}", account.id)))
        }
        // Somebody else was faster by a moment.
        Err(problem) if problem.code == Code::ChangedMeanwhile => {
            already(visitor, app_id, &body).await?.map(Bound::Already).ok_or(problem)
        }
        Err(problem) => Err(problem),
    }
}

/// The account that is bound already under this id, if there is one: as it is, and as it would be.
async fn already(
    visitor: &Visitor,
    app_id: &str,
    body: &str,
) -> Result<Option<Box<(WechatAccount, WechatAccount)>>, Problem> {
    let call = &visitor.call;
    let all = call.store().wechat_accounts(Some(call.tenant())).await?;
    let Some(stands) = all.into_values().find(|account| *account.app_id == *app_id) else {
        return Ok(None);
    };
    let (after, _) = bind_account(call, body.as_bytes(), false, true).await?;
    Ok(Some(Box::new((stands, after))))
}

async fn shown(visitor: &Visitor, sent: Option<&Form>, why: Why<'_>) -> Result<Page, Problem> {
    visitor.call.require(Permission::WechatAdmin)?;
    let (call, words) = (&visitor.call, words(visitor.look.language));
    let all = call.store().wechat_accounts(Some(call.tenant())).await?;
    let accounts: Vec<&WechatAccount> = all.values().collect();
    let is_unbound = parameter(visitor, "done").as_deref() == Some("unbound");
    let told = match why {
        Why::Refused(problem) => Some(why_not(visitor, problem)),
        Why::Bound(both) => Some(fill(words.already, &[&told_apart(&both.0)])),
        Why::Asked => None,
    };
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
            details .card.narrow.more open[accounts.is_empty() || sent.is_some()] {
                summary { (words.bind) }
                (form(visitor, sent, why))
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

/// The name of an account beside its app id, if it has one.
fn told_apart(account: &WechatAccount) -> String {
    let (name, id) = (&account.settings.name, &account.app_id);
    if name.is_empty() { id.to_string() } else { format!("{name} ({id})") }
}

fn form(visitor: &Visitor, sent: Option<&Form>, why: Why<'_>) -> Markup {
    let words = words(visitor.look.language);
    let problem = if let Why::Refused(problem) = why { Some(problem) } else { None };
    let is_wrong = problem.is_some_and(|problem| problem.fields().contains(&"appId"));
    html! {
        form .act.stack method="post" action=(ADDRESS) {
            (visitor.csrf())
            @if let (Why::Bound(both), Some(sent)) = (why, sent) { (changes(both, sent, words)) }
            label { (words.app_id)
                input name="appId" value=(sent.map_or("", |sent| sent.field("appId"))) required
                    autocomplete="off" autocapitalize="none" spellcheck="false"
                    placeholder="wx0123456789abcdef" aria-invalid=[is_wrong.then_some("true")];
            }
            @if is_wrong { p .error { (words.wrong_app_id) } }
            (fields(visitor, None, sent, problem))
            @if let Why::Bound(both) = why {
                label .check {
                    input type="checkbox" name="sure" value=(both.0.app_id) required;
                    (words.sure)
                }
                div { button .button.danger { (words.change_now) } }
            } @else {
                p .note { (words.bind_about) }
                div { button .button.primary { (words.bind_now) } }
            }
        }
    }
}

/// What would change about an account that is bound already. Secrets are not told.
fn changes(both: &(WechatAccount, WechatAccount), sent: &Form, words: &Words) -> Markup {
    let (stands, after) = both;
    let secret = |name: &str, label, stands: bool| {
        let is_sent = !sent.field(name).trim().is_empty();
        let now = if stands { words.secret_kept } else { words.none };
        (label, now.to_owned(), if is_sent { words.secret_new.to_owned() } else { now.to_owned() })
    };
    let (old, new) = (&stands.settings, &after.settings);
    let named = |name: &str| if name.is_empty() { words.none } else { name }.to_owned();
    let nightly = |it| if it { words.nightly_on } else { words.nightly_off }.to_owned();
    let service = |it: Option<i32>| service_word(it, words);
    let verified = |it: Option<i32>| verified_word(it, words);
    let rows = [
        secret("appSecret", words.app_secret, true),
        secret("callbackToken", words.token, stands.secrets.token.is_some()),
        secret("encodingAesKey", words.aes_key, stands.secrets.aes_key.is_some()),
        (words.name, named(&old.name), named(&new.name)),
        (words.service_type, service(old.service_type), service(new.service_type)),
        (words.verify_type, verified(old.verify_type), verified(new.verify_type)),
        (words.schedule, nightly(old.nightly), nightly(new.nightly)),
    ];
    html! {
        section #changes {
            p .note.spaced {
                (words.already_why) " "
                a href={ (ADDRESS) "/" (stands.id) } { (words.its_page) }
            }
            table .plain.pair {
                thead { tr {
                    th scope="col" { (words.setting) }
                    th scope="col" { (words.now) }
                    th scope="col" { (words.then) }
                } }
                tbody { @for (label, now, then) in rows.iter().filter(|(_, now, then)| now != then) {
                    tr { th scope="row" { (label) } td { (now) } td { (then) } }
                } }
            }
        }
    }
}
