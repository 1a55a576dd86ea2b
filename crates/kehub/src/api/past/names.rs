//! Names for what the past tells by number: identities, apps, entries of the journal.

use crate::api::shapes::{Named, NumberedBody, WrittenBody};
use crate::server::access::Access;
use kehub_core::history::Past;
use kehub_core::identity::Identity;
use kehub_core::journal::{ClaimedIdentity, Route};
use kehub_core::{AppNumber, IdentityNumber, Seq, TypeNumber};
use serde::Serialize;

/// What numbers stand for. Texts of identities are those of today: an erasure reaches the past.
#[derive(Debug)]
pub(crate) struct Names<'a> {
    past: &'a Past,
    pub(crate) access: &'a Access,
    pub(crate) known: Named,
}

impl<'a> Names<'a> {
    pub(crate) fn new(past: &'a Past, access: &'a Access) -> Names<'a> {
        Names { past, access, known: Named::of(past) }
    }

    /// The row of an identity, as it is today.
    pub(crate) fn row(&self, number: IdentityNumber) -> Option<&Identity> {
        self.known.row(number)
    }

    /// The name of a type.
    pub(crate) fn kind(&self, kind: TypeNumber) -> Option<&str> {
        self.past.policy.type_of(kind).map(|kind| &*kind.name)
    }

    /// The id of an app; the command line, for one, has none.
    pub(crate) fn app(&self, number: AppNumber) -> Option<&str> {
        self.access.app_id(number)
    }

    /// What people call an app; the command line, for one, has no name.
    pub(crate) fn app_name(&self, number: AppNumber) -> Option<&str> {
        self.access.app_name(self.past.tenant, number)
    }

    /// An identity, without its texts if they were erased.
    pub(crate) fn identity(&self, number: IdentityNumber) -> NumberedBody<'_> {
        self.known.identity(number)
    }

    pub(crate) fn identities(&self, numbers: &[IdentityNumber]) -> Vec<NumberedBody<'_>> {
        self.known.identities(numbers)
    }

    /// When something happened, and who asked for it.
    pub(crate) fn written(&self, seq: Seq) -> WrittenBody<'_> {
        self.known.written(seq, self.access)
    }

    /// By what a request found its customer; `None` if it made one.
    pub(crate) fn matched_by(&self, route: Route) -> Option<MatchedBy<'_>> {
        match route {
            Route::Identity(number) => {
                Some(MatchedBy::Identity { identity: self.identity(number) })
            }
            Route::Mobile => Some(MatchedBy::Attribute { attribute: "mobile" }),
            Route::Email => Some(MatchedBy::Attribute { attribute: "email" }),
            Route::Id => Some(MatchedBy::Attribute { attribute: "id" }),
            Route::Created => None,
        }
    }

    /// What came of the identities of a request.
    pub(crate) fn outcomes(&self, claimed: &[ClaimedIdentity]) -> Vec<OutcomeBody<'_>> {
        let outcome = |claimed: &ClaimedIdentity| OutcomeBody {
            identity: claimed.number.map(|number| self.identity(number)),
            outcome: claimed.verdict.name(),
        };
        claimed.iter().map(outcome).collect()
    }
}

/// By what a request found its customer.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum MatchedBy<'a> {
    Identity { identity: NumberedBody<'a> },
    Attribute { attribute: &'static str },
}

/// What came of an identity; `None` stands for what was no identity at all.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct OutcomeBody<'a> {
    identity: Option<NumberedBody<'a>>,
    outcome: &'static str,
}
