//! `kehub wechat`.

use super::progress::Terminal;
use super::store::{apply, default_tenant, must_be_there, tenant, with_store};
use super::{DEFAULT_TENANT, counted, listed, say};
use crate::api::wechat_accounts::body::callback_path;
use crate::clock::{Clock as _, SystemClock};
use crate::config::{StoreLocation, WechatArgs};
use crate::wechat::Wechat;
use crate::wechat::accounts::{self, Bad, Given};
use crate::wechat::import::{Ended, Importer, draw_holder};
use crate::wechat::seal::Unsealed;
use anyhow::{Context as _, Result, bail, ensure};
use kehub_core::command::Command as StoreCommand;
use kehub_core::limits::TEXT_CHARS_MAX;
use kehub_core::outcome::{Outcome, Refusal};
use kehub_core::wechat::{
    FanImport, FanRefusals, FanState, WechatAccount, WechatChange, WechatOutcome, WechatRefusal,
    WechatSettingsChange,
};
use kehub_core::{Micros, TenantId, WechatId};
use kehub_store::{Progress as _, Store};
use std::io::{IsTerminal as _, stdin};
use std::time::Duration;
use tokio::sync::watch;

/// How often it is looked how an import stands that another process works on.
const LOOK_PERIOD: Duration = Duration::from_secs(1);

/// What can be done with WeChat accounts.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Bind an official account, or change the one of this app id: what is not given stays
    ///
    /// Secrets are better given in the environment, or on a line of standard input: others see flags.
    Bind(Box<BindOptions>),
    /// List the accounts, and how the import of the fans of each stands
    List {
        /// The tenant they belong to
        #[arg(long, default_value = DEFAULT_TENANT)]
        tenant: String,
    },
    /// Import the fans of an account
    ///
    /// All of them, page by page; one that failed goes on at the page where it stopped. Waits as long as
    /// WeChat's limits ask for. Ctrl-C ends it after the hundred fans under way: a running hub, or this
    /// command run again, goes on there. Ends with 1 if it was given up.
    Import(ImportOptions),
    /// Forget an account and its secrets; customers stay
    Unbind {
        /// The app id
        #[arg(long)]
        app_id: String,
        /// The tenant it belongs to
        #[arg(long, default_value = DEFAULT_TENANT)]
        tenant: String,
    },
}

/// Options of `kehub wechat bind`.
#[derive(Debug, clap::Args)]
pub(super) struct BindOptions {
    /// The `AppID` of the account
    #[arg(long)]
    app_id: String,

    /// The `AppSecret`; read from standard input if an account is new and it is not given
    #[arg(long, env = "KEHUB_WECHAT_APP_SECRET", hide_env_values = true)]
    app_secret: Option<Secret>,

    /// The Token of the account's server configuration, with which callbacks are heard
    #[arg(long, env = "KEHUB_WECHAT_CALLBACK_TOKEN", hide_env_values = true)]
    callback_token: Option<Secret>,

    /// The `EncodingAESKey` of the account's server configuration: then callbacks have to be encrypted
    #[arg(long, env = "KEHUB_WECHAT_ENCODING_AES_KEY", hide_env_values = true)]
    encoding_aes_key: Option<Secret>,

    /// A name for people
    #[arg(long)]
    name: Option<String>,

    /// `service_type_info` of the account: 0 or 1 a subscription account, 2 a service account
    #[arg(long, value_parser = clap::value_parser!(i32).range(0..=2))]
    service_type: Option<i32>,

    /// `verify_type_info` of the account: -1 not verified, 0 verified
    #[arg(long, allow_negative_numbers = true, value_parser = clap::value_parser!(i32).range(-1..=5))]
    verify_type: Option<i32>,

    /// Whether a running hub imports the fans every night at three, China time
    #[arg(long, num_args = 0..=1, default_missing_value = "true")]
    nightly: Option<bool>,

    /// The tenant it belongs to
    #[arg(long, default_value = DEFAULT_TENANT)]
    tenant: String,

    #[command(flatten)]
    wechat: WechatArgs,
}

/// Options of `kehub wechat import`.
#[derive(Debug, clap::Args)]
pub(super) struct ImportOptions {
    /// The app id; may be left out if there is one account
    #[arg(long)]
    app_id: Option<String>,

    /// Begin with the first page in any case
    #[arg(long)]
    from_start: bool,

    /// The tenant it belongs to
    #[arg(long, default_value = DEFAULT_TENANT)]
    tenant: String,

    #[command(flatten)]
    wechat: WechatArgs,
}

/// A secret that somebody typed. It is shown nowhere.
#[derive(Clone)]
struct Secret(String);

impl std::str::FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Secret, std::convert::Infallible> {
        Ok(Secret(text.trim().to_owned()))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

pub(super) async fn run(location: &StoreLocation, command: Command) -> Result<()> {
    if matches!(command, Command::List { .. }) {
        must_be_there(location).await?;
    }
    with_store(location, async move |store| match command {
        Command::Bind(options) => bind(&*store, *options).await,
        Command::List { tenant: name } => list(&*store, &name).await,
        Command::Import(options) => import(&*store, options).await,
        Command::Unbind { app_id, tenant: name } => {
            let tenant = tenant(&*store, &name).await?.id;
            let id = known(&*store, tenant, &app_id).await?.id;
            let unbound = change(&*store, tenant, WechatChange::Unbind(id)).await?;
            ensure!(unbound.is_none(), "the store gave an outcome of another kind");
            say!("{app_id} is unbound; its customers stay")
        }
    })
    .await
}

async fn bind(store: &dyn Store, options: BindOptions) -> Result<()> {
    let tenant = if options.tenant == DEFAULT_TENANT {
        default_tenant(store).await?.id
    } else {
        tenant(store, &options.tenant).await?.id
    };
    let app_id = options.app_id.trim().to_owned();
    let accounts = store.wechat_accounts(Some(tenant)).await?;
    let is_new = !accounts.values().any(|account| *account.app_id == *app_id);
    let app_secret = match options.app_secret {
        None if is_new => Some(Secret(asked_for().context("cannot read the app secret")?)),
        given => given,
    };
    let fit = |given: Option<Secret>, what, fits: fn(&str) -> bool, expected: &str| {
        let given = given.map(|secret| secret.0).filter(|text| !text.is_empty());
        match given {
            Some(text) if !fits(&text) => bail!("{what}: expected {expected}, found other text"),
            given => Ok(given),
        }
    };
    ensure!(accounts::is_app_id(&app_id), "--app-id: expected {}", accounts::APP_ID);
    let name = options.name.map(|name| name.trim().to_owned());
    if let Some(found) = name.as_ref().map(|name| name.chars().count()) {
        let fits = found <= TEXT_CHARS_MAX;
        ensure!(fits, "--name: expected at most {TEXT_CHARS_MAX} characters, found {found}");
    }
    let given = Given {
        app_secret: fit(app_secret, "--app-secret", accounts::is_app_secret, accounts::APP_SECRET)?,
        token: fit(
            options.callback_token,
            "--callback-token",
            accounts::is_token,
            accounts::TOKEN,
        )?,
        aes_key: fit(
            options.encoding_aes_key,
            "--encoding-aes-key",
            accounts::is_aes_key,
            accounts::AES_KEY,
        )?,
        settings: WechatSettingsChange {
            name: name.map(Into::into),
            service_type: options.service_type,
            verify_type: options.verify_type,
            nightly: options.nightly,
        },
        app_id,
        is_new,
    };
    let wechat = Wechat::new(options.wechat.options());
    let bind = given.sealed(wechat.key(), tenant).map_err(|bad| match bad {
        Bad::NoKey => anyhow::anyhow!("{}", Unsealed::NoKey),
        Bad::Random(error) => anyhow::anyhow!("cannot draw a number: {error}"),
    })?;
    let account = stands(change(store, tenant, bind).await?)?;
    let became = if is_new { "bound anew" } else { "changed: it was bound already" };
    say!("app id   {}\nid       {}\nstate    {became}", account.app_id, account.id)?;
    match (&account.secrets.token, &account.secrets.aes_key) {
        (None, _) => say!("callback none: without --callback-token nobody is heard"),
        (Some(_), None) => say!("callback {}, plain", callback_path(&account.app_id)),
        (Some(_), Some(_)) => say!("callback {}, encrypted", callback_path(&account.app_id)),
    }
}

/// A line of standard input; of a terminal, somebody is asked for it.
fn asked_for() -> Result<String> {
    if stdin().is_terminal() {
        say!("AppSecret, on one line:")?;
    }
    let mut line = String::new();
    stdin().read_line(&mut line)?;
    Ok(line.trim().to_owned())
}

async fn list(store: &dyn Store, name: &str) -> Result<()> {
    let tenant = tenant(store, name).await?.id;
    let now = SystemClock.now();
    for account in store.wechat_accounts(Some(tenant)).await?.values() {
        let WechatAccount { id, app_id, settings, import, .. } = account;
        let nightly = if settings.nightly { "nightly" } else { "asked" };
        say!("{id}  {app_id}  {nightly:7}  {}  {}", told(import, now), settings.name)?;
    }
    Ok(())
}

/// How an import stands, on one line.
fn told(import: &FanImport, now: Micros) -> String {
    let counts = import.counts.with(import.under_way);
    let state = import.state(now);
    let mut line = match state {
        FanState::Never => return "no import yet".to_owned(),
        FanState::Running | FanState::Waiting | FanState::Done | FanState::Failed => format!(
            "{}: {} of {} fans, {} new, {} changed, {} the same, {} merged, {} refused",
            state.name(),
            counts.read,
            import.total.unwrap_or_default(),
            counts.created,
            counts.updated,
            counts.unchanged,
            counts.merged,
            counts.refused,
        ),
    };
    line.push_str(&because(counts.refused_because));
    let left_out = match counts.tags_left_out {
        0 => String::new(),
        1 => "; 1 name of a tag had no room".to_owned(),
        many => format!("; {many} names of tags had no room"),
    };
    line.push_str(&left_out);
    if let Some(failure) = &import.failure {
        line.push_str("; ");
        line.push_str(&failure.reason);
        let code = failure.code.map(|code| format!(" ({code})"));
        line.push_str(&code.unwrap_or_default());
    }
    line
}

/// Why fans were refused, in brackets; nothing if none was.
fn because(refused: FanRefusals) -> String {
    let reasons = listed(&[
        (refused.gone, "no fan any more"),
        (refused.unusable, "with nothing that finds or makes a customer"),
        (refused.in_conflict, "in conflict"),
        (refused.too_many_attributes, "with too many custom attributes"),
        (refused.other, "for another reason"),
    ]);
    if reasons.is_empty() { reasons } else { format!(" ({reasons})") }
}

async fn import(store: &dyn Store, options: ImportOptions) -> Result<()> {
    let tenant = tenant(store, &options.tenant).await?.id;
    let account = match &options.app_id {
        Some(app_id) => known(store, tenant, app_id).await?,
        None => only(store, tenant).await?,
    };
    let wechat = Wechat::new(options.wechat.options());
    // Else it would be given up by the import, which everybody sees.
    wechat.access(tenant, &account)?;
    let (id, from_start) = (account.id, options.from_start);
    let ask = WechatChange::Ask { id, from_start, unless_since: None };
    stands(change(store, tenant, ask).await?)?;
    let (stop, stopped) = watch::channel(false);
    let interrupted = tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            stop.send_replace(true);
        }
        std::future::pending::<()>().await;
    });
    let holder = draw_holder().context("cannot draw a number")?;
    let clock = &SystemClock;
    let importer = Importer { store, clock, wechat: &wechat, tenant, holder, stop: stopped };
    let ended = follow(&importer, id).await;
    interrupted.abort();
    let import = ended?;
    say!("{}", told(&import, clock.now()))?;
    ensure!(import.state(clock.now()) != FanState::Failed, "the import was given up");
    Ok(())
}

/// What goes on, or while it waits why it does, and what came of fans so far, without what there is none of.
fn step(import: &FanImport) -> String {
    let counts = import.counts.with(import.under_way);
    let what = import.failure.as_ref().map_or("importing", |failure| &*failure.reason);
    let outcomes = listed(&[
        (counts.created, "created"),
        (counts.updated, "updated"),
        (counts.unchanged, "unchanged"),
        (counts.merged, "merged"),
        (counts.refused, "refused"),
    ]);
    if outcomes.is_empty() { what.to_owned() } else { format!("{what}, {outcomes}") }
}

/// What is shown while it is not known whether another process is at work.
const WAITING: &str = "waiting for another process";

/// Another process that an import is held by. One that was killed a moment ago looks like one that is at
/// work, for as long as it could be.
#[derive(Default)]
struct Other {
    /// Until when, as it was first seen.
    until: Option<Micros>,
    is_there: bool,
}

impl Other {
    /// Whether it may be that nobody is there.
    fn is_awaited(&self) -> bool {
        self.until.is_some() && !self.is_there
    }

    /// What is to be said now that it holds the import still, if anything.
    fn met(&mut self, import: &FanImport, now: Micros) -> Option<String> {
        let read = import.counts.read + import.under_way.read;
        let total = import.total.unwrap_or_default().max(read);
        let Some(first) = self.until else {
            self.until = Some(import.held_until);
            let left = import.held_until.saturating_sub(now).max(0);
            let seconds = u64::try_from(left).unwrap_or(0).div_ceil(1_000_000);
            return Some(format!(
                "another process was at work on it a moment ago, with {read} of {total} fans: looking whether it is, \
                 for at most {}",
                counted(seconds, "second")
            ));
        };
        if self.is_there || import.held_until <= first {
            return None;
        }
        self.is_there = true;
        Some("it is: this one shows how far that one comes".to_owned())
    }
}

/// Works on an import until it ends, or watches the process that does.
async fn follow(importer: &Importer<'_>, id: WechatId) -> Result<FanImport> {
    let terminal = Terminal::counting("fans");
    let show = |import: &FanImport, is_waiting: bool| {
        let read = import.counts.read + import.under_way.read;
        let step = if is_waiting { WAITING.to_owned() } else { step(import) };
        terminal.at(&step, read, import.total.unwrap_or_default().max(read));
    };
    let (mut stop, mut other) = (importer.stop.clone(), Other::default());
    loop {
        let ended = importer.run(id, &|import| show(import, false)).await?;
        let tenant = importer.tenant;
        let account = importer.store.wechat_accounts(Some(tenant)).await?.remove(&(tenant, id));
        let import = account.context("the account was unbound meanwhile")?.import;
        if import.due.is_none() || ended == Ended::Stopped || *stop.borrow() {
            terminal.clear();
            return Ok(import);
        }
        let held = import.held_until > importer.clock.now() && import.holder != importer.holder;
        if held && ended == Ended::NotMine {
            if let Some(said) = other.met(&import, importer.clock.now()) {
                terminal.aside(|| say!("{said}"))?;
            }
        } else {
            other = Other::default();
        }
        show(&import, other.is_awaited());
        tokio::select! {
            () = tokio::time::sleep(LOOK_PERIOD) => (),
            _ = stop.wait_for(|stop| *stop) => (),
        }
    }
}

/// The account of this app id.
async fn known(store: &dyn Store, tenant: TenantId, app_id: &str) -> Result<WechatAccount> {
    let mut accounts = store.wechat_accounts(Some(tenant)).await?.into_values();
    let found = accounts.find(|account| *account.app_id == *app_id);
    found.with_context(|| format!("no WeChat account `{app_id}` is bound"))
}

/// The only account there is.
async fn only(store: &dyn Store, tenant: TenantId) -> Result<WechatAccount> {
    let mut accounts = store.wechat_accounts(Some(tenant)).await?.into_values();
    match (accounts.next(), accounts.next()) {
        (Some(account), None) => Ok(account),
        (None, _) => bail!("no WeChat account is bound: `kehub wechat bind` binds one"),
        (Some(_), Some(_)) => bail!("several WeChat accounts are bound: expected --app-id"),
    }
}

/// Applies a change; the account afterwards, if there is one.
async fn change(
    store: &dyn Store,
    tenant: TenantId,
    change: WechatChange,
) -> Result<Option<WechatAccount>> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "no other outcome is one of such a command")]
    match apply(store, tenant, StoreCommand::Wechat(change)).await? {
        Outcome::Wechat(WechatOutcome::Stands { account, .. }) => Ok(Some(*account)),
        Outcome::Wechat(WechatOutcome::Unbound(_)) => Ok(None),
        Outcome::Refused(Refusal::Wechat(refusal)) => match refusal {
            WechatRefusal::Missing(_) => bail!("the account was unbound meanwhile"),
            WechatRefusal::TooMany { limit } => bail!("expected at most {limit} accounts"),
            WechatRefusal::SecretMissing => {
                bail!("--app-secret: expected {}", accounts::APP_SECRET)
            }
            WechatRefusal::Bound(_) => {
                bail!("somebody has bound the account meanwhile: bind it again to change it")
            }
            WechatRefusal::NotHolder => bail!("another process works on the import"),
        },
        _ => bail!("the store gave an outcome of another kind"),
    }
}

fn stands(account: Option<WechatAccount>) -> Result<WechatAccount> {
    account.context("the store gave an outcome of another kind")
}

#[cfg(test)]
mod tests {
    use super::*;
    use kehub_core::wechat::{FanCounts, FanFailure};

    #[test]
    fn one_that_is_held_by_another_process_waits_and_says_so_once() {
        let counts = FanCounts { read: 10_000, ..FanCounts::default() };
        let under_way = FanCounts { read: 300, ..FanCounts::default() };
        let total = Some(11_000);
        let held =
            |held_until| FanImport { counts, under_way, total, held_until, ..FanImport::default() };
        let mut other = Other::default();
        let said = other.met(&held(19_000_001), 1_000_000).unwrap();
        let expected = "at work on it a moment ago, with 10300 of 11000 fans: looking whether it is, for at \
                        most 19 seconds";
        assert!(said.ends_with(expected), "{said}");
        assert_eq!(other.met(&held(19_000_001), 2_000_000), None);
        assert!(other.met(&held(19_000_002), 3_000_000).unwrap().starts_with("it is"));
        assert_eq!(other.met(&held(19_000_003), 4_000_000), None);
    }

    #[test]
    fn what_an_import_came_to_tells_why_fans_were_refused() {
        let refused_because = FanRefusals { gone: 2, in_conflict: 1, ..FanRefusals::default() };
        let counts = FanCounts {
            read: 3,
            refused: 3,
            refused_because,
            tags_left_out: 1,
            ..FanCounts::default()
        };
        let import = FanImport {
            asked_at: Some(1),
            ended_at: Some(2),
            total: Some(3),
            counts,
            ..FanImport::default()
        };
        let line = "done: 3 of 3 fans, 0 new, 0 changed, 0 the same, 0 merged, 3 refused \
                    (2 no fan any more, 1 in conflict); 1 name of a tag had no room";
        assert_eq!(told(&import, 3), line);
    }

    #[test]
    fn progress_tells_what_came_of_fans() {
        assert_eq!(step(&FanImport::default()), "importing");
        let counts = FanCounts { read: 10_000, created: 9_000, refused: 1, ..FanCounts::default() };
        let under_way = FanCounts {
            read: 200,
            created: 150,
            updated: 40,
            unchanged: 9,
            merged: 1,
            ..FanCounts::default()
        };
        let mut import = FanImport { counts, under_way, ..FanImport::default() };
        let outcomes = "9150 created, 40 updated, 9 unchanged, 1 merged, 1 refused";
        assert_eq!(step(&import), format!("importing, {outcomes}"));
        import.failure =
            Some(FanFailure { at: 0, code: Some(-1), reason: "WeChat is busy".into() });
        assert_eq!(step(&import), format!("WeChat is busy, {outcomes}"));
    }
}
