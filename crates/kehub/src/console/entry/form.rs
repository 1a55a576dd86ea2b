//! What a form sends.

use axum::body::Bytes;
use multer::Multipart;
use std::sync::{Arc, Mutex, PoisonError};
use url::form_urlencoded;

/// The fields of a form.
#[derive(Debug)]
pub(in crate::console) struct Form(Vec<(String, String)>);

impl Form {
    pub(in crate::console) fn read(body: &[u8]) -> Form {
        Form(form_urlencoded::parse(body).into_owned().collect())
    }

    /// A field; empty if it is not there.
    pub(in crate::console) fn field(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// A field, if it is there.
    pub(in crate::console) fn given(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// All fields, in order.
    pub(in crate::console) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Every value of a field that may be there several times.
    pub(in crate::console) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The rest of a form of several parts, whose first one the [guard](super::guard) has read.
#[derive(Clone)]
pub(in crate::console) struct Rest(Arc<Mutex<Option<Multipart<'static>>>>);

impl Rest {
    pub(super) fn of(form: Multipart<'static>) -> Rest {
        Rest(Arc::new(Mutex::new(Some(form))))
    }

    /// The rest itself, once.
    pub(in crate::console) fn take(&self) -> Option<Multipart<'static>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl From<Bytes> for Form {
    fn from(body: Bytes) -> Form {
        Form::read(&body)
    }
}

/// Where somebody wanted to go: a page of the console, never another host.
pub(super) fn place_of_ours(wanted: &str) -> &str {
    let is_ours = wanted.strip_prefix("/console").is_some_and(|rest| {
        (rest.is_empty() || rest.starts_with(['/', '?'])) && !rest.contains(['\\', '\r', '\n'])
    });
    if is_ours { wanted } else { "/console" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_text_without_escapes() {
        let form = Form::read("login=li%20na%40x&password=a+b%26c&login=twice&empty".as_bytes());
        assert_eq!((form.field("login"), form.field("password")), ("li na@x", "a b&c"));
        assert_eq!((form.field("empty"), form.field("nothing")), ("", ""));
        assert_eq!((form.given("empty"), form.given("nothing")), (Some(""), None));
        assert_eq!(form.all("login").collect::<Vec<_>>(), ["li na@x", "twice"]);
    }

    #[test]
    fn nobody_is_led_to_another_host() {
        for ours in ["/console", "/console?a=1", "/console/customers/7?q=%2F"] {
            assert_eq!(place_of_ours(ours), ours);
        }
        let others = [
            "",
            "/",
            "//evil.example",
            "https://evil.example/console",
            "/consoles",
            "/console\\x",
            "/console@evil.example",
        ];
        for other in others {
            assert_eq!(place_of_ours(other), "/console", "{other}");
        }
    }
}
