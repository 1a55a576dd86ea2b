//! Webhooks: telling other systems the events of the feed.
//!
//! [`deliver`] is one task per hub that tells every webhook of the store; a lease in the store
//! makes it the only one. [`queue`] says what one webhook is told next, [`event`] reads what an
//! event says at the moment in which it is told, [`client`] makes the call to an address that
//! [`address`] lets through, with the signature of [`sign`]. [`log`] keeps the last calls.
//!
//! Delivery is at least once: a place that was told and not yet saved is told again after a crash,
//! under the same id.

pub(crate) mod address;
pub(crate) mod client;
mod deliver;
mod event;
pub(crate) mod log;
mod queue;
pub(crate) mod sign;

pub use deliver::Deliverer;
pub(crate) use event::id as event_id;

use std::time::Duration;

/// How webhooks are told.
#[derive(Clone, Debug)]
pub struct DeliveryOptions {
    /// How long a call may take, from the look-up of its host to its answer.
    pub time_limit: Duration,
    /// The pauses between the tries of one event: one try more than there are pauses, then it is a
    /// dead letter.
    pub pauses: Vec<Duration>,
    /// Calls at the same time, in all and to one webhook.
    pub calls_max: (usize, usize),
    /// How long the lease of the hub that delivers lasts. It is renewed long before.
    pub lease: Duration,
    /// How often progress is saved at most.
    pub save_period: Duration,
    /// How often a hub looks for webhooks, and for events that another process wrote.
    pub look_period: Duration,
}

impl DeliveryOptions {
    /// The pauses unless set otherwise: 10 tries over 22 hours.
    pub const PAUSES_SECONDS: [u64; 9] = [5, 30, 120, 600, 1_800, 3_600, 10_800, 21_600, 39_600];
}

impl Default for DeliveryOptions {
    fn default() -> DeliveryOptions {
        DeliveryOptions {
            time_limit: Duration::from_secs(10),
            pauses: DeliveryOptions::PAUSES_SECONDS.map(Duration::from_secs).to_vec(),
            calls_max: (64, 8),
            lease: Duration::from_secs(30),
            save_period: Duration::from_secs(1),
            look_period: Duration::from_secs(2),
        }
    }
}
