//! What callers may ask for beside the v1 wire: it changes no shape unless it is asked for (W39).

use crate::server::idempotency;
use crate::v1::problem::FieldError;
use crate::wire::query::Query;
use axum::http::HeaderMap;
use kehub_core::policy::OnConflict;

/// The extras of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extras {
    /// Only say what would happen.
    pub(crate) dry_run: bool,
    /// What to do on a conflict, instead of the tenant's setting.
    pub(crate) on_conflict: Option<OnConflict>,
    /// Answer how the customer was found as well.
    pub(crate) resolution: bool,
}

impl Extras {
    /// Reads parameters and the header `Prefer`; tells if the header `Idempotency-Key` is no key.
    pub(crate) fn read(
        query: Query<'_>,
        headers: &HeaderMap,
        problems: &mut Vec<FieldError>,
    ) -> Extras {
        let is_on = |name: &str| query.extra(name).is_some_and(|value| !is_off(&value));
        let on_conflict = query.extra("onconflict").filter(|value| !value.is_empty());
        let on_conflict = on_conflict.and_then(|value| {
            let choice = OnConflict::named(&value.to_ascii_lowercase());
            if choice.is_none() {
                let message = "expected merge, keep or reject, found other text";
                problems.push(FieldError::new("onConflict", message));
            }
            choice
        });
        if idempotency::key(headers).is_err() {
            let message = format!("expected {}, once, found other text", idempotency::EXPECTED);
            problems.push(FieldError::new(idempotency::HEADER, message));
        }
        let resolution = is_on("resolution") || prefers_resolution(headers);
        Extras { dry_run: is_on("dryrun"), on_conflict, resolution }
    }
}

/// Any value but these switches on, also none at all.
fn is_off(value: &str) -> bool {
    value == "0" || value.eq_ignore_ascii_case("false")
}

/// `Prefer: resolution`, alone or in a list (RFC 7240).
fn prefers_resolution(headers: &HeaderMap) -> bool {
    let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let mut preferences = values.flat_map(|value| value.split(','));
    preferences.any(|preference| {
        let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
        name.trim().eq_ignore_ascii_case("resolution") && !is_off(value.trim())
    })
}
