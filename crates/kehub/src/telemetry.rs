//! Logs: one line an event, to standard error. Fields are chosen where they are written; none of
//! them is a token, a secret or anything about a person.

use crate::config::{LogFormat, LogLevel};
use std::panic;
use tracing::error;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

/// Starts logging.
pub(crate) fn start(format: LogFormat, level: LogLevel) -> Result<(), TryInitError> {
    let level = match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    // Only our own: what others log about requests is theirs to choose.
    let ours = ["kehub", "kehub_core", "kehub_store"].map(|crate_name| (crate_name, level));
    let ours = Targets::new().with_targets(ours);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Text => lines.with_ansi(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(lines.with_filter(ours)).try_init()?;
    panic::set_hook(Box::new(|panic| {
        // Never the message: it may quote what somebody sent.
        let place = panic.location().map(ToString::to_string);
        error!(place, "a fault of the hub");
    }));
    Ok(())
}
