//! `GET /security/accesstoken`, and what a token is worth (W23 to W25).

use crate::hub::{Actor, SECRET, TestHub, on_every_engine, request};
use axum::http::header::AUTHORIZATION;
use kehub::credentials::secret_hash;
use kehub_core::command::InsteadOf;
use kehub_core::directory::AppChange;

on_every_engine! {
    a_token_has_the_form_that_clients_compare,
    bad_credentials_are_a_text_code_with_status_200,
    several_tokens_live_side_by_side_for_two_hours,
    a_missing_or_wrong_token_is_an_object_with_status_200,
    the_query_token_wins_over_any_header,
    a_revoked_app_is_out,
    a_rotated_app_needs_its_new_secret,
}

const BAD_TOKEN: &str =
    r#"{"error_code":40001,"error_description":"the access token is missing, unknown or expired"}"#;
const BAD_CREDENTIALS: &str =
    r#"{"error_code":"40004","error_description":"the params is illegal"}"#;

async fn a_token_has_the_form_that_clients_compare(hub: TestHub) {
    for grant_type in ["client_credentials", "client_credential"] {
        let answer = hub.get(&path(grant_type, hub.writer.id, SECRET)).await;
        let token = answer.json()["access_token"].as_str().unwrap().to_owned();
        let body = format!(r#"{{"error_code":0,"access_token":"{token}","expires_in":7200}}"#);
        answer.is(200, &body);
        assert_eq!(answer.header("content-type"), "application/json;charset=UTF-8");
        assert_eq!(token.len(), 32);
        assert!(token.bytes().all(|b| b"0123456789abcdef".contains(&b)), "{token}");
    }
}

async fn bad_credentials_are_a_text_code_with_status_200(hub: TestHub) {
    let app = hub.writer.id;
    let paths = [
        path("client_credentials", app, "00000000000000000000000000000000000000ac"),
        path("client_credentials", "cl00000000000000f", SECRET),
        path("password", app, SECRET),
        path("client_credentials", app, ""),
        path("client_credentials", app, "%ff"),
        format!("/security/accesstoken?appid={app}&secret={SECRET}"),
        "/security/accesstoken".to_owned(),
    ];
    for path in paths {
        hub.get(&path).await.is(200, BAD_CREDENTIALS);
    }
}

async fn several_tokens_live_side_by_side_for_two_hours(hub: TestHub) {
    let first = hub.writer.token.clone();
    hub.clock.advance_seconds(3600);
    let answer = hub.get(&path("client_credentials", hub.writer.id, SECRET)).await;
    let second = answer.json()["access_token"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    assert_eq!(count_with(&hub, &first).await, "0");
    hub.clock.advance_seconds(3600);
    assert_eq!(count_with(&hub, &first).await, "0", "after exactly two hours");
    hub.clock.advance_seconds(120);
    assert_eq!(count_with(&hub, &first).await, BAD_TOKEN);
    assert_eq!(count_with(&hub, &second).await, "0");
}

async fn a_missing_or_wrong_token_is_an_object_with_status_200(hub: TestHub) {
    for query in ["", "?access_token=", "?access_token=x", "?access_token=%ff"] {
        hub.get(&format!("/v1/customers/count{query}")).await.is(200, BAD_TOKEN);
    }
    let forged = format!("?access_token={}", "0".repeat(32));
    hub.get(&format!("/v1/customers{forged}")).await.is(200, BAD_TOKEN);
}

async fn the_query_token_wins_over_any_header(hub: TestHub) {
    let live = hub.writer.token.clone();
    let basic = "Basic YWRtaW46";
    let cases = [
        (Some(live.as_str()), basic.to_owned(), true),
        (Some(live.as_str()), "Bearer 00000000000000000000000000000000".to_owned(), true),
        (None, format!("Bearer {live}"), true),
        (None, format!("bearer {live}"), true),
        (Some("wrong"), format!("Bearer {live}"), false),
        (None, basic.to_owned(), false),
        (None, format!("Basic {live}"), false),
        (None, live.clone(), false),
    ];
    for (token, header, accepted) in cases {
        let query = token.map(|token| format!("?access_token={token}")).unwrap_or_default();
        let mut request = request("GET", &format!("/v1/customers/count{query}"), "");
        request.headers_mut().insert(AUTHORIZATION, header.parse().unwrap());
        let expected = if accepted { "0" } else { BAD_TOKEN };
        assert_eq!(hub.call(request).await.text, expected, "{query} {header}");
    }
}

async fn a_revoked_app_is_out(hub: TestHub) {
    let Actor { id, token, .. } = hub.writer.clone();
    hub.change_app(AppChange::Revoke { id: id.into() }).await;
    assert_eq!(count_with(&hub, &token).await, BAD_TOKEN);
    hub.get(&path("client_credentials", id, SECRET)).await.is(200, BAD_CREDENTIALS);
    assert_eq!(count_with(&hub, &hub.reader.token).await, "0", "others stay");
}

async fn a_rotated_app_needs_its_new_secret(hub: TestHub) {
    let Actor { id, token, .. } = hub.writer.clone();
    let new = "ffffffffffffffffffffffffffffffffffffffff";
    let (secret_hash, instead_of) = (secret_hash(new), InsteadOf::Whatever);
    hub.change_app(AppChange::Rotate { id: id.into(), secret_hash, instead_of }).await;
    assert_eq!(count_with(&hub, &token).await, BAD_TOKEN);
    hub.get(&path("client_credentials", id, SECRET)).await.is(200, BAD_CREDENTIALS);
    let answer = hub.get(&path("client_credentials", id, new)).await.ok();
    assert_eq!(count_with(&hub, answer["access_token"].as_str().unwrap()).await, "0");
}

async fn count_with(hub: &TestHub, token: &str) -> String {
    hub.get(&format!("/v1/customers/count?access_token={token}")).await.text
}

fn path(grant_type: &str, app: &str, secret: &str) -> String {
    format!("/security/accesstoken?grant_type={grant_type}&appid={app}&secret={secret}")
}
