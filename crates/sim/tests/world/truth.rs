use proptest::prelude::*;
use purge_core::time::{DAY_MS, Timestamp};
use serde_json::json;

use crate::client::{Client, deletion};

/// 2023-01-01T00:00:00Z, the first day of the population.
const FIRST_DAY: i64 = 1_672_531_200_000;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is asked, however often and with whatever faults: records are either left or deleted, each deletion is counted
    /// once, nothing on hold is deleted, and no more jobs run at once than there are places.
    #[test]
    fn nothing_is_lost_counted_twice_or_deleted_on_hold(
        seed in any::<u64>(),
        skip in any::<bool>(),
        concurrency in 1u32..4,
        asks in prop::collection::vec((0i64..60 * DAY_MS, 1i64..5 * DAY_MS, 0usize..3, 0u64..4), 1..20),
    ) {
        let mut client = Client::without_token(crate::client::scenario(json!({
            "seed": seed,
            "protected": { "conversations": 40 },
            "holdMidRun": { "afterSubmits": 3, "window": { "start": "2023-01-20T00:00:00Z", "end": "2023-01-25T00:00:00Z" } },
            "dataDeletion": { "holdMode": if skip { "skip" } else { "reject" }, "concurrency": concurrency, "processingSeconds": 3 },
            "faults": [
                { "on": "submit", "perMille": 200, "do": { "kind": "dropAfter" } },
                { "on": "submit", "perMille": 200, "do": { "kind": "failJob" } },
                { "on": "submit", "perMille": 200, "do": { "kind": "error", "status": 503 } },
                { "on": "submit", "perMille": 200, "do": { "kind": "leave", "records": 2 } },
            ],
        })));
        client.login();
        let before = client.tenant.truth(client.now).records;
        for (start, length, kind, wait) in asks {
            let instant = |at: i64| Timestamp::from_millis(FIRST_DAY + at).to_string();
            let types = [["conversation"], ["interaction"], ["message"]];
            let request = deletion(&instant(start), &instant(start + length), &types[kind]);
            client.send(purge_core::http::Method::Post, "/api/v2/data/deletion/requests", request.to_string());
            client.wait(wait);
        }
        client.wait(100);
        let truth = client.tenant.truth(client.now);
        for (kind, count) in &truth.records {
            prop_assert_eq!(count.left + count.deleted, before[kind].left);
        }
        let deleted: u64 = truth.records.values().map(|count| count.deleted).sum();
        prop_assert_eq!(truth.executed.iter().map(|e| e.deleted).sum::<u64>(), deleted);
        prop_assert_eq!(truth.held_deleted, 0);
        prop_assert!(truth.most_deletions_at_once <= usize::try_from(concurrency).unwrap());
        prop_assert_eq!(truth.submits_accepted, u64::try_from(truth.executed.len()).unwrap() + truth.deletions_failed);
    }
}
