//! People who are joined, parted, taken apart and erased, in any order: an engine loads whatever such
//! a decision looks at, however far from each other they have ended up.

use crate::support::{Rig, TENANT, fields, identity, upsert};
use kehub_core::command::{
    Command, DecideClaim, Decision, Extract, MergeByHand, SetCannotLink, SettleConflict, Upsert,
};
use kehub_core::policy::{OnConflict, Policy, Preset};
use kehub_core::{ConflictId, CustomerId, MergeId, Seq};
use kehub_store::{ConflictFilter, Store};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};

/// Customers 1 to 3 are joined, one claim names the first and the last of them, and they are parted.
async fn three_people(rig: &Rig) {
    for (word, name) in [("o1", "One"), ("o2", "Two"), ("o3", "Three")] {
        rig.upsert(&[word], &[("name", name)]).await;
    }
    rig.upsert(&["o1", "o2"], &[]).await;
    rig.upsert(&["o2", "o3"], &[]).await;
    let far = rig.upsert(&["o1", "o3"], &[("company", "Ours")]).await;
    assert_eq!(far.seq, Some(Seq(6)));
    rig.run(TENANT, Command::Unmerge(MergeId(2))).await;
    rig.run(TENANT, Command::Unmerge(MergeId(1))).await;
}

async fn undecided(store: &dyn Store) -> Vec<(MergeId, Seq)> {
    let found = store.undecided(TENANT, (MergeId(0), Seq(0)), 100).await.unwrap();
    found.iter().map(|(merge, entry)| (merge.id, entry.seq)).collect()
}

/// It leaves a customer that was on neither end of the merge, and that has gone on since.
pub(crate) async fn a_claim_decided_late_takes_nothing_else_along(rig: &Rig) {
    three_people(rig).await;
    rig.upsert(&["o1"], &[("name", "Uno"), ("title", "Boss")]).await;
    let claim = DecideClaim { merge: MergeId(2), claim: Seq(6), customer: CustomerId(3) };
    rig.run(TENANT, Command::DecideClaim(claim)).await;
    let shown = async |id| {
        let customer = rig.customer(id).await.unwrap();
        let text = |name| {
            let value = customer.fold.text(kehub_core::attribute::Attribute::named(name).unwrap());
            value.unwrap_or_default().to_owned()
        };
        ["name", "title", "company"].map(text)
    };
    assert_eq!(shown(1).await, ["Uno", "Boss", ""]);
    assert_eq!(shown(3).await, ["Three", "", "Ours"]);
    assert_eq!(rig.store.check(None).await.unwrap().findings, []);
}

pub(crate) async fn an_erased_person_leaves_no_claim_undecided(rig: &Rig) {
    three_people(rig).await;
    let open = [(MergeId(1), Seq(4)), (MergeId(2), Seq(5)), (MergeId(2), Seq(6))];
    assert_eq!(undecided(&*rig.store).await, open);
    rig.run(TENANT, Command::Erase(CustomerId(1))).await;
    assert_eq!(undecided(&*rig.store).await, [(MergeId(2), Seq(5))]);
}

/// One step, told by places in the lists of what there is.
#[derive(Clone, Debug)]
enum Step {
    Says(Vec<&'static str>, u8),
    Joins(Index, Index),
    Undoes(Index),
    Decides(Index, Index),
    Extracts(Index, Vec<&'static str>),
    Settles(Index, Decision),
    Parts(Index, Index, bool),
    Goes(Index, u8),
}

const WORDS: &[&str] = &["o1", "o1", "o2", "o2", "o3", "o3", "o4", "o4", "e1", "u1", "u2"];

fn any_step() -> impl Strategy<Value = Step> {
    let words = || prop::collection::vec(prop::sample::select(WORDS), 1..3);
    let place = any::<Index>;
    prop_oneof![
        8 => (words(), 0..9_u8).prop_map(|(words, value)| Step::Says(words, value)),
        1 => (place(), place()).prop_map(|(one, other)| Step::Joins(one, other)),
        4 => place().prop_map(Step::Undoes),
        6 => (place(), place()).prop_map(|(claim, customer)| Step::Decides(claim, customer)),
        1 => (place(), words()).prop_map(|(customer, words)| Step::Extracts(customer, words)),
        1 => (place(), prop::sample::select(Decision::ALL))
            .prop_map(|(conflict, decision)| Step::Settles(conflict, decision)),
        2 => (place(), place(), prop::bool::weighted(0.2))
            .prop_map(|(one, other, apart)| Step::Parts(one, other, apart)),
        1 => (place(), 0..8_u8).prop_map(|(customer, how)| Step::Goes(customer, how)),
    ]
}

/// The command that a step is in a store as it stands, if there is anything to do.
async fn command(step: &Step, store: &dyn Store) -> Option<Command> {
    let known = store.snapshot(TENANT).await.unwrap();
    let ids: Vec<CustomerId> = known.customers.iter().map(|customer| customer.id).collect();
    let customer = |at: &Index| (!ids.is_empty()).then(|| *at.get(&ids));
    Some(match step {
        Step::Says(words, value) => {
            let text = value.to_string();
            let name = ["name", "city", "title"][usize::from(value % 3)];
            Command::Upsert(Upsert {
                identities: words.iter().map(|word| identity(word)).collect(),
                fields: fields(&[(name, &text)]),
                ..Upsert::default()
            })
        }
        Step::Joins(one, other) => {
            Command::Merge(MergeByHand { one: customer(one)?, other: customer(other)? })
        }
        Step::Undoes(at) => {
            let live = known.merges.iter().filter(|merge| merge.is_live());
            let live: Vec<MergeId> = live.map(|merge| merge.id).collect();
            Command::Unmerge(*(!live.is_empty()).then(|| at.get(&live))?)
        }
        Step::Decides(at, who) => {
            let open = undecided(store).await;
            let (merge, claim) = *(!open.is_empty()).then(|| at.get(&open))?;
            Command::DecideClaim(DecideClaim { merge, claim, customer: customer(who)? })
        }
        Step::Extracts(who, words) => Command::Extract(Extract {
            customer: customer(who)?,
            identities: words.iter().map(|word| identity(word)).collect(),
        }),
        Step::Settles(at, decision) => {
            let every = ConflictFilter::default();
            let open = store.conflicts(TENANT, &every, ConflictId(0), 100).await.unwrap();
            let found = (!open.is_empty()).then(|| at.get(&open))?;
            let (conflict, decision) = (found.conflict.id, *decision);
            Command::SettleConflict(SettleConflict { conflict, decision })
        }
        Step::Parts(one, other, apart) => {
            let links: Vec<_> = known.cannot_links.iter().map(|(link, _)| *link).collect();
            let (one, other) = match (apart, links.is_empty()) {
                (false, false) => (one.get(&links).low, one.get(&links).high),
                _ => (customer(one)?, customer(other)?),
            };
            Command::SetCannotLink(SetCannotLink { one, other, apart: *apart })
        }
        Step::Goes(who, how) => match how {
            0 => Command::Erase(customer(who)?),
            1..4 => Command::Delete(customer(who)?),
            _ => Command::Restore(customer(who)?),
        },
    })
}

async fn told(preset: Preset, steps: &[Step]) {
    let (model, engine) = (Rig::memory().await, Rig::sqlite().await);
    for rig in [&model, &engine] {
        let change = kehub_core::command::SetPolicy { preset: Some(preset), ..Default::default() };
        rig.run(TENANT, Command::SetPolicy(change)).await;
        // Where fewer than two are known, nobody can be joined.
        rig.run(TENANT, upsert(&["o1"], &[])).await;
        rig.run(TENANT, upsert(&["o2"], &[])).await;
    }
    for step in steps {
        let Some(command) = command(step, &*model.store).await else { continue };
        let expected = model.run(TENANT, command.clone()).await;
        assert_eq!(engine.run(TENANT, command.clone()).await, expected, "{command:?}");
        let kept = model.store.snapshot(TENANT).await.unwrap();
        assert_eq!(kept.audit(), Vec::<String>::new(), "{command:?}");
        assert_eq!(engine.store.snapshot(TENANT).await.unwrap(), kept, "{command:?}");
    }
    assert_eq!(undecided(&*model.store).await, undecided(&*engine.store).await);
    assert_eq!(engine.store.check(None).await.unwrap().findings, []);
    // Promise 6.
    let kept = engine.store.snapshot(TENANT).await.unwrap();
    let journal = engine.store.journal(TENANT, Seq(0), 1_000).await.unwrap();
    let policy = Policy::new(Preset::Compat, OnConflict::Merge);
    assert_eq!(kept.replayed(TENANT, policy, journal), kept);
}

#[test]
fn any_parting_comes_out_as_in_the_model() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(Config { cases: 64, ..Config::default() });
    let preset = prop::sample::select(vec![Preset::Compat, Preset::Guarded]);
    let story = (preset, prop::collection::vec(any_step(), 20..60));
    let run = |(preset, steps): (Preset, Vec<Step>)| {
        runtime.block_on(told(preset, &steps));
        Ok(())
    };
    runner.run(&story, run).unwrap();
}
