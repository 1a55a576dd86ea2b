//! `GET /api/customers`.

use crate::hub::{TestHub, on_every_engine};
use serde_json::{Value, json};

on_every_engine! {
    every_kind_of_field_is_a_filter,
    filters_combine,
    custom_attributes_are_filters,
    ids_and_contacts_are_found_as_they_are_known,
    pages_follow_each_other_in_any_order,
    a_cursor_belongs_to_its_order,
    only_asked_fields_are_answered,
    what_cannot_be_read_is_told,
}

async fn people(hub: &TestHub) {
    let people = [
        json!({ "name": "Wang Fang", "gender": 2, "stage": "Lead", "city": "Beijing",
            "mobile": "+86 138 0000 0001", "isMember": true, "annualRevenue": 10.5,
            "birthday": "1990-02-28", "attr": { "size": 38, "k:x": 1 } }),
        json!({ "name": "Li Wei", "gender": 1, "stage": "Member", "city": "Shanghai",
            "mobile": "+1 650 555 0100", "email": "Li+1@X.com", "mobileVerified": true,
            "isMember": false, "annualRevenue": 7, "attr": { "size": "38", "vip": true } }),
        json!({ "name": "Wang Lei", "stage": "Lead, cold", "birthday": "1991-01-01",
            "attr": { "size": 40.5, "vip": false } }),
        json!({ "nickName": "小王", "annualRevenue": -3, "attr": { "size": "XL" } }),
    ];
    for (place, mut customer) in people.into_iter().enumerate() {
        if let Some(attr) = customer["attr"].as_object_mut() {
            attr.remove("k:x");
        }
        hub.writer.upsert(&[&format!("member:m{place}")], customer).await.was(201);
        hub.clock.advance_seconds(60);
    }
}

async fn ids(hub: &TestHub, query: &str) -> Value {
    let list = hub.reader.get(&format!("/api/customers?{query}")).await.was(200);
    list["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect()
}

async fn every_kind_of_field_is_a_filter(hub: TestHub) {
    people(&hub).await;
    let cases = [
        ("", json!([1, 2, 3, 4])),
        ("city=Beijing", json!([1])),
        ("city:not=Beijing", json!([2, 3, 4])),
        ("stage:in=Lead,Member", json!([1, 2])),
        ("stage:in=Lead%5C,%20cold", json!([3])),
        ("name:prefix=Wang", json!([1, 3])),
        ("name:gt=Wang%20Fang", json!([3])),
        ("name:lte=Wang%20Fang", json!([1, 2])),
        ("name:empty=1", json!([4])),
        ("name:empty=0", json!([1, 2, 3])),
        ("displayName:prefix=%E5%B0%8F", json!([4])),
        ("gender=2", json!([1])),
        ("gender:not=2", json!([2, 3, 4])),
        ("gender:empty", json!([3, 4])),
        ("gender:gte=1", json!([1, 2])),
        ("isMember=true", json!([1])),
        ("isMember=0", json!([2])),
        ("mobileVerified=false", json!([1])),
        ("mobileVerified:empty=1", json!([3, 4])),
        ("annualRevenue=10.50", json!([1])),
        ("annualRevenue:lt=7.5", json!([2, 4])),
        ("annualRevenue:gte=7", json!([1, 2])),
        ("birthday=1990-02-28", json!([1])),
        ("birthday:gt=1990-12-31", json!([3])),
        ("birthday:prefix=199", json!([1, 3])),
        ("dateCreated:gte=2026-05-04T01:03:03.25Z", json!([2, 3, 4])),
        ("dateCreated:gt=2026-05-04T09:03:03.25+08:00", json!([3, 4])),
        ("lastUpdated:lt=2026-05-04T01:03:03.25Z", json!([1])),
        ("dateJoin=2026-05-04T01:02:03.25Z", json!([1])),
    ];
    for (query, expected) in cases {
        assert_eq!(ids(&hub, query).await, expected, "{query}");
    }
}

async fn filters_combine(hub: TestHub) {
    people(&hub).await;
    assert_eq!(ids(&hub, "name:prefix=Wang&city:empty=1&gender:not=1").await, json!([3]));
    let range = "dateCreated:gt=2026-05-04T01:02:30Z&dateCreated:lt=2026-05-04T01:04:30Z";
    assert_eq!(ids(&hub, range).await, json!([2, 3]));
    let none = hub.reader.get("/api/customers?city=Beijing&gender=1&total=1").await.was(200);
    assert_eq!(none, json!({ "items": [], "nextCursor": null, "total": 0 }));
}

async fn custom_attributes_are_filters(hub: TestHub) {
    people(&hub).await;
    let cases = [
        ("attr.size=38", json!([1, 2])),
        ("attr.size=%2238%22", json!([2])),
        ("attr.size:in=38,XL", json!([1, 2, 4])),
        ("attr.size:not=38", json!([3, 4])),
        ("attr.size:gt=38", json!([3])),
        ("attr.size:gte=%2238%22", json!([2, 4])),
        ("attr.size:prefix=X", json!([4])),
        ("attr.vip=true", json!([2])),
        ("attr.vip:not=true", json!([1, 3, 4])),
        ("attr.vip:empty=1", json!([1, 4])),
        ("attr.unheard-of.x:empty=0", json!([])),
    ];
    for (query, expected) in cases {
        assert_eq!(ids(&hub, query).await, expected, "{query}");
    }
}

async fn ids_and_contacts_are_found_as_they_are_known(hub: TestHub) {
    people(&hub).await;
    hub.writer.upsert(&["wechat:o1"], json!({})).await.was(201);
    hub.writer.upsert(&["wechat:o1", "member:m0"], json!({})).await.was(200);
    let cases = [
        ("mobile=13800000001", json!([1])),
        ("mobile=+8613800000001", json!([1])),
        ("mobile=+16505550100", json!([2])),
        ("mobile:prefix=138", json!([1])),
        ("mobile:prefix=138-0000", json!([1])),
        ("mobile:prefix=%2B86%20138", json!([1])),
        ("mobile:prefix=+86138", json!([1])),
        ("mobile:prefix=0086138", json!([1])),
        ("mobile:prefix=%2B1%20(650)", json!([2])),
        ("mobile:prefix=001650", json!([2])),
        ("mobile:prefix=%2B86%20139", json!([])),
        ("mobile:in=13800000001,%2B16505550100", json!([1, 2])),
        ("mobile:not=13800000001", json!([2, 3, 4])),
        ("mobile:empty=1", json!([3, 4])),
        ("email=li+1@x.com", json!([2])),
        ("email:prefix=LI+1@X", json!([2])),
        ("email:prefix=li%2B2", json!([])),
        ("id:in=3,2,99", json!([2, 3])),
        ("id=5", json!([1])),
        ("id:in=5,1", json!([1])),
        ("id:gt=2", json!([3, 4])),
        ("id:lte=-5", json!([])),
        ("id:lt=9223372036854775807", json!([1, 2, 3, 4])),
        ("id:not=1", json!([2, 3, 4])),
    ];
    for (query, expected) in cases {
        assert_eq!(ids(&hub, query).await, expected, "{query}");
    }
}

async fn pages_follow_each_other_in_any_order(hub: TestHub) {
    people(&hub).await;
    let cases = [
        ("id", json!([1, 2, 3, 4])),
        ("-id", json!([4, 3, 2, 1])),
        ("name", json!([4, 2, 1, 3])),
        ("-name", json!([3, 1, 2, 4])),
        ("-lastUpdated", json!([4, 3, 2, 1])),
        ("annualRevenue", json!([3, 4, 2, 1])),
        ("attr.size", json!([1, 3, 2, 4])),
        ("-attr.vip", json!([2, 3, 4, 1])),
        ("stage", json!([4, 1, 3, 2])),
    ];
    for (sort, expected) in cases {
        assert_eq!(ids(&hub, &format!("sort={sort}")).await, expected, "{sort}");
        for limit in [1, 2, 3] {
            let mut walked = Vec::new();
            let mut cursor = String::new();
            loop {
                let path = format!("/api/customers?sort={sort}&limit={limit}{cursor}&total=1");
                let page = hub.reader.get(&path).await.was(200);
                assert_eq!(page["total"], 4);
                walked.extend(page["items"].as_array().unwrap().iter().map(|it| it["id"].clone()));
                let Some(next) = page["nextCursor"].as_str() else { break };
                cursor = format!("&cursor={next}");
            }
            assert_eq!(json!(walked), expected, "{sort} {limit}");
        }
    }
}

async fn a_cursor_belongs_to_its_order(hub: TestHub) {
    people(&hub).await;
    let first = hub.reader.get("/api/customers?sort=name&limit=1").await.was(200);
    let cursor = first["nextCursor"].as_str().unwrap();
    for query in [format!("sort=-name&cursor={cursor}"), format!("cursor={cursor}x")] {
        let answer = hub.reader.get(&format!("/api/customers?{query}")).await;
        assert_eq!(answer.unfit(400, "parametersInvalid"), ["cursor invalid"], "{query}");
    }
    // Where a customer stood counts, not the customer.
    hub.writer.patch("/api/customers/4", &json!({ "customer": { "name": "Zhao" } })).await.was(200);
    assert_eq!(ids(&hub, &format!("sort=name&cursor={cursor}")).await, json!([2, 1, 3, 4]));
}

async fn only_asked_fields_are_answered(hub: TestHub) {
    people(&hub).await;
    let ask = "/api/customers?id=1&fields=";
    let list = hub.reader.get(&format!("{ask}name,%20gender,attr.size,attr.x")).await.was(200);
    let size = json!({ "size": 38, "x": null });
    let expected = json!({ "id": 1, "name": "Wang Fang", "gender": 2, "attr": size });
    assert_eq!(list["items"], json!([expected]));
    let list = hub.reader.get(&format!("{ask}rev,attr,lastUpdated")).await.was(200);
    let expected = json!({ "id": 1, "rev": 1, "lastUpdated": "2026-05-04T01:02:03.250Z",
        "attr": { "size": 38 } });
    assert_eq!(list["items"], json!([expected]));
    let whole = hub.reader.get("/api/customers?id=1").await.was(200);
    let one = hub.reader.get("/api/customers/1").await.was(200);
    for (key, value) in whole["items"][0].as_object().unwrap() {
        assert_eq!(one[key], *value, "{key}");
    }
}

async fn what_cannot_be_read_is_told(hub: TestHub) {
    let cases = [
        ("City=Beijing", "City unknown"),
        ("attr.1=x", "attr.1 unknown"),
        ("city:like=x", "city:like unknown"),
        ("city:=x", "city: unknown"),
        ("rev=1", "rev unknown"),
        ("city=", "city invalid"),
        ("city=a&city=b", "city repeated"),
        ("gender=male", "gender invalid"),
        ("gender:in=1,9", "gender:in invalid"),
        ("gender:prefix=1", "gender:prefix invalid"),
        ("isMember:gt=0", "isMember:gt invalid"),
        ("attr.vip:lt=true", "attr.vip:lt invalid"),
        ("birthday:gt=1990", "birthday:gt invalid"),
        ("lastUpdated:gte=yesterday", "lastUpdated:gte invalid"),
        ("id=x", "id invalid"),
        ("name:empty=maybe", "name:empty invalid"),
        ("name:prefix=", "name:prefix invalid"),
        ("sort=rev", "sort invalid"),
        ("limit=0", "limit invalid"),
        ("limit=1001", "limit invalid"),
        ("cursor=1", "cursor invalid"),
        ("fields=name,x", "fields invalid"),
        ("total=perhaps", "total invalid"),
        ("dryRun=1", "dryRun unknown"),
    ];
    for (query, expected) in cases {
        let answer = hub.reader.get(&format!("/api/customers?{query}")).await;
        assert_eq!(answer.unfit(400, "parametersInvalid"), [expected], "{query}");
    }
    let many: Vec<String> = (0..101).map(|n| n.to_string()).collect();
    let answer = hub.reader.get(&format!("/api/customers?city:in={}", many.join(","))).await;
    assert_eq!(answer.unfit(400, "parametersInvalid"), ["city:in invalid"]);
    let several = hub.reader.get("/api/customers?gender=x&x=1&limit=x").await;
    let several = several.unfit(400, "parametersInvalid");
    assert_eq!(several, ["limit invalid", "gender invalid", "x unknown"]);
}
