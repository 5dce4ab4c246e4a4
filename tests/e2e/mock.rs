//! A second opinion: a small server of the `dataDeletion` contract that shares no code with the simulated tenant.
//!
//! It has a record every 600 s of 2023 and one at 23:59:59.500 of each day, 52,925 in all. Date ranges include their ends, as in
//! the contract. It uses threads and blocking sockets, so that a lost connection is really lost.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use purge_core::time::Timestamp;
use serde_json::{Value, json};

/// What goes wrong with a call.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// This is answered instead, and nothing happens.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// The connection is closed, and nothing happens.
    DropBefore,
    /// The call takes effect, then the connection is closed.
    DropAfter,
    /// The call takes effect, and this body is the answer.
    Body(String),
    /// The call takes effect, but only this much of the announced body is sent.
    Cut(usize),
    /// The answer comes this much later.
    Slow(Duration),
}

/// Decides what goes wrong, given the kind of call (`token`, `submit`, `status`, `query`, `hook`) and its number from 1.
pub(crate) type Faults = Box<dyn Fn(&str, usize) -> Option<Fault> + Send + Sync>;

/// How the mock behaves.
pub(crate) struct Knobs {
    pub(crate) job: Duration,
    pub(crate) faults: Faults,
    /// Whether counts are in `totalHits` instead of `results[].count`.
    pub(crate) total_hits: bool,
    /// How many records every deletion leaves behind.
    pub(crate) leave: usize,
    /// How much later the index shows deletions.
    pub(crate) lag: Duration,
    /// The last status of a job.
    pub(crate) final_status: &'static str,
    /// How many seconds a token lives.
    pub(crate) token_seconds: u64,
    /// Deletions that overlap this range, which includes its end, are refused because of a hold.
    pub(crate) hold: Option<(i64, i64)>,
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            job: Duration::from_secs(1),
            faults: Box::new(|_, _| None),
            total_hits: false,
            leave: 0,
            lag: Duration::ZERO,
            final_status: "completed",
            token_seconds: 3600,
            hold: None,
        }
    }
}

struct Job {
    accepted: Instant,
    range: (i64, i64),
    done: bool,
}

#[derive(Default)]
pub(crate) struct State {
    /// The records that are left, in milliseconds since 1970. `gone` has the others, and when they were deleted.
    records: BTreeSet<i64>,
    gone: BTreeMap<i64, Instant>,
    jobs: BTreeMap<String, Job>,
    tokens: BTreeMap<String, Instant>,
    pub(crate) calls: BTreeMap<String, usize>,
    pub(crate) accepted: Vec<(i64, i64)>,
    pub(crate) bodies: Vec<(String, String)>,
    pub(crate) without_length: usize,
    /// Accepted webhooks by id: how often each arrived, and its first body.
    pub(crate) hooks: BTreeMap<String, (usize, String)>,
    pub(crate) unsigned_hooks: usize,
    pub(crate) most_open_connections: usize,
    open_connections: usize,
}

impl State {
    pub(crate) fn left(&self, from: &str, until: &str) -> usize {
        self.records.range(ms(from)..ms(until)).count()
    }
}

fn ms(text: &str) -> i64 {
    Timestamp::parse(text).unwrap().millis()
}

#[derive(Clone)]
pub(crate) struct Mock {
    pub(crate) base: String,
    pub(crate) state: Arc<Mutex<State>>,
    knobs: Arc<Knobs>,
}

/// The secret of the OAuth client `client`.
pub(crate) const CLIENT_SECRET: &str = "quiet-otter-71";

/// `client:` and that secret in Base64, as the login must name them.
pub(crate) const CREDENTIALS: &str = "Y2xpZW50OnF1aWV0LW90dGVyLTcx";

/// The secret that webhooks must be signed with.
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

impl Mock {
    pub(crate) fn start(knobs: Knobs) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let mut state = State::default();
        let (start, end) = (ms("2023-01-01T00:00:00Z"), ms("2024-01-01T00:00:00Z"));
        state.records.extend((start..end).step_by(600_000));
        state.records.extend((start..end).step_by(86_400_000).map(|day| day + 86_400_000 - 500));
        assert_eq!(state.records.len(), 52_925);
        let state = Arc::new(Mutex::new(state));
        let mock = Self { base, state, knobs: Arc::new(knobs) };
        let serving = mock.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mock = serving.clone();
                let _ = stream.set_nodelay(true);
                std::thread::spawn(move || mock.serve(stream));
            }
        });
        mock
    }

    /// Answers all requests on this connection until it ends.
    pub(crate) fn serve(&self, stream: impl Read + Write) {
        {
            let mut state = self.state.lock().unwrap();
            state.open_connections += 1;
            state.most_open_connections = state.most_open_connections.max(state.open_connections);
        }
        let _ = serve(stream, &self.state, &self.knobs);
        self.state.lock().unwrap().open_connections -= 1;
    }

    pub(crate) fn calls(&self, kind: &str) -> usize {
        self.state.lock().unwrap().calls.get(kind).copied().unwrap_or(0)
    }
}

struct Request {
    line: String,
    headers: BTreeMap<String, String>,
    body: String,
}

fn read(reader: &mut BufReader<impl Read>) -> Option<Request> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { line: line.trim_end().to_owned(), headers, body: String::from_utf8(body).unwrap() })
}

fn serve(stream: impl Read + Write, state: &Mutex<State>, knobs: &Knobs) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader) {
        let kind = kind(&request.line);
        let fault = {
            let mut state = state.lock().unwrap();
            if request.line.starts_with("POST") && !request.headers.contains_key("content-length") {
                state.without_length += 1;
            }
            let count = state.calls.entry(kind.to_owned()).or_default();
            *count += 1;
            let count = *count;
            (knobs.faults)(kind, count)
        };
        let (mut status, mut headers, mut body) = match &fault {
            Some(Fault::Answer(status, headers, body)) => (*status, headers.clone(), body.clone()),
            Some(Fault::DropBefore) => return Ok(()),
            _ => {
                let (status, body) = answer(kind, &request, &mut state.lock().unwrap(), knobs);
                (status, Vec::new(), body.map_or(String::new(), |b| b.to_string()))
            }
        };
        let mut cut = None;
        match fault {
            Some(Fault::DropAfter) => return Ok(()),
            Some(Fault::Body(instead)) => body = instead,
            Some(Fault::Cut(n)) => cut = Some(n),
            Some(Fault::Slow(time)) => std::thread::sleep(time),
            Some(Fault::Answer(..) | Fault::DropBefore) | None => {}
        }
        if status == 0 {
            (status, body) = (404, String::new());
        }
        headers.push(("content-length", body.len().to_string()));
        let mut text = format!("HTTP/1.1 {status} X\r\n");
        headers.iter().for_each(|(name, value)| text += &format!("{name}: {value}\r\n"));
        text += "\r\n";
        let out = reader.get_mut();
        out.write_all(text.as_bytes())?;
        out.write_all(&body.as_bytes()[..cut.unwrap_or(body.len()).min(body.len())])?;
        out.flush()?;
        if cut.is_some() {
            return Ok(());
        }
    }
    Ok(())
}

fn kind(line: &str) -> &'static str {
    match line.split(' ').collect::<Vec<_>>()[..] {
        ["POST", "/login/oauth/v2/token", _] => "token",
        ["POST", "/api/v2/data/deletion/requests", _] => "submit",
        ["GET", path, _] if path.starts_with("/api/v2/data/deletion/requests/") => "status",
        ["POST", "/api/v2/analytics/conversations/details/query", _] => "query",
        ["POST", "/hook", _] => "hook",
        _ => "other",
    }
}

fn answer(kind: &str, request: &Request, state: &mut State, knobs: &Knobs) -> (u16, Option<Value>) {
    finish_jobs(state, knobs);
    state.bodies.push((kind.to_owned(), request.body.clone()));
    let bearer = request.headers.get("authorization").and_then(|a| a.strip_prefix("Bearer ")).unwrap_or("");
    let known = state.tokens.get(bearer).is_some_and(|until| Instant::now() < *until);
    match kind {
        "token" => {
            let basic = request.headers.get("authorization").and_then(|a| a.strip_prefix("Basic "));
            if basic != Some(CREDENTIALS) {
                return (401, Some(json!({ "error": "invalid_client" })));
            }
            if !request.body.split('&').any(|p| p == "grant_type=client_credentials") {
                return (400, Some(json!({ "error": "invalid_request" })));
            }
            let token = format!("token-{}", state.tokens.len());
            state.tokens.insert(token.clone(), Instant::now() + Duration::from_secs(knobs.token_seconds));
            (200, Some(json!({ "access_token": token, "expires_in": knobs.token_seconds })))
        }
        "hook" => hook(request, state),
        _ if !known => (401, Some(json!({ "code": "bad.credentials", "message": "no", "contextId": "ctx-401" }))),
        "submit" => submit(request, state, knobs),
        "status" => {
            let id = request.line.split(' ').nth(1).unwrap().rsplit('/').next().unwrap();
            match state.jobs.get(id) {
                Some(job) => {
                    let status = if job.done { knobs.final_status } else { "processing" };
                    (200, Some(json!({ "id": id, "status": status })))
                }
                None => (404, Some(json!({ "code": "not.found" }))),
            }
        }
        "query" => query(request, state, knobs),
        _ => (404, None),
    }
}

fn range(filter: &Value) -> Option<(i64, i64)> {
    let at = |end: &str| Timestamp::parse(filter["dateRange"][end].as_str()?).ok().map(Timestamp::millis);
    Some((at("start")?, at("end")?))
}

fn submit(request: &Request, state: &mut State, knobs: &Knobs) -> (u16, Option<Value>) {
    let Ok(body) = serde_json::from_str::<Value>(&request.body) else {
        return (400, Some(json!({ "code": "bad.request", "message": "empty or broken body" })));
    };
    let Some(range) = range(&body["filter"]) else {
        return (400, Some(json!({ "code": "invalid.date", "message": "no date range" })));
    };
    let strict = body["recordTypes"].as_array().is_some_and(|types| !types.is_empty())
        && body["jurisdiction"] == "us-east-1"
        && body["legalHoldValidation"] == true
        && body["retentionPolicyOverride"].is_boolean();
    if !strict {
        return (400, Some(json!({ "code": "bad.request", "message": "a field is missing" })));
    }
    if knobs.hold.is_some_and(|hold| range.0 <= hold.1 && hold.0 <= range.1) {
        let body = json!({ "code": "bad.request", "message": "The range conflicts with a legal hold.", "contextId": "ctx-hold" });
        return (400, Some(body));
    }
    let id = format!("req-{}", state.jobs.len() + 1);
    state.jobs.insert(id.clone(), Job { accepted: Instant::now(), range, done: false });
    state.accepted.push(range);
    (202, Some(json!({ "id": id })))
}

fn finish_jobs(state: &mut State, knobs: &Knobs) {
    let State { records, gone, jobs, .. } = state;
    for job in jobs.values_mut().filter(|job| !job.done && job.accepted.elapsed() >= knobs.job) {
        job.done = true;
        let hit: Vec<_> = records.range(job.range.0..=job.range.1).copied().collect();
        for record in hit.iter().skip(knobs.leave) {
            records.remove(record);
            gone.insert(*record, Instant::now());
        }
    }
}

fn query(request: &Request, state: &State, knobs: &Knobs) -> (u16, Option<Value>) {
    let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
    let interval = body["interval"].as_str().unwrap_or_default();
    let ends: Vec<_> = interval.split('/').map(Timestamp::parse).collect();
    let described = body["entity"] == "conversation" && body["aggregate"] == json!(["count"]);
    let (true, [Ok(_), Ok(_)], Some((from, until))) = (described, &ends[..], range(&body["filter"])) else {
        return (400, Some(json!({ "code": "bad.request", "message": "interval must be start/end" })));
    };
    let shown = state.gone.range(from..=until).filter(|(_, at)| at.elapsed() < knobs.lag).count();
    let count = state.records.range(from..=until).count() + shown;
    let answer = match knobs.total_hits {
        true => json!({ "totalHits": count, "conversations": [] }),
        false => json!({ "results": [{ "count": count / 2 }, { "count": count - count / 2 }] }),
    };
    (200, Some(answer))
}

fn hook(request: &Request, state: &mut State) -> (u16, Option<Value>) {
    let header = |name: &str| request.headers.get(name).cloned().unwrap_or_default();
    let (id, stamp, signature) = (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"));
    let secrets = purge_core::webhook::Secrets::parse(SECRET).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let now = Timestamp::from_millis(i64::try_from(now).unwrap());
    if purge_core::webhook::verify(&secrets, &id, &stamp, &signature, &request.body, now).is_err() {
        state.unsigned_hooks += 1;
        return (401, None);
    }
    let hook = state.hooks.entry(id).or_insert_with(|| (0, request.body.clone()));
    hook.0 += 1;
    (204, None)
}
