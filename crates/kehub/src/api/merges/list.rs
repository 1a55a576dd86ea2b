//! `GET /api/merges` and `GET /api/merges/{id}`.

use crate::api::Call;
use crate::api::problem::{Code, Problem};
use crate::api::shapes::{Named, NumberedBody, Page, WrittenBody};
use crate::server::access::Access;
use crate::server::problem::json;
use axum::http::StatusCode;
use axum::response::Response;
use kehub_core::MergeId;
use kehub_core::directory::Permission;
use kehub_core::merge::{Guard, Merge, Verdict};
use serde::Serialize;

/// List merges
///
/// By id, undone ones included.
#[utoipa::path(get, path = "/api/merges", tag = "API merges")]
pub(crate) async fn api_merge_list(call: Call) -> Result<Response, Problem> {
    call.require(Permission::CustomersRead)?;
    let mut parameters = call.parameters();
    let limit = parameters.limit();
    let after = parameters.parsed("cursor", "the `nextCursor` of an earlier answer", |text| {
        text.parse().ok().filter(|id| *id > 0).map(MergeId)
    });
    parameters.end()?;
    let found = call.store().merges(call.tenant(), after.unwrap_or(MergeId(0)), limit + 1).await?;
    let named = named(&call, &found).await?;
    let access = call.hub().access();
    let page =
        Page::of(found, limit, |it| it.id.to_string(), |it| MergeBody::of(it, &named, &access));
    Ok(json(StatusCode::OK, &page))
}

/// Get a merge
///
/// With the homes that it joined, the identities that bridged them, and what each guard said.
#[utoipa::path(get, path = "/api/merges/{id}", tag = "API merges")]
pub(crate) async fn api_merge_get(call: Call) -> Result<Response, Problem> {
    call.require(Permission::CustomersRead)?;
    call.parameters().end()?;
    let id = merge_id(&call)?;
    let found = call.store().merge(call.tenant(), id).await?;
    let found = found.ok_or_else(|| missing(id))?;
    let named = named(&call, std::slice::from_ref(&found)).await?;
    let access = call.hub().access();
    Ok(json(StatusCode::OK, &MergeBody::of(&found, &named, &access)))
}

/// The merge that the path names.
pub(crate) fn merge_id(call: &Call) -> Result<MergeId, Problem> {
    call.number(1, Code::MergeNotFound).map(MergeId)
}

fn missing(id: MergeId) -> Problem {
    kehub_core::outcome::Refusal::MergeMissing(id).into()
}

async fn named(call: &Call, merges: &[Merge]) -> Result<Named, Problem> {
    let identities = merges.iter().flat_map(|merge| merge.bridge.clone()).collect();
    let entries = merges.iter().flat_map(|merge| [Some(merge.seq), merge.undone]);
    let entries = entries.flatten().collect();
    Named::fetch(call.store(), call.tenant(), identities, entries).await
}

/// A merge.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MergeBody<'a> {
    id: i64,
    /// The ids under which the two sides entered the hub.
    homes: [i64; 2],
    bridge: Vec<NumberedBody<'a>>,
    guards: Vec<GuardBody>,
    made: WrittenBody<'a>,
    undone: Option<WrittenBody<'a>>,
}

/// What a guard said.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct GuardBody {
    guard: &'static str,
    verdict: &'static str,
}

impl GuardBody {
    pub(crate) fn of((guard, verdict): (Guard, Verdict)) -> GuardBody {
        GuardBody { guard: guard.name(), verdict: verdict.name() }
    }
}

impl<'a> MergeBody<'a> {
    pub(crate) fn of(merge: &Merge, named: &'a Named, access: &'a Access) -> MergeBody<'a> {
        MergeBody {
            id: merge.id.0,
            homes: [merge.left.0, merge.right.0],
            bridge: named.identities(&merge.bridge),
            guards: merge.guards.iter().copied().map(GuardBody::of).collect(),
            made: named.written(merge.seq, access),
            undone: merge.undone.map(|seq| named.written(seq, access)),
        }
    }
}
