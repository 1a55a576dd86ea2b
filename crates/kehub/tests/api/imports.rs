//! `/api/imports`: files whose rows become customers.

use crate::hub::{Actor, Answer, Endless, TestHub, on_every_engine, request};
use axum::body::{Body, to_bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_DISPOSITION, CONTENT_TYPE};
use calamine::{Data, Reader as _, Xlsx};
use kehub::imports::{Importer, Spool};
use kehub::server::Settings;
use kehub_core::TenantId;
use kehub_store::Store as _;
use rust_xlsxwriter::Workbook;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;
use std::io::{Cursor, Write as _};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;
use tokio::sync::Semaphore;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

on_every_engine! {
    a_file_goes_in_and_its_refused_rows_come_back,
    refused_rows_of_a_workbook_come_back_as_one,
    a_form_says_what_columns_are,
    what_was_said_about_columns_is_used_again,
    rows_find_their_customers_as_is_asked_for,
    an_import_is_followed_to_its_end,
    an_import_that_waits_is_ended_and_forgotten,
    the_same_file_goes_on_instead_of_beginning_twice,
    a_dry_run_decides_and_keeps_nothing,
    a_dry_run_decides_as_the_import_would,
    imports_are_listed_newest_first,
}

const SHOP: &str =
    "姓名,手机号,生日,喜好\n王芳,13800000001,1990-03-05,茶\n张伟,,3/5/1990,\n王芳,13800000001,,\n";
/// Bytes of a file at most here.
const BYTES_MAX: u64 = 4_000_000;

/// A folder in which the hub keeps files.
fn spool(hub: &TestHub) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    hub.hub.keep_files_in(Spool::new(folder.path(), BYTES_MAX));
    folder
}

async fn send(actor: &Actor, query: &str, body: impl Into<Body>) -> Answer {
    let path = format!("/api/imports?{query}");
    actor.ask_with(&path, request("POST", &path, body)).await
}

#[tokio::test]
async fn files_that_come_while_many_are_looked_at_are_sent_again() {
    let hub = TestHub::on_memory().await;
    let folder = tempfile::tempdir().unwrap();
    let places = Arc::new(Semaphore::new(0));
    let spool = Spool::new(folder.path(), BYTES_MAX).trying_within(Arc::clone(&places));
    hub.hub.keep_files_in(spool.looking_within(Arc::clone(&places), Duration::ZERO));
    for query in ["", "dryRun=true"] {
        let busy = send(&hub.writer, query, SHOP).await;
        assert_eq!((busy.status.as_u16(), busy.header("retry-after")), (503, "1"), "{query}");
        let busy = busy.json();
        assert_eq!((&busy["code"], &busy["retry"]), (&json!("busy"), &json!("safe")));
        assert!(busy["detail"].as_str().unwrap().contains("nothing was kept"), "{busy}");
    }
    assert_eq!(files(&folder), 0);
    places.add_permits(1);
    for (query, status) in [("dryRun=true", 200), ("dryRun=true", 200), ("", 202)] {
        send(&hub.writer, query, SHOP).await.was(status);
        // Whoever has read the file gives its place back.
        drop(places.acquire().await.unwrap());
    }
}

/// Dry runs of large files take hours.
#[tokio::test]
async fn dry_runs_under_way_do_not_refuse_an_import() {
    let hub = TestHub::on_memory().await;
    let folder = tempfile::tempdir().unwrap();
    let [looks, dry_runs] = [1, 0].map(|places| Arc::new(Semaphore::new(places)));
    let spool = Spool::new(folder.path(), BYTES_MAX).trying_within(Arc::clone(&dry_runs));
    hub.hub.keep_files_in(spool.looking_within(Arc::clone(&looks), Duration::ZERO));
    // All of their places are taken. One more is told so before its file has come.
    send(&hub.writer, "dryRun=true", Body::new(Endless)).await.refused(503, "busy");
    send(&hub.writer, "", SHOP).await.was(202);
    // And looks do not keep a dry run waiting: it needs no place of theirs.
    let look = looks.acquire().await.unwrap();
    dry_runs.add_permits(1);
    send(&hub.writer, "dryRun=true", SHOP).await.was(200);
    drop(look);
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

#[tokio::test]
async fn a_workbook_that_unpacks_to_too_much_is_refused() {
    let hub = TestHub::on_memory().await;
    let folder = spool(&hub);
    let bomb = bomb();
    assert!(bomb.len() < 20_000, "{}", bomb.len());
    let why = "expected a workbook whose formats and names unpack to at most 8388608 bytes, found more in \
               `xl/styles.xml`: save it as CSV";
    for query in ["", "dryRun=true"] {
        let refused = send(&hub.writer, query, bomb.clone()).await.was(422);
        assert_eq!((&refused["code"], &refused["detail"]), (&json!("fileUnfit"), &json!(why)));
    }
    assert_eq!(files(&folder), 0);
}

async fn ended(hub: &TestHub, id: i64) -> Value {
    let path = format!("/api/imports/{id}");
    loop {
        let import = hub.reader.get(&path).await.was(200);
        if !["waiting", "running"].contains(&import["state"].as_str().unwrap()) {
            return import;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn files(folder: &TempDir) -> usize {
    fs::read_dir(folder.path()).unwrap().count()
}

async fn a_file_goes_in_and_its_refused_rows_come_back(hub: TestHub) {
    let folder = spool(&hub);
    let importer = Importer::start(hub.hub.clone());
    let answer =
        send(&hub.writer, "source=shop.csv&utcOffset=%2B08:00&onConflict=keep", SHOP).await;
    assert_eq!(answer.header("location"), "/api/imports/1");
    let begun = answer.was(202);
    assert_eq!((&begun["id"], &begun["source"]), (&json!(1), &json!("shop.csv")));
    assert_eq!((&begun["utcOffset"], &begun["onConflict"]), (&json!("+08:00"), &json!("keep")));
    assert_eq!(begun["columns"][1], json!({ "heading": "手机号", "target": "mobile" }));

    let import = ended(&hub, 1).await;
    let counts = json!({
        "rows": 3, "skipped": 0, "created": 1, "updated": 0, "unchanged": 1, "merged": 0,
        "conflicts": 0, "refused": 1,
    });
    assert_eq!((&import["state"], &import["counts"]), (&json!("done"), &counts), "{import}");
    assert_eq!(import["app"], hub.writer.id);
    let found = hub.reader.get("/api/customers?mobile=13800000001").await.was(200);
    assert_eq!(found["items"][0]["name"], "王芳");

    let refused = hub.reader.get("/api/imports/1/refused").await;
    assert_eq!(refused.status, 200, "{}", refused.text);
    let name = "attachment; filename=\"import-1.refused.csv\"";
    assert_eq!(refused.header("content-disposition"), name);
    assert!(
        refused.text.starts_with("\u{FEFF}姓名,手机号,生日,喜好,kehub line"),
        "{}",
        refused.text
    );
    assert!(refused.text.contains("张伟,,3/5/1990,,3,\"生日: expected"), "{}", refused.text);
    // Mended, it goes in.
    let mended = refused.text.replace("3/5/1990", "1990/3/5");
    send(&hub.writer, "source=shop.csv", mended).await.was(202);
    assert_eq!(ended(&hub, 2).await["counts"]["created"], 1);
    let none = hub.reader.get("/api/imports/2/refused").await;
    none.refused(404, "refusedRowsNotFound");

    // Its refused rows are removed, and it stays known.
    let path = "/api/imports/1/refused";
    hub.reader.ask("DELETE", path, &Value::Null).await.refused(403, "permissionMissing");
    let dry = format!("{path}?dryRun=1");
    assert_eq!(hub.writer.ask("DELETE", &dry, &Value::Null).await.status, 204);
    assert_eq!(hub.reader.get(path).await.status, 200);
    for _ in 0..2 {
        assert_eq!(hub.writer.ask("DELETE", path, &Value::Null).await.status, 204);
        hub.reader.get(path).await.refused(404, "refusedRowsNotFound");
    }
    let import = hub.reader.get("/api/imports/1").await.was(200);
    assert_eq!((&import["hasRefused"], &import["counts"]), (&json!(false), &counts));
    let none = hub.writer.ask("DELETE", "/api/imports/2/refused", &Value::Null).await;
    none.refused(404, "refusedRowsNotFound");

    // An ended one is forgotten, with what was kept of it.
    assert_eq!(hub.writer.ask("DELETE", "/api/imports/1", &Value::Null).await.status, 204);
    hub.reader.get("/api/imports/1").await.refused(404, "importNotFound");
    importer.stop().await;
    assert_eq!(files(&folder), 0);
}

fn form(parts: &[(&str, &str)]) -> axum::http::Request<Body> {
    let mut text = String::new();
    for (head, body) in parts {
        let head = format!("Content-Disposition: form-data; {head}");
        write!(text, "--limit\r\n{head}\r\n\r\n{body}\r\n").unwrap();
    }
    text.push_str("--limit--\r\n");
    let mut request = request("POST", "/api/imports", text);
    let media = "multipart/form-data; boundary=limit".parse().unwrap();
    request.headers_mut().insert(CONTENT_TYPE, media);
    request
}

async fn refused_rows_of_a_workbook_come_back_as_one(hub: TestHub) {
    let folder = spool(&hub);
    let importer = Importer::start(hub.hub.clone());
    let mut book = Workbook::new();
    let sheet = book.add_worksheet().set_name("六月").unwrap();
    for (row, cells) in [["姓名", "卡号", "生日"], ["李雷", "0012345", "soon"]].iter().enumerate()
    {
        for (column, cell) in (0..).zip(cells) {
            sheet.write_string(u32::try_from(row).unwrap(), column, *cell).unwrap();
        }
    }
    let sent = book.save_to_buffer().unwrap();
    let query = "source=members.xlsx&sheet=%E5%85%AD%E6%9C%88";
    send(&hub.writer, query, sent).await.was(202);
    assert_eq!(ended(&hub, 1).await["counts"]["refused"], 1);
    let mut call = request("GET", "/api/imports/1/refused", "");
    let token = format!("Bearer {}", hub.reader.token).parse().unwrap();
    call.headers_mut().insert(AUTHORIZATION, token);
    let answer = hub.app.answer(call).await;
    let header = |name| answer.headers()[name].to_str().unwrap();
    let media = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    assert_eq!(header(CONTENT_TYPE), media);
    let name = "attachment; filename=\"import-1.refused.xlsx\"";
    assert_eq!(header(CONTENT_DISPOSITION), name);
    let report = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    let mut read: Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(report.clone())).unwrap();
    let range = read.worksheet_range("六月").unwrap();
    let cells: Vec<&Data> = range.rows().nth(1).unwrap().iter().collect();
    let text = |text: &str| Data::String(text.to_owned());
    assert_eq!(cells[..4], [&text("李雷"), &text("0012345"), &text("soon"), &text("2")]);
    // It goes in again, and its columns are those that it has of its file.
    send(&hub.writer, query, report).await.was(202);
    let again = ended(&hub, 2).await;
    assert_eq!((&again["counts"]["rows"], &again["counts"]["refused"]), (&json!(1), &json!(1)));
    assert_eq!(again["columns"].as_array().unwrap().len(), 5, "{again}");
    importer.stop().await;
    assert_eq!(files(&folder), 2);
}

async fn a_form_says_what_columns_are(hub: TestHub) {
    let _folder = spool(&hub);
    let importer = Importer::start(hub.hub.clone());
    let file = ("name=\"file\"; filename=\"cards.csv\"", "姓名,卡号\n王芳,K1\n");
    let mapping = ("name=\"mapping\"", "{\"卡号\": \"identity:card\"}");
    let sent = hub.writer.ask_with("/api/imports", form(&[mapping, file])).await.was(202);
    assert_eq!(sent["source"], "cards.csv");
    assert_eq!(sent["columns"][1], json!({ "heading": "卡号", "target": "identity:card" }));
    assert_eq!(ended(&hub, 1).await["counts"]["created"], 1);
    let found = hub.reader.get("/api/identities?type=card&value=K1").await.was(200);
    assert_eq!(found["items"].as_array().unwrap().len(), 1, "{found}");
    importer.stop().await;

    for parts in [&[mapping][..], &[file, file], &[("name=\"other\"", "x"), file]] {
        let refused = hub.writer.ask_with("/api/imports", form(parts)).await;
        refused.refused(422, "fileUnfit");
    }
    let mut torn = request(
        "POST",
        "/api/imports",
        "--limit\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nname\n",
    );
    torn.headers_mut().insert(CONTENT_TYPE, "multipart/form-data; boundary=limit".parse().unwrap());
    hub.writer.ask_with("/api/imports", torn).await.refused(400, "bodyBroken");
}

async fn what_was_said_about_columns_is_used_again(hub: TestHub) {
    let _folder = spool(&hub);
    let mapping = "mapping=%7B%22%E5%8D%A1%E5%8F%B7%22:%22identity:card%22%7D";
    let first = send(&hub.writer, &format!("source=may&{mapping}"), "姓名,卡号\n王芳,K1\n").await;
    let target = |import: &Value| import["columns"][1]["target"].clone();
    assert_eq!(target(&first.was(202)), "identity:card");
    let again = send(&hub.writer, "source=june", "姓名,卡号\n李雷,K2\n").await.was(202);
    assert_eq!(target(&again), "identity:card");
    let anew = send(&hub.writer, "source=july&newMapping=1", "姓名,卡号\n李雷,K2\n").await.was(202);
    assert_eq!(target(&anew), "- (no known label)");
}

/// What is asked for is kept with the import: the hub that brings the file in reads it there.
async fn rows_find_their_customers_as_is_asked_for(hub: TestHub) {
    let _folder = spool(&hub);
    let text = "姓名,手机号,identity:card\n王芳,13800000001,K1\n李雷,13800000001,K2\n";
    send(&hub.writer, "match=identity", text).await.was(202);
    let text = "客户ID,姓名,备注\n1,王小芳,'=1+1\n";
    let sent = send(&hub.writer, "match=id,identity&raw=1", text).await.was(202);
    assert_eq!((&sent["match"], &sent["raw"]), (&json!("id,identity"), &json!(true)), "{sent}");
    assert_eq!(sent["columns"][0]["target"], "id (of a customer of this hub)");
    let text = "客户ID,姓名,备注\n2,李小雷,'=1+1\n9,韩梅,\n";
    send(&hub.writer, "match=id,identity", text).await.was(202);
    let importer = Importer::start(hub.hub.clone());
    assert_eq!(ended(&hub, 1).await["counts"]["created"], 2);
    assert_eq!(ended(&hub, 2).await["counts"]["updated"], 1);
    let last = ended(&hub, 3).await;
    assert_eq!((&last["counts"]["updated"], &last["counts"]["refused"]), (&json!(1), &json!(1)));
    importer.stop().await;
    for (id, name, remark) in [(1, "王小芳", "'=1+1"), (2, "李小雷", "=1+1")] {
        let found = hub.reader.get(&format!("/api/customers/{id}")).await.was(200);
        assert_eq!((&found["name"], &found["remark"]), (&json!(name), &json!(remark)));
    }

    for query in ["match=identity,phone", "match=mobile", "match=", "raw=maybe"] {
        let name = query.split('=').next().unwrap();
        let unfit = send(&hub.writer, query, SHOP).await.unfit(400, "parametersInvalid");
        assert_eq!(unfit, [format!("{name} invalid")]);
    }
    send(&hub.writer, "match=id,identity", SHOP).await.refused(422, "fileUnfit");
}

async fn an_import_is_followed_to_its_end(hub: TestHub) {
    let _folder = spool(&hub);
    let mut text = "name,identity:member-id\n".to_owned();
    for row in 0..3_000 {
        writeln!(text, "member {row},M{row}").unwrap();
    }
    send(&hub.writer, "", text).await.was(202);
    let importer = Importer::start(hub.hub.clone());
    let events = hub.reader.get("/api/imports/1/events").await;
    assert_eq!(events.status, 200, "{}", events.text);
    let last = events.text.trim_end().rsplit_once("\n\n").map_or(&*events.text, |(_, last)| last);
    let (name, data) = last.split_once('\n').unwrap();
    assert_eq!(name, "event: end");
    let end: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!((&end["state"], &end["counts"]["rows"]), (&json!("done"), &json!(3_000)));
    importer.stop().await;
    // One that has ended has nothing more to tell.
    let again = hub.reader.get("/api/imports/1/events").await.text;
    assert!(again.starts_with("event: end\n"), "{again}");
}

async fn an_import_that_waits_is_ended_and_forgotten(hub: TestHub) {
    let folder = spool(&hub);
    send(&hub.writer, "", SHOP).await.was(202);
    let path = "/api/imports/1";
    assert_eq!(hub.reader.get(path).await.was(200)["state"], "waiting");
    let dry = hub.writer.ask("DELETE", "/api/imports/1?dryRun=1", &Value::Null).await.was(202);
    assert_eq!(dry["state"], "cancelled");
    assert_eq!(hub.reader.get(path).await.was(200)["state"], "waiting");
    let refused = hub.writer.ask("DELETE", "/api/imports/1/refused", &Value::Null).await;
    refused.refused(409, "importRunning");
    let ending = hub.writer.ask("DELETE", path, &Value::Null).await.was(202);
    assert_eq!(ending["state"], "cancelled");
    let importer = Importer::start(hub.hub.clone());
    importer.stop().await;
    let import = hub.reader.get(path).await.was(200);
    assert_eq!((&import["state"], &import["counts"]["rows"]), (&json!("cancelled"), &json!(0)));
    assert_eq!(hub.writer.ask("DELETE", path, &Value::Null).await.status, 204);
    hub.writer.ask("DELETE", path, &Value::Null).await.refused(404, "importNotFound");
    assert_eq!(files(&folder), 0);
    let strange = hub.stranger.get(path).await;
    strange.refused(404, "importNotFound");
}

async fn the_same_file_goes_on_instead_of_beginning_twice(hub: TestHub) {
    let _folder = spool(&hub);
    for _ in 0..2 {
        assert_eq!(send(&hub.writer, "source=a", SHOP).await.was(202)["id"], 1);
    }
    // Asked for in another way, it is another import, and the one before is not wanted any more.
    let other = send(&hub.writer, "source=a&onConflict=keep", SHOP).await.was(202);
    assert_eq!(other["id"], 2);
    assert_eq!(hub.reader.get("/api/imports/1").await.was(200)["state"], "cancelled");
    assert_eq!(send(&hub.writer, "source=a&onConflict=keep&again=1", SHOP).await.was(202)["id"], 3);
    let importer = Importer::start(hub.hub.clone());
    assert_eq!(ended(&hub, 3).await["counts"]["rows"], 3);
    importer.stop().await;
    let found = hub.reader.get("/api/customers").await.was(200);
    assert_eq!(found["items"].as_array().unwrap().len(), 1, "{found}");
}

/// What a dry run tells is what the import then does, and it leaves nothing behind.
async fn a_dry_run_decides_and_keeps_nothing(hub: TestHub) {
    let folder = spool(&hub);
    for (identities, name) in [(["member-id:M1"], "Wang"), (["wechat:oA1"], "Li")] {
        hub.writer.upsert(&identities, json!({ "name": name })).await.was(201);
    }
    hub.writer.upsert(&["member-id:M2"], json!({ "name": "Wu" })).await.was(201);
    let text = "name,identity:member-id,identity:wechat,birthday,hobby\nWang,M1,oA1,,\nWu,M2,,,\n\
        Wu Lan,M2,,,\nZhao,M3,oA3,1990-03-05,tea\nZhao,M3,oA3,,\nZhou,M1,oA4,,\nWu,M2,oA4,,\n\
        Sun,,,soon,\n";
    let told = send(&hub.writer, "dryRun=1", text).await.was(200);
    assert_eq!(told["columns"][4], json!({ "heading": "hobby", "target": "- (no known label)" }));
    let counts = json!({
        "rows": 8, "skipped": 0, "created": 1, "updated": 3, "unchanged": 2, "merged": 1,
        "conflicts": 1, "refused": 1,
    });
    assert_eq!(told["counts"], counts, "{told}");
    let of = |kind: &str| {
        let samples = told["samples"].as_array().unwrap().iter();
        samples.filter(|it| it["kind"] == kind).cloned().collect::<Vec<Value>>()
    };
    let created = &of("created")[0];
    assert_eq!(created["customer"], json!({ "name": "Zhao", "birthday": "1990-03-05" }));
    assert_eq!(created["identities"][0], json!({ "type": "member-id", "value": "M3" }));
    assert_eq!((&created["line"], &created["newIds"]), (&json!(5), &json!([4])));
    // The row behind it is about the same new customer.
    assert_eq!((&of("unchanged")[1]["customerId"], of("updated").len()), (&json!(4), 3));
    let merged = &of("merged")[0];
    assert_eq!((&merged["customerId"], &merged["newIds"]), (&json!(1), &json!([])));
    assert_eq!(merged["resolution"]["mergedIds"], json!([2]));
    let conflict = &of("inConflict")[0]["resolution"]["conflicts"][0];
    assert_eq!((&conflict["rule"], &conflict["customerId"]), (&json!("distinguishing"), &json!(1)));
    assert_eq!(told["refusedRows"][0]["line"], 9);
    let reason = told["refusedRows"][0]["reason"].as_str().unwrap();
    assert!(reason.ends_with("`soon`"), "{reason}");

    // Who may not read is told its own words.
    let blind = send(&hub.phone, "dryRun=1", text).await.was(200);
    let resolution = &blind["samples"][0]["resolution"];
    assert_eq!(resolution.as_object().unwrap().keys().collect::<Vec<_>>(), ["identities"]);
    assert_eq!(hub.reader.get("/api/imports").await.was(200)["items"], json!([]));
    assert_eq!(hub.reader.get("/api/customers/2").await.was(200)["id"], 2);
    assert_eq!(files(&folder), 0);

    send(&hub.writer, "", text).await.was(202);
    let importer = Importer::start(hub.hub.clone());
    assert_eq!(ended(&hub, 1).await["counts"], counts);
    importer.stop().await;
}

/// By the tenant's rules, and as is asked for.
async fn a_dry_run_decides_as_the_import_would(hub: TestHub) {
    let _folder = spool(&hub);
    hub.writer.upsert(&["member-id:M1"], json!({ "mobile": "13800000001" })).await.was(201);
    hub.writer.upsert(&["wechat:oA1"], json!({ "name": "Li" })).await.was(201);
    let count = async |query: &str, text: &'static str, what: &str| {
        let told = send(&hub.writer, &format!("dryRun=1&{query}"), text).await.was(200);
        told["counts"][what].clone()
    };
    let both = "identity:member-id,identity:wechat\nM1,oA1\n";
    assert_eq!(count("", both, "merged").await, 1);
    assert_eq!(count("onConflict=keep", both, "conflicts").await, 1);
    let phone = "手机号,姓名\n13800000001,王芳\n";
    assert_eq!(count("", phone, "updated").await, 1);
    assert_eq!(count("match=identity", phone, "created").await, 1);
    assert_eq!(count("match=id,identity", "id,name\n9,A\n", "refused").await, 1);
    send(&hub.writer, "dryRun=1", "foo\n1\n").await.refused(422, "fileUnfit");
    send(&hub.writer, "dryRun=1&match=x", phone).await.unfit(400, "parametersInvalid");
}

async fn imports_are_listed_newest_first(hub: TestHub) {
    let _folder = spool(&hub);
    for source in ["a", "b", "c"] {
        send(&hub.writer, &format!("source={source}"), SHOP).await.was(202);
    }
    let sources = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap().iter();
        items.map(|import| import["source"].as_str().unwrap().to_owned()).collect()
    };
    let first = hub.reader.get("/api/imports?limit=2").await.was(200);
    assert_eq!(
        (sources(&first), &first["nextCursor"]),
        (vec!["c".into(), "b".into()], &json!("2"))
    );
    let rest = hub.reader.get("/api/imports?limit=2&cursor=2").await.was(200);
    assert_eq!((sources(&rest), &rest["nextCursor"]), (vec!["a".into()], &Value::Null));
    let unfit = hub.reader.get("/api/imports?cursor=x").await.unfit(400, "parametersInvalid");
    assert_eq!(unfit, ["cursor invalid"]);
}

#[tokio::test]
async fn what_cannot_be_imported_says_why_and_leaves_nothing() {
    let hub = TestHub::on_memory().await;
    let folder = spool(&hub);
    for (query, body, detail) in [
        ("", "", "expected a row of headings, found an empty file"),
        ("", "foo,bar\n1,2\n", "expected a column with a known label, found `foo`, `bar`"),
        ("", "手机,手机号\n1,2\n", "leave one out, such as with {\"#2\": \"-\"} in `mapping`"),
        ("mapping=[]", SHOP, "a mapping is a JSON object"),
        ("mapping=%7B%22x%22:%22name%22%7D", SHOP, "expected a column of the file, found `x`"),
    ] {
        let problem = send(&hub.writer, query, body).await.refused(422, "fileUnfit");
        assert!(problem["detail"].as_str().unwrap().contains(detail), "{problem}");
    }
    let query = "onConflict=x&utcOffset=8&encoding=klingon&delimiter=a&source=&dryrun=1";
    let unfit = send(&hub.writer, query, SHOP).await.unfit(400, "parametersInvalid");
    assert_eq!(unfit.len(), 6, "{unfit:?}");
    let large = vec![b'x'; usize::try_from(BYTES_MAX).unwrap() + 1];
    send(&hub.writer, "", large).await.refused(413, "bodyTooLarge");
    hub.phone.get("/api/imports").await.refused(403, "permissionMissing");
    // Who writes removes what did not come to its end.
    while files(&folder) > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn refused_rows_are_removed_after_some_days() {
    let hub = TestHub::on_memory().await;
    let folder = tempfile::tempdir().unwrap();
    hub.hub.keep_files_in(Spool::new(folder.path(), BYTES_MAX).keeping_reports(7));
    send(&hub.writer, "", SHOP).await.was(202);
    let importer = Importer::start(hub.hub.clone());
    assert_eq!(ended(&hub, 1).await["hasRefused"], true);
    importer.stop().await;
    // What nobody names is removed whenever the spool is tidied.
    let stray = folder.path().join(format!("{}.part", "a".repeat(32)));
    fs::File::create(&stray).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    hub.clock.advance_seconds(6 * 86_400);
    let again = Importer::start(hub.hub.clone());
    while stray.exists() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    again.stop().await;
    assert_eq!(files(&folder), 1);
    hub.clock.advance_seconds(2 * 86_400);
    let last = Importer::start(hub.hub.clone());
    while files(&folder) > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    last.stop().await;
}

/// A dry run is one of the few that look for long, and none goes on while the hub ends.
#[tokio::test]
async fn a_dry_run_is_one_of_few_and_ends_with_the_hub() {
    let hub = TestHub::on_sqlite().await;
    let folder = spool(&hub);
    let mut trials = Vec::new();
    while let Ok(trial) = hub.store.trial(TenantId(1)).await {
        trials.push(trial);
    }
    send(&hub.writer, "dryRun=1", SHOP).await.refused(503, "busy");
    drop(trials);
    assert_eq!(send(&hub.writer, "dryRun=1", SHOP).await.was(200)["counts"]["rows"], 3);
    hub.hub.end();
    send(&hub.writer, "dryRun=1", SHOP).await.refused(503, "busy");
    assert_eq!(files(&folder), 0);
}

#[tokio::test]
async fn a_file_that_does_not_come_is_not_waited_for() {
    let request_timeout = Duration::from_millis(50);
    let hub = TestHub::with(Settings { request_timeout, ..Settings::default() }).await;
    let _folder = spool(&hub);
    send(&hub.writer, "", Body::new(Endless)).await.refused(400, "bodyBroken");
}

/// A title above the headings is passed over, in the dry run as in the import.
#[tokio::test]
async fn headings_are_found_below_a_title() {
    let hub = TestHub::on_memory().await;
    let _folder = spool(&hub);
    let text = "会员登记表,,\n姓名,手机号,x\n张三,13900000001,1\n";
    let told = send(&hub.writer, "dryRun=1", text).await.was(200);
    assert_eq!((&told["headerRow"], &told["counts"]["created"]), (&json!(2), &json!(1)), "{told}");
    assert_eq!(told["samples"][0]["line"], 3);
    let import = send(&hub.writer, "", text).await.was(202);
    assert_eq!(
        (&import["headerRow"], &import["columns"][1]["target"]),
        (&json!(2), &json!("mobile"))
    );
    let importer = Importer::start(hub.hub.clone());
    assert_eq!(ended(&hub, 1).await["counts"]["created"], 1);
    importer.stop().await;
    let plain = send(&hub.writer, "dryRun=1&headerRow=1", "姓名\n张三\n").await.was(200);
    assert_eq!(plain["headerRow"], Value::Null);
    let problem = send(&hub.writer, "headerRow=7", text).await.refused(422, "fileUnfit");
    assert_eq!(problem["detail"], "expected a row of headings in line 7, found none");
    assert_eq!(
        send(&hub.writer, "headerRow=0", text).await.unfit(400, "parametersInvalid").len(),
        1
    );
}
