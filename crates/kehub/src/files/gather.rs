//! Tables that have a row for each identity: consecutive rows of one customer become one.

use super::labels::Part;
use super::mapping::{Choices, Mapping};
use super::rows::{Met, ROW_BYTES_MAX, Row, Take, text_of};
use kehub_core::canonical::is_blank;
use std::ops::ControlFlow;

/// Rows that become one at most: more than a customer has identities.
const ROWS_MAX: usize = 200;

/// Tells what somebody says about columns of these headings.
type Choose = Box<dyn FnOnce(&[String]) -> Choices>;

/// Puts rows together that have one id. Without a column of ids, or without identities in rows, it hands
/// on what it is given.
pub(super) struct Gather {
    /// What somebody says about columns of these headings, until they are known.
    choices: Option<Choose>,
    /// Where the id stands, if rows are put together by it.
    id: Option<usize>,
    /// What was put together so far.
    held: Option<Row>,
}

impl Gather {
    pub(super) fn new(choices: impl FnOnce(&[String]) -> Choices + 'static) -> Gather {
        Gather { choices: Some(Box::new(choices)), id: None, held: None }
    }

    /// Takes what a reader meets, and hands on what is whole.
    pub(super) fn meet(&mut self, met: Met, take: &mut Take<'_>) -> ControlFlow<()> {
        match met {
            Met::Columns(columns) => {
                if let Some(choices) = self.choices.take() {
                    self.id = place_of_id(&columns, choices(&columns));
                }
                self.end(take)?;
                take(Met::Columns(columns))
            }
            met @ (Met::Above(_) | Met::Sheets(_)) => take(met),
            Met::Unreadable(line) => {
                self.end(take)?;
                take(Met::Unreadable(line))
            }
            Met::Row(row) if self.id.is_none() => take(Met::Row(row)),
            Met::Row(row) => {
                if let Some(held) = self.held.as_mut().filter(|held| continues(held, &row, self.id))
                {
                    held.bytes += row.bytes;
                    held.further.push(row);
                    return ControlFlow::Continue(());
                }
                self.end(take)?;
                self.held = Some(row);
                ControlFlow::Continue(())
            }
        }
    }

    /// Hands on what is left.
    pub(super) fn end(&mut self, take: &mut Take<'_>) -> ControlFlow<()> {
        self.held.take().map_or(ControlFlow::Continue(()), |row| take(Met::Row(row)))
    }
}

/// Where the id stands, if rows are to be put together by it.
fn place_of_id(columns: &[String], choices: Choices) -> Option<usize> {
    // What is wrong with the choices, whoever asked for them hears.
    let mapping = Mapping::new(columns, choices, false).ok()?;
    mapping.place_of(Part::Value)?;
    mapping.columns.iter().position(super::mapping::Column::is_id)
}

/// Whether a row is about the same customer.
fn continues(held: &Row, row: &Row, id: Option<usize>) -> bool {
    let Some(id) = id else { return false };
    let text = text_of(row.cell(id));
    !is_blank(&text)
        && text == text_of(held.cell(id))
        && held.further.len() + 1 < ROWS_MAX
        && held.bytes + row.bytes <= ROW_BYTES_MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::headings::{HeaderRow, Heads};
    use crate::files::rows::tests::told;
    use crate::files::table;

    fn read(text: &str, choice: Option<&str>) -> String {
        let mut choices = Choices::default();
        if let Some(choice) = choice {
            choices.add(choice).unwrap();
        }
        let mut gather = Gather::new(|_| choices);
        told(|take| {
            let meet = &mut |met| gather.meet(met, take);
            let sayings = |_: &[String]| Choices::default();
            let heads = Heads::new(HeaderRow::First, &sayings, meet);
            table::read(text.as_bytes(), b',', heads)?;
            assert!(gather.end(take).is_continue());
            Ok(())
        })
        .unwrap()
    }

    #[test]
    fn consecutive_rows_of_one_id_are_one() {
        let text = "客户ID,身份类型,身份值\n1,a,A1\n1,b,B1\n2,a,A2\n1,a,A3\n,a,A4\n,a,A5\n";
        let expected = "columns 客户ID|身份类型|身份值\n2: 1|a|A1\n and 3: 1|b|B1\n4: 2|a|A2\n\
                        5: 1|a|A3\n6: |a|A4\n7: |a|A5\n";
        assert_eq!(read(text, None), expected);
    }

    #[test]
    fn other_tables_are_left_alone() {
        for (text, choice) in [
            ("id,name\n1,a\n1,b\n", None),
            ("name,identityType,identityValue\n1,a,A\n1,b,B\n", None),
            ("id,identityType,identityValue\n1,a,A\n1,b,B\n", Some("identityValue=-")),
        ] {
            assert!(!read(text, choice).contains("and"), "{text}");
        }
    }

    #[test]
    fn rows_without_end_are_not_held() {
        let rows = "1,a,A\n".repeat(ROWS_MAX + 1);
        let told = read(&format!("id,identityType,identityValue\n{rows}"), None);
        assert_eq!(told.lines().filter(|line| !line.starts_with(" and")).count(), 3);
    }
}
