//! Commands about WeChat accounts and the imports of their fans. None of them is part of a journal:
//! they say nothing about customers.

use crate::command::Request;
use crate::facts::Facts;
use crate::limits::WECHAT_ACCOUNTS_MAX;
use crate::outcome::{Outcome, Refusal};
use crate::wechat::{
    FanImport, WechatAccount, WechatChange, WechatOutcome, WechatRefusal, WechatSecrets,
    WechatSecretsChange, WechatSettings, WechatSettingsChange,
};
use crate::{Micros, WechatId};

/// Changes the accounts of the request's tenant.
pub(super) fn change(request: &Request, change: &WechatChange, facts: &mut Facts) -> Outcome {
    if !facts.tenants.contains_key(&request.tenant) {
        return Outcome::Refused(Refusal::TenantMissing);
    }
    let now = request.origin.at;
    let id = match change {
        WechatChange::Bind { app_id, is_new, settings, secrets } => {
            return bind(request, (app_id, *is_new), settings, secrets, facts);
        }
        WechatChange::Unbind(id) => return unbind(request, *id, facts),
        WechatChange::Ask { id, .. }
        | WechatChange::Hold { id, .. }
        | WechatChange::Step { id, .. } => *id,
    };
    let Some(mut account) = facts.wechat.all.get(&(request.tenant, id)).cloned() else {
        return refused(WechatRefusal::Missing(id));
    };
    match change {
        WechatChange::Ask { from_start, unless_since, .. } => {
            let asked = account.import.asked_at;
            if unless_since.is_none_or(|since| asked.is_none_or(|asked| asked < since)) {
                ask(&mut account.import, *from_start, now);
            }
        }
        WechatChange::Hold { holder, until, .. } => {
            let import = &mut account.import;
            if import.due.is_some() && (import.holder == *holder || import.held_until <= now) {
                (import.holder, import.held_until) = (*holder, *until);
            }
        }
        WechatChange::Step { import, .. } => {
            let known = &account.import;
            if (known.run, known.holder) != (import.run, import.holder) {
                return refused(WechatRefusal::NotHolder);
            }
            account.import.clone_from(import);
        }
        WechatChange::Bind { .. } | WechatChange::Unbind(_) => (),
    }
    stands(request, account, false, facts)
}

fn bind(
    request: &Request,
    (app_id, is_new): (&str, bool),
    settings: &WechatSettingsChange,
    secrets: &WechatSecretsChange,
    facts: &mut Facts,
) -> Outcome {
    let now = request.origin.at;
    let mut theirs = facts.wechat.all.iter().filter(|((tenant, _), _)| *tenant == request.tenant);
    let known = theirs.clone().find(|(_, account)| &*account.app_id == app_id);
    if let Some((_, known)) = known {
        if is_new {
            return refused(WechatRefusal::Bound(known.id));
        }
        let mut account = known.clone();
        set(&mut account.settings, settings);
        let kept = account.secrets;
        account.secrets = WechatSecrets {
            app_secret: secrets.app_secret.clone().unwrap_or(kept.app_secret),
            token: secrets.token.clone().or(kept.token),
            aes_key: secrets.aes_key.clone().or(kept.aes_key),
        };
        account.updated_at = now;
        return stands(request, account, false, facts);
    }
    if theirs.nth(WECHAT_ACCOUNTS_MAX - 1).is_some() {
        return refused(WechatRefusal::TooMany { limit: WECHAT_ACCOUNTS_MAX });
    }
    let Some(app_secret) = secrets.app_secret.clone() else {
        return refused(WechatRefusal::SecretMissing);
    };
    let last = facts.wechat.last.get(&request.tenant).map_or(0, |last| last.0);
    let id = WechatId(last + 1);
    let mut account = WechatAccount {
        id,
        app_id: app_id.into(),
        settings: WechatSettings::default(),
        secrets: WechatSecrets {
            app_secret,
            token: secrets.token.clone(),
            aes_key: secrets.aes_key.clone(),
        },
        created_at: now,
        updated_at: now,
        import: FanImport::default(),
    };
    set(&mut account.settings, settings);
    if !request.dry_run {
        facts.wechat.last.insert(request.tenant, id);
    }
    stands(request, account, true, facts)
}

fn set(settings: &mut WechatSettings, change: &WechatSettingsChange) {
    if let Some(name) = &change.name {
        settings.name.clone_from(name);
    }
    settings.service_type = change.service_type.or(settings.service_type);
    settings.verify_type = change.verify_type.or(settings.verify_type);
    settings.nightly = change.nightly.unwrap_or(settings.nightly);
}

fn unbind(request: &Request, id: WechatId, facts: &mut Facts) -> Outcome {
    let key = (request.tenant, id);
    if !facts.wechat.all.contains_key(&key) {
        return refused(WechatRefusal::Missing(id));
    }
    if !request.dry_run {
        facts.wechat.all.remove(&key);
        facts.wechat_dirty = true;
    }
    Outcome::Wechat(WechatOutcome::Unbound(id))
}

fn ask(import: &mut FanImport, from_start: bool, now: Micros) {
    if import.due.is_some() && !from_start {
        // Who asks does not want to wait for the end of a pause.
        import.due = Some(now);
        import.tries = 0;
        return;
    }
    let before = std::mem::take(import);
    let run = before.run + 1;
    let resumed = before.ended_at.is_some() && before.failure.is_some() && !from_start;
    *import = FanImport { run, asked_at: Some(now), due: Some(now), ..FanImport::default() };
    if resumed {
        let FanImport { total, pages, counts, next, .. } = before;
        *import = FanImport { total, pages, counts, next, ..import.clone() };
    }
}

fn stands(request: &Request, account: WechatAccount, created: bool, facts: &mut Facts) -> Outcome {
    if !request.dry_run {
        facts.wechat.all.insert((request.tenant, account.id), account.clone());
        facts.wechat_dirty = true;
    }
    Outcome::Wechat(WechatOutcome::Stands { account: Box::new(account), created })
}

fn refused(refusal: WechatRefusal) -> Outcome {
    Outcome::Refused(Refusal::Wechat(refusal))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Micros = 1_000;

    fn import() -> FanImport {
        let mut import = FanImport::default();
        ask(&mut import, false, NOW);
        import
    }

    #[test]
    fn one_that_failed_goes_on_where_it_stopped_unless_it_is_to_begin_anew() {
        use crate::wechat::{FanCounts, FanFailure, Sealed};
        let failed = FanImport {
            due: None,
            ended_at: Some(NOW),
            failure: Some(FanFailure { at: NOW, code: Some(40013), reason: "no".into() }),
            pages: 2,
            counts: FanCounts { read: 20_000, ..FanCounts::default() },
            under_way: FanCounts { read: 300, ..FanCounts::default() },
            next: Some(Sealed([7].into())),
            ..import()
        };
        let mut again = failed.clone();
        ask(&mut again, false, NOW + 1);
        assert_eq!((again.run, again.pages, again.counts.read), (2, 2, 20_000));
        assert_eq!(
            (again.next.clone(), again.under_way),
            (failed.next.clone(), FanCounts::default())
        );
        assert_eq!((again.due, again.failure), (Some(NOW + 1), None));
        let mut anew = failed;
        ask(&mut anew, true, NOW + 1);
        assert_eq!((anew.run, anew.pages, anew.next, anew.counts.read), (2, 0, None, 0));
    }

    #[test]
    fn one_that_waits_goes_on_at_once_and_one_that_is_done_begins_anew() {
        let mut waits = FanImport { due: Some(NOW + 9), tries: 3, pages: 1, ..import() };
        ask(&mut waits, false, NOW + 1);
        assert_eq!((waits.run, waits.pages, waits.due, waits.tries), (1, 1, Some(NOW + 1), 0));
        let mut done = FanImport { due: None, ended_at: Some(NOW), pages: 3, ..import() };
        ask(&mut done, false, NOW + 1);
        assert_eq!((done.run, done.pages, done.ended_at), (2, 0, None));
    }
}
