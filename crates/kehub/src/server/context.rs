//! A call that was let in: who asks, when, and what.

use super::access::Caller;
use super::hub::Hub;
use super::idempotency::{self, Asked, NoKey};
use super::layers::Arrival;
use super::problem::Problem;
use crate::people::session::SignedIn;
use crate::wire::query::Query;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Uri};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use kehub_core::command::{self, Command, Idempotency, Origin};
use kehub_core::directory::Permission;
use kehub_core::outcome::Outcome;
use kehub_core::{CustomerId, Micros, TenantId};
use kehub_store::{Kept, Lane};
use std::sync::{Arc, OnceLock};

/// A call with a live token.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) hub: Hub,
    pub(crate) caller: Arc<Caller>,
    now: Micros,
    session: Option<Arc<SignedIn>>,
    request_id: Box<str>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    /// What was read of the body.
    body: OnceLock<Bytes>,
}

impl FromRequestParts<Hub> for Call {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, hub: &Hub) -> Result<Call, Problem> {
        let arrival = parts.extensions.remove::<Arrival>().ok_or(Problem::Internal)?;
        let caller = arrival.caller.ok_or(Problem::TokenInvalid)?;
        let Arrival { now, request_id, session, .. } = arrival;
        let (uri, headers) = (parts.uri.clone(), std::mem::take(&mut parts.headers));
        let (hub, method, body) = (hub.clone(), parts.method.clone(), OnceLock::new());
        Ok(Call { hub, caller, now, session, request_id, method, uri, headers, body })
    }
}

impl Call {
    /// Lets the call go on only if its app has the permission (W38).
    pub(crate) fn require(&self, permission: Permission) -> Result<(), Problem> {
        if self.caller.may(permission) { Ok(()) } else { Err(Problem::PermissionMissing) }
    }

    /// The session that the caller is signed in by, if there is no token.
    pub(crate) fn session(&self) -> Option<&Arc<SignedIn>> {
        self.session.as_ref()
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

    pub(crate) fn method(&self) -> &Method {
        &self.method
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
        let body = read(&self.hub, body).await?;
        Ok(self.body.get_or_init(|| body).clone())
    }

    /// The whole body, which does not tell this call from another one: it holds a secret.
    pub(crate) async fn read_aside(&self, body: Body) -> Result<Bytes, Problem> {
        read(&self.hub, body).await
    }

    /// Takes these bytes, such as a hash, for the body, where that is not read as a whole.
    pub(crate) fn stand_for_body(&self, bytes: Bytes) {
        self.body.get_or_init(|| bytes);
    }

    /// What tells this call from another one, if its sender may send it again.
    pub(crate) fn idempotency(&self) -> Result<Option<Idempotency>, Problem> {
        let body = self.body.get().map(|body| &**body).unwrap_or_default();
        self.idempotency_of(body, None)
    }

    /// What tells a row of this batch from another one, if the batch may be sent again.
    pub(crate) fn idempotency_of_row(
        &self,
        row: usize,
        body: &[u8],
    ) -> Result<Option<Idempotency>, Problem> {
        self.idempotency_of(body, Some(row))
    }

    fn idempotency_of(
        &self,
        body: &[u8],
        row: Option<usize>,
    ) -> Result<Option<Idempotency>, Problem> {
        let key = idempotency::key(&self.headers).map_err(|NoKey| Problem::KeyInvalid)?;
        let asked = Asked { method: &self.method, uri: &self.uri, body, row };
        Ok(key.map(|key| self.hub.access().fingerprints().of(key, asked)))
    }

    /// Applies a command in the name of the caller, once if it came with an idempotency key.
    pub(crate) async fn apply(&self, command: Command, dry_run: bool) -> Result<Outcome, Problem> {
        let idempotency = self.idempotency()?;
        self.hub.apply(self.request(command, dry_run, idempotency)).await
    }

    /// Applies commands in the name of the caller, in order, each once if it came with a key;
    /// outcome `i` answers command `i`.
    pub(crate) async fn apply_rows(
        &self,
        commands: Vec<(Command, Option<Idempotency>)>,
        lane: Lane,
        kept: Kept,
    ) -> Result<Vec<Outcome>, Problem> {
        let requests = commands.into_iter();
        let requests = requests.map(|(command, key)| self.request(command, false, key)).collect();
        self.hub.apply_rows(requests, lane, kept).await
    }

    fn request(
        &self,
        command: Command,
        dry_run: bool,
        idempotency: Option<Idempotency>,
    ) -> command::Request {
        let origin = Origin {
            app: self.caller.app.number,
            actor: None,
            request: self.request_id.clone(),
            at: self.now,
        };
        let tenant = self.tenant();
        command::Request { tenant, origin, dry_run, idempotency, command }
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
