//! Looking back: what a customer was at a time, what has changed it, and where its values are from.
//!
//! Nothing is kept for this but the journal. The entries that a customer is connected with are
//! replayed into empty facts, up to the moment in question.

use crate::attribute::{FieldKey, Value};
use crate::customer::{Cell, Customer, Fold, State};
use crate::facts::TenantFacts;
use crate::identity::Identity;
use crate::journal::{Change, Entry, FieldEffect, Record};
use crate::policy::Policy;
use crate::{AppNumber, CustomerId, IdentityNumber, Micros, Seq, TenantId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The entries that customers are connected with: those that touched them, those that touched
/// whoever such an entry touched, and so on back to `since`. `heads` are the newest entries of the
/// customers; `read` fetches one.
pub fn connected<E>(
    heads: impl IntoIterator<Item = Seq>,
    since: Seq,
    mut read: impl FnMut(Seq) -> Result<Arc<Entry>, E>,
) -> Result<BTreeMap<Seq, Arc<Entry>>, E> {
    let mut found = BTreeMap::new();
    let mut wanted: BTreeSet<Seq> = heads.into_iter().collect();
    while let Some(seq) = wanted.pop_last() {
        if seq < since || found.contains_key(&seq) {
            continue;
        }
        let entry = read(seq)?;
        wanted.extend(entry.touched.iter().filter_map(|touched| touched.previous));
        found.insert(seq, entry);
    }
    Ok(found)
}

/// How far back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// As it stood at a time.
    Time(Micros),
    /// As it stood after an entry.
    Seq(Seq),
    /// As it stands.
    Now,
}

impl Moment {
    /// Whether an entry had been written by then.
    fn includes(self, entry: &Entry) -> bool {
        match self {
            Moment::Time(at) => entry.at <= at,
            Moment::Seq(seq) => entry.seq <= seq,
            Moment::Now => true,
        }
    }
}

/// The past of some customers, as an engine reads it.
#[derive(Clone, Debug, PartialEq)]
pub struct Past {
    /// Whose customers they are.
    pub tenant: TenantId,
    /// The policy of today, with all types.
    pub policy: Policy,
    /// The identities that the entries name, as they are today; their texts are what counts.
    pub identities: Vec<Identity>,
    /// The entries that the customers are connected with, in order.
    pub entries: Vec<Arc<Entry>>,
}

/// The identities that entries name.
pub fn identities_named<'e>(
    entries: impl IntoIterator<Item = &'e Entry>,
) -> BTreeSet<IdentityNumber> {
    let mut numbers = BTreeSet::new();
    for record in entries.into_iter().flat_map(|entry| &entry.records) {
        match record {
            Record::Claim(claim) => {
                numbers.extend(claim.identities.iter().filter_map(|identity| identity.number));
            }
            Record::Deleted { identities, .. } | Record::Restored { identities, .. } => {
                numbers.extend(identities.iter().map(|(number, _)| *number));
            }
            Record::Counted(counted) => {
                numbers.extend(counted.pairs.iter().flat_map(|(one, other)| [*one, *other]));
            }
            Record::Merged(merge) => numbers.extend(&merge.bridge),
            Record::Opened(conflict) => {
                numbers.insert(conflict.identity);
                numbers.extend(&conflict.evidence);
            }
            Record::Unmerged(unmerged) => numbers.extend(&unmerged.identities),
            Record::Extracted(extracted) => {
                numbers.extend(extracted.identities.iter().map(|(number, _)| *number));
            }
            Record::ClaimDecided(decided) => numbers.extend(&decided.identities),
            Record::Erased(erased) => numbers.extend(&erased.identities),
            Record::Settled(settled) => numbers.extend(settled.moved.map(|(number, _, _)| number)),
            Record::Released(number) => {
                numbers.insert(*number);
            }
            Record::PolicyChanged { .. }
            | Record::TypeChanged { .. }
            | Record::LinkSet(_)
            | Record::LinkRemoved(_) => (),
        }
    }
    numbers
}

impl Past {
    /// The past of nobody.
    pub fn nothing(tenant: TenantId) -> Past {
        let (policy, identities, entries) = (Policy::default(), Vec::new(), Vec::new());
        Past { tenant, policy, identities, entries }
    }

    /// The past of the customers that these ids stand for, from facts that hold all of it.
    pub fn of(customers: &[CustomerId], facts: &TenantFacts) -> Past {
        let rows = customers.iter().filter_map(|id| facts.customer(*id));
        let heads = rows.flat_map(|customer| match customer.state {
            State::MergedInto(survivor) => {
                let survivor = facts.customer(survivor).map(|survivor| survivor.head);
                [Some(customer.head), survivor]
            }
            State::Live | State::Deleted | State::Erased => [Some(customer.head), None],
        });
        let read = |seq| facts.entry(seq).cloned().ok_or(seq);
        let entries = connected(heads.flatten(), Seq(0), read).unwrap_or_default();
        let entries: Vec<Arc<Entry>> = entries.into_values().collect();
        let named = identities_named(entries.iter().map(|entry| &**entry));
        Past {
            tenant: facts.tenant(),
            policy: facts.policy().clone(),
            identities: named.into_iter().filter_map(|it| facts.identity(it)).cloned().collect(),
            entries,
        }
    }

    /// The facts of a moment: those of the customers in question, whole, and of those that they are
    /// connected with in part.
    pub fn as_of(&self, moment: Moment) -> TenantFacts {
        let mut facts = self.beginning();
        for entry in self.entries.iter().filter(|entry| moment.includes(entry)) {
            facts.record(Change::replayed(Entry::clone(entry)));
        }
        facts
    }

    fn beginning(&self) -> TenantFacts {
        TenantFacts::beginning(self.tenant, self.policy.clone(), &self.identities)
    }

    /// What has changed the customer that answers for an id, oldest first.
    pub fn versions(&self, id: CustomerId) -> Vec<Version> {
        let mut facts = self.beginning();
        let mut before = Seen::default();
        let mut versions = Vec::new();
        for entry in &self.entries {
            facts.record(Change::replayed(Entry::clone(entry)));
            let after = Seen::of(id, &facts);
            let touched = entry.touched.iter().find(|touched| {
                [before.id, after.id].contains(&Some(touched.customer)) || touched.customer == id
            });
            if let Some(touched) = touched {
                versions.push(Version {
                    entry: Arc::clone(entry),
                    customer: after.id.unwrap_or(touched.customer),
                    state: facts.customer(id).map_or(State::Live, |customer| customer.state),
                    rev: after.rev.unwrap_or(touched.rev_after),
                    is_visible: touched.rev_before != touched.rev_after,
                    fields: before.fields_changed(&after),
                    gained: after.held.difference(&before.held).copied().collect(),
                    lost: before.held.difference(&after.held).copied().collect(),
                });
            }
            before = after;
        }
        versions
    }

    /// Where every value of a customer is from, and which values lost against it.
    pub fn provenance(&self, customer: &Customer, facts: &TenantFacts) -> Vec<Provenance> {
        let homes = facts.homes_of(customer.id);
        let mut sent: BTreeMap<&FieldKey, Vec<Source>> = BTreeMap::new();
        for (entry, claim, home) in facts.claims().filter(|(_, _, home)| homes.contains(home)) {
            for field in &claim.fields {
                let source = Source {
                    value: field.value.clone(),
                    verified: field.verified,
                    seq: entry.seq,
                    at: claim.observed_at.unwrap_or(entry.at),
                    app: entry.app,
                    home,
                    is_screened: field.effect == FieldEffect::Screened,
                };
                sent.entry(&field.key).or_default().push(source);
            }
        }
        let all = sent.into_iter().map(|(key, sources)| {
            let cell = customer.fold.cell(key).cloned();
            let shown = cell.as_ref().and_then(|cell| cell.value.as_ref());
            let mut lost: Vec<Source> = Vec::new();
            for source in sources.into_iter().rev() {
                let is_known =
                    |known: &Source| (&known.value, known.home) == (&source.value, source.home);
                if source.value.as_ref() != shown && !lost.iter().any(is_known) {
                    lost.push(source);
                }
            }
            Provenance { key: key.clone(), cell, lost }
        });
        all.collect()
    }
}

/// The customer that answers for an id, as it is seen.
#[derive(Default)]
struct Seen {
    id: Option<CustomerId>,
    rev: Option<u64>,
    fold: Fold,
    held: BTreeSet<IdentityNumber>,
}

impl Seen {
    fn of(id: CustomerId, facts: &TenantFacts) -> Seen {
        let Some(customer) = facts.survivor(id) else { return Seen::default() };
        Seen {
            id: Some(customer.id),
            rev: Some(customer.rev),
            fold: customer.fold.clone(),
            held: facts.held_by(customer.id).map(|identity| identity.number).collect(),
        }
    }

    fn fields_changed(&self, after: &Seen) -> Vec<FieldChange> {
        let keys: BTreeSet<&FieldKey> = self.fold.0.keys().chain(after.fold.0.keys()).collect();
        let shown = |fold: &Fold, key: &FieldKey| {
            let cell = fold.cell(key)?;
            Some((cell.value.clone()?, cell.verified))
        };
        keys.into_iter()
            .map(|key| FieldChange {
                key: key.clone(),
                before: shown(&self.fold, key),
                after: shown(&after.fold, key),
            })
            .filter(|change| change.before != change.after)
            .collect()
    }
}

/// One step in the life of a customer.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    /// What happened.
    pub entry: Arc<Entry>,
    /// The customer that answers for the id afterwards.
    pub customer: CustomerId,
    /// What has become of the id itself.
    pub state: State,
    /// The version afterwards.
    pub rev: u64,
    /// Whether it is a new version: a kept repeat and a settled conflict are not.
    pub is_visible: bool,
    /// Fields that show something else, in the order of an answer.
    pub fields: Vec<FieldChange>,
    /// Identities that it owns from then on.
    pub gained: Vec<IdentityNumber>,
    /// Identities that it does not own any more.
    pub lost: Vec<IdentityNumber>,
}

/// A field that shows something else: value and flag, `None` if unset.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldChange {
    /// The field.
    pub key: FieldKey,
    /// What it showed.
    pub before: Option<(Value, bool)>,
    /// What it shows.
    pub after: Option<(Value, bool)>,
}

/// Where the value of a field is from.
#[derive(Clone, Debug, PartialEq)]
pub struct Provenance {
    /// The field.
    pub key: FieldKey,
    /// What stands; a cell without a value is a clear. `None` if all of it was screened.
    pub cell: Option<Cell>,
    /// Other values that were sent, newest first, each once for a home.
    pub lost: Vec<Source>,
}

/// One value as it was sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// The value; `None` is a clear.
    pub value: Option<Value>,
    /// For `mobile` and `email`: whether it was verified.
    pub verified: bool,
    /// The entry that brought it.
    pub seq: Seq,
    /// When it was observed.
    pub at: Micros,
    /// The app that sent it.
    pub app: AppNumber,
    /// The home it belongs to.
    pub home: CustomerId,
    /// Whether it was a value that never matches and did not overwrite a good one.
    pub is_screened: bool,
}
