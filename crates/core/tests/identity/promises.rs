//! The promises of the identity page that hold for any sequence of requests.

use crate::hub::{Hub, TENANT, identity};
use kehub_core::command::{
    Attach, Command, DecideClaim, Decision, Extract, FieldsSent, Matching, MergeByHand, Put,
    SetCannotLink, SetPolicy, SettleConflict, Upsert,
};
use kehub_core::facts::{Foresight, Retelling, Retold, Snapshot, TenantFacts};
use kehub_core::journal::{Entry, Record};
use kehub_core::outcome::{IdentityVerdict, Outcome, Refusal, Resolution, ResultKind};
use kehub_core::policy::{Case, OnConflict, OverLimit, Policy, Preset, Role, Setting, TypeChange};
use kehub_core::{
    ConflictId, CustomerId, IdentityNumber, MergeId, Seq, attribute::Attribute,
    attribute::FieldKey, attribute::Value,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Short names of identities of every role, few enough to meet often.
const IDENTITIES: &[&str] = &[
    "a1",
    "a2",
    "a3",
    "b1",
    "u1",
    "u2",
    "u3",
    "o1",
    "o2",
    "o3",
    "m1",
    "m2",
    "m3",
    "e1",
    "e2",
    "d1",
    "d2",
    "crm-account:null",
    "mobile:00000000000",
    "crm-account:",
];

fn any_identities() -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(prop::sample::select(IDENTITIES), 0..5)
}

fn any_fields() -> impl Strategy<Value = FieldsSent> {
    let value = prop::option::weighted(0.4, 0..4_u8);
    (value.clone(), value.clone(), value, any::<Option<bool>>()).prop_map(
        |(name, mobile, email, verified)| {
            let mut fields = FieldsSent::default();
            let mut give = |attribute, text: Option<String>| {
                if let Some(text) = text {
                    let value =
                        Some(Value::Text(text.into())).filter(|_| !fields.values.is_empty());
                    fields.values.insert(FieldKey::Builtin(attribute), value);
                }
            };
            give(Attribute::Name, name.map(|n| format!("name {n}")));
            give(Attribute::Mobile, mobile.map(|n| format!("1380000000{n}")));
            give(Attribute::Email, email.map(|n| format!("e{n}@example.com")));
            fields.mobile_verified = verified;
            fields
        },
    )
}

fn any_matching() -> impl Strategy<Value = Matching> {
    let customer = prop::option::weighted(0.2, (1..8_i64).prop_map(CustomerId));
    let allows = || prop::bool::weighted(0.9);
    (customer, allows(), allows()).prop_map(|(customer, mobile, email)| Matching {
        customer,
        mobile,
        email,
    })
}

pub(crate) fn any_command() -> impl Strategy<Value = Command> {
    let on_conflict = prop::option::of(prop::sample::select(vec![
        OnConflict::Merge,
        OnConflict::Keep,
        OnConflict::Reject,
    ]));
    let record = prop::option::weighted(0.15, prop::sample::select(IDENTITIES));
    let upsert = (any_identities(), any_fields(), on_conflict, any_matching(), record).prop_map(
        |(identities, mut fields, on_conflict, matching, record)| {
            fields.values.retain(|_, value| value.is_some());
            let identities = identities.iter().filter_map(|word| identity(word)).collect();
            let (observed_at, record) = (None, record.and_then(identity));
            let upsert = Upsert { identities, fields, on_conflict, observed_at, matching, record };
            Command::Upsert(upsert)
        },
    );
    let customer = || (1..8_i64).prop_map(CustomerId);
    let put = (customer(), any_fields())
        .prop_map(|(customer, fields)| Command::Put(Put { customer, fields }));
    let attach = (customer(), prop::sample::select(IDENTITIES))
        .prop_filter_map("an identity", |(customer, word)| {
            Some(Command::Attach(Attach { customer, identity: identity(word)? }))
        });
    prop_oneof![
        12 => upsert,
        2 => put,
        2 => attach,
        1 => customer().prop_map(Command::Delete),
        2 => any_policy().prop_map(Command::SetPolicy),
        1 => (1..12_i64).prop_map(|number| Command::Release(IdentityNumber(number))),
        6 => any_decision(),
    ]
}

/// What people decide about customers, merges, claims and conflicts that may be there.
fn any_decision() -> impl Strategy<Value = Command> {
    let customer = || (1..8_i64).prop_map(CustomerId);
    let pair = || (customer(), customer());
    let merge = || (1..5_i64).prop_map(MergeId);
    let extract = (customer(), any_identities()).prop_map(|(customer, words)| {
        let identities = words.iter().filter_map(|word| identity(word)).collect();
        Command::Extract(Extract { customer, identities })
    });
    let decide = (merge(), 1..30_i64, customer()).prop_map(|(merge, claim, customer)| {
        Command::DecideClaim(DecideClaim { merge, claim: Seq(claim), customer })
    });
    let settle = (1..5_i64, prop::sample::select(Decision::ALL)).prop_map(|(id, decision)| {
        Command::SettleConflict(SettleConflict { conflict: ConflictId(id), decision })
    });
    let link = (pair(), any::<bool>()).prop_map(|((one, other), apart)| {
        Command::SetCannotLink(SetCannotLink { one, other, apart })
    });
    prop_oneof![
        3 => pair().prop_map(|(one, other)| Command::Merge(MergeByHand { one, other })),
        3 => merge().prop_map(Command::Unmerge),
        3 => extract,
        2 => decide,
        2 => settle,
        1 => link,
        2 => customer().prop_map(Command::Restore),
        1 => customer().prop_map(Command::Erase),
    ]
}

fn any_policy() -> impl Strategy<Value = SetPolicy> {
    let names = prop::sample::select(vec![
        "crm-account",
        "Mobile",
        "wechat",
        "wechat-unionid",
        "cookie",
        "never-sent",
    ]);
    let types = prop::collection::vec((names.prop_map(str::to_owned), any_change()), 0..3);
    (prop::option::weighted(0.3, any_preset()), types).prop_map(|(preset, types)| SetPolicy {
        preset,
        types,
        ..SetPolicy::default()
    })
}

fn any_change() -> impl Strategy<Value = TypeChange> {
    fn any_setting<T: std::fmt::Debug>(
        value: impl Strategy<Value = T>,
    ) -> impl Strategy<Value = Setting<T>> {
        prop_oneof![
            4 => Just(()).prop_map(|()| Setting::Keep),
            1 => Just(()).prop_map(|()| Setting::Default),
            2 => value.prop_map(Setting::Value),
        ]
    }
    let patterns = prop::sample::subsequence(vec!["a1", "*2", "1380000000?", "A*"], 0..3)
        .prop_map(|patterns| patterns.into_iter().map(str::to_owned).collect());
    let cases = vec![Case::Sensitive, Case::Insensitive];
    let over_limit = vec![OverLimit::Attach, OverLimit::Refuse];
    (
        any_setting(1..99_u16),
        any_setting(0..4_usize),
        any_setting(prop::sample::select(Role::ALL)),
        any_setting(prop::sample::select(cases)),
        any_setting(patterns),
        any_setting(0..4_usize),
        any_setting(prop::sample::select(over_limit)),
    )
        .prop_map(|(priority, limit, role, case, blocked, quarantine_after, over_limit)| {
            TypeChange { priority, limit, role, case, blocked, quarantine_after, over_limit }
        })
}

pub(crate) fn any_preset() -> impl Strategy<Value = Preset> {
    prop::sample::select(vec![Preset::Compat, Preset::Guarded])
}

fn resolution(outcome: &Outcome) -> Option<&Resolution> {
    match outcome {
        Outcome::Resolved(resolution) => Some(resolution),
        _ => None,
    }
}

/// How many identities an outcome accounts for; `None` if it says that an id is nobody's, before any
/// identity is looked at.
fn accounted(outcome: &Outcome) -> Option<usize> {
    match outcome {
        Outcome::Resolved(resolution) => Some(resolution.identities.len()),
        Outcome::Refused(
            Refusal::Conflicts { identities, .. } | Refusal::NothingUsable { identities },
        ) => Some(identities.len()),
        Outcome::Refused(
            Refusal::CustomerMissing(_) | Refusal::CustomerDeleted(_) | Refusal::CustomerErased(_),
        ) => None,
        other => panic!("an upsert came out as {other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Promises 1, 2, 6 and 7, after every request.
    #[test]
    fn any_sequence_keeps_the_promises(
        preset in any_preset(),
        commands in prop::collection::vec((any_command(), prop::bool::weighted(0.1)), 1..40),
    ) {
        let mut hub = Hub::new(preset);
        let mut journal: Vec<Entry> = Vec::new();
        let mut ids: BTreeSet<CustomerId> = BTreeSet::new();
        for (command, dry_run) in commands {
            let before = hub.tenant().snapshot();
            let sent = match &command {
                Command::Upsert(upsert) => {
                    let (sent, record) = (upsert.identities.len(), upsert.record.is_some());
                    Some((sent..=sent + usize::from(record), upsert.matching.customer.is_some()))
                }
                _ => None,
            };
            let rules = hub.tenant().policy().clone();
            let outcome = hub.run(command, dry_run);
            let dirty = hub.facts.tenants.get_mut(&TENANT).unwrap().take_dirty();
            let after = hub.tenant().snapshot();

            prop_assert_eq!(after.audit(), Vec::<String>::new());
            if let Some((sent, names_a_customer)) = sent {
                let accounted = accounted(&outcome);
                let is_all = accounted.is_some_and(|accounted| sent.contains(&accounted));
                prop_assert!(is_all || names_a_customer && accounted.is_none());
            }
            if dry_run {
                prop_assert_eq!(&before, &after);
                prop_assert!(dirty.is_empty());
                prop_assert_eq!(&rules, hub.tenant().policy());
            }
            if let Some(resolution) = resolution(&outcome) {
                let entry = resolution.seq.is_some();
                prop_assert_eq!(entry, !dirty.entries.is_empty());
                if resolution.result == ResultKind::Unchanged && !dry_run {
                    let of = |customers: &[kehub_core::customer::Customer]| {
                        let found = customers.iter().find(|it| it.id == resolution.customer.id);
                        found.map(|it| (it.rev, it.updated_at))
                    };
                    prop_assert_eq!(of(&before.customers), of(&after.customers));
                }
            }
            journal.extend(dirty.entries.iter().map(|entry| Entry::clone(entry)));
            for seq in dirty.rewritten {
                let stored = journal.iter_mut().find(|entry| entry.seq == seq).unwrap();
                *stored = Entry::clone(hub.tenant().entry(seq).unwrap());
            }
            ids.extend(after.customers.iter().map(|customer| customer.id));
            let present: BTreeSet<CustomerId> = after.customers.iter().map(|c| c.id).collect();
            prop_assert_eq!(&ids, &present);
        }
        let told = hub.tenant().snapshot();
        let policy = Policy::new(preset, OnConflict::Merge);
        prop_assert_eq!(&told.replayed(TENANT, policy, journal.iter().cloned()), &told);

        // The same with no more of the journal in memory than is looked back at.
        let moves = |it: &Record| matches!(it, Record::Extracted(_) | Record::ClaimDecided(_));
        let is_looked_back_at = journal.iter().flat_map(|entry| &entry.records).any(moves);
        let (parts, _) = retold(hub.tenant(), &journal, u32::MAX);
        prop_assert_eq!(parts.len(), 1);
        prop_assert_eq!(parts[0].entries().next().is_some(), is_looked_back_at);
        // And of the customers.
        for at_once in [u32::MAX, 1, 2, 3] {
            let (parts, end) = retold(hub.tenant(), &journal, at_once);
            prop_assert_eq!(&end.problems, &Vec::<String>::new(), "{} at once", at_once);
            prop_assert!(end.without_row.is_empty() && end.left_out == 0);
            prop_assert_eq!(&end.policy, hub.tenant().policy());
            let mut counters = hub.tenant().counters();
            counters.identity = end.counters.identity;
            prop_assert_eq!(end.counters, counters);
            prop_assert_eq!(put_together(&parts), told.clone(), "{} at once", at_once);
        }
    }

    /// What is wrong with a journal is found in parts of any size.
    #[test]
    fn a_damaged_journal_is_told_alike_in_parts(
        preset in any_preset(),
        commands in prop::collection::vec(any_command(), 2..40),
        lost in any::<prop::sample::Index>(),
    ) {
        let mut hub = Hub::new(preset);
        for command in commands {
            hub.run(command, false);
        }
        let mut journal: Vec<Entry> = hub.tenant().entries().map(|it| Entry::clone(it)).collect();
        if journal.is_empty() {
            return Ok(());
        }
        let lost = journal.remove(lost.index(journal.len()));
        // Where a claim is that was moved again is not known to the part that it was in at first.
        let moves = |it: &Record| matches!(it, Record::Extracted(_) | Record::ClaimDecided(_));
        let is_clear = !lost.records.iter().any(moves);
        let (whole, whole_end) = retold(hub.tenant(), &journal, u32::MAX);
        for at_once in [1, 2, 3] {
            let (parts, end) = retold(hub.tenant(), &journal, at_once);
            prop_assert_eq!(&end.problems, &whole_end.problems, "{} at once", at_once);
            prop_assert_eq!(end.counters, whole_end.counters);
            prop_assert_eq!(&end.policy, &whole_end.policy);
            if is_clear {
                prop_assert_eq!(put_together(&parts), put_together(&whole), "{} at once", at_once);
            }
        }
    }

    /// Along each customer, the entries that touched it form a chain from its head.
    #[test]
    fn a_history_can_be_followed_back(
        preset in any_preset(),
        commands in prop::collection::vec(any_command(), 1..30),
    ) {
        let mut hub = Hub::new(preset);
        let mut journal = BTreeMap::new();
        for command in commands {
            hub.run(command, false);
            for entry in hub.facts.tenants.get_mut(&TENANT).unwrap().take_dirty().entries {
                journal.insert(entry.seq, entry);
            }
        }
        for customer in hub.tenant().customers() {
            let mut next = Some(customer.head);
            let mut rev = customer.rev;
            while let Some(seq) = next {
                let touched = journal[&seq].touched.iter().find(|t| t.customer == customer.id);
                let touched = touched.expect("the entry touched the customer");
                prop_assert_eq!(touched.rev_after, rev);
                (next, rev) = (touched.previous, touched.rev_before);
            }
            prop_assert_eq!(rev, 0);
        }
    }

    /// Promise 3: where nothing doubtful happens in any order, the order does not matter.
    #[test]
    fn order_does_not_matter_where_nothing_is_doubtful(
        preset in any_preset(),
        upserts in prop::collection::vec(
            prop::collection::vec(
                prop::sample::select(vec!["a1", "b1", "u1", "o1", "o2", "m1", "e1", "d1"]), 1..4),
            2..5),
    ) {
        let told: Vec<(bool, BTreeSet<BTreeSet<String>>)> =
            permutations(&upserts).iter().map(|order| tell(preset, order)).collect();
        if told.iter().all(|(clean, _)| *clean) {
            let partitions: BTreeSet<_> = told.into_iter().map(|(_, partition)| partition).collect();
            prop_assert_eq!(partitions.len(), 1);
        }
    }

    /// Promise 5, one after the other: equal requests create once.
    #[test]
    fn equal_requests_create_once(
        preset in any_preset(),
        identities in prop::sample::subsequence(vec!["a1", "u1", "o1", "m1", "e1", "d1"], 1..6),
    ) {
        let mut hub = Hub::new(preset);
        let identities: Vec<_> = identities.iter().filter_map(|word| identity(word)).collect();
        let upsert = Upsert { identities, ..Upsert::default() };
        let results: Vec<ResultKind> = (0..64)
            .map(|_| hub.run(Command::Upsert(upsert.clone()), false))
            .map(|outcome| resolution(&outcome).unwrap().result)
            .collect();
        prop_assert_eq!(results[0], ResultKind::Created);
        prop_assert!(results[1..].iter().all(|result| *result == ResultKind::Unchanged));
        prop_assert_eq!(hub.facts.tenants.get_mut(&TENANT).unwrap().take_dirty().entries.len(), 1);
    }
}

/// What a journal makes of a tenant, told in parts of so many customers.
fn retold(tenant: &TenantFacts, journal: &[Entry], at_once: u32) -> (Vec<TenantFacts>, Retold) {
    let mut foresight = Foresight::default();
    for identity in tenant.identities() {
        foresight.know(identity.number, identity.key.kind);
    }
    for entry in journal {
        foresight.see(entry);
    }
    let mut retelling = Retelling::new(TENANT, tenant.policy(), foresight, at_once);
    let mut parts = Vec::new();
    while let Some(part) = retelling.part() {
        let numbers = part.identities();
        let own = tenant.identities().filter(|it| numbers.contains(&it.number.0));
        retelling.begin(own.cloned());
        let between = retelling.due_between();
        for entry in journal.iter().filter(|entry| between.contains(&entry.seq.0)) {
            if retelling.is_due(entry.seq) {
                retelling.tell(entry.seq, entry.clone());
            }
        }
        let facts = retelling.told();
        assert!(facts.customers().all(|customer| part.has_customer(customer.id)));
        assert!(facts.homes().all(|(home, _)| part.has_customer(home)));
        assert!(facts.customers().all(|it| part.customers().contains(&it.id.0)));
        assert!(facts.merges().all(|merge| part.has_merge(merge.id)));
        assert!(facts.conflicts().all(|conflict| part.conflicts().contains(&conflict.id.0)));
        assert!(facts.links().all(|(link, _)| part.links().contains(&link.low.0)));
        assert!(facts.undecided().all(|(merge, _)| part.undecided().contains(&merge.0)));
        parts.push(facts);
    }
    (parts, retelling.end())
}

/// The parts of a tenant, in the order of its numbers. The types are those of the first one.
fn put_together(parts: &[TenantFacts]) -> Snapshot {
    let mut whole = Snapshot::default();
    for (index, part) in parts.iter().map(TenantFacts::snapshot).enumerate() {
        if index == 0 {
            whole.types = part.types;
        }
        whole.customers.extend(part.customers);
        whole.homes.extend(part.homes);
        whole.identities.extend(part.identities);
        whole.merges.extend(part.merges);
        whole.cannot_links.extend(part.cannot_links);
        whole.conflicts.extend(part.conflicts);
        whole.undecided.extend(part.undecided);
    }
    whole.customers.sort_by_key(|customer| customer.id);
    whole.homes.sort_by_key(|(home, _)| *home);
    whole.identities.sort_by_key(|identity| identity.number);
    whole.merges.sort_by_key(|merge| merge.id);
    whole.cannot_links.sort();
    whole.conflicts.sort_by_key(|conflict| conflict.id);
    whole.undecided.sort_unstable();
    whole
}

fn permutations<T: Clone>(items: &[T]) -> Vec<Vec<T>> {
    let Some((first, rest)) = items.split_first() else { return vec![Vec::new()] };
    let mut all = Vec::new();
    for order in permutations(rest) {
        for at in 0..=order.len() {
            let mut order = order.clone();
            order.insert(at, first.clone());
            all.push(order);
        }
    }
    all
}

/// Whether every identity came out well, and who is who afterwards.
fn tell(preset: Preset, upserts: &[Vec<&str>]) -> (bool, BTreeSet<BTreeSet<String>>) {
    let mut hub = Hub::new(preset);
    let mut clean = true;
    for words in upserts {
        let identities = words.iter().filter_map(|word| identity(word)).collect();
        let outcome = hub.run(Command::Upsert(Upsert { identities, ..Upsert::default() }), false);
        clean &= resolution(&outcome).is_some_and(|resolution| {
            resolution.warnings.is_empty()
                && resolution.conflicts.is_empty()
                && resolution.identities.iter().all(|identity| {
                    matches!(
                        identity.verdict,
                        IdentityVerdict::Matched
                            | IdentityVerdict::Moved
                            | IdentityVerdict::Attached
                            | IdentityVerdict::Created
                    )
                })
        });
    }
    let tenant = hub.tenant();
    let live = tenant.customers().filter(|customer| tenant.survivor(customer.id) == Some(customer));
    let partition = live
        .map(|customer| tenant.held_by(customer.id).map(|it| it.raw.to_string()).collect())
        .collect();
    (clean, partition)
}

/// Wire W35: what a customer has accumulated counts, not only what one request brings.
#[test]
fn custom_attributes_add_up_to_their_limit() {
    let mut hub = Hub::new(Preset::Compat);
    let mut send = |keys: std::ops::Range<usize>| {
        let mut upsert = Upsert::default();
        upsert.identities.extend(identity("a1"));
        for key in keys {
            let key = FieldKey::custom(&format!("attr{key}")).unwrap();
            upsert.fields.values.insert(key, Some(Value::Integer(1)));
        }
        hub.run(Command::Upsert(upsert), false)
    };
    assert!(resolution(&send(0..100)).is_some());
    assert!(resolution(&send(100..120)).is_some());
    // Known ones may change; a new one is one too many.
    assert!(resolution(&send(0..120)).is_some());
    let refused = Refusal::CustomAttributesTooMany { found: 121, limit: 120 };
    assert_eq!(send(119..121), Outcome::Refused(refused));
}

/// A request with thousands of identities is accounted for, and leaves few rows behind.
#[test]
fn identities_beyond_the_limit_of_a_request_leave_one_row() {
    let mut hub = Hub::new(Preset::Compat);
    let identities = (0..5_000).filter_map(|number| identity(&format!("o{number}"))).collect();
    let outcome = hub.run(Command::Upsert(Upsert { identities, ..Upsert::default() }), false);
    let resolution = resolution(&outcome).unwrap();
    let count = |wanted| resolution.identities.iter().filter(|it| it.verdict == wanted).count();
    assert_eq!(count(IdentityVerdict::Created), 100);
    assert_eq!(count(IdentityVerdict::OverLimit), 4_900);
    assert_eq!(resolution.conflicts.len(), 1);
    assert_eq!(hub.tenant().identities().count(), 101);
}

/// Types that people invent have a limit; those that everybody needs do not count.
#[test]
fn invented_types_do_not_use_up_the_known_ones() {
    let mut hub = Hub::new(Preset::Compat);
    let mut verdict = |word: &str| {
        let upsert = Upsert { identities: vec![identity(word).unwrap()], ..Upsert::default() };
        let outcome = hub.run(Command::Upsert(upsert), false);
        resolution(&outcome).map(|resolution| resolution.identities[0].verdict)
    };
    for number in 0..200 {
        let word = format!("type{number}:v");
        assert_eq!(verdict(&word), Some(IdentityVerdict::Created), "{word}");
    }
    assert_eq!(verdict("one-more:v"), None);
    for word in ["o1", "u1", "m1", "e1", "d1", "idfa:x", "type7:w"] {
        assert_eq!(verdict(word), Some(IdentityVerdict::Created), "{word}");
    }
}
