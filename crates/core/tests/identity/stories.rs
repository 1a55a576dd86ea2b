//! Runs the stories in `scenarios/*.md`: each code block is a list of requests with what comes of
//! them, each `##` heading starts with an empty hub. A block marked `both` is told to a hub of
//! either preset, one marked `compat` or `guarded` to that one.
//!
//! `KEHUB_SCENARIOS=write cargo test -p kehub-core --test identity` rewrites the answers; read
//! the difference before you commit it.

use crate::hub::Hub;
use std::fmt::Write as _;
use std::path::Path;

/// Tells one story and returns it with the answers that really came.
fn retell(text: &str) -> String {
    let mut told = String::new();
    let mut hubs: Vec<Hub> = Vec::new();
    let mut block: Option<Vec<usize>> = None;
    for line in text.lines() {
        if line.starts_with("## ") || line.starts_with("# ") {
            hubs = vec![Hub::compat(), Hub::guarded()];
        }
        let answered = match (&block, line.strip_prefix("```")) {
            (None, Some(info)) => {
                block = Some(match info {
                    "compat" => vec![0],
                    "guarded" => vec![1],
                    "both" => vec![0, 1],
                    other => panic!("a block is `compat`, `guarded` or `both`, not `{other}`"),
                });
                line.to_owned()
            }
            (Some(_), Some(_)) => {
                block = None;
                line.to_owned()
            }
            (Some(told_to), None) if !line.trim().is_empty() => answer(line, told_to, &mut hubs),
            (_, None) => line.to_owned(),
        };
        writeln!(told, "{answered}").unwrap();
    }
    told
}

fn answer(line: &str, told_to: &[usize], hubs: &mut [Hub]) -> String {
    let request = line.split('→').next().unwrap_or_default().trim_end();
    let mut answers: Vec<String> = told_to.iter().map(|at| hubs[*at].tell(request)).collect();
    answers.dedup();
    assert_eq!(answers.len(), 1, "the presets answer `{request}` differently: {answers:?}");
    format!("{request:<40} → {}", answers[0])
}

fn check(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios").join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    let told = retell(&text);
    if std::env::var_os("KEHUB_SCENARIOS").is_some_and(|mode| mode == "write") {
        return std::fs::write(&path, told).unwrap();
    }
    for (number, (expected, found)) in text.lines().zip(told.lines()).enumerate() {
        assert_eq!(expected, found, "{name}, line {}", number + 1);
    }
    assert_eq!(text, told);
}

macro_rules! stories {
    ($($test:ident)*) => {
        $(#[test] fn $test() { check(concat!(stringify!($test), ".md")); })*

        #[test]
        fn every_story_is_told() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
            let mut found: Vec<String> = std::fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            found.sort();
            let mut told = vec![$(concat!(stringify!($test), ".md").to_owned()),*];
            told.sort();
            assert_eq!(found, told);
        }
    };
}

stories! {
    attributes
    canonical_form
    conflicts
    contact_data_is_shared
    deletion
    devices
    direct_writes
    erasure
    explain
    extraction
    fields
    first_meetings
    limits
    matching
    merges
    placeholders
    policy
    policy_impact
    policy_of_types
    quarantine
    release
    review
    two_accounts
    undo
}
