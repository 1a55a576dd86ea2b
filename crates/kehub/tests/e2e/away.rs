//! The server of the store is away: at the start of a hub, and while it runs.

use crate::hub::{Folder, client, eventually, said};
use kehub_store::TestDatabase;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Where a hub reaches its server, if it reaches it.
struct Way {
    database: TestDatabase,
    port: u16,
    open: JoinSet<()>,
}

impl Way {
    /// One that leads nowhere yet.
    async fn new() -> Way {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        Way { database: TestDatabase::new().await, port, open: JoinSet::new() }
    }

    fn url(&self) -> String {
        let url = self.database.url();
        let (user, rest) = url.split_once('@').unwrap();
        let (_, path) = rest.split_once('/').unwrap();
        format!("{user}@127.0.0.1:{}/{path}", self.port)
    }

    async fn open(&mut self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.unwrap();
        let url = self.database.url();
        let server = url.split('@').nth(1).unwrap().split('/').next().unwrap().to_owned();
        self.open.spawn(async move {
            // They end with this task.
            let mut sessions = JoinSet::new();
            while let Ok((mut client, _)) = listener.accept().await {
                let server = server.clone();
                sessions.spawn(async move {
                    let mut server = TcpStream::connect(&server).await.unwrap();
                    drop(tokio::io::copy_bidirectional(&mut client, &mut server).await);
                });
            }
        });
    }

    async fn close(&mut self) {
        self.open.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_waits_for_its_server_at_the_start_and_comes_back_later() {
    let mut way = Way::new().await;
    let folder = Folder::on(&way.url());
    let waits = async || folder.read("stderr").contains("cannot be opened yet");
    let opening = async {
        eventually("it waits", waits).await;
        way.open().await;
    };
    let (hub, ()) = tokio::join!(folder.start(), opening);
    let token = hub.token().await;
    let write = async |member: &str| {
        let upsert = json!({ "identities": [{ "type": "member-id", "value": member }] });
        let request = client().post(hub.url("/api/customers")).bearer_auth(&token).json(&upsert);
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        (status, headers.contains_key("retry-after"), answer.json::<Value>().await.unwrap())
    };
    assert_eq!(write("M-1").await.0, 201);

    way.close().await;
    // Whether it is ready is asked once a second at most.
    let unready = eventually("it is not ready", async || hub.status("/readyz").await == Some(503));
    let ((status, waits, problem), ()) = tokio::join!(write("M-2"), unready);
    assert_eq!((status, waits, &problem["code"]), (503, true, &json!("busy")));
    assert_eq!(hub.status("/healthz").await, Some(200));
    way.open().await;
    eventually("it is ready again", async || hub.status("/readyz").await == Some(200)).await;
    assert_eq!(write("M-2").await.0, 201);

    let log = folder.read("stderr");
    let password = way.url().split(':').nth(2).unwrap().split('@').next().unwrap().to_owned();
    assert!(!log.contains(&password) && log.contains("cannot connect"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_waits_for_its_server_ends_when_it_is_asked_to() {
    let way = Way::new().await;
    let folder = Folder::on(&way.url());
    let mut hub = folder.launch(&[]);
    eventually("it waits", async || folder.read("stderr").contains("cannot be opened yet")).await;
    hub.terminate();
    assert_eq!(hub.ended().await.code(), Some(0), "{}", folder.read("stderr"));
}

#[test]
fn a_hub_that_is_refused_does_not_wait() {
    let folder = Folder::on("postgres://somebody:secret@127.0.0.1:1/nowhere?sslmode=perhaps");
    let refused = folder.kehub(&["serve"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(!told.contains("yet") && !told.contains("secret"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_does_not_exist_is_not_waited_for() {
    let database = TestDatabase::new().await;
    let folder = Folder::new();
    let url = database.url().replace("kehub_test_", "kehub_missing_");
    let mut command = folder.kehub(&["serve", "--listen", "127.0.0.1:0"]);
    let output = command.env("KEHUB_STORE", url).output().unwrap();
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("does not exist"), "{said}");
    assert!(!said.contains("cannot be opened yet"), "{said}");
}
