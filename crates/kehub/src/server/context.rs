//! A call that was let in: who asks, when, and what.

use super::access::Caller;
use super::hub::Hub;
use super::layers::Arrival;
use super::problem::Problem;
use crate::wire::query::Query;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use kehub_core::command::{self, Command, Origin};
use kehub_core::directory::Permission;
use kehub_core::outcome::Outcome;
use kehub_core::{CustomerId, Micros, TenantId};
use kehub_store::{Batch, Kept, Lane};
use std::sync::Arc;

/// A call with a live token.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) hub: Hub,
    pub(crate) caller: Arc<Caller>,
    now: Micros,
    request_id: Box<str>,
    uri: Uri,
    headers: HeaderMap,
}

impl FromRequestParts<Hub> for Call {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, hub: &Hub) -> Result<Call, Problem> {
        let arrival = parts.extensions.remove::<Arrival>().ok_or(Problem::Internal)?;
        let caller = arrival.caller.ok_or(Problem::TokenInvalid)?;
        let Arrival { now, request_id, .. } = arrival;
        let (uri, headers) = (parts.uri.clone(), std::mem::take(&mut parts.headers));
        Ok(Call { hub: hub.clone(), caller, now, request_id, uri, headers })
    }
}

impl Call {
    /// Lets the call go on only if its app has the permission (W38).
    pub(crate) fn require(&self, permission: Permission) -> Result<(), Problem> {
        if self.caller.may(permission) { Ok(()) } else { Err(Problem::PermissionMissing) }
    }

    pub(crate) fn tenant(&self) -> TenantId {
        self.caller.tenant.id
    }

    pub(crate) fn query(&self) -> Query<'_> {
        Query::new(self.uri.query())
    }

    pub(crate) fn uri(&self) -> &Uri {
        &self.uri
    }

    pub(crate) fn now(&self) -> Micros {
        self.now
    }

    pub(crate) fn request_id(&self) -> &str {
        &self.request_id
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The customer named by the last part of the path; an id of another form is no customer
    /// (W21).
    pub(crate) fn customer(&self) -> Result<CustomerId, Problem> {
        let last = self.uri.path().rsplit('/').next().unwrap_or_default();
        last.parse().map(CustomerId).map_err(|_| Problem::CustomerMissing)
    }

    /// The whole body.
    pub(crate) async fn read(&self, body: Body) -> Result<Bytes, Problem> {
        read(&self.hub, body).await
    }

    /// Applies a command in the name of the caller.
    pub(crate) async fn apply(&self, command: Command, dry_run: bool) -> Result<Outcome, Problem> {
        self.hub.apply(self.request(command, dry_run)).await
    }

    /// Applies commands in the name of the caller, in order; outcome `i` answers command `i`.
    pub(crate) async fn apply_rows(
        &self,
        commands: Vec<Command>,
        lane: Lane,
        kept: Kept,
    ) -> Result<Vec<Outcome>, Problem> {
        let requests = commands.into_iter().map(|command| self.request(command, false)).collect();
        let batch = Batch::new(requests, lane).ok_or(Problem::Internal)?;
        Ok(self.hub.store().apply(batch.keeping(kept)).await?)
    }

    fn request(&self, command: Command, dry_run: bool) -> command::Request {
        let origin = Origin {
            app: self.caller.app.number,
            actor: None,
            request: self.request_id.clone(),
            at: self.now,
        };
        let tenant = self.tenant();
        command::Request { tenant, origin, dry_run, idempotency: None, command }
    }
}

/// The whole body, whatever its content type says (W32); at most as large as set (W34).
pub(crate) async fn read(hub: &Hub, body: Body) -> Result<Bytes, Problem> {
    let bytes_max = hub.settings().body_bytes_max;
    let announced = usize::try_from(body.size_hint().lower());
    if announced.is_ok_and(|bytes| bytes > bytes_max) {
        return Err(Problem::BodyTooLarge);
    }
    // A body that does not come is the caller's fault, and nothing was stored: it must run out of
    // time before the request as a whole does.
    let patience = hub.settings().request_timeout.mul_f32(0.9);
    match tokio::time::timeout(patience, Limited::new(body, bytes_max).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Problem::BodyTooLarge),
        Ok(Err(_)) | Err(_) => Err(Problem::BodyBroken),
    }
}
