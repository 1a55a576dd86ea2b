//! A disk that keeps no longer what is written ends the hub, and takes nothing that was acknowledged.

use crate::crash::{Acknowledged, everything_is_there, start_writers};
use crate::hub::{APP, Folder, SECRET, eventually};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A library whose syncs fail once somebody says so, in this folder.
fn failing_disk(folder: &Path) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/failing_disk.c");
    let library = folder.join("failing_disk.so");
    let made = Command::new("cc")
        .args(["-shared", "-fPIC", "-D_GNU_SOURCE", "-o"])
        .args([&library, &source])
        .status();
    assert!(made.unwrap().success());
    library
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_whose_disk_fails_ends_and_is_started_again_with_all_that_it_acknowledged() {
    let folder = Folder::new();
    let library = failing_disk(folder.path());
    let sign = folder.path().join("the-disk-fails");
    let app = format!("{APP}:{SECRET}");
    let mut hub = folder
        .start_with(&[
            ("KEHUB_BOOTSTRAP_APP", &app),
            ("LD_PRELOAD", library.to_str().unwrap()),
            ("FAILING_DISK", sign.to_str().unwrap()),
        ])
        .await;
    let acknowledged = Acknowledged::default();
    let writers = start_writers(&hub.url(""), &hub.token().await, 1, &acknowledged);
    eventually("some hundred writes are acknowledged", async || {
        acknowledged.lock().unwrap().len() > 300
    })
    .await;
    std::fs::write(&sign, "").unwrap();
    let status = hub.ended().await;
    let said = folder.read("stderr");
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("the disk failed to keep what was written"), "{said}");
    for writer in writers {
        writer.await.unwrap();
    }

    std::fs::remove_file(&sign).unwrap();
    let hub = folder.start().await;
    everything_is_there(&hub, &acknowledged).await;
}
