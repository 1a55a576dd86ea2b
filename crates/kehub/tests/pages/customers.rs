//! Lists of customers.

use crate::hub::{TestHub, on_every_engine};
use serde_json::json;

on_every_engine! {
    everybody_is_there_newest_first_page_by_page,
    people_are_found_by_what_somebody_has_in_hand,
    filters_are_those_of_the_api,
}

async fn people(hub: &TestHub) {
    let people = [
        json!({ "name": "王芳", "city": "上海市", "mobile": "13800000001", "email": "wang@x.com" }),
        json!({ "name": "李伟", "city": "北京市", "mobile": "13800000002", "gender": 1 }),
        json!({ "name": "王磊", "city": "上海市", "attr": { "size": 38 } }),
    ];
    for (place, customer) in people.into_iter().enumerate() {
        hub.writer
            .upsert(&[&format!("member:m{place}"), &format!("wechat:o{place}")], customer)
            .await;
        hub.clock.advance_seconds(60);
    }
}

async fn everybody_is_there_newest_first_page_by_page(hub: TestHub) {
    for place in 0..120 {
        hub.writer
            .upsert(&[&format!("member:m{place}")], json!({ "name": format!("n{place:03}") }))
            .await;
        hub.clock.advance_seconds(1);
    }
    let first = hub.reader.look("/console/customers").await;
    first.says(&["120 customers"]);
    assert_eq!(first.rows(), (71..=120).rev().collect::<Vec<i64>>());
    assert!(first.links("Previous").is_empty());
    let second = hub.reader.look(&first.link("Next")).await;
    assert_eq!(second.rows(), (21..=70).rev().collect::<Vec<i64>>());
    let third = hub.reader.look(&second.link("Next")).await;
    assert_eq!(third.rows(), (1..=20).rev().collect::<Vec<i64>>());
    assert!(third.links("Next").is_empty());
    // And back again, to the very same pages.
    let back = hub.reader.look(&third.link("Previous")).await;
    assert_eq!(back.rows(), second.rows());
    let back = hub.reader.look(&back.link("Previous")).await;
    assert_eq!(back.rows(), first.rows());
    assert!(back.links("Previous").is_empty());
    assert_eq!(hub.reader.look(&third.link("First page")).await.rows(), first.rows());

    let by_name = hub.reader.look(&first.link("Display name")).await;
    assert_eq!(by_name.rows()[..3], [1, 2, 3]);
    let turned = hub.reader.look(&by_name.link("Display name")).await;
    assert_eq!(turned.rows()[..3], [120, 119, 118]);
}

async fn people_are_found_by_what_somebody_has_in_hand(hub: TestHub) {
    people(&hub).await;
    hub.writer.upsert(&["member:13800000002"], json!({ "name": "Anna" })).await;
    let cases: [(&str, &[i64], &str); 11] = [
        ("%E7%8E%8B", &[3, 1], "Name"),
        ("%E7%8E%8B%E8%8A%B3", &[1], "Name"),
        ("1380000", &[1, 2], "Mobile"),
        ("138-0000-0001", &[1], "Mobile"),
        ("WANG@", &[1], "E-mail"),
        ("wang", &[1], "E-mail"),
        ("o2", &[3], "Identity wechat"),
        ("%232", &[2], "Id"),
        ("2", &[2], "Id"),
        // What is surest comes first: an identity before a mobile.
        ("13800000002", &[4, 2], "Identity member"),
        ("nobody", &[], "Nobody matches"),
    ];
    for (text, expected, by) in cases {
        let seen = hub.writer.look(&format!("/console/customers?q={text}")).await;
        assert_eq!(seen.rows(), expected, "{text}");
        seen.says(&[by, "Searched: ids"]);
    }
    // Filters hold for what is found.
    let seen = hub.reader.look("/console/customers?q=%E7%8E%8B&attr.size=38").await;
    assert_eq!(seen.rows(), [3]);
}

#[tokio::test]
async fn what_is_wrong_with_a_filter_is_told_in_the_language_of_the_page() {
    let hub = TestHub::on_memory().await;
    for (query, en, zh) in [
        (
            "birthday=x",
            "`birthday`: expected a date like 1990-01-31, found other text",
            "`birthday`：应为日期，例如 1990-01-31，实际为其他文本",
        ),
        (
            "gender:prefix=1",
            "`gender:prefix`: expected a field that holds text, found another field",
            "`gender:prefix`：应为文本字段，实际为其他字段",
        ),
        (
            "city=",
            "`city`: expected a value, or `:empty=1` for unset fields, found nothing",
            "`city`：应为值（筛选未填写的客户请用“为空”），实际为空",
        ),
        (
            "nonsense=1",
            "`nonsense`: expected one of an attribute, or `attr.` and a key",
            "`nonsense`：无法识别，应为：属性名称，或 attr. 加自定义属性名称",
        ),
        (
            "city:like=x",
            "`city:like`: expected one of not, in, gt, gte, lt, lte, prefix, empty behind the colon",
            "`city:like`：无法识别，应为：冒号后为 not、in、gt、gte、lt、lte、prefix、empty 之一",
        ),
        ("city=a&city=b", "`city`: the parameter is given twice", "`city`：重复给出"),
    ] {
        let path = format!("/console/customers?{query}");
        hub.reader.look(&path).await.says(&[en]);
        hub.reader.look_in_chinese(&path).await.says(&[zh]).hides(&["expected "]);
    }
}

async fn filters_are_those_of_the_api(hub: TestHub) {
    people(&hub).await;
    let cases: [(&str, &[i64]); 6] = [
        ("city=%E4%B8%8A%E6%B5%B7%E5%B8%82", &[3, 1]),
        ("name:prefix=%E7%8E%8B&mobile:empty=1", &[3]),
        ("attr.size:gte=38", &[3]),
        ("gender=1", &[2]),
        ("id:in=1,2&sort=id", &[1, 2]),
        ("city=nowhere", &[]),
    ];
    for (query, expected) in cases {
        let seen = hub.reader.look(&format!("/console/customers?{query}")).await;
        assert_eq!(seen.rows(), expected, "{query}");
    }
    // The form of a filter leads to an address that says the same.
    let form = "/console/customers?field=name&key=&operator=prefix&value=%E7%8E%8B&sort=id";
    let answer = hub.reader.ask("GET", form, "", "").await;
    let address = answer.header("location").to_owned();
    assert_eq!(address, "/console/customers?name%3Aprefix=%E7%8E%8B&sort=id");
    let seen = hub.reader.look(&address).await;
    assert_eq!(seen.rows(), [1, 3]);
    seen.says(&["Name begins with 王"]);
    let without = hub.reader.look(&seen.link("Remove this filter")).await;
    assert_eq!(without.rows(), [1, 2, 3]);
}

#[tokio::test]
async fn a_filter_that_does_not_fit_is_told_and_may_be_mended() {
    let hub = TestHub::on_memory().await;
    people(&hub).await;
    for query in ["gender=x", "field=gender&operator=is&value=x", "shoe=38"] {
        let seen = hub.reader.look(&format!("/console/customers?{query}")).await;
        assert_eq!((seen.status, seen.rows().len()), (200, 0), "{query}");
        seen.says(&["This filter does not fit"]);
    }
    hub.reader.look("/console/customers?city=nowhere").await.says(&["Nobody matches"]);
}

#[tokio::test]
async fn columns_are_chosen_and_stay_in_the_address() {
    let hub = TestHub::on_memory().await;
    people(&hub).await;
    let chosen = "/console/customers?choose=1&column=city&keys=size&sort=id&city:not=x";
    let answer = hub.reader.ask("GET", chosen, "", "").await;
    let address = answer.header("location").to_owned();
    let seen = hub.reader.look(&address).await;
    seen.says(&["上海市", "38"]).hides(&["138****0001"]);
    assert!(seen.link("Display name").contains("columns=city%2Cattr.size"));
    assert_eq!(seen.rows(), [1, 2, 3]);
}

#[tokio::test]
async fn contacts_are_masked_in_lists_and_files_take_a_permission() {
    let hub = TestHub::on_memory().await;
    people(&hub).await;
    for path in
        ["/console/customers", "/console/customers?q=13800000001", "/console/customers?q=wang"]
    {
        let seen = hub.writer.look(path).await;
        seen.says(&["138****0001", "w****@x.com"]);
        assert!(!seen.html.replace("q=13800000001", "").contains(">13800000001"), "{path}");
    }
    let list = hub.writer.look("/console/customers?name:prefix=%E7%8E%8B").await;
    let file = hub.writer.ask("GET", &list.link("CSV"), "", "").await;
    assert_eq!(file.status, 200);
    assert!(file.header("content-disposition").contains("attachment"));
    assert!(file.text.contains("13800000001") && file.text.contains("王磊"), "{}", file.text);
    assert!(!file.text.contains("李伟"), "only what is shown: {}", file.text);
    hub.reader.look("/console/customers").await.says(&["it takes the permission to reveal them"]);
}
