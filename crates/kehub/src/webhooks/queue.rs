//! What one webhook is still to be told, and in which order: pure, without clock and network.
//!
//! An event waits for every earlier one that shares a customer with it, and for no other. An event
//! that failed, and what waits behind it, is *held*: the store keeps a row for it, and the cursor
//! of the webhook passes it by.

use kehub_core::feed::Cursor;
use kehub_core::webhook::{Failure, Progress, Step, Undelivered};
use kehub_core::{CustomerId, Micros};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

/// Events that are read ahead of what is being told.
const AHEAD_MAX: usize = 64;
/// Events that a webhook holds or has given up. With so many, nothing more is read until some of
/// them are delivered: a receiver that is away for days costs a bounded amount, and loses nothing.
pub(super) const UNDELIVERED_MAX: usize = 1000;

/// The customers that an event has to be told in order for; those about nobody share one place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lane(Box<[CustomerId]>);

impl Lane {
    pub(super) fn of(customers: BTreeSet<CustomerId>) -> Lane {
        let nobody = customers.is_empty().then_some(CustomerId(0));
        Lane(customers.into_iter().chain(nobody).collect())
    }

    fn meets(&self, others: &HashSet<CustomerId>) -> bool {
        self.0.iter().any(|customer| others.contains(customer))
    }
}

/// An event that is neither delivered nor given up.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pending {
    lane: Lane,
    tries: u32,
    due: Micros,
    failure: Option<Failure>,
    held: bool,
    running: bool,
}

impl Pending {
    fn row(&self) -> Undelivered {
        Undelivered { tries: self.tries, due: Some(self.due), failure: self.failure }
    }
}

/// What one webhook is still to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Queue {
    epoch: u64,
    /// Every event up to here that is wanted is pending, or done with.
    scanned: Cursor,
    pending: BTreeMap<Cursor, Pending>,
    /// Given up: counted, because they take room.
    dead: usize,
    delivered_at: Option<Micros>,
    failure: Option<Failure>,
    /// What the store knows.
    saved: Cursor,
    /// Rows that the store does not know like this yet; `None`: there is to be none.
    changed: BTreeMap<Cursor, Option<Undelivered>>,
    /// Whether the last delivery or failure is not known to the store.
    news: bool,
}

impl Queue {
    /// The queue as it was saved; `lane` tells who an event is about.
    pub(super) fn load(progress: &Progress, mut lane: impl FnMut(Cursor) -> Lane) -> Queue {
        let waiting = progress.undelivered.iter().filter_map(|(place, row)| {
            let (tries, due, failure) = (row.tries, row.due?, row.failure);
            let lane = lane(*place);
            Some((*place, Pending { lane, tries, due, failure, held: true, running: false }))
        });
        Queue {
            epoch: progress.epoch,
            scanned: progress.cursor,
            pending: waiting.collect(),
            dead: progress.dead_letters().count(),
            delivered_at: progress.delivered_at,
            failure: progress.failure,
            saved: progress.cursor,
            changed: BTreeMap::new(),
            news: false,
        }
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(super) fn scanned(&self) -> Cursor {
        self.scanned
    }

    /// Whether more events may be read.
    pub(super) fn has_room(&self) -> bool {
        let ahead = self.pending.values().filter(|pending| !pending.held).count();
        ahead < AHEAD_MAX && self.pending.len() + self.dead < UNDELIVERED_MAX
    }

    /// Takes over events that are wanted, and that the feed was read up to here.
    pub(super) fn scan(
        &mut self,
        events: impl IntoIterator<Item = (Cursor, Lane)>,
        up_to: Cursor,
        now: Micros,
    ) {
        for (place, lane) in events {
            let (held, running) = (false, false);
            let pending = Pending { lane, tries: 0, due: now, failure: None, held, running };
            self.pending.insert(place, pending);
        }
        self.scanned = self.scanned.max(up_to);
        self.hold();
    }

    /// Holds what waits behind something held.
    fn hold(&mut self) {
        let mut behind = HashSet::new();
        for (place, pending) in &mut self.pending {
            if !pending.held && pending.lane.meets(&behind) {
                pending.held = true;
                self.changed.insert(*place, Some(pending.row()));
            }
            if pending.held {
                behind.extend(pending.lane.0.iter().copied());
            }
        }
    }

    /// Pending events that wait for no other, in order.
    fn heads(&self) -> impl Iterator<Item = (Cursor, &Pending)> {
        let mut before = HashSet::new();
        self.pending.iter().filter_map(move |(place, pending)| {
            let is_head = !pending.lane.meets(&before);
            before.extend(pending.lane.0.iter().copied());
            is_head.then_some((*place, pending))
        })
    }

    /// The next event to be tried; it counts as being tried from now on.
    pub(super) fn next(&mut self, now: Micros) -> Option<Cursor> {
        let mut ready = self.heads().filter(|(_, it)| !it.running && it.due <= now);
        let place = ready.next()?.0;
        drop(ready);
        self.pending.get_mut(&place)?.running = true;
        Some(place)
    }

    /// When something is to be tried that is not due yet.
    pub(super) fn next_due(&self) -> Option<Micros> {
        self.heads().filter(|(_, it)| !it.running).map(|(_, it)| it.due).min()
    }

    /// An event is done with. Whether it was told, or turned out not to be wanted any more.
    pub(super) fn done(&mut self, place: Cursor, delivered_at: Option<Micros>) {
        let Some(pending) = self.pending.remove(&place) else { return };
        if pending.held {
            self.changed.insert(place, None);
        }
        if delivered_at.is_some() {
            self.delivered_at = delivered_at;
            self.news = true;
        }
    }

    /// An event could not be told. It is tried again after the pause of its try, or given up if
    /// there is none; whether it was given up.
    pub(super) fn failed(&mut self, place: Cursor, failure: Failure, pauses: &[Duration]) -> bool {
        self.failure = Some(failure);
        self.news = true;
        let Some(pending) = self.pending.get_mut(&place) else { return false };
        let tried = usize::try_from(pending.tries).unwrap_or(usize::MAX);
        pending.tries = pending.tries.saturating_add(1);
        pending.failure = Some(failure);
        pending.running = false;
        if let Some(pause) = pauses.get(tried) {
            let pause = i64::try_from(pause.as_micros()).unwrap_or(i64::MAX);
            pending.due = failure.at.saturating_add(pause);
            pending.held = true;
            let row = pending.row();
            self.changed.insert(place, Some(row));
            self.hold();
            false
        } else {
            let row = Undelivered { due: None, ..pending.row() };
            self.pending.remove(&place);
            self.changed.insert(place, Some(row));
            self.dead += 1;
            true
        }
    }

    /// An event could not be tried, through no fault of the receiver.
    pub(super) fn put_back(&mut self, place: Cursor, due: Micros) {
        if let Some(pending) = self.pending.get_mut(&place) {
            pending.running = false;
            pending.due = due;
        }
    }

    /// Whether there is something to be saved.
    pub(super) fn is_dirty(&self) -> bool {
        let cursor = self.cursor();
        self.news || self.saved != cursor || self.changed.keys().any(|place| *place <= cursor)
    }

    /// Every event up to here is done with, or held, or given up.
    fn cursor(&self) -> Cursor {
        let first = self.pending.iter().find(|(_, pending)| !pending.held);
        first.map_or(self.scanned, |(place, _)| place.before())
    }

    /// What is to be saved. Rows behind the cursor wait until it has passed them.
    pub(super) fn step(&self) -> Step {
        let cursor = self.cursor();
        let mut step = Step {
            epoch: self.epoch,
            cursor,
            failed: Vec::new(),
            settled: Vec::new(),
            delivered_at: self.delivered_at,
            failure: self.failure,
        };
        for (place, row) in self.changed.range(..=cursor) {
            match row {
                Some(row) => step.failed.push((*place, row.clone())),
                None => step.settled.push(*place),
            }
        }
        step
    }

    /// The step was saved, and nothing has happened since it was made.
    pub(super) fn saved(&mut self, step: &Step) {
        self.saved = step.cursor;
        self.changed.retain(|place, _| *place > step.cursor);
        self.news = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kehub_core::webhook::Reason;

    const PAUSES: &[Duration] = &[Duration::from_micros(10), Duration::from_micros(100)];

    fn place(position: i64) -> Cursor {
        Cursor { position, index: 0 }
    }

    /// A queue that has read events about these customers, at the positions from 1 on.
    fn queue(events: &[&[i64]]) -> Queue {
        let mut queue = Queue::load(&Progress::after(Cursor::START), |_| unreachable!());
        let lanes = events.iter().map(|customers| lane(customers));
        let last = i64::try_from(events.len()).unwrap();
        queue.scan((1..).map(place).zip(lanes), Cursor::after(last), 0);
        queue
    }

    fn lane(customers: &[i64]) -> Lane {
        Lane::of(customers.iter().copied().map(CustomerId).collect())
    }

    fn ready(queue: &mut Queue, now: Micros) -> Vec<i64> {
        std::iter::from_fn(|| queue.next(now)).map(|place| place.position).collect()
    }

    fn failure(at: Micros) -> Failure {
        Failure { at, reason: Reason::TimedOut }
    }

    /// What would stand in the store after this step.
    fn save(queue: &mut Queue, progress: &mut Progress) {
        let step = queue.step();
        progress.cursor = step.cursor;
        for place in &step.settled {
            progress.undelivered.remove(place);
        }
        progress.undelivered.extend(step.failed.iter().cloned());
        (progress.delivered_at, progress.failure) = (step.delivered_at, step.failure);
        queue.saved(&step);
        assert!(!queue.is_dirty());
    }

    #[test]
    fn an_event_waits_for_earlier_ones_of_its_customers_only() {
        let mut queue = queue(&[&[1], &[2], &[1], &[1, 2], &[3], &[2], &[], &[]]);
        assert_eq!(ready(&mut queue, 0), [1, 2, 5, 7]);
        queue.done(place(1), Some(1));
        assert_eq!(ready(&mut queue, 1), [3]);
        queue.done(place(2), Some(1));
        assert_eq!(ready(&mut queue, 1), Vec::<i64>::new());
        queue.done(place(3), Some(2));
        queue.done(place(7), Some(2));
        assert_eq!(ready(&mut queue, 2), [4, 8]);
        queue.done(place(4), Some(3));
        assert_eq!(ready(&mut queue, 3), [6]);
    }

    #[test]
    fn a_failed_event_is_tried_again_later_and_then_given_up() {
        let mut queue = queue(&[&[1], &[1], &[2]]);
        assert_eq!(ready(&mut queue, 0), [1, 3]);
        queue.failed(place(1), failure(5), PAUSES);
        queue.done(place(3), Some(5));
        assert_eq!((ready(&mut queue, 14), queue.next_due()), (vec![], Some(15)));
        assert_eq!(ready(&mut queue, 15), [1]);
        queue.failed(place(1), failure(20), PAUSES);
        assert_eq!((ready(&mut queue, 119), queue.next_due()), (vec![], Some(120)));
        assert_eq!(ready(&mut queue, 120), [1]);
        queue.failed(place(1), failure(130), PAUSES);
        // The next one of its customer has its turn.
        assert_eq!(ready(&mut queue, 130), [2]);
        let dead = Undelivered { tries: 3, due: None, failure: Some(failure(130)) };
        assert_eq!(queue.step().failed[0], (place(1), dead));
    }

    #[test]
    fn the_cursor_passes_what_is_held_and_stops_before_what_is_open() {
        let mut progress = Progress::after(Cursor::START);
        let mut queue = queue(&[&[1], &[1], &[2], &[3]]);
        ready(&mut queue, 0);
        queue.failed(place(1), failure(5), PAUSES);
        queue.done(place(4), Some(5));
        save(&mut queue, &mut progress);
        assert_eq!(progress.cursor, Cursor::after(2));
        let rows: Vec<i64> = progress.undelivered.keys().map(|place| place.position).collect();
        assert_eq!(rows, [1, 2]);
        queue.done(place(3), Some(6));
        save(&mut queue, &mut progress);
        assert_eq!(progress.cursor, Cursor::after(4));

        // After a restart it goes on where it was, in the same order.
        let lanes = |place: Cursor| lane(if place.position < 3 { &[1] } else { &[2] });
        let mut again = Queue::load(&progress, lanes);
        assert_eq!(again.scanned(), Cursor::after(4));
        assert_eq!(ready(&mut again, 15), [1]);
        again.done(place(1), Some(16));
        assert_eq!(ready(&mut again, 16), [2]);
        again.done(place(2), Some(17));
        save(&mut again, &mut progress);
        assert_eq!(progress.undelivered, BTreeMap::new());
        assert_eq!((progress.delivered_at, progress.failure), (Some(17), Some(failure(5))));
    }

    #[test]
    fn what_fails_behind_an_open_event_is_saved_once_that_is_done() {
        let mut progress = Progress::after(Cursor::START);
        let mut queue = queue(&[&[1], &[2]]);
        ready(&mut queue, 0);
        queue.failed(place(2), failure(5), &[]);
        save(&mut queue, &mut progress);
        assert_eq!((progress.cursor, progress.undelivered.len()), (Cursor::after(0), 0));
        queue.done(place(1), Some(6));
        assert!(queue.is_dirty());
        save(&mut queue, &mut progress);
        assert_eq!((progress.cursor, progress.undelivered.len()), (Cursor::after(2), 1));
    }

    #[test]
    fn reading_ahead_and_holding_have_an_end() {
        let many: Vec<[i64; 1]> = (1..=64).map(|customer| [customer]).collect();
        let many: Vec<&[i64]> = many.iter().map(|customer| &customer[..]).collect();
        let mut ahead = queue(&many);
        assert!(!ahead.has_room());
        ready(&mut ahead, 0);
        ahead.done(place(9), None);
        assert!(ahead.has_room());

        let poisoned: Vec<&[i64]> = vec![&[1]; UNDELIVERED_MAX];
        let mut held = queue(&poisoned[..63]);
        ready(&mut held, 0);
        held.failed(place(1), failure(1), PAUSES);
        // The rest of the customer's events is held, so that others go on.
        assert!(held.has_room());
        let rest = (64..).map(place).zip(poisoned[63..].iter().map(|customer| lane(customer)));
        held.scan(rest, Cursor::after(1000), 1);
        assert!(!held.has_room());
    }

    #[test]
    fn what_could_not_be_tried_is_tried_again() {
        let mut queue = queue(&[&[1]]);
        assert_eq!(ready(&mut queue, 0), [1]);
        queue.put_back(place(1), 7);
        assert_eq!((ready(&mut queue, 6), ready(&mut queue, 7)), (vec![], vec![1]));
        assert!(queue.step().failed.is_empty());
    }
}
