use super::{Counters, TenantFacts};
use crate::conflict::Conflict;
use crate::customer::{Customer, Fold, State};
use crate::identity::{Identity, Quarantine};
use crate::journal::{Change, Entry};
use crate::merge::{CannotLink, Merge};
use crate::policy::{IdentityType, Policy};
use crate::{CustomerId, MergeId, Seq, TenantId};
use std::collections::{BTreeMap, BTreeSet};

/// Everything of one tenant but its journal, in order: for comparing two stores, and for asking
/// whether one keeps its promises.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Identity types, by number.
    pub types: Vec<IdentityType>,
    /// Customer rows, by id.
    pub customers: Vec<Customer>,
    /// Folds of the homes of merged customers, by home.
    pub homes: Vec<(CustomerId, Fold)>,
    /// Identity rows, by number.
    pub identities: Vec<Identity>,
    /// Merges, undone ones included, by id.
    pub merges: Vec<Merge>,
    /// Cannot-links, in order.
    pub cannot_links: Vec<(CannotLink, Seq)>,
    /// Conflicts and review entries, by id.
    pub conflicts: Vec<Conflict>,
    /// Claims that nobody has decided since this merge was undone, in order.
    pub undecided: Vec<(MergeId, Seq)>,
}

impl TenantFacts {
    /// A tenant before its first entry, which knows the texts of all identities: what a journal is
    /// told to.
    pub fn beginning(
        tenant: TenantId,
        policy: Policy,
        known: impl IntoIterator<Item = Identity>,
    ) -> TenantFacts {
        let mut facts = TenantFacts::new(tenant, policy, Counters::default());
        for identity in known {
            facts.load_identity(Identity {
                home: None,
                companions: Vec::new(),
                quarantine: Quarantine::No,
                apps: Vec::new(),
                pardoned: 0,
                ..identity
            });
        }
        facts
    }

    /// Everything these facts hold.
    pub fn snapshot(&self) -> Snapshot {
        let mut identities: Vec<Identity> = self.identities.values().cloned().collect();
        identities.sort_unstable_by_key(|identity| identity.number);
        Snapshot {
            types: self.policy.types().cloned().collect(),
            customers: self.customers.values().cloned().collect(),
            homes: self.homes.iter().map(|(home, fold)| (*home, fold.clone())).collect(),
            identities,
            merges: self.merges.values().cloned().collect(),
            cannot_links: self.links.iter().map(|(link, seq)| (*link, *seq)).collect(),
            conflicts: self.conflicts.values().cloned().collect(),
            undecided: self.undecided.iter().copied().collect(),
        }
    }
}

impl Snapshot {
    /// What becomes of an empty tenant that knows the texts of this one and is told its journal:
    /// the same, if nothing but the journal has made it what it is (promise 6). `policy` is the one
    /// that the tenant began with; the types come from here, what is set for them from the journal.
    pub fn replayed(
        &self,
        tenant: TenantId,
        mut policy: Policy,
        journal: impl IntoIterator<Item = Entry>,
    ) -> Snapshot {
        for kind in &self.types {
            policy.add_type(IdentityType::new(kind.number, kind.name.clone()));
        }
        let mut facts = TenantFacts::beginning(tenant, policy, self.identities.iter().cloned());
        for entry in journal {
            facts.record(Change::replayed(entry));
        }
        facts.snapshot()
    }

    /// What breaks a promise of the identity page; empty for a sound store.
    pub fn audit(&self) -> Vec<String> {
        let mut found = Vec::new();
        let customers: BTreeMap<CustomerId, &Customer> =
            self.customers.iter().map(|customer| (customer.id, customer)).collect();
        self.audit_identities(&customers, &mut found);
        self.audit_customers(&customers, &mut found);
        found
    }

    /// Promise 1: one row per value; no owned identity without a live home.
    fn audit_identities(
        &self,
        customers: &BTreeMap<CustomerId, &Customer>,
        found: &mut Vec<String>,
    ) {
        let keys: BTreeSet<_> = self.identities.iter().map(|identity| &identity.key).collect();
        if keys.len() != self.identities.len() {
            found.push("two identity rows have one key".to_owned());
        }
        for identity in &self.identities {
            let Some(home) = identity.home else { continue };
            let state = customers.get(&home).map(|customer| customer.state);
            let live = match state {
                Some(State::Live) => true,
                Some(State::MergedInto(survivor)) => {
                    customers.get(&survivor).is_some_and(|it| it.state == State::Live)
                }
                Some(State::Deleted | State::Erased) | None => false,
            };
            if !live {
                found.push(format!("identity {} has the home {home}, {state:?}", identity.number));
            }
        }
    }

    /// Promise 2 for redirects, and the shape of merged customers: as many home rows as homes, the
    /// survivor the smallest of them, and one merge fewer than homes.
    fn audit_customers(
        &self,
        customers: &BTreeMap<CustomerId, &Customer>,
        found: &mut Vec<String>,
    ) {
        let homes: BTreeMap<CustomerId, &Fold> =
            self.homes.iter().map(|(home, fold)| (*home, fold)).collect();
        for customer in &self.customers {
            if let State::MergedInto(survivor) = customer.state
                && (survivor >= customer.id
                    || customers
                        .get(&survivor)
                        .is_none_or(|it| matches!(it.state, State::MergedInto(_))))
            {
                found.push(format!("customer {} redirects to {survivor}", customer.id));
            }
            let members: BTreeMap<CustomerId, &Fold> = self
                .customers
                .iter()
                .filter(|it| it.id == customer.id || it.state == State::MergedInto(customer.id))
                .filter_map(|it| Some((it.id, *homes.get(&it.id)?)))
                .collect();
            let expected = members.len().max(1);
            let redirects = matches!(customer.state, State::MergedInto(_) | State::Erased);
            if customer.state == State::Erased
                && (!customer.fold.0.is_empty() || !members.is_empty())
            {
                found.push(format!("customer {} was erased and has content", customer.id));
            }
            if !redirects && usize::try_from(customer.homes) != Ok(expected) {
                found.push(format!("customer {} has {expected} homes", customer.id));
            }
            if redirects || members.is_empty() {
                continue;
            }
            let live = self.merges.iter().filter(|merge| merge.is_live());
            let merges: Vec<&Merge> =
                live.filter(|merge| members.contains_key(&merge.left)).collect();
            if merges.len() + 1 != members.len() {
                found.push(format!("customer {} has {} merges", customer.id, merges.len()));
            }
            if super::combine(&members, &merges) != customer.fold {
                found.push(format!("customer {} does not show its homes", customer.id));
            }
        }
    }
}
