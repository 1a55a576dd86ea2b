//! Undecided claims: since a merge was undone, nobody has said whose they are.

pub(crate) mod decide;
pub(crate) mod describe;
pub(crate) mod list;
