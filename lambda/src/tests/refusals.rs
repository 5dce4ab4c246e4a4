//! A table that refuses for good, and one whose errors pass.

use std::time::Duration;

use purge_core::time::Timestamp;
use purge_core::wake::WakeUp;
use serde_json::{Value, json};

use super::fakes::{Sent, World, asked, event, no_webhook, sent, take_metrics};
use crate::ledger::canned::refusing;
use crate::wake::{Errand, ErrandKind, Retry, Sweep};

/// Delivers a wake-up while the table gives every call this answer. Returns the worker's answer, and how many wake-ups it sent.
async fn wake_while_table_answers(status: u16, code: &str) -> (Value, usize) {
    let world = World::new();
    let ledger = refusing(status, code, &[]);
    let wake = sent(WakeUp::new("run-1", 1).text());
    let invocation = world.invocation(Duration::from_secs(120));
    let answer = world.functions_over(&ledger).work(&event(&[wake]), &invocation).await.unwrap();
    (answer, world.chunks.take().len())
}

#[tokio::test(flavor = "current_thread")]
async fn a_chunk_waits_for_a_table_that_may_answer_later_and_for_no_other() {
    // Waiting is a new message, which does not count how often the chunk has waited in vain.
    for (status, code) in [(400, "ThrottlingException"), (500, "InternalServerError")] {
        assert_eq!(wake_while_table_answers(status, code).await, (json!({"batchItemFailures": []}), 1), "{code}");
    }
    for code in ["AccessDeniedException", "ValidationException", "ItemCollectionSizeLimitExceededException"] {
        let failed = json!({"batchItemFailures": [{"itemIdentifier": "m0"}]});
        assert_eq!(wake_while_table_answers(400, code).await, (failed, 0), "{code}");
    }
}

/// Delivers an errand while the table gives every call this answer. Returns the courier's answer, and the errands that it sent.
async fn run_while_table_answers(status: u16, code: &str, errand: &Errand) -> (Value, Vec<Sent>) {
    let world = World::new();
    let ledger = refusing(status, code, &[]);
    let (functions, invocation) = (world.functions_over(&ledger), world.invocation(Duration::from_secs(300)));
    let errand = sent(serde_json::to_string(errand).unwrap());
    let answer = functions.run_errands(&event(&[errand]), &no_webhook, &invocation).await.unwrap();
    (answer, world.for_couriers())
}

/// A delivery in vain hides an errand for half an hour, and with it, perhaps, the only thing that wakes a run.
#[tokio::test(flavor = "current_thread")]
async fn an_errand_waits_for_a_table_that_may_answer_later_and_for_no_other() {
    for kind in [
        ErrandKind::FanOut { after: 7 },
        ErrandKind::Deliver { message: "message-1".to_owned() },
        ErrandKind::Sweep(Sweep::default()),
        ErrandKind::Retry(Retry { rows: vec![(1, 3)], ended_by: Timestamp::EPOCH, asked: asked(Timestamp::EPOCH) }),
        ErrandKind::Evidence,
    ] {
        let errand = Errand::new("run-1", kind);
        for (status, code) in [(400, "ThrottlingException"), (500, "InternalServerError")] {
            let next = |n| serde_json::to_string(&Errand { unanswered: n, ..errand.clone() }).unwrap();
            let again = Sent { delay_seconds: 30, ..sent(next(1)) };
            let answered = run_while_table_answers(status, code, &errand).await;
            assert_eq!(answered, (json!({"batchItemFailures": []}), vec![again]), "{code}: {errand:?}");
            assert_eq!(take_metrics("FailedDeliveries").len(), 0);
            // But not for ever, or no alarm would ever tell.
            let last = Errand { unanswered: 20, ..errand.clone() };
            let failed = json!({"batchItemFailures": [{"itemIdentifier": "m0"}]});
            assert_eq!(run_while_table_answers(status, code, &last).await, (failed, vec![]), "{code}: {errand:?}");
            assert_eq!(take_metrics("FailedDeliveries").len(), 1);
        }
        let failed = json!({"batchItemFailures": [{"itemIdentifier": "m0"}]});
        let answered = run_while_table_answers(400, "AccessDeniedException", &errand).await;
        assert_eq!(answered, (failed, vec![]), "{errand:?}");
        assert_eq!(take_metrics("FailedDeliveries").len(), 1);
    }
}
