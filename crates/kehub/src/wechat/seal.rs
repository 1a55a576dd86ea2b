//! How secrets of others are kept: encrypted under a key that is not in the store.
//!
//! AES-256-GCM with a drawn nonce. What a secret is of (tenant, account, which one) is authenticated
//! with it, so that a row that somebody moved does not open. The first byte tells the format.

use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kehub_core::TenantId;
use kehub_core::wechat::Sealed;
use std::fmt;
use std::str::FromStr;

/// Bytes of a key.
const KEY_BYTES: usize = 32;
/// Bytes of a nonce.
const NONCE_BYTES: usize = 12;
/// The only format there is: a nonce, the encrypted secret, its tag.
const FORMAT: u8 = 1;
/// Keeps these texts apart from any other use of the key.
const DOMAIN: &str = "kehub wechat 1";

/// The key that secrets are encrypted with: 32 bytes, which people write as 64 hexadecimal characters
/// or as Base64. It is shown nowhere.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SecretKey([u8; KEY_BYTES]);

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey")
    }
}

impl FromStr for SecretKey {
    type Err = String;

    fn from_str(text: &str) -> Result<SecretKey, String> {
        let text = text.trim();
        let bytes = hex::decode(text).ok().or_else(|| STANDARD.decode(text).ok());
        let key = bytes.and_then(|bytes| bytes.try_into().ok()).map(SecretKey);
        key.ok_or_else(|| {
            let found = text.chars().count();
            format!(
                "expected 32 bytes as 64 hexadecimal characters, as `openssl rand -hex 32` prints \
                 them, or as Base64, found {found} characters that are neither"
            )
        })
    }
}

/// What a secret is of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) tenant: TenantId,
    pub(crate) app_id: &'a str,
    pub(crate) what: What,
}

/// Which secret of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    AppSecret,
    CallbackToken,
    AesKey,
    /// Not a secret of the account but personal: the fan behind whom an import goes on.
    Next,
}

impl What {
    const fn name(self) -> &'static str {
        match self {
            What::AppSecret => "app secret",
            What::CallbackToken => "callback token",
            What::AesKey => "encoding AES key",
            What::Next => "next openid",
        }
    }
}

impl Place<'_> {
    fn text(&self) -> String {
        format!("{DOMAIN}\0{}\0{}\0{}", self.tenant, self.app_id, self.what.name())
    }
}

/// Why a secret cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unsealed {
    #[error(
        "the hub has no KEHUB_SECRET_KEY, which secrets of WeChat accounts are encrypted with: set it \
         to what `openssl rand -hex 32` prints, and keep it"
    )]
    NoKey,
    #[error(
        "the secrets of the account do not open with this KEHUB_SECRET_KEY: start with the one they \
         were encrypted with, or bind the account again"
    )]
    Wrong,
}

impl SecretKey {
    /// Encrypts a secret; an error if the machine gives no random numbers.
    pub(crate) fn seal(&self, place: Place<'_>, secret: &str) -> Result<Sealed, getrandom::Error> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce)?;
        let aad = place.text();
        let payload = Payload { msg: secret.as_bytes(), aad: aad.as_bytes() };
        // It fails for texts of many gigabytes only.
        let sealed = self.cipher().encrypt(&Nonce::from(nonce), payload).unwrap_or_default();
        let bytes = [FORMAT].into_iter().chain(nonce).chain(sealed);
        Ok(Sealed(bytes.collect()))
    }

    fn open(&self, place: Place<'_>, sealed: &Sealed) -> Option<String> {
        let bytes = sealed.0.strip_prefix(&[FORMAT])?;
        let (nonce, msg) = bytes.split_first_chunk::<NONCE_BYTES>()?;
        let aad = place.text();
        let payload = Payload { msg, aad: aad.as_bytes() };
        let opened = self.cipher().decrypt(&Nonce::from(*nonce), payload).ok()?;
        String::from_utf8(opened).ok()
    }

    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new(&Key::<Aes256Gcm>::from(self.0))
    }
}

/// Decrypts a secret with the key of a hub, if it has one.
pub(crate) fn open(
    key: Option<&SecretKey>,
    place: Place<'_>,
    sealed: &Sealed,
) -> Result<String, Unsealed> {
    key.ok_or(Unsealed::NoKey)?.open(place, sealed).ok_or(Unsealed::Wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(digit: char) -> SecretKey {
        digit.to_string().repeat(64).parse().unwrap()
    }

    #[test]
    fn a_secret_opens_with_its_key_at_its_place_only() {
        let place = Place { tenant: TenantId(1), app_id: "wx1", what: What::AppSecret };
        let sealed = key('a').seal(place, "secret").unwrap();
        assert_ne!(sealed, key('a').seal(place, "secret").unwrap());
        assert!(!sealed.0.windows(6).any(|part| part == b"secret"));
        assert_eq!(open(Some(&key('a')), place, &sealed), Ok("secret".to_owned()));
        assert_eq!(open(None, place, &sealed), Err(Unsealed::NoKey));
        assert_eq!(open(Some(&key('b')), place, &sealed), Err(Unsealed::Wrong));
        let others = [
            Place { tenant: TenantId(2), ..place },
            Place { app_id: "wx2", ..place },
            Place { what: What::CallbackToken, ..place },
        ];
        for other in others {
            assert_eq!(open(Some(&key('a')), other, &sealed), Err(Unsealed::Wrong), "{other:?}");
        }
        for place_of_bit in 0..sealed.0.len() {
            let mut broken = sealed.clone();
            broken.0[place_of_bit] ^= 1;
            assert_eq!(open(Some(&key('a')), place, &broken), Err(Unsealed::Wrong));
        }
    }

    #[test]
    fn a_key_is_read_as_people_write_it_and_shown_nowhere() {
        let base64 = STANDARD.encode([0xaa; 32]);
        assert_eq!(base64.parse(), Ok(key('a')));
        assert_eq!(format!("{}\n", "A".repeat(64)).parse(), Ok(key('a')));
        for text in ["", "secret", &"a".repeat(63), &STANDARD.encode([0xaa; 31])] {
            let error = text.parse::<SecretKey>().unwrap_err();
            assert!(error.contains("openssl rand -hex 32") && !error.contains("secret"), "{error}");
        }
        assert_eq!(format!("{:?}", key('a')), "SecretKey");
    }
}
