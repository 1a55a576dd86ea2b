//! `GET /api/undecided-claims`.

use crate::api::Call;
use crate::api::changes::event::FieldsBody;
use crate::api::problem::Problem;
use crate::api::shapes::{Named, NumberedBody, Page, WrittenBody};
use crate::server::access::Access;
use crate::server::problem::json;
use axum::http::StatusCode;
use axum::response::Response;
use kehub_core::directory::Permission;
use kehub_core::journal::{ClaimedField, Entry};
use kehub_core::merge::Merge;
use kehub_core::{MergeId, Seq};
use serde::Serialize;

/// List undecided claims
///
/// Requests that came in while two customers were merged, and that carried identities of both, or
/// of none. Since the merge was undone they stand where they were written; `decide` says where they
/// belong.
#[utoipa::path(get, path = "/api/undecided-claims", tag = "API merges")]
pub(crate) async fn api_claim_list(call: Call) -> Result<Response, Problem> {
    call.require(Permission::CustomersRead)?;
    let mut parameters = call.parameters();
    let limit = parameters.limit();
    let after = parameters.parsed("cursor", "the `nextCursor` of an earlier answer", read);
    parameters.end()?;
    let after = after.unwrap_or((MergeId(0), Seq(0)));
    let found = call.store().undecided(call.tenant(), after, limit + 1).await?;
    let claims = found.iter().filter_map(|(_, entry)| entry.claim());
    let identities = claims.flat_map(|claim| &claim.identities).filter_map(|it| it.number);
    let entries = found.iter().map(|(_, entry)| entry.seq).collect();
    let named = Named::fetch(call.store(), call.tenant(), identities.collect(), entries).await?;
    let access = call.hub().access();
    let fields: Vec<Vec<&ClaimedField>> = found.iter().map(|(_, entry)| sent(entry)).collect();
    let mut fields = fields.iter();
    let body = |(merge, entry): &(Merge, Entry)| {
        let fields = fields.next().map(|fields| FieldsBody(fields));
        ClaimBody::of(merge, entry, fields, &named, &access)
    };
    let items: Vec<_> = found.iter().take(limit).map(body).collect();
    let more = found.len() > limit;
    let last = found.get(..limit.min(found.len())).and_then(|shown| shown.last());
    let next_cursor =
        last.filter(|_| more).map(|(merge, entry)| format!("{}-{}", merge.id, entry.seq));
    Ok(json(StatusCode::OK, &Page { items, next_cursor }))
}

fn sent(entry: &Entry) -> Vec<&ClaimedField> {
    entry.claim().map(|claim| claim.fields.iter().collect()).unwrap_or_default()
}

fn read(text: &str) -> Option<(MergeId, Seq)> {
    let (merge, claim) = text.split_once('-')?;
    Some((MergeId(merge.parse().ok()?), Seq(claim.parse().ok()?)))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ClaimBody<'a> {
    merge_id: i64,
    claim: i64,
    /// The two ends of the merge that was undone.
    homes: [i64; 2],
    /// The home that the claim was written to.
    home: Option<i64>,
    identities: Vec<CarriedBody<'a>>,
    fields: Option<FieldsBody<'a>>,
    written: WrittenBody<'a>,
}

#[derive(Serialize)]
struct CarriedBody<'a> {
    identity: Option<NumberedBody<'a>>,
    outcome: &'static str,
}

impl<'a> ClaimBody<'a> {
    fn of(
        merge: &Merge,
        entry: &Entry,
        fields: Option<FieldsBody<'a>>,
        named: &'a Named,
        access: &'a Access,
    ) -> ClaimBody<'a> {
        let carried = entry.claim().map(|claim| claim.identities.as_slice()).unwrap_or_default();
        let identities = carried.iter().map(|identity| CarriedBody {
            identity: identity.number.map(|number| named.identity(number)),
            outcome: identity.verdict.name(),
        });
        ClaimBody {
            merge_id: merge.id.0,
            claim: entry.seq.0,
            homes: [merge.left.0, merge.right.0],
            home: entry.claim().map(|claim| claim.home.0),
            identities: identities.collect(),
            fields,
            written: named.written(entry.seq, access),
        }
    }
}
