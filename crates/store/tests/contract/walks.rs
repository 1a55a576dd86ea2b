//! Walks by everybody.

use crate::support::{Rig, TENANT, identity, upsert};
use kehub_core::attribute::{Attribute, FieldKey, Value};
use kehub_core::command::{Command, Upsert};
use kehub_core::filter::{Comparison, Condition, Filter, SortKey, Test};
use kehub_core::policy::Preset;
use kehub_core::{CustomerId, TenantId};
use kehub_store::{StoreError, Survey, Walk, WholeCustomer};
use std::time::{Duration, Instant};

/// More than a walk tells at once, and no multiple of it.
const MANY: usize = 1_203;

async fn begin(rig: &Rig, filter: &Filter) -> Walk {
    rig.store.walk(TENANT, filter, Survey::Count).await.unwrap()
}

/// All that a walk tells, and how many it said there would be.
async fn walked(mut walk: Walk) -> (u64, Vec<WholeCustomer>) {
    let outline = walk.outline().await.unwrap();
    let mut told = Vec::new();
    while let Some(customers) = walk.next().await.unwrap() {
        assert!(!customers.is_empty());
        told.extend(customers);
    }
    (outline.customers, told)
}

async fn ids(rig: &Rig, filter: Filter) -> Vec<i64> {
    let (count, told) = walked(begin(rig, &filter).await).await;
    assert_eq!(usize::try_from(count).unwrap(), told.len());
    told.iter().map(|whole| whole.customer.id.0).collect()
}

async fn whole(rig: &Rig, id: i64) -> WholeCustomer {
    rig.store.customer_whole(TENANT, CustomerId(id)).await.unwrap().unwrap()
}

pub(crate) async fn a_walk_tells_everybody_once_with_what_they_hold(rig: &Rig) {
    let people = (0..MANY).map(|number| {
        let account = format!("a{number}");
        rig.request(TENANT, upsert(&[&account], &[("city", "Beijing")]))
    });
    let people: Vec<_> = people.collect();
    for part in people.chunks(500) {
        rig.batch(part.to_vec()).await;
    }
    // Merged, deleted, and with several identities.
    rig.upsert(&["a1", "o1", "o2"], &[]).await;
    rig.upsert(&["m1"], &[]).await;
    rig.upsert(&["m1", "a2"], &[]).await;
    rig.run(TENANT, Command::Delete(CustomerId(4))).await;
    let (count, told) = walked(begin(rig, &Filter::default()).await).await;
    assert_eq!(usize::try_from(count).unwrap(), told.len());
    let ids: Vec<i64> = told.iter().map(|whole| whole.customer.id.0).collect();
    let last = i64::try_from(MANY).unwrap();
    let expected: Vec<i64> = (1..=last).filter(|id| *id != 4).collect();
    assert_eq!(ids, expected);
    for whole_told in told.iter().filter(|it| it.customer.id.0 < 7) {
        assert_eq!(*whole_told, whole(rig, whole_told.customer.id.0).await);
    }
    assert_eq!(told[1].identities.len(), 3);
    assert_eq!((told[2].merged.len(), told[2].identities.len()), (1, 2));
}

pub(crate) async fn a_walk_is_of_the_moment_at_which_it_began(rig: &Rig) {
    for account in ["a1", "a2", "o1"] {
        rig.upsert(&[account], &[("city", "Beijing")]).await;
    }
    let before = [whole(rig, 1).await, whole(rig, 2).await, whole(rig, 3).await];
    let walk = begin(rig, &Filter::default()).await;
    rig.upsert(&["a9"], &[]).await;
    rig.upsert(&["a1"], &[("city", "Shanghai")]).await;
    rig.upsert(&["o1", "a2"], &[]).await;
    rig.run(TENANT, Command::Delete(CustomerId(1))).await;
    assert_eq!(walked(walk).await, (3, before.to_vec()));
    assert_eq!(ids(rig, Filter::default()).await, [2, 4]);
}

pub(crate) async fn a_walk_tells_only_those_that_match(rig: &Rig) {
    for (account, city) in [("a1", "B"), ("a2", ""), ("o1", "A"), ("a4", "B"), ("a5", "C")] {
        rig.upsert(&[account], &[("city", city), ("source", city)]).await;
    }
    rig.upsert(&["o1", "a1"], &[("city", "B"), ("source", "B")]).await;
    let filter = |condition| Filter { conditions: vec![condition] };
    let city = |test| filter(Condition::Field(SortKey::Attribute(Attribute::City), test));
    let is_b = Test::Is(vec![Value::Text("B".into())]);
    assert_eq!(ids(rig, city(is_b)).await, [1, 4]);
    assert_eq!(ids(rig, city(Test::Empty)).await, [2]);
    assert_eq!(ids(rig, filter(Condition::IdIn(vec![CustomerId(5), CustomerId(3)]))).await, [1, 5]);
    assert_eq!(ids(rig, filter(Condition::TextIs(Attribute::Source, "B".into()))).await, [1, 4]);
    // By an index in which they stand in another order.
    let later = Test::Stands(Comparison::AtLeast, Value::Integer(2_000_000));
    let updated = SortKey::Attribute(Attribute::LastUpdated);
    assert_eq!(ids(rig, filter(Condition::Field(updated, later))).await, [1, 2, 4, 5]);
    assert_eq!(ids(rig, city(Test::Begins("X".into()))).await, [0_i64; 0]);
}

pub(crate) async fn an_outline_knows_which_fields_are_shown(rig: &Rig) {
    rig.upsert(&["a1"], &[("city", "B"), ("mobile", "13800000001")]).await;
    rig.upsert(&["o1"], &[("city", "C"), ("attr.size", "38")]).await;
    rig.upsert(&["a3"], &[("city", "C"), ("stage", "x")]).await;
    rig.upsert(&["a3"], &[("stage", "")]).await;
    let mut upsert = Upsert::default();
    upsert.identities.push(identity("d1"));
    upsert.fields.values.insert(FieldKey::custom("vip").unwrap(), Some(Value::Flag(true)));
    rig.run(TENANT, Command::Upsert(upsert)).await;
    let outlined = async |filter: Filter, survey| {
        let mut walk = rig.store.walk(TENANT, &filter, survey).await.unwrap();
        walk.outline().await.unwrap()
    };
    let all = outlined(Filter::default(), Survey::Fields).await;
    let always =
        [Attribute::Id, Attribute::DateJoin, Attribute::DateCreated, Attribute::LastUpdated];
    let shown = [Attribute::City, Attribute::Mobile, Attribute::MobileVerified];
    assert_eq!(all.attributes, always.into_iter().chain(shown).collect());
    assert_eq!(all.custom, ["size", "vip"].map(Box::from).into());
    assert_eq!(all.types, ["crm-account", "wechat", "cookie"].map(Box::from));
    assert_eq!(all.customers, 4);
    let city = Condition::TextIs(Attribute::City, "C".into());
    let few = outlined(Filter { conditions: vec![city] }, Survey::Fields).await;
    assert!(!few.attributes.contains(&Attribute::Mobile));
    assert_eq!((few.customers, few.custom), (2, ["size"].map(Box::from).into()));
    let counted = outlined(Filter::default(), Survey::Count).await;
    assert_eq!((counted.customers, counted.attributes.len(), counted.custom.len()), (4, 0, 0));
}

pub(crate) async fn a_walk_that_is_given_up_makes_room(rig: &Rig) {
    let people = (0..MANY).map(|number| {
        let account = format!("a{number}");
        rig.request(TENANT, upsert(&[&account], &[]))
    });
    rig.batch(people.take(600).collect()).await;
    let mut walks = Vec::new();
    // One that keeps everything in memory refuses none.
    let refused = loop {
        match rig.store.walk(TENANT, &Filter::default(), Survey::Count).await {
            Ok(walk) if walks.len() < 20 => walks.push(walk),
            Ok(_) => break None,
            Err(trouble) => break Some(trouble),
        }
    };
    assert!(walks.len() >= 2);
    if let Some(trouble) = refused {
        assert!(matches!(trouble, StoreError::NotApplied(_)), "{trouble:?}");
        assert!(trouble.to_string().contains("under way already"), "{trouble}");
    }
    for walk in &mut walks {
        assert!(walk.next().await.unwrap().is_some());
    }
    drop(walks);
    let deadline = Instant::now() + Duration::from_secs(20);
    for _ in 0..20 {
        loop {
            match rig.store.walk(TENANT, &Filter::default(), Survey::Count).await {
                Ok(walk) => break drop(walk),
                Err(trouble) => assert!(Instant::now() < deadline, "{trouble}"),
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

pub(crate) async fn a_walk_sees_nothing_of_another_tenant(rig: &Rig) {
    let other = rig.tenant("second", Preset::Compat).await;
    rig.upsert(&["a1"], &[("city", "B")]).await;
    rig.run(other, upsert(&["o1"], &[("stage", "x")])).await;
    rig.run(other, upsert(&["o2"], &[])).await;
    for (tenant, count, kind) in [(TENANT, 1, "crm-account"), (other, 2, "wechat")] {
        let walk = rig.store.walk(tenant, &Filter::default(), Survey::Count).await.unwrap();
        let (counted, told) = walked(walk).await;
        assert_eq!((counted, told.len()), (count, usize::try_from(count).unwrap()));
        assert!(told.iter().all(|it| it.identities.iter().all(|it| &*it.kind == kind)));
    }
    let nobody = rig.store.walk(TenantId(9), &Filter::default(), Survey::Fields).await.unwrap();
    assert_eq!(walked(nobody).await, (0, Vec::new()));
}

pub(crate) async fn a_walk_breaks_off_when_the_store_is_closed(rig: &Rig) {
    for part in 0..8 {
        let people = (0..500).map(|number| {
            let account = format!("a{}", part * 500 + number);
            rig.request(TENANT, upsert(&[&account], &[]))
        });
        rig.batch(people.collect()).await;
    }
    let mut walk = begin(rig, &Filter::default()).await;
    assert!(walk.next().await.unwrap().is_some());
    rig.store.close().await.unwrap();
    let end = loop {
        match walk.next().await {
            Ok(Some(_)) => (),
            end => break end,
        }
    };
    // One that keeps everything in memory has all of it in hand.
    assert!(matches!(end, Ok(None) | Err(StoreError::NotApplied(_))), "{end:?}");
    let refused = rig.store.walk(TENANT, &Filter::default(), Survey::Count).await;
    assert!(matches!(refused, Err(StoreError::NotApplied(_))));
}
