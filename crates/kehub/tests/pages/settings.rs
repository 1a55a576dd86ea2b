//! Identity types and the policy: what is in force, and what a change would be before it is saved.

use crate::hub::{Actor, Seen, TestHub, on_every_engine};
use kehub_core::directory::Permission;
use serde_json::{Value, json};

on_every_engine! {
    a_rule_is_looked_at_before_it_is_saved,
    the_preset_is_looked_at_before_it_is_saved,
}

const SETTINGS: &str = "/console/settings";
const MOBILE: &str = "/console/settings/types/mobile";

/// What `/api` says of a type.
async fn rules(hub: &TestHub, name: &str) -> Value {
    hub.writer.ask("GET", &format!("/api/identity-types/{name}"), "", "").await.json()
}

/// The version of the policy.
async fn version(hub: &TestHub) -> Value {
    hub.writer.ask("GET", "/api/policy", "", "").await.json()["version"].clone()
}

/// The fields that a page hides in its form, as a browser sends them.
fn hidden(seen: &Seen) -> Vec<(String, String)> {
    let inputs = seen.html.split("<input type=\"hidden\" ").skip(1);
    let named = inputs.filter_map(|input| {
        let (name, rest) = input.strip_prefix("name=\"")?.split_once("\" value=\"")?;
        Some((name.to_owned(), rest.split('"').next()?.to_owned()))
    });
    named.filter(|(name, _)| name != "back").collect()
}

/// Whatever a type is called, its page is found from the list, and by the API.
#[tokio::test]
async fn a_type_of_any_name_has_a_page() {
    let hub = TestHub::on_memory().await;
    let names = [".", "..", "100%", "a/b", "a?b#c", "会员 卡"];
    for name in names {
        hub.writer.upsert(&[&format!("{name}:1")], json!({})).await;
    }
    let list = hub.writer.look(SETTINGS).await;
    let links: Vec<String> =
        list.links("class=\"name\"").into_iter().filter(|it| it.contains("/types/")).collect();
    assert!(links.len() >= names.len(), "{links:?}");
    for (link, name) in links.iter().zip(names) {
        let seen = hub.writer.look(link).await;
        assert_eq!(seen.status, 200, "{link}");
        seen.says(&["All types", name, "Show what would change"]);
        assert!(seen.html.contains(&format!("<h1>{name}</h1>")), "{link}");
        let looked = hub.writer.send_form(link, &[("limit", "2")]).await;
        Seen::of(&looked).says(&[&format!("{name} · How many a customer may hold")]);
        let word = link.rsplit('/').next().unwrap();
        assert_eq!(rules(&hub, word).await["type"], *name, "{word}");
    }
    // Somebody may type such a name, too.
    let typed = hub.writer.ask("GET", "/console/settings/types?name=..", "", "").await;
    assert_eq!(Actor::done(&typed), "/console/settings/types/%2E%2E%20");
}

async fn send(hub: &TestHub, path: &str, fields: &[(String, String)]) -> crate::hub::Answer {
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, it)| (&**name, &**it)).collect();
    hub.writer.send_form(path, &fields).await
}

async fn a_rule_is_looked_at_before_it_is_saved(hub: TestHub) {
    hub.writer.upsert(&["member:m1", "mobile:13800000001", "mobile:13800000002"], json!({})).await;
    hub.writer.upsert(&["member:m2", "mobile:13800000003"], json!({})).await;
    let list = hub.reader.look(SETTINGS).await;
    list.says(&[
        "Identity types",
        "mobile 40 A contact: shared and inherited 5; one more is attached",
    ]);
    list.says(&["seen with 3 people", "none of your own", "Compatible: a known identity"]);
    hub.writer.look_in_chinese(SETTINGS).await.says(&["身份类型", "联系方式：可能共用或转让"]);
    let one = hub.writer.look(&list.link("mobile")).await;
    one.says(&["Preset: A contact", "Show what would change"]);

    let sent =
        [("limit", "1"), ("overLimit", "refuse"), ("blocked", "400*\r\n\r\n 138 0000 0009 ")];
    let looked = hub.writer.send_form(MOBILE, &sent).await;
    assert_eq!(looked.status, 200);
    let looked = Seen::of(&looked);
    looked.says(&[
        "What would change mobile",
        "mobile · How many a customer may hold 5 1",
        "mobile · What becomes of one more attached, with a warning not attached, with a conflict",
        "mobile · Values that never match none of your own 13800000009, 400*",
        "Customers that the next requests meet with other rules: 1",
        "#1 holds mobile: 2, then at most 1",
    ]);
    assert_eq!(rules(&hub, "mobile").await["set"], json!([]), "it was only looked at");

    // What was looked at is what is saved.
    let there = Actor::done(&send(&hub, MOBILE, &hidden(&looked)).await);
    hub.writer.look(&there).await.says(&["It is saved, and rules the next requests."]);
    let saved = rules(&hub, "mobile").await;
    assert_eq!((&saved["limit"], &saved["overLimit"]), (&json!(1), &json!("refuse")));
    assert_eq!(saved["blocked"], json!(["13800000009", "400*"]));
    hub.reader.look(SETTINGS).await.says(&["mobile own rules", "2 patterns"]);
    // An old page does not bear out that something was saved.
    hub.writer.look(&format!("{MOBILE}?done=77")).await.hides(&["It is saved"]);

    // Looked at before somebody else changed something, it is looked at again.
    let late = send(&hub, MOBILE, &hidden(&looked)).await;
    assert_eq!(late.status, 409);
    Seen::of(&late).says(&["Somebody has changed the settings meanwhile", "Nothing would change"]);
    let other = Seen::of(&hub.writer.send_form(MOBILE, &[("limit", "3")]).await);
    other.says(&["How many a customer may hold 1 3"]);
    hub.writer.send_form(MOBILE, &[("act", "save"), ("version", "2"), ("limit", "2")]).await;
    let late = send(&hub, MOBILE, &hidden(&other)).await;
    assert_eq!(late.status, 409);
    let again = Seen::of(&late);
    again.says(&["meanwhile", "How many a customer may hold 2 3"]);
    assert_eq!(rules(&hub, "mobile").await["limit"], 2);
    Actor::done(&send(&hub, MOBILE, &hidden(&again)).await);
    assert_eq!(rules(&hub, "mobile").await["limit"], 3);
    // Everything empty is as the preset has it.
    let all = ["priority", "limit", "overLimit", "role", "quarantineAfter", "blocked"];
    let empty: Vec<(&str, &str)> = all.iter().map(|name| (*name, "")).collect();
    let back = Seen::of(&hub.writer.send_form(MOBILE, &empty).await);
    back.says(&["How many a customer may hold 3 5", "No customer is affected"]);
    Actor::done(&send(&hub, MOBILE, &hidden(&back)).await);
    assert_eq!(rules(&hub, "mobile").await["set"], json!([]));
}

async fn the_preset_is_looked_at_before_it_is_saved(hub: TestHub) {
    hub.writer.upsert(&["member:m1", "mobile:13800000001"], json!({})).await;
    hub.writer.upsert(&["member:m2", "mobile:13800000001"], json!({})).await;
    let sent = [("preset", "guarded"), ("onConflict", "keep")];
    let looked = Seen::of(&hub.writer.send_form(SETTINGS, &sent).await);
    looked.says(&[
        "Preset Compatible: a known identity never makes a new customer Guarded: what looks like",
        "When a request brings customers together Merge them",
        "Never merge by itself",
        "member · How many a customer may hold 10 1",
        "mobile · What becomes of one more attached",
        "holds member: 2, then at most 1",
        "Whom they will concern cannot be counted in advance.",
    ]);
    assert_eq!(version(&hub).await, 1);
    let there = Actor::done(&send(&hub, SETTINGS, &hidden(&looked)).await);
    hub.writer.look(&there).await.says(&["It is saved", "Guarded: what looks like"]);
    let policy = hub.writer.ask("GET", "/api/policy", "", "").await.json();
    assert_eq!(policy, json!({ "preset": "guarded", "onConflict": "keep", "version": 2 }));
    let same = Seen::of(&hub.writer.send_form(SETTINGS, &sent).await);
    same.says(&["Nothing would change"]).hides(&["value=\"save\""]);
    let odd = hub.writer.send_form(SETTINGS, &[("preset", "best"), ("onConflict", "keep")]).await;
    Seen::of(&odd).says(&["The page is out of date"]);
    assert_eq!(version(&hub).await, 2);
}

#[tokio::test]
async fn what_cannot_be_set_is_told_beside_its_field() {
    let hub = TestHub::on_memory().await;
    hub.writer.upsert(&["card:VIP-1"], json!({})).await;
    let card = "/console/settings/types/card";
    let cases = [
        ("limit", "101", "A whole number from 1 to 100."),
        ("limit", "many", "A whole number from 1 to 100."),
        ("priority", "0", "A whole number from 1 to 1000."),
        ("quarantineAfter", "-1", "A whole number from 0 to"),
        ("role", "king", "Choose one of those offered."),
        ("case", "insensitive", "It is fixed, since there are identities of this type."),
        ("blocked", "***", "each with something but *"),
    ];
    for (name, value, why) in cases {
        let unfit = hub.writer.send_form(card, &[(name, value)]).await;
        assert_eq!(unfit.status, 422, "{name}");
        let unfit = Seen::of(&unfit);
        unfit.says(&["Nothing was changed. 1 field needs another look.", why]);
        if name != "role" && name != "case" {
            assert!(unfit.html.contains(value), "what was typed is gone: {value}");
        }
    }
    assert_eq!(version(&hub).await, 1);
}

#[tokio::test]
async fn a_type_that_nobody_has_used_is_set_in_advance() {
    let hub = TestHub::on_memory().await;
    let led = hub.writer.ask("GET", "/console/settings/types?name=%20会员%20卡/1", "", "").await;
    assert_eq!(led.status, 303);
    let there = led.header("location").to_owned();
    hub.writer.look(&there).await.says(&["会员 卡/1", "Nobody has used this type yet"]);
    let looked = Seen::of(&hub.writer.send_form(&there, &[("limit", "1")]).await);
    looked.says(&["会员 卡/1 · How many a customer may hold 10 1"]);
    let done = Actor::done(&send(&hub, &there, &hidden(&looked)).await);
    hub.writer.look(&done).await.says(&["It is saved"]).hides(&["Nobody has used"]);
    hub.writer.look(SETTINGS).await.says(&["会员 卡/1 own rules"]);
    let nowhere = hub.reader.look("/console/settings/types/nobody").await;
    assert_eq!(nowhere.status, 404);
    for odd in ["/console/settings/types?name=", "/console/settings/types"] {
        assert_eq!(hub.writer.ask("GET", odd, "", "").await.header("location"), SETTINGS);
    }
}

#[tokio::test]
async fn who_may_not_change_the_policy_only_looks() {
    let hub = TestHub::on_memory().await;
    for path in [SETTINGS, MOBILE] {
        let seen = hub.reader.look(path).await;
        assert_eq!(seen.status, 200, "{path}");
        seen.says(&["You may look"]).hides(&["Show what would change"]);
        assert_eq!(hub.phone.look(path).await.status, 403, "{path}");
        for fields in [&[("limit", "1")][..], &[("act", "save"), ("version", "1"), ("limit", "1")]]
        {
            let sent = hub.reader.send_form(path, fields).await;
            assert_eq!(sent.status, 403, "{path}");
            Seen::of(&sent).says(&["Nothing was changed. Your account lacks the permission"]);
        }
    }
    assert_eq!(version(&hub).await, 1);
    // Who may change rules but not read customers is not told of any.
    let rights = [Permission::PoliciesWrite];
    let keeper = hub.app_with("cl000000000000009", &rights).await;
    hub.writer.upsert(&["member:m1", "member:m2"], json!({ "name": "王芳" })).await;
    let seen =
        Seen::of(&keeper.send_form("/console/settings/types/member", &[("limit", "1")]).await);
    seen.says(&["with other rules: 1"]).hides(&["/console/customers/1", "王芳"]);
    // The settings begin with the first part that somebody may see.
    hub.reader.look("/console").await.says(&["Settings"]).hides(&["/console/users"]);
    hub.reader.look(SETTINGS).await.hides(&["/console/users", "/console/audit"]);
    hub.writer.look(SETTINGS).await.says(&["Users", "Audit log"]);
    let users = hub.app_with("cl000000000000008", &[Permission::UsersAdmin]).await;
    let seen = users.look("/console/users").await;
    assert!(!seen.html.contains("href=\"/console/settings\""), "{}", seen.html);
}
