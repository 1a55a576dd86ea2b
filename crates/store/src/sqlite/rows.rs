//! Rows as the statements of this folder select them, and what they mean.

use super::codec::{self, FoldColumns, Indexed, Live, OwnColumns};
use super::trouble::Trouble;
use kehub_core::conflict::Conflict;
use kehub_core::customer::{Customer, Fold, State};
use kehub_core::identity::{Identity, IdentityKey, Quarantine};
use kehub_core::merge::{CannotLink, Merge};
use kehub_core::policy::{OnConflict, Preset};
use kehub_core::receipt::{Receipt, ReceiptKey};
use kehub_core::{ConflictId, CustomerId, IdentityNumber, MergeId, Micros, Seq};
use rusqlite::{Connection, Params, Row};

/// The columns of [`customer`].
macro_rules! customer_columns {
    () => {
        "key, live, survivor, homes, rev, head, created_at, updated_at, \
         source, stage, mobile_key, email_key, fields, cells, seen_at, name, external_id, gender"
    };
}
/// The columns of [`home`].
macro_rules! home_columns {
    () => {
        "key, source, stage, name, external_id, gender, fields, cells"
    };
}
/// The columns of [`identity`].
macro_rules! identity_columns {
    () => {
        "key, type, value, raw, name, scope, home, quarantine, companions, apps, \
         pardoned"
    };
}
/// The columns of [`conflict`].
macro_rules! conflict_columns {
    () => {
        "key, kind, rule, identity, left_home, right_home, evidence, opened, settled, settlement"
    };
}
/// The columns of [`merge`].
macro_rules! merge_columns {
    () => {
        "key, left_home, right_home, seq, bridge, guards, undone"
    };
}
pub(super) use {
    conflict_columns, customer_columns, home_columns, identity_columns, merge_columns,
};

/// All rows of a statement, each read by `read`.
pub(super) fn all<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    read: impl Fn(&Row<'_>) -> Result<T, Trouble>,
) -> Result<Vec<T>, Trouble> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

/// The first row of a statement, if there is one.
pub(super) fn first<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    read: impl Fn(&Row<'_>) -> Result<T, Trouble>,
) -> Result<Option<T>, Trouble> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    rows.next()?.map(read).transpose()
}

/// The only column of a row.
pub(super) fn integer(row: &Row<'_>) -> Result<i64, Trouble> {
    Ok(row.get(0)?)
}

/// A row of `customer`.
pub(super) fn customer(row: &Row<'_>) -> Result<(Customer, Indexed), Trouble> {
    let indexed = Indexed {
        live: row.get(1)?,
        survivor: row.get(2)?,
        updated_at: row.get(7)?,
        own: OwnColumns {
            source: row.get(8)?,
            stage: row.get(9)?,
            name: row.get(15)?,
            external_id: row.get(16)?,
            gender: row.get(17)?,
        },
        mobile_key: row.get(10)?,
        email_key: row.get(11)?,
    };
    let state = match (indexed.live, indexed.survivor) {
        (Some(_), None) => State::Live,
        (None, Some(survivor)) => State::MergedInto(CustomerId(codec::number_of(survivor))),
        (None, None) if row.get::<_, u32>(3)? == 0 => State::Erased,
        (None, None) => State::Deleted,
        (Some(_), Some(_)) => return Err(Trouble::broken("a customer both live and merged")),
    };
    let rest = FoldColumns { fields: row.get(12)?, cells: row.get(13)? };
    let fold = codec::fold(&indexed.own, rest)?;
    let customer = Customer {
        id: CustomerId(codec::number_of(row.get(0)?)),
        state,
        fold,
        homes: row.get(3)?,
        rev: u64::try_from(row.get::<_, i64>(4)?).map_err(Trouble::broken)?,
        head: Seq(row.get(5)?),
        created_at: row.get(6)?,
        updated_at: indexed.updated_at,
        seen_at: row.get::<_, Option<Micros>>(14)?.unwrap_or(indexed.updated_at),
    };
    Ok((customer, indexed))
}

/// How many customers are live: all, and of genders 1 and 2.
pub(super) fn live(row: &Row<'_>) -> Result<Live, Trouble> {
    Ok(Live { all: row.get(0)?, male: row.get(1)?, female: row.get(2)? })
}

/// A row of `home`.
pub(super) fn home(row: &Row<'_>) -> Result<(CustomerId, Fold), Trouble> {
    let own = OwnColumns {
        source: row.get(1)?,
        stage: row.get(2)?,
        name: row.get(3)?,
        external_id: row.get(4)?,
        gender: row.get(5)?,
    };
    let rest = FoldColumns { fields: row.get(6)?, cells: row.get(7)? };
    let fold = codec::fold(&own, rest)?;
    Ok((CustomerId(codec::number_of(row.get(0)?)), fold))
}

/// A row of `identity`.
pub(super) fn identity(row: &Row<'_>) -> Result<Identity, Trouble> {
    let value: Box<str> = row.get(2)?;
    let raw = row.get::<_, Option<Box<str>>>(3)?.unwrap_or_else(|| value.clone());
    let home = row.get::<_, Option<i64>>(6)?;
    let blob = |column| -> Result<Option<&[u8]>, Trouble> {
        row.get_ref(column)?.as_blob_or_null().map_err(Trouble::broken)
    };
    Ok(Identity {
        number: IdentityNumber(codec::number_of(row.get(0)?)),
        key: IdentityKey { kind: codec::type_of(row.get(1)?), value },
        raw,
        name: row.get(4)?,
        scope: row.get(5)?,
        home: home.map(|home| CustomerId(codec::number_of(home))),
        companions: codec::list(blob(8)?)?,
        quarantine: if row.get(7)? { Quarantine::Yes } else { Quarantine::No },
        apps: codec::list(blob(9)?)?,
        pardoned: row.get(10)?,
    })
}

/// A row of `merge`.
pub(super) fn merge(row: &Row<'_>) -> Result<Merge, Trouble> {
    let home = |column| -> Result<CustomerId, Trouble> {
        Ok(CustomerId(codec::number_of(row.get(column)?)))
    };
    let blob = |column| -> Result<Option<&[u8]>, Trouble> {
        row.get_ref(column)?.as_blob_or_null().map_err(Trouble::broken)
    };
    Ok(Merge {
        id: MergeId(codec::number_of(row.get(0)?)),
        left: home(1)?,
        right: home(2)?,
        seq: Seq(row.get(3)?),
        bridge: codec::list(blob(4)?)?,
        guards: codec::list(blob(5)?)?,
        undone: row.get::<_, Option<i64>>(6)?.map(Seq),
    })
}

/// A row of `cannot_link`: `low, high, seq`.
pub(super) fn cannot_link(row: &Row<'_>) -> Result<(CannotLink, Seq), Trouble> {
    let low = CustomerId(codec::number_of(row.get(0)?));
    let high = CustomerId(codec::number_of(row.get(1)?));
    Ok((CannotLink { low, high }, Seq(row.get(2)?)))
}

/// A row of `conflict`.
pub(super) fn conflict(row: &Row<'_>) -> Result<Conflict, Trouble> {
    let right = row.get::<_, Option<i64>>(5)?;
    let evidence = row.get_ref(6)?.as_blob_or_null().map_err(Trouble::broken)?;
    Ok(Conflict {
        id: ConflictId(codec::number_of(row.get(0)?)),
        kind: codec::variant(row.get(1)?)?,
        rule: codec::variant(row.get(2)?)?,
        identity: IdentityNumber(codec::number_of(row.get(3)?)),
        left: CustomerId(codec::number_of(row.get(4)?)),
        right: right.map(|right| CustomerId(codec::number_of(right))),
        evidence: codec::list(evidence)?,
        opened: Seq(row.get(7)?),
        settled: row.get::<_, Option<i64>>(8)?.map(Seq),
        settlement: codec::one(row.get_ref(9)?.as_blob_or_null().map_err(Trouble::broken)?)?,
    })
}

/// A row of `receipt`: `request, at, seq, outcome`.
pub(super) fn receipt(key: ReceiptKey, row: &Row<'_>) -> Result<Receipt, Trouble> {
    Ok(Receipt {
        key,
        request: row.get(0)?,
        at: row.get(1)?,
        seq: Seq(row.get(2)?),
        outcome: codec::remembered(row.get_ref(3)?.as_blob().map_err(Trouble::broken)?)?,
    })
}

/// A row of `undecided`: `merge, claim`.
pub(super) fn undecided(row: &Row<'_>) -> Result<(MergeId, Seq), Trouble> {
    let (merge, claim) = (codec::number_of(row.get(0)?), codec::number_of(row.get(1)?));
    Ok((MergeId(merge), Seq(claim)))
}

/// The preset of this stored name.
pub(super) fn preset(name: &str) -> Result<Preset, Trouble> {
    Preset::named(name).ok_or_else(|| Trouble::broken(format!("no preset `{name}`")))
}

/// The choice of this stored name.
pub(super) fn on_conflict(name: &str) -> Result<OnConflict, Trouble> {
    OnConflict::named(name).ok_or_else(|| Trouble::broken(format!("no choice `{name}`")))
}
