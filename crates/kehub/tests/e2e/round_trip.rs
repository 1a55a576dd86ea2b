//! What `kehub export` writes, `kehub import` reads: into an empty hub, matched by identities alone, all
//! customers come out again as they were, apart from ids and the times of the hub itself.

use crate::hub::{Folder, Hub, client, said};
use calamine::{Data, Reader as _, Xlsx, open_workbook};
use csv::ReaderBuilder;
use flate2::read::GzDecoder;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::Stdio;

/// What is not the same in another hub.
const OF_THE_HUB: [&str; 9] = [
    "id",
    "rev",
    "mergedIds",
    "dateCreated",
    "lastUpdated",
    "客户ID",
    "创建时间",
    "更新时间",
    "identity:file-row",
];

/// People whose data has met everything that parts, quotes or runs.
fn people() -> Vec<Value> {
    let identity = |kind: &str, value: &str| json!({ "type": kind, "value": value });
    vec![
        json!({
            "customer": {
                "name": "Wang, \"Fang\"", "gender": 2, "birthday": "1990-02-28", "isMember": true,
                "remark": "one\r\ntwo\nthree|four;five\tsix", "mobile": "+86 138-0000-0001",
                "mobileVerified": true, "email": "Wang@Example.com", "emailVerified": false,
                "annualRevenue": 12_345.670_000_000_001, "membershipScore": 9_007_199_254_740_993_i64,
                "employeeNumber": -12, "dateJoin": "2024-03-05T12:30:15.25+08:00", "tags": "a,b",
                "attr": { "size": 38, "size.text": "38", "ratio": -0.5, "vip": true, "sum": "=1+1" },
            },
            "identities": [
                { "type": "member-id", "value": "M1", "name": "Wang's \"card\"" },
                { "type": "wechat", "value": "oA|1", "name": "=芳", "scope": "wx|01" },
                identity("wechat", "oB\\2"),
                identity("cookie", "c\\|"),
                identity("cookie", "|"),
                identity("cookie", "\\\\"),
                identity("member-id", "M1 b"),
                identity("mobile", "+86 138-0000-0001"),
                identity("email", "Wang@Example.com"),
            ],
        }),
        json!({
            "customer": {
                "name": "=cmd|' /C calc'!A0", "nickName": "'quoted'", "company": "+ACME", "title": "-x",
                "city": "@home", "remark": "''=1", "website": "'", "mobile": "13800000001",
                "industry": "=\"0138\"", "attr": { "sum": "-3", "size": -3, "vip": "是" },
            },
            "identities": [identity("member-id", "=M2"), identity("applet-wechat", "-o9")],
        }),
        json!({ "customer": { "name": "王芳" } }),
        json!({ "customer": { "name": "王芳" } }),
        json!({
            "customer": { "nickName": "👩‍👩‍👧 𠮷野家", "gender": 0, "isEmployee": false, "street": "长安街\u{3000}1号" },
            "identities": [identity("VIP card: 金", "卡|号 7"), identity("qq", "0123456789")],
        }),
        json!({
            "customer": { "name": "Number", "qq": "00123", "telephone": "+86 10 5555", "postcode": "012345" },
            "identities": [identity("member-id", "00012345678901234567"), identity("member-id", "1E5")],
        }),
        json!({ "customer": { "email": "wang@example.com", "mobile": "13800000007", "acceptSMS": true } }),
        json!({
            "customer": { "name": "damaged \u{FFFD}", "dateMemberReg": "0999-12-31T23:59:59Z" },
            "identities": [identity("wechat-unionid", "u\u{FFFD}")],
        }),
    ]
}

async fn fill(hub: &Hub) {
    let (token, client) = (hub.token().await, client());
    for body in people() {
        let call = client.post(hub.url("/api/customers")).bearer_auth(&token).json(&body);
        let answer = call.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 201, "{}", answer.text().await.unwrap());
    }
}

fn imported(folder: &Folder, arguments: &[&str]) -> String {
    let mut command = folder.kehub(&["import", "--match", "identity"]);
    let output = command.args(arguments).stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", said(&output));
    said(&output)
}

/// The customers of an NDJSON export.
fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    let line = |line: &str| {
        let mut line: Map<String, Value> = serde_json::from_str(line).unwrap();
        line.retain(|key, value| !OF_THE_HUB.contains(&&**key) && !value.is_null());
        let identities = line["identities"].as_array_mut().unwrap();
        identities.retain(|it| it["type"] != "file-row");
        for identity in identities {
            let identity = identity.as_object_mut().unwrap();
            identity.retain(|key, _| !["number", "customerId"].contains(&&**key));
        }
        Value::Object(line)
    };
    text.lines().map(line).collect()
}

type Cells = BTreeMap<String, String>;

fn is_called(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|it| it == extension)
}

/// The rows of a table, without what is empty or of the hub.
fn rows(path: &Path) -> Vec<Cells> {
    let mut table: Vec<Vec<String>> = if is_called(path, "xlsx") {
        let mut book: Xlsx<_> = open_workbook(path).unwrap();
        let sheet = book.worksheet_range_at(0).unwrap().unwrap();
        sheet.rows().map(|row| row.iter().map(text).collect()).collect()
    } else {
        let mut text = String::new();
        let file = fs::File::open(path).unwrap();
        if is_called(path, "gz") {
            GzDecoder::new(file).read_to_string(&mut text).unwrap();
        } else {
            { file }.read_to_string(&mut text).unwrap();
        }
        let delimiter = if is_called(path, "tsv") { b'\t' } else { b',' };
        let text = text.trim_start_matches('\u{FEFF}').as_bytes();
        let mut reader =
            ReaderBuilder::new().has_headers(false).delimiter(delimiter).from_reader(text);
        let rows = reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect());
        rows.collect()
    };
    let headings = table.remove(0);
    let row = |row: Vec<String>| {
        let mut cells: Cells = headings.iter().cloned().zip(row).collect();
        // Who had no identity has one of the file now.
        if cells.values().any(|cell| cell == "file-row") {
            cells.retain(|heading, _| {
                !heading.starts_with("identity") && !heading.starts_with("身份")
            });
        }
        cells.retain(|heading, cell| !OF_THE_HUB.contains(&&**heading) && !cell.is_empty());
        // A number is a text there, and a text may be guarded.
        for (_, cell) in cells.iter_mut().filter(|(heading, _)| heading.starts_with("attr.")) {
            *cell = cell.trim_start_matches('\'').to_owned();
        }
        cells
    };
    table.into_iter().map(row).collect()
}

fn text(cell: &Data) -> String {
    match cell {
        // A spreadsheet keeps no more of a moment than its milliseconds.
        Data::DateTime(at) => format!("{:.0}", at.as_f64() * 86_400_000.0),
        Data::Bool(_) | Data::Float(_) | Data::Int(_) => format!("{cell:?}"),
        Data::String(_)
        | Data::DateTimeIso(_)
        | Data::DurationIso(_)
        | Data::Error(_)
        | Data::Empty => cell.to_string(),
    }
}

/// Goes there and back by one file.
fn travel(from: &Folder, file: &str, exporting: &[&str], importing: &[&str]) -> Folder {
    let to = Folder::new();
    from.run(&[&["export", file], exporting].concat());
    fs::copy(from.path().join(file), to.path().join(file)).unwrap();
    let count = people().len();
    let told = imported(&to, &[&[file], importing].concat());
    let counts = format!(
        "{count} rows: {count} created, 0 updated, 0 unchanged, 0 merged, 0 refused; 0 with"
    );
    assert!(told.contains(&counts), "{file} {exporting:?}: {told}");
    let again = imported(&to, &[&[file], importing].concat());
    assert!(
        again.contains(&format!("{count} rows: 0 created, 0 updated, {count} unchanged")),
        "{again}"
    );
    to.run(&[&["export", file, "--replace"], exporting].concat());
    assert!(to.run(&["check"]).ends_with("sound\n"));
    to
}

/// What a table cannot tell apart, left out: of which kind the value of a custom attribute is, and in
/// a column for each type what is said about identities.
fn blurred(mut customers: Vec<Value>, has_names: bool) -> Vec<Value> {
    for customer in &mut customers {
        for value in customer["attr"].as_object_mut().unwrap().values_mut() {
            *value = match value.as_str() {
                Some("是") => json!("true"),
                Some(text) => json!(text),
                None => json!(value.to_string()),
            };
        }
        let identities = customer["identities"].as_array_mut().unwrap();
        if !has_names {
            for identity in &mut *identities {
                (identity["name"], identity["scope"]) = (Value::Null, Value::Null);
            }
        }
        identities.sort_by_key(Value::to_string);
    }
    customers
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_exported_comes_in_again_as_it_was() {
    let from = Folder::new();
    fill(&from.start().await).await;
    from.run(&["export", "whole.ndjson"]);
    let whole = lines(&from.path().join("whole.ndjson"));
    assert_eq!(whole.len(), people().len());

    for file in ["all.ndjson", "packed.ndjson.zst"] {
        let to = travel(&from, file, &[], &[]);
        to.run(&["export", "whole.ndjson"]);
        assert_eq!(lines(&to.path().join("whole.ndjson")), whole, "{file}");
    }
    let (in_rows, zh) = (&["--identities", "rows"][..], &["--headings", "zh"][..]);
    let names = &["--headings", "names"][..];
    for (file, exporting, importing) in [
        ("all.csv", &[][..], &[][..]),
        ("all.csv", zh, &[]),
        ("all.csv", in_rows, &[]),
        ("all.csv", &[in_rows, zh].concat(), &[]),
        ("all.tsv", &["--utc-offset", "+08:00"], &[]),
        ("packed.csv.gz", &["--raw"], &["--raw"]),
        ("all.xlsx", &[], &[]),
        ("all.xlsx", names, &[]),
        ("all.xlsx", in_rows, &[]),
        ("all.xlsx", &["--utc-offset", "+08:00"], &["--utc-offset", "+08:00"]),
    ] {
        let what = format!("{file} {exporting:?}");
        fs::remove_file(from.path().join(file)).ok();
        let to = travel(&from, file, exporting, importing);
        assert_eq!(rows(&to.path().join(file)), rows(&from.path().join(file)), "{what}");
        to.run(&["export", "whole.ndjson"]);
        let has_names = exporting.contains(&"rows");
        let mut there = blurred(lines(&to.path().join("whole.ndjson")), has_names);
        let mut here = blurred(whole.clone(), has_names);
        if is_called(Path::new(file), "xlsx") {
            // Those that only say when the customer was created have more digits than a spreadsheet keeps.
            for customer in there.iter_mut().skip(1).chain(here.iter_mut().skip(1)) {
                customer["dateJoin"] = Value::Null;
            }
        }
        assert_eq!(there, here, "{what}");
    }
}
