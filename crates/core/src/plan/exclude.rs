//! What keeps data from being deleted: legal holds, retention rules, the provider's delay, and the limits of what the API can
//! address.

use std::sync::Arc;
use std::time::Duration;

use super::partition::Exclusion;
use super::rules::{count, duration};
use super::{Disposition, Keeper};
use crate::bounds::{AGED_AFTER_MONTHS, LONGEST, LONGEST_DAYS};
use crate::finding::{Finding, Severity};
use crate::policy::{Hold, Policy};
use crate::request::{DeletionApi, Draft, RecordType, only_messages};
use crate::time::Timestamp;
use crate::window::Window;

/// The time until the provider's data is complete: up to 48 hours (recording jobs, "data lake").
const SETTLING: Duration = Duration::from_secs(48 * 3600);

/// What the exclusions depend on.
pub(crate) struct Scope<'a> {
    pub(crate) api: DeletionApi,
    pub(crate) record_types: &'a [RecordType],
    pub(crate) range: Window,
    pub(crate) jurisdiction: &'a str,
    /// The start of the UTC day of planning.
    pub(crate) today: Timestamp,
    /// Whether conversations that reach from a chunk into a held window are looked for.
    pub(crate) looks_for_spanning: bool,
}

impl Scope<'_> {
    /// Whether conversations that begin in an earlier chunk may reach into this held window without being looked for.
    fn may_miss_spanning(&self, held: Window) -> bool {
        !self.looks_for_spanning
            && self.record_types.contains(&RecordType::Conversation)
            && held.start() > self.range.start()
    }

    /// The part of the range where recording jobs select conversations by activity instead of by start.
    fn aged(&self) -> Option<Window> {
        let until = five_year_boundary(self.today).filter(|_| self.api == DeletionApi::RecordingJobs)?.start();
        self.range.before(until)
    }

    /// The margins before and after the window that must also be kept, so that no conversation that goes on into the window or came
    /// out of it is deleted. A recording job for conversations older than five years selects every conversation with activity in
    /// its interval. `hold` is the place of the hold in the policy; without one, a rule keeps the window.
    fn margins_around(&self, window: Window, hold: Option<usize>, name: &str) -> impl Iterator<Item = Exclusion> {
        let disposition = if hold.is_some() { Disposition::Held } else { Disposition::Retained };
        let aged = self.aged();
        let keeper = Arc::new(Keeper { hold, name: format!("{name} within {LONGEST_DAYS} days") });
        let (before, after) = (window.start().minus(LONGEST), window.end().plus(LONGEST));
        let edges = [Window::new(before, window.start()), Window::new(window.end(), after)];
        edges.into_iter().flatten().filter_map(move |edge| {
            let window = edge.intersection(aged?)?;
            Some(Exclusion { window, disposition, keeper: Arc::clone(&keeper) })
        })
    }

    /// The window that must be kept to keep this one: recording jobs select whole days.
    fn widened(&self, window: Window) -> Window {
        match self.api {
            DeletionApi::DataDeletion => window,
            DeletionApi::RecordingJobs => window.widened_to_days(),
        }
    }
}

/// The days around the five-year boundary. Conversations before them are certainly aged, those after them certainly recent.
pub(crate) fn five_year_boundary(today: Timestamp) -> Option<Window> {
    let boundary = today.minus_months(AGED_AFTER_MONTHS);
    let day = Duration::from_secs(86_400);
    Window::new(boundary.minus(day), boundary.plus(day))
}

/// Everything that keeps a part of the range. Adds the findings that say so.
pub(crate) fn exclusions(
    scope: &Scope<'_>,
    draft: &Draft,
    policy: &Policy,
    findings: &mut Vec<Finding>,
) -> Vec<Exclusion> {
    let mut out = Vec::new();
    for (place, hold) in policy.holds.iter().enumerate() {
        exclude_hold(scope, hold, place, findings, &mut out);
    }
    exclude_retained(scope, draft, policy, findings, &mut out);
    exclude_too_recent(scope, findings, &mut out);
    exclude_part_days(scope, findings, &mut out);
    exclude_five_year_boundary(scope, findings, &mut out);
    out
}

fn warning(code: &str, pointer: &str, message: String, help: &str) -> Finding {
    Finding::new(Severity::Warning, code, pointer, message, help)
}

/// A limit that keeps a window.
fn limit(name: &str) -> Arc<Keeper> {
    Arc::new(Keeper { hold: None, name: name.to_owned() })
}

fn exclude_hold(scope: &Scope<'_>, hold: &Hold, place: usize, findings: &mut Vec<Finding>, out: &mut Vec<Exclusion>) {
    if !hold.concerns(scope.api, scope.record_types) {
        return;
    }
    let (id, pointer) = (&hold.id, format!("policy#/holds/{place}"));
    let widened = scope.widened(hold.range.unwrap_or(scope.range));
    let name = format!("hold `{id}`");
    if hold.conversation_ids.is_none() {
        out.extend(scope.margins_around(widened, Some(place), &name));
    }
    let Some(window) = widened.intersection(scope.range) else { return };
    if let Some(ids) = &hold.conversation_ids {
        findings.push(warning(
            "hold.conversations",
            &pointer,
            format!("hold `{id}` protects {}, which cannot be cut out of a range", count(ids.len(), "conversation")),
            "they are looked up right before each deletion; a chunk that may delete one stops",
        ));
        return;
    }
    if hold.query.is_some() {
        findings.push(warning(
            "hold.query",
            &pointer,
            format!("hold `{id}` has a query, which cannot be evaluated before the deletion; `{window}` is kept whole"),
            "name the range or the conversations of the hold to keep less",
        ));
    } else {
        findings.push(warning(
            "hold.overlap",
            &pointer,
            format!("hold `{id}` keeps `{window}`, {} of the range", duration(window)),
            "this part is not deleted; ask for it again once the hold is lifted",
        ));
    }
    if scope.may_miss_spanning(window) {
        findings.push(warning(
            "hold.spanning",
            &pointer,
            format!("conversations that begin before `{}` and continue into hold `{id}` may be deleted with the part in which they begin", window.start()),
            "set `limits.spanningConversations` to have them looked for before each deletion, or name them in the hold (`conversationIds`)",
        ));
    }
    out.push(Exclusion {
        window,
        disposition: Disposition::Held,
        keeper: Arc::new(Keeper { hold: Some(place), name }),
    });
}

fn exclude_retained(
    scope: &Scope<'_>,
    draft: &Draft,
    policy: &Policy,
    findings: &mut Vec<Finding>,
    out: &mut Vec<Exclusion>,
) {
    let mut overridden = false;
    for (place, rule) in policy.retention.iter().enumerate() {
        if !rule.concerns(scope.api, scope.record_types, scope.jurisdiction) {
            continue;
        }
        let Some(young) = rule.young(scope.today) else { continue };
        let name = format!("retention {} (`{}`)", count(rule.min_age_days, "day"), rule.basis);
        if draft.retention_override.is_none() {
            out.extend(scope.margins_around(young, None, &name));
        }
        let Some(window) = young.intersection(scope.range) else { continue };
        let pointer = format!("policy#/retention/{place}");
        let kept = format!("`{window}` for {} (`{}`)", count(rule.min_age_days, "day"), rule.basis);
        if draft.retention_override.is_some() {
            overridden = true;
            findings.push(warning(
                "retention.overridden",
                &pointer,
                format!("the override deletes what the rule keeps: {kept}"),
                "the reason and the approver of the override are recorded with every chunk",
            ));
            continue;
        }
        findings.push(warning(
            "retention.kept",
            &pointer,
            format!("the rule keeps {kept}"),
            match scope.api {
                DeletionApi::DataDeletion => "this part is not deleted for any record type; to delete types that the rule does not name, request them separately",
                DeletionApi::RecordingJobs => "this part is not deleted: a recording job deletes the recordings of calls and messages alike, so the rules for all of them apply",
            },
        ));
        out.push(Exclusion {
            window,
            disposition: Disposition::Retained,
            keeper: Arc::new(Keeper { hold: None, name }),
        });
    }
    if draft.retention_override.is_some() && !overridden {
        findings.push(Finding::new(
            Severity::Note,
            "retentionOverride.unneeded",
            "#/retentionOverride",
            "no retention rule keeps any part of the range",
            "leave the override out",
        ));
    }
}

fn exclude_too_recent(scope: &Scope<'_>, findings: &mut Vec<Finding>, out: &mut Vec<Exclusion>) {
    let from = scope.today.minus(SETTLING);
    let recent = Window::new(from, Timestamp::LATEST).and_then(|w| w.intersection(scope.range));
    if let Some(window) = recent {
        findings.push(warning(
            "range.tooRecent",
            "#/range/end",
            format!("`{window}` is later than 48 hours before today (UTC), so the provider's data may be incomplete"),
            "this part is not deleted; ask for it again later",
        ));
        out.push(Exclusion {
            window,
            disposition: Disposition::TooRecent,
            keeper: limit("later than 48 hours before today (UTC)"),
        });
    }
}

/// Excludes partial days at the ends of the range: recording jobs select whole UTC days and cannot address them exactly.
fn exclude_part_days(scope: &Scope<'_>, findings: &mut Vec<Finding>, out: &mut Vec<Exclusion>) {
    if scope.api == DeletionApi::DataDeletion {
        return;
    }
    let range = scope.range;
    let head = (!range.start().is_midnight())
        .then(|| ("#/range/start", range.before(range.start().start_of_day().plus_days(1))));
    let tail = (!range.end().is_midnight()).then(|| ("#/range/end", range.from(range.end().start_of_day())));
    for (pointer, window) in [head, tail].into_iter().flatten() {
        let Some(window) = window else { continue };
        findings.push(warning(
            "range.partDay",
            pointer,
            format!("`{window}` is only part of a UTC day, and recording jobs select whole days"),
            "this part is not deleted; let the range start and end at midnight UTC",
        ));
        out.push(Exclusion { window, disposition: Disposition::Refused, keeper: limit("part of a UTC day") });
    }
}

fn exclude_five_year_boundary(scope: &Scope<'_>, findings: &mut Vec<Finding>, out: &mut Vec<Exclusion>) {
    if scope.api == DeletionApi::DataDeletion {
        return;
    }
    let Some(boundary) = five_year_boundary(scope.today) else { return };
    if let Some(window) = boundary.intersection(scope.range) {
        findings.push(warning(
            "range.fiveYears",
            "#/range",
            format!(
                "`{window}` is within a day of the five-year boundary, where recording jobs change their selection"
            ),
            "this part is not deleted; ask for it again in two days",
        ));
        out.push(Exclusion {
            window,
            disposition: Disposition::Refused,
            keeper: limit("within a day of the five-year boundary"),
        });
    }
    let Some(window) = scope.aged() else { return };
    // For older conversations a job takes nothing but an interval, so it would delete the calls, too.
    if only_messages(scope.record_types) {
        findings.push(warning(
            "range.agedMessages",
            "#/recordTypes",
            format!("`{window}` is older than five years, where recording jobs cannot tell messages from calls"),
            "this part is not deleted; ask for `recording` if recordings of calls may be deleted, too",
        ));
        out.push(Exclusion {
            window,
            disposition: Disposition::Refused,
            keeper: limit("older than five years: messages cannot be told from calls"),
        });
    } else {
        findings.push(warning(
            "range.agedActivity",
            "#/range/start",
            format!("`{window}` is older than five years, where a recording job selects every conversation with activity in its interval: one that began before `{}` and continued after it is deleted, too", window.start()),
            &format!("choose a start at which no conversation was in progress; the {LONGEST_DAYS} days before and after what holds and retention rules keep are not deleted"),
        ));
    }
}
