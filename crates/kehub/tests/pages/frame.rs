//! What all pages have in common.

use crate::hub::{Seen, TestHub, request};
use kehub::server::Settings;
use kehub_store::Fault;
use serde_json::json;
use std::time::Duration;

const PAGES: [&str; 5] = [
    "/console",
    "/console/customers",
    "/console/customers/1",
    "/console/why",
    "/console/customers/export?format=csv",
];

#[tokio::test]
async fn nobody_sees_a_page_without_being_let_in() {
    let hub = TestHub::on_memory().await;
    hub.writer.upsert(&["member:m1"], json!({ "name": "王小明" })).await;
    let token = &hub.writer.token;
    for path in PAGES {
        // A token in an address would be in the history of the browser.
        let beside = if path.contains('?') { '&' } else { '?' };
        for path in [path.to_owned(), format!("{path}{beside}access_token={token}")] {
            let answer = hub.call(request("GET", &path, "")).await;
            // Nobody can sign in to this hub yet.
            let led = (answer.status.as_u16(), answer.header("location"));
            assert_eq!(led, (303, "/console/first"), "{path}");
            Seen::of(&answer).hides(&["王小明"]);
        }
    }
    let posted = hub.call(request("POST", "/console/customers/1/reveal", "")).await;
    assert_eq!(posted.status, 403);
    let mut posted = request("POST", "/console/customers/1/reveal", "");
    posted.headers_mut().insert("sec-fetch-site", "same-origin".parse().unwrap());
    assert_eq!(hub.call(posted).await.status, 303);
}

#[tokio::test]
async fn pages_take_the_permissions_of_the_api() {
    let hub = TestHub::on_memory().await;
    hub.writer.upsert(&["member:m1"], json!({ "name": "王小明" })).await;
    for path in PAGES {
        let seen = hub.phone.look(path).await;
        // Files hold contacts in full, which it takes more for than to read.
        let needed = if path.contains("export") { continue } else { "customers.read" };
        assert_eq!(seen.status, 403, "{path}");
        seen.says(&["You may not see this", needed]).hides(&["王小明"]);
    }
    let seen = hub.reader.look("/console/customers/export?format=csv").await;
    assert_eq!(seen.status, 403);
}

#[tokio::test]
async fn a_tenant_sees_its_own_customers_only() {
    let hub = TestHub::on_memory().await;
    hub.writer.upsert(&["member:m1"], json!({ "name": "王小明" })).await;
    for path in
        ["/console", "/console/customers", "/console/customers?q=m1", "/console/customers/1"]
    {
        hub.stranger.look(path).await.hides(&["王小明"]);
    }
    let seen = hub.stranger.look("/console/why?from=%231&to=member:m1").await;
    seen.says(&["Nothing is known by this"]).hides(&["王小明"]);
}

#[tokio::test]
async fn nothing_within_a_page_needs_leave_from_its_policy() {
    let hub = TestHub::on_memory().await;
    for name in ["a", "b"] {
        hub.writer.upsert(&[&format!("member:{name}")], json!({ "name": name })).await;
    }
    for path in PAGES.into_iter().filter(|path| !path.contains("export")) {
        let answer = hub.writer.ask("GET", path, "", "").await;
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'self'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-frame-options"), "DENY");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("cache-control"), "no-store");
        let html = &answer.text;
        assert!(!html.contains(" style=") && !html.contains("<style"), "{path}");
        assert!(!html.contains(" onclick") && !html.contains("javascript:"), "{path}");
        let scripts: Vec<&str> = html.split("<script").skip(1).collect();
        assert!(scripts.iter().all(|it| it.contains("src=\"/console/assets/")), "{path}");
    }
}

#[tokio::test]
async fn what_somebody_is_called_is_text_and_never_part_of_a_page() {
    let hub = TestHub::on_memory().await;
    let name = "<script>alert(1)</script>\"'&";
    hub.writer.upsert(&["member:<b>"], json!({ "name": name, "attr": { "x": "<i>" } })).await;
    let paths = [
        "/console/customers",
        "/console/customers/1",
        "/console/customers?q=%3Cscript%3E",
        "/console/why?from=%231&to=%3Cscript%3Ex",
        "/console/customers?shoe%3Cscript%3E=1",
    ];
    for path in paths {
        hub.writer.look(path).await.hides(&["<script>", "<b>\"", "<i>x"]);
    }
}

#[tokio::test]
async fn assets_are_kept_for_ever_under_a_name_of_their_own() {
    let hub = TestHub::on_memory().await;
    let page = hub.writer.look("/console").await;
    let addresses = page.html.split('"').filter(|it| it.starts_with("/console/assets/"));
    let addresses: Vec<&str> = addresses.collect();
    assert!(addresses.iter().any(|it| it.contains("/style-")), "{addresses:?}");
    assert!(addresses.iter().any(|it| it.contains("/script-")), "{addresses:?}");
    for address in addresses {
        let answer = hub.call(request("GET", address, "")).await;
        assert_eq!(answer.status, 200, "{address}");
        assert!(answer.header("cache-control").contains("immutable"), "{address}");
    }
    assert_eq!(hub.call(request("GET", "/console/assets/style-0.css", "")).await.status, 404);
}

#[tokio::test]
async fn language_and_theme_follow_the_browser_until_somebody_chooses() {
    let hub = TestHub::on_memory().await;
    let mut asked = request("GET", "/console/customers", "");
    asked.headers_mut().insert("accept-language", "zh-CN,zh;q=0.9,en;q=0.5".parse().unwrap());
    let token = format!("Bearer {}", hub.writer.token).parse().unwrap();
    asked.headers_mut().insert("authorization", token);
    let seen = Seen::of(&hub.call(asked).await);
    seen.says(&["还没有客户"]);
    assert!(seen.html.contains("lang=\"zh-CN\"") && !seen.html.contains("data-theme"));
    hub.writer.look("/console/customers").await.says(&["No customers yet"]);

    let chosen = |body: &'static str| hub.writer.ask("POST", "/console/look", body, "");
    let answer = chosen("back=%2Fconsole%2Fcustomers%3Fq%3Da&theme=dark").await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("location")),
        (303, "/console/customers?q=a")
    );
    let cookie = answer.header("set-cookie").to_owned();
    assert!(cookie.starts_with("kehub_theme=dark;") && cookie.contains("SameSite=Lax"), "{cookie}");
    let dark = hub.writer.ask("GET", "/console", "", "kehub_theme=dark").await;
    assert!(dark.text.contains("data-theme=\"dark\""));
    // An address of another host is not one of ours, however it is written.
    for back in ["https%3A%2F%2Fevil.example", "%2F%2Fevil.example", "%2Fconsoleevil"] {
        let body = format!("back={back}&language=en");
        let answer = hub.writer.ask("POST", "/console/look", &body, "").await;
        assert_eq!(answer.header("location"), "/console", "{back}");
    }
}

#[tokio::test]
async fn trouble_says_what_happened_to_the_data() {
    let hub = TestHub::on_memory().await;
    for path in ["/console", "/console/customers", "/console/customers/1"] {
        hub.store.plan([Fault::Before]);
        let seen = hub.writer.look(path).await;
        assert_eq!(seen.status, 503, "{path}");
        seen.says(&["The hub is busy", "Nothing was changed"]);
    }
    let missing = hub.writer.look("/console/nowhere").await;
    assert_eq!(missing.status, 404);
    missing.says(&["There is no such page"]);
}

/// Whoever waits for a list is told, and may go elsewhere meanwhile; whoever changes something is not told
/// that it was not done.
#[tokio::test]
async fn a_store_that_does_not_answer_holds_no_page_up() {
    let settings = Settings { request_timeout: Duration::from_millis(20), ..Settings::default() };
    let hub = TestHub::with(settings).await;
    let lists = ["", "/customers", "/review", "/imports", "/users", "/audit"];
    for path in lists.map(|path| format!("/console{path}")) {
        hub.store.plan([Fault::Never]);
        let seen = hub.writer.look(&path).await;
        assert_eq!(seen.status, 503, "{path}");
        seen.says(&["The hub is busy", "Nothing was changed"]);
    }
    hub.store.plan([Fault::Never]);
    let user = [("login", "li"), ("name", "Li"), ("role", "viewer")];
    let password = [("password", "correct horse"), ("again", "correct horse")];
    let answer =
        hub.writer.send_form("/console/users", &[user.as_slice(), &password].concat()).await;
    assert_eq!(answer.status, 503);
    Seen::of(&answer).says(&["It is not known whether this was done"]);
}
