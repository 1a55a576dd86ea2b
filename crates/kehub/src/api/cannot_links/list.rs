//! `GET /api/cannot-links`.

use crate::api::Call;
use crate::api::problem::Problem;
use crate::api::shapes::{Named, Page, WrittenBody};
use crate::server::access::Access;
use crate::server::problem::json;
use axum::http::StatusCode;
use axum::response::Response;
use kehub_core::directory::Permission;
use kehub_core::merge::CannotLink;
use kehub_core::{CustomerId, Seq};
use serde::Serialize;

/// List cannot-links
///
/// Pairs of homes that somebody said are different people, the smaller id first, in order.
#[utoipa::path(get, path = "/api/cannot-links", tag = "API conflicts")]
pub(crate) async fn api_cannot_link_list(call: Call) -> Result<Response, Problem> {
    call.require(Permission::CustomersRead)?;
    let mut parameters = call.parameters();
    let limit = parameters.limit();
    let after = parameters.parsed("cursor", "the `nextCursor` of an earlier answer", read);
    parameters.end()?;
    let found = call.store().cannot_links(call.tenant(), after, limit + 1).await?;
    let entries = found.iter().map(|(_, seq)| *seq).collect();
    let named = Named::fetch(call.store(), call.tenant(), Vec::new(), entries).await?;
    let access = call.hub().access();
    let page =
        Page::of(found, limit, |(link, _)| text(*link), |it| LinkBody::of(it, &named, &access));
    Ok(json(StatusCode::OK, &page))
}

fn text(link: CannotLink) -> String {
    format!("{}-{}", link.low, link.high)
}

fn read(text: &str) -> Option<CannotLink> {
    let (low, high) = text.split_once('-')?;
    let (low, high) = (CustomerId(low.parse().ok()?), CustomerId(high.parse().ok()?));
    Some(CannotLink { low, high })
}

#[derive(Debug, Serialize)]
pub(crate) struct LinkBody<'a> {
    homes: [i64; 2],
    set: WrittenBody<'a>,
}

impl<'a> LinkBody<'a> {
    pub(crate) fn of(
        (link, seq): &(CannotLink, Seq),
        named: &'a Named,
        access: &'a Access,
    ) -> LinkBody<'a> {
        LinkBody { homes: [link.low.0, link.high.0], set: named.written(*seq, access) }
    }
}
