//! `kehub user`.

use super::store::{apply, default_tenant, must_be_there, tenant, with_store};
use super::{DEFAULT_TENANT, say};
use crate::config::StoreLocation;
use crate::people::password;
use anyhow::{Context as _, Result, bail, ensure};
use kehub_core::command::{self, InsteadOf};
use kehub_core::directory::App;
use kehub_core::outcome::{Outcome, Refusal};
use kehub_core::people::user::{
    LOGIN_CHARS_MAX, NAME_CHARS_MAX, NewUser, Role, User, UserChange, UserSet, fold_login,
};
use kehub_core::people::{PeopleChange, PeopleOutcome, PeopleRefusal};
use kehub_core::{AppNumber, TenantId};
use kehub_store::Store;
use std::io::{IsTerminal as _, stdin};

/// What can be done with users.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Create a user; asks for the password
    Add {
        /// What the user signs in with: an e-mail address or a word, in any case
        #[arg(value_parser = login)]
        login: Box<str>,
        /// A name for people; the login name unless given
        #[arg(long, value_parser = name)]
        name: Option<Box<str>>,
        /// What the user is there for: admin, editor, reviewer or viewer
        #[arg(long, value_parser = role)]
        role: Role,
        /// The tenant it belongs to
        #[arg(long, default_value = DEFAULT_TENANT)]
        tenant: String,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// List users
    List,
    /// Give a user another role
    Role {
        /// The user
        #[arg(value_parser = login)]
        login: Box<str>,
        /// admin, editor, reviewer or viewer
        #[arg(value_parser = role)]
        role: Role,
    },
    /// Give a user another password, and end its sessions; asks for it
    Password {
        /// The user
        #[arg(value_parser = login)]
        login: Box<str>,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Let a user sign in no more, and end its sessions
    Disable {
        /// The user
        #[arg(value_parser = login)]
        login: Box<str>,
    },
    /// Let a user sign in again
    Enable {
        /// The user
        #[arg(value_parser = login)]
        login: Box<str>,
    },
    /// End all sessions of a user
    SignOut {
        /// The user
        #[arg(value_parser = login)]
        login: Box<str>,
    },
}

/// Where a password comes from. Never from an argument: other users of the machine see those.
#[derive(Debug, clap::Args)]
pub(super) struct PasswordArgs {
    /// Read the password from standard input, up to the end of its first line
    #[arg(long)]
    password_stdin: bool,
}

impl PasswordArgs {
    /// A password for the user of this name, hashed.
    fn hash(&self, login: &str) -> Result<Box<str>> {
        let password = self.read()?;
        ensure!(password::is_fit(&password, login), "a password has {}", password::EXPECTED);
        password::hash(&password).context("cannot hash the password")
    }

    fn read(&self) -> Result<String> {
        if self.password_stdin {
            let mut line = String::new();
            stdin().read_line(&mut line).context("cannot read the password")?;
            let end = line.trim_end_matches(['\r', '\n']).len();
            line.truncate(end);
            return Ok(line);
        }
        ensure!(stdin().is_terminal(), "there is no terminal to ask on: use --password-stdin");
        let password = rpassword::prompt_password("Password: ").context("cannot ask")?;
        let again = rpassword::prompt_password("Once more: ").context("cannot ask")?;
        ensure!(password == again, "the two differ: nothing was changed");
        Ok(password)
    }
}

fn login(text: &str) -> Result<Box<str>, String> {
    let expected =
        || format!("expected 1 to {LOGIN_CHARS_MAX} characters without blanks, found other text");
    fold_login(text).ok_or_else(expected)
}

fn name(text: &str) -> Result<Box<str>, String> {
    let name = text.trim();
    let fits = (1..=NAME_CHARS_MAX).contains(&name.chars().count());
    let expected = || format!("expected 1 to {NAME_CHARS_MAX} characters, found other text");
    fits.then(|| name.into()).ok_or_else(expected)
}

fn role(name: &str) -> Result<Role, &'static str> {
    Role::named(name).ok_or("expected admin, editor, reviewer or viewer")
}

pub(super) async fn run(location: &StoreLocation, command: Command) -> Result<()> {
    if matches!(command, Command::List) {
        must_be_there(location).await?;
    }
    with_store(location, async move |store| match command {
        Command::Add { login, name, role, tenant, password } => {
            let password = password.hash(&login)?;
            let name = name.unwrap_or_else(|| login.chars().take(NAME_CHARS_MAX).collect());
            let change =
                UserChange::Create(NewUser { login, name, role, password, is_first: false });
            let (user, _) = change_user(&*store, of(&*store, &tenant).await?, change).await?;
            say!("{} may sign in to tenant {tenant} as {}", user.login, user.role.name())
        }
        Command::List => list(&*store).await,
        Command::Role { login, role } => {
            set(&*store, &login, UserSet { role: Some(role), ..UserSet::default() }).await?;
            say!("{login} is {} now; running hubs know it within seconds", role.name())
        }
        Command::Password { login, password } => {
            let password = password.hash(&login)?;
            set(&*store, &login, UserSet { password: Some(password), ..UserSet::default() })
                .await?;
            say!("{login} has another password, and is signed out everywhere")
        }
        Command::Disable { login } => {
            set(&*store, &login, UserSet { is_disabled: Some(true), ..UserSet::default() }).await?;
            say!("{login} may sign in no more, and is signed out everywhere")
        }
        Command::Enable { login } => {
            set(&*store, &login, UserSet { is_disabled: Some(false), ..UserSet::default() })
                .await?;
            say!("{login} may sign in again")
        }
        Command::SignOut { login } => {
            let (tenant, app) = known(&*store, &login).await?;
            let sign_out = UserChange::SignOut { app, instead_of: InsteadOf::Whatever };
            change_user(&*store, tenant, sign_out).await?;
            say!("{login} is signed out everywhere")
        }
    })
    .await
}

async fn list(store: &dyn Store) -> Result<()> {
    let directory = store.directory().await?;
    for user in &directory.users {
        let Some(app) = directory.app(user.app) else { continue };
        let tenant = directory.tenants.iter().find(|tenant| tenant.id == app.tenant);
        let tenant = tenant.map_or("?", |tenant| &*tenant.name);
        let state = if app.revoked_at.is_some() { "disabled" } else { "live" };
        say!("{}  {state:8}  {tenant}  {:8}  {}", user.login, user.role.name(), app.name)?;
    }
    Ok(())
}

/// The tenant of this name; the default one comes into being if it is not there.
async fn of(store: &dyn Store, name: &str) -> Result<TenantId> {
    let found = if name == DEFAULT_TENANT {
        default_tenant(store).await
    } else {
        tenant(store, name).await
    };
    Ok(found?.id)
}

/// The user of this name, and whose it is.
async fn known(store: &dyn Store, login: &str) -> Result<(TenantId, AppNumber)> {
    let directory = store.directory().await?;
    let user = directory.users.iter().find(|user| &*user.login == login);
    let app = user.and_then(|user| directory.app(user.app));
    let found = app.map(|app| (app.tenant, app.number));
    found.with_context(|| format!("there is no user `{login}`"))
}

async fn set(store: &dyn Store, login: &str, set: UserSet) -> Result<()> {
    let (tenant, app) = known(store, login).await?;
    change_user(store, tenant, UserChange::Set { app, set }).await.map(drop)
}

async fn change_user(
    store: &dyn Store,
    tenant: TenantId,
    change: UserChange,
) -> Result<(User, App)> {
    let command = command::Command::People(PeopleChange::User(change));
    let outcome = apply(store, tenant, command).await?;
    if let Outcome::Refused(Refusal::People(refusal)) = outcome {
        #[expect(clippy::wildcard_enum_match_arm, reason = "no other one is of such a command")]
        match refusal {
            PeopleRefusal::LoginTaken => bail!("there is a user of this login name already"),
            PeopleRefusal::LastAdmin => {
                bail!("the tenant would have no admin: make another user one first")
            }
            PeopleRefusal::UserMissing(_) => bail!("there is no such user any more"),
            _ => bail!("the store gave a refusal of another kind"),
        }
    }
    let Outcome::People(outcome) = outcome else {
        bail!("the store gave an outcome of another kind");
    };
    let PeopleOutcome::User { user, app, .. } = *outcome else {
        bail!("the store gave an outcome of another kind");
    };
    Ok((user, app))
}
