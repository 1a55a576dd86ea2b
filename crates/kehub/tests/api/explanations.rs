//! Why two are one, or are not.

use crate::hub::{TestHub, on_every_engine};
use kehub_core::command::{Command, MergeByHand};
use kehub_core::policy::{OnConflict, Preset};
use kehub_core::{CustomerId, MergeId};
use serde_json::{Value, json};

on_every_engine! {
    identities_are_joined_by_the_requests_that_carried_them,
    homes_are_joined_by_merges,
    what_keeps_two_apart_is_told,
    an_identity_that_nobody_owns_is_nobodys,
    a_side_that_is_not_there_is_told,
    it_is_explained_as_it_stood,
    parameters_are_read_strictly,
}

const PATH: &str = "/api/explanations";

async fn explain(hub: &TestHub, query: &str) -> Value {
    hub.reader.get(&format!("{PATH}?{query}")).await.was(200)
}

async fn upsert(hub: &TestHub, identities: &[&str], customer: Value) {
    hub.clock.advance_seconds(1);
    let answer = hub.writer.upsert(identities, customer).await;
    assert!(answer.status.is_success(), "{}", answer.text);
}

/// The texts of the nodes that a path leads through, with what leads to them.
fn told(explanation: &Value) -> Vec<String> {
    let node = |node: &Value| match node["homeId"].as_i64() {
        Some(home) => format!("home {home}"),
        None => node["identity"]["value"].as_str().unwrap().to_owned(),
    };
    let steps = explanation["path"].as_array().unwrap().iter();
    steps
        .map(|step| {
            let (by, seq) = (step["by"].as_str().unwrap(), &step["seq"]);
            format!("{} -{by} {seq}-> {}", node(&step["from"]), node(&step["to"]))
        })
        .collect()
}

async fn identities_are_joined_by_the_requests_that_carried_them(hub: TestHub) {
    upsert(&hub, &["wechat:o1", "mobile:13800000001"], json!({})).await;
    upsert(&hub, &["mobile:13800000001", "email:a@b.cn"], json!({})).await;
    upsert(&hub, &["email:a@b.cn", "member:1"], json!({})).await;
    let found = explain(&hub, "fromType=WeChat&fromValue=o1&toType=member&toValue=1").await;
    assert_eq!((&found["same"], &found["whyNot"]), (&json!(true), &Value::Null));
    assert_eq!((&found["from"]["customerId"], &found["to"]["customerId"]), (&json!(1), &json!(1)));
    assert_eq!(
        told(&found),
        ["o1 -request 1-> 13800000001", "13800000001 -request 2-> a@b.cn", "a@b.cn -request 3-> 1",]
    );
    let step = &found["path"][1];
    assert_eq!(
        (&step["at"], &step["app"]),
        (&json!("2026-05-04T01:02:05.250Z"), &json!(hub.writer.id))
    );
    assert_eq!(step["matchedBy"]["identity"]["type"], "mobile");
    assert_eq!(found["path"][0]["matchedBy"], Value::Null);
    let itself = explain(&hub, "fromCustomer=1&toCustomer=1").await;
    assert_eq!((&itself["same"], &itself["path"]), (&json!(true), &json!([])));
}

async fn homes_are_joined_by_merges(hub: TestHub) {
    upsert(&hub, &["wechat:o1"], json!({})).await;
    upsert(&hub, &["mobile:13800000001"], json!({})).await;
    upsert(&hub, &["wechat:o1", "mobile:13800000001"], json!({})).await;
    upsert(&hub, &["email:a@b.cn"], json!({})).await;
    let merge = MergeByHand { one: CustomerId(2), other: CustomerId(3) };
    hub.decide(Command::Merge(merge)).await;
    let found = explain(&hub, "fromCustomer=2&toCustomer=1").await;
    assert_eq!(told(&found), ["home 2 -merge 3-> home 1"]);
    let merge = &found["path"][0]["merge"];
    assert_eq!((&merge["id"], &merge["guards"][0]["verdict"]), (&json!(1), &json!("pass")));
    assert_eq!(merge["bridge"][1]["value"], "13800000001");
    let found = explain(&hub, "fromCustomer=3&toCustomer=1").await;
    assert_eq!(told(&found), ["home 3 -merge 5-> home 1"]);
    assert_eq!(found["path"][0]["merge"]["bridge"], json!([]), "by hand");
    assert_eq!(found["path"][0]["requestId"], "decision");
}

async fn what_keeps_two_apart_is_told(hub: TestHub) {
    hub.set_policy(Preset::Guarded, OnConflict::Merge).await;
    let fields = json!({ "name": "Wang", "mobile": "13800000001" });
    upsert(&hub, &["member:1", "mobile:13800000001"], fields.clone()).await;
    upsert(&hub, &["member:2", "mobile:13800000001"], fields).await;
    let found = explain(&hub, "fromCustomer=1&toType=member&toValue=2").await;
    assert_eq!((&found["same"], &found["path"]), (&json!(false), &Value::Null));
    assert_eq!((&found["from"]["customerId"], &found["to"]["customerId"]), (&json!(1), &json!(2)));
    let why = &found["whyNot"];
    assert_eq!(why["guards"][0], json!({ "guard": "distinguishing", "verdict": "refuse" }));
    assert_eq!(why["guards"][3], json!({ "guard": "contactOnly", "verdict": "refuse" }));
    let turned = explain(&hub, "fromCustomer=2&toCustomer=1").await;
    assert_eq!(turned["whyNot"]["guards"], why["guards"]);
    let differing = &why["differing"][0];
    assert_eq!(
        (&differing["from"]["value"], &differing["to"]["value"]),
        (&json!("1"), &json!("2"))
    );
    assert_eq!(why["conflicts"][0]["rule"], "distinguishing");
    assert_eq!(why["conflicts"][0]["opened"]["at"], "2026-05-04T01:02:05.250Z");
    let named: Vec<&Value> = why["requests"][0]["identities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["value"])
        .collect();
    assert_eq!(named, ["2", "13800000001"]);
    assert_eq!(
        why["sharedFields"],
        json!([{ "field": "name", "value": "Wang" }, { "field": "mobile", "value": "13800000001" }])
    );
    assert_eq!(why["cannotLinks"], json!([]));

    upsert(&hub, &["wechat:o3"], json!({})).await;
    upsert(&hub, &["wechat:o4"], json!({})).await;
    upsert(&hub, &["wechat:o3", "wechat:o4"], json!({})).await;
    hub.decide(Command::Unmerge(MergeId(1))).await;
    let why = &explain(&hub, "fromCustomer=3&toCustomer=4").await["whyNot"];
    assert_eq!(why["guards"][1], json!({ "guard": "cannotLink", "verdict": "refuse" }));
    let link = &why["cannotLinks"][0];
    assert_eq!((&link["homes"], &link["set"]["requestId"]), (&json!([3, 4]), &json!("decision")));
}

async fn an_identity_that_nobody_owns_is_nobodys(hub: TestHub) {
    upsert(&hub, &["wechat:o1", "mobile:00000000000"], json!({})).await;
    upsert(&hub, &["wechat:o2"], json!({})).await;
    hub.decide(Command::Delete(CustomerId(2))).await;
    for (kind, value) in [("wechat", "o2"), ("mobile", "00000000000")] {
        let query = format!("fromCustomer=1&toType={kind}&toValue={value}");
        let found = explain(&hub, &query).await;
        assert_eq!((&found["same"], &found["whyNot"]), (&json!(false), &Value::Null));
        assert_eq!(
            (&found["from"]["customerId"], &found["to"]["customerId"]),
            (&json!(1), &Value::Null)
        );
        assert_eq!(found["to"]["identity"]["value"], value);
    }
}

async fn a_side_that_is_not_there_is_told(hub: TestHub) {
    upsert(&hub, &["wechat:o1"], json!({})).await;
    upsert(&hub, &["wechat:o2"], json!({})).await;
    upsert(&hub, &["wechat:o3"], json!({})).await;
    hub.decide(Command::Delete(CustomerId(2))).await;
    hub.decide(Command::Erase(CustomerId(3))).await;
    let nobody = hub.reader.get("/api/explanations?fromCustomer=1&toCustomer=9").await;
    let nobody = nobody.refused(404, "customerNotFound");
    assert_eq!(nobody["errors"][0]["detail"], "no customer of this id is live");
    let cases = [
        ("fromCustomer=1&toCustomer=9", 404, "customerNotFound", "toCustomer"),
        ("fromType=wechat&fromValue=o9&toCustomer=1", 404, "identityNotFound", "fromValue"),
        ("fromCustomer=1&toType=wechat&toValue=o3", 404, "identityNotFound", "toValue"),
        ("fromCustomer=2&toCustomer=1", 410, "customerDeleted", "fromCustomer"),
        ("fromCustomer=1&toCustomer=3", 410, "customerErased", "toCustomer"),
        (
            "fromCustomer=1&toCustomer=3&asOf=2026-05-04T01:02:06.500Z",
            410,
            "customerErased",
            "toCustomer",
        ),
        (
            "fromCustomer=3&toCustomer=1&asOf=2026-05-04T01:02:04.500Z",
            410,
            "customerErased",
            "fromCustomer",
        ),
        (
            "fromCustomer=2&toCustomer=1&asOf=2026-05-04T01:02:04.500Z",
            404,
            "customerNotFound",
            "fromCustomer",
        ),
    ];
    for (query, status, code, place) in cases {
        let answer = hub.reader.get(&format!("{PATH}?{query}")).await;
        assert_eq!(answer.unfit(status, code), [format!("{place} notFound")], "{query}");
        assert!(!answer.text.contains("o9"), "values may be personal");
    }
    let both = hub.reader.get(&format!("{PATH}?fromCustomer=8&toCustomer=9")).await;
    let expected = ["fromCustomer notFound", "toCustomer notFound"];
    assert_eq!(both.unfit(404, "customerNotFound"), expected);
}

async fn it_is_explained_as_it_stood(hub: TestHub) {
    upsert(&hub, &["wechat:o1"], json!({})).await;
    upsert(&hub, &["wechat:o2"], json!({})).await;
    upsert(&hub, &["wechat:o1", "wechat:o2"], json!({})).await;
    hub.decide(Command::Unmerge(MergeId(1))).await;
    let query = "fromType=wechat&fromValue=o1&toType=wechat&toValue=o2";
    assert_eq!(explain(&hub, query).await["same"], false);
    let then = explain(&hub, &format!("{query}&asOf=2026-05-04T01:02:06.250Z")).await;
    assert_eq!(
        (told(&then), &then["asOf"]),
        (vec!["o1 -request 3-> o2".to_owned()], &json!("2026-05-04T01:02:06.250Z"))
    );
    let before = explain(&hub, &format!("{query}&asOf=2026-05-04T01:02:05.250Z")).await;
    assert_eq!((&before["same"], &before["to"]["customerId"]), (&json!(false), &json!(2)));
    assert_eq!(before["whyNot"]["cannotLinks"], json!([]));
}

async fn parameters_are_read_strictly(hub: TestHub) {
    let cases: [(&str, &[&str]); 6] = [
        ("", &["fromCustomer missing", "toCustomer missing"]),
        ("?fromCustomer=1&toType=wechat", &["toValue missing"]),
        ("?fromValue=o1&toCustomer=0", &["fromType missing", "toCustomer invalid"]),
        ("?fromCustomer=1&fromType=wechat&toCustomer=1", &["fromCustomer repeated"]),
        ("?fromCustomer=1&fromCustomer=2&toCustomer=1", &["fromCustomer repeated"]),
        (
            "?fromCustomer=1&toCustomer=1&asOf=2030-01-01T00:00:00Z&x=1",
            &["asOf invalid", "x unknown"],
        ),
    ];
    for (query, expected) in cases {
        let unfit = hub.reader.get(&format!("{PATH}{query}")).await;
        assert_eq!(unfit.unfit(400, "parametersInvalid"), expected, "{query}");
    }
}
