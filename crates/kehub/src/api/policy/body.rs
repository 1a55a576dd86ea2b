//! A policy as it is answered, and whom a change of it would affect.

use crate::api::Call;
use crate::api::problem::Problem;
use crate::server::problem::Problem as Around;
use kehub_core::TypeNumber;
use kehub_core::command::{Command, SetPolicy};
use kehub_core::outcome::{Outcome, PolicySet};
use kehub_core::policy::Policy;
use kehub_core::policy::impact::{Affected, Impact, Reason};
use serde::Serialize;

/// What of a policy is no matter of one type.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PolicyBody {
    preset: &'static str,
    on_conflict: &'static str,
    version: u32,
}

impl PolicyBody {
    pub(crate) fn of(policy: &Policy) -> PolicyBody {
        PolicyBody {
            preset: policy.preset.name(),
            on_conflict: policy.on_conflict.name(),
            version: policy.version,
        }
    }
}

/// What a change would be: the same shape before and after, and whom it would affect.
#[derive(Debug, Serialize)]
pub(crate) struct DryChange<T> {
    pub(crate) before: T,
    pub(crate) after: T,
    pub(crate) affected: AffectedBody,
}

/// Customers that a change would affect.
#[derive(Debug, Serialize)]
pub(crate) struct AffectedBody {
    customers: u64,
    /// Not for those who may not read customers.
    #[serde(skip_serializing_if = "Option::is_none")]
    sample: Option<Vec<CustomerBody>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CustomerBody {
    customer_id: i64,
    reasons: Vec<ReasonBody>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "reason", rename_all = "camelCase")]
enum ReasonBody {
    OverLimit {
        #[serde(rename = "type")]
        kind: Box<str>,
        held: usize,
        limit: usize,
    },
    Distinguishing {
        #[serde(rename = "type")]
        kind: Box<str>,
        held: usize,
    },
    Reordered {
        types: [Box<str>; 2],
    },
    Blocked {
        identity: i64,
    },
    Quarantined {
        identity: i64,
    },
}

impl CustomerBody {
    fn of(affected: &Affected, policy: &Policy) -> CustomerBody {
        let name = |kind: TypeNumber| {
            policy.type_of(kind).map_or_else(Default::default, |kind| kind.name.clone())
        };
        let reason = |reason: &Reason| match *reason {
            Reason::OverLimit { kind, held, limit } => {
                ReasonBody::OverLimit { kind: name(kind), held, limit }
            }
            Reason::Distinguishing { kind, held } => {
                ReasonBody::Distinguishing { kind: name(kind), held }
            }
            Reason::Reordered { first, second } => {
                ReasonBody::Reordered { types: [name(first), name(second)] }
            }
            Reason::Blocked(identity) => ReasonBody::Blocked { identity: identity.0 },
            Reason::Quarantined(identity) => ReasonBody::Quarantined { identity: identity.0 },
        };
        CustomerBody {
            customer_id: affected.customer.0,
            reasons: affected.reasons.iter().map(reason).collect(),
        }
    }
}

/// The policy of the caller's tenant.
pub(crate) async fn policy_of(call: &Call) -> Result<Policy, Problem> {
    let policy = call.store().policy(call.tenant()).await?;
    policy.ok_or_else(|| Around::TokenInvalid.into())
}

/// Whether a change is only to be looked at, and the version that the policy has to have.
pub(crate) fn conditions(call: &Call) -> Result<(bool, Option<u32>), Problem> {
    let mut parameters = call.parameters();
    let dry_run = parameters.dry_run();
    let version = parameters.parsed("version", "a whole number from 1", |text| {
        text.parse().ok().filter(|version| *version > 0)
    });
    parameters.end()?;
    Ok((dry_run, version))
}

/// Sets the policy of the caller's tenant.
pub(crate) async fn set_policy(
    call: &Call,
    wanted: SetPolicy,
    dry_run: bool,
) -> Result<Box<PolicySet>, Problem> {
    let outcome = call.apply(Command::SetPolicy(wanted), dry_run).await?;
    let Outcome::Policy(set) = outcome else { return Err(Problem::unexpected()) };
    Ok(set)
}

/// Whom a change would affect.
pub(crate) async fn impact(call: &Call, set: &PolicySet) -> Result<Impact, Problem> {
    Ok(kehub_store::impact(call.store(), call.tenant(), &set.before, &set.after).await?)
}

/// Whom a change would affect, as it is answered. The customers themselves are named to those who may read them.
pub(crate) async fn affected(call: &Call, set: &PolicySet) -> Result<AffectedBody, Problem> {
    let found = impact(call, set).await?;
    let sample = || found.sample.iter().map(|it| CustomerBody::of(it, &set.after)).collect();
    Ok(AffectedBody { customers: found.customers, sample: call.reads().then(sample) })
}
