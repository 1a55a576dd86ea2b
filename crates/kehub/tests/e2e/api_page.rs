//! The page `/docs`, opened in a real browser.

use crate::hub::{Folder, Hub, program, said};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

#[tokio::test]
async fn the_api_page_lists_every_endpoint_and_asks_nobody_else() {
    let folder = Folder::new();
    let hub = folder.start().await;
    let log = folder.path().join("network.json");
    let page = open(&hub.url("/docs"), folder.path(), &log);

    let text = text_of(&page);
    for (path, method) in endpoints(&hub).await {
        assert!(text.contains(&path), "{path} is not on the page");
        assert!(text.to_lowercase().contains(&method), "{method} is not on the page");
    }
    let origin = hub.url("");
    for url in requested_by(&origin, &log) {
        assert!(url.starts_with(&format!("{origin}/")), "the page asks {url}");
    }
}

/// The document of a page, as a browser has it after its scripts have run. Names of other hosts
/// lead nowhere, so that a page that needs one does not come out right either.
fn open(url: &str, folder: &Path, log: &Path) -> String {
    let browser = ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(program);
    let browser = browser.expect("Chromium is missing: `cargo xtask test` installs it");
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .arg("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
        .arg(format!("--user-data-dir={}", folder.join("browser").display()))
        .arg(format!("--log-net-log={}", log.display()))
        .args(["--virtual-time-budget=10000", "--dump-dom", url])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// The text of a document, without its tags.
fn text_of(page: &str) -> String {
    page.split('<').filter_map(|part| Some(part.split_once('>')?.1)).collect()
}

/// Paths and methods of `/openapi.json`.
async fn endpoints(hub: &Hub) -> Vec<(String, String)> {
    let document = hub.get("/openapi.json").await;
    let paths = document["paths"].as_object().unwrap();
    let endpoint = |(path, item): (&String, &Value)| {
        let methods: Vec<String> = item.as_object().unwrap().keys().cloned().collect();
        methods.into_iter().map(|method| (path.clone(), method)).collect::<Vec<_>>()
    };
    let endpoints: Vec<_> = paths.iter().flat_map(endpoint).collect();
    assert!(!endpoints.is_empty());
    endpoints
}

/// The addresses that a page of this origin asked for. The browser asks for some of its own
/// accord as well; those do not name the page as their initiator.
fn requested_by(origin: &str, log: &Path) -> Vec<String> {
    let log: Value = serde_json::from_slice(&std::fs::read(log).unwrap()).unwrap();
    let start = &log["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"];
    assert!(start.is_number(), "a log of another form");
    let events = log["events"].as_array().unwrap();
    let starts = || events.iter().filter(|event| event["type"] == *start);
    let opened = |event: &Value| event["params"]["url"] == format!("{origin}/docs");
    assert!(starts().any(opened), "the log does not show the page itself");
    let ours = starts().filter(|event| event["params"]["initiator"] == origin);
    ours.filter_map(|event| Some(event["params"]["url"].as_str()?.to_owned())).collect()
}
