//! The feed, and how who follows it learns that there is more.

use crate::support::{Rig, TENANT, upsert};
use kehub_core::command::Command;
use kehub_core::feed::{self, Event};
use kehub_core::policy::Preset;
use kehub_core::{CustomerId, IdentityNumber};
use kehub_store::FeedPage;
use std::collections::{BTreeMap, BTreeSet};

/// Customers, and the types and values that they own.
type Owned = BTreeMap<CustomerId, BTreeSet<(String, String)>>;

/// Applies a page to what is known so far.
fn hear(owned: &mut Owned, page: &FeedPage) {
    let text = |number: &IdentityNumber| {
        let known = &page.identities[number];
        (known.kind.to_string(), known.identity.raw.to_string())
    };
    for event in page.entries.iter().flat_map(feed::events) {
        match event {
            Event::Created { customer, .. } => drop(owned.insert(customer, BTreeSet::new())),
            Event::Merged { customer, merged, .. } => {
                let theirs = owned.remove(&merged).unwrap();
                owned.get_mut(&customer).unwrap().extend(theirs);
            }
            Event::IdentityAttached { customer, identity } => {
                assert!(owned.get_mut(&customer).unwrap().insert(text(&identity)));
            }
            Event::IdentityReleased { customer, identity } => {
                assert!(owned.get_mut(&customer).unwrap().remove(&text(&identity)));
            }
            Event::Deleted { customer } => drop(owned.remove(&customer)),
            _ => (),
        }
    }
}

pub(crate) async fn who_follows_the_feed_knows_who_owns_what(rig: &Rig) {
    for identities in [vec!["a1", "m1"], vec!["o1"], vec!["e1"], vec!["a1", "o1"], vec!["m2"]] {
        rig.upsert(&identities, &[("name", "Wang")]).await;
    }
    rig.run(TENANT, Command::Delete(CustomerId(3))).await;
    // Whatever the size of the pages.
    for limit in [1, 2, 100] {
        let (mut owned, mut after) = (Owned::new(), 0);
        loop {
            let page = rig.store.feed(TENANT, after, limit).await.unwrap();
            assert_eq!(page.newest, 6);
            let Some(last) = page.entries.last() else { break };
            assert!(page.entries.len() <= limit);
            assert!(page.entries.iter().map(|entry| entry.position).eq(after + 1..=last.position));
            hear(&mut owned, &page);
            after = last.position;
        }
        let texts = |texts: &[(&str, &str)]| -> BTreeSet<(String, String)> {
            texts.iter().map(|(kind, value)| ((*kind).into(), (*value).into())).collect()
        };
        let first = texts(&[("crm-account", "a1"), ("mobile", "13800000001"), ("wechat", "o1")]);
        let expected =
            [(CustomerId(1), first), (CustomerId(4), texts(&[("mobile", "13800000002")]))];
        assert_eq!(owned, expected.into());
    }
}

/// Somebody who has stopped in the middle of an entry goes on at the same event after an erasure.
pub(crate) async fn an_erasure_leaves_every_place_where_it_was(rig: &Rig) {
    for identities in [vec!["a1", "m1"], vec!["o1", "e1"], vec!["m1", "o1", "d1"], vec!["a1", "b1"]]
    {
        rig.upsert(&identities, &[("name", "Wang"), ("mobile", "13900000001")]).await;
    }
    rig.upsert(&["a2", "m1"], &[("name", "Li")]).await;
    let kinds = async || -> Vec<Vec<feed::Kind>> {
        let page = rig.store.feed(TENANT, 0, 100).await.unwrap();
        let entries = page.entries.iter();
        entries.map(|entry| feed::events(entry).iter().map(Event::kind).collect()).collect()
    };
    let before = kinds().await;
    rig.run(TENANT, Command::Erase(CustomerId(1))).await;
    let mut after = kinds().await;
    assert_eq!(after.pop(), Some(vec![feed::Kind::Erased]));
    assert_eq!(after, before);
}

pub(crate) async fn a_feed_ends_where_nothing_is(rig: &Rig) {
    let nothing = FeedPage::default();
    assert_eq!(rig.store.feed(TENANT, 0, 10).await.unwrap(), nothing);
    let second = rig.tenant("second", Preset::Compat).await;
    rig.upsert(&["a1"], &[]).await;
    assert_eq!(rig.store.feed(second, 0, 10).await.unwrap(), nothing);
    let newest = FeedPage { newest: 1, ..FeedPage::default() };
    for (after, limit) in [(0, 0), (1, 10), (i64::MAX, 10)] {
        assert_eq!(rig.store.feed(TENANT, after, limit).await.unwrap(), newest, "{after}");
    }
    assert_eq!(rig.store.feed(TENANT, i64::MIN, 10).await.unwrap().entries.len(), 1);
}

pub(crate) async fn identities_are_found_by_number(rig: &Rig) {
    rig.upsert(&["a1", "m1"], &[]).await;
    rig.run(TENANT, Command::Delete(CustomerId(1))).await;
    let second = rig.tenant("second", Preset::Compat).await;
    let numbers = [2, 1, 2, 7, 0, -1, i64::MAX, 1 << 40 | 1].map(IdentityNumber);
    let found = rig.store.identities_numbered(TENANT, &numbers).await.unwrap();
    let told: Vec<_> =
        found.iter().map(|it| (it.identity.number.0, &*it.kind, &*it.identity.raw)).collect();
    assert_eq!(told, [(1, "crm-account", "a1"), (2, "mobile", "13800000001")]);
    assert!(found.iter().all(|it| it.identity.home.is_none()));
    assert_eq!(rig.store.identities_numbered(second, &numbers).await.unwrap(), []);
    assert_eq!(rig.store.identities_numbered(TENANT, &[]).await.unwrap(), []);
}

pub(crate) async fn what_is_committed_is_announced(rig: &Rig) {
    let mut committed = rig.store.committed();
    let mut dry = rig.request(TENANT, upsert(&["a1"], &[]));
    dry.dry_run = true;
    rig.batch(vec![dry]).await;
    rig.run(TENANT, Command::Delete(CustomerId(9))).await;
    rig.run(TENANT, Command::Probe).await;
    assert!(!committed.has_changed().unwrap(), "nothing was written into a journal");

    rig.upsert(&["a1"], &[]).await;
    assert!(committed.has_changed().unwrap());
    // Who waits is woken.
    let seen = *committed.borrow_and_update();
    let store = rig.store.clone();
    let waiting = tokio::spawn(async move {
        committed.changed().await.unwrap();
        let number = *committed.borrow();
        (number, store.feed(TENANT, 1, 10).await.unwrap().entries.len())
    });
    rig.upsert(&["a2"], &[]).await;
    let (number, entries) = waiting.await.unwrap();
    assert!(number > seen);
    assert_eq!(entries, 1);
}
