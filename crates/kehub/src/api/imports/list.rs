//! `GET /api/imports` and `GET /api/imports/{id}`.

use super::body::{Around, ImportBody};
use crate::api::Call;
use crate::api::problem::{Code, Problem};
use crate::api::shapes::Page;
use crate::server::problem::json;
use axum::http::StatusCode;
use axum::response::Response;
use kehub_core::directory::Permission;
use kehub_core::import::Import;
use kehub_core::{ImportId, TenantId};
use kehub_store::{Store, StoreError};

/// List imports
///
/// Newest first, those of the command line among them. A thousand are remembered.
#[utoipa::path(get, path = "/api/imports", tag = "API imports")]
pub(crate) async fn api_import_list(call: Call) -> Result<Response, Problem> {
    call.require_only(Permission::CustomersRead)?;
    let mut parameters = call.parameters();
    let limit = parameters.limit();
    let before = parameters.parsed("cursor", "`nextCursor` of an answer", |text| {
        text.parse().ok().filter(|id| *id > 0).map(ImportId)
    });
    parameters.end()?;
    let imports = call.store().imports(call.tenant(), before, limit.saturating_add(1)).await?;
    let access = call.hub().access();
    let around = Around::new(call.hub(), &access, call.tenant());
    let page = Page::of(
        imports,
        limit,
        |import| import.id.to_string(),
        |import| ImportBody::of(import, &around),
    );
    Ok(json(StatusCode::OK, &page))
}

/// Get an import
///
/// With how far it has come: all rows up to `counts.rows` are applied or refused.
#[utoipa::path(get, path = "/api/imports/{id}", tag = "API imports")]
pub(crate) async fn api_import_get(call: Call) -> Result<Response, Problem> {
    call.require_only(Permission::CustomersRead)?;
    call.parameters().end()?;
    let import = known(&call).await?;
    Ok(json(StatusCode::OK, &body(&call, &import)))
}

/// An import as the caller is told of it.
pub(super) fn body(call: &Call, import: &Import) -> ImportBody {
    let access = call.hub().access();
    let around = Around::new(call.hub(), &access, call.tenant());
    ImportBody::of(import, &around)
}

/// The import that the path names.
pub(crate) async fn known(call: &Call) -> Result<Import, Problem> {
    let id = call.number(1, Code::ImportNotFound).map(ImportId)?;
    let found = find(call.store(), call.tenant(), id).await?;
    found.ok_or_else(missing)
}

/// An import of a tenant.
pub(super) async fn find(
    store: &dyn Store,
    tenant: TenantId,
    id: ImportId,
) -> Result<Option<Import>, StoreError> {
    let behind = ImportId(id.0.saturating_add(1));
    let found = store.imports(tenant, Some(behind), 1).await?;
    Ok(found.into_iter().next().filter(|import| import.id == id))
}

pub(super) fn missing() -> Problem {
    Problem::new(Code::ImportNotFound, "no import of this id is known")
}
