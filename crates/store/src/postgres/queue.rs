//! What waits to be written. Several writers take groups from it, and no two of them write the same
//! tenant at a time: the second one would only wait for the row that the first one has locked. But it
//! may decide ahead for a group that follows, and write that when it is its turn.

use super::decided::Wrote;
use crate::{Batch, Gauges, Kept, Lane, StoreError};
use kehub_core::command::Request;
use kehub_core::outcome::Outcome;
use kehub_core::{Seq, TenantId};
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, oneshot};

/// For how long a batch waits to be taken by a writer at most: while the server is away, callers are
/// told that nothing was applied before they give up.
const WAITING: Duration = Duration::from_secs(10);

/// How many requests of a tenant have to wait for a writer to read ahead for them: a smaller group is
/// read so fast that it gains more from those who may still join it.
const FOLLOWERS_MIN: usize = 64;

/// How many groups of a tenant are begun behind one another at most: the lock that is taken at once goes
/// to nobody else who waits for it, such as another hub.
const CHAIN_MAX: u32 = 16;

/// For how long a hub takes account of another one that writes the same tenant.
const OTHERS_KEPT: Duration = Duration::from_millis(500);

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
    fn tenants(&self) -> HashSet<TenantId> {
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
    busy: HashMap<TenantId, Held>,
    /// Tenants that are held and for which the next group has been taken, and what the one before it
    /// has written.
    followed: HashMap<TenantId, Option<Arc<Wrote>>>,
    /// Where the journals of tenants ended when this hub had written them.
    ends: HashMap<TenantId, Seq>,
    /// Tenants that another hub writes as well, and when that was seen last.
    others: HashMap<TenantId, Instant>,
    /// How many groups writers hold, and how many they could.
    groups: usize,
    writers: usize,
    /// Whether there is anything to gain by taking a group before its turn.
    reads_ahead: bool,
    /// The tenant that has asked so far, and whether any other one has.
    only: Option<TenantId>,
    is_shared: bool,
    closed: bool,
    gauges: Gauges,
}

/// A tenant that a writer holds.
struct Held {
    /// How many requests its group has.
    size: usize,
    /// What it has told that it will change.
    told: Option<Arc<Wrote>>,
}

/// The queue.
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Notify,
    waiting_max: usize,
    group_max: usize,
}

/// Jobs that are written together. Their tenants are free again when it is dropped.
pub(super) struct Group {
    pub(super) jobs: Vec<Job>,
    tenants: BTreeSet<TenantId>,
    pub(super) size: usize,
    /// The tenant, while a group before this one is being written.
    follows: Option<TenantId>,
    wrote: Option<Arc<Wrote>>,
    /// How many groups before it were begun behind one another.
    chained: u32,
    queue: Arc<Queue>,
}

impl Group {
    /// Whether there is time to read ahead.
    pub(super) fn follows(&self) -> bool {
        self.follows.is_some()
    }

    /// Tells who follows what it is about to change.
    pub(super) fn tell(&self, wrote: &Arc<Wrote>) {
        if let Some(held) = self.queue.waiting().busy.get_mut(&wrote.tenant) {
            held.told = Some(Arc::clone(wrote));
        }
        self.queue.arrived.notify_waiters();
    }

    /// Waits for what the group before this one tells; `None` if it is over.
    pub(super) async fn told(&self) -> Option<Arc<Wrote>> {
        let tenant = self.follows?;
        self.queue.found(|waiting| waiting.told(tenant)).await
    }

    /// Waits until this is the group to be written; what the one before it has written, if there was
    /// one and it told.
    pub(super) async fn turn(&mut self) -> Option<Arc<Wrote>> {
        let tenant = self.follows?;
        let wrote = self.queue.found(|waiting| waiting.begin_turn(tenant, self.size)).await;
        self.follows = None;
        // It can be followed itself from now on.
        self.queue.arrived.notify_waiters();
        wrote
    }

    /// Notes where the journal of a tenant ends now that it is locked: if that is not where this hub has
    /// left it, another one writes as well.
    pub(super) fn finds(&self, tenant: TenantId, end: Seq) {
        let mut waiting = self.queue.waiting();
        if waiting.ends.remove(&tenant).is_some_and(|left| left != end) {
            waiting.others.insert(tenant, Instant::now());
        }
    }

    /// Takes what waits for the tenant of this group, to be begun right behind it; nothing if somebody
    /// else has, or others wait for a writer or perhaps for the tenant.
    pub(super) fn next(&self) -> Option<Group> {
        let mut waiting = self.queue.waiting();
        let tenant = self.tenants.first().filter(|_| self.tenants.len() == 1)?;
        let is_over = self.chained >= CHAIN_MAX || waiting.is_written_by_others(*tenant);
        if is_over || waiting.followed.contains_key(tenant) || waiting.is_anybody_left_alone() {
            return None;
        }
        let jobs = waiting.behind(self.queue.group_max, *tenant)?;
        let mut group = self.queue.taken(&mut waiting, jobs, self.tenants.clone(), Some(*tenant));
        group.chained = self.chained + 1;
        Some(group)
    }

    /// Says what it has written.
    pub(super) fn leave(&mut self, wrote: Option<Arc<Wrote>>) {
        self.wrote = wrote;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let mut waiting = self.queue.waiting();
        waiting.groups -= 1;
        if let Some(tenant) = self.follows {
            waiting.followed.remove(&tenant);
        } else {
            for tenant in &self.tenants {
                waiting.busy.remove(tenant);
                // Unless it tells, it is not known what it has written of them.
                waiting.ends.remove(tenant);
            }
            if let Some(wrote) = self.wrote.take() {
                waiting.ends.insert(wrote.tenant, wrote.to.seq);
                if let Some(left) = waiting.followed.get_mut(&wrote.tenant) {
                    *left = Some(wrote);
                }
            }
        }
        drop(waiting);
        self.queue.arrived.notify_waiters();
    }
}

impl Queue {
    pub(super) fn new(
        queue_requests: usize,
        group_requests: usize,
        writers: usize,
        reads_ahead: bool,
    ) -> Queue {
        let waiting = Mutex::new(Waiting { writers, reads_ahead, ..Waiting::default() });
        let arrived = Notify::new();
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
            return Err(StoreError::closed());
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
        waiting.know(&requests);
        for request in &requests {
            *waiting.by_tenant.entry(request.tenant).or_default() += 1;
        }
        waiting.count += count;
        waiting.last += 1;
        let number = waiting.last;
        let job = Job { number, requests, kept, reply };
        let tenants = job.tenants();
        match lane {
            Lane::Interactive => waiting.interactive.push_back(job),
            Lane::Bulk => waiting.bulk.push_back(job),
        }
        // A writer that can do nothing with it yet is not woken: the end of a group does.
        let is_for_somebody = waiting.is_for_somebody(&tenants);
        drop(waiting);
        if is_for_somebody {
            self.arrived.notify_waiters();
        }
        Ok(number)
    }

    /// Waits for a group: what is there, interactive first, up to the limit but at least one batch;
    /// `None` once the queue is closed and empty.
    pub(super) async fn next(self: &Arc<Self>) -> Option<Group> {
        self.found(|waiting| self.look(waiting)).await
    }

    /// A group, or that none will ever come.
    fn look(self: &Arc<Self>, waiting: &mut Waiting) -> Poll<Option<Group>> {
        let found = waiting.group(self.group_max);
        let found = found.map(|(jobs, tenants)| (jobs, tenants, None)).or_else(|| {
            let (jobs, tenant) = waiting.follower(self.group_max)?;
            Some((jobs, BTreeSet::from([tenant]), Some(tenant)))
        });
        let Some((jobs, tenants, follows)) = found else {
            let is_over = waiting.closed && waiting.count == 0;
            return if is_over { Poll::Ready(None) } else { Poll::Pending };
        };
        Poll::Ready(Some(self.taken(waiting, jobs, tenants, follows)))
    }

    fn taken(
        self: &Arc<Self>,
        waiting: &mut Waiting,
        jobs: Vec<Job>,
        tenants: BTreeSet<TenantId>,
        follows: Option<TenantId>,
    ) -> Group {
        waiting.groups += 1;
        let size = jobs.iter().map(|job| job.requests.len()).sum();
        let queue = Arc::clone(self);
        Group { jobs, tenants, size, follows, wrote: None, chained: 0, queue }
    }

    /// Waits until a look finds something.
    async fn found<T>(&self, mut look: impl FnMut(&mut Waiting) -> Poll<T>) -> T {
        loop {
            let mut arrived = std::pin::pin!(self.arrived.notified());
            // From here on nothing is missed.
            arrived.as_mut().enable();
            if let Poll::Ready(found) = look(&mut self.waiting()) {
                return found;
            }
            arrived.await;
        }
    }

    /// Refuses what comes from now on. What is there is still taken.
    pub(super) fn close(&self) {
        self.waiting().closed = true;
        self.arrived.notify_waiters();
    }

    pub(super) fn gauges(&self) -> Gauges {
        let mut waiting = self.waiting();
        let count = waiting.count;
        waiting.gauges.taken(count)
    }

    /// Counts a group, and how long its COMMIT took, if there was one.
    pub(super) fn count(&self, requests: usize, committed: Option<Duration>) {
        self.waiting().gauges.count(requests, committed);
    }
}

impl Waiting {
    /// Takes out a group of those whose tenants nobody holds.
    fn group(&mut self, group_requests: usize) -> Option<(Vec<Job>, BTreeSet<TenantId>)> {
        let held: HashSet<TenantId> =
            self.busy.keys().chain(self.followed.keys()).copied().collect();
        let jobs = self.take(group_requests, |theirs| theirs.is_disjoint(&held));
        let tenants: BTreeSet<TenantId> = jobs.iter().flat_map(Job::tenants).collect();
        let size = jobs.iter().map(|job| job.requests.len()).sum();
        self.busy.extend(tenants.iter().map(|tenant| (*tenant, Held { size, told: None })));
        (!jobs.is_empty()).then_some((jobs, tenants))
    }

    /// Whether a writer could take something of these tenants.
    fn is_for_somebody(&self, tenants: &HashSet<TenantId>) -> bool {
        tenants.iter().any(|it| self.may_be_followed(*it))
            || !tenants.iter().any(|it| self.is_held(*it))
    }

    /// Notes whose requests these are. What belongs to no tenant is a matter of a moment.
    fn know(&mut self, requests: &[Request]) {
        for tenant in requests.iter().map(|request| request.tenant).filter(|it| it.0 != 0) {
            self.is_shared |= *self.only.get_or_insert(tenant) != tenant;
        }
    }

    /// Whether somebody holds a tenant, and enough of it waits to be worth a group of its own, which
    /// what comes later cannot join any more. Whoever follows waits for its turn: where there are other
    /// tenants, one more writer has to be there for them.
    fn may_be_followed(&self, tenant: TenantId) -> bool {
        let Some(held) = self.busy.get(&tenant) else { return false };
        if !self.reads_ahead || self.is_written_by_others(tenant) {
            return false;
        }
        if self.is_shared && self.groups + 2 > self.writers {
            return false;
        }
        let theirs = self.by_tenant.get(&tenant).copied().unwrap_or_default();
        !self.followed.contains_key(&tenant) && theirs >= FOLLOWERS_MIN.max(held.size / 2)
    }

    /// Takes out a group of one tenant that somebody holds.
    fn follower(&mut self, group_requests: usize) -> Option<(Vec<Job>, TenantId)> {
        let tenant = self.busy.keys().copied().find(|it| self.may_be_followed(*it))?;
        Some((self.behind(group_requests, tenant)?, tenant))
    }

    /// Takes out a group of a tenant that somebody holds.
    fn behind(&mut self, group_requests: usize, tenant: TenantId) -> Option<Vec<Job>> {
        let only = HashSet::from([tenant]);
        let jobs = self.take(group_requests, |theirs| *theirs == only);
        if jobs.is_empty() {
            return None;
        }
        self.followed.insert(tenant, None);
        Some(jobs)
    }

    /// Whether another hub has written a tenant of late: what is read ahead would hardly hold.
    fn is_written_by_others(&self, tenant: TenantId) -> bool {
        self.others.get(&tenant).is_some_and(|seen| seen.elapsed() < OTHERS_KEPT)
    }

    /// Whether there is something of tenants that no writer holds.
    fn is_anybody_left_alone(&self) -> bool {
        let mut jobs = self.interactive.iter().chain(&self.bulk);
        self.is_shared && jobs.any(|job| !job.tenants().iter().any(|it| self.is_held(*it)))
    }

    fn is_held(&self, tenant: TenantId) -> bool {
        self.busy.contains_key(&tenant) || self.followed.contains_key(&tenant)
    }

    /// What the group that holds a tenant tells; nothing if there is none any more.
    fn told(&self, tenant: TenantId) -> Poll<Option<Arc<Wrote>>> {
        match self.busy.get(&tenant) {
            Some(Held { told: None, .. }) => Poll::Pending,
            held => Poll::Ready(held.and_then(|held| held.told.clone())),
        }
    }

    /// Lets the group that follows hold its tenant, unless the one before it is not over: what that has
    /// written.
    fn begin_turn(&mut self, tenant: TenantId, size: usize) -> Poll<Option<Arc<Wrote>>> {
        if self.busy.contains_key(&tenant) {
            return Poll::Pending;
        }
        self.busy.insert(tenant, Held { size, told: None });
        Poll::Ready(self.followed.remove(&tenant).flatten())
    }

    /// Takes jobs out, interactive ones first, whose tenants may be taken together. A tenant's batches
    /// keep their order.
    fn take(
        &mut self,
        group_requests: usize,
        may_be_taken: impl Fn(&HashSet<TenantId>) -> bool,
    ) -> Vec<Job> {
        let mut jobs = Vec::new();
        let mut passed = HashSet::new();
        let mut count = 0;
        for lane in [&mut self.interactive, &mut self.bulk] {
            let mut rest = VecDeque::with_capacity(lane.len());
            while let Some(job) = lane.pop_front() {
                let theirs = job.tenants();
                let fits = count == 0 || count + job.requests.len() <= group_requests;
                if !fits || !may_be_taken(&theirs) || !theirs.is_disjoint(&passed) {
                    passed.extend(theirs);
                    rest.push_back(job);
                    if !fits {
                        break;
                    }
                    continue;
                }
                count += job.requests.len();
                jobs.push(job);
            }
            rest.append(lane);
            *lane = rest;
        }
        for job in &jobs {
            self.discount(job);
        }
        jobs
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
