//! `kehub serve`.

use super::store::{change_app, default_tenant, open};
use super::{say, welcome};
use crate::clock::SystemClock;
use crate::config::{ServeOptions, StoreLocation, StoreOptions};
use crate::credentials::{Credentials, secret_hash};
use crate::imports::{Importer, Spool};
use crate::people::FirstCode;
use crate::server::{self, App, Hub};
use crate::telemetry;
use crate::webhooks::Deliverer;
use crate::wechat::FanWorker;
use anyhow::{Context as _, Result, ensure};
use kehub_core::TenantId;
use kehub_core::directory::{AppChange, Permission};
use kehub_store::{OpenError, Store};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

/// How often a hub looks who may ask: an app that somebody revoked is refused after this time.
const REFRESH_PERIOD: Duration = Duration::from_secs(2);
/// How long the start waits for a store whose server is away, and how often it looks.
const START_PATIENCE: Duration = Duration::from_mins(1);
const START_PAUSE: Duration = Duration::from_secs(1);

pub(super) async fn run(location: &StoreLocation, options: &ServeOptions) -> Result<()> {
    telemetry::start(options.log_format, options.log_level).context("cannot log")?;
    // Before anything else: a signal during the start ends it as properly as one later.
    let mut end = pin!(end_signal().context("cannot listen for signals")?);
    let Some(store) = open_in_time(location, options.store(), &mut end).await? else {
        return Ok(());
    };
    // Whoever watches over the process starts it again, which is what opens the store again.
    let losing = store.clone();
    let end = async move {
        tokio::select! {
            () = end => (),
            () = losing.lost() => (),
        }
    };
    let result = serve(store.clone(), options, options.spool(location), end).await;
    let is_lost = tokio::time::timeout(Duration::ZERO, store.lost()).await.is_ok();
    store.close().await.context("cannot close the store")?;
    result?;
    ensure!(!is_lost, "the disk failed to keep what was written; the store must be opened again");
    info!("the hub has ended");
    Ok(())
}

/// Opens the store; `None` if the end came first. A server that is away may be starting, as hubs and
/// servers do together.
async fn open_in_time(
    location: &StoreLocation,
    options: StoreOptions,
    mut end: impl Future<Output = ()> + Unpin,
) -> Result<Option<Arc<dyn Store>>> {
    let until = Instant::now() + START_PATIENCE;
    loop {
        let opened = tokio::select! {
            opened = open(location, options) => opened,
            () = &mut end => return Ok(None),
        };
        match opened {
            Err(error) if may_pass(&error) && Instant::now() < until => {
                warn!(%error, "the store cannot be opened yet");
            }
            opened => return opened.map(Some),
        }
        tokio::select! {
            () = tokio::time::sleep(START_PAUSE) => (),
            () = &mut end => return Ok(None),
        }
    }
}

fn may_pass(error: &anyhow::Error) -> bool {
    error.downcast_ref().is_some_and(OpenError::may_pass)
}

async fn serve(
    store: Arc<dyn Store>,
    options: &ServeOptions,
    spool: Spool,
    end: impl Future<Output = ()>,
) -> Result<()> {
    let listener = TcpListener::bind(options.listen).await;
    let listener = listener.with_context(|| format!("cannot listen on {}", options.listen))?;
    let address = listener.local_addr().context("cannot tell the address")?;

    let first = prepare(&*store, options.bootstrap_app.as_ref()).await?;
    let mut run = [0; 4];
    getrandom::fill(&mut run).context("cannot draw a number")?;
    let run = u32::from_be_bytes(run);
    let hub = Hub::new(store, Arc::new(SystemClock), options.settings(), run).await?;
    hub.keep_files_in(spool);

    info!(%address, version = env!("CARGO_PKG_VERSION"), "the hub listens");
    let code = expect_first_user(&hub)?;
    let console = welcome::console(&options.console(address), code.as_ref());
    let text = match first {
        Some(credentials) => welcome::first_start(address, &credentials, &console),
        None => welcome::later_start(address, &console),
    };
    say!("{}", text.trim_end())?;
    let refreshing = tokio::spawn(keep_fresh(hub.clone()));
    let ending = hub.clone();
    let end = async move {
        end.await;
        ending.end();
    };
    let deliverer = Deliverer::start(hub.clone(), options.delivery())?;
    let fans = FanWorker::start(hub.clone()).context("cannot draw a number")?;
    let importer = Importer::start(hub.clone());
    server::serve(listener, App::new(hub), options.limits(), end).await;
    refreshing.abort();
    fans.stop().await;
    deliverer.stop().await;
    importer.stop().await;
    Ok(())
}

/// Draws what the first user is made with, if there is no user yet.
fn expect_first_user(hub: &Hub) -> Result<Option<FirstCode>> {
    if hub.has_users() {
        return Ok(None);
    }
    let code = FirstCode::draw().context("cannot draw a code")?;
    hub.expect_first_user(code.clone());
    Ok(Some(code))
}

/// Makes sure that there is a tenant, and an app that may call; gives the credentials of an app
/// that nobody knows yet.
async fn prepare(store: &dyn Store, chosen: Option<&Credentials>) -> Result<Option<Credentials>> {
    let tenant = default_tenant(store).await?.id;
    if let Some(chosen) = chosen {
        let (app, created) = create_app(store, tenant, chosen, "bootstrap app").await?;
        if !created && app.secret_hash != secret_hash(&chosen.secret) {
            warn!(app = app.number.0, "the bootstrap app has another secret, which stays");
        }
        return Ok(None);
    }
    if store.directory().await?.programs().next().is_some() {
        return Ok(None);
    }
    let drawn = Credentials::draw().context("cannot draw a secret")?;
    create_app(store, tenant, &drawn, "first app").await?;
    Ok(Some(drawn))
}

async fn create_app(
    store: &dyn Store,
    tenant: TenantId,
    credentials: &Credentials,
    name: &str,
) -> Result<(kehub_core::directory::App, bool)> {
    let change = AppChange::Create {
        id: credentials.app.clone(),
        name: name.into(),
        secret_hash: secret_hash(&credentials.secret),
        permissions: Permission::ALL.to_vec(),
    };
    change_app(store, tenant, change).await
}

/// Reads again and again who may ask, so that what the command line changes is known soon.
async fn keep_fresh(hub: Hub) {
    let mut ticks = tokio::time::interval(REFRESH_PERIOD);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = hub.refresh().await {
            warn!(%error, "apps and tenants could not be read again");
        }
    }
}

/// Ready when the process is asked to end: SIGTERM, or Ctrl-C.
fn end_signal() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => info!("asked to end by SIGTERM"),
            _ = interrupt.recv() => info!("asked to end by Ctrl-C"),
        }
    })
}
