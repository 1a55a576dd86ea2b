//! Whatever is sent, the answer is clear, nothing is stored, and nothing breaks (W26, W33, W34).

use crate::hub::{Answer, TestHub, on_every_engine, request};
use kehub::server::Settings;

on_every_engine! {
    what_is_not_json_says_where_it_stops,
    a_key_given_twice_is_refused,
    nothing_odd_is_stored_or_breaks_the_hub,
    odd_queries_break_nothing,
    lengths_are_counted_in_characters,
}

const WRITES: [(&str, &str); 4] = [
    ("POST", "/v1/customerandidentities"),
    ("POST", "/v1/customers"),
    ("POST", "/v1/customeridentities"),
    ("PUT", "/v1/customers/1"),
];

async fn what_is_not_json_says_where_it_stops(hub: TestHub) {
    let cases: [(&[u8], &str); 5] = [
        (b"", "EOF while parsing a value at line 1 column 0"),
        (b"{\"name\": ", "EOF while parsing a value at line 1 column 9"),
        (b"name=W", "expected ident at line 1 column 2"),
        (b"{\"name\":\"\xff\"}", "invalid unicode code point at line 1 column 10"),
        (b"{\n \"name\": 'W' }", "expected value at line 2 column 10"),
    ];
    for (body, place) in cases {
        for (method, path) in WRITES {
            let answer = write(&hub, method, path, body).await;
            answer.is(400, &format!("\"Request data is not JSON: {place}\""));
            assert_eq!(answer.header("content-type"), "application/json;charset=UTF-8");
        }
    }
}

async fn a_key_given_twice_is_refused(hub: TestHub) {
    let answer = write(&hub, "POST", "/v1/customers", br#"{"name":"A","name":"B"}"#).await;
    let expected =
        r#""Request data is not JSON: the key `name` is given twice at line 1 column 23""#;
    answer.is(400, expected);
}

async fn nothing_odd_is_stored_or_breaks_the_hub(hub: TestHub) {
    let deep = format!("{}{}", "{\"a\":".repeat(5000), "1");
    let wide = format!("[{}]", vec!["[]"; 100_000].join(","));
    let keys: Vec<String> = (0..20_000).map(|key| format!("\"k{key}\":1")).collect();
    let keys = format!("{{\"attr\":{{{}}}}}", keys.join(","));
    let long = format!("{{\"name\":\"{}\"}}", "x".repeat(500_000));
    let corpus: Vec<Vec<u8>> = [
        "null",
        "true",
        "0",
        "-0.0",
        "1e308",
        "1e309",
        "\"\"",
        "[]",
        "[[]]",
        "{}",
        "{\"\":1}",
        "{\"name\":{\"name\":{}}}",
        "{\"name\":[]}",
        "{\"gender\":1e400}",
        "{\"gender\":-1}",
        "{\"birthday\":\"0000-00-00\"}",
        "{\"dateJoin\":\"9999-99-99T99:99:99Z\"}",
        "{\"dateJoin\":1}",
        "{\"employeeNumber\":1e300}",
        "{\"annualRevenue\":\"NaN\"}",
        "{\"attr\":[]}",
        "{\"attr\":{\"\":1}}",
        "{\"attr\":{\"名\":1}}",
        "{\"attr\":\"x\"}",
        "{\"name\":\"\\ud83d\"}",
        "{\"name\":\"a\\u0000\"}",
        "{\"customer\":1,\"customerIdentities\":2}",
        "{\"customer\":{},\"customerIdentities\":[{\"identityType\":1e300,\"identityValue\":2}]}",
        "{\"customerId\":1e99,\"identityType\":\"a\",\"identityValue\":\"b\"}",
        "{\"customerId\":18446744073709551615,\"identityType\":\"a\",\"identityValue\":\"b\"}",
        "// comment\n{}",
        "{\"name\":\"W\",}",
        "\u{FEFF}{}",
        "PK\u{3}\u{4}",
        "<xml/>",
    ]
    .into_iter()
    .map(|body| body.as_bytes().to_vec())
    .chain([deep, wide, keys, long].map(String::into_bytes))
    .chain([vec![0xff, 0xfe, 0x7b, 0x00], vec![0; 100]])
    .collect();
    for body in &corpus {
        for (method, path) in WRITES {
            let answer = write(&hub, method, path, body).await;
            let start = String::from_utf8_lossy(body.get(..60).unwrap_or(body)).into_owned();
            assert!(is_refusal(&answer), "{method} {path} {start}: {}", answer.text);
            assert_eq!(answer.header("content-type"), "application/json;charset=UTF-8");
        }
    }
    assert_eq!(hub.customer_count().await, 0);
}

/// A 400 with text, field errors, or 404 where there is no customer: never a success.
fn is_refusal(answer: &Answer) -> bool {
    match answer.status.as_u16() {
        200 => answer.json()["error"].is_object(),
        400 => answer.json().is_string(),
        404 => answer.json()["error_code"] == 40201,
        _ => false,
    }
}

async fn odd_queries_break_nothing(hub: TestHub) {
    let queries = [
        "%",
        "%zz",
        "a=%f",
        "&&&",
        "=",
        "==",
        "rows=%ff&page=%00",
        "select=,,,",
        "sidx=%00",
        "select=attr.",
        "select=attr.%00",
        "sidx=attr.",
        "stage=%F0%9F%98%80",
        "mobile=++++",
        "idList=-1,-2",
        "idList=9223372036854775807",
        "name=%E7%8E%8B",
        "rows=00020",
        "x=[]{}|",
    ];
    for query in queries {
        let query: String = query
            .chars()
            .map(|c| if "[]{}|".contains(c) { "%5B".to_owned() } else { c.to_string() })
            .collect();
        for path in
            ["/v1/customers", "/v1/customers/count", "/v1/customeridentities", "/v1/customers/1"]
        {
            let answer = hub.reader.get(&format!("{path}?{query}")).await;
            assert!(answer.status.as_u16() < 500, "{path}?{query}: {}", answer.text);
        }
    }
}

async fn lengths_are_counted_in_characters(hub: TestHub) {
    let cases = [("name", 255), ("homeAddress", 512), ("img", 1024), ("remark", 2000)];
    for (field, limit) in cases {
        let body = |chars: usize| format!("{{\"{field}\":\"{}\"}}", "王".repeat(chars));
        let fits = hub.writer.post("/v1/customers", &body(limit)).await.ok();
        assert_eq!(fits[field].as_str().unwrap().chars().count(), limit);
        let long = hub.writer.post("/v1/customers", &body(limit + 1)).await;
        assert_eq!(long.listed_fields(), [field]);
    }
}

#[tokio::test]
async fn a_body_above_the_limit_is_413() {
    let settings = Settings { body_bytes_max: 1000, ..Settings::default() };
    let hub = TestHub::with(settings).await;
    let body = |bytes: usize| {
        let fixed = "{\"name\":\"W\",\"x\":\"\"}".len();
        format!("{{\"name\":\"W\",\"x\":\"{}\"}}", "x".repeat(bytes - fixed))
    };
    let large = r#"{"error_code":41300,"error_description":"the body is too large"}"#;
    for (method, path) in WRITES {
        write(&hub, method, path, body(1001).as_bytes()).await.is(413, large);
    }
    hub.writer.post("/v1/customers", &body(1000)).await.ok();
}

#[tokio::test]
async fn custom_attributes_have_a_limit() {
    let settings = Settings { custom_attributes_max: 2, ..Settings::default() };
    let hub = TestHub::with(settings).await;
    hub.writer.post("/v1/customers", r#"{"attr":{"a":1,"b":2}}"#).await.ok();
    let three = hub.writer.post("/v1/customers", r#"{"attr":{"a":1,"b":2,"c":3}}"#).await;
    assert_eq!(three.listed_fields(), ["attr"]);
}

async fn write(hub: &TestHub, method: &str, path: &str, body: &[u8]) -> Answer {
    let path = format!("{path}?access_token={}", hub.writer.token);
    hub.call(request(method, &path, body.to_vec())).await
}
