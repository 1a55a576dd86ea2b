//! The story of a spreadsheet in a real browser: dropped, looked at, tried, imported, and what was refused.

use crate::browser::Browser;
use crate::console_review::signed_in;
use crate::hub::{Folder, Hub};
use base64::Engine as _;
use calamine::{Reader as _, Xlsx};
use rust_xlsxwriter::Workbook;
use serde_json::json;
use std::io::Cursor;

/// A file to be dropped: a script that makes it, as `file`.
fn made(name: &str, bytes: &[u8]) -> String {
    let (name, text) = (json!(name), json!(base64::prelude::BASE64_STANDARD.encode(bytes)));
    format!(
        "const file = new File([Uint8Array.from(atob({text}), it => it.charCodeAt(0))], {name})"
    )
}

/// Brings a file without a hand; the address of its page.
pub(crate) fn brought(browser: &mut Browser, hub: &Hub, name: &str, text: &str) -> String {
    browser.open(&hub.url("/console/imports")).unwrap();
    let file = made(name, text.as_bytes());
    let sent =
        "form.set('file', file); return fetch(location.href, { method: 'POST', body: form })";
    let form = "const form = new FormData(document.querySelector('#bring'))";
    let address = format!("(() => {{ {file}; {form}; {sent}.then(it => it.url) }})()");
    browser.run(&address).unwrap().as_str().unwrap().to_owned()
}

fn spreadsheet() -> Vec<u8> {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    for (row, cells) in [
        ["姓名", "手机号", "出生日期", "卡片"],
        ["王芳", "13700000001", "1990年3月5日", "VIP-1"],
        ["赵敏", "13700000009", "3/5/1990", "VIP-8"],
        ["孙悦", "+86 137-0000-0010", "1992/7/1", "VIP-9"],
    ]
    .into_iter()
    .enumerate()
    {
        for (column, text) in cells.into_iter().enumerate() {
            let (row, column) = (row.try_into().unwrap(), column.try_into().unwrap());
            sheet.write_string(row, column, text).unwrap();
        }
    }
    workbook.save_to_buffer().unwrap()
}

#[track_caller]
fn says(browser: &mut Browser, texts: &[&str]) {
    let text = browser.text().unwrap();
    for expected in texts {
        assert!(text.contains(expected), "no `{expected}`: {text}");
    }
}

/// What the columns are taken for.
fn taken(browser: &mut Browser) -> serde_json::Value {
    browser.run("[...document.querySelectorAll('.mapping select')].map(it => it.value)").unwrap()
}

#[tokio::test]
async fn a_spreadsheet_is_dropped_mapped_tried_and_imported() {
    let folder = Folder::new();
    let (_hub, mut browser) = signed_in(&folder).await;
    browser.leave(|browser| browser.click("nav a[href='/console/imports']")).unwrap();
    says(&mut browser, &["Choose a file, or drop it here"]);
    let file = made("六月会员.xlsx", &spreadsheet());
    let dropped = "const dataTransfer = new DataTransfer(); dataTransfer.items.add(file); \
                for (const type of ['dragover', 'drop']) document.querySelector('main')\
                .dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }))";
    browser.leave(|browser| browser.run(&format!("{{ {file}; {dropped} }}")).map(drop)).unwrap();
    says(
        &mut browser,
        &[
            "六月会员.xlsx",
            "XLSX",
            "4 columns",
            "1 of them would be refused",
            "1990-03-05",
            "3/5/1990",
        ],
    );
    assert_eq!(taken(&mut browser), json!(["name", "mobile", "birthday", "-"]));

    // A choice is put to use at once, and the keyboard stays where it is.
    let choose = "(() => { const it = document.querySelector('#c4'); it.focus(); it.value = 'identity:card'; \
                  it.dispatchEvent(new Event('change', { bubbles: true })) })()";
    browser.run(choose).unwrap();
    browser.wait("location.search.includes('c4=identity%3Acard')").unwrap();
    assert_eq!(taken(&mut browser), json!(["name", "mobile", "birthday", "identity:card"]));
    assert_eq!(browser.run("document.activeElement.id").unwrap(), "c4");
    assert_eq!(browser.run("location.search.includes('csrf')").unwrap(), false);
    // A name is asked for where it is needed.
    let is_shown = "getComputedStyle(document.querySelector('#n4')).display !== 'none'";
    assert_eq!(browser.run(is_shown).unwrap(), false);
    browser.run("document.querySelector('#c4').value = 'attr.'").unwrap();
    assert_eq!(browser.run(is_shown).unwrap(), true);
    browser.run("document.querySelector('#c4').value = 'identity:card'").unwrap();

    // Enter in a field looks again, and does nothing else.
    browser.run("document.querySelector('[name=source]').focus()").unwrap();
    browser.write("1").unwrap();
    browser.press("Enter").unwrap();
    browser.wait("location.search.includes('source=1')").unwrap();
    says(&mut browser, &["1六月会员.xlsx", "4 columns"]);

    browser.resize(390, 844).unwrap();
    let wide = "document.documentElement.scrollWidth > 390";
    assert_eq!(browser.run(wide).unwrap(), false);
    browser.leave(|browser| browser.click("[name=act][value=try]")).unwrap();
    says(
        &mut browser,
        &["What would come of it", "Nothing was changed.", "Line 3 出生日期: expected"],
    );
    let tiles = "[...document.querySelectorAll('#tried dd')].map(it => Number(it.textContent))";
    assert_eq!(browser.run(tiles).unwrap(), json!([3, 1, 1, 0, 0, 0, 1]));
    assert_eq!(browser.run(wide).unwrap(), false);
    assert_eq!(taken(&mut browser), json!(["name", "mobile", "birthday", "identity:card"]));

    browser.leave(|browser| browser.click("[name=act][value=import]")).unwrap();
    browser.wait("!document.querySelector('[data-live]')").unwrap();
    says(&mut browser, &["done", "3 rows done", "Download the refused rows"]);
    let report = "fetch(document.querySelector('a[download]').href).then(it => it.arrayBuffer())\
                  .then(it => Array.from(new Uint8Array(it)))";
    let report: Vec<u8> = serde_json::from_value(browser.run(report).unwrap()).unwrap();
    let mut report: Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(report)).unwrap();
    let report = report.worksheet_range_at(0).unwrap().unwrap();
    let row: Vec<String> = report.rows().nth(1).unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(row[..5], ["赵敏", "13700000009", "3/5/1990", "VIP-8", "3"]);
    let there =
        "fetch('/console/customers/1').then(it => it.text()).then(it => it.includes('1990-03-05'))";
    assert_eq!(browser.run(there).unwrap(), true);
    assert_eq!(browser.errors, Vec::<String>::new());
}
