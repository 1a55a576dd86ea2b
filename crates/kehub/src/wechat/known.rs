//! What is known of a fan before more is written of it.
//!
//! Events may come late, and a person may follow several accounts. So the customers that a fan is about
//! to be found as are looked at first: what is older than what they show is not written, and what is of
//! the person is told by the account that was followed last. Between the look and the write lie
//! milliseconds, in which nothing is locked.

use super::fans::{SUBSCRIBED, SUBSCRIBED_AT, UNSUBSCRIBED_AT, own_name};
use crate::wire::time;
use kehub_core::attribute::Value;
use kehub_core::command::Upsert;
use kehub_core::customer::Fold;
use kehub_core::{Micros, TenantId};
use kehub_store::{Store, StoreError};
use std::cmp::Reverse;
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
    is_followed: bool,
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
                SUBSCRIBED => shown.is_followed |= *value == Value::Flag(true),
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

    /// Whether an account that is followed since this moment tells what is of the person: the one of the
    /// bound accounts that was followed last, and of two in one second that whose app id sorts first.
    pub(super) fn is_told_by(
        &self,
        app_id: &str,
        since: Option<Micros>,
        bound: &BTreeSet<Box<str>>,
    ) -> bool {
        let others = self.accounts.iter().filter(|(other, shown)| {
            shown.is_followed && ***other != *app_id && bound.contains(*other)
        });
        let mut places = others.map(|(other, shown)| (shown.since, Reverse(&**other)));
        places.all(|other| other < (since, Reverse(app_id)))
    }

    fn shown(&self, app_id: &str) -> Shown {
        self.accounts.get(app_id).copied().unwrap_or_default()
    }
}

/// The app ids of the accounts that a tenant has bound: others tell nothing any more.
pub(super) async fn bound(
    store: &dyn Store,
    tenant: TenantId,
) -> Result<BTreeSet<Box<str>>, StoreError> {
    let accounts = store.wechat_accounts(Some(tenant)).await?;
    Ok(accounts.into_values().map(|account| account.app_id).collect())
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
        let shown = Shown { is_followed: false, since: Some(5), left: Some(7) };
        let known = known(&[("wxa", shown)]);
        assert!([1, 5, 6].iter().all(|at| known.is_newer("wxa", Some(*at))));
        assert!([7, 8].iter().all(|at| !known.is_newer("wxa", Some(*at))));
        assert!(!known.is_newer("wxa", None) && !known.is_newer("wxb", Some(1)));
        assert_eq!([6, 7, 8].map(|at| known.has_left("wxa", at)), [true, true, false]);
        assert!(!known.has_left("wxb", 1));
    }

    #[test]
    fn one_account_tells_of_the_person() {
        let followed = |since| Shown { is_followed: true, since, left: None };
        let left = Shown { is_followed: false, ..followed(Some(9)) };
        let known = known(&[
            ("wxa", followed(Some(5))),
            ("wxb", followed(Some(5))),
            ("wxc", followed(None)),
            ("wxd", left),
            ("wxe", followed(Some(9))),
        ]);
        let bound: BTreeSet<Box<str>> =
            ["wxa", "wxb", "wxc", "wxd"].into_iter().map(Into::into).collect();
        let tells = |app_id, since| known.is_told_by(app_id, since, &bound);
        // Each account as it is shown, and one that is followed now.
        assert_eq!(["wxa", "wxb"].map(|it| tells(it, Some(5))), [true, false]);
        assert!(!tells("wxc", None));
        assert!(tells("wxc", Some(6)) && tells("wxb", Some(6)));
        assert!(tells("wx0", Some(5)) && !tells("wx0", Some(4)));
        assert!(Known::default().is_told_by("wxa", None, &bound));
    }
}
