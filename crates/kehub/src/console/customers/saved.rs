//! Filters that a user has saved, with the order and the columns of their list: a menu of them, and the
//! form for one more.

use super::Address;
use super::address::Asked;
use super::words::{Words, words};
use crate::api::problem::{Code, Problem};
use crate::console::done::{form, refused, why_not};
use crate::console::page::elsewhere;
use crate::console::visitor::Visitor;
use crate::console::words::fill;
use crate::people::By;
use axum::body::Body;
use axum::response::Response;
use kehub_core::directory::Permission;
use kehub_core::filter::SortKey;
use kehub_core::people::saved::{
    SAVED_FILTERS_MAX, SAVED_NAME_CHARS_MAX, SAVED_QUERY_BYTES_MAX, SavedChange, SavedFilter,
    names_a_person,
};
use kehub_core::people::{PeopleChange, PeopleRefusal};
use maud::{Markup, html};

/// Where they are saved, and where they are forgotten.
pub(super) const FILTERS: &str = "/console/customers/filters";
pub(super) const FORGET: &str = "/console/customers/filters/forget";

/// Saves the filter that a list shows, and leads back to that list.
pub(super) async fn save(visitor: Visitor, body: Body) -> Response {
    let sent = match form(&visitor, body).await {
        Ok(sent) => sent,
        Err(problem) => return refused(&visitor, &problem, Err(problem.clone())),
    };
    let asked = super::asked(&visitor, Some(sent.field("query")));
    let name = sent.field("name").trim();
    match saved(&visitor, &asked, name).await {
        Ok(Ok(())) => elsewhere(&asked.address.text()),
        Ok(Err(why)) => not_done(&visitor, &asked, &why).await,
        Err(problem) => failed(&visitor, &asked, &problem).await,
    }
}

/// Forgets a filter, and leads back to the list that somebody looked at.
pub(super) async fn forget(visitor: Visitor, body: Body) -> Response {
    let sent = match form(&visitor, body).await {
        Ok(sent) => sent,
        Err(problem) => return refused(&visitor, &problem, Err(problem.clone())),
    };
    let asked = super::asked(&visitor, Some(sent.field("query")));
    let (app, name) = (visitor.call.app().number, sent.field("name").into());
    // Whoever asks twice finds it forgotten.
    let forgotten = match may_save(&visitor) {
        Ok(()) => changed(&visitor, SavedChange::Forget { app, name }).await.map(drop),
        Err(problem) => Err(problem),
    };
    match forgotten {
        Ok(()) => elsewhere(&asked.address.text()),
        Err(problem) => failed(&visitor, &asked, &problem).await,
    }
}

async fn saved(
    visitor: &Visitor,
    asked: &Asked,
    name: &str,
) -> Result<Result<(), String>, Problem> {
    may_save(visitor)?;
    let words = words(visitor.look.language);
    let fits = (1..=SAVED_NAME_CHARS_MAX).contains(&name.chars().count());
    if !fits || name.contains(char::is_control) {
        return Ok(Err(fill(words.name_unfit, &[&SAVED_NAME_CHARS_MAX.to_string()])));
    }
    if asked.trouble.is_some() {
        return Ok(Err(words.unreadable.to_owned()));
    }
    let address = lasting(&asked.address);
    if let Some(attribute) = names_a_person(&asked.filter) {
        let field = visitor.look.language.field(&SortKey::Attribute(attribute));
        return Ok(Err(fill(words.names_a_person, &[&field])));
    }
    let query = address.query();
    if query.len() > SAVED_QUERY_BYTES_MAX {
        return Ok(Err(fill(words.too_long, &[&SAVED_QUERY_BYTES_MAX.to_string()])));
    }
    let app = visitor.call.app().number;
    let save = SavedChange::Save { app, name: name.into(), query: query.into() };
    Ok(match changed(visitor, save).await? {
        Ok(()) => Ok(()),
        Err(PeopleRefusal::TooManySaved) => {
            Err(fill(words.too_many, &[&SAVED_FILTERS_MAX.to_string()]))
        }
        Err(_) => return Err(Problem::unexpected()),
    })
}

/// Lets a user on who may see customers. A program has nothing to come back to.
fn may_save(visitor: &Visitor) -> Result<(), Problem> {
    visitor.call.require(Permission::CustomersRead)?;
    let is_user = visitor.call.session().is_some();
    let missing = || Problem::new(Code::UserNotFound, "a filter is saved for a user");
    is_user.then_some(()).ok_or_else(missing)
}

/// What of a list is saved: what is looked for may be somebody's name.
fn lasting(address: &Address) -> Address {
    Address { search: String::new(), ..address.clone() }
}

async fn changed(
    visitor: &Visitor,
    change: SavedChange,
) -> Result<Result<(), PeopleRefusal>, Problem> {
    let call = &visitor.call;
    let (tenant, app) = (call.tenant(), call.app().number);
    let by = By { tenant, app, now: call.now(), request_id: call.request_id() };
    Ok(by.apply(call.hub(), PeopleChange::Saved(change)).await?.map(drop))
}

/// The list again, with why something was not done.
async fn not_done(visitor: &Visitor, asked: &Asked, why: &str) -> Response {
    let page = super::shown(visitor, asked, Some(why)).await;
    visitor.unfit(page)
}

async fn failed(visitor: &Visitor, asked: &Asked, problem: &Problem) -> Response {
    let text = why_not(visitor, problem);
    let page = super::shown(visitor, asked, Some(&text)).await;
    refused(visitor, problem, page)
}

/// The menu of them. A program has none.
pub(super) async fn menu(visitor: &Visitor, address: &Address) -> Result<Markup, Problem> {
    if visitor.call.session().is_none() {
        return Ok(html! {});
    }
    let words = words(visitor.look.language);
    let saved = visitor.call.store().saved_filters(visitor.call.app().number).await?;
    let query = lasting(address).query();
    let shown = saved.iter().find(|filter| *filter.query == *query);
    let summary = shown.map_or(words.saved, |filter| &filter.name);
    Ok(html! {
        details .menu {
            summary .button.named title=[shown.map(|_| words.saved)] { span { (summary) } }
            div .panel {
                @if saved.is_empty() {
                    p .note { (words.none) }
                } @else {
                    ul .saved {
                        @for filter in &saved {
                            li { (one(visitor, words, filter, address, shown == Some(filter))) }
                        }
                    }
                }
                @if query.is_empty() {
                    p .note { (words.nothing_set) }
                } @else if shown.is_none() {
                    (form_of(visitor, words, &query))
                }
            }
        }
    })
}

fn one(
    visitor: &Visitor,
    words: &Words,
    filter: &SavedFilter,
    address: &Address,
    is_shown: bool,
) -> Markup {
    let forget = fill(words.forget, &[&filter.name]);
    html! {
        a href={ "/console/customers?" (filter.query) } aria-current=[is_shown.then_some("true")] {
            (filter.name)
        }
        form method="post" action=(FORGET) {
            (visitor.csrf())
            input type="hidden" name="name" value=(filter.name);
            input type="hidden" name="query" value=(address.query());
            button .remove aria-label=(forget) title=(forget) { "×" }
        }
    }
}

fn form_of(visitor: &Visitor, words: &Words, query: &str) -> Markup {
    html! {
        form .stack method="post" action=(FILTERS) {
            (visitor.csrf())
            input type="hidden" name="query" value=(query);
            label { (words.name)
                input name="name" required maxlength=(SAVED_NAME_CHARS_MAX) autocomplete="off";
            }
            p .note { (words.what) }
            button .button.primary { (words.save) }
        }
    }
}
