//! What somebody does to one customer.

use crate::hub::{Actor, Answer, Seen, TestHub, on_every_engine};
use kehub_core::CustomerId;
use kehub_core::command::{Command, SetCannotLink};
use kehub_core::directory::Permission;
use kehub_store::Fault;
use serde_json::{Value, json};

on_every_engine! {
    a_merge_is_previewed_made_and_undone,
    identities_are_taken_out,
    somebody_is_forgotten_once_the_id_is_typed,
    what_was_changed_in_the_form_is_saved_and_nothing_else,
}

impl Actor {
    /// Sends a form.
    pub(crate) async fn send_form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.ask("POST", path, &body, "").await
    }

    /// Sends a form that is done, and follows to the page that says so.
    #[track_caller]
    pub(crate) fn done(answer: &Answer) -> String {
        assert_eq!(answer.status.as_u16(), 303, "{}", answer.text);
        answer.header("location").to_owned()
    }

    /// What `/api` says of a customer.
    async fn whole(&self, id: i64) -> Value {
        self.ask("GET", &format!("/api/customers/{id}"), "", "").await.json()
    }
}

/// Two cards, so that the rules see two people, with the name of one and the mobile of both.
async fn two(hub: &TestHub) {
    let one = json!({ "name": "王芳", "mobile": "13700000001", "city": "上海市" });
    hub.writer.upsert(&["card:VIP-1", "wechat:oWang"], one).await;
    hub.clock.advance_seconds(60);
    let other = json!({ "name": "王方", "mobile": "13700000001", "email": "wang@x.com" });
    hub.writer.upsert(&["card:VIP-2"], other).await;
    hub.clock.advance_seconds(60);
}

async fn a_merge_is_previewed_made_and_undone(hub: TestHub) {
    two(&hub).await;
    let form = hub.writer.look("/console/customers/1/merge").await;
    form.says(&["王芳 #1", "The other customer", "Show what would happen"]);
    let preview = hub.writer.look("/console/customers/1/merge?with=card:VIP-2").await;
    preview.says(&[
        "王芳 #1 answers for both",
        "王方 #2 leads to the other",
        "Name ≠ differs 王芳 loses 王方 ✓ stays",
        "Mobile same 137****0001 137****0001",
        "City only one 上海市 ✓ stays nothing",
        "Different accounts",
        "refuses",
        "I know that they are one person",
    ]);
    preview.hides(&["13700000001", "wang@x.com"]);
    let zh = hub.writer.look_in_chinese("/console/customers/1/merge?with=2").await;
    zh.says(&["合并后的内容", "不同", "保留", "规则不建议合并"]);

    // Against the rules only by somebody who says so.
    let doubted = hub.writer.send_form("/console/customers/1/merge", &[("with", "2")]).await;
    assert_eq!(doubted.status.as_u16(), 422);
    Seen::of(&doubted).says(&["Tick that you know it", "Merge #1 and #2"]);
    assert_eq!(hub.writer.whole(2).await["id"], 2);
    let fields = [("with", "2"), ("despite", "1")];
    let there = Actor::done(&hub.writer.send_form("/console/customers/1/merge", &fields).await);
    let merged = hub.writer.look(&there).await;
    merged.says(&["They are one customer now", "王方 #1", "Undo merge 1"]);
    assert_eq!(hub.writer.whole(2).await["id"], 1);
    // Somebody else who follows that address is told nothing of the kind.
    hub.reader.look(&there).await.says(&["王方 #1"]).hides(&["They are one customer now"]);
    let twice = hub.writer.send_form("/console/customers/1/merge", &fields).await;
    assert_eq!(twice.status.as_u16(), 409);
    Seen::of(&twice).says(&["Nothing was changed. Both ids are one customer already."]);

    let undo = merged.link("Undo merge 1");
    let before = hub.writer.look(&undo).await;
    before.says(&[
        "王芳 #1 keeps the id",
        "王方 #2 is there again",
        "VIP-2",
        "app cl000000000000001",
    ]);
    let there = Actor::done(&hub.writer.send_form(&undo, &[]).await);
    hub.writer.look(&there).await.says(&["The merge is undone", "王芳 #1"]);
    let again = hub.writer.whole(2).await;
    assert_eq!((&again["id"], &again["name"]), (&json!(2), &json!("王方")));
    let twice = hub.writer.send_form(&undo, &[]).await;
    assert_eq!(twice.status.as_u16(), 409);
    Seen::of(&twice).says(&["Nothing was changed. The merge was undone before."]);

    // What keeps them apart now is taken back before they are merged again.
    let refused = hub.writer.look("/console/customers/1/merge?with=2").await;
    refused.says(&["Somebody said that they are different people", "(#1 ≠ #2)"]);
    let allow = [("with", "2"), ("low", "1"), ("high", "2")];
    let there = Actor::done(&hub.writer.send_form("/console/customers/1/merge", &allow).await);
    hub.writer.look(&there).await.says(&["Merge #1 and #2"]);
}

async fn identities_are_taken_out(hub: TestHub) {
    two(&hub).await;
    hub.writer.upsert(&["card:VIP-1", "cookie:c-1"], json!({})).await;
    hub.writer.upsert(&["cookie:c-1"], json!({ "remark": "喜欢秋季新品" })).await;
    let form = hub.writer.look("/console/customers/1/extract").await;
    form.says(&["VIP-1", "oWang", "c-1", "Which identities belong to somebody else?"]);
    let number = numbered(&form, "c-1");
    let chosen = format!("/console/customers/1/extract?identity={number}");
    let preview = hub.writer.look(&chosen).await;
    preview.says(&[
        "1 identity and 1 request go with them",
        "The new customer would show",
        "喜欢秋季新品",
    ]);
    let fields = [("identity", number.as_str())];
    let there = Actor::done(&hub.writer.send_form("/console/customers/1/extract", &fields).await);
    hub.writer.look(&there).await.says(&["a customer of their own", "Taken apart"]);
    assert_eq!(hub.writer.whole(3).await["remark"], "喜欢秋季新品");
    let none = hub.writer.send_form("/console/customers/1/extract", &[]).await;
    assert_eq!(none.status.as_u16(), 422);
    Seen::of(&none).says(&["Nothing was changed. Choose at least one identity"]);
    let foreign = hub.writer.send_form("/console/customers/1/extract", &fields).await;
    Seen::of(&foreign).says(&["Nothing was changed."]);
    assert!(foreign.status.is_client_error());
}

/// The number of the identity whose line says this.
fn numbered(form: &Seen, value: &str) -> String {
    let lines = form.html.split("<label class=\"check\">").skip(1);
    let line = lines.into_iter().find(|line| line.contains(&format!(">{value}<"))).unwrap();
    line.split("value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

async fn somebody_is_forgotten_once_the_id_is_typed(hub: TestHub) {
    two(&hub).await;
    let page = hub.writer.look("/console/customers/2/erase").await;
    page.says(&["Erase #2 for good", "1 id (#2), 1 identity and what 1 request said"]);
    for typed in ["", "1", "two"] {
        let sent = hub.writer.send_form("/console/customers/2/erase", &[("typed", typed)]).await;
        assert_eq!(sent.status.as_u16(), 422, "{typed}");
        Seen::of(&sent).says(&["Nothing was changed. That is not the id of this customer."]);
    }
    assert_eq!(hub.writer.whole(2).await["name"], "王方");
    let sent = hub.writer.send_form("/console/customers/2/erase", &[("typed", "2")]).await;
    let gone = hub.writer.look(&Actor::done(&sent)).await;
    assert_eq!(gone.status, 410);
    gone.says(&["Everything about this customer was erased"]).hides(&["王方", "VIP-2"]);
}

async fn what_was_changed_in_the_form_is_saved_and_nothing_else(hub: TestHub) {
    let customer = json!({ "name": "王芳", "mobile": "13700000001", "email": "wang@x.com",
        "gender": 2, "birthday": "1990-02-28", "attr": { "size": 38, "note": "a" } });
    hub.writer.upsert(&["card:VIP-1"], customer).await;
    let form = hub.writer.look("/console/customers/1/edit").await;
    form.says(&["Edit #1", "Custom attributes", "Now 137****0001. Leave it empty to keep that."]);
    form.hides(&["13700000001", "wang@x.com"]);
    assert!(form.html.contains("value=\"1990-02-28\"") && form.html.contains("value=\"王芳\""));

    // Everything as a browser sends it: untouched but for a city, a size, and one that is new.
    let mut fields = untouched(&form);
    set(&mut fields, "f.city", "上海市");
    set(&mut fields, "f.attr.size", "39");
    set(&mut fields, "newKey", "shelf");
    set(&mut fields, "newValue", "B7");
    let sent = hub.writer.send_form("/console/customers/1/edit", &borrowed(&fields)).await;
    hub.writer.look(&Actor::done(&sent)).await.says(&["Saved.", "City 上海市", "size 39"]);
    let now = hub.writer.whole(1).await;
    assert_eq!(now["mobile"], "13700000001");
    assert_eq!(now["email"], "wang@x.com");
    assert_eq!(now["attr"], json!({ "size": 39, "note": "a", "shelf": "B7" }));

    // What was left alone does not come back over what somebody else has written since.
    hub.writer.upsert(&["card:VIP-1"], json!({ "company": "星河" })).await;
    let mut fields = untouched(&hub.writer.look("/console/customers/1/edit").await);
    hub.writer.upsert(&["card:VIP-1"], json!({ "company": "银河", "city": "北京市" })).await;
    set(&mut fields, "f.name", "王小芳");
    set(&mut fields, "f.mobile", "13900000002");
    set(&mut fields, "c.email", "1");
    let sent = hub.writer.send_form("/console/customers/1/edit", &borrowed(&fields)).await;
    Actor::done(&sent);
    let now = hub.writer.whole(1).await;
    assert_eq!((&now["company"], &now["city"]), (&json!("银河"), &json!("北京市")));
    assert_eq!((&now["name"], &now["mobile"]), (&json!("王小芳"), &json!("13900000002")));
    assert_eq!(now["email"], Value::Null);
    // But where both wrote, it is asked.
    set(&mut fields, "f.company", "金河");
    let sent = hub.writer.send_form("/console/customers/1/edit", &borrowed(&fields)).await;
    assert_eq!(sent.status.as_u16(), 422);
    Seen::of(&sent).says(&["Meanwhile somebody made it: 银河."]);

    let fields = untouched(&hub.writer.look("/console/customers/1/edit").await);
    let sent = hub.writer.send_form("/console/customers/1/edit", &borrowed(&fields)).await;
    hub.writer.look(&Actor::done(&sent)).await.says(&["nothing was changed"]);
}

/// The fields of the form on a page, with what they hold.
fn untouched(page: &Seen) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    let unescaped = |text: &str| text.replace("&quot;", "\"").replace("&amp;", "&");
    for tag in page.html.split('<').skip(1) {
        let attribute = |name: &str| {
            let value = tag.split_once(&format!(" {name}=\""))?.1.split('"').next()?;
            Some(unescaped(value))
        };
        let Some(name) = attribute("name") else { continue };
        if tag.starts_with("input") && attribute("type").as_deref() != Some("checkbox") {
            fields.push((name, attribute("value").unwrap_or_default()));
        } else if tag.starts_with("textarea") {
            let text = tag.split_once('>').unwrap().1.trim_start_matches('\n');
            fields.push((name, unescaped(text)));
        } else if tag.starts_with("select") {
            let (_, rest) = page.html.split_once(&format!("<{tag}")).unwrap();
            let (options, _) = rest.split_once("</select>").unwrap();
            let chosen = options.split("<option ").find(|it| it.contains("selected")).unwrap();
            let value = chosen.split("value=\"").nth(1).unwrap().split('"').next().unwrap();
            fields.push((name, unescaped(value)));
        }
    }
    fields
}

fn set(fields: &mut Vec<(String, String)>, name: &str, value: &str) {
    fields.retain(|(known, _)| known != name);
    fields.push((name.to_owned(), value.to_owned()));
}

fn borrowed(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

#[tokio::test]
async fn what_does_not_fit_is_answered_beside_its_field_and_nothing_typed_is_lost() {
    let hub = TestHub::on_memory().await;
    hub.writer.upsert(&["card:VIP-1"], json!({ "name": "王芳", "city": "上海市" })).await;
    let mut fields = untouched(&hub.writer.look("/console/customers/1/edit").await);
    let long = "长".repeat(256);
    let wrong = [
        ("f.employeeNumber", "many", "A whole number, such as 120."),
        ("f.annualRevenue", "a lot", "A number of at most 15 digits"),
        ("f.birthday", "1990-02-30", "A day, such as 1990-01-31."),
        ("f.dateMemberReg", "tomorrow", "A time, such as 2026-05-04T09:02."),
        ("f.isMember", "perhaps", "Choose one of those offered."),
        ("f.company", long.as_str(), "At most 255 characters."),
        ("newKey", "2 words", "A name has letters, digits"),
    ];
    for (name, typed, _) in &wrong {
        set(&mut fields, name, typed);
    }
    set(&mut fields, "f.city", "北京市");
    let sent = hub.writer.send_form("/console/customers/1/edit", &borrowed(&fields)).await;
    assert_eq!(sent.status.as_u16(), 422);
    let page = Seen::of(&sent);
    page.says(&["7 fields need another look. Nothing was changed"]);
    for (_, typed, why) in &wrong {
        page.says(&[why]);
        assert!(page.html.contains(typed) || *typed == "perhaps", "{typed}");
    }
    assert!(page.html.contains("value=\"北京市\""));
    assert_eq!(hub.writer.whole(1).await["city"], "上海市");
    let zh =
        hub.writer.ask("POST", "/console/customers/1/edit", "f.birthday=x", "kehub_language=zh-CN");
    Seen::of(&zh.await).says(&["请填写日期", "数据没有变化"]);
}

#[tokio::test]
async fn who_edits_and_may_not_reveal_never_gets_the_value() {
    let hub = TestHub::on_memory().await;
    let contacts = json!({ "mobile": "13700000001", "email": "wang@x.com" });
    hub.writer.upsert(&["card:VIP-1"], contacts).await;
    let permissions = [Permission::CustomersRead, Permission::CustomersWrite];
    let editor = hub.app_with("cl000000000000009", &permissions).await;
    let path = "/console/customers/1/edit";
    let secret = ["13700000001", "wang@x.com"];
    let form = editor.look(path).await;
    form.says(&["137****0001", "w****@x.com"]).hides(&secret).hides(&["name=\"reveal\""]);
    let attempts = [
        vec![("reveal", "1")],
        vec![("reveal", "1"), ("w.mobile", "")],
        vec![("w.mobile", "1"), ("f.mobile", "2"), ("f.birthday", "x")],
        vec![("w.email", ""), ("f.birthday", "x")],
    ];
    for fields in &attempts {
        Seen::of(&editor.send_form(path, fields).await).hides(&secret);
    }
    let saved = editor.send_form(path, &borrowed(&untouched(&editor.look(path).await))).await;
    editor.look(&Actor::done(&saved)).await.hides(&secret);
    assert_eq!(hub.writer.whole(1).await["mobile"], "13700000001");

    // Who may, keeps what was typed before, and leaves a trace.
    let shown = hub.writer.send_form(path, &[("reveal", "1"), ("f.city", "上海市")]).await;
    let shown = Seen::of(&shown);
    shown.says(&["written into the audit log"]);
    assert!(
        shown.html.contains("value=\"13700000001\"") && shown.html.contains("value=\"上海市\"")
    );
    let mut fields = untouched(&shown);
    set(&mut fields, "f.mobile", "13900000002");
    Actor::done(&hub.writer.send_form(path, &borrowed(&fields)).await);
    assert_eq!(hub.writer.whole(1).await["mobile"], "13900000002");
    assert_eq!(hub.writer.whole(1).await["email"], "wang@x.com");
    let audit = hub.writer.ask("GET", "/api/audit", "", "").await.json();
    assert_eq!(audit["items"][0]["deed"], "customerRevealed");
}

#[tokio::test]
async fn who_may_not_sees_no_button_and_is_refused() {
    let hub = TestHub::on_memory().await;
    two(&hub).await;
    let fields = [("with", "2"), ("despite", "1")];
    Actor::done(&hub.writer.send_form("/console/customers/1/merge", &fields).await);
    let seen = hub.reader.look("/console/customers/1").await;
    seen.says(&["王方 #1"]).hides(&["/edit", "/merge", "/extract", "/erase", "/undo"]);
    let calls: [(&str, &[(&str, &str)]); 5] = [
        ("edit", &[("f.name", "x")]),
        ("merge", &[("with", "2")]),
        ("merges/1/undo", &[]),
        ("extract", &[("identity", "1")]),
        ("erase", &[("typed", "1")]),
    ];
    for (below, fields) in calls {
        let path = format!("/console/customers/1/{below}");
        let sent = hub.reader.send_form(&path, fields).await;
        assert_eq!(sent.status.as_u16(), 403, "{below}");
        Seen::of(&sent).says(&["Nothing was changed. Your account lacks the permission"]);
        assert_eq!(hub.reader.look(&path).await.status, 403, "{below}");
    }
    let now = hub.writer.whole(1).await;
    assert_eq!((&now["name"], &now["mergedIds"]), (&json!("王方"), &json!([2])));
}

#[tokio::test]
async fn what_cannot_be_done_says_what_happened_to_the_data() {
    let hub = TestHub::on_memory().await;
    two(&hub).await;
    let apart = SetCannotLink { one: CustomerId(1), other: CustomerId(2), apart: true };
    hub.run(Command::SetCannotLink(apart)).await;
    let fields = [("with", "2"), ("despite", "1")];
    let refused = hub.writer.send_form("/console/customers/1/merge", &fields).await;
    assert_eq!(refused.status.as_u16(), 409);
    Seen::of(&refused)
        .says(&["Nothing was changed. Somebody said that they are different people."]);
    let seen = hub.writer.look("/console/customers/1/merge?with=2").await;
    seen.says(&["Somebody said that they are different people."])
        .hides(&["Nothing was changed. S"]);
    for with in ["nobody", "99", "mobile:1"] {
        let seen = hub.writer.look(&format!("/console/customers/1/merge?with={with}")).await;
        seen.says(&["No customer and no identity is known by"]);
    }
    hub.writer.look("/console/customers/1/merge?with=1").await.says(&["Both ids are one customer"]);
    let missing = hub.writer.look("/console/customers/1/merges/7/undo").await;
    missing.says(&["There is no such merge."]);

    hub.store.plan([Fault::After]);
    let unknown = hub.writer.send_form("/console/customers/1/erase", &[("typed", "1")]).await;
    assert_eq!(unknown.status.as_u16(), 503);
    Seen::of(&unknown).says(&["It is not known whether this was done."]);
}
