//! What waits to be written, until a group is made of it.

use super::SqliteOptions;
use crate::{Batch, Gauges, Kept, Lane, StoreError};
use kehub_core::TenantId;
use kehub_core::command::Request;
use kehub_core::outcome::Outcome;
use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

pub(super) type Answer = Result<Vec<Outcome>, StoreError>;

/// A batch that waits, and who waits for it.
pub(super) struct Job {
    pub(super) requests: Vec<Request>,
    pub(super) kept: Kept,
    pub(super) reply: oneshot::Sender<Answer>,
}

#[derive(Default)]
struct Waiting {
    interactive: VecDeque<Job>,
    bulk: VecDeque<Job>,
    /// Requests that wait, in all and by tenant.
    count: usize,
    by_tenant: HashMap<TenantId, usize>,
    closed: bool,
    gauges: Gauges,
}

/// The bounded queue between those who ask and the writer.
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    /// Requests that may wait.
    limit: usize,
    /// Requests of a group at most.
    group_limit: usize,
}

impl Queue {
    pub(super) fn new(options: &SqliteOptions) -> Queue {
        Queue {
            waiting: Mutex::default(),
            arrived: Condvar::new(),
            limit: options.queue_requests,
            group_limit: options.group_requests.max(1),
        }
    }

    /// A panic while the queue is locked cannot leave it half changed.
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn put(
        &self,
        batch: Batch,
        reply: oneshot::Sender<Answer>,
    ) -> Result<(), StoreError> {
        let (lane, kept) = (batch.lane(), batch.kept());
        let requests = batch.into_requests();
        let count = requests.len();
        let mut waiting = self.waiting();
        if waiting.closed {
            return Err(StoreError::closed());
        }
        // An idle queue takes any batch, so that one larger than the queue can pass at all.
        let limit = self.limit;
        let tenant = requests.first().map(|request| request.tenant);
        if waiting.count > 0 && waiting.count + count > limit {
            return Err(StoreError::QueueFull);
        }
        // No tenant takes the last quarter of the queue from the others.
        if let Some(tenant) = tenant {
            let theirs = waiting.by_tenant.get(&tenant).copied().unwrap_or_default();
            if theirs > 0 && theirs + count > limit - limit / 4 {
                return Err(StoreError::QueueFull);
            }
        }
        for request in &requests {
            *waiting.by_tenant.entry(request.tenant).or_default() += 1;
        }
        waiting.count += count;
        let job = Job { requests, kept, reply };
        match lane {
            Lane::Interactive => waiting.interactive.push_back(job),
            Lane::Bulk => waiting.bulk.push_back(job),
        }
        drop(waiting);
        self.arrived.notify_one();
        Ok(())
    }

    /// What is waiting, interactive first, up to the group limit but at least one batch; `None`
    /// once the queue is closed and empty.
    pub(super) fn next(&self) -> Option<Vec<Job>> {
        let mut waiting = self.waiting();
        while waiting.interactive.is_empty() && waiting.bulk.is_empty() {
            if waiting.closed {
                return None;
            }
            waiting = self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        let mut group = Vec::new();
        let mut count = 0;
        loop {
            let Waiting { interactive, bulk, .. } = &mut *waiting;
            let lane = if interactive.is_empty() { bulk } else { interactive };
            let fits = lane
                .front()
                .is_some_and(|job| count == 0 || count + job.requests.len() <= self.group_limit);
            let Some(job) = lane.pop_front_if(|_| fits) else { break };
            count += job.requests.len();
            waiting.count -= job.requests.len();
            for request in &job.requests {
                if let Some(theirs) = waiting.by_tenant.get_mut(&request.tenant) {
                    *theirs -= 1;
                    if *theirs == 0 {
                        waiting.by_tenant.remove(&request.tenant);
                    }
                }
            }
            group.push(job);
        }
        Some(group)
    }

    pub(super) fn gauges(&self) -> Gauges {
        let mut waiting = self.waiting();
        let count = waiting.count;
        waiting.gauges.taken(count)
    }

    /// Counts a group, and how long it took from its COMMIT until it was durable, if there was one.
    pub(super) fn count(&self, requests: usize, committed: Option<Duration>) {
        self.waiting().gauges.count(requests, committed);
    }

    /// Refuses what comes from now on.
    pub(super) fn close(&self) {
        self.waiting().closed = true;
        self.arrived.notify_one();
    }

    /// Refuses what comes, and what waits: nobody would take it out any more.
    pub(super) fn end(&self) {
        let mut waiting = self.waiting();
        waiting.closed = true;
        let Waiting { interactive, bulk, .. } = &mut *waiting;
        for job in interactive.drain(..).chain(bulk.drain(..)) {
            send(job.reply, Err(StoreError::NotApplied("the writer has ended".into())));
        }
        waiting.count = 0;
        waiting.by_tenant.clear();
    }
}

/// Somebody who stopped waiting is no trouble.
pub(super) fn send(reply: oneshot::Sender<Answer>, answer: Answer) {
    drop(reply.send(answer));
}
