//! `/console/customers/{id}/extract`: identities of somebody else become a customer of their own.

use super::{Acting, done, numbers};
use crate::api::decided::decide;
use crate::api::problem::{Code, Problem};
use crate::console::done::{form, refused, why_never, why_not};
use crate::console::page::{Page, elsewhere};
use crate::console::pair::{Pair, one_identity};
use crate::console::visitor::Visitor;
use crate::console::words::fill;
use axum::body::Body;
use axum::response::Response;
use kehub_core::IdentityNumber;
use kehub_core::command::{Command, Extract, IdentitySent};
use kehub_core::directory::Permission;
use kehub_core::facts::TenantFacts;
use kehub_core::identity::Identity;
use kehub_core::outcome::{Outcome, Taken};
use kehub_core::receipt::Remembered;
use maud::{Markup, html};

/// Which identities are chosen, by number.
const CHOSEN: &str = "identity";

/// Asks which identities, and shows what would come of it.
pub(super) async fn page(visitor: Visitor) -> Response {
    let chosen = numbers(&visitor, CHOSEN);
    let page = shown(&visitor, &chosen, None).await;
    visitor.answer(page)
}

/// Takes them out.
pub(super) async fn extract(visitor: Visitor, body: Body) -> Response {
    let chosen: Result<Vec<i64>, Problem> = form(&visitor, body)
        .await
        .map(|sent| sent.all(CHOSEN).filter_map(|number| number.parse().ok()).collect());
    let chosen = match chosen {
        Ok(chosen) => chosen,
        Err(problem) => return refused(&visitor, &problem, Err(problem.clone())),
    };
    match extracted(&visitor, &chosen).await {
        Ok(address) => elsewhere(&address),
        Err(problem) => {
            let text = why_not(&visitor, &problem);
            refused(&visitor, &problem, shown(&visitor, &[], Some(&text)).await)
        }
    }
}

async fn extracted(visitor: &Visitor, chosen: &[i64]) -> Result<String, Problem> {
    let acting = Acting::begin(visitor, Permission::IdentitiesMerge)?;
    let (_, facts) = acting.facts(&[acting.id]).await?;
    let command = command(&acting, chosen, &facts)?;
    let (told, _) = decide(&visitor.call, command, false).await?;
    let Remembered::Extracted { customers, seq, .. } = told else {
        return Err(Problem::unexpected());
    };
    Ok(done(customers.0, seq))
}

/// The command for identities that the customer holds.
fn command(acting: &Acting<'_>, chosen: &[i64], facts: &TenantFacts) -> Result<Command, Problem> {
    let sent = |number: &i64| {
        let identity = facts.identity(IdentityNumber(*number)).filter(|it| !it.is_erased())?;
        let kind = facts.policy().type_of(identity.key.kind)?.name.to_string();
        Some(IdentitySent { kind, value: identity.raw.to_string(), ..IdentitySent::default() })
    };
    let identities: Option<Vec<IdentitySent>> = chosen.iter().map(sent).collect();
    let missing = || Problem::new(Code::IdentityNotFound, "an identity is not the customer's");
    let identities = identities.ok_or_else(missing)?;
    Ok(Command::Extract(Extract { customer: acting.id, identities }))
}

async fn shown(visitor: &Visitor, chosen: &[i64], refused: Option<&str>) -> Result<Page, Problem> {
    let acting = Acting::begin(visitor, Permission::IdentitiesMerge)?;
    let words = acting.words;
    let (_, facts) = acting.facts(&[acting.id]).await?;
    let mut told = refused.map(str::to_owned);
    let preview = if chosen.is_empty() {
        html! {}
    } else {
        let would = async {
            let outcome = visitor.call.apply(command(&acting, chosen, &facts)?, true).await?;
            let Outcome::Extracted(taken) = outcome else { return Err(Problem::unexpected()) };
            Ok(taken)
        };
        match would.await {
            Ok(taken) => preview(&acting, &taken, chosen),
            Err(problem) => {
                told.get_or_insert_with(|| why_never(visitor, &problem));
                html! {}
            }
        }
    };
    let customer = facts.survivor(acting.id).map_or(acting.id, |customer| customer.id);
    let mut held: Vec<&Identity> = facts.held_by(customer).collect();
    held.sort_by_key(|it| (facts.policy().rules_of(it.key.kind).priority, it.number));
    let body = html! {
        form .card.stack action=(acting.address("/extract")) {
            fieldset .choices.tall {
                legend { (words.extract_choose) }
                @for identity in held {
                    label .check {
                        input type="checkbox" name=(CHOSEN) value=(identity.number)
                            checked[chosen.contains(&identity.number.0)];
                        span { (one_identity(acting.shower(), &facts, identity)) }
                    }
                }
            }
            div { button .button.primary[preview.0.is_empty()] { (words.show) } }
        }
        (preview)
    };
    let title = fill(words.extract_title, &[&customer.to_string()]);
    Ok(acting.page(&title, words.extract_about, told.as_deref(), &body))
}

fn preview(acting: &Acting<'_>, taken: &Taken, chosen: &[i64]) -> Markup {
    let words = acting.words;
    let counts = [taken.identities.len().to_string(), taken.claims.len().to_string()];
    let keeps = html! { (fill(words.extract_keeps, &[&taken.from.id.to_string()])) };
    let new = html! { (words.extract_new) };
    let pair = Pair { shower: acting.shower(), one: &taken.from, other: &taken.to, merged: None };
    html! {
        section .card {
            p .spaced { (fill(words.extract_counts, &[&counts[0], &counts[1]])) }
            (pair.fields((&keeps, &new)))
            @if !taken.reviews.is_empty() {
                p .note { (fill(words.extract_reviews, &[&taken.reviews.len().to_string()])) }
            }
        }
        (acting.form("/extract", &html! {
            @for number in chosen { input type="hidden" name=(CHOSEN) value=(number); }
            button .button.primary { (words.extract_now) }
        }))
    }
}
