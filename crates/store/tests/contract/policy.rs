//! Rules of identity types, what they quarantine, and whom a change of them would affect.

use crate::support::{Rig, TENANT, resolution, upsert};
use kehub_core::command::{Command, IdentitySent, SetPolicy, Upsert};
use kehub_core::identity::Quarantine;
use kehub_core::outcome::{IdentityVerdict, Outcome, PolicySet, Refusal, Resolution};
use kehub_core::policy::impact::{Impact, Reason, SAMPLE_MAX};
use kehub_core::policy::{Case, OverLimit, Preset, Role, Setting, TypeChange, TypeProblem};
use kehub_core::{CustomerId, IdentityNumber, Seq, TenantId, TypeNumber};
use kehub_store::OwnedIdentity;

fn set_type(name: &str, change: TypeChange) -> Command {
    let types = vec![(name.to_owned(), change)];
    Command::SetPolicy(SetPolicy { types, ..SetPolicy::default() })
}

pub(crate) async fn what_is_set_for_a_type_rules_the_next_upsert(rig: &Rig) {
    let change = TypeChange {
        limit: Setting::Value(1),
        over_limit: Setting::Value(OverLimit::Refuse),
        blocked: Setting::Value(vec!["138 0000 0009".to_owned()]),
        ..TypeChange::default()
    };
    let outcome = rig.run(TENANT, set_type("Mobile ", change)).await;
    let Outcome::Policy(set) = outcome else { panic!("no policy: {outcome:?}") };
    assert_eq!((set.before.version, set.after.version, set.seq), (1, 2, Some(Seq(1))));
    assert_eq!(rig.store.policy(TENANT).await.unwrap().as_ref(), Some(&set.after));
    let kind = set.after.type_named("mobile").unwrap();
    assert_eq!((&*kind.name, kind.number), ("Mobile", TypeNumber(1)));
    assert_eq!(set.types, std::slice::from_ref(kind));
    let rules = set.after.rules_for(kind);
    assert_eq!((rules.limit, rules.over_limit, rules.priority), (1, OverLimit::Refuse, 40));

    let verdicts = |resolution: Resolution| {
        resolution.identities.into_iter().map(|it| it.verdict).collect::<Vec<_>>()
    };
    let first = rig.upsert(&["o1", "m1"], &[]).await;
    assert_eq!(verdicts(first), [IdentityVerdict::Created; 2]);
    let second = rig.upsert(&["o1", "m2", "m9"], &[]).await;
    let expected = [IdentityVerdict::Matched, IdentityVerdict::OverLimit, IdentityVerdict::Blocked];
    assert_eq!(verdicts(second), expected);

    let back = TypeChange { limit: Setting::Default, ..TypeChange::default() };
    rig.run(TENANT, set_type("mobile", back)).await;
    let third = rig.upsert(&["o1", "m2"], &[]).await;
    assert_eq!(verdicts(third), [IdentityVerdict::Matched, IdentityVerdict::Attached]);
    assert_eq!(rig.store.policy(TenantId(77)).await.unwrap(), None);
}

pub(crate) async fn case_is_fixed_once_a_type_has_identities(rig: &Rig) {
    let insensitive =
        TypeChange { case: Setting::Value(Case::Insensitive), ..TypeChange::default() };
    rig.run(TENANT, set_type("crm-account", insensitive.clone())).await;
    let account = |value: &str| {
        let sent = IdentitySent {
            kind: "crm-account".to_owned(),
            value: value.to_owned(),
            ..IdentitySent::default()
        };
        Command::Upsert(Upsert { identities: vec![sent], ..Upsert::default() })
    };
    let first = resolution(rig.run(TENANT, account("AbC")).await);
    let again = resolution(rig.run(TENANT, account("aBc")).await);
    assert_eq!(first.customer, again.customer);
    let named = rig.store.identities_named(TENANT, Some("crm-account"), "ABC").await.unwrap();
    assert_eq!(named.iter().map(|it| &*it.identity.raw).collect::<Vec<_>>(), ["AbC"]);
    let sensitive = TypeChange { case: Setting::Default, ..TypeChange::default() };
    let refused = Outcome::Refused(Refusal::TypesNotSet(vec![(0, TypeProblem::CaseFixed)]));
    assert_eq!(rig.run(TENANT, set_type("crm-account", sensitive)).await, refused);

    // The first identity may come in the same group; one of another tenant does not matter.
    let second = rig.tenant("second", Preset::Compat).await;
    let outcomes = rig
        .batch(vec![
            rig.request(second, set_type("crm-account", insensitive.clone())),
            rig.request(second, account("AbC")),
            rig.request(second, account("aBc")),
            rig.request(second, set_type("crm-account", insensitive)),
            rig.request(second, set_type("wechat", TypeChange::default())),
        ])
        .await;
    let [_, first, again, same, nothing] = outcomes.try_into().unwrap();
    assert_eq!(resolution(first).customer, resolution(again).customer);
    let Outcome::Policy(same) = same else { panic!("{same:?}") };
    let Outcome::Policy(nothing) = nothing else { panic!("{nothing:?}") };
    assert_eq!((same.seq, nothing.seq, nothing.types), (None, None, Vec::new()));
}

pub(crate) async fn who_looks_by_a_type_sees_what_was_set_for_it_since(rig: &Rig) {
    let named = || rig.store.identities_named(TENANT, Some("wechat"), "ABC");
    assert_eq!(named().await.unwrap(), []);
    let insensitive =
        TypeChange { case: Setting::Value(Case::Insensitive), ..TypeChange::default() };
    rig.run(TENANT, set_type("wechat", insensitive)).await;
    let sent =
        IdentitySent { kind: "wechat".into(), value: "aBc".into(), ..IdentitySent::default() };
    rig.run(TENANT, Command::Upsert(Upsert { identities: vec![sent], ..Upsert::default() })).await;
    for _ in 0..2 {
        let found = named().await.unwrap();
        assert_eq!(found.iter().map(|it| &*it.identity.raw).collect::<Vec<_>>(), ["aBc"]);
    }
}

pub(crate) async fn a_released_identity_matches_again(rig: &Rig) {
    for account in ["a1", "a2", "a3"] {
        rig.upsert(&[account, "m1"], &[]).await;
    }
    let quarantined = |rows: Vec<OwnedIdentity>| rows[0].identity.clone();
    let of_one = || rig.store.identities_named(TENANT, Some("mobile"), "13800000001");
    let before = quarantined(of_one().await.unwrap());
    assert_eq!((before.quarantine, before.companions.len()), (Quarantine::Yes, 3));

    let release = || Command::Release(before.number);
    let mut dry = rig.request(TENANT, release());
    dry.dry_run = true;
    let Outcome::Released(dry) = rig.batch(vec![dry]).await.remove(0) else { panic!("refused") };
    assert_eq!((dry.identity.quarantine, dry.seq), (Quarantine::No, None));
    assert_eq!(quarantined(of_one().await.unwrap()), before);

    let outcome = rig.run(TENANT, release()).await;
    let Outcome::Released(released) = outcome else { panic!("refused: {outcome:?}") };
    assert_eq!((released.owner, &*released.kind), (Some(CustomerId(1)), "mobile"));
    assert_eq!((released.identity.pardoned, released.seq), (3, Some(Seq(4))));
    assert_eq!(quarantined(of_one().await.unwrap()), released.identity);
    assert_eq!(rig.customer(1).await.unwrap().head, Seq(4));
    let matched = rig.upsert(&["m1"], &[]).await;
    assert_eq!(matched.identities[0].verdict, IdentityVerdict::Matched);

    let again = rig.run(TENANT, release()).await;
    assert_eq!(again, Outcome::Refused(Refusal::NotQuarantined(before.number)));
    for number in [0, -1, 99, 1 << 40 | 1, i64::MAX] {
        let number = IdentityNumber(number);
        let missing = Outcome::Refused(Refusal::IdentityMissing(number));
        assert_eq!(rig.run(TENANT, Command::Release(number)).await, missing);
    }
    let second = rig.tenant("second", Preset::Compat).await;
    let elsewhere = rig.run(second, release()).await;
    assert_eq!(elsewhere, Outcome::Refused(Refusal::IdentityMissing(before.number)));
}

pub(crate) async fn quarantined_identities_are_listed(rig: &Rig) {
    let listed = |tenant, after: i64, limit| async move {
        let found = rig.store.quarantined(tenant, IdentityNumber(after), limit).await.unwrap();
        let told = |it: kehub_store::QuarantinedIdentity| {
            let counts: Vec<_> =
                it.counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            let owner = it.owner.map_or(0, |owner| owner.0);
            (it.identity.number.0, format!("{} {owner} {}", it.kind, counts.join(" ")))
        };
        found.into_iter().map(told).collect::<Vec<_>>()
    };
    assert_eq!(listed(TENANT, 0, 10).await, []);
    for account in ["a1", "a2", "a3"] {
        rig.upsert(&[account, "m1", "m2"], &[]).await;
    }
    rig.upsert(&["b1", "m2", "o1"], &[]).await;
    for account in ["b1", "b2", "b3"] {
        rig.upsert(&[account, "e1"], &[]).await;
    }
    let all = [
        (2, "mobile 1 3 crm-account".to_owned()),
        (3, "mobile 1 3 crm-account".to_owned()),
        (8, "email 3 3 shop-account".to_owned()),
    ];
    assert_eq!(listed(TENANT, 0, 10).await, all);
    assert_eq!(listed(TENANT, 0, 1).await, all[..1]);
    assert_eq!(listed(TENANT, 2, 1).await, all[1..2]);
    for (after, expected) in [(-1, &all[..]), (8, &[]), (1 << 40 | 1, &[]), (i64::MAX, &[])] {
        assert_eq!(listed(TENANT, after, 10).await, expected, "{after}");
    }
    // Who merges moves the owner; who is deleted leaves it free; who is released is not listed.
    rig.run(TENANT, Command::Delete(CustomerId(1))).await;
    rig.run(TENANT, Command::Release(IdentityNumber(2))).await;
    let rest = [(3, "mobile 0 3 crm-account".to_owned()), all[2].clone()];
    assert_eq!(listed(TENANT, 0, 10).await, rest);
    // What is erased is never sent again: there is nothing to release.
    rig.run(TENANT, Command::Erase(CustomerId(3))).await;
    assert_eq!(listed(TENANT, 0, 10).await, rest[..1]);
    let erased = rig.run(TENANT, Command::Release(IdentityNumber(8))).await;
    assert_eq!(erased, Outcome::Refused(Refusal::IdentityMissing(IdentityNumber(8))));
    let second = rig.tenant("second", Preset::Compat).await;
    assert_eq!(listed(second, 0, 10).await, []);
    assert_eq!(listed(TenantId(77), 0, 10).await, []);
}

pub(crate) async fn holdings_are_those_of_live_customers(rig: &Rig) {
    let held = |after: i64, limit| async move {
        let found = rig.store.holdings(TENANT, CustomerId(after), limit).await.unwrap();
        let told = |it: kehub_store::Holding| {
            (it.customer.0, it.identities.iter().map(|it| it.number.0).collect::<Vec<_>>())
        };
        found.into_iter().map(told).collect::<Vec<_>>()
    };
    rig.upsert(&["o1"], &[]).await;
    rig.upsert(&["o2", "m2"], &[]).await;
    rig.upsert(&["a3"], &[]).await;
    rig.upsert(&[], &[("name", "Wang")]).await;
    rig.upsert(&["o4", "o1"], &[]).await;
    rig.upsert(&["o4", "o2"], &[]).await;
    rig.run(TENANT, Command::Delete(CustomerId(3))).await;
    assert_eq!(held(0, 10).await, [(1, vec![1, 2, 3, 5]), (4, vec![])]);
    assert_eq!(held(0, 1).await, [(1, vec![1, 2, 3, 5])]);
    assert_eq!(held(1, 1).await, [(4, vec![])]);
    assert_eq!(held(i64::MAX, 1).await, []);
    let second = rig.tenant("second", Preset::Compat).await;
    assert_eq!(rig.store.holdings(second, CustomerId(0), 9).await.unwrap(), []);
}

pub(crate) async fn a_dry_change_of_policy_tells_whom_it_would_affect(rig: &Rig) {
    for hundred in (0..2_100).step_by(100) {
        let pairs = (hundred..hundred + 100).map(|number| (number, number));
        let requests = pairs.chain([(hundred, 9_000 + hundred)]).map(|(one, other)| {
            let words = [format!("o{one}"), format!("m{other}")];
            rig.request(TENANT, upsert(&[&*words[0], &*words[1]], &[]))
        });
        rig.batch(requests.collect()).await;
    }
    let impact = |command| async move {
        let mut request = rig.request(TENANT, command);
        request.dry_run = true;
        let outcome = rig.batch(vec![request]).await.remove(0);
        let Outcome::Policy(set) = outcome else { panic!("no policy: {outcome:?}") };
        let PolicySet { before, after, seq, .. } = *set;
        assert_eq!(seq, None);
        kehub_store::impact(&*rig.store, TENANT, &before, &after).await.unwrap()
    };
    let limit = |limit| TypeChange { limit: Setting::Value(limit), ..TypeChange::default() };
    let found = impact(set_type("mobile", limit(1))).await;
    assert_eq!((found.customers, found.sample.len()), (21, SAMPLE_MAX));
    assert_eq!(found.sample[1].customer, CustomerId(101));
    let over_limit = Reason::OverLimit { kind: TypeNumber(2), held: 2, limit: 1 };
    assert_eq!(found.sample[1].reasons, [over_limit]);
    assert_eq!(impact(set_type("mobile", limit(2))).await, Impact::default());
    assert_eq!(impact(set_type("mobile", TypeChange::default())).await, Impact::default());
    let contact =
        TypeChange { role: Setting::Value(Role::Distinguishing), ..TypeChange::default() };
    assert_eq!(impact(set_type("mobile", contact)).await.customers, 21);
    // Nothing of it was stored.
    let policy = rig.store.policy(TENANT).await.unwrap().unwrap();
    assert!(policy.version == 1 && policy.types().all(|kind| kind.settings.is_default()));
}
