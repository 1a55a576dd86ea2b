//! Copies that did not come to their end: nobody uses them, and they go on where they stopped.

use crate::copy::{End, SECOND, app, everything, source};
use crate::support::TENANT;
use kehub_core::WebhookId;
use kehub_core::command::Command;
use kehub_core::directory::AppChange;
use kehub_core::webhook::WebhookChange;
use kehub_store::{
    CUSTOMERS_AT_ONCE, Copied, Place, PostgresStore, Progress, Silent, SqliteStore, TestDatabase,
};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Ends the copy in the middle, as if it was killed, when so much was told.
struct Interrupt {
    left: AtomicU64,
    step: &'static str,
}

impl Interrupt {
    fn after(told: u64, step: &'static str) -> Interrupt {
        Interrupt { left: AtomicU64::new(told), step }
    }
}

impl Progress for Interrupt {
    fn at(&self, step: &str, done: u64, total: u64) {
        assert!(done <= total && done > 0, "{step}: {done} of {total}");
        if step.starts_with(self.step) && self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            // Says nothing, unlike a panic.
            std::panic::resume_unwind(Box::new("interrupted"));
        }
    }
}

/// Copies a file, and gives up the copy at a place; `None` if it came to its end before.
async fn interrupted(
    to: &Arc<End>,
    from: &Path,
    told: u64,
    step: &'static str,
) -> Option<Result<Copied, String>> {
    let (to, from) = (Arc::clone(to), from.to_owned());
    let copying = tokio::spawn(async move {
        to.fill_from(Place::Sqlite(&from), &Interrupt::after(told, step)).await
    });
    match copying.await {
        Ok(copied) => Some(copied),
        Err(error) => {
            assert!(error.is_panic());
            None
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_interrupted_after_every_part_goes_on_and_is_whole() {
    let rig = source().await;
    let expected = everything(&*rig.store).await;
    let undisturbed = End::file();
    let undisturbed = undisturbed.fill_from(Place::Sqlite(&rig.file()), &Silent).await.unwrap();
    for to in End::each().await.map(Arc::new) {
        let mut parts = 1;
        let copied = loop {
            match interrupted(&to, &rig.file(), parts, "").await {
                Some(copied) => break copied.unwrap(),
                None => parts += 1,
            }
            if parts == 3 {
                let refused = to.try_open().await.unwrap_err();
                assert!(refused.contains("run the same `kehub copy` again"), "{refused}");
            }
        };
        assert!(parts > 40, "{parts}");
        assert!(copied.is_verified(), "{copied:?}");
        assert_eq!(copied.tables, undisturbed.tables);
        let large: u64 = copied.tables[..9].iter().map(|table| table.source.rows).sum();
        assert_eq!(copied.resumed, large);
        assert_eq!(to.check().await.unwrap().findings, []);
        let store = to.open().await;
        assert_eq!(everything(&*store).await, expected);
        store.close().await.unwrap();
    }
}

/// Apps, webhooks and receipts change without a journal entry.
#[tokio::test(flavor = "multi_thread")]
async fn what_changed_between_two_runs_is_of_the_second_one() {
    let rig = source().await;
    let [file, database, _] = End::each().await.map(Arc::new);
    for (number, to) in [file, database].into_iter().enumerate() {
        assert!(interrupted(&to, &rig.file(), 1, "verifying").await.is_none());
        rig.run(TENANT, app(&format!("cl0000000000000a{number}"))).await;
        let revoke = AppChange::Revoke { id: "cl000000000000001".into() };
        rig.run(TENANT, Command::ChangeApp(revoke)).await;
        let delete = WebhookChange::Delete(WebhookId(1));
        rig.run([TENANT, SECOND][number], Command::Webhook(delete)).await;
        let copied = to.fill_from(Place::Sqlite(&rig.file()), &Silent).await.unwrap();
        assert!(copied.is_verified() && copied.resumed > 0, "{copied:?}");
        let store = to.open().await;
        assert_eq!(everything(&*store).await, everything(&*rig.store).await);
        store.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_another_state_does_not_go_on() {
    let rig = source().await;
    for (to, new) in End::each().await.map(Arc::new).into_iter().zip(["o55", "o56", "o57"]) {
        assert!(interrupted(&to, &rig.file(), 2, "").await.is_none());
        rig.upsert(&["a1", new], &[]).await;
        let refused = to.fill_from(Place::Sqlite(&rig.file()), &Silent).await.unwrap_err();
        assert!(refused.contains("2023-11-14T22:13:20Z is of another state"), "{refused}");
        // Nor of another store.
        let other = source().await;
        let refused = to.fill_from(Place::Sqlite(&other.file()), &Silent).await.unwrap_err();
        assert!(refused.contains("or of another source"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unfinished_copy_is_no_store() {
    let rig = source().await;
    let [file, database, _] = End::each().await.map(Arc::new);
    for to in [&file, &database] {
        assert!(interrupted(to, &rig.file(), 1, "verifying").await.is_none());
    }
    let told = |error: &dyn std::fmt::Display| {
        let told = error.to_string();
        assert!(told.contains("run the same `kehub copy` again"), "{told}");
        assert!(told.contains("begun at 2023-11-14T22:13:20Z"), "{told}");
    };
    let (path, other) = (file.path(), file.path().with_extension("other"));
    told(&file.try_open().await.unwrap_err());
    told(&file.check().await.unwrap_err());
    told(&SqliteStore::migrate(&path).unwrap_err());
    told(&SqliteStore::migrations_due(&path).unwrap_err());
    told(&SqliteStore::rebuild(&path, None, CUSTOMERS_AT_ONCE, &Silent).unwrap_err());
    told(&SqliteStore::back_up(&path, &other, &Silent).unwrap_err());
    told(&SqliteStore::restore(&other, &path, false, &Silent).unwrap_err());
    let End::Database(server, _) = &*database else { panic!("no database") };
    let url = server.url();
    told(&database.try_open().await.unwrap_err());
    told(&database.check().await.unwrap_err());
    told(&PostgresStore::migrate(&url, false).await.unwrap_err());
    told(&PostgresStore::migrations_due(&url).await.unwrap_err());
    told(&PostgresStore::rebuild(&url, None, CUSTOMERS_AT_ONCE, &Silent).await.unwrap_err());
    let to = End::file();
    told(&to.fill_from(Place::Sqlite(&path), &Silent).await.unwrap_err());
    told(&to.fill_from(Place::Postgres(&url), &Silent).await.unwrap_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_row_of_the_copy_is_found_and_keeps_it_unfinished() {
    let rig = source().await;
    let key = (1_i64 << 40) | 3;
    let cases = [
        ("customer", format!("UPDATE customer SET rev = rev + 1 WHERE key = {key}")),
        ("customer", format!("DELETE FROM customer WHERE key = {key}")),
        ("identity", format!("UPDATE identity SET raw = 'another' WHERE key = {key}")),
        ("journal", format!("UPDATE journal SET at = at + 1 WHERE key = {key}")),
        ("", "UPDATE hub SET token_key = (SELECT secret_hash FROM app LIMIT 1)".to_owned()),
        ("", format!("DELETE FROM trail WHERE seq = {key}")),
    ];
    for to in End::each().await.map(Arc::new) {
        let is_file = matches!(&*to, End::File(_));
        let again = async || to.fill_from(Place::Sqlite(&rig.file()), &Silent).await.unwrap();
        for (table, damage) in &cases {
            if is_file && damage.contains("trail") {
                continue;
            }
            let fresh = match &*to {
                End::File(_) => End::file(),
                End::Database(_, false) => End::database().await,
                End::Database(_, true) => End::cluster().await,
            };
            let to = Arc::new(fresh);
            assert!(interrupted(&to, &rig.file(), 1, "verifying").await.is_none());
            to.run(damage).await;
            let copied = to.fill_from(Place::Sqlite(&rig.file()), &Silent).await.unwrap();
            let differ = copied.tables.iter().filter(|it| it.source != it.target);
            let differ: Vec<&str> = differ.map(|it| it.name).collect();
            let expected = if table.is_empty() { vec![] } else { vec![*table] };
            assert_eq!(differ, expected, "{damage}");
            assert_eq!(copied.problems.len(), usize::from(table.is_empty()), "{damage}");
            assert!(!copied.is_verified());
            let refused = to.try_open().await.unwrap_err();
            assert!(refused.contains("is not finished"), "{refused}");
        }
        assert!(again().await.is_verified());
    }
}

/// What was sent last to a cluster may be committed on some nodes only.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_prepared_on_a_cluster_is_settled_before_a_copy_goes_on() {
    let rig = source().await;
    let to = Arc::new(End::Database(TestDatabase::on_stand_in().await, true));
    assert!(interrupted(&to, &rig.file(), 2, "").await.is_none());
    to.run("BEGIN; CREATE TABLE aside (x int); PREPARE TRANSACTION 'citus_0_3_1_1'").await;
    let refused = to.fill_from(Place::Sqlite(&rig.file()), &Silent).await.unwrap_err();
    assert!(refused.contains("prepared on nodes"), "{refused}");
    to.run("COMMIT PREPARED 'citus_0_3_1_1'").await;
    assert!(to.fill_from(Place::Sqlite(&rig.file()), &Silent).await.unwrap().is_verified());
}
