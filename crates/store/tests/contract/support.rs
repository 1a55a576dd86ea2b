//! An engine to be tried, and short ways to ask it.

use kehub_core::attribute::{Attribute, FieldKey, Value};
use kehub_core::command::{Command, FieldsSent, IdentitySent, Origin, Request, Upsert};
use kehub_core::customer::Customer;
use kehub_core::directory::NewTenant;
use kehub_core::filter::{Filter, Order};
use kehub_core::outcome::{Outcome, Resolution};
use kehub_core::policy::Preset;
use kehub_core::{AppNumber, CustomerId, TenantId};
use kehub_store::{
    Batch, Lane, MemoryStore, Page, PageRequest, Place, PostgresOptions, PostgresStore, Report,
    Silent, SqliteOptions, SqliteStore, Start, Store, StoreError, TestDatabase, Trial,
};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tempfile::TempDir;

/// The tenant that a rig starts with.
pub(crate) const TENANT: TenantId = TenantId(1);

/// An engine with one tenant.
pub(crate) struct Rig {
    pub(crate) store: Arc<dyn Store>,
    clock: AtomicI64,
    /// Holds the file of an engine that has one for as long as the rig lives.
    folder: Option<TempDir>,
    /// Likewise the database.
    database: Option<TestDatabase>,
}

impl Rig {
    pub(crate) async fn memory() -> Rig {
        Rig::with(Arc::new(MemoryStore::new().unwrap()), None).await
    }

    pub(crate) async fn sqlite() -> Rig {
        Rig::sqlite_with(SqliteOptions::default()).await
    }

    pub(crate) async fn sqlite_with(options: SqliteOptions) -> Rig {
        let folder = TempDir::new().unwrap();
        let store = SqliteStore::open(folder.path().join("hub.db"), options).unwrap();
        Rig::with(Arc::new(store), Some(folder)).await
    }

    pub(crate) async fn postgres() -> Rig {
        Rig::postgres_with(PostgresOptions::default()).await
    }

    /// A database whose tables are spread over a cluster.
    pub(crate) async fn cluster() -> Rig {
        let options = PostgresOptions { distributed: true, ..PostgresOptions::default() };
        Rig::of_database(TestDatabase::on_cluster().await, options).await
    }

    pub(crate) async fn postgres_with(options: PostgresOptions) -> Rig {
        Rig::of_database(TestDatabase::new().await, options).await
    }

    async fn of_database(database: TestDatabase, options: PostgresOptions) -> Rig {
        let store = PostgresStore::open(&database.url(), options).await.unwrap();
        let rig = Rig::with(Arc::new(store), None).await;
        Rig { database: Some(database), ..rig }
    }

    async fn with(store: Arc<dyn Store>, folder: Option<TempDir>) -> Rig {
        let rig = Rig { store, clock: AtomicI64::new(0), folder, database: None };
        assert_eq!(rig.tenant("first", Preset::Compat).await, TENANT);
        rig
    }

    /// Another store that goes on from where this one is.
    pub(crate) fn over(&self, store: Arc<dyn Store>) -> Rig {
        let clock = AtomicI64::new(self.clock.load(Ordering::Relaxed));
        Rig { store, clock, folder: None, database: None }
    }

    /// The file of an engine that has one.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.as_ref().unwrap().path().join("hub.db")
    }

    /// The database of an engine that has one.
    pub(crate) fn database(&self) -> &TestDatabase {
        self.database.as_ref().unwrap()
    }

    /// Creates a tenant.
    pub(crate) async fn tenant(&self, name: &str, preset: Preset) -> TenantId {
        let new = NewTenant { name: name.into(), preset };
        match self.run(TENANT, Command::CreateTenant(new)).await {
            Outcome::Tenant(tenant) => tenant.id,
            other => panic!("no tenant: {other:?}"),
        }
    }

    /// When the last request was made.
    pub(crate) fn now(&self) -> i64 {
        self.clock.load(Ordering::Relaxed) * 1_000_000
    }

    /// A request at the next second.
    pub(crate) fn request(&self, tenant: TenantId, command: Command) -> Request {
        let at = (self.clock.fetch_add(1, Ordering::Relaxed) + 1) * 1_000_000;
        let origin = Origin { app: AppNumber(1), actor: None, request: "test".into(), at };
        Request { tenant, origin, dry_run: false, idempotency: None, command }
    }

    pub(crate) async fn run(&self, tenant: TenantId, command: Command) -> Outcome {
        self.try_run(tenant, command).await.unwrap()
    }

    pub(crate) async fn try_run(
        &self,
        tenant: TenantId,
        command: Command,
    ) -> Result<Outcome, StoreError> {
        let batch = Batch::one(self.request(tenant, command));
        Ok(self.store.apply(batch).await?.remove(0))
    }

    pub(crate) async fn batch(&self, requests: Vec<Request>) -> Vec<Outcome> {
        let count = requests.len();
        let batch = Batch::new(requests, Lane::Interactive).unwrap();
        let outcomes = self.store.apply(batch).await.unwrap();
        assert_eq!(outcomes.len(), count);
        outcomes
    }

    /// Upserts for the first tenant, and says what came of it.
    pub(crate) async fn upsert(&self, identities: &[&str], fields: &[(&str, &str)]) -> Resolution {
        resolution(self.run(TENANT, upsert(identities, fields)).await)
    }

    pub(crate) async fn customer(&self, id: i64) -> Option<Customer> {
        self.store.customer(TENANT, CustomerId(id)).await.unwrap()
    }

    /// What a check of a file or database finds that has about so many customers in memory at once.
    pub(crate) async fn check_in_parts(&self, at_once: u32) -> Report {
        match &self.database {
            Some(database) => PostgresStore::check(&database.url(), None, at_once, &Silent).await,
            None => SqliteStore::check(self.file(), None, at_once, &Silent),
        }
        .unwrap()
    }

    /// A trial of what is in the file or database now, if it has a tenant of this name.
    pub(crate) async fn trial(&self, tenant: &str) -> Option<Trial> {
        match &self.database {
            Some(database) => Trial::begin(Place::Postgres(&database.url()), tenant).await,
            None => Trial::begin(Place::Sqlite(&self.file()), tenant).await,
        }
        .unwrap()
    }

    /// A trial of the first tenant, by the store itself.
    pub(crate) async fn own_trial(&self) -> Trial {
        self.store.trial(TENANT).await.unwrap().unwrap()
    }

    pub(crate) async fn page(&self, filter: Filter, order: Order, part: (u64, u32)) -> Page {
        let page =
            PageRequest { order, start: Start::Offset(part.0), limit: part.1, counted: true };
        self.store.customers(TENANT, &filter, &page).await.unwrap()
    }
}

/// `a1`, `u1`, `o1`, `m1`, `e1`, `d1`: an identity of the type that the letter stands for.
pub(crate) fn identity(word: &str) -> IdentitySent {
    let (letter, number) = word.split_at(1);
    let (kind, value) = match letter {
        "a" => ("crm-account", word.to_owned()),
        "b" => ("shop-account", word.to_owned()),
        "u" => ("wechat-unionid", word.to_owned()),
        "o" => ("wechat", word.to_owned()),
        "m" => ("mobile", format!("138{number:0>8}")),
        "e" => ("email", format!("{word}@example.com")),
        "d" => ("cookie", word.to_owned()),
        "x" => ("crm-account", "null".to_owned()),
        other => panic!("no such letter: {other}"),
    };
    IdentitySent { kind: kind.to_owned(), value, name: None, scope: None }
}

pub(crate) fn fields(fields: &[(&str, &str)]) -> FieldsSent {
    let mut sent = FieldsSent::default();
    for (name, text) in fields {
        let key = match name.strip_prefix("attr.") {
            Some(custom) => FieldKey::custom(custom).unwrap(),
            None => FieldKey::Builtin(Attribute::named(name).unwrap()),
        };
        let value = (!text.is_empty()).then(|| Value::Text((*text).into()));
        sent.values.insert(key, value);
    }
    sent
}

pub(crate) fn upsert(identities: &[&str], sent: &[(&str, &str)]) -> Command {
    Command::Upsert(Upsert {
        identities: identities.iter().map(|word| identity(word)).collect(),
        fields: fields(sent),
        ..Upsert::default()
    })
}

pub(crate) fn resolution(outcome: Outcome) -> Resolution {
    match outcome {
        Outcome::Resolved(resolution) => *resolution,
        other => panic!("not resolved: {other:?}"),
    }
}
