//! What a tenant has names for. A column that is called like one of them is that, if no label says otherwise.

use super::labels::without_note;
use super::mapping::{Choices, Ignored, Target, is_meant, is_same};
use kehub_core::TenantId;
use kehub_core::attribute::FieldKey;
use kehub_core::customer::Customer;
use kehub_core::filter::Filter;
use kehub_core::policy::Policy;
use kehub_store::{PageRequest, Store, StoreError};
use std::collections::BTreeSet;

/// How many customers are looked at for the custom attributes that they show: the newest ones.
pub(crate) const LOOKED_AT: u32 = 500;

/// Names of a tenant.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    /// The rules, which know types of identities.
    policy: Policy,
    /// Keys of custom attributes.
    custom: BTreeSet<Box<str>>,
}

impl Names {
    /// Those of these rules, and those that these customers show.
    pub(crate) fn new(policy: Policy, newest: &[Customer]) -> Names {
        let shown = newest.iter().flat_map(|customer| customer.fold.custom());
        Names { policy, custom: shown.map(|(key, _)| key.into()).collect() }
    }

    /// Those of a tenant with these rules.
    pub(crate) async fn of(
        store: &dyn Store,
        tenant: TenantId,
        policy: Policy,
    ) -> Result<Names, StoreError> {
        let (all, newest) = (Filter::default(), PageRequest::newest(LOOKED_AT));
        Ok(Names::new(policy, &store.customers(tenant, &all, &newest).await?.customers))
    }

    /// What is called like this, perhaps with a note in brackets; nothing if several things are.
    fn target(&self, heading: &str) -> Option<Target> {
        let whole = self.named(heading);
        whole.or_else(|| self.named(without_note(heading)?.trim()))
    }

    fn named(&self, heading: &str) -> Option<Target> {
        if let Some(kind) = self.policy.types().find(|kind| is_same(&kind.name, heading)) {
            return Some(Target::Identity(kind.name.clone()));
        }
        let exact = self.custom.get(heading.trim());
        let key = exact.or_else(|| {
            let mut alike = self.custom.iter().filter(|key| is_same(key, heading));
            alike.next().filter(|_| alike.next().is_none())
        });
        Some(Target::Custom(FieldKey::custom(key?)?))
    }
}

impl Choices {
    /// Adds what columns are whose headings are known as nothing else, and name something of a tenant.
    pub(crate) fn know(&mut self, names: &Names, headings: &[String]) {
        for (place, heading) in headings.iter().enumerate() {
            let is_chosen = self.columns.iter().any(|(column, _)| is_meant(column, place, heading));
            let is_twice = headings.iter().filter(|other| is_same(heading, other)).count() > 1;
            let is_unknown = Target::guessed(heading) == Target::Ignored(Ignored::Unknown);
            if !is_chosen
                && !is_twice
                && is_unknown
                && let Some(target) = names.target(heading)
            {
                self.columns.push((heading.trim().to_owned(), target));
            }
        }
    }
}
