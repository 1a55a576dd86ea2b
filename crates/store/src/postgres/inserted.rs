//! The statements that write customers and what grows with them. One server takes all rows of a table as
//! one argument, a list of its rows: it unpacks them at once, where a list for each column would be unpacked
//! column by column (decision 41). A cluster takes a list for each column.

/// A statement in both forms.
#[derive(Clone, Copy)]
pub(super) struct Inserted {
    /// Of one list of rows.
    pub(super) of_rows: &'static str,
    /// Of a list for each column.
    pub(super) of_lists: &'static str,
}

/// Rows of a table, of these columns: what they take, the lists in which a cluster gets that, and what comes
/// of rows that are there.
macro_rules! inserted {
    ($table:literal ($columns:expr): $values:expr, $lists:expr, $there:literal) => {
        Inserted {
            of_rows: concat!(
                "INSERT INTO ",
                $table,
                " (",
                $columns,
                ") SELECT ",
                $values,
                " FROM unnest($1::",
                $table,
                "[])",
                $there
            ),
            of_lists: concat!(
                "INSERT INTO ",
                $table,
                " (",
                $columns,
                ") SELECT ",
                $values,
                " FROM unnest(",
                $lists,
                ") AS u (",
                $columns,
                ")",
                $there
            ),
        }
    };
}

macro_rules! identities {
    ($there:literal) => {
        inserted!(
            "identity" (
                "key, type, value, raw, name, scope, home, quarantine, companions, apps, pardoned"
            ):
            "key, type, value, raw, name, scope, home, quarantine, companions, apps, pardoned",
            "$1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], \
             $7::bigint[], $8::boolean[], $9::bytea[], $10::bytea[], $11::bigint[]",
            $there
        )
    };
}
macro_rules! customers {
    ($there:literal) => {
        inserted!(
            "customer" (
                "key, live, survivor, homes, rev, head, created_at, updated_at, seen_at, source, \
                 stage, name, external_id, gender, mobile_key, email_key, fields, cells"
            ):
            "key, live, survivor, homes, rev, head, created_at, updated_at, seen_at, source, \
             stage, name, external_id, gender, mobile_key, email_key, fields::json, cells",
            "$1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], \
             $7::bigint[], $8::bigint[], $9::bigint[], $10::text[], $11::text[], $12::text[], \
             $13::text[], $14::bigint[], $15::text[], $16::text[], $17::text[], $18::bytea[]",
            $there
        )
    };
}
macro_rules! times {
    ($there:literal) => {
        inserted!(
            "updated" ("customer, tenant, at"):
            "customer, tenant, at", "$1::bigint[], $2::bigint[], $3::bigint[]", $there
        )
    };
}

pub(super) const IDENTITIES_NEW: Inserted = identities!("");
pub(super) const IDENTITIES: Inserted = identities!(
    " ON CONFLICT (type, value) DO UPDATE SET name = excluded.name, scope = excluded.scope, \
      home = excluded.home, quarantine = excluded.quarantine, companions = excluded.companions, \
      apps = excluded.apps, pardoned = excluded.pardoned"
);
pub(super) const CUSTOMERS_NEW: Inserted = customers!("");
pub(super) const CUSTOMERS: Inserted = customers!(
    " ON CONFLICT (key) DO UPDATE SET live = excluded.live, survivor = excluded.survivor, \
      homes = excluded.homes, rev = excluded.rev, head = excluded.head, \
      updated_at = excluded.updated_at, seen_at = excluded.seen_at, source = excluded.source, \
      stage = excluded.stage, name = excluded.name, external_id = excluded.external_id, \
      gender = excluded.gender, mobile_key = excluded.mobile_key, \
      email_key = excluded.email_key, fields = excluded.fields, cells = excluded.cells"
);
pub(super) const TIMES_NEW: Inserted = times!("");
pub(super) const TIMES: Inserted =
    times!(" ON CONFLICT (customer) DO UPDATE SET tenant = excluded.tenant, at = excluded.at");
pub(super) const HOMES: Inserted = inserted!(
    "home" ("key, source, stage, name, external_id, gender, fields, cells"):
    "key, source, stage, name, external_id, gender, fields::json, cells",
    "$1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], \
     $8::bytea[]",
    " ON CONFLICT (key) DO UPDATE SET source = excluded.source, stage = excluded.stage, \
      name = excluded.name, external_id = excluded.external_id, gender = excluded.gender, \
      fields = excluded.fields, cells = excluded.cells"
);
pub(super) const ENTRIES: Inserted = inserted!(
    "journal" ("key, at, entry"):
    "key, at, entry", "$1::bigint[], $2::bigint[], $3::bytea[]", ""
);
pub(super) const TRAIL: Inserted = inserted!(
    "trail" ("customer, seq"): "customer, seq", "$1::bigint[], $2::bigint[]", ""
);

/// The statements of this file that one server is asked, for tests that look at all of them.
#[cfg(any(test, feature = "testing"))]
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("insert of identities, row by row", IDENTITIES_NEW.of_rows),
    ("upsert of identities, row by row", IDENTITIES.of_rows),
    ("insert of customers, row by row", CUSTOMERS_NEW.of_rows),
    ("upsert of customers, row by row", CUSTOMERS.of_rows),
    ("insert of times, row by row", TIMES_NEW.of_rows),
    ("upsert of times, row by row", TIMES.of_rows),
    ("upsert of homes, row by row", HOMES.of_rows),
    ("insert of entries, row by row", ENTRIES.of_rows),
    ("insert of trails, row by row", TRAIL.of_rows),
];

/// Those that a cluster is asked.
#[cfg(any(test, feature = "testing"))]
pub(super) const OF_CLUSTERS: &[(&str, &str)] = &[
    ("insert of identities", IDENTITIES_NEW.of_lists),
    ("upsert of identities", IDENTITIES.of_lists),
    ("insert of customers", CUSTOMERS_NEW.of_lists),
    ("upsert of customers", CUSTOMERS.of_lists),
    ("insert of times", TIMES_NEW.of_lists),
    ("upsert of times", TIMES.of_lists),
    ("upsert of homes", HOMES.of_lists),
    ("insert of entries", ENTRIES.of_lists),
    ("insert of trails", TRAIL.of_lists),
];
