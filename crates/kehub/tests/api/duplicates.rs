//! Who looks like one person.

use crate::hub::{Actor, TestHub, on_every_engine};
use kehub_core::policy::{OnConflict, Preset};
use serde_json::{Value, json};

on_every_engine! {
    a_shop_phone_is_suggested_pair_by_pair,
    what_guarded_keeps_apart_is_suggested,
    pages_follow_each_other,
    a_list_is_narrowed_by_reason_and_customer,
    what_was_found_is_kept_for_a_while,
    a_hotline_is_a_crowd,
    nobody_sees_the_duplicates_of_another_tenant,
    parameters_are_read_strictly,
}

const PATH: &str = "/api/duplicates";
const MOBILE: &str = "13900000001";

async fn found(actor: &Actor, query: &str) -> Value {
    actor.get(&format!("{PATH}{query}")).await.was(200)
}

fn pairs(found: &Value) -> Vec<Value> {
    let items = found["items"].as_array().unwrap().iter();
    items.map(|item| item["customerIds"].clone()).collect()
}

/// Case 27 of the identity page.
async fn three_accounts_with_one_mobile(hub: &TestHub) {
    for account in ["member:1", "member:2", "member:3"] {
        hub.writer.upsert(&[account], json!({ "mobile": MOBILE })).await.was(201);
    }
}

async fn a_shop_phone_is_suggested_pair_by_pair(hub: TestHub) {
    three_accounts_with_one_mobile(&hub).await;
    let found = found(&hub.reader, "").await;
    assert_eq!(pairs(&found), [json!([1, 2]), json!([1, 3]), json!([2, 3])]);
    assert_eq!(found["items"][0]["reasons"], json!(["sameMobile"]));
    assert_eq!((&found["crowds"], &found["nextCursor"]), (&json!([]), &Value::Null));
    assert_eq!(found["computedAt"], "2026-05-04T01:02:03.250Z");
}

/// Case 24 of the identity page.
async fn what_guarded_keeps_apart_is_suggested(hub: TestHub) {
    hub.set_policy(Preset::Guarded, OnConflict::Merge).await;
    for openid in ["wechat:o1", "wechat:o2"] {
        hub.writer.upsert(&[openid], json!({ "mobile": MOBILE })).await.was(201);
    }
    assert_eq!(pairs(&found(&hub.reader, "").await), [json!([1, 2])]);
}

async fn pages_follow_each_other(hub: TestHub) {
    three_accounts_with_one_mobile(&hub).await;
    let whole = found(&hub.reader, "").await;
    let mut read = Vec::new();
    let mut cursor = String::new();
    for _ in 0..3 {
        let page = found(&hub.reader, &format!("?limit=1{cursor}")).await;
        read.extend(pairs(&page));
        cursor = page["nextCursor"].as_str().map_or(String::new(), |it| format!("&cursor={it}"));
    }
    assert_eq!((read, cursor), (pairs(&whole), String::new()));
}

async fn a_list_is_narrowed_by_reason_and_customer(hub: TestHub) {
    three_accounts_with_one_mobile(&hub).await;
    let person = json!({ "name": "Wang Fang", "birthday": "1990-01-01" });
    for account in ["member:4", "member:5"] {
        hub.writer.upsert(&[account], person.clone()).await.was(201);
    }
    let by_reason = found(&hub.reader, "?reason=sameNameAndBirthday").await;
    assert_eq!(pairs(&by_reason), [json!([4, 5])]);
    assert_eq!(found(&hub.reader, "?reason=sameEmail").await["items"], json!([]));
    let of_three = found(&hub.reader, "?customerId=3").await;
    assert_eq!(pairs(&of_three), [json!([1, 3]), json!([2, 3])]);
    hub.reader.get(&format!("{PATH}?customerId=99")).await.refused(404, "customerNotFound");
}

async fn what_was_found_is_kept_for_a_while(hub: TestHub) {
    three_accounts_with_one_mobile(&hub).await;
    assert_eq!(pairs(&found(&hub.reader, "").await).len(), 3);
    hub.writer.upsert(&["member:9"], json!({ "mobile": MOBILE })).await.was(201);
    hub.clock.advance_seconds(299);
    assert_eq!(pairs(&found(&hub.reader, "").await).len(), 3);
    let anew = found(&hub.reader, "?refresh=1").await;
    assert_eq!((pairs(&anew).len(), &anew["computedAt"]), (6, &json!("2026-05-04T01:07:02.250Z")));
    hub.writer.upsert(&["member:10"], json!({ "mobile": MOBILE })).await.was(201);
    hub.clock.advance_seconds(300);
    assert_eq!(pairs(&found(&hub.reader, "").await).len(), 10);
}

async fn a_hotline_is_a_crowd(hub: TestHub) {
    for number in 1..=13 {
        let account = format!("member:{number}");
        hub.writer.upsert(&[&account], json!({ "mobile": MOBILE })).await.was(201);
    }
    let found = found(&hub.reader, "?customerId=2").await;
    assert_eq!(found["items"], json!([]));
    let ids: Vec<i64> = (1..=13).collect();
    let crowd = json!({ "reason": "sameMobile", "count": 13, "customerIds": ids });
    assert_eq!(found["crowds"], json!([crowd]));
}

async fn nobody_sees_the_duplicates_of_another_tenant(hub: TestHub) {
    three_accounts_with_one_mobile(&hub).await;
    assert_eq!(pairs(&found(&hub.reader, "").await).len(), 3);
    assert_eq!(found(&hub.stranger, "").await["items"], json!([]));
    hub.stranger.get(&format!("{PATH}?customerId=1")).await.refused(404, "customerNotFound");
}

async fn parameters_are_read_strictly(hub: TestHub) {
    let query = "?reason=looks&customerId=0&limit=1001&cursor=5f.7&refresh=maybe&page=2";
    let unfit = hub.reader.get(&format!("{PATH}{query}")).await.unfit(400, "parametersInvalid");
    let expected = ["reason", "customerId", "limit", "cursor", "refresh"];
    let expected: Vec<String> = expected.iter().map(|name| format!("{name} invalid")).collect();
    assert_eq!(unfit, [expected, vec!["page unknown".to_owned()]].concat());
}
