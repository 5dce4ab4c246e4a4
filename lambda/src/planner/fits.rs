//! Whether the functions can carry a plan to its end: what is no question on one machine, which has only a few chunks under way.

use purge_core::finding::{Finding, Severity};
use purge_core::plan::Plan;
use purge_core::request::DeletionApi;

use crate::evidence::most_chunks;

const DAY_SECONDS: u64 = 86_400;

/// That the evidence of so many chunks would not fit into the courier's memory: what was deleted could never be proved.
pub(super) fn too_large(plan: &Plan, courier_megabytes: u32, severity: Severity) -> Option<Finding> {
    let (chunks, most) = (plan.chunks().len(), most_chunks(plan.request().api, courier_megabytes));
    if u32::try_from(chunks).is_ok_and(|chunks| chunks <= most) {
        return None;
    }
    Some(Finding::new(
        severity,
        "run.tooLarge",
        "#/request/range",
        format!(
            "the plan has {chunks} chunks, and evidence of more than {most} does not fit into the courier's {courier_megabytes} MB"
        ),
        "ask for several shorter ranges or for longer chunks, or deploy with a larger `CourierMemory`",
    ))
}

/// That the last chunks would wait too long for their turn: all of them are woken at once.
pub(super) fn too_long(plan: &Plan) -> Option<Finding> {
    let (request, limits, estimate) = (plan.request(), &plan.policy().limits, plan.estimate());
    let by_budget = estimate.api_calls.saturating_mul(60) / u64::from(limits.requests_per_minute.max(1));
    let seconds = match request.api {
        // Nothing but the budget holds back what occupies nobody.
        DeletionApi::DataDeletion => by_budget,
        DeletionApi::RecordingJobs => {
            let cool_off = request.recordings.map_or(0, |options| u64::from(options.cool_off_days) * DAY_SECONDS);
            estimate.seconds.saturating_sub(cool_off)
        }
    };
    let allowed = limits.queue_deadline_seconds;
    let days = |seconds: u64| seconds.div_ceil(DAY_SECONDS);
    (seconds > allowed).then(|| {
        Finding::new(
            Severity::Warning,
            "run.tooLong",
            "policy#/limits/queueDeadlineSeconds",
            format!(
                "all {} chunks wait for their turn at once, and the last ones are expected to get it after {} days; what has waited \
                 for {} ends as `timedOut`, with nothing deleted",
                estimate.chunks,
                days(seconds),
                days(allowed),
            ),
            "ask for several shorter ranges, or raise `limits.queueDeadlineSeconds` (30 days at most)",
        )
    })
}
