//! A table that refuses for good, and one that is only slow.

use std::time::Duration;

use purge_core::wake::WakeUp;
use serde_json::{Value, json};

use super::fakes::{World, event, sent};
use crate::ledger::canned::refusing;

/// What becomes of a wake-up while the table answers everything like this, and how many wake-ups are sent.
async fn woken_while(status: u16, code: &str) -> (Value, usize) {
    let world = World::new();
    let ledger = refusing(status, code, &[]);
    let wake = sent(WakeUp::new("run-1", 1).text());
    let invocation = world.invocation(Duration::from_secs(120));
    let answer = world.functions_over(&ledger).work(&event(&[wake]), &invocation).await.unwrap();
    (answer, world.chunks.take().len())
}

#[tokio::test(flavor = "current_thread")]
async fn a_chunk_waits_for_a_table_that_may_answer_later_and_for_no_other() {
    // Waiting is a new message, of which nobody knows how often the chunk has waited in vain.
    for (status, code) in [(400, "ThrottlingException"), (500, "InternalServerError")] {
        assert_eq!(woken_while(status, code).await, (json!({"batchItemFailures": []}), 1), "{code}");
    }
    for code in ["AccessDeniedException", "ValidationException", "ItemCollectionSizeLimitExceededException"] {
        let failed = json!({"batchItemFailures": [{"itemIdentifier": "m0"}]});
        assert_eq!(woken_while(400, code).await, (failed, 0), "{code}");
    }
}
