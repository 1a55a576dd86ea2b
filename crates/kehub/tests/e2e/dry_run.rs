//! `kehub import --dry-run`: what it tells is what the import then does.

use crate::hub::{Folder, said};
use kehub_store::TestDatabase;
use std::fmt::Write as _;
use std::fs;
use std::process::Stdio;

/// Numbers that look random, the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// Rows about so few people that many are about the same ones, and some about several; some say nothing
/// to know them by, and some do not fit.
fn people(seed: u64, rows: u64) -> String {
    let mut numbers = Numbers(seed);
    let mut text =
        "name,city,birthday,mobile,email,identity:member-id,identity:wechat,identity:mobile\n"
            .to_owned();
    for _ in 0..rows {
        let person = numbers.below(rows / 2);
        let mut some = |odds: u64, value: String| {
            if numbers.below(100) < odds { value } else { String::new() }
        };
        let cells = [
            some(90, format!("person {}", person % 7)),
            some(30, format!("city {}", person % 3)),
            some(3, "soon".to_owned()),
            some(30, format!("1380000{:04}", person % 300)),
            some(20, format!("p{}@example.com", person % 200)),
            some(40, format!("M{}", person % 400)),
            some(30, format!("o{}", person % 350)),
            some(20, format!("1390000{:04}", person % 250)),
        ];
        writeln!(text, "{}", cells.join(",")).unwrap();
    }
    text
}

fn imported(folder: &Folder, arguments: &[&str]) -> String {
    let output = folder.kehub(&["import"]).args(arguments).stdin(Stdio::null()).output().unwrap();
    said(&output)
}

/// The lines that tell what came, or would come, of files.
fn counts(said: &str) -> Vec<&str> {
    let lines = said.lines().map(|line| line.trim_start_matches("this would come of it: "));
    lines
        .filter(|line| {
            line.contains(" rows: ") || line.contains(" row: ") || line.starts_with("1 row: ")
        })
        .collect()
}

/// Tries files on what others have brought in, and applies them afterwards.
fn come_as_told(folder: &Folder, seed: u64, options: &[&str]) {
    for (name, seed, rows) in
        [("known", seed, 1_500), ("one", seed + 1, 1_200), ("two", seed + 2, 900)]
    {
        fs::write(folder.path().join(format!("{name}.csv")), people(seed, rows)).unwrap();
    }
    let tried = |files: &[&str]| imported(folder, &[&["--dry-run"][..], files, options].concat());
    let of_nothing = tried(&["known.csv"]);
    let known = imported(folder, &[&["known.csv"][..], options].concat());
    assert_eq!(counts(&of_nothing), counts(&known), "{of_nothing}\n{known}");

    let expected = tried(&["one.csv", "two.csv"]);
    assert_eq!(counts(&tried(&["one.csv", "two.csv"])), counts(&expected));
    let one = imported(folder, &[&["one.csv"][..], options].concat());
    let two = imported(folder, &[&["two.csv"][..], options].concat());
    assert_eq!(
        counts(&expected),
        [counts(&one), counts(&two)].concat(),
        "{expected}\n{one}\n{two}"
    );
    for nothing in [" 0 created", " 0 updated", " 0 unchanged", " 0 refused"] {
        assert!(!one.contains(nothing), "{one}");
    }
}

#[test]
fn a_dry_run_tells_what_comes_of_a_file() {
    for (seed, options) in
        [(1, &[][..]), (2, &["--on-conflict", "keep"]), (3, &["--on-conflict", "reject"])]
    {
        let folder = Folder::new();
        come_as_told(&folder, seed, options);
        assert!(folder.run(&["check"]).ends_with("sound\n"));
        let store = folder.path().join("kehub-data/kehub.db");
        let before = fs::read(&store).unwrap();
        imported(&folder, &["--dry-run", "known.csv"]);
        assert!(fs::read(&store).unwrap() == before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_tells_what_comes_of_a_database() {
    let database = TestDatabase::new().await;
    come_as_told(&Folder::on(&database.url()), 4, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_beside_a_hub_tells_why() {
    let folder = Folder::new();
    let _hub = folder.start().await;
    let known = "name,identity:member-id,identity:wechat\nWang,M1,\nLi,,oA1\nWu,M2,\n";
    fs::write(folder.path().join("known.csv"), known).unwrap();
    imported(&folder, &["known.csv"]);
    let new = "name,identity:member-id,identity:wechat,birthday\nWang,M1,oA1,\nWu,M2,,\n\
        Wu Lan,M2,,\nZhao,M3,oA3,\nZhao,M3,oA3,\nZhou,M1,oA4,\nWu,M2,oA4,\nSun,,,soon\n";
    fs::write(folder.path().join("new.csv"), new).unwrap();
    let shown = imported(&folder, &["--dry-run", "new.csv"]);
    for line in [
        "created, the first ones:\n  line 5: name = Zhao, identity:member-id = M3, identity:wechat = oA3\n",
        "updated, the first ones:\n  line 4, customer 3: name = Wu Lan, identity:member-id = M2\n",
        "unchanged, the first ones:\n  line 3, customer 3: name = Wu, identity:member-id = M2\n",
        "  line 6, new customer 4: name = Zhao",
        "merged, the first ones:\n  line 2: customer 1 with customer 2: the row brings \
         identity:member-id = M1 and identity:wechat = oA1\n",
        "in conflict, the first ones:\n  line 8, customer 3: kept apart from customer 1, which has \
         identity:wechat = oA4 (rule distinguishing)\n",
        "line 9 refused: birthday: expected a date",
        "this would come of it: 8 rows: 1 created, 3 updated, 2 unchanged, 1 merged, 1 refused; \
         1 with conflicts\nnothing was applied; it took ",
    ] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
    let said = imported(&folder, &["new.csv"]);
    assert_eq!(counts(&said), counts(&shown), "{said}");
}

/// What was said about columns is used again by a dry run, as by the import that comes after it.
#[test]
fn a_dry_run_takes_over_what_was_said_about_columns() {
    let folder = Folder::new();
    let write = |name: &str, card: &str| {
        fs::write(folder.path().join(name), format!("name,卡号\nWang,{card}\n")).unwrap();
    };
    write("may.csv", "K1");
    write("june.csv", "K1");
    write("july.csv", "K2");
    let both =
        imported(&folder, &["--dry-run", "may.csv", "june.csv", "--map", "#2=identity:card"]);
    assert!(both.contains("columns as in import 1 of may.csv"), "{both}");
    imported(&folder, &["may.csv", "--map", "卡号=identity:card"]);
    let tried = imported(&folder, &["--dry-run", "june.csv"]);
    assert!(tried.contains("columns as in import 1 of may.csv:\n  卡号 "), "{tried}");
    let done = imported(&folder, &["june.csv"]);
    assert_eq!(counts(&tried), counts(&done), "{tried}\n{done}");
    assert!(done.contains(" 0 created, 0 updated, 1 unchanged"), "{done}");
    let anew = imported(&folder, &["--dry-run", "july.csv", "--new-mapping"]);
    assert!(!anew.contains("columns as in") && anew.contains("- (no known label)"), "{anew}");
    fs::write(folder.path().join("none.csv"), "foo\n1\n").unwrap();
    let none = folder.kehub(&["import", "--dry-run", "none.csv"]).output().unwrap();
    assert_eq!(none.status.code(), Some(2));
    assert!(said(&none).contains("no column has a known label"));
}
