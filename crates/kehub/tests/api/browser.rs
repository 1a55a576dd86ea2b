//! A browser: it keeps a cookie, tells the origin of what it sends, and follows nothing by itself.

use crate::hub::{Answer, TestHub, request};
use axum::body::to_bytes;
use axum::http::HeaderValue;
use kehub::server::App;
use kehub_core::people::user::Role;
use serde_json::{Value, json};
use std::cell::RefCell;
use url::form_urlencoded;

pub(crate) const PASSWORD: &str = "correct horse battery";
const HOST: &str = "hub.example";

/// A browser at one hub.
pub(crate) struct Browser {
    app: App,
    cookie: RefCell<Option<String>>,
}

impl Browser {
    pub(crate) fn of(app: &App) -> Browser {
        Browser { app: app.clone(), cookie: RefCell::default() }
    }

    /// The cookie of the session, as it is sent.
    pub(crate) fn cookie(&self) -> String {
        self.cookie.borrow().clone().unwrap()
    }

    /// Another browser that has stolen it.
    pub(crate) fn at(&self, app: &App) -> Browser {
        Browser { app: app.clone(), cookie: self.cookie.clone() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], String::new()).await
    }

    /// Sends a form of a page of the hub.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let origin = format!("http://{HOST}");
        let headers = [("origin", &*origin), ("content-type", "application/x-www-form-urlencoded")];
        self.send("POST", path, &headers, form(fields)).await
    }

    /// The same with the token that the account page holds.
    pub(crate) async fn post_signed(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = self.csrf().await;
        self.post(path, &[fields, &[("csrf", &*csrf)]].concat()).await
    }

    /// A call of the API by a script of a page.
    pub(crate) async fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        let csrf = self.csrf().await;
        let headers = [("sec-fetch-site", "same-origin"), ("x-csrf-token", &*csrf)];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, path, &headers, body).await
    }

    /// A request with these headers.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&'static str, &str)],
        body: String,
    ) -> Answer {
        let mut request = request(method, path, body);
        let all = [("host", HOST), ("user-agent", "Firefox\u{9}140")];
        for (name, value) in all.iter().chain(headers) {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        if let Some(cookie) = &*self.cookie.borrow() {
            request.headers_mut().insert("cookie", format!("a=b; {cookie}").parse().unwrap());
        }
        let (parts, body) = self.app.answer(request).await.into_parts();
        let text = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        let text = String::from_utf8(text).unwrap();
        let answer = Answer { status: parts.status, headers: parts.headers, text };
        if let Some(set) = answer.headers.get("set-cookie") {
            let (pair, rest) = set.to_str().unwrap().split_once(';').unwrap();
            let kept = (!rest.contains("Max-Age=0")).then(|| pair.to_owned());
            *self.cookie.borrow_mut() = kept;
        }
        answer
    }

    pub(crate) async fn try_sign_in(&self, login: &str, password: &str) -> Answer {
        self.post("/console/sign-in", &[("login", login), ("password", password)]).await
    }

    pub(crate) async fn sign_in(&self, login: &str) {
        self.try_sign_in(login, PASSWORD).await.leads_to("/console");
    }

    pub(crate) async fn is_signed_in(&self) -> bool {
        self.get("/console/account").await.status == 200
    }

    /// The token that forms and scripts of this session repeat.
    pub(crate) async fn csrf(&self) -> String {
        let page = self.get("/console/account").await;
        assert_eq!(page.status, 200, "{}", page.text);
        page.value_of("csrf")
    }
}

impl Answer {
    #[track_caller]
    pub(crate) fn leads_to(&self, address: &str) {
        assert_eq!(
            (self.status.as_u16(), self.headers.get("location").map(HeaderValue::as_bytes)),
            (303, Some(address.as_bytes())),
            "{}",
            self.text
        );
    }

    /// What a page says within its frame.
    #[track_caller]
    pub(crate) fn main(&self) -> &str {
        let (_, rest) = self.text.split_once("<main").unwrap_or_else(|| panic!("{}", self.text));
        rest.split("</main>").next().unwrap()
    }

    /// The value of the first field of this name in a page.
    #[track_caller]
    pub(crate) fn value_of(&self, name: &str) -> String {
        let (_, rest) = self.main().split_once(&format!("name=\"{name}\" value=\"")).unwrap();
        rest.split('"').next().unwrap().to_owned()
    }
}

impl TestHub {
    /// A browser at this hub.
    pub(crate) fn browser(&self) -> Browser {
        Browser::of(&self.app)
    }

    /// A user of the first tenant whose password is [`PASSWORD`].
    pub(crate) async fn user(&self, login: &str, role: Role) -> u64 {
        let name = format!("{login}'s name");
        let (role, password) = (role.name(), PASSWORD);
        let sent = json!({ "login": login, "name": name, "role": role, "password": password });
        let user = self.writer.post("/api/users", &sent).await.was(201);
        user["id"].as_u64().unwrap()
    }

    /// A browser in which a new user of this role is signed in.
    pub(crate) async fn signed_in(&self, login: &str, role: Role) -> Browser {
        self.user(login, role).await;
        let browser = self.browser();
        browser.sign_in(login).await;
        browser
    }
}

fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}
