use crate::proxy::{Cut, Proxy};
use crate::{TENANT, first, keyed, open, request, resolution, run, upsert};
use kehub_core::Seq;
use kehub_core::filter::Filter;
use kehub_core::outcome::ResultKind;
use kehub_store::{Store, TestDatabase};

/// A database, and its address through a proxy.
pub(crate) async fn proxied() -> (TestDatabase, Proxy, String) {
    let database = TestDatabase::new().await;
    let url = database.url();
    let (scheme, rest) = url.split_once("://").unwrap();
    let (authority, path) = rest.split_once('/').unwrap();
    let (user, host) = authority.split_once('@').unwrap();
    let proxy = Proxy::start(host.to_owned()).await;
    let through = format!("{scheme}://{user}@127.0.0.1:{}/{path}", proxy.port);
    (database, proxy, through)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_answered_as_applied() {
    let (_database, proxy, url) = proxied().await;
    let store = first(&url).await;
    for number in 0..3 {
        proxy.cut(Cut::After, 1);
        let outcome = run(&store, request(TENANT, upsert(&[&format!("o{number}")]))).await;
        let resolution = resolution(outcome.unwrap());
        assert_eq!(resolution.result, ResultKind::Created);
        assert_eq!(resolution.seq, Some(Seq(number + 1)));
        assert!(proxy.is_done());
    }
    assert_eq!(store.customer_count(TENANT, &Filter::default()).await.unwrap(), 3);
    assert_eq!(store.check(None).await.unwrap().findings, []);
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_never_arrived_is_made_again() {
    let (_database, proxy, url) = proxied().await;
    let store = first(&url).await;
    proxy.cut(Cut::Before, 3);
    let outcome = run(&store, request(TENANT, upsert(&["o1"]))).await;
    assert_eq!(resolution(outcome.unwrap()).seq, Some(Seq(1)));
    assert!(proxy.is_done());
    assert_eq!(store.journal(TENANT, Seq(0), 9).await.unwrap().len(), 1);
    store.close().await.unwrap();
}

/// A hub that wrote nothing for a day is forgotten by the next one that starts.
#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_writer_makes_itself_known_again() {
    let database = TestDatabase::new().await;
    let store = first(&database.url()).await;
    database.run("DELETE FROM writer").await;
    let outcome = run(&store, request(TENANT, upsert(&["o1"]))).await;
    assert_eq!(resolution(outcome.unwrap()).seq, Some(Seq(1)));
}

/// Sessions are ended again and again while hubs write; each write is made once.
#[tokio::test(flavor = "multi_thread")]
async fn lost_sessions_lose_nothing_and_repeat_nothing() {
    let database = TestDatabase::new().await;
    let stores = [first(&database.url()).await, open(&database.url()).await];
    let ending = crate::hubs::end_sessions(&database, 12);
    let writing = stores.iter().enumerate().map(|(hub, store)| async move {
        for number in 0..150_u128 {
            let key = u128::try_from(hub).unwrap() << 32 | number;
            let words = [format!("o{key}"), format!("m{}", number % 7)];
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            crate::hubs::until_applied(store, keyed(key, request(TENANT, upsert(&words)))).await;
        }
    });
    tokio::join!(futures_util::future::join_all(writing), ending);
    let store = &stores[0];
    assert_eq!(store.check(None).await.unwrap().findings, []);
    // One entry for each request, and none twice.
    assert_eq!(store.journal(TENANT, Seq(0), 1_000).await.unwrap().len(), 300);
    for store in &stores {
        store.close().await.unwrap();
    }
}
