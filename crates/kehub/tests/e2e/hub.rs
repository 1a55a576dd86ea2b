//! A running `kehub serve` on a folder of its own, and what can be done to it.

use serde_json::Value;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(crate) const APP: &str = "cl00000000000e2e0";
pub(crate) const SECRET: &str = "00000000000000000000000000000000000e2e00";

/// Longer than anything here should ever take: a test that reaches it fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// A folder in which hubs may be started, one after the other, and where their store is, unless it is
/// in the folder.
#[derive(Debug)]
pub(crate) struct Folder {
    folder: TempDir,
    store: Option<String>,
}

/// A running server. Dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Hub {
    child: Child,
    address: SocketAddr,
    client: reqwest::Client,
}

impl Folder {
    pub(crate) fn new() -> Folder {
        Folder { folder: tempfile::tempdir().unwrap(), store: None }
    }

    /// One for hubs on this store.
    pub(crate) fn on(store: &str) -> Folder {
        Folder { store: Some(store.to_owned()), ..Folder::new() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Starts a hub that knows [`APP`], and waits until it can write.
    pub(crate) async fn start(&self) -> Hub {
        self.start_with(&[("KEHUB_BOOTSTRAP_APP", &format!("{APP}:{SECRET}"))]).await
    }

    /// Starts a hub with these variables in its environment, and waits until it can write.
    pub(crate) async fn start_with(&self, variables: &[(&str, &str)]) -> Hub {
        let mut hub = self.launch(variables);
        eventually("the hub listens", async || {
            if let Some(status) = hub.child.try_wait().unwrap() {
                panic!("the hub ended with {status}: {}", self.read("stderr"));
            }
            self.address().map(|address| hub.address = address).is_some()
        })
        .await;
        eventually("the hub is ready", async || hub.status("/readyz").await == Some(200)).await;
        hub
    }

    /// Starts a hub with these variables in its environment. It does not listen yet.
    pub(crate) fn launch(&self, variables: &[(&str, &str)]) -> Hub {
        let child = self
            .kehub(&["serve", "--listen", "127.0.0.1:0"])
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(File::create(self.path().join("stdout")).unwrap())
            .stderr(File::create(self.path().join("stderr")).unwrap())
            .spawn()
            .unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        Hub { child, address, client: client() }
    }

    /// Where the last hub listens, once it has said so: the port was its own choice.
    fn address(&self) -> Option<SocketAddr> {
        let printed = self.read("stdout");
        let (_, rest) = printed.split_once("listens on http://")?;
        rest.split_once(". ")?.0.parse().ok()
    }

    /// What the last hub printed: `stdout` or `stderr`.
    pub(crate) fn read(&self, stream: &str) -> String {
        fs::read_to_string(self.path().join(stream)).unwrap()
    }

    /// A command of the binary in this folder, with nothing of ours in its environment.
    pub(crate) fn kehub(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kehub"));
        let ours = std::env::vars_os().map(|(name, _)| name);
        for name in ours.filter(|name| name.to_string_lossy().starts_with("KEHUB_")) {
            command.env_remove(name);
        }
        command.envs(self.store.iter().map(|store| ("KEHUB_STORE", store)));
        command.args(arguments).current_dir(self.path());
        command
    }

    /// Runs a command of the binary to its end, and gives what it printed.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let output = self.kehub(arguments).output().unwrap();
        let said = said(&output);
        assert!(output.status.success(), "kehub {arguments:?}: {}: {said}", output.status);
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Hub {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The status that a plain GET is answered; `None` if nobody answers.
    pub(crate) async fn status(&self, path: &str) -> Option<u16> {
        Some(self.client.get(self.url(path)).send().await.ok()?.status().as_u16())
    }

    /// What a GET is answered.
    pub(crate) async fn get(&self, path: &str) -> Value {
        self.client.get(self.url(path)).send().await.unwrap().json().await.unwrap()
    }

    /// What a request for a token is answered.
    pub(crate) async fn token_answer(&self, app: &str, secret: &str) -> Value {
        let query = format!("grant_type=client_credentials&appid={app}&secret={secret}");
        self.get(&format!("/security/accesstoken?{query}")).await
    }

    /// A token of [`APP`].
    pub(crate) async fn token(&self) -> String {
        let answer = self.token_answer(APP, SECRET).await;
        answer["access_token"].as_str().unwrap_or_else(|| panic!("no token: {answer}")).to_owned()
    }

    /// Upserts; `None` if no answer came, in which case nobody may say what happened.
    pub(crate) async fn upsert(&self, token: &str, body: &Value) -> Option<Value> {
        let url = self.url(&format!("/v1/customerandidentities?access_token={token}"));
        let answer = self.client.post(url).json(body).send().await.ok()?;
        let status = answer.status().as_u16();
        if status == 503 {
            return None;
        }
        let answer = answer.json().await.ok()?;
        assert!(status == 200 || status == 201, "{status}: {answer}");
        Some(answer)
    }

    /// Ends the process as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks the process to end, as an operator would.
    pub(crate) fn terminate(&self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    }

    /// Waits for the end of the process.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        eventually("the hub has ended", async || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        })
        .await;
        status.unwrap()
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            self.child.wait().ok();
        }
    }
}

/// A client. Who links one for TLS has to choose who does the sums.
pub(crate) fn client() -> reqwest::Client {
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::new()
}

/// Looks again and again until it is so.
pub(crate) async fn eventually(what: &str, is_so: impl AsyncFnMut() -> bool) {
    within(PATIENCE, what, is_so).await;
}

/// Looks again and again until it is so, but not for longer than this.
pub(crate) async fn within(patience: Duration, what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + patience;
    while !is_so().await {
        assert!(Instant::now() < deadline, "waited {patience:?}, but not: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What a finished program printed, for the message of a test that fails.
pub(crate) fn said(output: &Output) -> String {
    let stdout = String::from_utf8_lossy(&output.stdout);
    format!("{stdout}{}", String::from_utf8_lossy(&output.stderr))
}

/// A program of this name on the search path.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}
