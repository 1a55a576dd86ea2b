//! A store that fails on demand: before the work, or after it. For tests of those who use the
//! port; the case that is forgotten most is the failure after the work was done.

use crate::{
    Batch, ConflictFilter, FeedPage, Gauges, Holding, OwnedIdentity, Page, PageRequest,
    PeopleStore, QuarantinedIdentity, Report, SidedConflict, Spooled, Store, StoreError, Survey,
    Trial, TypedIdentity, Walk, WholeCustomer,
};
use async_trait::async_trait;
use kehub_core::command::Command;
use kehub_core::customer::Customer;
use kehub_core::directory::Directory;
use kehub_core::duplicates::Duplicates;
use kehub_core::facts::Snapshot;
use kehub_core::filter::Filter;
use kehub_core::history::Past;
use kehub_core::import::Import;
use kehub_core::journal::Entry;
use kehub_core::merge::{CannotLink, Merge};
use kehub_core::outcome::Outcome;
use kehub_core::people::audit::{AuditEntry, AuditFilter, AuditPlace};
use kehub_core::people::saved::SavedFilter;
use kehub_core::people::session::{Attempts, LoginKey, Session, SessionHash};
use kehub_core::policy::Policy;
use kehub_core::webhook::Webhook;
use kehub_core::wechat::WechatAccount;
use kehub_core::{
    AppNumber, ConflictId, CustomerId, IdentityNumber, ImportId, MergeId, Seq, TenantId, WebhookId,
    WechatId,
};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::sync::watch;

/// What goes wrong with one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// The queue is full: nothing is done.
    QueueFull,
    /// It fails before the work: [`StoreError::NotApplied`].
    Before,
    /// It fails after the work: [`StoreError::Unknown`].
    After,
    /// What was read makes no sense: [`StoreError::Corrupt`], nothing is done.
    Corrupt,
    /// It never answers; nothing is done.
    Never,
}

/// Another store, with faults. Each call takes the next fault of the plan; without one it works.
#[derive(Debug)]
pub struct UnreliableStore {
    inner: Arc<dyn Store>,
    plan: Mutex<VecDeque<Fault>>,
    meanwhile: Mutex<Vec<Batch>>,
    pretended: OnceLock<Outcome>,
}

impl UnreliableStore {
    /// Wraps a store that works.
    pub fn new(inner: Arc<dyn Store>) -> UnreliableStore {
        let (plan, meanwhile) = (Mutex::default(), Mutex::default());
        UnreliableStore { inner, plan, meanwhile, pretended: OnceLock::new() }
    }

    /// Plans faults for the next calls, one each.
    pub fn plan(&self, faults: impl IntoIterator<Item = Fault>) {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner).extend(faults);
    }

    /// Applies this before the next batch, as what somebody else does at the same moment: whoever sends that
    /// batch has read what it is about already.
    pub fn meanwhile(&self, batch: Batch) {
        self.meanwhile.lock().unwrap_or_else(PoisonError::into_inner).push(batch);
    }

    /// From now on answers every upsert with this outcome, and keeps none: what is left to do is the work
    /// around a store. The first outcome stays.
    pub fn pretend(&self, outcome: Outcome) {
        self.pretended.get_or_init(|| outcome);
    }

    async fn applied(&self, batch: Batch) -> Result<Vec<Outcome>, StoreError> {
        let fails = self.next().await?;
        if let Some(outcome) = self.pretended.get() {
            let requests = batch.requests();
            if requests.iter().all(|request| matches!(request.command, Command::Upsert(_))) {
                return then(fails, Ok(vec![outcome.clone(); requests.len()]));
            }
        }
        then(fails, self.inner.apply(batch).await)
    }

    /// Takes the next fault; `true` if the call is to fail after its work.
    async fn next(&self) -> Result<bool, StoreError> {
        let fault = self.plan.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        match fault.unwrap_or(Fault::None) {
            Fault::None => Ok(false),
            Fault::After => Ok(true),
            Fault::QueueFull => Err(StoreError::QueueFull),
            Fault::Before => Err(StoreError::NotApplied("planned".into())),
            Fault::Corrupt => Err(StoreError::Corrupt("planned".into())),
            Fault::Never => std::future::pending().await,
        }
    }
}

fn then<T>(fails: bool, found: Result<T, StoreError>) -> Result<T, StoreError> {
    match found {
        Ok(_) if fails => Err(StoreError::Unknown("planned".into())),
        found => found,
    }
}

#[async_trait]
impl Store for UnreliableStore {
    async fn apply(&self, batch: Batch) -> Result<Vec<Outcome>, StoreError> {
        let meanwhile =
            std::mem::take(&mut *self.meanwhile.lock().unwrap_or_else(PoisonError::into_inner));
        for earlier in meanwhile {
            self.inner.apply(earlier).await?;
        }
        let applied = self.applied(batch).await;
        if self.pretended.get().is_none() {
            // As from any store that has a queue, the answer comes a moment later.
            tokio::task::yield_now().await;
        }
        applied
    }

    async fn customer(
        &self,
        tenant: TenantId,
        id: CustomerId,
    ) -> Result<Option<Customer>, StoreError> {
        let fails = self.next().await?;
        then(fails, self.inner.customer(tenant, id).await)
    }

    async fn customer_whole(
        &self,
        tenant: TenantId,
        id: CustomerId,
    ) -> Result<Option<WholeCustomer>, StoreError> {
        let fails = self.next().await?;
        then(fails, self.inner.customer_whole(tenant, id).await)
    }

    async fn customers(
        &self,
        tenant: TenantId,
        filter: &Filter,
        page: &PageRequest,
    ) -> Result<Page, StoreError> {
        let fails = self.next().await?;
        then(fails, self.inner.customers(tenant, filter, page).await)
    }

    async fn customer_count(&self, tenant: TenantId, filter: &Filter) -> Result<u64, StoreError> {
        let fails = self.next().await?;
        then(fails, self.inner.customer_count(tenant, filter).await)
    }

    /// One that fails after the work tells everybody, and then of trouble.
    async fn walk(
        &self,
        tenant: TenantId,
        filter: &Filter,
        survey: Survey,
    ) -> Result<Walk, StoreError> {
        let fails = self.next().await?;
        let walk = self.inner.walk(tenant, filter, survey).await?;
        Ok(if fails { walk.failing() } else { walk })
    }

    async fn trial(&self, tenant: TenantId) -> Result<Option<Trial>, StoreError> {
        let fails = self.next().await?;
        then(fails, self.inner.trial(tenant).await)
    }

    async fn identities_of(
        &self,
        tenant: TenantId,
        customers: &[CustomerId],
    ) -> Result<Vec<OwnedIdentity>, StoreError> {
        let fails = self.next().await?;
        then(fails, self.inner.identities_of(tenant, customers).await)
    }

    async fn identities_named(
        &self,
        tenant: TenantId,
        kind: Option<&str>,
        value: &str,
    ) -> Result<Vec<OwnedIdentity>, StoreError> {
        let fails = self.next().await?;
        then(fails, self.inner.identities_named(tenant, kind, value).await)
    }

    async fn identities_seen(&self, tenant: TenantId) -> Result<u64, StoreError> {
        let fails = self.next().await?;
        then(fails, self.inner.identities_seen(tenant).await)
    }

    async fn policy(&self, tenant: TenantId) -> Result<Option<Policy>, StoreError> {
        let fails = self.next().await?;
        then(fails, self.inner.policy(tenant).await)
    }

    async fn quarantined(
        &self,
        tenant: TenantId,
        after: IdentityNumber,
        limit: usize,
    ) -> Result<Vec<QuarantinedIdentity>, StoreError> {
        let fails = self.next().await?;
        then(fails, self.inner.quarantined(tenant, after, limit).await)
    }

    async fn holdings(
        &self,
        tenant: TenantId,
        after: CustomerId,
        limit: usize,
    ) -> Result<Vec<Holding>, StoreError> {
        let fails = self.next().await?;
        then(fails, self.inner.holdings(tenant, after, limit).await)
    }

    async fn journal(
        &self,
        tenant: TenantId,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let fails = self.next().await?;
        then(fails, self.inner.journal(tenant, after, limit).await)
    }

    async fn feed(
        &self,
        tenant: TenantId,
        after: i64,
        limit: usize,
    ) -> Result<FeedPage, StoreError> {
        let fails = self.next().await?;
        then(fails, self.inner.feed(tenant, after, limit).await)
    }

    async fn identities_numbered(
        &self,
        tenant: TenantId,
        numbers: &[IdentityNumber],
    ) -> Result<Vec<TypedIdentity>, StoreError> {
        let fails = self.next().await?;
        then(fails, self.inner.identities_numbered(tenant, numbers).await)
    }

    fn committed(&self) -> watch::Receiver<u64> {
        self.inner.committed()
    }

    async fn duplicates(&self, tenant: TenantId) -> Result<Duplicates, StoreError> {
        let fails = self.next().await?;
        then(fails, self.inner.duplicates(tenant).await)
    }

    async fn identity(
        &self,
        tenant: TenantId,
        kind: &str,
        value: &str,
    ) -> Result<Option<TypedIdentity>, StoreError> {
        let fails = self.next().await?;
        then(fails, self.inner.identity(tenant, kind, value).await)
    }

    async fn customer_row(
        &self,
        tenant: TenantId,
        id: CustomerId,
    ) -> Result<Option<Customer>, StoreError> {
        let fails = self.next().await?;
        then(fails, self.inner.customer_row(tenant, id).await)
    }

    async fn past(&self, tenant: TenantId, customers: &[CustomerId]) -> Result<Past, StoreError> {
        let fails = self.next().await?;
        then(fails, self.inner.past(tenant, customers).await)
    }

    async fn entries(&self, tenant: TenantId, places: &[Seq]) -> Result<Vec<Entry>, StoreError> {
        let fails = self.next().await?;
        then(fails, self.inner.entries(tenant, places).await)
    }

    async fn merge(&self, tenant: TenantId, id: MergeId) -> Result<Option<Merge>, StoreError> {
        let fails = self.next().await?;
        then(fails, self.inner.merge(tenant, id).await)
    }

    async fn merges(
        &self,
        tenant: TenantId,
        after: MergeId,
        limit: usize,
    ) -> Result<Vec<Merge>, StoreError> {
        let fails = self.next().await?;
        then(fails, self.inner.merges(tenant, after, limit).await)
    }

    async fn conflict(
        &self,
        tenant: TenantId,
        id: ConflictId,
    ) -> Result<Option<SidedConflict>, StoreError> {
        let fails = self.next().await?;
        then(fails, self.inner.conflict(tenant, id).await)
    }

    async fn conflicts(
        &self,
        tenant: TenantId,
        wanted: &ConflictFilter,
        after: ConflictId,
        limit: usize,
    ) -> Result<Vec<SidedConflict>, StoreError> {
        let fails = self.next().await?;
        then(fails, self.inner.conflicts(tenant, wanted, after, limit).await)
    }

    async fn cannot_links(
        &self,
        tenant: TenantId,
        after: Option<CannotLink>,
        limit: usize,
    ) -> Result<Vec<(CannotLink, Seq)>, StoreError> {
        let fails = self.next().await?;
        then(fails, self.inner.cannot_links(tenant, after, limit).await)
    }

    async fn undecided(
        &self,
        tenant: TenantId,
        after: (MergeId, Seq),
        limit: usize,
    ) -> Result<Vec<(Merge, Entry)>, StoreError> {
        let fails = self.next().await?;
        then(fails, self.inner.undecided(tenant, after, limit).await)
    }

    async fn snapshot(&self, tenant: TenantId) -> Result<Snapshot, StoreError> {
        let fails = self.next().await?;
        then(fails, self.inner.snapshot(tenant).await)
    }

    async fn webhooks(
        &self,
        tenant: Option<TenantId>,
    ) -> Result<BTreeMap<(TenantId, WebhookId), Webhook>, StoreError> {
        let fails = self.next().await?;
        then(fails, self.inner.webhooks(tenant).await)
    }

    async fn wechat_accounts(
        &self,
        tenant: Option<TenantId>,
    ) -> Result<BTreeMap<(TenantId, WechatId), WechatAccount>, StoreError> {
        let fails = self.next().await?;
        then(fails, self.inner.wechat_accounts(tenant).await)
    }

    async fn imports(
        &self,
        tenant: TenantId,
        before: Option<ImportId>,
        limit: usize,
    ) -> Result<Vec<Import>, StoreError> {
        let fails = self.next().await?;
        then(fails, self.inner.imports(tenant, before, limit).await)
    }

    async fn spooled_imports(&self, which: Spooled) -> Result<Vec<(TenantId, Import)>, StoreError> {
        let fails = self.next().await?;
        then(fails, self.inner.spooled_imports(which).await)
    }

    async fn check(&self, only: Option<TenantId>) -> Result<Report, StoreError> {
        let fails = self.next().await?;
        then(fails, self.inner.check(only).await)
    }

    async fn directory(&self) -> Result<Directory, StoreError> {
        let fails = self.next().await?;
        then(fails, self.inner.directory().await)
    }

    fn gauges(&self) -> Gauges {
        self.inner.gauges()
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.inner.close().await
    }
}

#[async_trait]
impl PeopleStore for UnreliableStore {
    async fn session(&self, hash: SessionHash) -> Result<Option<Session>, StoreError> {
        let fails = self.next().await?;
        then(fails, self.inner.session(hash).await)
    }

    async fn sessions(&self, app: AppNumber) -> Result<Vec<Session>, StoreError> {
        let fails = self.next().await?;
        then(fails, self.inner.sessions(app).await)
    }

    async fn attempts(&self, key: LoginKey) -> Result<Option<Attempts>, StoreError> {
        let fails = self.next().await?;
        then(fails, self.inner.attempts(key).await)
    }

    async fn saved_filters(&self, app: AppNumber) -> Result<Vec<SavedFilter>, StoreError> {
        let fails = self.next().await?;
        then(fails, self.inner.saved_filters(app).await)
    }

    async fn audit(
        &self,
        tenant: TenantId,
        filter: &AuditFilter,
        before: Option<AuditPlace>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let fails = self.next().await?;
        then(fails, self.inner.audit(tenant, filter, before, limit).await)
    }
}
