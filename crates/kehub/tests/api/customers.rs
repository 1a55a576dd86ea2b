//! One customer by its id.

use crate::hub::{TestHub, on_every_engine};
use serde_json::{Value, json};

on_every_engine! {
    a_customer_is_answered_with_its_identities,
    a_merged_away_id_answers_the_survivor,
    what_is_no_customer_is_404,
    a_patch_changes_what_it_names,
    a_patch_is_read_strictly,
    a_deleted_customer_is_gone_and_its_identities_free,
    a_merged_away_id_is_not_deleted,
}

async fn a_customer_is_answered_with_its_identities(hub: TestHub) {
    let body = json!({ "customer": { "name": "Wang" }, "identities": [
        { "type": "wechat", "value": "o1", "name": "shop", "scope": "wx1" },
        { "type": "mobile", "value": "+86 138 0000 0001" },
    ] });
    let created = hub.writer.post("/api/customers", &body).await.was(201);
    let read = hub.reader.get("/api/customers/1").await.was(200);
    assert_eq!(read["mergedIds"], json!([]));
    assert_eq!(
        read["identities"],
        json!([
            { "number": 1, "type": "wechat", "value": "o1", "name": "shop", "scope": "wx1",
                "customerId": 1, "quarantined": false },
            { "number": 2, "type": "mobile", "value": "+86 138 0000 0001", "name": null, "scope": null,
                "customerId": 1, "quarantined": false },
        ])
    );
    for (key, value) in created["customer"].as_object().unwrap() {
        assert_eq!(read[key], *value, "{key}");
    }
}

async fn a_merged_away_id_answers_the_survivor(hub: TestHub) {
    hub.writer.upsert(&["wechat:o1"], json!({})).await.was(201);
    hub.writer.upsert(&["mobile:13800000001"], json!({ "city": "Beijing" })).await.was(201);
    hub.writer.upsert(&["wechat:o1", "mobile:13800000001"], json!({})).await.was(200);
    let read = hub.reader.get("/api/customers/2").await.was(200);
    assert_eq!((&read["id"], &read["mergedIds"]), (&json!(1), &json!([2])));
    assert_eq!(read["city"], "Beijing");
    let owners = read["identities"].as_array().unwrap().iter();
    assert!(owners.map(|identity| &identity["customerId"]).all(|owner| *owner == 1));
    let patch = json!({ "customer": { "city": "Shanghai" } });
    let patched = hub.writer.patch("/api/customers/2", &patch).await.was(200);
    assert_eq!(
        (&patched["customer"]["id"], &patched["customer"]["city"]),
        (&json!(1), &json!("Shanghai"))
    );
}

async fn what_is_no_customer_is_404(hub: TestHub) {
    for id in ["1", "0", "-1", "x", "99999999999999999999", "1%20"] {
        let path = format!("/api/customers/{id}");
        hub.reader.get(&path).await.refused(404, "customerNotFound");
        let body = json!({ "customer": { "name": "W" } });
        hub.writer.patch(&path, &body).await.refused(404, "customerNotFound");
    }
}

async fn a_patch_changes_what_it_names(hub: TestHub) {
    let fields =
        json!({ "name": "Wang", "city": "Beijing", "remark": "x", "attr": { "a": 1, "b": 2 } });
    hub.writer.upsert(&["member:1"], fields).await.was(201);
    let patch = json!({ "customer": { "city": null, "stage": "Lead", "attr": { "a": null, "c": 3 },
        "unset": ["remark"] } });
    let patched = hub.writer.patch("/api/customers/1", &patch).await.was(200);
    let customer = &patched["customer"];
    assert_eq!((&customer["name"], &customer["stage"]), (&json!("Wang"), &json!("Lead")));
    assert_eq!((&customer["city"], &customer["remark"]), (&Value::Null, &Value::Null));
    assert_eq!(customer["attr"], json!({ "b": 2, "c": 3 }));
    assert_eq!(patched["resolution"]["matchedBy"], json!({ "attribute": "id" }));
    assert_eq!(patched["resolution"]["result"], "updated");
    let again = hub.writer.patch("/api/customers/1", &patch).await.was(200);
    assert_eq!(again["resolution"]["result"], "unchanged");
}

async fn a_patch_is_read_strictly(hub: TestHub) {
    hub.writer.upsert(&["member:1"], json!({})).await.was(201);
    let ask = |body: Value| {
        let writer = hub.writer.clone();
        async move { writer.patch("/api/customers/1", &body).await.unfit(422, "fieldsInvalid") }
    };
    assert_eq!(ask(json!({ "city": "Beijing" })).await, ["/city unknown", "/customer missing"]);
    let body = json!({ "customer": { "rev": 1, "gender": 9 }, "identities": [] });
    let expected = ["/identities unknown", "/customer/rev unknown", "/customer/gender invalid"];
    let mut unfit = ask(body).await;
    unfit.sort();
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    assert_eq!(unfit, expected);
    let many: Value =
        (0..121).map(|n| (format!("k{n}"), json!(n))).collect::<serde_json::Map<_, _>>().into();
    assert_eq!(ask(json!({ "customer": { "attr": many } })).await, ["/customer/attr invalid"]);
}

async fn a_deleted_customer_is_gone_and_its_identities_free(hub: TestHub) {
    hub.writer.upsert(&["member:1"], json!({ "name": "Wang" })).await.was(201);
    let delete = |query: &'static str| {
        let writer = hub.writer.clone();
        async move { writer.ask("DELETE", &format!("/api/customers/1{query}"), &Value::Null).await }
    };
    assert_eq!(delete("?dryRun=1").await.status, 204);
    hub.reader.get("/api/customers/1").await.was(200);
    assert_eq!(delete("").await.status, 204);
    hub.reader.get("/api/customers/1").await.refused(410, "customerDeleted");
    delete("").await.refused(410, "customerDeleted");
    let again = hub.writer.upsert(&["member:1"], json!({})).await.was(201);
    assert_eq!(again["customer"]["id"], 2);
}

async fn a_merged_away_id_is_not_deleted(hub: TestHub) {
    hub.writer.upsert(&["wechat:o1"], json!({})).await.was(201);
    hub.writer.upsert(&["wechat:o2"], json!({})).await.was(201);
    hub.writer.upsert(&["wechat:o1", "wechat:o2"], json!({})).await.was(200);
    let answer = hub.writer.ask("DELETE", "/api/customers/2", &Value::Null).await;
    assert_eq!(answer.refused(409, "customerMerged")["customerId"], 1);
    hub.reader.get("/api/customers/2").await.was(200);
    assert_eq!(hub.writer.ask("DELETE", "/api/customers/1", &Value::Null).await.status, 204);
    hub.reader.get("/api/customers/2").await.refused(410, "customerDeleted");
}
