//! How a customer was found: the member `_resolution` of an answer that asked for it.

use kehub_core::command::IdentitySent;
use kehub_core::conflict::ConflictKind;
use kehub_core::journal::Route;
use kehub_core::outcome::{ConflictView, IdentityOutcome, Resolution, Warning};
use serde::Serialize;

/// The member `_resolution`.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum ResolutionBody {
    /// All that is known.
    Whole(WholeBody),
    /// For a caller that may not read customers: its own spelling, and no owners (W38).
    Own {
        /// One per identity sent.
        identities: Vec<IdentityOutcomeBody>,
    },
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WholeBody {
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    matched_by: Option<MatchedBy>,
    identities: Vec<IdentityOutcomeBody>,
    merged_ids: Vec<i64>,
    conflicts: Vec<ConflictBody>,
    warnings: Vec<WarningBody>,
    /// `null` where the request left no entry in the journal.
    seq: Option<i64>,
}

/// By what a customer was found; absent if it was created.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
enum MatchedBy {
    #[serde(rename_all = "camelCase")]
    Identity {
        identity_type: Box<str>,
        identity_value: Box<str>,
    },
    Attribute {
        attribute: &'static str,
    },
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IdentityOutcomeBody {
    identity_type: Box<str>,
    identity_value: Box<str>,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_id: Option<i64>,
}

/// A conflict or review entry that a request ran into.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConflictBody {
    /// `null` where it was not stored.
    id: Option<i64>,
    kind: &'static str,
    rule: &'static str,
    /// The place in the request of the identity it is about.
    identity: usize,
    /// The other customer; `null` if nobody owns the identity.
    customer_id: Option<i64>,
    new: bool,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WarningBody {
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity_type: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

impl ResolutionBody {
    /// All that is known.
    pub(crate) fn whole(resolution: &Resolution) -> ResolutionBody {
        ResolutionBody::Whole(WholeBody {
            result: resolution.result.name(),
            matched_by: MatchedBy::of(resolution),
            identities: resolution.identities.iter().map(IdentityOutcomeBody::of).collect(),
            merged_ids: resolution.merged.iter().map(|id| id.0).collect(),
            conflicts: resolution.conflicts.iter().map(ConflictBody::of).collect(),
            warnings: resolution.warnings.iter().map(WarningBody::of).collect(),
            seq: resolution.seq.map(|seq| seq.0),
        })
    }

    /// What came of the identities that were sent, in the sender's own words.
    pub(crate) fn own(resolution: &Resolution, sent: &[IdentitySent]) -> ResolutionBody {
        let outcomes = resolution.identities.iter().zip(sent);
        let own = |(outcome, sent): (&IdentityOutcome, &IdentitySent)| IdentityOutcomeBody {
            identity_type: sent.kind.as_str().into(),
            identity_value: sent.value.as_str().into(),
            outcome: outcome.verdict.name(),
            customer_id: None,
        };
        ResolutionBody::Own { identities: outcomes.map(own).collect() }
    }
}

impl MatchedBy {
    fn of(resolution: &Resolution) -> Option<MatchedBy> {
        match resolution.route {
            Route::Created => None,
            Route::Id => Some(MatchedBy::Attribute { attribute: "id" }),
            Route::Mobile => Some(MatchedBy::Attribute { attribute: "mobile" }),
            Route::Email => Some(MatchedBy::Attribute { attribute: "email" }),
            Route::Identity(number) => {
                let mut outcomes = resolution.identities.iter();
                let found = outcomes.find(|outcome| outcome.number == Some(number))?;
                let (identity_type, identity_value) = (found.kind.clone(), found.value.clone());
                Some(MatchedBy::Identity { identity_type, identity_value })
            }
        }
    }
}

impl IdentityOutcomeBody {
    fn of(outcome: &IdentityOutcome) -> IdentityOutcomeBody {
        IdentityOutcomeBody {
            identity_type: outcome.kind.clone(),
            identity_value: outcome.value.clone(),
            outcome: outcome.verdict.name(),
            customer_id: outcome.owner.map(|owner| owner.0),
        }
    }
}

impl ConflictBody {
    /// A conflict as it is answered.
    pub(crate) fn of(view: &ConflictView) -> ConflictBody {
        ConflictBody {
            id: view.id.map(|id| id.0),
            kind: match view.kind {
                ConflictKind::Refused => "refused",
                ConflictKind::Review => "review",
            },
            rule: view.rule.name(),
            identity: view.identity,
            customer_id: view.with.map(|with| with.0),
            new: view.new,
        }
    }
}

impl WarningBody {
    fn of(warning: &Warning) -> WarningBody {
        let (identity, identity_type, field) = match warning {
            Warning::IdentityBlocked(place)
            | Warning::IdentityQuarantined(place)
            | Warning::IdentityOverLimit(place)
            | Warning::IdentityInvalid(place) => (Some(*place), None, None),
            Warning::MergedOverLimit(kind) => (None, Some(kind.clone()), None),
            Warning::FieldBlocked(key) | Warning::FlagWithoutValue(key) => {
                (None, None, Some(key.to_string()))
            }
            Warning::NothingWritten => (None, None, None),
        };
        WarningBody { code: warning.code(), identity, identity_type, field }
    }
}
