//! The hub as handlers see it: the store, the clock, who may ask, and what is counted.

use super::access::Access;
use super::metrics::Metrics;
use super::recall;
use super::status::Readiness;
use crate::api::duplicates::kept::KeptDuplicates;
use crate::api::exports::kept::KeptExports;
use crate::clock::Clock;
use crate::console::{KeptDays, Series};
use crate::imports::{Paces, Spool};
use crate::people::{FirstCode, People};
use crate::server::problem::Problem;
use crate::webhooks::log::CallLog;
use crate::wechat::{self, Wechat};
use kehub_core::command::{Command, Request};
use kehub_core::directory::App;
use kehub_core::limits;
use kehub_core::outcome::{Outcome, Refusal, ResultKind};
use kehub_store::{Batch, Kept, Lane, Store, StoreError};
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use url::Url;

/// What an operator may set about answers.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Bytes of a body at most (W34).
    pub body_bytes_max: usize,
    /// Bytes of the body of a batch at most.
    pub batch_bytes_max: usize,
    /// How long a request may take from its head to its answer.
    pub request_timeout: Duration,
    /// Whether a PUT answers the customer before the change, not after it (W3).
    pub put_answers_before: bool,
    /// Custom attributes that one request may carry (W35).
    pub custom_attributes_max: usize,
    /// Whether webhooks may have addresses of this machine and its networks.
    pub webhooks_private: bool,
    /// Where people find the console from outside, if the operator says so. Over `https` cookies are
    /// for TLS only.
    pub public_url: Option<Url>,
    /// How WeChat is called, and what its secrets are encrypted with.
    pub wechat: wechat::Options,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            body_bytes_max: 1024 * 1024,
            batch_bytes_max: 32 * 1024 * 1024,
            request_timeout: Duration::from_secs(30),
            put_answers_before: false,
            custom_attributes_max: limits::CUSTOM_ATTRIBUTES_MAX,
            webhooks_private: false,
            public_url: None,
            wechat: wechat::Options::default(),
        }
    }
}

/// A hub. Clones are the same hub.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    access: RwLock<Arc<Access>>,
    request_ids: RequestIds,
    settings: Settings,
    metrics: Metrics,
    readiness: Readiness,
    duplicates: KeptDuplicates,
    exports: KeptExports,
    series: Series,
    days: KeptDays,
    calls: CallLog,
    wechat: Wechat,
    people: People,
    /// Tells the deliverer that somebody changed a webhook.
    webhooks_changed: Notify,
    /// Tells the importer that a file has come.
    imports_changed: Notify,
    /// How fast the import goes that is under way.
    paces: Paces,
    /// Where files are kept that came over the API.
    spool: OnceLock<Spool>,
    /// Whether the hub was asked to end.
    ending: watch::Sender<bool>,
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

impl Hub {
    /// A hub on a store. `run` sets its request ids apart from those of other runs.
    pub async fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        settings: Settings,
        run: u32,
    ) -> Result<Hub, StoreError> {
        let access = Access::new(store.directory().await?);
        let wechat = Wechat::new(settings.wechat.clone());
        Ok(Hub(Arc::new(Inner {
            store,
            clock,
            access: RwLock::new(Arc::new(access)),
            request_ids: RequestIds { run, last: AtomicU32::new(0) },
            settings,
            metrics: Metrics::new(),
            readiness: Readiness::default(),
            duplicates: KeptDuplicates::default(),
            exports: KeptExports::default(),
            series: Series::default(),
            days: KeptDays::default(),
            calls: CallLog::default(),
            webhooks_changed: Notify::new(),
            wechat,
            people: People::default(),
            imports_changed: Notify::new(),
            paces: Paces::default(),
            spool: OnceLock::new(),
            ending: watch::Sender::default(),
        })))
    }

    /// Reads again who may ask. Until then, apps that others changed are as they were.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        let access = Arc::new(Access::new(self.store().directory().await?));
        *self.0.access.write().unwrap_or_else(PoisonError::into_inner) = access;
        Ok(())
    }

    /// Notified when somebody changed a webhook through this hub.
    pub(crate) fn webhooks_changed(&self) -> &Notify {
        &self.0.webhooks_changed
    }

    /// What it takes to call WeChat.
    pub(crate) fn wechat(&self) -> &Wechat {
        &self.0.wechat
    }

    /// Lets somebody who knows this code make the first user. A code that came before stays.
    pub fn expect_first_user(&self, code: FirstCode) {
        self.0.people.expect_first(code);
    }

    /// Whether anybody may sign in, or might once.
    pub fn has_users(&self) -> bool {
        self.access().has_users()
    }

    /// What is in memory of people who sign in.
    pub(crate) fn people(&self) -> &People {
        &self.0.people
    }

    /// Notified when there may be something to import.
    pub(crate) fn imports_changed(&self) -> &Notify {
        &self.0.imports_changed
    }

    /// How fast the import goes that this hub is at work on.
    pub(crate) fn paces(&self) -> &Paces {
        &self.0.paces
    }

    /// Keeps files that come over the API here, unless one came before: then they are where that is.
    pub fn keep_files_in(&self, spool: Spool) {
        self.0.spool.get_or_init(|| spool);
    }

    /// Where files are kept that came over the API, and exports.
    pub(crate) fn spool(&self) -> &Spool {
        self.0.spool.get_or_init(Spool::temporary)
    }

    /// Asks calls that only wait for news to end, because the hub is about to. Exports that nobody reads
    /// are made no further.
    pub fn end(&self) {
        self.exports().clear();
        self.0.ending.send_replace(true);
    }

    /// Whether the hub was asked to end.
    pub(crate) fn is_ending(&self) -> bool {
        *self.0.ending.borrow()
    }

    /// Ready once the hub was asked to end.
    pub(crate) async fn ended(&self) {
        // The sender lives as long as this hub, so that this fails for nobody.
        drop(self.0.ending.subscribe().wait_for(|ending| *ending).await);
    }

    /// The store.
    pub(crate) fn store(&self) -> &dyn Store {
        &*self.0.store
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.0.clock
    }

    pub(crate) fn access(&self) -> Arc<Access> {
        self.0.access.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub(crate) fn readiness(&self) -> &Readiness {
        &self.0.readiness
    }

    /// What was found lately.
    pub(crate) fn duplicates(&self) -> &KeptDuplicates {
        &self.0.duplicates
    }

    /// Exports that were made lately.
    pub(crate) fn exports(&self) -> &KeptExports {
        &self.0.exports
    }

    /// What came of upserts lately.
    pub(crate) fn series(&self) -> &Series {
        &self.0.series
    }

    /// How many customers came on which day, as counted lately.
    pub(crate) fn days(&self) -> &KeptDays {
        &self.0.days
    }

    /// The last calls to webhooks.
    pub(crate) fn calls(&self) -> &CallLog {
        &self.0.calls
    }

    /// Counts what came of an upsert; `None` for a refused one.
    pub(crate) fn count_upsert(&self, app: &App, result: Option<ResultKind>) {
        self.metrics().count_upsert(result);
        self.series().count(app.tenant, app.number, result, self.clock().now());
    }

    /// An id for a request, unique as long as runs are.
    pub(crate) fn next_request_id(&self) -> Box<str> {
        let ids = &self.0.request_ids;
        let number = ids.last.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        format!("{:08x}{number:08x}", ids.run).into()
    }

    /// Applies one request, or gives the answer that it got before under its key. A refusal is an
    /// outcome; only trouble is an error.
    pub(crate) async fn apply(&self, request: Request) -> Result<Outcome, Problem> {
        let erases = matches!(request.command, Command::Erase(_)) && !request.dry_run;
        let tenant = request.tenant;
        let outcomes = self.apply_rows(vec![request], Lane::Interactive, Kept::Each).await;
        if erases {
            // Also where nobody knows whether it was done.
            self.exports().erased(tenant);
        }
        match outcomes?.into_iter().next() {
            Some(Outcome::Refused(Refusal::TenantMissing)) => Err(Problem::TokenInvalid),
            Some(outcome) => Ok(outcome),
            None => Err(StoreError::Corrupt("a request got no outcome".into()).into()),
        }
    }

    /// Applies requests in order, as [`Hub::apply`]; outcome `i` answers request `i`.
    pub(crate) async fn apply_rows(
        &self,
        requests: Vec<Request>,
        lane: Lane,
        kept: Kept,
    ) -> Result<Vec<Outcome>, Problem> {
        // An answer that is given again needs the words of the request.
        let keyed = |request: &Request| {
            request.idempotency.map(|_| (request.tenant, request.command.clone()))
        };
        let asked: Vec<_> = requests.iter().map(keyed).collect();
        let batch = Batch::new(requests, lane).ok_or(Problem::Internal)?;
        let mut outcomes = self.store().apply(batch.keeping(kept)).await?;
        for (outcome, asked) in outcomes.iter_mut().zip(asked) {
            if let (Outcome::Repeated(receipt), Some((tenant, command))) = (&*outcome, asked) {
                *outcome = recall::outcome(self.store(), tenant, &command, receipt).await?;
            }
        }
        Ok(outcomes)
    }
}

#[derive(Debug)]
struct RequestIds {
    run: u32,
    last: AtomicU32,
}
