//! Stories of a steward in a real browser: a doubtful pair, a wrong merge, a form that does not fit.

use crate::browser::Browser;
use crate::hub::{APP, Folder, Hub, SECRET};
use serde_json::json;

/// A hub with three people and two conflicts, and its first user, signed in.
pub(crate) async fn signed_in(folder: &Folder) -> (Hub, Browser) {
    signed_in_with(folder, &[]).await
}

/// The same on a hub with these variables in its environment.
pub(crate) async fn signed_in_with(folder: &Folder, variables: &[(&str, &str)]) -> (Hub, Browser) {
    let app = format!("{APP}:{SECRET}");
    let variables = [variables, &[("KEHUB_BOOTSTRAP_APP", &app)]].concat();
    let hub = folder.start_with(&variables).await;
    let token = hub.token().await;
    let printed = folder.read("stdout");
    let is_code = |line: &&str| line.len() == 14 && line.split('-').all(|part| part.len() == 4);
    let code = printed.lines().map(str::trim).find(is_code).unwrap();
    let card =
        |number: u32| json!({ "identityType": "card", "identityValue": format!("VIP-{number}") });
    let people = [
        (json!({ "name": "王芳", "mobile": "13700000001" }), json!([card(1)])),
        (json!({ "name": "王方", "city": "上海市" }), json!([card(2)])),
        (json!({ "name": "李伟" }), json!([card(3)])),
        (json!({}), json!([card(1), card(2)])),
        (json!({}), json!([card(2), card(3)])),
    ];
    for (customer, identities) in people {
        hub.upsert(&token, &json!({ "customer": customer, "customerIdentities": identities }))
            .await
            .unwrap();
    }
    let mut browser = Browser::start(&folder.path().join("browser")).unwrap();
    browser.send_headers(&json!({ "accept-language": "en" })).unwrap();
    browser.resize(1440, 900).unwrap();
    browser.open(&hub.url("/console")).unwrap();
    let password = "correct horse battery";
    let fields = [
        ("code", code),
        ("name", "安娜"),
        ("login", "anna"),
        ("password", password),
        ("again", password),
    ];
    for (name, text) in fields {
        fill(&mut browser, name, text);
    }
    browser.leave(|browser| browser.press("Enter")).unwrap();
    (hub, browser)
}

/// Types into the field of this name, which is emptied before.
pub(crate) fn fill(browser: &mut Browser, name: &str, text: &str) {
    let field = format!("document.querySelector('[name=\"{name}\"]')");
    browser.run(&format!("{field}.focus(), {field}.select()")).unwrap();
    browser.write(text).unwrap();
}

#[track_caller]
pub(crate) fn says(browser: &mut Browser, texts: &[&str]) {
    let text = browser.text().unwrap();
    for expected in texts {
        assert!(text.contains(expected), "no `{expected}`: {text}");
    }
}

#[tokio::test]
async fn a_doubtful_pair_is_reviewed_merged_found_wrong_and_undone() {
    let folder = Folder::new();
    let (_hub, mut browser) = signed_in(&folder).await;
    browser.leave(|browser| browser.click("nav a[href='/console/review']")).unwrap();
    says(&mut browser, &["1 of 2", "王芳 #1", "王方 #2", "differs", "Different accounts"]);
    // To and fro by keys, which changes nothing.
    browser.leave(|browser| browser.press("l")).unwrap();
    says(&mut browser, &["2 of 2", "李伟 #3"]);
    browser.leave(|browser| browser.press("ArrowLeft")).unwrap();
    says(&mut browser, &["1 of 2"]);
    browser.leave(|browser| browser.press("m")).unwrap();
    says(&mut browser, &["#1 and #2 are one customer now.", "1 of 1"]);

    // It was wrong: back to what was done, and undo it, after a look at what that gives back.
    browser.leave(|browser| browser.click(".alert a")).unwrap();
    says(&mut browser, &["Undo merge 1", "王芳 #1", "is there again", "VIP-2"]);
    browser.leave(|browser| browser.click("form.act button")).unwrap();
    says(&mut browser, &["The merge is undone", "王芳 #1", "Merge undone"]);
    let there =
        "fetch('/console/customers/2').then(it => it.text()).then(it => it.includes('王方'))";
    assert_eq!(browser.run(there).unwrap(), true);
    browser.leave(|browser| browser.click("nav a[href='/console/review']")).unwrap();
    says(&mut browser, &["王方 #2", "李伟 #3"]);
    browser.leave(|browser| browser.press("k")).unwrap();
    says(&mut browser, &["#2 and #3 are kept apart from now on.", "No conflict waits for you"]);
    assert_eq!(browser.errors, Vec::<String>::new());
}

#[tokio::test]
async fn a_form_that_does_not_fit_keeps_what_was_typed_and_saves_once_it_does() {
    let folder = Folder::new();
    let (hub, mut browser) = signed_in(&folder).await;
    browser.resize(390, 844).unwrap();
    browser.open(&hub.url("/console/customers/2")).unwrap();
    browser.leave(|browser| browser.click("a[href$='/edit']")).unwrap();
    fill(&mut browser, "f.name", "王小方");
    browser.click("details.more summary").unwrap();
    fill(&mut browser, "f.employeeNumber", "many");
    browser.leave(|browser| browser.press("Enter")).unwrap();
    says(&mut browser, &["1 field needs another look", "A whole number, such as 120."]);
    let wide = "document.documentElement.scrollWidth > 390";
    assert_eq!(browser.run(wide).unwrap(), false);
    let kept = "document.querySelector('[name=\"f.name\"]').value";
    assert_eq!(browser.run(kept).unwrap(), "王小方");
    fill(&mut browser, "f.employeeNumber", "120");
    browser.leave(|browser| browser.press("Enter")).unwrap();
    says(&mut browser, &["Saved.", "王小方 #2", "120"]);

    // Without a script, and by whoever another site sends: a form needs its token.
    let forged = "fetch('/console/customers/2/erase', { method: 'POST', body: new URLSearchParams({ typed: '2' }) }).then(it => it.status)";
    assert_eq!(browser.run(forged).unwrap(), 403);
    browser.run_scripts(false).unwrap();
    browser.open(&hub.url("/console/customers/2/erase")).unwrap();
    fill(&mut browser, "typed", "2");
    browser.leave(|browser| browser.click("form.act button")).unwrap();
    says(&mut browser, &["Everything about this customer was erased"]);
    assert_eq!(browser.errors, Vec::<String>::new());
}

#[tokio::test]
async fn a_user_is_made_in_the_browser_signs_in_and_is_signed_out_everywhere() {
    let folder = Folder::new();
    let (hub, mut browser) = signed_in(&folder).await;
    browser.leave(|browser| browser.click(".side nav a[href='/console/settings']")).unwrap();
    browser.leave(|browser| browser.click("nav a[href='/console/users']")).unwrap();
    browser.click("details.more summary").unwrap();
    let password = "quite another one";
    for (name, text) in
        [("name", "王伟"), ("login", "wang.wei"), ("password", password), ("again", password)]
    {
        fill(&mut browser, name, text);
    }
    browser.run("document.querySelector('[name=role]').value = 'reviewer'").unwrap();
    browser.leave(|browser| browser.click("details.more button")).unwrap();
    says(&mut browser, &["The user is created.", "王伟", "Reviewer: settles"]);
    let his = browser.run("location.pathname").unwrap().as_str().unwrap().to_owned();

    let mut other = Browser::start(&folder.path().join("other")).unwrap();
    other.send_headers(&json!({ "accept-language": "en" })).unwrap();
    other.open(&hub.url("/console/sign-in?back=/console/review")).unwrap();
    fill(&mut other, "login", "wang.wei");
    fill(&mut other, "password", password);
    other.leave(|other| other.press("Enter")).unwrap();
    says(&mut other, &["1 of 2", "Keep apart"]);
    assert_eq!(other.run("document.querySelector('nav a[href$=users]')").unwrap(), json!(null));

    browser.open(&hub.url(&his)).unwrap();
    browser.leave(|browser| browser.click("form:has([value=sign-out]) button")).unwrap();
    says(&mut browser, &["All sessions of the user have ended."]);
    other.open(&hub.url("/console/review")).unwrap();
    says(&mut other, &["Sign in", "Password"]);
    browser.leave(|browser| browser.click("nav a[href='/console/audit']")).unwrap();
    says(&mut browser, &["ended all sessions", "created a user", "王伟", "sessions 1"]);
    assert_eq!(browser.errors, Vec::<String>::new());
}
