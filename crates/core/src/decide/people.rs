//! Commands about users, and what is written down of people who sign in. None of them is part of a
//! journal.

use super::directory::{blank_app, next_app};
use super::{saved, sessions};
use crate::AppNumber;
use crate::command::{InsteadOf, Request};
use crate::directory::App;
use crate::facts::Facts;
use crate::outcome::{Outcome, Refusal};
use crate::people::audit::{AUDIT_MAX, About, AuditEntry, AuditNumber, Deed, Details, Note};
use crate::people::session::SessionHash;
use crate::people::user::{APP_ID_PREFIX, NewUser, Role, User, UserChange, UserSet, UserShown};
use crate::people::{People, PeopleChange, PeopleOutcome, PeopleRefusal};

/// Changes users and sessions of the request's tenant.
pub(super) fn change(request: &Request, change: &PeopleChange, facts: &mut Facts) -> Outcome {
    if !facts.tenants.contains_key(&request.tenant) {
        return Outcome::Refused(Refusal::TenantMissing);
    }
    let decided = match change {
        PeopleChange::User(UserChange::Create(new)) => create(request, new, facts),
        PeopleChange::User(UserChange::Set { app, set }) => set_user(request, *app, set, facts),
        PeopleChange::User(UserChange::SignOut { app, instead_of }) => {
            sign_out(request, *app, instead_of, facts)
        }
        PeopleChange::Session(change) => sessions::change(request, change, facts),
        PeopleChange::Saved(change) => saved::change(request, change, facts),
        PeopleChange::Note(note) => Ok(keep_note(request, note, facts)),
    };
    decided.map_or_else(
        |refusal| Outcome::Refused(Refusal::People(refusal)),
        |outcome| Outcome::People(Box::new(outcome)),
    )
}

fn create(
    request: &Request,
    new: &NewUser,
    facts: &mut Facts,
) -> Result<PeopleOutcome, PeopleRefusal> {
    let directory = &mut facts.directory;
    if new.is_first && !directory.users.is_empty() {
        return Err(PeopleRefusal::NotFirst);
    }
    if directory.users.iter().any(|user| user.login == new.login) {
        return Err(PeopleRefusal::LoginTaken);
    }
    let id = format!("{APP_ID_PREFIX}{}", new.login);
    let mut app = blank_app(next_app(directory), &id, request);
    app.name.clone_from(&new.name);
    app.permissions = new.role.permissions().to_vec();
    let user = User {
        app: app.number,
        login: new.login.clone(),
        role: new.role,
        password: new.password.clone(),
        password_at: request.origin.at,
    };
    if !request.dry_run {
        directory.apps.push(app.clone());
        directory.users.push(user.clone());
        facts.directory_dirty = true;
        let details = Details::from([("role".into(), new.role.name().into())]);
        // Who makes the first one is nobody yet.
        let by = if new.is_first { app.number } else { request.origin.app };
        write_down(request, Some(by), about_user(Deed::UserCreated, app.number, details), facts);
    }
    Ok(PeopleOutcome::User { user, app, created: true })
}

fn set_user(
    request: &Request,
    number: AppNumber,
    set: &UserSet,
    facts: &mut Facts,
) -> Result<PeopleOutcome, PeopleRefusal> {
    let (mut user, mut app) = known(request, number, facts)?;
    let is_disabled = app.revoked_at.is_some();
    let stands = UserShown { name: app.name.clone(), role: user.role, is_disabled };
    if !set.instead_of.allows(&stands) {
        return Err(PeopleRefusal::UserChanged);
    }
    let was_admin = user.role == Role::Admin && app.revoked_at.is_none();
    let mut deeds: Vec<(Deed, Details)> = Vec::new();
    if let Some(name) = set.name.as_ref().filter(|name| **name != app.name) {
        app.name.clone_from(name);
        deeds.push((Deed::UserRenamed, Details::new()));
    }
    if let Some(role) = set.role.filter(|role| *role != user.role) {
        let change = [("from", user.role.name()), ("to", role.name())];
        let details = change.map(|(key, value)| (key.into(), value.into()));
        deeds.push((Deed::RoleChanged, Details::from(details)));
        user.role = role;
    }
    app.permissions = user.role.permissions().to_vec();
    if let Some(password) = &set.password {
        user.password.clone_from(password);
        user.password_at = request.origin.at;
        deeds.push((Deed::PasswordChanged, Details::new()));
    }
    match set.is_disabled {
        Some(true) if app.revoked_at.is_none() => {
            app.revoked_at = Some(request.origin.at);
            deeds.push((Deed::UserDisabled, Details::new()));
        }
        Some(false) if app.revoked_at.is_some() => {
            app.revoked_at = None;
            deeds.push((Deed::UserEnabled, Details::new()));
        }
        Some(_) | None => (),
    }
    let is_admin = user.role == Role::Admin && app.revoked_at.is_none();
    if was_admin && !is_admin && !has_other_admin(request, number, facts) {
        return Err(PeopleRefusal::LastAdmin);
    }
    if !request.dry_run && !deeds.is_empty() {
        if app.revoked_at.is_some() {
            end_sessions(number, None, &mut facts.people);
        } else if set.password.is_some() {
            end_sessions(number, set.keep, &mut facts.people);
        }
        // Whoever sets a password lets its owner try it.
        if set.password.is_some() || set.is_disabled == Some(false) {
            facts.people.attempts.retain(|_, attempts| attempts.app != Some(number));
        }
        keep(&user, &app, facts);
        for (deed, details) in deeds {
            let note = about_user(deed, number, details);
            write_down(request, Some(request.origin.app), note, facts);
        }
    }
    Ok(PeopleOutcome::User { user, app, created: false })
}

fn sign_out(
    request: &Request,
    number: AppNumber,
    instead_of: &InsteadOf<Role>,
    facts: &mut Facts,
) -> Result<PeopleOutcome, PeopleRefusal> {
    let (user, app) = known(request, number, facts)?;
    if !instead_of.allows(&user.role) {
        return Err(PeopleRefusal::UserChanged);
    }
    if !request.dry_run {
        let ended = end_sessions(number, None, &mut facts.people);
        let details = Details::from([("sessions".into(), ended.to_string().into())]);
        let note = about_user(Deed::SignedOutEverywhere, number, details);
        write_down(request, Some(request.origin.app), note, facts);
    }
    Ok(PeopleOutcome::User { user, app, created: false })
}

/// A user of the request's tenant.
pub(super) fn known(
    request: &Request,
    number: AppNumber,
    facts: &Facts,
) -> Result<(User, App), PeopleRefusal> {
    let directory = &facts.directory;
    let app = directory.app(number).filter(|app| app.tenant == request.tenant);
    let found = app.and_then(|app| Some((directory.user(number)?.clone(), app.clone())));
    found.ok_or(PeopleRefusal::UserMissing(number))
}

fn has_other_admin(request: &Request, number: AppNumber, facts: &Facts) -> bool {
    let directory = &facts.directory;
    let mut others = directory.users.iter().filter(|it| it.app != number && it.role == Role::Admin);
    others.any(|user| {
        let app = directory.app(user.app);
        app.is_some_and(|app| app.tenant == request.tenant && app.revoked_at.is_none())
    })
}

/// Ends the sessions of a user but for one; gives how many.
fn end_sessions(number: AppNumber, but: Option<SessionHash>, people: &mut People) -> usize {
    let before = people.sessions.len();
    people.sessions.retain(|hash, session| session.app != number || Some(*hash) == but);
    before - people.sessions.len()
}

fn keep(user: &User, app: &App, facts: &mut Facts) {
    let directory = &mut facts.directory;
    for known in directory.users.iter_mut().filter(|known| known.app == user.app) {
        known.clone_from(user);
    }
    for known in directory.apps.iter_mut().filter(|known| known.number == app.number) {
        known.clone_from(app);
    }
    facts.directory_dirty = true;
}

pub(super) fn about_user(deed: Deed, number: AppNumber, details: Details) -> Note {
    Note { deed, about: Some(About::User(number)), details }
}

fn keep_note(request: &Request, note: &Note, facts: &mut Facts) -> PeopleOutcome {
    let number = next_entry(request, facts);
    if !request.dry_run {
        write_down(request, Some(request.origin.app), note.clone(), facts);
    }
    PeopleOutcome::Noted(number)
}

fn next_entry(request: &Request, facts: &Facts) -> AuditNumber {
    AuditNumber(facts.people.last.get(&request.tenant).map_or(0, |last| last.0) + 1)
}

/// Adds an entry to the audit log of the request's tenant, and forgets the oldest where there are more
/// than are kept.
pub(super) fn write_down(request: &Request, app: Option<AppNumber>, note: Note, facts: &mut Facts) {
    let number = next_entry(request, facts);
    let Note { deed, about, details } = note;
    let entry = AuditEntry { number, at: request.origin.at, app, deed, about, details };
    let people = &mut facts.people;
    people.last.insert(request.tenant, number);
    people.audit.insert((request.tenant, number), entry);
    people.audit.remove(&(request.tenant, AuditNumber(number.0 - AUDIT_MAX)));
    facts.people_dirty = true;
}
