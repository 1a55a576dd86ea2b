//! A WeChat account as `/api` answers it: without any secret.

use crate::wire::time;
use kehub_core::Micros;
use kehub_core::wechat::{FanFailure, FanImport, FanRefusals, WechatAccount};
use serde::Serialize;

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AccountBody<'a> {
    id: i64,
    app_id: &'a str,
    name: &'a str,
    service_type: Option<i32>,
    verify_type: Option<i32>,
    nightly: bool,
    callback: CallbackBody,
    created_at: Option<String>,
    updated_at: Option<String>,
    import: ImportBody<'a>,
    /// Only of a call that binds.
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<bool>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CallbackBody {
    path: String,
    enabled: bool,
    encrypted: bool,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ImportBody<'a> {
    state: &'static str,
    asked_at: Option<String>,
    ended_at: Option<String>,
    due_at: Option<String>,
    total: Option<u64>,
    pages: u64,
    read: u64,
    created: u64,
    updated: u64,
    unchanged: u64,
    merged: u64,
    refused: u64,
    refused_because: RefusedBody,
    tags_left_out: u64,
    error: Option<ErrorBody<'a>>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RefusedBody {
    gone: u64,
    unusable: u64,
    in_conflict: u64,
    too_many_attributes: u64,
    other: u64,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorBody<'a> {
    at: Option<String>,
    code: Option<i64>,
    reason: &'a str,
}

impl<'a> AccountBody<'a> {
    /// An account as it stands at this moment.
    pub(super) fn of(account: &'a WechatAccount, now: Micros) -> AccountBody<'a> {
        let WechatAccount { settings, secrets, .. } = account;
        AccountBody {
            id: account.id.0,
            app_id: &account.app_id,
            name: &settings.name,
            service_type: settings.service_type,
            verify_type: settings.verify_type,
            nightly: settings.nightly,
            callback: CallbackBody {
                path: callback_path(&account.app_id),
                enabled: secrets.token.is_some(),
                encrypted: secrets.token.is_some() && secrets.aes_key.is_some(),
            },
            created_at: time::precise(account.created_at),
            updated_at: time::precise(account.updated_at),
            import: ImportBody::of(&account.import, now),
            created: None,
        }
    }

    /// With whether it was bound anew, or is changed.
    pub(super) fn bound(self, created: bool) -> AccountBody<'a> {
        AccountBody { created: Some(created), ..self }
    }
}

/// The path that WeChat is to call.
pub(crate) fn callback_path(app_id: &str) -> String {
    format!("/wechat/{app_id}/callback")
}

impl<'a> ImportBody<'a> {
    fn of(import: &'a FanImport, now: Micros) -> ImportBody<'a> {
        let counts = import.counts.with(import.under_way);
        ImportBody {
            state: import.state(now).name(),
            asked_at: import.asked_at.and_then(time::precise),
            ended_at: import.ended_at.and_then(time::precise),
            due_at: import.due.and_then(time::precise),
            total: import.total,
            pages: import.pages,
            read: counts.read,
            created: counts.created,
            updated: counts.updated,
            unchanged: counts.unchanged,
            merged: counts.merged,
            refused: counts.refused,
            refused_because: RefusedBody::of(counts.refused_because),
            tags_left_out: counts.tags_left_out,
            error: import.failure.as_ref().map(ErrorBody::of),
        }
    }
}

impl RefusedBody {
    fn of(because: FanRefusals) -> RefusedBody {
        let FanRefusals { gone, unusable, in_conflict, too_many_attributes, other } = because;
        RefusedBody { gone, unusable, in_conflict, too_many_attributes, other }
    }
}

impl<'a> ErrorBody<'a> {
    fn of(failure: &'a FanFailure) -> ErrorBody<'a> {
        ErrorBody { at: time::precise(failure.at), code: failure.code, reason: &failure.reason }
    }
}
