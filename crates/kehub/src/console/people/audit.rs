//! `/console/audit`: what people did that no timeline tells, newest first.

use super::words::{Words, words};
use super::{AUDIT, ROWS, USERS};
use crate::api::problem::Problem;
use crate::console::done::parameter;
use crate::console::entry::words::words as entry_words;
use crate::console::page::{Page, Place};
use crate::console::show::{Contacts, Shower};
use crate::console::visitor::Visitor;
use crate::server::access::Access;
use axum::response::Response;
use kehub_core::AppNumber;
use kehub_core::directory::Permission;
use kehub_core::people::audit::{About, AuditEntry, AuditNumber, Deed};
use kehub_core::people::user::Role;
use maud::{Markup, html};

/// The log.
pub(super) async fn page(visitor: Visitor) -> Response {
    let page = shown(&visitor).await;
    visitor.answer(page)
}

async fn shown(visitor: &Visitor) -> Result<Page, Problem> {
    visitor.call.require(Permission::UsersAdmin)?;
    let (call, words) = (&visitor.call, words(visitor.look.language));
    let before = parameter(visitor, "before").and_then(|text| text.parse().ok()).map(AuditNumber);
    let mut entries = call.store().audit(call.tenant(), before, ROWS + 1).await?;
    let has_more = entries.len() > ROWS;
    entries.truncate(ROWS);
    let body = html! {
        header .title { h1 { (words.audit) } }
        p .lead { (words.audit_about) }
        @if entries.is_empty() {
            section .empty {
                @if before.is_some() { h2 { (words.audit_end) } }
                @else { h2 { (words.audit_empty) } p { (words.audit_empty_why) } }
            }
        } @else { (table(visitor, &entries)) }
        @if has_more || before.is_some() {
            nav .pager {
                @if before.is_some() { a .button href=(AUDIT) rel="prev" { (words.newest) } }
                @if has_more && let Some(last) = entries.last() {
                    a .button href={ (AUDIT) "?before=" (last.number) } rel="next" { (words.older) }
                }
            }
        }
    };
    let (title, search) = (words.audit.to_owned(), String::new());
    Ok(Page { title, place: Some(Place::Audit), body, search })
}

fn table(visitor: &Visitor, entries: &[AuditEntry]) -> Markup {
    let words = words(visitor.look.language);
    let shower = Shower { look: &visitor.look, contacts: Contacts::Masked };
    let access = visitor.call.hub().access();
    html! {
        div .scroll {
            table .rows.still {
                thead { tr {
                    th scope="col" { (words.when) }
                    th scope="col" { (words.who) }
                    th scope="col" { (words.deed) }
                    th scope="col" { (words.about) }
                    th scope="col" { (words.details) }
                } }
                tbody { @for entry in entries {
                    tr {
                        th scope="row" { (shower.time(entry.at)) }
                        td data-label=(words.who) { (who(entry.app, &access, words)) }
                        td data-label=(words.deed) {
                            @if entry.deed == Deed::SignInFailed { span .tag.bad { (deed(entry.deed, words)) } }
                            @else { (deed(entry.deed, words)) }
                        }
                        td data-label=(words.about) {
                            @if let Some(about) = entry.about { (object(about, &access, words)) }
                        }
                        td data-label=(words.details) {
                            @for (place, (key, value)) in entry.details.iter().enumerate() {
                                @if place > 0 { ", " }
                                span .soft { (detail(key, words)) } " "
                                (Role::named(value).map_or(&**value, |role| role_word(visitor, role)))
                            }
                        }
                    }
                } }
            }
        }
    }
}

/// Who did it, by name.
fn who(app: Option<AppNumber>, access: &Access, words: &Words) -> Markup {
    html! {
        @match app {
            None => span .soft { (words.nobody) },
            Some(AppNumber(0)) => span .soft { (words.command_line) },
            Some(number) => (access.app_name(number).unwrap_or(words.nobody)),
        }
    }
}

/// What it was about, with a way there.
fn object(about: About, access: &Access, words: &Words) -> Markup {
    let (_, number) = about.parts();
    match about {
        About::Customer(id) => html! {
            a href={ "/console/customers/" (id) } { (words.a_customer) " #" (id) }
        },
        About::User(app) => html! {
            a href={ (USERS) "/" (app) } {
                (words.a_user) " " (access.app_name(app).map_or_else(|| number.to_string(), str::to_owned))
            }
        },
        About::App(app) => html! {
            a href={ "/console/settings/apps/" (app) } {
                (words.a_app) " " (access.app_name(app).map_or_else(|| number.to_string(), str::to_owned))
            }
        },
        About::Import(_) => html! {
            a href={ "/console/imports/" (number) } { (words.a_import) " " (number) }
        },
        About::Webhook(_) => html! {
            a href={ "/console/settings/webhooks/" (number) } { (words.a_webhook) " " (number) }
        },
        About::WechatAccount(_) => html! {
            a href={ "/console/wechat/" (number) } { (words.a_wechat) " " (number) }
        },
    }
}

const fn deed(deed: Deed, words: &Words) -> &'static str {
    match deed {
        Deed::SignedIn => words.d_signed_in,
        Deed::SignInFailed => words.d_sign_in_failed,
        Deed::SignedOut => words.d_signed_out,
        Deed::SignedOutEverywhere => words.d_signed_out_everywhere,
        Deed::UserCreated => words.d_user_created,
        Deed::UserRenamed => words.d_user_renamed,
        Deed::RoleChanged => words.d_role_changed,
        Deed::PasswordChanged => words.d_password_changed,
        Deed::UserDisabled => words.d_user_disabled,
        Deed::UserEnabled => words.d_user_enabled,
        Deed::CustomerRevealed => words.d_customer_revealed,
        Deed::CustomersRead => words.d_customers_read,
        Deed::CustomersExported => words.d_customers_exported,
        Deed::AppCreated => words.d_app_created,
        Deed::AppPermitted => words.d_app_permitted,
        Deed::AppSecretChanged => words.d_app_secret,
        Deed::AppRevoked => words.d_app_revoked,
        Deed::WebhookCreated => words.d_webhook_created,
        Deed::WebhookChanged => words.d_webhook_changed,
        Deed::WebhookSecretChanged => words.d_webhook_secret,
        Deed::WebhookReplayed => words.d_webhook_replayed,
        Deed::WebhookDeleted => words.d_webhook_deleted,
        Deed::WechatBound => words.d_wechat_bound,
        Deed::WechatChanged => words.d_wechat_changed,
        Deed::WechatUnbound => words.d_wechat_unbound,
    }
}

/// What a role is called.
fn role_word(visitor: &Visitor, role: Role) -> &'static str {
    let words = entry_words(visitor.look.language);
    match role {
        Role::Admin => words.admin,
        Role::Editor => words.editor,
        Role::Reviewer => words.reviewer,
        Role::Viewer => words.viewer,
    }
}

/// What a detail is called; those that no page knows keep their own name.
fn detail<'a>(key: &'a str, words: &Words) -> &'a str {
    match key {
        "role" => words.k_role,
        "from" => words.k_from,
        "to" => words.k_to,
        "sessions" => words.k_sessions,
        "attempts" => words.k_attempts,
        "lockedSeconds" => words.k_locked,
        "route" => words.k_route,
        "permissions" => words.k_permissions,
        other => other,
    }
}
