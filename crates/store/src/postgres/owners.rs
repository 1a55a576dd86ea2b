//! The identities that requests bring, and who owns them or may be found instead, in one statement: what
//! nearly every upsert looks at. One server answers it; a cluster is asked step by step.

use super::connection::Connection;
use super::rows::{customer_columns, identity_columns};
use super::trouble::Trouble;
use kehub_core::attribute::Attribute;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// The first column of what a row of [`OWNERS`] tells of an identity. Before it stand those of its owner,
/// and whether that one is kept apart from others.
pub(super) const IDENTITY: usize = KEPT_APART + 1;
pub(super) const KEPT_APART: usize = 15;

macro_rules! carriers {
    ($column:literal, $lists:literal) => {
        concat!(
            "
        SELECT c.key FROM (
            SELECT DISTINCT live, value, most FROM unnest(",
            $lists,
            ") AS w (live, value, most, request)
            WHERE request NOT IN (SELECT request FROM found)
        ) AS w
        CROSS JOIN LATERAL (
            SELECT key FROM customer WHERE live = w.live AND ",
            $column,
            " = w.value
            ORDER BY key LIMIT w.most
        ) AS c"
        )
    };
}
/// A row for each identity that owners hold, with its owner; for owners who hold none; and for identities
/// that are there and that nobody owns. Carriers of match keys are owners as well, unless an identity of
/// the same request finds somebody: see
/// [`may_be_asked_for`](kehub_core::facts::TenantFacts::may_be_asked_for).
///
/// The limits keep the server from joining what it believes to be tables of a row each.
const OWNERS: &str = concat!(
    "
    WITH named AS (
        SELECT w.request, i.*
        FROM unnest($1::bigint[], $2::text[], $3::bigint[]) AS w (type, value, request)
        CROSS JOIN LATERAL (
            SELECT ",
    identity_columns!(),
    " FROM identity WHERE type = w.type AND value = w.value LIMIT 1
        ) AS i
    ), found AS (
        SELECT request FROM named WHERE home IS NOT NULL AND NOT quarantine
    ), owner AS (
        SELECT home AS key FROM named WHERE home IS NOT NULL UNION",
    carriers!("mobile_key", "$4::bigint[], $5::text[], $6::bigint[], $7::bigint[]"),
    " UNION",
    carriers!("email_key", "$8::bigint[], $9::text[], $10::bigint[], $11::bigint[]"),
    "
    )
    SELECT c.*, i.* FROM owner AS o
    LEFT JOIN LATERAL (
        SELECT ",
    customer_columns!(),
    ", EXISTS (SELECT FROM cannot_link WHERE low = key)
            OR EXISTS (SELECT FROM cannot_link WHERE high = key)
        FROM customer WHERE key = o.key LIMIT 1
    ) AS c ON true
    LEFT JOIN LATERAL (
        SELECT ",
    identity_columns!(),
    " FROM identity WHERE home = o.key OFFSET 0
    ) AS i ON true
    UNION ALL
    SELECT c.*, n.key, n.type, n.value, n.raw, n.name, n.scope, n.home, n.quarantine, n.companions,
        n.apps, n.pardoned
    FROM named AS n
    LEFT JOIN LATERAL (
        SELECT ",
    customer_columns!(),
    ", false FROM customer WHERE key = n.home LIMIT 1
    ) AS c ON true
    WHERE n.home IS NULL"
);

/// The statements of this file, for tests that look at all of them.
#[cfg(test)]
pub(super) const STATEMENTS: &[(&str, &str)] = &[("identities and their owners", OWNERS)];

/// What is asked for, as the arguments of the statement.
#[derive(Default)]
pub(super) struct Wanted {
    types: Vec<i64>,
    values: Vec<String>,
    requests: Vec<i64>,
    mobiles: MatchKeys,
    emails: MatchKeys,
}

/// Values of a match key, each of a tenant and a request.
#[derive(Default)]
struct MatchKeys {
    tenants: Vec<i64>,
    values: Vec<String>,
    most: Vec<i64>,
    requests: Vec<i64>,
}

impl Wanted {
    /// Adds an identity that a request brings.
    pub(super) fn identity(&mut self, kind: i64, value: &str, request: i64) {
        self.types.push(kind);
        self.values.push(value.to_owned());
        self.requests.push(request);
    }

    /// Adds a match key, of whose carriers the first ones are wanted unless an identity of the request
    /// finds somebody.
    pub(super) fn match_key(
        &mut self,
        (attribute, value): &(Attribute, String),
        tenant: i64,
        most: i64,
        request: i64,
    ) {
        let is_mobile = *attribute == Attribute::Mobile;
        let keys = if is_mobile { &mut self.mobiles } else { &mut self.emails };
        keys.tenants.push(tenant);
        keys.values.push(value.clone());
        keys.most.push(most);
        keys.requests.push(request);
    }

    /// The types and values of the identities.
    pub(super) fn identities(&self) -> (&[i64], &[String]) {
        (&self.types, &self.values)
    }

    /// Asks one server.
    pub(super) async fn read(&self, conn: &Connection) -> Result<Vec<Row>, Trouble> {
        let Wanted { types, values, requests, mobiles, emails } = self;
        let about = types.len() + mobiles.values.len() + emails.values.len();
        let MatchKeys { tenants, values: mobiles, most, requests: of } = mobiles;
        let args: [&(dyn ToSql + Sync); 7] = [types, values, requests, tenants, mobiles, most, of];
        let MatchKeys { tenants, values: emails, most, requests: of } = emails;
        let others: [&(dyn ToSql + Sync); 4] = [tenants, emails, most, of];
        conn.some(OWNERS, about, &[&args[..], &others].concat()).await
    }
}
