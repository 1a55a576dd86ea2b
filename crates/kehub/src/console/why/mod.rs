//! `/console/why`: why two are one person, or are not.

mod apart;
pub(super) mod named;
mod path;

use super::page::{Page, Place};
use super::show::{Contacts, Shower};
use super::visitor::Visitor;
use super::words::fill;
use crate::api::explanations::sides::{FROM, Side, TO, both};
use crate::api::past::names::Names;
use crate::api::problem::Problem;
use crate::wire::query::Query;
use axum::response::Response;
use kehub_core::attribute::Attribute;
use kehub_core::directory::Permission;
use kehub_core::explain::Node;
use kehub_core::facts::TenantFacts;
use kehub_core::history::Moment;
use kehub_core::{CustomerId, IdentityNumber};
use maud::{Markup, html};
use named::{Named, named};

/// An explanation, or the form that asks for one.
pub(super) async fn page(visitor: Visitor) -> Response {
    let page = explained(&visitor).await;
    visitor.answer(page)
}

/// What parts of an explanation are made of.
struct Seen<'a> {
    shower: Shower<'a>,
    names: &'a Names<'a>,
    then: &'a TenantFacts,
}

impl Seen<'_> {
    /// An identity, as far as it may be told.
    fn identity(&self, number: IdentityNumber) -> Markup {
        let words = self.shower.words();
        let row = self.names.row(number).filter(|row| !row.is_erased());
        html! {
            @match row {
                Some(row) => {
                    @let kind = self.names.kind(row.key.kind).unwrap_or_default();
                    @let rules = self.then.policy().rules_of(row.key.kind);
                    span .kind.(rules.role.name()) { (kind) } " "
                    span .value { (self.shower.identity(kind, &row.raw)) }
                },
                None => span .soft { (words.erased_identity) },
            }
        }
    }

    /// A customer with its name.
    fn customer(&self, id: CustomerId) -> Markup {
        let name = self.then.customer(id).and_then(|it| it.shown(Attribute::DisplayName));
        html! {
            a href={ "/console/customers/" (id) } {
                @if let Some(name) = name.as_ref().and_then(|name| name.text()) { (name) " " }
                span .id { "#" (id) }
            }
        }
    }

    fn node(&self, node: Node) -> Markup {
        match node {
            Node::Identity(number) => self.identity(number),
            Node::Home(home) => self.customer(home),
        }
    }

    /// When an entry was written, and by whom.
    fn written(&self, seq: kehub_core::Seq) -> Markup {
        let entry = self.then.entry(seq);
        html! {
            @if let Some(entry) = entry {
                span .origin {
                    (self.names.app_name(entry.app).unwrap_or(self.shower.words().command_line)) ", "
                    (self.shower.time(entry.at)) ", "
                    (self.shower.words().request) " " code { (entry.request) }
                }
            }
        }
    }
}

async fn explained(visitor: &Visitor) -> Result<Page, Problem> {
    visitor.call.require(Permission::CustomersRead)?;
    let words = visitor.words();
    let (mut from, mut to) = (String::new(), String::new());
    let decoded = Query::new(visitor.call.query()).decoded();
    for (name, value) in decoded.filter_map(|(name, value)| Some((name?, value?))) {
        match name.as_str() {
            "from" => from = value,
            "to" => to = value,
            _ => (),
        }
    }
    let shower = Shower { look: &visitor.look, contacts: Contacts::Masked };
    let told = if from.is_empty() || to.is_empty() {
        html! {}
    } else {
        let (one, other) = (named(&visitor.call, &from).await?, named(&visitor.call, &to).await?);
        match (one, other) {
            (Named::One(one), Named::One(other)) => told(visitor, shower, *one, *other).await?,
            (one, other) => html! {
                (one.trouble(shower, &from, |chosen| (chosen, to.clone())))
                (other.trouble(shower, &to, |chosen| (from.clone(), chosen)))
            },
        }
    };
    let body = html! {
        header .title { h1 { (words.why) } }
        p .lead { (words.why_about) }
        (form(shower, &from, &to))
        div #results data-swap="results" { (told) }
    };
    let (title, search) = (words.why.to_owned(), String::new());
    Ok(Page { title, place: Some(Place::Why), body, search })
}

fn form(shower: Shower<'_>, from: &str, to: &str) -> Markup {
    let words = shower.words();
    html! {
        form .inline.card action="/console/why" {
            label { (words.why_one)
                input name="from" value=(from) required placeholder=(words.why_hint) autocomplete="off";
            }
            label { (words.why_other)
                input name="to" value=(to) required placeholder=(words.why_hint) autocomplete="off";
            }
            button .button.primary { (words.why_ask) }
        }
    }
}

/// What there is to say about two that are known.
async fn told(
    visitor: &Visitor,
    shower: Shower<'_>,
    from: Side,
    to: Side,
) -> Result<Markup, Problem> {
    let homes: Vec<CustomerId> = from.home().into_iter().chain(to.home()).collect();
    let past = visitor.call.store().past(visitor.call.tenant(), &homes).await?;
    let then = past.as_of(Moment::Now);
    let (one, other) = both((&FROM, from.owner(&past, &then)), (&TO, to.owner(&past, &then)))?;
    let access = visitor.call.hub().access();
    let mut names = Names::new(&past, &access);
    for side in [&from, &to] {
        if let Side::Identity(found) = side {
            names.known.learn(found);
        }
    }
    let seen = Seen { shower, names: &names, then: &then };
    let words = shower.words();
    let sides = html! {
        div .sides {
            (side(&seen, from.node(), one))
            (side(&seen, to.node(), other))
        }
    };
    Ok(match one.zip(other) {
        Some((one, other)) if one == other => html! {
            h2 .verdict.good { (words.why_same) }
            (sides)
            (path::section(&seen, from.node(), to.node(), one))
        },
        Some((one, other)) => html! {
            h2 .verdict.bad { (words.why_apart) }
            (sides)
            (apart::section(&seen, one, other))
        },
        None => html! {
            h2 .verdict { (words.why_free) }
            (sides)
            p .soft { (words.why_free_why) }
        },
    })
}

fn side(seen: &Seen<'_>, node: Node, owner: Option<CustomerId>) -> Markup {
    let words = seen.shower.words();
    html! {
        div .card {
            p .big { (seen.node(node)) }
            @match (node, owner) {
                (Node::Home(home), Some(owner)) if home == owner => {},
                (_, Some(owner)) => p .soft { (words.why_belongs) " " (seen.customer(owner)) },
                (_, None) => p .soft { (words.why_belongs) " " (words.why_nobody) },
            }
        }
    }
}

impl Named {
    /// What to do about a text that names nobody, or several.
    fn trouble(
        &self,
        shower: Shower<'_>,
        text: &str,
        sides: impl Fn(String) -> (String, String),
    ) -> Markup {
        let words = shower.words();
        let address = |number: &IdentityNumber| {
            let (from, to) = sides(format!("@{number}"));
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query.append_pair("from", &from).append_pair("to", &to);
            format!("/console/why?{}", query.finish())
        };
        match self {
            Named::One(_) => html! {},
            Named::Nobody => html! {
                section .empty role="alert" {
                    h2 { (words.why_unknown) }
                    p { (fill(words.why_unknown_why, &[text])) }
                }
            },
            Named::Several(several) => html! {
                section .card role="alert" {
                    h2 { (fill(words.why_several, &[text])) }
                    p { (words.why_several_why) }
                    ul .plain {
                        @for (kind, owner, number) in several {
                            li { a href=(address(number)) { (kind) " → #" (owner) } }
                        }
                    }
                }
            },
        }
    }
}
