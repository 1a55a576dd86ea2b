//! The task that tells webhooks what happened.

use super::address::Reach;
use super::client::Client;
use super::log::Made;
use super::queue::{Lane, Queue};
use super::{DeliveryOptions, event};
use crate::server::Hub;
use kehub_core::command::{Command, Origin, Request};
use kehub_core::feed::{self, Cursor};
use kehub_core::outcome::{Outcome, Refusal};
use kehub_core::webhook::{
    Delivery, Failure, Lease, Reason, Step, Webhook, WebhookOutcome, WebhookRefusal,
};
use kehub_core::{AppNumber, Micros, TenantId, WebhookId};
use kehub_store::{Batch, Lane as QueueLane, StoreError};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;
use tracing::{info, warn};

/// Entries that are read at once.
const ENTRIES_MAX: usize = 16;
/// After how long an event is tried again that the store could not read.
const STORE_PAUSE: Micros = 1_000_000;
/// The app number of the hub itself.
const HUB: AppNumber = AppNumber(0);

type Key = (TenantId, WebhookId);

/// A running task that tells webhooks what happened.
#[derive(Debug)]
pub struct Deliverer {
    task: JoinHandle<()>,
    stop: watch::Sender<bool>,
}

impl Deliverer {
    /// Starts telling the webhooks of a hub's store, as soon as no other hub does.
    pub fn start(hub: Hub, mut options: DeliveryOptions) -> Result<Deliverer, StartError> {
        let mut number = [0; 8];
        getrandom::fill(&mut number).map_err(StartError::Random)?;
        let reach = Reach { private: hub.settings().webhooks_private };
        let client = Client::new(reach, options.time_limit).map_err(StartError::Client)?;
        let (stop, stopped) = watch::channel(false);
        // Renewed when a third of it is over, it leaves time for a whole call.
        options.lease = options.lease.max(options.time_limit.saturating_mul(2));
        let worker = Worker {
            committed: hub.store().committed(),
            hub,
            client,
            options,
            holder: i64::from_le_bytes(number),
            lease_until: 0,
            targets: BTreeMap::new(),
            calls: JoinSet::new(),
            generation: 0,
            turn: 0,
            looked_at: None,
        };
        Ok(Deliverer { task: tokio::spawn(worker.run(stopped)), stop })
    }

    /// Lets running calls end, saves how far each webhook was told, and lets another hub go on.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            warn!(%error, "the deliverer of webhooks ended early");
        }
    }
}

/// Why a deliverer could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The client could not be made.
    #[error("cannot make calls: {0}")]
    Client(#[source] reqwest::Error),
    /// The machine gave no random number.
    #[error("cannot draw a number: {0}")]
    Random(#[source] getrandom::Error),
}

/// One webhook that is being told.
#[derive(Debug)]
struct Target {
    webhook: Arc<Webhook>,
    queue: Queue,
    /// Rises when the queue is loaded anew: calls that were started before tell it nothing.
    generation: u64,
    running: usize,
    /// Calls of before, which have to end before anything is told again, for the sake of order.
    stale: usize,
    /// Whether there may be events that have not been read.
    more: bool,
    saved_at: Option<Instant>,
}

impl Target {
    fn may_start(&self, calls_max: usize) -> bool {
        self.webhook.settings.enabled && self.stale == 0 && self.running < calls_max
    }

    fn is_at_rest(&self) -> bool {
        self.running == 0 && self.stale == 0 && !self.queue.is_dirty()
    }
}

/// A call that has ended.
#[derive(Debug)]
struct Called {
    key: Key,
    generation: u64,
    place: Cursor,
    result: CallResult,
}

#[derive(Debug)]
enum CallResult {
    Told,
    NotWanted,
    Failed(Reason),
    /// The store could not read it: nothing that the receiver is to blame for.
    NotRead,
}

#[derive(Debug)]
struct Worker {
    hub: Hub,
    client: Client,
    options: DeliveryOptions,
    /// Tells this hub's lease from those of others.
    holder: i64,
    lease_until: Micros,
    targets: BTreeMap<Key, Target>,
    calls: JoinSet<Called>,
    generation: u64,
    /// Which webhook has the first turn.
    turn: usize,
    committed: watch::Receiver<u64>,
    looked_at: Option<Instant>,
}

impl Worker {
    async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        loop {
            let pause = match self.round().await {
                Ok(()) => self.pause(),
                Err(error) => {
                    warn!(%error, "webhooks have to wait for the store");
                    // It may be away for long, and what waits to be saved would ask again at once.
                    self.options.look_period
                }
            };
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => break,
                Some(called) = self.calls.join_next() => self.heard(called),
                Ok(()) = self.committed.changed() => self.expect_more(),
                () = self.hub.webhooks_changed().notified() => self.looked_at = None,
                () = tokio::time::sleep(pause) => (),
            }
            while let Some(called) = self.calls.try_join_next() {
                self.heard(called);
            }
        }
        // Each of them ends within the time limit of a call.
        while let Some(called) = self.calls.join_next().await {
            self.heard(called);
        }
        let saved = self.save(Duration::ZERO).await;
        if let Err(error) = saved.and(self.give_back().await) {
            warn!(%error, "the progress of webhooks could not be saved");
        }
    }

    fn now(&self) -> Micros {
        self.hub.clock().now()
    }

    /// Everything that there is to do at present.
    async fn round(&mut self) -> Result<(), StoreError> {
        let period = self.options.look_period;
        if self.looked_at.is_none_or(|looked| looked.elapsed() >= period) {
            self.look().await?;
        }
        if self.targets.is_empty() || !self.keep_lease().await? {
            return Ok(());
        }
        self.scan().await?;
        self.start_calls();
        self.save(self.options.save_period).await
    }

    /// How long there is nothing to do unless something happens.
    fn pause(&self) -> Duration {
        let now = self.now();
        let looked = self.looked_at.map_or(Duration::ZERO, |looked| looked.elapsed());
        let mut pause = self.options.look_period.saturating_sub(looked);
        for target in self.targets.values() {
            // What is due already waits for a call to end.
            if let Some(due) = target.queue.next_due().filter(|due| *due > now) {
                pause = pause.min(Duration::from_micros(due.abs_diff(now)));
            }
            if target.queue.is_dirty() {
                let saved = target.saved_at.map_or(Duration::MAX, |saved| saved.elapsed());
                pause = pause.min(self.options.save_period.saturating_sub(saved));
            }
        }
        pause.max(Duration::from_millis(1))
    }

    fn expect_more(&mut self) {
        for target in self.targets.values_mut() {
            target.more = true;
        }
    }

    /// Looks which webhooks there are.
    async fn look(&mut self) -> Result<(), StoreError> {
        self.looked_at = Some(Instant::now());
        self.expect_more();
        let mut stored = self.hub.store().webhooks(None).await?;
        if !stored.values().any(|webhook| webhook.settings.enabled)
            && self.targets.values().all(Target::is_at_rest)
        {
            self.targets.clear();
            return self.give_back().await;
        }
        let held = self.holds();
        if !self.keep_lease().await? {
            return Ok(());
        }
        if !held {
            // Another hub may have told them something until now.
            stored = self.hub.store().webhooks(None).await?;
        }
        self.targets.retain(|key, _| stored.contains_key(key));
        self.hub.calls().keep(|key| stored.contains_key(key));
        for (key, webhook) in stored {
            self.reconcile(key, webhook).await?;
        }
        Ok(())
    }

    /// Takes over what the store says about a webhook; its progress only if somebody changed what
    /// is to be told.
    async fn reconcile(&mut self, key: Key, webhook: Webhook) -> Result<(), StoreError> {
        let epoch = webhook.progress.epoch;
        let known = self.targets.get_mut(&key);
        let stale = known.as_ref().map_or(0, |target| target.running + target.stale);
        if let Some(target) = known.filter(|target| target.queue.epoch() == epoch) {
            target.webhook = Arc::new(webhook);
            return Ok(());
        }
        let mut lanes = BTreeMap::new();
        let waiting = webhook.progress.undelivered.iter().filter(|(_, row)| row.due.is_some());
        let positions: BTreeSet<i64> = waiting.map(|(place, _)| place.position).collect();
        for position in positions {
            let page = self.hub.store().feed(key.0, position - 1, 1).await?;
            let customers = page.entries.first().map(feed::customers).unwrap_or_default();
            lanes.insert(position, Lane::of(customers));
        }
        let lane = |place: Cursor| lanes.get(&place.position).cloned().unwrap_or_default();
        let queue = Queue::load(&webhook.progress, lane);
        self.generation += 1;
        let target = Target {
            webhook: Arc::new(webhook),
            queue,
            generation: self.generation,
            running: 0,
            stale,
            more: true,
            saved_at: None,
        };
        self.targets.insert(key, target);
        Ok(())
    }

    /// Reads on in the feed, as far as there is room.
    async fn scan(&mut self) -> Result<(), StoreError> {
        let now = self.now();
        for ((tenant, _), target) in &mut self.targets {
            while target.more && target.webhook.settings.enabled && target.queue.has_room() {
                let scanned = target.queue.scanned();
                let store = self.hub.store();
                let page = store.feed(*tenant, scanned.settled(), ENTRIES_MAX).await?;
                target.more = page.entries.len() == ENTRIES_MAX;
                let Some(last) = page.entries.last() else { break };
                let wanted = page.entries.iter().flat_map(|entry| {
                    let lane = Lane::of(feed::customers(entry));
                    let settings = &target.webhook.settings;
                    let events = (0_u32..).zip(feed::events(entry));
                    let wanted = events.filter(|(_, event)| settings.wants(event.kind()));
                    wanted.map(move |(index, _)| {
                        (Cursor { position: entry.position, index }, lane.clone())
                    })
                });
                let unseen = wanted.filter(|(place, _)| *place > scanned);
                target.queue.scan(unseen, Cursor::after(last.position), now);
            }
        }
        Ok(())
    }

    /// Starts calls, in turns among the webhooks, as far as they may run at once.
    fn start_calls(&mut self) {
        let now = self.now();
        let time_limit = micros(self.options.time_limit);
        if self.lease_until.saturating_sub(now) < time_limit {
            // A call must not go on when another hub may deliver.
            return;
        }
        let (calls_max, each_max) = self.options.calls_max;
        let mut keys: Vec<Key> = self.targets.keys().copied().collect();
        let places = keys.len().max(1);
        keys.rotate_left(self.turn % places);
        self.turn = (self.turn + 1) % places;
        let mut any = true;
        while any {
            any = false;
            for key in &keys {
                let Some(target) = self.targets.get_mut(key) else { continue };
                if self.calls.len() >= calls_max || !target.may_start(each_max) {
                    continue;
                }
                let Some(place) = target.queue.next(now) else { continue };
                target.running += 1;
                any = true;
                let (webhook, generation) = (Arc::clone(&target.webhook), target.generation);
                let (hub, client, key) = (self.hub.clone(), self.client.clone(), *key);
                self.calls.spawn(async move {
                    let result = call(&hub, &client, key.0, &webhook, place).await;
                    Called { key, generation, place, result }
                });
            }
        }
    }

    /// Takes note of how a call ended.
    fn heard(&mut self, called: Result<Called, tokio::task::JoinError>) {
        let called = match called {
            Ok(called) => called,
            // This hub ended it itself.
            Err(error) if error.is_cancelled() => return,
            Err(error) => {
                // Which one it was is not known: all of them are loaded anew.
                warn!(%error, "a call to a webhook ended early");
                self.calls.abort_all();
                self.targets.clear();
                self.looked_at = None;
                return;
            }
        };
        let now = self.now();
        let Some(target) = self.targets.get_mut(&called.key) else { return };
        if called.generation != target.generation {
            target.stale = target.stale.saturating_sub(1);
            return;
        }
        target.running = target.running.saturating_sub(1);
        match called.result {
            CallResult::Told => target.queue.done(called.place, Some(now)),
            CallResult::NotWanted => target.queue.done(called.place, None),
            CallResult::NotRead => target.queue.put_back(called.place, now + STORE_PAUSE),
            CallResult::Failed(reason) => {
                let failure = Failure { at: now, reason };
                if target.queue.failed(called.place, failure, &self.options.pauses) {
                    let (tenant, webhook) = (called.key.0.0, called.key.1.0);
                    let (position, reason) = (called.place.position, reason.name());
                    warn!(tenant, webhook, position, reason, "an event became a dead letter");
                    self.hub.metrics().count_dead_letter();
                }
            }
        }
    }

    /// Saves how far webhooks were told, each at most once in this time.
    async fn save(&mut self, period: Duration) -> Result<(), StoreError> {
        let now = Instant::now();
        let due = self.targets.iter_mut().filter(|(_, target)| {
            target.queue.is_dirty() && target.saved_at.is_none_or(|saved| saved.elapsed() >= period)
        });
        let steps: Vec<(Key, Step)> = due
            .map(|(key, target)| {
                target.saved_at = Some(now);
                (*key, target.queue.step())
            })
            .collect();
        let requests = steps.iter().map(|((tenant, id), step)| {
            let (holder, id, step) = (self.holder, *id, step.clone());
            self.request(*tenant, Delivery::Progress { holder, id, step })
        });
        let Some(batch) = Batch::new(requests.collect(), QueueLane::Interactive) else {
            return Ok(());
        };
        let outcomes = self.hub.store().apply(batch).await?;
        for ((key, step), outcome) in steps.iter().zip(outcomes) {
            if let Outcome::Refused(refusal) = outcome {
                if refusal == Refusal::Webhook(WebhookRefusal::NotHolder) {
                    self.lose().await;
                    break;
                }
                // Changed or deleted since: what it is now is read.
                self.looked_at = None;
            } else if let Some(target) = self.targets.get_mut(key) {
                target.queue.saved(step);
            }
        }
        Ok(())
    }

    fn request(&self, tenant: TenantId, delivery: Delivery) -> Request {
        let origin = Origin { app: HUB, actor: None, request: "webhooks".into(), at: self.now() };
        let command = Command::Deliver(delivery);
        Request { tenant, origin, dry_run: false, idempotency: None, command }
    }

    fn holds(&self) -> bool {
        self.now() < self.lease_until
    }

    /// Renews the lease in good time; whether this hub delivers.
    async fn keep_lease(&mut self) -> Result<bool, StoreError> {
        let lease = micros(self.options.lease);
        let now = self.now();
        if self.lease_until.saturating_sub(now) > lease / 3 * 2 {
            return Ok(true);
        }
        let wanted = Lease { holder: self.holder, until: now.saturating_add(lease) };
        let granted = self.lease(wanted).await?;
        if granted.holder != self.holder {
            self.lose().await;
            return Ok(false);
        }
        self.lease_until = granted.until;
        Ok(true)
    }

    async fn lease(&self, wanted: Lease) -> Result<Lease, StoreError> {
        let batch = Batch::one(self.request(TenantId(0), Delivery::Lease(wanted)));
        let outcome = self.hub.store().apply(batch).await?.pop();
        if let Some(Outcome::Webhook(WebhookOutcome::Lease(lease))) = outcome {
            return Ok(lease);
        }
        Err(StoreError::Corrupt("a lease got another outcome".into()))
    }

    /// Another hub delivers: what is running here ends at once.
    async fn lose(&mut self) {
        if self.lease_until > 0 {
            info!("another hub tells webhooks now");
        }
        self.lease_until = 0;
        self.calls.shutdown().await;
        self.targets.clear();
    }

    /// Lets another hub deliver.
    async fn give_back(&mut self) -> Result<(), StoreError> {
        if self.lease_until > 0 {
            self.lease(Lease { holder: self.holder, until: 0 }).await?;
            self.lease_until = 0;
        }
        Ok(())
    }
}

/// Tells a webhook the event at a place.
async fn call(
    hub: &Hub,
    client: &Client,
    tenant: TenantId,
    webhook: &Webhook,
    place: Cursor,
) -> CallResult {
    let body = match event::body(hub, tenant, place, webhook).await {
        Ok(Some(body)) => body,
        Ok(None) => return CallResult::NotWanted,
        Err(error) => {
            warn!(%error, "an event could not be read for a webhook");
            return CallResult::NotRead;
        }
    };
    let id = event::id(tenant, place);
    let (at, began) = (hub.clock().now(), Instant::now());
    let told = client.tell(webhook, &id, body, at).await;
    let made = Made { at, place, took: began.elapsed(), failed: told.err() };
    hub.calls().add((tenant, webhook.id), made);
    hub.metrics().count_webhook_call(told.map_or_else(Reason::name, |()| "told"));
    match told {
        Ok(()) => CallResult::Told,
        Err(reason) => CallResult::Failed(reason),
    }
}

fn micros(duration: Duration) -> Micros {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
