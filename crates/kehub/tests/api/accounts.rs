//! The first user, one's own account, and what pages of the console say of themselves.

use crate::browser::PASSWORD;
use crate::hub::{TestHub, on_every_engine};
use kehub::people::FirstCode;
use kehub::server::Settings;
use kehub_core::people::user::Role;
use kehub_store::Store as _;
use serde_json::json;

on_every_engine! {
    the_first_user_needs_the_code,
    a_user_changes_its_password,
    a_user_ends_its_sessions,
}

async fn the_first_user_needs_the_code(hub: TestHub) {
    let browser = hub.browser();
    browser.get("/console").await.leads_to("/console/first");
    browser.get("/console/sign-in").await.leads_to("/console/first");
    assert_eq!(browser.get("/console/first").await.status, 200);
    let fields = |code: &str, login: &str, password: &str| {
        let fields = [("code", code), ("login", login), ("password", password)];
        let more = [("again", PASSWORD), ("name", "安娜")];
        let all = fields.into_iter().chain(more);
        all.map(|(name, value)| (name, value.to_owned())).collect::<Vec<_>>()
    };
    let send = async |code: &str, login: &str, password: &str| {
        let fields = fields(code, login, password);
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, &**value)).collect();
        browser.post("/console/first", &fields).await
    };
    // A hub that was started by nobody who could read a code lets nobody in.
    assert_eq!(send("", "anna", PASSWORD).await.status, 403);
    let code = FirstCode::draw().unwrap();
    hub.hub.expect_first_user(code.clone());
    assert_eq!(send("AAAA-AAAA-AAAA", "anna", PASSWORD).await.status, 403);
    for (login, password) in [("an na", PASSWORD), ("anna", "another password"), ("", PASSWORD)] {
        let answer = send(code.text(), login, password).await;
        assert_eq!(answer.status, 422, "{login} {password}");
        assert!(answer.text.contains("安娜") && !answer.text.contains(PASSWORD));
    }
    assert_eq!(hub.store.directory().await.unwrap().users, []);

    send(&code.text().to_lowercase(), "Anna", PASSWORD).await.leads_to("/console");
    let page = browser.get("/console/account").await;
    assert!(page.text.contains("安娜") && page.text.contains("admin"), "{}", page.text);
    // From now on the page is gone, and the code is good for nothing.
    let other = hub.browser();
    other.get("/console/first").await.leads_to("/console/sign-in");
    let fields = [("code", code.text()), ("login", "eve"), ("name", "Eve")];
    let more = [("password", PASSWORD), ("again", PASSWORD)];
    let answer = other.post("/console/first", &[&fields[..], &more].concat()).await;
    answer.leads_to("/console/sign-in");
    let log = hub.writer.get("/api/audit").await.was(200);
    let deeds: Vec<_> = log["items"].as_array().unwrap().iter().map(|it| &it["deed"]).collect();
    assert_eq!(deeds[..2], ["signedIn", "userCreated"]);
    assert!(deeds[2..].iter().all(|deed| *deed == "appCreated"), "{deeds:?}");
    assert_eq!(hub.store.directory().await.unwrap().users.len(), 1);
}

async fn a_user_changes_its_password(hub: TestHub) {
    let browser = hub.signed_in("anna", Role::Viewer).await;
    let other = hub.browser();
    other.sign_in("anna").await;
    let change = async |old: &str, new: &str, again: &str| {
        let fields = [("old", old), ("password", new), ("again", again)];
        browser.post_signed("/console/account/password", &fields).await
    };
    let new = "quite another one";
    assert_eq!(change(PASSWORD, new, "quite").await.status, 422);
    assert_eq!(change(PASSWORD, "short", "short").await.status, 422);
    assert_eq!(change("a wrong password", new, new).await.status, 403);
    assert!(other.is_signed_in().await);
    let done = change(PASSWORD, new, new).await;
    assert_eq!(done.status, 200, "{}", done.text);
    assert!(done.text.contains("The password is changed"), "{}", done.text);
    assert!(browser.is_signed_in().await && !other.is_signed_in().await);
    assert_eq!(other.try_sign_in("anna", PASSWORD).await.status, 403);
    other.try_sign_in("anna", new).await.leads_to("/console");
    // Who found an open browser does not guess faster than at the door.
    for _ in 0..5 {
        assert_eq!(change("a wrong password", new, new).await.status, 403);
    }
    assert_eq!(change(new, PASSWORD, PASSWORD).await.status, 429);
}

async fn a_user_ends_its_sessions(hub: TestHub) {
    let browser = hub.signed_in("anna", Role::Viewer).await;
    let (second, third) = (hub.browser(), hub.browser());
    second.sign_in("anna").await;
    third.sign_in("anna").await;
    let stranger = hub.signed_in("berta", Role::Admin).await;
    let theirs = stranger.get("/console/account").await.value_of("session");
    let end = async |session: &str| {
        browser.post_signed("/console/account/sessions/end", &[("session", session)]).await
    };
    for session in [&*theirs, "", "00", &"0".repeat(64)] {
        assert_eq!(end(session).await.status, 404, "{session}");
    }
    assert!(stranger.is_signed_in().await);

    let page = browser.get("/console/account").await;
    let listed: Vec<&str> = page.text.split("name=\"session\" value=\"").skip(1).collect();
    assert_eq!(listed.len(), 3, "{}", page.text);
    // Each but its own.
    let own = own_session(&page.text);
    for hash in listed.iter().map(|item| item.split('"').next().unwrap()) {
        if hash != own {
            assert_eq!(end(hash).await.status, 200);
        }
    }
    assert!(browser.is_signed_in().await);
    assert!(!second.is_signed_in().await && !third.is_signed_in().await);
    end(&own).await.leads_to("/console/sign-in");
    assert!(!browser.is_signed_in().await);

    browser.sign_in("anna").await;
    second.sign_in("anna").await;
    let out = browser.post_signed("/console/account/sign-out-everywhere", &[]).await;
    out.leads_to("/console/sign-in");
    assert!(!second.is_signed_in().await && stranger.is_signed_in().await);
}

/// The session that a page is of.
fn own_session(page: &str) -> String {
    let (_, rest) = page.split_once("this one").unwrap();
    let (_, rest) = rest.split_once("name=\"session\" value=\"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn every_answer_of_the_console_says_how_it_is_to_be_treated() {
    let hub = TestHub::on_memory().await;
    let browser = hub.signed_in("anna", Role::Viewer).await;
    let nobody = hub.browser();
    let answers = [
        browser.get("/console").await,
        browser.get("/console/account").await,
        browser.send("POST", "/console/sign-out", &[], String::new()).await,
        nobody.get("/console/account").await,
        nobody.get("/console/sign-in").await,
        nobody.try_sign_in("anna", "a wrong password").await,
    ];
    for answer in answers {
        let policy = answer.header("content-security-policy");
        let expected = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; \
                        frame-ancestors 'none'";
        assert_eq!(policy, expected);
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("x-frame-options"), "DENY");
        assert_eq!(answer.header("referrer-policy"), "same-origin");
        assert_eq!(answer.header("cache-control"), "no-store");
        // The policy forbids both, so that a page with one would be broken.
        assert!(!answer.text.contains("style=") && !answer.text.contains("<style"));
        let handlers =
            answer.text.split(" on").skip(1).map(|rest| {
                rest.trim_start_matches(|c: char| c.is_ascii_lowercase()).starts_with('=')
            });
        assert!(!answer.text.contains("<script>") && !handlers.into_iter().any(|it| it));
    }
}

#[tokio::test]
async fn pages_speak_the_language_of_the_browser() {
    let hub = TestHub::on_memory().await;
    hub.user("anna", Role::Viewer).await;
    let page = async |language: &str| {
        let headers = [("accept-language", language)];
        hub.browser().send("GET", "/console/sign-in", &headers, String::new()).await.text
    };
    let chinese = page("zh-CN,zh;q=0.9").await;
    assert!(chinese.contains("lang=\"zh-CN\"") && chinese.contains("登录名"), "{chinese}");
    let english = page("en-GB").await;
    assert!(english.contains("lang=\"en\"") && english.contains("Login name"), "{english}");
}

#[tokio::test]
async fn behind_tls_a_cookie_is_for_tls_only() {
    let public_url = Some("https://kehub.example.com".parse().unwrap());
    let hub = TestHub::with(Settings { public_url, ..Settings::default() }).await;
    hub.user("anna", Role::Viewer).await;
    let browser = hub.browser();
    let fields = format!("login=anna&password={}", PASSWORD.replace(' ', "+"));
    let headers = [
        ("origin", "https://kehub.example.com"),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let entered = browser.send("POST", "/console/sign-in", &headers, fields).await;
    entered.leads_to("/console");
    let cookie = entered.header("set-cookie");
    assert!(cookie.starts_with("__Host-kehub="), "{cookie}");
    assert!(
        cookie.ends_with("; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax; Secure"),
        "{cookie}"
    );
    assert!(browser.is_signed_in().await);
    // A cookie of another name, which a neighbour of the same domain could set, is not looked at.
    let value = browser.cookie().replace("__Host-kehub", "kehub");
    let plain = hub.browser();
    let answer = plain.send("GET", "/console/account", &[("cookie", &value)], String::new()).await;
    assert_eq!(answer.status, 303);
}

#[tokio::test]
async fn a_token_opens_pages_as_it_opens_the_api() {
    let hub = TestHub::on_memory().await;
    hub.user("anna", Role::Viewer).await;
    let bearer = format!("Bearer {}", hub.writer.token);
    let headers = [("authorization", &*bearer)];
    let answer = hub.browser().send("GET", "/console", &headers, String::new()).await;
    assert_eq!(answer.status, 200);
    let sent = json!({ "customer": { "mobile": "13800000001" } }).to_string();
    hub.browser().send("POST", "/api/customers", &headers, sent).await.was(201);
}
