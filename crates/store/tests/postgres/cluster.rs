//! What a cluster does that one server does not: what was committed is seen on one node before it is
//! on another, and nodes are away. A stand-in does it on demand.

use super::failures::{go_wrong, raise};
use super::{TENANT, first, open, request, resolution, run, upsert};
use kehub_core::CustomerId;
use kehub_core::filter::Filter;
use kehub_store::{
    CUSTOMERS_AT_ONCE, CopyOptions, Place, PostgresOptions, PostgresStore, Silent, SqliteOptions,
    SqliteStore, Store, Survey, TestDatabase,
};
use std::fmt::Write as _;
use std::pin::pin;
use std::time::Duration;
use tokio::time::timeout;

async fn distributed(database: &TestDatabase) -> PostgresStore {
    let options = PostgresOptions { distributed: true, ..PostgresOptions::default() };
    PostgresStore::open(&database.url(), options).await.unwrap()
}

/// A hub with one tenant whose first customer has the identity `o1`.
async fn hub(database: &TestDatabase) -> PostgresStore {
    first(&database.url()).await.close().await.unwrap();
    let store = distributed(database).await;
    run(&store, request(TENANT, upsert(&["o1"]))).await.unwrap();
    store
}

/// Long enough for a write to begin, if it does not wait for anything.
async fn meanwhile() {
    tokio::time::sleep(Duration::from_millis(200)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_sees_what_a_worker_has_prepared_and_not_committed_yet() {
    let database = TestDatabase::on_stand_in().await;
    let store = hub(&database).await;
    // Half of another group: the coordinator has committed it, a worker has not.
    let half = format!(
        "BEGIN;
         INSERT INTO identity (key, type, value, home, quarantine, pardoned)
         SELECT ({0} | 77), type, replace(value, 'o1', 'o2'), home, false, 0
         FROM identity WHERE key = ({0} | 1);
         PREPARE TRANSACTION 'citus_0_1_1_1'",
        1_i64 << 40
    );
    database.run("UPDATE tenant SET last_identity = 77").await;
    database.run(&half).await;
    let writing = run(&store, request(TENANT, upsert(&["o2"])));
    let settling = async {
        meanwhile().await;
        database.run("COMMIT PREPARED 'citus_0_1_1_1'").await;
    };
    let (outcome, ()) = tokio::join!(writing, settling);
    assert_eq!(resolution(outcome.unwrap()).customer.id, CustomerId(1));
}

/// A coordinator may have shards, and is none of its workers.
#[tokio::test(flavor = "multi_thread")]
async fn a_group_sees_what_the_coordinator_has_prepared_and_not_committed_yet() {
    let database = TestDatabase::on_stand_in().await;
    let store = hub(&database).await;
    let workers = "CREATE OR REPLACE FUNCTION stand_in.run_command_on_workers(command text)
         RETURNS TABLE (nodename text, nodeport int, success boolean, result text)
         LANGUAGE sql AS $$ SELECT 'worker-1', 5432, true, '' $$";
    database.run(workers).await;
    database.run("BEGIN; CREATE TABLE aside (x int); PREPARE TRANSACTION 'citus_0_2_1_1'").await;
    let mut writing = pin!(run(&store, request(TENANT, upsert(&["o1", "m1"]))));
    assert!(timeout(Duration::from_secs(1), &mut writing).await.is_err());
    database.run("COMMIT PREPARED 'citus_0_2_1_1'").await;
    assert_eq!(resolution(writing.await.unwrap()).customer.id, CustomerId(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_prepared_by_others_than_a_cluster_holds_nobody_up() {
    let database = TestDatabase::on_stand_in().await;
    let store = hub(&database).await;
    database.run("BEGIN; CREATE TABLE aside (x int); PREPARE TRANSACTION 'somebody_else'").await;
    let outcome = run(&store, request(TENANT, upsert(&["o1", "m1"]))).await.unwrap();
    assert_eq!(resolution(outcome).customer.id, CustomerId(1));
    database.run("ROLLBACK PREPARED 'somebody_else'").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_waits_for_a_worker_that_comes_back() {
    let database = TestDatabase::on_stand_in().await;
    let store = hub(&database).await;
    let answers = |does: bool| {
        format!(
            "CREATE OR REPLACE FUNCTION stand_in.run_command_on_workers(command text)
             RETURNS TABLE (nodename text, nodeport int, success boolean, result text)
             LANGUAGE sql AS $$ SELECT 'worker-1', 5432, {does}, '' $$"
        )
    };
    database.run(&answers(false)).await;
    let writing = run(&store, request(TENANT, upsert(&["o1", "m1"])));
    let coming_back = async {
        meanwhile().await;
        let seen = store.snapshot(TENANT).await.unwrap();
        database.run(&answers(true)).await;
        seen
    };
    let (outcome, seen) = tokio::join!(writing, coming_back);
    assert_eq!(seen.identities.len(), 1);
    assert_eq!(resolution(outcome.unwrap()).customer.id, CustomerId(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_tells_nothing_that_follows_a_gap() {
    let database = TestDatabase::on_stand_in().await;
    let store = hub(&database).await;
    for word in ["o2", "o3"] {
        run(&store, request(TENANT, upsert(&[word]))).await.unwrap();
    }
    let told = async |after| {
        let page = store.feed(TENANT, after, 10).await.unwrap();
        let places: Vec<i64> = page.entries.iter().map(|entry| entry.seq.0).collect();
        (places, page.newest)
    };
    assert_eq!(told(0).await, (vec![1, 2, 3], 3));
    // One node shows the third entry, another one not yet the second.
    database.run("CREATE TABLE aside AS SELECT * FROM journal").await;
    let second = (1_i64 << 40) | 2;
    database.run(&format!("DELETE FROM journal WHERE key = {second}")).await;
    assert_eq!(told(0).await, (vec![1], 3));
    assert_eq!(told(1).await, (vec![], 3));
    database.run(&format!("INSERT INTO journal SELECT * FROM aside WHERE key = {second}")).await;
    assert_eq!(told(1).await, (vec![2, 3], 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_in_use_is_distributed_with_all_that_it_holds() {
    let database = TestDatabase::on_cluster().await;
    let store = first(&database.url()).await;
    for words in [&["o1"][..], &["m1"], &["o1", "m1"], &["o2"]] {
        run(&store, request(TENANT, upsert(words))).await.unwrap();
    }
    let before = store.snapshot(TENANT).await.unwrap();
    store.close().await.unwrap();
    let store = distributed(&database).await;
    assert_eq!(store.snapshot(TENANT).await.unwrap(), before);
    store.close().await.unwrap();
    // It is known from then on, and distributing it again changes nothing.
    let store = open(&database.url()).await;
    let outcome = run(&store, request(TENANT, upsert(&["o2", "m9"]))).await.unwrap();
    assert_eq!(resolution(outcome).customer.id, CustomerId(3));
    store.close().await.unwrap();
    let store = distributed(&database).await;
    assert_eq!(store.check(None).await.unwrap().findings, []);
    let report =
        PostgresStore::check(&database.url(), None, CUSTOMERS_AT_ONCE, &Silent).await.unwrap();
    assert_eq!(report.findings, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_were_there_before_do_not_stay_beside_those_that_were_spread() {
    let database = TestDatabase::on_stand_in().await;
    let store = first(&database.url()).await;
    run(&store, request(TENANT, upsert(&["o1"]))).await.unwrap();
    store.close().await.unwrap();
    distributed(&database).await.close().await.unwrap();
    // No home has rows of its own yet.
    let emptied = "DO $$ DECLARE emptied text; BEGIN
            SELECT string_agg(relation::text, ' ' ORDER BY relation::text) INTO emptied
            FROM stand_in.emptied;
            ASSERT emptied = 'customer identity journal trail updated', emptied;
        END $$";
    database.run(emptied).await;
}

/// What a store tells that reads everything, with numbers at the ends of what a cluster is asked for at once, and
/// gaps that are wider than that.
async fn read_with_gaps(database: &TestDatabase, store: &PostgresStore) -> [String; 3] {
    let go_on_behind = async |number| {
        let gap = "UPDATE tenant SET last_customer = $, last_identity = $, last_seq = $";
        database.run(&gap.replace('$', number)).await;
    };
    run(store, request(TENANT, upsert(&["o1"]))).await.unwrap();
    // The last ones of the first range, and the first ones of the next.
    go_on_behind("49999").await;
    for words in [&["o2"][..], &["m2"], &["a2", "o2"]] {
        run(store, request(TENANT, upsert(words))).await.unwrap();
    }
    go_on_behind("210000").await;
    for words in [&["o3"][..], &["a4", "m3"], &["o3", "a4"]] {
        run(store, request(TENANT, upsert(words))).await.unwrap();
    }
    let everybody = Filter::default();
    let mut walk = store.walk(TENANT, &everybody, Survey::Fields).await.unwrap();
    let mut walked = format!("{:?}", walk.outline().await.unwrap());
    while let Some(customers) = walk.next().await.unwrap() {
        for whole in customers {
            write!(walked, "\n{} {:?}", whole.customer.id, whole.merged).unwrap();
        }
    }
    let duplicates = store.duplicates(TENANT).await.unwrap();
    let findings = store.check(None).await.unwrap().findings;
    [walked, format!("{duplicates:?}"), format!("{findings:?}")]
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_read_as_on_one_server_however_large_the_gaps_between_numbers() {
    let one = TestDatabase::new().await;
    let on_one = read_with_gaps(&one, &first(&one.url()).await).await;
    assert!(on_one[0].contains("\n50000 []\n50001 []\n210001"), "{}", on_one[0]);
    let cluster = TestDatabase::on_cluster().await;
    first(&cluster.url()).await.close().await.unwrap();
    assert_eq!(read_with_gaps(&cluster, &distributed(&cluster).await).await, on_one);
}

/// A coordinator tells of a worker that was lost in the middle as of a fault of its own, or of its disk.
#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_a_lost_worker_broke_off_is_applied_again() {
    let writing = "AFTER INSERT ON journal FOR EACH STATEMENT";
    for (place, code) in [(writing, "XX000"), ("COMMIT", "XX000"), (writing, "58030")] {
        let database = TestDatabase::on_stand_in().await;
        let store = hub(&database).await;
        go_wrong(&database, place, &raise(code), 2).await;
        let outcome = run(&store, request(TENANT, upsert(&["o1", "m1"]))).await.unwrap();
        assert_eq!(resolution(outcome).customer.id, CustomerId(1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_spread_the_tables_is_told_before_it_is_done() {
    let database = TestDatabase::on_stand_in().await;
    let due = || async { PostgresStore::spreading_due(&database.url()).await.unwrap().join("\n") };
    let told = due().await;
    for call in ["('customer', 'key', colocate_with => 'none')", "('identity', 'value', "] {
        assert!(told.contains(&format!("SELECT create_distributed_table{call}")), "{told}");
    }
    hub(&database).await.close().await.unwrap();
    assert_eq!(due().await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_cluster_is_not_distributed() {
    let database = TestDatabase::new().await;
    first(&database.url()).await.close().await.unwrap();
    for told in [
        PostgresStore::migrate(&database.url(), true).await.unwrap_err(),
        PostgresStore::spreading_due(&database.url()).await.unwrap_err(),
    ] {
        assert!(told.to_string().contains("CREATE EXTENSION citus"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_in_use_is_not_spread_to_be_copied_to() {
    let database = TestDatabase::on_stand_in().await;
    first(&database.url()).await.close().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kehub.db");
    SqliteStore::open(&file, SqliteOptions::default()).unwrap().close().await.unwrap();
    let options = CopyOptions { distributed: true, ..CopyOptions::at(1) };
    let (from, url) = (Place::Sqlite(&file), database.url());
    let copied = kehub_store::copy(from, Place::Postgres(&url), options, &Silent).await;
    let refused = copied.unwrap_err().to_string();
    assert!(refused.contains("has to be empty"), "{refused}");
    let whole = "ASSERT (SELECT count(*) FROM stand_in.pg_dist_partition) = 0";
    database.run(&format!("DO $$ BEGIN {whole}; END $$")).await;
}
