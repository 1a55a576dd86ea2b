//! `GET /api/customers/{id}/history`.

use super::names::{MatchedBy, Names, OutcomeBody};
use super::provenance::{flag_of, shown};
use super::state_name;
use crate::api::Call;
use crate::api::customers::body::Shown;
use crate::api::parameters::Parameters;
use crate::api::problem::Problem;
use crate::api::shapes::{NumberedBody, WrittenBody};
use crate::server::problem::json;
use axum::http::StatusCode;
use axum::response::Response;
use kehub_core::attribute::Value;
use kehub_core::customer::State;
use kehub_core::directory::Permission;
use kehub_core::history::{FieldChange, Happening, Past, Version};
use kehub_core::journal::{Claim, Record};
use kehub_core::{CustomerId, Seq};
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HistoryBody<'a> {
    items: Vec<VersionBody<'a>>,
    next_cursor: Option<String>,
}

/// Get the history of a customer
///
/// What happened to it, newest first: the fields that show something else since, the identities it
/// gained and lost, and for requests how the customer was found and what came of every identity. Also
/// for ids that were merged away or deleted. Of an erased customer nothing is told but the erasure.
/// Texts of identities are those of today, and `null` once they are erased.
#[utoipa::path(get, path = "/api/customers/{id}/history", tag = "API customers")]
pub(crate) async fn api_customer_history(call: Call) -> Result<Response, Problem> {
    call.require(Permission::CustomersRead)?;
    let mut parameters = call.parameters();
    let wanted = Part::read(&mut parameters);
    parameters.end()?;
    let id = call.customer()?;
    let past = call.store().past(call.tenant(), &[id]).await?;
    let versions = if past.is_erased(id) { erasure(id, &past) } else { past.versions(id) };
    if versions.is_empty() {
        return Err(Problem::customer_not_found());
    }
    let (page, next) = wanted.of(&versions);
    let access = call.hub().access();
    let names = Names::new(&past, &access);
    let items = page.into_iter().map(|version| VersionBody::of(version, &names)).collect();
    let body = HistoryBody { items, next_cursor: next.map(|seq| seq.to_string()) };
    Ok(json(StatusCode::OK, &body))
}

/// The one version of an erased customer that is told.
fn erasure(id: CustomerId, past: &Past) -> Vec<Version> {
    let erases = |record: &Record| matches!(record, Record::Erased(erased) if erased.customers.contains(&id));
    let entry = past.entries.iter().find(|entry| entry.records.iter().any(erases));
    let version = entry.map(|entry| Version {
        entry: entry.clone(),
        happened: vec![Happening::Erased],
        customer: id,
        state: State::Erased,
        rev: entry.touched.iter().find(|it| it.customer == id).map_or(0, |it| it.rev_after),
        is_visible: true,
        fields: Vec::new(),
        gained: Vec::new(),
        lost: Vec::new(),
    });
    version.into_iter().collect()
}

/// Which part of a history.
struct Part {
    limit: usize,
    after: Option<Seq>,
    is_oldest_first: bool,
}

impl Part {
    fn read(parameters: &mut Parameters) -> Part {
        let limit = parameters.limit();
        let after = parameters.parsed("cursor", "the `nextCursor` of an earlier answer", |text| {
            text.parse().ok().filter(|seq| *seq > 0).map(Seq)
        });
        let order = parameters.parsed("order", "newest or oldest", |text| match text {
            "newest" => Some(false),
            "oldest" => Some(true),
            _ => None,
        });
        Part { limit, after, is_oldest_first: order.unwrap_or(false) }
    }

    /// The versions of this part, and the last of them if more follow.
    fn of<'v>(&self, versions: &'v [Version]) -> (Vec<&'v Version>, Option<Seq>) {
        let is_behind = |version: &&Version| match self.after {
            None => true,
            Some(after) if self.is_oldest_first => version.entry.seq > after,
            Some(after) => version.entry.seq < after,
        };
        let mut found: Vec<&Version> = versions.iter().filter(is_behind).collect();
        if !self.is_oldest_first {
            found.reverse();
        }
        let more = found.len() > self.limit;
        found.truncate(self.limit);
        let next = found.last().filter(|_| more).map(|version| version.entry.seq);
        (found, next)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VersionBody<'a> {
    #[serde(flatten)]
    written: WrittenBody<'a>,
    kinds: Vec<&'static str>,
    customer_id: i64,
    state: &'static str,
    rev: u64,
    visible: bool,
    fields: Vec<FieldBody<'a>>,
    gained: Vec<NumberedBody<'a>>,
    lost: Vec<NumberedBody<'a>>,
    merge_ids: Vec<i64>,
    conflict_ids: Vec<i64>,
    /// Claims that an extraction or a decision took from one customer to another.
    moved_claims: Vec<i64>,
    claim: Option<ClaimBody<'a>>,
}

#[derive(Serialize)]
struct FieldBody<'a> {
    field: String,
    before: Shown<'a>,
    after: Shown<'a>,
}

/// What a request said, and how it found its customer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ClaimBody<'a> {
    matched_by: Option<MatchedBy<'a>>,
    identities: Vec<OutcomeBody<'a>>,
}

impl<'a> ClaimBody<'a> {
    fn of(claim: &Claim, names: &'a Names<'a>) -> ClaimBody<'a> {
        ClaimBody {
            matched_by: names.matched_by(claim.route),
            identities: names.outcomes(&claim.identities),
        }
    }
}

impl<'a> VersionBody<'a> {
    fn of(version: &'a Version, names: &'a Names<'a>) -> VersionBody<'a> {
        let records = &version.entry.records;
        VersionBody {
            written: names.written(version.entry.seq),
            kinds: version.happened.iter().map(|happening| happening.name()).collect(),
            customer_id: version.customer.0,
            state: state_name(version.state),
            rev: version.rev,
            visible: version.is_visible,
            fields: version.fields.iter().flat_map(FieldBody::of).collect(),
            gained: names.identities(&version.gained),
            lost: names.identities(&version.lost),
            merge_ids: records.iter().filter_map(merge_of).collect(),
            conflict_ids: records.iter().filter_map(conflict_of).collect(),
            moved_claims: records.iter().flat_map(claims_moved).map(|claim| claim.0).collect(),
            claim: version.entry.claim().map(|claim| ClaimBody::of(claim, names)),
        }
    }
}

/// The merge that a record is about.
fn merge_of(record: &Record) -> Option<i64> {
    if let Record::Merged(merge) = record {
        return Some(merge.id.0);
    }
    if let Record::Unmerged(unmerged) = record {
        return Some(unmerged.merge.0);
    }
    if let Record::ClaimDecided(decided) = record { Some(decided.merge.0) } else { None }
}

/// The conflict or review entry that a record is about.
fn conflict_of(record: &Record) -> Option<i64> {
    if let Record::Opened(conflict) = record {
        return Some(conflict.id.0);
    }
    if let Record::Settled(settled) = record { Some(settled.conflict.0) } else { None }
}

/// The claims that a record took from one home to another.
fn claims_moved(record: &Record) -> Vec<Seq> {
    if let Record::Extracted(extracted) = record {
        return extracted.claims.iter().map(|(claim, _)| *claim).collect();
    }
    if let Record::ClaimDecided(decided) = record
        && decided.from != decided.to
    {
        return [decided.claim].into_iter().chain(decided.along.iter().copied()).collect();
    }
    Vec::new()
}

impl<'a> FieldBody<'a> {
    /// What a field shows, and whether it is verified: two fields of a customer.
    fn of(change: &'a FieldChange) -> impl Iterator<Item = FieldBody<'a>> {
        let value = |side: &'a Option<(Value, bool)>| side.as_ref().map(|(value, _)| value);
        let flag = |side: &Option<(Value, bool)>| {
            side.as_ref().map_or(Shown::Null, |(_, flag)| Shown::Flag(*flag))
        };
        let (before, after) = (value(&change.before), value(&change.after));
        let text = (before != after).then(|| FieldBody {
            field: change.key.to_string(),
            before: shown(&change.key, before),
            after: shown(&change.key, after),
        });
        let is_verified = |side: &Option<(Value, bool)>| side.as_ref().map(|(_, flag)| *flag);
        let turned = is_verified(&change.before) != is_verified(&change.after);
        let verified = flag_of(&change.key).filter(|_| turned);
        let verified = verified.map(|attribute| FieldBody {
            field: attribute.name().to_owned(),
            before: flag(&change.before),
            after: flag(&change.after),
        });
        text.into_iter().chain(verified)
    }
}
