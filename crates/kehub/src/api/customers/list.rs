//! `GET /api/customers`.

use super::body::{CustomerBody, Fields};
use super::{cursor, filter};
use crate::api::Call;
use crate::api::parameters::Parameters;
use crate::api::problem::Problem;
use crate::server::problem::json;
use crate::wire::json::shortened;
use axum::http::StatusCode;
use axum::response::Response;
use kehub_core::directory::Permission;
use kehub_core::filter::{Order, SortKey};
use kehub_store::{PageRequest, Start};
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ListBody<'a> {
    items: Vec<CustomerBody<'a>>,
    next_cursor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
}

/// List customers
///
/// Every attribute is a filter: `city=Beijing`, `attr.size=38`. Behind a colon stands how it is
/// compared: `stage:not=Lead`, `stage:in=Lead,Member`, `lastUpdated:gte=2026-05-04T00:00:00Z` (also
/// `gt`, `lt`, `lte`), `name:prefix=Wang`, `email:empty=1` (0: not empty). All filters must hold.
/// `not` also finds what is unset, ranges do not. `mobile` and `email` are compared in their
/// canonical form. In a list of values a comma is written `\,`. A custom attribute equals 38 if it
/// is that number or that text; `attr.size="38"` is the text only.
#[utoipa::path(get, path = "/api/customers", tag = "API customers")]
pub(crate) async fn api_customer_list(call: Call) -> Result<Response, Problem> {
    call.require(Permission::CustomersRead)?;
    let mut parameters = call.parameters();
    let page = page(&mut parameters);
    let fields = fields(&mut parameters);
    let filter = filter::read(&mut parameters);
    parameters.end()?;
    // One more than is answered tells whether there is a next page.
    let limit = page.limit;
    let page = PageRequest { limit: limit + 1, ..page };
    let mut found = call.store().customers(call.tenant(), &filter, &page).await?;
    let more = found.customers.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    if more {
        found.customers.pop();
    }
    let last = found.customers.last().filter(|_| more);
    let body = ListBody {
        items: found
            .customers
            .iter()
            .map(|customer| CustomerBody { customer, fields: fields.as_ref() })
            .collect(),
        next_cursor: last.map(|last| cursor::write(&page.order, &page.order.position(last))),
        total: found.total,
    };
    Ok(json(StatusCode::OK, &body))
}

fn page(parameters: &mut Parameters) -> PageRequest {
    let order = parameters.parsed("sort", "a field, with `-` before it for descending", |sort| {
        let (name, descending) = match sort.strip_prefix('-') {
            Some(name) => (name, true),
            None => (sort, false),
        };
        Some(Order { by: SortKey::named(name)?, descending })
    });
    let order = order.unwrap_or_default();
    let expected = "`nextCursor` of an earlier answer with the same `sort`";
    let position = parameters.parsed("cursor", expected, |text| cursor::read(&order, text));
    let start = position.map_or(Start::Offset(0), Start::Behind);
    let limit = u32::try_from(parameters.limit()).unwrap_or(u32::MAX - 1);
    let counted = parameters.flag("total");
    PageRequest { order, start, limit, counted }
}

fn fields(parameters: &mut Parameters) -> Option<Fields> {
    let names = parameters.text("fields")?;
    let mut fields = Fields::default();
    for name in names.split(',').map(str::trim) {
        if !fields.add(name) {
            let expected = "names of fields, `attr.` and a key, `attr` or `rev`, parted by commas";
            parameters.unfit("fields", expected, format!("`{}`", shortened(name)));
            break;
        }
    }
    Some(fields)
}
