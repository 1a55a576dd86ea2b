//! What the database says instead of doing what it was asked, and what becomes of it. Triggers say it:
//! at a statement, at the mark before a COMMIT, or at the COMMIT itself.

use crate::losses::proxied;
use crate::{TENANT, first, request, resolution, run, upsert};
use futures_util::FutureExt as _;
use kehub_core::Seq;
use kehub_core::filter::Filter;
use kehub_store::{PostgresOptions, PostgresStore, Store, StoreError, TestDatabase};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio_postgres::NoTls;

/// What is over as soon as the group is applied again.
const PASSING: &[&str] = &[
    "40001", // serialization failure
    "40P01", // deadlock
    "55P03", // a wait for a lock was given up
    "57014", // a statement was given up
    "57P01", // a server is ending: told of another one, by a coordinator
    "57P02", // a server crashed, likewise
    "57P03", // a server cannot be connected to yet, likewise
    "53300", // too many connections, likewise
    "25006", // read-only
    "08000", "08001", "08003", "08004", "08006", "08P01", // no connection to another server
];
/// What somebody has to mend first.
const LASTING: &[&str] = &[
    "53000", "53100", // a full disk
    "53200", // out of memory
    "53400", "58030", // a disk that cannot be read
    "42501", // a permission was taken away
    "XX000",
];
/// What is wrong with us, or with what is stored.
const CORRUPT: &[&str] = &["22003", "23505", "42703", "0A000", "XX001", "XX002"];

/// Where it goes wrong.
const PLACES: &[&str] = &[
    "AFTER INSERT ON journal FOR EACH STATEMENT",
    "BEFORE UPDATE ON writer FOR EACH ROW WHEN (NOT NEW.given_up)",
    "COMMIT",
];

/// Lets the next tries of a group go wrong in this place, so many times.
pub(crate) async fn go_wrong(database: &TestDatabase, place: &str, what: &str, times: u32) {
    let trigger = match place {
        "COMMIT" => "CREATE CONSTRAINT TRIGGER trouble AFTER INSERT ON journal
             DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
            .to_owned(),
        place => format!("CREATE TRIGGER trouble {place}"),
    };
    go_wrong_whenever(database, &trigger, &format!("<= {times}"), what).await;
}

/// Lets this happen by a trigger whenever the number of the try fulfils a condition.
async fn go_wrong_whenever(database: &TestDatabase, trigger: &str, condition: &str, what: &str) {
    // A sequence is not rolled back with those who drew from it.
    let sql = format!(
        "CREATE SEQUENCE tried;
         CREATE FUNCTION trouble() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF nextval('tried') {condition} THEN {what}; END IF;
             RETURN NEW;
         END $$;
         {trigger} EXECUTE FUNCTION trouble()"
    );
    database.run(&sql).await;
}

pub(crate) fn raise(code: &str) -> String {
    format!("RAISE EXCEPTION 'made up' USING ERRCODE = '{code}'")
}

/// Lets nothing go wrong any more.
async fn go_well(database: &TestDatabase) {
    database.run("DROP FUNCTION trouble CASCADE; DROP SEQUENCE tried").await;
}

/// Asserts that so many writes were tried, and goes on.
async fn tried(database: &TestDatabase, times: u32) {
    let sql = format!(
        "DO $$ BEGIN ASSERT (SELECT last_value FROM tried) = {times},
            (SELECT last_value FROM tried)::text; END $$"
    );
    database.run(&sql).await;
    go_well(database).await;
}

/// That so many entries are there, and nothing is half there.
async fn is_sound(store: &PostgresStore, entries: usize) {
    assert_eq!(store.journal(TENANT, Seq(0), 99).await.unwrap().len(), entries);
    assert_eq!(store.check(None).await.unwrap().findings, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_is_not_noticed() {
    let database = TestDatabase::new().await;
    let store = first(&database.url()).await;
    let mut entries = 0;
    for place in PLACES {
        for (number, code) in PASSING.iter().enumerate() {
            let times = if number % 2 == 0 { 1 } else { 3 };
            go_wrong(&database, place, &raise(code), times).await;
            let outcome = run(&store, request(TENANT, upsert(&[&format!("o{entries}")]))).await;
            entries += 1;
            let outcome = outcome.unwrap_or_else(|error| panic!("{code} at {place}: {error}"));
            assert_eq!(resolution(outcome).seq, Some(Seq(entries)), "{code} at {place}");
            tried(&database, times + 1).await;
        }
    }
    is_sound(&store, usize::try_from(entries).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lasts_is_answered_at_once_as_not_applied() {
    let database = TestDatabase::new().await;
    let store = first(&database.url()).await;
    for place in PLACES {
        for code in LASTING {
            go_wrong(&database, place, &raise(code), u32::MAX).await;
            let answer = run(&store, request(TENANT, upsert(&["o1"]))).await;
            assert!(matches!(answer, Err(StoreError::NotApplied(_))), "{code}: {answer:?}");
            tried(&database, 1).await;
        }
    }
    is_sound(&store, 0).await;
    run(&store, request(TENANT, upsert(&["o1"]))).await.unwrap();
    is_sound(&store, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_us_is_answered_as_that_and_rolled_back() {
    let database = TestDatabase::new().await;
    let store = first(&database.url()).await;
    for place in PLACES {
        for code in CORRUPT {
            go_wrong(&database, place, &raise(code), u32::MAX).await;
            let answer = run(&store, request(TENANT, upsert(&["o1"]))).await;
            assert!(matches!(answer, Err(StoreError::Corrupt(_))), "{code}: {answer:?}");
            tried(&database, 1).await;
        }
    }
    is_sound(&store, 0).await;
}

/// Tried for some seconds, never answered as unknown: each COMMIT was answered, or none was sent.
#[tokio::test(flavor = "multi_thread")]
async fn what_should_pass_and_does_not_is_answered_as_not_applied() {
    let each = PASSING.iter().enumerate().map(|(number, code)| async move {
        let database = TestDatabase::new().await;
        let store = first(&database.url()).await;
        let place = PLACES[number % PLACES.len()];
        go_wrong(&database, place, &raise(code), u32::MAX).await;
        let answer = run(&store, request(TENANT, upsert(&["o1"]))).await;
        let told = format!("{code} at {place}: {answer:?}");
        assert!(matches!(answer, Err(StoreError::NotApplied(_))), "{told}");
        go_well(&database).await;
        run(&store, request(TENANT, upsert(&["o1"]))).await.unwrap();
        is_sound(&store, 1).await;
        database
    });
    // None is removed while others are at work: that waits for all sessions of the server.
    drop(futures_util::future::join_all(each).await);
}

/// The server ends the session with its answer: whether it committed is asked on another one.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ends_at_its_commit_is_asked_about() {
    let database = TestDatabase::new().await;
    let store = first(&database.url()).await;
    for (number, place) in (1..).zip(PLACES) {
        go_wrong(&database, place, "PERFORM pg_terminate_backend(pg_backend_pid())", 2).await;
        let outcome = run(&store, request(TENANT, upsert(&[&format!("o{number}")]))).await.unwrap();
        assert_eq!(resolution(outcome).seq, Some(Seq(number)), "{place}");
        tried(&database, 3).await;
    }
    is_sound(&store, PLACES.len()).await;
}

/// Who waits while a group is committed is begun right behind it, on the same session.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_goes_wrong_takes_nobody_with_it_who_comes_behind_it() {
    let terminate = "PERFORM pg_terminate_backend(pg_backend_pid())";
    for (what, passes) in [(&*raise("40001"), true), (&raise("53100"), false), (terminate, true)] {
        let database = TestDatabase::new().await;
        first(&database.url()).await.close().await.unwrap();
        let options = PostgresOptions { group_requests: 4, ..PostgresOptions::default() };
        let store = PostgresStore::open(&database.url(), options).await.unwrap();
        // A group writes one row of it.
        let trigger = "CREATE CONSTRAINT TRIGGER trouble AFTER UPDATE ON tenant
             DEFERRABLE INITIALLY DEFERRED FOR EACH ROW";
        go_wrong_whenever(&database, trigger, "% 3 = 0", what).await;
        let sent = (0..90).map(|number| {
            // Some of them know one another.
            let (one, other) = (format!("o{}", number % 50), format!("a{number}"));
            let upsert = upsert(&[&one, &other]);
            run(&store, request(TENANT, upsert))
        });
        let answers = futures_util::future::join_all(sent).await;
        go_well(&database).await;
        let refused = answers.iter().filter_map(|answer| answer.as_ref().err());
        let refused: Vec<&StoreError> = refused.collect();
        assert_eq!(refused.is_empty(), passes, "{what}: {refused:?}");
        assert!(refused.iter().all(|error| matches!(error, StoreError::NotApplied(_))));
        is_sound(&store, answers.len() - refused.len()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_begun_behind_a_lost_commit_does_not_wait_for_what_became_of_it() {
    come_behind_a_lost_commit(1).await;
}

/// So many are worth another writer, which decides for them ahead.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_decided_behind_a_lost_commit_does_not_wait_for_what_became_of_it() {
    come_behind_a_lost_commit(100).await;
}

/// It is not known whether the first one was applied, and nobody can be asked.
async fn come_behind_a_lost_commit(others: usize) {
    let (database, proxy, url) = proxied().await;
    let store = first(&url).await;
    go_wrong(&database, "COMMIT", "PERFORM pg_terminate_backend(pg_backend_pid())", u32::MAX).await;
    let holder = holding(&database, "SELECT * FROM tenant FOR UPDATE").await;
    let mut one = Box::pin(run(&store, request(TENANT, upsert(&["o1"]))));
    assert!((&mut one).now_or_never().is_none());
    until_waiting(&database, 1).await;
    proxy.shut(true);
    let others = (0..others).map(|number| {
        let upsert = upsert(&[&format!("a{number}")]);
        run(&store, request(TENANT, upsert))
    });
    let mut others = Box::pin(futures_util::future::join_all(others));
    assert!((&mut others).now_or_never().is_none());
    drop(holder);
    let answers = tokio::select! {
        answer = &mut one => panic!("{answer:?}"),
        answers = &mut others => answers,
    };
    let is_not_applied = |answer: &_| matches!(answer, Err(StoreError::NotApplied(_)));
    assert!(answers.iter().all(is_not_applied), "{answers:?}");
    proxy.shut(false);
    let answer = one.await;
    assert!(is_not_applied(&answer), "{answer:?}");
    go_well(&database).await;
    run(&store, request(TENANT, upsert(&["o3"]))).await.unwrap();
    is_sound(&store, 1).await;
}

/// As of a server that waits for a standby or a worker which is gone.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_ever_for_a_commit_that_is_not_answered() {
    let database = TestDatabase::new().await;
    let url = format!("{}&options=-c%20lock_timeout%3D1s", database.url());
    let store = first(&url).await;
    go_wrong(&database, "COMMIT", "PERFORM pg_sleep(100)", 1).await;
    let answer = run(&store, request(TENANT, upsert(&["o1"]))).await;
    assert!(matches!(answer, Err(StoreError::Unknown(_))), "{answer:?}");
    // Its session still holds the tenant.
    let answer = run(&store, request(TENANT, upsert(&["o1"]))).await;
    assert!(matches!(answer, Err(StoreError::NotApplied(_))), "{answer:?}");
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event = 'PgSleep'";
    database.run(end).await;
    let outcome = run(&store, request(TENANT, upsert(&["o1"]))).await.unwrap();
    assert_eq!(resolution(outcome).seq, Some(Seq(1)));
    is_sound(&store, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_made_read_only_is_left_alone_and_says_so() {
    let database = TestDatabase::new().await;
    let store = first(&database.url()).await;
    run(&store, request(TENANT, upsert(&["o1"]))).await.unwrap();
    let set = |value: &str| {
        format!(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = {value}',
                current_database()); END $$;
             SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    };
    database.run(&set("on")).await;
    let answer = run(&store, request(TENANT, upsert(&["o2"]))).await;
    let Err(StoreError::NotApplied(cause)) = answer else { panic!("{answer:?}") };
    assert!(cause.to_string().contains("read-only"), "{cause}");
    assert_eq!(store.customer_count(TENANT, &Filter::default()).await.unwrap(), 1);
    let opened = PostgresStore::open(&database.url(), PostgresOptions::default()).await;
    assert!(opened.unwrap_err().to_string().contains("read-only"));

    database.run(&format!("BEGIN READ WRITE; {}; COMMIT", set("off"))).await;
    run(&store, request(TENANT, upsert(&["o2"]))).await.unwrap();
    is_sound(&store, 2).await;
}

/// A session of somebody else that holds a lock until this is dropped.
async fn holding(database: &TestDatabase, sql: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(&database.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute(&format!("BEGIN; {sql}")).await.unwrap();
    client
}

/// Waits until so many sessions of a database wait for a lock.
async fn until_waiting(database: &TestDatabase, sessions: i64) {
    let (client, connection) = tokio_postgres::connect(&database.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    let sql = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) < sessions {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_writer_takes_in_time_is_taken_back() {
    let database = TestDatabase::new().await;
    let store = first(&database.url()).await;
    let holder = holding(&database, "SELECT * FROM tenant FOR UPDATE").await;
    let taken = run(&store, request(TENANT, upsert(&["o1"])));
    let waiting = async {
        until_waiting(&database, 1).await;
        let answer = run(&store, request(TENANT, upsert(&["o2"]))).await;
        assert!(matches!(answer, Err(StoreError::NotApplied(_))), "{answer:?}");
        assert_eq!(store.gauges().queue_depth, 0);
        drop(holder);
    };
    let (taken, ()) = tokio::join!(taken, waiting);
    assert_eq!(resolution(taken.unwrap()).seq, Some(Seq(1)));
    run(&store, request(TENANT, upsert(&["o3"]))).await.unwrap();
    is_sound(&store, 2).await;
}

/// The address of a database with another setting of its sessions.
fn setting(database: &TestDatabase, setting: &str) -> String {
    let url = database.url();
    let setting = format!("options=-c%20{}", setting.replace('=', "%3D"));
    if url.contains("options=") {
        return url.replace("options=", &format!("{setting}%20"));
    }
    format!("{url}&{setting}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_somebody_holds_is_waited_for_anew_within_the_limits_of_the_address() {
    for limit in ["lock_timeout=100ms", "statement_timeout=100ms"] {
        let database = TestDatabase::new().await;
        let store = first(&setting(&database, limit)).await;
        let holder = holding(&database, "SELECT * FROM tenant FOR UPDATE").await;
        let waiting = async {
            let sql = "SELECT xact_start::text FROM pg_stat_activity
                WHERE datname = current_database() AND wait_event_type = 'Lock'";
            // A transaction sees one moment of this.
            let (client, connection) =
                tokio_postgres::connect(&database.url(), NoTls).await.unwrap();
            tokio::spawn(connection);
            let mut tries = BTreeSet::new();
            while tries.len() < 3 {
                let rows = client.query(sql, &[]).await.unwrap();
                tries.extend(rows.iter().filter_map(|row| row.get::<_, Option<String>>(0)));
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            drop(holder);
        };
        let request = request(TENANT, upsert(&["o1"]));
        let (answer, ()) = tokio::join!(run(&store, request), waiting);
        assert_eq!(resolution(answer.unwrap()).seq, Some(Seq(1)), "{limit}");
        is_sound(&store, 1).await;
        store.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_finds_all_readers_busy_is_answered_and_who_may_ask_is_read() {
    let database = TestDatabase::new().await;
    first(&database.url()).await.close().await.unwrap();
    let options = PostgresOptions { readers: 2, ..PostgresOptions::default() };
    let store = PostgresStore::open(&database.url(), options).await.unwrap();
    let holder = holding(&database, "LOCK TABLE journal").await;
    let read = || store.journal(TENANT, Seq(0), 1);
    let busy = [read(), read()];
    let late = async {
        until_waiting(&database, 2).await;
        assert_eq!(store.directory().await.unwrap().tenants.len(), 1);
        let answer = read().await;
        let Err(StoreError::NotApplied(cause)) = answer else { panic!("{answer:?}") };
        assert!(cause.to_string().contains("busy"), "{cause}");
        drop(holder);
    };
    let (found, ()) = tokio::join!(futures_util::future::join_all(busy), late);
    assert_eq!(found.into_iter().map(Result::unwrap).collect::<Vec<_>>(), [vec![], vec![]]);
}

/// Rows are sent as the table had them when the session began.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_somebody_widens_beside_a_hub_takes_the_next_write() {
    let database = TestDatabase::new().await;
    let store = first(&database.url()).await;
    let before =
        resolution(run(&store, request(TENANT, upsert(&["o1"]))).await.unwrap()).customer.id;
    for table in ["customer", "home", "identity", "journal", "trail", "updated"] {
        database.run(&format!("ALTER TABLE {table} ADD COLUMN noted text")).await;
        let (known, new) = (upsert(&["o1", "a1"]), upsert(&[&format!("o-{table}")]));
        let again = resolution(run(&store, request(TENANT, known)).await.unwrap()).customer.id;
        assert_eq!(again, before);
        let other = resolution(run(&store, request(TENANT, new)).await.unwrap()).customer.id;
        assert_ne!(other, before);
    }
    store.close().await.unwrap();
}
