//! What a Citus cluster accepts, held against every statement without a cluster: rows of one table are
//! on many nodes, so that nothing may join two such tables but where rows that belong together are on
//! one node, lock their rows, compute a value on the way into them, or move a row to another node.
//!
//! The rules are those that Citus 13.2 was seen to have, and stricter where that costs nothing.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "of all that SQL can say, most is none of our business"
)]

use super::cluster::SPREAD;
use super::copy;
use super::query::Query;
use super::render::{Part, numbered, parts_behind};
use super::statements::{READS_EVERYTHING, of_clusters};
use kehub_core::attribute::{Attribute, Value};
use kehub_core::filter::{Comparison, Condition, Filter, Order, Period, Position, SortKey, Test};
use kehub_core::{CustomerId, TenantId};
use sqlparser::ast::{
    AssignmentTarget, BinaryOperator, ConflictTarget, CopySource, DoUpdate, Expr, FromTable,
    FunctionArguments, Insert, OnConflictAction, OnInsert, Query as Ast, Select, SetExpr,
    Statement, TableFactor, visit_expressions, visit_relations,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// Statements that ask all nodes: nothing in them says where the rows are. Each costs a round to all
/// shards, so whoever adds one thinks about how often it runs.
const ASKS_ALL_NODES: &[&str] = &[
    "identities",
    "identities of homes",
    "customers merged into",
    "ids merged into",
    "type that is used",
    "held",
    "quarantined",
    "live customers",
    "homes of identities",
    "journal",
    "traits",
    "redirects",
    "owned identities",
    "all customers",
    "all homes",
    "all identities",
    "carriers of mobiles, counted",
    "the few carriers of mobiles",
    "first carriers of a mobile",
    "carriers of e-mail addresses, counted",
    "the few carriers of e-mail addresses",
    "first carriers of an e-mail address",
    "further carriers of a mobile",
    "further carriers of an e-mail address",
    "erasure of identities",
    "first customer",
    "first redirect",
    "first home",
    "first identity",
    "first entry",
];
/// Functions whose result is the same on every node.
const SAME_EVERYWHERE: &[&str] =
    &["any", "coalesce", "count", "max", "min", "sum", "chr", "unnest"];

fn parsed(sql: &str) -> Statement {
    let mut statements = Parser::parse_sql(&PostgreSqlDialect {}, sql).expect(sql);
    assert_eq!(statements.len(), 1, "{sql}");
    statements.remove(0)
}

/// The column that the rows of a table are spread by, if they are.
fn column_of(table: &str) -> Option<&'static str> {
    SPREAD.iter().find(|spread| spread.table == table).map(|spread| spread.column)
}

/// What a statement must not do, said of the tables that are spread.
fn offences(statement: &Statement, asks_all_nodes: bool) -> Vec<String> {
    let mut tables = BTreeSet::new();
    let walked: ControlFlow<()> = visit_relations(statement, |name| {
        tables.insert(name.to_string());
        ControlFlow::Continue(())
    });
    tables.remove("unnest");
    let Some(column) = tables.iter().find_map(|table| column_of(table)) else { return Vec::new() };
    let mut found = Vec::new();
    if tables.len() > 1 && tables.iter().ne(["customer", "updated"]) {
        found.push(format!("it is about {tables:?} at once"));
    }
    assert!(walked.is_continue());
    let walked: ControlFlow<()> = visit_expressions(statement, |expression| {
        found.extend(offence_of(expression));
        ControlFlow::Continue(())
    });
    assert!(walked.is_continue());
    match statement {
        Statement::Query(query) => {
            if !query.locks.is_empty() {
                found.push("it locks rows".to_owned());
            }
            let SetExpr::Select(select) = &*query.body else {
                found.push("it is not a plain SELECT".to_owned());
                return found;
            };
            found.extend(offence_of_select(select));
            if !asks_all_nodes && !says_where(select.selection.as_ref(), column) {
                found.push(format!("it does not say where: nothing is said of `{column}`"));
            }
        }
        Statement::Insert(insert) => found.extend(offences_of_insert(insert, column)),
        Statement::Delete(delete) => {
            let FromTable::WithFromKeyword(from) = &delete.from else { panic!("{delete}") };
            if delete.using.is_some() || from.len() != 1 {
                found.push("it deletes with the help of another table".to_owned());
            }
            if !asks_all_nodes && !says_where(delete.selection.as_ref(), column) {
                found.push(format!("it does not say where: nothing is said of `{column}`"));
            }
        }
        Statement::Copy { source: CopySource::Table { .. }, to: false, .. } => (),
        other => found.push(format!("no such statement is known to be accepted: {other}")),
    }
    found
}

fn offence_of(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Subquery(_) | Expr::InSubquery { .. } | Expr::Exists { .. } => {
            Some(format!("a statement in it: {expression}"))
        }
        Expr::Function(function) => {
            let name = function.name.to_string().to_lowercase();
            let is_plain = function.over.is_none()
                && matches!(function.args, FunctionArguments::List(_))
                && (SAME_EVERYWHERE.contains(&&*name) || name == "json_typeof");
            (!is_plain).then(|| format!("the function {expression}"))
        }
        Expr::Identifier(name) if name.value == "ctid" => Some("the place of a row".to_owned()),
        _ => None,
    }
}

fn is_part_of_table(query: &Ast) -> bool {
    let SetExpr::Select(select) = &*query.body else { return false };
    let [from] = &select.from[..] else { return false };
    let is_whole = query.limit_clause.is_none() && query.order_by.is_none();
    is_whole && from.joins.is_empty() && matches!(&from.relation, TableFactor::Table { .. })
}

/// The one join of rows that are on one node.
const JOIN: &str = "JOIN updated ON updated.customer = customer.key";

fn offence_of_select(select: &Select) -> Option<String> {
    let [from] = &select.from[..] else { return Some("it joins".to_owned()) };
    // What is read of one table is on its nodes, with whatever is left out of it.
    let is_table = match &from.relation {
        TableFactor::Table { .. } => true,
        TableFactor::Derived { subquery, .. } => is_part_of_table(subquery),
        _ => false,
    };
    let is_local = match &from.joins[..] {
        [] => true,
        [join] => match &join.relation {
            TableFactor::Derived { subquery, .. } => {
                let on = "ON updated.customer = customer.key";
                is_part_of_table(subquery) && join.to_string().ends_with(on)
            }
            _ => join.to_string() == JOIN,
        },
        _ => false,
    };
    (!is_table || !is_local).then(|| format!("it reads from {from}"))
}

/// Whether rows are named by the column that says where they are.
fn says_where(condition: Option<&Expr>, column: &str) -> bool {
    let is_column =
        |expression: &Expr| matches!(expression, Expr::Identifier(name) if name.value == column);
    match condition {
        Some(Expr::BinaryOp { left, op: BinaryOperator::And, right }) => {
            says_where(Some(left), column) || says_where(Some(right), column)
        }
        Some(
            Expr::BinaryOp { left, op: BinaryOperator::Eq, .. }
            | Expr::AnyOp { left, compare_op: BinaryOperator::Eq, .. },
        ) => is_column(left),
        _ => false,
    }
}

/// Rows come from lists of columns; where one is there, it takes the sent values and stays where it
/// is.
fn offences_of_insert(insert: &Insert, column: &str) -> Vec<String> {
    let mut found = Vec::new();
    let source = insert.source.as_ref().map(|source| &*source.body);
    match source {
        Some(SetExpr::Select(select))
            if select.from.iter().all(|from| {
                from.joins.is_empty() && matches!(from.relation, TableFactor::UNNEST { .. })
            }) => {}
        Some(SetExpr::Select(select)) if stays_on_its_node(insert, select) => {}
        _ => found.push("rows that do not come from lists alone".to_owned()),
    }
    let Some(on) = &insert.on else { return found };
    let OnInsert::OnConflict(on) = on else { panic!("{insert}") };
    match &on.conflict_target {
        Some(ConflictTarget::Columns(columns)) if columns.iter().any(|it| it.value == column) => {}
        other => found.push(format!("a conflict about {other:?}")),
    }
    let OnConflictAction::DoUpdate(DoUpdate { assignments, .. }) = &on.action else { return found };
    for assignment in assignments {
        let value = assignment.value.to_string();
        if !value.starts_with("excluded.") {
            found.push(format!("a value is computed: {value}"));
        }
        let AssignmentTarget::ColumnName(target) = &assignment.target else { panic!("{insert}") };
        if target.to_string() == column {
            found.push("a row is sent to another node".to_owned());
        }
    }
    found
}

/// Whether rows are made of rows of the same node.
fn stays_on_its_node(insert: &Insert, select: &Select) -> bool {
    let column = insert.columns.first().map(ToString::to_string).unwrap_or_default();
    let into = format!("{} {column}", insert.table);
    let from = select.from.first().map(ToString::to_string).unwrap_or_default();
    let first = select.projection.first().map(ToString::to_string).unwrap_or_default();
    (&*into, &*from, &*first) == ("updated customer", "customer", "key")
}

#[test]
fn every_statement_is_one_that_a_cluster_accepts() {
    let everything: BTreeSet<&str> =
        READS_EVERYTHING.iter().copied().flatten().map(|it| it.1).collect();
    let mut looked_at = 0;
    for (name, sql) in of_clusters() {
        let asks_all = ASKS_ALL_NODES.contains(&name) || everything.contains(sql);
        assert_eq!(offences(&parsed(sql), asks_all), [""; 0], "{name}: {sql}");
        looked_at += 1;
    }
    assert!(looked_at > 100, "{looked_at}");
}

/// It asks all nodes for everything.
#[test]
fn every_statement_of_a_copy_is_one_that_a_cluster_accepts() {
    for (name, sql, _) in copy::statements() {
        assert_eq!(offences(&parsed(&sql), true), [""; 0], "{name}: {sql}");
    }
}

#[test]
fn what_asks_all_nodes_is_named_and_nothing_else() {
    for name in ASKS_ALL_NODES {
        let mut named = of_clusters().filter(|(registered, _)| registered == name);
        assert!(named.any(|(_, sql)| !offences(&parsed(sql), false).is_empty()), "{name}");
    }
}

#[test]
fn every_list_is_one_that_a_cluster_accepts() {
    let tenant = TenantId(1);
    let keys = Attribute::ALL.iter().copied().map(SortKey::Attribute);
    let keys = keys.chain([SortKey::Custom("level".into())]);
    for by in keys {
        for descending in [false, true] {
            let order = Order { by: by.clone(), descending };
            let position = Position { value: Some(Value::Integer(7)), id: CustomerId(3) };
            let parts = parts_behind(tenant, &order, &position).into_iter();
            for part in parts.chain([Part::all(tenant)]) {
                let filter = Filter { conditions: conditions(&by) };
                let query = Query::part("key", tenant, &filter, &order, part);
                let sql = numbered(&query.sql, query.args());
                assert_eq!(offences(&parsed(&sql), true), [""; 0], "{sql}");
            }
        }
    }
}

#[test]
fn every_count_is_one_that_a_cluster_accepts() {
    let period = Period { from: Some(1), before: Some(2) };
    let plain = [
        Condition::TextIs(Attribute::Source, "web".into()),
        Condition::Empty(Attribute::Name),
        Condition::MobileIs("+8613800000001".into()),
        Condition::EmailIs("a@x".into()),
        Condition::GenderIs(0),
        Condition::IdIn(vec![CustomerId(1), CustomerId(2)]),
        Condition::Created(period),
        Condition::Updated(period),
    ];
    let keys = Attribute::ALL.iter().copied().map(SortKey::Attribute);
    let fields = keys.chain([SortKey::Custom("level".into())]).map(|by| conditions(&by));
    let filters = plain.iter().map(|condition| vec![condition.clone()]);
    for conditions in filters.chain(fields).chain([Vec::new(), plain.to_vec()]) {
        let query = Query::count(TenantId(1), &Filter { conditions });
        let sql = numbered(&query.sql, query.args());
        assert_eq!(offences(&parsed(&sql), true), [""; 0], "{sql}");
    }
}

fn conditions(by: &SortKey) -> Vec<Condition> {
    let values = vec![Value::Integer(1), Value::Text("x".into()), Value::Flag(true)];
    let tests = [
        Test::Is(values.clone()),
        Test::IsNot(values),
        Test::Stands(Comparison::Above, Value::Integer(1)),
        Test::Begins("x".into()),
        Test::Empty,
        Test::NotEmpty,
    ];
    tests.into_iter().map(|test| Condition::Field(by.clone(), test)).collect()
}

#[test]
fn what_a_cluster_refuses_is_found() {
    for sql in [
        "SELECT key FROM customer WHERE key = $1 FOR UPDATE",
        "SELECT i.key FROM identity AS i JOIN customer AS c ON c.key = i.home WHERE i.value = $1",
        "SELECT key FROM customer JOIN updated ON updated.at = customer.key",
        "INSERT INTO updated (customer) SELECT survivor FROM customer",
        "SELECT key FROM customer WHERE key = ANY(ARRAY(SELECT low FROM cannot_link))",
        "SELECT key FROM customer WHERE mobile_key = $1",
        "SELECT key FROM customer WHERE key > $1",
        "SELECT w.a FROM unnest($1::bigint[]) AS w (a) WHERE EXISTS (SELECT 1 FROM identity)",
        "UPDATE customer SET rev = 1 WHERE key = $1",
        "DELETE FROM customer AS c USING unnest($1::bigint[]) AS w (key) WHERE c.key = w.key",
        "INSERT INTO customer (key) VALUES ($1)",
        "INSERT INTO identity (key) SELECT * FROM unnest($1::bigint[])
         ON CONFLICT (key) DO UPDATE SET home = excluded.home",
        "INSERT INTO identity (key) SELECT * FROM unnest($1::bigint[])
         ON CONFLICT (type, value) DO UPDATE SET value = excluded.value",
        "INSERT INTO customer (key) SELECT * FROM unnest($1::bigint[])
         ON CONFLICT (key) DO UPDATE SET updated_at = now()",
        "SELECT now() FROM customer WHERE key = $1",
        "SELECT key FROM customer WHERE key = $1 AND ctid = $2",
    ] {
        assert!(!offences(&parsed(sql), false).is_empty(), "{sql}");
    }
}
