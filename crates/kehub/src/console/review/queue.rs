//! What waits for somebody, in order, and where in it somebody is. The place stands in the address: to
//! leave one for later is to go to the next.

use crate::api::Call;
use crate::api::duplicates::kept::{Computed, duplicates};
use crate::api::problem::Problem;
use kehub_core::duplicates::Suggestion;
use kehub_core::{ConflictId, CustomerId};
use kehub_store::{ConflictFilter, SidedConflict};
use std::cmp::Reverse;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Conflicts that are gone through at once: whoever has more has enough to do.
pub(super) const CONFLICTS_MAX: usize = 1000;
/// How long a page waits for duplicates to be found. The search goes on without it.
const PATIENCE: Duration = Duration::from_secs(2);

/// Which queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Conflicts,
    Duplicates,
}

impl Kind {
    pub(super) const ALL: [Kind; 2] = [Kind::Conflicts, Kind::Duplicates];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Kind::Conflicts => "conflicts",
            Kind::Duplicates => "duplicates",
        }
    }

    /// The queue of this name; that of conflicts unless it is another one.
    pub(super) fn named(name: &str) -> Kind {
        Kind::ALL.into_iter().find(|kind| kind.name() == name).unwrap_or(Kind::Conflicts)
    }
}

/// A place in a queue, which stays one when what was there is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Conflict(ConflictId),
    /// The likeliest first.
    Pair(Reverse<u8>, CustomerId, CustomerId),
    /// Behind all of them.
    End,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Conflict(id) => write!(f, "c{id}"),
            Place::Pair(Reverse(score), low, high) => write!(f, "d{score}-{low}-{high}"),
            Place::End => f.write_str("end"),
        }
    }
}

impl Place {
    pub(super) fn read(text: &str) -> Option<Place> {
        if text == "end" {
            return Some(Place::End);
        }
        if let Some(id) = text.strip_prefix('c') {
            return id.parse().ok().map(|id| Place::Conflict(ConflictId(id)));
        }
        let mut words = text.strip_prefix('d')?.splitn(3, '-');
        let score = words.next()?.parse().ok()?;
        let (low, high) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        Some(Place::Pair(Reverse(score), CustomerId(low), CustomerId(high)))
    }

    pub(super) const fn kind(self) -> Kind {
        match self {
            Place::Conflict(_) | Place::End => Kind::Conflicts,
            Place::Pair(..) => Kind::Duplicates,
        }
    }
}

/// Something that waits.
#[derive(Clone, Debug)]
pub(super) enum Item {
    Conflict(Box<SidedConflict>),
    Suggestion(Suggestion),
}

impl Item {
    pub(super) fn place(&self) -> Place {
        match self {
            Item::Conflict(found) => Place::Conflict(found.conflict.id),
            Item::Suggestion(pair) => Place::Pair(Reverse(pair.score), pair.low, pair.high),
        }
    }
}

/// A queue, and what is known about it.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) kind: Kind,
    pub(super) items: Vec<Item>,
    /// Whether more wait than are gone through.
    pub(super) is_cut: bool,
    /// When duplicates were found.
    pub(super) computed: Option<Arc<Computed>>,
}

impl Queue {
    /// Reads a queue; `None` while duplicates are still looked for.
    pub(super) async fn read(
        call: &Call,
        kind: Kind,
        anew: bool,
    ) -> Result<Option<Queue>, Problem> {
        if kind == Kind::Conflicts {
            let open = ConflictFilter { is_settled: Some(false), ..ConflictFilter::default() };
            let tenant = call.tenant();
            let found =
                call.store().conflicts(tenant, &open, ConflictId(0), CONFLICTS_MAX + 1).await?;
            let is_cut = found.len() > CONFLICTS_MAX;
            let items = found.into_iter().take(CONFLICTS_MAX);
            let items = items.map(|found| Item::Conflict(Box::new(found))).collect();
            return Ok(Some(Queue { kind, items, is_cut, computed: None }));
        }
        let search = duplicates(call.hub(), call.tenant(), call.now(), anew);
        let Ok(computed) = tokio::time::timeout(PATIENCE, search).await else { return Ok(None) };
        let computed = computed?;
        let items = computed.found.suggestions.iter().cloned().map(Item::Suggestion).collect();
        Ok(Some(Queue { kind, items, is_cut: false, computed: Some(computed) }))
    }

    /// The first thing at or behind a place.
    pub(super) fn at(&self, place: Option<Place>) -> usize {
        let Some(place) = place else { return 0 };
        self.items.iter().position(|item| item.place() >= place).unwrap_or(self.items.len())
    }

    /// The place of the thing of this number.
    pub(super) fn place(&self, at: usize) -> Place {
        self.items.get(at).map_or(Place::End, Item::place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_written_and_keeps_its_order() {
        let pair =
            |score, low, high| Place::Pair(Reverse(score), CustomerId(low), CustomerId(high));
        let places = [Place::Conflict(ConflictId(12)), pair(95, 1, 4), pair(70, 1, 2), Place::End];
        for place in places {
            assert_eq!(Place::read(&place.to_string()), Some(place));
        }
        assert!(pair(95, 1, 4) < pair(70, 1, 2) && pair(70, 1, 2) < Place::End);
        for text in ["", "c", "cx", "d1", "d1-2", "dx-1-2", "x"] {
            assert_eq!(Place::read(text), None, "{text}");
        }
    }
}
