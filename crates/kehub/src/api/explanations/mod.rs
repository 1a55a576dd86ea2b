//! Explanations: why two identities or customers are one, or are not.

pub(crate) mod body;
pub(crate) mod describe;
pub(crate) mod get;
pub(crate) mod sides;
