//! `kehub export`, as people get at their customers.

use crate::hub::{APP, Folder, Hub, SECRET, said};
use calamine::{Data, Reader as _, Xlsx};
use flate2::read::GzDecoder;
use kehub_store::TestDatabase;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

async fn filled(folder: &Folder) -> Hub {
    let variables = [("KEHUB_BOOTSTRAP_APP", &*format!("{APP}:{SECRET}"))];
    let hub = folder.start_with(&variables).await;
    let token = hub.token().await;
    for number in 1..=1_100 {
        let body = json!({
            "customer": { "name": format!("Wang {number}"), "gender": number % 3,
                "stage": if number % 2 == 0 { "Lead" } else { "Member" },
                "birthday": "1990-02-28", "attr": { "size": number } },
            "customerIdentities": [{ "identityType": "member-id", "identityValue": number.to_string() }],
        });
        hub.upsert(&token, &body).await.unwrap();
    }
    hub
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_of_a_file_come_out_in_every_format() {
    come_out(&Folder::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_of_a_database_come_out_in_every_format() {
    let database = TestDatabase::new().await;
    come_out(&Folder::on(&database.url())).await;
}

async fn come_out(folder: &Folder) {
    let _hub = filled(folder).await;
    let told = folder.run(&["export", "all.ndjson.gz"]);
    assert_eq!(told, "exported 1100 customers to all.ndjson.gz\n");
    let mut lines = String::new();
    let packed = fs::File::open(folder.path().join("all.ndjson.gz")).unwrap();
    GzDecoder::new(packed).read_to_string(&mut lines).unwrap();
    let lines: Vec<Value> = lines.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    assert_eq!(lines.len(), 1_100);

    folder.run(&["export", "all.csv", "--raw"]);
    let table = fs::read_to_string(folder.path().join("all.csv")).unwrap();
    let mut table = csv::Reader::from_reader(table.trim_start_matches('\u{FEFF}').as_bytes());
    let head = table.headers().unwrap().clone();
    let at = |name: &str| head.iter().position(|heading| heading == name).unwrap();
    let rows: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();

    folder.run(&["export", "all.xlsx"]);
    let mut book: Xlsx<_> = calamine::open_workbook(folder.path().join("all.xlsx")).unwrap();
    let sheet = book.worksheet_range("客户").unwrap();
    let mut sheet = sheet.rows();
    let chinese: Vec<String> = sheet.next().unwrap().iter().map(ToString::to_string).collect();
    let place = |name: &str| chinese.iter().position(|heading| heading == name).unwrap();
    let cells: Vec<&[Data]> = sheet.collect();
    assert_eq!((rows.len(), cells.len()), (1_100, 1_100));

    for ((line, row), cells) in lines.iter().zip(&rows).zip(&cells) {
        for field in ["id", "name", "gender", "stage", "birthday", "dateCreated"] {
            let told = line[field].as_str().map_or_else(|| line[field].to_string(), str::to_owned);
            assert_eq!(row[at(field)], *told, "{field}");
        }
        assert_eq!(row[at("attr.size")], line["attr"]["size"].to_string());
        assert_eq!(row[at("identity:member-id")], line["identities"][0]["value"]);
        assert_eq!(cells[place("客户ID")].to_string(), line["id"].to_string());
        assert_eq!(cells[place("姓名")].to_string(), line["name"].as_str().unwrap());
        let gender =
            ["未知", "男", "女"][usize::try_from(line["gender"].as_u64().unwrap()).unwrap()];
        assert_eq!(cells[place("性别")].to_string(), gender);
        assert!(matches!(cells[place("创建时间")], Data::DateTime(_)));
    }

    let leads = folder.run(&[
        "export",
        "-",
        "--format",
        "csv",
        "--filter",
        "stage=Lead",
        "--filter",
        "attr.size:lte=4",
        "--fields",
        "name",
        "--identities",
        "rows",
    ]);
    let rows = "2,Wang 2,member-id,2,,\r\n4,Wang 4,member-id,4,,\r\n";
    let head = "id,name,identityType,identityValue,identityName,identityScope\r\n";
    assert_eq!(leads, format!("\u{FEFF}{head}{rows}"));
    nothing_else_is_left(folder, &["all.csv", "all.ndjson.gz", "all.xlsx"]);
}

fn nothing_else_is_left(folder: &Folder, expected: &[&str]) {
    let mut names: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !["kehub-data", "stdout", "stderr"].contains(&name.as_str()))
        .collect();
    names.sort();
    assert_eq!(names, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_there_stays_unless_it_is_given_up() {
    let folder = Folder::new();
    folder.run(&["app", "create", "--name", "shop"]);
    fs::write(folder.path().join("all.csv"), "mine").unwrap();
    let refused = folder.kehub(&["export", "all.csv"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("all.csv is there already"), "{}", said(&refused));
    assert_eq!(fs::read_to_string(folder.path().join("all.csv")).unwrap(), "mine");
    folder.run(&["export", "all.csv", "--replace"]);
    assert_eq!(fs::read_to_string(folder.path().join("all.csv")).unwrap(), "\u{FEFF}id\r\n");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(folder.path().join("all.csv")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    nothing_else_is_left(&folder, &["all.csv"]);
}

/// Nobody reads what it writes until it has heard that it is over: it cannot come to its end before.
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_export_says_that_it_is_not_whole() {
    let folder = Folder::new();
    let _hub = filled(&folder).await;
    let mut exporting = folder.kehub(&["export", "-", "--format", "ndjson"]);
    let mut exporting = exporting.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = exporting.stdout.take().unwrap();
    let mut first = [0];
    out.read_exact(&mut first).unwrap();
    let id = exporting.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let mut errors = BufReader::new(exporting.stderr.take().unwrap());
    let mut heard = String::new();
    errors.read_line(&mut heard).unwrap();
    assert_eq!(heard, "interrupted: stopping\n");
    out.read_to_end(&mut Vec::new()).unwrap();
    let mut said = String::new();
    errors.read_to_string(&mut said).unwrap();
    assert_eq!(exporting.wait().unwrap().code(), Some(1), "{said}");
    assert!(said.contains("broke off") && said.contains("it was interrupted"), "{said}");
}

#[test]
fn what_cannot_be_exported_is_refused() {
    let folder = Folder::new();
    let cases: [(&[&str], &str); 9] = [
        (&["all"], "--format: expected csv, ndjson, xlsx"),
        (&["all.csv", "--filter", "city"], "found no `=`"),
        (
            &["all.csv", "--filter", "town=x", "--filter", "gender=m"],
            "`gender`: expected 0, 1 or 2",
        ),
        (&["all.csv", "--fields", "name,town"], "parted by commas, found `town`"),
        (&["all.ndjson", "--headings", "zh"], "--headings: expected the format csv or xlsx"),
        (&["all.xlsx", "--delimiter", ";"], "--delimiter: expected the format csv, found xlsx"),
        (&["all.csv", "--utc-offset", "8"], "expected an offset such as `+08:00`"),
        (&["nowhere/all.csv"], "nowhere/all.csv"),
        (&["all.csv"], "there is no store"),
    ];
    for (arguments, reason) in cases {
        let refused = folder.kehub(&[&["export"], arguments].concat()).output().unwrap();
        assert!(!refused.status.success());
        assert!(said(&refused).contains(reason), "{}", said(&refused));
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
