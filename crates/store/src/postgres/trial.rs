//! A database that a trial reads, as of one moment and beside whoever uses it.

use super::connection::{Connection, LONG, Server};
use super::load::{self, Reading, TypesCache};
use super::trouble::Trouble;
use super::writer::go_by_index;
use super::{cluster, imports, policy, query, rows, schema, server};
use crate::tables::codec;
use crate::trial::{Base, Begun, Trial, Whose};
use crate::walk::Walks;
use crate::{OpenError, PageRequest, StoreError};
use async_trait::async_trait;
use kehub_core::attribute::Attribute;
use kehub_core::command::Request;
use kehub_core::customer::Customer;
use kehub_core::facts::TenantFacts;
use kehub_core::filter::Filter;
use kehub_core::import::Import;
use kehub_core::{CustomerId, TenantId};
use std::sync::Arc;

const CARRIERS_MOBILE: &str = "
    SELECT key FROM customer
    WHERE live = $1 AND mobile_key = $2 AND key > $3 ORDER BY key LIMIT $4";
const CARRIERS_EMAIL: &str = "
    SELECT key FROM customer
    WHERE live = $1 AND email_key = $2 AND key > $3 ORDER BY key LIMIT $4";

/// The statements of this file, for tests that look at all of them.
#[cfg(any(test, feature = "testing"))]
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("further carriers of a mobile", CARRIERS_MOBILE),
    ("further carriers of an e-mail address", CARRIERS_EMAIL),
];

/// Begins a trial of a database that is open.
pub(super) async fn begin(
    server: &Server,
    walks: &Walks,
    tenant: TenantId,
) -> Result<Option<Trial>, StoreError> {
    let place = walks.begin()?;
    let begun = TrialBase::begin(server, &Whose::Of(tenant)).await?;
    Ok(Trial::of(begun, Some(place)).await?)
}

/// The database.
pub(crate) struct TrialBase {
    place: String,
    conn: Connection,
    tenant: TenantId,
    cache: TypesCache,
}

impl TrialBase {
    /// Begins to look at a tenant; `None` if there is no such tenant, or no store.
    pub(crate) async fn open(url: &str, whose: &Whose) -> Result<Option<Begun>, OpenError> {
        let server = server(url)?;
        let place = server.place();
        let begun = TrialBase::begin(&server, whose).await;
        begun.map_err(|trouble| OpenError::of(place, trouble))
    }

    async fn begin(server: &Server, whose: &Whose) -> Result<Option<Begun>, Trouble> {
        // From here on, connections know whether it is a cluster.
        let conn = server.look(server.connect().await?).await?;
        if schema::due(&conn).await?.len() == schema::all().len() {
            return Ok(None);
        }
        schema::check_current(&conn).await?;
        drop(conn);
        let conn = cluster::begin_at_one_moment(server).await?;
        conn.batch(LONG).await?;
        go_by_index(&conn).await?;
        let tenants = policy::directory(&conn).await?.tenants;
        let Some(tenant) = tenants.into_iter().find(|it| whose.is(it)) else { return Ok(None) };
        let policy = policy::policy(&conn, tenant.id).await?.unwrap_or_default();
        let counters = load::noted(&conn, tenant.id).await?;
        let (place, id, cache) = (server.place(), tenant.id, TypesCache::default());
        let base = TrialBase { place, conn, tenant: id, cache };
        Ok(Some(Begun { base: Box::new(base), tenant, policy, counters }))
    }

    async fn loaded(&mut self, requests: &[Request]) -> Result<TenantFacts, Trouble> {
        let tenants = load::tenants(&self.conn, requests).await?;
        let (conn, cache) = (&self.conn, &mut self.cache);
        let (mut facts, _, _) =
            load::facts(conn, requests, &tenants, cache, Reading::whole()).await?;
        let found = facts.tenants.remove(&self.tenant);
        found.ok_or_else(|| Trouble::broken("the tenant is gone"))
    }

    async fn carrying(
        &self,
        attribute: Attribute,
        value: &str,
        behind: CustomerId,
        most: usize,
    ) -> Result<Vec<CustomerId>, Trouble> {
        let sql = if attribute == Attribute::Mobile { CARRIERS_MOBILE } else { CARRIERS_EMAIL };
        let live = i64::from(self.tenant.0);
        let behind = codec::own_key(self.tenant, behind.0)?;
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let found = self.conn.all(sql, &[&live, &value, &behind, &most]).await?;
        rows::read(&found, |row| Ok(CustomerId(codec::number_of(rows::key(row)?))))
    }
}

#[async_trait]
impl Base for TrialBase {
    async fn facts(&mut self, requests: Arc<[Request]>) -> Result<TenantFacts, OpenError> {
        let loaded = self.loaded(&requests).await;
        loaded.map_err(|trouble| OpenError::of(&self.place, trouble))
    }

    async fn imports(&mut self, most: usize) -> Result<Vec<Import>, OpenError> {
        let found = imports::newest_first(&self.conn, self.tenant, None, most).await;
        found.map_err(|trouble| OpenError::of(&self.place, trouble))
    }

    async fn newest(&mut self, most: u32) -> Result<Vec<Customer>, OpenError> {
        let page = PageRequest::newest(most);
        let found = query::customers(&self.conn, self.tenant, &Filter::default(), &page).await;
        found.map(|page| page.customers).map_err(|trouble| OpenError::of(&self.place, trouble))
    }

    async fn carriers(
        &mut self,
        attribute: Attribute,
        value: String,
        behind: CustomerId,
        most: usize,
    ) -> Result<Vec<CustomerId>, OpenError> {
        let found = self.carrying(attribute, &value, behind, most).await;
        found.map_err(|trouble| OpenError::of(&self.place, trouble))
    }
}
