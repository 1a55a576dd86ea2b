//! Users, their sessions, attempts to sign in, saved filters, and the audit log.

use crate::audit::whole;
use crate::support::{Rig, TENANT, upsert};
use kehub_core::command::{Command, InsteadOf};
use kehub_core::directory::{AppChange, Permission};
use kehub_core::outcome::{Outcome, Refusal};
use kehub_core::people::audit::{
    About, AuditEntry, AuditFilter, AuditNumber, AuditPlace, Deed, Note,
};
use kehub_core::people::saved::{SAVED_FILTERS_MAX, SavedChange, SavedFilter};
use kehub_core::people::session::{
    Attempts, LoginKey, SESSIONS_MAX, Session, SessionChange, SessionHash, UNKNOWN_LOGINS_MAX,
};
use kehub_core::people::user::{NewUser, Role, User, UserChange, UserSet, UserShown};
use kehub_core::people::{PeopleChange, PeopleOutcome, PeopleRefusal};
use kehub_core::policy::Preset;
use kehub_core::webhook::{Secret, Settings, SettingsChange, WebhookChange};
use kehub_core::wechat::{Sealed, WechatChange, WechatSecretsChange, WechatSettingsChange};
use kehub_core::{AppNumber, CustomerId, TenantId, WebhookId, WechatId};

const KEY: LoginKey = LoginKey([7; 16]);
const FIRST: AppNumber = AppNumber(1);

async fn people(
    rig: &Rig,
    tenant: TenantId,
    change: PeopleChange,
) -> Result<PeopleOutcome, PeopleRefusal> {
    match rig.run(tenant, Command::People(change)).await {
        Outcome::People(outcome) => Ok(*outcome),
        Outcome::Refused(Refusal::People(refusal)) => Err(refusal),
        other => panic!("nothing about people: {other:?}"),
    }
}

fn user(login: &str, role: Role) -> UserChange {
    let (name, password) = (format!("{login}'s name").into(), format!("hash of {login}").into());
    UserChange::Create(NewUser { login: login.into(), name, role, password, is_first: false })
}

async fn change(rig: &Rig, change: UserChange) -> Result<(User, bool), PeopleRefusal> {
    match people(rig, TENANT, PeopleChange::User(change)).await? {
        PeopleOutcome::User { user, created, .. } => Ok((user, created)),
        other => panic!("no user: {other:?}"),
    }
}

/// Creates a user.
async fn add(rig: &Rig, login: &str, role: Role) -> AppNumber {
    let (user, created) = change(rig, user(login, role)).await.unwrap();
    assert!(created);
    user.app
}

fn hash(number: u8) -> SessionHash {
    SessionHash([number; 32])
}

async fn session(rig: &Rig, change: SessionChange) -> Result<Session, PeopleRefusal> {
    match people(rig, TENANT, PeopleChange::Session(change)).await? {
        PeopleOutcome::Session(session) => Ok(session),
        other => panic!("no session: {other:?}"),
    }
}

async fn begin(
    rig: &Rig,
    app: AppNumber,
    login: &str,
    number: u8,
) -> Result<Session, PeopleRefusal> {
    let (password, agent) = (format!("hash of {login}").into(), "Firefox".into());
    session(rig, SessionChange::Begin { key: KEY, app, password, hash: hash(number), agent }).await
}

async fn fail(
    rig: &Rig,
    key: LoginKey,
    app: Option<AppNumber>,
    unwritten: Option<u64>,
) -> Result<Attempts, PeopleRefusal> {
    let fail = SessionChange::Fail { key, app, unwritten };
    match people(rig, TENANT, PeopleChange::Session(fail)).await? {
        PeopleOutcome::Failed(attempts) => Ok(attempts),
        other => panic!("nothing failed: {other:?}"),
    }
}

async fn save(
    rig: &Rig,
    app: AppNumber,
    name: &str,
    query: &str,
) -> Result<SavedFilter, PeopleRefusal> {
    let save = SavedChange::Save { app, name: name.into(), query: query.into() };
    match people(rig, TENANT, PeopleChange::Saved(save)).await? {
        PeopleOutcome::Saved(filter) => Ok(filter),
        other => panic!("nothing saved: {other:?}"),
    }
}

async fn saved(rig: &Rig, app: AppNumber) -> Vec<(String, String)> {
    let saved = rig.store.saved_filters(app).await.unwrap();
    saved.iter().map(|it| (it.name.to_string(), it.query.to_string())).collect()
}

/// So many entries of the audit log, newest first.
async fn latest(rig: &Rig, count: usize) -> Vec<AuditEntry> {
    rig.store.audit(TENANT, &AuditFilter::default(), None, count).await.unwrap()
}

async fn deeds(rig: &Rig) -> Vec<Deed> {
    let mut entries = whole(rig, TENANT).await;
    entries.reverse();
    entries.iter().map(|entry| entry.deed).collect()
}

async fn live(rig: &Rig, app: AppNumber) -> Vec<SessionHash> {
    let sessions = rig.store.sessions(app).await.unwrap();
    sessions.iter().map(|session| session.hash).collect()
}

/// Some of everything.
pub(crate) async fn fill(rig: &Rig) {
    let admin = add(rig, "anna@example.com", Role::Admin).await;
    add(rig, "李娜", Role::Viewer).await;
    begin(rig, admin, "anna@example.com", 200).await.unwrap();
    begin(rig, admin, "anna@example.com", 3).await.unwrap();
    fail(rig, KEY, Some(admin), Some(0)).await.unwrap();
    fail(rig, LoginKey([255; 16]), None, Some(3)).await.unwrap();
    save(rig, admin, "北京", "city=%E5%8C%97%E4%BA%AC").await.unwrap();
}

/// Everything there is of it.
pub(crate) async fn everything(
    rig: &dyn kehub_store::Store,
) -> impl PartialEq + std::fmt::Debug + use<> {
    let (mut sessions, mut saved) = (Vec::new(), Vec::new());
    for user in rig.directory().await.unwrap().users {
        sessions.extend(rig.sessions(user.app).await.unwrap());
        saved.extend(rig.saved_filters(user.app).await.unwrap());
    }
    let attempts = rig.attempts(LoginKey([255; 16])).await.unwrap();
    (
        sessions,
        saved,
        attempts,
        rig.audit(TENANT, &AuditFilter::default(), None, 100).await.unwrap(),
    )
}

pub(crate) async fn a_user_is_an_app_that_is_no_program(rig: &Rig) {
    let admin = add(rig, "anna", Role::Admin).await;
    let viewer = add(rig, "li.na", Role::Viewer).await;
    assert_eq!((admin, viewer), (FIRST, AppNumber(2)));
    let directory = rig.store.directory().await.unwrap();
    assert_eq!(directory.programs().count(), 0);
    let app = directory.app(viewer).unwrap();
    assert_eq!((&*app.id, &*app.name, app.tenant), ("user:li.na", "li.na's name", TENANT));
    assert_eq!(app.permissions, [Permission::CustomersRead]);
    let expected = User {
        app: viewer,
        login: "li.na".into(),
        role: Role::Viewer,
        password: "hash of li.na".into(),
        password_at: rig.now(),
    };
    assert_eq!(directory.users.last(), Some(&expected));

    // It is not changed as programs are, and its number is not given out again.
    for change in [
        AppChange::Revoke { id: app.id.clone() },
        AppChange::Rotate {
            id: app.id.clone(),
            secret_hash: [1; 32],
            instead_of: InsteadOf::Whatever,
        },
        AppChange::Permit {
            id: app.id.clone(),
            permissions: Vec::new(),
            instead_of: InsteadOf::Whatever,
        },
    ] {
        let outcome = rig.run(TENANT, Command::ChangeApp(change)).await;
        assert_eq!(outcome, Outcome::Refused(Refusal::AppMissing));
    }
    let (name, secret_hash, permissions) = ("shop".into(), [1; 32], Vec::new());
    let create = AppChange::Create { id: "cl1".into(), name, secret_hash, permissions };
    let Outcome::App { app: program, .. } = rig.run(TENANT, Command::ChangeApp(create)).await
    else {
        panic!("no app");
    };
    assert_eq!(program.number, AppNumber(3));
    let directory = rig.store.directory().await.unwrap();
    assert_eq!(directory.programs().collect::<Vec<_>>(), [&program]);
    assert_eq!(add(rig, "third", Role::Editor).await, AppNumber(4));
}

pub(crate) async fn a_login_name_is_taken_once_in_the_hub(rig: &Rig) {
    let first = |login: &str| {
        let UserChange::Create(new) = user(login, Role::Admin) else { panic!("a new user") };
        UserChange::Create(NewUser { is_first: true, ..new })
    };
    change(rig, first("anna")).await.unwrap();
    assert_eq!(change(rig, first("berta")).await, Err(PeopleRefusal::NotFirst));
    assert_eq!(change(rig, user("anna", Role::Viewer)).await, Err(PeopleRefusal::LoginTaken));
    let second = rig.tenant("second", Preset::Compat).await;
    let again = PeopleChange::User(user("anna", Role::Viewer));
    assert_eq!(people(rig, second, again).await, Err(PeopleRefusal::LoginTaken));
    // Nor does another tenant see or change it.
    let set = PeopleChange::User(demote(FIRST, Role::Viewer));
    assert_eq!(people(rig, second, set).await, Err(PeopleRefusal::UserMissing(FIRST)));
    assert_eq!(whole(rig, second).await, []);
    let nobody = Command::People(PeopleChange::User(user("x", Role::Viewer)));
    assert_eq!(rig.run(TenantId(77), nobody).await, Outcome::Refused(Refusal::TenantMissing));
}

pub(crate) async fn what_a_user_may_do_follows_its_role(rig: &Rig) {
    add(rig, "anna", Role::Admin).await;
    let app = add(rig, "berta", Role::Viewer).await;
    for role in Role::ALL {
        assert_eq!(change(rig, demote(app, *role)).await.unwrap().0.role, *role);
        let directory = rig.store.directory().await.unwrap();
        assert_eq!(directory.app(app).unwrap().permissions, role.permissions());
    }
    let entries = latest(rig, 1).await;
    let details = [("from".into(), "reviewer".into()), ("to".into(), "viewer".into())];
    let expected = AuditEntry {
        number: AuditNumber(6),
        at: rig.now(),
        app: Some(AppNumber(1)),
        deed: Deed::RoleChanged,
        about: Some(About::User(app)),
        details: details.into(),
    };
    assert_eq!(entries, [expected]);
}

pub(crate) async fn a_tenant_keeps_an_admin(rig: &Rig) {
    let admin = add(rig, "anna", Role::Admin).await;
    let other = add(rig, "berta", Role::Editor).await;
    assert_eq!(change(rig, demote(admin, Role::Editor)).await, Err(PeopleRefusal::LastAdmin));
    assert_eq!(change(rig, disable(admin, true)).await, Err(PeopleRefusal::LastAdmin));
    change(rig, demote(other, Role::Admin)).await.unwrap();
    change(rig, disable(admin, true)).await.unwrap();
    assert_eq!(change(rig, demote(other, Role::Viewer)).await, Err(PeopleRefusal::LastAdmin));
    change(rig, disable(admin, false)).await.unwrap();
    change(rig, demote(other, Role::Viewer)).await.unwrap();
}

pub(crate) async fn what_somebody_else_set_for_a_user_meanwhile_stays(rig: &Rig) {
    let app = add(rig, "berta", Role::Editor).await;
    let shown = |role| UserShown { name: "berta's name".into(), role, is_disabled: false };
    let set = |role, instead_of| UserChange::Set {
        app,
        set: UserSet { role: Some(role), instead_of, ..UserSet::default() },
    };
    let seen = InsteadOf::This(shown(Role::Editor));
    change(rig, set(Role::Reviewer, seen.clone())).await.unwrap();
    for seen in [seen, InsteadOf::Earlier] {
        assert_eq!(change(rig, set(Role::Viewer, seen)).await, Err(PeopleRefusal::UserChanged));
    }
    assert_eq!(rig.store.directory().await.unwrap().user(app).unwrap().role, Role::Reviewer);
    let seen = InsteadOf::This(shown(Role::Reviewer));
    assert_eq!(change(rig, set(Role::Viewer, seen)).await.unwrap().0.role, Role::Viewer);
}

fn demote(app: AppNumber, role: Role) -> UserChange {
    UserChange::Set { app, set: UserSet { role: Some(role), ..UserSet::default() } }
}

fn disable(app: AppNumber, is_disabled: bool) -> UserChange {
    let is_disabled = Some(is_disabled);
    UserChange::Set { app, set: UserSet { is_disabled, ..UserSet::default() } }
}

fn password(app: AppNumber, text: &str, keep: Option<SessionHash>) -> UserChange {
    let password = Some(text.into());
    UserChange::Set { app, set: UserSet { password, keep, ..UserSet::default() } }
}

pub(crate) async fn a_session_is_kept_until_it_ends(rig: &Rig) {
    let anna = add(rig, "anna", Role::Admin).await;
    let begun = begin(rig, anna, "anna", 1).await.unwrap();
    assert_eq!((begun.app, begun.begun_at, begun.seen_at), (anna, rig.now(), rig.now()));
    assert_eq!(rig.store.session(hash(1)).await.unwrap(), Some(begun.clone()));
    assert_eq!(rig.store.session(hash(2)).await.unwrap(), None);
    // It is noted once a minute that something is done in it.
    let touched = session(rig, SessionChange::Touch(hash(1))).await.unwrap();
    assert_eq!(touched, begun);
    for _ in 0..58 {
        rig.run(TENANT, Command::Probe).await;
    }
    let touched = session(rig, SessionChange::Touch(hash(1))).await.unwrap();
    assert_eq!(touched, Session { seen_at: rig.now(), ..begun });
    assert_eq!(rig.store.sessions(anna).await.unwrap(), [touched]);

    begin(rig, anna, "anna", 2).await.unwrap();
    let end = PeopleChange::Session(SessionChange::End(hash(1)));
    assert_eq!(people(rig, TENANT, end.clone()).await, Ok(PeopleOutcome::Ended));
    assert_eq!(people(rig, TENANT, end).await, Err(PeopleRefusal::SessionMissing));
    let touch = session(rig, SessionChange::Touch(hash(1))).await;
    assert_eq!(touch, Err(PeopleRefusal::SessionMissing));
    assert_eq!(live(rig, anna).await, [hash(2)]);
    let sign_out = |instead_of| UserChange::SignOut { app: anna, instead_of };
    // Who was let through for another role ends nothing.
    for seen in [InsteadOf::This(Role::Viewer), InsteadOf::Earlier] {
        assert_eq!(change(rig, sign_out(seen)).await, Err(PeopleRefusal::UserChanged));
    }
    assert_eq!(live(rig, anna).await, [hash(2)]);
    change(rig, sign_out(InsteadOf::This(Role::Admin))).await.unwrap();
    assert_eq!(live(rig, anna).await, []);
    let expected = [
        Deed::UserCreated,
        Deed::SignedIn,
        Deed::SignedIn,
        Deed::SignedOut,
        Deed::SignedOutEverywhere,
    ];
    assert_eq!(deeds(rig).await, expected);
    let last = latest(rig, 1).await.remove(0);
    assert_eq!(last.details, [("sessions".into(), "1".into())].into());
    // It is nothing that a journal tells.
    assert_eq!(rig.store.feed(TENANT, 0, 10).await.unwrap().newest, 0);
}

pub(crate) async fn sessions_end_with_what_they_were_begun_by(rig: &Rig) {
    let anna = add(rig, "anna", Role::Admin).await;
    let berta = add(rig, "berta", Role::Viewer).await;
    for number in 1..4 {
        begin(rig, anna, "anna", number).await.unwrap();
    }
    begin(rig, berta, "berta", 9).await.unwrap();
    change(rig, password(anna, "another", Some(hash(2)))).await.unwrap();
    assert_eq!(live(rig, anna).await, [hash(2)]);
    // Neither the old password nor one that was verified before it changed begins another.
    assert_eq!(begin(rig, anna, "anna", 5).await, Err(PeopleRefusal::NotVerified));
    change(rig, password(anna, "hash of anna", None)).await.unwrap();
    assert_eq!(live(rig, anna).await, []);
    begin(rig, anna, "anna", 5).await.unwrap();

    change(rig, disable(berta, true)).await.unwrap();
    assert_eq!(live(rig, berta).await, []);
    assert_eq!(begin(rig, berta, "berta", 6).await, Err(PeopleRefusal::NotVerified));
    let app = rig.store.directory().await.unwrap().app(berta).unwrap().clone();
    assert_eq!(app.revoked_at, Some(rig.now() - 1_000_000));
    change(rig, disable(berta, false)).await.unwrap();
    begin(rig, berta, "berta", 6).await.unwrap();
    assert_eq!(live(rig, anna).await, [hash(5)]);
}

pub(crate) async fn a_user_has_so_many_sessions(rig: &Rig) {
    let anna = add(rig, "anna", Role::Admin).await;
    let many = u8::try_from(SESSIONS_MAX).unwrap();
    for number in (1..=many).rev() {
        begin(rig, anna, "anna", number).await.unwrap();
    }
    assert_eq!(live(rig, anna).await.len(), SESSIONS_MAX);
    begin(rig, anna, "anna", 200).await.unwrap();
    let left = live(rig, anna).await;
    assert_eq!(
        (left.len(), left.first(), left.last()),
        (SESSIONS_MAX, Some(&hash(1)), Some(&hash(200)))
    );
    assert!(!left.contains(&hash(many)), "the one that was left alone for longest");
}

pub(crate) async fn failed_attempts_lock_a_name_whoever_has_it(rig: &Rig) {
    let anna = add(rig, "anna", Role::Admin).await;
    let nobody = LoginKey([8; 16]);
    for (key, app) in [(KEY, Some(anna)), (nobody, None)] {
        for failed in 1..5 {
            let attempts = fail(rig, key, app, None).await.unwrap();
            assert_eq!((attempts.failed, attempts.is_locked(rig.now())), (failed, false));
        }
        let attempts = fail(rig, key, app, Some(0)).await.unwrap();
        let until = rig.now() + 30_000_000;
        assert_eq!(
            attempts,
            Attempts { app, failed: 5, failed_at: rig.now(), locked_until: until }
        );
        assert_eq!(rig.store.attempts(key).await.unwrap(), Some(attempts));
        assert_eq!(fail(rig, key, app, None).await, Err(PeopleRefusal::Locked { until }));
    }
    let until = rig.store.attempts(KEY).await.unwrap().unwrap().locked_until;
    assert_eq!(begin(rig, anna, "anna", 1).await, Err(PeopleRefusal::Locked { until }));
    for _ in 0..30 {
        rig.run(TENANT, Command::Probe).await;
    }
    begin(rig, anna, "anna", 1).await.unwrap();
    assert_eq!(rig.store.attempts(KEY).await.unwrap(), None);
    assert!(rig.store.attempts(nobody).await.unwrap().is_some());

    let failed = latest(rig, 3).await;
    let told: Vec<_> = failed.iter().map(|entry| (entry.deed, entry.app, entry.about)).collect();
    let about = Some(About::User(anna));
    let expected = [
        (Deed::SignedIn, Some(anna), about),
        (Deed::SignInFailed, None, None),
        (Deed::SignInFailed, None, about),
    ];
    assert_eq!(told, expected);
    assert_eq!(failed[1].details, [("lockedSeconds".into(), "30".into())].into());
}

pub(crate) async fn a_new_password_opens_a_locked_name(rig: &Rig) {
    let anna = add(rig, "anna", Role::Admin).await;
    for _ in 0..5 {
        fail(rig, KEY, Some(anna), None).await.unwrap();
    }
    change(rig, password(anna, "hash of anna", None)).await.unwrap();
    assert_eq!(rig.store.attempts(KEY).await.unwrap(), None);
    begin(rig, anna, "anna", 1).await.unwrap();
}

pub(crate) async fn attempts_under_unknown_names_are_forgotten_where_there_are_many(rig: &Rig) {
    let anna = add(rig, "anna", Role::Admin).await;
    fail(rig, KEY, Some(anna), None).await.unwrap();
    let key = |number: usize| {
        let mut key = [0; 16];
        key[8..].copy_from_slice(&u64::try_from(number).unwrap().to_be_bytes());
        LoginKey(key)
    };
    let all: Vec<_> = (0..=UNKNOWN_LOGINS_MAX)
        .map(|number| {
            let fail = SessionChange::Fail { key: key(number), app: None, unwritten: None };
            rig.request(TENANT, Command::People(PeopleChange::Session(fail)))
        })
        .collect();
    for part in all.chunks(500) {
        rig.batch(part.to_vec()).await;
    }
    assert_eq!(rig.store.attempts(key(0)).await.unwrap(), None);
    assert!(rig.store.attempts(key(1)).await.unwrap().is_some());
    assert!(rig.store.attempts(key(UNKNOWN_LOGINS_MAX)).await.unwrap().is_some());
    assert!(rig.store.attempts(KEY).await.unwrap().is_some(), "it is somebody's");
}

pub(crate) async fn what_people_do_is_read_newest_first(rig: &Rig) {
    rig.run(TENANT, upsert(&["a1"], &[("mobile", "13800000001")])).await;
    let note = |deed| {
        let about = Some(About::Customer(CustomerId(1)));
        let details = [("field".into(), "mobile".into())].into();
        PeopleChange::Note(Note { deed, about, details })
    };
    for (number, deed) in (1..).zip(Deed::ALL) {
        let noted = people(rig, TENANT, note(*deed)).await;
        assert_eq!(noted, Ok(PeopleOutcome::Noted(AuditNumber(number))));
    }
    let newest = i64::try_from(Deed::ALL.len()).unwrap();
    let page = latest(rig, 2).await;
    let numbers: Vec<i64> = page.iter().map(|entry| entry.number.0).collect();
    assert_eq!(numbers, [newest, newest - 1]);
    let third = AuditPlace { at: 5_000_000, number: AuditNumber(3) };
    let rest = rig.store.audit(TENANT, &AuditFilter::default(), Some(third), 9).await.unwrap();
    let numbers: Vec<i64> = rest.iter().map(|entry| entry.number.0).collect();
    assert_eq!(numbers, [2, 1]);
    let expected = AuditEntry {
        number: AuditNumber(1),
        at: 3_000_000,
        app: Some(FIRST),
        deed: Deed::SignedIn,
        about: Some(About::Customer(CustomerId(1))),
        details: [("field".into(), "mobile".into())].into(),
    };
    assert_eq!(rest.last(), Some(&expected));
    let second = rig.tenant("second", Preset::Compat).await;
    assert_eq!(whole(rig, second).await, []);
    let noted = people(rig, second, note(Deed::CustomersRead)).await;
    assert_eq!(noted, Ok(PeopleOutcome::Noted(AuditNumber(1))));
    assert_eq!(rig.store.check(None).await.unwrap().findings, []);
}

/// Keeps an app, a webhook and a WeChat account, some of it in vain.
async fn administer(rig: &Rig) {
    let id = "cl00000000000000aa";
    let create = || AppChange::Create {
        id: id.into(),
        name: "shop".into(),
        secret_hash: [7; 32],
        permissions: vec![Permission::CustomersWrite, Permission::CustomersRead],
    };
    let permissions = vec![Permission::CustomersRead];
    let apps = [
        create(),
        create(), // it is there already
        AppChange::Permit { id: id.into(), permissions, instead_of: InsteadOf::Whatever },
        AppChange::Rotate { id: id.into(), secret_hash: [8; 32], instead_of: InsteadOf::Whatever },
        AppChange::Revoke { id: id.into() },
        AppChange::Permit {
            id: "nobody".into(),
            permissions: vec![],
            instead_of: InsteadOf::Whatever,
        },
    ];
    for change in apps {
        rig.run(TENANT, Command::ChangeApp(change)).await;
    }
    let url = "https://a.example/".into();
    let settings = Settings { url, description: "".into(), kinds: vec![], enabled: true };
    let hook = WebhookId(1);
    let webhooks = [
        WebhookChange::Create { settings, secret: Secret([1; 32]) },
        WebhookChange::Set { id: hook, settings: SettingsChange::default() },
        WebhookChange::Rotate { id: hook, secret: Secret([2; 32]), old_until: 0 },
        WebhookChange::Replay { id: hook, after: 0 },
        WebhookChange::Delete(hook),
        WebhookChange::Delete(hook), // nothing is left of it
    ];
    for change in webhooks {
        rig.run(TENANT, Command::Webhook(change)).await;
    }
    let account = WechatId(1);
    let bind = || WechatChange::Bind {
        app_id: "wx0123456789abcdef".into(),
        is_new: false,
        settings: WechatSettingsChange::default(),
        secrets: WechatSecretsChange {
            app_secret: Some(Sealed([1; 3].into())),
            ..WechatSecretsChange::default()
        },
    };
    let ask = WechatChange::Ask { id: account, from_start: false, unless_since: None };
    for change in [bind(), bind(), ask, WechatChange::Unbind(account)] {
        rig.run(TENANT, Command::Wechat(change)).await;
    }
    let mut dry = rig.request(TENANT, Command::Wechat(bind()));
    dry.dry_run = true;
    rig.batch(vec![dry]).await;
}

pub(crate) async fn who_keeps_apps_webhooks_and_accounts_leaves_a_trace(rig: &Rig) {
    administer(rig).await;
    let mut entries = whole(rig, TENANT).await;
    entries.reverse();
    let seen: Vec<(Deed, Option<About>)> = entries.iter().map(|it| (it.deed, it.about)).collect();
    let (app, hook) = (Some(About::App(FIRST)), Some(About::Webhook(WebhookId(1))));
    let account = Some(About::WechatAccount(WechatId(1)));
    let expected = [
        (Deed::AppCreated, app),
        (Deed::AppPermitted, app),
        (Deed::AppSecretChanged, app),
        (Deed::AppRevoked, app),
        (Deed::WebhookCreated, hook),
        (Deed::WebhookChanged, hook),
        (Deed::WebhookSecretChanged, hook),
        (Deed::WebhookReplayed, hook),
        (Deed::WebhookDeleted, hook),
        (Deed::WechatBound, account),
        (Deed::WechatChanged, account),
        (Deed::WechatUnbound, account),
    ];
    assert_eq!(seen, expected);
    let numbers: Vec<i64> = entries.iter().map(|entry| entry.number.0).collect();
    assert_eq!(numbers, (1..=12).collect::<Vec<i64>>());
    assert_eq!(&*entries[0].details["permissions"], "customers.read customers.write");
    assert_eq!(&*entries[1].details["permissions"], "customers.read");
}

pub(crate) async fn a_saved_filter_is_kept_until_its_user_forgets_it(rig: &Rig) {
    let anna = add(rig, "anna", Role::Viewer).await;
    let other = add(rig, "li.na", Role::Viewer).await;
    save(rig, anna, "members", "isMember=true").await.unwrap();
    let filter = save(rig, anna, "B", "stage=B").await.unwrap();
    assert_eq!((filter.app, &*filter.name, &*filter.query), (anna, "B", "stage=B"));
    save(rig, other, "members", "stage=Member").await.unwrap();
    // Another one of the same name takes its place.
    save(rig, anna, "members", "isMember=true&city=X").await.unwrap();
    let theirs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(name, query)| ((*name).into(), (*query).into())).collect()
    };
    let expected = theirs(&[("B", "stage=B"), ("members", "isMember=true&city=X")]);
    assert_eq!(saved(rig, anna).await, expected);

    let forget =
        |app, name: &str| PeopleChange::Saved(SavedChange::Forget { app, name: name.into() });
    let second = rig.tenant("second", Preset::Compat).await;
    let foreign = people(rig, second, forget(anna, "B")).await;
    assert_eq!(foreign, Err(PeopleRefusal::UserMissing(anna)));
    assert_eq!(people(rig, TENANT, forget(anna, "B")).await, Ok(PeopleOutcome::Forgotten));
    let again = people(rig, TENANT, forget(anna, "B")).await;
    assert_eq!(again, Err(PeopleRefusal::SavedMissing));
    assert_eq!(saved(rig, anna).await, theirs(&[("members", "isMember=true&city=X")]));
    assert_eq!(saved(rig, other).await, theirs(&[("members", "stage=Member")]));
}

pub(crate) async fn a_user_has_so_many_saved_filters(rig: &Rig) {
    let (anna, other) = (add(rig, "anna", Role::Viewer).await, add(rig, "li", Role::Viewer).await);
    for number in 0..SAVED_FILTERS_MAX {
        save(rig, anna, &format!("filter {number}"), "stage=A").await.unwrap();
    }
    let one_more = save(rig, anna, "one more", "stage=A").await;
    assert_eq!(one_more, Err(PeopleRefusal::TooManySaved));
    save(rig, anna, "filter 7", "stage=B").await.unwrap();
    save(rig, other, "one more", "stage=A").await.unwrap();
    assert_eq!(saved(rig, anna).await.len(), SAVED_FILTERS_MAX);
}
