//! Filters that users save in the console, and come back to.

use crate::browser::Browser;
use crate::hub::{Answer, TestHub, on_every_engine, request};
use kehub_core::directory::Permission;
use kehub_core::people::saved::SAVED_FILTERS_MAX;
use kehub_core::people::user::Role;
use serde_json::json;

on_every_engine! {
    a_list_is_saved_and_found_again,
    what_names_one_person_is_not_saved,
    a_filter_that_cannot_be_saved_is_told_and_nothing_is_saved,
    a_refused_form_shows_nobody_more_than_the_list_does,
}

const LIST: &str = "/console/customers?city=X%26Y&mobile%3Aempty=0&sort=-name&columns=city";

async fn save(browser: &Browser, name: &str, query: &str) -> Answer {
    let fields = [("name", name), ("query", query)];
    browser.post_signed("/console/customers/filters", &fields).await
}

/// What a list offers of saved filters: names and where they lead.
async fn saved(browser: &Browser) -> Vec<(String, String)> {
    let page = browser.get("/console/customers").await;
    assert_eq!(page.status, 200);
    let list = page.text.split_once("<ul class=\"saved\">").map_or("", |(_, rest)| rest);
    let list = list.split_once("</ul>").map_or("", |(list, _)| list);
    let links = list.split("<a href=\"").skip(1).filter_map(|link| {
        let (address, rest) = link.split_once('"')?;
        let (_, rest) = rest.split_once('>')?;
        Some((rest.split_once('<')?.0.to_owned(), address.replace("&amp;", "&")))
    });
    links.collect()
}

async fn a_list_is_saved_and_found_again(hub: TestHub) {
    let anna = hub.signed_in("anna", Role::Viewer).await;
    let other = hub.signed_in("berta", Role::Admin).await;
    let page = anna.get("/console/customers").await;
    assert!(page.text.contains("You have saved no filters yet"), "{}", page.text);
    let query = LIST.split_once('?').unwrap().1;
    // What was typed into the search is not part of it, and the place in the list neither.
    let list = format!("q=wang&{query}");
    save(&anna, " <X> customers ", &list).await.leads_to(&format!("/console/customers?{list}"));
    let expected = [("&lt;X&gt; customers".to_owned(), LIST.to_owned())];
    assert_eq!(saved(&anna).await, expected);
    assert_eq!(saved(&other).await, []);
    let page = anna.get(LIST).await;
    let summary = "title=\"Saved filters\"><span>&lt;X&gt; customers</span></summary>";
    assert!(page.text.contains(summary), "{}", page.text);

    // Another one of the same name takes its place; another user's stays.
    save(&other, "<X> customers", "stage=Lead").await.leads_to("/console/customers?stage=Lead");
    save(&anna, "<X> customers", "stage=Member").await.leads_to("/console/customers?stage=Member");
    let theirs =
        |at: &str| [("&lt;X&gt; customers".to_owned(), format!("/console/customers?{at}"))];
    assert_eq!(saved(&anna).await, theirs("stage=Member"));
    let forget = [("name", "<X> customers"), ("query", "sort=name")];
    for _ in 0..2 {
        let gone = anna.post_signed("/console/customers/filters/forget", &forget).await;
        gone.leads_to("/console/customers?sort=name");
        assert_eq!(saved(&anna).await, []);
    }
    assert_eq!(saved(&other).await, theirs("stage=Lead"));
    let unsigned = anna.post("/console/customers/filters", &[("name", "a"), ("query", "")]).await;
    assert_eq!(unsigned.status, 403);
    assert_eq!(saved(&anna).await, []);
}

async fn what_names_one_person_is_not_saved(hub: TestHub) {
    let anna = hub.signed_in("anna", Role::Editor).await;
    let named = [
        ("mobile=13800000001", "Mobile"),
        ("city=X&name%3Aprefix=Wang", "Name"),
        ("id%3Ain=7", "Id"),
        ("membershipNo=88", "Membership no"),
        ("referrerName=Wang", "Referrer name"),
    ];
    for (query, field) in named {
        let refused = save(&anna, "one", query).await;
        assert_eq!(refused.status, 422, "{query}");
        let told = format!("Not saved: {field} may name one person");
        assert!(refused.text.contains(&told), "{query}: {}", refused.text);
    }
    assert_eq!(saved(&anna).await, []);
    save(&anna, "some", "mobile%3Aempty=0&name%3Aempty=1").await;
    assert_eq!(saved(&anna).await.len(), 1);
}

async fn a_refused_form_shows_nobody_more_than_the_list_does(hub: TestHub) {
    let customer = json!({ "name": "Wang Fang", "mobile": "13800000001" });
    hub.writer.upsert(&["member:1"], customer).await.was(201);
    // Somebody who sees contacts masked feels for one by its beginning.
    let anna = hub.signed_in("anna", Role::Viewer).await;
    for (name, path) in [("", ""), ("feel", ""), ("feel", "/forget")] {
        let fields = [("name", name), ("query", "mobile%3Aprefix=1380000")];
        let path = format!("/console/customers/filters{path}");
        let refused = anna.post_signed(&path, &fields).await;
        assert!(!refused.text.contains("Wang Fang"), "{name} {path}");
    }
    // A program that may not read customers, and one that may, which is no user.
    let may_not = hub.app_with("cl0000000000000aa", &[Permission::CustomersWrite]).await;
    let may = hub.app_with("cl0000000000000ab", &[Permission::CustomersRead]).await;
    for (program, status) in [(&may_not, 403), (&may, 404)] {
        for path in ["/console/customers/filters", "/console/customers/filters/forget"] {
            let mut request = request("POST", path, "name=all&query=city=X".to_owned());
            let token = format!("Bearer {}", program.token).parse().unwrap();
            request.headers_mut().insert("authorization", token);
            let refused = program.send(request).await;
            assert_eq!(refused.status, status, "{path}: {}", refused.text);
            assert!(status == 404 || !refused.text.contains("<table"), "{path}");
        }
    }
}

async fn a_filter_that_cannot_be_saved_is_told_and_nothing_is_saved(hub: TestHub) {
    let anna = hub.signed_in("anna", Role::Viewer).await;
    let long: Vec<String> = (0..17).map(|it| format!("attr.a{it}={}", "x".repeat(250))).collect();
    let long = long.join("&");
    for (name, query, told) in [
        ("", "city=X", "a name has 1 to 64 characters"),
        ("two\u{0}parts", "city=X", "a name has 1 to 64 characters"),
        (&*"n".repeat(65), "city=X", "a name has 1 to 64 characters"),
        ("broken", "gender=x", "a filter cannot be read"),
        ("long", &*long, "more than 4096 bytes"),
    ] {
        let refused = save(&anna, name, query).await;
        assert_eq!(refused.status, 422, "{name}");
        assert!(refused.text.contains(told), "{told}: {}", refused.text);
    }
    assert_eq!(saved(&anna).await, []);
    for number in 0..SAVED_FILTERS_MAX {
        save(&anna, &format!("filter {number}"), "city=X")
            .await
            .leads_to("/console/customers?city=X");
    }
    let refused = save(&anna, "one more", "city=X").await;
    assert_eq!(refused.status, 422);
    assert!(refused.text.contains("100 saved filters already"), "{}", refused.text);
    assert_eq!(saved(&anna).await.len(), SAVED_FILTERS_MAX);
}
