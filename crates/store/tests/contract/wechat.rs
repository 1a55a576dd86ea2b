//! WeChat accounts, and how far the import of their fans has come.

use crate::support::{Rig, TENANT};
use kehub_core::command::{Command, Idempotency};
use kehub_core::limits::WECHAT_ACCOUNTS_MAX;
use kehub_core::outcome::{Outcome, Refusal};
use kehub_core::policy::Preset;
use kehub_core::receipt::Remembered;
use kehub_core::wechat::{
    FanCounts, FanFailure, FanImport, FanState, Sealed, WechatAccount, WechatChange, WechatOutcome,
    WechatRefusal, WechatSecretsChange, WechatSettings, WechatSettingsChange,
};
use kehub_core::{TenantId, WechatId};

const FIRST: WechatId = WechatId(1);
const HOLDER: i64 = -7;

fn sealed(byte: u8) -> Sealed {
    Sealed([byte; 3].into())
}

fn bind(app_id: &str) -> WechatChange {
    let settings = WechatSettingsChange {
        name: Some("旗舰店".into()),
        service_type: Some(2),
        verify_type: Some(-1),
        nightly: None,
    };
    let secrets = WechatSecretsChange {
        app_secret: Some(sealed(1)),
        token: Some(sealed(2)),
        ..WechatSecretsChange::default()
    };
    WechatChange::Bind { app_id: app_id.into(), is_new: false, settings, secrets }
}

async fn change(rig: &Rig, change: WechatChange) -> Result<WechatAccount, Refusal> {
    match rig.run(TENANT, Command::Wechat(change)).await {
        Outcome::Wechat(WechatOutcome::Stands { account, .. }) => Ok(*account),
        Outcome::Refused(refusal) => Err(refusal),
        other => panic!("no account: {other:?}"),
    }
}

async fn kept(rig: &Rig) -> Vec<WechatAccount> {
    rig.store.wechat_accounts(Some(TENANT)).await.unwrap().into_values().collect()
}

fn refused<T>(refusal: WechatRefusal) -> Result<T, Refusal> {
    Err(Refusal::Wechat(refusal))
}

fn ask() -> WechatChange {
    WechatChange::Ask { id: FIRST, from_start: false, unless_since: None }
}

async fn step(rig: &Rig, import: FanImport) -> Result<WechatAccount, Refusal> {
    change(rig, WechatChange::Step { id: FIRST, import: Box::new(import) }).await
}

pub(crate) async fn an_account_is_bound_changed_and_unbound(rig: &Rig) {
    let mut dry = rig.request(TENANT, Command::Wechat(bind("wx1")));
    dry.dry_run = true;
    rig.batch(vec![dry]).await;
    assert_eq!(kept(rig).await, []);

    let bound = change(rig, bind("wx1")).await.unwrap();
    assert_eq!((bound.id, &*bound.app_id, bound.secrets.aes_key.clone()), (FIRST, "wx1", None));
    assert_eq!(bound.import.state(0), FanState::Never);
    assert_eq!(kept(rig).await, std::slice::from_ref(&bound));
    assert!(!format!("{bound:?}").contains("1, 1"), "a secret is not to be read in logs");

    // Who wants a new one changes none that is there.
    let WechatChange::Bind { app_id, settings, secrets, .. } = bind("wx1") else { panic!() };
    let anew = WechatChange::Bind { app_id, is_new: true, settings, secrets };
    assert_eq!(change(rig, anew).await, refused(WechatRefusal::Bound(FIRST)));
    assert_eq!(kept(rig).await, std::slice::from_ref(&bound));

    // What is not given stays, of settings and of secrets.
    let settings = WechatSettingsChange { nightly: Some(true), ..WechatSettingsChange::default() };
    let secrets =
        WechatSecretsChange { aes_key: Some(sealed(3)), ..WechatSecretsChange::default() };
    let again = WechatChange::Bind { app_id: "wx1".into(), is_new: false, settings, secrets };
    let changed = change(rig, again).await.unwrap();
    let settings = WechatSettings { nightly: true, ..bound.settings.clone() };
    assert_eq!((changed.id, &changed.settings), (FIRST, &settings));
    let secrets = &changed.secrets;
    assert_eq!(secrets.app_secret, sealed(1));
    assert_eq!(
        (secrets.token.clone(), secrets.aes_key.clone()),
        (Some(sealed(2)), Some(sealed(3)))
    );
    assert!(changed.updated_at > bound.updated_at && changed.created_at == bound.created_at);
    assert_eq!(kept(rig).await, [changed]);

    let unbind = || Command::Wechat(WechatChange::Unbind(FIRST));
    let unbound = rig.run(TENANT, unbind()).await;
    assert_eq!(unbound, Outcome::Wechat(WechatOutcome::Unbound(FIRST)));
    assert_eq!(kept(rig).await, []);
    assert_eq!(
        change(rig, WechatChange::Unbind(FIRST)).await,
        refused(WechatRefusal::Missing(FIRST))
    );
    // An id is not given out again.
    assert_eq!(change(rig, bind("wx1")).await.unwrap().id, WechatId(2));
    // It is nothing that a journal tells.
    assert_eq!(rig.store.feed(TENANT, 0, 10).await.unwrap().newest, 0);
}

pub(crate) async fn a_tenant_has_so_many_accounts_and_sees_no_others(rig: &Rig) {
    for number in 0..WECHAT_ACCOUNTS_MAX {
        change(rig, bind(&format!("wx{number}"))).await.unwrap();
    }
    let limit = WECHAT_ACCOUNTS_MAX;
    assert_eq!(change(rig, bind("more")).await, refused(WechatRefusal::TooMany { limit }));
    change(rig, bind("wx0")).await.unwrap();
    let secrets = WechatSecretsChange::default();
    let settings = WechatSettingsChange::default();
    let second = rig.tenant("second", Preset::Compat).await;
    let bare = Command::Wechat(WechatChange::Bind {
        app_id: "wx0".into(),
        is_new: false,
        settings,
        secrets,
    });
    let missing = Outcome::Refused(Refusal::Wechat(WechatRefusal::SecretMissing));
    assert_eq!(rig.run(second, bare).await, missing);
    rig.run(second, Command::Wechat(bind("wx0"))).await;
    let theirs = rig.store.wechat_accounts(Some(second)).await.unwrap();
    assert_eq!(theirs.keys().collect::<Vec<_>>(), [&(second, FIRST)]);
    assert_eq!(rig.store.wechat_accounts(None).await.unwrap().len(), limit + 1);
    let nobody = rig.run(TenantId(99), Command::Wechat(bind("wx0"))).await;
    assert_eq!(nobody, Outcome::Refused(Refusal::TenantMissing));
}

pub(crate) async fn an_import_is_held_by_one_and_kept_as_it_came(rig: &Rig) {
    change(rig, bind("wx1")).await.unwrap();
    let hold = |holder, until| WechatChange::Hold { id: FIRST, holder, until };
    // There is nothing to work on yet.
    assert_eq!(change(rig, hold(HOLDER, i64::MAX)).await.unwrap().import, FanImport::default());
    let asked = change(rig, ask()).await.unwrap().import;
    assert_eq!((asked.run, asked.state(asked.asked_at.unwrap())), (1, FanState::Waiting));

    let mine = change(rig, hold(HOLDER, i64::MAX)).await.unwrap().import;
    assert_eq!((mine.holder, mine.state(0)), (HOLDER, FanState::Running));
    let other = change(rig, hold(8, i64::MAX)).await.unwrap().import;
    assert_eq!(other, mine);
    let came = FanImport {
        tries: 2,
        failure: Some(FanFailure { at: 9, code: Some(-1), reason: "WeChat is busy".into() }),
        total: Some(25_000),
        pages: 1,
        counts: FanCounts { read: 10_000, created: 9_999, refused: 1, ..FanCounts::default() },
        under_way: FanCounts {
            read: 100,
            updated: 50,
            unchanged: 49,
            merged: 1,
            ..FanCounts::default()
        },
        next: Some(sealed(9)),
        ..mine.clone()
    };
    step(rig, came.clone()).await.unwrap();
    assert_eq!(kept(rig).await[0].import, came);

    // Who does not hold it, or holds another one, has nothing to say.
    let theirs = FanImport { holder: 8, ..came.clone() };
    assert_eq!(step(rig, theirs).await, refused(WechatRefusal::NotHolder));
    let older = FanImport { run: 0, ..came.clone() };
    assert_eq!(step(rig, older).await, refused(WechatRefusal::NotHolder));
    assert_eq!(kept(rig).await[0].import, came);

    // A hold that is over is somebody else's.
    step(rig, FanImport { held_until: 0, ..came.clone() }).await.unwrap();
    assert_eq!(change(rig, hold(8, i64::MAX)).await.unwrap().import.holder, 8);
    assert_eq!(step(rig, came).await, refused(WechatRefusal::NotHolder));
}

pub(crate) async fn an_import_of_tonight_is_asked_for_once(rig: &Rig) {
    change(rig, bind("wx1")).await.unwrap();
    let tonight =
        |since| WechatChange::Ask { id: FIRST, from_start: false, unless_since: Some(since) };
    let first = change(rig, tonight(0)).await.unwrap().import;
    let hold = WechatChange::Hold { id: FIRST, holder: HOLDER, until: i64::MAX };
    let mine = change(rig, hold).await.unwrap().import;
    let done = FanImport { due: None, ended_at: Some(1), ..mine };
    step(rig, done.clone()).await.unwrap();
    let asked_at = first.asked_at.unwrap();
    assert_eq!(change(rig, tonight(asked_at)).await.unwrap().import, done);
    assert_eq!(change(rig, tonight(asked_at + 1)).await.unwrap().import.run, 2);
}

pub(crate) async fn an_account_changes_once_under_its_key(rig: &Rig) {
    let mut request = rig.request(TENANT, Command::Wechat(bind("wx1")));
    request.idempotency = Some(Idempotency { key: [1; 16], request: [2; 16] });
    let outcomes = rig.batch(vec![request.clone(), request]).await;
    let Outcome::Repeated(receipt) = &outcomes[1] else { panic!("{outcomes:?}") };
    assert_eq!(receipt.outcome, Remembered::Wechat(FIRST));
    assert_eq!(kept(rig).await.len(), 1);
}
