//! Looking back: what a customer was at a time, what has changed it, and where its values are from.
//!
//! Nothing is kept for this but the journal. The entries that a customer is connected with are
//! replayed into empty facts, up to the moment in question.

use crate::attribute::{FieldKey, Value};
use crate::customer::{Cell, Customer, Fold, State};
use crate::facts::TenantFacts;
use crate::identity::Identity;
use crate::journal::{
    Claim, ClaimedField, ClaimedIdentity, Entry, FieldEffect, Record, Role, Touched,
};
use crate::outcome::IdentityVerdict;
use crate::policy::Policy;
use crate::{AppNumber, CustomerId, IdentityNumber, Micros, Seq, TenantId};
use std::collections::{BTreeMap, BTreeSet, HashSet};
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

/// What [`connected`] finds, for whoever reads many entries at once: it asks for the entries that
/// touched a customer, as ranges, until there is nothing left to ask for.
#[derive(Debug)]
pub struct Search {
    since: Seq,
    found: BTreeMap<Seq, Arc<Entry>>,
    /// Up to where the entries of a customer were asked for.
    asked: BTreeMap<CustomerId, Seq>,
    /// Up to where they are to be asked for.
    open: BTreeMap<CustomerId, Seq>,
}

impl Search {
    /// A search back to an entry, that one included, from customers and their newest entries.
    pub fn new(heads: impl IntoIterator<Item = (CustomerId, Seq)>, since: Seq) -> Search {
        let (found, asked) = (BTreeMap::new(), BTreeMap::new());
        let open = heads.into_iter().filter(|(_, head)| *head >= since).collect();
        Search { since, found, asked, open }
    }

    /// The entries to be read next: those that touched a customer, from the first place to the
    /// second, both included. Empty at the end.
    pub fn wanted(&mut self) -> Vec<(CustomerId, Seq, Seq)> {
        let open = std::mem::take(&mut self.open);
        let range = |(customer, last): (CustomerId, Seq)| {
            let before = self.asked.insert(customer, last);
            let first = before.map_or(self.since, |before| Seq(before.0 + 1).max(self.since));
            (customer, first, last)
        };
        open.into_iter().map(range).collect()
    }

    /// What was read.
    pub fn read(&mut self, entries: impl IntoIterator<Item = Arc<Entry>>) {
        for entry in entries {
            for touched in &entry.touched {
                let Some(previous) = touched.previous.filter(|it| *it >= self.since) else {
                    continue;
                };
                let asked = self.asked.get(&touched.customer);
                if asked.is_none_or(|asked| *asked < previous) {
                    let open = self.open.entry(touched.customer).or_insert(previous);
                    *open = previous.max(*open);
                }
            }
            self.found.insert(entry.seq, entry);
        }
    }

    /// What was found, once nothing is wanted any more.
    pub fn end(self) -> BTreeMap<Seq, Arc<Entry>> {
        self.found
    }
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
            facts.replay(Arc::clone(entry));
        }
        facts
    }

    /// Whether there has ever been a customer of this id.
    pub fn has_customer(&self, id: CustomerId) -> bool {
        let touched = self.entries.iter().flat_map(|entry| &entry.touched);
        touched.into_iter().any(|touched| touched.customer == id)
    }

    /// Whether everything about a customer was erased: nothing of it is told then.
    pub fn is_erased(&self, id: CustomerId) -> bool {
        let records = self.entries.iter().flat_map(|entry| &entry.records);
        records.into_iter().any(
            |record| matches!(record, Record::Erased(erased) if erased.customers.contains(&id)),
        )
    }

    /// Every id that the customer of this one was called by, itself included, whether or not it was deleted
    /// or erased since. After an erasure no row redirects any more, but its entry names them all.
    pub fn called(&self, id: CustomerId) -> Vec<CustomerId> {
        let records = self.entries.iter().flat_map(|entry| &entry.records);
        for record in records {
            if let Record::Erased(erased) = record
                && erased.customers.contains(&id)
            {
                return erased.customers.clone();
            }
        }
        let facts = self.as_of(Moment::Now);
        if let Some(State::MergedInto(survivor)) = facts.customer(id).map(|it| it.state) {
            return facts.homes_of(survivor);
        }
        facts.homes_of(id)
    }

    fn beginning(&self) -> TenantFacts {
        let identities = self.identities.iter().cloned();
        TenantFacts::beginning(self.tenant, self.policy.clone(), identities)
    }

    /// What has changed the customer that answers for an id, oldest first.
    pub fn versions(&self, id: CustomerId) -> Vec<Version> {
        let mut facts = self.beginning();
        let mut before = Seen::default();
        let mut versions = Vec::new();
        for entry in &self.entries {
            facts.replay(Arc::clone(entry));
            let answers = facts.survivor(id).map(|customer| customer.id);
            let touched = entry.touched.iter().find(|touched| {
                [before.id, answers].contains(&Some(touched.customer)) || touched.customer == id
            });
            let Some(touched) = touched else { continue };
            let after = Seen::of(id, &facts);
            versions.push(Version {
                entry: Arc::clone(entry),
                happened: Happening::of(entry, touched),
                customer: after.id.unwrap_or(touched.customer),
                state: facts.customer(id).map_or(State::Live, |customer| customer.state),
                rev: after.rev.unwrap_or(touched.rev_after),
                is_visible: touched.rev_before != touched.rev_after,
                fields: before.fields_changed(&after),
                gained: after.held.difference(&before.held).copied().collect(),
                lost: before.held.difference(&after.held).copied().collect(),
            });
            before = after;
        }
        versions
    }

    /// Where every value of a customer is from, and which values lost against it.
    pub fn provenance(&self, customer: &Customer, facts: &TenantFacts) -> Vec<Provenance> {
        let homes = facts.homes_of(customer.id);
        let mut sent: BTreeMap<&FieldKey, Vec<Sent<'_>>> = BTreeMap::new();
        for (entry, claim, home) in facts.claims().filter(|(_, _, home)| homes.contains(home)) {
            for field in &claim.fields {
                let observed_at = claim.observed_at;
                sent.entry(&field.key).or_default().push(Sent { entry, field, home, observed_at });
            }
        }
        let all = sent.into_iter().map(|(key, sent)| {
            let cell = customer.fold.cell(key).cloned();
            let shown = cell.as_ref().and_then(|cell| cell.value.as_ref());
            let mut told = HashSet::new();
            let lost = sent.iter().rev().filter(|sent| {
                let value = sent.field.value.as_ref();
                value != shown && told.insert((value, sent.home))
            });
            let lost = lost.map(Sent::source).collect();
            Provenance { key: key.clone(), cell, lost }
        });
        all.collect()
    }
}

/// A field as a claim carried it.
struct Sent<'f> {
    entry: &'f Entry,
    field: &'f ClaimedField,
    home: CustomerId,
    observed_at: Option<Micros>,
}

impl Sent<'_> {
    fn source(&self) -> Source {
        Source {
            value: self.field.value.clone(),
            verified: self.field.verified,
            seq: self.entry.seq,
            at: self.observed_at.unwrap_or(self.entry.at),
            app: self.entry.app,
            home: self.home,
            is_screened: self.field.effect == FieldEffect::Screened,
        }
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
    /// The entry that made it.
    pub entry: Arc<Entry>,
    /// What happened, in order.
    pub happened: Vec<Happening>,
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

/// What happened to a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Happening {
    /// It came into being.
    Created,
    /// A request changed it.
    Updated,
    /// Another customer and this one became one.
    Merged,
    /// A merge was undone.
    Unmerged,
    /// Identities were taken out of it, or it came into being by that.
    Extracted,
    /// Somebody said whether a claim is this customer's.
    ClaimDecided,
    /// It was deleted.
    Deleted,
    /// It was deleted and is there again.
    Restored,
    /// Everything about it was erased.
    Erased,
    /// A conflict or review entry was opened.
    ConflictOpened,
    /// A conflict or review entry was settled.
    ConflictResolved,
    /// It is another person than somebody else.
    CannotLinkSet,
    /// It may be the same person as somebody else after all.
    CannotLinkRemoved,
    /// An identity that a request carried stopped matching.
    Quarantined,
    /// A quarantined identity of it matches again.
    Released,
    /// A request changed nothing that is seen.
    Repeated,
}

impl Happening {
    /// Everything that can happen.
    pub const ALL: &[Happening] = &[
        Happening::Created,
        Happening::Updated,
        Happening::Merged,
        Happening::Unmerged,
        Happening::Extracted,
        Happening::ClaimDecided,
        Happening::Deleted,
        Happening::Restored,
        Happening::Erased,
        Happening::ConflictOpened,
        Happening::ConflictResolved,
        Happening::CannotLinkSet,
        Happening::CannotLinkRemoved,
        Happening::Quarantined,
        Happening::Released,
        Happening::Repeated,
    ];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Happening::Created => "created",
            Happening::Updated => "updated",
            Happening::Merged => "merged",
            Happening::Unmerged => "unmerged",
            Happening::Extracted => "extracted",
            Happening::ClaimDecided => "claimDecided",
            Happening::Deleted => "deleted",
            Happening::Restored => "restored",
            Happening::Erased => "erased",
            Happening::ConflictOpened => "conflictOpened",
            Happening::ConflictResolved => "conflictResolved",
            Happening::CannotLinkSet => "cannotLinkSet",
            Happening::CannotLinkRemoved => "cannotLinkRemoved",
            Happening::Quarantined => "quarantined",
            Happening::Released => "released",
            Happening::Repeated => "repeated",
        }
    }

    /// What an entry was for a customer that it concerns: each thing once, in order.
    pub fn of(entry: &Entry, touched: &Touched) -> Vec<Happening> {
        let mut happened = Vec::new();
        if touched.role == Role::Created {
            happened.push(Happening::Created);
        }
        for record in &entry.records {
            happened.extend(Happening::by(record, touched).filter(|it| !happened.contains(it)));
        }
        if happened.is_empty() && entry.claim().is_some() {
            happened.push(Happening::Repeated);
        }
        happened
    }

    fn by(record: &Record, touched: &Touched) -> Option<Happening> {
        match record {
            Record::Counted(counted) => {
                (!counted.quarantined.is_empty()).then_some(Happening::Quarantined)
            }
            Record::Merged(_) => Some(Happening::Merged),
            Record::Claim(claim) => {
                let is_seen = touched.rev_before != touched.rev_after;
                let is_news = touched.role != Role::Created && is_seen && changes(claim);
                is_news.then_some(Happening::Updated)
            }
            Record::Opened(_) => Some(Happening::ConflictOpened),
            Record::Deleted { .. } => Some(Happening::Deleted),
            Record::Released(_) => Some(Happening::Released),
            Record::Unmerged(_) => Some(Happening::Unmerged),
            Record::Extracted(_) => Some(Happening::Extracted),
            Record::ClaimDecided(_) => Some(Happening::ClaimDecided),
            Record::Restored { .. } => Some(Happening::Restored),
            Record::Erased(_) => Some(Happening::Erased),
            Record::Settled(_) => Some(Happening::ConflictResolved),
            Record::LinkSet(_) => Some(Happening::CannotLinkSet),
            Record::LinkRemoved(_) => Some(Happening::CannotLinkRemoved),
            // These concern no customer.
            Record::PolicyChanged { .. } | Record::TypeChanged { .. } => None,
        }
    }
}

/// Whether a claim did more than to bring customers together.
fn changes(claim: &Claim) -> bool {
    let attaches = |identity: &ClaimedIdentity| {
        identity.named
            || matches!(identity.verdict, IdentityVerdict::Created | IdentityVerdict::Attached)
    };
    claim.identities.iter().any(attaches)
        || claim.fields.iter().any(|field| matches!(field.effect, FieldEffect::Written(_)))
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
