//! The change feed: who follows it knows what there is.

use crate::hub::{Actor, TestHub, on_every_engine, request};
use axum::http::header::AUTHORIZATION;
use kehub::server::Settings;
use kehub_core::command::{
    Command, Decision, Extract, IdentitySent, MergeByHand, SetPolicy, SettleConflict,
};
use kehub_core::policy::{OnConflict, Preset};
use kehub_core::{ConflictId, CustomerId, MergeId};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

on_every_engine! {
    who_follows_the_feed_knows_every_customer_and_identity,
    an_event_tells_what_happened,
    a_part_of_the_feed_is_asked_for,
    what_is_no_place_in_the_feed_is_refused,
    who_waits_is_answered_by_the_event,
}

/// Number, type and value of identities, by the customer that owns them. Texts that were erased are
/// unknown.
type Owned = BTreeMap<i64, BTreeMap<i64, Option<(String, String)>>>;

/// Somebody who knows nothing but the feed.
#[derive(Debug, Default)]
struct Follower {
    owned: Owned,
    cursor: Option<String>,
    heard: BTreeSet<String>,
}

impl Follower {
    /// Asks for what comes next; how many events came.
    async fn follow(&mut self, app: &Actor, limit: usize) -> usize {
        let after = self.cursor.as_ref().map_or(String::new(), |it| format!("&after={it}"));
        let page = app.get(&format!("/api/changes?limit={limit}{after}")).await.was(200);
        self.cursor = Some(page["nextCursor"].as_str().unwrap().to_owned());
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= limit);
        for item in items {
            self.hear(item);
        }
        items.len()
    }

    fn hear(&mut self, event: &Value) {
        let owned = &mut self.owned;
        let id = |key: &str| event[key].as_i64().unwrap();
        let identity =
            || (event["identity"]["number"].as_i64().unwrap(), texts(&event["identity"]));
        self.heard.insert(event["kind"].as_str().unwrap().to_owned());
        match event["kind"].as_str().unwrap() {
            "created" | "restored" => {
                assert_eq!(owned.insert(id("customerId"), BTreeMap::new()), None, "{event}");
            }
            "unmerged" => {
                assert_eq!(owned.insert(id("revivedId"), BTreeMap::new()), None, "{event}");
            }
            "merged" => {
                let theirs = owned.remove(&id("mergedId")).unwrap();
                owned.get_mut(&id("customerId")).unwrap().extend(theirs);
            }
            "identityAttached" => {
                owned.get_mut(&id("customerId")).unwrap().extend([identity()]);
            }
            "identityReleased" => {
                let known = owned.get_mut(&id("customerId")).unwrap().remove(&identity().0);
                assert!(known.is_some(), "{event}");
            }
            "identityMoved" => {
                let known = owned.get_mut(&id("fromCustomerId")).unwrap().remove(&identity().0);
                assert!(known.is_some(), "{event}");
                owned.get_mut(&id("customerId")).unwrap().extend([identity()]);
            }
            "deleted" => {
                assert_eq!(owned.remove(&id("customerId")), Some(BTreeMap::new()), "{event}");
            }
            // It may have been deleted before.
            "erased" => drop(owned.remove(&id("customerId"))),
            "updated" | "extracted" | "quarantined" | "released" | "conflictOpened"
            | "conflictResolved" | "cannotLinkSet" | "cannotLinkRemoved" | "policyChanged" => (),
            other => panic!("an event of an unknown kind: {other}"),
        }
    }
}

/// Type and value of an identity, unless they were erased.
fn texts(identity: &Value) -> Option<(String, String)> {
    let text = |key: &str| identity[key].as_str().map(str::to_owned);
    text("type").zip(text("value"))
}

/// An answer that is not held against the description, because there are so many of them.
async fn unchecked(app: &Actor, path: &str) -> Value {
    let mut call = request("GET", path, "");
    let token = format!("Bearer {}", app.token).parse().unwrap();
    call.headers_mut().insert(AUTHORIZATION, token);
    app.send(call).await.json()
}

/// What the hub answers about every id up to this one.
async fn shown(app: &Actor, last: i64) -> Owned {
    let mut owned = Owned::new();
    for id in 1..=last {
        let customer = unchecked(app, &format!("/api/customers/{id}")).await;
        if customer["id"] != id {
            continue;
        }
        let identities = customer["identities"].as_array().unwrap().iter();
        let identities = identities.map(|it| (it["number"].as_i64().unwrap(), texts(it)));
        owned.insert(id, identities.collect());
    }
    owned
}

/// Numbers that look drawn, and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % limit
    }
}

/// Writes something, through the wire where that is possible.
async fn write(hub: &TestHub, dice: &mut Dice) {
    let app = &hub.writer;
    let id = 1 + dice.below(30);
    if dice.below(6) == 0 {
        let path = format!("/v1/customers/{id}?access_token={}", app.token);
        app.send(request("DELETE", &path, "")).await;
        return;
    }
    let number = |limit: u64, dice: &mut Dice| i64::try_from(1 + dice.below(limit)).unwrap();
    let decided = match dice.below(14) {
        0 => {
            let (one, other) = (CustomerId(number(30, dice)), CustomerId(number(30, dice)));
            Some(Command::Merge(MergeByHand { one, other }))
        }
        1 | 2 => Some(Command::Unmerge(MergeId(number(20, dice)))),
        3 => Some(Command::Restore(CustomerId(number(30, dice)))),
        4 => Some(Command::Erase(CustomerId(number(30, dice)))),
        5 => {
            let conflict = ConflictId(number(20, dice));
            let decision = Decision::ALL[usize::try_from(dice.below(4)).unwrap()];
            Some(Command::SettleConflict(SettleConflict { conflict, decision }))
        }
        6 | 7 => {
            let found = unchecked(app, &format!("/api/customers/{id}")).await;
            let identity = &found["identities"][0];
            let Some((kind, value)) = texts(identity) else { return };
            let identities = vec![IdentitySent { kind, value, name: None, scope: None }];
            let customer = CustomerId(found["id"].as_i64().unwrap());
            Some(Command::Extract(Extract { customer, identities }))
        }
        _ => None,
    };
    if let Some(command) = decided {
        // It may be refused: not every number drawn is one.
        hub.try_run(command).await;
        return;
    }
    let identities: Vec<String> = (0..=dice.below(3))
        .map(|_| {
            let kind = ["member", "wechat", "mobile", "cookie", "wechat-unionid"];
            let kind = kind[usize::try_from(dice.below(5)).unwrap()];
            format!("{kind}:1380000{:04}", dice.below(12))
        })
        .collect();
    let identities: Vec<&str> = identities.iter().map(String::as_str).collect();
    let name = format!("name {}", dice.below(3));
    app.upsert(&identities, json!({ "name": name })).await;
}

async fn who_follows_the_feed_knows_every_customer_and_identity(hub: TestHub) {
    let mut heard = BTreeSet::new();
    for (seed, preset) in [(1, Preset::Compat), (2, Preset::Guarded)] {
        hub.set_policy(preset, OnConflict::Merge).await;
        let mut dice = Dice(seed);
        // One who keeps up, and stops wherever a page of its size ends.
        let mut close = Follower::default();
        while close.follow(&hub.writer, 1000).await > 0 {}
        for _ in 0..120 {
            write(&hub, &mut dice).await;
            let limit = 1 + usize::try_from(dice.below(4)).unwrap();
            close.follow(&hub.writer, limit).await;
        }
        while close.follow(&hub.writer, 3).await > 0 {}
        let expected = shown(&hub.writer, 150).await;
        assert!(expected.len() > 5, "{expected:?}");
        assert_eq!(close.owned, expected);
        // One who comes late, with pages of other sizes.
        for limit in [3, 1000] {
            let mut late = Follower::default();
            while late.follow(&hub.writer, limit).await > 0 {}
            assert_eq!(late.owned, expected);
            heard.extend(late.heard);
        }
    }
    for kind in
        ["merged", "unmerged", "extracted", "identityMoved", "deleted", "restored", "erased"]
    {
        assert!(heard.contains(kind), "nothing was {kind}");
    }
}

async fn an_event_tells_what_happened(hub: TestHub) {
    let sent = json!({ "name": "Wang", "mobile": "13800000001", "mobileVerified": true,
        "dateJoin": "2026-01-02T03:04:05Z", "attr": { "size": 38 } });
    hub.writer.upsert(&["member:1"], sent).await.was(201);
    hub.writer.upsert(&["wechat:o1"], json!({})).await.was(201);
    let unset = json!({ "customer": { "unset": ["name"] } });
    hub.writer.patch("/api/customers/1", &unset).await.was(200);
    let mut named = crate::hub::sent(&["wechat:o1", "member:1"]);
    named[0]["name"] = json!("shop");
    let merge = json!({ "customer": {}, "identities": named });
    hub.writer.post("/api/customers", &merge).await.was(200);
    hub.writer.upsert(&["wechat:o1", "member:2"], json!({})).await.was(200);

    let page = hub.writer.get("/api/changes").await.was(200);
    let mut items = page["items"].as_array().unwrap().clone();
    for item in &mut items {
        let item = item.as_object_mut().unwrap();
        assert_eq!(item.remove("at"), Some(json!("2026-05-04T01:02:03.250Z")));
        assert_eq!(item.remove("app"), Some(json!(hub.writer.id)));
        assert!(item.remove("requestId").unwrap().is_string());
    }
    let member = json!({ "number": 1, "type": "member", "value": "1", "name": null });
    let second = json!({ "number": 3, "type": "member", "value": "2", "name": null });
    // The name is the one of today, also in events from before it was given.
    let wechat = json!({ "number": 2, "type": "wechat", "value": "o1", "name": "shop" });
    let fields = json!({ "name": "Wang", "mobile": "13800000001", "mobileVerified": true,
        "dateJoin": "2026-01-02T03:04:05Z", "attr": { "size": 38 } });
    let conflict = json!({ "id": 1, "kind": "review", "rule": "distinguishing",
        "identity": second, "homes": [2] });
    let expected = json!([
        { "seq": 1, "index": 0, "kind": "created", "customerId": 1, "rev": 1, "fields": fields },
        { "seq": 1, "index": 1, "kind": "identityAttached", "customerId": 1, "identity": member },
        { "seq": 2, "index": 0, "kind": "created", "customerId": 2, "rev": 1, "fields": {} },
        { "seq": 2, "index": 1, "kind": "identityAttached", "customerId": 2, "identity": wechat },
        { "seq": 3, "index": 0, "kind": "updated", "customerId": 1, "rev": 2,
          "fields": { "name": null }, "namedIdentities": [] },
        { "seq": 4, "index": 0, "kind": "merged", "customerId": 1, "rev": 3, "mergedId": 2,
          "mergeId": 1 },
        { "seq": 4, "index": 1, "kind": "updated", "customerId": 1, "rev": 3, "fields": {},
          "namedIdentities": [wechat] },
        { "seq": 5, "index": 0, "kind": "identityAttached", "customerId": 1, "identity": second },
        { "seq": 5, "index": 1, "kind": "updated", "customerId": 1, "rev": 4, "fields": {},
          "namedIdentities": [] },
        { "seq": 5, "index": 2, "kind": "conflictOpened", "customerId": 1, "conflict": conflict },
    ]);
    assert_eq!(Value::Array(items), expected);
    assert_eq!(page["nextCursor"], "5");
}

async fn a_part_of_the_feed_is_asked_for(hub: TestHub) {
    hub.writer.upsert(&["member:1", "wechat:o1"], json!({})).await.was(201);
    hub.writer.upsert(&["member:2"], json!({})).await.was(201);
    let seen = async |query: &str| {
        let page = hub.writer.get(&format!("/api/changes?{query}")).await.was(200);
        let items = page["items"].as_array().unwrap().iter();
        let places: Vec<String> =
            items.map(|it| format!("{}.{} {}", it["seq"], it["index"], it["kind"])).collect();
        (places.join(", ").replace('"', ""), page["nextCursor"].as_str().unwrap().to_owned())
    };
    let cursor = |text: &str| text.to_owned();
    assert_eq!(seen("limit=2").await, (cursor("1.0 created, 1.1 identityAttached"), cursor("1.1")));
    assert_eq!(
        seen("after=1.1&limit=2").await,
        (cursor("1.2 identityAttached, 2.0 created"), cursor("2.0"))
    );
    assert_eq!(seen("after=2.0").await, (cursor("2.1 identityAttached"), cursor("2")));
    assert_eq!(seen("kinds=created").await, (cursor("1.0 created, 2.0 created"), cursor("2")));
    assert_eq!(
        seen("kinds=created,%20deleted&limit=1").await,
        (cursor("1.0 created"), cursor("1.0"))
    );
    for nothing in ["after=2", "after=latest", "kinds=deleted", "after=latest&wait=0"] {
        assert_eq!(seen(nothing).await, (String::new(), cursor("2")), "{nothing}");
    }
    hub.set_policy(Preset::Guarded, OnConflict::Keep).await;
    let page = hub.writer.get("/api/changes?after=2").await.was(200);
    let event = &page["items"][0];
    assert_eq!((&event["kind"], &event["customerId"]), (&json!("policyChanged"), &Value::Null));
    assert_eq!(event["app"], Value::Null, "it was the command line");
    assert_eq!(event["before"], json!({ "preset": "compat", "onConflict": "merge" }));
    assert_eq!(event["after"], json!({ "preset": "guarded", "onConflict": "keep" }));
}

async fn what_is_no_place_in_the_feed_is_refused(hub: TestHub) {
    hub.writer.upsert(&["member:1"], json!({})).await.was(201);
    for after in ["", "x", "-1", "2", "2.0", "1.x", "Latest"] {
        let unfit = hub.writer.get(&format!("/api/changes?after={after}")).await;
        assert_eq!(unfit.unfit(400, "parametersInvalid"), ["after invalid"], "{after}");
    }
    let all = "/api/changes?limit=0&wait=26&kinds=created,none&before=1";
    let unfit = hub.writer.get(all).await.unfit(400, "parametersInvalid");
    assert_eq!(unfit, ["limit invalid", "wait invalid", "kinds invalid", "before unknown"]);
    let unfit = hub.writer.get("/api/changes?limit=1001").await;
    assert_eq!(unfit.unfit(400, "parametersInvalid"), ["limit invalid"]);
}

async fn who_waits_is_answered_by_the_event(hub: TestHub) {
    let app = hub.writer.clone();
    let waiting = tokio::spawn(async move {
        let started = Instant::now();
        let page = app.get("/api/changes?after=latest&wait=20&kinds=created").await.was(200);
        (page, started.elapsed())
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    hub.set_policy(Preset::Guarded, OnConflict::Merge).await;
    hub.writer.upsert(&["member:1"], json!({})).await.was(201);
    let (page, took) = waiting.await.unwrap();
    assert_eq!(page["items"].as_array().unwrap().len(), 1, "{page}");
    assert!(took < Duration::from_secs(10), "{took:?}");

    // Nothing comes, and the hub ends.
    let app = hub.writer.clone();
    let waiting =
        tokio::spawn(async move { app.get("/api/changes?after=latest&wait=20").await.was(200) });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let started = Instant::now();
    hub.hub.end();
    assert_eq!(waiting.await.unwrap(), json!({ "items": [], "nextCursor": "2" }));
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn waiting_ends_before_the_request_would() {
    let request_timeout = Duration::from_millis(500);
    let hub = TestHub::with(Settings { request_timeout, ..Settings::default() }).await;
    let page = hub.writer.get("/api/changes?wait=25").await.was(200);
    assert_eq!(page, json!({ "items": [], "nextCursor": "0" }));
}

#[tokio::test]
async fn a_changed_type_is_told_by_its_name() {
    use kehub_core::policy::{Setting, TypeChange};
    let hub = TestHub::on_sqlite().await;
    hub.writer.upsert(&["Member:1"], json!({})).await.was(201);
    let change = TypeChange { limit: Setting::Value(3), ..TypeChange::default() };
    let types = vec![("member".to_owned(), change)];
    hub.set_rules(SetPolicy { types, ..SetPolicy::default() }).await;
    let page = hub.writer.get("/api/changes?after=1").await.was(200);
    assert_eq!(page["items"][0]["kind"], "policyChanged");
    assert_eq!(page["items"][0]["identityType"], "Member");
}
