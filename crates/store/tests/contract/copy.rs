//! Moving house: a copy of a store, on whatever engine, is that store.

use crate::receipts::keyed;
use crate::support::{Rig, TENANT, fields, identity, upsert};
use kehub_core::command::{
    Attach, Command, DecideClaim, Decision, Extract, MergeByHand, Put, SetCannotLink, SetPolicy,
    SettleConflict,
};
use kehub_core::directory::{AppChange, Permission};
use kehub_core::feed::Kind;
use kehub_core::outcome::Outcome;
use kehub_core::policy::{Preset, Setting, TypeChange};
use kehub_core::webhook::{
    Delivery, Failure, Lease, Reason, Secret, Settings, Step, Undelivered, WebhookChange,
};
use kehub_core::wechat::{Sealed, WechatChange, WechatSecretsChange, WechatSettingsChange};
use kehub_core::{ConflictId, CustomerId, MergeId, Seq, TenantId, WebhookId};
use kehub_store::{
    Batch, CUSTOMERS_AT_ONCE, Copied, CopyOptions, Place, PostgresOptions, PostgresStore, Progress,
    Report, Silent, SqliteOptions, SqliteStore, Store, TestDatabase,
};
use rusqlite::Connection;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tempfile::TempDir;

pub(crate) const SECOND: TenantId = TenantId(2);
const HOLDER: i64 = 7;

/// Of everything that a store can hold, something; in two tenants.
async fn fill(rig: &Rig) {
    rig.tenant("second", Preset::Guarded).await;
    for tenant in [TENANT, SECOND] {
        people(rig, tenant).await;
        for (key, command) in [
            (1, upsert(&["a1", "m1"], &[("name", "Again")])),
            (2, Command::Put(Put { customer: CustomerId(9), fields: fields(&[("name", "None")]) })),
            (3, upsert(&["d9"], &[("attr.level", "gold")])),
        ] {
            rig.batch(vec![keyed(rig, tenant, key, command)]).await;
        }
        rig.run(tenant, app(&format!("cl00000000000000{}", tenant.0))).await;
        let create = WebhookChange::Create { settings: settings(), secret: Secret([9; 32]) };
        rig.run(tenant, Command::Webhook(create)).await;
        rig.run(tenant, account("wx1")).await;
    }
    let rotate = WebhookChange::Rotate { id: WebhookId(1), secret: Secret([2; 32]), old_until: 77 };
    rig.run(TENANT, Command::Webhook(rotate)).await;
    deliver(rig).await;
    crate::imports::fill(rig).await;
    crate::signing_in::fill(rig).await;
}

/// Merged and parted, kept apart and in conflict, quarantined, deleted, erased.
async fn people(rig: &Rig, tenant: TenantId) {
    let customer = CustomerId;
    let limit = TypeChange { quarantine_after: Setting::Value(2), ..TypeChange::default() };
    let own = TypeChange { priority: Setting::Value(7), ..TypeChange::default() };
    let types = vec![("mobile".to_owned(), limit), ("card of ours".to_owned(), own)];
    let apart = SetCannotLink { one: customer(5), other: customer(6), apart: true };
    for command in [
        Command::SetPolicy(SetPolicy { types, ..SetPolicy::default() }),
        upsert(&["o1", "m1"], &[("name", "Wang"), ("mobile", "13900000001"), ("source", "shop")]),
        upsert(&["o2"], &[("name", "李"), ("email", "two@example.com"), ("stage", "Lead")]),
        upsert(&["o3"], &[("name", "Three"), ("attr.level", "gold")]),
        upsert(&["o1", "o2"], &[]),
        upsert(&["o2", "o3"], &[]),
        upsert(&["o1", "o3"], &[("company", "Ours")]),
        Command::Unmerge(MergeId(2)),
        Command::Unmerge(MergeId(1)),
        upsert(&["a4", "m2"], &[("name", "Four")]),
        upsert(&["a5", "m2"], &[("name", "Five")]),
        upsert(&["a6", "m2"], &[("name", "Six")]),
        upsert(&["a7"], &[("name", "Seven")]),
        Command::Attach(Attach { customer: customer(4), identity: identity("e1") }),
        Command::Put(Put { customer: customer(4), fields: fields(&[("name", "")]) }),
        Command::SetCannotLink(apart),
        Command::Merge(MergeByHand { one: customer(4), other: customer(7) }),
        upsert(&["a4", "a5"], &[]),
        upsert(&["e8", "d8"], &[("name", "Eight")]),
        upsert(&["e9"], &[("name", "Nine")]),
        upsert(&["e10"], &[("name", "Ten")]),
        Command::Delete(customer(8)),
        upsert(&["d8"], &[]),
        Command::Erase(customer(1)),
        Command::SetPolicy(SetPolicy { preset: Some(Preset::Guarded), ..SetPolicy::default() }),
        upsert(&["a5", "a6"], &[]),
    ] {
        rig.run(tenant, command).await;
    }
}

pub(crate) fn app(id: &str) -> Command {
    Command::ChangeApp(AppChange::Create {
        id: id.into(),
        name: "shop".into(),
        secret_hash: [3; 32],
        permissions: Permission::ALL.to_vec(),
    })
}

fn settings() -> Settings {
    let kinds = vec![Kind::Created, Kind::Merged];
    Settings { url: "https://a.example/".into(), description: "shop".into(), kinds, enabled: true }
}

/// One event waits, another one is a dead letter.
async fn deliver(rig: &Rig) {
    let lease = Lease { holder: HOLDER, until: i64::MAX };
    rig.run(TenantId(0), Command::Deliver(Delivery::Lease(lease))).await;
    let failure = Failure { at: 9, reason: Reason::Status(500) };
    let waiting = Undelivered { tries: 1, due: Some(99), failure: None };
    let dead = Undelivered { tries: 10, due: None, failure: Some(failure) };
    let at = |index| kehub_core::feed::Cursor { position: 1, index };
    let step = Step {
        epoch: 0,
        cursor: at(3),
        failed: vec![(at(1), waiting), (at(2), dead)],
        settled: Vec::new(),
        delivered_at: Some(8),
        failure: None,
    };
    let progress = Delivery::Progress { holder: HOLDER, id: WebhookId(1), step };
    rig.run(TENANT, Command::Deliver(progress)).await;
}

/// Where a copy goes, and what becomes of it.
pub(crate) enum End {
    File(TempDir),
    Database(TestDatabase, bool),
}

impl End {
    pub(crate) fn file() -> End {
        End::File(TempDir::new().unwrap())
    }

    pub(crate) async fn database() -> End {
        End::Database(TestDatabase::new().await, false)
    }

    pub(crate) async fn cluster() -> End {
        End::Database(TestDatabase::on_cluster().await, true)
    }

    pub(crate) async fn each() -> [End; 3] {
        [End::file(), End::database().await, End::cluster().await]
    }

    pub(crate) fn path(&self) -> PathBuf {
        match self {
            End::File(folder) => folder.path().join("new/hub.db"),
            End::Database(..) => panic!("no file"),
        }
    }

    pub(crate) async fn try_open(&self) -> Result<Arc<dyn Store>, String> {
        match self {
            End::File(_) => SqliteStore::open(self.path(), SqliteOptions::default())
                .map(|store| -> Arc<dyn Store> { Arc::new(store) }),
            End::Database(database, _) => {
                PostgresStore::open(&database.url(), PostgresOptions::default())
                    .await
                    .map(|store| -> Arc<dyn Store> { Arc::new(store) })
            }
        }
        .map_err(|error| error.to_string())
    }

    pub(crate) async fn open(&self) -> Arc<dyn Store> {
        self.try_open().await.unwrap()
    }

    pub(crate) async fn run(&self, sql: &str) {
        match self {
            End::File(_) => Connection::open(self.path()).unwrap().execute_batch(sql).unwrap(),
            End::Database(database, _) => database.run(sql).await,
        }
    }

    pub(crate) async fn check(&self) -> Result<Report, String> {
        match self {
            End::File(_) => SqliteStore::check(self.path(), None, CUSTOMERS_AT_ONCE, &Silent),
            End::Database(database, _) => {
                PostgresStore::check(&database.url(), None, CUSTOMERS_AT_ONCE, &Silent).await
            }
        }
        .map_err(|error| error.to_string())
    }

    /// Copies another end, or the file of a rig, into this one, in small parts.
    pub(crate) async fn fill_from(
        &self,
        from: Place<'_>,
        progress: &dyn Progress,
    ) -> Result<Copied, String> {
        let mut options = CopyOptions { part_rows: 7, ..CopyOptions::at(1_700_000_000_000_000) };
        let path;
        let url;
        let to = match self {
            End::File(_) => {
                path = self.path();
                Place::Sqlite(&path)
            }
            End::Database(database, is_cluster) => {
                options.distributed = *is_cluster;
                url = database.url();
                Place::Postgres(&url)
            }
        };
        kehub_store::copy(from, to, options, progress).await.map_err(|error| error.to_string())
    }
}

/// Everything that can be asked of a store.
pub(crate) async fn everything(store: &dyn Store) -> impl PartialEq + std::fmt::Debug + use<> {
    let mut all = Vec::new();
    for tenant in [TENANT, SECOND] {
        let ids: Vec<CustomerId> = (1..12).map(CustomerId).collect();
        all.push((
            store.snapshot(tenant).await.unwrap(),
            store.journal(tenant, Seq(0), 1_000).await.unwrap(),
            store.feed(tenant, 0, 1_000).await.unwrap(),
            store.policy(tenant).await.unwrap(),
            store.past(tenant, &ids).await.unwrap(),
            store.duplicates(tenant).await.unwrap(),
            store.customer_count(tenant, &kehub_core::filter::Filter::default()).await.unwrap(),
        ));
    }
    (
        all,
        store.directory().await.unwrap(),
        store.webhooks(None).await.unwrap(),
        store.wechat_accounts(None).await.unwrap(),
        store.imports(TENANT, None, 10).await.unwrap(),
        crate::signing_in::everything(store).await,
    )
}

/// A WeChat account to be bound.
fn account(app_id: &str) -> Command {
    let sealed = |byte| Some(Sealed([byte; 3].into()));
    let secrets = WechatSecretsChange { app_secret: sealed(1), token: None, aes_key: sealed(3) };
    let settings = WechatSettingsChange { service_type: Some(2), ..Default::default() };
    Command::Wechat(WechatChange::Bind { app_id: app_id.into(), is_new: false, settings, secrets })
}

/// What comes of further writes, which use counters, keys, types and webhooks.
async fn outcomes(rig: &Rig) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for tenant in [TENANT, SECOND] {
        for command in [
            upsert(&["o2", "a77"], &[("name", "Later")]),
            upsert(&["m2", "a78"], &[]),
            upsert(&["a5", "a6"], &[]),
            Command::DecideClaim(DecideClaim {
                merge: MergeId(2),
                claim: Seq(6),
                customer: CustomerId(3),
            }),
            Command::SettleConflict(SettleConflict {
                conflict: ConflictId(1),
                decision: Decision::KeepApart,
            }),
            Command::Extract(Extract { customer: CustomerId(4), identities: vec![identity("e1")] }),
            Command::Unmerge(MergeId(3)),
            Command::Restore(CustomerId(8)),
            app("cl00000000000000f"),
            Command::Webhook(WebhookChange::Create {
                settings: settings(),
                secret: Secret([1; 32]),
            }),
            account("wx2"),
        ] {
            outcomes.push(rig.run(tenant, command).await);
        }
        for (key, text) in [(1, "Again"), (8, "New")] {
            let request = keyed(rig, tenant, key, upsert(&["a1", "m1"], &[("name", text)]));
            outcomes.extend(rig.batch(vec![request]).await);
        }
    }
    outcomes
}

/// A file with everything in it, in use.
pub(crate) async fn source() -> Rig {
    let rig = Rig::sqlite().await;
    fill(&rig).await;
    rig
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_went_around_is_the_same_store() {
    let rig = source().await;
    let [file, database, cluster] = End::each().await;
    let second = End::database().await;
    let expected = everything(&*rig.store).await;
    let path = rig.file();
    let mut from = Place::Sqlite(&path);
    let mut tables = Vec::new();
    let urls = [&database, &cluster, &second].map(|end| match end {
        End::Database(database, _) => database.url(),
        End::File(_) => String::new(),
    });
    let ends = [&database, &cluster, &second, &file];
    for (place, to) in ends.into_iter().enumerate() {
        let copied = to.fill_from(from, &Silent).await.unwrap();
        assert!(copied.is_verified() && copied.resumed == 0, "{copied:?}");
        assert!(copied.tables.iter().all(|table| table.source.rows > 0), "{copied:?}");
        tables.push(copied.tables);
        assert_eq!(to.check().await.unwrap().findings, []);
        if let Some(url) = urls.get(place) {
            from = Place::Postgres(url);
        }
    }
    assert!(tables.iter().all(|copied| *copied == tables[0]), "{tables:?}");
    for end in ends {
        let store = end.open().await;
        assert_eq!(everything(&*store).await, expected);
        store.close().await.unwrap();
    }
    // It also goes on as the first one does.
    let before = rig.over(rig.store.clone());
    let expected = outcomes(&rig).await;
    assert!(expected.iter().any(|outcome| matches!(outcome, Outcome::Repeated(_))));
    let went_on = everything(&*rig.store).await;
    for end in ends {
        let copy = before.over(end.open().await);
        assert_eq!(outcomes(&copy).await, expected);
        assert_eq!(everything(&*copy.store).await, went_on);
        assert_eq!(copy.store.check(None).await.unwrap().findings, []);
        copy.store.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_store_that_is_empty_is_copied_to() {
    let rig = source().await;
    let path = rig.file();
    let from = Place::Sqlite(&path);
    for to in End::each().await {
        // Whoever has only opened it, has left nothing in it.
        to.open().await.close().await.unwrap();
        assert!(to.fill_from(from, &Silent).await.unwrap().is_verified());
        let refused = to.fill_from(from, &Silent).await.unwrap_err();
        assert!(refused.contains("a finished copy of it"), "{refused}");
        // Whatever there is, it is somebody's.
        to.run("UPDATE hub SET token_key = (SELECT secret_hash FROM app LIMIT 1)").await;
        let refused = to.fill_from(from, &Silent).await.unwrap_err();
        assert!(refused.contains("something in its table `journal`"), "{refused}");
        to.run("DELETE FROM journal; DELETE FROM customer; DELETE FROM home; DELETE FROM identity")
            .await;
        let refused = to.fill_from(from, &Silent).await.unwrap_err();
        assert!(refused.contains("something in its table `identity_type`"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_is_not_copied_to_itself() {
    let rig = source().await;
    let path = rig.file();
    let options = CopyOptions::at(1);
    let same = kehub_store::copy(Place::Sqlite(&path), Place::Sqlite(&path), options, &Silent);
    let refused = same.await.unwrap_err().to_string();
    assert!(refused.contains("it is the store itself"), "{refused}");
    let rig = Rig::postgres().await;
    let url = rig.database().url();
    let same = kehub_store::copy(Place::Postgres(&url), Place::Postgres(&url), options, &Silent);
    let refused = same.await.unwrap_err().to_string();
    assert!(refused.contains("it is the store itself"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_store_of_today_is_not_copied_and_nothing_is_made() {
    let folder = TempDir::new().unwrap();
    let to = End::file();
    let missing = folder.path().join("nothing.db");
    let refused = to.fill_from(Place::Sqlite(&missing), &Silent).await.unwrap_err();
    assert!(refused.contains("nothing.db"), "{refused}");
    let nowhere = Place::Postgres("postgres://somebody:secret@127.0.0.1:1/nowhere");
    let refused = to.fill_from(nowhere, &Silent).await.unwrap_err();
    assert!(refused.contains("127.0.0.1:1") && !refused.contains("secret"), "{refused}");
    for (sql, reason) in [
        ("DELETE FROM migration WHERE number = (SELECT max(number) FROM migration)", "older Kehub"),
        ("INSERT INTO migration (number, checksum) VALUES (99, 'later')", "newer Kehub"),
    ] {
        let (file, database) = (source().await, Rig::postgres().await);
        file.store.close().await.unwrap();
        Connection::open(file.file()).unwrap().execute_batch(sql).unwrap();
        let refused = to.fill_from(Place::Sqlite(&file.file()), &Silent).await.unwrap_err();
        assert!(refused.contains(reason), "{refused}");
        database.database().run(sql).await;
        let url = database.database().url();
        let refused = to.fill_from(Place::Postgres(&url), &Silent).await.unwrap_err();
        assert!(refused.contains(reason), "{refused}");
    }
    assert!(!to.path().exists());
    let (rig, path) = (source().await, folder.path().join("no database"));
    std::fs::write(&path, "a text that is long enough to be looked at\n".repeat(100)).unwrap();
    let (from, options) = (rig.file(), CopyOptions::at(1));
    let (from, to) = (Place::Sqlite(&from), Place::Sqlite(&path));
    let refused = kehub_store::copy(from, to, options, &Silent).await.unwrap_err().to_string();
    assert!(refused.contains("not a database"), "{refused}");
}

/// Writes to the source as soon as everything was read from it.
struct Meanwhile<'r>(&'r Rig, AtomicU64);

impl Progress for Meanwhile<'_> {
    fn at(&self, step: &str, _: u64, _: u64) {
        if step.starts_with("verifying") && self.1.fetch_add(1, Ordering::Relaxed) == 0 {
            let request = self.0.request(TENANT, upsert(&["o99"], &[]));
            let store = self.0.store.clone();
            let writing = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(store.apply(Batch::one(request))).unwrap();
            });
            writing.join().unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsal_beside_a_hub_tells_what_it_lacks() {
    let rig = source().await;
    let before = rig.store.snapshot(TENANT).await.unwrap();
    let to = End::file();
    let progress = Meanwhile(&rig, AtomicU64::new(0));
    let copied = to.fill_from(Place::Sqlite(&rig.file()), &progress).await.unwrap();
    assert!(copied.is_verified());
    assert_eq!(copied.since, Some(1));
    let store = to.open().await;
    assert_eq!(store.snapshot(TENANT).await.unwrap(), before);
    assert_ne!(rig.store.snapshot(TENANT).await.unwrap(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_somebody_has_open_is_not_filled() {
    let rig = source().await;
    let to = End::file();
    SqliteStore::migrate(to.path()).unwrap();
    let open = to.open().await;
    let refused = to.fill_from(Place::Sqlite(&rig.file()), &Silent).await.unwrap_err();
    assert!(refused.contains("another process has the file open"), "{refused}");
    open.close().await.unwrap();
    drop(open);
    assert!(to.fill_from(Place::Sqlite(&rig.file()), &Silent).await.unwrap().is_verified());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_told_and_not_carried() {
    for (damage, reason) in [
        ("UPDATE merge SET left_home = 'x' WHERE key & 255 = 1", "`merge` holds something else"),
        ("UPDATE journal SET entry = x'00' WHERE key & 255 = 3", "entry 3 of tenant 1"),
    ] {
        let rig = source().await;
        rig.store.close().await.unwrap();
        Connection::open(rig.file()).unwrap().execute_batch(damage).unwrap();
        let database = End::database().await;
        let refused = database.fill_from(Place::Sqlite(&rig.file()), &Silent).await.unwrap_err();
        assert!(refused.contains(reason), "{refused}");
    }
}
