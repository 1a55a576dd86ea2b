//! The review: pairs that somebody decides about.

use crate::hub::{Actor, Answer, Seen, TestHub, on_every_engine};
use kehub_core::CustomerId;
use kehub_core::command::{Command, SetCannotLink};
use kehub_core::policy::{OnConflict, Preset};
use serde_json::{Value, json};

on_every_engine! {
    a_conflict_is_settled_from_its_page,
    an_identity_is_given_to_whom_it_belongs,
    look_alikes_are_merged_or_kept_apart,
}

const REVIEW: &str = "/console/review";

/// Three people; requests named two of them at a time.
async fn conflicts(hub: &TestHub) {
    let one = json!({ "name": "王芳", "mobile": "13700000001", "city": "上海市" });
    hub.writer.upsert(&["card:VIP-1"], one).await;
    let other = json!({ "name": "王方", "email": "wang@x.com", "city": "上海市" });
    hub.writer.upsert(&["card:VIP-2"], other).await;
    hub.writer.upsert(&["card:VIP-3"], json!({ "name": "李伟" })).await;
    hub.clock.advance_seconds(60);
    hub.writer.upsert(&["card:VIP-1", "card:VIP-2"], json!({})).await;
    hub.writer.upsert(&["card:VIP-2", "card:VIP-3"], json!({})).await;
    hub.writer.upsert(&["card:VIP-1", "card:VIP-3"], json!({})).await;
    hub.clock.advance_seconds(60);
}

/// What `/api` says is open.
async fn open(actor: &Actor) -> Vec<i64> {
    let found = actor.ask("GET", "/api/conflicts", "", "").await.json();
    found["items"].as_array().unwrap().iter().map(|it| it["id"].as_i64().unwrap()).collect()
}

async fn decide(actor: &Actor, item: &str, next: &str, decision: &str) -> Answer {
    actor.send_form(REVIEW, &[("item", item), ("next", next), ("decision", decision)]).await
}

async fn a_conflict_is_settled_from_its_page(hub: TestHub) {
    conflicts(&hub).await;
    let first = hub.writer.look(REVIEW).await;
    first.says(&[
        "1 of 3",
        "A request named both, and they hold different accounts",
        "look closely",
        "It is about card VIP-2 It belongs to #2 today.",
        "王芳 #1 answers for both",
        "Name ≠ differs",
        "City same 上海市 上海市",
        "Merging goes against: Different accounts.",
        "Keep apart",
    ]);
    first.hides(&["13700000001", "wang@x.com", "ArrowLeft"]);
    hub.writer.look_in_chinese(REVIEW).await.says(&[
        "第 1 个，共 3 个",
        "不同",
        "合并",
        "保持分开",
    ]);

    // Later is a place in the address, and nothing that is kept.
    let second = hub.writer.look(&first.link("Later")).await;
    second.says(&["2 of 3", "王方 #2", "李伟 #3"]);
    assert_eq!(second.link("←"), first_place(&first));
    hub.writer.look(REVIEW).await.says(&["1 of 3"]);
    let end = hub.writer.look(&format!("{REVIEW}?at=end")).await;
    end.says(&["You are through", "3 are left for later", "Begin again"]);

    let there = Actor::done(&decide(&hub.writer, "c1", "c2", "merge").await);
    let next = hub.writer.look(&there).await;
    next.says(&["#1 and #2 are one customer now.", "1 of 2", "李伟 #3"]);
    let undo = hub.writer.look(&next.link("Undo")).await;
    undo.says(&["王方 #2 is there again"]);
    let settled = decide(&hub.writer, "c1", "end", "keepApart").await;
    assert_eq!(settled.status.as_u16(), 409);
    Seen::of(&settled).says(&["Nothing was changed. Somebody settled it meanwhile."]);

    decide(&hub.writer, "c2", "c3", "accept").await;
    let there = Actor::done(&decide(&hub.writer, "c3", "end", "keepApart").await);
    let empty = hub.writer.look(&there).await;
    empty.says(&["#1 and #3 are kept apart from now on", "No conflict waits for you"]);
    assert_eq!(open(&hub.writer).await, Vec::<i64>::new());
}

#[tokio::test]
async fn two_that_were_declared_different_are_led_to_where_that_is_taken_back() {
    let hub = TestHub::on_memory().await;
    conflicts(&hub).await;
    let apart = SetCannotLink { one: CustomerId(1), other: CustomerId(2), apart: true };
    hub.run(Command::SetCannotLink(apart)).await;
    let seen = hub.writer.look(REVIEW).await;
    seen.says(&["They cannot be merged: Somebody said that they are different people."]);
    seen.hides(&["value=\"merge\""]);
    let there = hub.writer.look(&seen.link("Take that back")).await;
    there.says(&["They may be one person after all (#1 ≠ #2)"]);
    let refused = decide(&hub.writer, "c1", "end", "merge").await;
    assert_eq!(refused.status.as_u16(), 409);
    Seen::of(&refused)
        .says(&["Nothing was changed. Somebody said that they are different people."]);
}

/// The address of the place that a page shows.
fn first_place(page: &Seen) -> String {
    let (_, rest) = page.html.split_once("name=\"item\" value=\"").unwrap();
    format!("{REVIEW}?kind=conflicts&at={}", rest.split('"').next().unwrap())
}

async fn an_identity_is_given_to_whom_it_belongs(hub: TestHub) {
    conflicts(&hub).await;
    hub.writer.look(REVIEW).await.says(&["Give it to #1", "Fine as it is"]);
    let there = Actor::done(&decide(&hub.writer, "c1", "c2", "moveIdentity").await);
    hub.writer.look(&there).await.says(&["The identity belongs to #1 now."]);
    let whole = hub.writer.ask("GET", "/api/customers/1", "", "").await.json();
    assert_eq!(whole["identities"].as_array().unwrap().len(), 2);
    let left = open(&hub.writer).await;
    let there = Actor::done(&decide(&hub.writer, &format!("c{}", left[0]), "end", "accept").await);
    hub.writer.look(&there).await.says(&["Left as it is."]);
}

async fn look_alikes_are_merged_or_kept_apart(hub: TestHub) {
    hub.set_policy(Preset::Guarded, OnConflict::Merge).await;
    let empty = hub.writer.look(&format!("{REVIEW}?kind=duplicates")).await;
    empty.says(&["Nobody looks like somebody else", "share a mobile"]);
    for member in ["member:1", "member:2", "member:3"] {
        hub.writer.upsert(&[member], json!({ "mobile": "13700000001" })).await;
    }
    // What was found is kept for a while.
    let stale = hub.writer.look(&format!("{REVIEW}?kind=duplicates")).await;
    hub.clock.advance_seconds(1);
    let first = hub.writer.look(&stale.link("Look again")).await;
    first.says(&["1 of 3", "They have in common: the same mobile.", "Mobile same 137****0001"]);
    first.hides(&["13700000001", "Fine as it is"]);
    let item = |page: &Seen| {
        let (_, rest) = page.html.split_once("name=\"item\" value=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    let next = |page: &Seen| {
        let (_, rest) = page.html.split_once("name=\"next\" value=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    let sent = decide(&hub.writer, &item(&first), &next(&first), "keepApart").await;
    let second = hub.writer.look(&Actor::done(&sent)).await;
    second.says(&["#1 and #2 are kept apart from now on.", "2 of 3", "#1", "#3"]);
    let sent = decide(&hub.writer, &item(&second), &next(&second), "merge").await;
    let third = hub.writer.look(&Actor::done(&sent)).await;
    // The third pair cannot be one person any more: #3 is #1 now, who is not #2.
    third.says(&["#1 and #3 are one customer now.", "Undo", "You are through"]);
    let unfit = decide(&hub.writer, &item(&second), "end", "accept").await;
    assert_eq!(unfit.status.as_u16(), 404);
    Seen::of(&unfit).says(&["Nothing was changed."]);
    let merged = hub.writer.ask("GET", "/api/customers/3", "", "").await.json();
    assert_eq!(merged["id"], 1);
}

#[tokio::test]
async fn who_may_not_decide_looks_and_is_refused() {
    let hub = TestHub::on_memory().await;
    conflicts(&hub).await;
    let seen = hub.reader.look(REVIEW).await;
    seen.says(&["1 of 3", "Your account may look", "identities.merge"]);
    seen.hides(&["name=\"decision\"", "13700000001"]);
    for decision in ["merge", "keepApart", "moveIdentity", "accept"] {
        let sent = decide(&hub.reader, "c1", "end", decision).await;
        assert_eq!(sent.status.as_u16(), 403, "{decision}");
        Seen::of(&sent).says(&["Nothing was changed. Your account lacks the permission"]);
    }
    assert_eq!(open(&hub.writer).await, [1, 2, 3]);
    // Somebody of another tenant sees none of it.
    hub.stranger.look(REVIEW).await.says(&["No conflict waits for you"]);
}

#[tokio::test]
async fn a_conflict_of_one_customer_is_left_or_looked_into() {
    let hub = TestHub::on_memory().await;
    hub.writer.upsert(&["card:VIP-1", "wechat:o1"], json!({ "name": "王芳" })).await;
    let mut at = 2;
    while open(&hub.writer).await.is_empty() {
        hub.writer.upsert(&["card:VIP-1", &format!("wechat:o{at}")], json!({})).await;
        at += 1;
        assert!(at < 200, "no limit was passed");
    }
    let seen = hub.writer.look(REVIEW).await;
    seen.says(&["1 of 1", "Open customer #1", "Fine as it is"]).hides(&["value=\"merge\""]);
    let item = format!("c{}", open(&hub.writer).await[0]);
    let unfit = decide(&hub.writer, &item, "end", "keepApart").await;
    assert_eq!(unfit.status.as_u16(), 409);
    Seen::of(&unfit).says(&["Nothing was changed. That does not fit any more"]);
    Actor::done(&decide(&hub.writer, &item, "end", "accept").await);
    assert_eq!(open(&hub.writer).await, Vec::<i64>::new());
    let nothing: Value = hub.writer.ask("GET", "/api/conflicts", "", "").await.json();
    assert_eq!(nothing["items"], json!([]));
}

#[tokio::test]
async fn odd_addresses_begin_at_the_beginning() {
    let hub = TestHub::on_memory().await;
    conflicts(&hub).await;
    for query in ["?at=x", "?kind=nothing", "?at=c0", "?done=c99", "?done=x&at="] {
        hub.writer.look(&format!("{REVIEW}{query}")).await.says(&["1 of 3"]);
    }
    for (item, decision) in [("", "merge"), ("c1", "burn"), ("c99", "merge"), ("end", "merge")] {
        let sent = decide(&hub.writer, item, "end", decision).await;
        assert_eq!(sent.status.as_u16(), 404, "{item} {decision}");
        Seen::of(&sent).says(&["Nothing was changed. There is no such conflict."]);
    }
}
