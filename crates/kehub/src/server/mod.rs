//! The server around the wire: who may ask, how long and how much, what is logged and counted.

pub(crate) mod access;
pub(crate) mod context;
mod docs;
mod hub;
pub(crate) mod idempotency;
pub(crate) mod layers;
mod listen;
mod metrics;
mod openapi;
mod paths;
pub(crate) mod problem;
mod recall;
mod router;
pub(crate) mod seldom;
mod status;
pub(crate) mod tokens;

pub(crate) use context::Call;
pub use hub::{Hub, Settings};
pub use listen::{Limits, serve};
pub use openapi::document as openapi;
pub use router::App;
