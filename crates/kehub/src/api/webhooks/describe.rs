//! What the description of the API tells about webhooks.

use crate::api::describe::{Described, MOMENT, id, object, query, schema};
use crate::api::problem::Code;
use crate::api::version;
use crate::webhooks::address::URL_CHARS_MAX;
use kehub_core::directory::Permission;
use kehub_core::feed::Kind;
use kehub_core::limits::TEXT_CHARS_MAX;
use kehub_core::webhook::Reason;
use serde_json::{Value, json};

pub(crate) fn operation(name: &str) -> Option<Described> {
    let webhook = "The webhook afterwards";
    Some(match name {
        "api_webhook_list" => read().answer(
            200,
            "All webhooks, by id",
            &["ApiWebhooks"],
            &json!({ "items": [example()], "nextCursor": null }),
        ),
        "api_webhook_get" => one(read()).answer(200, "The webhook", &["ApiWebhook"], &example()),
        "api_webhook_create" => write()
            .body("ApiWebhookInput", &json!({ "url": URL, "kinds": ["created", "merged"] }))
            .answer(200, "What would be created", &["ApiWebhook"], &example())
            .answer(201, "The webhook, with its secret", &["ApiWebhook"], &with_secret())
            // The latter of a repeated request, whose webhook was deleted since.
            .meets(&[Code::WebhooksTooMany, Code::WebhookNotFound]),
        "api_webhook_patch" => one(write())
            .parameter(version::parameter())
            .body("ApiWebhookChange", &json!({ "enabled": false }))
            .answer(200, webhook, &["ApiWebhook"], &example())
            .meets(&[Code::ChangedMeanwhile]),
        "api_webhook_rotate" => one(write()).answer(
            200,
            "The webhook, with its new secret",
            &["ApiWebhook"],
            &with_secret(),
        ),
        "api_webhook_replay" => one(write())
            .body("ApiReplayInput", &json!({ "seq": 1 }))
            .answer(200, webhook, &["ApiWebhook"], &example())
            .meets(&[Code::BeyondFeed]),
        "api_webhook_delete" => one(write()).done("It is gone, or would be"),
        "api_dead_letter_list" => one(read())
            .parameter(query("limit", "How many at most: 1 to 1000, 50 unless given", "100"))
            .parameter(query("cursor", "Where to go on: `nextCursor` of the last answer", "7.1"))
            .answer(
                200,
                "Dead letters in order",
                &["ApiDeadLetters"],
                &json!({ "items": [letter()], "nextCursor": null }),
            ),
        "api_dead_letter_retry" => one(write())
            .optional_body("ApiRetryInput", &json!({ "seq": 7, "index": 1 }))
            .answer(200, webhook, &["ApiWebhook"], &example())
            .meets(&[Code::DeadLetterNotFound]),
        _ => return None,
    })
}

const URL: &str = "https://crm.example.com/hooks/kehub";

fn read() -> Described {
    Described::read(Permission::WebhooksAdmin)
}

fn write() -> Described {
    Described::write(Permission::WebhooksAdmin)
}

fn one(described: Described) -> Described {
    described.parameter(id("The id of the webhook")).meets(&[Code::WebhookNotFound])
}

fn example() -> Value {
    let moment = "2026-05-04T01:02:03.250Z";
    json!({
        "id": 1, "url": URL, "description": "", "kinds": ["created", "merged"], "enabled": true,
        "version": "5f2ad9c1b0e34d77", "createdAt": moment, "updatedAt": moment,
        "progress": {
            "seq": 7, "lag": 2, "waiting": 1, "deadLetters": 0, "deliveredAt": moment,
            "lastError": { "at": moment, "reason": "status", "status": 503 },
        },
    })
}

fn with_secret() -> Value {
    let mut webhook = example();
    if let Value::Object(members) = &mut webhook {
        let secret = "whsec_q8Q2n0Yh1m5m0m3kXb0mJm3xw9cVYtqk1a8yH3bYQ0E=";
        members.insert("secret".to_owned(), json!(secret));
    }
    webhook
}

fn letter() -> Value {
    json!({
        "seq": 7, "index": 1, "eventId": "evt_1_7_1", "tries": 10,
        "error": { "at": "2026-05-04T01:02:03.250Z", "reason": "timedOut", "status": null },
    })
}

pub(crate) fn schemas() -> Value {
    let next = json!({ "type": ["string", "null"] });
    let page = |items: &str| json!({ "items": { "type": "array", "items": schema(items) }, "nextCursor": next });
    let replay = json!({ "seq": { "type": "integer", "minimum": 1 } });
    let retry = json!({
        "seq": { "type": "integer", "minimum": 1 }, "index": { "type": "integer", "minimum": 0 },
    });
    json!({
        "ApiWebhook": webhook(),
        "ApiWebhooks": object("Webhooks.", &page("ApiWebhook"), &[]),
        "ApiWebhookInput": input("A webhook to be created.", &["description", "kinds", "enabled"]),
        "ApiWebhookChange":
            input("What changes.", &["url", "description", "kinds", "enabled"]),
        "ApiWebhookProgress": progress(),
        "ApiDeliveryError": error(),
        "ApiReplayInput": object("From where on to tell again.", &replay, &[]),
        "ApiRetryInput": object("Which dead letter; all if empty.", &retry, &["seq", "index"]),
        "ApiDeadLetter": dead_letter(),
        "ApiDeadLetters": object("Dead letters.", &page("ApiDeadLetter"), &[]),
    })
}

fn moment() -> Value {
    json!({ "type": "string", "pattern": MOMENT })
}

fn moment_or_null() -> Value {
    json!({ "type": ["string", "null"], "pattern": MOMENT })
}

fn kinds(null: bool) -> Value {
    let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    let kind = if null { json!(["array", "null"]) } else { json!("array") };
    json!({
        "type": kind, "items": { "enum": names },
        "description": "The kinds of events that it is told; all if empty",
    })
}

fn webhook() -> Value {
    let properties = json!({
        "id": { "type": "integer" },
        "url": { "type": "string" },
        "description": { "type": "string" },
        "kinds": kinds(false),
        "enabled": { "type": "boolean" },
        "version": { "type": "string", "description": "Another one whenever something else is set" },
        "createdAt": moment(),
        "updatedAt": moment(),
        "progress": schema("ApiWebhookProgress"),
        "secret": {
            "type": "string", "pattern": "^whsec_[A-Za-z0-9+/]{43}=$",
            "description": "What its calls are signed with: shown once, where it is drawn",
        },
    });
    object("An address that is told what happens.", &properties, &["secret"])
}

fn input(about: &str, optional: &[&str]) -> Value {
    let properties = json!({
        "url": {
            "type": "string", "maxLength": URL_CHARS_MAX,
            "description": "`https` or `http`; no address of a private network",
        },
        "description": { "type": ["string", "null"], "maxLength": TEXT_CHARS_MAX },
        "kinds": kinds(true),
        "enabled": { "type": "boolean", "description": "True unless given" },
    });
    object(about, &properties, optional)
}

fn progress() -> Value {
    let number = |about: &str| json!({ "type": "integer", "minimum": 0, "description": about });
    let error = json!({ "anyOf": [schema("ApiDeliveryError"), { "type": "null" }] });
    let properties = json!({
        "seq": number("Every event up to this journal entry was delivered, waits or is dead"),
        "lag": number("Journal entries after it"),
        "waiting": number("Events that failed and are tried again, and those behind them"),
        "deadLetters": number("Events that are not tried any more"),
        "deliveredAt": moment_or_null(),
        "lastError": error,
    });
    object("How far a webhook has been told.", &properties, &[])
}

fn error() -> Value {
    let mut reasons: Vec<&str> = Reason::WITHOUT_STATUS.iter().map(|it| it.name()).collect();
    reasons.push(Reason::Status(0).name());
    let properties = json!({
        "at": moment(),
        "reason": { "enum": reasons },
        "status": { "type": ["integer", "null"], "description": "The status of the answer" },
    });
    object("How a call failed.", &properties, &[])
}

fn dead_letter() -> Value {
    let properties = json!({
        "seq": { "type": "integer" },
        "index": { "type": "integer" },
        "eventId": { "type": "string", "description": "What stood in `webhook-id`" },
        "tries": { "type": "integer" },
        "error": { "anyOf": [schema("ApiDeliveryError"), { "type": "null" }] },
    });
    object("An event that is not tried any more.", &properties, &[])
}
