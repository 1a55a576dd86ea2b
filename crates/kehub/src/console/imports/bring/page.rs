//! The page of a file: what it is, how it is brought in, and what its columns are.

use super::asked::{ACT, Asked, FILE, FULL};
use super::columns;
use super::file::{File, Looked};
use super::options::Options;
use super::seen::{self, Seen};
use super::veil::Veil;
use super::words::{Words, words};
use super::{ADDRESS, IMPORTS};
use crate::api::problem::Problem;
use crate::console::imports::words::words as of_imports;
use crate::console::page::{Page, Place};
use crate::console::reasons;
use crate::console::show::{Contacts, Shower, count};
use crate::console::visitor::Visitor;
use crate::console::words::{Language, fill};
use crate::files::clean::{Cleaner, Misfit};
use crate::files::headings::{Above, Sheets};
use crate::files::mapping::Column;
use crate::files::source::Form;
use maud::{Markup, html};

/// Sheets that are named, of those that are left out.
const SHEETS_SHOWN_MAX: usize = 10;

/// What a page shows beside the file.
#[derive(Default)]
pub(super) struct Shown {
    pub(super) contacts: Contacts,
    /// Why something was not done.
    pub(super) alert: Markup,
    /// What would come of it.
    pub(super) tried: Markup,
}

/// The page.
pub(super) fn page(visitor: &Visitor, asked: &Asked, looked: &Looked, shown: &Shown) -> Page {
    let words = words(visitor.look.language);
    let shower = Shower { look: &visitor.look, contacts: shown.contacts };
    let is_full = shown.contacts == Contacts::Full;
    let body = html! {
        header .title {
            h1 { (looked.source) }
            div .tools {
                // Within the other form it would be what Enter in a field does.
                form method="post" action=(ADDRESS) {
                    (visitor.csrf())
                    input type="hidden" name=(FILE) value=(asked.file);
                    button .button name=(ACT) value="discard" { (words.discard) }
                }
                a .button href=(IMPORTS) { (of_imports(visitor.look.language).back) }
            }
        }
        div #file data-swap="file" {
            (shown.alert)
            @if is_full { p .alert.info role="status" { (words.full_note) } }
            (shown.tried)
            form .act.stack #mapping method="post" action=(ADDRESS) {
                (visitor.csrf())
                input type="hidden" name=(FILE) value=(asked.file);
                @if is_full { input type="hidden" name=(FULL) value="1"; }
                @match &looked.file {
                    Ok(file) => (whole(visitor, asked, looked, file, shower)),
                    Err(problem) => (unread(asked, problem, visitor.look.language)),
                }
            }
        }
    };
    let (title, search) = (looked.source.clone(), String::new());
    Page { title, place: Some(Place::Imports), body, search }
}

fn whole(
    visitor: &Visitor,
    asked: &Asked,
    looked: &Looked,
    file: &File,
    shower: Shower<'_>,
) -> Markup {
    let words = words(visitor.look.language);
    let clean = looked.wishes(file).clean(looked.source.clone(), file.form);
    let cleaner = Cleaner::new(clean, looked.policy.clone());
    let seen = seen::look(&file.first, &file.chosen.mapping, &cleaner, shower);
    let options = Options::of(&looked.policy, visitor.look.language);
    html! {
        (state(asked, file, words))
        (about(file, &seen, shower))
        (columns::section(shower, &asked.picks, file, &seen, &options))
        (how(visitor, asked, looked, file))
        div .decide.inline {
            button .button.primary name=(ACT) value="import" { (words.import) }
            button .button name=(ACT) value="try" { (words.try_it) }
            @if visitor.may_reveal() && shower.contacts == Contacts::Masked {
                button .button name=(ACT) value="reveal" { (words.show_full) }
            }
        }
    }
}

/// What is to be done before it can be brought in, and what its columns are taken over from.
fn state(asked: &Asked, file: &File, words: &Words) -> Markup {
    let afresh = || {
        let mut afresh = Asked {
            file: asked.file.clone(),
            picks: <_>::default(),
            parameters: asked.parameters.clone(),
        };
        afresh.parameters.retain(|(name, _)| name != "newMapping");
        afresh.parameters.push(("newMapping".to_owned(), "1".to_owned()));
        afresh.address()
    };
    html! {
        // Enter in a field does this.
        button .button.no-script name=(ACT) value="look" { (words.look_again) }
        @if asked.given("newMapping").is_some() {
            input type="hidden" name="newMapping" value="1";
        }
        @if file.lacks_ids { p .alert role="alert" { (words.no_ids) } }
        @if !file.chosen.wrong.is_empty() {
            p .alert role="alert" { (words.still_wrong) }
        } @else if !file.says_something() {
            p .alert role="alert" {
                (if asked.picks.is_empty() { words.nothing_known } else { words.says_nothing })
            }
        } @else if !file.names_anybody() {
            p .alert.info { (words.nobody_named) }
        }
        @if let Some(before) = &file.remembered {
            p .alert.info {
                (fill(words.remembered, &[&before.source, &before.import.to_string()]))
                " " a href=(afresh()) { (words.afresh) }
            }
        }
    }
}

/// Why a row does not fit. What a reader of lines says may quote contacts.
pub(super) fn why(misfit: &Misfit, shower: Shower<'_>) -> Markup {
    let language = shower.look.language;
    let told = Veil(shower).sentence(&reasons::misfit(misfit, language));
    html! { span lang=[reasons::tag(misfit, language)] { (told) } }
}

/// What the file is.
fn about(file: &File, seen: &Seen, shower: Shower<'_>) -> Markup {
    let words = words(shower.look.language);
    let form = match file.form {
        Form::Table(delimiter) => fill(words.csv, &[&parted_by(delimiter, words)]),
        Form::Lines => words.ndjson.to_owned(),
        Form::Workbook => words.xlsx.to_owned(),
    };
    let encoding = file.encoding.map_or(words.ascii, |encoding| encoding.name());
    let is_whole = file.is_whole && !seen.is_cut(&file.first);
    let rows = count(u64::try_from(seen.rows).unwrap_or(u64::MAX));
    html! {
        section .card.read {
            p .facts.big {
                span { (form) }
                @if file.form != Form::Workbook { span { (encoding) } }
                span { (fill(words.columns_seen, &[&file.first.columns.len().to_string()])) }
                span { (fill(if is_whole { words.rows_seen } else { words.rows_first }, &[&rows])) }
                @if seen.unfit == 0 {
                    span .tag.good { (words.rows_fit) }
                } @else {
                    span .tag.warn { (fill(words.rows_unfit, &[&seen.unfit.to_string()])) }
                }
            }
            @if let Some(Above { rows, headings }) = file.first.above {
                p .note { (fill(words.above, &[&headings.to_string(), &rows.to_string()])) }
            }
            @if let Some(Sheets { sheet, others }) = &file.first.sheets {
                p .note { (fill(words.sheets, &[sheet, &left_out(others, words)])) }
            }
            @if !seen.wrong.is_empty() {
                ul .plain.note { @for (line, problem) in &seen.wrong {
                    li { (fill(words.line, &[&line.to_string()])) ": "
                        (why(problem, shower))
                    }
                } }
            }
        }
    }
}

/// Sheets that are left out, or the first ones.
fn left_out(others: &[String], words: &Words) -> String {
    let mut names: Vec<&str> = others.iter().take(SHEETS_SHOWN_MAX).map(String::as_str).collect();
    if others.len() > names.len() {
        names.push("…");
    }
    names.join(words.and)
}

fn parted_by(delimiter: u8, words: &Words) -> String {
    if delimiter == b'\t' { words.tab.to_owned() } else { char::from(delimiter).to_string() }
}

/// How the file is brought in.
fn how(visitor: &Visitor, asked: &Asked, looked: &Looked, file: &File) -> Markup {
    let words = words(visitor.look.language);
    let has_ids = file.lacks_ids || file.chosen.mapping.columns.iter().any(Column::is_id);
    let found_by = found_by(words, has_ids);
    let conflicts = ["merge", "keep", "reject"].map(|choice| (choice, on_conflict(choice, words)));
    let zone = looked.wishes(file).utc_offset;
    html! {
        section .card {
            h2 { (words.how) }
            div .grid {
                div .entry {
                    label for="source" { (words.source) }
                    input #source name="source" value=(looked.source) maxlength="255" autocomplete="off"
                        aria-describedby="source-why";
                    p .note #source-why { (words.source_why) }
                }
                (choice("match", words.found_by, &found_by, asked.given("match").unwrap_or_default()))
                (choice("onConflict", words.on_conflict,
                    &with_usual(words.as_set, &conflicts), asked.given("onConflict").unwrap_or_default()))
                (choice("utcOffset", words.zone, &zones(&zone), &zone))
            }
            (reading(asked, Some(file.form), words))
        }
    }
}

/// By what rows find their customers, with the usual way first.
fn found_by(words: &Words, has_ids: bool) -> Vec<(String, String)> {
    let ways: [&[&str]; 4] = [&["mobile", "email"], &["mobile"], &["email"], &[]];
    let named = |first: &[&'static str], rest: &[&'static str]| {
        let all: Vec<&str> = first.iter().chain(rest).copied().collect();
        let list = all.join(",");
        let told = way(&list, words);
        (list, told)
    };
    let usual = ways.iter().map(|rest| named(&["identity"], rest));
    let by_id = ways.iter().map(|rest| named(&["id", "identity"], rest)).filter(|_| has_ids);
    usual.chain(by_id).collect()
}

fn with_usual(usual: &str, others: &[(&str, &str)]) -> Vec<(String, String)> {
    let all = [("", usual)].into_iter().chain(others.iter().copied());
    all.map(|(value, name)| (value.to_owned(), name.to_owned())).collect()
}

/// What comes of a conflict, in words.
pub(in crate::console::imports) fn on_conflict(
    choice: &str,
    words: &'static Words,
) -> &'static str {
    match choice {
        "merge" => words.merge,
        "keep" => words.keep,
        _ => words.reject,
    }
}

/// What such a list says, in words.
pub(in crate::console::imports) fn way(list: &str, words: &Words) -> String {
    let name = |word| match word {
        "id" => words.by_id,
        "mobile" => words.by_mobile,
        "email" => words.by_email,
        _ => words.by_identity,
    };
    list.split(',').map(name).collect::<Vec<_>>().join(" → ")
}

/// Offsets from UTC that clocks have, and this one.
fn zones(now: &str) -> Vec<(String, String)> {
    let halves = ["-03:30", "+03:30", "+04:30", "+05:30", "+05:45", "+06:30", "+09:30"];
    let west = (1..=12).rev().map(|hours| format!("-{hours:02}:00"));
    let east = (1..=14).map(|hours| format!("+{hours:02}:00"));
    let mut zones: Vec<String> = west.chain(["Z".to_owned()]).chain(east).collect();
    zones.extend(halves.map(str::to_owned));
    if !zones.iter().any(|zone| zone == now) {
        zones.push(now.to_owned());
    }
    zones.into_iter().map(|zone| (zone.clone(), zone_named(&zone))).collect()
}

/// What an offset from UTC is called.
pub(in crate::console::imports) fn zone_named(zone: &str) -> String {
    if zone == "Z" { "UTC".to_owned() } else { format!("UTC{zone}") }
}

/// A field that is chosen from a list.
fn choice(name: &str, label: &str, options: &[(String, String)], chosen: &str) -> Markup {
    html! {
        div .entry {
            label for=(name) { (label) }
            select id=(name) name=(name) {
                @for (value, name) in options {
                    option value=(value) selected[value == chosen] { (name) }
                }
            }
        }
    }
}

/// What a reader cannot know from the file alone.
fn reading(asked: &Asked, form: Option<Form>, words: &Words) -> Markup {
    let given = |name| asked.given(name).unwrap_or_default();
    let is_said = ["encoding", "delimiter", "sheet", "headerRow", "raw"]
        .iter()
        .any(|it| asked.given(it).is_some());
    let encodings = ["utf-8", "gb18030", "utf-16le", "utf-16be", "big5", "windows-1252"];
    let encodings = encodings.map(|name| (name, name));
    let delimiters = [(",", ","), (";", ";"), ("|", "|"), ("tab", words.tab)];
    let is_workbook = form == Some(Form::Workbook);
    html! {
        details .more.spaced open[is_said || form.is_none()] {
            summary { (words.reading) }
            div .grid {
                @if !is_workbook {
                    (choice("encoding", words.encoding, &with_usual(words.as_told, &encodings), given("encoding")))
                    (choice("delimiter", words.delimiter, &with_usual(words.as_told, &delimiters), given("delimiter")))
                }
                @if is_workbook || form.is_none() {
                    div .entry {
                        label for="sheet" { (words.sheet) }
                        input #sheet name="sheet" value=(given("sheet")) placeholder=(words.sheet_first) autocomplete="off";
                    }
                }
                @if form != Some(Form::Lines) {
                    div .entry {
                        label for="headerRow" { (words.header_row) }
                        input #headerRow name="headerRow" type="number" min="1" value=(given("headerRow")) placeholder=(words.as_told_row) autocomplete="off";
                    }
                }
                @if matches!(form, Some(Form::Table(_))) {
                    label .check { input #raw type="checkbox" name="raw" value="1" checked[asked.given("raw").is_some()]; (words.raw) }
                }
            }
        }
    }
}

/// What is shown of a file that cannot be read as it was asked.
fn unread(asked: &Asked, problem: &Problem, language: Language) -> Markup {
    let words = words(language);
    html! {
        p .alert role="alert" {
            (words.not_as_asked) " " (reasons::of_file(&problem.detail, language))
        }
        section .card {
            input type="hidden" name="source" value=(asked.source());
            (reading(asked, None, words))
        }
        div .decide.inline {
            button .button.primary name=(ACT) value="look" { (words.look_again) }
        }
    }
}
