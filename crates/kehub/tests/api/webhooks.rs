//! Webhooks: what they are told, in which order, and what becomes of what they do not take.

use crate::hub::{Actor, TestHub, on_every_engine, request};
use crate::receiver::{Receiver, Seen, eventually};
use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse as _, Response};
use kehub::server::Settings;
use kehub::webhooks::{Deliverer, DeliveryOptions};
use kehub_core::CustomerId;
use kehub_core::command::Command;
use kehub_core::directory::Permission;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

on_every_engine! {
    a_webhook_is_created_shown_changed_and_deleted,
    what_does_not_fit_is_told,
    a_repeated_request_makes_one_webhook,
}

/// Pauses that a standing clock never reaches the end of, and that are over at once.
const LONG: Duration = Duration::from_mins(1);

fn options(pauses: &[Duration]) -> DeliveryOptions {
    DeliveryOptions {
        // Machines that run tests may be busy with others.
        time_limit: Duration::from_secs(30),
        pauses: pauses.to_vec(),
        save_period: Duration::from_millis(10),
        look_period: Duration::from_millis(20),
        ..DeliveryOptions::default()
    }
}

/// A hub that may call this machine, a receiver, and a webhook between them.
struct Rig {
    hub: TestHub,
    receiver: Receiver,
    secret: String,
    deliverer: Option<Deliverer>,
}

impl Rig {
    async fn new(pauses: &[Duration]) -> Rig {
        let settings = Settings { webhooks_private: true, ..Settings::default() };
        let hub = TestHub::with(settings).await;
        let receiver = Receiver::start().await;
        let created = hub.writer.post("/api/webhooks", &json!({ "url": receiver.url() })).await;
        let secret = created.was(201)["secret"].as_str().unwrap().to_owned();
        let mut rig = Rig { hub, receiver, secret, deliverer: None };
        rig.start(pauses);
        rig
    }

    fn start(&mut self, pauses: &[Duration]) {
        let deliverer = Deliverer::start(self.hub.hub.clone(), options(pauses)).unwrap();
        self.deliverer = Some(deliverer);
    }

    async fn stop(&mut self) {
        self.deliverer.take().unwrap().stop().await;
    }

    fn writer(&self) -> &Actor {
        &self.hub.writer
    }

    async fn upsert(&self, identities: &[&str]) {
        let answer = self.writer().upsert(identities, json!({})).await;
        assert!(answer.status.is_success(), "{}", answer.text);
    }

    async fn progress(&self) -> Value {
        self.writer().get("/api/webhooks/1").await.was(200)["progress"].clone()
    }

    /// Waits until the progress looks like this.
    async fn reaches(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let mut progress = Value::Null;
        eventually(what, async || {
            progress = self.progress().await;
            is_so(&progress)
        })
        .await;
        progress
    }

    async fn settles(&self) -> Value {
        self.reaches("everything is told", |it| it["lag"] == 0 && it["waiting"] == 0).await
    }
}

fn places(seen: &[Seen]) -> Vec<(i64, i64)> {
    seen.iter().map(Seen::told).map(|(seq, index, ..)| (seq, index)).collect()
}

/// Places by customer, in the order in which they were taken.
fn by_customer(seen: &[Seen]) -> BTreeMap<i64, Vec<(i64, i64)>> {
    let mut by_customer: BTreeMap<i64, Vec<(i64, i64)>> = BTreeMap::new();
    for (seq, index, _, customer) in seen.iter().map(Seen::told) {
        by_customer.entry(customer).or_default().push((seq, index));
    }
    by_customer
}

#[tokio::test]
async fn an_event_is_told_as_the_feed_tells_it_and_signed() {
    let rig = Rig::new(&[]).await;
    rig.writer().upsert(&["member:1"], json!({ "name": "王芳" })).await.was(201);
    let taken = rig.receiver.taken(2).await;
    let feed = rig.writer().get("/api/changes").await.was(200);
    for (seen, item) in taken.iter().zip(feed["items"].as_array().unwrap()) {
        let expected = json!({ "type": item["kind"], "timestamp": item["at"], "data": item });
        assert_eq!(seen.event(), expected);
        assert_eq!(seen.header("content-type"), "application/json");
        assert_eq!(seen.header("webhook-timestamp"), "1777856523");
        assert!(seen.is_signed_with(&rig.secret));
    }
    let ids: Vec<&str> = taken.iter().map(|seen| seen.header("webhook-id")).collect();
    assert_eq!(ids, ["evt_1_1_0", "evt_1_1_1"]);
    let progress = rig.settles().await;
    assert_eq!((&progress["seq"], &progress["lastError"]), (&json!(1), &Value::Null));
    assert_eq!(progress["deliveredAt"], "2026-05-04T01:02:03.250Z");

    // After a rotation both secrets sign for a day.
    let rotated = rig.writer().post("/api/webhooks/1/rotate", &Value::Null).await.was(200);
    let new = rotated["secret"].as_str().unwrap();
    for (hours, old_counts) in [(0, true), (24, false)] {
        rig.hub.clock.advance_seconds(hours * 60 * 60);
        let id = if old_counts { "cl0000000000000aa" } else { "cl0000000000000ab" };
        let writer = rig.hub.app_with(id, &[Permission::CustomersWrite]).await;
        let before = rig.receiver.seen().len();
        writer.upsert(&[&format!("wechat:after-{hours}")], json!({})).await.was(201);
        let taken = rig.receiver.taken(before + 2).await;
        let last = taken.last().unwrap();
        assert!(last.is_signed_with(new));
        assert_eq!(last.is_signed_with(&rig.secret), old_counts);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_customer_is_told_in_order_whatever_fails() {
    let rig = Rig::new(&[Duration::ZERO; 30]).await;
    let mut calls = 0_u32;
    rig.receiver.answers(move |_| {
        calls = calls.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if (calls >> 16).is_multiple_of(3) { 500 } else { 204 }
    });
    for round in 0..8 {
        for customer in 0..12 {
            rig.upsert(&[&format!("member:m{customer}"), &format!("wechat:{customer}-{round}")])
                .await;
        }
    }
    // Two of them turn out to be one.
    rig.upsert(&["wechat:0-0", "wechat:1-1", "cookie:x"]).await;
    rig.settles().await;
    let feed = rig.writer().get("/api/changes?limit=1000").await.was(200);
    let items = feed["items"].as_array().unwrap().len();
    let taken = rig.receiver.taken(items).await;
    let told: BTreeSet<(i64, i64)> = places(&taken).into_iter().collect();
    assert_eq!(told.len(), items, "each event once");
    for (customer, places) in by_customer(&taken) {
        assert!(places.is_sorted(), "customer {customer}: {places:?}");
    }
}

#[tokio::test]
async fn a_poisoned_customer_holds_up_nobody_else() {
    let rig = Rig::new(&[LONG]).await;
    rig.receiver.answers(|seen| if seen.told().3 == 1 { 500 } else { 200 });
    rig.upsert(&["member:1"]).await;
    rig.upsert(&["member:2"]).await;
    rig.upsert(&["member:1", "wechat:1"]).await;
    rig.upsert(&["member:2", "wechat:2"]).await;
    let taken = rig.receiver.taken(4).await;
    assert_eq!(places(&taken), [(2, 0), (2, 1), (4, 0), (4, 1)]);
    let progress = rig.reaches("all is saved", |it| it["lag"] == 0).await;
    assert_eq!((&progress["waiting"], &progress["deadLetters"]), (&json!(4), &json!(0)));
    let failure = json!({ "at": "2026-05-04T01:02:03.250Z", "reason": "status", "status": 500 });
    assert_eq!(progress["lastError"], failure);
    let tried = rig.receiver.seen().iter().filter(|seen| seen.status == 500).count();
    assert_eq!(tried, 1, "what waits behind it is not tried");

    // Its time comes, and it is well: the rest follows in order.
    rig.receiver.answers(|_| 200);
    rig.hub.clock.advance_seconds(60);
    let taken = rig.receiver.taken(8).await;
    assert_eq!(by_customer(&taken)[&1], [(1, 0), (1, 1), (3, 0), (3, 1)]);
    assert_eq!(rig.settles().await["lastError"], failure);
}

#[tokio::test]
async fn what_is_never_taken_becomes_a_dead_letter_and_can_be_retried() {
    let rig = Rig::new(&[Duration::ZERO, Duration::ZERO]).await;
    rig.receiver.answers(|seen| if seen.told().2 == "created" { 410 } else { 200 });
    for customer in ["member:1", "member:2", "member:3"] {
        rig.upsert(&[customer]).await;
    }
    rig.receiver.taken(3).await;
    let progress = rig.settles().await;
    assert_eq!(progress["deadLetters"], 3);
    let metrics = rig.hub.call(request("GET", "/metrics", "")).await.text;
    for line in [
        r#"kehub_webhook_calls_total{result="told"} 3"#,
        r#"kehub_webhook_calls_total{result="status"} 9"#,
        "kehub_webhook_dead_letters_total 3",
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
    assert_eq!(rig.receiver.seen().iter().filter(|seen| seen.status == 410).count(), 9);

    let letters = "/api/webhooks/1/dead-letters";
    let page = rig.writer().get(&format!("{letters}?limit=2")).await.was(200);
    let error = json!({ "at": "2026-05-04T01:02:03.250Z", "reason": "status", "status": 410 });
    let first = json!({ "seq": 1, "index": 0, "eventId": "evt_1_1_0", "tries": 3, "error": error });
    assert_eq!(page["items"][0], first);
    assert_eq!(page["nextCursor"], "2.0");
    let rest = rig.writer().get(&format!("{letters}?cursor=2.0")).await.was(200);
    assert_eq!((&rest["items"][0]["seq"], &rest["nextCursor"]), (&json!(3), &Value::Null));

    rig.receiver.answers(|_| 200);
    let retry = format!("{letters}/retry");
    let one = json!({ "seq": 2, "index": 0 });
    let dry = rig.writer().post(&format!("{retry}?dryRun=1"), &one).await.was(200);
    assert_eq!(
        (&dry["progress"]["deadLetters"], &dry["progress"]["waiting"]),
        (&json!(2), &json!(1))
    );
    rig.writer().post(&retry, &one).await.was(200);
    assert_eq!(places(&rig.receiver.taken(4).await)[3], (2, 0));
    rig.writer().post(&retry, &one).await.refused(404, "deadLetterNotFound");
    rig.settles().await;
    rig.writer().post(&retry, &Value::Null).await.was(200);
    let taken = places(&rig.receiver.taken(6).await);
    assert_eq!(BTreeSet::from([taken[4], taken[5]]), BTreeSet::from([(1, 0), (3, 0)]));
    let progress = rig.settles().await;
    assert_eq!(progress["deadLetters"], 0);
}

#[tokio::test]
async fn a_restart_goes_on_where_it_was() {
    let mut rig = Rig::new(&[LONG]).await;
    rig.receiver.answers(|seen| if seen.told().3 == 2 { 503 } else { 200 });
    rig.upsert(&["member:1"]).await;
    rig.upsert(&["member:2"]).await;
    rig.receiver.taken(2).await;
    rig.stop().await;
    // Nothing is told while nobody delivers, and nothing is lost.
    rig.upsert(&["member:3"]).await;
    rig.upsert(&["member:2", "wechat:2"]).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(rig.receiver.seen().iter().filter(|seen| seen.status == 200).count(), 2);

    rig.start(&[LONG]);
    assert_eq!(places(&rig.receiver.taken(4).await)[2..], [(3, 0), (3, 1)]);
    rig.reaches("all is saved", |it| it["lag"] == 0).await;
    rig.stop().await;
    rig.receiver.answers(|_| 200);
    rig.hub.clock.advance_seconds(60);
    rig.start(&[LONG]);
    let taken = rig.receiver.taken(8).await;
    assert_eq!(by_customer(&taken)[&2], [(2, 0), (2, 1), (4, 0), (4, 1)]);
    assert_eq!(rig.settles().await["deadLetters"], 0);
}

#[tokio::test]
async fn what_was_erased_is_not_told_any_more() {
    let rig = Rig::new(&[LONG]).await;
    rig.receiver.answers(|_| 503);
    let sent = json!({ "name": "王芳", "mobile": "13800000001" });
    rig.writer().upsert(&["wechat:oSecret"], sent).await.was(201);
    rig.writer().upsert(&["member:7"], json!({ "name": "Li" })).await.was(201);
    rig.reaches("both wait", |it| it["lag"] == 0 && it["waiting"] == 4).await;
    rig.hub.run(Command::Erase(CustomerId(1))).await;
    let before = rig.receiver.seen().len();
    rig.receiver.answers(|_| 200);
    rig.hub.clock.advance_seconds(60);
    rig.settles().await;
    // The places are told, without their content; so they are by a replay.
    rig.writer().post("/api/webhooks/1/replay", &json!({ "seq": 1 })).await.was(200);
    rig.settles().await;
    let later = rig.receiver.seen().split_off(before);
    let kinds: Vec<String> = later.iter().map(|seen| seen.told().2).collect();
    assert_eq!(kinds.iter().filter(|kind| *kind == "erased").count(), 2, "{kinds:?}");
    assert_eq!(kinds.iter().filter(|kind| *kind == "identityAttached").count(), 4, "{kinds:?}");
    for seen in later {
        let text = String::from_utf8(seen.body.to_vec()).unwrap();
        for content in ["王芳", "13800000001", "oSecret"] {
            assert!(!text.contains(content), "{text}");
        }
    }
}

#[tokio::test]
async fn a_replay_tells_again_under_the_same_ids() {
    let rig = Rig::new(&[]).await;
    for customer in ["member:1", "member:2", "member:3"] {
        rig.upsert(&[customer]).await;
    }
    let first = rig.receiver.taken(6).await;
    rig.settles().await;
    let replay = "/api/webhooks/1/replay";
    rig.writer().post(replay, &json!({ "seq": 5 })).await.refused(422, "beyondFeed");
    let replayed = rig.writer().post(replay, &json!({ "seq": 2 })).await.was(200);
    assert_eq!(replayed["progress"]["seq"], 1);
    let all = rig.receiver.taken(10).await;
    let ids = |seen: &[Seen]| -> BTreeSet<String> {
        seen.iter().map(|seen| seen.header("webhook-id").to_owned()).collect()
    };
    let again: Vec<Seen> = first.iter().filter(|seen| seen.told().0 >= 2).cloned().collect();
    assert_eq!(ids(&all[6..]), ids(&again));
    assert_eq!(ids(&all), ids(&first));
    rig.settles().await;
}

#[tokio::test]
async fn only_wanted_kinds_are_told_and_nothing_while_disabled() {
    let rig = Rig::new(&[]).await;
    let path = "/api/webhooks/1";
    rig.writer().patch(path, &json!({ "kinds": ["deleted", "created"] })).await.was(200);
    eventually("the deliverer knows", async || {
        let before = rig.receiver.seen().len();
        rig.upsert(&[&format!("member:{before}-x")]).await;
        rig.settles().await;
        rig.receiver.seen()[before..].iter().all(|seen| seen.told().2 == "created")
    })
    .await;
    rig.writer().patch(path, &json!({ "enabled": false })).await.was(200);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let before = rig.receiver.seen().len();
    rig.upsert(&["member:later"]).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(rig.receiver.seen().len(), before);
    assert_eq!(rig.progress().await["lag"], 1);
    rig.writer().patch(path, &json!({ "enabled": true })).await.was(200);
    rig.receiver.taken(before + 1).await;
    rig.settles().await;
}

#[tokio::test]
async fn private_addresses_are_not_called() {
    let hub = TestHub::on_memory().await;
    let receiver = Receiver::start().await;
    let port = receiver.address.port();
    for host in ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1", "169.254.169.254"] {
        let sent = json!({ "url": format!("http://{host}:{port}/hook") });
        let answer = hub.writer.post("/api/webhooks", &sent).await;
        assert_eq!(answer.unfit(422, "fieldsInvalid"), ["/url invalid"], "{host}");
    }
    // What a name leads to is known only when it is called.
    let sent = json!({ "url": format!("http://localhost:{port}/hook") });
    hub.writer.post("/api/webhooks", &sent).await.was(201);
    let deliverer = Deliverer::start(hub.hub.clone(), options(&[])).unwrap();
    hub.writer.upsert(&["member:1"], json!({})).await.was(201);
    let mut progress = Value::Null;
    eventually("it was tried", async || {
        progress = hub.writer.get("/api/webhooks/1").await.was(200)["progress"].clone();
        progress["deadLetters"] == 2
    })
    .await;
    assert_eq!(progress["lastError"]["reason"], "addressRefused");
    deliverer.stop().await;
    assert_eq!(receiver.seen().len(), 0);
}

/// What the console says of the last calls.
async fn calls(rig: &Rig) -> String {
    let page = rig.writer().get("/console/settings/webhooks/1").await;
    assert_eq!(page.status, 200);
    let (_, calls) = page.text.split_once("<h2>Last calls</h2>").unwrap();
    calls.split("</section>").next().unwrap().to_owned()
}

#[tokio::test]
async fn the_last_calls_are_told_whatever_came_of_them() {
    let rig = Rig::new(&[]).await;
    assert!(calls(&rig).await.contains("No call yet"));
    rig.upsert(&["member:1"]).await;
    rig.settles().await;
    rig.receiver.responds(|_| StatusCode::IM_A_TEAPOT.into_response());
    rig.upsert(&["member:2"]).await;
    rig.reaches("two are dead", |it| it["deadLetters"] == 2).await;
    let calls = calls(&rig).await;
    let rows: Vec<&str> = calls.split("<tr>").skip(2).collect();
    assert_eq!(rows.len(), 4, "{calls}");
    for (row, expected) in rows.iter().zip(["evt_1_2_", "evt_1_2_", "evt_1_1_", "evt_1_1_"]) {
        assert!(row.contains(expected) && row.contains(" ms<"), "{row}");
        let told = if expected == "evt_1_1_" { "delivered" } else { "418" };
        assert!(row.contains(told), "{told}: {row}");
    }
}

#[tokio::test]
async fn redirects_are_not_followed_and_answers_are_not_read() {
    let rig = Rig::new(&[]).await;
    let elsewhere = format!("http://{}/elsewhere", rig.receiver.address);
    rig.receiver.responds(move |_| {
        (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, elsewhere.clone())]).into_response()
    });
    rig.upsert(&["member:1"]).await;
    let progress = rig.reaches("both are dead", |it| it["deadLetters"] == 2).await;
    let error = &progress["lastError"];
    assert_eq!((&error["reason"], &error["status"]), (&json!("status"), &json!(307)));
    assert!(rig.receiver.seen().iter().all(|seen| seen.path == "/hook"));

    // A large answer counts by its status.
    rig.receiver.responds(|_| Response::new(Body::from(vec![b'x'; 16 * 1024 * 1024])));
    rig.upsert(&["member:2"]).await;
    rig.receiver.taken(2).await;
    rig.reaches("both are told", |it| it["lag"] == 0 && it["deadLetters"] == 2).await;
}

#[tokio::test]
async fn a_receiver_that_does_not_answer_is_left_after_a_while() {
    let hub = TestHub::with(Settings { webhooks_private: true, ..Settings::default() }).await;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addresses = [silent.local_addr().unwrap(), closed.local_addr().unwrap()];
    drop(closed);
    for address in addresses {
        let sent = json!({ "url": format!("http://{address}/"), "kinds": ["created"] });
        hub.writer.post("/api/webhooks", &sent).await.was(201);
    }
    let nowhere = json!({ "url": "http://nowhere.invalid/", "kinds": ["created"] });
    hub.writer.post("/api/webhooks", &nowhere).await.was(201);
    let time_limit = Duration::from_millis(200);
    let options = DeliveryOptions { time_limit, ..options(&[]) };
    let deliverer = Deliverer::start(hub.hub.clone(), options).unwrap();
    hub.writer.upsert(&["member:1"], json!({})).await.was(201);
    for (id, reason) in [(1, "timedOut"), (2, "notConnected"), (3, "notResolved")] {
        let mut error = Value::Null;
        eventually("it was tried", async || {
            let webhook = hub.writer.get(&format!("/api/webhooks/{id}")).await.was(200);
            error = webhook["progress"]["lastError"].clone();
            !error.is_null()
        })
        .await;
        assert_eq!(error["reason"], reason);
    }
    deliverer.stop().await;
}

#[tokio::test]
async fn two_hubs_on_one_store_tell_each_event_once() {
    let mut rig = Rig::new(&[]).await;
    let other = Deliverer::start(rig.hub.hub.clone(), options(&[])).unwrap();
    for customer in 0..20 {
        rig.upsert(&[&format!("member:m{customer}")]).await;
    }
    rig.receiver.taken(40).await;
    // Who delivers gives the lease back, and the other one goes on at once.
    rig.stop().await;
    rig.upsert(&["member:last"]).await;
    let taken = rig.receiver.taken(42).await;
    let told: BTreeSet<_> = places(&taken).into_iter().collect();
    assert_eq!(told.len(), 42);
    other.stop().await;
}

async fn a_webhook_is_created_shown_changed_and_deleted(hub: TestHub) {
    let writer = &hub.writer;
    let sent = json!({ "url": "https://example.com/hook", "description": " CRM ",
        "kinds": ["merged", "created"] });
    let dry = writer.post("/api/webhooks?dryRun=1", &sent).await.was(200);
    assert_eq!((&dry["id"], dry.get("secret")), (&json!(1), None));
    assert_eq!(writer.get("/api/webhooks").await.was(200)["items"], json!([]));
    let mut created = writer.post("/api/webhooks", &sent).await.was(201);
    assert!(created["secret"].as_str().unwrap().starts_with("whsec_"));
    created.as_object_mut().unwrap().remove("secret");
    let moment = "2026-05-04T01:02:03.250Z";
    let progress = json!({ "seq": 0, "lag": 0, "waiting": 0, "deadLetters": 0,
        "deliveredAt": null, "lastError": null });
    let expected = json!({ "id": 1, "url": "https://example.com/hook", "description": "CRM",
        "kinds": ["created", "merged"], "enabled": true, "createdAt": moment, "updatedAt": moment,
        "version": created["version"], "progress": progress });
    assert_eq!(created, expected);
    assert_eq!(writer.get("/api/webhooks/1").await.was(200), expected);
    let page = json!({ "items": [expected], "nextCursor": null });
    assert_eq!(writer.get("/api/webhooks").await.was(200), page);

    hub.clock.advance_seconds(1);
    let change = json!({ "kinds": null, "description": null, "enabled": false });
    let changed = writer.patch("/api/webhooks/1", &change).await.was(200);
    assert_eq!((&changed["kinds"], &changed["description"]), (&json!([]), &json!("")));
    assert_eq!((&changed["enabled"], &changed["url"]), (&json!(false), &expected["url"]));
    assert_eq!(changed["updatedAt"], "2026-05-04T01:02:04.250Z");
    writer.upsert(&["member:1"], json!({})).await.was(201);
    assert_eq!(writer.get("/api/webhooks/1").await.was(200)["progress"]["lag"], 1);

    let dry = writer.ask("DELETE", "/api/webhooks/1?dryRun=1", &Value::Null).await;
    assert_eq!(dry.status, 204);
    writer.get("/api/webhooks/1").await.was(200);
    assert_eq!(writer.ask("DELETE", "/api/webhooks/1", &Value::Null).await.status, 204);
    for (method, path) in [
        ("GET", "/api/webhooks/1"),
        ("DELETE", "/api/webhooks/1"),
        ("POST", "/api/webhooks/1/rotate"),
        ("GET", "/api/webhooks/1/dead-letters"),
        ("POST", "/api/webhooks/1/dead-letters/retry"),
        ("GET", "/api/webhooks/x"),
    ] {
        writer.ask(method, path, &Value::Null).await.refused(404, "webhookNotFound");
    }
}

async fn what_does_not_fit_is_told(hub: TestHub) {
    let writer = &hub.writer;
    let sent = json!({ "kinds": ["created", "x", 1], "enabled": "yes", "secret": "mine" });
    let unfit = writer.post("/api/webhooks", &sent).await.unfit(422, "fieldsInvalid");
    let expected = [
        "/url missing",
        "/secret unknown",
        "/kinds/1 invalid",
        "/kinds/2 invalid",
        "/enabled invalid",
    ];
    assert_eq!(unfit, expected);
    for url in ["ftp://example.com/", "example.com", "https://me:pw@example.com/", "http://"] {
        let unfit = writer.post("/api/webhooks", &json!({ "url": url })).await;
        assert_eq!(unfit.unfit(422, "fieldsInvalid"), ["/url invalid"], "{url}");
    }
    for url in ["", " "] {
        let unfit = writer.post("/api/webhooks", &json!({ "url": url })).await;
        assert_eq!(unfit.unfit(422, "fieldsInvalid"), ["/url missing"], "`{url}`");
    }
    for _ in 0..20 {
        writer.post("/api/webhooks", &json!({ "url": "https://example.com/" })).await.was(201);
    }
    let one_more = writer.post("/api/webhooks", &json!({ "url": "https://example.com/" })).await;
    one_more.refused(409, "webhooksTooMany");
    let unfit = writer.patch("/api/webhooks/1", &json!({ "url": null })).await;
    assert_eq!(unfit.unfit(422, "fieldsInvalid"), ["/url missing"]);
    let unfit = writer.post("/api/webhooks/1/replay", &json!({ "seq": 0 })).await;
    assert_eq!(unfit.unfit(422, "fieldsInvalid"), ["/seq invalid"]);
    let unfit = writer.post("/api/webhooks/1/replay", &json!({})).await;
    assert_eq!(unfit.unfit(422, "fieldsInvalid"), ["/seq missing"]);
    let retry = "/api/webhooks/1/dead-letters/retry";
    let unfit = writer.post(retry, &json!({ "seq": 1 })).await;
    assert_eq!(unfit.unfit(422, "fieldsInvalid"), ["/index missing"]);
    let none = writer.post(retry, &json!({ "seq": 1, "index": 9_000_000_000_i64 })).await;
    none.refused(404, "deadLetterNotFound");
}

async fn a_repeated_request_makes_one_webhook(hub: TestHub) {
    let sent = json!({ "url": "https://example.com/hook" });
    let create = async || {
        let mut call = request("POST", "/api/webhooks", sent.to_string());
        call.headers_mut().insert("idempotency-key", "k".parse().unwrap());
        hub.writer.ask_with("/api/webhooks", call).await
    };
    let created = create().await.was(201);
    // Who missed the answer gets the secret it did not see.
    assert_eq!(create().await.was(201), created);
    assert_eq!(
        hub.writer.get("/api/webhooks").await.was(200)["items"].as_array().unwrap().len(),
        1
    );
    hub.writer.ask("DELETE", "/api/webhooks/1", &Value::Null).await;
    create().await.refused(404, "webhookNotFound");
}
