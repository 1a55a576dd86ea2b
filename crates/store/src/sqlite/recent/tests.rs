//! Answers from memory are those of the file, whoever writes it.

use super::super::{SqliteOptions, SqliteStore, query};
use super::*;
use crate::{Batch, Store};
use kehub_core::attribute::Attribute;
use kehub_core::command::{
    Command, FieldsSent, IdentitySent, MergeByHand, Origin, Request, Upsert,
};
use kehub_core::directory::NewTenant;
use kehub_core::outcome::Outcome;
use kehub_core::policy::Preset;
use kehub_core::{AppNumber, MergeId};
use std::path::PathBuf;
use tempfile::TempDir;

const TENANT: TenantId = TenantId(1);

struct Place {
    path: PathBuf,
    _folder: TempDir,
}

impl Place {
    async fn new() -> Place {
        let folder = TempDir::new().unwrap();
        let place = Place { path: folder.path().join("hub.db"), _folder: folder };
        let tenant = NewTenant { name: "first".into(), preset: Preset::Compat };
        place.process().run(Command::CreateTenant(tenant)).await;
        place
    }

    /// Shares nothing with another one but the file.
    fn process(&self) -> Process {
        Process(SqliteStore::open(&self.path, SqliteOptions::default()).unwrap())
    }

    /// What the file says, past everything that is kept.
    fn says(&self, id: CustomerId, account: &str) -> (Option<Customer>, Vec<OwnedIdentity>) {
        let conn = connection::looking(&self.path).unwrap();
        let types = query::types_of(&conn, TENANT).unwrap();
        let kind = Some("account");
        let owners = query::identities_named(&conn, TENANT, &types, kind, account).unwrap();
        (query::survivor(&conn, TENANT, id).unwrap(), owners)
    }
}

struct Process(SqliteStore);

impl Process {
    async fn run(&self, command: Command) -> Outcome {
        let origin = Origin { app: AppNumber(1), actor: None, request: "test".into(), at: 1 };
        let request =
            Request { tenant: TENANT, origin, dry_run: false, idempotency: None, command };
        self.0.apply(Batch::one(request)).await.unwrap().remove(0)
    }

    async fn upsert(&self, accounts: &[&str], name: &str) -> CustomerId {
        let sent = |value: &&str| IdentitySent {
            kind: "account".to_owned(),
            value: (*value).to_owned(),
            ..IdentitySent::default()
        };
        let mut fields = FieldsSent::default();
        let name = Some(Value::Text(name.into()));
        fields.values.insert(FieldKey::Builtin(Attribute::Name), name);
        let identities = accounts.iter().map(sent).collect();
        let upsert = Upsert { identities, fields, ..Upsert::default() };
        let outcome = self.run(Command::Upsert(upsert)).await;
        let Outcome::Resolved(resolution) = outcome else { panic!("not resolved: {outcome:?}") };
        resolution.customer.id
    }

    async fn answers(
        &self,
        id: CustomerId,
        account: &str,
    ) -> (Option<Customer>, Vec<OwnedIdentity>) {
        let owners = self.0.identities_named(TENANT, Some("account"), account).await.unwrap();
        (self.0.customer(TENANT, id).await.unwrap(), owners)
    }

    /// Whether they would be answered without the file.
    fn keeps(&self, id: CustomerId, account: &str) -> [bool; 2] {
        let recent = &self.0.inner.recent;
        let owner = recent.identity(TENANT, "account", account);
        [recent.customer(TENANT, id).is_some(), owner.is_some()]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_kept_until_it_changes() {
    let place = Place::new().await;
    let hub = place.process();
    let (wang, li) = (hub.upsert(&["wang"], "Wang").await, hub.upsert(&["li"], "Li").await);
    for (id, account) in [(wang, "wang"), (li, "li")] {
        assert_eq!(hub.keeps(id, account), [false; 2]);
        assert_eq!(hub.answers(id, account).await, place.says(id, account));
        assert_eq!(hub.keeps(id, account), [true; 2]);
    }
    // Who owns an identity does not change with the owner's name.
    hub.upsert(&["wang"], "Wang Wei").await;
    assert_eq!((hub.keeps(wang, "wang"), hub.keeps(li, "li")), ([false, true], [true; 2]));
    assert_eq!(hub.answers(wang, "wang").await, place.says(wang, "wang"));

    let named = IdentitySent {
        kind: "account".to_owned(),
        value: "wang".to_owned(),
        name: Some("work".to_owned()),
        ..IdentitySent::default()
    };
    let upsert = Upsert { identities: vec![named], ..Upsert::default() };
    hub.run(Command::Upsert(upsert)).await;
    let (_, owners) = hub.answers(wang, "wang").await;
    assert_eq!(owners.first().unwrap().identity.name.as_deref(), Some("work"));
    hub.answers(li, "li").await;

    hub.run(Command::Merge(MergeByHand { one: wang, other: li })).await;
    assert_eq!(hub.keeps(li, "li"), [false; 2]);
    let merged = hub.answers(li, "li").await;
    assert_eq!(merged, place.says(li, "li"));
    assert_eq!(merged.1.first().unwrap().owner, wang);
    hub.run(Command::Unmerge(MergeId(1))).await;
    assert_eq!(hub.answers(li, "li").await, place.says(li, "li"));

    hub.run(Command::Delete(li)).await;
    assert_eq!(hub.answers(li, "li").await, place.says(li, "li"));
    assert_eq!(hub.keeps(wang, "wang"), [false, true]);
    hub.run(Command::Erase(wang)).await;
    assert_eq!(hub.keeps(wang, "wang"), [false; 2]);
    // It goes on with the next group once that is done.
    hub.upsert(&["zhao"], "Zhao").await;
    assert!(hub.0.inner.recent.customers.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_process_commits_is_seen_at_once() {
    let place = Place::new().await;
    let (hub, other) = (place.process(), place.process());
    let wang = hub.upsert(&["wang"], "Wang").await;
    hub.answers(wang, "wang").await;
    assert_eq!(hub.keeps(wang, "wang"), [true; 2]);
    other.upsert(&["wang"], "Wang Wei").await;
    assert_eq!(hub.keeps(wang, "wang"), [false; 2]);
    assert_eq!(hub.answers(wang, "wang").await, place.says(wang, "wang"));

    // Not even when the log has started over behind it, and is as long as it was.
    hub.upsert(&["li"], "Li").await;
    hub.answers(wang, "wang").await;
    assert_eq!(hub.keeps(wang, "wang"), [true; 2]);
    let conn = connection::writing(&place.path).unwrap();
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(())).unwrap();
    assert_eq!(hub.keeps(wang, "wang"), [false; 2]);
    other.upsert(&["wang"], "Wang Fang").await;
    assert_eq!(hub.answers(wang, "wang").await, place.says(wang, "wang"));

    // The next commit of the hub drops what it had before.
    hub.upsert(&["zhao"], "Zhao").await;
    assert_eq!(hub.keeps(wang, "wang"), [false; 2]);
    assert_eq!(hub.answers(wang, "wang").await, place.says(wang, "wang"));
    assert_eq!(hub.keeps(wang, "wang"), [true; 2]);
}

/// A log that was emptied looks as it did before.
#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_has_written_nothing_sees_what_others_commit() {
    let place = Place::new().await;
    let wang = place.process().upsert(&["wang"], "Wang").await;
    let hub = place.process();
    hub.answers(wang, "wang").await;
    let other = place.process();
    other.upsert(&["wang"], "Wang Wei").await;
    other.0.close().await.unwrap();
    drop(other);
    assert_eq!(std::fs::metadata(place.path.with_extension("db-wal")).unwrap().len(), 0);
    assert_eq!(hub.keeps(wang, "wang"), [false; 2]);
    assert_eq!(hub.answers(wang, "wang").await, place.says(wang, "wang"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_has_written_nothing_keeps_what_it_finds_behind_a_log() {
    let place = Place::new().await;
    let other = place.process();
    let wang = other.upsert(&["wang"], "Wang").await;
    let hub = place.process();
    hub.answers(wang, "wang").await;
    assert_eq!(hub.keeps(wang, "wang"), [true; 2]);
    hub.0.close().await.unwrap();
    hub.0.customer(TENANT, wang).await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_not_taken_for_another_one() {
    let place = Place::new().await;
    let hub = place.process();
    hub.upsert(&["xy"], "Wang").await;
    let asks = async |kind: &str, value: &str| {
        hub.0.identities_named(TENANT, Some(kind), value).await.unwrap().len()
    };
    assert_eq!(asks("account", "x\0y").await, 1);
    assert_eq!(asks("account\0x", "y").await, 0);
    assert_eq!(asks("accountx", "y").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_before_a_commit_is_not_kept_behind_it() {
    let place = Place::new().await;
    let hub = place.process();
    let wang = hub.upsert(&["wang"], "Wang").await;
    let recent = Arc::clone(&hub.0.inner.recent);
    let turn = recent.turn();
    let (found, _) = place.says(wang, "wang");
    hub.upsert(&["li"], "Li").await;
    recent.keep_customer(turn, TENANT, &found.unwrap());
    assert_eq!(hub.keeps(wang, "wang"), [false; 2]);
}

/// Two processes that change and ask by chance: each answers what the file says.
#[tokio::test(flavor = "multi_thread")]
async fn two_processes_answer_what_the_file_says() {
    let place = Place::new().await;
    let processes = [place.process(), place.process()];
    let accounts = ["a", "b", "c", "d", "e", "f"];
    let mut state = 7_u64;
    let mut chance = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(state >> 33).unwrap() % below
    };
    let mut kept = 0;
    for step in 0..400 {
        let process = &processes[chance(2)];
        let (one, other) = (accounts[chance(6)], accounts[chance(6)]);
        let id = CustomerId(i64::try_from(chance(12) + 1).unwrap());
        match chance(20) {
            0..=11 => {
                process.upsert(&[one], &format!("{step}")).await;
            }
            12..=14 => {
                process.upsert(&[one, other], &format!("{step}")).await;
            }
            15 => drop(process.run(Command::Delete(id)).await),
            16 => drop(process.run(Command::Restore(id)).await),
            17 => drop(process.run(Command::Unmerge(MergeId(id.0))).await),
            18 => drop(process.run(Command::Erase(id)).await),
            _ => (),
        }
        for _ in 0..8 {
            let process = &processes[chance(2)];
            let (id, account) = (chance(12) + 1, accounts[chance(6)]);
            let id = CustomerId(i64::try_from(id).unwrap());
            kept += process.keeps(id, account).iter().filter(|kept| **kept).count();
            assert_eq!(process.answers(id, account).await, place.says(id, account));
        }
    }
    assert!(kept > 100, "{kept}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_is_known_as_soon_as_it_is_there() {
    let place = Place::new().await;
    let (hub, other) = (place.process(), place.process());
    let wang = hub.upsert(&["wang"], "Wang").await;
    for (process, kind) in [(&hub, "card"), (&other, "badge")] {
        hub.answers(wang, "wang").await;
        let sent = IdentitySent {
            kind: kind.to_owned(),
            value: "7".to_owned(),
            ..IdentitySent::default()
        };
        let upsert = Upsert { identities: vec![sent], ..Upsert::default() };
        process.run(Command::Upsert(upsert)).await;
        let found = hub.0.identities_named(TENANT, Some(kind), "7").await.unwrap();
        assert_eq!(found.len(), 1, "{kind}");
    }
}
