//! Asked to end, the hub finishes what it accepted.

use crate::crash::{Acknowledged, everything_is_there, start_writers};
use crate::hub::{Folder, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_terminated_hub_finishes_its_queue_and_exits_with_success() {
    let folder = Folder::new();
    let acknowledged = Acknowledged::default();
    let mut hub = folder.start().await;
    let writers = start_writers(&hub.url(""), &hub.token().await, 1, &acknowledged);
    eventually("some hundred writes are acknowledged", async || {
        acknowledged.lock().unwrap().len() > 300
    })
    .await;
    hub.terminate();
    let status = hub.ended().await;
    assert_eq!(status.code(), Some(0), "{}", folder.read("stderr"));
    for writer in writers {
        writer.await.unwrap();
    }
    let hub = folder.start().await;
    everything_is_there(&hub, &acknowledged).await;
}

#[tokio::test]
async fn a_terminated_hub_leaves_one_file() {
    let folder = Folder::new();
    let mut hub = folder.start().await;
    let token = hub.token().await;
    let body =
        serde_json::json!({ "customer": { "mobile": "13800000001" }, "customerIdentities": [] });
    hub.upsert(&token, &body).await.unwrap();
    hub.terminate();
    assert_eq!(hub.ended().await.code(), Some(0));
    let files = std::fs::read_dir(folder.path().join("kehub-data")).unwrap();
    let mut names: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["kehub.db"], "the log is folded into the store");
}
