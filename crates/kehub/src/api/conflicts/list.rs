//! `GET /api/conflicts` and `GET /api/conflicts/{id}`.

use crate::api::Call;
use crate::api::problem::{Code, Problem};
use crate::api::shapes::{Named, NumberedBody, Page, WrittenBody};
use crate::server::access::Access;
use crate::server::problem::json;
use axum::http::StatusCode;
use axum::response::Response;
use kehub_core::conflict::{ConflictKind, Settlement};
use kehub_core::directory::Permission;
use kehub_core::outcome::Refusal;
use kehub_core::{ConflictId, CustomerId};
use kehub_store::{ConflictFilter, SidedConflict};
use serde::Serialize;

/// List conflicts and review entries
///
/// Those that wait for somebody, unless asked otherwise, each with what a reviewer needs: the rule
/// that spoke, the two customers as they answer today, the identities of the request, and a label:
/// `recommended` where nothing but a setting or a limit stood against joining them, `withCare` where
/// the rules saw signs of two people.
#[utoipa::path(get, path = "/api/conflicts", tag = "API conflicts")]
pub(crate) async fn api_conflict_list(call: Call) -> Result<Response, Problem> {
    call.require(Permission::CustomersRead)?;
    let mut parameters = call.parameters();
    let status = parameters.parsed("status", "open, settled or all", |text| match text {
        "open" => Some(Some(false)),
        "settled" => Some(Some(true)),
        "all" => Some(None),
        _ => None,
    });
    let kind = parameters.parsed("kind", "refused or review", |text| match text {
        "refused" => Some(ConflictKind::Refused),
        "review" => Some(ConflictKind::Review),
        _ => None,
    });
    let customer = parameters.parsed("customerId", "a whole number from 1", |text| {
        text.parse().ok().filter(|id| *id > 0).map(CustomerId)
    });
    let limit = parameters.limit();
    let after = parameters.parsed("cursor", "the `nextCursor` of an earlier answer", |text| {
        text.parse().ok().filter(|id| *id > 0).map(ConflictId)
    });
    parameters.end()?;
    let wanted = ConflictFilter { kind, is_settled: status.unwrap_or(Some(false)), customer };
    let after = after.unwrap_or(ConflictId(0));
    let found = call.store().conflicts(call.tenant(), &wanted, after, limit + 1).await?;
    let named = named(&call, &found).await?;
    let access = call.hub().access();
    let page = Page::of(
        found,
        limit,
        |it| it.conflict.id.to_string(),
        |it| ConflictBody::of(it, &named, &access),
    );
    Ok(json(StatusCode::OK, &page))
}

/// Get a conflict or review entry
#[utoipa::path(get, path = "/api/conflicts/{id}", tag = "API conflicts")]
pub(crate) async fn api_conflict_get(call: Call) -> Result<Response, Problem> {
    call.require(Permission::CustomersRead)?;
    call.parameters().end()?;
    let id = conflict_id(&call)?;
    let found = call.store().conflict(call.tenant(), id).await?;
    let found = found.ok_or_else(|| Problem::from(Refusal::ConflictMissing(id)))?;
    let named = named(&call, std::slice::from_ref(&found)).await?;
    let access = call.hub().access();
    Ok(json(StatusCode::OK, &ConflictBody::of(&found, &named, &access)))
}

/// The conflict that the path names.
pub(crate) fn conflict_id(call: &Call) -> Result<ConflictId, Problem> {
    call.number(1, Code::ConflictNotFound).map(ConflictId)
}

/// What conflicts name.
pub(crate) async fn named(call: &Call, found: &[SidedConflict]) -> Result<Named, Problem> {
    let conflicts = found.iter().map(|found| &found.conflict);
    let identities = conflicts
        .clone()
        .flat_map(|conflict| conflict.evidence.iter().copied().chain([conflict.identity]))
        .collect();
    let entries = conflicts.flat_map(|conflict| [Some(conflict.opened), conflict.settled]);
    let entries = entries.flatten().collect();
    Named::fetch(call.store(), call.tenant(), identities, entries).await
}

/// A conflict or review entry, as reviewers see it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConflictBody<'a> {
    id: i64,
    kind: &'static str,
    rule: &'static str,
    label: &'static str,
    identity: NumberedBody<'a>,
    owner_id: Option<i64>,
    evidence: Vec<NumberedBody<'a>>,
    homes: [Option<i64>; 2],
    customer_ids: [Option<i64>; 2],
    opened: WrittenBody<'a>,
    settled: Option<WrittenBody<'a>>,
    settlement: Option<&'static str>,
    merge_id: Option<i64>,
}

impl<'a> ConflictBody<'a> {
    pub(crate) fn of(
        found: &SidedConflict,
        named: &'a Named,
        access: &'a Access,
    ) -> ConflictBody<'a> {
        let conflict = &found.conflict;
        let merge = match conflict.settlement {
            Some(Settlement::Merged(merge)) => Some(merge.0),
            Some(
                Settlement::KeptApart
                | Settlement::IdentityMoved
                | Settlement::Accepted
                | Settlement::Erased,
            )
            | None => None,
        };
        ConflictBody {
            id: conflict.id.0,
            kind: match conflict.kind {
                ConflictKind::Refused => "refused",
                ConflictKind::Review => "review",
            },
            rule: conflict.rule.name(),
            label: conflict.rule.label().name(),
            identity: named.identity(conflict.identity),
            owner_id: found.owner.map(|id| id.0),
            evidence: named.identities(&conflict.evidence),
            homes: [Some(conflict.left.0), conflict.right.map(|home| home.0)],
            customer_ids: [found.left.map(|id| id.0), found.right.map(|id| id.0)],
            opened: named.written(conflict.opened, access),
            settled: conflict.settled.map(|seq| named.written(seq, access)),
            settlement: conflict.settlement.map(Settlement::name),
            merge_id: merge,
        }
    }
}
