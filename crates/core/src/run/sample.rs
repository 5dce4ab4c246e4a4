//! Before a recording job is executed: which conversations have recordings. Looking at those again afterwards shows whether the job
//! has deleted anything; most conversations of a window may never have had any.

use std::time::Duration;

use serde_json::Value;

use super::machine::Machine;
use super::state::{Look, Phase};
use super::{Next, WaitReason};
use crate::analytics::{self, Conversation, Inquiry, Listing};
use crate::api::recording_jobs::{self, Left};
use crate::audit::Event;
use crate::bounds::{FURTHEST, PAGE_SIZE};
use crate::http::HttpRequest;
use crate::reply::Reply;
use crate::request::{DeletionApi, only_messages};
use crate::window::Window;

/// The shortest pause between two looks at a query in the background.
const SHORTEST_PAUSE: Duration = Duration::from_secs(5);

/// How long a query in the background is watched before the chunk goes on without its result.
const INQUIRY_PATIENCE: Duration = Duration::from_secs(900);

impl Machine<'_> {
    /// Asks for a page of the conversations that the job may take: those of the window, or of its first month if one query reaches
    /// no further.
    pub(super) fn ask_conversations(&self, look: &Look) -> HttpRequest {
        analytics::list(
            self.sample_window(),
            Listing::ByStart,
            self.takes_only_messages(),
            self.page_size(),
            look.pages.first().copied().unwrap_or(1),
        )
    }

    /// Chooses some conversations of a page and looks their recordings up.
    pub(super) fn on_candidates(&mut self, reply: Reply, mut look: Look) -> Next {
        if self.shrink_pages(&reply) {
            return self.enter(Phase::Choose(Look::default()));
        }
        if look.pages.is_empty() && self.is_refused_for_age(&reply) {
            return self.finish_sample(look);
        }
        let page = match self.read(reply, analytics::read_page) {
            Ok(page) => page,
            Err(next) => return next,
        };
        if look.pages.is_empty() {
            let wanted = self.limits().verify_conversations;
            look.all = page.total.is_some_and(|total| total <= u64::from(wanted));
            let some = self.limits().sample_pages().saturating_mul(self.page_size()).max(wanted);
            look.pages = self.spread_pages(page.total, if look.all { FURTHEST } else { some });
            let pages = u32::try_from(look.pages.len()).unwrap_or(FURTHEST);
            look.share = if look.all { PAGE_SIZE } else { wanted.div_ceil(pages) };
            self.run.listed = page.total.filter(|_| self.query_piece(1).is_none());
        }
        look.pages.remove(0);
        look.seen = look.seen.saturating_add(page.conversations.len() as u64);
        let ids = self.pick_candidates(page.conversations, look.share as usize);
        self.look_up_next(ids, 0, look)
    }

    /// Some of a page's conversations that started in the window, those first that are known to have been recorded.
    fn pick_candidates(&self, conversations: Vec<Conversation>, wanted: usize) -> Vec<String> {
        let inside = conversations.into_iter().filter(|c| self.run.chunk.window.contains(c.start));
        let (recorded, others): (Vec<_>, Vec<_>) = inside.partition(|c| c.recorded);
        let mut picked = evenly(&recorded, wanted);
        picked.extend(evenly(&others, wanted.saturating_sub(picked.len())));
        picked.into_iter().map(|c| c.id).collect()
    }

    /// Looks up the next conversation of the page, or asks for the next page, or ends the sample.
    fn look_up_next(&mut self, ids: Vec<String>, at: usize, look: Look) -> Next {
        if at < ids.len() {
            self.enter(Phase::Had { ids, at, look })
        } else if look.pages.is_empty() {
            self.finish_sample(look)
        } else {
            self.enter(Phase::Choose(look))
        }
    }

    /// Notes whether a conversation has recordings, then looks up the next.
    pub(super) fn on_recordings_before(&mut self, reply: Reply, ids: Vec<String>, at: usize, mut look: Look) -> Next {
        let left = match self.read_recordings(reply, None) {
            Ok(left) => left,
            Err(next) => return next,
        };
        let there = left.kept.saturating_add(left.scheduled).saturating_add(left.untold);
        look.checked = look.checked.saturating_add(1);
        look.kept = look.kept.saturating_add(there);
        let list = if there > 0 { &mut look.had } else { &mut look.had_none };
        list.extend(ids.get(at).cloned());
        self.look_up_next(ids, at + 1, look)
    }

    /// Fixes and records the sample: only what is on record is looked at again. If no conversation had recordings and the job
    /// counts some, others are looked for in the background first.
    fn finish_sample(&mut self, look: Look) -> Next {
        if look.had.is_empty() && look.inquired.is_none() && self.run.before > Some(0) {
            return self.enter(Phase::Inquiry(Look { inquired: Some(self.cx.now), ..look }));
        }
        self.run.every = look.all && self.run.listed.is_some_and(|listed| listed <= look.seen);
        let conversations = look.had.len() as u64;
        self.run.sample = Some(look.had);
        self.record(Event::SeenBefore {
            listed: self.run.listed,
            checked: look.checked,
            conversations,
            recordings: look.kept,
        });
        self.check_holds()
    }

    /// Asks the long-term store for some conversations, in the background.
    pub(super) fn ask_inquiry(&self) -> HttpRequest {
        analytics::inquire(self.sample_window(), self.takes_only_messages(), self.page_size())
    }

    /// The window, or its first month if one query reaches no further.
    fn sample_window(&self) -> Window {
        self.query_piece(0).unwrap_or(self.run.chunk.window)
    }

    /// Whether the job takes only conversations that have messages. No others are listed then: what is listed is compared with what the
    /// job counts.
    pub(super) fn takes_only_messages(&self) -> bool {
        self.run.api == DeletionApi::RecordingJobs && only_messages(&self.cx.order.request.record_types)
    }

    /// Waits for the query that was accepted, or goes on without it.
    pub(super) fn on_inquiry_accepted(&mut self, reply: Reply, look: Look) -> Next {
        match self.read_optional(reply).map(|answer| answer.as_ref().and_then(analytics::read_inquiry_id)) {
            Ok(Some(id)) => self.enter_later(
                Phase::Inquired { id, look },
                SHORTEST_PAUSE,
                WaitReason::JobPending { percent: self.run.percent },
            ),
            Ok(None) => self.finish_sample(look),
            Err(next) => next,
        }
    }

    /// Asks for the result once there is one; gives the query up when it is over without one, or overdue.
    pub(super) fn on_inquiry_state(&mut self, reply: Reply, id: String, look: Look) -> Next {
        // A query under way may be answered 202 with a state or with nothing.
        let without_body = if self.http_status == 202 { Inquiry::UnderWay } else { Inquiry::Over };
        let state = match self.read_optional(reply) {
            Ok(answer) => answer.map_or(without_body, |answer| analytics::read_inquiry(&answer)),
            Err(next) => return next,
        };
        match state {
            Inquiry::Answered => self.enter(Phase::Informed { id, look }),
            Inquiry::UnderWay if !self.is_inquiry_overdue(&look) => {
                let age = look.inquired.map_or(Duration::ZERO, |since| self.cx.now.since(since));
                let pause = (age / 4).clamp(SHORTEST_PAUSE, Duration::from_secs(60));
                self.pause(pause, WaitReason::JobPending { percent: self.run.percent }, false)
            }
            Inquiry::UnderWay | Inquiry::Over => self.finish_sample(look),
        }
    }

    /// Looks up the recordings of conversations that were not looked at yet.
    pub(super) fn on_inquiry_result(&mut self, reply: Reply, mut look: Look) -> Next {
        let found = match self.read_optional(reply) {
            Ok(answer) => {
                answer.as_ref().and_then(analytics::read_page).map(|page| page.conversations).unwrap_or_default()
            }
            Err(next) => return next,
        };
        let unseen = found.into_iter().filter(|conversation| !look.had_none.contains(&conversation.id)).collect();
        let ids = self.pick_candidates(unseen, self.limits().verify_conversations as usize);
        if !ids.is_empty() {
            // The result does not say how many conversations there are in the window.
            (look.all, self.run.listed) = (false, None);
        }
        self.look_up_next(ids, 0, look)
    }

    /// Goes on without the query in the background, if it is the current question; its failure must not be the chunk's.
    pub(super) fn skip_inquiry(&mut self) -> Option<Next> {
        let look = self.inquiry_in_hand()?.clone();
        Some(self.finish_sample(look))
    }

    /// The look that a query in the background belongs to, while that is the current question.
    fn inquiry_in_hand(&self) -> Option<&Look> {
        let (Phase::Inquiry(look) | Phase::Inquired { look, .. } | Phase::Informed { look, .. }) = &self.run.phase
        else {
            return None;
        };
        Some(look)
    }

    /// Whether a query in the background was put off or left unanswered for longer than the chunk waits for it.
    pub(super) fn is_inquiry_in_vain(&self) -> bool {
        (self.run.tries > 0 || self.run.waits > 0)
            && self.inquiry_in_hand().is_some_and(|look| self.is_inquiry_overdue(look))
    }

    /// Whether a query in the background has had its time: [`INQUIRY_PATIENCE`], or a third of what the chunk may take, if that is
    /// less.
    fn is_inquiry_overdue(&self, look: &Look) -> bool {
        let patience = INQUIRY_PATIENCE.min(self.limits().chunk_deadline() / 3);
        look.inquired.is_some_and(|since| self.cx.now.since(since) >= patience)
    }

    /// Reads an answer that the chunk can do without. `None` if there is none, because the question is refused or does not exist.
    fn read_optional(&mut self, reply: Reply) -> Result<Option<Value>, Next> {
        match reply {
            Reply::Json(answer) => {
                self.reset_tries();
                Ok(Some(answer))
            }
            Reply::Empty => Ok(None),
            Reply::Refused(cause) | Reply::Missing(cause) | Reply::Conflict(cause) | Reply::Unreadable(cause) => {
                self.note_answer(&cause);
                Ok(None)
            }
            Reply::Unwell { retry_after, cause } => Err(self.retry_later(cause, retry_after)),
        }
    }

    /// Page numbers, spread evenly over all pages, that together have about `conversations` of the `total` conversations.
    pub(super) fn spread_pages(&self, total: Option<u64>, conversations: u32) -> Vec<u32> {
        let size = self.page_size();
        let pages = total.unwrap_or_default().min(u64::from(FURTHEST)).div_ceil(u64::from(size)).max(1);
        let pages = u32::try_from(pages).unwrap_or(FURTHEST);
        evenly(&(1..=pages).collect::<Vec<_>>(), conversations.div_ceil(size).max(1) as usize)
    }

    /// Reads what there is of a conversation's recordings; with `within`, only of those that began inside that window.
    pub(super) fn read_recordings(&mut self, reply: Reply, within: Option<Window>) -> Result<Left, Next> {
        let (request, date) = (&self.cx.order.request, self.run.action_date);
        let read = |answer: &Value| recording_jobs::read_metadata(answer, request, date, within);
        // A 404 means that there are none.
        self.read_or(reply, Left::default(), read)
    }
}

/// At most `wanted` of them, spread evenly, the first and the last among them.
fn evenly<T: Clone>(all: &[T], wanted: usize) -> Vec<T> {
    if all.len() <= wanted {
        return all.to_vec();
    }
    let last = all.len() - 1;
    let steps = wanted.saturating_sub(1).max(1);
    (0..wanted).filter_map(|i| all.get(i * last / steps)).cloned().collect()
}
