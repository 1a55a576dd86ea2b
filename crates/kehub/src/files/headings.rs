//! Which row of a table holds its headings. Readers hand over all rows that are not blank; what stands in them
//! goes on from here. Many tables begin with a title or a note: their headings are further down.

use super::error::{FileError, NoRow, Unfit};
use super::mapping::{Choices, Ignored, Target};
use super::rows::{Met, ROW_BYTES_MAX, Row, Take, Unreadable, text_of};
use std::ops::ControlFlow;

/// Among how many of the first rows that are not blank headings are sought.
pub(super) const SOUGHT_ROWS: usize = 20;
/// Labels that make a row one of headings, where the first row has none. A row of values may have one by chance.
pub(super) const LABELS_MIN: usize = 2;

/// Which row of a table holds its headings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum HeaderRow {
    /// The first one, or the first one with labels where that has none.
    #[default]
    Sought,
    /// The first one that is not blank.
    First,
    /// The one that begins in this line.
    At(u64),
}

/// What stands above the headings, and says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Above {
    /// Rows that are not blank.
    pub(crate) rows: u64,
    /// Where the headings stand.
    pub(crate) headings: u64,
}

/// Which sheet of a workbook is read, if nobody has named one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sheets {
    pub(crate) sheet: String,
    /// Those that are left out.
    pub(crate) others: Vec<String>,
}

/// Whoever tells what is said about columns.
pub(crate) trait Sayings: Send {
    /// All that is said about columns of these headings.
    fn choices(&self, headings: &[String]) -> Choices;

    /// The same as far as it is known before anybody has seen the headings.
    fn known(&self, headings: &[String]) -> Choices {
        self.choices(headings)
    }

    /// Of that, what somebody has said, now or of an earlier file.
    fn said(&self, headings: &[String]) -> Choices {
        self.known(headings)
    }
}

impl<F: Fn(&[String]) -> Choices + Send> Sayings for F {
    fn choices(&self, headings: &[String]) -> Choices {
        self(headings)
    }
}

/// The same, whatever the headings are.
impl Sayings for Choices {
    fn choices(&self, _: &[String]) -> Choices {
        self.clone()
    }
}

/// Whether a heading is a label, whatever is said about columns.
pub(super) fn is_label(heading: &str) -> bool {
    !matches!(Target::guessed(heading), Target::Ignored(Ignored::Unknown | Ignored::Unnamed))
}

/// Rows of a table on their way from its reader, the headings first.
pub(super) struct Heads<'t, 'f> {
    header: HeaderRow,
    sayings: &'t dyn Sayings,
    take: &'t mut Take<'f>,
    /// The first rows, as long as it is not known which of them holds the headings.
    held: Vec<Row>,
    /// The sheet that the rows are of, if others are left out.
    sheets: Option<Sheets>,
    /// Rows above the headings.
    above: u64,
    /// Those of a sheet that goes on with another one, if the headings are among them.
    passed: u64,
    /// Once they are known.
    headings: Option<Vec<String>>,
    /// Whether the headings of the sheet have been met.
    has_begun: bool,
    /// Whether the sheet has other headings than the first one, and so does not go on with it.
    is_other: bool,
}

impl<'t, 'f> Heads<'t, 'f> {
    pub(super) fn new(
        header: HeaderRow,
        sayings: &'t dyn Sayings,
        take: &'t mut Take<'f>,
    ) -> Heads<'t, 'f> {
        Heads {
            header,
            sayings,
            take,
            held: Vec::new(),
            sheets: None,
            above: 0,
            passed: 0,
            headings: None,
            has_begun: false,
            is_other: false,
        }
    }

    /// Takes a row, which is not blank.
    pub(super) fn row(&mut self, row: Row) -> Result<ControlFlow<()>, FileError> {
        if self.has_begun {
            return Ok((self.take)(Met::Row(row)));
        }
        if let Some(headings) = &self.headings {
            self.has_begun = *headings == names_of(&row);
            self.is_other = !self.has_begun && self.passed == self.above;
            self.passed += 1;
            return Ok(ControlFlow::Continue(()));
        }
        match self.header {
            HeaderRow::At(line) if row.line < line => {
                self.above += 1;
                Ok(ControlFlow::Continue(()))
            }
            HeaderRow::At(line) if row.line > line => Err(Unfit::NoHeadings { line }.into()),
            HeaderRow::At(_) | HeaderRow::First => Ok(self.begin(&row)),
            HeaderRow::Sought => Ok(self.seek(row)),
        }
    }

    /// Takes what is no row. Where the headings should be, all others are none either.
    pub(super) fn unreadable(&mut self, line: Unreadable) -> Result<ControlFlow<()>, FileError> {
        if self.settle().is_break() {
            return Ok(ControlFlow::Break(()));
        }
        if self.has_begun {
            return Ok((self.take)(Met::Unreadable(line)));
        }
        if let HeaderRow::At(wanted) = self.header
            && line.line < wanted
        {
            self.above += 1;
            return Ok(ControlFlow::Continue(()));
        }
        Err(no_headings(&line.reason).at(line.line))
    }

    /// The rows that come first are those of this sheet.
    pub(super) fn choose(&mut self, sheets: Sheets) {
        self.sheets = Some(sheets).filter(|sheets| !sheets.others.is_empty());
    }

    /// From here on rows are those of another sheet, which may go on with the one before.
    pub(super) fn sheet(&mut self) -> ControlFlow<()> {
        let flow = self.settle();
        (self.has_begun, self.is_other, self.passed) = (false, false, 0);
        flow
    }

    /// Whether the sheet does not go on with the one before.
    pub(super) fn is_other(&self) -> bool {
        self.is_other
    }

    /// Hands over what is held; if nothing was there, the file is not what it should be.
    pub(super) fn end(mut self, empty: Unfit) -> Result<(), FileError> {
        // Whoever has gone away does not miss the rest.
        if self.settle().is_break() || self.headings.is_some() {
            return Ok(());
        }
        Err(match self.header {
            HeaderRow::At(line) if self.above > 0 => Unfit::NoHeadings { line }.into(),
            HeaderRow::At(_) | HeaderRow::First | HeaderRow::Sought => empty.into(),
        })
    }

    fn begin(&mut self, row: &Row) -> ControlFlow<()> {
        if let Some(sheets) = self.sheets.take() {
            (self.take)(Met::Sheets(sheets))?;
        }
        if self.above > 0 {
            let above = Above { rows: self.above, headings: row.line };
            (self.take)(Met::Above(above))?;
        }
        let names = names_of(row);
        self.headings = Some(names.clone());
        self.has_begun = true;
        (self.take)(Met::Columns(names))
    }

    /// Holds a row until it is known where the headings are.
    fn seek(&mut self, row: Row) -> ControlFlow<()> {
        if self.held.is_empty() && self.is_known(&names_of(&row)) {
            return self.begin(&row);
        }
        self.held.push(row);
        let bytes: usize = self.held.iter().map(|row| row.bytes).sum();
        if self.held.len() < SOUGHT_ROWS && bytes < ROW_BYTES_MAX {
            return ControlFlow::Continue(());
        }
        self.settle()
    }

    /// Chooses the headings among the rows that are held: the first one, if no other has labels.
    fn settle(&mut self) -> ControlFlow<()> {
        let held = std::mem::take(&mut self.held);
        let is_narrow =
            held.iter().all(|row| names_of(row).iter().filter(|it| !it.is_empty()).count() < 2);
        let labels_min = if is_narrow { 1 } else { LABELS_MIN };
        let has_labels = |row: &Row| self.are_headings(&names_of(row), labels_min);
        let place = held.iter().position(has_labels).unwrap_or(0);
        self.above += u64::try_from(place).unwrap_or(0);
        let mut rows = held.into_iter().skip(place);
        let Some(headings) = rows.next() else { return ControlFlow::Continue(()) };
        self.begin(&headings)?;
        rows.try_for_each(|row| (self.take)(Met::Row(row)))
    }

    /// Whether any of these is a label, or something is said about it.
    fn is_known(&self, names: &[String]) -> bool {
        names.iter().any(|name| is_label(name)) || {
            let choices = self.sayings.known(names);
            names.iter().enumerate().any(|(place, name)| choices.mean(place, name))
        }
    }

    /// Whether so many of these are labels, or somebody has named one of them.
    fn are_headings(&self, names: &[String], labels_min: usize) -> bool {
        let labels = names.iter().filter(|name| is_label(name)).count();
        if labels >= labels_min {
            return true;
        }
        let said = self.sayings.said(names);
        names.iter().any(|name| said.name(name))
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
        NoRow::Other(_)
        | NoRow::Broken { .. }
        | NoRow::Members { .. }
        // These are told behind the headings.
        | NoRow::Headings
        | NoRow::Total { .. } => Unfit::EmptyFile,
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::tests::told;
    use super::super::table::{self, delimiter_of};
    use super::*;

    fn read_with(text: &str, header: HeaderRow, choices: &[&str]) -> Result<String, FileError> {
        let mut chosen = Choices::default();
        for choice in choices {
            chosen.add(choice).unwrap();
        }
        let sayings = move |_: &[String]| chosen.clone();
        let delimiter = delimiter_of(text.as_bytes(), header);
        told(|take| table::read(text.as_bytes(), delimiter, Heads::new(header, &sayings, take)))
    }

    fn read(text: &str) -> String {
        read_with(text, HeaderRow::Sought, &[]).unwrap()
    }

    #[test]
    fn a_title_above_the_headings_is_passed_over() {
        let expected = "above 1, headings in line 2\ncolumns 姓名|手机号|城市\n3: 张三|1|北京\n";
        assert_eq!(read("会员登记表,,\n姓名,手机号,城市\n张三,1,北京\n"), expected);
        assert_eq!(read("会员登记表\n姓名;手机号;城市\n张三;1;北京\n"), expected);
        assert_eq!(
            read("会员登记表,,\n\n\"填写,\n说明见下\"\n姓名,手机号,城市\n张三,1,北京"),
            "above 2, headings in line 5\ncolumns 姓名|手机号|城市\n6: 张三|1|北京\n"
        );
        assert_eq!(
            read("基本信息,,其他,\n姓名,手机号,x,y\n张三,1,2,3\n"),
            "above 1, headings in line 2\ncolumns 姓名|手机号|x|y\n3: 张三|1|2|3\n"
        );
        let list = "above 1, headings in line 2\ncolumns 手机号\n3: 1\n";
        assert_eq!(read("名单\n手机号\n1\n"), list);
    }

    #[test]
    fn headings_are_in_the_first_row_unless_others_have_labels() {
        for (text, choices) in [
            ("卡号,姓名,x\n手机号,城市,1\n", &[][..]),
            ("identity:card,x\n手机号,城市\n", &[]),
            ("x,kehub line\n手机号,城市\n", &[]),
            ("卡号,x\n手机号,城市\n", &["卡号=identity:card"]),
            ("卡号,x\n手机号,城市\n", &["#2=name"]),
            // One label may be a value.
            ("卡号,x\n1,城市\n2,电话\n", &[]),
            ("卡号,x\n", &[]),
        ] {
            let told = read_with(text, HeaderRow::Sought, choices).unwrap();
            let first = text.lines().next().unwrap().replace(',', "|");
            assert!(told.starts_with(&format!("columns {first}\n")), "{told}");
        }
        let far = format!("卡号,x\n{}手机号,城市\n", "1,2\n".repeat(SOUGHT_ROWS - 1));
        assert!(read(&far).starts_with("columns 卡号|x\n2: 1|2\n"));
        assert_eq!(read(&far).lines().count(), SOUGHT_ROWS + 1);
        let near = format!("卡号,x\n{}手机号,城市\n", "1,2\n".repeat(SOUGHT_ROWS - 2));
        assert!(read(&near).starts_with("above 19, headings in line 20\n"));
    }

    #[test]
    fn what_is_said_about_columns_tells_where_they_are() {
        let text = "登记表,\n卡号,喜好\n1,茶\n";
        let expected = "above 1, headings in line 2\ncolumns 卡号|喜好\n3: 1|茶\n";
        assert_eq!(read_with(text, HeaderRow::Sought, &["喜好=attr.hobby"]).unwrap(), expected);
        assert_eq!(read_with(text, HeaderRow::At(2), &[]).unwrap(), expected);
        // A number is one of the first row, if that has so many columns.
        let narrow = text.replacen(',', "", 1);
        let choices = ["#2=-", "卡号=identity:card"];
        assert_eq!(read_with(&narrow, HeaderRow::Sought, &choices).unwrap(), expected);
    }

    #[test]
    fn a_line_is_that_of_the_headings_or_none() {
        let text = "姓名,城市\n\n\"x\ny\",z\na;b\n1;2\n";
        let told = read_with(text, HeaderRow::At(5), &[]).unwrap();
        assert_eq!(told, "above 2, headings in line 5\ncolumns a|b\n6: 1|2\n");
        assert!(read_with(text, HeaderRow::At(1), &[]).unwrap().starts_with("columns 姓名|城市"));
        for line in [2, 4, 7, 99] {
            let error = read_with(text, HeaderRow::At(line), &[]).unwrap_err().to_string();
            assert_eq!(error, format!("expected a row of headings in line {line}, found none"));
        }
        let sought = read_with("登记表,\n\"姓\n名\",手机\n\"x", HeaderRow::Sought, &[]).unwrap();
        assert!(sought.starts_with("above 1, headings in line 2\ncolumns 姓\n名|手机\n4! "));
    }
}
