//! Signing in and out, what a session opens, and what another site cannot do with it.

use crate::access::with_ids;
use crate::browser::{Browser, PASSWORD};
use crate::hub::{TestHub, described_calls, on_every_engine};
use kehub::clock::Clock as _;
use kehub::imports::Spool;
use kehub::server::{App, Hub, Settings};
use kehub_core::people::user::Role;
use kehub_store::{Fault, PeopleStore as _, Store as _};
use serde_json::{Value, json};
use std::fmt::Write as _;

on_every_engine! {
    somebody_signs_in_and_out,
    who_fails_does_not_learn_whether_a_name_exists,
    a_name_is_locked_whoever_has_it,
    a_session_ends_by_itself,
    a_disabled_user_is_out_at_once,
    hubs_of_a_store_share_sessions,
    another_site_sends_nothing,
    a_script_of_a_page_calls_the_api,
    who_may_not_see_in_full_is_not_told_by_the_api,
    who_sees_contacts_on_a_page_leaves_a_trace,
    who_only_tries_a_write_leaves_a_trace_of_what_it_saw,
    what_a_browser_was_told_is_kept_nowhere,
    a_proxy_that_asks_for_a_password_of_its_own_is_no_program,
    who_may_not_see_contacts_does_not_feel_for_them,
    a_file_is_taken_from_a_page_only,
}

async fn somebody_signs_in_and_out(hub: TestHub) {
    hub.user("Li.Na@x.cn", Role::Viewer).await;
    let browser = hub.browser();
    browser.get("/console").await.leads_to("/console/sign-in");
    let back = "/console/sign-in?back=%2Fconsole%2Faccount%3Fa%3D1";
    browser.get("/console/account?a=1").await.leads_to(back);
    let page = browser.get(back).await;
    assert_eq!((page.status.as_u16(), page.value_of("back")), (200, "/console/account?a=1".into()));

    let fields = [("login", " LI.NA@x.cn "), ("password", PASSWORD), ("back", "/console/account")];
    let entered = browser.post("/console/sign-in", &fields).await;
    entered.leads_to("/console/account");
    let cookie = entered.header("set-cookie");
    assert!(cookie.starts_with("kehub=") && cookie.len() > 70, "{cookie}");
    let expected = "; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax";
    assert!(cookie.ends_with(expected), "{cookie}");
    let page = browser.get("/console/account").await;
    for word in ["li.na@x.cn", "viewer", "Firefox140"] {
        assert!(page.text.contains(word), "{word}: {}", page.text);
    }
    browser.get("/console/sign-in?back=//evil.example").await.leads_to("/console");

    let stolen = browser.at(&hub.app);
    let left = browser.post_signed("/console/sign-out", &[]).await;
    left.leads_to("/console/sign-in");
    assert!(left.header("set-cookie").starts_with("kehub=; Path=/; Max-Age=0"));
    assert!(!stolen.is_signed_in().await && !browser.is_signed_in().await);
}

async fn who_fails_does_not_learn_whether_a_name_exists(hub: TestHub) {
    let id = hub.user("anna", Role::Viewer).await;
    hub.user("berta", Role::Viewer).await;
    hub.writer.patch(&format!("/api/users/{id}"), &json!({ "disabled": true })).await.was(200);
    let tries = [
        ("anna", PASSWORD),
        ("berta", "a wrong password"),
        ("nobody", PASSWORD),
        ("no name", PASSWORD),
        ("", ""),
    ];
    let mut told = Vec::new();
    for (login, password) in tries {
        let answer = hub.browser().try_sign_in(login, password).await;
        assert_eq!(answer.status, 403, "{login}");
        assert!(!answer.headers.contains_key("set-cookie"));
        assert!(!answer.text.contains(PASSWORD), "{}", answer.text);
        let text = answer.main().replace(&format!("value=\"{login}\""), "");
        // Where the cursor stands follows from whether anything was typed.
        told.push(text.replace(" autofocus", ""));
    }
    assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "{told:#?}");
}

async fn a_name_is_locked_whoever_has_it(hub: TestHub) {
    hub.user("anna", Role::Viewer).await;
    for login in ["anna", "nobody"] {
        let browser = hub.browser();
        for _ in 0..5 {
            assert_eq!(browser.try_sign_in(login, "a wrong password").await.status, 403);
        }
        for login in [login.to_owned(), format!(" {} ", login.to_uppercase())] {
            let locked = browser.try_sign_in(&login, PASSWORD).await;
            assert_eq!((locked.status.as_u16(), locked.header("retry-after")), (429, "30"));
            assert!(locked.text.contains("Try again in 30 seconds"), "{}", locked.text);
        }
    }
    hub.clock.advance_seconds(29);
    assert_eq!(hub.browser().try_sign_in("anna", PASSWORD).await.header("retry-after"), "1");
    hub.clock.advance_seconds(1);
    assert_eq!(hub.browser().try_sign_in("nobody", PASSWORD).await.status, 403);
    assert_eq!(hub.browser().try_sign_in("nobody", PASSWORD).await.header("retry-after"), "60");
    hub.browser().sign_in("anna").await;
    assert_eq!(hub.browser().try_sign_in("anna", "a wrong password").await.status, 403);
}

async fn a_session_ends_by_itself(hub: TestHub) {
    let browser = hub.signed_in("anna", Role::Viewer).await;
    let idle = 12 * 3600;
    hub.clock.advance_seconds(idle - 1);
    assert!(browser.is_signed_in().await);
    noted(&hub).await;
    hub.clock.advance_seconds(idle - 1);
    assert!(browser.is_signed_in().await, "it was used meanwhile");
    noted(&hub).await;
    hub.clock.advance_seconds(idle);
    assert!(!browser.is_signed_in().await);

    browser.sign_in("anna").await;
    for _ in 0..60 {
        assert!(browser.is_signed_in().await);
        noted(&hub).await;
        hub.clock.advance_seconds(idle);
        hub.clock.advance_seconds(-1);
    }
    hub.clock.advance_seconds(60);
    assert!(!browser.is_signed_in().await, "a month is enough");
}

/// Waits until it is written down that sessions are used, which happens beside what is done in them.
async fn noted(hub: &TestHub) {
    let user = hub.store.directory().await.unwrap().users.pop().unwrap();
    loop {
        let sessions = hub.store.sessions(user.app).await.unwrap();
        if sessions.iter().any(|session| session.seen_at == hub.clock.now()) {
            return;
        }
        tokio::task::yield_now().await;
    }
}

async fn a_disabled_user_is_out_at_once(hub: TestHub) {
    let browser = hub.signed_in("anna", Role::Viewer).await;
    let id = 5;
    hub.writer.patch(&format!("/api/users/{id}"), &json!({ "disabled": true })).await.was(200);
    assert!(!browser.is_signed_in().await);
    assert_eq!(browser.try_sign_in("anna", PASSWORD).await.status, 403);
    hub.writer.patch(&format!("/api/users/{id}"), &json!({ "disabled": false })).await.was(200);
    assert!(!browser.is_signed_in().await, "its sessions are gone");
    browser.sign_in("anna").await;
    hub.writer.post(&format!("/api/users/{id}/sign-out"), &Value::Null).await.was(200);
    assert!(!browser.is_signed_in().await);
}

async fn hubs_of_a_store_share_sessions(hub: TestHub) {
    let other = Hub::new(hub.store.clone(), hub.clock.clone(), Settings::default(), 8).await;
    let other = other.unwrap();
    let app = App::new(other.clone());
    // The other hub has not read yet that there is such a user.
    hub.user("anna", Role::Viewer).await;
    let there = Browser::of(&app);
    there.sign_in("anna").await;
    let here = there.at(&hub.app);
    assert!(there.is_signed_in().await && here.is_signed_in().await);
    for _ in 0..5 {
        Browser::of(&app).try_sign_in("anna", "a wrong password").await;
    }
    assert_eq!(hub.browser().try_sign_in("anna", PASSWORD).await.status, 429);
    here.post_signed("/console/sign-out", &[]).await.leads_to("/console/sign-in");
    assert!(!there.is_signed_in().await);
}

async fn another_site_sends_nothing(hub: TestHub) {
    let browser = hub.signed_in("anna", Role::Editor).await;
    let csrf = browser.csrf().await;
    let form = ("content-type", "application/x-www-form-urlencoded");
    let body = format!("csrf={csrf}");
    let evil = ("origin", "http://evil.example");
    let ours = ("origin", "http://hub.example");
    let refused = [
        (vec![form], &*body),
        (vec![form, evil], &*body),
        (vec![form, ("origin", "null")], &*body),
        (vec![form, ours, ("sec-fetch-site", "cross-site")], &*body),
        (vec![form, ours], "csrf="),
        (vec![form, ours], ""),
        (vec![form, ours, ("x-csrf-token", "0")], "csrf=0"),
        (vec![("content-type", "text/plain"), ours], &*body),
    ];
    for (headers, body) in &refused {
        let answer = browser.send("POST", "/console/sign-out", headers, (*body).to_owned()).await;
        assert_eq!(answer.status, 403, "{headers:?} {body}");
    }
    // Nor does it sign somebody in as somebody else.
    let evil_login = format!("login=anna&password={}", PASSWORD.replace(' ', "+"));
    let answer = browser.send("POST", "/console/sign-in", &[form, evil], evil_login).await;
    assert_eq!(answer.status, 403);
    assert!(browser.is_signed_in().await);
    // The token of one session is not that of another.
    let other = hub.browser();
    other.sign_in("anna").await;
    let answer = other.post("/console/sign-out", &[("csrf", &csrf)]).await;
    assert_eq!(answer.status, 403);

    let customer = json!({ "customer": { "mobile": "13800000001" } }).to_string();
    for headers in [
        vec![("sec-fetch-site", "same-origin")],
        vec![("x-csrf-token", &*csrf)],
        vec![("x-csrf-token", &*csrf), evil],
        vec![("x-csrf-token", "0"), ours],
    ] {
        let answer = browser.send("POST", "/api/customers", &headers, customer.clone()).await;
        answer.refused(403, "crossSite");
    }
    let sent = [("x-csrf-token", &*csrf), ours];
    browser.send("POST", "/api/customers", &sent, customer).await.was(201);
}

async fn a_script_of_a_page_calls_the_api(hub: TestHub) {
    let browser = hub.signed_in("anna", Role::Editor).await;
    let customer = json!({ "customer": { "mobile": "13800000001" } });
    browser.call("POST", "/api/customers", &customer).await.was(201);
    let read = browser.get("/api/customers/1").await.was(200);
    assert_eq!(read["mobile"], "13800000001", "{read}");
    let history = browser.get("/api/customers/1/history").await.was(200);
    assert_eq!(history["items"][0]["app"], "user:anna", "{history}");
    let log = hub.writer.get("/api/audit?limit=2").await.was(200);
    let about = json!({ "kind": "customer", "id": 1 });
    let entries = log["items"].as_array().unwrap();
    let routes = ["/api/customers/{id}/history", "/api/customers/{id}"];
    for (entry, route) in entries.iter().zip(routes) {
        assert_eq!((&entry["deed"], &entry["about"]), (&json!("customersRead"), &about));
        assert_eq!(
            (&entry["app"], &entry["details"]["route"]),
            (&json!("user:anna"), &json!(route))
        );
    }
    // What cannot be written down is not told.
    hub.store.plan([Fault::None, Fault::None, Fault::Before]);
    let untold = browser.get("/api/customers/1").await;
    assert_eq!(untold.status, 503);
    assert!(!untold.text.contains("13800000001"));
    // A token wins over a session, and the v1 wire knows tokens only.
    browser
        .send("GET", "/api/customers", &[("authorization", "Bearer x")], String::new())
        .await
        .refused(401, "tokenInvalid");
    assert_eq!(browser.get("/v1/customers").await.json()["error_code"], 40001);
}

async fn who_may_not_see_in_full_is_not_told_by_the_api(hub: TestHub) {
    hub.writer.upsert(&["mobile:13800000001"], json!({ "mobile": "13800000001" })).await.was(201);
    let browser = hub.signed_in("anna", Role::Viewer).await;
    for path in ["/api/customers", "/api/customers/1", "/api/exports", "/api/identities"] {
        let problem = browser.get(path).await.refused(403, "permissionMissing");
        assert!(problem["detail"].as_str().unwrap().contains("customers.reveal"), "{problem}");
    }
    for path in ["/api/policy", "/api/identity-types", "/api/imports"] {
        browser.get(path).await.was(200);
    }
}

async fn who_sees_contacts_on_a_page_leaves_a_trace(hub: TestHub) {
    hub.writer.upsert(&["member:m1"], json!({ "mobile": "13800000001" })).await.was(201);
    let viewer = hub.signed_in("anna", Role::Viewer).await;
    let page = viewer.get("/console/customers/1").await;
    assert!(page.text.contains("138****0001") && !page.text.contains("13800000001"));
    assert!(!page.text.contains("/reveal"), "{}", page.text);
    let reveal = "/console/customers/1/reveal";
    let refused = viewer.post_signed(reveal, &[]).await;
    assert_eq!(refused.status, 403);
    assert!(refused.text.contains("customers.reveal") && !refused.text.contains("13800000001"));
    assert_eq!(viewer.get("/console/customers/export?format=csv").await.status, 403);

    let editor = hub.signed_in("berta", Role::Editor).await;
    let page = editor.get("/console/customers/1").await;
    assert!(!page.text.contains("13800000001"), "{}", page.text);
    let csrf = page.value_of("csrf");
    assert_eq!(editor.post(reveal, &[]).await.status, 403, "a form of another site");
    let shown = editor.post(reveal, &[("csrf", &csrf)]).await;
    assert!(shown.text.contains("13800000001"), "{}", shown.text);
    assert_eq!(editor.get("/console/customers/export?format=csv").await.status, 200);
    let log = hub.writer.get("/api/audit?limit=2").await.was(200);
    let (exported, revealed) = (&log["items"][0], &log["items"][1]);
    assert_eq!(
        (&exported["deed"], &exported["app"]),
        (&json!("customersExported"), &json!("user:berta"))
    );
    assert_eq!(
        (&revealed["deed"], &revealed["about"]["id"]),
        (&json!("customerRevealed"), &json!(1))
    );
    assert!(!log.to_string().contains("13800000001"), "{log}");
}

/// A write answers the customer, also one that changes nothing and of which no journal tells.
async fn who_only_tries_a_write_leaves_a_trace_of_what_it_saw(hub: TestHub) {
    hub.writer.upsert(&["member:m1"], json!({ "mobile": "13800000001" })).await.was(201);
    hub.writer.upsert(&["member:m3"], json!({})).await.was(201);
    let browser = hub.signed_in("anna", Role::Editor).await;
    let member = json!({ "identities": [{ "type": "member", "value": "m1" }] });
    let fresh = json!({ "type": "member", "value": "m2" });
    let tried = [
        ("POST", "/api/customers", member),
        ("PATCH", "/api/customers/{id}", json!({ "customer": {} })),
        ("POST", "/api/customers/{id}/identities", fresh),
        ("POST", "/api/merges", json!({ "customerIds": [1, 2] })),
    ];
    for (method, route, body) in &tried {
        let path = format!("{}?dryRun=1", route.replace("{id}", "1"));
        let answer = browser.call(method, &path, body).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.text);
        assert!(answer.text.contains("13800000001"), "{path}: {}", answer.text);
        let log = hub.writer.get("/api/audit?limit=1").await.was(200);
        let entry = &log["items"][0];
        let told = (&entry["deed"], &entry["app"], &entry["details"]["route"]);
        assert_eq!(told, (&json!("customersRead"), &json!("user:anna"), &json!(route)));
    }
    // What cannot be written down is not told, and nobody knows what became of the write.
    hub.store.plan([Fault::None, Fault::None, Fault::None, Fault::None, Fault::Before]);
    let untold = browser.call("POST", "/api/customers", &tried[0].2).await;
    assert_eq!((untold.status.as_u16(), &untold.json()["code"]), (503, &json!("outcomeUnknown")));
    assert!(!untold.text.contains("13800000001"));
}

async fn what_a_browser_was_told_is_kept_nowhere(hub: TestHub) {
    hub.writer.upsert(&["member:m1"], json!({ "mobile": "13800000001" })).await.was(201);
    let browser = hub.signed_in("anna", Role::Editor).await;
    for path in ["/api/customers/1", "/api/exports?format=csv", "/console/customers/1"] {
        let answer = browser.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (200, "no-store"));
    }
}

/// Browsers repeat such a password by themselves, also when another site makes them ask.
async fn a_proxy_that_asks_for_a_password_of_its_own_is_no_program(hub: TestHub) {
    let browser = hub.signed_in("anna", Role::Editor).await;
    let basic = ("authorization", "Basic YTpi");
    let page = browser.send("GET", "/console/account", &[basic], String::new()).await;
    assert_eq!(page.status, 200, "{}", page.text);
    let form = ("content-type", "application/x-www-form-urlencoded");
    let fields = format!("login=anna&password={}", PASSWORD.replace(' ', "+"));
    let evil = [form, basic, ("origin", "http://evil.example")];
    let answer = browser.send("POST", "/console/sign-in", &evil, fields).await;
    assert_eq!(answer.status, 403, "{}", answer.text);
    let none = hub.browser();
    none.send("GET", "/api/customers", &[basic], String::new()).await.refused(401, "tokenInvalid");
}

/// Sign by sign, or by what stands before and behind, a mask would soon tell what is behind it.
async fn who_may_not_see_contacts_does_not_feel_for_them(hub: TestHub) {
    let contacts = json!({ "name": "Wang", "mobile": "13800000001", "email": "wang@x.cn" });
    hub.writer.upsert(&["member:m1"], contacts).await.was(201);
    let viewer = hub.signed_in("anna", Role::Viewer).await;
    let editor = hub.signed_in("berta", Role::Editor).await;
    let finds = async |browser: &Browser, query: &str| {
        let page = browser.get(&format!("/console/customers?{query}")).await;
        assert_eq!(page.status, 200, "{}", page.text);
        page.text.contains("/console/customers/1\"")
    };
    for whole in ["q=13800000001", "q=wang@x.cn", "mobile=13800000001", "email=wang@x.cn"] {
        assert!(finds(&viewer, whole).await, "{whole}");
    }
    for any in ["q=Wan", "q=m1", "name:prefix=Wa", "mobile:empty=0", "email:empty=0"] {
        assert!(finds(&viewer, any).await, "{any}");
    }
    for part in [
        "q=1380",
        "q=wang@",
        "mobile:prefix=1380",
        "mobile:gte=13800000000",
        "mobile:lt=13900000000",
        "mobile:in=13800000001,13800000002",
        "mobile:not=13800000002",
        "email:prefix=wan",
        "email:in=wang@x.cn,li@x.cn",
    ] {
        assert!(!finds(&viewer, part).await, "{part}");
        assert!(finds(&editor, part).await, "{part}");
    }
    let refused = viewer.get("/console/customers?mobile:prefix=1380").await;
    assert!(refused.main().contains("customers.reveal"), "{}", refused.text);
}

/// Every call that the API describes: with a session one that writes takes the token of a page.
#[tokio::test]
async fn every_write_repeats_the_token_of_a_page() {
    let hub = TestHub::on_memory().await;
    let browser = hub.signed_in("anna", Role::Admin).await;
    let csrf = browser.csrf().await;
    let evil = [("origin", "http://evil.example"), ("x-csrf-token", &*csrf)];
    let mut writes = Vec::new();
    for (path, method, operation) in described_calls() {
        let Some(open_to) = operation["security"].as_array().filter(|it| !it.is_empty()) else {
            continue;
        };
        let schemes = open_to.iter().flat_map(|it| it.as_object().unwrap().keys());
        let schemes: Vec<&str> = schemes.map(String::as_str).collect();
        if method == "get" {
            assert_eq!(schemes, ["bearer", "session"], "{path}");
            continue;
        }
        assert_eq!(schemes, ["bearer", "pageToken", "session"], "{method} {path}");
        let refused = &operation["responses"]["403"]["content"]["application/problem+json"];
        assert!(refused["examples"]["crossSite"].is_object(), "{method} {path}");
        let (call, sent) = (method.to_uppercase(), with_ids(path));
        for headers in [&[("sec-fetch-site", "same-origin")][..], &evil] {
            let answer = browser.send(&call, &sent, headers, "{}".to_owned()).await;
            answer.refused(403, "crossSite");
        }
        writes.push((call, path));
    }
    assert!(writes.contains(&("DELETE".to_owned(), "/api/imports/{id}/refused")), "{writes:?}");
    assert!(writes.contains(&("POST".to_owned(), "/api/imports")), "{writes:?}");
    let described = &kehub::server::openapi()["components"]["securitySchemes"];
    let (session, token) = (&described["session"], &described["pageToken"]);
    assert_eq!((&session["in"], &session["name"]), (&json!("cookie"), &json!("kehub")));
    assert_eq!((&token["in"], &token["name"]), (&json!("header"), &json!("X-CSRF-Token")));
}

/// Every call that the API describes, and which roles it is open to.
#[tokio::test]
async fn a_role_opens_what_its_permissions_say() {
    let hub = TestHub::on_memory().await;
    let mut browsers = Vec::new();
    for role in Role::ALL.iter().rev() {
        browsers.push((hub.signed_in(role.name(), *role).await, *role));
    }
    let mut table = String::new();
    for (path, method, operation) in described_calls() {
        let Some(permission) = operation["x-permission"].as_str() else { continue };
        let mut open_to = Vec::new();
        for (browser, role) in &browsers {
            let path = with_ids(path);
            let answer = browser.call(&method.to_uppercase(), &path, &json!({})).await;
            let is_open = answer.status != 403 || answer.json()["code"] != "permissionMissing";
            let has = role.permissions().iter().any(|held| held.name() == permission);
            assert!(has || !is_open, "{method} {path} is open to a {}", role.name());
            // A call that tells of customers in full is for who may see them so.
            assert!(is_open || !has || *role == Role::Viewer, "{method} {path}: {}", role.name());
            if is_open {
                open_to.push(role.name());
            }
        }
        writeln!(table, "{:6} {path:45} {}", method.to_uppercase(), open_to.join(" ")).unwrap();
    }
    assert_eq!(table, include_str!("roles.txt"), "\n{table}");
}

async fn a_file_is_taken_from_a_page_only(hub: TestHub) {
    let folder = tempfile::tempdir().unwrap();
    hub.hub.keep_files_in(Spool::new(folder.path(), 1_000_000));
    let browser = hub.signed_in("anna", Role::Editor).await;
    let csrf = browser.csrf().await;
    let file = ("file\"; filename=\"a.csv", "name\nA\n");
    let token = ("csrf", &*csrf);
    let long = format!("{csrf}{}", "0".repeat(300));
    let ours = ("sec-fetch-site", "same-origin");
    let media = ("content-type", "multipart/form-data; boundary=limit");
    let parts = |parts: &[(&str, &str)]| {
        let part = |(name, text): &(&str, &str)| {
            format!("--limit\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n")
        };
        format!("{}--limit--\r\n", parts.iter().map(part).collect::<String>())
    };
    for (what, headers, body) in [
        ("no token", vec![ours, media], parts(&[file])),
        ("not the first part", vec![ours, media], parts(&[file, token])),
        ("another token", vec![ours, media], parts(&[("csrf", "0"), file])),
        ("a long token", vec![ours, media], parts(&[("csrf", &long), file])),
        ("another name", vec![ours, media], parts(&[("token", &csrf), file])),
        ("nothing", vec![ours, media], String::new()),
        ("another site", vec![("sec-fetch-site", "cross-site"), media], parts(&[token, file])),
        ("no origin", vec![media], parts(&[token, file])),
    ] {
        let refused = browser.send("POST", "/console/imports", &headers, body).await;
        assert_eq!(refused.status, 403, "{what}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);

    let answer =
        browser.send("POST", "/console/imports", &[ours, media], parts(&[token, file])).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    let address = answer.header("location").to_owned();
    let page = browser.get(&address).await;
    assert!(page.main().contains("value=\"import\""), "{}", page.text);
    // A colleague who gets the address sees nothing of it.
    let other = hub.signed_in("bo", Role::Editor).await;
    assert_eq!(other.get(&address).await.status, 404);
    // Other forms of the console have no file.
    let odd =
        browser.send("POST", "/console/sign-out", &[ours, media], parts(&[("csrf", "0")])).await;
    assert_eq!(odd.status, 403);

    let viewer = hub.signed_in("vera", Role::Viewer).await;
    let csrf = viewer.csrf().await;
    let body = parts(&[("csrf", &csrf), file]);
    let refused = viewer.send("POST", "/console/imports", &[ours, media], body).await;
    assert_eq!(refused.status, 403);
    assert!(refused.main().contains("customers.write"), "{}", refused.text);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
