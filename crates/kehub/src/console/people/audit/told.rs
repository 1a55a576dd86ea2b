//! What entries of the log say, for people.

use super::super::USERS;
use super::super::words::Words;
use crate::console::entry::words::words as entry_words;
use crate::console::visitor::Visitor;
use crate::server::access::Access;
use kehub_core::people::audit::{About, Deed};
use kehub_core::people::user::Role;
use kehub_core::{AppNumber, TenantId};
use maud::{Markup, html};
use std::sync::Arc;

/// The names of the users and apps of a tenant.
pub(super) struct Names {
    access: Arc<Access>,
    tenant: TenantId,
}

impl Names {
    pub(super) fn of(visitor: &Visitor) -> Names {
        Names { access: visitor.call.hub().access(), tenant: visitor.call.tenant() }
    }

    fn name(&self, app: AppNumber) -> Option<&str> {
        self.access.app_name(self.tenant, app)
    }

    fn name_or_number(&self, app: AppNumber) -> String {
        self.name(app).map_or_else(|| app.to_string(), str::to_owned)
    }
}

/// Who did it, by name.
pub(super) fn who(app: Option<AppNumber>, names: &Names, words: &Words) -> Markup {
    html! {
        @match app {
            None => span .soft { (words.nobody) },
            Some(AppNumber(0)) => span .soft { (words.command_line) },
            Some(number) => (names.name(number).unwrap_or(words.nobody)),
        }
    }
}

/// What it was about, with a way there.
pub(super) fn object(about: About, names: &Names, words: &Words) -> Markup {
    let (_, number) = about.parts();
    match about {
        About::Customer(id) => html! {
            a href={ "/console/customers/" (id) } { (words.a_customer) " #" (id) }
        },
        About::User(app) => html! {
            a href={ (USERS) "/" (app) } {
                (words.a_user) " " (names.name_or_number(app))
            }
        },
        About::App(app) => html! {
            a href={ "/console/settings/apps/" (app) } {
                (words.a_app) " " (names.name_or_number(app))
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

/// What was done.
pub(super) const fn deed(deed: Deed, words: &Words) -> &'static str {
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
pub(super) fn role_word(visitor: &Visitor, role: Role) -> &'static str {
    let words = entry_words(visitor.look.language);
    match role {
        Role::Admin => words.admin,
        Role::Editor => words.editor,
        Role::Reviewer => words.reviewer,
        Role::Viewer => words.viewer,
    }
}

/// What a detail is called; those that no page knows keep their own name.
pub(super) fn detail<'a>(key: &'a str, words: &Words) -> &'a str {
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
