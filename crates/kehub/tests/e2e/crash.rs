//! Killed in the middle of work, the hub has everything that it acknowledged.

use crate::hub::{Folder, Hub, client, eventually};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Connections that write at the same time.
const WRITERS: usize = 24;

/// What was acknowledged: per identity value, the customer and the last version of its name.
pub(crate) type Acknowledged = Arc<Mutex<BTreeMap<String, (u64, u64)>>>;

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_writes_survive_a_kill() {
    let folder = Folder::new();
    let acknowledged = Acknowledged::default();
    for round in 1..=3 {
        let mut hub = folder.start().await;
        everything_is_there(&hub, &acknowledged).await;
        let known = acknowledged.lock().unwrap().len();
        let (hub_of_writers, token) = (hub.url(""), hub.token().await);
        let writers = start_writers(&hub_of_writers, &token, round, &acknowledged);
        eventually("some hundred writes are acknowledged", async || {
            acknowledged.lock().unwrap().len() > known + 300
        })
        .await;
        hub.kill();
        for writer in writers {
            writer.await.unwrap();
        }
    }
    let hub = folder.start().await;
    everything_is_there(&hub, &acknowledged).await;
}

/// Writers that go on until nobody answers. Each customer is written three times.
pub(crate) fn start_writers(
    base: &str,
    token: &str,
    round: usize,
    acknowledged: &Acknowledged,
) -> Vec<tokio::task::JoinHandle<()>> {
    let url = format!("{base}/v1/customerandidentities?access_token={token}");
    let writer = |writer: usize| {
        tokio::spawn(write(url.clone(), format!("r{round}-w{writer}"), acknowledged.clone()))
    };
    (0..WRITERS).map(writer).collect()
}

async fn write(url: String, prefix: String, acknowledged: Acknowledged) {
    let client = client();
    for write in 0_u64.. {
        let (value, version) = (format!("{prefix}-{}", write / 3), write % 3);
        let body = json!({
            "customer": { "name": format!("version {version}") },
            "customerIdentities": [{ "identityType": "member-id", "identityValue": value }],
        });
        let Ok(answer) = client.post(&url).json(&body).send().await else { return };
        if !answer.status().is_success() {
            return;
        }
        let Ok(answer) = answer.json::<serde_json::Value>().await else { return };
        let id = answer["id"].as_u64().unwrap_or_else(|| panic!("no id: {answer}"));
        let before = acknowledged.lock().unwrap().insert(value, (id, version));
        assert!(before.is_none_or(|(before, _)| before == id), "another customer: {answer}");
    }
}

/// Every acknowledged customer is there, under its identity, with its last name or a later one.
pub(crate) async fn everything_is_there(hub: &Hub, acknowledged: &Acknowledged) {
    let acknowledged = acknowledged.lock().unwrap().clone();
    let token = hub.token().await;
    for (value, (id, version)) in acknowledged {
        let query = format!("access_token={token}&identityType=member-id&identityValue={value}");
        let owners = hub.get(&format!("/v1/customeridentities?{query}")).await;
        assert_eq!(owners[0]["customerId"], json!(id.to_string()), "{value}: {owners}");
        let customer = hub.get(&format!("/v1/customers/{id}?access_token={token}")).await;
        let shown = customer["name"].as_str().and_then(|name| name.strip_prefix("version "));
        let shown: u64 = shown.unwrap_or_else(|| panic!("{value}: {customer}")).parse().unwrap();
        assert!(shown >= version, "{value}: version {version} was acknowledged, {shown} is shown");
    }
}
