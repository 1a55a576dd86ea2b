//! What the description of the API tells about `/api`: each noun describes its own calls and
//! shapes, this is what they share.

use super::problem::{Code, ItemError, Place, Problem, Retry};
use super::{
    access, apps, audit, cannot_links, changes, claims, conflicts, customers, duplicates,
    explanations, exports, identities, identity_types, imports, merges, past, policy, quarantine,
    users, webhooks, wechat_accounts,
};
use kehub_core::attribute::FieldProblem;
use kehub_core::directory::Permission;
use kehub_core::misfit::{Expected, Found};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A moment: a fraction of three or six digits where there is one.
pub(crate) const MOMENT: &str =
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{3}([0-9]{3})?)?Z$";

/// What a noun tells about its operations, and its schemas.
type Noun = (fn(&str) -> Option<Described>, fn() -> Value);

/// Every noun.
const NOUNS: &[Noun] = &[
    (access::describe::operation, access::describe::schemas),
    (apps::describe::operation, apps::describe::schemas),
    (audit::describe::operation, audit::describe::schemas),
    (changes::describe::operation, changes::describe::schemas),
    (cannot_links::describe::operation, cannot_links::describe::schemas),
    (claims::describe::operation, claims::describe::schemas),
    (conflicts::describe::operation, conflicts::describe::schemas),
    (customers::describe::operation, customers::schemas::all),
    (customers::describe_decisions::operation, customers::describe_decisions::schemas),
    (merges::describe::operation, merges::describe::schemas),
    (duplicates::describe::operation, duplicates::describe::schemas),
    (explanations::describe::operation, explanations::describe::schemas),
    (exports::describe::operation, exports::describe::schemas),
    (identities::describe::operation, identities::describe::schemas),
    (identity_types::describe::operation, identity_types::describe::schemas),
    (imports::describe::operation, imports::describe::schemas),
    (past::describe::operation, past::schemas::all),
    (policy::describe::operation, policy::describe::schemas),
    (quarantine::describe::operation, quarantine::describe::schemas),
    (users::describe::operation, users::describe::schemas),
    (webhooks::describe::operation, webhooks::describe::schemas),
    (wechat_accounts::describe::operation, wechat_accounts::describe::schemas),
];

/// What is to be told about the operation of this name; `None` if it is none of `/api`.
pub(crate) fn operation(name: &str) -> Option<Value> {
    let described = NOUNS.iter().find_map(|(operation, _)| operation(name))?;
    Some(described.into_json())
}

/// Every schema of `/api`, by name.
pub(crate) fn schemas() -> Map<String, Value> {
    let mut all = Map::new();
    all.insert("Problem".to_owned(), problem());
    for (_, schemas) in NOUNS {
        if let Value::Object(schemas) = schemas() {
            all.extend(schemas);
        }
    }
    all
}

/// Headings of the calls under `/api`.
pub(crate) fn tags() -> [Value; 15] {
    let tag = |name: &str, about: &str| json!({ "name": name, "description": about });
    [
        tag("API access", "Kehub's own API: tokens."),
        tag("API apps", "Kehub's own API: who may ask, and for what."),
        tag("API changes", "Kehub's own API: what happened, in order."),
        tag("API conflicts", "Kehub's own API: what waits for a reviewer, and who is kept apart."),
        tag("API merges", "Kehub's own API: who was joined, and how to part them again."),
        tag("API customers", "Kehub's own API: who is who, and what is known of them."),
        tag("API duplicates", "Kehub's own API: who looks like one person."),
        tag("API explanations", "Kehub's own API: why two are one, or are not."),
        tag("API identities", "Kehub's own API: what points at a customer."),
        tag("API imports", "Kehub's own API: files whose rows become customers."),
        tag("API policy", "Kehub's own API: the rules of the tenant and of its identity types."),
        tag("API quarantine", "Kehub's own API: what has been seen with too many people."),
        tag("API users", "Kehub's own API: people who sign in, and what they did."),
        tag("API webhooks", "Kehub's own API: telling other systems what happens."),
        tag("API WeChat", "Kehub's own API: official accounts and their fans."),
    ]
}

/// An operation: what it takes, what it answers, and which problems it may meet.
#[derive(Debug)]
pub(crate) struct Described {
    permission: Option<Permission>,
    parameters: Vec<Value>,
    body: Option<Value>,
    answers: Vec<(u16, Value)>,
    codes: Vec<Code>,
    lines: Option<Lines>,
}

/// What a call takes and answers a line each, beside JSON.
#[derive(Debug)]
struct Lines {
    sent: Value,
    answered: Value,
}

impl Described {
    /// A call that needs no token.
    pub(crate) fn open() -> Described {
        Described {
            permission: None,
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
            codes: vec![Code::ParametersInvalid, Code::Internal, Code::Busy],
            lines: None,
        }
    }

    /// A call that reads.
    pub(crate) fn read(permission: Permission) -> Described {
        let mut described = Described::open();
        described.permission = Some(permission);
        let codes = [Code::TokenMissing, Code::TokenInvalid, Code::PermissionMissing];
        described.codes.extend(codes);
        described
    }

    /// A call that writes: it has a dry run, and its outcome may be unknown.
    pub(crate) fn write(permission: Permission) -> Described {
        let mut described = Described::read(permission);
        described.codes.extend([Code::CrossSite, Code::OutcomeUnknown]);
        described.codes.extend([Code::KeyInvalid, Code::KeyReused]);
        described.parameter(idempotency_key()).parameter(query(
            "dryRun",
            "`1`: only say what would happen",
            "1",
        ))
    }

    pub(crate) fn parameter(mut self, parameter: Value) -> Described {
        self.parameters.push(parameter);
        self
    }

    /// A JSON body of this shape.
    pub(crate) fn body(mut self, shape: &str, example: &Value) -> Described {
        let content = json!({ "schema": schema(shape), "example": example });
        let content = json!({ "application/json": content });
        self.body = Some(json!({ "required": true, "content": content }));
        self.codes.extend([Code::BodyNotJson, Code::BodyBroken, Code::BodyTooLarge]);
        self.codes.push(Code::FieldsInvalid);
        self
    }

    /// A JSON body of this shape, or none.
    pub(crate) fn optional_body(self, shape: &str, example: &Value) -> Described {
        let mut described = self.body(shape, example);
        if let Some(Value::Object(body)) = &mut described.body {
            body.insert("required".to_owned(), json!(false));
        }
        described
    }

    /// A body of one of these media types.
    pub(crate) fn takes(mut self, content: &Value) -> Described {
        self.body = Some(json!({ "required": true, "content": content }));
        self.codes.extend([Code::BodyBroken, Code::BodyTooLarge]);
        self
    }

    /// A success without a body.
    pub(crate) fn done(mut self, about: &str) -> Described {
        self.answers.push((204, json!({ "description": about })));
        self
    }

    /// A success of one of these shapes.
    pub(crate) fn answer(
        mut self,
        status: u16,
        about: &str,
        shapes: &[&str],
        example: &Value,
    ) -> Described {
        let shape = match shapes {
            [one] => schema(one),
            several => {
                let several: Vec<Value> = several.iter().map(|name| schema(name)).collect();
                json!({ "anyOf": several })
            }
        };
        let content = json!({ "application/json": { "schema": shape, "example": example } });
        self.answers.push((status, json!({ "description": about, "content": content })));
        self
    }

    /// A success that is a file of one of these media types, each with an example.
    pub(crate) fn files(self, about: &str, files: &[(&str, &str)]) -> Described {
        self.files_as(200, about, files)
    }

    /// The same with another status.
    pub(crate) fn files_as(
        mut self,
        status: u16,
        about: &str,
        files: &[(&str, &str)],
    ) -> Described {
        let content = |(media, example): &(&str, &str)| {
            let schema = json!({ "type": "string" });
            ((*media).to_owned(), json!({ "schema": schema, "example": example }))
        };
        let content: Map<String, Value> = files.iter().map(content).collect();
        self.answers.push((status, json!({ "description": about, "content": content })));
        self
    }

    /// A success that says nothing more.
    pub(crate) fn silent(mut self, about: &str) -> Described {
        self.answers.push((204, json!({ "description": about })));
        self
    }

    /// Problems of its own.
    pub(crate) fn meets(mut self, codes: &[Code]) -> Described {
        self.codes.extend(codes);
        self
    }

    /// Bodies and answers may also be a line each, such as these.
    pub(crate) fn lines(mut self, sent: Value, answered: Value) -> Described {
        self.lines = Some(Lines { sent, answered });
        self
    }

    fn into_json(self) -> Value {
        let mut operation = Map::new();
        match self.permission {
            Some(permission) => {
                operation.insert("x-permission".to_owned(), json!(permission.name()))
            }
            None => operation.insert("security".to_owned(), json!([])),
        };
        if !self.parameters.is_empty() {
            operation.insert("parameters".to_owned(), Value::Array(self.parameters));
        }
        operation.extend(self.body.map(|body| ("requestBody".to_owned(), body)));
        let answers = self.answers.into_iter().map(|(status, answer)| (status.to_string(), answer));
        let mut responses: Map<String, Value> = answers.collect();
        responses.extend(problems(&self.codes));
        operation.insert("responses".to_owned(), Value::Object(responses));
        let mut operation = Value::Object(operation);
        if let Some(Lines { sent, answered }) = self.lines {
            add_lines(&mut operation, "/requestBody/content", &sent);
            // What is refused or interrupted as a whole tells of each row as well.
            for status in ["200", "422", "503"] {
                add_lines(&mut operation, &format!("/responses/{status}/content"), &answered);
            }
        }
        operation
    }
}

fn add_lines(operation: &mut Value, place: &str, example: &Value) {
    if let Some(Value::Object(content)) = operation.pointer_mut(place) {
        let lines = json!({ "schema": { "type": "string" }, "example": format!("{example}\n") });
        content.insert("application/x-ndjson".to_owned(), lines);
    }
}

/// Problems by status, with an example of each.
fn problems(codes: &[Code]) -> impl Iterator<Item = (String, Value)> {
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in Code::ALL.iter().filter(|code| codes.contains(code)) {
        by_status.entry(code.status()).or_default().push(*code);
    }
    by_status.into_iter().map(|(status, codes)| {
        let titles: Vec<&str> = codes.iter().map(|code| code.title()).collect();
        let examples: Map<String, Value> = codes
            .iter()
            .map(|code| (code.name().to_owned(), json!({ "value": example(*code) })))
            .collect();
        let content = json!({ "schema": schema("Problem"), "examples": examples });
        let mut answer = json!({
            "description": titles.join("; or: "),
            "content": { "application/problem+json": content },
        });
        if let (Value::Object(answer), 503) = (&mut answer, status) {
            let seconds = json!({ "description": "Seconds", "schema": { "type": "integer" } });
            answer.insert("headers".to_owned(), json!({ "Retry-After": seconds }));
        }
        (status.to_string(), answer)
    })
}

fn example(code: Code) -> Value {
    let unfit = |expected: Expected| FieldProblem::new(expected, Found::OtherText);
    let errors = if code == Code::FieldsInvalid {
        let place = Place::Pointer("/customer/birthday".to_owned());
        vec![ItemError::invalid(place, &unfit(Expected::Date))]
    } else if code == Code::ParametersInvalid {
        let place = Place::Parameter("dryRun".to_owned());
        vec![ItemError::invalid(place, &unfit(Expected::OneOrZero))]
    } else {
        return Problem::new(code, code.title()).body("5b3c09d100000007");
    };
    let problem = Problem::errors(code, errors);
    problem.body("5b3c09d100000007")
}

/// A reference to a schema.
pub(crate) fn schema(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// An object of exactly these members, all of them required but for the optional ones.
pub(crate) fn object(about: &str, properties: &Value, optional: &[&str]) -> Value {
    let names = properties.as_object().into_iter().flat_map(Map::keys);
    let required: Vec<&String> = names.filter(|name| !optional.contains(&name.as_str())).collect();
    json!({
        "type": "object",
        "description": about,
        "required": required,
        "properties": properties,
        "additionalProperties": false,
    })
}

/// A query parameter.
pub(crate) fn query(name: &str, about: &str, example: &str) -> Value {
    json!({
        "name": name, "in": "query", "description": about, "example": example,
        "schema": { "type": "string" },
    })
}

/// A header.
pub(crate) fn header(name: &str, about: &str, example: &str) -> Value {
    json!({
        "name": name, "in": "header", "description": about, "example": example,
        "schema": { "type": "string" },
    })
}

/// The header that makes a write safe to send again.
pub(crate) fn idempotency_key() -> Value {
    json!({
        "name": "Idempotency-Key", "in": "header",
        "description": "A text of the client's choice, new for every request: sent again within a \
                        day, the same request gets the same answer and changes nothing",
        "example": "8e03978e-40d5-43dd-bc93-6894a57f9324",
        "schema": { "type": "string", "pattern": "^[!-~]{1,255}$" },
    })
}

/// The number in a path.
pub(crate) fn id(about: &str) -> Value {
    json!({
        "name": "id", "in": "path", "required": true, "description": about, "example": 1,
        "schema": { "type": "integer" },
    })
}

fn problem_part() -> Value {
    json!({
        "type": "object",
        "description": "One part of the request that does not fit.",
        "required": ["code", "detail"],
        "properties": {
            "pointer": { "type": "string", "description": "Where in the body (RFC 6901)" },
            "parameter": { "type": "string", "description": "Which query parameter" },
            "code": {
                "enum": ["invalid", "unknown", "missing", "readOnly", "repeated", "refused", "notFound"],
            },
            "detail": { "type": "string" },
        },
        "additionalProperties": false,
    })
}

fn problem() -> Value {
    let names: Vec<&str> = Code::ALL.iter().map(|code| code.name()).collect();
    let retries = [Retry::Never, Retry::Safe, Retry::SameKey].map(Retry::name);
    let text = json!({ "type": "string" });
    let properties = json!({
        "type": { "type": "string", "description": "Where the problem is explained" },
        "title": text,
        "status": { "type": "integer" },
        "detail": text,
        "code": { "enum": names },
        "errors": { "type": "array", "minItems": 1, "items": problem_part() },
        "retry": {
            "enum": retries,
            "description": "`safe`: nothing was applied, send it again. `sameKey`: it may have \
                            been applied, send it again with the same `Idempotency-Key`",
        },
        "requestId": text,
        "customerId": {
            "type": "integer",
            "description": "`customerMerged`: who answers. `customerDeleted`, `customerErased`, \
                            `sameCustomer`: the customer",
        },
        "importId": { "type": "integer", "description": "`importRunning`: which one" },
        "bytes": {
            "type": "integer",
            "description": "`rangeNotSatisfiable`: how many the file has",
        },
        "customerIds": {
            "type": "array", "items": { "type": "integer" },
            "description": "`identitiesTaken`: who owns them",
        },
        "cannotLink": {
            "type": "array", "items": { "type": "integer" },
            "description": "`cannotLinked`: the two homes",
        },
        "outcome": { "type": "string", "description": "`identityNotAttached`: why" },
        "conflicts": {
            "type": "array", "items": schema("ApiConflict"),
            "description": "`conflictsFound`: what the request met",
        },
        "outcomes": {
            "type": "array", "items": text,
            "description": "`conflictsFound`: what would have come of each identity, in order",
        },
        "items": {
            "type": "array", "items": schema("ApiRowResult"),
            "description": "`batchRefused`, `batchInterrupted`: what became of each row",
        },
        "counts": schema("ApiRowCounts"),
    });
    let optional = [
        "errors",
        "customerId",
        "importId",
        "bytes",
        "customerIds",
        "cannotLink",
        "outcome",
        "conflicts",
        "outcomes",
        "items",
        "counts",
    ];
    object("Why a call was refused (RFC 9457).", &properties, &optional)
}
