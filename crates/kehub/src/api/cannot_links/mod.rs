//! Cannot-links: "these two homes are different people".

pub(crate) mod describe;
pub(crate) mod list;
pub(crate) mod set;
