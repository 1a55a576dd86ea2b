//! Idempotency keys: what makes two requests the same one.
//!
//! Keys and bodies may hold personal data, and the store keeps what is made of them for a day. So
//! they are hashed under a key of the store: who has only the file's rows cannot try out values.

use super::tokens::keyed;
use crate::wire::query::Query;
use axum::http::{HeaderMap, Method, Uri};
use hmac::{Hmac, Mac};
use kehub_core::TenantId;
use kehub_core::command::Idempotency;
use sha2::Sha256;

/// The header, as messages name it.
pub(crate) const HEADER: &str = "Idempotency-Key";
/// What a message expects of a key.
pub(crate) const EXPECTED: &str = "1 to 255 visible ASCII characters";

const KEY_BYTES_MAX: usize = 255;
/// Keeps these hashes apart from any other use of the store's key.
const DOMAIN: &[u8] = b"kehub idempotency 1";
/// Parameters that say who asks, or how much to answer: two requests that differ in these alone are
/// the same one. A dry run looks at no key. Names without case and underscores (W39).
const PARAMETERS_LEFT_OUT: [&str; 3] = ["accesstoken", "resolution", "dryrun"];

/// The header is there, and is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoKey;

/// The key that came with a request.
pub(crate) fn key(headers: &HeaderMap) -> Result<Option<&[u8]>, NoKey> {
    let mut values = headers.get_all(HEADER).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let key = value.as_bytes();
    let fits = (1..=KEY_BYTES_MAX).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic);
    if fits && values.next().is_none() { Ok(Some(key)) } else { Err(NoKey) }
}

/// What a client asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a Method,
    /// With its canonical path.
    pub(crate) uri: &'a Uri,
    pub(crate) body: &'a [u8],
    /// The place of the part of a batch that the body is.
    pub(crate) row: Option<usize>,
}

/// Hashes keys and requests under the key of a store.
#[derive(Clone)]
pub(crate) struct Fingerprints(Hmac<Sha256>);

impl std::fmt::Debug for Fingerprints {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fingerprints")
    }
}

impl Fingerprints {
    pub(crate) fn new(store_key: &[u8; 32]) -> Fingerprints {
        Fingerprints(keyed(store_key, DOMAIN))
    }

    /// What the store remembers a request by.
    pub(crate) fn of(&self, key: &[u8], asked: Asked<'_>) -> Idempotency {
        let row = asked.row.map(|row| row.to_string()).unwrap_or_default();
        let key = self.hash(["key", &row].into_iter().map(str::as_bytes).chain([key]));
        let parameters = parameters(asked.uri);
        let texts = ["request", asked.method.as_str(), asked.uri.path()].into_iter();
        let texts = texts.chain(parameters.iter().map(String::as_str)).map(str::as_bytes);
        Idempotency { key, request: self.hash(texts.chain([asked.body])) }
    }

    /// What the store remembers a message by that somebody else tells, from what tells it from others.
    pub(crate) fn of_message(&self, tenant: TenantId, parts: &[&str]) -> Idempotency {
        let tenant = tenant.to_string();
        let texts = ["message", &tenant].into_iter().chain(parts.iter().copied());
        let key = self.hash(texts.map(str::as_bytes));
        Idempotency { key, request: key }
    }

    /// Of the parts in their order; where one ends counts as well.
    fn hash<'p>(&self, parts: impl Iterator<Item = &'p [u8]>) -> [u8; 16] {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(part);
        }
        let whole: [u8; 32] = mac.finalize().into_bytes().into();
        let (half, _) = whole.split_first_chunk().unwrap_or((&[0; 16], &[]));
        *half
    }
}

/// The parameters that make a request another one: names and values in their order.
fn parameters(uri: &Uri) -> Vec<String> {
    let mut counted = Vec::new();
    for (name, value) in Query::new(uri.query()).decoded() {
        let name = name.unwrap_or_default().to_ascii_lowercase().replace('_', "");
        if !PARAMETERS_LEFT_OUT.contains(&&*name) {
            counted.extend([name, value.unwrap_or_default()]);
        }
    }
    counted
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(keys: &[&[u8]]) -> HeaderMap {
        let values = keys.iter().map(|key| HeaderValue::from_bytes(key).unwrap());
        values.map(|value| ("idempotency-key".parse().unwrap(), value)).collect()
    }

    #[test]
    fn a_key_is_one_to_255_visible_ascii_characters() {
        assert_eq!(key(&headers(&[])), Ok(None));
        let longest = [b'~'; 255];
        for good in [&b"8e03978e-40d5-43dd-bc93-6894a57f9324"[..], b"\"a\"", &longest] {
            assert_eq!(key(&headers(&[good])), Ok(Some(good)));
        }
        for bad in [&b""[..], b"a b", b"a\t", "é".as_bytes(), &[b'~'; 256]] {
            assert_eq!(key(&headers(&[bad])), Err(NoKey), "{bad:?}");
        }
        assert_eq!(key(&headers(&[b"a", b"a"])), Err(NoKey));
    }

    fn of(store: u8, key: &str, method: &Method, uri: &str, body: &str) -> Idempotency {
        let uri = uri.parse().unwrap();
        let asked = Asked { method, uri: &uri, body: body.as_bytes(), row: None };
        Fingerprints::new(&[store; 32]).of(key.as_bytes(), asked)
    }

    #[test]
    fn everything_that_is_asked_makes_a_request_another_one() {
        let first = of(1, "k", &Method::POST, "/v1/customers?onConflict=keep", "{}");
        for same in ["&access_token=7", "&Access_Token=8&RESOLUTION=1", "&dryRun=0"] {
            let uri = format!("/v1/customers?on_conflict=keep{same}");
            assert_eq!(of(1, "k", &Method::POST, &uri, "{}"), first, "{same}");
        }
        for other in [
            of(1, "k", &Method::PUT, "/v1/customers?onConflict=keep", "{}"),
            of(1, "k", &Method::POST, "/v1/customer?onConflict=keep", "{}"),
            of(1, "k", &Method::POST, "/v1/customers?onConflict=merge", "{}"),
            of(1, "k", &Method::POST, "/v1/customers", "{}"),
            of(1, "k", &Method::POST, "/v1/customers?onConflict=keep", "{} "),
            // Where a part ends counts as well.
            of(1, "k", &Method::POST, "/v1/customers?onConflict=kee", "p{}"),
        ] {
            assert_eq!(other.key, first.key);
            assert_ne!(other.request, first.request);
        }
        let other = of(1, "K", &Method::POST, "/v1/customers?onConflict=keep", "{}");
        assert_ne!(other.key, first.key);
        assert_eq!(other.request, first.request);
        let other = of(2, "k", &Method::POST, "/v1/customers?onConflict=keep", "{}");
        assert!(other.key != first.key && other.request != first.request, "another store");
    }

    #[test]
    fn rows_of_a_batch_have_keys_of_their_own() {
        let uri = "/api/customers/batch".parse().unwrap();
        let asked = Asked { method: &Method::POST, uri: &uri, body: b"{}", row: None };
        let fingerprints = Fingerprints::new(&[1; 32]);
        let keys: Vec<[u8; 16]> = [None, Some(0), Some(1), Some(10)]
            .map(|row| fingerprints.of(b"k", Asked { row, ..asked }).key)
            .to_vec();
        let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len());
    }
}
