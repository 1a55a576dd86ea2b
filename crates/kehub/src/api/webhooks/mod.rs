//! Webhooks: who is told what happens, and how that goes.

mod body;
pub(crate) mod change;
pub(crate) mod dead_letters;
pub(crate) mod describe;
pub(crate) mod list;
mod settings;
