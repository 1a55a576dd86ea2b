//! What was sent and how it was answered, and whether the feed of changes agrees.
//!
//! Each upsert carries a mark in a field of its own, and some an identity that nobody else sends. So
//! the feed tells which upserts were applied, in which entry, and how often.

use super::feed::Event;
use super::writes::Sent;
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// How it stands with an upsert, as far as its sender was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Applied, in this entry of the journal.
    Applied(i64),
    /// The same, but the customer's fields stayed: what it matched by is quarantined.
    Noted(i64),
    /// Refused by a rule or without effect, or the hub said that it was not applied.
    NotApplied,
    /// Nobody was told.
    Open,
}

/// All that was sent.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    fates: BTreeMap<u64, Fate>,
    /// Writes that were left without an answer.
    open: Vec<Rc<Sent>>,
}

/// What a comparison of the ledger with the feed came to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Agreement {
    pub(super) applied: u64,
    pub(super) not_applied: u64,
    /// Open ones that were applied, and that were not.
    pub(super) open_applied: u64,
    pub(super) open_not_applied: u64,
    /// Applied ones whose content was erased since: only their entry is left.
    pub(super) erased: u64,
}

impl Ledger {
    /// Notes how a write was answered.
    pub(super) fn answered(&mut self, sent: &Sent, status: u16, answer: &Value) -> Result<()> {
        let items = answer["items"].as_array().filter(|_| sent.is_batch);
        for (place, mark) in sent.marks.iter().enumerate() {
            let (row_status, resolution) = match items {
                Some(items) => {
                    let item = items.get(place).context("a row of a batch got no result")?;
                    let status = item["status"].as_u64().context("a row without a status")?;
                    (u16::try_from(status)?, &item["resolution"])
                }
                None => (status, &answer["resolution"]),
            };
            // Rows of a batch that was refused tell what would have come.
            let was_applied = status < 300 && row_status < 300;
            let fate = match resolution["seq"].as_i64().filter(|_| was_applied) {
                Some(seq) if writes_fields(resolution) => Fate::Applied(seq),
                Some(seq) => Fate::Noted(seq),
                None => Fate::NotApplied,
            };
            self.fates.insert(*mark, fate);
        }
        Ok(())
    }

    /// Notes that a write is not sent again although it was not answered. It may have been applied
    /// unless each try was answered with the assurance that it was not.
    pub(super) fn left(&mut self, sent: &Rc<Sent>, maybe_applied: bool) {
        let fate = if maybe_applied { Fate::Open } else { Fate::NotApplied };
        self.fates.extend(sent.marks.iter().map(|mark| (*mark, fate)));
        if maybe_applied && !sent.marks.is_empty() {
            self.open.push(Rc::clone(sent));
        }
    }

    /// How it stands with an upsert.
    pub(super) fn fate(&self, mark: u64) -> Option<Fate> {
        self.fates.get(&mark).copied()
    }

    /// Writes that nobody knows the outcome of.
    pub(super) fn open(&self) -> &[Rc<Sent>] {
        &self.open
    }

    /// Whether the feed tells of each upsert what its sender was told, once, and whole.
    pub(super) fn compare(&self, events: &[Event]) -> Result<Agreement> {
        let told = Told::of(events)?;
        let mut agreement = Agreement::default();
        for (mark, fate) in &self.fates {
            let found = told.marks.get(mark).copied();
            match *fate {
                Fate::Applied(seq) => {
                    agreement.applied += 1;
                    if found.is_none() {
                        let is_blank = told.blank.contains(&seq);
                        let is_it = |event: &&Event| event.seq == seq;
                        let entry = || events.iter().filter(is_it).collect::<Vec<_>>();
                        ensure!(is_blank, "upsert {mark} was acknowledged in {seq}: {:?}", entry());
                        agreement.erased += 1;
                    } else {
                        ensure!(found == Some(seq), "upsert {mark}: {seq} was told, not {found:?}");
                    }
                }
                Fate::Noted(seq) => {
                    agreement.applied += 1;
                    let is_there = told.entries.contains(&seq) && found.is_none();
                    ensure!(is_there, "upsert {mark}: not {seq} alone, but {found:?}");
                }
                Fate::NotApplied => {
                    agreement.not_applied += 1;
                    ensure!(found.is_none(), "upsert {mark} was not applied, but is in {found:?}");
                }
                Fate::Open if found.is_some() => agreement.open_applied += 1,
                Fate::Open => agreement.open_not_applied += 1,
            }
        }
        let unknown = told.marks.keys().find(|mark| !self.fates.contains_key(mark));
        ensure!(unknown.is_none(), "nobody sent upsert {unknown:?}");
        // Its identity came with it, in the same entry, or neither came.
        for (mark, seq) in &told.identities {
            let found = told.marks.get(mark);
            let is_whole = found == Some(seq) || found.is_none() && told.blank.contains(seq);
            ensure!(is_whole, "the identity of upsert {mark} is in {seq}, its fields in {found:?}");
        }
        self.each_entry_once()?;
        Ok(agreement)
    }

    /// No entry was told to two senders.
    fn each_entry_once(&self) -> Result<()> {
        let mut seen = BTreeMap::new();
        for (mark, fate) in &self.fates {
            if let Fate::Applied(seq) | Fate::Noted(seq) = fate {
                let other = seen.insert(seq, mark);
                ensure!(other.is_none(), "entry {seq} was told to {mark} and {other:?}");
            }
        }
        Ok(())
    }
}

/// Whether an upsert wrote the fields that it carried.
fn writes_fields(resolution: &Value) -> bool {
    let warnings = resolution["warnings"].as_array();
    !warnings.into_iter().flatten().any(|warning| warning["code"] == "nothingWritten")
}

/// What the feed says about upserts.
#[derive(Debug, Default)]
struct Told {
    entries: BTreeSet<i64>,
    /// The entry that wrote each mark.
    marks: BTreeMap<u64, i64>,
    /// The entry in which each identity of an upsert's own was attached.
    identities: BTreeMap<u64, i64>,
    /// Entries that wrote fields which are not told any more.
    blank: BTreeSet<i64>,
}

impl Told {
    fn of(events: &[Event]) -> Result<Told> {
        let mut told =
            Told { entries: events.iter().map(|event| event.seq).collect(), ..Told::default() };
        // A customer that is taken out of another one, or restored, begins with what was written before.
        let later = events.iter().filter(|event| ["extracted", "restored"].contains(&&*event.kind));
        let later: BTreeSet<i64> = later.map(|event| event.seq).collect();
        for event in events.iter().filter(|event| !later.contains(&event.seq)) {
            let written = ["created", "updated"].contains(&&*event.kind);
            if written && event.is_blank {
                told.blank.insert(event.seq);
            }
            if let Some(mark) = event.mark {
                let other = told.marks.insert(mark, event.seq);
                let seq = event.seq;
                ensure!(
                    other.is_none_or(|other| other == seq),
                    "upsert {mark} was applied twice: in {other:?} and {seq}"
                );
            }
            if let (Some(mark), "identityAttached") = (event.own, &*event.kind) {
                told.identities.entry(mark).or_insert(event.seq);
            }
        }
        Ok(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// An entry that wrote the fields of an upsert.
    fn written(seq: i64, mark: u64) -> Event {
        let fields = json!({ "attr": { "mark": mark.to_string() } });
        let item = json!({ "seq": seq, "index": 0, "kind": "updated", "fields": fields });
        Event::read(&item).unwrap()
    }

    /// An entry that attached the identity of an upsert's own.
    fn attached(seq: i64, mark: u64) -> Event {
        let identity = json!({ "type": "cookie", "value": format!("own-{mark}") });
        let item =
            json!({ "seq": seq, "index": 1, "kind": "identityAttached", "identity": identity });
        Event::read(&item).unwrap()
    }

    fn erased(seq: i64) -> Event {
        let item = json!({ "seq": seq, "index": 0, "kind": "updated", "fields": {} });
        Event::read(&item).unwrap()
    }

    fn ledger(fates: &[(u64, Fate)]) -> Ledger {
        Ledger { fates: fates.iter().copied().collect(), open: Vec::new() }
    }

    #[test]
    fn a_feed_that_tells_what_senders_were_told_agrees() {
        let fates = [
            (1, Fate::Applied(1)),
            (2, Fate::NotApplied),
            (3, Fate::Open),
            (4, Fate::Open),
            (5, Fate::Applied(3)),
            (6, Fate::Noted(2)),
        ];
        let events = [written(1, 1), written(2, 3), attached(2, 3), erased(3)];
        let told = ledger(&fates).compare(&events).unwrap();
        assert_eq!((told.applied, told.erased, told.not_applied), (3, 1, 1));
        assert_eq!((told.open_applied, told.open_not_applied), (1, 1));
    }

    #[test]
    fn what_is_lost_repeated_half_there_or_made_up_is_found() {
        let acknowledged = (1, Fate::Applied(1));
        for (fates, events, expected) in [
            (vec![acknowledged], vec![], "was acknowledged in 1"),
            (vec![acknowledged], vec![written(2, 1)], "1 was told, not Some(2)"),
            (vec![acknowledged], vec![written(1, 1), written(2, 1)], "applied twice"),
            (vec![(1, Fate::NotApplied)], vec![written(1, 1)], "was not applied, but"),
            (vec![(1, Fate::Noted(1))], vec![], "not 1 alone"),
            (vec![], vec![written(1, 1)], "nobody sent upsert"),
            (vec![(1, Fate::Open)], vec![attached(1, 1)], "its fields in None"),
            (vec![(1, Fate::Open)], vec![written(1, 1), attached(2, 1)], "in 2, its fields in"),
            (vec![acknowledged, (2, Fate::Noted(1))], vec![written(1, 1)], "entry 1 was told to"),
        ] {
            let error = ledger(&fates).compare(&events).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
