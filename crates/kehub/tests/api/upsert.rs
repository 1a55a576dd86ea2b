//! `POST /api/customers`.

use crate::hub::{TestHub, on_every_engine, sent};
use kehub_core::policy::{OnConflict, Preset};
use serde_json::{Value, json};

on_every_engine! {
    a_new_customer_is_created_and_found_again,
    nothing_said_changes_nothing_and_unset_clears,
    every_identity_is_accounted_for,
    all_that_does_not_fit_is_told_at_once,
    an_upsert_needs_something_to_go_by,
    a_dry_run_stores_nothing,
    reject_answers_the_conflicts,
    a_phone_gets_its_own_words_only,
    an_observation_of_the_past_does_not_win_a_merge,
}

async fn a_new_customer_is_created_and_found_again(hub: TestHub) {
    let fields = json!({ "name": "Wang", "gender": "2", "attr": { "size": 38, "vip": true } });
    let created = hub.writer.upsert(&["Member:M1", "wechat:o1"], fields.clone()).await.was(201);
    let customer = &created["customer"];
    assert_eq!(
        (&customer["id"], &customer["rev"], &customer["gender"]),
        (&json!(1), &json!(1), &json!(2))
    );
    assert_eq!(customer["attr"], json!({ "size": 38, "vip": true }));
    assert_eq!(customer["dateCreated"], "2026-05-04T01:02:03.250Z");
    assert_eq!((&customer["mobile"], &customer["isMember"]), (&Value::Null, &Value::Null));
    let resolution = &created["resolution"];
    assert_eq!(resolution["result"], "created");
    assert_eq!(resolution["matchedBy"], Value::Null);
    assert_eq!(
        resolution["identities"][0],
        json!({
        "type": "Member", "value": "M1", "outcome": "created", "customerId": 1 })
    );
    assert_eq!(resolution["seq"], 1);

    let again = hub.writer.upsert(&["member :M1"], fields).await.was(200);
    assert_eq!(again["customer"], *customer);
    assert_eq!(again["resolution"]["result"], "unchanged");
    assert_eq!(again["resolution"]["matchedBy"], json!({ "type": "Member", "value": "M1" }));
}

async fn nothing_said_changes_nothing_and_unset_clears(hub: TestHub) {
    let fields = json!({ "name": "Wang", "city": "Beijing", "mobile": "13800000001",
        "mobileVerified": true, "attr": { "a": 1, "b": 2, "c": 3 } });
    hub.writer.upsert(&["member:1"], fields).await.was(201);
    let fields = json!({ "name": "", "city": null, "attr": { "a": null }, "remark": " " });
    let same = hub.writer.upsert(&["member:1"], fields).await.was(200);
    assert_eq!(same["resolution"]["result"], "unchanged");
    let fields = json!({ "unset": ["city", "mobile", "attr.a", "stage"], "name": "Li" });
    let less = hub.writer.upsert(&["member:1"], fields).await.was(200);
    let customer = &less["customer"];
    assert_eq!((&customer["city"], &customer["mobile"]), (&Value::Null, &Value::Null));
    assert_eq!((&customer["name"], &customer["mobileVerified"]), (&json!("Li"), &Value::Null));
    assert_eq!(customer["attr"], json!({ "b": 2, "c": 3 }));
    let fields = json!({ "unset": ["attr"], "attr": { "c": 4 } });
    let less = hub.writer.upsert(&["member:1"], fields).await.was(200);
    assert_eq!(less["customer"]["attr"], json!({ "c": 4 }));
}

async fn every_identity_is_accounted_for(hub: TestHub) {
    hub.writer.upsert(&["wechat:o1"], json!({})).await.was(201);
    hub.writer.upsert(&["mobile:13800000001"], json!({ "city": "Beijing" })).await.was(201);
    let identities = json!([
        { "type": "wechat", "value": "o1", "name": "shop", "scope": "wx1" },
        { "type": "mobile", "value": "+86 138 0000 0001" },
        { "type": "email", "value": "a@b.cn" },
        { "type": "email", "value": "A@b.cn" },
        { "type": "email", "value": "" },
        { "type": "member", "value": "null" },
        { "type": "mobile", "value": 13_800_000_002_i64 },
    ]);
    let merged = hub.writer.post("/api/customers", &json!({ "identities": identities })).await;
    let merged = merged.was(200);
    let resolution = &merged["resolution"];
    let outcomes = resolution["identities"].as_array().unwrap().iter();
    let outcomes: Vec<&str> = outcomes.map(|it| it["outcome"].as_str().unwrap()).collect();
    let expected = ["matched", "moved", "attached", "attached", "invalid", "blocked", "attached"];
    assert_eq!(outcomes, expected);
    assert_eq!(resolution["result"], "merged");
    assert_eq!(resolution["mergedIds"], json!([2]));
    assert_eq!(
        resolution["warnings"],
        json!([
            { "code": "identityInvalid", "identity": 4 }, { "code": "identityBlocked", "identity": 5 },
        ])
    );
    assert_eq!(merged["customer"]["city"], "Beijing");
}

async fn all_that_does_not_fit_is_told_at_once(hub: TestHub) {
    let body = json!({
        "customer": {
            "gender": "secret", "birthday": "1990-02-30", "id": 7, "Name": "secret",
            "attr": { "1": "x", "a/b~c": 1, "ok": ["secret"] },
            "unset": ["name", "city", "city", "mobileVerified", "attr.1", 5, "lastUpdated"],
            "city": "Beijing",
        },
        "identities": [
            { "type": "member" },
            { "type": "member", "value": ["secret"], "identityName": "x" },
            "secret",
            { "type": "x".repeat(33), "value": "y".repeat(129), "name": 7 },
        ],
        "onConflict": "secret",
        "observedAt": "tomorrow",
        "extra": 1,
    });
    let answer = hub.writer.post("/api/customers", &body).await;
    let mut unfit = answer.unfit(422, "fieldsInvalid");
    unfit.sort();
    let mut expected = [
        "/customer/gender invalid",
        "/customer/birthday invalid",
        "/customer/id readOnly",
        "/customer/Name unknown",
        "/customer/attr/1 invalid",
        "/customer/attr/a~1b~0c invalid",
        "/customer/attr/ok invalid",
        "/customer/unset/1 repeated",
        "/customer/unset/2 repeated",
        "/customer/unset/3 invalid",
        "/customer/unset/4 invalid",
        "/customer/unset/5 invalid",
        "/customer/unset/6 invalid",
        "/identities/0/value missing",
        "/identities/1/value invalid",
        "/identities/1/identityName unknown",
        "/identities/2 invalid",
        "/identities/3/type invalid",
        "/identities/3/value invalid",
        "/onConflict invalid",
        "/observedAt invalid",
        "/extra unknown",
    ];
    expected.sort_unstable();
    assert_eq!(unfit, expected);
    assert!(!answer.text.contains("secret"), "values may be personal: {}", answer.text);
    let body = json!({ "customer": [], "identities": {} });
    let unfit = hub.writer.post("/api/customers", &body).await;
    assert_eq!(unfit.unfit(422, "fieldsInvalid"), ["/customer invalid", "/identities invalid"]);
    let unfit = hub.writer.post("/api/customers", &json!([])).await;
    assert_eq!(unfit.unfit(422, "fieldsInvalid"), [" invalid"]);
}

async fn an_upsert_needs_something_to_go_by(hub: TestHub) {
    for body in [
        json!({}),
        json!({ "customer": null, "identities": null, "onConflict": null, "observedAt": null }),
        json!({ "customer": { "name": "", "unset": ["city"] }, "identities": [] }),
        json!({ "identities": [{ "type": "member", "value": " " }] }),
    ] {
        hub.writer.post("/api/customers", &body).await.refused(422, "nothingUsable");
    }
    hub.set_policy(Preset::Guarded, OnConflict::Merge).await;
    let answer = hub.writer.upsert(&["member:null"], json!({ "name": "Wang" })).await;
    let unfit = answer.unfit(422, "nothingUsable");
    assert_eq!(unfit, ["/identities/0/value refused"]);
}

async fn a_dry_run_stores_nothing(hub: TestHub) {
    let body =
        json!({ "customer": { "name": "Wang" }, "identities": [{ "type": "m", "value": "1" }] });
    let dry = hub.writer.post("/api/customers?dryRun=1", &body).await.was(200);
    assert_eq!(dry["resolution"]["result"], "created");
    assert_eq!(dry["resolution"]["seq"], Value::Null);
    hub.writer.get("/api/customers/1").await.refused(404, "customerNotFound");
    hub.writer.post("/api/customers", &body).await.was(201);
    let patch = json!({ "customer": { "name": "Li" } });
    let dry = hub.writer.patch("/api/customers/1?dryRun", &patch).await.was(200);
    assert_eq!(dry["customer"]["name"], "Li");
    assert_eq!(hub.writer.get("/api/customers/1").await.was(200)["name"], "Wang");
}

async fn reject_answers_the_conflicts(hub: TestHub) {
    hub.writer.upsert(&["member:1", "wechat-unionid:u1"], json!({})).await.was(201);
    hub.writer.upsert(&["member:2"], json!({})).await.was(201);
    let body = json!({
        "identities": sent(&["member:2", "wechat-unionid:u1", "mobile:00000000000"]),
        "onConflict": "reject",
    });
    let problem = hub.writer.post("/api/customers", &body).await.refused(409, "conflictsFound");
    assert_eq!(
        problem["conflicts"],
        json!([{
            "id": null, "kind": "refused", "rule": "distinguishing", "identity": 1, "customerId": 1,
            "new": true,
        }])
    );
    let outcomes = json!(["matched", "keptElsewhere", "blocked"]);
    assert_eq!(problem["outcomes"], outcomes, "each is accounted for");
    let problem = hub.phone.post("/api/customers", &body).await.refused(409, "conflictsFound");
    assert_eq!(problem["conflicts"], Value::Null, "they name other customers");
    assert_eq!(problem["outcomes"], outcomes);
}

async fn a_phone_gets_its_own_words_only(hub: TestHub) {
    let known = json!({ "name": "Wang", "mobile": "13800000001", "attr": { "k": 1 } });
    hub.writer.upsert(&["Member:1", "wechat:o1"], known).await.was(201);
    let sent = json!({ "city": "Beijing", "attr": { "a": 1 }, "mobileVerified": false });
    let answer = hub.phone.upsert(&["member:1", "wechat:o1"], sent).await.was(200);
    assert_eq!(
        answer,
        json!({
            "customer": {
                "id": 1, "city": "Beijing", "mobileVerified": false, "attr": { "a": 1 },
            },
            "resolution": { "identities": [
                { "type": "member", "value": "1", "outcome": "matched" },
                { "type": "wechat", "value": "o1", "outcome": "matched" },
            ] },
        })
    );
    let patch = json!({ "customer": { "stage": "Lead", "unset": ["name"] } });
    let answer = hub.phone.patch("/api/customers/1", &patch).await.was(200);
    let own = json!({ "id": 1, "stage": "Lead", "name": null, "attr": {} });
    assert_eq!(answer["customer"], own);
    hub.phone.get("/api/customers/1").await.refused(403, "permissionMissing");
}

async fn an_observation_of_the_past_does_not_win_a_merge(hub: TestHub) {
    hub.writer.upsert(&["wechat:o1"], json!({ "city": "Shanghai" })).await.was(201);
    let old = json!({
        "customer": { "city": "Beijing" }, "identities": [{ "type": "mobile", "value": "13800000001" }],
        "observedAt": "2020-01-01T00:00:00+08:00",
    });
    hub.clock.advance_seconds(5);
    hub.writer.post("/api/customers", &old).await.was(201);
    let merged = hub.writer.upsert(&["wechat:o1", "mobile:13800000001"], json!({})).await.was(200);
    assert_eq!(merged["customer"]["city"], "Shanghai");
    let future = json!({ "customer": { "city": "X" }, "observedAt": "2030-01-01T00:00:00Z" });
    let unfit = hub.writer.post("/api/customers", &future).await;
    assert_eq!(unfit.unfit(422, "fieldsInvalid"), ["/observedAt invalid"]);
}
