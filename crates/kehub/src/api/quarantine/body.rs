//! Quarantined and released identities as they are answered.

use kehub_core::CustomerId;
use kehub_core::identity::Identity;
use kehub_core::outcome::Released;
use kehub_store::QuarantinedIdentity;
use serde::Serialize;

/// An identity, whoever owns it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct IdentityBody<'a> {
    number: i64,
    #[serde(rename = "type")]
    kind: &'a str,
    value: &'a str,
    name: Option<&'a str>,
    scope: Option<&'a str>,
    customer_id: Option<i64>,
}

impl<'a> IdentityBody<'a> {
    fn of(kind: &'a str, identity: &'a Identity, owner: Option<CustomerId>) -> IdentityBody<'a> {
        IdentityBody {
            number: identity.number.0,
            kind,
            value: &identity.raw,
            name: identity.name.as_deref(),
            scope: identity.scope.as_deref(),
            customer_id: owner.map(|owner| owner.0),
        }
    }
}

/// An identity that does not match, and what it was seen with.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QuarantinedBody<'a> {
    #[serde(flatten)]
    identity: IdentityBody<'a>,
    seen_with: Vec<SeenWith<'a>>,
}

#[derive(Clone, Debug, Serialize)]
struct SeenWith<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    count: usize,
}

impl<'a> QuarantinedBody<'a> {
    pub(crate) fn of(found: &'a QuarantinedIdentity) -> QuarantinedBody<'a> {
        let counts = found.counts.iter();
        QuarantinedBody {
            identity: IdentityBody::of(&found.kind, &found.identity, found.owner),
            seen_with: counts.map(|(kind, count)| SeenWith { kind, count: *count }).collect(),
        }
    }
}

/// An identity that matches again.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum ReleasedBody<'a> {
    Whole(WholeReleased<'a>),
    /// For a caller that may not read customers: what it said itself.
    Own(OwnReleased),
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct WholeReleased<'a> {
    #[serde(flatten)]
    identity: IdentityBody<'a>,
    quarantined: bool,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct OwnReleased {
    number: i64,
    quarantined: bool,
}

impl<'a> ReleasedBody<'a> {
    pub(crate) fn of(released: &'a Released, reads: bool) -> ReleasedBody<'a> {
        let Released { identity, kind, owner, .. } = released;
        let quarantined = false;
        if !reads {
            return ReleasedBody::Own(OwnReleased { number: identity.number.0, quarantined });
        }
        let identity = IdentityBody::of(kind, identity, *owner);
        ReleasedBody::Whole(WholeReleased { identity, quarantined })
    }
}
