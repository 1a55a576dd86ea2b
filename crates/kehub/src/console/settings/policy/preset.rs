//! The policy as a whole: the preset, and what happens when a request brings customers together.

use super::super::ADDRESS;
use super::super::words::words;
use super::preview::{self, Origin};
use super::{ACT, SAVE, VERSION, list, on_conflict_word, preset_word};
use crate::api::policy::body::set_policy;
use crate::api::problem::{Code, Problem};
use crate::console::done::{form as sent_form, refused, why_not};
use crate::console::entry::form::Form;
use crate::console::page::{Page, elsewhere};
use crate::console::visitor::Visitor;
use axum::body::Body;
use axum::response::Response;
use kehub_core::command::SetPolicy;
use kehub_core::directory::Permission;
use kehub_core::policy::{OnConflict, Policy, Preset};
use maud::{Markup, html};

/// The fields of the form.
const FIELDS: &[&str] = &["preset", "onConflict"];

/// Shows what would change, or saves it.
pub(in crate::console::settings) async fn act(visitor: Visitor, body: Body) -> Response {
    let sent = match sent_form(&visitor, body).await {
        Ok(sent) => sent,
        Err(problem) => return refused(&visitor, &problem, Err(problem.clone())),
    };
    let is_save = sent.field(ACT) == SAVE;
    let done = if is_save {
        saved(&visitor, &sent).await
    } else {
        looked(&visitor, &sent, None).await.map(Err)
    };
    match done {
        Ok(Ok(address)) => elsewhere(&address),
        Ok(Err(page)) => visitor.answer(Ok(page)),
        Err(problem) => {
            let text = why_not(&visitor, &problem);
            let page = if problem.code == Code::PolicyChanged {
                looked(&visitor, &sent, Some(&text)).await
            } else {
                list::shown(&visitor, Some(&text)).await
            };
            refused(&visitor, &problem, page)
        }
    }
}

/// Saves what was looked at; gives where one goes from there.
async fn saved(visitor: &Visitor, sent: &Form) -> Result<Result<String, Page>, Problem> {
    visitor.call.require(Permission::PoliciesWrite)?;
    let wanted = SetPolicy { if_version: Some(version_in(sent)?), ..wanted(sent)? };
    let change = set_policy(&visitor.call, wanted, false).await?;
    let is_new = change.before.version != change.after.version;
    Ok(Ok(format!("{ADDRESS}?done={}", if is_new { change.after.version } else { 0 })))
}

/// What saving would change.
async fn looked(visitor: &Visitor, sent: &Form, told: Option<&str>) -> Result<Page, Problem> {
    visitor.call.require(Permission::PoliciesWrite)?;
    let change = set_policy(&visitor.call, wanted(sent)?, true).await?;
    let title = words(visitor.look.language).policy.to_owned();
    let origin = Origin { address: ADDRESS, title, fields: FIELDS };
    preview::page(visitor, origin, sent, &change, told).await
}

/// What a form asks for. Its choices are all that a browser can send of it.
fn wanted(sent: &Form) -> Result<SetPolicy, Problem> {
    let preset = Some(Preset::named(sent.field("preset")).ok_or_else(out_of_date)?);
    let on_conflict = Some(OnConflict::named(sent.field("onConflict")).ok_or_else(out_of_date)?);
    Ok(SetPolicy { preset, on_conflict, ..SetPolicy::default() })
}

/// The version of the policy that was looked at.
pub(super) fn version_in(sent: &Form) -> Result<u32, Problem> {
    sent.field(VERSION).parse().map_err(|_| out_of_date())
}

fn out_of_date() -> Problem {
    Problem::new(Code::BodyBroken, "the page is out of date")
}

/// The form, or what it would say for who may not change anything.
pub(super) fn card(visitor: &Visitor, policy: &Policy) -> Markup {
    let words = words(visitor.look.language);
    let presets = [Preset::Compat, Preset::Guarded];
    let choices = [OnConflict::Merge, OnConflict::Keep, OnConflict::Reject];
    html! {
        section .card.narrow {
            h2 { (words.policy) }
            @if visitor.may(Permission::PoliciesWrite) {
                form .act.stack method="post" action=(ADDRESS) {
                    (visitor.csrf())
                    label { (words.preset)
                        select name="preset" { @for it in presets {
                            option value=(it.name()) selected[it == policy.preset] { (preset_word(it, words)) }
                        } }
                    }
                    label { (words.on_conflict)
                        select name="onConflict" { @for it in choices {
                            option value=(it.name()) selected[it == policy.on_conflict] {
                                (on_conflict_word(it, words))
                            }
                        } }
                    }
                    p .note { (words.policy_about) }
                    div { button .button { (words.show_changes) } }
                }
            } @else {
                dl .fields {
                    div .field { dt { (words.preset) } dd { (preset_word(policy.preset, words)) } }
                    div .field { dt { (words.on_conflict) } dd { (on_conflict_word(policy.on_conflict, words)) } }
                }
                p .note { (words.read_only) }
            }
        }
    }
}
