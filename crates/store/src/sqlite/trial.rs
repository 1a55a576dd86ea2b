//! A file that a trial reads, as of one moment and beside whoever uses it.

use super::copy::File;
use super::load::{self, TypesCache};
use super::trouble::Trouble;
use super::{Inner, codec, connection, imports, query, rows, schema};
use crate::trial::{Base, Begun, Trial, Whose};
use crate::{OpenError, PageRequest, StoreError};
use async_trait::async_trait;
use kehub_core::attribute::Attribute;
use kehub_core::command::Request;
use kehub_core::customer::Customer;
use kehub_core::directory::Tenant;
use kehub_core::facts::{Counters, TenantFacts};
use kehub_core::filter::Filter;
use kehub_core::import::Import;
use kehub_core::policy::Policy;
use kehub_core::{CustomerId, TenantId};
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;

const CARRIERS_MOBILE: &str = "
    SELECT key FROM customer WHERE live = ?1 AND mobile_key = ?2 AND key > ?3 ORDER BY key LIMIT ?4";
const CARRIERS_EMAIL: &str = "
    SELECT key FROM customer WHERE live = ?1 AND email_key = ?2 AND key > ?3 ORDER BY key LIMIT ?4";

/// The statements of this file, for a look at their plans.
#[cfg(test)]
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("further carriers of a mobile", CARRIERS_MOBILE),
    ("further carriers of an e-mail address", CARRIERS_EMAIL),
];

/// Begins a trial of a file that is open.
pub(super) async fn begin(inner: &Inner, tenant: TenantId) -> Result<Option<Trial>, StoreError> {
    let place = inner.walks.begin()?;
    let begun = TrialBase::open(&inner.path, Whose::Of(tenant)).await?;
    // What it sees must not be lost afterwards.
    inner.log.durable.reached(inner.log.durable.begun()).await?;
    Ok(Trial::of(begun, Some(place)).await?)
}

/// The file.
pub(crate) struct TrialBase {
    file: File,
    tenant: TenantId,
    cache: TypesCache,
}

impl TrialBase {
    /// Begins to look at a tenant; `None` if there is no such tenant, or no file.
    pub(crate) async fn open(path: &Path, whose: Whose) -> Result<Option<Begun>, OpenError> {
        match path.try_exists() {
            Ok(true) => (),
            Ok(false) => return Ok(None),
            Err(error) => return Err(OpenError::of(path.display(), error)),
        }
        let mut file = File::new(path, connection::looking_long(path))?;
        let found = file.with(move |conn| look(conn, &whose)).await?;
        Ok(found.map(|(tenant, policy, counters)| {
            let base = TrialBase { file, tenant: tenant.id, cache: TypesCache::default() };
            Begun { base: Box::new(base), tenant, policy, counters }
        }))
    }
}

fn look(
    conn: &mut Connection,
    whose: &Whose,
) -> Result<Option<(Tenant, Policy, Counters)>, Trouble> {
    conn.execute_batch("BEGIN")?;
    if schema::due(conn)?.len() == schema::all().len() {
        return Ok(None);
    }
    schema::check_current(conn)?;
    let tenants = load::directory(conn)?.tenants;
    let Some(tenant) = tenants.into_iter().find(|it| whose.is(it)) else { return Ok(None) };
    let policy = load::policy(conn, tenant.id)?.unwrap_or_default();
    let counters = load::noted(conn, tenant.id)?;
    Ok(Some((tenant, policy, counters)))
}

#[async_trait]
impl Base for TrialBase {
    async fn facts(&mut self, requests: Arc<[Request]>) -> Result<TenantFacts, OpenError> {
        let (tenant, mut cache) = (self.tenant, std::mem::take(&mut self.cache));
        let load = move |conn: &mut Connection| {
            let (mut facts, _) = load::facts(conn, &requests, &mut cache)?;
            let found = facts.tenants.remove(&tenant);
            Ok((found.ok_or_else(|| Trouble::broken("the tenant is gone"))?, cache))
        };
        let (facts, cache) = self.file.with(load).await?;
        self.cache = cache;
        Ok(facts)
    }

    async fn imports(&mut self, most: usize) -> Result<Vec<Import>, OpenError> {
        let tenant = self.tenant;
        self.file.with(move |conn| imports::newest_first(conn, tenant, None, most)).await
    }

    async fn newest(&mut self, most: u32) -> Result<Vec<Customer>, OpenError> {
        let tenant = self.tenant;
        let look = move |conn: &mut Connection| {
            query::customers(conn, tenant, &Filter::default(), &PageRequest::newest(most))
        };
        Ok(self.file.with(look).await?.customers)
    }

    async fn carriers(
        &mut self,
        attribute: Attribute,
        value: String,
        behind: CustomerId,
        most: usize,
    ) -> Result<Vec<CustomerId>, OpenError> {
        let tenant = self.tenant;
        let look = move |conn: &mut Connection| {
            let sql = if attribute == Attribute::Mobile { CARRIERS_MOBILE } else { CARRIERS_EMAIL };
            let behind = codec::own_key(tenant, behind.0)?;
            let most = i64::try_from(most).unwrap_or(i64::MAX);
            rows::all(conn, sql, (tenant.0, value, behind, most), |row| {
                Ok(CustomerId(codec::number_of(row.get(0)?)))
            })
        };
        self.file.with(look).await
    }
}
