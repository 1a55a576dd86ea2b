use super::matching::canonical_pattern;
use super::{Limit, Role, TypeRules};
use crate::canonical;
use crate::limits::{
    BLOCKED_PATTERNS_MAX, IDENTITIES_MAX, IDENTITY_VALUE_CHARS_MAX, PRIORITY_MAX,
    QUARANTINE_AFTER_MAX,
};
use serde::{Deserialize, Serialize};

/// Whether the case of letters tells two values apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Case {
    /// `oAbC` and `oabc` are two values.
    Sensitive,
    /// They are one.
    Insensitive,
}

impl Case {
    /// The name that people type.
    pub const fn name(self) -> &'static str {
        match self {
            Case::Sensitive => "sensitive",
            Case::Insensitive => "insensitive",
        }
    }

    /// The choice of this name.
    pub fn named(name: &str) -> Option<Case> {
        [Case::Sensitive, Case::Insensitive].into_iter().find(|case| case.name() == name)
    }
}

/// What becomes of an identity that would be more of its type than a customer may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OverLimit {
    /// It is attached, with a warning.
    Attach,
    /// It is not attached, and a conflict says so.
    Refuse,
}

impl OverLimit {
    /// The name that people type.
    pub const fn name(self) -> &'static str {
        match self {
            OverLimit::Attach => "attach",
            OverLimit::Refuse => "refuse",
        }
    }

    /// The choice of this name.
    pub fn named(name: &str) -> Option<OverLimit> {
        [OverLimit::Attach, OverLimit::Refuse].into_iter().find(|choice| choice.name() == name)
    }
}

/// What a tenant has set for one identity type. What is absent is as the preset has it.
///
/// A stored format: a field is only ever added at the end, with a default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TypeSettings {
    /// Its rank: the smallest number decides first.
    #[serde(default)]
    pub priority: Option<u16>,
    /// How many of it a customer may hold.
    #[serde(default)]
    pub limit: Option<Limit>,
    /// What it says about people.
    #[serde(default)]
    pub role: Option<Role>,
    /// Whether the case of letters matters.
    #[serde(default)]
    pub case: Option<Case>,
    /// Values that never match, beside those that never match for anybody: in canonical form, in
    /// lower case, `*` for any characters, in order.
    #[serde(default)]
    pub blocked: Vec<Box<str>>,
    /// With how many different values of one distinguishing type of higher rank it is quarantined;
    /// 0 for never.
    #[serde(default)]
    pub quarantine_after: Option<usize>,
    /// What becomes of one too many.
    #[serde(default)]
    pub over_limit: Option<OverLimit>,
}

/// What is to become of one setting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Setting<T> {
    /// It stays.
    #[default]
    Keep,
    /// It is as the preset has it again.
    Default,
    /// It is this from now on.
    Value(T),
}

impl<T> Setting<T> {
    /// The setting afterwards.
    fn after(self, before: Option<T>) -> Option<T> {
        match self {
            Setting::Keep => before,
            Setting::Default => None,
            Setting::Value(value) => Some(value),
        }
    }
}

/// Which settings of a type are to change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypeChange {
    /// See [`TypeSettings::priority`].
    pub priority: Setting<u16>,
    /// See [`TypeSettings::limit`].
    pub limit: Setting<Limit>,
    /// See [`TypeSettings::role`].
    pub role: Setting<Role>,
    /// See [`TypeSettings::case`].
    pub case: Setting<Case>,
    /// See [`TypeSettings::blocked`]: all patterns, as people write them.
    pub blocked: Setting<Vec<String>>,
    /// See [`TypeSettings::quarantine_after`].
    pub quarantine_after: Setting<usize>,
    /// See [`TypeSettings::over_limit`].
    pub over_limit: Setting<OverLimit>,
}

/// Why a type cannot be set like this.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TypeProblem {
    /// Its name is empty or too long.
    #[error(
        "the name of an identity type has 1 to {} characters",
        crate::limits::IDENTITY_TYPE_CHARS_MAX
    )]
    Name,
    /// The tenant has as many types as it may have.
    #[error("a tenant may have {} identity types of its own", crate::limits::IDENTITY_TYPES_MAX)]
    TooMany,
    /// The rank is out of range.
    #[error("`priority` is a number from 1 to {PRIORITY_MAX}, not {0}")]
    Priority(u16),
    /// The limit is out of range.
    #[error("`limit` is a number from 1 to {IDENTITIES_MAX}, not {0}")]
    Limit(Limit),
    /// The case rule is that of the canonical form.
    #[error("`case` of this type is part of its canonical form and cannot be set")]
    CaseCanonical,
    /// Identities were compared by the case rule already.
    #[error("`case` is fixed once the type has identities")]
    CaseFixed,
    /// Too many patterns.
    #[error("`blocked` has at most {BLOCKED_PATTERNS_MAX} patterns, not {0}")]
    PatternsTooMany(usize),
    /// The pattern at this place is empty, too long, or would block every value.
    #[error("pattern {} has no characters but `*`, or more than {IDENTITY_VALUE_CHARS_MAX}", .0 + 1)]
    Pattern(usize),
    /// The threshold is out of range.
    #[error("`quarantineAfter` is a number from 0 to {QUARANTINE_AFTER_MAX}, not {0}")]
    QuarantineAfter(usize),
}

impl TypeSettings {
    /// Whether everything is as the preset has it.
    pub fn is_default(&self) -> bool {
        *self == TypeSettings::default()
    }

    /// These rules with what is set.
    pub(super) fn over(&self, defaults: TypeRules) -> TypeRules {
        TypeRules {
            priority: self.priority.unwrap_or(defaults.priority),
            limit: self.limit.unwrap_or(defaults.limit),
            role: self.role.unwrap_or(defaults.role),
            case: self.case.unwrap_or(defaults.case),
            quarantine_after: self.quarantine_after.unwrap_or(defaults.quarantine_after),
            over_limit: self.over_limit.unwrap_or(defaults.over_limit),
        }
    }

    /// The settings of the type with this key after a change, or all that is wrong with it.
    /// `is_used` says whether the type has identities.
    pub(crate) fn changed(
        &self,
        type_key: &str,
        change: TypeChange,
        is_used: impl FnOnce() -> bool,
    ) -> Result<TypeSettings, Vec<TypeProblem>> {
        let mut problems = Vec::new();
        let blocked = match change.blocked {
            Setting::Keep => self.blocked.clone(),
            Setting::Default => Vec::new(),
            Setting::Value(patterns) => canonical_patterns(type_key, &patterns, &mut problems),
        };
        let after = TypeSettings {
            priority: change.priority.after(self.priority),
            limit: change.limit.after(self.limit),
            role: change.role.after(self.role),
            case: change.case.after(self.case),
            blocked,
            quarantine_after: change.quarantine_after.after(self.quarantine_after),
            over_limit: change.over_limit.after(self.over_limit),
        };
        if let Some(priority) = after.priority.filter(|it| !(1..=PRIORITY_MAX).contains(it)) {
            problems.push(TypeProblem::Priority(priority));
        }
        if let Some(limit) = after.limit.filter(|it| !(1..=IDENTITIES_MAX).contains(it)) {
            problems.push(TypeProblem::Limit(limit));
        }
        if let Some(after) = after.quarantine_after.filter(|it| *it > QUARANTINE_AFTER_MAX) {
            problems.push(TypeProblem::QuarantineAfter(after));
        }
        let default = TypeRules::default_case(type_key);
        if self.case.unwrap_or(default) != after.case.unwrap_or(default) {
            if canonical::has_own_form(type_key) {
                problems.push(TypeProblem::CaseCanonical);
            } else if is_used() {
                problems.push(TypeProblem::CaseFixed);
            }
        }
        if problems.is_empty() { Ok(after) } else { Err(problems) }
    }
}

/// The patterns as they are kept, each once, in order.
fn canonical_patterns(
    type_key: &str,
    patterns: &[String],
    problems: &mut Vec<TypeProblem>,
) -> Vec<Box<str>> {
    if patterns.len() > BLOCKED_PATTERNS_MAX {
        problems.push(TypeProblem::PatternsTooMany(patterns.len()));
        return Vec::new();
    }
    let mut kept: Vec<Box<str>> = Vec::new();
    for (at, pattern) in patterns.iter().enumerate() {
        let pattern = canonical_pattern(type_key, pattern);
        let says_something = pattern.chars().any(|c| c != '*');
        if !says_something || pattern.chars().count() > IDENTITY_VALUE_CHARS_MAX {
            problems.push(TypeProblem::Pattern(at));
        }
        kept.push(pattern.into());
    }
    kept.sort_unstable();
    kept.dedup();
    kept
}
