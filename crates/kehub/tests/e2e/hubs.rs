//! Three hubs on one database: what one knows all know, and killing some of them loses nothing.

use crate::administration::{NOTICED_WITHIN, credentials, token_in_time};
use crate::hub::{APP, Folder, Hub, SECRET, client, eventually, within};
use crate::webhooks::{Told, receiver};
use kehub_store::TestDatabase;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const HUBS: usize = 3;
const WRITERS: u64 = 8;

/// Hubs on one database, each in a folder of its own.
struct Hubs {
    folders: Vec<Folder>,
    running: Vec<Hub>,
    token: String,
    is_cluster: bool,
    _database: TestDatabase,
}

impl Hubs {
    /// On a server, or spread over a cluster.
    async fn start(database: TestDatabase, is_cluster: bool) -> Hubs {
        let folders: Vec<Folder> = (0..HUBS).map(|_| Folder::on(&database.url())).collect();
        let mut running = Vec::new();
        for folder in &folders {
            running.push(start(folder, is_cluster).await);
        }
        // A token of one hub is one of all.
        let token = running[0].token().await;
        Hubs { folders, running, token, is_cluster, _database: database }
    }

    async fn kill_and_start_again(&mut self, place: usize) {
        self.running[place].kill();
        self.running[place] = start(&self.folders[place], self.is_cluster).await;
    }

    fn urls(&self) -> Vec<String> {
        self.running.iter().map(|hub| hub.url("")).collect()
    }

    /// The hub as a caller sees it.
    fn caller(&self, place: usize) -> Caller {
        Caller { base: self.running[place].url(""), token: self.token.clone(), client: client() }
    }
}

async fn start(folder: &Folder, is_cluster: bool) -> Hub {
    let app = format!("{APP}:{SECRET}");
    let variables = [
        ("KEHUB_BOOTSTRAP_APP", &*app),
        ("KEHUB_WEBHOOKS_ALLOW_PRIVATE", "1"),
        // Another hub goes on after six seconds.
        ("KEHUB_WEBHOOKS_TIMEOUT", "2"),
        ("KEHUB_DISTRIBUTED", if is_cluster { "true" } else { "false" }),
    ];
    folder.start_with(&variables).await
}

/// Runs each test on a server and on a cluster.
macro_rules! on_both {
    ($($name:ident,)*) => {
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let database = kehub_store::TestDatabase::new().await;
                super::$name(super::Hubs::start(database, false).await).await;
            })*
        }
        mod on_cluster {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let database = kehub_store::TestDatabase::on_cluster().await;
                super::$name(super::Hubs::start(database, true).await).await;
            })*
        }
    };
}

on_both! {
    killed_hubs_lose_nothing_and_repeat_nothing,
    what_one_hub_is_told_all_of_them_know,
    another_hub_goes_on_telling_webhooks,
}

/// A program that calls a hub.
#[derive(Clone)]
struct Caller {
    base: String,
    token: String,
    client: reqwest::Client,
}

impl Caller {
    async fn call(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let method = method.parse().unwrap();
        let request = self.client.request(method, format!("{}{path}", self.base));
        let answer = request.bearer_auth(&self.token).json(body).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.call("GET", path, &Value::Null).await
    }

    /// The feed from its beginning.
    async fn feed(&self) -> Vec<Value> {
        let (mut all, mut after) = (Vec::new(), String::new());
        loop {
            let (status, page) = self.get(&format!("/api/changes?limit=1000{after}")).await;
            assert_eq!(status, 200, "{page}");
            let items = page["items"].as_array().unwrap();
            if items.is_empty() {
                return all;
            }
            all.extend(items.iter().cloned());
            after = format!("&after={}", page["nextCursor"].as_str().unwrap());
        }
    }
}

fn place(event: &Value) -> (i64, i64) {
    (event["seq"].as_i64().unwrap(), event["index"].as_i64().unwrap())
}

/// What was acknowledged: the value of an identity that nobody else sends, and the entry that holds it.
type Acknowledged = Arc<Mutex<BTreeMap<String, i64>>>;

/// Writers that send each write under its key to any hub, until one of them acknowledges it.
struct Writers {
    bases: Arc<Mutex<Vec<String>>>,
    token: String,
    acknowledged: Acknowledged,
    over: AtomicBool,
}

impl Writers {
    async fn write(self: Arc<Self>, writer: u64) {
        let client = client();
        let mut chance = writer * 7_919 + 1;
        let mut draw = |sides: u64| {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (chance >> 33) % sides
        };
        for number in 0_u64.. {
            if self.over.load(Ordering::SeqCst) {
                return;
            }
            let own = format!("w{writer}-{number}");
            let mobiles = (0..=draw(6) / 5).map(|_| format!("1380000{:04}", draw(2_000)));
            let mobiles = mobiles.map(|it| json!({ "type": "mobile", "value": it }));
            let own_identity = json!({ "type": "member-id", "value": own });
            let identities: Vec<Value> = mobiles.chain([own_identity]).collect();
            let upsert = json!({ "identities": identities });
            let answer = self.send(&client, "/api/customers", &own, &upsert, &mut draw).await;
            let seq = answer["resolution"]["seq"].as_i64();
            let seq = seq.unwrap_or_else(|| panic!("no entry: {answer}"));
            self.acknowledged.lock().unwrap().insert(own.clone(), seq);
            if draw(10) == 0 {
                let undo = format!("/api/merges/{}/undo", 1 + draw(20));
                self.send(&client, &undo, &format!("undo-{own}"), &Value::Null, &mut draw).await;
            }
        }
    }

    async fn send(
        &self,
        client: &reqwest::Client,
        path: &str,
        key: &str,
        body: &Value,
        draw: &mut impl FnMut(u64) -> u64,
    ) -> Value {
        loop {
            let base = {
                let bases = self.bases.lock().unwrap();
                bases[usize::try_from(draw(u64::try_from(bases.len()).unwrap())).unwrap()].clone()
            };
            let request = client.post(format!("{base}{path}")).bearer_auth(&self.token);
            let request = request.header("idempotency-key", key).json(body);
            if let Ok(answer) = request.send().await {
                let status = answer.status().as_u16();
                let waits = answer.headers().contains_key("retry-after");
                let Ok(answer) = answer.json::<Value>().await else { continue };
                if status != 503 {
                    assert!([200, 201, 404, 409].contains(&status), "{status}: {answer}");
                    return answer;
                }
                assert!(waits, "{answer}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn killed_hubs_lose_nothing_and_repeat_nothing(mut hubs: Hubs) {
    let writers = Arc::new(Writers {
        bases: Arc::new(Mutex::new(hubs.urls())),
        token: hubs.token.clone(),
        acknowledged: Acknowledged::default(),
        over: AtomicBool::new(false),
    });
    let writing = (0..WRITERS).map(|writer| tokio::spawn(Arc::clone(&writers).write(writer)));
    let writing: Vec<_> = writing.collect();
    for kill in 0..2 * HUBS {
        let known = writers.acknowledged.lock().unwrap().len();
        eventually("some hundred writes are acknowledged", async || {
            writers.acknowledged.lock().unwrap().len() > known + 150
        })
        .await;
        hubs.kill_and_start_again(kill % HUBS).await;
        *writers.bases.lock().unwrap() = hubs.urls();
    }
    writers.over.store(true, Ordering::SeqCst);
    for writer in writing {
        writer.await.unwrap();
    }
    let feed = hubs.caller(0).feed().await;
    let places: Vec<_> = feed.iter().map(place).collect();
    assert!(places.is_sorted_by(|one, next| one < next), "the feed is not in order");
    for other in 1..HUBS {
        assert_eq!(hubs.caller(other).feed().await, feed);
    }
    // Each write is there once, where its sender was told.
    let mut found = BTreeMap::new();
    for event in feed.iter().filter(|event| event["kind"] == "identityAttached") {
        if event["identity"]["type"] == "member-id" {
            let value = event["identity"]["value"].as_str().unwrap().to_owned();
            assert_eq!(found.insert(value, event["seq"].as_i64().unwrap()), None, "{event}");
        }
    }
    assert_eq!(found, *writers.acknowledged.lock().unwrap());
    assert!(hubs.folders[0].run(&["check"]).ends_with("sound\n"));
    hubs.running.clear();
    assert!(hubs.folders[0].run(&["check"]).ends_with("sound\n"));
}

async fn what_one_hub_is_told_all_of_them_know(hubs: Hubs) {
    let refused_everywhere = async |token: &str| {
        for place in 0..HUBS {
            let caller = Caller { token: token.to_owned(), ..hubs.caller(place) };
            within(NOTICED_WITHIN, "the token is refused", async || {
                caller.get("/api/policy").await.0 == 401
            })
            .await;
        }
    };
    let known_everywhere = async |app: &str, secret: &str| {
        let mut token = String::new();
        for hub in &hubs.running {
            token = token_in_time(hub, app, secret).await;
        }
        token
    };
    for place in 0..HUBS {
        assert_eq!(hubs.caller(place).get("/api/policy").await.0, 200);
    }
    // Revoked by the command line, which is no hub, and by a hub.
    let (app, secret) = credentials(&hubs.folders[0].run(&["app", "create", "--name", "kiosk"]));
    let token = known_everywhere(&app, &secret).await;
    hubs.folders[0].run(&["app", "revoke", &app]);
    refused_everywhere(&token).await;

    let new = json!({ "name": "till", "permissions": ["customers.read"] });
    let (status, created) = hubs.caller(1).call("POST", "/api/apps", &new).await;
    assert_eq!(status, 201, "{created}");
    let text = |name: &str| created[name].as_str().unwrap().to_owned();
    let token = known_everywhere(&text("appId"), &text("secret")).await;
    let revoke = format!("/api/apps/{}/revoke", created["id"]);
    assert_eq!(hubs.caller(2).call("POST", &revoke, &Value::Null).await.0, 200);
    refused_everywhere(&token).await;

    // A policy rules the next write, whoever is asked.
    let shared = |member: &str| {
        json!({ "identities": [
            { "type": "member-id", "value": member },
            { "type": "mobile", "value": "13800000001" },
        ] })
    };
    let guarded = json!({ "preset": "guarded" });
    assert_eq!(hubs.caller(0).call("PATCH", "/api/policy", &guarded).await.0, 200);
    let mut owners = BTreeSet::new();
    for place in 0..HUBS {
        let (status, policy) = hubs.caller(place).get("/api/policy").await;
        assert_eq!((status, &policy["preset"]), (200, &json!("guarded")));
        let upsert = shared(&format!("M-{place}"));
        let (status, answer) = hubs.caller(place).call("POST", "/api/customers", &upsert).await;
        assert_eq!(status, 201, "{answer}");
        owners.insert(answer["customer"]["id"].as_i64());
    }
    assert_eq!(owners.len(), HUBS, "members with one mobile stay apart");
}

async fn another_hub_goes_on_telling_webhooks(mut hubs: Hubs) {
    let (url, told) = receiver().await;
    let webhook = json!({ "url": url });
    assert_eq!(hubs.caller(0).call("POST", "/api/webhooks", &webhook).await.0, 201);
    // While all live, each event is told once, whichever hub wrote it.
    write_some(&hubs, &[0, 1, 2], 0..60).await;
    let events = hubs.caller(0).feed().await;
    everything_is_told(&hubs, &told).await;
    assert_eq!(told.lock().unwrap().len(), events.len());

    let deliverer = the_one_that_tells(&hubs).await;
    let mut deliverer = hubs.running.remove(deliverer);
    let known = told.lock().unwrap().len();
    let killing = async {
        let is_telling = async || told.lock().unwrap().len() > known + 20;
        eventually("some more is told", is_telling).await;
        deliverer.kill();
    };
    tokio::join!(write_some(&hubs, &[0, 1], 60..300), killing);
    everything_is_told(&hubs, &told).await;
    in_order(&told);
}

/// Writes the members of these numbers, twice, at these hubs in turn.
async fn write_some(hubs: &Hubs, places: &[usize], members: std::ops::Range<usize>) {
    for member in members {
        for version in 0..2 {
            let upsert = json!({
                "customer": { "name": format!("version {version}") },
                "identities": [{ "type": "member-id", "value": format!("M-{member}") }],
            });
            let caller = hubs.caller(places[(member + version) % places.len()]);
            let (status, answer) = caller.call("POST", "/api/customers", &upsert).await;
            assert!(status < 300, "{answer}");
        }
    }
}

/// Waits until the receiver has heard every event of the feed.
async fn everything_is_told(hubs: &Hubs, told: &Told) {
    let events = hubs.caller(0).feed().await;
    let expected: BTreeSet<_> = events.iter().map(place).collect();
    eventually("every event is told", async || {
        let told = told.lock().unwrap();
        told.iter().map(|(_, event)| place(&event["data"])).collect::<BTreeSet<_>>() == expected
    })
    .await;
}

/// That the events of a customer were told in order, whatever was told again.
fn in_order(told: &Told) {
    let mut last: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for (id, event) in told.lock().unwrap().iter() {
        let data = &event["data"];
        if seen.insert(id.clone()) {
            let customer = data["customerId"].as_i64().unwrap();
            let before = last.insert(customer, place(data));
            assert!(before.is_none_or(|before| before < place(data)), "{before:?}: {event}");
        }
    }
}

/// The hub that has made calls.
async fn the_one_that_tells(hubs: &Hubs) -> usize {
    let mut telling = Vec::new();
    for (place, hub) in hubs.running.iter().enumerate() {
        let metrics = client().get(hub.url("/metrics")).send().await.unwrap().text().await.unwrap();
        if metrics.contains("webhook_calls_total{result=\"told\"}") {
            telling.push(place);
        }
    }
    assert_eq!(telling.len(), 1, "one hub tells");
    telling[0]
}
