//! The task of a hub that imports fans when somebody asked for it or a night has come, and looks up
//! those who began to follow.
//!
//! Each import is held by one process at a time, whichever comes first: a hub, another hub, or
//! `kehub wechat import`.

use super::Key;
use super::client::Trouble;
use super::import::{Ended, Importer, draw_holder};
use crate::server::Hub;
use kehub_core::wechat::{FanImport, WechatAccount, WechatChange};
use kehub_core::{Micros, TenantId, WechatId};
use kehub_store::StoreError;
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;
use tracing::{info, warn};

const HOUR: Micros = 60 * 60 * 1_000_000;
const DAY: Micros = 24 * HOUR;
/// When a night's imports begin: at three in the morning in China, which has no summer time.
const NIGHT: Micros = 19 * HOUR;

/// A running task that imports fans.
#[derive(Debug)]
pub struct FanWorker {
    task: JoinHandle<()>,
    stop: watch::Sender<bool>,
}

impl FanWorker {
    /// Starts to work on the accounts of a hub's store; an error if the machine gives no random
    /// numbers.
    pub fn start(hub: Hub) -> Result<FanWorker, getrandom::Error> {
        let (stop, stopped) = watch::channel(false);
        let holder = draw_holder()?;
        let (running, tasks, resting) = (BTreeSet::new(), JoinSet::new(), BTreeMap::new());
        let worker = Worker { hub, holder, running, tasks, stopped, resting };
        Ok(FanWorker { task: tokio::spawn(worker.run()), stop })
    }

    /// Lets imports stop where they are, so that another hub goes on there.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            warn!(%error, "the import of WeChat fans ended early");
        }
    }
}

#[derive(Debug)]
struct Worker {
    hub: Hub,
    holder: i64,
    running: BTreeSet<Key>,
    tasks: JoinSet<Key>,
    stopped: watch::Receiver<bool>,
    /// Accounts whose new followers wait, because they could not be looked up.
    resting: BTreeMap<Key, Rest>,
}

/// The rest of an account.
#[derive(Clone, Copy, Debug)]
struct Rest {
    until: Instant,
    /// How often its followers could not be looked up, one time after the other.
    tries: usize,
}

impl Worker {
    async fn run(mut self) {
        let mut stopped = self.stopped.clone();
        self.tell_of_secrets().await;
        loop {
            if let Err(error) = self.round().await {
                warn!(%error, "WeChat accounts have to wait for the store");
            }
            let pause = self.hub.wechat().options().look_period;
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => break,
                Some(ended) = self.tasks.join_next() => self.ended(ended),
                () = self.hub.wechat().news().notified() => (),
                () = tokio::time::sleep(pause) => (),
            }
        }
        while self.tasks.join_next().await.is_some() {}
    }

    /// Says once that secrets do not open. Where they are needed nobody says it: strangers may call there.
    async fn tell_of_secrets(&self) {
        // A store that is away is told of in the first round.
        let Ok(accounts) = self.hub.store().wechat_accounts(None).await else { return };
        let wechat = self.hub.wechat();
        let shut = accounts.iter().find_map(|((tenant, _), it)| wechat.access(*tenant, it).err());
        if let Some(why) = shut {
            warn!("WeChat accounts are bound, but {why}");
        }
    }

    fn ended(&mut self, ended: Result<Key, tokio::task::JoinError>) {
        match ended {
            Ok(key) => {
                self.running.remove(&key);
            }
            // Which one it was is not known; what others still work on, they hold.
            Err(error) => {
                warn!(%error, "an import of WeChat fans ended early");
                self.running.clear();
            }
        }
    }

    async fn round(&mut self) -> Result<(), StoreError> {
        self.look_up().await?;
        let now = self.hub.clock().now();
        for (key, account) in self.hub.store().wechat_accounts(None).await? {
            if is_due_tonight(&account, now) {
                self.ask(key, now).await?;
            } else if !self.is_due(&account.import, now) {
                continue;
            }
            if self.running.insert(key) {
                self.start(key);
            }
        }
        Ok(())
    }

    /// Whether there is something to do that nobody else does.
    fn is_due(&self, import: &FanImport, now: Micros) -> bool {
        let is_free = import.held_until <= now || import.holder == self.holder;
        is_free && import.due.is_some_and(|due| due <= now)
    }

    /// Asks for the import of a night. It begins with the first page, where one that was given up before
    /// would go on: what that one has read is of another day.
    async fn ask(&self, (tenant, id): Key, now: Micros) -> Result<(), StoreError> {
        let unless_since = Some(night_before(now));
        let ask = WechatChange::Ask { id, from_start: true, unless_since };
        // An account that somebody has just unbound is none of ours any more.
        self.importer(tenant).change(ask).await.map(drop)
    }

    fn importer(&self, tenant: TenantId) -> Importer<'_> {
        importer(&self.hub, tenant, self.holder, &self.stopped)
    }

    fn start(&mut self, key: Key) {
        let (hub, holder, stopped) = (self.hub.clone(), self.holder, self.stopped.clone());
        self.tasks.spawn(async move {
            let (tenant, id) = key;
            let importer = importer(&hub, tenant, holder, &stopped);
            let (tenant, account) = (tenant.0, id.0);
            match importer.run(id, &|_| ()).await {
                Ok(Ended::NotMine | Ended::Stopped) => (),
                Ok(Ended::Done) => info!(tenant, account, "the fans of a WeChat account are there"),
                Ok(Ended::Waits) => {
                    warn!(tenant, account, "an import of WeChat fans waits, see its account");
                }
                Ok(Ended::Failed) => {
                    warn!(
                        tenant,
                        account, "an import of WeChat fans was given up, see its account"
                    );
                }
                Err(error) => {
                    warn!(tenant, account, %error, "an import of WeChat fans has to wait");
                }
            }
            key
        });
    }

    /// Looks up those who began to follow, a hundred at a time. Where that comes to nothing the account
    /// rests, and the others go on.
    async fn look_up(&mut self) -> Result<(), StoreError> {
        let began = Instant::now();
        while !*self.stopped.borrow()
            && let Some((key, openids)) = self.take_fresh(began)
        {
            match self.looked_up(key, &openids).await {
                Ok(None) => {
                    self.resting.remove(&key);
                }
                Ok(Some(trouble)) => {
                    let (TenantId(tenant), WechatId(account)) = key;
                    let reason = trouble.reason().text();
                    warn!(tenant, account, reason, "new followers are not looked up");
                    if trouble.may_pass() {
                        self.rest(key, openids);
                    }
                }
                Err(error) => {
                    self.rest(key, openids);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Some of those who are to be looked up, of an account that does not rest.
    fn take_fresh(&self, now: Instant) -> Option<(Key, Vec<Box<str>>)> {
        let rests = |key: &Key| self.resting.get(key).is_some_and(|rest| rest.until >= now);
        self.hub.wechat().take_fresh(|key| !rests(key))
    }

    /// Looks up followers of an account; why not, if WeChat did not tell. Of an account that is unbound by
    /// now there is nobody to look up.
    async fn looked_up(
        &self,
        (tenant, id): Key,
        openids: &[Box<str>],
    ) -> Result<Option<Trouble>, StoreError> {
        let accounts = self.hub.store().wechat_accounts(Some(tenant)).await?;
        let Some(account) = accounts.get(&(tenant, id)) else { return Ok(None) };
        Ok(self.importer(tenant).look_up(account, openids).await?.err())
    }

    /// Keeps these followers for later, as long as an import would wait: longer from time to time.
    fn rest(&mut self, key: Key, openids: Vec<Box<str>>) {
        let wechat = self.hub.wechat();
        wechat.put_back(key, openids);
        let tries = self.resting.get(&key).map_or(0, |rest| rest.tries);
        let pauses = &wechat.options().pauses;
        let pause = pauses.get(tries).or(pauses.last()).copied().unwrap_or_default();
        let rest = Rest { until: Instant::now() + pause, tries: tries + 1 };
        self.resting.insert(key, rest);
    }
}

fn importer<'a>(
    hub: &'a Hub,
    tenant: TenantId,
    holder: i64,
    stopped: &watch::Receiver<bool>,
) -> Importer<'a> {
    Importer {
        store: hub.store(),
        clock: hub.clock(),
        wechat: hub.wechat(),
        tenant,
        holder,
        stop: stopped.clone(),
    }
}

/// Whether an account is to be imported every night, and was not since the last one began.
fn is_due_tonight(account: &WechatAccount, now: Micros) -> bool {
    let night = night_before(now);
    let asked = account.import.asked_at.unwrap_or(account.created_at);
    account.settings.nightly && account.import.due.is_none() && asked < night
}

/// When the last night's imports began.
fn night_before(now: Micros) -> Micros {
    (now - NIGHT).div_euclid(DAY) * DAY + NIGHT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_night_begins_at_three_in_china() {
        assert_eq!(night_before(NIGHT), NIGHT);
        assert_eq!(night_before(NIGHT - 1), NIGHT - DAY);
        assert_eq!(night_before(100 * DAY + NIGHT + DAY - 1), 100 * DAY + NIGHT);
    }
}
