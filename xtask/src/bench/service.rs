//! The hand-written function behind the thinnest HTTP service that one would write: it reads the body,
//! takes a connection from a pool, calls the function, answers the id.

use super::announced;
use anyhow::{Context as _, Result};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use deadpool_postgres::{Manager, Pool};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_postgres::NoTls;

/// Where it takes upserts.
pub(super) const UPSERTS: &str = "/upserts";
/// The address of its database; it holds a password, so it is no argument.
pub(super) const DATABASE: &str = "KEHUB_BENCH_DATABASE";
/// Connections of its pool.
const CONNECTIONS: usize = 16;

const CALL: &str = "
    SELECT upsert_customer($1, $2, $3, $4, $5::text::date, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    customer: Customer,
    customer_identities: Vec<Identity>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Customer {
    name: Option<String>,
    gender: Option<i16>,
    mobile: Option<String>,
    email: Option<String>,
    birthday: Option<String>,
    country: Option<String>,
    province: Option<String>,
    city: Option<String>,
    county: Option<String>,
    home_address: Option<String>,
    company: Option<String>,
    source: Option<String>,
    remark: Option<String>,
}

#[derive(Deserialize)]
struct Identity {
    #[serde(rename = "identityType")]
    kind: String,
    #[serde(rename = "identityValue")]
    value: String,
    #[serde(rename = "identityName")]
    name: Option<String>,
}

/// Serves until it is ended.
pub(super) fn run() -> Result<()> {
    let database = std::env::var(DATABASE).with_context(|| format!("{DATABASE} is not set"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let manager = Manager::new(database.parse()?, NoTls);
        let pool = Pool::builder(manager).max_size(CONNECTIONS).build()?;
        let app = Router::new().route(UPSERTS, post(upsert)).route("/ready", get(|| async { "" }));
        axum::serve(announced("service").await?, app.with_state(pool)).await?;
        Ok(())
    })
}

async fn upsert(
    State(pool): State<Pool>,
    Json(body): Json<Body>,
) -> Result<Json<Value>, (StatusCode, String)> {
    match called(&pool, body).await {
        Ok(id) => Ok(Json(json!({ "id": id }))),
        Err(error) => Err((StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}"))),
    }
}

async fn called(pool: &Pool, body: Body) -> Result<i64> {
    let client = pool.get().await?;
    let call = client.prepare_cached(CALL).await?;
    let Customer { name, gender, mobile, email, birthday, country, province, city, county, .. } =
        &body.customer;
    let Customer { home_address, company, source, remark, .. } = &body.customer;
    let identities = body.customer_identities;
    // A value that belongs to nobody would be one person to the function.
    let identities = || identities.iter().filter(|it| it.value != "unknown");
    let types: Vec<&str> = identities().map(|it| &*it.kind).collect();
    let values: Vec<&str> = identities().map(|it| &*it.value).collect();
    let names: Vec<Option<&str>> = identities().map(|it| it.name.as_deref()).collect();
    let row = client
        .query_one(
            &call,
            &[
                name,
                gender,
                mobile,
                email,
                birthday,
                country,
                province,
                city,
                county,
                home_address,
                company,
                source,
                remark,
                &types,
                &values,
                &names,
            ],
        )
        .await?;
    Ok(row.try_get(0)?)
}
