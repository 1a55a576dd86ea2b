//! WeChat accounts and the imports of their fans: from the table, and back.

use super::connection::Connection;
use super::rows;
use super::trouble::Trouble;
use crate::tables::codec::{self, key_range};
use kehub_core::command::Request;
use kehub_core::facts::Needs;
use kehub_core::wechat::{
    FanImport, Sealed, WechatAccount, WechatAccounts, WechatSecrets, WechatSettings,
};
use kehub_core::{TenantId, WechatId};
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::Row;

const LAST: &str = "SELECT id, last_wechat FROM tenant WHERE id = ANY($1)";
const LAST_UPDATE: &str = "UPDATE tenant SET last_wechat = $2 WHERE id = $1";
const ACCOUNTS: &str = "
    SELECT key, app_id, name, service_type, verify_type, nightly, app_secret, token, aes_key,
           created_at, updated_at, fans, next
    FROM wechat_account WHERE key BETWEEN $1 AND $2 ORDER BY key";
const UPSERT: &str = "
    INSERT INTO wechat_account (key, app_id, name, service_type, verify_type, nightly, app_secret,
                                token, aes_key, created_at, updated_at, fans, next)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
    ON CONFLICT (key) DO UPDATE SET
        name = excluded.name, service_type = excluded.service_type,
        verify_type = excluded.verify_type, nightly = excluded.nightly,
        app_secret = excluded.app_secret, token = excluded.token, aes_key = excluded.aes_key,
        updated_at = excluded.updated_at, fans = excluded.fans, next = excluded.next";
const DELETE: &str = "DELETE FROM wechat_account WHERE key = $1";

/// The statements of this file, for tests that look at all of them.
#[cfg(any(test, feature = "testing"))]
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("last WeChat account", LAST),
    ("update of the last WeChat account", LAST_UPDATE),
    ("WeChat accounts", ACCOUNTS),
    ("upsert of a WeChat account", UPSERT),
    ("delete of a WeChat account", DELETE),
];

/// The accounts of a tenant, or of all.
pub(super) async fn all(
    conn: &Connection,
    tenant: Option<TenantId>,
) -> Result<BTreeMap<(TenantId, WechatId), WechatAccount>, Trouble> {
    let (first, last) = tenant.map_or((i64::MIN, i64::MAX), key_range);
    let found = rows::read(&conn.all(ACCOUNTS, &[&first, &last]).await?, account)?;
    Ok(found.into_iter().map(|(tenant, account)| ((tenant, account.id), account)).collect())
}

/// What the requests look at of accounts; `None` if none of them does.
pub(super) async fn facts(
    conn: &Connection,
    requests: &[Request],
) -> Result<Option<WechatAccounts>, Trouble> {
    let about = requests.iter().filter(|request| Needs::wechat(&request.command));
    let tenants: BTreeSet<i64> = about.map(|request| i64::from(request.tenant.0)).collect();
    if tenants.is_empty() {
        return Ok(None);
    }
    let mut accounts = WechatAccounts::default();
    let ids: Vec<i64> = tenants.into_iter().collect();
    for row in conn.all(LAST, &[&ids]).await? {
        let tenant = TenantId(rows::number(&row, 0)?);
        accounts.last.insert(tenant, WechatId(row.try_get(1)?));
        accounts.all.extend(all(conn, Some(tenant)).await?);
    }
    Ok(Some(accounts))
}

fn account(row: &Row) -> Result<(TenantId, WechatAccount), Trouble> {
    let sealed = |column| {
        let bytes: Option<&[u8]> = row.try_get(column)?;
        Ok::<_, Trouble>(bytes.map(|bytes| Sealed(bytes.into())))
    };
    let kind = |column| {
        let kind: Option<i64> = row.try_get(column)?;
        kind.map(i32::try_from).transpose().map_err(Trouble::broken)
    };
    let key = rows::key(row)?;
    let import: FanImport = serde_json::from_str(row.try_get(11)?).map_err(Trouble::broken)?;
    let account = WechatAccount {
        id: WechatId(codec::number_of(key)),
        app_id: row.try_get(1)?,
        settings: WechatSettings {
            name: row.try_get(2)?,
            service_type: kind(3)?,
            verify_type: kind(4)?,
            nightly: row.try_get(5)?,
        },
        secrets: WechatSecrets {
            app_secret: Sealed(row.try_get::<_, &[u8]>(6)?.into()),
            token: sealed(7)?,
            aes_key: sealed(8)?,
        },
        created_at: row.try_get(9)?,
        updated_at: row.try_get(10)?,
        import: FanImport { next: sealed(12)?, ..import },
    };
    Ok((codec::tenant_of(key)?, account))
}

/// Writes what differs.
pub(super) async fn write(
    conn: &Connection,
    now: &WechatAccounts,
    before: &WechatAccounts,
) -> Result<(), Trouble> {
    for (tenant, last) in &now.last {
        if before.last.get(tenant) != Some(last) {
            conn.run(LAST_UPDATE, &[&i64::from(tenant.0), &last.0]).await?;
        }
    }
    for (tenant, id) in before.all.keys().filter(|key| !now.all.contains_key(key)) {
        conn.run(DELETE, &[&codec::own_key(*tenant, id.0)?]).await?;
    }
    for ((tenant, id), account) in &now.all {
        if before.all.get(&(*tenant, *id)) != Some(account) {
            write_account(conn, codec::own_key(*tenant, id.0)?, account).await?;
        }
    }
    Ok(())
}

async fn write_account(
    conn: &Connection,
    key: i64,
    account: &WechatAccount,
) -> Result<(), Trouble> {
    let WechatAccount { settings, secrets, import, .. } = account;
    conn.run(
        UPSERT,
        &[
            &key,
            &account.app_id,
            &settings.name,
            &settings.service_type.map(i64::from),
            &settings.verify_type.map(i64::from),
            &settings.nightly,
            &&secrets.app_secret.0[..],
            &secrets.token.as_ref().map(|it| &it.0[..]),
            &secrets.aes_key.as_ref().map(|it| &it.0[..]),
            &account.created_at,
            &account.updated_at,
            &serde_json::to_string(import).map_err(Trouble::broken)?,
            &import.next.as_ref().map(|it| &it.0[..]),
        ],
    )
    .await?;
    Ok(())
}
