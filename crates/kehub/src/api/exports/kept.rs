//! Exports that were made lately, for whoever lost the connection and fetches the rest.

use super::growing::{Growing, Length};
use crate::api::Call;
use axum::http::HeaderMap;
use kehub_core::{AppNumber, Micros, TenantId};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long an export is kept once it is whole.
const LIFE: Duration = Duration::from_hours(1);
const LIFE_MICROS: Micros = 60 * 60 * 1_000_000;
/// Exports that are kept of a tenant, and of all of them: the oldest give way.
const OF_TENANT: usize = 4;
const OF_HUB: usize = 16;
/// Bytes of the disk that exports of a hub take up, unless the newest alone takes more.
const BYTES_OF_HUB: u64 = 4 << 30;
/// Bytes of an id that nobody guesses.
const ID_BYTES: usize = 16;

/// Who has asked for an export. Nobody else gets it; a user is an app of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    tenant: TenantId,
    app: AppNumber,
}

impl Owner {
    pub(super) fn of(call: &Call) -> Owner {
        Owner { tenant: call.tenant(), app: call.app().number }
    }
}

/// An export that is being made, or was.
#[derive(Debug)]
pub(super) struct Export {
    pub(super) id: Box<str>,
    pub(super) owner: Owner,
    /// The parameters that it was asked for with, as they were sent.
    pub(super) asked: Box<str>,
    /// What every answer says about it.
    pub(super) headers: HeaderMap,
    pub(super) file: Growing,
}

/// An id for an export.
pub(super) fn draw_id() -> Result<Box<str>, getrandom::Error> {
    let mut random = [0; ID_BYTES];
    getrandom::fill(&mut random)?;
    Ok(hex::encode(random).into())
}

#[derive(Debug)]
struct Kept {
    export: Arc<Export>,
    /// Known once it is whole.
    until: Option<Micros>,
}

impl Kept {
    fn is_over(&self, now: Micros) -> bool {
        self.until.is_some_and(|until| now >= until) || self.export.file.length().is_none()
    }
}

/// How many times somebody was erased.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Erasures(u64);

/// Exports that can be fetched again, the oldest first. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeptExports(Arc<Mutex<Shelf>>);

#[derive(Debug, Default)]
struct Shelf {
    kept: Vec<Kept>,
    erasures: Erasures,
}

impl KeptExports {
    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be looked at before the store is walked for an export.
    pub(super) fn erasures(&self) -> Erasures {
        self.shelf().erasures
    }

    /// Keeps an export, for which older ones may have to go; unless somebody was erased `since` its moment,
    /// who may be in it.
    pub(super) fn add(&self, export: Arc<Export>, since: Erasures, now: Micros) {
        let tenant = export.owner.tenant;
        let is_ours = |it: &Kept| it.export.owner.tenant == tenant;
        let mut held = self.shelf();
        if held.erasures != since {
            return;
        }
        let kept = &mut held.kept;
        let mut gone: Vec<Kept> = kept.extract_if(.., |it| it.is_over(now)).collect();
        kept.push(Kept { export, until: None });
        let too_many = kept.iter().filter(|it| is_ours(it)).count().saturating_sub(OF_TENANT);
        gone.extend(kept.extract_if(.., |it| is_ours(it)).take(too_many));
        let too_many = kept.len().saturating_sub(OF_HUB);
        gone.extend(kept.drain(..too_many));
        gone.extend(beyond(kept, BYTES_OF_HUB));
        drop(held);
        let_go(gone);
    }

    /// The export of this id, if it is kept and this caller has asked for it.
    pub(super) fn find(&self, id: &str, owner: Owner, now: Micros) -> Option<Arc<Export>> {
        let held = self.shelf();
        let found = held.kept.iter().find(|it| *it.export.id == *id && it.export.owner == owner);
        found.filter(|it| !it.is_over(now)).map(|it| Arc::clone(&it.export))
    }

    /// From now on an export is whole: it is kept for its time.
    pub(super) fn keep_whole(&self, id: &str, now: Micros) {
        let mut held = self.shelf();
        let found = held.kept.iter_mut().find(|it| *it.export.id == *id);
        let Some(found) = found else { return };
        found.until = Some(now.saturating_add(LIFE_MICROS));
        let gone = beyond(&mut held.kept, BYTES_OF_HUB);
        drop(held);
        let_go(gone);
        // Its file goes also if nobody asks for any.
        let (all, id) = (self.clone(), id.to_owned());
        tokio::spawn(async move {
            tokio::time::sleep(LIFE).await;
            all.forget(&id);
        });
    }

    /// Keeps an export no longer.
    pub(super) fn forget(&self, id: &str) {
        let gone = self.shelf().kept.extract_if(.., |it| *it.export.id == *id).collect();
        let_go(gone);
    }

    /// Somebody of this tenant was erased, or perhaps was: no export is kept from before.
    pub(crate) fn erased(&self, tenant: TenantId) {
        let mut held = self.shelf();
        held.erasures.0 = held.erasures.0.wrapping_add(1);
        let gone = held.kept.extract_if(.., |it| it.export.owner.tenant == tenant).collect();
        drop(held);
        let_go(gone);
    }

    /// Keeps none of them. Those that somebody reads go on.
    pub(crate) fn clear(&self) {
        self.shelf().kept.clear();
    }
}

/// Takes the oldest out while all of them take up more than so many bytes; the newest one stays.
fn beyond(kept: &mut Vec<Kept>, bytes_max: u64) -> Vec<Kept> {
    let bytes_of = |it: &Kept| it.export.file.length().map_or(0, Length::bytes);
    let mut bytes: u64 = kept.iter().map(bytes_of).sum();
    let mut gone = Vec::new();
    while bytes > bytes_max && kept.len() > 1 {
        let oldest = kept.remove(0);
        bytes = bytes.saturating_sub(bytes_of(&oldest));
        gone.push(oldest);
    }
    gone
}

/// Closes files, which takes a while if they are large: their space on the disk becomes free.
fn let_go(gone: Vec<Kept>) {
    if !gone.is_empty() {
        tokio::task::spawn_blocking(move || drop(gone));
    }
}

#[cfg(test)]
mod tests {
    use super::super::growing::{Writing, begin};
    use super::*;
    use std::io::Write as _;

    fn owner(tenant: u32) -> Owner {
        Owner { tenant: TenantId(tenant), app: AppNumber(1) }
    }

    fn add(all: &KeptExports, tenant: u32, id: &str, now: Micros) -> Writing {
        add_since(all, tenant, id, (all.erasures(), now))
    }

    fn add_since(
        all: &KeptExports,
        tenant: u32,
        id: &str,
        (since, now): (Erasures, Micros),
    ) -> Writing {
        let (writing, file) = begin(tempfile::tempfile().unwrap());
        let (asked, headers) = (Box::default(), HeaderMap::new());
        let export = Export { id: id.into(), owner: owner(tenant), asked, headers, file };
        all.add(Arc::new(export), since, now);
        writing
    }

    fn ids(all: &KeptExports) -> String {
        all.shelf().kept.iter().map(|it| &*it.export.id).collect::<Vec<_>>().join(" ")
    }

    #[tokio::test]
    async fn the_oldest_of_a_tenant_give_way_and_then_the_oldest_of_all() {
        let all = KeptExports::default();
        let mut writing = Vec::new();
        for id in ["a", "b", "c", "d", "e"] {
            writing.push(add(&all, 1, id, 0));
            writing.push(add(&all, 2, &id.repeat(2), 0));
        }
        assert_eq!(ids(&all), "b bb c cc d dd e ee");
        for tenant in 3..6 {
            for id in ["a", "b", "c"] {
                writing.push(add(&all, tenant, &format!("{id}{tenant}"), 0));
            }
        }
        assert_eq!(ids(&all), "bb c cc d dd e ee a3 b3 c3 a4 b4 c4 a5 b5 c5");
        assert!(all.find("c", owner(1), 0).is_some());
        assert!(all.find("c", owner(2), 0).is_none());
        assert!(all.find("b", owner(1), 0).is_none());
        all.clear();
        assert_eq!(ids(&all), "");
        for writing in writing {
            while writing.is_wanted() {
                tokio::task::yield_now().await;
            }
        }
    }

    #[tokio::test]
    async fn nothing_is_kept_from_before_somebody_was_erased() {
        let all = KeptExports::default();
        let _writing = [add(&all, 1, "a", 0), add(&all, 2, "b", 0)];
        let since = all.erasures();
        all.erased(TenantId(1));
        assert_eq!(ids(&all), "b");
        // The store was walked before, perhaps.
        let late = add_since(&all, 1, "c", (since, 0));
        assert_eq!(ids(&all), "b");
        assert!(!late.is_wanted());
        let _late = add(&all, 1, "d", 0);
        assert_eq!(ids(&all), "b d");
    }

    #[tokio::test]
    async fn the_oldest_give_way_to_what_takes_up_more_than_there_is_room_for() {
        let all = KeptExports::default();
        let mut writing = ["a", "b", "c"].map(|id| add(&all, 1, id, 0));
        for (writing, bytes) in writing.iter_mut().zip([5, 3, 4]) {
            writing.write_all(&vec![0; bytes]).unwrap();
        }
        for (bytes_max, left) in [(12, "a b c"), (11, "b c"), (7, "b c"), (6, "c"), (1, "c")] {
            drop(beyond(&mut all.shelf().kept, bytes_max));
            assert_eq!(ids(&all), left, "{bytes_max}");
        }
    }

    #[tokio::test]
    async fn time_counts_once_an_export_is_whole_and_broken_ones_are_not_kept() {
        let all = KeptExports::default();
        let [slow, whole, broken] = ["slow", "whole", "broken"].map(|id| add(&all, 1, id, 0));
        all.keep_whole("whole", 7);
        whole.end();
        drop(broken);
        let found =
            |now| ["slow", "whole", "broken"].map(|id| all.find(id, owner(1), now).is_some());
        assert_eq!(found(7 + LIFE_MICROS - 1), [true, true, false]);
        assert_eq!(found(7 + LIFE_MICROS), [true, false, false]);
        let other = add(&all, 1, "other", 7 + LIFE_MICROS);
        assert_eq!(ids(&all), "slow other");
        all.forget("slow");
        assert_eq!(ids(&all), "other");
        drop((slow, other));
    }
}
