//! Whole runs in virtual time against a scripted tenant.

#![cfg(test)]

mod common;

use std::cell::Cell;
use std::time::Duration;

use common::{
    Break, BreakingLedger, Call, FakeTenant, Mishap, RUN, SECRET, WEBHOOK, create, order, outcomes, records, start,
    status, tenant,
};
use futures_util::FutureExt as _;
use futures_util::future::{LocalBoxFuture, join, join3, ready};
use purge_core::audit::Event;
use purge_core::http::{HttpResponse, Method, NoResponse};
use purge_core::json::digest;
use purge_core::plan::policy_digest;
use purge_core::policy::Policy;
use purge_core::rate::RateBudget;
use purge_core::request::{DeletionApi, RecordType};
use purge_core::run::{Asked, Cause, ChunkRun, HeldConversation, InForce, Order, Outcome, Pace, WaitReason};
use purge_core::time::Timestamp;
use purge_core::url::webhook_url;
use purge_core::webhook::{Secrets, verify};
use purge_driver::ledger::{MessageState, Slot};
use purge_driver::{
    Advance, Clock, Http, Ledger, LedgerError, MemoryLedger, NoRetry, Obstacle, PolicyInForce, Postman, Queued,
    Redriven, Retry, RunEnd, Runner, Sender, Signal, Unwatched, VirtualClock, Watch, WireRequest, Worker, redrive,
    virtual_time,
};
use serde_json::json;

const VERIFIED: Option<Outcome> = Some(Outcome::Verified);

fn in_virtual_time<T>(test: impl AsyncFnOnce(&VirtualClock) -> T) -> T {
    let clock = VirtualClock::new(start());
    virtual_time::run(&clock, test(&clock)).unwrap()
}

/// A worker as most tests need it: no watcher, no webhook, and no policy but the plan's.
fn worker<'a, L>(
    ledger: &'a L,
    sender: &'a Sender<'a, FakeTenant, VirtualClock>,
    clock: &'a VirtualClock,
    stop: &'a Signal,
) -> Worker<'a, L, FakeTenant, VirtualClock, Unwatched> {
    Worker {
        ledger,
        sender,
        clock,
        watch: &Unwatched,
        owner: "a",
        assume_dead_owners: false,
        policy: None,
        sends_messages: false,
        stop,
        patience: None,
    }
}

/// Carries the run out as one process would.
async fn carry_out<L: Ledger>(
    owner: &str,
    ledger: &L,
    http: &FakeTenant,
    clock: &VirtualClock,
    order: &Order,
    stop: &Signal,
) -> Result<RunEnd, LedgerError> {
    let tenant = tenant();
    let sender = Sender::new(http, clock, &tenant, order.limits.requests_per_minute);
    let (url, secrets) = (webhook_url(WEBHOOK).unwrap(), Secrets::parse(SECRET).unwrap());
    let worker = Worker { owner, sends_messages: true, ..worker(ledger, &sender, clock, stop) };
    let postman = Some(Postman { ledger, http, clock, url: &url, secrets: Some(&secrets) });
    Runner { worker, postman }.run(RUN).await
}

/// A policy that changes at certain times, and at some of them cannot be read.
#[derive(Debug)]
struct Changing<'a> {
    clock: &'a VirtualClock,
    /// From when on each text applies. `Err` cannot be read.
    texts: Vec<(Timestamp, Result<String, String>)>,
    asked: Cell<u32>,
}

impl PolicyInForce for Changing<'_> {
    fn read(&self) -> LocalBoxFuture<'_, Result<String, String>> {
        self.asked.set(self.asked.get() + 1);
        let now = self.texts.iter().rev().find(|(from, _)| *from <= self.clock.now());
        ready(now.map_or(Err("never".to_owned()), |(_, text)| text.clone())).boxed_local()
    }
}

#[test]
fn what_a_hold_keeps_that_comes_mid_run_stays() {
    in_virtual_time(async |clock| {
        let (ledger, http, mut order, stop) = (MemoryLedger::new(), FakeTenant::new(clock), order(6), Signal::new());
        order.limits.concurrency = 1;
        create(&ledger, &order).await;
        let hold = json!({"id": "new", "range": {"start": "2023-01-05T00:00:00Z", "end": "2023-01-06T00:00:00Z"}});
        let at = |seconds| start().plus(Duration::from_secs(seconds));
        let policy = Changing {
            clock,
            texts: vec![
                (start(), Ok(json!({"version": 1}).to_string())),
                (at(5), Err("somebody is writing it".to_owned())),
                (at(25), Ok(json!({"version": 1, "holds": [hold]}).to_string())),
            ],
            asked: Cell::new(0),
        };
        let tenant = tenant();
        let sender = Sender::new(&http, clock, &tenant, 300);
        let worker = Worker { policy: Some(&policy), ..worker(&ledger, &sender, clock, &stop) };
        assert_eq!(Runner { worker, postman: None }.run(RUN).await, Ok(RunEnd::Ended));
        let mut expected = vec![VERIFIED; 6];
        expected[4] = Some(Outcome::Held);
        assert_eq!(outcomes(&ledger).await, expected);
        assert_eq!((http.count("submit"), http.most_deletions()), (5, 1));
        assert!(policy.asked.get() > 6, "it was asked until it could be read: {}", policy.asked.get());
        let quiet = |call: &Call| call.name == "submit" && call.at >= at(5) && call.at < at(25);
        assert!(!http.calls.borrow().iter().any(quiet), "nothing was deleted while nobody could tell");
        let row = ledger.chunk(RUN, 5).await.unwrap().unwrap();
        let cause = row.run.view().cause.unwrap();
        assert_eq!(cause.code, "policy.keepsMore");
        assert!(cause.message.contains("hold `new`"), "{}", cause.message);
        // The record that the deletion is about to leave is followed by the policy that let it out.
        let records = records(&ledger).await;
        let of = |chunk: u32| records.iter().filter(move |record| record.chunk == chunk).map(|record| &record.event);
        for (chunk, place) in [(1, 0), (6, 2)] {
            let policy = Policy::parse(policy.texts[place].1.as_ref().unwrap()).0.unwrap();
            let pairs: Vec<_> = of(chunk).zip(of(chunk).skip(1)).collect();
            let asked = |next: &Event| matches!(next, Event::PolicyAsked { policy: on_record } if *on_record == policy_digest(&policy));
            let sent = pairs.iter().filter(|(before, _)| matches!(before, Event::Sending { .. }));
            let sent: Vec<_> = sent.map(|(_, next)| asked(next)).collect();
            assert_eq!(sent, [true], "chunk {chunk}");
        }
        assert!(!of(5).any(|event| matches!(event, Event::PolicyAsked { .. })), "nothing was let out");
        // The policy that kept the deletion back is on record as well, and the ledger has the texts of both.
        let [first, last] = [0, 2].map(|place| InForce::read(policy.texts[place].1.as_ref().unwrap()).unwrap());
        let kept_back =
            |event: &Event| matches!(event, Event::Withheld { policy: Some(policy), .. } if *policy == last.digest);
        assert_eq!(of(5).filter(|event| kept_back(event)).count(), 1);
        let mut texts = [first.text, last.text];
        texts.sort_by_key(|text| digest(text.as_bytes()));
        assert_eq!(ledger.policies(RUN).await.unwrap(), texts);
    });
}

#[test]
fn a_run_ends_verified_and_tells_the_governance_system() {
    in_virtual_time(async |clock| {
        let (ledger, http, order) = (MemoryLedger::new(), FakeTenant::new(clock), order(10));
        create(&ledger, &order).await;
        assert_eq!(carry_out("a", &ledger, &http, clock, &order, &Signal::new()).await, Ok(RunEnd::Ended));
        assert_eq!(outcomes(&ledger).await, [VERIFIED; 10]);
        assert_eq!((http.count("submit"), http.most_deletions(), http.count("token")), (10, 1, 1));
        assert_eq!(http.count("webhook"), 10);
        let secrets = Secrets::parse(SECRET).unwrap();
        for call in http.calls.borrow().iter().filter(|call| call.name == "webhook") {
            let header = |name| call.request.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str()).unwrap();
            let body = std::str::from_utf8(&call.request.body).unwrap();
            let (id, sent, signature) =
                (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"));
            assert_eq!(verify(&secrets, id, sent, signature, body, call.at), Ok(()));
            assert!(call.request.headers.iter().all(|(name, _)| name != "authorization"));
        }
        let calls = http.calls.borrow().len();
        assert_eq!(carry_out("b", &ledger, &http, clock, &order, &Signal::new()).await, Ok(RunEnd::Ended));
        assert_eq!(http.calls.borrow().len(), calls, "a run that has ended sends nothing");
    });
}

#[test]
fn a_crash_at_any_commit_deletes_once_and_ends_verified() {
    for how in [Break::Before, Break::After] {
        for nth in 0..100 {
            let broke = in_virtual_time(async |clock| {
                let (ledger, http, order) = (MemoryLedger::new(), FakeTenant::new(clock), order(1));
                create(&ledger, &order).await;
                let breaking = BreakingLedger::new(&ledger, &http, nth, how);
                let first = carry_out("a", &breaking, &http, clock, &order, &Signal::new()).await;
                if !breaking.has_broken() {
                    assert_eq!(first, Ok(RunEnd::Ended));
                    return false;
                }
                assert!(matches!(first, Err(LedgerError::Unavailable(_))), "{how:?} {nth}: {first:?}");
                let second = carry_out("b", &ledger, &http, clock, &order, &Signal::new()).await;
                assert_eq!(second, Ok(RunEnd::Ended), "{how:?} {nth}");
                assert_eq!(outcomes(&ledger).await, [VERIFIED], "{how:?} {nth}");
                assert_eq!(http.most_deletions(), 1, "{how:?} {nth}");
                true
            });
            if !broke {
                assert!(nth > 5, "{how:?}: there were only {nth} commits to break at");
                break;
            }
        }
    }
}

#[test]
fn whoever_knows_that_the_others_are_gone_need_not_wait_for_their_leases() {
    in_virtual_time(async |clock| {
        let (ledger, http, order, stop) = (MemoryLedger::new(), FakeTenant::new(clock), order(1), Signal::new());
        create(&ledger, &order).await;
        let breaking = BreakingLedger::new(&ledger, &http, 0, Break::After);
        assert!(carry_out("a", &breaking, &http, clock, &order, &Signal::new()).await.is_err());
        let tenant = tenant();
        let sender = Sender::new(&http, clock, &tenant, 300);
        for assume_dead_owners in [false, true] {
            let worker = Worker { owner: "b", assume_dead_owners, ..worker(&ledger, &sender, clock, &stop) };
            let now = worker.advance(&order, 1, Pace::default()).await.unwrap();
            assert_eq!(matches!(now, Advance::Waiting { .. }), assume_dead_owners, "{now:?}");
            assert_eq!(matches!(now, Advance::Busy { .. }), !assume_dead_owners, "{now:?}");
        }
    });
}

#[test]
fn a_lost_race_sends_nothing_more() {
    for nth in 0..5 {
        in_virtual_time(async |clock| {
            let (ledger, http, order, stop) = (MemoryLedger::new(), FakeTenant::new(clock), order(1), Signal::new());
            create(&ledger, &order).await;
            let breaking = BreakingLedger::new(&ledger, &http, nth, Break::Stolen);
            let tenant = tenant();
            let sender = Sender::new(&http, clock, &tenant, 300);
            let worker = Worker { sends_messages: true, ..worker(&breaking, &sender, clock, &stop) };
            loop {
                match worker.advance(&order, 1, Pace::default()).await.unwrap() {
                    Advance::Waiting { at, .. } => clock.sleep_until(at).await,
                    Advance::Lost => break,
                    ended @ (Advance::Done(_) | Advance::Busy { .. } | Advance::Absent) => panic!("{nth}: {ended:?}"),
                }
            }
            let calls = http.calls.borrow().len();
            assert_eq!(Some(calls), breaking.calls.get(), "{nth}: nothing leaves after the race is lost");
            let busy = worker.advance(&order, 1, Pace::default()).await.unwrap();
            assert!(matches!(busy, Advance::Busy { .. }), "{busy:?}");
            assert_eq!(http.calls.borrow().len(), calls);
        });
    }
}

/// Counts how many ends of chunks are reported to it.
#[derive(Debug, Default)]
struct Ends(Cell<u32>);

impl Watch for Ends {
    fn changed(&self, run: &ChunkRun) {
        self.0.set(self.0.get() + u32::from(run.outcome().is_some()));
    }
}

#[test]
fn a_chunk_that_ended_between_the_look_and_the_claim_is_not_ended_again() {
    in_virtual_time(async |clock| {
        let (ledger, http, order) = (MemoryLedger::new(), FakeTenant::new(clock), order(1));
        create(&ledger, &order).await;
        let breaking = BreakingLedger::new(&ledger, &http, 0, Break::Ended);
        let (tenant, ends, stop) = (tenant(), Ends::default(), Signal::new());
        let sender = Sender::new(&http, clock, &tenant, order.limits.requests_per_minute);
        let worker = Worker {
            ledger: &breaking,
            sender: &sender,
            clock,
            watch: &ends,
            owner: "late",
            assume_dead_owners: false,
            policy: None,
            sends_messages: true,
            stop: &stop,
            patience: None,
        };
        assert_eq!(worker.advance(&order, 1, Pace::default()).await, Ok(Advance::Done(Outcome::Failed)));
        assert_eq!((ends.0.get(), http.calls.borrow().len()), (0, 0), "whoever ended it has told of it");
        assert_eq!(records(&ledger).await.len(), 1, "the end that somebody else wrote");
        assert_eq!(ledger.chunk(RUN, 1).await.unwrap().unwrap().lease, None, "nobody waits for a lease on it");
    });
}

#[test]
fn two_processes_share_a_run_without_deleting_twice() {
    in_virtual_time(async |clock| {
        let (ledger, http, order) = (MemoryLedger::new(), FakeTenant::new(clock), order(20));
        create(&ledger, &order).await;
        let stop = Signal::new();
        let (a, b) = join(
            carry_out("a", &ledger, &http, clock, &order, &stop),
            carry_out("b", &ledger, &http, clock, &order, &stop),
        )
        .await;
        assert_eq!((a, b), (Ok(RunEnd::Ended), Ok(RunEnd::Ended)));
        assert_eq!(outcomes(&ledger).await, [VERIFIED; 20]);
        assert_eq!((http.count("submit"), http.most_deletions()), (20, 1));
    });
}

#[test]
fn a_request_that_waits_for_the_budget_is_not_taken_over() {
    in_virtual_time(async |clock| {
        let (ledger, http, mut order) = (MemoryLedger::new(), FakeTenant::new(clock), order(8));
        order.limits.requests_per_minute = 2;
        create(&ledger, &order).await;
        let stop = Signal::new();
        let (a, b) = join(
            carry_out("a", &ledger, &http, clock, &order, &stop),
            carry_out("b", &ledger, &http, clock, &order, &stop),
        )
        .await;
        assert_eq!((a, b), (Ok(RunEnd::Ended), Ok(RunEnd::Ended)));
        assert_eq!((outcomes(&ledger).await, http.count("submit")), (vec![VERIFIED; 8], 8));
        let interrupted = records(&ledger).await.into_iter().filter(|r| matches!(r.event, Event::NoAnswer { .. }));
        assert_eq!(interrupted.count(), 0);
    });
}

#[test]
fn a_request_that_waits_for_the_budget_is_sent_once_though_the_clock_is_set_back() {
    for back in [30, 3_600, 86_400].map(Duration::from_secs) {
        in_virtual_time(async |clock| {
            let (ledger, http, mut order) = (MemoryLedger::new(), FakeTenant::new(clock), order(1));
            order.limits.requests_per_minute = 2;
            create(&ledger, &order).await;
            // Together with the count, the minute is full until ten seconds later. A lease is renewed before so little of it is
            // left.
            let mut spent = RateBudget::new(2);
            spent.take(start().minus(Duration::from_secs(50))).unwrap();
            ledger.swap_budget(&order.tenant, 0, &spent).await.unwrap();
            let (wrong, stop) = (clock.elsewhere(), Signal::new());
            // The clock of the first process is set back while its submit waits.
            let setting = async {
                while records(&ledger).await.iter().all(|record| !matches!(record.event, Event::Sending { .. })) {
                    clock.sleep(Duration::from_secs(1)).await;
                }
                assert_eq!(http.count("submit"), 0, "it waits");
                wrong.set_back(back);
            };
            let late = async {
                clock.sleep(Duration::from_secs(2)).await;
                carry_out("b", &ledger, &http, clock, &order, &stop).await
            };
            let (a, b, ()) = join3(carry_out("a", &ledger, &http, &wrong, &order, &stop), late, setting).await;
            assert_eq!((a, b), (Ok(RunEnd::Ended), Ok(RunEnd::Ended)));
            assert_eq!(outcomes(&ledger).await, [VERIFIED]);
            assert_eq!((http.count("submit"), http.most_deletions()), (1, 1), "set back by {back:?}");
        });
    }
}

#[test]
fn a_revoked_token_is_renewed_once_for_all() {
    in_virtual_time(async |clock| {
        let (ledger, http, order) = (MemoryLedger::new(), FakeTenant::new(clock), order(4));
        create(&ledger, &order).await;
        http.revoked.set(1);
        assert_eq!(carry_out("a", &ledger, &http, clock, &order, &Signal::new()).await, Ok(RunEnd::Ended));
        assert_eq!(outcomes(&ledger).await, [VERIFIED; 4]);
        assert_eq!(http.count("token"), 2);
    });
}

#[test]
fn refused_credentials_send_nothing_to_the_api_and_say_why() {
    in_virtual_time(async |clock| {
        let (ledger, http, order) = (MemoryLedger::new(), FakeTenant::new(clock), order(1));
        create(&ledger, &order).await;
        let refusal = HttpResponse::json(401, &json!({"error": "invalid_client", "description": "client not found"}));
        http.will("token", vec![Mishap::Answer(refusal); 9]);
        assert_eq!(carry_out("a", &ledger, &http, clock, &order, &Signal::new()).await, Ok(RunEnd::Ended));
        assert_eq!(http.calls.borrow().iter().filter(|c| !matches!(c.name, "token" | "webhook")).count(), 0);
        assert_eq!(http.count("token"), 2, "asked once more, not for ever");
        let row = ledger.chunk(RUN, 1).await.unwrap().unwrap();
        let cause = row.run.view().cause.unwrap();
        assert_eq!(cause.code, "login.invalid_client");
        assert!(cause.message.contains("client not found"), "{}", cause.message);
        let odd = records(&ledger).await.into_iter().filter(|r| matches!(r.event, Event::Answered { .. }));
        assert_eq!(
            (odd.count(), row.run.view().requests),
            (0, 0),
            "the API was asked nothing and has answered nothing"
        );
    });
}

#[test]
fn a_login_that_is_unwell_is_said_to_be_and_nothing_counts_as_sent() {
    let mut busy = HttpResponse::json(429, &json!({"error": "slow_down"}));
    busy.headers.push(("retry-after".to_owned(), "5".to_owned()));
    let html = HttpResponse { status: 200, headers: Vec::new(), body: "<html>".to_owned() };
    for (mishap, said) in [
        (status(500), "no token: the login answered 500"),
        (Mishap::Answer(busy), "no token: the login answered 429 `slow_down`"),
        (Mishap::Answer(html), "no token: the login answered 200 without"),
        (Mishap::NotSent, "no token: the login did not answer: could not connect"),
    ] {
        in_virtual_time(async |clock| {
            let (ledger, http, order, stop) = (MemoryLedger::new(), FakeTenant::new(clock), order(1), Signal::new());
            create(&ledger, &order).await;
            http.will("token", vec![mishap; 3]);
            let tenant = tenant();
            let sender = Sender::new(&http, clock, &tenant, 300);
            let worker = worker(&ledger, &sender, clock, &stop);
            let advance = worker.advance(&order, 1, Pace::default()).await.unwrap();
            assert!(matches!(advance, Advance::Waiting { .. }), "{said}: {advance:?}");
            let view = ledger.chunk(RUN, 1).await.unwrap().unwrap().run.view();
            let cause = view.cause.unwrap();
            assert!(cause.message.starts_with(said), "{said}: {}", cause.message);
            assert!(cause.code.starts_with("login."), "{said}: {}", cause.code);
            assert_eq!(view.requests, 0, "{said}");
            assert_eq!(carry_out("a", &ledger, &http, clock, &order, &stop).await, Ok(RunEnd::Ended));
            let left = http.calls.borrow().iter().filter(|c| !["token", "webhook"].contains(&c.name)).count();
            let view = ledger.chunk(RUN, 1).await.unwrap().unwrap().run.view();
            assert_eq!((view.outcome, usize::try_from(view.requests)), (VERIFIED, Ok(left)), "{said}");
            let answered = records(&ledger).await.into_iter().filter(|r| matches!(r.event, Event::Answered { .. }));
            assert_eq!(answered.count(), 0, "{said}: the API has not answered");
        });
    }
}

#[test]
fn a_login_that_asks_for_pauses_again_and_again_is_waited_for() {
    in_virtual_time(async |clock| {
        let (ledger, http, order) = (MemoryLedger::new(), FakeTenant::new(clock), order(1));
        create(&ledger, &order).await;
        let mut busy = HttpResponse::json(429, &json!({}));
        busy.headers.push(("retry-after".to_owned(), "5".to_owned()));
        http.will("token", vec![Mishap::Answer(busy); 20]);
        assert_eq!(carry_out("a", &ledger, &http, clock, &order, &Signal::new()).await, Ok(RunEnd::Ended));
        assert_eq!((outcomes(&ledger).await, http.count("token")), (vec![VERIFIED], 21));
    });
}

#[test]
fn an_api_that_refuses_every_new_token_is_not_asked_for_long() {
    in_virtual_time(async |clock| {
        let (ledger, http, order) = (MemoryLedger::new(), FakeTenant::new(clock), order(1));
        create(&ledger, &order).await;
        http.revoked.set(1_000);
        assert_eq!(carry_out("a", &ledger, &http, clock, &order, &Signal::new()).await, Ok(RunEnd::Ended));
        let view = ledger.chunk(RUN, 1).await.unwrap().unwrap().run.view();
        let cause = view.cause.unwrap();
        assert_eq!((view.outcome, http.count("count")), (Some(Outcome::Failed), 6), "three tries with two tokens each");
        assert!(cause.message.contains("the API refuses every new token"), "{}", cause.message);
    });
}

#[test]
fn a_login_that_is_away_for_a_while_costs_nothing_but_time() {
    in_virtual_time(async |clock| {
        let (ledger, http, order) = (MemoryLedger::new(), FakeTenant::new(clock), order(1));
        create(&ledger, &order).await;
        http.will("token", [Mishap::NotSent, Mishap::DroppedBefore, Mishap::Hangs, status(503)]);
        assert_eq!(carry_out("a", &ledger, &http, clock, &order, &Signal::new()).await, Ok(RunEnd::Ended));
        assert_eq!((outcomes(&ledger).await, http.count("submit")), (vec![VERIFIED], 1));
    });
}

#[test]
fn no_minute_sees_more_requests_than_the_limit() {
    in_virtual_time(async |clock| {
        let (ledger, http, mut order) = (MemoryLedger::new(), FakeTenant::new(clock), order(12));
        order.limits.requests_per_minute = 10;
        create(&ledger, &order).await;
        assert_eq!(carry_out("a", &ledger, &http, clock, &order, &Signal::new()).await, Ok(RunEnd::Ended));
        assert_eq!(outcomes(&ledger).await, [VERIFIED; 12]);
        assert_eq!(http.most_deletions(), 1, "a chunk that waits for the budget keeps its lease");
        let calls = http.calls.borrow();
        let api: Vec<_> = calls.iter().filter(|c| !matches!(c.name, "token" | "webhook")).map(|c| c.at).collect();
        for window in api.windows(11) {
            assert!(window[10].since(window[0]) >= Duration::from_secs(60), "{window:?}");
        }
    });
}

#[test]
fn a_429_pauses_everybody() {
    in_virtual_time(async |clock| {
        let (ledger, http, order) = (MemoryLedger::new(), FakeTenant::new(clock), order(4));
        create(&ledger, &order).await;
        let mut limited = HttpResponse::json(429, &json!({"code": "too.many.requests", "status": 429}));
        limited.headers.push(("retry-after".to_owned(), "40".to_owned()));
        http.will("submit", [Mishap::Answer(limited)]);
        assert_eq!(carry_out("a", &ledger, &http, clock, &order, &Signal::new()).await, Ok(RunEnd::Ended));
        assert_eq!(outcomes(&ledger).await, [VERIFIED; 4]);
        let calls = http.calls.borrow();
        let limited_at = calls.iter().find(|c| c.name == "submit").map(|c| c.at).unwrap();
        let pause = limited_at.plus(Duration::from_secs(1))..limited_at.plus(Duration::from_secs(40));
        assert_eq!(calls.iter().filter(|c| c.name != "webhook" && pause.contains(&c.at)).count(), 0);
    });
}

#[test]
fn a_pause_asked_for_in_answer_to_any_call_is_kept() {
    for name in ["token", "count", "submit", "status", "webhook"] {
        in_virtual_time(async |clock| {
            let (ledger, http, order) = (MemoryLedger::new(), FakeTenant::new(clock), order(4));
            create(&ledger, &order).await;
            let mut limited = HttpResponse::json(429, &json!({"code": "too.many.requests", "status": 429}));
            limited.headers.push(("retry-after".to_owned(), "40".to_owned()));
            http.will(name, [Mishap::Answer(limited)]);
            assert_eq!(carry_out("a", &ledger, &http, clock, &order, &Signal::new()).await, Ok(RunEnd::Ended));
            assert_eq!((outcomes(&ledger).await, http.most_deletions()), (vec![VERIFIED; 4], 1), "{name}");
            let calls = http.calls.borrow();
            // Compare with the repetition of the same call: others may have been under way already.
            let first = calls.iter().find(|call| call.name == name).unwrap();
            let (url, body) = (&first.request.url, &first.request.body);
            let same = |call: &&Call| call.name == name && call.request.url == *url && call.request.body == *body;
            let again = calls.iter().filter(same).nth(1).unwrap();
            assert!(again.at.since(first.at) >= Duration::from_secs(40), "{name}: {} then {}", first.at, again.at);
        });
    }
}

/// With little patience, as in functions: everybody has to pause beyond a chunk's deadline while its deletion is under way.
#[test]
fn a_pause_beyond_the_deadline_is_waited_for_once() {
    in_virtual_time(async |clock| {
        let (ledger, http, mut order, stop) = (MemoryLedger::new(), FakeTenant::new(clock), order(1), Signal::new());
        order.limits.chunk_deadline_seconds = 60;
        create(&ledger, &order).await;
        let pause = ("retry-after".to_owned(), "900".to_owned());
        let busy = HttpResponse { status: 429, headers: vec![pause], body: String::new() };
        http.will("status", [Mishap::Answer(busy)]);
        let tenant = tenant();
        let sender = Sender::new(&http, clock, &tenant, 300);
        let worker = Worker { patience: Some(Duration::from_secs(2)), ..worker(&ledger, &sender, clock, &stop) };
        let mut looks = 0;
        while let Advance::Waiting { at, .. } = worker.advance(&order, 1, Pace::default()).await.unwrap() {
            looks += 1;
            assert!(looks < 20, "still waiting at {}", clock.now());
            // The least time that a message and an invocation take.
            clock.sleep(Duration::from_millis(100)).await;
            clock.sleep_until(at).await;
        }
        assert!(clock.now() > start().plus(Duration::from_secs(900)));
    });
}

/// The clock was a day ahead and is corrected while chunks wait for their deletions, for the login and for the budget.
#[test]
fn a_clock_that_is_set_right_does_not_stop_a_run_for_as_long_as_it_was_wrong() {
    let pause = ("retry-after".to_owned(), "20".to_owned());
    let busy = HttpResponse { status: 429, headers: vec![pause], body: String::new() };
    for (name, mishap) in [
        ("status", status(503)),
        ("status", Mishap::Answer(busy.clone())),
        ("submit", Mishap::DroppedBefore),
        ("token", Mishap::Answer(busy)),
    ] {
        in_virtual_time(async |clock| {
            let (ledger, http, order, stop) = (MemoryLedger::new(), FakeTenant::new(clock), order(2), Signal::new());
            create(&ledger, &order).await;
            http.will(name, [mishap.clone()]);
            let begun = clock.steady();
            let corrected = async {
                clock.sleep(Duration::from_secs(1)).await;
                clock.set_back(Duration::from_secs(86_400));
            };
            let (end, ()) = join(carry_out("a", &ledger, &http, clock, &order, &stop), corrected).await;
            assert_eq!((end, outcomes(&ledger).await), (Ok(RunEnd::Ended), vec![VERIFIED; 2]), "{name}");
            let took = clock.steady().saturating_sub(begun);
            assert!(took < Duration::from_secs(600), "{name}: {took:?}");
        });
    }
}

#[test]
fn a_duration_is_that_of_the_chunk() {
    in_virtual_time(async |clock| {
        let (ledger, http, mut order) = (MemoryLedger::new(), FakeTenant::new(clock), order(4));
        order.limits.concurrency = 1;
        create(&ledger, &order).await;
        assert_eq!(carry_out("a", &ledger, &http, clock, &order, &Signal::new()).await, Ok(RunEnd::Ended));
        let ended = records(&ledger).await.into_iter().filter(|r| matches!(r.event, Event::Finished { .. }));
        let each: Vec<Duration> = ended.map(|record| Duration::from_millis(record.duration_ms)).collect();
        assert!(each.len() == 4 && each.iter().all(|time| !time.is_zero()), "{each:?}");
        // The chunks ran one after the other, so together they cannot have taken longer than the run.
        assert!(each.iter().sum::<Duration>() <= clock.now().since(start()), "{each:?}");
    });
}

#[test]
fn a_wait_is_handed_back_and_not_slept_through() {
    in_virtual_time(async |clock| {
        let (ledger, http, order, stop) = (MemoryLedger::new(), FakeTenant::new(clock), order(1), Signal::new());
        create(&ledger, &order).await;
        let mut limited = HttpResponse::json(429, &json!({"code": "too.many.requests", "status": 429}));
        limited.headers.push(("retry-after".to_owned(), "600".to_owned()));
        http.will("submit", [Mishap::Answer(limited)]);
        let tenant = tenant();
        let sender = Sender::new(&http, clock, &tenant, 300);
        let worker = worker(&ledger, &sender, clock, &stop);
        let advance = worker.advance(&order, 1, Pace::default()).await.unwrap();
        let Advance::Waiting { at, .. } = advance else { panic!("{advance:?}") };
        assert!(at >= start().plus(Duration::from_secs(600)), "{at}");
        assert!(clock.now() < start().plus(Duration::from_secs(1)), "nobody is paid for waiting: {}", clock.now());
        assert_eq!(ledger.chunk(RUN, 1).await.unwrap().unwrap().lease, None, "whoever is woken then may go on");
    });
}

#[test]
fn every_attempt_at_a_submit_has_the_same_bytes() {
    in_virtual_time(async |clock| {
        let (ledger, http, order) = (MemoryLedger::new(), FakeTenant::new(clock), order(1));
        create(&ledger, &order).await;
        http.will("submit", [Mishap::NotSent, status(429), Mishap::DroppedBefore, Mishap::Hangs]);
        assert_eq!(carry_out("a", &ledger, &http, clock, &order, &Signal::new()).await, Ok(RunEnd::Ended));
        assert_eq!((outcomes(&ledger).await, http.most_deletions()), (vec![VERIFIED], 1));
        let calls = http.calls.borrow();
        let submits: Vec<_> = calls.iter().filter(|c| c.name == "submit").map(|c| &c.request).collect();
        assert!(submits.len() >= 3, "{}", submits.len());
        assert!(submits.windows(2).all(|pair| pair[0] == pair[1]));
    });
}

#[test]
fn an_answer_lost_after_the_deletion_is_found_not_repeated() {
    in_virtual_time(async |clock| {
        let (ledger, http, order) = (MemoryLedger::new(), FakeTenant::new(clock), order(2));
        create(&ledger, &order).await;
        http.will("submit", [Mishap::DroppedAfter, Mishap::DroppedAfter]);
        assert_eq!(carry_out("a", &ledger, &http, clock, &order, &Signal::new()).await, Ok(RunEnd::Ended));
        assert_eq!((outcomes(&ledger).await, http.count("submit")), (vec![VERIFIED; 2], 2));
    });
}

#[test]
fn a_stop_leaves_a_checkpoint_to_go_on_from() {
    in_virtual_time(async |clock| {
        let (ledger, http, order) = (MemoryLedger::new(), FakeTenant::new(clock), order(12));
        create(&ledger, &order).await;
        let stop = Signal::new();
        let press = async {
            clock.sleep_until(start().plus(Duration::from_millis(3_300))).await;
            stop.raise();
        };
        let (end, ()) = join(carry_out("a", &ledger, &http, clock, &order, &stop), press).await;
        assert_eq!(end, Ok(RunEnd::Stopped));
        assert!(clock.now() < start().plus(Duration::from_secs(5)), "{}", clock.now());
        let rows = ledger.chunks(RUN, 0, 20).await.unwrap();
        assert!(rows.iter().all(|row| row.run.in_flight_since().is_none() && row.lease.is_none()));
        assert!(rows.iter().any(|row| row.run.outcome().is_none()));
        assert_eq!(carry_out("b", &ledger, &http, clock, &order, &Signal::new()).await, Ok(RunEnd::Ended));
        assert_eq!((outcomes(&ledger).await, http.most_deletions()), (vec![VERIFIED; 12], 1));
        assert_eq!(http.count("submit"), 12, "nothing was sent that had to be looked for");
    });
}

#[test]
fn a_stop_does_not_wait_for_the_request_budget() {
    in_virtual_time(async |clock| {
        let (ledger, http, mut order) = (MemoryLedger::new(), FakeTenant::new(clock), order(4));
        order.limits.requests_per_minute = 2;
        create(&ledger, &order).await;
        let stop = Signal::new();
        let press = async {
            clock.sleep_until(start().plus(Duration::from_secs(3))).await;
            stop.raise();
        };
        let (end, ()) = join(carry_out("a", &ledger, &http, clock, &order, &stop), press).await;
        assert_eq!(end, Ok(RunEnd::Stopped));
        assert!(clock.now() < start().plus(Duration::from_secs(4)), "{}", clock.now());
    });
}

#[test]
fn cancelling_ends_what_has_not_begun_and_watches_what_has() {
    in_virtual_time(async |clock| {
        let (ledger, http, order) = (MemoryLedger::new(), FakeTenant::new(clock), order(40));
        create(&ledger, &order).await;
        let cancel = async {
            clock.sleep_until(start().plus(Duration::from_secs(4))).await;
            assert!(ledger.ask_cancel(RUN, &asked(clock.now())).await.unwrap());
            http.count("submit")
        };
        let stop = Signal::new();
        let (end, submits) = join(carry_out("a", &ledger, &http, clock, &order, &stop), cancel).await;
        assert_eq!(end, Ok(RunEnd::Ended));
        assert_eq!(http.count("submit"), submits, "no deletion leaves after it");
        let outcomes = outcomes(&ledger).await;
        let verified = outcomes.iter().filter(|o| **o == VERIFIED).count();
        let cancelled = outcomes.iter().filter(|o| **o == Some(Outcome::Cancelled)).count();
        assert_eq!((verified, cancelled), (http.count("submit"), 40 - http.count("submit")));
        assert!(clock.now() < start().plus(Duration::from_secs(20)), "{}", clock.now());

        let cancel = ledger.run(RUN).await.unwrap().unwrap().cancel_asked.unwrap();
        assert!(ledger.withdraw_cancel(RUN, cancel.at, clock.now()).await.unwrap());
        for index in 1..=40 {
            let again = redrive(&ledger, &order, index, "b", &asked(clock.now()), clock.now()).await.unwrap();
            let needed = outcomes[usize::try_from(index).unwrap() - 1] != VERIFIED;
            assert_eq!(again, if needed { Redriven::Queued } else { Redriven::NotNeeded });
        }
        assert_eq!(carry_out("b", &ledger, &http, clock, &order, &Signal::new()).await, Ok(RunEnd::Ended));
        assert_eq!((common::outcomes(&ledger).await, http.most_deletions()), (vec![VERIFIED; 40], 1));
    });
}

#[test]
fn a_cancel_stands_against_a_retry_that_was_asked_for_before_it() {
    in_virtual_time(async |clock| {
        let (ledger, http, order) = (MemoryLedger::new(), FakeTenant::new(clock), order(3));
        create(&ledger, &order).await;
        let end = async || carry_out("a", &ledger, &http, clock, &order, &Signal::new()).await.unwrap();
        let look = async || {
            let row = ledger.run(RUN).await.unwrap().unwrap();
            Retry::choose(&ledger, &row, None).await.unwrap()
        };
        let cancel = async || assert!(ledger.ask_cancel(RUN, &asked(clock.now())).await.unwrap());
        let second = Duration::from_secs(1);
        cancel().await;
        end().await;

        // Looking at every chunk and comparing policies takes time. Meanwhile somebody pulls the kill switch once more.
        clock.sleep(second).await;
        let late = look().await;
        clock.sleep(second).await;
        cancel().await;
        let cancelled = || Err(NoRetry::Obstacle(Obstacle::Cancelled));
        assert_eq!(late.queue(&ledger, &order, "b", &asked(clock.now())).await, cancelled());
        assert!(ledger.cancel_asked(RUN).await.unwrap().is_some());
        end().await;
        assert_eq!(http.count("submit"), 0);

        // A retry that has seen that cancel takes it back; a second such retry finds nothing to take back.
        let (seen, also) = (look().await, look().await);
        assert_eq!(seen.queue(&ledger, &order, "b", &asked(clock.now())).await, Ok(Queued { queued: 3, busy: 0 }));
        assert_eq!(also.queue(&ledger, &order, "b", &asked(clock.now())).await, Ok(Queued::default()));
        // A retry that looked before the cancel does not take it back either.
        let unaware = look().await;
        cancel().await;
        assert_eq!(unaware.queue(&ledger, &order, "b", &asked(clock.now())).await, cancelled());
        end().await;
        assert_eq!(http.count("submit"), 0);
    });
}

/// A chunk that looks up 10,000 held conversations before its deletion: 200 requests of 50 ms.
fn with_many_look_ups(http: &FakeTenant) -> Order {
    let mut order = order(1);
    let held = |i| HeldConversation { id: format!("{i:08}"), hold: "h".to_owned() };
    order.held_conversations = (0..10_000).map(held).collect();
    order.limits.requests_per_minute = 100_000;
    http.will("other", (0..200).map(|_| Mishap::Answer(HttpResponse::json(200, &json!({})))));
    order
}

/// How many requests began later than so many seconds after the start.
fn begun_after(http: &FakeTenant, seconds: u64) -> usize {
    http.calls.borrow().iter().filter(|call| call.at > start().plus(Duration::from_secs(seconds))).count()
}

#[test]
fn a_cancel_during_a_chain_of_look_ups_ends_it_with_the_answer_in_hand() {
    in_virtual_time(async |clock| {
        let (ledger, http, stop) = (MemoryLedger::new(), FakeTenant::new(clock), Signal::new());
        let order = with_many_look_ups(&http);
        create(&ledger, &order).await;
        let cancel = async {
            clock.sleep_until(start().plus(Duration::from_millis(1_020))).await;
            assert!(ledger.ask_cancel(RUN, &asked(clock.now())).await.unwrap());
        };
        let tenant = tenant();
        let sender = Sender::new(&http, clock, &tenant, 100_000);
        let worker = worker(&ledger, &sender, clock, &stop);
        let (advance, ()) = join(worker.advance(&order, 1, Pace::default()), cancel).await;
        assert_eq!(advance, Ok(Advance::Done(Outcome::Cancelled)));
        assert_eq!((http.count("submit"), begun_after(&http, 1)), (0, 0));
        let last: Vec<_> = records(&ledger).await.into_iter().rev().take(2).map(|record| record.event).collect();
        assert!(matches!(last[..], [Event::Finished { .. }, Event::CancelAsked { .. }]), "{last:?}");
    });
}

#[test]
fn a_cancel_while_a_deletion_waits_for_the_request_budget_keeps_it_back() {
    in_virtual_time(async |clock| {
        let (ledger, http, mut order, stop) = (MemoryLedger::new(), FakeTenant::new(clock), order(1), Signal::new());
        order.limits.requests_per_minute = 1;
        create(&ledger, &order).await;
        let cancel = async {
            clock.sleep_until(start().plus(Duration::from_secs(10))).await;
            assert!(ledger.chunk(RUN, 1).await.unwrap().unwrap().run.is_deleting(), "it is about to leave");
            assert!(ledger.ask_cancel(RUN, &asked(clock.now())).await.unwrap());
        };
        let (end, ()) = join(carry_out("a", &ledger, &http, clock, &order, &stop), cancel).await;
        assert_eq!((end, outcomes(&ledger).await), (Ok(RunEnd::Ended), vec![Some(Outcome::Cancelled)]));
        assert_eq!(http.count("submit"), 0);
        let view = ledger.chunk(RUN, 1).await.unwrap().unwrap().run.view();
        assert_eq!((view.submits, view.requests), (0, 1), "what did not leave is no request");
    });
}

#[test]
fn nothing_leaves_after_a_stop() {
    in_virtual_time(async |clock| {
        let (ledger, http, stop) = (MemoryLedger::new(), FakeTenant::new(clock), Signal::new());
        let order = with_many_look_ups(&http);
        create(&ledger, &order).await;
        let press = async {
            clock.sleep_until(start().plus(Duration::from_millis(1_020))).await;
            stop.raise();
        };
        let tenant = tenant();
        let sender = Sender::new(&http, clock, &tenant, 100_000);
        let worker = worker(&ledger, &sender, clock, &stop);
        let (advance, ()) = join(worker.advance(&order, 1, Pace::default()), press).await;
        assert!(matches!(advance, Ok(Advance::Waiting { .. })), "{advance:?}");
        assert!(clock.now() < start().plus(Duration::from_millis(1_100)), "it was handed back: {}", clock.now());
        assert_eq!(begun_after(&http, 1), 0);
        // Nor does a deletion leave that was ready when the stop came while the policy was read.
        let (http, order, stop) = (FakeTenant::new(clock), common::order(1), Signal::new());
        let ledger = MemoryLedger::new();
        create(&ledger, &order).await;
        let policy = StopsWhenRead { stop: &stop };
        let sender = Sender::new(&http, clock, &tenant, 300);
        let worker = Worker { policy: Some(&policy), ..self::worker(&ledger, &sender, clock, &stop) };
        let advance = worker.advance(&order, 1, Pace::default()).await;
        assert!(matches!(advance, Ok(Advance::Waiting { .. })), "{advance:?}");
        assert!(stop.is_raised());
        assert_eq!(http.count("submit"), 0);
    });
}

/// A tenant with one recording job. It is always counted already, and once executed it has always run already.
#[derive(Debug, Default)]
struct OneJob {
    executed: Cell<bool>,
}

impl Http for OneJob {
    async fn send(&self, request: WireRequest) -> Result<HttpResponse, NoResponse> {
        let (login, executes) = (request.url.contains("oauth"), request.method == Method::Put);
        self.executed.set(self.executed.get() || executes);
        let state = if self.executed.get() { "FULFILLED" } else { "READY" };
        let job = json!({ "id": "job-1", "state": state, "totalConversations": 3, "totalRecordings": 5,
            "totalProcessedRecordings": 5, "totalSkippedRecordings": 0, "totalFailedRecordings": 0 });
        let token = json!({ "access_token": "t", "token_type": "bearer", "expires_in": 86_400 });
        let nothing = json!({ "totalHits": 0 });
        let lists = request.url.contains("/analytics/");
        Ok(HttpResponse::json(
            200,
            if login {
                &token
            } else if lists {
                &nothing
            } else {
                &job
            },
        ))
    }
}

/// Collects why the policy could not be read.
#[derive(Debug, Default)]
struct PolicyUnread(std::cell::RefCell<Vec<Cause>>);

impl Watch for PolicyUnread {
    fn changed(&self, _run: &ChunkRun) {}

    fn policy_unread(&self, _run: &ChunkRun, why: &Cause) {
        self.0.borrow_mut().push(why.clone());
    }
}

/// Nothing is about to leave in a cool-off, so nothing is stopped. But the watcher is told that new holds go unnoticed.
#[test]
fn a_policy_that_cannot_be_read_in_a_cool_off_is_told_of() {
    in_virtual_time(async |clock| {
        let (ledger, http, mut order, stop) = (MemoryLedger::new(), OneJob::default(), order(1), Signal::new());
        (order.request.api, order.request.record_types) = (DeletionApi::RecordingJobs, vec![RecordType::Recording]);
        order.request.recordings = Some(serde_json::from_value(json!({ "coolOffDays": 7 })).unwrap());
        create(&ledger, &order).await;
        let day = start().plus(Duration::from_secs(86_400));
        let texts = vec![(start(), Ok(json!({"version": 1}).to_string())), (day, Err("it is gone".to_owned()))];
        let policy = Changing { clock, texts, asked: Cell::new(0) };
        let (tenant, watch) = (tenant(), PolicyUnread::default());
        let sender = Sender::new(&http, clock, &tenant, 300);
        let (policy, owner) = (Some(&policy as &dyn PolicyInForce), "a");
        let worker = Worker {
            ledger: &ledger,
            sender: &sender,
            clock,
            watch: &watch,
            owner,
            assume_dead_owners: false,
            policy,
            sends_messages: false,
            stop: &stop,
            patience: None,
        };
        let look = async || match worker.advance(&order, 1, Pace::default()).await.unwrap() {
            Advance::Waiting { at, reason } => {
                clock.sleep_until(at).await;
                reason
            }
            other @ (Advance::Done(_) | Advance::Lost | Advance::Busy { .. } | Advance::Absent) => panic!("{other:?}"),
        };
        while look().await != WaitReason::CoolOff {}
        while clock.now() < day {
            look().await;
        }
        assert_eq!(watch.0.borrow().len(), 0, "while it can be read there is nothing to tell");
        assert_eq!(look().await, WaitReason::CoolOff, "it goes on waiting");
        let told = watch.0.borrow();
        assert!(
            told.len() == 1 && told[0].code == "policy.unreadable" && told[0].message.contains("it is gone"),
            "{told:?}"
        );
    });
}

/// A policy during whose reading a stop is raised.
#[derive(Debug)]
struct StopsWhenRead<'a> {
    stop: &'a Signal,
}

impl PolicyInForce for StopsWhenRead<'_> {
    fn read(&self) -> LocalBoxFuture<'_, Result<String, String>> {
        self.stop.raise();
        ready(Ok(json!({"version": 1}).to_string())).boxed_local()
    }
}

#[test]
fn messages_are_tried_again_until_the_receiver_has_them() {
    in_virtual_time(async |clock| {
        let (ledger, http, order) = (MemoryLedger::new(), FakeTenant::new(clock), order(2));
        create(&ledger, &order).await;
        http.will("webhook", [status(500), Mishap::DroppedBefore, Mishap::Hangs, status(302)]);
        assert_eq!(carry_out("a", &ledger, &http, clock, &order, &Signal::new()).await, Ok(RunEnd::Ended));
        let rows = ledger.outbox(RUN).await.unwrap();
        assert!(rows.iter().all(|row| matches!(row.state, MessageState::Delivered { .. })), "{rows:?}");
        assert_eq!(rows.iter().map(|row| row.attempts).sum::<u32>(), 6);
    });
}

#[test]
fn messages_that_cannot_be_delivered_stay_in_the_ledger_and_do_not_hold_up_the_run() {
    in_virtual_time(async |clock| {
        let (ledger, http, order) = (MemoryLedger::new(), FakeTenant::new(clock), order(2));
        create(&ledger, &order).await;
        http.will("webhook", vec![status(500); 100]);
        assert_eq!(carry_out("a", &ledger, &http, clock, &order, &Signal::new()).await, Ok(RunEnd::Ended));
        assert!(clock.now() < start().plus(Duration::from_secs(100)), "{}", clock.now());
        assert_eq!(ledger.outbox_pending(RUN, 9).await.unwrap().len(), 2);
        assert_eq!(outcomes(&ledger).await, [VERIFIED; 2]);
    });
}

#[test]
fn a_receiver_that_is_gone_is_left_alone() {
    in_virtual_time(async |clock| {
        let (ledger, http, order) = (MemoryLedger::new(), FakeTenant::new(clock), order(12));
        create(&ledger, &order).await;
        http.will("webhook", vec![status(410); 100]);
        assert_eq!(carry_out("a", &ledger, &http, clock, &order, &Signal::new()).await, Ok(RunEnd::Ended));
        assert!(http.count("webhook") <= 4, "{}", http.count("webhook"));
    });
}

#[test]
fn a_job_slot_is_given_back_with_the_end_of_its_chunk() {
    in_virtual_time(async |clock| {
        let (ledger, http, mut order) = (MemoryLedger::new(), FakeTenant::new(clock), order(1));
        order.request.api = DeletionApi::RecordingJobs;
        order.request.record_types = vec![RecordType::Recording];
        order.limits.max_records = None;
        create(&ledger, &order).await;
        assert_eq!(carry_out("a", &ledger, &http, clock, &order, &Signal::new()).await, Ok(RunEnd::Ended));
        assert_eq!((outcomes(&ledger).await, http.count("job")), (vec![Some(Outcome::Rejected)], 1));
        for holder in ["x", "y"] {
            assert!(ledger.take_slot(Slot { tenant: &order.tenant, holder }, 2).await.unwrap());
        }
    });
}

#[test]
fn a_chunk_without_a_slot_waits_and_sends_nothing() {
    in_virtual_time(async |clock| {
        let (ledger, http, mut order) = (MemoryLedger::new(), FakeTenant::new(clock), order(1));
        order.request.api = DeletionApi::RecordingJobs;
        order.request.record_types = vec![RecordType::Recording];
        order.limits.max_records = None;
        create(&ledger, &order).await;
        let slot = |holder| Slot { tenant: "https://api.example.com", holder };
        for holder in ["x", "y"] {
            assert!(ledger.take_slot(slot(holder), 2).await.unwrap());
        }
        let free_at = start().plus(Duration::from_secs(600));
        let free = async {
            clock.sleep_until(free_at).await;
            ledger.release_slot(slot("x")).await.unwrap();
        };
        let stop = Signal::new();
        let (end, ()) = join(carry_out("a", &ledger, &http, clock, &order, &stop), free).await;
        assert_eq!((end, http.count("job")), (Ok(RunEnd::Ended), 1));
        assert!(http.calls.borrow().iter().find(|c| c.name == "job").unwrap().at >= free_at);
    });
}

#[test]
fn an_early_or_unknown_wake_up_changes_nothing() {
    in_virtual_time(async |clock| {
        let (ledger, http, order, stop) = (MemoryLedger::new(), FakeTenant::new(clock), order(1), Signal::new());
        create(&ledger, &order).await;
        let tenant = tenant();
        let sender = Sender::new(&http, clock, &tenant, 300);
        let worker = worker(&ledger, &sender, clock, &stop);
        let first = worker.advance(&order, 1, Pace::default()).await.unwrap();
        assert!(matches!(first, Advance::Waiting { .. }), "{first:?}");
        let (before, calls) = (ledger.chunk(RUN, 1).await.unwrap(), http.calls.borrow().len());
        assert_eq!(worker.advance(&order, 1, Pace::default()).await.unwrap(), first);
        assert_eq!(worker.advance(&order, 2, Pace::default()).await.unwrap(), Advance::Absent);
        assert_eq!((ledger.chunk(RUN, 1).await.unwrap(), http.calls.borrow().len()), (before, calls));
    });
}

#[test]
fn a_long_run_is_quick_in_virtual_time() {
    in_virtual_time(async |clock| {
        let (ledger, http, mut order) = (MemoryLedger::new(), FakeTenant::new(clock), order(400));
        order.limits.requests_per_minute = 100_000;
        create(&ledger, &order).await;
        assert_eq!(carry_out("a", &ledger, &http, clock, &order, &Signal::new()).await, Ok(RunEnd::Ended));
        assert_eq!((outcomes(&ledger).await, http.most_deletions()), (vec![VERIFIED; 400], 1));
        assert!(clock.now() > Timestamp::EPOCH);
    });
}

/// The word of a person who asks for something at this time.
fn asked(at: Timestamp) -> Asked {
    Asked { by: "c@example.com".to_owned(), at }
}
