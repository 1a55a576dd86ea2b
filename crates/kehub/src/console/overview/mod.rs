//! `/console`: how the hub is doing, at a glance.

mod plots;
pub(crate) mod recent;
pub(crate) mod series;

use super::page::{Page, Place};
use super::show::{Contacts, Shower, count};
use super::visitor::Visitor;
use crate::api::problem::Problem;
use axum::response::Response;
use kehub_core::directory::Permission;
use kehub_core::filter::Filter;
use kehub_core::import::State;
use kehub_core::{ConflictId, Micros};
use kehub_store::ConflictFilter;
use maud::{Markup, html};
use series::{RESULTS, Told};

/// Open conflicts that are counted: whoever has more has enough to do.
const CONFLICTS_MAX: usize = 1000;
/// Imports that are looked at, newest first.
const IMPORTS_LOOKED_AT: usize = 100;

/// The overview.
pub(super) async fn page(visitor: Visitor) -> Response {
    let page = shown(&visitor).await;
    visitor.answer(page)
}

async fn shown(visitor: &Visitor) -> Result<Page, Problem> {
    visitor.call.require(Permission::CustomersRead)?;
    let (call, words) = (&visitor.call, visitor.words());
    let (store, tenant, now) = (call.store(), call.tenant(), call.now());
    let customers = store.customer_count(tenant, &Filter::default()).await?;
    let identities = store.identities_seen(tenant).await?;
    let days = recent::days(call, visitor.look.offset_seconds).await?;
    let open = ConflictFilter { is_settled: Some(false), ..ConflictFilter::default() };
    let open = store.conflicts(tenant, &open, ConflictId(0), CONFLICTS_MAX + 1).await?.len();
    let imports = store.imports(tenant, None, IMPORTS_LOOKED_AT).await?;
    let running = imports.iter().filter(|it| it.state_at(now) == State::Running).count();
    let told = call.hub().series().told(tenant, now);
    let shower = Shower { look: &visitor.look, contacts: Contacts::Masked };
    let body = html! {
        header .title { h1 { (words.overview) } }
        (tiles(shower, (customers, identities), &days, (open, running), &told))
        div .plots {
            (plots::new_customers(shower, &days))
            (plots::outcomes(shower, &told))
            (plots::shares(shower, &totals(&told)))
            (plots::senders(shower, call, &told))
        }
        p .note { (words.kept_in_memory) }
    };
    let (title, search) = (words.overview.to_owned(), String::new());
    Ok(Page { title, place: Some(Place::Overview), body, search })
}

/// What came of all upserts that are told.
fn totals(told: &Told) -> [u64; RESULTS.len()] {
    let mut totals = [0; RESULTS.len()];
    for (_, counts) in &told.slots {
        for (total, count) in totals.iter_mut().zip(counts) {
            *total += u64::from(*count);
        }
    }
    totals
}

fn tiles(
    shower: Shower<'_>,
    (customers, identities): (u64, u64),
    days: &[(Micros, u64)],
    (open, running): (usize, usize),
    told: &Told,
) -> Markup {
    let words = shower.words();
    let today = days.last().map_or(0, |(_, count)| *count);
    let open = if open > CONFLICTS_MAX { format!("{CONFLICTS_MAX}+") } else { open.to_string() };
    let tiles: [(&str, String, &str, Option<&str>); 6] = [
        (words.customers, count(customers), "", Some("/console/customers")),
        (words.identities, count(identities), words.identities_seen, None),
        (words.new_today, count(today), "", Some("/console/customers?sort=-dateCreated")),
        (words.upserts_rate, rate(told.last_minute), words.upserts_rate_why, None),
        (words.open_conflicts, open, "", Some(super::review::ADDRESS)),
        (words.imports_running, running.to_string(), "", Some(super::imports::ADDRESS)),
    ];
    html! {
        dl .tiles {
            @for (name, value, why, href) in tiles {
                div .tile {
                    dt { (name) @if !why.is_empty() { " " span .soft { (why) } } }
                    dd {
                        @match href {
                            Some(href) => a href=(href) { (value) },
                            None => (value),
                        }
                    }
                }
            }
        }
    }
}

/// Of a minute's count, how many a second.
fn rate(last_minute: u32) -> String {
    let rate = f64::from(last_minute) / 60.0;
    if rate >= 10.0 { format!("{rate:.0}") } else { format!("{rate:.1}") }
}
