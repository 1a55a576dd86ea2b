//! What the problems of the rest of the hub are called here: of what surrounds a call, of the store,
//! and what the domain refuses.

use super::{Code, ItemError, Place, Problem};
use crate::api::customers::resolution::ConflictBody;
use crate::server::problem as around;
use crate::wechat::accounts::APP_SECRET;
use crate::wire::verdict::why_not_usable;
use kehub_core::CustomerId;
use kehub_core::attribute::FieldProblem;
use kehub_core::import::ImportRefusal;
use kehub_core::misfit::{Expected, Found, counted};
use kehub_core::outcome::{IdentityOutcome, Refusal, Unfit};
use kehub_core::people::PeopleRefusal;
use kehub_core::policy::TypeProblem;
use kehub_core::webhook::WebhookRefusal;
use kehub_core::wechat::WechatRefusal;
use kehub_store::StoreError;
use serde_json::json;
use std::collections::BTreeSet;

/// What goes wrong around a call, trouble of the store included.
impl From<around::Problem> for Problem {
    fn from(problem: around::Problem) -> Problem {
        let (code, detail) = match problem {
            around::Problem::CredentialsWrong => {
                (Code::CredentialsWrong, "no live app has this id and secret")
            }
            around::Problem::TokenInvalid => {
                (Code::TokenInvalid, "get a new one from `POST /api/tokens`")
            }
            around::Problem::PermissionMissing => {
                (Code::PermissionMissing, "the app lacks a permission")
            }
            around::Problem::CrossSite => (
                Code::CrossSite,
                "with a session, send the header `X-CSRF-Token`, from a page of this hub",
            ),
            around::Problem::CustomerMissing => return Problem::customer_not_found(),
            around::Problem::CustomerMerged { customer, survivor } => {
                return merged(customer, survivor);
            }
            around::Problem::PathUnknown => (Code::PathUnknown, "`/docs` lists what there is"),
            around::Problem::MethodWrong => {
                (Code::MethodNotAllowed, "the header `Allow` lists what there is")
            }
            around::Problem::BodyTooLarge => (Code::BodyTooLarge, "nothing of it was read"),
            around::Problem::BodyBroken => {
                (Code::BodyBroken, "it broke off, or did not come in time; nothing was applied")
            }
            around::Problem::KeyInvalid => {
                (Code::KeyInvalid, "expected 1 to 255 visible ASCII characters, once")
            }
            around::Problem::NotApplied => {
                (Code::Busy, "send it again after the seconds in the header `Retry-After`")
            }
            around::Problem::OutcomeUnknown => {
                (Code::OutcomeUnknown, "look, or send it again with the same `Idempotency-Key`")
            }
            around::Problem::Internal => {
                (Code::Internal, "the log of the hub tells more under the request's id")
            }
        };
        Problem::new(code, detail)
    }
}

fn merged(customer: CustomerId, survivor: CustomerId) -> Problem {
    let detail = format!("customer {customer} answers as customer {survivor}: name that one");
    Problem::new(Code::CustomerMerged, detail).with("customerId", json!(survivor.0))
}

/// Trouble of the store: logged where it is told around a call, and nowhere else.
impl From<StoreError> for Problem {
    fn from(trouble: StoreError) -> Problem {
        around::Problem::from(trouble).into()
    }
}

/// What the domain refused.
impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        match refusal {
            Refusal::CustomerMissing(customer) => {
                let detail = format!("no customer {customer} is known");
                Problem::new(Code::CustomerNotFound, detail)
            }
            Refusal::CustomerMerged { customer, survivor } => merged(customer, survivor),
            Refusal::NothingUsable { identities } => {
                let places = identities.iter().enumerate();
                let errors: Vec<ItemError> = places.filter_map(unusable).collect();
                let detail = "it names no identity that matches, and no other way to find or make \
                              a customer";
                Problem { errors, ..Problem::new(Code::NothingUsable, detail) }
            }
            Refusal::Conflicts { conflicts, identities } => {
                let detail = "`onConflict` is `reject`: nothing was applied";
                let conflicts: Vec<_> = conflicts.iter().map(ConflictBody::of).collect();
                let outcomes: Vec<_> = identities.iter().map(|it| it.verdict.name()).collect();
                Problem::new(Code::ConflictsFound, detail)
                    .with("conflicts", json!(conflicts))
                    .with("outcomes", json!(outcomes))
            }
            Refusal::CustomAttributesTooMany { found, limit } => too_many_custom(found, limit),
            Refusal::NotAttached(outcome) => {
                let why = why_not_usable(&outcome).unwrap_or("it cannot be attached");
                Problem::new(Code::IdentityNotAttached, why)
                    .with("outcome", json!(outcome.verdict.name()))
            }
            Refusal::KeyReused => {
                let detail = "another request came under this `Idempotency-Key`: choose a new one";
                Problem::new(Code::KeyReused, detail)
            }
            Refusal::AppMissing => Problem::new(Code::AppNotFound, "no app of this id is known"),
            Refusal::AppChanged => changed_meanwhile(),
            Refusal::AppTaken => Problem::new(Code::AppExists, "choose another id"),
            Refusal::Webhook(refusal) => refusal.into(),
            Refusal::Wechat(refusal) => refusal.into(),
            Refusal::Import(refusal) => refusal.into(),
            Refusal::People(refusal) => refusal.into(),
            Refusal::IdentityMissing(_) => {
                Problem::new(Code::IdentityNotFound, "no identity of this number is known")
            }
            Refusal::NotQuarantined(_) => {
                Problem::new(Code::NotQuarantined, "the identity matches: nothing to release")
            }
            Refusal::TypesNotSet(problems) => types_not_set(&problems),
            Refusal::PolicyChanged(version) => policy_changed(version),
            // Access and the directory know the tenants of live tokens, and no call makes one.
            Refusal::TenantMissing | Refusal::TenantExists(_) => Problem::unexpected(),
            Refusal::CustomerDeleted(_)
            | Refusal::CustomerErased(_)
            | Refusal::CustomerLive(_)
            | Refusal::IdentitiesTaken(_) => customer_refused(&refusal),
            Refusal::SameCustomer(_)
            | Refusal::CannotLinked(_)
            | Refusal::IdentitiesTooMany { .. }
            | Refusal::IdentityNotHeld(_)
            | Refusal::NothingToExtract
            | Refusal::MergeMissing(_)
            | Refusal::MergeUndone(_)
            | Refusal::ClaimDecided { .. }
            | Refusal::CustomerElsewhere(_)
            | Refusal::ConflictMissing(_)
            | Refusal::ConflictSettled(_)
            | Refusal::DecisionUnfit { .. }
            | Refusal::CannotLinkMissing(_) => decision_refused(&refusal),
        }
    }
}

/// A customer would have too many custom attributes.
fn too_many_custom(found: usize, limit: usize) -> Problem {
    let (most, found) = (counted(limit), counted(found));
    let problem = FieldProblem::new(Expected::OnCustomer(most), Found::Count(found));
    let place = Place::Pointer("/customer/attr".to_owned());
    Problem::errors(Code::FieldsInvalid, vec![ItemError::refused_for(place, &problem)])
}

/// What has become of a customer does not let it be.
#[expect(clippy::wildcard_enum_match_arm, reason = "the caller has chosen among all")]
fn customer_refused(refusal: &Refusal) -> Problem {
    match refusal {
        Refusal::CustomerDeleted(customer) => {
            let detail = format!("customer {customer} was deleted; it can be restored");
            Problem::new(Code::CustomerDeleted, detail).with("customerId", json!(customer.0))
        }
        Refusal::CustomerErased(customer) => {
            let detail = format!("everything about customer {customer} was erased");
            Problem::new(Code::CustomerErased, detail).with("customerId", json!(customer.0))
        }
        Refusal::CustomerLive(customer) => {
            let detail = format!("customer {customer} is there: nothing to restore");
            Problem::new(Code::CustomerLive, detail)
        }
        Refusal::IdentitiesTaken(taken) => {
            let owners: BTreeSet<i64> = taken.iter().map(|(_, owner)| owner.0).collect();
            let detail = format!("{} of its identities are theirs by now", taken.len());
            Problem::new(Code::IdentitiesTaken, detail).with("customerIds", json!(owners))
        }
        _ => Problem::unexpected(),
    }
}

/// What people decided and the domain does not let them.
#[expect(clippy::wildcard_enum_match_arm, reason = "the caller has chosen among all")]
fn decision_refused(refusal: &Refusal) -> Problem {
    match refusal {
        Refusal::SameCustomer(customer) => {
            let detail = format!("both ids stand for customer {customer}");
            Problem::new(Code::SameCustomer, detail).with("customerId", json!(customer.0))
        }
        Refusal::CannotLinked(link) => {
            let detail = format!(
                "a cannot-link stands between {} and {}: remove it first if they are one person",
                link.low, link.high
            );
            let homes = json!([link.low.0, link.high.0]);
            Problem::new(Code::CannotLinked, detail).with("cannotLink", homes)
        }
        Refusal::IdentitiesTooMany { found, limit } => {
            let detail = format!("expected at most {limit}, found {found}");
            Problem::new(Code::IdentitiesTooMany, detail)
        }
        Refusal::IdentityNotHeld(place) => {
            let place = Place::Pointer(format!("/identities/{place}"));
            let error = ItemError::refused(place, "the customer does not hold this identity");
            Problem::errors(Code::FieldsInvalid, vec![error])
        }
        Refusal::NothingToExtract => {
            let detail = "name at least one identity of the customer, and leave it one";
            Problem::new(Code::NothingToExtract, detail)
        }
        Refusal::MergeMissing(_) => {
            Problem::new(Code::MergeNotFound, "no merge of this id is known")
        }
        Refusal::MergeUndone(_) => Problem::new(Code::MergeUndone, "nothing is left to undo"),
        Refusal::ClaimDecided { .. } => {
            let detail = "`GET /api/undecided-claims` lists those that are";
            Problem::new(Code::ClaimNotUndecided, detail)
        }
        Refusal::CustomerElsewhere(_) => {
            let detail = "name a customer that holds the claim, an identity that found it, or an end of the merge";
            Problem::new(Code::CustomerElsewhere, detail)
        }
        Refusal::ConflictMissing(_) => {
            Problem::new(Code::ConflictNotFound, "no conflict of this id is known")
        }
        Refusal::ConflictSettled(_) => {
            Problem::new(Code::ConflictSettled, "`GET /api/conflicts/{id}` tells how")
        }
        Refusal::DecisionUnfit { because, .. } => Problem::new(
            Code::DecisionUnfit,
            match because {
                Unfit::OneSided => "it names one customer only: nobody owned the identity",
                Unfit::OneCustomer => "its two customers are one by now",
                Unfit::OwnedAlready => "the customer owns the identity already",
                Unfit::IdentityErased => "the identity was erased",
            },
        ),
        Refusal::CannotLinkMissing(_) => {
            let detail = "no cannot-link stands between these two";
            Problem::new(Code::CannotLinkNotFound, detail)
        }
        _ => Problem::unexpected(),
    }
}

impl From<WebhookRefusal> for Problem {
    fn from(refusal: WebhookRefusal) -> Problem {
        match refusal {
            WebhookRefusal::Missing(_) => {
                Problem::new(Code::WebhookNotFound, "no webhook of this id is known")
            }
            WebhookRefusal::SettingsChanged => changed_meanwhile(),
            WebhookRefusal::NoDeadLetter(_) => {
                Problem::new(Code::DeadLetterNotFound, "no dead letter lies at this place")
            }
            WebhookRefusal::TooMany { limit } => {
                Problem::new(Code::WebhooksTooMany, format!("expected at most {limit}"))
            }
            WebhookRefusal::BeyondFeed { newest } => {
                let detail = format!("expected a position of at most {newest}, found a later one");
                Problem::new(Code::BeyondFeed, detail)
            }
            // What the hub tells itself while it delivers.
            WebhookRefusal::NotHolder | WebhookRefusal::Changed => Problem::unexpected(),
        }
    }
}

impl From<WechatRefusal> for Problem {
    fn from(refusal: WechatRefusal) -> Problem {
        match refusal {
            WechatRefusal::Missing(_) => {
                Problem::new(Code::WechatAccountNotFound, "no WeChat account of this id is bound")
            }
            WechatRefusal::TooMany { limit } => {
                Problem::new(Code::WechatAccountsTooMany, format!("expected at most {limit}"))
            }
            WechatRefusal::SecretMissing => {
                let place = Place::Pointer("/appSecret".to_owned());
                Problem::errors(Code::FieldsInvalid, vec![ItemError::missing(place, APP_SECRET)])
            }
            WechatRefusal::Bound(_) => changed_meanwhile(),
            // What the hub tells itself while it imports.
            WechatRefusal::NotHolder => Problem::unexpected(),
        }
    }
}

impl From<ImportRefusal> for Problem {
    fn from(refusal: ImportRefusal) -> Problem {
        match refusal {
            ImportRefusal::Missing(_) => {
                Problem::new(Code::ImportNotFound, "no import of this id is known")
            }
            ImportRefusal::Running { id, .. } => {
                let detail =
                    format!("import {id} is under way: `GET /api/imports/{id}` tells how far");
                Problem::new(Code::ImportRunning, detail).with("importId", json!(id.0))
            }
            ImportRefusal::NotHolder(_) | ImportRefusal::Ended(_) => {
                Problem::new(Code::ImportEnded, "`GET /api/imports/{id}` tells how")
            }
            ImportRefusal::TooMany => Problem::new(
                Code::Busy,
                "as many imports wait for their turn as may: nothing was kept, send it again after the \
                 seconds in the header `Retry-After`",
            ),
        }
    }
}

impl From<PeopleRefusal> for Problem {
    fn from(refusal: PeopleRefusal) -> Problem {
        match refusal {
            PeopleRefusal::UserMissing(_) => {
                Problem::new(Code::UserNotFound, "no user of this id is known")
            }
            PeopleRefusal::LoginTaken => Problem::new(
                Code::LoginTaken,
                "choose another login name: it is one of the whole hub",
            ),
            PeopleRefusal::UserChanged => changed_meanwhile(),
            PeopleRefusal::LastAdmin => {
                Problem::new(Code::LastAdmin, "make another user an admin first")
            }
            // What only pages for signing in ask for.
            PeopleRefusal::NotFirst
            | PeopleRefusal::Locked { .. }
            | PeopleRefusal::NotVerified
            | PeopleRefusal::SessionMissing
            | PeopleRefusal::TooManySaved
            | PeopleRefusal::SavedMissing => Problem::unexpected(),
        }
    }
}

/// What is wrong with the settings of types.
fn types_not_set(problems: &[(usize, TypeProblem)]) -> Problem {
    let errors = problems.iter().map(|(_, problem)| unfit_setting(problem)).collect();
    Problem::errors(Code::FieldsInvalid, errors)
}

/// Somebody else was faster.
fn changed_meanwhile() -> Problem {
    let detail = "it has another `version` by now: look at it again before you change it";
    Problem::new(Code::ChangedMeanwhile, detail)
}

/// The policy has this version by now.
fn policy_changed(version: u32) -> Problem {
    let detail = format!("it has version {version} by now: look at it again before you change it");
    Problem::new(Code::PolicyChanged, detail)
}

/// A setting of one identity type, which is the whole body.
fn unfit_setting(problem: &TypeProblem) -> ItemError {
    let member = match problem {
        TypeProblem::Name | TypeProblem::TooMany => String::new(),
        TypeProblem::Priority(_) => "/priority".into(),
        TypeProblem::Limit(_) => "/limit".into(),
        TypeProblem::CaseCanonical | TypeProblem::CaseFixed => "/case".into(),
        TypeProblem::PatternsTooMany(_) => "/blocked".into(),
        TypeProblem::Pattern(at) => format!("/blocked/{at}"),
        TypeProblem::QuarantineAfter(_) => "/quarantineAfter".into(),
    };
    ItemError::refused(Place::Pointer(member), problem.to_string())
}

fn unusable((place, outcome): (usize, &IdentityOutcome)) -> Option<ItemError> {
    let place = Place::Pointer(format!("/identities/{place}/value"));
    Some(ItemError::refused(place, why_not_usable(outcome)?))
}
