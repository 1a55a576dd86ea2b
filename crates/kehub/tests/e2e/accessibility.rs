//! Every page of the console under axe-core, which knows what people need who see little, or use no mouse.

use crate::browser::Browser;
use crate::console_imports::brought;
use crate::console_settings::connected;
use crate::hub::Folder;
use std::path::Path;

/// The pages that a first user comes to, by what stands on them.
const PAGES: &[&str] = &[
    "/console",
    "/console/customers",
    "/console/customers?q=VIP-1",
    "/console/customers?name=nobody",
    "/console/customers/1",
    "/console/customers/99",
    "/console/customers/1/edit",
    "/console/customers/1/merge?with=%232",
    "/console/customers/1/extract?identity=1",
    "/console/customers/1/merges/1/undo",
    "/console/customers/1/erase",
    "/console/review",
    "/console/review?kind=duplicates",
    "/console/review?at=end",
    "/console/why?from=%231&to=%232",
    "/console/imports",
    "/console/settings",
    "/console/settings/types/mobile",
    "/console/settings/apps",
    "/console/settings/apps/1",
    "/console/settings/webhooks",
    "/console/settings/webhooks/1",
    "/console/wechat",
    "/console/wechat/1",
    "/console/users",
    "/console/users/2",
    "/console/audit",
    "/console/audit?deed=users&from=2026-01-01",
    "/console/audit?on=customer",
    "/console/audit?deed=wechatUnbound",
    "/console/account",
];

/// The source of axe-core, as `cargo xtask test` installs it from its lock file.
fn axe() -> String {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("axe");
    let file = target.join("node_modules/axe-core/axe.min.js");
    std::fs::read_to_string(file).expect("axe-core is missing: `cargo xtask test` installs it")
}

/// What is serious on the page that is open, a line each.
fn serious(browser: &mut Browser, axe: &str) -> Vec<String> {
    browser.run(&format!("{axe}; true")).unwrap();
    let found = browser
        .run(
            "axe.run().then(it => it.violations.filter(it => ['serious', 'critical'].includes(it.impact)) \
             .flatMap(it => it.nodes.map(node => `${it.id}: ${node.html.slice(0, 200)}`)))",
        )
        .unwrap();
    let lines = found.as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned());
    lines.collect()
}

#[tokio::test]
async fn no_page_has_anything_serious_in_either_theme() {
    let folder = Folder::new();
    let nobody = "http://127.0.0.1:1/";
    let (hub, mut browser) = connected(&folder, nobody, nobody).await;
    let axe = axe();
    browser.open(&hub.url("/console/customers/1/merge?with=%233")).unwrap();
    browser.click("[name=despite]").unwrap();
    browser.leave(|browser| browser.click("form.act button")).unwrap();
    let file = brought(
        &mut browser,
        &hub,
        "a.csv",
        "姓名,手机,手机号,生日,喜好,\n王芳,13800000001,,x,茶,\n",
    );
    let own: Vec<String> = PAGES
        .iter()
        .map(|page| hub.url(page))
        .chain([format!("{file}&c5=attr.&c3=mobile"), file])
        .collect();
    let mut found = Vec::new();
    for theme in ["light", "dark"] {
        browser.keep_cookie(&hub.url(""), "kehub_theme", theme).unwrap();
        for width in [1440, 390] {
            browser.resize(width, 900).unwrap();
            for page in &own {
                browser.open(page).unwrap();
                assert!(!browser.text().unwrap().contains("There is no such page"), "{page}");
                let lines = serious(&mut browser, &axe);
                found.extend(
                    lines.into_iter().map(|line| format!("{page} {theme} {width}: {line}")),
                );
            }
        }
    }
    assert_eq!(found, Vec::<String>::new());
    // It would tell: a picture without words, and a field without a name.
    let odd = "document.body.insertAdjacentHTML('beforeend', '<input><img src=\"/console/x\">')";
    browser.run(odd).unwrap();
    let told = serious(&mut browser, &axe);
    assert!(told.iter().any(|line| line.starts_with("label:")), "{told:?}");
    assert!(told.iter().any(|line| line.starts_with("image-alt:")), "{told:?}");
}
