//! The one writer: a thread that takes what is waiting, decides it as a group, and commits it once.
//!
//! There is no timer: a group is whatever arrived while the one before it was committed, so an
//! idle hub adds no delay and a busy one shares each commit among many.

use super::checkpoint::Log;
use super::durable::{LOST, Syncer};
use super::group::{Part, decide, stages};
use super::load::{self, TypesCache};
use super::queue::{Answer, Job, Queue, send};
use super::recent::{Teller, Touched};
use super::trouble::Trouble;
use super::{SqliteOptions, write};
use crate::tables::changes::Changes;
use crate::{Batch, Gauges, StoreError};
use kehub_core::command::{Command, Request};
use kehub_core::facts::TenantFacts;
use kehub_core::outcome::Outcome;
use rusqlite::Connection;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;
use tokio::sync::{oneshot, watch};

/// How often a group that found the file busy is tried before it is given back. Each try waits
/// for as long as the connection's busy timeout.
const BUSY_TRIES_MAX: u32 = 3;

const MARK: &str = "UPDATE hub SET writer = ?1, last_group = ?2 WHERE id = 1";
const ERASED: &str = "UPDATE hub SET erasures = erasures + 1 WHERE id = 1";
const MARKED: &str = "SELECT writer, last_group FROM hub WHERE id = 1";

/// Who committed a group, and its number.
type Mark = (i64, i64);

/// What the writer shares with those who ask.
struct Shared {
    queue: Queue,
    /// Rises with every commit that holds entries.
    committed: watch::Sender<u64>,
}

/// The writer, as the store holds it.
pub(super) struct Writer {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread on a connection of its own. `sync` makes durable what the log holds.
    pub(super) fn start(
        conn: Connection,
        options: &SqliteOptions,
        log: Arc<Log>,
        teller: Teller,
        sync: impl FnMut() -> io::Result<()> + Send + 'static,
    ) -> Result<Writer, Trouble> {
        let syncer = Syncer::start(Arc::clone(&log.durable), sync)?;
        let shared =
            Arc::new(Shared { queue: Queue::new(options), committed: watch::Sender::default() });
        let mut number = [0_u8; 8];
        getrandom::fill(&mut number).map_err(|error| Trouble::broken(error.to_string()))?;
        let worker = Worker {
            conn,
            shared: Arc::clone(&shared),
            number: i64::from_le_bytes(number),
            cache: TypesCache::default(),
            log,
            teller,
            syncer,
        };
        let thread = std::thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || worker.run())
            .map_err(Trouble::broken)?;
        Ok(Writer { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Puts a batch into the queue and waits for its answer.
    pub(super) async fn apply(&self, batch: Batch) -> Answer {
        let (reply, answer) = oneshot::channel();
        self.shared.queue.put(batch, reply)?;
        let gone = |_| StoreError::Unknown("the writer ended before it answered".into());
        answer.await.map_err(gone)?
    }

    pub(super) fn gauges(&self) -> Gauges {
        self.shared.queue.gauges()
    }

    pub(super) fn committed(&self) -> watch::Receiver<u64> {
        self.shared.committed.subscribe()
    }

    /// Refuses what comes, finishes what is there, ends the thread.
    pub(super) fn close(&self) {
        self.shared.queue.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the writer ended in a panic");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
    }
}

/// The writer's own thread.
struct Worker {
    conn: Connection,
    shared: Arc<Shared>,
    /// Tells this writer's groups from those of other processes.
    number: i64,
    cache: TypesCache,
    log: Arc<Log>,
    teller: Teller,
    syncer: Syncer,
}

/// Ends the queue with its writer, also after a panic.
struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.queue.end();
    }
}

/// What came of a group that was tried.
enum Tried {
    /// With when the COMMIT began, if there was something to commit.
    Answered(Vec<Outcome>, Option<Instant>),
    /// Rolled back.
    NotApplied(Trouble),
    /// A decision panicked; rolled back.
    Panicked,
    /// COMMIT failed, and the marker cannot be read.
    Unknown(Trouble),
}

impl Tried {
    /// Whether the reason may lie in what one member asked, rather than in the machine.
    fn blames_a_member(&self) -> bool {
        match self {
            Tried::Panicked => true,
            Tried::NotApplied(trouble) => trouble.is_corrupt(),
            Tried::Answered(..) | Tried::Unknown(_) => false,
        }
    }

    /// When the COMMIT began, if it succeeded.
    fn begun(&self) -> Option<Instant> {
        match self {
            Tried::Answered(_, begun) => *begun,
            Tried::NotApplied(_) | Tried::Panicked | Tried::Unknown(_) => None,
        }
    }

    /// What the members of the group are told.
    fn answers(self, parts: &[Part]) -> Vec<Answer> {
        let (cause, is_known) = match self {
            Tried::Answered(outcomes, _) => {
                let mut outcomes = outcomes.into_iter();
                let theirs = |part: &Part| Ok(outcomes.by_ref().take(part.size).collect());
                return parts.iter().map(theirs).collect();
            }
            Tried::Unknown(trouble) => (Arc::new(trouble), false),
            // A full disk or a busy file would meet each of them alike, and busy only after a wait. If
            // something is corrupt, whoever is to blame is alone by now.
            Tried::NotApplied(trouble) => (Arc::new(trouble), true),
            Tried::Panicked => {
                (Arc::new(Trouble::broken("a decision failed; nothing was written")), true)
            }
        };
        let error = |_: &Part| {
            let source = Arc::clone(&cause).into();
            Err(match (is_known, cause.is_corrupt()) {
                (false, _) => StoreError::Unknown(source),
                (true, true) => StoreError::Corrupt(source),
                (true, false) => StoreError::NotApplied(source),
            })
        };
        parts.iter().map(error).collect()
    }
}

impl Worker {
    fn run(mut self) {
        let _end = End(Arc::clone(&self.shared));
        while let Some(group) = self.shared.queue.next() {
            self.serve(group);
            self.log.move_rest(&self.conn);
            self.teller.free();
            if self.log.durable.is_lost() {
                break;
            }
        }
        self.log.leave_if_lost(&self.conn);
    }

    /// Applies a group and answers everybody in it.
    fn serve(&mut self, group: Vec<Job>) {
        let mut requests = Vec::new();
        let mut members = Vec::with_capacity(group.len());
        for job in group {
            let part = Part { size: job.requests.len(), kept: job.kept };
            requests.extend(job.requests);
            members.push((part, job.reply));
        }
        self.answer(&requests, members);
    }

    /// Applies requests that members of a group brought, a part each, and answers them.
    fn answer(&mut self, requests: &[Request], members: Vec<(Part, oneshot::Sender<Answer>)>) {
        let parts: Vec<Part> = members.iter().map(|(part, _)| *part).collect();
        let tried = self.try_group(requests, &parts);
        // One member may be the reason: try each on its own, so that it fails alone.
        if members.len() > 1 && tried.blames_a_member() {
            let mut rest = requests;
            for (part, reply) in members {
                let (theirs, others) = part.split(rest);
                rest = others;
                self.answer(theirs, vec![(part, reply)]);
            }
            return;
        }
        let begun = tried.begun();
        let answers = tried.answers(&parts);
        let (shared, size) = (Arc::clone(&self.shared), requests.len());
        self.syncer.tell(move |is_durable| {
            if is_durable && answers.iter().any(Result::is_ok) {
                shared.queue.count(size, begun.map(|begun| begun.elapsed()));
            }
            for ((_, reply), answer) in members.into_iter().zip(answers) {
                // Nor is it certain that what was rolled back stays so: that may be what was lost.
                send(
                    reply,
                    if is_durable { answer } else { Err(StoreError::Unknown(LOST.into())) },
                );
            }
        });
    }

    /// Load, decide, write, commit. A busy file is tried again.
    fn try_group(&mut self, requests: &[Request], parts: &[Part]) -> Tried {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let tried = catch_unwind(AssertUnwindSafe(|| self.transact(requests, parts)));
            let tried = tried.unwrap_or(Tried::Panicked);
            if !matches!(tried, Tried::Answered(..)) {
                self.roll_back();
            }
            match tried {
                Tried::NotApplied(trouble) if trouble.is_busy() && attempts < BUSY_TRIES_MAX => (),
                tried @ (Tried::Answered(..)
                | Tried::NotApplied(_)
                | Tried::Panicked
                | Tried::Unknown(_)) => return tried,
            }
        }
    }

    fn roll_back(&mut self) {
        self.cache = TypesCache::default();
        self.teller.roll_back();
        if !self.conn.is_autocommit()
            && let Err(error) = self.conn.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "a transaction could not be rolled back");
        }
    }

    fn transact(&mut self, requests: &[Request], parts: &[Part]) -> Tried {
        let Written { outcomes, before, touched, tells, erases } =
            match self.prepare(requests, parts) {
                Ok(Prepared::Unchanged(outcomes)) => return Tried::Answered(outcomes, None),
                Ok(Prepared::Written(written)) => written,
                Err(trouble) => return Tried::NotApplied(trouble),
            };
        self.log.durable.begin();
        self.teller.begin(&self.conn);
        let begun = Instant::now();
        let committed = self.conn.execute_batch("COMMIT").map_err(Trouble::from);
        if tells {
            // Also after a failure, which may have left the group in the file: who is woken looks.
            self.shared.committed.send_modify(|commits| *commits += 1);
        }
        if erases {
            self.log.forget();
        }
        let Err(trouble) = committed else {
            self.teller.end(&self.conn, &touched, self.log.pages());
            return Tried::Answered(outcomes, Some(begun));
        };
        self.teller.give_up();
        if !self.conn.is_autocommit() {
            // Still in the transaction: it was certainly not committed.
            return Tried::NotApplied(trouble);
        }
        match self.settle(before) {
            Ok(Some(true)) => Tried::Answered(outcomes, Some(begun)),
            Ok(Some(false)) => Tried::NotApplied(trouble),
            // Somebody else has written since, or the file does not answer.
            Ok(None) | Err(_) => Tried::Unknown(trouble),
        }
    }

    /// Whether the group is there whose COMMIT failed; `None` if that cannot be told any more.
    ///
    /// What failed may have left the group at the end of the log, where a recovery would find it.
    /// So what is found is committed once more with a new mark: either that comes behind the group,
    /// or it takes its place.
    fn settle(&self, before: Mark) -> Result<Option<bool>, Trouble> {
        self.conn.execute_batch("BEGIN IMMEDIATE")?;
        let found = self.marker()?;
        let is_applied = if found == self.mark_after(before) {
            Some(true)
        } else if found == before {
            Some(false)
        } else {
            None
        };
        // Neither of the two that are told apart here.
        self.conn.execute(MARK, (self.number, found.1 + 2))?;
        self.conn.execute_batch("COMMIT")?;
        Ok(is_applied)
    }

    /// What a group of this writer leaves behind that found this mark.
    fn mark_after(&self, before: Mark) -> Mark {
        (self.number, before.1 + 1)
    }

    fn prepare(&mut self, requests: &[Request], parts: &[Part]) -> Result<Prepared, Trouble> {
        self.conn.execute_batch("BEGIN IMMEDIATE")?;
        let mut outcomes = Vec::with_capacity(requests.len());
        let (mut is_written, mut tells, mut erases) = (false, false, false);
        let mut touched = Touched::default();
        let mut rest = requests;
        for stage in stages(requests, parts) {
            let size: usize = stage.iter().map(|part| part.size).sum();
            let (theirs, others) = rest.split_at(size.min(rest.len()));
            rest = others;
            let changes = self.decide(theirs, &stage, &mut outcomes, &mut touched)?;
            is_written |= !changes.is_empty();
            tells |= changes.has_entries();
            erases |= changes.have_erased();
        }
        if outcomes.len() != requests.len() {
            return Err(Trouble::broken("as many outcomes as requests were due"));
        }
        let probed = requests.iter().any(|request| matches!(request.command, Command::Probe));
        if !is_written && !probed {
            self.conn.execute_batch("ROLLBACK")?;
            return Ok(Prepared::Unchanged(outcomes));
        }
        if erases {
            self.conn.prepare_cached(ERASED)?.execute(())?;
        }
        let before = self.marker()?;
        self.conn.prepare_cached(MARK)?.execute(self.mark_after(before))?;
        Ok(Prepared::Written(Written { outcomes, before, touched, tells, erases }))
    }

    /// Loads, decides and writes a stage inside the transaction; what was written.
    fn decide(
        &mut self,
        requests: &[Request],
        parts: &[Part],
        outcomes: &mut Vec<Outcome>,
        touched: &mut Touched,
    ) -> Result<Changes, Trouble> {
        let (mut facts, mut before) = load::expected(&self.conn, requests, &mut self.cache)?;
        let mut decided = decide(requests, parts, &mut facts);
        if facts.tenants.values().any(TenantFacts::has_missed) {
            (facts, before) = load::facts(&self.conn, requests, &mut self.cache)?;
            decided = decide(requests, parts, &mut facts);
        }
        outcomes.extend(decided);
        let changes = Changes::take(&mut facts);
        for tenant in changes.tenants_with_types() {
            self.cache.forget(tenant);
        }
        let now = requests.iter().map(|request| request.origin.at).max().unwrap_or_default();
        write::changes(&self.conn, &facts, &changes, &before, now)?;
        self.teller.touch(touched, &facts, &changes, &before);
        Ok(changes)
    }

    /// Who committed the last group, and its number.
    fn marker(&self) -> Result<Mark, Trouble> {
        let mut marked = self.conn.prepare_cached(MARKED)?;
        Ok(marked.query_row((), |row| Ok((row.get(0)?, row.get(1)?)))?)
    }
}

enum Prepared {
    /// Nothing to write: the transaction is over.
    Unchanged(Vec<Outcome>),
    /// To be committed.
    Written(Written),
}

/// What a group has written.
struct Written {
    outcomes: Vec<Outcome>,
    /// The mark that was found.
    before: Mark,
    /// What is answered otherwise from now on.
    touched: Touched,
    /// Whether there are entries, which others wait for.
    tells: bool,
    /// Whether somebody was erased.
    erases: bool,
}

#[cfg(test)]
mod tests {
    use super::super::recent::Recent;
    use super::super::{connection, schema};
    use super::*;
    use crate::Kept;
    use kehub_core::attribute::{Attribute, FieldKey, Value};
    use kehub_core::command::{IdentitySent, Origin, Upsert};
    use kehub_core::directory::NewTenant;
    use kehub_core::policy::Preset;
    use kehub_core::{AppNumber, TenantId};

    fn worker(path: &std::path::Path) -> Worker {
        let mut conn = connection::writing(path).unwrap();
        schema::migrate(&mut conn).unwrap();
        let options =
            SqliteOptions { queue_requests: 8, group_requests: 8, ..SqliteOptions::default() };
        let shared =
            Arc::new(Shared { queue: Queue::new(&options), committed: watch::Sender::default() });
        let log = Arc::new(Log::default());
        let syncer = Syncer::start(Arc::clone(&log.durable), || Ok(())).unwrap();
        let teller = Teller::new(Arc::new(Recent::new(path).unwrap()), &conn).unwrap();
        Worker { conn, shared, number: 7, cache: TypesCache::default(), log, teller, syncer }
    }

    #[test]
    fn a_commit_that_says_nothing_is_settled_by_the_marker() {
        let folder = tempfile::TempDir::new().unwrap();
        let worker = worker(&folder.path().join("hub.db"));
        let before = worker.marker().unwrap();
        assert_eq!(worker.settle(before).unwrap(), Some(false));

        let before = worker.marker().unwrap();
        worker.conn.execute(MARK, worker.mark_after(before)).unwrap();
        assert_eq!(worker.settle(before).unwrap(), Some(true));

        // Another process was faster than the question: its mark hides ours.
        let before = worker.marker().unwrap();
        worker.conn.execute(MARK, worker.mark_after(before)).unwrap();
        worker.conn.execute(MARK, (8, before.1 + 2)).unwrap();
        assert_eq!(worker.settle(before).unwrap(), None);
    }

    fn request(command: Command) -> Request {
        let origin = Origin { app: AppNumber(1), actor: None, request: "test".into(), at: 1 };
        Request { tenant: TenantId(1), origin, dry_run: false, idempotency: None, command }
    }

    fn upsert(account: &str) -> Request {
        let identity = IdentitySent {
            kind: "crm-account".to_owned(),
            value: account.to_owned(),
            ..IdentitySent::default()
        };
        request(Command::Upsert(Upsert { identities: vec![identity], ..Upsert::default() }))
    }

    fn answered(worker: &mut Worker, requests: &[Request]) -> Vec<Answer> {
        let (replies, answers): (Vec<_>, Vec<_>) =
            requests.iter().map(|_| oneshot::channel()).unzip();
        let part = Part { size: 1, kept: Kept::Each };
        worker.answer(requests, replies.into_iter().map(|reply| (part, reply)).collect());
        answers.into_iter().map(|answer| answer.blocking_recv().unwrap()).collect()
    }

    /// A customer that no key can be made for cannot be written. Who shares its group is.
    #[test]
    fn a_member_that_cannot_be_written_fails_alone() {
        let folder = tempfile::TempDir::new().unwrap();
        let mut worker = worker(&folder.path().join("hub.db"));
        let tenant = NewTenant { name: "first".into(), preset: Preset::Compat };
        let known = upsert("known");
        let made = [request(Command::CreateTenant(tenant)), known.clone()];
        for request in made {
            assert!(answered(&mut worker, &[request]).iter().all(Result::is_ok));
        }
        let full = "UPDATE tenant SET last_customer = (1 << 40) - 1";
        worker.conn.execute(full, ()).unwrap();

        let mut changed = known;
        if let Command::Upsert(upsert) = &mut changed.command {
            upsert
                .fields
                .values
                .insert(FieldKey::Builtin(Attribute::Name), Some(Value::Text("Wang".into())));
        }
        let answers = answered(&mut worker, &[upsert("new"), changed, upsert("newer")]);
        let fates: Vec<bool> = answers.iter().map(Result::is_ok).collect();
        assert_eq!(fates, [false, true, false], "{answers:?}");
        let written = "SELECT count(*) FROM customer WHERE name = 'Wang'";
        let rows: i64 = worker.conn.query_row(written, (), |row| row.get(0)).unwrap();
        let journal = "SELECT count(*) FROM journal";
        let entries: i64 = worker.conn.query_row(journal, (), |row| row.get(0)).unwrap();
        assert_eq!((rows, entries), (1, 2));
    }
}
