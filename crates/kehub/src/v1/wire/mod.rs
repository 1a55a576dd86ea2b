//! The shapes of the v1 wire, odd forms and all: what bodies and parameters mean on the way in,
//! how customers look on the way out.

pub(crate) mod answer;
pub(crate) mod extras;
pub(crate) mod fields;
pub(crate) mod filter;
pub(crate) mod resolution;
