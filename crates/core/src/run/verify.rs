//! What is left is looked for, not taken on trust: by counts for `dataDeletion`, recording by recording for `recordingJobs`.

use std::time::Duration;

use super::machine::Machine;
use super::state::{Look, Phase};
use super::{Cause, Next, Outcome, WaitReason};
use crate::analytics;
use crate::api::protection;
use crate::audit::Event;
use crate::reply::Reply;
use crate::request::DeletionApi;

/// How many conversations are searched for protected ones when the job has skipped something.
const MAX_SKIPS_SEARCHED: u32 = 2_000;

impl Machine<'_> {
    /// Begins to look for what is left.
    pub(super) fn verify(&mut self) -> Next {
        match self.run.api {
            DeletionApi::DataDeletion => self.enter(Phase::CountAfter { entity: 0, sum: 0 }),
            DeletionApi::RecordingJobs => self.enter(Phase::LookBack),
        }
    }

    /// Adds up the counts of what is left, and draws the conclusion.
    pub(super) fn on_count_after(&mut self, reply: Reply, entity: usize, sum: u64) -> Next {
        let left = match self.read_count(reply, entity, sum) {
            Ok((sum, true)) => sum,
            Ok((sum, false)) => return self.enter(Phase::CountAfter { entity: entity + 1, sum }),
            Err(next) => return next,
        };
        self.run.remaining = Some(left);
        self.record_absence_counted(left);
        self.run.phase = Phase::CountAfter { entity: 0, sum: 0 };
        self.conclude(left, true, false, &format!("{left} records"))
    }

    /// Records a count of all that is left.
    pub(super) fn record_absence_counted(&mut self, left: u64) {
        self.record(Event::Verified {
            method: "analytics".to_owned(),
            checked: None,
            listed: None,
            found: left,
            remaining: Some(left),
        });
    }

    /// Draws the conclusion from a look that found `found` records still there, which `what` describes. Zero is proof, but where an
    /// earlier look found something, only the second zero in a row is. Anything else may be the index lagging, as long as more may
    /// go (`may_go`). What is merely `late` is not left over.
    fn conclude(&mut self, found: u64, may_go: bool, late: bool, what: &str) -> Next {
        if let Some(doubt) = self.run.doubt.clone() {
            return self.finish(Outcome::Unknown, Some(doubt));
        }
        let residue = self.run.residue.clone();
        if found == 0 {
            self.run.zeros = self.run.zeros.saturating_add(1);
            // Counts come from an index, which may flicker. The state of a recording does not.
            let settled = !self.run.seen_left || self.run.api == DeletionApi::RecordingJobs;
            if self.run.zeros >= 2 || settled {
                self.run.verified_at = Some(self.cx.now);
                return match (residue, self.all_protected()) {
                    (Some(residue), _) => self.finish(Outcome::Residual, Some(residue)),
                    (None, Some(hold)) => self.finish(Outcome::Held, Some(hold)),
                    (None, None) => self.finish(Outcome::Verified, None),
                };
            }
        } else {
            self.run.zeros = 0;
            self.run.seen_left = true;
        }
        // A first zero deserves a second look, however late it is.
        if may_go && let Some(next) = self.look_later(found > 0) {
            return next;
        }
        if late && residue.is_none() {
            let message = format!(
                "{what} are still there, with the job's delete date: no other job is needed; check again later"
            );
            return self.finish(Outcome::Unknown, Some(Cause::new("verify.late", message)));
        }
        let left = || Cause::new("verify.residual", format!("{what} are still there"));
        self.finish(Outcome::Residual, Some(residue.unwrap_or_else(left)))
    }

    /// Why the job has deleted nothing, if the platform's holds keep all there was.
    fn all_protected(&self) -> Option<Cause> {
        let protected = self.run.protected.filter(|protected| *protected > 0 && self.run.processed == Some(0))?;
        Some(Cause::new("hold", format!("legal holds of the platform keep all {protected} recordings")))
    }

    /// Waits for another look; `None` if it is too late for one and `too_late_counts`.
    fn look_later(&mut self, too_late_counts: bool) -> Option<Next> {
        let finished = *self.run.finished_at.get_or_insert(self.cx.now);
        // Recordings go from their delete date on, which a cool-off puts long after the end of the job.
        let finished = self.run.action_date.map_or(finished, |date| finished.max(date));
        let age = self.cx.now.since(finished);
        // A look takes many requests, so what it saw is as old as its beginning.
        let began = self.run.look_at.unwrap_or(self.cx.now).since(finished);
        if too_late_counts && began >= Duration::from_secs(self.limits().verify_seconds) {
            return None;
        }
        let shortest = match self.run.api {
            DeletionApi::DataDeletion => Duration::from_millis(500),
            // One look takes a dozen requests.
            DeletionApi::RecordingJobs => Duration::from_secs(5),
        };
        Some(self.pause((age / 4).clamp(shortest, Duration::from_secs(60)), WaitReason::IndexLag, true))
    }

    /// Looks again at the conversations that had recordings before the job was executed. Where the platform may protect some of
    /// them, it first asks which.
    pub(super) fn look_back(&mut self) -> Next {
        self.run.look_at = Some(self.cx.now);
        // Protected conversations keep their recordings. These were found before the execution.
        let guards = if self.has_unexplained_skips() { self.run.protected_ids.clone() } else { Vec::new() };
        let sample = self.run.sample.iter().flatten();
        let ids: Vec<_> = sample.filter(|id| !self.run.protected_ids.contains(id)).cloned().collect();
        if !ids.is_empty() && (self.has_unexplained_skips() || self.cool_off() > Duration::ZERO) {
            return self.check_guards(guards, ids, Look::default());
        }
        self.look_at_recordings(guards, ids, Look::default())
    }

    /// Whether the job skipped recordings and nothing has been found yet that explains it.
    fn has_unexplained_skips(&self) -> bool {
        self.run.skipped > 0 && self.run.protected.is_none()
    }

    /// Asks which conversations of a page the platform protects, leaving out those that were asked about before.
    pub(super) fn on_skip_candidates(&mut self, reply: Reply, mut look: Look) -> Next {
        if self.shrink_pages(&reply) {
            look.pages.clear();
            return self.enter(Phase::Skips(look));
        }
        if look.pages.is_empty() && self.is_refused_for_age(&reply) {
            return self.finish_look(&look);
        }
        let page = match self.read(reply, analytics::read_page) {
            Ok(page) => page,
            Err(next) => return next,
        };
        if look.pages.is_empty() {
            look.pages = self.spread_pages(page.total, MAX_SKIPS_SEARCHED);
        }
        look.pages.remove(0);
        let started = page.conversations.into_iter().filter(|c| self.run.chunk.window.contains(c.start));
        let ids: Vec<_> = started.map(|c| c.id).filter(|id| !self.was_asked_about(id)).collect();
        if ids.is_empty() {
            return self.look_at_next(ids, 0, 0, look);
        }
        self.check_guards(Vec::new(), ids, look)
    }

    /// Asks which of the conversations the platform protects.
    fn check_guards(&mut self, guards: Vec<String>, ids: Vec<String>, look: Look) -> Next {
        self.enter(Phase::Guarded { guards, ids, from: 0, batch: protection::IDS_PER_QUESTION, look })
    }

    /// Whether the platform has been asked about this conversation before.
    fn was_asked_about(&self, id: &String) -> bool {
        self.run.protected_ids.contains(id) || self.run.sample.iter().flatten().any(|known| known == id)
    }

    /// Notes which conversations the platform protects. Their recordings may be what the job skipped, or were given a date by it
    /// and have been kept since.
    pub(super) fn on_protection_after(
        &mut self,
        reply: Reply,
        mut guards: Vec<String>,
        mut ids: Vec<String>,
        mut from: usize,
        mut batch: usize,
        look: Look,
    ) -> Next {
        match self.read_protection(reply, &mut from, &mut batch) {
            Ok(protected) => guards.extend(protected.unwrap_or_default()),
            Err(next) => return next,
        }
        if from < ids.len() {
            return self.enter(Phase::Guarded { guards, ids, from, batch, look });
        }
        let protected: Vec<_> = ids.iter().filter(|id| guards.contains(id)).cloned().collect();
        if !protected.is_empty() {
            self.record(Event::ProtectionFound { asked: ids.len() as u64, protected: protected.clone() });
        }
        // On a page that is only searched, nothing is looked at but what explains the skips.
        ids.retain(|id| !look.searched && !protected.contains(id));
        self.run.protected_ids.extend(protected);
        self.look_at_recordings(guards, ids, look)
    }

    /// Looks at recordings: first at those of protected conversations, which explain what was skipped, then at the others.
    fn look_at_recordings(&mut self, guards: Vec<String>, others: Vec<String>, look: Look) -> Next {
        let (guarded, mut ids) = (guards.len(), guards);
        ids.extend(others);
        self.look_at_next(ids, 0, guarded, look)
    }

    /// Looks at the next conversation, or asks for the next page while skips are unexplained, or ends the look.
    fn look_at_next(&mut self, ids: Vec<String>, at: usize, guarded: usize, mut look: Look) -> Next {
        if at < ids.len() {
            return self.enter(Phase::Metadata { ids, at, guarded, look });
        }
        let more = !std::mem::replace(&mut look.searched, true) || !look.pages.is_empty();
        if more && self.has_unexplained_skips() && look.explained < self.run.skipped {
            return self.enter(Phase::Skips(look));
        }
        self.finish_look(&look)
    }

    /// Adds up what is left of a conversation's recordings, then looks at the next.
    pub(super) fn on_recordings_after(
        &mut self,
        reply: Reply,
        ids: Vec<String>,
        at: usize,
        guarded: usize,
        mut look: Look,
    ) -> Next {
        // A held conversation that analytics does not know may lie elsewhere. Then its recordings are not what this job has skipped.
        let unlisted = ids.get(at).is_some_and(|id| self.run.unlisted_ids.contains(id));
        let left = match self.read_recordings(reply, unlisted.then_some(self.run.chunk.window)) {
            Ok(left) => left,
            Err(next) => return next,
        };
        let at = at + 1;
        if at <= guarded {
            let skipped = left.kept.saturating_add(left.scheduled).saturating_sub(left.ours);
            look.explained = look.explained.saturating_add(skipped);
            look.since = look.since.saturating_add(left.ours);
        } else {
            // Where nothing tells whether the remaining recordings should be there, none was seen to have gone.
            look.checked = look.checked.saturating_add(u64::from(left.untold == 0));
            look.kept = look.kept.saturating_add(left.kept);
            look.scheduled = look.scheduled.saturating_add(left.scheduled);
            look.ours = look.ours.saturating_add(left.ours);
            look.untold = look.untold.saturating_add(left.untold);
        }
        self.look_at_next(ids, at, guarded, look)
    }

    /// Sums a look up: how much is left, how much of that may still go, and what the job has really deleted.
    fn finish_look(&mut self, look: &Look) -> Next {
        let unexplained = self.explain_skips(look.explained);
        let found = look.kept.saturating_add(look.scheduled).saturating_add(look.since);
        // What the job has not deleted will not go any more, nor what is protected since; what has a date may.
        let may_go = unexplained.is_none() && look.since == 0 && (self.run.residue.is_none() || look.scheduled > 0);
        let protected_since = (look.since > 0).then(|| {
            let message =
                format!("{} recordings have the job's delete date, but the platform now protects them", look.since);
            Cause::new("job.protected-since", message)
        });
        self.run.residue = self.run.residue.take().or(unexplained).or(protected_since);
        // If no conversation could be checked, nothing shows what the job has deleted.
        let nothing_seen = look.checked == 0 && self.run.processed != Some(0);
        // A sample does not measure what is left elsewhere. Nor is the remainder measured by a look that leaves doubt about some
        // recordings, or that finds less than the job says it has left.
        let said_left = self.run.residue.as_ref().and(self.left_by_the_job()).unwrap_or(0);
        let whole = self.run.every && look.untold == 0 && !nothing_seen && found >= said_left;
        self.run.remaining = whole.then_some(found);
        self.run.deleted = self.confirmed_deleted(found, whole).filter(|_| !nothing_seen);
        self.record(Event::Verified {
            method: "recordingMetadata".to_owned(),
            checked: Some(look.checked),
            listed: self.run.listed,
            found,
            remaining: self.run.remaining,
        });
        self.run.phase = Phase::LookBack;
        if nothing_seen && self.run.doubt.is_none() && self.run.residue.is_none() {
            let message =
                "the job reports deleted recordings, but none were found before it that could be checked again";
            return self.finish(Outcome::Unknown, Some(Cause::new("verify.nothing-seen", message)));
        }
        let listed = self.run.listed.map_or_else(String::new, |listed| format!(" of {listed}"));
        let what = match self.run.remaining {
            Some(left) => format!("{left} recordings"),
            None => format!("at least {found} recordings in {}{listed} conversations", look.checked),
        };
        // What has the job's date goes by itself, however late.
        let late = found > 0 && found == look.ours;
        self.conclude(found, may_go, late, &what)
    }

    /// Attributes skipped recordings to protection, and gives a cause for those that it does not explain.
    fn explain_skips(&mut self, explained: u64) -> Option<Cause> {
        let skipped = self.run.skipped;
        if !self.has_unexplained_skips() {
            return None;
        }
        self.run.protected = Some(explained.min(skipped)).filter(|protected| *protected > 0);
        let message = match explained {
            _ if explained >= skipped => return None,
            0 => format!("the job skipped {skipped} recordings, and no legal hold of the platform explains it"),
            _ => format!("the job skipped {skipped} recordings; legal holds of the platform explain {explained}"),
        };
        Some(Cause::new("job.skipped", message))
    }

    /// Number of recordings that the job says it has left, except those that a legal hold of the platform keeps.
    fn left_by_the_job(&self) -> Option<u64> {
        let kept = self.run.before?.saturating_sub(self.run.processed?);
        Some(kept.saturating_sub(self.run.protected.unwrap_or(0)))
    }

    /// Number of recordings that the job says it has deleted, unless the look contradicts it: what is still there cannot be among
    /// them, and what a sample finds may be only a part of what is left.
    fn confirmed_deleted(&self, found: u64, whole: bool) -> Option<u64> {
        let left = self.left_by_the_job()?;
        self.run.processed.filter(|_| found == 0 || (whole && found <= left))
    }
}
