//! Whether the functions can carry a plan to its end. On one machine this is no question, because it has only a few chunks under
//! way.

use purge_core::finding::{Finding, Severity};
use purge_core::plan::Plan;
use purge_core::request::DeletionApi;

use crate::evidence::{most_in_memory, most_in_time};

const DAY_SECONDS: u64 = 86_400;

/// A finding if no courier, or none with this memory, could put the evidence of so many chunks together. Without evidence, the
/// deletion could never be proved.
pub(super) fn too_large(plan: &Plan, courier_megabytes: u32, severity: Severity) -> Option<Finding> {
    let (api, chunks) = (plan.request().api, plan.chunks().len());
    let is_beyond = |most: u32| u32::try_from(chunks).map_or(true, |chunks| chunks > most);
    let (in_time, in_memory) = (most_in_time(api), most_in_memory(api, courier_megabytes));
    let (why, help) = if is_beyond(in_time) {
        (
            format!("evidence of more than {in_time} takes the courier longer than it has, whatever its memory"),
            "ask for several shorter ranges or for longer chunks",
        )
    } else if is_beyond(in_memory) {
        (
            format!("evidence of more than {in_memory} does not fit into the courier's {courier_megabytes} MB"),
            "ask for several shorter ranges or for longer chunks, or deploy with a larger `CourierMemory`",
        )
    } else {
        return None;
    };
    let message = format!("the plan has {chunks} chunks, and {why}");
    Some(Finding::new(severity, "run.tooLarge", "#/request/range", message, help))
}

/// A warning if the last chunks would wait too long for their turn: all chunks are woken at once.
pub(super) fn too_long(plan: &Plan) -> Option<Finding> {
    let (request, limits, estimate) = (plan.request(), &plan.policy().limits, plan.estimate());
    let by_budget = estimate.api_calls.saturating_mul(60) / u64::from(limits.requests_per_minute.max(1));
    let seconds = match request.api {
        // These deletions need no job slot, so only the request budget holds them back.
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
