//! Imports: files whose rows become customers, while the hub answers others.

mod arrival;
pub(crate) mod body;
pub(crate) mod create;
pub(crate) mod describe;
mod dry;
pub(crate) mod events;
pub(crate) mod list;
pub(crate) mod remove;
pub(crate) mod report;
