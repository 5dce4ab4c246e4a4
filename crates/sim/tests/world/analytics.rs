use serde_json::{Value, json};

use crate::client::{Client, body, code, counting, window};

const DETAILS: &str = "/api/v2/analytics/conversations/details/query";
const DAY: &str = "2023-01-10T00:00:00Z/2023-01-11T00:00:00Z";

fn starts(answer: &Value) -> Vec<String> {
    let rows = answer["conversations"].as_array().cloned().unwrap_or_default();
    rows.iter().map(|row| row["conversationStart"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_count_has_one_bucket_for_each_kind_or_a_total() {
    let request = counting("conversation", "2023-01-10T00:00:00Z", "2023-01-10T23:59:59.999Z");
    let mut results = Client::new(json!({}));
    let answer = body(&results.post(DETAILS, &request));
    let buckets: Vec<u64> =
        answer["results"].as_array().unwrap().iter().map(|bucket| bucket["count"].as_u64().unwrap()).collect();
    assert_eq!(buckets.len(), 3);
    let mut total = Client::new(json!({ "analytics": { "shape": "totalHits" } }));
    let answer = body(&total.post(DETAILS, &request));
    assert_eq!(answer["totalHits"].as_u64(), Some(buckets.iter().sum()));
    assert!(answer.get("results").is_none());
}

#[test]
fn deletions_show_after_the_index_lag() {
    let mut client = Client::new(json!({ "analytics": { "indexLagSeconds": 60 } }));
    let day = ("2023-01-10T00:00:00Z", "2023-01-10T23:59:59.999Z");
    let before = client.count("conversation", day.0, day.1);
    client.submit(day.0, day.1);
    client.wait(60);
    assert_eq!(client.count("conversation", day.0, day.1), before);
    client.wait(1);
    assert_eq!(client.count("conversation", day.0, day.1), 0);
}

#[test]
fn a_query_finds_what_started_on_the_days_that_it_touches() {
    let mut client = Client::new(json!({}));
    let on_day = client.tenant.conversations_in(window("2023-01-10T00:00:00Z", "2023-01-11T00:00:00Z")).len();
    for interval in [DAY, "2023-01-10T12:00:00Z/2023-01-10T12:00:00.001Z"] {
        let answer = body(&client.post(DETAILS, &json!({ "interval": interval })));
        assert_eq!(answer["totalHits"], on_day, "{interval}");
    }
}

#[test]
fn pages_are_in_order_and_without_gaps() {
    let mut client = Client::new(json!({}));
    let mut page = |number: u64, order: &str| {
        let paging = json!({ "pageSize": 10, "pageNumber": number });
        let answer = client.post(DETAILS, &json!({ "interval": DAY, "paging": paging, "order": order }));
        body(&answer)
    };
    let total = usize::try_from(page(1, "asc")["totalHits"].as_u64().unwrap()).unwrap();
    let ascending: Vec<String> = (1..=3).flat_map(|number| starts(&page(number, "asc"))).collect();
    assert_eq!(ascending.len(), total);
    assert!(ascending.is_sorted());
    let mut descending: Vec<String> = (1..=3).flat_map(|number| starts(&page(number, "desc"))).collect();
    descending.reverse();
    assert_eq!(ascending, descending);
    assert!(page(4, "asc").get("conversations").is_none(), "an empty page has no list, as in the real service");
}

#[test]
fn ids_narrow_a_query() {
    let mut client = Client::new(json!({}));
    let ids = client.tenant.conversations_in(window("2023-01-10T00:00:00Z", "2023-01-11T00:00:00Z"));
    let predicate =
        |id: &str| json!({ "type": "dimension", "dimension": "conversationId", "operator": "matches", "value": id });
    let filters = json!([{ "type": "or", "predicates": [predicate(&ids[0]), predicate(&ids[1]), predicate("x")] }]);
    let answer = client.post(DETAILS, &json!({ "interval": DAY, "conversationFilters": filters }));
    assert_eq!(body(&answer)["totalHits"], 2);
    let elsewhere = "2023-01-12T00:00:00Z/2023-01-13T00:00:00Z";
    let answer = client.post(DETAILS, &json!({ "interval": elsewhere, "conversationFilters": filters }));
    assert_eq!(body(&answer)["totalHits"], 0);
    let unknown = "00000000-0000-4000-8000-000000000000";
    let answer = client.get(&format!("/api/v2/analytics/conversations/details?id={},{unknown},{}", ids[0], ids[1]));
    assert_eq!(body(&answer)["conversations"].as_array().map(Vec::len), Some(2));
}

#[test]
fn conversations_that_go_on_can_be_asked_for() {
    let mut client = Client::new(json!({}));
    let interval = "2023-01-01T00:00:00Z/2023-02-01T00:00:00Z";
    let mut find = |filters: Value| {
        let query = json!({ "interval": interval, "conversationFilters": filters });
        body(&client.post(DETAILS, &query))
    };
    let with = |operator: &str| json!([{ "type": "and", "predicates": [{ "dimension": "conversationEnd", "operator": operator }] }]);
    let ongoing = find(with("notExists"));
    assert!(ongoing["conversations"].as_array().unwrap().iter().all(|row| row.get("conversationEnd").is_none()));
    let hits = |answer: &Value| answer["totalHits"].as_u64().unwrap();
    assert!(hits(&ongoing) > 0);
    assert_eq!(hits(&ongoing) + hits(&find(with("exists"))), hits(&find(json!([]))));
}

#[test]
fn wrong_queries_are_refused() {
    let mut client = Client::new(json!({}));
    let dimension = json!([{ "type": "and", "predicates": [{ "dimension": "divisionId", "value": "x" }] }]);
    for (request, expected) in [
        (json!({}), "constraint.validation"),
        (json!({ "interval": "PT1H" }), "bad.request"),
        (json!({ "interval": "2023-01-10T00:00:00Z/P1D" }), "bad.request"),
        (json!({ "interval": "2023-01-11T00:00:00Z/2023-01-10T00:00:00Z" }), "bad.request"),
        (json!({ "interval": "2023-01-01T00:00:00Z/2023-02-01T00:00:00.001Z" }), "bad.request"),
        (json!({ "interval": DAY, "paging": { "pageSize": 101, "pageNumber": 1 } }), "invalid.value"),
        (json!({ "interval": DAY, "paging": { "pageSize": 10 } }), "invalid.value"),
        (json!({ "interval": DAY, "paging": { "pageSize": 100, "pageNumber": 1001 } }), "bad.request"),
        (json!({ "interval": DAY, "orderBy": "luck" }), "invalid.value"),
        (json!({ "interval": DAY, "conversationFilters": dimension }), "constraint.validation"),
        (json!({ "interval": DAY, "limit": 3 }), "invalid.property"),
        (json!({ "interval": DAY, "filter": {} , "entity": "conversation" }), "constraint.validation"),
        (json!({ "interval": DAY, "filter": {} , "entity": "queue" }), "invalid.value"),
    ] {
        let refused = client.post(DETAILS, &request);
        assert_eq!((refused.status, code(&refused).as_str()), (400, expected), "{request}");
    }
    let ok = json!({ "interval": "2023-01-01T00:00:00Z/2023-02-01T00:00:00Z" });
    assert_eq!(client.post(DETAILS, &ok).status, 200, "31 days are allowed");
}

#[test]
fn the_plain_service_knows_no_record_counts() {
    let mut client = Client::new(json!({ "analytics": { "recordCounts": false } }));
    let request = counting("conversation", "2023-01-10T00:00:00Z", "2023-01-10T23:59:59.999Z");
    let refused = client.post(DETAILS, &request);
    assert_eq!((refused.status, code(&refused).as_str()), (400, "invalid.property"));
}

/// Jobs still find conversations that analytics no longer lists.
#[test]
fn what_is_older_than_the_horizon_is_not_listed() {
    let day = window("2023-01-10T00:00:00Z", "2023-01-11T00:00:00Z");
    for (days, known) in [(json!(null), true), (json!(5000), true), (json!(1), false)] {
        let mut client = Client::new(json!({ "analytics": { "horizonDays": days } }));
        let ids = client.tenant.conversations_in(day);
        let list = json!({ "interval": DAY, "paging": { "pageSize": 1, "pageNumber": 1 } });
        assert_eq!(body(&client.post(DETAILS, &list))["totalHits"] != json!(0), known, "{days}");
        let found = body(&client.get(&format!("/api/v2/analytics/conversations/details?id={}", ids[0])));
        assert_eq!(found["conversations"] != json!([]), known, "{days}");
    }
}

#[test]
fn a_query_that_begins_before_the_horizon_can_be_refused() {
    let list = json!({ "interval": DAY, "paging": { "pageSize": 1, "pageNumber": 1 } });
    for (days, status) in [(json!(null), 200), (json!(5000), 200), (json!(1), 400)] {
        let mut client = Client::new(json!({ "analytics": { "horizonDays": days, "refusesTooOld": true } }));
        assert_eq!(client.post(DETAILS, &list).status, status, "{days}");
    }
}

#[test]
fn the_order_by_end_can_be_ignored() {
    let by = |ignored: bool, order_by: &str| {
        let mut client = Client::new(json!({ "analytics": { "ignoresEndOrder": ignored } }));
        let paging = json!({ "pageSize": 100, "pageNumber": 1 });
        let list = json!({ "interval": DAY, "order": "desc", "orderBy": order_by, "paging": paging });
        body(&client.post(DETAILS, &list))["conversations"].clone()
    };
    assert_ne!(by(false, "conversationEnd"), by(false, "conversationStart"));
    assert_eq!(by(true, "conversationEnd"), by(true, "conversationStart"));
}

#[test]
fn a_page_that_is_too_large_is_refused() {
    let mut client = Client::new(json!({ "analytics": { "largestPage": 25 } }));
    for (size, status) in [(26, 413), (25, 200)] {
        let list = json!({ "interval": DAY, "paging": { "pageSize": size, "pageNumber": 1 } });
        assert_eq!(client.post(DETAILS, &list).status, status);
    }
}

/// A query in the background lists conversations of any age, some time later and in pages, and only those of the window if asked
/// to.
#[test]
fn a_query_in_the_background_reaches_beyond_the_horizon() {
    const JOBS: &str = "/api/v2/analytics/conversations/details/jobs";
    let day = window("2023-01-10T00:00:00Z", "2023-01-11T00:00:00Z");
    let mut client = Client::new(json!({ "analytics": { "horizonDays": 1 } }));
    let mut inside: Vec<_> = client.tenant.conversations_in(day);
    inside.sort();
    let asked = client.post(JOBS, &json!({ "interval": DAY, "startOfDayIntervalMatching": true }));
    assert_eq!(asked.status, 202);
    let job = format!("{JOBS}/{}", body(&asked)["jobId"].as_str().unwrap());
    assert_eq!(body(&client.get(&job)), json!({ "state": "PENDING" }));
    assert_eq!(client.get(&format!("{job}/results")).status, 404, "there is no result yet");
    client.wait(20);
    assert_eq!(body(&client.get(&job)), json!({ "state": "FULFILLED" }));
    let (mut cursor, mut found) = (String::new(), Vec::new());
    loop {
        let page = body(&client.get(&format!("{job}/results?pageSize=40{cursor}")));
        let ids =
            page["conversations"].as_array().unwrap().iter().map(|c| c["conversationId"].as_str().unwrap().to_owned());
        found.extend(ids);
        let Some(next) = page["cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    found.sort();
    assert_eq!(found, inside);
    let limited = client.post(JOBS, &json!({ "interval": DAY, "limit": 3 }));
    let job = format!("{JOBS}/{}", body(&limited)["jobId"].as_str().unwrap());
    client.wait(20);
    assert_eq!(body(&client.get(&format!("{job}/results")))["conversations"].as_array().unwrap().len(), 3);
    assert_eq!(client.get(&format!("{JOBS}/nobody")).status, 404);
    assert_eq!(client.post(JOBS, &json!({ "interval": DAY, "paging": {} })).status, 400);
}
