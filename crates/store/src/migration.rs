//! Numbered migrations: what a store needs before this Kehub can use it, whatever the engine.

use sha2::{Digest as _, Sha256};

/// A step of the schema. One that has been released is never changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migration {
    /// Its place: 1 and upwards, without gaps.
    pub number: i64,
    /// What it is called: `0001_start`.
    pub name: &'static str,
    /// What it does.
    pub sql: &'static str,
}

impl Migration {
    /// Its statements, each of which ends at the end of a line.
    pub(crate) fn statements(&self) -> impl Iterator<Item = &'static str> {
        let ends =
            |line: &str| !line.trim_start().starts_with("--") && line.trim_end().ends_with(';');
        let mut rest = self.sql;
        std::iter::from_fn(move || {
            let mut end = 0;
            let end = rest.split_inclusive('\n').find_map(|line| {
                end += line.len();
                ends(line).then_some(end)
            })?;
            let (statement, others) = rest.split_at(end);
            rest = others;
            Some(statement)
        })
    }

    /// What tells its text from any other.
    pub(crate) fn checksum(&self) -> String {
        hex::encode(Sha256::digest(self.sql.as_bytes()))
    }
}

/// A migration by the name of its file.
macro_rules! migration {
    ($engine:literal, $number:literal, $name:literal) => {
        $crate::migration::Migration {
            number: $number,
            name: $name,
            sql: include_str!(concat!("../../migrations/", $engine, "/", $name, ".sql")),
        }
    };
}
pub(crate) use migration;

/// Why a store is left alone.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfit {
    #[error(
        "it was written by a newer Kehub: its schema is {newest}, this one knows {known}; use \
         that one, or restore a backup from before it"
    )]
    Newer { newest: i64, known: i64 },
    #[error("its migration {0} is not the one this Kehub knows: it was made by another program")]
    Another(i64),
    #[error("its migration {0} is missing, though later ones were applied")]
    Missing(i64),
}

/// Those of all migrations that are still to be applied, in order, to a store that notes these
/// numbers and checksums, in order.
pub(crate) fn due(
    all: &'static [Migration],
    applied: &[(i64, String)],
) -> Result<&'static [Migration], Unfit> {
    let known = all.last().map_or(0, |migration| migration.number);
    if let Some((newest, _)) = applied.last().filter(|(newest, _)| *newest > known) {
        return Err(Unfit::Newer { newest: *newest, known });
    }
    for (migration, (number, checksum)) in all.iter().zip(applied) {
        if migration.number != *number {
            return Err(Unfit::Missing(migration.number));
        }
        if migration.checksum() != *checksum {
            return Err(Unfit::Another(*number));
        }
    }
    Ok(all.get(applied.len()..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &[Migration] = &[
        Migration { number: 1, name: "0001_one", sql: "one" },
        Migration { number: 2, name: "0002_two", sql: "two" },
        Migration { number: 3, name: "0003_three", sql: "three" },
    ];

    fn applied(numbers: &[usize]) -> Vec<(i64, String)> {
        numbers.iter().map(|number| (ALL[number - 1].number, ALL[number - 1].checksum())).collect()
    }

    #[test]
    fn a_statement_ends_with_its_line_but_not_with_a_comment() {
        let sql = "-- First;\nSELECT ';' AS x,\n    1; \n\nSELECT 2;\n-- No more.\n";
        let migration = Migration { number: 1, name: "0001_one", sql };
        let found: Vec<&str> = migration.statements().map(str::trim).collect();
        assert_eq!(found, ["-- First;\nSELECT ';' AS x,\n    1;", "SELECT 2;"]);
    }

    #[test]
    fn what_is_due_are_those_behind_the_last_one() {
        assert_eq!(due(ALL, &[]), Ok(ALL));
        assert_eq!(due(ALL, &applied(&[1, 2])), Ok(&ALL[2..]));
        assert_eq!(due(ALL, &applied(&[1, 2, 3])), Ok(&ALL[3..]));
    }

    #[test]
    fn a_store_that_is_not_of_these_migrations_is_unfit() {
        let mut newer = applied(&[1, 2, 3]);
        newer.push((4, "later".to_owned()));
        assert_eq!(due(ALL, &newer), Err(Unfit::Newer { newest: 4, known: 3 }));
        assert_eq!(due(ALL, &applied(&[1, 3])), Err(Unfit::Missing(2)));
        assert_eq!(due(ALL, &applied(&[2])), Err(Unfit::Missing(1)));
        let mut changed = applied(&[1, 2]);
        changed[1].1 = "another".to_owned();
        assert_eq!(due(ALL, &changed), Err(Unfit::Another(2)));
    }
}
