//! Kehub, the customer hub, as a library: what the binary is made of, and what tests start.
//!
//! [`server`] answers calls, [`cli`] is what operators type. Handlers hold a store of
//! `kehub_store` and know nothing of SQL.

mod api;
pub mod cli;
pub mod clock;
mod config;
mod console;
pub mod credentials;
mod export;
mod files;
pub mod imports;
pub mod people;
pub mod server;
mod telemetry;
mod v1;
pub mod webhooks;
pub mod wechat;
mod wire;
