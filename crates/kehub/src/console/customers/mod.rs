//! `/console/customers`: find customers, and go through all of them.

mod address;
mod filters;
mod saved;
mod search;
mod table;
mod words;

use super::done::alert;
use super::page::{Page, Place, elsewhere};
use super::show::{Contacts, Shower, count};
use super::visitor::Visitor;
use super::words::fill;
use crate::api::exports::get::api_export_get;
use crate::api::problem::{Code, Problem};
use crate::server::Hub;
use address::{Address, Asked, Way};
use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use kehub_core::customer::Customer;
use kehub_core::directory::Permission;
use kehub_core::filter::{Filter, Order, Position};
use kehub_core::people::audit::Deed;
use kehub_store::{PageRequest, Start};
use maud::{Markup, html};

/// Customers on one page.
const ROWS: u32 = 50;

/// The pages.
pub(super) fn router() -> Router<Hub> {
    Router::new()
        .route("/console/customers", get(list))
        .route("/console/customers/export", get(export))
        .route(saved::FILTERS, post(saved::save))
        .route(saved::FORGET, post(saved::forget))
}

/// A list of customers.
async fn list(visitor: Visitor) -> Response {
    if let Err(problem) = visitor.call.require(Permission::CustomersRead) {
        return visitor.answer(Err(problem));
    }
    let asked = asked(&visitor, visitor.call.query());
    // A filter that was put together in the form gets an address of its own.
    if let (Some(address), None) = (&asked.leads_to, &asked.trouble) {
        return elsewhere(&address.text());
    }
    let page = shown(&visitor, &asked, None).await;
    visitor.answer(page)
}

/// What a visitor asks for. Whoever sees contacts masked does not feel for them.
fn asked(visitor: &Visitor, query: Option<&str>) -> Asked {
    let mut asked = Asked::read(query);
    if !visitor.may_reveal() {
        asked.refuse_feeling();
    }
    asked
}

/// What is shown, as a file. It holds contacts in full.
async fn export(visitor: Visitor) -> Response {
    if !visitor.may_reveal() {
        let detail = format!("it takes `{}`", Permission::CustomersReveal.name());
        return visitor.answer(Err(Problem::new(Code::PermissionMissing, detail)));
    }
    if let Err(problem) = visitor.tell_revealed(Deed::CustomersExported, None).await {
        return visitor.answer(Err(problem));
    }
    let Visitor { call, look } = visitor;
    match api_export_get(call).await {
        Ok(response) => response,
        Err(problem) => super::page::problem(&look, None, &problem, ""),
    }
}

async fn shown(visitor: &Visitor, asked: &Asked, refused: Option<&str>) -> Result<Page, Problem> {
    visitor.call.require(Permission::CustomersRead)?;
    let words = visitor.words();
    let shower = Shower { look: &visitor.look, contacts: Contacts::Masked };
    let address = &asked.address;
    let results = if asked.trouble.is_some() {
        html! {}
    } else if address.search.is_empty() {
        browsed(visitor, asked, shower).await?
    } else {
        searched(visitor, asked, shower).await?
    };
    let is_plain = address.filters.is_empty() && address.search.is_empty();
    // Whoever filters or searches would have each match counted.
    let (store, tenant, everybody) =
        (visitor.call.store(), visitor.call.tenant(), Filter::default());
    let total = if is_plain { Some(store.customer_count(tenant, &everybody).await?) } else { None };
    let body = html! {
        header .title {
            h1 { (words.customers) }
            @if let Some(total) = total {
                p .count { (fill(words.customers_total, &[&count(total)])) }
            }
            div .tools {
                (saved::menu(visitor, address).await?)
                (table::chooser(&shower, address)) (exports(visitor, address))
            }
        }
        (alert(refused))
        (filters::bar(&shower, asked))
        div #results data-swap="results" { (results) }
    };
    let title = words.customers.to_owned();
    Ok(Page { title, place: Some(Place::Customers), body, search: address.search.clone() })
}

/// Customers in an order, page by page.
async fn browsed(visitor: &Visitor, asked: &Asked, shower: Shower<'_>) -> Result<Markup, Problem> {
    let part = Part::read(visitor, asked).await?;
    let address = &asked.address;
    if part.customers.is_empty() {
        let is_filtered = !address.filters.is_empty();
        return Ok(table::nobody(&shower, is_filtered));
    }
    let rows: Vec<(&Customer, Option<String>)> =
        part.customers.iter().map(|customer| (customer, None)).collect();
    let cursor = |order: &Order, customer: Option<&Customer>| {
        Some(crate::api::customers::cursor::write(order, &order.position(customer?)))
    };
    let order = address.order();
    let next = part.goes_on.then(|| cursor(&order, part.customers.last())).flatten();
    let back = part.goes_back.then(|| cursor(&reversed(&order), part.customers.first())).flatten();
    Ok(html! {
        (table::table(&shower, address, &rows))
        (table::pager(&shower, address, next, back))
    })
}

/// A part of the list, in its order.
struct Part {
    customers: Vec<Customer>,
    /// Whether there are some behind it.
    goes_on: bool,
    /// Whether there are some before it.
    goes_back: bool,
}

impl Part {
    async fn read(visitor: &Visitor, asked: &Asked) -> Result<Part, Problem> {
        let order = asked.address.order();
        let (order, start) = match &asked.way {
            Way::First => (order, Start::Offset(0)),
            Way::Behind(position) => (order, Start::Behind(position.clone())),
            Way::Before(position) => (reversed(&order), Start::Behind(position.clone())),
        };
        // One more than is shown tells whether there are more.
        let page = PageRequest { order, start, limit: ROWS + 1, counted: false };
        let (store, tenant) = (visitor.call.store(), visitor.call.tenant());
        let mut customers = store.customers(tenant, &asked.filter, &page).await?.customers;
        let more = customers.len() > usize::try_from(ROWS).unwrap_or(usize::MAX);
        if more {
            customers.pop();
        }
        Ok(match asked.way {
            Way::First => Part { customers, goes_on: more, goes_back: false },
            Way::Behind(_) => Part { customers, goes_on: more, goes_back: true },
            Way::Before(_) => {
                customers.reverse();
                Part { customers, goes_on: true, goes_back: more }
            }
        })
    }
}

/// The same order from its other end.
fn reversed(order: &Order) -> Order {
    Order { by: order.by.clone(), descending: !order.descending }
}

/// A place in an order, if a cursor tells one.
fn position(order: &Order, cursor: &str) -> Option<Position> {
    crate::api::customers::cursor::read(order, cursor)
}

/// Customers by what they are known by.
async fn searched(visitor: &Visitor, asked: &Asked, shower: Shower<'_>) -> Result<Markup, Problem> {
    let words = shower.words();
    let address = &asked.address;
    let found = search::search(visitor, &asked.filter, &address.search).await?;
    let rows: Vec<(&Customer, Option<String>)> =
        found.hits.iter().map(|hit| (&hit.customer, Some(hit.by.told(shower)))).collect();
    Ok(html! {
        @if rows.is_empty() {
            section .empty {
                h2 { (words.list_none) }
                p { (words.search_none_why) }
            }
        } @else {
            (table::table(&shower, address, &rows))
        }
        @if found.is_cut { p .note { (words.search_more) } }
        p .note { (if visitor.may_reveal() { words.searched } else { words.searched_masked }) }
    })
}

/// Links to files of what is shown.
fn exports(visitor: &Visitor, address: &Address) -> Markup {
    let words = visitor.words();
    html! {
        details .menu {
            summary .button { (words.export) }
            div .panel.narrow {
                @if visitor.may_reveal() {
                    @for (format, name) in [("xlsx", "Excel"), ("csv", "CSV"), ("ndjson", "NDJSON")] {
                        a href=(address.export(format, visitor.look.language)) download { (name) }
                    }
                } @else {
                    p .note { (words.export_refused) }
                }
            }
        }
    }
}
