//! Tokens.

pub(crate) mod describe;
pub(crate) mod token;
