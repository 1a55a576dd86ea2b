//! The pages of the console in a real browser, with hands on the keys.

use crate::browser::Browser;
use crate::hub::{Folder, Hub, eventually};
use serde_json::json;

/// A browser that is let in, on a hub with people.
async fn looking(folder: &Folder) -> (Hub, Browser) {
    let hub = folder.start().await;
    let token = hub.token().await;
    for place in 0..60 {
        let name = if place % 2 == 0 { format!("王{place}") } else { format!("李{place}") };
        let customer = json!({ "name": name, "mobile": format!("138000000{place:02}") });
        let identities =
            json!([{ "identityType": "card", "identityValue": format!("VIP-{place}") }]);
        hub.upsert(&token, &json!({ "customer": customer, "customerIdentities": identities }))
            .await
            .unwrap();
    }
    let mut browser = Browser::start(&folder.path().join("browser")).unwrap();
    let headers = json!({ "authorization": format!("Bearer {token}"), "accept-language": "zh-CN" });
    browser.send_headers(&headers).unwrap();
    browser.resize(1440, 900).unwrap();
    (hub, browser)
}

/// Types into the field of this name.
fn fill(browser: &mut Browser, name: &str, text: &str) {
    browser.run(&format!("document.querySelector('[name={name}]').focus()")).unwrap();
    browser.write(text).unwrap();
}

/// How many rows are shown.
const ROWS: &str = "document.querySelectorAll('tr[data-href]').length";

#[tokio::test]
async fn somebody_is_found_while_typing_and_opened_by_keys() {
    let folder = Folder::new();
    let (hub, mut browser) = looking(&folder).await;
    browser.open(&hub.url("/console/customers")).unwrap();
    assert_eq!(browser.run(ROWS).unwrap(), 50);
    assert!(browser.text().unwrap().contains("共 60 位客户"));

    browser.press("/").unwrap();
    browser.write("王1").unwrap();
    browser.wait(&format!("{ROWS} === 5")).unwrap();
    browser.write("0").unwrap();
    browser.wait(&format!("{ROWS} === 1")).unwrap();
    assert!(browser.run("location.search").unwrap().as_str().unwrap().contains("q="));
    // The field keeps what was typed while the list below it changes.
    assert_eq!(browser.run("document.activeElement.value").unwrap(), "王10");
    browser.press("ArrowDown").unwrap();
    browser.leave(|browser| browser.press("Enter")).unwrap();
    let text = browser.text().unwrap();
    assert!(text.contains("王10") && text.contains("138****0010"), "{text}");
    assert_eq!(browser.errors, Vec::<String>::new());
}

#[tokio::test]
async fn lists_are_gone_through_by_keys() {
    let folder = Folder::new();
    let (hub, mut browser) = looking(&folder).await;
    browser.open(&hub.url("/console/customers?sort=id")).unwrap();
    browser.leave(|browser| browser.press("n")).unwrap();
    assert_eq!(browser.run(ROWS).unwrap(), 10);
    for key in ["j", "j", "k"] {
        browser.press(key).unwrap();
    }
    let here = "document.querySelector('tr.here').dataset.href";
    assert_eq!(browser.run(here).unwrap(), "/console/customers/51");
    browser.leave(|browser| browser.press("p")).unwrap();
    assert_eq!(browser.run(ROWS).unwrap(), 50);
    browser.press("?").unwrap();
    assert_eq!(browser.run("document.querySelector('#keys').open").unwrap(), true);
    assert_eq!(browser.errors, Vec::<String>::new());
}

#[tokio::test]
async fn the_past_is_looked_at_with_a_slider_and_the_theme_stays() {
    let folder = Folder::new();
    let (hub, mut browser) = looking(&folder).await;
    let token = hub.token().await;
    let identities = json!([{ "identityType": "card", "identityValue": "VIP-0" }]);
    let renamed = json!({ "customer": { "name": "王新" }, "customerIdentities": identities });
    hub.upsert(&token, &renamed).await.unwrap();
    browser.open(&hub.url("/console/customers/1")).unwrap();
    assert!(
        browser
            .run("document.querySelector('h1').innerText")
            .unwrap()
            .as_str()
            .unwrap()
            .contains("王新")
    );
    browser
        .run(
            "(() => { const it = document.querySelector('#step'); it.value = 1; \
              it.dispatchEvent(new Event('input', { bubbles: true })); \
              it.dispatchEvent(new Event('change', { bubbles: true })) })()",
        )
        .unwrap();
    browser.wait("document.querySelector('h1').innerText.includes('王0')").unwrap();
    assert!(browser.text().unwrap().contains("时的状态"));

    browser.click("#themes button[value=dark]").unwrap();
    let dark = "document.documentElement.dataset.theme === 'dark'";
    browser.wait(dark).unwrap();
    browser.open(&hub.url("/console")).unwrap();
    browser.wait(dark).unwrap();
    browser.leave(|browser| browser.click("button[value=en]")).unwrap();
    assert!(browser.text().unwrap().contains("Open conflicts"));
    assert_eq!(browser.errors, Vec::<String>::new());
}

#[tokio::test]
async fn a_page_that_cannot_be_loaded_says_so_and_is_tried_again() {
    let folder = Folder::new();
    let (mut hub, mut browser) = looking(&folder).await;
    browser.open(&hub.url("/console/customers")).unwrap();
    hub.kill();
    browser.press("/").unwrap();
    browser.write("王").unwrap();
    browser.wait("document.querySelector('.toast')?.innerText.includes('页面加载失败')").unwrap();
    // What was shown before is still there.
    assert_eq!(browser.run(ROWS).unwrap(), 50);
}

#[tokio::test]
async fn without_a_script_everything_is_reached_by_links_and_forms() {
    let folder = Folder::new();
    let (hub, mut browser) = looking(&folder).await;
    browser.run_scripts(false).unwrap();
    browser.open(&hub.url("/console/customers")).unwrap();
    browser.run("document.querySelector('#search').value = 'VIP-7'").unwrap();
    browser
        .leave(|browser| browser.run("document.querySelector('form.search').submit()").map(drop))
        .unwrap();
    assert_eq!(browser.run(ROWS).unwrap(), 1);
    browser.leave(|browser| browser.click("tbody a")).unwrap();
    assert!(browser.text().unwrap().contains("李7"));
    browser.leave(|browser| browser.click("#themes button[value=dark]")).unwrap();
    assert_eq!(browser.run("document.documentElement.dataset.theme").unwrap(), "dark");
}

#[tokio::test]
async fn from_the_first_start_to_the_first_customer_and_a_reader_who_may_not_reveal() {
    let folder = Folder::new();
    let hub = folder.start().await;
    let printed = folder.read("stdout");
    let is_code = |line: &&str| line.len() == 14 && line.split('-').all(|part| part.len() == 4);
    let code = printed.lines().map(str::trim).find(is_code).unwrap();
    let mut browser = Browser::start(&folder.path().join("browser")).unwrap();
    browser.send_headers(&json!({ "accept-language": "en" })).unwrap();
    browser.resize(390, 844).unwrap();

    // Nobody can sign in yet: the first page is the one that makes the first user.
    browser.open(&hub.url("/console/customers")).unwrap();
    for (name, text) in [("code", code), ("name", "安娜"), ("login", "anna")] {
        fill(&mut browser, name, text);
    }
    fill(&mut browser, "password", "correct horse battery");
    fill(&mut browser, "again", "correct horse battery");
    browser.leave(|browser| browser.press("Enter")).unwrap();
    assert!(browser.text().unwrap().contains("Open conflicts"));
    browser.leave(|browser| browser.click("nav a[href='/console/customers']")).unwrap();
    assert!(browser.text().unwrap().contains("No customers yet"));

    let token = hub.token().await;
    let identities = json!([{ "identityType": "mobile", "identityValue": "13800000001" }]);
    let customer = json!({ "name": "王芳", "mobile": "13800000001" });
    let sent = json!({ "customer": customer, "customerIdentities": identities });
    hub.upsert(&token, &sent).await.unwrap();
    browser.open(&hub.url("/console/customers")).unwrap();
    browser.leave(|browser| browser.click("tbody a")).unwrap();
    let masked = browser.text().unwrap();
    assert!(masked.contains("138****0001") && !masked.contains("13800000001"), "{masked}");
    browser.leave(|browser| browser.click("form[action$='/reveal'] button")).unwrap();
    assert!(browser.text().unwrap().contains("13800000001"));

    // Somebody who may only look is not even offered to.
    let password = folder.path().join("password");
    std::fs::write(&password, "quite another one\n").unwrap();
    let mut add = folder.kehub(&["user", "add", "berta", "--role", "viewer", "--password-stdin"]);
    let added = add.stdin(std::fs::File::open(&password).unwrap()).status().unwrap();
    assert!(added.success());
    browser.leave(|browser| browser.click("nav a[href='/console/account']")).unwrap();
    browser.leave(|browser| browser.click("form[action='/console/sign-out'] button")).unwrap();
    eventually("the hub knows her", async || {
        browser.open(&hub.url("/console/sign-in?back=/console/customers/1")).unwrap();
        fill(&mut browser, "login", "berta");
        fill(&mut browser, "password", "quite another one");
        browser.leave(|browser| browser.press("Enter")).unwrap();
        browser.text().unwrap().contains("138****0001")
    })
    .await;
    assert!(!browser.text().unwrap().contains("Show mobiles"));
    let refused = "fetch('/console/customers/1/reveal', { method: 'POST' }).then(it => it.status)";
    assert_eq!(browser.run(refused).unwrap(), 403);
    assert_eq!(browser.errors, Vec::<String>::new());
}
