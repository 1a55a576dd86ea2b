//! Kehub's own API under `/api`: JSON in camelCase, real statuses, problem documents (RFC 9457),
//! nothing ignored in silence. `docs/concepts/api.md` says what all calls have in common; each noun
//! has a folder with its calls, its shapes and its part of the description.

pub(crate) mod access;
pub(crate) mod apps;
pub(crate) mod audit;
pub(crate) mod call;
pub(crate) mod cannot_links;
pub(crate) mod changes;
pub(crate) mod claims;
pub(crate) mod conflicts;
pub(crate) mod customers;
pub(crate) mod decided;
pub(crate) mod describe;
pub(crate) mod duplicates;
pub(crate) mod explanations;
pub(crate) mod exports;
pub(crate) mod identities;
pub(crate) mod identity_types;
pub(crate) mod imports;
pub(crate) mod merges;
pub(crate) mod parameters;
pub(crate) mod past;
pub(crate) mod policy;
pub(crate) mod problem;
pub(crate) mod quarantine;
pub(crate) mod reader;
pub(crate) mod shapes;
pub(crate) mod users;
pub(crate) mod version;
pub(crate) mod webhooks;
pub(crate) mod wechat_accounts;

pub(crate) use call::Call;
pub(crate) use problem::Problem;

/// Whether a canonical path belongs to this API.
pub(crate) fn is_under(path: &str) -> bool {
    path == "/api" || path.starts_with("/api/")
}
