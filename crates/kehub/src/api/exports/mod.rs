//! Exports: all customers that match, as a file.

mod body;
pub(crate) mod describe;
pub(crate) mod get;
