//! `/docs`: the description of the API as a page that needs no other host and no script.

use super::openapi;
use crate::api::problem::Code;
use axum::body::Bytes;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};
use std::fmt::Write as _;
use std::sync::LazyLock;

const HTML: HeaderValue = HeaderValue::from_static("text/html;charset=UTF-8");
/// The page loads nothing at all.
const POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; img-src data:");
const STYLE: &str = include_str!("docs.css");

static PAGE: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(render(openapi::document())));

/// The page.
pub(crate) async fn page() -> Response {
    let headers = [(CONTENT_TYPE, HTML), (CONTENT_SECURITY_POLICY, POLICY)];
    (headers, PAGE.clone()).into_response()
}

fn render(document: &Value) -> String {
    let mut page = Page(String::with_capacity(128 * 1024));
    let info = &document["info"];
    page.head(text(&info["title"]));
    page.raw("<header><h1>");
    page.text(text(&info["title"]));
    page.raw(" <small>");
    page.text(text(&info["version"]));
    page.raw("</small></h1>");
    page.prose("p", text(&info["description"]));
    page.raw(
        "<p>As a document for programs: <a href=\"/openapi.json\">openapi.json</a></p></header>",
    );
    let tags: Vec<(&str, &str)> = list(&document["tags"])
        .iter()
        .map(|tag| (text(&tag["name"]), text(&tag["description"])))
        .collect();
    page.contents(document, &tags);
    page.raw("<main>");
    for (tag, about) in &tags {
        page.raw("<section><h2>");
        page.text(tag);
        page.raw("</h2>");
        page.prose("p", about);
        for (path, method, operation) in operations(document, tag) {
            page.operation(path, method, operation);
        }
        page.raw("</section>");
    }
    page.raw("<section><h2>Shapes</h2>");
    for (name, schema) in members(at(document, "/components/schemas")) {
        page.shape(name, schema);
    }
    page.raw("</section>");
    page.problems();
    page.raw("</main></body></html>\n");
    page.0
}

/// A page that is being written.
struct Page(String);

impl Page {
    fn raw(&mut self, html: &str) {
        self.0.push_str(html);
    }

    /// Text, with what HTML would read as its own escaped.
    fn text(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '&' => self.raw("&amp;"),
                '<' => self.raw("&lt;"),
                '>' => self.raw("&gt;"),
                '"' => self.raw("&quot;"),
                other => self.0.push(other),
            }
        }
    }

    /// Text in which `…` is code.
    fn prose(&mut self, tag: &str, text: &str) {
        self.tag(tag, |page| {
            for (place, part) in text.split('`').enumerate() {
                if place % 2 == 0 {
                    page.text(part);
                } else {
                    page.tag("code", |page| page.text(part));
                }
            }
        });
    }

    fn tag(&mut self, tag: &str, inside: impl FnOnce(&mut Page)) {
        self.raw("<");
        self.raw(tag);
        self.raw(">");
        inside(self);
        self.raw("</");
        self.raw(tag);
        self.raw(">");
    }

    fn head(&mut self, title: &str) {
        self.raw("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">");
        self.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
        self.raw("<link rel=\"icon\" href=\"data:,\"><title>");
        self.text(title);
        self.raw(" API</title><style>");
        self.raw(STYLE);
        self.raw("</style></head><body>");
    }

    fn contents(&mut self, document: &Value, tags: &[(&str, &str)]) {
        self.raw("<nav aria-label=\"Contents\">");
        for (tag, _) in tags {
            self.raw("<section>");
            self.tag("h3", |page| page.text(tag));
            self.raw("<ul>");
            for (path, method, operation) in operations(document, tag) {
                self.raw("<li><a href=\"#");
                self.text(text(&operation["operationId"]));
                self.raw("\">");
                self.method(method);
                self.tag("code", |page| page.text(path));
                self.raw("</a></li>");
            }
            self.raw("</ul></section>");
        }
        self.raw("</nav>");
    }

    fn method(&mut self, method: &str) {
        self.raw("<b class=\"method ");
        self.text(method);
        self.raw("\">");
        self.text(&method.to_uppercase());
        self.raw("</b> ");
    }

    /// The codes of problems under `/api`; each problem names its place here as its type.
    fn problems(&mut self) {
        self.raw("<section><h2>Problems</h2><dl>");
        for code in Code::ALL {
            self.raw("<dt id=\"problem-");
            self.text(code.name());
            self.raw("\"><code>");
            self.text(code.name());
            self.raw("</code></dt>");
            self.tag("dd", |page| {
                page.text(&format!("{} {}. ", code.status(), code.title()));
                page.tag("i", |page| page.text(&format!("retry: {}", code.retry().name())));
            });
        }
        self.raw("</dl></section>");
    }

    fn operation(&mut self, path: &str, method: &str, operation: &Value) {
        self.raw("<article id=\"");
        self.text(text(&operation["operationId"]));
        self.raw("\"><h3>");
        self.text(text(&operation["summary"]));
        self.raw("</h3><p class=\"path\">");
        self.method(method);
        self.tag("code", |page| page.text(path));
        self.raw("</p>");
        if operation["description"].is_string() {
            self.prose("p", text(&operation["description"]));
        }
        if list(&operation["security"]).is_empty() && operation["security"].is_array() {
            self.raw("<p class=\"note\">No token is needed.</p>");
        }
        if let Some(permission) = operation["x-permission"].as_str() {
            self.prose("p", &format!("Needs the permission `{permission}`."));
        }
        self.parameters(list(&operation["parameters"]));
        for (_, content) in members(at(operation, "/requestBody/content")) {
            self.raw("<h4>Body</h4>");
            self.schema_line(&content["schema"]);
            self.example("Example", &content["example"]);
        }
        self.raw("<h4>Answers</h4>");
        for (status, response) in members(&operation["responses"]) {
            self.answer(status, response);
        }
        self.raw("</article>");
    }

    fn parameters(&mut self, parameters: &[Value]) {
        if parameters.is_empty() {
            return;
        }
        self.raw("<h4>Parameters</h4><dl>");
        for parameter in parameters {
            self.raw("<dt><code>");
            self.text(text(&parameter["name"]));
            self.raw("</code>");
            if parameter["required"] == true {
                self.raw(" <i>required</i>");
            }
            self.raw("</dt>");
            self.tag("dd", |page| {
                page.prose("span", text(&parameter["description"]));
                page.raw(" <span class=\"eg\">e.g. <code>");
                let example = &parameter["example"];
                page.text(example.as_str().unwrap_or(&example.to_string()));
                page.raw("</code></span>");
            });
        }
        self.raw("</dl>");
    }

    fn answer(&mut self, status: &str, response: &Value) {
        self.raw("<details><summary><b class=\"status s");
        self.text(status.get(..1).unwrap_or_default());
        self.raw("\">");
        self.text(status);
        self.raw("</b> ");
        self.prose("span", text(&response["description"]));
        self.raw("</summary>");
        for (_, content) in members(&response["content"]) {
            self.schema_line(&content["schema"]);
            self.example("Example", &content["example"]);
            for (name, example) in members(&content["examples"]) {
                self.example(name, &example["value"]);
            }
        }
        self.raw("</details>");
    }

    fn schema_line(&mut self, schema: &Value) {
        self.raw("<p class=\"note\">");
        self.kind(schema);
        self.raw("</p>");
    }

    /// The kind of a value in a few words, with links to shapes.
    fn kind(&mut self, schema: &Value) {
        let any = schema.get("anyOf").or_else(|| schema.get("oneOf"));
        if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
            self.raw("<a href=\"#shape-");
            self.text(name);
            self.raw("\">");
            self.text(name);
            self.raw("</a>");
        } else if let Some(any) = any {
            for (place, one) in list(any).iter().enumerate() {
                self.raw(if place == 0 { "" } else { " or " });
                self.kind(one);
            }
        } else if let Some(items) = schema.get("items") {
            self.raw("list of ");
            self.kind(items);
        } else if let Some(value) = schema.get("const") {
            self.tag("code", |page| page.text(&value.to_string()));
        } else if let Some(values) = schema.get("enum") {
            for (place, value) in list(values).iter().enumerate() {
                self.raw(if place == 0 { "" } else { ", " });
                self.tag("code", |page| page.text(&value.to_string()));
            }
        } else {
            let kind = &schema["type"];
            let kinds: Vec<&str> = list(kind).iter().map(text).chain(kind.as_str()).collect();
            self.text(&kinds.join(" or "));
            if let Some(chars) = schema["maxLength"].as_u64() {
                write!(self.0, ", at most {chars} characters").unwrap_or_default();
            }
        }
    }

    fn example(&mut self, name: &str, example: &Value) {
        if example.is_null() {
            return;
        }
        let lines = example.as_str().filter(|text| text.contains('\n'));
        let shown = lines.map_or_else(
            || serde_json::to_string_pretty(example).unwrap_or_default(),
            ToOwned::to_owned,
        );
        self.raw("<figure><figcaption>");
        self.text(name);
        self.raw("</figcaption><pre>");
        self.text(&shown);
        self.raw("</pre></figure>");
    }

    fn shape(&mut self, name: &str, schema: &Value) {
        self.raw("<details id=\"shape-");
        self.text(name);
        self.raw("\"><summary><b>");
        self.text(name);
        self.raw("</b> ");
        self.prose("span", text(&schema["description"]));
        self.raw("</summary><dl>");
        for (key, property) in members(&schema["properties"]) {
            self.raw("<dt><code>");
            self.text(key);
            self.raw("</code></dt>");
            self.tag("dd", |page| {
                page.kind(property);
                if property["description"].is_string() {
                    page.raw(". ");
                    page.prose("span", text(&property["description"]));
                }
            });
        }
        self.raw("</dl></details>");
    }
}

/// The operations of a tag: path, method, and what is told of it.
fn operations<'a>(
    document: &'a Value,
    tag: &'a str,
) -> impl Iterator<Item = (&'a str, &'a str, &'a Value)> {
    members(&document["paths"])
        .flat_map(|(path, item)| members(item).map(move |(method, it)| (path, method, it)))
        .filter(move |(_, _, operation)| *at(operation, "/tags/0") == *tag)
}

fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter).map(|(key, value)| (key.as_str(), value))
}

/// The part of a document at this JSON pointer, or `null`.
fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
