//! What requests name, looked up in one round trip.

use super::connection::Connection;
use super::load::{IDENTITIES, TypesCache, are_plain};
use super::lookup;
use super::owners::Wanted;
use super::rows;
use super::trouble::Trouble;
use crate::tables::codec;
use futures_util::future::{try_join_all, try_join4};
use kehub_core::TenantId;
use kehub_core::command::Request;
use kehub_core::facts::Needs;
use kehub_core::identity::IdentityKey;
use kehub_core::limits::CARRIERS_MAX;
use kehub_core::policy::Policy;
use kehub_core::receipt::Receipt;
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::Row;

const RECEIPTS: &str = "
    SELECT r.tenant, r.app, r.key, r.request, r.at, r.seq, r.outcome
    FROM unnest($1::bigint[], $2::bigint[], $3::bytea[]) AS w (tenant, app, key)
    JOIN receipt AS r ON r.tenant = w.tenant AND r.app = w.app AND r.key = w.key";
const TYPE_USED: &str = "SELECT type FROM identity WHERE type = $1 LIMIT 1";

/// The statements of this file, for tests that look at all of them.
#[cfg(any(test, feature = "testing"))]
pub(super) const STATEMENTS: &[(&str, &str)] =
    &[("receipts", RECEIPTS), ("type that is used", TYPE_USED)];

/// Keys under which requests may have been answered before: tenants, apps, keys.
#[derive(Default)]
struct ReceiptKeys(Vec<i64>, Vec<i64>, Vec<Vec<u8>>);

impl ReceiptKeys {
    fn push(&mut self, tenant: TenantId, needs: &Needs) {
        for key in &needs.receipts {
            self.0.push(i64::from(tenant.0));
            self.1.push(i64::from(key.app.0));
            self.2.push(key.key.to_vec());
        }
    }

    async fn read(&self, conn: &Connection) -> Result<Vec<Row>, Trouble> {
        conn.some(RECEIPTS, self.0.len(), &[&self.0, &self.1, &self.2]).await
    }
}

/// What requests name, as arguments of statements.
#[derive(Default)]
pub(super) struct Named {
    /// The versions of the types with which they were understood.
    pub(super) versions: Vec<(TenantId, i64)>,
    /// Everything that they need, and how many carriers of a match key.
    pub(super) needed: Vec<(TenantId, Needs, i64)>,
    receipts: ReceiptKeys,
    wanted: Wanted,
    /// The number there of the last request with match keys; requests with the same identities share one.
    numbered: i64,
    numbers: Vec<i64>,
    types: Vec<i64>,
    pub(super) customers: Vec<i64>,
}

/// What was found of it.
pub(super) struct Found {
    /// Identities with who owns them, and who carries match keys, unless that has to be asked step by step.
    pub(super) owners: Option<Vec<Row>>,
    /// Other identities.
    pub(super) identities: Vec<Row>,
    pub(super) used_types: Vec<Row>,
    pub(super) receipts: Vec<Row>,
}

impl Named {
    /// What plain requests name, understood with the types known so far; `None` if some are not known.
    pub(super) fn early(requests: &[Request], cache: &TypesCache) -> Option<Named> {
        if !are_plain(requests) {
            return None;
        }
        let tenants: BTreeSet<TenantId> = requests.iter().map(|request| request.tenant).collect();
        let known = |tenant| {
            let (version, policy) = cache.get(&tenant)?;
            Some(((tenant, *version), policy))
        };
        let policies: Option<Vec<_>> = tenants.into_iter().map(known).collect();
        Some(Named::of(requests, policies?.into_iter()))
    }

    pub(super) fn of<'p>(
        requests: &[Request],
        policies: impl Iterator<Item = ((TenantId, i64), &'p Policy)>,
    ) -> Named {
        let mut named = Named::default();
        for ((tenant, version), policy) in policies {
            let needs = Needs::of(tenant, requests, policy);
            let window = CARRIERS_MAX + Needs::removable(tenant, requests);
            let window = i64::try_from(window).unwrap_or(i64::MAX);
            named.add(tenant, &needs, window);
            named.versions.push((tenant, version));
            named.needed.push((tenant, needs, window));
        }
        named
    }

    fn add(&mut self, tenant: TenantId, needs: &Needs, window: i64) {
        self.receipts.push(tenant, needs);
        self.wants(tenant, needs, window);
        let numbers = needs.numbers.iter().filter_map(|it| codec::key(tenant, it.0));
        self.numbers.extend(numbers);
        self.types.extend(needs.types.iter().map(|kind| codec::type_key(tenant, *kind)));
        let named = needs.customers.iter().chain(&needs.reviews).chain(&needs.histories);
        self.customers.extend(named.filter_map(|id| codec::key(tenant, id.0)));
    }

    /// Adds identities and match keys, with the numbers of the requests that bring both.
    fn wants(&mut self, tenant: TenantId, needs: &Needs, window: i64) {
        let mut numbers: BTreeMap<&[IdentityKey], i64> = BTreeMap::new();
        for (key, beside) in &needs.match_keys {
            for identities in beside {
                let number = *numbers.entry(identities).or_insert_with(|| {
                    self.numbered += 1;
                    self.numbered
                });
                self.wanted.match_key(key, i64::from(tenant.0), window, number);
            }
        }
        let mut brought: BTreeMap<&IdentityKey, Vec<i64>> = BTreeMap::new();
        for (identities, number) in numbers {
            for key in identities {
                brought.entry(key).or_default().push(number);
            }
        }
        for key in &needs.identities {
            let kind = codec::type_key(tenant, key.kind);
            for number in brought.get(key).map_or(&[0][..], |numbers| numbers) {
                self.wanted.identity(kind, &key.value, *number);
            }
        }
    }

    /// What is remembered of the requests.
    pub(super) async fn receipts(&self, conn: &Connection) -> Result<Vec<Receipt>, Trouble> {
        rows::read(&self.receipts.read(conn).await?, rows::receipt)
    }

    /// Looks all of it up at once.
    pub(super) async fn read(&self, conn: &Connection) -> Result<Found, Trouble> {
        let Named { receipts, wanted, numbers, types, .. } = self;
        let used = types.iter().map(|kind| async move { conn.first(TYPE_USED, &[kind]).await });
        let by_value = async {
            if conn.is_distributed() {
                let (types, values) = wanted.identities();
                return Ok((None, lookup::identities(conn, types, values).await?));
            }
            Ok((Some(wanted.read(conn).await?), Vec::new()))
        };
        let ((owners, mut identities), of_numbers, used, receipts) = try_join4(
            by_value,
            conn.some(IDENTITIES, numbers.len(), &[numbers]),
            try_join_all(used),
            receipts.read(conn),
        )
        .await?;
        identities.extend(of_numbers);
        let used_types = used.into_iter().flatten().collect();
        Ok(Found { owners, identities, used_types, receipts })
    }
}
