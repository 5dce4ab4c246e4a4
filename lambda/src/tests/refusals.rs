//! A table that refuses for good, and one whose errors pass.

use std::time::Duration;

use purge_core::wake::WakeUp;
use serde_json::{Value, json};

use super::fakes::{World, event, sent};
use crate::ledger::canned::refusing;

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
