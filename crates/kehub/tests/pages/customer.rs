//! One customer.

use crate::hub::{Seen, TestHub, on_every_engine};
use kehub_core::CustomerId;
use kehub_core::command::{Command, SetCannotLink};
use serde_json::json;

on_every_engine! {
    values_are_told_with_where_they_are_from_and_what_lost,
    a_customer_is_seen_as_it_stood,
    the_graph_shows_how_it_came_together_and_what_stands_beside,
}

/// Two who become one, a third with another card, and somebody who is declared different.
async fn merged(hub: &TestHub) {
    let first = json!({ "name": "王芳", "mobile": "13800000001" });
    hub.writer.upsert(&["wechat:oWang"], first).await;
    hub.clock.advance_seconds(60);
    let second = json!({ "name": "王方", "email": "wang@x.com", "attr": { "size": 38 } });
    hub.writer.upsert(&["card:VIP-1"], second).await;
    hub.clock.advance_seconds(60);
    hub.writer.upsert(&["wechat:oWang", "card:VIP-1"], json!({ "city": "上海市" })).await;
    hub.clock.advance_seconds(60);
    hub.writer.upsert(&["card:VIP-2"], json!({ "name": "李伟" })).await;
    hub.clock.advance_seconds(60);
    hub.writer.upsert(&["card:VIP-1", "card:VIP-2"], json!({})).await;
    hub.clock.advance_seconds(60);
}

async fn values_are_told_with_where_they_are_from_and_what_lost(hub: TestHub) {
    merged(&hub).await;
    let seen = hub.reader.look("/console/customers/1").await;
    assert_eq!(seen.status, 200);
    // The newer name won when the two met.
    seen.says(&[
        "王方 #1",
        "Other values: 1",
        "王芳",
        "app cl000000000000001",
        "City 上海市",
        "size 38",
    ]);
    seen.says(&["wechat", "oWang", "card", "VIP-1", "own, one per person"]);
    seen.says(&["138****0001", "w****@x.com"]).hides(&["13800000001", "wang@x.com"]);
    // The id that was merged away leads to the same person.
    let other = hub.reader.look("/console/customers/2").await;
    other.says(&["王方 #1", "Customer #2 was merged into this one."]);
    let zh = hub.reader.look_in_chinese("/console/customers/1").await;
    zh.says(&["姓名", "其他值：1", "身份图谱", "时间线"]);
    let unfit = "/console/customers/1?step=x&asOf=soon&seq=last";
    hub.reader.look(unfit).await.says(&["`step`: expected a whole number from 1"]);
    let zh = hub.reader.look_in_chinese(unfit).await;
    zh.says(&[
        "`step`：应为大于 0 的整数，实际为其他文本",
        "`asOf`：应为时间，例如 2026-05-04T09:02，实际为其他文本",
        "`seq`：应为记录编号，实际为其他文本",
    ]);
    zh.hides(&["expected "]);
}

async fn a_customer_is_seen_as_it_stood(hub: TestHub) {
    merged(&hub).await;
    let now = hub.reader.look("/console/customers/1").await;
    now.says(&["Merged", "Conflict opened", "#1 + #2", "Found by card VIP-1", "Step 3 of 3"]);
    let then = hub.reader.look("/console/customers/1?step=1").await;
    then.says(&["王芳 #1", "As it stood on 2026-05-04 01:02:03", "Step 1 of 3"])
        .hides(&["王方", "VIP-1"]);
    let at = hub.reader.look("/console/customers/1?asOf=2026-05-04T01:02:30").await;
    at.says(&["王芳 #1"]).hides(&["王方"]);
    let local = hub
        .reader
        .ask("GET", "/console/customers/1?asOf=2026-05-04T09:02:30", "", "kehub_zone=480")
        .await;
    Seen::of(&local).says(&["王芳 #1", "UTC+8", "2026-05-04 09:02:03"]).hides(&["王方"]);
    // Before it was there, and with an address that says nothing.
    let before = hub.reader.look("/console/customers/2?asOf=2026-05-04T01:02:30").await;
    assert_eq!(before.status, 404);
    before.says(&["There is no such customer"]);
    for query in ["asOf=soon", "step=x", "seq=x"] {
        let seen = hub.reader.look(&format!("/console/customers/1?{query}")).await;
        assert_eq!(seen.status, 400, "{query}");
        seen.says(&["The address does not fit"]);
    }
}

async fn the_graph_shows_how_it_came_together_and_what_stands_beside(hub: TestHub) {
    merged(&hub).await;
    let apart = SetCannotLink { one: CustomerId(1), other: CustomerId(3), apart: true };
    hub.run(Command::SetCannotLink(apart)).await;
    let seen = hub.reader.look("/console/customers/1").await;
    let (_, svg) = seen.html.split_once("<svg class=\"graph\"").unwrap();
    let (svg, rest) = svg.split_once("</svg>").unwrap();
    for title in ["oWang", "VIP-1", "#1", "#2", "#3", "app cl000000000000001"] {
        assert!(svg.contains(title), "{title}: {svg}");
    }
    for line in ["edge merge", "edge cannot-link", "edge conflict", "edge held", "edge sent"] {
        assert!(svg.contains(line), "{line}: {svg}");
    }
    // The table says the same, line by line.
    let lines = svg.matches("class=\"edge ").count();
    let (table, _) = rest.split_once("</table>").unwrap();
    assert_eq!(table.matches("<tr>").count(), lines + 1, "a line each, and the heading");
    for text in ["merge 1", "different people", "open conflict 1: Different accounts"] {
        assert!(table.contains(text), "{text}: {table}");
    }
}

#[tokio::test]
async fn nodes_of_a_crowded_graph_do_not_lie_on_each_other() {
    let hub = TestHub::on_memory().await;
    for place in 0..60 {
        hub.writer
            .upsert(
                &["card:VIP-1", &format!("cookie:c{place}")],
                json!({ "name": format!("n{place}") }),
            )
            .await;
    }
    let seen = hub.reader.look("/console/customers/1").await;
    let (_, svg) = seen.html.split_once("<svg class=\"graph\"").unwrap();
    let number = |rect: &str, name: &str| -> u32 {
        rect.split(&format!(" {name}=\""))
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap()
            .parse()
            .unwrap()
    };
    let boxes: Vec<[u32; 4]> = svg
        .split("<rect")
        .skip(1)
        .map(|rect| ["x", "y", "width", "height"].map(|name| number(rect, name)))
        .collect();
    assert!(boxes.len() > 90, "{}", boxes.len());
    for (place, [x, y, width, height]) in boxes.iter().enumerate() {
        for [other_x, other_y, other_width, other_height] in &boxes[place + 1..] {
            let apart = x + width <= *other_x
                || other_x + other_width <= *x
                || y + height <= *other_y
                || other_y + other_height <= *y;
            assert!(apart, "{x} {y} and {other_x} {other_y}");
        }
    }
    seen.says(&["more requests"]);
}

#[tokio::test]
async fn contacts_are_shown_in_full_to_whoever_may_and_asks() {
    let hub = TestHub::on_memory().await;
    merged(&hub).await;
    let masked = hub.writer.look("/console/customers/1").await;
    masked.says(&["Show mobiles and e-mails"]).hides(&["13800000001", "wang@x.com"]);
    let shown = hub.writer.ask("POST", "/console/customers/1/reveal", "", "").await;
    let shown = Seen::of(&shown);
    assert_eq!(shown.status, 200);
    shown.says(&["13800000001", "wang@x.com", "written into the audit log"]);
    // Loading it again does not show it again.
    let again = hub.writer.ask("GET", "/console/customers/1/reveal", "", "").await;
    assert_eq!((again.status.as_u16(), again.header("location")), (303, "/console/customers/1"));

    hub.reader.look("/console/customers/1").await.hides(&["/reveal", "13800000001"]);
    let refused = Seen::of(&hub.reader.ask("POST", "/console/customers/1/reveal", "", "").await);
    assert_eq!(refused.status, 403);
    refused.hides(&["13800000001", "wang@x.com"]);
}

#[tokio::test]
async fn an_id_that_nobody_answers_for_says_why() {
    let hub = TestHub::on_memory().await;
    merged(&hub).await;
    hub.run(Command::Delete(CustomerId(3))).await;
    let deleted = hub.reader.look("/console/customers/3").await;
    assert_eq!(deleted.status, 410);
    deleted.says(&["This customer was deleted", "Deleted", "Created"]);
    // What it was is still told.
    hub.reader.look("/console/customers/3?step=1").await.says(&["李伟 #3"]);
    for id in ["99", "0", "x"] {
        let missing = hub.reader.look(&format!("/console/customers/{id}")).await;
        assert_eq!(missing.status, 404, "{id}");
        missing.says(&["There is no such customer"]);
    }
    hub.run(Command::Erase(CustomerId(3))).await;
    let erased = hub.reader.look("/console/customers/3").await;
    assert_eq!(erased.status, 410);
    erased.says(&["Everything about this customer was erased"]).hides(&["李伟", "VIP-2"]);
}
