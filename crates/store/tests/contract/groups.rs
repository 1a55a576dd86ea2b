//! Many at once.

use crate::support::{Rig, TENANT, fields, resolution, upsert};
use kehub_core::command::{Command, Put};
use kehub_core::filter::Filter;
use kehub_core::outcome::{Outcome, Refusal, ResultKind};
use kehub_core::{CustomerId, Seq, TenantId};
use kehub_store::{Batch, Kept, Lane, PostgresOptions, SqliteOptions, StoreError};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::task::JoinSet;

async fn all_at_once(rig: &Rig, commands: Vec<Command>) -> Vec<ResultKind> {
    let mut running = JoinSet::new();
    for command in commands {
        let (store, request) = (Arc::clone(&rig.store), rig.request(TENANT, command));
        running.spawn(async move { store.apply(Batch::one(request)).await.unwrap().remove(0) });
    }
    let outcomes = running.join_all().await;
    outcomes.into_iter().map(|outcome| resolution(outcome).result).collect()
}

pub(crate) async fn equal_first_upserts_at_once_create_one_customer(rig: &Rig) {
    let commands = vec![upsert(&["a1", "m1"], &[("name", "Wang")]); 64];
    let results = all_at_once(rig, commands).await;
    let count = |wanted| results.iter().filter(|result| **result == wanted).count();
    assert_eq!((count(ResultKind::Created), count(ResultKind::Unchanged)), (1, 63));
}

pub(crate) async fn crossed_upserts_at_once_neither_fail_nor_wait_for_ever(rig: &Rig) {
    let crossed = (0..2_000).map(|number| {
        let (x, y) = (format!("o{}", number / 2), format!("m{}", number / 2));
        if number % 2 == 0 { upsert(&[&x, &y], &[]) } else { upsert(&[&y, &x], &[]) }
    });
    let results = all_at_once(rig, crossed.collect()).await;
    assert_eq!(results.iter().filter(|result| **result == ResultKind::Created).count(), 1_000);
    assert_eq!(rig.store.customer_count(TENANT, &Filter::default()).await.unwrap(), 1_000);
}

/// The identity seems to find somebody until the request before it in the batch frees it.
pub(crate) async fn an_identity_that_is_freed_in_a_batch_finds_nobody_behind_it(rig: &Rig) {
    let one = rig.upsert(&["a1"], &[]).await.customer.id;
    let other = rig.upsert(&["o1"], &[("mobile", "13800138000")]).await.customer.id;
    let commands = [Command::Delete(one), upsert(&["a1"], &[("mobile", "13800138000")])];
    let requests = commands.map(|command| rig.request(TENANT, command)).to_vec();
    let batch = Batch::new(requests, Lane::Bulk).unwrap();
    let outcomes = rig.store.apply(batch).await.unwrap();
    assert_eq!(resolution(outcomes[1].clone()).customer.id, other);
    assert_eq!(rig.store.check(None).await.unwrap().findings, []);
}

pub(crate) async fn nothing_is_accepted_after_closing(rig: &Rig) {
    rig.upsert(&["a1"], &[]).await;
    rig.store.close().await.unwrap();
    rig.store.close().await.unwrap();
    let refused = rig.try_run(TENANT, upsert(&["a2"], &[])).await;
    assert!(matches!(refused, Err(StoreError::NotApplied(_))), "{refused:?}");
}

/// While one group is committed the next one gathers: 2,000 upserts that wait at the same time
/// take far fewer commits.
async fn who_waits_together_is_committed_together(rig: &Rig) {
    let before = rig.store.gauges();
    let commands = (0..2_000).map(|number| upsert(&[&format!("a{number}")], &[])).collect();
    all_at_once(rig, commands).await;
    let after = rig.store.gauges();
    assert_eq!(after.grouped_total - before.grouped_total, 2_000);
    assert!(after.groups_total - before.groups_total < 1_000, "{after:?}");
}

async fn a_full_queue_refuses_at_once_and_loses_nothing(rig: &Rig) {
    let mut running = JoinSet::new();
    for number in 0..500 {
        let command = upsert(&[&format!("a{number}")], &[]);
        let (store, request) = (Arc::clone(&rig.store), rig.request(TENANT, command));
        running.spawn(async move { store.apply(Batch::one(request)).await });
    }
    let mut accepted = 0;
    for outcome in running.join_all().await {
        match outcome {
            Ok(_) => accepted += 1,
            Err(StoreError::QueueFull) => (),
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(rig.store.customer_count(TENANT, &Filter::default()).await.unwrap(), accepted);
}

async fn a_batch_larger_than_the_queue_passes_when_nobody_waits(rig: &Rig) {
    let rows = (0..100).map(|number| rig.request(TENANT, upsert(&[&format!("a{number}")], &[])));
    let batch = Batch::new(rows.collect(), Lane::Bulk).unwrap();
    assert_eq!(rig.store.apply(batch).await.unwrap().len(), 100);
}

/// A caller that goes away takes nothing with it.
async fn a_caller_that_stops_waiting_disturbs_nobody(rig: &Rig) {
    for number in 0..50 {
        let command = upsert(&[&format!("a{number}")], &[]);
        let (store, request) = (Arc::clone(&rig.store), rig.request(TENANT, command));
        let waiting = tokio::spawn(async move { store.apply(Batch::one(request)).await });
        waiting.abort();
        drop(waiting.await);
    }
    assert_eq!(rig.upsert(&["o1"], &[]).await.result, ResultKind::Created);
}

pub(crate) async fn a_batch_that_belongs_together_is_kept_whole_or_not_at_all(rig: &Rig) {
    rig.upsert(&["a1"], &[]).await;
    let before = rig.store.snapshot(TENANT).await.unwrap();
    let put = |customer| Put { customer: CustomerId(customer), fields: fields(&[("name", "W")]) };
    let rows = |last: i64| {
        let commands = [
            upsert(&["a2"], &[("name", "Li")]),
            upsert(&["a2", "e1"], &[]),
            // A conflict is no refusal.
            upsert(&["a1", "e1"], &[]),
            Command::Put(put(last)),
        ];
        let requests = commands.map(|command| rig.request(TENANT, command)).to_vec();
        Batch::new(requests, Lane::Bulk).unwrap().keeping(Kept::Together)
    };
    let outcomes = rig.store.apply(rows(99)).await.unwrap();
    assert_eq!(outcomes[3], Outcome::Refused(Refusal::CustomerMissing(CustomerId(99))));
    // The other rows tell what would have come, each seeing those before it.
    for outcome in &outcomes[..3] {
        let resolution = resolution(outcome.clone());
        assert_eq!(resolution.seq, None);
        assert!(resolution.conflicts.iter().all(|conflict| conflict.id.is_none()));
    }
    assert_eq!(resolution(outcomes[1].clone()).customer.id, CustomerId(2));
    assert_eq!(rig.store.snapshot(TENANT).await.unwrap(), before);
    assert_eq!(rig.store.journal(TENANT, Seq(0), 10).await.unwrap().len(), 1);

    let outcomes = rig.store.apply(rows(2)).await.unwrap();
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Resolved(_))));
    let kept = rig.customer(2).await.unwrap();
    assert_eq!(kept, resolution(outcomes[3].clone()).customer);
    assert_eq!(rig.store.snapshot(TENANT).await.unwrap().audit(), Vec::<String>::new());
}

/// Who shares a group with a batch that is given up notices nothing.
pub(crate) async fn a_batch_that_is_given_up_leaves_its_neighbours_alone(rig: &Rig) {
    let mut running = JoinSet::new();
    for number in 0..24_i64 {
        let mut requests = vec![rig.request(TENANT, upsert(&[&format!("a{number}")], &[]))];
        let lost = number % 2 == 0;
        if lost {
            requests.push(rig.request(TENANT, Command::Delete(CustomerId(9_999))));
        }
        let batch = Batch::new(requests, Lane::Interactive).unwrap().keeping(Kept::Together);
        let store = rig.store.clone();
        running.spawn(async move { (lost, store.apply(batch).await.unwrap()) });
    }
    let mut ids = BTreeSet::new();
    while let Some(done) = running.join_next().await {
        let (lost, outcomes) = done.unwrap();
        if !lost {
            ids.insert(resolution(outcomes[0].clone()).customer.id);
        }
    }
    assert_eq!(ids, (1..=12).map(CustomerId).collect(), "no id is used up for nothing");
    let count = rig.store.customer_count(TENANT, &Filter::default()).await.unwrap();
    assert_eq!(count, 12);
    assert_eq!(rig.store.snapshot(TENANT).await.unwrap().audit(), Vec::<String>::new());
}

pub(crate) async fn a_batch_on_trial_keeps_nothing(rig: &Rig) {
    rig.upsert(&["a1", "m1"], &[]).await;
    let before = rig.store.snapshot(TENANT).await.unwrap();
    let rows = vec![
        rig.request(TENANT, upsert(&["e1"], &[("name", "Li")])),
        rig.request(TENANT, upsert(&["m1", "e1"], &[])),
        rig.request(TENANT, Command::Delete(CustomerId(99))),
        rig.request(TenantId(77), upsert(&["a1"], &[])),
    ];
    let batch = Batch::new(rows, Lane::Bulk).unwrap().keeping(Kept::Nothing);
    let outcomes = rig.store.apply(batch).await.unwrap();
    let merged = resolution(outcomes[1].clone());
    assert_eq!((merged.customer.id, &*merged.merged), (CustomerId(1), &[CustomerId(2)][..]));
    assert_eq!(merged.seq, None);
    assert_eq!(outcomes[2], Outcome::Refused(Refusal::CustomerMissing(CustomerId(99))));
    assert_eq!(outcomes[3], Outcome::Refused(Refusal::TenantMissing));
    assert_eq!(rig.store.snapshot(TENANT).await.unwrap(), before);
    assert_eq!(rig.upsert(&["a2"], &[]).await.customer.id, CustomerId(2));
}

/// What only engines with a queue promise.
mod with_a_queue {
    use super::{PostgresOptions, Rig, SqliteOptions};

    async fn rigs() -> [Rig; 3] {
        [Rig::sqlite().await, Rig::postgres().await, Rig::cluster().await]
    }

    /// With a short one.
    async fn short() -> [Rig; 2] {
        let (queue_requests, group_requests) = (8, 4);
        let sqlite = SqliteOptions { queue_requests, group_requests, ..SqliteOptions::default() };
        let postgres =
            PostgresOptions { queue_requests, group_requests, ..PostgresOptions::default() };
        [Rig::sqlite_with(sqlite).await, Rig::postgres_with(postgres).await]
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_waits_together_is_committed_together() {
        for rig in rigs().await {
            super::who_waits_together_is_committed_together(&rig).await;
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_caller_that_stops_waiting_disturbs_nobody() {
        for rig in rigs().await {
            super::a_caller_that_stops_waiting_disturbs_nobody(&rig).await;
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_full_queue_refuses_at_once_and_loses_nothing() {
        for rig in short().await {
            super::a_full_queue_refuses_at_once_and_loses_nothing(&rig).await;
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_batch_larger_than_the_queue_passes_when_nobody_waits() {
        for rig in short().await {
            super::a_batch_larger_than_the_queue_passes_when_nobody_waits(&rig).await;
        }
    }
}
