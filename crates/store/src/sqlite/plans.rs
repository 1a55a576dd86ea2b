//! How SQLite goes about the statements: every look-up by a key or an index, and the first page of
//! each single filter in an order that an index serves, without sorting.

use super::query::Query;
use super::render::parts_behind;
use super::{
    audit, connection, imports, load, past, people, policy, schema, scratch, trial, webhooks,
    wechat, write,
};
use kehub_core::attribute::{Attribute, Value};
use kehub_core::filter::{Comparison, Condition, Filter, Order, Period, Position, SortKey, Test};
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
    let kept = webhooks::STATEMENTS.iter().chain(wechat::STATEMENTS).chain(imports::STATEMENTS);
    let kept = kept.chain(people::STATEMENTS);
    let trying = trial::STATEMENTS.iter().chain(scratch::STATEMENTS);
    for (name, sql) in reading.chain(write::STATEMENTS).chain(kept).chain(trying) {
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
        ("no filter", None, Attribute::Id, "COVERING INDEX customer_live"),
        ("newest", None, Attribute::LastUpdated, "customer_updated"),
        ("youngest", None, Attribute::DateCreated, "customer_created"),
        ("by name", None, Attribute::Name, "customer_name"),
        ("name", Some(text(Attribute::Name)), Attribute::Id, "customer_name"),
        ("no name", Some(Condition::Empty(Attribute::Name)), Attribute::Id, "customer_name"),
        ("external id", Some(text(Attribute::ExternalId)), Attribute::Id, "customer_external"),
        ("gender", Some(Condition::GenderIs(1)), Attribute::Id, "customer_gender"),
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
        let query = Query::page(TenantId(1), &filter, &by(order));
        let plan = plan(&conn, &query.sql);
        assert!(plan.contains(expected), "{name}: {plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{name}: {plan}");
        assert!(!plan.contains("SCAN customer"), "{name}: {plan}");
    }
}

/// Each filter of the audit log begins where its entries are, in their order, however many others there
/// are.
#[test]
fn the_audit_log_is_read_from_the_index_of_its_filter() {
    let folder = tempfile::TempDir::new().unwrap();
    let conn = empty_hub(&folder);
    for (name, sql, expected) in audit::STATEMENTS {
        let plan = plan(&conn, sql);
        assert!(plan.contains(expected), "{name}: {plan}");
        assert!(!plan.contains("SCAN") && !plan.contains("TEMP B-TREE"), "{name}: {plan}");
    }
}

/// A page behind a position begins where it belongs, however deep that is.
#[test]
fn later_pages_begin_at_their_position() {
    let folder = tempfile::TempDir::new().unwrap();
    let conn = empty_hub(&folder);
    let (text, moment) = (Value::Text("x".into()), Value::Integer(1));
    let cases = [
        (Attribute::LastUpdated, moment.clone(), "(live=? AND updated_at"),
        (Attribute::DateCreated, moment, "(live=? AND created_at"),
        (Attribute::Source, text.clone(), "(live=? AND source"),
        (Attribute::Stage, text.clone(), "(live=? AND stage"),
        (Attribute::Name, text, "(live=? AND name"),
    ];
    let both = |attribute| {
        [false, true].map(|descending| Order { by: SortKey::Attribute(attribute), descending })
    };
    let plans = |order: &Order, value: Option<Value>| -> Vec<String> {
        let position = Position { value, id: CustomerId(7) };
        let parts = parts_behind(TenantId(1), order, &position).into_iter();
        let queries = parts.map(|part| Query::part(TenantId(1), &Filter::default(), order, part));
        queries.map(|query| plan(&conn, &query.sql)).collect()
    };
    for (attribute, value, begins) in cases {
        for order in both(attribute) {
            let set = plans(&order, Some(value.clone()));
            let sign = if order.descending { '<' } else { '>' };
            assert!(set[0].contains(&format!("{begins}{sign}?")), "{attribute}: {set:?}");
            for plan in set.into_iter().chain(plans(&order, None)) {
                assert!(!plan.contains("TEMP B-TREE"), "{attribute}: {plan}");
                assert!(plan.contains("SEARCH") && !plan.contains("SCAN"), "{attribute}: {plan}");
            }
        }
    }
    for order in both(Attribute::Id) {
        // One range, and not one beside that of the tenant.
        let position = Position { value: None, id: CustomerId(7) };
        let parts = parts_behind(TenantId(1), &order, &position);
        let query =
            Query::part(TenantId(1), &Filter::default(), &order, parts.into_iter().next().unwrap());
        assert_eq!(query.sql.matches("key BETWEEN").count(), 1, "{}", query.sql);
        let plan = plan(&conn, &query.sql);
        assert!(plan.contains("customer_live (live=? AND rowid>? AND rowid<?)"), "{plan}");
    }
}

#[test]
fn tests_of_indexed_fields_go_by_their_index() {
    let folder = tempfile::TempDir::new().unwrap();
    let conn = empty_hub(&folder);
    let text = |text: &str| Value::Text(text.into());
    let several = || Test::Is(vec![text("x"), text("y")]);
    let later = Test::Stands(Comparison::AtLeast, Value::Integer(1));
    let cases = [
        (Attribute::Mobile, Test::Is(vec![text("x")]), "customer_mobile"),
        (Attribute::Mobile, several(), "customer_mobile"),
        (Attribute::Mobile, Test::Begins("138".into()), "customer_mobile"),
        (Attribute::Email, several(), "customer_email"),
        (Attribute::Source, several(), "customer_source"),
        (Attribute::Stage, Test::Is(vec![text("x")]), "customer_stage"),
        (Attribute::Name, Test::Begins("x".into()), "customer_name"),
        (Attribute::ExternalId, Test::Is(vec![text("x")]), "customer_external"),
        (Attribute::Gender, Test::Is(vec![Value::Integer(1)]), "customer_gender"),
        (Attribute::LastUpdated, later.clone(), "customer_updated"),
        (Attribute::DateCreated, later, "customer_created"),
    ];
    for (attribute, test, index) in cases {
        let filter =
            Filter { conditions: vec![Condition::Field(SortKey::Attribute(attribute), test)] };
        let query = Query::page(TenantId(1), &filter, &Order::default());
        let plan = plan(&conn, &query.sql);
        assert!(plan.contains(index) && plan.contains("SEARCH"), "{filter:?}: {plan}");
    }
}

/// Who of a source, or of a gender, came or was updated in a period is counted, and found, without a
/// look at the rows. So is how many are of a gender.
#[test]
fn who_is_of_a_kind_in_a_period_is_told_by_an_index_alone() {
    let folder = tempfile::TempDir::new().unwrap();
    let conn = empty_hub(&folder);
    let within = Period { from: Some(0), before: Some(1) };
    let kinds = [Condition::TextIs(Attribute::Source, "x".into()), Condition::GenderIs(0)];
    let periods = [
        (Condition::Updated(within), Attribute::LastUpdated, "customer_updated", "updated_at"),
        (Condition::Created(within), Attribute::DateCreated, "customer_created", "created_at"),
    ];
    for kind in kinds {
        for (period, time, index, column) in periods.clone() {
            let filter = Filter { conditions: vec![kind.clone(), period] };
            let by = |attribute| Order { by: SortKey::Attribute(attribute), descending: true };
            let page = |attribute| Query::page(TenantId(1), &filter, &by(attribute)).sql;
            let expected = format!("COVERING INDEX {index} (live=? AND {column}>");
            for sql in [Query::count(TenantId(1), &filter).sql, page(Attribute::Id)] {
                let plan = plan(&conn, &sql);
                assert!(plan.contains(&expected), "{kind:?}: {plan}");
            }
            let newest = plan(&conn, &page(time));
            assert!(newest.contains(index) && !newest.contains("TEMP B-TREE"), "{newest}");
        }
        let filter = Filter { conditions: vec![kind] };
        let plan = plan(&conn, &Query::count(TenantId(1), &filter).sql);
        assert!(plan.contains("COVERING INDEX"), "{plan}");
    }
}
