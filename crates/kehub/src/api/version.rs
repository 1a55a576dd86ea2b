//! Versions of what people set, for two who change it at once: whoever says which version was seen changes
//! nothing that somebody else changed meanwhile.
//!
//! A version is a hash of what is set, and stands in no table: what was set back is what it was.

use super::Call;
use super::describe::query;
use super::problem::Problem;
use kehub_core::command::InsteadOf;
use kehub_core::directory::{App, Permission};
use kehub_core::people::user::{User, UserShown};
use kehub_core::webhook::Settings;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Bytes of the hash that are told.
const BYTES: usize = 8;

/// The version of what an app may do.
pub(crate) fn of_app(app: &App) -> String {
    of(app.permissions.iter().map(|permission| permission.name()))
}

/// The version of what is set about a webhook.
pub(crate) fn of_webhook(settings: &Settings) -> String {
    let Settings { url, description, kinds, enabled } = settings;
    let enabled = if *enabled { "on" } else { "off" };
    of([&**url, description, enabled].into_iter().chain(kinds.iter().map(|kind| kind.name())))
}

/// The version of what is set for a user. Its password is nothing that anybody sees.
pub(crate) fn of_user(user: &User, app: &App) -> String {
    let UserShown { name, role, is_disabled } = shown(user, app);
    of([&*name, role.name(), if is_disabled { "disabled" } else { "live" }])
}

/// What people see of a user.
pub(crate) fn shown(user: &User, app: &App) -> UserShown {
    let (name, is_disabled) = (app.name.clone(), app.revoked_at.is_some());
    UserShown { name, role: user.role, is_disabled }
}

fn of<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    let whole: [u8; 32] = hash.finalize().into();
    hex::encode(whole.get(..BYTES).unwrap_or(&whole))
}

/// Whether a write is only to say what would happen, and the version that it is about.
pub(crate) fn conditions(call: &Call) -> Result<(bool, Option<String>), Problem> {
    let mut parameters = call.parameters();
    let dry_run = parameters.dry_run();
    let version = parameters.parsed("version", "the `version` of an answer", |text| {
        let is_one = text.len() == 2 * BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_one.then(|| text.to_ascii_lowercase())
    });
    parameters.end()?;
    Ok((dry_run, version))
}

/// What was seen, by its version, where this stands. Who may not do everything was let through for what
/// stands here, and changes nothing else: `may_all` says whether the caller has every permission.
pub(crate) fn instead_of<T>(
    seen: Option<&str>,
    version: &str,
    stands: T,
    may_all: bool,
) -> InsteadOf<T> {
    match seen {
        None => instead_of_checked(stands, may_all),
        Some(seen) if seen == version => InsteadOf::This(stands),
        Some(_) => InsteadOf::Earlier,
    }
}

/// What a caller was let through for, where nobody says which version was seen: the rest of [`instead_of`].
pub(crate) fn instead_of_checked<T>(stands: T, may_all: bool) -> InsteadOf<T> {
    if may_all { InsteadOf::Whatever } else { InsteadOf::This(stands) }
}

/// Whether the caller has every permission.
pub(crate) fn may_all(call: &Call) -> bool {
    Permission::ALL.iter().all(|permission| call.app().permissions.contains(permission))
}

/// How the description of the API tells of the parameter.
pub(crate) fn parameter() -> Value {
    let about = "Refused unless it has this version: nobody changed it meanwhile";
    query("version", about, "5f2ad9c1b0e34d77")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_otherwise_has_another_version() {
        let all = [of(["a", "b"]), of(["ab"]), of(["a", "b", ""]), of(["b", "a"]), of([])];
        for (place, version) in all.iter().enumerate() {
            assert_eq!(version.len(), 2 * BYTES);
            assert!(!all[..place].contains(version));
        }
        assert_eq!(of(["a", "b"]), all[0]);
        for may_all in [true, false] {
            assert_eq!(instead_of(Some(&all[0]), &all[0], 7, may_all), InsteadOf::This(7));
            assert_eq!(instead_of(Some(&all[1]), &all[0], 7, may_all), InsteadOf::Earlier);
        }
        assert_eq!(instead_of(None, &all[0], 7, true), InsteadOf::Whatever);
        assert_eq!(instead_of(None, &all[0], 7, false), InsteadOf::This(7));
    }
}
