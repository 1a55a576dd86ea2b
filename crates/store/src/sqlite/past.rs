//! What only those commands and reads look at that look back: merges by id, conflicts of a customer,
//! undecided claims, and the journal along the history of a customer.

use super::codec;
use super::load::Loader;
use super::rows::{self, conflict_columns, identity_columns, merge_columns};
use super::trouble::Trouble;
use kehub_core::facts::Needs;
use kehub_core::history::{Past, connected, identities_named};
use kehub_core::identity::{Identity, Quarantine};
use kehub_core::journal::Entry;
use kehub_core::merge::Merge;
use kehub_core::{CustomerId, IdentityNumber, MergeId, Seq, TenantId};
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const ENTRY: &str = "SELECT entry FROM journal WHERE key = ?1";
const IDENTITY: &str = concat!("SELECT ", identity_columns!(), " FROM identity WHERE key = ?1");
const MERGE: &str = concat!("SELECT ", merge_columns!(), " FROM merge WHERE key = ?1");
const MERGES_OF_RIGHT: &str =
    concat!("SELECT ", merge_columns!(), " FROM merge WHERE right_home = ?1 ORDER BY key");
const MERGES_OF_LEFT: &str =
    concat!("SELECT ", merge_columns!(), " FROM merge WHERE left_home = ?1 ORDER BY key");
const CONFLICT: &str = concat!("SELECT ", conflict_columns!(), " FROM conflict WHERE key = ?1");
const CONFLICTS_OF_LEFT: &str =
    concat!("SELECT ", conflict_columns!(), " FROM conflict WHERE left_home = ?1 ORDER BY key");
const CONFLICTS_OF_RIGHT: &str =
    concat!("SELECT ", conflict_columns!(), " FROM conflict WHERE right_home = ?1 ORDER BY key");
const UNDECIDED_OF_MERGE: &str =
    "SELECT merge, claim FROM undecided WHERE merge = ?1 ORDER BY claim";
const UNDECIDED_OF_CLAIM: &str =
    "SELECT merge, claim FROM undecided WHERE claim = ?1 ORDER BY merge";

/// The statements of this file, for a look at their plans.
#[cfg(test)]
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("entry", ENTRY),
    ("identity", IDENTITY),
    ("merge", MERGE),
    ("merges of a left home", MERGES_OF_LEFT),
    ("merges of a right home", MERGES_OF_RIGHT),
    ("conflict", CONFLICT),
    ("conflicts of a left home", CONFLICTS_OF_LEFT),
    ("conflicts of a right home", CONFLICTS_OF_RIGHT),
    ("undecided claims of a merge", UNDECIDED_OF_MERGE),
    ("merges over which a claim is undecided", UNDECIDED_OF_CLAIM),
];

/// An entry of a tenant's journal that must be there.
pub(super) fn entry(conn: &Connection, tenant: TenantId, seq: Seq) -> Result<Arc<Entry>, Trouble> {
    let key = codec::own_key(tenant, seq.0)?;
    let found = rows::first(conn, ENTRY, [key], |row| {
        Ok(codec::entry(row.get_ref(0)?.as_blob().map_err(Trouble::broken)?)?)
    })?;
    found.map(Arc::new).ok_or_else(|| Trouble::broken(format!("the journal lacks entry {seq}")))
}

/// The entries of these places that there are, in order.
pub(super) fn entries(
    conn: &Connection,
    tenant: TenantId,
    places: &[Seq],
) -> Result<Vec<Entry>, Trouble> {
    let places: BTreeSet<Seq> = places.iter().copied().collect();
    let mut found = Vec::with_capacity(places.len());
    for place in places {
        let Some(key) = codec::key(tenant, place.0) else { continue };
        found.extend(rows::first(conn, ENTRY, [key], |row| {
            Ok(codec::entry(row.get_ref(0)?.as_blob().map_err(Trouble::broken)?)?)
        })?);
    }
    Ok(found)
}

/// The identity of a number.
pub(super) fn identity(
    conn: &Connection,
    tenant: TenantId,
    number: IdentityNumber,
) -> Result<Option<Identity>, Trouble> {
    let Some(key) = codec::key(tenant, number.0) else { return Ok(None) };
    rows::first(conn, IDENTITY, [key], rows::identity)
}

/// A merge by its id.
pub(super) fn merge(
    conn: &Connection,
    tenant: TenantId,
    id: MergeId,
) -> Result<Option<Merge>, Trouble> {
    let Some(key) = codec::key(tenant, id.0) else { return Ok(None) };
    rows::first(conn, MERGE, [key], rows::merge)
}

impl Loader<'_> {
    /// Loads what the commands of a group need that look back.
    pub(super) fn look_back(&mut self, needs: &Needs) -> Result<(), Trouble> {
        for customer in &needs.reviews {
            self.whole(*customer)?;
            self.conflicts_of(*customer)?;
        }
        for id in &needs.conflicts {
            self.conflict(*id)?;
        }
        for id in &needs.merges {
            self.merge(*id, false)?;
        }
        for (id, claim) in &needs.decisions {
            self.merge(*id, true)?;
            self.claim(*claim)?;
        }
        for customer in &needs.histories {
            self.whole(*customer)?;
            self.history(&[*customer], Seq(0))?;
            self.merges_of(*customer)?;
            self.undecided_of(*customer)?;
        }
        for customer in &needs.erasures {
            self.beside(*customer)?;
        }
        Ok(())
    }

    /// The homes of the customer that an id stands for, and the row that answers for it.
    fn homes_behind(&self, id: CustomerId) -> Vec<CustomerId> {
        use kehub_core::customer::State;
        let Some(customer) = self.facts.customer(id) else { return Vec::new() };
        let root = match customer.state {
            State::MergedInto(survivor) => survivor,
            State::Live | State::Deleted | State::Erased => id,
        };
        self.facts.homes_of(root)
    }

    /// What a deleted customer held: its newest entry says so.
    pub(super) fn held_when_deleted(&mut self, head: Seq) -> Result<(), Trouble> {
        let deleted = entry(self.conn, self.tenant, head)?;
        self.facts.load_entry(Arc::clone(&deleted));
        self.identities(&BTreeMap::from([(head, deleted)]))
    }

    /// Identities that entries name, with their owners.
    fn identities(&mut self, entries: &BTreeMap<Seq, Arc<Entry>>) -> Result<(), Trouble> {
        self.with_owners(identities_named(entries.values().map(|entry| &**entry)))
    }

    /// Identities, with their owners.
    fn with_owners(&mut self, numbers: BTreeSet<IdentityNumber>) -> Result<(), Trouble> {
        for number in numbers {
            if self.facts.identity(number).is_some() {
                continue;
            }
            if let Some(found) = identity(self.conn, self.tenant, number)? {
                let home = found.home;
                self.identity(found);
                if let Some(home) = home {
                    self.whole(home)?;
                }
            }
        }
        Ok(())
    }

    /// What an erasure looks at beside the history of the customer: who owns what the customer gave
    /// its name, and with whom that was sent which nobody owns.
    fn beside(&mut self, customer: CustomerId) -> Result<(), Trouble> {
        let homes = self.homes_behind(customer);
        let (mut owners, mut companions) = (BTreeSet::new(), BTreeSet::new());
        let claims = self.facts.claims().filter(|(_, _, home)| homes.contains(home));
        for claimed in claims.flat_map(|(_, claim, _)| &claim.identities) {
            let found = claimed.number.and_then(|number| self.facts.identity(number));
            let Some(identity) = found else { continue };
            if claimed.named {
                owners.extend(identity.home.filter(|home| !homes.contains(home)));
            }
            if identity.home.is_none() && identity.quarantine == Quarantine::Yes {
                companions.extend(identity.companions.iter().map(|(_, companion)| *companion));
            }
        }
        self.with_owners(companions)?;
        for owner in owners {
            self.history(&[owner], Seq(0))?;
        }
        Ok(())
    }

    /// The history of customers that are loaded.
    fn history(&mut self, customers: &[CustomerId], since: Seq) -> Result<(), Trouble> {
        let homes = customers.iter().flat_map(|customer| self.homes_behind(*customer));
        let heads: Vec<Seq> =
            homes.filter_map(|home| Some(self.facts.customer(home)?.head)).collect();
        let (conn, tenant) = (self.conn, self.tenant);
        let entries = connected(heads, since, |seq| entry(conn, tenant, seq))?;
        self.identities(&entries)?;
        for entry in entries.into_values() {
            self.facts.load_entry(entry);
        }
        Ok(())
    }

    fn merge(&mut self, id: MergeId, deep: bool) -> Result<(), Trouble> {
        let Some(merge) = merge(self.conn, self.tenant, id)? else { return Ok(()) };
        let (ends, seq) = ([merge.left, merge.right], merge.seq);
        self.facts.load_merge(merge);
        let key = codec::own_key(self.tenant, id.0)?;
        for (merge, claim) in rows::all(self.conn, UNDECIDED_OF_MERGE, [key], rows::undecided)? {
            self.facts.load_undecided(merge, claim);
        }
        for end in ends {
            self.whole(end)?;
        }
        self.history(&ends, if deep { Seq(0) } else { seq })
    }

    /// Whoever a claim belongs to by now, with all of the history and what is undecided: the history
    /// of each home names the home that the claim went to from there.
    fn claim(&mut self, claim: Seq) -> Result<(), Trouble> {
        let mut seen = BTreeSet::new();
        loop {
            let found = self.facts.claims().find(|(entry, _, _)| entry.seq == claim);
            let Some(home) = found.map(|(_, _, home)| home) else { return Ok(()) };
            if !seen.insert(home) {
                return self.undecided_of(home);
            }
            self.whole(home)?;
            self.history(&[home], Seq(0))?;
        }
    }

    /// The merges of a customer's homes, undone ones included, with their undecided claims.
    fn merges_of(&mut self, customer: CustomerId) -> Result<(), Trouble> {
        for home in self.homes_behind(customer) {
            let key = codec::own_key(self.tenant, home.0)?;
            for sql in [MERGES_OF_LEFT, MERGES_OF_RIGHT] {
                for merge in rows::all(self.conn, sql, [key], rows::merge)? {
                    let key = codec::own_key(self.tenant, merge.id.0)?;
                    for (merge, claim) in
                        rows::all(self.conn, UNDECIDED_OF_MERGE, [key], rows::undecided)?
                    {
                        self.facts.load_undecided(merge, claim);
                    }
                    self.facts.load_merge(merge);
                }
            }
        }
        Ok(())
    }

    /// The claims of a customer that are undecided, also over merges between other customers: the
    /// sides of a merge fall apart as well. Its history is loaded.
    fn undecided_of(&mut self, customer: CustomerId) -> Result<(), Trouble> {
        let homes = self.homes_behind(customer);
        let theirs = self.facts.claims().filter(|(_, _, home)| homes.contains(home));
        let claims: Vec<Seq> = theirs.map(|(entry, _, _)| entry.seq).collect();
        for claim in claims {
            let key = codec::own_key(self.tenant, claim.0)?;
            for (merge, claim) in rows::all(self.conn, UNDECIDED_OF_CLAIM, [key], rows::undecided)?
            {
                self.facts.load_undecided(merge, claim);
            }
        }
        Ok(())
    }

    fn conflict(&mut self, id: kehub_core::ConflictId) -> Result<(), Trouble> {
        let Some(key) = codec::key(self.tenant, id.0) else { return Ok(()) };
        let Some(conflict) = rows::first(self.conn, CONFLICT, [key], rows::conflict)? else {
            return Ok(());
        };
        let (number, left, right) = (conflict.identity, conflict.left, conflict.right);
        self.facts.load_conflict(conflict);
        if let Some(found) = identity(self.conn, self.tenant, number)? {
            let home = found.home;
            self.identity(found);
            if let Some(home) = home {
                self.whole(home)?;
            }
        }
        for side in [Some(left), right].into_iter().flatten() {
            self.whole(side)?;
            self.conflicts_of(side)?;
        }
        Ok(())
    }

    /// The conflicts and review entries that name a home of a customer.
    fn conflicts_of(&mut self, customer: CustomerId) -> Result<(), Trouble> {
        for home in self.homes_behind(customer) {
            let key = codec::own_key(self.tenant, home.0)?;
            for sql in [CONFLICTS_OF_LEFT, CONFLICTS_OF_RIGHT] {
                for conflict in rows::all(self.conn, sql, [key], rows::conflict)? {
                    self.facts.load_conflict(conflict);
                }
            }
        }
        Ok(())
    }
}

/// The past of the customers that these ids stand for.
pub(super) fn past(
    conn: &Connection,
    tenant: TenantId,
    customers: &[CustomerId],
) -> Result<Past, Trouble> {
    let policy = super::load::policy(conn, tenant)?.unwrap_or_default();
    let mut heads = Vec::new();
    for id in customers {
        let Some(key) = codec::key(tenant, id.0) else { continue };
        let Some((customer, _)) = super::load::customer(conn, key)? else { continue };
        heads.push(customer.head);
        if let kehub_core::customer::State::MergedInto(survivor) = customer.state {
            let key = codec::own_key(tenant, survivor.0)?;
            heads.extend(super::load::customer(conn, key)?.map(|(survivor, _)| survivor.head));
        }
    }
    let entries = connected(heads, Seq(0), |seq| entry(conn, tenant, seq))?;
    let mut identities = Vec::new();
    for number in identities_named(entries.values().map(|entry| &**entry)) {
        identities.extend(identity(conn, tenant, number)?);
    }
    Ok(Past { tenant, policy, identities, entries: entries.into_values().collect() })
}
