//! Commands about imports. None of them is part of a journal: they say how far a file has come, and
//! nothing about customers.

use crate::ImportId;
use crate::command::Request;
use crate::facts::Facts;
use crate::import::{
    Hold, Import, ImportChange, ImportOutcome, ImportRefusal, Plan, Progress, State,
};
use crate::limits::IMPORTS_MAX;
use crate::outcome::{Outcome, Refusal};

/// Changes the imports of the request's tenant.
pub(super) fn change_import(
    request: &Request,
    change: &ImportChange,
    facts: &mut Facts,
) -> Outcome {
    if !facts.tenants.contains_key(&request.tenant) {
        return Outcome::Refused(Refusal::TenantMissing);
    }
    match change {
        ImportChange::Begin { plan, hold, again } => begin(request, plan, *hold, *again, facts),
        ImportChange::Take { id, hold } => with(request, *id, facts, |import| {
            if !import.may_go_on() {
                return Err(ImportRefusal::Ended(import.id));
            }
            take(import, *hold, request)
        }),
        ImportChange::Step { id, hold, progress } => with(request, *id, facts, |import| {
            check_holder(import, hold.holder)?;
            import.hold = *hold;
            import.progress = progress.clone();
            Ok(())
        }),
        ImportChange::End { id, holder, state, progress, error } => {
            with(request, *id, facts, |import| {
                check_holder(import, *holder)?;
                import.state = *state;
                import.hold.until = request.origin.at.min(import.hold.until);
                import.progress = progress.clone();
                import.error.clone_from(error);
                Ok(())
            })
        }
        ImportChange::Cancel(id) => with(request, *id, facts, |import| {
            if !import.may_go_on() {
                return Err(ImportRefusal::Ended(import.id));
            }
            import.is_unwanted = true;
            if !import.is_held(request.origin.at) {
                import.state = State::Cancelled;
            }
            Ok(())
        }),
        ImportChange::Forget(id) => forget(request, *id, facts),
    }
}

fn begin(request: &Request, plan: &Plan, hold: Hold, again: bool, facts: &mut Facts) -> Outcome {
    let tenant = request.tenant;
    let of_file = |import: &Import| {
        plan.content.is_some()
            && import.plan.content == plan.content
            && import.plan.source == plan.source
    };
    let theirs = facts.imports.all.iter().filter(|((owner, _), _)| *owner == tenant);
    let known: Vec<&Import> =
        theirs.map(|(_, import)| import).filter(|it| of_file(it) && it.may_go_on()).collect();
    let busy = known
        .iter()
        .find(|import| import.is_held(request.origin.at) && import.hold.holder != hold.holder);
    if let Some(import) = busy {
        return refused(ImportRefusal::Running { id: import.id, until: import.hold.until });
    }
    // One that this process has begun already was asked for twice, because nobody knew what came of it.
    let is_same = |import: &&&Import| {
        let is_ours = import.hold.holder == hold.holder && import.plan == *plan;
        // What a hub has begun goes on in a hub, where its file and its report are.
        let is_alike = import.plan.settings == plan.settings
            && import.plan.spool.is_some() == plan.spool.is_some();
        is_ours || (!again && !import.is_unwanted && is_alike)
    };
    if let Some(id) = known.iter().rfind(is_same).map(|import| import.id) {
        return with(request, id, facts, |import| {
            import.plan.spool.clone_from(&plan.spool);
            take(import, hold, request)
        });
    }
    let due = facts.imports.all.iter();
    let due = due.filter(|((owner, _), import)| *owner == tenant && import.is_due());
    if plan.spool.is_some() && due.count() >= IMPORTS_MAX {
        return refused(ImportRefusal::TooMany);
    }
    let replaced: Vec<ImportId> = known.iter().map(|import| import.id).collect();
    let last = facts.imports.last.get(&tenant).map_or(0, |last| last.0);
    let import = Import {
        id: ImportId(last + 1),
        app: request.origin.app,
        began_at: request.origin.at,
        changed_at: request.origin.at,
        plan: plan.clone(),
        state: State::Running,
        is_unwanted: false,
        hold,
        progress: Progress::default(),
        error: None,
    };
    if !request.dry_run {
        for id in replaced {
            if let Some(import) = facts.imports.all.get_mut(&(tenant, id)) {
                import.state = State::Cancelled;
                import.changed_at = request.origin.at;
            }
        }
        facts.imports.last.insert(tenant, import.id);
        facts.imports.all.insert((tenant, import.id), import.clone());
        facts.imports_dirty = true;
        prune(request, facts);
    }
    Outcome::Import(ImportOutcome::Begun(Box::new(import)))
}

/// Forgets the oldest that nobody is at work on and that do not wait, where there are more than are kept.
fn prune(request: &Request, facts: &mut Facts) {
    let theirs = facts.imports.all.iter().filter(|((tenant, _), _)| *tenant == request.tenant);
    let count = theirs.clone().count();
    let old = theirs.filter(|(_, it)| !it.is_held(request.origin.at) && !it.is_due());
    let old: Vec<_> = old.map(|(key, _)| *key).take(count.saturating_sub(IMPORTS_MAX)).collect();
    for key in old {
        facts.imports.all.remove(&key);
    }
}

fn take(import: &mut Import, hold: Hold, request: &Request) -> Result<(), ImportRefusal> {
    if import.is_held(request.origin.at) && import.hold.holder != hold.holder {
        return Err(ImportRefusal::Running { id: import.id, until: import.hold.until });
    }
    import.state = State::Running;
    import.hold = hold;
    import.error = None;
    Ok(())
}

fn check_holder(import: &Import, holder: i64) -> Result<(), ImportRefusal> {
    if import.state != State::Running || import.hold.holder != holder {
        return Err(ImportRefusal::NotHolder(import.id));
    }
    Ok(())
}

fn with(
    request: &Request,
    id: ImportId,
    facts: &mut Facts,
    change: impl FnOnce(&mut Import) -> Result<(), ImportRefusal>,
) -> Outcome {
    let key = (request.tenant, id);
    let Some(mut import) = facts.imports.all.get(&key).cloned() else {
        return refused(ImportRefusal::Missing(id));
    };
    import.changed_at = request.origin.at;
    if let Err(refusal) = change(&mut import) {
        return refused(refusal);
    }
    if !request.dry_run {
        facts.imports.all.insert(key, import.clone());
        facts.imports_dirty = true;
    }
    Outcome::Import(ImportOutcome::Stands(Box::new(import)))
}

fn forget(request: &Request, id: ImportId, facts: &mut Facts) -> Outcome {
    let key = (request.tenant, id);
    let Some(import) = facts.imports.all.get(&key) else {
        return refused(ImportRefusal::Missing(id));
    };
    if import.is_held(request.origin.at) {
        return refused(ImportRefusal::Running { id, until: import.hold.until });
    }
    if !request.dry_run {
        facts.imports.all.remove(&key);
        facts.imports_dirty = true;
    }
    Outcome::Import(ImportOutcome::Forgotten(id))
}

fn refused(refusal: ImportRefusal) -> Outcome {
    Outcome::Refused(Refusal::Import(refusal))
}
