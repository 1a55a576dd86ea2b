//! The v1 wire, call by call: statuses, headers and bodies are exact, because the clock and the ids
//! are given.
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that panics has failed, and says where"
)]

mod bad_input;
#[path = "../support/captured.rs"]
mod captured;
mod clients;
mod conformance;
mod connections;
mod customer;
mod customers;
mod extras;
mod faults;
mod hub;
mod idempotency;
mod identities;
mod list;
mod logs;
mod openapi;
mod operation;
mod paths;
mod permissions;
mod replay;
mod tenants;
mod token;
mod upsert;
mod users;
