//! Users as the API knows them, and the audit log.

use crate::browser::PASSWORD;
use crate::hub::{Actor, TestHub, alone, on_every_engine, request};
use kehub::clock::Clock as _;
use kehub_core::command::Command;
use kehub_core::directory::Permission;
use kehub_core::people::PeopleChange;
use kehub_core::people::user::{Role, UserChange, UserSet};
use kehub_core::{AppNumber, TenantId};
use serde_json::{Value, json};

on_every_engine! {
    a_user_is_created_changed_and_disabled,
    nobody_makes_a_user_that_may_do_more,
    nobody_touches_who_may_do_more_by_now,
    a_tenant_keeps_an_admin,
    users_are_listed_page_by_page,
    a_user_is_read_strictly,
    a_repeat_under_its_key_makes_no_second_user,
    a_user_is_no_program,
    the_audit_log_tells_what_people_did,
    the_audit_log_is_filtered,
    who_looked_at_a_customer_is_found_after_its_end,
}

fn user(login: &str, role: &str) -> Value {
    json!({ "login": login, "name": " Li Na ", "role": role, "password": PASSWORD })
}

async fn a_user_is_created_changed_and_disabled(hub: TestHub) {
    let dry = hub.writer.post("/api/users?dryRun=1", &user("Li.Na@X.cn", "viewer")).await.was(200);
    assert_eq!(hub.writer.get("/api/users").await.was(200)["items"], json!([]));
    let made = hub.writer.post("/api/users", &user("Li.Na@X.cn", "viewer")).await.was(201);
    assert_eq!(dry, made);
    let expected = json!({
        "id": 5, "login": "li.na@x.cn", "name": "Li Na", "role": "viewer",
        "permissions": ["customers.read"], "version": made["version"], "createdAt": "2026-05-04T01:02:03.250Z",
        "passwordAt": "2026-05-04T01:02:03.250Z", "disabledAt": null,
    });
    assert_eq!(made, expected);
    hub.writer.post("/api/users", &user("LI.NA@x.cn", "viewer")).await.refused(409, "loginTaken");
    hub.stranger.post("/api/users", &user("li.na@x.cn", "viewer")).await.refused(409, "loginTaken");

    hub.clock.advance_seconds(60);
    let change = json!({ "name": "Na", "role": "reviewer", "disabled": true });
    let changed = hub.writer.patch("/api/users/5", &change).await.was(200);
    assert_eq!((&changed["name"], &changed["role"]), (&json!("Na"), &json!("reviewer")));
    assert_eq!(changed["disabledAt"], "2026-05-04T01:03:03.250Z");
    assert_eq!(changed["passwordAt"], made["passwordAt"]);
    let changed = hub.writer.patch("/api/users/5", &json!({ "disabled": false })).await.was(200);
    assert_eq!(changed["disabledAt"], Value::Null);
    let another = json!({ "password": "another password" });
    let changed = hub.writer.patch("/api/users/5", &another).await.was(200);
    assert_eq!(changed["passwordAt"], "2026-05-04T01:03:03.250Z");
    for id in ["99", "x", "1", "3"] {
        let path = format!("/api/users/{id}");
        hub.writer.patch(&path, &json!({})).await.refused(404, "userNotFound");
    }
    hub.stranger.patch("/api/users/5", &json!({})).await.refused(404, "userNotFound");
    hub.reader.get("/api/users").await.refused(403, "permissionMissing");
}

async fn nobody_makes_a_user_that_may_do_more(hub: TestHub) {
    let held = [Permission::UsersAdmin, Permission::CustomersRead];
    let keeper = hub.app_with("cl0000000000000aa", &held).await;
    keeper.post("/api/users", &user("eve", "admin")).await.refused(403, "permissionNotHeld");
    keeper.post("/api/users", &user("eve", "viewer")).await.was(201);
    hub.user("anna", Role::Admin).await;
    // Neither by another role, nor by way of somebody who may do more.
    let problem = keeper.patch("/api/users/6", &json!({ "role": "editor" })).await;
    let problem = problem.refused(403, "permissionNotHeld");
    assert!(problem["detail"].as_str().unwrap().contains("customers.write"), "{problem}");
    let password = json!({ "password": "another password" });
    keeper.patch("/api/users/7", &password).await.refused(403, "permissionNotHeld");
    keeper.post("/api/users/7/sign-out", &Value::Null).await.refused(403, "permissionNotHeld");
    keeper.patch("/api/users/6", &password).await.was(200);
}

/// Whoever may not touch admins does not touch who becomes one while the body of the call is under way.
async fn nobody_touches_who_may_do_more_by_now(hub: TestHub) {
    let held = [Permission::UsersAdmin, Permission::CustomersRead];
    let keeper = hub.app_with("cl0000000000000aa", &held).await;
    let anna = format!("/api/users/{}", hub.user("anna", Role::Viewer).await);
    let set =
        async || hub.writer.get("/api/users").await.was(200)["items"][0]["passwordAt"].clone();
    let before = set().await;
    hub.clock.advance_seconds(60);
    let (password, admin) = (json!({ "password": "another password" }), json!({ "role": "admin" }));
    let late = keeper.patch_after(&anna, &password, hub.writer.patch(&anna, &admin)).await;
    late.refused(409, "changedMeanwhile");
    assert_eq!(set().await, before);
    keeper.patch(&anna, &password).await.refused(403, "permissionNotHeld");
    // Nor is one signed out who became an admin at the same moment.
    let berta = hub.user("berta", Role::Viewer).await;
    let browser = hub.browser();
    browser.sign_in("berta").await;
    let becomes = |role| {
        let set = UserSet { role: Some(role), ..UserSet::default() };
        let app = AppNumber(u32::try_from(berta).unwrap());
        alone(TenantId(1), Command::People(PeopleChange::User(UserChange::Set { app, set })))
    };
    let out = format!("/api/users/{berta}/sign-out");
    hub.store.meanwhile(becomes(Role::Admin));
    keeper.post(&out, &Value::Null).await.refused(409, "changedMeanwhile");
    keeper.post(&out, &Value::Null).await.refused(403, "permissionNotHeld");
    assert!(browser.is_signed_in().await);
    hub.store.meanwhile(becomes(Role::Viewer));
    hub.writer.post(&out, &Value::Null).await.was(200);
    assert!(!browser.is_signed_in().await);
    // Whoever may do everything decides, whatever stood there.
    let other = json!({ "name": "Na" });
    let whole = hub.writer.patch_after(&anna, &password, hub.writer.patch(&anna, &other)).await;
    whole.was(200);
    assert_ne!(set().await, before);
}

async fn a_tenant_keeps_an_admin(hub: TestHub) {
    let anna = hub.user("anna", Role::Admin).await;
    let path = format!("/api/users/{anna}");
    for change in [json!({ "role": "editor" }), json!({ "disabled": true })] {
        hub.writer.patch(&path, &change).await.refused(409, "lastAdmin");
    }
    hub.user("berta", Role::Admin).await;
    hub.writer.patch(&path, &json!({ "disabled": true })).await.was(200);
}

async fn users_are_listed_page_by_page(hub: TestHub) {
    for login in ["anna", "berta", "chen"] {
        hub.user(login, Role::Viewer).await;
    }
    let theirs = hub.stranger.post("/api/users", &user("dora", "viewer")).await.was(201);
    let logins = |list: &Value| -> Vec<String> {
        let items = list["items"].as_array().unwrap().iter();
        items.map(|it| it["login"].as_str().unwrap().to_owned()).collect()
    };
    let first = hub.writer.get("/api/users?limit=2").await.was(200);
    assert_eq!(logins(&first), ["anna", "berta"]);
    let cursor = first["nextCursor"].as_str().unwrap();
    let rest = hub.writer.get(&format!("/api/users?limit=2&cursor={cursor}")).await.was(200);
    assert_eq!((logins(&rest), &rest["nextCursor"]), (vec!["chen".to_owned()], &Value::Null));
    let list = hub.stranger.get("/api/users").await.was(200);
    assert_eq!(list["items"], json!([theirs]));
}

async fn a_user_is_read_strictly(hub: TestHub) {
    let sent = json!({ "login": "li na", "role": "boss", "password": "short", "id": 7 });
    let unfit = hub.writer.post("/api/users", &sent).await.unfit(422, "fieldsInvalid");
    let expected =
        ["/id unknown", "/login invalid", "/name missing", "/role invalid", "/password invalid"];
    assert_eq!(unfit, expected);
    let unfit = hub.writer.post("/api/users", &json!({})).await.unfit(422, "fieldsInvalid");
    assert_eq!(unfit, ["/login missing", "/name missing", "/role missing", "/password missing"]);
    let like_login = json!({
        "login": "long.login@x.cn", "name": "x", "role": "viewer", "password": "Long.Login@X.cn",
    });
    let answer = hub.writer.post("/api/users", &like_login).await;
    assert!(!answer.text.contains("Long.Login"), "{}", answer.text);
    assert_eq!(answer.unfit(422, "fieldsInvalid"), ["/password invalid"]);
    let id = hub.user("anna", Role::Viewer).await;
    let sent = json!({ "login": "berta", "disabled": "yes", "role": null });
    let unfit = hub.writer.patch(&format!("/api/users/{id}"), &sent).await;
    let expected = ["/login unknown", "/role invalid", "/disabled invalid"];
    assert_eq!(unfit.unfit(422, "fieldsInvalid"), expected);
}

async fn a_repeat_under_its_key_makes_no_second_user(hub: TestHub) {
    let keyed = async |actor: &Actor, body: &Value| {
        let mut call = request("POST", "/api/users", body.to_string());
        call.headers_mut().insert("idempotency-key", "make-anna".parse().unwrap());
        actor.ask_with("/api/users", call).await
    };
    let first = keyed(&hub.writer, &user("anna", "viewer")).await.was(201);
    assert_eq!(keyed(&hub.writer, &user("anna", "viewer")).await.was(201), first);
    let other = keyed(&hub.writer, &user("berta", "viewer")).await;
    other.refused(422, "idempotencyKeyReused");
}

async fn a_user_is_no_program(hub: TestHub) {
    let id = hub.user("anna", Role::Editor).await;
    for secret in ["", PASSWORD, "0000000000000000000000000000000000000000"] {
        let sent = json!({ "appId": "user:anna", "secret": secret });
        let answer = hub.ask("POST", "/api/tokens", &sent).await;
        assert!(answer.status == 401 || answer.status == 422, "{}", answer.text);
    }
    let apps = hub.writer.get("/api/apps").await.was(200);
    assert!(!apps.to_string().contains("anna"), "{apps}");
    for verb in ["rotate", "revoke"] {
        let path = format!("/api/apps/{id}/{verb}");
        hub.writer.post(&path, &Value::Null).await.refused(404, "appNotFound");
    }
    let more = json!({ "permissions": ["apps.admin"] });
    hub.writer.patch(&format!("/api/apps/{id}"), &more).await.refused(404, "appNotFound");
}

async fn the_audit_log_tells_what_people_did(hub: TestHub) {
    let id = hub.user("anna", Role::Editor).await;
    hub.writer.patch(&format!("/api/users/{id}"), &json!({ "role": "viewer" })).await.was(200);
    hub.browser().try_sign_in("anna", "a wrong password").await;
    hub.browser().try_sign_in("password typed here", "x").await;
    hub.browser().try_sign_in("password typed here", "x").await;
    hub.browser().sign_in("anna").await;
    let log = hub.writer.get("/api/audit").await.was(200);
    assert!(!log.to_string().contains("typed"), "{log}");
    let told = |entry: &Value| {
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        format!(
            "{} {} {} {}",
            text(&entry["app"]),
            text(&entry["deed"]),
            entry["about"],
            entry["details"]
        )
    };
    let told: Vec<String> = log["items"].as_array().unwrap().iter().map(told).collect();
    let about = format!(r#"{{"id":{id},"kind":"user"}}"#);
    let expected = [
        format!("user:anna signedIn {about} {{}}"),
        "- signInFailed null {}".to_owned(),
        format!("- signInFailed {about} {{}}"),
        format!(r#"cl000000000000001 roleChanged {about} {{"from":"editor","to":"viewer"}}"#),
        format!(r#"cl000000000000001 userCreated {about} {{"role":"editor"}}"#),
    ];
    let (told, apps) = told.split_at(expected.len());
    assert_eq!(told, expected, "one attempt under an unknown name a minute is written down");
    assert!(apps.iter().all(|entry| entry.starts_with("- appCreated ")), "{apps:?}");
    let first = hub.writer.get("/api/audit?limit=3").await.was(200);
    let cursor = first["nextCursor"].as_str().unwrap();
    let rest = hub.writer.get(&format!("/api/audit?cursor={cursor}")).await.was(200);
    assert_eq!(rest["items"].as_array().unwrap()[..], log["items"].as_array().unwrap()[3..]);
    let other = hub.stranger.get("/api/audit").await.was(200);
    let other: Vec<&Value> =
        other["items"].as_array().unwrap().iter().map(|entry| &entry["about"]).collect();
    assert_eq!(other, [&json!({ "kind": "app", "id": 3 })]);
    hub.reader.get("/api/audit").await.refused(403, "permissionMissing");
    let unfit = hub.writer.get("/api/audit?cursor=0").await.unfit(400, "parametersInvalid");
    assert_eq!(unfit, ["cursor invalid"]);
}

/// What each entry of a part of the log says: `anna customerRevealed customer:1`.
async fn told(hub: &TestHub, query: &str) -> Vec<String> {
    let log = hub.writer.get(&format!("/api/audit?{query}")).await.was(200);
    let told = |entry: &Value| {
        let (app, deed) = (entry["app"].as_str().unwrap_or("-"), entry["deed"].as_str().unwrap());
        let about = &entry["about"];
        let about = about["kind"]
            .as_str()
            .map_or_else(String::new, |kind| format!(" {kind}:{}", about["id"]));
        format!("{} {deed}{about}", app.trim_start_matches("user:"))
    };
    log["items"].as_array().unwrap().iter().map(told).collect()
}

async fn the_audit_log_is_filtered(hub: TestHub) {
    hub.writer.upsert(&["card:A"], json!({ "mobile": "13800000001" })).await.was(201);
    hub.writer.upsert(&["card:B"], json!({ "mobile": "13800000002" })).await.was(201);
    let anna = hub.user("anna", Role::Editor).await;
    let berta = hub.user("berta", Role::Editor).await;
    let start = hub.clock.now();
    for (login, path) in
        [("anna", "/api/customers/1"), ("berta", "/api/customers/2"), ("anna", "/api/customers")]
    {
        hub.clock.advance_seconds(60);
        let browser = hub.browser();
        browser.sign_in(login).await;
        browser.get(path).await.was(200);
    }
    let of_anna = [
        "anna customersRead",
        "anna signedIn user:A",
        "anna customersRead customer:1",
        "anna signedIn user:A",
    ];
    let of_anna = of_anna.map(|line| line.replace("user:A", &format!("user:{anna}")));
    assert_eq!(told(&hub, "app=user:anna").await, of_anna);
    let read = "deed=customersRead,customerRevealed";
    assert_eq!(told(&hub, &format!("app=user:anna&{read}")).await, [&*of_anna[0], &of_anna[2]]);
    let about_berta = told(&hub, &format!("about=user:{berta}")).await;
    assert_eq!(about_berta[..1], [format!("berta signedIn user:{berta}")]);
    assert_eq!(about_berta.len(), 2, "{about_berta:?}");
    assert_eq!(told(&hub, "about=customer:2").await, ["berta customersRead customer:2"]);

    // Who looked at an id that was merged away looked at the customer that it is now.
    hub.writer.post("/api/merges", &json!({ "customerIds": [1, 2] })).await.was(201);
    let both = ["berta customersRead customer:2", "anna customersRead customer:1"];
    assert_eq!(told(&hub, "about=customer:1").await, both);
    assert_eq!(told(&hub, "about=customer:2").await, both);
    assert_eq!(told(&hub, "about=customer:2&app=user:anna").await, both[1..]);

    let moment = |seconds: i64| {
        let at = start + seconds * 1_000_000;
        jiff::Timestamp::from_microsecond(at).unwrap().to_string()
    };
    let within = format!("{read}&from={}&before={}", moment(60), moment(120));
    assert_eq!(told(&hub, &within).await, both[1..]);
    assert_eq!(told(&hub, &format!("from={}", moment(181))).await, [""; 0]);
    let programs = told(&hub, "app=kehub:commandLine").await;
    assert!(
        !programs.is_empty() && programs.iter().all(|it| it.starts_with("- appCreated")),
        "{programs:?}"
    );
    let own = told(&hub, "deed=userCreated").await;
    assert_eq!(own.len(), 2, "{own:?}");

    // Pages of a filter are of the filter.
    let first = hub.writer.get("/api/audit?app=user:anna&limit=3").await.was(200);
    let cursor = first["nextCursor"].as_str().unwrap();
    assert_eq!(told(&hub, &format!("app=user:anna&cursor={cursor}")).await, of_anna[3..]);
    assert_eq!(hub.stranger.get("/api/audit?about=customer:1").await.was(200)["items"], json!([]));
}

/// A customer that was deleted or erased was called by the same ids as before.
async fn who_looked_at_a_customer_is_found_after_its_end(hub: TestHub) {
    for number in 1..=5 {
        hub.writer.upsert(&[&format!("card:{number}")], json!({})).await.was(201);
    }
    hub.user("anna", Role::Editor).await;
    let browser = hub.browser();
    browser.sign_in("anna").await;
    for id in 1..=5 {
        hub.clock.advance_seconds(60);
        browser.get(&format!("/api/customers/{id}")).await.was(200);
    }
    for ids in [[1, 2], [3, 4]] {
        hub.writer.post("/api/merges", &json!({ "customerIds": ids })).await.was(201);
    }
    let about = async |id: u32| told(&hub, &format!("about=customer:{id}")).await;
    let looked = |ids: [u32; 2]| ids.map(|id| format!("anna customersRead customer:{id}"));
    let deleted = hub.writer.ask("DELETE", "/api/customers/1", &Value::Null).await;
    assert_eq!(deleted.status, 204);
    hub.writer.post("/api/customers/3/erase", &Value::Null).await.was(200);
    for (ids, found) in [([1, 2], [2, 1]), ([3, 4], [4, 3])] {
        for id in ids {
            assert_eq!(about(id).await, looked(found), "{id}");
        }
    }
    // One that was deleted first and erased afterwards, too.
    hub.writer.post("/api/customers/2/erase", &Value::Null).await.was(200);
    for id in [1, 2] {
        assert_eq!(about(id).await, looked([2, 1]), "{id}");
    }
    // Who may not read customers does not learn which ids were one.
    let blind = hub.app_with("cl0000000000000aa", &[Permission::UsersAdmin]).await;
    let seen = async |id: u32| {
        let log = blind.get(&format!("/api/audit?about=customer:{id}")).await.was(200);
        let ids = log["items"].as_array().unwrap().iter().map(|it| it["about"]["id"].clone());
        ids.collect::<Vec<_>>()
    };
    for id in 1..=4 {
        assert_eq!(seen(id).await, [json!(id)]);
    }
    hub.writer.ask("DELETE", "/api/customers/5", &Value::Null).await;
    assert_eq!(about(5).await, ["anna customersRead customer:5"]);
    assert_eq!(about(99).await, [""; 0]);
    let others = hub.stranger.get("/api/audit?about=customer:1").await.was(200);
    assert_eq!(others["items"], json!([]));
}

#[tokio::test]
async fn a_filter_of_the_audit_log_that_does_not_fit_is_told_by_name() {
    let hub = TestHub::on_memory().await;
    hub.user("anna", Role::Viewer).await;
    let unfit = async |query: &str| {
        hub.writer.get(&format!("/api/audit?{query}")).await.unfit(400, "parametersInvalid")
    };
    let all = "app=nobody&deed=signedIn,looked&about=customer&from=yesterday&before=2026&cursor=7&limit=0";
    let expected = ["limit", "cursor", "app", "deed", "about", "from", "before"];
    assert_eq!(unfit(all).await, expected.map(|name| format!("{name} invalid")));
    for (query, name) in [
        ("app=", "app"),
        ("deed=", "deed"),
        ("deed=signedIn,", "deed"),
        ("about=customer:0", "about"),
        ("about=user:-1", "about"),
        ("about=walrus:1", "about"),
        ("from=2026-05-02T00:00:00Z&before=2026-05-02T00:00:00Z", "before"),
    ] {
        assert_eq!(unfit(query).await, [format!("{name} invalid")], "{query}");
    }
    assert_eq!(unfit("deeds=signedIn").await, ["deeds unknown"]);
    assert_eq!(unfit("deed=signedIn&deed=signedOut").await, ["deed repeated"]);
    // Whoever is of another tenant is nobody here.
    let foreign = hub.stranger.get("/api/audit?app=user:anna").await;
    assert_eq!(foreign.unfit(400, "parametersInvalid"), ["app invalid"]);
    let told = hub.writer.get("/api/audit?about=walrus:1").await.was(400);
    assert!(told.to_string().contains("one of customer, user, app, import, webhook,"), "{told}");
    hub.reader.get("/api/audit?app=user:anna").await.refused(403, "permissionMissing");
}
