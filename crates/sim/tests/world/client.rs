//! A plain client with a clock of its own.

use purge_core::http::{HttpResponse, Method};
use purge_core::time::Timestamp;
use purge_core::window::Window;
use purge_sim::{Scenario, Tenant, TenantReply, TenantRequest};
use serde_json::{Value, json};
use std::time::Duration;

/// Base64 of `sim:sim`.
pub(crate) const BASIC: &str = "Basic c2ltOnNpbQ==";
const FORM: &str = "application/x-www-form-urlencoded";

pub(crate) struct Client {
    pub(crate) tenant: Tenant,
    pub(crate) now: Timestamp,
    pub(crate) token: String,
}

pub(crate) fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

pub(crate) fn window(start: &str, end: &str) -> Window {
    Window::new(at(start), at(end)).unwrap()
}

/// Reads a scenario from JSON, with a small population unless it says otherwise.
pub(crate) fn scenario(mut json: Value) -> Scenario {
    let small = json!({ "from": "2023-01-01T00:00:00Z", "to": "2023-03-01T00:00:00Z", "everySeconds": 3600 });
    let fields = json.as_object_mut().unwrap();
    fields.entry("population").or_insert(small);
    serde_json::from_value(json).unwrap()
}

pub(crate) fn token_request(path: &str, authorization: &str, body: &str) -> TenantRequest {
    TenantRequest {
        method: Method::Post,
        path: path.to_owned(),
        headers: vec![
            ("authorization".to_owned(), authorization.to_owned()),
            ("content-type".to_owned(), FORM.to_owned()),
        ],
        body: body.to_owned(),
    }
}

pub(crate) fn body(response: &HttpResponse) -> Value {
    serde_json::from_str(&response.body).unwrap()
}

pub(crate) fn code(response: &HttpResponse) -> String {
    body(response)["code"].as_str().unwrap_or_default().to_owned()
}

impl Client {
    /// A client with a token, at noon on 2024-06-01.
    pub(crate) fn new(json: Value) -> Self {
        let mut client = Self::without_token(scenario(json));
        client.login();
        client
    }

    pub(crate) fn without_token(scenario: Scenario) -> Self {
        Self { tenant: Tenant::new(scenario), now: at("2024-06-01T12:00:00Z"), token: String::new() }
    }

    pub(crate) fn login(&mut self) {
        self.login_as(BASIC);
    }

    pub(crate) fn login_as(&mut self, authorization: &str) {
        let request = token_request("/oauth/token", authorization, "grant_type=client_credentials");
        let reply = self.tenant.handle(&request, self.now);
        self.token = body(reply.answer().unwrap())["access_token"].as_str().unwrap().to_owned();
    }

    pub(crate) fn wait(&mut self, seconds: u64) {
        self.now = self.now.plus(Duration::from_secs(seconds));
    }

    pub(crate) fn request(&self, method: Method, path: &str, body: String) -> TenantRequest {
        let mut headers = vec![("authorization".to_owned(), format!("Bearer {}", self.token))];
        if !body.is_empty() {
            headers.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        TenantRequest { method, path: path.to_owned(), headers, body }
    }

    pub(crate) fn send(&mut self, method: Method, path: &str, body: String) -> TenantReply {
        let request = self.request(method, path, body);
        self.tenant.handle(&request, self.now)
    }

    pub(crate) fn call(&mut self, method: Method, path: &str, body: String) -> HttpResponse {
        self.send(method, path, body).answer().cloned().unwrap()
    }

    pub(crate) fn get(&mut self, path: &str) -> HttpResponse {
        self.call(Method::Get, path, String::new())
    }

    pub(crate) fn post(&mut self, path: &str, body: &Value) -> HttpResponse {
        self.call(Method::Post, path, body.to_string())
    }

    pub(crate) fn put(&mut self, path: &str, body: &Value) -> HttpResponse {
        self.call(Method::Put, path, body.to_string())
    }

    pub(crate) fn delete(&mut self, path: &str) -> HttpResponse {
        self.call(Method::Delete, path, String::new())
    }

    pub(crate) fn submit(&mut self, start: &str, end: &str) -> HttpResponse {
        self.post("/api/v2/data/deletion/requests", &deletion(start, end, &["conversation"]))
    }

    pub(crate) fn status(&mut self, id: &str) -> String {
        let response = self.get(&format!("/api/v2/data/deletion/requests/{id}"));
        body(&response)["status"].as_str().unwrap_or_default().to_owned()
    }

    /// Counts the records of a kind from `start` to `end`, the end included.
    pub(crate) fn count(&mut self, entity: &str, start: &str, end: &str) -> u64 {
        let response = self.post("/api/v2/analytics/conversations/details/query", &counting(entity, start, end));
        let answer = body(&response);
        if let Some(total) = answer["totalHits"].as_u64() {
            return total;
        }
        answer["results"].as_array().unwrap().iter().map(|bucket| bucket["count"].as_u64().unwrap()).sum()
    }
}

pub(crate) fn id(response: &HttpResponse) -> String {
    assert!((200..300).contains(&response.status), "{}: {}", response.status, response.body);
    body(response)["id"].as_str().unwrap().to_owned()
}

pub(crate) fn deletion(start: &str, end: &str, types: &[&str]) -> Value {
    json!({
        "recordTypes": types,
        "filter": { "dateRange": { "start": start, "end": end } },
        "retentionPolicyOverride": true,
        "jurisdiction": "us-east-1",
        "legalHoldValidation": true,
    })
}

pub(crate) fn counting(entity: &str, start: &str, end: &str) -> Value {
    json!({
        "entity": entity,
        "interval": format!("{start}/{end}"),
        "filter": { "dateRange": { "start": start, "end": end } },
        "aggregate": ["count"],
    })
}
