//! What people set about a webhook, as bodies carry it.

use crate::api::reader::Reader;
use crate::webhooks::address::{self, Reach, URL_CHARS_MAX};
use crate::wire::json::{Json, Object};
use kehub_core::feed::Kind;
use kehub_core::limits::TEXT_CHARS_MAX;
use kehub_core::webhook::SettingsChange;

/// The members of a body.
const MEMBERS: &[&str] = &["url", "description", "kinds", "enabled"];

/// Reads what is given.
pub(super) fn read(reader: &mut Reader, object: &Object<'_>, reach: Reach) -> SettingsChange {
    reader.known("", object, MEMBERS);
    let mut change = SettingsChange::default();
    if let Some(json) = object.get("url") {
        change.url = url(reader, json, reach);
    }
    if let Some(json) = object.get("description") {
        let text = reader.optional_text("/description", json, TEXT_CHARS_MAX);
        change.description = Some(text.unwrap_or_default().into());
    }
    if let Some(json) = object.get("kinds") {
        change.kinds = Some(kinds(reader, json));
    }
    if let Some(json) = object.get("enabled") {
        if let Json::Flag(enabled) = json {
            change.enabled = Some(*enabled);
        } else {
            reader.unfit("/enabled", "true or false", json.found());
        }
    }
    change
}

fn url(reader: &mut Reader, json: &Json<'_>, reach: Reach) -> Option<Box<str>> {
    let Some(text) = reader.optional_text("/url", json, URL_CHARS_MAX) else {
        let is_empty = matches!(json, Json::Text(text) if text.trim().is_empty());
        if is_empty || *json == Json::Null {
            reader.missing("/url", address::EXPECTED);
        }
        return None;
    };
    let Some(url) = address::parse(&text) else {
        reader.unfit("/url", address::EXPECTED, "other text");
        return None;
    };
    if !reach.allows_literal(&url) {
        // Names are looked at when they are called: what they lead to may change.
        reader.unfit("/url", "an address of the open internet", "one of a private network");
        return None;
    }
    Some(text.into())
}

/// Names of kinds; `null` and an empty list mean all.
fn kinds(reader: &mut Reader, json: &Json<'_>) -> Vec<Kind> {
    if *json == Json::Null {
        return Vec::new();
    }
    let Some(items) = reader.array("/kinds", json) else { return Vec::new() };
    let mut kinds = Vec::new();
    for (at, json) in items.iter().enumerate() {
        if let Json::Text(name) = json
            && let Some(kind) = Kind::named(name)
        {
            kinds.push(kind);
        } else {
            reader.unfit(&format!("/kinds/{at}"), "a kind of event", json.found());
        }
    }
    kinds
}
