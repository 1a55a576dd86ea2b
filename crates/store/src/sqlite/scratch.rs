//! Where a trial writes: a file that nobody else sees, and that is gone with it. It has the tables of any
//! file, with those customers of a store in it that batches look at.

use super::copy::File;
use super::load::{self, Before, TenantBefore, TypesCache};
use super::trouble::Trouble;
use super::{codec, connection, rows, schema, write};
use crate::OpenError;
use crate::tables::changes::Changes;
use kehub_core::attribute::Attribute;
use kehub_core::command::Request;
use kehub_core::decide::decide_batch;
use kehub_core::directory::{Directory, Tenant};
use kehub_core::facts::{Counters, Dirty, Facts, TenantFacts};
use kehub_core::outcome::Outcome;
use kehub_core::policy::Policy;
use kehub_core::{CustomerId, TenantId, TypeNumber};
use rusqlite::{Connection, Params};
use std::path::Path;
use std::sync::Arc;

/// What it is called where something fails.
const NAME: &str = "the temporary file of the trial";
/// Indexes that only lists are read by, which nobody does here.
const LISTS_DROP: &str = "
    DROP INDEX customer_created;
    DROP INDEX customer_updated;
    DROP INDEX customer_source;
    DROP INDEX customer_stage;
    DROP INDEX customer_name;
    DROP INDEX customer_external;
    DROP INDEX customer_gender;
    DROP INDEX identity_quarantined;";
const BYTES: &str = "
    SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()";
const CUSTOMER_IS_THERE: &str = "SELECT 1 FROM customer WHERE key = ?1";
const HOME_IS_THERE: &str = "SELECT 1 FROM home WHERE key = ?1";
const IDENTITY_IS_THERE: &str = "SELECT 1 FROM identity WHERE key = ?1";
const MERGE_IS_THERE: &str = "SELECT 1 FROM merge WHERE key = ?1";
const CONFLICT_IS_THERE: &str = "SELECT 1 FROM conflict WHERE key = ?1";
const CANNOT_LINK_IS_THERE: &str = "SELECT 1 FROM cannot_link WHERE low = ?1 AND high = ?2";
const ENTRY_IS_THERE: &str = "SELECT 1 FROM journal WHERE key = ?1";
const CARRIERS_MOBILE: &str = "
    SELECT count(*) FROM customer WHERE live = ?1 AND mobile_key = ?2 AND key <= ?3";
const CARRIERS_EMAIL: &str = "
    SELECT count(*) FROM customer WHERE live = ?1 AND email_key = ?2 AND key <= ?3";

/// The statements of this file that look for rows, for a look at their plans.
#[cfg(test)]
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("whether a customer is there", CUSTOMER_IS_THERE),
    ("whether a home is there", HOME_IS_THERE),
    ("whether an identity is there", IDENTITY_IS_THERE),
    ("whether a merge is there", MERGE_IS_THERE),
    ("whether a conflict is there", CONFLICT_IS_THERE),
    ("whether a cannot-link is there", CANNOT_LINK_IS_THERE),
    ("whether an entry is there", ENTRY_IS_THERE),
    ("carriers of a mobile up to one", CARRIERS_MOBILE),
    ("carriers of an e-mail address up to one", CARRIERS_EMAIL),
];

/// The file, of one tenant.
pub(crate) struct Scratch {
    file: File,
    tenant: TenantId,
    cache: TypesCache,
}

impl Scratch {
    /// A file with nothing but a tenant, its rules and its counters.
    pub(crate) async fn new(
        tenant: &Tenant,
        policy: &Policy,
        counters: Counters,
    ) -> Result<Scratch, OpenError> {
        let mut file = File::new(Path::new(NAME), connection::scratch())?;
        let (id, tenant, policy) = (tenant.id, tenant.clone(), policy.clone());
        file.with(move |conn| begin(conn, tenant, policy, counters)).await?;
        Ok(Scratch { file, tenant: id, cache: TypesCache::default() })
    }

    /// Takes over what is not there yet.
    pub(crate) async fn carry(&mut self, facts: TenantFacts) -> Result<(), OpenError> {
        self.file.with(move |conn| in_one_go(conn, |conn| carry(conn, facts))).await
    }

    /// How many live customers show this canonical value, of those up to an id.
    pub(crate) async fn carriers(
        &mut self,
        attribute: Attribute,
        value: String,
        up_to: CustomerId,
    ) -> Result<usize, OpenError> {
        let tenant = self.tenant;
        let count = move |conn: &mut Connection| {
            let sql = if attribute == Attribute::Mobile { CARRIERS_MOBILE } else { CARRIERS_EMAIL };
            let up_to = codec::own_key(tenant, up_to.0)?;
            let count = rows::first(conn, sql, (tenant.0, value, up_to), rows::integer)?;
            usize::try_from(count.unwrap_or_default()).map_err(Trouble::broken)
        };
        self.file.with(count).await
    }

    /// Decides requests, and writes what became of it. These types have identities that were not
    /// carried.
    pub(crate) async fn decide(
        &mut self,
        requests: Arc<[Request]>,
        used: Vec<TypeNumber>,
    ) -> Result<Vec<Outcome>, OpenError> {
        let (tenant, mut cache) = (self.tenant, std::mem::take(&mut self.cache));
        let decided = self.file.with(move |conn| {
            let outcomes =
                in_one_go(conn, |conn| decide(conn, tenant, &requests, &used, &mut cache))?;
            Ok((outcomes, cache))
        });
        let (outcomes, cache) = decided.await?;
        self.cache = cache;
        Ok(outcomes)
    }

    /// How large it is.
    pub(crate) async fn bytes(&mut self) -> Result<u64, OpenError> {
        let bytes = |conn: &mut Connection| {
            let bytes = rows::first(conn, BYTES, (), rows::integer)?.unwrap_or_default();
            u64::try_from(bytes).map_err(Trouble::broken)
        };
        self.file.with(bytes).await
    }
}

/// One transaction, which spares the work of many. After trouble the file is not used any more.
fn in_one_go<T>(
    conn: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, Trouble>,
) -> Result<T, Trouble> {
    conn.execute_batch("BEGIN")?;
    let done = work(conn)?;
    conn.execute_batch("COMMIT")?;
    Ok(done)
}

fn begin(
    conn: &mut Connection,
    tenant: Tenant,
    policy: Policy,
    counters: Counters,
) -> Result<(), Trouble> {
    schema::migrate(conn)?;
    conn.execute_batch(LISTS_DROP)?;
    let types = policy.types().map(|kind| kind.number).collect();
    let (id, now) = (tenant.id, tenant.created_at);
    let dirty = Dirty { types, policy: true, ..Dirty::default() };
    let mut facts = Facts::default();
    facts.tenants.insert(id, TenantFacts::new(id, policy, counters));
    facts.directory = Directory { tenants: vec![tenant], ..Directory::default() };
    let tenants = vec![(id, dirty)];
    let changes = Changes { tenants, directory: true, ..Changes::default() };
    in_one_go(conn, |conn| write::changes(conn, &facts, &changes, &Before::default(), now))
}

fn carry(conn: &Connection, mut facts: TenantFacts) -> Result<(), Trouble> {
    let lacking = lacking(conn, &facts)?;
    if lacking.is_empty() {
        return Ok(());
    }
    // Those here may be further on.
    facts.set_counters(load::noted(conn, facts.tenant())?);
    write::anew(conn, &facts, &lacking, &TenantBefore::default())
}

/// What is not there.
fn lacking(conn: &Connection, facts: &TenantFacts) -> Result<Dirty, Trouble> {
    fn is_there(conn: &Connection, sql: &str, key: impl Params) -> Result<bool, Trouble> {
        Ok(rows::first(conn, sql, key, rows::integer)?.is_some())
    }
    let key = |number| codec::own_key(facts.tenant(), number);
    let mut lacking = Dirty::default();
    for customer in facts.customers() {
        if !is_there(conn, CUSTOMER_IS_THERE, [key(customer.id.0)?])? {
            lacking.customers.insert(customer.id);
        }
    }
    for (home, _) in facts.homes() {
        if !is_there(conn, HOME_IS_THERE, [key(home.0)?])? {
            lacking.homes.insert(home);
        }
    }
    for identity in facts.identities() {
        if !is_there(conn, IDENTITY_IS_THERE, [key(identity.number.0)?])? {
            lacking.identities.insert(identity.number);
        }
    }
    for merge in facts.merges() {
        if !is_there(conn, MERGE_IS_THERE, [key(merge.id.0)?])? {
            lacking.merges.insert(merge.id);
        }
    }
    for conflict in facts.conflicts() {
        if !is_there(conn, CONFLICT_IS_THERE, [key(conflict.id.0)?])? {
            lacking.conflicts.insert(conflict.id);
        }
    }
    for (link, _) in facts.links() {
        if !is_there(conn, CANNOT_LINK_IS_THERE, [key(link.low.0)?, key(link.high.0)?])? {
            lacking.links.insert(link);
        }
    }
    for entry in facts.entries() {
        if !is_there(conn, ENTRY_IS_THERE, [key(entry.seq.0)?])? {
            lacking.entries.push(Arc::clone(entry));
        }
    }
    Ok(lacking)
}

fn decide(
    conn: &Connection,
    tenant: TenantId,
    requests: &[Request],
    used: &[TypeNumber],
    cache: &mut TypesCache,
) -> Result<Vec<Outcome>, Trouble> {
    let (mut facts, before) = load::facts(conn, requests, cache)?;
    if let Some(facts) = facts.tenants.get_mut(&tenant) {
        for kind in used {
            facts.load_used_type(*kind);
        }
    }
    let outcomes = decide_batch(requests, &mut facts);
    let mut changes = Changes::take(&mut facts);
    for tenant in changes.tenants_with_types() {
        cache.forget(tenant);
    }
    for (_, dirty) in &mut changes.tenants {
        // Nobody looks back here.
        dirty.entries.clear();
    }
    let now = requests.iter().map(|request| request.origin.at).max().unwrap_or_default();
    write::changes(conn, &facts, &changes, &before, now)?;
    Ok(outcomes)
}
