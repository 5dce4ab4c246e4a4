//! The whole stack in the emulator, deployed from the template with the real binary, against the simulated tenant.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use aws_sdk_s3::primitives::ByteStream;
use purge_core::http::Method;
use purge_driver::{Http as _, HttpsClient, WireRequest};
use purge_sim::Scenario;
use serde_json::{Value, json};

use crate::emulator::{Emulator, root};
use crate::evidence::{command_line, download, functions, proved, read, wrong_with};
use crate::tenant::SimulatedTenant;

/// The most workers at a time. Where the template has a parameter, the emulator needs the number itself.
const CONCURRENCY: u32 = 5;

/// A deployed stack. It ends when this value is dropped.
pub struct Stack {
    pub emulator: Emulator,
    pub tenant: SimulatedTenant,
    /// The command line's path.
    pub program: PathBuf,
    pub plans: String,
    planner: String,
    evidence: String,
    s3: aws_sdk_s3::Client,
    http: HttpsClient,
}

/// What an invocation was billed for, from the line that AWS writes after each.
#[derive(Clone, Copy, Debug, Default)]
pub struct Billed {
    pub invocations: u32,
    pub total: Duration,
    pub longest: Duration,
}

impl Stack {
    pub async fn deploy(scenario: Scenario) -> Self {
        let (program, binary) = (command_line(), functions());
        let emulator = Emulator::start();
        let tenant = SimulatedTenant::start(scenario).await;
        let config = emulator.config().await;
        let s3 =
            aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build());
        s3.create_bucket().bucket("artifacts").send().await.unwrap();
        let folder = emulator.folder().join("code");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::copy(&binary, folder.join("bootstrap")).unwrap();
        // The emulator differs from AWS in two ways: a number given by a parameter stays a text, and there is no arm64.
        let template = std::fs::read_to_string(root().join("template.yaml")).unwrap();
        let template = template
            .replace("MemorySize: !Ref CourierMemory", "MemorySize: 1024")
            .replace("MaximumConcurrency: !Ref Concurrency", &format!("MaximumConcurrency: {CONCURRENCY}"))
            .replace("CodeUri: target/lambda/bootstrap/", &format!("CodeUri: {}/", folder.display()));
        let local = emulator.folder().join("template.yaml");
        std::fs::write(&local, template).unwrap();
        let (base, local) = (format!("GenesysBaseUrl={}", tenant.url()), local.display().to_string());
        let stack = ["--stack-name", "purge", "--region", "us-east-1"];
        let deploy = ["deploy", "-t", &local, "--s3-bucket", "artifacts", "--capabilities", "CAPABILITY_IAM"];
        let parameters = [
            "--no-confirm-changeset",
            "--parameter-overrides",
            "Architecture=x86_64",
            "Simulated=true",
            "ClientId=sim",
            &base,
        ];
        let deployed = emulator.sam(&[&deploy[..], &stack, &parameters].concat());
        assert!(deployed.contains("Successfully created"), "{deployed}");
        let outputs = emulator.sam(&[&["list", "stack-outputs", "--output", "json"][..], &stack].concat());
        let outputs: Value = serde_json::from_str(outputs.get(outputs.find('[').unwrap()..).unwrap()).unwrap();
        let output = |key: &str| {
            let found = outputs.as_array().unwrap().iter().find(|o| o["OutputKey"] == key).unwrap();
            found["OutputValue"].as_str().unwrap().to_owned()
        };
        let secrets = aws_sdk_secretsmanager::Client::new(&config);
        let client = json!({"clientSecret": "sim"}).to_string();
        secrets.put_secret_value().secret_id(output("CredentialsSecret")).secret_string(client).send().await.unwrap();
        Self {
            planner: output("PlannerFunction"),
            plans: output("PlansBucket"),
            evidence: output("EvidenceBucket"),
            emulator,
            tenant,
            program,
            s3,
            http: HttpsClient::new().unwrap(),
        }
    }

    /// Puts a document into the plans bucket.
    pub async fn put(&self, key: &str, value: &Value) {
        let body = ByteStream::from(value.to_string().into_bytes());
        self.s3.put_object().bucket(&self.plans).key(key).body(body).send().await.unwrap();
    }

    /// Waits for the planner's answer to a file that was put under this key.
    pub async fn answer_to(&self, key: &str) -> Value {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(answer) = read(&self.s3, &self.plans, &format!("answers/{key}")).await {
                return serde_json::from_str(&answer).unwrap();
            }
            assert!(Instant::now() < deadline, "no answer to {key}\n{}", self.emulator.log());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn post(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Value {
        let request = WireRequest {
            method: Method::Post,
            url: format!("{}{path}", self.emulator.url),
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            body: body.to_string().into_bytes(),
            timeout: Duration::from_secs(60),
        };
        let answer = self.http.send(request).await.unwrap();
        serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("{}", answer.body))
    }

    /// Invokes the planner.
    pub async fn ask(&self, event: &Value) -> Value {
        let path = format!("/2015-03-31/functions/{}/invocations", self.planner);
        self.post(&path, &[("content-type", "application/json")], event).await
    }

    /// Waits for the end of a run, and returns its status.
    pub async fn ended(&self, run_id: &str, within: Duration) -> Value {
        let deadline = Instant::now() + within;
        loop {
            let status = self.ask(&json!({"action": "status", "runId": run_id})).await;
            if status["open"] == 0 {
                return status;
            }
            assert!(Instant::now() < deadline, "{status}\n{}", self.emulator.log());
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Waits until a run ends verified and has evidence that the command line accepts. Returns its report.
    pub async fn ends_verified(&self, run_id: &str, within: Duration) -> Value {
        let status = self.ended(run_id, within).await;
        assert_eq!(status["states"], json!({"verified": status["chunks"]}), "{status}");
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let report = proved(&self.s3, &self.evidence, run_id, &self.program, self.emulator.folder()).await;
            let outcome = match report {
                Some(report) if report["outcome"] == "verified" => return report,
                Some(report) => report["outcome"].clone(),
                None => Value::Null,
            };
            assert!(Instant::now() < deadline, "the evidence says {outcome}\n{}", self.emulator.log());
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// What the command line finds wrong with evidence that was once the newest.
    pub async fn wrong_with_earlier(&self, evidence: &Value) -> Option<String> {
        let folder = evidence["folder"].as_str().unwrap();
        let folder = download(&self.s3, &self.evidence, folder, self.emulator.folder()).await;
        wrong_with(&self.program, &folder, evidence["manifestDigest"].as_str().unwrap())
    }

    /// How many objects in the evidence bucket have this prefix.
    pub async fn evidence_under(&self, prefix: &str) -> usize {
        crate::evidence::keys(&self.s3, &self.evidence, prefix).await.len()
    }

    async fn logs(&self, action: &str, body: &Value) -> Value {
        let target = format!("Logs_20140328.{action}");
        // The emulator only looks at which service is meant.
        let for_logs =
            "AWS4-HMAC-SHA256 Credential=test/20230101/us-east-1/logs/aws4_request, SignedHeaders=host, Signature=0";
        let headers =
            [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", &target), ("authorization", for_logs)];
        self.post("/", &headers, body).await
    }

    /// What the invocations of a function were billed for, by its name in the template.
    pub async fn billed(&self, function: &str) -> Billed {
        let groups = self.logs("DescribeLogGroups", &json!({})).await;
        let names = groups["logGroups"].as_array().unwrap().iter().map(|group| group["logGroupName"].as_str().unwrap());
        let names: Vec<_> = names.filter(|name| name.contains(function)).collect();
        let mut billed = Billed::default();
        for name in &names {
            let mut token = Value::Null;
            for _ in 0..1000 {
                let mut query = json!({"logGroupName": name, "filterPattern": "REPORT"});
                if !token.is_null() {
                    query["nextToken"] = token.clone();
                }
                let page = self.logs("FilterLogEvents", &query).await;
                for event in page["events"].as_array().unwrap() {
                    let Some(duration) = event["message"].as_str().and_then(billed_duration) else { continue };
                    billed.invocations += 1;
                    billed.total += duration;
                    billed.longest = billed.longest.max(duration);
                }
                token = page["nextToken"].clone();
                if token.is_null() {
                    break;
                }
            }
        }
        assert!(billed.invocations > 0, "no bill of `{function}` in {names:?} of {groups}");
        billed
    }
}

/// Reads a line `REPORT RequestId: … Billed Duration: 12 ms …`.
fn billed_duration(line: &str) -> Option<Duration> {
    let after = line.strip_prefix("REPORT ")?.split("Billed Duration: ").nth(1)?;
    after.split(' ').next()?.parse().ok().map(Duration::from_millis)
}
