//! Tenants, apps and policies; and that nobody sees into another tenant.

use crate::support::{Rig, TENANT, resolution, upsert};
use kehub_core::command::{Command, InsteadOf, SetPolicy};
use kehub_core::directory::{App, AppChange, Permission};
use kehub_core::filter::{Condition, Filter, Order};
use kehub_core::outcome::{Outcome, Refusal, ResultKind};
use kehub_core::policy::{OnConflict, Preset};
use kehub_core::{AppNumber, CustomerId, Seq, TenantId};

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
    let rotate = |secret, instead_of| {
        let (id, secret_hash) = (ID.into(), [secret; 32]);
        Command::ChangeApp(AppChange::Rotate { id, secret_hash, instead_of })
    };
    let (rotated, _) = app(rig.run(TENANT, rotate(2, InsteadOf::Whatever)).await);
    assert_eq!((rotated.secret_hash, rotated.key_version), ([2; 32], 2));
    let permit = |permissions: &[Permission], instead_of| {
        let (id, permissions) = (ID.into(), permissions.to_vec());
        Command::ChangeApp(AppChange::Permit { id, permissions, instead_of })
    };
    let less = [Permission::CustomersDelete];
    let (permitted, _) = app(rig.run(TENANT, permit(&less, InsteadOf::Whatever)).await);
    assert_eq!(permitted.permissions, less);
    // What somebody else changed meanwhile stays.
    for seen in [InsteadOf::This(rotated.permissions), InsteadOf::Earlier] {
        for late in [permit(&[], seen.clone()), rotate(3, seen)] {
            let late = rig.run(TENANT, late).await;
            assert_eq!(late, Outcome::Refused(Refusal::AppChanged));
        }
    }
    let stands = &rig.store.directory().await.unwrap().apps[0];
    assert_eq!((&stands.permissions[..], stands.key_version), (&less[..], 2));
    let more = [Permission::CustomersRead, Permission::CustomersDelete];
    let seen = InsteadOf::This(less.to_vec());
    assert_eq!(app(rig.run(TENANT, permit(&more, seen)).await).0.permissions, more);
    let seen = InsteadOf::This(more.to_vec());
    assert_eq!(app(rig.run(TENANT, rotate(3, seen)).await).0.key_version, 3);
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
    assert_eq!(store.identity(second, "crm-account", "a1").await.unwrap(), None);
    assert_eq!(store.past(second, &[id]).await.unwrap().entries, []);
    assert_eq!(store.journal(second, Seq(0), 10).await.unwrap(), []);
    let page = kehub_store::PageRequest {
        order: Order::default(),
        start: kehub_store::Start::Offset(0),
        limit: 10,
        counted: true,
    };
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
