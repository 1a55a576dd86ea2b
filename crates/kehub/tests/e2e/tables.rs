//! `kehub import` of tables as people keep them: with a title, notes and totals around their rows.

use crate::hub::{Folder, said};
use rust_xlsxwriter::Workbook;
use std::fs;
use std::process::Stdio;

/// What an import that came to this exit code printed.
fn told(folder: &Folder, arguments: &[&str], code: i32) -> String {
    let mut import = folder.kehub(&["import"]);
    let output = import.args(arguments).stdin(Stdio::null()).output().unwrap();
    let said = said(&output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    said
}

#[test]
fn a_table_with_a_title_goes_in_and_so_does_what_was_refused() {
    let folder = Folder::new();
    let file = folder.path().join("members.csv");
    let rows = "姓名,手机号,生日\n张三,13900000001,1990-01-02\n李四,13900000002,3/5/1990\n";
    fs::write(&file, format!("会员登记表,,\n\"填表说明,\n见下\",,\n{rows}")).unwrap();
    let above = "the headings are in line 4; 2 rows above are passed over\n";
    let shown = told(&folder, &["--dry-run", "members.csv"], 0);
    assert!(shown.contains(&format!("members.csv: CSV with `,`, 3 columns\n{above}")), "{shown}");
    let said = told(&folder, &["members.csv"], 1);
    assert!(said.contains(above) && said.contains("line 6 refused: 生日"), "{said}");
    let again = told(&folder, &["members.csv", "--header-row", "4"], 1);
    assert!(again.contains(above) && again.contains("2 rows: 0 created"), "{again}");

    let report = folder.path().join("members.refused.csv");
    let refused = fs::read_to_string(&report).unwrap();
    assert!(refused.starts_with("\u{FEFF}姓名,手机号,生日,kehub line"), "{refused}");
    fs::write(&report, refused.replace("3/5/1990", "1990/3/5")).unwrap();
    let mended = told(&folder, &["members.refused.csv"], 0);
    assert!(mended.contains("1 row: 1 created") && !mended.contains("passed over"), "{mended}");

    fs::write(&file, "登记表\n卡号;喜好\nC1;茶\n").unwrap();
    let unknown = told(&folder, &["members.csv"], 2);
    assert!(unknown.contains("or with --header-row in which line"), "{unknown}");
    let map = ["members.csv", "--map", "卡号=identity:card", "--header-row", "2"];
    let mapped = told(&folder, &map, 0);
    assert!(!mapped.contains("no column tells who a row is"), "{mapped}");
    assert!(mapped.contains("the headings are in line 2; 1 row above is passed over"), "{mapped}");
    assert!(mapped.contains("1 row: 1 created"), "{mapped}");
    fs::write(folder.path().join("names.csv"), "姓名,城市\n张三,北京\n").unwrap();
    let nobody = told(&folder, &["--dry-run", "names.csv"], 0);
    assert!(
        nobody.contains("no column tells who a row is (a mobile, an e-mail address"),
        "{nobody}"
    );
    let none = told(&folder, &["members.csv", "--header-row", "9"], 2);
    assert!(none.contains("expected a row of headings in line 9, found none"), "{none}");
}

#[test]
fn headings_once_more_and_totals_are_no_customers() {
    let folder = Folder::new();
    let rows = "姓名,手机号\n张三,13900000001\n姓名,手机号\n李四,13900000002\n合计：,2\n";
    fs::write(folder.path().join("a.csv"), rows).unwrap();
    let said = told(&folder, &["a.csv"], 1);
    for told in [
        "line 3 refused: expected a customer, found the headings once more\n",
        "line 5 refused: expected a customer, found a total: the row begins with `合计`\n",
        "4 rows: 2 created, 0 updated, 0 unchanged, 0 merged, 2 refused",
    ] {
        assert!(said.contains(told), "{said}");
    }
}

#[test]
fn sheets_that_are_left_out_are_named() {
    let folder = Folder::new();
    let mut workbook = Workbook::new();
    let lists = workbook.add_worksheet().set_name("字典").unwrap().set_hidden(true);
    lists.write(0, 0, "性别").unwrap().write(1, 0, "男").unwrap();
    workbook.add_worksheet().set_name("封面").unwrap();
    for (name, mobile) in [("门店", "13900000001"), ("网店", "13900000002")] {
        // The first one cannot be hidden while it is the active one.
        let sheet = workbook.add_worksheet().set_name(name).unwrap().set_active(true);
        sheet.write(0, 0, "手机").unwrap().write(1, 0, mobile).unwrap();
    }
    workbook.save(folder.path().join("a.xlsx")).unwrap();
    let said = told(&folder, &["a.xlsx"], 0);
    let sheets =
        "the sheet is `门店`; left out, unless --sheet names them: `字典`, `封面`, `网店`\n";
    assert!(said.contains(sheets) && said.contains("1 row: 1 created"), "{said}");
    let named = told(&folder, &["a.xlsx", "--sheet", "网店"], 0);
    assert!(!named.contains("left out") && named.contains("1 row: 1 created"), "{named}");
}
