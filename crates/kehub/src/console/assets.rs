//! Style, script and icon of the pages: in the binary, each at an address that names its content, so
//! that a browser keeps it for ever.

use axum::body::Bytes;
use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use sha2::{Digest as _, Sha256};
use std::sync::LazyLock;

/// One file.
#[derive(Debug)]
pub(super) struct Asset {
    name: String,
    kind: &'static str,
    text: &'static str,
}

impl Asset {
    fn new(stem: &str, extension: &str, kind: &'static str, text: &'static str) -> Asset {
        let hash = hex::encode(Sha256::digest(text));
        let (short, _) = hash.split_at(16);
        Asset { name: format!("{stem}-{short}.{extension}"), kind, text }
    }

    /// Where it is.
    pub(super) fn address(&self) -> String {
        format!("/console/assets/{}", self.name)
    }
}

pub(super) static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("style", "css", "text/css; charset=utf-8", include_str!("style.css"))
});
pub(super) static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("script", "js", "text/javascript; charset=utf-8", include_str!("script.js"))
});
pub(super) static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("icon", "svg", "image/svg+xml", include_str!("icon.svg")));

/// Answers a file. None of them says anything about anybody, so that nobody has to be signed in.
pub(super) async fn asset(Path(name): Path<String>) -> Response {
    let Some(asset) = [&STYLE, &SCRIPT, &ICON].into_iter().find(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(asset.kind)),
        (CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, Bytes::from_static(asset.text.as_bytes())).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a browser loads before the first page is whole.
    #[test]
    fn style_and_script_are_small() {
        const BYTES_MAX: usize = 250 * 1000;
        let bytes = STYLE.text.len() + SCRIPT.text.len() + ICON.text.len();
        assert!(bytes < BYTES_MAX, "{bytes} bytes");
    }

    /// A page loads nothing from anywhere else, and the policy lets nothing in.
    #[test]
    fn nothing_is_asked_of_other_hosts() {
        for asset in [&STYLE, &SCRIPT] {
            assert!(!asset.text.contains("://"), "{}", asset.name);
            assert!(!asset.text.contains("@import"), "{}", asset.name);
        }
    }
}
