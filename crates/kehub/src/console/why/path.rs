//! The evidence that makes two one person, step by step.

use super::Seen;
use crate::console::words::fill;
use kehub_core::CustomerId;
use kehub_core::explain::{Evidence, Node, Step, path};
use kehub_core::journal::Route;
use maud::{Markup, html};

pub(super) fn section(seen: &Seen<'_>, from: Node, to: Node, customer: CustomerId) -> Markup {
    let words = seen.shower.words();
    let steps = path(from, to, seen.then);
    html! {
        section .card {
            @match steps.as_deref() {
                Some([]) => p { (words.why_same_same) },
                Some(steps) => {
                    h3 { (words.why_path) }
                    ol .path {
                        li .stop { (seen.node(from)) }
                        @for step in steps {
                            li .evidence { (evidence(seen, step)) }
                            li .stop { (seen.node(step.to)) }
                        }
                    }
                },
                None => p { (fill(words.why_no_path, &[&customer.to_string()])) },
            }
        }
    }
}

fn evidence(seen: &Seen<'_>, step: &Step) -> Markup {
    let words = seen.shower.words();
    let (told, found_by) = match step.evidence {
        Evidence::Claim(route) => (words.by_request.to_owned(), route_of(seen, route)),
        Evidence::Merge(id) => {
            let bridge = seen.then.merge(id).map(|merge| {
                html! { @for number in &merge.bridge { (seen.identity(*number)) " " } }
            });
            let merge = fill(words.edge_merge, &[&id.to_string()]);
            (format!("{} ({merge})", words.by_merge), bridge)
        }
        Evidence::Extracted => (words.by_extraction.to_owned(), None),
        Evidence::Moved(id) => (format!("{} ({id})", words.by_settlement), None),
    };
    html! {
        b { (told) }
        @if let Some(by) = found_by { " " span .soft { (by) } }
        (seen.written(step.seq))
    }
}

/// By what a request found its customer.
fn route_of(seen: &Seen<'_>, route: Route) -> Option<Markup> {
    let words = seen.shower.words();
    let (before, after) = words.matched_by.split_once("{}").unwrap_or((words.matched_by, ""));
    let by = match route {
        Route::Identity(number) => seen.identity(number),
        Route::Mobile => html! { (words.found_mobile) },
        Route::Email => html! { (words.found_email) },
        Route::Id => html! { (words.found_id) },
        Route::Created => return None,
    };
    Some(html! { (before) (by) (after) })
}
