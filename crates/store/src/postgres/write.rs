//! From what became dirty to tables: one statement for each table, all of them under way at once.

use super::columns::{
    Columns, ConflictRow, Conflicts, CustomerRow, Customers, Entries, EntryRow, HomeRow, Homes,
    Identities, IdentityRow, KeyRow, Keys, LinkRow, Links, MergeRow, Merges, PairRow, Pairs,
    ReceiptRow, Receipts, Trail, TrailRow, TypeRow, Types, Updated, UpdatedRow,
};
use super::connection::{Bound, Connection};
use super::inserted::{self, Inserted};
use super::load::{Before, TenantBefore};
use super::people;
use super::trouble::Trouble;
use crate::tables::changes::Changes;
use crate::tables::codec::{self, FoldColumns, Indexed, Live, OwnColumns, indexed};
use kehub_core::conflict::Conflict;
use kehub_core::customer::{Customer, Fold};
use kehub_core::directory::{App, Directory};
use kehub_core::facts::{Dirty, Facts, TenantFacts};
use kehub_core::identity::{Identity, Quarantine};
use kehub_core::journal::Entry;
use kehub_core::merge::{CannotLink, Merge};
use kehub_core::receipt::{Receipt, expired_at};
use kehub_core::{CustomerId, Micros, TenantId};
use std::collections::BTreeSet;
use tokio_postgres::types::ToSql;

const TENANT_INSERT: &str = "
    INSERT INTO tenant (id, name, preset, on_conflict, policy_version, types_version, created_at,
                        customers_live, last_customer, last_identity, last_seq, last_merge,
                        last_conflict)
    VALUES ($1, $2, $3, $4, 1, 0, $5, 0, 0, 0, 0, 0, 0)
    ON CONFLICT (id) DO UPDATE SET
        name = excluded.name, preset = excluded.preset, on_conflict = excluded.on_conflict";
const TENANT_UPDATE: &str = "
    UPDATE tenant SET customers_live = customers_live + $2, customers_male = customers_male + $3,
        customers_female = customers_female + $4, last_customer = $5, last_identity = $6,
        last_seq = $7, last_merge = $8, last_conflict = $9, types_version = types_version + $10,
        preset = $11, on_conflict = $12, policy_version = $13
    WHERE id = $1";
const APP_UPSERT: &str = "
    INSERT INTO app (number, tenant, id, name, secret_hash, key_version, permissions,
                     created_at, revoked_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT (number) DO UPDATE SET
        name = excluded.name, secret_hash = excluded.secret_hash,
        key_version = excluded.key_version, permissions = excluded.permissions,
        revoked_at = excluded.revoked_at";
const TYPES_UPSERT: &str = "
    INSERT INTO identity_type (key, name, settings)
    SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[])
    ON CONFLICT (key) DO UPDATE SET settings = excluded.settings";
/// An erased identity takes another value, and with it another place: it is written anew.
const IDENTITIES_ERASE: &str = "DELETE FROM identity WHERE key = ANY($1)";
const UPDATED_DELETE: &str = "DELETE FROM updated WHERE customer = ANY($1)";
const HOMES_DELETE: &str = "DELETE FROM home WHERE key = ANY($1)";
const MERGES_UPSERT: &str = "
    INSERT INTO merge (key, left_home, right_home, seq, bridge, guards, undone)
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[],
                         $6::bytea[], $7::bigint[])
    ON CONFLICT (key) DO UPDATE SET undone = excluded.undone";
const LINKS_UPSERT: &str = "
    INSERT INTO cannot_link (low, high, seq)
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[])
    ON CONFLICT (low, high) DO UPDATE SET seq = excluded.seq";
const LINKS_DELETE: &str = "
    DELETE FROM cannot_link AS c USING unnest($1::bigint[], $2::bigint[]) AS u (low, high)
    WHERE c.low = u.low AND c.high = u.high";
const UNDECIDED_INSERT: &str = "
    INSERT INTO undecided (merge, claim) SELECT * FROM unnest($1::bigint[], $2::bigint[])
    ON CONFLICT (merge, claim) DO NOTHING";
const UNDECIDED_DELETE: &str = "
    DELETE FROM undecided AS d USING unnest($1::bigint[], $2::bigint[]) AS u (merge, claim)
    WHERE d.merge = u.merge AND d.claim = u.claim";
const CONFLICTS_UPSERT: &str = "
    INSERT INTO conflict (key, kind, rule, identity, left_home, right_home, evidence, opened,
                          settled, settlement)
    SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bigint[],
                         $6::bigint[], $7::bytea[], $8::bigint[], $9::bigint[], $10::bytea[])
    ON CONFLICT (key) DO UPDATE SET evidence = excluded.evidence, settled = excluded.settled,
        settlement = excluded.settlement";
const RECEIPTS_UPSERT: &str = "
    INSERT INTO receipt (tenant, app, key, request, at, seq, outcome)
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bytea[], $5::bigint[],
                         $6::bigint[], $7::bytea[])
    ON CONFLICT (tenant, app, key) DO UPDATE SET request = excluded.request, at = excluded.at,
        seq = excluded.seq, outcome = excluded.outcome";
/// Of the tenants of a group, whose rows it has locked: no other group removes the same.
const RECEIPTS_DELETE: &str = "
    DELETE FROM receipt WHERE ctid = ANY (ARRAY(
        SELECT e.ctid FROM unnest($1::bigint[]) AS w (tenant) CROSS JOIN LATERAL (
            SELECT ctid FROM receipt WHERE tenant = w.tenant AND at <= $2 ORDER BY at LIMIT $3
        ) AS e LIMIT $3))";
const JOURNAL_REWRITE: &str = "
    INSERT INTO journal (key, at, entry)
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[])
    ON CONFLICT (key) DO UPDATE SET entry = excluded.entry";

/// The statements of this file, for tests that look at all of them.
#[cfg(any(test, feature = "testing"))]
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("insert of a tenant", TENANT_INSERT),
    ("update of a tenant", TENANT_UPDATE),
    ("upsert of an app", APP_UPSERT),
    ("upsert of types", TYPES_UPSERT),
    ("erasure of identities", IDENTITIES_ERASE),
    ("delete of times", UPDATED_DELETE),
    ("delete of homes", HOMES_DELETE),
    ("upsert of merges", MERGES_UPSERT),
    ("upsert of cannot-links", LINKS_UPSERT),
    ("delete of cannot-links", LINKS_DELETE),
    ("insert of undecided claims", UNDECIDED_INSERT),
    ("delete of undecided claims", UNDECIDED_DELETE),
    ("upsert of conflicts", CONFLICTS_UPSERT),
    ("upsert of receipts", RECEIPTS_UPSERT),
    ("delete of receipts", RECEIPTS_DELETE),
    ("rewriting of entries", JOURNAL_REWRITE),
];

/// How many expired receipts a group removes beside twice as many as it writes: those of the busy
/// hours go faster than they came, and the last ones go too.
const RECEIPTS_REMOVED: usize = 16;

/// Writes rows of one tenant that were removed, or are not as the facts have them.
pub(super) async fn anew(
    conn: &Connection,
    facts: &TenantFacts,
    dirty: &Dirty,
) -> Result<(), Trouble> {
    let mut written = Written::default();
    written.add(facts, dirty, &TenantBefore::default())?;
    conn.send_all(&written.bound(conn).await?).await
}

/// Writes the tenants, apps and users that are new or different.
pub(super) async fn directory(
    conn: &Connection,
    now: &Directory,
    before: &Directory,
) -> Result<(), Trouble> {
    for tenant in now.tenants.iter().filter(|tenant| !before.tenants.contains(tenant)) {
        conn.run(
            TENANT_INSERT,
            &[
                &i64::from(tenant.id.0),
                &tenant.name,
                &tenant.preset.name(),
                &tenant.on_conflict.name(),
                &tenant.created_at,
            ],
        )
        .await?;
    }
    for app in now.apps.iter().filter(|app| !before.apps.contains(app)) {
        write_app(conn, app).await?;
    }
    for user in now.users.iter().filter(|user| !before.users.contains(user)) {
        people::write_user(conn, user).await?;
    }
    Ok(())
}

async fn write_app(conn: &Connection, app: &App) -> Result<(), Trouble> {
    let names: Vec<&str> = app.permissions.iter().map(|permission| permission.name()).collect();
    conn.run(
        APP_UPSERT,
        &[
            &i64::from(app.number.0),
            &i64::from(app.tenant.0),
            &app.id,
            &app.name,
            &&app.secret_hash[..],
            &i64::from(app.key_version),
            &names.join(" "),
            &app.created_at,
            &app.revoked_at,
        ],
    )
    .await?;
    Ok(())
}

/// The rows to be written, of all tenants.
#[derive(Default)]
pub(super) struct Written {
    types: Types,
    erased: Keys,
    identities_new: Identities,
    identities: Identities,
    customers_new: Customers,
    customers: Customers,
    updated_new: Updated,
    updated: Updated,
    updated_gone: Keys,
    homes: Homes,
    homes_gone: Keys,
    merges: Merges,
    links: Links,
    links_gone: Pairs,
    undecided: Pairs,
    decided: Pairs,
    conflicts: Conflicts,
    entries: Entries,
    rewritten: Entries,
    trail: Trail,
    receipts: Receipts,
    tenants: Vec<TenantRow>,
    /// What is removed of what has expired.
    expired: Option<Expired>,
}

/// How rows come to their statement: as a list for each column, or, where one server keeps them, as rows.
enum Form {
    Lists(&'static str),
    Either(Inserted),
}

/// What a tenant counts, and by what it is set.
struct TenantRow {
    id: i64,
    live: i64,
    male: i64,
    female: i64,
    customer: i64,
    identity: i64,
    seq: i64,
    merge: i64,
    conflict: i64,
    types: i64,
    preset: &'static str,
    on_conflict: &'static str,
    policy: i64,
}

impl TenantRow {
    fn args(&self) -> Vec<&(dyn ToSql + Sync)> {
        vec![
            &self.id,
            &self.live,
            &self.male,
            &self.female,
            &self.customer,
            &self.identity,
            &self.seq,
            &self.merge,
            &self.conflict,
            &self.types,
            &self.preset,
            &self.on_conflict,
            &self.policy,
        ]
    }
}

/// Receipts to be removed.
struct Expired {
    /// The tenants of the group, whether anything of them is written or not.
    tenants: Vec<i64>,
    /// Remembered until then.
    at: Micros,
    /// How many at most.
    most: i64,
}

impl Written {
    /// What became dirty in the tenants, and some of what has expired by now.
    pub(super) fn of(
        facts: &Facts,
        changes: &Changes,
        before: &Before,
        now: Option<Micros>,
    ) -> Result<Written, Trouble> {
        let mut written = Written::default();
        let nothing = TenantBefore::default();
        for (tenant, dirty) in &changes.tenants {
            let missing = || Trouble::broken(format!("tenant {tenant} is dirty and not there"));
            let facts = facts.tenants.get(tenant).ok_or_else(missing)?;
            written.add(facts, dirty, before.tenants.get(tenant).unwrap_or(&nothing))?;
        }
        if let Some(now) = now {
            let tenants = facts.tenants.keys().map(|tenant| i64::from(tenant.0)).collect();
            let most = 2 * written.receipts.count() + RECEIPTS_REMOVED;
            let (at, most) = (expired_at(now), i64::try_from(most).map_err(Trouble::broken)?);
            written.expired = Some(Expired { tenants, at, most });
        }
        Ok(written)
    }

    /// The statements that write it, in the order in which they are to be sent.
    pub(super) async fn bound(&self, conn: &Connection) -> Result<Vec<Bound<'_>>, Trouble> {
        let tables: [(Form, &dyn Columns); 21] = [
            (Form::Lists(IDENTITIES_ERASE), &self.erased),
            (Form::Lists(TYPES_UPSERT), &self.types),
            (Form::Either(inserted::IDENTITIES_NEW), &self.identities_new),
            (Form::Either(inserted::IDENTITIES), &self.identities),
            (Form::Either(inserted::CUSTOMERS_NEW), &self.customers_new),
            (Form::Either(inserted::CUSTOMERS), &self.customers),
            (Form::Either(inserted::TIMES_NEW), &self.updated_new),
            (Form::Either(inserted::TIMES), &self.updated),
            (Form::Lists(UPDATED_DELETE), &self.updated_gone),
            (Form::Either(inserted::HOMES), &self.homes),
            (Form::Lists(HOMES_DELETE), &self.homes_gone),
            (Form::Lists(MERGES_UPSERT), &self.merges),
            (Form::Lists(LINKS_UPSERT), &self.links),
            (Form::Lists(LINKS_DELETE), &self.links_gone),
            (Form::Lists(UNDECIDED_INSERT), &self.undecided),
            (Form::Lists(UNDECIDED_DELETE), &self.decided),
            (Form::Lists(CONFLICTS_UPSERT), &self.conflicts),
            (Form::Either(inserted::ENTRIES), &self.entries),
            (Form::Lists(JOURNAL_REWRITE), &self.rewritten),
            (Form::Either(inserted::TRAIL), &self.trail),
            (Form::Lists(RECEIPTS_UPSERT), &self.receipts),
        ];
        let tables = tables.into_iter().filter(|(_, rows)| rows.count() > 0);
        let mut bound = Vec::new();
        for (form, rows) in tables {
            let (sql, args) = match form {
                Form::Lists(sql) => (sql, rows.args()),
                Form::Either(inserted) if conn.is_distributed() => (inserted.of_lists, rows.args()),
                Form::Either(inserted) => (inserted.of_rows, vec![rows.whole()]),
            };
            bound.push(conn.bind(sql, args).await?);
        }
        for tenant in &self.tenants {
            bound.push(conn.bind(TENANT_UPDATE, tenant.args()).await?);
        }
        if let Some(Expired { tenants, at, most }) = &self.expired {
            bound.push(conn.bind(RECEIPTS_DELETE, vec![tenants, at, most]).await?);
        }
        Ok(bound)
    }

    fn add(
        &mut self,
        facts: &TenantFacts,
        dirty: &Dirty,
        before: &TenantBefore,
    ) -> Result<(), Trouble> {
        let tenant = facts.tenant();
        let own = |number| -> Result<i64, Trouble> { Ok(codec::own_key(tenant, number)?) };
        for number in &dirty.types {
            let kind = loaded(facts.policy().type_of(*number))?;
            let settings = codec::settings_text(&kind.settings)?;
            let key = codec::type_key(tenant, *number);
            self.types.push(TypeRow { key, name: kind.name.clone(), settings });
        }
        for number in &dirty.identities {
            let is_new = before.counters.is_some_and(|it| *number > it.identity);
            self.identity(tenant, loaded(facts.identity(*number))?, is_new)?;
        }
        let mut live = Live::default();
        for id in &dirty.customers {
            let is_new = before.counters.is_some_and(|it| *id > it.customer);
            let before = before.customers.get(id);
            let customer = loaded(facts.customer(*id))?;
            let now = indexed(tenant, customer)?;
            live.count(before, &now);
            self.customer(own(id.0)?, customer, now, before, is_new)?;
        }
        for home in &dirty.homes {
            self.home(own(home.0)?, facts.home(*home))?;
        }
        for id in &dirty.merges {
            self.merge(tenant, loaded(facts.merge(*id))?)?;
        }
        for id in &dirty.conflicts {
            self.conflict(tenant, loaded(facts.conflict(*id))?)?;
        }
        for link in &dirty.links {
            self.link(tenant, facts, *link)?;
        }
        let open: BTreeSet<_> = facts.undecided().collect();
        for (merge, claim) in &dirty.undecided {
            let is_open = open.contains(&(*merge, *claim));
            let rows = if is_open { &mut self.undecided } else { &mut self.decided };
            rows.push(PairRow { one: own(merge.0)?, other: own(claim.0)? });
        }
        for entry in &dirty.entries {
            self.entry(tenant, entry)?;
        }
        for key in &dirty.receipts {
            self.receipt(tenant, loaded(facts.receipt(*key))?)?;
        }
        for seq in &dirty.rewritten {
            let entry = loaded(facts.entry(*seq))?;
            let (key, at) = (own(seq.0)?, entry.at);
            self.rewritten.push(EntryRow { key, at, entry: codec::entry_blob(entry)? });
        }
        self.counters(facts, live, !dirty.types.is_empty());
        Ok(())
    }

    fn identity(
        &mut self,
        tenant: TenantId,
        identity: &Identity,
        is_new: bool,
    ) -> Result<(), Trouble> {
        let value = identity.key.value.clone();
        let raw = (identity.raw != value).then(|| identity.raw.clone());
        let home = identity.home.map(|home| codec::own_key(tenant, home.0)).transpose()?;
        let key = codec::own_key(tenant, identity.number.0)?;
        if identity.is_erased() {
            self.erased.push(KeyRow { key });
        }
        let rows = if is_new { &mut self.identities_new } else { &mut self.identities };
        rows.push(IdentityRow {
            key,
            kind: codec::type_key(tenant, identity.key.kind),
            value,
            raw,
            name: identity.name.clone(),
            scope: identity.scope.clone(),
            home,
            quarantine: identity.quarantine == Quarantine::Yes,
            companions: codec::list_blob(&identity.companions)?,
            apps: codec::list_blob(&identity.apps)?,
            pardoned: i64::from(identity.pardoned),
        });
        Ok(())
    }

    fn customer(
        &mut self,
        key: i64,
        customer: &Customer,
        now: Indexed,
        before: Option<&Indexed>,
        is_new: bool,
    ) -> Result<(), Trouble> {
        let columns = codec::fold_columns(&customer.fold)?;
        let time = |row: &Indexed| (row.live, row.updated_at);
        match now.live {
            Some(_) if before.map(time) == Some(time(&now)) => (),
            Some(tenant) => {
                let rows = if is_new { &mut self.updated_new } else { &mut self.updated };
                rows.push(UpdatedRow { customer: key, tenant, at: now.updated_at });
            }
            None => self.updated_gone.push(KeyRow { key }),
        }
        let rows = if is_new { &mut self.customers_new } else { &mut self.customers };
        rows.push(CustomerRow {
            key,
            live: now.live,
            survivor: now.survivor,
            homes: i64::from(customer.homes),
            rev: i64::try_from(customer.rev).map_err(Trouble::broken)?,
            head: customer.head.0,
            created_at: customer.created_at,
            updated_at: now.updated_at,
            seen_at: (customer.seen_at != customer.updated_at).then_some(customer.seen_at),
            source: now.own.source,
            stage: now.own.stage,
            name: now.own.name,
            external_id: now.own.external_id,
            gender: now.own.gender,
            mobile_key: now.mobile_key,
            email_key: now.email_key,
            fields: columns.fields,
            cells: columns.cells,
        });
        Ok(())
    }

    fn home(&mut self, key: i64, fold: Option<&Fold>) -> Result<(), Trouble> {
        let Some(fold) = fold else {
            self.homes_gone.push(KeyRow { key });
            return Ok(());
        };
        let OwnColumns { source, stage, name, external_id, gender } = OwnColumns::of(fold);
        let FoldColumns { fields, cells } = codec::fold_columns(fold)?;
        self.homes.push(HomeRow { key, source, stage, name, external_id, gender, fields, cells });
        Ok(())
    }

    fn merge(&mut self, tenant: TenantId, merge: &Merge) -> Result<(), Trouble> {
        self.merges.push(MergeRow {
            key: codec::own_key(tenant, merge.id.0)?,
            left_home: codec::own_key(tenant, merge.left.0)?,
            right_home: codec::own_key(tenant, merge.right.0)?,
            seq: merge.seq.0,
            bridge: codec::list_blob(&merge.bridge)?,
            guards: codec::list_blob(&merge.guards)?,
            undone: merge.undone.map(|seq| seq.0),
        });
        Ok(())
    }

    fn link(
        &mut self,
        tenant: TenantId,
        facts: &TenantFacts,
        link: CannotLink,
    ) -> Result<(), Trouble> {
        let low = codec::own_key(tenant, link.low.0)?;
        let high = codec::own_key(tenant, link.high.0)?;
        match facts.link(link) {
            Some(seq) => self.links.push(LinkRow { low, high, seq: seq.0 }),
            None => self.links_gone.push(PairRow { one: low, other: high }),
        }
        Ok(())
    }

    fn conflict(&mut self, tenant: TenantId, conflict: &Conflict) -> Result<(), Trouble> {
        let own = |home: CustomerId| codec::own_key(tenant, home.0);
        self.conflicts.push(ConflictRow {
            key: codec::own_key(tenant, conflict.id.0)?,
            kind: codec::variant_text(&conflict.kind)?,
            rule: codec::variant_text(&conflict.rule)?,
            identity: codec::own_key(tenant, conflict.identity.0)?,
            left_home: own(conflict.left)?,
            right_home: conflict.right.map(own).transpose()?,
            evidence: codec::list_blob(&conflict.evidence)?,
            opened: conflict.opened.0,
            settled: conflict.settled.map(|seq| seq.0),
            settlement: codec::one_blob(conflict.settlement.as_ref())?,
        });
        Ok(())
    }

    fn entry(&mut self, tenant: TenantId, entry: &Entry) -> Result<(), Trouble> {
        let key = codec::own_key(tenant, entry.seq.0)?;
        self.entries.push(EntryRow { key, at: entry.at, entry: codec::entry_blob(entry)? });
        let touched: BTreeSet<CustomerId> = entry.touched.iter().map(|it| it.customer).collect();
        for customer in touched {
            let customer = codec::own_key(tenant, customer.0)?;
            self.trail.push(TrailRow { customer, seq: key });
        }
        Ok(())
    }

    fn receipt(&mut self, tenant: TenantId, receipt: &Receipt) -> Result<(), Trouble> {
        self.receipts.push(ReceiptRow {
            tenant: i64::from(tenant.0),
            app: i64::from(receipt.key.app.0),
            key: receipt.key.key.to_vec(),
            request: receipt.request.to_vec(),
            at: receipt.at,
            seq: receipt.seq.0,
            outcome: codec::remembered_blob(&receipt.outcome)?,
        });
        Ok(())
    }

    fn counters(&mut self, facts: &TenantFacts, live: Live, types: bool) {
        let (counters, policy) = (facts.counters(), facts.policy());
        self.tenants.push(TenantRow {
            id: i64::from(facts.tenant().0),
            live: live.all,
            male: live.male,
            female: live.female,
            customer: counters.customer.0,
            identity: counters.identity.0,
            seq: counters.seq.0,
            merge: counters.merge.0,
            conflict: counters.conflict.0,
            types: i64::from(types),
            preset: policy.preset.name(),
            on_conflict: policy.on_conflict.name(),
            policy: i64::from(policy.version),
        });
    }
}

fn loaded<T>(found: Option<T>) -> Result<T, Trouble> {
    found.ok_or_else(|| Trouble::broken("what is dirty is not in the facts"))
}
