//! A PostgreSQL database of its own for a test, on the server that `cargo xtask test` starts.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use tokio_postgres::{Client, NoTls};

/// Where the server is.
const SERVER: &str = "KEHUB_TEST_POSTGRES_URL";

/// An empty database. It is gone when this is dropped.
#[derive(Debug)]
pub struct TestDatabase {
    server: String,
    name: String,
}

impl TestDatabase {
    /// Makes one.
    pub async fn new() -> TestDatabase {
        let server = std::env::var(SERVER).unwrap_or_else(|_| {
            panic!("{SERVER} is not set: `cargo xtask test` starts a PostgreSQL and sets it")
        });
        let name = format!("kehub_test_{:016x}", RandomState::new().build_hasher().finish());
        let sql = format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'");
        client(&server).await.batch_execute(&sql).await.unwrap();
        TestDatabase { server, name }
    }

    /// Its address.
    pub fn url(&self) -> String {
        let (base, options) = self.server.split_once('?').unwrap_or((&self.server, ""));
        let (scheme, rest) = base.split_once("://").unwrap();
        let host = rest.split('/').next().unwrap_or_default();
        let options = if options.is_empty() { String::new() } else { format!("?{options}") };
        format!("{scheme}://{host}/{}{options}", self.name)
    }

    /// Runs statements on a connection of their own.
    pub async fn run(&self, sql: &str) {
        client(&self.url()).await.batch_execute(sql).await.unwrap();
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        // A runtime cannot wait within another one.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
            let drop_it = async { client(&server).await.batch_execute(&sql).await };
            runtime.unwrap().block_on(drop_it)
        });
        drop(dropping.join());
    }
}

async fn client(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
