//! From tables to [`Facts`]: everything that the requests of a group will look at, read in a few
//! round trips: the tenants, then what the requests name, then the customers that this leads to.

use super::connection::{Args, Connection};
use super::lookup::MatchKeys;
use super::named::{Found, Named};
use super::owners;
use super::rows::{
    self, conflict_columns, customer_columns, home_columns, identity_columns, merge_columns,
};
use super::trouble::Trouble;
use super::{imports, people, policy, webhooks, wechat};
use crate::tables::codec::{self, Indexed};
use futures_util::future::{try_join, try_join3};
use kehub_core::attribute::Attribute;
use kehub_core::command::{Command, Request};
use kehub_core::customer::State;
use kehub_core::directory::Directory;
use kehub_core::facts::{Counters, Facts, Needs, TenantFacts};
use kehub_core::history::identities_named;
use kehub_core::identity::Identity;
use kehub_core::import::Imports;
use kehub_core::people::People;
use kehub_core::policy::Policy;
use kehub_core::webhook::Webhooks;
use kehub_core::wechat::WechatAccounts;
use kehub_core::{ConflictId, CustomerId, IdentityNumber, MergeId, Seq, TenantId, TypeNumber};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use tokio_postgres::Row;

macro_rules! tenant_columns {
    () => {
        "id, preset, on_conflict, policy_version, types_version, \
         last_customer, last_identity, last_seq, last_merge, last_conflict"
    };
}
const LOCK: &str =
    concat!("SELECT ", tenant_columns!(), " FROM tenant WHERE id = ANY($1) ORDER BY id FOR UPDATE");
const LOCK_HUB: &str = "SELECT 1 FROM hub WHERE id = 1 FOR UPDATE";
const TENANTS: &str = concat!("SELECT ", tenant_columns!(), " FROM tenant WHERE id = ANY($1)");
pub(super) const IDENTITIES: &str =
    concat!("SELECT ", identity_columns!(), " FROM identity WHERE key = ANY($1) ORDER BY key");
const CUSTOMERS: &str =
    concat!("SELECT ", customer_columns!(), " FROM customer WHERE key = ANY($1) ORDER BY key");
const CUSTOMERS_MERGED_INTO: &str =
    concat!("SELECT ", customer_columns!(), " FROM customer WHERE survivor = ANY($1) ORDER BY key");
const HOMES: &str = concat!("SELECT ", home_columns!(), " FROM home WHERE key = ANY($1)");
const IDENTITIES_OF_HOMES: &str =
    concat!("SELECT ", identity_columns!(), " FROM identity WHERE home = ANY($1) ORDER BY key");
const MERGES_OF_HOMES: &str = concat!(
    "SELECT ",
    merge_columns!(),
    " FROM merge WHERE left_home = ANY($1) AND undone IS NULL"
);
const CANNOT_LINKS_OF_HOMES: &str = "
    SELECT low, high, seq FROM cannot_link WHERE low = ANY($1)
    UNION ALL
    SELECT low, high, seq FROM cannot_link WHERE high = ANY($1)";
const CONFLICTS_OF_IDENTITIES: &str =
    concat!("SELECT ", conflict_columns!(), " FROM conflict WHERE identity = ANY($1)");
const ENTRIES: &str = "SELECT key, entry FROM journal WHERE key = ANY($1) ORDER BY key";

/// The statements of this file, for tests that look at all of them.
#[cfg(any(test, feature = "testing"))]
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("lock of tenants", LOCK),
    ("lock of the hub", LOCK_HUB),
    ("tenants", TENANTS),
    ("identities", IDENTITIES),
    ("customers", CUSTOMERS),
    ("customers merged into", CUSTOMERS_MERGED_INTO),
    ("homes", HOMES),
    ("identities of homes", IDENTITIES_OF_HOMES),
    ("merges of homes", MERGES_OF_HOMES),
    ("cannot-links of homes", CANNOT_LINKS_OF_HOMES),
    ("conflicts of identities", CONFLICTS_OF_IDENTITIES),
    ("entries", ENTRIES),
];

/// How the rows that were loaded stand in the tables. What is not here has no row yet.
#[derive(Debug, Default)]
pub(super) struct Before {
    pub(super) tenants: HashMap<TenantId, TenantBefore>,
    /// Loaded if the requests have a command about it.
    pub(super) directory: Directory,
    /// Likewise.
    pub(super) webhooks: Webhooks,
    /// Likewise.
    pub(super) wechat: WechatAccounts,
    /// Likewise.
    pub(super) imports: Imports,
    /// Likewise.
    pub(super) people: People,
}

/// How the rows of one tenant stand in the tables.
#[derive(Debug, Default)]
pub(super) struct TenantBefore {
    /// The last numbers that were given out: what has a larger one has no row. `None` where that is not
    /// known.
    pub(super) counters: Option<Counters>,
    pub(super) customers: HashMap<CustomerId, Indexed>,
}

/// The types of tenants and what is set for them, with the version that they are of.
pub(super) type TypesCache = HashMap<TenantId, (i64, Policy)>;

/// Whether requests look at what all tenants share.
pub(super) fn are_about_hub(requests: &[Request]) -> bool {
    let about_hub = |command| Needs::directory(command) || Needs::webhooks(command).is_some();
    requests.iter().any(|request| about_hub(&request.command))
}

/// Whether requests look at nothing but customers and identities, and at what is there before all of them.
pub(super) fn are_plain(requests: &[Request]) -> bool {
    let is_plain = |command: &Command| {
        !(command.stands_alone() || Needs::wechat(command)) && Needs::imports(command).is_none()
    };
    !are_about_hub(requests) && requests.iter().all(|request| is_plain(&request.command))
}

/// How facts are read.
pub(super) struct Reading {
    /// What was looked up before the types were known: it is taken if they are what they were.
    early: Option<(Named, Found)>,
    /// Whether everything is read that may be asked for, rather than what is likely to be.
    is_whole: bool,
}

impl Reading {
    pub(super) fn likely(early: Option<(Named, Found)>) -> Reading {
        Reading { early, is_whole: false }
    }

    pub(super) fn whole() -> Reading {
        Reading { early: None, is_whole: true }
    }
}

/// What is locked for the requests of a group.
pub(super) struct Lock {
    tenants: Vec<i64>,
    is_hub: bool,
}

impl Lock {
    /// What they may change.
    pub(super) fn of(requests: &[Request]) -> Lock {
        Lock { tenants: tenants_of(requests), is_hub: are_about_hub(requests) }
    }

    /// Makes sure that what is sent after it is done after it.
    pub(super) async fn prepare(&self, conn: &Connection) -> Result<(), Trouble> {
        conn.prepare(LOCK).await
    }

    /// Locks it, in the order that every hub keeps, and reads the rows of the tenants. To be called
    /// before anything else is read.
    pub(super) async fn take(&self, conn: &Connection) -> Result<Vec<Row>, Trouble> {
        if self.is_hub {
            conn.all(LOCK_HUB, &[]).await?;
        }
        conn.all(LOCK, &[&self.tenants]).await
    }
}

/// The rows of the tenants that the requests are of.
pub(super) async fn tenants(conn: &Connection, requests: &[Request]) -> Result<Vec<Row>, Trouble> {
    conn.all(TENANTS, &[&tenants_of(requests)]).await
}

fn tenants_of(requests: &[Request]) -> Vec<i64> {
    let tenants: BTreeSet<i64> = requests.iter().map(|it| i64::from(it.tenant.0)).collect();
    tenants.into_iter().collect()
}

/// Everything that the requests will look at, beside the rows of their tenants, and what they name. A
/// tenant without a row is not in the facts.
pub(super) async fn facts(
    conn: &Connection,
    requests: &[Request],
    tenants: &[Row],
    cache: &mut TypesCache,
    reading: Reading,
) -> Result<(Facts, Before, Named), Trouble> {
    let mut facts = Facts::default();
    let mut before = Before::default();
    if requests.iter().any(|request| Needs::directory(&request.command)) {
        facts.directory = policy::directory(conn).await?;
        before.directory = facts.directory.clone();
    }
    if let Some(webhooks) = webhooks::facts(conn, requests).await? {
        before.webhooks = webhooks.clone();
        facts.webhooks = webhooks;
    }
    if let Some(accounts) = wechat::facts(conn, requests).await? {
        before.wechat = accounts.clone();
        facts.wechat = accounts;
    }
    if let Some(imports) = imports::facts(conn, requests).await? {
        before.imports = imports.clone();
        facts.imports = imports;
    }
    if let Some(people) = people::facts(conn, requests).await? {
        before.people = people.clone();
        facts.people = people;
    }
    let mut loader = Loader { conn, parts: BTreeMap::new(), looked_at: HashSet::new() };
    let mut versions = Vec::new();
    for row in tenants {
        let tenant = tenant(row)?;
        let policy = policy_of(conn, tenant, row, cache).await?;
        versions.push((tenant, types_version(row)?));
        let counters = counters(row)?;
        let facts = TenantFacts::new(tenant, policy, counters);
        let before = TenantBefore { counters: Some(counters), ..TenantBefore::default() };
        loader.parts.insert(tenant, Part { facts, before });
    }
    let (named, found) = match reading.early {
        Some((named, found)) if named.versions == versions => (named, found),
        _ => {
            let policy = |tenant| loader.parts.get(&tenant).map(|part| part.facts.policy());
            let policies = versions.into_iter().filter_map(|of| Some((of, policy(of.0)?)));
            let named = Named::of(requests, policies);
            let found = named.read(conn).await?;
            (named, found)
        }
    };
    loader.load(&named, &found, reading.is_whole).await?;
    for (tenant, part) in loader.parts {
        facts.tenants.insert(tenant, part.facts);
        before.tenants.insert(tenant, part.before);
    }
    Ok((facts, before, named))
}

async fn policy_of(
    conn: &Connection,
    tenant: TenantId,
    row: &Row,
    cache: &mut TypesCache,
) -> Result<Policy, Trouble> {
    let version = types_version(row)?;
    let known = cache.get(&tenant).filter(|(known, _)| *known == version);
    let mut policy = if let Some((_, policy)) = known {
        policy.clone()
    } else {
        let policy = policy::of_types(policy::types(conn, tenant).await?);
        cache.insert(tenant, (version, policy.clone()));
        policy
    };
    policy.preset = rows::preset(row.try_get(1)?)?;
    policy.on_conflict = rows::on_conflict(row.try_get(2)?)?;
    policy.version = rows::number(row, 3)?;
    Ok(policy)
}

/// The tenant that a row is of.
pub(super) fn tenant(row: &Row) -> Result<TenantId, Trouble> {
    Ok(TenantId(rows::number(row, 0)?))
}

/// The last numbers that a tenant has given out, as its row notes them.
pub(super) fn counters(row: &Row) -> Result<Counters, Trouble> {
    Ok(Counters {
        customer: CustomerId(row.try_get(5)?),
        identity: IdentityNumber(row.try_get(6)?),
        seq: Seq(row.try_get(7)?),
        merge: MergeId(row.try_get(8)?),
        conflict: ConflictId(row.try_get(9)?),
    })
}

/// How often the types of a tenant have changed, as its row notes it.
pub(super) fn types_version(row: &Row) -> Result<i64, Trouble> {
    Ok(row.try_get(4)?)
}

/// The last numbers that a tenant has given out, if it is there.
pub(super) async fn noted(conn: &Connection, tenant: TenantId) -> Result<Counters, Trouble> {
    let found = conn.first(TENANTS, &[&vec![i64::from(tenant.0)]]).await?;
    found.as_ref().map_or_else(|| Ok(Counters::default()), counters)
}

/// The identities of homes, and the cannot-links.
async fn held(conn: &Connection, homes: &[i64]) -> Result<(Vec<Row>, Vec<Row>), Trouble> {
    let (about, homes): (usize, Args<'_>) = (homes.len(), &[&homes]);
    let identities = conn.some(IDENTITIES_OF_HOMES, about, homes);
    try_join(identities, conn.some(CANNOT_LINKS_OF_HOMES, about, homes)).await
}

/// The part of one tenant.
pub(super) struct Part {
    pub(super) facts: TenantFacts,
    before: TenantBefore,
}

/// Fills the facts, reading no customer twice. What only a few commands look at is loaded in
/// [`super::past`].
pub(super) struct Loader<'c> {
    pub(super) conn: &'c Connection,
    pub(super) parts: BTreeMap<TenantId, Part>,
    /// Keys of customers that are in the facts, and of ids that have no row.
    looked_at: HashSet<i64>,
}

impl Loader<'_> {
    async fn load(&mut self, named: &Named, found: &Found, all: bool) -> Result<(), Trouble> {
        let mut customers = named.customers.clone();
        customers.extend(self.found(found).await?);
        let (mut mobiles, mut emails) = (MatchKeys::default(), MatchKeys::default());
        for (tenant, needs, most) in &named.needed {
            let facts = &mut self.of(*tenant)?.facts;
            for (key, beside) in &needs.match_keys {
                if facts.may_be_asked_for(beside) {
                    // Their carriers were found with the owners.
                    if found.owners.is_some() {
                        continue;
                    }
                } else if !all {
                    facts.leave_out(key.clone());
                    continue;
                }
                let is_mobile = key.0 == Attribute::Mobile;
                let keys = if is_mobile { &mut mobiles } else { &mut emails };
                keys.push(i64::from(tenant.0), key.1.clone(), *most);
            }
        }
        let conn = self.conn;
        let (by_mobile, by_email, ()) = try_join3(
            mobiles.carriers(conn, Attribute::Mobile),
            emails.carriers(conn, Attribute::Email),
            self.whole(customers),
        )
        .await?;
        self.whole([by_mobile, by_email].concat()).await?;
        for (tenant, needs, _) in &named.needed {
            self.look_back(*tenant, needs).await?;
        }
        Ok(())
    }

    /// Loads what was found of what is named; the keys of the customers that it leads to.
    async fn found(&mut self, found: &Found) -> Result<Vec<i64>, Trouble> {
        let mut customers = Vec::new();
        // Identities about which there are conflicts, or of which that is not known.
        let mut disputed = Vec::new();
        for row in &found.identities {
            customers.extend(row.try_get::<_, Option<i64>>(6)?);
            self.identity(row, 0)?;
            disputed.push(rows::key(row)?);
        }
        let owners = found.owners.as_deref().unwrap_or_default();
        for row in owners {
            let Some(key) = row.try_get::<_, Option<i64>>(owners::IDENTITY)? else { continue };
            self.identity(row, owners::IDENTITY)?;
            disputed.extend(row.try_get::<_, Option<bool>>(owners::DISPUTED)?.map(|_| key));
        }
        customers.extend(self.owners(owners).await?);
        for row in &found.used_types {
            let key = rows::key(row)?;
            let kind: TypeNumber = codec::type_of(key);
            self.of(codec::tenant_of_type(key)?)?.facts.load_used_type(kind);
        }
        for row in &found.receipts {
            let tenant = TenantId(rows::number(row, 0)?);
            self.of(tenant)?.facts.load_receipt(rows::receipt(row)?);
        }
        let has_conflicts = |part: &Part| part.facts.counters().conflict != ConflictId(0);
        if self.parts.values().any(has_conflicts) {
            let (about, disputed): (usize, Args<'_>) = (disputed.len(), &[&disputed]);
            for row in self.conn.some(CONFLICTS_OF_IDENTITIES, about, disputed).await? {
                self.part(rows::key(&row)?)?.facts.load_conflict(rows::conflict(&row)?);
            }
        }
        Ok(customers)
    }

    fn of(&mut self, tenant: TenantId) -> Result<&mut Part, Trouble> {
        let missing = || Trouble::broken(format!("a row of tenant {tenant}, which is not loaded"));
        self.parts.get_mut(&tenant).ok_or_else(missing)
    }

    /// The part that a packed key belongs to.
    pub(super) fn part(&mut self, key: i64) -> Result<&mut Part, Trouble> {
        self.of(codec::tenant_of(key)?)
    }

    /// What a row tells of an identity from this column on.
    fn identity(&mut self, row: &Row, first: usize) -> Result<(), Trouble> {
        let identity: Identity = rows::identity_from(row, first)?;
        let facts = &mut self.part(row.try_get(first)?)?.facts;
        if facts.identity(identity.number).is_none() {
            facts.load_identity(identity);
        }
        Ok(())
    }

    /// Owners, whose identities are loaded; the keys of customers that they lead to.
    async fn owners(&mut self, found: &[Row]) -> Result<Vec<i64>, Trouble> {
        let (mut owners, mut keys, mut apart) = (Vec::new(), Vec::new(), Vec::new());
        for row in found {
            let Some(key) = row.try_get::<_, Option<i64>>(0)? else { continue };
            if self.looked_at.insert(key) {
                owners.push(row);
                keys.push(key);
                if row.try_get(owners::KEPT_APART)? {
                    apart.push(key);
                }
            }
        }
        let links = self.conn.some(CANNOT_LINKS_OF_HOMES, apart.len(), &[&apart]).await?;
        self.links(&links)?;
        keys.sort_unstable();
        self.behind(owners, &keys).await
    }

    fn customer(&mut self, row: &Row) -> Result<(i64, State, u32), Trouble> {
        let key = rows::key(row)?;
        self.looked_at.insert(key);
        let (customer, indexed) = rows::customer(row)?;
        let (state, homes) = (customer.state, customer.homes);
        let part = self.part(key)?;
        part.before.customers.insert(customer.id, indexed);
        part.facts.load_customer(customer);
        Ok((key, state, homes))
    }

    /// Loads the customers that answer for these keys with everything they are made of.
    pub(super) async fn whole(&mut self, keys: Vec<i64>) -> Result<(), Trouble> {
        let mut wanted = keys;
        loop {
            wanted.retain(|key| !self.looked_at.contains(key));
            wanted.sort_unstable();
            wanted.dedup();
            if wanted.is_empty() {
                return Ok(());
            }
            // Most answer for themselves: what belongs to them is asked for without waiting.
            let conn = self.conn;
            let (found, held) =
                try_join(conn.all(CUSTOMERS, &[&wanted]), held(conn, &wanted)).await?;
            self.looked_at.extend(&wanted);
            self.held(held)?;
            wanted = self.behind(found.iter().collect(), &wanted).await?;
        }
    }

    /// Loads what customers are made of beside what they hold, which is loaded for these keys; the keys of
    /// customers that they lead to.
    async fn behind(&mut self, found: Vec<&Row>, keys: &[i64]) -> Result<Vec<i64>, Trouble> {
        let roots = self.roots(found).await?;
        let homes = self.members(&roots).await?;
        let deleted = self.belongings(&roots, &homes, keys).await?;
        self.held_when_deleted(deleted).await
    }

    /// The customers that answer for these keys: key, state and number of homes.
    async fn roots(&mut self, found: Vec<&Row>) -> Result<Vec<(i64, State, u32)>, Trouble> {
        let mut roots = Vec::new();
        let mut survivors = BTreeSet::new();
        for row in found {
            let survivor: Option<i64> = row.try_get(2)?;
            match survivor {
                // The survivor brings this row along with its other homes.
                Some(survivor) => {
                    survivors.insert(survivor);
                }
                None => roots.push(self.customer(row)?),
            }
        }
        for (key, _, _) in &roots {
            survivors.remove(key);
        }
        let survivors: Vec<i64> = survivors.into_iter().collect();
        let found = self.conn.some(CUSTOMERS, survivors.len(), &[&survivors]).await?;
        if found.len() != survivors.len() {
            return Err(Trouble::broken("a merged-away customer leads nowhere"));
        }
        for row in &found {
            roots.push(self.customer(row)?);
        }
        Ok(roots)
    }

    /// Loads the ids that redirect to these customers; the keys of all homes of merged ones.
    async fn members(&mut self, roots: &[(i64, State, u32)]) -> Result<Vec<i64>, Trouble> {
        let merged: Vec<i64> =
            roots.iter().filter(|(_, _, homes)| *homes > 1).map(|(key, _, _)| *key).collect();
        let mut homes = merged.clone();
        for row in self.conn.some(CUSTOMERS_MERGED_INTO, merged.len(), &[&merged]).await? {
            homes.push(self.customer(&row)?.0);
        }
        Ok(homes)
    }

    /// Loads what belongs to homes, beside what these hold, which is loaded; the newest entries of the
    /// deleted customers.
    async fn belongings(
        &mut self,
        roots: &[(i64, State, u32)],
        shared: &[i64],
        held_by: &[i64],
    ) -> Result<Vec<i64>, Trouble> {
        let all: BTreeSet<i64> =
            roots.iter().map(|(key, _, _)| key).chain(shared).copied().collect();
        let all: Vec<i64> =
            all.into_iter().filter(|key| held_by.binary_search(key).is_err()).collect();
        let (belonging, homes, merges) = try_join3(
            held(self.conn, &all),
            self.conn.some(HOMES, shared.len(), &[&shared]),
            self.conn.some(MERGES_OF_HOMES, shared.len(), &[&shared]),
        )
        .await?;
        self.held(belonging)?;
        for row in &homes {
            let (id, fold) = rows::home(row)?;
            self.part(rows::key(row)?)?.facts.load_home(id, fold);
        }
        for row in &merges {
            self.part(rows::key(row)?)?.facts.load_merge(rows::merge(row)?);
        }
        let mut heads = Vec::new();
        for (key, _, _) in roots.iter().filter(|(_, state, _)| *state == State::Deleted) {
            let tenant = codec::tenant_of(*key)?;
            let id = CustomerId(codec::number_of(*key));
            let head = self.of(tenant)?.facts.customer(id).map(|customer| customer.head);
            heads.extend(head.map(|head| codec::own_key(tenant, head.0)).transpose()?);
        }
        Ok(heads)
    }

    fn held(&mut self, (identities, links): (Vec<Row>, Vec<Row>)) -> Result<(), Trouble> {
        for row in &identities {
            self.identity(row, 0)?;
        }
        self.links(&links)
    }

    fn links(&mut self, links: &[Row]) -> Result<(), Trouble> {
        for row in links {
            let (link, seq) = rows::cannot_link(row)?;
            self.part(rows::key(row)?)?.facts.load_cannot_link(link, seq);
        }
        Ok(())
    }

    /// What deleted customers held: their newest entries say so. The keys of who holds it today.
    async fn held_when_deleted(&mut self, heads: Vec<i64>) -> Result<Vec<i64>, Trouble> {
        let found = self.conn.some(ENTRIES, heads.len(), &[&heads]).await?;
        let mut numbers = Vec::new();
        for row in &found {
            let key = rows::key(row)?;
            let tenant = codec::tenant_of(key)?;
            let entry = Arc::new(rows::entry(row)?);
            for number in identities_named([&*entry]) {
                numbers.push(codec::own_key(tenant, number.0)?);
            }
            self.of(tenant)?.facts.load_entry(entry);
        }
        self.identities(numbers).await
    }

    /// Loads identities that are not loaded yet; the keys of their homes.
    pub(super) async fn identities(&mut self, mut keys: Vec<i64>) -> Result<Vec<i64>, Trouble> {
        let mut missing = Vec::new();
        for key in keys.drain(..) {
            let number = IdentityNumber(codec::number_of(key));
            if self.part(key)?.facts.identity(number).is_none() {
                missing.push(key);
            }
        }
        let mut homes = Vec::new();
        for row in self.conn.some(IDENTITIES, missing.len(), &[&missing]).await? {
            homes.extend(row.try_get::<_, Option<i64>>(6)?);
            self.identity(&row, 0)?;
        }
        Ok(homes)
    }
}
