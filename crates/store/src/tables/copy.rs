//! What a copy of a store carries: the tables and columns that all engines have, their values and
//! the checksums of their rows. What an engine keeps for itself, or derives, is not here.

use super::Broken;
use crate::report::Checksum;
use sha2::{Digest as _, Sha256};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Integer,
    /// Yes or no.
    Flag,
    Text,
    /// Text that is JSON, carried as it is.
    Json,
    Bytes,
}

/// A value of a column. Those of one kind are in the order in which engines sort them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Value {
    Null,
    Integer(i64),
    Flag(bool),
    Text(Box<str>),
    Bytes(Box<[u8]>),
}

impl Value {
    /// About how much memory it takes beside itself.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Value::Null | Value::Integer(_) | Value::Flag(_) => 0,
            Value::Text(text) => text.len(),
            Value::Bytes(bytes) => bytes.len(),
        }
    }
}

/// The values of a row, in the order of the columns of its table.
pub(crate) type Row = Box<[Value]>;

/// What becomes of a table's rows that an interrupted copy has brought along, when it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resumed {
    /// They stay: every change of such a table raises a counter that the state of a store is told by.
    Kept,
    /// They are carried anew: the table changes without that, and is small.
    Anew,
}

/// A table that is carried.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// The columns; those of the key come first.
    pub(crate) columns: &'static [(&'static str, Kind)],
    /// How many columns the key has, in whose order rows are read.
    key: usize,
    pub(crate) resumed: Resumed,
}

impl Table {
    /// The columns of the key.
    pub(crate) fn key_columns(&self) -> &'static [(&'static str, Kind)] {
        self.columns.get(..self.key).unwrap_or_default()
    }

    /// The names of all columns, as a statement lists them.
    pub(crate) fn list(&self) -> String {
        names(self.columns)
    }

    /// The names of the columns of the key.
    pub(crate) fn key_list(&self) -> String {
        names(self.key_columns())
    }

    /// The key of a row.
    pub(crate) fn key_of<'r>(&self, row: &'r [Value]) -> &'r [Value] {
        row.get(..self.key).unwrap_or_default()
    }

    /// A key below all there can be.
    pub(crate) fn below(&self) -> Vec<Value> {
        let below = |(_, kind): &(_, Kind)| match kind {
            Kind::Integer => Value::Integer(i64::MIN),
            Kind::Flag => Value::Flag(false),
            Kind::Text | Kind::Json => Value::Text("".into()),
            Kind::Bytes => Value::Bytes([].into()),
        };
        self.key_columns().iter().map(below).collect()
    }
}

fn names(columns: &[(&'static str, Kind)]) -> String {
    columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

/// What is carried, and in which order. A column that a migration adds belongs in here; tests hold the
/// list against the schema of each engine.
pub(crate) const TABLES: &[Table] = &[
    JOURNAL,
    Table {
        name: "customer",
        columns: &[
            ("key", Kind::Integer),
            ("live", Kind::Integer),
            ("survivor", Kind::Integer),
            ("homes", Kind::Integer),
            ("rev", Kind::Integer),
            ("head", Kind::Integer),
            ("created_at", Kind::Integer),
            ("updated_at", Kind::Integer),
            ("seen_at", Kind::Integer),
            ("source", Kind::Text),
            ("stage", Kind::Text),
            ("name", Kind::Text),
            ("external_id", Kind::Text),
            ("gender", Kind::Integer),
            ("mobile_key", Kind::Text),
            ("email_key", Kind::Text),
            ("fields", Kind::Json),
            ("cells", Kind::Bytes),
        ],
        key: 1,
        resumed: Resumed::Kept,
    },
    Table {
        name: "home",
        columns: &[
            ("key", Kind::Integer),
            ("source", Kind::Text),
            ("stage", Kind::Text),
            ("name", Kind::Text),
            ("external_id", Kind::Text),
            ("gender", Kind::Integer),
            ("fields", Kind::Json),
            ("cells", Kind::Bytes),
        ],
        key: 1,
        resumed: Resumed::Kept,
    },
    Table {
        name: "identity",
        columns: &[
            ("key", Kind::Integer),
            ("type", Kind::Integer),
            ("value", Kind::Text),
            ("raw", Kind::Text),
            ("name", Kind::Text),
            ("scope", Kind::Text),
            ("home", Kind::Integer),
            ("quarantine", Kind::Flag),
            ("companions", Kind::Bytes),
            ("apps", Kind::Bytes),
            ("pardoned", Kind::Integer),
        ],
        key: 1,
        resumed: Resumed::Kept,
    },
    Table {
        name: "identity_type",
        columns: &[("key", Kind::Integer), ("name", Kind::Text), ("settings", Kind::Text)],
        key: 1,
        resumed: Resumed::Kept,
    },
    Table {
        name: "merge",
        columns: &[
            ("key", Kind::Integer),
            ("left_home", Kind::Integer),
            ("right_home", Kind::Integer),
            ("seq", Kind::Integer),
            ("bridge", Kind::Bytes),
            ("guards", Kind::Bytes),
            ("undone", Kind::Integer),
        ],
        key: 1,
        resumed: Resumed::Kept,
    },
    Table {
        name: "cannot_link",
        columns: &[("low", Kind::Integer), ("high", Kind::Integer), ("seq", Kind::Integer)],
        key: 2,
        resumed: Resumed::Kept,
    },
    Table {
        name: "conflict",
        columns: &[
            ("key", Kind::Integer),
            ("kind", Kind::Text),
            ("rule", Kind::Text),
            ("identity", Kind::Integer),
            ("left_home", Kind::Integer),
            ("right_home", Kind::Integer),
            ("evidence", Kind::Bytes),
            ("opened", Kind::Integer),
            ("settled", Kind::Integer),
            ("settlement", Kind::Bytes),
        ],
        key: 1,
        resumed: Resumed::Kept,
    },
    Table {
        name: "undecided",
        columns: &[("merge", Kind::Integer), ("claim", Kind::Integer)],
        key: 2,
        resumed: Resumed::Kept,
    },
    Table {
        name: "receipt",
        columns: &[
            ("tenant", Kind::Integer),
            ("app", Kind::Integer),
            ("key", Kind::Bytes),
            ("request", Kind::Bytes),
            ("at", Kind::Integer),
            ("seq", Kind::Integer),
            ("outcome", Kind::Bytes),
        ],
        key: 3,
        resumed: Resumed::Anew,
    },
    Table {
        name: "webhook",
        columns: &[
            ("key", Kind::Integer),
            ("url", Kind::Text),
            ("description", Kind::Text),
            ("kinds", Kind::Text),
            ("enabled", Kind::Flag),
            ("secret", Kind::Bytes),
            ("old_secret", Kind::Bytes),
            ("old_until", Kind::Integer),
            ("created_at", Kind::Integer),
            ("updated_at", Kind::Integer),
            ("epoch", Kind::Integer),
            ("position", Kind::Integer),
            ("place", Kind::Integer),
            ("delivered_at", Kind::Integer),
            ("failed_at", Kind::Integer),
            ("reason", Kind::Text),
            ("status", Kind::Integer),
        ],
        key: 1,
        resumed: Resumed::Anew,
    },
    Table {
        name: "undelivered",
        columns: &[
            ("webhook", Kind::Integer),
            ("position", Kind::Integer),
            ("place", Kind::Integer),
            ("tries", Kind::Integer),
            ("due", Kind::Integer),
            ("failed_at", Kind::Integer),
            ("reason", Kind::Text),
            ("status", Kind::Integer),
        ],
        key: 3,
        resumed: Resumed::Anew,
    },
    Table {
        name: "wechat_account",
        columns: &[
            ("key", Kind::Integer),
            ("app_id", Kind::Text),
            ("name", Kind::Text),
            ("service_type", Kind::Integer),
            ("verify_type", Kind::Integer),
            ("nightly", Kind::Flag),
            ("app_secret", Kind::Bytes),
            ("token", Kind::Bytes),
            ("aes_key", Kind::Bytes),
            ("created_at", Kind::Integer),
            ("updated_at", Kind::Integer),
            ("fans", Kind::Text),
            ("next", Kind::Bytes),
        ],
        key: 1,
        resumed: Resumed::Anew,
    },
    Table {
        name: "import",
        columns: &[
            ("key", Kind::Integer),
            ("app", Kind::Integer),
            ("source", Kind::Text),
            ("bytes", Kind::Integer),
            ("hash", Kind::Bytes),
            ("settings", Kind::Text),
            ("spool", Kind::Text),
            ("state", Kind::Text),
            ("unwanted", Kind::Flag),
            ("holder", Kind::Integer),
            ("until", Kind::Integer),
            ("began_at", Kind::Integer),
            ("changed_at", Kind::Integer),
            ("rows_read", Kind::Integer),
            ("skipped", Kind::Integer),
            ("created", Kind::Integer),
            ("updated", Kind::Integer),
            ("unchanged", Kind::Integer),
            ("merged", Kind::Integer),
            ("conflicts", Kind::Integer),
            ("refused", Kind::Integer),
            ("report", Kind::Text),
            ("report_bytes", Kind::Integer),
            ("error", Kind::Text),
        ],
        key: 1,
        resumed: Resumed::Anew,
    },
    Table {
        name: "hub_user",
        columns: &[
            ("app", Kind::Integer),
            ("login", Kind::Text),
            ("role", Kind::Text),
            ("password", Kind::Text),
            ("password_at", Kind::Integer),
        ],
        key: 1,
        resumed: Resumed::Anew,
    },
    Table {
        name: "session",
        columns: &[
            ("hash", Kind::Bytes),
            ("app", Kind::Integer),
            ("begun_at", Kind::Integer),
            ("seen_at", Kind::Integer),
            ("agent", Kind::Text),
        ],
        key: 1,
        resumed: Resumed::Anew,
    },
    Table {
        name: "attempt",
        columns: &[
            ("key", Kind::Bytes),
            ("app", Kind::Integer),
            ("failed", Kind::Integer),
            ("failed_at", Kind::Integer),
            ("locked_until", Kind::Integer),
        ],
        key: 1,
        resumed: Resumed::Anew,
    },
    Table {
        name: "saved_filter",
        columns: &[
            ("app", Kind::Integer),
            ("name", Kind::Text),
            ("query", Kind::Text),
            ("saved_at", Kind::Integer),
        ],
        key: 2,
        resumed: Resumed::Anew,
    },
    Table {
        name: "audit",
        columns: &[
            ("key", Kind::Integer),
            ("at", Kind::Integer),
            ("app", Kind::Integer),
            ("deed", Kind::Text),
            ("about_kind", Kind::Text),
            ("about", Kind::Integer),
            ("details", Kind::Text),
        ],
        key: 1,
        resumed: Resumed::Anew,
    },
    Table {
        name: "app",
        columns: &[
            ("number", Kind::Integer),
            ("tenant", Kind::Integer),
            ("id", Kind::Text),
            ("name", Kind::Text),
            ("secret_hash", Kind::Bytes),
            ("key_version", Kind::Integer),
            ("permissions", Kind::Text),
            ("created_at", Kind::Integer),
            ("revoked_at", Kind::Integer),
        ],
        key: 1,
        resumed: Resumed::Anew,
    },
    Table {
        name: "tenant",
        columns: &[
            ("id", Kind::Integer),
            ("name", Kind::Text),
            ("preset", Kind::Text),
            ("on_conflict", Kind::Text),
            ("policy_version", Kind::Integer),
            ("created_at", Kind::Integer),
            ("last_customer", Kind::Integer),
            ("last_identity", Kind::Integer),
            ("last_seq", Kind::Integer),
            ("last_merge", Kind::Integer),
            ("last_conflict", Kind::Integer),
            ("last_webhook", Kind::Integer),
            ("last_import", Kind::Integer),
            ("customers_live", Kind::Integer),
            ("customers_male", Kind::Integer),
            ("customers_female", Kind::Integer),
            ("last_wechat", Kind::Integer),
            ("last_audit", Kind::Integer),
        ],
        key: 1,
        resumed: Resumed::Anew,
    },
];

/// Its name, for who derives something from its rows.
pub(crate) const JOURNAL_NAME: &str = "journal";
const JOURNAL: Table = Table {
    name: JOURNAL_NAME,
    columns: &[("key", Kind::Integer), ("at", Kind::Integer), ("entry", Kind::Bytes)],
    key: 1,
    resumed: Resumed::Kept,
};

/// Tables that every store has and that belong to it alone, with what of them is carried otherwise:
/// the key of tokens.
#[cfg(test)]
pub(crate) const OF_EACH_STORE: &[&str] = &["hub", "migration", "copying"];

/// What tells the state of a store: the key that its tokens are signed with, and for each tenant, by
/// id, its number, its policy's version, and its counters.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) token_key: [u8; 32],
    pub(crate) tenants: Vec<Counters>,
}

/// What a tenant counts: id, version of the policy, last customer, identity, entry, merge, conflict,
/// and live customers.
pub(crate) type Counters = [i64; 8];

/// The columns of [`Counters`], as a statement lists them.
pub(crate) const COUNTERS: &str = "SELECT id, policy_version, last_customer, last_identity, last_seq, last_merge, last_conflict, \
     customers_live FROM tenant ORDER BY id";

impl State {
    pub(crate) fn of(token_key: &[u8], tenants: Vec<Counters>) -> Result<State, Broken> {
        let token_key = token_key.try_into().map_err(Broken::because)?;
        Ok(State { token_key, tenants })
    }

    /// A hash of it, and of what this Kehub carries: another one would go on with something else.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for table in TABLES {
            hash.update(format!("{} ({});", table.name, table.list()));
        }
        hash.update(self.token_key);
        for number in self.tenants.iter().flatten() {
            hash.update(number.to_be_bytes());
        }
        hash.finalize().into()
    }

    /// How many journal entries there are in all.
    pub(crate) fn entries(&self) -> u64 {
        self.sum(|[_, _, _, _, entry, ..]| entry)
    }

    /// About how many rows there are.
    pub(crate) fn rows(&self) -> u64 {
        self.sum(|[_, _, customer, identity, entry, merge, conflict, _]| {
            customer + identity + entry + merge + conflict
        })
    }

    fn sum(&self, number: impl Fn(Counters) -> i64) -> u64 {
        let sum = self.tenants.iter().map(|counters| number(*counters)).sum::<i64>();
        u64::try_from(sum).unwrap_or_default()
    }
}

/// How many rows there are, and a hash of all their columns in the order of their keys. That order is
/// the same in every engine, so one hash over everything says more than a sum of hashes, and costs
/// less.
#[derive(Clone, Debug, Default)]
pub(crate) struct Summing {
    rows: u64,
    hash: Sha256,
}

impl Summing {
    pub(crate) fn add(&mut self, row: &[Value]) {
        self.rows += 1;
        for value in row {
            match value {
                Value::Null => self.hash.update([0]),
                Value::Integer(number) => {
                    self.hash.update([1]);
                    self.hash.update(number.to_be_bytes());
                }
                Value::Flag(flag) => self.hash.update([2, u8::from(*flag)]),
                Value::Text(text) => self.add_bytes(3, text.as_bytes()),
                Value::Bytes(bytes) => self.add_bytes(4, bytes),
            }
        }
    }

    fn add_bytes(&mut self, kind: u8, bytes: &[u8]) {
        self.hash.update([kind]);
        self.hash.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        self.hash.update(bytes);
    }

    pub(crate) fn end(self) -> Checksum {
        Checksum { rows: self.rows, hash: self.hash.finalize().into() }
    }
}

/// How many rows are carried at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) rows: usize,
}

impl Size {
    /// A part ends with the row that makes it larger than this, in bytes.
    const BYTES_MAX: usize = 16 << 20;

    /// Whether a part of so many rows and bytes has enough.
    pub(crate) fn is_reached(self, rows: usize, bytes: usize) -> bool {
        rows >= self.rows || bytes > Size::BYTES_MAX
    }

    /// The rows, as an argument of a statement.
    pub(crate) fn limit(self) -> i64 {
        i64::try_from(self.rows).unwrap_or(i64::MAX)
    }
}

/// Why a store is not used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    #[error(
        "a copy of another store into it was begun at {since} and is not finished: run the same \
         `kehub copy` again, or give up what is here and begin with an empty store"
    )]
    Unfinished { since: String },
    #[error(
        "what was copied into it since {since} is of another state of the source, which was written \
         to since, or of another source: empty it, and copy again"
    )]
    OfAnotherState { since: String },
    #[error("it is the store itself, or a finished copy of it; the target has to be empty")]
    Same,
    #[error("there is something in its table `{0}`; the target has to be empty")]
    NotEmpty(&'static str),
    #[error("it is a store of an older Kehub; the target has to be empty")]
    Older,
    #[error("its table `{table}` holds something else than is meant to be in `{column}`")]
    OfAnotherKind { table: &'static str, column: &'static str },
}

#[cfg(test)]
mod tests;
