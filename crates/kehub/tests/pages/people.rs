//! Users and the audit log.

use crate::hub::{Actor, Seen, TestHub, on_every_engine};
use kehub_core::directory::Permission;
use serde_json::{Value, json};

on_every_engine! {
    users_are_made_changed_and_disabled,
    the_audit_log_is_read_page_by_page,
    the_audit_log_is_filtered,
}

const USERS: &str = "/console/users";
const PASSWORD: &str = "correct horse battery";

/// What `/api` says of the users.
async fn users(hub: &TestHub) -> Vec<Value> {
    let found = hub.writer.ask("GET", "/api/users", "", "").await.json();
    found["items"].as_array().unwrap().clone()
}

/// Makes a user; gives the address of its page.
async fn made(hub: &TestHub, login: &str, role: &str) -> String {
    let fields = [
        ("name", "李娜"),
        ("login", login),
        ("role", role),
        ("password", PASSWORD),
        ("again", PASSWORD),
    ];
    Actor::done(&hub.writer.send_form(USERS, &fields).await)
}

async fn users_are_made_changed_and_disabled(hub: TestHub) {
    let empty = hub.writer.look(USERS).await;
    empty.says(&["Nobody signs in here yet", "New user", "Admin: everything, users too"]);
    let there = made(&hub, "Li.Na@example.com", "admin").await;
    hub.writer.look(&there).await.says(&["The user is created.", "李娜", "li.na@example.com"]);
    made(&hub, "wang.wei", "viewer").await;
    let all = hub.writer.look(USERS).await;
    all.says(&["Users 2", "wang.wei", "Viewer: looks", "may sign in"]);
    hub.writer.look_in_chinese(USERS).await.says(&["用户", "只读：仅查看", "可登录"]);

    let wang = all.links("李娜")[1].clone();
    let act = async |fields: &[(&str, &str)]| hub.writer.send_form(&wang, fields).await;
    let set = [("act", "set"), ("name", "王伟"), ("role", "reviewer")];
    let there = Actor::done(&act(&set).await);
    hub.writer.look(&there).await.says(&["The role is changed.", "王伟", "Reviewer: settles"]);
    let there = Actor::done(&act(&set).await);
    hub.writer.look(&there).await.says(&["nothing was changed"]);
    let other = "quite another one";
    let there =
        Actor::done(&act(&[("act", "password"), ("password", other), ("again", other)]).await);
    hub.writer.look(&there).await.says(&["The password is set."]).hides(&[other]);
    let there = Actor::done(&act(&[("act", "sign-out")]).await);
    hub.writer.look(&there).await.says(&["All sessions of the user have ended."]);
    let there = Actor::done(&act(&[("act", "disable")]).await);
    hub.writer.look(&there).await.says(&["disabled and signed out", "Enable the user"]);
    assert_ne!(users(&hub).await[1]["disabledAt"], Value::Null);
    let there = Actor::done(&act(&[("act", "enable")]).await);
    hub.writer.look(&there).await.says(&["may sign in again", "Disable the user"]);

    // The tenant keeps an admin, and a login name has one user.
    let li = all.links("李娜")[0].clone();
    let refused = hub.writer.send_form(&li, &[("act", "disable")]).await;
    assert_eq!(refused.status.as_u16(), 409);
    Seen::of(&refused).says(&["Nothing was changed. Somebody has to stay an admin"]);
    let fields = [
        ("name", "x"),
        ("login", "WANG.WEI"),
        ("role", "viewer"),
        ("password", PASSWORD),
        ("again", PASSWORD),
    ];
    let taken = hub.writer.send_form(USERS, &fields).await;
    assert_eq!(taken.status.as_u16(), 409);
    let taken = Seen::of(&taken);
    taken.says(&["Nothing was changed. Another user has this login name."]).hides(&[PASSWORD]);
    assert!(taken.html.contains("value=\"WANG.WEI\""));
    let users = users(&hub).await;
    assert_eq!((&users[1]["name"], &users[1]["role"]), (&json!("王伟"), &json!("reviewer")));
}

async fn the_audit_log_is_read_page_by_page(hub: TestHub) {
    let apps = hub.writer.look("/console/audit").await;
    apps.says(&["command line created an app app", "may customers.read"]);
    let apps = apps.html.matches("<tr>").count() - 1;
    hub.writer.upsert(&["card:VIP-1"], json!({ "mobile": "13700000001" })).await;
    for _ in 0..52 {
        hub.writer.ask("POST", "/console/customers/1/reveal", "", "").await;
        hub.clock.advance_seconds(1);
    }
    let user = made(&hub, "wang.wei", "viewer").await;
    let set = [("act", "set"), ("name", "李娜"), ("role", "editor")];
    hub.writer.send_form(user.split('?').next().unwrap(), &set).await;
    let newest = hub.writer.look("/console/audit").await;
    newest.says(&[
        "changed a role user 李娜 from viewer, to editor",
        "created a user user 李娜 role viewer",
        "saw a customer in full customer #1",
        "app cl000000000000001",
    ]);
    newest.hides(&["13700000001", "Newest"]);
    let older = hub.writer.look(&newest.link("Older")).await;
    older.says(&["Newest"]).hides(&["from viewer", "Older"]);
    assert_eq!(
        newest.html.matches("<tr>").count() + older.html.matches("<tr>").count(),
        apps + 54 + 2
    );
    let end = hub.writer.look("/console/audit?before=1.1").await;
    end.says(&["There is nothing older", "Newest"]);
    let zh = hub.writer.look_in_chinese("/console/audit").await;
    zh.says(&["审计日志", "查看客户明文", "从 只读, 改为 编辑"]);
}

const AUDIT: &str = "/console/audit";

async fn the_audit_log_is_filtered(hub: TestHub) {
    hub.writer.upsert(&["card:VIP-1"], json!({ "mobile": "13700000001" })).await;
    hub.writer.upsert(&["card:VIP-2"], json!({ "mobile": "13700000002" })).await;
    for id in [1, 2] {
        for _ in 0..51 {
            hub.writer.ask("POST", &format!("/console/customers/{id}/reveal"), "", "").await;
            hub.clock.advance_seconds(1);
        }
    }
    let user = made(&hub, "li.na", "viewer").await;
    let number = user.split('?').next().unwrap().rsplit('/').next().unwrap().to_owned();

    let plain = hub.writer.look(AUDIT).await;
    plain.says(&["Filter", "whoever", "Customers in full: all of it"]).hides(&["class=\"chip\""]);
    // The fields that say nothing are no part of the address that is shared.
    let sent = format!("{AUDIT}?who=&deed=in-full&on=customer&id=1&from=&to=");
    let there = Actor::done(&hub.writer.ask("GET", &sent, "", "").await);
    assert_eq!(there, format!("{AUDIT}?deed=in-full&on=customer&id=1"));
    let first = hub.writer.look(&there).await;
    first.says(&["What Customers in full ×", "About customer #1 ×", "Older"]);
    first.hides(&["customer #2", "13700000001"]);
    let older = hub.writer.look(&first.link("Older")).await;
    older.says(&["saw a customer in full customer #1", "Newest"]).hides(&["customer #2", "Older"]);
    assert_eq!(older.html.matches("<tr>").count(), 2);
    assert_eq!(older.link("Newest"), there);
    let other = hub.writer.look(&first.links("×")[1]).await;
    other.says(&["customer #2"]).hides(&["About customer"]);
    let customer = hub.writer.look("/console/customers/1").await;
    assert_eq!(customer.link("Who looked at it"), format!("{AUDIT}?on=customer&id=1"));
    hub.reader.look("/console/customers/1").await.hides(&["Who looked at it", AUDIT]);

    let about = hub.writer.look(&format!("{AUDIT}?on=user:{number}")).await;
    about.says(&["About user 李娜 ×", "created a user"]).hides(&["customer #"]);
    let did = hub.writer.look(&user).await.link("What the user did");
    let none = hub.writer.look(&did).await;
    none.says(&["Who 李娜 ×", "Nothing of that is in the log", "Remove all filters"]);
    none.hides(&["Nothing was written down yet"]);
    assert_eq!(none.link("Show everything"), AUDIT);
    let zh = hub.writer.look_in_chinese(&did).await;
    zh.says(&["操作人 李娜 ×", "没有符合条件的记录", "清除筛选"]);

    let line = hub.writer.look(&format!("{AUDIT}?who=0")).await;
    line.says(&["Who command line ×", "created an app"]).hides(&["created a user user"]);
    // It is 01:03 UTC, and the day before where somebody looks who is two hours behind.
    let days = |from, to| format!("{AUDIT}?deed=userCreated&from={from}&to={to}");
    let zone = "kehub_zone=-120";
    let today = Seen::of(&hub.writer.ask("GET", &days("2026-05-03", "2026-05-03"), "", zone).await);
    today.says(&["From 2026-05-03 ×", "Until 2026-05-03 ×", "user 李娜"]);
    let later = Seen::of(&hub.writer.ask("GET", &days("2026-05-04", "2026-05-04"), "", zone).await);
    later.says(&["Nothing of that is in the log"]);
}

#[tokio::test]
async fn a_filter_of_the_audit_log_that_does_not_fit_is_answered_beside_its_field() {
    let hub = TestHub::on_memory().await;
    made(&hub, "li.na", "viewer").await;
    for (query, why) in [
        ("who=9999", "Choose who did it."),
        ("who=li.na", "Choose who did it."),
        ("deed=looked", "Choose what was done."),
        ("id=7", "Choose what it was about."),
        ("on=walrus&id=7", "Choose what it was about."),
        ("on=customer", "Type its number, as 1007."),
        ("on=customer&id=13700000001x", "Type its number, as 1007."),
        ("from=yesterday", "Choose a day, as 2026-05-31."),
        ("from=2026-05-02&to=2026-05-01", "The last day is before the first one."),
        ("before=7", "The address names no place of the log."),
        ("who=&before=1.x", "The address names no place of the log."),
    ] {
        let seen = hub.writer.look(&format!("{AUDIT}?{query}")).await;
        assert_eq!(seen.status, 422, "{query}");
        seen.says(&["The filter does not fit, so nothing is shown.", why]);
        seen.hides(&["<tbody", "class=\"chip\""]);
    }
    let foreign = hub.stranger.look(&format!("{AUDIT}?who=4")).await;
    assert_eq!(foreign.status, 422);
    foreign.says(&["Choose who did it."]).hides(&["李娜"]);
    // Nor does what something is about tell a name of another tenant, or of another kind.
    for (kind, number) in
        [("user", 4), ("app", 4), ("user", 1), ("app", 1), ("user", 5), ("app", 5)]
    {
        let foreign = hub.stranger.look(&format!("{AUDIT}?on={kind}:{number}")).await;
        foreign.hides(&["李娜", hub.writer.id, hub.phone.id, "class=\"chip\""]);
        assert_eq!(foreign.status, 422, "{kind}:{number}");
        foreign.says(&["Choose what it was about."]);
    }
    let users = users(&hub).await;
    let user = &users[0]["id"];
    for (on, status) in [
        (format!("user:{user}"), 200),
        (format!("app:{user}"), 422),
        ("app:1".to_owned(), 200),
        ("user:1".to_owned(), 422),
    ] {
        let seen = hub.writer.look(&format!("{AUDIT}?on={on}")).await;
        assert_eq!(seen.status, status, "{on}");
    }
    let refused = hub.reader.look(&format!("{AUDIT}?on=customer&id=1")).await;
    assert_eq!(refused.status, 403);
}

#[tokio::test]
async fn what_does_not_fit_a_user_is_answered_beside_its_field() {
    let hub = TestHub::on_memory().await;
    let cases = [
        ("name", "", "A name has 1 to 64 characters."),
        ("login", "li na", "A login name has 1 to 128 characters"),
        ("role", "king", "Choose a role."),
        ("password", "short", "A password has 10 to 256 characters"),
        ("again", "something else", "The two passwords differ."),
    ];
    for (name, text, why) in cases {
        let mut fields = vec![
            ("name", "李娜"),
            ("login", "li.na"),
            ("role", "viewer"),
            ("password", PASSWORD),
            ("again", PASSWORD),
        ];
        for field in &mut fields {
            if field.0 == name {
                field.1 = text;
            }
        }
        let sent = hub.writer.send_form(USERS, &fields).await;
        assert_eq!(sent.status.as_u16(), 422, "{name}");
        let page = Seen::of(&sent);
        page.says(&["Nothing was changed. 1 field needs another look.", why]);
        page.hides(&[PASSWORD]);
    }
    assert_eq!(users(&hub).await, Vec::<Value>::new());
    let there = made(&hub, "li.na", "admin").await;
    let there = there.split('?').next().unwrap();
    let wrong: [(&[(&str, &str)], &str); 4] = [
        (&[("act", "set"), ("name", " "), ("role", "admin")], "A name has 1 to 64"),
        (&[("act", "set"), ("name", "x"), ("role", "")], "Choose a role."),
        (&[("act", "password"), ("password", "li.na"), ("again", "li.na")], "A password has 10"),
        (&[("act", "password"), ("password", PASSWORD), ("again", "x")], "passwords differ"),
    ];
    for (fields, why) in wrong {
        let sent = hub.writer.send_form(there, fields).await;
        assert_eq!(sent.status.as_u16(), 422, "{why}");
        Seen::of(&sent).says(&[why]);
    }
    let odd = hub.writer.send_form(there, &[("act", "burn")]).await;
    Seen::of(&odd).says(&["Nothing was changed. The page is out of date"]);
    assert_eq!(users(&hub).await[0]["name"], "李娜");
}

#[tokio::test]
async fn who_keeps_no_users_sees_neither_page_and_changes_nothing() {
    let hub = TestHub::on_memory().await;
    let there = made(&hub, "li.na", "admin").await;
    let there = there.split('?').next().unwrap();
    hub.reader.look("/console").await.hides(&["/console/users", "/console/audit"]);
    hub.writer.look(USERS).await.says(&["Users", "Audit log"]);
    for path in [USERS, there, "/console/audit"] {
        let seen = hub.reader.look(path).await;
        assert_eq!(seen.status, 403, "{path}");
        seen.hides(&["李娜"]);
    }
    for (path, fields) in [(USERS, vec![("name", "x")]), (there, vec![("act", "disable")])] {
        let sent = hub.reader.send_form(path, &fields).await;
        assert_eq!(sent.status.as_u16(), 403, "{path}");
        Seen::of(&sent).says(&["Nothing was changed. Your account lacks the permission"]);
    }
    // Who keeps users gives nobody more than it has itself.
    let keeper = hub.app_with("cl000000000000009", &[Permission::UsersAdmin]).await;
    keeper
        .look(there)
        .await
        .says(&["This user may do more than you may"])
        .hides(&["<form class=\"act"]);
    let sent = keeper.send_form(there, &[("act", "disable")]).await;
    assert_eq!(sent.status.as_u16(), 403);
    Seen::of(&sent).says(&["Nothing was changed. A user of that role may do more than you may."]);
    let missing = hub.writer.look("/console/users/99999").await;
    assert_eq!(missing.status, 404);
    missing.says(&["There is no such page"]);
    // Another tenant knows nothing of them.
    hub.stranger.look(USERS).await.says(&["Nobody signs in here yet"]);
    assert_eq!(hub.stranger.look(there).await.status, 404);
    assert_eq!(users(&hub).await[0]["disabledAt"], Value::Null);
}
