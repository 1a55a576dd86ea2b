//! Health, readiness, metrics and the page about the API.

use crate::hub::{TestHub, on_every_engine};
use kehub_store::Fault;

on_every_engine! {
    the_process_says_that_it_lives,
    readiness_is_a_write_whose_result_is_reused_for_a_second,
    a_store_that_does_not_answer_is_not_ready,
    metrics_count_requests_by_template_and_upserts_by_result,
    the_page_is_complete_and_names_no_other_host,
}

async fn the_process_says_that_it_lives(hub: TestHub) {
    hub.store.plan([Fault::Corrupt]);
    hub.get("/healthz").await.is(200, "ok");
}

async fn readiness_is_a_write_whose_result_is_reused_for_a_second(hub: TestHub) {
    hub.get("/readyz").await.is(200, "ready");
    hub.store.plan([Fault::Before]);
    hub.get("/readyz").await.is(200, "ready");
    hub.clock.advance_seconds(1);
    let failed = hub.get("/readyz").await;
    assert_eq!((failed.status.as_u16(), failed.header("retry-after")), (503, "1"));
    assert_eq!(hub.get("/readyz").await.status, 503);
    hub.clock.advance_seconds(1);
    hub.get("/readyz").await.is(200, "ready");
}

async fn a_store_that_does_not_answer_is_not_ready(hub: TestHub) {
    hub.store.plan([Fault::Never]);
    let failed = hub.get("/readyz").await;
    assert_eq!((failed.status.as_u16(), failed.header("retry-after")), (503, "1"));
    hub.clock.advance_seconds(1);
    hub.get("/readyz").await.is(200, "ready");
}

async fn metrics_count_requests_by_template_and_upserts_by_result(hub: TestHub) {
    hub.writer.upsert(&["member:1"], "{}").await.ok();
    hub.writer.upsert(&["member:1"], "{}").await.ok();
    hub.writer.get("/v1/customers/1?dryRun=13800000001").await.ok();
    hub.writer.get("/v1/customers/12345").await;
    hub.writer.get("/secret-path").await;
    let metrics = hub.get("/metrics").await;
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(metrics.header("content-type"), content_type);
    let lines = [
        r#"kehub_requests_total{method="POST",route="/v1/customerandidentities",status="201"} 1"#,
        r#"kehub_requests_total{method="GET",route="/v1/customers/{id}",status="200"} 1"#,
        r#"kehub_requests_total{method="GET",route="/v1/customers/{id}",status="404"} 1"#,
        r#"kehub_requests_total{method="GET",route="unknown",status="404"} 1"#,
        r#"kehub_request_duration_seconds_count{route="/v1/customerandidentities"} 2"#,
        r#"kehub_upserts_total{result="created"} 1"#,
        r#"kehub_upserts_total{result="unchanged"} 1"#,
        "kehub_queue_depth 0",
        "# EOF",
    ];
    for line in lines {
        assert!(metrics.text.lines().any(|known| known == line), "{line}\n{}", metrics.text);
    }
    for name in ["kehub_group_size_count", "kehub_commit_duration_seconds_count"] {
        assert!(metrics.text.contains(name), "{name}");
    }
    for private in ["12345", "secret-path", "13800000001"] {
        assert!(!metrics.text.contains(private), "{private}");
    }
}

async fn the_page_is_complete_and_names_no_other_host(hub: TestHub) {
    let page = hub.get("/docs").await;
    assert_eq!(page.header("content-type"), "text/html;charset=UTF-8");
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    for path in kehub::server::openapi()["paths"].as_object().unwrap().keys() {
        assert!(page.text.contains(path.as_str()), "{path}");
    }
    for outside in ["src=", "@import", "url(", "<script", "href=\"http"] {
        assert!(!page.text.contains(outside), "{outside}");
    }
}
