//! Merges: made by the rules or by hand, listed, undone.

pub(crate) mod describe;
pub(crate) mod list;
pub(crate) mod make;
pub(crate) mod preview;
pub(crate) mod undo;
