//! New customers by day. An index tells them, day by day; what was counted is kept for a while.

use crate::api::{Call, Problem};
use kehub_core::filter::{Condition, Filter, Period};
use kehub_core::{Micros, TenantId};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

const DAY: Micros = 24 * 60 * 60 * 1_000_000;
/// Days that are told, today included.
const DAYS: i64 = 14;
/// How long the count of a day that is not over is told again.
const FRESH: Micros = 60 * 1_000_000;
/// How long that of another day is: it falls when somebody who came then is merged or deleted.
const FRESH_WHEN_OVER: Micros = 15 * FRESH;

/// Counts of days: by tenant and the moment at which the day begins, with when it was counted.
#[derive(Debug, Default)]
pub(crate) struct KeptDays(Mutex<HashMap<(TenantId, Micros), (Micros, u64)>>);

impl KeptDays {
    fn by_day(&self) -> MutexGuard<'_, HashMap<(TenantId, Micros), (Micros, u64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// New customers of the last days, oldest first: the beginning of each day, and how many.
pub(super) async fn days(call: &Call, offset_seconds: i32) -> Result<Vec<(Micros, u64)>, Problem> {
    let (now, tenant, kept) = (call.now(), call.tenant(), call.hub().days());
    let shift = i64::from(offset_seconds) * 1_000_000;
    let today = (now + shift).div_euclid(DAY) * DAY - shift;
    let mut days = Vec::new();
    for begin in (0..DAYS).rev().map(|ago| today - ago * DAY) {
        let end = begin + DAY;
        let known = kept.by_day().get(&(tenant, begin)).copied();
        let life = if end <= now { FRESH_WHEN_OVER } else { FRESH };
        if let Some((_, count)) = known.filter(|(at, _)| now - at < life) {
            days.push((begin, count));
            continue;
        }
        let within = Period { from: Some(begin), before: Some(end) };
        let filter = Filter { conditions: vec![Condition::Created(within)] };
        let count = call.store().customer_count(tenant, &filter).await?;
        kept.by_day().insert((tenant, begin), (now, count));
        days.push((begin, count));
    }
    kept.by_day().retain(|(_, begin), _| *begin > now - (DAYS + 2) * DAY);
    Ok(days)
}
