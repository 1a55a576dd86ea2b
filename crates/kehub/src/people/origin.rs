//! Whether a page of this hub sends a request, and not another site in the browser of somebody who is
//! signed in.

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, Method};
use url::Url;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// The header that a script of ours repeats the token of its page in.
pub(crate) const CSRF_HEADER: HeaderName = HeaderName::from_static("x-csrf-token");
/// The field of a form that holds the token of its page.
pub(crate) const CSRF_FIELD: &str = "csrf";

/// Whether a method only reads.
pub(crate) fn is_safe(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD || method == Method::OPTIONS
}

/// Whether the browser says that a page of this hub sends it. One that says nothing is not believed:
/// every browser tells the origin of what writes.
pub(crate) fn is_ours(headers: &HeaderMap, public_url: Option<&Url>) -> bool {
    if let Some(site) = headers.get(SEC_FETCH_SITE) {
        return site.as_bytes() == b"same-origin";
    }
    let Some(origin) = headers.get(ORIGIN).and_then(|it| it.to_str().ok()) else { return false };
    if public_url.is_some_and(|url| url.origin().ascii_serialization() == origin) {
        return true;
    }
    let host = headers.get(HOST).and_then(|it| it.to_str().ok());
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    authority.zip(host).is_some_and(|(one, other)| one.eq_ignore_ascii_case(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_ours_with(pairs: &[(&'static str, &str)], public_url: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        is_ours(&headers, public_url.map(|url| url.parse().unwrap()).as_ref())
    }

    #[test]
    fn a_request_of_another_site_is_told_by_its_browser() {
        let host = ("host", "hub.example:8080");
        let public = Some("https://hub.example/console");
        assert!(is_ours_with(&[("sec-fetch-site", "same-origin")], None));
        for site in ["cross-site", "same-site", "none", ""] {
            let origin = ("origin", "http://hub.example:8080");
            assert!(!is_ours_with(&[host, origin, ("sec-fetch-site", site)], None), "{site}");
        }
        assert!(is_ours_with(&[host, ("origin", "http://HUB.example:8080")], None));
        assert!(is_ours_with(
            &[("host", "127.0.0.1:80"), ("origin", "https://hub.example")],
            public
        ));
        for origin in
            ["http://hub.example", "https://evil.example:8080", "null", "hub.example:8080"]
        {
            assert!(!is_ours_with(&[host, ("origin", origin)], None), "{origin}");
        }
        assert!(!is_ours_with(&[host, ("origin", "http://hub.example")], public), "another scheme");
        assert!(!is_ours_with(&[host], public));
    }
}
