//! `POST /api/imports`.

use super::arrival::{Arrived, arrive};
use super::prepare::{Asked, REMEMBERED_MAX, Ready, begin, shortened, unfit, unlabelled, unmapped};
use super::{dry, list};
use crate::api::Call;
use crate::api::problem::Problem;
use crate::files::mapping::Mapping;
use crate::files::names::Names;
use crate::files::remembered::{Said, UNNAMED};
use crate::files::source::Form;
use crate::imports;
use crate::server::problem::{Problem as Around, json};
use axum::body::{Body, Bytes};
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use kehub_core::directory::Permission;

/// Import a file
///
/// CSV, XLSX or NDJSON, also packed, as it is or as the part `file` of a form: told by its bytes, as
/// `kehub import` does. Each row is an upsert. The answer comes when all of the file has arrived; it is
/// then brought in beside other requests, after the files that came before it. The same file, asked for in
/// the same way, goes on with an import that has not ended. With `dryRun` the answer says what the columns
/// are taken for, and what would come of the rows, each decided as if all before it had been applied; it
/// comes when all are decided, and nothing is kept. A hub makes a few such dry runs and exports at a time, and is
/// `busy` for others; it also is where many files come at once that it has to look at.
#[utoipa::path(post, path = "/api/imports", tag = "API imports")]
pub(crate) async fn api_import_create(call: Call, body: Body) -> Result<Response, Problem> {
    call.require(Permission::CustomersWrite)?;
    let mut parameters = call.parameters();
    let asked = Asked::read(&mut parameters);
    parameters.end()?;
    let spool = call.hub().spool();
    if asked.dry_run {
        // Before the file comes, which may be in vain. Who sends it slowly does not hold a place meanwhile.
        drop(spool.dry_run().await?);
    }
    let Arrived { received, name, mapping: sent } = arrive(&call, body).await?;
    let named = asked.source.or_else(|| name.map(|name| shortened(&name)));
    let source = named.unwrap_or_else(|| UNNAMED.to_owned());
    let mut wishes = asked.wishes;
    for text in [sent.as_deref(), asked.mapping.as_deref().map(str::as_bytes)].into_iter().flatten()
    {
        wishes.choices.add_file(text).map_err(|error| unmapped(&error))?;
    }
    let before = call.store().imports(call.tenant(), None, REMEMBERED_MAX).await?.into();
    let (now, is_new) = (wishes.choices, asked.new_mapping);
    let policy = call.store().policy(call.tenant()).await?.ok_or(Around::TokenInvalid)?;
    let own = Names::of(call.store(), call.tenant(), policy).await?;
    let said = Said { before, source: source.clone(), now, is_new, names: own };
    let file = spool.file(&received.name);
    let look = if asked.dry_run { spool.dry_run().await? } else { spool.look().await? };
    let opened = imports::open(&file, &wishes.read, Some(look), said.clone()).await;
    let opened = opened.map_err(|error| unfit(&error))?;
    let headings = &opened.first.columns;
    wishes.choices = said.choices(headings);
    wishes.read = wishes.read.settled(opened.form, opened.first.above);
    let is_lines = opened.form == Form::Lines;
    let mapping = Mapping::new(headings, wishes.choices.clone(), is_lines);
    let mapping = mapping.map_err(|error| unmapped(&error))?;
    if !mapping.says_something() && !is_lines {
        return Err(unlabelled(headings));
    }
    if asked.dry_run {
        let clean = wishes.clean(source, opened.form);
        return Ok(json(StatusCode::OK, &dry::look(&call, opened, mapping, clean).await?));
    }
    call.stand_for_body(Bytes::copy_from_slice(&received.content.hash));
    let (name, content, again) = (&received.name, received.content, asked.again);
    let ready = Ready { source, name, content, wishes: &wishes, mapping: &mapping, again };
    let import = begin(&call, ready).await?;
    // An answer that is given again is about the file that came before.
    if import.plan.spool.as_deref() == Some(&*received.name) {
        received.keep();
    }
    let mut response = json(StatusCode::ACCEPTED, &list::body(&call, &import));
    let place = HeaderValue::try_from(format!("/api/imports/{}", import.id));
    response.headers_mut().insert(LOCATION, place.map_err(|_| Problem::unexpected())?);
    Ok(response)
}
