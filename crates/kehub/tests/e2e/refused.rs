//! The refused rows of a workbook: a workbook of text, mended in a spreadsheet and imported again.

use crate::hub::{Folder, eventually};
use crate::import::{list, newest, rows_noted, started, told};
use calamine::{Data, Reader as _, Xlsx, open_workbook};
use kehub_core::import::State;
use rust_xlsxwriter::{ExcelDateTime, Format, Workbook};
use std::fs;
use std::path::Path;

/// The cells of the first sheet of a workbook, all of which are text.
fn cells(workbook: &Path) -> Vec<Vec<String>> {
    let mut book: Xlsx<_> = open_workbook(workbook).unwrap();
    let range = book.worksheet_range_at(0).unwrap().unwrap();
    let text = |cell: &Data| {
        let Data::String(text) = cell else {
            assert_eq!(*cell, Data::Empty);
            return String::new();
        };
        text.clone()
    };
    range.rows().map(|row| row.iter().map(text).collect()).collect()
}

/// Writes a workbook of texts.
fn save(workbook: &Path, rows: &[Vec<String>]) {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    for (row, cells) in (0..).zip(rows) {
        for (column, cell) in (0..).zip(cells) {
            sheet.write_string(row, column, cell).unwrap();
        }
    }
    book.save(workbook).unwrap();
}

fn text_of(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|cell| (*cell).to_owned()).collect()
}

/// A customer with a card whose number begins with zeros, and all kinds of cells.
fn members(folder: &Folder) {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    let headings = ["姓名", "卡号", "生日", "入会时间", "积分", "是否会员", "备注"];
    for (column, heading) in (0..).zip(headings) {
        sheet.write(0, column, heading).unwrap();
    }
    for (column, text) in [(0, "李雷"), (1, "0012345"), (2, "soon"), (6, "=1+1")] {
        sheet.write_string(1, column, text).unwrap();
    }
    let joined = ExcelDateTime::from_ymd(2024, 3, 5).unwrap().and_hms(12, 30, 15).unwrap();
    let moment = Format::new().set_num_format("yyyy/m/d hh:mm");
    sheet.write_datetime_with_format(1, 3, &joined, &moment).unwrap();
    sheet.write(1, 4, 12.5).unwrap();
    sheet.write(1, 5, true).unwrap();
    sheet.write(2, 0, "王芳").unwrap();
    sheet.write_string(2, 1, "6222021234567890123").unwrap();
    book.save(folder.path().join("members.xlsx")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_rows_of_a_workbook_are_text_and_go_in_when_they_are_mended() {
    let folder = Folder::new();
    let at = |name: &str| folder.path().join(name);
    members(&folder);
    let flags = ["--map", "卡号=identity:card", "--map", "备注=attr.note"];
    let said = told(&folder, &[&["members.xlsx"], &flags[..]].concat(), 1);
    assert!(said.contains("2 rows: 1 created"), "{said}");
    let next = "refused rows are in members.refused.xlsx: mend them there, and import that file\n";
    assert!(said.contains(next), "{said}");
    let left = ["members.refused.csv", "members.refused.xlsx.csv", "members.refused.xlsx.csv.part"];
    assert!(left.into_iter().all(|name| !at(name).exists()));

    let mut report = cells(&at("members.refused.xlsx"));
    let row = ["李雷", "0012345", "soon", "2024-03-05T12:30:15", "12.5", "true", "=1+1", "2"];
    assert_eq!(report[1][..8], text_of(&row));
    assert!(report[1][8].starts_with("生日: expected a date"), "{report:?}");
    assert_eq!(report[0][7..], text_of(&["kehub line", "kehub reason"]));
    assert_eq!(report.len(), 2);
    // What is not mended is refused again, for the same reason and without further columns.
    let again = told(&folder, &["members.refused.xlsx"], 1);
    assert!(again.contains("columns as in import 1 of members.xlsx"), "{again}");
    let mut twice = cells(&at("members.refused.refused.xlsx"));
    assert_eq!(twice, report);
    twice[1][2] = "1990/3/5".to_owned();
    report.clone_from(&twice);
    save(&at("members.refused.xlsx"), &report);
    let mended = told(&folder, &["members.refused.xlsx"], 0);
    assert!(mended.contains("1 row: 1 created"), "{mended}");

    let hub = folder.start().await;
    let li = list(&hub, "name=李雷").await.pop().unwrap();
    assert_eq!((&li["birthday"], &li["membershipScore"]), (&"1990-03-05".into(), &12.5.into()));
    assert_eq!(
        (&li["dateMemberReg"], &li["isMember"]),
        (&"2024-03-05T12:30:15Z".into(), &true.into())
    );
    assert_eq!(li["attr"]["note"], "=1+1", "{li}");
    let identities = "/v1/customeridentities?identityType=card&identityValue=0012345";
    let found = hub.get(&format!("{identities}&access_token={}", hub.token().await)).await;
    assert_eq!(found[0]["customerId"], li["id"].to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workbook_of_refused_rows_is_made_once_the_import_has_ended() {
    const ROWS: u64 = 12_000;
    let folder = Folder::new();
    let at = |name: &str| folder.path().join(name);
    let row = |row: u64| {
        let birthday = if row % 7 == 3 { "3/5/1990" } else { "1990-03-05" };
        text_of(&[&format!("member {row}"), birthday, &format!("M{row}")])
    };
    let headings = text_of(&["name", "birthday", "identity:member-id"]);
    let rows: Vec<_> = [headings].into_iter().chain((0..ROWS).map(row)).collect();
    save(&at("members.xlsx"), &rows);
    let mut importing = started(&folder, &["members.xlsx"]);
    eventually("it is noted how far it came", async || rows_noted(&folder).await > 0).await;
    importing.kill().unwrap();
    importing.wait().unwrap();
    assert!(rows_noted(&folder).await < ROWS);
    assert!(at("members.refused.xlsx.csv").exists() && !at("members.refused.xlsx").exists());

    let said = told(&folder, &["members.xlsx"], 1);
    assert!(said.contains("import 1 goes on after row"), "{said}");
    assert!(said.contains("refused rows are in members.refused.xlsx: mend"), "{said}");
    let ended = newest(&folder).await.unwrap();
    assert_eq!((ended.state, ended.progress.rows), (State::Done, ROWS));
    assert!(ended.progress.report.unwrap().ends_with("/members.refused.xlsx"));
    let lines: Vec<String> =
        cells(&at("members.refused.xlsx")).into_iter().skip(1).map(|row| row[3].clone()).collect();
    let expected: Vec<String> =
        (0..ROWS).filter(|row| row % 7 == 3).map(|row| (row + 2).to_string()).collect();
    assert!(lines == expected, "{} of {} rows", lines.len(), expected.len());
    assert!(!at("members.refused.xlsx.csv").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_names_the_report_says_what_it_is() {
    let folder = Folder::new();
    let at = |name: &str| folder.path().join(name);
    members(&folder);
    let named = |report| told(&folder, &["members.xlsx", "--again", "--refused", report], 1);
    assert!(named("a.csv").contains("refused rows are in a.csv: mend"));
    assert!(fs::read_to_string(at("a.csv")).unwrap().contains("'=1+1,2,"));
    assert!(named("a.xlsx").contains("refused rows are in a.xlsx: mend"));
    assert_eq!(cells(&at("a.xlsx")).len(), 2);
    // Neither what is there is overwritten, nor what a workbook would be made of.
    fs::write(at("b.xlsx.csv"), "mine").unwrap();
    for report in ["a.xlsx", "b.xlsx"] {
        let said = told(&folder, &["members.xlsx", "--again", "--refused", report], 2);
        assert!(said.contains("it is there already"), "{said}");
    }
    assert_eq!(fs::read_to_string(at("b.xlsx.csv")).unwrap(), "mine");
}
