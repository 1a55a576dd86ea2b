//! What people decide about who is who, and what is left behind.

use crate::hub::{Answer, TestHub, on_every_engine, request, sent};
use serde_json::{Value, json};

on_every_engine! {
    a_merge_is_previewed_made_listed_and_undone,
    an_undone_merge_leaves_claims_to_be_decided,
    a_merge_that_cannot_be_is_told,
    a_conflict_is_listed_with_its_evidence_and_settled,
    an_open_conflict_leaves_the_list_once_its_customers_are_one,
    a_conflict_tells_who_owns_the_identity_by_now,
    a_cannot_link_is_set_listed_and_removed,
    identities_are_taken_out_of_a_customer,
    a_deleted_customer_is_restored_while_its_identities_are_free,
    an_erased_customer_is_gone_from_every_answer,
    a_dry_decision_stores_nothing,
    lists_are_paged,
}

async fn two_people(hub: &TestHub) {
    let wang = json!({ "name": "Wang", "city": "Beijing", "mobile": "13800000001" });
    hub.writer.upsert(&["member:1", "wechat:o1"], wang).await.was(201);
    hub.clock.advance_seconds(1);
    let li = json!({ "name": "Li", "mobile": "13800000002", "attr": { "size": 38 } });
    hub.writer.upsert(&["member:2"], li).await.was(201);
}

async fn merge(hub: &TestHub, one: i64, other: i64) -> Answer {
    hub.writer.post("/api/merges", &json!({ "customerIds": [one, other] })).await
}

async fn delete(hub: &TestHub, id: i64) {
    let path = format!("/v1/customers/{id}");
    let answer = hub.writer.send_signed(request("DELETE", &path, "")).await;
    assert_eq!(answer.status, 204);
}

fn seqs(answer: &Value, member: &str) -> Vec<i64> {
    answer[member].as_array().unwrap().iter().map(|seq| seq.as_i64().unwrap()).collect()
}

async fn a_merge_is_previewed_made_listed_and_undone(hub: TestHub) {
    two_people(&hub).await;
    let pair = json!({ "customerIds": [2, 1] });
    let dry = hub.writer.post("/api/merges?dryRun=1", &pair).await.was(200);
    assert_eq!(dry["seq"], Value::Null);
    let fields = dry["preview"]["fields"].as_array().unwrap();
    let name = fields.iter().find(|field| field["field"] == "name").unwrap();
    assert_eq!(dry["preview"]["customerIds"], json!([2, 1]));
    assert_eq!((&name["value"], &name["values"]), (&json!("Li"), &json!(["Li", "Wang"])));
    let size = fields.iter().find(|field| field["field"] == "attr.size").unwrap();
    assert_eq!(size["values"], json!([38, null]));

    let made = merge(&hub, 1, 2).await.was(201);
    assert_eq!((&made["customerId"], &made["mergedId"]), (&json!(1), &json!(2)));
    assert_eq!(made["preview"], Value::Null);
    let one = hub.writer.get("/api/customers/2").await.was(200);
    assert_eq!((&one["id"], &one["name"]), (&json!(1), &json!("Li")));
    let listed = hub.writer.get("/api/merges").await.was(200);
    assert_eq!(listed["items"][0]["homes"], json!([1, 2]));
    assert_eq!(listed["items"][0]["made"]["app"], hub.writer.id);
    let refused: Vec<&Value> = listed["items"][0]["guards"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|guard| guard["verdict"] == "refuse")
        .map(|guard| &guard["guard"])
        .collect();
    assert_eq!(refused, ["distinguishing"], "by hand it goes against this guard");

    let undone = hub.writer.post("/api/merges/1/undo", &Value::Null).await.was(200);
    assert_eq!(undone["customerIds"], json!([1, 2]));
    let two = hub.writer.get("/api/customers/2").await.was(200);
    assert_eq!((&two["id"], &two["name"], &two["city"]), (&json!(2), &json!("Li"), &Value::Null));
    let one = hub.writer.get("/api/merges/1").await.was(200);
    assert_eq!(one["undone"]["seq"], undone["seq"]);
    hub.writer.post("/api/merges/1/undo", &Value::Null).await.refused(409, "mergeUndone");
}

async fn an_undone_merge_leaves_claims_to_be_decided(hub: TestHub) {
    hub.writer.upsert(&["wechat:o1"], json!({})).await.was(201);
    hub.writer.upsert(&["mobile:13800000002"], json!({})).await.was(201);
    let both = ["wechat:o1", "mobile:13800000002", "email:a@b.cn"];
    let joined = hub.writer.upsert(&both, json!({ "name": "Both" })).await.was(200);
    let claim = joined["resolution"]["seq"].as_i64().unwrap();
    let later = hub.writer.upsert(&["email:a@b.cn"], json!({ "city": "Wuxi" })).await.was(200);
    let (later, told) = (&later["resolution"]["seq"], json!(["claimDecided"]));
    let undone = hub.writer.post("/api/merges/1/undo", &Value::Null).await.was(200);
    assert_eq!(seqs(&undone, "undecidedClaims"), [claim]);

    let listed = hub.writer.get("/api/undecided-claims").await.was(200);
    let item = &listed["items"][0];
    assert_eq!((&item["claim"], &item["home"]), (&json!(claim), &json!(1)));
    assert_eq!(item["fields"]["name"], "Both");
    let outcomes: Vec<&Value> = item["identities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|identity| &identity["outcome"])
        .collect();
    assert_eq!(outcomes, ["matched", "moved", "attached"]);

    let path = format!("/api/undecided-claims/1/{claim}/decide");
    let unfit = hub.writer.post(&path, &json!({ "customerId": "2" })).await;
    assert_eq!(unfit.unfit(422, "fieldsInvalid"), ["/customerId invalid"]);
    hub.writer.upsert(&["member:9"], json!({})).await.was(201);
    let elsewhere = hub.writer.post(&path, &json!({ "customerId": 3 })).await;
    elsewhere.refused(409, "customerElsewhere");
    let decided = hub.writer.post(&path, &json!({ "customerId": 2 })).await.was(200);
    assert_eq!(
        (&decided["fromCustomerId"], &decided["customerId"], &decided["home"]),
        (&json!(1), &json!(2), &json!(2))
    );
    let two = hub.writer.get("/api/customers/2").await.was(200);
    assert_eq!(two["name"], "Both");
    assert_eq!(two["identities"].as_array().unwrap().len(), 2);
    for id in [1, 2] {
        let history = hub.writer.get(&format!("/api/customers/{id}/history")).await.was(200);
        let newest = &history["items"][0];
        assert_eq!((&newest["kinds"], &newest["movedClaims"]), (&told, &json!([claim, later])));
    }
    let again = hub.writer.post(&path, &json!({ "customerId": 2 })).await;
    again.refused(404, "claimNotUndecided");
    let rest = hub.writer.get("/api/undecided-claims").await.was(200);
    assert_eq!(rest["items"], json!([]));
}

async fn a_merge_that_cannot_be_is_told(hub: TestHub) {
    two_people(&hub).await;
    merge(&hub, 1, 1).await.refused(409, "sameCustomer");
    let problem = merge(&hub, 1, 7).await.refused(404, "customerNotFound");
    assert_eq!(problem["detail"], "no customer 7 is known");
    let unfit = |body: Value| {
        let actor = hub.writer.clone();
        async move { actor.post("/api/merges", &body).await.unfit(422, "fieldsInvalid") }
    };
    assert_eq!(unfit(json!({})).await, ["/customerIds missing"]);
    assert_eq!(unfit(json!({ "customerIds": [1] })).await, ["/customerIds invalid"]);
    assert_eq!(
        unfit(json!({ "customerIds": [0, "2"], "x": 1 })).await,
        ["/x unknown", "/customerIds/0 invalid", "/customerIds/1 invalid", "/customerIds invalid"]
    );
    hub.writer.get("/api/merges/1").await.refused(404, "mergeNotFound");
    hub.writer.get("/api/merges/x").await.refused(404, "mergeNotFound");
    hub.writer.post("/api/merges/1/undo", &Value::Null).await.refused(404, "mergeNotFound");
    hub.writer.post("/api/customers/2/erase", &Value::Null).await.was(200);
    merge(&hub, 1, 2).await.refused(410, "customerErased");
    let identities = (1..=99).map(|number| format!("wechat:w{number}")).collect::<Vec<_>>();
    let identities: Vec<&str> = identities.iter().map(String::as_str).collect();
    hub.writer.upsert(&identities, json!({})).await.was(201);
    merge(&hub, 1, 3).await.refused(409, "identitiesTooMany");
}

async fn a_conflict_is_listed_with_its_evidence_and_settled(hub: TestHub) {
    hub.writer.upsert(&["member:1", "wechat-unionid:u1"], json!({})).await.was(201);
    hub.writer.upsert(&["member:2"], json!({})).await.was(201);
    hub.writer.upsert(&["member:2", "wechat-unionid:u1"], json!({})).await.was(200);
    let listed = hub.writer.get("/api/conflicts").await.was(200);
    let conflict = &listed["items"][0];
    assert_eq!(conflict["customerIds"], json!([2, 1]));
    assert_eq!(
        (&conflict["rule"], &conflict["label"]),
        (&json!("distinguishing"), &json!("withCare"))
    );
    assert_eq!(conflict["identity"]["value"], "u1");
    assert_eq!(conflict["evidence"].as_array().unwrap().len(), 2);
    for (query, count) in [
        ("?kind=review", 0),
        ("?kind=refused&customerId=1", 1),
        ("?customerId=3", 0),
        ("?status=settled", 0),
        ("?status=all", 1),
    ] {
        let listed = hub.writer.get(&format!("/api/conflicts{query}")).await.was(200);
        assert_eq!(listed["items"].as_array().unwrap().len(), count, "{query}");
    }
    let resolve = async |decision: &str| {
        let body = json!({ "decision": decision });
        hub.writer.post("/api/conflicts/1/resolve", &body).await
    };
    assert_eq!(resolve("shrug").await.unfit(422, "fieldsInvalid"), ["/decision invalid"]);
    let nothing = hub.writer.post("/api/conflicts/1/resolve", &json!({})).await;
    let expected = "expected one of merge, keepApart, moveIdentity, accept, found nothing";
    assert_eq!(nothing.refused(422, "fieldsInvalid")["errors"][0]["detail"], expected);
    let moved = resolve("moveIdentity").await.was(200);
    assert_eq!(moved["settlement"], "identityMoved");
    resolve("accept").await.refused(409, "conflictSettled");
    let owner = hub.writer.get("/api/customers/2").await.was(200);
    assert_eq!(owner["identities"].as_array().unwrap().len(), 2);
    let one = hub.writer.get("/api/conflicts/1").await.was(200);
    assert_eq!(
        (&one["settlement"], &one["settled"]["seq"]),
        (&json!("identityMoved"), &moved["seq"])
    );
    hub.writer.get("/api/conflicts/2").await.refused(404, "conflictNotFound");
    let missing =
        hub.writer.post("/api/conflicts/2/resolve", &json!({ "decision": "merge" })).await;
    missing.refused(404, "conflictNotFound");
}

async fn an_open_conflict_leaves_the_list_once_its_customers_are_one(hub: TestHub) {
    let body = json!({ "identities": sent(&["wechat:o1", "wechat:o2"]), "onConflict": "keep" });
    for openid in ["wechat:o1", "wechat:o2"] {
        hub.writer.upsert(&[openid], json!({})).await.was(201);
    }
    hub.writer.post("/api/customers", &body).await.was(200);
    let listed = hub.writer.get("/api/conflicts").await.was(200);
    assert_eq!(listed["items"][0]["label"], "recommended");
    // The rules join them as soon as nothing keeps them.
    hub.writer.upsert(&["wechat:o1", "wechat:o2"], json!({})).await.was(200);
    assert_eq!(hub.writer.get("/api/conflicts").await.was(200)["items"], json!([]));
    let unfit = hub.writer.post("/api/conflicts/1/resolve", &json!({ "decision": "merge" })).await;
    unfit.refused(409, "decisionUnfit");
    hub.writer.post("/api/conflicts/1/resolve", &json!({ "decision": "accept" })).await.was(200);
}

async fn a_conflict_tells_who_owns_the_identity_by_now(hub: TestHub) {
    hub.writer.ask("PATCH", "/api/policy", &json!({ "preset": "guarded" })).await.was(200);
    hub.writer.upsert(&["member:1", "wechat-unionid:u1"], json!({})).await.was(201);
    hub.writer.upsert(&["member:1", "wechat-unionid:u2"], json!({})).await.was(200);
    let conflict = || hub.writer.get("/api/conflicts/1");
    let one = conflict().await.was(200);
    assert_eq!((&one["customerIds"], &one["ownerId"]), (&json!([1, null]), &Value::Null));
    hub.writer.upsert(&["wechat-unionid:u2"], json!({})).await.was(201);
    let one = conflict().await.was(200);
    assert_eq!((&one["customerIds"], &one["ownerId"]), (&json!([1, null]), &json!(2)));
    assert_eq!(hub.writer.get("/api/conflicts").await.was(200)["items"], json!([one]));
    // Once the customer has it, nothing waits for anybody.
    merge(&hub, 1, 2).await.was(201);
    assert_eq!(conflict().await.was(200)["ownerId"], json!(1));
    assert_eq!(hub.writer.get("/api/conflicts").await.was(200)["items"], json!([]));
}

async fn a_cannot_link_is_set_listed_and_removed(hub: TestHub) {
    two_people(&hub).await;
    let pair = json!({ "customerIds": [2, 1] });
    let set = hub.writer.post("/api/cannot-links", &pair).await.was(200);
    assert_eq!((&set["homes"], &set["apart"]), (&json!([1, 2]), &json!(true)));
    let again = hub.writer.post("/api/cannot-links", &pair).await.was(200);
    assert_eq!(again["seq"], Value::Null, "it was so before");
    let refused = merge(&hub, 1, 2).await;
    assert_eq!(refused.refused(409, "cannotLinked")["cannotLink"], json!([1, 2]));
    let listed = hub.writer.get("/api/cannot-links").await.was(200);
    assert_eq!(listed["items"][0]["set"]["seq"], set["seq"]);
    let removed = hub.writer.ask("DELETE", "/api/cannot-links/2/1", &Value::Null).await.was(200);
    assert_eq!(removed["apart"], false);
    let missing = hub.writer.ask("DELETE", "/api/cannot-links/1/2", &Value::Null).await;
    missing.refused(404, "cannotLinkNotFound");
    merge(&hub, 1, 2).await.was(201);
}

async fn identities_are_taken_out_of_a_customer(hub: TestHub) {
    hub.writer.upsert(&["wechat:o1", "mobile:13800000001"], json!({})).await.was(201);
    hub.writer.upsert(&["mobile:13800000001"], json!({ "city": "Suzhou" })).await.was(200);
    let path = "/api/customers/1/extract";
    let unfit = hub.writer.post(path, &json!({ "identities": sent(&["wechat:o9"]) })).await;
    assert_eq!(unfit.unfit(422, "fieldsInvalid"), ["/identities/0 refused"]);
    for identities in [json!([]), sent(&["wechat:o1", "mobile:13800000001"])] {
        let none = hub.writer.post(path, &json!({ "identities": identities })).await;
        none.refused(422, "nothingToExtract");
    }
    let mobile = json!({ "identities": sent(&["mobile:+86 138 0000 0001"]) });
    let taken = hub.writer.post(path, &mobile).await.was(201);
    assert_eq!((&taken["extractedId"], taken["claims"].as_array().unwrap().len()), (&json!(2), 1));
    let new = hub.writer.get("/api/customers/2").await.was(200);
    assert_eq!(new["city"], "Suzhou");
    assert_eq!(hub.writer.get("/api/customers/1").await.was(200)["city"], Value::Null);
}

async fn a_deleted_customer_is_restored_while_its_identities_are_free(hub: TestHub) {
    hub.writer.upsert(&["member:1"], json!({ "name": "Wang" })).await.was(201);
    let restore = async || hub.writer.post("/api/customers/1/restore", &Value::Null).await;
    restore().await.refused(409, "customerLive");
    delete(&hub, 1).await;
    hub.writer.upsert(&["member:1"], json!({})).await.was(201);
    assert_eq!(restore().await.refused(409, "identitiesTaken")["customerIds"], json!([2]));
    delete(&hub, 2).await;
    restore().await.was(200);
    assert_eq!(hub.writer.get("/api/customers/1").await.was(200)["name"], "Wang");
}

async fn an_erased_customer_is_gone_from_every_answer(hub: TestHub) {
    let fields = json!({ "name": "Zhongli Wangsun", "attr": { "note": "private" } });
    hub.writer.upsert(&["wechat:o-secret", "member:1"], fields).await.was(201);
    hub.writer.upsert(&["member:2"], json!({})).await.was(201);
    let erased = hub.writer.post("/api/customers/1/erase", &Value::Null).await.was(200);
    assert_eq!(
        (&erased["customerIds"], &erased["identities"], &erased["claims"]),
        (&json!([1]), &json!(2), &json!(1))
    );
    for path in ["/api/changes", "/api/merges", "/api/conflicts?status=all", "/api/duplicates"] {
        let text = hub.writer.get(path).await.text;
        assert!(!text.contains("Zhongli") && !text.contains("o-secret"), "{path}: {text}");
        assert!(!text.contains("private") && !text.contains('\u{1}'), "{path}: {text}");
    }
    hub.writer.post("/api/customers/1/erase", &Value::Null).await.refused(410, "customerErased");
    hub.writer.post("/api/customers/1/restore", &Value::Null).await.refused(410, "customerErased");
    // The values are as new.
    let again = hub.writer.upsert(&["wechat:o-secret"], json!({})).await.was(201);
    assert_eq!(again["customer"]["id"], 3);
}

async fn a_dry_decision_stores_nothing(hub: TestHub) {
    two_people(&hub).await;
    let before = hub.writer.get("/api/customers/1").await.text;
    let extract = json!({ "identities": sent(&["wechat:o1"]) });
    hub.writer.post("/api/customers/1/extract?dryRun=1", &extract).await.was(200);
    hub.writer.post("/api/customers/1/erase?dryRun=1", &Value::Null).await.was(200);
    let pair = json!({ "customerIds": [1, 2] });
    hub.writer.post("/api/cannot-links?dryRun=1", &pair).await.was(200);
    assert_eq!(hub.writer.get("/api/customers/1").await.text, before);
    hub.writer.get("/api/customers/3").await.refused(404, "customerNotFound");
    assert_eq!(hub.writer.get("/api/cannot-links").await.was(200)["items"], json!([]));
}

async fn lists_are_paged(hub: TestHub) {
    for number in 1..=4 {
        hub.writer.upsert(&[&format!("member:{number}")], json!({})).await.was(201);
    }
    for (one, other) in [(1, 2), (1, 3), (1, 4)] {
        merge(&hub, one, other).await.was(201);
    }
    for merge in 1..=3 {
        hub.writer.post(&format!("/api/merges/{merge}/undo"), &Value::Null).await.was(200);
    }
    for path in ["/api/merges", "/api/cannot-links"] {
        let mut homes = Vec::new();
        let mut page = hub.writer.get(&format!("{path}?limit=2")).await.was(200);
        loop {
            homes.extend(page["items"].as_array().unwrap().iter().map(|it| it["homes"].clone()));
            let Some(cursor) = page["nextCursor"].as_str() else { break };
            page = hub.writer.get(&format!("{path}?limit=2&cursor={cursor}")).await.was(200);
        }
        assert_eq!(homes, [json!([1, 2]), json!([1, 3]), json!([1, 4])], "{path}");
        let unfit = hub.writer.get(&format!("{path}?cursor=there&limit=0")).await;
        assert_eq!(unfit.unfit(400, "parametersInvalid"), ["limit invalid", "cursor invalid"]);
    }
    for path in ["/api/merges", "/api/conflicts", "/api/cannot-links", "/api/undecided-claims"] {
        let unfit = hub.writer.get(&format!("{path}?cursor=-1")).await;
        assert_eq!(unfit.unfit(400, "parametersInvalid"), ["cursor invalid"], "{path}");
    }
}
