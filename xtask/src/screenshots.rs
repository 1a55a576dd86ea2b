//! `cargo xtask screenshots`: every page of the console as a picture, on a screen and on a phone, in
//! both languages and both themes, for people to look at.

use crate::browser::Browser;
use crate::client::Connection;
use crate::package::{find, install};
use crate::server::Server;
use crate::{cargo, sample, succeed, target};
use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

/// Widths of windows, and their heights.
const SIZES: [(u32, u32); 2] = [(1440, 900), (390, 844)];
const LANGUAGES: [&str; 2] = ["zh-CN", "en"];
const THEMES: [&str; 2] = ["light", "dark"];

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
    let server = Server::start(&target().join("debug/kehub"), &store)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let token = runtime.block_on(async {
        let mut connection = Connection::open(server.address()).await?;
        let token = connection.token().await?;
        connection.sign(&token);
        sample::send(&mut connection).await?;
        anyhow::Ok(token)
    })?;
    let into = target().join("screenshots");
    fs::create_dir_all(&into)?;
    let mut browser = Browser::start(&place.path().join("browser"))?;
    browser.send_headers(&json!({ "authorization": format!("Bearer {token}") }))?;
    let count = pictures(options, &mut browser, server.address(), &into)?;
    ensure!(browser.errors.is_empty(), "pages logged errors: {}", browser.errors.join("\n"));
    println!("{count} pictures in {}", into.display());
    drop(browser);
    server.stop()
}

/// Takes each picture that is wanted; tells how many.
fn pictures(
    options: &Options,
    browser: &mut Browser,
    address: SocketAddr,
    into: &Path,
) -> Result<usize> {
    let origin = format!("http://{address}");
    let wanted = |name: &str| options.only.as_ref().is_none_or(|only| name.contains(only));
    let some = |all: &'static [&'static str; 2]| if options.quick { &all[..1] } else { &all[..] };
    browser.stay_in("Asia/Shanghai")?;
    browser.keep_cookie(&origin, "kehub_zone", "480")?;
    let mut taken = 0;
    for (width, height) in SIZES {
        browser.resize(width, height)?;
        for language in some(&LANGUAGES) {
            browser.keep_cookie(&origin, "kehub_language", language)?;
            for theme in some(&THEMES) {
                browser.keep_cookie(&origin, "kehub_theme", theme)?;
                for page in sample::PAGES.iter().filter(|page| wanted(page.name)) {
                    browser.open(&format!("{origin}{}", page.path))?;
                    if !page.click.is_empty() {
                        browser.click(page.click)?;
                    }
                    let wide = format!("document.documentElement.scrollWidth > {width}");
                    let too_wide = browser.run(&wide)?;
                    let name = format!("{}-{width}-{language}-{theme}.png", page.name);
                    ensure!(too_wide == json!(false), "{name} is wider than the window");
                    browser.picture(&into.join(name))?;
                    taken += 1;
                }
            }
        }
    }
    Ok(taken)
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
