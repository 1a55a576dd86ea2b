//! Rules for Markdown: one title, and links that lead somewhere.

use super::{File, Problem};
use std::fs;
use std::path::{Component, Path, PathBuf};

pub(super) fn check(root: &Path, file: &File, problems: &mut Vec<Problem>) {
    let titles: Vec<usize> = prose(&file.text)
        .filter(|(_, line)| line.starts_with("# "))
        .map(|(number, _)| number)
        .collect();
    match titles.as_slice() {
        [_] => {}
        [] => problems.push(file.problem(1, "no title: begin with a line `# …`")),
        [_, second, ..] => problems.push(file.problem(*second, "a second title: use `##`")),
    }
    for (number, line) in prose(&file.text) {
        for target in links(&line) {
            if let Some(message) = missing(root, file, target) {
                problems.push(file.problem(number, message));
            }
        }
    }
}

/// The lines outside of code blocks, with code inside them left out, each with its number.
fn prose(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut fence: Option<String> = None;
    (1..).zip(text.lines()).filter_map(move |(number, line)| {
        let trimmed = line.trim_start();
        let ticks: String = trimmed.chars().take_while(|c| *c == '`').collect();
        match &fence {
            Some(open) => {
                if ticks.len() >= open.len() && trimmed.trim_end() == ticks {
                    fence = None;
                }
                None
            }
            None if ticks.len() >= 3 => {
                fence = Some(ticks);
                None
            }
            None => Some((number, line.split('`').step_by(2).collect::<Vec<_>>().join(" "))),
        }
    })
}

/// The targets of `[text](target)`.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0.trim()))
}

/// What is wrong with a target, if it is one of ours.
fn missing(root: &Path, file: &File, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, heading) = target.split_once('#').unwrap_or((target, ""));
    let folder = file.path.parent().unwrap_or(Path::new(""));
    if path.is_empty() {
        return lacks(&file.text, heading).then(|| format!("no heading for `{target}`"));
    }
    let Some(full) = resolve(&folder.join(path)).map(|path| root.join(path)) else {
        return Some(format!("`{target}` leaves the repository"));
    };
    if !full.exists() {
        return Some(format!("`{target}` does not exist"));
    }
    let text = fs::read_to_string(full).unwrap_or_default();
    lacks(&text, heading).then(|| format!("no heading for `{target}`"))
}

/// A path below the root without `.` and `..`; `None` if it leaves the repository.
fn resolve(path: &Path) -> Option<PathBuf> {
    let mut resolved = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                if !resolved.pop() {
                    return None;
                }
            }
            Component::Normal(name) => resolved.push(name),
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(resolved)
}

fn lacks(text: &str, heading: &str) -> bool {
    !heading.is_empty()
        && !text.lines().any(|line| line.starts_with('#') && anchor(line) == heading)
}

/// The name under which a heading is linked to.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{file, said};
    use super::check;

    fn of(path: &str, text: &str) -> String {
        said(check, &file(path, text))
    }

    #[test]
    fn a_page_has_one_title() {
        assert_eq!(of("a.md", "# A\n\n```sh\n# a comment\n```\n"), "");
        assert_eq!(of("a.md", "text\n"), "a.md:1: no title: begin with a line `# …`");
        assert_eq!(of("a.md", "# A\n# B\n"), "a.md:2: a second title: use `##`");
    }

    #[test]
    fn links_lead_to_files_and_headings() {
        assert_eq!(of("docs/a.md", "# A\n[x](../Cargo.toml) [y](#a) `[z](no)`\n"), "");
        assert_eq!(of("docs/a.md", "# A\n[x](no.md)\n"), "docs/a.md:2: `no.md` does not exist");
        assert_eq!(of("docs/a.md", "# A\n[x](#b)\n"), "docs/a.md:2: no heading for `#b`");
    }
}
