//! A PostgreSQL database of its own for a test, on the server that `cargo xtask test` starts, or a
//! schema of its own on a Citus cluster.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use tokio_postgres::{Client, NoTls};

/// Where the server is.
const SERVER: &str = "KEHUB_TEST_POSTGRES_URL";
/// Where the coordinator of a Citus cluster is, if there is one: a superuser's address.
const CLUSTER: &str = "KEHUB_TEST_CITUS_URL";

/// What a coordinator offers to a hub, for a server that is none: every table stays whole, and both
/// workers are this server. It refuses the tables that a coordinator refuses.
const STAND_IN: &str = include_str!("testing/stand_in.sql");

/// An empty database. It is gone when this is dropped.
#[derive(Debug)]
pub struct TestDatabase {
    server: String,
    name: String,
    is_schema: bool,
}

impl TestDatabase {
    /// Makes one on a server of its own.
    pub async fn new() -> TestDatabase {
        let server = std::env::var(SERVER).unwrap_or_else(|_| {
            panic!("{SERVER} is not set: `cargo xtask test` starts a PostgreSQL and sets it")
        });
        let name = name();
        let sql = format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'");
        client(&server).await.batch_execute(&sql).await.unwrap();
        TestDatabase { server, name, is_schema: false }
    }

    /// Makes one on the cluster that `KEHUB_TEST_CITUS_URL` names; without it, one on the server, with
    /// a stand-in for what a cluster offers.
    pub async fn on_cluster() -> TestDatabase {
        let Ok(server) = std::env::var(CLUSTER) else { return TestDatabase::on_stand_in().await };
        let name = name();
        client(&server).await.batch_execute(&format!("CREATE SCHEMA {name}")).await.unwrap();
        TestDatabase { server, name, is_schema: true }
    }

    /// Makes one with a stand-in for what a cluster offers, for tests that make it misbehave.
    pub async fn on_stand_in() -> TestDatabase {
        let database = TestDatabase::new().await;
        database.run(STAND_IN).await;
        database
    }

    /// Its address. Sessions that are made with it carry the name of the database.
    pub fn url(&self) -> String {
        let name = &self.name;
        let (base, options) = self.server.split_once('?').unwrap_or((&self.server, ""));
        let options = if options.is_empty() { String::new() } else { format!("{options}&") };
        let options = format!("{options}application_name={name}");
        if self.is_schema {
            // Few shards: what is tried does not depend on how many there are, and each costs time.
            let own = format!("-csearch_path%3D{name}%20-ccitus.shard_count%3D4");
            return format!("{base}?{options}&options={own}");
        }
        let (scheme, rest) = base.split_once("://").unwrap();
        let host = rest.split('/').next().unwrap_or_default();
        format!("{scheme}://{host}/{name}?{options}")
    }

    /// Runs statements on a connection of their own.
    pub async fn run(&self, sql: &str) {
        client(&self.url()).await.batch_execute(sql).await.unwrap();
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.as_str());
        let (ends, removes) = if self.is_schema {
            let ends = format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE application_name = '{name}'"
            );
            let removes = format!("DROP SCHEMA IF EXISTS {name} CASCADE");
            (ends, removes)
        } else {
            (String::new(), format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        };
        // A runtime cannot wait within another one.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let drop_it = async {
                let client = client(&server).await;
                client.batch_execute("SET lock_timeout = '30s'").await?;
                client.batch_execute(&ends).await?;
                client.batch_execute(&removes).await
            };
            runtime.unwrap().block_on(drop_it)
        });
        #[expect(clippy::print_stderr, reason = "who looks at a test sees what it left")]
        if let Ok(Err(left)) = dropping.join() {
            eprintln!("{name} is still there: {left}");
        }
    }
}

fn name() -> String {
    format!("kehub_test_{:016x}", RandomState::new().build_hasher().finish())
}

async fn client(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
