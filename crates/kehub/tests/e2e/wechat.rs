//! `kehub wechat`, as an operator would.

use crate::hub::{Folder, Hub, eventually, said};
use crate::weixin::{APP_ID, APP_SECRET, BATCH_GET, Fault, Weixin, fans};
use std::fs;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const TOKEN: &str = "CallbackToken0123456789";

fn kehub(folder: &Folder, weixin: &Weixin, arguments: &[&str]) -> Command {
    let mut command = folder.kehub(&["wechat"]);
    command.args(arguments).stdin(Stdio::null());
    command.env("KEHUB_SECRET_KEY", KEY);
    command.env("KEHUB_WECHAT_BASE", weixin.base()).env("KEHUB_WECHAT_ALLOW_PRIVATE", "1");
    command
}

/// What a command printed that came to this exit code. It runs beside the stand-in of this process.
async fn told(mut command: Command, code: i32) -> String {
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    checked(&output, code)
}

#[track_caller]
fn checked(output: &Output, code: i32) -> String {
    let said = said(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(!said.contains(APP_SECRET) && !said.contains(KEY) && !said.contains(TOKEN), "{said}");
    said
}

async fn count(hub: &Hub) -> Option<u64> {
    let token = hub.token().await;
    hub.get(&format!("/v1/customers/count?access_token={token}")).await.as_u64()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_bound_and_its_fans_come_in_with_and_without_a_hub() {
    let folder = Folder::new();
    let weixin = Weixin::start(fans(250)).await;
    let bind = ["bind", "--app-id", APP_ID, "--name", "旗舰店", "--verify-type", "-1"];
    // The secret comes on standard input.
    let mut child = kehub(&folder, &weixin, &bind)
        .env("KEHUB_WECHAT_CALLBACK_TOKEN", TOKEN)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{APP_SECRET}").unwrap();
    let bound = checked(&child.wait_with_output().unwrap(), 0);
    assert!(bound.contains("/wechat/wx0123456789abcdef/callback, plain"), "{bound}");
    assert!(bound.contains("state    bound anew"), "{bound}");
    let again = told(kehub(&folder, &weixin, &bind), 0).await;
    assert!(again.contains("state    changed: it was bound already"), "{again}");
    let listed = told(kehub(&folder, &weixin, &["list"]), 0).await;
    assert!(listed.contains(APP_ID) && listed.contains("no import yet"), "{listed}");

    let imported = told(kehub(&folder, &weixin, &["import"]), 0).await;
    let counts = "done: 250 of 250 fans, 250 new, 0 changed, 0 the same, 0 merged, 0 refused";
    assert!(imported.contains(counts), "{imported}");
    weixin.plan(BATCH_GET, 4, Fault::Code(48001));
    let refused = told(kehub(&folder, &weixin, &["import"]), 1).await;
    assert!(refused.contains("may not use this interface (48001)"), "{refused}");

    let files = fs::read_dir(folder.path().join("kehub-data")).unwrap();
    for file in files.map(|file| file.unwrap().path()) {
        let bytes = fs::read(&file).unwrap();
        for secret in [APP_SECRET, TOKEN] {
            let found = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!found, "a secret is readable in {}", file.display());
        }
    }

    let app = format!("{}:{}", crate::hub::APP, crate::hub::SECRET);
    let base = weixin.base();
    let variables = [
        ("KEHUB_BOOTSTRAP_APP", &*app),
        ("KEHUB_SECRET_KEY", KEY),
        ("KEHUB_WECHAT_BASE", &*base),
        ("KEHUB_WECHAT_ALLOW_PRIVATE", "1"),
        ("KEHUB_LOG_LEVEL", "debug"),
    ];
    let mut hub = folder.start_with(&variables).await;
    assert_eq!(count(&hub).await, Some(250));
    weixin.follow(vec![crate::weixin::fan(251)]);
    // Whichever of the two is first: the hub, or the command.
    let imported = told(kehub(&folder, &weixin, &["import", "--from-start"]), 0).await;
    assert!(imported.contains("done: 251 of 251 fans, 1 new"), "{imported}");
    assert_eq!(count(&hub).await, Some(251));
    hub.terminate();
    assert!(hub.ended().await.success());
    let logs = folder.read("stderr");
    assert!(!logs.contains(APP_SECRET) && !logs.contains(TOKEN) && !logs.contains("token-1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_or_mistyped_is_told_without_secrets() {
    let folder = Folder::new();
    let weixin = Weixin::start(Vec::new()).await;
    let bind = ["bind", "--app-id", APP_ID, "--app-secret", APP_SECRET];
    let mut without = kehub(&folder, &weixin, &bind);
    without.env_remove("KEHUB_SECRET_KEY");
    let mut empty = kehub(&folder, &weixin, &bind);
    empty.env("KEHUB_SECRET_KEY", "");
    for command in [without, empty] {
        let said = told(command, 1).await;
        assert!(said.contains("KEHUB_SECRET_KEY"), "{said}");
        assert!(said.contains("openssl rand -hex 32"), "{said}");
    }
    let mut short = kehub(&folder, &weixin, &bind);
    short.env("KEHUB_SECRET_KEY", "abcdefabcdef");
    let said = told(short, 2).await;
    assert!(said.contains("expected 32 bytes") && !said.contains("abcdefabcdef"), "{said}");
    let odd = ["bind", "--app-id", APP_ID, "--app-secret", "odd secret"];
    let said = told(kehub(&folder, &weixin, &odd), 1).await;
    assert!(said.contains("--app-secret: expected") && !said.contains("odd secret"), "{said}");
    let said = told(kehub(&folder, &weixin, &["import"]), 1).await;
    assert!(said.contains("no WeChat account is bound"), "{said}");
    told(kehub(&folder, &weixin, &bind), 0).await;
    let mut other = kehub(&folder, &weixin, &["import"]);
    other.env("KEHUB_SECRET_KEY", KEY.replace('0', "f"));
    let said = told(other, 1).await;
    assert!(said.contains("do not open with this KEHUB_SECRET_KEY"), "{said}");
    told(kehub(&folder, &weixin, &["unbind", "--app-id", APP_ID]), 0).await;
    assert_eq!(told(kehub(&folder, &weixin, &["list"]), 0).await, "");
}

/// An import that a killed process held goes on in another one.
#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_leaves_the_import_to_a_hub() {
    let folder = Folder::new();
    let weixin = Weixin::start(fans(11_000)).await;
    let mut bind = kehub(&folder, &weixin, &["bind", "--app-id", APP_ID]);
    bind.env("KEHUB_WECHAT_APP_SECRET", APP_SECRET);
    told(bind, 0).await;
    let mut command = kehub(&folder, &weixin, &["import"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    eventually("it has begun", async || weixin.calls(BATCH_GET) > 5).await;
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
    let stopped = checked(&output.await.unwrap(), 0);
    assert!(stopped.contains("waiting: ") || stopped.contains("done: "), "{stopped}");
    let imported = told(kehub(&folder, &weixin, &["import"]), 0).await;
    assert!(imported.contains("done: 11000 of 11000 fans"), "{imported}");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_the_next_one_says_why_it_waits_and_goes_on_soon() {
    let folder = Folder::new();
    let weixin = Weixin::start(fans(1_000)).await;
    let mut bind = kehub(&folder, &weixin, &["bind", "--app-id", APP_ID]);
    bind.env("KEHUB_WECHAT_APP_SECRET", APP_SECRET);
    told(bind, 0).await;
    // WeChat takes its time.
    let gate = weixin.hold(BATCH_GET);
    let mut command = kehub(&folder, &weixin, &["import"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    eventually("it asks for fans", async || weixin.calls(BATCH_GET) > 0).await;
    child.kill().unwrap();
    child.wait().unwrap();
    let listed = told(kehub(&folder, &weixin, &["list"]), 0).await;
    assert!(listed.contains("of 1000 fans"), "{listed}");
    gate.add_permits(1);
    let begun = Instant::now();
    let imported = told(kehub(&folder, &weixin, &["import"]), 0).await;
    assert!(begun.elapsed() < Duration::from_secs(25), "{imported}");
    assert!(imported.contains("at work on it a moment ago"), "{imported}");
    assert!(imported.contains("of 1000 fans: looking whether it is, for at most"), "{imported}");
    assert!(imported.contains("done: 1000 of 1000 fans"), "{imported}");
}
