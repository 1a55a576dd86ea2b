//! `/console/customers/{id}/merge`: says that another customer is the same person, having shown what
//! would come of it.

use super::{Acting, asked, done};
use crate::api::decided::decide;
use crate::api::problem::{Code, Problem};
use crate::console::done::{form, refused, why_never, why_not};
use crate::console::entry::form::Form;
use crate::console::page::{Page, elsewhere};
use crate::console::pair::{Pair, identities, name};
use crate::console::visitor::Visitor;
use crate::console::why::named::{Named, named};
use crate::console::words::fill;
use axum::body::Body;
use axum::response::Response;
use kehub_core::CustomerId;
use kehub_core::command::{Command, MergeByHand, SetCannotLink};
use kehub_core::directory::Permission;
use kehub_core::explain::apart;
use kehub_core::facts::TenantFacts;
use kehub_core::merge::Verdict;
use kehub_core::outcome::{MergedByHand, Outcome, Warning};
use kehub_core::receipt::Remembered;
use maud::{Markup, html};

/// Asks with whom, and shows what would come of it.
pub(super) async fn page(visitor: Visitor) -> Response {
    let with = asked(&visitor, "with");
    let page = shown(&visitor, &with, None).await;
    visitor.answer(page)
}

/// Merges, or takes back that the two were declared different.
pub(super) async fn merge(visitor: Visitor, body: Body) -> Response {
    let sent = match form(&visitor, body).await {
        Ok(sent) => sent,
        Err(problem) => return refused(&visitor, &problem, Err(problem.clone())),
    };
    match merged(&visitor, &sent).await {
        Ok(Became::Done(address)) => elsewhere(&address),
        Ok(Became::Doubted) => {
            let text = super::words::words(visitor.look.language).merge_despite_why;
            let page = shown(&visitor, sent.field("with"), Some(text)).await;
            visitor.unfit(page)
        }
        Err(problem) => {
            let text = why_not(&visitor, &problem);
            let page = shown(&visitor, sent.field("with"), Some(&text)).await;
            refused(&visitor, &problem, page)
        }
    }
}

enum Became {
    /// Where to go from there.
    Done(String),
    /// The rules see two people, and nobody said to know better.
    Doubted,
}

async fn merged(visitor: &Visitor, sent: &Form) -> Result<Became, Problem> {
    let acting = Acting::begin(visitor, Permission::IdentitiesMerge)?;
    let other = sent.field("with").trim_start_matches('#').parse().ok().filter(|id| *id > 0);
    let missing = || Problem::new(Code::CustomerNotFound, "no customer was named");
    let other = CustomerId(other.ok_or_else(missing)?);
    let one = acting.id;
    let call = &visitor.call;
    if let (Some(low), Some(high)) = (sent.given("low"), sent.given("high")) {
        let id = |text: &str| text.parse().map(CustomerId).map_err(|_| missing());
        let link = SetCannotLink { one: id(low)?, other: id(high)?, apart: false };
        decide(call, Command::SetCannotLink(link), false).await?;
        return Ok(Became::Done(acting.address(&format!("/merge?with=%23{other}"))));
    }
    let command = Command::Merge(MergeByHand { one, other });
    if sent.given("despite").is_none() {
        let Outcome::Merged(would) = call.apply(command.clone(), true).await? else {
            return Err(Problem::unexpected());
        };
        if is_refused(&would) {
            return Ok(Became::Doubted);
        }
    }
    let (told, _) = decide(call, command, false).await?;
    let Remembered::Merged { customer, seq, .. } = told else { return Err(Problem::unexpected()) };
    Ok(Became::Done(done(customer, seq)))
}

/// Whether a guard refuses what somebody does by hand.
fn is_refused(merged: &MergedByHand) -> bool {
    merged.merge.guards.iter().any(|(_, verdict)| *verdict == Verdict::Refuse)
}

async fn shown(visitor: &Visitor, with: &str, refused: Option<&str>) -> Result<Page, Problem> {
    let acting = Acting::begin(visitor, Permission::IdentitiesMerge)?;
    let words = acting.words;
    let (_, facts) = acting.facts(&[acting.id]).await?;
    let mut told = refused.map(str::to_owned);
    let preview = if with.trim().is_empty() {
        html! {}
    } else {
        match other_of(&acting, with.trim()).await? {
            Ok(other) => match preview(&acting, other).await {
                Ok(preview) => preview,
                Err(problem) => {
                    told.get_or_insert_with(|| why_never(visitor, &problem));
                    links(&acting, other).await?
                }
            },
            Err(text) => {
                told.get_or_insert(text);
                html! {}
            }
        }
    };
    let customer = facts.survivor(acting.id);
    let body = html! {
        @if let Some(customer) = customer { p .big.spaced { (name(acting.shower(), customer)) } }
        form .inline.card action=(acting.address("/merge")) {
            label { (words.merge_whom)
                input name="with" value=(with) required placeholder=(words.merge_hint)
                    autocomplete="off" autofocus[with.is_empty()];
            }
            button .button.primary[preview.0.is_empty()] { (words.show) }
        }
        (preview)
    };
    Ok(acting.page(words.merge_with, words.merge_about, told.as_deref(), &body))
}

/// Whom a text names; why nobody otherwise.
async fn other_of(acting: &Acting<'_>, text: &str) -> Result<Result<CustomerId, String>, Problem> {
    let words = acting.words;
    Ok(match named(&acting.visitor.call, text).await? {
        Named::One(side) => side.home().ok_or_else(|| words.merge_free.to_owned()),
        Named::Nobody => Err(fill(words.merge_unknown, &[text])),
        Named::Several(_) => Err(words.merge_several.to_owned()),
    })
}

async fn preview(acting: &Acting<'_>, other: CustomerId) -> Result<Markup, Problem> {
    let words = acting.words;
    let command = Command::Merge(MergeByHand { one: acting.id, other });
    let Outcome::Merged(would) = acting.visitor.call.apply(command, true).await? else {
        return Err(Problem::unexpected());
    };
    let (one, two) = &would.before;
    let (_, facts) = acting.facts(&[one.id, two.id]).await?;
    let now = fill(words.merge_now, &[&one.id.to_string(), &two.id.to_string()]);
    Ok(html! {
        (result(acting, &would, &facts))
        (guards(acting, &would))
        (acting.form("/merge", &html! {
            input type="hidden" name="with" value=(other);
            @if is_refused(&would) {
                label .check { input type="checkbox" name="despite" value="1" required; (words.merge_despite) }
            }
            button .button.primary { (now) }
            a .button href={ "/console/why?from=%23" (one.id) "&to=%23" (two.id) } { (words.ask_why) }
        }))
    })
}

/// What would be shown, and what would not any more.
pub(in crate::console) fn compared(
    shower: crate::console::show::Shower<'_>,
    would: &MergedByHand,
) -> Markup {
    let words = super::words::words(shower.look.language);
    let (one, other) = &would.before;
    let head = |customer: &kehub_core::customer::Customer| {
        let is_kept = customer.id == would.customer.id;
        html! {
            (name(shower, customer)) " "
            span .tag.good[is_kept] { (if is_kept { words.survives } else { words.redirects }) }
        }
    };
    Pair { shower, one, other, merged: Some(&would.customer) }.fields((&head(one), &head(other)))
}

fn result(acting: &Acting<'_>, would: &MergedByHand, facts: &TenantFacts) -> Markup {
    let (words, shower) = (acting.words, acting.shower());
    let (one, other) = &would.before;
    let held = |id| facts.held_by(id).map(|it| it.number).collect::<Vec<_>>();
    html! {
        section .card { h2 { (words.merge_result) } (compared(shower, would)) }
        div .sides {
            @for customer in [one, other] {
                section .card {
                    h2 { (words.identities) " #" (customer.id) }
                    (identities(shower, facts, held(customer.id)))
                }
            }
        }
    }
}

/// What the rules say to it, and what comes with it.
fn guards(acting: &Acting<'_>, would: &MergedByHand) -> Markup {
    let words = acting.words;
    let all = acting.shower().words();
    html! {
        section .card {
            h2 { (words.merge_guards) }
            ul .plain.guards {
                @for (guard, verdict) in &would.merge.guards {
                    li { (all.guard(*guard)) " "
                        span .tag.(super::class_of(*verdict)) { (all.verdict(*verdict)) }
                    }
                }
                @for warning in &would.warnings {
                    @if let Warning::MergedOverLimit(kind) = warning {
                        li { (fill(words.merge_over, &[kind])) }
                    }
                }
            }
            @if is_refused(would) { p .alert.spaced { (words.merge_against) } }
            @if !would.settled.is_empty() {
                p .note { (fill(words.merge_settles, &[&would.settled.len().to_string()])) }
            }
        }
    }
}

/// What to do where somebody declared the two different.
async fn links(acting: &Acting<'_>, other: CustomerId) -> Result<Markup, Problem> {
    let words = acting.words;
    let Ok((_, facts)) = acting.facts(&[acting.id, other]).await else { return Ok(html! {}) };
    let both = facts.survivor(acting.id).zip(facts.survivor(other));
    let Some((one, two)) = both.filter(|(one, two)| one.id != two.id) else {
        return Ok(html! {});
    };
    let found = apart(one, two, &facts);
    Ok(html! {
        @for (link, _) in &found.links {
            (acting.form("/merge", &html! {
                input type="hidden" name="with" value=(other);
                input type="hidden" name="low" value=(link.low);
                input type="hidden" name="high" value=(link.high);
                button .button { (words.allow) " (#" (link.low) " ≠ #" (link.high) ")" }
                p .note { (words.allow_why) }
            }))
        }
        p { a .button href={ "/console/why?from=%23" (one.id) "&to=%23" (two.id) } { (words.ask_why) } }
    })
}
