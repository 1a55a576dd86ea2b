//! `/console/audit`: what people did that no timeline tells, newest first, and by filters.

mod asked;
mod form;
mod told;

use super::words::words;
use super::{AUDIT, ROWS};
use crate::api::problem::Problem;
use crate::console::page::{Page, Place, elsewhere};
use crate::console::show::{Contacts, Shower};
use crate::console::visitor::Visitor;
use asked::Asked;
use axum::response::Response;
use form::Known;
use kehub_core::directory::{App, Permission};
use kehub_core::people::audit::{AuditEntry, AuditFilter, Deed};
use kehub_core::people::user::Role;
use maud::{Markup, html};
use told::{Names, deed, detail, object, role_word, who};

/// The log, or the part of it that the address asks for.
pub(super) async fn page(visitor: Visitor) -> Response {
    let asked = Asked::read(&visitor);
    if asked.is_wordy && !asked.is_astray {
        return elsewhere(&asked.address(asked.before));
    }
    match shown(&visitor, &asked).await {
        Ok((page, true)) => visitor.answer(Ok(page)),
        Ok((page, false)) => visitor.unfit(Ok(page)),
        Err(problem) => visitor.answer(Err(problem)),
    }
}

/// The page, and whether what was asked for fits.
async fn shown(visitor: &Visitor, asked: &Asked) -> Result<(Page, bool), Problem> {
    visitor.call.require(Permission::UsersAdmin)?;
    let words = words(visitor.look.language);
    let known = known(visitor).await?;
    let filter = asked.filter(visitor, &known, words).await?;
    let (results, wrong) = match filter {
        Ok(filter) => (results(visitor, asked, &filter).await?, Vec::new()),
        Err(wrong) => (html! {}, wrong),
    };
    let body = html! {
        header .title { h1 { (words.audit) } }
        p .lead { (words.audit_about) }
        @if !wrong.is_empty() { p .alert role="alert" { (words.filter_unfit) } }
        (form::bar(visitor, asked, &known, &wrong))
        (results)
    };
    let (title, search) = (words.audit.to_owned(), String::new());
    Ok((Page { title, place: Some(Place::Audit), body, search }, wrong.is_empty()))
}

/// Who of the tenant may have done something, ended ones included.
async fn known(visitor: &Visitor) -> Result<Known, Problem> {
    let directory = visitor.call.store().directory().await?;
    let is_ours = |app: &&App| app.tenant == visitor.call.tenant();
    let users = directory.users.iter().filter_map(|user| directory.app(user.app));
    let users = users.filter(is_ours).cloned().collect();
    Ok(Known::of(users, directory.programs().filter(is_ours).cloned().collect()))
}

/// The entries of a page, and the ways to others.
async fn results(
    visitor: &Visitor,
    asked: &Asked,
    filter: &AuditFilter,
) -> Result<Markup, Problem> {
    let (call, words) = (&visitor.call, words(visitor.look.language));
    let is_later = asked.before.is_some();
    let mut entries = call.store().audit(call.tenant(), filter, asked.before, ROWS + 1).await?;
    let has_more = entries.len() > ROWS;
    entries.truncate(ROWS);
    Ok(html! {
        @if entries.is_empty() {
            section .empty {
                @if is_later { h2 { (words.audit_end) } }
                @else if !asked.is_plain() {
                    h2 { (words.audit_none) }
                    p { (words.audit_none_why) }
                    a .button href=(AUDIT) { (words.audit_all) }
                }
                @else { h2 { (words.audit_empty) } p { (words.audit_empty_why) } }
            }
        } @else { (table(visitor, &entries)) }
        @if has_more || is_later {
            nav .pager {
                @if is_later { a .button href=(asked.address(None)) rel="prev" { (words.newest) } }
                @if has_more && let Some(last) = entries.last() {
                    a .button href=(asked.address(Some(last.place()))) rel="next" { (words.older) }
                }
            }
        }
    })
}

fn table(visitor: &Visitor, entries: &[AuditEntry]) -> Markup {
    let words = words(visitor.look.language);
    let shower = Shower { look: &visitor.look, contacts: Contacts::Masked };
    let names = Names::of(visitor);
    html! {
        div .scroll {
            table .rows.still {
                thead { tr {
                    th scope="col" { (words.when) }
                    th scope="col" { (words.who) }
                    th scope="col" { (words.deed) }
                    th scope="col" { (words.about) }
                    th scope="col" { (words.details) }
                } }
                tbody { @for entry in entries {
                    tr {
                        th scope="row" { (shower.time(entry.at)) }
                        td data-label=(words.who) { (who(entry.app, &names, words)) }
                        td data-label=(words.deed) {
                            @if entry.deed == Deed::SignInFailed { span .tag.bad { (deed(entry.deed, words)) } }
                            @else { (deed(entry.deed, words)) }
                        }
                        td data-label=(words.about) {
                            @if let Some(about) = entry.about { (object(about, &names, words)) }
                        }
                        td data-label=(words.details) {
                            @for (place, (key, value)) in entry.details.iter().enumerate() {
                                @if place > 0 { ", " }
                                span .soft { (detail(key, words)) } " "
                                (Role::named(value).map_or(&**value, |role| role_word(visitor, role)))
                            }
                        }
                    }
                } }
            }
        }
    }
}
