//! What the description of the API tells about WeChat accounts.

use crate::api::describe::{Described, MOMENT, id, object, query, schema};
use crate::api::problem::Code;
use crate::wechat::accounts::{AES_KEY, APP_ID, APP_SECRET, TOKEN};
use kehub_core::directory::Permission;
use kehub_core::limits::TEXT_CHARS_MAX;
use kehub_core::wechat::FanState;
use serde_json::{Value, json};

pub(crate) fn operation(name: &str) -> Option<Described> {
    Some(match name {
        "api_wechat_account_list" => read().answer(
            200,
            "All accounts, by id",
            &["ApiWechatAccounts"],
            &json!({ "items": [example()], "nextCursor": null }),
        ),
        "api_wechat_account_get" => {
            one(read()).answer(200, "The account", &["ApiWechatAccount"], &example())
        }
        "api_wechat_account_bind" => write()
            .body("ApiWechatAccountInput", &input_example())
            .answer(200, "It was bound, and is changed", &["ApiWechatAccount"], &bound(false))
            .answer(201, "The account is new", &["ApiWechatAccount"], &bound(true))
            // The latter of a repeated request, whose account was unbound since.
            .meets(&[
                Code::WechatAccountsTooMany,
                Code::SecretKeyMissing,
                Code::WechatAccountNotFound,
            ]),
        "api_wechat_account_unbind" => one(write()).done("It is gone, or would be"),
        "api_wechat_import_start" => one(write())
            .parameter(query("fromStart", "`1`: begin with the first page in any case", "1"))
            .answer(200, "The account as it would be", &["ApiWechatAccount"], &example())
            .answer(202, "The account, whose fans are imported", &["ApiWechatAccount"], &example()),
        _ => return None,
    })
}

fn read() -> Described {
    Described::read(Permission::WechatAdmin)
}

fn write() -> Described {
    Described::write(Permission::WechatAdmin)
}

fn one(described: Described) -> Described {
    described.parameter(id("The id of the account")).meets(&[Code::WechatAccountNotFound])
}

const APP: &str = "wx0123456789abcdef";

fn example() -> Value {
    let moment = "2026-05-04T01:02:03.250Z";
    json!({
        "id": 1, "appId": APP, "name": "旗舰店", "serviceType": 2, "verifyType": 0, "nightly": true,
        "callback": { "path": format!("/wechat/{APP}/callback"), "enabled": true, "encrypted": true },
        "createdAt": moment, "updatedAt": moment,
        "import": {
            "state": "waiting", "askedAt": moment, "endedAt": null, "dueAt": moment,
            "total": 25_000, "pages": 1, "read": 10_000, "created": 9_000, "updated": 900,
            "unchanged": 90, "merged": 9, "refused": 1, "tagsLeftOut": 0,
            "refusedBecause": {
                "gone": 1, "unusable": 0, "inConflict": 0, "tooManyAttributes": 0, "other": 0,
            },
            "error": {
                "at": moment, "code": 45009, "reason": "the account has used up its calls of the day",
            },
        },
    })
}

fn input_example() -> Value {
    json!({
        "appId": APP, "appSecret": "0123456789abcdef0123456789abcdef", "name": "旗舰店",
        "serviceType": 2, "verifyType": 0, "nightly": true, "callbackToken": "Token123",
        "encodingAesKey": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
    })
}

pub(crate) fn schemas() -> Value {
    let next = json!({ "type": ["string", "null"] });
    let items = json!({ "type": "array", "items": schema("ApiWechatAccount") });
    let page = json!({ "items": items, "nextCursor": next });
    json!({
        "ApiWechatAccount": account(),
        "ApiWechatAccounts": object("WeChat accounts.", &page, &[]),
        "ApiWechatAccountInput": input(),
        "ApiWechatImport": import(),
        "ApiWechatRefusals": refusals(),
        "ApiWechatError": error(),
    })
}

fn moment() -> Value {
    json!({ "type": "string", "pattern": MOMENT })
}

fn moment_or_null() -> Value {
    json!({ "type": ["string", "null"], "pattern": MOMENT })
}

fn kinds(null: bool) -> (Value, Value) {
    let integer = if null { json!(["integer", "null"]) } else { json!("integer") };
    let service =
        "WeChat's `service_type_info`: 0 and 1 a subscription account, 2 a service account";
    let verify = "WeChat's `verify_type_info`: -1 not verified, 0 verified";
    (
        json!({ "type": integer, "minimum": 0, "maximum": 2, "description": service }),
        json!({ "type": integer, "minimum": -1, "maximum": 5, "description": verify }),
    )
}

fn bound(created: bool) -> Value {
    let mut account = example();
    if let Value::Object(members) = &mut account {
        members.insert("created".to_owned(), json!(created));
    }
    account
}

fn account() -> Value {
    let (service_type, verify_type) = kinds(true);
    let callback = json!({
        "path": { "type": "string", "description": "What WeChat is to call on this hub" },
        "enabled": { "type": "boolean", "description": "Whether there is a token" },
        "encrypted": { "type": "boolean", "description": "Whether there is a key as well" },
    });
    let properties = json!({
        "id": { "type": "integer" },
        "appId": { "type": "string" },
        "name": { "type": "string" },
        "serviceType": service_type,
        "verifyType": verify_type,
        "nightly": { "type": "boolean", "description": "Whether fans are imported every night" },
        "callback": object("Where follows and unfollows are heard.", &callback, &[]),
        "createdAt": moment(),
        "updatedAt": moment(),
        "import": schema("ApiWechatImport"),
        "created": { "type": "boolean", "description": "Of a call that binds: whether the account is new, or \
            was bound before and is changed" },
    });
    object("An official account of WeChat.", &properties, &["created"])
}

fn input() -> Value {
    let (service_type, verify_type) = kinds(false);
    let text = |about: &str| {
        json!({
            "type": ["string", "null"], "maxLength": TEXT_CHARS_MAX,
            "description": format!("{}{}", about[..1].to_uppercase(), &about[1..]),
        })
    };
    let properties = json!({
        "appId": { "type": "string", "maxLength": TEXT_CHARS_MAX, "description": APP_ID },
        "appSecret": text(APP_SECRET),
        "name": { "type": ["string", "null"], "maxLength": TEXT_CHARS_MAX },
        "serviceType": service_type,
        "verifyType": verify_type,
        "nightly": { "type": "boolean" },
        "callbackToken": text(TOKEN),
        "encodingAesKey": text(AES_KEY),
    });
    let optional = [
        "appSecret",
        "name",
        "serviceType",
        "verifyType",
        "nightly",
        "callbackToken",
        "encodingAesKey",
    ];
    object("An account to be bound or changed; what is absent stays.", &properties, &optional)
}

fn number(about: &str) -> Value {
    json!({ "type": "integer", "minimum": 0, "description": about })
}

fn import() -> Value {
    let states: Vec<&str> = FanState::ALL.iter().map(|state| state.name()).collect();
    let properties = json!({
        "state": { "enum": states },
        "askedAt": moment_or_null(),
        "endedAt": moment_or_null(),
        "dueAt": moment_or_null(),
        "total": { "type": ["integer", "null"], "description": "Fans there are, as WeChat says" },
        "pages": number("Pages of 10,000 that are done"),
        "read": number("Fans that were read"),
        "created": number("Customers that are new"),
        "updated": number("Customers that changed"),
        "unchanged": number("Customers that stayed as they were"),
        "merged": number("Customers that others were merged into"),
        "refused": number("Fans that the rules refused, or who ceased to be fans meanwhile"),
        "refusedBecause": schema("ApiWechatRefusals"),
        "tagsLeftOut": number("Names of tags that the attribute of a fan had no room for"),
        "error": { "anyOf": [schema("ApiWechatError"), { "type": "null" }] },
    });
    object("The last import of the fans of an account.", &properties, &[])
}

fn refusals() -> Value {
    let properties = json!({
        "gone": number("WeChat does not count them as fans any more"),
        "unusable": number("Nothing about them finds or makes a customer"),
        "inConflict": number("They would open conflicts, and the policy refuses that"),
        "tooManyAttributes": number("Their customers would have more custom attributes than they may"),
        "other": number("Anything else"),
    });
    object("Why fans were refused: how many, and not who.", &properties, &[])
}

fn error() -> Value {
    let properties = json!({
        "at": moment(),
        "code": { "type": ["integer", "null"], "description": "The error code of WeChat" },
        "reason": { "type": "string" },
    });
    object("Why an import waits or was given up.", &properties, &[])
}
