//! People who follow several accounts.

use super::{APP_ID, APP_SECRET, Rig, xml};
use crate::weixin::{OTHER_APP_ID, fan, openid};
use serde_json::{Value, json};

const OTHER_CALLBACK: &str = "/wechat/wxfedcba9876543210/callback";
/// When fans of the first account began to follow it.
const SECOND: i64 = 1_777_000_000;

/// A fan of the first account.
fn first(number: usize) -> Value {
    let mut fan = fan(number);
    fan["subscribe_time"] = json!(SECOND);
    fan["nickname"] = json!("first");
    fan["remark"] = json!("of the first");
    fan
}

/// The same person as a fan of the other account, who followed it so many seconds later.
fn other(number: usize, later: i64) -> Value {
    let mut fan = fan(number);
    fan["openid"] = json!(other_openid(number));
    fan["subscribe_time"] = json!(SECOND + later);
    fan["nickname"] = json!("other");
    fan["remark"] = json!("of the other");
    fan["language"] = json!("en");
    fan["subscribe_scene"] = json!("ADD_SCENE_SEARCH");
    fan
}

fn other_openid(number: usize) -> String {
    format!("oOther-{number:06}")
}

impl Rig {
    /// A hub with two accounts.
    async fn of_two(fans: Vec<Value>, others: Vec<Value>) -> Rig {
        let rig = Rig::new(fans).await;
        rig.weixin.follow_one(OTHER_APP_ID, others);
        let sent = json!({
            "appId": OTHER_APP_ID, "appSecret": APP_SECRET, "callbackToken": "Token123",
        });
        let bound = rig.writer().post("/api/wechat/accounts", &sent).await.was(201);
        assert_eq!(bound["id"], 2);
        rig
    }

    /// Imports an account: how many customers are new, changed and unchanged.
    async fn imported(&self, id: usize) -> [i64; 3] {
        self.ask_one(id).await;
        let import = self.one_reaches(id, "done").await;
        ["created", "updated", "unchanged"].map(|it| import[it].as_i64().unwrap())
    }

    async fn person(&self, number: usize) -> Value {
        self.found("wechat-unionid", &format!("oUnion-{number:06}")).await.unwrap()
    }

    /// Something that the other account hears.
    async fn other_tells(&self, event: &str, openid: &str, seconds: i64) {
        let answer = self.tell_at(OTHER_CALLBACK, &xml(event, openid, seconds, "")).await;
        assert_eq!(answer.text, "success");
    }
}

/// What a customer shows of the person.
fn of_person(customer: &Value) -> [&Value; 5] {
    ["nickName", "remark", "language", "subscribeScene", "dateJoin"].map(|name| &customer[name])
}

fn own<'a>(customer: &'a Value, app_id: &str, name: &str) -> &'a Value {
    &customer["attr"][format!("wechat.{app_id}.{name}")]
}

#[tokio::test]
async fn two_accounts_of_one_person_do_not_take_turns() {
    for order in [[1, 2], [2, 1]] {
        let fans = vec![first(1), first(2), first(3), first(4)];
        // The second person followed both in one second, the fifth follows the other one only.
        let others = vec![other(1, 60), other(2, 0), other(3, -60), other(5, 0)];
        let rig = Rig::of_two(fans, others).await;
        for id in order {
            rig.imported(id).await;
        }
        let mut people = Vec::new();
        for number in 1..=5 {
            people.push(rig.person(number).await);
        }
        let names: Vec<&Value> = people.iter().map(|it| &it["nickName"]).collect();
        assert_eq!(names, ["other", "first", "first", "first", "other"], "{order:?}");
        let other = ["other", "of the other", "en", "ADD_SCENE_SEARCH", "2026-04-24T03:07:40Z"];
        assert_eq!(of_person(&people[0]), other.map(|it| json!(it)).each_ref());
        let first = ["first", "of the first", "zh_CN", "ADD_SCENE_QR_CODE", "2026-04-24T03:06:40Z"];
        for person in &people[1..4] {
            assert_eq!(of_person(person), first.map(|it| json!(it)).each_ref());
        }
        for (app_id, at) in [(APP_ID, "03:06:40"), (OTHER_APP_ID, "03:07:40")] {
            let at = json!(format!("2026-04-24T{at}Z"));
            assert_eq!(own(&people[0], app_id, "subscribed"), true);
            assert_eq!(*own(&people[0], app_id, "subscribedAt"), at);
        }
        // Night after night nothing changes, whichever is first.
        for id in [1, 2, 1, 1, 2, 2] {
            assert_eq!(rig.imported(id).await, [0, 0, 4], "{order:?} {id}");
        }
        for (number, person) in (1..).zip(&people) {
            assert_eq!(rig.person(number).await, *person);
        }
    }
}

#[tokio::test]
async fn an_account_that_was_left_or_unbound_tells_of_nobody_any_more() {
    let fans = vec![first(1), first(2)];
    let rig = Rig::of_two(fans, vec![other(1, 60), other(2, 60)]).await;
    for (id, counts) in [(1, [2, 0, 0]), (2, [0, 2, 0]), (1, [0, 0, 2])] {
        assert_eq!(rig.imported(id).await, counts);
    }
    rig.other_tells("unsubscribe", &other_openid(1), SECOND + 90).await;
    assert_eq!(rig.person(1).await["nickName"], "other");
    assert_eq!(rig.imported(1).await, [0, 1, 1]);
    let names = async || [rig.person(1).await, rig.person(2).await].map(|it| it["remark"].clone());
    assert_eq!(names().await, ["of the first", "of the other"]);
    let unbound = rig.writer().ask("DELETE", "/api/wechat/accounts/2", &Value::Null).await;
    assert_eq!(unbound.status, 204);
    assert_eq!(rig.imported(1).await, [0, 1, 1]);
    assert_eq!(names().await, ["of the first", "of the first"]);
    assert_eq!(rig.imported(1).await, [0, 0, 2]);
}

#[tokio::test]
async fn who_follows_again_is_told_of_by_the_account_that_was_followed_last() {
    let mut rig = Rig::of_two(vec![first(1)], vec![other(1, -60)]).await;
    for id in [1, 2] {
        rig.imported(id).await;
    }
    // What WeChat would tell afterwards is not asked for.
    rig.worker.take().unwrap().stop().await;
    let joined = async || {
        let person = rig.person(1).await;
        [person["dateJoin"].clone(), own(&person, OTHER_APP_ID, "subscribedAt").clone()]
    };
    let at = |time| json!(format!("2026-04-24T{time}Z"));
    assert_eq!(joined().await, [at("03:06:40"), at("03:05:40")]);
    rig.other_tells("subscribe", &other_openid(1), SECOND - 30).await;
    assert_eq!(joined().await, [at("03:06:40"), at("03:06:10")]);
    rig.other_tells("subscribe", &other_openid(1), SECOND + 30).await;
    assert_eq!(joined().await, [at("03:07:10"), at("03:07:10")]);
    rig.tell("subscribe", &openid(1), SECOND + 50, "").await;
    assert_eq!(joined().await, [at("03:07:30"), at("03:07:10")]);
    rig.other_tells("subscribe", &other_openid(1), SECOND + 40).await;
    assert_eq!(joined().await, [at("03:07:30"), at("03:07:20")]);
    // An account that is not followed any more tells nothing.
    rig.tell("unsubscribe", &openid(1), SECOND + 60, "").await;
    rig.other_tells("subscribe", &other_openid(1), SECOND + 45).await;
    assert_eq!(joined().await, [at("03:07:25"), at("03:07:25")]);
}
