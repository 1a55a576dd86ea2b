//! `kehub check`, `kehub rebuild`, `kehub backup` and the like, as an operator runs them.

use crate::crash::{Acknowledged, everything_is_there, start_writers};
use crate::hub::{Folder, eventually, said};
use std::process::Stdio;

#[tokio::test(flavor = "multi_thread")]
async fn a_store_is_checked_beside_a_running_hub_and_rebuilt_without_one() {
    let folder = Folder::new();
    let acknowledged = Acknowledged::default();
    let mut hub = folder.start().await;
    let writers = start_writers(&hub.url(""), &hub.token().await, 1, &acknowledged);
    eventually("some writes are acknowledged", async || acknowledged.lock().unwrap().len() > 100)
        .await;
    let few = ["check", "--at-once", "7"];
    for arguments in [&["check"][..], &["check", "--tenant", "default"], &few] {
        let told = folder.run(arguments);
        assert!(told.contains("looked at 1 tenants") && told.ends_with("sound\n"), "{told}");
    }
    let refused = folder.kehub(&["rebuild"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("another process has the file open"), "{}", said(&refused));

    hub.terminate();
    assert_eq!(hub.ended().await.code(), Some(0));
    for writer in writers {
        writer.await.unwrap();
    }
    for arguments in [&["rebuild"][..], &["rebuild", "--at-once", "7"]] {
        let told = folder.run(arguments);
        assert!(told.starts_with("all rows were what the journal says\n"), "{told}");
    }
    assert!(folder.run(&["check"]).ends_with("sound\n"));

    let none = folder.kehub(&["check", "--at-once", "0"]).output().unwrap();
    assert_eq!(none.status.code(), Some(2));
    let missing = folder.kehub(&["check", "--tenant", "nobody"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(1));
    assert!(said(&missing).contains("there is no tenant `nobody`"), "{}", said(&missing));
}

#[test]
fn a_mistyped_address_is_not_shown() {
    let folder = Folder::new();
    for name in ["KEHUB_STORE", "KEHUB_COPY_TO"] {
        let mut command = folder.kehub(&["copy", "--from", "sqlite:a.db", "--to", "sqlite:b.db"]);
        if name == "KEHUB_COPY_TO" {
            command = folder.kehub(&["copy", "--from", "sqlite:a.db"]);
        }
        let refused = command.env(name, "postgress://kehub:hunter2@host/db").output().unwrap();
        assert_eq!(refused.status.code(), Some(2));
        let said = said(&refused);
        assert!(said.contains("postgres://USER:PASSWORD@HOST/DATABASE"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn nothing_is_made_where_there_is_no_store() {
    let folder = Folder::new();
    for command in [&["check"][..], &["rebuild"], &["backup", "--to", "copy.db"]] {
        let refused = folder.kehub(command).output().unwrap();
        assert_eq!(refused.status.code(), Some(1));
        assert!(said(&refused).contains("kehub-data/kehub.db"), "{}", said(&refused));
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_started_on_a_backup_has_what_was_acknowledged_before() {
    let folder = Folder::new();
    let acknowledged = Acknowledged::default();
    let mut hub = folder.start().await;
    let writers = start_writers(&hub.url(""), &hub.token().await, 1, &acknowledged);
    eventually("some writes are acknowledged", async || acknowledged.lock().unwrap().len() > 100)
        .await;
    let before = acknowledged.lock().unwrap().clone();
    let told = folder.run(&["backup", "--to", "copy.db"]);
    assert!(told.starts_with("copied sqlite:kehub-data/kehub.db to copy.db: "), "{told}");
    let restore = ["restore", "--from", "copy.db", "--replace"];
    for (command, reason) in [
        (&["backup", "--to", "copy.db"][..], "it is there already"),
        (&restore[..3], "there is a store already"),
        (&restore, "another process has the file open"),
    ] {
        let refused = folder.kehub(command).output().unwrap();
        assert_eq!(refused.status.code(), Some(1));
        assert!(said(&refused).contains(reason), "{}", said(&refused));
    }
    eventually("more writes are acknowledged", async || {
        acknowledged.lock().unwrap().len() > before.len() + 100
    })
    .await;
    hub.kill();
    for writer in writers {
        writer.await.unwrap();
    }
    let told = folder.run(&restore);
    let end = "sound\nrestored sqlite:kehub-data/kehub.db from copy.db\n";
    assert!(told.starts_with("looked at 1 tenants") && told.ends_with(end), "{told}");

    let hub = folder.start().await;
    everything_is_there(&hub, &Acknowledged::new(before.into())).await;
    let count = hub.get(&format!("/v1/customers/count?access_token={}", hub.token().await)).await;
    assert!(
        count.as_u64().unwrap() < u64::try_from(acknowledged.lock().unwrap().len()).unwrap(),
        "{count}"
    );
}

#[test]
fn migrations_are_shown_before_they_run() {
    let folder = Folder::new();
    let told = folder.run(&["migrate", "--dry-run"]);
    assert!(told.starts_with("-- 0001_start would be applied\n"), "{told}");
    assert!(told.contains("CREATE TABLE customer"), "{told}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    assert!(folder.run(&["migrate"]).starts_with("-- 0001_start is applied\n"));
    for command in [&["migrate"][..], &["migrate", "--dry-run"]] {
        assert_eq!(folder.run(command), "-- sqlite:kehub-data/kehub.db is up to date\n");
    }
}

/// As `kehub openapi | head` does.
#[test]
fn who_has_read_enough_may_go() {
    let folder = Folder::new();
    let mut command = folder.kehub(&["openapi"]);
    let mut telling = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(telling.stdout.take());
    let told = telling.wait_with_output().unwrap();
    assert!(told.status.success() && told.stderr.is_empty(), "{}", said(&told));
}
