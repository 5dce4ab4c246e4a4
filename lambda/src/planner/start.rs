//! Starts runs, from a request or a plan file.

use std::num::NonZeroU32;
use std::time::Duration;

use purge_core::chunk::Chunk;
use purge_core::finding::{Finding, Severity, stops};
use purge_core::plan::{self, Plan, PlanFile, Reopened, document};
use purge_core::run::{Approval, ApprovalError, ChunkRun, NameError, Order};
use purge_core::time::Timestamp;
use purge_driver::ledger::{Created, NewRun};
use purge_driver::{Clock, Http};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::Answered;
use super::event::GivenApproval;
use super::fits::{too_large, too_long};
use super::{Failure, Refusal};
use crate::batch::Again;
use crate::bucket::Bucket;
use crate::functions::Functions;
use crate::policy::missing_policy;
use crate::queue::Queue;
use crate::store::{Firing, Store};

/// How far ahead of the clock a schedule's time may be, because clocks differ a little.
const AHEAD: Duration = Duration::from_secs(300);

/// Who approves a plan file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Approver<'a> {
    /// The person whom the event names.
    Name(&'a str),
    /// The id of the S3 principal that put the file into the bucket.
    Upload(&'a str),
}

/// Why a firing starts nothing.
const NOTHING_DUE: &str =
    "the month is longer than the one that the range lies in: the firing before has taken its last day";

/// A request that is made at every firing of a schedule, each time for another range.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StandingRequest {
    /// The request without its range.
    request: Value,
    /// The range ends this many months before the day of the firing.
    older_than_months: u32,
    /// Days from one firing to the next. The range begins where the range of the previous firing ended.
    span_days: NonZeroU32,
    /// Who approved this for every firing.
    approved_by: String,
}

impl<L: Store, H: Http, C: Clock, Q: Queue, B: Bucket> Functions<'_, L, H, C, Q, B> {
    /// Shows what would be deleted, and the plan file to approve.
    pub(super) async fn preview(&self, request: &Value, policy: Option<&Value>) -> Answered {
        let now = self.clock.now();
        let policy = self.policy(policy).await?;
        let mut checked = plan::check(&request.to_string(), Some(&policy), &self.context(now));
        if let Some(plan) = &checked.plan {
            checked.findings.extend(too_large(plan, self.courier_megabytes, Severity::Warning));
            checked.findings.extend(too_long(plan));
        }
        match &checked.plan {
            Some(plan) => Ok(json!({"plan": document(&checked), "planFile": PlanFile::new(plan, now)})),
            None => Err(Refusal::of(checked.findings).into()),
        }
    }

    /// Runs a request, if its plan has the approved digest and the bucket's policy keeps nothing of it.
    pub(super) async fn run_request(
        &self,
        request: &Value,
        policy: Option<&Value>,
        approval: &GivenApproval,
        trace: Option<&str>,
    ) -> Answered {
        let now = self.clock.now();
        let policy = self.policy(policy).await?;
        let checked = plan::check(&request.to_string(), Some(&policy), &self.context(now));
        let Some(plan) = &checked.plan else { return Err(Refusal::of(checked.findings).into()) };
        self.check_against_policy_now(plan, plan.chunks(), now).await?;
        self.start(plan, now, &approval.at(now), None, trace).await
    }

    /// Runs a plan file, if its digest comes out again and the bucket's policy keeps nothing of its plan. The file's sender
    /// approves exactly that digest.
    pub(super) async fn run_plan(&self, plan_file: &str, by: Approver<'_>, trace: Option<&str>) -> Answered {
        let now = self.clock.now();
        let Reopened { plan, planned_at, .. } = plan::reopen(plan_file, &self.context(now)).map_err(Refusal::of)?;
        let approved_by = match by {
            Approver::Name(name) => name,
            // A principal never equals the requester's name. So every uploader would count as a second person, even the requester.
            Approver::Upload(_) if plan.policy().limits.second_person => return Err(second_person_by_upload().into()),
            Approver::Upload(principal) => principal,
        };
        self.check_against_policy_now(&plan, plan.chunks(), now).await?;
        let digest = plan.digest().to_owned();
        let approval = Approval { digest, approved_by: approved_by.to_owned(), approved_at: now };
        self.start(&plan, planned_at, &approval, None, trace).await
    }

    /// Runs a standing request for one firing. Its range follows from the schedule's time, and the rules are applied as of that
    /// time. A firing that has started a run keeps that run, whatever the standing request or the policy says by now: the same
    /// event gives the same run.
    pub(super) async fn run_schedule(
        &self,
        scheduled_at: Timestamp,
        request_key: &str,
        trace: Option<&str>,
    ) -> Answered {
        let refused = |code: &str, message: String, help: &str| {
            Refusal::of(vec![Finding::new(Severity::Error, code, format!("{request_key}#"), message, help)])
        };
        if scheduled_at > self.clock.now().plus(AHEAD) {
            let message = format!("`{scheduled_at}` has not come yet");
            return Err(refused("schedule.future", message, "leave the time to the scheduler").into());
        }
        let firing = Firing { request_key: request_key.to_owned(), scheduled_at };
        if let Some(run_id) = self.ledger.fired(&firing).await? {
            self.refuse_ahead(&run_id).await?;
            return Ok(self.wake_started(&run_id, Created::Existing, trace).await?);
        }
        let text = self.plans.read(request_key).await?.ok_or_else(|| {
            let message = format!("there is no `{request_key}` in the plans bucket");
            refused("schedule.missing", message, "put the standing request there")
        })?;
        let standing: StandingRequest = serde_json::from_str(&text).map_err(|why| {
            let help = "`request` without `range`, `olderThanMonths`, `spanDays` (at least 1) and `approvedBy`";
            refused("schedule.invalid", format!("it cannot be read: {why}"), help)
        })?;
        let mut request = standing.request;
        if request.get("range").is_some() {
            let message = "it has a `range` of its own".to_owned();
            return Err(refused("schedule.range", message, "omit `range`: it follows from the schedule").into());
        }
        let Some(range) = plan::due(scheduled_at, standing.older_than_months, standing.span_days.get()) else {
            return Ok(json!({"scheduledAt": scheduled_at, "nothingDue": NOTHING_DUE}));
        };
        if let Some(fields) = request.as_object_mut() {
            fields.insert("range".to_owned(), json!(range));
        }
        let policy = self.policy(None).await?;
        let checked = plan::check(&request.to_string(), Some(&policy), &self.context(scheduled_at));
        let Some(plan) = &checked.plan else { return Err(Refusal::of(checked.findings).into()) };
        let digest = plan.digest().to_owned();
        // The approval is a standing one and is dated when it is acted on, which is late for a firing that was missed. The date
        // does not change which run it is; the first invocation to store the run determines the date.
        let approved_at = self.clock.now().max(scheduled_at);
        let approval = Approval { digest, approved_by: standing.approved_by, approved_at };
        self.start(plan, scheduled_at, &approval, Some(&firing), trace).await
    }

    /// Refuses to carry out these chunks of a plan where the bucket's policy, which applies now, keeps what they would delete, or
    /// there is none.
    pub(super) async fn check_against_policy_now(&self, plan: &Plan, ahead: &[Chunk], now: Timestamp) -> Answered<()> {
        let policy = self.policy(None).await?;
        let against = plan::since(plan, ahead, &policy, &self.context(now));
        if stops(&against) { Err(Refusal::of(against).into()) } else { Ok(()) }
    }

    /// The given policy, or else the bucket's. Without a policy nothing runs, because nobody would know what must be kept.
    async fn policy(&self, given: Option<&Value>) -> Answered<String> {
        if let Some(policy) = given {
            return Ok(policy.to_string());
        }
        let policy = self.plans.read(self.policy_key).await?.ok_or_else(|| {
            Refusal::of(vec![Finding::new(
                Severity::Error,
                "policy.missing",
                "policy#",
                missing_policy(self.policy_key),
                "put the policy that applies there",
            )])
        })?;
        Ok(policy)
    }

    /// Stores the run, unless it is there, and has its chunks woken. A second call is harmless, and completes what the first one
    /// left undone.
    async fn start(
        &self,
        plan: &Plan,
        planned_at: Timestamp,
        approval: &Approval,
        firing: Option<&Firing>,
        trace: Option<&str>,
    ) -> Answered {
        if let Some(finding) = too_large(plan, self.courier_megabytes, Severity::Blocked) {
            return Err(Refusal::of(vec![finding]).into());
        }
        let order = Order::new(plan, approval, &self.place.name(), self.place.simulated);
        let order = order.map_err(|error| not_approved(&error))?;
        let chunks = plan.chunks().iter().map(|chunk| ChunkRun::new(&order, *chunk)).collect();
        let new = NewRun { order, plan_file: PlanFile::new(plan, planned_at).text(), chunks };
        self.refuse_ahead(&new.order.run_id).await?;
        let now = self.clock.now();
        let (run_id, created) = match firing {
            Some(firing) => self.ledger.create_fired(firing, &new, now).await?,
            None => (new.order.run_id.clone(), self.ledger.create(&new, now).await?),
        };
        Ok(self.wake_started(&run_id, created, trace).await?)
    }

    /// Has the chunks of a stored run woken, and answers which run it is.
    async fn wake_started(&self, run_id: &str, created: Created, trace: Option<&str>) -> Result<Value, Failure> {
        let order = self.ledger.order(run_id).await?.ok_or_else(|| Again::Failed(format!("run `{run_id}` is gone")))?;
        self.wake_all(run_id, trace).await?;
        Ok(json!({
            "runId": run_id,
            "planDigest": order.plan_digest,
            "shortCode": plan::short_code(&order.plan_digest),
            "chunks": order.chunks,
            "new": created == Created::New,
        }))
    }
}

fn second_person_by_upload() -> Refusal {
    Refusal::of(vec![Finding::new(
        Severity::Blocked,
        "approval.upload",
        "#/policy/limits/secondPerson",
        "the policy asks for a second person, and who put the file there cannot be compared with the requester",
        "invoke the planner with `run` or `runPlan` and name the approver",
    )])
}

fn not_approved(error: &ApprovalError) -> Refusal {
    let (code, help) = match error {
        ApprovalError::DigestMismatch { .. } => {
            ("approval.mismatch", "preview the request and approve the plan that comes of it")
        }
        ApprovalError::SamePerson(_) => ("approval.samePerson", "have somebody else approve it"),
        ApprovalError::Approver(NameError::Nobody) => ("approval.nobody", "say who approves it"),
        ApprovalError::Approver(NameError::Unreadable) => ("approval.name", "write the name plainly"),
    };
    Refusal::of(vec![Finding::new(Severity::Blocked, code, "#/approval", error.to_string(), help)])
}
