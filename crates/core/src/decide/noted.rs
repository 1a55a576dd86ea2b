//! What the audit log tells of commands about apps, webhooks and WeChat accounts: none of them changes a
//! customer, so no journal does.

use super::people::write_down;
use crate::command::{Command, Request};
use crate::directory::{App, AppChange};
use crate::facts::Facts;
use crate::outcome::Outcome;
use crate::people::audit::{About, Deed, Details, Note};
use crate::webhook::{WebhookChange, WebhookOutcome};
use crate::wechat::{WechatChange, WechatOutcome};

/// Writes down what a request has done, if the audit log is to tell of it.
pub(super) fn note(request: &Request, outcome: &Outcome, facts: &mut Facts) {
    if request.dry_run {
        return;
    }
    let note = match (&request.command, outcome) {
        (Command::ChangeApp(change), Outcome::App { app, created }) => {
            of_app(request, change, app, *created)
        }
        (Command::Webhook(change), Outcome::Webhook(outcome)) => of_webhook(change, outcome),
        (Command::Wechat(change), Outcome::Wechat(outcome)) => of_wechat(change, outcome),
        _ => None,
    };
    if let Some(note) = note {
        write_down(request, Some(request.origin.app), note, facts);
    }
}

fn of_app(request: &Request, change: &AppChange, app: &App, created: bool) -> Option<Note> {
    let names: Vec<&str> = app.permissions.iter().map(|permission| permission.name()).collect();
    let permissions = || Details::from([("permissions".into(), names.join(" ").into())]);
    let (deed, details) = match change {
        // Provisioning may repeat itself, and so may whoever ends an app.
        AppChange::Create { .. } => (created.then_some(Deed::AppCreated)?, permissions()),
        AppChange::Revoke { .. } => {
            let is_new = app.revoked_at == Some(request.origin.at);
            (is_new.then_some(Deed::AppRevoked)?, Details::new())
        }
        AppChange::Rotate { .. } => (Deed::AppSecretChanged, Details::new()),
        AppChange::Permit { .. } => (Deed::AppPermitted, permissions()),
    };
    Some(Note { deed, about: Some(About::App(app.number)), details })
}

fn of_webhook(change: &WebhookChange, outcome: &WebhookOutcome) -> Option<Note> {
    let id = match outcome {
        WebhookOutcome::Stands(webhook) => webhook.id,
        WebhookOutcome::Deleted(id) => *id,
        WebhookOutcome::Lease(_) | WebhookOutcome::Kept => return None,
    };
    let deed = match change {
        WebhookChange::Create { .. } => Deed::WebhookCreated,
        WebhookChange::Set { .. } => Deed::WebhookChanged,
        WebhookChange::Rotate { .. } => Deed::WebhookSecretChanged,
        WebhookChange::Delete(_) => Deed::WebhookDeleted,
        WebhookChange::Replay { .. } => Deed::WebhookReplayed,
        // It sets nothing, and tells nobody anything else than before.
        WebhookChange::Retry { .. } => return None,
    };
    Some(Note { deed, about: Some(About::Webhook(id)), details: Details::new() })
}

fn of_wechat(change: &WechatChange, outcome: &WechatOutcome) -> Option<Note> {
    let (deed, id) = match (change, outcome) {
        (WechatChange::Bind { .. }, WechatOutcome::Stands { account, created: true }) => {
            (Deed::WechatBound, account.id)
        }
        (WechatChange::Bind { .. }, WechatOutcome::Stands { account, created: false }) => {
            (Deed::WechatChanged, account.id)
        }
        (WechatChange::Unbind(_), WechatOutcome::Unbound(id)) => (Deed::WechatUnbound, *id),
        _ => return None,
    };
    Some(Note { deed, about: Some(About::WechatAccount(id)), details: Details::new() })
}
