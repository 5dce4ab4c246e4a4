//! The real binary over real loopback HTTP.

// Every test file uses its own part of this.
#![allow(dead_code, reason = "each test file is a crate of its own and uses a part of this one")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tempfile::TempDir;

/// A folder of its own, and the command run in it, without any settings in the environment.
pub(crate) struct Bench {
    pub(crate) folder: TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    /// Replaces the earlier copy of the files of a folder by a new one.
    pub(crate) fn copy_of(&self, folder: &Path) -> PathBuf {
        let copy = self.path("copy");
        let _ = std::fs::remove_dir_all(&copy);
        std::fs::create_dir(&copy).unwrap();
        for file in std::fs::read_dir(folder).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), copy.join(file.file_name())).unwrap();
        }
        copy
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn file(&self, name: &str, content: &Value) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, serde_json::to_string_pretty(content).unwrap()).unwrap();
        path
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_genesys-purge"));
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy().into_owned();
            if text.starts_with("GENESYS_") || text.starts_with("GOVERNANCE_") || text == "DATA_JURISDICTION" {
                command.env_remove(name);
            }
        }
        command.args(args).current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        Ran::of(self.command(args).output().unwrap())
    }

    pub(crate) fn run_at(&self, tenant: &str, args: &[&str]) -> Ran {
        Ran::of(at(self.command(args), tenant).output().unwrap())
    }

    /// The requests that the simulated tenant of the only run has received, as `METHOD path`, with their bodies.
    pub(crate) fn received_requests(&self) -> Vec<(String, String)> {
        let folder = self.path("genesys-purge-data/simulated");
        let journal = fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
        let text = fs::read_to_string(journal).unwrap();
        let entries = text.lines().skip(1).map(|line| serde_json::from_str::<Value>(line).unwrap());
        entries
            .map(|e| {
                let call = format!("{} {}", e["method"].as_str().unwrap(), e["path"].as_str().unwrap());
                (call, e["body"].as_str().unwrap().to_owned())
            })
            .collect()
    }

    /// The bodies of the submits.
    pub(crate) fn submits(&self) -> Vec<String> {
        let asked = self.received_requests().into_iter();
        asked.filter(|(call, _)| call == "POST /api/v2/data/deletion/requests").map(|(_, body)| body).collect()
    }

    /// Copies the files of the ledger as they are now: to back them up, or to put an earlier copy back.
    pub(crate) fn copy_ledger(&self, from: &str, to: &str) {
        fs::create_dir_all(self.path(to)).unwrap();
        for name in ["ledger.sqlite3", "ledger.sqlite3-wal", "ledger.sqlite3-shm"] {
            let (from, to) = (self.path(from).join(name), self.path(to).join(name));
            let _ = fs::remove_file(&to);
            if from.exists() {
                fs::copy(from, to).unwrap();
            }
        }
    }

    /// The evidence folder of the only run.
    pub(crate) fn evidence(&self) -> PathBuf {
        let folder = self.path("genesys-purge-data/evidence");
        fs::read_dir(folder).unwrap().next().unwrap().unwrap().path()
    }

    /// Who asked for this, according to the audit log in that folder: `cancel_asked` or `retried`.
    pub(crate) fn asked_for(&self, kind: &str) -> Vec<String> {
        let log = fs::read_to_string(self.evidence().join("audit.jsonl")).unwrap();
        let events = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["event"].clone());
        let of_kind = events.filter(|event| event["kind"] == kind);
        of_kind.map(|event| event["asked_by"].as_str().unwrap().to_owned()).collect()
    }
}

/// Adds the settings of a real tenant at that address.
pub(crate) fn at(mut command: Command, tenant: &str) -> Command {
    command.env("GENESYS_BASE_URL", tenant).env("GENESYS_CLIENT_ID", "sim").env("GENESYS_CLIENT_SECRET", "sim");
    command
}

/// Sends a signal to a process.
pub(crate) fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status().unwrap().success());
}

/// Starts the command and waits until it prints such an event.
pub(crate) fn start_until(mut command: Command, said: impl Fn(&Value) -> bool) -> Child {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut events = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    assert!(events.any(|event| said(&event)));
    // Its output is no longer read, which it must bear.
    child
}

/// The results of a command that has ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Standard output as events.
    #[track_caller]
    pub(crate) fn events(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
    }

    /// The last event, which is the report.
    #[track_caller]
    pub(crate) fn report(&self) -> Value {
        let last = self.events().pop().unwrap();
        assert_eq!(last["event"], "report");
        last
    }
}

/// A purge request of so many chunks of ten days each, from the beginning of 2023.
pub(crate) fn request(chunks: u32) -> Value {
    let days = |n: u32| {
        let start = purge_core::time::Timestamp::parse("2023-01-01T00:00:00Z").unwrap();
        start.plus_days(n).to_string()
    };
    json!({
        "version": 1,
        "name": "test",
        "api": "dataDeletion",
        "recordTypes": ["conversation", "interaction", "message"],
        "range": { "start": days(0), "end": days(chunks * 10) },
        "jurisdiction": "us-east-1",
        "query": null,
        "chunking": { "days": 10 },
        "reason": "test",
        "requestedBy": "records@example.com",
    })
}

pub(crate) fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name)
}

/// `genesys-purge tenant` on a free port. It ends with the test.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
}

impl Server {
    pub(crate) fn start(bench: &Bench, args: &[&str]) -> Self {
        let mut command = bench.command(&["tenant", "--listen", "127.0.0.1:0"]);
        let mut child = command.args(args).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().rsplit(' ').next().unwrap().to_owned();
        Self { child, address }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A receiver of webhooks that keeps everything, with headers in lower case.
pub(crate) struct Receiver {
    pub(crate) address: String,
    taken: Arc<Mutex<Vec<String>>>,
}

impl Receiver {
    /// A receiver that accepts everything.
    pub(crate) fn start() -> Self {
        Self::answering("200 OK")
    }

    /// A receiver that gives everything this answer.
    pub(crate) fn answering(status: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/purge", listener.local_addr().unwrap());
        let taken = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&taken);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let (mut text, mut length) = (String::new(), 0);
                let mut lines = BufReader::new(stream.try_clone().unwrap());
                while !text.ends_with("\r\n\r\n") {
                    let mut line = String::new();
                    if lines.read_line(&mut line).unwrap() == 0 {
                        break;
                    }
                    let line = line.to_lowercase();
                    length = line.strip_prefix("content-length: ").map_or(length, |n| n.trim().parse().unwrap());
                    text.push_str(&line);
                }
                let mut body = vec![0; length];
                lines.read_exact(&mut body).unwrap();
                kept.lock().unwrap().push(text + &String::from_utf8(body).unwrap());
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        Self { address, taken }
    }

    pub(crate) fn received(&self) -> Vec<String> {
        self.taken.lock().unwrap().clone()
    }
}

/// A server that counts its connections and never answers.
pub(crate) struct SilentServer {
    pub(crate) address: String,
    came: Arc<AtomicUsize>,
}

impl SilentServer {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let came = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&came);
        std::thread::spawn(move || {
            for _ in listener.incoming() {
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { address, came }
    }

    pub(crate) fn visits(&self) -> usize {
        self.came.load(Ordering::SeqCst)
    }
}
