//! What both wires are read and written with: JSON as it arrives, values, query strings, moments.
//! Nothing here knows a shape of either wire.

pub(crate) mod json;
pub(crate) mod query;
pub(crate) mod time;
pub(crate) mod values;
pub(crate) mod verdict;
