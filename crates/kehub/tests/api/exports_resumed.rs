//! Exports that broke off on the way, and go on.

use crate::hub::{Actor, Answer, TestHub, on_every_engine, request};
use axum::body::{Body, Bytes, to_bytes};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use calamine::{Reader as _, Xlsx};
use http_body_util::BodyExt as _;
use kehub_core::command::InsteadOf;
use kehub_core::directory::{AppChange, Permission};
use kehub_core::people::user::Role;
use kehub_store::Fault;
use serde_json::{Value, json};
use std::io::Cursor;
use std::time::Duration;

on_every_engine! { what_broke_off_goes_on_as_of_its_moment, }

/// So many customers with a remark of so many characters.
async fn people(hub: &TestHub, count: usize, remark: usize) {
    let row = |number: usize| {
        let identity = json!({ "type": "member", "value": number.to_string() });
        let fields = json!({ "name": format!("Wang {number}"), "remark": "r".repeat(remark) });
        json!({ "customer": fields, "identities": [identity] })
    };
    let rows: Vec<Value> = (1..=count).map(row).collect();
    hub.writer.post("/api/customers/batch", &json!(rows)).await.was(200);
}

/// A call with these headers, before its body is read.
async fn begin(
    hub: &TestHub,
    actor: &Actor,
    path: &str,
    headers: &[(&'static str, &str)],
) -> (u16, HeaderMap, Body) {
    let mut call = request("GET", path, "");
    let token = format!("Bearer {}", actor.token).parse().unwrap();
    call.headers_mut().insert(AUTHORIZATION, token);
    for (name, value) in headers {
        call.headers_mut().insert(*name, value.parse().unwrap());
    }
    let (parts, body) = hub.app.answer(call).await.into_parts();
    (parts.status.as_u16(), parts.headers, body)
}

/// The same with all of its body.
async fn bytes(
    hub: &TestHub,
    path: &str,
    headers: &[(&'static str, &str)],
) -> (u16, HeaderMap, Bytes) {
    let (status, headers, body) = begin(hub, &hub.reader, path, headers).await;
    (status, headers, to_bytes(body, usize::MAX).await.unwrap())
}

/// A call of the reader with these headers, which is held against the description.
async fn text(hub: &TestHub, path: &str, headers: &[(&'static str, &str)]) -> Answer {
    let mut call = request("GET", path, "");
    for (name, value) in headers {
        call.headers_mut().insert(*name, value.parse().unwrap());
    }
    hub.reader.ask_with(path, call).await
}

fn of<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).unwrap_or_else(|| panic!("no header {name}")).to_str().unwrap()
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|it| it == text.as_bytes())
}

async fn what_broke_off_goes_on_as_of_its_moment(hub: TestHub) {
    people(&hub, 700, 150).await;
    for (number, query) in
        ["format=csv", "format=csv&compression=gzip", "format=xlsx"].into_iter().enumerate()
    {
        let path = format!("/api/exports?{query}");
        let (_, _, before) = bytes(&hub, &path, &[]).await;
        let (status, headers, mut body) = begin(&hub, &hub.reader, &path, &[]).await;
        assert_eq!((status, of(&headers, "accept-ranges")), (200, "bytes"));
        let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
        // The connection is lost, and so is half of what was under way.
        drop(body);
        let came = first.slice(..first.len() / 2);
        let changed = format!("Changed {number}");
        let change = json!({ "customer": { "name": changed } });
        hub.writer.patch("/api/customers/699", &change).await.was(200);

        let place = of(&headers, "content-location");
        let rest = format!("bytes={}-", came.len());
        let (status, resumed, rest) = bytes(&hub, place, &[("range", &rest)]).await;
        assert_eq!(status, 206, "{query}");
        let whole = [came.clone(), rest.clone()].concat();
        let range = format!("bytes {}-{}/{}", came.len(), whole.len() - 1, whole.len());
        assert_eq!(of(&resumed, "content-range"), range);
        assert_eq!(of(&resumed, "content-length"), rest.len().to_string());
        for same in ["content-type", "content-disposition", "etag", "accept-ranges"] {
            assert_eq!(of(&resumed, same), of(&headers, same));
        }
        let (status, again, all) = bytes(&hub, place, &[]).await;
        assert_eq!((status, of(&again, "content-length")), (200, &*whole.len().to_string()));
        assert!(all == whole, "{query}: the parts are not the whole");
        if query == "format=xlsx" {
            // Each spreadsheet tells when it was made.
            let mut book: Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(whole)).unwrap();
            let sheet = book.worksheet_range("客户").unwrap();
            let names: Vec<String> = sheet.rows().flatten().map(ToString::to_string).collect();
            assert!(names.contains(&"Wang 700".to_owned()) && !names.contains(&changed));
        } else {
            assert!(whole == before, "{query}: it is of another moment");
        }
        let (_, _, now) = bytes(&hub, "/api/exports?format=csv", &[]).await;
        assert!(contains(&now, &changed));
    }
}

#[tokio::test]
async fn a_browser_goes_on_at_the_address_that_it_knows() {
    let hub = TestHub::on_memory().await;
    people(&hub, 3, 1).await;
    let path = "/api/exports?format=csv&fields=name";
    let made = text(&hub, path, &[]).await;
    let tag = made.header("etag");
    hub.writer.patch("/api/customers/3", &json!({ "customer": { "name": "x" } })).await.was(200);
    let rest = text(&hub, path, &[("range", "bytes=20-"), ("if-range", tag)]).await;
    assert_eq!((rest.status.as_u16(), &*rest.text), (206, &made.text[20..]));
    assert_eq!(rest.header("etag"), tag);

    let (range, date) = (Some("bytes=20-"), "Mon, 04 May 2026 01:02:03 GMT");
    let other = "/api/exports?format=csv&fields=name,rev";
    for (path, range, if_range) in [
        (path, range, None),
        (path, None, Some("TAG")),
        (path, range, Some("W/TAG")),
        (path, range, Some("\"00\"")),
        (path, range, Some(date)),
        (other, range, Some("TAG")),
    ] {
        // A new one each time: only the last few are kept.
        let made = text(&hub, "/api/exports?format=csv&fields=name", &[]).await;
        let tag = made.header("etag");
        let if_range = if_range.map(|it| it.replace("TAG", tag));
        let headers = [("range", range), ("if-range", if_range.as_deref())];
        let headers: Vec<_> =
            headers.into_iter().filter_map(|(name, it)| Some((name, it?))).collect();
        let new = text(&hub, path, &headers).await;
        assert_eq!(new.status, 200, "{path} {headers:?}");
        assert_ne!(new.header("etag"), tag, "{path} {headers:?}");
        assert!(new.text.contains("3,x,"), "{}", new.text);
        assert_eq!(hub.reader.get(made.header("content-location")).await.status, 200);
    }
}

#[tokio::test]
async fn a_range_is_answered_and_what_is_none_is_ignored() {
    let hub = TestHub::on_memory().await;
    people(&hub, 3, 1).await;
    let made = text(&hub, "/api/exports?format=csv", &[]).await;
    let (place, tag) = (made.header("content-location"), made.header("etag"));
    let (all, length) = (made.text.as_bytes(), made.text.len());
    let end = length - 1;
    for (range, part, told) in [
        ("bytes=3-", &all[3..], format!("bytes 3-{end}/{length}")),
        ("bytes=3-4", &all[3..5], format!("bytes 3-4/{length}")),
        ("bytes=3-999999", &all[3..], format!("bytes 3-{end}/{length}")),
        ("bytes=-5", &all[length - 5..], format!("bytes {}-{end}/{length}", length - 5)),
        ("bytes=-999999", all, format!("bytes 0-{end}/{length}")),
    ] {
        let answer = text(&hub, place, &[("range", range), ("if-range", tag)]).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_bytes()), (206, part), "{range}");
        assert_eq!(answer.header("content-range"), told, "{range}");
    }
    for range in ["bytes=3", "bytes=5-3", "bytes=0-1,3-4", "rows=1-", "bytes=x-"] {
        let answer = text(&hub, place, &[("range", range)]).await;
        assert_eq!((answer.status.as_u16(), &answer.text), (200, &made.text), "{range}");
    }
    let other = text(&hub, place, &[("range", "bytes=3-"), ("if-range", "\"00\"")]).await;
    assert_eq!((other.status.as_u16(), &other.text), (200, &made.text));
    for range in [format!("bytes={length}-"), "bytes=-0".to_owned()] {
        let answer = text(&hub, place, &[("range", &range)]).await;
        assert_eq!(answer.refused(416, "rangeNotSatisfiable")["bytes"], length);
        assert_eq!(answer.header("content-range"), format!("bytes */{length}"));
    }
    let unfit = text(&hub, &format!("{place}?format=csv"), &[]).await;
    assert_eq!(unfit.unfit(400, "parametersInvalid"), ["format unknown"]);
    let nobody = text(&hub, "/api/exports?city=Nowhere", &[]).await;
    let none = text(&hub, nobody.header("content-location"), &[("range", "bytes=0-")]).await;
    assert_eq!(none.refused(416, "rangeNotSatisfiable")["bytes"], 0);
}

#[tokio::test]
async fn a_head_alone_makes_nothing() {
    let hub = TestHub::on_memory().await;
    people(&hub, 3, 1).await;
    let head = async |path: &str| hub.reader.send_signed(request("HEAD", path, "")).await;
    let about = head("/api/exports?format=csv").await;
    assert_eq!((about.status.as_u16(), about.header("accept-ranges")), (200, "bytes"));
    assert!(!about.headers.contains_key("content-location"));
    let made = text(&hub, "/api/exports?format=csv", &[]).await;
    let about = head(made.header("content-location")).await;
    assert_eq!((about.status.as_u16(), &*about.text), (200, ""));
    assert_eq!(about.header("content-length"), made.text.len().to_string());
}

#[tokio::test]
async fn nobody_else_gets_an_export() {
    let hub = TestHub::on_memory().await;
    people(&hub, 3, 1).await;
    let path = "/api/exports?format=csv";
    let made = text(&hub, path, &[]).await;
    let (place, tag) = (made.header("content-location"), made.header("etag"));
    let unknown = format!("/api/exports/{}", "0".repeat(32));
    let problem = hub.reader.get(&unknown).await.refused(404, "exportNotFound");
    for actor in [&hub.writer, &hub.stranger] {
        let refused = actor.get(place).await.refused(404, "exportNotFound");
        assert_eq!(refused["detail"], problem["detail"]);
        let rest = [("range", "bytes=3-"), ("if-range", tag)];
        let (status, headers, _) = begin(&hub, actor, path, &rest).await;
        assert_eq!(status, 200);
        assert_ne!(of(&headers, "etag"), tag);
    }
    hub.phone.get(place).await.refused(403, "permissionMissing");
    let editor = hub.signed_in("anna", Role::Editor).await;
    editor.get(place).await.refused(404, "exportNotFound");

    // Nor does one who may read no longer.
    let app = hub.app_with("cl00000000000000a", &[Permission::CustomersRead]).await;
    let own = app.get(path).await;
    let own = own.header("content-location");
    assert_eq!(app.get(own).await.status, 200);
    let (id, permissions) = (app.id.into(), Vec::new());
    hub.change_app(AppChange::Permit { id, permissions, instead_of: InsteadOf::Whatever }).await;
    app.get(own).await.refused(403, "permissionMissing");
}

#[tokio::test]
async fn a_download_of_the_console_goes_on() {
    let hub = TestHub::on_memory().await;
    people(&hub, 3, 1).await;
    let editor = hub.signed_in("anna", Role::Editor).await;
    let path = "/console/customers/export?format=csv";
    let made = editor.get(path).await;
    let ask = async |path: &str, range: &str| {
        let headers = [("range", range), ("if-range", made.header("etag"))];
        editor.send("GET", path, &headers, String::new()).await
    };
    for path in [path, made.header("content-location")] {
        let rest = ask(path, "bytes=20-").await;
        assert_eq!((rest.status.as_u16(), &*rest.text), (206, &made.text[20..]), "{path}");
        assert_eq!(rest.header("cache-control"), "no-store");
    }
    let beyond = ask(path, "bytes=99999-").await;
    assert_eq!(beyond.status, 416);
    assert_eq!(beyond.header("content-range"), format!("bytes */{}", made.text.len()));
}

#[tokio::test]
async fn an_export_is_kept_for_an_hour_while_it_is_among_the_last() {
    let hub = TestHub::on_memory().await;
    people(&hub, 3, 1).await;
    let mut places = Vec::new();
    for _ in 0..5 {
        let made = text(&hub, "/api/exports", &[]).await;
        places.push(made.header("content-location").to_owned());
    }
    hub.reader.get(&places[0]).await.refused(404, "exportNotFound");
    let theirs = hub.stranger.get("/api/exports").await;
    hub.clock.advance_seconds(3_599);
    for place in &places[1..] {
        assert_eq!(hub.reader.get(place).await.status, 200);
    }
    assert_eq!(hub.stranger.get(theirs.header("content-location")).await.status, 200);
    hub.clock.advance_seconds(1);
    for place in &places[1..] {
        hub.reader.get(place).await.refused(404, "exportNotFound");
    }
}

#[tokio::test]
async fn no_export_is_kept_of_somebody_who_was_erased() {
    let hub = TestHub::on_memory().await;
    people(&hub, 3, 1).await;
    let made = text(&hub, "/api/exports", &[]).await;
    let place = made.header("content-location");
    let theirs = hub.stranger.get("/api/exports").await;
    let erase = async |path: &str| hub.writer.post(path, &Value::Null).await.was(200);
    erase("/api/customers/1/erase?dryRun=true").await;
    assert_eq!(hub.reader.get(place).await.status, 200);
    erase("/api/customers/1/erase").await;
    hub.reader.get(place).await.refused(404, "exportNotFound");
    let whole = [("range", "bytes=3-"), ("if-range", made.header("etag"))];
    let (status, ..) = begin(&hub, &hub.reader, "/api/exports", &whole).await;
    assert_eq!(status, 200);
    // Others have their own people.
    assert_eq!(hub.stranger.get(theirs.header("content-location")).await.status, 200);
    // What is made afterwards is kept.
    let made = text(&hub, "/api/exports", &[]).await;
    assert_eq!(hub.reader.get(made.header("content-location")).await.status, 200);
}

#[tokio::test]
async fn an_export_that_broke_off_in_the_making_is_not_kept() {
    let hub = TestHub::on_memory().await;
    people(&hub, 3, 1).await;
    hub.store.plan([Fault::After]);
    let (status, headers, body) = begin(&hub, &hub.reader, "/api/exports", &[]).await;
    assert_eq!(status, 200);
    assert!(to_bytes(body, usize::MAX).await.is_err());
    hub.reader.get(of(&headers, "content-location")).await.refused(404, "exportNotFound");
}

/// The store lets four walks go at a time. All of these come to their end, though nobody takes anything.
#[tokio::test]
async fn who_reads_slowly_does_not_keep_the_store() {
    let hub = TestHub::on_sqlite().await;
    people(&hub, 1_500, 1_500).await;
    let mut open = Vec::new();
    for _ in 0..4 {
        let (status, headers, body) = begin(&hub, &hub.reader, "/api/exports", &[]).await;
        assert_eq!(status, 200);
        open.push((headers, body));
    }
    for (headers, _) in &open {
        // It is answered once the export is whole.
        let last = [("range", "bytes=-1")];
        let (status, _, end) = bytes(&hub, of(headers, "content-location"), &last).await;
        assert_eq!((status, &end[..]), (206, &b"\n"[..]));
    }
    // A walk comes to rest right behind its last word.
    let mut tries = 0;
    let fifth = loop {
        let (status, _, fifth) = bytes(&hub, "/api/exports", &[]).await;
        if status == 200 {
            break fifth;
        }
        tries += 1;
        assert!(tries < 1_000, "the store is still busy");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    for (_, body) in open {
        let whole = to_bytes(body, usize::MAX).await.unwrap();
        assert!(whole.len() > 2_000_000 && whole == fifth);
    }
}
