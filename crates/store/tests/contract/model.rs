//! Random sequences of commands: every engine must answer and keep what the model does.

use crate::receipts::keyed;
use crate::support::{Rig, TENANT, identity};
use kehub_core::attribute::{Attribute, FieldKey, Real, Value};
use kehub_core::command::{
    Attach, Command, DecideClaim, Decision, Extract, FieldsSent, Matching, MergeByHand, Put,
    Request, SetCannotLink, SetPolicy, SettleConflict, Upsert,
};
use kehub_core::conflict::ConflictKind;
use kehub_core::policy::{Case, OnConflict, OverLimit, Policy, Preset, Role, Setting, TypeChange};
use kehub_core::{ConflictId, CustomerId, IdentityNumber, MergeId, Seq};
use kehub_store::ConflictFilter;
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

pub(crate) fn any_upsert() -> impl Strategy<Value = Upsert> {
    let choice =
        || prop::sample::select(vec![OnConflict::Merge, OnConflict::Keep, OnConflict::Reject]);
    let words = prop::collection::vec(prop::sample::select(WORDS), 0..5);
    let matching = (
        prop::option::weighted(0.2, (1..9_i64).prop_map(CustomerId)),
        prop::bool::weighted(0.9),
        prop::bool::weighted(0.9),
    );
    let matching =
        matching.prop_map(|(customer, mobile, email)| Matching { customer, mobile, email });
    let record = prop::option::weighted(0.15, prop::sample::select(WORDS));
    (words, any_fields(), prop::option::weighted(0.3, choice()), matching, record).prop_map(
        |(words, mut fields, on_conflict, matching, record)| {
            fields.values.retain(|_, value| value.is_some());
            let identities = words.iter().enumerate().map(|(place, word)| {
                let mut sent = identity(word);
                sent.name = place.is_multiple_of(2).then(|| format!("called {place}"));
                sent
            });
            let identities = identities.collect();
            let record = record.map(identity);
            Upsert { identities, fields, on_conflict, observed_at: None, matching, record }
        },
    )
}

pub(crate) fn any_command() -> impl Strategy<Value = Command> {
    let customer = || (1..9_i64).prop_map(CustomerId);
    let put = (customer(), any_fields())
        .prop_map(|(customer, fields)| Command::Put(Put { customer, fields }));
    let attach = (customer(), prop::sample::select(WORDS)).prop_map(|(customer, word)| {
        Command::Attach(Attach { customer, identity: identity(word) })
    });
    prop_oneof![
        14 => any_upsert().prop_map(Command::Upsert),
        3 => put,
        2 => attach,
        1 => customer().prop_map(Command::Delete),
        2 => any_policy().prop_map(Command::SetPolicy),
        1 => (1..12_i64).prop_map(|number| Command::Release(IdentityNumber(number))),
        7 => any_decision(),
    ]
}

pub(crate) fn any_policy() -> impl Strategy<Value = SetPolicy> {
    let preset = prop::option::of(prop::sample::select(vec![Preset::Compat, Preset::Guarded]));
    let names = prop::sample::select(vec!["crm-account", "Mobile", "wechat", "cookie", "new"]);
    let types = prop::collection::vec((names.prop_map(str::to_owned), any_change()), 0..3);
    (preset, types).prop_map(|(preset, types)| SetPolicy { preset, types, ..SetPolicy::default() })
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

/// What people decide about customers, merges, claims and conflicts that may be there.
fn any_decision() -> impl Strategy<Value = Command> {
    let customer = || (1..9_i64).prop_map(CustomerId);
    let pair = || (customer(), customer());
    let merge = || (1..6_i64).prop_map(MergeId);
    let words = prop::collection::vec(prop::sample::select(WORDS), 0..4);
    let extract = (customer(), words).prop_map(|(customer, words)| {
        let identities = words.iter().map(|word| identity(word)).collect();
        Command::Extract(Extract { customer, identities })
    });
    let decide = (merge(), 1..40_i64, customer()).prop_map(|(merge, claim, customer)| {
        Command::DecideClaim(DecideClaim { merge, claim: Seq(claim), customer })
    });
    let settle = (1..6_i64, prop::sample::select(Decision::ALL)).prop_map(|(id, decision)| {
        Command::SettleConflict(SettleConflict { conflict: ConflictId(id), decision })
    });
    let link = (pair(), any::<bool>()).prop_map(|((one, other), apart)| {
        Command::SetCannotLink(SetCannotLink { one, other, apart })
    });
    prop_oneof![
        3 => pair().prop_map(|(one, other)| Command::Merge(MergeByHand { one, other })),
        3 => merge().prop_map(Command::Unmerge),
        3 => extract,
        3 => decide,
        2 => settle,
        1 => link,
        2 => customer().prop_map(Command::Restore),
        1 => customer().prop_map(Command::Erase),
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

async fn told(groups: &Groups, engine: &Rig) {
    let model = Rig::memory().await;
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
        let found = engine.batch(requests(engine)).await;
        assert_eq!(expected, found);
    }
    for rig in [&model, engine] {
        assert_eq!(rig.store.check(None).await.unwrap().findings, []);
    }
    let whole = engine.check_in_parts(u32::MAX).await;
    assert_eq!(engine.check_in_parts(1).await, whole);
    let duplicates = model.store.duplicates(TENANT).await.unwrap();
    assert_eq!(engine.store.duplicates(TENANT).await.unwrap(), duplicates);
    let expected = model.store.snapshot(TENANT).await.unwrap();
    let found = engine.store.snapshot(TENANT).await.unwrap();
    assert_eq!(
        model.store.policy(TENANT).await.unwrap(),
        engine.store.policy(TENANT).await.unwrap()
    );
    let quarantined = |rig: &Rig| {
        let store = rig.store.clone();
        async move { store.quarantined(TENANT, IdentityNumber(0), 100).await.unwrap() }
    };
    assert_eq!(quarantined(&model).await, quarantined(engine).await);
    let holdings = |rig: &Rig| {
        let store = rig.store.clone();
        async move { store.holdings(TENANT, CustomerId(0), 100).await.unwrap() }
    };
    assert_eq!(holdings(&model).await, holdings(engine).await);
    assert_eq!(found.audit(), Vec::<String>::new());
    assert_eq!(expected, found);
    let journal = engine.store.journal(TENANT, Seq(0), 1_000).await.unwrap();
    assert_eq!(model.store.journal(TENANT, Seq(0), 1_000).await.unwrap(), journal);
    let feed = engine.store.feed(TENANT, 0, 1_000).await.unwrap();
    assert_eq!(model.store.feed(TENANT, 0, 1_000).await.unwrap(), feed);
    assert_eq!(feed.entries, journal);
    told_to_reviewers(&model, engine).await;
    // Promise 6.
    let policy = Policy::new(Preset::Compat, OnConflict::Merge);
    assert_eq!(found.replayed(TENANT, policy, journal), found);
}

/// What is read for those who look back and decide.
async fn told_to_reviewers(model: &Rig, engine: &Rig) {
    let (model, engine) = (&*model.store, &*engine.store);
    for id in (1..12).map(CustomerId) {
        let expected = model.past(TENANT, &[id]).await.unwrap();
        assert_eq!(engine.past(TENANT, &[id]).await.unwrap(), expected);
        let expected = model.customer_row(TENANT, id).await.unwrap();
        assert_eq!(engine.customer_row(TENANT, id).await.unwrap(), expected);
        for is_settled in [None, Some(true), Some(false)] {
            let wanted = ConflictFilter { is_settled, customer: Some(id), kind: None };
            let expected = model.conflicts(TENANT, &wanted, ConflictId(0), 9).await.unwrap();
            let found = engine.conflicts(TENANT, &wanted, ConflictId(0), 9).await.unwrap();
            assert_eq!(found, expected);
        }
    }
    for word in WORDS {
        let sent = identity(word);
        let expected = model.identity(TENANT, &sent.kind, &sent.value).await.unwrap();
        assert_eq!(engine.identity(TENANT, &sent.kind, &sent.value).await.unwrap(), expected);
    }
    let merges = model.merges(TENANT, MergeId(1), 2).await.unwrap();
    assert_eq!(engine.merges(TENANT, MergeId(1), 2).await.unwrap(), merges);
    for kind in [None, Some(ConflictKind::Refused), Some(ConflictKind::Review)] {
        let wanted = ConflictFilter { kind, is_settled: Some(false), customer: None };
        let expected = model.conflicts(TENANT, &wanted, ConflictId(1), 3).await.unwrap();
        assert_eq!(engine.conflicts(TENANT, &wanted, ConflictId(1), 3).await.unwrap(), expected);
    }
    let links = model.cannot_links(TENANT, None, 9).await.unwrap();
    assert_eq!(engine.cannot_links(TENANT, None, 9).await.unwrap(), links);
    let first = links.first().map(|(link, _)| *link);
    let rest = model.cannot_links(TENANT, first, 9).await.unwrap();
    assert_eq!(engine.cannot_links(TENANT, first, 9).await.unwrap(), rest);
    let places = [Seq(3), Seq(1), Seq(3), Seq(999)];
    let entries = model.entries(TENANT, &places).await.unwrap();
    assert_eq!(engine.entries(TENANT, &places).await.unwrap(), entries);
    let undecided = model.undecided(TENANT, (MergeId(0), Seq(0)), 9).await.unwrap();
    assert_eq!(engine.undecided(TENANT, (MergeId(0), Seq(0)), 9).await.unwrap(), undecided);
}

fn told_of_any_sequence(engine: impl AsyncFn() -> Rig) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(Config { cases: 64, ..Config::default() });
    let run = |groups: Groups| {
        runtime.block_on(async { told(&groups, &engine().await).await });
        Ok(())
    };
    runner.run(&any_groups(), run).unwrap();
}

#[test]
fn any_sequence_comes_out_as_in_the_model() {
    told_of_any_sequence(Rig::sqlite);
}

#[test]
fn any_sequence_comes_out_on_postgres_as_in_the_model() {
    told_of_any_sequence(Rig::postgres);
}

#[test]
fn any_sequence_comes_out_on_a_cluster_as_in_the_model() {
    told_of_any_sequence(Rig::cluster);
}
