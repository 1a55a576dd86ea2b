//! What came of an upsert or an attachment: the member `resolution` of its answer.

use super::body::{CustomerBody, OwnBody};
use kehub_core::command::{FieldsSent, IdentitySent};
use kehub_core::conflict::ConflictKind;
use kehub_core::journal::Route;
use kehub_core::outcome::{ConflictView, IdentityOutcome, Resolution, Warning};
use serde::Serialize;

/// The answer to a write that resolved to a customer.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum ResolvedBody<'a> {
    Whole {
        customer: CustomerBody<'a>,
        resolution: ResolutionBody<'a>,
    },
    /// For a caller that may not read customers: its own words (W38).
    Own {
        customer: OwnBody<'a>,
        resolution: OwnResolutionBody<'a>,
    },
}

impl<'a> ResolvedBody<'a> {
    /// All of it.
    pub(crate) fn whole(resolution: &'a Resolution) -> ResolvedBody<'a> {
        let customer = CustomerBody::whole(&resolution.customer);
        ResolvedBody::Whole { customer, resolution: ResolutionBody::of(resolution) }
    }

    /// What a caller that may not read customers gets of it.
    pub(crate) fn own(
        resolution: &Resolution,
        fields: &'a FieldsSent,
        identities: &'a [IdentitySent],
    ) -> ResolvedBody<'a> {
        ResolvedBody::Own {
            customer: OwnBody { id: resolution.customer.id, sent: fields },
            resolution: OwnResolutionBody::of(resolution, identities),
        }
    }
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ResolutionBody<'a> {
    result: &'static str,
    /// `null` if the customer was created.
    matched_by: Option<MatchedBy<'a>>,
    identities: Vec<IdentityOutcomeBody<'a>>,
    merged_ids: Vec<i64>,
    conflicts: Vec<ConflictBody>,
    warnings: Vec<WarningBody<'a>>,
    /// `null` where the request left no entry in the journal.
    seq: Option<i64>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct OwnResolutionBody<'a> {
    identities: Vec<IdentityOutcomeBody<'a>>,
}

/// By what a customer was found.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
enum MatchedBy<'a> {
    Identity {
        #[serde(rename = "type")]
        kind: &'a str,
        value: &'a str,
    },
    Attribute {
        attribute: &'static str,
    },
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct IdentityOutcomeBody<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    value: &'a str,
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
pub(crate) struct WarningBody<'a> {
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<usize>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

impl<'a> OwnResolutionBody<'a> {
    /// What came of the identities that were sent, in the sender's own words.
    pub(crate) fn of(resolution: &Resolution, sent: &'a [IdentitySent]) -> OwnResolutionBody<'a> {
        let outcomes = resolution.identities.iter().zip(sent);
        let own = |(outcome, sent): (&IdentityOutcome, &'a IdentitySent)| IdentityOutcomeBody {
            kind: &sent.kind,
            value: &sent.value,
            outcome: outcome.verdict.name(),
            customer_id: None,
        };
        OwnResolutionBody { identities: outcomes.map(own).collect() }
    }
}

impl<'a> ResolutionBody<'a> {
    /// All that is known.
    pub(crate) fn of(resolution: &'a Resolution) -> ResolutionBody<'a> {
        ResolutionBody {
            result: resolution.result.name(),
            matched_by: MatchedBy::of(resolution),
            identities: resolution.identities.iter().map(IdentityOutcomeBody::of).collect(),
            merged_ids: resolution.merged.iter().map(|id| id.0).collect(),
            conflicts: resolution.conflicts.iter().map(ConflictBody::of).collect(),
            warnings: resolution.warnings.iter().map(WarningBody::of).collect(),
            seq: resolution.seq.map(|seq| seq.0),
        }
    }
}

impl<'a> MatchedBy<'a> {
    fn of(resolution: &'a Resolution) -> Option<MatchedBy<'a>> {
        match resolution.route {
            Route::Created => None,
            Route::Id => Some(MatchedBy::Attribute { attribute: "id" }),
            Route::Mobile => Some(MatchedBy::Attribute { attribute: "mobile" }),
            Route::Email => Some(MatchedBy::Attribute { attribute: "email" }),
            Route::Identity(number) => {
                let mut outcomes = resolution.identities.iter();
                let found = outcomes.find(|outcome| outcome.number == Some(number))?;
                Some(MatchedBy::Identity { kind: &found.kind, value: &found.value })
            }
        }
    }
}

impl<'a> IdentityOutcomeBody<'a> {
    fn of(outcome: &'a IdentityOutcome) -> IdentityOutcomeBody<'a> {
        IdentityOutcomeBody {
            kind: &outcome.kind,
            value: &outcome.value,
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

impl<'a> WarningBody<'a> {
    /// A warning as it is answered.
    pub(crate) fn of(warning: &'a Warning) -> WarningBody<'a> {
        let (identity, kind, field) = match warning {
            Warning::IdentityBlocked(place)
            | Warning::IdentityQuarantined(place)
            | Warning::IdentityOverLimit(place)
            | Warning::IdentityInvalid(place) => (Some(*place), None, None),
            Warning::MergedOverLimit(kind) => (None, Some(&**kind), None),
            Warning::FieldBlocked(key) | Warning::FlagWithoutValue(key) => {
                (None, None, Some(key.to_string()))
            }
            Warning::NothingWritten => (None, None, None),
        };
        WarningBody { code: warning.code(), identity, kind, field }
    }
}
