//! Imports: the list, one of them, and what can be done about it.

use crate::hub::{Actor, Answer, Seen, TestHub, on_every_engine, request};
use axum::http::header::AUTHORIZATION;
use kehub::imports::{Importer, Spool};
use rust_xlsxwriter::Workbook;
use std::fs;
use std::time::Duration;
use tempfile::TempDir;

on_every_engine! {
    an_import_is_followed_from_the_list_to_its_report,
    an_import_that_waits_is_ended_and_forgotten,
}

const IMPORTS: &str = "/console/imports";
const SHOP: &str = "姓名,手机号,生日,喜好\n王芳,13800000001,1990-03-05,茶\n张伟,13800000002,3/5/1990,\n王芳,13800000001,,\n";

/// A folder in which the hub keeps files.
fn spool(hub: &TestHub) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    hub.hub.keep_files_in(Spool::new(folder.path(), 1_000_000));
    folder
}

fn files(folder: &TempDir) -> usize {
    fs::read_dir(folder.path()).unwrap().count()
}

impl Actor {
    /// Sends a file to `/api`.
    async fn send_file(&self, source: &str, file: impl Into<Vec<u8>>) -> Answer {
        let mut sent = request("POST", &format!("/api/imports?source={source}"), file.into());
        let token = format!("Bearer {}", self.token).parse().unwrap();
        sent.headers_mut().insert(AUTHORIZATION, token);
        self.send(sent).await
    }
}

/// The page of an import that has ended.
async fn ended(hub: &TestHub, path: &str) -> Seen {
    loop {
        let page = hub.writer.look(path).await;
        if !page.html.contains("data-live") {
            return page;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn an_import_is_followed_from_the_list_to_its_report(hub: TestHub) {
    let folder = spool(&hub);
    let empty = hub.writer.look(IMPORTS).await;
    empty.says(&["No file was brought in yet", "kehub import"]);
    hub.writer.send_file("shop.csv", SHOP).await;
    let waiting = hub.writer.look(IMPORTS).await;
    waiting.says(&["shop.csv", "waiting", "app cl000000000000001"]);
    assert!(waiting.html.contains("id=\"imports\" data-live"), "{}", waiting.html);
    let one = hub.writer.look("/console/imports/1").await;
    one.says(&["waiting", "0 rows done"]);
    assert!(one.html.contains("<progress aria-label=\"Progress\">"), "{}", one.html);

    let importer = Importer::start(hub.hub.clone());
    let one = ended(&hub, "/console/imports/1").await;
    importer.stop().await;
    one.says(&[
        "shop.csv",
        "done",
        "3 rows done",
        "Created 1",
        "Unchanged 1",
        "Refused 1",
        "手机号 Mobile",
        "喜好 left out: the heading says nothing here",
        "Rows find their customer by identities → mobile → e-mail",
        "On conflict as the tenant is set",
        "Times without a zone UTC",
    ]);
    let list = hub.writer.look(IMPORTS).await;
    list.says(&["shop.csv done 3 1 0 1 0 0 1 Download"]);
    hub.writer.look_in_chinese(IMPORTS).await.says(&["导入", "已完成", "下载"]);
    hub.writer.look_in_chinese("/console/imports/1").await.says(&[
        "已处理 3 行",
        "匹配客户的依据 身份 → 手机 → 邮箱",
        "手机号 手机",
        "喜好 不导入：无法识别列标题",
        "删除被拒绝的行",
    ]);

    let report = hub.writer.ask("GET", &one.link("Download the refused rows"), "", "").await;
    assert!(report.text.contains("张伟,13800000002,3/5/1990,,3,\"生日"), "{}", report.text);
    // Who may not see contacts in full is not led there.
    let masked = hub.reader.look("/console/imports/1").await;
    masked.says(&["which takes the permission customers.reveal"]);
    masked.hides(&["/api/imports", "name=\"act\""]);
    hub.reader.look(IMPORTS).await.says(&["kept"]).hides(&["/api/imports/1/refused"]);

    let act = async |act| hub.writer.send_form("/console/imports/1", &[("act", act)]).await;
    let ended = act("cancel").await;
    assert_eq!(ended.status.as_u16(), 409);
    Seen::of(&ended).says(&["Nothing was changed. The import has ended already."]);
    let there = Actor::done(&act("refused").await);
    let removed = hub.writer.look(&there).await;
    removed.says(&["The refused rows are removed.", "not kept here"]);
    assert_eq!(files(&folder), 0);
    let there = Actor::done(&act("forget").await);
    hub.writer.look(&there).await.says(&["The import is forgotten.", "No file was brought in yet"]);
    let gone = act("forget").await;
    assert_eq!(gone.status.as_u16(), 404);
    Seen::of(&gone).says(&["There is no such import any more."]);
    assert_eq!(hub.writer.look("/console/imports/1").await.status, 404);
}

async fn an_import_that_waits_is_ended_and_forgotten(hub: TestHub) {
    let folder = spool(&hub);
    hub.writer.send_file("shop.csv", SHOP).await;
    let act = async |act| hub.writer.send_form("/console/imports/1", &[("act", act)]).await;
    for (wrong, why) in [
        ("forget", "The import is under way: end it before."),
        ("refused", "The import is under way: end it before."),
        ("burn", "The page is out of date"),
    ] {
        let refused = act(wrong).await;
        assert!(refused.status.is_client_error(), "{wrong}");
        Seen::of(&refused).says(&[&format!("Nothing was changed. {why}"), "shop.csv"]);
    }
    let there = Actor::done(&act("cancel").await);
    let page = hub.writer.look(&there).await;
    page.says(&["ends after the batch under way"]);
    let importer = Importer::start(hub.hub.clone());
    ended(&hub, "/console/imports/1").await.says(&["cancelled", "0 rows done", "Forget it"]);
    importer.stop().await;
    let there = Actor::done(&act("forget").await);
    hub.writer.look(&there).await.says(&["The import is forgotten."]);
    assert_eq!(files(&folder), 0);
}

#[tokio::test]
async fn why_an_import_failed_is_told_in_the_language_of_the_page() {
    let hub = TestHub::on_memory().await;
    let _folder = spool(&hub);
    // What is wrong comes behind the rows that are looked at before an import begins.
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet().set_name("a").unwrap();
    for (column, text) in [(0, "name"), (1, "mobile")] {
        sheet.write_string(0, column, text).unwrap();
    }
    for row in 1..=1_001 {
        sheet.write_string(row, 0, "王芳").unwrap();
        sheet.write_string(row, 1, "13800000001").unwrap();
    }
    workbook.add_worksheet().set_name("a 2").unwrap().write_string(0, 2_000, "name").unwrap();
    hub.writer.send_file("a.xlsx", workbook.save_to_buffer().unwrap()).await;
    let importer = Importer::start(hub.hub.clone());
    let one = ended(&hub, "/console/imports/1").await;
    importer.stop().await;
    let why = "line 1048577: expected at most 2000 columns, found a value in one further right";
    one.says(&["failed", "1,001 rows done", why]);
    let told = hub.writer.ask("GET", "/api/imports/1", "", "").await.json();
    assert_eq!(told["error"], why);
    let zh = hub.writer.look_in_chinese("/console/imports/1").await;
    zh.says(&["第 1048577 行：最多 2000 列，更靠右的列中还有值"])
        .hides(&["expected ", "<code lang"]);
}

#[tokio::test]
async fn who_may_not_import_sees_what_came_in_and_changes_nothing() {
    let hub = TestHub::on_memory().await;
    let _folder = spool(&hub);
    hub.writer.send_file("shop.csv", SHOP).await;
    let page = hub.reader.look("/console/imports/1").await;
    page.says(&["shop.csv", "waiting"]).hides(&["name=\"act\""]);
    for act in ["cancel", "forget", "refused"] {
        let refused = hub.reader.send_form("/console/imports/1", &[("act", act)]).await;
        assert_eq!(refused.status.as_u16(), 403, "{act}");
        Seen::of(&refused).says(&["Nothing was changed. Your account lacks the permission"]);
    }
    for path in [IMPORTS, "/console/imports/1"] {
        let blind = hub.phone.look(path).await;
        assert_eq!(blind.status, 403, "{path}");
        blind.hides(&["shop.csv"]);
    }
    // Another tenant knows nothing of it.
    hub.stranger.look(IMPORTS).await.says(&["No file was brought in yet"]);
    assert_eq!(hub.stranger.look("/console/imports/1").await.status, 404);
    hub.writer.look("/console/imports/1").await.says(&["waiting"]);
}

#[tokio::test]
async fn imports_are_gone_through_page_by_page() {
    let hub = TestHub::on_memory().await;
    let _folder = spool(&hub);
    for place in 1..=51 {
        hub.writer.send_file(&format!("file-{place}.csv"), SHOP).await;
    }
    let newest = hub.writer.look(IMPORTS).await;
    newest.says(&["file-51.csv", "file-2.csv"]).hides(&["file-1.csv", "Newest"]);
    let older = hub.writer.look(&newest.link("Older")).await;
    older.says(&["file-1.csv", "Newest"]).hides(&["file-2.csv", "Older"]);
    let end = hub.writer.look("/console/imports?before=1").await;
    end.says(&["There is nothing older"]);
    let nobody = hub.call(request("GET", IMPORTS, "")).await;
    assert_eq!(nobody.status.as_u16(), 303, "nobody is signed in");
}
