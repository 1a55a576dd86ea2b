//! The engine that keeps everything in memory, and the model that the others are compared with:
//! facts behind a lock, and what [`kehub_core::facts::TenantFacts::record`] makes of them.

mod duplicates;
mod people;
mod trial;

use crate::{
    Batch, ConflictFilter, FeedPage, Gauges, Holding, Kept, Outline, OwnedIdentity, Page,
    PageRequest, QuarantinedIdentity, Report, SidedConflict, Spooled, Start, Store, StoreError,
    Survey, Trial, TypedIdentity, Walk, WholeCustomer,
};
use async_trait::async_trait;
use duplicates::duplicates;
use kehub_core::conflict::Conflict;
use kehub_core::customer::{Customer, State as CustomerState};
use kehub_core::decide::{decide_batch, decide_on_trial, decide_together};
use kehub_core::directory::Directory;
use kehub_core::duplicates::Duplicates;
use kehub_core::facts::{Facts, Foresight, Retelling, Retold, Snapshot, TenantFacts};
use kehub_core::feed;
use kehub_core::filter::{Condition, Filter};
use kehub_core::history::Past;
use kehub_core::identity::{Identity, IdentityKey, Quarantine};
use kehub_core::import::Import;
use kehub_core::journal::Entry;
use kehub_core::merge::{CannotLink, Merge};
use kehub_core::outcome::Outcome;
use kehub_core::policy::Policy;
use kehub_core::webhook::Webhook;
use kehub_core::wechat::WechatAccount;
use kehub_core::{
    ConflictId, CustomerId, IdentityNumber, ImportId, MergeId, Micros, Seq, TenantId, WebhookId,
    WechatId, canonical,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Keeps everything in memory, and forgets it when dropped. Slow with many customers: it looks at
/// each one for every list.
#[derive(Debug)]
pub struct MemoryStore {
    state: Mutex<State>,
    committed: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    /// The journal is part of them.
    facts: Facts,
    gauges: Gauges,
    closed: bool,
}

impl MemoryStore {
    /// An empty hub without tenants. The key for tokens is drawn here, so tokens do not outlive it.
    pub fn new() -> Result<MemoryStore, getrandom::Error> {
        let mut state = State::default();
        getrandom::fill(&mut state.facts.directory.token_key)?;
        Ok(MemoryStore { state: Mutex::new(state), committed: watch::Sender::default() })
    }

    /// A panic under the lock is a bug in a decision; what was recorded before it stands, as it
    /// would in a journal.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open_state(&self) -> Result<MutexGuard<'_, State>, StoreError> {
        let state = self.state();
        if state.closed {
            return Err(StoreError::closed());
        }
        Ok(state)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn apply(&self, batch: Batch) -> Result<Vec<Outcome>, StoreError> {
        let kept = batch.kept();
        let requests = batch.into_requests();
        let mut state = self.open_state()?;
        let outcomes = match kept {
            Kept::Each => decide_batch(&requests, &mut state.facts),
            Kept::Together => decide_together(&requests, &mut state.facts),
            Kept::Nothing => decide_on_trial(&requests, state.facts.clone()),
        };
        if outcomes.len() != requests.len() {
            return Err(StoreError::Corrupt("as many outcomes as requests were due".into()));
        }
        let now = requests.iter().map(|request| request.origin.at).max().unwrap_or_default();
        if state.keep(requests.len(), now) {
            self.committed.send_modify(|commits| *commits += 1);
        }
        Ok(outcomes)
    }

    async fn customer(
        &self,
        tenant: TenantId,
        id: CustomerId,
    ) -> Result<Option<Customer>, StoreError> {
        let state = self.open_state()?;
        Ok(state.tenant(tenant).and_then(|facts| facts.survivor(id)).cloned())
    }

    async fn customer_whole(
        &self,
        tenant: TenantId,
        id: CustomerId,
    ) -> Result<Option<WholeCustomer>, StoreError> {
        let state = self.open_state()?;
        let Some(facts) = state.tenant(tenant) else { return Ok(None) };
        Ok(facts.survivor(id).map(|customer| whole(facts, customer)))
    }

    async fn customers(
        &self,
        tenant: TenantId,
        filter: &Filter,
        page: &PageRequest,
    ) -> Result<Page, StoreError> {
        let state = self.open_state()?;
        let mut found = state.matching(tenant, filter);
        found.sort_by(|one, other| page.order.compare(one, other));
        let total = page.counted.then(|| u64::try_from(found.len()).unwrap_or(u64::MAX));
        let skip = match &page.start {
            Start::Offset(offset) => usize::try_from(*offset).unwrap_or(usize::MAX),
            Start::Behind(position) => {
                found.partition_point(|customer| !page.order.is_behind(customer, position))
            }
        };
        let take = usize::try_from(page.limit).unwrap_or(usize::MAX);
        let customers = found.into_iter().skip(skip).take(take).cloned().collect();
        Ok(Page { total, customers })
    }

    async fn customer_count(&self, tenant: TenantId, filter: &Filter) -> Result<u64, StoreError> {
        let state = self.open_state()?;
        Ok(u64::try_from(state.matching(tenant, filter).len()).unwrap_or(u64::MAX))
    }

    async fn walk(
        &self,
        tenant: TenantId,
        filter: &Filter,
        survey: Survey,
    ) -> Result<Walk, StoreError> {
        let state = self.open_state()?;
        let Some(facts) = state.tenant(tenant) else {
            return Ok(Walk::over(Outline::default(), Vec::new()));
        };
        let found = state.matching(tenant, filter);
        let mut outline = Outline::default();
        match survey {
            Survey::Count => outline.customers = u64::try_from(found.len()).unwrap_or(u64::MAX),
            Survey::Fields => {
                for customer in &found {
                    outline.see(customer);
                }
            }
        }
        outline.types = facts.policy().types().map(|kind| kind.name.clone()).collect();
        Ok(Walk::over(outline, found.into_iter().map(|it| whole(facts, it)).collect()))
    }

    async fn trial(&self, tenant: TenantId) -> Result<Option<Trial>, StoreError> {
        let begun = trial::begin(&self.open_state()?.facts, tenant);
        Ok(Trial::of(begun, None).await?)
    }

    async fn identities_of(
        &self,
        tenant: TenantId,
        customers: &[CustomerId],
    ) -> Result<Vec<OwnedIdentity>, StoreError> {
        let state = self.open_state()?;
        let Some(facts) = state.tenant(tenant) else { return Ok(Vec::new()) };
        let owners: BTreeSet<CustomerId> = customers
            .iter()
            .filter_map(|id| facts.survivor(*id))
            .map(|customer| customer.id)
            .collect();
        let held = |owner| facts.held_by(owner).filter_map(move |it| owned(facts, owner, it));
        Ok(owners.into_iter().flat_map(held).collect())
    }

    async fn identities_named(
        &self,
        tenant: TenantId,
        kind: Option<&str>,
        value: &str,
    ) -> Result<Vec<OwnedIdentity>, StoreError> {
        let state = self.open_state()?;
        let Some(facts) = state.tenant(tenant) else { return Ok(Vec::new()) };
        let wanted = kind.map(canonical::type_key);
        let mut found = Vec::new();
        for kind in facts.policy().types() {
            if wanted.as_ref().is_some_and(|wanted| *wanted != kind.key()) {
                continue;
            }
            let key = IdentityKey { kind: kind.number, value: kind.canonical(value).into() };
            let Some(identity) = facts.identity_of(&key) else { continue };
            let owner = facts.owner(identity.number);
            found.extend(owner.and_then(|owner| owned(facts, owner, identity)));
        }
        found.sort_by_key(|it| (it.owner, it.identity.number));
        Ok(found)
    }

    async fn identities_seen(&self, tenant: TenantId) -> Result<u64, StoreError> {
        let seen = self.open_state()?.tenant(tenant).map_or(0, |it| it.counters().identity.0);
        Ok(seen.unsigned_abs())
    }

    async fn policy(&self, tenant: TenantId) -> Result<Option<Policy>, StoreError> {
        Ok(self.open_state()?.tenant(tenant).map(|facts| facts.policy().clone()))
    }

    async fn quarantined(
        &self,
        tenant: TenantId,
        after: IdentityNumber,
        limit: usize,
    ) -> Result<Vec<QuarantinedIdentity>, StoreError> {
        let state = self.open_state()?;
        let Some(facts) = state.tenant(tenant) else { return Ok(Vec::new()) };
        let mut found: Vec<&Identity> = facts
            .identities()
            .filter(|it| it.quarantine == Quarantine::Yes && !it.is_erased() && it.number > after)
            .collect();
        found.sort_unstable_by_key(|identity| identity.number);
        let name = |kind| facts.policy().type_of(kind).map(|kind| kind.name.clone());
        let quarantined = |identity: &Identity| {
            let counts = identity.suspects_by_type().into_iter();
            Some(QuarantinedIdentity {
                owner: facts.owner(identity.number),
                kind: name(identity.key.kind)?,
                identity: identity.clone(),
                counts: counts.filter_map(|(kind, count)| Some((name(kind)?, count))).collect(),
            })
        };
        Ok(found.into_iter().take(limit).filter_map(quarantined).collect())
    }

    async fn holdings(
        &self,
        tenant: TenantId,
        after: CustomerId,
        limit: usize,
    ) -> Result<Vec<Holding>, StoreError> {
        let state = self.open_state()?;
        let Some(facts) = state.tenant(tenant) else { return Ok(Vec::new()) };
        let live = facts
            .customers()
            .filter(|it| it.state == CustomerState::Live && it.id > after)
            .take(limit);
        let holding = |customer: &Customer| Holding {
            customer: customer.id,
            identities: facts.held_by(customer.id).cloned().collect(),
        };
        Ok(live.map(holding).collect())
    }

    async fn journal(
        &self,
        tenant: TenantId,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let state = self.open_state()?;
        let entries = state.tenant(tenant).into_iter().flat_map(TenantFacts::entries);
        let after = entries.filter(|entry| entry.seq > after);
        Ok(after.take(limit).map(|entry| Entry::clone(entry)).collect())
    }

    async fn feed(
        &self,
        tenant: TenantId,
        after: i64,
        limit: usize,
    ) -> Result<FeedPage, StoreError> {
        let state = self.open_state()?;
        let Some(facts) = state.tenant(tenant) else { return Ok(FeedPage::default()) };
        let entries = facts.entries().filter(|entry| entry.position > after).take(limit);
        let entries: Vec<Entry> = entries.map(|entry| Entry::clone(entry)).collect();
        let named = feed::identities(&entries).into_iter();
        let identities = named.filter_map(|number| Some((number, typed(facts, number)?))).collect();
        let types = feed::types(&entries).into_iter();
        let name = |number| Some((number, facts.policy().type_of(number)?.name.clone()));
        let (types, newest) = (types.filter_map(name).collect(), facts.counters().seq.0);
        Ok(FeedPage { entries, identities, types, newest })
    }

    async fn identities_numbered(
        &self,
        tenant: TenantId,
        numbers: &[IdentityNumber],
    ) -> Result<Vec<TypedIdentity>, StoreError> {
        let state = self.open_state()?;
        let Some(facts) = state.tenant(tenant) else { return Ok(Vec::new()) };
        let numbers: BTreeSet<IdentityNumber> = numbers.iter().copied().collect();
        Ok(numbers.into_iter().filter_map(|number| typed(facts, number)).collect())
    }

    async fn identity(
        &self,
        tenant: TenantId,
        kind: &str,
        value: &str,
    ) -> Result<Option<TypedIdentity>, StoreError> {
        let state = self.open_state()?;
        let Some(facts) = state.tenant(tenant) else { return Ok(None) };
        let Some(kind) = facts.policy().type_named(kind) else { return Ok(None) };
        let key = IdentityKey { kind: kind.number, value: kind.canonical(value).into() };
        Ok(facts.identity_of(&key).and_then(|identity| typed(facts, identity.number)))
    }

    async fn customer_row(
        &self,
        tenant: TenantId,
        id: CustomerId,
    ) -> Result<Option<Customer>, StoreError> {
        let state = self.open_state()?;
        Ok(state.tenant(tenant).and_then(|facts| facts.customer(id)).cloned())
    }

    async fn past(&self, tenant: TenantId, customers: &[CustomerId]) -> Result<Past, StoreError> {
        let state = self.open_state()?;
        let facts = state.tenant(tenant);
        Ok(facts.map_or_else(|| Past::nothing(tenant), |facts| Past::of(customers, facts)))
    }

    async fn entries(&self, tenant: TenantId, places: &[Seq]) -> Result<Vec<Entry>, StoreError> {
        let state = self.open_state()?;
        let Some(facts) = state.tenant(tenant) else { return Ok(Vec::new()) };
        let places: BTreeSet<Seq> = places.iter().copied().collect();
        let found = places.into_iter().filter_map(|seq| facts.entry(seq));
        Ok(found.map(|entry| Entry::clone(entry)).collect())
    }

    async fn merge(&self, tenant: TenantId, id: MergeId) -> Result<Option<Merge>, StoreError> {
        let state = self.open_state()?;
        Ok(state.tenant(tenant).and_then(|facts| facts.merge(id)).cloned())
    }

    async fn merges(
        &self,
        tenant: TenantId,
        after: MergeId,
        limit: usize,
    ) -> Result<Vec<Merge>, StoreError> {
        let state = self.open_state()?;
        let merges = state.tenant(tenant).into_iter().flat_map(TenantFacts::merges);
        Ok(merges.filter(|merge| merge.id > after).take(limit).cloned().collect())
    }

    async fn conflict(
        &self,
        tenant: TenantId,
        id: ConflictId,
    ) -> Result<Option<SidedConflict>, StoreError> {
        let state = self.open_state()?;
        let Some(facts) = state.tenant(tenant) else { return Ok(None) };
        Ok(facts.conflict(id).map(|conflict| sided(conflict, facts)))
    }

    async fn conflicts(
        &self,
        tenant: TenantId,
        wanted: &ConflictFilter,
        after: ConflictId,
        limit: usize,
    ) -> Result<Vec<SidedConflict>, StoreError> {
        let state = self.open_state()?;
        let Some(facts) = state.tenant(tenant) else { return Ok(Vec::new()) };
        let homes = wanted.customer.map(|id| match facts.customer(id).map(|it| it.state) {
            Some(CustomerState::MergedInto(survivor)) => facts.homes_of(survivor),
            Some(CustomerState::Live | CustomerState::Deleted) => facts.homes_of(id),
            Some(CustomerState::Erased) | None => Vec::new(),
        });
        let names = |conflict: &Conflict| {
            homes.as_ref().is_none_or(|homes| {
                homes.contains(&conflict.left)
                    || conflict.right.is_some_and(|right| homes.contains(&right))
            })
        };
        let theirs = facts.conflicts().filter(|conflict| conflict.id > after && names(conflict));
        let found = theirs.map(|conflict| sided(conflict, facts));
        Ok(found.filter(|found| wanted.matches(found)).take(limit).collect())
    }

    async fn cannot_links(
        &self,
        tenant: TenantId,
        after: Option<CannotLink>,
        limit: usize,
    ) -> Result<Vec<(CannotLink, Seq)>, StoreError> {
        let state = self.open_state()?;
        let links = state.tenant(tenant).into_iter().flat_map(TenantFacts::links);
        Ok(links.filter(|(link, _)| Some(*link) > after).take(limit).collect())
    }

    async fn undecided(
        &self,
        tenant: TenantId,
        after: (MergeId, Seq),
        limit: usize,
    ) -> Result<Vec<(Merge, Entry)>, StoreError> {
        let state = self.open_state()?;
        let Some(facts) = state.tenant(tenant) else { return Ok(Vec::new()) };
        let rest = facts.undecided().filter(|undecided| *undecided > after).take(limit);
        let found = rest.filter_map(|(merge, claim)| {
            Some((facts.merge(merge)?.clone(), Entry::clone(facts.entry(claim)?)))
        });
        Ok(found.collect())
    }

    fn committed(&self) -> watch::Receiver<u64> {
        self.committed.subscribe()
    }

    async fn duplicates(&self, tenant: TenantId) -> Result<Duplicates, StoreError> {
        let state = self.open_state()?;
        let live = state.matching(tenant, &Filter::default());
        Ok(state.tenant(tenant).map(|facts| duplicates(facts, &live)).unwrap_or_default())
    }

    async fn snapshot(&self, tenant: TenantId) -> Result<Snapshot, StoreError> {
        Ok(self.open_state()?.tenant(tenant).map(TenantFacts::snapshot).unwrap_or_default())
    }

    async fn webhooks(
        &self,
        tenant: Option<TenantId>,
    ) -> Result<BTreeMap<(TenantId, WebhookId), Webhook>, StoreError> {
        Ok(self.open_state()?.facts.webhooks.of(tenant))
    }

    async fn wechat_accounts(
        &self,
        tenant: Option<TenantId>,
    ) -> Result<BTreeMap<(TenantId, WechatId), WechatAccount>, StoreError> {
        Ok(self.open_state()?.facts.wechat.of(tenant))
    }

    async fn imports(
        &self,
        tenant: TenantId,
        before: Option<ImportId>,
        limit: usize,
    ) -> Result<Vec<Import>, StoreError> {
        let state = self.open_state()?;
        let theirs = state.facts.imports.all.iter().rev().filter(|((owner, id), _)| {
            *owner == tenant && before.is_none_or(|before| *id < before)
        });
        Ok(theirs.take(limit).map(|(_, import)| import.clone()).collect())
    }

    async fn spooled_imports(&self, which: Spooled) -> Result<Vec<(TenantId, Import)>, StoreError> {
        let state = self.open_state()?;
        let is_asked =
            |it: &Import| it.plan.spool.is_some() && (which == Spooled::All || it.is_open());
        let spooled = state.facts.imports.all.iter().filter(|(_, it)| is_asked(it));
        Ok(spooled.map(|((tenant, _), import)| (*tenant, import.clone())).collect())
    }

    async fn check(&self, only: Option<TenantId>) -> Result<Report, StoreError> {
        let state = self.open_state()?;
        let mut report = Report::default();
        let wanted = |tenant: &TenantId| only.is_none_or(|only| *tenant == only);
        for (_, facts) in state.facts.tenants.iter().filter(|(tenant, _)| wanted(tenant)) {
            check(facts, &mut report);
        }
        Ok(report)
    }

    async fn directory(&self) -> Result<Directory, StoreError> {
        Ok(self.open_state()?.facts.directory.clone())
    }

    fn gauges(&self) -> Gauges {
        let mut state = self.state();
        state.gauges.taken(0)
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.state().closed = true;
        Ok(())
    }
}

impl State {
    fn tenant(&self, tenant: TenantId) -> Option<&TenantFacts> {
        self.facts.tenants.get(&tenant)
    }

    /// Takes over what a batch left to be written, and forgets what has expired by now; whether any
    /// entry was left.
    fn keep(&mut self, requests: usize, now: Micros) -> bool {
        let mut any = false;
        for facts in self.facts.tenants.values_mut() {
            facts.forget_expired(now);
            any |= !facts.take_dirty().entries.is_empty();
        }
        self.facts.directory_dirty = false;
        self.facts.webhooks_dirty = false;
        self.facts.wechat_dirty = false;
        self.facts.imports_dirty = false;
        self.facts.people_dirty = false;
        self.gauges.groups_total += 1;
        self.gauges.grouped_total += u64::try_from(requests).unwrap_or(u64::MAX);
        if self.gauges.group_sizes.len() < crate::gauges::RECENT_GROUPS_MAX {
            self.gauges.group_sizes.push(u32::try_from(requests).unwrap_or(u32::MAX));
        }
        any
    }

    fn matching(&self, tenant: TenantId, filter: &Filter) -> Vec<&Customer> {
        let Some(facts) = self.tenant(tenant) else { return Vec::new() };
        let filter = with_survivors(filter, facts);
        facts.customers().filter(|customer| filter.matches(customer)).collect()
    }
}

/// The filter with redirecting ids replaced by those that answer for them.
fn with_survivors(filter: &Filter, facts: &TenantFacts) -> Filter {
    let mut filter = filter.clone();
    for condition in &mut filter.conditions {
        if let Condition::IdIn(ids) = condition {
            let survivors = ids.iter().filter_map(|id| facts.survivor(*id));
            *ids = survivors.map(|customer| customer.id).collect();
        }
    }
    filter
}

/// Whether facts are what their journal makes of them.
fn check(facts: &TenantFacts, report: &mut Report) {
    let found = facts.snapshot();
    let mut foresight = Foresight::default();
    for identity in &found.identities {
        foresight.know(identity.number, identity.key.kind);
    }
    for entry in facts.entries() {
        foresight.see(entry);
    }
    // All of it is in memory as it is.
    let mut retelling = Retelling::new(facts.tenant(), facts.policy(), foresight, u32::MAX);
    retelling.begin(found.identities.iter().cloned());
    for entry in facts.entries() {
        retelling.tell(entry.seq, Entry::clone(entry));
    }
    let expected = retelling.told();
    let Retold { problems, without_row, .. } = retelling.end();
    let tenant = Some(facts.tenant());
    for text in problems {
        report.find(tenant, text);
    }
    for number in without_row {
        report.find(tenant, format!("identity {number} has no row"));
    }
    if expected.snapshot() != found || expected.policy() != facts.policy() {
        report.find(tenant, "what is kept is not what the journal says");
    }
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    report.tenants += 1;
    report.customers += count(found.customers.len());
    report.identities += count(found.identities.len());
    report.entries += u64::try_from(expected.counters().seq.0).unwrap_or_default();
}

fn whole(facts: &TenantFacts, customer: &Customer) -> WholeCustomer {
    let owner = customer.id;
    let homes = facts.homes_of(owner).into_iter();
    let merged = homes.filter(|home| *home != owner).collect();
    let held = facts.held_by(owner);
    let identities = held.filter_map(|identity| owned(facts, owner, identity)).collect();
    WholeCustomer { customer: customer.clone(), merged, identities }
}

fn owned(facts: &TenantFacts, owner: CustomerId, identity: &Identity) -> Option<OwnedIdentity> {
    let kind = facts.policy().type_of(identity.key.kind)?.name.clone();
    Some(OwnedIdentity { owner, kind, identity: identity.clone() })
}

fn typed(facts: &TenantFacts, number: IdentityNumber) -> Option<TypedIdentity> {
    let identity = facts.identity(number)?;
    let kind = facts.policy().type_of(identity.key.kind)?.name.clone();
    Some(TypedIdentity { kind, identity: identity.clone() })
}

fn sided(conflict: &Conflict, facts: &TenantFacts) -> SidedConflict {
    let answers = |home| facts.survivor(home).map(|customer| customer.id);
    let (left, right) = (answers(conflict.left), conflict.right.and_then(answers));
    let owner = facts.owner(conflict.identity);
    SidedConflict { conflict: conflict.clone(), left, right, owner }
}
