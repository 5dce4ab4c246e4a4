//! Absence is looked for, not believed: counts for `dataDeletion`, recordings one by one for `recordingJobs`.

use std::time::Duration;

use super::machine::Machine;
use super::state::{Look, Phase};
use super::{Cause, Next, Outcome, WaitReason};
use crate::analytics;
use crate::api::protection;
use crate::audit::Event;
use crate::reply::Reply;
use crate::request::DeletionApi;

/// Conversations that are searched for protected ones when the job has skipped something.
const MAX_SKIPS_SEARCHED: u32 = 2_000;

impl Machine<'_> {
    /// Begins to look for what is left.
    pub(super) fn verify(&mut self) -> Next {
        match self.run.api {
            DeletionApi::DataDeletion => self.to(Phase::CountAfter { entity: 0, sum: 0 }),
            DeletionApi::RecordingJobs => self.to(Phase::LookBack),
        }
    }

    pub(super) fn counted_after(&mut self, reply: Reply, entity: usize, sum: u64) -> Next {
        let left = match self.add_count(reply, entity, sum) {
            Ok((sum, true)) => sum,
            Ok((sum, false)) => return self.to(Phase::CountAfter { entity: entity + 1, sum }),
            Err(next) => return next,
        };
        self.run.remaining = Some(left);
        self.counted(left);
        self.run.phase = Phase::CountAfter { entity: 0, sum: 0 };
        self.conclude(left, true, false, &format!("{left} records"))
    }

    /// Records a count of all that is left.
    pub(super) fn counted(&mut self, left: u64) {
        self.record(Event::Verified {
            method: "analytics".to_owned(),
            checked: None,
            listed: None,
            found: left,
            remaining: Some(left),
        });
    }

    /// What a look means that found so many still there: none is proof, twice when it was not so before; anything else may be the index
    /// lagging, as long as it may still go. What is merely late is not left over.
    fn conclude(&mut self, found: u64, may_go: bool, late: bool, what: &str) -> Next {
        if let Some(doubt) = self.run.doubt.clone() {
            return self.finish(Outcome::Unknown, Some(doubt));
        }
        let residue = self.run.residue.clone();
        if found == 0 {
            self.run.zeros = self.run.zeros.saturating_add(1);
            // Counts come from an index that may flicker; the state of a recording does not.
            let settled = !self.run.seen_left || self.run.api == DeletionApi::RecordingJobs;
            if self.run.zeros >= 2 || settled {
                self.run.verified_at = Some(self.cx.now);
                return match (residue, self.all_is_protected()) {
                    (Some(residue), _) => self.finish(Outcome::Residual, Some(residue)),
                    (None, Some(hold)) => self.finish(Outcome::Held, Some(hold)),
                    (None, None) => self.finish(Outcome::Verified, None),
                };
            }
        } else {
            self.run.zeros = 0;
            self.run.seen_left = true;
        }
        // A first zero is worth a second look, however late it is.
        if may_go && let Some(next) = self.look_later(found > 0) {
            return next;
        }
        if late && residue.is_none() {
            let message = format!(
                "{what} are still there, with the delete date of the job: they go by themselves; look again later"
            );
            return self.finish(Outcome::Unknown, Some(Cause::new("verify.late", message)));
        }
        let left = || Cause::new("verify.residual", format!("{what} are still there"));
        self.finish(Outcome::Residual, Some(residue.unwrap_or_else(left)))
    }

    /// Why the job has deleted nothing of what there was, if the platform's holds are why.
    fn all_is_protected(&self) -> Option<Cause> {
        let protected = self.run.protected.filter(|protected| *protected > 0 && self.run.processed == Some(0))?;
        Some(Cause::new("hold", format!("legal holds of the platform keep all {protected} recordings")))
    }

    /// Waits for another look, unless it would come too late and that counts.
    fn look_later(&mut self, too_late_counts: bool) -> Option<Next> {
        let finished = *self.run.finished_at.get_or_insert(self.cx.now);
        // Recordings go from their delete date on, which a cool-off puts long after the end of the job.
        let finished = self.run.action_date.map_or(finished, |date| finished.max(date));
        let age = self.cx.now.since(finished);
        // A look takes many requests: what it saw is as old as its beginning.
        let began = self.run.look_at.unwrap_or(self.cx.now).since(finished);
        if too_late_counts && began >= Duration::from_secs(self.limits().verify_seconds) {
            return None;
        }
        let shortest = match self.run.api {
            DeletionApi::DataDeletion => Duration::from_millis(500),
            // One look is a dozen requests.
            DeletionApi::RecordingJobs => Duration::from_secs(5),
        };
        Some(self.pause((age / 4).clamp(shortest, Duration::from_secs(60)), WaitReason::IndexLag, true))
    }

    /// Looks again at the conversations that had recordings before the job was executed; but first, where the platform may protect some
    /// of them, for which.
    pub(super) fn look_back(&mut self) -> Next {
        self.run.look_at = Some(self.cx.now);
        // Those that are protected keep their recordings, and were found before the execution.
        let guards = if self.is_unexplained() { self.run.protected_ids.clone() } else { Vec::new() };
        let sample = self.run.sample.iter().flatten();
        let ids: Vec<_> = sample.filter(|id| !self.run.protected_ids.contains(id)).cloned().collect();
        if !ids.is_empty() && (self.is_unexplained() || self.cool_off() > Duration::ZERO) {
            return self.ask_guards(guards, ids, Look::default());
        }
        self.look_at(guards, ids, Look::default())
    }

    /// Whether the job skipped recordings, and it has not been shown why.
    fn is_unexplained(&self) -> bool {
        self.run.skipped > 0 && self.run.protected.is_none()
    }

    /// A page of the window's conversations, any of which the platform may protect.
    pub(super) fn skips(&mut self, reply: Reply, mut look: Look) -> Next {
        if self.takes_smaller_pages(&reply) {
            look.pages.clear();
            return self.to(Phase::Skips(look));
        }
        let page = match self.read(reply, analytics::read_page) {
            Ok(page) => page,
            Err(next) => return next,
        };
        if look.pages.is_empty() {
            look.pages = self.some_pages(page.total, MAX_SKIPS_SEARCHED);
        }
        look.pages.remove(0);
        let started = page.conversations.into_iter().filter(|c| self.run.chunk.window.contains(c.start));
        let ids: Vec<_> = started.map(|c| c.id).filter(|id| !self.is_known(id)).collect();
        if ids.is_empty() {
            return self.look_on(ids, 0, 0, look);
        }
        self.ask_guards(Vec::new(), ids, look)
    }

    fn ask_guards(&mut self, guards: Vec<String>, ids: Vec<String>, look: Look) -> Next {
        self.to(Phase::Guarded { guards, ids, from: 0, batch: protection::IDS_PER_QUESTION, look })
    }

    /// Whether it has been asked about already.
    fn is_known(&self, id: &String) -> bool {
        self.run.protected_ids.contains(id) || self.run.sample.iter().flatten().any(|known| known == id)
    }

    /// Which of the conversations the platform protects: their recordings may be what the job skipped, or were given a date by it and
    /// are kept since.
    pub(super) fn guarded(
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
            return self.to(Phase::Guarded { guards, ids, from, batch, look });
        }
        let protected: Vec<_> = ids.iter().filter(|id| guards.contains(id)).cloned().collect();
        if !protected.is_empty() {
            self.record(Event::ProtectionFound { asked: ids.len() as u64, protected: protected.clone() });
        }
        // Of a page that is searched, nothing but what explains the skips is looked at.
        ids.retain(|id| !look.searched && !protected.contains(id));
        self.run.protected_ids.extend(protected);
        self.look_at(guards, ids, look)
    }

    /// First those that are protected, whose recordings explain what was skipped, then the others.
    fn look_at(&mut self, guards: Vec<String>, others: Vec<String>, look: Look) -> Next {
        let (guarded, mut ids) = (guards.len(), guards);
        ids.extend(others);
        self.look_on(ids, 0, guarded, look)
    }

    /// The next conversation, or the next page as long as it may explain something, or the sum of it all.
    fn look_on(&mut self, ids: Vec<String>, at: usize, guarded: usize, mut look: Look) -> Next {
        if at < ids.len() {
            return self.to(Phase::Metadata { ids, at, guarded, look });
        }
        let more = !std::mem::replace(&mut look.searched, true) || !look.pages.is_empty();
        if more && self.is_unexplained() && look.explained < self.run.skipped {
            return self.to(Phase::Skips(look));
        }
        self.looked(&look)
    }

    pub(super) fn metadata(
        &mut self,
        reply: Reply,
        ids: Vec<String>,
        at: usize,
        guarded: usize,
        mut look: Look,
    ) -> Next {
        let left = match self.recordings(reply) {
            Ok(left) => left,
            Err(next) => return next,
        };
        let at = at + 1;
        if at <= guarded {
            let skipped = left.kept.saturating_add(left.scheduled).saturating_sub(left.ours);
            look.explained = look.explained.saturating_add(skipped);
            look.since = look.since.saturating_add(left.ours);
        } else {
            // Where nobody can tell whether those that are there should be, nothing was seen to have gone.
            look.checked = look.checked.saturating_add(u64::from(left.untold == 0));
            look.kept = look.kept.saturating_add(left.kept);
            look.scheduled = look.scheduled.saturating_add(left.scheduled);
            look.ours = look.ours.saturating_add(left.ours);
            look.untold = look.untold.saturating_add(left.untold);
        }
        self.look_on(ids, at, guarded, look)
    }

    fn looked(&mut self, look: &Look) -> Next {
        let unexplained = self.unexplained(look.explained);
        let found = look.kept.saturating_add(look.scheduled).saturating_add(look.since);
        // Of what the job has not deleted nothing goes any more, nor of what is protected since; but what has a date may.
        let may_go = unexplained.is_none() && look.since == 0 && (self.run.residue.is_none() || look.scheduled > 0);
        let since = (look.since > 0).then(|| {
            let message =
                format!("{} recordings have the job's date, and the platform protects them since", look.since);
            Cause::new("job.protected-since", message)
        });
        self.run.residue = self.run.residue.take().or(unexplained).or(since);
        // Where none of them had recordings, nobody has looked at what the job has deleted.
        let nothing = look.checked == 0 && self.run.processed != Some(0);
        // A sample has not measured what is left elsewhere; nor have recordings that may have been left out or left over, or a look that
        // does not find what the job says it has left.
        let said = self.run.residue.as_ref().and(self.left_by_the_job()).unwrap_or(0);
        let whole = self.run.every && look.untold == 0 && !nothing && found >= said;
        self.run.remaining = whole.then_some(found);
        self.run.deleted = self.confirmed(found, whole).filter(|_| !nothing);
        self.record(Event::Verified {
            method: "recordingMetadata".to_owned(),
            checked: Some(look.checked),
            listed: self.run.listed,
            found,
            remaining: self.run.remaining,
        });
        self.run.phase = Phase::LookBack;
        if nothing && self.run.doubt.is_none() && self.run.residue.is_none() {
            let message = "the job says that it has deleted recordings, but none were seen before it at which one could look again";
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

    /// What of the recordings that the job skipped no legal hold of the platform explains.
    fn unexplained(&mut self, explained: u64) -> Option<Cause> {
        let skipped = self.run.skipped;
        if !self.is_unexplained() {
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

    /// Recordings that the job says it has left there, but for those that a legal hold of the platform keeps.
    fn left_by_the_job(&self) -> Option<u64> {
        let kept = self.run.before?.saturating_sub(self.run.processed?);
        Some(kept.saturating_sub(self.run.protected.unwrap_or(0)))
    }

    /// What the job says that it has deleted, unless the look says otherwise: what is still there cannot be among it. Of what a sample
    /// finds nobody knows how much more of it there is.
    fn confirmed(&self, found: u64, whole: bool) -> Option<u64> {
        let left = self.left_by_the_job()?;
        self.run.processed.filter(|_| found == 0 || (whole && found <= left))
    }
}
