//! The real binary, started, used, killed and started again, as an operator and a newcomer would.
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that panics has failed, and says where"
)]

mod accessibility;
mod administration;
mod api_page;
mod away;
#[expect(dead_code, reason = "pictures are taken with the rest")]
#[path = "../support/browser.rs"]
mod browser;
mod care;
mod console_imports;
mod console_pages;
mod console_people;
mod console_review;
mod console_settings;
mod copy;
mod crash;
mod dry_run;
mod export;
#[cfg(target_os = "linux")]
mod failing_disk;
mod first_run;
mod hub;
mod hubs;
mod import;
mod refused;
mod round_trip;
mod shutdown;
mod tables;
mod users;
mod webhooks;
mod wechat;
#[expect(dead_code, reason = "tests of the API use the rest")]
#[path = "../support/weixin.rs"]
mod weixin;
