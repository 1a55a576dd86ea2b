//! Kehub's own API, call by call. Every answer, whatever a test asks for, is held against the
//! description of the API.
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that panics has failed, and says where"
)]

mod access;
mod accounts;
mod apps;
mod batch;
mod browser;
#[path = "../support/captured.rs"]
mod captured;
mod changes;
mod customers;
mod decisions;
mod duplicates;
mod explanations;
mod exports;
mod exports_resumed;
mod hub;
mod idempotency;
mod identities;
mod imports;
mod list;
mod past;
mod people;
mod policy;
mod problems;
mod quarantine;
mod receiver;
mod saved_filters;
mod sessions;
mod tenants;
mod upsert;
mod webhooks;
mod wechat;
#[path = "../support/weixin.rs"]
mod weixin;
