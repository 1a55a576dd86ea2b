//! Identities: found, listed and attached.

use crate::hub::{TestHub, on_every_engine};
use kehub_core::policy::{OnConflict, Preset};
use serde_json::{Value, json};

on_every_engine! {
    identities_are_found_by_type_and_value,
    the_identities_of_a_customer_are_listed,
    an_identity_is_attached_once,
    what_the_rules_forbid_is_not_attached,
    an_attachment_is_read_strictly,
    a_phone_gets_its_own_words_only,
}

async fn values(hub: &TestHub, path: &str) -> Value {
    let list = hub.reader.get(path).await.was(200);
    assert_eq!(list["nextCursor"], Value::Null);
    let items = list["items"].as_array().unwrap().iter();
    items.map(|it| json!([it["customerId"], it["type"], it["value"]])).collect()
}

async fn identities_are_found_by_type_and_value(hub: TestHub) {
    hub.writer.upsert(&["Member:7", "mobile:+86 138 0000 0001"], json!({})).await.was(201);
    hub.writer.upsert(&["wechat:7"], json!({})).await.was(201);
    let cases = [
        ("value=7", json!([[1, "Member", "7"], [2, "wechat", "7"]])),
        ("type=member&value=7", json!([[1, "Member", "7"]])),
        ("value=13800000001&type=mobile", json!([[1, "mobile", "+86 138 0000 0001"]])),
        ("value=+8613800000001", json!([[1, "mobile", "+86 138 0000 0001"]])),
        ("value=8", json!([])),
        ("type=unheard-of&value=7", json!([])),
    ];
    for (query, expected) in cases {
        assert_eq!(values(&hub, &format!("/api/identities?{query}")).await, expected, "{query}");
    }
    let unfit = hub.reader.get("/api/identities?type=member&x=1").await;
    assert_eq!(unfit.unfit(400, "parametersInvalid"), ["value missing", "x unknown"]);
}

async fn the_identities_of_a_customer_are_listed(hub: TestHub) {
    hub.writer.upsert(&["wechat:o1"], json!({})).await.was(201);
    hub.writer.upsert(&["wechat:o2"], json!({})).await.was(201);
    hub.writer.upsert(&["wechat:o1", "wechat:o2"], json!({})).await.was(200);
    for id in [1, 2] {
        let path = format!("/api/customers/{id}/identities");
        let expected = json!([[1, "wechat", "o1"], [1, "wechat", "o2"]]);
        assert_eq!(values(&hub, &path).await, expected);
    }
    hub.reader.get("/api/customers/3/identities").await.refused(404, "customerNotFound");
}

async fn an_identity_is_attached_once(hub: TestHub) {
    hub.writer.upsert(&["wechat:o1"], json!({})).await.was(201);
    let path = "/api/customers/1/identities";
    let sent = json!({ "type": "email", "value": "A@b.cn", "name": "work", "scope": "crm" });
    let dry = hub.writer.post("/api/customers/1/identities?dryRun=1", &sent).await.was(200);
    assert_eq!(dry["resolution"]["identities"][0]["outcome"], "attached");
    let attached = hub.writer.post(path, &sent).await.was(201);
    assert_eq!((&attached["customer"]["id"], &attached["customer"]["rev"]), (&json!(1), &json!(2)));
    assert_eq!(attached["resolution"]["matchedBy"], json!({ "attribute": "id" }));
    let again =
        hub.writer.post(path, &json!({ "type": "email", "value": "a@B.cn" })).await.was(200);
    assert_eq!(again["resolution"]["result"], "unchanged");
    let expected = json!([[1, "wechat", "o1"], [1, "email", "A@b.cn"]]);
    assert_eq!(values(&hub, path).await, expected);
}

async fn what_the_rules_forbid_is_not_attached(hub: TestHub) {
    hub.set_policy(Preset::Guarded, OnConflict::Merge).await;
    hub.writer.upsert(&["member:1"], json!({})).await.was(201);
    hub.writer.upsert(&["wechat:o2"], json!({})).await.was(201);
    let cases = [
        ("wechat", "o2", "keptElsewhere"),
        ("member", "2", "overLimit"),
        ("shop", "null", "blocked"),
        ("shop", "", "invalid"),
    ];
    for (kind, value, outcome) in cases {
        let sent = json!({ "type": kind, "value": value });
        let answer = hub.writer.post("/api/customers/1/identities", &sent).await;
        assert_eq!(answer.refused(409, "identityNotAttached")["outcome"], outcome);
    }
    let sent = json!({ "type": "shop", "value": "1" });
    let answer = hub.writer.post("/api/customers/9/identities", &sent).await;
    answer.refused(404, "customerNotFound");
}

async fn an_attachment_is_read_strictly(hub: TestHub) {
    hub.writer.upsert(&["member:1"], json!({})).await.was(201);
    let sent = json!({ "value": [], "customerId": 1 });
    let answer = hub.writer.post("/api/customers/1/identities", &sent).await;
    let expected = ["/customerId unknown", "/type missing", "/value invalid"];
    assert_eq!(answer.unfit(422, "fieldsInvalid"), expected);
}

async fn a_phone_gets_its_own_words_only(hub: TestHub) {
    hub.writer.upsert(&["Mobile:+86 13800000001"], json!({ "name": "Wang" })).await.was(201);
    let sent = json!({ "type": "mobile", "value": "13800000001" });
    let answer = hub.phone.post("/api/customers/1/identities", &sent).await.was(200);
    let identity = json!({ "type": "mobile", "value": "13800000001", "outcome": "matched" });
    assert_eq!(
        answer,
        json!({
        "customer": { "id": 1, "attr": {} }, "resolution": { "identities": [identity] } })
    );
}
