//! Users, managed by the command line beside a running hub, and the first one.

use crate::administration::NOTICED_WITHIN;
use crate::hub::{Folder, Hub, said, within};
use reqwest::header::{COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::redirect::Policy;
use std::io::Write as _;
use std::process::{Output, Stdio};

const PASSWORD: &str = "correct horse battery";

/// Runs a command with this on its standard input.
fn run_with(folder: &Folder, arguments: &[&str], input: &str) -> Output {
    let mut command = folder.kehub(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // One that does not ask for it may be gone already.
    child.stdin.take().unwrap().write_all(input.as_bytes()).ok();
    child.wait_with_output().unwrap()
}

fn add(folder: &Folder, login: &str, role: &str) {
    let arguments = ["user", "add", login, "--role", role, "--password-stdin"];
    let output = run_with(folder, &arguments, &format!("{PASSWORD}\nmore\n"));
    assert!(output.status.success(), "{}", said(&output));
}

fn browser() -> reqwest::Client {
    drop(crate::hub::client());
    reqwest::Client::builder().redirect(Policy::none()).build().unwrap()
}

/// The cookie of a new session; `None` if nobody is let in.
async fn sign_in(hub: &Hub, login: &str, password: &str) -> Option<String> {
    let fields: String = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("login", login), ("password", password)])
        .finish();
    let sent = browser()
        .post(hub.url("/console/sign-in"))
        .header(ORIGIN, hub.url(""))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(fields)
        .send()
        .await
        .unwrap();
    let cookie = sent.headers().get(SET_COOKIE)?.to_str().unwrap().split(';').next().unwrap();
    Some(cookie.to_owned())
}

async fn is_signed_in(hub: &Hub, cookie: &str) -> bool {
    let sent = browser().get(hub.url("/console/account")).header(COOKIE, cookie).send();
    sent.await.unwrap().status() == 200
}

#[tokio::test]
async fn users_are_kept_beside_a_running_hub() {
    let folder = Folder::new();
    let hub = folder.start().await;
    add(&folder, "Anna@X.cn", "admin");
    let cookie = sign_in(&hub, "anna@x.cn", PASSWORD).await.unwrap();
    assert!(is_signed_in(&hub, &cookie).await);

    let last = folder.kehub(&["user", "disable", "anna@x.cn"]).output().unwrap();
    assert!(!last.status.success() && said(&last).contains("no admin"), "{}", said(&last));
    add(&folder, "berta", "viewer");
    folder.run(&["user", "role", "berta", "admin"]);
    let users = folder.run(&["user", "list"]);
    let berta = users.lines().find(|line| line.starts_with("berta")).unwrap();
    assert!(berta.contains("live") && berta.contains("admin"), "{users}");
    assert!(!users.contains("argon2"), "{users}");
    assert!(!folder.run(&["app", "list"]).contains("berta"));

    folder.run(&["user", "disable", "ANNA@x.cn"]);
    assert!(!is_signed_in(&hub, &cookie).await, "at once");
    assert_eq!(sign_in(&hub, "anna@x.cn", PASSWORD).await, None);
    folder.run(&["user", "enable", "anna@x.cn"]);
    within(NOTICED_WITHIN, "she is let in again", async || {
        let cookie = sign_in(&hub, "anna@x.cn", PASSWORD).await;
        match cookie {
            Some(cookie) => is_signed_in(&hub, &cookie).await,
            None => false,
        }
    })
    .await;

    let cookie = sign_in(&hub, "berta", PASSWORD).await.unwrap();
    let arguments = ["user", "password", "berta", "--password-stdin"];
    let output = run_with(&folder, &arguments, "quite another one\r\n");
    assert!(output.status.success(), "{}", said(&output));
    assert!(!is_signed_in(&hub, &cookie).await);
    let cookie = sign_in(&hub, "berta", "quite another one").await.unwrap();
    folder.run(&["user", "sign-out", "berta"]);
    assert!(!is_signed_in(&hub, &cookie).await);
    let logged = folder.read("stderr");
    for secret in [PASSWORD, "quite another one", "anna@x.cn", "berta"] {
        assert!(!logged.contains(secret), "{secret}: {logged}");
    }
}

#[test]
fn a_password_comes_from_a_terminal_or_from_standard_input() {
    let folder = Folder::new();
    let asked = run_with(&folder, &["user", "add", "anna", "--role", "admin"], PASSWORD);
    assert!(!asked.status.success() && said(&asked).contains("--password-stdin"));
    let short = ["user", "add", "anna", "--role", "admin", "--password-stdin"];
    let short = run_with(&folder, &short, "short\n");
    assert!(!short.status.success() && said(&short).contains("10 to 256"), "{}", said(&short));
    assert!(!said(&short).contains("short"), "{}", said(&short));
    let nobody = folder.kehub(&["user", "sign-out", "nobody"]).output().unwrap();
    assert!(said(&nobody).contains("there is no user `nobody`"), "{}", said(&nobody));
    add(&folder, "anna", "admin");
    let again = ["user", "add", "ANNA", "--role", "viewer", "--password-stdin"];
    let again = run_with(&folder, &again, PASSWORD);
    assert!(said(&again).contains("already"), "{}", said(&again));
}

#[tokio::test]
async fn the_first_user_is_made_with_the_printed_code() {
    let folder = Folder::new();
    let mut hub = folder.start().await;
    let printed = folder.read("stdout");
    let is_code = |line: &&str| line.len() == 14 && line.split('-').all(|part| part.len() == 4);
    let code = printed.lines().map(str::trim).find(is_code).unwrap_or_else(|| panic!("{printed}"));
    assert!(!folder.read("stderr").contains(code));

    let fields = [
        ("code", code),
        ("login", "anna"),
        ("name", "安娜"),
        ("password", PASSWORD),
        ("again", PASSWORD),
    ];
    let fields: String =
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let made = browser()
        .post(hub.url("/console/first"))
        .header(ORIGIN, hub.url(""))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(fields)
        .send()
        .await
        .unwrap();
    assert_eq!(
        (made.status().as_u16(), &made.headers()[LOCATION]),
        (303, &"/console".parse().unwrap())
    );
    let cookie = made.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    assert!(is_signed_in(&hub, &cookie).await);

    hub.terminate();
    hub.ended().await;
    let hub = folder.start().await;
    assert!(is_signed_in(&hub, &cookie).await, "a session outlives the hub");
    let printed = folder.read("stdout");
    assert!(printed.contains("/console") && !printed.contains("code"), "{printed}");
}
