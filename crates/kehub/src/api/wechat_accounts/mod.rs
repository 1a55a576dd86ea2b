//! WeChat accounts: bound ones, and the imports of their fans.

pub(crate) mod body;
pub(crate) mod change;
pub(crate) mod describe;
pub(crate) mod list;
mod sent;
