//! What a plan must be: the range in parts, without gaps. What the documents keep is in no chunk, and everything else is in one.

use purge_core::plan::{self, Disposition, Plan, reopen};
use purge_core::time::Timestamp;

use crate::Wrong;
use crate::case::{Case, DAY, context};
use crate::conversations::{rules, window, words, young};
use crate::run::Done;

/// If there is no plan, no part of the range may be one to delete.
pub(crate) fn nothing_to_do(case: &Case) -> Vec<Wrong> {
    let checked = plan::check(&case.request.to_string(), Some(&case.policy.to_string()), &context(case.now));
    let lost = checked.parts.iter().find(|part| part.disposition == Disposition::Chunk);
    lost.map(|part| ("plan.lost", format!("{part:?}"))).into_iter().collect()
}

pub(crate) fn judge(case: &Case, done: &Done, wrong: &mut Vec<Wrong>) {
    same_again(case, done, wrong);
    no_gaps(&done.plan, wrong);
    if !case.is_jobs() {
        cut(case, &done.plan, wrong);
    }
}

fn same_again(case: &Case, done: &Done, wrong: &mut Vec<Wrong>) {
    let again = plan::check(&case.request.to_string(), Some(&case.policy.to_string()), &context(case.now));
    if again.plan.as_ref().map(Plan::digest) != Some(done.plan.digest()) {
        wrong.push(("plan.unequal", "the same files give another digest".to_owned()));
    }
    // A year later rules end elsewhere, but the file is still the plan that was approved.
    let later = Timestamp::from_millis(case.now.millis() + 400 * DAY);
    match reopen(&done.plan_file, &context(later)) {
        Ok(reopened) if reopened.plan == done.plan => {}
        other => wrong.push(("plan.reopened", format!("{other:?}"))),
    }
}

fn no_gaps(plan: &Plan, wrong: &mut Vec<Wrong>) {
    let range = plan.request().range;
    let starts = plan.parts().iter().map(|part| part.window.start()).chain([range.end()]);
    let ends = [range.start()].into_iter().chain(plan.parts().iter().map(|part| part.window.end()));
    if let Some((end, start)) = ends.zip(starts).find(|(end, start)| end != start) {
        wrong.push(("plan.gap", format!("between {end} and {start}")));
    }
}

/// Checks both sides of every edge. Only plans of `dataDeletion` are cut to the millisecond.
fn cut(case: &Case, plan: &Plan, wrong: &mut Vec<Wrong>) {
    let asked = words(&case.request["recordTypes"]);
    let concerns =
        |kept: &[&str]| kept.iter().any(|k| asked.iter().any(|a| k == a || [*k, *a].contains(&"conversation")));
    let today = case.now.start_of_day();
    // What is younger than two days may still change.
    let mut kept = vec![(today.millis() - 2 * DAY, i64::MAX)];
    for hold in case.policy["holds"].as_array().unwrap() {
        let concerned = hold.get("recordTypes").is_none_or(|types| concerns(&words(types)));
        // Holds on named conversations are checked later.
        if let (true, None, Some(window)) = (concerned, hold.get("conversationIds"), window(hold)) {
            kept.push((window.start().millis(), window.end().millis()));
        }
    }
    let rules = rules(case, &case.policy).filter(|rule| concerns(&words(&rule["recordTypes"])));
    kept.extend(rules.map(|rule| (young(rule, today).millis(), i64::MAX)));

    let range = plan.request().range;
    let edges = kept.iter().copied().chain([(range.start().millis(), range.end().millis())]);
    for at in edges.flat_map(|(start, end)| [start - 1, start, end - 1, end]) {
        let is_kept = kept.iter().any(|(start, end)| (*start..*end).contains(&at));
        let at = Timestamp::from_millis(at);
        let is_chunk = plan.chunks().iter().any(|chunk| chunk.window.contains(at));
        if range.contains(at) && is_kept == is_chunk {
            wrong.push(("plan.cut", format!("{at}: to be kept {is_kept}, to be deleted {is_chunk}")));
        }
    }
}
