//! Who owns an identity, asked in one statement.
//!
//! How a value is written in canonical form depends on its type, so that the types of the tenant have to
//! be known first. They are kept as they were read last; the statement tells of which version they are by
//! now, and if that is another one, all of it is asked anew, step by step. A cluster is always asked so.

use super::connection::Connection;
use super::lookup::identity_of_value;
use super::query::{self, owned};
use super::rows::{self, identity_columns};
use super::trouble::Trouble;
use crate::OwnedIdentity;
use crate::tables::codec;
use kehub_core::policy::IdentityType;
use kehub_core::{CustomerId, TenantId, TypeNumber, canonical};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Tenants whose types are kept; one more, and they are read again.
const TENANTS_MAX: usize = 1_000;

/// The first column of what [`owned!`] tells of an identity. Before it stand the version of the types and
/// the key of the owner.
const IDENTITY: usize = 2;

const VERSION: &str = "SELECT types_version FROM tenant WHERE id = $1";
/// A row for each identity of these types and values that a live customer owns; if there is none, a row
/// that tells the version alone.
macro_rules! owned {
    ($wanted:literal) => {
        concat!(
            "
    SELECT t.types_version, o.* FROM tenant AS t LEFT JOIN LATERAL (
        SELECT c.key AS owner, i.* FROM ",
            $wanted,
            identity_of_value!(),
            "
        CROSS JOIN LATERAL (
            SELECT coalesce(survivor, key) AS key FROM customer WHERE key = i.home LIMIT 1
        ) AS h
        CROSS JOIN LATERAL (
            SELECT key FROM customer WHERE key = h.key AND live IS NOT NULL LIMIT 1
        ) AS c
    ) AS o ON true
    WHERE t.id = $1"
        )
    };
}
/// Of one type. What the server expects of a list depends on what is in it, so that it would plan anew each
/// time.
const OWNED: &str = owned!("(SELECT $2::bigint AS type, $3::text AS value) AS w");
const OWNED_OF_TYPES: &str = owned!("unnest($2::bigint[], $3::text[]) AS w (type, value)");

/// The statements of this file that one server is asked, for tests that look at all of them.
#[cfg(test)]
pub(super) const STATEMENTS: &[(&str, &str)] =
    &[("owners of a value", OWNED), ("owners of a value of any type", OWNED_OF_TYPES)];
/// Those that a cluster is asked as well.
#[cfg(test)]
pub(super) const ASKED_ALIKE: &[(&str, &str)] = &[("version of types", VERSION)];

/// The types of a tenant, and the version that they are of.
type Known = (i64, Arc<BTreeMap<TypeNumber, IdentityType>>);

/// The types of tenants as they were read last.
#[derive(Default)]
pub(super) struct KnownTypes(Mutex<HashMap<TenantId, Known>>);

impl KnownTypes {
    fn all(&self) -> MutexGuard<'_, HashMap<TenantId, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, tenant: TenantId, known: Known) {
        let mut all = self.all();
        if all.len() >= TENANTS_MAX {
            all.clear();
        }
        all.insert(tenant, known);
    }

    /// The question who owns a value, of one type or of any; `None` if the types are not known.
    pub(super) fn asked(
        &self,
        tenant: TenantId,
        kind: Option<&str>,
        value: &str,
    ) -> Option<Arc<Asked>> {
        let (version, types) = self.all().get(&tenant).cloned()?;
        let wanted = of_kind(&types, kind);
        let wanted = wanted.map(|it| (codec::type_key(tenant, it.number), it.canonical(value)));
        let (keys, values) = wanted.unzip();
        Some(Arc::new(Asked { tenant, version, types, keys, values }))
    }
}

/// The types of one name, or all of them.
fn of_kind<'t>(
    types: &'t BTreeMap<TypeNumber, IdentityType>,
    kind: Option<&str>,
) -> impl Iterator<Item = &'t IdentityType> {
    let wanted = kind.map(canonical::type_key);
    types.values().filter(move |it| wanted.as_ref().is_none_or(|wanted| *wanted == it.key()))
}

/// The question who owns a value.
pub(super) struct Asked {
    tenant: TenantId,
    version: i64,
    types: Arc<BTreeMap<TypeNumber, IdentityType>>,
    /// The types that may have it, and how it is written there.
    keys: Vec<i64>,
    values: Vec<String>,
}

impl Asked {
    /// The owned identities; `None` if the types have changed.
    pub(super) async fn owners(
        &self,
        conn: &Connection,
    ) -> Result<Option<Vec<OwnedIdentity>>, Trouble> {
        let tenant = i64::from(self.tenant.0);
        let told = match (&*self.keys, &*self.values) {
            ([key], [value]) => conn.all(OWNED, &[&tenant, key, value]).await?,
            (keys, values) => conn.all(OWNED_OF_TYPES, &[&tenant, &keys, &values]).await?,
        };
        let mut found = Vec::new();
        for row in &told {
            if row.try_get::<_, i64>(0)? != self.version {
                return Ok(None);
            }
            if let Some(owner) = row.try_get::<_, Option<i64>>(1)? {
                let owner = CustomerId(codec::number_of(owner));
                found.push(owned(owner, rows::identity_from(row, IDENTITY)?, &self.types)?);
            }
        }
        // Without a row there is no such tenant.
        Ok((!told.is_empty()).then(|| in_order(found)))
    }
}

/// The owned identities of a value, of one type or of any, as of one snapshot. The types are kept.
pub(super) async fn owners(
    conn: &Connection,
    known: &KnownTypes,
    tenant: TenantId,
    kind: Option<&str>,
    value: &str,
) -> Result<Vec<OwnedIdentity>, Trouble> {
    let version = conn.first(VERSION, &[&i64::from(tenant.0)]).await?;
    let types = Arc::new(query::types_of(conn, tenant).await?);
    if let Some(version) = version.filter(|_| !conn.is_distributed()) {
        known.keep(tenant, (version.try_get(0)?, Arc::clone(&types)));
    }
    let identities =
        query::identities_of_values(conn, tenant, of_kind(&types, kind), value).await?;
    let homes: Vec<CustomerId> = identities.iter().filter_map(|identity| identity.home).collect();
    let owners = query::survivors(conn, tenant, &homes).await?;
    let mut found = Vec::new();
    for identity in identities {
        if let Some(owner) = identity.home.and_then(|home| owners.get(&home)) {
            found.push(owned(owner.id, identity, &types)?);
        }
    }
    Ok(in_order(found))
}

fn in_order(mut found: Vec<OwnedIdentity>) -> Vec<OwnedIdentity> {
    found.sort_by_key(|found| (found.owner, found.identity.number));
    found
}

#[cfg(test)]
mod tests {
    use super::super::{PostgresOptions, PostgresStore};
    use super::*;
    use crate::{Batch, Store as _, TestDatabase};
    use kehub_core::AppNumber;
    use kehub_core::command::{Command, IdentitySent, MergeByHand, Origin, Request, Upsert};
    use kehub_core::directory::NewTenant;
    use kehub_core::outcome::Outcome;
    use kehub_core::policy::Preset;

    const TENANT: TenantId = TenantId(1);

    async fn hub(database: &TestDatabase) -> PostgresStore {
        PostgresStore::open(&database.url(), PostgresOptions::default()).await.unwrap()
    }

    async fn apply(hub: &PostgresStore, command: Command) -> Outcome {
        let origin = Origin { app: AppNumber(1), actor: None, request: "test".into(), at: 1 };
        let request =
            Request { tenant: TENANT, origin, dry_run: false, idempotency: None, command };
        hub.apply(Batch::one(request)).await.unwrap().remove(0)
    }

    async fn upsert(hub: &PostgresStore, kind: &str, value: &str) -> CustomerId {
        let (kind, value) = (kind.to_owned(), value.to_owned());
        let identities = vec![IdentitySent { kind, value, ..IdentitySent::default() }];
        let upsert = Upsert { identities, ..Upsert::default() };
        let Outcome::Resolved(resolution) = apply(hub, Command::Upsert(upsert)).await else {
            panic!("it was not taken");
        };
        resolution.customer.id
    }

    /// Who owns a value, and whether the types were known.
    async fn owners(
        hub: &PostgresStore,
        kind: Option<&str>,
        value: &str,
    ) -> (Vec<CustomerId>, bool) {
        let version = || hub.types.all().get(&TENANT).map(|known| known.0);
        let before = version();
        let found = hub.identities_named(TENANT, kind, value).await.unwrap();
        let is_known = before.is_some() && before == version();
        (found.into_iter().map(|it| it.owner).collect(), is_known)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_others_change_is_seen_at_once_also_of_types() {
        let database = TestDatabase::new().await;
        let (hub, other) = (hub(&database).await, hub(&database).await);
        let tenant = NewTenant { name: "first".into(), preset: Preset::Compat };
        apply(&hub, Command::CreateTenant(tenant)).await;
        let one = upsert(&hub, "account", "a1").await;
        assert_eq!(owners(&hub, Some("account"), "a1").await, (vec![one], false));
        assert_eq!(owners(&hub, Some("Account"), " a1 ").await, (vec![one], true));
        assert_eq!(owners(&hub, Some("account"), "a2").await, (vec![], true));
        assert_eq!(owners(&hub, Some("later"), "a2").await, (vec![], true));

        // A customer of no new type.
        let two = upsert(&other, "account", "a2").await;
        assert_eq!(owners(&hub, Some("account"), "a2").await, (vec![two], true));
        // One of a type that was not there, with a value that is.
        let three = upsert(&other, "later", "a2").await;
        assert_eq!(owners(&hub, Some("later"), "a2").await, (vec![three], false));
        assert_eq!(owners(&hub, None, "a2").await, (vec![two, three], true));

        // Those who were merged away answer no more, and those who were deleted own nothing.
        let merge = MergeByHand { one, other: two };
        let merged = apply(&other, Command::Merge(merge)).await;
        assert!(!matches!(merged, Outcome::Refused(_)), "{merged:?}");
        let (owner, is_known) = owners(&hub, Some("account"), "a2").await;
        assert!(is_known && owner == owners(&hub, Some("account"), "a1").await.0);
        apply(&other, Command::Delete(owner[0])).await;
        assert_eq!(owners(&hub, None, "a2").await, (vec![three], true));
    }
}
