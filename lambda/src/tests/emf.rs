//! Checks every metric line against the published rules of CloudWatch's embedded metric format.

use purge_core::outcome::{Cause, Outcome};
use purge_driver::Ledger as _;
use serde_json::{Value, json};

use super::fakes::in_virtual_time;
use crate::metrics::{
    FUNCTION, chunk_ended, dead_letter, failed_delivery, looked_after, needs_somebody, policy_unread, refused, swept,
};

/// All units of CloudWatch.
const UNITS: [&str; 27] = [
    "Seconds",
    "Microseconds",
    "Milliseconds",
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    "Percent",
    "Count",
    "Bytes/Second",
    "Kilobytes/Second",
    "Megabytes/Second",
    "Gigabytes/Second",
    "Terabytes/Second",
    "Bits/Second",
    "Kilobits/Second",
    "Megabits/Second",
    "Gigabits/Second",
    "Terabits/Second",
    "Count/Second",
    "None",
];
/// The dimensions that are allowed beside the function's name. Each has few values, which the check lists.
const OUTCOME: &str = "Outcome";
const SIMULATED: &str = "Simulated";

fn check(line: &str) -> Value {
    assert!(!line.contains('\n') && line.len() <= 1024 * 1024, "one event, one line: {line}");
    let root: Value = serde_json::from_str(line).unwrap();
    let aws = &root["_aws"];
    assert!(aws["Timestamp"].as_i64().is_some_and(|millis| millis > 1_000_000_000_000), "milliseconds: {line}");
    let directives = aws["CloudWatchMetrics"].as_array().unwrap();
    assert!(!directives.is_empty(), "{line}");
    for directive in directives {
        let namespace = directive["Namespace"].as_str().unwrap();
        assert!((1..=255).contains(&namespace.len()) && !namespace.starts_with("AWS/"), "{namespace}");
        for set in directive["Dimensions"].as_array().unwrap() {
            let names: Vec<_> = set.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
            assert!((1..=30).contains(&names.len()), "{line}");
            for name in names {
                let value = root[name].as_str().unwrap_or_else(|| panic!("`{name}` is no text at the root: {line}"));
                let few = match name {
                    OUTCOME => Outcome::ALL.iter().any(|outcome| outcome.as_str() == value),
                    SIMULATED => ["true", "false", "unknown"].contains(&value),
                    FUNCTION => value == "unknown",
                    _ => false,
                };
                assert!(few, "`{name}` is a dimension with the value `{value}`");
            }
        }
        let metrics = directive["Metrics"].as_array().unwrap();
        assert!((1..=100).contains(&metrics.len()), "{line}");
        for metric in metrics {
            let name = metric["Name"].as_str().unwrap();
            assert!((1..=255).contains(&name.len()) && root[name].is_number(), "`{name}`: {line}");
            assert!(UNITS.contains(&metric["Unit"].as_str().unwrap()), "{metric}");
            assert!(metric.as_object().unwrap().keys().all(|key| key == "Name" || key == "Unit"), "{metric}");
        }
    }
    root
}

#[test]
fn every_line_is_valid_and_has_few_dimensions() {
    in_virtual_time(async |world| {
        let run_id = world.run(1).await;
        let order = world.ledger.run(&run_id).await.unwrap().unwrap().order;
        let mut view = world.ledger.chunk(&run_id, 1).await.unwrap().unwrap().run.view();
        let now = order.approved_at;
        assert_eq!(chunk_ended(&order, &view), None, "what goes on is not measured");
        assert_eq!(needs_somebody(now, &order, &view), None, "nor does it call anybody");
        view.ended_at = Some(now);
        for outcome in Outcome::ALL {
            view.outcome = Some(outcome);
            let bare = check(&chunk_ended(&order, &view).unwrap());
            assert_eq!((&bare["runId"], &bare["chunk"]), (&Value::from(run_id.as_str()), &Value::from(1)));
            for unmeasured in ["RecordsDeleted", "RecordsRemaining", "ChunkDuration"] {
                assert!(!bare.to_string().contains(unmeasured), "{bare}");
            }
            let calls = needs_somebody(now, &order, &view).map(|line| check(&line));
            let nobody = [Outcome::Verified, Outcome::Cancelled].contains(&outcome);
            assert_eq!(calls.is_none(), nobody, "{outcome:?}");
            assert!(calls.is_none_or(|it| it["chunkOutcome"] == outcome.as_str() && it["ChunksNeedSomebody"] == 1));
            let mut full = view.clone();
            (full.started_at, full.records_deleted, full.remaining) = (Some(now), Some(7), Some(0));
            full.cause = Some(Cause::new("test", "a \"cause\"\nof two lines"));
            let full = check(&chunk_ended(&order, &full).unwrap());
            assert_eq!((&full["RecordsDeleted"], &full["RecordsRemaining"]), (&Value::from(7), &Value::from(0)));
        }
        let dead = check(&dead_letter(now, "message-1"));
        assert_eq!((&dead["message"], &dead["DeadLetters"]), (&Value::from("message-1"), &Value::from(1)));
        let failed = check(&failed_delivery(now, "message-1", 3));
        assert_eq!((&failed["message"], &failed["FailedDeliveries"]), (&json!("message-1"), &json!(3)));
        let unread = check(&policy_unread(now, &order, 7));
        assert_eq!((&unread["PolicyUnread"], &unread["chunk"]), (&json!(1), &json!(7)));
        let line = check(&refused(now, &["policy.missing".to_owned()]));
        assert_eq!(line["findings"], json!(["policy.missing"]));
        let idle = check(&swept(now, 0));
        assert_eq!((&idle["Sweeps"], &idle["unfinishedRuns"]), (&json!(1), &json!(0)));
        let well = check(&looked_after(now, &order, 0, false));
        assert_eq!((&well["StalledRuns"], &well["StalledChunks"]), (&json!(0), &json!(0)), "nothing is measured, too");
        let stalled = check(&looked_after(now, &order, 7, true));
        assert_eq!((&stalled["StalledRuns"], &stalled["StalledChunks"]), (&json!(1), &json!(7)));
        assert_eq!(stalled["runId"], run_id.as_str());
        // Stacks beside one another share a namespace: what alarms look at says whose it is.
        for watched in [dead, failed, unread, line, idle, well, stalled] {
            assert_eq!(watched["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([[FUNCTION, SIMULATED]]));
        }
    });
}
