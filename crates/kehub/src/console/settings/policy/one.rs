//! One identity type: its rules, and the form to set them.

use super::super::words::words;
use super::form::{FIELDS, fields, json_in};
use super::preset::version_in;
use super::preview::{self, Origin};
use super::{ACT, SAVE, address_of, told};
use crate::api::call::json_of;
use crate::api::identity_types::body::{set, type_or_new};
use crate::api::identity_types::one::read;
use crate::api::policy::body::{policy_of, set_policy};
use crate::api::problem::{Code, Problem};
use crate::console::done::{alert, form as sent_form, refused, why_not};
use crate::console::entry::form::Form;
use crate::console::page::{Page, Place, elsewhere};
use crate::console::visitor::Visitor;
use crate::console::words::fill;
use axum::body::Body;
use axum::response::Response;
use kehub_core::canonical::{cleaned, type_key};
use kehub_core::command::SetPolicy;
use kehub_core::directory::Permission;
use kehub_core::limits::IDENTITY_TYPE_CHARS_MAX;
use kehub_core::policy::TypeRules;
use maud::html;

/// The type.
pub(in crate::console::settings) async fn page(visitor: Visitor) -> Response {
    let page = shown(&visitor, None).await;
    visitor.answer(page)
}

/// Shows what would change, or saves it.
pub(in crate::console::settings) async fn act(visitor: Visitor, body: Body) -> Response {
    let sent = match sent_form(&visitor, body).await {
        Ok(sent) => sent,
        Err(problem) => return refused(&visitor, &problem, Err(problem.clone())),
    };
    let done = if sent.field(ACT) == SAVE {
        saved(&visitor, &sent).await
    } else {
        looked(&visitor, &sent, None).await.map(Err)
    };
    match done {
        Ok(Ok(address)) => elsewhere(&address),
        Ok(Err(page)) => visitor.answer(Ok(page)),
        Err(problem) => {
            let page = if problem.code == Code::PolicyChanged {
                looked(&visitor, &sent, Some(&why_not(&visitor, &problem))).await
            } else {
                shown(&visitor, Some((&problem, &sent))).await
            };
            refused(&visitor, &problem, page)
        }
    }
}

/// Saves what was looked at; gives where one goes from there.
async fn saved(visitor: &Visitor, sent: &Form) -> Result<Result<String, Page>, Problem> {
    visitor.call.require(Permission::PoliciesWrite)?;
    let name = name_of(visitor)?;
    let types = vec![(name.clone(), read(&json_of(json_in(sent).as_bytes())?)?)];
    let wanted = SetPolicy { types, if_version: Some(version_in(sent)?), ..SetPolicy::default() };
    let change = set_policy(&visitor.call, wanted, false).await?;
    let is_new = change.before.version != change.after.version;
    Ok(Ok(format!("{}?done={}", address_of(&name), if is_new { change.after.version } else { 0 })))
}

/// What saving would change.
async fn looked(visitor: &Visitor, sent: &Form, told: Option<&str>) -> Result<Page, Problem> {
    visitor.call.require(Permission::PoliciesWrite)?;
    let name = name_of(visitor)?;
    let types = vec![(name.clone(), read(&json_of(json_in(sent).as_bytes())?)?)];
    let change =
        set_policy(&visitor.call, SetPolicy { types, ..SetPolicy::default() }, true).await?;
    let origin = Origin { address: &address_of(&name), title: name, fields: FIELDS };
    preview::page(visitor, origin, sent, &change, told).await
}

/// The type that the address names.
fn name_of(visitor: &Visitor) -> Result<String, Problem> {
    let name = visitor.call.word(2).filter(|name| !name.contains('\0'));
    let name = name.map(|name| cleaned(&name));
    let fits = |name: &String| (1..=IDENTITY_TYPE_CHARS_MAX).contains(&name.chars().count());
    name.filter(fits)
        .ok_or_else(|| Problem::new(Code::IdentityTypeNotFound, "no type has such a name"))
}

async fn shown(visitor: &Visitor, wrong: Option<(&Problem, &Form)>) -> Result<Page, Problem> {
    visitor.call.require_only(Permission::CustomersRead)?;
    let words = words(visitor.look.language);
    let name = name_of(visitor)?;
    let policy = policy_of(&visitor.call).await?;
    let is_known = policy.type_named(&name).is_some() || TypeRules::is_known(&type_key(&name));
    let may_write = visitor.may(Permission::PoliciesWrite);
    if !is_known && !may_write {
        return Err(Problem::new(Code::IdentityTypeNotFound, "nobody has used or set such a type"));
    }
    let kind = type_or_new(&policy, &name);
    let address = address_of(&kind.name);
    let text = wrong.map(|(problem, _)| match problem.fields().len() {
        0 => why_not(visitor, problem),
        count => fill(words.wrong, &[&count.to_string()]),
    });
    let own = set(&kind.settings);
    let body = html! {
        header .title {
            h1 { (kind.name) }
            div .tools { a .button href=(super::super::ADDRESS) { (words.all_types) } }
        }
        p .lead { (words.type_about) }
        (told(visitor, &policy))
        @if !is_known { p .alert.info { (words.type_new) } }
        (alert(text.as_deref()))
        form .card.act.stack.narrow method="post" action=(address) {
            (visitor.csrf())
            fieldset .stack disabled[!may_write] {
                (fields(visitor, &policy, &kind, &own, wrong))
            }
            @if may_write {
                p .note { (words.type_note) }
                div { button .button.primary { (words.show_changes) } }
            } @else { p .note { (words.read_only) } }
        }
    };
    let (title, search) = (kind.name.to_string(), String::new());
    Ok(Page { title, place: Some(Place::Settings), body, search })
}
