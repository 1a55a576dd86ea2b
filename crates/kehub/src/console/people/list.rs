//! All users, and the form for a new one.

use super::words::words;
use super::{ROWS, USERS, role, roles};
use crate::api::problem::Problem;
use crate::api::users::change::{create as create_user, stands_for};
use crate::api::users::list::users;
use crate::console::done::{alert, parameter, refused, why_not};
use crate::console::entry::form::Form;
use crate::console::entry::words::words as entry_words;
use crate::console::page::{Page, Place, elsewhere};
use crate::console::show::{count, moment};
use crate::console::visitor::Visitor;
use crate::console::words::fill;
use crate::people::password;
use axum::body::Body;
use axum::response::Response;
use kehub_core::AppNumber;
use kehub_core::directory::{App, Permission};
use kehub_core::people::user::{NAME_CHARS_MAX, Role, User, fold_login};
use maud::{Markup, html};
use std::collections::BTreeMap;

/// All users.
pub(super) async fn page(visitor: Visitor) -> Response {
    let page = shown(&visitor, &Form::read(b""), &Wrong::new(), None).await;
    visitor.answer(page)
}

/// What is wrong beside which field.
type Wrong = BTreeMap<&'static str, &'static str>;

/// Creates a user, or shows the form again. Passwords are not shown again.
pub(super) async fn create(visitor: Visitor, body: Body) -> Response {
    let sent = match visitor.call.read_aside(body).await {
        Ok(body) => Form::read(&body),
        Err(problem) => return refused(&visitor, &problem, Err(problem.clone())),
    };
    match created(&visitor, &sent).await {
        Ok(Ok(address)) => elsewhere(&address),
        Ok(Err(wrong)) => {
            let text = fill(words(visitor.look.language).wrong, &[&wrong.len().to_string()]);
            let page = shown(&visitor, &sent, &wrong, Some(&text)).await;
            visitor.unfit(page)
        }
        Err(problem) => {
            let text = why_not(&visitor, &problem);
            let page = shown(&visitor, &sent, &Wrong::new(), Some(&text)).await;
            refused(&visitor, &problem, page)
        }
    }
}

async fn created(visitor: &Visitor, sent: &Form) -> Result<Result<String, Wrong>, Problem> {
    visitor.call.require(Permission::UsersAdmin)?;
    let (texts, entry) = (words(visitor.look.language), entry_words(visitor.look.language));
    let mut wrong = Wrong::new();
    let login = fold_login(sent.field("login"));
    let name = name_of(sent);
    let role = Role::named(sent.field("role"));
    let password = sent.field("password");
    if login.is_none() {
        wrong.insert("login", entry.login_unfit);
    }
    if name.is_none() {
        wrong.insert("name", entry.name_unfit);
    }
    if role.is_none() {
        wrong.insert("role", texts.choose_role);
    }
    if !password::is_fit(password, login.as_deref().unwrap_or_default()) {
        wrong.insert("password", entry.password_unfit);
    } else if password != sent.field("again") {
        wrong.insert("password", entry.differs);
    }
    let (Some(login), Some(name), Some(role)) = (login, name, role) else { return Ok(Err(wrong)) };
    if !wrong.is_empty() {
        return Ok(Err(wrong));
    }
    stands_for(&visitor.call, &[&login, &name, role.name()]);
    let password = password.to_owned();
    let (user, _) = create_user(&visitor.call, (login, name), role, password, false).await?;
    Ok(Ok(format!("{USERS}/{}?done=1", user.app)))
}

/// The name for people that a form holds, if it is one.
pub(super) fn name_of(sent: &Form) -> Option<Box<str>> {
    let name = sent.field("name").trim();
    (1..=NAME_CHARS_MAX).contains(&name.chars().count()).then(|| name.into())
}

async fn shown(
    visitor: &Visitor,
    sent: &Form,
    wrong: &Wrong,
    refused: Option<&str>,
) -> Result<Page, Problem> {
    visitor.call.require(Permission::UsersAdmin)?;
    let words = words(visitor.look.language);
    let all = users(&visitor.call).await?;
    let after = parameter(visitor, "after").and_then(|text| text.parse().ok()).map(AppNumber);
    let rest = all.iter().filter(|(user, _)| after.is_none_or(|after| user.app > after));
    let mut rows: Vec<&(User, App)> = rest.take(ROWS + 1).collect();
    let has_more = rows.len() > ROWS;
    rows.truncate(ROWS);
    let body = html! {
        header .title {
            h1 { (words.users) }
            span .count { (count(u64::try_from(all.len()).unwrap_or(u64::MAX))) }
        }
        p .lead { (words.users_about) }
        (alert(refused))
        @if all.is_empty() {
            section .empty { h2 { (words.users_empty) } p { (words.users_empty_why) } }
        } @else {
            (table(visitor, &rows))
            @if has_more || after.is_some() {
                nav .pager {
                    @if after.is_some() { a .button href=(USERS) rel="prev" { (visitor.words().page_first) } }
                    @if has_more && let Some((user, _)) = rows.last() {
                        a .button href={ (USERS) "?after=" (user.app) } rel="next" { (visitor.words().page_next) }
                    }
                }
            }
        }
        details .card.narrow.more open[all.is_empty() || refused.is_some()] {
            summary { (words.new_user) }
            (form(visitor, sent, wrong))
        }
    };
    let (title, search) = (words.users.to_owned(), String::new());
    Ok(Page { title, place: Some(Place::Users), body, search })
}

fn table(visitor: &Visitor, rows: &[&(User, App)]) -> Markup {
    let words = words(visitor.look.language);
    let own = visitor.call.app().number;
    html! {
        div .scroll {
            table .rows {
                thead { tr {
                    th scope="col" { (words.name) }
                    th scope="col" { (words.login) }
                    th scope="col" { (words.role) }
                    th scope="col" { (words.state) }
                    th scope="col" { (words.password_set) }
                } }
                tbody { @for (user, app) in rows {
                    tr data-href={ (USERS) "/" (user.app) } {
                        th scope="row" {
                            a href={ (USERS) "/" (user.app) } {
                                span .name { (app.name) }
                                @if user.app == own { span .tag { (words.yourself) } }
                            }
                        }
                        td data-label=(words.login) { (user.login) }
                        td data-label=(words.role) { (role(user.role, words)) }
                        td data-label=(words.state) { (state(visitor, app)) }
                        td data-label=(words.password_set) {
                            (moment(user.password_at, visitor.look.offset_seconds))
                        }
                    }
                } }
            }
        }
    }
}

/// Whether a user may sign in.
pub(super) fn state(visitor: &Visitor, app: &App) -> Markup {
    let words = words(visitor.look.language);
    let offset = visitor.look.offset_seconds;
    html! {
        @match app.revoked_at {
            None => span .tag.good { (words.live) },
            Some(at) => span .tag.bad { (fill(words.disabled, &[&moment(at, offset)])) },
        }
    }
}

fn form(visitor: &Visitor, sent: &Form, wrong: &Wrong) -> Markup {
    let words = words(visitor.look.language);
    let entry = entry_words(visitor.look.language);
    let wrong_at = |name| wrong.get(name).copied();
    let invalid = |name| wrong_at(name).map(|_| "true");
    let error = |name| html! { @if let Some(text) = wrong_at(name) { p .error { (text) } } };
    html! {
        form .act.stack method="post" action=(USERS) {
            (visitor.csrf())
            label { (words.name)
                input name="name" value=(sent.field("name")) required autocomplete="off"
                    aria-invalid=[invalid("name")];
            }
            (error("name"))
            label { (words.login)
                input name="login" value=(sent.field("login")) required autocomplete="off"
                    autocapitalize="none" spellcheck="false" aria-invalid=[invalid("login")];
            }
            (error("login"))
            (roles(visitor, Role::named(sent.field("role")), wrong_at("role")))
            (passwords(visitor, wrong_at("password")))
            p .note { (entry.password_unfit) }
            div { button .button.primary { (words.create) } }
        }
    }
}

/// Two fields for a new password.
pub(super) fn passwords(visitor: &Visitor, wrong: Option<&str>) -> Markup {
    let words = words(visitor.look.language);
    let invalid = wrong.map(|_| "true");
    html! {
        label { (words.password)
            input name="password" type="password" required autocomplete="new-password" aria-invalid=[invalid];
        }
        @if let Some(wrong) = wrong { p .error { (wrong) } }
        label { (words.again)
            input name="again" type="password" required autocomplete="new-password";
        }
    }
}
