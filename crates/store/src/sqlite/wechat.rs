//! WeChat accounts and the imports of their fans: from the table, and back.

use super::codec::{self, key_range};
use super::rows;
use super::trouble::Trouble;
use kehub_core::command::Request;
use kehub_core::facts::Needs;
use kehub_core::wechat::{
    FanImport, Sealed, WechatAccount, WechatAccounts, WechatSecrets, WechatSettings,
};
use kehub_core::{TenantId, WechatId};
use rusqlite::{Connection, Row, params};
use std::collections::{BTreeMap, BTreeSet};

const LAST: &str = "SELECT last_wechat FROM tenant WHERE id = ?1";
const LAST_UPDATE: &str = "UPDATE tenant SET last_wechat = ?2 WHERE id = ?1";
const ACCOUNTS: &str = "
    SELECT key, app_id, name, service_type, verify_type, nightly, app_secret, token, aes_key,
           created_at, updated_at, fans, next
    FROM wechat_account WHERE key BETWEEN ?1 AND ?2 ORDER BY key";
const UPSERT: &str = "
    INSERT INTO wechat_account (key, app_id, name, service_type, verify_type, nightly, app_secret,
                                token, aes_key, created_at, updated_at, fans, next)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
    ON CONFLICT (key) DO UPDATE SET
        name = excluded.name, service_type = excluded.service_type,
        verify_type = excluded.verify_type, nightly = excluded.nightly,
        app_secret = excluded.app_secret, token = excluded.token, aes_key = excluded.aes_key,
        updated_at = excluded.updated_at, fans = excluded.fans, next = excluded.next";
const DELETE: &str = "DELETE FROM wechat_account WHERE key = ?1";

/// The statements of this file that read rows, for a look at their plans.
#[cfg(test)]
pub(super) const STATEMENTS: &[(&str, &str)] = &[("WeChat accounts", ACCOUNTS)];

/// The accounts of a tenant, or of all.
pub(super) fn all(
    conn: &Connection,
    tenant: Option<TenantId>,
) -> Result<BTreeMap<(TenantId, WechatId), WechatAccount>, Trouble> {
    let range = tenant.map_or((i64::MIN, i64::MAX), key_range);
    let found = rows::all(conn, ACCOUNTS, range, account)?.into_iter();
    Ok(found.map(|(tenant, account)| ((tenant, account.id), account)).collect())
}

/// What the requests look at of accounts; `None` if none of them does.
pub(super) fn facts(
    conn: &Connection,
    requests: &[Request],
) -> Result<Option<WechatAccounts>, Trouble> {
    let about = requests.iter().filter(|request| Needs::wechat(&request.command));
    let tenants: BTreeSet<TenantId> = about.map(|request| request.tenant).collect();
    if tenants.is_empty() {
        return Ok(None);
    }
    let mut accounts = WechatAccounts::default();
    for tenant in tenants {
        let Some(last) = rows::first(conn, LAST, [tenant.0], rows::integer)? else { continue };
        accounts.last.insert(tenant, WechatId(last));
        accounts.all.extend(all(conn, Some(tenant))?);
    }
    Ok(Some(accounts))
}

fn account(row: &Row<'_>) -> Result<(TenantId, WechatAccount), Trouble> {
    let sealed = |column| Ok::<_, Trouble>(row.get::<_, Option<Box<[u8]>>>(column)?.map(Sealed));
    let key: i64 = row.get(0)?;
    let fans: Box<str> = row.get(11)?;
    let import: FanImport = serde_json::from_str(&fans).map_err(Trouble::broken)?;
    let account = WechatAccount {
        id: WechatId(codec::number_of(key)),
        app_id: row.get(1)?,
        settings: WechatSettings {
            name: row.get(2)?,
            service_type: row.get(3)?,
            verify_type: row.get(4)?,
            nightly: row.get(5)?,
        },
        secrets: WechatSecrets {
            app_secret: Sealed(row.get(6)?),
            token: sealed(7)?,
            aes_key: sealed(8)?,
        },
        created_at: row.get(9)?,
        updated_at: row.get(10)?,
        import: FanImport { next: sealed(12)?, ..import },
    };
    Ok((codec::tenant_of(key)?, account))
}

/// Writes what differs.
pub(super) fn write(
    conn: &Connection,
    now: &WechatAccounts,
    before: &WechatAccounts,
) -> Result<(), Trouble> {
    for (tenant, last) in &now.last {
        if before.last.get(tenant) != Some(last) {
            conn.prepare_cached(LAST_UPDATE)?.execute((tenant.0, last.0))?;
        }
    }
    for (tenant, id) in before.all.keys().filter(|key| !now.all.contains_key(key)) {
        conn.prepare_cached(DELETE)?.execute([codec::own_key(*tenant, id.0)?])?;
    }
    for ((tenant, id), account) in &now.all {
        if before.all.get(&(*tenant, *id)) != Some(account) {
            write_account(conn, codec::own_key(*tenant, id.0)?, account)?;
        }
    }
    Ok(())
}

fn write_account(conn: &Connection, key: i64, account: &WechatAccount) -> Result<(), Trouble> {
    let WechatAccount { settings, secrets, import, .. } = account;
    conn.prepare_cached(UPSERT)?.execute(params![
        key,
        account.app_id,
        settings.name,
        settings.service_type,
        settings.verify_type,
        settings.nightly,
        secrets.app_secret.0,
        secrets.token.as_ref().map(|it| &it.0),
        secrets.aes_key.as_ref().map(|it| &it.0),
        account.created_at,
        account.updated_at,
        serde_json::to_string(import).map_err(Trouble::broken)?,
        import.next.as_ref().map(|it| &it.0),
    ])?;
    Ok(())
}
