//! How somebody wants pages to be: language, theme and time, as the browser or a cookie says.

use super::words::Language;
use axum::http::header::{ACCEPT_LANGUAGE, COOKIE};
use axum::http::request::Parts;

/// The cookie that holds the chosen language.
pub(super) const LANGUAGE: &str = "kehub_language";
/// The cookie that holds the chosen theme.
pub(super) const THEME: &str = "kehub_theme";
/// The cookie that holds the minutes by which the browser's clock is before UTC.
const ZONE: &str = "kehub_zone";
/// Nobody's clock is further from UTC.
const ZONE_MINUTES_MAX: i32 = 14 * 60;

/// Light or dark; without a choice as the system has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Theme {
    Light,
    Dark,
}

impl Theme {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Theme::Light => "light",
            Theme::Dark => "dark",
        }
    }

    pub(super) fn named(name: &str) -> Option<Theme> {
        [Theme::Light, Theme::Dark].into_iter().find(|theme| theme.name() == name)
    }
}

/// How a page is to be.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    pub(super) language: Language,
    pub(super) theme: Option<Theme>,
    /// By how many seconds the clock of whoever looks is before UTC.
    pub(super) offset_seconds: i32,
    /// The address of the page, its parameters included.
    pub(super) here: String,
}

impl Look {
    /// What a request says of it.
    pub(super) fn of(parts: &Parts) -> Look {
        let header = |name| parts.headers.get(name)?.to_str().ok();
        let cookies = header(COOKIE).unwrap_or_default();
        let chosen = cookie(cookies, LANGUAGE).and_then(Language::tagged);
        let accepted = || Language::accepted(header(ACCEPT_LANGUAGE).unwrap_or_default());
        let zone = cookie(cookies, ZONE).and_then(|minutes| minutes.parse::<i32>().ok());
        let zone = zone.filter(|minutes| minutes.abs() <= ZONE_MINUTES_MAX).unwrap_or_default();
        let here = parts.uri.path_and_query().map_or("/console", |here| here.as_str());
        Look {
            language: chosen.unwrap_or_else(accepted),
            theme: cookie(cookies, THEME).and_then(Theme::named),
            offset_seconds: zone * 60,
            here: here.to_owned(),
        }
    }
}

/// The value of a cookie.
fn cookie<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let pairs = header.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    fn look(cookies: &str, languages: &str) -> Look {
        let request = Request::builder().uri("/console/customers?q=a");
        let request = request.header(COOKIE, cookies).header(ACCEPT_LANGUAGE, languages);
        let (parts, ()) = request.body(()).unwrap().into_parts();
        Look::of(&parts)
    }

    #[test]
    fn what_was_chosen_wins_over_what_the_browser_says() {
        let chosen = look("a=b; kehub_language=zh-CN; kehub_theme=dark; kehub_zone=-210", "en");
        assert_eq!((chosen.language, chosen.theme), (Language::Zh, Some(Theme::Dark)));
        assert_eq!(chosen.offset_seconds, -12_600);
        assert_eq!(chosen.here, "/console/customers?q=a");
        let odd = look("kehub_language=xx; kehub_theme=pink; kehub_zone=9999", "zh");
        assert_eq!((odd.language, odd.theme, odd.offset_seconds), (Language::Zh, None, 0));
    }
}
