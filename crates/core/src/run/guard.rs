//! What is checked right before anything is deleted: legal holds, and the count.
//!
//! A check that cannot be made is not passed: the chunk ends without having deleted anything.

use std::time::Duration;

use serde_json::Value;

use super::machine::Machine;
use super::state::Phase;
use super::{Cause, Next, Outcome};
use crate::analytics::{self, Conversation, Listing};
use crate::api::protection;
use crate::audit::Event;
use crate::bounds::{AGED_AFTER_MONTHS, IDS_PER_LOOKUP, LONGEST, PAGE_SIZE, QUERY_DAYS};
use crate::chunk::Age;
use crate::http::HttpRequest;
use crate::json::{is_exact, whole};
use crate::order::HeldWindow;
use crate::reply::Reply;
use crate::request::{DeletionApi, entities};
use crate::sorted::sort;
use crate::time::Timestamp;
use crate::window::Window;

/// For how long it counts that nothing stood against a deletion: what the platform protects may change while it is put off.
const CLEARED_FOR: Duration = Duration::from_secs(300);

/// For how long at most, whatever the deletion waited for.
const CLEARED_AT_MOST: Duration = Duration::from_secs(3600);

/// Pages of conversations that are searched for some that reach into a held window.
const MAX_STRADDLER_PAGES: u32 = 20;

impl Machine<'_> {
    /// Looks the holds up again, for they may have changed since the plan was made.
    pub(super) fn check_holds(&mut self) -> Next {
        if self.cx.order.held_conversations.is_empty() {
            self.check_straddlers(Vec::new())
        } else {
            self.to(Phase::HeldConversations { from: 0, touched: Vec::new() })
        }
    }

    pub(super) fn ask_held(&self, from: usize) -> HttpRequest {
        let held = self.cx.order.held_conversations.iter().skip(from).take(IDS_PER_LOOKUP);
        analytics::lookup(held.map(|held| held.id.as_str()))
    }

    pub(super) fn held_conversations(&mut self, reply: Reply, from: usize, mut touched: Vec<String>) -> Next {
        if let Reply::Missing(cause) = reply {
            // Ids that nobody knows are answered with an empty list. Where the question itself is unknown, nobody has looked.
            self.note_answer(&cause);
            let message = "the look-up of conversations on hold does not exist at this address".to_owned();
            return self.give_up(Cause { code: "hold.no-lookup".to_owned(), message, ..cause });
        }
        let found = match self.read(reply, read_lookup) {
            Ok(found) => found,
            Err(next) => return next,
        };
        let window = self.run.chunk.window;
        if self.run.chunk.age == Age::Aged {
            // Of conversations of more than five years ago analytics may know nothing, and what it does not know may be in there.
            let asked = self.cx.order.held_conversations.iter().skip(from).take(IDS_PER_LOOKUP).map(|held| &held.id);
            touched.extend(asked.filter(|id| !found.iter().any(|c| &c.id == *id)).cloned());
        }
        touched.extend(found.into_iter().filter(|c| c.touches(window)).map(|c| c.id));
        let from = from + IDS_PER_LOOKUP;
        if from < self.cx.order.held_conversations.len() {
            return self.to(Phase::HeldConversations { from, touched });
        }
        self.check_straddlers(touched)
    }

    /// Where whole conversations are deleted, one that starts in this window and goes on into a held one must not be touched:
    /// `recordingJobs` takes a conversation's recordings whenever they were made, `dataDeletion` takes conversations if asked to.
    fn check_straddlers(&mut self, touched: Vec<String>) -> Next {
        let request = &self.cx.order.request;
        let whole = self.limits().looks_for_spanning(request.api, &request.record_types);
        if whole && self.next_held_window().is_some() {
            return self.to(Phase::Straddlers { piece: 0, ongoing: false, page: 1, touched });
        }
        self.check_protection(touched)
    }

    fn next_held_window(&self) -> Option<Window> {
        self.held_later().map(|held| held.window).next()
    }

    pub(super) fn ask_straddlers(&self, piece: u32, ongoing: bool, page: u32) -> HttpRequest {
        let listing = if ongoing { Listing::Ongoing } else { Listing::LatestEndFirst };
        // There is a piece whenever there is a phase for it.
        analytics::list(self.queried(piece).unwrap_or(self.run.chunk.window), listing, page)
    }

    /// A piece of the window, from 0, that is short enough for one query; none after the last.
    pub(super) fn queried(&self, piece: u32) -> Option<Window> {
        let window = self.run.chunk.window;
        let from = window.start().plus_days(QUERY_DAYS.saturating_mul(piece));
        window.from(from)?.before(from.plus_days(QUERY_DAYS))
    }

    pub(super) fn straddlers(
        &mut self,
        reply: Reply,
        piece: u32,
        ongoing: bool,
        page: u32,
        mut touched: Vec<String>,
    ) -> Next {
        let found = match self.read(reply, analytics::read_page) {
            Ok(found) => found,
            Err(next) => return next,
        };
        // A page may have fewer than it could: what the answer says that there are counts.
        let size = u64::from(PAGE_SIZE);
        let listed = found.conversations.len() as u64;
        let full = found.total.map_or(listed >= size, |total| total > u64::from(page - 1) * size + listed);
        let first_held = self.next_held_window().map_or(Timestamp::LATEST, Window::start);
        // Sorted by end, latest first: once one ends before the held window, so do all that follow.
        let more = full && found.conversations.last().is_none_or(|last| reaches(last, first_held));
        touched.extend(found.conversations.into_iter().filter(|c| self.straddles(c)).map(|c| c.id));
        match (more, ongoing) {
            (true, _) if page >= MAX_STRADDLER_PAGES => {
                self.held(&[], "too many conversations reach into a held window")
            }
            (true, _) => self.to(Phase::Straddlers { piece, ongoing, page: page + 1, touched }),
            // Where conversations without an end are sorted is not documented, so they are asked for by themselves.
            (false, false) if self.has_endless() => {
                self.to(Phase::Straddlers { piece, ongoing: true, page: 1, touched })
            }
            (false, _) if self.queried(piece + 1).is_some() => {
                self.to(Phase::Straddlers { piece: piece + 1, ongoing: false, page: 1, touched })
            }
            (false, _) => self.check_protection(touched),
        }
    }

    fn straddles(&self, conversation: &Conversation) -> bool {
        self.run.chunk.window.contains(conversation.start)
            && self.held_later().any(|held| {
                let endless = conversation.end.is_none();
                conversation.touches(held.window) && !(endless && forgotten(conversation.start, held))
            })
    }

    /// Windows of holds and rules that end after the chunk: what begins in it can reach into them.
    fn held_later(&self) -> impl Iterator<Item = &HeldWindow> {
        let end = self.run.chunk.window.end();
        self.cx.order.held_windows.iter().filter(move |held| held.window.end() > end)
    }

    /// Whether one without an end, wherever in the chunk it begins, can reach into any of them.
    fn has_endless(&self) -> bool {
        let last = self.run.chunk.window.last_millisecond();
        self.held_later().any(|held| !forgotten(last, held))
    }

    fn check_protection(&mut self, mut touched: Vec<String>) -> Next {
        sort(&mut touched);
        touched.dedup();
        match self.run.api {
            _ if touched.is_empty() => self.holds_clear(),
            DeletionApi::DataDeletion => {
                self.held(&touched, "the window touches conversations that a hold or a retention rule keeps")
            }
            DeletionApi::RecordingJobs => self.to(Phase::Protection { from: 0, touched, protected: Vec::new() }),
        }
    }

    pub(super) fn ask_protection(&self, from: usize, touched: &[String]) -> HttpRequest {
        let ids: Vec<_> = touched.iter().skip(from).take(protection::IDS_PER_QUESTION).cloned().collect();
        protection::ask(&ids)
    }

    pub(super) fn protection(
        &mut self,
        reply: Reply,
        from: usize,
        touched: Vec<String>,
        mut protected: Vec<String>,
    ) -> Next {
        match self.read(reply, protection::read) {
            Ok(found) => protected.extend(found),
            Err(next) => return next,
        }
        let from = from + protection::IDS_PER_QUESTION;
        if from < touched.len() {
            return self.to(Phase::Protection { from, touched, protected });
        }
        sort(&mut protected);
        let unprotected: Vec<_> = touched.iter().filter(|id| protected.binary_search(id).is_err()).cloned().collect();
        if unprotected.is_empty() {
            self.run.protected_ids = touched;
            self.holds_clear()
        } else {
            self.held(&unprotected, "the window touches conversations that a hold or a retention rule keeps and the platform does not protect")
        }
    }

    fn holds_clear(&mut self) -> Next {
        let asked = self.cx.order.held_conversations.len();
        if asked > 0 || !self.run.protected_ids.is_empty() {
            let protected = self.run.protected_ids.clone();
            self.record(Event::HoldsChecked { asked: asked as u64, unprotected: Vec::new(), protected });
        }
        self.run.cleared_at = Some(self.cx.now);
        match (self.run.api, self.limits().max_records) {
            (DeletionApi::DataDeletion, Some(_)) => self.to(Phase::CountBefore { entity: 0, sum: 0 }),
            (DeletionApi::DataDeletion, None) => self.to(Phase::Submitted),
            (DeletionApi::RecordingJobs, _) => self.to(Phase::Executed),
        }
    }

    /// Ends it because of these conversations, in order.
    fn held(&mut self, unprotected: &[String], why: &str) -> Next {
        let asked = self.cx.order.held_conversations.len() as u64;
        let first: Vec<_> = unprotected.iter().take(100).cloned().collect();
        let holds = self.cx.order.held_conversations.iter().filter(|held| unprotected.binary_search(&held.id).is_ok());
        let mut names: Vec<_> = holds.map(|held| held.hold.as_str()).collect();
        sort(&mut names);
        names.dedup();
        let message = match (names.as_slice(), first.first()) {
            ([], Some(id)) => format!("{why}: {} of them, the first is `{id}`", unprotected.len()),
            ([], None) => why.to_owned(),
            (names, _) => format!("{why}: {} of them, by hold `{}`", unprotected.len(), names.join("`, `")),
        };
        self.record(Event::HoldsChecked { asked, unprotected: first, protected: Vec::new() });
        self.end_job(Outcome::Held, Cause::new("hold", message))
    }

    /// Counts the records of one kind in the window.
    pub(super) fn ask_count(&self, entity: usize) -> Option<HttpRequest> {
        let request = &self.cx.order.request;
        let entity = entities(&request.record_types).get(entity).copied()?;
        Some(analytics::count(request, self.run.chunk.window, self.limits().range_end, entity))
    }

    /// Adds one count; the sum over all kinds when it was the last.
    pub(super) fn add_count(&mut self, reply: Reply, entity: usize, sum: u64) -> Result<(u64, bool), Next> {
        let sum = self.read(reply, |answer| sum.checked_add(analytics::read_count(answer)?).filter(is_exact))?;
        let last = entity + 1 >= entities(&self.cx.order.request.record_types).len();
        Ok((sum, last))
    }

    pub(super) fn counted_before(&mut self, reply: Reply, entity: usize, sum: u64) -> Next {
        let sum = match self.add_count(reply, entity, sum) {
            Ok((sum, true)) => sum,
            Ok((sum, false)) => return self.to(Phase::CountBefore { entity: entity + 1, sum }),
            Err(next) => return next,
        };
        // With what a submit has deleted that is still counted: the one after it deletes the rest.
        let earlier = self.run.before.filter(|_| self.run.submits > 0);
        self.run.before = Some(earlier.map_or(sum, |before| before.max(sum)));
        self.record(Event::Counted { records: sum });
        match self.over_limit(sum, "records") {
            Some(cause) => self.end_job(Outcome::Rejected, cause),
            None => self.to(Phase::Submitted),
        }
    }

    /// Whether the deletion, having been put off by the other side, is about to leave on the word of guards that were asked too long
    /// ago. Waits of our own making, for the request budget, count much later: the guards would wait for it, too, and so for ever.
    pub(super) fn is_stale(&self) -> bool {
        let ago = self.run.cleared_at.map_or(Duration::ZERO, |at| self.cx.now.since(at));
        self.run.asks_for_deletion() && ago > if self.run.waits > 0 { CLEARED_FOR } else { CLEARED_AT_MOST }
    }

    /// Conversations that have become older than five years since the plan was made are selected in another way, and a job for
    /// recent ones would find none and call that done.
    pub(super) fn outlived(&self) -> Option<Cause> {
        let aged_from = self.cx.now.minus_months(AGED_AFTER_MONTHS);
        let outlived = self.run.chunk.age == Age::Recent && self.run.chunk.window.start() < aged_from;
        outlived.then(|| {
            let message = "a part of it has become older than five years since the plan was made, and jobs select such conversations in another way: plan again";
            Cause::new("chunk.fiveYears", message)
        })
    }

    pub(super) fn over_limit(&self, count: u64, what: &str) -> Option<Cause> {
        let limit = self.limits().max_records.filter(|limit| count > *limit)?;
        let message = format!("the window holds {count} {what}, more than the limit of {limit} (`limits.maxRecords`)");
        Some(Cause::new("guard.max-records", message))
    }
}

/// Some conversations never end, and would for ever reach into what a retention rule keeps. One that began so long before is taken to
/// have been forgotten; not where a hold is concerned.
fn forgotten(start: Timestamp, held: &HeldWindow) -> bool {
    held.rule && start.plus(LONGEST) < held.window.start()
}

fn reaches(conversation: &Conversation, at: Timestamp) -> bool {
    conversation.end.is_none_or(|end| end >= at)
}

/// A look-up by id that finds nothing answers with an empty list, or leaves the list out. That is no leave to take anything else
/// for one, nor a list that is shorter than it says: what it does not name would be deleted.
fn read_lookup(answer: &Value) -> Option<Vec<Conversation>> {
    let fields = answer.as_object()?;
    let found = match fields.get("conversations") {
        None | Some(Value::Null) => fields.values().all(|value| !value.is_string()).then(Vec::new)?,
        Some(_) => analytics::read_page(answer)?.conversations,
    };
    let total = fields.get("totalHits").map_or(Some(0), whole)?;
    (total <= found.len() as u64).then_some(found)
}
