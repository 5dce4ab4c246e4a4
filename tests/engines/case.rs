//! Random runs: every kind of misbehaviour of the scenario's schema, both APIs, limits of every size.

use purge_core::plan::{CheckContext, check};
use purge_core::request::DeletionApi;
use purge_core::time::Timestamp;
use serde_json::{Value, json};

use crate::Given;
use crate::rng::Rng;

/// A random run, and when to cancel it, if at all.
pub(crate) fn random(seed: u64) -> (Given, Option<Timestamp>) {
    let rng = &mut Rng::new(seed);
    let api = [DeletionApi::DataDeletion, DeletionApi::RecordingJobs][usize::try_from(seed % 2).unwrap()];
    let start = Timestamp::parse("2024-03-01T12:00:00Z").unwrap();
    let context = CheckContext::at(start);
    let checked = check(&request(api, rng).to_string(), Some(&policy(rng).to_string()), &context);
    let plan = checked.plan.unwrap_or_else(|| panic!("case {seed}: {:?}", checked.findings));
    let scenario = serde_json::from_value(scenario(api, seed, rng)).unwrap();
    let cancel = rng.chance(200).then(|| start.plus(std::time::Duration::from_secs(rng.below(60))));
    (Given::new(plan, "b@example.com", scenario, start), cancel)
}

fn pick<'a>(rng: &mut Rng, words: &[&'a str]) -> &'a str {
    words[usize::try_from(rng.below(words.len() as u64)).unwrap()]
}

fn request(api: DeletionApi, rng: &mut Rng) -> Value {
    let days = 1 + rng.below(6);
    let types = match api {
        DeletionApi::RecordingJobs => json!(["recording", "screenRecording"]),
        DeletionApi::DataDeletion => json!(["conversation", "interaction", "message"]),
    };
    let mut request = json!({
        "version": 1, "name": "engines", "api": api.as_str(), "recordTypes": types,
        "range": { "start": "2023-03-01T00:00:00Z", "end": format!("2023-03-{:02}T00:00:00Z", 1 + days) },
        "jurisdiction": "us-east-1", "query": null, "chunking": { "days": 1 + rng.below(2) },
        "reason": "test", "requestedBy": "a@example.com"
    });
    if api == DeletionApi::RecordingJobs && rng.chance(250) {
        request["recordings"] = json!({ "coolOffDays": 1 + rng.below(3) });
    }
    request
}

fn policy(rng: &mut Rng) -> Value {
    json!({ "version": 1, "limits": {
        "confirmSubmitSeconds": 30 + rng.below(100),
        "chunkDeadlineSeconds": 600 + rng.below(3_600),
        "verifySeconds": 60 + rng.below(200),
        "verifyConversations": 1 + rng.below(20),
        "concurrency": 1 + rng.below(6),
        "requestsPerMinute": if rng.chance(250) { 5 + rng.below(40) } else { 300 },
        "maxRecords": if rng.chance(900) { json!(100_000) } else { json!(null) },
    } })
}

fn scenario(api: DeletionApi, seed: u64, rng: &mut Rng) -> Value {
    let faults: Vec<_> = (0..rng.below(5)).map(|_| fault(api, rng)).collect();
    let latency = [0, 2, 2, 40, 700, 12_000][usize::try_from(rng.below(6)).unwrap()];
    let lifetime = [1, 20, 90, 600, 86_400, 86_400][usize::try_from(rng.below(6)).unwrap()];
    let hold = json!({ "afterSubmits": 1 + rng.below(3), "window": { "start": "2023-03-02T00:00:00Z", "end": "2023-03-02T09:00:00Z" } });
    json!({
        "seed": seed,
        "latencyMs": latency,
        "population": { "from": "2023-02-26T00:00:00Z", "to": "2023-03-10T00:00:00Z", "everySeconds": 14_400, "dayEdges": rng.chance(300) },
        "holdMidRun": if rng.chance(150) { hold } else { json!(null) },
        "login": { "expiresIn": lifetime },
        "rateLimit": {
            "perMinute": if rng.chance(300) { json!(4 + rng.below(60)) } else { json!(300) },
            "form": pick(rng, &["alternating", "tooManyRequests", "retryAfter"]),
        },
        "dataDeletion": {
            "processingSeconds": rng.below(20), "concurrency": 1 + rng.below(4),
            "holdMode": pick(rng, &["reject", "skip"]),
        },
        "recordingJobs": {
            "pendingSeconds": rng.below(20), "processingSeconds": rng.below(20), "removalLagSeconds": rng.below(30),
            "listLagSeconds": rng.below(4), "removed": pick(rng, &["listed", "absent"]),
            "noRecordings": pick(rng, &["empty", "notFound"]), "failEvery": if rng.chance(100) { 7 } else { 0 },
            "thirdJob": pick(rng, &["badRequest", "conflict", "tooManyRequests"]),
            "foreignJobs": if rng.chance(200) {
                json!([{ "from": "2024-03-01T11:00:00Z", "until": "2024-03-01T12:01:30Z" }])
            } else {
                json!([])
            },
        },
        "analytics": { "shape": pick(rng, &["results", "totalHits"]), "indexLagSeconds": if rng.chance(300) { rng.below(10) } else { 0 } },
        "faults": faults,
    })
}

fn fault(api: DeletionApi, rng: &mut Rng) -> Value {
    let calls: &[&str] = match api {
        DeletionApi::DataDeletion => &["any", "token", "submit", "status", "count", "details"],
        DeletionApi::RecordingJobs => &[
            "any",
            "token",
            "job.create",
            "job.list",
            "job.get",
            "job.execute",
            "job.cancel",
            "job.failed",
            "details",
            "inquiry",
            "metadata",
            "protection",
        ],
    };
    let retry_after = match rng.below(5) {
        0 => json!(null),
        1 => json!("date+20"),
        2 => json!("-5"),
        _ => json!((1 + rng.below(40)).to_string()),
    };
    let code = pick(rng, &["too.many.requests", "too.many.requests.retry.after", "slow.down"]);
    let act = match rng.below(15) {
        0 | 1 => json!({ "kind": "rateLimited", "retryAfter": retry_after, "code": code }),
        2 => json!({ "kind": "error", "status": 500 + rng.below(5), "retryAfter": retry_after }),
        3 => json!({ "kind": "error", "status": 400 + rng.below(30), "retryAfter": retry_after }),
        4 => json!({ "kind": "dropBefore" }),
        5 => json!({ "kind": "dropAfter" }),
        6 | 7 => json!({ "kind": "slow", "ms": 1 + rng.below(45_000) }),
        8 => json!({ "kind": "garbage" }),
        9 => json!({ "kind": "truncated" }),
        10 => json!({ "kind": "missingId" }),
        11 => json!({ "kind": "stuck" }),
        12 => json!({ "kind": "failJob" }),
        13 if rng.chance(500) => json!({ "kind": "leave", "records": 1 + rng.below(9) }),
        13 => json!({ "kind": "unknownStatus", "status": "ZZZ" }),
        _ => json!({ "kind": "revokeToken" }),
    };
    let mut fault = json!({ "on": pick(rng, calls), "do": act });
    match rng.below(4) {
        0 => fault["every"] = json!(2 + rng.below(6)),
        1 => fault["nth"] = json!([1 + rng.below(4), 5 + rng.below(9)]),
        2 => fault["perMille"] = json!(30 + rng.below(250)),
        _ => {}
    }
    if rng.chance(800) {
        fault["limit"] = json!(1 + rng.below(6));
    }
    fault
}
