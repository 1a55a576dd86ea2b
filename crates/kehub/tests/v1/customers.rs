//! `POST /v1/customers`.

use crate::hub::{TestHub, customer_text, on_every_engine};

on_every_engine! {
    a_flat_body_creates_with_201_and_updates_with_200,
    mobile_goes_before_email_and_the_lowest_id_wins,
    an_object_without_fields_is_a_bare_string,
    field_errors_are_listed_all_at_once,
}

const PATH: &str = "/v1/customers";

async fn a_flat_body_creates_with_201_and_updates_with_200(hub: TestHub) {
    let first = hub.writer.post(PATH, r#"{"mobile":"13800000001","email":"a@b.cn"}"#).await;
    let members = [("id", "1"), ("mobile", "\"13800000001\""), ("email", "\"a@b.cn\"")];
    first.is(201, &customer_text(&members));
    let second =
        hub.writer.post(PATH, r#"{"mobile":"13800000001","email":"c@d.cn","name":"W"}"#).await;
    second.is(
        200,
        &customer_text(&[
            ("id", "1"),
            ("displayName", "\"W\""),
            ("name", "\"W\""),
            ("mobile", "\"13800000001\""),
            ("email", "\"c@d.cn\""),
        ]),
    );
}

async fn mobile_goes_before_email_and_the_lowest_id_wins(hub: TestHub) {
    // Two customers carry one mobile, because their accounts say that they are two people.
    hub.writer.upsert(&["member:1"], r#"{"mobile":"13800000001"}"#).await.ok();
    hub.writer.upsert(&["member:2"], r#"{"mobile":"13800000001"}"#).await.ok();
    hub.writer.upsert(&["member:3"], r#"{"email":"a@b.cn"}"#).await.ok();
    let body = r#"{"mobile":"13800000001","email":"a@b.cn","name":"W"}"#;
    assert_eq!(hub.writer.post(PATH, body).await.ok()["id"], 1);
    assert_eq!(hub.writer.post(PATH, r#"{"email":"A@B.cn"}"#).await.ok()["id"], 1);
}

async fn an_object_without_fields_is_a_bare_string(hub: TestHub) {
    for body in ["{}", r#"{"unknown":1}"#, r#"{"name":""}"#, r#"{"id":7,"attr":{}}"#] {
        hub.writer.post(PATH, body).await.is(400, r#""Request data need at least one field""#);
    }
    assert_eq!(hub.customer_count().await, 0);
}

async fn field_errors_are_listed_all_at_once(hub: TestHub) {
    let body = r#"{"gender":3,"isMember":"yes","employeeNumber":"12.5","name":["x"]}"#;
    let answer = hub.writer.post(PATH, body).await;
    answer.is(
        200,
        concat!(
            r#"{"error":{"code":"400001","message":"field validation exception","fieldErrors":["#,
            r#"{"fieldName":"gender","message":"expected 0, 1 or 2, found another number"},"#,
            r#"{"fieldName":"isMember","message":"expected true or false, found other text"},"#,
            r#"{"fieldName":"employeeNumber","message":"expected a whole number, found text"},"#,
            r#"{"fieldName":"name","message":"expected text, found an array"}]}}"#,
        ),
    );
    assert_eq!(hub.customer_count().await, 0);
}
