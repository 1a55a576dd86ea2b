//! All imports, newest first.

use super::counts::outcomes;
use super::words::words;
use super::{ADDRESS, Became, ROWS, bring, masked, who};
use crate::api::imports::body::report;
use crate::api::problem::Problem;
use crate::console::done::parameter;
use crate::console::page::{Page, Place};
use crate::console::show::{Contacts, Shower, count};
use crate::console::visitor::Visitor;
use axum::response::Response;
use kehub_core::ImportId;
use kehub_core::directory::Permission;
use kehub_core::import::Import;
use maud::{Markup, html};

/// The list.
pub(super) async fn page(visitor: Visitor) -> Response {
    let page = shown(&visitor, &html! {}).await;
    visitor.answer(page)
}

/// The list, with why something was not done, if so.
pub(super) async fn shown(visitor: &Visitor, refused: &Markup) -> Result<Page, Problem> {
    visitor.call.require(Permission::CustomersRead)?;
    let (call, words) = (&visitor.call, words(visitor.look.language));
    let before = parameter(visitor, "before").and_then(|text| text.parse().ok()).map(ImportId);
    let mut imports = call.store().imports(call.tenant(), before, ROWS + 1).await?;
    let has_more = imports.len() > ROWS;
    imports.truncate(ROWS);
    let done = match parameter(visitor, "done").as_deref() {
        Some("forgotten") => Some(words.done_forgotten),
        Some("discarded") => Some(bring::discarded(visitor)),
        _ => None,
    };
    let body = html! {
        header .title { h1 { (words.imports) } }
        p .lead { (words.about) }
        (refused)
        @if let Some(done) = done { p .alert.good role="status" { (done) } }
        (bring::entrance(visitor))
        @if imports.is_empty() { (nothing(visitor, before.is_some())) }
        @else { (table(visitor, &imports)) }
        @if has_more || before.is_some() {
            nav .pager {
                @if before.is_some() { a .button href=(ADDRESS) rel="prev" { (words.newest) } }
                @if has_more && let Some(last) = imports.last() {
                    a .button href={ (ADDRESS) "?before=" (last.id) } rel="next" { (words.older) }
                }
            }
        }
    };
    let (title, search) = (words.imports.to_owned(), String::new());
    Ok(Page { title, place: Some(Place::Imports), body, search })
}

fn nothing(visitor: &Visitor, is_end: bool) -> Markup {
    let words = words(visitor.look.language);
    html! {
        section .empty {
            @if is_end { h2 { (words.end) } }
            @else {
                h2 { (words.empty) }
                p { (words.empty_why) }
            }
        }
    }
}

fn table(visitor: &Visitor, imports: &[Import]) -> Markup {
    let words = words(visitor.look.language);
    let is_live = imports.iter().any(|import| Became::of(visitor, import).is_live);
    html! {
        div .scroll #imports data-live[is_live] {
            table .rows.imports {
                thead { tr {
                    th scope="col" { (words.file) }
                    th scope="col" { (words.state) }
                    th scope="col" .number { (words.rows) }
                    @if let Some(first) = imports.first() {
                        @for (name, _) in outcomes(&first.progress, words) {
                            th scope="col" .number { (name) }
                        }
                    }
                    th scope="col" { (words.report) }
                    th scope="col" { (words.began) }
                    th scope="col" { (words.by) }
                } }
                tbody { @for import in imports { (row(visitor, import)) } }
            }
        }
    }
}

fn row(visitor: &Visitor, import: &Import) -> Markup {
    let words = words(visitor.look.language);
    let shower = Shower { look: &visitor.look, contacts: Contacts::Masked };
    let address = format!("{ADDRESS}/{}", import.id);
    html! {
        tr data-href=(address) {
            th scope="row" { a href=(address) { span .name { (import.plan.source) } } }
            td data-label=(words.state) { (Became::of(visitor, import).tag()) }
            td .number data-label=(words.rows) { (count(import.progress.rows)) }
            @for (name, number) in outcomes(&import.progress, words) {
                td .number data-label=(name) { (count(number)) }
            }
            td data-label=(words.report) { (link(visitor, import, words.get_short)) }
            td data-label=(words.began) { (shower.time(import.began_at)) }
            td data-label=(words.by) { (who(visitor, import, words)) }
        }
    }
}

/// The way to the refused rows of an import. `/api` says who may have them, and writes down who did.
pub(super) fn link(visitor: &Visitor, import: &Import, name: &str) -> Markup {
    let words = words(visitor.look.language);
    html! {
        @if report(import, visitor.call.hub().spool()).is_some() {
            @if visitor.may_reveal() {
                a href={ "/api/imports/" (import.id) "/refused" } download { (name) }
            } @else {
                span .soft title=(masked(words)) { (words.report_kept) }
            }
        }
    }
}
