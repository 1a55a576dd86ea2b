//! Stories of an admin in a real browser: a rule that is looked at first, an app, a webhook, a WeChat account.

use crate::browser::Browser;
use crate::console_review::{fill, says, signed_in_with};
use crate::hub::{Folder, Hub, eventually};
use crate::webhooks::receiver;
use crate::weixin::{APP_ID, APP_SECRET, Weixin, fans};

const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// A hub that keeps secrets and may call this machine, with a webhook and a WeChat account that somebody has
/// made in the browser.
pub(crate) async fn connected(folder: &Folder, url: &str, weixin: &str) -> (Hub, Browser) {
    let variables = [
        ("KEHUB_SECRET_KEY", KEY),
        ("KEHUB_WEBHOOKS_ALLOW_PRIVATE", "1"),
        ("KEHUB_WECHAT_ALLOW_PRIVATE", "1"),
        ("KEHUB_WECHAT_BASE", weixin),
    ];
    let (hub, mut browser) = signed_in_with(folder, &variables).await;
    browser.open(&hub.url("/console/settings/webhooks")).unwrap();
    fill(&mut browser, "url", url);
    browser.leave(|browser| browser.click("details.more button")).unwrap();
    says(&mut browser, &["The secret of the webhook", "whsec_"]);
    browser.leave(|browser| browser.click("main a.primary")).unwrap();
    says(&mut browser, &[url, "Everything was delivered"]);
    browser.open(&hub.url("/console/wechat")).unwrap();
    for (name, text) in [("appId", APP_ID), ("appSecret", APP_SECRET), ("name", "旗舰店")] {
        fill(&mut browser, name, text);
    }
    browser.leave(|browser| browser.click("details.more button")).unwrap();
    says(&mut browser, &["The account is bound.", "旗舰店", "/wechat/wx0123456789abcdef/callback"]);
    assert!(!browser.text().unwrap().contains(APP_SECRET));
    (hub, browser)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_is_seen_before_it_is_saved_and_an_app_gets_its_secret_once() {
    let folder = Folder::new();
    let (hub, mut browser) = signed_in_with(&folder, &[]).await;
    browser.resize(390, 844).unwrap();
    browser.leave(|browser| browser.click(".side nav a[href='/console/settings']")).unwrap();
    browser.leave(|browser| browser.click("a[href='/console/settings/types/card']")).unwrap();
    fill(&mut browser, "limit", "1");
    fill(&mut browser, "blocked", "VIP-3");
    browser.leave(|browser| browser.click("main form button.primary")).unwrap();
    says(&mut browser, &["What would change", "Values that never match", "vip-3", "Save", "#3"]);
    browser.leave(|browser| browser.click("main form button.primary")).unwrap();
    says(&mut browser, &["It is saved, and rules the next requests."]);
    let value = "document.querySelector('[name=limit]').value";
    assert_eq!(browser.run(value).unwrap(), "1");

    browser.leave(|browser| browser.click(".parts a[href='/console/settings/apps']")).unwrap();
    browser.click("details.more summary").unwrap();
    fill(&mut browser, "name", "线上商城");
    browser.click("details.more [value='customers.read']").unwrap();
    browser.leave(|browser| browser.click("details.more button")).unwrap();
    says(&mut browser, &["The secret of 线上商城", "Copy it now"]);
    let shown = "[...document.querySelectorAll('main dd code')].map(it => it.innerText)";
    let shown = browser.run(shown).unwrap();
    let text = |at: usize| shown[at].as_str().unwrap().to_owned();
    assert_eq!(hub.token_answer(&text(0), &text(1)).await["error_code"], 0);
    browser.leave(|browser| browser.click("main a.primary")).unwrap();
    says(&mut browser, &["线上商城", "in use"]);
    assert!(!browser.text().unwrap().contains(&text(1)));
    let is_wide = "document.documentElement.scrollWidth > 390";
    assert_eq!(browser.run(is_wide).unwrap(), false);
    // Whoever gives it another secret shuts out who holds the old one.
    browser.click("form:has([value=rotate]) [name=sure]").unwrap();
    browser.leave(|browser| browser.click("form:has([value=rotate]) button")).unwrap();
    let drawn = browser.run("document.querySelector('#secret').innerText").unwrap();
    let (old, new) = (text(1), drawn.as_str().unwrap().to_owned());
    assert_ne!(hub.token_answer(&text(0), &old).await["error_code"], 0);
    assert_eq!(hub.token_answer(&text(0), &new).await["error_code"], 0);
    assert_eq!(browser.errors, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_system_is_told_and_fans_are_seen_coming_in() {
    let folder = Folder::new();
    let (url, told) = receiver().await;
    let weixin = Weixin::start(fans(25)).await;
    let (hub, mut browser) = connected(&folder, &url, &weixin.base()).await;
    browser.leave(|browser| browser.click("#fans button")).unwrap();
    // The card goes on by itself, without anybody loading the page.
    browser
        .wait("document.querySelector('#fans').innerText.includes('25 of 25 fans read')")
        .unwrap();
    browser.wait("document.querySelector('#fans h2').innerText.includes('done')").unwrap();
    browser.open(&hub.url("/console/customers")).unwrap();
    says(&mut browser, &["28 customers"]);

    eventually("the system is told of all fans", async || {
        let told = told.lock().unwrap();
        told.iter().filter(|(_, event)| event["type"] == "created").count() >= 25
    })
    .await;
    browser.open(&hub.url("/console/settings/webhooks/1")).unwrap();
    browser.leave(|browser| browser.click("form:has([value=pause]) button")).unwrap();
    says(&mut browser, &["The webhook is paused.", "Go on"]);
    browser.open(&hub.url("/console/wechat/1")).unwrap();
    fill(&mut browser, "typed", APP_ID);
    browser.leave(|browser| browser.click("form:has([value=unbind]) button")).unwrap();
    says(&mut browser, &["The account is unbound. Its customers stay."]);
    assert_eq!(browser.errors, Vec::<String>::new());
}
