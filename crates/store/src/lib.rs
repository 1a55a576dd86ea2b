//! The storage port: everything the hub asks of its storage, and the engines that answer.
//!
//! An engine does three things to a batch: it loads [`kehub_core::facts::Facts`], calls
//! [`kehub_core::decide::decide_batch`] once, and writes what became dirty, in one durable
//! transaction shared with whatever else was waiting. No engine knows a rule about identities.
//!
//! [`MemoryStore`] is the model: facts behind a lock. [`SqliteStore`] is the embedded default,
//! [`PostgresStore`] the one for several hubs. [`UnreliableStore`] stands before any of them and
//! fails on demand, for tests of those who use the port.

mod batch;
mod copy;
mod gauges;
mod impact;
mod memory;
mod migration;
mod open_error;
mod people;
mod postgres;
mod report;
mod sqlite;
mod tables;
#[cfg(any(test, feature = "testing"))]
mod testing;
mod trial;
mod unreliable;
mod walk;

pub use batch::{Batch, Kept, Lane};
pub use copy::{CopyOptions, Place, copy};
pub use gauges::Gauges;
pub use impact::impact;
pub use memory::MemoryStore;
pub use migration::Migration;
pub use open_error::OpenError;
pub use people::PeopleStore;
pub use postgres::{PostgresOptions, PostgresStore};
pub use report::{
    CUSTOMERS_AT_ONCE, Checksum, Copied, CopiedTable, Finding, Progress, Rebuilt, Report, Silent,
};
pub use sqlite::{SqliteOptions, SqliteStore};
#[cfg(any(test, feature = "testing"))]
pub use testing::TestDatabase;
pub use trial::Trial;
pub use unreliable::{Fault, UnreliableStore};
pub use walk::{Outline, Survey, Walk};

use async_trait::async_trait;
use kehub_core::conflict::{Conflict, ConflictKind};
use kehub_core::customer::Customer;
use kehub_core::directory::Directory;
use kehub_core::duplicates::Duplicates;
use kehub_core::facts::Snapshot;
use kehub_core::filter::{Filter, Order, Position};
use kehub_core::history::Past;
use kehub_core::identity::Identity;
use kehub_core::import::Import;
use kehub_core::journal::Entry;
use kehub_core::merge::{CannotLink, Merge};
use kehub_core::outcome::Outcome;
use kehub_core::policy::Policy;
use kehub_core::webhook::Webhook;
use kehub_core::wechat::WechatAccount;
use kehub_core::{
    ConflictId, CustomerId, IdentityNumber, ImportId, MergeId, Seq, TenantId, TypeNumber,
    WebhookId, WechatId,
};
use std::collections::BTreeMap;
use std::fmt;
use tokio::sync::watch;

/// A part of the hub that keeps customers. All of it is safe to use from many tasks at once.
#[async_trait]
pub trait Store: PeopleStore + fmt::Debug + Send + Sync {
    /// Applies the requests in order, all of them in one durable transaction. Outcome `i` answers
    /// request `i`; a refused one changes nothing. What becomes of its neighbours then, the batch
    /// says: see [`Kept`].
    async fn apply(&self, batch: Batch) -> Result<Vec<Outcome>, StoreError>;

    /// The customer that answers for an id, following redirects; `None` if there is none or it was
    /// deleted.
    async fn customer(
        &self,
        tenant: TenantId,
        id: CustomerId,
    ) -> Result<Option<Customer>, StoreError>;

    /// The customer that answers for an id with what belongs to it, as of one moment; `None` as
    /// for [`Store::customer`].
    async fn customer_whole(
        &self,
        tenant: TenantId,
        id: CustomerId,
    ) -> Result<Option<WholeCustomer>, StoreError>;

    /// The live customers that match, in order. A redirecting id in the filter stands for its
    /// survivor, which is answered once.
    async fn customers(
        &self,
        tenant: TenantId,
        filter: &Filter,
        page: &PageRequest,
    ) -> Result<Page, StoreError>;

    /// How many live customers match.
    async fn customer_count(&self, tenant: TenantId, filter: &Filter) -> Result<u64, StoreError>;

    /// Begins a walk by all live customers that match, as of the moment at which this returns, in the
    /// order of their ids; of writes that come later it tells nothing. Memory does not grow with it. A
    /// redirecting id in the filter stands for its survivor. Only a few walks may be under way: one too
    /// many is [`StoreError::NotApplied`].
    ///
    /// For as long as it lasts, however slowly somebody listens, what was replaced meanwhile is kept:
    /// the write-ahead log of a file grows, and a PostgreSQL server cannot clean its tables. On a Citus
    /// cluster, who wants to write waits for some milliseconds while it begins.
    async fn walk(
        &self,
        tenant: TenantId,
        filter: &Filter,
        survey: Survey,
    ) -> Result<Walk, StoreError>;

    /// Begins a [`Trial`] of a tenant, of the moment at which this returns; `None` if there is no such
    /// tenant. For as long as it lasts it takes the place of a walk, and costs the same.
    async fn trial(&self, tenant: TenantId) -> Result<Option<Trial>, StoreError>;

    /// The identities of these customers and of those that answer for them, each once, by owner
    /// and number.
    async fn identities_of(
        &self,
        tenant: TenantId,
        customers: &[CustomerId],
    ) -> Result<Vec<OwnedIdentity>, StoreError>;

    /// The owned identities of this value, of one type or of any, by owner and number. The value
    /// is compared in the canonical form of each type.
    async fn identities_named(
        &self,
        tenant: TenantId,
        kind: Option<&str>,
        value: &str,
    ) -> Result<Vec<OwnedIdentity>, StoreError>;

    /// How many identities a tenant has seen, those that nobody owns any more included.
    async fn identities_seen(&self, tenant: TenantId) -> Result<u64, StoreError>;

    /// The rules of a tenant; `None` if there is no such tenant.
    async fn policy(&self, tenant: TenantId) -> Result<Option<Policy>, StoreError>;

    /// The quarantined identities with larger numbers than this one, by number, at most `limit`;
    /// none whose texts were erased.
    async fn quarantined(
        &self,
        tenant: TenantId,
        after: IdentityNumber,
        limit: usize,
    ) -> Result<Vec<QuarantinedIdentity>, StoreError>;

    /// The live customers with larger ids than this one, by id, at most `limit`: each with all
    /// identities that it holds, by number.
    async fn holdings(
        &self,
        tenant: TenantId,
        after: CustomerId,
        limit: usize,
    ) -> Result<Vec<Holding>, StoreError>;

    /// Entries of a tenant's journal strictly after a place, in order, at most `limit`.
    async fn journal(
        &self,
        tenant: TenantId,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError>;

    /// A part of a tenant's feed: entries strictly after a position, in order, at most `limit`,
    /// with the identities that their events name, as of one moment.
    async fn feed(
        &self,
        tenant: TenantId,
        after: i64,
        limit: usize,
    ) -> Result<FeedPage, StoreError>;

    /// The identities of these numbers, each once, by number, whether or not somebody owns them.
    async fn identities_numbered(
        &self,
        tenant: TenantId,
        numbers: &[IdentityNumber],
    ) -> Result<Vec<TypedIdentity>, StoreError>;

    /// The identity of this type and value, whether or not somebody owns it. The value is compared
    /// in the canonical form of the type.
    async fn identity(
        &self,
        tenant: TenantId,
        kind: &str,
        value: &str,
    ) -> Result<Option<TypedIdentity>, StoreError>;

    /// The row of a customer id, whatever has become of it; `None` if there never was one.
    async fn customer_row(
        &self,
        tenant: TenantId,
        id: CustomerId,
    ) -> Result<Option<Customer>, StoreError>;

    /// The past of the customers that these ids stand for, and of all that they were ever connected
    /// with, as of one moment. Ids that never were are left out.
    async fn past(&self, tenant: TenantId, customers: &[CustomerId]) -> Result<Past, StoreError>;

    /// The entries of these places, each once, in order; places without one are left out.
    async fn entries(&self, tenant: TenantId, places: &[Seq]) -> Result<Vec<Entry>, StoreError>;

    /// A merge, whether or not it was undone.
    async fn merge(&self, tenant: TenantId, id: MergeId) -> Result<Option<Merge>, StoreError>;

    /// Merges with an id above `after`, undone ones included, by id, at most `limit`.
    async fn merges(
        &self,
        tenant: TenantId,
        after: MergeId,
        limit: usize,
    ) -> Result<Vec<Merge>, StoreError>;

    /// A conflict or review entry, with the customers that answer for its sides.
    async fn conflict(
        &self,
        tenant: TenantId,
        id: ConflictId,
    ) -> Result<Option<SidedConflict>, StoreError>;

    /// Conflicts and review entries that match, with an id above `after`, by id, at most `limit`.
    async fn conflicts(
        &self,
        tenant: TenantId,
        wanted: &ConflictFilter,
        after: ConflictId,
        limit: usize,
    ) -> Result<Vec<SidedConflict>, StoreError>;

    /// Cannot-links after one of them, with the entries that set them, in order, at most `limit`.
    async fn cannot_links(
        &self,
        tenant: TenantId,
        after: Option<CannotLink>,
        limit: usize,
    ) -> Result<Vec<(CannotLink, Seq)>, StoreError>;

    /// Claims that nobody has decided since a merge was undone, after one of them, by merge and
    /// entry, at most `limit`; each with the undone merge and the entry of the claim.
    async fn undecided(
        &self,
        tenant: TenantId,
        after: (MergeId, Seq),
        limit: usize,
    ) -> Result<Vec<(Merge, Entry)>, StoreError>;

    /// Changes whenever this store has committed entries of a journal, whoever's. What other
    /// processes write to the same file is not announced: who waits looks now and then.
    fn committed(&self) -> watch::Receiver<u64>;

    /// Customers of a tenant that look like one person, as of one moment. It looks at everybody, for
    /// seconds where there are a million: callers keep what it answers for a while.
    async fn duplicates(&self, tenant: TenantId) -> Result<Duplicates, StoreError>;

    /// Everything of a tenant but its journal, as of one moment. For checks and comparisons: it
    /// reads the whole tenant into memory.
    async fn snapshot(&self, tenant: TenantId) -> Result<Snapshot, StoreError>;

    /// The webhooks of a tenant, or of all, with how far each has been told.
    async fn webhooks(
        &self,
        tenant: Option<TenantId>,
    ) -> Result<BTreeMap<(TenantId, WebhookId), Webhook>, StoreError>;

    /// The WeChat accounts of a tenant, or of all, with how far the import of their fans has come.
    async fn wechat_accounts(
        &self,
        tenant: Option<TenantId>,
    ) -> Result<BTreeMap<(TenantId, WechatId), WechatAccount>, StoreError>;

    /// Imports of a tenant, ended ones included, with an id below `before`, newest first, at most `limit`.
    async fn imports(
        &self,
        tenant: TenantId,
        before: Option<ImportId>,
        limit: usize,
    ) -> Result<Vec<Import>, StoreError>;

    /// Imports of all tenants whose files hubs keep, by tenant and id.
    async fn spooled_imports(&self, which: Spooled) -> Result<Vec<(TenantId, Import)>, StoreError>;

    /// Whether what is kept keeps its promises and is what the journal makes of it, as of one
    /// moment; of one tenant, or of the whole store. Reads only. What the journal makes of
    /// [`CUSTOMERS_AT_ONCE`] customers is held in memory.
    async fn check(&self, only: Option<TenantId>) -> Result<Report, StoreError>;

    /// All tenants, apps and users, and the key that tokens are signed with.
    async fn directory(&self) -> Result<Directory, StoreError>;

    /// Ends when the store can neither be read nor written any more before it is opened again, which
    /// it may never do.
    async fn lost(&self) {
        std::future::pending::<()>().await;
    }

    /// What the engine is doing right now.
    fn gauges(&self) -> Gauges;

    /// Finishes what was accepted, writes what may be written behind, and refuses everything
    /// afterwards. May be called more than once.
    async fn close(&self) -> Result<(), StoreError>;
}

/// A customer with what belongs to it.
#[derive(Clone, Debug, PartialEq)]
pub struct WholeCustomer {
    /// The customer: a live one.
    pub customer: Customer,
    /// The ids that redirect to it, in order.
    pub merged: Vec<CustomerId>,
    /// Its identities, by number.
    pub identities: Vec<OwnedIdentity>,
}

/// A conflict or review entry, and the customers that answer for its sides today.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SidedConflict {
    /// The conflict.
    pub conflict: Conflict,
    /// The customer on the side of the request that opened it; `None` if it is gone.
    pub left: Option<CustomerId>,
    /// The customer on the other side; `None` if it is gone, or nobody owned the identity.
    pub right: Option<CustomerId>,
    /// Who owns the identity today, which may be a third.
    pub owner: Option<CustomerId>,
}

/// Which conflicts and review entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConflictFilter {
    /// Only refused joins, or only those to be reviewed.
    pub kind: Option<ConflictKind>,
    /// Only settled ones, or only open ones. Open is what still waits for somebody: one whose two
    /// sides are one customer by now, whose identity the customer has by now, or whose customers are
    /// gone, does not, unless it is a review entry of a customer that is there.
    pub is_settled: Option<bool>,
    /// Only those that name a home of the customer that this id stands for, also if it was deleted.
    pub customer: Option<CustomerId>,
}

impl ConflictFilter {
    /// Whether a conflict that names the right customer matches otherwise.
    pub(crate) fn matches(&self, found: &SidedConflict) -> bool {
        let conflict = &found.conflict;
        let one_customer = found.left.is_some() && found.left == found.right;
        let has_it = conflict.right.is_none() && found.owner == found.left;
        let waits = match conflict.kind {
            ConflictKind::Review => found.left.is_some(),
            ConflictKind::Refused => {
                found.left.is_some()
                    && !one_customer
                    && !has_it
                    && conflict.right.is_some() == found.right.is_some()
            }
        };
        self.kind.is_none_or(|kind| conflict.kind == kind)
            && match self.is_settled {
                None => true,
                Some(true) => conflict.settled.is_some(),
                Some(false) => conflict.settled.is_none() && waits,
            }
    }
}

/// An identity and the customer that owns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedIdentity {
    /// The owner: a live customer.
    pub owner: CustomerId,
    /// The type as it was first seen in the tenant.
    pub kind: Box<str>,
    /// The identity.
    pub identity: Identity,
}

/// An identity, whoever owns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypedIdentity {
    /// The type as it was first seen in the tenant.
    pub kind: Box<str>,
    /// The identity.
    pub identity: Identity,
}

/// An identity that does not match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantinedIdentity {
    /// Who owns it.
    pub owner: Option<CustomerId>,
    /// The type as it was first seen in the tenant.
    pub kind: Box<str>,
    /// The identity.
    pub identity: Identity,
    /// With how many different values of each distinguishing type it was sent since it was last
    /// released.
    pub counts: Vec<(Box<str>, usize)>,
}

/// A customer and what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// The customer.
    pub customer: CustomerId,
    /// Its identities.
    pub identities: Vec<Identity>,
}

/// A part of a feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedPage {
    /// The asked entries.
    pub entries: Vec<Entry>,
    /// The identities that their events name, by number.
    pub identities: BTreeMap<IdentityNumber, TypedIdentity>,
    /// The names of the identity types that they name without an identity.
    pub types: BTreeMap<TypeNumber, Box<str>>,
    /// The position of the newest entry there is; 0 if there is none.
    pub newest: i64,
}

/// Which part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// In which order.
    pub order: Order,
    /// Where it begins.
    pub start: Start,
    /// How many to answer.
    pub limit: u32,
    /// Whether to count all that match, which looks at each of them.
    pub counted: bool,
}

impl PageRequest {
    /// The newest ones, uncounted.
    pub fn newest(limit: u32) -> PageRequest {
        let order = Order { descending: true, ..Order::default() };
        PageRequest { order, start: Start::Offset(0), limit, counted: false }
    }
}

/// Where a part of a list begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// After so many. What is skipped is read.
    Offset(u64),
    /// Behind this place in the order. Where an index serves the order, a deep page costs no more
    /// than the first.
    Behind(Position),
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// How many match in all, if that was asked.
    pub total: Option<u64>,
    /// The asked part.
    pub customers: Vec<Customer>,
}

/// Which of the imports whose files hubs keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spooled {
    /// Ended ones included.
    All,
    /// Those that are running or interrupted: what hubs have to bring in.
    Open,
}

/// Trouble with the storage. The variant says what happened to the data.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Nothing was applied because the queue is full: safe to send again, a little later.
    #[error("the queue of writes is full")]
    QueueFull,
    /// Certainly not applied: safe to send again.
    #[error("not applied: {0}")]
    NotApplied(#[source] Source),
    /// May have been applied: ask before sending again.
    #[error("not known whether it was applied: {0}")]
    Unknown(#[source] Source),
    /// What was read breaks a rule of ours. Nothing to retry; wake someone.
    #[error("the store is corrupt: {0}")]
    Corrupt(#[source] Source),
}

impl StoreError {
    /// Nothing is applied or read after [`Store::close`].
    pub(crate) fn closed() -> StoreError {
        StoreError::NotApplied("the store is closed".into())
    }
}

/// The cause of a [`StoreError`], for the log.
pub type Source = Box<dyn std::error::Error + Send + Sync>;
