//! The identities that requests bring, and who owns them or may be found instead, in one statement: what
//! nearly every upsert looks at. One server answers it; a cluster is asked step by step.

use super::connection::Connection;
use super::lookup::{MatchKeys, first_carriers, identity_of_value};
use super::rows::{customer_columns, identity_columns};
use super::trouble::Trouble;
use kehub_core::attribute::Attribute;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// The first column of what a row of [`OWNERS`] tells of an identity. Before it stand those of its owner,
/// and whether that one is kept apart from others.
pub(super) const IDENTITY: usize = KEPT_APART + 1;
pub(super) const KEPT_APART: usize = 18;
/// Whether there are conflicts about that identity, settled ones included; `NULL` says no. Hardly any has.
pub(super) const DISPUTED: usize = IDENTITY + 11;

macro_rules! carriers {
    ($column:literal, $lists:literal) => {
        concat!(
            "
        SELECT c.key FROM (
            SELECT DISTINCT live, value, most FROM unnest(",
            $lists,
            ") AS w (live, value, most, request)
            WHERE request NOT IN (SELECT request FROM found)
        ) AS w",
            first_carriers!($column)
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
        FROM unnest($1::bigint[], $2::text[], $3::bigint[]) AS w (type, value, request)",
    identity_of_value!(),
    "
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
    ", (SELECT true FROM conflict WHERE identity = identity.key LIMIT 1)
        FROM identity WHERE home = o.key OFFSET 0
    ) AS i ON true
    UNION ALL
    SELECT c.*, n.key, n.type, n.value, n.raw, n.name, n.scope, n.home, n.quarantine, n.companions,
        n.apps, n.pardoned, (SELECT true FROM conflict WHERE identity = n.key LIMIT 1)
    FROM named AS n
    LEFT JOIN LATERAL (
        SELECT ",
    customer_columns!(),
    ", false FROM customer WHERE key = n.home LIMIT 1
    ) AS c ON true
    WHERE n.home IS NULL"
);

/// The statements of this file, for tests that look at all of them.
#[cfg(any(test, feature = "testing"))]
pub(super) const STATEMENTS: &[(&str, &str)] = &[("identities and their owners", OWNERS)];

/// What is asked for, as the arguments of the statement.
#[derive(Default)]
pub(super) struct Wanted {
    types: Vec<i64>,
    values: Vec<String>,
    requests: Vec<i64>,
    mobiles: OfRequests,
    emails: OfRequests,
}

/// Values of a match key, and the requests that bring them.
#[derive(Default)]
struct OfRequests {
    keys: MatchKeys,
    requests: Vec<i64>,
}

impl OfRequests {
    fn args(&self) -> [&(dyn ToSql + Sync); 4] {
        let MatchKeys { tenants, values, most } = &self.keys;
        [tenants, values, most, &self.requests]
    }
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
        let brought = if is_mobile { &mut self.mobiles } else { &mut self.emails };
        brought.keys.push(tenant, value.clone(), most);
        brought.requests.push(request);
    }

    /// The types and values of the identities.
    pub(super) fn identities(&self) -> (&[i64], &[String]) {
        (&self.types, &self.values)
    }

    /// Asks one server.
    pub(super) async fn read(&self, conn: &Connection) -> Result<Vec<Row>, Trouble> {
        let Wanted { types, values, requests, mobiles, emails } = self;
        let about = types.len() + mobiles.requests.len() + emails.requests.len();
        let identities: [&(dyn ToSql + Sync); 3] = [types, values, requests];
        let args = [&identities[..], &mobiles.args(), &emails.args()].concat();
        conn.some(OWNERS, about, &args).await
    }
}
