//! How `/api` says no: problem documents (RFC 9457), and the one table of their codes.

use super::customers::resolution::ConflictBody;
use crate::server::problem::{self as around, RETRY_AFTER_SECONDS};
use crate::wire::verdict::why_not_usable;
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use kehub_core::CustomerId;
use kehub_core::attribute::FieldProblem;
use kehub_core::outcome::{IdentityOutcome, Refusal, Unfit};
use kehub_core::policy::TypeProblem;
use kehub_core::webhook::WebhookRefusal;
use kehub_store::StoreError;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::collections::BTreeSet;
use tracing::error;

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");
const BEARER: HeaderValue = HeaderValue::from_static("Bearer");
const BEARER_INVALID: HeaderValue = HeaderValue::from_static(r#"Bearer error="invalid_token""#);

/// What a client may do with a request that met a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// Sent again as it is, it meets the same problem.
    Never,
    /// Nothing was applied: send it again.
    Safe,
    /// It may have been applied: send it again with the same `Idempotency-Key`, or look first.
    SameKey,
}

impl Retry {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Retry::Never => "never",
            Retry::Safe => "safe",
            Retry::SameKey => "sameKey",
        }
    }
}

macro_rules! codes {
    ($($(#[doc = $about:literal])* $variant:ident $name:literal $status:literal $retry:ident $title:literal;)*) => {
        /// What a problem is, for programs: stable, and never used for anything else.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Code {
            $($(#[doc = $about])* $variant,)*
        }

        impl Code {
            /// Every code, in the order of statuses.
            pub(crate) const ALL: &[Code] = &[$(Code::$variant,)*];

            pub(crate) const fn name(self) -> &'static str {
                match self { $(Code::$variant => $name,)* }
            }

            /// The HTTP status.
            pub(crate) const fn status(self) -> u16 {
                match self { $(Code::$variant => $status,)* }
            }

            /// What it is, for people; the same for every problem of this code.
            pub(crate) const fn title(self) -> &'static str {
                match self { $(Code::$variant => $title,)* }
            }

            pub(crate) const fn retry(self) -> Retry {
                match self { $(Code::$variant => Retry::$retry,)* }
            }
        }
    };
}

codes! {
    /// The body is not JSON.
    BodyNotJson "bodyNotJson" 400 Never "The body is not JSON";
    /// The body ended before it was complete, or did not come in time.
    BodyBroken "bodyBroken" 400 Safe "The body is not complete";
    /// The header `Idempotency-Key` is there, and is no key.
    KeyInvalid "idempotencyKeyInvalid" 400 Never "The Idempotency-Key does not fit";
    /// Parameters that are unknown or cannot be read.
    ParametersInvalid "parametersInvalid" 400 Never "The address has parameters that do not fit";
    /// No such app, or another secret.
    CredentialsWrong "credentialsWrong" 401 Never "App id or secret are wrong";
    /// No token came along.
    TokenMissing "tokenMissing" 401 Never "The call needs a token";
    /// The token is unknown, expired or revoked.
    TokenInvalid "tokenInvalid" 401 Never "The token is unknown, expired or revoked";
    /// The token's app may not do this.
    PermissionMissing "permissionMissing" 403 Never "The app may not do this";
    /// No such path.
    PathUnknown "pathUnknown" 404 Never "There is no such path";
    /// No such customer, or it was deleted.
    CustomerNotFound "customerNotFound" 404 Never "There is no such customer";
    /// No such identity.
    IdentityNotFound "identityNotFound" 404 Never "There is no such identity";
    /// No such identity type.
    IdentityTypeNotFound "identityTypeNotFound" 404 Never "There is no such identity type";
    /// No such app.
    AppNotFound "appNotFound" 404 Never "There is no such app";
    /// No such webhook.
    WebhookNotFound "webhookNotFound" 404 Never "There is no such webhook";
    /// No dead letter at this place.
    DeadLetterNotFound "deadLetterNotFound" 404 Never "There is no such dead letter";
    /// No such merge.
    MergeNotFound "mergeNotFound" 404 Never "There is no such merge";
    /// No such conflict or review entry.
    ConflictNotFound "conflictNotFound" 404 Never "There is no such conflict";
    /// No such cannot-link.
    CannotLinkNotFound "cannotLinkNotFound" 404 Never "There is no such cannot-link";
    /// The claim is not listed as undecided for this merge.
    ClaimNotUndecided "claimNotUndecided" 404 Never "The claim is not undecided";
    /// The path does not know this method.
    MethodNotAllowed "methodNotAllowed" 405 Never "The path does not know this method";
    /// The id redirects, and the call must name the survivor.
    CustomerMerged "customerMerged" 409 Never "The customer was merged into another one";
    /// `onConflict` is `reject`, and there are conflicts.
    ConflictsFound "conflictsFound" 409 Never "The request meets conflicts";
    /// The rules do not let the customer have this identity.
    IdentityNotAttached "identityNotAttached" 409 Never "The identity cannot be attached";
    /// The identity is not quarantined.
    NotQuarantined "notQuarantined" 409 Never "The identity is not quarantined";
    /// A customer that is there cannot be restored.
    CustomerLive "customerLive" 409 Never "The customer is there";
    /// Others own what a deleted customer held.
    IdentitiesTaken "identitiesTaken" 409 Never "Others own identities of the customer";
    /// Both ids stand for one customer.
    SameCustomer "sameCustomer" 409 Never "Both are one customer";
    /// Somebody said that they are different people.
    CannotLinked "cannotLinked" 409 Never "The customers are known to be different people";
    /// More identities than a customer may hold.
    IdentitiesTooMany "identitiesTooMany" 409 Never "The customer would hold too many identities";
    /// The merge has been undone.
    MergeUndone "mergeUndone" 409 Never "The merge has been undone";
    /// The customer is on neither side of the merge.
    CustomerElsewhere "customerElsewhere" 409 Never "The customer is on neither side";
    /// The conflict was settled before.
    ConflictSettled "conflictSettled" 409 Never "The conflict was settled before";
    /// The decision does not fit this conflict.
    DecisionUnfit "decisionUnfit" 409 Never "The decision does not fit this conflict";
    /// An app of this id exists.
    AppExists "appExists" 409 Never "There is such an app already";
    /// The tenant has as many webhooks as it may have.
    WebhooksTooMany "webhooksTooMany" 409 Never "There are as many webhooks as there may be";
    /// The customer was deleted, and can be restored.
    CustomerDeleted "customerDeleted" 410 Never "The customer was deleted";
    /// Everything about the customer was erased.
    CustomerErased "customerErased" 410 Never "The customer was erased";
    /// The body is larger than the hub takes.
    BodyTooLarge "bodyTooLarge" 413 Never "The body is too large";
    /// A batch has more rows than the hub takes at once.
    RowsTooMany "rowsTooMany" 413 Never "The batch has too many rows";
    /// Fields that are unknown, missing or cannot be read.
    FieldsInvalid "fieldsInvalid" 422 Never "The body has fields that do not fit";
    /// Nothing in the request can find or make a customer.
    NothingUsable "nothingUsable" 422 Never "Nothing in the request can find or make a customer";
    /// A row of an atomic batch was refused, and with it all of them.
    BatchRefused "batchRefused" 422 Never "Rows of the batch were refused: nothing was applied";
    /// All of a customer's identities, or none, were to be taken out.
    NothingToExtract "nothingToExtract" 422 Never "That would leave or take nothing";
    /// The feed of changes does not go that far.
    BeyondFeed "beyondFeed" 422 Never "The feed does not go that far";
    /// Another request came under the same `Idempotency-Key`.
    KeyReused "idempotencyKeyReused" 422 Never "The Idempotency-Key belongs to another request";
    /// A fault of the hub.
    Internal "internal" 500 Never "A fault of the hub";
    /// Nothing was applied.
    Busy "busy" 503 Safe "The hub is busy: nothing was applied";
    /// Some rows of a batch were applied before there was trouble.
    BatchInterrupted "batchInterrupted" 503 SameKey "The batch was applied in part";
    /// It is not known whether it was applied.
    OutcomeUnknown "outcomeUnknown" 503 SameKey "It is not known whether the request was applied";
}

/// Why a call was refused. It becomes an answer in [`finish`], which knows the request's id.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Problem {
    pub(crate) code: Code,
    /// What is special about this one, for people.
    pub(crate) detail: Cow<'static, str>,
    /// What does not fit, all of it.
    errors: Vec<ItemError>,
    /// Members that only some codes have.
    members: Map<String, Value>,
}

/// One part of a request that does not fit. Never repeats a value, which may be personal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ItemError {
    #[serde(flatten)]
    pub(crate) place: Place,
    code: &'static str,
    detail: Cow<'static, str>,
}

/// Where in a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Place {
    /// A JSON pointer (RFC 6901) into the body.
    Pointer(String),
    /// The name of a query parameter.
    Parameter(String),
}

impl ItemError {
    /// Something is there that cannot be read.
    pub(crate) fn invalid(place: Place, problem: &FieldProblem) -> ItemError {
        ItemError { place, code: "invalid", detail: problem.to_string().into() }
    }

    /// Something is there that has no meaning here.
    pub(crate) fn unknown(place: Place, known: &str) -> ItemError {
        ItemError { place, code: "unknown", detail: format!("expected one of {known}").into() }
    }

    /// Something is missing.
    pub(crate) fn missing(place: Place, expected: &str) -> ItemError {
        let detail = format!("expected {expected}, found nothing").into();
        ItemError { place, code: "missing", detail }
    }

    /// Something is there that only the hub sets.
    pub(crate) fn read_only(place: Place) -> ItemError {
        ItemError { place, code: "readOnly", detail: "the hub sets this field itself".into() }
    }

    /// Something is there twice, or contradicts itself.
    pub(crate) fn repeated(place: Place, detail: &'static str) -> ItemError {
        ItemError { place, code: "repeated", detail: detail.into() }
    }

    /// What it names is not there.
    pub(crate) fn not_found(place: Place, detail: impl Into<Cow<'static, str>>) -> ItemError {
        ItemError { place, code: "notFound", detail: detail.into() }
    }

    /// The rules do not take it.
    fn refused(place: Place, detail: impl Into<Cow<'static, str>>) -> ItemError {
        ItemError { place, code: "refused", detail: detail.into() }
    }
}

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Problem {
        Problem { code, detail: detail.into(), errors: Vec::new(), members: Map::new() }
    }

    /// Parts that do not fit; there is at least one.
    pub(crate) fn errors(code: Code, errors: Vec<ItemError>) -> Problem {
        let detail = match errors.len() {
            1 => "1 part of the request needs attention".to_owned(),
            count => format!("{count} parts of the request need attention"),
        };
        Problem { errors, ..Problem::new(code, detail) }
    }

    /// With a member that only this code has.
    pub(crate) fn with(mut self, member: &str, value: Value) -> Problem {
        self.members.insert(member.to_owned(), value);
        self
    }

    /// Without what it tells of other customers, for an app that may not read them (W38).
    pub(crate) fn without_others(mut self) -> Problem {
        self.members.remove("conflicts");
        self
    }

    /// There is no customer of this id.
    pub(crate) fn customer_not_found() -> Problem {
        Problem::new(Code::CustomerNotFound, "no customer of this id is live")
    }

    /// The store gave an outcome that does not belong to the command: a fault of ours.
    pub(crate) fn unexpected() -> Problem {
        error!("the store gave an outcome of another kind");
        Problem::from(around::Problem::Internal)
    }

    /// The document as it is answered to the request of this id.
    pub(crate) fn body(&self, request_id: &str) -> Value {
        let code = self.code;
        let mut body = json!({
            "type": format!("/docs#problem-{}", code.name()),
            "title": code.title(),
            "status": code.status(),
            "detail": self.detail,
            "code": code.name(),
            "retry": code.retry().name(),
            "requestId": request_id,
        });
        if let Value::Object(members) = &mut body {
            if !self.errors.is_empty() {
                members.insert("errors".to_owned(), json!(self.errors));
            }
            members.extend(self.members.clone());
        }
        body
    }

    fn render(&self, request_id: &str, response: &mut Response) {
        *response.body_mut() = Body::from(self.body(request_id).to_string());
        response.headers_mut().insert(CONTENT_TYPE, PROBLEM_JSON);
        self.mark(response);
    }

    /// Gives a response the status and the headers of this problem.
    pub(crate) fn mark(&self, response: &mut Response) {
        *response.status_mut() =
            StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        if self.code == Code::TokenInvalid {
            headers.insert(WWW_AUTHENTICATE, BEARER_INVALID);
        } else if self.code.status() == 401 {
            headers.insert(WWW_AUTHENTICATE, BEARER);
        } else if self.code.status() == 503 {
            headers.insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
        }
    }
}

/// Leaves the problem on the response, where [`finish`] finds it.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        response.extensions_mut().insert(self);
        response
    }
}

/// Writes the problem that a handler, or what surrounds it, left on a response.
pub(crate) fn finish(response: &mut Response, request_id: &str) {
    let extensions = response.extensions_mut();
    let told = extensions.remove::<Problem>();
    let problem = told.or_else(|| extensions.remove::<around::Problem>().map(Problem::from));
    if let Some(problem) = problem {
        problem.render(request_id, response);
    }
}

/// What goes wrong around a call, trouble of the store included.
impl From<around::Problem> for Problem {
    fn from(problem: around::Problem) -> Problem {
        let (code, detail) = match problem {
            around::Problem::CredentialsWrong => {
                (Code::CredentialsWrong, "no live app has this id and secret")
            }
            around::Problem::TokenInvalid => {
                (Code::TokenInvalid, "get a new one from `POST /api/tokens`")
            }
            around::Problem::PermissionMissing => {
                (Code::PermissionMissing, "the app lacks a permission")
            }
            around::Problem::CustomerMissing => return Problem::customer_not_found(),
            around::Problem::CustomerMerged { customer, survivor } => {
                return merged(customer, survivor);
            }
            around::Problem::PathUnknown => (Code::PathUnknown, "`/docs` lists what there is"),
            around::Problem::MethodWrong => {
                (Code::MethodNotAllowed, "the header `Allow` lists what there is")
            }
            around::Problem::BodyTooLarge => (Code::BodyTooLarge, "nothing of it was read"),
            around::Problem::BodyBroken => {
                (Code::BodyBroken, "it broke off, or did not come in time; nothing was applied")
            }
            around::Problem::KeyInvalid => {
                (Code::KeyInvalid, "expected 1 to 255 visible ASCII characters, once")
            }
            around::Problem::NotApplied => {
                (Code::Busy, "send it again after the seconds in the header `Retry-After`")
            }
            around::Problem::OutcomeUnknown => {
                (Code::OutcomeUnknown, "look, or send it again with the same `Idempotency-Key`")
            }
            around::Problem::Internal => {
                (Code::Internal, "the log of the hub tells more under the request's id")
            }
        };
        Problem::new(code, detail)
    }
}

fn merged(customer: CustomerId, survivor: CustomerId) -> Problem {
    let detail = format!("customer {customer} answers as customer {survivor}: name that one");
    Problem::new(Code::CustomerMerged, detail).with("customerId", json!(survivor.0))
}

/// Trouble of the store: logged where it is told around a call, and nowhere else.
impl From<StoreError> for Problem {
    fn from(trouble: StoreError) -> Problem {
        around::Problem::from(trouble).into()
    }
}

/// What the domain refused.
impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        match refusal {
            Refusal::CustomerMissing(_) => Problem::customer_not_found(),
            Refusal::CustomerMerged { customer, survivor } => merged(customer, survivor),
            Refusal::NothingUsable { identities } => {
                let places = identities.iter().enumerate();
                let errors: Vec<ItemError> = places.filter_map(unusable).collect();
                let detail = "it names no identity that matches, and no other way to find or make \
                              a customer";
                Problem { errors, ..Problem::new(Code::NothingUsable, detail) }
            }
            Refusal::Conflicts { conflicts, .. } => {
                let detail = "`onConflict` is `reject`: nothing was applied";
                let conflicts: Vec<_> = conflicts.iter().map(ConflictBody::of).collect();
                Problem::new(Code::ConflictsFound, detail).with("conflicts", json!(conflicts))
            }
            Refusal::CustomAttributesTooMany { found, limit } => {
                let detail = format!("expected at most {limit} on a customer, found {found}");
                let place = Place::Pointer("/customer/attr".to_owned());
                Problem::errors(Code::FieldsInvalid, vec![ItemError::refused(place, detail)])
            }
            Refusal::NotAttached(outcome) => {
                let why = why_not_usable(&outcome).unwrap_or("it cannot be attached");
                Problem::new(Code::IdentityNotAttached, why)
                    .with("outcome", json!(outcome.verdict.name()))
            }
            Refusal::KeyReused => {
                let detail = "another request came under this `Idempotency-Key`: choose a new one";
                Problem::new(Code::KeyReused, detail)
            }
            Refusal::AppMissing => Problem::new(Code::AppNotFound, "no app of this id is known"),
            Refusal::AppTaken => Problem::new(Code::AppExists, "choose another id"),
            Refusal::Webhook(refusal) => refusal.into(),
            Refusal::IdentityMissing(_) => {
                Problem::new(Code::IdentityNotFound, "no identity of this number is known")
            }
            Refusal::NotQuarantined(_) => {
                Problem::new(Code::NotQuarantined, "the identity matches: nothing to release")
            }
            Refusal::TypesNotSet(problems) => {
                let errors = problems.iter().map(|(_, problem)| unfit_setting(problem)).collect();
                Problem::errors(Code::FieldsInvalid, errors)
            }
            // Access and the directory know the tenants of live tokens, and no call makes one.
            Refusal::TenantMissing | Refusal::TenantExists(_) => Problem::unexpected(),
            Refusal::CustomerDeleted(_)
            | Refusal::CustomerErased(_)
            | Refusal::CustomerLive(_)
            | Refusal::IdentitiesTaken(_) => customer_refused(&refusal),
            Refusal::SameCustomer(_)
            | Refusal::CannotLinked(_)
            | Refusal::IdentitiesTooMany { .. }
            | Refusal::IdentityNotHeld(_)
            | Refusal::NothingToExtract
            | Refusal::MergeMissing(_)
            | Refusal::MergeUndone(_)
            | Refusal::ClaimDecided { .. }
            | Refusal::CustomerElsewhere(_)
            | Refusal::ConflictMissing(_)
            | Refusal::ConflictSettled(_)
            | Refusal::DecisionUnfit { .. }
            | Refusal::CannotLinkMissing(_) => decision_refused(&refusal),
        }
    }
}

/// What has become of a customer does not let it be.
#[expect(clippy::wildcard_enum_match_arm, reason = "the caller has chosen among all")]
fn customer_refused(refusal: &Refusal) -> Problem {
    match refusal {
        Refusal::CustomerDeleted(customer) => {
            let detail = format!("customer {customer} was deleted; it can be restored");
            Problem::new(Code::CustomerDeleted, detail).with("customerId", json!(customer.0))
        }
        Refusal::CustomerErased(customer) => {
            let detail = format!("everything about customer {customer} was erased");
            Problem::new(Code::CustomerErased, detail).with("customerId", json!(customer.0))
        }
        Refusal::CustomerLive(customer) => {
            let detail = format!("customer {customer} is there: nothing to restore");
            Problem::new(Code::CustomerLive, detail)
        }
        Refusal::IdentitiesTaken(taken) => {
            let owners: BTreeSet<i64> = taken.iter().map(|(_, owner)| owner.0).collect();
            let detail = format!("{} of its identities are theirs by now", taken.len());
            Problem::new(Code::IdentitiesTaken, detail).with("customerIds", json!(owners))
        }
        _ => Problem::unexpected(),
    }
}

/// What people decided and the domain does not let them.
#[expect(clippy::wildcard_enum_match_arm, reason = "the caller has chosen among all")]
fn decision_refused(refusal: &Refusal) -> Problem {
    match refusal {
        Refusal::SameCustomer(customer) => {
            let detail = format!("both ids stand for customer {customer}");
            Problem::new(Code::SameCustomer, detail).with("customerId", json!(customer.0))
        }
        Refusal::CannotLinked(link) => {
            let detail = format!(
                "a cannot-link stands between {} and {}: remove it first if they are one person",
                link.low, link.high
            );
            let homes = json!([link.low.0, link.high.0]);
            Problem::new(Code::CannotLinked, detail).with("cannotLink", homes)
        }
        Refusal::IdentitiesTooMany { found, limit } => {
            let detail = format!("expected at most {limit}, found {found}");
            Problem::new(Code::IdentitiesTooMany, detail)
        }
        Refusal::IdentityNotHeld(place) => {
            let place = Place::Pointer(format!("/identities/{place}"));
            let error = ItemError::refused(place, "the customer does not hold this identity");
            Problem::errors(Code::FieldsInvalid, vec![error])
        }
        Refusal::NothingToExtract => {
            let detail = "name at least one identity of the customer, and leave it one";
            Problem::new(Code::NothingToExtract, detail)
        }
        Refusal::MergeMissing(_) => {
            Problem::new(Code::MergeNotFound, "no merge of this id is known")
        }
        Refusal::MergeUndone(_) => Problem::new(Code::MergeUndone, "nothing is left to undo"),
        Refusal::ClaimDecided { .. } => {
            let detail = "`GET /api/undecided-claims` lists those that are";
            Problem::new(Code::ClaimNotUndecided, detail)
        }
        Refusal::CustomerElsewhere(_) => {
            let detail = "name a customer that holds one of the two homes of the merge";
            Problem::new(Code::CustomerElsewhere, detail)
        }
        Refusal::ConflictMissing(_) => {
            Problem::new(Code::ConflictNotFound, "no conflict of this id is known")
        }
        Refusal::ConflictSettled(_) => {
            Problem::new(Code::ConflictSettled, "`GET /api/conflicts/{id}` tells how")
        }
        Refusal::DecisionUnfit { because, .. } => Problem::new(
            Code::DecisionUnfit,
            match because {
                Unfit::OneSided => "it names one customer only: nobody owned the identity",
                Unfit::OneCustomer => "its two customers are one by now",
                Unfit::OwnedAlready => "the customer owns the identity already",
            },
        ),
        Refusal::CannotLinkMissing(_) => {
            let detail = "no cannot-link stands between these two";
            Problem::new(Code::CannotLinkNotFound, detail)
        }
        _ => Problem::unexpected(),
    }
}

impl From<WebhookRefusal> for Problem {
    fn from(refusal: WebhookRefusal) -> Problem {
        match refusal {
            WebhookRefusal::Missing(_) => {
                Problem::new(Code::WebhookNotFound, "no webhook of this id is known")
            }
            WebhookRefusal::NoDeadLetter(_) => {
                Problem::new(Code::DeadLetterNotFound, "no dead letter lies at this place")
            }
            WebhookRefusal::TooMany { limit } => {
                Problem::new(Code::WebhooksTooMany, format!("expected at most {limit}"))
            }
            WebhookRefusal::BeyondFeed { newest } => {
                let detail = format!("expected a position of at most {newest}, found a later one");
                Problem::new(Code::BeyondFeed, detail)
            }
            // What the hub tells itself while it delivers.
            WebhookRefusal::NotHolder | WebhookRefusal::Changed => Problem::unexpected(),
        }
    }
}

/// A setting of one identity type, which is the whole body.
fn unfit_setting(problem: &TypeProblem) -> ItemError {
    let member = match problem {
        TypeProblem::Name | TypeProblem::TooMany => String::new(),
        TypeProblem::Priority(_) => "/priority".into(),
        TypeProblem::Limit(_) => "/limit".into(),
        TypeProblem::CaseCanonical | TypeProblem::CaseFixed => "/case".into(),
        TypeProblem::PatternsTooMany(_) => "/blocked".into(),
        TypeProblem::Pattern(at) => format!("/blocked/{at}"),
        TypeProblem::QuarantineAfter(_) => "/quarantineAfter".into(),
    };
    ItemError::refused(Place::Pointer(member), problem.to_string())
}

fn unusable((place, outcome): (usize, &IdentityOutcome)) -> Option<ItemError> {
    let place = Place::Pointer(format!("/identities/{place}/value"));
    Some(ItemError::refused(place, why_not_usable(outcome)?))
}
