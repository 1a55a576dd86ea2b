use super::{Case, OverLimit, Preset};
use crate::limits::QUARANTINE_AFTER;
use serde::{Deserialize, Serialize};

/// What an identity type says about people (identity page, "Identity types").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Role {
    /// Two customers with different values of it are different people.
    Distinguishing,
    /// It belongs to one person, who may have several.
    Normal,
    /// People share and inherit it.
    Contact,
    /// A device; many people may use it.
    Weak,
}

impl Role {
    /// Every role.
    pub const ALL: &[Role] = &[Role::Distinguishing, Role::Normal, Role::Contact, Role::Weak];

    /// The name that people type.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Distinguishing => "distinguishing",
            Role::Normal => "normal",
            Role::Contact => "contact",
            Role::Weak => "weak",
        }
    }

    /// The role of this name.
    pub fn named(name: &str) -> Option<Role> {
        Role::ALL.iter().copied().find(|role| role.name() == name)
    }

    /// Whether it is an account, a unionid or an openid: something that is somebody's own.
    pub fn is_own(self) -> bool {
        matches!(self, Role::Distinguishing | Role::Normal)
    }
}

/// How many identities of one type a customer may hold.
pub type Limit = usize;

/// The rules of one identity type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypeRules {
    /// Its rank: the smallest number decides first.
    pub priority: u16,
    /// How many of it a customer may hold.
    pub limit: Limit,
    /// What it says about people.
    pub role: Role,
    /// Whether the case of letters tells two values apart.
    pub case: Case,
    /// With how many different values of one distinguishing type of higher rank it is quarantined;
    /// 0 for never.
    pub quarantine_after: usize,
    /// What becomes of one too many.
    pub over_limit: OverLimit,
}

impl TypeRules {
    /// The types that Kehub knows by name: their keys.
    pub const KNOWN: &[&str] = &[
        "wechat-unionid",
        "wechat",
        "applet-wechat",
        "mobile",
        "email",
        "cookie",
        "idfa",
        "imei",
        "cl_cid",
    ];

    /// The rules of the type with this key under a preset, as long as a tenant sets nothing else;
    /// unknown types are custom accounts.
    pub fn of(key: &str, preset: Preset) -> TypeRules {
        let (priority, limit, role) = match key {
            "wechat-unionid" => (20, 1, Role::Distinguishing),
            "wechat" | "applet-wechat" => (30, 20, Role::Normal),
            "mobile" => (40, 5, Role::Contact),
            "email" => (50, 5, Role::Contact),
            device if is_device(device) => (90, 50, Role::Weak),
            _ => match preset {
                Preset::Compat => (10, 10, Role::Distinguishing),
                Preset::Guarded => (10, 1, Role::Distinguishing),
            },
        };
        let over_limit = match preset {
            Preset::Compat => OverLimit::Attach,
            Preset::Guarded => OverLimit::Refuse,
        };
        let case = TypeRules::default_case(key);
        let quarantine_after = QUARANTINE_AFTER;
        TypeRules { priority, limit, role, case, quarantine_after, over_limit }
    }

    /// The case rule of the type with this key, as long as a tenant sets no other.
    pub(super) fn default_case(key: &str) -> Case {
        if key == "email" { Case::Insensitive } else { Case::Sensitive }
    }

    /// Whether the type with this key is one that Kehub knows by name, and every tenant may use.
    pub fn is_known(key: &str) -> bool {
        TypeRules::KNOWN.contains(&key)
    }

    /// Whether its values quarantine those of another type that are sent with too many of them.
    pub fn counts_against(self, other: TypeRules) -> bool {
        self.role == Role::Distinguishing && self.priority < other.priority
    }
}

fn is_device(key: &str) -> bool {
    matches!(key, "cookie" | "idfa" | "imei" | "cl_cid")
        || key.starts_with("jpush-")
        || key.starts_with("getui-")
}
