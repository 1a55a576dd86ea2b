//! Apps and tenants, managed by the command line beside a running hub.

use crate::hub::{Folder, Hub, within};
use kehub_store::TestDatabase;
use serde_json::{Value, json};
use std::time::Duration;

/// How soon a running hub must know what the command line changed.
pub(crate) const NOTICED_WITHIN: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_created_app_may_call_and_a_revoked_one_is_refused() {
    let folder = Folder::new();
    let hub = folder.start().await;
    let (app, secret) = credentials(&folder.run(&["app", "create", "--name", "web shop"]));
    let token = token_in_time(&hub, &app, &secret).await;
    assert!(accepts(&hub, &token).await);

    let list = folder.run(&["app", "list"]);
    assert!(list.contains(&app) && list.contains("web shop"), "{list}");
    assert!(!list.contains(&secret), "a secret is shown once: {list}");

    folder.run(&["app", "revoke", &app]);
    within(NOTICED_WITHIN, "the token is refused", async || !accepts(&hub, &token).await).await;
    assert_eq!(hub.token_answer(&app, &secret).await["error_code"], "40004");
}

#[tokio::test]
async fn a_rotated_secret_ends_the_old_one_and_its_tokens() {
    let folder = Folder::new();
    let hub = folder.start().await;
    let (app, old) = credentials(&folder.run(&["app", "create", "--name", "kiosk"]));
    let old_token = token_in_time(&hub, &app, &old).await;

    let (same_app, new) = credentials(&format!("{app} {}", folder.run(&["app", "rotate", &app])));
    assert_eq!(same_app, app);
    assert_ne!(new, old);
    let new_token = token_in_time(&hub, &app, &new).await;
    assert!(accepts(&hub, &new_token).await);
    assert!(!accepts(&hub, &old_token).await);
    assert_eq!(hub.token_answer(&app, &old).await["error_code"], "40004");
}

#[tokio::test]
async fn an_app_may_only_do_what_it_is_permitted() {
    let folder = Folder::new();
    let hub = folder.start().await;
    let (app, secret) = credentials(&folder.run(&["app", "create", "--name", "reports"]));
    let token = token_in_time(&hub, &app, &secret).await;
    assert!(hub.upsert(&token, &member("1")).await.unwrap()["id"].is_number());

    folder.run(&["app", "permissions", &app, "customers.read"]);
    within(NOTICED_WITHIN, "it may not write", async || {
        hub.upsert(&token, &member("1")).await.unwrap()["error_code"] == 40201
    })
    .await;
    assert_eq!(hub.upsert(&token, &member("2")).await.unwrap()["error_code"], 40201);
    assert_eq!(count(&hub, &token).await, json!(1));
}

#[tokio::test]
async fn tenants_do_not_see_each_other() {
    let folder = Folder::new();
    let hub = folder.start().await;
    let mine = hub.token().await;
    hub.upsert(&mine, &member("1")).await.unwrap();

    folder.run(&["tenant", "create", "other"]);
    assert!(folder.run(&["tenant", "list"]).contains("other"));
    let created = folder.run(&["app", "create", "--tenant", "other", "--name", "theirs"]);
    let (app, secret) = credentials(&created);
    let theirs = token_in_time(&hub, &app, &secret).await;
    assert_eq!(count(&hub, &theirs).await, json!(0));
    assert_eq!(hub.upsert(&theirs, &member("1")).await.unwrap()["id"], 1);
    assert_eq!(count(&hub, &mine).await, json!(1));
}

#[tokio::test]
async fn a_preset_is_switched_while_the_hub_runs() {
    let folder = Folder::new();
    let hub = folder.start().await;
    let token = hub.token().await;
    folder.run(&["tenant", "preset", "default", "guarded"]);
    let shared = |member: &str, mobile: &str| {
        json!({ "customer": {}, "customerIdentities": [
            { "identityType": "member-id", "identityValue": member },
            { "identityType": "mobile", "identityValue": mobile },
        ] })
    };
    let mut round = 0;
    within(NOTICED_WITHIN, "two members with one mobile stay two", async || {
        round += 1;
        let mobile = format!("138000000{round:02}");
        let one = hub.upsert(&token, &shared(&format!("a{round}"), &mobile)).await.unwrap();
        let other = hub.upsert(&token, &shared(&format!("b{round}"), &mobile)).await.unwrap();
        one["id"] != other["id"]
    })
    .await;
}

fn member(value: &str) -> Value {
    json!({
        "customer": { "name": "王芳" },
        "customerIdentities": [{ "identityType": "member-id", "identityValue": value }],
    })
}

/// A database that was named by mistake stays empty, and says that it is.
#[tokio::test]
async fn what_only_reads_makes_no_store() {
    let database = TestDatabase::new().await;
    let nowhere = "sqlite:nowhere.db";
    for folder in [Folder::on(nowhere), Folder::on(&database.url())] {
        for reading in [
            &["app", "list"][..],
            &["tenant", "list"],
            &["user", "list"],
            &["wechat", "list"],
            &["export", "all.csv"],
        ] {
            let output = folder.kehub(reading).output().unwrap();
            let told = String::from_utf8(output.stderr).unwrap();
            assert!(
                !output.status.success() && told.contains("there is no store"),
                "{reading:?}: {told}"
            );
        }
        let due = folder.run(&["migrate", "--dry-run"]);
        assert!(due.contains("0001"), "{due}");
        assert!(!folder.path().join("nowhere.db").exists());
    }
    let check = Folder::on(&database.url()).kehub(&["check"]).output().unwrap();
    let told = String::from_utf8(check.stderr).unwrap();
    assert!(told.contains("it holds no store: `kehub serve` makes one in it"), "{told}");
}

#[test]
fn an_address_that_is_mistyped_is_not_told() {
    for address in [
        "postgres//kehub:hunter2@127.0.0.1/kehub",
        "pg://kehub:hunter2@127.0.0.1/kehub",
        "kehub:hunter2@127.0.0.1",
    ] {
        for flag in [&["check", "--store"][..], &["copy", "--to", "sqlite:x.db", "--from"]] {
            let folder = Folder::new();
            let output = folder.kehub(&[flag, &[address]].concat()).output().unwrap();
            let told = String::from_utf8(output.stderr).unwrap();
            assert!(told.contains("expected sqlite:PATH or postgres://"), "{told}");
            assert!(!told.contains("hunter2"), "{told}");
        }
    }
}

/// A token, as soon as the hub knows these credentials.
pub(crate) async fn token_in_time(hub: &Hub, app: &str, secret: &str) -> String {
    let mut token = String::new();
    within(NOTICED_WITHIN, "the app is known", async || {
        let answer = hub.token_answer(app, secret).await;
        answer["access_token"].as_str().unwrap_or_default().clone_into(&mut token);
        answer["error_code"] == 0
    })
    .await;
    token
}

async fn accepts(hub: &Hub, token: &str) -> bool {
    count(hub, token).await.is_number()
}

async fn count(hub: &Hub, token: &str) -> Value {
    hub.get(&format!("/v1/customers/count?access_token={token}")).await
}

/// The first app id and the first secret in a text.
pub(crate) fn credentials(text: &str) -> (String, String) {
    let hex = |word: &str| word.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let words = || text.split(|c: char| !c.is_ascii_alphanumeric());
    let app = words().find(|word| word.len() == 17 && word.strip_prefix("cl").is_some_and(hex));
    let secret = words().find(|word| word.len() == 40 && hex(word));
    match (app, secret) {
        (Some(app), Some(secret)) => (app.to_owned(), secret.to_owned()),
        _ => panic!("no app id and secret in: {text}"),
    }
}
