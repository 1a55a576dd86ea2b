//! What has been seen with too many people.

use crate::hub::{TestHub, on_every_engine};
use kehub_core::directory::Permission;
use serde_json::{Value, json};

on_every_engine! {
    quarantined_identities_are_listed_and_released,
    a_list_goes_on_where_it_ended,
    what_is_not_quarantined_cannot_be_released,
    who_may_not_read_customers_learns_nothing_of_the_identity,
}

async fn quarantine(hub: &TestHub, identity: &str) {
    for account in ["member:1", "member:2", "member:3"] {
        hub.writer.upsert(&[account, identity], json!({})).await;
    }
}

async fn quarantined_identities_are_listed_and_released(hub: TestHub) {
    let empty = hub.reader.get("/api/quarantine").await.was(200);
    assert_eq!(empty, json!({ "items": [], "nextCursor": null }));
    quarantine(&hub, "mobile:+86 138 0000 0001").await;
    let listed = hub.reader.get("/api/quarantine").await.was(200);
    assert_eq!(
        listed["items"],
        json!([{
            "number": 2, "type": "mobile", "value": "+86 138 0000 0001", "name": null, "scope": null,
            "customerId": 1, "seenWith": [{ "type": "member", "count": 3 }],
        }])
    );
    let path = "/api/quarantine/2/release";
    let released = json!({
        "number": 2, "type": "mobile", "value": "+86 138 0000 0001", "name": null, "scope": null,
        "customerId": 1, "quarantined": false,
    });
    let dry = hub.writer.post("/api/quarantine/2/release?dryRun=1", &Value::Null).await;
    assert_eq!(dry.was(200), released);
    assert_eq!(hub.reader.get("/api/quarantine").await.was(200), listed);
    assert_eq!(hub.writer.post(path, &Value::Null).await.was(200), released);
    assert_eq!(hub.reader.get("/api/quarantine").await.was(200), empty);
    let matched = hub.writer.upsert(&["mobile:13800000001"], json!({})).await.was(200);
    assert_eq!(matched["resolution"]["identities"][0]["outcome"], "matched");
    // The pairs that were known do not count again; three others do.
    quarantine(&hub, "mobile:13800000001").await;
    assert_eq!(hub.reader.get("/api/quarantine").await.was(200), empty);
    for account in ["member:4", "member:5", "member:6"] {
        hub.writer.upsert(&[account, "mobile:13800000001"], json!({})).await;
    }
    let again = hub.reader.get("/api/quarantine").await.was(200);
    assert_eq!(again["items"], listed["items"]);
}

async fn a_list_goes_on_where_it_ended(hub: TestHub) {
    for number in 1..=5 {
        quarantine(&hub, &format!("mobile:1380000000{number}")).await;
    }
    let mut numbers = Vec::new();
    let mut path = "/api/quarantine?limit=2".to_owned();
    loop {
        let page = hub.reader.get(&path).await.was(200);
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        numbers.extend(items.iter().map(|item| item["value"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        path = format!("/api/quarantine?limit=2&cursor={cursor}");
    }
    let expected: Vec<String> = (1..=5).map(|number| format!("1380000000{number}")).collect();
    assert_eq!(numbers, expected);
    let unfit = hub.reader.get("/api/quarantine?limit=1001&cursor=x").await;
    assert_eq!(unfit.unfit(400, "parametersInvalid"), ["limit invalid", "cursor invalid"]);
}

async fn what_is_not_quarantined_cannot_be_released(hub: TestHub) {
    hub.writer.upsert(&["member:1"], json!({})).await.was(201);
    let release = |number: &'static str| {
        let writer = hub.writer.clone();
        async move { writer.post(&format!("/api/quarantine/{number}/release"), &Value::Null).await }
    };
    release("1").await.refused(409, "notQuarantined");
    for number in ["2", "0", "x", "9223372036854775807"] {
        release(number).await.refused(404, "identityNotFound");
    }
}

async fn who_may_not_read_customers_learns_nothing_of_the_identity(hub: TestHub) {
    quarantine(&hub, "mobile:13800000001").await;
    let merger = hub.app_with("cl00000000000000a", &[Permission::IdentitiesMerge]).await;
    let released = merger.post("/api/quarantine/2/release", &Value::Null).await.was(200);
    assert_eq!(released, json!({ "number": 2, "quarantined": false }));
    merger.get("/api/quarantine").await.refused(403, "permissionMissing");
}
