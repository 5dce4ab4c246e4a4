//! How a run is woken: by errands that hand over to the next one when their time is over, and that may die at any point without a
//! chunk being forgotten. The costs are counted in calls that were really made.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on has failed"
)]

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use aws_sdk_sqs::types::MessageSystemAttributeName;
use purge_core::evidence::AUDIT;
use purge_core::http::{HttpResponse, NoResponse};
use purge_core::plan::{self, CheckContext, PlanFile, price};
use purge_core::run::{Approval, ChunkRun, Order};
use purge_core::time::Timestamp;
use purge_driver::ledger::NewRun;
use purge_driver::{
    Clock as _, Credentials, Http, HttpsClient, Ledger as _, MemoryLedger, Runner, Sender, Signal, SystemClock, Tenant,
    Unwatched, VirtualClock, WireRequest, Worker, virtual_time,
};
use purge_lambda::DynamoLedger;
use purge_lambda::bucket::{Bucket, BucketError};
use purge_lambda::evidence::{self, Proof, most_in_memory, records_per_chunk};
use purge_lambda::functions::{Functions, Invocation, Tenants};
use purge_lambda::login::{Vault, Webhook, WithCredentials};
use purge_lambda::queue::{Delayed, Queue, QueueError, SqsQueue};
use purge_lambda::settings::{Place, Settings};
use purge_lambda::store::Store as _;
use purge_sim::{Delivery, Scenario, TenantRequest};
use purge_tests_aws::bill::Bill;
use purge_tests_aws::emulator::{Emulator, config, create_table};
use purge_tests_aws::proxy::{Proxy, Service};
use purge_tests_aws::queues;
use purge_tests_aws::tenant::SimulatedTenant;
use serde_json::{Value, json};

const TABLE: &str = "ledger";
const TRACE: &str = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01";
/// Long enough for anything.
const LONG: Duration = Duration::from_secs(300);
/// So short that a fan-out hands over after its first page.
const SHORT: Duration = Duration::from_secs(5);

/// The settings of a stack without a governance system.
async fn nobody() -> Result<Option<Webhook>, String> {
    Ok(None)
}

/// A bucket with a policy that keeps nothing. These tests send their own policy with the request.
#[derive(Debug)]
struct NoBucket;

impl Bucket for NoBucket {
    async fn read(&self, key: &str) -> Result<Option<String>, BucketError> {
        Ok((key == "policy.json").then(|| json!({"version": 1}).to_string()))
    }

    async fn read_version(&self, _key: &str, _version: &str) -> Result<Option<String>, BucketError> {
        Ok(None)
    }

    async fn write(&self, key: &str, _text: String) -> Result<(), BucketError> {
        Err(BucketError { key: key.to_owned(), why: "there is no bucket".to_owned() })
    }
}

/// A message body, and the trace that it carries.
type Message = (Value, Option<String>);

/// A queue that keeps what it is sent, with the trace. It may fail after a number of messages.
#[derive(Clone, Debug, Default)]
struct Kept {
    sent: Rc<RefCell<Vec<Message>>>,
    /// When each message is due.
    due: Rc<RefCell<Vec<Instant>>>,
    left: Rc<Cell<Option<usize>>>,
}

impl Kept {
    fn take(&self) -> Vec<Message> {
        self.due.take();
        self.sent.take()
    }

    /// Takes up to five messages that are due.
    fn come(&self) -> Vec<Message> {
        let (mut sent, mut due) = (self.sent.borrow_mut(), self.due.borrow_mut());
        let mut come = Vec::new();
        while let Some(place) = due.iter().position(|due| *due <= Instant::now())
            && come.len() < 5
        {
            due.remove(place);
            come.push(sent.remove(place));
        }
        come
    }
}

impl Queue for Kept {
    async fn send(&self, messages: Vec<Delayed>, traceparent: Option<&str>) -> Result<(), QueueError> {
        for message in messages {
            match self.left.get() {
                Some(0) => return Err(QueueError("it has broken down".to_owned())),
                Some(left) => self.left.set(Some(left - 1)),
                None => {}
            }
            let body = serde_json::from_str(&message.body).unwrap();
            self.sent.borrow_mut().push((body, traceparent.map(str::to_owned)));
            self.due.borrow_mut().push(Instant::now() + Duration::from_secs(message.delay_seconds.try_into().unwrap()));
        }
        Ok(())
    }

    async fn waiting(&self) -> Result<u64, QueueError> {
        Ok(self.sent.borrow().len() as u64)
    }
}

/// The secrets of the simulated tenant's client.
#[derive(Debug)]
struct Sim;

impl Vault for Sim {
    async fn read(&self, _name: &str) -> Result<String, String> {
        Ok(json!({"clientSecret": "sim"}).to_string())
    }
}

type Network = WithCredentials<HttpsClient, Sim>;

fn place(url: &str) -> Place {
    let get = |name: &str| match name {
        "GENESYS_BASE_URL" => Some(url.to_owned()),
        "GENESYS_REGION" => Some("us-east-1".to_owned()),
        "PURGE_SIMULATED" => Some("true".to_owned()),
        "PURGE_COURIER_MEGABYTES" => Some("10240".to_owned()),
        "GENESYS_LOGIN_URL" | "PURGE_WEBHOOK_SECRET" => None,
        _ => Some("unused".to_owned()),
    };
    Settings::read(get).unwrap().place
}

/// What the functions borrow.
struct Ground {
    ledger: DynamoLedger,
    http: Network,
    tenants: Tenants,
    place: Place,
}

impl Ground {
    async fn new(table_url: &str, tenant_url: &str) -> Self {
        let client = aws_sdk_dynamodb::Client::new(&config(table_url).await);
        let http = WithCredentials::new(HttpsClient::new().unwrap(), Sim, "sim", "client");
        let place = place(tenant_url);
        Self { ledger: DynamoLedger::new(client, TABLE), http, tenants: Tenants::of(&place), place }
    }

    /// The functions, with one queue for all errands, because no webhooks are sent.
    fn functions<Q: Queue + Clone>(
        &self,
        chunks: Q,
        errands: Q,
    ) -> Functions<'_, DynamoLedger, Network, SystemClock, Q, NoBucket> {
        Functions {
            ledger: &self.ledger,
            http: &self.http,
            clock: &SystemClock,
            tenants: &self.tenants,
            place: &self.place,
            chunks,
            webhooks: errands.clone(),
            errands,
            plans: NoBucket,
            policy_key: "policy.json",
            evidence: NoBucket,
            sends_messages: false,
            courier_megabytes: 10_240,
            senders: RefCell::default(),
            paces: RefCell::default(),
        }
    }
}

fn invocation(left: Duration) -> Invocation {
    Invocation { id: "i".to_owned(), deadline: SystemClock.now().plus(left), traceparent: Some(TRACE.to_owned()) }
}

/// A request for so many chunks of an hour each.
fn request(chunks: u32) -> Value {
    let end = Timestamp::parse("2023-06-01T00:00:00Z").unwrap();
    json!({
        "version": 1, "name": "fan-out", "api": "dataDeletion", "recordTypes": ["conversation"],
        "range": {"start": end.minus(Duration::from_secs(3600 * u64::from(chunks))), "end": end},
        "jurisdiction": "us-east-1", "query": null, "chunking": {"hours": 1}, "reason": "test",
        "requestedBy": "a@example.com"
    })
}

/// Plans and starts a run, and returns its id.
async fn planned<Q: Queue>(
    functions: &Functions<'_, DynamoLedger, Network, SystemClock, Q, NoBucket>,
    request: &Value,
) -> String {
    let policy = json!({"version": 1});
    // A preview of so many chunks would not fit into an answer.
    let context = CheckContext {
        now: SystemClock.now(),
        tenant_jurisdiction: Some("us-east-1".to_owned()),
        default_jurisdiction: None,
    };
    let plan = plan::check(&request.to_string(), Some(&policy.to_string()), &context).plan.unwrap();
    let approval = json!({"digest": plan.digest(), "approvedBy": "b@example.com"});
    let run = json!({"action": "run", "request": request, "policy": policy, "approval": approval});
    let started = functions.plan(&run, &invocation(LONG)).await.unwrap();
    started["runId"].as_str().unwrap_or_else(|| panic!("{started}")).to_owned()
}

/// A batch as the event source delivers it.
fn batch(messages: &[Message]) -> Value {
    let records: Vec<_> = messages
        .iter()
        .enumerate()
        .map(|(place, (body, trace))| {
            let attributes = match trace {
                Some(trace) => json!({"traceparent": {"stringValue": trace, "dataType": "String"}}),
                None => json!({}),
            };
            json!({"messageId": format!("m{place}"), "body": body.to_string(), "messageAttributes": attributes,
                   "attributes": {"ApproximateReceiveCount": "1"}})
        })
        .collect();
    json!({"Records": records})
}

/// How often each chunk was woken.
fn woken(messages: &[Message]) -> BTreeMap<u64, u32> {
    let mut woken = BTreeMap::new();
    for (body, _) in messages {
        *woken.entry(body["chunk"].as_u64().unwrap()).or_default() += 1;
    }
    woken
}

#[tokio::test(flavor = "current_thread")]
async fn an_errand_without_time_hands_over_and_one_that_dies_is_done_again() {
    let emulator = Emulator::start();
    create_table(&aws_sdk_dynamodb::Client::new(&emulator.config().await), TABLE).await;
    let ground = Ground::new(&emulator.url, "http://127.0.0.1:9").await;
    let (chunks, errands) = (Kept::default(), Kept::default());
    let functions = ground.functions(chunks.clone(), errands.clone());
    let run_id = planned(&functions, &request(5_000)).await;

    // Every invocation has time for one page; the next one begins where it ended.
    let mut next = errands.take();
    let mut afters = Vec::new();
    for _ in 0..10 {
        let Some((errand, _)) = next.first() else { break };
        afters.push(errand["errand"]["after"].as_u64().unwrap());
        let answer = functions.run_errands(&batch(&next), &nobody, &invocation(SHORT)).await.unwrap();
        assert_eq!(answer, json!({"batchItemFailures": []}));
        next = errands.take();
    }
    assert_eq!(afters, [0, 2_000, 4_000, 5_000]);
    let all: Vec<_> = (1..=5_000).map(|chunk| (chunk, 1)).collect();
    assert_eq!(woken(&chunks.take()).into_iter().collect::<Vec<_>>(), all);

    // The queue fails in the middle: the errand is not done, and its next delivery forgets no chunk.
    functions.plan(&json!({"action": "resume", "runId": run_id}), &invocation(LONG)).await.unwrap();
    let errand = errands.take();
    chunks.left.set(Some(2_777));
    let answer = functions.run_errands(&batch(&errand), &nobody, &invocation(LONG)).await.unwrap();
    assert_eq!(answer, json!({"batchItemFailures": [{"itemIdentifier": "m0"}]}));
    assert_eq!(chunks.sent.borrow().len(), 2_777);
    chunks.left.set(None);
    let answer = functions.run_errands(&batch(&errand), &nobody, &invocation(LONG)).await.unwrap();
    assert_eq!(answer, json!({"batchItemFailures": []}));
    let woken = woken(&chunks.take());
    assert_eq!((woken.len(), woken.values().sum::<u32>()), (5_000, 7_777));
}

#[tokio::test(flavor = "current_thread")]
async fn the_trace_of_whoever_asked_goes_from_message_to_message() {
    let emulator = Emulator::start();
    create_table(&aws_sdk_dynamodb::Client::new(&emulator.config().await), TABLE).await;
    let tenant = SimulatedTenant::start(purge_sim::Scenario::default()).await;
    let ground = Ground::new(&emulator.url, &tenant.url()).await;
    let (chunks, errands) = (Kept::default(), Kept::default());
    let functions = ground.functions(chunks.clone(), errands.clone());
    planned(&functions, &request(1)).await;

    // Another invocation carries it on, with a trace of its own, which does not count.
    let other = |left| Invocation { traceparent: Some(TRACE.replace("5759", "0000")), ..invocation(left) };
    let traced = |messages: &[Message]| {
        assert!(!messages.is_empty());
        assert!(messages.iter().all(|(_, trace)| trace.as_deref() == Some(TRACE)), "{messages:?}");
    };
    let asked = errands.take();
    traced(&asked);
    functions.run_errands(&batch(&asked), &nobody, &other(SHORT)).await.unwrap();
    let (wake, handed_over) = (chunks.take(), errands.take());
    traced(&wake);
    traced(&handed_over);
    // The tenant is at work for a while, so the chunk waits for its next wake-up.
    let answer = functions.work(&batch(&wake), &other(LONG)).await.unwrap();
    assert_eq!(answer, json!({"batchItemFailures": []}));
    let next = chunks.take();
    assert_eq!(next.len(), 1);
    assert_eq!(next[0].0["chunk"], wake[0].0["chunk"]);
    traced(&next);
}

/// The most memory that this process has used, in megabytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix("kB").unwrap().trim().parse::<u64>().unwrap() / 1000
}

fn dollars(nano: u64) -> String {
    format!("${:.4}", nano as f64 / 1e9)
}

/// Run by `cargo xtask fan-out`.
#[tokio::test(flavor = "current_thread")]
#[ignore = "sends a hundred thousand messages"]
async fn a_hundred_thousand_chunks() {
    const CHUNKS: u32 = 100_000;
    /// The time for each errand, instead of the template's five minutes, so that it has to hand over.
    const TIME: Duration = Duration::from_secs(25);
    let emulator = Emulator::start();
    create_table(&aws_sdk_dynamodb::Client::new(&emulator.config().await), TABLE).await;
    let (table, queue) =
        (Proxy::start(Service::DynamoDb, &emulator.url, 1).await, Proxy::start(Service::Sqs, &emulator.url, 1).await);
    let sqs = aws_sdk_sqs::Client::new(&config(&queue.url()).await);
    let direct = aws_sdk_sqs::Client::new(&emulator.config().await);
    let chunk_queue = queues::Queue::create(&direct, "chunks", Duration::from_secs(720), None).await;
    let errand_queue = queues::Queue::create(&direct, "errands", Duration::from_secs(1800), None).await;
    let ground = Ground::new(&table.url(), "http://127.0.0.1:9").await;
    let functions =
        ground.functions(SqsQueue::new(sqs.clone(), &chunk_queue.url), SqsQueue::new(sqs.clone(), &errand_queue.url));

    let begun = Instant::now();
    planned(&functions, &request(CHUNKS)).await;
    let planning = begun.elapsed();
    let (table_planned, queue_planned) = (table.bill(), queue.bill());

    let begun = Instant::now();
    let mut invocations = 0_u64;
    let mut billed = Duration::ZERO;
    loop {
        assert!(invocations < 100, "the fan-out does not end");
        let got = direct
            .receive_message()
            .queue_url(&errand_queue.url)
            .message_attribute_names("All")
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .send()
            .await
            .unwrap();
        let Some(message) = got.messages().first() else {
            if errand_queue.depth(&direct).await == queues::Depth::EMPTY {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        invocations += 1;
        let event = batch(&[(serde_json::from_str(message.body().unwrap()).unwrap(), None)]);
        let begun = Instant::now();
        let answer = functions.run_errands(&event, &nobody, &invocation(TIME)).await.unwrap();
        billed += begun.elapsed();
        assert_eq!(answer, json!({"batchItemFailures": []}));
        let handle = message.receipt_handle().unwrap();
        direct.delete_message().queue_url(&errand_queue.url).receipt_handle(handle).send().await.unwrap();
    }
    let took = begun.elapsed();
    assert_eq!(chunk_queue.depth(&direct).await.visible, u64::from(CHUNKS));
    assert!(invocations > 1, "nothing was handed over: give it less time");

    let (table_woken, queue_woken) = (table.bill().since(&table_planned), queue.bill().since(&queue_planned));
    for bill in [&table_planned, &table_woken, &queue_planned, &queue_woken] {
        assert_eq!(bill.unknown(), Vec::<&str>::new());
    }
    println!("\n{CHUNKS} chunks, errands of {} s", TIME.as_secs());
    println!(
        "planned and stored in {:.1} s: {:?} {:?}",
        planning.as_secs_f64(),
        table_planned.calls,
        queue_planned.calls
    );
    println!(
        "woken in {:.1} s by {invocations} invocations: {:.0} messages a second, {:?} {:?}",
        took.as_secs_f64(),
        f64::from(CHUNKS) / took.as_secs_f64(),
        table_woken.calls,
        queue_woken.calls
    );
    println!("most memory: {} MB", peak());
    let lambda = |gigabytes: f64, time: Duration, invocations: u64| {
        (gigabytes * time.as_secs_f64() * price::GIGABYTE_SECOND as f64) as u64 + invocations * price::INVOCATION
    };
    println!("\n| | Lambda | SQS | DynamoDB |\n|---|---|---|---|");
    let row = |what: &str, lambda: u64, queue: u64, table: &Bill| {
        println!("| {what} | {} | {} | {} |", dollars(lambda), dollars(queue), dollars(table.of_the_table()));
    };
    row("planning", lambda(0.5, planning, 2), queue_planned.of_queues(), &table_planned);
    // Deleting the wake-ups from the queue is part of carrying them out.
    row("waking", lambda(1.0, billed, invocations), queue_woken.queue_requests * price::QUEUE_REQUEST, &table_woken);
}

/// Run by `cargo xtask fan-out`.
#[tokio::test(flavor = "current_thread")]
#[ignore = "measures"]
async fn what_a_sweep_costs() {
    for (chunks, begun) in [(100_000, 0), (500, 500)] {
        let emulator = Emulator::start();
        create_table(&aws_sdk_dynamodb::Client::new(&emulator.config().await), TABLE).await;
        let scenario = json!({"dataDeletion": {"processingSeconds": 3600, "concurrency": 500}});
        let tenant = SimulatedTenant::start(serde_json::from_value(scenario).unwrap()).await;
        let table = Proxy::start(Service::DynamoDb, &emulator.url, 1).await;
        let ground = Ground::new(&table.url(), &tenant.url()).await;
        let (wakes, errands) = (Kept::default(), Kept::default());
        let functions = ground.functions(wakes.clone(), errands.clone());
        planned(&functions, &request(chunks)).await;
        errands.take();
        let run_id = ground.ledger.unfinished().await.unwrap().remove(0).run_id;
        for first in (1..=begun).step_by(5) {
            let wake = |chunk| (json!({"v": 1, "runId": run_id, "chunk": chunk}), None);
            let wakes: Vec<_> = (first..first + 5).map(wake).collect();
            functions.work(&batch(&wakes), &invocation(LONG)).await.unwrap();
        }
        wakes.take();

        let before = table.bill();
        let clock = Instant::now();
        let asked = functions.plan(&json!({"action": "sweep"}), &invocation(LONG)).await.unwrap();
        assert_eq!(asked["lookedAt"], json!([run_id]), "{asked}");
        let answer = functions.run_errands(&batch(&errands.take()), &nobody, &invocation(LONG)).await.unwrap();
        assert_eq!(answer, json!({"batchItemFailures": []}));
        assert!(
            wakes.take().is_empty() && errands.take().is_empty(),
            "nothing stands still, and there was time enough"
        );
        let (took, bill) = (clock.elapsed(), table.bill().since(&before));
        assert_eq!(bill.unknown(), Vec::<&str>::new());
        println!(
            "\na sweep over {chunks} chunks, {begun} of them begun, in {:.2} s: {:?}, {} read units, {}",
            took.as_secs_f64(),
            bill.calls,
            bill.half_read_units / 2,
            dollars(bill.of_the_table())
        );
    }
}

/// Run by `cargo xtask fan-out`.
#[tokio::test(flavor = "current_thread")]
#[ignore = "waits for jobs of half a minute"]
async fn what_carrying_out_a_chunk_costs() {
    const CHUNKS: u32 = 20;
    let emulator = Emulator::start();
    create_table(&aws_sdk_dynamodb::Client::new(&emulator.config().await), TABLE).await;
    // As long as core's own estimate assumes for a job.
    let scenario = json!({"dataDeletion": {"processingSeconds": 30, "concurrency": 8}});
    let tenant = SimulatedTenant::start(serde_json::from_value(scenario).unwrap()).await;
    let table = Proxy::start(Service::DynamoDb, &emulator.url, 1).await;
    let ground = Ground::new(&table.url(), &tenant.url()).await;
    let (chunks, errands) = (Kept::default(), Kept::default());
    let functions = ground.functions(chunks.clone(), errands.clone());
    let run_id = planned(&functions, &request(CHUNKS)).await;
    functions.run_errands(&batch(&errands.take()), &nobody, &invocation(LONG)).await.unwrap();

    let before = table.bill();
    let deadline = Instant::now() + Duration::from_secs(400);
    let (mut messages, mut invocations) = (0, 0);
    while !chunks.sent.borrow().is_empty() {
        assert!(Instant::now() < deadline, "the run does not end");
        let come = chunks.come();
        if come.is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        }
        messages += come.len() as u64;
        invocations += 1;
        let answer = functions.work(&batch(&come), &invocation(LONG)).await.unwrap();
        assert_eq!(answer, json!({"batchItemFailures": []}));
    }
    let bill = table.bill().since(&before);
    let status = functions.plan(&json!({"action": "status", "runId": run_id}), &invocation(LONG)).await.unwrap();
    assert_eq!(status["states"], json!({"verified": CHUNKS}), "{status}");
    assert_eq!(bill.unknown(), Vec::<&str>::new());
    let per_chunk = |n: u64| n as f64 / f64::from(CHUNKS);
    println!("\n{CHUNKS} chunks, jobs of 30 s; for each chunk:");
    println!("{:.1} messages, {:.1} invocations of a worker", per_chunk(messages), per_chunk(invocations));
    println!("{:.1} write units, {:.1} read units", per_chunk(bill.write_units), per_chunk(bill.half_read_units) / 2.0);
    for (name, n) in &bill.calls {
        println!("{:.1} {name}", per_chunk(*n));
    }
    let thousand = |nano: u64| dollars(nano * 1000 / u64::from(CHUNKS));
    println!(
        "a thousand chunks: DynamoDB {}, SQS {}",
        thousand(bill.of_the_table()),
        thousand(messages * 3 * price::QUEUE_REQUEST)
    );
}

/// The simulated tenant, in virtual time.
struct Near<'a> {
    clock: &'a VirtualClock,
    tenant: RefCell<purge_sim::Tenant>,
}

impl Http for Near<'_> {
    async fn send(&self, request: WireRequest) -> Result<HttpResponse, NoResponse> {
        let path = request.url.replace("http://127.0.0.1:7000", "");
        let body = String::from_utf8(request.body).unwrap();
        let asked = TenantRequest { method: request.method, path, headers: request.headers, body };
        let now = self.clock.now();
        let reply = self.tenant.borrow_mut().handle(&asked, now);
        self.clock.sleep_until(now.plus(reply.after.max(Duration::from_millis(1)))).await;
        match reply.delivery {
            Delivery::Answer(response) => Ok(response),
            Delivery::Dropped | Delivery::Truncated(..) => Err(NoResponse::Dropped),
        }
    }
}

/// Holds the bytes of a text twice while writing it, as the S3 client does, and notes the length of the audit log.
#[derive(Debug, Default)]
struct Taker {
    log: Cell<u64>,
}

impl Bucket for Taker {
    async fn read(&self, _key: &str) -> Result<Option<String>, BucketError> {
        Ok(None)
    }

    async fn read_version(&self, _key: &str, _version: &str) -> Result<Option<String>, BucketError> {
        Ok(None)
    }

    async fn write(&self, key: &str, text: String) -> Result<(), BucketError> {
        if key.ends_with(AUDIT) {
            self.log.set(text.len() as u64);
        }
        std::hint::black_box(text.clone());
        Ok(())
    }
}

/// The memory of this process: now, and the most since the last call.
fn memory() -> (u64, u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let of = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().strip_suffix("kB").unwrap().trim().parse::<u64>().unwrap() * 1024
    };
    let answer = (of("VmRSS:"), of("VmHWM:"));
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    answer
}

/// Run by `cargo xtask fan-out`.
#[test]
#[ignore = "measures"]
fn what_evidence_takes() {
    // The smaller run first: the heap that it frees is not counted for the other.
    for (api, chunks) in [("recordingJobs", 1_000), ("dataDeletion", 10_000)] {
        let clock = VirtualClock::new(Timestamp::parse("2026-01-01T00:00:00Z").unwrap());
        let mut request = request(chunks);
        if api == "recordingJobs" {
            let end = Timestamp::parse("2023-06-01T00:00:00Z").unwrap();
            request["api"] = json!(api);
            request["recordTypes"] = json!(["recording"]);
            request["chunking"] = json!({"days": 1});
            request["range"] = json!({"start": end.minus(Duration::from_secs(86_400 * u64::from(chunks))), "end": end});
        }
        let context = CheckContext {
            now: clock.now(),
            tenant_jurisdiction: Some("us-east-1".to_owned()),
            default_jurisdiction: None,
        };
        let policy = json!({"version": 1, "limits": {"requestsPerMinute": 100_000, "concurrency": 100}});
        let checked = plan::check(&request.to_string(), Some(&policy.to_string()), &context);
        let plan = checked.plan.unwrap_or_else(|| panic!("{:?}", checked.findings));
        let approved =
            Approval { digest: plan.digest().to_owned(), approved_by: "b".to_owned(), approved_at: clock.now() };
        let order = Order::new(&plan, &approved, "http://127.0.0.1:7000", true).unwrap();
        let runs = plan.chunks().iter().map(|chunk| ChunkRun::new(&order, *chunk)).collect::<Vec<_>>();
        let chunks = runs.len() as u64;
        let plan_file = serde_json::to_string(&PlanFile::new(&plan, clock.now())).unwrap();
        let (ledger, stop, run_id) = (MemoryLedger::new(), Signal::new(), order.run_id.clone());
        let tenant = place("http://127.0.0.1:7000").tenant(order.request.api);
        let tenant = Tenant { credentials: Credentials::new("sim", "sim"), ..tenant };
        let near = Near { clock: &clock, tenant: RefCell::new(purge_sim::Tenant::new(Scenario::default())) };
        let sender = Sender::new(&near, &clock, &tenant, order.limits.requests_per_minute);
        let worker = Worker {
            ledger: &ledger,
            sender: &sender,
            clock: &clock,
            watch: &Unwatched,
            owner: "a",
            assume_dead_owners: false,
            policy: None,
            sends_messages: true,
            stop: &stop,
            patience: None,
        };
        let new = NewRun { order, plan_file, chunks: runs };
        virtual_time::run(&clock, async {
            ledger.create(&new, clock.now()).await.unwrap();
            Runner { worker, postman: None }.run(&run_id).await.unwrap();
            let row = ledger.run(&run_id).await.unwrap().unwrap();
            let (before, _) = memory();
            let outbox = ledger.outbox(&run_id).await.unwrap();
            let log = evidence::records(&ledger, &run_id).await.unwrap();
            let records = log.len();
            let proof = Proof::of(&row, &log, &outbox, &[], clock.now()).unwrap();
            drop((row, log, outbox));
            let taker = Taker::default();
            let stored = proof.store(&taker, clock.now()).await.unwrap();
            let (_, most) = memory();
            println!(
                "evidence of {chunks} chunks of {api}, {}: {} records, {} bytes of audit log and {} kB of memory each chunk, {:.1} MB in all",
                stored.latest.outcome.as_str(),
                records,
                taker.log.get() / chunks,
                (most - before) / chunks / 1000,
                (most - before) as f64 / 1e6,
            );
            // Each with its keys.
            let in_table = (taker.log.get() + 100 * records as u64) / chunks;
            let allowed = records_per_chunk(new.order.request.api);
            assert!(2 * in_table <= allowed, "half of the records are for a second attempt at every chunk: {in_table} bytes");
            let fits = u64::from(most_in_memory(new.order.request.api, 1024));
            assert!(
                (most - before) / chunks * fits < 1024 * 1024 * 1024 / 2,
                "half of the memory is for a second attempt at every chunk"
            );
        })
        .unwrap();
    }
}
