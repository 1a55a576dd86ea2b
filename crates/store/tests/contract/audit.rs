//! The audit log, read newest first by what it is filtered by.

use crate::support::{Rig, TENANT};
use kehub_core::command::Command;
use kehub_core::filter::Period;
use kehub_core::people::PeopleChange;
use kehub_core::people::audit::{
    About, AuditEntry, AuditFilter, AuditNumber, AuditPlace, Deed, Details, Note,
};
use kehub_core::policy::Preset;
use kehub_core::{AppNumber, CustomerId, Micros, TenantId, WebhookId};
use std::collections::BTreeSet;

/// All of it, newest first.
pub(crate) async fn whole(rig: &Rig, tenant: TenantId) -> Vec<AuditEntry> {
    rig.store.audit(tenant, &AuditFilter::default(), None, 1_000).await.unwrap()
}

/// Writes down what an app did at a moment.
async fn note(rig: &Rig, tenant: TenantId, at: Micros, app: u32, deed: Deed, about: Option<About>) {
    let note = Note { deed, about, details: Details::new() };
    let mut request = rig.request(tenant, Command::People(PeopleChange::Note(note)));
    (request.origin.at, request.origin.app) = (at, AppNumber(app));
    rig.batch(vec![request]).await;
}

const CUSTOMER: About = About::Customer(CustomerId(7));
const OTHER: About = About::Customer(CustomerId(8));
/// The number of a customer, for something else.
const USER: About = About::User(AppNumber(7));
const WEBHOOK: About = About::Webhook(WebhookId(7));

/// Two people, the command line and everything else, with a clock that goes back.
async fn fill(rig: &Rig) {
    let read = [Deed::CustomersRead, Deed::CustomerRevealed, Deed::CustomersExported];
    for round in 0..4_u32 {
        for (place, deed) in (0..).zip(read) {
            let at = Micros::from(100 - round * 20 + place);
            note(rig, TENANT, at, 1 + round % 2, deed, Some(CUSTOMER)).await;
            note(rig, TENANT, at, 1 + (round + 1) % 2, deed, Some(OTHER)).await;
        }
        let at = Micros::from(50 + round);
        note(rig, TENANT, at, 0, Deed::UserCreated, Some(USER)).await;
        note(rig, TENANT, at, 2, Deed::WebhookChanged, Some(WEBHOOK)).await;
        note(rig, TENANT, at, 1, Deed::CustomersExported, None).await;
    }
}

fn filters() -> Vec<AuditFilter> {
    let period = |from, before| Period { from, before };
    let apps = [None, Some(0), Some(1), Some(2), Some(3)];
    let deeds: [&[Deed]; 4] = [
        &[],
        &[Deed::CustomerRevealed],
        &[Deed::CustomersExported, Deed::UserCreated],
        &[Deed::RoleChanged],
    ];
    let about: [&[About]; 5] = [&[], &[CUSTOMER], &[CUSTOMER, OTHER], &[USER], &[WEBHOOK, USER]];
    let within = [
        Period::default(),
        period(Some(51), None),
        period(None, Some(52)),
        period(Some(41), Some(81)),
        period(Some(60), Some(60)),
    ];
    let mut all = Vec::new();
    for app in apps {
        for deeds in deeds {
            for about in about {
                all.extend(within.map(|within| AuditFilter {
                    app: app.map(AppNumber),
                    deeds: deeds.iter().copied().collect(),
                    about: about.iter().copied().collect(),
                    within,
                }));
            }
        }
    }
    all
}

pub(crate) async fn a_filter_of_the_audit_log_finds_all_that_match_and_nothing_else(rig: &Rig) {
    fill(rig).await;
    let second = rig.tenant("second", Preset::Compat).await;
    note(rig, second, 70, 1, Deed::CustomerRevealed, Some(CUSTOMER)).await;
    let all = whole(rig, TENANT).await;
    assert_eq!(all.len(), 36);
    assert!(all.is_sorted_by(|newer, older| newer.place() > older.place()));
    let numbers: BTreeSet<AuditNumber> = all.iter().map(|entry| entry.number).collect();
    assert_eq!(numbers.len(), 36);

    let mut found_some = 0;
    for filter in filters() {
        let expected: Vec<&AuditEntry> = all.iter().filter(|entry| filter.matches(entry)).collect();
        let found = rig.store.audit(TENANT, &filter, None, 1_000).await.unwrap();
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{filter:?}");
        found_some += usize::from(!found.is_empty());
    }
    assert!(found_some > 100, "{found_some}");
    let of_second = AuditFilter { about: [CUSTOMER].into(), ..AuditFilter::default() };
    let found = rig.store.audit(second, &of_second, None, 9).await.unwrap();
    assert_eq!(found, whole(rig, second).await);
    assert_eq!(found.len(), 1);
}

/// Also where many entries are of one moment.
pub(crate) async fn pages_of_the_audit_log_follow_each_other(rig: &Rig) {
    fill(rig).await;
    for number in 0..7_u32 {
        note(rig, TENANT, 50, 1 + number % 2, Deed::CustomersRead, Some(CUSTOMER)).await;
    }
    for filter in filters() {
        let whole = rig.store.audit(TENANT, &filter, None, 1_000).await.unwrap();
        let (mut told, mut before) = (Vec::new(), None);
        loop {
            let page = rig.store.audit(TENANT, &filter, before, 4).await.unwrap();
            let Some(last) = page.last() else { break };
            before = Some(last.place());
            told.extend(page);
        }
        assert_eq!(told, whole, "{filter:?}");
    }
    // Nobody has to stand at a place.
    let everything = AuditFilter::default();
    for (at, number, count) in [(50, i64::MAX, 16), (50, 0, 6), (i64::MAX, 1, 43), (i64::MIN, 9, 0)]
    {
        let place = AuditPlace { at, number: AuditNumber(number) };
        let found = rig.store.audit(TENANT, &everything, Some(place), 1_000).await.unwrap();
        assert_eq!(found.len(), count, "{place:?}");
        assert!(found.iter().all(|entry| entry.place() < place));
    }
}
