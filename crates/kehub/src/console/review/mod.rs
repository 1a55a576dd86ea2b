//! `/console/review`: who may be one person, one pair after the other: what is known of both beside each
//! other, why they are here, and what somebody decides about them.

mod decide;
mod item;
mod queue;
mod told;
mod words;

use super::done::{alert, form, parameter, refused, why_not};
use super::page::{Page, Place as Whereabouts, elsewhere};
use super::show::{Contacts, Shower, count};
use super::visitor::Visitor;
use super::words::{Language, fill};
use crate::api::problem::Problem;
use crate::server::Hub;
use axum::Router;
use axum::body::Body;
use axum::response::Response;
use axum::routing::get;
use kehub_core::directory::Permission;
use maud::{Markup, html};
use queue::{CONFLICTS_MAX, Kind, Place, Queue};
use words::words;

/// Where it is.
pub(super) const ADDRESS: &str = "/console/review";
/// Suggestions that were settled since they were found, and are passed by at once.
const PASSED_MAX: usize = 50;

/// The pages.
pub(super) fn router() -> Router<Hub> {
    Router::new().route(ADDRESS, get(page).post(settle))
}

/// What it is called.
pub(super) const fn title(language: Language) -> &'static str {
    words(language).review
}

/// The address of a place.
fn address(kind: Kind, place: Place) -> String {
    format!("{ADDRESS}?kind={}&at={place}", kind.name())
}

async fn page(visitor: Visitor) -> Response {
    let text = |name| parameter(&visitor, name).unwrap_or_default();
    let (kind, place) = (Kind::named(&text("kind")), Place::read(&text("at")));
    let page = shown(&visitor, kind, place, None).await;
    visitor.answer(page)
}

/// Does what was decided, and goes on to the next.
async fn settle(visitor: Visitor, body: Body) -> Response {
    let sent = match form(&visitor, body).await {
        Ok(sent) => sent,
        Err(problem) => return refused(&visitor, &problem, Err(problem.clone())),
    };
    let place = Place::read(sent.field("item"));
    let kind = place.map_or(Kind::Conflicts, Place::kind);
    match decide::decided(&visitor, place, sent.field("decision")).await {
        Ok(()) => {
            let next = Place::read(sent.field("next")).unwrap_or(Place::End);
            let item = place.unwrap_or(Place::End);
            elsewhere(&format!("{}&done={item}", address(kind, next)))
        }
        Err(problem) => {
            let text = why_not(&visitor, &problem);
            refused(&visitor, &problem, shown(&visitor, kind, place, Some(&text)).await)
        }
    }
}

async fn shown(
    visitor: &Visitor,
    kind: Kind,
    place: Option<Place>,
    refused: Option<&str>,
) -> Result<Page, Problem> {
    visitor.call.require(Permission::CustomersRead)?;
    let words = words(visitor.look.language);
    let anew = parameter(visitor, "refresh").is_some();
    let queue = Queue::read(&visitor.call, kind, anew).await?;
    let done = parameter(visitor, "done").as_deref().and_then(Place::read);
    let told = if let Some(done) = done {
        told::told(visitor, done).await?
    } else {
        html! {}
    };
    let (position, body) = match &queue {
        None => (html! {}, still_looking(visitor)),
        Some(queue) if queue.items.is_empty() => (html! {}, nothing(visitor, kind)),
        Some(queue) => waiting(visitor, queue, place).await?,
    };
    let body = html! {
        header .title {
            h1 { (words.review) }
            (tabs(visitor, kind))
            div .tools { (position) }
        }
        (alert(refused))
        (told)
        (body)
        @if let Some(queue) = &queue { (found(visitor, queue)) }
    };
    let (title, search) = (words.review.to_owned(), String::new());
    Ok(Page { title, place: Some(Whereabouts::Review), body, search })
}

fn tabs(visitor: &Visitor, here: Kind) -> Markup {
    let words = words(visitor.look.language);
    html! {
        nav .tabs aria-label=(words.review) {
            @for kind in Kind::ALL {
                @let name = match kind {
                    Kind::Conflicts => words.conflicts,
                    Kind::Duplicates => words.duplicates,
                };
                a href={ (ADDRESS) "?kind=" (kind.name()) }
                    aria-current=[(kind == here).then_some("page")] { (name) }
            }
        }
    }
}

/// The position, and what waits there.
async fn waiting(
    visitor: &Visitor,
    queue: &Queue,
    place: Option<Place>,
) -> Result<(Markup, Markup), Problem> {
    let shower = Shower { look: &visitor.look, contacts: Contacts::Masked };
    let first = queue.at(place);
    for at in first..queue.items.len().min(first.saturating_add(PASSED_MAX)) {
        let Some(item) = queue.items.get(at) else { break };
        let next = queue.place(at + 1);
        if let Some(body) = item::shown(visitor, shower, item, next).await? {
            return Ok((position(visitor, queue, at), body));
        }
    }
    // All of a part were settled since they were found: the rest is one step away.
    let behind = first.saturating_add(PASSED_MAX);
    if behind < queue.items.len() {
        return Ok((position(visitor, queue, behind), html! {}));
    }
    Ok((html! {}, through(visitor, queue)))
}

fn position(visitor: &Visitor, queue: &Queue, at: usize) -> Markup {
    let words = words(visitor.look.language);
    let all = count(u64::try_from(queue.items.len()).unwrap_or(u64::MAX));
    let all = if queue.is_cut { fill(words.more, &[&all]) } else { all };
    let here = count(u64::try_from(at + 1).unwrap_or(u64::MAX));
    html! {
        @if let Some(before) = at.checked_sub(1) {
            a .button href=(address(queue.kind, queue.place(before))) rel="prev"
                data-key="ArrowLeft" aria-keyshortcuts="ArrowLeft" aria-label=(words.earlier) { "←" }
        }
        span .place role="status" { (fill(words.place, &[&here, &all])) }
        a .button href=(address(queue.kind, queue.place(at + 1))) rel="next"
            data-key="ArrowRight" aria-keyshortcuts="ArrowRight" aria-label=(words.later) { "→" }
    }
}

fn nothing(visitor: &Visitor, kind: Kind) -> Markup {
    let words = words(visitor.look.language);
    let (title, why) = match kind {
        Kind::Conflicts => (words.empty_conflicts, words.empty_conflicts_why),
        Kind::Duplicates => (words.empty_duplicates, words.empty_duplicates_why),
    };
    html! { section .empty { h2 { (title) } p { (why) } } }
}

fn still_looking(visitor: &Visitor) -> Markup {
    let words = words(visitor.look.language);
    html! {
        section .empty role="status" {
            h2 { (words.looking) }
            p { (words.looking_why) }
            p .actions { a .button href=(visitor.look.here) { (visitor.words().try_again) } }
        }
    }
}

/// What is said behind the last one.
fn through(visitor: &Visitor, queue: &Queue) -> Markup {
    let words = words(visitor.look.language);
    let left = match queue.kind {
        Kind::Conflicts => Some(queue.items.len().min(CONFLICTS_MAX).to_string()),
        // Some of them may have been settled since they were found.
        Kind::Duplicates => None,
    };
    html! {
        section .empty {
            h2 { (words.through) }
            @if let Some(left) = left { p { (fill(words.through_why, &[&left])) } }
            p .actions {
                a .button href={ (ADDRESS) "?kind=" (queue.kind.name()) } { (words.begin) }
            }
        }
    }
}

/// When duplicates were found, and how to look again.
fn found(visitor: &Visitor, queue: &Queue) -> Markup {
    let words = words(visitor.look.language);
    let shower = Shower { look: &visitor.look, contacts: Contacts::Masked };
    html! {
        @if let Some(computed) = &queue.computed {
            p .note {
                (fill(words.found_at, &[&shower.moment(computed.at)])) " "
                @if computed.found.is_cut { (words.cut) " " }
                a href={ (ADDRESS) "?kind=" (queue.kind.name()) "&refresh=1" } { (words.look_again) }
            }
        }
    }
}
