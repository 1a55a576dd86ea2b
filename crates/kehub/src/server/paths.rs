//! Paths as clients glue them: `//` counts as `/`, words match in any case (W32).

use axum::extract::Request;
use axum::http::Uri;
use axum::http::uri::PathAndQuery;

/// Gives the request its canonical path. A path that cannot be rewritten stays, and is unknown.
pub(crate) fn canonicalise(request: &mut Request) {
    let Some(path) = canonical(request.uri().path()) else { return };
    let path = match request.uri().query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    let Ok(path) = PathAndQuery::try_from(path) else { return };
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = Some(path);
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
}

/// Lower case, without empty parts; `None` if the path is like that already.
fn canonical(path: &str) -> Option<String> {
    let is_canonical = !path.contains("//")
        && !path.bytes().any(|byte| byte.is_ascii_uppercase())
        && (path.len() == 1 || !path.ends_with('/'));
    if is_canonical {
        return None;
    }
    let mut canonical = String::with_capacity(path.len());
    for part in path.split('/').filter(|part| !part.is_empty()) {
        canonical.push('/');
        canonical.extend(part.chars().map(|c| c.to_ascii_lowercase()));
    }
    if canonical.is_empty() {
        canonical.push('/');
    }
    Some(canonical)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_odd_is_rewritten() {
        assert_eq!(canonical("/v1/customers/7"), None);
        assert_eq!(canonical("/"), None);
        let odd = ["//v1//customerAndIdentities", "/V1/customerandidentities/"];
        for path in odd {
            assert_eq!(canonical(path).as_deref(), Some("/v1/customerandidentities"), "{path}");
        }
        assert_eq!(canonical("//").as_deref(), Some("/"));
    }
}
