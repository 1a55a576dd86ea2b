//! Identity types: what each says about people, and what the tenant has set for it.

pub(crate) mod body;
pub(crate) mod describe;
pub(crate) mod list;
pub(crate) mod one;
