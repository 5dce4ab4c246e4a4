//! Runs under everything that AWS and Genesys Cloud may do to them, with real processes that are really killed. Whatever happens:
//! at most one executed deletion per chunk, no chunk lost, only poison in the dead letters, and `retry` finishes what did not end
//! well. What was deleted is asked of the tenant, never of our own ledger.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use purge_core::http::Method;
use purge_core::time::Timestamp;
use purge_core::window::Window;
use purge_driver::{Clock as _, SystemClock};
use purge_sim::RecordKind;
use purge_tests_aws::bench::{Bench, Options, Sqs};
use purge_tests_aws::chance::seed;
use purge_tests_aws::lambda::Killer;
use purge_tests_aws::proxy::Odds;
use purge_tests_aws::queues::Depth;
use purge_tests_aws::tenant::Ambush;
use serde_json::{Value, json};

const DELETIONS: u32 = 10;
const JOBS: u32 = 4;

fn request(api: &str, days: u32) -> Value {
    let start = Timestamp::parse("2023-03-01T00:00:00Z").unwrap();
    let types = if api == "dataDeletion" {
        json!(["conversation", "message"])
    } else {
        json!(["recording", "screenRecording"])
    };
    // Each of the two runs has its own days, so that neither finds empty what the other has deleted.
    let start = if api == "dataDeletion" { start } else { start.plus_days(15) };
    json!({
        "version": 1, "name": format!("faults {api}"), "api": api, "recordTypes": types,
        "range": {"start": start, "end": start.plus_days(days)}, "jurisdiction": "us-east-1", "query": null,
        "chunking": {"days": 1}, "reason": "test", "requestedBy": "a@example.com"
    })
}

fn policy() -> Value {
    json!({"version": 1, "retention": [], "holds": [], "limits": {
        "confirmSubmitSeconds": 15, "verifySeconds": 60, "chunkDeadlineSeconds": 900, "verifyConversations": 2,
        "requestsPerMinute": 3000
    }})
}

/// Five of a hundred calls to the tenant fail, half of them after their effect.
fn scenario(seed: u64) -> purge_sim::Scenario {
    serde_json::from_value(json!({
        "seed": seed,
        "population": {"from": "2023-02-27T00:00:00Z", "to": "2023-03-25T00:00:00Z", "everySeconds": 7200, "dayEdges": true},
        "rateLimit": {"perMinute": 3000},
        "dataDeletion": {"processingSeconds": 1, "concurrency": 8},
        "recordingJobs": {"pendingSeconds": 1, "processingSeconds": 1, "removalLagSeconds": 1, "listLagSeconds": 1},
        "faults": [
            {"on": "any", "perMille": 25, "do": {"kind": "dropBefore"}},
            {"on": "any", "perMille": 25, "do": {"kind": "dropAfter"}},
            {"on": "webhook", "nth": [3], "do": {"kind": "error", "status": 500}}
        ]
    }))
    .unwrap()
}

/// The deletions that the tenant really carried out, by the start of their window.
fn executed(bench: &Bench) -> BTreeMap<Timestamp, usize> {
    let truth = bench.tenant.truth();
    assert!(truth.most_jobs_at_once <= 2, "{} jobs at once", truth.most_jobs_at_once);
    let deletions = truth.executed.iter().map(|deletion| deletion.first);
    let jobs = truth.jobs.iter().filter(|job| job.executed.is_some()).map(|job| job.interval.start());
    let mut counts = BTreeMap::new();
    for start in deletions.chain(jobs) {
        *counts.entry(start).or_default() += 1;
    }
    counts
}

/// Every chunk was carried out exactly once and is empty, and nothing outside the chunks was touched.
fn deleted_once_and_nothing_else(bench: &Bench) {
    let counts = executed(bench);
    let later = SystemClock.now().plus_days(7);
    let (before, now) = bench.tenant.before_and_now();
    let kinds = [RecordKind::Conversation, RecordKind::Message];
    let mut days = 0;
    for (api, chunks) in [("dataDeletion", DELETIONS), ("recordingJobs", JOBS)] {
        let start: Timestamp = serde_json::from_value(request(api, chunks)["range"]["start"].clone()).unwrap();
        for day in 0..chunks {
            let from = start.plus_days(day);
            let window = Window::new(from, from.plus_days(1)).unwrap();
            assert_eq!(counts.get(&from), Some(&1), "{api}: {window} was carried out another number of times");
            let left = match api {
                "dataDeletion" => now.records_in(window, &kinds, later).left,
                _ => now.recordings_of_started(window, later).left,
            };
            assert_eq!(left, 0, "{api}: something is left of {window}");
            days += 1;
        }
        let end = start.plus_days(chunks);
        let after = Window::new(end, end.plus_days(1)).unwrap();
        assert_eq!(before.records_in(after, &RecordKind::ALL, later), now.records_in(after, &RecordKind::ALL, later));
        assert_eq!(before.recordings_of_started(after, later), now.recordings_of_started(after, later));
    }
    assert_eq!(counts.len(), days, "something else was carried out: {counts:?}");
}

/// Sends messages that cannot be handled. Returns, by message id, what its dead letter must say.
async fn poison(bench: &Bench, run_id: &str) -> BTreeMap<String, &'static str> {
    let no_run = json!({"v": 1, "runId": "run-of-nobody", "chunk": 1}).to_string();
    let no_chunk = json!({"v": 1, "runId": run_id, "chunk": 9999}).to_string();
    let future = json!({"v": 2, "runId": run_id, "chunk": 1}).to_string();
    let no_errand = json!({"v": 1, "runId": run_id, "errand": {"kind": "dance"}}).to_string();
    BTreeMap::from([
        (bench.chunks.send(&bench.sqs, "{not JSON").await, "it is no wake-up"),
        (bench.chunks.send(&bench.sqs, &no_run).await, "there is no run `run-of-nobody`"),
        (bench.chunks.send(&bench.sqs, &no_chunk).await, "has no chunk 9999"),
        (bench.chunks.send(&bench.sqs, &future).await, "it is of version 2"),
        (bench.errands.send(&bench.sqs, &no_errand).await, "it is no wake-up"),
    ])
}

/// How many ends of chunks the functions have measured.
fn measured_ends(bench: &Bench) -> u64 {
    bench.log().lines().filter(|line| line.starts_with('{') && line.contains("\"ChunksEnded\":1")).count() as u64
}

/// Kills every worker while the `nth` such request is under way.
fn die_at(bench: &Bench, method: Method, path: &'static str, nth: u64, after_effect: bool) {
    let worker = Arc::clone(&bench.worker);
    let strike = Box::new(move || worker.kill_all());
    bench.tenant.ambush(Ambush { method, path, nth, after_effect, strike });
}

async fn adversity(sqs: Sqs, name: &str) {
    let seed = seed();
    let begun = Instant::now();
    let bench = Bench::set_up(Options {
        scenario: scenario(seed),
        sqs,
        seed,
        visibility: Duration::from_secs(20),
        receives: 5,
        disorder: true,
    })
    .await;
    bench.dynamo.set(Odds { refused: 40, partly: 0, dropped_before: 10, dropped_after: 10 });
    bench.queue_service.set(Odds { refused: 50, partly: 300, dropped_before: 15, dropped_after: 15 });
    let (submit, jobs, job) = ("/api/v2/data/deletion/requests", "/api/v2/recording/jobs", "/api/v2/recording/jobs/");
    die_at(&bench, Method::Post, submit, 3, true);
    die_at(&bench, Method::Post, submit, 6, false);
    die_at(&bench, Method::Post, jobs, 1, true);
    die_at(&bench, Method::Put, job, 1, true);
    // A chunk whose worker died waits for the end of its lease, a minute. Random kills happen only at the beginning, so that the
    // test takes minutes rather than a quarter of an hour.
    bench.worker.haunt(Some(Killer::new(seed ^ 6, 150, 150, 6)));
    bench.courier.haunt(Some(Killer::new(seed ^ 7, 300, 60, 3)));

    let policy = policy();
    let (deletions, jobs) = (request("dataDeletion", DELETIONS), request("recordingJobs", JOBS));
    let runs = [bench.start(&deletions, &policy).await, bench.start(&jobs, &policy).await];
    let poison = poison(&bench, &runs[0]).await;

    // Every chunk ends while all this goes on, and none is executed twice.
    let mut endings = Vec::new();
    for run in &runs {
        endings.push(bench.ended(run, Duration::from_secs(240)).await);
    }
    let under_fire = begun.elapsed();
    let counts = executed(&bench);
    assert!(counts.values().all(|times| *times == 1), "{counts:?}; {}", bench.keep_log(name));
    assert_eq!(bench.tenant.sprung(), 4, "the workers died at four chosen moments");

    // Then nothing goes wrong any more, and `retry` finishes what did not end well.
    bench.dynamo.set(Odds::default());
    bench.queue_service.set(Odds::default());
    bench.worker.haunt(None);
    bench.courier.haunt(None);
    let mut retried = 0;
    for run in &runs {
        for _ in 0..4 {
            let status = bench.ended(run, Duration::from_secs(180)).await;
            if status["states"] == json!({"verified": status["chunks"]}) {
                break;
            }
            retried += bench.ask(&json!({"action": "retry", "runId": run, "askedBy": "a@example.com"})).await["queued"]
                .as_u64()
                .unwrap();
        }
        let report = bench.proved(run, Duration::from_secs(60)).await;
        assert_eq!(report["problems"], json!([]), "{run}");
    }
    deleted_once_and_nothing_else(&bench);
    assert_eq!(bench.overwritten().await, Vec::<String>::new(), "evidence is never overwritten");

    // All queues are empty, and the dead letters are the poison, each with its cause.
    bench.drained(Duration::from_secs(180)).await;
    let letters = bench.letters().await;
    let fates: BTreeMap<_, _> =
        letters.iter().map(|l| (l["message"].as_str().unwrap().to_owned(), l["fate"].as_str().unwrap())).collect();
    for (message, cause) in &poison {
        // A send whose answer was lost is repeated under another id, so two messages say the same.
        let fate = fates.get(message).or_else(|| fates.values().find(|fate| fate.contains(cause)));
        let log = || bench.keep_log(name);
        let fate = fate.unwrap_or_else(|| panic!("no letter about the poison that `{cause}`: {fates:?}; {}", log()));
        assert!(fate.contains(cause), "`{fate}` does not say `{cause}`");
    }
    assert!(fates.len() >= poison.len(), "a poison has no letter: {fates:?}; {}", bench.keep_log(name));
    let is_poison = |fate: &&str| poison.values().any(|cause| fate.contains(cause));
    assert!(fates.values().all(is_poison), "more than the poison is dead: {fates:?}; {}", bench.keep_log(name));

    // The governance system has received every end, in signed messages whose repetitions are equal.
    let told = bench.tenant.told();
    let ends = u64::from(DELETIONS + JOBS) + retried;
    assert_eq!(told.iter().filter(|message| message.accepted > 0).count() as u64, ends);
    assert!(told.iter().all(|message| message.signed && message.same_body));
    // A worker that dies between an end and its measurement does not measure it, and no other does.
    let measured = measured_ends(&bench);
    assert!((1..=ends).contains(&measured), "{measured} ends of {ends} were measured; {}", bench.keep_log(name));

    let (worker, courier) = (bench.worker.bill(), bench.courier.bill());
    let (dynamo, queues) = (bench.dynamo.happened(), bench.queue_service.happened());
    println!(
        "{name}: ended after {under_fire:.0?}, all verified after {:.0?}, {retried} chunks retried\n  \
         before retry {}\n  worker {worker:?}\n  courier {courier:?}\n  deliveries {:?}\n  DynamoDB {dynamo:?}\n  SQS {queues:?}",
        begun.elapsed(),
        endings.iter().map(|status| status["states"].to_string()).collect::<Vec<_>>().join(" "),
        bench.tally,
    );
    assert!(worker.killed >= 4 && courier.killed >= 1, "processes do die");
    assert_eq!(dynamo.len(), 3, "{dynamo:?}");
    assert_eq!(queues.len(), 4, "{queues:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "`cargo xtask aws-test`"]
async fn nothing_is_lost_or_done_twice_with_the_queues_of_the_emulator() {
    adversity(Sqs::MiniStack, "ministack").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "`cargo xtask aws-test`"]
async fn nothing_is_lost_or_done_twice_with_the_queues_of_moto() {
    adversity(Sqs::Moto, "moto").await;
}

/// A bench on which nothing goes wrong by itself, with a run of so many chunks whose deletions have been submitted and take a
/// while.
async fn under_way(chunks: u32, deletions_take: u64, visibility: u64, receives: u32) -> (Bench, String) {
    let mut scenario = scenario(seed());
    scenario.faults.clear();
    scenario.data_deletion.processing_seconds = deletions_take;
    let bench = Bench::set_up(Options {
        scenario,
        sqs: Sqs::MiniStack,
        seed: seed(),
        visibility: Duration::from_secs(visibility),
        receives,
        disorder: false,
    })
    .await;
    let run = bench.start(&request("dataDeletion", chunks), &policy()).await;
    until(30, || bench.tenant.truth().submits_accepted == u64::from(chunks)).await;
    (bench, run)
}

/// Three chunks whose wake-ups become dead letters after two failed deliveries. That takes less time than their deletions, even on
/// a slow machine.
async fn three_under_way() -> (Bench, String) {
    under_way(3, 120, 3, 2).await
}

/// Waits for something that must happen within so many seconds.
async fn until(seconds: u64, happened: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    while !happened() {
        assert!(Instant::now() < deadline, "it does not happen");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until every chunk is verified, and checks that each was carried out once.
async fn three_are_verified(bench: &Bench, run: &str, name: &str) {
    let status = bench.ended(run, Duration::from_secs(180)).await;
    assert_eq!(status["states"], json!({"verified": 3}), "{status}; {}", bench.keep_log(name));
    bench.proved(run, Duration::from_secs(60)).await;
    assert_eq!(executed(bench).into_values().collect::<Vec<_>>(), [1, 1, 1]);
}

/// While no message can be sent, wake-ups are delivered without success until they are dead letters. When the queues work again,
/// their chunks go on by themselves.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "`cargo xtask aws-test`"]
async fn chunks_go_on_after_the_queues_were_out_of_order() {
    let (bench, run) = three_under_way().await;
    bench.queue_service.set(Odds::OUTAGE);
    let deadline = Instant::now() + Duration::from_secs(90);
    while bench.dead.depth(&bench.sqs).await == Depth::EMPTY {
        assert!(Instant::now() < deadline, "no wake-up dies; {}", bench.keep_log("outage"));
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(bench.status(&run).await["open"], 3, "nothing has failed");
    bench.queue_service.set(Odds::default());
    three_are_verified(&bench, &run, "outage").await;
    bench.drained(Duration::from_secs(60)).await;
    assert_eq!(bench.letters().await, Vec::<Value>::new(), "nobody has to do anything");
}

/// When every worker dies, wake-ups are delivered without success until they are dead letters. Their chunks are marked with the
/// cause, and `retry` finishes them without deleting anything twice, although the tenant is still carrying out what was submitted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "`cargo xtask aws-test`"]
async fn chunks_whose_wake_ups_died_say_so_and_are_finished_by_retry() {
    let (bench, run) = three_under_way().await;
    bench.worker.haunt(Some(Killer::new(seed(), 1000, 1, u64::MAX)));
    let deadline = Instant::now() + Duration::from_secs(120);
    while bench.status(&run).await["open"] != 0 {
        assert!(Instant::now() < deadline, "the undertaker marks nothing; {}", bench.keep_log("dead"));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let status = bench.status(&run).await;
    let problems = status["problems"].as_array().unwrap();
    assert!(problems.iter().all(|problem| problem["cause"]["code"] == "message.dead"), "{status}");
    assert_eq!(status["states"], json!({"unknown": 3}), "something may have been deleted: {status}");
    let letters = bench.letters().await;
    assert_eq!(letters.len(), 3, "{letters:?}");
    assert!(letters.iter().all(|letter| letter["fate"].as_str().unwrap().starts_with("chunk ")), "{letters:?}");

    bench.worker.haunt(None);
    // A dead letter that was delivered twice may still hold its chunk. `retry` says so and is asked again.
    let (mut queued, deadline) = (0, Instant::now() + Duration::from_secs(120));
    while queued < 3 {
        assert!(Instant::now() < deadline, "{queued} queued; {}", bench.keep_log("dead"));
        queued += bench.ask(&json!({"action": "retry", "runId": run, "askedBy": "a@example.com"})).await["queued"]
            .as_u64()
            .unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    three_are_verified(&bench, &run, "dead").await;
    bench.drained(Duration::from_secs(60)).await;
}

/// Twenty superfluous wake-ups do not accompany the chunk until it ends. Soon only a few are left: the chunk's own, one that stands
/// by, and any that met another at work.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "`cargo xtask aws-test`"]
async fn wake_ups_that_are_too_many_come_to_an_end() {
    let (bench, run) = under_way(1, 110, 30, 5).await;
    let wake = json!({"v": 1, "runId": run, "chunk": 1}).to_string();
    for _ in 0..20 {
        bench.chunks.send(&bench.sqs, &wake).await;
    }
    // Wake-ups that met a worker come again when its lease would be over, and only then end.
    tokio::time::sleep(Duration::from_secs(85)).await;
    let Depth { visible, in_flight, delayed } = bench.chunks.depth(&bench.sqs).await;
    assert!(visible + in_flight + delayed <= 4, "{visible} + {in_flight} + {delayed} wake-ups for one chunk");
    let status = bench.ended(&run, Duration::from_secs(180)).await;
    assert_eq!(status["states"], json!({"verified": 1}), "{status}");
    assert_eq!(measured_ends(&bench), 1, "an end is measured once");
}

/// What the functions have measured under this name, from every line that has it.
fn measured(bench: &Bench, name: &str) -> Vec<u64> {
    let log = bench.log();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| !line["_aws"].is_null()).filter_map(|line| line[name].as_u64()).collect()
}

/// A person empties the queues by mistake: first that of wake-ups, while every chunk waits, and later those of errands, after the
/// last chunk has ended. The run stands still until the next sweep, which wakes what stood still, and measures it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "`cargo xtask aws-test`"]
async fn messages_that_somebody_deletes_are_sent_again_by_the_sweep() {
    // No deletion is over before the couriers are haunted, so no message can be delivered before.
    let (bench, run) = under_way(6, 120, 30, 5).await;
    // A worker may be about to send another one.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(5) {
        bench.chunks.purge(&bench.sqs).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // Far longer than a chunk waits between two looks at its deletion.
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(bench.chunks.depth(&bench.sqs).await, Depth::EMPTY);
    let before = bench.status(&run).await;
    assert_eq!(before["open"], 6, "it stands still: {before}");

    let patient = bench.ask(&json!({"action": "sweep"})).await;
    assert_eq!(patient["lookedAt"], json!([run]), "{patient}");
    until(30, || measured(&bench, "StalledRuns") == [0]).await;
    assert_eq!(
        bench.status(&run).await["states"],
        before["states"],
        "by itself it waits for as long as a message may take"
    );

    // Twice, as schedules may do.
    let sweep = json!({"action": "sweep", "overdueSeconds": 10});
    bench.ask(&sweep).await;
    until(30, || measured(&bench, "StalledRuns").len() == 2).await;
    bench.ask(&sweep).await;
    until(30, || measured(&bench, "StalledRuns").len() == 3).await;
    assert_eq!(measured(&bench, "StalledChunks"), [0, 6, 0], "every chunk once; {}", bench.keep_log("sweep"));
    assert_eq!(measured(&bench, "StalledRuns"), [0, 1, 0]);

    // No courier survives an errand, until the errand queues have been emptied as well.
    bench.courier.haunt(Some(Killer::new(seed(), 1000, 1, u64::MAX)));
    let status = bench.ended(&run, Duration::from_secs(180)).await;
    assert_eq!(status["states"], json!({"verified": 6}), "{status}; {}", bench.keep_log("sweep"));
    assert_eq!(executed(&bench).into_values().collect::<Vec<_>>(), [1; 6], "each exactly once");
    for _ in 0..20 {
        bench.errands.purge(&bench.sqs).await;
        bench.webhooks.purge(&bench.sqs).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bench.courier.haunt(None);
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert_eq!((bench.tenant.told().len(), bench.has_evidence(&run).await), (0, false), "nobody has been told");

    // The sweep sends the messages, and the delivery of the last one requests the evidence.
    let deadline = Instant::now() + Duration::from_secs(120);
    while !bench.has_evidence(&run).await {
        assert!(Instant::now() < deadline, "there is no evidence; {}", bench.keep_log("sweep"));
        bench.ask(&sweep).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
    bench.proved(&run, Duration::from_secs(30)).await;
    assert_eq!(bench.tenant.told().iter().filter(|message| message.accepted > 0).count(), 6);
    assert!(measured(&bench, "StalledRuns").iter().sum::<u64>() >= 2, "both have been measured");
    assert_eq!(measured(&bench, "StalledChunks").iter().sum::<u64>(), 6, "and no chunk stood still");

    assert_eq!(bench.overwritten().await, Vec::<String>::new(), "evidence is never overwritten");

    // Finished runs are not looked at any more.
    bench.drained(Duration::from_secs(60)).await;
    assert_eq!(bench.ask(&sweep).await["lookedAt"], json!([]));
    let sweeps = measured(&bench, "Sweeps");
    assert!(sweeps.len() > 4 && sweeps.iter().all(|sweep| *sweep == 1), "every sweep is counted: {sweeps:?}");
    assert_eq!(bench.letters().await, Vec::<Value>::new(), "nobody has to do anything");
}
