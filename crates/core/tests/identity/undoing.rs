//! Promise 4: an undo leaves nothing behind; and looking back shows what was there.

use crate::hub::{Hub, TENANT, identity};
use crate::promises::{any_command, any_preset};
use kehub_core::attribute::{Attribute, FieldKey, Value};
use kehub_core::command::{Command, FieldsSent, MergeByHand, SetCannotLink, Upsert};
use kehub_core::history::{Moment, Past};
use kehub_core::outcome::Outcome;
use kehub_core::{CustomerId, IdentityNumber, MergeId, Seq};
use proptest::prelude::*;
use std::collections::BTreeMap;

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
}
