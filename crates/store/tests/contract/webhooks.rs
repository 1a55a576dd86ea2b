//! Webhooks, and how far they have been told.

use crate::support::{Rig, TENANT};
use kehub_core::command::{Command, Idempotency, InsteadOf};
use kehub_core::feed::{Cursor, Kind};
use kehub_core::limits::WEBHOOKS_MAX;
use kehub_core::outcome::{Outcome, Refusal};
use kehub_core::policy::Preset;
use kehub_core::receipt::Remembered;
use kehub_core::webhook::{
    Delivery, Failure, Lease, Progress, Reason, Secret, Settings, SettingsChange, Step,
    Undelivered, Webhook, WebhookChange, WebhookOutcome, WebhookRefusal,
};
use kehub_core::{TenantId, WebhookId};
use std::collections::BTreeMap;

const HOLDER: i64 = -7;
const FIRST: WebhookId = WebhookId(1);

fn create(url: &str, kinds: &[Kind]) -> WebhookChange {
    let settings = Settings {
        url: url.into(),
        description: "shop".into(),
        kinds: kinds.to_vec(),
        enabled: true,
    };
    WebhookChange::Create { settings, secret: Secret([1; 32]) }
}

async fn change(rig: &Rig, change: WebhookChange) -> Result<Webhook, Refusal> {
    match rig.run(TENANT, Command::Webhook(change)).await {
        Outcome::Webhook(WebhookOutcome::Stands(webhook)) => Ok(*webhook),
        Outcome::Refused(refusal) => Err(refusal),
        other => panic!("no webhook: {other:?}"),
    }
}

async fn created(rig: &Rig) -> Webhook {
    change(rig, create("https://a.example/", &[])).await.unwrap()
}

async fn kept(rig: &Rig) -> Vec<Webhook> {
    rig.store.webhooks(Some(TENANT)).await.unwrap().into_values().collect()
}

fn place(position: i64, index: u32) -> Cursor {
    Cursor { position, index }
}

fn waiting(due: i64) -> Undelivered {
    Undelivered { tries: 0, due: Some(due), failure: None }
}

fn dead(status: u16) -> Undelivered {
    let failure = Some(Failure { at: 9, reason: Reason::Status(status) });
    Undelivered { tries: 10, due: None, failure }
}

async fn lease(rig: &Rig, holder: i64, until: i64) -> Lease {
    let wanted = Delivery::Lease(Lease { holder, until });
    match rig.run(TenantId(0), Command::Deliver(wanted)).await {
        Outcome::Webhook(WebhookOutcome::Lease(lease)) => lease,
        other => panic!("no lease: {other:?}"),
    }
}

fn step(cursor: Cursor, failed: &[(Cursor, Undelivered)]) -> Step {
    let failed = failed.to_vec();
    Step { epoch: 0, cursor, failed, settled: Vec::new(), delivered_at: None, failure: None }
}

async fn progress(rig: &Rig, step: Step) -> Outcome {
    let progress = Delivery::Progress { holder: HOLDER, id: FIRST, step };
    rig.run(TENANT, Command::Deliver(progress)).await
}

const KEPT: Outcome = Outcome::Webhook(WebhookOutcome::Kept);

fn refused(refusal: WebhookRefusal) -> Outcome {
    Outcome::Refused(Refusal::Webhook(refusal))
}

pub(crate) async fn a_webhook_is_told_what_comes_after_it(rig: &Rig) {
    rig.upsert(&["a1"], &[]).await;
    rig.upsert(&["a2"], &[]).await;
    let kinds = [Kind::Deleted, Kind::Created, Kind::Deleted];
    let mut dry = rig.request(TENANT, Command::Webhook(create("https://a.example/", &kinds)));
    dry.dry_run = true;
    rig.batch(vec![dry]).await;
    assert_eq!(kept(rig).await, []);

    let webhook = change(rig, create("https://a.example/", &kinds)).await.unwrap();
    assert_eq!(webhook.id, FIRST);
    assert_eq!(webhook.settings.kinds, [Kind::Created, Kind::Deleted]);
    assert_eq!(webhook.progress, Progress::after(Cursor::after(2)));
    assert!(webhook.settings.wants(Kind::Created) && !webhook.settings.wants(Kind::Updated));
    assert_eq!(kept(rig).await, [webhook]);
    // It is nothing that a journal tells.
    assert_eq!(rig.store.feed(TENANT, 0, 10).await.unwrap().newest, 2);
}

pub(crate) async fn settings_and_secrets_change(rig: &Rig) {
    let before = created(rig).await;
    let settings = SettingsChange {
        url: Some("https://b.example/".into()),
        kinds: Some(vec![Kind::Merged]),
        enabled: Some(false),
        ..SettingsChange::default()
    };
    let set = change(rig, WebhookChange::Set { id: FIRST, settings }).await.unwrap();
    assert_eq!((&*set.settings.url, &*set.settings.description), ("https://b.example/", "shop"));
    assert_eq!((&*set.settings.kinds, set.settings.enabled), (&[Kind::Merged][..], false));
    assert!(set.updated_at > before.updated_at);
    let nothing = WebhookChange::Set { id: FIRST, settings: SettingsChange::default() };
    assert_eq!(change(rig, nothing).await.unwrap(), set);

    // What somebody else changed meanwhile stays.
    let instead_of = InsteadOf::This(Box::new(before.settings));
    let late = SettingsChange { enabled: Some(true), instead_of, ..SettingsChange::default() };
    let late = change(rig, WebhookChange::Set { id: FIRST, settings: late }).await;
    assert_eq!(late, Err(Refusal::Webhook(WebhookRefusal::SettingsChanged)));
    assert_eq!(kept(rig).await, std::slice::from_ref(&set));

    let rotate = WebhookChange::Rotate { id: FIRST, secret: Secret([2; 32]), old_until: 77 };
    let rotated = change(rig, rotate).await.unwrap();
    assert_eq!(rotated.secret, Secret([2; 32]));
    assert_eq!(rotated.old_secret, Some((Secret([1; 32]), 77)));
    assert_eq!(kept(rig).await, std::slice::from_ref(&rotated));
    assert!(!format!("{rotated:?}").contains("2, 2"), "a secret is not to be read in logs");
}

pub(crate) async fn a_deleted_webhook_leaves_nothing_and_its_id_is_not_given_out_again(rig: &Rig) {
    created(rig).await;
    lease(rig, HOLDER, i64::MAX).await;
    assert_eq!(progress(rig, step(place(1, 0), &[(place(1, 0), dead(500))])).await, KEPT);
    let delete = || Command::Webhook(WebhookChange::Delete(FIRST));
    let deleted = rig.run(TENANT, delete()).await;
    assert_eq!(deleted, Outcome::Webhook(WebhookOutcome::Deleted(FIRST)));
    assert_eq!(kept(rig).await, []);
    assert_eq!(rig.run(TENANT, delete()).await, refused(WebhookRefusal::Missing(FIRST)));
    let next = created(rig).await;
    assert_eq!((next.id, next.progress.undelivered.len()), (WebhookId(2), 0));
}

pub(crate) async fn a_tenant_has_so_many_webhooks_and_sees_no_others(rig: &Rig) {
    let second = rig.tenant("second", Preset::Compat).await;
    for _ in 0..WEBHOOKS_MAX {
        created(rig).await;
    }
    let one_more = change(rig, create("https://a.example/", &[])).await;
    let too_many = WebhookRefusal::TooMany { limit: WEBHOOKS_MAX };
    assert_eq!(one_more, Err(Refusal::Webhook(too_many)));
    assert_eq!(rig.store.webhooks(Some(second)).await.unwrap(), BTreeMap::new());
    for change in [
        WebhookChange::Delete(FIRST),
        WebhookChange::Set { id: FIRST, settings: SettingsChange::default() },
        WebhookChange::Replay { id: FIRST, after: 0 },
        WebhookChange::Retry { id: FIRST, place: None },
        WebhookChange::Rotate { id: FIRST, secret: Secret([2; 32]), old_until: 0 },
    ] {
        let outcome = rig.run(second, Command::Webhook(change)).await;
        assert_eq!(outcome, refused(WebhookRefusal::Missing(FIRST)));
    }
    let theirs = rig.run(second, Command::Webhook(create("https://c.example/", &[]))).await;
    assert!(matches!(theirs, Outcome::Webhook(WebhookOutcome::Stands(it)) if it.id == FIRST));
    let all = rig.store.webhooks(None).await.unwrap();
    assert_eq!(all.len(), WEBHOOKS_MAX + 1);
    assert_eq!(&*all[&(second, FIRST)].settings.url, "https://c.example/");
    assert_eq!(&*all[&(TENANT, FIRST)].settings.url, "https://a.example/");
}

pub(crate) async fn one_hub_delivers_at_a_time(rig: &Rig) {
    const FAR: i64 = 1_000_000_000_000;
    assert_eq!(lease(rig, HOLDER, FAR).await, Lease { holder: HOLDER, until: FAR });
    assert_eq!(lease(rig, 8, FAR + 1).await, Lease { holder: HOLDER, until: FAR });
    assert_eq!(lease(rig, HOLDER, FAR + 2).await, Lease { holder: HOLDER, until: FAR + 2 });
    // Who stops gives it back; so does who has been silent for too long.
    assert_eq!(lease(rig, HOLDER, 0).await.until, 0);
    assert_eq!(lease(rig, 8, 1).await, Lease { holder: 8, until: 1 });
    assert_eq!(lease(rig, HOLDER, FAR).await.holder, HOLDER);
}

pub(crate) async fn progress_is_kept_as_it_was_made(rig: &Rig) {
    created(rig).await;
    lease(rig, HOLDER, i64::MAX).await;
    let failures: Vec<Undelivered> = [
        Reason::NotResolved,
        Reason::AddressRefused,
        Reason::NotConnected,
        Reason::TimedOut,
        Reason::BrokenOff,
        Reason::Status(503),
    ]
    .into_iter()
    .map(|reason| Undelivered { tries: 2, due: Some(5), failure: Some(Failure { at: 4, reason }) })
    .collect();
    let failed: Vec<(Cursor, Undelivered)> =
        (0..6).map(|index| place(3, index)).zip(failures).collect();
    let mut first = step(Cursor::after(3), &failed);
    first.delivered_at = Some(11);
    first.failure = failed[5].1.failure;
    assert_eq!(progress(rig, first).await, KEPT);

    let mut second = step(place(5, 2), &[(place(3, 1), dead(410)), (place(4, 0), waiting(8))]);
    second.settled = vec![place(3, 0), place(3, 5), place(9, 9)];
    assert_eq!(progress(rig, second).await, KEPT);

    let progress = kept(rig).await.remove(0).progress;
    assert_eq!(progress.cursor, place(5, 2));
    assert_eq!((progress.delivered_at, progress.failure), (Some(11), None));
    let mut expected: BTreeMap<Cursor, Undelivered> = failed[2..5].iter().cloned().collect();
    expected.extend([(place(3, 1), dead(410)), (place(4, 0), waiting(8))]);
    assert_eq!(progress.undelivered, expected);
    assert_eq!(progress.dead_letters().map(|(at, _)| at).collect::<Vec<_>>(), [place(3, 1)]);
}

pub(crate) async fn progress_counts_only_for_who_delivers_and_in_its_epoch(rig: &Rig) {
    created(rig).await;
    let before = kept(rig).await;
    let made = || step(Cursor::after(1), &[]);
    assert_eq!(progress(rig, made()).await, refused(WebhookRefusal::NotHolder));
    lease(rig, HOLDER, i64::MAX).await;
    let late = Step { epoch: 1, ..made() };
    assert_eq!(progress(rig, late).await, refused(WebhookRefusal::Changed));
    assert_eq!(kept(rig).await, before);
    assert_eq!(progress(rig, made()).await, KEPT);
    let unknown = Delivery::Progress { holder: HOLDER, id: WebhookId(2), step: made() };
    let unknown = rig.run(TENANT, Command::Deliver(unknown)).await;
    assert_eq!(unknown, refused(WebhookRefusal::Missing(WebhookId(2))));
}

pub(crate) async fn a_replay_tells_again_and_skips_nothing(rig: &Rig) {
    created(rig).await;
    lease(rig, HOLDER, i64::MAX).await;
    for account in ["a1", "a2", "a3", "a4"] {
        rig.upsert(&[account], &[]).await;
    }
    let failed = [(place(1, 1), dead(500)), (place(3, 0), waiting(8))];
    assert_eq!(progress(rig, step(Cursor::after(3), &failed)).await, KEPT);
    let replay = |after| WebhookChange::Replay { id: FIRST, after };
    let beyond = change(rig, replay(5)).await;
    assert_eq!(beyond, Err(Refusal::Webhook(WebhookRefusal::BeyondFeed { newest: 4 })));
    // What has not been told yet is not skipped, and what it has waits no longer in two places.
    assert_eq!(change(rig, replay(4)).await.unwrap().progress.cursor, Cursor::after(3));
    let replayed = change(rig, replay(1)).await.unwrap().progress;
    assert_eq!(replayed.cursor, Cursor::after(1));
    assert_eq!(replayed.undelivered, BTreeMap::from([(place(1, 1), dead(500))]));
    assert_eq!(change(rig, replay(-5)).await.unwrap().progress.cursor, Cursor::START);
    assert_eq!(progress(rig, step(Cursor::after(4), &[])).await, refused(WebhookRefusal::Changed));
}

pub(crate) async fn dead_letters_are_tried_again_from_the_first_try_on(rig: &Rig) {
    created(rig).await;
    lease(rig, HOLDER, i64::MAX).await;
    let failed = [
        (place(1, 0), dead(500)),
        (place(2, 0), dead(500)),
        (place(2, 1), waiting(i64::MAX)),
        (place(3, 0), dead(404)),
    ];
    assert_eq!(progress(rig, step(Cursor::after(3), &failed)).await, KEPT);
    let retry = |place| WebhookChange::Retry { id: FIRST, place };
    for missing in [place(2, 1), place(9, 0)] {
        let refused = change(rig, retry(Some(missing))).await;
        assert_eq!(refused, Err(Refusal::Webhook(WebhookRefusal::NoDeadLetter(missing))));
    }
    let one = change(rig, retry(Some(place(2, 0)))).await.unwrap();
    let letters = |webhook: &Webhook| -> Vec<i64> {
        webhook.progress.dead_letters().map(|(at, _)| at.position).collect()
    };
    assert_eq!(letters(&one), [1, 3]);
    let again = &one.progress.undelivered[&place(2, 0)];
    assert_eq!((again.tries, again.due), (0, Some(rig.now())));
    assert_eq!(letters(&change(rig, retry(None)).await.unwrap()), Vec::<i64>::new());
    // None left is no mistake of who asks for all.
    assert!(change(rig, retry(None)).await.is_ok());

    // Who mends the address does not wait for the next try either.
    let settings =
        SettingsChange { url: Some("https://b.example/".into()), ..SettingsChange::default() };
    let mended = change(rig, WebhookChange::Set { id: FIRST, settings }).await.unwrap();
    let due: Vec<Option<i64>> = mended.progress.undelivered.values().map(|it| it.due).collect();
    assert_eq!(due, [Some(rig.now()); 4]);
    assert_eq!(kept(rig).await, [mended]);
}

pub(crate) async fn a_webhook_changes_once_under_its_key(rig: &Rig) {
    let mut request = rig.request(TENANT, Command::Webhook(create("https://a.example/", &[])));
    request.idempotency = Some(Idempotency { key: [1; 16], request: [2; 16] });
    let again = request.clone();
    let outcomes = rig.batch(vec![request, again]).await;
    let Outcome::Repeated(receipt) = &outcomes[1] else { panic!("{outcomes:?}") };
    assert_eq!(receipt.outcome, Remembered::Webhook(FIRST));
    assert_eq!(kept(rig).await.len(), 1);
}
