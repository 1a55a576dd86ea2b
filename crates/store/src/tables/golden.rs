//! The stored formats, byte by byte: a change that reads old files differently fails here.

use super::codec::{self, OwnColumns};
use kehub_core::attribute::{Attribute, FieldKey, Real, Value};
use kehub_core::conflict::{Conflict, ConflictKind, Rule, Settlement};
use kehub_core::customer::{Cell, Fold};
use kehub_core::journal::{
    Claim, ClaimDecided, ClaimedField, ClaimedIdentity, Counted, Entry, Erased, Extracted,
    FieldEffect, PolicyState, Record, Role, Route, Settled, Touched, Unmerged,
};
use kehub_core::merge::{CannotLink, Guard, Merge, Verdict};
use kehub_core::outcome::{ConflictView, IdentityVerdict, ResultKind, Warning};
use kehub_core::policy::{self, Case, OnConflict, OverLimit, Preset, TypeSettings};
use kehub_core::receipt::{Remembered, RememberedPolicy, RememberedResolution};
use kehub_core::{AppNumber, ConflictId, CustomerId, IdentityNumber, MergeId, Seq, TypeNumber};
use litemap::LiteMap;

fn field(name: &str, value: Option<Value>, effect: FieldEffect) -> ClaimedField {
    let custom = name.strip_prefix("attr.").and_then(FieldKey::custom);
    let key = custom.or_else(|| Attribute::named(name).map(FieldKey::Builtin)).unwrap();
    ClaimedField { key, value, verified: name == "mobile", effect }
}

fn claim(one: CustomerId) -> Claim {
    let identity = ClaimedIdentity {
        number: Some(IdentityNumber(1)),
        verdict: IdentityVerdict::Matched,
        named: true,
    };
    Claim {
        route: Route::Identity(IdentityNumber(1)),
        customer: one,
        home: one,
        identities: vec![
            identity,
            ClaimedIdentity { number: None, verdict: IdentityVerdict::Invalid, named: false },
        ],
        fields: vec![
            field("mobile", Some(Value::Text("1".into())), FieldEffect::Written(Some(Seq(3)))),
            field("attr.a", Some(Value::Flag(true)), FieldEffect::Repeated),
            field("name", None, FieldEffect::Written(None)),
        ],
        observed_at: None,
    }
}

/// An entry with every kind of record that there was in the first version.
fn entry() -> Entry {
    let (one, two) = (CustomerId(1), CustomerId(2));
    let merge = Merge {
        id: MergeId(1),
        left: one,
        right: two,
        seq: Seq(7),
        bridge: vec![IdentityNumber(1), IdentityNumber(2)],
        guards: vec![(Guard::Distinguishing, Verdict::Pass), (Guard::ContactOnly, Verdict::Review)],
        undone: None,
    };
    let conflict = Conflict {
        id: ConflictId(4),
        kind: ConflictKind::Review,
        rule: Rule::ContactOnly,
        identity: IdentityNumber(2),
        left: one,
        right: Some(two),
        evidence: vec![IdentityNumber(1)],
        opened: Seq(7),
        settled: None,
        settlement: None,
    };
    let policy = |preset| PolicyState { preset, on_conflict: OnConflict::Keep };
    Entry {
        seq: Seq(7),
        position: 7,
        at: 1_000_000,
        app: AppNumber(3),
        actor: None,
        request: "r1".into(),
        policy: 2,
        canonical: 1,
        touched: vec![Touched {
            customer: one,
            role: Role::Primary,
            previous: Some(Seq(5)),
            rev_before: 2,
            rev_after: 3,
        }],
        records: vec![
            Record::Counted(Counted {
                pairs: vec![(IdentityNumber(2), IdentityNumber(1))],
                quarantined: vec![IdentityNumber(2)],
            }),
            Record::Merged(merge),
            Record::Claim(claim(one)),
            Record::Opened(conflict),
            Record::Deleted { customer: one, identities: vec![(IdentityNumber(1), two)] },
            Record::PolicyChanged {
                before: policy(Preset::Compat),
                after: policy(Preset::Guarded),
            },
        ],
    }
}

/// An entry with every kind of record about what people decide.
fn decisions() -> Entry {
    let (one, two, three) = (CustomerId(1), CustomerId(2), CustomerId(3));
    let link = CannotLink::between(two, one);
    let records = vec![
        Record::Unmerged(Unmerged {
            merge: MergeId(1),
            customers: (one, two),
            identities: vec![IdentityNumber(2)],
            claims: (vec![Seq(3), Seq(5)], vec![Seq(4)]),
            undecided: vec![Seq(5)],
        }),
        Record::Extracted(Extracted {
            from: one,
            to: three,
            identities: vec![(IdentityNumber(1), one)],
            claims: vec![(Seq(3), one)],
        }),
        Record::ClaimDecided(ClaimDecided {
            merge: MergeId(1),
            claim: Seq(5),
            from: one,
            to: two,
            identities: vec![IdentityNumber(4)],
            along: Vec::new(),
        }),
        Record::Restored { customer: one, identities: vec![(IdentityNumber(1), two)] },
        Record::Erased(Erased {
            customers: vec![one, two],
            identities: vec![IdentityNumber(1)],
            claims: vec![Seq(3)],
            conflicts: vec![ConflictId(4)],
            undecided: vec![(MergeId(1), Seq(5))],
        }),
        Record::Settled(Settled {
            conflict: ConflictId(4),
            settlement: Settlement::Merged(MergeId(2)),
            moved: Some((IdentityNumber(1), Some(one), two)),
        }),
        Record::LinkSet(link),
        Record::LinkRemoved(link),
    ];
    Entry { records, ..entry() }
}

fn fold() -> Fold {
    let cell = |value, verified, seq, apps: &[u32]| Cell {
        value,
        verified,
        seq: Seq(seq),
        at: 1_000_000,
        apps: apps.iter().copied().map(AppNumber).collect(),
    };
    let builtin = FieldKey::Builtin;
    Fold(LiteMap::from_iter([
        (builtin(Attribute::Name), cell(None, false, 5, &[1])),
        (builtin(Attribute::Source), cell(Some(Value::Text("店".into())), false, 4, &[1])),
        (builtin(Attribute::Mobile), cell(Some(Value::Text("1".into())), true, 4, &[1, 2])),
        (
            builtin(Attribute::AnnualRevenue),
            cell(Some(Value::Decimal(Real::new(2.0).unwrap())), false, 4, &[1]),
        ),
        (FieldKey::custom("a").unwrap(), cell(Some(Value::Integer(2)), false, 5, &[1])),
    ]))
}

#[test]
fn an_entry_is_stored_like_this() {
    let blob = codec::entry_blob(&entry()).unwrap();
    assert_eq!(hex::encode(&blob), ENTRY);
    for stored in [ENTRY, ENTRY_BEFORE_UNDO] {
        assert_eq!(codec::entry(&hex::decode(stored).unwrap()).unwrap(), entry());
    }
}

#[test]
fn a_decision_is_stored_like_this() {
    let blob = codec::entry_blob(&decisions()).unwrap();
    assert_eq!(hex::encode(&blob), DECISIONS);
    assert_eq!(codec::entry(&hex::decode(DECISIONS).unwrap()).unwrap(), decisions());
}

#[test]
fn a_fold_is_stored_like_this() {
    let columns = codec::fold_columns(&fold()).unwrap();
    assert_eq!(columns.fields.as_deref(), Some(FIELDS));
    assert_eq!(hex::encode(columns.cells.as_deref().unwrap()), CELLS);
    assert_eq!(codec::fold(&OwnColumns::of(&fold()), columns).unwrap(), fold());
}

fn remembered() -> Remembered {
    let one = CustomerId(1);
    let view = |id, kind, rule, with, new| ConflictView { id, kind, rule, identity: 1, with, new };
    Remembered::Resolved(RememberedResolution {
        result: ResultKind::Merged,
        customer: one,
        route: Route::Mobile,
        identities: vec![
            (Some(IdentityNumber(4)), IdentityVerdict::Moved, Some(one)),
            (None, IdentityVerdict::Invalid, None),
        ],
        merged: vec![CustomerId(2)],
        conflicts: vec![view(
            Some(ConflictId(3)),
            ConflictKind::Review,
            Rule::ContactOnly,
            Some(one),
            true,
        )],
        warnings: vec![
            Warning::IdentityInvalid(1),
            Warning::MergedOverLimit("wechat".into()),
            Warning::FieldBlocked(FieldKey::Builtin(Attribute::Mobile)),
            Warning::NothingWritten,
        ],
        seq: Some(Seq(9)),
        tells_before: false,
    })
}

#[test]
fn a_receipt_is_stored_like_this() {
    let cases = [
        (remembered(), RESOLVED),
        (Remembered::Deleted(CustomerId(1)), "0181a744656c6574656401"),
        (
            Remembered::Policy(RememberedPolicy {
                preset: Preset::Guarded,
                on_conflict: OnConflict::Keep,
                version: 3,
                types: vec![(TypeNumber(2), settings())],
            }),
            POLICY,
        ),
        (
            Remembered::Released { identity: IdentityNumber(1), owner: Some(CustomerId(2)) },
            "0181a852656c6561736564920102",
        ),
        (Remembered::App { number: AppNumber(2), created: true }, "0181a34170709202c3"),
    ];
    for (outcome, stored) in cases {
        assert_eq!(hex::encode(codec::remembered_blob(&outcome).unwrap()), stored);
        assert_eq!(codec::remembered(&hex::decode(stored).unwrap()).unwrap(), outcome);
    }
}

/// A policy as it was remembered before types could be set.
#[test]
fn an_older_receipt_is_read() {
    let stored = hex::decode("0181a6506f6c69637992a747756172646564a44b656570").unwrap();
    let policy = RememberedPolicy {
        preset: Preset::Guarded,
        on_conflict: OnConflict::Keep,
        version: 0,
        types: Vec::new(),
    };
    assert_eq!(codec::remembered(&stored).unwrap(), Remembered::Policy(policy));
}

fn settings() -> TypeSettings {
    TypeSettings {
        priority: Some(5),
        limit: Some(2),
        role: Some(policy::Role::Contact),
        case: Some(Case::Insensitive),
        blocked: vec!["house-*".into()],
        quarantine_after: Some(0),
        over_limit: Some(OverLimit::Attach),
    }
}

/// An entry with the records about types and quarantine.
fn entry_of_policy() -> Entry {
    let (kind, before, after) = (TypeNumber(2), TypeSettings::default(), settings());
    let records =
        vec![Record::TypeChanged { kind, before, after }, Record::Released(IdentityNumber(7))];
    Entry { touched: Vec::new(), records, ..entry() }
}

#[test]
fn records_of_policy_are_stored_like_this() {
    let blob = codec::entry_blob(&entry_of_policy()).unwrap();
    assert_eq!(hex::encode(&blob), POLICY_ENTRY);
    assert_eq!(codec::entry(&hex::decode(POLICY_ENTRY).unwrap()).unwrap(), entry_of_policy());
}

#[test]
fn settings_are_stored_like_this() {
    assert_eq!(codec::settings_text(&settings()).unwrap().as_deref(), Some(SETTINGS));
    assert_eq!(codec::settings(Some(SETTINGS)).unwrap(), settings());
    assert_eq!(codec::settings_text(&TypeSettings::default()).unwrap(), None);
    assert_eq!(codec::settings(None).unwrap(), TypeSettings::default());
    let limit = TypeSettings { limit: Some(2), ..TypeSettings::default() };
    assert_eq!(codec::settings_text(&limit).unwrap().as_deref(), Some(r#"{"limit":2}"#));
}

#[test]
fn what_is_cut_or_of_another_format_is_refused() {
    let blob = hex::decode(ENTRY).unwrap();
    for cut in 0..blob.len() {
        assert!(codec::entry(blob.get(..cut).unwrap()).is_err(), "{cut}");
    }
    let mut newer = blob;
    *newer.first_mut().unwrap() += 1;
    assert!(codec::entry(&newer).is_err());
}

const ENTRY: &str = "019a0707ce000f424003c0a272310201919501a75072696d6172790502039681a7436f756e746564\
    9291920201910281a64d657267656497010102079201029292ae44697374696e6775697368696e67\
    a45061737392ab436f6e746163744f6e6c79a6526576696577c081a5436c61696d9681a84964656e\
    74697479010101929301a74d617463686564c393c0a7496e76616c6964c29394a66d6f62696c65a1\
    31c30394a6617474722e61c3c2ff94a46e616d65c0c200c081a64f70656e65649a04a65265766965\
    77ab436f6e746163744f6e6c79020102910107c0c081a744656c6574656492019192010281ad506f\
    6c6963794368616e6765649292a6436f6d706174a44b65657092a747756172646564a44b656570";
/// Before merges could be undone and conflicts settled.
const ENTRY_BEFORE_UNDO: &str = "019a0707ce000f424003c0a272310201919501a75072696d6172790502039681a7436f756e746564\
    9291920201910281a64d657267656496010102079201029292ae44697374696e6775697368696e67\
    a45061737392ab436f6e746163744f6e6c79a652657669657781a5436c61696d9681a84964656e74\
    697479010101929301a74d617463686564c393c0a7496e76616c6964c29394a66d6f62696c65a131\
    c30394a6617474722e61c3c2ff94a46e616d65c0c200c081a64f70656e65649904a6526576696577\
    ab436f6e746163744f6e6c79020102910107c081a744656c6574656492019192010281ad506f6c69\
    63794368616e6765649292a6436f6d706174a44b65657092a747756172646564a44b656570";
const POLICY: &str = "0181a6506f6c69637994a747756172646564a44b65657003919202970502a7436f6e74616374ab49\
    6e73656e73697469766591a7686f7573652d2a00a6417474616368";
const POLICY_ENTRY: &str = "019a0707ce000f424003c0a272310201909281ab547970654368616e676564930297c0c0c0c090c0\
    c0970502a7436f6e74616374ab496e73656e73697469766591a7686f7573652d2a00a64174746163\
    6881a852656c656173656407";
const SETTINGS: &str = r#"{"blocked":["house-*"],"case":"Insensitive","limit":2,"overLimit":"Attach","priority":5,"quarantineAfter":0,"role":"Contact"}"#;
const DECISIONS: &str = "019a0707ce000f424003c0a272310201919501a75072696d6172790502039881a8556e6d65726765\
    6495019201029102929203059104910581a9457874726163746564940103919201019192030181ac\
    436c61696d446563696465649501050102910481a8526573746f72656492019192010281a6457261\
    736564959201029101910391049192010581a7536574746c6564930481a64d657267656402930101\
    0281a74c696e6b53657492010281ab4c696e6b52656d6f766564920102";
const RESOLVED: &str = "0181a85265736f6c76656499a64d657267656401a64d6f62696c65929304a54d6f7665640193c0a7\
    496e76616c6964c09102919603a6526576696577ab436f6e746163744f6e6c790101c39481af4964\
    656e74697479496e76616c69640181af4d65726765644f7665724c696d6974a677656368617481ac\
    4669656c64426c6f636b6564a66d6f62696c65ae4e6f7468696e675772697474656e09c2";
const FIELDS: &str = r#"{"mobile":"1","mobileVerified":true,"annualRevenue":2.0,"attr":{"a":2}}"#;
const CELLS: &str = "0194939305ce000f424091019304ce000f42409201029304ce000f42409101940102020091009193\
    a46e616d6500c2";
