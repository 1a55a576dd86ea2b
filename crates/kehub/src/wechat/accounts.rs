//! What an account has to look like, and how its secrets are sealed, whoever binds it.

use super::message::AesKey;
use super::seal::{Place, SecretKey, What};
use kehub_core::TenantId;
use kehub_core::wechat::{WechatChange, WechatSecretsChange, WechatSettingsChange};
use std::ops::RangeInclusive;

/// What an app id has to be, for people.
pub(crate) const APP_ID: &str =
    "the AppID of an official account, such as wx0123456789abcdef: 6 to 32 letters and digits";
/// What an app secret has to be.
pub(crate) const APP_SECRET: &str = "the AppSecret of the account: 16 to 128 letters and digits";
/// What a callback token has to be.
pub(crate) const TOKEN: &str =
    "the Token of the account's server configuration: 3 to 32 letters and digits";
/// What an `EncodingAESKey` has to be.
pub(crate) const AES_KEY: &str =
    "the EncodingAESKey of the account's server configuration: 43 letters and digits";
/// Known service types.
pub(crate) const SERVICE_TYPES: RangeInclusive<i32> = 0..=2;
/// Known verify types.
pub(crate) const VERIFY_TYPES: RangeInclusive<i32> = -1..=5;

pub(crate) fn is_app_id(text: &str) -> bool {
    is_word(text, 6..=32)
}

pub(crate) fn is_app_secret(text: &str) -> bool {
    is_word(text, 16..=128)
}

pub(crate) fn is_token(text: &str) -> bool {
    is_word(text, 3..=32)
}

pub(crate) fn is_aes_key(text: &str) -> bool {
    AesKey::read(text).is_some()
}

fn is_word(text: &str, chars: RangeInclusive<usize>) -> bool {
    chars.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// What was given about an account, each part fit.
pub(crate) struct Given {
    pub(crate) app_id: String,
    /// Whether nothing is to be done if an account of this app id is bound.
    pub(crate) is_new: bool,
    pub(crate) app_secret: Option<String>,
    pub(crate) token: Option<String>,
    pub(crate) aes_key: Option<String>,
    pub(crate) settings: WechatSettingsChange,
}

/// Why secrets cannot be sealed.
#[derive(Debug)]
pub(crate) enum Bad {
    /// There is no key.
    NoKey,
    /// The machine gave no random numbers.
    Random(getrandom::Error),
}

impl Given {
    /// The change that binds the account for a tenant.
    pub(crate) fn sealed(
        self,
        key: Option<&SecretKey>,
        tenant: TenantId,
    ) -> Result<WechatChange, Bad> {
        let app_id = &self.app_id;
        let seal = |what, secret: Option<&String>| {
            let Some(secret) = secret else { return Ok(None) };
            let place = Place { tenant, app_id, what };
            key.ok_or(Bad::NoKey)?.seal(place, secret).map(Some).map_err(Bad::Random)
        };
        let secrets = WechatSecretsChange {
            app_secret: seal(What::AppSecret, self.app_secret.as_ref())?,
            token: seal(What::CallbackToken, self.token.as_ref())?,
            aes_key: seal(What::AesKey, self.aes_key.as_ref())?,
        };
        let (app_id, is_new, settings) = (self.app_id.into(), self.is_new, self.settings);
        Ok(WechatChange::Bind { app_id, is_new, settings, secrets })
    }
}
