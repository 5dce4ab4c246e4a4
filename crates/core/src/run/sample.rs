//! Before a recording job is executed: which conversations have recordings, so that looking at them again shows whether the job has
//! deleted anything. Most conversations of a window may never have had any.

use std::time::Duration;

use serde_json::Value;

use super::machine::Machine;
use super::state::{Look, Phase};
use super::{Next, WaitReason};
use crate::analytics::{self, Conversation, Inquiry, Listing};
use crate::api::recording_jobs::{self, Left};
use crate::audit::Event;
use crate::bounds::PAGE_SIZE;
use crate::http::HttpRequest;
use crate::reply::Reply;
use crate::request::{DeletionApi, only_messages};
use crate::window::Window;

/// Between two looks at a query in the background, at least.
const SHORTEST_PAUSE: Duration = Duration::from_secs(5);

/// How long a query in the background is watched before one does without its result.
const INQUIRY_PATIENCE: Duration = Duration::from_secs(900);

/// The last conversation of a window that is asked for (limit of the API).
const FURTHEST: u32 = 100_000;

impl Machine<'_> {
    /// A page of the conversations of the window, or of its first month where the query reaches no further: those that the job may
    /// take.
    pub(super) fn ask_page(&self, look: &Look) -> HttpRequest {
        let page = look.pages.first().copied().unwrap_or(1);
        analytics::list(self.reach(), Listing::ByStart, self.takes_only_messages(), self.page_size(), page)
    }

    pub(super) fn chosen(&mut self, reply: Reply, mut look: Look) -> Next {
        if self.takes_smaller_pages(&reply) {
            return self.to(Phase::Choose(Look::default()));
        }
        if let (Reply::Refused(cause), 400) = (&reply, self.http_status) {
            // What is too old for analytics is not listed, or asking for it is refused. The job finds it all the same.
            self.note_answer(cause);
            return self.had_all(look);
        }
        let page = match self.read(reply, analytics::read_page) {
            Ok(page) => page,
            Err(next) => return next,
        };
        if look.pages.is_empty() {
            let wanted = self.limits().verify_conversations;
            look.all = page.total.is_some_and(|total| total <= u64::from(wanted));
            let some = self.limits().sample_pages().saturating_mul(self.page_size()).max(wanted);
            look.pages = self.some_pages(page.total, if look.all { FURTHEST } else { some });
            let pages = u32::try_from(look.pages.len()).unwrap_or(FURTHEST);
            look.share = if look.all { PAGE_SIZE } else { wanted.div_ceil(pages) };
            self.run.listed = page.total.filter(|_| self.queried(1).is_none());
        }
        look.pages.remove(0);
        look.seen = look.seen.saturating_add(page.conversations.len() as u64);
        let ids = self.likely(page.conversations, look.share as usize);
        self.look_up(ids, 0, look)
    }

    /// Some of a page's conversations that started in the window: first those that are known to have been recorded.
    fn likely(&self, conversations: Vec<Conversation>, wanted: usize) -> Vec<String> {
        let inside = conversations.into_iter().filter(|c| self.run.chunk.window.contains(c.start));
        let (recorded, others): (Vec<_>, Vec<_>) = inside.partition(|c| c.recorded);
        let mut likely = evenly(&recorded, wanted);
        likely.extend(evenly(&others, wanted.saturating_sub(likely.len())));
        likely.into_iter().map(|c| c.id).collect()
    }

    /// The next conversation, or the next page, or the sum of it all.
    fn look_up(&mut self, ids: Vec<String>, at: usize, look: Look) -> Next {
        if at < ids.len() {
            self.to(Phase::Had { ids, at, look })
        } else if look.pages.is_empty() {
            self.had_all(look)
        } else {
            self.to(Phase::Choose(look))
        }
    }

    pub(super) fn had(&mut self, reply: Reply, ids: Vec<String>, at: usize, mut look: Look) -> Next {
        let left = match self.recordings(reply) {
            Ok(left) => left,
            Err(next) => return next,
        };
        let there = left.kept.saturating_add(left.scheduled).saturating_add(left.untold);
        look.checked = look.checked.saturating_add(1);
        look.kept = look.kept.saturating_add(there);
        let which = if there > 0 { &mut look.had } else { &mut look.had_none };
        which.extend(ids.get(at).cloned());
        self.look_up(ids, at + 1, look)
    }

    /// From here on it is on record, and only what is on record is looked at again. Where nobody was seen to have recordings and the
    /// job counts some, others are looked for first.
    fn had_all(&mut self, look: Look) -> Next {
        if look.had.is_empty() && look.inquired.is_none() && self.run.before > Some(0) {
            return self.to(Phase::Inquiry(Look { inquired: Some(self.cx.now), ..look }));
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

    /// Asks the long-term store for some of them.
    pub(super) fn inquire(&self) -> HttpRequest {
        analytics::inquire(self.reach(), self.takes_only_messages(), self.page_size())
    }

    /// The window, or as much of it as one query reaches over.
    fn reach(&self) -> Window {
        self.queried(0).unwrap_or(self.run.chunk.window)
    }

    /// Whether the job takes only conversations with messages. Then others are not listed either: what is listed is compared with what
    /// the job counts.
    pub(super) fn takes_only_messages(&self) -> bool {
        self.run.api == DeletionApi::RecordingJobs && only_messages(&self.cx.order.request.record_types)
    }

    pub(super) fn inquiry(&mut self, reply: Reply, look: Look) -> Next {
        match self.told(reply).map(|told| told.as_ref().and_then(analytics::read_inquiry_id)) {
            Ok(Some(id)) => self.later(
                Phase::Inquired { id, look },
                SHORTEST_PAUSE,
                WaitReason::JobPending { percent: self.run.percent },
            ),
            Ok(None) => self.had_all(look),
            Err(next) => next,
        }
    }

    pub(super) fn inquired(&mut self, reply: Reply, id: String, look: Look) -> Next {
        // As long as it is under way it may be answered 202, with a state or with nothing.
        let unsaid = if self.http_status == 202 { Inquiry::UnderWay } else { Inquiry::Over };
        let state = match self.told(reply) {
            Ok(told) => told.map_or(unsaid, |told| analytics::read_inquiry(&told)),
            Err(next) => return next,
        };
        match state {
            Inquiry::Answered => self.to(Phase::Informed { id, look }),
            Inquiry::UnderWay if !self.is_overdue(&look) => {
                let age = look.inquired.map_or(Duration::ZERO, |since| self.cx.now.since(since));
                let pause = (age / 4).clamp(SHORTEST_PAUSE, Duration::from_secs(60));
                self.pause(pause, WaitReason::JobPending { percent: self.run.percent }, false)
            }
            Inquiry::UnderWay | Inquiry::Over => self.had_all(look),
        }
    }

    pub(super) fn informed(&mut self, reply: Reply, mut look: Look) -> Next {
        let found = match self.told(reply) {
            Ok(told) => told.as_ref().and_then(analytics::read_page).map(|page| page.conversations).unwrap_or_default(),
            Err(next) => return next,
        };
        let new = found.into_iter().filter(|conversation| !look.had_none.contains(&conversation.id)).collect();
        let ids = self.likely(new, self.limits().verify_conversations as usize);
        if !ids.is_empty() {
            // How many there are in the window it does not say.
            (look.all, self.run.listed) = (false, None);
        }
        self.look_up(ids, 0, look)
    }

    /// Goes on without a query in the background, where that is the call in hand: one does without rather than fail.
    pub(super) fn do_without(&mut self) -> Option<Next> {
        let look = self.inquiry_in_hand()?.clone();
        Some(self.had_all(look))
    }

    fn inquiry_in_hand(&self) -> Option<&Look> {
        let (Phase::Inquiry(look) | Phase::Inquired { look, .. } | Phase::Informed { look, .. }) = &self.run.phase
        else {
            return None;
        };
        Some(look)
    }

    /// Whether the other side has put such a query off, or has not answered it, for longer than one waits for it.
    pub(super) fn is_in_vain(&self) -> bool {
        (self.run.tries > 0 || self.run.waits > 0) && self.inquiry_in_hand().is_some_and(|look| self.is_overdue(look))
    }

    /// Never for so long that the chunk would be late.
    fn is_overdue(&self, look: &Look) -> bool {
        let patience = INQUIRY_PATIENCE.min(self.limits().chunk_deadline() / 3);
        look.inquired.is_some_and(|since| self.cx.now.since(since) >= patience)
    }

    /// An answer without which one does, where the question is refused or does not exist.
    fn told(&mut self, reply: Reply) -> Result<Option<Value>, Next> {
        match reply {
            Reply::Json(answer) => {
                self.another_call();
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

    /// Pages to look at where the first says that there are so many conversations: those of about so many, spread over all of them.
    pub(super) fn some_pages(&self, total: Option<u64>, conversations: u32) -> Vec<u32> {
        let size = self.page_size();
        let pages = total.unwrap_or_default().min(u64::from(FURTHEST)).div_ceil(u64::from(size)).max(1);
        let pages = u32::try_from(pages).unwrap_or(FURTHEST);
        evenly(&(1..=pages).collect::<Vec<_>>(), conversations.div_ceil(size).max(1) as usize)
    }

    /// What there is of a conversation's recordings.
    pub(super) fn recordings(&mut self, reply: Reply) -> Result<Left, Next> {
        let (request, date) = (&self.cx.order.request, self.run.action_date);
        let read = |answer: &Value| recording_jobs::read_metadata(answer, request, date);
        // No such recordings: none.
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
