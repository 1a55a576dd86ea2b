//! Commands about sessions, and about attempts to begin one.

use super::people::{about_user, write_down};
use crate::AppNumber;
use crate::command::Request;
use crate::facts::Facts;
use crate::people::audit::{Deed, Details, Note};
use crate::people::session::{
    Attempts, LoginKey, SESSIONS_MAX, Session, SessionChange, SessionHash, UNKNOWN_LOGINS_MAX,
};
use crate::people::{People, PeopleOutcome, PeopleRefusal};

/// Changes sessions of users of the request's tenant.
pub(super) fn change(
    request: &Request,
    change: &SessionChange,
    facts: &mut Facts,
) -> Result<PeopleOutcome, PeopleRefusal> {
    match change {
        SessionChange::Begin { key, app, password, hash, agent } => {
            let session = Session {
                hash: *hash,
                app: *app,
                begun_at: request.origin.at,
                seen_at: request.origin.at,
                agent: agent.clone(),
            };
            begin(request, *key, password, session, facts)
        }
        SessionChange::Fail { key, app, unwritten } => fail(request, *key, *app, *unwritten, facts),
        SessionChange::Touch(hash) => touch(request, *hash, facts),
        SessionChange::End(hash) => end(request, *hash, facts),
    }
}

fn begin(
    request: &Request,
    key: LoginKey,
    verified: &str,
    session: Session,
    facts: &mut Facts,
) -> Result<PeopleOutcome, PeopleRefusal> {
    let now = request.origin.at;
    // Many may have guessed at once while none of them had failed yet.
    check_lock(key, now, &facts.people)?;
    let directory = &facts.directory;
    let app = directory.app(session.app).filter(|app| app.tenant == request.tenant);
    let is_let_in = app.is_some_and(|app| app.revoked_at.is_none());
    let is_verified = directory.user(session.app).is_some_and(|it| &*it.password == verified);
    if !is_let_in || !is_verified {
        return Err(PeopleRefusal::NotVerified);
    }
    if !request.dry_run {
        let people = &mut facts.people;
        people.attempts.remove(&key);
        people.sessions.retain(|_, it| it.app != session.app || it.is_live(now));
        people.sessions.insert(session.hash, session.clone());
        end_idlest(session.app, people);
        let note = about_user(Deed::SignedIn, session.app, Details::new());
        write_down(request, Some(session.app), note, facts);
    }
    Ok(PeopleOutcome::Session(session))
}

/// Ends the sessions of a user that were left alone for longest, where there are more than there may be.
fn end_idlest(app: AppNumber, people: &mut People) {
    let theirs = people.sessions.values().filter(|session| session.app == app);
    let mut theirs: Vec<_> = theirs.map(|session| (session.seen_at, session.hash)).collect();
    theirs.sort_unstable();
    let many = theirs.len().saturating_sub(SESSIONS_MAX);
    for (_, hash) in theirs.into_iter().take(many) {
        people.sessions.remove(&hash);
    }
}

fn check_lock(key: LoginKey, now: i64, people: &People) -> Result<(), PeopleRefusal> {
    match people.attempts.get(&key) {
        Some(attempts) if attempts.is_locked(now) => {
            Err(PeopleRefusal::Locked { until: attempts.locked_until })
        }
        Some(_) | None => Ok(()),
    }
}

fn fail(
    request: &Request,
    key: LoginKey,
    app: Option<AppNumber>,
    unwritten: Option<u64>,
    facts: &mut Facts,
) -> Result<PeopleOutcome, PeopleRefusal> {
    let now = request.origin.at;
    check_lock(key, now, &facts.people)?;
    let known = facts.people.attempts.get(&key).copied().unwrap_or_default();
    let attempts = Attempts { app, ..known }.and_one(now);
    if !request.dry_run {
        facts.people.attempts.insert(key, attempts);
        forget_attempts(now, &mut facts.people);
        facts.people_dirty = true;
        if let Some(unwritten) = unwritten {
            let mut details = Details::new();
            if unwritten > 0 {
                details.insert("attempts".into(), (unwritten + 1).to_string().into());
            }
            if attempts.is_locked(now) {
                let seconds = (attempts.locked_until - now) / 1_000_000;
                details.insert("lockedSeconds".into(), seconds.to_string().into());
            }
            let note = match app {
                Some(app) => about_user(Deed::SignInFailed, app, details),
                None => Note { deed: Deed::SignInFailed, about: None, details },
            };
            write_down(request, None, note, facts);
        }
    }
    Ok(PeopleOutcome::Failed(attempts))
}

/// Forgets attempts of long ago, and the oldest under names that nobody has where there are many.
fn forget_attempts(now: i64, people: &mut People) {
    people.attempts.retain(|_, attempts| !attempts.is_past(now));
    let unknown = people.attempts.iter().filter(|(_, attempts)| attempts.app.is_none());
    let mut unknown: Vec<_> = unknown.map(|(key, it)| (it.failed_at, *key)).collect();
    let many = unknown.len().saturating_sub(UNKNOWN_LOGINS_MAX);
    if many > 0 {
        unknown.sort_unstable();
        for (_, key) in unknown.into_iter().take(many) {
            people.attempts.remove(&key);
        }
    }
}

fn touch(
    request: &Request,
    hash: SessionHash,
    facts: &mut Facts,
) -> Result<PeopleOutcome, PeopleRefusal> {
    let now = request.origin.at;
    let mut session = live(request, hash, facts)?;
    // Several hubs may want to note it at once.
    if session.is_to_be_noted(now) {
        session.seen_at = now;
        if !request.dry_run {
            facts.people.sessions.insert(hash, session.clone());
            facts.people_dirty = true;
        }
    }
    Ok(PeopleOutcome::Session(session))
}

fn end(
    request: &Request,
    hash: SessionHash,
    facts: &mut Facts,
) -> Result<PeopleOutcome, PeopleRefusal> {
    let session = live(request, hash, facts)?;
    if !request.dry_run {
        facts.people.sessions.remove(&hash);
        let note = about_user(Deed::SignedOut, session.app, Details::new());
        write_down(request, Some(request.origin.app), note, facts);
    }
    Ok(PeopleOutcome::Ended)
}

/// The session of a user of the request's tenant, if it lasts.
fn live(request: &Request, hash: SessionHash, facts: &Facts) -> Result<Session, PeopleRefusal> {
    let session = facts.people.sessions.get(&hash).filter(|it| it.is_live(request.origin.at));
    let session = session.ok_or(PeopleRefusal::SessionMissing)?;
    let app = facts.directory.app(session.app).filter(|app| app.tenant == request.tenant);
    app.map(|_| session.clone()).ok_or(PeopleRefusal::SessionMissing)
}
