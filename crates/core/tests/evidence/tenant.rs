//! A tenant that answers as a list of whims says, and the step machine against it: what an honest run records, however it goes.

use std::time::Duration;

use purge_core::audit::AuditRecord;
use purge_core::chunk::Chunk;
use purge_core::http::{HttpRequest, HttpResponse, Method, NoResponse};
use purge_core::request::DeletionApi;
use purge_core::run::{Against, Cause, ChunkRun, Context, Input, Next, Objection, Order, Pace};
use purge_core::time::Timestamp;
use serde_json::{Value, json};

use crate::support::{asked, at};

/// The most attempts at a chunk.
const ATTEMPTS: u32 = 4;

/// Bytes that decide what the tenant does. 0, and the end of the list, mean what a sound tenant does on a quiet day.
struct Whims<'w>(std::slice::Iter<'w, u8>);

impl Whims<'_> {
    /// The next whim, one of so many kinds.
    fn next_of(&mut self, kinds: u8) -> u8 {
        self.0.next().map_or(0, |whim| whim % kinds)
    }
}

/// What happened to a request.
enum Fate {
    Answered(HttpResponse),
    Lost(NoResponse),
}

struct Job {
    id: String,
    query: Value,
    state: &'static str,
    total: u64,
    processed: u64,
    skipped: u64,
    failed: u64,
}

struct Tenant<'w> {
    whims: Whims<'w>,
    api: DeletionApi,
    /// The number of records that are still there.
    left: u64,
    /// Whether recordings that have a delete date are still there.
    lags: bool,
    requests: u32,
    deletion: Option<String>,
    jobs: Vec<Job>,
}

/// The records of a chunk in up to [`ATTEMPTS`] attempts against a tenant with these whims.
pub(crate) fn records(order: &Order, chunk: Chunk, whims: &[u8]) -> Vec<AuditRecord> {
    let mut tenant = Tenant {
        whims: Whims(whims.iter()),
        api: order.request.api,
        left: 12,
        lags: false,
        requests: 0,
        deletion: None,
        jobs: Vec::new(),
    };
    let (mut now, mut records) = (at("2026-01-01T00:00:00Z"), Vec::new());
    let mut run = Some(ChunkRun::new(order, chunk));
    while let Some(begun) = run.take() {
        let ended = attempt(order, begun, &mut now, &mut tenant, &mut records);
        now = now.plus(Duration::from_secs(3600 * u64::from(tenant.whims.next_of(100))));
        let cx = Context { order, pace: Pace::default(), now };
        let next = ended.retried(cx, &asked());
        let next = next.filter(|(next, _)| next.attempt() <= ATTEMPTS && tenant.whims.next_of(3) < 2);
        run = next.map(|(run, asked_for)| {
            records.extend(asked_for);
            run
        });
    }
    records
}

fn attempt(
    order: &Order,
    mut run: ChunkRun,
    now: &mut Timestamp,
    tenant: &mut Tenant<'_>,
    records: &mut Vec<AuditRecord>,
) -> ChunkRun {
    let mut input = Input::Tick;
    for _ in 0..20_000 {
        let cx = Context { order, pace: Pace::default(), now: *now };
        if tenant.whims.next_of(251) == 250 {
            if matches!(input, Input::Tick) {
                input = Input::Cancel(asked());
            } else {
                let step = run.step(cx, Input::Cancel(asked()));
                records.extend(step.records);
                run = step.run;
            }
        }
        let step = if tenant.whims.next_of(251) == 249 {
            run.abandoned(cx, Cause::new("abandoned", "nobody carries it on"))
        } else {
            run.step(cx, input)
        };
        records.extend(step.records);
        run = step.run;
        *now = now.plus(Duration::from_millis(7));
        input = match step.next {
            Next::Done(_) => return run,
            Next::TakeSlot => Input::Slot { granted: tenant.whims.next_of(4) < 3 },
            Next::WaitUntil { at, .. } => {
                // A wrong clock is set right.
                let wrong = Duration::from_secs(if tenant.whims.next_of(41) == 40 { 600 } else { 0 });
                *now = at.max(*now).minus(wrong);
                Input::Tick
            }
            Next::Send(request) => {
                let cx = Context { now: *now, ..cx };
                let deletes = run.is_deleting();
                if deletes && tenant.whims.next_of(2) == 1 {
                    let step = run.step(cx, Input::Permitted { policy: format!("sha256:{}", "e".repeat(64)) });
                    records.extend(step.records);
                    run = step.run;
                }
                tenant.receive(&request, deletes, *now)
            }
        };
    }
    let last: Vec<_> =
        records.iter().rev().take(20).map(|record| (record.timestamp, &record.status, &record.event)).collect();
    panic!("the attempt does not end: {last:#?}");
}

fn json(status: u16, body: &Value) -> Fate {
    Fate::Answered(HttpResponse::json(status, body))
}

fn error(status: u16, code: &str) -> Fate {
    json(status, &json!({ "code": code, "message": code, "status": status }))
}

impl Tenant<'_> {
    /// The input that comes back for a request, which may not leave or may not arrive.
    fn receive(&mut self, request: &HttpRequest, deletes: bool, now: Timestamp) -> Input {
        let cause = || Cause::new("made.up", "made up for the test");
        match self.whims.next_of(24) {
            1 => return Input::NotYet { at: now.plus(Duration::from_secs(5)) },
            2 => return Input::Unable { cause: cause(), retry_after: None, may_pass: true },
            3 if deletes => {
                return Input::Objection(Objection::Held(Against { policy: "sha256:new".to_owned(), cause: cause() }));
            }
            4 if deletes => return Input::Objection(Objection::Unclear(cause())),
            5 if deletes => return Input::Objection(Objection::Cancelled(asked())),
            6 => return Input::NoResponse(NoResponse::NotSent),
            7 => return Input::NoResponse(NoResponse::TimedOut),
            _ => {}
        }
        let fate = match self.whims.next_of(24) {
            1 => error(500, "internal.error"),
            2 => error(401, "bad.credentials"),
            3 => error(400, "bad.request"),
            4 => error(404, "not.found"),
            5 => error(409, "conflict"),
            6 => json(200, &json!({ "surprise": true })),
            7 => Fate::Answered(HttpResponse {
                status: 429,
                headers: vec![("retry-after".to_owned(), "400".to_owned())],
                body: String::new(),
            }),
            whim => {
                let answer = self.answer(request);
                match whim {
                    8 => Fate::Lost(NoResponse::Dropped),
                    9 => Fate::Lost(NoResponse::Interrupted),
                    10 => error(503, "service.unavailable"),
                    11 => Fate::Answered(HttpResponse { status: 204, headers: Vec::new(), body: String::new() }),
                    _ => answer,
                }
            }
        };
        match fate {
            Fate::Answered(response) => Input::Response(response),
            Fate::Lost(why) => Input::NoResponse(why),
        }
    }

    fn answer(&mut self, request: &HttpRequest) -> Fate {
        let path = request.path.split('?').next().unwrap();
        let body: Value = request.body.as_deref().map_or(Value::Null, |body| serde_json::from_str(body).unwrap());
        match (request.method, path.rsplit('/').next().unwrap()) {
            (Method::Post, "requests") => {
                self.requests += 1;
                let id = format!("req-{}", self.requests);
                self.deletion = Some(id.clone());
                json(202, &json!({ "id": id }))
            }
            (Method::Post, "jobs") => self.create_job(body),
            (Method::Post, "query") if self.api == DeletionApi::DataDeletion && body["entity"].is_string() => {
                // Accepted data goes sooner or later, and the index lags.
                if self.deletion.is_some() && self.whims.next_of(3) > 0 {
                    self.left = 0;
                }
                json(200, &json!({ "results": [{ "count": self.left }] }))
            }
            (Method::Post, "query") => self.conversations(),
            (Method::Get, "details") => self.named_conversations(&request.path),
            (Method::Post, "deletionprotection") => {
                let ids = body["conversationIds"].as_array().unwrap().iter();
                let all = self.whims.next_of(2) == 1;
                json(200, &ids.filter(|_| all).map(|id| json!({ "id": id })).collect())
            }
            (Method::Get, "recordingmetadata") => {
                let there = if path.contains("/c-1/") { self.left.min(3) } else { 0 };
                let date = if self.lags { json!("2026-01-01T00:00:00.000Z") } else { Value::Null };
                let one = json!({ "fileState": "AVAILABLE", "deleteDate": date });
                self.lags = false;
                json(200, &vec![one; usize::try_from(there).unwrap()].into())
            }
            (Method::Get, "failedrecordings") => {
                let one = json!({ "conversation": { "id": "c-1" }, "recording": { "id": "r-1" } });
                json(200, &json!({ "entities": [one], "total": 1 }))
            }
            (Method::Get, "jobs") => {
                let entities: Vec<_> = self.jobs.iter().map(Job::body).collect();
                json(200, &json!({ "entities": entities }))
            }
            (Method::Get, id) if id.starts_with("req-") => self.status(id),
            (_, id) => self.job(request.method, id),
        }
    }

    fn status(&mut self, id: &str) -> Fate {
        let (word, left) = match self.whims.next_of(12) {
            1..=3 => ("processing", self.left),
            4 => ("failed", self.left / 2),
            5 => ("mystery", self.left),
            6 => ("completed", self.left / 3),
            7 => ("completed", self.left),
            _ => ("completed", 0),
        };
        self.left = left;
        json(200, &json!({ "id": id, "status": word }))
    }

    fn conversations(&mut self) -> Fate {
        let one = |n: u32| {
            let day = format!("2023-01-01T1{n}:00:00.000Z");
            json!({ "conversationId": format!("c-{n}"), "conversationStart": day, "conversationEnd": day })
        };
        let listed: Vec<_> = (1..=if self.whims.next_of(5) == 4 { 0 } else { 3 }).map(one).collect();
        json(200, &json!({ "conversations": listed, "totalHits": listed.len() }))
    }

    /// They lie elsewhere, analytics does not know them, or they belong to this chunk.
    fn named_conversations(&mut self, path: &str) -> Fate {
        let day = match self.whims.next_of(3) {
            0 => Some("2022-01-01"),
            1 => None,
            _ => Some("2023-01-01"),
        };
        let one = |(day, id): (&str, &str)| {
            json!({ "conversationId": id, "conversationStart": format!("{day}T12:00:00.000Z"),
                    "conversationEnd": format!("{day}T13:00:00.000Z") })
        };
        let ids = path.split_once("id=").map_or("", |(_, ids)| ids).split(',');
        let listed: Vec<_> = ids.filter_map(|id| Some(one((day?, id)))).collect();
        json(200, &json!({ "conversations": listed, "totalHits": listed.len() }))
    }

    fn create_job(&mut self, body: Value) -> Fate {
        let id = format!("job-{}", self.jobs.len() + 1);
        let (total, state) = (self.left, "PENDING");
        self.jobs.push(Job { id, query: body, state, total, processed: 0, skipped: 0, failed: 0 });
        json(202, &self.jobs.last().unwrap().body())
    }

    fn job(&mut self, method: Method, id: &str) -> Fate {
        let (whim, share) = (self.whims.next_of(16), u64::from(self.whims.next_of(6)));
        let Some(job) = self.jobs.iter_mut().find(|job| job.id == id) else { return error(404, "not.found") };
        match (method, job.state) {
            (Method::Get, "PENDING") if whim < 12 => job.state = "READY",
            // Somebody else executes or cancels the job.
            (Method::Get, "READY") if whim == 14 => job.state = "PROCESSING",
            (Method::Get, "READY") if whim == 15 => job.state = "CANCELLED",
            (Method::Get, "PENDING" | "READY" | "PROCESSING") if whim == 13 => job.state = "FAILED",
            (Method::Get, "PENDING" | "PROCESSING") if whim == 12 => job.state = "PONDERING",
            (Method::Get, "PONDERING") => job.state = "READY",
            (Method::Get, "PROCESSING") if whim < 10 => {
                job.state = "FULFILLED";
                if share == 4 {
                    job.failed = job.total.min(1);
                } else if share == 5 {
                    job.skipped = job.total.min(2);
                }
                job.processed = job.total - job.failed - job.skipped;
                self.left = self.left.saturating_sub(job.processed);
                self.lags = whim == 9;
            }
            (Method::Put, "READY") => job.state = "PROCESSING",
            (Method::Delete, "PENDING" | "READY" | "PONDERING") => job.state = "CANCELLED",
            (Method::Delete, "PROCESSING") => {
                job.state = "CANCELLED";
                job.processed = job.total / 2;
                self.left = self.left.saturating_sub(job.processed);
            }
            (Method::Put | Method::Delete, _) => return error(409, "conflict"),
            _ => {}
        }
        json(200, &job.body())
    }
}

impl Job {
    fn body(&self) -> Value {
        json!({ "id": self.id, "state": self.state, "recordingJobsQuery": self.query, "totalConversations": 3,
                "totalRecordings": self.total, "totalProcessedRecordings": self.processed,
                "totalSkippedRecordings": self.skipped, "totalFailedRecordings": self.failed })
    }
}
