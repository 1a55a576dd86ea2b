//! What a trial reads of a store in memory: a copy of all that a tenant has.

use crate::OpenError;
use crate::trial::{Base, Begun, Whose};
use async_trait::async_trait;
use kehub_core::attribute::Attribute;
use kehub_core::command::Request;
use kehub_core::customer::{Customer, State};
use kehub_core::facts::{Facts, TenantFacts};
use kehub_core::import::Import;
use kehub_core::{CustomerId, TenantId};
use std::cmp::Reverse;
use std::sync::Arc;

/// All that a tenant has, as of one moment.
struct Copy {
    facts: TenantFacts,
    /// Newest first.
    imports: Vec<Import>,
}

/// Begins to look at a tenant, if there is such a one.
pub(super) fn begin(facts: &Facts, tenant: TenantId) -> Option<Begun> {
    let whose = Whose::Of(tenant);
    let tenant = facts.directory.tenants.iter().find(|it| whose.is(it))?.clone();
    let imports = facts.imports.all.iter().rev().filter(|((owner, _), _)| *owner == tenant.id);
    let imports = imports.map(|(_, import)| import.clone()).collect();
    let facts = facts.tenants.get(&tenant.id)?.clone();
    let (policy, counters) = (facts.policy().clone(), facts.counters());
    Some(Begun { base: Box::new(Copy { facts, imports }), tenant, policy, counters })
}

#[async_trait]
impl Base for Copy {
    async fn facts(&mut self, _: Arc<[Request]>) -> Result<TenantFacts, OpenError> {
        Ok(self.facts.clone())
    }

    async fn imports(&mut self, most: usize) -> Result<Vec<Import>, OpenError> {
        Ok(self.imports.iter().take(most).cloned().collect())
    }

    async fn newest(&mut self, most: u32) -> Result<Vec<Customer>, OpenError> {
        let live = self.facts.customers().filter(|customer| customer.state == State::Live);
        let mut newest: Vec<Customer> = live.cloned().collect();
        newest.sort_by_key(|customer| Reverse(customer.id));
        newest.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        Ok(newest)
    }

    async fn carriers(
        &mut self,
        attribute: Attribute,
        value: String,
        behind: CustomerId,
        most: usize,
    ) -> Result<Vec<CustomerId>, OpenError> {
        let carriers = self.facts.carriers(attribute, &value);
        Ok(carriers.filter(|id| *id > behind).take(most).collect())
    }
}
