//! A real browser, driven over its debugging pipe: what somebody would do with it, and what they see.

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything here should ever take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A browser with one page. Dropped, it is ended.
#[derive(Debug)]
pub(crate) struct Browser {
    child: Child,
    commands: ChildStdin,
    messages: Receiver<Value>,
    last: u64,
    session: String,
    /// What the page logged as an error, such as a script or style that its policy kept out.
    pub(crate) errors: Vec<String>,
}

impl Browser {
    /// Starts a browser that keeps what it keeps in this folder. Names of other hosts lead nowhere.
    pub(crate) fn start(folder: &Path) -> Result<Browser> {
        let program = program().context("Chromium is missing: `cargo xtask test` installs it")?;
        // The browser reads its file 3 and writes to 4.
        let mut command = Command::new("sh");
        command.args(["-c", r#"exec "$0" "$@" 3<&0 4>&1"#]).arg(program);
        command.args(["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"]);
        command.args(["--remote-debugging-pipe", "--hide-scrollbars", "--disable-quic"]);
        command.args(["--disable-background-networking", "--disable-component-update"]);
        command.args(["--disable-sync", "--disable-dev-shm-usage", "--force-color-profile=srgb"]);
        command.arg("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1");
        command.arg(format!("--user-data-dir={}", folder.display()));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().context("cannot start the browser")?;
        let commands = child.stdin.take().context("no pipe to the browser")?;
        let mut output = BufReader::new(child.stdout.take().context("no pipe from the browser")?);
        let (sender, messages) = channel();
        thread::spawn(move || {
            let mut message = Vec::new();
            while output.read_until(0, &mut message).is_ok_and(|bytes| bytes > 0) {
                message.pop();
                let told = serde_json::from_slice(&message).unwrap_or_default();
                message.clear();
                if sender.send(told).is_err() {
                    break;
                }
            }
        });
        let (last, session, errors) = (0, String::new(), Vec::new());
        let mut browser = Browser { child, commands, messages, last, session, errors };
        let target = browser.ask("Target.createTarget", &json!({ "url": "about:blank" }))?;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = browser.ask("Target.attachToTarget", &attach)?;
        browser.session = text(&attached["sessionId"]);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.ask(&format!("{domain}.enable"), &json!({}))?;
        }
        Ok(browser)
    }

    /// Sends headers with every request from now on.
    pub(crate) fn send_headers(&mut self, headers: &Value) -> Result<()> {
        self.ask("Network.setExtraHTTPHeaders", &json!({ "headers": headers }))?;
        Ok(())
    }

    /// Keeps a cookie for this origin.
    pub(crate) fn keep_cookie(&mut self, origin: &str, name: &str, value: &str) -> Result<()> {
        let cookie = json!({ "url": origin, "name": name, "value": value, "path": "/console" });
        self.ask("Network.setCookie", &cookie)?;
        Ok(())
    }

    /// Lets the browser be in this time zone.
    pub(crate) fn stay_in(&mut self, zone: &str) -> Result<()> {
        self.ask("Emulation.setTimezoneOverride", &json!({ "timezoneId": zone }))?;
        Ok(())
    }

    /// Makes the window so large; up to 600 it is that of a phone.
    pub(crate) fn resize(&mut self, width: u32, height: u32) -> Result<()> {
        let size = json!({
            "width": width, "height": height, "mobile": width <= 600,
            "deviceScaleFactor": if width <= 600 { 2 } else { 1 },
        });
        self.ask("Emulation.setDeviceMetricsOverride", &size)?;
        Ok(())
    }

    /// Lets pages run their scripts, or not; what a test asks of a page is no script of it.
    pub(crate) fn run_scripts(&mut self, allowed: bool) -> Result<()> {
        let disabled = json!({ "value": !allowed });
        self.ask("Emulation.setScriptExecutionDisabled", &disabled)?;
        Ok(())
    }

    /// Opens an address, and waits until the page is whole.
    pub(crate) fn open(&mut self, url: &str) -> Result<()> {
        self.run("window.left = true")?;
        let opened = self.ask("Page.navigate", &json!({ "url": url }))?;
        ensure!(opened["errorText"].is_null(), "{url}: {}", opened["errorText"]);
        self.wait("window.left === undefined")
    }

    /// What an expression comes to on the page.
    pub(crate) fn run(&mut self, expression: &str) -> Result<Value> {
        let asked =
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let answer = self.ask("Runtime.evaluate", &asked)?;
        if let Some(thrown) = answer.get("exceptionDetails") {
            bail!("{expression}: {thrown}");
        }
        Ok(answer["result"]["value"].clone())
    }

    /// Looks again and again until an expression holds, on a page that is whole: its address is that of the
    /// new one before its content is. While a page is left for another one, none does.
    pub(crate) fn wait(&mut self, condition: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let holds = format!("document.readyState === 'complete' && Boolean({condition})");
        while self.run(&holds).ok() != Some(json!(true)) {
            if Instant::now() > deadline {
                let page = self.run("location.href + '\\n' + document.body.innerText")?;
                bail!("waited, but not: {condition}\n{}", text(&page));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Does something that leads to another page, and waits until that is whole.
    pub(crate) fn leave(&mut self, by: impl FnOnce(&mut Browser) -> Result<()>) -> Result<()> {
        self.run("window.left = true")?;
        by(self)?;
        self.wait("window.left === undefined")
    }

    /// Clicks on what a selector finds.
    pub(crate) fn click(&mut self, selector: &str) -> Result<()> {
        let found = self.run(&format!(
            "(() => {{ const it = document.querySelector({}); it?.click(); return Boolean(it) }})()",
            json!(selector)
        ))?;
        ensure!(found == json!(true), "nothing to click: {selector}");
        Ok(())
    }

    /// Types into whatever has the focus.
    pub(crate) fn write(&mut self, text: &str) -> Result<()> {
        self.ask("Input.insertText", &json!({ "text": text }))?;
        Ok(())
    }

    /// Presses a key: a sign, or the name of one such as `Enter`.
    pub(crate) fn press(&mut self, key: &str) -> Result<()> {
        let mut down = json!({ "type": "keyDown", "key": key });
        if key.chars().count() == 1 {
            down["text"] = json!(key);
        } else if key == "Enter" {
            (down["text"], down["windowsVirtualKeyCode"]) = (json!("\r"), json!(13));
        }
        self.ask("Input.dispatchKeyEvent", &down)?;
        self.ask("Input.dispatchKeyEvent", &json!({ "type": "keyUp", "key": key }))?;
        Ok(())
    }

    /// All text of the page as it is seen.
    pub(crate) fn text(&mut self) -> Result<String> {
        Ok(text(&self.run("document.body.innerText")?))
    }

    /// A picture of the whole page.
    pub(crate) fn picture(&mut self, file: &Path) -> Result<()> {
        let size = self.ask("Page.getLayoutMetrics", &json!({}))?;
        let size = &size["cssContentSize"];
        let clip =
            json!({ "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1 });
        let wanted = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let answer = self.ask("Page.captureScreenshot", &wanted)?;
        let bytes = base64::prelude::BASE64_STANDARD.decode(text(&answer["data"]))?;
        std::fs::write(file, bytes).with_context(|| format!("cannot write {}", file.display()))
    }

    fn ask(&mut self, method: &str, parameters: &Value) -> Result<Value> {
        self.last += 1;
        let mut command = json!({ "id": self.last, "method": method, "params": parameters });
        if !self.session.is_empty() {
            command["sessionId"] = json!(self.session);
        }
        self.commands
            .write_all(format!("{command}\0").as_bytes())
            .context("the browser is gone")?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let message = match self.messages.recv_timeout(left) {
                Ok(message) => message,
                Err(RecvTimeoutError::Timeout) => bail!("{method}: no answer"),
                Err(RecvTimeoutError::Disconnected) => bail!("{method}: the browser is gone"),
            };
            if message["id"] == json!(self.last) {
                ensure!(message["error"].is_null(), "{method}: {}", message["error"]);
                return Ok(message["result"].clone());
            }
            self.note(&message);
        }
    }

    fn note(&mut self, message: &Value) {
        let parameters = &message["params"];
        let error = match message["method"].as_str() {
            Some("Runtime.exceptionThrown") => &parameters["exceptionDetails"],
            // A status that is no success is a page like any other.
            Some("Log.entryAdded")
                if parameters["entry"]["level"] == "error"
                    && parameters["entry"]["source"] != "network" =>
            {
                &parameters["entry"]
            }
            Some(_) | None => return,
        };
        self.errors.push(error.to_string());
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        drop(self.ask("Browser.close", &json!({})));
        if self.child.kill().is_ok() {
            self.child.wait().ok();
        }
    }
}

/// Chromium, whatever it is called here.
fn program() -> Option<PathBuf> {
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let mut files = names.iter().flat_map(|name| folders.iter().map(move |it| it.join(name)));
    files.find(|file| file.is_file())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
