//! How `/api` says no: problem documents (RFC 9457), and the one table of their codes.

mod told;

use crate::server::problem::{self as around, RETRY_AFTER_SECONDS};
use crate::wire::json::shortened;
use axum::body::Body;
use axum::http::header::{CONTENT_RANGE, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use kehub_core::attribute::FieldProblem;
use kehub_core::misfit::Expected;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use tracing::error;

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");
const BEARER: HeaderValue = HeaderValue::from_static("Bearer");
const BEARER_INVALID: HeaderValue = HeaderValue::from_static(r#"Bearer error="invalid_token""#);

/// The member that says how many bytes a file has, if one asked for others. A header says it, too.
pub(crate) const BYTES: &str = "bytes";

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
    /// An app would give what it does not have.
    PermissionNotHeld "permissionNotHeld" 403 Never "An app cannot give permissions it lacks";
    /// It is not known that a page of this hub asks, and not another site.
    CrossSite "crossSite" 403 Never "The call did not come from a page of this hub";
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
    /// No such user.
    UserNotFound "userNotFound" 404 Never "There is no such user";
    /// No such webhook.
    WebhookNotFound "webhookNotFound" 404 Never "There is no such webhook";
    /// No such WeChat account.
    WechatAccountNotFound "wechatAccountNotFound" 404 Never "There is no such WeChat account";
    /// No dead letter at this place.
    DeadLetterNotFound "deadLetterNotFound" 404 Never "There is no such dead letter";
    /// No such export is kept.
    ExportNotFound "exportNotFound" 404 Never "There is no such export";
    /// No such import.
    ImportNotFound "importNotFound" 404 Never "There is no such import";
    /// The import has no refused rows here.
    RefusedNotFound "refusedRowsNotFound" 404 Never "There are no refused rows here";
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
    /// The app was revoked, which cannot be taken back.
    AppRevoked "appRevoked" 409 Never "The app was revoked";
    /// An app of this id exists.
    AppExists "appExists" 409 Never "There is such an app already";
    /// Another user has this login name.
    LoginTaken "loginTaken" 409 Never "Another user has this login name";
    /// The tenant would have no admin.
    LastAdmin "lastAdmin" 409 Never "The tenant needs an admin";
    /// The policy has another version.
    PolicyChanged "policyChanged" 409 Never "The policy has changed meanwhile";
    /// The app, user or webhook has another version.
    ChangedMeanwhile "changedMeanwhile" 409 Never "It has changed meanwhile";
    /// The tenant has as many webhooks as it may have.
    WebhooksTooMany "webhooksTooMany" 409 Never "There are as many webhooks as there may be";
    /// The tenant has as many WeChat accounts as it may have.
    WechatAccountsTooMany "wechatAccountsTooMany" 409 Never "There are as many accounts as there may be";
    /// The hub has nothing to encrypt secrets with.
    SecretKeyMissing "secretKeyMissing" 409 Never "The hub has no key for secrets";
    /// Somebody is at work on an import of the same file.
    ImportRunning "importRunning" 409 Never "An import of this file is under way";
    /// The import has ended meanwhile.
    ImportEnded "importEnded" 409 Never "The import has ended";
    /// The customer was deleted, and can be restored.
    CustomerDeleted "customerDeleted" 410 Never "The customer was deleted";
    /// Everything about the customer was erased.
    CustomerErased "customerErased" 410 Never "The customer was erased";
    /// The body is larger than the hub takes.
    BodyTooLarge "bodyTooLarge" 413 Never "The body is too large";
    /// A batch has more rows than the hub takes at once.
    RowsTooMany "rowsTooMany" 413 Never "The batch has too many rows";
    /// The file has no such bytes.
    RangeNotSatisfiable "rangeNotSatisfiable" 416 Never "The file has no such bytes";
    /// Fields that are unknown, missing or cannot be read.
    FieldsInvalid "fieldsInvalid" 422 Never "The body has fields that do not fit";
    /// The file cannot be read, or not as it was asked for.
    FileUnfit "fileUnfit" 422 Never "The file does not fit";
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
    /// What does not fit, for pages.
    #[serde(skip)]
    wrong: Wrong,
}

/// What is wrong with a part of a request, told by names, so that pages say it in any language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// It cannot be read, or the rules do not take it.
    Unfit(FieldProblem),
    /// It has no meaning here. What has: these names, and perhaps something else.
    Unknown(Vec<&'static str>, Option<Expected>),
    /// It must be there.
    Missing(Expected),
    /// It is there twice, or contradicts itself.
    Repeated,
    /// What it names is not there.
    NotFound,
    /// Something that no page tells.
    Other,
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
        let wrong = Wrong::Unfit(problem.clone());
        ItemError { place, code: "invalid", detail: problem.to_string().into(), wrong }
    }

    /// Something is there that has no meaning here.
    pub(crate) fn unknown(place: Place, known: &str) -> ItemError {
        ItemError {
            place,
            code: "unknown",
            detail: format!("expected one of {known}").into(),
            wrong: Wrong::Other,
        }
    }

    /// A parameter is there that has no meaning here. What has: these, and perhaps something else.
    pub(crate) fn unknown_parameter(
        name: &str,
        known: &[&'static str],
        also: Option<Expected>,
    ) -> ItemError {
        let named = known.iter().map(|name| (*name).to_owned());
        let told = named.chain(also.as_ref().map(Expected::to_string));
        let told = told.collect::<Vec<_>>().join(", ");
        let told = if told.is_empty() { "no parameters at all" } else { &told };
        let wrong = Wrong::Unknown(known.to_vec(), also);
        ItemError { wrong, ..ItemError::unknown(Place::Parameter(shortened(name)), told) }
    }

    /// Something is missing.
    pub(crate) fn missing(place: Place, expected: impl Into<Expected>) -> ItemError {
        let expected = expected.into();
        let detail = format!("expected {expected}, found nothing").into();
        ItemError { place, code: "missing", detail, wrong: Wrong::Missing(expected) }
    }

    /// Something is there that only the hub sets.
    pub(crate) fn read_only(place: Place) -> ItemError {
        ItemError {
            place,
            code: "readOnly",
            detail: "the hub sets this field itself".into(),
            wrong: Wrong::Other,
        }
    }

    /// Something is there twice, or contradicts itself.
    pub(crate) fn repeated(place: Place, detail: &'static str) -> ItemError {
        ItemError { place, code: "repeated", detail: detail.into(), wrong: Wrong::Repeated }
    }

    /// What it names is not there.
    pub(crate) fn not_found(place: Place, detail: impl Into<Cow<'static, str>>) -> ItemError {
        ItemError { place, code: "notFound", detail: detail.into(), wrong: Wrong::NotFound }
    }

    /// The rules do not take it.
    fn refused(place: Place, detail: impl Into<Cow<'static, str>>) -> ItemError {
        ItemError { place, code: "refused", detail: detail.into(), wrong: Wrong::Other }
    }

    /// The rules do not take it, for what it is.
    fn refused_for(place: Place, problem: &FieldProblem) -> ItemError {
        ItemError { code: "refused", ..ItemError::invalid(place, problem) }
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

    /// The members of the body that do not fit, by the first name of each place.
    pub(crate) fn fields(&self) -> Vec<&str> {
        let places = self.errors.iter().filter_map(|error| match &error.place {
            Place::Pointer(place) => Some(place),
            Place::Parameter(_) => None,
        });
        places.filter_map(|place| place.split('/').nth(1)).collect()
    }

    /// What does not fit: where, what is wrong with it, and the sentence that answers have.
    pub(crate) fn wrongs(&self) -> impl Iterator<Item = (&str, &Wrong, &str)> {
        self.errors.iter().map(|error| match &error.place {
            Place::Pointer(place) | Place::Parameter(place) => {
                (&**place, &error.wrong, &*error.detail)
            }
        })
    }

    /// What does not fit, a line each, for people.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |error: &ItemError| match &error.place {
            Place::Pointer(place) | Place::Parameter(place) => {
                format!("`{place}`: {}", error.detail)
            }
        };
        self.errors.iter().map(line).collect()
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
        } else if let Some(bytes) = self.members.get(BYTES)
            && let Ok(length) = HeaderValue::try_from(format!("bytes */{bytes}"))
        {
            headers.insert(CONTENT_RANGE, length);
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
