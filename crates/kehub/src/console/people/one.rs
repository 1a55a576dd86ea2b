//! One user: name and role, a new password, the end of its sessions, and whether it may sign in.

use super::list::{name_of, passwords, state};
use super::words::{Words, words};
use super::{AUDIT, USERS, role, roles};
use crate::api::problem::{Code, Problem};
use crate::api::users::change::{change, sign_out, stands_for};
use crate::api::users::list::users;
use crate::api::version::of_user;
use crate::console::done::{alert, parameter, refused, why_not};
use crate::console::entry::form::Form;
use crate::console::entry::words::words as entry_words;
use crate::console::meanwhile::{Difference, both, state as state_of};
use crate::console::page::{Page, Place, elsewhere};
use crate::console::show::moment;
use crate::console::visitor::Visitor;
use crate::people::password;
use axum::body::Body;
use axum::response::Response;
use kehub_core::directory::{App, Permission};
use kehub_core::filter::Period;
use kehub_core::people::audit::{About, AuditFilter, Deed};
use kehub_core::people::user::{Role, User, UserSet};
use maud::{Markup, html};

/// For how long it is what was just done.
const JUST_MICROS: i64 = 60 * 1_000_000;

/// The user.
pub(super) async fn page(visitor: Visitor) -> Response {
    let page = shown(&visitor, None, None).await;
    visitor.answer(page)
}

/// Does one thing to the user.
pub(super) async fn act(visitor: Visitor, body: Body) -> Response {
    let sent = match visitor.call.read_aside(body).await {
        Ok(body) => Form::read(&body),
        Err(problem) => return refused(&visitor, &problem, Err(problem.clone())),
    };
    match acted(&visitor, &sent).await {
        Ok(Ok(address)) => elsewhere(&address),
        Ok(Err(wrong)) => {
            let page = shown(&visitor, Some((wrong, &sent)), None).await;
            visitor.unfit(page)
        }
        Err(problem) => {
            let text = why_not(&visitor, &problem);
            // Of what else is done to a user, nothing stands in both.
            let is_late = problem.code == Code::ChangedMeanwhile && sent.field("act") == "set";
            let late = is_late.then_some((LATE, &sent));
            refused(&visitor, &problem, shown(&visitor, late, Some(&text)).await)
        }
    }
}

/// A field that does not fit, and why.
type Wrong = (&'static str, &'static str);
/// All of them fit, but somebody else was faster.
const LATE: Wrong = ("", "");

async fn acted(visitor: &Visitor, sent: &Form) -> Result<Result<String, Wrong>, Problem> {
    visitor.call.require(Permission::UsersAdmin)?;
    let (user, app) = known(visitor).await?;
    let call = &visitor.call;
    let entry = entry_words(visitor.look.language);
    let wanted = UserSet::default();
    let act = sent.field("act");
    stands_for(call, &[act, sent.field("name"), sent.field("role")]);
    let mut is_new = true;
    match act {
        "set" => {
            let Some(name) = name_of(sent) else { return Ok(Err(("name", entry.name_unfit))) };
            let Some(role) = Role::named(sent.field("role")) else {
                return Ok(Err(("role", words(visitor.look.language).choose_role)));
            };
            is_new = name != app.name || role != user.role;
            let wanted = UserSet { name: Some(name), role: Some(role), ..wanted };
            change(call, (&user, &app), wanted, sent.given("version"), None, false).await?;
        }
        "password" => {
            let password = sent.field("password");
            if !password::is_fit(password, &user.login) {
                return Ok(Err(("password", entry.password_unfit)));
            }
            if password != sent.field("again") {
                return Ok(Err(("password", entry.differs)));
            }
            let password = Some(password.to_owned());
            change(call, (&user, &app), wanted, None, password, false).await?;
        }
        "sign-out" => drop(sign_out(call, &user, false).await?),
        "disable" | "enable" => {
            let is_disabled = act == "disable";
            is_new = app.revoked_at.is_some() != is_disabled;
            let wanted = UserSet { is_disabled: Some(is_disabled), ..wanted };
            change(call, (&user, &app), wanted, None, None, false).await?;
        }
        _ => return Err(Problem::new(Code::CannotLinkNotFound, "the page is out of date")),
    }
    Ok(Ok(format!("{USERS}/{}?done={}", user.app, u8::from(is_new))))
}

/// The user that the address names.
async fn known(visitor: &Visitor) -> Result<(User, App), Problem> {
    let number = visitor.call.number(1, Code::UserNotFound)?;
    let all = users(&visitor.call).await?;
    let found = all.into_iter().find(|(user, _)| i64::from(user.app.0) == number);
    found.ok_or_else(|| Problem::new(Code::UserNotFound, "no user of this id is known"))
}

async fn shown(
    visitor: &Visitor,
    wrong: Option<(Wrong, &Form)>,
    refused: Option<&str>,
) -> Result<Page, Problem> {
    visitor.call.require(Permission::UsersAdmin)?;
    let words = words(visitor.look.language);
    let (user, app) = known(visitor).await?;
    let offset = visitor.look.offset_seconds;
    let own = &visitor.call.app().permissions;
    let is_theirs = user.role.permissions().iter().all(|it| own.contains(it));
    let body = html! {
        header .title {
            div {
                h1 { (app.name) " " span .id { (user.login) } }
                p .soft .facts {
                    span { (role(user.role, words)) }
                    span { (state(visitor, &app)) }
                    span { (words.created) " " (moment(app.created_at, offset)) }
                    span { (words.password_set) " " (moment(user.password_at, offset)) }
                }
            }
            div .tools {
                a .button href={ (AUDIT) "?who=" (user.app) } { (words.did) }
                a .button href=(USERS) { (words.back) }
            }
        }
        (alert(refused))
        @if let Some((_, late)) = wrong.filter(|(it, _)| *it == LATE) {
            (both(visitor, &differences(visitor, &user, &app, late)))
        }
        (told(visitor, &user).await?)
        @if is_theirs { (forms(visitor, &user, &app, wrong)) }
        @else { p .alert.info { (words.not_yours) } }
    };
    let (title, search) = (app.name.to_string(), String::new());
    Ok(Page { title, place: Some(Place::Users), body, search })
}

/// What somebody typed and chose, and what is set, where they differ.
fn differences(visitor: &Visitor, user: &User, app: &App, late: &Form) -> Vec<Difference> {
    let words = words(visitor.look.language);
    let yours = Role::named(late.field("role")).map_or("", |it| role(it, words));
    let both = [
        (words.name, &*app.name, late.field("name").trim()),
        (words.role, role(user.role, words), yours),
    ];
    let differing = both.into_iter().filter(|(_, now, yours)| now != yours);
    let differing = differing.map(|(what, now, yours)| (what.into(), now.into(), yours.into()));
    let able = |is_disabled| if is_disabled { words.is_disabled } else { words.live };
    let is_disabled = app.revoked_at.is_some();
    let shown = late.given("shown").map_or(is_disabled, |shown| shown == disabled(true));
    let state = state_of(words.state, able(is_disabled), able(shown), visitor.look.language);
    differing.chain(state).collect()
}

/// Whether a user may sign in, as a form says that it was shown.
const fn disabled(is_disabled: bool) -> &'static str {
    if is_disabled { "disabled" } else { "live" }
}

fn forms(visitor: &Visitor, user: &User, app: &App, wrong: Option<(Wrong, &Form)>) -> Markup {
    let words = words(visitor.look.language);
    let wrong_at = |name| wrong.filter(|((at, _), _)| *at == name).map(|((_, why), _)| why);
    let typed = |name, otherwise: &str| {
        let sent = wrong.and_then(|(_, sent)| sent.given(name));
        sent.unwrap_or(otherwise).to_owned()
    };
    let is_disabled = app.revoked_at.is_some();
    let (title, about, act, button) = if is_disabled {
        (words.enable_title, words.enable_about, "enable", words.enable)
    } else {
        (words.disable_title, words.disable_about, "disable", words.disable)
    };
    let named = html! {
        input type="hidden" name="version" value=(of_user(user, app));
        input type="hidden" name="shown" value=(disabled(is_disabled));
        label { (words.name)
            input name="name" value=(typed("name", &app.name)) required autocomplete="off"
                aria-invalid=[wrong_at("name").map(|_| "true")];
        }
        @if let Some(why) = wrong_at("name") { p .error { (why) } }
        (roles(visitor, Role::named(&typed("role", user.role.name())), wrong_at("role")))
        div { button .button.primary { (words.save) } }
    };
    let reset = html! {
        p .note { (words.reset_about) }
        (passwords(visitor, wrong_at("password")))
        div { button .button { (words.reset_now) } }
    };
    let out =
        html! { p .note { (words.sign_out_about) } div { button .button { (words.sign_out) } } };
    let able = html! {
        p .note { (about) }
        div { button .button.danger[!is_disabled] { (button) } }
    };
    html! {
        div .sides {
            (form(visitor, user, words.change_role, "set", &named))
            (form(visitor, user, words.reset, "password", &reset))
            @if !is_disabled { (form(visitor, user, words.sessions, "sign-out", &out)) }
            (form(visitor, user, title, act, &able))
        }
    }
}

fn form(visitor: &Visitor, user: &User, title: &str, act: &str, body: &Markup) -> Markup {
    html! {
        section .card {
            h2 { (title) }
            form .act.stack method="post" action={ (USERS) "/" (user.app) } {
                (visitor.csrf())
                input type="hidden" name="act" value=(act);
                (body)
            }
        }
    }
}

/// What was just done to the user, as the audit log has it.
async fn told(visitor: &Visitor, user: &User) -> Result<Markup, Problem> {
    let words = words(visitor.look.language);
    let asked = parameter(visitor, "done");
    let text = match asked.as_deref() {
        Some("0") => Some(words.done_nothing),
        Some(_) => {
            let call = &visitor.call;
            let filter = AuditFilter {
                app: Some(call.app().number),
                about: [About::User(user.app)].into(),
                within: Period { from: Some(call.now().saturating_sub(JUST_MICROS)), before: None },
                ..AuditFilter::default()
            };
            let newest = call.store().audit(call.tenant(), &filter, None, 1).await?;
            newest.first().and_then(|entry| done(entry.deed, words))
        }
        None => None,
    };
    Ok(html! { @if let Some(text) = text { p .alert.good role="status" { (text) } } })
}

const fn done(deed: Deed, words: &Words) -> Option<&'static str> {
    match deed {
        Deed::UserCreated => Some(words.done_created),
        Deed::UserRenamed => Some(words.done_renamed),
        Deed::RoleChanged => Some(words.done_role),
        Deed::PasswordChanged => Some(words.done_password),
        Deed::SignedOutEverywhere => Some(words.done_out),
        Deed::UserDisabled => Some(words.done_disabled),
        Deed::UserEnabled => Some(words.done_enabled),
        Deed::SignedIn
        | Deed::SignInFailed
        | Deed::SignedOut
        | Deed::CustomerRevealed
        | Deed::CustomersRead
        | Deed::CustomersExported
        | Deed::AppCreated
        | Deed::AppPermitted
        | Deed::AppSecretChanged
        | Deed::AppRevoked
        | Deed::WebhookCreated
        | Deed::WebhookChanged
        | Deed::WebhookSecretChanged
        | Deed::WebhookReplayed
        | Deed::WebhookDeleted
        | Deed::WechatBound
        | Deed::WechatChanged
        | Deed::WechatUnbound => None,
    }
}
