//! `serve`: the real binary, asked over real HTTP by a client that writes its own bytes.

#![cfg(test)]

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use common::{Bench, Server, at, example, request, signal, start_until};
use serde_json::{Value, json};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server.
struct Console {
    child: Child,
    /// `127.0.0.1:PORT`.
    host: String,
    token: String,
    stderr: BufReader<ChildStderr>,
}

impl Console {
    fn start(bench: &Bench, args: &[&str]) -> Self {
        Self::of(serve(bench, args))
    }

    fn of(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("http://").unwrap();
        let (host, token) = url.split_once("/#token/").unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Self { host: host.to_owned(), token: token.to_owned(), child, stderr }
    }

    /// Sends a request with exactly these header lines, and returns the answer.
    fn raw(&self, line: &str, headers: &[String], body: &str) -> Reply {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut text = format!("{line} HTTP/1.1\r\nconnection: close\r\n");
        for header in headers {
            text.push_str(header);
            text.push_str("\r\n");
        }
        if !body.is_empty() {
            text.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        text.push_str("\r\n");
        text.push_str(body);
        // A server that refuses need not read to the end.
        let _ = stream.write_all(text.as_bytes());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        Reply::of(&String::from_utf8_lossy(&answer))
    }

    /// The headers that the page sends.
    fn page_headers(&self) -> Vec<String> {
        vec![
            format!("host: {}", self.host),
            format!("authorization: Bearer {}", self.token),
            format!("origin: http://{}", self.host),
            "content-type: application/json".to_owned(),
            "sec-fetch-site: same-origin".to_owned(),
        ]
    }

    fn get(&self, path: &str) -> Reply {
        self.raw(&format!("GET /api{path}"), &self.page_headers(), "")
    }

    fn post(&self, path: &str, body: &Value) -> Reply {
        self.raw(&format!("POST /api{path}"), &self.page_headers(), &body.to_string())
    }

    /// Sends a request, and is gone before the answer: as soon as `begun` says that the server does what was asked for.
    #[track_caller]
    fn post_and_leave(&self, path: &str, body: &Value, begun: impl Fn() -> bool) {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        let (headers, body) = (self.page_headers().join("\r\n"), body.to_string());
        let length = body.len();
        let text = format!("POST /api{path} HTTP/1.1\r\n{headers}\r\ncontent-length: {length}\r\n\r\n{body}");
        stream.write_all(text.as_bytes()).unwrap();
        let since = Instant::now();
        while !begun() {
            assert!(since.elapsed() < PATIENCE);
            std::thread::sleep(Duration::from_millis(50));
        }
        drop(stream);
        // Until the server has noticed.
        std::thread::sleep(Duration::from_millis(500));
    }

    /// Starts the plan and returns the run's id.
    #[track_caller]
    fn begin(&self, plan: &Path) -> String {
        let reply = self.post("/runs", &ask(plan)).is(201);
        reply.json()["run"]["runId"].as_str().unwrap().to_owned()
    }

    /// The events of a run from that id on, up to the first one that `will_do` accepts.
    #[track_caller]
    fn follow(&self, run: &str, from: &str, will_do: impl Fn(&Event) -> bool) -> Vec<Event> {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut headers = self.page_headers();
        headers.push(format!("last-event-id: {from}"));
        let text = format!("GET /api/runs/{run}/events HTTP/1.1\r\n{}\r\n\r\n", headers.join("\r\n"));
        stream.write_all(text.as_bytes()).unwrap();
        let (mut events, mut event) = (Vec::new(), Event::default());
        let began = Instant::now();
        // Chunk sizes of the transfer encoding are lines of their own and no fields.
        for line in BufReader::new(stream).lines() {
            let line = line.unwrap();
            assert!(began.elapsed() < PATIENCE, "{events:#?}");
            if let Some(name) = line.strip_prefix("event: ") {
                event.name = name.to_owned();
            } else if let Some(id) = line.strip_prefix("id: ") {
                event.id = id.to_owned();
            } else if let Some(data) = line.strip_prefix("data: ") {
                event.data = serde_json::from_str(data).unwrap();
                events.push(std::mem::take(&mut event));
                if will_do(events.last().unwrap()) {
                    return events;
                }
            }
        }
        panic!("the stream ended: {events:#?}");
    }

    /// Waits until there is a run, and returns its id.
    #[track_caller]
    fn wait_for_a_run(&self) -> String {
        let began = Instant::now();
        loop {
            if let Some(run) = self.get("/runs").is(200).json()["runs"][0]["runId"].as_str() {
                return run.to_owned();
            }
            assert!(began.elapsed() < PATIENCE);
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until no process carries the run out any more.
    #[track_caller]
    fn wait_until_settled(&self, run: &str) -> Value {
        let began = Instant::now();
        loop {
            let facts = self.get(&format!("/runs/{run}")).is(200).json();
            if facts["run"]["carried"].is_null() {
                return facts["run"].clone();
            }
            assert!(began.elapsed() < PATIENCE, "{facts:#}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn signal(&self, name: &str) {
        Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status().unwrap();
    }

    /// The exit code once the server has ended, and what it printed beside its results.
    fn end(&mut self) -> (Option<i32>, String) {
        let mut said = String::new();
        self.stderr.read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap().code(), said)
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Clone, Debug, Default)]
struct Event {
    name: String,
    id: String,
    data: Value,
}

impl Event {
    fn ended(&self) -> bool {
        self.name == "run" && self.data["run"]["standing"] == "ended" && self.data["run"]["carried"].is_null()
    }
}

#[derive(Debug)]
struct Reply {
    status: u16,
    head: String,
    body: String,
}

impl Reply {
    fn of(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
        Self { status, head: head.to_lowercase(), body: body.to_owned() }
    }

    #[track_caller]
    fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}\n{}", self.head, self.body);
        self
    }

    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{}\n{}", self.head, self.body))
    }

    fn code(&self) -> String {
        assert!(self.head.contains("content-type: application/problem+json"), "{}", self.head);
        self.json()["findings"][0]["code"].as_str().unwrap().to_owned()
    }
}

fn serve(bench: &Bench, args: &[&str]) -> Command {
    serve_at(bench, "127.0.0.1:0", args)
}

fn serve_at(bench: &Bench, address: &str, args: &[&str]) -> Command {
    fs::create_dir_all(bench.path("www/assets")).unwrap();
    fs::write(bench.path("www/index.html"), "<!doctype html><title>console</title>").unwrap();
    fs::write(bench.path("www/assets/app-1a2b.wasm"), b"\0asm").unwrap();
    fs::write(bench.path("www/assets/app-1a2b.wasm.br"), b"smaller").unwrap();
    let mut command = bench.command(&["serve", "--listen", address, "--www", "www"]);
    command.args(args);
    command
}

/// The example of a year of recordings.
fn recordings() -> Value {
    serde_json::from_str(&fs::read_to_string(example("year-recording-jobs.json")).unwrap()).unwrap()
}

/// A plan file of that request.
fn plan(bench: &Bench, request: &Value, policy: Option<&Value>) -> PathBuf {
    let path = bench.path("made.plan.json");
    bench.file("made.json", request);
    let mut args = vec!["plan", "made.json", "--out", "made.plan.json"];
    if let Some(policy) = policy {
        bench.file("made-policy.json", policy);
        args.extend(["--policy", "made-policy.json"]);
    }
    bench.run(&args).exits(0);
    path
}

/// What a person sends to approve that plan.
fn ask(plan: &Path) -> Value {
    let text = fs::read_to_string(plan).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    let digest = file["planDigest"].as_str().unwrap();
    let code = purge_core::plan::short_code(digest);
    json!({ "planFile": text, "digest": digest, "shortCode": code, "approver": "dpo@example.com" })
}

/// A scenario file in which deletions take so many seconds.
fn slow_scenario(bench: &Bench, seconds: u64) -> String {
    let scenario = json!({ "dataDeletion": { "processingSeconds": seconds } });
    bench.file("slow.json", &scenario).to_str().unwrap().to_owned()
}

fn windows(submits: &[String]) -> Vec<String> {
    let mut windows: Vec<String> = submits
        .iter()
        .map(|body| serde_json::from_str::<Value>(body).unwrap()["filter"]["dateRange"].to_string())
        .collect();
    windows.sort();
    windows
}

#[test]
fn a_plan_is_started_watched_and_proved() {
    let bench = Bench::new();
    let console = Console::start(&bench, &[]);
    let about = console.get("/server").is(200).json();
    assert_eq!((&about["simulated"], &about["tenant"]), (&json!(true), &Value::Null));
    assert_eq!(console.get("/runs").is(200).json()["runs"], json!([]));

    let plan = plan(&bench, &request(3), None);
    let run = console.begin(&plan);
    let events = console.follow(&run, "0.0", Event::ended);
    let named = |name: &str| events.iter().filter(|e| e.name == name).cloned().collect::<Vec<_>>();
    let verified = named("chunk").into_iter().filter(|e| e.data["outcome"] == "verified").count();
    assert_eq!(verified, 3);
    assert!(named("run").iter().any(|e| e.data["run"]["carried"] == "here"));
    let kinds: Vec<Value> = named("record").iter().map(|e| e.data["record"]["event"]["kind"].clone()).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "finished").count(), 3);
    // Ids only grow, so the last one covers everything.
    let ids: Vec<(u64, u64)> = events
        .iter()
        .filter_map(|e| e.id.split_once('.'))
        .map(|(a, b)| (a.parse().unwrap(), b.parse().unwrap()))
        .collect();
    assert!(ids.is_sorted_by(|a, b| a.0 <= b.0 && a.1 <= b.1), "{ids:?}");

    // The page's facts, the report and the evidence agree.
    let facts = console.wait_until_settled(&run);
    assert_eq!((&facts["open"], &facts["ended"]), (&json!(0), &json!({ "verified": 3 })));
    assert_eq!(facts["can"], json!({ "cancel": false, "retry": false, "resume": false }));
    assert_eq!(facts["approvedBy"], "dpo@example.com");
    let report = console.get(&format!("/runs/{run}/report")).is(200).json();
    assert_eq!((&report["exitCode"], &report["report"]["outcome"]), (&json!(0), &json!("verified")));
    let sums = console.get(&format!("/runs/{run}/sums")).is(200).json();
    assert_eq!((&sums["totals"], &sums["exitCode"]), (&report["report"]["totals"], &json!(0)));
    let evidence = bench.evidence();
    let verdict = bench.run(&["verify", evidence.to_str().unwrap(), "--json"]).exits(0);
    let verdict: Value = serde_json::from_str(&verdict.stdout).unwrap();
    assert_eq!(verdict["evidenceDigest"], facts["evidence"]["digest"]);
    let log = console.get(&format!("/runs/{run}/evidence/audit.jsonl")).is(200);
    assert_eq!(log.body, fs::read_to_string(evidence.join("audit.jsonl")).unwrap());
    assert!(log.head.contains("application/octet-stream") && log.head.contains("nosniff"));
    let listed = console.get(&format!("/runs/{run}/evidence")).is(200).json();
    assert_eq!(listed["files"].as_array().unwrap().len(), 8);
    let file = console.get(&format!("/runs/{run}/plan")).is(200);
    assert_eq!(file.body, fs::read_to_string(evidence.join("plan.json")).unwrap());

    // The same approval again gives the same run, and nothing is sent.
    let again = console.post("/runs", &ask(&plan)).is(200);
    assert_eq!(again.json()["run"]["runId"], json!(run));
    console.wait_until_settled(&run);
    assert_eq!(bench.submits().len(), 3);
}

#[test]
fn whatever_a_page_of_strangers_could_try_is_refused() {
    let bench = Bench::new();
    let console = Console::start(&bench, &[]);
    let plan = plan(&bench, &request(1), None);
    let body = ask(&plan).to_string();
    let (host, token) = (&console.host, &console.token);
    let port = host.rsplit(':').next().unwrap();
    let own = format!("host: {host}");
    let origin = format!("origin: http://{host}");
    let bearer = format!("authorization: Bearer {token}");
    let json = "content-type: application/json".to_owned();
    let with = |headers: &[&str]| headers.iter().map(|h| (*h).to_owned()).collect::<Vec<_>>();
    let post = |headers: &[&str]| console.raw("POST /api/runs", &with(headers), &body);
    let get = |headers: &[&str]| console.raw("GET /api/runs", &with(headers), "");

    // Requests with a host name that leads here, without one, and with two.
    for name in [
        format!("host: localhost:{port}"),
        format!("host: evil.example:{port}"),
        format!("host: 127.0.0.1.:{port}"),
        "host: 127.0.0.1".to_owned(),
        "x-forwarded-host: 127.0.0.1".to_owned(),
    ] {
        assert_eq!(get(&[&name, &bearer]).is(421).code(), "server.host", "{name}");
        assert_eq!(console.raw("GET /", &with(&[&name]), "").is(421).code(), "server.host", "{name}");
    }
    assert!([400, 421].contains(&get(&[&own, "host: evil.example", &bearer]).status));
    assert_eq!(
        console.raw("GET http://evil.example/api/runs", &with(&[&own, &bearer]), "").is(421).code(),
        "server.target"
    );

    // Another page: its origin, its kind of request, and the token that it cannot know.
    for foreign in ["http://evil.example", "null", &format!("http://localhost:{port}"), &format!("https://{host}")] {
        let foreign = format!("origin: {foreign}");
        assert_eq!(post(&[&own, &foreign, &bearer, &json]).is(403).code(), "server.origin", "{foreign}");
        assert_eq!(get(&[&own, &foreign, &bearer]).is(403).code(), "server.origin", "{foreign}");
    }
    assert_eq!(post(&[&own, &bearer, &json]).is(403).code(), "server.origin", "no origin");
    assert_eq!(post(&[&own, &origin, &origin, &bearer, &json]).is(403).code(), "server.origin", "two origins");
    for site in ["cross-site", "same-site", "none"] {
        let site = format!("sec-fetch-site: {site}");
        assert_eq!(get(&[&own, &bearer, &site]).is(403).code(), "server.origin", "{site}");
        let script = console.raw("GET /assets/app-1a2b.wasm", &with(&[&own, &site, "sec-fetch-mode: no-cors"]), "");
        assert_eq!(script.is(403).code(), "server.origin", "{site}");
        // Any page may link to this one.
        console.raw("GET /", &with(&[&own, &site, "sec-fetch-mode: navigate"]), "").is(200);
    }

    // Without the token nothing is revealed, not even what exists.
    for guess in [
        "",
        "authorization: Bearer",
        "authorization: Basic OnNpbQ==",
        &format!("{bearer}x"),
        &format!("x-token: {token}"),
    ] {
        let headers: Vec<&str> = [own.as_str(), guess].into_iter().filter(|h| !h.is_empty()).collect();
        assert_eq!(get(&headers).is(401).code(), "server.token", "{guess}");
        for path in ["/api/nothing", "/api/runs/run-0000000000000000/events", &format!("/api/runs?token={token}")] {
            console.raw(&format!("GET {path}"), &with(&headers), "").is(401);
        }
    }
    post(&[&own, &origin, &json, &format!("cookie: token={token}")]).is(401);

    // A form, or a script without a preflight request, can send only these three types.
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        let kind = format!("content-type: {kind}");
        assert_eq!(post(&[&own, &origin, &bearer, &kind]).is(415).code(), "server.contentType", "{kind}");
    }
    post(&[&own, &origin, &bearer]).is(415);
    // A preflight request brings no permission.
    let asked = console.raw(
        "OPTIONS /api/runs",
        &with(&[
            &own,
            "origin: http://evil.example",
            "access-control-request-method: POST",
            "access-control-request-private-network: true",
        ]),
        "",
    );
    assert!(!asked.is(405).head.contains("access-control-allow"));
    for method in ["PUT", "DELETE", "PATCH", "TRACE"] {
        console.raw(&format!("{method} /api/runs"), &with(&[&own, &origin, &bearer, &json]), &body).is(405);
    }

    // A GET changes nothing, and no connection is upgraded.
    for verb in ["cancel", "retry", "resume"] {
        let asked = console.raw(&format!("GET /api/runs/run-0000000000000000/{verb}"), &with(&[&own, &bearer]), "");
        assert_eq!(asked.is(405).code(), "server.method");
    }
    get(&[&own, &bearer, "connection: upgrade", "upgrade: websocket"]).is(200);

    // Only the files of the page are served.
    for path in [
        "/../Cargo.toml",
        "/%2e%2e/made.json",
        "/..%2fmade.json",
        "//etc/passwd",
        "/index.html.br",
        "/assets/",
        "/%61pi/runs",
    ] {
        console.raw(&format!("GET {path}"), &with(&[&own]), "").is(404);
    }
    assert_eq!(console.get("/runs").json()["runs"], serde_json::json!([]), "nothing was started");
}

#[test]
fn answers_say_that_they_may_not_be_embedded_sniffed_or_kept() {
    let bench = Bench::new();
    let console = Console::start(&bench, &[]);
    let own = [format!("host: {}", console.host)];
    let page = console.raw("GET /", &own, "").is(200);
    let wasm =
        console.raw("GET /assets/app-1a2b.wasm", &[own[0].clone(), "accept-encoding: gzip, br".to_owned()], "").is(200);
    let api = console.get("/runs").is(200);
    let refused = console.raw("GET /api/runs", &own, "").is(401);
    for reply in [&page, &wasm, &api, &refused] {
        for said in [
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "frame-ancestors 'none'",
            "x-frame-options: deny",
            "cross-origin-resource-policy: same-origin",
            "cross-origin-opener-policy: same-origin",
        ] {
            assert!(reply.head.contains(said), "{said}\n{}", reply.head);
        }
        assert!(!reply.head.contains("access-control-"), "{}", reply.head);
        assert!(!reply.head.contains(&console.token.to_lowercase()) && !reply.body.contains(&console.token));
    }
    assert!(api.head.contains("cache-control: no-store") && api.head.contains("default-src 'none'"));
    assert!(wasm.head.contains("content-type: application/wasm") && wasm.head.contains("content-encoding: br"));
    assert!(wasm.head.contains("immutable") && page.head.contains("cache-control: no-cache"));

    // A browser shows the page it has kept under the headers of the answer that it has not changed.
    let etag = page.head.lines().find_map(|l| l.strip_prefix("etag: ")).unwrap();
    let kept = console.raw("GET /", &[own[0].clone(), format!("if-none-match: {etag}")], "").is(304);
    let policy_of =
        |reply: &Reply| reply.head.lines().find(|l| l.starts_with("content-security-policy")).unwrap().to_owned();
    assert_eq!(policy_of(&kept), policy_of(&page));

    // The page is tested under the policy that it is served with.
    let vite = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../www/vite.config.ts")).unwrap();
    let policy = page.head.lines().find_map(|l| l.strip_prefix("content-security-policy: ")).unwrap();
    assert!(vite.contains(policy), "{policy}");
}

#[test]
fn an_approval_that_does_not_hold_starts_nothing() {
    let bench = Bench::new();
    let two = json!({ "version": 1, "limits": { "secondPerson": true } });
    let plan = plan(&bench, &request(2), Some(&two));
    let other = bench.file("other-policy.json", &json!({ "version": 1, "limits": { "concurrency": 1 } }));
    let console = Console::start(&bench, &[]);
    let strict = Console::start(&bench, &["--policy", other.to_str().unwrap()]);
    let good = ask(&plan);
    let changed = |field: &str, value: Value| {
        let mut ask = good.clone();
        ask[field] = value;
        ask
    };
    let text = good["planFile"].as_str().unwrap();
    let longer = text.replace("2023-01-21T00:00:00.000Z", "2023-01-31T00:00:00.000Z");
    let request = fs::read_to_string(bench.path("made.json")).unwrap();
    for (ask, status, code) in [
        (changed("digest", json!(format!("sha256:{}", "0".repeat(64)))), 403, "approval.mismatch"),
        (changed("digest", json!("")), 403, "approval.mismatch"),
        (changed("shortCode", json!("0000-0000")), 403, "approval.mismatch"),
        (changed("shortCode", json!("")), 403, "approval.mismatch"),
        (changed("approver", json!("  ")), 403, "approval.nobody"),
        (changed("approver", json!("dpo\u{202e}moc.elpmaxe")), 403, "approval.name"),
        (changed("approver", json!("Records@Example.com ")), 403, "approval.samePerson"),
        (changed("planFile", json!(longer)), 400, "planFile.digest"),
        (changed("planFile", json!(request)), 400, "field.unknown"),
        (changed("planFile", json!("{")), 400, "json.syntax"),
        (changed("more", json!(1)), 422, "server.body"),
        (json!({}), 422, "server.body"),
        (json!([]), 422, "server.body"),
    ] {
        let reply = console.post("/runs", &ask).is(status);
        assert_eq!(reply.code(), code, "{}", reply.body);
    }
    assert_eq!(strict.post("/runs", &good).is(409).code(), "policy.notAllowed");
    assert_eq!(console.get("/runs").json()["runs"], json!([]));

    console.wait_until_settled(&console.begin(&plan));
    // An existing run is not carried on for somebody who may not approve it.
    assert_eq!(
        console.post("/runs", &changed("approver", json!("records@example.com"))).is(403).code(),
        "approval.samePerson"
    );
}

#[test]
fn a_hold_that_came_after_the_server_was_started_counts() {
    let bench = Bench::new();
    let (free, range) =
        (json!({ "version": 1 }), json!({ "start": "2023-01-12T00:00:00Z", "end": "2023-01-13T00:00:00Z" }));
    let plan = plan(&bench, &request(3), Some(&free));
    let kept = bench.path("made-policy.json");
    let console = Console::start(&bench, &["--policy", kept.to_str().unwrap()]);
    bench.file("made-policy.json", &json!({ "version": 1, "holds": [{ "id": "matter-7", "range": range }] }));
    let run = console.begin(&plan);
    console.wait_until_settled(&run);
    let report = console.get(&format!("/runs/{run}/report")).is(200).json()["report"].clone();
    let outcomes: Vec<&Value> = report["chunks"].as_array().unwrap().iter().map(|chunk| &chunk["outcome"]).collect();
    assert_eq!(outcomes, ["verified", "held", "verified"]);
    assert_eq!(bench.submits().len(), 2);
}

#[test]
fn cancelling_stops_what_has_not_been_submitted() {
    let bench = Bench::new();
    let console = Console::start(&bench, &["--scenario", &slow_scenario(&bench, 4)]);
    let plan = plan(&bench, &request(12), None);
    let run = console.begin(&plan);
    console.follow(&run, "0.0", |event| event.data["state"] == "deleting");
    let cancelled = console.post(&format!("/runs/{run}/cancel"), &by("c@example.com")).is(200).json();
    assert_eq!(
        (&cancelled["run"]["standing"], &cancelled["run"]["cancelAskedBy"]),
        (&json!("cancelling"), &json!("c@example.com"))
    );
    assert_eq!(cancelled["run"]["can"]["cancel"], json!(false));
    let facts = console.wait_until_settled(&run);
    let ended = &facts["ended"];
    assert_eq!((&facts["open"], ended["cancelled"].as_u64().unwrap() >= 6), (&json!(0), true), "{ended}");
    assert!(bench.submits().len() <= 6);
    bench.run(&["verify", bench.evidence().to_str().unwrap()]).exits(0);
    let asked = bench.asked_for("cancel_asked");
    assert!(!asked.is_empty() && asked.iter().all(|by| by == "c@example.com"), "{asked:?}");
    // Nothing is open, so there is nothing to cancel.
    console.post(&format!("/runs/{run}/cancel"), &by("c@example.com")).is(200);
    assert_eq!(console.wait_until_settled(&run)["can"]["retry"], json!(true));
}

#[test]
fn what_failed_is_tried_again_and_only_that() {
    let bench = Bench::new();
    let scenario = json!({ "faults": [{ "on": "submit", "nth": [2], "do": { "kind": "error", "status": 400 } }] });
    let scenario = bench.file("refusing.json", &scenario);
    let console = Console::start(&bench, &["--scenario", scenario.to_str().unwrap()]);
    let plan = plan(&bench, &request(3), None);
    let run = console.begin(&plan);
    let facts = console.wait_until_settled(&run);
    assert_eq!(facts["ended"], json!({ "verified": 2, "rejected": 1 }), "{facts:#}");
    let attention = console.get(&format!("/runs/{run}/chunks?kind=attention")).is(200).json();
    let chunk = attention["chunks"][0].clone();
    assert_eq!((attention["chunks"].as_array().unwrap().len(), &chunk["outcome"]), (1, &json!("rejected")));
    assert!(chunk["cause"]["message"].is_string());

    let retry = format!("/runs/{run}/retry");
    let of = |by: &str, chunk: &Value| json!({ "askedBy": by, "chunks": [chunk] });
    assert_eq!(console.post(&retry, &of("c", &json!(9))).is(400).code(), "run.noChunk");
    assert_eq!(console.post(&retry, &of("c", &json!(0))).is(400).code(), "run.noChunk");
    let index = &chunk["chunk"]["index"];
    assert_eq!(console.post(&retry, &of(" ", index)).is(400).code(), "asked.nobody");
    assert_eq!(console.post(&retry, &of("a\u{200b}c", index)).is(400).code(), "asked.name");
    assert_eq!(console.post(&format!("/runs/{run}/cancel"), &by("")).is(400).code(), "asked.nobody");
    console.post(&retry, &of("c@example.com", index)).is(200);
    let facts = console.wait_until_settled(&run);
    assert_eq!((&facts["ended"], &facts["can"]["retry"]), (&json!({ "verified": 3 }), &json!(false)));
    assert_eq!(windows(&bench.submits()).len(), 4);
    bench.run(&["verify", bench.evidence().to_str().unwrap()]).exits(0);
    assert_eq!(bench.asked_for("retried"), ["c@example.com"]);
}

/// What a person with this name asks for.
fn by(name: &str) -> Value {
    json!({ "askedBy": name })
}

/// A tab that is closed, or a client that does not wait so long: a retry of very many chunks takes more than a minute.
#[test]
fn what_somebody_asked_for_who_has_gone_is_done_all_the_same() {
    let bench = Bench::new();
    let console = Console::start(&bench, &[]);
    let plan = plan(&bench, &request(3), None);
    let ledger = busy_ledger(&bench, &console);
    console.post_and_leave("/runs", &ask(&plan), || bench.path("genesys-purge-data/evidence").exists());
    ledger.execute_batch("rollback").unwrap();
    let run = console.wait_for_a_run();
    console.follow(&run, "0.0", Event::ended);
}

#[test]
fn chunks_that_somebody_queued_again_who_has_gone_are_carried_out() {
    let bench = Bench::new();
    let refusal = json!({ "on": "submit", "nth": [1, 2, 3], "do": { "kind": "error", "status": 400 } });
    let scenario = bench.file("refusing.json", &json!({ "faults": [refusal] }));
    let console = Console::start(&bench, &["--scenario", scenario.to_str().unwrap()]);
    let run = console.begin(&plan(&bench, &request(3), None));
    assert_eq!(console.wait_until_settled(&run)["ended"], json!({ "rejected": 3 }));
    let ledger = busy_ledger(&bench, &console);
    let lock = fs::File::open(bench.path(&format!("genesys-purge-data/locks/{run}.lock"))).unwrap();
    let is_taken = || lock.try_lock_shared().map(|()| lock.unlock().unwrap()).is_err();
    console.post_and_leave(&format!("/runs/{run}/retry"), &by("c@example.com"), is_taken);
    ledger.execute_batch("rollback").unwrap();
    console.follow(&run, "0.0", |event| event.ended() && event.data["run"]["ended"]["verified"] == 3);
}

/// Keeps the server waiting that wants to change the ledger, as another process does that writes to it.
fn busy_ledger(bench: &Bench, console: &Console) -> rusqlite::Connection {
    // The server has the ledger open from now on.
    console.get("/runs").is(200);
    let ledger = rusqlite::Connection::open(bench.path("genesys-purge-data/ledger.sqlite3")).unwrap();
    ledger.execute_batch("begin immediate").unwrap();
    ledger
}

/// A page that loads or watches a run is told what all attempts have deleted, as the report is.
#[test]
fn a_chunk_that_was_tried_again_is_told_with_the_numbers_of_all_its_attempts() {
    let bench = Bench::new();
    let leaves = json!({ "faults": [{ "on": "submit", "nth": [1], "do": { "kind": "leave", "records": 7 } }] });
    let leaves = bench.file("leaves.json", &leaves);
    let console = Console::start(&bench, &["--scenario", leaves.to_str().unwrap()]);
    let quick = json!({ "version": 1, "limits": { "verifySeconds": 1, "confirmSubmitSeconds": 1 } });
    let run = console.begin(&plan(&bench, &request(1), Some(&quick)));
    assert_eq!(console.wait_until_settled(&run)["ended"], json!({ "residual": 1 }));
    console.post(&format!("/runs/{run}/retry"), &by("c@example.com")).is(200);
    assert_eq!(console.wait_until_settled(&run)["ended"], json!({ "verified": 1 }));
    let report = console.get(&format!("/runs/{run}/report")).is(200).json()["report"]["chunks"][0].clone();
    assert!(report["recordsDeleted"].as_u64().unwrap() > 7, "{report}");
    let loaded = console.get(&format!("/runs/{run}/chunks")).is(200).json()["chunks"][0].clone();
    let watched = console.follow(&run, "0.0", |event| event.data["outcome"] == "verified");
    for member in ["recordsDeleted", "before", "remaining", "submits"] {
        assert_eq!(loaded[member], report[member], "{member}: {loaded}");
        assert_eq!(watched.last().unwrap().data[member], report[member], "{member}: {watched:#?}");
    }
}

#[test]
fn killed_and_started_again_it_goes_on_and_submits_nothing_twice() {
    let bench = Bench::new();
    let scenario = slow_scenario(&bench, 3);
    let mut first = Console::start(&bench, &["--scenario", &scenario]);
    let plan = plan(&bench, &request(6), None);
    let run = first.begin(&plan);
    first.follow(&run, "0.0", |event| event.data["state"] == "deleting");
    first.signal("KILL");
    assert_eq!(first.end().0, None);

    let mut second = Console::start(&bench, &["--scenario", &scenario]);
    let old = [format!("host: {}", second.host), format!("authorization: Bearer {}", first.token)];
    assert_eq!(second.raw("GET /api/runs", &old, "").is(401).code(), "server.token");
    let facts = &second.get("/runs").is(200).json()["runs"][0];
    assert_eq!((&facts["standing"], &facts["can"]["resume"]), (&json!("stopped"), &json!(true)));
    // Going on is offered, but does not happen by itself.
    assert_eq!(facts["carried"], Value::Null);
    second.post(&format!("/runs/{run}/resume"), &json!({})).is(200);
    second.follow(&run, "0.0", Event::ended);
    let mut submitted = windows(&bench.submits());
    submitted.dedup();
    assert_eq!((submitted.len(), bench.submits().len()), (6, 6));
    bench.run(&["verify", bench.evidence().to_str().unwrap()]).exits(0);
    second.signal("INT");
    let (code, said) = second.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("1 run not finished"), "{said}");
}

#[test]
fn a_server_goes_on_with_no_run_that_it_may_not_start() {
    let bench = Bench::new();
    let scenario = slow_scenario(&bench, 3);
    let run = {
        let mut console = Console::start(&bench, &["--scenario", &scenario]);
        let run = console.begin(&plan(&bench, &request(6), None));
        console.follow(&run, "0.0", |event| event.data["state"] == "deleting");
        console.signal("INT");
        console.end();
        run
    };
    let other = bench.file("other.json", &json!({ "version": 1, "limits": { "maxRecords": 5 } }));
    let console = Console::start(&bench, &["--scenario", &scenario, "--policy", other.to_str().unwrap()]);
    for (verb, ask) in [("resume", json!({})), ("retry", by("c@example.com"))] {
        assert_eq!(console.post(&format!("/runs/{run}/{verb}"), &ask).is(409).code(), "policy.notAllowed");
    }
    // Cancelling is always allowed.
    console.post(&format!("/runs/{run}/cancel"), &by("c@example.com")).is(200);
    assert_eq!(console.wait_until_settled(&run)["open"], json!(0));
}

#[test]
fn a_server_without_the_webhook_address_of_a_run_keeps_its_messages_and_says_so() {
    let bench = Bench::new();
    let scenario = slow_scenario(&bench, 1);
    let mut command = serve(&bench, &["--scenario", &scenario]);
    command.env("GOVERNANCE_WEBHOOK_URL", "http://127.0.0.1:9/purge");
    let mut console = Console::of(command);
    let run = console.begin(&plan(&bench, &request(2), None));
    console.follow(&run, "0.0", |event| event.data["state"] == "deleting");
    console.signal("INT");
    console.end();

    let mut console = Console::start(&bench, &["--scenario", &scenario]);
    console.post(&format!("/runs/{run}/resume"), &json!({})).is(200);
    console.wait_until_settled(&run);
    let messages = console.get(&format!("/runs/{run}/sums")).is(200).json()["messages"].clone();
    assert_eq!((&messages["delivered"], &messages["pending"]), (&json!(0), &json!(2)));
    console.signal("INT");
    let (_, said) = console.end();
    assert!(said.contains("settings.noWebhook") && said.contains(&run), "{said}");
}

#[test]
fn interrupted_it_finishes_the_step_in_hand_and_leaves_evidence() {
    let bench = Bench::new();
    let mut console = Console::start(&bench, &["--scenario", &slow_scenario(&bench, 30)]);
    let run = console.begin(&plan(&bench, &request(3), None));
    console.follow(&run, "0.0", |event| event.data["state"] == "deleting");
    console.signal("INT");
    let said = stopped_with_evidence(&bench, &mut console);
    assert!(said.contains("stopping 1 run after the current step"), "{said}");
}

/// Waits for the server to end before the run does, and checks its evidence so far. Returns what the server printed.
fn stopped_with_evidence(bench: &Bench, console: &mut Console) -> String {
    let (code, said) = console.end();
    assert_eq!(code, Some(75), "{said}");
    let verdict = bench.run(&["verify", bench.evidence().to_str().unwrap(), "--json"]).exits(0);
    assert!(verdict.stdout.contains("\"outcome\": \"open\""), "{}", verdict.stdout);
    said
}

#[test]
fn a_run_of_another_process_is_watched_and_stopped_from_here() {
    let bench = Bench::new();
    let scenario = slow_scenario(&bench, 5);
    bench.file("request.json", &request(8));
    let console = Console::start(&bench, &[]);
    let args = ["run", "request.json", "--scenario", &scenario, "--evidence", "proof", "--json"];
    let mut other = bench.command(&args);
    let mut other = other.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let run = console.wait_for_a_run();
    let events = console.follow(&run, "0.0", |event| event.data["state"] == "deleting");
    assert!(events.iter().any(|e| e.data["run"]["carried"] == "elsewhere"), "{events:#?}");
    for (verb, ask) in [("resume", json!({})), ("retry", by("c@example.com"))] {
        assert_eq!(console.post(&format!("/runs/{run}/{verb}"), &ask).is(409).code(), "run.underWay");
    }
    console.post(&format!("/runs/{run}/cancel"), &by("c@example.com")).is(200);
    let events = console.follow(&run, "0.0", Event::ended);
    assert!(events.iter().any(|e| e.data["outcome"] == "cancelled"));
    assert_eq!(other.wait().unwrap().code(), Some(6));
    // Its evidence is in the folder that was given for it.
    let listed = console.get(&format!("/runs/{run}/evidence")).is(200).json();
    assert!(listed["folder"].as_str().unwrap().ends_with("/proof"), "{listed}");
    assert_eq!(listed["files"].as_array().unwrap().len(), 8);
}

#[test]
fn two_servers_on_one_ledger_carry_a_run_once() {
    let bench = Bench::new();
    let scenario = slow_scenario(&bench, 2);
    let one = Console::start(&bench, &["--scenario", &scenario]);
    let two = Console::start(&bench, &["--scenario", &scenario]);
    let plan = plan(&bench, &request(4), None);
    let run = one.begin(&plan);
    // The same approval, given to two servers at the same time.
    assert_eq!(two.post("/runs", &ask(&plan)).is(200).json()["run"]["runId"], json!(run));
    two.follow(&run, "0.0", Event::ended);
    one.wait_until_settled(&run);
    assert_eq!(bench.submits().len(), 4);
    bench.run(&["verify", bench.evidence().to_str().unwrap()]).exits(0);
}

#[test]
fn a_stream_goes_on_where_it_broke_off() {
    let bench = Bench::new();
    let console = Console::start(&bench, &[]);
    let run = console.begin(&plan(&bench, &request(3), None));
    let all = console.follow(&run, "0.0", Event::ended);
    let tidings = |events: &[Event]| -> Vec<String> {
        events.iter().filter(|e| e.name == "record").map(|e| e.data["position"].to_string()).collect()
    };
    let middle = all.iter().filter(|e| e.name == "record").nth(4).unwrap();
    let rest = console.follow(&run, &middle.id, Event::ended);
    assert_eq!(tidings(&rest), tidings(&all).split_off(5));
    // At the end of a run the stream reports that end, and after that only that it is alive.
    let end = console.get(&format!("/runs/{run}")).is(200).json()["run"]["mark"].as_str().unwrap().to_owned();
    let quiet = console.follow(&run, &end, |event| event.name == "beat");
    let names: Vec<&str> = quiet.iter().map(|e| e.name.as_str()).collect();
    assert_eq!(names, ["run", "beat"]);

    let beyond = console.follow(&run, "999999.999999", |event| event.name == "run");
    assert_eq!(beyond[0].name, "reset");
    let mut headers = console.page_headers();
    headers.push("last-event-id: yesterday".to_owned());
    let wrong = console.raw(&format!("GET /api/runs/{run}/events"), &headers, "").is(400);
    assert_eq!(wrong.code(), "server.lastEventId");
    console.get("/runs/run-0000000000000000/events").is(404);
}

#[test]
fn long_lists_come_in_pages() {
    let bench = Bench::new();
    let console = Console::start(&bench, &[]);
    let run = console.begin(&plan(&bench, &request(7), None));
    console.follow(&run, "0.0", Event::ended);
    let (mut seen, mut after) = (Vec::new(), json!(0));
    while !after.is_null() {
        let page = console.get(&format!("/runs/{run}/chunks?limit=3&after={after}")).is(200).json();
        seen.extend(page["chunks"].as_array().unwrap().iter().map(|c| c["chunk"]["index"].as_u64().unwrap()));
        after = page["next"].clone();
    }
    assert_eq!(seen, (1..=7).collect::<Vec<_>>());
    let (mut lines, mut after) = (0, json!(0));
    while !after.is_null() {
        let page = console.get(&format!("/runs/{run}/audit?limit=10&after={after}")).is(200).json();
        lines += page["records"].as_array().unwrap().len();
        after = page["next"].clone();
    }
    assert_eq!(lines, fs::read_to_string(bench.evidence().join("audit.jsonl")).unwrap().lines().count());
    let last = console.get(&format!("/runs/{run}/audit?last=1")).is(200).json();
    assert_eq!(last["records"][0]["record"]["event"]["kind"], "finished");
    for wrong in ["chunks?limit=x", "chunks?kind=some", "audit?more=1"] {
        assert_eq!(console.get(&format!("/runs/{run}/{wrong}")).is(400).code(), "server.query", "{wrong}");
    }
    for name in ["passwd", "..%2f..%2fledger.sqlite3", "AUDIT.JSONL"] {
        assert_eq!(console.get(&format!("/runs/{run}/evidence/{name}")).is(404).code(), "evidence.none");
    }
}

#[test]
fn nobody_can_hold_it_up() {
    let bench = Bench::new();
    let console = Console::start(&bench, &[]);
    // Longer than any plan, so refused by its length alone.
    let mut headers = console.page_headers();
    headers.push(format!("content-length: {}", 1_u64 << 40));
    assert_eq!(console.raw("POST /api/runs", &headers, "").status, 413);
    // A head that never ends is cut off.
    let mut stream = TcpStream::connect(&console.host).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: ").unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let began = Instant::now();
    let _ = stream.read_to_end(&mut Vec::new());
    assert!(began.elapsed() < Duration::from_secs(40), "{:?}", began.elapsed());
    // So is a head that is too long.
    let long = format!("x-long: {}", "x".repeat(200 * 1024));
    assert!([0, 431].contains(&console.raw("GET /", &[format!("host: {}", console.host), long], "").status));

    // Streams are counted, and closing one makes room.
    let run = console.begin(&plan(&bench, &request(1), None));
    let listen = || {
        let mut stream = TcpStream::connect(&console.host).unwrap();
        let text = format!("GET /api/runs/{run}/events HTTP/1.1\r\n{}\r\n\r\n", console.page_headers().join("\r\n"));
        stream.write_all(text.as_bytes()).unwrap();
        let mut line = String::new();
        BufReader::new(stream.try_clone().unwrap()).read_line(&mut line).unwrap();
        (stream, line)
    };
    let held: Vec<_> = (0..16).map(|_| listen()).collect();
    assert!(held.iter().all(|(_, line)| line.contains("200")));
    assert!(listen().1.contains("503"));
    drop(held);
    let began = Instant::now();
    while !listen().1.contains("200") {
        assert!(began.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// More clients than there are places. Each asks for more than a connection buffers and reads none of it.
#[test]
fn connections_that_do_not_read_keep_no_run_from_stopping() {
    let bench = Bench::new();
    fs::create_dir_all(bench.path("www/assets")).unwrap();
    fs::write(bench.path("www/assets/large-1a2b.wasm"), vec![0; 8 * 1024 * 1024]).unwrap();
    let mut console = Console::start(&bench, &["--scenario", &slow_scenario(&bench, 60)]);
    let run = console.begin(&plan(&bench, &request(3), None));
    console.follow(&run, "0.0", |event| event.data["state"] == "deleting");
    let asked = format!("GET /assets/large-1a2b.wasm HTTP/1.1\r\nhost: {}\r\n\r\n", console.host).repeat(8);
    let _held: Vec<TcpStream> = (0..80)
        .map(|_| {
            let mut stream = TcpStream::connect(&console.host).unwrap();
            stream.write_all(asked.as_bytes()).unwrap();
            stream
        })
        .collect();
    std::thread::sleep(Duration::from_secs(1));
    console.signal("TERM");
    let began = Instant::now();
    while console.child.try_wait().unwrap().is_none() {
        assert!(began.elapsed() < Duration::from_secs(20), "it waits for whoever does not read");
        std::thread::sleep(Duration::from_millis(50));
    }
    stopped_with_evidence(&bench, &mut console);
}

#[test]
fn a_policy_of_the_server_does_not_count_for_what_another_process_carries_out() {
    let bench = Bench::new();
    let scenario = slow_scenario(&bench, 60);
    let made = plan(&bench, &request(2), Some(&json!({ "version": 1 })));
    let mut other = bench.command(&["run", "made.plan.json", "--scenario", &scenario, "--json"]);
    let mut other = start_until(
        {
            other.stderr(Stdio::null());
            other
        },
        |event| event["state"] == "deleting",
    );
    let with = Console::start(&bench, &["--scenario", &scenario, "--policy", "made-policy.json"]);
    assert_eq!(with.post("/runs", &ask(&made)).is(409).code(), "run.underWay");
    // A server that was given no policy promises nothing.
    let without = Console::start(&bench, &["--scenario", &scenario]);
    without.post("/runs", &ask(&made)).is(200);
    other.kill().unwrap();
    other.wait().unwrap();
    assert_eq!(with.post("/runs", &ask(&made)).is(200).json()["run"]["carried"], "here");
}

/// A new hold would go unnoticed until the recordings are gone, and nothing else about the run would show it.
#[test]
fn a_policy_that_cannot_be_asked_in_a_cool_off_is_said_on_the_terminal_and_at_the_run() {
    let bench = Bench::new();
    let mut wanted = recordings();
    wanted["range"] = json!({ "start": "2023-01-01T00:00:00.000Z", "end": "2023-01-21T00:00:00.000Z" });
    wanted["chunking"] = json!({ "days": 10 });
    wanted["recordings"]["coolOffDays"] = json!(7);
    bench.file("request.json", &wanted);
    let policy = bench.file("sp.json", &json!({ "version": 1 }));
    // One chunk after the other.
    let args = ["run", "request.json", "--policy", "sp.json", "--concurrency", "1", "--json"];
    let both_rest = |event: &Value| event["index"] == 2 && event["wait"]["kind"] == "coolOff";
    let mut child = start_until(bench.command(&args), both_rest);
    signal(&child, "TERM");
    assert_eq!(child.wait().unwrap().code(), Some(75));
    let run = bench.run(&["status", "--json"]).events()[0]["runId"].as_str().unwrap().to_owned();

    let mut console = Console::start(&bench, &["--policy", "sp.json"]);
    fs::write(&policy, "{ broken").unwrap();
    console.post(&format!("/runs/{run}/resume"), &json!({})).is(200);
    let told = |event: &Event| event.name == "run" && event.data["run"]["trouble"][0]["code"] == "policy.unreadable";
    let events = console.follow(&run, "0.0", told);
    let trouble = &events.last().unwrap().data["run"]["trouble"];
    assert_eq!((&trouble[0]["severity"], trouble.as_array().unwrap().len()), (&json!("warning"), 1), "{trouble:#}");
    assert!(trouble[0]["help"].as_str().unwrap().contains("new holds on them go unnoticed"), "{trouble:#}");
    let facts = console.get(&format!("/runs/{run}")).is(200).json()["run"].clone();
    assert_eq!((&facts["carried"], &facts["trouble"]), (&json!("here"), trouble));

    console.signal("TERM");
    let (code, said) = console.end();
    assert_eq!(code, Some(75));
    // Both chunks ask, but one message is enough.
    let lines: Vec<&str> = said.lines().filter(|line| line.contains("go unnoticed")).collect();
    assert!(lines.len() == 1 && lines[0].contains(&run), "{said}");
}

/// Another program may have served a page at the usual address before and left something in the browser. Other addresses of this
/// machine work as well.
#[cfg(target_os = "linux")]
#[test]
fn it_answers_at_an_address_that_nobody_had_before() {
    let bench = Bench::new();
    let console = Console::of(serve_at(&bench, "127.9.8.7:0", &[]));
    assert!(console.host.starts_with("127.9.8.7:"), "{}", console.host);
    let made = plan(&bench, &request(1), None);
    console.post("/runs", &ask(&made)).is(201);
    let port = console.host.split_once(':').unwrap().1;
    let elsewhere = format!("host: 127.0.0.1:{port}");
    assert!(console.raw("GET /", &[elsewhere], "").is(421).code() == "server.host");
}

#[test]
fn it_does_not_start_where_it_must_not() {
    let bench = Bench::new();
    let taken = Console::start(&bench, &[]);
    let refused = |args: &[&str], code: &str| {
        let mut command = bench.command(&["serve"]);
        let ran = common::Ran::of(command.args(args).output().unwrap()).exits(2);
        assert!(ran.stderr.contains(code), "{}", ran.stderr);
        assert_eq!(ran.stdout, "");
    };
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        refused(&["--www", "www", "--listen", address], "serve.notLoopback");
    }
    refused(&["--www", "www", "--listen", &taken.host], "serve.listen");
    refused(&["--listen", "127.0.0.1:0"], "cargo xtask console");
    fs::create_dir(bench.path("empty")).unwrap();
    refused(&["--listen", "127.0.0.1:0", "--www", "empty"], "www.missing");
    bench.file("policy.json", &json!({ "version": 1, "hold": [] }));
    refused(&["--listen", "127.0.0.1:0", "--www", "www", "--policy", "policy.json"], "policy.json#/hold");
}

#[test]
fn on_a_real_tenant_it_names_it_and_leaves_simulated_runs_alone() {
    let bench = Bench::new();
    let tenant = Server::start(&bench, &[]);
    let plan = plan(&bench, &request(2), None);
    let simulated = {
        let mut console = Console::start(&bench, &["--scenario", &slow_scenario(&bench, 30)]);
        let run = console.begin(&plan);
        console.signal("INT");
        console.end();
        run
    };
    let console = Console::of(at(serve(&bench, &["--tenant-jurisdiction", "us-east-1"]), &tenant.address));
    let about = console.get("/server").is(200).json();
    assert_eq!(
        (&about["simulated"], &about["tenant"]),
        (&json!(false), &json!(format!("{} (client sim)", tenant.address)))
    );
    let facts = console.get(&format!("/runs/{simulated}")).is(200).json()["run"].clone();
    assert_eq!((&facts["served"], &facts["can"]["resume"]), (&json!(false), &json!(false)));
    for (verb, ask) in [("resume", json!({})), ("retry", by("c@example.com"))] {
        assert_eq!(console.post(&format!("/runs/{simulated}/{verb}"), &ask).is(400).code(), "run.elsewhere");
    }
    // The same plan is another run here.
    let real = console.begin(&plan);
    assert_ne!(real, simulated);
    let facts = console.wait_until_settled(&real);
    assert_eq!((&facts["ended"], &facts["simulated"]), (&json!({ "verified": 2 }), &json!(false)));

    // A problem that stops the whole run is shown with the run.
    let mut command = at(serve(&bench, &["--tenant-jurisdiction", "us-east-1"]), &tenant.address);
    command.env("GENESYS_CLIENT_SECRET", "wrong");
    let console = Console::of(command);
    let run = console.begin(&self::plan(&bench, &request(3), None));
    let facts = console.wait_until_settled(&run);
    assert_eq!(facts["trouble"][0]["pointer"], "environment#GENESYS_CLIENT_ID", "{facts:#}");
    assert_eq!((&facts["standing"], &facts["can"]["resume"]), (&json!("stopped"), &json!(true)));
}

#[test]
fn a_wait_for_a_job_slot_names_who_has_the_slots() {
    let bench = Bench::new();
    let scenario = bench.file("slow.json", &json!({ "recordingJobs": { "processingSeconds": 5 } }));
    let console = Console::start(&bench, &["--scenario", scenario.to_str().unwrap()]);
    let mut recordings = recordings();
    // A run alone has no more chunks under way than there are slots, so it takes both.
    let first = console.begin(&plan(&bench, &recordings, None));
    let told = |event: &Event| event.data["run"]["slots"]["holders"].as_array().is_some_and(|list| list.len() == 2);
    console.follow(&first, "0.0", told);
    recordings["name"] = json!("The same again");
    let second = console.begin(&plan(&bench, &recordings, None));
    let waits = |event: &Event| event.data["wait"]["kind"] == "slotBusy";
    console.follow(&second, "0.0", waits);
    let slots = console.get(&format!("/runs/{second}")).is(200).json()["run"]["slots"].clone();
    assert_eq!(slots["of"], 2);
    let holders = slots["holders"].as_array().unwrap();
    assert!(
        holders.iter().any(|holder| holder["runId"] == first && holder["name"] == "Recordings of 2023"),
        "{slots:#}"
    );
    for run in [&first, &second] {
        console.post(&format!("/runs/{run}/cancel"), &by("c@example.com")).is(200);
        console.follow(run, "0.0", Event::ended);
        console.wait_until_settled(run);
    }
    let facts = console.get(&format!("/runs/{first}")).is(200).json();
    assert_eq!(facts["run"]["slots"], json!({ "of": 2, "holders": [] }));

    // The other API has no slots.
    let other = console.begin(&plan(&bench, &request(2), None));
    assert_eq!(console.get(&format!("/runs/{other}")).is(200).json()["run"]["slots"], Value::Null);
}
