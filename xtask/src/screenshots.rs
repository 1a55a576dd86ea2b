//! `cargo xtask screenshots`: every page of the console as a picture, on a screen and on a phone, in
//! both languages and both themes, for people to look at.

use crate::browser::Browser;
use crate::client::Connection;
use crate::package::{find, install};
use crate::sample::{Filled, Shown};
use crate::server::Server;
use crate::{cargo, sample, succeed, target};
use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

/// Widths of windows, and their heights.
const SIZES: [(u32, u32); 2] = [(1440, 900), (390, 844)];
const LANGUAGES: [&str; 2] = ["zh-CN", "en"];
const THEMES: [&str; 2] = ["light", "dark"];
/// How the hub reaches nobody but this machine, where nobody answers, and keeps secrets all the same.
const CONNECTED: &[&str] = &[
    "--webhooks-allow-private",
    "--webhooks-retries=1",
    "--wechat-allow-private",
    "--wechat-base=http://127.0.0.1:1/",
    "--secret-key=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
];
/// The user whom the pages greet, on a hub that ends with the pictures.
const LOGIN: &str = "anna";
const PASSWORD: &str = "correct horse battery";
/// Seconds after which a hub knows a user that the command line made.
const NOTICED_SECONDS: u64 = 6;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only pages whose name contains this text
    #[arg(long)]
    only: Option<String>,
    /// Only the first language and theme at each size
    #[arg(long)]
    quick: bool,
}

/// Starts a hub with people, and takes the pictures.
pub(crate) fn run(options: &Options) -> Result<()> {
    install_fonts()?;
    succeed(cargo().args(["build", "--quiet", "--package", "kehub", "--bin", "kehub"]))?;
    let place = tempfile::tempdir().context("no folder for a store")?;
    let store = format!("sqlite:{}", place.path().join("kehub.db").display());
    let binary = target().join("debug/kehub");
    let server = Server::start_with(&binary, &store, CONNECTED, None)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut connection = Connection::open(server.address()).await?;
        let token = connection.token().await?;
        connection.sign(&token);
        sample::send(&mut connection).await
    })?;
    add_user(&binary, &store)?;
    let into = target().join("screenshots");
    fs::create_dir_all(&into)?;
    let mut browser = Browser::start(&place.path().join("browser"))?;
    let origin = format!("http://{}", server.address());
    let mut album =
        Album { options, browser: &mut browser, origin: &origin, into: &into, file: String::new() };
    let mut count = album.pictures(&unfilled(sample::ENTRANCE))?;
    album.sign_in()?;
    album.save_filter()?;
    album.bring_file()?;
    count += album.pictures(&unfilled(sample::PAGES))?;
    count += album.pictures(sample::FORMS)?;
    ensure!(browser.errors.is_empty(), "pages logged errors: {}", browser.errors.join("\n"));
    println!("{count} pictures in {}", into.display());
    drop(browser);
    server.stop()
}

/// Pages that nothing is filled in on.
fn unfilled(pages: &'static [Shown]) -> Vec<Filled> {
    pages.iter().map(|page| Filled { page: *page, fields: &[] }).collect()
}

/// Where pictures go, and of what they are taken.
struct Album<'a> {
    options: &'a Options,
    browser: &'a mut Browser,
    origin: &'a str,
    into: &'a Path,
    /// The address of a file that was brought.
    file: String,
}

impl Album<'_> {
    /// Takes each picture of these pages that is wanted; tells how many.
    fn pictures(&mut self, pages: &[Filled]) -> Result<usize> {
        let only = self.options.only.clone();
        let wanted = |name: &str| only.as_ref().is_none_or(|only| name.contains(only));
        let is_quick = self.options.quick;
        let some = |all: &'static [&'static str; 2]| if is_quick { &all[..1] } else { &all[..] };
        self.browser.stay_in("Asia/Shanghai")?;
        self.browser.keep_cookie(self.origin, "kehub_zone", "480")?;
        let mut count = 0;
        for (width, height) in SIZES {
            self.browser.resize(width, height)?;
            for language in some(&LANGUAGES) {
                self.browser.keep_cookie(self.origin, "kehub_language", language)?;
                for theme in some(&THEMES) {
                    self.browser.keep_cookie(self.origin, "kehub_theme", theme)?;
                    for page in pages.iter().filter(|filled| wanted(filled.page.name)) {
                        let name = format!("{}-{width}-{language}-{theme}.png", page.page.name);
                        self.picture(page, width, &name)?;
                        count += 1;
                    }
                }
            }
        }
        Ok(count)
    }

    fn picture(&mut self, filled: &Filled, width: u32, name: &str) -> Result<()> {
        let Filled { page, fields } = filled;
        let path = page.path.replace(sample::FILE, &self.file);
        self.browser.open(&format!("{}{path}", self.origin))?;
        for (name, value) in *fields {
            let (name, value) = (json!(format!("main [name=\"{name}\"]")), json!(value));
            let fill = format!(
                "(it => {{ if (it.type === 'checkbox') it.checked = true; else it.value = {value} }})\
                 (document.querySelector({name}))"
            );
            self.browser.run(&fill)?;
        }
        if !fields.is_empty() || page.click.starts_with("button") {
            self.browser.leave(|browser| browser.click(page.click))?;
        } else if !page.click.is_empty() {
            self.browser.click(page.click)?;
        }
        let wide = format!("document.documentElement.scrollWidth > {width}");
        ensure!(self.browser.run(&wide)? == json!(false), "{name} is wider than the window");
        self.browser.picture(&self.into.join(name))
    }

    /// Lets the browser in.
    fn sign_in(&mut self) -> Result<()> {
        self.browser.open(&format!("{}/console/sign-in", self.origin))?;
        for (name, text) in [("login", LOGIN), ("password", PASSWORD)] {
            self.browser.run(&format!("document.querySelector('[name={name}]').focus()"))?;
            self.browser.write(text)?;
        }
        self.browser.leave(|browser| browser.press("Enter"))?;
        ensure!(self.browser.run("location.pathname")? == json!("/console"), "nobody was let in");
        Ok(())
    }

    /// Saves a list, as a user would.
    fn save_filter(&mut self) -> Result<()> {
        self.browser.open(&format!("{}{}", self.origin, sample::SAVED))?;
        self.browser.click(".tools summary")?;
        self.browser.run("document.querySelector('.panel [name=name]').focus()")?;
        self.browser.write(sample::SAVED_NAME)?;
        self.browser.leave(|browser| browser.press("Enter"))
    }
}

impl Album<'_> {
    /// Brings a file that is not imported.
    fn bring_file(&mut self) -> Result<()> {
        self.browser.open(&format!("{}/console/imports", self.origin))?;
        let (name, text) = (json!(sample::FILE_NAME), json!(sample::FILE_TEXT));
        let bring = format!(
            "(() => {{ const form = new FormData(document.querySelector('#bring')); \
             form.set('file', new File([{text}], {name})); \
             return fetch('/console/imports', {{ method: 'POST', body: form }}) \
             .then(it => new URL(it.url)).then(it => it.pathname + it.search) }})()"
        );
        let address = self.browser.run(&bring)?;
        let address = address.as_str().filter(|it| it.starts_with("/console/imports/file?"));
        address.context("no file was taken")?.clone_into(&mut self.file);
        Ok(())
    }
}

/// Makes a user, and waits until the hub knows it.
fn add_user(binary: &Path, store: &str) -> Result<()> {
    let mut command = Command::new(binary);
    command.args(["user", "add", LOGIN, "--name", "安娜", "--role", "admin", "--password-stdin"]);
    command.env("KEHUB_STORE", store).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.spawn().context("cannot start the binary")?;
    let mut input = child.stdin.take().context("no input")?;
    writeln!(input, "{PASSWORD}")?;
    drop(input);
    ensure!(child.wait()?.success(), "no user was made");
    // A hub reads again who may ask within seconds.
    thread::sleep(Duration::from_secs(NOTICED_SECONDS));
    Ok(())
}

/// Chinese signs need a font that has them.
fn install_fonts() -> Result<()> {
    let known = Command::new("fc-list").arg(":lang=zh").stderr(Stdio::null()).output();
    let has_fonts = known.is_ok_and(|output| !output.stdout.is_empty());
    if !has_fonts {
        install("a Chinese font", "fonts-noto-cjk")?;
    }
    if ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .all(|name| find(name).is_none())
    {
        install("Chromium", "chromium")?;
    }
    Ok(())
}
