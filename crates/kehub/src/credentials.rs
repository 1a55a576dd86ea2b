//! App ids and secrets: how they are drawn, and how they are kept and compared.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// What an app id begins with.
const APP_ID_PREFIX: &str = "cl";
/// Hexadecimal characters behind the prefix of an app id.
const APP_ID_HEX: usize = 15;
/// Bytes of a secret: 40 hexadecimal characters.
const SECRET_BYTES: usize = 20;
/// Characters that credentials chosen by an operator may have.
const CHOSEN_CHARS_MAX: usize = 64;
/// Characters that a secret chosen by an operator must have.
const CHOSEN_SECRET_CHARS_MIN: usize = 16;

/// An app id and its secret, in the only moment in which the secret is known.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The app id.
    pub app: Box<str>,
    /// The secret.
    pub secret: Box<str>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("app", &self.app).finish_non_exhaustive()
    }
}

impl Credentials {
    /// New ones: the id `cl` and 15 hexadecimal characters, the secret 40.
    pub fn draw() -> Result<Credentials, getrandom::Error> {
        let mut id = [0; APP_ID_HEX.div_ceil(2)];
        getrandom::fill(&mut id)?;
        let digits: String = hex::encode(id).chars().take(APP_ID_HEX).collect();
        Ok(Credentials { app: format!("{APP_ID_PREFIX}{digits}").into(), secret: draw_secret()? })
    }
}

impl std::str::FromStr for Credentials {
    type Err = String;

    /// Reads `<app id>:<secret>`, both of letters, digits, `-` and `_`, so that they need no
    /// encoding in a query string.
    fn from_str(text: &str) -> Result<Credentials, String> {
        let (app, secret) = text.split_once(':').ok_or("expected <app id>:<secret>")?;
        let fits = |part: &str| {
            (1..=CHOSEN_CHARS_MAX).contains(&part.len())
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        };
        if !fits(app) || !fits(secret) {
            return Err(format!(
                "an app id and a secret have 1 to {CHOSEN_CHARS_MAX} letters, digits, `-` or `_`"
            ));
        }
        if secret.len() < CHOSEN_SECRET_CHARS_MIN {
            return Err(format!("a secret has at least {CHOSEN_SECRET_CHARS_MIN} characters"));
        }
        Ok(Credentials { app: app.into(), secret: secret.into() })
    }
}

/// A new secret.
pub fn draw_secret() -> Result<Box<str>, getrandom::Error> {
    let mut secret = [0; SECRET_BYTES];
    getrandom::fill(&mut secret)?;
    Ok(hex::encode(secret).into())
}

/// The hash under which a secret is kept. A fast one is enough: secrets are drawn, not chosen to
/// be remembered, and a slow one would cost every request for a token.
pub fn secret_hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// Whether this is the secret behind the hash, in a time that does not depend on where they
/// differ.
pub(crate) fn is_secret(secret: &str, hash: &[u8; 32]) -> bool {
    secret_hash(secret).ct_eq(hash).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_credentials_have_the_form_of_the_wire_and_hide_their_secret() {
        let drawn = Credentials::draw().unwrap();
        let is_hex = |text: &str| text.bytes().all(|b| b"0123456789abcdef".contains(&b));
        assert!(drawn.app.len() == 17 && is_hex(drawn.app.strip_prefix("cl").unwrap()));
        assert!(drawn.secret.len() == 40 && is_hex(&drawn.secret));
        assert_ne!(drawn, Credentials::draw().unwrap());
        assert!(!format!("{drawn:?}").contains(&*drawn.secret));
        let text = format!("{}:{}", drawn.app, drawn.secret);
        assert_eq!(text.parse(), Ok(drawn));
    }

    #[test]
    fn chosen_credentials_need_a_length_and_no_encoding() {
        for text in ["", "a", "a:", ":b", "a:short", "a b:0123456789abcdef", "a:0123456789abcde&"] {
            assert!(text.parse::<Credentials>().is_err(), "{text}");
        }
    }
}
