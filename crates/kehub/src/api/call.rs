//! A call to `/api` that was let in.

use super::parameters::Parameters;
use super::problem::{Code, Problem};
use crate::people::session::SignedIn;
use crate::server;
use crate::server::problem::Problem as Around;
use crate::wire::json::Json;
use axum::body::{Body, Bytes};
use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderName, Method};
use kehub_core::command::{Command, Idempotency};
use kehub_core::directory::{App, Permission};
use kehub_core::outcome::{Outcome, Refusal, Resolution};
use kehub_core::{CustomerId, Micros, TenantId};
use kehub_store::{Kept, Lane, Store};
use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// A call with a live token. Every write of this API goes through [`Call::apply`].
#[derive(Debug)]
pub(crate) struct Call(server::Call);

impl FromRequestParts<server::Hub> for Call {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, hub: &server::Hub) -> Result<Call, Problem> {
        let is_signed = parts.headers.contains_key(AUTHORIZATION);
        match server::Call::from_request_parts(parts, hub).await {
            Ok(call) => Ok(Call(call)),
            Err(Around::TokenInvalid) if !is_signed => {
                let detail = "send it as `Authorization: Bearer`; `POST /api/tokens` gives one";
                Err(Problem::new(Code::TokenMissing, detail))
            }
            Err(problem) => Err(problem.into()),
        }
    }
}

impl Call {
    /// Lets the call go on only if its app has the permission.
    ///
    /// The answers of this API tell of customers in full: a user who may not see mobiles and e-mails in
    /// full looks at pages of the console, which mask them.
    pub(crate) fn require(&self, permission: Permission) -> Result<(), Problem> {
        self.require_only(permission)?;
        let tells = matches!(permission, Permission::CustomersRead | Permission::ChangesRead);
        if tells && self.is_of_user() {
            self.require_only(Permission::CustomersReveal)?;
            // The audit log tells of it once the call has succeeded.
            if let Some(session) = self.0.session() {
                session.reads_in_full();
            }
        }
        Ok(())
    }

    /// The same for a call that tells nothing of any customer.
    pub(crate) fn require_only(&self, permission: Permission) -> Result<(), Problem> {
        if self.0.caller.may(permission) {
            return Ok(());
        }
        let detail = format!("the call needs the permission `{}`", permission.name());
        Err(Problem::new(Code::PermissionMissing, detail))
    }

    /// Whether the app may read customers. One that may not learns only what it said itself (W38).
    pub(crate) fn reads(&self) -> bool {
        let may = |permission| self.0.caller.may(permission);
        may(Permission::CustomersRead) && (!self.is_of_user() || may(Permission::CustomersReveal))
    }

    /// Whether an answer to a write tells of customers in full, which the audit log then tells of once the
    /// call has succeeded; else it tells only what was said.
    pub(crate) fn tells_in_full(&self) -> bool {
        let reads = self.reads();
        if let Some(session) = self.0.session().filter(|_| reads) {
            session.reads_in_full();
        }
        reads
    }

    /// The session that the caller is signed in by, if there is no token.
    pub(crate) fn session(&self) -> Option<&SignedIn> {
        self.0.session().map(|session| &**session)
    }

    /// Whether a user calls this API, and not a program, and not a page of the console.
    fn is_of_user(&self) -> bool {
        self.0.caller.user.is_some() && super::is_under(self.0.uri().path())
    }

    /// The app that asks.
    pub(crate) fn app(&self) -> &App {
        &self.0.caller.app
    }

    /// What says that the caller has brought this file.
    pub(crate) fn file_code(&self, file: &str) -> Box<str> {
        self.0.hub.access().file_code(&self.0.caller, file)
    }

    pub(crate) fn tenant(&self) -> TenantId {
        self.0.tenant()
    }

    pub(crate) fn now(&self) -> Micros {
        self.0.now()
    }

    pub(crate) fn hub(&self) -> &server::Hub {
        &self.0.hub
    }

    pub(crate) fn store(&self) -> &dyn Store {
        self.0.hub.store()
    }

    /// Whether only the head of the answer is wanted.
    pub(crate) fn is_head(&self) -> bool {
        self.0.method() == Method::HEAD
    }

    /// The value of a header, if it is text; of a repeated one the first.
    pub(crate) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.0.headers().get(name)?.to_str().ok()
    }

    pub(crate) fn request_id(&self) -> &str {
        self.0.request_id()
    }

    /// The query as it was sent.
    pub(crate) fn query(&self) -> Option<&str> {
        self.0.uri().query()
    }

    /// The query parameters; the reader tells those that nobody asked for.
    pub(crate) fn parameters(&self) -> Parameters {
        Parameters::read(self.0.uri().query())
    }

    /// Whether a write is only to say what would happen, where that is the only parameter.
    pub(crate) fn dry_run(&self) -> Result<bool, Problem> {
        let mut parameters = self.parameters();
        let dry_run = parameters.dry_run();
        parameters.end()?;
        Ok(dry_run)
    }

    /// The word that stands at this place of the path, counted from the noun, without its escapes;
    /// `None` if it is no text.
    pub(crate) fn word(&self, place: usize) -> Option<String> {
        let word = self.0.uri().path().split('/').nth(place + 2)?;
        percent_decode_str(word).decode_utf8().ok().map(Cow::into_owned)
    }

    /// The number that stands at this place of the path, counted from the noun: in
    /// `/api/customers/7` place 1 holds 7. What is no number is not known either.
    pub(crate) fn number(&self, place: usize, otherwise: Code) -> Result<i64, Problem> {
        // `/api/noun` are two words after the first slash; the noun itself is place 0.
        let word = self.0.uri().path().split('/').nth(place + 2).unwrap_or_default();
        let number = word.parse().ok().filter(|number| *number > 0);
        number.ok_or_else(|| Problem::new(otherwise, "an id is a whole number from 1"))
    }

    /// The customer that the path names.
    pub(crate) fn customer(&self) -> Result<CustomerId, Problem> {
        self.number(1, Code::CustomerNotFound).map(CustomerId)
    }

    /// The whole body.
    pub(crate) async fn read(&self, body: Body) -> Result<Bytes, Problem> {
        Ok(self.0.read(body).await?)
    }

    /// The whole body, which does not tell this call from another one: it holds a secret.
    pub(crate) async fn read_aside(&self, body: Body) -> Result<Bytes, Problem> {
        Ok(self.0.read_aside(body).await?)
    }

    /// Takes these bytes, such as a hash, for the body, where that is not read as a whole.
    pub(crate) fn stand_for_body(&self, bytes: Bytes) {
        self.0.stand_for_body(bytes);
    }

    /// Applies a command in the name of the caller. What the domain refuses is a problem here.
    pub(crate) async fn apply(&self, command: Command, dry_run: bool) -> Result<Outcome, Problem> {
        let outcome = self.0.apply(command, dry_run).await?;
        let Outcome::Refused(refusal) = outcome else { return Ok(outcome) };
        Err(self.refused(refusal))
    }

    /// Applies an upsert, put or attachment in the name of the caller.
    pub(crate) async fn resolve(
        &self,
        command: Command,
        dry_run: bool,
    ) -> Result<Box<Resolution>, Problem> {
        self.resolved(Some(self.apply(command, dry_run).await?))
    }

    /// What tells a row of this batch from another one, if the batch may be sent again.
    pub(crate) fn idempotency_of_row(
        &self,
        row: usize,
        body: &[u8],
    ) -> Result<Option<Idempotency>, Problem> {
        Ok(self.0.idempotency_of_row(row, body)?)
    }

    /// Applies the rows of a batch in the name of the caller; outcome `i` answers command `i`.
    pub(crate) async fn apply_rows(
        &self,
        commands: Vec<(Command, Option<Idempotency>)>,
        lane: Lane,
        kept: Kept,
    ) -> Result<Vec<Outcome>, Problem> {
        Ok(self.0.apply_rows(commands, lane, kept).await?)
    }

    /// What an upsert came to.
    pub(crate) fn resolved(&self, outcome: Option<Outcome>) -> Result<Box<Resolution>, Problem> {
        match outcome {
            Some(Outcome::Resolved(resolution)) => Ok(resolution),
            Some(Outcome::Refused(refusal)) => Err(self.refused(refusal)),
            _ => Err(Problem::unexpected()),
        }
    }

    fn refused(&self, refusal: Refusal) -> Problem {
        let problem = Problem::from(refusal);
        if self.reads() { problem } else { problem.without_others() }
    }
}

/// A body as JSON.
pub(crate) fn json_of(body: &[u8]) -> Result<Json<'_>, Problem> {
    Json::parse(body).map_err(|error| Problem::new(Code::BodyNotJson, error.to_string()))
}
