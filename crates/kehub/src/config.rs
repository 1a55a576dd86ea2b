//! What operators may set: flags, each with an environment variable of the same name.

use crate::credentials::Credentials;
use crate::imports::Spool;
use crate::imports::spool::{BYTES_MAX, REPORT_DAYS};
use crate::server::{Limits, Settings};
use crate::webhooks::{DeliveryOptions, address};
use crate::wechat::{self, SecretKey, TokenKind};
use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};
use kehub_core::limits;
use kehub_store::{PostgresOptions, SqliteOptions};
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;
use url::Url;

/// Where customers are kept.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum StoreLocation {
    /// The file of an embedded SQLite store.
    Sqlite(PathBuf),
    /// The address of a PostgreSQL database, which may hold a password.
    Postgres(String),
}

impl FromStr for StoreLocation {
    type Err = String;

    fn from_str(text: &str) -> Result<StoreLocation, String> {
        match text.split_once(':') {
            Some(("sqlite", path)) if !path.is_empty() => Ok(StoreLocation::Sqlite(path.into())),
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => {
                Ok(StoreLocation::Postgres(text.to_owned()))
            }
            Some(_) | None => {
                Err("expected sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE".to_owned())
            }
        }
    }
}

impl fmt::Display for StoreLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreLocation::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            StoreLocation::Postgres(_) => f.write_str("postgres:"),
        }
    }
}

impl fmt::Debug for StoreLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// How a store uses the machine, whichever it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StoreOptions {
    pub(crate) queue_requests: usize,
    pub(crate) group_requests: usize,
    pub(crate) readers: usize,
    pub(crate) writers: usize,
    pub(crate) distributed: bool,
    /// Whether a file is synced in the way of a hub, of which there is one.
    pub(crate) syncs_beside: bool,
}

impl Default for StoreOptions {
    fn default() -> StoreOptions {
        let PostgresOptions { queue_requests, group_requests, readers, writers, distributed } =
            PostgresOptions::default();
        StoreOptions {
            queue_requests,
            group_requests,
            readers,
            writers,
            distributed,
            syncs_beside: false,
        }
    }
}

impl StoreOptions {
    pub(crate) fn sqlite(self) -> SqliteOptions {
        let StoreOptions { queue_requests, group_requests, readers, syncs_beside, .. } = self;
        SqliteOptions {
            queue_requests,
            group_requests,
            readers,
            syncs_beside,
            ..SqliteOptions::default()
        }
    }

    pub(crate) fn postgres(self) -> PostgresOptions {
        let StoreOptions { queue_requests, group_requests, readers, writers, distributed, .. } =
            self;
        PostgresOptions { queue_requests, group_requests, readers, writers, distributed }
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    /// Nothing.
    Off,
    /// Faults.
    Error,
    /// Faults, and what may become one.
    Warn,
    /// Also one line for each request.
    Info,
    /// Also what connections do.
    Debug,
}

/// A key, or none where nothing is given: an empty variable counts as one that is not set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GivenKey(Option<SecretKey>);

impl FromStr for GivenKey {
    type Err = String;

    fn from_str(text: &str) -> Result<GivenKey, String> {
        let is_given = !text.trim().is_empty();
        Ok(GivenKey(is_given.then(|| text.parse()).transpose()?))
    }
}

/// How WeChat is called, by whatever calls it.
#[derive(Debug, Args)]
pub(crate) struct WechatArgs {
    /// What secrets of WeChat accounts are encrypted with, 32 bytes as `openssl rand -hex 32` prints them;
    /// better given in the environment, and kept: without it they are lost
    #[arg(long, env = "KEHUB_SECRET_KEY", hide_env_values = true)]
    pub(crate) secret_key: Option<GivenKey>,

    /// Where WeChat answers
    #[arg(long, env = "KEHUB_WECHAT_BASE", value_name = "URL", default_value = wechat::BASE,
        value_parser = wechat_base)]
    pub(crate) wechat_base: Url,

    /// Let that be an address of this machine and its networks, such as a proxy's
    #[arg(long, env = "KEHUB_WECHAT_ALLOW_PRIVATE", value_parser = BoolishValueParser::new())]
    pub(crate) wechat_allow_private: bool,

    /// By which interface access tokens are asked for: `cgi-bin/stable_token`, or `cgi-bin/token`, with
    /// which every new token ends the one that another program uses
    #[arg(long, env = "KEHUB_WECHAT_TOKEN", value_enum, default_value = "stable")]
    pub(crate) wechat_token: TokenKind,
}

impl WechatArgs {
    pub(crate) fn options(&self) -> wechat::Options {
        wechat::Options {
            secret_key: self.secret_key.and_then(|given| given.0),
            base: self.wechat_base.clone(),
            private: self.wechat_allow_private,
            token: self.wechat_token,
            ..wechat::Options::default()
        }
    }
}

fn wechat_base(text: &str) -> Result<Url, String> {
    let url = address::parse(text).filter(|url| url.query().is_none());
    url.ok_or_else(|| format!("expected an address like {}, found other text", wechat::BASE))
}

/// Options of `kehub serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeOptions {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, env = "KEHUB_LISTEN", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,

    /// Where people find the console, if that is not the address: behind a proxy that speaks TLS, its
    /// `https://…`, so that cookies are for TLS only
    #[arg(long, env = "KEHUB_PUBLIC_URL", value_name = "URL", value_parser = public_url)]
    pub(crate) public_url: Option<Url>,

    /// How log lines look
    #[arg(long, env = "KEHUB_LOG_FORMAT", value_enum, default_value = "text")]
    pub(crate) log_format: LogFormat,

    /// How much is logged, to standard error
    #[arg(long, env = "KEHUB_LOG_LEVEL", value_enum, default_value = "info")]
    pub(crate) log_level: LogLevel,

    /// `<app id>:<secret>` of an app to create in the default tenant, with all permissions, unless
    /// there is one of this id
    #[arg(long, env = "KEHUB_BOOTSTRAP_APP", value_name = "APP:SECRET", hide_env_values = true)]
    pub(crate) bootstrap_app: Option<Credentials>,

    /// Writes that may wait; further ones are answered 503
    #[arg(long, env = "KEHUB_QUEUE_MAX", default_value_t = 4096, value_parser = at_least_one)]
    pub(crate) queue_max: usize,

    /// Writes that share one commit at most
    #[arg(long, env = "KEHUB_GROUP_MAX", default_value_t = 512, value_parser = at_least_one)]
    pub(crate) group_max: usize,

    /// Connections to the store that read at the same time
    #[arg(long, env = "KEHUB_READERS", default_value_t = 4, value_parser = at_least_one)]
    pub(crate) readers: usize,

    /// Connections to a PostgreSQL store that write: as many tenants at the same time
    #[arg(long, env = "KEHUB_WRITERS", default_value_t = 2, value_parser = at_least_one)]
    pub(crate) writers: usize,

    /// Spread the tables of a PostgreSQL store over the Citus cluster that it is the coordinator of
    #[arg(long, env = "KEHUB_DISTRIBUTED", value_parser = BoolishValueParser::new())]
    pub(crate) distributed: bool,

    /// Bytes of a request body at most
    #[arg(long, env = "KEHUB_BODY_BYTES_MAX", default_value_t = 1024 * 1024)]
    pub(crate) body_bytes_max: usize,

    /// Bytes of the body of a batch at most
    #[arg(long, env = "KEHUB_BATCH_BYTES_MAX", default_value_t = 32 * 1024 * 1024)]
    pub(crate) batch_bytes_max: usize,

    /// Folder for files that are imported over the API, and for exports while they are kept: beside the
    /// file of an embedded store, or among the temporary files of this machine
    #[arg(long, env = "KEHUB_SPOOL", value_name = "FOLDER")]
    pub(crate) spool: Option<PathBuf>,

    /// Bytes of a file that is imported over the API at most
    #[arg(long, env = "KEHUB_IMPORT_BYTES_MAX", default_value_t = BYTES_MAX)]
    pub(crate) import_bytes_max: u64,

    /// Days for which refused rows of imports over the API are kept after their end; 0 keeps them until
    /// somebody removes them
    #[arg(long, env = "KEHUB_KEEP_REPORTS", value_name = "DAYS", default_value_t = REPORT_DAYS)]
    pub(crate) keep_reports: u32,

    /// Open connections at most; further ones wait
    #[arg(long, env = "KEHUB_CONNECTIONS_MAX", default_value_t = 4096, value_parser = at_least_one)]
    pub(crate) connections_max: usize,

    /// Seconds for the head of a request to arrive, waiting for it included
    #[arg(long, env = "KEHUB_HEADER_TIMEOUT", value_name = "SECONDS", default_value_t = 30)]
    pub(crate) header_timeout: u64,

    /// Seconds from the head of a request to its answer
    #[arg(long, env = "KEHUB_REQUEST_TIMEOUT", value_name = "SECONDS", default_value_t = 30)]
    pub(crate) request_timeout: u64,

    /// Seconds that running requests may take after the hub was asked to end
    #[arg(long, env = "KEHUB_SHUTDOWN_TIMEOUT", value_name = "SECONDS", default_value_t = 30)]
    pub(crate) shutdown_timeout: u64,

    /// Answer the customer before the change from PUT /v1/customers/{id}, not after it
    #[arg(long, env = "KEHUB_V1_PUT_ANSWERS_BEFORE", value_parser = BoolishValueParser::new())]
    pub(crate) v1_put_answers_before: bool,

    /// Custom attributes that one request may carry
    #[arg(long, env = "KEHUB_CUSTOM_ATTRIBUTES_MAX",
        default_value_t = limits::CUSTOM_ATTRIBUTES_MAX)]
    pub(crate) custom_attributes_max: usize,

    /// Let webhooks have addresses of this machine and its networks
    #[arg(long, env = "KEHUB_WEBHOOKS_ALLOW_PRIVATE", value_parser = BoolishValueParser::new())]
    pub(crate) webhooks_allow_private: bool,

    /// Seconds between the tries of an event that a webhook does not take; after the last one it
    /// is a dead letter
    #[arg(long, env = "KEHUB_WEBHOOKS_RETRIES", value_name = "SECONDS,…", value_delimiter = ',',
        default_values_t = DeliveryOptions::PAUSES_SECONDS)]
    pub(crate) webhooks_retries: Vec<u64>,

    /// Seconds for one call of a webhook, from the look-up of its host to its answer
    #[arg(long, env = "KEHUB_WEBHOOKS_TIMEOUT", value_name = "SECONDS", default_value_t = 10,
        value_parser = clap::value_parser!(u64).range(1..=60))]
    pub(crate) webhooks_timeout: u64,

    #[command(flatten)]
    pub(crate) wechat: WechatArgs,
}

impl ServeOptions {
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            body_bytes_max: self.body_bytes_max,
            batch_bytes_max: self.batch_bytes_max,
            request_timeout: Duration::from_secs(self.request_timeout),
            put_answers_before: self.v1_put_answers_before,
            custom_attributes_max: self.custom_attributes_max,
            webhooks_private: self.webhooks_allow_private,
            public_url: self.public_url.clone(),
            wechat: self.wechat.options(),
        }
    }

    /// Where people find the console of a hub that listens on this address.
    pub(crate) fn console(&self, address: SocketAddr) -> String {
        let base =
            self.public_url.as_ref().map(|url| url.as_str().trim_end_matches('/').to_owned());
        format!("{}/console", base.unwrap_or_else(|| format!("http://{address}")))
    }

    /// Where a hub on this store keeps files that came over the API, and exports.
    pub(crate) fn spool(&self, location: &StoreLocation) -> Spool {
        let folder = match (&self.spool, location) {
            (Some(folder), _) => folder.clone(),
            (None, StoreLocation::Sqlite(file)) => file.with_extension("imports"),
            (None, StoreLocation::Postgres(_)) => std::env::temp_dir().join("kehub-imports"),
        };
        Spool::new(folder, self.import_bytes_max).keeping_reports(self.keep_reports)
    }

    pub(crate) fn store(&self) -> StoreOptions {
        StoreOptions {
            queue_requests: self.queue_max,
            group_requests: self.group_max,
            readers: self.readers,
            writers: self.writers,
            distributed: self.distributed,
            syncs_beside: true,
        }
    }

    pub(crate) fn delivery(&self) -> DeliveryOptions {
        let time_limit = Duration::from_secs(self.webhooks_timeout);
        DeliveryOptions {
            time_limit,
            // Renewed when a third of it is over, it leaves time for a call.
            lease: time_limit * 3,
            pauses: self.webhooks_retries.iter().copied().map(Duration::from_secs).collect(),
            ..DeliveryOptions::default()
        }
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits {
            connections_max: self.connections_max,
            header_timeout: Duration::from_secs(self.header_timeout),
            shutdown_timeout: Duration::from_secs(self.shutdown_timeout),
        }
    }
}

fn public_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let is_whole =
        |url: &Url| url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    url.filter(is_whole).ok_or_else(|| {
        "expected an address like https://hub.example.com, without a path".to_owned()
    })
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("expected a whole number of at least 1".to_owned()),
        Ok(number) => Ok(number),
    }
}
