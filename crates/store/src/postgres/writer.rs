//! The writers: tasks that take what is waiting, decide it as a group, and commit it once.
//!
//! There is no timer: a group is whatever arrived while the one before it was committed. A group
//! locks its tenants first, so that across all hubs one group at a time decides about a tenant, and
//! the order of a journal is the order of commits.

use super::ahead::{Ahead, Ready};
use super::begin::{Begin, Locked};
use super::bell::Bell;
use super::cluster;
use super::commit::{self, Failed};
use super::connection::{Connection, Server};
use super::decided::{Decided, Wrote};
use super::load::{self, Lock, Reading, TypesCache};
use super::named::{Found, Named};
use super::queue::{Group, Queue};
use super::tried::{Member, Tried};
use super::trouble::{PAUSES, Trouble};
use crate::tables::group::{Part, stages};
use futures_util::future::join;
use kehub_core::command::{Command, Request};
use kehub_core::outcome::Outcome;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_postgres::Row;

/// For how long a group that was certainly not applied is tried again, if the reason may pass: a
/// restart of the server takes some seconds.
const TRYING: Duration = Duration::from_secs(10);
/// How long the end of a transaction may take to be answered. A server whose disk, standby or worker is away does
/// not answer for as long as it likes: no timeout of a statement is about that.
const ENDING: Duration = Duration::from_secs(8);
/// How long plans are kept. One that was made while a table was empty is bad once it is not.
const PLANNING: Duration = Duration::from_secs(5);
const FORGET_PLANS: &str = "DISCARD PLANS";

/// A group looks up what it names, row by row, whatever the server believes of the sizes of tables: it
/// has counted those of a new database after minutes only.
const BY_INDEX: &str = "SET enable_hashjoin = off; SET enable_mergejoin = off";
/// What it looks up is the same each time, and so is how.
const ONE_PLAN: &str = "SET plan_cache_mode = force_generic_plan";
/// It does not wait for a disk or a standby: a group of this session does, behind it.
const REGISTER: &str = "
    INSERT INTO writer (number, last_group)
    SELECT $1, 0 FROM set_config('synchronous_commit', 'off', true)";

/// The statements of this file, for tests that look at all of them.
#[cfg(any(test, feature = "testing"))]
pub(super) const STATEMENTS: &[(&str, &str)] = &[("register", REGISTER)];

/// Makes a session look up what is named, as groups do. A cluster has no plan of most statements that is
/// good for all values: it makes one for those at hand, unless it must not, and then says so and does nothing.
pub(super) async fn go_by_index(conn: &Connection) -> Result<(), Trouble> {
    conn.batch(BY_INDEX).await?;
    if conn.is_distributed() { Ok(()) } else { conn.batch(ONE_PLAN).await }
}

/// One writer.
pub(super) struct Worker {
    pub(super) server: Arc<Server>,
    pub(super) queue: Arc<Queue>,
    pub(super) bell: Arc<Bell>,
    /// Where those run who wait for an answer.
    callers: Handle,
    session: Option<Session>,
    cache: TypesCache,
    /// What was decided for the group before its turn, and what the one before it has written.
    ready: Option<(Ready, Option<Arc<Wrote>>)>,
    /// What the group that is being written changes.
    wrote: Option<Arc<Wrote>>,
    /// The group that comes right behind it.
    next: Option<Taken>,
}

/// A connection, and what marks the groups that it commits.
struct Session {
    conn: Arc<Connection>,
    number: i64,
    last_group: i64,
    planned: Instant,
    /// The transaction of the next group, which was begun right behind the one before it.
    begun: Option<JoinHandle<Result<Locked, Trouble>>>,
}

/// What came of the requests of members.
type Served = (Tried, Vec<Member>);

/// A group that was taken out of the queue.
struct Taken {
    group: Group,
    requests: Vec<Request>,
    members: Vec<Member>,
    /// Until when it is tried.
    until: Instant,
}

impl Taken {
    fn of(mut group: Group) -> Taken {
        let mut requests = Vec::new();
        let mut members = Vec::with_capacity(group.jobs.len());
        for job in group.jobs.drain(..) {
            let part = Part { size: job.requests.len(), kept: job.kept };
            requests.extend(job.requests);
            members.push((part, job.reply));
        }
        Taken { group, requests, members, until: Instant::now() + TRYING }
    }
}

impl Worker {
    /// To be called within the runtime of those who ask.
    pub(super) fn new(server: Arc<Server>, queue: Arc<Queue>, bell: Arc<Bell>) -> Worker {
        let (callers, session, cache) = (Handle::current(), None, TypesCache::default());
        Worker {
            server,
            queue,
            bell,
            callers,
            session,
            cache,
            ready: None,
            wrote: None,
            next: None,
        }
    }

    /// Starts it on a thread of its own, where it and its connection do not wait for the tasks of those
    /// who ask.
    pub(super) fn start(self, number: usize) -> Result<std::thread::JoinHandle<()>, Trouble> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(Trouble::broken)?;
        let thread = std::thread::Builder::new().name(format!("postgres-writer-{number}"));
        thread.spawn(move || runtime.block_on(self.run())).map_err(Trouble::broken)
    }

    /// Works until the queue is closed and empty.
    async fn run(mut self) {
        while let Some(taken) = self.taken().await {
            let Taken { mut group, requests, members, until } = taken;
            let waiting = async {
                let ready = self.decide_ahead(&group, &requests, &members).await;
                (ready, group.turn().await)
            };
            let Ok((ready, left)) = tokio::time::timeout_at(until.into(), waiting).await else {
                self.answer_late(members);
                continue;
            };
            self.ready = ready.map(|ready| (ready, left));
            let served = self.serve(&group, &requests, members, until).await;
            group.leave(self.wrote.take());
            // Who follows need not wait until everybody is told.
            drop(group);
            for (tried, members) in served {
                self.answer(tried, members);
            }
        }
    }

    async fn taken(&mut self) -> Option<Taken> {
        match self.next.take() {
            Some(next) => Some(next),
            None => self.queue.next().await.map(Taken::of),
        }
    }

    /// Decides for requests whose turn has not come, unless their transaction is begun. If that fails, it
    /// is done when it has.
    async fn decide_ahead(
        &mut self,
        group: &Group,
        requests: &[Request],
        members: &[Member],
    ) -> Option<Ready> {
        let is_begun = self.session.as_ref().is_some_and(|session| session.begun.is_some());
        if !group.follows() || is_begun {
            return None;
        }
        let session = self.session().await.ok()?;
        let ahead = Ahead::read(&session.conn, requests, &mut self.cache).await;
        if ahead.as_ref().err().is_none_or(Trouble::spares_the_session) {
            self.session = Some(session);
        }
        let ahead = ahead.ok().flatten()?;
        let parts: Vec<Part> = members.iter().map(|(part, _)| *part).collect();
        ahead.decide(requests, &parts, group.told().await)
    }

    /// Applies requests that members of a group brought, a part each.
    async fn serve(
        &mut self,
        group: &Group,
        requests: &[Request],
        members: Vec<Member>,
        until: Instant,
    ) -> Vec<Served> {
        let parts: Vec<Part> = members.iter().map(|(part, _)| *part).collect();
        let tried = self.try_group(group, requests, &parts, until).await;
        if members.len() < 2 || !tried.blames_a_member() {
            return vec![(tried, members)];
        }
        // One member may be the reason: each is tried on its own, so that it fails alone. What was decided
        // ahead is of all of them.
        self.ready = None;
        let mut served = Vec::with_capacity(members.len());
        let mut rest = requests;
        for (part, reply) in members {
            let (theirs, others) = part.split(rest);
            rest = others;
            let tried = self.try_group(group, theirs, &[part], until).await;
            served.push((tried, vec![(part, reply)]));
        }
        served
    }

    /// Answers members. They are woken where they run: one after the other from here, that would take
    /// the time of those who are next.
    fn answer(&self, tried: Tried, members: Vec<Member>) {
        if let Tried::Answered(outcomes, committed) = &tried {
            self.queue.count(outcomes.len(), *committed);
        }
        self.callers.spawn(async move { tried.tell(members) });
    }

    /// Answers members whose turn did not come in time.
    fn answer_late(&self, members: Vec<Member>) {
        let cause = "the database did not answer in time".into();
        self.answer(Tried::NotApplied(Trouble::Unreachable(cause)), members);
    }

    /// Whether the same group may succeed if it is tried again at once.
    fn may_pass(&self, trouble: &Trouble) -> bool {
        trouble.is_passing() || self.server.is_distributed() && trouble.may_be_of_a_node()
    }

    /// Load, decide, write, commit. What was certainly not applied is tried again, if that may help and
    /// there is time.
    async fn try_group(
        &mut self,
        group: &Group,
        requests: &[Request],
        parts: &[Part],
        until: Instant,
    ) -> Tried {
        let mut pause = PAUSES.0;
        loop {
            match self.transact(group, requests, parts).await {
                Tried::NotApplied(trouble) if self.may_pass(&trouble) && Instant::now() < until => {
                    tracing::warn!(%trouble, "a group of writes was not applied, trying it again");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSES.1);
                }
                tried @ Tried::Answered(..) => return tried,
                tried @ (Tried::NotApplied(_) | Tried::Panicked | Tried::Unknown(_)) => {
                    self.wrote = None;
                    return tried;
                }
            }
        }
    }

    /// The session of before, or a new one.
    async fn session(&mut self) -> Result<Session, Trouble> {
        if let Some(mut session) = self.session.take().filter(|it| !it.conn.is_closed()) {
            if session.planned.elapsed() > PLANNING {
                session.conn.batch(FORGET_PLANS).await?;
                session.planned = Instant::now();
            }
            return Ok(session);
        }
        // What was read by one that is gone may be of a transaction that is gone.
        self.cache.clear();
        self.ready = None;
        let conn = self.server.connect().await?;
        let mut number = [0_u8; 8];
        getrandom::fill(&mut number).map_err(|error| Trouble::broken(error.to_string()))?;
        let number = i64::from_le_bytes(number);
        go_by_index(&conn).await?;
        conn.run(REGISTER, &[&number]).await?;
        cluster::keep_connections(&conn).await?;
        let (conn, planned) = (Arc::new(conn), Instant::now());
        Ok(Session { conn, number, last_group: 0, planned, begun: None })
    }

    async fn transact(&mut self, group: &Group, requests: &[Request], parts: &[Part]) -> Tried {
        let mut session = match self.session().await {
            Ok(session) => session,
            Err(trouble) => return Tried::NotApplied(trouble),
        };
        let prepared = match self.prepare(group, &mut session, requests, parts).await {
            Ok(Some(prepared)) => prepared,
            Ok(None) => {
                self.roll_back(session).await;
                return Tried::Panicked;
            }
            Err(trouble) => return Tried::NotApplied(self.abandoned(session, trouble).await),
        };
        let Prepared { outcomes, last, tells } = prepared;
        let Some(last) = last else {
            self.session = Some(session);
            return Tried::Answered(outcomes, None);
        };
        let (number, last_group) = (session.number, session.last_group);
        let committed = self.commit(group, session, requests.len(), last).await;
        if tells {
            self.bell.ring();
        }
        let trouble = match committed {
            Ok(took) => return Tried::Answered(outcomes, Some(took)),
            Err(Failed::NotApplied(trouble)) => return Tried::NotApplied(trouble),
            Err(Failed::Unknown(trouble)) => trouble,
        };
        // The session is over by now, with whatever was begun on it.
        let started = Instant::now();
        match self.settle(number, last_group).await {
            Some(true) => {
                // It may have been committed only now.
                if tells {
                    self.bell.ring();
                }
                Tried::Answered(outcomes, Some(started.elapsed()))
            }
            Some(false) => Tried::NotApplied(trouble),
            None => Tried::Unknown(trouble),
        }
    }

    /// Writes the last stage, and commits; how long the server took to commit.
    async fn commit(
        &mut self,
        group: &Group,
        mut session: Session,
        requests: usize,
        last: Box<Decided>,
    ) -> Result<Duration, Failed> {
        let conn = Arc::clone(&session.conn);
        let writes = match last.bound(&conn).await {
            Ok(writes) => writes,
            Err(trouble) => return self.not_applied(session, trouble).await,
        };
        let written = match commit::send(&conn, &writes) {
            Ok(sent) => sent.written().await,
            Err(trouble) => return self.not_applied(session, trouble).await,
        };
        let commit = match written {
            Ok(commit) => commit,
            Err(trouble) if trouble.is_refusal() => {
                return self.not_applied(session, trouble).await;
            }
            Err(trouble) => return Err(Failed::Unknown(trouble)),
        };
        let started = Instant::now();
        // Whoever waits by now is begun right behind it.
        let begun = self.begin_next(group, &session, requests);
        drop(writes);
        drop(last);
        let Err(trouble) = ended(commit).await else {
            session.last_group += 1;
            session.begun = begun;
            self.session = Some(session);
            return Ok(started.elapsed());
        };
        if let Some(begun) = begun {
            // It sends nothing any more.
            begun.abort();
            drop(begun.await);
        }
        // The server lives, and says that it did not. If another server that it works with is gone, it is
        // asked all the same.
        if !trouble.is_lost() && !trouble.is_of_another_server() {
            return self.not_applied(session, trouble).await;
        }
        Err(Failed::Unknown(trouble))
    }

    /// Whether the group after the last one of a session is there; `None` if that cannot be told. Who comes
    /// behind it waits no longer for that than for a server that is away.
    async fn settle(&mut self, number: i64, last_group: i64) -> Option<bool> {
        let server = Arc::clone(&self.server);
        let mut settled = pin!(commit::settle(&server, number, last_group));
        if let Some(next) = &self.next {
            let until = next.until.into();
            if let Ok(settled) = tokio::time::timeout_at(until, settled.as_mut()).await {
                return settled;
            }
        }
        if let Some(Taken { members, .. }) = self.next.take() {
            self.answer_late(members);
        }
        settled.await
    }

    async fn not_applied(
        &mut self,
        session: Session,
        trouble: Trouble,
    ) -> Result<Duration, Failed> {
        Err(Failed::NotApplied(self.abandoned(session, trouble).await))
    }

    /// Rolls back what met trouble. A session that may be to blame is not used again.
    async fn abandoned(&mut self, session: Session, trouble: Trouble) -> Trouble {
        if trouble.spares_the_session() {
            self.roll_back(session).await;
        }
        if let (Trouble::Unsettled(_), Some(session)) = (&trouble, &self.session) {
            cluster::recover(&session.conn).await;
        }
        trouble
    }

    async fn roll_back(&mut self, session: Session) {
        self.cache.clear();
        if ended(session.conn.batch("ROLLBACK")).await.is_ok() {
            self.session = Some(session);
        }
    }

    async fn prepare(
        &mut self,
        group: &Group,
        session: &mut Session,
        requests: &[Request],
        parts: &[Part],
    ) -> Result<Option<Prepared>, Trouble> {
        let (locked, mut ahead) = self.locked(session, requests).await?;
        if let [row] = &locked.tenants[..] {
            group.finds(load::tenant(row)?, load::counters(row)?.seq);
        }
        let (conn, mut locked) = (&session.conn, Some(locked));
        let mut outcomes = Vec::with_capacity(requests.len());
        let (mut is_written, mut tells) = (false, false);
        let mut last: Option<Box<Decided>> = None;
        let mut rest = requests;
        for stage in stages(requests, parts) {
            if let Some(before) = last.take() {
                before.write(conn).await?;
            }
            let size: usize = stage.iter().map(|part| part.size).sum();
            let (theirs, others) = rest.split_at(size.min(rest.len()));
            rest = others;
            let decided = match (ahead.take(), locked.take()) {
                (Some(decided), _) => Some(decided),
                (None, Some(Locked { tenants, early })) => {
                    self.decide(conn, theirs, &stage, &tenants, early).await?
                }
                (None, None) => {
                    let tenants = load::tenants(conn, theirs).await?;
                    self.decide(conn, theirs, &stage, &tenants, None).await?
                }
            };
            let Some(mut decided) = decided else { return Ok(None) };
            self.tell(group, &decided);
            outcomes.append(&mut decided.outcomes);
            is_written |= !decided.changes.is_empty();
            tells |= decided.changes.has_entries();
            last = Some(decided);
        }
        if outcomes.len() != requests.len() {
            return Err(Trouble::broken("as many outcomes as requests were due"));
        }
        let probed = requests.iter().any(|request| matches!(request.command, Command::Probe));
        if !is_written && !probed {
            ended(conn.batch("ROLLBACK")).await?;
            last = None;
        }
        Ok(Some(Prepared { outcomes, last, tells }))
    }

    /// Begins the transaction, and locks the tenants, unless that is done: what was decided ahead, if
    /// it holds.
    async fn locked(
        &mut self,
        session: &mut Session,
        requests: &[Request],
    ) -> Result<(Locked, Option<Box<Decided>>), Trouble> {
        if let Some(begun) = session.begun.take() {
            // What a panic says may hold what somebody sent.
            let failed = |_| Trouble::broken("the beginning of a transaction failed");
            return Ok((begun.await.map_err(failed)??, None));
        }
        let ready = self.ready.take();
        let begin = self.begin(session, requests, ready.is_none());
        let remembered = async {
            let Some((ready, _)) = &ready else { return Ok(Vec::new()) };
            ready.receipts(&session.conn).await
        };
        begin.lock.prepare(&session.conn).await?;
        let (locked, remembered) = join(begin.run(), remembered).await;
        let (locked, remembered) = (locked?, remembered?);
        let ahead = match (ready, &locked.tenants[..]) {
            (Some((ready, left)), [row]) => ready.holding(row, &remembered, left.as_ref())?,
            _ => None,
        };
        Ok((locked, ahead))
    }

    /// How the transaction of the next group of a session begins.
    fn begin(&self, session: &Session, requests: &[Request], is_early: bool) -> Begin {
        // A cluster has to be settled before anything is read.
        let is_early = is_early && !session.conn.is_distributed();
        Begin {
            conn: Arc::clone(&session.conn),
            number: session.number,
            group: session.last_group + 1,
            lock: Lock::of(requests),
            named: is_early.then(|| Named::early(requests, &self.cache)).flatten(),
        }
    }

    /// Takes what waits for the same tenant, and begins it right behind the group of so many requests
    /// that is being committed. Not on a cluster, where a COMMIT may have to be settled first.
    fn begin_next(
        &mut self,
        group: &Group,
        session: &Session,
        requests: usize,
    ) -> Option<JoinHandle<Result<Locked, Trouble>>> {
        // Of a group that is tried member by member, others have to come first.
        if session.conn.is_distributed() || requests < group.size || self.next.is_some() {
            return None;
        }
        let next = Taken::of(group.next()?);
        let mut begin = self.begin(session, &next.requests, true);
        begin.group += 1;
        self.next = Some(next);
        Some(tokio::spawn(async move { begin.run().await }))
    }

    /// Loads and decides a stage inside the transaction; `None` after a panic.
    async fn decide(
        &mut self,
        conn: &Connection,
        requests: &[Request],
        parts: &[Part],
        tenants: &[Row],
        early: Option<(Named, Found)>,
    ) -> Result<Option<Box<Decided>>, Trouble> {
        for reading in [Reading::likely(early), Reading::whole()] {
            let facts = load::facts(conn, requests, tenants, &mut self.cache, reading);
            let (facts, before, _) = facts.await?;
            let decided = Decided::of(requests, parts, facts, before)?;
            if decided.as_ref().is_none_or(|decided| !decided.has_missed) {
                return Ok(decided);
            }
        }
        Err(Trouble::broken("something is missed that was loaded"))
    }

    /// Tells who follows what is about to be written.
    fn tell(&mut self, group: &Group, decided: &Decided) {
        for tenant in decided.changes.tenants_with_types() {
            self.cache.remove(&tenant);
        }
        self.wrote.clone_from(&decided.wrote);
        if let Some(wrote) = &decided.wrote {
            group.tell(wrote);
        }
    }
}

/// The answer to the end of a transaction; the session is lost if it does not come in time.
async fn ended(answer: impl Future<Output = Result<(), Trouble>>) -> Result<(), Trouble> {
    let answered = tokio::time::timeout(ENDING, answer).await;
    answered.map_err(|_| Trouble::Unreachable("the end of a transaction is not answered".into()))?
}

/// What is to be committed.
struct Prepared {
    outcomes: Vec<Outcome>,
    /// The last stage, which is not written yet; none if there is nothing to write, and the transaction is
    /// over.
    last: Option<Box<Decided>>,
    /// Whether there are entries, which others wait for.
    tells: bool,
}
