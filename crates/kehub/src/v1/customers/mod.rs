//! Customers: upserts, one by its id, lists and counts.

pub(crate) mod list;
pub(crate) mod one;
pub(crate) mod upsert;
