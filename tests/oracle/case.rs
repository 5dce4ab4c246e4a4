//! Random purges: any day, any range, every setting of policy and tenant, and everything that people and machines may do meanwhile.

use purge_core::plan::CheckContext;
use purge_core::time::Timestamp;
use serde_json::{Value, json};

use crate::rng::Rng;
use crate::{policy, tenant};

/// Milliseconds in a day.
pub(crate) const DAY: i64 = 86_400_000;

/// Every record type that a request can have.
pub(crate) const RECORD_TYPES: [&str; 5] = ["conversation", "interaction", "message", "recording", "screenRecording"];

/// A random world, what is asked of it, and what people and machines do meanwhile.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) seed: u64,
    /// When the plan is made and approved, and the run begins.
    pub(crate) now: Timestamp,
    pub(crate) scenario: Value,
    pub(crate) request: Value,
    pub(crate) policy: Value,
    /// From when on another policy applies. `None` means a policy that cannot be read.
    pub(crate) later: Option<(Timestamp, Option<Value>)>,
    /// How many answers of a thousand are altered on the way.
    pub(crate) lies: u64,
    /// How long after the start somebody asks to cancel, if at all.
    pub(crate) cancel_ms: Option<u64>,
    /// How often the processes die.
    pub(crate) deaths: u64,
    /// How often the run is retried after its end.
    pub(crate) retries: u64,
    /// Whether two processes carry it out at the same time.
    pub(crate) two: bool,
    /// How long after the start the clock of the first process is set back, and by how much.
    pub(crate) set_back_ms: Option<(u64, u64)>,
}

impl Case {
    pub(crate) fn random(seed: u64) -> Self {
        let rng = &mut Rng::new(seed.wrapping_mul(0x51_7cc1_b727).wrapping_add(17));
        let jobs = rng.chance(550);
        let now = some_time(rng);
        let (start, end) = range(jobs, now, rng);
        let mut request = request(jobs, start, end, rng);
        let mut scenario = tenant::random(seed, jobs, now, start, end, rng);
        // Uses numbers of its own, so that everything else stays the same.
        let odd = &mut Rng::new(seed ^ 0x3e55);
        let half_listed = jobs && odd.chance(250);
        if half_listed {
            // The messages of a chunk are listed only in part: some began too long ago.
            request["recordTypes"] = json!(["message"]);
            scenario["analytics"]["horizonDays"] = json!((now.millis() - start - below(odd, end - start)) / DAY);
        }
        let mut policy = policy::random(&request, &scenario, now, start, end, rng);
        if half_listed {
            let from = start + below(odd, end - start);
            let hold = json!({ "id": "H-inside", "range": window(from, from + DAY / 2) });
            policy["holds"].as_array_mut().unwrap().push(hold);
        }
        if rng.chance(400) {
            // The platform protects the conversations that the holds name.
            let named =
                policy["holds"].as_array().unwrap().iter().filter_map(|hold| hold["conversationIds"].as_array());
            scenario["protected"]["conversationIds"] = named.flatten().cloned().collect();
        }
        let later = rng.chance(350).then(|| policy::later(&policy, &scenario, now, start, end, rng));
        Self {
            seed,
            now,
            scenario,
            request,
            policy,
            later,
            lies: if rng.chance(150) { 10 + rng.below(80) } else { 0 },
            cancel_ms: rng.chance(120).then(|| rng.below(200_000)),
            deaths: if rng.chance(400) { rng.below(6) } else { 0 },
            retries: if rng.chance(400) { 1 + rng.below(3) } else { 0 },
            two: rng.chance(200),
            set_back_ms: rng.chance(120).then(|| (rng.below(300_000), 1_000 + rng.below(7_200_000))),
        }
    }

    /// Whether the case uses recording jobs rather than `dataDeletion`.
    pub(crate) fn is_jobs(&self) -> bool {
        self.request["api"] == "recordingJobs"
    }

    /// The policy that applies at that time, if it can be read.
    pub(crate) fn in_force(&self, at: Timestamp) -> Option<&Value> {
        let later = self.later.as_ref().filter(|(from, _)| *from <= at);
        later.map_or(Some(&self.policy), |(_, policy)| policy.as_ref())
    }
}

/// What planning knows besides the request and the policy.
pub(crate) fn context(now: Timestamp) -> CheckContext {
    CheckContext { now, tenant_jurisdiction: Some("us-east-1".to_owned()), default_jurisdiction: None }
}

/// A special time: leap days, clock changes, ends of months and of years.
fn some_time(rng: &mut Rng) -> Timestamp {
    let days = [
        "2024-02-29",
        "2024-03-01",
        "2024-03-31",
        "2024-10-27",
        "2025-01-01",
        "2025-02-28",
        "2026-11-30",
        "2029-02-28",
    ];
    let day = Timestamp::parse(&format!("{}T00:00:00Z", pick(rng, &days))).unwrap();
    shifted(day, below(rng, DAY))
}

/// A range near today, near the five years beyond which recording jobs select differently, beyond those, or anywhere.
fn range(jobs: bool, now: Timestamp, rng: &mut Rng) -> (i64, i64) {
    let today = now.start_of_day().millis();
    let boundary = now.start_of_day().minus_months(60).millis();
    let near = |rng: &mut Rng, days: i64| below(rng, days * DAY) - days * DAY / 2;
    let mut start = match rng.below(10) {
        0 | 1 => today - 8 * DAY + near(rng, 8),
        2 | 3 if jobs => boundary + near(rng, 12),
        4 if jobs => boundary - 80 * DAY + near(rng, 60),
        _ => today - 300 * DAY + near(rng, 400),
    };
    let mut length = (1 + below(rng, if start < boundary { 70 } else { 9 })) * DAY;
    if jobs && rng.chance(800) || rng.chance(300) {
        start = start.div_euclid(DAY) * DAY;
    } else {
        length += near(rng, 1);
    }
    let end = (start + length.max(1)).min(today + DAY);
    (start.min(end - 1), end)
}

fn request(jobs: bool, start: i64, end: i64, rng: &mut Rng) -> Value {
    let days = (end - start) / DAY + 1;
    let chunking = match (jobs, rng.chance(400)) {
        (false, true) => json!({ "hours": 5 + rng.below(60) }),
        _ => json!({ "days": (1 + below(rng, 4)).max(days / 8).min(31) }),
    };
    let mut types = some(rng, if jobs { &RECORD_TYPES } else { &RECORD_TYPES[..3] });
    if types == ["screenRecording"] {
        types.push("recording");
    }
    let media = ["voice", "chat", "email", "message"];
    let query = (!jobs && rng.chance(200)).then(|| format!("mediaType:{}", pick(rng, &media)));
    let mut request = json!({
        "version": 1, "name": "oracle", "api": if jobs { "recordingJobs" } else { "dataDeletion" }, "recordTypes": types,
        "range": window(start, end), "jurisdiction": "us-east-1", "query": query, "chunking": chunking,
        "reason": "test", "requestedBy": "a@example.com"
    });
    if jobs && rng.chance(500) {
        request["recordings"] = json!({
            "includeSensitiveData": rng.chance(600), "includePolicyBased": rng.chance(600),
            "includeSnippets": rng.chance(600), "coolOffDays": if rng.chance(120) { 1 + rng.below(2) } else { 0 }
        });
    }
    if rng.chance(80) {
        request["retentionOverride"] = json!({ "reason": "court", "approver": "c@example.com" });
    }
    request
}

/// A random element.
pub(crate) fn pick<'a, T>(rng: &mut Rng, of: &'a [T]) -> &'a T {
    &of[usize::try_from(rng.below(of.len() as u64)).unwrap()]
}

/// Some random elements, at least one.
pub(crate) fn some<'a>(rng: &mut Rng, of: &[&'a str]) -> Vec<&'a str> {
    let mut out: Vec<_> = of.iter().copied().filter(|_| rng.chance(400)).collect();
    if out.is_empty() {
        out.push(*pick(rng, of));
    }
    out
}

/// A random number from 0 to `n - 1`, for milliseconds or days.
pub(crate) fn below(rng: &mut Rng, n: i64) -> i64 {
    i64::try_from(rng.below(u64::try_from(n).unwrap())).unwrap()
}

/// The time `millis` later.
pub(crate) fn shifted(from: Timestamp, millis: i64) -> Timestamp {
    Timestamp::from_millis(from.millis() + millis)
}

/// A range in the format of files, at least a millisecond long.
pub(crate) fn window(start: i64, end: i64) -> Value {
    json!({ "start": Timestamp::from_millis(start), "end": Timestamp::from_millis(end.max(start + 1)) })
}
