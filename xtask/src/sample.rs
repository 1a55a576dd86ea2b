//! People for pictures of the console: made up, with everything that may happen to somebody.

use crate::client::Connection;
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

/// A page to be looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown {
    pub(crate) name: &'static str,
    pub(crate) path: &'static str,
    /// What is clicked before the picture is taken; nothing if empty. A `button` leads to another page.
    pub(crate) click: &'static str,
}

/// A page with a form that is filled and sent: the picture is of what comes then.
#[derive(Debug)]
pub(crate) struct Filled {
    pub(crate) page: Shown,
    /// Names of fields, and what they are filled with.
    pub(crate) fields: &'static [(&'static str, &'static str)],
}

const fn shown(name: &'static str, path: &'static str) -> Shown {
    Shown { name, path, click: "" }
}

/// The page for who is not signed in.
pub(crate) const ENTRANCE: &[Shown] = &[shown("sign-in", "/console/sign-in")];

/// A list that is saved, and what it is called.
pub(crate) const SAVED: &str = "/console/customers?city=%E4%B8%8A%E6%B5%B7%E5%B8%82&stage=Member";
pub(crate) const SAVED_NAME: &str = "上海会员";

/// Every page, and what it looks like when there is nothing, or something went wrong.
pub(crate) const PAGES: &[Shown] = &[
    shown("overview", "/console"),
    shown("customers", "/console/customers"),
    shown(
        "customers-filtered",
        "/console/customers?city=%E4%B8%8A%E6%B5%B7%E5%B8%82&mobile:empty=0",
    ),
    shown("customers-search", "/console/customers?q=%E7%8E%8B"),
    shown("customers-nobody", "/console/customers?name=nobody"),
    shown("customers-unfit", "/console/customers?gender=x"),
    Shown { name: "customers-menu", path: "/console/customers", click: ".filters summary" },
    Shown { name: "customers-saved", path: SAVED, click: ".tools summary" },
    Shown {
        name: "customers-save",
        path: "/console/customers?stage=Lead&sort=name",
        click: ".tools summary",
    },
    Shown {
        name: "customers-columns",
        path: "/console/customers",
        click: ".tools details:nth-of-type(2) summary",
    },
    shown("customer", "/console/customers/1"),
    shown("customer-past", "/console/customers/1?step=3"),
    shown("customer-plain", "/console/customers/30"),
    shown("customer-crowded", "/console/customers/5"),
    shown("customer-deleted", "/console/customers/9"),
    shown("customer-missing", "/console/customers/99999"),
    shown("act-edit", "/console/customers/1/edit"),
    shown("act-merge", "/console/customers/1/merge?with=%2330"),
    shown("act-merge-refused", "/console/customers/1/merge?with=%234"),
    shown("act-undo", "/console/customers/1/merges/1/undo"),
    shown("act-extract", "/console/customers/1/extract?identity=1"),
    shown("act-erase", "/console/customers/1/erase"),
    shown("review", "/console/review"),
    shown("review-pair", "/console/review?at=c2"),
    shown("review-alike", "/console/review?kind=duplicates"),
    shown("review-through", "/console/review?at=end"),
    shown("why", "/console/why"),
    shown("why-same", "/console/why?from=wechat:oWang-0001&to=mobile:13800000001"),
    shown("why-apart", "/console/why?from=%231&to=%234"),
    shown("why-unknown", "/console/why?from=%231&to=nobody"),
    shown("imports", "/console/imports"),
    shown("import", "/console/imports/1"),
    shown("import-file", FILE),
    shown("import-file-wrong", "{file}&c9=attr.&c10=mobile&match=id,identity"),
    Shown { name: "import-file-tried", path: FILE, click: "button[value=try]" },
    shown("settings", "/console/settings"),
    shown("settings-type", "/console/settings/types/mobile"),
    shown("settings-type-new", "/console/settings/types/store-card"),
    shown("apps", "/console/settings/apps"),
    shown("app", "/console/settings/apps/2"),
    Shown { name: "app-new", path: "/console/settings/apps", click: "details.more summary" },
    shown("webhooks", "/console/settings/webhooks"),
    shown("webhook", "/console/settings/webhooks/1"),
    Shown {
        name: "webhook-new",
        path: "/console/settings/webhooks",
        click: "details.more summary",
    },
    shown("wechat", "/console/wechat"),
    shown("wechat-account", "/console/wechat/1"),
    Shown { name: "wechat-new", path: "/console/wechat", click: "details.more summary" },
    shown("users", "/console/users"),
    shown("user", "/console/users/4"),
    Shown { name: "user-new", path: "/console/users", click: "details.more summary" },
    shown("audit", "/console/audit"),
    shown("audit-filtered", "/console/audit?who=0&deed=users&from=2026-01-01"),
    Shown {
        name: "audit-filter",
        path: "/console/audit?on=customer&id=1",
        click: ".filters summary",
    },
    shown("audit-unfit", "/console/audit?on=customer&from=2026-05-02&to=2026-05-01"),
    shown("audit-none", "/console/audit?deed=wechatUnbound"),
    shown("missing", "/console/nowhere"),
    shown("account", "/console/account"),
];

/// Stands for the address of a file that was brought and is not imported yet.
pub(crate) const FILE: &str = "{file}";
/// What it is called,
pub(crate) const FILE_NAME: &str = "会员 2026-06.csv";
/// and what is in it.
pub(crate) const FILE_TEXT: &str = "姓名,手机号,电子邮箱,性别,出生日期,会员卡号,openid,注册时间,喜好,联系手机\n\
    王芳,+86 138-0000-0001,wang.fang@example.com,女士,1990年2月28日,VIP-88001234,oWang-0001,2024/3/5 12:30,茶,13800000001\n\
    陈静,13922220002,chen.jing@example.com,女,1988/12/1,VIP-90000011,,2024-03-06,咖啡,\n\
    赵子轩,1392222000,,男,3/5/1990,VIP-90000012,oZhao-0001,,,\n\
    黄敏,13922220004,huang.min@example,保密,1995.7.1,VIP-90000013,,2024-03-07 09:10,阅读,\n\
    ,,,,,,,,,\n\
    刘敏,13700000007,,女,1992-07-01,VIP-90000014,oLiu-0001,2023-11-20,,\n";
/// A version that nothing has.
const LATE: &str = "0000000000000000";
/// Pages that come of a form alone.
pub(crate) const FORMS: &[Filled] = &[
    Filled {
        page: Shown {
            name: "settings-preview",
            path: "/console/settings/types/member-card",
            click: "form.act button",
        },
        fields: &[("limit", "1"), ("blocked", "VIP-5*\nTEST*")],
    },
    Filled {
        page: Shown {
            name: "settings-preview-preset",
            path: "/console/settings",
            click: "form.act button",
        },
        fields: &[("preset", "guarded"), ("onConflict", "keep")],
    },
    Filled {
        page: Shown {
            name: "app-secret",
            path: "/console/settings/apps/2",
            click: "form:has([value=rotate]) button",
        },
        fields: &[("sure", "1")],
    },
    // Somebody else was faster.
    Filled {
        page: Shown {
            name: "app-late",
            path: "/console/settings/apps/2",
            click: "form:has([value=permit]) button",
        },
        fields: &[("version", LATE), ("permission", "1")],
    },
    Filled {
        page: Shown {
            name: "webhook-late",
            path: "/console/settings/webhooks/1",
            click: "form:has([value=set]) button",
        },
        fields: &[
            ("version", LATE),
            ("url", "https://hooks.example.com/kehub/customers/v2"),
            ("description", "数据仓库"),
            ("kind", "1"),
        ],
    },
    Filled {
        page: Shown {
            name: "user-late",
            path: "/console/users/4",
            click: "form:has([value=set]) button",
        },
        fields: &[("version", LATE), ("name", "安娜·李"), ("role", "editor")],
    },
    Filled {
        page: Shown { name: "wechat-bound", path: "/console/wechat", click: "form.act button" },
        fields: &[
            ("appId", "wxfedcba9876543210"),
            ("appSecret", "0123456789abcdef0123456789abcdef"),
            ("callbackToken", "Token123"),
            ("name", "会员中心"),
        ],
    },
    Filled {
        page: Shown {
            name: "settings-type-unfit",
            path: "/console/settings/types/member-card",
            click: "form.act button",
        },
        fields: &[("limit", "1000"), ("priority", "first")],
    },
];

const SURNAMES: [&str; 8] = ["王", "李", "张", "刘", "陈", "杨", "赵", "黄"];
const GIVEN: [&str; 9] = ["芳", "伟", "秀英", "敏", "静", "志强", "雨桐", "子轩", "建国"];
const CITIES: [(&str, &str); 5] = [
    ("上海市", "上海市"),
    ("北京市", "北京市"),
    ("广东省", "深圳市"),
    ("浙江省", "杭州市"),
    ("四川省", "成都市"),
];
const SOURCES: [&str; 4] = ["官网", "门店", "公众号", "小程序"];
const STAGES: [&str; 3] = ["Subscriber", "Lead", "Member"];

/// Sends everybody.
pub(crate) async fn send(hub: &mut Connection) -> Result<()> {
    let own = hub.token().await?;
    let shop = app(hub, &own, "线下门店 POS").await?;
    let mini = app(hub, &own, "会员小程序").await?;
    hub.sign(&mini);
    wang(hub, &shop, &mini, &own).await?;
    crowd(hub).await?;
    hub.sign(&shop);
    for place in 0..120 {
        upsert(hub, &person(place)).await?;
    }
    hub.sign(&own);
    upsert(hub, &json!({ "identities": [identity("cookie", "c-lonely")] })).await?;
    let liu = json!({ "name": "刘敏", "birthday": "1992-07-01", "city": "上海市", "company": "星河科技有限公司" });
    upsert(hub, &json!({ "customer": liu, "identities": [identity("wechat", "oLiu-0001")] }))
        .await?;
    let liu = json!({ "name": "刘敏", "birthday": "1992-07-01", "city": "上海市", "mobile": "13700000007" });
    upsert(hub, &json!({ "customer": liu, "identities": [identity("wechat", "oLiu-0002")] }))
        .await?;
    ensure!(hub.send("DELETE", "/api/customers/9", "").await?.status == 204, "nobody to delete");
    imports(hub).await?;
    connected(hub).await
}

/// Who is connected: a system that is told of everything and answers nothing, and a WeChat account whose
/// import waits for WeChat.
async fn connected(hub: &mut Connection) -> Result<()> {
    let crm = json!({ "url": "http://127.0.0.1:1/hooks/customers", "description": "CRM",
        "kinds": ["created", "merged", "erased"] });
    post(hub, "/api/webhooks", &crm).await?;
    for number in 0..3 {
        let card = identity("member-card", &format!("VIP-6000000{number}"));
        upsert(hub, &json!({ "customer": { "source": "门店" }, "identities": [card] })).await?;
    }
    let shop = json!({ "appId": "wx0123456789abcdef", "name": "星河旗舰店", "serviceType": 2, "verifyType": 0,
        "appSecret": "0123456789abcdef0123456789abcdef", "nightly": true, "callbackToken": "Token123",
        "encodingAesKey": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG" });
    post(hub, "/api/wechat/accounts", &shop).await?;
    let other =
        json!({ "appId": "wxfedcba9876543210", "appSecret": "0123456789abcdef0123456789abcdef" });
    post(hub, "/api/wechat/accounts", &other).await?;
    post(hub, "/api/wechat/accounts/1/imports", &Value::Null).await?;
    Ok(())
}

/// A file with a row that does not fit.
async fn imports(hub: &mut Connection) -> Result<()> {
    let members = "姓名,手机号,生日,identity:member-card,喜好\n王小明,13911110001,1991/3/5,VIP-90000001,咖啡\n\
                   李晓梅,1391111000,3/5/1990,VIP-90000002,\n张建国,13911110003,,VIP-90000003,茶\n";
    let answer = hub.post("/api/imports?source=members-06.csv", members).await?;
    ensure!(answer.status == 202, "no import: {}", String::from_utf8_lossy(answer.body));
    Ok(())
}

/// The customer with a story: three ids that were merged, a doubtful mobile, somebody with the same name.
async fn wang(hub: &mut Connection, shop: &str, mini: &str, own: &str) -> Result<()> {
    let wang = json!({ "name": "王芳", "nickName": "小芳", "gender": 2, "city": "上海市",
        "province": "上海市", "source": "小程序", "stage": "Lead", "birthday": "1990-02-28" });
    let openid = identity("wechat", "oWang-0001");
    upsert(
        hub,
        &json!({ "customer": wang, "identities": [openid, identity("cookie", "c-7f3a9")] }),
    )
    .await?;
    hub.sign(shop);
    let card = identity("member-card", "VIP-88001234");
    let sold = json!({ "name": "王方", "mobile": "13800000001", "mobileVerified": true,
        "membershipLevel": "金卡", "membershipScore": 1280, "attr": { "shoe_size": 38 } });
    upsert(
        hub,
        &json!({ "customer": sold, "identities": [card, identity("mobile", "13800000001")] }),
    )
    .await?;
    let mail = json!({ "email": "wang.fang@example.com", "company": "星河科技有限公司", "title": "设计师" });
    upsert(
        hub,
        &json!({ "customer": mail, "identities": [identity("email", "wang.fang@example.com")] }),
    )
    .await?;
    // Somebody else with another card and the same mobile.
    let other = json!({ "name": "王芳", "city": "北京市" });
    upsert(
        hub,
        &json!({ "customer": other, "identities": [identity("member-card", "VIP-77000001")] }),
    )
    .await?;
    hub.sign(mini);
    let both = [openid.clone(), identity("mobile", "13800000001")];
    upsert(hub, &json!({ "customer": { "stage": "Member" }, "identities": both })).await?;
    let both = [openid.clone(), identity("email", "wang.fang@example.com")];
    upsert(hub, &json!({ "customer": { "name": "王芳" }, "identities": both })).await?;
    upsert(hub, &json!({ "customer": { "remark": "喜欢秋季新品" }, "identities": [openid] }))
        .await?;
    hub.sign(shop);
    let both = [card, identity("member-card", "VIP-77000001")];
    upsert(hub, &json!({ "customer": {}, "identities": both })).await?;
    hub.sign(own);
    let apart = json!({ "customerIds": [1, 4] });
    post(hub, "/api/cannot-links", &apart).await?;
    Ok(())
}

/// Somebody with as many identities as a picture should bear.
async fn crowd(hub: &mut Connection) -> Result<()> {
    let mut name = json!({ "name": "杨雨桐", "city": "杭州市", "source": "公众号" });
    for place in 0..36_u32 {
        let device = identity("cookie", &format!("c-{place:02}-5be0cd19137e2179"));
        let mut carried = vec![identity("member-card", "VIP-50000000"), device];
        if place.is_multiple_of(6) {
            carried.push(identity("wechat", &format!("oYang-{place:04}-J8fk2")));
        }
        upsert(hub, &json!({ "customer": name, "identities": carried })).await?;
        name = json!({});
    }
    Ok(())
}

fn person(place: usize) -> Value {
    let of = |list: &[&str], step: usize| {
        list.get((place / step) % list.len()).map(|it| (*it).to_owned())
    };
    let (surname, given) =
        (of(&SURNAMES, 1).unwrap_or_default(), of(&GIVEN, 3).unwrap_or_default());
    let (province, city) = CITIES.get(place % CITIES.len()).copied().unwrap_or_default();
    let mobile = format!("139{:08}", place * 7_919 + 10_000_019);
    let mut customer = json!({
        "name": format!("{surname}{given}"), "province": province, "city": city,
        "source": of(&SOURCES, 2), "stage": of(&STAGES, 5), "gender": place % 3,
    });
    let mut identities = vec![identity("member-card", &format!("VIP-{:08}", place * 104_729))];
    if let Some(members) = customer.as_object_mut() {
        if place % 5 != 4 {
            members.insert("mobile".to_owned(), json!(mobile));
            identities.push(identity("mobile", &mobile));
        }
        if place.is_multiple_of(3) {
            members.insert("email".to_owned(), json!(format!("customer{place}@example.com")));
        }
    }
    json!({ "customer": customer, "identities": identities })
}

fn identity(kind: &str, value: &str) -> Value {
    json!({ "type": kind, "value": value })
}

async fn upsert(hub: &mut Connection, body: &Value) -> Result<()> {
    post(hub, "/api/customers", body).await.map(|_| ())
}

/// An app of this name, by a token of its own.
async fn app(hub: &mut Connection, own: &str, name: &str) -> Result<String> {
    hub.sign(own);
    let asked = json!({ "name": name, "permissions": ["customers.read", "customers.write", "identities.write"] });
    let made = post(hub, "/api/apps", &asked).await?;
    let asked = json!({ "appId": made["appId"], "secret": made["secret"] });
    let token = post(hub, "/api/tokens", &asked).await?;
    Ok(token["accessToken"].as_str().context("no token")?.to_owned())
}

async fn post(hub: &mut Connection, path: &str, body: &Value) -> Result<Value> {
    let answer = hub.post(path, &body.to_string()).await?;
    let (status, text) = (answer.status, String::from_utf8_lossy(answer.body).into_owned());
    ensure!((200..300).contains(&status), "POST {path}: {status} {text}");
    Ok(serde_json::from_str(&text)?)
}
