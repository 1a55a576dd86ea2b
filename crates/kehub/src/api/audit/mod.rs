//! The audit log: what people did that the history of customers does not tell.

pub(crate) mod cursor;
pub(crate) mod describe;
pub(crate) mod filter;
pub(crate) mod list;
