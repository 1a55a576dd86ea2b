//! WeChat accounts, and the import of their fans.

mod callback;
mod several;

use crate::hub::{Actor, Answer, TestHub, on_every_engine, request};
use crate::receiver::eventually;
use crate::weixin::{
    APP_ID, APP_SECRET, BATCH_GET, Fault, STABLE_TOKEN, TOKEN, USER_GET, Weixin, fan, fans, openid,
};
use axum::http::StatusCode;
use kehub::clock::Clock as _;
use kehub::server::{App, Hub, Settings};
use kehub::wechat::{FanWorker, Options, TokenKind};
use kehub_core::policy::{OnConflict, Preset};
use kehub_core::wechat::FanImport;
use kehub_store::Store as _;
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};
use std::time::Duration;

on_every_engine! {
    accounts_are_the_tenants_own,
    without_a_key_nothing_is_bound,
}

const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const CALLBACK: &str = "/wechat/wx0123456789abcdef/callback";
/// An hour that a standing clock never reaches the end of.
const LONG: Duration = Duration::from_hours(1);
const DAY: i64 = 24 * 60 * 60;

fn settings(base: &str, change: impl FnOnce(&mut Options)) -> Settings {
    let mut options = Options {
        secret_key: Some(KEY.parse().unwrap()),
        base: base.parse().unwrap(),
        private: true,
        // Machines that run tests may be busy with others.
        time_limit: Duration::from_mins(1),
        pauses: vec![Duration::ZERO; 3],
        look_period: Duration::from_millis(10),
        ..Options::default()
    };
    change(&mut options);
    Settings { wechat: options, ..Settings::default() }
}

/// A hub with an account, beside a stand-in for WeChat.
struct Rig {
    hub: TestHub,
    weixin: Weixin,
    worker: Option<FanWorker>,
}

impl Rig {
    async fn new(fans: Vec<Value>) -> Rig {
        Rig::with(fans, |_| ()).await
    }

    async fn with(fans: Vec<Value>, change: impl FnOnce(&mut Options)) -> Rig {
        let weixin = Weixin::start(fans).await;
        let hub = TestHub::with(settings(&weixin.base(), change)).await;
        let sent = json!({ "appId": APP_ID, "appSecret": APP_SECRET, "callbackToken": "Token123" });
        hub.writer.post("/api/wechat/accounts", &sent).await.was(201);
        let worker = FanWorker::start(hub.hub.clone()).unwrap();
        Rig { hub, weixin, worker: Some(worker) }
    }

    fn writer(&self) -> &Actor {
        &self.hub.writer
    }

    async fn ask(&self) -> Value {
        self.ask_one(1).await
    }

    async fn ask_one(&self, id: usize) -> Value {
        let path = format!("/api/wechat/accounts/{id}/imports");
        self.writer().post(&path, &Value::Null).await.was(202)
    }

    async fn account(&self) -> Value {
        self.writer().get("/api/wechat/accounts/1").await.was(200)
    }

    /// Waits until the import stands like this.
    async fn reaches(&self, state: &str) -> Value {
        self.one_reaches(1, state).await
    }

    async fn one_reaches(&self, id: usize, state: &str) -> Value {
        let path = format!("/api/wechat/accounts/{id}");
        let mut import = Value::Null;
        eventually(&format!("the import is {state}"), async || {
            import = self.writer().get(&path).await.was(200)["import"].clone();
            import["state"] == state
        })
        .await;
        import
    }

    /// The import as the store has it: no token lives for a day.
    async fn import(&self) -> FanImport {
        let accounts = self.hub.store.wechat_accounts(None).await.unwrap();
        accounts.into_values().next().unwrap().import
    }

    /// Lets fans be imported every night.
    async fn night(&self) {
        let nightly = json!({ "appId": APP_ID, "nightly": true });
        self.writer().post("/api/wechat/accounts", &nightly).await.was(200);
    }

    async fn found(&self, kind: &str, value: &str) -> Option<Value> {
        let path = format!("/api/identities?type={kind}&value={value}");
        let found = self.writer().get(&path).await.was(200);
        let owner = found["items"].get(0)?["customerId"].as_i64()?;
        Some(self.writer().get(&format!("/api/customers/{owner}")).await.was(200))
    }

    async fn count(&self) -> i64 {
        self.hub.v1_count().await
    }

    /// A plain event, signed.
    async fn tell(&self, event: &str, openid: &str, seconds: i64, key: &str) -> Answer {
        self.tell_at(CALLBACK, &xml(event, openid, seconds, key)).await
    }

    async fn tell_at(&self, path: &str, xml: &str) -> Answer {
        let path = format!("{path}?{}", signature("Token123", "1777856523", "7"));
        self.hub.call(request("POST", &path, xml.to_owned())).await
    }
}

impl TestHub {
    async fn v1_count(&self) -> i64 {
        let path = format!("/v1/customers/count?access_token={}", self.writer.token);
        self.call(request("GET", &path, "")).await.json().as_i64().unwrap()
    }

    async fn v1_accounts(&self, actor: &Actor) -> Value {
        let path = format!("/v1/wechataccounts?access_token={}", actor.token);
        self.call(request("GET", &path, "")).await.json()
    }
}

fn xml(event: &str, openid: &str, seconds: i64, key: &str) -> String {
    format!(
        "<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[{openid}]]>\
         </FromUserName><CreateTime>{seconds}</CreateTime><MsgType><![CDATA[event]]></MsgType>\
         <Event><![CDATA[{event}]]></Event><EventKey><![CDATA[{key}]]></EventKey></xml>"
    )
}

fn signature(token: &str, timestamp: &str, nonce: &str) -> String {
    let mut parts = [token, timestamp, nonce];
    parts.sort_unstable();
    let signature = hex::encode(Sha1::digest(parts.concat().as_bytes()));
    format!("signature={signature}&timestamp={timestamp}&nonce={nonce}")
}

async fn accounts_are_the_tenants_own(hub: TestHub) {
    let list = hub.writer.get("/api/wechat/accounts").await.was(200);
    assert_eq!(list, json!({ "items": [], "nextCursor": null }));
    assert_eq!(hub.v1_accounts(&hub.reader).await, json!([]));
    assert_eq!(hub.v1_accounts(&hub.phone).await["error_code"], 40201);
    let unknown = hub.writer.get("/api/wechat/accounts/1").await;
    unknown.refused(404, "wechatAccountNotFound");
    let unknown = hub.writer.post("/api/wechat/accounts/x/imports", &Value::Null).await;
    unknown.refused(404, "wechatAccountNotFound");
    hub.reader.get("/api/wechat/accounts").await.refused(403, "permissionMissing");
}

async fn without_a_key_nothing_is_bound(hub: TestHub) {
    let sent = json!({ "appId": APP_ID, "appSecret": APP_SECRET });
    let answer = hub.writer.post("/api/wechat/accounts", &sent).await;
    let problem = answer.refused(409, "secretKeyMissing");
    assert!(problem["detail"].as_str().unwrap().contains("KEHUB_SECRET_KEY"));
    assert!(!answer.text.contains(APP_SECRET));
}

#[tokio::test]
async fn an_account_is_bound_changed_and_unbound() {
    let hub = TestHub::with(settings("https://weixin.example/", |_| ())).await;
    let aes_key = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
    let sent = json!({
        "appId": APP_ID, "appSecret": APP_SECRET, "name": "旗舰店", "serviceType": 2,
        "verifyType": -1, "callbackToken": "Token123", "encodingAesKey": aes_key,
    });
    let dry = hub.writer.post("/api/wechat/accounts?dryRun=1", &sent).await.was(200);
    assert_eq!((&dry["id"], &dry["created"]), (&json!(1), &json!(true)));
    let answer = hub.writer.post("/api/wechat/accounts", &sent).await;
    let bound = answer.was(201);
    assert_eq!(bound["created"], true);
    let dry = hub.writer.post("/api/wechat/accounts?dryRun=1", &sent).await.was(200);
    assert_eq!(dry["created"], false);
    let stands = hub.writer.get("/api/wechat/accounts/1").await.was(200);
    assert_eq!(stands.get("created"), None);
    for secret in [APP_SECRET, "Token123", aes_key] {
        assert!(!answer.text.contains(secret));
    }
    assert_eq!(
        (&bound["appId"], &bound["name"], &bound["nightly"]),
        (&json!(APP_ID), &json!("旗舰店"), &json!(false))
    );
    let callback = json!({ "path": CALLBACK, "enabled": true, "encrypted": true });
    assert_eq!((&bound["callback"], &bound["import"]["state"]), (&callback, &json!("never")));
    let v1 = json!([{
        "id": 1, "appId": APP_ID, "name": "旗舰店", "serverTypeInfo": 2, "verifyTypeInfo": -1,
    }]);
    assert_eq!(hub.v1_accounts(&hub.reader).await, v1);
    assert_eq!(hub.v1_accounts(&hub.stranger).await, json!([]));

    let change = json!({ "appId": APP_ID, "nightly": true });
    let mut changed = hub.writer.post("/api/wechat/accounts", &change).await.was(200);
    assert_eq!(changed.as_object_mut().unwrap().remove("created"), Some(json!(false)));
    assert_eq!((&changed["nightly"], &changed["callback"]), (&json!(true), &callback));
    let list = hub.writer.get("/api/wechat/accounts").await.was(200);
    assert_eq!(list["items"], json!([changed]));
    hub.stranger.get("/api/wechat/accounts/1").await.refused(404, "wechatAccountNotFound");
    let unbound = hub.writer.ask("DELETE", "/api/wechat/accounts/1", &Value::Null).await;
    assert_eq!(unbound.status, StatusCode::NO_CONTENT);
    hub.writer.get("/api/wechat/accounts/1").await.refused(404, "wechatAccountNotFound");
}

#[tokio::test]
async fn what_does_not_fit_is_told() {
    let hub = TestHub::with(settings("https://weixin.example/", |_| ())).await;
    let sent = json!({
        "appId": "wx 1", "appSecret": "short", "callbackToken": "a-b", "encodingAesKey": "x",
        "serviceType": 3, "verifyType": "x", "nightly": 1, "more": 1,
    });
    let unfit = hub.writer.post("/api/wechat/accounts", &sent).await.unfit(422, "fieldsInvalid");
    let places = [
        "/more unknown",
        "/appId invalid",
        "/appSecret invalid",
        "/callbackToken invalid",
        "/encodingAesKey invalid",
        "/serviceType invalid",
        "/verifyType invalid",
        "/nightly invalid",
    ];
    assert_eq!(unfit, places);
    let bare = hub.writer.post("/api/wechat/accounts", &json!({ "appId": APP_ID })).await;
    assert_eq!(bare.unfit(422, "fieldsInvalid"), ["/appSecret missing"]);
}

/// Three pages, an expired token and a rate limit in between.
#[tokio::test(flavor = "multi_thread")]
async fn twenty_five_thousand_fans_arrive() {
    let rig = Rig::new(fans(25_000)).await;
    rig.weixin.plan(BATCH_GET, 40, Fault::Expired);
    rig.weixin.plan(BATCH_GET, 150, Fault::Code(45009));
    rig.weixin.plan(USER_GET, 4, Fault::Code(-1));
    rig.ask().await;
    let import = rig.reaches("done").await;
    let counted = ["total", "pages", "read", "created", "refused"].map(|it| import[it].clone());
    assert_eq!(counted[0..3], [json!(25_000), json!(3), json!(25_000)]);
    assert_eq!(
        (&counted[4], &import["error"], &import["dueAt"]),
        (&json!(0), &Value::Null, &Value::Null)
    );
    assert_eq!(rig.count().await, 25_000);
    // What had come of the second page before the limit was there already: only that page was read again.
    let (unchanged, created) =
        (import["unchanged"].as_i64().unwrap(), counted[3].as_i64().unwrap());
    assert_eq!(unchanged + created, 25_000);
    assert!((1..10_000).contains(&unchanged), "{import}");
    assert_eq!(rig.weixin.calls(STABLE_TOKEN), 2);

    let last = rig.found("wechat", &openid(25_000)).await.unwrap();
    assert_eq!(last["dateJoin"], "2015-06-12T14:07:27Z");
    assert_eq!(
        (&last["language"], &last["subscribeScene"]),
        (&json!("zh_CN"), &json!("ADD_SCENE_QR_CODE"))
    );
    assert_eq!(last["attr"][format!("wechat.{APP_ID}.subscribed")], true);
    assert_eq!(rig.found("wechat-unionid", "oUnion-025000").await.unwrap()["id"], last["id"]);

    // Once more: nothing changes.
    rig.ask().await;
    eventually("it is done again", async || {
        let import = rig.account().await["import"].clone();
        import["state"] == "done" && import["unchanged"] == 25_000
    })
    .await;
}

#[tokio::test]
async fn a_fan_is_who_others_already_know() {
    let mut second = fan(2);
    second["unionid"] = json!("oUnion-000001");
    second["remark"] = json!("VIP");
    second["tagid_list"] = json!([2, 7]);
    second["qr_scene_str"] = json!("poster");
    let rig = Rig::new(vec![fan(1), second]).await;
    // A bare openid, as v1 sends it, and the same person in a mini program.
    rig.writer()
        .upsert(&[&format!("wechat:{}", openid(1))], json!({ "name": "王芳" }))
        .await
        .was(201);
    let mini = ["applet-wechat:oMini-1", "wechat-unionid:oUnion-000001"];
    rig.writer().upsert(&mini, json!({})).await.was(201);
    rig.ask().await;
    let import = rig.reaches("done").await;
    assert_eq!((&import["read"], &import["created"]), (&json!(2), &json!(0)));
    let customer = rig.found("wechat", &openid(1)).await.unwrap();
    for (kind, value) in [
        ("wechat", openid(2)),
        ("applet-wechat", "oMini-1".to_owned()),
        ("wechat-unionid", "oUnion-000001".to_owned()),
    ] {
        assert_eq!(rig.found(kind, &value).await.unwrap()["id"], customer["id"], "{kind}");
    }
    assert_eq!((&customer["name"], &customer["remark"]), (&json!("王芳"), &json!("VIP")));
    assert_eq!(customer["attr"][format!("wechat.{APP_ID}.tags")], "星标组,7");
    assert_eq!(customer["attr"][format!("wechat.{APP_ID}.qrScene")], "poster");
    let path = format!("/api/identities?type=wechat&value={}", openid(2));
    let identity = rig.writer().get(&path).await.was(200)["items"][0].clone();
    assert_eq!(identity["scope"], APP_ID);
}

#[tokio::test]
async fn names_of_tags_that_do_not_fit_are_counted() {
    let mut tagged = fan(2);
    // The stand-in has no names for them, so that they are told by their numbers.
    tagged["tagid_list"] = (1..=16).map(|number| 10_i64.pow(15) + number).collect();
    let rig = Rig::new(vec![fan(1), tagged]).await;
    rig.ask().await;
    let import = rig.reaches("done").await;
    assert_eq!((&import["created"], &import["tagsLeftOut"]), (&json!(2), &json!(1)));
    let customer = rig.found("wechat", &openid(2)).await.unwrap();
    let tags = customer["attr"][format!("wechat.{APP_ID}.tags")].as_str().unwrap().to_owned();
    assert_eq!((tags.split(',').count(), tags.len()), (15, 254));
    assert!(tags.split(',').all(|tag| tag.len() == 16), "{tags}");
}

#[tokio::test]
async fn why_fans_are_refused_is_counted() {
    let mut left = fan(1);
    left["subscribe"] = json!(0);
    let rig = Rig::new(vec![left, fan(2), fan(3)]).await;
    rig.hub.set_policy(Preset::Guarded, OnConflict::Reject).await;
    // Two people, who would be one by what WeChat tells of the second fan.
    for identities in
        [["member:1", "wechat-unionid:oUnion-000002"], ["member:2", "wechat:oFan-000002"]]
    {
        rig.writer().upsert(&identities, json!({})).await.was(201);
    }
    rig.ask().await;
    let import = rig.reaches("done").await;
    assert_eq!((&import["read"], &import["created"]), (&json!(3), &json!(1)));
    let because = json!({
        "gone": 1, "unusable": 0, "inConflict": 1, "tooManyAttributes": 0, "other": 0,
    });
    assert_eq!((&import["refused"], &import["refusedBecause"]), (&json!(2), &because));
}

#[tokio::test]
async fn what_does_not_pass_is_told_and_goes_on_where_it_stopped() {
    let rig = Rig::new(fans(10_050)).await;
    rig.weixin.plan(BATCH_GET, 101, Fault::Code(48001));
    rig.ask().await;
    let import = rig.reaches("failed").await;
    assert_eq!((&import["pages"], &import["read"]), (&json!(1), &json!(10_000)));
    assert_eq!(import["error"]["code"], 48001);
    assert_eq!(import["error"]["reason"], "the account may not use this interface");
    let pages = rig.weixin.calls(USER_GET);
    rig.ask().await;
    let import = rig.reaches("done").await;
    assert_eq!((&import["pages"], &import["read"]), (&json!(2), &json!(10_050)));
    // The second page, and the empty one behind it.
    assert_eq!(rig.weixin.calls(USER_GET), pages + 2);
    assert_eq!(rig.count().await, 10_050);
}

#[tokio::test]
async fn one_that_failed_begins_with_the_first_page_if_asked() {
    let rig = Rig::new(fans(10_050)).await;
    rig.weixin.plan(BATCH_GET, 101, Fault::Code(48001));
    rig.ask().await;
    rig.reaches("failed").await;
    let imports = "/api/wechat/accounts/1/imports";
    let unfit = rig.writer().post(&format!("{imports}?fromStart=x"), &Value::Null).await;
    assert_eq!(unfit.unfit(400, "parametersInvalid"), ["fromStart invalid"]);
    let dry = format!("{imports}?fromStart=1&dryRun=1");
    let would = rig.writer().post(&dry, &Value::Null).await.was(200)["import"].clone();
    assert_eq!((&would["pages"], &would["read"]), (&json!(0), &json!(0)));
    assert_eq!(rig.account().await["import"]["state"], "failed");
    rig.writer().post(&format!("{imports}?fromStart=1"), &Value::Null).await.was(202);
    let import = rig.reaches("done").await;
    assert_eq!((&import["created"], &import["unchanged"]), (&json!(50), &json!(10_000)));
}

#[tokio::test]
async fn an_import_whose_place_is_gone_begins_anew_once() {
    let rig = Rig::new(fans(10_050)).await;
    rig.weixin.plan(BATCH_GET, 101, Fault::Code(48001));
    rig.ask().await;
    rig.reaches("failed").await;
    // The fan behind whom the second page begins has left. Others leave while the first one is read again.
    let pages = rig.weixin.calls(USER_GET);
    rig.weixin.plan(USER_GET, pages + 1, Fault::Code(40003));
    rig.weixin.plan(USER_GET, pages + 3, Fault::Code(40003));
    rig.ask().await;
    eventually("it was begun anew, and given up", async || {
        rig.weixin.calls(USER_GET) == pages + 3
            && rig.account().await["import"]["error"]["code"] == 40003
    })
    .await;
    assert_eq!(rig.reaches("failed").await["unchanged"], 10_000);
    rig.weixin.plan(USER_GET, pages + 4, Fault::Code(40003));
    rig.ask().await;
    let import = rig.reaches("done").await;
    let counts = ["pages", "read", "created", "unchanged"].map(|it| import[it].clone());
    assert_eq!(counts, [2, 10_050, 50, 10_000].map(|it| json!(it)));
    assert_eq!(import["error"], Value::Null);
}

#[tokio::test]
async fn trouble_that_may_pass_is_waited_for_and_then_given_up() {
    let rig = Rig::new(fans(3)).await;
    for call in 1..=4 {
        let fault = [Fault::Code(-1), Fault::Garbled, Fault::Code(45011), Fault::Code(45009)];
        rig.weixin.plan(USER_GET, call, fault[call - 1]);
    }
    rig.ask().await;
    let import = rig.reaches("failed").await;
    assert_eq!((&import["error"]["code"], &import["read"]), (&json!(45009), &json!(0)));
    assert_eq!(rig.weixin.calls(USER_GET), 4);
    rig.ask().await;
    assert_eq!(rig.reaches("done").await["created"], 3);
}

#[tokio::test]
async fn an_import_waits_for_its_pause_and_goes_on_at_once_if_somebody_asks() {
    let rig = Rig::with(fans(3), |options| options.pauses = vec![LONG]).await;
    rig.weixin.plan(USER_GET, 1, Fault::Code(45009));
    rig.ask().await;
    let import = rig.reaches("waiting").await;
    eventually("it has failed once", async || {
        rig.account().await["import"]["error"]["code"] == 45009
    })
    .await;
    assert_eq!(import["endedAt"], Value::Null);
    let due = rig.account().await["import"]["dueAt"].clone();
    assert_eq!(due, "2026-05-04T02:02:03.250Z");
    rig.ask().await;
    assert_eq!(rig.reaches("done").await["created"], 3);
}

#[tokio::test]
async fn a_token_that_does_not_count_is_renewed_by_force_only_where_nothing_else_helps() {
    let rig = Rig::new(fans(3)).await;
    rig.weixin.plan(BATCH_GET, 1, Fault::Revoked);
    rig.ask().await;
    rig.reaches("done").await;
    assert_eq!((rig.weixin.calls(STABLE_TOKEN), rig.weixin.forced()), (3, 1));

    let rig = Rig::with(fans(3), |options| options.token = TokenKind::Plain).await;
    rig.weixin.plan(BATCH_GET, 1, Fault::Expired);
    rig.ask().await;
    rig.reaches("done").await;
    assert_eq!((rig.weixin.calls(STABLE_TOKEN), rig.weixin.calls(TOKEN)), (0, 2));
}

#[tokio::test]
async fn wrong_credentials_and_private_addresses_are_told() {
    let rig = Rig::new(fans(3)).await;
    let other = json!({ "appId": APP_ID, "appSecret": "ffffffffffffffffffffffffffffffff" });
    rig.writer().post("/api/wechat/accounts", &other).await.was(200);
    rig.ask().await;
    let error = rig.reaches("failed").await["error"].clone();
    assert_eq!(error["reason"], "the app secret is not the one of this account");
    assert_eq!(error["code"], 40125);

    let rig = Rig::with(fans(3), |options| options.private = false).await;
    rig.ask().await;
    let error = rig.reaches("failed").await["error"].clone();
    assert!(error["reason"].as_str().unwrap().contains("private network"), "{error}");
    assert_eq!(rig.weixin.calls(STABLE_TOKEN), 0);
}

#[tokio::test]
async fn fans_are_imported_again_every_night_if_asked() {
    let rig = Rig::new(fans(2)).await;
    rig.night().await;
    // 2026-05-04T19:00:00Z is three in the morning in China.
    let to_night = (1_777_921_200_000_000 - rig.hub.clock.now()) / 1_000_000;
    rig.hub.clock.advance_seconds(to_night);
    assert_eq!(rig.import().await.asked_at, None);
    rig.hub.clock.advance_seconds(1);
    let is_done = |it: &FanImport, created| it.ended_at.is_some() && it.counts.created == created;
    eventually("the night has come", async || is_done(&rig.import().await, 2)).await;
    rig.weixin.follow(vec![fan(3)]);
    rig.hub.clock.advance_seconds(DAY);
    eventually("the next night has come", async || is_done(&rig.import().await, 1)).await;
}

#[tokio::test]
async fn a_night_begins_with_the_first_page_whatever_came_of_the_night_before() {
    let rig = Rig::new(fans(10_050)).await;
    rig.weixin.plan(BATCH_GET, 101, Fault::Code(48001));
    rig.night().await;
    rig.hub.clock.advance_seconds(DAY);
    eventually("a night's import fails on its second page", async || {
        let import = rig.import().await;
        import.ended_at.is_some() && import.failure.is_some() && import.pages == 1
    })
    .await;
    rig.hub.clock.advance_seconds(DAY);
    eventually("all pages are read in the next night", async || {
        let FanImport { ended_at, counts, pages, .. } = rig.import().await;
        ended_at.is_some() && (pages, counts.unchanged, counts.created) == (2, 10_000, 50)
    })
    .await;
}

#[tokio::test]
async fn a_hub_that_ends_leaves_the_import_to_the_next() {
    let mut rig = Rig::new(fans(10_200)).await;
    rig.ask().await;
    eventually("it has begun", async || rig.weixin.calls(BATCH_GET) > 3).await;
    rig.worker.take().unwrap().stop().await;
    let import = rig.account().await["import"].clone();
    if import["state"] != "done" {
        assert_eq!((&import["state"], &import["error"]), (&json!("waiting"), &Value::Null));
    }
    rig.worker = Some(FanWorker::start(rig.hub.hub.clone()).unwrap());
    rig.reaches("done").await;
    assert_eq!(rig.count().await, 10_200);
}

#[tokio::test]
async fn two_hubs_import_once() {
    let rig = Rig::new(fans(250)).await;
    let settings = settings(&rig.weixin.base(), |_| ());
    let (store, clock) = (rig.hub.store.clone(), rig.hub.clock.clone());
    let second = Hub::new(store, clock, settings, 8).await.unwrap();
    let worker = FanWorker::start(second).unwrap();
    for round in 1..=3 {
        rig.ask().await;
        rig.reaches("done").await;
        // Two pages, of which the second is empty, and three hundreds.
        let calls = [USER_GET, BATCH_GET].map(|path| rig.weixin.calls(path));
        assert_eq!(calls, [2 * round, 3 * round]);
    }
    worker.stop().await;
}

#[tokio::test]
async fn an_import_whose_place_was_sealed_under_another_key_begins_anew() {
    let mut rig = Rig::new(fans(10_050)).await;
    rig.weixin.plan(BATCH_GET, 101, Fault::Code(48001));
    rig.ask().await;
    rig.reaches("failed").await;
    rig.worker.take().unwrap().stop().await;
    let other = settings(&rig.weixin.base(), |options| {
        options.secret_key = Some("ff".repeat(32).parse().unwrap());
    });
    let (store, clock) = (rig.hub.store.clone(), rig.hub.clock.clone());
    let hub = Hub::new(store, clock, other, 8).await.unwrap();
    rig.hub.app = App::new(hub.clone());
    let sent = json!({ "appId": APP_ID, "appSecret": APP_SECRET });
    let mut call = request("POST", "/api/wechat/accounts", sent.to_string());
    let token = format!("Bearer {}", rig.writer().token).parse().unwrap();
    call.headers_mut().insert("authorization", token);
    assert_eq!(rig.hub.call(call).await.status, StatusCode::OK);
    rig.worker = Some(FanWorker::start(hub).unwrap());
    rig.ask().await;
    let import = rig.reaches("done").await;
    assert_eq!((&import["pages"], &import["read"]), (&json!(2), &json!(10_050)));
}
