//! Filters and orders as SQL. Their meaning is [`Filter::matches`] and [`Order::compare`] of the
//! core; tests compare the two.
//!
//! [`Filter::matches`]: kehub_core::filter::Filter::matches
//! [`Order::compare`]: kehub_core::filter::Order::compare

use super::codec;
use super::trouble::Trouble;
use kehub_core::TenantId;
use kehub_core::attribute::Attribute;
use kehub_core::filter::{Condition, Filter, Order, Period, SortKey};
use rusqlite::types::Value as Sql;
use std::fmt::Write as _;

/// Which rows are looked at, narrowest first. The statement names it: without statistics SQLite
/// takes every index for equally good, and an index of all live customers for a narrow one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Path {
    Ids,
    Mobile,
    Email,
    Source,
    Stage,
    Updated,
    Created,
    /// All of a tenant, by id.
    Table,
}

impl Path {
    /// The narrowest that a condition offers.
    pub(super) fn of(filter: &Filter) -> Option<Path> {
        filter.conditions.iter().filter_map(Path::offered_by).min()
    }

    fn offered_by(condition: &Condition) -> Option<Path> {
        match condition {
            Condition::IdIn(_) => Some(Path::Ids),
            Condition::MobileIs(_) => Some(Path::Mobile),
            Condition::EmailIs(_) => Some(Path::Email),
            Condition::TextIs(Attribute::Source, _) | Condition::Empty(Attribute::Source) => {
                Some(Path::Source)
            }
            Condition::TextIs(Attribute::Stage, _) | Condition::Empty(Attribute::Stage) => {
                Some(Path::Stage)
            }
            Condition::Updated(_) => Some(Path::Updated),
            Condition::Created(_) => Some(Path::Created),
            Condition::TextIs(..) | Condition::Empty(_) | Condition::GenderIs(_) => None,
        }
    }

    /// The one that is in this order already.
    pub(super) fn in_order(order: &Order) -> Option<Path> {
        #[expect(clippy::wildcard_enum_match_arm, reason = "four of eighty have an index")]
        match order.by {
            SortKey::Attribute(Attribute::Source) => Some(Path::Source),
            SortKey::Attribute(Attribute::Stage) => Some(Path::Stage),
            SortKey::Attribute(Attribute::LastUpdated) => Some(Path::Updated),
            SortKey::Attribute(Attribute::DateCreated) => Some(Path::Created),
            _ => None,
        }
    }

    pub(super) const fn clause(self) -> &'static str {
        match self {
            Path::Ids | Path::Table => "NOT INDEXED",
            Path::Mobile => "INDEXED BY customer_mobile",
            Path::Email => "INDEXED BY customer_email",
            Path::Source => "INDEXED BY customer_source",
            Path::Stage => "INDEXED BY customer_stage",
            Path::Updated => "INDEXED BY customer_updated",
            Path::Created => "INDEXED BY customer_created",
        }
    }
}

/// Appends one condition. Values are arguments; only names from our own table are text.
pub(super) fn condition(
    tenant: TenantId,
    wanted: &Condition,
    sql: &mut String,
    args: &mut Vec<Sql>,
) -> Result<(), Trouble> {
    match wanted {
        Condition::TextIs(attribute, text) => {
            push(sql, format_args!("{} = ?", column(*attribute)))?;
            args.push(Sql::Text(text.clone()));
        }
        Condition::Empty(attribute) => push(sql, format_args!("{} IS NULL", column(*attribute)))?,
        Condition::MobileIs(mobile) => {
            sql.push_str("mobile_key = ?");
            args.push(Sql::Text(mobile.clone()));
        }
        Condition::EmailIs(email) => {
            sql.push_str("email_key = ?");
            args.push(Sql::Text(email.clone()));
        }
        Condition::GenderIs(gender) => {
            push(sql, format_args!("coalesce({}, 0) = ?", column(Attribute::Gender)))?;
            args.push(Sql::Integer(*gender));
        }
        Condition::IdIn(ids) => {
            // One argument, so that lists of any length are one statement.
            let keys: Vec<String> = ids
                .iter()
                .filter_map(|id| codec::key(tenant, id.0))
                .map(|key| key.to_string())
                .collect();
            sql.push_str("key IN (SELECT value FROM json_each(?))");
            args.push(Sql::Text(format!("[{}]", keys.join(","))));
        }
        Condition::Created(period) => within("created_at", *period, sql, args)?,
        Condition::Updated(period) => within("updated_at", *period, sql, args)?,
    }
    Ok(())
}

fn within(
    column: &str,
    period: Period,
    sql: &mut String,
    args: &mut Vec<Sql>,
) -> Result<(), Trouble> {
    let from = period.from.unwrap_or(i64::MIN);
    args.push(Sql::Integer(from));
    push(sql, format_args!("{column} >= ?"))?;
    if let Some(before) = period.before {
        args.push(Sql::Integer(before));
        push(sql, format_args!(" AND {column} < ?"))?;
    }
    Ok(())
}

fn push(sql: &mut String, text: std::fmt::Arguments<'_>) -> Result<(), Trouble> {
    sql.write_fmt(text).map_err(Trouble::broken)
}

/// ` ORDER BY ...`, ties by id in the same direction.
pub(super) fn order_by(order: &Order) -> String {
    let direction = if order.descending { "DESC" } else { "ASC" };
    let keys = match &order.by {
        SortKey::Attribute(Attribute::Id) => vec!["key".to_owned()],
        SortKey::Attribute(attribute) => vec![column(*attribute), "key".to_owned()],
        SortKey::Custom(name) => {
            // Null, then booleans, then numbers, then text (wire W15).
            let path = format!("'$.attr.\"{name}\"'");
            let rank = format!(
                "CASE json_type(fields, {path}) WHEN 'true' THEN 1 WHEN 'false' THEN 1 \
                 WHEN 'integer' THEN 2 WHEN 'real' THEN 2 WHEN 'text' THEN 3 END"
            );
            vec![rank, format!("(fields ->> {path})"), "key".to_owned()]
        }
    };
    let keys: Vec<String> = keys.into_iter().map(|key| format!("{key} {direction}")).collect();
    format!(" ORDER BY {}", keys.join(", "))
}

/// What an attribute shows, as an expression; NULL where it is unset.
fn column(attribute: Attribute) -> String {
    let json = |attribute: Attribute| format!("(fields ->> '$.{}')", attribute.name());
    let flag = |attribute, key| {
        format!("CASE WHEN {key} IS NOT NULL THEN coalesce({}, 0) END", json(attribute))
    };
    #[expect(clippy::wildcard_enum_match_arm, reason = "all others are plain fields")]
    match attribute {
        Attribute::Id => "key".to_owned(),
        Attribute::Source => "source".to_owned(),
        Attribute::Stage => "stage".to_owned(),
        Attribute::DateCreated => "created_at".to_owned(),
        Attribute::LastUpdated => "updated_at".to_owned(),
        Attribute::DisplayName => {
            format!("coalesce({}, {})", json(Attribute::Name), json(Attribute::NickName))
        }
        Attribute::DateJoin => format!("coalesce({}, created_at)", json(attribute)),
        Attribute::MobileVerified => flag(attribute, "mobile_key"),
        Attribute::EmailVerified => flag(attribute, "email_key"),
        other => json(other),
    }
}
