use crate::{TENANT, first, keyed, open, request, resolution, run, upsert};
use kehub_core::command::{Command, Request, SetPolicy};
use kehub_core::directory::NewTenant;
use kehub_core::filter::Filter;
use kehub_core::outcome::{Outcome, ResultKind};
use kehub_core::policy::{Preset, Setting, TypeChange};
use kehub_core::{MergeId, Seq, TenantId};
use kehub_store::{PostgresStore, Store, StoreError, TestDatabase};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Ends all sessions of a database, so many times.
pub(crate) async fn end_sessions(database: &TestDatabase, times: usize) {
    for _ in 0..times {
        tokio::time::sleep(Duration::from_millis(120)).await;
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE application_name = current_setting('application_name')
                AND pid <> pg_backend_pid()";
        database.run(sql).await;
    }
}

/// Asks until it is told that it was done, as a client with an idempotency key does.
pub(crate) async fn until_applied(store: &PostgresStore, request: Request) -> Outcome {
    for _ in 0..200 {
        match run(store, request.clone()).await {
            Ok(outcome) => return outcome,
            Err(StoreError::Corrupt(cause)) => panic!("{cause}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    panic!("never applied");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_hub_sets_rules_the_next_group() {
    let database = TestDatabase::new().await;
    let (one, other) = (first(&database.url()).await, open(&database.url()).await);
    for store in [&one, &other] {
        run(store, request(TENANT, upsert(&["a1"]))).await.unwrap();
    }
    let types = vec![(
        "wechat".to_owned(),
        TypeChange { limit: Setting::Value(1), ..TypeChange::default() },
    )];
    let guarded = SetPolicy {
        preset: Some(Preset::Guarded),
        on_conflict: None,
        types,
        ..SetPolicy::default()
    };
    run(&other, request(TENANT, Command::SetPolicy(guarded))).await.unwrap();
    let before = one.policy(TENANT).await.unwrap().unwrap();
    assert_eq!(before.preset, Preset::Guarded);
    run(&one, request(TENANT, upsert(&["a1", "o1"]))).await.unwrap();
    let limited = run(&one, request(TENANT, upsert(&["a1", "o2"]))).await.unwrap();
    let expected = run(&other, request(TENANT, upsert(&["a1", "o2"]))).await.unwrap();
    let warnings = |outcome: &Outcome| resolution(outcome.clone()).warnings;
    assert_eq!(warnings(&limited).len(), warnings(&expected).len());
    assert!(!warnings(&limited).is_empty());
    assert_eq!(one.check(None).await.unwrap().findings, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_hub_commits_is_announced() {
    let database = TestDatabase::new().await;
    let (one, other) = (first(&database.url()).await, open(&database.url()).await);
    let mut committed = other.committed();
    run(&one, request(TENANT, upsert(&["o1"]))).await.unwrap();
    tokio::time::timeout(Duration::from_secs(2), committed.changed()).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_committed_to_another_store_of_the_database_is_not() {
    let database = TestDatabase::new().await;
    let (one, other) = (first(&database.url()).await, open(&database.url()).await);
    database.run("CREATE SCHEMA elsewhere").await;
    let url = format!("{}&options=-csearch_path%3Delsewhere", database.url());
    let (another, hearing) = (first(&url).await, open(&url).await);
    let (mut committed, mut heard) = (other.committed(), hearing.committed());
    run(&another, request(TENANT, upsert(&["o1"]))).await.unwrap();
    tokio::time::timeout(Duration::from_secs(2), heard.changed()).await.unwrap().unwrap();
    // Who is told at all is told at the same time.
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!committed.has_changed().unwrap());
    run(&one, request(TENANT, upsert(&["o1"]))).await.unwrap();
    tokio::time::timeout(Duration::from_secs(2), committed.changed()).await.unwrap().unwrap();
}

/// A hub that is never without work for a tenant does not keep it from another one.
#[tokio::test(flavor = "multi_thread")]
async fn a_busy_hub_lets_another_one_write_the_same_tenant() {
    let database = TestDatabase::new().await;
    let (busy, other) = (first(&database.url()).await, open(&database.url()).await);
    let is_over = AtomicBool::new(false);
    let clients = (0..48).map(|client| {
        let (busy, is_over) = (&busy, &is_over);
        async move {
            let mut sent = 0;
            while !is_over.load(Ordering::Relaxed) {
                let name = format!("o{client}-{sent}");
                run(busy, request(TENANT, upsert(&[&name]))).await.unwrap();
                sent += 1;
            }
            sent
        }
    });
    let asking = async {
        for number in 0..30 {
            run(&other, request(TENANT, upsert(&[&format!("a{number}")]))).await.unwrap();
        }
        is_over.store(true, Ordering::Relaxed);
    };
    let (sent, ()) = tokio::join!(futures_util::future::join_all(clients), asking);
    let count = other.customer_count(TENANT, &Filter::default()).await.unwrap();
    assert_eq!(count, 30 + sent.into_iter().sum::<u64>());
}

/// Hubs write the same people in other combinations at the same time, some into another tenant.
#[tokio::test(flavor = "multi_thread")]
async fn hubs_that_write_at_once_agree() {
    let database = TestDatabase::new().await;
    let url = database.url();
    let stores = [first(&url).await, open(&url).await, open(&url).await];
    let second = NewTenant { name: "second".into(), preset: Preset::Guarded };
    run(&stores[0], request(TENANT, Command::CreateTenant(second))).await.unwrap();
    let ending = end_sessions(&database, 10);
    let writing = (0..8_u64).map(|writer| {
        let store = &stores[usize::try_from(writer % 3).unwrap()];
        async move {
            let mut answered = BTreeMap::new();
            let mut chance = writer * 7_919 + 1;
            let mut draw = |sides: u64| {
                chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (chance >> 33) % sides
            };
            for number in 0..60_u64 {
                let tenant = TenantId(if draw(4) == 0 { 2 } else { 1 });
                let command = if draw(12) == 0 {
                    Command::Unmerge(MergeId(i64::try_from(draw(9)).unwrap() + 1))
                } else {
                    let words = [format!("o{}", draw(40)), format!("m{}", draw(40))];
                    upsert(&[&words[0], &words[1]])
                };
                let key = u128::from(writer << 32 | number);
                let outcome = until_applied(store, keyed(key, request(tenant, command))).await;
                let seq = match outcome {
                    Outcome::Resolved(resolution) => resolution.seq,
                    _ => None,
                };
                answered.extend(seq.map(|seq| ((tenant, seq), key)));
            }
            answered
        }
    });
    let (answered, ()) = tokio::join!(futures_util::future::join_all(writing), ending);
    // No place of a journal was given out twice, and what was answered is there.
    let mut places = BTreeMap::new();
    for (place, key) in answered.into_iter().flatten() {
        assert_eq!(places.insert(place, key), None, "{place:?}");
    }
    let store = &stores[0];
    for tenant in [TENANT, TenantId(2)] {
        let journal = store.journal(tenant, Seq(0), 10_000).await.unwrap();
        let seqs: Vec<i64> = journal.iter().map(|entry| entry.seq.0).collect();
        let dense: Vec<i64> = (1..=i64::try_from(seqs.len()).unwrap()).collect();
        assert_eq!(seqs, dense);
        for (of, seq) in places.keys().filter(|(of, _)| *of == tenant) {
            assert!(seq.0 <= i64::try_from(seqs.len()).unwrap(), "{of:?} {seq:?}");
        }
    }
    assert_eq!(store.check(None).await.unwrap().findings, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_first_upserts_through_several_hubs_create_one_customer() {
    let database = TestDatabase::new().await;
    let url = database.url();
    let stores = [first(&url).await, open(&url).await, open(&url).await];
    let writing = (0..48).map(|place| {
        let store = &stores[place % 3];
        async move { resolution(run(store, request(TENANT, upsert(&["o1"]))).await.unwrap()).result }
    });
    let results = futures_util::future::join_all(writing).await;
    let created = results.iter().filter(|result| **result == ResultKind::Created).count();
    assert_eq!((created, results.len()), (1, 48));
}
