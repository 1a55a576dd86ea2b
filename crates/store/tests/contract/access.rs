//! Tenants, apps and policies; and that nobody sees into another tenant.

use crate::support::{Rig, TENANT, resolution, upsert};
use kehub_core::command::{Command, IdentitySent, SetPolicy, Upsert};
use kehub_core::directory::{App, AppChange, Permission};
use kehub_core::filter::{Condition, Filter, Order};
use kehub_core::identity::Quarantine;
use kehub_core::outcome::{IdentityVerdict, Outcome, Refusal, Resolution, ResultKind};
use kehub_core::policy::{Case, OnConflict, OverLimit, Preset, Setting, TypeChange, TypeProblem};
use kehub_core::{AppNumber, CustomerId, IdentityNumber, Seq, TenantId, TypeNumber};
use kehub_store::OwnedIdentity;

const ID: &str = "cl0123456789abcde";

fn create(id: &str) -> Command {
    Command::ChangeApp(AppChange::Create {
        id: id.into(),
        name: "shop".into(),
        secret_hash: [1; 32],
        permissions: vec![Permission::CustomersWrite, Permission::CustomersRead],
    })
}

fn app(outcome: Outcome) -> (App, bool) {
    match outcome {
        Outcome::App { app, created } => (app, created),
        other => panic!("no app: {other:?}"),
    }
}

pub(crate) async fn tenants_and_apps_are_in_the_directory(rig: &Rig) {
    let second = rig.tenant("second", Preset::Guarded).await;
    let (created, new) = app(rig.run(second, create(ID)).await);
    assert!(new);
    assert_eq!((created.number, created.tenant), (AppNumber(1), second));
    let directory = rig.store.directory().await.unwrap();
    assert_eq!(directory.apps, std::slice::from_ref(&created));
    let tenants: Vec<_> =
        directory.tenants.iter().map(|it| (it.id, &*it.name, it.preset)).collect();
    assert_eq!(tenants, [(TENANT, "first", Preset::Compat), (second, "second", Preset::Guarded)]);
    // Provisioning may repeat itself.
    assert_eq!(app(rig.run(second, create(ID)).await), (created, false));
    let again = kehub_core::directory::NewTenant { name: "second".into(), preset: Preset::Compat };
    let outcome = rig.run(TENANT, Command::CreateTenant(again)).await;
    assert!(matches!(outcome, Outcome::Refused(Refusal::TenantExists(_))));
    assert_ne!(directory.token_key, [0; 32]);
}

pub(crate) async fn an_app_can_be_rotated_revoked_and_permitted(rig: &Rig) {
    rig.run(TENANT, create(ID)).await;
    let rotate = AppChange::Rotate { id: ID.into(), secret_hash: [2; 32] };
    let (rotated, _) = app(rig.run(TENANT, Command::ChangeApp(rotate)).await);
    assert_eq!((rotated.secret_hash, rotated.key_version), ([2; 32], 2));
    let permit =
        AppChange::Permit { id: ID.into(), permissions: vec![Permission::CustomersDelete] };
    let (permitted, _) = app(rig.run(TENANT, Command::ChangeApp(permit)).await);
    assert_eq!(permitted.permissions, [Permission::CustomersDelete]);
    let revoke = AppChange::Revoke { id: ID.into() };
    let (revoked, _) = app(rig.run(TENANT, Command::ChangeApp(revoke)).await);
    assert!(revoked.revoked_at.is_some());
    assert_eq!(rig.store.directory().await.unwrap().apps, [revoked]);
}

pub(crate) async fn an_app_belongs_to_its_tenant(rig: &Rig) {
    rig.run(TENANT, create(ID)).await;
    let second = rig.tenant("second", Preset::Compat).await;
    assert_eq!(rig.run(second, create(ID)).await, Outcome::Refused(Refusal::AppTaken));
    let revoke = Command::ChangeApp(AppChange::Revoke { id: ID.into() });
    assert_eq!(rig.run(second, revoke).await, Outcome::Refused(Refusal::AppMissing));
    assert_eq!(rig.store.directory().await.unwrap().apps[0].revoked_at, None);
}

pub(crate) async fn a_policy_change_rules_the_next_upsert(rig: &Rig) {
    rig.upsert(&["a1", "m1"], &[]).await;
    let guarded = SetPolicy { preset: Some(Preset::Guarded), ..SetPolicy::default() };
    let outcome = rig.run(TENANT, Command::SetPolicy(guarded)).await;
    let Outcome::Policy(set) = outcome else { panic!("no policy: {outcome:?}") };
    let tenant = set.tenant;
    assert_eq!((tenant.preset, tenant.on_conflict), (Preset::Guarded, OnConflict::Merge));
    assert_eq!(rig.upsert(&["a2", "m1"], &[]).await.result, ResultKind::Created);
    assert_eq!(rig.store.directory().await.unwrap().tenants, [tenant]);
    let versions: Vec<u32> = rig
        .store
        .journal(TENANT, Seq(0), 10)
        .await
        .unwrap()
        .iter()
        .map(|entry| entry.policy)
        .collect();
    assert_eq!(versions, [1, 1, 2]);
}

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

pub(crate) async fn a_tenant_sees_nothing_of_another(rig: &Rig) {
    rig.upsert(&["a1", "m1"], &[("mobile", "13900000001"), ("source", "shop")]).await;
    let second = rig.tenant("second", Preset::Compat).await;
    let store = &rig.store;
    let (id, all) = (CustomerId(1), Filter::default());
    assert_eq!(store.customer(second, id).await.unwrap(), None);
    assert_eq!(store.customer_count(second, &all).await.unwrap(), 0);
    let by_id = Filter { conditions: vec![Condition::IdIn(vec![id])] };
    assert_eq!(store.customer_count(second, &by_id).await.unwrap(), 0);
    assert_eq!(store.identities_of(second, &[id]).await.unwrap(), []);
    assert_eq!(store.identities_named(second, None, "a1").await.unwrap(), []);
    assert_eq!(store.journal(second, Seq(0), 10).await.unwrap(), []);
    let page = kehub_store::PageRequest { order: Order::default(), offset: 0, limit: 10 };
    assert_eq!(store.customers(second, &all, &page).await.unwrap().customers, []);
    let deleted = rig.run(second, Command::Delete(id)).await;
    assert_eq!(deleted, Outcome::Refused(Refusal::CustomerMissing(id)));

    // The same identities and attributes are somebody else there.
    let theirs = upsert(&["a1", "m1"], &[("mobile", "13900000001")]);
    let theirs = resolution(rig.run(second, theirs).await);
    assert_eq!((theirs.result, theirs.customer.id), (ResultKind::Created, id));
    assert_eq!(theirs.seq, Some(Seq(1)));
    // Ids reach only so far: none of them is a key of the neighbour.
    for number in [1 << 40 | 1, i64::MAX, -1, 0, i64::MIN] {
        assert_eq!(store.customer(TenantId(1), CustomerId(number)).await.unwrap(), None);
    }
    assert_eq!(rig.customer(1).await.unwrap().rev, 1);
}
