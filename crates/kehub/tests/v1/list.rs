//! `GET /v1/customers` and `GET /v1/customers/count` (W13 to W20, W36).

use crate::hub::{TestHub, customer_text, on_every_engine};

on_every_engine! {
    a_list_has_its_envelope,
    pages_have_defaults_and_bounds,
    every_filter_finds_what_it_names,
    filters_combine_with_and,
    a_filter_without_a_value_is_not_given,
    periods_include_both_ends_by_the_second,
    unreadable_filters_are_field_errors,
    any_attribute_sorts_and_ties_go_by_id,
    selected_fields_come_in_the_asked_order,
    a_merged_id_in_a_list_of_ids_is_its_survivor_once,
    a_raw_plus_is_a_plus_where_it_makes_sense,
}

async fn a_list_has_its_envelope(hub: TestHub) {
    hub.reader.get("/v1/customers").await.is(200, r#"{"records":0,"rows":[],"total":0}"#);
    hub.writer.post("/v1/customers", r#"{"name":"W"}"#).await.ok();
    let row = customer_text(&[("id", "1"), ("displayName", "\"W\""), ("name", "\"W\"")]);
    let answer = hub.reader.get("/v1/customers").await;
    answer.is(200, &format!(r#"{{"records":1,"rows":[{row}],"total":1}}"#));
    assert_eq!(answer.header("content-type"), "application/json;charset=UTF-8");
    let count = hub.reader.get("/v1/customers/count").await;
    count.is(200, "1");
    assert_eq!(count.header("content-type"), "application/json;charset=UTF-8");
}

async fn pages_have_defaults_and_bounds(hub: TestHub) {
    for number in 0..21 {
        hub.writer.upsert(&[&format!("member:{number}")], "{}").await.ok();
    }
    assert_eq!(ids(&hub, "").await.len(), 20);
    assert_eq!(ids(&hub, "page=2").await, [21]);
    assert_eq!(ids(&hub, "rows=2&page=3").await, [5, 6]);
    for defaults in ["rows=0", "rows=x&page=0", "rows=-1&page=-7", "rows=1.5&page="] {
        assert_eq!(ids(&hub, defaults).await.len(), 20, "{defaults}");
    }
    for all in ["rows=759", "rows=1000", "rows=5000"] {
        assert_eq!(ids(&hub, all).await.len(), 21, "{all}");
    }
    for past in ["page=3", "rows=1000&page=2", "page=99999999999999999"] {
        let answer = hub.reader.get(&format!("/v1/customers?{past}")).await;
        let pages = if past.starts_with("rows") { 1 } else { 2 };
        answer.is(200, &format!(r#"{{"records":21,"rows":[],"total":{pages}}}"#));
    }
}

async fn every_filter_finds_what_it_names(hub: TestHub) {
    let customers = [
        r#"{"name":"A","stage":"Lead","source":"web","mobile":"13800000001"}"#,
        r#"{"name":"B","email":"B@x.cn","gender":1,"externalId":"t-1"}"#,
        r#"{"name":"C","gender":2,"stage":"Lead"}"#,
    ];
    for customer in customers {
        hub.writer.post("/v1/customers", customer).await.ok();
    }
    let cases: [(&str, &[u64]); 15] = [
        ("stage=Lead", &[1, 3]),
        ("stage=_empty", &[2]),
        ("source=web", &[1]),
        ("mobile=%2B86%20138-0000-0001", &[1]),
        ("email=b@X.CN", &[2]),
        ("name=C", &[3]),
        ("name=c", &[]),
        ("externalId=t-1", &[2]),
        ("gender=0", &[1]),
        ("gender=2", &[3]),
        ("idList=3,%201,,99", &[1, 3]),
        ("dateCreatedFrom=2026-05-04T01:02:03", &[1, 2, 3]),
        ("dateCreatedTo=2026-05-04T01:02:02Z", &[]),
        ("lastUpdatedFrom=2026-05-04T01:02:04Z", &[]),
        ("orderby=lastUpdated:desc&unknown=1", &[1, 2, 3]),
    ];
    for (query, expected) in cases {
        assert_eq!(ids(&hub, query).await, expected, "{query}");
        assert_eq!(count(&hub, query).await, expected.len().to_string(), "{query}");
    }
}

async fn filters_combine_with_and(hub: TestHub) {
    for (name, source) in [("A", "web"), ("A", "shop"), ("B", "web")] {
        let body = format!(r#"{{"name":"{name}","source":"{source}"}}"#);
        hub.writer.post("/v1/customers", &body).await.ok();
    }
    assert_eq!(ids(&hub, "name=A&source=web").await, [1]);
    assert_eq!(ids(&hub, "source=web&idList=2,3&gender=0&stage=_empty").await, [3]);
    assert_eq!(count(&hub, "name=B&source=shop").await, "0");
}

async fn a_filter_without_a_value_is_not_given(hub: TestHub) {
    hub.writer.post("/v1/customers", r#"{"name":"A"}"#).await.ok();
    let query =
        "stage=&source=%20&mobile=+&email&name=&gender=&idList=&dateCreatedFrom=&lastUpdatedTo=";
    assert_eq!(ids(&hub, query).await, [1]);
}

async fn periods_include_both_ends_by_the_second(hub: TestHub) {
    for name in ["A", "B", "C"] {
        let body = format!(r#"{{"name":"{name}"}}"#);
        hub.writer.post("/v1/customers", &body).await.ok();
        hub.clock.advance_seconds(1);
    }
    let middle = "2026-05-04T01:02:04";
    for zone in ["", "Z", ".000Z", ".999Z", "%2B00:00"] {
        for field in ["dateCreated", "lastUpdated"] {
            assert_eq!(ids(&hub, &format!("{field}From={middle}{zone}")).await, [2, 3], "{zone}");
            assert_eq!(ids(&hub, &format!("{field}To={middle}{zone}")).await, [1, 2], "{zone}");
        }
    }
    // Both spellings, in lists and counts alike.
    assert_eq!(count(&hub, &format!("lastUpdateTo={middle}")).await, "2");
    assert_eq!(count(&hub, &format!("lastUpdatedTo={middle}")).await, "2");
    let one = format!("lastUpdatedFrom={middle}&lastUpdatedTo={middle}");
    assert_eq!(ids(&hub, &one).await, [2]);
    // Asking again from the last moment that was seen misses nothing.
    let seen = hub.reader.get("/v1/customers/3").await.ok()["lastUpdated"].clone();
    let from = format!("lastUpdatedFrom={}", seen.as_str().unwrap());
    assert_eq!(ids(&hub, &from).await, [3]);
}

async fn unreadable_filters_are_field_errors(hub: TestHub) {
    hub.writer.post("/v1/customers", r#"{"name":"A"}"#).await.ok();
    let cases = [
        ("gender=male", "gender"),
        ("gender=3", "gender"),
        ("idList=1,x", "idList"),
        ("idList=,", "idList"),
        ("dateCreatedFrom=yesterday", "dateCreatedFrom"),
        ("dateCreatedTo=2026-05-04", "dateCreatedTo"),
        ("lastUpdatedFrom=2026-13-01T00:00:00Z", "lastUpdatedFrom"),
        ("lastUpdateTo=1", "lastUpdateTo"),
        ("name=%ff", "name"),
        ("name=a%00", "name"),
    ];
    for (query, field) in cases {
        for path in ["/v1/customers", "/v1/customers/count"] {
            let answer = hub.reader.get(&format!("{path}?{query}")).await;
            assert_eq!(answer.listed_fields(), [field], "{query}");
        }
    }
    let many: Vec<String> = (1..=1001).map(|id| id.to_string()).collect();
    let answer = hub.reader.get(&format!("/v1/customers?idList={}", many.join(","))).await;
    assert_eq!(answer.listed_fields(), ["idList"]);
    let both = hub.reader.get("/v1/customers?gender=x&idList=x").await;
    assert_eq!(both.listed_fields(), ["gender", "idList"]);
}

async fn any_attribute_sorts_and_ties_go_by_id(hub: TestHub) {
    let customers = [
        r#"{"name":"b","attr":{"k":"text"},"gender":1}"#,
        r#"{"name":"B","attr":{"k":10},"gender":1}"#,
        r#"{"nickName":"a","attr":{"k":true}}"#,
        r#"{"name":"ä","gender":2}"#,
    ];
    for customer in customers {
        hub.writer.post("/v1/customers", customer).await.ok();
    }
    let cases: [(&str, &[u64]); 9] = [
        ("sidx=id&sord=desc", &[4, 3, 2, 1]),
        ("sidx=name", &[3, 2, 1, 4]),
        ("sidx=name&sord=DESC", &[4, 1, 2, 3]),
        ("sidx=displayName", &[2, 3, 1, 4]),
        ("sidx=attr.k", &[4, 3, 2, 1]),
        ("sidx=gender&sord=desc", &[4, 2, 1, 3]),
        ("sidx=lastUpdated&sord=desc", &[4, 3, 2, 1]),
        ("sidx=nonsense&sord=sideways", &[1, 2, 3, 4]),
        ("sidx=city&sord=desc", &[4, 3, 2, 1]),
    ];
    for (query, expected) in cases {
        assert_eq!(ids(&hub, query).await, expected, "{query}");
    }
}

async fn selected_fields_come_in_the_asked_order(hub: TestHub) {
    hub.writer.post("/v1/customers", r#"{"name":"A","attr":{"a":1,"b":2}}"#).await.ok();
    let cases = [
        (
            "name,email,telephone,mobile,birthday",
            r#"{"name":"A","email":null,"telephone":null,"mobile":null,"birthday":null}"#,
        ),
        ("id,unknown,%20name,id", r#"{"id":1,"name":"A"}"#),
        ("attr,id", r#"{"attr":{"a":1,"b":2},"id":1}"#),
        ("attr.b,id,attr.c", r#"{"attr":{"b":2,"c":null},"id":1}"#),
        (
            "gender,isMember,dateCreated",
            r#"{"gender":0,"isMember":false,"dateCreated":"2026-05-04T01:02:03Z"}"#,
        ),
    ];
    for (select, row) in cases {
        let answer = hub.reader.get(&format!("/v1/customers?select={select}")).await;
        answer.is(200, &format!(r#"{{"records":1,"rows":[{row}],"total":1}}"#));
    }
    let none = hub.reader.get("/v1/customers?select=nothing,known").await.ok();
    assert_eq!(none["rows"][0], hub.reader.get("/v1/customers/1").await.ok());
}

async fn a_merged_id_in_a_list_of_ids_is_its_survivor_once(hub: TestHub) {
    hub.writer.upsert(&["wechat:o1"], "{}").await.ok();
    hub.writer.upsert(&["mobile:13800000001"], "{}").await.ok();
    hub.writer.upsert(&["wechat:o1", "mobile:13800000001"], "{}").await.ok();
    assert_eq!(ids(&hub, "idList=2").await, [1]);
    assert_eq!(ids(&hub, "idList=2,1,2").await, [1]);
    assert_eq!(count(&hub, "idList=1,2").await, "1");
}

async fn a_raw_plus_is_a_plus_where_it_makes_sense(hub: TestHub) {
    hub.writer.post("/v1/customers", r#"{"mobile":"+45 12345678","name":"a b"}"#).await.ok();
    assert_eq!(ids(&hub, "mobile=+45+12345678").await, [1]);
    assert_eq!(ids(&hub, "mobile=%2B4512345678").await, [1]);
    assert_eq!(ids(&hub, "name=a+b").await, [1]);
    assert_eq!(ids(&hub, "dateCreatedFrom=2026-05-04T09:02:03+08:00").await, [1]);
    assert_eq!(ids(&hub, "dateCreatedFrom=2026-05-04T09:02:04+08:00").await.len(), 0);
}

async fn ids(hub: &TestHub, query: &str) -> Vec<u64> {
    let page = hub.reader.get(&format!("/v1/customers?{query}")).await.ok();
    let rows = page["rows"].as_array().unwrap();
    rows.iter().map(|row| row["id"].as_u64().unwrap()).collect()
}

async fn count(hub: &TestHub, query: &str) -> String {
    hub.reader.get(&format!("/v1/customers/count?{query}")).await.text
}
