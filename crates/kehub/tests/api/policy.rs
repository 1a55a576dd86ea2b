//! The policy of a tenant and of its identity types.

use crate::hub::{TestHub, on_every_engine};
use kehub_core::directory::Permission;
use serde_json::{Value, json};

on_every_engine! {
    a_policy_is_read_and_changed,
    a_type_shows_its_rules_and_which_are_set,
    what_is_set_rules_the_next_request,
    null_sets_back,
    what_cannot_be_set_is_told_with_its_place,
    types_are_listed_by_name,
    a_type_is_named_as_people_type_it,
    a_dry_change_tells_whom_it_would_affect,
    who_may_not_read_customers_is_told_how_many,
    a_change_is_for_the_policy_that_was_looked_at,
}

async fn a_change_is_for_the_policy_that_was_looked_at(hub: TestHub) {
    let two = json!({ "limit": 2 });
    hub.writer.patch("/api/identity-types/mobile?version=1", &two).await.was(200);
    for path in ["/api/identity-types/mobile", "/api/identity-types/new", "/api/policy"] {
        let change = if path.ends_with("policy") {
            json!({ "preset": "guarded" })
        } else {
            json!({ "limit": 3 })
        };
        for also in ["", "&dryRun=1"] {
            let late = hub.writer.patch(&format!("{path}?version=1{also}"), &change).await;
            let late = late.refused(409, "policyChanged");
            assert!(late["detail"].as_str().unwrap().contains("version 2"), "{path}: {late}");
        }
    }
    let now = hub.reader.get("/api/identity-types/mobile").await.was(200);
    assert_eq!(now["limit"], 2);
    let policy = hub.reader.get("/api/policy").await.was(200);
    assert_eq!((&policy["preset"], &policy["version"]), (&json!("compat"), &json!(2)));
    hub.writer.patch("/api/policy?version=2", &json!({ "preset": "guarded" })).await.was(200);
    let unfit = hub.writer.patch("/api/policy?version=0", &json!({})).await;
    assert_eq!(unfit.unfit(400, "parametersInvalid"), ["version invalid"]);
}

async fn a_policy_is_read_and_changed(hub: TestHub) {
    let policy = hub.reader.get("/api/policy").await.was(200);
    assert_eq!(policy, json!({ "preset": "compat", "onConflict": "merge", "version": 1 }));
    let change = json!({ "preset": "guarded", "onConflict": "keep" });
    let changed = hub.writer.patch("/api/policy", &change).await.was(200);
    assert_eq!(changed, json!({ "preset": "guarded", "onConflict": "keep", "version": 2 }));
    assert_eq!(hub.reader.get("/api/policy").await.was(200), changed);
    for same in [json!({}), json!({ "onConflict": "keep" }), change] {
        assert_eq!(hub.writer.patch("/api/policy", &same).await.was(200), changed);
    }
    let wrong = json!({ "preset": null, "onConflict": "MERGE", "limit": 1 });
    let unfit = hub.writer.patch("/api/policy", &wrong).await;
    let expected = ["/limit unknown", "/preset invalid", "/onConflict invalid"];
    assert_eq!(unfit.unfit(422, "fieldsInvalid"), expected);
    let unfit = hub.writer.patch("/api/policy?preset=guarded", &json!({})).await;
    assert_eq!(unfit.unfit(400, "parametersInvalid"), ["preset unknown"]);
}

async fn a_type_shows_its_rules_and_which_are_set(hub: TestHub) {
    let mobile = hub.reader.get("/api/identity-types/mobile").await.was(200);
    let expected = json!({
        "type": "mobile", "priority": 40, "limit": 5, "role": "contact", "case": "sensitive",
        "blocked": [], "quarantineAfter": 3, "overLimit": "attach", "set": [],
    });
    assert_eq!(mobile, expected);
    hub.reader.get("/api/identity-types/club-card").await.refused(404, "identityTypeNotFound");
    let change = json!({
        "limit": "2", "blocked": ["138 0000 0009", 400, "Test*"], "overLimit": "refuse",
        "priority": 15, "role": "normal", "case": "insensitive", "quarantineAfter": 0,
    });
    let card = hub.writer.patch("/api/identity-types/club-card", &change).await.was(200);
    let expected = json!({
        "type": "club-card", "priority": 15, "limit": 2, "role": "normal", "case": "insensitive",
        "blocked": ["138 0000 0009", "400", "test*"], "quarantineAfter": 0, "overLimit": "refuse",
        "set": ["priority", "limit", "role", "case", "blocked", "quarantineAfter", "overLimit"],
    });
    assert_eq!(card, expected);
    assert_eq!(hub.reader.get("/api/identity-types/club-card").await.was(200), expected);
    assert_eq!(hub.reader.get("/api/policy").await.was(200)["version"], 2);
}

async fn what_is_set_rules_the_next_request(hub: TestHub) {
    let change = json!({ "limit": 1, "overLimit": "refuse", "blocked": ["*0009"] });
    hub.writer.patch("/api/identity-types/mobile", &change).await.was(200);
    let outcomes = |answer: Value| {
        let identities = answer["resolution"]["identities"].as_array().unwrap().clone();
        identities.into_iter().map(|it| it["outcome"].clone()).collect::<Vec<_>>()
    };
    let first = hub.writer.upsert(&["wechat:o1", "mobile:13800000001"], json!({})).await.was(201);
    assert_eq!(outcomes(first), ["created", "created"]);
    let fields = json!({ "mobile": "13800000009" });
    let identities = ["wechat:o1", "mobile:13800000002", "mobile:+86 138-0000-0009"];
    let second = hub.writer.upsert(&identities, fields).await.was(200);
    assert_eq!(second["resolution"]["warnings"].as_array().unwrap().len(), 3, "{second}");
    assert_eq!(outcomes(second), ["matched", "overLimit", "blocked"]);
    // The attribute is kept, since the customer has no better one, and finds nobody.
    let third = hub.writer.upsert(&[], json!({ "mobile": "13800000009" })).await.was(201);
    assert_eq!(third["customer"]["id"], 2);
}

async fn null_sets_back(hub: TestHub) {
    let path = "/api/identity-types/mobile";
    let usual = hub.reader.get(path).await.was(200);
    let change = json!({ "limit": 2, "blocked": ["1"], "role": "normal" });
    hub.writer.patch(path, &change).await.was(200);
    let change = json!({ "limit": null, "blocked": null });
    let changed = hub.writer.patch(path, &change).await.was(200);
    assert_eq!(changed["set"], json!(["role"]));
    let changed = hub.writer.patch(path, &json!({ "role": null })).await.was(200);
    assert_eq!(changed, usual);
    // The rules of the preset follow the preset.
    hub.writer.patch("/api/policy", &json!({ "preset": "guarded" })).await.was(200);
    let guarded = hub.reader.get(path).await.was(200);
    assert_eq!((&guarded["overLimit"], &guarded["set"]), (&json!("refuse"), &json!([])));
}

async fn what_cannot_be_set_is_told_with_its_place(hub: TestHub) {
    let ask = |path: &'static str, body: Value| {
        let writer = hub.writer.clone();
        async move { writer.patch(path, &body).await.unfit(422, "fieldsInvalid") }
    };
    let path = "/api/identity-types/mobile";
    let body = json!({
        "limit": 0, "priority": 70_000, "quarantineAfter": -1, "role": "weaker", "case": 1,
        "overLimit": [], "blocked": "x", "set": [], "type": "email",
    });
    let expected = [
        "/set unknown",
        "/type unknown",
        "/priority invalid",
        "/limit invalid",
        "/role invalid",
        "/case invalid",
        "/blocked invalid",
        "/quarantineAfter invalid",
        "/overLimit invalid",
    ];
    assert_eq!(ask(path, body).await, expected);
    assert_eq!(ask(path, json!({ "case": "insensitive" })).await, ["/case refused"]);
    let patterns = json!({ "blocked": ["1", "**", { "a": 1 }] });
    assert_eq!(ask(path, patterns).await, ["/blocked/2 invalid"]);
    let patterns = json!({ "blocked": ["1", "**", ""] });
    assert_eq!(ask(path, patterns).await, ["/blocked/1 refused", "/blocked/2 refused"]);
    let many: Vec<String> = (0..101).map(|number| number.to_string()).collect();
    assert_eq!(ask(path, json!({ "blocked": many })).await, ["/blocked refused"]);
    assert_eq!(ask(path, json!([])).await, [" invalid"]);

    hub.writer.upsert(&["member:M1"], json!({})).await.was(201);
    let case = json!({ "case": "insensitive" });
    assert_eq!(ask("/api/identity-types/member", case).await, ["/case refused"]);
    let long = "/api/identity-types/a-type-with-a-name-that-is-too-long";
    assert_eq!(ask(long, json!({ "limit": 1 })).await, [" refused"]);
    assert_eq!(hub.reader.get("/api/policy").await.was(200)["version"], 1, "nothing was set");
}

async fn types_are_listed_by_name(hub: TestHub) {
    hub.writer.upsert(&["Member:1", "wechat:o1"], json!({})).await.was(201);
    hub.writer.patch("/api/identity-types/club-card", &json!({ "limit": 3 })).await.was(200);
    let names = |answer: &Value| {
        let items = answer["items"].as_array().unwrap();
        items.iter().map(|it| it["type"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let all = hub.reader.get("/api/identity-types").await.was(200);
    let expected = [
        "applet-wechat",
        "cl_cid",
        "club-card",
        "cookie",
        "email",
        "idfa",
        "imei",
        "Member",
        "mobile",
        "wechat",
        "wechat-unionid",
    ];
    assert_eq!(
        (names(&all), &all["nextCursor"]),
        (expected.map(str::to_owned).to_vec(), &Value::Null)
    );
    assert_eq!(all["items"][2]["set"], json!(["limit"]));
    let mut paged = Vec::new();
    let mut path = "/api/identity-types?limit=4".to_owned();
    loop {
        let page = hub.reader.get(&path).await.was(200);
        paged.extend(names(&page));
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        path = format!("/api/identity-types?limit=4&cursor={cursor}");
    }
    assert_eq!(paged, expected);
    let unfit = hub.reader.get("/api/identity-types?limit=0").await;
    assert_eq!(unfit.unfit(400, "parametersInvalid"), ["limit invalid"]);
    for cursor in ["", "7", "nobody"] {
        let unfit = hub.reader.get(&format!("/api/identity-types?cursor={cursor}")).await;
        assert_eq!(unfit.unfit(400, "parametersInvalid"), ["cursor invalid"], "{cursor}");
    }
}

async fn a_type_is_named_as_people_type_it(hub: TestHub) {
    hub.writer.upsert(&["会员 卡/7:1"], json!({})).await.was(201);
    let path = "/api/identity-types/%E4%BC%9A%E5%91%98%20%e5%8d%a1%2F7";
    assert_eq!(hub.reader.get(path).await.was(200)["type"], "会员 卡/7");
    let changed = hub.writer.patch(path, &json!({ "limit": 3 })).await.was(200);
    assert_eq!((&changed["type"], &changed["limit"]), (&json!("会员 卡/7"), &json!(3)));
    hub.reader.get("/API/Identity-Types/MOBILE").await.was(200);
    for path in ["%FF", "mobile%00"] {
        let path = format!("/api/identity-types/{path}");
        hub.reader.get(&path).await.refused(404, "identityTypeNotFound");
        let answer = hub.writer.patch(&path, &json!({ "limit": 3 })).await;
        answer.refused(404, "identityTypeNotFound");
    }
}

async fn a_dry_change_tells_whom_it_would_affect(hub: TestHub) {
    for number in 1..=25 {
        let (one, other) = (format!("member:{number}"), format!("member:x{number}"));
        let mobile = format!("mobile:1380000{number:0>4}");
        hub.writer.upsert(&[&one, &other, &mobile], json!({})).await.was(201);
    }
    hub.writer.upsert(&["member:only"], json!({})).await.was(201);
    let path = "/api/policy?dryRun=1";
    let dry = hub.writer.patch(path, &json!({ "preset": "guarded" })).await.was(200);
    assert_eq!(
        (&dry["before"]["preset"], &dry["after"]["preset"]),
        (&json!("compat"), &json!("guarded"))
    );
    assert_eq!(dry["after"]["version"], 2);
    let affected = &dry["affected"];
    let sample = affected["sample"].as_array().unwrap();
    assert_eq!((&affected["customers"], sample.len()), (&json!(25), 20));
    assert_eq!(
        sample[0],
        json!({
            "customerId": 1,
            "reasons": [{ "reason": "overLimit", "type": "member", "held": 2, "limit": 1 }],
        })
    );
    let dry = hub.writer.patch(path, &json!({ "onConflict": "keep" })).await.was(200);
    assert_eq!(dry["affected"], json!({ "customers": 0, "sample": [] }));

    let path = "/api/identity-types/mobile?dryRun=1";
    let change =
        json!({ "blocked": ["138*0008"], "priority": 5, "quarantineAfter": 2, "limit": 1 });
    let dry = hub.writer.patch(path, &change).await.was(200);
    assert_eq!((&dry["before"]["set"], &dry["after"]["priority"]), (&json!([]), &json!(5)));
    assert_eq!(dry["affected"]["customers"], 25);
    assert_eq!(
        dry["affected"]["sample"][7],
        json!({
            "customerId": 8,
            "reasons": [
                { "reason": "reordered", "types": ["mobile", "member"] },
                { "reason": "blocked", "identity": 24 },
            ],
        })
    );
    // A mobile that outranks accounts is not suspected for them.
    let dry = hub.writer.patch(path, &json!({ "quarantineAfter": 2 })).await.was(200);
    let quarantined = json!([{ "reason": "quarantined", "identity": 21 }]);
    assert_eq!(dry["affected"]["sample"][6]["reasons"], quarantined);
    let change = json!({ "role": "distinguishing" });
    let dry = hub.writer.patch("/api/identity-types/never-sent?dryRun=1", &change).await.was(200);
    assert_eq!((&dry["before"]["set"], &dry["affected"]["customers"]), (&json!([]), &json!(0)));
    hub.reader.get("/api/identity-types/never-sent").await.refused(404, "identityTypeNotFound");
    assert_eq!(hub.reader.get("/api/policy").await.was(200)["version"], 1, "nothing was set");
}

async fn who_may_not_read_customers_is_told_how_many(hub: TestHub) {
    hub.writer.upsert(&["member:1", "member:2"], json!({})).await.was(201);
    let ruler = hub.app_with("cl00000000000000a", &[Permission::PoliciesWrite]).await;
    let change = json!({ "preset": "guarded" });
    let dry = ruler.patch("/api/policy?dryRun=1", &change).await.was(200);
    assert_eq!(dry["affected"], json!({ "customers": 1 }));
    ruler.patch("/api/policy", &change).await.was(200);
    ruler.get("/api/policy").await.refused(403, "permissionMissing");
}
