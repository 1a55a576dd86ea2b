//! Reads: customers by id, by identity and by filter; identities; the journal.

use super::connection::{Connection, LONG};
use super::render::{
    Arg, Fragment, Part, condition, goes_by_time, numbered, order_by, parts_behind,
};
use super::rows::{
    self, conflict_columns, customer_columns, home_columns, identity_columns, merge_columns,
};
use super::trouble::Trouble;
use super::{lookup, policy};
use crate::tables::codec::{self, Live, key_range, number_of};
use crate::{FeedPage, OwnedIdentity, Page, PageRequest, Start, TypedIdentity, WholeCustomer};
use kehub_core::customer::{Customer, State};
use kehub_core::facts::Snapshot;
use kehub_core::feed;
use kehub_core::filter::{Condition, Filter, Order, Position};
use kehub_core::identity::Identity;
use kehub_core::journal::Entry;
use kehub_core::policy::IdentityType;
use kehub_core::{CustomerId, IdentityNumber, Seq, TenantId, TypeNumber, canonical};
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::types::ToSql;

pub(super) const COLUMNS: &str = customer_columns!();
const LIVE: &str =
    "SELECT customers_live, customers_male, customers_female FROM tenant WHERE id = $1";
const CUSTOMERS: &str =
    concat!("SELECT ", customer_columns!(), " FROM customer WHERE key = ANY($1)");
/// A list would be planned anew each time: what the server expects of it depends on what is in it.
const CUSTOMER: &str = concat!("SELECT ", customer_columns!(), " FROM customer WHERE key = $1");
const MERGED_INTO: &str = "SELECT key, survivor FROM customer WHERE survivor = ANY($1)";
const JOURNAL: &str =
    "SELECT key, entry FROM journal WHERE key > $1 AND key <= $2 ORDER BY key LIMIT $3";
const NEWEST: &str = "SELECT last_seq FROM tenant WHERE id = $1";
const IDENTITIES: &str =
    concat!("SELECT ", identity_columns!(), " FROM identity WHERE key = ANY($1) ORDER BY key");
pub(super) const ALL_CUSTOMERS: &str = concat!(
    "SELECT ",
    customer_columns!(),
    " FROM customer WHERE key BETWEEN $1 AND $2 ORDER BY key"
);
pub(super) const ALL_HOMES: &str =
    concat!("SELECT ", home_columns!(), " FROM home WHERE key BETWEEN $1 AND $2 ORDER BY key");
pub(super) const ALL_IDENTITIES: &str = concat!(
    "SELECT ",
    identity_columns!(),
    " FROM identity WHERE key BETWEEN $1 AND $2 ORDER BY key"
);
pub(super) const ALL_MERGES: &str =
    concat!("SELECT ", merge_columns!(), " FROM merge WHERE key BETWEEN $1 AND $2 ORDER BY key");
pub(super) const ALL_UNDECIDED: &str =
    "SELECT merge, claim FROM undecided WHERE merge BETWEEN $1 AND $2 ORDER BY merge, claim";
pub(super) const ALL_CANNOT_LINKS: &str =
    "SELECT low, high, seq FROM cannot_link WHERE low BETWEEN $1 AND $2 ORDER BY low, high";
pub(super) const ALL_CONFLICTS: &str = concat!(
    "SELECT ",
    conflict_columns!(),
    " FROM conflict WHERE key BETWEEN $1 AND $2 ORDER BY key"
);

/// The statements of this file, for tests that look at all of them.
#[cfg(any(test, feature = "testing"))]
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("live counts", LIVE),
    ("customers", CUSTOMERS),
    ("customer", CUSTOMER),
    ("ids merged into", MERGED_INTO),
    ("journal", JOURNAL),
    ("newest", NEWEST),
    ("identities", IDENTITIES),
    ("all customers", ALL_CUSTOMERS),
    ("all homes", ALL_HOMES),
    ("all identities", ALL_IDENTITIES),
    ("all merges", ALL_MERGES),
    ("all undecided claims", ALL_UNDECIDED),
    ("all cannot-links", ALL_CANNOT_LINKS),
    ("all conflicts", ALL_CONFLICTS),
];

/// How many, as a statement takes it.
pub(super) fn limit_of(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// The rows of customer ids, whatever has become of them.
pub(super) async fn customer_rows(
    conn: &Connection,
    tenant: TenantId,
    ids: &[CustomerId],
) -> Result<BTreeMap<CustomerId, Customer>, Trouble> {
    let keys: Vec<i64> = ids.iter().filter_map(|id| codec::key(tenant, id.0)).collect();
    let found = conn.some(CUSTOMERS, keys.len(), &[&keys]).await?;
    let found = rows::read(&found, |row| Ok(rows::customer(row)?.0))?;
    Ok(found.into_iter().map(|customer| (customer.id, customer)).collect())
}

/// The row of a customer id, whatever has become of it.
pub(super) async fn customer_row(
    conn: &Connection,
    tenant: TenantId,
    id: CustomerId,
) -> Result<Option<Customer>, Trouble> {
    let Some(key) = codec::key(tenant, id.0) else { return Ok(None) };
    let found = conn.first(CUSTOMER, &[&key]).await?;
    found.map(|row| Ok(rows::customer(&row)?.0)).transpose()
}

/// The live customers that answer for ids, by these ids.
pub(super) async fn survivors(
    conn: &Connection,
    tenant: TenantId,
    ids: &[CustomerId],
) -> Result<BTreeMap<CustomerId, Customer>, Trouble> {
    let mut found = customer_rows(conn, tenant, ids).await?;
    let survivor = |customer: &Customer| match customer.state {
        State::MergedInto(survivor) => Some(survivor),
        State::Live | State::Deleted | State::Erased => None,
    };
    let missing: BTreeSet<CustomerId> =
        found.values().filter_map(survivor).filter(|id| !found.contains_key(id)).collect();
    let missing: Vec<CustomerId> = missing.into_iter().collect();
    found.extend(customer_rows(conn, tenant, &missing).await?);
    let answers = |id: &CustomerId| {
        let customer = found.get(id)?;
        let customer = survivor(customer).map_or(Some(customer), |id| found.get(&id))?;
        (customer.state == State::Live).then(|| (*id, customer.clone()))
    };
    Ok(ids.iter().filter_map(answers).collect())
}

/// The live customer that answers for an id.
pub(super) async fn survivor(
    conn: &Connection,
    tenant: TenantId,
    id: CustomerId,
) -> Result<Option<Customer>, Trouble> {
    Ok(survivors(conn, tenant, &[id]).await?.remove(&id))
}

/// A page of the live customers that match.
pub(super) async fn customers(
    conn: &Connection,
    tenant: TenantId,
    filter: &Filter,
    page: &PageRequest,
) -> Result<Page, Trouble> {
    let filter = with_survivors(conn, tenant, filter).await?;
    let total = if page.counted { Some(matching(conn, tenant, &filter).await?) } else { None };
    let customers = match &page.start {
        Start::Offset(offset) => {
            let query = Query::part(COLUMNS, tenant, &filter, &page.order, Part::all(tenant));
            query.limited(page.limit, *offset).customers(conn).await?
        }
        Start::Behind(position) => behind(conn, tenant, &filter, page, position).await?,
    };
    Ok(Page { total, customers })
}

/// The customers that match and stand behind a position.
async fn behind(
    conn: &Connection,
    tenant: TenantId,
    filter: &Filter,
    page: &PageRequest,
    position: &Position,
) -> Result<Vec<Customer>, Trouble> {
    let mut customers: Vec<Customer> = Vec::new();
    for part in parts_behind(tenant, &page.order, position) {
        let found = u32::try_from(customers.len()).map_err(Trouble::broken)?;
        if found < page.limit {
            let query = Query::part(COLUMNS, tenant, filter, &page.order, part);
            customers.extend(query.limited(page.limit - found, 0).customers(conn).await?);
        }
    }
    Ok(customers)
}

/// How many live customers match.
pub(super) async fn count(
    conn: &Connection,
    tenant: TenantId,
    filter: &Filter,
) -> Result<u64, Trouble> {
    let filter = with_survivors(conn, tenant, filter).await?;
    matching(conn, tenant, &filter).await
}

/// How many live customers match a filter whose ids have been resolved.
pub(super) async fn matching(
    conn: &Connection,
    tenant: TenantId,
    filter: &Filter,
) -> Result<u64, Trouble> {
    if let Some(matching) = Live::matching(filter) {
        return u64::try_from(matching(noted(conn, tenant).await?)).map_err(Trouble::broken);
    }
    let found = Query::count(tenant, filter).rows(conn).await?.into_iter().next();
    found.map_or(Ok(0), |row| rows::number(&row, 0))
}

/// How many customers are live, as the row of the tenant notes it.
pub(super) async fn noted(conn: &Connection, tenant: TenantId) -> Result<Live, Trouble> {
    let found = conn.first(LIVE, &[&i64::from(tenant.0)]).await?;
    found.map_or(Ok(Live::default()), |row| rows::live(&row))
}

/// What lists are made of: live customers, and when they were last updated, for lists that go by that.
const LISTED: &str = " FROM customer WHERE live = ?";
const LISTED_BY_TIME: &str = " FROM customer JOIN updated ON updated.customer = customer.key \
                              WHERE live = ? AND updated.tenant = ?";
/// What is counted where only that matters.
const COUNTED_BY_TIME: &str = " FROM updated WHERE tenant = ?";

/// Whether a statement lists or counts customers, for tests that look at all of them.
#[cfg(any(test, feature = "testing"))]
pub(super) fn is_list(sql: &str) -> bool {
    let own = [Arg::Integer(0), Arg::Integer(0)];
    [LISTED, LISTED_BY_TIME, COUNTED_BY_TIME].iter().any(|from| sql.contains(&numbered(from, &own)))
}

/// A statement in the making.
pub(super) struct Query {
    pub(super) sql: String,
    args: Vec<Arg>,
}

impl Query {
    /// The customers of one part of an order that match, in order. The ids of the filter have been
    /// resolved.
    pub(super) fn part(
        what: &str,
        tenant: TenantId,
        filter: &Filter,
        order: &Order,
        part: Part,
    ) -> Query {
        let from = Query::from(tenant, goes_by_time(filter, Some(order)));
        let mut query = from.selecting(what, tenant, filter, part);
        query.sql.push_str(&order_by(order));
        query
    }

    /// How many customers match.
    pub(super) fn count(tenant: TenantId, filter: &Filter) -> Query {
        let is_time = |wanted: &Condition| matches!(wanted, Condition::Updated(_));
        let from = if filter.conditions.iter().all(is_time) {
            let own = Arg::Integer(i64::from(tenant.0));
            Query { sql: COUNTED_BY_TIME.to_owned(), args: vec![own] }
        } else {
            Query::from(tenant, goes_by_time(filter, None))
        };
        from.selecting("count(*)", tenant, filter, Part::all(tenant))
    }

    /// The beginning of a statement about live customers, and about when they were last updated if it
    /// goes by that.
    fn from(tenant: TenantId, by_time: bool) -> Query {
        let own = Arg::Integer(i64::from(tenant.0));
        if by_time {
            Query { sql: LISTED_BY_TIME.to_owned(), args: vec![own.clone(), own] }
        } else {
            Query { sql: LISTED.to_owned(), args: vec![own] }
        }
    }

    #[cfg(test)]
    pub(super) fn args(&self) -> &[Arg] {
        &self.args
    }

    fn limited(mut self, limit: u32, offset: u64) -> Query {
        self.sql.push_str(" LIMIT ? OFFSET ?");
        // A cluster asks each shard for as many rows as both are together.
        let limit = i64::from(limit);
        let offset = i64::try_from(offset).unwrap_or(i64::MAX).min(i64::MAX - limit);
        self.args.extend([Arg::Integer(limit), Arg::Integer(offset)]);
        self
    }

    fn selecting(self, what: &str, tenant: TenantId, filter: &Filter, part: Part) -> Query {
        let mut query = Query { sql: format!("SELECT {what}{}", self.sql), args: self.args };
        let (first, last) = part.keys;
        if part.keys != key_range(tenant) {
            query.sql.push_str(" AND key BETWEEN ? AND ?");
            query.args.extend([Arg::Integer(first), Arg::Integer(last)]);
        }
        let conditions = filter.conditions.iter().map(|wanted| condition(tenant, wanted));
        for Fragment { sql, args } in conditions.chain(part.condition) {
            query.sql.push_str(" AND ");
            query.sql.push_str(&sql);
            query.args.extend(args);
        }
        query
    }

    async fn rows(&self, conn: &Connection) -> Result<Vec<tokio_postgres::Row>, Trouble> {
        let args: Vec<&(dyn ToSql + Sync)> = self.args.iter().map(Arg::as_sql).collect();
        conn.all(&numbered(&self.sql, &self.args), &args).await
    }

    /// Opens a cursor of this name: what is asked stays the same however long its rows are read, and is
    /// sorted once.
    pub(super) async fn declare(&self, conn: &Connection, name: &str) -> Result<(), Trouble> {
        let args: Vec<&(dyn ToSql + Sync)> = self.args.iter().map(Arg::as_sql).collect();
        let asked = numbered(&self.sql, &self.args);
        conn.run(&format!("DECLARE {name} NO SCROLL CURSOR FOR {asked}"), &args).await.map(drop)
    }

    async fn customers(&self, conn: &Connection) -> Result<Vec<Customer>, Trouble> {
        rows::read(&self.rows(conn).await?, |row| Ok(rows::customer(row)?.0))
    }
}

/// The filter with redirecting ids replaced by those that answer for them.
pub(super) async fn with_survivors(
    conn: &Connection,
    tenant: TenantId,
    filter: &Filter,
) -> Result<Filter, Trouble> {
    let mut filter = filter.clone();
    for condition in &mut filter.conditions {
        if let Condition::IdIn(ids) = condition {
            let found = survivors(conn, tenant, ids).await?;
            let found: BTreeSet<CustomerId> = found.values().map(|customer| customer.id).collect();
            *ids = found.into_iter().collect();
        }
    }
    Ok(filter)
}

/// The identities of the customers that answer for these ids.
pub(super) async fn identities_of(
    conn: &Connection,
    tenant: TenantId,
    customers: &[CustomerId],
) -> Result<Vec<OwnedIdentity>, Trouble> {
    let types = types_of(conn, tenant).await?;
    let owners = survivors(conn, tenant, customers).await?;
    let owners: BTreeSet<(CustomerId, u32)> =
        owners.values().map(|customer| (customer.id, customer.homes)).collect();
    let owners: Vec<(CustomerId, u32)> = owners.into_iter().collect();
    let mut found = Vec::new();
    for (owner, held) in policy::held(conn, &homes_of(conn, tenant, &owners).await?).await? {
        for identity in held {
            found.push(owned(owner, identity, &types)?);
        }
    }
    Ok(found)
}

/// The homes of customers that answer for themselves, by key, each with its owner. Beside a customer
/// stands how many homes it has.
pub(super) async fn homes_of(
    conn: &Connection,
    tenant: TenantId,
    customers: &[(CustomerId, u32)],
) -> Result<BTreeMap<i64, CustomerId>, Trouble> {
    let (mut owners, mut merged) = (BTreeMap::new(), Vec::new());
    for (customer, homes) in customers {
        let key = codec::own_key(tenant, customer.0)?;
        owners.insert(key, *customer);
        merged.extend((*homes > 1).then_some(key));
    }
    for row in conn.some(MERGED_INTO, merged.len(), &[&merged]).await? {
        owners.insert(rows::key(&row)?, CustomerId(number_of(row.try_get(1)?)));
    }
    Ok(owners)
}

/// A customer with what belongs to it.
pub(super) async fn whole(
    conn: &Connection,
    tenant: TenantId,
    id: CustomerId,
) -> Result<Option<WholeCustomer>, Trouble> {
    let Some(customer) = survivor(conn, tenant, id).await? else { return Ok(None) };
    let types = types_of(conn, tenant).await?;
    Ok(made_whole(conn, tenant, vec![customer], &types).await?.pop())
}

/// Live customers, each with what belongs to it.
pub(super) async fn made_whole(
    conn: &Connection,
    tenant: TenantId,
    customers: Vec<Customer>,
    types: &BTreeMap<TypeNumber, IdentityType>,
) -> Result<Vec<WholeCustomer>, Trouble> {
    let owners: Vec<(CustomerId, u32)> = customers.iter().map(|it| (it.id, it.homes)).collect();
    let homes = homes_of(conn, tenant, &owners).await?;
    let mut held = policy::held(conn, &homes).await?;
    let mut merged: BTreeMap<CustomerId, Vec<CustomerId>> = BTreeMap::new();
    for (key, owner) in &homes {
        let home = CustomerId(number_of(*key));
        if home != *owner {
            merged.entry(*owner).or_default().push(home);
        }
    }
    let whole = |customer: Customer| {
        let held = held.remove(&customer.id).unwrap_or_default().into_iter();
        let identities = held.map(|identity| owned(customer.id, identity, types));
        let identities = identities.collect::<Result<_, _>>()?;
        let merged = merged.remove(&customer.id).unwrap_or_default();
        Ok(WholeCustomer { customer, merged, identities })
    };
    customers.into_iter().map(whole).collect()
}

/// The identities of values in the canonical form of their types.
pub(super) async fn identities_of_values(
    conn: &Connection,
    tenant: TenantId,
    types: impl Iterator<Item = &IdentityType>,
    value: &str,
) -> Result<Vec<Identity>, Trouble> {
    let (types, values) = written(tenant, types, value);
    rows::read(&lookup::identities(conn, &types, &values).await?, rows::identity)
}

/// A value as each of these types writes it, behind the keys of the types.
pub(super) fn written<'t>(
    tenant: TenantId,
    types: impl Iterator<Item = &'t IdentityType>,
    value: &str,
) -> (Vec<i64>, Vec<String>) {
    types.map(|kind| (codec::type_key(tenant, kind.number), kind.canonical(value))).unzip()
}

/// The identity of a type and value, whoever owns it.
pub(super) async fn identity(
    conn: &Connection,
    tenant: TenantId,
    kind: &str,
    value: &str,
) -> Result<Option<TypedIdentity>, Trouble> {
    let wanted = canonical::type_key(kind);
    let types = policy::types(conn, tenant).await?;
    let Some(kind) = types.iter().find(|kind| kind.key() == wanted) else { return Ok(None) };
    let found = identities_of_values(conn, tenant, std::iter::once(kind), value).await?;
    let found = found.into_iter().next();
    Ok(found.map(|identity| TypedIdentity { kind: kind.name.clone(), identity }))
}

pub(super) async fn types_of(
    conn: &Connection,
    tenant: TenantId,
) -> Result<BTreeMap<TypeNumber, IdentityType>, Trouble> {
    let types = policy::types(conn, tenant).await?;
    Ok(types.into_iter().map(|kind| (kind.number, kind)).collect())
}

pub(super) fn owned(
    owner: CustomerId,
    identity: Identity,
    types: &BTreeMap<TypeNumber, IdentityType>,
) -> Result<OwnedIdentity, Trouble> {
    let kind = type_name(&identity, types)?;
    Ok(OwnedIdentity { owner, kind, identity })
}

pub(super) fn type_name(
    identity: &Identity,
    types: &BTreeMap<TypeNumber, IdentityType>,
) -> Result<Box<str>, Trouble> {
    let missing = || Trouble::broken(format!("identity {} has no type", identity.number));
    types.get(&identity.key.kind).map(|kind| kind.name.clone()).ok_or_else(missing)
}

/// The key of a number of the tenant, and the last key that it can have: what lies between are the
/// keys of larger numbers.
pub(super) fn keys_after(tenant: TenantId, after: i64) -> (i64, i64) {
    let (first, last) = key_range(tenant);
    (first.saturating_add(after.clamp(0, number_of(last))), last)
}

/// Entries of the journal after a place.
pub(super) async fn journal(
    conn: &Connection,
    tenant: TenantId,
    after: Seq,
    limit: usize,
) -> Result<Vec<Entry>, Trouble> {
    let (after, last) = keys_after(tenant, after.0);
    let found = conn.all(JOURNAL, &[&after, &last, &limit_of(limit)]).await?;
    rows::read(&found, rows::entry)
}

/// Entries of the feed after a position, which is their place in the journal: a tenant has one
/// writer at a time. With them, the identities that their events name.
pub(super) async fn feed(
    conn: &Connection,
    tenant: TenantId,
    after: i64,
    limit: usize,
) -> Result<FeedPage, Trouble> {
    let newest = conn.first(NEWEST, &[&i64::from(tenant.0)]).await?;
    let newest = newest.map_or(Ok(0), |row| row.try_get(0))?;
    let mut entries = journal(conn, tenant, Seq(after), limit).await?;
    if conn.is_distributed() {
        // Each node shows what it has committed: what follows a gap is told when that is filled.
        let places = entries.iter().zip(after.max(0).saturating_add(1)..);
        let whole = places.take_while(|(entry, place)| entry.seq.0 == *place).count();
        entries.truncate(whole);
    }
    let identities = identities_numbered(conn, tenant, &feed::identities(&entries)).await?;
    let named = feed::types(&entries);
    let types = if named.is_empty() { BTreeMap::new() } else { types_of(conn, tenant).await? };
    let types = types.into_iter().filter(|(number, _)| named.contains(number));
    let types = types.map(|(number, kind)| (number, kind.name)).collect();
    Ok(FeedPage { entries, identities, types, newest })
}

/// The identities of these numbers.
pub(super) async fn identities_numbered(
    conn: &Connection,
    tenant: TenantId,
    numbers: &BTreeSet<IdentityNumber>,
) -> Result<BTreeMap<IdentityNumber, TypedIdentity>, Trouble> {
    let mut found = BTreeMap::new();
    let keys: Vec<i64> = numbers.iter().filter_map(|it| codec::key(tenant, it.0)).collect();
    if keys.is_empty() {
        return Ok(found);
    }
    let types = types_of(conn, tenant).await?;
    for identity in rows::read(&conn.all(IDENTITIES, &[&keys]).await?, rows::identity)? {
        let kind = type_name(&identity, &types)?;
        found.insert(identity.number, TypedIdentity { kind, identity });
    }
    Ok(found)
}

/// Everything of a tenant but its journal.
pub(super) async fn snapshot(conn: &Connection, tenant: TenantId) -> Result<Snapshot, Trouble> {
    conn.batch(LONG).await?;
    let (first, last) = key_range(tenant);
    let all = async |sql| conn.all(sql, &[&first, &last]).await;
    Ok(Snapshot {
        types: policy::types(conn, tenant).await?,
        customers: rows::read(&all(ALL_CUSTOMERS).await?, |row| Ok(rows::customer(row)?.0))?,
        homes: rows::read(&all(ALL_HOMES).await?, rows::home)?,
        identities: rows::read(&all(ALL_IDENTITIES).await?, rows::identity)?,
        merges: rows::read(&all(ALL_MERGES).await?, rows::merge)?,
        cannot_links: rows::read(&all(ALL_CANNOT_LINKS).await?, rows::cannot_link)?,
        conflicts: rows::read(&all(ALL_CONFLICTS).await?, rows::conflict)?,
        undecided: rows::read(&all(ALL_UNDECIDED).await?, rows::undecided)?,
    })
}

#[test]
fn an_offset_and_a_limit_can_be_added_up() {
    let filter = Filter { conditions: Vec::new() };
    let all = Part::all(TenantId(1));
    let query = Query::part("key", TenantId(1), &filter, &Order::default(), all);
    let query = query.limited(100, u64::MAX);
    assert!(query.sql.ends_with(" LIMIT ? OFFSET ?"), "{}", query.sql);
    let [.., Arg::Integer(limit), Arg::Integer(offset)] = &query.args[..] else { panic!() };
    assert_eq!((*limit, limit.checked_add(*offset)), (100, Some(i64::MAX)));
}
