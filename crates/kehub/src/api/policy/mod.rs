//! The policy of a tenant: how doubtful cases are decided.

pub(crate) mod body;
pub(crate) mod describe;
pub(crate) mod one;
