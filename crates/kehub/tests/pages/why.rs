//! Why two are one, or are not.

use crate::hub::{TestHub, on_every_engine};
use serde_json::json;

on_every_engine! {
    the_evidence_between_two_is_told_step_by_step,
    what_keeps_two_apart_is_told,
}

async fn the_evidence_between_two_is_told_step_by_step(hub: TestHub) {
    hub.writer.upsert(&["wechat:oWang"], json!({ "name": "王芳" })).await;
    hub.writer.upsert(&["mobile:13800000001"], json!({})).await;
    hub.writer.upsert(&["wechat:oWang", "mobile:13800000001"], json!({})).await;
    for (from, to) in [
        ("wechat:oWang", "mobile:13800000001"),
        ("oWang", "13800000001"),
        ("%401", "%402"),
        ("%231", "%232"),
    ] {
        let seen = hub.reader.look(&format!("/console/why?from={from}&to={to}")).await;
        assert_eq!(seen.status, 200, "{from}");
        seen.says(&["They are one person", "The shortest path of evidence"]);
        assert!(!seen.text.contains(" 13800000001"), "{from}: {}", seen.text);
    }
    let seen = hub.reader.look("/console/why?from=%231&to=%232").await;
    seen.says(&["A merge joined both ids", "merge 1", "138****0001", "app cl000000000000001"]);
    hub.reader.look("/console/why?from=%231&to=1").await.says(&["Both are the same."]);
}

async fn what_keeps_two_apart_is_told(hub: TestHub) {
    hub.writer.upsert(&["card:VIP-1"], json!({ "name": "王芳", "mobile": "13800000001" })).await;
    hub.writer.upsert(&["card:VIP-2"], json!({ "name": "王芳" })).await;
    hub.writer.upsert(&["card:VIP-1", "card:VIP-2"], json!({})).await;
    let seen = hub.reader.look("/console/why?from=VIP-1&to=VIP-2").await;
    seen.says(&["They are two people", "Different accounts refuses", "VIP-1 ≠ card VIP-2"]);
    seen.says(&[
        "Conflicts between them",
        "open",
        "What they share",
        "Name 王芳",
        "Requests that named both",
    ]);
    let zh = hub.reader.look_in_chinese("/console/why?from=VIP-1&to=VIP-2").await;
    zh.says(&["不是同一个人", "唯一标识不同 拒绝"]);
}

#[tokio::test]
async fn what_names_nobody_or_several_is_told() {
    let hub = TestHub::on_memory().await;
    hub.writer.upsert(&["card:X1"], json!({})).await;
    hub.writer.upsert(&["member:X1"], json!({})).await;
    hub.reader.look("/console/why").await.says(&["Name two customers or identities"]);
    let unknown = hub.reader.look("/console/why?from=%231&to=%2399").await;
    unknown.says(&["Nothing is known by this", "`#99` is no customer"]);
    let several = hub.reader.look("/console/why?from=X1&to=%231").await;
    several.says(&["`X1` may be several", "card → #1", "member → #2"]);
    let chosen = hub.reader.look(&several.link("member → #2")).await;
    chosen.says(&["They are two people"]);
}
