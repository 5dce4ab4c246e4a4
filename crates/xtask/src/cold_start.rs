//! Measures how long a function takes to start, how much memory it then has, and how large its package is. It is compared with the
//! smallest function of the same runtime in the same run, because machines differ and change.
//!
//! Every start is a process of its own behind a Runtime API of its own. Three things are measured: the time from the start of the
//! process to its first request for an event, its resident memory at that moment, and the time from handing over that event to the
//! first bytes of TLS sent to AWS.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::sh::{output, root, run};

/// How many starts of each function count.
const STARTS: usize = 41;
/// Limit for the median time from the start of the process to its first request for an event, relative to the bare function.
const MOST_TIMES_BARE: f64 = 1.5;
/// Limit for the resident bytes at that moment, at any start.
const MOST_MEMORY: u64 = 14_000_000;
/// Limit for the median time from the first event to the first bytes of TLS.
const MOST_TO_TLS: Duration = Duration::from_millis(2);
/// Limit for the bytes of a zipped function.
const MOST_ZIPPED: u64 = 5_000_000;
/// How long a start may take before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(20);

const OURS: &str = "target/functions/bootstrap";
const BARE: &str = "target/functions/examples/hello";
/// Where `cargo xtask aws-build` puts the deployed binary.
pub(crate) const DEPLOYED: &str = "target/lambda/bootstrap/bootstrap";

/// Settings that a function needs to start. Nothing is contacted through them but the local TLS listener.
const SETTINGS: [(&str, &str); 14] = [
    ("AWS_REGION", "us-east-1"),
    ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "example"),
    ("PURGE_TABLE", "ledger"),
    ("PURGE_CHUNK_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/000000000000/chunks"),
    ("PURGE_ERRAND_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/000000000000/errands"),
    ("PURGE_WEBHOOK_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/000000000000/webhooks"),
    ("PURGE_PLANS_BUCKET", "plans"),
    ("PURGE_POLICY_KEY", "policy.json"),
    ("PURGE_EVIDENCE_BUCKET", "evidence"),
    ("PURGE_CREDENTIALS_SECRET", "client"),
    ("GENESYS_CLIENT_ID", "client"),
    ("PURGE_COURIER_MEGABYTES", "1024"),
    ("PURGE_SIMULATED", "false"),
];

/// One start.
struct Start {
    to_next: Duration,
    memory: u64,
    to_tls: Option<Duration>,
}

/// All starts of one function.
struct Starts {
    name: &'static str,
    all: Vec<Start>,
}

impl Starts {
    fn to_next(&self) -> Vec<Duration> {
        self.all.iter().map(|start| start.to_next).collect()
    }

    fn to_tls(&self) -> Vec<Duration> {
        self.all.iter().filter_map(|start| start.to_tls).collect()
    }
}

/// Builds, measures and prints, and fails if a limit is exceeded.
pub(crate) fn measure() -> Result<(), String> {
    run("cargo build --locked --profile functions --package purge-lambda --bin bootstrap --example hello")?;
    let mut missed: Vec<String> = [OURS, DEPLOYED]
        .into_iter()
        .filter(|binary| root().join(binary).exists())
        .filter_map(|binary| package(binary).err())
        .collect();
    let functions = [
        ("planner", json!({"action": "status", "runId": "run-0"})),
        ("worker", batch(&json!({"v": 1, "runId": "run-0", "chunk": 1}))),
        ("courier", batch(&json!({"v": 1, "runId": "run-0", "errand": {"kind": "fanOut", "after": 0}}))),
        ("undertaker", batch(&json!({"v": 1, "runId": "run-0", "chunk": 1}))),
    ];
    let mut hello = Starts { name: "hello", all: Vec::new() };
    let mut ours: Vec<Starts> = functions.iter().map(|(name, _)| Starts { name, all: Vec::new() }).collect();
    // The first round reads the binaries from disk and does not count. Our function and the bare one take turns, so that each finds
    // the processor's caches filled by the other.
    for round in 0..=STARTS {
        for (starts, (name, event)) in ours.iter_mut().zip(&functions) {
            let (bare, start) = (one(hello.name, None)?, one(name, Some(event))?);
            if round > 0 {
                hello.all.push(bare);
                starts.all.push(start);
            }
        }
    }
    let bare = quantile(&hello.to_next(), 0.5);
    println!("\n{STARTS} starts of each function, each after one of the bare function\n");
    println!(
        "| function | start to first `next`, median / p90 | times bare | memory at `next`, most | event to TLS, median / p90 |"
    );
    println!("|---|---|---|---|---|");
    for starts in std::iter::once(&hello).chain(&ours) {
        missed.extend(line(starts, bare));
    }
    if missed.is_empty() { Ok(()) } else { Err(missed.join("; ")) }
}

/// Prints what was measured of one function, and gives the bounds that it misses.
fn line(starts: &Starts, bare: Duration) -> Vec<String> {
    let (name, to_next, to_tls) = (starts.name, starts.to_next(), starts.to_tls());
    let (median, p90) = (quantile(&to_next, 0.5), quantile(&to_next, 0.9));
    let times = median.as_secs_f64() / bare.as_secs_f64().max(f64::MIN_POSITIVE);
    let memory = starts.all.iter().map(|start| start.memory).max().unwrap_or_default();
    let (tls, tls_p90) = (quantile(&to_tls, 0.5), quantile(&to_tls, 0.9));
    let tls_text = if to_tls.is_empty() { "".to_owned() } else { format!("{} / {} ms", millis(tls), millis(tls_p90)) };
    let megabytes = f64::from(u32::try_from(memory / 1000).unwrap_or(u32::MAX)) / 1000.0;
    println!("| {name} | {} / {} ms | {times:.2} | {megabytes:.1} MB | {tls_text} |", millis(median), millis(p90));
    let mut missed = Vec::new();
    if times > MOST_TIMES_BARE {
        missed.push(format!("{name} takes {times:.2} times as long to start as a bare function"));
    }
    if memory > MOST_MEMORY {
        missed.push(format!("{name} has {megabytes:.1} MB when it starts"));
    }
    if tls > MOST_TO_TLS {
        missed.push(format!("{name} takes {} ms to its first bytes of TLS", millis(tls)));
    }
    missed
}

/// Zips a binary as it is deployed, and prints how large it is.
///
/// # Errors
/// If it is too large.
pub(crate) fn package(binary: &str) -> Result<(), String> {
    let folder = root().join("target/package");
    std::fs::create_dir_all(&folder).map_err(|why| why.to_string())?;
    let zip = folder.join("bootstrap.zip");
    let _ = std::fs::remove_file(&zip);
    let size = |path: &Path| std::fs::metadata(path).map(|data| data.len()).map_err(|why| why.to_string());
    output(&format!("python3 -m zipfile -c {} {binary}", zip.display())).ok_or("python3 cannot zip")?;
    let (raw, zipped) = (size(&root().join(binary))?, size(&zip)?);
    println!("{binary}: {raw} bytes, zipped {zipped}, at most {MOST_ZIPPED}");
    if zipped == 0 || zipped > MOST_ZIPPED { Err(format!("{binary} zipped has {zipped} bytes")) } else { Ok(()) }
}

/// A batch of one queue message.
fn batch(body: &Value) -> Value {
    json!({"Records": [{
        "messageId": "11111111-2222-3333-4444-555555555555",
        "receiptHandle": "handle",
        "body": body.to_string(),
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:queue",
        "awsRegion": "us-east-1",
    }]})
}

/// A process that is killed when this value goes out of scope.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn one(name: &str, event: Option<&Value>) -> Result<Start, String> {
    let failed = |what: &str| format!("{name}: {what}");
    let listen = || TcpListener::bind("127.0.0.1:0").map_err(|why| why.to_string());
    let (api, aws) = (listen()?, listen()?);
    let address = |listener: &TcpListener| listener.local_addr().map_err(|why| why.to_string());
    let (api_address, aws_address) = (address(&api)?, address(&aws)?);
    let (asked, next) = mpsc::channel();
    thread::spawn(move || asked.send(first_request(&api)));
    let (spoke, tls) = mpsc::channel();
    thread::spawn(move || spoke.send(first_byte(&aws)));

    let mut command = Command::new(root().join(if event.is_some() { OURS } else { BARE }));
    command
        .env_clear()
        .envs(SETTINGS)
        .env("AWS_ENDPOINT_URL", format!("https://{aws_address}"))
        .env("GENESYS_REGION", "us-east-1")
        .env("_HANDLER", name)
        .env("AWS_LAMBDA_RUNTIME_API", api_address.to_string())
        .env("AWS_LAMBDA_FUNCTION_NAME", name)
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
        .env("AWS_LAMBDA_LOG_LEVEL", "INFO")
        .env("AWS_LAMBDA_LOG_GROUP_NAME", name)
        .env("AWS_LAMBDA_LOG_STREAM_NAME", "local")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let begun = Instant::now();
    let process = Process(command.spawn().map_err(|why| failed(&why.to_string()))?);
    let asked = next.recv_timeout(PATIENCE).map_err(|_| failed("it does not ask for an event"))?;
    let (mut connection, at) = asked.ok_or_else(|| failed("its first request is not for an event"))?;
    let memory = resident(process.0.id()).ok_or_else(|| failed("its memory cannot be read"))?;
    let to_tls = match event {
        Some(event) => {
            let handed_over = hand_over(&mut connection, event).map_err(|why| failed(&why.to_string()))?;
            let first = tls.recv_timeout(PATIENCE).map_err(|_| failed("it does not speak to AWS"))?;
            let (byte, at) = first.ok_or_else(|| failed("it does not speak to AWS"))?;
            // The type of a TLS handshake record.
            if byte != 0x16 {
                return Err(failed("it does not speak TLS to AWS"));
            }
            Some(at.duration_since(handed_over))
        }
        None => None,
    };
    Ok(Start { to_next: at.duration_since(begun), memory, to_tls })
}

/// Waits for the request for an event.
fn first_request(listener: &TcpListener) -> Option<(TcpStream, Instant)> {
    let (mut stream, _) = listener.accept().ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < 10_000 {
        let mut part = [0; 1024];
        let length = stream.read(&mut part).ok().filter(|length| *length > 0)?;
        head.extend(part.iter().take(length));
    }
    let at = Instant::now();
    head.starts_with(b"GET /2018-06-01/runtime/invocation/next ").then_some((stream, at))
}

fn first_byte(listener: &TcpListener) -> Option<(u8, Instant)> {
    let (mut stream, _) = listener.accept().ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut byte = [0];
    stream.read_exact(&mut byte).ok()?;
    Some((byte.first().copied()?, Instant::now()))
}

/// Answers the request for an event. Returns the time right before the function can receive it.
fn hand_over(stream: &mut TcpStream, event: &Value) -> std::io::Result<Instant> {
    let event = event.to_string();
    let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + Duration::from_secs(120);
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         lambda-runtime-aws-request-id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\nlambda-runtime-deadline-ms: {}\r\n\
         lambda-runtime-invoked-function-arn: arn:aws:lambda:us-east-1:000000000000:function:f\r\n\r\n{event}",
        event.len(),
        deadline.as_millis(),
    );
    let at = Instant::now();
    stream.write_all(answer.as_bytes())?;
    Ok(at)
}

/// The resident bytes of a process.
fn resident(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().strip_suffix("kB")?;
    kilobytes.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

fn quantile(times: &[Duration], part: f64) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let place = (part * f64::from(u32::try_from(sorted.len()).unwrap_or(u32::MAX))).floor();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a length is a place")]
    let place = (place as usize).min(sorted.len().saturating_sub(1));
    sorted.get(place).copied().unwrap_or_default()
}

fn millis(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() * 1000.0)
}
