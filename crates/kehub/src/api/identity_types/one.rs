//! `GET` and `PATCH /api/identity-types/{type}`.

use super::body::{SETTINGS, TypeBody, type_or_new};
use crate::api::Call;
use crate::api::call::json_of;
use crate::api::policy::body::{DryChange, affected, conditions, policy_of, set_policy};
use crate::api::problem::{Code, Problem};
use crate::api::reader::{Reader, below};
use crate::server::problem::json;
use crate::wire::json::{Json, Object};
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use kehub_core::canonical::type_key;
use kehub_core::command::SetPolicy;
use kehub_core::directory::Permission;
use kehub_core::limits::{IDENTITIES_MAX, PRIORITY_MAX, QUARANTINE_AFTER_MAX};
use kehub_core::policy::{Case, OverLimit, Role, Setting, TypeChange, TypeRules};

/// Get an identity type
///
/// The rules in force for it. A type that nobody has used or set is not known, unless Kehub knows it
/// by name. Addresses cannot hold types called `.` and `..`: they are `.%20` and `..%20`.
#[utoipa::path(get, path = "/api/identity-types/{type}", tag = "API policy")]
pub(crate) async fn api_identity_type_get(call: Call) -> Result<Response, Problem> {
    call.require_only(Permission::CustomersRead)?;
    call.parameters().end()?;
    let name = name_of(&call)?;
    let policy = policy_of(&call).await?;
    if policy.type_named(&name).is_none() && !TypeRules::is_known(&type_key(&name)) {
        return Err(unknown());
    }
    Ok(json(StatusCode::OK, &TypeBody::of(&policy, &type_or_new(&policy, &name))))
}

/// Change an identity type
///
/// What is absent stays; `null` sets back to what the preset has. A type that nobody has used yet
/// comes into being with its first setting. `case` can only change while the type has no
/// identities. With `dryRun=1` the answer tells the type before and after, and which customers the
/// next requests would meet with other rules. With `version`, a policy that has another one stays as
/// it is.
#[utoipa::path(patch, path = "/api/identity-types/{type}", tag = "API policy")]
pub(crate) async fn api_identity_type_patch(call: Call, body: Body) -> Result<Response, Problem> {
    call.require(Permission::PoliciesWrite)?;
    let (dry_run, if_version) = conditions(&call)?;
    let name = name_of(&call)?;
    let body = call.read(body).await?;
    let types = vec![(name.clone(), read(&json_of(&body)?)?)];
    let wanted = SetPolicy { types, if_version, ..SetPolicy::default() };
    let set = set_policy(&call, wanted, dry_run).await?;
    let after = TypeBody::of(&set.after, &type_or_new(&set.after, &name));
    if !dry_run {
        return Ok(json(StatusCode::OK, &after));
    }
    let before = TypeBody::of(&set.before, &type_or_new(&set.before, &name));
    let affected = affected(&call, &set).await?;
    Ok(json(StatusCode::OK, &DryChange { before, after, affected }))
}

/// The type that the path names.
fn name_of(call: &Call) -> Result<String, Problem> {
    call.word(1).filter(|name| !name.contains('\0')).ok_or_else(unknown)
}

fn unknown() -> Problem {
    Problem::new(Code::IdentityTypeNotFound, "nobody has used or set a type of this name")
}

/// What is to become of a type.
pub(crate) fn read(sent: &Json<'_>) -> Result<TypeChange, Problem> {
    let mut reader = Reader::default();
    let nothing = Object::default();
    let object = reader.object("", sent).unwrap_or(&nothing);
    reader.known("", object, &SETTINGS);
    let mut change = Changing { reader: &mut reader, object };
    let change = TypeChange {
        priority: change.number("priority", 1, PRIORITY_MAX),
        limit: change.number("limit", 1, IDENTITIES_MAX),
        role: change.choice("role", "distinguishing, normal, contact or weak", Role::named),
        case: change.choice("case", "sensitive or insensitive", Case::named),
        blocked: change.setting("blocked", Reader::texts),
        quarantine_after: change.number("quarantineAfter", 0, QUARANTINE_AFTER_MAX),
        over_limit: change.choice("overLimit", "attach or refuse", OverLimit::named),
    };
    reader.end()?;
    Ok(change)
}

struct Changing<'r, 'b, 'a> {
    reader: &'r mut Reader,
    object: &'b Object<'a>,
}

impl Changing<'_, '_, '_> {
    /// What is to become of a setting; one that cannot be read stays, and is told.
    fn setting<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&mut Reader, &str, &Json<'_>) -> Option<T>,
    ) -> Setting<T> {
        match self.object.get(key) {
            None => Setting::Keep,
            Some(Json::Null) => Setting::Default,
            Some(json) => {
                let value = read(self.reader, &below("", key), json);
                value.map_or(Setting::Keep, Setting::Value)
            }
        }
    }

    fn number<T>(&mut self, key: &str, min: T, max: T) -> Setting<T>
    where
        T: TryFrom<i64> + PartialOrd + std::fmt::Display,
    {
        self.setting(key, |reader, place, json| reader.number(place, json, min..=max))
    }

    fn choice<T>(
        &mut self,
        key: &str,
        expected: &str,
        named: impl FnOnce(&str) -> Option<T>,
    ) -> Setting<T> {
        self.setting(key, |reader, place, json| reader.choice(place, json, expected, named))
    }
}
