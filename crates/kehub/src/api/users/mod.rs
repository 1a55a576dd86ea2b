//! Users: people who sign in to the console, and what they may do.

mod body;
pub(crate) mod change;
pub(crate) mod describe;
pub(crate) mod list;
