//! Rows to be written, a list for each column: one statement writes all rows of a table.

use tokio_postgres::types::ToSql;

/// A table's rows to be written: what a row holds, and the lists of its columns.
macro_rules! columns {
    ($($(#[$doc:meta])* $rows:ident of $row:ident { $($column:ident: $type:ty),* $(,)? })*) => {$(
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
        }
    )*};
}

/// Lists of columns.
pub(super) trait Columns {
    /// Each column as an argument, in the order of the statement.
    fn args(&self) -> Vec<&(dyn ToSql + Sync)>;

    /// How many rows there are.
    fn count(&self) -> usize;
}

columns! {
    Types of TypeRow { key: i64, name: Box<str>, settings: Option<String> }
    Identities of IdentityRow {
        key: i64,
        kind: i64,
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
    Tenants of TenantRow {
        id: i64,
        live: i64,
        male: i64,
        female: i64,
        customer: i64,
        identity: i64,
        seq: i64,
        merge: i64,
        conflict: i64,
        types: i64,
        preset: &'static str,
        on_conflict: &'static str,
        policy: i64,
    }
    Keys of KeyRow { key: i64 }
}
