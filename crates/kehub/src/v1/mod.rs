//! The v1 wire of DM Hub, odd forms and all, and nowhere else. `docs/concepts/wire-v1.md` says
//! what it answers; the W-numbers in comments are its decisions.

pub(crate) mod customers;
pub(crate) mod document;
pub(crate) mod examples;
pub(crate) mod identities;
pub(crate) mod problem;
pub(crate) mod schemas;
pub(crate) mod token;
pub(crate) mod users;
pub(crate) mod wechat;
pub(crate) mod wire;
