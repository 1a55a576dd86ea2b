//! One app: what it may do, a new secret, and its end.

use super::list::state;
use super::words::words;
use super::{ADDRESS, permission, permissions, secret, sent_permissions, why_not};
use crate::api::apps::change::{known, live, permit, revoke, rotate};
use crate::api::problem::{Code, Problem};
use crate::api::version::of_app;
use crate::console::done::{alert, form as sent_form, parameter, refused};
use crate::console::entry::form::Form;
use crate::console::meanwhile::{Difference, both, given};
use crate::console::page::{Page, Place, elsewhere};
use crate::console::settings::Became;
use crate::console::show::moment;
use crate::console::visitor::Visitor;
use axum::body::Body;
use axum::response::Response;
use kehub_core::directory::{App, Permission};
use maud::{Markup, html};

/// The app.
pub(super) async fn page(visitor: Visitor) -> Response {
    let page = shown(&visitor, None, None).await;
    visitor.answer(page)
}

/// Does one thing to the app.
pub(super) async fn act(visitor: Visitor, body: Body) -> Response {
    let sent = match sent_form(&visitor, body).await {
        Ok(sent) => sent,
        Err(problem) => return refused(&visitor, &problem, Err(problem.clone())),
    };
    match acted(&visitor, &sent).await {
        Ok(Became::Done(address)) => elsewhere(&address),
        Ok(Became::Once(page)) => visitor.answer(Ok(page)),
        Ok(Became::Unfit(why)) => visitor.unfit(shown(&visitor, Some(why), None).await),
        Err(problem) => {
            let text = why_not(&visitor, &problem);
            // What somebody ticked is shown again beside what somebody else did.
            let late = (problem.code == Code::ChangedMeanwhile).then_some(&sent);
            refused(&visitor, &problem, shown(&visitor, Some(&text), late).await)
        }
    }
}

async fn acted(visitor: &Visitor, sent: &Form) -> Result<Became, Problem> {
    visitor.call.require(Permission::AppsAdmin)?;
    let call = &visitor.call;
    let number = number(visitor)?;
    let there = |done: &str| Became::Done(format!("{ADDRESS}/{number}?done={done}"));
    match sent.field("act") {
        "permit" => {
            let app = live(call, number).await?;
            permit(call, app, sent_permissions(sent), sent.given("version"), false).await?;
            Ok(there("permitted"))
        }
        "rotate" | "revoke" if sent.field("sure").is_empty() => {
            Ok(Became::Unfit(words(visitor.look.language).wrong_sure))
        }
        "rotate" => {
            let (app, drawn) = rotate(call, live(call, number).await?, false).await?;
            let drawn = drawn.ok_or_else(Problem::unexpected)?;
            Ok(Became::Once(secret(visitor, &app, &drawn)))
        }
        "revoke" => {
            revoke(call, known(call, number).await?, false).await?;
            Ok(there("revoked"))
        }
        _ => Err(Problem::new(Code::BodyBroken, "the page is out of date")),
    }
}

/// The number in the address.
fn number(visitor: &Visitor) -> Result<i64, Problem> {
    visitor.call.number(2, Code::AppNotFound)
}

async fn shown(
    visitor: &Visitor,
    told: Option<&str>,
    late: Option<&Form>,
) -> Result<Page, Problem> {
    visitor.call.require(Permission::AppsAdmin)?;
    let words = words(visitor.look.language);
    let app = known(&visitor.call, number(visitor)?).await?;
    let is_live = app.revoked_at.is_none();
    let done = match parameter(visitor, "done").as_deref() {
        Some("permitted") if is_live => Some(words.done_permitted),
        Some("revoked") if !is_live => Some(words.done_revoked),
        _ => None,
    };
    let body = html! {
        header .title {
            h1 { (app.name) }
            div .tools { a .button href=(ADDRESS) { (words.all_apps) } }
        }
        @if told.is_none() && let Some(text) = done { p .alert.good role="status" { (text) } }
        (alert(told))
        @if let Some(late) = late { (both(visitor, &differences(visitor, &app, late))) }
        section .card.narrow {
            dl .fields {
                div .field { dt { (words.app_id) } dd { code { (app.id) } } }
                div .field { dt { (words.state) } dd { (state(visitor, &app)) } }
                div .field { dt { (words.created) } dd { (moment(app.created_at, visitor.look.offset_seconds)) } }
            }
            @if app.number == visitor.call.app().number { p .note { (words.your_own) } }
        }
        (forms(visitor, &app, is_live, late))
    };
    let (title, search) = (app.name.to_string(), String::new());
    Ok(Page { title, place: Some(Place::Apps), body, search })
}

/// What somebody ticked, and what the app may do, where they differ.
fn differences(visitor: &Visitor, app: &App, late: &Form) -> Vec<Difference> {
    let (language, yours) = (visitor.look.language, sent_permissions(late));
    let told = |one: &Permission, has: bool| {
        (permission(*one, words(language)), given(has, language), given(!has, language))
    };
    let all = Permission::ALL.iter().map(|one| (one, app.permissions.contains(one)));
    let differing = all.filter(|(one, has)| yours.contains(one) != *has);
    let told = differing.map(|(one, has)| told(one, has));
    told.map(|(what, now, yours)| (what.into(), now.into(), yours.into())).collect()
}

fn forms(visitor: &Visitor, app: &App, is_live: bool, late: Option<&Form>) -> Markup {
    let words = words(visitor.look.language);
    let chosen = late.map_or_else(|| app.permissions.clone(), sent_permissions);
    let permit = html! {
        input type="hidden" name="version" value=(of_app(app));
        (permissions(visitor, &chosen, is_live))
        @if is_live {
            p .note { (words.change_about) }
            div { button .button.primary { (words.save) } }
        }
    };
    let sure = || {
        html! {
            label .check { input type="checkbox" name="sure" value="1" required; (words.sure) }
        }
    };
    let rotate = html! {
        p .note { (words.rotate_about) }
        (sure())
        div { button .button { (words.rotate_now) } }
    };
    let revoke = html! {
        p .note { (words.revoke_about) }
        (sure())
        div { button .button.danger { (words.revoke_now) } }
    };
    html! {
        div .sides {
            (form(visitor, app, None, "permit", &permit))
            @if is_live {
                div {
                    (form(visitor, app, Some(words.rotate), "rotate", &rotate))
                    (form(visitor, app, Some(words.revoke), "revoke", &revoke))
                }
            }
        }
    }
}

fn form(visitor: &Visitor, app: &App, title: Option<&str>, act: &str, body: &Markup) -> Markup {
    html! {
        section .card {
            @if let Some(title) = title { h2 { (title) } }
            form .act.stack method="post" action={ (ADDRESS) "/" (app.number) } {
                (visitor.csrf())
                input type="hidden" name="act" value=(act);
                (body)
            }
        }
    }
}
