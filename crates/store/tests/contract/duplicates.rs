//! Who looks like one person.

use crate::support::{Rig, TENANT, identity, resolution, upsert};
use kehub_core::command::{Command, IdentitySent, SetCannotLink, Upsert};
use kehub_core::duplicates::{Duplicates, Reason};
use kehub_core::outcome::ResultKind;
use kehub_core::policy::Preset;
use kehub_core::{CustomerId, MergeId, TenantId};

async fn found(rig: &Rig, tenant: TenantId) -> Duplicates {
    rig.store.duplicates(tenant).await.unwrap()
}

/// The pairs that are suggested for a reason, in the order of their ids.
async fn pairs(rig: &Rig, reason: Reason) -> Vec<(i64, i64)> {
    let found = found(rig, TENANT).await.suggestions.into_iter();
    let mut pairs: Vec<(i64, i64)> = found
        .filter(|suggestion| suggestion.reasons.contains(&reason))
        .map(|suggestion| (suggestion.low.0, suggestion.high.0))
        .collect();
    pairs.sort_unstable();
    pairs
}

/// Case 27 of the identity page.
pub(crate) async fn a_shop_phone_suggests_each_pair_once(rig: &Rig) {
    for account in ["a1", "a2", "a3"] {
        rig.upsert(&[account], &[("mobile", "+86 139 0000 0001")]).await;
    }
    assert_eq!(pairs(rig, Reason::SameMobile).await, [(1, 2), (1, 3), (2, 3)]);
    assert_eq!(found(rig, TENANT).await.suggestions.len(), 3);
}

/// Case 24 of the identity page, as guarded decides it.
pub(crate) async fn what_guarded_keeps_apart_is_suggested(rig: &Rig) {
    let guarded = rig.tenant("guarded", Preset::Guarded).await;
    let mobile = [("mobile", "13800000001")];
    for openid in ["o1", "o2"] {
        let created = resolution(rig.run(guarded, upsert(&[openid], &mobile)).await);
        assert_eq!(created.result, ResultKind::Created);
    }
    let found = found(rig, guarded).await;
    let [suggestion] = found.suggestions.as_slice() else { panic!("{found:?}") };
    assert_eq!((suggestion.low, suggestion.high), (CustomerId(1), CustomerId(2)));
    assert_eq!(suggestion.reasons, [Reason::SameMobile]);
    assert_eq!(rig.store.duplicates(TENANT).await.unwrap(), Duplicates::default());
}

pub(crate) async fn every_reason_finds_its_pair_and_no_other(rig: &Rig) {
    let people: [&[(&str, &str)]; 10] = [
        &[("name", "Vincent, Ruby"), ("birthday", "1943-08-07"), ("email", "r@x.cn")],
        &[("name", "ruby vincent"), ("birthday", "1943-08-07")],
        &[("name", "ruby vinecnt"), ("birthday", "1943-08-07"), ("postcode", "2216")],
        &[("name", "ruby vincet"), ("birthday", "1987-11-28"), ("postcode", "2216")],
        &[("email", "R@X.CN"), ("postcode", "2216")],
        &[("name", "王小明"), ("birthday", "1990-01-01")],
        &[("name", "王晓明"), ("birthday", "1990-01-01")],
        &[("name", "李雷"), ("birthday", "1990-01-01"), ("postcode", "2216")],
        // Values that never match say nothing.
        &[("name", "韩梅梅"), ("mobile", "00000000000")],
        &[("name", "林涛"), ("mobile", "00000000000")],
    ];
    for (place, fields) in people.iter().enumerate() {
        rig.upsert(&[&format!("a{place}")], fields).await;
    }
    for (reason, expected) in [
        (Reason::SameMobile, vec![]),
        (Reason::SameEmail, vec![(1, 5)]),
        (Reason::SameNameAndBirthday, vec![(1, 2)]),
        (Reason::NearNameAndBirthday, vec![(1, 3), (2, 3), (6, 7)]),
        (Reason::NearNameAndPostcode, vec![(3, 4)]),
        (Reason::NearIdentityAndBirthday, vec![]),
    ] {
        assert_eq!(pairs(rig, reason).await, expected, "{reason:?}");
    }
    // The likeliest first.
    let scores: Vec<u8> = found(rig, TENANT).await.suggestions.iter().map(|it| it.score).collect();
    assert!(scores.is_sorted_by(|one, next| one >= next), "{scores:?}");
}

pub(crate) async fn a_mistyped_identity_is_suggested(rig: &Rig) {
    let person = |number: &str, kind: &str, birthday: &str| {
        let identity = IdentitySent {
            kind: kind.to_owned(),
            value: number.to_owned(),
            ..IdentitySent::default()
        };
        let fields = crate::support::fields(&[("birthday", birthday)]);
        Command::Upsert(Upsert { identities: vec![identity], fields, ..Upsert::default() })
    };
    for (number, kind, birthday) in [
        ("5304218", "soc-sec-id", "1943-08-07"),
        ("5304281", "soc-sec-id", "1943-08-07"),
        ("530421", "soc-sec-id", "1943-08-07"),
        ("5304218", "tax-id", "1943-08-07"),
        ("5304219", "soc-sec-id", "1987-11-28"),
        ("5304210", "cookie", "1943-08-07"),
        ("5304211", "cookie", "1943-08-07"),
        ("10042", "shop-id", "1943-08-07"),
        ("10043", "shop-id", "1943-08-07"),
    ] {
        rig.run(TENANT, person(number, kind, birthday)).await;
    }
    assert_eq!(pairs(rig, Reason::NearIdentityAndBirthday).await, [(1, 2), (1, 3), (2, 3)]);
    assert_eq!(found(rig, TENANT).await.suggestions.len(), 3);
}

pub(crate) async fn merged_and_deleted_customers_are_nobodys_duplicates(rig: &Rig) {
    let mobile = [("mobile", "13900000001")];
    for account in ["a1", "b1", "u1"] {
        rig.upsert(&[account], &[("name", account)]).await;
    }
    // The mobiles come later, so that they do not find each other.
    for account in ["a1", "b1", "u1"] {
        rig.upsert(&[account], &mobile).await;
    }
    assert_eq!(pairs(rig, Reason::SameMobile).await, [(1, 2), (1, 3), (2, 3)]);
    rig.upsert(&["a1", "u1"], &[]).await;
    assert_eq!(pairs(rig, Reason::SameMobile).await, [(1, 2)]);
    rig.run(TENANT, Command::Delete(CustomerId(2))).await;
    assert_eq!(found(rig, TENANT).await, Duplicates::default());
}

pub(crate) async fn a_hotline_is_one_crowd_and_no_pairs(rig: &Rig) {
    let person = |number: usize| {
        let fields = [("mobile", "4008001234"), ("name", "somebody")];
        let identities = vec![identity(&format!("a{number}"))];
        let fields = crate::support::fields(&fields);
        Command::Upsert(Upsert { identities, fields, ..Upsert::default() })
    };
    rig.batch((1..=40).map(|number| rig.request(TENANT, person(number))).collect()).await;
    let found = found(rig, TENANT).await;
    assert_eq!(found.suggestions, []);
    let [crowd] = found.crowds.as_slice() else { panic!("{found:?}") };
    assert_eq!((crowd.reason, crowd.count), (Reason::SameMobile, 40));
    assert_eq!(crowd.customers, (1..=20).map(CustomerId).collect::<Vec<_>>());
    assert!(!found.is_cut);
}

pub(crate) async fn people_declared_to_be_different_are_not_suggested(rig: &Rig) {
    for account in ["a1", "a2", "a3"] {
        rig.upsert(&[account], &[("mobile", "13900000001")]).await;
    }
    let (one, other) = (CustomerId(3), CustomerId(1));
    let set = |apart| Command::SetCannotLink(SetCannotLink { one, other, apart });
    rig.run(TENANT, set(true)).await;
    assert_eq!(pairs(rig, Reason::SameMobile).await, [(1, 2), (2, 3)]);
    rig.run(TENANT, set(false)).await;
    assert_eq!(pairs(rig, Reason::SameMobile).await, [(1, 2), (1, 3), (2, 3)]);
    // Nor whom an undo keeps apart.
    rig.upsert(&["o1"], &[("email", "e@x.cn")]).await;
    rig.upsert(&["u1"], &[("name", "Wang")]).await;
    let merged = rig.upsert(&["o1", "u1"], &[]).await;
    assert_eq!(merged.merged, [CustomerId(5)]);
    rig.run(TENANT, Command::Unmerge(MergeId(1))).await;
    rig.upsert(&["u1"], &[("email", "e@x.cn")]).await;
    assert_eq!(pairs(rig, Reason::SameEmail).await, []);
}
