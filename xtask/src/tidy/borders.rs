//! What a crate must not know, as far as its manifest tells (`ARCHITECTURE.md`, "Crates").

use super::{File, Problem};

/// A crate's manifest, and the only outside crates it may depend on to run. What tests use is
/// free.
const ALLOWED: [(&str, &[&str]); 1] = [(
    // No clock, no disk, no randomness, no async, no SQL, no JSON.
    "crates/core/Cargo.toml",
    &["litemap", "serde", "smallvec", "strsim", "thiserror", "unicode-normalization"],
)];

/// A crate's manifest, and crates it must not depend on.
const FORBIDDEN: [(&str, &[&str]); 2] = [
    // The engine knows no wire and no caller.
    ("crates/store/Cargo.toml", &["axum", "clap", "hyper", "kehub", "tower", "utoipa"]),
    // The binary knows no SQL and no driver.
    ("crates/kehub/Cargo.toml", &["rusqlite", "tokio-postgres"]),
];

pub(super) fn check(file: &File, problems: &mut Vec<Problem>) {
    let named = |(path, _): &&(&str, &[&str])| file.path.to_str() == Some(path);
    let allowed = ALLOWED.iter().find(named).map(|(_, crates)| *crates);
    let forbidden = FORBIDDEN.iter().find(named).map(|(_, crates)| *crates);
    for (line, name) in dependencies(&file.text) {
        let refused = allowed.is_some_and(|crates| !crates.contains(&name))
            || forbidden.is_some_and(|crates| crates.contains(&name));
        if refused {
            let message = format!("this crate must not know `{name}`: see ARCHITECTURE.md");
            problems.push(file.problem(line, message));
        }
    }
}

/// The names under `[dependencies]`, each with its line.
fn dependencies(manifest: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut inside = false;
    (1..).zip(manifest.lines()).filter_map(move |(number, line)| {
        if line.starts_with('[') {
            inside = line.trim() == "[dependencies]";
            return None;
        }
        let name = line.split(['.', '=', ' ']).next().unwrap_or("");
        (inside && !name.is_empty() && !name.starts_with('#')).then_some((number, name))
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{file, said};
    use super::check;

    fn of(path: &str, text: &str) -> String {
        said(|_, file, problems| check(file, problems), &file(path, text))
    }

    #[test]
    fn the_core_knows_only_what_is_allowed() {
        let manifest = "[dependencies]\nserde.workspace = true\ntokio = \"1\"\n[dev-dependencies]\nproptest = \"1\"\n";
        assert_eq!(
            of("crates/core/Cargo.toml", manifest),
            "crates/core/Cargo.toml:3: this crate must not know `tokio`: see ARCHITECTURE.md"
        );
    }

    #[test]
    fn the_binary_knows_no_driver() {
        assert_eq!(
            of("crates/kehub/Cargo.toml", "[dependencies]\nrusqlite.workspace = true\n"),
            "crates/kehub/Cargo.toml:2: this crate must not know `rusqlite`: see ARCHITECTURE.md"
        );
        assert_eq!(
            of("crates/store/Cargo.toml", "[dependencies]\nrusqlite.workspace = true\n"),
            ""
        );
    }
}
