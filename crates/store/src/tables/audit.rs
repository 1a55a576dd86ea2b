//! How entries of the audit log, and the roles of users, look in columns.

use super::Broken;
use kehub_core::people::audit::{About, Deed, Details};
use kehub_core::people::user::Role;

/// Details as JSON, `None` if there are none.
pub(crate) fn details_text(details: &Details) -> Result<Option<String>, Broken> {
    if details.is_empty() {
        return Ok(None);
    }
    serde_json::to_string(details).map(Some).map_err(Broken::because)
}

/// The details that were stored as this.
pub(crate) fn details(text: Option<&str>) -> Result<Details, Broken> {
    text.map_or_else(
        || Ok(Details::new()),
        |text| serde_json::from_str(text).map_err(Broken::because),
    )
}

/// What an entry is about, of its kind and number.
pub(crate) fn about(kind: Option<Box<str>>, number: Option<i64>) -> Result<Option<About>, Broken> {
    let (Some(kind), Some(number)) = (kind, number) else { return Ok(None) };
    let about = About::of(&kind, number);
    about.map(Some).ok_or_else(|| Broken::because(format!("nothing is `{kind}` {number}")))
}

/// The deed of this name.
pub(crate) fn deed(name: &str) -> Result<Deed, Broken> {
    Deed::named(name).ok_or_else(|| Broken::because(format!("no deed `{name}`")))
}

/// The role of this name.
pub(crate) fn role(name: &str) -> Result<Role, Broken> {
    Role::named(name).ok_or_else(|| Broken::because(format!("no role `{name}`")))
}
