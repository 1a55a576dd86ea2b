//! What waits to be written. Several writers take groups from it, and no two of them hold the same
//! tenant at a time: the second one would only wait for the row that the first one has locked.

use crate::{Batch, Gauges, Kept, Lane, StoreError};
use kehub_core::TenantId;
use kehub_core::command::Request;
use kehub_core::outcome::Outcome;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};

/// How many groups are remembered between two looks at the gauges.
const RECENT_GROUPS_MAX: usize = 1024;

/// For how long a batch waits to be taken by a writer at most: while the server is away, callers are
/// told that nothing was applied before they give up.
const WAITING: Duration = Duration::from_secs(10);

pub(super) type Answer = Result<Vec<Outcome>, StoreError>;

/// A batch that waits, and who waits for it.
pub(super) struct Job {
    /// Tells it from others that wait.
    number: u64,
    pub(super) requests: Vec<Request>,
    pub(super) kept: Kept,
    pub(super) reply: oneshot::Sender<Answer>,
}

impl Job {
    fn tenants(&self) -> BTreeSet<TenantId> {
        self.requests.iter().map(|request| request.tenant).collect()
    }
}

#[derive(Default)]
struct Waiting {
    interactive: VecDeque<Job>,
    bulk: VecDeque<Job>,
    /// The number of the newest job.
    last: u64,
    /// Requests that wait, in all and by tenant.
    count: usize,
    by_tenant: HashMap<TenantId, usize>,
    /// Tenants that a writer holds.
    busy: HashSet<TenantId>,
    closed: bool,
    gauges: Gauges,
}

/// The queue.
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Notify,
    waiting_max: usize,
    group_max: usize,
}

/// Jobs that are written together. Their tenants are free again when it is dropped.
pub(super) struct Group<'q> {
    pub(super) jobs: Vec<Job>,
    tenants: BTreeSet<TenantId>,
    queue: &'q Queue,
}

/// What a look into the queue finds.
enum Look<'q> {
    Group(Group<'q>),
    Nothing,
    /// And nothing will ever come.
    Over,
}

impl Drop for Group<'_> {
    fn drop(&mut self) {
        let mut waiting = self.queue.waiting();
        for tenant in &self.tenants {
            waiting.busy.remove(tenant);
        }
        drop(waiting);
        self.queue.arrived.notify_waiters();
    }
}

impl Queue {
    pub(super) fn new(queue_requests: usize, group_requests: usize) -> Queue {
        let (waiting, arrived) = (Mutex::default(), Notify::new());
        let group_max = group_requests.max(1);
        Queue { waiting, arrived, waiting_max: queue_requests, group_max }
    }

    /// A panic while the queue is locked cannot leave it half changed.
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a batch into the queue and waits for its answer. One that no writer takes in time is
    /// taken back.
    pub(super) async fn apply(&self, batch: Batch) -> Answer {
        let (reply, mut answer) = oneshot::channel();
        let number = self.enqueue(batch, reply)?;
        let answered = match tokio::time::timeout(WAITING, &mut answer).await {
            Ok(answered) => answered,
            Err(_) if self.waiting().take_back(number) => {
                return Err(StoreError::NotApplied("no writer had time for it".into()));
            }
            Err(_) => answer.await,
        };
        answered.map_err(|_| StoreError::Unknown("the writer ended before it answered".into()))?
    }

    /// Puts a batch into the queue; the number of its job.
    fn enqueue(&self, batch: Batch, reply: oneshot::Sender<Answer>) -> Result<u64, StoreError> {
        let (lane, kept) = (batch.lane(), batch.kept());
        let requests = batch.into_requests();
        let count = requests.len();
        let mut waiting = self.waiting();
        if waiting.closed {
            return Err(StoreError::NotApplied("the store is closed".into()));
        }
        // An idle queue takes any batch, so that one larger than the queue can pass at all.
        let limit = self.waiting_max;
        if waiting.count > 0 && waiting.count + count > limit {
            return Err(StoreError::QueueFull);
        }
        // No tenant takes the last quarter of the queue from the others.
        if let Some(tenant) = requests.first().map(|request| request.tenant) {
            let theirs = waiting.by_tenant.get(&tenant).copied().unwrap_or_default();
            if theirs > 0 && theirs + count > limit - limit / 4 {
                return Err(StoreError::QueueFull);
            }
        }
        for request in &requests {
            *waiting.by_tenant.entry(request.tenant).or_default() += 1;
        }
        waiting.count += count;
        waiting.last += 1;
        let number = waiting.last;
        let job = Job { number, requests, kept, reply };
        match lane {
            Lane::Interactive => waiting.interactive.push_back(job),
            Lane::Bulk => waiting.bulk.push_back(job),
        }
        drop(waiting);
        self.arrived.notify_waiters();
        Ok(number)
    }

    /// Waits for a group: what is there, interactive first, up to the limit but at least one batch;
    /// `None` once the queue is closed and empty.
    pub(super) async fn next(&self) -> Option<Group<'_>> {
        loop {
            let mut arrived = std::pin::pin!(self.arrived.notified());
            // From here on nothing is missed.
            arrived.as_mut().enable();
            match self.look() {
                Look::Group(group) => return Some(group),
                Look::Over => return None,
                Look::Nothing => arrived.await,
            }
        }
    }

    fn look(&self) -> Look<'_> {
        let mut waiting = self.waiting();
        match waiting.group(self.group_max) {
            Some((jobs, tenants)) => Look::Group(Group { jobs, tenants, queue: self }),
            None if waiting.closed && waiting.count == 0 => Look::Over,
            None => Look::Nothing,
        }
    }

    /// Refuses what comes from now on. What is there is still taken.
    pub(super) fn close(&self) {
        self.waiting().closed = true;
        self.arrived.notify_waiters();
    }

    pub(super) fn gauges(&self) -> Gauges {
        let mut waiting = self.waiting();
        let group_sizes = std::mem::take(&mut waiting.gauges.group_sizes);
        let commit_micros = std::mem::take(&mut waiting.gauges.commit_micros);
        let queue_depth = u64::try_from(waiting.count).unwrap_or(u64::MAX);
        Gauges { queue_depth, group_sizes, commit_micros, ..waiting.gauges.clone() }
    }

    /// Counts a group, and how long its COMMIT took, if there was one.
    pub(super) fn count(&self, requests: usize, commit_micros: Option<u64>) {
        let mut waiting = self.waiting();
        let gauges = &mut waiting.gauges;
        gauges.grouped_total += u64::try_from(requests).unwrap_or(u64::MAX);
        let Some(commit_micros) = commit_micros else { return };
        gauges.groups_total += 1;
        if gauges.group_sizes.len() < RECENT_GROUPS_MAX {
            gauges.group_sizes.push(u32::try_from(requests).unwrap_or(u32::MAX));
            gauges.commit_micros.push(commit_micros);
        }
    }
}

impl Waiting {
    /// Takes out a group of those whose tenants nobody holds. A tenant's batches keep their order.
    fn group(&mut self, group_requests: usize) -> Option<(Vec<Job>, BTreeSet<TenantId>)> {
        let mut jobs = Vec::new();
        let mut tenants = BTreeSet::new();
        let mut passed = self.busy.clone();
        let mut count = 0;
        for lane in [&mut self.interactive, &mut self.bulk] {
            let mut rest = VecDeque::with_capacity(lane.len());
            while let Some(job) = lane.pop_front() {
                let theirs = job.tenants();
                let fits = count == 0 || count + job.requests.len() <= group_requests;
                if !fits || theirs.iter().any(|tenant| passed.contains(tenant)) {
                    passed.extend(theirs);
                    rest.push_back(job);
                    if !fits {
                        break;
                    }
                    continue;
                }
                count += job.requests.len();
                tenants.extend(theirs);
                jobs.push(job);
            }
            rest.append(lane);
            *lane = rest;
        }
        for job in &jobs {
            self.discount(job);
        }
        self.busy.extend(&tenants);
        (!jobs.is_empty()).then_some((jobs, tenants))
    }

    /// Takes a job out again; whether it still waited.
    fn take_back(&mut self, number: u64) -> bool {
        let lanes = [&mut self.interactive, &mut self.bulk];
        let job = lanes.into_iter().find_map(|lane| {
            let place = lane.iter().position(|job| job.number == number)?;
            lane.remove(place)
        });
        if let Some(job) = &job {
            self.discount(job);
        }
        job.is_some()
    }

    /// Counts a job no longer.
    fn discount(&mut self, job: &Job) {
        self.count -= job.requests.len();
        for request in &job.requests {
            if let Some(theirs) = self.by_tenant.get_mut(&request.tenant) {
                *theirs -= 1;
                if *theirs == 0 {
                    self.by_tenant.remove(&request.tenant);
                }
            }
        }
    }
}
