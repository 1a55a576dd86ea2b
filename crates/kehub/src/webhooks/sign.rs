//! How calls are signed: the convention of Standard Webhooks, so that receivers need no code of
//! ours.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use kehub_core::Micros;
use kehub_core::webhook::{Secret, Webhook};
use sha2::Sha256;

/// What a secret begins with where people see it.
const SECRET_PREFIX: &str = "whsec_";

/// A new secret.
pub(crate) fn draw_secret() -> Result<Secret, getrandom::Error> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)?;
    Ok(Secret(secret))
}

/// A secret as it is shown once, and as libraries take it.
pub(crate) fn secret_text(secret: &Secret) -> String {
    format!("{SECRET_PREFIX}{}", STANDARD.encode(secret.0))
}

/// The value of the header `webhook-signature`: one signature, and for some time after the secret
/// was rotated another one under the old secret.
pub(super) fn signatures(
    webhook: &Webhook,
    id: &str,
    seconds: i64,
    body: &[u8],
    now: Micros,
) -> String {
    let mut all = signature(&webhook.secret, id, seconds, body);
    if let Some((old, until)) = &webhook.old_secret
        && now < *until
    {
        all.push(' ');
        all.push_str(&signature(old, id, seconds, body));
    }
    all
}

fn signature(secret: &Secret, id: &str, seconds: i64, body: &[u8]) -> String {
    // An HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&secret.0) else { return String::new() };
    mac.update(format!("{id}.{seconds}.").as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kehub_core::WebhookId;
    use kehub_core::feed::Cursor;
    use kehub_core::webhook::{Progress, Settings};

    /// The example that the convention publishes, with its secret.
    #[test]
    fn a_call_is_signed_as_the_convention_says() {
        let mut bytes = [0; 32];
        let published = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        bytes[..24].copy_from_slice(&published);
        // HMAC fills short keys up with zeros: 24 bytes and 8 zeros are the same key.
        let body = br#"{"test": 2432232314}"#;
        let signed = signature(&Secret(bytes), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_rotated_secret_signs_along_for_some_time() {
        let webhook = Webhook {
            id: WebhookId(1),
            settings: Settings {
                url: "https://example.com/".into(),
                description: "".into(),
                kinds: Vec::new(),
                enabled: true,
            },
            secret: Secret([2; 32]),
            old_secret: Some((Secret([1; 32]), 50)),
            created_at: 0,
            updated_at: 0,
            progress: Progress::after(Cursor::START),
        };
        let both = signatures(&webhook, "evt", 1, b"{}", 49);
        let (new, old) = both.split_once(' ').unwrap();
        assert_eq!(new, signature(&webhook.secret, "evt", 1, b"{}"));
        assert_eq!(old, signature(&Secret([1; 32]), "evt", 1, b"{}"));
        assert_eq!(signatures(&webhook, "evt", 1, b"{}", 50), new);
    }

    #[test]
    fn a_secret_is_shown_as_libraries_take_it() {
        let text = secret_text(&draw_secret().unwrap());
        let encoded = text.strip_prefix("whsec_").unwrap();
        assert_eq!(STANDARD.decode(encoded).unwrap().len(), 32);
    }
}
