//! Rows of tables that are about nobody: headings that are printed once more, and totals.

use super::error::NoRow;
use super::mapping::{Ignored, Mapping, Target};
use super::rows::{Row, text_of};
use crate::wire::json::Json;
use kehub_core::canonical::is_blank;

/// What a total begins with.
const TOTALS: [&str; 4] = ["合计", "总计", "小计", "共计"];

/// What a row of a table is instead of a customer, if it is.
pub(super) fn seen(mapping: &Mapping, row: &Row) -> Option<NoRow> {
    if are_headings(mapping, row) {
        return Some(NoRow::Headings);
    }
    total(row).map(|found| NoRow::Total { found })
}

/// Whether all columns hold their own headings.
fn are_headings(mapping: &Mapping, row: &Row) -> bool {
    let mut columns = mapping.columns.iter().enumerate();
    columns.all(|(place, column)| {
        // A report of refused rows says more about them.
        column.target == Target::Ignored(Ignored::Report)
            || is_text(row.cell(place), &column.heading)
    })
}

fn is_text(cell: &Json<'_>, text: &str) -> bool {
    match cell {
        Json::Text(cell) => cell.trim() == text,
        Json::Null => text.is_empty(),
        Json::Flag(_)
        | Json::Integer(_)
        | Json::Large(_)
        | Json::Real(_)
        | Json::Array(_)
        | Json::Object(_) => text_of(cell) == text,
    }
}

/// The word that a total begins with, alone or before a colon.
fn total(row: &Row) -> Option<&'static str> {
    let is_empty = |cell: &Json<'_>| {
        matches!(cell, Json::Null) || matches!(cell, Json::Text(text) if is_blank(text))
    };
    let Json::Text(text) = row.cells.iter().find(|cell| !is_empty(cell))? else { return None };
    let begin = text.split([':', '：']).next().unwrap_or_default();
    let word = begin.chars().filter(|c| !c.is_whitespace());
    TOTALS.into_iter().find(|total| word.clone().eq(total.chars()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::mapping::Choices;
    use std::borrow::Cow;

    fn told(columns: &str, row: &str) -> Option<NoRow> {
        let headings: Vec<String> = columns.split(',').map(str::to_owned).collect();
        let mapping = Mapping::new(&headings, Choices::default(), false).unwrap();
        let cell = |text: &str| match text {
            "" => Json::Null,
            text => Json::Text(Cow::Owned(text.to_owned())),
        };
        let cells = row.split(',').map(cell).collect();
        seen(&mapping, &Row { line: 2, cells, ..Row::default() })
    }

    #[test]
    fn headings_are_known_again() {
        for (columns, row) in [
            ("姓名,手机号,喜好", "姓名, 手机号 ,喜好"),
            ("姓名,,手机号,", "姓名,,手机号"),
            ("name", "name"),
            ("姓名,kehub line,kehub reason", "姓名,7,expected a customer"),
        ] {
            assert_eq!(told(columns, row), Some(NoRow::Headings), "{row}");
        }
        for (columns, row) in
            [("姓名,手机号", "姓名,1"), ("姓名,手机号", "姓名"), ("姓名,手机号", "手机号,姓名")]
        {
            assert_eq!(told(columns, row), None, "{row}");
        }
    }

    #[test]
    fn a_total_is_known_by_its_first_word() {
        for (row, found) in [
            ("合计,12", "合计"),
            (", ,总 计：,12", "总计"),
            ("小计：3 人", "小计"),
            ("共计:3", "共计"),
        ] {
            assert_eq!(told("姓名,手机号,x", row), Some(NoRow::Total { found }), "{row}");
        }
        for row in ["合计明,1", "王芳,合计", "1:合计", ""] {
            assert_eq!(told("姓名,手机号,x", row), None, "{row}");
        }
    }
}
