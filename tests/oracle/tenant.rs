//! Random tenants: every setting of the scenario, and faults on every call.

use std::time::Duration;

use purge_core::time::Timestamp;
use serde_json::{Value, json};

use crate::case::{DAY, below, pick, shifted, window};
use crate::rng::Rng;

pub(crate) fn random(seed: u64, jobs: bool, now: Timestamp, start: i64, end: i64, rng: &mut Rng) -> Value {
    let faults = if rng.chance(600) { rng.below(5) } else { 0 };
    let faults: Vec<_> = (0..faults).map(|_| fault(jobs, rng)).collect();
    let soon = shifted(now, below(rng, 120_000));
    let held_from = start + below(rng, end - start);
    let hold = json!({ "at": soon, "window": window(held_from, held_from + DAY / 2) });
    let foreign = if rng.chance(150) { 1 + rng.below(2) } else { 0 };
    let foreign: Vec<_> = (0..foreign)
        .map(|_| json!({ "from": shifted(now, -3_600_000), "until": soon.plus(Duration::from_secs(rng.below(300))) }))
        .collect();
    // Uses numbers of its own, so that everything else stays the same.
    let odd = &mut Rng::new(seed ^ 0x0dd);
    // Analytics lists conversations up to some age; often the limit lies within the range.
    let inside = ((now.millis() - start - below(odd, end - start)) / DAY).max(1);
    let horizons = [150, 310, 550, inside, inside];
    json!({
        "seed": seed,
        // About 220 conversations, some of them before and after the range.
        "population": {
            "from": Timestamp::from_millis(start - 26 * DAY), "to": Timestamp::from_millis(end + 5 * DAY),
            "everySeconds": ((end - start + 40 * DAY) / 1000 / 220).max(60), "dayEdges": end - start < 20 * DAY,
        },
        "protected": { "conversations": if rng.chance(300) { rng.below(12) } else { 0 } },
        "holdMidRun": if rng.chance(120) { hold } else { json!(null) },
        "rateLimit": {
            "perMinute": pick(rng, &[300, 300, 40]), "form": pick(rng, &["alternating", "tooManyRequests", "retryAfter"]),
        },
        "login": { "expiresIn": pick(rng, &[86_400, 300, 40]) },
        "dataDeletion": {
            "processingSeconds": 1 + rng.below(8), "concurrency": 1 + rng.below(4),
            "rangeEnd": pick(rng, &["inclusive", "inclusive", "exclusive"]), "holdMode": pick(rng, &["reject", "skip"]),
        },
        "recordingJobs": {
            "pendingSeconds": 1 + rng.below(20), "processingSeconds": 1 + rng.below(20),
            "removalLagSeconds": rng.below(40), "listLagSeconds": rng.below(4),
            "removed": pick(rng, &["listed", "absent"]), "noRecordings": pick(rng, &["empty", "notFound"]),
            "thirdJob": pick(rng, &["badRequest", "conflict", "tooManyRequests"]), "foreignJobs": foreign,
            "failEvery": if rng.chance(100) { 3 + rng.below(40) } else { 0 },
        },
        "analytics": {
            "shape": pick(rng, &["results", "totalHits"]), "indexLagSeconds": if rng.chance(250) { rng.below(60) } else { 0 },
            "horizonDays": if jobs && odd.chance(200) { json!(pick(odd, &horizons)) } else { json!(null) },
            "refusesTooOld": odd.chance(300), "ignoresEndOrder": odd.chance(200),
            "largestPage": if odd.chance(200) { json!(pick(odd, &[5, 25, 30])) } else { json!(null) },
        },
        "faults": faults,
    })
}

fn fault(jobs: bool, rng: &mut Rng) -> Value {
    let calls: &[&str] = match jobs {
        true => &[
            "token",
            "job.create",
            "job.list",
            "job.get",
            "job.execute",
            "job.cancel",
            "job.failed",
            "count",
            "details",
            "inquiry",
            "metadata",
            "protection",
            "webhook",
            "any",
        ],
        false => &["token", "submit", "submit", "status", "count", "details", "webhook", "any"],
    };
    let on = *pick(rng, calls);
    let mut fault = json!({ "on": on, "do": act(matches!(on, "submit" | "job.create" | "job.execute"), rng) });
    match rng.below(3) {
        0 => fault["every"] = json!(2 + rng.below(6)),
        1 => fault["nth"] = json!([1 + rng.below(4), 5 + rng.below(9)]),
        _ => fault["perMille"] = json!(30 + rng.below(250)),
    }
    if rng.chance(800) {
        fault["limit"] = json!(1 + rng.below(5));
    }
    fault
}

/// A random fault. A status never says anything that is false.
fn act(deletes: bool, rng: &mut Rng) -> Value {
    match rng.below(17) {
        0 => json!({ "kind": "rateLimited", "retryAfter": pick(rng, &["1", "-5", "date+30", "400", "x"]) }),
        1 => json!({ "kind": "rateLimited" }),
        2 => json!({ "kind": "error", "status": pick(rng, &[500, 502, 504, 408, 501]) }),
        3 => json!({ "kind": "error", "status": 503, "retryAfter": "2" }),
        4 => json!({ "kind": "error", "status": pick(rng, &[400, 403, 404, 409, 413, 302]) }),
        5 | 6 => json!({ "kind": "dropBefore" }),
        7 | 8 => json!({ "kind": "dropAfter" }),
        9 => json!({ "kind": "slow", "ms": 45_000 }),
        10 => json!({ "kind": "garbage" }),
        11 => json!({ "kind": "truncated" }),
        12 => json!({ "kind": "missingId" }),
        13 if deletes => json!({ "kind": "failJob" }),
        14 if deletes => json!({ "kind": "leave", "records": 1 + rng.below(6) }),
        15 if deletes => json!({ "kind": "stuck" }),
        16 => json!({ "kind": "unknownStatus", "status": pick(rng, &["ODD", "PAUSED"]) }),
        _ => json!({ "kind": "revokeToken" }),
    }
}
