//! The events that the planner understands.

use purge_core::finding::{Finding, Severity};
use purge_core::run::Approval;
use purge_core::time::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// One event.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "action", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Event {
    /// Shows what would be deleted. Starts nothing.
    Preview {
        /// The request.
        request: Value,
        /// The policy; when absent, the bucket's.
        policy: Option<Value>,
    },
    /// Carries out a request whose plan was approved.
    Run {
        /// The request.
        request: Value,
        /// The policy; when absent, the bucket's. It may keep more than the bucket's, but never less.
        policy: Option<Value>,
        /// Who approved exactly which plan.
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
        /// The time for which the schedule fired: the same in every delivery.
        scheduled_at: Timestamp,
        /// Key of the standing request in the plans bucket.
        request_key: String,
    },
    /// Cancels a run.
    Cancel {
        /// Id of the run.
        run_id: String,
        /// Who asks for it. Nothing is refused for want of it: the answer to the kill switch may go nowhere.
        #[serde(default)]
        asked_by: String,
    },
    /// Gives another attempt to chunks that did not end well.
    Retry {
        /// Id of the run.
        run_id: String,
        /// Who asks for it.
        #[serde(default)]
        asked_by: String,
        /// The chunks; when absent, all that did not end well.
        chunks: Option<Vec<u32>>,
        /// The cancellation that is taken back, by the time that `status` shows. An event may come late and more than once, and
        /// must not take back a cancellation that was asked for in the meantime.
        cancel_asked: Option<Timestamp>,
    },
    /// Wakes a run that is stalled.
    Resume {
        /// Id of the run.
        run_id: String,
    },
    /// Has every unfinished run examined, and wakes what is stalled. A schedule asks for it.
    Sweep {
        /// After how many seconds something counts as overdue; when absent, what follows from the queues' times. It is for a person
        /// who knows that messages are gone.
        overdue_seconds: Option<u32>,
    },
    /// Shows where a run stands.
    Status {
        /// Id of the run.
        run_id: String,
    },
}

/// The approval that an event names.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GivenApproval {
    /// The whole digest of the plan.
    pub digest: String,
    /// Who approves it.
    pub approved_by: String,
}

impl GivenApproval {
    /// The approval, given at this time.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Approval {
        Approval { digest: self.digest.clone(), approved_by: self.approved_by.clone(), approved_at: now }
    }
}

impl Event {
    /// Whether the event only asks and changes nothing. Its sender waits for the answer.
    #[must_use]
    pub fn only_asks(&self) -> bool {
        matches!(self, Self::Preview { .. } | Self::Status { .. })
    }

    /// The time for which a schedule has fired; `None` for every other event.
    #[must_use]
    pub fn scheduled_at(&self) -> Option<Timestamp> {
        let Self::Schedule { scheduled_at, .. } = self else { return None };
        Some(*scheduled_at)
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
