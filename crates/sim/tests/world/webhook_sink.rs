use purge_core::http::Method;
use purge_sim::{TenantRequest, WebhookSink};
use serde_json::json;

use crate::client::{at, scenario};

fn event(id: &str, body: &str) -> TenantRequest {
    TenantRequest {
        method: Method::Post,
        path: "/governance/webhook".to_owned(),
        headers: vec![("webhook-id".to_owned(), id.to_owned())],
        body: body.to_owned(),
    }
}

#[test]
fn deliveries_are_kept_by_their_id() {
    let faults = json!([
        { "on": "webhook", "nth": [1], "do": { "kind": "error", "status": 500 } },
        { "on": "webhook", "nth": [2], "do": { "kind": "dropAfter" } },
        { "on": "any", "do": { "kind": "garbage" } },
    ]);
    let mut sink = WebhookSink::new(scenario(json!({ "faults": faults })));
    let now = at("2024-06-01T12:00:00Z");
    let mut statuses = Vec::new();
    for (id, body) in [("a", "1"), ("a", "1"), ("a", "1"), ("b", "2"), ("b", "3")] {
        statuses.push(sink.handle(&event(id, body), now).answer().map(|answer| answer.status));
    }
    assert_eq!(statuses, [Some(500), None, Some(200), Some(200), Some(200)]);
    let kept: Vec<_> =
        sink.deliveries().into_iter().map(|d| (d.id.as_str(), d.attempts, d.accepted, d.same_body)).collect();
    assert_eq!(kept, [("a", 3, 2, true), ("b", 2, 2, false)]);
}

#[test]
fn what_is_not_well_signed_is_refused_and_kept() {
    let sink = WebhookSink::new(scenario(json!({})));
    let mut sink = sink.verified_by(|request, _| request.body == "signed");
    let now = at("2024-06-01T12:00:00Z");
    let status = |sink: &mut WebhookSink, request: &TenantRequest| sink.handle(request, now).answer().unwrap().status;
    assert_eq!(status(&mut sink, &event("a", "signed")), 200);
    assert_eq!(status(&mut sink, &event("b", "forged")), 401);
    assert_eq!(status(&mut sink, &TenantRequest { method: Method::Get, ..event("c", "signed") }), 405);
    let kept: Vec<_> = sink.deliveries().into_iter().map(|d| (d.signed, d.accepted)).collect();
    assert_eq!(kept, [(true, 1), (false, 0), (true, 0)]);
}
