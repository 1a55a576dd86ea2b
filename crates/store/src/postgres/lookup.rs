//! Look-ups of many values at once that one server and a cluster answer in different words. One server
//! joins what is asked to an index. A cluster has to see which rows are asked for, or it asks all of
//! its shards for everything, and it refuses a look for each of many values.

use super::connection::Connection;
use super::rows::{self, identity_columns};
use super::trouble::Trouble;
use futures_util::future::{try_join, try_join_all};
use kehub_core::attribute::Attribute;
use std::collections::BTreeMap;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// The identity `i` of a type and a value `w`.
macro_rules! identity_of_value {
    () => {
        concat!(
            " CROSS JOIN LATERAL (SELECT ",
            identity_columns!(),
            " FROM identity WHERE type = w.type AND value = w.value LIMIT 1) AS i"
        )
    };
}
/// The first customers `c` that show a value `w` in a column.
macro_rules! first_carriers {
    ($column:literal) => {
        concat!(
            " CROSS JOIN LATERAL (SELECT key FROM customer WHERE live = w.live AND ",
            $column,
            " = w.value ORDER BY key LIMIT w.most) AS c"
        )
    };
}
pub(super) use {first_carriers, identity_of_value};

const IDENTITIES: &str = concat!(
    "SELECT i.* FROM unnest($1::bigint[], $2::text[]) AS w (type, value)",
    identity_of_value!()
);
const IDENTITIES_OF_TYPE: &str =
    concat!("SELECT ", identity_columns!(), " FROM identity WHERE type = $1 AND value = ANY($2)");

/// The statements about a match key.
struct Carriers {
    /// On one server, all that is needed.
    all: &'static str,
    /// On a cluster: how many carry each value, and the first of them;
    counted: &'static str,
    /// those of values that few carry;
    few: &'static str,
    /// the first ones of a value that many carry.
    first: &'static str,
}

macro_rules! carriers {
    ($column:literal) => {
        Carriers {
            all: concat!(
                "SELECT c.key \
                 FROM unnest($1::bigint[], $2::text[], $3::bigint[]) AS w (live, value, most)",
                first_carriers!($column)
            ),
            counted: concat!(
                "SELECT min(key), ",
                $column,
                ", count(*) FROM customer WHERE live = $1 AND ",
                $column,
                " = ANY($2) GROUP BY ",
                $column
            ),
            few: concat!("SELECT key FROM customer WHERE live = $1 AND ", $column, " = ANY($2)"),
            first: concat!(
                "SELECT key FROM customer WHERE live = $1 AND ",
                $column,
                " = $2 ORDER BY key LIMIT $3"
            ),
        }
    };
}
const MOBILE: Carriers = carriers!("mobile_key");
const EMAIL: Carriers = carriers!("email_key");

/// The statements of this file that one server is asked, for tests that look at all of them.
#[cfg(any(test, feature = "testing"))]
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("identities of values", IDENTITIES),
    ("carriers of mobiles", MOBILE.all),
    ("carriers of e-mail addresses", EMAIL.all),
];

/// The statements of this file that a cluster is asked.
#[cfg(any(test, feature = "testing"))]
pub(super) const OF_CLUSTERS: &[(&str, &str)] = &[
    ("identities of a type", IDENTITIES_OF_TYPE),
    ("carriers of mobiles, counted", MOBILE.counted),
    ("the few carriers of mobiles", MOBILE.few),
    ("first carriers of a mobile", MOBILE.first),
    ("carriers of e-mail addresses, counted", EMAIL.counted),
    ("the few carriers of e-mail addresses", EMAIL.few),
    ("first carriers of an e-mail address", EMAIL.first),
];

/// The identities of these types and values, in no order.
pub(super) async fn identities(
    conn: &Connection,
    types: &[i64],
    values: &[String],
) -> Result<Vec<Row>, Trouble> {
    if !conn.is_distributed() {
        return conn.some(IDENTITIES, types.len(), &[&types, &values]).await;
    }
    let asked = by_first(types, values)
        .into_iter()
        .map(|(kind, values)| async move { conn.all(IDENTITIES_OF_TYPE, &[&kind, &values]).await });
    Ok(try_join_all(asked).await?.into_iter().flatten().collect())
}

/// Values of a match key, each of a tenant.
#[derive(Default)]
pub(super) struct MatchKeys {
    pub(super) tenants: Vec<i64>,
    pub(super) values: Vec<String>,
    /// How many carriers are wanted at most: the first ones.
    pub(super) most: Vec<i64>,
}

impl MatchKeys {
    pub(super) fn push(&mut self, tenant: i64, value: String, most: i64) {
        self.tenants.push(tenant);
        self.values.push(value);
        self.most.push(most);
    }

    /// The keys of the live customers that carry these values of an attribute, in no order.
    pub(super) async fn carriers(
        &self,
        conn: &Connection,
        attribute: Attribute,
    ) -> Result<Vec<i64>, Trouble> {
        let carriers = if attribute == Attribute::Mobile { &MOBILE } else { &EMAIL };
        let MatchKeys { tenants, values, most } = self;
        if !conn.is_distributed() {
            let found = conn.some(carriers.all, tenants.len(), &[tenants, values, most]).await?;
            return rows::read(&found, rows::key);
        }
        let most = most.iter().copied().max().unwrap_or_default();
        let asked = by_first(tenants, values).into_iter();
        let found = asked.map(|(tenant, values)| of_tenant(conn, carriers, tenant, values, most));
        Ok(try_join_all(found).await?.concat())
    }
}

/// Most values have one carrier, which the count tells as well; a few have thousands.
async fn of_tenant(
    conn: &Connection,
    carriers: &Carriers,
    tenant: i64,
    values: Vec<&str>,
    most: i64,
) -> Result<Vec<i64>, Trouble> {
    let (mut found, mut few, mut many) = (Vec::new(), Vec::new(), Vec::new());
    let counted = conn.all(carriers.counted, &[&tenant, &values]).await?;
    for row in &counted {
        let (value, count): (&str, i64) = (row.try_get(1)?, row.try_get(2)?);
        match count {
            1 => found.push(rows::key(row)?),
            count if count <= most => few.push(value),
            _ => many.push(value),
        }
    }
    let first = many
        .iter()
        .map(|value| async move { conn.all(carriers.first, &[&tenant, value, &most]).await });
    let args: [&(dyn ToSql + Sync); 2] = [&tenant, &few];
    let few = conn.some(carriers.few, few.len(), &args);
    let (few, first) = try_join(few, try_join_all(first)).await?;
    found.extend(rows::read(&few, rows::key)?);
    for rows in first {
        found.extend(rows::read(&rows, rows::key)?);
    }
    Ok(found)
}

/// The values that stand beside each number.
fn by_first<'v>(numbers: &[i64], values: &'v [String]) -> BTreeMap<i64, Vec<&'v str>> {
    let mut found: BTreeMap<i64, Vec<&str>> = BTreeMap::new();
    for (number, value) in numbers.iter().zip(values) {
        found.entry(*number).or_default().push(value);
    }
    found
}
