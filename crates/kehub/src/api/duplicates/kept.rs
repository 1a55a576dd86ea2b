//! What was found is kept for a few minutes: finding it looks at every customer, and pages of one
//! list should be of one moment.

use crate::server::Hub;
use kehub_core::duplicates::Duplicates;
use kehub_core::{Micros, TenantId};
use kehub_store::StoreError;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How long what was found is answered.
const LIFE_MICROS: Micros = 300 * 1_000_000;

/// What was found in a tenant, and when.
#[derive(Debug)]
pub(crate) struct Computed {
    pub(crate) at: Micros,
    pub(crate) found: Duplicates,
}

impl Computed {
    fn is_fresh(&self, now: Micros) -> bool {
        now < self.at.saturating_add(LIFE_MICROS)
    }
}

/// What was found lately, by tenant.
#[derive(Debug, Default)]
pub(crate) struct KeptDuplicates {
    by_tenant: Mutex<HashMap<TenantId, Arc<Computed>>>,
    /// Held by whoever looks: one look at a time leaves the store to all others.
    looking: tokio::sync::Mutex<()>,
}

impl KeptDuplicates {
    fn by_tenant(&self) -> MutexGuard<'_, HashMap<TenantId, Arc<Computed>>> {
        self.by_tenant.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn newer_than(&self, tenant: TenantId, oldest: Micros, now: Micros) -> Option<Arc<Computed>> {
        let by_tenant = self.by_tenant();
        by_tenant.get(&tenant).filter(|it| it.at >= oldest && it.is_fresh(now)).cloned()
    }
}

/// What looks like duplicates in a tenant: as found lately, or now if that is wanted.
pub(crate) async fn duplicates(
    hub: &Hub,
    tenant: TenantId,
    now: Micros,
    anew: bool,
) -> Result<Arc<Computed>, StoreError> {
    let oldest = if anew { now } else { Micros::MIN };
    if let Some(known) = hub.duplicates().newer_than(tenant, oldest, now) {
        return Ok(known);
    }
    // A task of its own: who stops waiting finds it done the next time.
    let hub = hub.clone();
    let look = tokio::spawn(async move {
        let kept = hub.duplicates();
        let _looking = kept.looking.lock().await;
        // Somebody may have looked meanwhile.
        if let Some(known) = kept.newer_than(tenant, oldest, now) {
            return Ok(known);
        }
        let at = hub.clock().now();
        let found = hub.store().duplicates(tenant).await?;
        let computed = Arc::new(Computed { at, found });
        let mut by_tenant = kept.by_tenant();
        by_tenant.retain(|_, old| old.is_fresh(at));
        by_tenant.insert(tenant, computed.clone());
        Ok(computed)
    });
    look.await.map_err(|error| StoreError::NotApplied(error.into()))?
}
