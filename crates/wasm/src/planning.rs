//! Planning: what the page shows on every keystroke.

use purge_core::api::{data_deletion, recording_jobs};
use purge_core::chunk::{Age, Chunk};
use purge_core::finding::Finding;
use purge_core::http::HttpRequest;
use purge_core::json::{FromJson, Members, canonical};
use purge_core::order::{run_id, tenant_name};
use purge_core::plan::{self as core, CheckContext, Checked, Disposition, Estimate, Part, PlanFile, Reason};
use purge_core::region::{REGIONS, region};
use purge_core::report::Accounting;
use purge_core::request::{DeletionApi, RecordType};
use purge_core::time::Timestamp;
use purge_core::wake::WakeUp;
use serde::Serialize;
use serde_json::Value;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::call::{CallError, number, object, read, value};

/// The names of the regions.
#[wasm_bindgen]
#[must_use]
pub fn regions() -> Vec<String> {
    REGIONS.iter().map(|region| region.name.to_owned()).collect()
}

/// The record types, in the order in which they are written.
#[wasm_bindgen(js_name = recordTypes)]
#[must_use]
pub fn record_types() -> Vec<String> {
    RecordType::ALL.iter().map(|kind| kind.as_str().to_owned()).collect()
}

/// What a check needs to know besides the request and the policy, as the page writes it.
struct ContextIn(CheckContext);

impl FromJson for ContextIn {
    fn from_json(value: &Value) -> Result<Self, String> {
        let members = Members::of(value, &["now", "tenantJurisdiction", "defaultJurisdiction"])?;
        Ok(Self(CheckContext {
            now: members.take("now")?,
            tenant_jurisdiction: members.take("tenantJurisdiction")?,
            default_jurisdiction: members.take("defaultJurisdiction")?,
        }))
    }
}

/// A checked request. It stays here, and the page asks for the parts that it shows. Free it when it is replaced.
#[wasm_bindgen]
#[derive(Debug)]
pub struct PlanHandle {
    now: Timestamp,
    checked: Checked,
}

/// What the page shows of a plan at a glance.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary<'a> {
    digest: Option<&'a str>,
    short_code: Option<String>,
    policy_digest: Option<&'a str>,
    chunks: usize,
    parts: usize,
    findings: &'a [Finding],
    accounting: Option<Accounting>,
    estimate: Option<&'a Estimate>,
}

/// One row of the table: a part of the requested range, and its chunk if it is one.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    start: Timestamp,
    end: Timestamp,
    disposition: Disposition,
    reason: &'a Reason,
    chunk: Option<u32>,
    age: Option<Age>,
}

/// The message that wakes a chunk on AWS.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct QueueMessage {
    /// The tenant's name. The same plan on another tenant is another run.
    tenant: String,
    body: String,
}

/// Checks a request text against a policy text. The answer has every finding, and the plan if nothing stops it.
///
/// # Errors
/// The context is not valid.
#[wasm_bindgen]
#[expect(clippy::needless_pass_by_value, reason = "an optional text crosses the boundary by value")]
pub fn plan(request: &str, policy: Option<String>, context: &str) -> Result<PlanHandle, CallError> {
    let ContextIn(context) = read("context", context)?;
    Ok(PlanHandle { now: context.now, checked: core::check(request, policy.as_deref(), &context) })
}

#[wasm_bindgen]
impl PlanHandle {
    /// The digest, findings and sums.
    #[must_use]
    #[wasm_bindgen(js_name = summary, unchecked_return_type = "Summary")]
    pub fn summary_object(&self) -> JsValue {
        object(&self.summary())
    }

    /// The start of each part, in milliseconds since 1970.
    #[must_use]
    pub fn starts(&self) -> Vec<f64> {
        self.checked.parts.iter().map(|part| number(part.window.start().millis())).collect()
    }

    /// The end of each part, in milliseconds since 1970. The end does not belong to the part.
    #[must_use]
    pub fn ends(&self) -> Vec<f64> {
        self.checked.parts.iter().map(|part| number(part.window.end().millis())).collect()
    }

    /// What happens to each part: 0 chunk, 1 held, 2 retained, 3 too recent, 4 refused.
    #[must_use]
    pub fn dispositions(&self) -> Vec<u8> {
        self.checked
            .parts
            .iter()
            .map(|part| match part.disposition {
                Disposition::Chunk => 0,
                Disposition::Held => 1,
                Disposition::Retained => 2,
                Disposition::TooRecent => 3,
                Disposition::Refused => 4,
            })
            .collect()
    }

    /// The parts from `from` to before `to`, as rows of a table.
    #[must_use]
    #[wasm_bindgen(js_name = rows, unchecked_return_type = "Row[]")]
    pub fn rows_object(&self, from: usize, to: usize) -> JsValue {
        object(&self.rows(from, to))
    }

    /// The whole request that submits a chunk; null when there is no such chunk. A recording job carries the instant at which it is
    /// sent plus the cool-off; `at` stands for that instant.
    ///
    /// # Errors
    /// `at` is not an instant.
    #[wasm_bindgen(js_name = submit, unchecked_return_type = "HttpRequest | null")]
    pub fn submit_object(&self, chunk: u32, at: &str) -> Result<JsValue, CallError> {
        self.submit(chunk, at).map(|request| object(&request))
    }

    /// The message that first wakes a chunk on AWS, if this OAuth client uses the API of the request's region; null when there is
    /// no such chunk.
    #[must_use]
    #[wasm_bindgen(js_name = wakeUp, unchecked_return_type = "QueueMessage | null")]
    pub fn wake_up_object(&self, chunk: u32, client: &str) -> JsValue {
        object(&self.wake_up(chunk, client))
    }

    /// The plan file, which is handed over for approval and carried out. RFC 8785 text, so the same plan gives the same file.
    #[must_use]
    #[wasm_bindgen(js_name = planFile)]
    pub fn plan_file(&self) -> Option<String> {
        let file = PlanFile::new(self.checked.plan.as_ref()?, self.now);
        Some(canonical(&file))
    }
}

fn row<'a>(part: &'a Part, chunk: Option<&Chunk>) -> Row<'a> {
    Row {
        start: part.window.start(),
        end: part.window.end(),
        disposition: part.disposition,
        reason: &part.reason,
        chunk: chunk.map(|chunk| chunk.index),
        age: chunk.map(|chunk| chunk.age),
    }
}

impl PlanHandle {
    /// The digest, findings and sums.
    #[must_use]
    pub fn summary(&self) -> Value {
        let plan = self.checked.plan.as_ref();
        value(&Summary {
            digest: plan.map(core::Plan::digest),
            short_code: plan.map(core::Plan::short_code),
            policy_digest: plan.map(core::Plan::policy_digest),
            chunks: plan.map_or(0, |plan| plan.chunks().len()),
            parts: self.checked.parts.len(),
            findings: &self.checked.findings,
            accounting: Accounting::of_parts(&self.checked.parts),
            estimate: plan.map(core::Plan::estimate),
        })
    }

    /// The parts from `from` to before `to`, as rows of a table.
    #[must_use]
    pub fn rows(&self, from: usize, to: usize) -> Value {
        let all = &self.checked.parts;
        let first = from.min(all.len());
        let page = all.get(first..to.clamp(first, all.len())).unwrap_or_default();
        let is_chunk = |part: &&Part| part.disposition == Disposition::Chunk;
        let chunks = self.checked.plan.as_ref().map(core::Plan::chunks).unwrap_or_default();
        // Both lists are in order, so the chunks of this page begin where its first part does.
        let from = page.first().map(|part| part.window.start());
        let before = chunks.partition_point(|chunk| from.is_some_and(|from| chunk.window.start() < from));
        let mut chunks = chunks.iter().skip(before);
        let rows: Vec<Row<'_>> = page
            .iter()
            .map(|part| {
                let chunk = if is_chunk(&part) { chunks.next() } else { None };
                row(part, chunk)
            })
            .collect();
        value(&rows)
    }

    /// The request that submits a chunk; null when there is no such chunk.
    ///
    /// # Errors
    /// `at` is not an instant.
    pub fn submit(&self, chunk: u32, at: &str) -> Result<Value, CallError> {
        let at = Timestamp::parse(at).map_err(|why| format!("`{at}` {why}"))?;
        Ok(value(&self.submit_request(chunk, at)))
    }

    /// The message that first wakes a chunk on AWS for this OAuth client; null when there is no such chunk.
    #[must_use]
    pub fn wake_up(&self, chunk: u32, client: &str) -> Value {
        value(&self.wake_up_message(chunk, client))
    }

    fn wake_up_message(&self, chunk: u32, client: &str) -> Option<QueueMessage> {
        let plan = self.checked.plan.as_ref()?;
        plan.chunks().get(usize::try_from(chunk.checked_sub(1)?).ok()?)?;
        let tenant = tenant_name(&region(&plan.request().jurisdiction)?.api(), client);
        let body = WakeUp::new(&run_id(plan.digest(), &tenant), chunk).text();
        Some(QueueMessage { tenant, body })
    }

    fn submit_request(&self, chunk: u32, at: Timestamp) -> Option<HttpRequest> {
        let plan = self.checked.plan.as_ref()?;
        let place = usize::try_from(chunk.checked_sub(1)?).ok()?;
        let chunk = plan.chunks().get(place)?;
        let request = plan.request();
        Some(match request.api {
            DeletionApi::DataDeletion => data_deletion::submit(request, chunk.window, plan.policy().limits.range_end),
            DeletionApi::RecordingJobs => {
                let days = request.recordings.unwrap_or_default().cool_off_days;
                recording_jobs::create(request, *chunk, at.plus_days(days))
            }
        })
    }
}
