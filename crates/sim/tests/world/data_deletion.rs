use purge_sim::{Count, RecordKind};
use serde_json::{Value, json};

use crate::client::{Client, at, body, code, deletion, id, window};

const DAY: (&str, &str) = ("2023-01-10T00:00:00Z", "2023-01-10T23:59:59.999Z");

#[test]
fn a_request_waits_runs_and_deletes_its_range() {
    let mut client = Client::new(json!({ "dataDeletion": { "processingSeconds": 5, "concurrency": 1 } }));
    let before = client.count("conversation", DAY.0, DAY.1);
    assert!(before > 24);
    let first = id(&client.submit(DAY.0, DAY.1));
    let second = id(&client.submit("2023-01-11T00:00:00Z", "2023-01-11T23:59:59.999Z"));
    assert_eq!((client.status(&first).as_str(), client.status(&second).as_str()), ("processing", "pending"));
    client.wait(4);
    assert_eq!(client.count("conversation", DAY.0, DAY.1), before, "not before it has run its time");
    client.wait(1);
    assert_eq!((client.status(&first).as_str(), client.status(&second).as_str()), ("completed", "processing"));
    assert_eq!(client.count("conversation", DAY.0, DAY.1), 0);
    client.wait(5);
    assert_eq!(client.status(&second), "completed");

    let truth = client.tenant.truth(client.now);
    assert_eq!(truth.executed.len(), 2);
    assert_eq!(truth.executed[0].deleted, before);
    assert_eq!((truth.executed[0].first, truth.executed[0].last), (at(DAY.0), at(DAY.1)));
    assert_eq!((truth.most_deletions_at_once, truth.submits_accepted, truth.held_deleted), (1, 2, 0));
    let day = window("2023-01-10T00:00:00Z", "2023-01-11T00:00:00Z");
    let count = client.tenant.records_in(day, &RecordKind::ALL, client.now);
    assert_eq!(count, Count { left: 0, deleted: before });
}

#[test]
fn the_end_of_a_range_belongs_to_it_or_not() {
    for (range_end, midnight_gone) in [("inclusive", true), ("exclusive", false)] {
        let mut client = Client::new(json!({ "dataDeletion": { "rangeEnd": range_end } }));
        let midnight = "2023-01-11T00:00:00Z";
        let day = window(midnight, "2023-01-11T00:00:00.001Z");
        let at_midnight = client.tenant.records_in(day, &RecordKind::ALL, client.now);
        assert!(at_midnight.left >= 2, "the population has records at midnight exactly");
        client.submit("2023-01-10T00:00:00Z", midnight);
        client.wait(2);
        let after = client.tenant.records_in(day, &RecordKind::ALL, client.now);
        assert_eq!(after.left == 0, midnight_gone, "{range_end}");
    }
}

#[test]
fn types_delete_their_own_records() {
    let mut client = Client::new(json!({}));
    let counts = |client: &mut Client| ["interaction", "message"].map(|entity| client.count(entity, DAY.0, DAY.1));
    let [interactions, messages] = counts(&mut client);
    let all = client.count("conversation", DAY.0, DAY.1);
    assert!(interactions > 0 && messages > 0 && all > interactions + messages);
    client.post("/api/v2/data/deletion/requests", &deletion(DAY.0, DAY.1, &["message"]));
    client.wait(2);
    assert_eq!(counts(&mut client), [interactions, 0]);
    assert_eq!(client.count("conversation", DAY.0, DAY.1), all - messages);
}

#[test]
fn a_query_narrows_and_an_unknown_query_is_refused() {
    let mut client = Client::new(json!({}));
    let mut request = deletion(DAY.0, DAY.1, &["conversation"]);
    request["filter"]["query"] = json!("mediaType:voice");
    let all = client.count("conversation", DAY.0, DAY.1);
    id(&client.post("/api/v2/data/deletion/requests", &request));
    client.wait(2);
    let left = client.count("conversation", DAY.0, DAY.1);
    assert!(left > 0 && left < all);
    request["filter"]["query"] = json!("queueId:7");
    let refused = client.post("/api/v2/data/deletion/requests", &request);
    assert_eq!((refused.status, code(&refused).as_str()), (400, "invalid.value"));
}

#[test]
fn protected_records_are_treated_as_the_scenario_says() {
    let hold = json!({ "windows": [{ "start": "2023-01-10T06:00:00Z", "end": "2023-01-10T09:00:00Z" }] });
    let with = |mode: &str| Client::new(json!({ "protected": hold, "dataDeletion": { "holdMode": mode } }));

    let mut reject = with("reject");
    let refused = reject.submit(DAY.0, DAY.1);
    assert_eq!((refused.status, code(&refused).as_str()), (400, "legal.hold.conflict"));
    assert_eq!(reject.tenant.truth(reject.now).submits_accepted, 0);

    let mut skip = with("skip");
    id(&skip.submit(DAY.0, DAY.1));
    skip.wait(2);
    let left = skip.count("conversation", DAY.0, DAY.1);
    let truth = skip.tenant.truth(skip.now);
    assert!(left >= 3);
    assert_eq!((truth.executed[0].held, truth.held_deleted), (left, 0));

    let mut ignore = with("ignore");
    id(&ignore.submit(DAY.0, DAY.1));
    ignore.wait(2);
    assert_eq!(ignore.count("conversation", DAY.0, DAY.1), 0);
    assert_eq!(ignore.tenant.truth(ignore.now).held_deleted, left);
}

#[test]
fn a_hold_placed_while_a_request_runs_fails_it() {
    let hold =
        json!({ "afterSubmits": 1, "window": { "start": "2023-01-10T06:00:00Z", "end": "2023-01-10T09:00:00Z" } });
    let mut client = Client::new(json!({ "holdMidRun": hold }));
    let before = client.count("conversation", DAY.0, DAY.1);
    let request = id(&client.submit(DAY.0, DAY.1));
    client.wait(2);
    let answer = body(&client.get(&format!("/api/v2/data/deletion/requests/{request}")));
    assert_eq!(answer, json!({ "id": request, "status": "failed", "message": "legal hold conflict" }));
    assert_eq!(client.count("conversation", DAY.0, DAY.1), before);
    assert_eq!(client.tenant.truth(client.now).held_deleted, 0);
}

#[test]
fn a_hold_placed_at_an_instant_counts_from_then_on() {
    let hold = json!({ "at": "2024-06-01T12:00:30Z", "window": { "start": "2023-01-10T06:00:00Z", "end": "2023-01-10T09:00:00Z" } });
    let mut client = Client::new(json!({ "holdMidRun": hold, "dataDeletion": { "holdMode": "skip" } }));
    let ids = client.tenant.conversations_in(window("2023-01-10T06:00:00Z", "2023-01-10T09:00:00Z"));
    let protected = |client: &Client| {
        let items = client.tenant.inventory(client.now);
        items.iter().filter(|item| item.kind == "conversation" && item.protected).count()
    };
    assert_eq!(protected(&client), 0);
    client.wait(30);
    assert_eq!(protected(&client), ids.len());
}

#[test]
fn an_organisation_without_the_api_does_not_know_its_paths() {
    let mut client = Client::new(json!({ "dataDeletion": { "offered": false } }));
    assert_eq!(client.submit(DAY.0, DAY.1).status, 404);
    assert_eq!(client.get("/api/v2/data/deletion/requests/x").status, 404);
}

#[test]
fn wrong_requests_are_refused() {
    let mut client = Client::new(json!({}));
    let good = deletion(DAY.0, DAY.1, &["conversation"]);
    let with = |pointer: &str, value: Value| {
        let mut request = good.clone();
        *request.pointer_mut(pointer).unwrap() = value;
        request
    };
    let mut extra = good.clone();
    extra["dryRun"] = json!(true);
    for (request, status, expected) in [
        (with("/recordTypes", json!([])), 400, "constraint.validation"),
        (with("/recordTypes", json!(["recording"])), 400, "invalid.value"),
        (with("/recordTypes", json!("conversation")), 400, "constraint.validation"),
        (with("/filter", json!({})), 400, "constraint.validation"),
        (with("/filter", Value::Null), 400, "constraint.validation"),
        (with("/filter/dateRange/start", json!("2023-01-10")), 400, "invalid.date"),
        (with("/filter/dateRange/end", Value::Null), 400, "invalid.date"),
        (with("/filter/dateRange/end", json!("2023-01-09T00:00:00Z")), 400, "invalid.date"),
        (with("/jurisdiction", json!("mars")), 400, "invalid.value"),
        (with("/jurisdiction", json!(" ")), 400, "invalid.value"),
        (with("/jurisdiction", json!("eu-west-1")), 403, "jurisdiction.mismatch"),
        (with("/legalHoldValidation", json!("yes")), 400, "invalid.value"),
        (extra, 400, "invalid.property"),
        (json!({}), 400, "constraint.validation"),
    ] {
        let refused = client.post("/api/v2/data/deletion/requests", &request);
        assert_eq!((refused.status, code(&refused).as_str()), (status, expected), "{request}");
    }
    assert_eq!(client.tenant.truth(client.now).submits_accepted, 0);
}

#[test]
fn as_many_run_at_once_as_the_scenario_says_however_many_that_is() {
    for (places, at_once, all_end) in [(1, 1, [5, 10, 15]), (2, 2, [5, 5, 10]), (u32::MAX, 3, [5, 5, 5])] {
        let knobs = json!({ "processingSeconds": 5, "concurrency": places });
        let mut client = Client::new(json!({ "dataDeletion": knobs }));
        for day in ["2023-01-10", "2023-01-11", "2023-01-12"] {
            client.submit(&format!("{day}T00:00:00Z"), &format!("{day}T23:59:59.999Z"));
        }
        let later = client.now.plus(std::time::Duration::from_secs(60));
        let truth = client.tenant.truth(later);
        assert_eq!((truth.most_deletions_at_once, truth.executed.len()), (at_once, 3), "{places}");
        let ends: Vec<u64> = truth.executed.iter().map(|e| e.at.since(client.now).as_secs()).collect();
        assert_eq!(ends, all_end, "{places}");
    }
}
