//! Customers: upserts, batches of them, lists, and one by its id.

pub(crate) mod batch;
pub(crate) mod body;
pub(crate) mod cursor;
pub(crate) mod describe;
pub(crate) mod describe_decisions;
pub(crate) mod erase;
pub(crate) mod extract;
pub(crate) mod filter;
pub(crate) mod list;
pub(crate) mod one;
pub(crate) mod resolution;
pub(crate) mod results;
pub(crate) mod rows;
pub(crate) mod schemas;
pub(crate) mod upsert;
