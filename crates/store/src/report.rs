//! What a look at the whole store finds.

use kehub_core::TenantId;
use std::fmt;

/// Customers of one tenant that a check or a rebuild has in memory at once, unless it is told another
/// number; more of them only where more were joined with each other. With two identities and some fields
/// each, they take 2.5 GB.
pub const CUSTOMERS_AT_ONCE: u32 = 500_000;

/// Something that is not as it must be. It names ids and tables, and never content.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Whose data it is about; `None` for the store as a whole.
    pub tenant: Option<TenantId>,
    /// What is wrong.
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tenant {
            Some(tenant) => write!(f, "tenant {tenant}: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

/// What a check has looked at, and found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What is wrong; no more than [`Report::FINDINGS_MAX`].
    pub findings: Vec<Finding>,
    /// How many more there are.
    pub left_out: u64,
    /// Tenants looked at.
    pub tenants: u64,
    /// Customer ids looked at.
    pub customers: u64,
    /// Identities looked at.
    pub identities: u64,
    /// Journal entries told again.
    pub entries: u64,
}

impl Report {
    /// How many findings are told; more say nothing new.
    pub const FINDINGS_MAX: usize = 1000;

    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }

    pub(crate) fn find(&mut self, tenant: Option<TenantId>, text: impl Into<String>) {
        if self.findings.len() < Report::FINDINGS_MAX {
            self.findings.push(Finding { tenant, text: text.into() });
        } else {
            self.left_out += 1;
        }
    }
}

/// What a rebuild has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Rows that were missing, by what they hold, in the plural.
    pub added: Vec<(&'static str, u64)>,
    /// Rows that were not what the journal says.
    pub replaced: Vec<(&'static str, u64)>,
    /// Rows that should not have been there.
    pub removed: Vec<(&'static str, u64)>,
    /// Whether the indexes of the file were made anew.
    pub reindexed: bool,
    /// What was found afterwards: what the journal cannot mend.
    pub after: Report,
}

/// How many rows a table has, and a hash of all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checksum {
    /// The rows.
    pub rows: u64,
    /// SHA-256 of all columns of all rows, in the order of their keys.
    pub hash: [u8; 32],
}

impl fmt::Display for Checksum {
    /// Enough of the hash for people to compare.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.hash.first_chunk::<8>().unwrap_or(&[0; 8])))
    }
}

/// A table that was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopiedTable {
    /// What it is called.
    pub name: &'static str,
    /// What was read from the source.
    pub source: Checksum,
    /// What was read back from the target.
    pub target: Checksum,
}

/// What a copy has carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The tables, in the order in which they were copied.
    pub tables: Vec<CopiedTable>,
    /// Rows that an earlier run, which did not come to its end, had brought along.
    pub resumed: u64,
    /// What else the target has not right: what it derives from these tables, or its key of tokens.
    pub problems: Vec<String>,
    /// Journal entries that came to the source since, and are not in the copy; `None` if the source
    /// could not be asked any more.
    pub since: Option<u64>,
}

impl Copied {
    /// Whether the target holds exactly what was read. Only then may it be used.
    pub fn is_verified(&self) -> bool {
        self.problems.is_empty() && self.tables.iter().all(|table| table.source == table.target)
    }
}

/// How far a long piece of work has come.
pub trait Progress: Sync {
    /// A step goes on: `done` of `total`, both 0 where nobody can tell.
    fn at(&self, step: &str, done: u64, total: u64);
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn at(&self, _: &str, _: u64, _: u64) {}
}
