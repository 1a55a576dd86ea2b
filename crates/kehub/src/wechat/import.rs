//! The import of the fans of one account: held by one process at a time, begun again at the page
//! where it stopped.

use super::client::{Access, Client, FANS_MAX, Fan, Trouble};
use super::fans::{self, Told};
use super::known::{self, Known};
use super::seal::{Place, What};
use super::{Reason, Wechat};
use crate::clock::Clock;
use crate::files::ruled::Ruled;
use crate::wire::time;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use kehub_core::command::{Command, Origin, Request};
use kehub_core::outcome::{Outcome, Refusal, ResultKind};
use kehub_core::wechat::{
    FanCounts, FanFailure, FanImport, FanRefusals, Sealed, WechatAccount, WechatChange,
    WechatOutcome, WechatRefusal,
};
use kehub_core::{AppNumber, Micros, TenantId, WechatId};
use kehub_store::{Batch, Lane, Store, StoreError};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// The app number of the hub itself, and of the command line.
const HUB: AppNumber = AppNumber(0);
/// Fans that the store is asked about at once.
const LOOKS_MAX: usize = 8;
/// How often the store is asked that is away. So is a batch sent that was not applied, or perhaps was: an
/// upsert sent again changes nothing. Between two tries there is a pause, of twice the length each time.
const TRIES_MAX: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// How often an import is held on to within the time for which it is held.
const RENEWALS: u32 = 4;

/// Where fans go, and who works on it.
pub(crate) struct Importer<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) wechat: &'a Wechat,
    pub(crate) tenant: TenantId,
    /// Tells this process from others.
    pub(crate) holder: i64,
    /// Whether it is to stop soon.
    pub(crate) stop: watch::Receiver<bool>,
}

/// How the work on an import ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// There was nothing to do yet, or somebody else does it.
    NotMine,
    /// All fans are there.
    Done,
    /// It goes on later.
    Waits,
    /// It was given up.
    Failed,
    /// It was asked to stop; another process may go on at once.
    Stopped,
}

/// Why it cannot go on now.
enum Halt {
    Trouble(Trouble),
    /// Nothing that a pause mends.
    Fatal(String),
    Store(StoreError),
    /// Somebody else works on it by now.
    Lost,
    Stop,
}

impl From<Trouble> for Halt {
    fn from(trouble: Trouble) -> Halt {
        Halt::Trouble(trouble)
    }
}

impl From<StoreError> for Halt {
    fn from(error: StoreError) -> Halt {
        Halt::Store(error)
    }
}

impl Importer<'_> {
    /// Works on the import of an account if it is due and nobody else does; `at` is told now and then
    /// how it stands.
    pub(crate) async fn run(
        &self,
        id: WechatId,
        at: &(dyn Fn(&FanImport) + Sync),
    ) -> Result<Ended, StoreError> {
        let until = self.held_until();
        let hold = WechatChange::Hold { id, holder: self.holder, until };
        let Ok(account) = self.change(hold).await? else { return Ok(Ended::NotMine) };
        // What was done of a page that was not finished is done again.
        let mut import = FanImport { under_way: FanCounts::default(), ..account.import.clone() };
        let now = self.clock.now();
        let is_due = import.due.is_some_and(|due| due <= now);
        if import.holder != self.holder || import.held_until != until {
            return Ok(Ended::NotMine);
        }
        let worked = if is_due {
            tokio::select! {
                worked = self.pages(&account, &mut import, at) => worked,
                () = self.hold_on(id, account.import.run) => Err(Halt::Lost),
            }
        } else {
            Err(Halt::Stop)
        };
        import.under_way = FanCounts::default();
        import.held_until = 0;
        let ended = match worked {
            Ok(()) => {
                let ended_at = Some(self.clock.now());
                import = FanImport { ended_at, due: None, next: None, ..import };
                Ended::Done
            }
            Err(Halt::Trouble(trouble)) => {
                let pause = if trouble.may_pass() { self.pause(import.tries) } else { None };
                self.failed(&mut import, trouble.code(), trouble.reason().text().to_owned(), pause)
            }
            Err(Halt::Fatal(reason)) => self.failed(&mut import, None, reason, None),
            Err(Halt::Stop) if is_due => Ended::Stopped,
            Err(Halt::Stop) => Ended::NotMine,
            Err(Halt::Lost) => return Ok(Ended::NotMine),
            Err(Halt::Store(error)) => return Err(error),
        };
        at(&import);
        let step = WechatChange::Step { id, import: Box::new(import) };
        Ok(if self.change(step).await?.is_ok() { ended } else { Ended::NotMine })
    }

    fn pause(&self, tries: u32) -> Option<Duration> {
        let place = usize::try_from(tries).unwrap_or(usize::MAX);
        self.wechat.options().pauses.get(place).copied()
    }

    fn failed(
        &self,
        import: &mut FanImport,
        code: Option<i64>,
        reason: String,
        pause: Option<Duration>,
    ) -> Ended {
        let now = self.clock.now();
        import.failure = Some(FanFailure { at: now, code, reason: reason.into() });
        import.tries = import.tries.saturating_add(1);
        import.due = pause.map(|pause| now.saturating_add(micros(pause)));
        if import.due.is_some() {
            return Ended::Waits;
        }
        import.ended_at = Some(now);
        Ended::Failed
    }

    fn held_until(&self) -> Micros {
        self.clock.now().saturating_add(micros(self.wechat.options().lease))
    }

    /// Holds on to an import for as long as it is this process that works on it, however long one step takes.
    async fn hold_on(&self, id: WechatId, run: u64) {
        loop {
            tokio::time::sleep(self.wechat.options().lease / RENEWALS).await;
            let hold = WechatChange::Hold { id, holder: self.holder, until: self.held_until() };
            match self.change(hold).await {
                Ok(Ok(account)) => {
                    let FanImport { run: now, holder, .. } = account.import;
                    if (now, holder) != (run, self.holder) {
                        return;
                    }
                }
                Ok(Err(_)) => return,
                // Nobody else gets at the store either, or who works on the import hears of it.
                Err(_) => (),
            }
        }
    }

    async fn pages(
        &self,
        account: &WechatAccount,
        import: &mut FanImport,
        at: &(dyn Fn(&FanImport) + Sync),
    ) -> Result<(), Halt> {
        let fatal = |reason: &dyn std::fmt::Display| Halt::Fatal(reason.to_string());
        let access = self.wechat.access(self.tenant, account).map_err(|error| fatal(&error))?;
        let client = self.wechat.client().map_err(|error| fatal(&error.without_url()))?;
        let next = import.next.as_ref();
        let next = next.map(|it| self.wechat.open(self.tenant, account, What::Next, it));
        let mut behind = next.and_then(Result::ok);
        if behind.is_none() {
            // At the beginning, or where it stopped is sealed under a key of before.
            begin(import);
        }
        let tags = client.tags(&access).await?;
        let work = Work { client, access, tags, id: account.id };
        let mut is_anew = false;
        loop {
            let page = match work.client.page(&work.access, behind.as_deref()).await {
                // The fan behind whom it goes on has left. Met again, it is told as any other trouble.
                Err(trouble) if trouble.is_of_openid() && behind.is_some() && !is_anew => {
                    (behind, is_anew) = (None, true);
                    begin(import);
                    continue;
                }
                page => page?,
            };
            import.total = Some(page.total);
            // Whoever looks sees of how many it is about.
            self.save(account.id, import).await?;
            self.page(&work, &page.openids, import, at).await?;
            import.counts = import.counts.with(import.under_way);
            import.under_way = FanCounts::default();
            import.pages += u64::from(!page.openids.is_empty());
            let Some(last) = page.next else { return Ok(()) };
            import.next = Some(self.sealed(account, &last).map_err(|error| fatal(&error))?);
            behind = Some(last.into());
            self.save(account.id, import).await?;
            at(import);
        }
    }

    /// The fan behind whom an import goes on is told by an openid, which is personal.
    fn sealed(&self, account: &WechatAccount, next: &str) -> Result<Sealed, String> {
        let place = Place { tenant: self.tenant, app_id: &account.app_id, what: What::Next };
        let key = self.wechat.key().ok_or_else(|| super::Unsealed::NoKey.to_string())?;
        key.seal(place, next).map_err(|error| error.to_string())
    }

    async fn page(
        &self,
        work: &Work<'_>,
        openids: &[Box<str>],
        import: &mut FanImport,
        at: &(dyn Fn(&FanImport) + Sync),
    ) -> Result<(), Halt> {
        let mut saved = Instant::now();
        for openids in openids.chunks(FANS_MAX) {
            if *self.stop.borrow() {
                return Err(Halt::Stop);
            }
            let answer = self.asked(work, openids).await?;
            let counts = self.apply(work, &answer).await?;
            import.under_way = import.under_way.with(counts);
            (import.tries, import.failure) = (0, None);
            at(import);
            if saved.elapsed() >= self.wechat.options().save_period {
                self.save(work.id, import).await?;
                saved = Instant::now();
            }
        }
        Ok(())
    }

    /// Looks up fans of an account, and takes over what WeChat tells of them.
    pub(crate) async fn look_up(
        &self,
        account: &WechatAccount,
        openids: &[Box<str>],
    ) -> Result<Result<FanCounts, Trouble>, StoreError> {
        let Ok(access) = self.wechat.access(self.tenant, account) else {
            return Ok(Err(Trouble::Unusable(Reason::Sealed)));
        };
        let Ok(client) = self.wechat.client() else {
            return Ok(Err(Trouble::Unusable(Reason::NoCalls)));
        };
        let asked = async {
            let tags = client.tags(&access).await?;
            let work = Work { client, access, tags, id: account.id };
            let answer = self.asked(&work, openids).await?;
            Ok((work, answer))
        };
        match asked.await {
            Ok((work, answer)) => self.apply(&work, &answer).await.map(Ok),
            Err(trouble) => Ok(Err(trouble)),
        }
    }

    /// Asks WeChat about fans.
    async fn asked(&self, work: &Work<'_>, openids: &[Box<str>]) -> Result<Answer, Trouble> {
        // Events tell their second, and no part of it.
        let at = time::second_of(self.clock.now());
        let fans = work.client.fans(&work.access, openids).await?;
        Ok(Answer { at, asked: openids.len(), fans })
    }

    /// Applies fans that were told; what became of all that were asked for.
    async fn apply(&self, work: &Work<'_>, answer: &Answer) -> Result<FanCounts, StoreError> {
        let told = self.told(work, answer).await?;
        let (mut commands, mut tags_left_out) = (Vec::new(), 0);
        for fan in told {
            tags_left_out += fan.tags_left_out;
            commands.push(Command::Upsert(fan.upsert));
        }
        let read = u64::try_from(answer.asked).unwrap_or(u64::MAX);
        let fit = u64::try_from(commands.len()).unwrap_or(u64::MAX);
        let refused = read.saturating_sub(fit);
        let refused_because = FanRefusals { gone: refused, ..FanRefusals::default() };
        let mut counts =
            FanCounts { read, refused, refused_because, tags_left_out, ..FanCounts::default() };
        if commands.is_empty() {
            return Ok(counts);
        }
        for outcome in self.applied(commands).await? {
            let count = if let Outcome::Resolved(resolution) = &outcome {
                match resolution.result {
                    ResultKind::Created => &mut counts.created,
                    ResultKind::Updated => &mut counts.updated,
                    ResultKind::Unchanged => &mut counts.unchanged,
                    ResultKind::Merged => &mut counts.merged,
                }
            } else {
                *because(&outcome, &mut counts.refused_because) += 1;
                &mut counts.refused
            };
            *count += 1;
        }
        Ok(counts)
    }

    /// What is to be written down of fans, beside what is known of them: nothing of those who have left
    /// since WeChat was asked, and nothing of a person that another account tells.
    async fn told(&self, work: &Work<'_>, answer: &Answer) -> Result<Vec<Told>, StoreError> {
        let app_id = &*work.access.app_id;
        let told = answer.fans.iter().filter_map(|fan| fans::fan(app_id, fan, &work.tags));
        let told: Vec<Told> = told.collect();
        let known = patiently(|| self.known(&told)).await?;
        let bound = patiently(|| known::bound(self.store, self.tenant)).await?;
        let mut kept = Vec::with_capacity(told.len());
        for (mut fan, known) in told.into_iter().zip(known) {
            // Clocks differ: whoever is told to have come back later did so.
            let at = fan.since.map_or(answer.at, |since| since.max(answer.at));
            if known.has_left(app_id, at) {
                continue;
            }
            if !known.is_told_by(app_id, fan.since, &bound) {
                fans::leave_out_person(&mut fan.upsert);
            }
            kept.push(fan);
        }
        Ok(kept)
    }

    /// What is known of each of these fans.
    async fn known(&self, told: &[Told]) -> Result<Vec<Known>, StoreError> {
        let looks = told.iter().map(|fan| Known::of(self.store, self.tenant, &fan.upsert));
        let looks: Vec<_> = looks.collect();
        stream::iter(looks).buffered(LOOKS_MAX).try_collect().await
    }

    async fn applied(&self, commands: Vec<Command>) -> Result<Vec<Outcome>, StoreError> {
        let requests: Vec<Request> =
            commands.into_iter().map(|command| self.request(command)).collect();
        let batch = Batch::new(requests, Lane::Bulk);
        let batch = batch.ok_or_else(|| StoreError::NotApplied("too many fans at once".into()))?;
        patiently(|| self.store.apply(batch.clone())).await
    }

    /// Writes down how far it has come, and holds on to it.
    async fn save(&self, id: WechatId, import: &mut FanImport) -> Result<(), Halt> {
        import.held_until = self.held_until();
        let step = WechatChange::Step { id, import: Box::new(import.clone()) };
        self.change(step).await?.map(drop).map_err(|_| Halt::Lost)
    }

    /// Applies a change of the account; the account afterwards.
    pub(crate) async fn change(
        &self,
        change: WechatChange,
    ) -> Result<Result<Box<WechatAccount>, WechatRefusal>, StoreError> {
        let request = self.request(Command::Wechat(change));
        match self.store.apply(Batch::one(request)).await?.pop() {
            Some(Outcome::Wechat(WechatOutcome::Stands { account, .. })) => Ok(Ok(account)),
            Some(Outcome::Refused(Refusal::Wechat(refusal))) => Ok(Err(refusal)),
            _ => Err(StoreError::Corrupt("a WeChat account got another outcome".into())),
        }
    }

    fn request(&self, command: Command) -> Request {
        let at = self.clock.now();
        let origin = Origin { app: HUB, actor: None, request: "wechat fans".into(), at };
        let tenant = self.tenant;
        Request { tenant, origin, dry_run: false, idempotency: None, command }
    }
}

/// Asks the store, and again while it is away.
async fn patiently<T, F>(ask: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut pause = FIRST_PAUSE;
    for _ in 1..TRIES_MAX {
        let answer = ask().await;
        if let Ok(_) | Err(StoreError::Corrupt(_)) = answer {
            return answer;
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    ask().await
}

/// Goes back to the first page.
fn begin(import: &mut FanImport) {
    (import.pages, import.counts, import.next) = (0, FanCounts::default(), None);
}

/// What a refused fan counts for.
fn because<'a>(refused: &Outcome, counts: &'a mut FanRefusals) -> &'a mut u64 {
    let Outcome::Refused(refusal) = refused else { return &mut counts.other };
    match Ruled::from(refusal) {
        Ruled::NothingUsable => &mut counts.unusable,
        Ruled::InConflict(_) => &mut counts.in_conflict,
        Ruled::TooManyCustom { .. } => &mut counts.too_many_attributes,
        Ruled::NoCustomer(_) | Ruled::Deleted(_) | Ruled::Erased(_) | Ruled::Other => {
            &mut counts.other
        }
    }
}

/// What the work on one account needs.
struct Work<'a> {
    client: &'a Client,
    access: Access,
    tags: BTreeMap<i64, Box<str>>,
    id: WechatId,
}

/// What WeChat told of fans.
struct Answer {
    /// The second in which it was asked: what it told is of that moment or a later one.
    at: Micros,
    /// How many fans it was asked about.
    asked: usize,
    fans: Vec<Fan>,
}

/// A number that tells a process from others.
pub(crate) fn draw_holder() -> Result<i64, getrandom::Error> {
    let mut number = [0; 8];
    getrandom::fill(&mut number)?;
    Ok(i64::from_le_bytes(number))
}

pub(crate) fn micros(duration: Duration) -> Micros {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_fans_are_counted_by_what_refuses_them() {
        let mut counts = FanRefusals::default();
        let refusals = [
            Refusal::NothingUsable { identities: Vec::new() },
            Refusal::Conflicts { conflicts: Vec::new(), identities: Vec::new() },
            Refusal::CustomAttributesTooMany { found: 121, limit: 120 },
            Refusal::TenantMissing,
        ];
        for (refusal, times) in refusals.into_iter().zip(1..) {
            for _ in 0..times {
                *because(&Outcome::Refused(refusal.clone()), &mut counts) += 1;
            }
        }
        let counted =
            FanRefusals { gone: 0, unusable: 1, in_conflict: 2, too_many_attributes: 3, other: 4 };
        assert_eq!(counts, counted);
        let twice = counts.with(counts);
        assert_eq!((twice.unusable, twice.in_conflict, twice.other), (2, 4, 8));
    }
}
