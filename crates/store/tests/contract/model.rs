//! Random sequences of commands: every engine must answer and keep what the model does.

use crate::receipts::keyed;
use crate::support::{Rig, TENANT, identity};
use kehub_core::attribute::{Attribute, FieldKey, Real, Value};
use kehub_core::command::{Attach, Command, FieldsSent, Put, Request, SetPolicy, Upsert};
use kehub_core::policy::{Case, OnConflict, OverLimit, Policy, Preset, Role, Setting, TypeChange};
use kehub_core::{CustomerId, IdentityNumber, Seq};
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
    prop_oneof![
        14 => upsert,
        3 => put,
        2 => attach,
        1 => customer().prop_map(Command::Delete),
        2 => any_policy().prop_map(Command::SetPolicy),
        1 => (1..12_i64).prop_map(|number| Command::Release(IdentityNumber(number))),
    ]
}

fn any_policy() -> impl Strategy<Value = SetPolicy> {
    let preset = prop::option::of(prop::sample::select(vec![Preset::Compat, Preset::Guarded]));
    let names = prop::sample::select(vec!["crm-account", "Mobile", "wechat", "cookie", "new"]);
    let types = prop::collection::vec((names.prop_map(str::to_owned), any_change()), 0..3);
    (preset, types).prop_map(|(preset, types)| SetPolicy { preset, on_conflict: None, types })
}

/// Sets one thing, or sets it back; some of it is refused.
fn any_change() -> impl Strategy<Value = TypeChange> {
    fn setting<T: std::fmt::Debug>(
        value: impl Strategy<Value = T>,
    ) -> impl Strategy<Value = Setting<T>> {
        prop_oneof![
            1 => Just(()).prop_map(|()| Setting::Default),
            4 => value.prop_map(Setting::Value),
        ]
    }
    let keep = TypeChange::default;
    let cases = vec![Case::Sensitive, Case::Insensitive];
    let choices = vec![OverLimit::Attach, OverLimit::Refuse];
    let patterns = prop::sample::subsequence(vec!["A1", "*2", "1380000000*3"], 0..3)
        .prop_map(|patterns| patterns.into_iter().map(str::to_owned).collect());
    prop_oneof![
        setting(1..99_u16).prop_map(move |priority| TypeChange { priority, ..keep() }),
        setting(0..4_usize).prop_map(move |limit| TypeChange { limit, ..keep() }),
        setting(prop::sample::select(Role::ALL))
            .prop_map(move |role| TypeChange { role, ..keep() }),
        setting(prop::sample::select(cases)).prop_map(move |case| TypeChange { case, ..keep() }),
        setting(patterns).prop_map(move |blocked| TypeChange { blocked, ..keep() }),
        setting(0..4_usize)
            .prop_map(move |quarantine_after| TypeChange { quarantine_after, ..keep() }),
        setting(prop::sample::select(choices))
            .prop_map(move |over_limit| TypeChange { over_limit, ..keep() }),
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
    let duplicates = model.store.duplicates(TENANT).await.unwrap();
    assert_eq!(engine.store.duplicates(TENANT).await.unwrap(), duplicates);
    let expected = model.store.snapshot(TENANT).await.unwrap();
    let found = engine.store.snapshot(TENANT).await.unwrap();
    assert_eq!(
        model.store.policy(TENANT).await.unwrap(),
        engine.store.policy(TENANT).await.unwrap()
    );
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
