//! An explanation as `/api` answers it.

use super::sides::Side;
use crate::api::cannot_links::list::LinkBody;
use crate::api::conflicts::list::ConflictBody;
use crate::api::customers::body::Shown;
use crate::api::merges::list::{GuardBody, MergeBody};
use crate::api::past::names::{MatchedBy, Names};
use crate::api::past::provenance::shown;
use crate::api::shapes::{NumberedBody, WrittenBody};
use crate::wire::time;
use kehub_core::explain::{Apart, Evidence, Node, Step, apart, path};
use kehub_core::facts::TenantFacts;
use kehub_core::{CustomerId, Micros};
use kehub_store::SidedConflict;
use serde::Serialize;

/// What an explanation is made of.
#[derive(Debug)]
pub(crate) struct Explained<'a> {
    pub(crate) from: &'a Side,
    pub(crate) to: &'a Side,
    /// The customers that the two belong to.
    pub(crate) owners: (Option<CustomerId>, Option<CustomerId>),
    pub(crate) as_of: Option<Micros>,
    pub(crate) then: &'a TenantFacts,
    pub(crate) names: &'a Names<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExplanationBody<'a> {
    same: bool,
    as_of: Option<String>,
    from: SideBody<'a>,
    to: SideBody<'a>,
    /// `None` unless they are the same.
    path: Option<Vec<StepBody<'a>>>,
    /// `None` if they are the same, or nobody owns one of them.
    why_not: Option<WhyNot<'a>>,
}

/// A side, and the customer that it belongs to.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SideBody<'a> {
    customer_id: Option<CustomerId>,
    identity: Option<NumberedBody<'a>>,
}

impl<'a> Explained<'a> {
    pub(crate) fn body(&self) -> ExplanationBody<'a> {
        let (one, other) = self.owners;
        let customers = one.zip(other);
        let same = customers.is_some_and(|(one, other)| one == other);
        let side = |side: &Side, customer_id| SideBody {
            customer_id,
            identity: match side {
                Side::Identity(found) => Some(self.names.identity(found.identity.number)),
                Side::Customer(_) => None,
            },
        };
        ExplanationBody {
            same,
            as_of: self.as_of.and_then(time::precise),
            from: side(self.from, one),
            to: side(self.to, other),
            path: same.then(|| self.steps()),
            why_not: customers.filter(|_| !same).and_then(|customers| self.why_not(customers)),
        }
    }

    fn steps(&self) -> Vec<StepBody<'a>> {
        let steps = path(self.from.node(), self.to.node(), self.then).unwrap_or_default();
        steps.iter().map(|step| StepBody::of(step, self.then, self.names)).collect()
    }

    fn why_not(&self, (one, other): (CustomerId, CustomerId)) -> Option<WhyNot<'a>> {
        let (one, other) = (self.then.customer(one)?, self.then.customer(other)?);
        let Apart { guards, differing, links, conflicts, requests, fields } =
            apart(one, other, self.then);
        let names = self.names;
        let (known, access) = (&names.known, names.access);
        let answers = |home| self.then.survivor(home).map(|customer| customer.id);
        let sided = conflicts.into_iter().map(|conflict| SidedConflict {
            left: answers(conflict.left),
            right: conflict.right.and_then(answers),
            owner: self.then.owner(conflict.identity),
            conflict,
        });
        let sided: Vec<SidedConflict> = sided.collect();
        Some(WhyNot {
            guards: guards.into_iter().map(GuardBody::of).collect(),
            differing: differing
                .iter()
                .map(|(ours, theirs)| Differing {
                    from: names.identity(*ours),
                    to: names.identity(*theirs),
                })
                .collect(),
            cannot_links: links.iter().map(|it| LinkBody::of(it, known, access)).collect(),
            conflicts: sided.iter().map(|it| ConflictBody::of(it, known, access)).collect(),
            requests: requests
                .iter()
                .map(|(seq, numbers)| RequestBody {
                    written: names.written(*seq),
                    identities: names.identities(numbers),
                })
                .collect(),
            shared_fields: fields
                .iter()
                .map(|key| SharedField {
                    field: key.to_string(),
                    value: shown(key, one.fold.value(key)),
                })
                .collect(),
        })
    }
}

/// One step of a path.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StepBody<'a> {
    from: NodeBody<'a>,
    to: NodeBody<'a>,
    by: &'static str,
    #[serde(flatten)]
    written: WrittenBody<'a>,
    /// For a request: by what it found its customer.
    matched_by: Option<MatchedBy<'a>>,
    /// For a merge.
    merge: Option<MergeBody<'a>>,
    /// For a settlement.
    conflict_id: Option<i64>,
}

/// An identity, or the home as which something entered the hub.
#[derive(Serialize)]
#[serde(untagged)]
enum NodeBody<'a> {
    Identity {
        identity: NumberedBody<'a>,
    },
    #[serde(rename_all = "camelCase")]
    Home {
        home_id: CustomerId,
    },
}

impl<'a> NodeBody<'a> {
    fn of(node: Node, names: &'a Names<'a>) -> NodeBody<'a> {
        match node {
            Node::Identity(number) => NodeBody::Identity { identity: names.identity(number) },
            Node::Home(home_id) => NodeBody::Home { home_id },
        }
    }
}

impl<'a> StepBody<'a> {
    fn of(step: &Step, then: &TenantFacts, names: &'a Names<'a>) -> StepBody<'a> {
        let (by, matched_by, merge, conflict) = match step.evidence {
            Evidence::Claim(route) => ("request", names.matched_by(route), None, None),
            Evidence::Merge(id) => ("merge", None, then.merge(id), None),
            Evidence::Extracted => ("extraction", None, None, None),
            Evidence::Moved(id) => ("settlement", None, None, Some(id.0)),
        };
        StepBody {
            from: NodeBody::of(step.from, names),
            to: NodeBody::of(step.to, names),
            by,
            written: names.written(step.seq),
            matched_by,
            merge: merge.map(|merge| MergeBody::of(merge, &names.known, names.access)),
            conflict_id: conflict,
        }
    }
}

/// What two customers share, and what stands between them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WhyNot<'a> {
    guards: Vec<GuardBody>,
    differing: Vec<Differing<'a>>,
    cannot_links: Vec<LinkBody<'a>>,
    conflicts: Vec<ConflictBody<'a>>,
    requests: Vec<RequestBody<'a>>,
    shared_fields: Vec<SharedField<'a>>,
}

/// Different values of one distinguishing type.
#[derive(Serialize)]
struct Differing<'a> {
    from: NumberedBody<'a>,
    to: NumberedBody<'a>,
}

/// A request that named identities of both.
#[derive(Serialize)]
struct RequestBody<'a> {
    #[serde(flatten)]
    written: WrittenBody<'a>,
    identities: Vec<NumberedBody<'a>>,
}

#[derive(Serialize)]
struct SharedField<'a> {
    field: String,
    value: Shown<'a>,
}
