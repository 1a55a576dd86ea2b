//! Webhooks: who is told, how far, and what was not delivered.

use crate::hub::{Actor, Answer, Seen, TestHub, on_every_engine};
use kehub_core::WebhookId;
use kehub_core::command::Command;
use kehub_core::feed::Cursor;
use kehub_core::webhook::{Delivery, Failure, Lease, Reason, Step, Undelivered};
use serde_json::{Value, json};

on_every_engine! {
    a_webhook_is_made_changed_paused_and_deleted,
    what_was_not_delivered_is_listed_and_tried_again,
}

const WEBHOOKS: &str = "/console/settings/webhooks";
const ONE: &str = "/console/settings/webhooks/1";
const URL: &str = "https://crm.example.com/hook";

/// What `/api` says of the webhook.
async fn webhook(hub: &TestHub) -> Value {
    hub.writer.ask("GET", "/api/webhooks/1", "", "").await.json()
}

/// The secret on the only page that shows it.
fn secret(answer: &Answer) -> String {
    assert_eq!(answer.status, 200);
    assert!(answer.header("cache-control").contains("no-store"));
    let (_, rest) = answer.text.split_once("<code id=\"secret\">").unwrap();
    rest.split('<').next().unwrap().to_owned()
}

async fn a_webhook_is_made_changed_paused_and_deleted(hub: TestHub) {
    let empty = hub.writer.look(WEBHOOKS).await;
    empty.says(&["Nobody is told yet", "New webhook", "customers merged merged"]);
    let fields = [("url", URL), ("description", "CRM"), ("kind", "merged"), ("kind", "erased")];
    let made = hub.writer.send_form(WEBHOOKS, &fields).await;
    let first = secret(&made);
    assert!(first.starts_with("whsec_"), "{first}");
    let stands = webhook(&hub).await;
    assert_eq!((&stands["url"], &stands["enabled"]), (&json!(URL), &json!(true)));
    assert_eq!(stands["kinds"], json!(["merged", "erased"]));
    let list = hub.writer.look(WEBHOOKS).await;
    list.says(&["Webhooks 1", URL, "CRM customers merged, customer erased running all 0"]);
    list.hides(&[&first]);
    hub.writer.look_in_chinese(WEBHOOKS).await.says(&["客户合并, 客户清除", "运行中"]);
    let one = hub.writer.look(ONE).await;
    one.says(&["Last delivery never", "Last failure none", "Everything was delivered"]);
    one.hides(&[&first]);

    let act = async |fields: &[(&str, &str)]| hub.writer.send_form(ONE, fields).await;
    let set = [("act", "set"), ("url", "https://crm.example.com/v2"), ("description", "")];
    let there = Actor::done(&act(&set).await);
    hub.writer.look(&there).await.says(&["It is saved.", "https://crm.example.com/v2"]);
    let stands = webhook(&hub).await;
    assert_eq!((&stands["kinds"], &stands["description"]), (&json!([]), &json!("")));
    let there = Actor::done(&act(&[("act", "pause")]).await);
    hub.writer.look(&there).await.says(&["The webhook is paused.", "State paused", "Go on"]);
    assert_eq!(webhook(&hub).await["enabled"], false);
    let there = Actor::done(&act(&[("act", "resume")]).await);
    hub.writer.look(&there).await.says(&["The webhook goes on.", "State running"]);
    let second = secret(&act(&[("act", "rotate")]).await);
    assert_ne!(first, second);

    hub.writer.upsert(&["member:m1"], json!({ "name": "王芳" })).await;
    let seen = hub.writer.look(WEBHOOKS).await;
    seen.says(&["1 entry behind"]);
    for (from, status) in [("0", 422), ("many", 422), ("99", 422)] {
        let unfit = act(&[("act", "replay"), ("seq", from)]).await;
        assert_eq!(unfit.status, status, "{from}");
        let why = if from == "99" {
            "The journal does not go that far."
        } else {
            "A whole number from 1."
        };
        Seen::of(&unfit).says(&[why]);
    }
    let there = Actor::done(&act(&[("act", "replay"), ("seq", "1")]).await);
    hub.writer.look(&there).await.says(&["It is told again from there.", "0 of 1"]);

    let unsure = act(&[("act", "delete")]).await;
    assert_eq!(unsure.status, 422);
    Seen::of(&unsure).says(&["Tick that you know it."]);
    let there = Actor::done(&act(&[("act", "delete"), ("sure", "1")]).await);
    hub.writer.look(&there).await.says(&["The webhook is deleted.", "Nobody is told yet"]);
    let gone = hub.writer.look(ONE).await;
    assert_eq!(gone.status, 404);
}

/// Writes down what a hub that delivers would: a dead letter, one that waits, and one behind it.
async fn deliver(hub: &TestHub) {
    let holder = 7;
    let lease = Lease { holder, until: i64::MAX };
    hub.run(Command::Deliver(Delivery::Lease(lease))).await;
    let at = 1_777_856_523_000_000;
    let failure = |reason| Some(Failure { at, reason });
    let place = |position| Cursor { position, index: 0 };
    let failed = vec![
        (place(1), Undelivered { tries: 10, due: None, failure: failure(Reason::Status(500)) }),
        (
            place(2),
            Undelivered {
                tries: 2,
                due: Some(at + 60_000_000),
                failure: failure(Reason::TimedOut),
            },
        ),
        (place(3), Undelivered { tries: 0, due: Some(at + 60_000_000), failure: None }),
    ];
    let step = Step {
        epoch: 0,
        cursor: Cursor::after(3),
        failed,
        settled: Vec::new(),
        delivered_at: Some(at),
        failure: failure(Reason::TimedOut),
    };
    hub.run(Command::Deliver(Delivery::Progress { holder, id: WebhookId(1), step })).await;
}

async fn what_was_not_delivered_is_listed_and_tried_again(hub: TestHub) {
    hub.writer.send_form(WEBHOOKS, &[("url", URL)]).await;
    for name in ["王芳", "王方", "李娜"] {
        hub.writer.upsert(&["member:m1"], json!({ "name": name })).await;
    }
    deliver(&hub).await;
    hub.writer.look(WEBHOOKS).await.says(&["failing all 3"]);
    let seen = hub.writer.look(ONE).await;
    seen.says(&[
        "Place in the journal 3 of 3",
        "Last failure 2026-05-04 01:02:03 · no answer came in time",
        "Waiting 2 Next try 2026-05-04 01:03:03 Dead letters 1",
        "10 answered 500, 2026-05-04 01:02:03 given up Retry",
        "2 no answer came in time, 2026-05-04 01:02:03 2026-05-04 01:03:03",
        "0 waits for an earlier one of the same customer",
    ]);
    seen.hides(&["王芳", "李娜"]);
    let zh = hub.writer.look_in_chinese(ONE).await;
    zh.says(&["未送达的事件", "返回 500", "等待同一客户的前一个事件"]);
    let after = hub.writer.look(&format!("{ONE}?after=3")).await;
    after.says(&["There is nothing further", "First"]);

    let retry = [("act", "retry"), ("place", "1.0")];
    let there = Actor::done(&hub.writer.send_form(ONE, &retry).await);
    hub.writer.look(&there).await.says(&["It is tried again", "Dead letters 0"]);
    let late = hub.writer.send_form(ONE, &retry).await;
    assert_eq!(late.status, 404);
    Seen::of(&late).says(&["Nothing was changed. This dead letter is gone meanwhile."]);
    let odd = hub.writer.send_form(ONE, &[("act", "retry"), ("place", "x")]).await;
    Seen::of(&odd).says(&["The page is out of date"]);
}

#[tokio::test]
async fn what_cannot_be_told_is_answered_beside_its_field() {
    let hub = TestHub::on_memory().await;
    hub.writer.send_form(WEBHOOKS, &[("url", URL)]).await;
    for url in ["", "no address", "ftp://example.com", "http://10.0.0.1/hook"] {
        for (path, act) in [(WEBHOOKS, ""), (ONE, "set")] {
            let sent = [("act", act), ("url", url), ("kind", "merged")];
            let unfit = hub.writer.send_form(path, &sent).await;
            assert_eq!(unfit.status, 422, "{path} {url}");
            let unfit = Seen::of(&unfit);
            unfit.says(&[
                "Nothing was changed. 1 field needs",
                "An address like https://example.com/hook",
            ]);
            assert!(unfit.html.contains("value=\"merged\" checked"), "{}", unfit.html);
        }
    }
    assert_eq!(webhook(&hub).await["url"], URL);
    let all = hub.writer.ask("GET", "/api/webhooks", "", "").await.json();
    assert_eq!(all["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn who_keeps_no_webhooks_sees_none_and_changes_none() {
    let hub = TestHub::on_memory().await;
    hub.writer.send_form(WEBHOOKS, &[("url", URL)]).await;
    for path in [WEBHOOKS, ONE] {
        let seen = hub.reader.look(path).await;
        assert_eq!(seen.status, 403, "{path}");
        seen.hides(&[URL]);
        let fields = [("act", "delete"), ("sure", "1"), ("url", "https://evil.example/")];
        let sent = hub.reader.send_form(path, &fields).await;
        assert_eq!(sent.status, 403, "{path}");
        Seen::of(&sent).says(&["Nothing was changed. Your account lacks the permission"]);
    }
    hub.stranger.look(WEBHOOKS).await.says(&["Nobody is told yet"]);
    assert_eq!(hub.stranger.look(ONE).await.status, 404);
    assert_eq!(webhook(&hub).await["url"], URL);
    hub.reader.look("/console/settings").await.hides(&[WEBHOOKS]);
}
