//! What identity resolution means: stories that people can read, and the promises that hold for
//! any sequence of requests.
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that panics has failed, and says where"
)]

mod decisions;
mod feed;
mod hub;
mod promises;
mod receipts;
mod stories;
mod undoing;
