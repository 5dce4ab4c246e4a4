//! Absence is looked for, not believed: counts for `dataDeletion`, recordings one by one for `recordingJobs`.

use std::time::Duration;

use super::machine::Machine;
use super::state::Phase;
use super::{Cause, Next, Outcome, WaitReason};
use crate::analytics::{self, Listing};
use crate::api::protection;
use crate::api::recording_jobs::{self, Left};
use crate::audit::Event;
use crate::chunk::Age;
use crate::http::HttpRequest;
use crate::reply::Reply;
use crate::request::DeletionApi;
use crate::window::Window;

/// Longest interval of a synchronous details query, in days (limit of the API).
const QUERY_DAYS: u32 = 31;

impl Machine<'_> {
    /// Begins to look for what is left.
    pub(super) fn verify(&mut self) -> Next {
        match self.run.api {
            DeletionApi::DataDeletion => self.to(Phase::CountAfter { entity: 0, sum: 0 }),
            DeletionApi::RecordingJobs => self.to(Phase::Sample),
        }
    }

    pub(super) fn counted_after(&mut self, reply: Reply, entity: usize, sum: u64) -> Next {
        let left = match self.add_count(reply, entity, sum) {
            Ok((sum, true)) => sum,
            Ok((sum, false)) => return self.to(Phase::CountAfter { entity: entity + 1, sum }),
            Err(next) => return next,
        };
        self.run.remaining = Some(left);
        self.record(Event::Verified { method: "analytics".to_owned(), checked: None, remaining: Some(left) });
        self.run.phase = Phase::CountAfter { entity: 0, sum: 0 };
        self.conclude(left)
    }

    /// What a complete look means: zero is proof, twice when it was not zero before; anything else may be the index lagging.
    fn conclude(&mut self, left: u64) -> Next {
        if let Some(doubt) = self.run.doubt.clone() {
            return self.finish(Outcome::Unknown, Some(doubt));
        }
        if left == 0 {
            self.run.zeros = self.run.zeros.saturating_add(1);
            // Counts come from an index that may flicker; the state of a recording does not.
            let settled = !self.run.seen_left || self.run.api == DeletionApi::RecordingJobs;
            if self.run.zeros >= 2 || settled {
                self.run.verified_at = Some(self.cx.now);
                return self.finish(Outcome::Verified, None);
            }
        } else {
            self.run.zeros = 0;
            self.run.seen_left = true;
        }
        let finished = *self.run.finished_at.get_or_insert(self.cx.now);
        // Recordings go from their delete date on, which a cool-off puts long after the end of the job.
        let finished = self.run.action_date.map_or(finished, |date| finished.max(date));
        let age = self.cx.now.since(finished);
        // A look takes many requests: what it saw is as old as its beginning.
        let began = self.run.look_at.unwrap_or(self.cx.now).since(finished);
        // A first zero is worth a second look, however late it is.
        if left == 0 || began < Duration::from_secs(self.limits().verify_seconds) {
            let shortest = match self.run.api {
                DeletionApi::DataDeletion => Duration::from_millis(500),
                // One look is a dozen requests.
                DeletionApi::RecordingJobs => Duration::from_secs(5),
            };
            return self.pause((age / 4).clamp(shortest, Duration::from_secs(60)), WaitReason::IndexLag, true);
        }
        let message = format!("{left} records are still there");
        self.finish(Outcome::Residual, Some(Cause::new("verify.residual", message)))
    }

    /// The conversations of the window, or of its first month where the query reaches no further.
    pub(super) fn ask_sample(&self) -> HttpRequest {
        let window = self.run.chunk.window;
        let reach = match self.run.chunk.age {
            Age::Recent => window,
            Age::Aged => window.before(window.start().plus_days(QUERY_DAYS)).unwrap_or(window),
        };
        analytics::list(reach, Listing::ByStart, 1)
    }

    pub(super) fn sampled(&mut self, reply: Reply) -> Next {
        let page = match self.read(reply, analytics::read_page) {
            Ok(page) => page,
            Err(next) => return next,
        };
        let window: Window = self.run.chunk.window;
        let listed = page.conversations.len();
        let all_listed = page.total == Some(listed as u64) && self.run.chunk.age == Age::Recent;
        let mut ids: Vec<_> =
            page.conversations.into_iter().filter(|c| window.contains(c.start)).map(|c| c.id).collect();
        // Conversations that the platform protects keep their recordings, and were found before the execution.
        ids.retain(|id| !self.run.protected_ids.contains(id));
        if self.run.skipped > 0 && self.run.protected_ids.is_empty() && !ids.is_empty() {
            let skipped = self.run.skipped;
            return self.to(Phase::Skips { ids, whole: all_listed, skipped });
        }
        if self.run.skipped > 0 {
            self.run.protected = Some(self.run.skipped);
        }
        self.look_at_some(&ids, all_listed)
    }

    /// Whether protection explains what the job skipped.
    pub(super) fn skips(&mut self, reply: Reply, ids: &[String], whole: bool, skipped: u64) -> Next {
        let protected = match self.read(reply, protection::read) {
            Ok(protected) => protected,
            Err(next) => return next,
        };
        if protected.is_empty() {
            let message =
                format!("the job skipped {skipped} recordings, and no legal hold of the platform explains it");
            self.run.remaining = Some(skipped);
            return self.finish(Outcome::Residual, Some(Cause::new("job.skipped", message)));
        }
        self.run.protected = Some(skipped);
        let free: Vec<_> = ids.iter().filter(|id| !protected.contains(id)).cloned().collect();
        self.record(Event::HoldsChecked {
            asked: ids.len() as u64,
            unprotected: Vec::new(),
            protected: protected.clone(),
        });
        self.run.protected_ids = protected;
        self.look_at_some(&free, whole)
    }

    fn look_at_some(&mut self, ids: &[String], all_listed: bool) -> Next {
        let wanted = self.limits().verify_conversations as usize;
        let whole = all_listed && ids.len() <= wanted;
        let chosen = evenly(ids, wanted);
        if chosen.is_empty() {
            return self.looked(0, Left::default(), whole);
        }
        self.to(Phase::Metadata { ids: chosen, at: 0, kept: 0, scheduled: 0, whole })
    }

    pub(super) fn metadata(
        &mut self,
        reply: Reply,
        ids: Vec<String>,
        at: usize,
        seen: (u64, u64),
        whole: bool,
    ) -> Next {
        let screen_too = recording_jobs::includes_screen(&self.cx.order.request.record_types);
        // No such recordings: gone.
        let found = self.read_or(reply, Left::default(), |answer| recording_jobs::read_metadata(answer, screen_too));
        let left = match found {
            Ok(left) => left,
            Err(next) => return next,
        };
        let (kept, scheduled) = (seen.0.saturating_add(left.kept), seen.1.saturating_add(left.scheduled));
        let checked = ids.len();
        if at + 1 < checked {
            return self.to(Phase::Metadata { ids, at: at + 1, kept, scheduled, whole });
        }
        self.looked(checked as u64, Left { kept, scheduled }, whole)
    }

    fn looked(&mut self, checked: u64, left: Left, whole: bool) -> Next {
        let still_there = left.kept.saturating_add(left.scheduled);
        // A sample that finds nothing has not measured what is left elsewhere.
        self.run.remaining = (whole || still_there > 0).then_some(still_there);
        let remaining = self.run.remaining;
        self.record(Event::Verified { method: "recordingMetadata".to_owned(), checked: Some(checked), remaining });
        self.run.phase = Phase::Sample;
        self.conclude(still_there)
    }
}

/// At most `wanted` of them, spread evenly, the first and the last among them.
fn evenly(ids: &[String], wanted: usize) -> Vec<String> {
    if ids.len() <= wanted {
        return ids.to_vec();
    }
    let last = ids.len() - 1;
    let steps = wanted.saturating_sub(1).max(1);
    (0..wanted).filter_map(|i| ids.get(i * last / steps)).cloned().collect()
}
