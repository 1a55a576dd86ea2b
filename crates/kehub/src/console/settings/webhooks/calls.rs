//! The last calls that this hub made to a webhook, whatever came of them.

use super::reason;
use super::words::words;
use crate::console::show::{Contacts, Shower};
use crate::console::visitor::Visitor;
use crate::console::words::fill;
use crate::webhooks::event_id;
use crate::webhooks::log::{CALLS_MAX, Made};
use kehub_core::webhook::Webhook;
use maud::{Markup, html};

/// All that are kept, the last one first.
pub(super) fn card(visitor: &Visitor, webhook: &Webhook) -> Markup {
    let words = words(visitor.look.language);
    let calls = visitor.call.hub().calls().of((visitor.call.tenant(), webhook.id));
    html! {
        section .card {
            h2 { (words.calls) }
            p .note { (fill(words.calls_about, &[&CALLS_MAX.to_string()])) }
            @if calls.is_empty() {
                section .empty.spaced { h3 { (words.calls_none) } }
            } @else {
                div .scroll.spaced {
                    table .rows.still {
                        thead { tr {
                            th scope="col" { (words.event) }
                            th scope="col" { (words.called_at) }
                            th scope="col" .number { (words.took) }
                            th scope="col" { (words.came_of) }
                        } }
                        tbody { @for made in &calls { (row(visitor, made)) } }
                    }
                }
            }
        }
    }
}

fn row(visitor: &Visitor, made: &Made) -> Markup {
    let words = words(visitor.look.language);
    let shower = Shower { look: &visitor.look, contacts: Contacts::Masked };
    html! {
        tr {
            th scope="row" { code { (event_id(visitor.call.tenant(), made.place)) } }
            td data-label=(words.called_at) { (shower.time(made.at)) }
            td .number data-label=(words.took) { (made.took.as_millis()) " ms" }
            td data-label=(words.came_of) {
                @match made.failed {
                    None => span .tag.good { (words.arrived) },
                    Some(why) => span .tag.bad { (reason(why, words)) },
                }
            }
        }
    }
}
