//! What a trial reads of a store in memory: a copy of all that a tenant has.

use crate::OpenError;
use crate::trial::{Base, Begun, Whose};
use async_trait::async_trait;
use kehub_core::attribute::Attribute;
use kehub_core::command::Request;
use kehub_core::facts::{Facts, TenantFacts};
use kehub_core::{CustomerId, TenantId};
use std::sync::Arc;

/// All facts of a tenant, as of one moment.
struct Copy(TenantFacts);

/// Begins to look at a tenant, if there is such a one.
pub(super) fn begin(facts: &Facts, tenant: TenantId) -> Option<Begun> {
    let whose = Whose::Of(tenant);
    let tenant = facts.directory.tenants.iter().find(|it| whose.is(it))?.clone();
    let facts = facts.tenants.get(&tenant.id)?.clone();
    let (policy, counters) = (facts.policy().clone(), facts.counters());
    Some(Begun { base: Box::new(Copy(facts)), tenant, policy, counters })
}

#[async_trait]
impl Base for Copy {
    async fn facts(&mut self, _: Arc<[Request]>) -> Result<TenantFacts, OpenError> {
        Ok(self.0.clone())
    }

    async fn carriers(
        &mut self,
        attribute: Attribute,
        value: String,
        behind: CustomerId,
        most: usize,
    ) -> Result<Vec<CustomerId>, OpenError> {
        let carriers = self.0.carriers(attribute, &value);
        Ok(carriers.filter(|id| *id > behind).take(most).collect())
    }
}
