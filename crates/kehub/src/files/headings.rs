//! Which row of a table holds its headings. Readers hand over all rows that are not blank; what stands in them
//! goes on from here.

use super::error::{FileError, NoRow, Unfit};
use super::rows::{Met, Row, Take, Unreadable, text_of};
use std::ops::ControlFlow;

/// Rows of a table on their way from its reader, the headings first.
pub(super) struct Heads<'t, 'f> {
    take: &'t mut Take<'f>,
    /// Once they are known.
    headings: Option<Vec<String>>,
    /// Whether the headings of the sheet have been met.
    has_begun: bool,
    /// Whether the sheet has other headings than the first one, and so does not go on with it.
    is_other: bool,
}

impl<'t, 'f> Heads<'t, 'f> {
    pub(super) fn new(take: &'t mut Take<'f>) -> Heads<'t, 'f> {
        Heads { take, headings: None, has_begun: false, is_other: false }
    }

    /// Takes a row, which is not blank.
    pub(super) fn row(&mut self, row: Row) -> ControlFlow<()> {
        if std::mem::replace(&mut self.has_begun, true) {
            return (self.take)(Met::Row(row));
        }
        let names = names_of(&row);
        match &self.headings {
            None => {
                self.headings = Some(names.clone());
                (self.take)(Met::Columns(names))
            }
            Some(headings) => {
                self.is_other = *headings != names;
                ControlFlow::Continue(())
            }
        }
    }

    /// Takes what is no row. Where the headings should be, all others are none either.
    pub(super) fn unreadable(&mut self, line: Unreadable) -> Result<ControlFlow<()>, FileError> {
        if self.has_begun {
            return Ok((self.take)(Met::Unreadable(line)));
        }
        Err(no_headings(&line.reason).at(line.line))
    }

    /// From here on rows are those of another sheet, which may go on with the one before.
    pub(super) fn sheet(&mut self) {
        (self.has_begun, self.is_other) = (false, false);
    }

    /// Whether the sheet does not go on with the one before.
    pub(super) fn is_other(&self) -> bool {
        self.is_other
    }

    /// Whether anything was there; otherwise the file is not what it should be.
    pub(super) fn end(self, empty: Unfit) -> Result<(), FileError> {
        self.headings.map(drop).ok_or_else(|| empty.into())
    }
}

/// What columns are called of which a row holds the headings.
fn names_of(row: &Row) -> Vec<String> {
    row.cells.iter().map(|cell| text_of(cell).trim().to_owned()).collect()
}

/// Why there are no headings where there is no row.
fn no_headings(row: &NoRow) -> Unfit {
    match *row {
        NoRow::OpenQuote { .. } | NoRow::StrayQuote { .. } => Unfit::OpenQuote,
        NoRow::Long { most } => Unfit::LongRow { most },
        NoRow::Cells { most, found } => Unfit::TooManyColumns { most, found },
        NoRow::FurtherColumn { most } => Unfit::FurtherColumn { most },
        // JSON has no row of headings.
        NoRow::Other(_) | NoRow::Broken { .. } | NoRow::Members { .. } => Unfit::EmptyFile,
    }
}
