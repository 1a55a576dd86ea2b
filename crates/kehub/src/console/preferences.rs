//! `POST /console/look`: chooses a language or a theme, and goes back to where that was done.

use super::look::{LANGUAGE, THEME, Theme};
use super::page::elsewhere;
use super::words::Language;
use axum::body::Bytes;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};

const YEAR_SECONDS: u32 = 365 * 24 * 60 * 60;

/// Keeps a choice in a cookie. It says nothing about anybody and may be made by anybody; words that
/// are no choice change nothing.
pub(super) async fn set(body: Bytes) -> Response {
    let mut back = "/console".to_owned();
    let mut cookie = None;
    for (name, value) in url::form_urlencoded::parse(&body) {
        match &*name {
            "back" => back = value.into_owned(),
            "theme" if value.is_empty() => cookie = Some(format!("{THEME}=; Max-Age=0")),
            "theme" => {
                let theme = Theme::named(&value);
                cookie = theme.map(|it| format!("{THEME}={}; Max-Age={YEAR_SECONDS}", it.name()));
            }
            "language" => {
                let language = Language::tagged(&value);
                cookie =
                    language.map(|it| format!("{LANGUAGE}={}; Max-Age={YEAR_SECONDS}", it.tag()));
            }
            _ => (),
        }
    }
    // To a page of ours, never to another host.
    let is_ours = back == "/console"
        || back.strip_prefix("/console").is_some_and(|rest| rest.starts_with(['/', '?']));
    let mut response = elsewhere(if is_ours { &back } else { "/console" });
    if let Some(cookie) = cookie {
        let Ok(value) = HeaderValue::try_from(format!("{cookie}; Path=/console; SameSite=Lax"))
        else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        response.headers_mut().insert(SET_COOKIE, value);
    }
    response
}
