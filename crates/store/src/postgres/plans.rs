//! What PostgreSQL says of the statements: it understands each of them, and with tables of any size
//! each look-up would go by a key or an index.

use super::connection::{Connection, Server};
use super::query::Query;
use super::render::{Part, numbered, parts_behind};
use super::statements::ASKED_ALIKE;
use super::{audit, copy, identified, lookup, owners, schema, write, writer};
use crate::TestDatabase;
use kehub_core::attribute::{Attribute, Value};
use kehub_core::filter::{Condition, Filter, Order, Position, SortKey};
use kehub_core::{CustomerId, TenantId};

/// Those that read a whole tenant, or the few rows that belong to none.
const WHOLE: &[&str] = &["traits", "owned identities"];

async fn empty_hub(database: &TestDatabase) -> Connection {
    let conn = Server::of(&database.url()).unwrap().connect().await.unwrap();
    schema::migrate(&conn).await.unwrap();
    // An empty table is read from end to end and sorted, whatever the statement.
    let settings = "SET enable_seqscan = off; SET enable_sort = off;
        SET plan_cache_mode = force_generic_plan";
    conn.batch(settings).await.unwrap();
    conn
}

async fn plan(conn: &Connection, sql: &str) -> String {
    let count = (1..40).rev().find(|number| sql.contains(&format!("${number}"))).unwrap_or(0);
    conn.batch(&format!("PREPARE looked_at AS {sql}")).await.unwrap();
    let nothing = vec!["NULL"; count].join(", ");
    let args = if count == 0 { String::new() } else { format!("({nothing})") };
    let rows = conn.all(&format!("EXPLAIN EXECUTE looked_at{args}"), &[]).await.unwrap();
    conn.batch("DEALLOCATE looked_at").await.unwrap();
    let steps: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    steps.join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_look_up_goes_by_a_key_or_an_index() {
    let database = TestDatabase::new().await;
    let conn = empty_hub(&database).await;
    let others =
        [lookup::STATEMENTS, lookup::OF_CLUSTERS, owners::STATEMENTS, identified::STATEMENTS];
    for (name, sql) in ASKED_ALIKE.iter().chain(&others).copied().flatten() {
        let plan = plan(&conn, sql).await;
        let is_whole = WHOLE.contains(name);
        assert!(is_whole || !plan.contains("Seq Scan"), "{name}: {plan}");
    }
    for (name, sql, _) in copy::statements().iter().filter(|(_, _, reads)| *reads) {
        let plan = plan(&conn, sql).await;
        // A range is small enough to be sorted.
        let is_in_order = !plan.contains("Sort") || name.starts_with("range of");
        let is_whole = sql.contains("FROM copying");
        assert!(is_whole || is_in_order && !plan.contains("Seq Scan"), "{name}: {plan}");
    }
}

/// A server that has counted empty tables expects one row of each, and that all of its index is as good
/// as the place of a key.
#[tokio::test(flavor = "multi_thread")]
async fn look_ups_of_a_group_go_by_their_keys_also_where_tables_were_counted_empty() {
    let database = TestDatabase::new().await;
    let conn = empty_hub(&database).await;
    writer::go_by_index(&conn).await.unwrap();
    conn.batch("VACUUM ANALYZE").await.unwrap();
    let by_value = "(type = w.type) AND (value = w.value)";
    let of_owners = [
        by_value,
        "(live = w.live) AND (mobile_key = w.value)",
        "(live = w.live) AND (email_key = w.value)",
        "home = named.home",
        "key = named.home",
        "identity = identity.key",
        "identity = n.key",
    ];
    let frequent: [(&str, &[&str]); 3] = [
        ("identities of values", &[by_value]),
        ("identities and their owners", &of_owners),
        ("delete of receipts", &["(tenant = w.tenant) AND (at <= $2)"]),
    ];
    let all = [lookup::STATEMENTS, owners::STATEMENTS, write::STATEMENTS].concat();
    for (name, keys) in frequent {
        let (_, sql) = all.iter().find(|it| it.0 == name).unwrap();
        let plan = plan(&conn, sql).await;
        // A statement may name several of its parts alike.
        let told =
            ["_1.", "_2.", "_3."].iter().fold(plan, |plan, number| plan.replace(number, "."));
        for key in keys {
            assert!(told.contains(&format!("Index Cond: ({key}")), "{name}: {key}: {told}");
        }
    }
}

/// However many requests of a group bring the mobile that many customers show.
#[tokio::test(flavor = "multi_thread")]
async fn carriers_of_a_value_are_looked_up_once_for_all_requests() {
    let database = TestDatabase::new().await;
    let conn = empty_hub(&database).await;
    writer::go_by_index(&conn).await.unwrap();
    let (_, sql) = owners::STATEMENTS[0];
    conn.batch(&format!("PREPARE looked_at AS {sql}")).await.unwrap();
    let keys = "'{1,1,1}', '{138,138,138}', '{64,64,64}', '{1,2,3}'";
    let execute = format!(
        "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) EXECUTE looked_at('{{}}', '{{}}', '{{}}', {keys}, {keys})"
    );
    let rows = conn.all(&execute, &[]).await.unwrap();
    let steps: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    for index in ["customer_mobile", "customer_email"] {
        let step = steps.iter().find(|step| step.contains(index)).unwrap();
        assert!(step.contains("loops=1)"), "{}", steps.join("\n"));
    }
}

/// Each filter of the audit log begins where its entries are, in their order, however many others there
/// are. What is put in order afterwards are the few that each deed has found.
#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_is_read_from_the_index_of_its_filter() {
    let database = TestDatabase::new().await;
    let conn = empty_hub(&database).await;
    for (name, index) in audit::LED_BY {
        let (_, sql) = audit::STATEMENTS.iter().find(|it| it.0 == *name).unwrap();
        let plan = plan(&conn, sql).await;
        let (above, found) = plan.split_once(index).unwrap_or_else(|| panic!("{name}: {plan}"));
        assert!(found.contains("Index Cond: (((key >> 40) = $1) AND"), "{name}: {plan}");
        assert!(found.contains("(ROW(at, key) < ROW($3, $4))"), "{name}: {plan}");
        assert_eq!(above.matches("Sort").count(), usize::from(*name != "audit") * 2, "{plan}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_read_in_order_from_an_index() {
    let database = TestDatabase::new().await;
    let conn = empty_hub(&database).await;
    let by = |attribute, descending| Order { by: SortKey::Attribute(attribute), descending };
    let (text, moment) = (Value::Text("x".into()), Value::Integer(1));
    let cases = [
        (Attribute::Id, None, "customer_live"),
        (Attribute::LastUpdated, Some(moment.clone()), "updated_when"),
        (Attribute::DateCreated, Some(moment), "customer_created"),
        (Attribute::Source, Some(text.clone()), "customer_source"),
        (Attribute::Stage, Some(text.clone()), "customer_stage"),
        (Attribute::Name, Some(text), "customer_name"),
    ];
    let tenant = TenantId(1);
    for (attribute, value, index) in cases {
        for order in [by(attribute, false), by(attribute, true)] {
            let position = Position { value: value.clone(), id: CustomerId(7) };
            let first = std::iter::once(Part::all(tenant));
            for part in first.chain(parts_behind(tenant, &order, &position)) {
                let query = Query::part("key", tenant, &Filter::default(), &order, part);
                let plan = plan(&conn, &numbered(&query.sql, query.args())).await;
                let has_index = plan.contains(index) || plan.contains("customer_pkey");
                assert!(has_index && !plan.contains("Sort"), "{order:?}: {plan}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_by_indexed_fields_go_by_their_index() {
    let database = TestDatabase::new().await;
    let conn = empty_hub(&database).await;
    let cases = [
        (Condition::TextIs(Attribute::Source, "x".into()), "customer_source"),
        (Condition::TextIs(Attribute::Name, "x".into()), "customer_name"),
        (Condition::TextIs(Attribute::ExternalId, "x".into()), "customer_external"),
        (Condition::GenderIs(1), "customer_gender"),
        (Condition::MobileIs("x".into()), "customer_mobile"),
        (Condition::EmailIs("x".into()), "customer_email"),
        (Condition::IdIn(vec![CustomerId(1)]), "customer_"),
    ];
    for (condition, index) in cases {
        let filter = Filter { conditions: vec![condition] };
        let part = Part::all(TenantId(1));
        let query = Query::part("key", TenantId(1), &filter, &Order::default(), part);
        let plan = plan(&conn, &numbered(&query.sql, query.args())).await;
        assert!(plan.contains(index) && !plan.contains("Seq Scan"), "{filter:?}: {plan}");
    }
}
