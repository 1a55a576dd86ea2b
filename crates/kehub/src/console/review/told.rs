//! What became of what somebody has just decided, as the store has it.

use super::queue::Place;
use super::words::words;
use crate::api::problem::Problem;
use crate::console::visitor::Visitor;
use crate::console::words::fill;
use kehub_core::conflict::Settlement;
use kehub_core::history::Moment;
use kehub_core::{CustomerId, MergeId};
use maud::{Markup, html};

/// Tells it; nothing, if nothing was decided there.
pub(super) async fn told(visitor: &Visitor, place: Place) -> Result<Markup, Problem> {
    match place {
        Place::Conflict(id) => {
            let found = visitor.call.store().conflict(visitor.call.tenant(), id).await?;
            let Some(found) = found else { return Ok(html! {}) };
            let conflict = found.conflict;
            let pair = (conflict.left, conflict.right.unwrap_or(conflict.left));
            Ok(settled(visitor, pair, conflict.settlement))
        }
        Place::Pair(_, low, high) => pair(visitor, low, high).await,
        Place::End => Ok(html! {}),
    }
}

fn settled(
    visitor: &Visitor,
    (left, right): (CustomerId, CustomerId),
    settlement: Option<Settlement>,
) -> Markup {
    let words = words(visitor.look.language);
    let ids = [left.to_string(), right.to_string()];
    let [one, other] = ids.each_ref().map(String::as_str);
    let (text, merge) = match settlement {
        Some(Settlement::Merged(merge)) => (fill(words.told_merged, &[one, other]), Some(merge)),
        Some(Settlement::KeptApart) => (fill(words.told_apart, &[one, other]), None),
        Some(Settlement::IdentityMoved) => (fill(words.told_moved, &[one]), None),
        Some(Settlement::Accepted) => (words.told_accepted.to_owned(), None),
        Some(Settlement::Erased) | None => return html! {},
    };
    said(visitor, &text, left, merge)
}

async fn pair(visitor: &Visitor, low: CustomerId, high: CustomerId) -> Result<Markup, Problem> {
    let words = words(visitor.look.language);
    let past = visitor.call.store().past(visitor.call.tenant(), &[low, high]).await?;
    let now = past.as_of(Moment::Now);
    let ids = [low.to_string(), high.to_string()];
    let [one, other] = ids.each_ref().map(String::as_str);
    let (ours, theirs) = (now.survivor(low), now.survivor(high));
    let (Some(ours), Some(theirs)) = (ours, theirs) else { return Ok(html! {}) };
    if ours.id == theirs.id {
        let homes = now.homes_of(ours.id);
        let live = now.merges().filter(|it| it.is_live() && homes.contains(&it.left));
        let newest = live.max_by_key(|merge| merge.seq).map(|merge| merge.id);
        return Ok(said(visitor, &fill(words.told_merged, &[one, other]), ours.id, newest));
    }
    if now.cannot_link(&now.homes_of(ours.id), &now.homes_of(theirs.id)) {
        return Ok(said(visitor, &fill(words.told_apart, &[one, other]), low, None));
    }
    Ok(html! {})
}

fn said(visitor: &Visitor, text: &str, customer: CustomerId, merge: Option<MergeId>) -> Markup {
    let words = words(visitor.look.language);
    html! {
        p .alert.good role="status" {
            (text)
            @if let Some(merge) = merge {
                " " a href={ "/console/customers/" (customer) "/merges/" (merge) "/undo" } { (words.undo) }
            }
        }
    }
}
