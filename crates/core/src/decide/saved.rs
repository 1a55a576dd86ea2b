//! Commands about filters that users have saved.

use super::people::known;
use crate::command::Request;
use crate::facts::Facts;
use crate::people::saved::{SAVED_FILTERS_MAX, SavedChange, SavedFilter};
use crate::people::{PeopleOutcome, PeopleRefusal};

/// Changes what a user of the request's tenant has saved.
pub(super) fn change(
    request: &Request,
    change: &SavedChange,
    facts: &mut Facts,
) -> Result<PeopleOutcome, PeopleRefusal> {
    let app = change.app();
    known(request, app, facts)?;
    let saved = &mut facts.people.saved;
    let outcome = match change {
        SavedChange::Save { name, query, .. } => {
            let theirs = saved.keys().filter(|(owner, _)| *owner == app).count();
            let place = (app, name.clone());
            if theirs >= SAVED_FILTERS_MAX && !saved.contains_key(&place) {
                return Err(PeopleRefusal::TooManySaved);
            }
            let (name, query, saved_at) = (name.clone(), query.clone(), request.origin.at);
            let filter = SavedFilter { app, name, query, saved_at };
            if !request.dry_run {
                saved.insert(place, filter.clone());
            }
            PeopleOutcome::Saved(filter)
        }
        SavedChange::Forget { name, .. } => {
            let place = (app, name.clone());
            if !saved.contains_key(&place) {
                return Err(PeopleRefusal::SavedMissing);
            }
            if !request.dry_run {
                saved.remove(&place);
            }
            PeopleOutcome::Forgotten
        }
    };
    facts.people_dirty |= !request.dry_run;
    Ok(outcome)
}
