//! Random tenants, requests and policies.

use std::time::Duration;

use purge_core::request::DeletionApi;
use purge_core::time::Timestamp;
use purge_sim::{RecordKind, Scenario};
use serde_json::{Value, json};

use crate::rng::Rng;

/// The secret that the governance webhook's messages are signed with.
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A random world, and what is asked of it.
pub(crate) struct Case {
    pub(crate) scenario: Scenario,
    pub(crate) request: Value,
    pub(crate) policy: Value,
    /// A policy that applies later, and from when on: some time after the plan was made.
    pub(crate) later: Option<(Timestamp, Value)>,
}

impl Case {
    pub(crate) fn random(api: DeletionApi, seed: u64, rng: &mut Rng) -> Self {
        let days = 2 + rng.below(5);
        let start = Timestamp::parse("2023-03-01T00:00:00Z").unwrap();
        let end = start.plus_days(u32::try_from(days).unwrap());
        let types = match api {
            DeletionApi::RecordingJobs => json!(["recording", "screenRecording"]),
            DeletionApi::DataDeletion if rng.chance(700) => json!(["conversation", "interaction", "message"]),
            DeletionApi::DataDeletion => json!(["message"]),
        };
        let chunking = match api {
            DeletionApi::DataDeletion if rng.chance(300) => json!({ "hours": 6 + rng.below(30) }),
            _ => json!({ "days": 1 + rng.below(3) }),
        };
        let request = json!({
            "version": 1, "name": format!("schedule {seed}"), "api": api.as_str(), "recordTypes": types,
            "range": { "start": start, "end": end }, "jurisdiction": "us-east-1", "query": null, "chunking": chunking,
            "reason": "test", "requestedBy": "a@example.com"
        });
        let scenario = tenant(api, seed, rng);
        let policy = policy(start, days, &scenario, rng);
        let later = rng.chance(300).then(|| later(&policy, start, days, rng));
        Self { scenario, request, policy, later }
    }

    /// What the request asks to delete.
    pub(crate) fn kinds(&self) -> Vec<RecordKind> {
        match self.request["recordTypes"].as_array().unwrap().len() {
            1 => vec![RecordKind::Message],
            _ => RecordKind::ALL.to_vec(),
        }
    }
}

fn tenant(api: DeletionApi, seed: u64, rng: &mut Rng) -> Scenario {
    let mut faults = Vec::new();
    let calls: &[&str] = match api {
        DeletionApi::DataDeletion => &["token", "submit", "status", "count", "details", "webhook", "any"],
        DeletionApi::RecordingJobs => &[
            "token",
            "job.create",
            "job.list",
            "job.get",
            "job.execute",
            "job.cancel",
            "count",
            "details",
            "metadata",
            "protection",
            "webhook",
            "any",
        ],
    };
    for _ in 0..rng.below(5) {
        let on = calls[usize::try_from(rng.below(calls.len() as u64)).unwrap()];
        let act = match rng.below(12) {
            0 => json!({ "kind": "rateLimited", "retryAfter": "1" }),
            1 => json!({ "kind": "rateLimited", "retryAfter": "-5" }),
            2 => json!({ "kind": "error", "status": 500 }),
            3 => json!({ "kind": "error", "status": 503, "retryAfter": "2" }),
            4 | 5 => json!({ "kind": "dropBefore" }),
            6 | 7 => json!({ "kind": "dropAfter" }),
            8 => json!({ "kind": "slow", "ms": 45_000 }),
            9 => json!({ "kind": "garbage" }),
            10 => json!({ "kind": "truncated" }),
            _ if on == "submit" || on.starts_with("job.") && rng.chance(300) => json!({ "kind": "stuck" }),
            _ => json!({ "kind": "revokeToken" }),
        };
        let mut fault = json!({ "on": on, "do": act });
        match rng.below(3) {
            0 => fault["every"] = json!(2 + rng.below(6)),
            1 => fault["nth"] = json!([1 + rng.below(4), 5 + rng.below(9)]),
            _ => fault["perMille"] = json!(30 + rng.below(250)),
        }
        if rng.chance(700) {
            fault["limit"] = json!(1 + rng.below(6));
        }
        faults.push(fault);
    }
    let third_job = ["badRequest", "conflict", "tooManyRequests"][usize::try_from(rng.below(3)).unwrap()];
    let appears = Timestamp::parse("2024-03-01T12:00:00Z").unwrap().plus(Duration::from_secs(rng.below(120)));
    let from = Timestamp::parse("2023-03-01T00:00:00Z").unwrap().plus(Duration::from_secs(rng.below(6 * 86_400)));
    let mid_run = json!({ "at": appears, "window": { "start": from, "end": from.plus_days(1) } });
    // Jobs of other people that were there first. If there are two, ours has to wait.
    let theirs = if rng.chance(250) { 1 + rng.below(2) } else { 0 };
    let foreign_job = |_| {
        let until = Timestamp::parse("2024-03-01T12:00:00Z").unwrap().plus(Duration::from_secs(rng.below(180)));
        json!({ "from": "2024-03-01T11:00:00Z", "until": until })
    };
    let foreign_jobs: Vec<Value> = (0..theirs).map(foreign_job).collect();
    let scenario = json!({
        "seed": seed,
        "holdMidRun": if rng.chance(200) { mid_run } else { json!(null) },
        "population": { "from": "2023-02-26T00:00:00.000Z", "to": "2023-03-10T00:00:00.000Z",
                        "everySeconds": 14_400, "dayEdges": true },
        "protected": { "conversations": if api == DeletionApi::RecordingJobs { rng.below(4) } else { 0 } },
        "rateLimit": { "perMinute": if rng.chance(200) { 40 } else { 300 } },
        "dataDeletion": { "processingSeconds": 1 + rng.below(8), "concurrency": 1 + rng.below(4) },
        "recordingJobs": {
            "pendingSeconds": 1 + rng.below(20), "processingSeconds": 1 + rng.below(20),
            "removalLagSeconds": rng.below(30), "listLagSeconds": rng.below(4),
            "removed": if rng.chance(500) { "listed" } else { "absent" },
            "noRecordings": if rng.chance(500) { "empty" } else { "notFound" },
            "thirdJob": third_job,
            "foreignJobs": foreign_jobs,
            "failEvery": if rng.chance(100) { 3 } else { 0 }
        },
        "analytics": { "shape": if rng.chance(500) { "results" } else { "totalHits" },
                       "indexLagSeconds": if rng.chance(300) { rng.below(10) } else { 0 } },
        "faults": faults
    });
    serde_json::from_value(scenario).unwrap()
}

/// The same policy with one more hold, from soon after noon on.
fn later(policy: &Value, start: Timestamp, days: u64, rng: &mut Rng) -> (Timestamp, Value) {
    let from = start.plus(Duration::from_millis(rng.below(days * 86_400_000)));
    let hold = json!({ "id": "H-new", "range": { "start": from, "end": from.plus(Duration::from_secs(36 * 3600)) } });
    let mut policy = policy.clone();
    policy["holds"].as_array_mut().unwrap().push(hold);
    (Timestamp::parse("2024-03-01T12:00:00Z").unwrap().plus(Duration::from_secs(rng.below(120))), policy)
}

fn policy(start: Timestamp, days: u64, scenario: &Scenario, rng: &mut Rng) -> Value {
    let mut holds = Vec::new();
    for n in 0..rng.below(3) {
        let from = start.plus(Duration::from_millis(rng.below(days * 86_400_000)));
        let until = from.plus(Duration::from_millis(1 + rng.below(36 * 3_600_000)));
        holds.push(json!({ "id": format!("H-{n}"), "range": { "start": from, "end": until } }));
    }
    if rng.chance(300) {
        let window = purge_core::window::Window::new(start, start.plus_days(u32::try_from(days).unwrap())).unwrap();
        let ids = purge_sim::Tenant::new(scenario.clone()).conversations_in(window);
        if let Some(id) = ids.get(usize::try_from(rng.below(ids.len() as u64)).unwrap()) {
            holds.push(json!({ "id": "H-id", "conversationIds": [id] }));
        }
    }
    json!({
        "version": 1,
        "holds": holds,
        "limits": { "confirmSubmitSeconds": 200, "chunkDeadlineSeconds": 3600, "verifySeconds": 120,
                    "concurrency": 1 + rng.below(4), "maxRecords": if rng.chance(900) { json!(100_000) } else { json!(null) } }
    })
}
