//! What came of upserts, by quarter hour and by app: counted in memory since the hub began, for a day.
//! Of each tenant only its own.

use kehub_core::outcome::ResultKind;
use kehub_core::{AppNumber, Micros, TenantId};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

const MINUTE: Micros = 60_000_000;
/// One place of the series.
pub(super) const SLOT: Micros = 15 * MINUTE;
/// A day of them.
pub(super) const SLOTS: usize = 96;
/// Seconds over which "now" is counted.
const SECONDS: usize = 60;
const SECOND: Micros = 1_000_000;
/// Apps that are told apart in a tenant; what others send is counted together.
const APPS_MAX: usize = 50;

/// What came of an upsert, in the order of plots; `None` for a refused one.
pub(super) const RESULTS: [Option<ResultKind>; 5] = [
    Some(ResultKind::Created),
    Some(ResultKind::Updated),
    Some(ResultKind::Merged),
    Some(ResultKind::Unchanged),
    None,
];

/// Counts by result, in the order of [`RESULTS`].
pub(super) type Counts = [u32; 5];

/// Counts of all tenants.
#[derive(Debug, Default)]
pub(crate) struct Series(Mutex<HashMap<TenantId, Counted>>);

/// What was counted of one tenant.
#[derive(Clone, Debug)]
struct Counted {
    /// By quarter hour, each with the number of the quarter hour since 1970 that it is about.
    slots: Vec<(i64, Counts)>,
    /// By second, likewise.
    seconds: Vec<(i64, u32)>,
    apps: BTreeMap<Option<AppNumber>, u64>,
}

/// What is told of a tenant.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Told {
    /// The beginning of each quarter hour of the last day, oldest first, and what came of upserts.
    pub(super) slots: Vec<(Micros, Counts)>,
    /// Upserts of the last minute.
    pub(super) last_minute: u32,
    /// Upserts by app, most first; `None` for those beyond what is told apart.
    pub(super) apps: Vec<(Option<AppNumber>, u64)>,
}

impl Counted {
    fn new() -> Counted {
        let (slots, seconds) = (vec![(-1, Counts::default()); SLOTS], vec![(-1, 0); SECONDS]);
        Counted { slots, seconds, apps: BTreeMap::new() }
    }
}

impl Series {
    fn by_tenant(&self) -> MutexGuard<'_, HashMap<TenantId, Counted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an upsert.
    pub(crate) fn count(
        &self,
        tenant: TenantId,
        app: AppNumber,
        result: Option<ResultKind>,
        now: Micros,
    ) {
        let mut by_tenant = self.by_tenant();
        let counted = by_tenant.entry(tenant).or_insert_with(Counted::new);
        let of = RESULTS.iter().position(|known| *known == result).unwrap_or_default();
        if let Some(counts) = current(&mut counted.slots, now.div_euclid(SLOT))
            && let Some(count) = counts.get_mut(of)
        {
            *count = count.saturating_add(1);
        }
        if let Some(count) = current(&mut counted.seconds, now.div_euclid(SECOND)) {
            *count = count.saturating_add(1);
        }
        let known = counted.apps.contains_key(&Some(app)) || counted.apps.len() < APPS_MAX;
        *counted.apps.entry(known.then_some(app)).or_default() += 1;
    }

    /// What was counted of a tenant until now.
    pub(super) fn told(&self, tenant: TenantId, now: Micros) -> Told {
        let newest = now.div_euclid(SLOT);
        let oldest = newest - i64::try_from(SLOTS).unwrap_or(i64::MAX) + 1;
        let by_tenant = self.by_tenant();
        let counted = by_tenant.get(&tenant);
        let slots = (oldest..=newest).map(|slot| {
            let of = counted.and_then(|it| it.slots.iter().find(|(known, _)| *known == slot));
            (slot * SLOT, of.map_or(Counts::default(), |(_, counts)| *counts))
        });
        let slots = slots.collect();
        let Some(counted) = counted else { return Told { slots, ..Told::default() } };
        let second = now.div_euclid(SECOND);
        let since = second - i64::try_from(SECONDS).unwrap_or(i64::MAX);
        let recent = counted.seconds.iter().filter(|(at, _)| *at > since && *at <= second);
        let last_minute = recent.map(|(_, count)| *count).sum();
        let mut apps: Vec<_> = counted.apps.iter().map(|(app, count)| (*app, *count)).collect();
        apps.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        Told { slots, last_minute, apps }
    }
}

/// The place of a number in a ring, emptied if it was about an older one.
fn current<T: Default>(ring: &mut [(i64, T)], number: i64) -> Option<&mut T> {
    let size = i64::try_from(ring.len()).ok()?;
    let place = usize::try_from(number.rem_euclid(size)).ok()?;
    let (known, value) = ring.get_mut(place)?;
    if *known != number {
        (*known, *value) = (number, T::default());
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Micros = 1_777_856_523_250_000;

    #[test]
    fn a_day_is_kept_and_each_tenant_sees_its_own() {
        let series = Series::default();
        let (ours, theirs) = (TenantId(1), TenantId(2));
        let count = |tenant, result, at| series.count(tenant, AppNumber(7), result, at);
        count(ours, Some(ResultKind::Created), NOW - 25 * 60 * MINUTE);
        count(ours, Some(ResultKind::Merged), NOW - 2 * SLOT);
        count(ours, None, NOW - 2 * SLOT);
        count(ours, Some(ResultKind::Created), NOW);
        count(theirs, Some(ResultKind::Updated), NOW);
        let told = series.told(ours, NOW);
        assert_eq!(told.slots.len(), SLOTS);
        assert_eq!(told.slots[SLOTS - 1].1, [1, 0, 0, 0, 0]);
        assert_eq!(told.slots[SLOTS - 3].1, [0, 0, 1, 0, 1]);
        let all: u32 = told.slots.iter().flat_map(|(_, counts)| counts).sum();
        assert_eq!(all, 3, "what is older than a day is gone");
        assert_eq!(told.last_minute, 1);
        assert_eq!(told.apps, [(Some(AppNumber(7)), 4)]);
        assert_eq!(series.told(TenantId(3), NOW).last_minute, 0);
    }

    #[test]
    fn apps_beyond_a_limit_are_counted_together() {
        let series = Series::default();
        for app in 1..=60 {
            series.count(TenantId(1), AppNumber(app), None, NOW);
        }
        let told = series.told(TenantId(1), NOW);
        assert_eq!(told.apps.len(), APPS_MAX + 1);
        assert_eq!(told.apps[0], (None, 10));
    }
}
