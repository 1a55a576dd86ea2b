//! `/console/customers/{id}/erase`: forgets a customer for good, once somebody has typed the id.

use super::Acting;
use crate::api::decided::decide;
use crate::api::problem::Problem;
use crate::console::done::{form, refused, why_never, why_not};
use crate::console::page::{Page, elsewhere};
use crate::console::visitor::Visitor;
use crate::console::words::fill;
use axum::body::Body;
use axum::response::Response;
use kehub_core::command::Command;
use kehub_core::directory::Permission;
use kehub_core::receipt::Remembered;
use maud::{Markup, html};

/// What would be erased.
pub(super) async fn page(visitor: Visitor) -> Response {
    let page = shown(&visitor, "", None).await;
    visitor.answer(page)
}

/// Erases, if the id was typed.
pub(super) async fn erase(visitor: Visitor, body: Body) -> Response {
    let sent = match form(&visitor, body).await {
        Ok(sent) => sent,
        Err(problem) => return refused(&visitor, &problem, Err(problem.clone())),
    };
    let typed = sent.field("typed").trim();
    match erased(&visitor, typed).await {
        Ok(Some(address)) => elsewhere(&address),
        Ok(None) => {
            let words = super::words::words(visitor.look.language);
            let text = fill(words.not_changed, &[words.erase_differs]);
            let page = shown(&visitor, typed, Some(&text)).await;
            visitor.unfit(page)
        }
        Err(problem) => {
            let text = why_not(&visitor, &problem);
            refused(&visitor, &problem, shown(&visitor, typed, Some(&text)).await)
        }
    }
}

/// Where to go from there; `None` if another id was typed.
async fn erased(visitor: &Visitor, typed: &str) -> Result<Option<String>, Problem> {
    let acting = Acting::begin(visitor, Permission::CustomersErase)?;
    if typed.trim_start_matches('#') != acting.id.to_string() {
        return Ok(None);
    }
    decide(&visitor.call, Command::Erase(acting.id), false).await?;
    // The page of the id says what has become of it.
    Ok(Some(acting.address("")))
}

async fn shown(visitor: &Visitor, typed: &str, refused: Option<&str>) -> Result<Page, Problem> {
    let acting = Acting::begin(visitor, Permission::CustomersErase)?;
    let words = acting.words;
    let title = fill(words.erase_title, &[&acting.id.to_string()]);
    let body = match decide(&visitor.call, Command::Erase(acting.id), true).await {
        Ok((told, _)) => confirm(&acting, &told, typed)?,
        Err(problem) => {
            let text = why_never(visitor, &problem);
            let text = refused.unwrap_or(&text);
            return Ok(acting.page(&title, words.erase_about, Some(text), &html! {}));
        }
    };
    Ok(acting.page(&title, words.erase_about, refused, &body))
}

fn confirm(acting: &Acting<'_>, told: &Remembered, typed: &str) -> Result<Markup, Problem> {
    let words = acting.words;
    let Remembered::Erased { customers, identities, claims, .. } = told else {
        return Err(Problem::unexpected());
    };
    let ids: Vec<String> = customers.iter().map(|id| format!("#{id}")).collect();
    let counts = [ids.len().to_string(), identities.to_string(), claims.to_string()];
    let what = fill(words.erase_what, &[&counts[0], &ids.join(", "), &counts[1], &counts[2]]);
    Ok(html! {
        section .card.narrow {
            p .spaced { (what) }
            (acting.form("/erase", &html! {
                label .grow { (fill(words.erase_type, &[&acting.id.to_string()]))
                    input name="typed" value=(typed) required autocomplete="off" inputmode="numeric";
                }
                button .button.danger { (words.erase_now) }
            }))
        }
    })
}
