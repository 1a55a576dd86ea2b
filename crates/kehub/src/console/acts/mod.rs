//! What somebody does to one customer: edit, merge, undo a merge, take apart, erase. Each page says what
//! will come of it before the button; each button sends a plain form. What is done is the same command as
//! on `/api`, under the same permission, in the same journal.

mod edit;
mod erase;
mod extract;
pub(in crate::console) mod fields;
pub(super) mod merge;
mod undo;
pub(super) mod words;

use super::done::{alert, parameter};
use super::page::{Page, Place};
use super::show::{Contacts, Shower};
use super::visitor::Visitor;
use crate::api::past::gone_by_then;
use crate::api::problem::Problem;
use crate::server::Hub;
use axum::Router;
use axum::routing::get;
use kehub_core::CustomerId;
use kehub_core::directory::Permission;
use kehub_core::facts::TenantFacts;
use kehub_core::history::{Moment, Past};
use maud::{Markup, html};
use words::{Words, words};

/// The pages.
pub(super) fn router() -> Router<Hub> {
    let below = |what: &str| format!("/console/customers/{{id}}/{what}");
    Router::new()
        .route(&below("edit"), get(edit::page).post(edit::save))
        .route(&below("erase"), get(erase::page).post(erase::erase))
        .route(&below("extract"), get(extract::page).post(extract::extract))
        .route(&below("merge"), get(merge::page).post(merge::merge))
        .route(&below("merges/{merge}/undo"), get(undo::page).post(undo::undo))
}

/// Who acts on whom: nobody gets it without the permission to.
struct Acting<'a> {
    visitor: &'a Visitor,
    id: CustomerId,
    words: &'static Words,
}

impl<'a> Acting<'a> {
    /// Lets somebody on who may look, and may do this.
    fn begin(visitor: &'a Visitor, permission: Permission) -> Result<Acting<'a>, Problem> {
        visitor.call.require(Permission::CustomersRead)?;
        visitor.call.require(permission)?;
        let id = visitor.call.customer()?;
        Ok(Acting { visitor, id, words: words(visitor.look.language) })
    }

    fn shower(&self) -> Shower<'a> {
        Shower { look: &self.visitor.look, contacts: Contacts::Masked }
    }

    /// The address of the customer, or of something below it.
    fn address(&self, below: &str) -> String {
        format!("/console/customers/{}{below}", self.id)
    }

    /// The facts about some customers as they stand.
    async fn facts(&self, ids: &[CustomerId]) -> Result<(Past, TenantFacts), Problem> {
        let past = self.visitor.call.store().past(self.visitor.call.tenant(), ids).await?;
        let now = past.as_of(Moment::Now);
        for id in ids {
            if past.is_erased(*id) || now.survivor(*id).is_none() {
                return Err(gone_by_then(*id, &past, &now));
            }
        }
        Ok((past, now))
    }

    /// A page of this frame.
    fn page(&self, title: &str, about: &str, refused: Option<&str>, body: &Markup) -> Page {
        let body = html! {
            header .title {
                h1 { (title) }
                div .tools { a .button href=(self.address("")) { (self.words.back) } }
            }
            p .lead { (about) }
            (alert(refused))
            (body)
        };
        let (title, search) = (title.to_owned(), String::new());
        Page { title, place: Some(Place::Customers), body, search }
    }

    /// A form that does something, below this address.
    fn form(&self, below: &str, body: &Markup) -> Markup {
        html! {
            form .act method="post" action=(self.address(below)) {
                (self.visitor.csrf())
                (body)
            }
        }
    }
}

/// The address of a customer to whom something was just done.
fn done(customer: CustomerId, seq: Option<kehub_core::Seq>) -> String {
    format!("/console/customers/{customer}?{}={}", super::done::DONE, seq.map_or(0, |seq| seq.0))
}

/// What can be done to a customer, by whoever may.
pub(super) fn tools(visitor: &Visitor, customer: CustomerId) -> Markup {
    let words = words(visitor.look.language);
    let tools = [
        (Permission::CustomersWrite, "edit", words.edit),
        (Permission::IdentitiesMerge, "merge", words.merge),
        (Permission::IdentitiesMerge, "extract", words.extract),
        (Permission::CustomersErase, "erase", words.erase),
    ];
    html! {
        @for (permission, below, name) in tools {
            @if visitor.may(permission) {
                a .button href={ "/console/customers/" (customer) "/" (below) } { (name) }
            }
        }
    }
}

/// The numbers in a parameter that may be there several times.
fn numbers(visitor: &Visitor, name: &str) -> Vec<i64> {
    let query = crate::wire::query::Query::new(visitor.call.query());
    let given = query.decoded().filter(|(key, _)| key.as_deref() == Some(name));
    given.filter_map(|(_, value)| value?.parse().ok()).collect()
}

/// A parameter as text, empty if it is not there.
fn asked(visitor: &Visitor, name: &str) -> String {
    parameter(visitor, name).unwrap_or_default()
}

/// How a verdict looks beside its word.
const fn class_of(verdict: kehub_core::merge::Verdict) -> &'static str {
    match verdict {
        kehub_core::merge::Verdict::Pass => "good",
        kehub_core::merge::Verdict::Review => "warn",
        kehub_core::merge::Verdict::Refuse => "bad",
    }
}
