//! NDJSON: one JSON object a line. Members are columns; those of `attr` are called `attr.KEY`.

use super::error::{FileError, NoRow};
use super::rows::{COLUMNS_MAX, Met, ROW_BYTES_MAX, Row, Take, Unreadable, shortened};
use crate::wire::json::{Json, Object};
use std::collections::HashMap;
use std::io::{BufRead, Read as _};

/// The member that holds custom attributes.
const CUSTOM: &str = "attr";

/// Reads all lines; blank ones are passed over.
pub(super) fn read(mut text: impl BufRead, take: &mut Take<'_>) -> Result<(), FileError> {
    let mut columns = Columns::default();
    let mut buffer = Vec::new();
    let limit = u64::try_from(ROW_BYTES_MAX).unwrap_or(u64::MAX);
    for line in 1.. {
        buffer.clear();
        let read = text.by_ref().take(limit).read_until(b'\n', &mut buffer)?;
        if read == 0 {
            break;
        }
        let unreadable = |text, reason| Met::Unreadable(Unreadable { line, text, reason });
        if read == ROW_BYTES_MAX && !buffer.ends_with(b"\n") {
            let beginning = shortened(&String::from_utf8_lossy(&buffer));
            let met = unreadable(beginning, NoRow::Long { most: ROW_BYTES_MAX });
            text.skip_until(b'\n')?;
            if take(met).is_break() {
                return Ok(());
            }
            continue;
        }
        let bytes = buffer.trim_ascii();
        if bytes.is_empty() {
            continue;
        }
        let row = match Json::parse(bytes) {
            Ok(Json::Object(object)) => columns.row(line, bytes.len(), &object),
            Ok(json) => Err(NoRow::Other(json.kind())),
            Err(error) => Err(error.into()),
        };
        let new = columns.taken();
        if !new.is_empty() && take(Met::Columns(new)).is_break() {
            return Ok(());
        }
        let met = row.map_or_else(
            |reason| unreadable(String::from_utf8_lossy(bytes).into_owned(), reason),
            Met::Row,
        );
        if take(met).is_break() {
            return Ok(());
        }
    }
    Ok(())
}

/// The columns met so far.
#[derive(Default)]
struct Columns {
    places: HashMap<String, usize>,
    new: Vec<String>,
}

impl Columns {
    /// A row, and its columns; of a line that is none, no columns either.
    fn row(&mut self, line: u64, bytes: usize, object: &Object<'_>) -> Result<Row, NoRow> {
        let row = self.cells(Row { line, bytes, ..Row::default() }, object);
        if row.is_err() {
            for name in self.new.drain(..) {
                self.places.remove(&name);
            }
        }
        row
    }

    fn cells(&mut self, mut row: Row, object: &Object<'_>) -> Result<Row, NoRow> {
        for (name, json) in object.iter() {
            match json {
                Json::Object(custom) if name == CUSTOM => {
                    for (key, json) in custom.iter() {
                        self.put(&mut row, &format!("{CUSTOM}.{key}"), json)?;
                    }
                }
                Json::Null if name == CUSTOM => (),
                Json::Null
                | Json::Flag(_)
                | Json::Integer(_)
                | Json::Large(_)
                | Json::Real(_)
                | Json::Text(_)
                | Json::Array(_)
                | Json::Object(_) => self.put(&mut row, name, json)?,
            }
        }
        Ok(row)
    }

    fn put(&mut self, row: &mut Row, name: &str, json: &Json<'_>) -> Result<(), NoRow> {
        let place = match self.places.get(name) {
            Some(place) => *place,
            None if self.places.len() == COLUMNS_MAX => {
                return Err(NoRow::Members { most: COLUMNS_MAX });
            }
            None => {
                let place = self.places.len();
                self.places.insert(name.to_owned(), place);
                self.new.push(name.to_owned());
                place
            }
        };
        if row.cells.len() <= place {
            row.cells.resize(place + 1, Json::Null);
        }
        if let Some(cell) = row.cells.get_mut(place) {
            *cell = json.owned();
        }
        Ok(())
    }

    /// The columns that are new since the last call.
    fn taken(&mut self) -> Vec<String> {
        std::mem::take(&mut self.new)
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::BEGINNING_BYTES_MAX;
    use super::super::rows::tests::told;
    use super::{COLUMNS_MAX, ROW_BYTES_MAX};
    use std::fmt::Write as _;

    #[test]
    fn members_are_columns_as_they_come() {
        let text = "{\"name\":\"王\",\"attr\":{\"size\":38}}\n\n{\"city\":null,\"name\":\"Li\",\"x\":[1]}\n";
        let told = told(|take| super::read(text.as_bytes(), take)).unwrap();
        assert_eq!(
            told,
            "columns name|attr.size\n1: 王|38\ncolumns city|x\n3: Li||| an array\n"
                .replace("| an", "|an")
        );
    }

    #[test]
    fn a_line_that_is_no_object_spoils_no_other() {
        let text = "{\"a\":1\n[1]\n{\"a\":1,\"a\":2}\n{\"a\":3}";
        let told = told(|take| super::read(text.as_bytes(), take)).unwrap();
        let lines: Vec<&str> = told.lines().collect();
        assert!(lines[0].starts_with("1! {\"a\":1 (expected a JSON object: EOF"), "{told}");
        assert_eq!(lines[1], "2! [1] (expected a JSON object, found an array)");
        assert!(lines[2].contains("the key `a` is given twice"), "{told}");
        assert_eq!(lines[3..], ["columns a", "4: 3"]);
    }

    #[test]
    fn a_line_that_is_too_long_spoils_no_other() {
        let long = format!("{{\"a\":\"{}\"}}", "王".repeat(ROW_BYTES_MAX));
        let text = format!("{{\"a\":1}}\n{long}\n{{\"a\":2}}\n{long}");
        let told = told(|take| super::read(text.as_bytes(), take)).unwrap();
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!((lines[1], lines[3], lines.len()), ("1: 1", "3: 2", 5));
        for (line, number) in [(lines[2], 2), (lines[4], 4)] {
            assert!(line.starts_with(&format!("{number}! {{\"a\":\"王王")), "{line:.100}");
            let reason = "王… (expected a row of at most 1048576 bytes, found a longer one)";
            assert!(line.ends_with(reason) && line.len() < 2 * BEGINNING_BYTES_MAX);
        }
    }

    #[test]
    fn an_object_with_too_many_members_leaves_room_for_others() {
        let mut many = String::from("{\"a\":1");
        for number in 0..COLUMNS_MAX {
            write!(many, ",\"m{number}\":1").unwrap();
        }
        let text = format!("{{\"a\":1}}\n{many}}}\n{{\"a\":2,\"b\":3}}");
        let told = told(|take| super::read(text.as_bytes(), take)).unwrap();
        let lines: Vec<&str> = told.lines().collect();
        let reason = "(expected at most 2000 different members, found more)";
        assert!(lines[2].starts_with("2! {\"a\":1,") && lines[2].ends_with(reason), "{told}");
        assert_eq!((lines[1], &lines[3..]), ("1: 1", &["columns b", "3: 2|3"][..]));
    }
}
