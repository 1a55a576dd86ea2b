//! Customers and owners of identities as they were answered lately, to be answered again without SQLite.
//!
//! An answer is given again if nothing that it was made from has changed since. What this process commits,
//! the writer tells: each row has a version (those whose keys have the same hash share one), which rises behind
//! the COMMIT that changes it. What another process commits, the log tells: it grows, or starts over. So the
//! writer notes where the log ends behind its own commit, and nothing is answered from here unless it
//! still ends there. The writer's next commit notices the other process and drops everything.
//!
//! They are looked at in this order: where the log ended, the versions, what stands there now, and whether the
//! log has started over since. So the answer is what SQLite would have read when it was looked what stands there. The format of the log is part of the file format that SQLite
//! documents and keeps ("Database File Format", section 4).

#[cfg(test)]
mod tests;

use super::connection::{self, data_version};
use super::load::{Before, TenantBefore};
use super::query::Types;
use super::trouble::Trouble;
use crate::OwnedIdentity;
use crate::tables::changes::Changes;
use kehub_core::attribute::{FieldKey, Value};
use kehub_core::customer::{Cell, Customer, State};
use kehub_core::facts::{Dirty, Facts, TenantFacts};
use kehub_core::identity::{Identity, IdentityKey};
use kehub_core::{CustomerId, TenantId};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use rusqlite::Connection;
use std::fs::File;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// What the answers take at most, in bytes: some 60,000 customers, and 200,000 identities.
const CUSTOMERS_BYTES: u64 = 128 << 20;
const IDENTITIES_BYTES: u64 = 64 << 20;
/// What is around a value in memory that has a place of its own.
const OVERHEAD: usize = 16;
/// What one takes, as a guess of how many there may be.
const CUSTOMER_BYTES: usize = 2 << 10;
const IDENTITY_BYTES: usize = 300;
/// Tenants whose types are kept.
const TENANTS: usize = 1_000;
/// How many versions there are. With few of them, a busy hub would drop answers about others.
const VERSIONS: usize = 1 << 20;

/// How long the log is, as the connection has seen it last. The columns: busy, pages, pages moved.
const LENGTH: &str = "PRAGMA wal_checkpoint(NOOP)";

/// Lengths in the log: of what is in front of its frames, and of what is in front of the page of a frame.
const LOG_HEAD: u64 = 32;
const FRAME_HEAD: u64 = 24;
/// Where the salts are in either. They are others each time that the log starts over.
const LOG_SALTS: u64 = 16;
const FRAME_SALTS: u64 = 8;

type Salts = [u8; 8];

/// Where the log ends.
#[derive(Clone, Copy, Debug)]
struct End {
    /// Of this log: an empty one has none, and cannot be told from the next empty one.
    salts: Salts,
    /// Where the next frame will be.
    next: u64,
}

impl End {
    /// Whether nothing has come behind it. What is being written is something, too.
    fn holds(self, log: &File) -> bool {
        let is = |at| Some(salts(log, at).ok()? == Some(self.salts));
        // In this order: if it has not started over by now, it had not when its end was looked at.
        is(self.next + FRAME_SALTS) == Some(false) && is(LOG_SALTS) == Some(true)
    }
}

/// The salts at a place of the log; `None` behind its end.
fn salts(log: &File, at: u64) -> io::Result<Option<Salts>> {
    let mut salts = Salts::default();
    let length = connection::read_at(log, &mut salts, at)?;
    Ok((length == salts.len()).then_some(salts))
}

/// An answer, and what it was made from.
struct Answer<T> {
    found: T,
    bytes: u64,
    drops: u64,
    /// The versions of rows, and where they stand.
    rows: [(usize, u32); 2],
}

#[derive(Clone)]
struct Bytes;

impl<K, T> Weighter<K, Arc<Answer<T>>> for Bytes {
    fn weight(&self, _: &K, answer: &Arc<Answer<T>>) -> u64 {
        answer.bytes
    }
}

/// The identity types of tenants. They have no row of their own: when they change, everything is dropped.
type TenantTypes = Cache<TenantId, Arc<Answer<Arc<Types>>>>;
type Answers<K, T> = Cache<K, Arc<Answer<T>>, Bytes>;

/// What was answered lately from one file.
pub(super) struct Recent {
    customers: Answers<(TenantId, CustomerId), Customer>,
    /// By type and value as they were asked for.
    identities: Answers<(TenantId, Box<str>), OwnedIdentity>,
    types: TenantTypes,
    versions: Box<[AtomicU32]>,
    places: RandomState,
    /// How often everything was dropped.
    drops: AtomicU64,
    /// Whether what was dropped still takes memory.
    is_full: AtomicBool,
    /// Rises before and behind each commit of the writer: odd in between.
    turn: AtomicU64,
    log: File,
    end: RwLock<Option<End>>,
}

/// When a look at the file began.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Turn(u64);

impl Recent {
    pub(super) fn new(path: &Path) -> Result<Recent, Trouble> {
        let log = File::open(connection::log_name(path)?).map_err(Trouble::broken)?;
        let guess = |bytes: u64, each: usize| usize::try_from(bytes).unwrap_or_default() / each;
        let customers = guess(CUSTOMERS_BYTES, CUSTOMER_BYTES);
        let identities = guess(IDENTITIES_BYTES, IDENTITY_BYTES);
        Ok(Recent {
            customers: Cache::with_weighter(customers, CUSTOMERS_BYTES, Bytes),
            identities: Cache::with_weighter(identities, IDENTITIES_BYTES, Bytes),
            types: Cache::new(TENANTS),
            versions: std::iter::repeat_with(AtomicU32::default).take(VERSIONS).collect(),
            places: RandomState::new(),
            drops: AtomicU64::new(0),
            is_full: AtomicBool::new(false),
            turn: AtomicU64::new(0),
            log,
            end: RwLock::new(None),
        })
    }

    /// The live customer of an id, if that is known.
    pub(super) fn customer(&self, tenant: TenantId, id: CustomerId) -> Option<Customer> {
        let answer = self.customers.get(&(tenant, id))?;
        self.again(&answer)
    }

    /// Who owns an identity, if that is known.
    pub(super) fn identity(
        &self,
        tenant: TenantId,
        kind: &str,
        value: &str,
    ) -> Option<OwnedIdentity> {
        let answer = self.identities.get(&(tenant, asked(kind, value)))?;
        self.again(&answer)
    }

    /// The identity types of a tenant as they are or, if that is not known, as `read` finds them.
    pub(super) fn types(
        &self,
        since: Turn,
        tenant: TenantId,
        read: impl FnOnce() -> Result<Types, Trouble>,
    ) -> Result<Arc<Types>, Trouble> {
        if let Some(types) = self.types.get(&tenant).and_then(|known| self.again(&known)) {
            return Ok(types);
        }
        let types = Arc::new(read()?);
        // No row stands there, so that it does not change.
        if let Some(kept) = self.kept(since, &types, 0, [VERSIONS; 2]) {
            self.types.insert(tenant, kept);
        }
        Ok(types)
    }

    /// Answers nothing any more. The writer has ended.
    pub(super) fn close(&self) {
        self.set_end(None);
    }

    fn again<T: Clone>(&self, answer: &Answer<T>) -> Option<T> {
        let end = self.end()?;
        let is_current = |(place, version)| self.version(place) == version;
        let holds = answer.drops == self.drops.load(Ordering::SeqCst)
            && answer.rows.into_iter().all(is_current)
            && end.holds(&self.log);
        holds.then(|| answer.found.clone())
    }

    /// To be called before the first look at the file for an answer that may be kept.
    pub(super) fn turn(&self) -> Turn {
        Turn(self.turn.load(Ordering::SeqCst))
    }

    /// Keeps what was read since then.
    pub(super) fn keep_customer(&self, since: Turn, tenant: TenantId, customer: &Customer) {
        let row = self.customer_place(tenant, customer.id);
        if let Some(kept) = self.kept(since, customer, customer_bytes(customer), [row; 2]) {
            self.insert(&self.customers, &(tenant, customer.id), kept);
        }
    }

    /// Keeps what was read since then of one type and value: of an identity whose home is not merged away.
    pub(super) fn keep_identity(
        &self,
        since: Turn,
        tenant: TenantId,
        (kind, value): (&str, &str),
        found: &OwnedIdentity,
    ) {
        if found.identity.home != Some(found.owner) {
            return;
        }
        let asked = asked(kind, value);
        let rows = [
            self.identity_place(tenant, &found.identity.key),
            self.state_place(tenant, found.owner),
        ];
        let bytes = identity_bytes(found, asked.len());
        if let Some(kept) = self.kept(since, found, bytes, rows) {
            self.insert(&self.identities, &(tenant, asked), kept);
        }
    }

    fn insert<K: Clone + Eq + Hash, T>(
        &self,
        answers: &Answers<K, T>,
        key: &K,
        answer: Arc<Answer<T>>,
    ) {
        let drops = answer.drops;
        answers.insert(key.clone(), answer);
        // Dropped meanwhile: it would be answered no more, and not stay in memory either.
        if drops != self.drops.load(Ordering::SeqCst) {
            answers.remove(key);
        }
    }

    fn kept<T: Clone>(
        &self,
        since: Turn,
        found: &T,
        bytes: usize,
        rows: [usize; 2],
    ) -> Option<Arc<Answer<T>>> {
        let drops = self.drops.load(Ordering::SeqCst);
        let rows = rows.map(|place| (place, self.version(place)));
        // Nothing was committed since before it was read: these are the versions of what was read.
        let is_still = since.0.is_multiple_of(2) && self.turn() == since;
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        // Nothing is answered from here until the writer's next commit, if somebody else has committed.
        (is_still && self.is_alone())
            .then(|| Arc::new(Answer { found: found.clone(), bytes, drops, rows }))
    }

    /// Whether the log ends where the writer left it.
    fn is_alone(&self) -> bool {
        self.end().is_some_and(|end| end.holds(&self.log))
    }

    fn end(&self) -> Option<End> {
        *self.end.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn version(&self, place: usize) -> u32 {
        self.versions.get(place).map_or(0, |version| version.load(Ordering::SeqCst))
    }

    fn customer_place(&self, tenant: TenantId, id: CustomerId) -> usize {
        self.place(self.places.hash_one((0_u8, tenant, id)))
    }

    /// Where the version of a customer's state is, which does not rise when fields change.
    fn state_place(&self, tenant: TenantId, id: CustomerId) -> usize {
        self.place(self.places.hash_one((1_u8, tenant, id)))
    }

    fn identity_place(&self, tenant: TenantId, key: &IdentityKey) -> usize {
        self.place(self.places.hash_one((2_u8, tenant, key)))
    }

    fn place(&self, hash: u64) -> usize {
        let count = u64::try_from(self.versions.len()).unwrap_or(u64::MAX).max(1);
        usize::try_from(hash % count).unwrap_or_default()
    }

    /// Answers nothing of what is there any more.
    fn drop_all(&self) {
        self.drops.fetch_add(1, Ordering::SeqCst);
        self.is_full.store(true, Ordering::SeqCst);
    }

    fn set_end(&self, end: Option<End>) {
        *self.end.write().unwrap_or_else(PoisonError::into_inner) = end;
    }
}

/// What a group changes, as far as answers are made from it.
#[derive(Debug, Default)]
pub(super) struct Touched {
    /// Where versions are to rise.
    places: Vec<usize>,
    /// Whether anything else may be different.
    all: bool,
}

/// The writer's hold on the answers of its file.
pub(super) struct Teller {
    recent: Arc<Recent>,
    /// Is another one when another connection has committed.
    data_version: Option<i64>,
    page: u64,
}

impl Teller {
    pub(super) fn new(recent: Arc<Recent>, writer: &Connection) -> Result<Teller, Trouble> {
        let page: i64 = writer.pragma_query_value(None, "page_size", |row| row.get(0))?;
        let page = u64::try_from(page).map_err(Trouble::broken)?;
        let teller = Teller { recent, data_version: Some(data_version(writer)?), page };
        let pages: i64 = writer.query_row(LENGTH, (), |row| row.get(1))?;
        if let Ok(pages) = u64::try_from(pages) {
            teller.note_end(writer, pages);
        }
        Ok(teller)
    }

    /// Adds what a stage of a group has written.
    pub(super) fn touch(
        &self,
        touched: &mut Touched,
        facts: &Facts,
        changes: &Changes,
        before: &Before,
    ) {
        // Of an erased identity, nobody knows any more what it was.
        touched.all |= changes.have_erased();
        for (tenant, dirty) in &changes.tenants {
            touched.all |= dirty.policy || !dirty.types.is_empty();
            if let (Some(facts), Some(before)) =
                (facts.tenants.get(tenant), before.tenants.get(tenant))
            {
                self.touch_rows(touched, facts, dirty, before);
            }
        }
    }

    /// Rows that were there before: no answer was made from others.
    fn touch_rows(
        &self,
        touched: &mut Touched,
        facts: &TenantFacts,
        dirty: &Dirty,
        before: &TenantBefore,
    ) {
        let (recent, tenant) = (&self.recent, facts.tenant());
        for id in &dirty.customers {
            let Some(was) = before.customers.get(id) else { continue };
            touched.places.push(recent.customer_place(tenant, *id));
            let is_live = facts.customer(*id).is_some_and(|now| now.state == State::Live);
            if was.live.is_some() != is_live {
                touched.places.push(recent.state_place(tenant, *id));
            }
        }
        let known = dirty.identities.iter().filter(|number| before.identities.contains_key(number));
        for identity in known.filter_map(|number| facts.identity(*number)) {
            touched.places.push(recent.identity_place(tenant, &identity.key));
        }
    }

    /// To be called before COMMIT, within the transaction.
    pub(super) fn begin(&mut self, writer: &Connection) {
        self.recent.turn.fetch_or(1, Ordering::SeqCst);
        let version = data_version(writer).ok();
        if version != self.data_version {
            self.recent.drop_all();
        }
        self.data_version = version;
    }

    /// To be called behind a COMMIT that left so many pages in the log.
    pub(super) fn end(&self, writer: &Connection, touched: &Touched, pages: u32) {
        if touched.all {
            self.recent.drop_all();
        }
        for place in &touched.places {
            if let Some(version) = self.recent.versions.get(*place) {
                version.fetch_add(1, Ordering::SeqCst);
            }
        }
        self.note_end(writer, u64::from(pages));
        self.next_turn();
    }

    /// To be called between two groups: frees what was dropped, which takes a while. What is erased is not to
    /// stay in memory either.
    pub(super) fn free(&self) {
        if self.recent.is_full.swap(false, Ordering::SeqCst) {
            self.recent.customers.clear();
            self.recent.identities.clear();
            self.recent.types.clear();
        }
    }

    /// To be called when a group is rolled back, which may have ended between [`Teller::begin`] and
    /// [`Teller::end`].
    pub(super) fn roll_back(&self) {
        if !self.recent.turn().0.is_multiple_of(2) {
            self.give_up();
        }
    }

    /// To be called if it is not certain what was committed.
    pub(super) fn give_up(&self) {
        self.recent.turn.fetch_or(1, Ordering::SeqCst);
        self.recent.set_end(None);
        self.recent.drop_all();
        self.next_turn();
    }

    fn next_turn(&self) {
        // It is odd, and nobody else changes it.
        self.recent.turn.fetch_add(1, Ordering::SeqCst);
    }

    /// Notes where the log ends, if nobody else has committed since this connection looked last: then the salts
    /// are those of its own pages.
    fn note_end(&self, writer: &Connection, pages: u64) {
        let next = LOG_HEAD + pages.saturating_mul(FRAME_HEAD + self.page);
        let salts = salts(&self.recent.log, LOG_SALTS).ok().flatten();
        let version = data_version(writer).ok();
        let is_alone = version.is_some() && version == self.data_version;
        self.recent.set_end(salts.filter(|_| is_alone).map(|salts| End { salts, next }));
    }
}

/// What was asked for, as a key: no two questions have the same one.
fn asked(kind: &str, value: &str) -> Box<str> {
    format!("{} {kind}{value}", kind.len()).into()
}

/// What a customer takes in memory, or a little more.
fn customer_bytes(customer: &Customer) -> usize {
    let fields = customer.fold.0.iter().map(|(key, cell)| {
        let name = if let FieldKey::Custom(name) = key { name.len() } else { 0 };
        let value = cell.value.as_ref().and_then(Value::text).map_or(0, str::len);
        size_of::<(FieldKey, Cell)>() + name + value + OVERHEAD
    });
    size_of::<Customer>() + OVERHEAD + fields.sum::<usize>()
}

/// The same of an identity that was asked for by a text of this length.
fn identity_bytes(found: &OwnedIdentity, asked: usize) -> usize {
    let Identity { key, raw, name, scope, companions, apps, .. } = &found.identity;
    let text = |text: &Option<Box<str>>| text.as_deref().map_or(0, str::len);
    let texts = [found.kind.len(), key.value.len(), raw.len(), text(name), text(scope), asked];
    let lists = size_of_val(&**companions) + size_of_val(&**apps);
    size_of::<OwnedIdentity>() + OVERHEAD + texts.iter().sum::<usize>() + lists
}
