use crate::{Store, StoreError};
use kehub_core::policy::Policy;
use kehub_core::policy::impact::{Comparison, Impact};
use kehub_core::{CustomerId, TenantId};

/// Customers that are looked at between two looks at anything else: few enough that neither memory
/// nor a snapshot is held for long.
const STRIDE: usize = 1_000;

/// Whom of a tenant a change from one policy to another would affect. Looks at all customers unless
/// the two say the same. Nothing is held meanwhile, so that it is exact only for customers who do
/// not change.
pub async fn impact(
    store: &dyn Store,
    tenant: TenantId,
    before: &Policy,
    after: &Policy,
) -> Result<Impact, StoreError> {
    let mut impact = Impact::default();
    let comparison = Comparison::of(before, after);
    if comparison.is_same() {
        return Ok(impact);
    }
    let mut last = CustomerId(0);
    loop {
        let holdings = store.holdings(tenant, last, STRIDE).await?;
        for holding in &holdings {
            impact.look(&comparison, holding.customer, &holding.identities);
        }
        match holdings.last() {
            Some(holding) => last = holding.customer,
            None => return Ok(impact),
        }
    }
}
