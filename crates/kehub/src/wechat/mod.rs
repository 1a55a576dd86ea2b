//! WeChat: official accounts that a tenant has bound, the import of their fans, and who follows and
//! unfollows them as it happens.
//!
//! [`client`] calls WeChat, at an address that is a setting. [`fans`] says what a fan becomes,
//! [`import`] reads all fans of one account, page by page, and [`worker`] is the task of a hub that
//! does so when somebody asked for it or a night has come. [`callback`] hears what WeChat tells,
//! signed or encrypted as in [`message`]. Both ask [`known`] first what is known of a fan already.
//! [`seal`] keeps the secrets.

pub(crate) mod accounts;
pub(crate) mod callback;
pub(crate) mod client;
pub(crate) mod fans;
pub(crate) mod import;
mod known;
mod message;
mod reason;
pub(crate) mod seal;
mod worker;

pub(crate) use reason::Reason;
pub use seal::SecretKey;
pub use worker::FanWorker;

use client::{Access, Client};
use kehub_core::wechat::{Sealed, WechatAccount};
use kehub_core::{Micros, TenantId, WechatId};
use seal::{Place, Unsealed, What};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use url::Url;

/// Where WeChat answers, unless set otherwise.
pub const BASE: &str = "https://api.weixin.qq.com/";

/// New followers that wait to be looked up, of one account. Those beyond are known by their openids
/// until the next import.
const FRESH_MAX: usize = 10_000;

/// An account of a tenant.
type Key = (TenantId, WechatId);

/// By which interface access tokens are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum TokenKind {
    /// `cgi-bin/stable_token`: whoever asks gets the same token for as long as it counts.
    #[default]
    Stable,
    /// `cgi-bin/token`: every new token ends the one before, whoever has it.
    Plain,
}

/// How WeChat is called.
#[derive(Clone, Debug)]
pub struct Options {
    /// What secrets of accounts are encrypted with; without it no account can be used.
    pub secret_key: Option<SecretKey>,
    /// The address in front of `/cgi-bin/…`.
    pub base: Url,
    /// Whether that may be one of this machine and its networks.
    pub private: bool,
    /// By which interface access tokens are asked for.
    pub token: TokenKind,
    /// How long one call may take, from the look-up of the host to the end of the answer.
    pub time_limit: Duration,
    /// The pauses after failures that may pass, one after the other until an import comes on again;
    /// with the last one it is given up.
    pub pauses: Vec<Duration>,
    /// How long an import is held by whoever works on it. It is renewed four times as often, also while
    /// WeChat takes its time to answer.
    pub lease: Duration,
    /// How often the progress of an import is written down at most, within a page.
    pub save_period: Duration,
    /// How often a hub looks for imports that are due.
    pub look_period: Duration,
}

impl Default for Options {
    fn default() -> Options {
        let short = [2, 10, 60, 300, 900].map(Duration::from_secs);
        // The calls of a day are given back at midnight.
        let long = [Duration::from_hours(1); 25];
        Options {
            secret_key: None,
            #[expect(clippy::expect_used, reason = "the address is written above")]
            base: BASE.parse().expect("a fixed address is one"),
            private: false,
            token: TokenKind::Stable,
            time_limit: Duration::from_secs(10),
            pauses: short.into_iter().chain(long).collect(),
            lease: Duration::from_secs(20),
            save_period: Duration::from_secs(1),
            look_period: Duration::from_secs(5),
        }
    }
}

/// What a process needs to call WeChat.
#[derive(Debug)]
pub(crate) struct Wechat {
    options: Options,
    client: OnceLock<Client>,
    /// Who began to follow an account and is to be looked up.
    fresh: Mutex<BTreeMap<Key, BTreeSet<Box<str>>>>,
    /// When WeChat last sent something to an account, as far as this hub was reached.
    heard: Mutex<BTreeMap<Key, Micros>>,
    news: Notify,
}

impl Wechat {
    pub(crate) fn new(options: Options) -> Wechat {
        let (client, news) = (OnceLock::new(), Notify::new());
        Wechat { options, client, fresh: Mutex::default(), heard: Mutex::default(), news }
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    pub(crate) fn key(&self) -> Option<&SecretKey> {
        self.options.secret_key.as_ref()
    }

    /// What calls WeChat; made when it is first needed.
    pub(crate) fn client(&self) -> Result<&Client, reqwest::Error> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = Client::new(&self.options)?;
        Ok(self.client.get_or_init(|| client))
    }

    /// How an account is called.
    pub(crate) fn access(
        &self,
        tenant: TenantId,
        account: &WechatAccount,
    ) -> Result<Access, Unsealed> {
        let sealed = &account.secrets.app_secret;
        let secret = self.open(tenant, account, What::AppSecret, sealed)?;
        Ok(Access { app_id: account.app_id.clone(), secret: secret.into() })
    }

    /// A secret of an account.
    pub(crate) fn open(
        &self,
        tenant: TenantId,
        account: &WechatAccount,
        what: What,
        sealed: &Sealed,
    ) -> Result<String, Unsealed> {
        let place = Place { tenant, app_id: &account.app_id, what };
        seal::open(self.key(), place, sealed)
    }

    /// Notes that WeChat has sent something to an account, signed as it should be.
    pub(crate) fn note_heard(&self, key: Key, now: Micros) {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).insert(key, now);
    }

    /// Forgets that of an account that is gone.
    pub(crate) fn forget_heard(&self, key: Key) {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }

    /// When WeChat last did so, since this hub started.
    pub(crate) fn heard_at(&self, key: Key) -> Option<Micros> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).get(&key).copied()
    }

    /// Notified when there is something to do for the worker.
    pub(crate) fn news(&self) -> &Notify {
        &self.news
    }

    /// Notes somebody who began to follow an account, to be looked up soon.
    pub(crate) fn note_fresh(&self, key: Key, openid: &str) {
        let mut fresh = self.fresh.lock().unwrap_or_else(PoisonError::into_inner);
        let theirs = fresh.entry(key).or_default();
        if theirs.len() < FRESH_MAX {
            theirs.insert(openid.into());
        }
        drop(fresh);
        self.news.notify_one();
    }

    /// Puts back those who could not be looked up yet, which is no news.
    fn put_back(&self, key: Key, openids: Vec<Box<str>>) {
        let mut fresh = self.fresh.lock().unwrap_or_else(PoisonError::into_inner);
        let theirs = fresh.entry(key).or_default();
        let room = FRESH_MAX.saturating_sub(theirs.len());
        theirs.extend(openids.into_iter().take(room));
    }

    /// Takes out some of those who are to be looked up, all of one account, which is one of these.
    fn take_fresh(&self, is_wanted: impl Fn(&Key) -> bool) -> Option<(Key, Vec<Box<str>>)> {
        let mut fresh = self.fresh.lock().unwrap_or_else(PoisonError::into_inner);
        let key = *fresh.keys().find(|key| is_wanted(key))?;
        let theirs = fresh.get_mut(&key)?;
        let mut taken = Vec::new();
        while taken.len() < client::FANS_MAX
            && let Some(openid) = theirs.pop_first()
        {
            taken.push(openid);
        }
        if theirs.is_empty() {
            fresh.remove(&key);
        }
        Some((key, taken))
    }
}
