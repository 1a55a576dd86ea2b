//! Conflicts and review entries: what the rules refused, or did although it deserves a look.

pub(crate) mod describe;
pub(crate) mod list;
pub(crate) mod resolve;
