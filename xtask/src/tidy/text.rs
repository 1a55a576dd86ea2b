//! Rules for every text file.

use super::{File, Problem};

/// Lines of a Rust file.
const RUST_LINES_MAX: usize = 600;

/// Marks of unfinished work, written so that this file does not carry them itself.
const LEFTOVERS: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// Where folders of one person's machine begin. A path that starts there is true nowhere else.
const MACHINE_FOLDERS: [&str; 4] =
    [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Use", "rs/")];

/// Outside addresses that a text may name, tests with their made-up people aside. A page or a
/// binary that talks to anybody else would show up here first.
const HOSTS: [&str; 8] = [
    "localhost",
    "127.0.0.1",
    "github.com",
    "www.apache.org",
    // The host that clients of the compatible API are moved away from.
    "api.convertlab.com",
    // Where WeChat answers, unless set otherwise: asked about accounts that somebody has bound.
    "api.weixin.qq.com",
    // The name spaces of SVG and of JSON Schema, which are names and never fetched.
    "www.w3.org",
    "json-schema.org",
];

/// Names reserved for examples (RFC 2606).
const EXAMPLES: [&str; 6] =
    ["example.com", "example.org", "example.net", ".example", ".test", ".invalid"];

pub(super) fn check(file: &File, problems: &mut Vec<Problem>) {
    // Written by cargo, with sources that are its own matter.
    if file.path.ends_with("Cargo.lock") {
        return;
    }
    if file.extension() == "rs" && file.text.lines().count() > RUST_LINES_MAX {
        problems.push(file.problem(RUST_LINES_MAX + 1, "longer than 600 lines: split it by topic"));
    }
    if !file.text.is_empty() && !file.text.ends_with('\n') {
        problems.push(file.problem(file.text.lines().count(), "the last line does not end"));
    }
    for (number, line) in (1..).zip(file.text.lines()) {
        if line.ends_with([' ', '\t', '\r']) {
            problems.push(file.problem(number, "white space at the end of the line"));
        }
        check_words(file, number, line, problems);
    }
}

fn check_words(file: &File, number: usize, line: &str, problems: &mut Vec<Problem>) {
    let is_word = |word: &&str| line.split(|c: char| !c.is_alphanumeric()).any(|w| w == *word);
    if let Some(word) = LEFTOVERS.iter().find(|word| is_word(word)) {
        problems.push(file.problem(number, format!("{word}: finish it or file an issue")));
    }
    if let Some(folder) = MACHINE_FOLDERS.iter().find(|folder| has_path(line, folder)) {
        problems.push(file.problem(number, format!("`{folder}` is a folder of one machine")));
    }
    if file.extension() == "rs" && line.trim_start().starts_with(concat!("#[ig", "nore")) {
        problems.push(file.problem(number, "a test that does not run proves nothing"));
    }
    let is_test = file.path.components().any(|part| part.as_os_str() == "tests");
    for host in hosts(line).filter(|host| !is_test && !is_known(host)) {
        problems.push(file.problem(number, format!("`{host}` is not on the list of known hosts")));
    }
}

/// Whether the line holds a path that begins with this folder, and not merely passes through one
/// of the same name.
fn has_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(place, _)| {
        let before = line.get(..place).and_then(|text| text.chars().next_back());
        before.is_none_or(|c| !c.is_alphanumeric() && !"._-}/~".contains(c))
    })
}

fn hosts(line: &str) -> impl Iterator<Item = &str> {
    ["http://", "https://"].into_iter().flat_map(move |scheme| {
        line.match_indices(scheme).filter_map(move |(place, _)| {
            let rest = line.get(place + scheme.len()..)?;
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !".-".contains(c));
            let host = rest.get(..end.unwrap_or(rest.len()))?.trim_end_matches('.');
            // Without a dot it is a placeholder, as in `http://{address}`.
            (host.contains('.') && !host.starts_with('.')).then_some(host)
        })
    })
}

fn is_known(host: &str) -> bool {
    HOSTS.contains(&host) || EXAMPLES.iter().any(|example| host.ends_with(example))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{file, said};
    use super::{HOSTS, LEFTOVERS, MACHINE_FOLDERS, check};

    fn of(path: &str, text: &str) -> String {
        said(|_, file, problems| check(file, problems), &file(path, text))
    }

    #[test]
    fn a_long_rust_file_is_to_be_split() {
        assert_eq!(of("a.rs", &"\n".repeat(600)), "");
        assert_eq!(
            of("a.rs", &"\n".repeat(601)),
            "a.rs:601: longer than 600 lines: split it by topic"
        );
        assert_eq!(of("a.md", &"\n".repeat(601)), "");
    }

    #[test]
    fn leftovers_are_found_as_words() {
        let [first, ..] = LEFTOVERS;
        assert_eq!(
            of("a.md", &format!("// {first}: x\n")),
            format!("a.md:1: {first}: finish it or file an issue")
        );
        assert_eq!(of("a.md", &format!("{first}S\n")), "");
    }

    #[test]
    fn paths_of_one_machine_are_found() {
        let [folder, ..] = MACHINE_FOLDERS;
        assert_eq!(
            of("a.md", &format!("in `{folder}x`\n")),
            format!("a.md:1: `{folder}` is a folder of one machine")
        );
        assert_eq!(of("a.md", &format!("in `net{folder}x`\n")), "");
    }

    #[test]
    fn hosts_are_known_or_examples() {
        let unknown = ["https:", "//cdn.somewhere.io/x.js"].concat();
        assert_eq!(
            of("a.html", &format!("{unknown}\n")),
            "a.html:1: `cdn.somewhere.io` is not on the list of known hosts"
        );
        for host in HOSTS.iter().chain(&["a.example.com", "kehub.test"]) {
            assert_eq!(of("a.html", &format!("http://{host}/x\n")), "");
        }
        assert_eq!(of("tests/a.rs", &format!("{unknown}\n")), "");
        assert_eq!(of("a.rs", "http://{address}/x\n"), "");
    }

    #[test]
    fn lines_end_cleanly() {
        assert_eq!(of("a.md", "a \nb\n"), "a.md:1: white space at the end of the line");
        assert_eq!(of("a.md", "a\nb"), "a.md:2: the last line does not end");
    }
}
