//! Who follows the feed knows who lives and who owns what, wherever it stops on the way.

use crate::hub::{Hub, TENANT};
use crate::promises::{any_command, any_preset};
use kehub_core::attribute::{Attribute, FieldKey};
use kehub_core::feed::{self, Cursor, Event, Kind};
use kehub_core::identity::Quarantine;
use kehub_core::journal::Entry;
use kehub_core::{CustomerId, IdentityNumber};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

type Owned = BTreeMap<CustomerId, BTreeSet<IdentityNumber>>;

/// Somebody who knows nothing but the feed, and trusts it: what does not fit is a failure.
#[derive(Debug, Default)]
struct Follower {
    owned: Owned,
    revs: BTreeMap<CustomerId, u64>,
    quarantined: BTreeSet<IdentityNumber>,
}

impl Follower {
    fn hear(&mut self, event: &Event<'_>) {
        match event {
            Event::Created { customer, rev, .. } | Event::Restored { customer, rev } => {
                assert_eq!(self.owned.insert(*customer, BTreeSet::new()), None);
                self.revs.insert(*customer, *rev);
            }
            Event::Updated { customer, rev, named, .. } => {
                assert!(named.iter().all(|identity| self.owned[customer].contains(identity)));
                self.revs.insert(*customer, *rev);
            }
            Event::Merged { customer, rev, merged, .. } => {
                let theirs = self.owned.remove(merged).unwrap();
                self.owned.get_mut(customer).unwrap().extend(theirs);
                self.revs.insert(*customer, *rev);
            }
            Event::IdentityAttached { customer, identity } => {
                assert!(!self.owned.values().any(|owned| owned.contains(identity)));
                self.owned.get_mut(customer).unwrap().insert(*identity);
            }
            Event::IdentityReleased { customer, identity } => {
                assert!(self.owned.get_mut(customer).unwrap().remove(identity));
            }
            Event::Deleted { customer } => {
                assert_eq!(self.owned.remove(customer), Some(BTreeSet::new()));
            }
            Event::Quarantined { identity } => assert!(self.quarantined.insert(*identity)),
            Event::Released { identity } => assert!(self.quarantined.remove(identity)),
            Event::ConflictOpened { .. }
            | Event::PolicyChanged { .. }
            | Event::TypeChanged { .. }
            | Event::ConflictResolved { .. }
            | Event::CannotLinkSet { .. }
            | Event::CannotLinkRemoved { .. } => (),
            Event::Unmerged { customer, rev, revived, revived_rev, .. } => {
                assert_eq!(self.owned.insert(*revived, BTreeSet::new()), None);
                self.revs.extend([(*customer, *rev), (*revived, *revived_rev)]);
            }
            Event::Extracted { customer, rev, extracted } => {
                assert!(self.owned.contains_key(extracted));
                self.revs.insert(*customer, *rev);
            }
            Event::IdentityMoved { customer, from, identity } => {
                assert!(self.owned.get_mut(from).unwrap().remove(identity));
                self.owned.get_mut(customer).unwrap().insert(*identity);
            }
            Event::Erased { ids, .. } => {
                for id in ids {
                    self.owned.remove(id);
                }
            }
        }
    }

    #[track_caller]
    fn agrees_with(&self, hub: &Hub) {
        let facts = hub.tenant();
        let live: Vec<_> =
            facts.customers().filter(|it| facts.survivor(it.id) == Some(*it)).collect();
        let expected: Owned = live
            .iter()
            .map(|it| (it.id, facts.held_by(it.id).map(|identity| identity.number).collect()))
            .collect();
        assert_eq!(self.owned, expected);
        let quarantined = facts.identities().filter(|it| it.quarantine == Quarantine::Yes);
        assert_eq!(self.quarantined, quarantined.map(|it| it.number).collect());
        for customer in live {
            assert_eq!(self.revs[&customer.id], customer.rev, "version of {}", customer.id);
        }
    }
}

/// The entries that were written since the last look.
fn written(hub: &mut Hub) -> Vec<Entry> {
    let dirty = hub.facts.tenants.get_mut(&TENANT).unwrap().take_dirty();
    dirty.entries.iter().map(|entry| Entry::clone(entry)).collect()
}

/// The events of one story line, in words.
fn told(hub: &mut Hub, line: &str) -> Vec<String> {
    hub.tell(line);
    let entries = written(hub);
    let events = entries.iter().flat_map(feed::events);
    events
        .map(|event| {
            let mut words = vec![event.kind().name().to_owned()];
            words.extend(event.customer().map(|customer| format!("C{customer}")));
            if let Event::Merged { merged, merge, .. } = &event {
                words.push(format!("C{merged} by {merge}"));
            }
            words.extend(event.identities().iter().map(|identity| format!("#{identity}")));
            if let Event::Created { fields, .. } | Event::Updated { fields, .. } = &event {
                words.extend(fields.iter().map(|field| field.key.to_string()));
            }
            words.join(" ")
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn who_follows_the_feed_knows_who_lives_and_who_owns_what(
        preset in any_preset(),
        commands in prop::collection::vec((any_command(), prop::bool::weighted(0.1)), 1..40),
    ) {
        let mut hub = Hub::new(preset);
        let mut follower = Follower::default();
        for (command, dry_run) in commands {
            hub.run(command, dry_run);
            for entry in written(&mut hub) {
                let events = feed::events(&entry);
                let visible = entry.touched.iter().any(|it| it.rev_before != it.rev_after);
                prop_assert!(!visible || !events.is_empty());
                let about = feed::customers(&entry);
                for event in &events {
                    prop_assert!(event.customer().is_none_or(|it| about.contains(&it)));
                    follower.hear(event);
                }
            }
            follower.agrees_with(&hub);
        }
    }
}

#[test]
fn a_write_tells_what_it_did_in_order() {
    let mut hub = Hub::compat();
    assert_eq!(
        told(&mut hub, "upsert o1 o1 name=Wang"),
        ["created C1 name", "identityAttached C1 #1"]
    );
    assert_eq!(told(&mut hub, "upsert m1"), ["created C2", "identityAttached C2 #2"]);
    assert_eq!(
        told(&mut hub, "upsert m1 o1 e1 name=Li"),
        ["merged C1 C2 by 1", "identityAttached C1 #3", "updated C1 name"]
    );
    assert_eq!(told(&mut hub, "upsert m1 called=Office"), ["updated C1 #2"]);
    assert_eq!(
        told(&mut hub, "delete C1"),
        [
            "identityReleased C1 #1",
            "identityReleased C1 #2",
            "identityReleased C1 #3",
            "deleted C1"
        ]
    );
}

#[test]
fn several_merges_of_one_write_are_told_one_by_one() {
    let mut hub = Hub::compat();
    for line in ["upsert m1", "upsert e1", "upsert o1"] {
        told(&mut hub, line);
    }
    // The openid finds the primary, C3: C1 is joined first and answers, C2 joins them.
    assert_eq!(
        told(&mut hub, "upsert m1 e1 o1"),
        ["merged C1 C3 by 1", "merged C1 C2 by 2", "updated C1"]
    );
}

#[test]
fn what_changes_nothing_visible_is_no_event() {
    let mut hub = Hub::compat();
    told(&mut hub, "upsert o1 name=Wang");
    told(&mut hub, "upsert m1");
    told(&mut hub, "upsert o1 m1");
    // Kept, because the customer has a live merge.
    hub.tell("upsert o1 name=Wang");
    let kept = written(&mut hub);
    assert_eq!(kept.len(), 1);
    assert_eq!(feed::events(&kept[0]), []);
    assert_eq!(told(&mut hub, "upsert o1 name=Li dry"), Vec::<String>::new());
}

#[test]
fn quarantine_is_told_also_by_a_refused_write() {
    let mut hub = Hub::guarded();
    for account in ["a1", "a2"] {
        told(&mut hub, &format!("upsert {account} m1"));
    }
    let events = told(&mut hub, "upsert a3 m1");
    assert!(events.contains(&"quarantined #2".to_owned()), "{events:?}");
}

#[test]
fn a_field_is_told_with_its_value_and_its_flag() {
    let mut hub = Hub::compat();
    hub.tell("upsert a1 mobile=m1 mobileVerified=true");
    let entries = written(&mut hub);
    let events = feed::events(&entries[0]);
    let Event::Created { fields, .. } = &events[0] else { panic!("{events:?}") };
    assert_eq!(fields[0].key, FieldKey::Builtin(Attribute::Mobile));
    assert!(fields[0].verified);
}

#[test]
fn a_cursor_names_an_event_or_a_whole_entry() {
    let (within, whole) = (Cursor { position: 7, index: 2 }, Cursor::after(7));
    assert!(Cursor::START < within && within < whole && whole < Cursor::after(8));
    assert_eq!((Cursor::START.settled(), within.settled(), whole.settled()), (0, 6, 7));
    let first = Cursor { position: 7, index: 0 };
    assert_eq!((within.before().index, first.before()), (1, Cursor::after(6)));
}

#[test]
fn kinds_are_found_by_their_names() {
    for kind in Kind::ALL {
        assert_eq!(Kind::named(kind.name()), Some(*kind));
    }
    assert_eq!(Kind::named("Created"), None);
}
