//! Tokens that cost no write: the number of the app, the minute of issue, and a code over both
//! under a key of the store (decision 6). 16 bytes, 32 hexadecimal characters.

use hmac::{Hmac, KeyInit, Mac};
use kehub_core::{AppNumber, Micros};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// Seconds for which a token is promised to live (W24). It may live up to a minute longer.
pub(crate) const LIFE_SECONDS: i64 = 7200;

const MICROS_PER_MINUTE: i64 = 60_000_000;
/// Minutes that a token lives after the minute it was issued in.
const LIFE_MINUTES: i64 = LIFE_SECONDS / 60;
/// How far the clock of another hub on the same store may be ahead.
const SKEW_MINUTES_MAX: i64 = 1;
/// 2026-01-01T00:00:00Z, from which minutes are counted so that 24 bits last until 2057.
const EPOCH_MINUTES: i64 = 29_453_760;
/// Keeps the codes of tokens apart from any other use of the key.
const DOMAIN: &[u8] = b"kehub access token 1";
const CODE_BYTES: usize = 10;

/// What a token says about itself, before anybody has checked it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claimed {
    /// The app it was issued to.
    pub(crate) app: AppNumber,
    minute: u32,
    code: [u8; CODE_BYTES],
}

/// Makes and checks codes under the key of a store.
#[derive(Clone)]
pub(crate) struct Signer(Hmac<Sha256>);

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer")
    }
}

impl Signer {
    pub(crate) fn new(key: &[u8; 32]) -> Signer {
        Signer(keyed(key, DOMAIN))
    }

    /// A token for the app, issued now; `None` after the year 2057 or for an app beyond 2^24.
    pub(crate) fn issue(&self, app: AppNumber, key_version: u32, now: Micros) -> Option<String> {
        let minute = u32::try_from(minute_of(now).max(0)).ok()?;
        let code = self.code(app, minute, key_version);
        let ([0, app @ ..], [0, minute @ ..]) = (app.0.to_be_bytes(), minute.to_be_bytes()) else {
            return None;
        };
        let mut token = Vec::with_capacity(16);
        token.extend(app);
        token.extend(minute);
        token.extend(code);
        Some(hex::encode(token))
    }

    /// Whether this hub, or another one on the store, issued the token to a key of this version,
    /// and it is still alive.
    pub(crate) fn vouches(&self, token: &Claimed, key_version: u32, now: Micros) -> bool {
        let age = minute_of(now).max(0) - i64::from(token.minute);
        let code = self.code(token.app, token.minute, key_version);
        (-SKEW_MINUTES_MAX..=LIFE_MINUTES).contains(&age) && bool::from(code.ct_eq(&token.code))
    }

    fn code(&self, app: AppNumber, minute: u32, key_version: u32) -> [u8; CODE_BYTES] {
        let mut mac = self.0.clone();
        mac.update(&app.0.to_be_bytes());
        mac.update(&minute.to_be_bytes());
        mac.update(&key_version.to_be_bytes());
        let whole: [u8; 32] = mac.finalize().into_bytes().into();
        let (code, _) = whole.split_first_chunk().unwrap_or((&[0; CODE_BYTES], &[]));
        *code
    }
}

/// Codes under a key of the store, for one use of it.
pub(super) fn keyed(key: &[u8; 32], domain: &[u8]) -> Hmac<Sha256> {
    // A key shorter than a block is filled up with zeros (RFC 2104).
    let mut block = [0; 64];
    let (used, _) = block.split_at_mut(key.len());
    used.copy_from_slice(key);
    let mut mac = Hmac::new(&block.into());
    mac.update(domain);
    mac
}

impl Claimed {
    /// Reads a token; `None` if it has another form.
    pub(crate) fn read(token: &str) -> Option<Claimed> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(token, &mut bytes).ok()?;
        let (app, rest) = bytes.split_first_chunk()?;
        let (minute, code) = rest.split_first_chunk()?;
        let number = |[high, middle, low]: [u8; 3]| u32::from_be_bytes([0, high, middle, low]);
        let (app, minute) = (AppNumber(number(*app)), number(*minute));
        Some(Claimed { app, minute, code: code.try_into().ok()? })
    }
}

fn minute_of(now: Micros) -> i64 {
    now.div_euclid(MICROS_PER_MINUTE) - EPOCH_MINUTES
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: AppNumber = AppNumber(70_000);
    const NOW: Micros = 1_790_000_000_000_000;

    fn vouches(signer: &Signer, token: &str, key_version: u32, seconds: i64) -> bool {
        let Some(claimed) = Claimed::read(token) else { return false };
        claimed.app == APP && signer.vouches(&claimed, key_version, NOW + seconds * 1_000_000)
    }

    #[test]
    fn a_token_lives_two_hours_wherever_in_a_minute_it_was_issued() {
        let signer = Signer::new(&[7; 32]);
        for offset in [0, 1, 59] {
            let token = signer.issue(APP, 3, NOW + offset * 1_000_000).unwrap();
            assert_eq!(token.len(), 32);
            assert!(vouches(&signer, &token, 3, offset));
            assert!(vouches(&signer, &token, 3, offset + LIFE_SECONDS));
            assert!(!vouches(&signer, &token, 3, offset + LIFE_SECONDS + 60));
            assert!(!vouches(&signer, &token, 3, offset - 121));
        }
    }

    #[test]
    fn a_token_is_bound_to_its_app_its_key_and_its_store() {
        let signer = Signer::new(&[7; 32]);
        let token = signer.issue(APP, 3, NOW).unwrap();
        assert!(!vouches(&signer, &token, 4, 0), "rotated");
        assert!(!vouches(&Signer::new(&[8; 32]), &token, 3, 0), "another store");
        for place in 0..32 {
            let mut other: Vec<char> = token.chars().collect();
            other[place] = if other[place] == '0' { '1' } else { '0' };
            assert!(!vouches(&signer, &String::from_iter(other), 3, 0), "place {place}");
        }
        for text in ["", "x", &token[1..], &format!("{token}0"), &"é".repeat(16)] {
            assert!(Claimed::read(text).is_none(), "{text}");
        }
    }
}
