//! The whole stack in the emulator, with the real binary, against the simulated tenant. Needs `cargo xtask aws-setup`, and the binary
//! that `PURGE_FUNCTIONS` names, or the one of `cargo xtask aws-build`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aws_sdk_s3::primitives::ByteStream;
use purge_core::http::Method;
use purge_driver::{Http, HttpsClient, WireRequest};
use purge_tests_aws::emulator::{Emulator, root};
use serde_json::{Value, json};

/// The simulated tenant as a process; gone when this is dropped.
struct Tenant {
    process: Child,
    url: String,
}

impl Drop for Tenant {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn command_line() -> PathBuf {
    let binary = root().join("target/debug/genesys-purge");
    let built = Command::new("cargo")
        .args(["build", "--locked", "--quiet", "--package", "genesys-purge"])
        .current_dir(root())
        .status()
        .unwrap();
    assert!(built.success());
    binary
}

impl Tenant {
    fn start(program: &Path) -> Self {
        let mut process = Command::new(program)
            .args(["tenant", "--listen", "127.0.0.1:0", "--job-seconds", "2"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().rsplit(' ').next().unwrap().to_owned();
        assert!(url.starts_with("http://"), "{line}");
        Self { process, url }
    }
}

struct Stack {
    emulator: Emulator,
    s3: aws_sdk_s3::Client,
    http: HttpsClient,
    planner: String,
    plans: String,
    evidence: String,
}

impl Stack {
    async fn deploy(tenant: &Tenant) -> Self {
        let emulator = Emulator::start();
        let config = emulator.config().await;
        let s3 =
            aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build());
        s3.create_bucket().bucket("artifacts").send().await.unwrap();
        let binary = std::env::var_os("PURGE_FUNCTIONS").map(PathBuf::from);
        let binary = binary.unwrap_or_else(|| root().join("target/lambda/bootstrap/bootstrap"));
        assert!(binary.exists(), "{} is not there: run `cargo xtask aws-build`", binary.display());
        let folder = emulator.folder().join("code");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::copy(&binary, folder.join("bootstrap")).unwrap();
        // Two things that the emulator does not do as AWS does: a number given by a parameter stays a text, and there is no arm64.
        let template = std::fs::read_to_string(root().join("template.yaml")).unwrap();
        let template = template
            .replace("MaximumConcurrency: !Ref Concurrency", "MaximumConcurrency: 5")
            .replace("CodeUri: target/lambda/bootstrap/", &format!("CodeUri: {}/", folder.display()));
        let local = emulator.folder().join("template.yaml");
        std::fs::write(&local, template).unwrap();
        let base = format!("GenesysBaseUrl={}", tenant.url);
        let deployed = emulator.sam(&[
            "deploy",
            "-t",
            &local.display().to_string(),
            "--stack-name",
            "purge",
            "--s3-bucket",
            "artifacts",
            "--region",
            "us-east-1",
            "--capabilities",
            "CAPABILITY_IAM",
            "--no-confirm-changeset",
            "--parameter-overrides",
            "Architecture=x86_64",
            "Simulated=true",
            &base,
        ]);
        assert!(deployed.contains("Successfully created"), "{deployed}");
        let outputs = emulator.sam(&[
            "list",
            "stack-outputs",
            "--stack-name",
            "purge",
            "--region",
            "us-east-1",
            "--output",
            "json",
        ]);
        let outputs: Value = serde_json::from_str(outputs.get(outputs.find('[').unwrap()..).unwrap()).unwrap();
        let output = |key: &str| {
            let found = outputs.as_array().unwrap().iter().find(|o| o["OutputKey"] == key).unwrap();
            found["OutputValue"].as_str().unwrap().to_owned()
        };
        let secrets = aws_sdk_secretsmanager::Client::new(&config);
        let client = json!({"clientId": "sim", "clientSecret": "sim"}).to_string();
        secrets.put_secret_value().secret_id(output("CredentialsSecret")).secret_string(client).send().await.unwrap();
        let http = HttpsClient::new().unwrap();
        let (planner, plans, evidence) = (output("PlannerFunction"), output("PlansBucket"), output("EvidenceBucket"));
        Self { emulator, s3, http, planner, plans, evidence }
    }

    async fn put(&self, key: &str, value: &Value) {
        let body = ByteStream::from(value.to_string().into_bytes());
        self.s3.put_object().bucket(&self.plans).key(key).body(body).send().await.unwrap();
    }

    async fn get(&self, bucket: &str, key: &str) -> Option<String> {
        let got = self.s3.get_object().bucket(bucket).key(key).send().await.ok()?;
        String::from_utf8(got.body.collect().await.unwrap().into_bytes().to_vec()).ok()
    }

    async fn ask(&self, event: &Value) -> Value {
        let request = WireRequest {
            method: Method::Post,
            url: format!("{}/2015-03-31/functions/{}/invocations", self.emulator.url, self.planner),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: event.to_string().into_bytes(),
            timeout: Duration::from_secs(60),
        };
        let answer = self.http.send(request).await.unwrap();
        serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("{}", answer.body))
    }

    /// Waits for the end of a run, and then for its evidence, which the command line must find in order.
    async fn ends_verified(&self, run_id: &str, program: &Path) {
        let deadline = Instant::now() + Duration::from_secs(120);
        let status = json!({"action": "status", "runId": run_id});
        loop {
            let status = self.ask(&status).await;
            if status["open"] == 0 {
                assert_eq!(status["states"], json!({"verified": status["chunks"]}), "{status}");
                break;
            }
            assert!(Instant::now() < deadline, "{status}\n{}", self.emulator.log());
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        let folder = self.emulator.folder().join(run_id);
        std::fs::create_dir_all(&folder).unwrap();
        let manifest = loop {
            if let Some(manifest) = self.get(&self.evidence, &format!("{run_id}/manifest.json")).await {
                break manifest;
            }
            assert!(Instant::now() < deadline, "no evidence\n{}", self.emulator.log());
            tokio::time::sleep(Duration::from_millis(500)).await;
        };
        let names: Value = serde_json::from_str(&manifest).unwrap();
        std::fs::write(folder.join("manifest.json"), &manifest).unwrap();
        for name in names["files"].as_object().unwrap().keys() {
            let text = self.get(&self.evidence, &format!("{run_id}/{name}")).await.unwrap();
            std::fs::write(folder.join(name), text).unwrap();
        }
        let verified = Command::new(program).arg("verify").arg(&folder).output().unwrap();
        assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    }
}

fn example(file: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(root().join("examples").join(file)).unwrap()).unwrap()
}

#[tokio::test(flavor = "current_thread")]
async fn runs_start_in_three_ways_and_end_verified_with_evidence() {
    let program = command_line();
    let tenant = Tenant::start(&program);
    let stack = Stack::deploy(&tenant).await;

    // Without a policy nothing runs.
    let request = example("q1-2023.json");
    let preview = |request: &Value| json!({"action": "preview", "request": request});
    let refused = stack.ask(&preview(&request)).await;
    assert_eq!(refused["findings"][0]["code"], "policy.missing", "{refused}");
    stack.put("policy.json", &example("policy.json")).await;

    // By invocation, with an approval of exactly this plan.
    let digest = stack.ask(&preview(&request)).await["plan"]["planDigest"].clone();
    let run = |digest: &Value| {
        let approval = json!({"digest": digest, "approvedBy": "approver@example.com"});
        json!({"action": "run", "request": request, "approval": approval})
    };
    let refused = stack.ask(&run(&json!("sha256:other"))).await;
    assert_eq!(refused["findings"][0]["code"], "approval.mismatch", "{refused}");
    let invoked = stack.ask(&run(&digest)).await;
    let again = stack.ask(&run(&digest)).await;
    assert_eq!((&invoked["new"], &again["new"]), (&json!(true), &json!(false)));
    assert_eq!(invoked["runId"], again["runId"]);
    stack.ends_verified(invoked["runId"].as_str().unwrap(), &program).await;

    // By a plan file in the bucket, if its digest comes out again.
    let mut january = request.clone();
    january["range"] = json!({"start": "2022-01-01T00:00:00.000Z", "end": "2022-02-01T00:00:00.000Z"});
    let plan_file = stack.ask(&preview(&january)).await["planFile"].clone();
    let mut changed = plan_file.clone();
    changed["planDigest"] = digest;
    stack.put("plans/changed.json", &changed).await;
    stack.put("plans/january 2022.json", &plan_file).await;
    let answer = async |key: &str| {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(answer) = stack.get(&stack.plans, key).await {
                return serde_json::from_str::<Value>(&answer).unwrap();
            }
            assert!(Instant::now() < deadline, "no {key}\n{}", stack.emulator.log());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let refused = answer("answers/plans/changed.json").await;
    assert_eq!(refused["findings"][0]["code"], "planFile.digest", "{refused}");
    let planned = answer("answers/plans/january 2022.json").await;
    stack.ends_verified(planned["runId"].as_str().unwrap(), &program).await;

    // By a schedule, whose repeated delivery is the same run.
    let mut standing = request.clone();
    standing.as_object_mut().unwrap().remove("range");
    let standing =
        json!({"request": standing, "olderThanMonths": 50, "spanDays": 20, "approvedBy": "head@example.com"});
    stack.put("schedule.json", &standing).await;
    let event = json!({"action": "schedule", "scheduledAt": "2026-11-22T03:00:00Z", "requestKey": "schedule.json"});
    let (scheduled, again) = (stack.ask(&event).await, stack.ask(&event).await);
    assert_eq!(scheduled["runId"], again["runId"], "{scheduled}");
    stack.ends_verified(scheduled["runId"].as_str().unwrap_or_else(|| panic!("{scheduled}")), &program).await;
}
