//! A hub in this process, and how clients of the v1 wire ask it.

#[path = "../support/hub.rs"]
mod shared;

pub(crate) use shared::{Actor, Answer, Endless, SECRET, TestHub, on_every_engine, request, valid};

use axum::http::StatusCode;
use kehub_core::command::Command;
use kehub_core::{CustomerId, TenantId};
use serde_json::Value;

impl TestHub {
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(request("GET", path, "")).await
    }

    /// How many customers the first tenant has.
    pub(crate) async fn customer_count(&self) -> u64 {
        self.writer.get("/v1/customers/count").await.ok().as_u64().unwrap()
    }
}

impl TestHub {
    /// Erases a customer of the first tenant.
    pub(crate) async fn erase(&self, customer: i64) {
        shared::apply(&*self.store, TenantId(1), Command::Erase(CustomerId(customer))).await;
    }
}

impl Actor {
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, "").await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Answer {
        self.call("POST", path, body).await
    }

    pub(crate) async fn put(&self, path: &str, body: &str) -> Answer {
        self.call("PUT", path, body).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.call("DELETE", path, "").await
    }

    /// A call with the token in the query.
    pub(crate) async fn call(&self, method: &str, path: &str, body: &str) -> Answer {
        let mark = if path.contains('?') { '&' } else { '?' };
        let path = format!("{path}{mark}access_token={}", self.token);
        self.send(request(method, &path, body.to_owned())).await
    }

    /// `POST /v1/customerandidentities` with these identities, as `type:value`, and these fields.
    pub(crate) async fn upsert(&self, identities: &[&str], customer: &str) -> Answer {
        let items: Vec<String> = identities
            .iter()
            .map(|identity| {
                let (kind, value) = identity.split_once(':').unwrap();
                format!(r#"{{"identityType":"{kind}","identityValue":"{value}"}}"#)
            })
            .collect();
        let items = items.join(",");
        let body = format!(r#"{{"customer":{customer},"customerIdentities":[{items}]}}"#);
        self.post("/v1/customerandidentities?resolution=1", &body).await
    }
}

impl Answer {
    /// The body of a success.
    pub(crate) fn ok(&self) -> Value {
        assert!(self.status.is_success(), "{}: {}", self.status, self.text);
        let json = self.json();
        assert!(json.get("error").is_none() && json["error_code"] != 40001, "{json}");
        json
    }

    /// Exactly this status and body.
    #[track_caller]
    pub(crate) fn is(&self, status: u16, body: &str) {
        assert_eq!((self.status.as_u16(), self.text.as_str()), (status, body));
    }

    /// The names of the fields that an E7 object tells of.
    #[track_caller]
    pub(crate) fn listed_fields(&self) -> Vec<String> {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text);
        let json = self.json();
        let error = &json["error"];
        assert_eq!(error["code"], "400001", "{json}");
        assert_eq!(error["message"], "field validation exception");
        let fields = error["fieldErrors"].as_array().unwrap();
        assert!(fields.iter().all(|field| field["message"].is_string()), "{json}");
        fields.iter().map(|field| field["fieldName"].as_str().unwrap().to_owned()).collect()
    }

    /// The names of the fields that an E6 object tells of.
    #[track_caller]
    pub(crate) fn coded_fields(&self) -> Vec<String> {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text);
        let json = self.json();
        assert_eq!(json["error"]["code"], "C0002", "{json}");
        let fields = json["error"]["message"].as_str().unwrap();
        let fields: Value = serde_json::from_str(fields).unwrap();
        let fields = fields.as_array().unwrap();
        assert!(fields.iter().all(|field| field["message"].is_string()), "{json}");
        fields.iter().map(|field| field["field"].as_str().unwrap().to_owned()).collect()
    }
}

/// The exact text of a customer: every key in its order, unset but for these members.
pub(crate) fn customer_text(members: &[(&str, &str)]) -> String {
    const FLAGS: &[&str] = &[
        "mobileVerified",
        "emailVerified",
        "isEmployee",
        "isMember",
        "isReferrer",
        "isAnonymous",
        "acceptEmail",
        "acceptSMS",
        "notAcceptEmail",
        "notAcceptSMS",
    ];
    const KEYS: &str = "id displayName name nickName img gender mobile mobileVerified email \
        emailVerified birthday wechat weibo qq country province city county region street postcode \
        homeAddress officeAddress company industry title website telephone employeeNumber \
        annualRevenue stage source contentName source1 source2 source3 source4 source5 source6 \
        source7 source8 campaignId campaignName utmMedium utmTerm remark externalId createFrom \
        createFromName createMethod updateMethod isEmployee isMember isReferrer isAnonymous \
        referrer referrerName ownerId ownerName acceptEmail acceptSMS notAcceptEmail notAcceptSMS \
        membershipLevel membershipNo membershipScore dateMemberReg latestEngageDate code status \
        tags type typeName wechatCity wechatNickName language subscribeScene dateJoin dateCreated \
        lastUpdated attr";
    let value = |key: &str| match members.iter().find(|(known, _)| *known == key) {
        Some((_, value)) => *value,
        None if FLAGS.contains(&key) => "false",
        None if key == "gender" => "0",
        None if key == "attr" => "{}",
        None if key.starts_with("date") && key != "dateMemberReg" => "\"2026-05-04T01:02:03Z\"",
        None if key == "lastUpdated" => "\"2026-05-04T01:02:03Z\"",
        None => "null",
    };
    let keys = KEYS.split_whitespace();
    let members: Vec<String> = keys.map(|key| format!("\"{key}\":{}", value(key))).collect();
    format!("{{{}}}", members.join(","))
}
