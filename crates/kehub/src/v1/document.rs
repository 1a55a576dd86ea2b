//! What the description of the API tells about each operation beside its path: parameters, bodies,
//! answers, and an example of each.

use super::examples;
use super::schemas::{schema, with};
use crate::api::describe::idempotency_key;
use serde_json::{Map, Value, json};

/// What is to be told about the operation of this name; `None` if there is none.
pub(crate) fn operation(name: &str) -> Option<Value> {
    Some(match name {
        "access_token" => access_token(),
        "user_current" => user_current(),
        "customer_and_identities_upsert" => customer_and_identities_upsert(),
        "customer_upsert" => customer_upsert(),
        "customer_list" => customer_list(),
        "customer_count" => customer_count(),
        "customer_get" => customer_get(),
        "customer_put" => customer_put(),
        "customer_delete" => customer_delete(),
        "identity_list" => identity_list(),
        "identity_attach" => identity_attach(),
        "wechat_account_list" => wechat_account_list(),
        "healthz" => plain("The process answers", "ok"),
        "readyz" => readyz(),
        "metrics" => metrics(),
        _ => return None,
    })
}

fn access_token() -> Value {
    let token = json!({
        "error_code": 0, "access_token": "00000100b2a41f0c9d8e7f6a5b4c3d2e", "expires_in": 7200,
    });
    let bad = json!({ "error_code": "40004", "error_description": "the params is illegal" });
    let answer = ok(
        "A token, or why there is none",
        &["Token", "CredentialsError"],
        &[("token", token), ("badCredentials", bad)],
    );
    json!({
        "security": [],
        "parameters": [
            required("grant_type", "`client_credentials`", "client_credentials"),
            required("appid", "The id of the app", "cl0123456789abcde"),
            required("secret", "The secret of the app",
                "0123456789abcdef0123456789abcdef01234567"),
        ],
        "responses": responses([answer], &[Common::Busy]),
    })
}

fn user_current() -> Value {
    let user = json!({
        "tid": 1, "tname": "default", "loginName": "cl0123456789abcde", "name": "first app",
        "email": null,
    });
    let examples = [("user", user), token_invalid()];
    let answer = ok("The tenant and the app of the token", &["User", "Error"], &examples);
    json!({ "responses": responses([answer], &[Common::Busy]) })
}

fn customer_and_identities_upsert() -> Value {
    let fields =
        r#"[{"field":"birthday","message":"expected a date like 1990-01-31, found other text"}]"#;
    let refused = json!({ "error": { "code": "C0002", "message": fields } });
    let schemas = ["Customer", "OwnWords", "CodedFieldErrors", "Error"];
    json!({
        "parameters": extras(),
        "requestBody": body("UpsertInput", &examples::upsert()),
        "responses": responses(
            upserted(&schemas, refused),
            &[
                Common::Body("No customerIdentities field found"),
                Common::Erased,
                Common::TooLarge,
                Common::Busy,
            ],
        ),
    })
}

fn customer_upsert() -> Value {
    let schemas = ["Customer", "OwnWords", "FieldErrors", "Error"];
    json!({
        "parameters": extras(),
        "requestBody": body("CustomerInput", &examples::customer_fields()),
        "responses": responses(
            upserted(&schemas, field_errors("gender", "expected 0, 1 or 2, found text")),
            &[
                Common::Body("Request data need at least one field"),
                Common::Erased,
                Common::TooLarge,
                Common::Busy,
            ],
        ),
    })
}

fn upserted(schemas: &[&str], refused: Value) -> [(&'static str, Value); 2] {
    let known = [
        ("customer", examples::customer()),
        ("fieldErrors", refused),
        token_invalid(),
        permission_missing(),
    ];
    let about = "The customer afterwards; or fields that do not fit, or a token that does not";
    let created = [("customer", examples::customer())];
    [
        ok(about, schemas, &known),
        answer("201", "The customer is new", &["Customer", "OwnWords"], &created),
    ]
}

fn customer_list() -> Value {
    let list = json!({ "records": 1, "rows": [examples::customer()], "total": 1 });
    let mut parameters = filters();
    parameters.extend([
        query(
            "select",
            "Fields to answer, separated by commas; `attr` and `attr.shoe_size` too",
            "id,name,attr.shoe_size",
        ),
        query("rows", "Rows of a page: 20, at most 1000", "20"),
        query("page", "Page, from 1", "1"),
        query("sidx", "Field to sort by; ties are broken by `id`", "lastUpdated"),
        query("sord", "`asc` or `desc`", "desc"),
    ]);
    let examples = [
        ("page", list),
        ("fieldErrors", field_errors("gender", "expected 0, 1 or 2, found other text")),
        token_invalid(),
        permission_missing(),
    ];
    let schemas = ["CustomerList", "FieldErrors", "Error"];
    let answer = ok("The page; one past the end has no rows", &schemas, &examples);
    json!({ "parameters": parameters, "responses": responses([answer], &[Common::Busy]) })
}

fn customer_count() -> Value {
    let examples = [
        ("count", json!(42)),
        (
            "fieldErrors",
            field_errors(
                "idList",
                "expected numbers of customers, separated by commas, found another list",
            ),
        ),
        token_invalid(),
        permission_missing(),
    ];
    let digits = json!({ "type": "integer", "minimum": 0 });
    let any = json!([digits, schema("FieldErrors"), schema("Error")]);
    let content = content_of(&json!({ "anyOf": any }), &examples);
    let answer = ("200", json!({ "description": "How many match", "content": content }));
    json!({ "parameters": filters(), "responses": responses([answer], &[Common::Busy]) })
}

fn customer_get() -> Value {
    let examples = [("customer", examples::customer()), token_invalid(), permission_missing()];
    let parameters = json!([id(), query("select", "Fields to answer", "id,name")]);
    let schemas = ["CustomerPart", "Error"];
    let answer = ok("The customer", &schemas, &examples);
    json!({
        "parameters": parameters,
        "responses": responses([answer], &[Common::Missing, Common::Busy]),
    })
}

fn customer_put() -> Value {
    let examples = [
        ("customer", examples::customer()),
        ("fieldErrors", field_errors("gender", "expected 0, 1 or 2, found text")),
        token_invalid(),
        permission_missing(),
    ];
    let schemas = ["Customer", "OwnWords", "FieldErrors", "Error"];
    let mut parameters = extras();
    parameters.insert(0, id());
    let answer = ok("The customer afterwards", &schemas, &examples);
    json!({
        "parameters": parameters,
        "requestBody": body("CustomerInput", &json!({ "city": "Beijing", "remark": null })),
        "responses": responses([answer], &[
            Common::Body("Request data must be an object, found an array"),
            Common::Missing,
            Common::TooLarge,
            Common::Busy,
        ]),
    })
}

fn customer_delete() -> Value {
    let merged = error(40901, "customer 2 was merged into customer 1: nothing was deleted");
    json!({
        "parameters": [id(), dry_run(), idempotency_key()],
        "responses": responses([
            ("204", json!({ "description": "The customer is gone" })),
            ok(
                "The token may not do this, or the key does not fit",
                &["FieldErrors", "Error"],
                &[token_invalid(), permission_missing()],
            ),
            answer("409", "The id was merged away", &["Error"], &[("merged", merged)]),
        ], &[Common::Missing, Common::Busy]),
    })
}

fn identity_list() -> Value {
    let parameters = json!([
        query("customerIds", "Ids of customers, separated by commas", "1,2"),
        query("identityType", "With `identityValue`: its type", "wechat"),
        query("identityValue", "The value, of this type or of any", "oABC-123"),
    ]);
    let examples = [
        ("identities", json!([examples::identity()])),
        ("nothing", json!([])),
        ("fieldErrors", field_errors("customerIds", "customer id should be a number")),
        token_invalid(),
        permission_missing(),
    ];
    let list = json!({ "type": "array", "items": schema("Identity") });
    let any = json!({ "anyOf": [list, schema("FieldErrors"), schema("Error")] });
    let content = content_of(&any, &examples);
    let answer = ("200", json!({ "description": "The identities", "content": content }));
    json!({ "parameters": parameters, "responses": responses([answer], &[Common::Busy]) })
}

fn wechat_account_list() -> Value {
    let account = json!({
        "id": 1, "appId": "wx0123456789abcdef", "name": "旗舰店", "serverTypeInfo": 2,
        "verifyTypeInfo": 0,
    });
    let examples = [
        ("accounts", json!([account])),
        ("nothing", json!([])),
        token_invalid(),
        permission_missing(),
    ];
    let list = json!({ "type": "array", "items": schema("WechatAccount") });
    let content = content_of(&json!({ "anyOf": [list, schema("Error")] }), &examples);
    let answer = ("200", json!({ "description": "The accounts", "content": content }));
    json!({ "responses": responses([answer], &[Common::Busy]) })
}

fn identity_attach() -> Value {
    let sent = json!({
        "customerId": 1, "identityType": "wechat", "identityValue": "oABC-123",
        "identityName": "shop",
    });
    let examples = [
        ("identity", examples::identity()),
        ("fieldErrors", field_errors("identityValue", "the identity belongs to another customer")),
        token_invalid(),
        permission_missing(),
    ];
    let answer = ok("The identity", &["Identity", "FieldErrors", "Error"], &examples);
    let not_json = "Request data is not JSON: EOF while parsing a value at line 1 column 0";
    json!({
        "parameters": [dry_run(), resolution(), idempotency_key()],
        "requestBody": body("AttachInput", &sent),
        "responses": responses([answer], &[Common::Body(not_json), Common::TooLarge, Common::Busy]),
    })
}

fn readyz() -> Value {
    let mut operation = plain("The hub can write", "ready");
    if let Some(responses) = operation.get_mut("responses") {
        let (status, busy) = Common::Busy.answer();
        *responses = with(responses.take(), status, busy);
    }
    operation
}

fn metrics() -> Value {
    let example = "# HELP kehub_queue_depth Requests that wait to be applied.\n\
                   # TYPE kehub_queue_depth gauge\nkehub_queue_depth 0\n# EOF\n";
    let text = json!({ "schema": { "type": "string" }, "example": example });
    let content = json!({ "application/openmetrics-text": text });
    json!({
        "security": [],
        "responses": { "200": { "description": "Metrics as text", "content": content } },
    })
}

fn plain(description: &str, example: &str) -> Value {
    let content = json!({ "text/plain": { "schema": { "const": example }, "example": example } });
    json!({
        "security": [],
        "responses": { "200": { "description": description, "content": content } },
    })
}

/// Answers that several operations share.
#[derive(Clone, Copy, Debug)]
enum Common {
    /// The body is not JSON, or a part of it is missing.
    Body(&'static str),
    Missing,
    /// A repeated answer is not given again once its customer was erased.
    Erased,
    TooLarge,
    Busy,
}

impl Common {
    fn answer(self) -> (&'static str, Value) {
        match self {
            Common::Body(text) => {
                let about = "The body is not JSON, or a part of it is missing";
                answer("400", about, &["BodyError", "Error"], &[("text", json!(text))])
            }
            Common::Missing => {
                let missing = [("missing", error(40201, "permission is not enough"))];
                answer("404", "There is no such customer", &["Error"], &missing)
            }
            Common::Erased => {
                let about = "The request came before under its `Idempotency-Key`, and its customer \
                             was erased since";
                let missing = [("missing", error(40201, "permission is not enough"))];
                answer("404", about, &["Error"], &missing)
            }
            Common::TooLarge => {
                let large = [("tooLarge", error(41300, "the body is too large"))];
                answer("413", "The body is larger than the hub takes", &["Error"], &large)
            }
            Common::Busy => {
                let busy = "the hub is busy: nothing was stored, send it again";
                let unknown = "it is not known whether it was stored: look before sending it again";
                let examples = [("busy", error(50301, busy)), ("unknown", error(50302, unknown))];
                let about = "The queue is full, the store is in trouble, or the time is over; the \
                             code says what happened to the data";
                let (status, value) = answer("503", about, &["Error"], &examples);
                let seconds = json!({ "description": "Seconds", "schema": { "type": "integer" } });
                (status, with(value, "headers", json!({ "Retry-After": seconds })))
            }
        }
    }
}

fn responses(
    own: impl IntoIterator<Item = (&'static str, Value)>,
    common: &[Common],
) -> Map<String, Value> {
    let fault = [("fault", error(50001, "a fault of the hub"))];
    let fault = answer("500", "A fault of the hub", &["Error"], &fault);
    let common = common.iter().map(|common| common.answer());
    let all = own.into_iter().chain(common).chain([fault]);
    all.map(|(status, value)| (status.to_owned(), value)).collect()
}

fn ok(about: &str, schemas: &[&str], examples: &[(&str, Value)]) -> (&'static str, Value) {
    answer("200", about, schemas, examples)
}

fn answer(
    status: &'static str,
    about: &str,
    schemas: &[&str],
    examples: &[(&str, Value)],
) -> (&'static str, Value) {
    let any = match schemas {
        [one] => schema(one),
        several => {
            let several: Vec<Value> = several.iter().map(|name| schema(name)).collect();
            json!({ "anyOf": several })
        }
    };
    (status, json!({ "description": about, "content": content_of(&any, examples) }))
}

fn content_of(schema: &Value, examples: &[(&str, Value)]) -> Value {
    let examples: Map<String, Value> = examples
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!({ "value": value })))
        .collect();
    json!({ "application/json": { "schema": schema, "examples": examples } })
}

fn body(name: &str, example: &Value) -> Value {
    let content = json!({ "application/json": { "schema": schema(name), "example": example } });
    json!({ "required": true, "content": content })
}

fn error(code: u32, description: &str) -> Value {
    json!({ "error_code": code, "error_description": description })
}

fn token_invalid() -> (&'static str, Value) {
    ("tokenInvalid", error(40001, "the access token is missing, unknown or expired"))
}

fn permission_missing() -> (&'static str, Value) {
    ("permissionMissing", error(40201, "permission is not enough"))
}

fn field_errors(field: &str, message: &str) -> Value {
    json!({ "error": {
        "code": "400001",
        "message": "field validation exception",
        "fieldErrors": [{ "fieldName": field, "message": message }],
    } })
}

fn query(name: &str, description: &str, example: &str) -> Value {
    json!({
        "name": name, "in": "query", "description": description, "example": example,
        "schema": { "type": "string" },
    })
}

fn required(name: &str, description: &str, example: &str) -> Value {
    with(query(name, description, example), "required", true.into())
}

fn id() -> Value {
    json!({
        "name": "id", "in": "path", "required": true, "description": "The id of the customer",
        "example": 1, "schema": { "type": "integer" },
    })
}

fn dry_run() -> Value {
    query("dryRun", "Any value but `0` and `false`: only say what would happen", "1")
}

fn resolution() -> Value {
    query(
        "resolution",
        "Any value but `0` and `false`: answer how the customer was found as `_resolution`. The \
         header `Prefer: resolution` does the same",
        "1",
    )
}

fn extras() -> Vec<Value> {
    let on_conflict = "`merge`, `keep` (merge nobody) or `reject` (as `merge`, but refuse the whole request where \
                       a guard keeps customers apart), instead of the tenant's setting";
    vec![dry_run(), query("onConflict", on_conflict, "keep"), resolution(), idempotency_key()]
}

fn filters() -> Vec<Value> {
    let moment = "2026-05-04T01:02:03Z";
    vec![
        query("stage", "Equals; `_empty` for customers without one", "Subscriber"),
        query("source", "Equals", "web shop"),
        query("mobile", "Is the same number", "13800000001"),
        query("email", "Is the same address", "wang@example.com"),
        query("name", "Equals", "Wang Fang"),
        query("externalId", "Equals", "taobao-1001"),
        query("gender", "0, 1 or 2; 0 also matches customers without one", "2"),
        query("idList", "Ids, separated by commas; at most 1000", "1,2,3"),
        query("dateCreatedFrom", "Created in this second or later", moment),
        query("dateCreatedTo", "Created in this second or earlier", moment),
        query("lastUpdatedFrom", "Changed in this second or later", moment),
        query("lastUpdatedTo", "Changed in this second or earlier; also `lastUpdateTo`", moment),
    ]
}
