//! What WeChat tells as it happens, and the look-ups of those who began to follow.

use super::{APP_ID, APP_SECRET, CALLBACK, LONG, Rig, settings, signature, xml};
use crate::captured::Captured;
use crate::hub::request;
use crate::receiver::eventually;
use crate::weixin::{BATCH_GET, Fault, fans, openid};
use axum::http::StatusCode;
use kehub::server::{App, Hub};
use kehub::wechat::FanWorker;
use kehub_store::Fault as StoreFault;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;
use tracing::Level;

#[tokio::test]
async fn a_callback_is_verified_by_its_signature() {
    let rig = Rig::new(Vec::new()).await;
    let good = signature("Token123", "1777856523", "7");
    let page = async || rig.hub.writer.get("/console/wechat/1").await.text;
    assert!(page().await.contains("nothing since this hub started"));
    let path = format!("{CALLBACK}?{good}&echostr=5837");
    let answer = rig.hub.call(request("GET", &path, "")).await;
    assert_eq!((answer.status, &*answer.text), (StatusCode::OK, "5837"));
    let bad = signature("Token124", "1777856523", "7");
    let other = "/wechat/wx0000000000000000/callback";
    for path in [format!("{CALLBACK}?{bad}"), format!("{other}?{good}"), CALLBACK.to_owned()] {
        for method in ["GET", "POST"] {
            let body = xml("subscribe", "oFan-1", 1_777_856_523, "");
            let answer = rig.hub.call(request(method, &path, body)).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
        }
    }
    assert_eq!(rig.count().await, 0);
    // Only what was signed counts as heard.
    rig.hub.clock.advance_seconds(60);
    rig.hub.call(request("GET", &format!("{CALLBACK}?{bad}"), "")).await;
    let page = page().await;
    assert!(page.contains("<dt>Last heard</dt>") && page.contains("2026-05-04 01:02:03"), "{page}");
    assert!(!page.contains("2026-05-04 01:03:03"), "{page}");
}

#[tokio::test]
async fn what_cannot_be_signed_is_refused_before_anything_is_looked_up() {
    let mut rig = Rig::new(Vec::new()).await;
    rig.worker.take().unwrap().stop().await;
    let digest = "0".repeat(40);
    let good = signature("Token123", "1777856523", "7");
    let paths = [
        CALLBACK.to_owned(),
        format!("{CALLBACK}?timestamp=1777856523&nonce=7"),
        format!("{CALLBACK}?signature={}&timestamp=1777856523&nonce=7", "0".repeat(39)),
        format!("{CALLBACK}?signature={}&timestamp=1777856523&nonce=7", "g".repeat(40)),
        format!("{CALLBACK}?signature={digest}&timestamp=&nonce=7"),
        format!("{CALLBACK}?signature={digest}&timestamp=now&nonce=7"),
        format!("{CALLBACK}?signature={digest}&timestamp=1777856523"),
        format!("{CALLBACK}?{good}&encrypt_type=aes"),
        format!("{CALLBACK}?{good}&encrypt_type=aes&msg_signature=0"),
        format!("/wechat/no-app-id/callback?{good}"),
    ];
    // Whoever looks at the store next finds it away.
    rig.hub.store.plan([StoreFault::Before]);
    for path in paths {
        for method in ["GET", "POST"] {
            let answer = rig.hub.call(request(method, &path, "")).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{method} {path}");
        }
    }
    let answer = rig.hub.call(request("POST", &format!("{CALLBACK}?{good}"), "")).await;
    assert!(answer.status.is_server_error(), "{}", answer.status);
}

#[tokio::test]
async fn wechat_is_answered_before_it_gives_up() {
    let mut rig = Rig::new(fans(1)).await;
    rig.worker.take().unwrap().stop().await;
    // The accounts are found; whatever is looked at next never comes.
    rig.hub.store.plan([StoreFault::None, StoreFault::Never]);
    tokio::time::pause();
    let begun = Instant::now();
    let answer = rig.tell("subscribe", &openid(1), 1_777_856_523, "").await;
    assert!(answer.status.is_server_error(), "{}", answer.status);
    let waited = begun.elapsed();
    assert!(waited < Duration::from_secs(5), "WeChat has given up after {waited:?}");
    tokio::time::resume();
    assert_eq!(rig.count().await, 0);
    // So it tells it again, and that is heard.
    let answer = rig.tell("subscribe", &openid(1), 1_777_856_523, "").await;
    assert_eq!((answer.status, &*answer.text), (StatusCode::OK, "success"));
    assert!(rig.found("wechat", &openid(1)).await.is_some());
}

#[tokio::test]
async fn who_follows_and_unfollows_is_known_at_once() {
    let rig = Rig::new(fans(2)).await;
    let subscribed = format!("wechat.{APP_ID}.subscribed");
    let answer = rig.tell("subscribe", &openid(1), 1_777_856_523, "qrscene_海报").await;
    assert_eq!((answer.status, &*answer.text), (StatusCode::OK, "success"));
    let customer = rig.found("wechat", &openid(1)).await.unwrap();
    assert_eq!(
        (&customer["attr"][&subscribed], &customer["dateJoin"]),
        (&json!(true), &json!("2026-05-04T01:02:03Z"))
    );
    assert_eq!(customer["attr"][format!("wechat.{APP_ID}.qrScene")], "海报");
    // The unionid is not in the event: it is asked for afterwards.
    eventually("the unionid is known", async || {
        rig.found("wechat-unionid", "oUnion-000001").await.is_some()
    })
    .await;

    rig.tell("SCAN", &openid(1), 1_777_856_600, "shelf").await;
    rig.tell("unsubscribe", &openid(1), 1_777_856_700, "").await;
    let customer = rig.found("wechat", &openid(1)).await.unwrap();
    assert_eq!(customer["attr"][format!("wechat.{APP_ID}.qrScene")], "shelf");
    assert_eq!(customer["attr"][&subscribed], false);
    assert_eq!(customer["attr"][format!("wechat.{APP_ID}.unsubscribedAt")], "2026-05-04T01:05:00Z");

    // Told again, it is heard and changes nothing, whatever came in between.
    let again = rig.tell("subscribe", &openid(1), 1_777_856_523, "qrscene_海报").await;
    assert_eq!(again.text, "success");
    assert_eq!(rig.found("wechat", &openid(1)).await.unwrap(), customer);
    // Nobody is made known by leaving, or by a message.
    rig.tell("unsubscribe", "oNobody", 1_777_856_700, "").await;
    rig.tell("CLICK", "oNobody", 1_777_856_701, "menu").await;
    assert_eq!(rig.found("wechat", "oNobody").await, None);
    rig.tell("subscribe", &openid(1), 1_777_856_800, "").await;
    let customer = rig.found("wechat", &openid(1)).await.unwrap();
    let attr = customer["attr"].as_object().unwrap();
    assert_eq!(attr[&subscribed], true);
    assert!(!attr.contains_key(&format!("wechat.{APP_ID}.unsubscribedAt")));
}

/// A second of which nothing was heard yet; the clock of the hub shows this one.
const SECOND: i64 = 1_777_856_523;

#[tokio::test]
async fn an_event_that_comes_late_changes_nothing() {
    let mut rig = Rig::new(Vec::new()).await;
    rig.worker.take().unwrap().stop().await;
    let tell = async |event: &str, second: i64, key: &str| {
        let answer = rig.tell(event, "oFan-1", SECOND + second, key).await;
        assert_eq!((answer.status, &*answer.text), (StatusCode::OK, "success"));
        rig.found("wechat", "oFan-1").await.unwrap()
    };
    let own = |customer: &Value| {
        ["subscribed", "subscribedAt", "unsubscribedAt"]
            .map(|name| customer["attr"][format!("wechat.{APP_ID}.{name}")].clone())
    };
    let at = |second| json!(format!("2026-05-04T01:02:{:02}Z", second + 3));
    let customer = tell("subscribe", 0, "").await;
    assert_eq!(own(&customer), [json!(true), at(0), Value::Null]);
    let left = tell("unsubscribe", 20, "").await;
    assert_eq!(own(&left), [json!(false), at(0), at(20)]);
    // Sent again by WeChat after a while, but never heard before.
    assert_eq!(tell("subscribe", 10, "qrscene_late").await, left);
    assert_eq!(tell("SCAN", 19, "late").await, left);
    assert_eq!(tell("unsubscribe", 5, "").await, left);
    // Of two in one second the later one counts, and no repeat.
    let back = tell("subscribe", 20, "").await;
    assert_eq!(own(&back), [json!(true), at(20), Value::Null]);
    assert_eq!(tell("unsubscribe", 20, "").await, back);
    assert_eq!(tell("unsubscribe", 15, "").await, back);
    assert_eq!(tell("subscribe", 16, "qrscene_late").await, back);
    assert_eq!(tell("SCAN", 17, "late").await, back);
    let scanned = tell("SCAN", 20, "shelf").await;
    assert_eq!(own(&scanned), own(&back));
    assert_eq!(scanned["attr"][format!("wechat.{APP_ID}.qrScene")], "shelf");
    let left = tell("unsubscribe", 30, "").await;
    assert_eq!(own(&left), [json!(false), at(20), at(30)]);
    // What somebody wrote there that is no moment says nothing.
    let odd = json!({ "attr": { format!("wechat.{APP_ID}.unsubscribedAt"): "yesterday" } });
    rig.writer().upsert(&["wechat:oFan-1"], odd).await.was(200);
    let back = tell("subscribe", 25, "").await;
    assert_eq!(own(&back), [json!(true), at(25), Value::Null]);
}

#[tokio::test]
async fn who_leaves_while_an_import_asks_stays_away() {
    let rig = Rig::new(fans(2)).await;
    rig.ask().await;
    rig.reaches("done").await;
    let gate = rig.weixin.hold(BATCH_GET);
    rig.ask().await;
    eventually("WeChat is asked again", async || rig.weixin.calls(BATCH_GET) == 2).await;
    // What WeChat tells now is written down a minute later. The first fan left in the second in which it
    // was asked, the second one before, and is back.
    rig.hub.clock.advance_seconds(60);
    rig.tell("unsubscribe", &openid(1), SECOND, "").await;
    rig.tell("unsubscribe", &openid(2), SECOND - 1, "").await;
    gate.add_permits(1);
    let import = rig.reaches("done").await;
    let counts = ["read", "updated", "refused"].map(|it| import[it].clone());
    assert_eq!(counts, [2, 1, 1].map(|it| json!(it)));
    assert_eq!(import["refusedBecause"]["gone"], 1);
    let own = async |number| {
        let customer = rig.found("wechat", &openid(number)).await.unwrap();
        ["subscribed", "unsubscribedAt"]
            .map(|name| customer["attr"][format!("wechat.{APP_ID}.{name}")].clone())
    };
    assert_eq!(own(1).await, [json!(false), json!("2026-05-04T01:02:03Z")]);
    assert_eq!(own(2).await, [json!(true), Value::Null]);
    // Asked later, WeChat says that this one is back as well.
    rig.ask().await;
    assert_eq!(rig.reaches("done").await["updated"], 1);
    assert_eq!(own(1).await, [json!(true), Value::Null]);
}

#[tokio::test]
async fn tenants_that_bound_the_same_account_all_hear_of_it() {
    let rig = Rig::new(Vec::new()).await;
    let sent = json!({ "appId": APP_ID, "appSecret": APP_SECRET, "callbackToken": "Token123" });
    rig.hub.stranger.post("/api/wechat/accounts", &sent).await.was(201);
    rig.tell("subscribe", "oFan-1", 1_777_856_523, "").await;
    for actor in [&rig.hub.writer, &rig.hub.stranger] {
        let found = actor.get("/api/identities?type=wechat&value=oFan-1").await.was(200);
        assert_eq!(found["items"][0]["customerId"], 1);
    }
}

#[tokio::test]
async fn an_account_whose_calls_are_used_up_rests_alone() {
    let rig = Rig::with(fans(1), |options| options.pauses = vec![LONG]).await;
    let sent = json!({ "appId": APP_ID, "appSecret": APP_SECRET, "callbackToken": "Token123" });
    rig.hub.stranger.post("/api/wechat/accounts", &sent).await.was(201);
    rig.weixin.plan(BATCH_GET, 1, Fault::Code(45009));
    // Both tenants hear of it; the one whose followers are looked up first has no calls left.
    rig.tell("subscribe", &openid(1), 1_777_856_523, "").await;
    let unionid = "/api/identities?type=wechat-unionid&value=oUnion-000001";
    eventually("the other tenant knows the unionid", async || {
        rig.hub.stranger.get(unionid).await.was(200)["items"] != json!([])
    })
    .await;
    assert_eq!(rig.writer().get(unionid).await.was(200)["items"], json!([]));
}

#[tokio::test]
async fn who_could_not_be_looked_up_because_of_the_store_is_looked_up_later() {
    let mut rig = Rig::new(fans(1)).await;
    rig.worker.take().unwrap().stop().await;
    rig.tell("subscribe", &openid(1), 1_777_856_523, "").await;
    // Looked at by the worker that begins: all accounts, that of the follower (twice), who owns the openid
    // (twice, with a pause in between) and the unionid, the customer, all accounts; then it writes.
    let (works, fails) = (StoreFault::None, StoreFault::Before);
    let looks = [works, fails, works, fails, works, works, works, works];
    rig.hub.store.plan(looks.into_iter().chain([StoreFault::Corrupt]));
    rig.worker = Some(FanWorker::start(rig.hub.hub.clone()).unwrap());
    eventually("WeChat is asked again", async || rig.weixin.calls(BATCH_GET) == 2).await;
    eventually("the unionid is known", async || {
        rig.found("wechat-unionid", "oUnion-000001").await.is_some()
    })
    .await;
}

#[tokio::test]
async fn encrypted_events_are_heard_and_plain_ones_no_more() {
    let vectors: Value = serde_json::from_str(include_str!("../../wechat/vectors.json")).unwrap();
    let rig = Rig::new(Vec::new()).await;
    let first = &vectors["messages"][0];
    let key = json!({ "appId": APP_ID, "encodingAesKey": first["encoding_aes_key"] });
    rig.writer().post("/api/wechat/accounts", &key).await.was(200);
    let tell = async |message: &Value, msg_signature: &str| {
        let text = |name: &str| message[name].as_str().unwrap();
        let path = format!(
            "{CALLBACK}?signature={}&timestamp={}&nonce={}&openid=oFan-1&encrypt_type=aes\
             &msg_signature={msg_signature}",
            text("signature"),
            text("timestamp"),
            text("nonce"),
        );
        rig.hub.call(request("POST", &path, text("body").to_owned())).await
    };
    let signature = |place: usize| vectors["messages"][place]["msg_signature"].as_str().unwrap();
    let wrong = tell(first, signature(1)).await;
    assert_eq!((wrong.status, rig.count().await), (StatusCode::FORBIDDEN, 0));
    let plain = rig.tell("subscribe", "oFan-1", 1_777_856_523, "").await;
    assert_eq!((plain.status, rig.count().await), (StatusCode::FORBIDDEN, 0));
    for place in 0..3 {
        let answer = tell(&vectors["messages"][place], signature(place)).await;
        assert_eq!((answer.status, &*answer.text), (StatusCode::OK, "success"));
    }
    let customer = rig.found("wechat", "oFan-1").await.unwrap();
    assert_eq!(customer["attr"][format!("wechat.{APP_ID}.subscribed")], false);
    assert_eq!(customer["attr"][format!("wechat.{APP_ID}.qrScene")], "shelf");
}

#[tokio::test]
async fn an_account_of_another_key_is_not_used() {
    let rig = Rig::new(fans(1)).await;
    let other = settings(&rig.weixin.base(), |options| {
        options.secret_key = Some("ff".repeat(32).parse().unwrap());
    });
    let hub = Hub::new(rig.hub.store.clone(), rig.hub.clock.clone(), other, 8);
    let hub = hub.await.unwrap();
    let app = App::new(hub.clone());
    let captured = Captured::default();
    let lines = tracing_subscriber::fmt().with_max_level(Level::INFO);
    let lines = lines.with_writer(captured.clone());
    let guard = tracing::subscriber::set_default(lines.finish());
    let path = format!("{CALLBACK}?{}", signature("Token123", "1777856523", "7"));
    let answer = app.answer(request("POST", &path, xml("subscribe", "o", 1, ""))).await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    // Anybody may call, and fill the log with it.
    assert!(!captured.text().contains("WARN"), "{}", captured.text());
    let mut rig = rig;
    rig.worker.take().unwrap().stop().await;
    rig.worker = Some(FanWorker::start(hub).unwrap());
    eventually("a hub that starts tells of it", async || {
        captured.text().contains("do not open with this KEHUB_SECRET_KEY")
    })
    .await;
    drop(guard);
    rig.ask().await;
    let error = rig.reaches("failed").await["error"].clone();
    assert!(error["reason"].as_str().unwrap().contains("KEHUB_SECRET_KEY"), "{error}");
}
