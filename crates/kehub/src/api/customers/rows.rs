//! The rows of a batch, told apart while the body arrives: a JSON array, or a value a line. Only the
//! row that is arriving is held.

use crate::api::problem::{Code, Problem};

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// How rows are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `[row, row]`
    Array,
    /// A row a line; blank lines are none.
    Lines,
}

impl Form {
    /// The form that a media type stands for.
    pub(crate) fn of_media(media: &str) -> Option<Form> {
        let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match media.as_str() {
            "application/json" => Some(Form::Array),
            "application/x-ndjson"
            | "application/ndjson"
            | "application/jsonl"
            | "application/x-jsonlines" => Some(Form::Lines),
            _ => None,
        }
    }
}

/// Where in the body the splitter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Before the first byte that says something.
    Start,
    /// In a row of an array, or before it: how deep, and whether in a text.
    Row { depth: usize, text: Text },
    /// Behind the array.
    End,
    /// In a line.
    Line,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Text {
    Outside,
    Inside,
    /// Behind a backslash.
    Escaped,
}

/// Tells rows apart. Whether a row is JSON is for its reader to find out: where rows end can be
/// told all the same, so that a bad one spoils none of its neighbours.
#[derive(Debug)]
pub(crate) struct Splitter {
    form: Option<Form>,
    place: Place,
    row: Vec<u8>,
    /// Rows that are complete.
    count: usize,
}

impl Splitter {
    /// Without a form the first byte decides.
    pub(crate) fn new(form: Option<Form>) -> Splitter {
        Splitter { form, place: Place::Start, row: Vec::new(), count: 0 }
    }

    /// Takes what arrived, and hands on each row that is complete with it.
    pub(crate) fn push(
        &mut self,
        bytes: &[u8],
        take: &mut impl FnMut(&[u8]) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        for byte in bytes {
            match self.place {
                Place::Start => self.start(*byte)?,
                Place::Row { depth, text } => self.in_array(*byte, depth, text, take)?,
                Place::End if byte.is_ascii_whitespace() => (),
                Place::End => return Err(unreadable("more behind the array")),
                Place::Line if *byte == b'\n' => self.complete_line(take)?,
                Place::Line => self.row.push(*byte),
            }
        }
        Ok(())
    }

    /// The body is complete.
    pub(crate) fn end(
        mut self,
        take: &mut impl FnMut(&[u8]) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        match self.place {
            Place::Start if self.form == Some(Form::Lines) => Ok(()),
            Place::Start => Err(unreadable("nothing")),
            Place::Row { .. } => {
                Err(unreadable(&format!("an end of the body within row {}", self.count)))
            }
            Place::End => Ok(()),
            Place::Line => self.complete_line(take),
        }
    }

    fn start(&mut self, byte: u8) -> Result<(), Problem> {
        let is_mark = BYTE_ORDER_MARK.get(self.row.len()) == Some(&byte);
        if is_mark {
            self.row.push(byte);
        }
        if byte.is_ascii_whitespace() || is_mark {
            return Ok(());
        }
        self.row.clear();
        let by_byte = if byte == b'[' { Form::Array } else { Form::Lines };
        match *self.form.get_or_insert(by_byte) {
            Form::Array if byte == b'[' => {
                self.place = Place::Row { depth: 0, text: Text::Outside };
            }
            Form::Array => return Err(unreadable("something else")),
            Form::Lines => {
                self.row.push(byte);
                self.place = Place::Line;
            }
        }
        Ok(())
    }

    fn in_array(
        &mut self,
        byte: u8,
        depth: usize,
        text: Text,
        take: &mut impl FnMut(&[u8]) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        let (depth, text) = match (text, byte) {
            (Text::Inside, b'\\') => (depth, Text::Escaped),
            (Text::Inside, b'"') => (depth, Text::Outside),
            (Text::Inside | Text::Escaped, _) | (Text::Outside, b'"') => (depth, Text::Inside),
            (Text::Outside, b'{' | b'[') => (depth + 1, text),
            (Text::Outside, b',' | b']') if depth == 0 => {
                return self.complete_row(byte == b']', take);
            }
            (Text::Outside, b'}' | b']') => (depth.saturating_sub(1), text),
            (Text::Outside, _) => (depth, text),
        };
        self.row.push(byte);
        self.place = Place::Row { depth, text };
        Ok(())
    }

    fn complete_row(
        &mut self,
        is_last: bool,
        take: &mut impl FnMut(&[u8]) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        let is_empty = self.row.trim_ascii().is_empty();
        if is_empty && !(is_last && self.count == 0) {
            return Err(unreadable(&format!("nothing in the place of row {}", self.count)));
        }
        if !is_empty {
            take(&self.row)?;
            self.count += 1;
            self.row.clear();
        }
        self.place =
            if is_last { Place::End } else { Place::Row { depth: 0, text: Text::Outside } };
        Ok(())
    }

    fn complete_line(
        &mut self,
        take: &mut impl FnMut(&[u8]) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        if !self.row.trim_ascii().is_empty() {
            take(&self.row)?;
            self.count += 1;
        }
        self.row.clear();
        Ok(())
    }
}

fn unreadable(found: &str) -> Problem {
    let detail = format!("expected an array of rows, or a row a line, found {found}");
    Problem::new(Code::BodyNotJson, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of a body that arrives in pieces of this size.
    fn split(form: Option<Form>, body: &str, size: usize) -> Result<Vec<String>, Problem> {
        let mut rows = Vec::new();
        let mut take = |row: &[u8]| {
            rows.push(String::from_utf8(row.trim_ascii().to_vec()).unwrap());
            Ok(())
        };
        let mut splitter = Splitter::new(form);
        for piece in body.as_bytes().chunks(size) {
            splitter.push(piece, &mut take)?;
        }
        splitter.end(&mut take)?;
        Ok(rows)
    }

    #[test]
    fn rows_are_the_same_however_the_body_arrives() {
        let array = r#" [ {"a":"],\"{"} , [1,[2]],"x\\", 7 ,{a:}] "#;
        let lines = "\u{FEFF}{\"a\":1}\r\n\n  \n[2]\nno JSON\n{\"b\":\n7";
        for size in [1, 2, 3, 7, 1000] {
            let rows = [r#"{"a":"],\"{"}"#, "[1,[2]]", r#""x\\""#, "7", "{a:}"];
            assert_eq!(split(None, array, size).unwrap(), rows);
            let rows = [r#"{"a":1}"#, "[2]", "no JSON", r#"{"b":"#, "7"];
            assert_eq!(split(None, lines, size).unwrap(), rows);
        }
        assert_eq!(split(Some(Form::Lines), "[1]\n[2]", 2).unwrap(), ["[1]", "[2]"]);
    }

    #[test]
    fn nothing_is_no_row() {
        assert_eq!(split(None, "[]", 1).unwrap(), Vec::<String>::new());
        assert_eq!(split(None, " [ ] \n", 1).unwrap(), Vec::<String>::new());
        assert_eq!(split(Some(Form::Lines), " \n\n", 1).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_body_whose_rows_cannot_be_told_apart_is_refused() {
        for body in ["", " ", "[", "[1", "[1,", "[1,]", "[,1]", "[1,,2]", "[1]2", r#"["a]"#] {
            assert_eq!(split(None, body, 1).unwrap_err().code, Code::BodyNotJson, "{body}");
        }
        assert!(split(Some(Form::Array), r#"{"a":1}"#, 1).is_err());
    }

    #[test]
    fn media_types_name_the_form() {
        assert_eq!(Form::of_media("application/json; charset=utf-8"), Some(Form::Array));
        assert_eq!(Form::of_media("Application/X-NDJSON"), Some(Form::Lines));
        assert_eq!(Form::of_media("application/x-www-form-urlencoded"), None);
    }
}
