//! WeChat accounts: bound with secrets that nobody sees again, imported, and unbound.

use crate::hub::{Actor, Seen, TestHub, alone};
use kehub::server::Settings;
use kehub::wechat::Options;
use kehub_core::command::Command;
use kehub_core::wechat::{
    FanCounts, FanFailure, FanImport, FanRefusals, Sealed, WechatChange, WechatSecretsChange,
    WechatSettingsChange,
};
use kehub_core::{TenantId, WechatId};
use serde_json::{Value, json};

const WECHAT: &str = "/console/wechat";
const ONE: &str = "/console/wechat/1";
const APP_ID: &str = "wx0123456789abcdef";
const SECRET: &str = "0123456789abcdef0123456789abcdef";
const TOKEN: &str = "Token123";
const AES_KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";

/// A hub that keeps secrets, as it is found from outside.
async fn hub() -> TestHub {
    let key = "00112233445566778899aabbccddeeff".repeat(2);
    let wechat = Options { secret_key: Some(key.parse().unwrap()), ..Options::default() };
    let public_url = Some("https://hub.example.com".parse().unwrap());
    TestHub::with(Settings { wechat, public_url, ..Settings::default() }).await
}

/// What `/api` says of the account.
async fn account(hub: &TestHub) -> Value {
    hub.writer.ask("GET", "/api/wechat/accounts/1", "", "").await.json()
}

async fn bind(hub: &TestHub) {
    let fields = [("appId", APP_ID), ("appSecret", SECRET), ("name", "旗舰店")];
    let there = Actor::done(&hub.writer.send_form(WECHAT, &fields).await);
    hub.writer.look(&there).await.says(&["The account is bound.", "旗舰店", APP_ID]);
}

#[tokio::test]
async fn an_account_is_bound_changed_and_unbound() {
    let hub = hub().await;
    hub.writer.look(WECHAT).await.says(&["No account is bound", "IP white list"]);
    bind(&hub).await;
    let list = hub.writer.look(WECHAT).await;
    list.says(&[
        "WeChat accounts 1",
        "旗舰店 wx0123456789abcdef – never when asked off: there is no Token",
    ]);
    hub.writer.look_in_chinese(WECHAT).await.says(&["微信公众号", "从未导入", "手动导入"]);
    let one = hub.writer.look(ONE).await;
    one.says(&[
        "https://hub.example.com/wechat/wx0123456789abcdef/callback",
        "Last heard nothing since this hub started",
        "Import all fans",
    ]);

    let act = async |fields: &[(&str, &str)]| hub.writer.send_form(ONE, fields).await;
    let set = [
        ("act", "set"),
        ("name", "旗舰店二号"),
        ("callbackToken", TOKEN),
        ("encodingAesKey", AES_KEY),
        ("serviceType", "2"),
        ("verifyType", "0"),
        ("nightly", "1"),
    ];
    let there = Actor::done(&act(&set).await);
    let seen = hub.writer.look(&there).await;
    seen.says(&["It is saved.", "旗舰店二号", "on, encrypted"]);
    seen.hides(&[SECRET, TOKEN, AES_KEY]);
    let stands = account(&hub).await;
    assert_eq!((&stands["nightly"], &stands["serviceType"]), (&json!(true), &json!(2)));
    hub.writer.look(WECHAT).await.says(&["every night", "on, encrypted"]);
    // What is left empty stays, but a tick that is taken away.
    Actor::done(&act(&[("act", "set"), ("name", "旗舰店二号")]).await);
    let stands = account(&hub).await;
    assert_eq!((&stands["nightly"], &stands["verifyType"]), (&json!(false), &json!(0)));
    assert_eq!(stands["callback"]["encrypted"], true);

    // Numbers that the page has no words for stay as they are.
    let odd = json!({ "appId": APP_ID, "serviceType": 0, "verifyType": 4 }).to_string();
    hub.writer.ask("POST", "/api/wechat/accounts", &odd, "").await;
    let seen = hub.writer.look(ONE).await;
    assert!(
        seen.html.contains("<option value=\"0\" selected>subscription account"),
        "{}",
        seen.html
    );
    seen.says(&["Verified 4 verified not verified"]);
    Actor::done(&act(&[("act", "set"), ("serviceType", "0"), ("verifyType", "")]).await);
    let stands = account(&hub).await;
    assert_eq!((&stands["serviceType"], &stands["verifyType"]), (&json!(0), &json!(4)));

    let mistyped = act(&[("act", "unbind"), ("typed", "wx0")]).await;
    assert_eq!(mistyped.status, 422);
    Seen::of(&mistyped).says(&["That is not the AppID of this account."]);
    let there = Actor::done(&act(&[("act", "unbind"), ("typed", APP_ID)]).await);
    hub.writer.look(&there).await.says(&["The account is unbound.", "No account is bound"]);
    assert_eq!(hub.writer.look(ONE).await.status, 404);
    let late = act(&[("act", "import")]).await;
    assert_eq!(late.status, 404);
    Seen::of(&late).says(&["Nothing was changed. There is no such WeChat account."]);
}

#[tokio::test]
async fn an_account_that_is_bound_is_changed_once_somebody_says_so() {
    let hub = hub().await;
    bind(&hub).await;
    let nightly = json!({ "appId": APP_ID, "nightly": true, "serviceType": 2 }).to_string();
    let changed = hub.writer.ask("POST", "/api/wechat/accounts", &nightly, "").await;
    assert_eq!((changed.status.as_u16(), &changed.json()["created"]), (200, &json!(false)));
    let before = account(&hub).await;

    let secret = "fedcba9876543210fedcba9876543210";
    let fields = [
        ("appId", APP_ID),
        ("appSecret", secret),
        ("callbackToken", TOKEN),
        ("name", "旗舰店二号"),
        ("serviceType", "1"),
    ];
    let asked = hub.writer.send_form(WECHAT, &fields).await;
    assert_eq!(asked.status, 422);
    let asked = Seen::of(&asked);
    asked.says(&[
        "旗舰店 (wx0123456789abcdef) is bound already. Nothing was changed yet.",
        "AppSecret the one that is kept the one that you typed",
        "Token of the server configuration none the one that you typed",
        "Name 旗舰店 旗舰店二号",
        "Kind service account subscription account",
        "every night when asked",
        "Yes, change the account that is bound",
    ]);
    asked.hides(&[secret, TOKEN, "Bind the account", "EncodingAESKey</th>", "Verified</th>"]);
    assert_eq!(asked.link("its page"), ONE);
    assert!(asked.html.contains("value=\"旗舰店二号\""), "{}", asked.html);
    assert!(asked.html.contains("<option value=\"1\" selected>subscription"), "{}", asked.html);
    assert_eq!(account(&hub).await, before);

    // It is said of this account, and of no other.
    let sure = |app_id| [&fields[..], &[("sure", app_id)]].concat();
    assert_eq!(hub.writer.send_form(WECHAT, &sure("wx11111111")).await.status, 422);
    assert_eq!(account(&hub).await, before);
    let there = Actor::done(&hub.writer.send_form(WECHAT, &sure(APP_ID)).await);
    hub.writer.look(&there).await.says(&["It is saved.", "旗舰店二号", "on, not encrypted"]);
    let after = account(&hub).await;
    assert_eq!((&after["name"], &after["nightly"]), (&json!("旗舰店二号"), &json!(false)));

    // What does not fit is told before anybody is asked.
    let unfit = hub.writer.send_form(WECHAT, &[("appId", APP_ID), ("appSecret", "short")]).await;
    assert_eq!(unfit.status, 422);
    Seen::of(&unfit).says(&["16 to 128 letters and digits."]).hides(&["is bound already"]);
    let zh = [("appId", APP_ID), ("appSecret", secret)];
    let body: Vec<String> = zh.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let zh = hub.writer.ask("POST", WECHAT, &body.join("&"), "kehub_language=zh-CN").await;
    Seen::of(&zh).says(&["尚未作任何改动", "确认修改已绑定的公众号"]);
}

#[tokio::test]
async fn of_two_who_bind_one_account_at_once_the_second_is_asked() {
    let hub = hub().await;
    let settings = WechatSettingsChange { name: Some("先来".into()), ..<_>::default() };
    let app_secret = Some(Sealed([1].into()));
    let secrets = WechatSecretsChange { app_secret, ..WechatSecretsChange::default() };
    let first = WechatChange::Bind { app_id: APP_ID.into(), is_new: true, settings, secrets };
    hub.store.meanwhile(alone(TenantId(1), Command::Wechat(first)));
    let fields = [("appId", APP_ID), ("appSecret", SECRET), ("name", "后到")];
    let asked = hub.writer.send_form(WECHAT, &fields).await;
    assert_eq!(asked.status, 422);
    Seen::of(&asked).says(&[
        "先来 (wx0123456789abcdef) is bound already. Nothing was changed yet.",
        "Name 先来 后到",
        "Yes, change the account that is bound",
    ]);
    assert_eq!(account(&hub).await["name"], "先来");
    let sure = [&fields[..], &[("sure", APP_ID)]].concat();
    let there = Actor::done(&hub.writer.send_form(WECHAT, &sure).await);
    hub.writer.look(&there).await.says(&["It is saved.", "后到"]);
}

/// Writes down how far an import has come, as the hub that works on it would.
async fn came(hub: &TestHub, import: FanImport) {
    let id = WechatId(1);
    let until = i64::MAX;
    hub.run(Command::Wechat(WechatChange::Hold { id, holder: 7, until })).await;
    let step = WechatChange::Step { id, import: Box::new(FanImport { holder: 7, ..import }) };
    hub.run(Command::Wechat(step)).await;
}

#[tokio::test]
async fn an_import_tells_how_far_it_is_and_why_it_failed() {
    let hub = hub().await;
    bind(&hub).await;
    let there = Actor::done(&hub.writer.send_form(ONE, &[("act", "import")]).await);
    let seen = hub.writer.look(&there).await;
    seen.says(&["The fans are being imported.", "waiting", "0 fans read", "Go on at once"]);
    assert!(seen.html.contains("id=\"fans\" data-live"), "{}", seen.html);

    let at = 1_777_856_523_000_000;
    let counts = FanCounts {
        read: 12_000,
        created: 9_000,
        updated: 2_999,
        refused: 3,
        refused_because: FanRefusals { gone: 1, in_conflict: 2, ..FanRefusals::default() },
        tags_left_out: 3,
        ..FanCounts::default()
    };
    let running = FanImport {
        run: 1,
        asked_at: Some(at),
        due: Some(at),
        held_until: i64::MAX,
        total: Some(25_000),
        counts,
        ..FanImport::default()
    };
    came(&hub, running.clone()).await;
    let seen = hub.writer.look(ONE).await;
    seen.says(&["running", "12,000 of 25,000 fans read", "New 9,000", "Refused 3"]);
    seen.says(&[
        "Refused: 1 is no fan any more; 2 would open conflicts, which the policy refuses.",
    ]);
    seen.says(&["3 names of tags had no room in the attribute of a fan"]);
    seen.hides(&["Go on at once"]);
    assert!(seen.html.contains("max=\"25000\" value=\"12000\""), "{}", seen.html);

    let reason = "the account has used up its calls of the day".into();
    let failure = Some(FanFailure { at, code: Some(45_009), reason });
    let failed = FanImport { due: None, ended_at: Some(at), failure, ..running.clone() };
    came(&hub, failed).await;
    let seen = hub.writer.look(ONE).await;
    seen.says(&["failed", "WeChat says 45009: the account has used up", "Go on at once"]);
    assert!(!seen.html.contains("id=\"fans\" data-live"), "{}", seen.html);
    hub.writer.look_in_chinese(ONE).await.says(&[
        "失败",
        "微信返回 45009：公众号今天的接口调用次数已用完",
        "已读取 12,000 / 25,000 位粉丝",
        "被拒绝：1 位已不是粉丝；2 位有冲突，而策略拒绝冲突。",
        "3 个标签名未保存",
    ]);
    hub.writer.look(WECHAT).await.says(&["25,000 failed"]);
    // What was told before is not told of an import that is over.
    hub.writer.look(&there).await.hides(&["The fans are being imported."]);
}

#[tokio::test]
async fn what_does_not_fit_an_account_is_answered_beside_its_field() {
    let hub = hub().await;
    let fits = [
        ("appId", APP_ID),
        ("appSecret", SECRET),
        ("callbackToken", TOKEN),
        ("encodingAesKey", AES_KEY),
    ];
    let cases = [
        ("appId", "wx", "6 to 32 letters and digits"),
        ("appId", "", "6 to 32 letters and digits"),
        ("appSecret", "short", "16 to 128 letters and digits."),
        ("callbackToken", "a-b", "3 to 32 letters and digits."),
        ("encodingAesKey", "tooShort", "43 letters and digits."),
    ];
    for (name, value, why) in cases {
        let fields = fits.map(|(field, fit)| (field, if field == name { value } else { fit }));
        let unfit = hub.writer.send_form(WECHAT, &fields).await;
        assert_eq!(unfit.status, 422, "{name} {value}");
        let unfit = Seen::of(&unfit);
        unfit
            .says(&["Nothing was changed. 1 field needs another look.", why])
            .hides(&[SECRET, TOKEN, AES_KEY]);
    }
    // A new account needs its secret.
    let none = hub.writer.send_form(WECHAT, &[("appId", APP_ID)]).await;
    assert_eq!(none.status, 422);
    Seen::of(&none).says(&["16 to 128 letters and digits."]);
    let all = hub.writer.ask("GET", "/api/wechat/accounts", "", "").await.json();
    assert_eq!(all["items"], json!([]));
}

#[tokio::test]
async fn without_a_key_the_page_says_so() {
    let hub = TestHub::on_memory().await;
    let seen = hub.writer.look(WECHAT).await;
    seen.says(&["The hub has no KEHUB_SECRET_KEY", "Start the hub with one"])
        .hides(&["Bind the account"]);
    let fields = [("appId", APP_ID), ("appSecret", SECRET)];
    let refused = hub.writer.send_form(WECHAT, &fields).await;
    assert_eq!(refused.status, 409);
    Seen::of(&refused)
        .says(&["Nothing was changed. The hub has no KEHUB_SECRET_KEY"])
        .hides(&[SECRET]);
}

#[tokio::test]
async fn who_keeps_no_accounts_sees_none_and_changes_none() {
    let hub = hub().await;
    bind(&hub).await;
    for path in [WECHAT, ONE] {
        let seen = hub.reader.look(path).await;
        assert_eq!(seen.status, 403, "{path}");
        seen.hides(&[APP_ID, "旗舰店"]);
        let fields =
            [("act", "unbind"), ("typed", APP_ID), ("appId", "wx11111111"), ("appSecret", SECRET)];
        let sent = hub.reader.send_form(path, &fields).await;
        assert_eq!(sent.status, 403, "{path}");
        Seen::of(&sent).says(&["Nothing was changed. Your account lacks the permission"]);
    }
    hub.stranger.look(WECHAT).await.says(&["No account is bound"]);
    assert_eq!(hub.stranger.look(ONE).await.status, 404);
    assert_eq!(account(&hub).await["appId"], APP_ID);
    hub.reader.look("/console/settings").await.hides(&[WECHAT]);
}
