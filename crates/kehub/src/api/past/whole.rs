//! A customer as of a moment, or with where its values are from.

use super::gone_by_then;
use super::names::Names;
use super::provenance::ProvenanceBody;
use crate::api::Call;
use crate::api::customers::body::{CustomerBody, IdentityBody};
use crate::api::problem::Problem;
use crate::server::problem::json;
use crate::wire::time;
use axum::http::StatusCode;
use axum::response::Response;
use kehub_core::history::{Moment, Past};
use kehub_core::identity::Identity;
use kehub_core::{CustomerId, Micros};
use kehub_store::OwnedIdentity;
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LookedBack<'a> {
    #[serde(flatten)]
    customer: CustomerBody<'a>,
    merged_ids: Vec<CustomerId>,
    identities: Identities<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    as_of: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provenance: Option<ProvenanceBody<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Identities<'a> {
    Now(Vec<IdentityBody<'a>>),
    Then(Vec<PastIdentity<'a>>),
}

/// An identity and whose it was. Whether it matched then is not told: that is not the history of
/// one customer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PastIdentity<'a> {
    number: i64,
    #[serde(rename = "type")]
    kind: Option<&'a str>,
    value: Option<&'a str>,
    name: Option<&'a str>,
    scope: Option<&'a str>,
    customer_id: i64,
}

impl<'a> PastIdentity<'a> {
    fn of(owner: CustomerId, identity: &'a Identity, names: &'a Names<'a>) -> PastIdentity<'a> {
        let known = Some(identity).filter(|identity| !identity.is_erased());
        PastIdentity {
            number: identity.number.0,
            kind: known.and_then(|identity| names.kind(identity.key.kind)),
            value: known.map(|identity| &*identity.raw),
            name: known.and_then(|identity| identity.name.as_deref()),
            scope: known.and_then(|identity| identity.scope.as_deref()),
            customer_id: owner.0,
        }
    }
}

/// Answers the customer as it stood at a moment, or as it stands.
pub(crate) fn answer(
    id: CustomerId,
    past: &Past,
    as_of: Option<Micros>,
    with_provenance: bool,
    call: &Call,
) -> Result<Response, Problem> {
    let then = past.as_of(as_of.map_or(Moment::Now, Moment::Time));
    let found = then.survivor(id).filter(|_| !past.is_erased(id));
    let customer = found.ok_or_else(|| gone_by_then(id, past, &then))?;
    let access = call.hub().access();
    let names = Names::new(past, &access);
    let held: Vec<OwnedIdentity> = then
        .held_by(customer.id)
        .filter_map(|identity| {
            let (row, kind) = (names.row(identity.number)?, names.kind(identity.key.kind)?);
            Some(OwnedIdentity { owner: customer.id, kind: kind.into(), identity: row.clone() })
        })
        .collect();
    let fields = with_provenance.then(|| past.provenance(customer, &then));
    let homes = then.homes_of(customer.id).into_iter();
    let body = LookedBack {
        customer: CustomerBody::whole(customer),
        merged_ids: homes.filter(|home| *home != customer.id).collect(),
        identities: if as_of.is_some() {
            let past = held.iter().map(|it| PastIdentity::of(it.owner, &it.identity, &names));
            Identities::Then(past.collect())
        } else {
            Identities::Now(held.iter().map(IdentityBody::of).collect())
        },
        as_of: as_of.and_then(time::precise),
        provenance: fields.as_deref().map(|fields| ProvenanceBody { fields, names: &names }),
    };
    Ok(json(StatusCode::OK, &body))
}
