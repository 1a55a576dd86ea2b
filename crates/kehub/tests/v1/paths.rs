//! Paths, methods and content types as clients send them (W32, W40).

use crate::hub::{TestHub, on_every_engine, request};

on_every_engine! {
    words_match_in_any_case_and_slashes_collapse,
    the_content_type_does_not_matter,
    an_unknown_path_is_404_and_a_wrong_method_405,
}

async fn words_match_in_any_case_and_slashes_collapse(hub: TestHub) {
    let body = r#"{"customer":{"mobile":"13800000001"},"customerIdentities":[]}"#;
    let paths = [
        "/v1/customerandidentities",
        "/v1/customerAndIdentities",
        "//v1/customerandidentities",
        "/V1//CUSTOMERANDIDENTITIES/",
    ];
    for path in paths {
        assert_eq!(hub.writer.post(path, body).await.ok()["id"], 1, "{path}");
    }
    hub.writer.get("//v1//Customers//Count").await.is(200, "1");
    assert_eq!(hub.writer.get("/v1/Customers/1/").await.ok()["id"], 1);
    // The query keeps its case.
    assert_eq!(hub.writer.get("/V1/customers?select=Id,id").await.ok()["rows"][0]["id"], 1);
}

async fn the_content_type_does_not_matter(hub: TestHub) {
    let cases: [&[&str]; 6] = [
        &[],
        &["application/json", "application/json"],
        &["application/json; charset=utf-8"],
        &["text/plain"],
        &["application/x-www-form-urlencoded"],
        &["nonsense"],
    ];
    for content_types in cases {
        let path = format!("/v1/customers?access_token={}", hub.writer.token);
        let mut request = request("POST", &path, r#"{"mobile":"13800000001","name":"王芳"}"#);
        for content_type in content_types {
            request.headers_mut().append("content-type", content_type.parse().unwrap());
        }
        assert_eq!(hub.call(request).await.ok()["name"], "王芳", "{content_types:?}");
    }
}

async fn an_unknown_path_is_404_and_a_wrong_method_405(hub: TestHub) {
    let unknown = r#"{"error_code":40400,"error_description":"no such path"}"#;
    for path in ["/", "/v1", "/v1/customer", "/v1/customers/1/more", "/v2/customers"] {
        hub.writer.get(path).await.is(404, unknown);
    }
    let cases = [
        ("PUT", "/v1/customers", ["GET", "POST"].as_slice()),
        ("POST", "/v1/customers/1", &["GET", "PUT", "DELETE"]),
        ("GET", "/v1/customerandidentities", &["POST"]),
        ("PATCH", "/v1/customeridentities", &["GET", "POST"]),
        ("POST", "/security/accesstoken", &["GET"]),
        ("DELETE", "/healthz", &["GET"]),
    ];
    for (method, path, allowed) in cases {
        let answer = hub.writer.call(method, path, "{}").await;
        let body =
            r#"{"error_code":40500,"error_description":"the path does not know this method"}"#;
        answer.is(405, body);
        let allow: Vec<&str> = answer.header("allow").split(',').map(str::trim).collect();
        assert!(allowed.iter().all(|method| allow.contains(method)), "{path}: {allow:?}");
        assert!(!allow.contains(&method), "{path}: {allow:?}");
        assert_eq!(answer.header("content-type"), "application/json;charset=UTF-8");
    }
}
