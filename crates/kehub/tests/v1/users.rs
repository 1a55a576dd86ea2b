//! `GET /v1/users/current` (W41).

use crate::hub::{TestHub, on_every_engine};

on_every_engine! { any_live_token_may_ask_whose_it_is, }

async fn any_live_token_may_ask_whose_it_is(hub: TestHub) {
    hub.phone.get("/v1/users/current").await.is(
        200,
        r#"{"tid":1,"tname":"default","loginName":"cl000000000000004","name":"app cl000000000000004","email":null}"#,
    );
    let theirs = hub.stranger.get("/v1/users/current").await.ok();
    assert_eq!((theirs["tid"].as_u64(), theirs["tname"].as_str()), (Some(2), Some("theirs")));
    let none = hub.get("/v1/users/current").await.json();
    assert_eq!(none["error_code"], 40001);
}
