//! Runs the real binary.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::mock::{CLIENT_SECRET, Mock, SECRET};
use crate::program::binary;

/// A request like those in the examples.
pub(crate) fn request(start: &str, end: &str, days: u32) -> Value {
    json!({
        "version": 1, "name": "end to end", "api": "dataDeletion",
        "recordTypes": ["conversation", "interaction", "message"],
        "range": { "start": start, "end": end }, "jurisdiction": "us-east-1", "query": null,
        "chunking": { "days": days }, "reason": "test", "requestedBy": "records@example.com"
    })
}

/// A folder of its own with a request, a policy, a ledger and evidence. It is removed at the end.
pub(crate) struct Place {
    folder: PathBuf,
    policy: bool,
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Place {
    pub(crate) fn new(request: &Value, policy: Option<&Value>) -> Self {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let n = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("genesys-purge-e2e-{}-{n}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("request.json"), request.to_string()).unwrap();
        if let Some(policy) = policy {
            std::fs::write(folder.join("policy.json"), policy.to_string()).unwrap();
        }
        Self { folder, policy: policy.is_some() }
    }

    /// Writes a file into the folder and returns its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The plan's digest, obtained as a script would.
    pub(crate) fn digest(&self, mock: &Mock) -> String {
        let mut command = self.command(mock, "plan");
        command.arg("--json").args(["--tenant-jurisdiction", "us-east-1"]);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let plan: Value = serde_json::from_slice(&output.stdout).unwrap();
        plan["planDigest"].as_str().unwrap().to_owned()
    }

    fn command(&self, mock: &Mock, verb: &str) -> Command {
        let mut command = Command::new(binary());
        command
            .current_dir(&self.folder)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
            .env("GENESYS_BASE_URL", &mock.base)
            .env("GENESYS_CLIENT_ID", "client")
            .env("GENESYS_CLIENT_SECRET", CLIENT_SECRET)
            .env("GOVERNANCE_WEBHOOK_URL", format!("{}/hook", mock.base))
            .env("GOVERNANCE_WEBHOOK_SECRET", SECRET);
        command.args([verb, "request.json"]);
        if self.policy {
            command.args(["--policy", "policy.json"]);
        }
        command
    }

    /// All files that were written.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        fn below(folder: &Path) -> Vec<PathBuf> {
            let entries = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
            entries.flat_map(|p| if p.is_dir() { below(&p) } else { vec![p] }).collect()
        }
        below(&self.folder)
    }
}

/// `run --json` with everything that a script passes.
pub(crate) fn purge(mock: &Mock, place: &Place, digest: &str, more: &[&str]) -> Command {
    let mut command = place.command(mock, "run");
    command.args(["--json", "--approve", digest, "--tenant-jurisdiction", "us-east-1"]);
    command.args(["--ledger", "ledger", "--evidence", "evidence"]).args(more);
    command
}

/// A run that has ended.
pub(crate) struct Run {
    pub(crate) place: std::rc::Rc<Place>,
    pub(crate) code: i32,
    pub(crate) report: Value,
    pub(crate) audit: String,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// Time until the last chunk had ended, according to the report.
    pub(crate) report_after: Duration,
}

impl Run {
    pub(crate) fn to_the_end(mock: &Mock, request: &Value, more: &[&str]) -> Self {
        Self::start(mock, Place::new(request, None), &[], more)
    }

    pub(crate) fn with_policy(mock: &Mock, request: &Value, policy: &Value, more: &[&str]) -> Self {
        Self::start(mock, Place::new(request, Some(policy)), &[], more)
    }

    pub(crate) fn with_env(mock: &Mock, request: &Value, env: &[(&str, &str)], more: &[&str]) -> Self {
        Self::start(mock, Place::new(request, None), env, more)
    }

    fn start(mock: &Mock, place: Place, env: &[(&str, &str)], more: &[&str]) -> Self {
        let digest = place.digest(mock);
        let mut command = purge(mock, &place, &digest, more);
        command.envs(env.iter().copied());
        let place = std::rc::Rc::new(place);
        Self { place: std::rc::Rc::clone(&place), ..Self::finish(command, &place) }
    }

    pub(crate) fn finish(mut command: Command, place: &Place) -> Self {
        let begin = Instant::now();
        let output = command.output().unwrap();
        let took = begin.elapsed();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let lines: Vec<Value> = stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|why| panic!("not JSON ({why}): {line}")))
            .collect();
        let report = lines.last().cloned().unwrap_or_else(|| panic!("no report; stderr: {stderr}"));
        assert_eq!(report["event"], "report", "{report} {stderr}");
        let audit = std::fs::read_to_string(place.folder.join("evidence/audit.jsonl")).unwrap_or_default();
        assert!(audit.lines().count() > 0, "there is evidence whatever happened");
        let verified = Command::new(binary()).arg("verify").arg(place.folder.join("evidence")).output().unwrap();
        assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
        let at = |field: &str| purge_core::time::Timestamp::parse(report[field].as_str().unwrap()).unwrap();
        let report_after = at("lastAt").since(at("startedAt")).min(took);
        let place = std::rc::Rc::new(Place { folder: PathBuf::from("/nonexistent"), policy: false });
        Self { place, code: output.status.code().unwrap(), report, audit, stdout, stderr, report_after }
    }

    pub(crate) fn chunk(&self, n: usize) -> &Value {
        &self.report["chunks"][n]
    }

    pub(crate) fn all_verified(&self, chunks: usize) {
        assert_eq!(self.code, 0, "{} {}", self.report, self.stderr);
        assert_eq!(self.report["outcome"], "verified");
        let list = self.report["chunks"].as_array().unwrap();
        assert_eq!(list.len(), chunks);
        for chunk in list {
            assert_eq!((&chunk["outcome"], &chunk["submits"]), (&json!("verified"), &json!(1)), "{chunk}");
        }
    }
}
