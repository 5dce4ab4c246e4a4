use purge_core::http::HttpResponse;
use serde_json::{Value, json};

use crate::client::{Client, body, code, id, window};

const JOBS: &str = "/api/v2/recording/jobs";
const DAY: &str = "2023-01-10T00:00:00Z/2023-01-11T00:00:00Z";

fn query(interval: &str) -> Value {
    json!({
        "action": "DELETE",
        "actionDate": "2024-06-01T12:00:00Z",
        "includeRecordingsWithSensitiveData": true,
        "conversationQuery": { "interval": interval, "startOfDayIntervalMatching": true },
    })
}

fn job(client: &mut Client, id: &str) -> Value {
    body(&client.get(&format!("{JOBS}/{id}")))
}

fn execute(client: &mut Client, id: &str) -> HttpResponse {
    client.put(&format!("{JOBS}/{id}"), &json!({ "state": "PROCESSING" }))
}

/// Creates a job and waits until it is ready.
fn ready(client: &mut Client, request: &Value) -> (String, Value) {
    let id = id(&client.post(JOBS, request));
    client.wait(20);
    let job = job(client, &id);
    assert_eq!(job["state"], "READY", "{job}");
    (id, job)
}

/// Creates a job and waits until it is fulfilled.
fn fulfilled(client: &mut Client, request: &Value) -> Value {
    let (id, _) = ready(client, request);
    assert_eq!(execute(client, &id).status, 200);
    client.wait(30);
    job(client, &id)
}

/// The metadata of all recordings of the conversations that started on the day of the tests.
fn metadata(client: &mut Client) -> Vec<Value> {
    let ids = client.tenant.conversations_in(window("2023-01-10T00:00:00Z", "2023-01-11T00:00:00Z"));
    let rows = ids.iter().flat_map(|id| {
        let answer = client.get(&format!("/api/v2/conversations/{id}/recordingmetadata"));
        body(&answer).as_array().cloned().unwrap_or_default()
    });
    rows.collect()
}

fn sum(job: &Value) -> u64 {
    let number = |name: &str| job[name].as_u64().unwrap();
    number("totalProcessedRecordings") + number("totalSkippedRecordings") + number("totalFailedRecordings")
}

#[test]
fn a_job_waits_for_its_execution_and_then_dates_its_recordings() {
    let slow = json!({ "pendingSeconds": 20, "processingSeconds": 30, "removalLagSeconds": 60 });
    let mut client = Client::new(json!({ "rateLimit": { "perMinute": null }, "recordingJobs": slow }));
    let created = client.post(JOBS, &query(DAY));
    assert_eq!((created.status, body(&created)["state"].as_str()), (202, Some("PENDING")));
    let id = id(&created);
    client.wait(20);
    let ready = job(&mut client, &id);
    assert_eq!(ready["state"], "READY");
    let rows = metadata(&mut client);
    assert_eq!(ready["totalRecordings"].as_u64(), u64::try_from(rows.len()).ok());
    assert!(rows.iter().all(|row| row["fileState"] == "AVAILABLE" && row.get("deleteDate").is_none()));
    client.wait(100_000);
    client.login();
    assert_eq!(job(&mut client, &id)["state"], "READY", "nothing happens before it is executed");

    assert_eq!(body(&execute(&mut client, &id))["state"], "PROCESSING");
    client.wait(15);
    assert_eq!(job(&mut client, &id)["percentProgress"], 50);
    client.wait(15);
    let done = job(&mut client, &id);
    assert_eq!((done["state"].as_str(), done["percentProgress"].as_u64()), (Some("FULFILLED"), Some(100)));
    assert_eq!(sum(&done), done["totalRecordings"].as_u64().unwrap());
    let rows = metadata(&mut client);
    assert!(rows.iter().all(|row| row["fileState"] == "AVAILABLE" && row["deleteDate"] == "2024-06-01T12:00:00.000Z"));
    client.wait(60);
    assert!(metadata(&mut client).iter().all(|row| row["fileState"] == "DELETED"));
    let truth = client.tenant.truth(client.now);
    assert_eq!(Some(truth.recordings.deleted), done["totalRecordings"].as_u64());
    let found = client.post("/api/v2/analytics/conversations/details/query", &json!({ "interval": DAY }));
    assert!(body(&found)["totalHits"].as_u64() > Some(20), "analytics does not notice");
}

#[test]
fn removed_recordings_may_vanish() {
    for (knob, status) in [("empty", 200), ("notFound", 404)] {
        let mut client = Client::new(json!({
            "recordingJobs": { "removed": "absent", "noRecordings": knob },
            "rateLimit": { "perMinute": null },
        }));
        let first = metadata(&mut client)[0]["conversationId"].as_str().unwrap().to_owned();
        fulfilled(&mut client, &query(DAY));
        client.wait(60);
        assert_eq!(metadata(&mut client), Vec::<Value>::new());
        assert_eq!(client.get(&format!("/api/v2/conversations/{first}/recordingmetadata")).status, status);
    }
}

#[test]
fn a_third_active_job_is_refused_whoever_has_the_others() {
    for (knob, status) in [("badRequest", 400), ("conflict", 409), ("tooManyRequests", 429)] {
        let foreign = json!([{ "from": "2024-01-01T00:00:00Z", "until": "2024-06-01T12:05:00Z" }]);
        let mut client = Client::new(json!({ "recordingJobs": { "thirdJob": knob, "foreignJobs": foreign } }));
        assert_eq!(client.post(JOBS, &query(DAY)).status, 202);
        assert_eq!(client.post(JOBS, &query(DAY)).status, status);
        client.wait(20);
        assert_eq!(client.post(JOBS, &query(DAY)).status, 202, "READY takes no place");
        client.wait(300);
        assert_eq!(client.post(JOBS, &query(DAY)).status, 202);
        let truth = client.tenant.truth(client.now);
        assert_eq!((truth.jobs.len(), truth.most_jobs_at_once), (3, 2));
    }
}

#[test]
fn only_the_creator_executes_and_only_what_is_ready() {
    let clients = json!([{ "id": "sim", "secret": "sim" }, { "id": "other", "secret": "x" }]);
    let mut client = Client::new(json!({ "login": { "clients": clients } }));
    let id = id(&client.post(JOBS, &query(DAY)));
    assert_eq!(execute(&mut client, &id).status, 409, "it is still pending");
    client.wait(20);
    client.login_as("Basic b3RoZXI6eA==");
    assert_eq!(execute(&mut client, &id).status, 403);
    let mine = client.get(&format!("{JOBS}?showOnlyMyJobs=true&includeTotal=true"));
    assert_eq!(body(&mine)["total"], 0);
    client.login();
    assert_eq!(client.put(&format!("{JOBS}/{id}"), &json!({ "state": "CANCELLED" })).status, 400);
    assert_eq!(execute(&mut client, &id).status, 200);
    assert_eq!(execute(&mut client, &id).status, 409, "it is executed already");
}

#[test]
fn a_job_can_be_cancelled_until_it_has_ended() {
    let mut client = Client::new(json!({}));
    let path = |id: &str| format!("{JOBS}/{id}");
    let pending = id(&client.post(JOBS, &query(DAY)));
    assert_eq!(client.delete(&path(&pending)).status, 204);
    assert_eq!(client.delete(&path(&pending)).status, 409);
    let (counted, _) = ready(&mut client, &query(DAY));
    assert_eq!(client.delete(&path(&counted)).status, 204);
    client.wait(1000);
    for id in [pending, counted] {
        let job = job(&mut client, &id);
        assert_eq!((&job["state"], &job["totalProcessedRecordings"]), (&json!("CANCELLED"), &json!(0)));
    }
    assert_eq!(client.tenant.truth(client.now).recordings.deleted, 0);
    // When a job is cancelled while it runs, recordings that have their date keep it.
    let (processing, _) = ready(&mut client, &query(DAY));
    execute(&mut client, &processing);
    assert_eq!(client.delete(&path(&processing)).status, 204);
    client.wait(1000);
    let job = job(&mut client, &processing);
    assert_eq!(job["state"], "CANCELLED");
    let deleted = client.tenant.truth(client.now).recordings.deleted;
    assert!(deleted > 0 && job["totalProcessedRecordings"] == json!(deleted), "{job}");
}

#[test]
fn protected_and_excluded_recordings_stay() {
    let protected = json!({ "windows": [{ "start": "2023-01-10T06:00:00Z", "end": "2023-01-10T12:00:00Z" }] });
    let mut client = Client::new(json!({ "protected": protected, "rateLimit": { "perMinute": null } }));
    let done = fulfilled(&mut client, &query(DAY));
    let skipped = done["totalSkippedRecordings"].as_u64().unwrap();
    assert!(skipped > 0);
    client.wait(60);
    let left = metadata(&mut client).iter().filter(|row| row["fileState"] == "AVAILABLE").count();
    assert_eq!(u64::try_from(left).unwrap(), skipped);
    assert_eq!(client.tenant.truth(client.now).held_deleted, 0);

    let mut plain = Client::new(json!({}));
    let all = ready(&mut plain, &query(DAY)).1["totalRecordings"].as_u64().unwrap();
    let mut narrow = query(DAY);
    for flag in ["includeScreenRecordings", "includePolicyBasedRecordings", "includeSnippetRecordings"] {
        narrow[flag] = json!(false);
    }
    narrow["includeRecordingsWithSensitiveData"] = json!(false);
    let (_, narrow) = ready(&mut plain, &narrow);
    assert!(narrow["totalRecordings"].as_u64().unwrap() < all, "excluded kinds are not counted");
    assert!(narrow["totalSkippedRecordings"].as_u64().unwrap() > 0, "sensitive recordings are skipped");
}

#[test]
fn protection_placed_after_the_date_was_written_holds_until_it_is_lifted() {
    let mut client = Client::new(json!({ "rateLimit": { "perMinute": null } }));
    let mut request = query(DAY);
    request["actionDate"] = json!("2024-06-08T00:00:00Z");
    fulfilled(&mut client, &request);
    let ids = client.tenant.conversations_in(window("2023-01-10T00:00:00Z", "2023-01-11T00:00:00Z"));
    let protect = json!({ "conversationIds": ids });
    assert_eq!(client.put("/api/v2/recordings/deletionprotection", &protect).status, 204);
    client.wait(8 * 86_400);
    client.login();
    let truth = client.tenant.truth(client.now);
    assert_eq!(truth.recordings.deleted, 0);
    assert!(truth.recordings_scheduled > 0);
    assert_eq!(client.put("/api/v2/recordings/deletionprotection?protect=false", &protect).status, 204);
    client.wait(60);
    let after = client.tenant.truth(client.now);
    assert_eq!((after.recordings.deleted, after.recordings_scheduled), (truth.recordings_scheduled, 0));
}

#[test]
fn activity_from_neighbouring_days_is_matched_unless_forbidden() {
    let mut client = Client::new(json!({}));
    let on_day = client.tenant.conversations_in(window("2023-01-10T00:00:00Z", "2023-01-11T00:00:00Z")).len();
    let (_, own) = ready(&mut client, &query(DAY));
    assert_eq!(own["totalConversations"].as_u64(), u64::try_from(on_day).ok());
    let mut loose = query(DAY);
    loose["conversationQuery"]["startOfDayIntervalMatching"] = json!(false);
    let (_, loose) = ready(&mut client, &loose);
    assert!(loose["totalConversations"].as_u64() > own["totalConversations"].as_u64());
}

#[test]
fn a_positive_list_matches_exactly_its_conversations() {
    let mut client = Client::new(json!({}));
    let ids = client.tenant.conversations_in(window("2023-01-10T00:00:00Z", "2023-01-11T00:00:00Z"));
    let predicates: Vec<Value> = ids
        .iter()
        .take(7)
        .map(|id| json!({ "type": "dimension", "dimension": "conversationId", "operator": "matches", "value": id }))
        .collect();
    let mut request = query(DAY);
    request["conversationQuery"]["conversationFilters"] = json!([{ "type": "or", "predicates": predicates }]);
    assert_eq!(ready(&mut client, &request).1["totalConversations"], 7);
    let voice = json!({ "type": "dimension", "dimension": "mediaType", "operator": "matches", "value": "voice" });
    let mut request = query(DAY);
    request["conversationQuery"]["segmentFilters"] = json!([{ "type": "and", "predicates": [voice] }]);
    let matched = ready(&mut client, &request).1["totalConversations"].as_u64().unwrap();
    assert!(0 < matched && matched < u64::try_from(ids.len()).unwrap());
}

#[test]
fn what_is_older_than_five_years_needs_the_aged_interval() {
    let population = json!({ "from": "2018-01-01T00:00:00Z", "to": "2018-03-01T00:00:00Z", "everySeconds": 3600 });
    let mut client = Client::new(json!({ "population": population }));
    let interval = "2018-01-10T00:00:00Z/2018-01-11T00:00:00Z";
    assert_eq!(ready(&mut client, &query(interval)).1["totalConversations"], 0);
    let aged =
        json!({ "action": "DELETE", "actionDate": "2024-06-01T12:00:00Z", "agedConversationInterval": interval });
    assert!(ready(&mut client, &aged).1["totalConversations"].as_u64() > Some(20));
}

#[test]
fn fresh_conversations_are_not_matched_yet() {
    let population = json!({ "from": "2024-05-01T00:00:00Z", "to": "2024-06-01T00:00:00Z", "everySeconds": 600 });
    let mut client = Client::new(json!({ "population": population }));
    let (_, fresh) = ready(&mut client, &query("2024-05-31T00:00:00Z/2024-06-01T00:00:00Z"));
    assert_eq!(fresh["totalConversations"], 0);
    client.wait(40 * 86_400);
    client.login();
    let (_, later) = ready(&mut client, &query("2024-05-31T00:00:00Z/2024-06-01T00:00:00Z"));
    assert!(later["totalConversations"].as_u64() > Some(100));
}

#[test]
fn failed_recordings_are_listed_page_by_page() {
    let mut client = Client::new(json!({ "recordingJobs": { "failEvery": 4 } }));
    let done = fulfilled(&mut client, &query(DAY));
    let failed = done["totalFailedRecordings"].as_u64().unwrap();
    assert!(failed > 2);
    assert_eq!(sum(&done), done["totalRecordings"].as_u64().unwrap());
    let mut path = format!("{}?pageSize=2&includeTotal=true", done["failedRecordings"].as_str().unwrap());
    let mut seen = Vec::new();
    loop {
        let page = body(&client.get(&path));
        seen.extend(page["entities"].as_array().unwrap().iter().cloned());
        match page["nextUri"].as_str() {
            Some(next) => path = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(u64::try_from(seen.len()).unwrap(), failed);
    let (conversation, recording) = (seen[0]["conversation"]["id"].as_str(), seen[0]["recording"]["id"].as_str());
    let path = format!("/api/v2/conversations/{}/recordings/{}", conversation.unwrap(), recording.unwrap());
    assert_eq!(client.put(&path, &json!({ "deleteDate": "2024-06-01T12:00:00Z" })).status, 200);
}

#[test]
fn a_new_job_is_listed_a_little_later() {
    let mut client = Client::new(json!({ "recordingJobs": { "listLagSeconds": 5, "pendingSeconds": 20 } }));
    let id = id(&client.post(JOBS, &query(DAY)));
    let list = format!("{JOBS}?showOnlyMyJobs=true&sortBy=dateCreated&state=PENDING&jobType=DELETE");
    assert_eq!(body(&client.get(&list))["entities"], json!([]));
    client.wait(5);
    let page = body(&client.get(&list));
    assert_eq!(page["entities"][0]["id"], id);
    assert_eq!(page["entities"][0]["recordingJobsQuery"], query(DAY), "the query comes back as it was sent");
    assert!(page.get("total").is_none(), "only when it is asked for");
    assert_eq!(client.get(&format!("{JOBS}?state=DONE")).status, 400);
}

#[test]
fn jobs_fail_and_hang_as_the_faults_say() {
    let faults = json!([
        { "on": "job.create", "nth": [1], "do": { "kind": "failJob" } },
        { "on": "job.execute", "nth": [1], "do": { "kind": "failJob" } },
        { "on": "job.execute", "nth": [2], "do": { "kind": "stuck" } },
    ]);
    let mut client = Client::new(json!({ "faults": faults }));
    let first = id(&client.post(JOBS, &query(DAY)));
    client.wait(20);
    let failed = job(&mut client, &first);
    assert_eq!((failed["state"].as_str(), failed["errorMessage"].is_string()), (Some("FAILED"), true));
    assert_eq!(fulfilled(&mut client, &query(DAY))["state"], "FAILED");
    client.wait(30);
    assert_eq!(fulfilled(&mut client, &query(DAY))["state"], "PROCESSING");
    client.wait(10_000);
    assert_eq!(client.tenant.truth(client.now).recordings_scheduled, 0);
}

#[test]
fn wrong_jobs_are_refused() {
    let mut client = Client::new(json!({}));
    let with = |name: &str, value: Value| {
        let mut request = query(DAY);
        request[name] = value;
        request
    };
    let without = |name: &str| {
        let mut request = query(DAY);
        request.as_object_mut().unwrap().remove(name);
        request
    };
    let aged = |interval: &str| json!({ "action": "DELETE", "actionDate": "2024-06-01T12:00:00Z", "agedConversationInterval": interval });
    for (request, expected) in [
        (without("action"), "invalid.value"),
        (with("action", json!("EXPORT")), "invalid.value"),
        (without("actionDate"), "constraint.validation"),
        (with("actionAge", json!(3)), "constraint.validation"),
        (with("actionDate", json!("tomorrow")), "invalid.date"),
        (without("conversationQuery"), "constraint.validation"),
        (with("agedConversationInterval", json!(DAY)), "constraint.validation"),
        (with("conversationQuery", json!({})), "constraint.validation"),
        (with("conversationQuery", json!({ "interval": "P1D" })), "bad.request"),
        (with("conversationQuery", json!({ "interval": DAY, "entity": "x" })), "invalid.property"),
        (with("dryRun", json!(true)), "invalid.property"),
        (with("includeScreenRecordings", json!("no")), "invalid.value"),
        (aged("2023-01-01T00:00:00Z/2023-02-01T00:00:00Z"), "constraint.validation"),
        (aged("2018-01-01T00:00:00Z/2018-08-01T00:00:00Z"), "constraint.validation"),
    ] {
        let refused = client.post(JOBS, &request);
        assert_eq!((refused.status, code(&refused).as_str()), (400, expected), "{request}");
    }
    let mut old = Client::new(json!({ "recordingJobs": { "actionAge": false } }));
    let mut request = without("actionDate");
    request["actionAge"] = json!(30);
    assert_eq!(client.post(JOBS, &request).status, 202);
    assert_eq!(old.post(JOBS, &request).status, 501);
    assert_eq!(client.get(&format!("{JOBS}/x")).status, 404);
}
