//! A bench of all functions as real processes behind strict event source mappings, on a table, queues and buckets like those of the
//! template, with everything in between that can go wrong.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_s3::primitives::ByteStream;
use purge_lambda::{settings, undertaker};
use purge_sim::Scenario;
use serde_json::{Value, json};

use crate::bridge::{Disorder, Mapped, Mapping, Tally};
use crate::chance::Chance;
use crate::emulator::{Emulator, Moto, config, create_table};
use crate::evidence::{command_line, functions, keys, latest, lock, overwritten, proved, read};
use crate::lambda::{Answer, Function, Invoke as _, Spec};
use crate::proxy::{Proxy, Service};
use crate::queues::{Depth, Queue};
use crate::tenant::{SimulatedTenant, WEBHOOK_PATH, WEBHOOK_SECRET};

const TABLE: &str = "ledger";
const PLANS: &str = "plans";
const EVIDENCE: &str = "evidence";
/// The most workers at a time.
const WORKERS: usize = 4;
/// The batch size of the worker's queue, as in the template.
const BATCH: i32 = 5;

/// Which emulator has the queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sqs {
    MiniStack,
    Moto,
}

/// The options of a bench.
#[derive(Debug)]
pub struct Options {
    pub scenario: Scenario,
    pub sqs: Sqs,
    pub seed: u64,
    /// How long a delivered message is hidden. The template's 12 minutes are too long to wait for.
    pub visibility: Duration,
    /// How many failed deliveries make a message a dead letter.
    pub receives: u32,
    /// Whether queues deliver messages twice and in any order.
    pub disorder: bool,
}

/// All parts of a bench. They end when this value is dropped.
pub struct Bench {
    // Mappings stop first, then functions, then what these use.
    pub mappings: Vec<Mapped>,
    pub planner: Arc<Function>,
    pub worker: Arc<Function>,
    pub courier: Arc<Function>,
    pub undertaker: Arc<Function>,
    /// What the worker's mapping has done.
    pub tally: Arc<Tally>,
    pub dynamo: Proxy,
    pub queue_service: Proxy,
    pub tenant: SimulatedTenant,
    pub sqs: aws_sdk_sqs::Client,
    pub chunks: Queue,
    pub errands: Queue,
    pub webhooks: Queue,
    pub dead: Queue,
    s3: aws_sdk_s3::Client,
    program: PathBuf,
    emulator: Emulator,
    _moto: Option<Moto>,
}

impl Bench {
    pub async fn set_up(options: Options) -> Self {
        let (program, binary) = (command_line(), functions());
        let emulator = Emulator::start();
        let moto = (options.sqs == Sqs::Moto).then(Moto::start);
        let sqs_url = moto.as_ref().map_or(&emulator.url, |moto| &moto.url);
        let aws = emulator.config().await;
        let s3 = aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(&aws).force_path_style(true).build());
        s3.create_bucket().bucket(PLANS).send().await.unwrap();
        // As with `EvidenceLock=true`: what is written stays.
        s3.create_bucket().bucket(EVIDENCE).object_lock_enabled_for_bucket(true).send().await.unwrap();
        lock(&s3, EVIDENCE).await;
        create_table(&aws_sdk_dynamodb::Client::new(&aws), TABLE).await;
        let sqs = aws_sdk_sqs::Client::new(&config(sqs_url).await);
        let dead = Queue::create(&sqs, "dead", options.visibility, None).await;
        let chunks = Queue::create(&sqs, "chunks", options.visibility, Some((&dead, options.receives))).await;
        let errands = Queue::create(&sqs, "errands", options.visibility, Some((&dead, options.receives))).await;
        let webhooks = Queue::create(&sqs, "webhooks", options.visibility, Some((&dead, options.receives))).await;
        let tenant = SimulatedTenant::start(options.scenario).await;
        let secrets = aws_sdk_secretsmanager::Client::new(&aws);
        let secret = async |name: &str, value: Value| {
            secrets.create_secret().name(name).secret_string(value.to_string()).send().await.unwrap();
        };
        secret("client", json!({"clientSecret": "sim"})).await;
        let webhook = format!("{}{WEBHOOK_PATH}", tenant.url());
        secret("webhook", json!({"url": webhook, "secret": WEBHOOK_SECRET})).await;
        let dynamo = Proxy::start(Service::DynamoDb, &emulator.url, options.seed ^ 1).await;
        let queue_service = Proxy::start(Service::Sqs, sqs_url, options.seed ^ 2).await;

        let environment: Vec<_> = [
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_ENDPOINT_URL", &emulator.url),
            ("AWS_ENDPOINT_URL_DYNAMODB", &dynamo.url()),
            ("AWS_ENDPOINT_URL_SQS", &queue_service.url()),
            (settings::TABLE, TABLE),
            (settings::CHUNK_QUEUE, &chunks.url),
            (settings::ERRAND_QUEUE, &errands.url),
            (settings::WEBHOOK_QUEUE, &webhooks.url),
            (settings::PLANS, PLANS),
            (settings::POLICY, "policy.json"),
            (settings::EVIDENCE, EVIDENCE),
            (settings::CREDENTIALS, "client"),
            (settings::CLIENT_ID, "sim"),
            (settings::WEBHOOK, "webhook"),
            (settings::COURIER_MEGABYTES, "1024"),
            (settings::SIMULATED, "true"),
            (settings::REGION, "us-east-1"),
            (settings::BASE_URL, &tenant.url()),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let function = |handler, seconds, instances| {
            Function::deploy(Spec {
                handler,
                binary: binary.clone(),
                environment: environment.clone(),
                timeout: Duration::from_secs(seconds),
                instances,
                log: emulator.folder().join("functions.log"),
            })
        };
        let (planner, undertaker) = (function("planner", 120, 2), function("undertaker", 120, 2));
        // Twice as many as the mappings use, because a batch may be delivered twice.
        let (worker, courier) = (function("worker", 120, 2 * WORKERS), function("courier", 300, 8));
        let tally = Arc::new(Tally::default());
        let mapping = |queue: &Queue, function: &Arc<Function>, batch_size, concurrency, tally: &Arc<Tally>, seed| {
            let disorder = options.disorder.then(|| Disorder {
                chance: Chance::new(seed),
                twice: 100,
                twins: 50,
                undead: 50,
                late: 150,
            });
            Mapping {
                sqs: sqs.clone(),
                queue_url: queue.url.clone(),
                queue_arn: queue.arn.clone(),
                function: Arc::clone(function),
                batch_size,
                concurrency,
                disorder,
                tally: Arc::clone(tally),
            }
            .enable()
        };
        let others = Arc::new(Tally::default());
        let mappings = vec![
            mapping(&chunks, &worker, BATCH, WORKERS, &tally, options.seed ^ 3),
            mapping(&errands, &courier, 1, 2, &others, options.seed ^ 4),
            mapping(&dead, &undertaker, BATCH, 1, &others, options.seed ^ 5),
            mapping(&webhooks, &courier, 1, 2, &others, options.seed ^ 8),
        ];
        let (sqs, s3) = (sqs.clone(), s3);
        Self {
            mappings,
            planner,
            worker,
            courier,
            undertaker,
            tally,
            dynamo,
            queue_service,
            tenant,
            sqs,
            chunks,
            errands,
            webhooks,
            dead,
            s3,
            program,
            emulator,
            _moto: moto,
        }
    }

    /// The logs of all functions and emulators, to look for a cause.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.emulator.folder().join("functions.log")).unwrap_or_default()
    }

    /// Keeps the log after the end of the bench, and returns its path.
    #[must_use]
    pub fn keep_log(&self, name: &str) -> String {
        let place = crate::emulator::root().join("target").join(format!("aws-{name}.log"));
        std::fs::write(&place, self.log()).unwrap();
        place.display().to_string()
    }

    /// Asks the planner, and repeats a failed call as all callers of the planner do.
    pub async fn ask(&self, event: &Value) -> Value {
        let mut why = String::new();
        for _ in 0..8 {
            match self.planner.invoke(event).await {
                Answer::Returned(body) => return serde_json::from_str(&body).unwrap(),
                Answer::Failed(error) => why = error,
            }
        }
        panic!("the planner fails: {why}")
    }

    /// Plans and starts a request under a policy, and returns the run's id.
    pub async fn start(&self, request: &Value, policy: &Value) -> String {
        self.put("policy.json", policy).await;
        let preview = json!({"action": "preview", "request": request, "policy": policy});
        let preview = self.ask(&preview).await;
        let digest = &preview["plan"]["planDigest"];
        let approval = json!({"digest": digest, "approvedBy": "approver@example.com"});
        let run = json!({"action": "run", "request": request, "policy": policy, "approval": approval});
        let started = self.ask(&run).await;
        started["runId"].as_str().unwrap_or_else(|| panic!("{preview} {started}")).to_owned()
    }

    pub async fn status(&self, run_id: &str) -> Value {
        self.ask(&json!({"action": "status", "runId": run_id})).await
    }

    /// Waits until every chunk of a run has ended, and returns the run's status.
    pub async fn ended(&self, run_id: &str, within: Duration) -> Value {
        let deadline = Instant::now() + within;
        loop {
            let status = self.status(run_id).await;
            if status["open"] == 0 {
                return status;
            }
            let log = if Instant::now() < deadline { None } else { Some(self.keep_log("stuck")) };
            assert!(log.is_none(), "the run does not end: {status}; {log:?}");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Waits for evidence that says that a run is verified and that the command line accepts. Returns its report.
    pub async fn proved(&self, run_id: &str, within: Duration) -> Value {
        let deadline = Instant::now() + within;
        loop {
            let report = proved(&self.s3, EVIDENCE, run_id, &self.program, self.emulator.folder()).await;
            let outcome = match report {
                Some(report) if report["outcome"] == "verified" => return report,
                Some(report) => report["outcome"].clone(),
                None => Value::Null,
            };
            let log = if Instant::now() < deadline { None } else { Some(self.keep_log("unproved")) };
            assert!(log.is_none(), "the evidence of {run_id} says {outcome}; {log:?}");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Whether a run has evidence.
    pub async fn has_evidence(&self, run_id: &str) -> bool {
        latest(&self.s3, EVIDENCE, run_id).await.is_some()
    }

    /// Evidence objects that have ever had another content, except the pointers to the newest evidence.
    pub async fn overwritten(&self) -> Vec<String> {
        overwritten(&self.s3, EVIDENCE).await
    }

    /// The dead letters, with the ids of their messages.
    pub async fn letters(&self) -> Vec<Value> {
        let mut letters = Vec::new();
        for key in keys(&self.s3, EVIDENCE, undertaker::DEAD_LETTERS).await {
            letters.push(serde_json::from_str(&read(&self.s3, EVIDENCE, &key).await.unwrap()).unwrap());
        }
        letters
    }

    /// Puts a document into the plans bucket.
    pub async fn put(&self, key: &str, value: &Value) {
        let body = ByteStream::from(value.to_string().into_bytes());
        self.s3.put_object().bucket(PLANS).key(key).body(body).send().await.unwrap();
    }

    /// Waits until all queues are empty.
    pub async fn drained(&self, within: Duration) {
        let deadline = Instant::now() + within;
        let queues = [(&self.chunks, false), (&self.errands, true), (&self.webhooks, true), (&self.dead, false)];
        for (queue, holds_back) in queues {
            loop {
                let depth = queue.depth(&self.sqs).await;
                // An errand that waits for the run's messages comes back after a quarter of an hour, and then finds the evidence
                // written.
                let delayed = if holds_back { 0 } else { depth.delayed };
                if (Depth { delayed, ..depth }) == Depth::EMPTY {
                    break;
                }
                let log = if Instant::now() < deadline { None } else { Some(self.keep_log("undrained")) };
                assert!(log.is_none(), "{} still has {depth:?}; {log:?}", queue.url);
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
    }
}
