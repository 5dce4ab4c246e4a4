use std::collections::BTreeSet;

use purge_core::time::{DAY_MS, Timestamp};
use purge_core::window::Window;
use purge_sim::{RecordKind, Scenario, Tenant};
use serde_json::{Value, json};

use crate::client::{Client, at, body, scenario, window};

#[test]
fn ids_are_distinct() {
    let tenant = Tenant::new(Scenario::default());
    let all = Window::new(Timestamp::EPOCH, Timestamp::LATEST).unwrap();
    let ids = tenant.conversations_in(all);
    assert!(ids.len() > 23_000, "{}", ids.len());
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
}

#[test]
fn every_day_has_records_on_its_edges() {
    let tenant = Tenant::new(scenario(json!({})));
    let now = at("2024-06-01T12:00:00Z");
    let at_instant = |millis: i64| {
        let one = Window::new(Timestamp::from_millis(millis), Timestamp::from_millis(millis + 1)).unwrap();
        tenant.records_in(one, &RecordKind::ALL, now).left
    };
    let mut day = at("2023-01-01T00:00:00Z").millis();
    while day < at("2023-03-01T00:00:00Z").millis() {
        for edge in [day, day + DAY_MS - 500, day + DAY_MS - 1] {
            assert!(at_instant(edge) >= 2, "{}", Timestamp::from_millis(edge));
        }
        day += DAY_MS;
    }
}

#[test]
fn windows_that_partition_the_population_partition_its_records() {
    let tenant = Tenant::new(scenario(json!({})));
    let now = at("2024-06-01T12:00:00Z");
    let count = |start: &str, end: &str| tenant.records_in(window(start, end), &RecordKind::ALL, now).left;
    let whole = count("2023-01-01T00:00:00Z", "2024-01-01T00:00:00Z");
    let parts = count("2023-01-01T00:00:00Z", "2023-01-17T00:00:00Z")
        + count("2023-01-17T00:00:00Z", "2023-02-03T11:22:33.444Z")
        + count("2023-02-03T11:22:33.444Z", "2024-01-01T00:00:00Z");
    assert_eq!(whole, parts);
    assert_eq!(whole, tenant.truth(now).records.values().map(|count| count.left).sum::<u64>());
}

#[test]
fn some_threads_last_for_weeks_and_some_never_end() {
    let mut client = Client::new(json!({ "rateLimit": { "perMinute": null } }));
    let mut longest = 0;
    let mut open = 0;
    for number in 1..=8 {
        let query = json!({
            "interval": "2023-01-01T00:00:00Z/2023-02-01T00:00:00Z",
            "paging": { "pageSize": 100, "pageNumber": number },
        });
        let answer = body(&client.post("/api/v2/analytics/conversations/details/query", &query));
        for row in answer["conversations"].as_array().unwrap() {
            let instant = |name: &str| row.get(name).and_then(Value::as_str).map(|text| at(text).millis());
            let start = instant("conversationStart").unwrap();
            match instant("conversationEnd") {
                Some(end) => longest = longest.max(end - start),
                None => open += 1,
            }
        }
    }
    assert!(longest > 14 * DAY_MS, "{longest}");
    assert!(open > 0);
}
