//! What a webhook was not told: what waits for its next try, and what was given up.

use super::words::words;
use super::{ADDRESS, reason};
use crate::api::changes::cursor;
use crate::console::done::parameter;
use crate::console::show::{Contacts, Shower};
use crate::console::visitor::Visitor;
use crate::console::words::fill;
use crate::webhooks::event_id;
use kehub_core::feed::Cursor;
use kehub_core::webhook::{Undelivered, Webhook};
use maud::{Markup, html};

/// How many stand on a page.
const ROWS: usize = 50;

/// All of it, in the order of the feed.
pub(super) fn card(visitor: &Visitor, webhook: &Webhook) -> Markup {
    let words = words(visitor.look.language);
    let here = format!("{ADDRESS}/{}", webhook.id);
    let after = parameter(visitor, "after").and_then(|text| cursor::read(&text));
    let from = after.unwrap_or(Cursor::START);
    let undelivered = &webhook.progress.undelivered;
    let mut rest = undelivered.iter().filter(|(place, _)| after.is_none() || **place > from);
    let rows: Vec<(&Cursor, &Undelivered)> = rest.by_ref().take(ROWS).collect();
    let last =
        rows.last().filter(|_| rest.next().is_some()).map(|(place, _)| cursor::text(**place));
    let has_dead = webhook.progress.dead_letters().next().is_some();
    html! {
        section .card {
            h2 { (words.log) }
            p .note { (words.log_about) }
            @if rows.is_empty() {
                section .empty.spaced {
                    @if after.is_some() { h3 { (words.log_end) } }
                    @else { h3 { (words.log_empty) } p { (words.log_empty_why) } }
                }
            } @else { (table(visitor, webhook, &rows)) }
            @if last.is_some() || after.is_some() {
                nav .pager {
                    @if after.is_some() { a .button href=(here) rel="prev" { (words.first) } }
                    @if let Some(last) = last {
                        a .button href={ (here) "?after=" (last) } rel="next" { (words.further) }
                    }
                }
            }
            @if has_dead {
                form .act method="post" action=(here) {
                    (visitor.csrf())
                    input type="hidden" name="act" value="retry";
                    button .button { (words.retry_all) }
                    p .note { (words.retry_about) }
                }
            }
        }
    }
}

fn table(visitor: &Visitor, webhook: &Webhook, rows: &[(&Cursor, &Undelivered)]) -> Markup {
    let words = words(visitor.look.language);
    html! {
        div .scroll.spaced {
            table .rows.still {
                thead { tr {
                    th scope="col" { (words.event) }
                    th scope="col" .number { (words.tries) }
                    th scope="col" { (words.why) }
                    th scope="col" { (words.next) }
                } }
                tbody { @for (place, it) in rows { (row(visitor, webhook, **place, it)) } }
            }
        }
    }
}

fn row(visitor: &Visitor, webhook: &Webhook, place: Cursor, it: &Undelivered) -> Markup {
    let words = words(visitor.look.language);
    let shower = Shower { look: &visitor.look, contacts: Contacts::Masked };
    let (seq, index) = (place.position.to_string(), place.index.to_string());
    html! {
        tr {
            th scope="row" {
                (fill(words.event_at, &[&seq, &index]))
                " " code .soft { (event_id(visitor.call.tenant(), place)) }
            }
            td .number data-label=(words.tries) { (it.tries) }
            td data-label=(words.why) {
                @match it.failure {
                    Some(failure) => { (reason(failure.reason, words)) ", " (shower.time(failure.at)) },
                    None => span .soft { (words.behind) },
                }
            }
            td data-label=(words.next) {
                @match it.due {
                    Some(due) => (shower.time(due)),
                    None => {
                        form .inline.act method="post" action={ (ADDRESS) "/" (webhook.id) } {
                            (visitor.csrf())
                            input type="hidden" name="act" value="retry";
                            input type="hidden" name="place" value=(cursor::text(place));
                            span .tag.bad { (words.given_up) }
                            button .button.small { (words.retry) }
                        }
                    },
                }
            }
        }
    }
}
