//! `kehub copy`, as an operator moves house.

use crate::crash::{Acknowledged, everything_is_there, start_writers};
use crate::hub::{APP, Folder, Hub, SECRET, eventually, said};
use kehub_store::TestDatabase;
use serde_json::json;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

const FILE: &str = "sqlite:kehub-data/kehub.db";

fn copy(folder: &Folder, from: &str, to: &str) -> Command {
    let mut command = folder.kehub(&["copy"]);
    command.env("KEHUB_COPY_FROM", from).env("KEHUB_COPY_TO", to);
    command
}

fn copied(folder: &Folder, from: &str, to: &str) -> String {
    told_of_end(&copy(folder, from, to).output().unwrap())
}

/// What a copy said that came to its end.
fn told_of_end(output: &Output) -> String {
    let said = said(output);
    assert!(output.status.success() && !said.contains("://"), "{said}");
    said
}

async fn hub_on(folder: &Folder, store: &str) -> Hub {
    folder.start_with(&[("KEHUB_STORE", store)]).await
}

async fn member(hub: &Hub, token: &str, number: &str) -> u64 {
    let body = json!({
        "customer": { "name": "Wang" },
        "customerIdentities": [{ "identityType": "member-id", "identityValue": number }],
    });
    hub.upsert(token, &body).await.unwrap()["id"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_and_secrets_work_after_moving_to_postgres_and_back() {
    move_there_and_back(&TestDatabase::new().await, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_and_secrets_work_after_moving_to_a_cluster_and_back() {
    move_there_and_back(&TestDatabase::on_cluster().await, &["--distributed"]).await;
}

/// To a database, with these arguments, and back.
async fn move_there_and_back(database: &TestDatabase, arguments: &[&str]) {
    let folder = Folder::new();
    let mut hub = folder.start().await;
    let token = hub.token().await;
    assert_eq!((member(&hub, &token, "M1").await, member(&hub, &token, "M2").await), (1, 2));
    // A rehearsal, beside the hub that goes on.
    let rehearsal = copied(&folder, FILE, "sqlite:rehearsal.db");
    let end = format!("copied {FILE} to sqlite:rehearsal.db, and verified it\n");
    assert!(rehearsal.contains("customer                  2  "), "{rehearsal}");
    assert!(rehearsal.ends_with(&end), "{rehearsal}");
    assert_eq!(member(&hub, &token, "M3").await, 3);
    hub.terminate();
    assert_eq!(hub.ended().await.code(), Some(0));

    let there = copy(&folder, FILE, &database.url()).args(arguments).output().unwrap();
    let told = told_of_end(&there);
    assert!(told.contains("customer                  3  "), "{told}");
    let mut hub = hub_on(&folder, &database.url()).await;
    assert_eq!(member(&hub, &token, "M2").await, 2);
    assert_eq!(member(&hub, &token, "M4").await, 4);
    assert!(hub.token_answer(APP, SECRET).await["access_token"].is_string());
    hub.terminate();
    assert_eq!(hub.ended().await.code(), Some(0));

    copied(&folder, &database.url(), "sqlite:back/kehub.db");
    assert!(folder.run(&["--store", "sqlite:back/kehub.db", "check"]).ends_with("sound\n"));
    let hub = hub_on(&folder, "sqlite:back/kehub.db").await;
    assert_eq!(member(&hub, &token, "M4").await, 4);
    assert_eq!(member(&hub, &token, "M5").await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_killed_again_and_again_comes_to_its_end() {
    let (folder, database) = (Folder::new(), TestDatabase::new().await);
    let acknowledged = Acknowledged::default();
    let mut hub = folder.start().await;
    let writers = start_writers(&hub.url(""), &hub.token().await, 1, &acknowledged);
    eventually("many writes are acknowledged", async || acknowledged.lock().unwrap().len() > 2000)
        .await;
    hub.kill();
    for writer in writers {
        writer.await.unwrap();
    }
    for to in [&*database.url(), "sqlite:copy.db"] {
        let (mut kills, mut patience) = (0, Duration::from_millis(10));
        loop {
            let mut copying = copy(&folder, FILE, to);
            copying.stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut copying = copying.spawn().unwrap();
            tokio::time::sleep(patience).await;
            copying.kill().unwrap();
            let ended = copying.wait_with_output().unwrap();
            // It may have come to its end just before it could say so.
            if ended.status.success() || said(&ended).contains("a finished copy of it") {
                break;
            }
            assert_eq!(ended.status.code(), None, "{}", said(&ended));
            kills += 1;
            patience = patience.mul_f64(1.3);
        }
        assert!(kills > 0);
        let again = copy(&folder, FILE, to).output().unwrap();
        assert!(said(&again).contains("a finished copy of it"), "{}", said(&again));
        assert!(folder.run(&["--store", to, "check"]).ends_with("sound\n"));
        let hub = hub_on(&folder, to).await;
        everything_is_there(&hub, &acknowledged).await;
    }
}

#[test]
fn what_cannot_be_copied_is_refused() {
    let folder = Folder::new();
    for (arguments, reason) in [
        (&["copy"][..], "--from"),
        (&["copy", "--from", FILE], "--to"),
        (&["copy", "--from", "kehub.db", "--to", "sqlite:copy.db"], "expected sqlite:PATH"),
        (&["copy", "--from", FILE, "--to", "sqlite:copy.db"], "kehub-data/kehub.db"),
        (&["copy", "--from", FILE, "--to", "sqlite:copy.db", "--distributed"], "a Citus cluster"),
    ] {
        let refused = folder.kehub(arguments).output().unwrap();
        assert!(!refused.status.success());
        assert!(said(&refused).contains(reason), "{}", said(&refused));
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
