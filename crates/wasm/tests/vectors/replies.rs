//! Vectors of answers of Genesys Cloud: what they mean, and what is read from them. The wasm shows this only through runs.

use purge_core::analytics::read_count;
use purge_core::api::{data_deletion, protection, recording_jobs};
use purge_core::http::HttpResponse;
use purge_core::outcome::Cause;
use purge_core::reply::{Reply, TurnedAway};
use purge_core::request::PurgeRequest;
use purge_core::time::Timestamp;
use serde_json::{Map, Value, json};

pub(crate) fn decide(file: &Value, case: &Value) -> Value {
    let answer = &case["answer"];
    let headers = answer["headers"].as_object().into_iter().flatten();
    let response = HttpResponse {
        status: answer["status"].as_u64().unwrap().try_into().unwrap(),
        headers: headers.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect(),
        // A body that is not JSON is given as text.
        body: match answer.get("body") {
            None => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(body) => body.to_string(),
        },
    };
    let now = Timestamp::parse(file["now"].as_str().unwrap()).unwrap();
    let pause = |pause: Option<std::time::Duration>| pause.map(|pause| u64::try_from(pause.as_millis()).unwrap());
    let reply = match Reply::of(&response, now) {
        Ok(reply) => reply,
        Err(TurnedAway::RateLimited { retry_after, cause }) => {
            return json!({ "means": "rateLimited", "pauseMs": pause(retry_after), "cause": cause_json(&cause) });
        }
        Err(TurnedAway::Unauthorized(cause)) => return json!({ "means": "unauthorized", "cause": cause_json(&cause) }),
    };
    match reply {
        Reply::Json(body) => json!({ "means": "json", "read": read(case["asked"].as_str().unwrap(), &body) }),
        Reply::Empty => json!({ "means": "empty" }),
        Reply::Unwell { retry_after, cause } => {
            json!({ "means": "unwell", "pauseMs": pause(retry_after), "cause": cause_json(&cause) })
        }
        Reply::Missing(cause) => json!({ "means": "missing", "cause": cause_json(&cause) }),
        Reply::Conflict(cause) => json!({ "means": "conflict", "cause": cause_json(&cause) }),
        Reply::Refused(cause) => json!({ "means": "refused", "cause": cause_json(&cause) }),
        // The words of the JSON reader about a broken body are not part of the contract.
        Reply::Unreadable(cause) => json!({ "means": "unreadable", "code": cause.code }),
    }
}

fn cause_json(cause: &Cause) -> Value {
    serde_json::to_value(cause).unwrap()
}

/// What is read from a body that answers the question `asked`; null when it cannot be trusted.
fn read(asked: &str, body: &Value) -> Value {
    match asked {
        "dataDeletion.submit" => json!(data_deletion::read_id(body)),
        "dataDeletion.status" => match data_deletion::read_status(body, "d-1") {
            None => Value::Null,
            Some(data_deletion::Status::Completed) => json!("completed"),
            Some(data_deletion::Status::InProgress(word)) => json!({ "inProgress": word }),
            Some(data_deletion::Status::Unknown(word)) => json!({ "unknown": word }),
            Some(data_deletion::Status::Failed(cause)) => json!({ "failed": cause_json(&cause) }),
        },
        "recordingJobs.job" => recording_jobs::read_job(body).as_ref().map_or(Value::Null, job),
        "recordingJobs.list" => match recording_jobs::read_list(body) {
            None => Value::Null,
            Some(jobs) => jobs.iter().map(job).collect(),
        },
        "recordingJobs.failed" => json!(recording_jobs::read_failed(body)),
        "recordings" => match recording_jobs::read_metadata(body, &recordings(), None, None) {
            None => Value::Null,
            Some(left) => json!({ "kept": left.kept, "scheduled": left.scheduled }),
        },
        "protection" => json!(protection::read(body)),
        "count" => json!(read_count(body)),
        other => panic!("nobody asks `{other}`"),
    }
}

/// A request for recordings of every kind but screen recordings.
fn recordings() -> PurgeRequest {
    serde_json::from_value(json!({
        "version": 1, "name": "q", "api": "recordingJobs", "recordTypes": ["recording"],
        "range": { "start": "2023-01-01T00:00:00.000Z", "end": "2023-02-01T00:00:00.000Z" },
        "jurisdiction": "us-east-1", "query": null, "chunking": { "days": 31 }, "reason": "q", "requestedBy": "q@example.com"
    }))
    .unwrap()
}

fn job(job: &recording_jobs::Job) -> Value {
    let state = match &job.state {
        recording_jobs::State::Pending => json!("pending"),
        recording_jobs::State::Ready => json!("ready"),
        recording_jobs::State::Processing => json!("processing"),
        recording_jobs::State::Fulfilled => json!("fulfilled"),
        recording_jobs::State::Cancelled => json!("cancelled"),
        recording_jobs::State::Unknown => json!({ "unknown": job.state_text }),
        recording_jobs::State::Failed(cause) => json!({ "failed": cause_json(cause) }),
    };
    let all = [
        ("id", json!(job.id)),
        ("state", state),
        ("percent", json!(job.percent)),
        ("conversations", json!(job.conversations)),
        ("recordings", json!(job.recordings)),
        ("skipped", json!(job.skipped)),
        ("failed", json!(job.failed)),
        ("processed", json!(job.processed)),
        ("actionDate", json!(job.action_date)),
        ("window", json!(job.window.map(|window| window.to_string()))),
    ];
    // An absent value is left out.
    all.into_iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name.to_owned(), value))
        .collect::<Map<_, _>>()
        .into()
}
