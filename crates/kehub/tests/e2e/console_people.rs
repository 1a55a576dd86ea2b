//! Stories of an admin in a real browser: what people did is looked for, and two change one app at once.

use crate::browser::Browser;
use crate::console_review::{fill, says, signed_in};
use crate::hub::{Folder, Hub, client};
use serde_json::{Value, json};

const PASSWORD: &str = "correct horse battery";
/// How many entries are shown.
const ROWS: &str = "document.querySelectorAll('main tbody tr').length";

/// Chooses from a list, as somebody does with the mouse.
fn choose(browser: &mut Browser, name: &str, value: &str) {
    let chosen = browser.run(&format!(
        "(() => {{ const it = document.querySelector('main select[name={name}]'); it.value = '{value}'; \
         it.dispatchEvent(new Event('change', {{ bubbles: true }})); return it.value }})()"
    ));
    assert_eq!(chosen.unwrap(), value);
}

/// Sends the form of filters, which is open.
fn filter(browser: &mut Browser) {
    browser.leave(|browser| browser.click(".filters form button")).unwrap();
}

fn address(browser: &mut Browser) -> String {
    browser.run("location.pathname + location.search").unwrap().as_str().unwrap().to_owned()
}

/// What the filters that are set say.
fn chips(browser: &mut Browser) -> Vec<String> {
    let texts = "[...document.querySelectorAll('.chip')].map(it => it.textContent)";
    let texts = browser.run(texts).unwrap();
    let words = |text: &Value| text.as_str().unwrap().replace('×', "").trim().to_owned();
    texts.as_array().unwrap().iter().map(words).collect()
}

#[tokio::test]
async fn what_people_did_is_looked_for_and_gone_through() {
    let folder = Folder::new();
    let (hub, mut browser) = signed_in(&folder).await;
    let token = hub.token().await;
    for place in 0..55 {
        let sent = client().post(hub.url("/api/apps")).bearer_auth(&token);
        let sent = sent.json(&json!({ "name": format!("till {place}"), "permissions": [] }));
        assert_eq!(sent.send().await.unwrap().status(), 201);
    }
    browser.leave(|browser| browser.click("nav a[href='/console/settings']")).unwrap();
    browser.leave(|browser| browser.click(".parts a[href='/console/audit']")).unwrap();
    assert_eq!(browser.run(ROWS).unwrap(), 50);
    browser.leave(|browser| browser.click("a[rel=next]")).unwrap();
    says(&mut browser, &["安娜", "created a user", "signed in", "Newest"]);
    assert_eq!(browser.run("document.querySelector('a[rel=next]')").unwrap(), Value::Null);
    browser.leave(|browser| browser.click("a[rel=prev]")).unwrap();
    assert_eq!(browser.run(ROWS).unwrap(), 50);

    // Who it was, and what: the address holds nothing that was left open.
    browser.click(".filters summary").unwrap();
    let anna = "[...document.querySelectorAll('select[name=who] option')]\
                .find(it => it.innerText === '安娜').value";
    let anna = browser.run(anna).unwrap().as_str().unwrap().to_owned();
    choose(&mut browser, "who", &anna);
    choose(&mut browser, "deed", "sign-ins");
    filter(&mut browser);
    assert_eq!(address(&mut browser), format!("/console/audit?who={anna}&deed=sign-ins"));
    assert_eq!(chips(&mut browser), ["Who 安娜", "What Signing in and out"]);
    assert_eq!(browser.run(ROWS).unwrap(), 1);
    browser.leave(|browser| browser.click(".chip .remove")).unwrap();
    assert_eq!(address(&mut browser), "/console/audit?deed=sign-ins");

    // The next page is of the filter, too.
    browser.click(".filters summary").unwrap();
    choose(&mut browser, "deed", "appCreated");
    filter(&mut browser);
    browser.leave(|browser| browser.click("a[rel=next]")).unwrap();
    assert!(address(&mut browser).starts_with("/console/audit?deed=appCreated&before="));
    assert_eq!(chips(&mut browser), ["What created an app"]);
    let deeds = "[...document.querySelectorAll('td[data-label=What]')]\
                 .every(it => it.innerText === 'created an app')";
    assert_eq!(browser.run(deeds).unwrap(), true);

    // A number is asked for where there is something to number, and days that do not fit are told.
    browser.click(".filters summary").unwrap();
    let is_asked = "document.querySelector('.only-numbered').offsetParent !== null";
    assert_eq!(browser.run(is_asked).unwrap(), false);
    choose(&mut browser, "on", "customer");
    assert_eq!(browser.run(is_asked).unwrap(), true);
    fill(&mut browser, "id", "1");
    let days = "document.querySelector('[name=from]').value = '2026-05-02', \
                document.querySelector('[name=to]').value = '2026-05-01'";
    browser.run(days).unwrap();
    filter(&mut browser);
    says(
        &mut browser,
        &["The filter does not fit", "The last day is before the first one.", "Show these"],
    );
    assert_eq!(browser.run("document.querySelector('[name=id]').value").unwrap(), "1");
    browser.run("document.querySelector('[name=to]').value = ''").unwrap();
    filter(&mut browser);
    says(&mut browser, &["Nothing of that is in the log"]);
    assert_eq!(
        chips(&mut browser),
        ["What created an app", "About customer #1", "From 2026-05-02"]
    );
    browser.leave(|browser| browser.click(".filters a.quiet")).unwrap();
    assert_eq!((address(&mut browser), chips(&mut browser)), ("/console/audit".to_owned(), vec![]));
    assert_eq!(browser.run(ROWS).unwrap(), 50);
    assert_eq!(browser.errors, Vec::<String>::new());
}

/// A second admin, whom the first one makes, in a browser of its own.
fn second(folder: &Folder, hub: &Hub, first: &mut Browser) -> Browser {
    first.open(&hub.url("/console/users")).unwrap();
    first.click("details.more summary").unwrap();
    let password = [("password", PASSWORD), ("again", PASSWORD)];
    for (name, text) in [("name", "贝塔"), ("login", "berta")].into_iter().chain(password) {
        fill(first, name, text);
    }
    choose(first, "role", "admin");
    first.leave(|browser| browser.click("details.more button")).unwrap();
    says(first, &["The user is created."]);
    let mut browser = Browser::start(&folder.path().join("second")).unwrap();
    browser.send_headers(&json!({ "accept-language": "en" })).unwrap();
    browser.open(&hub.url("/console")).unwrap();
    for (name, text) in [("login", "berta"), ("password", PASSWORD)] {
        fill(&mut browser, name, text);
    }
    browser.leave(|browser| browser.press("Enter")).unwrap();
    browser
}

/// Ticks what an app may do, or takes a tick away, and saves.
fn tick(browser: &mut Browser, permission: &str) {
    browser.click(&format!("main [value='{permission}']")).unwrap();
}

fn save(browser: &mut Browser) {
    browser.leave(|browser| browser.click("form:has([value=permit]) button")).unwrap();
}

/// What is ticked.
fn ticked(browser: &mut Browser) -> Value {
    let all =
        "[...document.querySelectorAll('main [name=permission]:checked')].map(it => it.value)";
    browser.run(all).unwrap()
}

#[tokio::test]
async fn of_two_who_change_one_app_the_second_sees_both_and_decides() {
    let folder = Folder::new();
    let (hub, mut anna) = signed_in(&folder).await;
    let mut berta = second(&folder, &hub, &mut anna);
    anna.open(&hub.url("/console/settings/apps")).unwrap();
    anna.click("details.more summary").unwrap();
    fill(&mut anna, "name", "线上商城");
    anna.click("details.more [value='customers.read']").unwrap();
    anna.leave(|browser| browser.click("details.more button")).unwrap();
    anna.leave(|browser| browser.click("main a.primary")).unwrap();
    let app = address(&mut anna);

    // Both look at it, and change something else each.
    berta.open(&hub.url(&app)).unwrap();
    tick(&mut berta, "customers.write");
    tick(&mut anna, "changes.read");
    tick(&mut anna, "customers.read");
    save(&mut berta);
    says(&mut berta, &["It may do what is ticked below."]);
    save(&mut anna);
    says(&mut anna, &["Nothing was changed.", "Somebody else has changed it meanwhile"]);
    let both = "[...document.querySelectorAll('#meanwhile tbody tr')]\
                .map(it => [...it.children].map(it => it.innerText).join(': '))";
    let expected = [
        "see customers and identities: yes: no",
        "write customers, import: yes: no",
        "follow what changes: no: yes",
    ];
    assert_eq!(anna.run(both).unwrap(), json!(expected));
    // The form holds what she had ticked; what is there is still what the other one saved.
    assert_eq!(ticked(&mut anna), json!(["changes.read"]));
    berta.open(&hub.url(&app)).unwrap();
    assert_eq!(ticked(&mut berta), json!(["customers.read", "customers.write"]));

    // She takes the other change over and keeps hers.
    tick(&mut anna, "customers.write");
    save(&mut anna);
    says(&mut anna, &["It may do what is ticked below."]);
    assert_eq!(anna.run("document.querySelector('#meanwhile')").unwrap(), Value::Null);
    berta.open(&hub.url(&app)).unwrap();
    assert_eq!(ticked(&mut berta), json!(["customers.write", "changes.read"]));
    assert_eq!(anna.errors, Vec::<String>::new());
    assert_eq!(berta.errors, Vec::<String>::new());
}
