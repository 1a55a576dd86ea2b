//! Apps: what programs may do, and secrets that are shown once.

use crate::hub::{Actor, Answer, Seen, TestHub, on_every_engine};
use kehub_core::directory::Permission;
use serde_json::{Value, json};

on_every_engine! {
    an_app_is_made_changed_and_ended,
    of_two_who_change_one_thing_the_later_one_sees_both,
}

const APPS: &str = "/console/settings/apps";

async fn apps(hub: &TestHub) -> Vec<Value> {
    let found = hub.writer.ask("GET", "/api/apps", "", "").await.json();
    found["items"].as_array().unwrap().clone()
}

/// Whether an app gets a token with this secret.
async fn enters(hub: &TestHub, app: &str, secret: &str) -> u16 {
    let body = json!({ "appId": app, "secret": secret }).to_string();
    hub.writer.ask("POST", "/api/tokens", &body, "").await.status.as_u16()
}

/// The secret on the only page that shows it.
fn secret(answer: &Answer) -> String {
    assert_eq!(answer.status, 200);
    assert!(answer.header("cache-control").contains("no-store"));
    let (_, rest) = answer.text.split_once("<code id=\"secret\">").unwrap();
    rest.split('<').next().unwrap().to_owned()
}

async fn an_app_is_made_changed_and_ended(hub: TestHub) {
    let list = hub.writer.look(APPS).await;
    list.says(&["Apps 3", "app cl000000000000002 cl000000000000002 customers.read in use"]);
    list.says(&["everything", "write customers, import customers.write"]);
    hub.writer.look_in_chinese(APPS).await.says(&["应用", "查看客户和身份", "可用"]);
    let fields =
        [("name", "线上商城"), ("permission", "customers.read"), ("permission", "customers.write")];
    let made = hub.writer.send_form(APPS, &fields).await;
    let first = secret(&made);
    Seen::of(&made).says(&["The secret of 线上商城", "Copy it now", &first]);
    let all = apps(&hub).await;
    let app = all.iter().find(|app| app["name"] == "线上商城").unwrap();
    assert_eq!(app["permissions"], json!(["customers.read", "customers.write"]));
    let id = app["appId"].as_str().unwrap();
    assert_eq!(enters(&hub, id, &first).await, 200);
    let there = format!("{APPS}/{}", app["id"]);
    hub.writer.look(APPS).await.hides(&[&first]).says(&["customers.read, customers.write"]);
    hub.writer.look(&there).await.hides(&[&first]).says(&["线上商城", id, "in use"]);

    let act = async |fields: &[(&str, &str)]| hub.writer.send_form(&there, fields).await;
    let done = Actor::done(&act(&[("act", "permit"), ("permission", "customers.read")]).await);
    hub.writer.look(&done).await.says(&["It may do what is ticked below."]);
    let permitted = apps(&hub).await.into_iter().find(|it| it["appId"] == id).unwrap();
    assert_eq!(permitted["permissions"], json!(["customers.read"]));

    assert_eq!(act(&[("act", "rotate")]).await.status, 422);
    let drawn = act(&[("act", "rotate"), ("sure", "1")]).await;
    let second = secret(&drawn);
    assert_eq!(enters(&hub, id, &first).await, 401);
    assert_eq!(enters(&hub, id, &second).await, 200);

    let unsure = act(&[("act", "revoke")]).await;
    assert_eq!(unsure.status, 422);
    Seen::of(&unsure).says(&["Tick that you know it."]);
    assert_eq!(enters(&hub, id, &second).await, 200);
    let done = Actor::done(&act(&[("act", "revoke"), ("sure", "1")]).await);
    let ended = hub.writer.look(&done).await;
    ended.says(&["The app is ended.", "ended 2026-"]).hides(&["Draw a new secret", "Save"]);
    assert_eq!(enters(&hub, id, &second).await, 401);
    hub.writer.look(&there).await.hides(&["The app is ended."]);
    for late in [&[("act", "rotate"), ("sure", "1")][..], &[("act", "permit")]] {
        let late = act(late).await;
        assert_eq!(late.status, 409);
        Seen::of(&late).says(&["Nothing was changed. The app was ended."]);
    }
    let odd = act(&[("act", "burn")]).await;
    Seen::of(&odd).says(&["The page is out of date"]);
    let missing = hub.writer.look(&format!("{APPS}/999")).await;
    assert_eq!(missing.status, 404);
}

/// The version that a page holds.
fn version(seen: &Seen) -> String {
    hidden(seen, "version")
}

/// What a form of a page holds in a hidden field.
fn hidden(seen: &Seen, name: &str) -> String {
    let field = format!("type=\"hidden\" name=\"{name}\" value=\"");
    let (_, rest) = seen.html.split_once(&field).unwrap_or_else(|| panic!("no {name}"));
    rest.split('"').next().unwrap().to_owned()
}

type Fields<'a> = &'a [(&'a str, &'a str)];

async fn of_two_who_change_one_thing_the_later_one_sees_both(hub: TestHub) {
    hub.app_with("cl0000000000000aa", &[Permission::CustomersRead]).await;
    let app = format!("{APPS}/5");
    let hook = json!({ "url": "https://a.example/", "kinds": ["created"] }).to_string();
    hub.writer.ask("POST", "/api/webhooks", &hook, "").await;
    let user = json!({ "login": "li.na", "name": "Li Na", "role": "viewer", "password": "correct horse battery" });
    hub.writer.ask("POST", "/api/users", &user.to_string(), "").await;
    let cases: [(&str, Fields<'_>, Fields<'_>, &str, &str); 3] = [
        (
            &app,
            &[("act", "permit"), ("permission", "customers.read"), ("permission", "changes.read")],
            &[
                ("act", "permit"),
                ("permission", "customers.read"),
                ("permission", "customers.write"),
            ],
            "write customers, import no yes follow what changes yes no",
            "It may do what is ticked below.",
        ),
        (
            "/console/settings/webhooks/1",
            &[
                ("act", "set"),
                ("url", "https://a.example/"),
                ("description", "shop"),
                ("kind", "created"),
            ],
            &[
                ("act", "set"),
                ("url", "https://b.example/"),
                ("description", "till"),
                ("kind", "merged"),
            ],
            "Address https://a.example/ https://b.example/ Note shop till",
            "It is saved.",
        ),
        (
            "/console/users/6",
            &[("act", "set"), ("name", "Li Na"), ("role", "reviewer")],
            &[("act", "set"), ("name", "李娜"), ("role", "editor")],
            "Name Li Na 李娜 Role Reviewer: settles who is one person Editor: works with customers",
            "The role is changed.",
        ),
    ];
    for (path, first, second, both, done) in cases {
        one_is_late(&hub, path, (first, second), both, done).await;
    }
}

/// Two send a form that both of them saw at once.
async fn one_is_late(
    hub: &TestHub,
    path: &str,
    (first, second): (Fields<'_>, Fields<'_>),
    both: &str,
    done: &str,
) {
    let seen = version(&hub.writer.look(path).await);
    let with = |fields: Fields<'_>, version: &str| -> Vec<(String, String)> {
        let all = fields.iter().copied().chain([("version", version)]);
        all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    let send = async |fields: Vec<(String, String)>| {
        let fields: Vec<(&str, &str)> =
            fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        hub.writer.send_form(path, &fields).await
    };
    Actor::done(&send(with(first, &seen)).await);
    let late = send(with(second, &seen)).await;
    assert_eq!(late.status, 409, "{path}");
    let late = Seen::of(&late);
    let told = "Nothing was changed. Somebody else has changed it meanwhile";
    late.says(&[told, "What As it is now As you had it", both]);
    // What somebody had stays in the form, and is saved by who has seen both.
    for (name, value) in second.iter().filter(|(name, _)| *name != "act") {
        let is_text = ["url", "description", "name"].contains(name);
        let ticked =
            format!("value=\"{value}\" {}", if *name == "role" { "selected" } else { "checked" });
        let text = format!("name=\"{name}\" value=\"{value}\"");
        let kept = if is_text { text } else { ticked };
        assert!(late.html.contains(&kept), "{kept}: {}", late.html);
    }
    assert_ne!(version(&late), seen);
    let there = Actor::done(&send(with(second, &version(&late))).await);
    hub.writer.look(&there).await.says(&[done]);
    // Who had the same in mind has nothing left to save.
    let same = send(with(second, &seen)).await;
    assert_eq!(same.status, 409);
    Seen::of(&same).says(&["What you had is what is there now"]);
}

/// Somebody pauses a webhook and disables a user while another one changes something else about them.
#[tokio::test]
async fn a_state_that_changed_meanwhile_is_told_beside_an_own_change() {
    let hub = TestHub::on_memory().await;
    let hook = json!({ "url": "https://a.example/", "description": "shop" }).to_string();
    hub.writer.ask("POST", "/api/webhooks", &hook, "").await;
    let user = json!({ "login": "li.na", "name": "Li Na", "role": "viewer", "password": "correct horse battery" });
    hub.writer.ask("POST", "/api/users", &user.to_string(), "").await;
    let hook: Fields<'_> =
        &[("act", "set"), ("url", "https://a.example/"), ("description", "till")];
    let user: Fields<'_> = &[("act", "set"), ("name", "李娜"), ("role", "viewer")];
    for (path, (there, back), fields, differ, state) in [
        (
            "/console/settings/webhooks/1",
            ("pause", "resume"),
            hook,
            "Note shop till",
            ["State paused running; saving leaves it", "State running paused; saving leaves it"],
        ),
        (
            "/console/users/5",
            ("disable", "enable"),
            user,
            "Name Li Na 李娜",
            [
                "State disabled may sign in; saving leaves",
                "State may sign in disabled; saving leaves",
            ],
        ),
    ] {
        for (act, state) in [there, back].into_iter().zip(state) {
            let seen = hub.writer.look(path).await;
            let (version, shown) = (version(&seen), hidden(&seen, "shown"));
            let unchanged = [fields, &[("version", &version), ("shown", &shown)]].concat();
            Actor::done(&hub.writer.send_form(path, &[("act", act)]).await);
            let late = hub.writer.send_form(path, &unchanged).await;
            assert_eq!(late.status, 409, "{path}");
            let late = Seen::of(&late);
            late.says(&["What As it is now As you had it", differ, state]);
            // Who has seen it is not told again.
            let shown = hidden(&late, "shown");
            let again = [fields, &[("version", "0000000000000000"), ("shown", &shown)]].concat();
            let again = Seen::of(&hub.writer.send_form(path, &again).await);
            again.says(&[differ]).hides(&["saving leaves"]);
        }
    }
}

#[tokio::test]
async fn a_name_is_needed_and_what_was_ticked_stays() {
    let hub = TestHub::on_memory().await;
    for name in ["", "  ", &"名".repeat(65)] {
        let fields = [("name", name), ("permission", "changes.read")];
        let unfit = hub.writer.send_form(APPS, &fields).await;
        assert_eq!(unfit.status, 422);
        let unfit = Seen::of(&unfit);
        unfit.says(&["Nothing was changed. 1 field needs", "A name has 1 to 64 characters."]);
        assert!(unfit.html.contains("value=\"changes.read\" checked"), "{}", unfit.html);
    }
    assert_eq!(apps(&hub).await.len(), 3);
}

#[tokio::test]
async fn nobody_gets_more_by_way_of_an_app() {
    let hub = TestHub::on_memory().await;
    let rights = [Permission::AppsAdmin, Permission::CustomersRead];
    let keeper = hub.app_with("cl000000000000009", &rights).await;
    let seen = keeper.look(APPS).await;
    seen.says(&["You can give only what you may do yourself."]);
    assert!(seen.html.contains("value=\"users.admin\" disabled"), "{}", seen.html);
    let fields = [("name", "more"), ("permission", "users.admin")];
    let more = keeper.send_form(APPS, &fields).await;
    assert_eq!(more.status, 403);
    Seen::of(&more).says(&["Nothing was changed. You can give only what you may do yourself"]);
    let other = apps(&hub).await.into_iter().find(|it| it["appId"] == hub.writer.id).unwrap();
    let there = format!("{APPS}/{}", other["id"]);
    assert_eq!(keeper.send_form(&there, &[("act", "rotate"), ("sure", "1")]).await.status, 403);
    for (who, path) in [(&hub.reader, APPS), (&hub.reader, &*there)] {
        let seen = who.look(path).await;
        assert_eq!(seen.status, 403);
        seen.hides(&["cl000000000000001"]);
        let sent = who.send_form(path, &[("act", "revoke"), ("sure", "1"), ("name", "x")]).await;
        assert_eq!(sent.status, 403);
        Seen::of(&sent).says(&["Nothing was changed. Your account lacks the permission"]);
    }
    // Another tenant knows nothing of it.
    assert_eq!(hub.stranger.look(&there).await.status, 404);
    assert_eq!(apps(&hub).await.len(), 4);
    hub.reader.look("/console/settings").await.hides(&[APPS]);
}
