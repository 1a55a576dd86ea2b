//! A file that is brought in the console: looked at, tried, imported.

use crate::hub::{Actor, Answer, Seen, TestHub, on_every_engine, request};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use flate2::Compression;
use flate2::write::GzEncoder;
use kehub::imports::{Importer, Spool};
use kehub_core::directory::Permission;
use rust_xlsxwriter::Workbook;
use serde_json::json;
use std::fs;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::Semaphore;
use url::form_urlencoded;

on_every_engine! {
    a_file_is_looked_at_tried_and_brought_in_once,
}

const IMPORTS: &str = "/console/imports";
const FILE: &str = "/console/imports/file";
const SHOP: &str =
    "姓名,手机号,生日,喜好\n王芳,+86 138-0000-0001,1990年3月5日,茶\n张伟,13800000002,3/5/1990,\n";

fn spool(hub: &TestHub) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    hub.hub.keep_files_in(Spool::new(folder.path(), 1_000_000));
    folder
}

fn files(folder: &TempDir) -> usize {
    fs::read_dir(folder.path()).unwrap().count()
}

impl Actor {
    /// Sends a form of several parts, the last of which is the file if there is one.
    async fn send_parts(&self, head: &str, file: &[u8]) -> Answer {
        let mut body = format!("--limit\r\n{head}\r\n\r\n").into_bytes();
        body.extend_from_slice(file);
        body.extend_from_slice(b"\r\n--limit--\r\n");
        let mut request = request("POST", IMPORTS, body);
        let media = "multipart/form-data; boundary=limit".parse().unwrap();
        request.headers_mut().insert(CONTENT_TYPE, media);
        let token = format!("Bearer {}", self.token).parse().unwrap();
        request.headers_mut().insert(AUTHORIZATION, token);
        self.send(request).await
    }

    /// Brings a file of this name.
    async fn bring(&self, name: &str, file: &[u8]) -> Answer {
        let head = format!("Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"");
        self.send_parts(&head, file).await
    }

    /// The address of the page of a file that was brought.
    async fn brought(&self, name: &str, file: &[u8]) -> String {
        let address = Actor::done(&self.bring(name, file).await);
        assert!(address.starts_with("/console/imports/file?"), "{address}");
        address
    }

    /// Presses a button of the page at this address.
    async fn press(&self, address: &str, act: &str) -> Answer {
        self.press_with(address, act, "").await
    }

    /// The same on a Chinese page.
    async fn press_in_chinese(&self, address: &str, act: &str) -> Answer {
        self.press_with(address, act, "kehub_language=zh-CN").await
    }

    async fn press_with(&self, address: &str, act: &str, cookies: &str) -> Answer {
        let query = address.split_once('?').unwrap().1;
        let mut fields: Vec<_> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        fields.push(("act".to_owned(), act.to_owned()));
        let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.ask("POST", FILE, &body, cookies).await
    }
}

/// The choice of a column: the select of this number.
fn chosen(page: &Seen, column: usize) -> String {
    let select = page.html.split(&format!("<select id=\"c{column}\"")).nth(1).unwrap();
    let before = select.split(" selected>").next().unwrap();
    before.rsplit("value=\"").next().unwrap().trim_end_matches('"').to_owned()
}

/// The page of the only import once it has ended.
async fn ended(hub: &TestHub) -> Seen {
    let importer = Importer::start(hub.hub.clone());
    let page = loop {
        let page = hub.writer.look("/console/imports/1").await;
        if !page.html.contains("data-live") {
            break page;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    importer.stop().await;
    page
}

async fn a_file_is_looked_at_tried_and_brought_in_once(hub: TestHub) {
    let folder = spool(&hub);
    hub.writer.look(IMPORTS).await.says(&["Bring a file in", "No file was brought in yet"]);
    let (text, _, _) = encoding_rs::GB18030.encode(SHOP);
    let address = hub.writer.brought("会员.csv", &text).await;
    let page = hub.writer.look(&address).await;
    page.says(&[
        "会员.csv",
        "CSV, with , between values gb18030 4 columns 2 rows 1 of them would be refused",
        "+86****0001 → 138****0001",
        "1990年3月5日 → 1990-03-05",
        "3/5/1990 expected a date like 1990-01-31, found other text",
        "Cells that do not fit: 1",
    ]);
    assert_eq!([1, 2, 3, 4].map(|it| chosen(&page, it)), ["name", "mobile", "birthday", "-"]);
    let in_chinese = hub.writer.look_in_chinese(&address).await;
    in_chinese.says(&[
        "4 列 2 行 其中 1 行将被拒绝",
        "3/5/1990 应为日期，例如 1990-01-31，实际为其他文本",
        "试运行",
    ]);

    // Another choice shows at once what becomes of the values, and is in the address.
    let address =
        Actor::done(&hub.writer.press(&format!("{address}&c4=attr.&n4=hobby"), "look").await);
    let page = hub.writer.look(&address).await;
    assert_eq!(chosen(&page, 4), "attr.");
    assert!(page.html.contains("value=\"hobby\""), "{}", page.html);

    let tried = hub.writer.press(&address, "try").await;
    assert_eq!(tried.status, 200);
    Seen::of(&tried).says(&[
        "Nothing was changed.",
        "Rows 2 Created 1 Updated 0 Unchanged 0 Merged 0 In conflict 0 Refused 1",
        "Name 王芳",
        "Mobile 138****0001",
        "hobby 茶",
        "Line 3 生日: expected a date",
    ]);
    let tried = hub.writer.press_in_chinese(&address, "try").await;
    Seen::of(&tried).says(&["第 3 行 生日： 应为日期，例如 1990-01-31，实际为其他文本 `3/5/1990`"]);
    hub.writer.look(IMPORTS).await.says(&["No file was brought in yet"]);
    assert_eq!(files(&folder), 1);

    // Two at once, and again when all is done: one import.
    let (one, other) =
        tokio::join!(hub.writer.press(&address, "import"), hub.writer.press(&address, "import"));
    assert_eq!([Actor::done(&one), Actor::done(&other)], ["/console/imports/1"; 2]);
    ended(&hub).await.says(&[
        "2 rows done",
        "Created 1",
        "Refused 1",
        "喜好 custom attribute hobby",
        "手机号 Mobile",
    ]);
    for act in ["import", "try", "discard"] {
        assert_eq!(Actor::done(&hub.writer.press(&address, act).await), "/console/imports/1");
    }
    let back = hub.writer.ask("GET", &address, "", "").await;
    assert_eq!(Actor::done(&back), "/console/imports/1");
    assert_eq!(hub.writer.look("/console/imports/2").await.status, 404);
    let customer = hub.writer.ask("GET", "/api/customers/1", "", "").await.json();
    assert_eq!(customer["attr"], json!({ "hobby": "茶" }));

    // What was said is used for the next file of the source, unless somebody begins afresh.
    let next = hub.writer.brought("会员.csv", SHOP.replace("王芳", "王方").as_bytes()).await;
    let page = hub.writer.look(&next).await;
    page.says(&["Columns are taken as for 会员.csv, import 1.", "UTF-8"]);
    assert_eq!(chosen(&page, 4), "attr.");
    let page = hub.writer.look(&page.link("Begin afresh")).await;
    page.hides(&["Columns are taken as for"]);
    assert_eq!(chosen(&page, 4), "-");
}

#[tokio::test]
async fn a_workbook_is_looked_at() {
    let hub = TestHub::on_memory().await;
    let _folder = spool(&hub);
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    for (column, heading) in ["姓名", "会员卡", "手机"].into_iter().enumerate() {
        sheet.write_string(0, column.try_into().unwrap(), heading).unwrap();
    }
    sheet.write_string(1, 0, "李伟").unwrap();
    sheet.write_number(1, 1, 6_222_021_234_567_890.0).unwrap();
    sheet.write_number(1, 2, 13_800_000_003.0).unwrap();
    let bytes = workbook.save_to_buffer().unwrap();
    let address = hub.writer.brought("members.xlsx", &bytes).await;
    let address = format!("{address}&c2=identity:&n2=member-card");
    let page = hub.writer.look(&address).await;
    page.says(&["XLSX 3 columns 1 row", "138****0003", "which a spreadsheet has rounded"]);
    page.hides(&["name=\"encoding\"", "13800000003"]);
    // Cells of identities and of custom attributes are told of in the language of the page, too.
    for choice in ["", "&c2=attr.&n2=card"] {
        let page = hub.writer.look_in_chinese(&format!("{address}{choice}")).await;
        page.says(&["应为以文本保存的完整数字，实际为超过 15 位", "舍入"]).hides(&["expected "]);
    }
    let unread = hub.writer.look(&format!("{address}&sheet=nowhere")).await;
    unread.says(&["The file cannot be read like this: expected", "Look again"]);
    hub.writer.look(&address).await.says(&["李伟"]);
}

#[tokio::test]
async fn where_many_look_at_files_nothing_is_lost() {
    let hub = TestHub::on_memory().await;
    let folder = tempfile::tempdir().unwrap();
    let (places, spool) = (Arc::new(Semaphore::new(0)), Spool::new(folder.path(), 1_000_000));
    hub.hub.keep_files_in(spool.looking_within(Arc::clone(&places), Duration::ZERO));
    // The file is kept, although nobody has looked into it yet.
    let address = hub.writer.brought("会员.csv", SHOP.as_bytes()).await;
    let address = format!("{address}&c4=attr.&n4=hobby");
    let busy = hub.writer.ask("GET", &address, "", "").await;
    assert_eq!((busy.status.as_u16(), busy.header("retry-after")), (503, "1"));
    let busy = Seen::of(&busy);
    busy.says(&["Many files are being looked at", "Nothing was imported."]).hides(&["王芳"]);
    hub.writer.look_in_chinese(&address).await.says(&["正在查看的文件较多"]);
    for act in ["import", "try", "reveal"] {
        let busy = hub.writer.press(&address, act).await;
        assert_eq!(busy.status, 503, "{act}");
        Seen::of(&busy).says(&["Many files are being looked at"]);
    }
    assert_eq!(files(&folder), 1);
    // What was chosen is still in the address that leads on.
    places.add_permits(1);
    let page = hub.writer.look(&busy.link("Try again")).await;
    page.says(&["会员.csv", "4 columns 2 rows"]);
    assert_eq!([1, 4].map(|it| chosen(&page, it)), ["name", "attr."]);
    hub.writer.look(IMPORTS).await.says(&["No file was brought in yet"]);
}

#[tokio::test]
async fn what_is_no_file_of_customers_is_told_and_leaves_nothing() {
    let hub = TestHub::on_memory().await;
    let folder = spool(&hub);
    let large = vec![b'x'; 1_000_001];
    for (file, status, why) in [
        (
            &b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1old"[..],
            422,
            "found a workbook of an old Excel (.xls): save it as .xlsx",
        ),
        (b"", 422, "Choose a file first."),
        (b"\n\n", 422, "The file cannot be read, and nothing was imported: expected"),
        (&large, 413, "The hub takes no file of this size."),
    ] {
        let refused = hub.writer.bring("a.csv", file).await;
        assert_eq!(refused.status, status, "{why}");
        Seen::of(&refused).says(&[why, "Bring a file in"]);
    }
    let other = hub.writer.send_parts("Content-Disposition: form-data; name=\"x\"", b"1").await;
    assert_eq!(other.status, 422);
    Seen::of(&other).says(&["expected one part `file`"]);
    let plain = hub.writer.send_form(IMPORTS, &[("file", "name\nA")]).await;
    assert_eq!(plain.status, 400);
    Seen::of(&plain).says(&["Nothing was changed.", "The page is out of date"]);
    // What did not come to its end is removed by who wrote it.
    while files(&folder) > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Why a file, a line or a row is refused stands there in the language of the page.
#[tokio::test]
async fn what_is_refused_is_told_in_chinese() {
    let hub = TestHub::on_memory().await;
    let _folder = spool(&hub);
    let lines = "{\"姓名\":\"王芳\",\"会员卡\":\"VIP-1\"}\n[1]\n{\"a\":1,\"a\":2}\n{\"姓名\":\n";
    let address = hub.writer.brought("a.ndjson", lines.as_bytes()).await;
    let page = hub.writer.look(&address).await;
    page.says(&["Line 2: expected a JSON object, found an array", "the key `a` is given twice"]);
    let why = [
        "应为 JSON 对象，实际为列表",
        "不是有效的 JSON 对象：同一个键出现两次（至第 13 字节）",
        "不是完整的 JSON 对象：内容中断",
    ];
    let page = hub.writer.look_in_chinese(&address).await;
    page.says(&why).hides(&["expected ", "<span lang"]);
    let tried = Seen::of(&hub.writer.press_in_chinese(&address, "try").await);
    tried.says(&why).hides(&["expected ", "<span lang"]);

    let gone = "id,姓名\n77,王芳\n".as_bytes();
    let address = format!("{}&match=id,identity", hub.writer.brought("b.csv", gone).await);
    let tried = Seen::of(&hub.writer.press(&address, "try").await);
    tried.says(&["the id of a customer of this hub, found one that it never gave: 77"]);
    let tried = Seen::of(&hub.writer.press_in_chinese(&address, "try").await);
    tried.says(&["第 2 行 系统中没有客户 77"]).hides(&["expected "]);

    let mut workbook = Workbook::new();
    workbook.add_worksheet().set_name("客户").unwrap().write_string(0, 0, "姓名").unwrap();
    let bytes = workbook.save_to_buffer().unwrap();
    let address = format!("{}&sheet=x", hub.writer.brought("c.xlsx", &bytes).await);
    let page = hub.writer.look(&address).await;
    page.says(&["cannot be read like this: expected one of the sheets `客户`, found `x`"]);
    let page = hub.writer.look_in_chinese(&address).await;
    page.says(&["无法读取文件： 没有工作表 `x`，现有工作表：`客户`"]).hides(&["expected "]);
}

#[tokio::test]
async fn of_a_wide_file_fewer_rows_are_looked_at() {
    let hub = TestHub::on_memory().await;
    let _folder = spool(&hub);
    let headings: Vec<String> = (1..=250).map(|place| format!("attr{place}")).collect();
    let row = format!("{}\n", vec!["1"; 250].join(","));
    let text = format!("{}\n{}", headings.join(","), row.repeat(500));
    let address = hub.writer.brought("wide.csv", text.as_bytes()).await;
    let page = hub.writer.look(&address).await;
    page.says(&[
        "250 columns the first 400 rows looked at",
        "50 further columns are taken for what their headings say.",
    ]);
    page.hides(&["id=\"c201\""]);
    let tried = hub.writer.press(&address, "try").await;
    Seen::of(&tried).says(&["Rows 500"]);
}

#[tokio::test]
async fn a_file_that_breaks_off_is_told_by_who_tries_it() {
    let hub = TestHub::on_memory().await;
    let _folder = spool(&hub);
    let row =
        |place: u64| format!("{},VIP-{:x}\n", place, place.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let text: String = (0..20_000).map(row).collect();
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(format!("姓名,会员号\n{text}").as_bytes()).unwrap();
    let mut bytes = packer.finish().unwrap();
    bytes.truncate(bytes.len() - 1_000);
    let address = hub.writer.brought("members.csv.gz", &bytes).await;
    hub.writer.look(&address).await.says(&["the first 1,000 rows looked at", "all of them fit"]);
    let broken = hub.writer.press(&address, "try").await;
    assert_eq!(broken.status, 422);
    Seen::of(&broken).says(&["The file cannot be read to its end, and nothing was imported:"]);
}

#[tokio::test]
async fn a_file_is_there_for_who_has_brought_it() {
    let hub = TestHub::on_memory().await;
    let folder = spool(&hub);
    let colleague = hub.app_with("cl000000000000005", Permission::ALL).await;
    let address = hub.writer.brought("shop.csv", SHOP.as_bytes()).await;
    let code = address.split(['=', '&']).nth(1).unwrap().to_owned();
    let last = if code.ends_with('0') { "1" } else { "0" };
    let forged = address.replace(&code, &format!("{}{last}", &code[..code.len() - 1]));
    for (who, actor, address) in [
        ("a colleague", &colleague, &*address),
        ("another tenant", &hub.stranger, &address),
        ("another code", &hub.writer, &forged),
        ("no code", &hub.writer, "/console/imports/file?file="),
        ("nothing", &hub.writer, "/console/imports/file?"),
    ] {
        let page = actor.look(address).await;
        assert_eq!(page.status, 404, "{who}");
        page.says(&["The file is not here any more"]).hides(&["王芳", "手机"]);
        for act in ["try", "import", "reveal", "discard"] {
            let refused = actor.press(address, act).await;
            assert_eq!(refused.status, 404, "{who}: {act}");
            Seen::of(&refused).hides(&["王芳"]);
        }
    }
    // Who may read brings nothing, and who may not read sees nothing.
    for (actor, path) in [(&hub.reader, "customers.write"), (&hub.phone, "customers.read")] {
        let refused = actor.bring("shop.csv", SHOP.as_bytes()).await;
        assert_eq!(refused.status, 403);
        assert!(refused.text.contains(path), "{}", refused.text);
        assert_eq!(actor.look(&address).await.status, 403);
        for act in ["try", "import", "reveal", "discard"] {
            assert_eq!(actor.press(&address, act).await.status, 403, "{act}");
        }
    }
    hub.reader.look(IMPORTS).await.hides(&["type=\"file\""]);
    assert_eq!(files(&folder), 1);
    hub.writer.look(IMPORTS).await.says(&["No file was brought in yet"]);

    let there = Actor::done(&hub.writer.press(&address, "discard").await);
    hub.writer.look(&there).await.says(&["The file is removed. Nothing was imported."]);
    assert_eq!(files(&folder), 0);
    for act in ["try", "import", "discard"] {
        let gone = hub.writer.press(&address, act).await;
        assert_eq!(gone.status, if act == "discard" { 303 } else { 404 }, "{act}");
    }
}

#[tokio::test]
async fn contacts_are_masked_until_somebody_who_may_asks_for_them() {
    let hub = TestHub::on_memory().await;
    let _folder = spool(&hub);
    let may = [Permission::CustomersRead, Permission::CustomersWrite];
    let clerk = hub.app_with("cl000000000000005", &may).await;
    let text = "姓名,手机,备用,生日\n王芳,13800000001,13800000009,1990-03-05\n李伟,13800000002,w@x.com,13800000001\n";
    let hidden = ["13800000001", "13800000009", "w@x.com"];
    let address = clerk.brought("a.csv", text.as_bytes()).await;
    for address in [address.clone(), format!("{address}&c2=-&c3=remark")] {
        clerk.look(&address).await.says(&["138****0001", "138****0009"]).hides(&hidden);
        let tried = clerk.press(&address, "try").await;
        assert_eq!(tried.status, 200, "{}", tried.text);
        Seen::of(&tried).says(&["Line 3 生日: expected a date", "`138****0001`"]).hides(&hidden);
    }
    clerk.look(&address).await.hides(&["value=\"reveal\""]);
    let refused = clerk.press(&address, "reveal").await;
    assert_eq!(refused.status, 403);
    Seen::of(&refused).hides(&hidden);
    Seen::of(&clerk.press(&format!("{address}&full=1"), "try").await).hides(&hidden);

    let address = hub.writer.brought("a.csv", text.as_bytes()).await;
    hub.writer.look(&address).await.says(&["Show contacts"]).hides(&hidden);
    let noted = async || {
        let log = hub.writer.ask("GET", "/api/audit?limit=50", "", "").await.json();
        let read =
            log["items"].as_array().unwrap().iter().filter(|it| it["deed"] == "customersRead");
        read.map(|it| it["details"]["route"].clone()).collect::<Vec<_>>()
    };
    assert!(noted().await.is_empty());
    let revealed = hub.writer.press(&address, "reveal").await;
    Seen::of(&revealed).says(&["13800000001", "13800000009", "is written into the audit log"]);
    assert_eq!(noted().await, [json!(FILE)]);
    let tried = hub.writer.press(&format!("{address}&full=1"), "try").await;
    Seen::of(&tried).says(&["Mobile 13800000001"]);
    assert_eq!(noted().await.len(), 2);
}

#[tokio::test]
async fn contacts_in_headings_are_masked_as_those_below_them() {
    let hub = TestHub::on_memory().await;
    let _folder = spool(&hub);
    let may = [Permission::CustomersRead, Permission::CustomersWrite];
    let clerk = hub.app_with("cl000000000000005", &may).await;
    // A file without headings: its first customer stands where they should.
    let text = "王芳,13800000001,wang@x.com,13800000001\n李伟,13800000002,li@x.com,x\n";
    let hidden = ["13800000001", "wang@x.com", "13800000002", "li@x.com"];
    let shown = ["138****0001", "w****@x.com"];
    let choices = "&c1=name&c2=mobile&c3=email";
    for more in ["", "&c4=birthday", "&c4=mobile"] {
        let address = format!("{}{choices}{more}", clerk.brought("a.csv", text.as_bytes()).await);
        clerk.look(&address).await.says(&shown).hides(&hidden);
        clerk.look_in_chinese(&address).await.says(&shown).hides(&hidden);
        let tried = clerk.press(&address, "try").await;
        Seen::of(&tried).says(&shown).hides(&hidden);
        if more == "&c4=birthday" {
            Seen::of(&tried).says(&["Line 2 138****0001: expected a date", "`x`"]);
        }
    }
    let address = hub.writer.brought("a.csv", text.as_bytes()).await;
    let address = format!("{address}{choices}");
    hub.writer.look(&address).await.says(&shown).hides(&hidden);
    let revealed = hub.writer.press(&address, "reveal").await;
    Seen::of(&revealed).says(&hidden).says(&["is written into the audit log"]);
    let log = hub.writer.ask("GET", "/api/audit?limit=50", "", "").await.json();
    let read = log["items"].as_array().unwrap().iter().filter(|it| it["deed"] == "customersRead");
    let routes: Vec<_> = read.map(|it| it["details"]["route"].clone()).collect();
    assert_eq!(routes, [json!(FILE)]);
}

#[tokio::test]
async fn what_does_not_fit_together_is_marked_and_not_begun() {
    let hub = TestHub::on_memory().await;
    let folder = spool(&hub);
    let address = hub.writer.brought("shop.csv", SHOP.as_bytes()).await;
    for (choice, why) in [
        ("&c4=attr.", "Say its name"),
        ("&c4=burn", "Say its name"),
        ("&c4=mobile", "手机号 is this already: leave one out."),
        ("&match=id,identity", "Matching by id takes a column of ids"),
        ("&c1=-&c2=-&c3=-", "No column says anything yet"),
    ] {
        let address = format!("{address}{choice}");
        let page = hub.writer.look(&address).await;
        page.says(&[why]);
        let is_marked = page.html.contains("aria-invalid=\"true\" aria-describedby=\"why4\"");
        assert_eq!(is_marked, choice.starts_with("&c4"), "{choice}");
        for act in ["import", "try"] {
            let refused = hub.writer.press(&address, act).await;
            assert_eq!(refused.status, 422, "{choice} {act}");
            Seen::of(&refused).says(&[why]);
        }
    }
    let unknown = hub.writer.brought("odd.csv", "a,b\n1,2\n".as_bytes()).await;
    hub.writer.look(&unknown).await.says(&["No heading is known. Say below"]);
    let odd = hub.writer.look(&format!("{address}&onConflict=burn&x=1")).await;
    assert_eq!(odd.status, 400);
    odd.says(&["onConflict", "x"]);
    let odd = hub.writer.look_in_chinese(&format!("{address}&onConflict=burn&x=1")).await;
    odd.says(&[
        "`onConflict`：应为 merge、keep 或 reject，实际为其他文本",
        "`x`：无法识别，应为：source、onConflict、match、",
    ]);
    odd.hides(&["expected "]);
    hub.writer.look(IMPORTS).await.says(&["No file was brought in yet"]);
    assert_eq!(files(&folder), 2);

    // Two columns that are one thing by their headings: the first one is.
    let twice =
        hub.writer.brought("two.csv", "手机,手机号\n13800000001,13800000002\n".as_bytes()).await;
    let page = hub.writer.look(&twice).await;
    page.says(&["Left out, because 手机 is the same."]);
    assert_eq!([chosen(&page, 1), chosen(&page, 2)], ["mobile", "-"]);
    let other = hub.writer.look(&format!("{twice}&c1=telephone&c2=mobile")).await;
    other.hides(&["need another choice", "Left out, because"]);
    assert_eq!([chosen(&other, 1), chosen(&other, 2)], ["telephone", "mobile"]);
}

#[tokio::test]
async fn how_a_file_is_brought_in_is_chosen() {
    let hub = TestHub::on_memory().await;
    let _folder = spool(&hub);
    let address = hub.writer.brought("shop.csv", SHOP.as_bytes()).await;
    let how = "&match=identity&onConflict=keep&utcOffset=%2B08:00&source=crm";
    let address = format!("{}{how}", address.replace("&source=shop.csv", ""));
    hub.writer.look(&address).await.says(&["crm"]);
    assert_eq!(Actor::done(&hub.writer.press(&address, "import").await), "/console/imports/1");
    let import = hub.writer.ask("GET", "/api/imports/1", "", "").await.json();
    let told = ["source", "match", "onConflict", "utcOffset"].map(|name| import[name].clone());
    assert_eq!(told, ["crm", "identity", "keep", "+08:00"].map(|it| json!(it)));
    // The same file, brought again and asked for in the same way, is the same import.
    let again = hub.writer.brought("shop.csv", SHOP.as_bytes()).await;
    let again = format!("{}{how}", again.replace("&source=shop.csv", ""));
    assert_eq!(Actor::done(&hub.writer.press(&again, "import").await), "/console/imports/1");
}

#[tokio::test]
async fn headings_below_a_title_are_found_or_named() {
    let hub = TestHub::on_memory().await;
    let _folder = spool(&hub);
    let text = "会员登记表,,,\n姓名,手机号,喜好,\n张三,13900000001,茶,\n";
    let address = hub.writer.brought("a.csv", text.as_bytes()).await;
    let page = hub.writer.look(&address).await;
    page.says(&["The headings are in line 2: 1 row above is passed over."]);
    page.hides(&["No column tells who a row is"]);
    let without = hub.writer.look(&format!("{address}&c2=-")).await;
    without.says(&["No column tells who a row is: a mobile, an e-mail or an identity."]);
    // What is picked says nothing about the rows above.
    let address = format!("{address}&c1=name&c3=attr.&n3=hobby&c4=attr.&n4=x");
    let page = hub.writer.look_in_chinese(&address).await;
    page.says(&["列标题在第 2 行，已跳过其上 1 行。"]);
    assert_eq!([1, 2, 3].map(|it| chosen(&page, it)), ["name", "mobile", "attr."]);
    assert_eq!(Actor::done(&hub.writer.press(&address, "import").await), "/console/imports/1");
    ended(&hub).await;
    let customer = hub.writer.ask("GET", "/api/customers/1", "", "").await.json();
    assert_eq!(customer["attr"], json!({ "hobby": "茶" }));

    let text = "登记表,\n卡号,喜好\nC1,茶\n";
    let address = hub.writer.brought("b.csv", text.as_bytes()).await;
    hub.writer.look(&address).await.says(&["or in which line the headings stand"]);
    let page = hub.writer.look(&format!("{address}&headerRow=2&c1=identity:&n1=card")).await;
    page.says(&["The headings are in line 2", "C1"]);
    let page = hub.writer.look(&format!("{address}&headerRow=9")).await;
    page.says(&["cannot be read like this: expected a row of headings in line 9, found none"]);
    assert!(page.html.contains("name=\"headerRow\""), "{}", page.html);
}
