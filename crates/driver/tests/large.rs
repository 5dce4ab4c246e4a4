//! Runs with very many chunks, carried out as functions do: all chunks are woken at once and share a budget that is small for them.

#![cfg(test)]

mod common;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use common::{FakeTenant, create, order, outcomes, records, start, tenant};
use futures_util::future::join_all;
use purge_core::request::RecordType;
use purge_core::run::{Order, Outcome, Pace};
use purge_core::time::Timestamp;
use purge_driver::{Advance, Clock, MemoryLedger, Sender, Signal, Unwatched, VirtualClock, Worker, virtual_time};

/// Messages being handled at a time: five workers with batches of five.
const HANDS: usize = 25;

/// The least time that an invocation takes.
const INVOCATION: Duration = Duration::from_millis(40);

/// Carries out the run by messages that each name a chunk and are delayed by whole seconds. Returns how many were sent.
async fn by_messages(clock: &VirtualClock, ledger: &MemoryLedger, http: &FakeTenant, order: &Order) -> u64 {
    let tenant = tenant();
    let sender = Sender::new(http, clock, &tenant, order.limits.requests_per_minute);
    let queue: RefCell<BTreeMap<(Timestamp, u64), u32>> = RefCell::default();
    let (sent, open) = (Cell::new(0_u64), Cell::new(order.chunks));
    let send = |at: Timestamp, chunk: u32| {
        // A delay longer than a queue allows takes several messages.
        sent.set(sent.get() + 1 + at.since(clock.now()).as_secs() / 900);
        queue.borrow_mut().insert((at, sent.get()), chunk);
    };
    (1..=order.chunks).for_each(|chunk| send(clock.now(), chunk));
    let hand = |n: usize| {
        let (queue, send, sender, open) = (&queue, &send, &sender, &open);
        async move {
            let (owner, stop) = (format!("hand-{n}"), Signal::new());
            let worker = Worker {
                ledger,
                sender,
                clock,
                watch: &Unwatched,
                owner: &owner,
                assume_dead_owners: false,
                policy: None,
                sends_messages: false,
                stop: &stop,
                patience: Some(Duration::from_secs(2)),
            };
            while open.get() > 0 {
                let next = queue.borrow().first_key_value().map(|(&(at, _), _)| at);
                if next.is_none_or(|at| at > clock.now()) {
                    clock.sleep(Duration::from_millis(100)).await;
                    continue;
                }
                let (_, chunk) = queue.borrow_mut().pop_first().unwrap();
                clock.sleep(INVOCATION).await;
                let at = match worker.advance(order, chunk, Pace::default()).await.unwrap() {
                    Advance::Waiting { at, .. } | Advance::Busy { until: at } => at,
                    Advance::Done(_) => {
                        open.set(open.get() - 1);
                        continue;
                    }
                    lost @ (Advance::Lost | Advance::Absent) => panic!("{lost:?}"),
                };
                let seconds = u64::try_from(at.since(clock.now()).as_millis().div_ceil(1000)).unwrap();
                send(clock.now().plus(Duration::from_secs(seconds)), chunk);
            }
        }
    };
    join_all((0..HANDS).map(hand)).await;
    sent.get()
}

/// A tenth of the most chunks that the planner accepts, with a tenth of the requests that are allowed. Together they take longer
/// than the default deadline of each.
#[test]
fn chunks_that_wait_for_each_other_are_carried_out_and_their_logs_stay_short() {
    carries_out(2_100, 25);
}

/// Chunks that have not begun give way to those that have, however many there are. A run four times as long takes few more messages
/// for each chunk, and those only because a queue limits delays.
#[test]
fn very_many_chunks_do_not_wake_each_other_in_vain() {
    carries_out(8_000, 60);
}

/// Carries out so many chunks, with at most so many messages for each.
fn carries_out(chunks: u32, messages: u64) {
    let clock = VirtualClock::new(start());
    let test = async {
        let (ledger, http, mut order) = (MemoryLedger::new(), FakeTenant::new(&clock), order(chunks));
        order.request.record_types = vec![RecordType::Conversation, RecordType::Interaction, RecordType::Message];
        order.limits.requests_per_minute = 30;
        create(&ledger, &order).await;
        let sent = by_messages(&clock, &ledger, &http, &order).await;
        let took = clock.now().since(start());
        assert!(took > order.limits.chunk_deadline(), "{took:?} is no long time");
        let ended = outcomes(&ledger).await;
        let verified = ended.iter().filter(|outcome| **outcome == Some(Outcome::Verified)).count();
        assert_eq!((verified, http.count("submit")), (ended.len(), ended.len()));
        let mut of_chunk = BTreeMap::<u32, usize>::new();
        records(&ledger).await.iter().for_each(|record| *of_chunk.entry(record.chunk).or_default() += 1);
        let longest = of_chunk.values().max().copied().unwrap();
        assert!(longest <= 26, "a chunk has {longest} records");
        assert!(sent < messages * u64::from(order.chunks), "{sent} messages");
    };
    virtual_time::run(&clock, test).unwrap();
}
