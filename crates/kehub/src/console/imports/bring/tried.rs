//! What would come of a file: counts, and the first rows of each kind.

use super::file::Looked;
use super::page::why;
use super::veil::Veil;
use super::words::{Words, words};
use crate::api::imports::dry::{Decided, decide};
use crate::api::problem::Problem;
use crate::console::imports::counts;
use crate::console::imports::words::words as of_imports;
use crate::console::show::{Contacts, Shower, count};
use crate::console::visitor::Visitor;
use crate::console::words::{Language, fill};
use crate::files::clean::CellProblem;
use crate::files::dry_run::{Kind, Sample};
use crate::files::import::RefusedRow;
use crate::files::job::progress_of;
use crate::files::refused::shown as shown_of;
use kehub_core::CustomerId;
use kehub_core::attribute::FieldKey;
use kehub_core::command::Upsert;
use kehub_core::filter::SortKey;
use maud::{Markup, html};
use std::time::{Duration, Instant};

/// How long rows are decided at most, so that whoever waits for the page gets one,
const TIME_MAX: Duration = Duration::from_secs(15);
/// and the part of the time of a request that it may take.
const PART_OF_TIME: f32 = 0.5;

/// Decides the rows of a file, as many as there is time for, and shows what would come of them.
pub(super) async fn section(
    visitor: &Visitor,
    looked: &Looked,
    contacts: Contacts,
) -> Result<Markup, Problem> {
    let (call, shower) = (&visitor.call, Shower { look: &visitor.look, contacts });
    let file = looked.file.as_ref().map_err(Clone::clone)?;
    file.fits()?;
    let time = TIME_MAX.min(call.hub().settings().request_timeout.mul_f32(PART_OF_TIME));
    let until = Instant::now() + time;
    let opened = looked.opened(visitor, file).await?;
    let clean = looked.wishes(file).clean(looked.source.clone(), file.form);
    let mapping = file.chosen.mapping.clone();
    let decided = decide(call, opened, mapping, clean, Some(until)).await?;
    Ok(shown(&decided, shower))
}

fn shown(decided: &Decided, shower: Shower<'_>) -> Markup {
    let language = shower.look.language;
    let (words, of_imports) = (words(language), of_imports(language));
    let progress = progress_of(&decided.counts, (None, 0));
    html! {
        section .card.tried #tried tabindex="-1" {
            h2 { (words.tried) }
            p .spaced .soft { (words.tried_about) }
            @if !decided.is_whole {
                p .alert.info { (fill(words.tried_part, &[&count(progress.rows)])) }
            }
            (counts::tiles(&progress, of_imports))
            @if !decided.samples.is_empty() {
                div .scroll { table .plain.samples {
                    thead { tr {
                        th scope="col" { (words.tried_row) }
                        th scope="col" { (words.tried_says) }
                        th scope="col" { (words.tried_comes) }
                    } }
                    tbody { @for sample in &decided.samples { (row(sample, decided, shower)) } }
                } }
            }
            @if !decided.refused.is_empty() {
                h3 { (words.tried_refused) }
                ul .plain.refusals { @for row in &decided.refused {
                    li {
                        span .soft { (fill(words.line, &[&row.line.to_string()])) } " "
                        (refused(row, decided, shower))
                    }
                } }
            }
        }
    }
}

/// Why a row would be refused: what is wrong in which column.
fn refused(row: &RefusedRow, decided: &Decided, shower: Shower<'_>) -> Markup {
    let (veil, language) = (Veil(shower), shower.look.language);
    let colon = match language {
        Language::En => ": ",
        Language::Zh => "：",
    };
    html! {
        @for (place, CellProblem { column, value, problem }) in row.problems.iter().enumerate() {
            @if place > 0 { "; " }
            @if let Some(column) = column { (veil.text(&decided.mapping.heading(*column))) (colon) }
            (why(problem, shower))
            @if column.is_some() && !value.is_empty() {
                " " (veil.sentence(&format!("`{}`", shown_of(value))))
            }
        }
    }
}

fn row(sample: &Sample, decided: &Decided, shower: Shower<'_>) -> Markup {
    let language = shower.look.language;
    let (words, of_imports) = (words(language), of_imports(language));
    let (name, class) = match sample.kind {
        Kind::Created => (of_imports.created, "good"),
        Kind::Updated => (of_imports.updated, ""),
        Kind::Unchanged => (of_imports.unchanged, ""),
        Kind::Merged => (of_imports.merged, "warn"),
        Kind::InConflict => (of_imports.conflicts, "bad"),
    };
    html! {
        tr {
            td .number { (sample.line) }
            td { (says(&sample.upsert, shower)) }
            td { span .tag.(class) { (name) } " " (comes_to(sample, decided, words)) }
        }
    }
}

/// What a row says.
fn says(upsert: &Upsert, shower: Shower<'_>) -> Markup {
    let (veil, values) = (Veil(shower), upsert.fields.values.iter());
    let values = values.filter_map(|(key, value)| Some((key, value.as_ref()?)));
    let said = values.map(|(key, value)| (called(key, shower), shower.field(key, value)));
    let named =
        upsert.identities.iter().map(|it| (it.kind.clone(), shower.identity(&it.kind, &it.value)));
    html! {
        @for (name, value) in said.chain(named) {
            span .said { span .soft { (name) } " " (veil.text(&value)) } " "
        }
    }
}

fn called(key: &FieldKey, shower: Shower<'_>) -> String {
    let key = match key {
        FieldKey::Builtin(attribute) => SortKey::Attribute(*attribute),
        FieldKey::Custom(key) => SortKey::Custom(key.clone()),
    };
    shower.look.language.field(&key)
}

/// The customers that a row comes to.
fn comes_to(sample: &Sample, decided: &Decided, words: &Words) -> Markup {
    let resolution = &sample.resolution;
    let one = |id: CustomerId| {
        html! {
            @if decided.new.contains(&id) { (words.new_customer) }
            @else { a href={ "/console/customers/" (id) } { "#" (id) } }
        }
    };
    let others: Vec<CustomerId> = match sample.kind {
        Kind::Created | Kind::Updated | Kind::Unchanged => Vec::new(),
        Kind::Merged => resolution.merged.clone(),
        Kind::InConflict => {
            let new = resolution.conflicts.iter().filter(|conflict| conflict.new);
            new.filter_map(|conflict| conflict.with).collect()
        }
    };
    let word = if sample.kind == Kind::Merged { words.joins } else { words.apart_from };
    html! {
        @if sample.kind != Kind::Created { (one(resolution.customer.id)) }
        @for (place, other) in others.iter().enumerate() {
            (if place == 0 { format!(" {word} ") } else { ", ".to_owned() }) (one(*other))
        }
    }
}
