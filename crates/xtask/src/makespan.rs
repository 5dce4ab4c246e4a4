//! Measures how long a run takes, over HTTP against the simulated tenant, relative to the least time that any client of the API
//! could need.
//!
//! With N equal jobs of P seconds, C of them at once, and a round trip of l seconds, no client is faster than `ceil(N/C) * P + 4 *
//! l`: a token, a submit, a look at the finished job and a verification follow one another. A client that counts nothing beforehand
//! needs at least `3 * N + 1` requests, and as many more looks as it takes to notice the ends.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::sh::{root, run};

const BINARY: &str = "target/release/genesys-purge";

/// The number of chunks of every run: 30 days each, up to [`END`].
const CHUNKS: u32 = 12;
const END: &str = "2023-12-27T00:00:00.000Z";

/// Seconds that a round trip takes: the simulated tenant's own latency.
const ROUND_TRIP: f64 = 0.002;

/// Prints makespan and requests for several sizes, and fails if one exceeds its limit.
pub(crate) fn measure() -> Result<(), String> {
    run("cargo build --release --locked --package genesys-purge")?;
    println!(
        "\n| N | P s | C | guard | lower bound s | measured s | ratio | at most | requests | bound | counts | looks |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|");
    let mut missed = Vec::new();
    for (seconds, places, guard, limit) in
        [(1, 4, false, 1.25), (1, 4, true, 1.25), (10, 4, false, 1.10), (10, 4, true, 1.10)]
    {
        let (took, requests) = one(seconds, places, guard)?;
        let rounds = f64::from(CHUNKS.div_ceil(places));
        let bound = rounds * f64::from(seconds) + 4.0 * ROUND_TRIP;
        let ratio = took.as_secs_f64() / bound;
        let (least, counts) = (3 * u64::from(CHUNKS) + 1, if guard { u64::from(CHUNKS) } else { 0 });
        let looks = requests.saturating_sub(least + counts);
        let guard = if guard { "on" } else { "off" };
        println!(
            "| {CHUNKS} | {seconds} | {places} | {guard} | {bound:.3} | {:.3} | {ratio:.3} | {limit:.2} | {requests} | {least} | {counts} | {looks} |",
            took.as_secs_f64()
        );
        if ratio > limit {
            missed.push(format!("N={CHUNKS} P={seconds} C={places} guard {guard}: {ratio:.3} > {limit:.2}"));
        }
    }
    if missed.is_empty() { Ok(()) } else { Err(missed.join("; ")) }
}

/// A server that is killed when this value goes out of scope.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The time of one run as a whole process, and its number of requests, login included.
fn one(seconds: u32, places: u32, guard: bool) -> Result<(Duration, u64), String> {
    let folder = root().join("target/makespan");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).map_err(|why| why.to_string())?;
    let (server, base) = serve(seconds, places)?;
    let request = json!({
        "version": 1, "name": "makespan", "api": "dataDeletion", "recordTypes": ["conversation", "interaction", "message"],
        "range": { "start": "2023-01-01T00:00:00.000Z", "end": END }, "jurisdiction": "us-east-1", "query": null,
        "chunking": { "days": 30 }, "reason": "benchmark", "requestedBy": "benchmark"
    });
    let max_records = if guard { json!(1_000_000) } else { Value::Null };
    let policy = json!({ "version": 1, "limits": { "concurrency": places, "maxRecords": max_records } });
    for (name, document) in [("request.json", request), ("policy.json", policy)] {
        std::fs::write(folder.join(name), document.to_string()).map_err(|why| why.to_string())?;
    }
    let plan = purge(&folder, &base, &["plan", "request.json", "--policy", "policy.json", "--json"])?;
    let plan: Value = serde_json::from_str(&plan).map_err(|why| why.to_string())?;
    let digest = plan["planDigest"].as_str().unwrap_or_default();
    let begin = Instant::now();
    let told =
        purge(&folder, &base, &["run", "request.json", "--policy", "policy.json", "--json", "--approve", digest])?;
    let took = begin.elapsed();
    drop(server);
    let report: Value = told.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
    if report["outcome"] != "verified" {
        return Err(format!("the run is not verified: {report}"));
    }
    let requests = report["totals"]["requests"].as_u64().ok_or("the report has no number of requests")?;
    // The login belongs to the run, not to a chunk.
    Ok((took, requests + 1))
}

fn serve(seconds: u32, places: u32) -> Result<(Server, String), String> {
    let mut child = Command::new(root().join(BINARY))
        .args(["tenant", "--listen", "127.0.0.1:0"])
        .args(["--job-seconds", &seconds.to_string(), "--concurrency", &places.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|why| why.to_string())?;
    let mut line = String::new();
    let out = child.stdout.take().ok_or("no output")?;
    BufReader::new(out).read_line(&mut line).map_err(|why| why.to_string())?;
    let base = line.split_whitespace().last().unwrap_or_default().to_owned();
    Ok((Server(child), base))
}

fn purge(folder: &Path, base: &str, words: &[&str]) -> Result<String, String> {
    let output = Command::new(root().join(BINARY))
        .args(words)
        .args(["--tenant-jurisdiction", "us-east-1"])
        .current_dir(folder)
        .env("GENESYS_BASE_URL", base)
        .env("GENESYS_CLIENT_ID", "sim")
        .env("GENESYS_CLIENT_SECRET", "sim")
        .env_remove("GOVERNANCE_WEBHOOK_URL")
        .output()
        .map_err(|why| why.to_string())?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.status.success() {
        true => Ok(said),
        false => Err(format!("{words:?}: {} {said} {}", output.status, String::from_utf8_lossy(&output.stderr))),
    }
}
