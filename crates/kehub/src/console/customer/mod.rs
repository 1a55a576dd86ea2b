//! `/console/customers/{id}`: one customer, now or as it stood: what it shows and why, what it holds, how
//! it came together, and what happened to it.

mod attributes;
mod graph;
mod identities;
mod layout;
mod moment;
mod picture;
mod timeline;

use super::page::{Page, Place, elsewhere};
use super::show::{Contacts, Shower};
use super::visitor::Visitor;
use super::words::fill;
use super::{acts, done, people};
use crate::api::past::gone_by_then;
use crate::api::past::names::Names;
use crate::api::problem::{Code, Problem};
use axum::response::Response;
use kehub_core::attribute::Attribute;
use kehub_core::customer::Customer;
use kehub_core::directory::Permission;
use kehub_core::facts::TenantFacts;
use kehub_core::history::{Past, Version};
use kehub_core::people::audit::{About, Deed};
use kehub_core::{CustomerId, IdentityNumber};
use maud::{Markup, html};
use moment::Asked;

/// A customer.
pub(super) async fn page(visitor: Visitor) -> Response {
    answer(&visitor, Contacts::Masked).await
}

/// `POST`: the customer with its contacts in full, which leaves a trace.
pub(super) async fn reveal(mut visitor: Visitor) -> Response {
    if !visitor.may_reveal() {
        let detail = format!("it takes `{}`", Permission::CustomersReveal.name());
        return visitor.answer(Err(Problem::new(Code::PermissionMissing, detail)));
    }
    let id = match visitor.call.customer() {
        Ok(id) => id,
        Err(problem) => return visitor.answer(Err(problem)),
    };
    let told = visitor.tell_revealed(Deed::CustomerRevealed, Some(About::Customer(id))).await;
    if let Err(problem) = told {
        return visitor.answer(Err(problem));
    }
    // This address is for this one look: language and theme lead back to the customer.
    visitor.look.here = format!("/console/customers/{id}");
    answer(&visitor, Contacts::Full).await
}

/// Somebody loads again what was shown in full once.
pub(super) async fn revealed(visitor: Visitor) -> Response {
    match visitor.call.customer() {
        Ok(id) => elsewhere(&format!("/console/customers/{id}")),
        Err(problem) => visitor.answer(Err(problem)),
    }
}

async fn answer(visitor: &Visitor, contacts: Contacts) -> Response {
    match look_back(visitor, contacts).await {
        Ok((page, None)) => visitor.answer(Ok(page)),
        Ok((page, Some(gone))) => {
            let mut response = visitor.answer(Ok(page));
            gone.mark(&mut response);
            response
        }
        Err(problem) => visitor.answer(Err(problem)),
    }
}

/// What parts of the page are made of.
struct Seen<'a> {
    shower: Shower<'a>,
    names: &'a Names<'a>,
    past: &'a Past,
    /// The facts of the moment that is looked at.
    then: &'a TenantFacts,
    versions: &'a [Version],
    asked: &'a Asked,
    /// The id that the address names.
    id: CustomerId,
    /// Whether merges may be undone by whoever looks.
    may_undo: bool,
}

impl Seen<'_> {
    /// Who asked for an entry.
    fn app(&self, app: kehub_core::AppNumber) -> String {
        self.names.app_name(app).unwrap_or(self.shower.words().command_line).to_owned()
    }

    /// The type and the value of an identity, as far as they may be told.
    fn identity(&self, number: IdentityNumber) -> (String, String) {
        let row = self.names.row(number).filter(|row| !row.is_erased());
        let Some(row) = row else {
            return (String::new(), self.shower.words().erased_identity.to_owned());
        };
        let kind = self.names.kind(row.key.kind).unwrap_or_default().to_owned();
        let value = self.shower.identity(&kind, &row.raw);
        (kind, value)
    }
}

/// The page, and why nobody answers for the id, if so.
async fn look_back(
    visitor: &Visitor,
    contacts: Contacts,
) -> Result<(Page, Option<Problem>), Problem> {
    visitor.call.require(Permission::CustomersRead)?;
    let id = visitor.call.customer()?;
    let past = visitor.call.store().past(visitor.call.tenant(), &[id]).await?;
    if past.is_erased(id) || !past.has_customer(id) {
        return Err(gone_by_then(id, &past, &past.as_of(kehub_core::history::Moment::Now)));
    }
    let versions = past.versions(id);
    let asked = Asked::read(visitor, &versions)?;
    let then = past.as_of(asked.moment);
    let access = visitor.call.hub().access();
    let names = Names::new(&past, &access);
    let shower = Shower { look: &visitor.look, contacts };
    let seen = Seen {
        shower,
        names: &names,
        past: &past,
        then: &then,
        versions: &versions,
        asked: &asked,
        id,
        may_undo: visitor.may(Permission::IdentitiesMerge),
    };
    let (title, body, gone) = if let Some(customer) = then.survivor(id) {
        (name_of(customer, &shower), whole(visitor, &seen, customer), None)
    } else {
        let gone = gone_by_then(id, &past, &then);
        (format!("#{id}"), nobody(&seen, &gone), Some(gone))
    };
    let search = String::new();
    Ok((Page { title, place: Some(Place::Customers), body, search }, gone))
}

fn name_of(customer: &Customer, shower: &Shower<'_>) -> String {
    let name = customer.shown(Attribute::DisplayName);
    let name = name.as_ref().and_then(|name| name.text());
    name.unwrap_or(shower.words().no_name).to_owned()
}

fn whole(visitor: &Visitor, seen: &Seen<'_>, customer: &Customer) -> Markup {
    let words = seen.shower.words();
    html! {
        (head(visitor, seen, customer))
        div #moment data-swap="moment" {
            (moment::chooser(seen))
            div .columns {
                div {
                    (attributes::section(seen, customer))
                    (identities::section(seen, customer))
                }
                (timeline::section(seen))
            }
            section .card #graph {
                h2 { (words.graph) }
                (picture::section(seen, customer))
            }
        }
    }
}

/// The name, what else the customer was known as, and what can be done.
fn head(visitor: &Visitor, seen: &Seen<'_>, customer: &Customer) -> Markup {
    let shower = seen.shower;
    let words = shower.words();
    let is_merged = customer.id != seen.id;
    let homes = seen.then.homes_of(customer.id);
    let merged: Vec<String> =
        homes.iter().filter(|home| **home != customer.id).map(|home| format!("#{home}")).collect();
    html! {
        header .title {
            div {
                h1 { (name_of(customer, &shower)) " " span .id { "#" (customer.id) } }
                p .soft .facts {
                    span { (words.version) " " (customer.rev) }
                    span { (words.created) " " (shower.time(customer.created_at)) }
                    span { (words.updated) " " (shower.time(customer.updated_at)) }
                    @if !merged.is_empty() { span { (words.merged_ids) " " (merged.join(", ")) } }
                    @if visitor.may(Permission::UsersAdmin) {
                        a href={ (people::AUDIT) "?on=customer&id=" (customer.id) } { (words.who_looked) }
                    }
                }
            }
            div .tools {
                @if visitor.may_reveal() && shower.contacts == Contacts::Masked {
                    form method="post" action={ "/console/customers/" (customer.id) "/reveal" } {
                        (visitor.csrf())
                        button .button { (words.reveal) }
                    }
                }
                a .button href={ "/console/why?from=%23" (customer.id) } { (words.ask_why) }
                (acts::tools(visitor, customer.id))
            }
        }
        (done::told(visitor, seen.versions))
        @if is_merged { p .alert.info { (fill(words.merged_here, &[&seen.id.to_string()])) } }
        @if shower.contacts == Contacts::Full { p .alert.info role="status" { (words.reveal_note) } }
    }
}

/// What is told of an id that nobody answers for.
fn nobody(seen: &Seen<'_>, gone: &Problem) -> Markup {
    let words = seen.shower.words();
    let (title, why) = if gone.code == Code::CustomerDeleted {
        (words.customer_deleted, words.customer_deleted_why)
    } else {
        (words.customer_missing, words.customer_missing_why)
    };
    html! {
        header .title { h1 { span .id { "#" (seen.id) } } }
        div #moment data-swap="moment" {
            (moment::chooser(seen))
            section .empty role="alert" { h2 { (title) } p { (why) } }
            (timeline::section(seen))
        }
    }
}
