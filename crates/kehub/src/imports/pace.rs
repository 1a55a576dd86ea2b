//! How fast an import goes that this hub is at work on. Only this hub knows; what is kept of an import
//! tells others how far it is.

use crate::files::source::Extent;
use kehub_core::{ImportId, Micros, TenantId};
use std::sync::{Mutex, MutexGuard, PoisonError};

const MICROS_PER_SECOND: u64 = 1_000_000;

/// How fast an import goes, once it has been at work for a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    /// On average since this hub is at work on it.
    pub(crate) rows_per_second: u64,
    /// Bytes of its file that are read, and all of them.
    pub(crate) bytes_read: u64,
    pub(crate) bytes: u64,
    /// Until its end, if the rest is read as fast.
    pub(crate) seconds_left: u64,
}

/// The import that a hub is at work on, if it is at work on one.
#[derive(Debug, Default)]
pub(crate) struct Paces(Mutex<Option<UnderWay>>);

#[derive(Debug)]
struct UnderWay {
    tenant: TenantId,
    id: ImportId,
    begun: Micros,
    extent: Extent,
    /// Rows that an earlier process has done.
    before: u64,
    /// Rows that are done by now.
    rows: u64,
}

impl UnderWay {
    fn pace(&self, now: Micros) -> Option<Pace> {
        let micros = u64::try_from(now.saturating_sub(self.begun)).ok()?;
        let bytes_read = self.extent.read().min(self.extent.total);
        if micros < MICROS_PER_SECOND || bytes_read == 0 {
            return None;
        }
        let rows = u128::from(self.rows.saturating_sub(self.before));
        let rest = u128::from(self.extent.total - bytes_read);
        let (micros, second) = (u128::from(micros), u128::from(MICROS_PER_SECOND));
        Some(Pace {
            rows_per_second: u64::try_from(rows * second / micros).ok()?,
            bytes_read,
            bytes: self.extent.total,
            seconds_left: u64::try_from((rest * micros).div_ceil(u128::from(bytes_read) * second))
                .ok()?,
        })
    }
}

impl Paces {
    /// A panic while it is locked cannot leave it half changed.
    fn under_way(&self) -> MutexGuard<'_, Option<UnderWay>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows an import that goes on behind so many rows, until what is answered is dropped.
    pub(crate) fn follow(
        &self,
        (tenant, id): (TenantId, ImportId),
        begun: Micros,
        extent: Extent,
        rows: u64,
    ) -> Followed<'_> {
        *self.under_way() = Some(UnderWay { tenant, id, begun, extent, before: rows, rows });
        Followed(self)
    }

    /// How fast an import goes; `None` if this hub is not at work on it, or for less than a second.
    pub(crate) fn of(&self, tenant: TenantId, id: ImportId, now: Micros) -> Option<Pace> {
        let under_way = self.under_way();
        let found = under_way.as_ref().filter(|it| (it.tenant, it.id) == (tenant, id))?;
        found.pace(now)
    }
}

/// An import that is followed.
pub(crate) struct Followed<'a>(&'a Paces);

impl Followed<'_> {
    /// So many rows are done.
    pub(crate) fn at(&self, rows: u64) {
        if let Some(under_way) = &mut *self.0.under_way() {
            under_way.rows = rows;
        }
    }
}

impl Drop for Followed<'_> {
    fn drop(&mut self) {
        *self.0.under_way() = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::source::{ReadOptions, Source};

    /// A file of which something was read.
    fn extent(bytes: usize) -> Extent {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, "name\n".repeat(bytes / 5)).unwrap();
        Source::open(&path, &ReadOptions::default()).unwrap().extent()
    }

    #[test]
    fn what_is_read_tells_how_long_the_rest_takes() {
        let (tenant, id, paces) = (TenantId(1), ImportId(7), Paces::default());
        let extent = extent(1_000_000);
        let (total, read) = (extent.total, extent.read());
        assert!((1..total).contains(&read), "{read} of {total}");
        let followed = paces.follow((tenant, id), 5_000_000, extent, 100);
        followed.at(350);
        assert_eq!(paces.of(tenant, id, 5_999_999), None);
        let pace = paces.of(tenant, id, 7_000_000).unwrap();
        assert_eq!((pace.rows_per_second, pace.bytes_read, pace.bytes), (125, read, total));
        assert_eq!(pace.seconds_left, ((total - read) * 2).div_ceil(read));
        assert_eq!(paces.of(tenant, ImportId(8), 7_000_000), None);
        assert_eq!(paces.of(TenantId(2), id, 7_000_000), None);
        drop(followed);
        assert_eq!(paces.of(tenant, id, 7_000_000), None);
    }
}
