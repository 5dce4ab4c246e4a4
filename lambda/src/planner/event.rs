//! What can be asked of the planner.

use purge_core::finding::{Finding, Severity};
use purge_core::run::Approval;
use purge_core::time::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// One event.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "action", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Event {
    /// What would be deleted. Starts nothing.
    Preview {
        /// The request.
        request: Value,
        /// The policy; the bucket's when absent.
        policy: Option<Value>,
    },
    /// Carries out a request whose plan was approved.
    Run {
        /// The request.
        request: Value,
        /// The policy; the bucket's when absent. It may keep more than the bucket's, never less.
        policy: Option<Value>,
        /// By whom and what exactly.
        approval: GivenApproval,
    },
    /// Carries out a plan file.
    RunPlan {
        /// The file, as exported.
        plan_file: Value,
        /// Who approved it.
        approved_by: String,
    },
    /// Carries out a standing request for the time of a schedule.
    Schedule {
        /// The time for which the schedule fired; the same at every delivery.
        scheduled_at: Timestamp,
        /// Where the standing request is in the plans bucket.
        request_key: String,
    },
    /// Stops a run.
    Cancel {
        /// Which.
        run_id: String,
    },
    /// Tries again what did not end well.
    Retry {
        /// Which.
        run_id: String,
        /// Only these chunks.
        chunks: Option<Vec<u32>>,
        /// Which cancellation is taken back, by the time that `status` shows. An event may come more than once and late, and a
        /// cancellation that came in between is not one that it meant.
        cancel_asked: Option<Timestamp>,
    },
    /// Wakes what stands still.
    Resume {
        /// Which.
        run_id: String,
    },
    /// Has every run looked at that is not finished, and what stands still woken. A schedule asks for it.
    Sweep {
        /// What counts as overdue, in seconds, where it is not what follows from the queues' times: for a person who knows that
        /// messages are gone.
        overdue_seconds: Option<u32>,
    },
    /// Where it stands.
    Status {
        /// Which.
        run_id: String,
    },
}

/// Somebody's word that a plan may be carried out.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GivenApproval {
    /// Digest of the plan, whole.
    pub digest: String,
    /// Who approves it.
    pub approved_by: String,
}

impl GivenApproval {
    /// At this time.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Approval {
        Approval { digest: self.digest.clone(), approved_by: self.approved_by.clone(), approved_at: now }
    }
}

impl Event {
    /// Whether it changes nothing: whoever gives it waits for the answer.
    #[must_use]
    pub fn only_asks(&self) -> bool {
        matches!(self, Self::Preview { .. } | Self::Status { .. })
    }

    /// Reads an event.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(event: &Value) -> Result<Self, Vec<Finding>> {
        serde_json::from_value(event.clone()).map_err(|why| {
            vec![Finding::new(
                Severity::Error,
                "event.invalid",
                "#",
                format!("the event cannot be read: {why}"),
                "`action` is one of preview, run, runPlan, schedule, cancel, retry, resume, sweep, status",
            )]
        })
    }
}
