//! What people send about a WeChat account.

use crate::api::call::json_of;
use crate::api::problem::{Code, Problem};
use crate::api::reader::{Reader, below};
use crate::server::problem::Problem as Around;
use crate::wechat::accounts::{self, Bad, Given};
use crate::wechat::seal::Unsealed;
use crate::wire::json::{Json, Object};
use kehub_core::limits::TEXT_CHARS_MAX;
use kehub_core::wechat::WechatSettingsChange;

const MEMBERS: &[&str] = &[
    "appId",
    "appSecret",
    "name",
    "serviceType",
    "verifyType",
    "nightly",
    "callbackToken",
    "encodingAesKey",
];

/// Reads the body of a call that binds an account.
pub(super) fn read(body: &[u8]) -> Result<Given, Problem> {
    let sent = json_of(body)?;
    let mut reader = Reader::default();
    let nothing = Object::default();
    let object = reader.object("", &sent).unwrap_or(&nothing);
    reader.known("", object, MEMBERS);
    let app_id = reader.required_text(object, "appId", TEXT_CHARS_MAX);
    if !app_id.is_empty() && !accounts::is_app_id(&app_id) {
        reader.unfit("/appId", accounts::APP_ID, "other text");
    }
    let secret = |reader: &mut Reader, key: &str, fits: fn(&str) -> bool, expected: &str| {
        let place = below("", key);
        let text = reader.optional_text(&place, object.get(key)?, TEXT_CHARS_MAX)?;
        if !fits(&text) {
            reader.unfit(&place, expected, "other text");
        }
        Some(text)
    };
    let app_secret =
        secret(&mut reader, "appSecret", accounts::is_app_secret, accounts::APP_SECRET);
    let token = secret(&mut reader, "callbackToken", accounts::is_token, accounts::TOKEN);
    let aes_key = secret(&mut reader, "encodingAesKey", accounts::is_aes_key, accounts::AES_KEY);
    let name = object
        .get("name")
        .map(|json| reader.optional_text("/name", json, TEXT_CHARS_MAX).unwrap_or_default().into());
    let number = |reader: &mut Reader, key: &str, range| {
        reader.number(&below("", key), object.get(key)?, range)
    };
    let service_type = number(&mut reader, "serviceType", accounts::SERVICE_TYPES);
    let verify_type = number(&mut reader, "verifyType", accounts::VERIFY_TYPES);
    let nightly = object.get("nightly").and_then(|json| {
        if let Json::Flag(nightly) = json {
            return Some(*nightly);
        }
        reader.unfit("/nightly", "true or false", json.found());
        None
    });
    reader.end()?;
    let settings = WechatSettingsChange { name, service_type, verify_type, nightly };
    Ok(Given { app_id, is_new: false, app_secret, token, aes_key, settings })
}

/// What cannot be sealed.
pub(super) fn unsealed(bad: &Bad) -> Problem {
    match bad {
        Bad::NoKey => Problem::new(Code::SecretKeyMissing, Unsealed::NoKey.to_string()),
        Bad::Random(_) => Problem::from(Around::Internal),
    }
}
