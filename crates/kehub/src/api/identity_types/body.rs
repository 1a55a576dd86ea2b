//! An identity type as it is answered.

use kehub_core::TypeNumber;
use kehub_core::policy::{IdentityType, Policy, TypeRules, TypeSettings};
use serde::Serialize;

/// The names of the settings, in the order of an answer.
pub(crate) const SETTINGS: [&str; 7] =
    ["priority", "limit", "role", "case", "blocked", "quarantineAfter", "overLimit"];

/// The rules of a type as they are in force, and which of them the tenant has set.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TypeBody {
    #[serde(rename = "type")]
    kind: Box<str>,
    priority: u16,
    limit: usize,
    role: &'static str,
    case: &'static str,
    blocked: Vec<Box<str>>,
    quarantine_after: usize,
    over_limit: &'static str,
    set: Vec<&'static str>,
}

impl TypeBody {
    pub(crate) fn of(policy: &Policy, kind: &IdentityType) -> TypeBody {
        let TypeRules { priority, limit, role, case, quarantine_after, over_limit } =
            policy.rules_for(kind);
        TypeBody {
            kind: kind.name.clone(),
            priority,
            limit,
            role: role.name(),
            case: case.name(),
            blocked: kind.settings.blocked.clone(),
            quarantine_after,
            over_limit: over_limit.name(),
            set: set(&kind.settings),
        }
    }
}

/// What a tenant has set.
pub(crate) fn set(settings: &TypeSettings) -> Vec<&'static str> {
    let TypeSettings { priority, limit, role, case, blocked, quarantine_after, over_limit } =
        settings;
    let is_set = [
        priority.is_some(),
        limit.is_some(),
        role.is_some(),
        case.is_some(),
        !blocked.is_empty(),
        quarantine_after.is_some(),
        over_limit.is_some(),
    ];
    SETTINGS.into_iter().zip(is_set).filter(|(_, is_set)| *is_set).map(|(name, _)| name).collect()
}

/// The type of this name: one that the tenant has, or else one with the rules of the preset.
pub(crate) fn type_or_new(policy: &Policy, name: &str) -> IdentityType {
    let known = policy.type_named(name).cloned();
    known.unwrap_or_else(|| IdentityType::new(TypeNumber(0), name))
}
