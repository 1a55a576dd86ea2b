//! `cargo xtask tidy`: rules of the repository that the compiler does not know. Also a test, so
//! that nobody has to remember it.

mod borders;
mod markdown;
mod text;

use anyhow::{Context as _, Result, ensure};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file of the repository, by its path below the root.
#[derive(Debug)]
struct File {
    path: PathBuf,
    text: String,
}

impl File {
    fn extension(&self) -> &str {
        self.path.extension().and_then(|extension| extension.to_str()).unwrap_or("")
    }

    fn problem(&self, line: usize, message: impl Into<String>) -> Problem {
        Problem { path: self.path.clone(), line, message: message.into() }
    }
}

/// A rule that is broken, and where.
#[derive(Debug)]
struct Problem {
    path: PathBuf,
    line: usize,
    message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path.display(), self.line, self.message)
    }
}

/// Checks every file that git knows or would add, and prints what is wrong.
pub(crate) fn run() -> Result<()> {
    let problems = problems(crate::root())?;
    for problem in &problems {
        println!("{problem}");
    }
    ensure!(problems.is_empty(), "{} untidy places", problems.len());
    Ok(())
}

fn problems(root: &Path) -> Result<Vec<Problem>> {
    let files = files(root)?;
    let mut problems = Vec::new();
    for file in &files {
        text::check(file, &mut problems);
        borders::check(file, &mut problems);
        if file.extension() == "md" {
            markdown::check(root, file, &mut problems);
        }
    }
    Ok(problems)
}

/// Text files in the work tree, in order; what is no text is nobody's to judge here.
fn files(root: &Path) -> Result<Vec<File>> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .context("cannot start git")?;
    ensure!(output.status.success(), "git: {}", String::from_utf8_lossy(&output.stderr));
    let names = String::from_utf8(output.stdout).context("a file name that is not UTF-8")?;
    let mut paths: Vec<PathBuf> =
        names.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from).collect();
    paths.sort();
    paths.dedup();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(root.join(&path)).ok()?;
        Some(File { path, text })
    };
    Ok(paths.into_iter().filter_map(read).collect())
}

#[cfg(test)]
mod tests {
    use super::{File, Problem, problems};
    use std::path::{Path, PathBuf};

    #[test]
    fn the_repository_is_tidy() {
        let problems = problems(crate::root()).unwrap();
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(problems.is_empty(), "{}", lines.join("\n"));
    }

    /// A file that is nowhere.
    pub(super) fn file(path: &str, text: &str) -> File {
        File { path: PathBuf::from(path), text: text.to_owned() }
    }

    /// What a check says about a file, as text.
    pub(super) fn said(check: impl Fn(&Path, &File, &mut Vec<Problem>), file: &File) -> String {
        let mut problems = Vec::new();
        check(crate::root(), file, &mut problems);
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        lines.join("\n")
    }
}
