//! Promise 4: an undo leaves nothing behind; and looking back shows what was there.

use crate::hub::{Hub, TENANT, identity};
use crate::promises::{any_command, any_preset};
use kehub_core::attribute::{Attribute, FieldKey, Value};
use kehub_core::command::{Command, FieldsSent, MergeByHand, SetCannotLink, Upsert};
use kehub_core::customer::State;
use kehub_core::explain::{Node, path};
use kehub_core::history::{Moment, Past};
use kehub_core::outcome::Outcome;
use kehub_core::{CustomerId, IdentityNumber, MergeId, Seq};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// How many people the histories are about; the openid `o1` is that of customer 1, and so on.
const PEOPLE: i64 = 5;

/// One step of a history in which people are joined and parted.
#[derive(Clone, Debug)]
enum Step {
    /// One of them says something.
    Says(i64, Attribute, Option<u8>, bool),
    /// Somebody joins two of them by hand.
    Joined(i64, i64),
    /// A request that names both joins them.
    Bridged(i64, i64),
    /// Somebody undoes the n-th merge, counted among those that are live.
    Undone(usize),
    /// One is deleted, and restored.
    Away(i64),
}

fn any_step() -> impl Strategy<Value = Step> {
    let person = || 1..=PEOPLE;
    let attribute = prop::sample::select(vec![
        Attribute::Name,
        Attribute::City,
        Attribute::Mobile,
        Attribute::Email,
    ]);
    prop_oneof![
        5 => (person(), attribute, prop::option::weighted(0.9, 0..3_u8), any::<bool>())
            .prop_map(|(who, what, value, flag)| Step::Says(who, what, value, flag)),
        3 => (person(), person()).prop_map(|(one, other)| Step::Joined(one, other)),
        2 => (person(), person()).prop_map(|(one, other)| Step::Bridged(one, other)),
        2 => (0..5_usize).prop_map(Step::Undone),
        1 => person().prop_map(Step::Away),
    ]
}

/// A hub that joins and parts people, and one in which the same people were never joined.
struct Twins {
    joined: Hub,
    apart: Hub,
}

impl Twins {
    fn both(&mut self, command: &Command) {
        for hub in [&mut self.joined, &mut self.apart] {
            let outcome = hub.run(command.clone(), false);
            assert!(!matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
        }
    }

    fn live(&self) -> Vec<MergeId> {
        let merges = self.joined.tenant().merges().filter(|merge| merge.is_live());
        merges.map(|merge| merge.id).collect()
    }

    /// Undoes a merge, and lets the two meet again.
    fn undo(&mut self, id: MergeId) {
        let merge = self.joined.tenant().merge(id).unwrap().clone();
        let outcome = self.joined.run(Command::Unmerge(id), false);
        assert!(matches!(outcome, Outcome::Unmerged(_)), "{outcome:?}");
        let link = SetCannotLink { one: merge.left, other: merge.right, apart: false };
        let outcome = self.joined.run(Command::SetCannotLink(link), false);
        assert!(matches!(outcome, Outcome::Linked { .. }), "{outcome:?}");
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Says(who, attribute, value, flag) => {
                let mut fields = FieldsSent::default();
                let text = |number: &u8| match attribute {
                    Attribute::Mobile => format!("1390000000{number}"),
                    Attribute::Email => format!("mail{number}@example.com"),
                    _ => format!("{attribute} {number}"),
                };
                let value = value.as_ref().map(|number| Value::Text(text(number).into()));
                if value.is_some() && *attribute == Attribute::Mobile && *flag {
                    fields.mobile_verified = Some(true);
                }
                fields.values.insert(FieldKey::Builtin(*attribute), value);
                let identities = identity(&format!("o{who}")).into_iter().collect();
                self.both(&Command::Upsert(Upsert { identities, fields, ..Upsert::default() }));
            }
            Step::Joined(one, other) => {
                let (one, other) = (CustomerId(*one), CustomerId(*other));
                self.joined.run(Command::Merge(MergeByHand { one, other }), false);
            }
            Step::Bridged(one, other) => {
                let words = [format!("o{one}"), format!("o{other}")];
                let identities = words.iter().filter_map(|word| identity(word)).collect();
                self.joined.run(Command::Upsert(Upsert { identities, ..Upsert::default() }), false);
            }
            Step::Undone(place) => {
                let live = self.live();
                if let Some(id) = live.get(place % live.len().max(1)) {
                    self.undo(*id);
                }
            }
            Step::Away(who) => {
                let survivor = self.joined.tenant().survivor(CustomerId(*who)).unwrap().id;
                for (hub, id) in [(&mut self.joined, survivor), (&mut self.apart, CustomerId(*who))]
                {
                    hub.run(Command::Delete(id), false);
                    let restored = hub.run(Command::Restore(id), false);
                    assert!(matches!(restored, Outcome::Restored { .. }), "{restored:?}");
                }
            }
        }
    }
}

/// What a customer shows and owns.
type Shown = (BTreeMap<FieldKey, (Value, bool)>, Vec<IdentityNumber>);

/// What was seen of an id after an entry.
type Sight = (Seq, CustomerId, Option<(CustomerId, Shown)>);

fn shown(hub: &Hub, id: CustomerId) -> Option<(CustomerId, Shown)> {
    let customer = hub.tenant().survivor(id)?;
    let fields = customer.fold.0.iter();
    let fields =
        fields.filter_map(|(key, cell)| Some((key.clone(), (cell.value.clone()?, cell.verified))));
    let held = hub.tenant().held_by(customer.id).map(|identity| identity.number).collect();
    Some((customer.id, (fields.collect(), held)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Whatever was joined, and in whatever order it is parted: everybody is as if nothing had been.
    #[test]
    fn undoing_every_merge_leaves_nothing_behind(
        preset in any_preset(),
        steps in prop::collection::vec(any_step(), 1..40),
        order in prop::collection::vec(any::<prop::sample::Index>(), 20),
    ) {
        let mut twins = Twins { joined: Hub::new(preset), apart: Hub::new(preset) };
        for who in 1..=PEOPLE {
            let identities = identity(&format!("o{who}")).into_iter().collect();
            twins.both(&Command::Upsert(Upsert { identities, ..Upsert::default() }));
        }
        for step in &steps {
            twins.step(step);
            prop_assert_eq!(twins.joined.tenant().snapshot().audit(), Vec::<String>::new());
        }
        for index in order {
            let live = twins.live();
            if !live.is_empty() {
                twins.undo(*index.get(&live));
            }
        }
        prop_assert_eq!(twins.live(), Vec::new());
        for who in 1..=PEOPLE {
            let found = shown(&twins.joined, CustomerId(who));
            prop_assert_eq!(&found.as_ref().unwrap().0, &CustomerId(who));
            prop_assert_eq!(found, shown(&twins.apart, CustomerId(who)), "customer {}", who);
        }
    }

    /// Looking back shows what was there, after every request; and now is now.
    #[test]
    fn looking_back_shows_what_was_there(
        preset in any_preset(),
        commands in prop::collection::vec(any_command(), 1..30),
    ) {
        let mut hub = Hub::new(preset);
        let mut seen: Vec<Sight> = Vec::new();
        for command in commands {
            // What is erased is not seen any more, also not by looking back.
            if matches!(command, Command::Erase(_)) {
                continue;
            }
            hub.run(command, false);
            let seq = hub.tenant().counters().seq;
            let ids: Vec<CustomerId> = hub.tenant().customers().map(|customer| customer.id).collect();
            seen.extend(ids.into_iter().map(|id| (seq, id, shown(&hub, id))));
        }
        for (seq, id, expected) in seen {
            let past = Past::of(&[id], hub.tenant());
            let mut then = Hub::new(preset);
            then.facts.tenants.insert(TENANT, past.as_of(Moment::Seq(seq)));
            prop_assert_eq!(shown(&then, id), expected, "customer {} after {}", id, seq);
        }
        for customer in hub.tenant().customers() {
            let now = Past::of(&[customer.id], hub.tenant()).as_of(Moment::Now);
            prop_assert_eq!(now.customer(customer.id), Some(customer));
        }
    }

    /// Whatever brought an identity to a customer, and whatever was taken back since: there is a
    /// path of evidence between the two, and each step begins where the one before led.
    #[test]
    fn every_identity_of_a_customer_is_explained(
        preset in any_preset(),
        commands in prop::collection::vec(any_command(), 1..40),
    ) {
        let mut hub = Hub::new(preset);
        for command in commands {
            hub.run(command, false);
        }
        for customer in hub.tenant().customers().filter(|it| it.state == State::Live) {
            let now = Past::of(&[customer.id], hub.tenant()).as_of(Moment::Now);
            let home = Node::Home(customer.id);
            let homes = now.homes_of(customer.id).into_iter().map(Node::Home);
            let held = now.held_by(customer.id).map(|it| Node::Identity(it.number));
            for node in homes.chain(held) {
                let steps = path(node, home, &now);
                prop_assert!(steps.is_some(), "{:?} of customer {}", node, customer.id);
                let mut at = node;
                for step in steps.unwrap() {
                    prop_assert_eq!(step.from, at);
                    at = step.to;
                }
                prop_assert_eq!(at, home);
            }
        }
    }

    /// The versions of a customer lead from nothing to what is there, without a gap.
    #[test]
    fn versions_lead_to_what_is_there(
        preset in any_preset(),
        commands in prop::collection::vec(any_command(), 1..40),
    ) {
        let mut hub = Hub::new(preset);
        for command in commands.into_iter().filter(|it| !matches!(it, Command::Erase(_))) {
            hub.run(command, false);
        }
        for customer in hub.tenant().customers() {
            let versions = Past::of(&[customer.id], hub.tenant()).versions(customer.id);
            let mut fields = BTreeMap::new();
            let mut held = BTreeSet::new();
            for version in &versions {
                prop_assert!(!version.happened.is_empty(), "{:?}", version.entry);
                let is_news = !version.fields.is_empty()
                    || !version.gained.is_empty()
                    || !version.lost.is_empty();
                prop_assert!(version.is_visible || !is_news, "{:?}", version);
                for change in &version.fields {
                    prop_assert_eq!(fields.remove(&change.key), change.before.clone());
                    fields.extend(change.after.clone().map(|after| (change.key.clone(), after)));
                }
                prop_assert!(version.lost.iter().all(|number| held.remove(number)));
                prop_assert!(version.gained.iter().all(|number| held.insert(*number)));
            }
            let last = versions.last().unwrap();
            prop_assert_eq!(last.state, customer.state);
            let now = shown(&hub, customer.id).map(|(_, shown)| shown).unwrap_or_default();
            prop_assert_eq!((fields, held.into_iter().collect()), now);
        }
    }
}
