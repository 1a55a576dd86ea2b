//! Quarantined identities: what has been seen with too many people to match.

pub(crate) mod body;
pub(crate) mod describe;
pub(crate) mod list;
pub(crate) mod release;
