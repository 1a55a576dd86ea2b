//! Rows as the statements of this folder select them, and what they mean.

use super::trouble::Trouble;
use crate::tables::codec::{self, FoldColumns, Indexed, Live, OwnColumns};
use kehub_core::conflict::Conflict;
use kehub_core::customer::{Customer, Fold, State};
use kehub_core::identity::{Identity, IdentityKey, Quarantine};
use kehub_core::journal::Entry;
use kehub_core::merge::{CannotLink, Merge};
use kehub_core::policy::{IdentityType, OnConflict, Preset};
use kehub_core::receipt::{Receipt, ReceiptKey};
use kehub_core::{AppNumber, ConflictId, CustomerId, IdentityNumber, MergeId, Micros, Seq};
use std::error::Error;
use tokio_postgres::Row;

/// The columns of [`customer`].
macro_rules! customer_columns {
    () => {
        "key, live, survivor, homes, rev, head, created_at, updated_at, \
         source, stage, mobile_key, email_key, fields::text, cells, seen_at, name, external_id, gender"
    };
}
/// The columns of [`home`].
macro_rules! home_columns {
    () => {
        "key, source, stage, name, external_id, gender, fields::text, cells"
    };
}
/// The columns of [`identity`].
macro_rules! identity_columns {
    () => {
        "key, type, value, raw, name, scope, home, quarantine, companions, apps, pardoned"
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

/// All rows, each read by `read`.
pub(super) fn read<T>(
    rows: &[Row],
    read: impl Fn(&Row) -> Result<T, Trouble>,
) -> Result<Vec<T>, Trouble> {
    rows.iter().map(read).collect()
}

/// An integer that has fewer bits here than in the table.
pub(super) fn number<T: TryFrom<i64>>(row: &Row, column: usize) -> Result<T, Trouble>
where
    T::Error: Error + Send + Sync + 'static,
{
    T::try_from(row.try_get(column)?).map_err(Trouble::broken)
}

/// Bytes of a known length.
pub(super) fn bytes<const LENGTH: usize>(
    row: &Row,
    column: usize,
) -> Result<[u8; LENGTH], Trouble> {
    row.try_get::<_, &[u8]>(column)?.try_into().map_err(Trouble::broken)
}

/// The packed key in the first column.
pub(super) fn key(row: &Row) -> Result<i64, Trouble> {
    Ok(row.try_get(0)?)
}

/// A row of `customer`.
pub(super) fn customer(row: &Row) -> Result<(Customer, Indexed), Trouble> {
    let indexed = Indexed {
        live: row.try_get(1)?,
        survivor: row.try_get(2)?,
        updated_at: row.try_get(7)?,
        own: OwnColumns {
            source: row.try_get(8)?,
            stage: row.try_get(9)?,
            name: row.try_get(15)?,
            external_id: row.try_get(16)?,
            gender: row.try_get(17)?,
        },
        mobile_key: row.try_get(10)?,
        email_key: row.try_get(11)?,
    };
    let homes = number(row, 3)?;
    let state = match (indexed.live, indexed.survivor) {
        (Some(_), None) => State::Live,
        (None, Some(survivor)) => State::MergedInto(CustomerId(codec::number_of(survivor))),
        (None, None) if homes == 0 => State::Erased,
        (None, None) => State::Deleted,
        (Some(_), Some(_)) => return Err(Trouble::broken("a customer both live and merged")),
    };
    let rest = FoldColumns { fields: row.try_get(12)?, cells: row.try_get(13)? };
    let fold = codec::fold(&indexed.own, rest)?;
    let customer = Customer {
        id: CustomerId(codec::number_of(key(row)?)),
        state,
        fold,
        homes,
        rev: number(row, 4)?,
        head: Seq(row.try_get(5)?),
        created_at: row.try_get(6)?,
        updated_at: indexed.updated_at,
        seen_at: row.try_get::<_, Option<Micros>>(14)?.unwrap_or(indexed.updated_at),
    };
    Ok((customer, indexed))
}

/// How many customers are live: all, and of genders 1 and 2.
pub(super) fn live(row: &Row) -> Result<Live, Trouble> {
    Ok(Live { all: row.try_get(0)?, male: row.try_get(1)?, female: row.try_get(2)? })
}

/// A row of `home`.
pub(super) fn home(row: &Row) -> Result<(CustomerId, Fold), Trouble> {
    let own = OwnColumns {
        source: row.try_get(1)?,
        stage: row.try_get(2)?,
        name: row.try_get(3)?,
        external_id: row.try_get(4)?,
        gender: row.try_get(5)?,
    };
    let rest = FoldColumns { fields: row.try_get(6)?, cells: row.try_get(7)? };
    let fold = codec::fold(&own, rest)?;
    Ok((CustomerId(codec::number_of(key(row)?)), fold))
}

/// A row of `identity`.
pub(super) fn identity(row: &Row) -> Result<Identity, Trouble> {
    identity_from(row, 0)
}

/// What a row tells of an identity from this column on.
pub(super) fn identity_from(row: &Row, first: usize) -> Result<Identity, Trouble> {
    let value: Box<str> = row.try_get(first + 2)?;
    let raw = row.try_get::<_, Option<Box<str>>>(first + 3)?.unwrap_or_else(|| value.clone());
    let home: Option<i64> = row.try_get(first + 6)?;
    Ok(Identity {
        number: IdentityNumber(codec::number_of(row.try_get(first)?)),
        key: IdentityKey { kind: codec::type_of(row.try_get(first + 1)?), value },
        raw,
        name: row.try_get(first + 4)?,
        scope: row.try_get(first + 5)?,
        home: home.map(|home| CustomerId(codec::number_of(home))),
        companions: codec::list(row.try_get(first + 8)?)?,
        quarantine: if row.try_get(first + 7)? { Quarantine::Yes } else { Quarantine::No },
        apps: codec::list(row.try_get(first + 9)?)?,
        pardoned: number(row, first + 10)?,
    })
}

/// A row of `identity_type`: `key, name, settings`.
pub(super) fn identity_type(row: &Row) -> Result<IdentityType, Trouble> {
    let key = key(row)?;
    let (number, tenant) = (codec::type_of(key), codec::tenant_of_type(key)?);
    let broken = |error| {
        Trouble::broken(format!(
            "what is set for identity type {number} of tenant {tenant} cannot be read: {error}"
        ))
    };
    let settings = codec::settings(row.try_get(2)?).map_err(broken)?;
    Ok(IdentityType { number, name: row.try_get(1)?, settings })
}

/// A row of `merge`.
pub(super) fn merge(row: &Row) -> Result<Merge, Trouble> {
    let home = |column| -> Result<CustomerId, Trouble> {
        Ok(CustomerId(codec::number_of(row.try_get(column)?)))
    };
    Ok(Merge {
        id: MergeId(codec::number_of(key(row)?)),
        left: home(1)?,
        right: home(2)?,
        seq: Seq(row.try_get(3)?),
        bridge: codec::list(row.try_get(4)?)?,
        guards: codec::list(row.try_get(5)?)?,
        undone: row.try_get::<_, Option<i64>>(6)?.map(Seq),
    })
}

/// A row of `cannot_link`: `low, high, seq`.
pub(super) fn cannot_link(row: &Row) -> Result<(CannotLink, Seq), Trouble> {
    let low = CustomerId(codec::number_of(row.try_get(0)?));
    let high = CustomerId(codec::number_of(row.try_get(1)?));
    Ok((CannotLink { low, high }, Seq(row.try_get(2)?)))
}

/// A row of `conflict`.
pub(super) fn conflict(row: &Row) -> Result<Conflict, Trouble> {
    let right: Option<i64> = row.try_get(5)?;
    Ok(Conflict {
        id: ConflictId(codec::number_of(key(row)?)),
        kind: codec::variant(row.try_get(1)?)?,
        rule: codec::variant(row.try_get(2)?)?,
        identity: IdentityNumber(codec::number_of(row.try_get(3)?)),
        left: CustomerId(codec::number_of(row.try_get(4)?)),
        right: right.map(|right| CustomerId(codec::number_of(right))),
        evidence: codec::list(row.try_get(6)?)?,
        opened: Seq(row.try_get(7)?),
        settled: row.try_get::<_, Option<i64>>(8)?.map(Seq),
        settlement: codec::one(row.try_get(9)?)?,
    })
}

/// A row of `receipt`: `tenant, app, key, request, at, seq, outcome`.
pub(super) fn receipt(row: &Row) -> Result<Receipt, Trouble> {
    Ok(Receipt {
        key: ReceiptKey { app: AppNumber(number(row, 1)?), key: bytes(row, 2)? },
        request: bytes(row, 3)?,
        at: row.try_get(4)?,
        seq: Seq(row.try_get(5)?),
        outcome: codec::remembered(row.try_get(6)?)?,
    })
}

/// A row of `undecided`: `merge, claim`.
pub(super) fn undecided(row: &Row) -> Result<(MergeId, Seq), Trouble> {
    let (merge, claim) = (codec::number_of(key(row)?), codec::number_of(row.try_get(1)?));
    Ok((MergeId(merge), Seq(claim)))
}

/// A row of `journal`: `key, entry`.
pub(super) fn entry(row: &Row) -> Result<Entry, Trouble> {
    Ok(codec::entry(row.try_get(1)?)?)
}

/// The preset of this stored name.
pub(super) fn preset(name: &str) -> Result<Preset, Trouble> {
    Preset::named(name).ok_or_else(|| Trouble::broken(format!("no preset `{name}`")))
}

/// The choice of this stored name.
pub(super) fn on_conflict(name: &str) -> Result<OnConflict, Trouble> {
    OnConflict::named(name).ok_or_else(|| Trouble::broken(format!("no choice `{name}`")))
}

/// The number of an app, if one is there.
pub(super) fn app(row: &Row, column: usize) -> Result<Option<AppNumber>, Trouble> {
    let number: Option<i64> = row.try_get(column)?;
    number.map(|number| u32::try_from(number).map(AppNumber)).transpose().map_err(Trouble::broken)
}
