//! The description of the API is complete, exact and committed.

use crate::hub::{TestHub, valid};
use serde_json::Value;

#[test]
fn the_committed_document_is_the_one_that_is_served() {
    let committed: Value = serde_json::from_str(include_str!("../../../../openapi.json")).unwrap();
    let same = committed == *kehub::server::openapi();
    assert!(same, "openapi.json is stale: `cargo xtask generate` writes it");
}

#[tokio::test]
async fn the_document_is_served() {
    let hub = TestHub::on_memory().await;
    let served = hub.get("/openapi.json").await;
    assert_eq!(served.header("content-type"), "application/json;charset=UTF-8");
    assert_eq!(served.json(), *kehub::server::openapi());
}

#[test]
fn every_operation_tells_its_answers_with_an_example_each() {
    for (name, operation) in operations() {
        assert!(operation["summary"].is_string(), "{name} has no summary");
        let responses = operation["responses"].as_object().unwrap();
        assert!(!responses.is_empty(), "{name} has no answers");
        for (status, response) in responses.iter().filter(|(status, _)| *status != "204") {
            let contents = response["content"].as_object().unwrap().values();
            for content in contents {
                assert!(content["schema"].is_object(), "{name} {status}");
                let example = content.get("example").or(content.get("examples"));
                assert!(example.is_some(), "{name} {status} has no example");
            }
        }
    }
}

#[test]
fn every_example_is_valid() {
    for (name, operation) in operations() {
        let bodies = operation["requestBody"]["content"].as_object().into_iter().flatten();
        for (_, content) in bodies {
            valid(&content["schema"], &content["example"], &name);
        }
        let responses = operation["responses"].as_object().unwrap().values();
        for content in responses.filter_map(|it| it["content"].as_object()).flatten() {
            let content = content.1;
            if let Some(example) = content.get("example") {
                valid(&content["schema"], example, &name);
            }
            for (_, example) in content["examples"].as_object().into_iter().flatten() {
                valid(&content["schema"], &example["value"], &name);
            }
        }
    }
}

/// Every operation, as `get /v1/customers`.
fn operations() -> Vec<(String, &'static Value)> {
    let paths = kehub::server::openapi()["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (format!("{method} {path}"), operation))
    });
    operations.collect()
}
