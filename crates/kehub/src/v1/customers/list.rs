//! `GET /v1/customers` and `GET /v1/customers/count`.

use crate::server::Call;
use crate::server::problem::json;
use crate::v1::problem::{Form, Refused};
use crate::v1::wire::answer::List;
use crate::v1::wire::filter::{self, Selection};
use axum::http::StatusCode;
use axum::response::Response;
use kehub_core::directory::Permission;
use kehub_core::filter::Filter;

/// List customers
///
/// Filters combine with AND; one without a value is not given.
#[utoipa::path(get, path = "/v1/customers", tag = "Customers")]
pub(crate) async fn customer_list(call: Call) -> Result<Response, Refused> {
    call.require(Permission::CustomersRead)?;
    let filter = filter_of(&call)?;
    let request = filter::page(call.query());
    let selection = Selection::read(call.query());
    let page = call.hub.store().customers(call.tenant(), &filter, &request).await?;
    let records = page.total.unwrap_or_default();
    let list = List {
        records,
        customers: &page.customers,
        pages: records.div_ceil(u64::from(request.limit)),
        selection: &selection,
    };
    Ok(json(StatusCode::OK, &list))
}

/// Count customers
///
/// The number of matches in digits, and nothing else.
#[utoipa::path(get, path = "/v1/customers/count", tag = "Customers")]
pub(crate) async fn customer_count(call: Call) -> Result<Response, Refused> {
    call.require(Permission::CustomersRead)?;
    let filter = filter_of(&call)?;
    let count = call.hub.store().customer_count(call.tenant(), &filter).await?;
    Ok(json(StatusCode::OK, &count))
}

fn filter_of(call: &Call) -> Result<Filter, Refused> {
    filter::filter(call.query()).map_err(|fields| Refused::fields(Form::Listed, fields))
}
