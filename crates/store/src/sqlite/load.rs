//! From tables to [`Facts`]: everything that the requests of a group will look at, read once.

use super::codec::{self, Indexed};
use super::rows::{
    self, conflict_columns, customer_columns, home_columns, identity_columns, merge_columns,
    on_conflict, preset,
};
use super::trouble::Trouble;
use super::{connection, imports, people, webhooks, wechat};
use kehub_core::attribute::Attribute;
use kehub_core::command::Request;
use kehub_core::customer::{Customer, State};
use kehub_core::directory::{App, Directory, Permission, Tenant};
use kehub_core::facts::{Counters, Facts, Needs, TenantFacts};
use kehub_core::identity::{Identity, IdentityKey};
use kehub_core::import::Imports;
use kehub_core::limits::CARRIERS_MAX;
use kehub_core::people::People;
use kehub_core::policy::{IdentityType, Policy};
use kehub_core::receipt::ReceiptKey;
use kehub_core::webhook::Webhooks;
use kehub_core::wechat::WechatAccounts;
use kehub_core::{
    AppNumber, ConflictId, CustomerId, IdentityNumber, MergeId, Seq, TenantId, TypeNumber,
};
use rusqlite::{Connection, Row};
use std::collections::{BTreeSet, HashMap, HashSet};

const TENANT: &str = "
    SELECT preset, on_conflict, policy_version,
           last_customer, last_identity, last_seq, last_merge, last_conflict
    FROM tenant WHERE id = ?1";
const TENANTS: &str = "
    SELECT id, name, preset, on_conflict, created_at FROM tenant ORDER BY id";
const APPS: &str = "
    SELECT number, tenant, id, name, secret_hash, key_version, permissions, created_at, revoked_at
    FROM app ORDER BY number";
const TOKEN_KEY: &str = "SELECT token_key FROM hub WHERE id = 1";
const TYPES: &str = "
    SELECT key, name, settings FROM identity_type WHERE key BETWEEN ?1 AND ?2 ORDER BY key";
const CUSTOMER: &str = concat!("SELECT ", customer_columns!(), " FROM customer WHERE key = ?1");
const CUSTOMERS_MERGED_INTO: &str =
    concat!("SELECT ", customer_columns!(), " FROM customer WHERE survivor = ?1 ORDER BY key");
const CARRIERS_MOBILE: &str = "
    SELECT key FROM customer WHERE live = ?1 AND mobile_key = ?2 ORDER BY key LIMIT ?3";
const CARRIERS_EMAIL: &str = "
    SELECT key FROM customer WHERE live = ?1 AND email_key = ?2 ORDER BY key LIMIT ?3";
const HOME: &str = concat!("SELECT ", home_columns!(), " FROM home WHERE key = ?1");
const IDENTITY_OF_VALUE: &str =
    concat!("SELECT ", identity_columns!(), " FROM identity WHERE type = ?1 AND value = ?2");
const IDENTITY: &str = concat!("SELECT ", identity_columns!(), " FROM identity WHERE key = ?1");
const TYPE_USED: &str = "SELECT 1 FROM identity WHERE type = ?1 LIMIT 1";
const IDENTITIES: &str = concat!(
    "SELECT ",
    identity_columns!(),
    " FROM identity WHERE key BETWEEN ?1 AND ?2 ORDER BY key"
);
const IDENTITIES_OF_HOME: &str =
    concat!("SELECT ", identity_columns!(), " FROM identity WHERE home = ?1 ORDER BY key");
const MERGES_OF_HOME: &str = concat!(
    "SELECT ",
    merge_columns!(),
    " FROM merge WHERE left_home = ?1 AND undone IS NULL ORDER BY key"
);
const CANNOT_LINKS_EXIST: &str = "SELECT 1 FROM cannot_link WHERE low BETWEEN ?1 AND ?2 LIMIT 1";
const CANNOT_LINKS_OF_HOME: &str = "
    SELECT low, high, seq FROM cannot_link WHERE low = ?1
    UNION ALL
    SELECT low, high, seq FROM cannot_link WHERE high = ?1";
const CONFLICTS_OF_IDENTITY: &str =
    concat!("SELECT ", conflict_columns!(), " FROM conflict WHERE identity = ?1 ORDER BY key");
const RECEIPT: &str = "
    SELECT request, at, seq, outcome FROM receipt WHERE tenant = ?1 AND app = ?2 AND key = ?3";

/// The statements of this file that read rows of customers, for a look at their plans.
#[cfg(test)]
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("tenant", TENANT),
    ("types", TYPES),
    ("customer", CUSTOMER),
    ("customers merged into", CUSTOMERS_MERGED_INTO),
    ("carriers of a mobile", CARRIERS_MOBILE),
    ("carriers of an e-mail address", CARRIERS_EMAIL),
    ("home", HOME),
    ("identity of a value", IDENTITY_OF_VALUE),
    ("identity", IDENTITY),
    ("a type that is used", TYPE_USED),
    ("identities of a home", IDENTITIES_OF_HOME),
    ("merges of a home", MERGES_OF_HOME),
    ("cannot-links exist", CANNOT_LINKS_EXIST),
    ("cannot-links of a home", CANNOT_LINKS_OF_HOME),
    ("conflicts of an identity", CONFLICTS_OF_IDENTITY),
    ("receipt", RECEIPT),
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
    pub(super) customers: HashMap<CustomerId, Indexed>,
    /// Identities and their homes.
    pub(super) identities: HashMap<IdentityNumber, Option<CustomerId>>,
}

/// The types of tenants and what is set for them, kept from group to group for as long as no other process writes.
#[derive(Debug, Default)]
pub(super) struct TypesCache {
    data_version: i64,
    types: HashMap<TenantId, Policy>,
}

impl TypesCache {
    /// Forgets everything if another connection has written since the last call. To be called
    /// inside the transaction that will use the cache.
    fn refresh(&mut self, conn: &Connection) -> Result<(), Trouble> {
        let version = connection::data_version(conn)?;
        if version != self.data_version {
            self.types.clear();
            self.data_version = version;
        }
        Ok(())
    }

    /// Forgets a tenant whose types are about to be written.
    pub(super) fn forget(&mut self, tenant: TenantId) {
        self.types.remove(&tenant);
    }

    fn policy(&mut self, conn: &Connection, tenant: TenantId) -> Result<Policy, Trouble> {
        if let Some(policy) = self.types.get(&tenant) {
            return Ok(policy.clone());
        }
        let policy = policy_of_types(types(conn, tenant)?);
        self.types.insert(tenant, policy.clone());
        Ok(policy)
    }
}

/// Everything that the requests will look at. A tenant without a row is not in the facts.
pub(super) fn facts(
    conn: &Connection,
    requests: &[Request],
    cache: &mut TypesCache,
) -> Result<(Facts, Before), Trouble> {
    load(conn, requests, cache, Carriers::All)
}

/// What the requests are expected to look at. Where a decision has missed something
/// ([`TenantFacts::has_missed`]), it has to be made again with [`facts`].
pub(super) fn expected(
    conn: &Connection,
    requests: &[Request],
    cache: &mut TypesCache,
) -> Result<(Facts, Before), Trouble> {
    load(conn, requests, cache, Carriers::Expected)
}

/// Of which mobiles and e-mail addresses it is looked up who shows them.
#[derive(Clone, Copy, PartialEq)]
enum Carriers {
    All,
    /// Of those that are asked for as far as the identities tell which are found.
    Expected,
}

fn load(
    conn: &Connection,
    requests: &[Request],
    cache: &mut TypesCache,
    carriers: Carriers,
) -> Result<(Facts, Before), Trouble> {
    cache.refresh(conn)?;
    let mut facts = Facts::default();
    let mut before = Before::default();
    if requests.iter().any(|request| Needs::directory(&request.command)) {
        facts.directory = directory(conn)?;
        before.directory = facts.directory.clone();
    }
    if let Some(webhooks) = webhooks::facts(conn, requests)? {
        before.webhooks = webhooks.clone();
        facts.webhooks = webhooks;
    }
    if let Some(accounts) = wechat::facts(conn, requests)? {
        before.wechat = accounts.clone();
        facts.wechat = accounts;
    }
    if let Some(imports) = imports::facts(conn, requests)? {
        before.imports = imports.clone();
        facts.imports = imports;
    }
    if let Some(people) = people::facts(conn, requests)? {
        before.people = people.clone();
        facts.people = people;
    }
    let tenants: BTreeSet<TenantId> = requests.iter().map(|request| request.tenant).collect();
    for tenant in tenants {
        let policy = cache.policy(conn, tenant)?;
        let Some(mut loader) = Loader::start(conn, tenant, policy)? else { continue };
        loader.load(requests, carriers)?;
        facts.tenants.insert(tenant, loader.facts);
        before.tenants.insert(tenant, loader.before);
    }
    Ok((facts, before))
}

/// All tenants, apps and users, and the key for tokens.
pub(super) fn directory(conn: &Connection) -> Result<Directory, Trouble> {
    let token_key = rows::first(conn, TOKEN_KEY, (), |row| Ok(row.get(0)?))?;
    Ok(Directory {
        tenants: rows::all(conn, TENANTS, (), tenant)?,
        apps: rows::all(conn, APPS, (), app)?,
        users: people::users(conn)?,
        token_key: token_key.ok_or_else(|| Trouble::broken("the hub has no key for tokens"))?,
    })
}

fn tenant(row: &Row<'_>) -> Result<Tenant, Trouble> {
    Ok(Tenant {
        id: TenantId(row.get(0)?),
        name: row.get(1)?,
        preset: preset(&row.get::<_, Box<str>>(2)?)?,
        on_conflict: on_conflict(&row.get::<_, Box<str>>(3)?)?,
        created_at: row.get(4)?,
    })
}

fn app(row: &Row<'_>) -> Result<App, Trouble> {
    let permissions: Box<str> = row.get(6)?;
    let permission = |name: &str| {
        Permission::named(name).ok_or_else(|| Trouble::broken(format!("no permission `{name}`")))
    };
    Ok(App {
        number: AppNumber(row.get(0)?),
        tenant: TenantId(row.get(1)?),
        id: row.get(2)?,
        name: row.get(3)?,
        secret_hash: row.get(4)?,
        key_version: row.get(5)?,
        permissions: permissions.split_whitespace().map(permission).collect::<Result<_, _>>()?,
        created_at: row.get(7)?,
        revoked_at: row.get(8)?,
    })
}

/// The identity types of a tenant, by number.
pub(super) fn types(conn: &Connection, tenant: TenantId) -> Result<Vec<IdentityType>, Trouble> {
    let first = codec::type_key(tenant, TypeNumber(0));
    let last = codec::type_key(tenant, TypeNumber(u16::MAX));
    rows::all(conn, TYPES, (first, last), |row| {
        let settings: Option<Box<str>> = row.get(2)?;
        let (number, name) = (codec::type_of(row.get(0)?), row.get(1)?);
        let broken = |error| {
            Trouble::broken(format!(
                "what is set for identity type {number} of tenant {tenant} cannot be read: {error}"
            ))
        };
        let settings = codec::settings(settings.as_deref()).map_err(broken)?;
        Ok(IdentityType { number, name, settings })
    })
}

/// The tenant of this name, if one is named.
pub(super) fn tenant_named(
    conn: &Connection,
    name: Option<&str>,
) -> Result<Option<TenantId>, Trouble> {
    let Some(name) = name else { return Ok(None) };
    let tenants = rows::all(conn, TENANTS, (), tenant)?;
    let found = tenants.iter().find(|tenant| &*tenant.name == name);
    let missing = || Trouble::broken(format!("there is no tenant `{name}`"));
    found.map(|tenant| Some(tenant.id)).ok_or_else(missing)
}

/// The last numbers that a tenant has given out, as its row notes them.
pub(super) fn noted(conn: &Connection, tenant: TenantId) -> Result<Counters, Trouble> {
    let found = rows::first(conn, TENANT, [tenant.0], |row| Ok(counters(row)?))?;
    Ok(found.unwrap_or_default())
}

/// All identities of a range of keys that can be read, by number.
pub(super) fn identities(
    conn: &Connection,
    first: i64,
    last: i64,
) -> Result<Vec<Identity>, Trouble> {
    let found = rows::all(conn, IDENTITIES, (first, last), |row| Ok(rows::identity(row).ok()))?;
    Ok(found.into_iter().flatten().collect())
}

/// A policy that knows these types.
pub(super) fn policy_of_types(types: Vec<IdentityType>) -> Policy {
    let mut policy = Policy::default();
    for kind in types {
        policy.add_type(kind);
    }
    policy
}

/// How many identities a tenant has seen.
pub(super) fn identities_seen(conn: &Connection, tenant: TenantId) -> Result<u64, Trouble> {
    let seen = rows::first(conn, TENANT, [tenant.0], |row| Ok(counters(row)?.identity.0))?;
    Ok(seen.unwrap_or_default().unsigned_abs())
}

/// The rules of a tenant, if there is one.
pub(super) fn policy(conn: &Connection, tenant: TenantId) -> Result<Option<Policy>, Trouble> {
    let Some(head) = rows::first(conn, TENANT, [tenant.0], policy_head)? else { return Ok(None) };
    let mut policy = policy_of_types(types(conn, tenant)?);
    (policy.preset, policy.on_conflict, policy.version) = head;
    Ok(Some(policy))
}

/// The row of a customer id, whatever has become of it.
pub(super) fn customer(
    conn: &Connection,
    key: i64,
) -> Result<Option<(Customer, Indexed)>, Trouble> {
    rows::first(conn, CUSTOMER, [key], rows::customer)
}

/// The rows of the ids that redirect to a customer, by id.
pub(super) fn merged_into(
    conn: &Connection,
    survivor: i64,
) -> Result<Vec<(Customer, Indexed)>, Trouble> {
    rows::all(conn, CUSTOMERS_MERGED_INTO, [survivor], rows::customer)
}

/// The identities of one home, by number.
pub(super) fn identities_of_home(conn: &Connection, home: i64) -> Result<Vec<Identity>, Trouble> {
    rows::all(conn, IDENTITIES_OF_HOME, [home], rows::identity)
}

/// The identity of a value.
pub(super) fn identity_of_value(
    conn: &Connection,
    tenant: TenantId,
    key: &IdentityKey,
) -> Result<Option<Identity>, Trouble> {
    let kind = codec::type_key(tenant, key.kind);
    rows::first(conn, IDENTITY_OF_VALUE, (kind, &*key.value), rows::identity)
}

/// Fills the facts of one tenant, reading no row twice. What only a few commands look at is loaded
/// in [`super::past`].
pub(super) struct Loader<'c> {
    pub(super) conn: &'c Connection,
    pub(super) tenant: TenantId,
    pub(super) facts: TenantFacts,
    before: TenantBefore,
    /// Customers that are in the facts, and ids that have no row.
    looked_at: HashSet<CustomerId>,
    has_cannot_links: bool,
}

impl<'c> Loader<'c> {
    /// `None` if there is no such tenant.
    fn start(
        conn: &'c Connection,
        tenant: TenantId,
        mut policy: Policy,
    ) -> Result<Option<Loader<'c>>, Trouble> {
        let row =
            rows::first(conn, TENANT, [tenant.0], |row| Ok((policy_head(row)?, counters(row)?)))?;
        let Some((head, counters)) = row else { return Ok(None) };
        (policy.preset, policy.on_conflict, policy.version) = head;
        let links = rows::first(conn, CANNOT_LINKS_EXIST, codec::key_range(tenant), rows::integer)?;
        Ok(Some(Loader {
            conn,
            tenant,
            facts: TenantFacts::new(tenant, policy, counters),
            before: TenantBefore::default(),
            looked_at: HashSet::new(),
            has_cannot_links: links.is_some(),
        }))
    }

    fn load(&mut self, requests: &[Request], carriers: Carriers) -> Result<(), Trouble> {
        let needs = Needs::of(self.tenant, requests, self.facts.policy());
        let window = CARRIERS_MAX + Needs::removable(self.tenant, requests);
        for key in &needs.receipts {
            self.receipt(*key)?;
        }
        let mut found = Vec::new();
        for key in &needs.identities {
            if let Some(identity) = identity_of_value(self.conn, self.tenant, key)? {
                found.push((identity.number, identity.home));
                self.identity(identity);
            }
        }
        for number in &needs.numbers {
            let Some(key) = codec::key(self.tenant, number.0) else { continue };
            if let Some(identity) = rows::first(self.conn, IDENTITY, [key], rows::identity)? {
                found.push((identity.number, identity.home));
                self.identity(identity);
            }
        }
        for kind in &needs.types {
            let key = codec::type_key(self.tenant, *kind);
            if rows::first(self.conn, TYPE_USED, [key], rows::integer)?.is_some() {
                self.facts.load_used_type(*kind);
            }
        }
        for (number, home) in found {
            if let Some(home) = home {
                self.whole(home)?;
            }
            self.conflicts(number)?;
        }
        for customer in &needs.customers {
            self.whole(*customer)?;
        }
        for (match_key, beside) in &needs.match_keys {
            if carriers == Carriers::Expected && !self.facts.may_be_asked_for(beside) {
                self.facts.leave_out(match_key.clone());
                continue;
            }
            let (attribute, value) = match_key;
            for carrier in self.carriers(*attribute, value, window)? {
                self.whole(carrier)?;
            }
        }
        self.look_back(&needs)
    }

    /// Loads the customer that answers for an id with everything it is made of.
    pub(super) fn whole(&mut self, id: CustomerId) -> Result<(), Trouble> {
        if !self.looked_at.insert(id) {
            return Ok(());
        }
        let Some(key) = codec::key(self.tenant, id.0) else { return Ok(()) };
        let Some((mut root, indexed)) = customer(self.conn, key)? else { return Ok(()) };
        if let State::MergedInto(survivor) = root.state {
            // The survivor brings this row along with its other homes.
            self.looked_at.insert(survivor);
            let key = codec::own_key(self.tenant, survivor.0)?;
            let found = customer(self.conn, key)?;
            let (survivor, indexed) =
                found.ok_or_else(|| Trouble::broken(format!("customer {id} leads nowhere")))?;
            root = survivor;
            self.keep(root.clone(), indexed);
        } else {
            self.keep(root.clone(), indexed);
        }
        let root_key = codec::own_key(self.tenant, root.id.0)?;
        let mut homes = vec![root_key];
        if root.homes > 1 {
            for (member, indexed) in merged_into(self.conn, root_key)? {
                homes.push(codec::own_key(self.tenant, member.id.0)?);
                self.looked_at.insert(member.id);
                self.keep(member, indexed);
            }
            self.homes(&homes)?;
        }
        if root.state == State::Deleted {
            self.held_when_deleted(root.head)?;
        }
        for home in homes {
            for identity in identities_of_home(self.conn, home)? {
                self.identity(identity);
            }
            if self.has_cannot_links {
                for (link, seq) in
                    rows::all(self.conn, CANNOT_LINKS_OF_HOME, [home], rows::cannot_link)?
                {
                    self.facts.load_cannot_link(link, seq);
                }
            }
        }
        Ok(())
    }

    /// The folds of the homes of a merged customer, and the merges between them.
    fn homes(&mut self, homes: &[i64]) -> Result<(), Trouble> {
        for home in homes {
            if let Some((id, fold)) = rows::first(self.conn, HOME, [home], rows::home)? {
                self.facts.load_home(id, fold);
            }
            for merge in rows::all(self.conn, MERGES_OF_HOME, [home], rows::merge)? {
                self.facts.load_merge(merge);
            }
        }
        Ok(())
    }

    fn carriers(
        &self,
        attribute: Attribute,
        value: &str,
        window: usize,
    ) -> Result<Vec<CustomerId>, Trouble> {
        let sql = if attribute == Attribute::Mobile { CARRIERS_MOBILE } else { CARRIERS_EMAIL };
        let limit = i64::try_from(window).unwrap_or(i64::MAX);
        rows::all(self.conn, sql, (self.tenant.0, value, limit), |row| {
            Ok(CustomerId(codec::number_of(row.get(0)?)))
        })
    }

    fn conflicts(&mut self, identity: IdentityNumber) -> Result<(), Trouble> {
        if self.facts.counters().conflict == ConflictId(0) {
            return Ok(());
        }
        let key = codec::own_key(self.tenant, identity.0)?;
        for conflict in rows::all(self.conn, CONFLICTS_OF_IDENTITY, [key], rows::conflict)? {
            self.facts.load_conflict(conflict);
        }
        Ok(())
    }

    fn receipt(&mut self, key: ReceiptKey) -> Result<(), Trouble> {
        let params = (self.tenant.0, key.app.0, key.key);
        let found = rows::first(self.conn, RECEIPT, params, |row| rows::receipt(key, row))?;
        if let Some(receipt) = found {
            self.facts.load_receipt(receipt);
        }
        Ok(())
    }

    fn keep(&mut self, customer: Customer, indexed: Indexed) {
        self.before.customers.insert(customer.id, indexed);
        self.facts.load_customer(customer);
    }

    pub(super) fn identity(&mut self, identity: Identity) {
        if self.before.identities.insert(identity.number, identity.home).is_none() {
            self.facts.load_identity(identity);
        }
    }
}

fn policy_head(
    row: &Row<'_>,
) -> Result<(kehub_core::policy::Preset, kehub_core::policy::OnConflict, u32), Trouble> {
    let (preset_name, choice): (Box<str>, Box<str>) = (row.get(0)?, row.get(1)?);
    Ok((preset(&preset_name)?, on_conflict(&choice)?, row.get(2)?))
}

fn counters(row: &Row<'_>) -> rusqlite::Result<Counters> {
    Ok(Counters {
        customer: CustomerId(row.get(3)?),
        identity: IdentityNumber(row.get(4)?),
        seq: Seq(row.get(5)?),
        merge: MergeId(row.get(6)?),
        conflict: ConflictId(row.get(7)?),
    })
}
