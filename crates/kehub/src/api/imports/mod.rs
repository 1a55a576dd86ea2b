//! Imports: files whose rows become customers, while the hub answers others.

pub(crate) mod arrival;
pub(crate) mod body;
pub(crate) mod create;
pub(crate) mod describe;
pub(crate) mod dry;
pub(crate) mod events;
pub(crate) mod list;
pub(crate) mod prepare;
pub(crate) mod remove;
pub(crate) mod report;
