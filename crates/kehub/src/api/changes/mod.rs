//! The change feed: what happened, in order.

pub(crate) mod cursor;
pub(crate) mod describe;
pub(crate) mod event;
pub(crate) mod list;
