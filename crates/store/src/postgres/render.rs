//! Filters and orders as SQL. Their meaning is [`Filter::matches`] and [`Order::compare`] of the
//! core; tests compare the two.
//!
//! [`Filter::matches`]: kehub_core::filter::Filter::matches
//! [`Order::compare`]: kehub_core::filter::Order::compare

use crate::tables::codec;
use kehub_core::TenantId;
use kehub_core::attribute::{Attribute, Kind, Value};
use kehub_core::filter::{
    Comparison, Condition, Filter, Order, Period, Position, SortKey, Test, behind_prefix,
};
use tokio_postgres::types::ToSql;

/// When a customer was last updated, where a list goes by that: it stands in a table of its own.
pub(super) const UPDATED_AT: &str = "updated.at";

/// Whether a list goes by when customers were last updated.
pub(super) fn goes_by_time(filter: &Filter, order: Option<&Order>) -> bool {
    let is_time = |by: &SortKey| *by == SortKey::Attribute(Attribute::LastUpdated);
    let names_time = |wanted: &Condition| match wanted {
        Condition::Updated(_) => true,
        Condition::Field(by, _) => is_time(by),
        Condition::TextIs(..)
        | Condition::Empty(_)
        | Condition::MobileIs(_)
        | Condition::EmailIs(_)
        | Condition::GenderIs(_)
        | Condition::IdIn(_)
        | Condition::Created(_) => false,
    };
    order.is_some_and(|order| is_time(&order.by)) || filter.conditions.iter().any(names_time)
}

/// What is bound in a statement.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Arg {
    Integer(i64),
    /// A number with a fraction, as text: PostgreSQL makes no number of it that was rounded.
    Decimal(String),
    Text(String),
    Flag(bool),
    Keys(Vec<i64>),
}

impl Arg {
    pub(super) fn as_sql(&self) -> &(dyn ToSql + Sync) {
        match self {
            Arg::Integer(number) => number,
            Arg::Decimal(text) | Arg::Text(text) => text,
            Arg::Flag(flag) => flag,
            Arg::Keys(keys) => keys,
        }
    }

    const fn cast(&self) -> &'static str {
        match self {
            Arg::Integer(_) => "bigint",
            Arg::Decimal(_) => "text::numeric",
            Arg::Text(_) => "text",
            Arg::Flag(_) => "boolean",
            Arg::Keys(_) => "bigint[]",
        }
    }
}

/// A statement with its question marks numbered, each with the type of its argument.
pub(super) fn numbered(sql: &str, args: &[Arg]) -> String {
    let mut args = args.iter().enumerate();
    let mut pieces = sql.split('?');
    let mut whole = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        if let Some((place, arg)) = args.next() {
            whole.push('$');
            whole.push_str(&(place + 1).to_string());
            whole.push_str("::");
            whole.push_str(arg.cast());
        }
        whole.push_str(piece);
    }
    whole
}

/// A piece of a statement and what is bound in it. Values are arguments; only names from our own
/// tables, and keys that have the form of a name, are text.
#[derive(Debug, PartialEq)]
pub(super) struct Fragment {
    pub(super) sql: String,
    pub(super) args: Vec<Arg>,
}

impl Fragment {
    fn new(sql: impl Into<String>, args: Vec<Arg>) -> Fragment {
        Fragment { sql: sql.into(), args }
    }

    /// What never holds.
    fn never() -> Fragment {
        Fragment::new("false", Vec::new())
    }

    /// Several of which one must hold.
    fn any(parts: Vec<Fragment>) -> Fragment {
        if parts.is_empty() {
            return Fragment::never();
        }
        let (sql, args): (Vec<String>, Vec<Vec<Arg>>) =
            parts.into_iter().map(|part| (part.sql, part.args)).unzip();
        Fragment::new(format!("({})", sql.join(" OR ")), args.concat())
    }
}

/// One condition.
pub(super) fn condition(tenant: TenantId, wanted: &Condition) -> Fragment {
    match wanted {
        Condition::TextIs(attribute, text) => {
            Fragment::new(format!("{} = ?", column(*attribute)), vec![Arg::Text(text.clone())])
        }
        Condition::Empty(attribute) => {
            Fragment::new(format!("{} IS NULL", column(*attribute)), Vec::new())
        }
        Condition::MobileIs(mobile) => {
            Fragment::new("mobile_key = ?", vec![Arg::Text(mobile.clone())])
        }
        Condition::EmailIs(email) => Fragment::new("email_key = ?", vec![Arg::Text(email.clone())]),
        // What nobody told is asked for as 0.
        Condition::GenderIs(0) => Fragment::new("(gender IS NULL OR gender = 0)", Vec::new()),
        Condition::GenderIs(gender) => Fragment::new("gender = ?", vec![Arg::Integer(*gender)]),
        Condition::IdIn(ids) => {
            let keys = ids.iter().filter_map(|id| codec::key(tenant, id.0)).collect();
            Fragment::new("key = ANY(?)", vec![Arg::Keys(keys)])
        }
        Condition::Created(period) => within("created_at", *period),
        Condition::Updated(period) => within(UPDATED_AT, *period),
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
    let from = Arg::Integer(period.from.unwrap_or(i64::MIN));
    match period.before {
        None => Fragment::new(format!("{column} >= ?"), vec![from]),
        Some(before) => Fragment::new(
            format!("{column} >= ? AND {column} < ?"),
            vec![from, Arg::Integer(before)],
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
    let bound = |values: &[Value]| -> Vec<Arg> {
        let like = values.iter().filter(|value| is_of(attribute, value));
        like.map(|value| sql_of(tenant, attribute, value)).collect()
    };
    match test {
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
    let custom = Custom::named(key);
    let rank = &custom.rank;
    let of_rank = |like: &Value, inner: Fragment| {
        let sql = format!("({rank} = {} AND {})", like.rank(), inner.sql);
        Fragment::new(sql, inner.args)
    };
    let one_of = |values: &[Value]| {
        let equal = |it: &Value| of_rank(it, equals(custom.like(it), vec![custom_arg(it)]));
        Fragment::any(values.iter().map(equal).collect())
    };
    match test {
        Test::Is(values) => one_of(values),
        Test::IsNot(values) => {
            let Fragment { sql, args } = one_of(values);
            Fragment::new(format!("({rank} IS NULL OR NOT ({sql}))"), args)
        }
        Test::Stands(comparison, limit) => {
            let sql = format!("{} {} ?", custom.like(limit), sign(*comparison));
            of_rank(limit, Fragment::new(sql, vec![custom_arg(limit)]))
        }
        Test::Begins(prefix) => of_rank(&Value::Text("".into()), begins(&custom.text, prefix)),
        Test::Empty => Fragment::new(format!("{rank} IS NULL"), Vec::new()),
        Test::NotEmpty => Fragment::new(format!("{rank} IS NOT NULL"), Vec::new()),
    }
}

/// A value as it is compared with a custom attribute: flags stand there as numbers.
fn custom_arg(value: &Value) -> Arg {
    match value {
        Value::Flag(flag) => Arg::Integer(i64::from(*flag)),
        Value::Text(_) | Value::Integer(_) | Value::Decimal(_) => bind(value),
    }
}

fn equals(column: &str, values: Vec<Arg>) -> Fragment {
    match values.len() {
        0 => Fragment::never(),
        // Only an equal sign lets an index serve an order as well.
        1 => Fragment::new(format!("{column} = ?"), values),
        count => Fragment::new(format!("{column} IN ({})", vec!["?"; count].join(", ")), values),
    }
}

fn begins(column: &str, prefix: &str) -> Fragment {
    let mut args = vec![Arg::Text(prefix.to_owned())];
    let from = format!("{column} >= ?");
    match behind_prefix(prefix) {
        None => Fragment::new(from, args),
        Some(behind) => {
            args.push(Arg::Text(behind));
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
fn sql_of(tenant: TenantId, attribute: Attribute, value: &Value) -> Arg {
    match (attribute, value) {
        (Attribute::Id, Value::Integer(id)) => Arg::Integer(key_near(tenant, *id)),
        _ => bind(value),
    }
}

fn bind(value: &Value) -> Arg {
    match value {
        Value::Text(text) => Arg::Text(text.to_string()),
        Value::Integer(number) => Arg::Integer(*number),
        Value::Decimal(number) => Arg::Decimal(number.get().to_string()),
        Value::Flag(flag) => Arg::Flag(*flag),
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
            let custom = Custom::named(name);
            let rank = custom.rank.clone();
            let own = position.value.as_ref().map_or(0, Value::rank);
            let column = position.value.as_ref().map_or(&*custom.text, |value| custom.like(value));
            let after = format!(
                "({rank} {behind} {own} OR ({rank} = {own} AND {column} {behind}= ? \
                 AND ({column} {behind} ? OR key {behind} ?)))"
            );
            (rank, after)
        }
    };
    let bind: fn(&Value) -> Arg = match order.by {
        SortKey::Attribute(_) => bind,
        SortKey::Custom(_) => custom_arg,
    };
    let key = Arg::Integer(key);
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

/// ` ORDER BY ...`, ties by id in the same direction; what is unset comes before everything.
pub(super) fn order_by(order: &Order) -> String {
    let keys = match &order.by {
        SortKey::Attribute(Attribute::Id) => Vec::new(),
        SortKey::Attribute(attribute) => vec![column(*attribute)],
        SortKey::Custom(name) => {
            let Custom { rank, number, text } = Custom::named(name);
            vec![rank, number, text]
        }
    };
    let direction = if order.descending { "DESC" } else { "ASC" };
    let nulls = if order.descending { "NULLS LAST" } else { "NULLS FIRST" };
    // An index of what is always set serves no order that says where the unset stands.
    let is_set = |key: &str| key == "created_at" || key == UPDATED_AT;
    let mut sql = String::from(" ORDER BY ");
    for key in keys {
        sql.push_str(&key);
        sql.push(' ');
        sql.push_str(direction);
        if !is_set(&key) {
            sql.push(' ');
            sql.push_str(nulls);
        }
        sql.push_str(", ");
    }
    sql.push_str("key ");
    sql.push_str(direction);
    sql
}

/// A custom attribute as expressions: of which kind its value is, and the value as a number or as
/// text; NULL where it is unset or of another kind. Null, then booleans, then numbers, then text
/// (wire W15).
struct Custom {
    rank: String,
    number: String,
    text: String,
}

impl Custom {
    fn named(name: &str) -> Custom {
        let value = format!("fields -> 'attr' -> '{name}'");
        let text = format!("fields -> 'attr' ->> '{name}'");
        Custom {
            rank: format!(
                "CASE json_typeof({value}) WHEN 'boolean' THEN 1 WHEN 'number' THEN 2 \
                 WHEN 'string' THEN 3 END"
            ),
            number: format!(
                "CASE json_typeof({value}) WHEN 'boolean' THEN ({text})::boolean::int::numeric \
                 WHEN 'number' THEN ({text})::numeric END"
            ),
            text: format!(
                "(CASE json_typeof({value}) WHEN 'string' THEN {text} END COLLATE \"C\")"
            ),
        }
    }

    /// The expression that is of the kind of a value.
    fn like(&self, value: &Value) -> &str {
        match value {
            Value::Text(_) => &self.text,
            Value::Integer(_) | Value::Decimal(_) | Value::Flag(_) => &self.number,
        }
    }
}

/// What an attribute shows, as an expression; NULL where it is unset.
fn column(attribute: Attribute) -> String {
    let text = |attribute: Attribute| format!("(fields ->> '{}')", attribute.name());
    let json = |attribute: Attribute| match attribute.kind() {
        Kind::Text(_) | Kind::Date => format!("({} COLLATE \"C\")", text(attribute)),
        Kind::Flag => format!("{}::boolean", text(attribute)),
        Kind::Gender | Kind::Integer | Kind::Decimal | Kind::Time => {
            format!("{}::numeric", text(attribute))
        }
    };
    let flag = |attribute, key| {
        format!("CASE WHEN {key} IS NOT NULL THEN coalesce({}, false) END", json(attribute))
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
        Attribute::LastUpdated => UPDATED_AT.to_owned(),
        Attribute::DisplayName => {
            format!("(coalesce(name, {}) COLLATE \"C\")", text(Attribute::NickName))
        }
        Attribute::DateJoin => format!("coalesce({}, created_at)", json(attribute)),
        Attribute::MobileVerified => flag(attribute, "mobile_key"),
        Attribute::EmailVerified => flag(attribute, "email_key"),
        other => json(other),
    }
}
