//! Why columns cannot be taken for what somebody says.

use crate::files::sentence::sentences;

sentences! {
    /// Why columns cannot be mapped like this.
    MappingError;
    /// It says nothing of a column.
    NotAPair { found: String } "expected COLUMN=TARGET, found `{found}`";
    /// There is no such target.
    TargetUnknown { found: String, names: String } "expected a target, found `{found}`\nthere are: - to leave a column out, identity:TYPE, attr.KEY, {names}";
    /// There is no such column.
    ColumnUnknown { wanted: String, known: String } "expected a column of the file, found `{wanted}`\nthere are: {known}";
    /// There are several such columns.
    ColumnAmbiguous { wanted: String, first: usize } "`{wanted}` is the heading of several columns: name one by its number, such as #{first}";
    /// Two columns say the same.
    TargetTwice { one: usize, other: usize, target: String } "columns #{one} and #{other} both are `{target}`: leave one out, such as with --map '#{other}=-'";
    /// A mapping is something else.
    NotAMapping { found: String } "a mapping is a JSON object of columns and targets: {found}";
    /// There are no ids to match by.
    NoIds "to match by id, expected a column `id` or `客户ID`, found none";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_as_text_is_known_again() {
        let (one, other, target) = (1, 3, "mobile".to_owned());
        for error in [
            MappingError::TargetTwice { one, other, target },
            MappingError::ColumnAmbiguous { wanted: "a".to_owned(), first: 2 },
            MappingError::ColumnUnknown { wanted: "x".to_owned(), known: "`a`, `b`".to_owned() },
            MappingError::NoIds,
        ] {
            assert_eq!(MappingError::read(&error.to_string()), Some(error));
        }
    }
}
