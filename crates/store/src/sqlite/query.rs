//! Reads: customers by id, by identity and by filter; identities; the journal.

use super::codec::{self, Live, key_range, number_of};
use super::load;
use super::render::{Fragment, Part, Path, condition, order_by, parts_behind};
use super::rows::{
    self, conflict_columns, customer_columns, home_columns, identity_columns, merge_columns,
};
use super::trouble::Trouble;
use crate::{FeedPage, OwnedIdentity, Page, PageRequest, Start, TypedIdentity, WholeCustomer};
use kehub_core::attribute::Attribute;
use kehub_core::customer::{Customer, State};
use kehub_core::facts::Snapshot;
use kehub_core::feed;
use kehub_core::filter::{Condition, Filter, Order, Position, SortKey};
use kehub_core::identity::{Identity, IdentityKey};
use kehub_core::journal::Entry;
use kehub_core::policy::IdentityType;
use kehub_core::{CustomerId, IdentityNumber, Seq, TenantId, TypeNumber, canonical};
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, Row, params_from_iter};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

const STATE: &str = "SELECT live, survivor FROM customer WHERE key = ?1";
const LIVE: &str =
    "SELECT customers_live, customers_male, customers_female FROM tenant WHERE id = ?1";
const JOURNAL: &str =
    "SELECT entry FROM journal WHERE key > ?1 AND key <= ?2 ORDER BY key LIMIT ?3";
const NEWEST: &str = "SELECT last_seq FROM tenant WHERE id = ?1";
const IDENTITY: &str = concat!("SELECT ", identity_columns!(), " FROM identity WHERE key = ?1");
const ALL_CUSTOMERS: &str = concat!(
    "SELECT ",
    customer_columns!(),
    " FROM customer WHERE key BETWEEN ?1 AND ?2 ORDER BY key"
);
const ALL_HOMES: &str =
    concat!("SELECT ", home_columns!(), " FROM home WHERE key BETWEEN ?1 AND ?2 ORDER BY key");
const ALL_IDENTITIES: &str = concat!(
    "SELECT ",
    identity_columns!(),
    " FROM identity WHERE key BETWEEN ?1 AND ?2 ORDER BY key"
);
const ALL_MERGES: &str =
    concat!("SELECT ", merge_columns!(), " FROM merge WHERE key BETWEEN ?1 AND ?2 ORDER BY key");
const ALL_UNDECIDED: &str =
    "SELECT merge, claim FROM undecided WHERE merge BETWEEN ?1 AND ?2 ORDER BY merge, claim";
const ALL_CANNOT_LINKS: &str =
    "SELECT low, high, seq FROM cannot_link WHERE low BETWEEN ?1 AND ?2 ORDER BY low, high";
const ALL_CONFLICTS: &str = concat!(
    "SELECT ",
    conflict_columns!(),
    " FROM conflict WHERE key BETWEEN ?1 AND ?2 ORDER BY key"
);

/// The live customer that answers for an id.
pub(super) fn survivor(
    conn: &Connection,
    tenant: TenantId,
    id: CustomerId,
) -> Result<Option<Customer>, Trouble> {
    let Some(key) = codec::key(tenant, id.0) else { return Ok(None) };
    let Some((customer, _)) = load::customer(conn, key)? else { return Ok(None) };
    let customer = match customer.state {
        State::Live => Some(customer),
        State::Deleted | State::Erased => None,
        State::MergedInto(survivor) => {
            load::customer(conn, codec::own_key(tenant, survivor.0)?)?.map(|(found, _)| found)
        }
    };
    Ok(customer.filter(|customer| customer.state == State::Live))
}

/// The id of the live customer that answers for one, found without reading all that the customer has.
pub(super) fn answering(
    conn: &Connection,
    tenant: TenantId,
    id: CustomerId,
) -> Result<Option<CustomerId>, Trouble> {
    let state = |id: CustomerId| {
        let Some(key) = codec::key(tenant, id.0) else { return Ok(None) };
        let state = |row: &Row<'_>| -> Result<(Option<i64>, Option<i64>), Trouble> {
            Ok((row.get(0)?, row.get(1)?))
        };
        rows::first(conn, STATE, [key], state)
    };
    match state(id)? {
        Some((Some(_), _)) => Ok(Some(id)),
        Some((None, Some(survivor))) => {
            let survivor = CustomerId(number_of(survivor));
            let is_live = matches!(state(survivor)?, Some((Some(_), _)));
            Ok(is_live.then_some(survivor))
        }
        Some((None, None)) | None => Ok(None),
    }
}

/// The row of a customer id, whatever has become of it.
pub(super) fn customer_row(
    conn: &Connection,
    tenant: TenantId,
    id: CustomerId,
) -> Result<Option<Customer>, Trouble> {
    let Some(key) = codec::key(tenant, id.0) else { return Ok(None) };
    Ok(load::customer(conn, key)?.map(|(customer, _)| customer))
}

/// A page of the live customers that match.
pub(super) fn customers(
    conn: &Connection,
    tenant: TenantId,
    filter: &Filter,
    page: &PageRequest,
) -> Result<Page, Trouble> {
    let filter = with_survivors(conn, tenant, filter)?;
    let total = if page.counted { Some(matching(conn, tenant, &filter)?) } else { None };
    // Keys first: an index that serves filter and order is all that a deep page reads.
    let keys = match &page.start {
        Start::Offset(offset) => {
            let query = Query::page(tenant, &filter, &page.order);
            query.limited(page.limit, *offset).rows(conn)?
        }
        Start::Behind(position) => behind(conn, tenant, &filter, page, position)?,
    };
    let mut customers = Vec::with_capacity(keys.len());
    for key in keys {
        let found = load::customer(conn, key)?;
        customers.extend(found.map(|(customer, _)| customer));
    }
    Ok(Page { total, customers })
}

/// The keys of the customers that match and stand behind a position.
fn behind(
    conn: &Connection,
    tenant: TenantId,
    filter: &Filter,
    page: &PageRequest,
    position: &Position,
) -> Result<Vec<i64>, Trouble> {
    let mut keys: Vec<i64> = Vec::new();
    for part in parts_behind(tenant, &page.order, position) {
        let found = u32::try_from(keys.len()).map_err(Trouble::broken)?;
        if found < page.limit {
            let query = Query::part(tenant, filter, &page.order, part);
            keys.extend(query.limited(page.limit - found, 0).rows(conn)?);
        }
    }
    Ok(keys)
}

/// How many live customers match.
pub(super) fn count(conn: &Connection, tenant: TenantId, filter: &Filter) -> Result<u64, Trouble> {
    let filter = with_survivors(conn, tenant, filter)?;
    matching(conn, tenant, &filter)
}

/// How many live customers match a filter whose ids have been resolved.
pub(super) fn matching(
    conn: &Connection,
    tenant: TenantId,
    filter: &Filter,
) -> Result<u64, Trouble> {
    let count = match Live::matching(filter) {
        Some(matching) => matching(noted(conn, tenant)?),
        None => Query::count(tenant, filter).rows(conn)?.first().copied().unwrap_or_default(),
    };
    u64::try_from(count).map_err(Trouble::broken)
}

/// How many customers are live, as the row of the tenant notes it.
pub(super) fn noted(conn: &Connection, tenant: TenantId) -> Result<Live, Trouble> {
    Ok(rows::first(conn, LIVE, [tenant.0], rows::live)?.unwrap_or_default())
}

/// A statement in the making.
pub(super) struct Query {
    pub(super) sql: String,
    args: Vec<Sql>,
}

impl Query {
    /// How many customers match.
    pub(super) fn count(tenant: TenantId, filter: &Filter) -> Query {
        let path = Path::of(filter).unwrap_or(Path::Table);
        Query::of("count(*)", path, tenant, filter, Part::all(tenant))
    }

    /// The keys of all customers that match, in order. The ids of the filter have been resolved.
    pub(super) fn page(tenant: TenantId, filter: &Filter, order: &Order) -> Query {
        Query::part(tenant, filter, order, Part::all(tenant))
    }

    /// The same of one part of the order.
    pub(super) fn part(tenant: TenantId, filter: &Filter, order: &Order, part: Part) -> Query {
        let is_bare = filter.conditions.is_empty();
        let by_id = is_bare && order.by == SortKey::Attribute(Attribute::Id);
        let all = if by_id { Path::Live } else { Path::Table };
        let path = Path::of(filter).or_else(|| Path::in_order(order)).unwrap_or(all);
        let mut query = Query::of("key", path, tenant, filter, part);
        query.sql.push_str(&order_by(order));
        query
    }

    fn limited(mut self, limit: u32, offset: u64) -> Query {
        self.sql.push_str(" LIMIT ? OFFSET ?");
        let offset = i64::try_from(offset).unwrap_or(i64::MAX);
        self.args.extend([Sql::Integer(i64::from(limit)), Sql::Integer(offset)]);
        self
    }

    fn of(what: &str, path: Path, tenant: TenantId, filter: &Filter, part: Part) -> Query {
        let sql = format!("SELECT {what} FROM customer {} WHERE live = ?", path.clause());
        let mut query = Query { sql, args: vec![Sql::Integer(i64::from(tenant.0))] };
        // The range of the tenant, in which ids are in order already. A part may begin within it.
        let (first, last) = part.keys;
        if path == Path::Table || part.keys != key_range(tenant) {
            query.sql.push_str(" AND key BETWEEN ? AND ?");
            query.args.extend([Sql::Integer(first), Sql::Integer(last)]);
        }
        let conditions = filter.conditions.iter().map(|wanted| condition(tenant, wanted));
        for Fragment { sql, args } in conditions.chain(part.condition) {
            query.sql.push_str(" AND ");
            query.sql.push_str(&sql);
            query.args.extend(args);
        }
        query
    }

    fn rows(&self, conn: &Connection) -> Result<Vec<i64>, Trouble> {
        rows::all(conn, &self.sql, params_from_iter(&self.args), rows::integer)
    }

    /// Takes one key after the other, until it is enough; whether it took all of them.
    pub(super) fn each(
        &self,
        conn: &Connection,
        mut take: impl FnMut(i64) -> Result<ControlFlow<()>, Trouble>,
    ) -> Result<ControlFlow<()>, Trouble> {
        let mut statement = conn.prepare(&self.sql)?;
        let mut rows = statement.query(params_from_iter(&self.args))?;
        while let Some(row) = rows.next()? {
            if take(row.get(0)?)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// The filter with redirecting ids replaced by those that answer for them.
pub(super) fn with_survivors(
    conn: &Connection,
    tenant: TenantId,
    filter: &Filter,
) -> Result<Filter, Trouble> {
    let mut filter = filter.clone();
    for condition in &mut filter.conditions {
        if let Condition::IdIn(ids) = condition {
            let mut survivors = Vec::with_capacity(ids.len());
            for id in ids.iter() {
                survivors.extend(answering(conn, tenant, *id)?);
            }
            survivors.sort_unstable();
            survivors.dedup();
            *ids = survivors;
        }
    }
    Ok(filter)
}

/// The identities of the customers that answer for these ids.
pub(super) fn identities_of(
    conn: &Connection,
    tenant: TenantId,
    customers: &[CustomerId],
) -> Result<Vec<OwnedIdentity>, Trouble> {
    let types = types_of(conn, tenant)?;
    let mut owners: BTreeMap<CustomerId, Customer> = BTreeMap::new();
    for id in customers {
        if let Some(customer) = survivor(conn, tenant, *id)? {
            owners.insert(customer.id, customer);
        }
    }
    let mut found = Vec::new();
    for (owner, customer) in owners {
        let merged = merged_into(conn, tenant, owner, customer.homes)?;
        for identity in held_by(conn, tenant, owner, &merged)? {
            found.push(owned(owner, identity, &types)?);
        }
    }
    Ok(found)
}

/// A customer with what belongs to it.
pub(super) fn whole(
    conn: &Connection,
    tenant: TenantId,
    id: CustomerId,
) -> Result<Option<WholeCustomer>, Trouble> {
    let Some(customer) = survivor(conn, tenant, id)? else { return Ok(None) };
    let types = types_of(conn, tenant)?;
    made_whole(conn, tenant, customer, &types).map(Some)
}

/// A live customer with what belongs to it.
pub(super) fn made_whole(
    conn: &Connection,
    tenant: TenantId,
    customer: Customer,
    types: &BTreeMap<TypeNumber, IdentityType>,
) -> Result<WholeCustomer, Trouble> {
    let merged = merged_into(conn, tenant, customer.id, customer.homes)?;
    let held = held_by(conn, tenant, customer.id, &merged)?.into_iter();
    let identities = held.map(|identity| owned(customer.id, identity, types));
    let identities = identities.collect::<Result<_, _>>()?;
    Ok(WholeCustomer { customer, merged, identities })
}

/// The ids that redirect to a customer of so many homes.
pub(super) fn merged_into(
    conn: &Connection,
    tenant: TenantId,
    customer: CustomerId,
    homes: u32,
) -> Result<Vec<CustomerId>, Trouble> {
    if homes <= 1 {
        return Ok(Vec::new());
    }
    let merged = load::merged_into(conn, codec::own_key(tenant, customer.0)?)?;
    Ok(merged.into_iter().map(|(member, _)| member.id).collect())
}

/// The identities of a customer and of the ids that redirect to it, by number.
pub(super) fn held_by(
    conn: &Connection,
    tenant: TenantId,
    customer: CustomerId,
    merged: &[CustomerId],
) -> Result<Vec<Identity>, Trouble> {
    let mut held = Vec::new();
    for home in [customer].iter().chain(merged) {
        held.extend(load::identities_of_home(conn, codec::own_key(tenant, home.0)?)?);
    }
    held.sort_unstable_by_key(|identity| identity.number);
    Ok(held)
}

/// The owned identities of a value, of one of these types or of any.
pub(super) fn identities_named(
    conn: &Connection,
    tenant: TenantId,
    types: &Types,
    kind: Option<&str>,
    value: &str,
) -> Result<Vec<OwnedIdentity>, Trouble> {
    let wanted = kind.map(canonical::type_key);
    let mut found = Vec::new();
    for kind in types.values() {
        if wanted.as_ref().is_some_and(|wanted| *wanted != kind.key()) {
            continue;
        }
        let key = IdentityKey { kind: kind.number, value: kind.canonical(value).into() };
        let Some(identity) = load::identity_of_value(conn, tenant, &key)? else { continue };
        let Some(home) = identity.home else { continue };
        if let Some(owner) = answering(conn, tenant, home)? {
            found.push(owned(owner, identity, types)?);
        }
    }
    found.sort_by_key(|found| (found.owner, found.identity.number));
    Ok(found)
}

/// The identity of a type and value, whoever owns it.
pub(super) fn identity(
    conn: &Connection,
    tenant: TenantId,
    kind: &str,
    value: &str,
) -> Result<Option<TypedIdentity>, Trouble> {
    let wanted = canonical::type_key(kind);
    let types = load::types(conn, tenant)?;
    let Some(kind) = types.into_iter().find(|kind| kind.key() == wanted) else { return Ok(None) };
    let key = IdentityKey { kind: kind.number, value: kind.canonical(value).into() };
    let found = load::identity_of_value(conn, tenant, &key)?;
    Ok(found.map(|identity| TypedIdentity { kind: kind.name, identity }))
}

/// The identity types of a tenant, by number.
pub(super) type Types = BTreeMap<TypeNumber, IdentityType>;

pub(super) fn types_of(conn: &Connection, tenant: TenantId) -> Result<Types, Trouble> {
    let types = load::types(conn, tenant)?;
    Ok(types.into_iter().map(|kind| (kind.number, kind)).collect())
}

fn owned(
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
pub(super) fn journal(
    conn: &Connection,
    tenant: TenantId,
    after: Seq,
    limit: usize,
) -> Result<Vec<Entry>, Trouble> {
    let (after, last) = keys_after(tenant, after.0);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    rows::all(conn, JOURNAL, (after, last, limit), |row| {
        Ok(codec::entry(row.get_ref(0)?.as_blob().map_err(Trouble::broken)?)?)
    })
}

/// Entries of the feed after a position, which is their place in the journal: this engine has one
/// writer. With them, the identities that their events name.
pub(super) fn feed(
    conn: &Connection,
    tenant: TenantId,
    after: i64,
    limit: usize,
) -> Result<FeedPage, Trouble> {
    let newest = rows::first(conn, NEWEST, [tenant.0], rows::integer)?.unwrap_or_default();
    let entries = journal(conn, tenant, Seq(after), limit)?;
    let identities = identities_numbered(conn, tenant, &feed::identities(&entries))?;
    let named = feed::types(&entries);
    let types = if named.is_empty() { BTreeMap::new() } else { types_of(conn, tenant)? };
    let types = types.into_iter().filter(|(number, _)| named.contains(number));
    let types = types.map(|(number, kind)| (number, kind.name)).collect();
    Ok(FeedPage { entries, identities, types, newest })
}

/// The identities of these numbers.
pub(super) fn identities_numbered(
    conn: &Connection,
    tenant: TenantId,
    numbers: &BTreeSet<IdentityNumber>,
) -> Result<BTreeMap<IdentityNumber, TypedIdentity>, Trouble> {
    let mut found = BTreeMap::new();
    if numbers.is_empty() {
        return Ok(found);
    }
    let types = types_of(conn, tenant)?;
    for number in numbers {
        let Some(key) = codec::key(tenant, number.0) else { continue };
        let Some(identity) = rows::first(conn, IDENTITY, [key], rows::identity)? else { continue };
        let kind = type_name(&identity, &types)?;
        found.insert(*number, TypedIdentity { kind, identity });
    }
    Ok(found)
}

/// Everything of a tenant but its journal.
pub(super) fn snapshot(conn: &Connection, tenant: TenantId) -> Result<Snapshot, Trouble> {
    let range = key_range(tenant);
    Ok(Snapshot {
        types: load::types(conn, tenant)?,
        customers: rows::all(conn, ALL_CUSTOMERS, range, |row| Ok(rows::customer(row)?.0))?,
        homes: rows::all(conn, ALL_HOMES, range, rows::home)?,
        identities: rows::all(conn, ALL_IDENTITIES, range, rows::identity)?,
        merges: rows::all(conn, ALL_MERGES, range, rows::merge)?,
        cannot_links: rows::all(conn, ALL_CANNOT_LINKS, range, rows::cannot_link)?,
        conflicts: rows::all(conn, ALL_CONFLICTS, range, rows::conflict)?,
        undecided: rows::all(conn, ALL_UNDECIDED, range, rows::undecided)?,
    })
}
