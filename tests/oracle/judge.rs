//! Compares what a run reports with what the tenant knows.

use std::time::Duration;

use purge_core::chunk::{Age, Chunk};
use purge_core::evidence::{Evidence, Material};
use purge_core::outcome::Outcome;
use purge_core::report::{ChunkReport, exit_code};
use purge_core::time::Timestamp;
use purge_sim::Item;

use crate::case::{Case, DAY};
use crate::conversations::{asked, kept, taken};
use crate::run::Done;
use crate::{Wrong, partition};

/// How much later a request may arrive that left right before a cancel or a change of policy.
const UNDER_WAY_MS: i64 = 60_000;

/// A deletion that was carried out: its chunk, and when it was accepted.
type Execution = (Chunk, Timestamp);

pub(crate) fn judge(case: &Case, done: &Done) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    // Judge long after everything is over, so that nothing is still under way.
    let later = done.ended.plus(Duration::from_secs(400 * 86_400));
    let items = done.tenant.inventory(later);
    let executions = executions(done, later);
    partition::judge(case, done, &mut wrong);
    safety(case, &items, &executions, &mut wrong);
    cancel(done, &executions, &mut wrong);
    evidence(done, &mut wrong);
    in_time(case, done, &mut wrong);
    // A run that was given altered answers can only report what it was told.
    if case.lies == 0 {
        for chunk in &done.report.chunks {
            let of = done.plan.chunks()[chunk.index as usize - 1];
            let executed = executions.iter().filter(|(chunk, _)| *chunk == of).count();
            let (gone, left) = items
                .iter()
                .filter(|item| taken(case, item, of) && asked(case, item, of.age))
                .partition(|item| item.gone.is_some());
            let really = Really { of, executed, gone, left };
            let mut found = Vec::new();
            ends(case, done, chunk, &really, &mut found);
            numbers(case, chunk, &really, &mut found);
            let context = format!("{chunk:?}; really executed {executed} times, {} gone", really.gone.len());
            wrong.extend(found.into_iter().map(|(what, how)| (what, format!("{how}: {context}"))));
        }
        sums(case, done, &items, &executions, &mut wrong);
    }
    wrong
}

fn executions(done: &Done, later: Timestamp) -> Vec<Execution> {
    let truth = done.tenant.truth(later);
    let of = |at: Timestamp| done.plan.chunks().iter().copied().find(|chunk| chunk.window.contains(at));
    let deletions = truth.executed.iter().filter_map(|deletion| Some((of(deletion.first)?, deletion.created)));
    let jobs = truth.jobs.iter().filter_map(|job| Some((of(job.interval.start())?, job.executed?)));
    deletions.chain(jobs).collect()
}

/// Whatever is gone or has a delete date was asked for, and was taken by a deletion from which no policy kept it.
fn safety(case: &Case, items: &[Item], executions: &[Execution], wrong: &mut Vec<Wrong>) {
    let lost = items.iter().filter(|item| item.gone.is_some() || item.dated);
    let found = lost.filter_map(|item| {
        let by: Vec<_> = executions.iter().filter(|(chunk, _)| taken(case, item, *chunk)).collect();
        let whys: Vec<_> = by.iter().map(|(chunk, at)| objection(case, item, *chunk, *at)).collect();
        if by.is_empty() {
            return Some(("safety.outside", format!("{item:?}, although only these were executed: {executions:?}")));
        }
        let kept = case.lies == 0 && whys.iter().all(Option::is_some);
        kept.then(|| ("safety.kept", format!("{item:?}, by {by:?}: {whys:?}")))
    });
    // One example is enough.
    wrong.extend(found.take(1));
}

fn objection(case: &Case, item: &Item, chunk: Chunk, accepted: Timestamp) -> Option<String> {
    if !asked(case, item, chunk.age) {
        return Some("it was not asked for".to_owned());
    }
    let Some(in_force) = case.in_force(Timestamp::from_millis(accepted.millis() - UNDER_WAY_MS)) else {
        return Some("the policy cannot be read".to_owned());
    };
    [&case.policy, in_force].into_iter().find_map(|policy| kept(case, policy, item, accepted))
}

/// No deletion begins after a cancel, until the cancel is taken back.
fn cancel(done: &Done, executions: &[Execution], wrong: &mut Vec<Wrong>) {
    let Some(cancelled) = done.cancelled else { return };
    let back = done.retried.unwrap_or(Timestamp::LATEST);
    let ignored = executions.iter().find(|(_, at)| at.millis() > cancelled.millis() + UNDER_WAY_MS && *at < back);
    if let Some(execution) = ignored {
        wrong.push(("cancel.ignored", format!("asked for at {cancelled}, then {execution:?}")));
    }
}

fn evidence(done: &Done, wrong: &mut Vec<Wrong>) {
    let Done { plan, order, plan_file, records, report, outbox, policies, .. } = done;
    wrong.extend(report.problems.iter().map(|problem| ("report.problem", format!("{problem:?}"))));
    let accounting = report.accounting;
    let requested = plan.request().range.millis();
    if accounting.requested_ms != requested || accounting.accounted_ms() != requested {
        wrong.push(("report.accounting", format!("{accounting:?}")));
    }
    let material = Material { order, plan_file, records, report, messages: outbox, policies };
    if let Err(why) = Evidence::of(&material).unwrap().check() {
        wrong.push(("evidence", why.to_string()));
    }
    let attempts: u32 = report.chunks.iter().map(|chunk| chunk.attempts).sum();
    if outbox.len() != attempts as usize {
        wrong.push(("messages", format!("{} for {attempts} attempts", outbox.len())));
    }
}

/// The run ends, and not much later than its deadlines allow.
fn in_time(case: &Case, done: &Done, wrong: &mut Vec<Wrong>) {
    let cool_off = done.order.request.recordings.map_or(0, |options| u64::from(options.cool_off_days) * 86_400);
    let chunk = 2 * done.order.limits.chunk_deadline_seconds + cool_off + 3 * 3_600;
    let attempt = chunk * done.report.chunks.len() as u64 + 4 * 86_400;
    let most = (1 + case.retries) * attempt + done.lives * 200 + 8_000;
    let took = done.ended.since(case.now).as_secs();
    if took > most {
        wrong.push(("late", format!("{took} s, at most {most}")));
    }
}

/// What really happened to a chunk.
struct Really<'a> {
    of: Chunk,
    /// How often a deletion of the chunk was carried out.
    executed: usize,
    gone: Vec<&'a Item>,
    left: Vec<&'a Item>,
}

/// The outcome of a chunk claims no more than is true.
fn ends(case: &Case, done: &Done, chunk: &ChunkReport, really: &Really<'_>, wrong: &mut Vec<Wrong>) {
    let Some(outcome) = chunk.outcome else {
        wrong.push(("end.missing", "it has not ended".to_owned()));
        return;
    };
    let harmless = matches!(outcome, Outcome::Held | Outcome::Rejected | Outcome::TimedOut | Outcome::Cancelled);
    // A job that skips everything, because the platform protects it, has been executed as well.
    let deleted = really.executed > 0 && !really.gone.is_empty();
    if deleted && (harmless && chunk.attempts == 1 || chunk.submits == 0) {
        wrong.push(("end.denies", "it says that nothing was deleted".to_owned()));
    }
    if chunk.attempts == 1 && really.executed > 1 && chunk.before.is_some() {
        wrong.push(("twice", "executed more than once".to_owned()));
    }
    // What the platform protects stays, and conversations that never ended may be recorded again.
    let settled = done.ended.millis() - 3 * DAY;
    let mut left = really.left.iter().filter(|item| !case.is_jobs() || !item.protected && item.last.millis() < settled);
    if let (Outcome::Verified, Some(0), Some(item)) = (outcome, chunk.remaining, left.next()) {
        wrong.push(("verified.left", format!("{item:?} is left")));
    }
}

/// Every number is the tenant's own, or absent.
fn numbers(case: &Case, chunk: &ChunkReport, really: &Really<'_>, wrong: &mut Vec<Wrong>) {
    let (gone, left) = (really.gone.len() as u64, really.left.len() as u64);
    if !by_sample(case, chunk)
        && let Some(claimed) = chunk.records_deleted
    {
        if claimed > gone {
            wrong.push(("number.more", "it claims more than is gone".to_owned()));
        }
        // What belongs to an aged chunk may have gone with an earlier one, and a lagging index shows fewer records.
        let lags = case.scenario["analytics"]["indexLagSeconds"] != 0;
        let sure = match chunk.outcome {
            Some(Outcome::Verified) => true,
            Some(Outcome::Unknown | Outcome::Residual) | None => false,
            Some(_) => chunk.attempts == 1 && !lags,
        };
        if claimed < gone && sure && really.of.age == Age::Recent {
            wrong.push(("number.fewer", "it claims fewer than are gone".to_owned()));
        }
    }
    if !case.is_jobs() {
        if chunk.before.is_some_and(|before| before != gone + left) {
            wrong.push(("number.before", format!("there were {}", gone + left)));
        }
        if chunk.remaining.is_some_and(|remaining| remaining < left) {
            wrong.push(("number.remaining", format!("{left} are left")));
        }
    }
}

/// Whether a sample was looked at and nothing was found in it, so that the number is the job's own.
fn by_sample(case: &Case, chunk: &ChunkReport) -> bool {
    let looked_at = matches!(chunk.outcome, Some(Outcome::Verified | Outcome::Residual));
    case.is_jobs() && looked_at && chunk.remaining.is_none()
}

fn sums(case: &Case, done: &Done, items: &[Item], executions: &[Execution], wrong: &mut Vec<Wrong>) {
    let report = &done.report;
    let code = exit_code(report);
    if code == 3 && !executions.is_empty() {
        wrong.push(("exit.3", format!("it says that nothing was deleted: {executions:?}")));
    }
    if code == 0 && report.chunks.iter().any(|chunk| chunk.outcome != Some(Outcome::Verified)) {
        wrong.push(("exit.0", "not all is verified".to_owned()));
    }
    let gone = items.iter().filter(|item| item.gone.is_some()).count() as u64;
    let measured = !report.chunks.iter().any(|chunk| by_sample(case, chunk));
    if let (true, Some(claimed)) = (measured, report.totals.records_deleted)
        && claimed > gone
    {
        wrong.push(("total.more", format!("{claimed}, really {gone}")));
    }
}
