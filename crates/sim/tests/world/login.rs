use purge_core::http::Method;
use serde_json::json;

use crate::client::{BASIC, Client, body, code, scenario, token_request};

const GRANT: &str = "grant_type=client_credentials";

#[test]
fn both_paths_give_a_token_that_works() {
    for path in ["/oauth/token", "/login/oauth/v2/token"] {
        let mut client = Client::without_token(scenario(json!({})));
        let reply = client.tenant.handle(&token_request(path, BASIC, GRANT), client.now);
        let answer = reply.answer().unwrap();
        assert_eq!(answer.status, 200);
        assert_eq!(body(answer)["token_type"], "bearer");
        assert_eq!(body(answer)["expires_in"], 86_400);
        client.token = body(answer)["access_token"].as_str().unwrap().to_owned();
        let me = client.get("/api/v2/organizations/me");
        assert_eq!(me.status, 200);
        assert!(me.header("inin-correlation-id").is_some());
    }
}

#[test]
fn wrong_token_requests_are_refused_in_oauth_form() {
    let mut client = Client::without_token(scenario(json!({})));
    for (authorization, form, status, error) in [
        (BASIC, "", 400, "invalid_request"),
        (BASIC, "grant_type=password", 400, "unsupported_grant_type"),
        ("Basic c2ltOndyb25n", GRANT, 401, "invalid_client"),
        ("Bearer x", GRANT, 401, "invalid_client"),
        ("", GRANT, 401, "invalid_client"),
    ] {
        let reply = client.tenant.handle(&token_request("/oauth/token", authorization, form), client.now);
        let answer = reply.answer().unwrap();
        assert_eq!((answer.status, body(answer)["error"].as_str()), (status, Some(error)), "{authorization} {form}");
    }
}

#[test]
fn tokens_expire() {
    let mut client = Client::new(json!({ "login": { "expiresIn": 300 } }));
    client.wait(299);
    assert_eq!(client.get("/api/v2/organizations/me").status, 200);
    client.wait(1);
    let refused = client.get("/api/v2/organizations/me");
    assert_eq!((refused.status, code(&refused).as_str()), (401, "bad.credentials"));
    client.login();
    assert_eq!(client.get("/api/v2/organizations/me").status, 200);
}

#[test]
fn without_a_token_nothing_is_told() {
    let mut client = Client::without_token(scenario(json!({})));
    let request = purge_sim::TenantRequest {
        method: Method::Get,
        path: "/api/v2/organizations/me".to_owned(),
        headers: Vec::new(),
        body: String::new(),
    };
    let reply = client.tenant.handle(&request, client.now);
    let answer = reply.answer().unwrap();
    assert_eq!((answer.status, code(answer).as_str()), (401, "authentication.required"));
    assert_eq!(body(answer)["contextId"].as_str(), answer.header("inin-correlation-id"));
}

#[test]
fn missing_permissions_are_named() {
    let missing = json!({ "login": { "missingPermissions": ["recording:job:edit", "recording:job:add"] } });
    let mut client = Client::new(missing);
    let refused = client.post("/api/v2/recording/jobs", &json!({}));
    assert_eq!((refused.status, code(&refused).as_str()), (403, "missing.permissions"));
    assert_eq!(body(&refused)["messageParams"]["permissions"], "recording:job:add");
}

#[test]
fn a_token_has_its_requests_per_minute() {
    let mut client = Client::new(json!({ "rateLimit": { "perMinute": 3 } }));
    for left in ["1", "2", "3"] {
        let answer = client.get("/api/v2/organizations/me");
        assert_eq!(answer.header("inin-ratelimit-count"), Some(left));
        assert_eq!(answer.header("inin-ratelimit-allowed"), Some("3"));
        assert_eq!(answer.header("inin-ratelimit-reset"), Some("60"));
    }
    client.wait(10);
    let first = client.get("/api/v2/organizations/me");
    assert_eq!((first.status, code(&first).as_str()), (429, "too.many.requests"));
    assert_eq!(first.header("retry-after"), Some("50"));
    assert_eq!(body(&first)["limit"]["key"], "client.credentials.token.rate.per.minute");
    let second = client.get("/api/v2/organizations/me");
    assert_eq!((second.status, code(&second).as_str()), (429, "too.many.requests.retry.after"));
    assert_eq!(second.header("retry-after"), None);
    assert!(second.body.contains("Retry the request in [50] seconds"));
    client.wait(50);
    assert_eq!(client.get("/api/v2/organizations/me").status, 200);
    client.login();
    assert_eq!(client.get("/api/v2/organizations/me").header("inin-ratelimit-count"), Some("1"));
}
