//! `GET /api/audit`.

use super::cursor;
use super::filter::filter;
use crate::api::Call;
use crate::api::problem::Problem;
use crate::api::shapes::Page;
use crate::server::access::Access;
use crate::server::problem::json;
use crate::wire::time;
use axum::http::StatusCode;
use axum::response::Response;
use kehub_core::directory::Permission;
use kehub_core::people::audit::{About, AuditEntry, Details};
use serde::Serialize;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct EntryBody {
    id: i64,
    at: Option<String>,
    /// The id of who did it.
    app: Option<String>,
    deed: &'static str,
    about: Option<AboutBody>,
    details: Details,
}

#[derive(Debug, Serialize)]
struct AboutBody {
    kind: &'static str,
    id: i64,
}

impl EntryBody {
    fn of(entry: &AuditEntry, access: &Access) -> EntryBody {
        let about = entry.about.map(About::parts);
        EntryBody {
            id: entry.number.0,
            at: time::precise(entry.at),
            app: entry.app.and_then(|app| access.app_id(app)).map(str::to_owned),
            deed: entry.deed.name(),
            about: about.map(|(kind, id)| AboutBody { kind, id }),
            details: entry.details.clone(),
        }
    }
}

/// Read the audit log
///
/// Newest first: who signed in, who was let in in vain, which users were changed, who saw whose mobile
/// or e-mail in full. It names customers by their ids and holds nothing of them. Filters are all to be
/// met. A customer is found by any id that was merged into it, also once it is deleted or erased, by who may
/// read customers; by others under the id that entries hold.
#[utoipa::path(get, path = "/api/audit", tag = "API users")]
pub(crate) async fn api_audit_list(call: Call) -> Result<Response, Problem> {
    call.require(Permission::UsersAdmin)?;
    let mut parameters = call.parameters();
    let limit = parameters.limit();
    let before = parameters.parsed("cursor", "`nextCursor` of an answer", cursor::read);
    let filter = filter(&call, &mut parameters).await?;
    parameters.end()?;
    let limited = limit.saturating_add(1);
    let entries = call.store().audit(call.tenant(), &filter, before, limited).await?;
    let access = call.hub().access();
    let page = Page::of(
        entries,
        limit,
        |entry| cursor::write(entry.place()),
        |entry| EntryBody::of(entry, &access),
    );
    Ok(json(StatusCode::OK, &page))
}
