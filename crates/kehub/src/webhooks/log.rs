//! The last calls that this hub made to each webhook, in memory: what was delivered is kept nowhere else,
//! only how far, and what was not.

use kehub_core::feed::Cursor;
use kehub_core::webhook::Reason;
use kehub_core::{Micros, TenantId, WebhookId};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Calls that are kept of each webhook.
pub(crate) const CALLS_MAX: usize = 50;

/// A call that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Made {
    /// When it began.
    pub(crate) at: Micros,
    /// Of which event it told.
    pub(crate) place: Cursor,
    /// How long it took, from the look-up of the host to the answer.
    pub(crate) took: Duration,
    /// Why it failed, if it did.
    pub(crate) failed: Option<Reason>,
}

/// The last calls, by webhook.
#[derive(Debug, Default)]
pub(crate) struct CallLog(Mutex<BTreeMap<(TenantId, WebhookId), VecDeque<Made>>>);

impl CallLog {
    /// Adds a call; the oldest one goes where there are more than are kept.
    pub(crate) fn add(&self, webhook: (TenantId, WebhookId), made: Made) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = all.entry(webhook).or_default();
        if calls.len() == CALLS_MAX {
            calls.pop_front();
        }
        calls.push_back(made);
    }

    /// The calls to a webhook, the last one first.
    pub(crate) fn of(&self, webhook: (TenantId, WebhookId)) -> Vec<Made> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&webhook).map_or_else(Vec::new, |calls| calls.iter().rev().copied().collect())
    }

    /// Forgets the calls to webhooks that are gone.
    pub(crate) fn keep(&self, is_there: impl Fn(&(TenantId, WebhookId)) -> bool) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|webhook, _| is_there(webhook));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_calls_to_each_webhook_are_kept() {
        let log = CallLog::default();
        let (one, other) = ((TenantId(1), WebhookId(1)), (TenantId(1), WebhookId(2)));
        let made = |position| Made {
            at: position,
            place: Cursor { position, index: 0 },
            took: Duration::from_millis(7),
            failed: None,
        };
        for position in 1..=60 {
            log.add(one, made(position));
        }
        log.add(other, made(9));
        let kept = log.of(one);
        assert_eq!((kept.len(), kept[0], kept[CALLS_MAX - 1]), (CALLS_MAX, made(60), made(11)));
        log.keep(|webhook| *webhook == other);
        assert_eq!((log.of(one), log.of(other)), (vec![], vec![made(9)]));
    }
}
