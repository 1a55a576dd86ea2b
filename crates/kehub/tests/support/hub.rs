//! A hub in this process, and the apps that call it.

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use hyper::body::Frame;
use jsonschema::Validator;
use kehub::clock::{Clock as _, ManualClock};
use kehub::credentials::secret_hash;
use kehub::server::{App, Hub, Settings};
use kehub_core::command::{self, Command, Origin, SetPolicy};
use kehub_core::directory::{AppChange, NewTenant, Permission};
use kehub_core::outcome::Outcome;
use kehub_core::policy::{OnConflict, Preset};
use kehub_core::{AppNumber, TenantId};
use kehub_store::{
    Batch, MemoryStore, PostgresOptions, PostgresStore, SqliteOptions, SqliteStore, Store,
    TestDatabase, UnreliableStore,
};
use serde_json::Value;
use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

/// 2026-05-04T01:02:03Z, plus a fraction that answers do not show.
const START: i64 = 1_777_856_523_250_000;

/// The secret of every app here.
pub(crate) const SECRET: &str = "00000000000000000000000000000000000000ab";

/// A hub with a clock that stands still, and four apps.
pub(crate) struct TestHub {
    pub(crate) hub: Hub,
    pub(crate) app: App,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Arc<UnreliableStore>,
    /// May do everything.
    pub(crate) writer: Actor,
    /// May read.
    pub(crate) reader: Actor,
    /// May do everything, in another tenant.
    pub(crate) stranger: Actor,
    /// May write and attach, but not read: an app secret that is shipped in a phone.
    pub(crate) phone: Actor,
    _place: Place,
}

/// Where a store keeps what it has: gone when this is dropped.
type Place = Box<dyn Any + Send + Sync>;

/// An app with a token.
#[derive(Clone)]
pub(crate) struct Actor {
    app: App,
    pub(crate) id: &'static str,
    pub(crate) token: String,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

/// Runs each test on every engine.
macro_rules! on_every_engine {
    ($($name:ident,)*) => {
        mod on_memory {
            $(#[tokio::test]
            async fn $name() {
                super::$name($crate::hub::TestHub::on_memory().await).await;
            })*
        }
        mod on_sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name($crate::hub::TestHub::on_sqlite().await).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test]
            async fn $name() {
                super::$name($crate::hub::TestHub::on_postgres().await).await;
            })*
        }
        mod on_cluster {
            $(#[tokio::test]
            async fn $name() {
                super::$name($crate::hub::TestHub::on_cluster().await).await;
            })*
        }
    };
}
pub(crate) use on_every_engine;

impl TestHub {
    pub(crate) async fn on_memory() -> TestHub {
        let store = Arc::new(MemoryStore::new().unwrap());
        TestHub::start(store, Box::new(()), Settings::default()).await
    }

    pub(crate) async fn on_sqlite() -> TestHub {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kehub.db");
        let store = Arc::new(SqliteStore::open(path, SqliteOptions::default()).unwrap());
        TestHub::start(store, Box::new(folder), Settings::default()).await
    }

    pub(crate) async fn on_postgres() -> TestHub {
        let database = TestDatabase::new().await;
        let store = PostgresStore::open(&database.url(), PostgresOptions::default()).await;
        TestHub::start(Arc::new(store.unwrap()), Box::new(database), Settings::default()).await
    }

    pub(crate) async fn on_cluster() -> TestHub {
        let database = TestDatabase::on_cluster().await;
        let options = PostgresOptions { distributed: true, ..PostgresOptions::default() };
        let store = PostgresStore::open(&database.url(), options).await;
        TestHub::start(Arc::new(store.unwrap()), Box::new(database), Settings::default()).await
    }

    pub(crate) async fn with(settings: Settings) -> TestHub {
        TestHub::start(Arc::new(MemoryStore::new().unwrap()), Box::new(()), settings).await
    }

    async fn start(store: Arc<dyn Store>, place: Place, settings: Settings) -> TestHub {
        let all = Permission::ALL;
        let (ours, theirs) = (TenantId(1), TenantId(2));
        tenant(&*store, "default").await;
        tenant(&*store, "theirs").await;
        app(&*store, ours, "cl000000000000001", all).await;
        app(&*store, ours, "cl000000000000002", &[Permission::CustomersRead]).await;
        app(&*store, theirs, "cl000000000000003", all).await;
        let blind = [Permission::CustomersWrite, Permission::IdentitiesWrite];
        app(&*store, ours, "cl000000000000004", &blind).await;

        let store = Arc::new(UnreliableStore::new(store));
        let clock = Arc::new(ManualClock::at(START));
        let hub = Hub::new(store.clone(), clock.clone(), settings, 7).await.unwrap();
        let app = App::new(hub.clone());
        TestHub {
            writer: Actor::enter(&app, "cl000000000000001").await,
            reader: Actor::enter(&app, "cl000000000000002").await,
            stranger: Actor::enter(&app, "cl000000000000003").await,
            phone: Actor::enter(&app, "cl000000000000004").await,
            hub,
            app,
            clock,
            store,
            _place: place,
        }
    }

    /// An app of the first tenant with these permissions.
    pub(crate) async fn app_with(&self, id: &'static str, permissions: &[Permission]) -> Actor {
        app(&*self.store, TenantId(1), id, permissions).await;
        self.hub.refresh().await.unwrap();
        Actor::enter(&self.app, id).await
    }

    /// Changes an app of the first tenant, and lets the hub know.
    pub(crate) async fn change_app(&self, change: AppChange) {
        apply(&*self.store, TenantId(1), Command::ChangeApp(change)).await;
        self.hub.refresh().await.unwrap();
    }

    pub(crate) async fn set_policy(&self, preset: Preset, on_conflict: OnConflict) {
        let (preset, on_conflict) = (Some(preset), Some(on_conflict));
        self.set_rules(SetPolicy { preset, on_conflict, ..SetPolicy::default() }).await;
    }

    pub(crate) async fn set_rules(&self, policy: SetPolicy) {
        self.run(Command::SetPolicy(policy)).await;
    }

    /// Runs a command of the first tenant, past the wire.
    pub(crate) async fn run(&self, command: Command) {
        let outcome = self.try_run(command).await;
        assert!(!matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
    }

    /// Runs a command of the first tenant, past the wire, whatever comes of it.
    pub(crate) async fn try_run(&self, command: Command) -> Outcome {
        outcome(&*self.store, TenantId(1), command).await
    }

    /// A call without a token of its own.
    pub(crate) async fn call(&self, request: Request<Body>) -> Answer {
        answer(&self.app, request).await
    }
}

impl Actor {
    async fn enter(app: &App, id: &'static str) -> Actor {
        let path = format!(
            "/security/accesstoken?grant_type=client_credentials&appid={id}&secret={SECRET}"
        );
        let token = answer(app, request("GET", &path, "")).await.json();
        let token = token["access_token"].as_str().unwrap().to_owned();
        Actor { app: app.clone(), id, token }
    }

    /// A call as it stands: nothing says yet who asks.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        answer(&self.app, request).await
    }
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).unwrap_or_else(|| panic!("no header {name}"));
        value.to_str().unwrap()
    }
}

pub(crate) fn request(method: &str, path: &str, body: impl Into<Body>) -> Request<Body> {
    Request::builder().method(method).uri(path).body(body.into()).unwrap()
}

async fn answer(app: &App, request: Request<Body>) -> Answer {
    let (parts, body) = app.answer(request).await.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    Answer { status: parts.status, headers: parts.headers, text }
}

async fn tenant(store: &dyn Store, name: &str) {
    let new = NewTenant { name: name.into(), preset: Preset::Compat };
    apply(store, TenantId(0), Command::CreateTenant(new)).await;
}

async fn app(store: &dyn Store, tenant: TenantId, id: &str, permissions: &[Permission]) {
    let change = AppChange::Create {
        id: id.into(),
        name: format!("app {id}").into(),
        secret_hash: secret_hash(SECRET),
        permissions: permissions.to_vec(),
    };
    apply(store, tenant, Command::ChangeApp(change)).await;
}

pub(crate) async fn apply(store: &dyn Store, tenant: TenantId, command: Command) {
    let outcome = outcome(store, tenant, command).await;
    assert!(!matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
}

async fn outcome(store: &dyn Store, tenant: TenantId, command: Command) -> Outcome {
    store.apply(alone(tenant, command)).await.unwrap().pop().unwrap()
}

/// A command that goes to the store past the wire.
pub(crate) fn alone(tenant: TenantId, command: Command) -> Batch {
    let at = ManualClock::at(START).now();
    let origin = Origin { app: AppNumber(0), actor: None, request: "test".into(), at };
    let request = command::Request { tenant, origin, dry_run: false, idempotency: None, command };
    Batch::one(request)
}

/// Holds a body against a schema of the description of the API.
#[track_caller]
pub(crate) fn valid(schema: &Value, body: &Value, what: &str) {
    thread_local! {
        static KNOWN: RefCell<HashMap<String, Rc<Validator>>> = RefCell::default();
    }
    let validator = KNOWN.with_borrow_mut(|known| {
        let made = || Rc::new(jsonschema::draft202012::new(&closed(schema)).unwrap());
        Rc::clone(known.entry(schema.to_string()).or_insert_with(made))
    });
    let errors: Vec<String> = validator.iter_errors(body).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{what}: {errors:?}\n{body}");
}

/// A schema with those that it refers to, directly or not.
fn closed(schema: &Value) -> Value {
    let all = &kehub::server::openapi()["components"]["schemas"];
    let mut needed = serde_json::Map::new();
    let mut open = vec![schema];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(members) => open.extend(members.values()),
            Value::Array(items) => open.extend(items),
            Value::String(text) => {
                let name = text.strip_prefix("#/components/schemas/");
                let Some(name) = name.filter(|name| !needed.contains_key(*name)) else { continue };
                needed.insert(name.to_owned(), all[name].clone());
                open.push(&all[name]);
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => (),
        }
    }
    serde_json::json!({ "components": { "schemas": needed }, "allOf": [schema] })
}

/// A body that never comes to its end.
pub(crate) struct Endless;

impl HttpBody for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}
