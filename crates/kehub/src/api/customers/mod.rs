//! Customers: upserts, and one by its id.

pub(crate) mod body;
pub(crate) mod describe;
pub(crate) mod one;
pub(crate) mod resolution;
pub(crate) mod schemas;
pub(crate) mod upsert;
