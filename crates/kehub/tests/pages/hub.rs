//! A hub in this process, and what somebody sees of its console.

#[expect(dead_code, reason = "tests of the wires use the rest")]
#[path = "../support/hub.rs"]
mod shared;

pub(crate) use shared::{Actor, Answer, TestHub, alone, on_every_engine, request};

use axum::http::header::{AUTHORIZATION, COOKIE};
use serde_json::{Value, json};

/// What a page says.
pub(crate) struct Seen {
    pub(crate) status: u16,
    pub(crate) html: String,
    /// Without tags and with single blanks.
    pub(crate) text: String,
}

impl Actor {
    /// Looks at a page.
    pub(crate) async fn look(&self, path: &str) -> Seen {
        Seen::of(&self.ask("GET", path, "", "").await)
    }

    /// Looks at a page in Chinese.
    pub(crate) async fn look_in_chinese(&self, path: &str) -> Seen {
        Seen::of(&self.ask("GET", path, "", "kehub_language=zh-CN").await)
    }

    /// Asks as a browser would that has these cookies.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: &str, cookies: &str) -> Answer {
        let mut request = request(method, path, body.to_owned());
        let token = format!("Bearer {}", self.token).parse().unwrap();
        request.headers_mut().insert(AUTHORIZATION, token);
        if !cookies.is_empty() {
            request.headers_mut().insert(COOKIE, cookies.parse().unwrap());
        }
        self.send(request).await
    }

    /// Upserts a customer with identities as `type:value`; gives its id.
    pub(crate) async fn upsert(&self, identities: &[&str], customer: Value) -> i64 {
        let sent: Value = identities
            .iter()
            .map(|identity| {
                let (kind, value) = identity.split_once(':').unwrap();
                json!({ "type": kind, "value": value })
            })
            .collect();
        let body = json!({ "customer": customer, "identities": sent });
        let answer = self.ask("POST", "/api/customers", &body.to_string(), "").await;
        assert!(answer.status.is_success(), "{}", answer.text);
        answer.json()["customer"]["id"].as_i64().unwrap()
    }
}

impl Seen {
    pub(crate) fn of(answer: &Answer) -> Seen {
        let parts = answer.text.split('<');
        let texts = parts.map(|part| part.split_once('>').map_or(part, |(_, text)| text));
        let words: Vec<String> = texts
            .flat_map(|text| text.split_whitespace().map(unescaped).collect::<Vec<_>>())
            .collect();
        let (status, html) = (answer.status.as_u16(), answer.text.clone());
        Seen { status, html, text: words.join(" ") }
    }

    /// It is whole, and says all of this.
    #[track_caller]
    pub(crate) fn says(&self, texts: &[&str]) -> &Seen {
        assert!(self.html.contains("</html>"), "{}", self.html);
        for text in texts {
            assert!(self.text.contains(text), "no `{text}`: {}", self.text);
        }
        self
    }

    /// Nothing of this is anywhere on it, addresses and hints included.
    #[track_caller]
    pub(crate) fn hides(&self, texts: &[&str]) -> &Seen {
        for text in texts {
            assert!(!self.html.contains(text), "`{text}`: {}", self.html);
        }
        self
    }

    /// The addresses of links that say this.
    pub(crate) fn links(&self, text: &str) -> Vec<String> {
        let links = self.html.split("<a ").skip(1).filter_map(|link| link.split_once("</a>"));
        let named = links.filter(|(link, _)| link.contains(text));
        let address = |link: &str| link.split("href=\"").nth(1)?.split('"').next().map(unescaped);
        named.filter_map(|(link, _)| address(link)).collect()
    }

    /// The address of the link that says this.
    #[track_caller]
    pub(crate) fn link(&self, text: &str) -> String {
        let links = self.links(text);
        links.first().unwrap_or_else(|| panic!("no link `{text}`: {}", self.html)).clone()
    }

    /// The ids of the customers in the table, in order.
    pub(crate) fn rows(&self) -> Vec<i64> {
        let rows = self.html.split("<tr data-href=\"/console/customers/").skip(1);
        rows.map(|row| row.split('"').next().unwrap().parse().unwrap()).collect()
    }
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}
