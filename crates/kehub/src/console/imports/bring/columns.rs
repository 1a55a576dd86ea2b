//! The columns of a file: what each is taken for, and what that makes of its first values.

use super::asked::{NAME, Pick, TARGET};
use super::chosen::Wrong;
use super::file::File;
use super::options::Options;
use super::seen::{ColumnSeen, Seen, ValueSeen};
use super::veil::Veil;
use super::words::words;
use crate::console::reasons;
use crate::console::show::Shower;
use crate::console::words::{Language, fill};
use crate::files::mapping::{Column, Target};
use kehub_core::attribute::FieldProblem;
use maud::{Markup, html};
use std::collections::BTreeMap;

/// Columns that are shown, and can be chosen for, at most.
pub(super) const SHOWN_MAX: usize = 200;

/// All columns.
pub(super) fn section(
    shower: Shower<'_>,
    picks: &BTreeMap<usize, Pick>,
    file: &File,
    seen: &Seen,
    options: &Options,
) -> Markup {
    let language = shower.look.language;
    let words = words(language);
    let columns = &file.chosen.mapping.columns;
    let further = columns.len().saturating_sub(SHOWN_MAX);
    html! {
        section .card {
            h2 { (words.columns) }
            ol .plain.mapping {
                @for (place, (column, seen)) in columns.iter().zip(&seen.columns).take(SHOWN_MAX).enumerate() {
                    @let heading = heading(column, shower);
                    @let wrong = file.chosen.wrong.contains_key(&place);
                    @let pick = picks.get(&place).filter(|_| wrong).cloned();
                    @let pick = pick.unwrap_or_else(|| options.pick(&column.target));
                    li .wrong[wrong] .out[!wrong && matches!(column.target, Target::Ignored(_))] {
                        div .heading {
                            b { (heading) }
                            span .note { (fill(words.column, &[&(place + 1).to_string()])) }
                        }
                        (chooser(place, &heading, &pick, wrong, options, language))
                        div .values {
                            (said_of(file, place, shower))
                            (values(seen, language))
                        }
                    }
                }
            }
            @if further > 0 { p .note { (fill(words.more_columns, &[&further.to_string()])) } }
        }
    }
}

/// What a column is called. In a file without headings that is what its first row says.
fn heading(column: &Column, shower: Shower<'_>) -> String {
    let words = words(shower.look.language);
    if column.heading.trim().is_empty() {
        return words.no_heading.to_owned();
    }
    Veil(shower).text(&column.heading)
}

/// What a column is, to be chosen.
fn chooser(
    place: usize,
    heading: &str,
    pick: &Pick,
    is_wrong: bool,
    options: &Options,
    language: Language,
) -> Markup {
    let words = words(language);
    let (target, name) = (format!("{TARGET}{}", place + 1), format!("{NAME}{}", place + 1));
    html! {
        div .chooser {
            select id=(target) name=(target) aria-label=(fill(words.taken_for, &[heading]))
                aria-invalid=[is_wrong.then_some("true")] aria-describedby=[is_wrong.then(|| why_of(place))] {
                (options.shown(&pick.target, language))
            }
            input .only-open id=(name) name=(name) value=(pick.name) placeholder=(words.name_hint)
                aria-label=(fill(words.name_for, &[heading])) autocomplete="off" maxlength="64";
        }
    }
}

/// Where it is said why a choice does not fit.
fn why_of(place: usize) -> String {
    format!("why{}", place + 1)
}

/// What is to be known of a choice.
fn said_of(file: &File, place: usize, shower: Shower<'_>) -> Markup {
    let words = words(shower.look.language);
    let other = |place: usize| Veil(shower).text(&file.chosen.mapping.heading(place));
    html! {
        @match file.chosen.wrong.get(&place) {
            Some(Wrong::Unknown) => p .error id=(why_of(place)) { (words.wrong_unknown) },
            Some(Wrong::Taken(by)) => p .error id=(why_of(place)) { (fill(words.wrong_taken, &[&other(*by)])) },
            None => {
                @if let Some(by) = file.chosen.spare.get(&place) {
                    p .note { (fill(words.spare, &[&other(*by)])) }
                }
            },
        }
    }
}

/// The first values, as they stand and as they are taken.
fn values(seen: &ColumnSeen, language: Language) -> Markup {
    let words = words(language);
    html! {
        @if seen.values.is_empty() {
            p .note { (words.no_values) }
        } @else {
            ul .plain { @for value in &seen.values { (value_of(value, language)) } }
        }
        @if seen.unfit > 0 {
            p .error { (fill(words.unfit_cells, &[&seen.unfit.to_string()])) }
        }
    }
}

fn value_of(value: &ValueSeen, language: Language) -> Markup {
    let ValueSeen { line, read, said } = value;
    let line = fill(words(language).line, &[&line.to_string()]);
    html! {
        li title=(line) {
            @match said {
                Ok(said) if said == read || said.is_empty() => span .value { (read) },
                Ok(said) => {
                    span .read { (read) } " → " span .value { (said) }
                },
                Err(problem) => {
                    span .read.bad { (read) } " " (why(problem, language))
                },
            }
        }
    }
}

/// Why a cell does not fit.
fn why(problem: &FieldProblem, language: Language) -> Markup {
    html! { span .error lang=[reasons::tag_of(problem, language)] { (reasons::told(problem, language)) } }
}
