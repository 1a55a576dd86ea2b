//! JSON schemas of the v1 wire, exact enough to check every answer against them.

use kehub_core::attribute::{Access, Attribute, Kind};
use kehub_core::limits::{
    IDENTITY_NAME_CHARS_MAX, IDENTITY_TYPE_CHARS_MAX, IDENTITY_VALUE_CHARS_MAX,
};
use serde_json::{Map, Value, json};

const MOMENT: &str = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$";
const DAY: &str = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$";
const ABOUT_ATTR: &str = "Custom attributes by their keys.";

/// Every schema, by name.
pub(crate) fn all() -> Value {
    let mut all = json!({
        "Customer": customer(),
        "CustomerPart": customer_part(),
        "OwnWords": own_words(),
        "CustomerInput": customer_input(),
        "CustomerList": customer_list(),
        "UpsertInput": upsert_input(),
        "Identity": identity(),
        "IdentityInput": identity_input(),
        "AttachInput": attach_input(),
        "Token": token(),
        "User": user(),
        "WechatAccount": wechat_account(),
    });
    if let (Value::Object(all), Value::Object(more)) = (&mut all, errors()) {
        all.extend(more);
    }
    if let (Value::Object(all), Value::Object(more)) = (&mut all, resolution()) {
        all.extend(more);
    }
    all
}

/// A reference to a schema.
pub(crate) fn schema(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// An object with one member more.
pub(crate) fn with(mut object: Value, key: &str, value: Value) -> Value {
    if let Value::Object(members) = &mut object {
        members.insert(key.to_owned(), value);
    }
    object
}

fn object(description: &str, properties: &Value, optional: &[&str]) -> Value {
    let required: Vec<&String> = properties.as_object().into_iter().flat_map(Map::keys).collect();
    let required: Vec<&&String> =
        required.iter().filter(|key| !optional.contains(&key.as_str())).collect();
    json!({
        "type": "object",
        "description": description,
        "required": required,
        "properties": properties,
        "additionalProperties": false,
    })
}

fn customer() -> Value {
    let mut properties = answered(shown);
    properties.insert("_resolution".to_owned(), schema("Resolution"));
    let description = "A customer. Every key is always there, in the order of this list: unset \
                       ones are `null`, flags `false`, `gender` 0. `attr` stands last.";
    object(description, &Value::Object(properties), &["_resolution"])
}

fn customer_part() -> Value {
    json!({
        "type": "object",
        "description": "A customer, or of one what was selected.",
        "properties": answered(shown),
        "additionalProperties": false,
    })
}

fn own_words() -> Value {
    let mut properties = answered(|attribute| {
        let mut schema = shown(attribute);
        if attribute != Attribute::Id && schema.get("enum").is_some() {
            schema = json!({ "enum": [0, 1, 2, null], "description": attribute.about() });
        } else if attribute != Attribute::Id
            && let Some(kind) = schema.get("type").and_then(Value::as_str)
        {
            let kinds = json!([kind, "null"]);
            schema = with(schema, "type", kinds);
        }
        schema
    });
    properties.insert("_resolution".to_owned(), schema("OwnResolution"));
    let description = "The answer to an app that may not read customers: the id, what it sent \
                       itself, and `null` for everything else.";
    object(description, &Value::Object(properties), &["_resolution"])
}

/// All attributes in the form that answers have, and `attr`.
fn answered(shown: impl Fn(Attribute) -> Value) -> Map<String, Value> {
    let attributes = Attribute::ALL.iter();
    let mut properties: Map<String, Value> =
        attributes.map(|attribute| (attribute.name().to_owned(), shown(*attribute))).collect();
    let attr = json!({
        "type": "object",
        "description": ABOUT_ATTR,
        "additionalProperties": { "type": ["string", "number", "boolean", "null"] },
    });
    properties.insert("attr".to_owned(), attr);
    properties
}

fn shown(attribute: Attribute) -> Value {
    let schema = match attribute.kind() {
        Kind::Text(chars) => json!({ "type": ["string", "null"], "maxLength": chars }),
        Kind::Gender => json!({ "enum": [0, 1, 2] }),
        Kind::Integer if attribute == Attribute::Id => json!({ "type": "integer", "minimum": 1 }),
        Kind::Integer => json!({ "type": ["integer", "null"] }),
        Kind::Decimal => json!({ "type": ["number", "null"] }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Date => json!({ "type": ["string", "null"], "pattern": DAY }),
        Kind::Time if always_set(attribute) => json!({ "type": "string", "pattern": MOMENT }),
        Kind::Time => json!({ "type": ["string", "null"], "pattern": MOMENT }),
    };
    with(schema, "description", attribute.about().into())
}

fn always_set(attribute: Attribute) -> bool {
    matches!(attribute, Attribute::DateJoin | Attribute::DateCreated | Attribute::LastUpdated)
}

fn customer_input() -> Value {
    let mut properties = Map::new();
    let sent = Attribute::ALL.iter().filter(|it| it.access() != Access::Derived);
    for attribute in sent {
        let types = match attribute.kind() {
            Kind::Text(_) => json!(["string", "number", "boolean", "null"]),
            Kind::Gender | Kind::Integer | Kind::Decimal => json!(["number", "string", "null"]),
            Kind::Flag => json!(["boolean", "string", "integer", "null"]),
            Kind::Date | Kind::Time => json!(["string", "null"]),
        };
        let mut schema = json!({ "type": types, "description": attribute.about() });
        if let Kind::Text(chars) = attribute.kind() {
            schema = with(schema, "maxLength", chars.into());
        }
        properties.insert(attribute.name().to_owned(), schema);
    }
    let attr = json!({
        "type": ["object", "null"],
        "description": "Custom attributes, overlaid key by key.",
        "propertyNames": { "pattern": "^[A-Za-z_][A-Za-z0-9_.-]{0,63}$" },
        "additionalProperties": { "type": ["string", "number", "boolean", "null"] },
    });
    properties.insert("attr".to_owned(), attr);
    json!({
        "type": "object",
        "description": "Fields of a customer. Numbers, booleans and ids may be text. Unknown keys \
                        are ignored.",
        "properties": properties,
    })
}

fn customer_list() -> Value {
    object(
        "A page of customers.",
        &json!({
            "records": { "type": "integer", "minimum": 0, "description": "All matches" },
            "rows": { "type": "array", "maxItems": 1000, "items": schema("CustomerPart") },
            "total": { "type": "integer", "minimum": 0, "description": "Pages in all" },
        }),
        &[],
    )
}

fn upsert_input() -> Value {
    json!({
        "type": "object",
        "description": "A customer and what points at it.",
        "required": ["customer", "customerIdentities"],
        "properties": {
            "customer": schema("CustomerInput"),
            "customerIdentities": { "type": "array", "items": schema("IdentityInput") },
        },
    })
}

fn identity() -> Value {
    object(
        "An identity and the customer it belongs to.",
        &json!({
            "customerId": { "type": "string", "pattern": "^[0-9]+$" },
            "identityType": { "type": "string", "maxLength": IDENTITY_TYPE_CHARS_MAX },
            "identityValue": { "type": "string", "maxLength": IDENTITY_VALUE_CHARS_MAX },
            "identityName": { "type": ["string", "null"], "maxLength": IDENTITY_NAME_CHARS_MAX },
            "_resolution": { "anyOf": [schema("Resolution"), schema("OwnResolution")] },
        }),
        &["_resolution"],
    )
}

/// The three keys of an identity as they are sent.
fn identity_keys() -> Value {
    let text = |chars: usize, description: &str| {
        json!({
            "type": ["string", "number", "null"],
            "maxLength": chars,
            "description": description,
        })
    };
    json!({
        "identityType": text(IDENTITY_TYPE_CHARS_MAX, "Such as `wechat`, `mobile` or `member-id`"),
        "identityValue": text(IDENTITY_VALUE_CHARS_MAX, "The value, unique within the type"),
        "identityName": text(IDENTITY_NAME_CHARS_MAX, "A name for people"),
    })
}

fn identity_input() -> Value {
    json!({
        "type": "object",
        "description": "An identity. One without a type or a value is skipped.",
        "properties": identity_keys(),
    })
}

fn attach_input() -> Value {
    let customer = json!({ "type": ["integer", "string"] });
    let properties = with(identity_keys(), "customerId", customer);
    json!({
        "type": "object",
        "description": "An identity and the customer that it is to belong to.",
        "required": ["customerId", "identityType", "identityValue"],
        "properties": properties,
    })
}

fn token() -> Value {
    object(
        "A token.",
        &json!({
            "error_code": { "const": 0 },
            "access_token": { "type": "string", "pattern": "^[0-9a-f]{32}$" },
            "expires_in": { "const": 7200, "description": "Seconds" },
        }),
        &[],
    )
}

fn user() -> Value {
    object(
        "Whose a token is.",
        &json!({
            "tid": { "type": "integer", "description": "Number of the tenant" },
            "tname": { "type": "string", "description": "Name of the tenant" },
            "loginName": { "type": "string", "description": "Id of the app" },
            "name": { "type": "string", "description": "Name of the app" },
            "email": { "type": "null" },
        }),
        &[],
    )
}

fn wechat_account() -> Value {
    let kind = |about: &str| json!({ "type": ["integer", "null"], "description": about });
    object(
        "An official account of WeChat.",
        &json!({
            "id": { "type": "integer" },
            "appId": { "type": "string" },
            "name": { "type": "string" },
            "serverTypeInfo": kind("0 and 1 a subscription account, 2 a service account"),
            "verifyTypeInfo": kind("-1 not verified, 0 verified"),
        }),
        &[],
    )
}

fn errors() -> Value {
    let text = json!({ "type": "string" });
    let conflicts = json!({
        "type": "array",
        "items": schema("Conflict"),
        "description": "What `onConflict=reject` ran into",
    });
    let coded = object(
        "Why nothing was stored.",
        &json!({
            "code": { "const": "C0002" },
            "message": {
                "type": "string",
                "description": "A JSON text: an array of objects with `field` and `message`",
            },
            "conflicts": conflicts,
        }),
        &["conflicts"],
    );
    let field = object(
        "A field and what does not fit.",
        &json!({ "fieldName": text, "message": text }),
        &[],
    );
    let listed = object(
        "Why nothing was stored or looked up.",
        &json!({
            "code": { "const": "400001" },
            "message": { "const": "field validation exception" },
            "fieldErrors": { "type": "array", "minItems": 1, "items": field },
            "conflicts": conflicts,
        }),
        &["conflicts"],
    );
    let code = json!({ "type": "integer", "minimum": 1 });
    json!({
        "Error": object(
            "An error.",
            &json!({ "error_code": code, "error_description": text }),
            &[],
        ),
        "CredentialsError": object(
            "App id, secret or grant type are wrong. The code is text.",
            &json!({ "error_code": { "const": "40004" }, "error_description": text }),
            &[],
        ),
        "CodedFieldErrors": object("Fields that do not fit.", &json!({ "error": coded }), &[]),
        "FieldErrors": object("Fields that do not fit.", &json!({ "error": listed }), &[]),
        "BodyError": { "type": "string", "description": "What is wrong with the body." },
    })
}

fn resolution() -> Value {
    let verdicts = json!([
        "matched",
        "moved",
        "created",
        "attached",
        "keptElsewhere",
        "blocked",
        "quarantined",
        "overLimit",
        "invalid",
    ]);
    let id = json!({ "type": "integer", "minimum": 1 });
    let id_or_null = json!({ "type": ["integer", "null"], "minimum": 1 });
    let place = json!({ "type": "integer", "minimum": 0 });
    let text = json!({ "type": "string" });
    let outcome = json!({
        "identityType": text, "identityValue": text, "outcome": { "enum": verdicts },
        "customerId": id,
    });
    let outcomes = json!({
        "type": "array",
        "items": object("What came of an identity.", &outcome, &["customerId"]),
    });
    let matched = json!({ "oneOf": [
        object("By an identity.", &json!({ "identityType": text, "identityValue": text }), &[]),
        object("By an attribute.", &json!({ "attribute": { "enum": ["id", "mobile", "email"] } }), &[]),
    ]});
    let warning = json!({
        "code": { "enum": ["identityBlocked", "identityQuarantined", "overLimit", "identityInvalid",
            "fieldBlocked", "flagWithoutValue", "nothingWritten"] },
        "identity": place, "identityType": text, "field": text,
    });
    let warning = object("Something to know.", &warning, &["identity", "identityType", "field"]);
    json!({
        "Conflict": object("A conflict or review entry.", &json!({
            "id": id_or_null,
            "kind": { "enum": ["refused", "review"] },
            "rule": { "enum": ["distinguishing", "cannotLink", "tooManyIdentities", "contactOnly",
                "keep", "overLimit", "attributeMatch"] },
            "identity": place,
            "customerId": id_or_null,
            "new": { "type": "boolean" },
        }), &[]),
        "Resolution": object("How the customer was found.", &json!({
            "result": { "enum": ["created", "updated", "unchanged", "merged"] },
            "matchedBy": matched,
            "identities": outcomes,
            "mergedIds": { "type": "array", "items": id },
            "conflicts": { "type": "array", "items": schema("Conflict") },
            "warnings": { "type": "array", "items": warning },
            "seq": id_or_null,
        }), &["matchedBy"]),
        "OwnResolution": object("What came of what was sent.", &json!({ "identities": outcomes }), &[]),
    })
}
