//! What only those commands and reads look at that look back: merges by id, conflicts of a customer,
//! undecided claims, and the journal along the history of a customer.

use super::connection::Connection;
use super::load::Loader;
use super::rows::{self, conflict_columns, customer_columns, identity_columns, merge_columns};
use super::{policy, trouble::Trouble};
use crate::tables::codec;
use kehub_core::customer::{Customer, State};
use kehub_core::facts::Needs;
use kehub_core::history::{Past, Search, identities_named};
use kehub_core::identity::Quarantine;
use kehub_core::journal::Entry;
use kehub_core::merge::Merge;
use kehub_core::{CustomerId, IdentityNumber, MergeId, Seq, TenantId};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

const ENTRIES: &str = "SELECT key, entry FROM journal WHERE key = ANY($1) ORDER BY key";
const TRAILS: &str =
    "SELECT customer, seq FROM trail WHERE customer = ANY($1) AND seq BETWEEN $2 AND $3";
const CUSTOMERS: &str =
    concat!("SELECT ", customer_columns!(), " FROM customer WHERE key = ANY($1)");
const IDENTITIES: &str =
    concat!("SELECT ", identity_columns!(), " FROM identity WHERE key = ANY($1) ORDER BY key");
const MERGES: &str = concat!("SELECT ", merge_columns!(), " FROM merge WHERE key = ANY($1)");
const MERGES_OF_HOMES: &str = concat!(
    "SELECT ",
    merge_columns!(),
    " FROM merge WHERE left_home = ANY($1) OR right_home = ANY($1) ORDER BY key"
);
const CONFLICTS: &str =
    concat!("SELECT ", conflict_columns!(), " FROM conflict WHERE key = ANY($1)");
const CONFLICTS_OF_HOMES: &str = concat!(
    "SELECT ",
    conflict_columns!(),
    " FROM conflict WHERE left_home = ANY($1) OR right_home = ANY($1) ORDER BY key"
);
const UNDECIDED_OF_MERGES: &str =
    "SELECT merge, claim FROM undecided WHERE merge = ANY($1) ORDER BY merge, claim";
const UNDECIDED_OF_CLAIMS: &str =
    "SELECT merge, claim FROM undecided WHERE claim = ANY($1) ORDER BY merge, claim";

/// The statements of this file, for tests that look at all of them.
#[cfg(any(test, feature = "testing"))]
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("entries", ENTRIES),
    ("trails", TRAILS),
    ("customers", CUSTOMERS),
    ("identities", IDENTITIES),
    ("merges", MERGES),
    ("merges of homes", MERGES_OF_HOMES),
    ("conflicts", CONFLICTS),
    ("conflicts of homes", CONFLICTS_OF_HOMES),
    ("undecided claims of merges", UNDECIDED_OF_MERGES),
    ("merges over which claims are undecided", UNDECIDED_OF_CLAIMS),
];

/// The entries of these places that there are, in order.
pub(super) async fn entries(
    conn: &Connection,
    tenant: TenantId,
    places: &[Seq],
) -> Result<Vec<Entry>, Trouble> {
    let keys: Vec<i64> = places.iter().filter_map(|it| codec::key(tenant, it.0)).collect();
    rows::read(&conn.some(ENTRIES, keys.len(), &[&keys]).await?, rows::entry)
}

/// Merges by their ids.
pub(super) async fn merges(
    conn: &Connection,
    tenant: TenantId,
    ids: &[MergeId],
) -> Result<BTreeMap<MergeId, Merge>, Trouble> {
    let keys: Vec<i64> = ids.iter().filter_map(|id| codec::key(tenant, id.0)).collect();
    let found = rows::read(&conn.some(MERGES, keys.len(), &[&keys]).await?, rows::merge)?;
    Ok(found.into_iter().map(|merge| (merge.id, merge)).collect())
}

/// The entries that customers are connected with, from their newest ones back to `since`.
async fn connected(
    conn: &Connection,
    tenant: TenantId,
    heads: Vec<(CustomerId, Seq)>,
    since: Seq,
) -> Result<BTreeMap<Seq, Arc<Entry>>, Trouble> {
    let mut search = Search::new(heads.iter().copied(), since);
    loop {
        let wanted = search.wanted();
        if wanted.is_empty() {
            break;
        }
        let places = places(conn, tenant, wanted).await?;
        let found = conn.some(ENTRIES, places.len(), &[&places]).await?;
        search.read(rows::read(&found, rows::entry)?.into_iter().map(Arc::new));
    }
    let found = search.end();
    for (_, head) in heads.iter().filter(|(_, head)| *head >= since) {
        if !found.contains_key(head) {
            return Err(Trouble::broken(format!("the journal lacks entry {head}")));
        }
    }
    Ok(found)
}

/// The keys of the entries that touched customers, of each within a range.
async fn places(
    conn: &Connection,
    tenant: TenantId,
    wanted: Vec<(CustomerId, Seq, Seq)>,
) -> Result<Vec<i64>, Trouble> {
    let mut ranges: HashMap<i64, Vec<(i64, i64)>> = HashMap::new();
    let (mut lowest, mut highest) = (i64::MAX, i64::MIN);
    let (first, _) = codec::key_range(tenant);
    for (customer, low, high) in wanted {
        let (low, high) = (first + low.0, codec::own_key(tenant, high.0)?);
        (lowest, highest) = (lowest.min(low), highest.max(high));
        ranges.entry(codec::own_key(tenant, customer.0)?).or_default().push((low, high));
    }
    let customers: Vec<i64> = ranges.keys().copied().collect();
    let mut places = BTreeSet::new();
    for row in conn.some(TRAILS, customers.len(), &[&customers, &lowest, &highest]).await? {
        let (customer, place): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        let theirs = ranges.get(&customer).into_iter().flatten();
        places.extend(theirs.filter(|(low, high)| (*low..=*high).contains(&place)).map(|_| place));
    }
    Ok(places.into_iter().collect())
}

impl Loader<'_> {
    /// Loads what the commands of a group need that look back.
    pub(super) async fn look_back(
        &mut self,
        tenant: TenantId,
        needs: &Needs,
    ) -> Result<(), Trouble> {
        let reviews: Vec<CustomerId> = needs.reviews.iter().copied().collect();
        self.conflicts_of(tenant, &reviews).await?;
        let conflicts = needs.conflicts.iter().filter_map(|id| codec::key(tenant, id.0));
        self.conflicts(tenant, conflicts.collect()).await?;
        for id in &needs.merges {
            self.merge(tenant, *id, false).await?;
        }
        for (id, claim) in &needs.decisions {
            self.merge(tenant, *id, true).await?;
            self.claim(tenant, *claim).await?;
        }
        for customer in &needs.histories {
            self.history(tenant, &[*customer], Seq(0)).await?;
            self.merges_of(tenant, *customer).await?;
            self.undecided_of(tenant, *customer).await?;
        }
        for customer in &needs.erasures {
            self.beside(tenant, *customer).await?;
        }
        Ok(())
    }

    /// The homes of the customer that an id stands for, and the row that answers for it.
    fn homes_behind(&self, tenant: TenantId, id: CustomerId) -> Vec<CustomerId> {
        let Some(part) = self.parts.get(&tenant) else { return Vec::new() };
        let Some(customer) = part.facts.customer(id) else { return Vec::new() };
        let root = match customer.state {
            State::MergedInto(survivor) => survivor,
            State::Live | State::Deleted | State::Erased => id,
        };
        part.facts.homes_of(root)
    }

    fn home_keys(&self, tenant: TenantId, customers: &[CustomerId]) -> Result<Vec<i64>, Trouble> {
        let homes = customers.iter().flat_map(|customer| self.homes_behind(tenant, *customer));
        Ok(homes.map(|home| codec::own_key(tenant, home.0)).collect::<Result<_, _>>()?)
    }

    /// Identities, with their owners.
    async fn with_owners(
        &mut self,
        tenant: TenantId,
        numbers: BTreeSet<IdentityNumber>,
    ) -> Result<(), Trouble> {
        let keys = numbers.into_iter().filter_map(|number| codec::key(tenant, number.0));
        let homes = self.identities(keys.collect()).await?;
        self.whole(homes).await
    }

    /// The history of customers that are loaded.
    async fn history(
        &mut self,
        tenant: TenantId,
        customers: &[CustomerId],
        since: Seq,
    ) -> Result<(), Trouble> {
        let homes = customers.iter().flat_map(|customer| self.homes_behind(tenant, *customer));
        let head = |home| Some((home, self.parts.get(&tenant)?.facts.customer(home)?.head));
        let heads: Vec<(CustomerId, Seq)> = homes.filter_map(head).collect();
        let entries = connected(self.conn, tenant, heads, since).await?;
        let named = identities_named(entries.values().map(|entry| &**entry));
        self.with_owners(tenant, named).await?;
        if let Some(part) = self.parts.get_mut(&tenant) {
            for entry in entries.into_values() {
                part.facts.load_entry(entry);
            }
        }
        Ok(())
    }

    async fn merge(&mut self, tenant: TenantId, id: MergeId, deep: bool) -> Result<(), Trouble> {
        let found = merges(self.conn, tenant, &[id]).await?;
        let Some(merge) = found.into_values().next() else { return Ok(()) };
        let (ends, seq) = ([merge.left, merge.right], merge.seq);
        self.merges(tenant, vec![merge]).await?;
        let keys = ends.iter().filter_map(|end| codec::key(tenant, end.0));
        self.whole(keys.collect()).await?;
        self.history(tenant, &ends, if deep { Seq(0) } else { seq }).await
    }

    /// Merges with their undecided claims.
    async fn merges(&mut self, tenant: TenantId, merges: Vec<Merge>) -> Result<(), Trouble> {
        let keys: Vec<i64> = merges.iter().filter_map(|it| codec::key(tenant, it.id.0)).collect();
        let undecided = self.conn.some(UNDECIDED_OF_MERGES, keys.len(), &[&keys]).await?;
        let Some(part) = self.parts.get_mut(&tenant) else { return Ok(()) };
        for (merge, claim) in rows::read(&undecided, rows::undecided)? {
            part.facts.load_undecided(merge, claim);
        }
        for merge in merges {
            part.facts.load_merge(merge);
        }
        Ok(())
    }

    /// Whoever a claim belongs to by now, with all of the history and what is undecided: the history
    /// of each home names the home that the claim went to from there.
    async fn claim(&mut self, tenant: TenantId, claim: Seq) -> Result<(), Trouble> {
        let mut seen = BTreeSet::new();
        loop {
            let Some(part) = self.parts.get(&tenant) else { return Ok(()) };
            let found = part.facts.claims().find(|(entry, _, _)| entry.seq == claim);
            let Some(home) = found.map(|(_, _, home)| home) else { return Ok(()) };
            if !seen.insert(home) {
                return self.undecided_of(tenant, home).await;
            }
            self.whole(vec![codec::own_key(tenant, home.0)?]).await?;
            self.history(tenant, &[home], Seq(0)).await?;
        }
    }

    /// The claims of a customer that are undecided, also over merges between other customers: the
    /// sides of a merge fall apart as well. Its history is loaded.
    async fn undecided_of(
        &mut self,
        tenant: TenantId,
        customer: CustomerId,
    ) -> Result<(), Trouble> {
        let homes = self.homes_behind(tenant, customer);
        let Some(part) = self.parts.get_mut(&tenant) else { return Ok(()) };
        let theirs = part.facts.claims().filter(|(_, _, home)| homes.contains(home));
        let claims = theirs.filter_map(|(entry, _, _)| codec::key(tenant, entry.seq.0));
        let claims: Vec<i64> = claims.collect();
        let undecided = self.conn.some(UNDECIDED_OF_CLAIMS, claims.len(), &[&claims]).await?;
        for (merge, claim) in rows::read(&undecided, rows::undecided)? {
            part.facts.load_undecided(merge, claim);
        }
        Ok(())
    }

    /// The merges of a customer's homes, undone ones included.
    async fn merges_of(&mut self, tenant: TenantId, customer: CustomerId) -> Result<(), Trouble> {
        let homes = self.home_keys(tenant, &[customer])?;
        let found = self.conn.some(MERGES_OF_HOMES, homes.len(), &[&homes]).await?;
        self.merges(tenant, rows::read(&found, rows::merge)?).await
    }

    /// Conflicts by their keys, with the identities that they are about, and both sides.
    async fn conflicts(&mut self, tenant: TenantId, keys: Vec<i64>) -> Result<(), Trouble> {
        let found = self.conn.some(CONFLICTS, keys.len(), &[&keys]).await?;
        let conflicts = rows::read(&found, rows::conflict)?;
        let about = conflicts.iter().map(|conflict| conflict.identity).collect();
        let sides = conflicts.iter().flat_map(|it| [Some(it.left), it.right]).flatten();
        let sides: Vec<CustomerId> = sides.collect();
        if let Some(part) = self.parts.get_mut(&tenant) {
            for conflict in conflicts {
                part.facts.load_conflict(conflict);
            }
        }
        self.with_owners(tenant, about).await?;
        let keys = sides.iter().filter_map(|side| codec::key(tenant, side.0));
        self.whole(keys.collect()).await?;
        self.conflicts_of(tenant, &sides).await
    }

    /// The conflicts and review entries that name a home of customers.
    async fn conflicts_of(
        &mut self,
        tenant: TenantId,
        customers: &[CustomerId],
    ) -> Result<(), Trouble> {
        let homes = self.home_keys(tenant, customers)?;
        let found = self.conn.some(CONFLICTS_OF_HOMES, homes.len(), &[&homes]).await?;
        let Some(part) = self.parts.get_mut(&tenant) else { return Ok(()) };
        for conflict in rows::read(&found, rows::conflict)? {
            part.facts.load_conflict(conflict);
        }
        Ok(())
    }

    /// What an erasure looks at beside the history of the customer: who owns what the customer gave
    /// its name, and with whom that was sent which nobody owns.
    async fn beside(&mut self, tenant: TenantId, customer: CustomerId) -> Result<(), Trouble> {
        let homes = self.homes_behind(tenant, customer);
        let Some(part) = self.parts.get(&tenant) else { return Ok(()) };
        let (mut owners, mut companions) = (BTreeSet::new(), BTreeSet::new());
        let claims = part.facts.claims().filter(|(_, _, home)| homes.contains(home));
        for claimed in claims.flat_map(|(_, claim, _)| &claim.identities) {
            let found = claimed.number.and_then(|number| part.facts.identity(number));
            let Some(identity) = found else { continue };
            if claimed.named {
                owners.extend(identity.home.filter(|home| !homes.contains(home)));
            }
            if identity.home.is_none() && identity.quarantine == Quarantine::Yes {
                companions.extend(identity.companions.iter().map(|(_, companion)| *companion));
            }
        }
        self.with_owners(tenant, companions).await?;
        for owner in owners {
            self.history(tenant, &[owner], Seq(0)).await?;
        }
        Ok(())
    }
}

/// The past of the customers that these ids stand for.
pub(super) async fn past(
    conn: &Connection,
    tenant: TenantId,
    ids: &[CustomerId],
) -> Result<Past, Trouble> {
    let policy = policy::policy(conn, tenant).await?.unwrap_or_default();
    let keys: Vec<i64> = ids.iter().filter_map(|id| codec::key(tenant, id.0)).collect();
    let asked = customers(conn, &keys).await?;
    let survivor = |customer: &Customer| match customer.state {
        State::MergedInto(survivor) => codec::key(tenant, survivor.0),
        State::Live | State::Deleted | State::Erased => None,
    };
    let survivors: Vec<i64> = asked.iter().filter_map(survivor).collect();
    let survivors = customers(conn, &survivors).await?;
    let heads = asked.iter().chain(&survivors).map(|it| (it.id, it.head)).collect();
    let entries = connected(conn, tenant, heads, Seq(0)).await?;
    let named = identities_named(entries.values().map(|entry| &**entry));
    let keys: Vec<i64> = named.iter().filter_map(|it| codec::key(tenant, it.0)).collect();
    let found = conn.some(IDENTITIES, keys.len(), &[&keys]).await?;
    let identities = rows::read(&found, rows::identity)?;
    Ok(Past { tenant, policy, identities, entries: entries.into_values().collect() })
}

async fn customers(conn: &Connection, keys: &[i64]) -> Result<Vec<Customer>, Trouble> {
    let found = conn.some(CUSTOMERS, keys.len(), &[&keys]).await?;
    rows::read(&found, |row| Ok(rows::customer(row)?.0))
}
