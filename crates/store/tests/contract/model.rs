//! Random sequences of commands: every engine must answer and keep what the model does.

use crate::receipts::keyed;
use crate::support::{Rig, TENANT, identity};
use kehub_core::attribute::{Attribute, FieldKey, Real, Value};
use kehub_core::command::{Attach, Command, FieldsSent, Put, Request, SetPolicy, Upsert};
use kehub_core::policy::{OnConflict, Policy, Preset};
use kehub_core::{CustomerId, Seq};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

const WORDS: &[&str] = &[
    "a1", "a2", "a3", "b1", "u1", "u2", "o1", "o2", "o3", "m1", "m2", "m3", "e1", "e2", "d1", "d2",
    "x0",
];

fn any_value(attribute: Attribute, number: u8) -> Value {
    match attribute {
        Attribute::Mobile => Value::Text(format!("1380000000{number}").into()),
        Attribute::Email => Value::Text(format!("e{number}@example.com").into()),
        Attribute::Gender => Value::Integer(i64::from(number % 3)),
        Attribute::IsMember => Value::Flag(number.is_multiple_of(2)),
        Attribute::AnnualRevenue => Value::Decimal(Real::new(f64::from(number)).unwrap()),
        _ => Value::Text(format!("{attribute} {number}").into()),
    }
}

fn any_fields() -> impl Strategy<Value = FieldsSent> {
    let attributes = prop::sample::select(vec![
        Attribute::Name,
        Attribute::Mobile,
        Attribute::Email,
        Attribute::Gender,
        Attribute::Source,
        Attribute::Stage,
        Attribute::IsMember,
        Attribute::AnnualRevenue,
    ]);
    let field = (attributes, prop::option::weighted(0.8, 0..5_u8));
    let custom = prop::option::of((0..2_u8, 0..3_u8));
    let flag = || prop::option::weighted(0.2, any::<bool>());
    (prop::collection::vec(field, 0..4), custom, flag(), flag()).prop_map(
        |(given, custom, mobile_verified, email_verified)| {
            let mut fields =
                FieldsSent { mobile_verified, email_verified, ..FieldsSent::default() };
            for (attribute, number) in given {
                let value = number.map(|number| any_value(attribute, number));
                fields.values.insert(FieldKey::Builtin(attribute), value);
            }
            if let Some((key, number)) = custom {
                let key = FieldKey::custom(&format!("attr{key}")).unwrap();
                fields.values.insert(key, Some(Value::Integer(i64::from(number))));
            }
            fields
        },
    )
}

fn any_command() -> impl Strategy<Value = Command> {
    let choice =
        || prop::sample::select(vec![OnConflict::Merge, OnConflict::Keep, OnConflict::Reject]);
    let words = prop::collection::vec(prop::sample::select(WORDS), 0..5);
    let upsert = (words, any_fields(), prop::option::weighted(0.3, choice())).prop_map(
        |(words, mut fields, on_conflict)| {
            fields.values.retain(|_, value| value.is_some());
            let identities = words.iter().enumerate().map(|(place, word)| {
                let mut sent = identity(word);
                sent.name = place.is_multiple_of(2).then(|| format!("called {place}"));
                sent
            });
            let identities = identities.collect();
            Command::Upsert(Upsert { identities, fields, on_conflict, observed_at: None })
        },
    );
    let customer = || (1..9_i64).prop_map(CustomerId);
    let put = (customer(), any_fields())
        .prop_map(|(customer, fields)| Command::Put(Put { customer, fields }));
    let attach = (customer(), prop::sample::select(WORDS)).prop_map(|(customer, word)| {
        Command::Attach(Attach { customer, identity: identity(word) })
    });
    let policy = prop::option::of(prop::sample::select(vec![Preset::Compat, Preset::Guarded]))
        .prop_map(|preset| Command::SetPolicy(SetPolicy { preset, on_conflict: None }));
    prop_oneof![
        14 => upsert,
        3 => put,
        2 => attach,
        1 => customer().prop_map(Command::Delete),
        1 => policy,
    ]
}

/// A command, whether it is dry, and the key it comes with.
type Asked = (Command, bool, Option<u8>);
type Groups = Vec<Vec<Asked>>;

fn any_groups() -> impl Strategy<Value = Groups> {
    let key = prop::option::weighted(0.3, 0..4_u8);
    let request = (any_command(), prop::bool::weighted(0.1), key);
    prop::collection::vec(prop::collection::vec(request, 1..12), 1..6)
}

async fn told(groups: &Groups) {
    let (model, engine) = (Rig::memory().await, Rig::sqlite().await);
    for group in groups {
        let requests = |rig: &Rig| {
            let request = |(command, dry_run, key): &Asked| {
                let command = command.clone();
                let request = match key {
                    Some(key) => keyed(rig, TENANT, *key, command),
                    None => rig.request(TENANT, command),
                };
                // Whoever got no answer asks again.
                let times = if key.is_some() { 2 } else { 1 };
                vec![Request { dry_run: *dry_run, ..request }; times]
            };
            group.iter().flat_map(request).collect::<Vec<_>>()
        };
        let expected = model.batch(requests(&model)).await;
        let found = engine.batch(requests(&engine)).await;
        assert_eq!(expected, found);
    }
    let expected = model.store.snapshot(TENANT).await.unwrap();
    let found = engine.store.snapshot(TENANT).await.unwrap();
    assert_eq!(found.audit(), Vec::<String>::new());
    assert_eq!(expected, found);
    let journal = engine.store.journal(TENANT, Seq(0), 1_000).await.unwrap();
    assert_eq!(model.store.journal(TENANT, Seq(0), 1_000).await.unwrap(), journal);
    let feed = engine.store.feed(TENANT, 0, 1_000).await.unwrap();
    assert_eq!(model.store.feed(TENANT, 0, 1_000).await.unwrap(), feed);
    assert_eq!(feed.entries, journal);
    // Promise 6.
    let policy = Policy::new(Preset::Compat, OnConflict::Merge);
    assert_eq!(found.replayed(TENANT, policy, journal), found);
}

#[test]
fn any_sequence_comes_out_as_in_the_model() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(Config { cases: 64, ..Config::default() });
    let run = |groups: Groups| {
        runtime.block_on(told(&groups));
        Ok(())
    };
    runner.run(&any_groups(), run).unwrap();
}
