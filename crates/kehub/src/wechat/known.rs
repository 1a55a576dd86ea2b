//! What is known of a fan before more is written of it.
//!
//! Events may come late. So the customers that a fan is about to be found as are looked at first: what
//! is older than what they show is not written. Between the look and the write lie milliseconds, in which
//! nothing is locked.

use super::fans::{SUBSCRIBED_AT, UNSUBSCRIBED_AT, own_name};
use crate::wire::time;
use kehub_core::command::Upsert;
use kehub_core::customer::Fold;
use kehub_core::{Micros, TenantId};
use kehub_store::{Store, StoreError};
use std::collections::{BTreeMap, BTreeSet};

/// What the customers show that own the identities of a fan: mostly one, or several that are about to be
/// joined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    is_anybody: bool,
    accounts: BTreeMap<Box<str>, Shown>,
}

/// What they show of one account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Shown {
    /// When it was last followed.
    since: Option<Micros>,
    /// When it was left, if it is not followed again.
    left: Option<Micros>,
}

impl Known {
    /// Looks at who owns the identities of what is to be written.
    pub(super) async fn of(
        store: &dyn Store,
        tenant: TenantId,
        upsert: &Upsert,
    ) -> Result<Known, StoreError> {
        let mut owners = BTreeSet::new();
        for sent in &upsert.identities {
            let found = store.identities_named(tenant, Some(&sent.kind), &sent.value).await?;
            owners.extend(found.into_iter().map(|it| it.owner));
        }
        let mut known = Known::default();
        for owner in owners {
            if let Some(customer) = store.customer(tenant, owner).await? {
                known.is_anybody = true;
                known.add(&customer.fold);
            }
        }
        Ok(known)
    }

    fn add(&mut self, fold: &Fold) {
        for (key, value) in fold.custom() {
            let Some((app_id, name)) = own_name(key) else { continue };
            let shown = self.accounts.entry(app_id.into()).or_default();
            // People may have written something else there, which says nothing.
            let at = value.text().and_then(time::parse);
            match name {
                SUBSCRIBED_AT => shown.since = shown.since.max(at),
                UNSUBSCRIBED_AT => shown.left = shown.left.max(at),
                _ => (),
            }
        }
    }

    /// Whether no customer owns any of the identities.
    pub(super) fn is_nobody(&self) -> bool {
        !self.is_anybody
    }

    /// Whether the account was followed or left after this moment.
    pub(super) fn is_newer(&self, app_id: &str, at: Option<Micros>) -> bool {
        let Shown { since, left, .. } = self.shown(app_id);
        at.is_some() && since.max(left) > at
    }

    /// Whether the account was left at this moment or later.
    pub(super) fn has_left(&self, app_id: &str, at: Micros) -> bool {
        self.shown(app_id).left.is_some_and(|left| left >= at)
    }

    fn shown(&self, app_id: &str) -> Shown {
        self.accounts.get(app_id).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(accounts: &[(&str, Shown)]) -> Known {
        let accounts = accounts.iter().map(|(app_id, shown)| ((*app_id).into(), *shown)).collect();
        Known { is_anybody: true, accounts }
    }

    #[test]
    fn of_what_is_known_the_newest_counts() {
        let shown = Shown { since: Some(5), left: Some(7) };
        let known = known(&[("wxa", shown)]);
        assert!([1, 5, 6].iter().all(|at| known.is_newer("wxa", Some(*at))));
        assert!([7, 8].iter().all(|at| !known.is_newer("wxa", Some(*at))));
        assert!(!known.is_newer("wxa", None) && !known.is_newer("wxb", Some(1)));
        assert_eq!([6, 7, 8].map(|at| known.has_left("wxa", at)), [true, true, false]);
        assert!(!known.has_left("wxb", 1));
    }
}
