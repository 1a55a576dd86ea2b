//! What WeChat tells: signatures, encryption, and the few members of a message that count here.
//!
//! A signature is the SHA-1 of the token and what it signs, sorted and joined. An encrypted message is
//! AES-256-CBC under the decoded `EncodingAESKey`, whose first 16 bytes are the initialisation vector,
//! padded to whole blocks of 32 bytes: 16 drawn bytes, the length as four bytes, the message, the app
//! id.

use aes::Aes256;
use aes::cipher::block_padding::NoPadding;
use aes::cipher::{BlockModeDecrypt as _, KeyIvInit as _};
use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use serde::Deserialize;
use sha1::{Digest as _, Sha1};
use subtle::ConstantTimeEq as _;

/// Characters of an `EncodingAESKey`: Base64 of 32 bytes without its last character.
pub(crate) const AES_KEY_CHARS: usize = 43;
/// Drawn bytes in front of a message.
const DRAWN_BYTES: usize = 16;
/// Bytes that a message is padded to whole blocks of.
const PADDED_TO: usize = 32;

/// WeChat draws 43 characters as they come, so that the last one may hold bits that count nothing.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// The key of an account's encrypted messages.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct AesKey([u8; 32]);

impl AesKey {
    /// From an `EncodingAESKey`; `None` if that is none.
    pub(super) fn read(text: &str) -> Option<AesKey> {
        let bytes = LENIENT.decode(format!("{text}=")).ok()?;
        (text.len() == AES_KEY_CHARS).then_some(())?;
        bytes.try_into().ok().map(AesKey)
    }

    /// The message in what was encrypted for an account; `None` if it is not for this key and account.
    pub(super) fn open(&self, encrypted: &str, app_id: &str) -> Option<String> {
        let encrypted = STANDARD.decode(encrypted.trim()).ok()?;
        let (iv, _) = self.0.split_first_chunk::<16>()?;
        let decryptor = cbc::Decryptor::<Aes256>::new(&self.0.into(), &(*iv).into());
        let padded = decryptor.decrypt_padded_vec::<NoPadding>(&encrypted).ok()?;
        let padding = usize::from(*padded.last()?);
        let length = padded.len().checked_sub(padding)?;
        let (plain, rest) = padded.split_at(length);
        let is_padded = (1..=PADDED_TO).contains(&padding)
            && rest.iter().all(|byte| usize::from(*byte) == padding);
        let (length, rest) = plain.get(DRAWN_BYTES..)?.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (message, theirs) = rest.split_at_checked(length)?;
        let is_ours = is_padded && theirs == app_id.as_bytes();
        is_ours.then(|| String::from_utf8(message.to_vec()).ok()).flatten()
    }
}

/// Whether a signature is the one of this token over these texts, in a time that does not depend on
/// where they differ.
pub(super) fn is_signed(signature: &str, token: &str, texts: &[&str]) -> bool {
    let mut parts: Vec<&str> = texts.iter().copied().chain([token]).collect();
    parts.sort_unstable();
    let expected = hex::encode(Sha1::digest(parts.concat().as_bytes()));
    expected.as_bytes().ct_eq(signature.as_bytes()).into()
}

/// The members of a message that count here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Message {
    pub(super) from_user_name: String,
    /// In seconds since 1970.
    pub(super) create_time: String,
    pub(super) msg_type: String,
    pub(super) event: String,
    pub(super) event_key: String,
    /// All of it, if it is encrypted.
    pub(super) encrypt: Option<String>,
}

impl Message {
    /// Reads the XML of a message; `None` if it is none. Entities of its own are not looked up.
    pub(super) fn read(xml: &str) -> Option<Message> {
        quick_xml::de::from_str(xml).ok()
    }

    /// What happened, as far as it counts here.
    pub(super) fn event(&self) -> Option<Event<'_>> {
        if self.msg_type != "event" || self.from_user_name.is_empty() {
            return None;
        }
        let scene = || Some(&*self.event_key).filter(|scene| !scene.is_empty());
        Some(match &*self.event {
            "subscribe" => {
                // Without a code it may hold something else.
                Event::Followed { scene: scene().and_then(|it| it.strip_prefix("qrscene_")) }
            }
            "unsubscribe" => Event::Unfollowed,
            "SCAN" => Event::Scanned { scene: scene()? },
            _ => return None,
        })
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event<'a> {
    /// Somebody began to follow the account, by a code of this scene or otherwise.
    Followed { scene: Option<&'a str> },
    /// Somebody ceased to follow it.
    Unfollowed,
    /// A fan scanned a code of this scene.
    Scanned { scene: &'a str },
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an independent implementation has encrypted and signed: `tests/wechat/vectors.py` made it.
    const VECTORS: &str = include_str!("../../tests/wechat/vectors.json");

    #[derive(Deserialize)]
    struct Vectors {
        app_id: String,
        token: String,
        messages: Vec<Vector>,
    }

    #[derive(Deserialize)]
    struct Vector {
        encoding_aes_key: String,
        timestamp: String,
        nonce: String,
        signature: String,
        msg_signature: String,
        plain: String,
        body: String,
    }

    #[test]
    fn what_another_implementation_encrypted_is_read() {
        let vectors: Vectors = serde_json::from_str(VECTORS).unwrap();
        assert!(vectors.messages.len() > 30);
        for it in &vectors.messages {
            let encrypt = Message::read(&it.body).unwrap().encrypt.unwrap();
            let texts = [&*it.timestamp, &*it.nonce];
            assert!(is_signed(&it.signature, &vectors.token, &texts));
            let texts = [&*it.timestamp, &*it.nonce, &*encrypt];
            assert!(is_signed(&it.msg_signature, &vectors.token, &texts));
            assert!(!is_signed(&it.msg_signature, "another", &texts));
            let key = AesKey::read(&it.encoding_aes_key).unwrap();
            assert_eq!(key.open(&encrypt, &vectors.app_id).as_deref(), Some(&*it.plain));
            assert_eq!(key.open(&encrypt, "wx0000000000000000"), None);
            let mut other = key;
            other.0[31] ^= 1;
            assert_eq!(other.open(&encrypt, &vectors.app_id), None);
            let mut broken = STANDARD.decode(&encrypt).unwrap();
            broken.pop();
            assert_eq!(key.open(&STANDARD.encode(broken), &vectors.app_id), None);
        }
    }

    #[test]
    fn messages_are_read_with_and_without_character_data() {
        let xml = "<xml><ToUserName><![CDATA[gh_1]]></ToUserName>
            <FromUserName><![CDATA[o<1>]]></FromUserName><CreateTime>123456789</CreateTime>
            <MsgType><![CDATA[event]]></MsgType><Event><![CDATA[subscribe]]></Event>
            <EventKey><![CDATA[qrscene_a&b]]></EventKey><Ticket><![CDATA[T]]></Ticket></xml>";
        let message = Message::read(xml).unwrap();
        assert_eq!((&*message.from_user_name, &*message.create_time), ("o<1>", "123456789"));
        assert_eq!(message.event(), Some(Event::Followed { scene: Some("a&b") }));
        let scan = xml.replace("subscribe", "SCAN").replace("<![CDATA[qrscene_a&b]]>", "7");
        assert_eq!(Message::read(&scan).unwrap().event(), Some(Event::Scanned { scene: "7" }));
        let plain = xml.replace("qrscene_a&b", "");
        assert_eq!(Message::read(&plain).unwrap().event(), Some(Event::Followed { scene: None }));
        let text = xml.replace("<![CDATA[event]]>", "text");
        assert_eq!(Message::read(&text).unwrap().event(), None);
        assert_eq!(Message::read("{}"), None);
        let entity = r#"<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>
            <xml><FromUserName>&e;</FromUserName></xml>"#;
        assert_eq!(Message::read(entity), None);
    }
}
