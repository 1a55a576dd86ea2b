//! Every bound of the model, with its reason.

use crate::Micros;

/// Characters in an identity type (fact file 2.2).
pub const IDENTITY_TYPE_CHARS_MAX: usize = 32;
/// Characters in an identity value (fact file 2.2).
pub const IDENTITY_VALUE_CHARS_MAX: usize = 128;
/// Characters in an identity's display name (fact file 2.2).
pub const IDENTITY_NAME_CHARS_MAX: usize = 256;
/// Identities one request may carry, and one customer may hold (identity page, "Identity types").
pub const IDENTITIES_MAX: usize = 100;
/// Identity types a tenant may have beside those that Kehub knows by name (identity page,
/// "Identity types").
pub const IDENTITY_TYPES_MAX: usize = 200;
/// The rank of the type that weighs least.
pub const PRIORITY_MAX: u16 = 1000;
/// With how many different values of one distinguishing type of higher rank an identity is
/// quarantined, unless a tenant sets another number (identity page, "Quarantine").
pub const QUARANTINE_AFTER: usize = 3;
/// The highest number that a tenant may set there: an identity row holds all those values.
pub const QUARANTINE_AFTER_MAX: usize = 100;
/// Patterns of blocked values that a tenant may set for one identity type. Each identity of the
/// type is compared with all of them.
pub const BLOCKED_PATTERNS_MAX: usize = 100;
/// Characters in a text attribute without a limit of its own (wire W33).
pub const TEXT_CHARS_MAX: usize = 255;
/// Characters in an address (wire W33).
pub const ADDRESS_CHARS_MAX: usize = 512;
/// Characters in `img` (wire W33).
pub const IMAGE_CHARS_MAX: usize = 1024;
/// Characters in `remark` (wire W33).
pub const REMARK_CHARS_MAX: usize = 2000;
/// Characters in the key of a custom attribute (wire W35).
pub const CUSTOM_KEY_CHARS_MAX: usize = 64;
/// Custom attributes a customer may have unless the hub is set otherwise (wire W35).
pub const CUSTOM_ATTRIBUTES_MAX: usize = 120;
/// Customers carrying one mobile or e-mail that a match by attribute looks at, in id order. A
/// hotline number is carried by any number of customers; one upsert must not read them all.
pub const CARRIERS_MAX: usize = 64;
/// How long the answer to a request with an idempotency key is remembered: a day.
pub const RECEIPT_LIFE_MICROS: Micros = 24 * 60 * 60 * 1_000_000;
/// Webhooks of one tenant: each is one more reader of its feed.
pub const WEBHOOKS_MAX: usize = 20;
/// WeChat accounts of one tenant: all of them are read at once.
pub const WECHAT_ACCOUNTS_MAX: usize = 100;
/// Imports of one tenant that are remembered: with a new one the oldest is forgotten.
pub const IMPORTS_MAX: usize = 1_000;
/// Commands in one [`crate::command::Batch`].
pub const BATCH_MAX: usize = 10_000;
