//! The pages of the console, as a browser without a script asks for them.
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that panics has failed, and says where"
)]

mod acts;
mod apps;
mod bringing;
mod customer;
mod customers;
mod frame;
mod hub;
mod imports;
mod overview;
mod people;
mod review;
mod settings;
mod webhooks;
mod wechat;
mod why;
