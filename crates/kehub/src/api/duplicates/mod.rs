//! Duplicates: who looks like one person, for people to review.

pub(crate) mod describe;
pub(crate) mod kept;
pub(crate) mod list;
