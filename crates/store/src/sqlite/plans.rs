//! How SQLite goes about the statements: every look-up by a key or an index, and the first page of
//! each single filter in an order that an index serves, without sorting.

use super::query::Query;
use super::{connection, load, past, policy, schema, webhooks, write};
use kehub_core::attribute::Attribute;
use kehub_core::filter::{Condition, Filter, Order, Period, SortKey};
use kehub_core::{CustomerId, TenantId};
use rusqlite::Connection;

fn empty_hub(folder: &tempfile::TempDir) -> Connection {
    let mut conn = connection::writing(&folder.path().join("hub.db")).unwrap();
    schema::migrate(&mut conn).unwrap();
    conn
}

fn plan(conn: &Connection, sql: &str) -> String {
    let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let count = statement.parameter_count();
    let nothing = rusqlite::params_from_iter((0..count).map(|_| 1));
    let steps: Vec<String> =
        statement.query_map(nothing, |row| row.get(3)).unwrap().map(Result::unwrap).collect();
    steps.join("; ")
}

#[test]
fn every_look_up_goes_by_a_key_or_an_index() {
    let folder = tempfile::TempDir::new().unwrap();
    let conn = empty_hub(&folder);
    let reading = load::STATEMENTS.iter().chain(past::STATEMENTS).chain(policy::STATEMENTS);
    let writing = write::STATEMENTS.iter().chain(webhooks::STATEMENTS);
    for (name, sql) in reading.chain(writing) {
        let plan = plan(&conn, sql);
        assert!(!plan.contains("SCAN") && plan.contains("SEARCH"), "{name}: {plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{name}: {plan}");
    }
}

#[test]
fn first_pages_are_read_in_order_from_an_index() {
    let folder = tempfile::TempDir::new().unwrap();
    let conn = empty_hub(&folder);
    let by = |attribute| Order { by: SortKey::Attribute(attribute), descending: false };
    let text = |attribute| Condition::TextIs(attribute, "x".to_owned());
    let within = Period { from: Some(0), before: Some(1) };
    let cases = [
        ("no filter", None, Attribute::Id, "PRIMARY KEY"),
        ("newest", None, Attribute::LastUpdated, "customer_updated"),
        ("youngest", None, Attribute::DateCreated, "customer_created"),
        ("name", Some(text(Attribute::Name)), Attribute::Id, "PRIMARY KEY"),
        ("ids", Some(Condition::IdIn(vec![CustomerId(1)])), Attribute::Id, "PRIMARY KEY"),
        ("source", Some(text(Attribute::Source)), Attribute::Id, "customer_source"),
        ("stage", Some(text(Attribute::Stage)), Attribute::Id, "customer_stage"),
        ("no stage", Some(Condition::Empty(Attribute::Stage)), Attribute::Id, "customer_stage"),
        ("mobile", Some(Condition::MobileIs("x".into())), Attribute::Id, "customer_mobile"),
        ("email", Some(Condition::EmailIs("x".into())), Attribute::Id, "customer_email"),
        ("updated", Some(Condition::Updated(within)), Attribute::LastUpdated, "customer_updated"),
        ("created", Some(Condition::Created(within)), Attribute::DateCreated, "customer_created"),
    ];
    for (name, condition, order, expected) in cases {
        let filter = Filter { conditions: condition.into_iter().collect() };
        let query = Query::page(TenantId(1), &filter, &by(order)).unwrap();
        let plan = plan(&conn, &query.sql);
        assert!(plan.contains(expected), "{name}: {plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{name}: {plan}");
        assert!(!plan.contains("SCAN customer"), "{name}: {plan}");
    }
}
