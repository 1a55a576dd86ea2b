//! Identities: found by value or by customer, attached to one.

pub(crate) mod attach;
pub(crate) mod describe;
pub(crate) mod list;
