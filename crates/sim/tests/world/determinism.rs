use purge_sim::{Tenant, TenantReply};
use serde_json::{Value, json};

use crate::client::{Client, scenario, window};

fn unkind() -> Value {
    json!({
        "protected": { "conversations": 5 },
        "dataDeletion": { "holdMode": "skip", "processingSeconds": 7 },
        "holdMidRun": { "afterSubmits": 2, "window": { "start": "2023-01-10T00:00:00Z", "end": "2023-01-10T03:00:00Z" } },
        "analytics": { "indexLagSeconds": 3 },
        "recordingJobs": { "pendingSeconds": 3, "processingSeconds": 3, "removalLagSeconds": 5 },
        "faults": [
            { "on": "any", "perMille": 100, "do": { "kind": "error", "status": 503 } },
            { "on": "submit", "every": 3, "do": { "kind": "dropAfter" } },
        ],
    })
}

/// One step of a long story.
fn step(client: &mut Client, nth: usize) -> TenantReply {
    client.wait(2);
    let path = "/api/v2/data/deletion/requests";
    let (start, end) =
        (format!("2023-01-{:02}T00:00:00Z", nth % 28 + 1), format!("2023-01-{:02}T23:59:59.999Z", nth % 28 + 1));
    match nth % 4 {
        0 => client.send(
            purge_core::http::Method::Post,
            path,
            crate::client::deletion(&start, &end, &["conversation"]).to_string(),
        ),
        1 => {
            let query = crate::client::counting("conversation", &start, &end);
            client.send(
                purge_core::http::Method::Post,
                "/api/v2/analytics/conversations/details/query",
                query.to_string(),
            )
        }
        2 => {
            let id = client.tenant.conversations_in(window(&start, &end))[0].clone();
            let filter = json!({ "type": "or", "predicates": [
                { "dimension": "conversationId", "value": id },
                { "dimension": "conversationEnd", "operator": "exists" },
            ]});
            let job = json!({
                "action": "DELETE",
                "actionDate": "2024-06-01T12:00:00Z",
                "conversationQuery": {
                    "interval": format!("{start}/{end}"), "startOfDayIntervalMatching": true,
                    "conversationFilters": [filter],
                },
            });
            client.send(purge_core::http::Method::Post, "/api/v2/recording/jobs", job.to_string())
        }
        _ => {
            let ready = client.tenant.truth(client.now).jobs.into_iter().find(|job| job.state == "READY");
            let id = ready.map_or_else(String::new, |job| job.id);
            let path = format!("/api/v2/recording/jobs/{id}");
            client.send(purge_core::http::Method::Put, &path, json!({ "state": "PROCESSING" }).to_string())
        }
    }
}

fn client() -> Client {
    let mut client = Client::without_token(scenario(unkind()));
    for _ in 0..10 {
        let request =
            crate::client::token_request("/oauth/token", crate::client::BASIC, "grant_type=client_credentials");
        let reply = client.tenant.handle(&request, client.now);
        if let Some(answer) = reply.answer().filter(|answer| answer.status == 200) {
            client.token = crate::client::body(answer)["access_token"].as_str().unwrap().to_owned();
            return client;
        }
    }
    client
}

#[test]
fn the_same_requests_get_the_same_answers() {
    let (mut one, mut two) = (client(), client());
    for nth in 0..100 {
        assert_eq!(step(&mut one, nth), step(&mut two, nth), "{nth}");
    }
    let truth = one.tenant.truth(one.now);
    assert_eq!(truth, two.tenant.truth(two.now));
    assert!(truth.executed.len() > 5 && truth.recordings.deleted > 0, "the story must have something to tell");
    assert_eq!(truth.held_deleted, 0);
}

#[test]
fn another_seed_is_another_tenant() {
    let ids = |seed: u64| {
        let tenant = Tenant::new(scenario(json!({ "seed": seed })));
        tenant.conversations_in(window("2023-01-10T00:00:00Z", "2023-01-11T00:00:00Z"))
    };
    assert_eq!(ids(7), ids(7));
    assert_ne!(ids(7), ids(8));
}
