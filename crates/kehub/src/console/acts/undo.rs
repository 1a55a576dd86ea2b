//! `/console/customers/{id}/merges/{merge}/undo`: takes a merge back, having said what that gives back.

use super::{Acting, done};
use crate::api::decided::decide;
use crate::api::problem::{Code, Problem};
use crate::console::done::{refused, why_never, why_not};
use crate::console::page::{Page, elsewhere};
use crate::console::pair::{Pair, identities, name, one_identity};
use crate::console::visitor::Visitor;
use crate::console::words::fill;
use axum::response::Response;
use kehub_core::command::Command;
use kehub_core::directory::Permission;
use kehub_core::facts::TenantFacts;
use kehub_core::merge::Merge;
use kehub_core::outcome::{Outcome, Undone};
use kehub_core::receipt::Remembered;
use kehub_core::{CustomerId, MergeId};
use maud::{Markup, html};
use std::collections::BTreeSet;

/// What undoing would give back.
pub(super) async fn page(visitor: Visitor) -> Response {
    let page = shown(&visitor, None).await;
    visitor.answer(page)
}

/// Undoes it.
pub(super) async fn undo(visitor: Visitor) -> Response {
    match undone(&visitor).await {
        Ok(address) => elsewhere(&address),
        Err(problem) => {
            let text = why_not(&visitor, &problem);
            refused(&visitor, &problem, shown(&visitor, Some(&text)).await)
        }
    }
}

async fn undone(visitor: &Visitor) -> Result<String, Problem> {
    let acting = Acting::begin(visitor, Permission::IdentitiesMerge)?;
    let (told, _) = decide(&visitor.call, Command::Unmerge(merge_id(visitor)?), false).await?;
    let Remembered::Unmerged { seq, .. } = told else { return Err(Problem::unexpected()) };
    Ok(done(acting.id, seq))
}

fn merge_id(visitor: &Visitor) -> Result<MergeId, Problem> {
    visitor.call.number(3, Code::MergeNotFound).map(MergeId)
}

async fn shown(visitor: &Visitor, refused: Option<&str>) -> Result<Page, Problem> {
    let acting = Acting::begin(visitor, Permission::IdentitiesMerge)?;
    let id = merge_id(visitor)?;
    let words = acting.words;
    let title = fill(words.undo_title, &[&id.to_string()]);
    // Undone or gone meanwhile: what is left to say stands above.
    let outcome = visitor.call.apply(Command::Unmerge(id), true).await;
    let (undone, refused) = match outcome {
        Ok(Outcome::Unmerged(undone)) => (undone, refused),
        Ok(_) => return Err(Problem::unexpected()),
        Err(problem) => {
            let text = why_never(visitor, &problem);
            let text = refused.unwrap_or(&text);
            return Ok(acting.page(&title, words.undo_about, Some(text), &html! {}));
        }
    };
    let (_, facts) = acting.facts(&[undone.customers.0.id]).await?;
    let merge = facts.merge(id).cloned().ok_or_else(Problem::unexpected)?;
    let below = format!("/merges/{id}/undo");
    let body = html! {
        (made(&acting, &merge, &facts))
        (sides(&acting, &undone, &merge, &facts))
        @if !undone.undecided.is_empty() {
            p .alert.info {
                (fill(words.undo_undecided, &[
                    &undone.undecided.len().to_string(), &undone.customers.0.id.to_string(),
                ]))
            }
        }
        (acting.form(&below, &html! { button .button.primary { (words.undo_now) } }))
    };
    Ok(acting.page(&title, words.undo_about, refused, &body))
}

/// Who made the merge, when, and upon what.
fn made(acting: &Acting<'_>, merge: &Merge, facts: &TenantFacts) -> Markup {
    let (words, shower) = (acting.words, acting.shower());
    let call = &acting.visitor.call;
    let (access, tenant) = (call.hub().access(), call.tenant());
    let written = facts.entry(merge.seq).map(|entry| {
        let app = access.app_name(tenant, entry.app).unwrap_or(shower.words().command_line);
        fill(words.undo_made, &[&shower.moment(entry.at), app])
    });
    let bridge: Vec<_> = merge.bridge.iter().filter_map(|it| facts.identity(*it)).collect();
    html! {
        p .facts.spaced {
            @if let Some(written) = written { span { (written) } }
            @if !bridge.is_empty() {
                span { (words.undo_bridge) " "
                    @for identity in bridge { (one_identity(shower, facts, identity)) " " }
                }
            }
        }
    }
}

/// The two customers as they will be, each with what it holds.
fn sides(acting: &Acting<'_>, undone: &Undone, merge: &Merge, facts: &TenantFacts) -> Markup {
    let (words, shower) = (acting.words, acting.shower());
    let (kept, revived) = &undone.customers;
    let head =
        |customer, becomes: &str| html! { (name(shower, customer)) " " span .tag { (becomes) } };
    let heads = (head(kept, words.undo_keeps), head(revived, words.undo_again));
    let homes = beyond(revived.id, merge, facts);
    let all = facts.held_by(kept.id);
    let (theirs, ours): (Vec<_>, Vec<_>) =
        all.partition(|it| it.home.is_some_and(|home| homes.contains(&home)));
    let numbers = |held: Vec<&kehub_core::identity::Identity>| {
        held.into_iter().map(|it| it.number).collect::<Vec<_>>()
    };
    html! {
        div .sides {
            section .card {
                h2 { (heads.0) } h3 { (words.identities) }
                (identities(shower, facts, numbers(ours)))
            }
            section .card {
                h2 { (heads.1) } h3 { (words.identities) }
                (identities(shower, facts, numbers(theirs)))
            }
        }
        section .card {
            h2 { (words.attributes) }
            (Pair { shower, one: kept, other: revived, merged: None }.fields((&heads.0, &heads.1)))
        }
    }
}

/// The homes that are still connected with this one when the merge is gone.
fn beyond(home: CustomerId, merge: &Merge, facts: &TenantFacts) -> BTreeSet<CustomerId> {
    let mut found = BTreeSet::from([home]);
    loop {
        let before = found.len();
        for other in facts.merges().filter(|other| other.is_live() && other.id != merge.id) {
            if found.contains(&other.left) || found.contains(&other.right) {
                found.extend([other.left, other.right]);
            }
        }
        if found.len() == before {
            return found;
        }
    }
}
