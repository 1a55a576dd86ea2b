//! `kehub import`, as somebody with a spreadsheet would.

use crate::hub::{Folder, Hub, client, eventually, said, within};
use encoding_rs::GB18030;
use kehub_core::import::{Import, Progress, State};
use kehub_core::{ImportId, TenantId};
use kehub_store::{SqliteOptions, SqliteStore, Store as _, TestDatabase};
use rust_xlsxwriter::{ExcelDateTime, Format, Workbook};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;
use std::io::{Cursor, Write as _};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const SHOP: &str = "姓名,手机号,性别,生日,是否会员,注册时间,OpenID,喜好\r\n\
    王芳,+86 138-0000-0001,女,1990年3月5日,是,2024/3/5 12:30,oA1,茶\r\n\
    \"李, 雷\",13800000002,先生,1991/2/3,否,,,\r\n\
    张伟,,男,3/5/1990,,,,\r\n\
    赵六,,,,,,,\r\n\
    \r\n\
    王芳,138 0000 0001,,,,,,\r\n";

fn imported(folder: &Folder, arguments: &[&str]) -> Output {
    folder.kehub(&["import"]).args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// What a run that came to this exit code printed.
pub(crate) fn told(folder: &Folder, arguments: &[&str], code: i32) -> String {
    let output = imported(folder, arguments);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    said
}

pub(crate) async fn list(hub: &Hub, filter: &str) -> Vec<Value> {
    let token = hub.token().await;
    let answer = hub.get(&format!("/v1/customers?access_token={token}&{filter}")).await;
    answer["rows"].as_array().unwrap().clone()
}

async fn count(hub: &Hub) -> u64 {
    let token = hub.token().await;
    let count = hub.get(&format!("/v1/customers/count?access_token={token}")).await;
    count.as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chinese_spreadsheet_goes_in_once_and_what_was_refused_is_mended() {
    let folder = Folder::new();
    let hub = folder.start().await;
    fs::write(folder.path().join("shop.csv"), GB18030.encode(SHOP).0).unwrap();

    let shown = told(&folder, &["--dry-run", "shop.csv"], 0);
    assert!(shown.contains("shop.csv: CSV with `,`, 8 columns\n"), "{shown}");
    assert!(shown.contains("喜好") && shown.contains("-> - (no known label)"), "{shown}");
    assert!(shown.contains("mobile = 13800000001"), "{shown}");
    assert!(shown.contains("dateJoin = 2024-03-05T12:30:00Z"), "{shown}");
    let counts = "5 rows: 3 created, 0 updated, 1 unchanged, 0 merged, 1 refused; 0 with conflicts";
    assert!(
        shown.contains(&format!("this would come of it: {counts}\nnothing was applied")),
        "{shown}"
    );
    assert_eq!(count(&hub).await, 0);

    let said = told(&folder, &["shop.csv", "--utc-offset", "+08:00"], 1);
    assert!(said.contains(counts), "{said}");
    assert!(said.contains("line 4 refused: 生日: expected a date like 1990-01-31"), "{said}");
    assert!(said.contains("1 row was refused"), "{said}");
    let next = "refused rows are in shop.refused.csv: mend them there, and import that file with \
                --utc-offset +08:00\n";
    assert!(said.contains(next), "{said}");
    assert_eq!(count(&hub).await, 3);
    let wang = list(&hub, "mobile=13800000001").await.pop().unwrap();
    let expected = json!({
        "name": "王芳", "gender": 2, "birthday": "1990-03-05", "isMember": true,
        "dateJoin": "2024-03-05T04:30:00Z",
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(wang[key], *value, "{wang}");
    }
    let token = hub.token().await;
    let identities = format!(
        "/v1/customeridentities?access_token={token}&identityType=wechat&identityValue=oA1"
    );
    assert_eq!(hub.get(&identities).await[0]["customerId"], wang["id"].to_string());

    let again = told(&folder, &["shop.csv", "--utc-offset", "+08:00"], 1);
    assert!(again.contains("5 rows: 0 created, 0 updated, 4 unchanged"), "{again}");
    assert_eq!(count(&hub).await, 3);
    assert!(folder.path().join("shop.refused.2.csv").exists());

    let report = folder.path().join("shop.refused.csv");
    let refused = fs::read_to_string(&report).unwrap();
    assert!(refused.starts_with("\u{FEFF}姓名,手机号,"), "{refused}");
    assert!(refused.contains("张伟,,男,3/5/1990,,,,,4,\"生日: expected"), "{refused}");
    fs::write(&report, refused.replace("3/5/1990", "1990/3/5")).unwrap();
    let mended = told(&folder, &["shop.refused.csv"], 0);
    assert!(!mended.contains("1 rows"), "{mended}");
    assert!(mended.contains("1 row: 1 created"), "{mended}");
    assert_eq!(list(&hub, "name=张伟").await[0]["birthday"], "1990-03-05");
    assert!(folder.run(&["check"]).ends_with("sound\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workbook_keeps_its_dates_and_digits() {
    let folder = Folder::new();
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    let headings = ["姓名", "手机", "生日", "入会时间", "积分", "会员号"];
    for (column, heading) in (0..).zip(headings) {
        sheet.write(0, column, heading).unwrap();
    }
    let day = Format::new().set_num_format("yyyy/m/d");
    let moment = Format::new().set_num_format("yyyy/m/d hh:mm");
    sheet.write(2, 0, "王芳").unwrap();
    sheet.write(2, 1, 13_800_000_001_f64).unwrap();
    let birthday = ExcelDateTime::from_ymd(1990, 3, 5).unwrap();
    sheet.write_datetime_with_format(2, 2, &birthday, &day).unwrap();
    let joined = ExcelDateTime::from_ymd(2024, 3, 5).unwrap().and_hms(12, 30, 15).unwrap();
    sheet.write_datetime_with_format(2, 3, &joined, &moment).unwrap();
    sheet.write(2, 4, 12.5).unwrap();
    sheet.write(2, 5, "M1").unwrap();
    sheet.write(3, 0, "李雷").unwrap();
    sheet.write(3, 2, "soon").unwrap();
    workbook.save(folder.path().join("members.xlsx")).unwrap();

    let arguments = ["members.xlsx", "--map", "会员号=identity:member-id"];
    let said = told(&folder, &arguments, 1);
    assert!(said.contains("members.xlsx: XLSX, 6 columns"), "{said}");
    assert!(said.contains("2 rows: 1 created") && said.contains("line 4 refused: 生日"), "{said}");
    let again = told(&folder, &arguments, 1);
    assert!(again.contains("2 rows: 0 created, 0 updated, 1 unchanged"), "{again}");

    let hub = folder.start().await;
    let rows = list(&hub, "mobile=13800000001").await;
    let [wang] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!(wang["birthday"], "1990-03-05");
    assert_eq!(wang["dateMemberReg"], "2024-03-05T12:30:15Z");
    assert_eq!(wang["membershipScore"], 12.5);
}

/// Saved by `LibreOffice` Calc 7.4, from a CSV file with a date, a percentage and numbers that it knows as
/// such: `soffice --headless --convert-to xlsx --infilter=CSV:44,34,76,1,,0,false,true,false members.csv`.
const SAVED_WORKBOOK: &[u8] = include_bytes!("files/saved.xlsx");
/// The same workbook saved as CSV in GB18030:
/// `soffice --headless --convert-to 'csv:Text - txt - csv (StarCalc):44,34,85,1,,0,false,true,false' saved.xlsx`.
const SAVED_TEXT: &[u8] = include_bytes!("files/saved.csv");

#[tokio::test(flavor = "multi_thread")]
async fn what_a_spreadsheet_program_saves_needs_no_flag() {
    let folder = Folder::new();
    fs::write(folder.path().join("saved.xlsx"), SAVED_WORKBOOK).unwrap();
    fs::write(folder.path().join("saved.csv"), SAVED_TEXT).unwrap();
    let said = told(&folder, &["saved.csv"], 0);
    assert!(said.contains("3 rows: 3 created"), "{said}");
    let said = told(
        &folder,
        &["saved.xlsx", "--map", "折扣=attr.discount", "--map", "身份证=attr.card"],
        1,
    );
    assert!(said.contains("3 rows: 0 created, 2 updated"), "{said}");
    // Its last digits are lost.
    let rounded = "line 4 refused: 身份证: expected all digits, as text, found a number of more than 15 \
                   digits, which a spreadsheet has rounded `110101199003051000`";
    assert!(said.contains(rounded), "{said}");

    let hub = folder.start().await;
    for (mobile, expected) in [
        (
            "13800000001",
            json!({ "name": "王芳", "gender": 2, "birthday": "1990-03-05",
            "dateJoin": "2024-03-05T12:30:15Z", "membershipScore": 1234.5, "isMember": true,
            "attr": { "discount": 0.125 } }),
        ),
        (
            "13800000002",
            json!({ "name": "李雷", "gender": 1, "birthday": "1991-02-03",
            "dateJoin": "2024-03-06T08:00:00Z", "membershipScore": 7, "isMember": false,
            "attr": { "discount": 0.08 } }),
        ),
        ("13800000003", json!({ "name": "张伟", "gender": 1, "birthday": null, "attr": {} })),
    ] {
        let found = list(&hub, &format!("mobile={mobile}")).await.pop().unwrap();
        for (key, value) in expected.as_object().unwrap() {
            assert_eq!(found[key], *value, "{found}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_find_their_customers_as_somebody_says() {
    let folder = Folder::new();
    let hub = folder.start().await;
    let write = |name: &str, text: String| fs::write(folder.path().join(name), text).unwrap();
    write("shop.csv", "姓名,手机\n王芳,13800000001\n李雷,13800000001\n".to_owned());
    let alone = ["shop.csv", "--match", "identity"];
    for counts in ["2 rows: 2 created", "2 rows: 0 created, 0 updated, 2 unchanged"] {
        let said = told(&folder, &alone, 0);
        assert!(said.contains(counts), "{said}");
    }

    let id = list(&hub, "name=王芳").await[0]["id"].to_string();
    let rows = format!(
        "客户ID,姓名,OpenID,identity:member-id\n,赵六,oB2,M2\n{id},王芳芳,oA1,\n{id},,oB2,\n\
         999,钱七,oC3,\n"
    );
    write("ids.csv", rows);
    let by_id = ["ids.csv", "--match", "id,identity,mobile,email"];
    let shown = told(&folder, &[&["--dry-run"], &by_id[..]].concat(), 0);
    assert!(shown.contains("-> id (of a customer of this hub)"), "{shown}");
    let updated = format!("line 3, customer {id}: id = {id}, name = 王芳芳");
    assert!(shown.contains(&updated), "{shown}");
    let said = told(&folder, &by_id, 1);
    let counts = "4 rows: 1 created, 1 updated, 0 unchanged, 1 merged, 1 refused; 0 with";
    assert!(said.contains(counts), "{said}");
    let refused = "line 5 refused: expected the id of a customer of this hub, found one that it never \
                   gave: 999";
    assert!(said.contains(refused), "{said}");
    assert_eq!(count(&hub).await, 2);
    assert_eq!(list(&hub, "name=赵六").await, Vec::<Value>::new());
    assert_eq!(list(&hub, &format!("idList={id}")).await[0]["name"], "王芳芳");
    // Without being asked, nobody takes ids for those of this hub.
    let said = told(&folder, &["ids.csv"], 0);
    assert!(said.contains("`id` is set by the hub"), "{said}");
    assert_eq!(count(&hub).await, 3);
}

/// What does not show by itself is said by flags, and by a file that says what columns are.
#[tokio::test(flavor = "multi_thread")]
async fn flags_say_what_a_file_does_not_tell() {
    let folder = Folder::new();
    let hub = folder.start().await;
    // Letters of a language that no Chinese encoding is guessed from.
    let odd = "name^card^size^note\nZo\u{EB}^C1^38^x\n";
    let mapping = r##"{ "card": "identity:card", "#3": "attr.size", "note": "-" }"##;
    fs::write(folder.path().join("columns.json"), mapping).unwrap();
    fs::write(folder.path().join("odd.txt"), encoding_rs::WINDOWS_1252.encode(odd).0).unwrap();
    let flags = ["--delimiter", "^", "--encoding", "windows-1252", "--mapping", "columns.json"];
    let said = told(&folder, &[&["odd.txt"], &flags[..]].concat(), 0);
    assert!(said.contains("1 row: 1 created"), "{said}");
    let columns = ["--format", "csv", "--fields", "name,attr.size"];
    let table = folder.run(&[&["export", "-"], &columns[..]].concat());
    assert!(table.ends_with(",Zoë,38,C1\r\n"), "{table}");

    // From now on the attribute is known by its name, and so is the type, also to who only tries.
    fs::write(folder.path().join("next.csv"), "name,Card,SIZE\nLea,C2,37\n").unwrap();
    for flags in [&["--dry-run"][..], &[]] {
        let said = told(&folder, &[&["next.csv"], flags].concat(), 0);
        let columns = ["Card", "identity:card", "SIZE", "attr.size", "1 row: 1 created"];
        assert!(columns.iter().all(|it| said.contains(it)), "{said}");
    }

    let mut workbook = Workbook::new();
    for (name, member) in [("一月", "王芳"), ("二月", "李雷")] {
        let sheet = workbook.add_worksheet().set_name(name).unwrap();
        for (row, (name, card)) in (0..).zip([("name", "card"), (member, name)]) {
            sheet.write(row, 0, name).unwrap().write(row, 1, card).unwrap();
        }
    }
    workbook.save(folder.path().join("months.xlsx")).unwrap();
    let said = told(&folder, &["months.xlsx", "--sheet", "二月"], 0);
    assert!(said.contains("1 row: 1 created"), "{said}");
    assert_eq!(list(&hub, "name=%E6%9D%8E%E9%9B%B7").await.len(), 1);
    assert_eq!(count(&hub).await, 3);
    let said = told(&folder, &["months.xlsx", "--sheet", "三月"], 2);
    assert!(said.contains("一月") && said.contains("二月"), "{said}");

    fs::write(folder.path().join("broken.json"), r#"{ "card": "identity:" }"#).unwrap();
    let said = told(&folder, &["odd.txt", "--mapping", "broken.json"], 2);
    assert!(said.contains("broken.json") && said.contains("identity:"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_come_through_a_pipe() {
    let folder = Folder::new();
    let lines = "{\"name\":\"Li\",\"mobile\":\"13800000003\",\"attr\":{\"size\":38}}\nno json\n";
    let mut command = folder.kehub(&["import", "-", "--refused", "bad.ndjson"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut importing = command.spawn().unwrap();
    importing.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = importing.wait_with_output().unwrap();
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("2 rows: 1 created") && said.contains("1 refused"), "{said}");
    let refused = fs::read_to_string(folder.path().join("bad.ndjson")).unwrap();
    let refused: Value = serde_json::from_str(&refused).unwrap();
    assert_eq!((&refused["kehub text"], &refused["kehub line"]), (&json!("no json"), &json!(2)));
    let hub = folder.start().await;
    assert_eq!(list(&hub, "mobile=13800000003").await[0]["attr"]["size"], 38);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quote_that_is_not_closed_takes_nobody_with_it_in_silence() {
    let folder = Folder::new();
    let text = "name,remark,identity:member-id\n张伟,x,M1\n王芳,\"来自门店,M2\n李雷,电话,M3\n";
    fs::write(folder.path().join("shop.csv"), text).unwrap();
    let said = told(&folder, &["shop.csv"], 1);
    assert!(said.contains("2 rows: 1 created, 0 updated") && said.contains("1 refused"), "{said}");
    let reason = "found a quote that is opened in line 3 and not closed up to the end of the file";
    assert!(said.contains(&format!("line 3 refused: expected a row, {reason}")), "{said}");
    let refused = fs::read_to_string(folder.path().join("shop.refused.csv")).unwrap();
    let row = format!(",,,3,\"expected a row, {reason}\",\"王芳,\"\"来自门店,M2\n李雷,电话,M3\"\n");
    assert!(refused.ends_with(&row), "{refused}");
    let hub = folder.start().await;
    assert_eq!(count(&hub).await, 1);
}

fn members(rows: u64) -> String {
    let mut text = "name,identity:member-id\n".to_owned();
    for row in 0..rows {
        writeln!(text, "member {row},M{row}").unwrap();
    }
    text
}

/// Starts an import of a file in a folder, of which nobody hears.
pub(crate) fn started(folder: &Folder, arguments: &[&str]) -> Child {
    let mut command = folder.kehub(&["import"]);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn signal(process: &Child, name: &str) {
    let id = process.id().to_string();
    assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
}

/// What the store of a folder keeps of the newest import; it is looked at as a hub would beside it.
pub(crate) async fn newest(folder: &Folder) -> Option<Import> {
    let options = SqliteOptions { syncs_beside: false, ..SqliteOptions::default() };
    let store = SqliteStore::open(folder.path().join("kehub-data/kehub.db"), options).unwrap();
    let found = store.imports(TenantId(1), None, 1).await.unwrap();
    store.close().await.unwrap();
    found.into_iter().next()
}

pub(crate) async fn rows_noted(folder: &Folder) -> u64 {
    newest(folder).await.map_or(0, |import| import.progress.rows)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_import_goes_on_where_it_stopped() {
    const ROWS: u64 = 20_000;
    let folder = Folder::new();
    let hub = folder.start().await;
    fs::write(folder.path().join("members.csv"), members(ROWS)).unwrap();
    let importing = started(&folder, &["members.csv"]);
    eventually("some rows are in", async || count(&hub).await > 500).await;
    signal(&importing, "-INT");
    let output = importing.wait_with_output().unwrap();
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let done = said.rsplit_once("the same command goes on after row ").unwrap().1;
    let done: u64 = done.split_once(": interrupted").unwrap().0.parse().unwrap();
    assert!((500..ROWS).contains(&done), "{said}");
    assert_eq!(count(&hub).await, done);
    let rest = told(&folder, &["members.csv"], 0);
    assert!(rest.contains(&format!("import 1 goes on after row {done}")), "{rest}");
    assert!(rest.contains(&format!("{ROWS} rows: {ROWS} created")), "{rest}");
    assert_eq!(count(&hub).await, ROWS);
    // All of it is done: the same file once more is another import, and doubles nobody.
    let again = told(&folder, &["members.csv", "--skip-rows", "19000"], 0);
    let counts = "20000 rows: 0 created, 0 updated, 1000 unchanged, 0 merged, 0 refused";
    assert!(again.contains(counts) && again.contains("19000 skipped"), "{again}");
    assert_eq!(newest(&folder).await.unwrap().id, ImportId(2));
}

/// Every seventh row is refused, and some change what others said.
fn mixed(rows: u64) -> String {
    let mut text = "name,birthday,identity:member-id\n".to_owned();
    for row in 0..rows {
        let birthday = if row % 7 == 3 { "3/5/1990" } else { "1990-03-05" };
        writeln!(text, "member {row},{birthday},M{}", row % (rows - rows / 10)).unwrap();
    }
    text
}

/// Everything that an import decides.
fn exported(folder: &Folder) -> String {
    folder.run(&["export", "all.csv", "--fields", "name,birthday"]);
    fs::read_to_string(folder.path().join("all.csv")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_is_killed_goes_on_and_ends_as_an_undisturbed_one() {
    const ROWS: u64 = 30_000;
    let (folder, undisturbed) = (Folder::new(), Folder::new());
    for folder in [&folder, &undisturbed] {
        fs::write(folder.path().join("members.csv"), mixed(ROWS)).unwrap();
    }
    for times in 1..=2_u64 {
        let before = rows_noted(&folder).await;
        let mut importing = started(&folder, &["members.csv"]);
        eventually("it is noted how far it came", async || rows_noted(&folder).await > before)
            .await;
        importing.kill().unwrap();
        importing.wait().unwrap();
        assert!(rows_noted(&folder).await < ROWS, "killed {times} times, it was done");
    }
    let noted = newest(&folder).await.unwrap();
    let rest = told(&folder, &["members.csv"], 1);
    let rows = noted.progress.rows;
    assert!(rest.contains(&format!("import 1 goes on after row {rows}")), "{rest}");
    let whole = told(&undisturbed, &["members.csv"], 1);
    assert!(whole.contains(&format!("{ROWS} rows: ")), "{whole}");

    // Every row is accounted for, once.
    let ended = newest(&folder).await.unwrap();
    let Progress { created, updated, unchanged, merged, refused, .. } = ended.progress;
    assert_eq!((ended.state, ended.progress.rows), (State::Done, ROWS));
    assert_eq!(created + updated + unchanged + merged + refused, ROWS);
    let expected = newest(&undisturbed).await.unwrap().progress.refused;
    assert_eq!(refused, expected);
    let report = |folder: &Folder| fs::read_to_string(folder.path().join("members.refused.csv"));
    let (report, expected) = (report(&folder).unwrap(), report(&undisturbed).unwrap());
    assert_eq!(report.lines().count() - 1, usize::try_from(refused).unwrap());
    assert!(report == expected, "the reports differ");
    assert!(!folder.path().join("members.refused.2.csv").exists());
    assert!(exported(&folder) == exported(&undisturbed), "the customers differ");
    for folder in [folder, undisturbed] {
        assert!(folder.run(&["check"]).ends_with("sound\n"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_about_columns_is_used_again() {
    let folder = Folder::new();
    fs::write(folder.path().join("members-05.csv"), "姓名,卡号\n王芳,K1\n").unwrap();
    fs::write(folder.path().join("members-06.csv"), "姓名,卡号\n王芳,K1\n李雷,K2\n").unwrap();
    fs::write(folder.path().join("other.csv"), "卡号,姓名,城市\nK3,张伟,深圳\n").unwrap();
    told(&folder, &["members-05.csv", "--map", "卡号=identity:card"], 0);
    // Known by its headings.
    let said = told(&folder, &["members-06.csv"], 0);
    assert!(said.contains("columns as in import 1 of members-05.csv:\n  卡号"), "{said}");
    assert!(said.contains("2 rows: 1 created, 0 updated, 1 unchanged"), "{said}");
    // Or by what it is called.
    let other = ["other.csv", "--source", "members-06.csv", "--map", "城市=-"];
    let said = told(&folder, &other, 0);
    assert!(said.contains("-> identity:card") && said.contains("1 row: 1 created"), "{said}");
    // Unless somebody says otherwise.
    let said = told(&folder, &["members-06.csv", "--new-mapping"], 0);
    assert!(!said.contains("identity:card"), "{said}");
    // What was refused has the columns of its file.
    fs::write(folder.path().join("07.csv"), "姓名,卡号,生日\n王芳,K1,5/3/1990\n").unwrap();
    told(&folder, &["07.csv", "--map", "卡号=identity:card"], 1);
    let report = folder.path().join("07.refused.csv");
    let refused = fs::read_to_string(&report).unwrap();
    fs::write(&report, refused.replace("5/3/1990", "1990/3/5")).unwrap();
    let said = told(&folder, &["07.refused.csv"], 0);
    assert!(said.contains("columns as in import 5 of 07.csv:\n  卡号"), "{said}");
    assert!(said.contains("1 row: 0 created, 1 updated"), "{said}");
}

/// A file that is sent to a hub as an app of it does.
async fn sent(hub: &Hub, name: &str, text: String) -> Value {
    let url = hub.url(&format!("/api/imports?source={name}"));
    let token = hub.token().await;
    let sent = client().post(url).bearer_auth(token).body(text).send().await.unwrap();
    assert_eq!(sent.status(), 202);
    sent.json().await.unwrap()
}

async fn import(hub: &Hub, id: u64) -> Value {
    let url = hub.url(&format!("/api/imports/{id}"));
    let asked = client().get(url).bearer_auth(hub.token().await).send().await.unwrap();
    asked.json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_is_killed_goes_on_with_its_imports() {
    const ROWS: u64 = 20_000;
    let folder = Folder::new();
    let mut hub = folder.start().await;
    let first = sent(&hub, "first", mixed(ROWS)).await;
    let second = sent(&hub, "second", "name,identity:member-id\nLi,S1\n".to_owned()).await;
    assert_eq!((&first["id"], &second["state"]), (&json!(1), &json!("waiting")));
    eventually("it is noted how far it came", async || {
        import(&hub, 1).await["counts"]["rows"].as_u64().unwrap() > 0
    })
    .await;
    hub.kill();
    let hub = folder.start().await;
    assert!(import(&hub, 1).await["counts"]["rows"].as_u64().unwrap() < ROWS);
    within(Duration::from_mins(2), "both are done", async || {
        import(&hub, 1).await["state"] == "done" && import(&hub, 2).await["state"] == "done"
    })
    .await;
    let ended = import(&hub, 1).await;
    assert_eq!(
        (&ended["state"], &ended["counts"]["rows"]),
        (&json!("done"), &json!(ROWS)),
        "{ended}"
    );
    let refused = hub.url("/api/imports/1/refused");
    let refused = client().get(refused).bearer_auth(hub.token().await).send().await.unwrap();
    let refused = refused.text().await.unwrap();
    let counted = ended["counts"]["refused"].as_u64().unwrap();
    assert_eq!(refused.lines().count() - 1, usize::try_from(counted).unwrap());
    let spool = folder.path().join("kehub-data/kehub.imports");
    eventually("files are gone with their imports, but for the report", async || {
        fs::read_dir(&spool).unwrap().count() == 1
    })
    .await;
    assert!(folder.run(&["check"]).ends_with("sound\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_goes_into_a_database_beside_its_hub() {
    let database = TestDatabase::new().await;
    let folder = Folder::on(&database.url());
    let hub = folder.start().await;
    fs::write(folder.path().join("members.csv"), members(1_000)).unwrap();
    for counts in ["1000 rows: 1000 created", "1000 rows: 0 created, 0 updated, 1000 unchanged"] {
        let said = told(&folder, &["members.csv"], 0);
        assert!(said.contains(counts) && !said.contains("://"), "{said}");
    }
    assert_eq!(count(&hub).await, 1_000);
}

/// A workbook whose formats are packed so well that nobody may unpack them.
fn bomb() -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let begin = "<Relationships><Relationship Id='r1' Type='http://x/relationships/officeDocument' \
                 Target='xl/workbook.xml'/></Relationships>";
    for (name, text) in [("_rels/.rels", begin), ("xl/styles.xml", &" ".repeat(9 << 20))] {
        writer.start_file(name, SimpleFileOptions::default()).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn what_cannot_begin_says_why() {
    let folder = Folder::new();
    fs::write(folder.path().join("shop.csv"), "手机,手机号,x\n1,2,3\n").unwrap();
    fs::write(folder.path().join("empty.csv"), "").unwrap();
    fs::write(folder.path().join("strange.csv"), "foo,bar\n1,2\n").unwrap();
    fs::write(folder.path().join("bomb.xlsx"), bomb()).unwrap();
    for (arguments, reason) in [
        (
            &["bomb.xlsx"][..],
            "bomb.xlsx: expected a workbook whose formats and names unpack to at most",
        ),
        (&["missing.csv"], "missing.csv: No such file"),
        (&["shop.csv"], "columns #1 and #2 both are `mobile`"),
        (&["shop.csv", "--map", "手机=phone"], "expected a target, found `phone`"),
        (&["shop.csv", "--map", "y=name"], "expected a column of the file, found `y`"),
        (&["shop.csv", "--tenant", "other"], "there is no tenant `other`"),
        (&["shop.csv", "--dry-run", "--tenant", "other"], "there is no tenant `other`"),
        (&["empty.csv"], "expected a row of headings, found an empty file"),
        (&["strange.csv"], "no column has a known label"),
        (&["shop.csv", "--match", "id,mobile"], "expected `identity` among them"),
        (
            &["shop.csv", "--match", "identity,name"],
            "expected some of id, identity, mobile and email",
        ),
        (
            &["strange.csv", "--match", "id,identity"],
            "expected a column `id` or `客户ID`, found none",
        ),
        (&["shop.csv", "--encoding", "klingon"], "expected a name such as utf-8"),
        (&["shop.csv", "--refused", "empty.csv", "--map", "#2=-"], "it is there already"),
    ] {
        let said = told(&folder, arguments, 2);
        assert!(said.contains(reason), "{arguments:?}: {said}");
    }
}
