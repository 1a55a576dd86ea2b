//! One pair: why it is here, both beside each other, and the buttons.

use super::decide::would_merge;
use super::queue::{Item, Place};
use super::words::{Words, words};
use super::{ADDRESS, address};
use crate::api::problem::{Code, Problem};
use crate::console::acts::merge::compared;
use crate::console::done::why_never;
use crate::console::pair::{Pair, identities, name, one_identity};
use crate::console::show::Shower;
use crate::console::visitor::Visitor;
use crate::console::words::fill;
use kehub_core::command::{Decision, MergeByHand};
use kehub_core::conflict::{Label, Rule};
use kehub_core::customer::Customer;
use kehub_core::directory::Permission;
use kehub_core::duplicates::{Reason, Suggestion};
use kehub_core::facts::TenantFacts;
use kehub_core::history::Moment;
use kehub_core::merge::Verdict;
use kehub_core::outcome::MergedByHand;
use kehub_core::{CustomerId, IdentityNumber};
use kehub_store::SidedConflict;
use maud::{Markup, html};

/// What a pair is drawn with.
struct Seen<'a> {
    visitor: &'a Visitor,
    shower: Shower<'a>,
    words: &'static Words,
    facts: &'a TenantFacts,
}

/// The pair; nothing, if it was settled since it was found.
pub(super) async fn shown(
    visitor: &Visitor,
    shower: Shower<'_>,
    item: &Item,
    next: Place,
) -> Result<Option<Markup>, Problem> {
    let ids: Vec<CustomerId> = match item {
        Item::Conflict(found) => {
            [found.left, found.right, found.owner].into_iter().flatten().collect()
        }
        Item::Suggestion(pair) => vec![pair.low, pair.high],
    };
    let past = visitor.call.store().past(visitor.call.tenant(), &ids).await?;
    let facts = past.as_of(Moment::Now);
    let seen = Seen { visitor, shower, words: words(visitor.look.language), facts: &facts };
    let pair = match item {
        Item::Conflict(found) => found.left.zip(found.right),
        Item::Suggestion(pair) => Some((pair.low, pair.high)),
    };
    let live = |id| facts.survivor(id);
    let both = pair.and_then(|(one, other)| live(one).zip(live(other)));
    let two = both.filter(|(one, other)| one.id != other.id);
    let why = match item {
        Item::Conflict(found) => seen.why_conflict(found),
        Item::Suggestion(pair) => {
            let Some((one, other)) = two else { return Ok(None) };
            if facts.cannot_link(&facts.homes_of(one.id), &facts.homes_of(other.id)) {
                return Ok(None);
            }
            seen.why_alike(pair)
        }
    };
    let may = visitor.may(Permission::IdentitiesMerge);
    let would = match two.filter(|_| may) {
        Some((one, other)) => {
            Some(would_merge(visitor, MergeByHand { one: one.id, other: other.id }).await?)
        }
        None => None,
    };
    let sides = match (two, item) {
        (Some((one, other)), _) => seen.sides(one, other, would.as_ref()),
        (None, Item::Conflict(found)) => seen.one_side(found),
        (None, Item::Suggestion(_)) => html! {},
    };
    let can_merge = matches!(would, Some(Ok(_)));
    Ok(Some(html! {
        (why)
        (sides)
        @if may { (seen.buttons(item, next, two.is_some(), can_merge)) }
        @else { p .note { (fill(seen.words.read_only, &[Permission::IdentitiesMerge.name()])) } }
    }))
}

impl Seen<'_> {
    fn why_conflict(&self, found: &SidedConflict) -> Markup {
        let conflict = &found.conflict;
        let words = self.words;
        let call = &self.visitor.call;
        let (access, tenant) = (call.hub().access(), call.tenant());
        let opened = self.facts.entry(conflict.opened).map(|entry| {
            let app =
                access.app_name(tenant, entry.app).unwrap_or(self.shower.words().command_line);
            fill(words.opened, &[&self.shower.moment(entry.at), app])
        });
        let care = match conflict.rule.label() {
            Label::Recommended => words.recommended,
            Label::WithCare => words.with_care,
        };
        let owner = match found.owner {
            Some(owner) => fill(words.owner, &[&owner.to_string()]),
            None => words.owner_none.to_owned(),
        };
        html! {
            section .card.why {
                h2 { (words.why) }
                p { (rule(conflict.rule, words)) " " span .soft { (care) } }
                p { (words.about_identity) " " (self.identity(conflict.identity)) " " span .soft { (owner) } }
                @if conflict.evidence.len() > 1 {
                    p { (words.evidence) " "
                        @for number in &conflict.evidence { (self.identity(*number)) " " }
                    }
                }
                @if let Some(opened) = opened { p .origin { (opened) } }
            }
        }
    }

    fn why_alike(&self, pair: &Suggestion) -> Markup {
        let words = self.words;
        let reasons: Vec<&str> = pair.reasons.iter().map(|it| reason(*it, words)).collect();
        html! {
            section .card.why {
                h2 { (words.why) }
                p { (fill(words.alike, &[&reasons.join(words.listed)])) }
                p .origin { (fill(words.score, &[&pair.score.to_string()])) }
            }
        }
    }

    fn identity(&self, number: IdentityNumber) -> Markup {
        if let Some(identity) = self.facts.identity(number) {
            one_identity(self.shower, self.facts, identity)
        } else {
            html! { span .soft { (self.words.gone) } }
        }
    }

    fn sides(
        &self,
        one: &Customer,
        other: &Customer,
        would: Option<&Result<Box<MergedByHand>, Problem>>,
    ) -> Markup {
        let words = self.words;
        // A merge tells the two in an order of its own.
        let table = if let Some(Ok(would)) = would {
            compared(self.shower, would)
        } else {
            let heads = (name(self.shower, one), name(self.shower, other));
            Pair { shower: self.shower, one, other, merged: None }.fields((&heads.0, &heads.1))
        };
        let refused = |would: &MergedByHand| {
            let all = would.merge.guards.iter();
            let against = all.filter(|(_, verdict)| *verdict == Verdict::Refuse);
            let names = against.map(|(guard, _)| self.shower.words().guard(*guard));
            names.collect::<Vec<_>>().join(words.listed)
        };
        let ordered = match would {
            Some(Ok(would)) if would.before.0.id == other.id => [other, one],
            Some(_) | None => [one, other],
        };
        html! {
            div .sides { @for customer in ordered { (self.side(customer)) } }
            section .card {
                h2 { (words.compared) }
                (table)
                @match would {
                    Some(Ok(would)) if !refused(would).is_empty() => {
                        p .alert.spaced { (fill(words.against, &[&refused(would)])) }
                    },
                    Some(Err(problem)) => p .alert.spaced {
                        (fill(words.merge_refused, &[&why_never(self.visitor, problem)]))
                        @if problem.code == Code::CannotLinked {
                            " " a href={ "/console/customers/" (one.id) "/merge?with=%23" (other.id) } {
                                (words.take_back)
                            }
                        }
                    },
                    Some(Ok(_)) | None => {},
                }
            }
        }
    }

    fn side(&self, customer: &Customer) -> Markup {
        let held = self.facts.held_by(customer.id).map(|it| it.number).collect::<Vec<_>>();
        html! {
            section .card {
                h2 { a href={ "/console/customers/" (customer.id) } { (name(self.shower, customer)) } }
                (identities(self.shower, self.facts, held))
            }
        }
    }

    /// A conflict of one customer: the other side is nobody, is gone, or is the same by now.
    fn one_side(&self, found: &SidedConflict) -> Markup {
        let words = self.words;
        let is_one = found.left.is_some() && found.left == found.right;
        let customer = found.left.or(found.right).and_then(|id| self.facts.survivor(id));
        html! {
            @if let Some(customer) = customer {
                p .alert.info {
                    @if is_one {
                        (fill(words.one_now, &[&customer.id.to_string()])) " " (words.one_now_why)
                    } @else { (words.one_side) }
                    " "
                    a href={ "/console/customers/" (customer.id) } {
                        (fill(words.to_customer, &[&customer.id.to_string()]))
                    }
                }
                (self.side(customer))
            }
        }
    }

    fn buttons(&self, item: &Item, next: Place, has_two: bool, can_merge: bool) -> Markup {
        let words = self.words;
        let place = item.place();
        let button = |decision: Decision, key: Option<&str>, class: &str, text: &str| {
            html! {
                button .button.(class) name="decision" value=(decision.name())
                    data-key=[key] aria-keyshortcuts=[key] {
                    (text) @if let Some(key) = key { kbd .by-key { (key) } }
                }
            }
        };
        html! {
            form .act.decide method="post" action=(ADDRESS) {
                (self.visitor.csrf())
                input type="hidden" name="item" value=(place);
                input type="hidden" name="next" value=(next);
                @if has_two && can_merge { (button(Decision::Merge, Some("m"), "primary", words.merge)) }
                @if has_two { (button(Decision::KeepApart, Some("k"), "usual", words.keep)) }
                a .button href=(address(place.kind(), next)) data-key="l" aria-keyshortcuts="l" {
                    (words.later) kbd .by-key { "l" }
                }
                @if let Item::Conflict(found) = item {
                    span .apart {
                        @if let Some(left) = movable(found, self.facts) {
                            (button(Decision::MoveIdentity, None, "usual", &fill(words.give, &[&left.to_string()])))
                        }
                        (button(Decision::Accept, None, "usual", words.accept))
                    }
                }
            }
        }
    }
}

/// Whom the identity of a conflict may be given to.
fn movable(found: &SidedConflict, facts: &TenantFacts) -> Option<CustomerId> {
    let identity = facts.identity(found.conflict.identity).filter(|it| !it.is_erased())?;
    let is_theirs = found.owner.is_some() && found.owner == found.left;
    found.left.filter(|_| !is_theirs && identity.home != Some(found.conflict.left))
}

/// Why a conflict was opened, in a sentence.
const fn rule(rule: Rule, words: &Words) -> &'static str {
    match rule {
        Rule::Distinguishing => words.r_distinguishing,
        Rule::CannotLink => words.r_cannot_link,
        Rule::TooManyIdentities => words.r_too_many,
        Rule::ContactOnly => words.r_contact_only,
        Rule::Keep => words.r_keep,
        Rule::OverLimit => words.r_over_limit,
        Rule::AttributeMatch => words.r_attribute_match,
        Rule::BridgeExtracted => words.r_bridge_extracted,
    }
}

/// What two customers have in common.
const fn reason(reason: Reason, words: &Words) -> &'static str {
    match reason {
        Reason::SameMobile => words.d_same_mobile,
        Reason::SameEmail => words.d_same_email,
        Reason::SameNameAndBirthday => words.d_same_name_and_birthday,
        Reason::NearNameAndBirthday => words.d_near_name_and_birthday,
        Reason::NearNameAndPostcode => words.d_near_name_and_postcode,
        Reason::NearIdentityAndBirthday => words.d_near_identity_and_birthday,
    }
}
