//! Filters and orders as SQL. Their meaning is [`Filter::matches`] and [`Order::compare`] of the
//! core; tests compare the two.
//!
//! [`Filter::matches`]: kehub_core::filter::Filter::matches
//! [`Order::compare`]: kehub_core::filter::Order::compare

use super::codec;
use kehub_core::TenantId;
use kehub_core::attribute::{Attribute, Kind, Value};
use kehub_core::filter::{
    Comparison, Condition, Filter, Order, Period, Position, SortKey, Test, behind_prefix,
};
use rusqlite::types::Value as Sql;

/// Which rows are looked at, narrowest first. The statement names it: without statistics SQLite
/// takes every index for equally good, and an index of all live customers for a narrow one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Path {
    Ids,
    Mobile,
    Email,
    External,
    Name,
    Source,
    Stage,
    Updated,
    Created,
    Gender,
    /// The ids of a tenant alone, where nothing else is asked of them.
    Live,
    /// All of a tenant, by id.
    Table,
}

impl Path {
    /// The narrowest that a condition offers.
    pub(super) fn of(filter: &Filter) -> Option<Path> {
        let offered = || filter.conditions.iter().filter_map(Path::offered_by);
        match offered().min() {
            // The indexes of times hold the sources as well.
            Some(Path::Source) => offered().find(|path| path.is_time()).or(Some(Path::Source)),
            narrowest => narrowest,
        }
    }

    const fn is_time(self) -> bool {
        matches!(self, Path::Updated | Path::Created)
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
            Condition::TextIs(Attribute::Name, _) | Condition::Empty(Attribute::Name) => {
                Some(Path::Name)
            }
            Condition::TextIs(Attribute::ExternalId, _) => Some(Path::External),
            Condition::GenderIs(_) => Some(Path::Gender),
            Condition::Updated(_) => Some(Path::Updated),
            Condition::Created(_) => Some(Path::Created),
            Condition::Field(SortKey::Attribute(attribute), test) => {
                Path::of_test(*attribute, test)
            }
            Condition::TextIs(..)
            | Condition::Empty(_)
            | Condition::Field(SortKey::Custom(_), _) => None,
        }
    }

    /// The one that a test of an attribute offers: few equal a value, many may be beyond one.
    #[expect(clippy::wildcard_enum_match_arm, reason = "nine of eighty have an index")]
    fn of_test(attribute: Attribute, test: &Test) -> Option<Path> {
        let (is, begins, stands) = match test {
            Test::Is(values) => (values.iter().any(|value| is_of(attribute, value)), false, false),
            Test::Begins(_) => (false, true, false),
            Test::Stands(_, value) => (false, false, is_of(attribute, value)),
            Test::IsNot(_) | Test::Empty | Test::NotEmpty => (false, false, false),
        };
        match attribute {
            Attribute::Mobile if is || begins => Some(Path::Mobile),
            Attribute::Email if is || begins => Some(Path::Email),
            Attribute::ExternalId if is || begins => Some(Path::External),
            Attribute::Name if is || begins => Some(Path::Name),
            Attribute::Source if is => Some(Path::Source),
            Attribute::Stage if is => Some(Path::Stage),
            Attribute::Gender if is => Some(Path::Gender),
            Attribute::LastUpdated if is || stands => Some(Path::Updated),
            Attribute::DateCreated if is || stands => Some(Path::Created),
            _ => None,
        }
    }

    /// The one that is in this order already.
    pub(super) fn in_order(order: &Order) -> Option<Path> {
        #[expect(clippy::wildcard_enum_match_arm, reason = "five of eighty have an index")]
        match order.by {
            SortKey::Attribute(Attribute::Source) => Some(Path::Source),
            SortKey::Attribute(Attribute::Stage) => Some(Path::Stage),
            SortKey::Attribute(Attribute::Name) => Some(Path::Name),
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
            Path::External => "INDEXED BY customer_external",
            Path::Name => "INDEXED BY customer_name",
            Path::Source => "INDEXED BY customer_source",
            Path::Gender => "INDEXED BY customer_gender",
            Path::Stage => "INDEXED BY customer_stage",
            Path::Updated => "INDEXED BY customer_updated",
            Path::Created => "INDEXED BY customer_created",
            Path::Live => "INDEXED BY customer_live",
        }
    }
}

/// The gender as it stands in indexes: what nobody told is asked for as 0.
const GENDER: &str = "coalesce(gender, 0)";

/// A piece of a statement and what is bound in it. Values are arguments; only names from our own
/// tables, and keys that have the form of a name, are text.
#[derive(Debug, PartialEq)]
pub(super) struct Fragment {
    pub(super) sql: String,
    pub(super) args: Vec<Sql>,
}

impl Fragment {
    fn new(sql: impl Into<String>, args: Vec<Sql>) -> Fragment {
        Fragment { sql: sql.into(), args }
    }

    /// What never holds. It is bound, because a statement that is known to find nothing cannot go
    /// by the index that it names.
    fn never() -> Fragment {
        Fragment::new("?", vec![Sql::Integer(0)])
    }

    /// Several of which one must hold.
    fn any(parts: Vec<Fragment>) -> Fragment {
        if parts.is_empty() {
            return Fragment::never();
        }
        let (sql, args): (Vec<String>, Vec<Vec<Sql>>) =
            parts.into_iter().map(|part| (part.sql, part.args)).unzip();
        Fragment::new(format!("({})", sql.join(" OR ")), args.concat())
    }
}

/// One condition.
pub(super) fn condition(tenant: TenantId, wanted: &Condition) -> Fragment {
    match wanted {
        Condition::TextIs(attribute, text) => {
            Fragment::new(format!("{} = ?", column(*attribute)), vec![Sql::Text(text.clone())])
        }
        Condition::Empty(attribute) => {
            Fragment::new(format!("{} IS NULL", column(*attribute)), Vec::new())
        }
        Condition::MobileIs(mobile) => {
            Fragment::new("mobile_key = ?", vec![Sql::Text(mobile.clone())])
        }
        Condition::EmailIs(email) => Fragment::new("email_key = ?", vec![Sql::Text(email.clone())]),
        Condition::GenderIs(gender) => {
            Fragment::new(format!("{GENDER} = ?"), vec![Sql::Integer(*gender)])
        }
        Condition::IdIn(ids) => {
            // One argument, so that lists of any length are one statement.
            let keys: Vec<String> = ids
                .iter()
                .filter_map(|id| codec::key(tenant, id.0))
                .map(|key| key.to_string())
                .collect();
            let keys = Sql::Text(format!("[{}]", keys.join(",")));
            Fragment::new("key IN (SELECT value FROM json_each(?))", vec![keys])
        }
        Condition::Created(period) => within("created_at", *period),
        Condition::Updated(period) => within("updated_at", *period),
        Condition::Field(SortKey::Attribute(Attribute::Id), test) => {
            attribute_test(tenant, Attribute::Id, &test.of_whole_numbers())
        }
        Condition::Field(SortKey::Attribute(attribute), test) => {
            attribute_test(tenant, *attribute, test)
        }
        Condition::Field(SortKey::Custom(key), test) => custom_test(key, test),
    }
}

fn within(column: &str, period: Period) -> Fragment {
    let from = Sql::Integer(period.from.unwrap_or(i64::MIN));
    match period.before {
        None => Fragment::new(format!("{column} >= ?"), vec![from]),
        Some(before) => Fragment::new(
            format!("{column} >= ? AND {column} < ?"),
            vec![from, Sql::Integer(before)],
        ),
    }
}

/// A test of a built-in attribute. All its values are of one kind, so that a value of another kind
/// equals none and stands to none.
fn attribute_test(tenant: TenantId, attribute: Attribute, test: &Test) -> Fragment {
    let column = if attribute == Attribute::Mobile {
        "mobile_key".to_owned()
    } else if attribute == Attribute::Email {
        "email_key".to_owned()
    } else {
        column(attribute)
    };
    let bound = |values: &[Value]| -> Vec<Sql> {
        let like = values.iter().filter(|value| is_of(attribute, value));
        like.map(|value| sql_of(tenant, attribute, value)).collect()
    };
    match test {
        Test::Is(values) if attribute == Attribute::Gender => {
            let Fragment { sql, args } = equals(GENDER, bound(values));
            // Who was told 0 is found among those of whom nothing was told.
            let is_told = |arg: &Sql| matches!(arg, Sql::Integer(gender) if *gender != 0);
            if args.iter().all(is_told) {
                return Fragment::new(sql, args);
            }
            Fragment::new(format!("({sql} AND {column} IS NOT NULL)"), args)
        }
        Test::Is(values) => equals(&column, bound(values)),
        Test::IsNot(values) => {
            let Fragment { sql, args } = equals(&column, bound(values));
            Fragment::new(format!("({column} IS NULL OR NOT ({sql}))"), args)
        }
        Test::Stands(comparison, value) if is_of(attribute, value) => {
            let sql = format!("{column} {} ?", sign(*comparison));
            Fragment::new(sql, vec![sql_of(tenant, attribute, value)])
        }
        Test::Begins(prefix) if is_of(attribute, &Value::Text("".into())) => {
            begins(&column, prefix)
        }
        Test::Stands(..) | Test::Begins(_) => Fragment::never(),
        Test::Empty => Fragment::new(format!("{column} IS NULL"), Vec::new()),
        Test::NotEmpty => Fragment::new(format!("{column} IS NOT NULL"), Vec::new()),
    }
}

/// A test of a custom attribute, which may hold a value of any kind.
fn custom_test(key: &str, test: &Test) -> Fragment {
    let (rank, value) = custom(key);
    let of_rank = |like: &Value, inner: Fragment| {
        let sql = format!("({rank} = {} AND {})", like.rank(), inner.sql);
        Fragment::new(sql, inner.args)
    };
    let one_of = |values: &[Value]| {
        Fragment::any(values.iter().map(|it| of_rank(it, equals(&value, vec![bind(it)]))).collect())
    };
    match test {
        Test::Is(values) => one_of(values),
        Test::IsNot(values) => {
            let Fragment { sql, args } = one_of(values);
            Fragment::new(format!("({rank} IS NULL OR NOT ({sql}))"), args)
        }
        Test::Stands(comparison, limit) => {
            let sql = format!("{value} {} ?", sign(*comparison));
            of_rank(limit, Fragment::new(sql, vec![bind(limit)]))
        }
        Test::Begins(prefix) => of_rank(&Value::Text("".into()), begins(&value, prefix)),
        Test::Empty => Fragment::new(format!("{rank} IS NULL"), Vec::new()),
        Test::NotEmpty => Fragment::new(format!("{rank} IS NOT NULL"), Vec::new()),
    }
}

fn equals(column: &str, values: Vec<Sql>) -> Fragment {
    match values.len() {
        0 => Fragment::never(),
        // Only an equal sign lets an index serve an order as well.
        1 => Fragment::new(format!("{column} = ?"), values),
        count => Fragment::new(format!("{column} IN ({})", vec!["?"; count].join(", ")), values),
    }
}

fn begins(column: &str, prefix: &str) -> Fragment {
    let mut args = vec![Sql::Text(prefix.to_owned())];
    let from = format!("{column} >= ?");
    match behind_prefix(prefix) {
        None => Fragment::new(from, args),
        Some(behind) => {
            args.push(Sql::Text(behind));
            Fragment::new(format!("({from} AND {column} < ?)"), args)
        }
    }
}

const fn sign(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Above => ">",
        Comparison::AtLeast => ">=",
        Comparison::Below => "<",
        Comparison::AtMost => "<=",
    }
}

/// Whether an attribute can hold a value of this kind.
fn is_of(attribute: Attribute, value: &Value) -> bool {
    match attribute.kind() {
        Kind::Text(_) | Kind::Date => matches!(value, Value::Text(_)),
        Kind::Flag => matches!(value, Value::Flag(_)),
        Kind::Gender | Kind::Integer | Kind::Decimal | Kind::Time => {
            matches!(value, Value::Integer(_) | Value::Decimal(_))
        }
    }
}

/// A value as it is compared with a column: ids stand there as keys.
fn sql_of(tenant: TenantId, attribute: Attribute, value: &Value) -> Sql {
    match (attribute, value) {
        (Attribute::Id, Value::Integer(id)) => Sql::Integer(key_near(tenant, *id)),
        _ => bind(value),
    }
}

fn bind(value: &Value) -> Sql {
    match value {
        Value::Text(text) => Sql::Text(text.to_string()),
        Value::Integer(number) => Sql::Integer(*number),
        Value::Decimal(number) => Sql::Real(number.get()),
        Value::Flag(flag) => Sql::Integer(i64::from(*flag)),
    }
}

/// The key of any number: one that is out of range stands beside those that are not.
fn key_near(tenant: TenantId, id: i64) -> i64 {
    let (first, last) = codec::key_range(tenant);
    first + id.clamp(0, codec::number_of(last))
}

/// A part of an order: a range of keys, and of those the ones that meet a condition.
#[derive(Debug, PartialEq)]
pub(super) struct Part {
    pub(super) keys: (i64, i64),
    pub(super) condition: Option<Fragment>,
}

impl Part {
    /// All of it.
    pub(super) fn all(tenant: TenantId) -> Part {
        Part { keys: codec::key_range(tenant), condition: None }
    }
}

/// What stands behind a position, in parts that follow each other and that an index of what is
/// sorted by can each begin at.
pub(super) fn parts_behind(tenant: TenantId, order: &Order, position: &Position) -> Vec<Part> {
    let key = key_near(tenant, position.id.0);
    let (first, last) = codec::key_range(tenant);
    if order.by == SortKey::Attribute(Attribute::Id) {
        let keys = if order.descending { (first, key - 1) } else { (key + 1, last) };
        return vec![Part { keys, condition: None }];
    }
    let behind = if order.descending { "<" } else { ">" };
    let (set, after) = match &order.by {
        SortKey::Attribute(attribute) => {
            let column = column(*attribute);
            let after =
                format!("({column} {behind}= ? AND ({column} {behind} ? OR key {behind} ?))");
            (column, after)
        }
        SortKey::Custom(name) => {
            let (rank, column) = custom(name);
            let own = position.value.as_ref().map_or(0, Value::rank);
            let after = format!(
                "({rank} {behind} {own} OR ({rank} = {own} AND {column} {behind}= ? \
                 AND ({column} {behind} ? OR key {behind} ?)))"
            );
            (rank, after)
        }
    };
    let key = Sql::Integer(key);
    let part =
        |sql: String, args| Part { keys: (first, last), condition: Some(Fragment::new(sql, args)) };
    match (&position.value, order.descending) {
        (Some(value), descending) => {
            let mut parts = vec![part(after, vec![bind(value), bind(value), key])];
            parts.extend(descending.then(|| part(format!("{set} IS NULL"), Vec::new())));
            parts
        }
        (None, descending) => {
            let mut parts = vec![part(format!("({set} IS NULL AND key {behind} ?)"), vec![key])];
            parts.extend((!descending).then(|| part(format!("{set} IS NOT NULL"), Vec::new())));
            parts
        }
    }
}

/// ` ORDER BY ...`, ties by id in the same direction.
pub(super) fn order_by(order: &Order) -> String {
    let direction = if order.descending { "DESC" } else { "ASC" };
    let keys = match &order.by {
        SortKey::Attribute(Attribute::Id) => vec!["key".to_owned()],
        SortKey::Attribute(attribute) => vec![column(*attribute), "key".to_owned()],
        SortKey::Custom(name) => {
            let (rank, value) = custom(name);
            vec![rank, value, "key".to_owned()]
        }
    };
    let keys: Vec<String> = keys.into_iter().map(|key| format!("{key} {direction}")).collect();
    format!(" ORDER BY {}", keys.join(", "))
}

/// The rank and the value of a custom attribute, as expressions; both NULL where it is unset. Null,
/// then booleans, then numbers, then text (wire W15).
fn custom(name: &str) -> (String, String) {
    let path = format!("'$.attr.\"{name}\"'");
    let rank = format!(
        "CASE json_type(fields, {path}) WHEN 'true' THEN 1 WHEN 'false' THEN 1 \
         WHEN 'integer' THEN 2 WHEN 'real' THEN 2 WHEN 'text' THEN 3 END"
    );
    (rank, format!("(fields ->> {path})"))
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
        Attribute::Name => "name".to_owned(),
        Attribute::ExternalId => "external_id".to_owned(),
        Attribute::Gender => "gender".to_owned(),
        Attribute::DateCreated => "created_at".to_owned(),
        Attribute::LastUpdated => "updated_at".to_owned(),
        Attribute::DisplayName => {
            format!("coalesce(name, {})", json(Attribute::NickName))
        }
        Attribute::DateJoin => format!("coalesce({}, created_at)", json(attribute)),
        Attribute::MobileVerified => flag(attribute, "mobile_key"),
        Attribute::EmailVerified => flag(attribute, "email_key"),
        other => json(other),
    }
}
