//! The first rows of a file: what stands in each column, and what it is taken for.

use super::veil::Veil;
use crate::console::show::Shower;
use crate::files::clean::{Cleaner, Misfit};
use crate::files::mapping::{Mapping, Target};
use crate::files::rows::{Chunk, Item, Row, text_of};
use kehub_core::attribute::{Attribute, FieldKey, FieldProblem, Value};
use kehub_core::canonical;
use kehub_core::command::Upsert;

/// Values of a column that are shown: of those that fit,
const FIT_MAX: usize = 3;
/// and of those that do not.
const UNFIT_MAX: usize = 2;
/// Rows that do not fit as a whole and are shown.
const ROWS_MAX: usize = 3;
/// Cells that are looked at, so that a page is there at once, however many columns a file has.
const CELLS_MAX: usize = 100_000;
/// Characters of a value that are shown.
const CHARS_MAX: usize = 60;

/// What was looked at.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) rows: usize,
    /// Rows that would be refused for what stands in them.
    pub(super) unfit: usize,
    /// What is wrong with rows that no cell is to blame for, by line.
    pub(super) wrong: Vec<(u64, Misfit)>,
    /// By the places of columns.
    pub(super) columns: Vec<ColumnSeen>,
}

/// A column of them.
#[derive(Debug, Default)]
pub(super) struct ColumnSeen {
    pub(super) values: Vec<ValueSeen>,
    /// Cells that do not fit.
    pub(super) unfit: usize,
}

/// A cell, as it stands and as it is taken.
#[derive(Debug)]
pub(super) struct ValueSeen {
    pub(super) line: u64,
    pub(super) read: String,
    pub(super) said: Result<String, FieldProblem>,
}

/// Looks at the first rows.
pub(super) fn look(
    chunk: &Chunk,
    mapping: &Mapping,
    cleaner: &Cleaner,
    shower: Shower<'_>,
) -> Seen {
    let mut seen = Seen { rows: 0, unfit: 0, wrong: Vec::new(), columns: Vec::new() };
    seen.columns.resize_with(mapping.columns.len(), ColumnSeen::default);
    let rows = CELLS_MAX.checked_div(mapping.columns.len()).unwrap_or(CELLS_MAX).max(1);
    for item in chunk.items.iter().take(rows) {
        seen.rows += 1;
        match item {
            Item::Row(row) => seen.see(row, mapping, cleaner, shower),
            Item::Unreadable(line) => {
                seen.unfit += 1;
                seen.blame(line.line, Misfit::NoRow(line.reason.clone()));
            }
        }
    }
    seen
}

impl Seen {
    /// Whether there are further rows among those that were read.
    pub(super) fn is_cut(&self, chunk: &Chunk) -> bool {
        self.rows < chunk.items.len()
    }

    fn see(&mut self, row: &Row, mapping: &Mapping, cleaner: &Cleaner, shower: Shower<'_>) {
        if let Err(problems) = cleaner.upsert(mapping, row) {
            self.unfit += 1;
            if let Some(problem) = problems.iter().find(|problem| problem.column.is_none()) {
                self.blame(row.line, problem.problem.clone());
            }
        }
        for (place, (column, seen)) in mapping.columns.iter().zip(&mut self.columns).enumerate() {
            let cell = row.cell(place);
            let said = match cleaner.cell(mapping, column, cell) {
                Ok(None) => continue,
                Ok(Some(upsert)) => Ok(upsert),
                Err(problem) => Err(problem),
            };
            let is_fit = said.is_ok();
            seen.unfit += usize::from(!is_fit);
            let shown = seen.values.iter().filter(|value| value.said.is_ok() == is_fit).count();
            if shown >= if is_fit { FIT_MAX } else { UNFIT_MAX } {
                continue;
            }
            let (veil, text) = (Veil(shower), text_of(cell));
            let said = said.map(|upsert| match &column.target {
                Target::Part(_) | Target::Ignored(_) => String::new(),
                Target::Identities
                | Target::Customer
                | Target::Custom(_)
                | Target::Attribute(_)
                | Target::Identity(_) => shortened(&veil.text(&told(&upsert, shower))),
            });
            let read = shortened(&if is_contact(&column.target) {
                veil.contact(&text)
            } else {
                veil.text(&text)
            });
            seen.values.push(ValueSeen { line: row.line, read, said });
        }
    }

    fn blame(&mut self, line: u64, problem: Misfit) {
        if self.wrong.len() < ROWS_MAX {
            self.wrong.push((line, problem));
        }
    }
}

/// Whether a column holds mobiles or e-mails.
fn is_contact(target: &Target) -> bool {
    match target {
        Target::Attribute(attribute) => matches!(attribute, Attribute::Mobile | Attribute::Email),
        Target::Identity(kind) => matches!(&*canonical::type_key(kind), "mobile" | "email"),
        Target::Custom(_)
        | Target::Identities
        | Target::Part(_)
        | Target::Customer
        | Target::Ignored(_) => false,
    }
}

/// What a cell says.
fn told(upsert: &Upsert, shower: Shower<'_>) -> String {
    let fields = &upsert.fields;
    let values = fields.values.iter().filter_map(|(key, value)| Some((key, value.as_ref()?)));
    let mut told: Vec<String> = values.map(|(key, value)| shower.field(key, value)).collect();
    let flags = [
        (Attribute::MobileVerified, fields.mobile_verified),
        (Attribute::EmailVerified, fields.email_verified),
    ];
    let flags = flags.into_iter().filter_map(|(attribute, flag)| Some((attribute, flag?)));
    told.extend(
        flags.map(|(attribute, flag)| {
            shower.field(&FieldKey::Builtin(attribute), &Value::Flag(flag))
        }),
    );
    told.extend(upsert.identities.iter().map(|it| shower.identity(&it.kind, &it.value)));
    told.extend(upsert.matching.customer.map(|id| format!("#{id}")));
    told.join(" | ")
}

/// A value on one line, or its beginning.
fn shortened(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}
