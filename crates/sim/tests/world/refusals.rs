use purge_core::http::Method;
use serde_json::json;

use crate::client::{Client, body, code};

#[test]
fn what_does_not_exist_is_404_and_the_wrong_method_405() {
    let mut client = Client::new(json!({}));
    for path in ["/", "", "/api/v2", "/api/v2/nothing", "/api/v2/recording/jobs/", "//api/v2/recording/jobs"] {
        let refused = client.get(path);
        assert_eq!((refused.status, code(&refused).as_str()), (404, "not.found"), "{path}");
    }
    let refused = client.delete("/api/v2/recording/jobs");
    assert_eq!(refused.status, 405);
    assert_eq!(refused.header("allow"), Some("GET, POST"));
    assert_eq!(client.get("/oauth/token").status, 405);
}

#[test]
fn bodies_must_be_json_objects_of_allowed_size() {
    let mut client = Client::new(json!({}));
    for path in
        ["/api/v2/data/deletion/requests", "/api/v2/analytics/conversations/details/query", "/api/v2/recording/jobs"]
    {
        for (body, status, expected) in [
            (String::new(), 400, "bad.request"),
            ("{".to_owned(), 400, "bad.request"),
            ("[]".to_owned(), 400, "bad.request"),
            (format!("{{\"x\":\"{}\"}}", "x".repeat(512_000)), 413, "request.entity.too.large"),
        ] {
            let refused = client.call(Method::Post, path, body);
            assert_eq!((refused.status, code(&refused).as_str()), (status, expected), "{path}");
        }
        let mut request = client.request(Method::Post, path, "{}".to_owned());
        request.headers.retain(|(name, _)| name != "content-type");
        let reply = client.tenant.handle(&request, client.now);
        assert_eq!(reply.answer().unwrap().status, 415);
    }
}

#[test]
fn a_refusal_has_the_platforms_form() {
    let mut client = Client::new(json!({}));
    let refused = client.post("/api/v2/analytics/conversations/details/query", &json!({ "interval": "PT1H" }));
    let context = refused.header("inin-correlation-id").unwrap().to_owned();
    let mut answer = body(&refused);
    assert_eq!(answer["contextId"], context);
    answer["contextId"] = json!("[context]");
    insta::assert_json_snapshot!(answer, @r#"
    {
      "code": "bad.request",
      "contextId": "[context]",
      "details": [],
      "errors": [],
      "message": "Invalid interval [PT1H]: it must be an ISO-8601 interval of two instants, start before end.",
      "messageParams": {
        "interval": "PT1H"
      },
      "status": 400
    }
    "#);
}

#[test]
fn the_organisation_tells_who_it_is() {
    let mut client = Client::new(json!({ "jurisdiction": "eu-west-1" }));
    assert_eq!(body(&client.get("/api/v2/organizations/me"))["domain"], "mypurecloud.ie");
}
