//! Looking back at one customer: as of a moment, where values are from, history, export.

use crate::hub::{Actor, TestHub, on_every_engine};
use kehub_core::command::{Command, Extract, IdentitySent, SetCannotLink};
use kehub_core::{CustomerId, MergeId};
use serde_json::{Value, json};

on_every_engine! {
    a_customer_is_shown_as_it_stood,
    a_merged_away_id_is_shown_as_it_was_before,
    what_was_not_there_yet_or_is_to_come_is_refused,
    deleted_customers_are_gone_but_have_a_past,
    erased_customers_have_none,
    every_value_is_traced_to_its_source,
    a_history_tells_every_step,
    a_history_comes_in_parts,
    a_request_tells_how_it_found_the_customer,
    an_export_holds_everything,
    an_export_holds_what_others_opened,
    a_deleted_customer_is_exported,
    others_are_not_exported,
    identities_of_others_are_not_exported,
}

const AT: &str = "2026-05-04T01:02:0";

/// The second after the start of the hub's clock, as a moment.
fn at(second: u8) -> String {
    format!("{AT}{}.250Z", 3 + second)
}

async fn get(actor: &Actor, path: &str) -> Value {
    actor.get(path).await.was(200)
}

async fn upsert(hub: &TestHub, identities: &[&str], customer: Value) -> Value {
    hub.clock.advance_seconds(1);
    let answer = hub.writer.upsert(identities, customer).await;
    assert!(answer.status.is_success(), "{}", answer.text);
    answer.json()
}

fn texts(list: &Value, key: &str) -> Vec<String> {
    let items = list.as_array().unwrap().iter();
    items.map(|item| item[key].as_str().unwrap_or("nothing").to_owned()).collect()
}

/// `kinds`, joined, of each version.
fn kinds(history: &Value) -> Vec<String> {
    let joined = |item: &Value| {
        let kinds: Vec<&str> =
            item["kinds"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
        kinds.join(" ")
    };
    history["items"].as_array().unwrap().iter().map(joined).collect()
}

/// Customer 1 with an openid, customer 2 with a mobile, and then one of both.
async fn merged(hub: &TestHub) {
    upsert(hub, &["wechat:o1"], json!({ "name": "Wang", "city": "Beijing" })).await;
    upsert(hub, &["mobile:13800000001"], json!({ "city": "Shanghai", "attr": { "size": 38 } }))
        .await;
    upsert(hub, &["wechat:o1", "mobile:13800000001"], json!({ "name": "Wang Fang" })).await;
}

async fn a_customer_is_shown_as_it_stood(hub: TestHub) {
    merged(&hub).await;
    let then = get(&hub.reader, &format!("/api/customers/1?asOf={}", at(1))).await;
    assert_eq!(
        (&then["name"], &then["city"], &then["rev"]),
        (&json!("Wang"), &json!("Beijing"), &json!(1))
    );
    assert_eq!((&then["asOf"], &then["mergedIds"]), (&json!(at(1)), &json!([])));
    let identity = json!({ "number": 1, "type": "wechat", "value": "o1", "name": null, "scope": null,
        "customerId": 1 });
    assert_eq!(then["identities"], json!([identity]));
    assert_eq!(then["lastUpdated"], at(1));
    let later = get(&hub.reader, "/api/customers/1?asOf=2026-05-04T09:02:06.250%2B08:00").await;
    let now = get(&hub.reader, "/api/customers/1").await;
    for (key, value) in now.as_object().unwrap().iter().filter(|(key, _)| *key != "identities") {
        assert_eq!(later[key], *value, "{key}");
    }
    assert_eq!(texts(&later["identities"], "value"), ["o1", "13800000001"]);
}

async fn a_merged_away_id_is_shown_as_it_was_before(hub: TestHub) {
    merged(&hub).await;
    let then = get(&hub.reader, &format!("/api/customers/2?asOf={}", at(2))).await;
    assert_eq!((&then["id"], &then["city"]), (&json!(2), &json!("Shanghai")));
    assert_eq!(then["attr"], json!({ "size": 38 }));
    let after = get(&hub.reader, &format!("/api/customers/2?asOf={}", at(3))).await;
    assert_eq!((&after["id"], &after["mergedIds"]), (&json!(1), &json!([2])));
    // A merge that was undone since was live then.
    hub.decide(Command::Unmerge(MergeId(1))).await;
    let then = get(&hub.reader, &format!("/api/customers/2?asOf={}", at(3))).await;
    assert_eq!((&then["id"], &then["name"]), (&json!(1), &json!("Wang Fang")));
    let now = get(&hub.reader, "/api/customers/2?provenance=1").await;
    assert_eq!((&now["id"], &now["name"]), (&json!(2), &Value::Null));
}

async fn what_was_not_there_yet_or_is_to_come_is_refused(hub: TestHub) {
    merged(&hub).await;
    let path = format!("/api/customers/2?asOf={}", at(1));
    hub.reader.get(&path).await.refused(404, "customerNotFound");
    hub.reader
        .get(&format!("/api/customers/3?asOf={}", at(1)))
        .await
        .refused(404, "customerNotFound");
    for (moment, expected) in [(at(4), "asOf invalid"), ("yesterday".to_owned(), "asOf invalid")] {
        let answer = hub.reader.get(&format!("/api/customers/1?asOf={moment}&provenance=x")).await;
        let unfit = answer.unfit(400, "parametersInvalid");
        assert_eq!(unfit, [expected, "provenance invalid"]);
    }
}

async fn deleted_customers_are_gone_but_have_a_past(hub: TestHub) {
    merged(&hub).await;
    hub.decide(Command::Delete(CustomerId(1))).await;
    for path in ["/api/customers/1", "/api/customers/2", "/api/customers/2?provenance=1"] {
        let problem = hub.reader.get(path).await.refused(410, "customerDeleted");
        assert_eq!(problem["customerId"], 1, "{path}");
    }
    let body = json!({ "customer": { "name": "Li" } });
    hub.writer.patch("/api/customers/2", &body).await.refused(410, "customerDeleted");
    let then = get(&hub.reader, &format!("/api/customers/1?asOf={}", at(3))).await;
    assert_eq!(then["name"], "Wang Fang");
    let by_then = format!("/api/customers/1?asOf={}", at(4));
    hub.reader.get(&by_then).await.refused(410, "customerDeleted");
    let history = get(&hub.reader, "/api/customers/2/history?limit=1").await;
    assert_eq!(kinds(&history), ["deleted"]);
    let deleted = &history["items"][0];
    assert_eq!((&deleted["state"], &deleted["requestId"]), (&json!("merged"), &json!("decision")));
    assert_eq!(deleted["lost"].as_array().unwrap().len(), 2);
    hub.decide(Command::Restore(CustomerId(1))).await;
    assert_eq!(get(&hub.reader, "/api/customers/2").await["id"], 1);
}

async fn erased_customers_have_none(hub: TestHub) {
    merged(&hub).await;
    hub.decide(Command::Erase(CustomerId(1))).await;
    let body = json!({ "customer": { "name": "Li" } });
    for id in [1, 2] {
        let path = format!("/api/customers/{id}");
        for query in [
            String::new(),
            "?provenance=1".to_owned(),
            format!("?asOf={}", at(2)),
            "/export".to_owned(),
        ] {
            hub.reader.get(&format!("{path}{query}")).await.refused(410, "customerErased");
        }
        hub.writer.patch(&path, &body).await.refused(410, "customerErased");
        let history = get(&hub.reader, &format!("{path}/history")).await;
        let erased = json!({
            "seq": 4, "at": at(4), "app": hub.writer.id, "requestId": "decision",
            "kinds": ["erased"], "customerId": id, "state": "erased", "rev": 3,
            "visible": true, "fields": [], "gained": [], "lost": [], "mergeIds": [],
            "conflictIds": [], "movedClaims": [], "claim": null,
        });
        assert_eq!(history, json!({ "items": [erased], "nextCursor": null }));
    }
}

async fn every_value_is_traced_to_its_source(hub: TestHub) {
    merged(&hub).await;
    let other =
        hub.app_with("cl00000000000000a", &kehub_core::directory::Permission::ALL[..3]).await;
    hub.clock.advance_seconds(1);
    let sent = json!({ "name": "Wang Fang", "mobile": "13800000001", "mobileVerified": true });
    other.upsert(&["wechat:o1"], sent).await.was(200);
    upsert(&hub, &["wechat:o1"], json!({ "mobile": "00000000000" })).await;
    let shown = get(&hub.reader, "/api/customers/1?provenance=1").await;
    let provenance = &shown["provenance"];
    assert_eq!(
        provenance["name"],
        json!({
            "value": "Wang Fang", "seq": 3, "at": at(3), "app": hub.writer.id,
            "alsoSentBy": [other.id],
            "lost": [{ "value": "Wang", "seq": 1, "at": at(1), "app": hub.writer.id, "homeId": 1,
                "screened": false }],
        })
    );
    assert_eq!(texts(&provenance["city"]["lost"], "value"), ["Beijing"]);
    assert_eq!(provenance["attr.size"]["value"], 38);
    let mobile = &provenance["mobile"];
    assert_eq!((&mobile["value"], &mobile["verified"]), (&json!("13800000001"), &json!(true)));
    assert_eq!((&mobile["app"], &mobile["lost"][0]["screened"]), (&json!(other.id), &json!(true)));
    // The same as of a moment.
    let path = format!("/api/customers/2?asOf={}&provenance", at(2));
    let then = get(&hub.reader, &path).await;
    assert_eq!(then["provenance"]["city"]["value"], "Shanghai");
    assert_eq!(then["provenance"]["city"]["lost"], json!([]));
    assert_eq!(get(&hub.reader, "/api/customers/1").await["provenance"], Value::Null);
}

async fn a_history_tells_every_step(hub: TestHub) {
    upsert(&hub, &["wechat:o1", "member:1"], json!({ "name": "Wang" })).await;
    upsert(&hub, &["mobile:13800000001"], json!({})).await;
    upsert(&hub, &["wechat:o1", "mobile:13800000001"], json!({})).await;
    upsert(&hub, &["wechat:o1", "member:2"], json!({ "name": "Li" })).await;
    upsert(&hub, &["wechat:o1"], json!({ "name": "Li" })).await;
    hub.decide(Command::Unmerge(MergeId(1))).await;
    hub.decide(Command::SetCannotLink(SetCannotLink {
        one: CustomerId(1),
        other: CustomerId(2),
        apart: false,
    }))
    .await;
    let member = IdentitySent { kind: "member".into(), value: "2".into(), name: None, scope: None };
    let extract = Extract { customer: CustomerId(1), identities: vec![member] };
    hub.decide(Command::Extract(extract)).await;
    hub.decide(Command::Delete(CustomerId(1))).await;
    hub.decide(Command::Restore(CustomerId(1))).await;
    let history = get(&hub.reader, "/api/customers/1/history?order=oldest").await;
    assert_eq!(
        kinds(&history),
        [
            "created",
            "merged",
            "updated conflictOpened",
            "repeated",
            "unmerged cannotLinkSet",
            "cannotLinkRemoved",
            "extracted cannotLinkSet",
            "deleted",
            "restored",
        ]
    );
    let items = history["items"].as_array().unwrap();
    let visible: Vec<bool> = items.iter().map(|item| item["visible"].as_bool().unwrap()).collect();
    assert_eq!(visible, [true, true, true, false, true, false, true, true, true]);
    let changed = json!([{ "field": "name", "before": "Wang", "after": "Li" }]);
    assert_eq!(items[2]["fields"], changed);
    assert_eq!((&items[2]["conflictIds"], &items[4]["mergeIds"]), (&json!([1]), &json!([1])));
    assert_eq!(texts(&items[1]["gained"], "type"), ["mobile"]);
    assert_eq!(texts(&items[4]["lost"], "type"), ["mobile"]);
    assert_eq!(texts(&items[6]["lost"], "value"), ["2"]);
    assert_eq!(texts(&items[8]["gained"], "value"), ["o1", "1"]);
    let extracted = get(&hub.reader, "/api/customers/3/history").await;
    assert_eq!(kinds(&extracted), ["created extracted cannotLinkSet"]);
    hub.reader.get("/api/customers/9/history").await.refused(404, "customerNotFound");
}

async fn a_history_comes_in_parts(hub: TestHub) {
    for name in ["Wang", "Li", "Zhao", "Wu", "Sun"] {
        upsert(&hub, &["member:1"], json!({ "name": name })).await;
    }
    for (order, expected) in [("newest", [5, 4, 3, 2, 1]), ("oldest", [1, 2, 3, 4, 5])] {
        let mut seqs = Vec::new();
        let mut cursor = String::new();
        for _ in 0..3 {
            let path = format!("/api/customers/1/history?limit=2&order={order}{cursor}");
            let page = get(&hub.reader, &path).await;
            seqs.extend(page["items"].as_array().unwrap().iter().map(|it| it["seq"].clone()));
            cursor =
                page["nextCursor"].as_str().map_or(String::new(), |it| format!("&cursor={it}"));
        }
        assert_eq!((json!(seqs), cursor), (json!(expected), String::new()));
    }
    let unfit = hub.reader.get("/api/customers/1/history?limit=0&cursor=x&order=up&page=1").await;
    let expected = ["limit invalid", "cursor invalid", "order invalid", "page unknown"];
    assert_eq!(unfit.unfit(400, "parametersInvalid"), expected);
}

async fn a_request_tells_how_it_found_the_customer(hub: TestHub) {
    upsert(&hub, &[], json!({ "mobile": "13800000001", "mobileVerified": true })).await;
    upsert(&hub, &["wechat:o1", "mobile:00000000000", "x:"], json!({ "mobile": "13800000001" }))
        .await;
    upsert(&hub, &["wechat:o1"], json!({ "mobile": "13800000002" })).await;
    hub.writer.patch("/api/customers/1", &json!({ "customer": { "city": "X" } })).await.was(200);
    let history = get(&hub.reader, "/api/customers/1/history?order=oldest").await;
    let claim = |place: usize| &history["items"][place]["claim"];
    assert_eq!(claim(0)["matchedBy"], Value::Null);
    assert_eq!(claim(1)["matchedBy"], json!({ "attribute": "mobile" }));
    assert_eq!(texts(&claim(1)["identities"], "outcome"), ["attached", "blocked", "invalid"]);
    assert_eq!(claim(1)["identities"][2]["identity"], Value::Null);
    let openid = json!({ "number": 1, "type": "wechat", "value": "o1", "name": null });
    assert_eq!(claim(2)["matchedBy"], json!({ "identity": openid }));
    assert_eq!(claim(3)["matchedBy"], json!({ "attribute": "id" }));
    assert_eq!(
        history["items"][2]["fields"],
        json!([
            { "field": "mobile", "before": "13800000001", "after": "13800000002" },
            { "field": "mobileVerified", "before": true, "after": false },
        ])
    );
}

async fn an_export_holds_everything(hub: TestHub) {
    merged(&hub).await;
    upsert(&hub, &["wechat:o1"], json!({ "attr": { "size": 40 } })).await;
    hub.decide(Command::Unmerge(MergeId(1))).await;
    let person = get(&hub.reader, "/api/customers/1/export").await;
    assert_eq!((&person["state"], &person["exportedAt"]), (&json!("live"), &json!(at(5))));
    assert_eq!(
        (&person["customer"]["name"], &person["mergedIds"]),
        (&json!("Wang Fang"), &json!([]))
    );
    assert_eq!(person["customer"]["city"], "Beijing");
    assert_eq!(person["homes"][0]["fields"]["name"]["value"], "Wang Fang");
    assert_eq!(person["identities"].as_array().unwrap().len(), 1);
    assert_eq!(
        person["identities"][0],
        json!({
            "number": 1, "type": "wechat", "value": "o1", "name": null, "canonical": "o1",
            "scope": null, "homeId": 1, "quarantined": false, "seenWith": {},
            "apps": [hub.writer.id],
        })
    );
    let seqs: Vec<&Value> =
        person["claims"].as_array().unwrap().iter().map(|claim| &claim["seq"]).collect();
    assert_eq!(seqs, [1, 3, 4]);
    let claim = &person["claims"][1];
    assert_eq!(
        claim["fields"],
        json!([{ "field": "name", "value": "Wang Fang", "effect": "written" }])
    );
    assert_eq!((&claim["at"], &claim["homeId"]), (&json!(at(3)), &json!(1)));
    let merge = &person["merges"][0];
    assert_eq!((&merge["made"]["seq"], &merge["undone"]["seq"]), (&json!(3), &json!(5)));
    assert_eq!(texts(&merge["bridge"], "value"), ["o1", "13800000001"]);
    assert_eq!(texts(&merge["guards"], "verdict"), ["pass"; 5]);
    assert_eq!(person["cannotLinks"][0]["homes"], json!([1, 2]));
    assert_eq!(person["undecidedClaims"], json!([{ "mergeId": 1, "seq": 3 }]));
    assert_eq!(
        kinds(&json!({ "items": person["entries"] })).last().unwrap(),
        "unmerged cannotLinkSet"
    );
}

async fn an_export_holds_what_others_opened(hub: TestHub) {
    upsert(&hub, &["member:1", "wechat-unionid:u1"], json!({})).await;
    upsert(&hub, &["member:2"], json!({})).await;
    upsert(&hub, &["member:2", "wechat-unionid:u1"], json!({})).await;
    let person = get(&hub.reader, "/api/customers/1/export").await;
    let conflict = &person["conflicts"][0];
    assert_eq!((&conflict["rule"], &conflict["homes"]), (&json!("distinguishing"), &json!([2, 1])));
    assert_eq!((&conflict["opened"]["seq"], &conflict["opened"]["at"]), (&json!(3), &json!(at(3))));
    assert_eq!(texts(&conflict["evidence"], "value"), ["nothing", "u1"]);
    assert_eq!(person["entries"].as_array().unwrap().len(), 1);
    hub.decide(Command::Delete(CustomerId(1))).await;
    let person = get(&hub.reader, "/api/customers/1/export").await;
    assert_eq!(person["conflicts"].as_array().unwrap().len(), 1);
}

async fn a_deleted_customer_is_exported(hub: TestHub) {
    merged(&hub).await;
    hub.decide(Command::Delete(CustomerId(1))).await;
    let person = get(&hub.reader, "/api/customers/2/export").await;
    assert_eq!((&person["state"], &person["customer"]["id"]), (&json!("deleted"), &json!(1)));
    assert_eq!(person["mergedIds"], json!([2]));
    assert_eq!(texts(&person["identities"], "value"), ["o1", "13800000001"]);
    assert_eq!(person["identities"][1]["homeId"], 2);
    assert_eq!(person["homes"][1]["fields"]["city"]["value"], "Shanghai");
    assert_eq!(person["claims"].as_array().unwrap().len(), 3);
    hub.reader.get("/api/customers/9/export").await.refused(404, "customerNotFound");
}

async fn others_are_not_exported(hub: TestHub) {
    merged(&hub).await;
    hub.decide(Command::Unmerge(MergeId(1))).await;
    upsert(&hub, &["mobile:13800000001"], json!({ "remark": "somebody else" })).await;
    let person = hub.reader.get("/api/customers/1/export").await;
    let text = person.was(200).to_string();
    for secret in ["somebody else", "Shanghai"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}

/// Whoever was taken for one person learns nothing of the other afterwards, but for what was sent
/// along by itself.
async fn identities_of_others_are_not_exported(hub: TestHub) {
    let named =
        |kind: &str, value: &str, name: &str| json!({ "type": kind, "value": value, "name": name });
    let send = async |identities: Value| {
        hub.clock.advance_seconds(1);
        let body = json!({ "customer": {}, "identities": identities });
        assert!(hub.writer.post("/api/customers", &body).await.status.is_success());
    };
    send(json!([named("wechat", "o1", "Wang's account")])).await;
    send(json!([named("mobile", "13800000001", "Li's phone")])).await;
    send(json!([named("wechat", "o1", ""), named("mobile", "13800000001", "")])).await;
    hub.decide(Command::Unmerge(MergeId(1))).await;
    let one = get(&hub.reader, "/api/customers/1/export").await;
    let other = get(&hub.reader, "/api/customers/2/export").await;
    // The request that carried both is in the first one's home.
    assert_eq!(texts(&one["merges"][0]["bridge"], "value"), ["o1", "13800000001"]);
    assert_eq!(texts(&one["merges"][0]["bridge"], "name"), ["Wang's account", "nothing"]);
    assert_eq!(texts(&other["merges"][0]["bridge"], "value"), ["nothing", "13800000001"]);
    assert_eq!(texts(&other["merges"][0]["bridge"], "name"), ["nothing", "Li's phone"]);
    assert_eq!(other["undecidedClaims"], json!([{ "mergeId": 1, "seq": 3 }]));
}
