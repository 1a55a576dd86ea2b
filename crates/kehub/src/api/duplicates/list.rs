//! `GET /api/duplicates`.

use super::kept::{Computed, duplicates};
use crate::api::Call;
use crate::api::problem::Problem;
use crate::server::problem::json;
use crate::wire::time;
use axum::http::StatusCode;
use axum::response::Response;
use kehub_core::CustomerId;
use kehub_core::directory::Permission;
use kehub_core::duplicates::{Crowd, Reason, Suggestion};
use serde::Serialize;
use std::cmp::Reverse;

/// List duplicates
///
/// Pairs of customers that look like one person, the likeliest first, each once. They are for
/// people to review: nothing is ever merged for looking alike. Pairs that somebody has declared to
/// be different people are left out. What is shared by many, such as a hotline number, stands under
/// `crowds` instead, on the first page. What was found is kept for five minutes, so that pages are
/// of one moment: `computedAt` tells which, and `refresh=1` looks again.
#[utoipa::path(get, path = "/api/duplicates", tag = "API duplicates")]
pub(crate) async fn api_duplicate_list(call: Call) -> Result<Response, Problem> {
    call.require(Permission::CustomersRead)?;
    let mut parameters = call.parameters();
    let names = || Reason::ALL.iter().map(|reason| reason.name()).collect::<Vec<_>>().join(", ");
    let reason = parameters.parsed("reason", names(), Reason::named);
    let customer = parameters.parsed("customerId", "a whole number from 1", |text| {
        text.parse().ok().filter(|id| *id > 0).map(CustomerId)
    });
    let limit = parameters.limit();
    let after = parameters.parsed("cursor", "the `nextCursor` of an earlier answer", Place::read);
    let refresh = parameters.flag("refresh");
    parameters.end()?;
    // A merged-away id stands for who answers for it.
    let customer = match customer {
        Some(id) => {
            let found = call.store().customer(call.tenant(), id).await?;
            Some(found.ok_or_else(Problem::customer_not_found)?.id)
        }
        None => None,
    };
    let anew = refresh && after.is_none();
    let computed = duplicates(call.hub(), call.tenant(), call.now(), anew).await?;
    let body = Body::of(&computed, &Wanted { reason, customer }, after, limit);
    Ok(json(StatusCode::OK, &body))
}

/// Which duplicates.
struct Wanted {
    reason: Option<Reason>,
    customer: Option<CustomerId>,
}

impl Wanted {
    fn pair(&self, pair: &Suggestion) -> bool {
        self.reason.is_none_or(|reason| pair.reasons.contains(&reason))
            && self.customer.is_none_or(|id| [pair.low, pair.high].contains(&id))
    }

    fn crowd(&self, crowd: &Crowd) -> bool {
        self.reason.is_none_or(|reason| crowd.reason == reason)
            && self.customer.is_none_or(|id| crowd.customers.contains(&id))
    }
}

/// A place in the list: that of a pair, so that it is still one after another look.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place(Reverse<u8>, i64, i64);

impl Place {
    fn of(pair: &Suggestion) -> Place {
        Place(Reverse(pair.score), pair.low.0, pair.high.0)
    }

    fn text(self) -> String {
        format!("{:x}.{:x}.{:x}", self.0.0, self.1, self.2)
    }

    fn read(text: &str) -> Option<Place> {
        let mut words = text.split('.').map(|word| i64::from_str_radix(word, 16).ok());
        let (score, low, high) = (words.next()??, words.next()??, words.next()??);
        let place = Place(Reverse(u8::try_from(score).ok()?), low, high);
        (place.text() == text).then_some(place)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    computed_at: Option<String>,
    items: Vec<PairBody>,
    crowds: Vec<CrowdBody>,
    is_cut: bool,
    next_cursor: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PairBody {
    customer_ids: [i64; 2],
    score: u8,
    reasons: Vec<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CrowdBody {
    reason: &'static str,
    count: usize,
    customer_ids: Vec<i64>,
}

impl Body {
    fn of(computed: &Computed, wanted: &Wanted, after: Option<Place>, limit: usize) -> Body {
        let found = &computed.found;
        let rest = found
            .suggestions
            .iter()
            .filter(|pair| after.is_none_or(|after| Place::of(pair) > after) && wanted.pair(pair));
        let page: Vec<&Suggestion> = rest.take(limit + 1).collect();
        let (items, more) = page.split_at(limit.min(page.len()));
        let last = items.last().filter(|_| !more.is_empty());
        let crowds = found.crowds.iter().filter(|crowd| after.is_none() && wanted.crowd(crowd));
        Body {
            computed_at: time::precise(computed.at),
            items: items.iter().map(|pair| PairBody::of(pair)).collect(),
            crowds: crowds.take(limit).map(CrowdBody::of).collect(),
            is_cut: found.is_cut,
            next_cursor: last.map(|pair| Place::of(pair).text()),
        }
    }
}

impl PairBody {
    fn of(pair: &Suggestion) -> PairBody {
        PairBody {
            customer_ids: [pair.low.0, pair.high.0],
            score: pair.score,
            reasons: pair.reasons.iter().map(|reason| reason.name()).collect(),
        }
    }
}

impl CrowdBody {
    fn of(crowd: &Crowd) -> CrowdBody {
        CrowdBody {
            reason: crowd.reason.name(),
            count: crowd.count,
            customer_ids: crowd.customers.iter().map(|id| id.0).collect(),
        }
    }
}
