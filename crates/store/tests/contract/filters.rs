//! SQL filters and orders mean what the core says: random ones over random customers, compared
//! with the model.

use crate::support::{Rig, TENANT, identity};
use kehub_core::CustomerId;
use kehub_core::attribute::{Attribute, FieldKey, Real, Value};
use kehub_core::command::{Command, Upsert};
use kehub_core::filter::{Comparison, Condition, Filter, Order, Period, SortKey, Test};
use kehub_store::{PageRequest, Start};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

const TEXTS: &[&str] = &["a", "B", "上海", "ä", "a b", "'", "\"", "%", "1", "é\u{10FFFF}"];

fn any_custom() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::Flag),
        (-3..4_i64).prop_map(Value::Integer),
        (-30..30_i32).prop_map(|n| Value::Decimal(Real::new(f64::from(n) / 8.0).unwrap())),
        (1..30_i32).prop_map(|n| Value::Decimal(Real::new(f64::from(n) / 7.0 + 0.1).unwrap())),
        Just(Value::Integer(i64::MAX)),
        prop::sample::select(TEXTS).prop_map(|text| Value::Text(text.into())),
    ]
}

fn any_customer() -> impl Strategy<Value = Upsert> {
    let text = || prop::option::of(prop::sample::select(TEXTS));
    let number = || prop::option::of(0..4_i64);
    let verified = prop::option::of(any::<bool>());
    (text(), text(), text(), text(), number(), number(), verified, prop::option::of(any_custom()))
        .prop_map(|(name, nick, source, stage, gender, mobile, verified, custom)| {
            let mut upsert = Upsert::default();
            let mut give = |attribute, value: Option<Value>| {
                if value.is_some() {
                    upsert.fields.values.insert(FieldKey::Builtin(attribute), value);
                }
            };
            let text = |text: Option<&str>| text.map(|text| Value::Text(text.into()));
            give(Attribute::Name, text(name));
            give(Attribute::NickName, text(nick));
            give(Attribute::Source, text(source));
            give(Attribute::Stage, text(stage));
            give(Attribute::Gender, gender.map(|gender| Value::Integer(gender % 3)));
            give(Attribute::IsMember, gender.map(|gender| Value::Flag(gender > 1)));
            give(Attribute::DateJoin, gender.map(|gender| Value::Integer(gender * 3_000_000)));
            let contact =
                |form: fn(i64) -> String| mobile.map(|number| Value::Text(form(number).into()));
            give(Attribute::Mobile, contact(|number| format!("+86 1380000000{number}")));
            give(Attribute::Email, contact(|number| format!("E{number}@example.com")));
            upsert.fields.mobile_verified = verified;
            if custom.is_some() {
                upsert.fields.values.insert(FieldKey::custom("k.1-x").unwrap(), custom);
            }
            upsert
        })
}

fn any_period() -> impl Strategy<Value = Period> {
    let moment = || prop::option::of((0..14_i64).prop_map(|second| second * 1_000_000));
    (moment(), moment()).prop_map(|(from, before)| Period { from, before })
}

fn any_condition() -> impl Strategy<Value = Condition> {
    let attribute = || {
        prop::sample::select(vec![
            Attribute::Name,
            Attribute::Source,
            Attribute::Stage,
            Attribute::NickName,
        ])
    };
    prop_oneof![
        (attribute(), prop::sample::select(TEXTS))
            .prop_map(|(attribute, text)| Condition::TextIs(attribute, text.to_owned())),
        attribute().prop_map(Condition::Empty),
        (0..4_u8).prop_map(|number| Condition::MobileIs(format!("1380000000{number}"))),
        (0..4_u8).prop_map(|number| Condition::EmailIs(format!("e{number}@example.com"))),
        (0..3_i64).prop_map(Condition::GenderIs),
        prop::collection::vec((0..14_i64).prop_map(CustomerId), 0..6).prop_map(Condition::IdIn),
        any_period().prop_map(Condition::Created),
        any_period().prop_map(Condition::Updated),
        (any_key(), any_test()).prop_map(|(key, test)| Condition::Field(key, test)),
        (any_key(), any_test()).prop_map(|(key, test)| Condition::Field(key, test)),
        (any_key(), any_test()).prop_map(|(key, test)| Condition::Field(key, test)),
    ]
}

fn any_order() -> impl Strategy<Value = Order> {
    let key = prop_oneof![
        4 => prop::sample::select(Attribute::ALL).prop_map(SortKey::Attribute),
        1 => Just(SortKey::Custom("k.1-x".into())),
    ];
    (key, any::<bool>()).prop_map(|(by, descending)| Order { by, descending })
}

fn any_key() -> impl Strategy<Value = SortKey> {
    prop_oneof![
        3 => prop::sample::select(Attribute::ALL).prop_map(SortKey::Attribute),
        2 => prop::sample::select(vec![
            Attribute::Id,
            Attribute::Name,
            Attribute::DisplayName,
            Attribute::Mobile,
            Attribute::Email,
            Attribute::Source,
            Attribute::Stage,
            Attribute::Gender,
            Attribute::MobileVerified,
            Attribute::AnnualRevenue,
            Attribute::DateJoin,
            Attribute::LastUpdated,
        ])
        .prop_map(SortKey::Attribute),
        2 => Just(SortKey::Custom("k.1-x".into())),
    ]
}

/// Values of all kinds, among them those that the customers have.
fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any_custom(),
        (0..14_i64).prop_map(|second| Value::Integer(second * 1_000_000)),
        (0..28_i32).prop_map(|half| Value::Decimal(Real::new(f64::from(half) / 2.0).unwrap())),
        prop::sample::select(vec!["13800000001", "1380000000", "e2@example.com", "e"])
            .prop_map(|text| Value::Text(text.into())),
        any::<i64>().prop_map(Value::Integer),
    ]
}

fn any_test() -> impl Strategy<Value = Test> {
    let values = || prop::collection::vec(any_value(), 0..4);
    let comparison = prop::sample::select(vec![
        Comparison::Above,
        Comparison::AtLeast,
        Comparison::Below,
        Comparison::AtMost,
    ]);
    let prefix = prop::sample::select(vec!["", "a", "上", "138", "+86", "e2@", "é\u{10FFFF}", "1"]);
    prop_oneof![
        values().prop_map(Test::Is),
        values().prop_map(Test::IsNot),
        (comparison, any_value()).prop_map(|(comparison, value)| Test::Stands(comparison, value)),
        prefix.prop_map(|prefix| Test::Begins(prefix.to_owned())),
        Just(Test::Empty),
        Just(Test::NotEmpty),
    ]
}

type Ask = (Vec<Condition>, Order, u64, u32);

async fn asked(customers: Vec<Upsert>, merged: Option<(usize, usize)>, asks: Vec<Ask>) {
    let model = Rig::memory().await;
    let engines = [Rig::sqlite().await, Rig::postgres().await, Rig::cluster().await];
    let mut commands = Vec::new();
    for (place, mut upsert) in customers.into_iter().enumerate() {
        upsert.identities.push(identity(&format!("o{place}")));
        commands.push(Command::Upsert(upsert));
    }
    if let Some((one, other)) = merged {
        let identities = vec![identity(&format!("o{one}")), identity(&format!("o{other}"))];
        commands.push(Command::Upsert(Upsert { identities, ..Upsert::default() }));
    }
    for rig in engines.iter().chain([&model]) {
        rig.batch(commands.iter().map(|it| rig.request(TENANT, it.clone())).collect()).await;
    }
    for (conditions, order, offset, limit) in asks {
        let filter = Filter { conditions };
        let start = Start::Offset(offset);
        let page = PageRequest { order, start, limit, counted: true };
        let expected = model.store.customers(TENANT, &filter, &page).await.unwrap();
        for engine in &engines {
            let found = engine.store.customers(TENANT, &filter, &page).await;
            let found = found.unwrap_or_else(|error| panic!("{error}: {filter:?} {page:?}"));
            assert_eq!(expected, found, "{filter:?} {page:?}");
            let count = engine.store.customer_count(TENANT, &filter).await.unwrap();
            assert_eq!(Some(count), expected.total);
            walked(engine, &filter, &page).await;
        }
        walked(&model, &filter, &page).await;
    }
}

/// Pages that begin behind each other are the whole list, each customer once.
async fn walked(rig: &Rig, filter: &Filter, page: &PageRequest) {
    let all = PageRequest { start: Start::Offset(0), limit: 1_000, counted: false, ..page.clone() };
    let all = rig.store.customers(TENANT, filter, &all).await.unwrap();
    assert_eq!(all.total, None);
    let mut walked = Vec::new();
    let mut page = PageRequest { start: Start::Offset(0), counted: false, ..page.clone() };
    loop {
        let part = rig.store.customers(TENANT, filter, &page).await.unwrap().customers;
        let Some(last) = part.last() else { break };
        page.start = Start::Behind(page.order.position(last));
        walked.extend(part);
    }
    assert_eq!(walked, all.customers, "{filter:?} {page:?}");
}

#[test]
fn any_filter_and_order_mean_the_same_in_sql() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(Config { cases: 48, ..Config::default() });
    let ask = (prop::collection::vec(any_condition(), 0..4), any_order(), 0..4_u64, 1..20_u32);
    let strategy = (
        prop::collection::vec(any_customer(), 1..12),
        prop::option::of((0..12_usize, 0..12_usize)),
        prop::collection::vec(ask, 8..24),
    );
    let run = |(customers, merged, asks)| {
        runtime.block_on(asked(customers, merged, asks));
        Ok(())
    };
    runner.run(&strategy, run).unwrap();
}
