//! The file of one person: everything that is held about it, as one document.

use super::names::{MatchedBy, Names, OutcomeBody};
use super::provenance::{FoldBody, ProvenanceBody, flag_of, shown};
use super::state_name;
use crate::api::cannot_links::list::LinkBody;
use crate::api::conflicts::list::ConflictBody;
use crate::api::customers::body::{CustomerBody, Shown};
use crate::api::merges::list::MergeBody;
use crate::api::shapes::{NumberedBody, WrittenBody};
use crate::wire::time;
use kehub_core::customer::Customer;
use kehub_core::facts::TenantFacts;
use kehub_core::history::{Happening, Past, Provenance};
use kehub_core::identity::{Identity, Quarantine};
use kehub_core::journal::{Claim, ClaimedField, Entry, FieldEffect, Record};
use kehub_core::merge::Merge;
use kehub_core::{CustomerId, IdentityNumber, MergeId, Micros, Seq};
use kehub_store::SidedConflict;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What the document is made of.
#[derive(Debug)]
pub(crate) struct File<'a> {
    /// A live or deleted customer.
    pub(crate) customer: &'a Customer,
    pub(crate) past: &'a Past,
    /// Its past as it has come to be.
    pub(crate) now: &'a TenantFacts,
    pub(crate) provenance: &'a [Provenance],
    /// Those that name a home of it.
    pub(crate) conflicts: &'a [SidedConflict],
    pub(crate) names: &'a Names<'a>,
    /// The identities that it holds, see [`held`].
    pub(crate) held: &'a [(IdentityNumber, Option<CustomerId>)],
}

/// The identities that a customer holds, or held when it was deleted, with their homes.
pub(crate) fn held(
    customer: &Customer,
    past: &Past,
    now: &TenantFacts,
) -> Vec<(IdentityNumber, Option<CustomerId>)> {
    let held = now.held_by(customer.id).map(|it| (it.number, it.home));
    let mut held: Vec<(IdentityNumber, Option<CustomerId>)> = held.collect();
    let newest = past.entries.iter().find(|entry| entry.seq == customer.head);
    for record in newest.into_iter().flat_map(|entry| &entry.records) {
        if let Record::Deleted { customer: deleted, identities } = record
            && *deleted == customer.id
        {
            held.extend(identities.iter().map(|(number, home)| (*number, Some(*home))));
        }
    }
    held
}

/// The identities that the requests about a customer carried.
pub(crate) fn sent(customer: &Customer, now: &TenantFacts) -> BTreeSet<IdentityNumber> {
    let homes = now.homes_of(customer.id);
    let claims = now.claims().filter(|(_, _, home)| homes.contains(home));
    claims.flat_map(|(_, claim, _)| &claim.identities).filter_map(|it| it.number).collect()
}

/// The document.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FileBody<'a> {
    exported_at: Option<String>,
    state: &'static str,
    customer: CustomerBody<'a>,
    merged_ids: Vec<CustomerId>,
    provenance: ProvenanceBody<'a>,
    homes: Vec<HomeBody<'a>>,
    identities: Vec<IdentityBody<'a>>,
    claims: Vec<ClaimBody<'a>>,
    merges: Vec<MergeBody<'a>>,
    conflicts: Vec<ConflictBody<'a>>,
    cannot_links: Vec<LinkBody<'a>>,
    undecided_claims: Vec<UndecidedBody>,
    entries: Vec<EntryBody<'a>>,
}

impl<'a> File<'a> {
    /// The document as of a moment.
    pub(crate) fn body(&self, at: Micros) -> FileBody<'a> {
        let (now, names) = (self.now, self.names);
        let (known, access, conflicts) = (&names.known, names.access, self.conflicts.iter());
        let homes: BTreeSet<CustomerId> = now.homes_of(self.customer.id).into_iter().collect();
        let claims: Vec<(&Entry, &Claim, CustomerId)> =
            now.claims().filter(|(_, _, home)| homes.contains(home)).collect();
        let seqs: BTreeSet<Seq> = claims.iter().map(|(entry, _, _)| entry.seq).collect();
        let merges: Vec<&Merge> = now
            .merges()
            .filter(|it| homes.contains(&it.left) || homes.contains(&it.right))
            .collect();
        let links = now.links();
        let links = links.filter(|(it, _)| homes.contains(&it.low) || homes.contains(&it.high));
        let merge_ids: BTreeSet<MergeId> = merges.iter().map(|merge| merge.id).collect();
        // Those of the other side of an undone merge are told by their places only.
        let undecided = now.undecided();
        let undecided =
            undecided.filter(|(merge, claim)| seqs.contains(claim) || merge_ids.contains(merge));
        let others = homes.iter().filter(|home| **home != self.customer.id);
        FileBody {
            exported_at: time::precise(at),
            state: state_name(self.customer.state),
            customer: CustomerBody::whole(self.customer),
            merged_ids: others.copied().collect(),
            provenance: ProvenanceBody { fields: self.provenance, names },
            homes: homes.iter().map(|home| HomeBody::of(*home, now, names)).collect(),
            identities: self
                .held
                .iter()
                .filter_map(|(number, home)| {
                    Some(IdentityBody::of((names.row(*number)?, *home), names))
                })
                .collect(),
            claims: claims.iter().map(|claim| ClaimBody::of(*claim, names)).collect(),
            merges: merges.into_iter().map(|it| MergeBody::of(it, known, access)).collect(),
            conflicts: conflicts.map(|it| ConflictBody::of(it, known, access)).collect(),
            cannot_links: links.map(|it| LinkBody::of(&it, known, access)).collect(),
            undecided_claims: undecided.map(UndecidedBody::of).collect(),
            entries: self.past.entries.iter().filter_map(|it| self.entry(it, &homes)).collect(),
        }
    }

    /// What an entry was for the person.
    fn entry(&self, entry: &'a Entry, homes: &BTreeSet<CustomerId>) -> Option<EntryBody<'a>> {
        let mut touched = entry.touched.iter().filter(|it| homes.contains(&it.customer));
        let happened = Happening::of(entry, touched.next()?);
        Some(EntryBody {
            written: self.names.written(entry.seq),
            actor: entry.actor.as_deref(),
            kinds: happened.iter().map(|happening| happening.name()).collect(),
        })
    }
}

/// What one home shows on its own.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HomeBody<'a> {
    id: i64,
    created_at: Option<String>,
    fields: Option<FoldBody<'a>>,
}

impl<'a> HomeBody<'a> {
    fn of(home: CustomerId, now: &'a TenantFacts, names: &'a Names<'a>) -> HomeBody<'a> {
        let row = now.customer(home);
        HomeBody {
            id: home.0,
            created_at: row.and_then(|row| time::precise(row.created_at)),
            fields: now.fold_of(home).map(|fold| FoldBody { fold, names }),
        }
    }
}

/// All that is kept of an identity.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct IdentityBody<'a> {
    #[serde(flatten)]
    identity: NumberedBody<'a>,
    /// The value in the form in which it is compared.
    canonical: Option<&'a str>,
    scope: Option<&'a str>,
    home_id: Option<CustomerId>,
    quarantined: bool,
    /// With how many different values of other types it was sent, by type.
    seen_with: BTreeMap<&'a str, usize>,
    /// Apps that have sent it.
    apps: Vec<&'a str>,
}

impl<'a> IdentityBody<'a> {
    fn of(
        (identity, home): (&'a Identity, Option<CustomerId>),
        names: &'a Names<'a>,
    ) -> IdentityBody<'a> {
        let known = Some(identity).filter(|identity| !identity.is_erased());
        let mut seen_with = BTreeMap::new();
        for kind in identity.companions.iter().filter_map(|(kind, _)| names.kind(*kind)) {
            *seen_with.entry(kind).or_default() += 1;
        }
        IdentityBody {
            identity: names.identity(identity.number),
            canonical: known.map(|identity| &*identity.key.value),
            scope: known.and_then(|identity| identity.scope.as_deref()),
            home_id: home,
            quarantined: identity.quarantine == Quarantine::Yes,
            seen_with,
            apps: identity.apps.iter().filter_map(|app| names.app(*app)).collect(),
        }
    }
}

/// A request as it arrived.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ClaimBody<'a> {
    #[serde(flatten)]
    written: WrittenBody<'a>,
    observed_at: Option<String>,
    home_id: CustomerId,
    matched_by: Option<MatchedBy<'a>>,
    identities: Vec<OutcomeBody<'a>>,
    fields: Vec<FieldBody<'a>>,
}

impl<'a> ClaimBody<'a> {
    fn of(
        (entry, claim, home): (&'a Entry, &'a Claim, CustomerId),
        names: &'a Names<'a>,
    ) -> ClaimBody<'a> {
        ClaimBody {
            written: names.written(entry.seq),
            observed_at: claim.observed_at.and_then(time::precise),
            home_id: home,
            matched_by: names.matched_by(claim.route),
            identities: names.outcomes(&claim.identities),
            fields: claim.fields.iter().map(FieldBody::of).collect(),
        }
    }
}

/// A field as it was sent; `null` is a clear.
#[derive(Serialize)]
struct FieldBody<'a> {
    field: String,
    value: Shown<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verified: Option<bool>,
    effect: &'static str,
}

impl<'a> FieldBody<'a> {
    fn of(field: &'a ClaimedField) -> FieldBody<'a> {
        FieldBody {
            field: field.key.to_string(),
            value: shown(&field.key, field.value.as_ref()),
            verified: flag_of(&field.key).map(|_| field.verified),
            effect: match field.effect {
                FieldEffect::Written(_) => "written",
                FieldEffect::Repeated => "repeated",
                FieldEffect::Screened => "screened",
            },
        }
    }
}

/// A claim that nobody has decided since a merge was undone.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UndecidedBody {
    merge_id: i64,
    seq: i64,
}

impl UndecidedBody {
    fn of((merge, claim): (MergeId, Seq)) -> UndecidedBody {
        UndecidedBody { merge_id: merge.0, seq: claim.0 }
    }
}

/// Something that happened to the person.
#[derive(Serialize)]
struct EntryBody<'a> {
    #[serde(flatten)]
    written: WrittenBody<'a>,
    /// The person behind the app, where known.
    actor: Option<&'a str>,
    kinds: Vec<&'static str>,
}
