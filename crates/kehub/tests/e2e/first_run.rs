//! The first minute of a newcomer: what the hub prints on an empty folder works when pasted.

use crate::administration::credentials;
use crate::hub::{Folder, said};
use serde_json::Value;
use std::process::Command;

#[tokio::test]
async fn the_printed_commands_work_when_pasted() {
    let folder = Folder::new();
    let hub = folder.start_with(&[]).await;
    let printed = folder.read("stdout");
    let (app, secret) = credentials(&printed);
    assert_eq!(hub.token_answer(&app, &secret).await["error_code"], 0);

    let script = commands(&printed);
    assert_eq!(script.matches("curl").count(), 3, "{printed}");
    let output = Command::new("bash").args(["-euc", &script]).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let answers = String::from_utf8(output.stdout).unwrap();
    let page = answers.trim().lines().last().unwrap();
    let page: Value = serde_json::from_str(page).unwrap_or_else(|_| panic!("no page: {answers}"));
    assert_eq!(page["records"], 1, "{answers}");
    assert_eq!(page["rows"][0]["id"], 1, "{answers}");
}

#[tokio::test]
async fn a_secret_is_printed_once() {
    let folder = Folder::new();
    let mut hub = folder.start_with(&[]).await;
    let (_, secret) = credentials(&folder.read("stdout"));
    hub.terminate();
    hub.ended().await;
    let _hub = folder.start_with(&[]).await;
    for stream in ["stdout", "stderr"] {
        let printed = folder.read(stream);
        assert!(!printed.contains(&secret) && !printed.contains("secret"), "{printed}");
    }
}

/// The commands among what was printed.
fn commands(printed: &str) -> String {
    let from = printed.lines().skip_while(|line| !line.contains("curl"));
    let lines: Vec<&str> = from.map(str::trim_start).collect();
    lines.join("\n")
}
