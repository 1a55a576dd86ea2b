//! The overview.

use crate::hub::TestHub;
use serde_json::json;

#[tokio::test]
async fn it_tells_how_the_hub_is_doing() {
    let hub = TestHub::on_memory().await;
    let empty = hub.reader.look("/console").await;
    empty.says(&[
        "Customers 0",
        "Open conflicts 0",
        "Imports running 0",
        "Nothing was counted yet.",
    ]);
    for place in 0..30 {
        hub.writer.upsert(&[&format!("card:c{place}")], json!({ "name": "a" })).await;
    }
    hub.writer.upsert(&["card:c1"], json!({ "name": "b" })).await;
    hub.writer.upsert(&["card:c1", "card:c2"], json!({})).await;
    // The day was counted a moment ago: it is counted again after a minute.
    hub.clock.advance_seconds(61);
    let seen = hub.reader.look("/console").await;
    seen.says(&[
        "Customers 30",
        "Identities seen so far 30",
        "New today 30",
        "Open conflicts 1",
        "app cl000000000000001 32",
    ]);
    seen.says(&["created 30 93.8%", "updated 2 6.3%"]);
    // Another tenant sees nothing of that.
    hub.stranger.look("/console").await.says(&["Customers 0", "Nothing was counted yet."]);
    let zh = hub.reader.look_in_chinese("/console").await;
    zh.says(&["概览", "客户 30", "待处理冲突 1"]);
}

#[tokio::test]
async fn upserts_a_second_are_those_of_the_last_minute() {
    let hub = TestHub::on_memory().await;
    for place in 0..60 {
        hub.writer.upsert(&[&format!("card:c{place}")], json!({})).await;
    }
    hub.reader.look("/console").await.says(&["over the last minute 1.0"]);
    hub.clock.advance_seconds(60);
    hub.reader.look("/console").await.says(&["over the last minute 0.0"]);
}
