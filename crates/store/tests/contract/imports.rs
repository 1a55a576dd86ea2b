//! Imports, who is at work on them, and how far they have come.

use crate::support::{Rig, TENANT};
use kehub_core::command::Command;
use kehub_core::import::{
    Content, Hold, Import, ImportChange, ImportOutcome, ImportRefusal, Plan, Progress, State,
};
use kehub_core::limits::IMPORTS_MAX;
use kehub_core::outcome::{Outcome, Refusal};
use kehub_core::policy::Preset;
use kehub_core::{AppNumber, ImportId, TenantId};
use kehub_store::Spooled;

const FIRST: ImportId = ImportId(1);
const FAR: i64 = 1_000_000_000_000;

fn plan(source: &str, settings: &str) -> Plan {
    let content = Some(Content { bytes: 7, hash: [3; 32] });
    Plan { source: source.into(), content, settings: settings.into(), spool: None }
}

fn hold(holder: i64, until: i64) -> Hold {
    Hold { holder, until }
}

fn progress(rows: u64) -> Progress {
    Progress { rows, created: rows, ..Progress::default() }
}

async fn changed(
    rig: &Rig,
    tenant: TenantId,
    change: ImportChange,
) -> Result<(bool, Import), ImportRefusal> {
    match rig.run(tenant, Command::Import(change)).await {
        Outcome::Import(ImportOutcome::Begun(import)) => Ok((true, *import)),
        Outcome::Import(ImportOutcome::Stands(import)) => Ok((false, *import)),
        Outcome::Refused(Refusal::Import(refusal)) => Err(refusal),
        other => panic!("no import: {other:?}"),
    }
}

/// Begins an import, or goes on with one; whether it is new, and the import.
async fn begin(
    rig: &Rig,
    plan: Plan,
    hold: Hold,
    again: bool,
) -> Result<(bool, Import), ImportRefusal> {
    changed(rig, TENANT, ImportChange::Begin { plan, hold, again }).await
}

async fn step(rig: &Rig, hold: Hold, rows: u64) -> Result<Import, ImportRefusal> {
    let step = ImportChange::Step { id: FIRST, hold, progress: progress(rows) };
    changed(rig, TENANT, step).await.map(|(_, import)| import)
}

async fn end(rig: &Rig, id: ImportId, holder: i64, state: State) -> Result<Import, ImportRefusal> {
    let error = (state == State::Failed).then(|| "line 7: expected a row".into());
    let end = ImportChange::End { id, holder, state, progress: progress(9), error };
    changed(rig, TENANT, end).await.map(|(_, import)| import)
}

async fn kept(rig: &Rig) -> Vec<Import> {
    rig.store.imports(TENANT, None, 10).await.unwrap()
}

/// Some of everything that an import can be.
pub(crate) async fn fill(rig: &Rig) {
    let piped = Plan { content: None, spool: Some("ab".into()), ..plan("-", "{}") };
    begin(rig, plan("shop.csv", "{\"a\":1}"), hold(7, FAR), false).await.unwrap();
    begin(rig, piped, hold(i64::MIN, FAR), false).await.unwrap();
    end(rig, FIRST, 7, State::Failed).await.unwrap();
}

pub(crate) async fn an_import_is_kept_as_it_was_made(rig: &Rig) {
    let (is_new, import) = begin(rig, plan("shop.csv", "{}"), hold(-7, FAR), false).await.unwrap();
    assert!(is_new);
    let expected = Import {
        id: FIRST,
        app: AppNumber(1),
        began_at: rig.now(),
        changed_at: rig.now(),
        plan: plan("shop.csv", "{}"),
        state: State::Running,
        is_unwanted: false,
        hold: hold(-7, FAR),
        progress: Progress::default(),
        error: None,
    };
    assert_eq!((&import, kept(rig).await), (&expected, vec![import.clone()]));
    assert_eq!(rig.store.spooled_imports(Spooled::All).await.unwrap(), []);

    let made = Progress {
        rows: 36,
        skipped: 1,
        created: 2,
        updated: 3,
        unchanged: 4,
        merged: 5,
        conflicts: 6,
        refused: 7,
        report: Some("shop.refused.csv".into()),
        report_bytes: 8,
    };
    let step = ImportChange::Step { id: FIRST, hold: hold(-7, FAR + 1), progress: made.clone() };
    let (is_new, stepped) = changed(rig, TENANT, step).await.unwrap();
    let expected =
        Import { changed_at: rig.now(), hold: hold(-7, FAR + 1), progress: made, ..expected };
    assert_eq!((is_new, &stepped), (false, &expected));
    assert_eq!(kept(rig).await, [stepped]);

    let ended = end(rig, FIRST, -7, State::Failed).await.unwrap();
    assert_eq!(
        (ended.state, ended.error.as_deref()),
        (State::Failed, Some("line 7: expected a row"))
    );
    assert_eq!(kept(rig).await, [ended]);
    // It is nothing that a journal tells.
    assert_eq!(rig.store.feed(TENANT, 0, 10).await.unwrap().newest, 0);

    let spooled = Plan { content: None, spool: Some("ab".into()), ..plan("-", "{}") };
    let (_, spooled) = begin(rig, spooled, hold(1, FAR), false).await.unwrap();
    for which in [Spooled::All, Spooled::Open] {
        let found = rig.store.spooled_imports(which).await.unwrap();
        assert_eq!(found, [(TENANT, spooled.clone())], "{which:?}");
    }
    assert_eq!(rig.store.imports(TENANT, None, 1).await.unwrap(), std::slice::from_ref(&spooled));
    assert_eq!(kept(rig).await[0], spooled);
    assert_eq!(rig.store.imports(TENANT, Some(ImportId(2)), 9).await.unwrap().len(), 1);
    assert_eq!(rig.store.imports(TENANT, Some(FIRST), 9).await.unwrap(), []);

    // Hubs bring in what is running or interrupted.
    for (state, is_open) in
        [(State::Interrupted, true), (State::Failed, false), (State::Done, false)]
    {
        let ended = end(rig, spooled.id, 1, state).await.unwrap();
        let found = rig.store.spooled_imports(Spooled::All).await.unwrap();
        assert_eq!(found, [(TENANT, ended)]);
        let open = rig.store.spooled_imports(Spooled::Open).await.unwrap();
        assert_eq!(open, if is_open { found } else { Vec::new() });
        let take = ImportChange::Take { id: spooled.id, hold: hold(1, FAR) };
        assert_eq!(changed(rig, TENANT, take).await.is_ok(), state != State::Done);
    }
}

pub(crate) async fn one_is_at_work_on_a_file_at_a_time(rig: &Rig) {
    let shop = || plan("shop.csv", "{}");
    begin(rig, shop(), hold(1, FAR), false).await.unwrap();
    let running = ImportRefusal::Running { id: FIRST, until: FAR };
    for (settings, again) in [("{}", false), ("{}", true), ("{\"other\":1}", false)] {
        let refused = begin(rig, plan("shop.csv", settings), hold(2, FAR), again).await;
        assert_eq!(refused.unwrap_err(), running);
    }
    let take = |holder| ImportChange::Take { id: FIRST, hold: hold(holder, FAR) };
    assert_eq!(changed(rig, TENANT, take(2)).await.unwrap_err(), running);
    // Who asked twice has it once; other files are others.
    let (is_new, again) = begin(rig, shop(), hold(1, FAR), true).await.unwrap();
    assert_eq!((is_new, again.id), (false, FIRST));
    assert!(begin(rig, plan("other.csv", "{}"), hold(2, FAR), false).await.unwrap().0);
    let piped = Plan { content: None, ..shop() };
    assert!(begin(rig, piped.clone(), hold(2, FAR), false).await.unwrap().0);
    assert!(begin(rig, piped, hold(2, FAR), false).await.unwrap().0);
    assert_eq!(kept(rig).await.len(), 4);
}

pub(crate) async fn an_interrupted_import_goes_on_with_the_same_plan_only(rig: &Rig) {
    let shop = || plan("shop.csv", "{}");
    begin(rig, shop(), hold(1, FAR), false).await.unwrap();
    step(rig, hold(1, rig.now() + 1_500_000), 500).await.unwrap();
    let silent = kept(rig).await.remove(0);
    assert_eq!(silent.state_at(rig.now()), State::Running);
    assert_eq!(silent.state_at(FAR), State::Interrupted);
    let (is_new, taken) = begin(rig, shop(), hold(2, FAR), false).await.unwrap();
    assert_eq!((is_new, taken.id, taken.progress.rows), (false, FIRST, 500));
    for state in [State::Interrupted, State::Failed] {
        assert_eq!(end(rig, FIRST, 2, state).await.unwrap().state, state);
        let (is_new, taken) = begin(rig, shop(), hold(2, FAR), false).await.unwrap();
        assert_eq!((is_new, taken.state, taken.error), (false, State::Running, None));
    }
    end(rig, FIRST, 2, State::Interrupted).await.unwrap();
    let take = ImportChange::Take { id: FIRST, hold: hold(3, FAR) };
    assert_eq!(changed(rig, TENANT, take).await.unwrap().1.hold.holder, 3);
    end(rig, FIRST, 3, State::Interrupted).await.unwrap();

    // With other words, or when asked to, it begins anew, and the one before is not wanted any more.
    let (is_new, other) = begin(rig, plan("shop.csv", "[]"), hold(2, FAR), false).await.unwrap();
    assert_eq!((is_new, other.id, other.progress.rows), (true, ImportId(2), 0));
    end(rig, ImportId(2), 2, State::Interrupted).await.unwrap();
    let (is_new, again) = begin(rig, plan("shop.csv", "[]"), hold(4, FAR), true).await.unwrap();
    assert_eq!((is_new, again.id), (true, ImportId(3)));
    end(rig, ImportId(3), 4, State::Done).await.unwrap();
    assert!(begin(rig, plan("shop.csv", "[]"), hold(2, FAR), false).await.unwrap().0);
    let states: Vec<State> = kept(rig).await.iter().map(|import| import.state).collect();
    assert_eq!(states, [State::Running, State::Done, State::Cancelled, State::Cancelled]);
}

pub(crate) async fn who_lost_an_import_writes_nothing_down(rig: &Rig) {
    begin(rig, plan("shop.csv", "{}"), hold(1, FAR), false).await.unwrap();
    let not_holder = ImportRefusal::NotHolder(FIRST);
    assert_eq!(step(rig, hold(2, FAR), 9).await.unwrap_err(), not_holder);
    assert_eq!(end(rig, FIRST, 2, State::Done).await.unwrap_err(), not_holder);
    assert_eq!(kept(rig).await[0].progress, Progress::default());
    end(rig, FIRST, 1, State::Done).await.unwrap();
    assert_eq!(step(rig, hold(1, FAR), 10).await.unwrap_err(), not_holder);
    let missing = ImportChange::Cancel(ImportId(9));
    let missing = changed(rig, TENANT, missing).await.unwrap_err();
    assert_eq!(missing, ImportRefusal::Missing(ImportId(9)));
    let mut dry = rig.request(TENANT, Command::Import(ImportChange::Forget(FIRST)));
    dry.dry_run = true;
    rig.batch(vec![dry]).await;
    assert_eq!(kept(rig).await.len(), 1);
}

pub(crate) async fn an_unwanted_import_ends(rig: &Rig) {
    begin(rig, plan("shop.csv", "{}"), hold(1, FAR), false).await.unwrap();
    let cancel = || ImportChange::Cancel(FIRST);
    let (_, unwanted) = changed(rig, TENANT, cancel()).await.unwrap();
    assert_eq!((unwanted.state, unwanted.is_unwanted), (State::Running, true));
    // Who is at work on it hears of that with its next step.
    assert!(step(rig, hold(1, FAR), 500).await.unwrap().is_unwanted);
    end(rig, FIRST, 1, State::Cancelled).await.unwrap();
    let ended = ImportRefusal::Ended(FIRST);
    assert_eq!(changed(rig, TENANT, cancel()).await.unwrap_err(), ended);
    let take = ImportChange::Take { id: FIRST, hold: hold(1, FAR) };
    assert_eq!(changed(rig, TENANT, take).await.unwrap_err(), ended);
    // Nobody is at work on an interrupted one.
    let (_, second) = begin(rig, plan("shop.csv", "{}"), hold(1, FAR), false).await.unwrap();
    end(rig, second.id, 1, State::Interrupted).await.unwrap();
    let cancelled = changed(rig, TENANT, ImportChange::Cancel(second.id)).await.unwrap().1;
    assert_eq!(cancelled.state, State::Cancelled);
}

pub(crate) async fn a_forgotten_import_leaves_nothing_and_its_id_is_not_given_out_again(rig: &Rig) {
    begin(rig, plan("shop.csv", "{}"), hold(1, FAR), false).await.unwrap();
    let forget = || Command::Import(ImportChange::Forget(FIRST));
    let running = ImportRefusal::Running { id: FIRST, until: FAR };
    assert_eq!(rig.run(TENANT, forget()).await, Outcome::Refused(Refusal::Import(running)));
    end(rig, FIRST, 1, State::Done).await.unwrap();
    let forgotten = Outcome::Import(ImportOutcome::Forgotten(FIRST));
    assert_eq!(rig.run(TENANT, forget()).await, forgotten);
    assert_eq!(kept(rig).await, []);
    let (_, next) = begin(rig, plan("shop.csv", "{}"), hold(1, FAR), false).await.unwrap();
    assert_eq!(next.id, ImportId(2));
}

pub(crate) async fn so_many_imports_are_remembered(rig: &Rig) {
    begin(rig, plan("first.csv", "{}"), hold(1, FAR), false).await.unwrap();
    let begun = (0..=IMPORTS_MAX).map(|number| {
        let plan = plan(&format!("{number}.csv"), "{}");
        let change = ImportChange::Begin { plan, hold: hold(1, 0), again: false };
        rig.request(TENANT, Command::Import(change))
    });
    rig.batch(begun.collect()).await;
    let all = rig.store.imports(TENANT, None, 2 * IMPORTS_MAX).await.unwrap();
    assert_eq!(all.len(), IMPORTS_MAX);
    // Somebody is at work on the first one; the oldest of the others are gone.
    let ids: Vec<i64> = all.iter().rev().map(|import| import.id.0).take(2).collect();
    assert_eq!(ids, [1, 4]);
}

pub(crate) async fn an_import_that_waits_for_its_turn_is_not_forgotten(rig: &Rig) {
    let begun = async |count: usize, name: &str, spool: Option<&str>| {
        let begun = (0..count).map(|number| {
            let plan = plan(&format!("{name} {number}"), "{}");
            let plan = Plan { spool: spool.map(Into::into), ..plan };
            let change = ImportChange::Begin { plan, hold: hold(1, 0), again: false };
            rig.request(TENANT, Command::Import(change))
        });
        rig.batch(begun.collect()).await
    };
    begun(1, "first", Some("ab")).await;
    begun(IMPORTS_MAX, "other", None).await;
    let all = rig.store.imports(TENANT, None, 2 * IMPORTS_MAX).await.unwrap();
    assert_eq!((all.len(), all.last().unwrap().id), (IMPORTS_MAX, FIRST));
    // Each takes the place of one that does not wait, until all do.
    let outcomes = begun(IMPORTS_MAX, "waiting", Some("ab")).await;
    let refused = Outcome::Refused(Refusal::Import(ImportRefusal::TooMany));
    assert_eq!(outcomes.iter().filter(|it| **it == refused).count(), 1);
    let all = rig.store.imports(TENANT, None, 2 * IMPORTS_MAX).await.unwrap();
    assert_eq!((all.len(), all.last().unwrap().id), (IMPORTS_MAX, FIRST));
}

pub(crate) async fn a_tenant_sees_no_imports_of_another(rig: &Rig) {
    let second = rig.tenant("second", Preset::Compat).await;
    begin(rig, plan("shop.csv", "{}"), hold(1, FAR), false).await.unwrap();
    assert_eq!(rig.store.imports(second, None, 9).await.unwrap(), []);
    for change in [
        ImportChange::Take { id: FIRST, hold: hold(2, FAR) },
        ImportChange::Cancel(FIRST),
        ImportChange::Forget(FIRST),
    ] {
        let refused = changed(rig, second, change).await.unwrap_err();
        assert_eq!(refused, ImportRefusal::Missing(FIRST));
    }
    let begin =
        ImportChange::Begin { plan: plan("shop.csv", "{}"), hold: hold(2, FAR), again: false };
    let (is_new, theirs) = changed(rig, second, begin).await.unwrap();
    assert_eq!((is_new, theirs.id), (true, FIRST));
    assert_eq!(kept(rig).await.len(), 1);
}
