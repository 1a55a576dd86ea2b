//! Who owns an identity, asked in one statement.
//!
//! How a value is written in canonical form depends on its type, so that the types of the tenant have to
//! be known first. A session keeps them as it has read them last; the statement tells of which version they
//! are by now, and if that is another one, all of it is asked anew, step by step. A cluster is always asked so.

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

/// Tenants whose types are kept; with one more, all of them are read again.
const TENANTS_MAX: usize = 1_000;

/// The first column of what [`found_of!`] tells of an identity. Before it stand the version of the types
/// and the key of the owner.
const IDENTITY: usize = 2;

const VERSION: &str = "SELECT types_version FROM tenant WHERE id = $1";
/// A row for each identity of these types and values that a live customer owns; if there is none, a row
/// that tells the version alone. No row of a tenant that is not there.
macro_rules! found_of {
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
/// What the server expects of a list depends on what is in it, so that it would plan a list of one anew
/// each time (decision 38).
const OF_ONE_TYPE: &str = found_of!("(SELECT $2::bigint AS type, $3::text AS value) AS w");
const OF_TYPES: &str = found_of!("unnest($2::bigint[], $3::text[]) AS w (type, value)");

/// The statements of this file that one server is asked, for tests that look at all of them.
#[cfg(any(test, feature = "testing"))]
pub(super) const STATEMENTS: &[(&str, &str)] =
    &[("owners of a value", OF_ONE_TYPE), ("owners of a value of any type", OF_TYPES)];
/// Those that a cluster is asked as well.
#[cfg(any(test, feature = "testing"))]
pub(super) const ASKED_ALIKE: &[(&str, &str)] = &[("version of types", VERSION)];

type Types = Arc<BTreeMap<TypeNumber, IdentityType>>;

/// The types of tenants as a session has read them last, with their versions. Not longer than the session: a
/// server that took the place of another one may have given the same version to other types.
#[derive(Default)]
pub(super) struct KnownTypes(Mutex<HashMap<TenantId, (i64, Types)>>);

impl KnownTypes {
    fn all(&self) -> MutexGuard<'_, HashMap<TenantId, (i64, Types)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, tenant: TenantId, version: i64, types: &Types) {
        let mut all = self.all();
        if all.len() >= TENANTS_MAX && !all.contains_key(&tenant) {
            all.clear();
        }
        all.insert(tenant, (version, Arc::clone(types)));
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

/// The owned identities of a value, of one type or of any, by one statement; `None` if the session does not
/// know the types, or they have changed.
pub(super) async fn at_once(
    conn: &Connection,
    tenant: TenantId,
    kind: Option<&str>,
    value: &str,
) -> Result<Option<Vec<OwnedIdentity>>, Trouble> {
    let known = conn.types().all().get(&tenant).cloned();
    let Some((version, types)) = known else { return Ok(None) };
    let (keys, values) = query::written(tenant, of_kind(&types, kind), value);
    let own = i64::from(tenant.0);
    let told = match (&*keys, &*values) {
        ([key], [value]) => conn.all(OF_ONE_TYPE, &[&own, key, value]).await?,
        (keys, values) => conn.all(OF_TYPES, &[&own, &keys, &values]).await?,
    };
    let mut found = Vec::new();
    for row in &told {
        if row.try_get::<_, i64>(0)? != version {
            return Ok(None);
        }
        if let Some(owner) = row.try_get::<_, Option<i64>>(1)? {
            let owner = CustomerId(codec::number_of(owner));
            found.push(owned(owner, rows::identity_from(row, IDENTITY)?, &types)?);
        }
    }
    Ok((!told.is_empty()).then(|| in_order(found)))
}

/// The owned identities of a value, of one type or of any, as of the snapshot of a session, which keeps the
/// types.
pub(super) async fn step_by_step(
    conn: &Connection,
    tenant: TenantId,
    kind: Option<&str>,
    value: &str,
) -> Result<Vec<OwnedIdentity>, Trouble> {
    let version = conn.first(VERSION, &[&i64::from(tenant.0)]).await?;
    let types = Arc::new(query::types_of(conn, tenant).await?);
    if let Some(version) = version.filter(|_| !conn.is_distributed()) {
        conn.types().keep(tenant, version.try_get(0)?, &types);
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
    use super::super::connection::Server;
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

    /// Who owns a value, and whether the session knew the types. However it is asked, the answer is the same.
    async fn owners(conn: &Connection, kind: Option<&str>, value: &str) -> (Vec<CustomerId>, bool) {
        let at_once = at_once(conn, TENANT, kind, value).await.unwrap();
        let found = step_by_step(conn, TENANT, kind, value).await.unwrap();
        if let Some(at_once) = &at_once {
            assert_eq!(at_once, &found);
        }
        (found.into_iter().map(|it| it.owner).collect(), at_once.is_some())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_others_change_is_seen_at_once_also_of_types() {
        let database = TestDatabase::new().await;
        let hub = hub(&database).await;
        let conn = Server::of(&database.url()).unwrap().connect().await.unwrap();
        let tenant = NewTenant { name: "first".into(), preset: Preset::Compat };
        apply(&hub, Command::CreateTenant(tenant)).await;
        let one = upsert(&hub, "account", "a1").await;
        assert_eq!(owners(&conn, Some("account"), "a1").await, (vec![one], false));
        assert_eq!(owners(&conn, Some("Account"), " a1 ").await, (vec![one], true));
        assert_eq!(owners(&conn, Some("account"), "a2").await, (vec![], true));
        assert_eq!(owners(&conn, Some("later"), "a2").await, (vec![], true));

        // A customer of no new type.
        let two = upsert(&hub, "account", "a2").await;
        assert_eq!(owners(&conn, Some("account"), "a2").await, (vec![two], true));
        // One of a type that was not there, with a value that is.
        let three = upsert(&hub, "later", "a2").await;
        assert_eq!(owners(&conn, Some("later"), "a2").await, (vec![three], false));
        assert_eq!(owners(&conn, None, "a2").await, (vec![two, three], true));

        // Those who were merged away answer no more, and those who were deleted own nothing.
        let merge = MergeByHand { one, other: two };
        let merged = apply(&hub, Command::Merge(merge)).await;
        assert!(!matches!(merged, Outcome::Refused(_)), "{merged:?}");
        let (owner, is_known) = owners(&conn, Some("account"), "a2").await;
        assert!(is_known && owner == owners(&conn, Some("account"), "a1").await.0);
        apply(&hub, Command::Delete(owner[0])).await;
        assert_eq!(owners(&conn, None, "a2").await, (vec![three], true));

        // Another session may be one to another server.
        let fresh = Server::of(&database.url()).unwrap().connect().await.unwrap();
        assert_eq!(owners(&fresh, None, "a2").await, (vec![three], false));
        // Of a tenant that is not there nothing is known, however often it is asked.
        for _ in 0..2 {
            let nobody = TenantId(9);
            assert_eq!(at_once(&conn, nobody, None, "a2").await.unwrap(), None);
            assert_eq!(step_by_step(&conn, nobody, None, "a2").await.unwrap(), []);
        }
    }
}
