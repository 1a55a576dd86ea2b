//! `GET /api/exports`.

use crate::hub::{Actor, TestHub, on_every_engine, request};
use axum::body::{Bytes, to_bytes};
use axum::http::header::AUTHORIZATION;
use calamine::{Data, Reader as _, Xlsx};
use flate2::read::GzDecoder;
use kehub_store::Fault;
use serde_json::{Value, json};
use std::io::{Cursor, Read as _};

on_every_engine! {
    a_line_is_a_customer_as_it_is_answered,
    a_table_has_what_somebody_shows,
    a_table_may_be_in_chinese_with_a_row_for_each_identity,
    only_asked_fields_of_those_that_match_are_told,
    a_spreadsheet_has_dates_and_numbers,
}

const MOMENT: &str = "2026-05-04T01:02:03.250Z";

async fn people(hub: &TestHub) {
    let fang = json!({ "name": "Wang Fang", "gender": 2, "mobile": "13800000001",
        "birthday": "1990-02-28", "isMember": true, "annualRevenue": 10.5, "attr": { "size": 38 } });
    hub.writer.upsert(&["member:m1", "wechat:o|1"], fang).await.was(201);
    let other = json!({ "name": "=1+1", "mobile": "+16505550100", "remark": "a, \"b\"\nc",
        "attr": { "size": "XL" } });
    hub.writer.upsert(&["member:m2"], other).await.was(201);
    hub.writer.upsert(&["wechat:o\\3"], json!({})).await.was(201);
    hub.writer.upsert(&["wechat:o\\3", "member:m1"], json!({})).await.was(200);
    hub.writer.upsert(&["member:m4"], json!({ "gender": 1 })).await.was(201);
}

async fn text(hub: &TestHub, query: &str) -> String {
    let answer = hub.reader.get(&format!("/api/exports?{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.text
}

/// The bytes of an export, or nothing if they break off.
async fn bytes(hub: &TestHub, actor: &Actor, query: &str) -> Option<Bytes> {
    let mut call = request("GET", &format!("/api/exports?{query}"), "");
    let token = format!("Bearer {}", actor.token).parse().unwrap();
    call.headers_mut().insert(AUTHORIZATION, token);
    let answer = hub.app.answer(call).await;
    assert_eq!(answer.status(), 200);
    to_bytes(answer.into_body(), usize::MAX).await.ok()
}

async fn a_line_is_a_customer_as_it_is_answered(hub: TestHub) {
    people(&hub).await;
    let answer = hub.reader.get("/api/exports").await;
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    let name = "attachment; filename=\"customers-2026-05-04.ndjson\"";
    assert_eq!(answer.header("content-disposition"), name);
    let lines: Vec<Value> =
        answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    for (line, id) in lines.iter().zip([1, 2, 4]) {
        assert_eq!(*line, hub.reader.get(&format!("/api/customers/{id}")).await.was(200));
    }
    let without = text(&hub, "identities=none&fields=name&id=3").await;
    assert_eq!(without, "{\"id\":1,\"name\":\"Wang Fang\"}\n");
}

async fn a_table_has_what_somebody_shows(hub: TestHub) {
    people(&hub).await;
    let answer = hub.reader.get("/api/exports?format=csv").await;
    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8; header=present");
    let head = "id,displayName,name,gender,mobile,mobileVerified,birthday,annualRevenue,remark,\
                isMember,dateJoin,dateCreated,lastUpdated,attr.size,identity:member,identity:wechat";
    let when = format!("{MOMENT},{MOMENT},{MOMENT}");
    let rows = [
        head.to_owned(),
        format!(
            "1,Wang Fang,Wang Fang,2,13800000001,false,1990-02-28,10.5,,true,{when},38,m1,\
             o\\|1|o\\\\3"
        ),
        format!("2,'=1+1,'=1+1,,'+16505550100,false,,,\"a, \"\"b\"\"\nc\",,{when},XL,m2,"),
        format!("4,,,1,,,,,,,{when},,m4,"),
    ];
    let expected = rows.map(|row| format!("{row}\r\n")).concat();
    assert_eq!(answer.text, format!("\u{FEFF}{expected}"));
    let raw = text(&hub, "format=csv&raw=1&fields=name&id=2&identities=none").await;
    assert_eq!(raw, "\u{FEFF}id,name\r\n2,=1+1\r\n");
}

async fn a_table_may_be_in_chinese_with_a_row_for_each_identity(hub: TestHub) {
    people(&hub).await;
    let how = "format=csv&headings=zh&identities=rows&delimiter=;&utcOffset=+08:00";
    let table = text(&hub, &format!("{how}&fields=name,gender,isMember,dateCreated,rev")).await;
    let when = "2026-05-04T09:02:03.250+08:00";
    let rows = [
        "客户ID;姓名;性别;是否会员;创建时间;版本;身份类型;身份值;身份名称;身份范围".to_owned(),
        format!("1;Wang Fang;女;是;{when};2;member;m1;;"),
        format!("1;Wang Fang;女;是;{when};2;wechat;o|1;;"),
        format!("1;Wang Fang;女;是;{when};2;wechat;o\\3;;"),
        format!("2;'=1+1;;;{when};1;member;m2;;"),
        format!("4;;男;;{when};1;member;m4;;"),
    ];
    assert_eq!(table, format!("\u{FEFF}{}", rows.map(|row| format!("{row}\r\n")).concat()));
}

async fn only_asked_fields_of_those_that_match_are_told(hub: TestHub) {
    people(&hub).await;
    let cases = [
        (
            "fields=attr.size,name&identities=none",
            "id,attr.size,name|1,38,Wang Fang|2,XL,'=1+1|4,,",
        ),
        ("fields=attr&identities=none&attr.size=38", "id,attr.size|1,38"),
        ("fields=attr,attr.x,id&identities=none&id:in=3,4", "id,attr.size,attr.x|1,38,|4,,"),
        ("fields=name&gender:empty=1", "id,name,identity:member,identity:wechat|2,'=1+1,m2,"),
        ("city=Nowhere", "id,identity:member,identity:wechat"),
    ];
    for (query, expected) in cases {
        let table = text(&hub, &format!("format=csv&{query}")).await;
        let rows: Vec<&str> =
            table.trim_start_matches('\u{FEFF}').split_terminator("\r\n").collect();
        assert_eq!(rows.join("|"), expected, "{query}");
    }
    let packed = bytes(&hub, &hub.reader, "compression=gzip").await.unwrap();
    let mut unpacked = String::new();
    GzDecoder::new(&packed[..]).read_to_string(&mut unpacked).unwrap();
    assert_eq!(unpacked, text(&hub, "").await);
    let packed = bytes(&hub, &hub.reader, "compression=zstd&format=csv").await.unwrap();
    let unpacked = zstd::decode_all(&packed[..]).unwrap();
    assert_eq!(String::from_utf8(unpacked).unwrap(), text(&hub, "format=csv").await);
}

async fn a_spreadsheet_has_dates_and_numbers(hub: TestHub) {
    people(&hub).await;
    let file = bytes(&hub, &hub.reader, "format=xlsx&utcOffset=%2B08:00").await.unwrap();
    let mut book: Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(file)).unwrap();
    assert_eq!(book.sheet_names(), ["客户"]);
    let sheet = book.worksheet_range("客户").unwrap();
    let rows: Vec<&[Data]> = sheet.rows().collect();
    let place = |heading: &str| {
        let found = rows[0].iter().position(|cell| *cell == *heading);
        found.unwrap_or_else(|| panic!("{heading}: {:?}", rows[0]))
    };
    let cell = |row: usize, heading: &str| &rows[row][place(heading)];
    assert_eq!(rows.len(), 4);
    assert_eq!(*cell(1, "客户ID"), Data::Float(1.0));
    assert_eq!(*cell(1, "性别"), Data::String("女".to_owned()));
    assert_eq!(*cell(1, "是否会员"), Data::String("是".to_owned()));
    assert_eq!(*cell(1, "手机"), Data::String("13800000001".to_owned()));
    assert_eq!(*cell(1, "attr.size"), Data::Float(38.0));
    assert_eq!(*cell(1, "identity:wechat"), Data::String("o\\|1|o\\\\3".to_owned()));
    assert_eq!(*cell(2, "姓名"), Data::String("=1+1".to_owned()));
    assert_eq!(*cell(3, "姓名"), Data::Empty);
    for (heading, days) in [("生日", 32_932.0), ("创建时间", 46_146.0 + 32_523.25 / 86_400.0)]
    {
        let Data::DateTime(found) = cell(1, heading) else { panic!("{:?}", cell(1, heading)) };
        assert!((found.as_f64() - days).abs() < 1e-8, "{heading}: {}", found.as_f64());
    }
}

#[tokio::test]
async fn what_does_not_fit_is_told() {
    let hub = TestHub::on_memory().await;
    let cases = [
        ("format=xls", "format invalid"),
        ("compression=zip", "compression invalid"),
        ("fields=name,x", "fields invalid"),
        ("identities=yes&format=csv", "identities invalid"),
        ("identities=rows", "identities invalid"),
        ("headings=zh", "headings invalid"),
        ("utcOffset=%2B08:00", "utcOffset invalid"),
        ("format=csv&utcOffset=8", "utcOffset invalid"),
        ("format=xlsx&delimiter=;", "delimiter invalid"),
        ("format=csv&delimiter=ab", "delimiter invalid"),
        ("format=xlsx&raw=1", "raw invalid"),
        ("sort=name", "sort unknown"),
        ("limit=1", "limit unknown"),
        ("city:like=x", "city:like unknown"),
    ];
    for (query, expected) in cases {
        let answer = hub.reader.get(&format!("/api/exports?{query}")).await;
        assert_eq!(answer.unfit(400, "parametersInvalid"), [expected], "{query}");
        let names_it = query != "fields=name,x" || answer.text.contains("found `x`");
        assert!(names_it, "{}", answer.text);
    }
    hub.phone.get("/api/exports").await.refused(403, "permissionMissing");
}

#[tokio::test]
async fn an_export_that_breaks_off_comes_to_no_end() {
    let hub = TestHub::on_memory().await;
    people(&hub).await;
    hub.store.plan([Fault::Before]);
    hub.reader.get("/api/exports").await.refused(503, "busy");
    for format in ["ndjson", "csv", "xlsx"] {
        hub.store.plan([Fault::After]);
        assert_eq!(bytes(&hub, &hub.reader, &format!("format={format}")).await, None);
        assert!(bytes(&hub, &hub.reader, &format!("format={format}")).await.is_some());
    }
}
