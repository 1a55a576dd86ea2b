//! The form in which values are compared (identity page, "Canonical form").
//!
//! The form is versioned: a change of it moves stored keys and needs a migration.

mod email;
mod mobile;
mod text;

pub use email::email;
pub(crate) use mobile::bare_mobile;
pub use mobile::{is_mainland, mobile, mobile_beginning};
use text::is_plain;
pub use text::{cleaned, folded, is_blank, type_key};

/// Version of the rules in this module, written into every journal entry.
pub const VERSION: u16 = 1;

/// The canonical form of an identity value of the type with this key (see [`type_key`]), for as
/// long as case matters; see [`crate::policy::IdentityType::canonical`].
pub fn identity_value(type_key: &str, value: &str) -> String {
    match type_key {
        "mobile" => mobile(value),
        "email" => email(value),
        _ => cleaned(value),
    }
}

/// Whether the type with this key has a canonical form of its own, which says what case means.
pub fn has_own_form(type_key: &str) -> bool {
    matches!(type_key, "mobile" | "email")
}
