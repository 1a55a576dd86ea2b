//! One import: how far it is, what came of its rows, and what can be done about it.

use super::bring::page::{on_conflict, way, zone_named};
use super::list::link;
use super::taken_for::taken_for;
use super::words::{Words, words};
use super::{ADDRESS, Became, bring, counts, masked, who};
use crate::api::imports::body::report;
use crate::api::imports::list::known;
use crate::api::imports::remove::remove;
use crate::api::imports::report::remove_refused;
use crate::api::problem::{Code, Problem};
use crate::console::done::{alert, form, parameter, refused, why_not};
use crate::console::page::{Page, Place, elsewhere};
use crate::console::reasons;
use crate::console::show::{Contacts, Shower, count};
use crate::console::visitor::Visitor;
use crate::console::words::fill;
use crate::files::job::Settings;
use crate::imports::Pace;
use axum::body::Body;
use axum::response::Response;
use kehub_core::directory::Permission;
use kehub_core::import::{Import, State};
use maud::{Markup, html};

/// Longer times are told in minutes.
const SECONDS_MAX: u64 = 90;

/// One import.
pub(super) async fn page(visitor: Visitor) -> Response {
    let page = shown(&visitor, None).await;
    visitor.answer(page)
}

/// Ends it, forgets it, or removes its refused rows.
pub(super) async fn act(visitor: Visitor, body: Body) -> Response {
    match done(&visitor, body).await {
        Ok(address) => elsewhere(&address),
        Err(problem) => {
            let page = shown(&visitor, Some(&why_not(&visitor, &problem))).await;
            refused(&visitor, &problem, page)
        }
    }
}

async fn done(visitor: &Visitor, body: Body) -> Result<String, Problem> {
    let call = &visitor.call;
    call.require(Permission::CustomersWrite)?;
    let sent = form(visitor, body).await?;
    let import = known(call).await?;
    let here = format!("{ADDRESS}/{}", import.id);
    let may_end = matches!(import.state, State::Running | State::Interrupted);
    match sent.field("act") {
        "cancel" if may_end => {
            remove(call, &import, false).await?;
            Ok(format!("{here}?done=cancelled"))
        }
        "cancel" => Err(Problem::new(Code::ImportEnded, "it has ended")),
        "forget" if may_end => Err(Problem::new(Code::ImportRunning, "it has not ended")),
        "forget" => {
            remove(call, &import, false).await?;
            Ok(format!("{ADDRESS}?done=forgotten"))
        }
        "refused" => {
            remove_refused(call, &import, false)?;
            Ok(format!("{here}?done=removed"))
        }
        _ => Err(Problem::new(Code::BodyBroken, "nothing that can be done")),
    }
}

async fn shown(visitor: &Visitor, refused: Option<&str>) -> Result<Page, Problem> {
    visitor.call.require(Permission::CustomersRead)?;
    let words = words(visitor.look.language);
    let import = known(&visitor.call).await?;
    let became = Became::of(visitor, &import);
    let done = match parameter(visitor, "done").as_deref() {
        Some("cancelled") => Some(words.done_cancelled),
        Some("removed") => Some(words.done_removed),
        _ => None,
    };
    let body = html! {
        header .title {
            h1 { (import.plan.source) }
            div .tools { a .button href=(ADDRESS) { (words.back) } }
        }
        (alert(refused))
        @if let Some(done) = done { p .alert.good role="status" { (done) } }
        div #import data-live[became.is_live] {
            (progress(visitor, &import, &became))
            (counts::tiles(&import.progress, words))
            (deeds(visitor, &import))
        }
        (about(visitor, &import))
    };
    let (title, search) = (import.plan.source.to_string(), String::new());
    Ok(Page { title, place: Some(Place::Imports), body, search })
}

/// How far it is.
fn progress(visitor: &Visitor, import: &Import, became: &Became) -> Markup {
    let words = words(visitor.look.language);
    let (call, id) = (&visitor.call, import.id);
    let pace = call.hub().paces().of(call.tenant(), id, call.now());
    let rate = pace.map(|pace| pace.rows_per_second).or_else(|| rate(import));
    let rate = rate.filter(|_| became.is_live);
    html! {
        section .card {
            p .facts.big {
                (became.tag())
                span { (fill(words.rows_done, &[&count(import.progress.rows)])) }
                @if let Some(rate) = rate { span .soft { (fill(words.rate, &[&count(rate)])) } }
                @if let Some(pace) = pace { span .soft { (left(pace, words)) } }
            }
            @if became.is_live {
                @if let Some(pace) = pace {
                    progress aria-label=(words.progress) value=(pace.bytes_read) max=(pace.bytes) {}
                } @else {
                    progress aria-label=(words.progress) {}
                }
                p .note.no-script { a href=(visitor.look.here) { (words.reload) } }
            }
            @if let Some(error) = &import.error {
                p .alert {
                    (words.failed_why) " " (reasons::of_file(error, visitor.look.language))
                }
            }
            @if became.word == words.s_interrupted { p .note { (words.interrupted_why) } }
        }
    }
}

/// How long it still takes.
fn left(pace: Pace, words: &Words) -> String {
    match pace.seconds_left {
        seconds @ ..=SECONDS_MAX => fill(words.seconds_left, &[&count(seconds)]),
        seconds => fill(words.minutes_left, &[&count(seconds.div_ceil(60))]),
    }
}

/// Rows a second, on average since it began, if that can be told.
fn rate(import: &Import) -> Option<u64> {
    let seconds = import.changed_at.saturating_sub(import.began_at) / 1_000_000;
    let seconds = u64::try_from(seconds).ok().filter(|it| *it > 0)?;
    Some(import.progress.rows / seconds).filter(|rate| *rate > 0)
}

/// What can be done about it, by whoever may.
fn deeds(visitor: &Visitor, import: &Import) -> Markup {
    let words = words(visitor.look.language);
    let may = visitor.may(Permission::CustomersWrite);
    let may_end = matches!(import.state, State::Running | State::Interrupted);
    let has_report = report(import, visitor.call.hub().spool()).is_some();
    html! {
        @if import.progress.refused > 0 {
            section .card {
                h2 { (words.report_title) }
                @if has_report {
                    p .spaced { (words.report_about) }
                    @if visitor.may_reveal() {
                        p .spaced { (link(visitor, import, words.get)) }
                    } @else { p .note.spaced { (masked(words)) } }
                    @if may && !import.is_open() { (button(visitor, import, "refused", words.remove)) }
                } @else { p .soft { (words.report_gone) } }
            }
        }
        @if may {
            section .card {
                @if may_end {
                    h2 { (words.cancel_title) }
                    p .spaced { (words.cancel_about) }
                    (button(visitor, import, "cancel", words.cancel))
                } @else {
                    h2 { (words.forget_title) }
                    p .spaced { (words.forget_about) }
                    (button(visitor, import, "forget", words.forget))
                }
            }
        }
    }
}

fn button(visitor: &Visitor, import: &Import, act: &str, name: &str) -> Markup {
    html! {
        form .act method="post" action={ (ADDRESS) "/" (import.id) } {
            (visitor.csrf())
            button .button name="act" value=(act) { (name) }
        }
    }
}

/// How it is read, and what its columns were taken for.
fn about(visitor: &Visitor, import: &Import) -> Markup {
    let words = words(visitor.look.language);
    let shower = Shower { look: &visitor.look, contacts: Contacts::Masked };
    let asked = bring::words::words(visitor.look.language);
    let settings = Settings::read(&import.plan.settings);
    html! {
        section .card {
            h2 { (words.details) }
            dl .fields {
                (fact(words.began, &shower.time(import.began_at)))
                (fact(words.changed, &shower.time(import.changed_at)))
                (fact(words.by, &html! { (who(visitor, import, words)) }))
                @if let Some(content) = import.plan.content {
                    (fact(words.size, &html! { (fill(words.bytes, &[&count(content.bytes)])) }))
                }
                @if let Some(settings) = &settings {
                    (fact(asked.found_by, &html! { (way(&settings.found_by().to_string(), asked)) }))
                    (fact(asked.on_conflict, &html! {
                        (settings.on_conflict.as_deref().map_or(asked.as_set, |it| on_conflict(it, asked)))
                    }))
                    (fact(asked.zone, &html! { (zone_named(&settings.utc_offset)) }))
                }
            }
        }
        @if let Some(settings) = settings.filter(|settings| !settings.columns.is_empty()) {
            section .card {
                h2 { (words.columns) }
                table .plain {
                    thead { tr {
                        th scope="col" { (words.column) }
                        th scope="col" { (words.taken_for) }
                    } }
                    tbody { @for (heading, target) in &settings.columns {
                        tr { th scope="row" { (heading) } td { (taken_for(target, visitor.look.language)) } }
                    } }
                }
            }
        }
    }
}

fn fact(name: &str, value: &Markup) -> Markup {
    html! { div .field { dt { (name) } dd { (value) } } }
}
