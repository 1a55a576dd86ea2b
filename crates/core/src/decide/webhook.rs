//! Commands about webhooks, and about how far they have been told. None of them is part of a
//! journal: they say nothing about customers.

use crate::command::Request;
use crate::facts::Facts;
use crate::feed::{Cursor, Kind};
use crate::limits::WEBHOOKS_MAX;
use crate::outcome::{Outcome, Refusal};
use crate::webhook::{
    Delivery, Lease, Progress, Secret, Settings, SettingsChange, Step, Undelivered, Webhook,
    WebhookChange, WebhookOutcome, WebhookRefusal,
};
use crate::{Micros, WebhookId};

/// Changes the webhooks of the request's tenant.
pub(super) fn change_webhook(
    request: &Request,
    change: &WebhookChange,
    facts: &mut Facts,
) -> Outcome {
    let Some(tenant) = facts.tenants.get(&request.tenant) else {
        return Outcome::Refused(Refusal::TenantMissing);
    };
    let newest = tenant.counters().seq.0;
    let id = match change {
        WebhookChange::Create { settings, secret } => {
            return create(request, settings, secret, newest, facts);
        }
        WebhookChange::Delete(id) => return delete(request, *id, facts),
        WebhookChange::Set { id, .. }
        | WebhookChange::Rotate { id, .. }
        | WebhookChange::Replay { id, .. }
        | WebhookChange::Retry { id, .. } => *id,
    };
    let Some(mut webhook) = facts.webhooks.all.get(&(request.tenant, id)).cloned() else {
        return refused(WebhookRefusal::Missing(id));
    };
    let now = request.origin.at;
    let changed = match change {
        WebhookChange::Set { settings, .. } => set(&mut webhook, settings, now),
        WebhookChange::Rotate { secret, old_until, .. } => {
            let old = std::mem::replace(&mut webhook.secret, secret.clone());
            webhook.old_secret = Some((old, *old_until));
            webhook.updated_at = now;
            Ok(())
        }
        WebhookChange::Replay { after, .. } => replay(&mut webhook.progress, *after, newest),
        WebhookChange::Retry { place, .. } => retry(&mut webhook.progress, *place, now),
        WebhookChange::Create { .. } | WebhookChange::Delete(_) => Ok(()),
    };
    match changed {
        Ok(()) => stands(request, webhook, facts),
        Err(refusal) => refused(refusal),
    }
}

fn create(
    request: &Request,
    settings: &Settings,
    secret: &Secret,
    newest: i64,
    facts: &mut Facts,
) -> Outcome {
    let webhooks = &facts.webhooks;
    let theirs = webhooks.all.keys().filter(|(tenant, _)| *tenant == request.tenant).count();
    if theirs >= WEBHOOKS_MAX {
        return refused(WebhookRefusal::TooMany { limit: WEBHOOKS_MAX });
    }
    let last = webhooks.last.get(&request.tenant).map_or(0, |last| last.0);
    let id = WebhookId(last + 1);
    let mut settings = settings.clone();
    settings.kinds = in_order(&settings.kinds);
    let webhook = Webhook {
        id,
        settings,
        secret: secret.clone(),
        old_secret: None,
        created_at: request.origin.at,
        updated_at: request.origin.at,
        progress: Progress::after(Cursor::after(newest)),
    };
    if !request.dry_run {
        facts.webhooks.last.insert(request.tenant, id);
    }
    stands(request, webhook, facts)
}

fn delete(request: &Request, id: WebhookId, facts: &mut Facts) -> Outcome {
    let key = (request.tenant, id);
    if !facts.webhooks.all.contains_key(&key) {
        return refused(WebhookRefusal::Missing(id));
    }
    if !request.dry_run {
        facts.webhooks.all.remove(&key);
        facts.webhooks_dirty = true;
    }
    Outcome::Webhook(WebhookOutcome::Deleted(id))
}

fn set(webhook: &mut Webhook, change: &SettingsChange, now: Micros) -> Result<(), WebhookRefusal> {
    let settings = &mut webhook.settings;
    let before = Box::new(settings.clone());
    if !change.instead_of.allows(&before) {
        return Err(WebhookRefusal::SettingsChanged);
    }
    if let Some(url) = &change.url {
        settings.url.clone_from(url);
    }
    if let Some(description) = &change.description {
        settings.description.clone_from(description);
    }
    if let Some(kinds) = &change.kinds {
        settings.kinds = in_order(kinds);
    }
    if let Some(enabled) = change.enabled {
        settings.enabled = enabled;
    }
    if *settings == *before {
        return Ok(());
    }
    webhook.updated_at = now;
    let mended = settings.url != before.url || (settings.enabled && !before.enabled);
    if mended {
        // Nobody who has mended an address wants to wait for the next of the long pauses.
        webhook.progress.epoch += 1;
        for waiting in webhook.progress.undelivered.values_mut() {
            waiting.due = waiting.due.map(|_| now);
        }
    }
    Ok(())
}

fn replay(progress: &mut Progress, after: i64, newest: i64) -> Result<(), WebhookRefusal> {
    if after > newest {
        return Err(WebhookRefusal::BeyondFeed { newest });
    }
    let start = Cursor::after(after.max(0));
    progress.epoch += 1;
    progress.undelivered.retain(|place, _| *place <= start);
    // What has not been told yet is not skipped.
    progress.cursor = progress.cursor.min(start);
    Ok(())
}

fn retry(
    progress: &mut Progress,
    place: Option<Cursor>,
    now: Micros,
) -> Result<(), WebhookRefusal> {
    let is_wanted =
        |at: &Cursor, it: &Undelivered| it.due.is_none() && place.is_none_or(|place| place == *at);
    if let Some(place) = place
        && !progress.undelivered.iter().any(|(at, it)| is_wanted(at, it))
    {
        return Err(WebhookRefusal::NoDeadLetter(place));
    }
    progress.epoch += 1;
    for (at, letter) in &mut progress.undelivered {
        if is_wanted(at, letter) {
            *letter = Undelivered { tries: 0, due: Some(now), failure: letter.failure };
        }
    }
    Ok(())
}

/// Each kind once, in the order of [`Kind::ALL`].
fn in_order(kinds: &[Kind]) -> Vec<Kind> {
    Kind::ALL.iter().copied().filter(|kind| kinds.contains(kind)).collect()
}

fn stands(request: &Request, webhook: Webhook, facts: &mut Facts) -> Outcome {
    if !request.dry_run {
        facts.webhooks.all.insert((request.tenant, webhook.id), webhook.clone());
        facts.webhooks_dirty = true;
    }
    Outcome::Webhook(WebhookOutcome::Stands(Box::new(webhook)))
}

/// Writes down who delivers, or what was delivered.
pub(super) fn deliver(request: &Request, delivery: &Delivery, facts: &mut Facts) -> Outcome {
    match delivery {
        Delivery::Lease(wanted) => {
            let free = facts.webhooks.lease.until <= request.origin.at;
            if (free || facts.webhooks.lease.holder == wanted.holder) && !request.dry_run {
                facts.webhooks.lease = *wanted;
                facts.webhooks_dirty = true;
            }
            let Lease { holder, until } = facts.webhooks.lease;
            Outcome::Webhook(WebhookOutcome::Lease(Lease { holder, until }))
        }
        Delivery::Progress { holder, id, step } => {
            if facts.webhooks.lease.holder != *holder {
                return refused(WebhookRefusal::NotHolder);
            }
            let Some(webhook) = facts.webhooks.all.get_mut(&(request.tenant, *id)) else {
                return refused(WebhookRefusal::Missing(*id));
            };
            if webhook.progress.epoch != step.epoch {
                return refused(WebhookRefusal::Changed);
            }
            if !request.dry_run {
                walk(&mut webhook.progress, step);
                facts.webhooks_dirty = true;
            }
            Outcome::Webhook(WebhookOutcome::Kept)
        }
    }
}

fn walk(progress: &mut Progress, step: &Step) {
    progress.cursor = step.cursor;
    progress.delivered_at = step.delivered_at.or(progress.delivered_at);
    progress.failure = step.failure;
    for place in &step.settled {
        progress.undelivered.remove(place);
    }
    for (place, undelivered) in &step.failed {
        progress.undelivered.insert(*place, undelivered.clone());
    }
}

fn refused(refusal: WebhookRefusal) -> Outcome {
    Outcome::Refused(Refusal::Webhook(refusal))
}
