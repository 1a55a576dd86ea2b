//! Facts: the part of a tenant's state that a decision looks at.
//!
//! An engine fills them from its tables, [`crate::decide::decide_batch`] decides on them and
//! records what it decided, and the engine writes what became [`Dirty`]. The in-memory engine
//! simply keeps them.

mod audit;
mod combine;
mod needs;
mod numbered;
mod parts;
mod record;
mod retelling;
mod undo;

pub use audit::Snapshot;
pub use combine::combine;
pub(crate) use combine::{contact_of, reachable, same_contact};
pub use needs::{NeededImports, NeededWebhooks, Needs};
pub use parts::{Foresight, Part};
pub use retelling::{Retelling, Retold};

use crate::attribute::Attribute;
use crate::canonical;
use crate::conflict::Conflict;
use crate::customer::{Customer, Fold, State};
use crate::directory::{Directory, Tenant};
use crate::identity::{Identity, IdentityKey, Quarantine};
use crate::import::Imports;
use crate::journal::Entry;
use crate::merge::{CannotLink, Merge};
use crate::people::People;
use crate::policy::Policy;
use crate::receipt::{Receipt, ReceiptKey, expired_at};
use crate::webhook::Webhooks;
use crate::wechat::WechatAccounts;
use crate::{ConflictId, CustomerId, IdentityNumber, MergeId, Micros, Seq, TenantId, TypeNumber};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The last numbers given out in a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counters {
    /// The last customer.
    pub customer: CustomerId,
    /// The last identity.
    pub identity: IdentityNumber,
    /// The last journal entry.
    pub seq: Seq,
    /// The last merge.
    pub merge: MergeId,
    /// The last conflict or review entry.
    pub conflict: ConflictId,
}

impl Default for Counters {
    fn default() -> Counters {
        Counters {
            customer: CustomerId(0),
            identity: IdentityNumber(0),
            seq: Seq(0),
            merge: MergeId(0),
            conflict: ConflictId(0),
        }
    }
}

/// The facts of several tenants, and the directory where a batch changes it.
#[expect(clippy::struct_excessive_bools, reason = "each says whether one part has changed")]
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// By tenant. A tenant that is not here does not exist.
    pub tenants: BTreeMap<TenantId, TenantFacts>,
    /// Tenants, apps and users, all of them; an engine fills it if the batch has a command about them.
    pub directory: Directory,
    /// Whether `directory` has changed.
    pub directory_dirty: bool,
    /// The webhooks that the batch has commands about, each whole, beside those of the same
    /// tenants, whose undelivered events may be left out; and who delivers.
    pub webhooks: Webhooks,
    /// Whether `webhooks` have changed.
    pub webhooks_dirty: bool,
    /// The WeChat accounts of the tenants that the batch has commands about them of.
    pub wechat: WechatAccounts,
    /// Whether `wechat` has changed.
    pub wechat_dirty: bool,
    /// The imports that the batch has commands about, and all of a tenant where one is begun.
    pub imports: Imports,
    /// Whether `imports` have changed.
    pub imports_dirty: bool,
    /// What the batch has commands about of sessions, attempts to sign in, and the audit log.
    pub people: People,
    /// Whether `people` have changed.
    pub people_dirty: bool,
}

/// What of one tenant a decision looks at.
#[derive(Clone, Debug)]
pub struct TenantFacts {
    tenant: TenantId,
    policy: Policy,
    counters: Counters,
    identities: HashMap<IdentityNumber, Identity>,
    by_key: HashMap<IdentityKey, IdentityNumber>,
    held: HashMap<CustomerId, BTreeSet<IdentityNumber>>,
    customers: BTreeMap<CustomerId, Customer>,
    homes: BTreeMap<CustomerId, Fold>,
    members: HashMap<CustomerId, BTreeSet<CustomerId>>,
    merges: BTreeMap<MergeId, Merge>,
    /// Merges by their left homes.
    edges: HashMap<CustomerId, BTreeSet<MergeId>>,
    carriers: HashMap<(Attribute, String), BTreeSet<CustomerId>>,
    left_out: HashSet<(Attribute, String)>,
    /// Whether the carriers of what was left out were asked for, here or in a copy.
    missed: Arc<AtomicBool>,
    links: BTreeMap<CannotLink, Seq>,
    conflicts: BTreeMap<ConflictId, Conflict>,
    about: HashMap<IdentityNumber, Vec<ConflictId>>,
    receipts: BTreeMap<ReceiptKey, Receipt>,
    used_types: BTreeSet<TypeNumber>,
    undecided: BTreeSet<(MergeId, Seq)>,
    entries: BTreeMap<Seq, Arc<Entry>>,
    /// The types of all identities, where a journal is told in parts.
    kinds: Option<Arc<parts::Kinds>>,
    dirty: Dirty,
}

/// What an engine has to write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dirty {
    /// New journal entries, in order.
    pub entries: Vec<Arc<Entry>>,
    /// Journal entries that lost their content by an erasure.
    pub rewritten: BTreeSet<Seq>,
    /// Customers to write.
    pub customers: BTreeSet<CustomerId>,
    /// Homes to write: folds of merged customers; to remove where there is none any more.
    pub homes: BTreeSet<CustomerId>,
    /// Identity rows to write.
    pub identities: BTreeSet<IdentityNumber>,
    /// Merges to write.
    pub merges: BTreeSet<MergeId>,
    /// Conflicts to write.
    pub conflicts: BTreeSet<ConflictId>,
    /// Cannot-links to write, or to remove where there is none any more.
    pub links: BTreeSet<CannotLink>,
    /// Undecided claims to write, or to remove where they are decided.
    pub undecided: BTreeSet<(MergeId, Seq)>,
    /// Identity types to write.
    pub types: BTreeSet<TypeNumber>,
    /// Whether the policy is to be written.
    pub policy: bool,
    /// Receipts to write.
    pub receipts: BTreeSet<ReceiptKey>,
}

impl Dirty {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        *self == Dirty::default()
    }
}

/// Loading: what an engine tells about its tables.
impl TenantFacts {
    /// An empty tenant.
    pub fn new(tenant: TenantId, policy: Policy, counters: Counters) -> TenantFacts {
        TenantFacts {
            tenant,
            policy,
            counters,
            identities: HashMap::new(),
            by_key: HashMap::new(),
            held: HashMap::new(),
            customers: BTreeMap::new(),
            homes: BTreeMap::new(),
            members: HashMap::new(),
            merges: BTreeMap::new(),
            edges: HashMap::new(),
            carriers: HashMap::new(),
            left_out: HashSet::new(),
            missed: Arc::default(),
            links: BTreeMap::new(),
            conflicts: BTreeMap::new(),
            about: HashMap::new(),
            receipts: BTreeMap::new(),
            used_types: BTreeSet::new(),
            undecided: BTreeSet::new(),
            entries: BTreeMap::new(),
            kinds: None,
            dirty: Dirty::default(),
        }
    }

    /// Whether the carriers of a match key will be asked for, now that the identities are loaded which its
    /// requests bring ([`Needs::match_keys`]), unless the commands themselves change that: one of the
    /// requests brings none that finds a customer. Of others they may be left out.
    pub fn may_be_asked_for(&self, beside: &[Arc<[IdentityKey]>]) -> bool {
        let finds = |key: &IdentityKey| {
            let known = self.identity_of(key);
            known.is_some_and(|it| it.home.is_some() && it.quarantine == Quarantine::No)
        };
        beside.iter().any(|keys| !keys.iter().any(finds))
    }

    /// Tells that the carriers of a match key are not loaded, because nobody is expected to ask for them.
    /// What is decided counts only if nobody did: see [`TenantFacts::has_missed`].
    pub fn leave_out(&mut self, match_key: (Attribute, String)) {
        self.left_out.insert(match_key);
    }

    /// Whether a decision has asked for what was left out. It has to be made again, with everything.
    pub fn has_missed(&self) -> bool {
        self.missed.load(Ordering::Relaxed)
    }

    /// A new tenant of the directory.
    pub fn of(tenant: &Tenant) -> TenantFacts {
        let policy = Policy::new(tenant.preset, tenant.on_conflict);
        TenantFacts::new(tenant.id, policy, Counters::default())
    }

    /// Adds an identity row.
    pub fn load_identity(&mut self, identity: Identity) {
        self.by_key.insert(identity.key.clone(), identity.number);
        if let Some(home) = identity.home {
            self.held.entry(home).or_default().insert(identity.number);
        }
        self.identities.insert(identity.number, identity);
    }

    /// Adds a customer row. A live one is only whole with all identities of all its homes; one of
    /// several homes needs their folds, their rows and the merges between them as well.
    pub fn load_customer(&mut self, customer: Customer) {
        if customer.state == State::Live {
            self.carry(&customer);
        }
        if let State::MergedInto(survivor) = customer.state {
            let members = self.members.entry(survivor).or_default();
            members.insert(survivor);
            members.insert(customer.id);
        }
        self.customers.insert(customer.id, customer);
    }

    /// Adds the fold of one home of a merged customer.
    pub fn load_home(&mut self, home: CustomerId, fold: Fold) {
        self.homes.insert(home, fold);
    }

    /// Adds a merge.
    pub fn load_merge(&mut self, merge: Merge) {
        self.edges.entry(merge.left).or_default().insert(merge.id);
        self.merges.insert(merge.id, merge);
    }

    /// Adds a cannot-link, set by this entry.
    pub fn load_cannot_link(&mut self, link: CannotLink, seq: Seq) {
        self.links.insert(link, seq);
    }

    /// Adds a conflict or review entry, settled ones included.
    pub fn load_conflict(&mut self, conflict: Conflict) {
        let (id, identity) = (conflict.id, conflict.identity);
        if self.conflicts.insert(id, conflict).is_none() {
            self.about.entry(identity).or_default().push(id);
        }
    }

    /// Adds what is remembered of a request.
    pub fn load_receipt(&mut self, receipt: Receipt) {
        self.receipts.insert(receipt.key, receipt);
    }

    /// Adds that a type has identities, without loading any.
    pub fn load_used_type(&mut self, kind: TypeNumber) {
        self.used_types.insert(kind);
    }

    /// Adds a claim that is undecided since this merge was undone.
    pub fn load_undecided(&mut self, merge: MergeId, claim: Seq) {
        self.undecided.insert((merge, claim));
    }

    /// Adds an entry of the journal.
    pub fn load_entry(&mut self, entry: Arc<Entry>) {
        self.entries.insert(entry.seq, entry);
    }
}

/// Changing what others have changed since.
impl TenantFacts {
    /// Takes over the last numbers that were given out, of facts that otherwise still hold.
    pub fn set_counters(&mut self, counters: Counters) {
        self.counters = counters;
    }
}

/// Looking.
impl TenantFacts {
    /// Whose facts these are.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The rules.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The last numbers given out.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The identity of this number.
    pub fn identity(&self, number: IdentityNumber) -> Option<&Identity> {
        self.identities.get(&number)
    }

    /// The identity of this key.
    pub fn identity_of(&self, key: &IdentityKey) -> Option<&Identity> {
        self.identities.get(self.by_key.get(key)?)
    }

    /// Whether a type has identities.
    pub fn is_used(&self, kind: TypeNumber) -> bool {
        self.used_types.contains(&kind)
            || self.identities.values().any(|identity| identity.key.kind == kind)
    }

    /// The row of this customer id, whatever has become of it.
    pub fn customer(&self, id: CustomerId) -> Option<&Customer> {
        self.customers.get(&id)
    }

    /// All customer rows, by id.
    pub fn customers(&self) -> impl Iterator<Item = &Customer> {
        self.customers.values()
    }

    /// All identity rows, in no order.
    pub fn identities(&self) -> impl Iterator<Item = &Identity> {
        self.identities.values()
    }

    /// The customer that answers for this id; `None` if it is missing or deleted.
    pub fn survivor(&self, id: CustomerId) -> Option<&Customer> {
        let customer = self.customers.get(&id)?;
        match customer.state {
            State::Live => Some(customer),
            State::MergedInto(survivor) => {
                self.customers.get(&survivor).filter(|survivor| survivor.state == State::Live)
            }
            State::Deleted | State::Erased => None,
        }
    }

    /// The customer that owns this identity.
    pub fn owner(&self, number: IdentityNumber) -> Option<CustomerId> {
        Some(self.survivor(self.identities.get(&number)?.home?)?.id)
    }

    /// The homes of a customer, itself included.
    pub fn homes_of(&self, customer: CustomerId) -> Vec<CustomerId> {
        match self.members.get(&customer) {
            Some(members) => members.iter().copied().collect(),
            None => vec![customer],
        }
    }

    /// The identities of a customer: those of all its homes, by number.
    pub fn held_by(&self, customer: CustomerId) -> impl Iterator<Item = &Identity> {
        let mut numbers: Vec<IdentityNumber> = self
            .homes_of(customer)
            .iter()
            .filter_map(|home| self.held.get(home))
            .flatten()
            .copied()
            .collect();
        numbers.sort_unstable();
        numbers.into_iter().filter_map(|number| self.identities.get(&number))
    }

    /// What one home shows on its own.
    pub fn fold_of(&self, home: CustomerId) -> Option<&Fold> {
        self.homes.get(&home).or_else(|| Some(&self.customers.get(&home)?.fold))
    }

    /// The fold of one home of a merged customer.
    pub fn home(&self, home: CustomerId) -> Option<&Fold> {
        self.homes.get(&home)
    }

    /// The folds of the homes of merged customers, by home.
    pub fn homes(&self) -> impl Iterator<Item = (CustomerId, &Fold)> {
        self.homes.iter().map(|(home, fold)| (*home, fold))
    }

    /// A merge, undone ones included.
    pub fn merge(&self, id: MergeId) -> Option<&Merge> {
        self.merges.get(&id)
    }

    /// Live customers that show this canonical value, by id.
    pub fn carriers(
        &self,
        attribute: Attribute,
        canonical: &str,
    ) -> impl Iterator<Item = CustomerId> {
        let key = (attribute, canonical.to_owned());
        if self.left_out.contains(&key) {
            self.missed.store(true, Ordering::Relaxed);
        }
        self.carriers.get(&key).into_iter().flatten().copied()
    }

    /// Whether somebody said that a home of the one and a home of the other are different people.
    pub fn cannot_link(&self, one: &[CustomerId], other: &[CustomerId]) -> bool {
        !self.links.is_empty()
            && one.iter().any(|a| {
                other.iter().any(|b| self.links.contains_key(&CannotLink::between(*a, *b)))
            })
    }

    /// All conflicts and review entries that are loaded, by id.
    pub fn conflicts(&self) -> impl Iterator<Item = &Conflict> {
        self.conflicts.values()
    }

    /// Conflicts and review entries about one identity, by id.
    pub fn conflicts_about(&self, identity: IdentityNumber) -> impl Iterator<Item = &Conflict> {
        let ids = self.about.get(&identity).into_iter().flatten();
        ids.filter_map(|id| self.conflicts.get(id))
    }

    /// All merges that are loaded, undone ones included, by id.
    pub fn merges(&self) -> impl Iterator<Item = &Merge> {
        self.merges.values()
    }

    /// The live merges that begin at one of these homes, by id: all that join homes of one customer.
    fn merges_among<'h>(&self, homes: impl IntoIterator<Item = &'h CustomerId>) -> Vec<&Merge> {
        let ids = homes.into_iter().filter_map(|home| self.edges.get(home)).flatten();
        let ids: BTreeSet<MergeId> = ids.copied().collect();
        let merges = ids.iter().filter_map(|id| self.merges.get(id));
        merges.filter(|merge| merge.is_live()).collect()
    }

    /// The entry that set a cannot-link; `None` if there is none.
    pub fn link(&self, link: CannotLink) -> Option<Seq> {
        self.links.get(&link).copied()
    }

    /// All cannot-links that are loaded, with the entries that set them, in order.
    pub fn links(&self) -> impl Iterator<Item = (CannotLink, Seq)> {
        self.links.iter().map(|(link, seq)| (*link, *seq))
    }

    /// Claims that nobody has decided since the merge they came in by, or over, was undone.
    pub fn undecided(&self) -> impl Iterator<Item = (MergeId, Seq)> {
        self.undecided.iter().copied()
    }

    /// An entry of the journal that is loaded.
    pub fn entry(&self, seq: Seq) -> Option<&Arc<Entry>> {
        self.entries.get(&seq)
    }

    /// All entries of the journal that are loaded, in order.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Arc<Entry>> {
        self.entries.values()
    }

    /// A conflict or review entry.
    pub fn conflict(&self, id: ConflictId) -> Option<&Conflict> {
        self.conflicts.get(&id)
    }

    /// What is remembered under a key.
    pub fn receipt(&self, key: ReceiptKey) -> Option<&Receipt> {
        self.receipts.get(&key)
    }

    /// Remembers what was answered.
    pub(crate) fn remember(&mut self, receipt: Receipt) {
        self.dirty.receipts.insert(receipt.key);
        self.load_receipt(receipt);
    }

    /// Forgets what was answered too long ago.
    pub fn forget_expired(&mut self, now: Micros) {
        let expired_at = expired_at(now);
        self.receipts.retain(|_, receipt| receipt.at > expired_at);
    }

    /// What is to be written, leaving nothing.
    pub fn take_dirty(&mut self) -> Dirty {
        std::mem::take(&mut self.dirty)
    }

    /// A small copy that holds these customers and identities whole: enough to see what a change
    /// to them would give, without making it.
    pub fn excerpt(&self, customers: &[CustomerId], identities: &[IdentityNumber]) -> TenantFacts {
        let mut excerpt = TenantFacts::new(self.tenant, self.policy.clone(), self.counters);
        for home in customers.iter().flat_map(|customer| self.homes_of(*customer)) {
            if let Some(customer) = self.customers.get(&home) {
                excerpt.load_customer(customer.clone());
            }
            if let Some(fold) = self.homes.get(&home) {
                excerpt.load_home(home, fold.clone());
            }
            for number in self.held.get(&home).into_iter().flatten() {
                if let Some(identity) = self.identities.get(number) {
                    excerpt.load_identity(identity.clone());
                }
            }
        }
        for number in identities {
            if let Some(identity) = self.identities.get(number) {
                excerpt.load_identity(identity.clone());
            }
        }
        for merge in self.merges.values().filter(|merge| merge.is_live()) {
            if excerpt.customers.contains_key(&merge.left) {
                excerpt.load_merge(merge.clone());
            }
        }
        excerpt
    }

    fn match_keys(customer: &Customer) -> impl Iterator<Item = (Attribute, String)> {
        let mobile = customer.fold.text(Attribute::Mobile).map(canonical::mobile);
        let email = customer.fold.text(Attribute::Email).map(canonical::email);
        let mobile = mobile.map(|value| (Attribute::Mobile, value));
        mobile.into_iter().chain(email.map(|value| (Attribute::Email, value)))
    }

    fn carry(&mut self, customer: &Customer) {
        for key in TenantFacts::match_keys(customer) {
            self.carriers.entry(key).or_default().insert(customer.id);
        }
    }

    fn uncarry(&mut self, customer: &Customer) {
        for key in TenantFacts::match_keys(customer) {
            if let Some(carriers) = self.carriers.get_mut(&key) {
                carriers.remove(&customer.id);
                if carriers.is_empty() {
                    self.carriers.remove(&key);
                }
            }
        }
    }
}
