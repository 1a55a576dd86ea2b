//! One webhook: how far it has been told, what it is told, and what can be done about it.

use super::fields::{differences, enabled, fields, json_in};
use super::words::words;
use super::{ADDRESS, calls, failure, secret, state, undelivered};
use crate::api::changes::cursor;
use crate::api::problem::{Code, Problem};
use crate::api::version::of_webhook;
use crate::api::webhooks::change::{changed, delete, read, rotate, set};
use crate::api::webhooks::list::{known, newest};
use crate::console::done::{alert, form as sent_form, parameter, refused, why_not};
use crate::console::entry::form::Form;
use crate::console::meanwhile::both;
use crate::console::page::{Page, Place, elsewhere};
use crate::console::settings::Became;
use crate::console::show::{Contacts, Shower, count};
use crate::console::visitor::Visitor;
use crate::console::words::fill;
use axum::body::Body;
use axum::response::Response;
use kehub_core::WebhookId;
use kehub_core::directory::Permission;
use kehub_core::webhook::{SettingsChange, Webhook, WebhookChange};
use maud::{Markup, html};

/// The webhook.
pub(super) async fn page(visitor: Visitor) -> Response {
    let page = shown(&visitor, None, None).await;
    visitor.answer(page)
}

/// Does one thing to the webhook.
pub(super) async fn act(visitor: Visitor, body: Body) -> Response {
    let sent = match sent_form(&visitor, body).await {
        Ok(sent) => sent,
        Err(problem) => return refused(&visitor, &problem, Err(problem.clone())),
    };
    match acted(&visitor, &sent).await {
        Ok(Became::Done(address)) => elsewhere(&address),
        Ok(Became::Once(page)) => visitor.answer(Ok(page)),
        Ok(Became::Unfit(why)) => visitor.unfit(shown(&visitor, None, Some(why)).await),
        Err(problem) => {
            let is_late = problem.code == Code::ChangedMeanwhile;
            let is_shown = is_late || !problem.fields().is_empty();
            let wrong = is_shown.then_some((&problem, &sent));
            let text = match problem.fields().len() {
                0 => why_not(&visitor, &problem),
                count => fill(words(visitor.look.language).wrong, &[&count.to_string()]),
            };
            refused(&visitor, &problem, shown(&visitor, wrong, Some(&text)).await)
        }
    }
}

async fn acted(visitor: &Visitor, sent: &Form) -> Result<Became, Problem> {
    visitor.call.require(Permission::WebhooksAdmin)?;
    let (call, words) = (&visitor.call, words(visitor.look.language));
    let id = id(visitor)?;
    let there = |done: &str| Ok(Became::Done(format!("{ADDRESS}/{id}?done={done}")));
    let able = |enabled| SettingsChange { enabled: Some(enabled), ..SettingsChange::default() };
    match sent.field("act") {
        "set" => {
            let settings = read(call, json_in(sent).as_bytes(), false)?;
            set(call, id, settings, sent.given("version"), false).await?;
            there("saved")
        }
        act @ ("pause" | "resume") => {
            let settings = able(act == "resume");
            changed(call, WebhookChange::Set { id, settings }, false).await?;
            there(act)
        }
        "rotate" => Ok(Became::Once(secret(visitor, &rotate(call, id, false).await?))),
        "replay" => {
            let from: Option<i64> = sent.field("seq").trim().parse().ok().filter(|seq| *seq > 0);
            let Some(from) = from else { return Ok(Became::Unfit(words.wrong_seq)) };
            changed(call, WebhookChange::Replay { id, after: from - 1 }, false).await?;
            there("replay")
        }
        "retry" => {
            let place = match sent.given("place") {
                Some(text) => Some(cursor::read(text).ok_or_else(out_of_date)?),
                None => None,
            };
            changed(call, WebhookChange::Retry { id, place }, false).await?;
            there("retry")
        }
        "delete" if sent.field("sure").is_empty() => Ok(Became::Unfit(words.wrong_sure)),
        "delete" => {
            delete(call, id, false).await?;
            Ok(Became::Done(format!("{ADDRESS}?done=deleted")))
        }
        _ => Err(out_of_date()),
    }
}

fn out_of_date() -> Problem {
    Problem::new(Code::BodyBroken, "the page is out of date")
}

/// The webhook that the address names.
fn id(visitor: &Visitor) -> Result<WebhookId, Problem> {
    visitor.call.number(2, Code::WebhookNotFound).map(WebhookId)
}

async fn shown(
    visitor: &Visitor,
    wrong: Option<(&Problem, &Form)>,
    told: Option<&str>,
) -> Result<Page, Problem> {
    visitor.call.require(Permission::WebhooksAdmin)?;
    let words = words(visitor.look.language);
    let webhook = known(&visitor.call, id(visitor)?).await?;
    let newest = newest(&visitor.call).await?;
    let is_on = webhook.settings.enabled;
    let done = match parameter(visitor, "done").as_deref() {
        Some("saved") => Some(words.done_saved),
        Some("pause") if !is_on => Some(words.done_paused),
        Some("resume") if is_on => Some(words.done_resumed),
        Some("replay") => Some(words.done_replay),
        Some("retry") => Some(words.done_retry),
        _ => None,
    };
    let body = html! {
        header .title {
            h1 { (webhook.settings.url) }
            div .tools { a .button href=(ADDRESS) { (words.all) } }
        }
        @if told.is_none() && let Some(text) = done { p .alert.good role="status" { (text) } }
        (alert(told))
        @if let Some((_, late)) = wrong.filter(|(it, _)| it.code == Code::ChangedMeanwhile) {
            (both(visitor, &differences(visitor, &webhook.settings, late)))
        }
        (progress(visitor, &webhook, newest))
        (undelivered::card(visitor, &webhook))
        (calls::card(visitor, &webhook))
        div .sides {
            (form(visitor, &webhook, words.settings, "set", &html! {
                input type="hidden" name="version" value=(of_webhook(&webhook.settings));
                input type="hidden" name="shown" value=(enabled(is_on));
                (fields(visitor, Some(&webhook.settings), wrong))
                p .note { (words.save_about) }
                div { button .button.primary { (words.save) } }
            }))
            (others(visitor, &webhook))
        }
    };
    let (title, search) = (webhook.settings.url.to_string(), String::new());
    Ok(Page { title, place: Some(Place::Webhooks), body, search })
}

/// How far it has been told.
fn progress(visitor: &Visitor, webhook: &Webhook, newest: i64) -> Markup {
    let words = words(visitor.look.language);
    let shower = Shower { look: &visitor.look, contacts: Contacts::Masked };
    let progress = &webhook.progress;
    let number = |number: i64| count(u64::try_from(number).unwrap_or(0));
    let settled = progress.cursor.settled();
    let place = fill(words.place_of, &[&number(settled), &number(newest.max(settled))]);
    let dead = progress.dead_letters().count();
    let next = progress.undelivered.values().filter_map(|it| it.due).min();
    html! {
        section .card {
            dl .fields {
                div .field { dt { (words.state) } dd { (state(webhook, words)) } }
                div .field { dt { (words.place) } dd { (place) } }
                div .field { dt { (words.delivered_at) } dd {
                    @match progress.delivered_at {
                        Some(at) => (shower.time(at)),
                        None => span .soft { (words.never) },
                    }
                } }
                div .field { dt { (words.last_error) } dd {
                    @match progress.failure {
                        Some(it) => (failure(visitor, it)),
                        None => span .soft { (words.none) },
                    }
                } }
                div .field { dt { (words.waiting) } dd { (progress.undelivered.len() - dead) } }
                @if let Some(next) = next {
                    div .field { dt { (words.next_try) } dd { (shower.time(next)) } }
                }
                div .field { dt { (words.dead) } dd { (dead) } }
            }
        }
    }
}

/// What can be done about it beside changing what is set.
fn others(visitor: &Visitor, webhook: &Webhook) -> Markup {
    let words = words(visitor.look.language);
    let (title, about, act) = if webhook.settings.enabled {
        (words.pause, words.pause_about, "pause")
    } else {
        (words.resume, words.resume_about, "resume")
    };
    let able = html! { p .note { (about) } div { button .button { (title) } } };
    let rotate = html! {
        p .note { (words.rotate_about) }
        div { button .button { (words.rotate_now) } }
    };
    let replay = html! {
        p .note { (words.replay_about) }
        label { (words.replay_from) input name="seq" inputmode="numeric" required autocomplete="off"; }
        div { button .button { (words.replay_now) } }
    };
    let delete = html! {
        p .note { (words.delete_about) }
        label .check { input type="checkbox" name="sure" value="1" required; (words.delete_sure) }
        div { button .button.danger { (words.delete_now) } }
    };
    html! {
        div {
            (form(visitor, webhook, title, act, &able))
            (form(visitor, webhook, words.rotate, "rotate", &rotate))
            (form(visitor, webhook, words.replay, "replay", &replay))
            (form(visitor, webhook, words.delete, "delete", &delete))
        }
    }
}

fn form(visitor: &Visitor, webhook: &Webhook, title: &str, act: &str, body: &Markup) -> Markup {
    html! {
        section .card {
            h2 { (title) }
            form .act.stack method="post" action={ (ADDRESS) "/" (webhook.id) } {
                (visitor.csrf())
                input type="hidden" name="act" value=(act);
                (body)
            }
        }
    }
}
