//! Rows to be written: one statement writes all rows of a table, which come as a list for each column, or as
//! one list of rows.

use bytes::{BufMut as _, BytesMut};
use std::error::Error;
use std::fmt;
use tokio_postgres::types::{Field, IsNull, Kind, ToSql, Type, to_sql_checked};

/// A table's rows to be written: what a row holds, and the lists of its columns, which are called as in the
/// table unless it is said otherwise.
macro_rules! columns {
    ($($(#[$doc:meta])* $rows:ident of $row:ident {
        $($column:ident $(as $name:literal)?: $type:ty),* $(,)?
    })*) => {$(
        pub(super) struct $row {
            $(pub(super) $column: $type,)*
        }

        $(#[$doc])*
        #[derive(Default)]
        pub(super) struct $rows {
            $($column: Vec<$type>,)*
        }

        impl $rows {
            pub(super) fn push(&mut self, row: $row) {
                $(self.$column.push(row.$column);)*
            }
        }

        impl Columns for $rows {
            fn args(&self) -> Vec<&(dyn ToSql + Sync)> {
                vec![$(&self.$column),*]
            }

            fn count(&self) -> usize {
                [$(self.$column.len()),*].into_iter().max().unwrap_or_default()
            }

            fn whole(&self) -> &(dyn ToSql + Sync) {
                self
            }

            fn column(&self, name: &str) -> Option<&dyn Column> {
                match name {
                    $(name_of!($column $($name)?) => Some(&self.$column),)*
                    _ => None,
                }
            }
        }

        impl ToSql for $rows {
            fn to_sql(&self, list: &Type, out: &mut BytesMut) -> Result<IsNull, Trouble> {
                put_rows(self, list, out)
            }

            fn accepts(list: &Type) -> bool {
                row_of(list).is_some()
            }

            to_sql_checked!();
        }

        /// What rows hold is nobody's to log.
        impl fmt::Debug for $rows {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($rows)).field("count", &self.count()).finish()
            }
        }
    )*};
}

macro_rules! name_of {
    ($column:ident) => {
        stringify!($column)
    };
    ($column:ident $name:literal) => {
        $name
    };
}

/// Rows of a table.
pub(super) trait Columns {
    /// Each column as an argument, in the order of the statement.
    fn args(&self) -> Vec<&(dyn ToSql + Sync)>;

    /// How many rows there are.
    fn count(&self) -> usize;

    /// All rows as one argument.
    fn whole(&self) -> &(dyn ToSql + Sync);

    /// The column of this name.
    fn column(&self, name: &str) -> Option<&dyn Column>;
}

/// What rows have in a column.
pub(super) trait Column {
    /// That of a row, by its place.
    fn at(&self, place: usize) -> Option<&(dyn ToSql + Sync)>;
}

impl<T: ToSql + Sync> Column for Vec<T> {
    fn at(&self, place: usize) -> Option<&(dyn ToSql + Sync)> {
        self.get(place).map(|value| -> &(dyn ToSql + Sync) { value })
    }
}

type Trouble = Box<dyn Error + Sync + Send>;

/// The type of the rows of a list, and their columns.
fn row_of(list: &Type) -> Option<(&Type, &[Field])> {
    let Kind::Array(row) = list.kind() else { return None };
    let Kind::Composite(fields) = row.kind() else { return None };
    Some((row, fields))
}

/// Writes a list of rows in the binary form of PostgreSQL, with their columns in the order of the table. One
/// that they lack is NULL.
fn put_rows(rows: &dyn Columns, list: &Type, out: &mut BytesMut) -> Result<IsNull, Trouble> {
    let (row, fields) = row_of(list).ok_or("no list of rows")?;
    let columns: Vec<_> =
        fields.iter().map(|field| (field.type_(), rows.column(field.name()))).collect();
    let width = i32::try_from(fields.len())?;
    // A list of one dimension without NULL, whose first place is 1.
    out.put_i32(1);
    out.put_i32(0);
    out.put_u32(row.oid());
    out.put_i32(i32::try_from(rows.count())?);
    out.put_i32(1);
    for place in 0..rows.count() {
        put_sized(out, |out| {
            out.put_i32(width);
            for (kind, column) in &columns {
                out.put_u32(kind.oid());
                // JSON is sent as its text.
                let sent = if **kind == Type::JSON { &Type::TEXT } else { *kind };
                put_sized(out, |out| match column.and_then(|column| column.at(place)) {
                    Some(value) => value.to_sql_checked(sent, out),
                    None => Ok(IsNull::Yes),
                })?;
            }
            Ok(IsNull::No)
        })?;
    }
    Ok(IsNull::No)
}

/// Writes how long something is, and that.
fn put_sized(
    out: &mut BytesMut,
    put: impl FnOnce(&mut BytesMut) -> Result<IsNull, Trouble>,
) -> Result<(), Trouble> {
    let before = out.len();
    out.put_i32(-1);
    let behind = out.len();
    if let IsNull::No = put(out)? {
        let bytes = i32::try_from(out.len() - behind)?;
        out.get_mut(before..behind)
            .ok_or("no place for a length")?
            .copy_from_slice(&bytes.to_be_bytes());
    }
    Ok(())
}

columns! {
    Types of TypeRow { key: i64, name: Box<str>, settings: Option<String> }
    Identities of IdentityRow {
        key: i64,
        kind as "type": i64,
        value: Box<str>,
        raw: Option<Box<str>>,
        name: Option<Box<str>>,
        scope: Option<Box<str>>,
        home: Option<i64>,
        quarantine: bool,
        companions: Option<Vec<u8>>,
        apps: Option<Vec<u8>>,
        pardoned: i64,
    }
    Customers of CustomerRow {
        key: i64,
        live: Option<i64>,
        survivor: Option<i64>,
        homes: i64,
        rev: i64,
        head: i64,
        created_at: i64,
        updated_at: i64,
        seen_at: Option<i64>,
        source: Option<Box<str>>,
        stage: Option<Box<str>>,
        name: Option<Box<str>>,
        external_id: Option<Box<str>>,
        gender: Option<i64>,
        mobile_key: Option<Box<str>>,
        email_key: Option<Box<str>>,
        fields: Option<String>,
        cells: Option<Vec<u8>>,
    }
    Updated of UpdatedRow { customer: i64, tenant: i64, at: i64 }
    Homes of HomeRow {
        key: i64,
        source: Option<Box<str>>,
        stage: Option<Box<str>>,
        name: Option<Box<str>>,
        external_id: Option<Box<str>>,
        gender: Option<i64>,
        fields: Option<String>,
        cells: Option<Vec<u8>>,
    }
    Merges of MergeRow {
        key: i64,
        left_home: i64,
        right_home: i64,
        seq: i64,
        bridge: Option<Vec<u8>>,
        guards: Option<Vec<u8>>,
        undone: Option<i64>,
    }
    Links of LinkRow { low: i64, high: i64, seq: i64 }
    /// Two keys that name a row.
    Pairs of PairRow { one: i64, other: i64 }
    Conflicts of ConflictRow {
        key: i64,
        kind: String,
        rule: String,
        identity: i64,
        left_home: i64,
        right_home: Option<i64>,
        evidence: Option<Vec<u8>>,
        opened: i64,
        settled: Option<i64>,
        settlement: Option<Vec<u8>>,
    }
    Trail of TrailRow { customer: i64, seq: i64 }
    Entries of EntryRow { key: i64, at: i64, entry: Vec<u8> }
    Receipts of ReceiptRow {
        tenant: i64,
        app: i64,
        key: Vec<u8>,
        request: Vec<u8>,
        at: i64,
        seq: i64,
        outcome: Vec<u8>,
    }
    Keys of KeyRow { key: i64 }
}
