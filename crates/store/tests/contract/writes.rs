//! What a write leaves behind.

use crate::support::{Rig, TENANT, fields, identity, resolution, upsert};
use kehub_core::attribute::Attribute;
use kehub_core::command::{Command, IdentitySent, Put, Upsert};
use kehub_core::filter::{Filter, Order};
use kehub_core::journal::{Record, Role};
use kehub_core::limits::CARRIERS_MAX;
use kehub_core::outcome::{IdentityVerdict, Outcome, Refusal, ResultKind};
use kehub_core::{ConflictId, CustomerId, Seq, TenantId};
use kehub_store::{ConflictFilter, StoreError};

pub(crate) async fn a_new_identity_creates_a_customer(rig: &Rig) {
    let created = rig.upsert(&["o1", "m1"], &[("name", "王小明"), ("attr.vip", "是")]).await;
    assert_eq!(created.result, ResultKind::Created);
    let read = rig.customer(1).await.unwrap();
    assert_eq!(read, created.customer);
    assert_eq!(read.fold.text(Attribute::Name), Some("王小明"));
    assert_eq!((read.rev, read.head, read.homes), (1, Seq(1), 1));
}

pub(crate) async fn a_known_identity_updates_its_customer(rig: &Rig) {
    rig.upsert(&["o1"], &[("name", "Wang"), ("source", "shop"), ("stage", "Lead")]).await;
    let updated = rig.upsert(&["o1", "e1"], &[("name", "Li"), ("source", "web")]).await;
    assert_eq!(updated.result, ResultKind::Updated);
    assert_eq!(rig.customer(1).await.unwrap(), updated.customer);
    let again = rig.upsert(&["o1", "e1"], &[("name", "Li")]).await;
    assert_eq!((again.result, again.seq), (ResultKind::Unchanged, None));
    assert_eq!(rig.customer(1).await.unwrap(), updated.customer);

    let put = Put { customer: CustomerId(1), fields: fields(&[("source", ""), ("name", "")]) };
    let cleared = resolution(rig.run(TENANT, Command::Put(put)).await);
    assert_eq!(cleared.before, Some(updated.customer));
    assert_eq!(cleared.customer.fold.text(Attribute::Source), None);
    assert_eq!(rig.customer(1).await.unwrap(), cleared.customer);
}

pub(crate) async fn a_merged_away_id_answers_with_its_survivor(rig: &Rig) {
    rig.upsert(&["o1"], &[("name", "Wang")]).await;
    rig.upsert(&["m1"], &[("city", "Beijing")]).await;
    let merged = rig.upsert(&["o1", "m1"], &[]).await;
    assert_eq!(merged.merged, [CustomerId(2)]);
    assert_eq!(merged.identities[1].verdict, IdentityVerdict::Moved);
    let read = rig.customer(2).await.unwrap();
    assert_eq!(read, merged.customer);
    assert_eq!(read.fold.text(Attribute::City), Some("Beijing"));
    assert_eq!(rig.store.snapshot(TENANT).await.unwrap().audit(), Vec::<String>::new());
}

pub(crate) async fn a_conflict_is_opened_once_however_often_it_is_met(rig: &Rig) {
    rig.upsert(&["a1", "u1"], &[]).await;
    rig.upsert(&["a2"], &[]).await;
    for is_new in [true, false, false] {
        let met = rig.upsert(&["a2", "u1"], &[]).await;
        let met: Vec<_> = met.conflicts.iter().map(|it| (it.id, it.new)).collect();
        assert_eq!(met, [(Some(ConflictId(1)), is_new)]);
    }
    let every = ConflictFilter::default();
    let open = rig.store.conflicts(TENANT, &every, ConflictId(0), 10).await.unwrap();
    assert_eq!(open.len(), 1, "{open:?}");
}

pub(crate) async fn a_refused_command_leaves_its_neighbours_alone(rig: &Rig) {
    let put = Put { customer: CustomerId(99), fields: fields(&[("name", "nobody")]) };
    let outcomes = rig
        .batch(vec![
            rig.request(TENANT, upsert(&["a1"], &[])),
            rig.request(TENANT, Command::Put(put)),
            rig.request(TenantId(77), upsert(&["a1"], &[])),
            rig.request(TENANT, upsert(&["a2"], &[])),
        ])
        .await;
    assert_eq!(outcomes[1], Outcome::Refused(Refusal::CustomerMissing(CustomerId(99))));
    assert_eq!(outcomes[2], Outcome::Refused(Refusal::TenantMissing));
    assert_eq!(resolution(outcomes[3].clone()).customer.id, CustomerId(2));
    assert!(rig.customer(1).await.is_some() && rig.customer(2).await.is_some());
}

pub(crate) async fn a_dry_run_stores_nothing(rig: &Rig) {
    rig.upsert(&["o1"], &[]).await;
    rig.upsert(&["m1"], &[]).await;
    let before = rig.store.snapshot(TENANT).await.unwrap();
    for command in [
        upsert(&["o1", "m1"], &[("name", "Wang")]),
        upsert(&["a9"], &[]),
        Command::Delete(CustomerId(1)),
        Command::Put(Put { customer: CustomerId(1), fields: fields(&[("name", "Li")]) }),
    ] {
        let mut request = rig.request(TENANT, command);
        request.dry_run = true;
        rig.batch(vec![request]).await;
    }
    assert_eq!(rig.store.snapshot(TENANT).await.unwrap(), before);
    assert_eq!(rig.store.journal(TENANT, Seq(0), 10).await.unwrap().len(), 2);
}

pub(crate) async fn a_later_row_of_a_batch_sees_the_earlier_ones(rig: &Rig) {
    let rows = vec![
        rig.request(TENANT, upsert(&["a1", "m1"], &[("mobile", "13900000001")])),
        rig.request(TENANT, upsert(&["a2"], &[])),
        rig.request(TENANT, upsert(&["m1", "e1"], &[])),
        rig.request(TENANT, upsert(&[], &[("mobile", "+86 139 0000 0001"), ("city", "上海")])),
    ];
    let outcomes = rig.batch(rows).await;
    let ids: Vec<i64> =
        outcomes.into_iter().map(|outcome| resolution(outcome).customer.id.0).collect();
    assert_eq!(ids, [1, 2, 1, 1]);
    assert_eq!(rig.customer(1).await.unwrap().fold.text(Attribute::City), Some("上海"));
}

pub(crate) async fn a_deleted_customer_is_gone_from_every_read(rig: &Rig) {
    rig.upsert(&["a1", "m1"], &[("mobile", "13900000001"), ("source", "shop")]).await;
    let deleted = rig.run(TENANT, Command::Delete(CustomerId(1))).await;
    assert_eq!(deleted, Outcome::Deleted(CustomerId(1)));
    assert_eq!(rig.customer(1).await, None);
    let page = rig.page(Filter::default(), Order::default(), (0, 10)).await;
    assert_eq!((page.total, page.customers.len()), (Some(0), 0));
    let named = rig.store.identities_named(TENANT, None, "a1").await.unwrap();
    assert_eq!(named, []);
    // Free again, and nobody is found by what the deleted one showed.
    let next = rig.upsert(&[], &[("mobile", "13900000001")]).await;
    assert_eq!(next.customer.id, CustomerId(2));
    assert_eq!(rig.upsert(&["a1"], &[]).await.customer.id, CustomerId(3));
    assert_eq!(rig.store.snapshot(TENANT).await.unwrap().audit(), Vec::<String>::new());
}

pub(crate) async fn the_journal_is_the_chain_of_what_happened(rig: &Rig) {
    rig.upsert(&["o1"], &[("name", "Wang")]).await;
    rig.upsert(&["m1"], &[]).await;
    rig.upsert(&["o1", "m1"], &[]).await;
    let entries = rig.store.journal(TENANT, Seq(0), 10).await.unwrap();
    assert_eq!(entries.iter().map(|entry| entry.seq.0).collect::<Vec<_>>(), [1, 2, 3]);
    let merge = &entries[2];
    assert!(merge.records.iter().any(|record| matches!(record, Record::Merged(_))));
    let touched: Vec<_> =
        merge.touched.iter().map(|it| (it.customer.0, it.role, it.previous)).collect();
    assert_eq!(touched, [(1, Role::Primary, Some(Seq(1))), (2, Role::MergedAway, Some(Seq(2)))]);
    let rest = rig.store.journal(TENANT, Seq(1), 1).await.unwrap();
    assert_eq!(rest, entries[1..2]);
    // Texts of identities are not in the journal: it names them by number.
    let printed = format!("{entries:?}");
    assert!(!printed.contains(&identity("m1").value));
}

pub(crate) async fn a_probe_is_written(rig: &Rig) {
    assert_eq!(rig.run(TENANT, Command::Probe).await, Outcome::Written);
    assert_eq!(rig.store.journal(TENANT, Seq(0), 10).await.unwrap(), []);
}

pub(crate) async fn a_tenant_that_does_not_exist_is_refused(rig: &Rig) {
    let nowhere = TenantId(9);
    let outcome = rig.run(nowhere, upsert(&["a1"], &[])).await;
    assert_eq!(outcome, Outcome::Refused(Refusal::TenantMissing));
    let read: Result<_, StoreError> = rig.store.customer(nowhere, CustomerId(1)).await;
    assert_eq!(read.unwrap(), None);
    assert_eq!(rig.store.customer_count(nowhere, &Filter::default()).await.unwrap(), 0);
}

/// The customers that carry one mobile are looked at in the order of their ids, and only so many of
/// them. What a group takes away from the first ones must not hide those that come after.
pub(crate) async fn a_match_by_attribute_sees_past_what_its_group_took_away(rig: &Rig) {
    let account = |kind: usize, value: &str| IdentitySent {
        kind: format!("t{kind}"),
        value: value.to_owned(),
        name: None,
        scope: None,
    };
    let upsert = |identities: Vec<IdentitySent>, sent: &[(&str, &str)]| {
        let fields = fields(sent);
        Command::Upsert(Upsert { identities, fields, ..Upsert::default() })
    };
    let mobile = [("mobile", "13900000001")];
    let mut identities: Vec<IdentitySent> = (1..=10).map(|kind| account(kind, "v")).collect();
    identities.extend((0..CARRIERS_MAX - 8).map(|number| account(11, &format!("n{number}"))));
    identities.push(identity("o1"));
    let mut last = CustomerId(0);
    for identity in identities {
        // The mobile comes later, so that it does not find the ones before.
        last = resolution(rig.run(TENANT, upsert(vec![identity], &[])).await).customer.id;
        let put = Put { customer: last, fields: fields(&mobile) };
        rig.run(TENANT, Command::Put(put)).await;
    }

    let merge = (1..=10).map(|number| account(number, "v")).collect();
    let new = (1..=11).map(|number| account(number, "new")).collect();
    let outcomes = rig
        .batch(vec![
            rig.request(TENANT, upsert(merge, &[])),
            rig.request(TENANT, upsert(new, &mobile)),
        ])
        .await;
    assert_eq!(resolution(outcomes[0].clone()).merged.len(), 9);
    assert_eq!(resolution(outcomes[1].clone()).customer.id, last);
}
