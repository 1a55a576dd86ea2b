use crate::{TENANT, first, open, request, run, upsert};
use kehub_store::{CUSTOMERS_AT_ONCE, PostgresOptions, PostgresStore, Silent, Store, TestDatabase};

async fn refused(url: &str) -> String {
    PostgresStore::open(url, PostgresOptions::default()).await.unwrap_err().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn hubs_that_open_a_new_database_at_once_share_it() {
    let database = TestDatabase::new().await;
    let url = database.url();
    let stores = futures_util::future::join_all((0..3).map(|_| open(&url))).await;
    let mut keys = Vec::new();
    for store in &stores {
        keys.push(store.directory().await.unwrap().token_key);
    }
    assert_eq!(keys, [keys[0]; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_is_there_when_it_is_opened_again() {
    let database = TestDatabase::new().await;
    let store = first(&database.url()).await;
    run(&store, request(TENANT, upsert(&["o1"]))).await.unwrap();
    let before = store.snapshot(TENANT).await.unwrap();
    store.close().await.unwrap();
    let again = open(&database.url()).await;
    assert_eq!(again.snapshot(TENANT).await.unwrap(), before);
    assert_ne!(before.customers, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_a_newer_or_another_schema_is_refused() {
    let database = TestDatabase::new().await;
    let url = database.url();
    first(&url).await.close().await.unwrap();
    database.run("UPDATE migration SET checksum = 'another'").await;
    assert!(refused(&url).await.contains("migration 1"), "{}", refused(&url).await);
    database.run("INSERT INTO migration VALUES (99, 'later')").await;
    assert!(refused(&url).await.contains("newer Kehub"), "{}", refused(&url).await);
    let looked =
        PostgresStore::check(&url, None, CUSTOMERS_AT_ONCE, &Silent).await.unwrap_err().to_string();
    assert!(looked.contains("newer Kehub"), "{looked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_of_another_program_is_refused_and_left_alone() {
    let database = TestDatabase::new().await;
    let url = database.url();
    database.run("CREATE TABLE bookmark (x text)").await;
    assert!(refused(&url).await.contains("another program"), "{}", refused(&url).await);
    database.run("DROP TABLE bookmark").await;
    open(&url).await.close().await.unwrap();
}

/// The extension of a cluster makes views of its own where tables are made.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_extension_brings_along_is_no_other_program() {
    let database = TestDatabase::new().await;
    database.run("CREATE EXTENSION pg_stat_statements").await;
    open(&database.url()).await.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_hosts_the_first_one_that_answers_is_used() {
    let database = TestDatabase::new().await;
    let url = database.url();
    let place = url.find('@').map_or_else(|| url.find("://").unwrap() + 3, |at| at + 1);
    let (before, hosts) = url.split_at(place);
    let store = first(&format!("{before}127.0.0.1:1,{hosts}")).await;
    run(&store, request(TENANT, upsert(&["o1"]))).await.unwrap();
    store.close().await.unwrap();
    let told = refused("postgres://somebody@127.0.0.1:1,127.0.0.1:2/nowhere").await;
    assert!(["127.0.0.1:1: ", "127.0.0.1:2: "].iter().all(|host| told.contains(host)), "{told}");
}

#[tokio::test]
async fn what_cannot_be_reached_is_told_without_the_password() {
    for url in [
        "postgres://somebody:secret@127.0.0.1:1/nowhere",
        "postgres://somebody:secret@127.0.0.1:port/nowhere",
        "postgres://somebody:secret@127.0.0.1:1/nowhere?sslmode=perhaps",
        "postgres://somebody:secret@127.0.0.1:1/nowhere?sslrootcert=/nowhere.pem",
        "postgres://somebody:secret@127.0.0.1:1/nowhere?sslmode=require&sslrootcert=/nowhere.pem",
        "postgres://somebody:s3c/ret@secret@127.0.0.1:1/nowhere",
        "postgres://somebody:secret@127.0.0.1:1/nowhere?bogus=1",
    ] {
        let told = refused(url).await;
        assert!(told.starts_with("cannot use ") && !told.contains("secret"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_says_what_time_it_is() {
    let database = TestDatabase::new().await;
    let store = open(&database.url()).await;
    let before = store.time().await.unwrap();
    database.run("SELECT pg_sleep(0.05)").await;
    let passed = store.time().await.unwrap() - before;
    assert!(before > 1_700_000_000_000_000, "{before}");
    assert!(passed >= 50_000, "{passed}");
}
