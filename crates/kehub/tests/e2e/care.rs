//! `kehub check`, `kehub rebuild` and `kehub migrate`, as an operator runs them.

use crate::crash::{Acknowledged, start_writers};
use crate::hub::{Folder, eventually, said};

#[tokio::test(flavor = "multi_thread")]
async fn a_store_is_checked_beside_a_running_hub_and_rebuilt_without_one() {
    let folder = Folder::new();
    let acknowledged = Acknowledged::default();
    let mut hub = folder.start().await;
    let writers = start_writers(&hub.url(""), &hub.token().await, 1, &acknowledged);
    eventually("some writes are acknowledged", async || acknowledged.lock().unwrap().len() > 100)
        .await;
    for arguments in [&["check"][..], &["check", "--tenant", "default"]] {
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
    let told = folder.run(&["rebuild"]);
    assert!(told.starts_with("all rows were what the journal says\n"), "{told}");
    assert!(folder.run(&["check"]).ends_with("sound\n"));

    let missing = folder.kehub(&["check", "--tenant", "nobody"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(1));
    assert!(said(&missing).contains("there is no tenant `nobody`"), "{}", said(&missing));
}

#[test]
fn nothing_is_made_where_there_is_no_store() {
    let folder = Folder::new();
    for command in [&["check"][..], &["rebuild"]] {
        let refused = folder.kehub(command).output().unwrap();
        assert_eq!(refused.status.code(), Some(1));
        assert!(said(&refused).contains("kehub-data/kehub.db"), "{}", said(&refused));
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
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
