//! Lists and look-ups.

use crate::support::{Rig, TENANT, identity};
use kehub_core::attribute::{Attribute, FieldKey, Real, Value};
use kehub_core::command::{Command, IdentitySent, Upsert};
use kehub_core::filter::{Condition, Filter, Order, Position, SortKey};
use kehub_core::{ConflictId, CustomerId, TenantId};
use kehub_store::{ConflictFilter, PageRequest, Start};

fn by(attribute: Attribute, descending: bool) -> Order {
    Order { by: SortKey::Attribute(attribute), descending }
}

async fn ids(rig: &Rig, filter: Filter, order: Order, part: (u64, u32)) -> Vec<i64> {
    rig.page(filter, order, part).await.customers.iter().map(|customer| customer.id.0).collect()
}

pub(crate) async fn a_page_is_in_order_and_knows_the_total(rig: &Rig) {
    for (account, city) in [("a1", "上海"), ("a2", ""), ("a3", "Beijing"), ("a4", "上海")] {
        rig.upsert(&[account], &[("city", city)]).await;
    }
    let page = rig.page(Filter::default(), Order::default(), (1, 2)).await;
    assert_eq!(page.total, Some(4));
    assert_eq!(page.customers.iter().map(|c| c.id.0).collect::<Vec<_>>(), [2, 3]);
    let city = |descending| by(Attribute::City, descending);
    assert_eq!(ids(rig, Filter::default(), city(false), (0, 9)).await, [2, 3, 1, 4]);
    assert_eq!(ids(rig, Filter::default(), city(true), (0, 9)).await, [4, 1, 3, 2]);
    let in_shanghai =
        Filter { conditions: vec![Condition::TextIs(Attribute::City, "上海".into())] };
    assert_eq!(rig.store.customer_count(TENANT, &in_shanghai).await.unwrap(), 2);
    assert_eq!(ids(rig, in_shanghai, by(Attribute::LastUpdated, true), (0, 9)).await, [4, 1]);
}

pub(crate) async fn identities_are_counted_for_each_tenant(rig: &Rig) {
    assert_eq!(rig.store.identities_seen(TENANT).await.unwrap(), 0);
    for accounts in [["a1", "a2"], ["a2", "a3"]] {
        rig.upsert(&accounts, &[]).await;
    }
    rig.run(TENANT, Command::Delete(CustomerId(1))).await;
    assert_eq!(rig.store.identities_seen(TENANT).await.unwrap(), 3, "free ones are known");
    assert_eq!(rig.store.identities_seen(TenantId(99)).await.unwrap(), 0);
}

pub(crate) async fn a_page_past_the_end_is_empty(rig: &Rig) {
    rig.upsert(&["a1"], &[]).await;
    let page = rig.page(Filter::default(), Order::default(), (100, 10)).await;
    assert_eq!((page.total, page.customers), (Some(1), Vec::new()));
    let page = rig.page(Filter::default(), Order::default(), (u64::MAX, 10)).await;
    assert_eq!(page.total, Some(1));
}

/// A list that is walked by positions misses nobody who stays, whatever else changes meanwhile.
pub(crate) async fn a_position_holds_while_the_list_changes(rig: &Rig) {
    for (account, city) in [("a1", "B"), ("a2", ""), ("a3", "A"), ("a4", "C"), ("a5", "B")] {
        rig.upsert(&[account], &[("city", city)]).await;
    }
    let order = by(Attribute::City, false);
    let page = |start| PageRequest { order: order.clone(), start, limit: 2, counted: false };
    let part = async |start| {
        let page = page(start);
        rig.store.customers(TENANT, &Filter::default(), &page).await.unwrap().customers
    };
    let first = part(Start::Offset(0)).await;
    assert_eq!(first.iter().map(|customer| customer.id.0).collect::<Vec<_>>(), [2, 3]);
    let position = order.position(&first[1]);
    // The customer at the position goes, another moves before it, one comes behind it.
    rig.run(TENANT, Command::Delete(CustomerId(3))).await;
    rig.upsert(&["a1"], &[("city", "0")]).await;
    rig.upsert(&["a6"], &[("city", "BB")]).await;
    let second = part(Start::Behind(position)).await;
    assert_eq!(second.iter().map(|customer| customer.id.0).collect::<Vec<_>>(), [5, 6]);
    let last = part(Start::Behind(order.position(&second[1]))).await;
    assert_eq!(last.iter().map(|customer| customer.id.0).collect::<Vec<_>>(), [4]);
    let nowhere = Position { value: Some(Value::Text("A".into())), id: CustomerId(i64::MAX) };
    assert_eq!(part(Start::Behind(nowhere)).await.len(), 2);
}

pub(crate) async fn redirecting_ids_in_a_filter_stand_for_their_survivor(rig: &Rig) {
    rig.upsert(&["o1"], &[]).await;
    rig.upsert(&["o2"], &[]).await;
    rig.upsert(&["o1", "o2"], &[]).await;
    rig.upsert(&["o3"], &[]).await;
    let ids_of = |ids: &[i64]| Filter {
        conditions: vec![Condition::IdIn(ids.iter().map(|id| CustomerId(*id)).collect())],
    };
    let found = ids(rig, ids_of(&[2, 1, 3, 99, -4]), Order::default(), (0, 9)).await;
    assert_eq!(found, [1, 3]);
    assert_eq!(rig.store.customer_count(TENANT, &ids_of(&[2])).await.unwrap(), 1);
    assert_eq!(rig.store.customer_count(TENANT, &ids_of(&[])).await.unwrap(), 0);
    assert_eq!(rig.store.customer_count(TENANT, &Filter::default()).await.unwrap(), 2);
}

pub(crate) async fn identities_are_found_by_owner_type_and_value(rig: &Rig) {
    rig.upsert(&["o1"], &[]).await;
    rig.upsert(&["m1"], &[]).await;
    rig.upsert(&["o1", "m1", "e1"], &[]).await;
    let of = |ids: Vec<CustomerId>| async move {
        let found = rig.store.identities_of(TENANT, &ids).await.unwrap();
        found.into_iter().map(|it| (it.owner.0, it.kind, it.identity.raw)).collect::<Vec<_>>()
    };
    let held = of(vec![CustomerId(2), CustomerId(1)]).await;
    let expected = [("wechat", "o1"), ("mobile", "13800000001"), ("email", "e1@example.com")];
    assert_eq!(held, expected.map(|(kind, raw)| (1, kind.into(), raw.into())));

    let named = |kind: Option<&'static str>, value: &'static str| async move {
        let found = rig.store.identities_named(TENANT, kind, value).await.unwrap();
        found.into_iter().map(|it| (it.owner.0, it.kind.to_string())).collect::<Vec<_>>()
    };
    // Who asks again may be answered in another way.
    for _ in 0..2 {
        assert_eq!(named(Some("Mobile "), "+86 138 0000 0001").await, [(1, "mobile".to_owned())]);
        assert_eq!(named(Some("wechat"), "o1").await, [(1, "wechat".to_owned())]);
        assert_eq!(named(None, "E1@example.com").await, [(1, "email".to_owned())]);
        assert_eq!(named(Some("wechat"), "13800000001").await, []);
        assert_eq!(named(Some("nothing"), "o1").await, []);
    }
    rig.run(TENANT, Command::Erase(CustomerId(1))).await;
    assert_eq!(named(Some("wechat"), "o1").await, []);
}

pub(crate) async fn an_identity_is_found_whoever_owns_it(rig: &Rig) {
    rig.upsert(&["o1", "m1"], &[]).await;
    let home_of = |kind: &'static str, value: &'static str| async move {
        let found = rig.store.identity(TENANT, kind, value).await.unwrap();
        found.map(|it| (it.kind.to_string(), it.identity.home.map(|home| home.0)))
    };
    let (openid, mobile) = (home_of("WeChat ", "o1").await, home_of("mobile", "+8613800000001"));
    assert_eq!(openid, Some(("wechat".to_owned(), Some(1))));
    assert_eq!(mobile.await, Some(("mobile".to_owned(), Some(1))));
    rig.run(TENANT, Command::Delete(CustomerId(1))).await;
    assert_eq!(home_of("wechat", "o1").await, Some(("wechat".to_owned(), None)));
    rig.run(TENANT, Command::Erase(CustomerId(1))).await;
    for (kind, value) in [("wechat", "o1"), ("wechat", "o2"), ("nothing", "o1"), ("wechat", "")] {
        assert_eq!(home_of(kind, value).await, None, "{kind} {value}");
    }
}

pub(crate) async fn conflicts_of_a_deleted_customer_are_told_until_it_is_erased(rig: &Rig) {
    rig.upsert(&["a1", "u1"], &[]).await;
    rig.upsert(&["a2"], &[]).await;
    rig.upsert(&["a2", "u1"], &[]).await;
    let wanted = ConflictFilter { customer: Some(CustomerId(1)), ..ConflictFilter::default() };
    let count =
        || async { rig.store.conflicts(TENANT, &wanted, ConflictId(0), 10).await.unwrap().len() };
    assert_eq!(count().await, 1);
    rig.run(TENANT, Command::Delete(CustomerId(1))).await;
    assert_eq!(count().await, 1);
    rig.run(TENANT, Command::Erase(CustomerId(1))).await;
    assert_eq!(count().await, 0);
}

pub(crate) async fn a_whole_customer_has_its_identities_and_redirecting_ids(rig: &Rig) {
    rig.upsert(&["o1"], &[]).await;
    rig.upsert(&["m1"], &[("city", "Beijing")]).await;
    rig.upsert(&["o2"], &[]).await;
    rig.upsert(&["o1", "m1", "e1"], &[]).await;
    for id in [1, 2] {
        let whole = rig.store.customer_whole(TENANT, CustomerId(id)).await.unwrap().unwrap();
        assert_eq!(Some(whole.customer), rig.customer(1).await);
        assert_eq!(whole.merged, [CustomerId(2)]);
        let all = rig.store.identities_of(TENANT, &[CustomerId(1)]).await.unwrap();
        assert_eq!((whole.identities.len(), &whole.identities), (3, &all));
    }
    let single = rig.store.customer_whole(TENANT, CustomerId(3)).await.unwrap().unwrap();
    assert_eq!((single.merged.len(), single.identities.len()), (0, 1));
    rig.run(TENANT, Command::Delete(CustomerId(3))).await;
    for id in [3, 4, 0, i64::MAX] {
        assert_eq!(rig.store.customer_whole(TENANT, CustomerId(id)).await.unwrap(), None);
    }
}

pub(crate) async fn custom_attributes_sort_across_types(rig: &Rig) {
    let values = [
        Some(Value::Text("b".into())),
        None,
        Some(Value::Integer(10)),
        Some(Value::Flag(true)),
        Some(Value::Decimal(Real::new(9.5).unwrap())),
        Some(Value::Flag(false)),
        Some(Value::Text("10".into())),
    ];
    let key = FieldKey::custom("a.b-c").unwrap();
    for (place, value) in values.into_iter().enumerate() {
        let mut upsert = Upsert::default();
        upsert.identities.push(identity(&format!("a{place}")));
        if value.is_some() {
            upsert.fields.values.insert(key.clone(), value);
        }
        rig.run(TENANT, Command::Upsert(upsert)).await;
    }
    let order = |descending| Order { by: SortKey::named("attr.a.b-c").unwrap(), descending };
    assert_eq!(ids(rig, Filter::default(), order(false), (0, 9)).await, [2, 6, 4, 5, 3, 7, 1]);
    assert_eq!(ids(rig, Filter::default(), order(true), (0, 9)).await, [1, 7, 3, 5, 4, 6, 2]);
}

pub(crate) async fn a_name_that_an_erased_customer_gave_is_gone(rig: &Rig) {
    let called = |word: &str, name: &str| {
        let mut sent = identity(word);
        sent.name = (!name.is_empty()).then(|| name.to_owned());
        sent
    };
    let upsert =
        |identities: Vec<IdentitySent>| Command::Upsert(Upsert { identities, ..Upsert::default() });
    let shared = || vec![called("o1", "Wang"), called("o2", "Wang too"), called("m1", "Li")];
    rig.run(TENANT, upsert(shared())).await;
    rig.run(TENANT, Command::Delete(CustomerId(1))).await;
    // Somebody else has them by now, and calls one of them by another name.
    rig.run(TENANT, upsert(vec![called("o1", ""), called("o2", "Zhao"), called("a1", "")])).await;
    rig.run(TENANT, Command::Erase(CustomerId(1))).await;
    let found = rig.store.identities_of(TENANT, &[CustomerId(2)]).await.unwrap();
    let names: Vec<(&str, Option<&str>)> =
        found.iter().map(|it| (&*it.identity.raw, it.identity.name.as_deref())).collect();
    assert_eq!(names, [("o1", None), ("o2", Some("Zhao")), ("a1", None)]);
    assert_eq!(rig.store.check(None).await.unwrap().findings, []);
    // A name is taken over again.
    rig.run(TENANT, upsert(vec![called("o1", "Zhao")])).await;
    let found = rig.store.identities_named(TENANT, Some("wechat"), "o1").await.unwrap();
    assert_eq!(found[0].identity.name.as_deref(), Some("Zhao"));
}
