//! What is checked right before anything is deleted: legal holds, and the count.
//!
//! A check that cannot be made is not passed: the chunk ends without having deleted anything.

use std::time::Duration;

use serde_json::Value;

use super::machine::Machine;
use super::state::{Phase, Search, Touched};
use super::trouble::TOO_LARGE;
use super::{Cause, Next, Outcome};
use crate::analytics::{self, Conversation, Listing, Page};
use crate::api::protection;
use crate::audit::Event;
use crate::bounds::{AGED_AFTER_MONTHS, FURTHEST, IDS_PER_LOOKUP, LISTED_FOR_MONTHS, LONGEST, QUERY_DAYS};
use crate::chunk::Age;
use crate::http::HttpRequest;
use crate::json::{is_exact, whole};
use crate::order::HeldWindow;
use crate::reply::Reply;
use crate::request::{DeletionApi, entities};
use crate::sorted::sort;
use crate::time::Timestamp;
use crate::window::Window;

/// How long a passed check of the holds counts while the other side puts the deletion off: what the platform protects may change
/// meanwhile.
const CLEARED_FOR: Duration = Duration::from_secs(300);

/// How long a passed check of the holds counts at most, whatever the deletion waited for.
const CLEARED_AT_MOST: Duration = Duration::from_secs(3600);

/// How many conversations are searched at most in a list that is sorted by end, whatever the size of its pages, and how many may be found
/// that reach into a held window.
const MAX_SEARCHED: u64 = 2_000;

impl Machine<'_> {
    /// Looks the holds up again, because they may have changed since the plan was made.
    pub(super) fn check_holds(&mut self) -> Next {
        let touched = Touched::default();
        self.run.unlisted_ids.clear();
        if self.cx.order.held_conversations.is_empty() {
            self.check_straddlers(touched)
        } else {
            self.enter(Phase::HeldConversations { from: 0, touched })
        }
    }

    /// Looks up a batch of the held conversations by id.
    pub(super) fn ask_held_conversations(&self, from: usize) -> HttpRequest {
        let held = self.cx.order.held_conversations.iter().skip(from).take(IDS_PER_LOOKUP);
        analytics::lookup(held.map(|held| held.id.as_str()))
    }

    /// Notes which held conversations of a batch lie in the window or may lie there, then asks about the next batch.
    pub(super) fn on_held_conversations(&mut self, reply: Reply, from: usize, mut touched: Touched) -> Next {
        if let Reply::Missing(cause) = reply {
            // Unknown ids are answered with an empty list. A 404 means that the look-up itself is unknown, so nothing was looked
            // up.
            self.note_answer(&cause);
            let message = "the look-up of conversations on hold does not exist at this address".to_owned();
            return self.give_up(Cause { code: "hold.no-lookup".to_owned(), message, ..cause });
        }
        let found = match self.read(reply, read_lookup) {
            Ok(found) => found,
            Err(next) => return next,
        };
        let asked = || self.cx.order.held_conversations.iter().skip(from).take(IDS_PER_LOOKUP);
        let (window, jobs) = (self.run.chunk.window, self.run.api == DeletionApi::RecordingJobs);
        // Analytics does not know conversations of long ago, nor those of divisions that the client does not see. A job finds them all the
        // same, so one that is not known may be in the window, and only the platform's own protection keeps it.
        for held in asked().filter(|held| jobs && !found.iter().any(|c| c.id == held.id)) {
            touch(&mut touched, format!("{} (not known to analytics)", hold_name(&held.hold)), held.id.clone());
            self.run.unlisted_ids.push(held.id.clone());
        }
        for conversation in found.into_iter().filter(|c| c.touches(window)) {
            let held = asked().find(|held| held.id == conversation.id);
            touch(
                &mut touched,
                held.map_or_else(|| "a hold".to_owned(), |held| hold_name(&held.hold)),
                conversation.id,
            );
        }
        let from = from + IDS_PER_LOOKUP;
        if from < self.cx.order.held_conversations.len() {
            return self.enter(Phase::HeldConversations { from, touched });
        }
        self.check_straddlers(touched)
    }

    /// Searches for conversations that start in this window and go on into a held one. Where whole conversations are deleted, they
    /// must not be touched: `recordingJobs` takes a conversation's recordings whenever they were made, and `dataDeletion` takes
    /// conversations if asked to.
    fn check_straddlers(&mut self, touched: Touched) -> Next {
        if self.first_reachable_window().is_none() {
            return self.check_protection(touched);
        }
        self.enter(Phase::Straddlers(Search { page: 1, touched, ..Search::default() }))
    }

    /// The held windows and retention periods that conversations of the chunk may reach into.
    fn reachable_windows(&self) -> impl Iterator<Item = &HeldWindow> {
        self.cx.order.reachable_from(self.run.chunk.window)
    }

    /// The first of them in order of time.
    fn first_reachable_window(&self) -> Option<Window> {
        self.reachable_windows().map(|held| held.window).next()
    }

    /// Asks for a page of the conversations in a piece of the window.
    pub(super) fn ask_straddlers(&self, search: &Search) -> HttpRequest {
        let listing = if search.ongoing { Listing::Ongoing } else { Listing::LatestEndFirst };
        // The phase is only entered for a piece that exists.
        let piece = self.query_piece(search.piece).unwrap_or(self.run.chunk.window);
        analytics::list(piece, listing, self.takes_only_messages(), self.page_size(), search.page)
    }

    /// A piece of the window, counted from 0, that is short enough for one query; `None` after the last.
    pub(super) fn query_piece(&self, piece: u32) -> Option<Window> {
        let window = self.run.chunk.window;
        let from = window.start().plus_days(QUERY_DAYS.saturating_mul(piece));
        window.from(from)?.before(from.plus_days(QUERY_DAYS))
    }

    /// Notes which conversations of a page reach into a held window, then asks for the next page or piece.
    pub(super) fn on_straddlers(&mut self, reply: Reply, mut search: Search) -> Next {
        if self.shrink_pages(&reply) {
            // What was found still counts. What is listed is counted anew.
            let touched = search.touched;
            return self.enter(Phase::Straddlers(Search { page: 1, touched, ..Search::default() }));
        }
        if search.page == 1 && !search.ongoing && self.is_refused_for_age(&reply) {
            return self.enter_next_piece(Search { refused: true, ..search });
        }
        let size = u64::from(self.page_size());
        let before = size * u64::from(search.page.saturating_sub(1));
        let found = match self.read(reply, |answer| read_page_after(answer, before)) {
            Ok(found) => found,
            Err(next) => return next,
        };
        // A page may have fewer conversations than it could, and the total is only about right. If either says so, there may be
        // more.
        let listed = found.conversations.len() as u64;
        let full = listed >= size || found.total.is_some_and(|total| total > before + listed);
        if search.page == 1 && !search.ongoing {
            search.listed = search.listed.saturating_add(found.total.unwrap_or(0).max(listed));
        }
        // In a list that is sorted by end, latest first, all end before the held window that follow one that does. Any other is read to
        // its end.
        let sorted = is_sorted_by_end(&found.conversations);
        let reach =
            |held: Window| !sorted || found.conversations.last().is_none_or(|last| lasts_until(last, held.start()));
        let more = full && self.first_reachable_window().is_some_and(reach);
        let most = if sorted || search.ongoing { MAX_SEARCHED } else { u64::from(FURTHEST) };
        for conversation in found.conversations {
            if let Some(held) = self.window_reached_by(&conversation) {
                touch(&mut search.touched, keeper_name(held), conversation.id);
                search.reaching += 1;
            }
        }
        let page = search.page;
        match (more, search.ongoing) {
            (true, _) if before + size >= most || search.reaching >= MAX_SEARCHED => {
                let all: Vec<_> = self.reachable_windows().map(keeper_name).collect();
                let message =
                    format!("more conversations than can be checked may reach into what is kept by {}", all.join(", "));
                self.call_off(Outcome::Held, Cause::new("hold", message))
            }
            (true, _) => self.enter(Phase::Straddlers(Search { page: page + 1, ..search })),
            // Where conversations without an end are sorted is not documented, so they are asked for by themselves.
            (false, false) if self.must_search_ongoing() => {
                self.enter(Phase::Straddlers(Search { ongoing: true, page: 1, ..search }))
            }
            (false, _) => self.enter_next_piece(search),
        }
    }

    /// Whether a list of a window's conversations is refused because they are too old for analytics, and a job finds them all the same.
    pub(super) fn is_refused_for_age(&mut self, reply: &Reply) -> bool {
        let listed_from = self.cx.now.minus_months(LISTED_FOR_MONTHS);
        let Reply::Refused(cause) = reply else { return false };
        let refused = self.http_status == 400
            && cause.code != TOO_LARGE
            && self.run.api == DeletionApi::RecordingJobs
            && self.run.chunk.window.start() < listed_from;
        if refused {
            self.note_answer(cause);
        }
        refused
    }

    /// Searches the next piece of the window, or ends the search after the last.
    fn enter_next_piece(&mut self, search: Search) -> Next {
        let piece = search.piece + 1;
        if self.query_piece(piece).is_none() {
            return self.finish_search(search);
        }
        self.enter(Phase::Straddlers(Search { piece, ongoing: false, page: 1, ..search }))
    }

    /// Ends the search after everything that analytics lists. It may leave out conversations of long ago, and those of divisions
    /// that the client does not see. The job finds those all the same, and has counted them.
    fn finish_search(&mut self, search: Search) -> Next {
        let Search { touched, listed, refused, .. } = search;
        if self.is_fully_listed(listed, refused) {
            return self.check_protection(touched);
        }
        let kept: Vec<_> = self.windows_reachable_by_endless().map(keeper_name).collect();
        if !kept.is_empty() {
            let counted = self.run.conversations.map_or_else(|| "an unknown number of".to_owned(), |n| n.to_string());
            let message = format!(
                "the job counts {counted} conversations and analytics lists {listed}, so it is unknown which of them reach into what is kept by {}: let the OAuth client see all divisions (conversations older than about 18 months are listed only if Genesys allows it), or name the held conversations by id and protect them in Genesys Cloud, or plan without this part",
                kept.join(", ")
            );
            return self.call_off(Outcome::Held, Cause::new("hold.not-listed", message));
        }
        self.check_protection(touched)
    }

    /// Whether analytics lists as many conversations as the deletion takes, as far as that is known. A chunk of more than five
    /// years ago passes although analytics may list nothing of it: there the plan keeps a distance.
    fn is_fully_listed(&self, listed: u64, refused: bool) -> bool {
        let as_many = match self.run.conversations {
            Some(counted) => listed >= counted,
            None => listed > 0 || self.run.before == Some(0),
        };
        self.run.api == DeletionApi::DataDeletion || self.run.chunk.age == Age::Aged || (as_many && !refused)
    }

    /// The first held window or retention period after the chunk that a conversation of the chunk reaches into.
    fn window_reached_by(&self, conversation: &Conversation) -> Option<&HeldWindow> {
        let endless = conversation.end.is_none();
        let of_the_chunk = self.run.chunk.window.contains(conversation.start);
        let into = |held: &&HeldWindow| {
            conversation.touches(held.window) && !(endless && is_forgotten(conversation.start, held))
        };
        self.reachable_windows().filter(|_| of_the_chunk).find(into)
    }

    /// Those that a conversation without a known end can reach into, wherever in the chunk it begins.
    fn windows_reachable_by_endless(&self) -> impl Iterator<Item = &HeldWindow> {
        let last = self.run.chunk.window.last_millisecond();
        self.reachable_windows().filter(move |held| !is_forgotten(last, held))
    }

    /// Whether conversations without an end have to be searched.
    fn must_search_ongoing(&self) -> bool {
        self.windows_reachable_by_endless().next().is_some()
    }

    /// Asks whether the platform protects what the chunk touches. With `dataDeletion`, touching anything ends the attempt.
    fn check_protection(&mut self, touched: Touched) -> Next {
        match self.run.api {
            _ if touched.is_empty() => self.pass_holds(Vec::new()),
            DeletionApi::DataDeletion => self.end_held(
                &touched,
                Vec::new(),
                "the window touches conversations that a hold or a retention rule keeps",
            ),
            DeletionApi::RecordingJobs => {
                let batch = protection::IDS_PER_QUESTION;
                self.enter(Phase::Protection { from: 0, batch, touched, protected: Vec::new() })
            }
        }
    }

    /// Reads which conversations of a batch the platform protects, and moves on to the next batch: before the deletion for those that
    /// the chunk touches, after it for those whose recordings the job has skipped or left.
    ///
    /// One conversation without a recording has the whole batch refused, so smaller batches are asked about, in the end each
    /// conversation alone. `None` means that a single conversation was asked about and has no recording: it has nothing to protect.
    /// No other 404 means that.
    pub(super) fn read_protection(
        &mut self,
        reply: Reply,
        from: &mut usize,
        batch: &mut usize,
    ) -> Result<Option<Vec<String>>, Next> {
        let bare = matches!(&reply, Reply::Missing(cause) if cause.code == protection::NO_RECORDING);
        if bare && *batch > 1 {
            *batch /= 10;
            return Ok(Some(Vec::new()));
        }
        let found = if bare { None } else { Some(self.read(reply, protection::read)?) };
        *from += *batch;
        if *batch < protection::IDS_PER_QUESTION && from.is_multiple_of(*batch * 10) {
            *batch *= 10;
        }
        Ok(found)
    }

    /// Takes what the platform protects out of what the chunk touches; if anything is left at the end, the chunk is held.
    pub(super) fn on_protection(
        &mut self,
        reply: Reply,
        mut from: usize,
        mut batch: usize,
        mut touched: Touched,
        mut protected: Vec<String>,
    ) -> Next {
        let mut all = all_ids(&touched);
        match self.read_protection(reply, &mut from, &mut batch) {
            Ok(Some(found)) => protected.extend(found),
            // It has no recording to lose, so the deletion does not touch it.
            Ok(None) => {
                from -= 1;
                leave_out(&mut touched, |id| all.get(from) == Some(id));
                all = all_ids(&touched);
            }
            Err(next) => return next,
        }
        if from < all.len() {
            return self.enter(Phase::Protection { from, batch, touched, protected });
        }
        sort(&mut protected);
        let is_protected = |id: &String| protected.binary_search(id).is_ok();
        leave_out(&mut touched, is_protected);
        let protected = all.into_iter().filter(is_protected).collect();
        if touched.is_empty() {
            self.pass_holds(protected)
        } else {
            self.end_held(&touched, protected, "the window touches conversations that a hold or a retention rule keeps and the platform does not protect")
        }
    }

    /// Goes on to the deletion: nothing stands against it but what the platform protects, and leaves out.
    fn pass_holds(&mut self, protected: Vec<String>) -> Next {
        self.run.protected_ids.clone_from(&protected);
        self.record_holds_checked(Vec::new(), protected);
        self.run.cleared_at = Some(self.cx.now);
        match (self.run.api, self.limits().max_records) {
            (DeletionApi::DataDeletion, Some(_)) => self.enter(Phase::CountBefore { entity: 0, sum: 0 }),
            (DeletionApi::DataDeletion, None) => self.enter(Phase::Submitted),
            (DeletionApi::RecordingJobs, _) => self.enter(Phase::Executed),
        }
    }

    /// Ends the attempt as `held` because of conversations that nothing protects.
    fn end_held(&mut self, unprotected: &Touched, protected: Vec<String>, why: &str) -> Next {
        let mut ids = all_ids(unprotected);
        let names: Vec<_> = unprotected.iter().map(|(name, _)| name.as_str()).collect();
        let message = format!("{why}: {} of them, kept by {}", ids.len(), names.join(", "));
        ids.truncate(100);
        self.record_holds_checked(ids, protected);
        self.call_off(Outcome::Held, Cause::new("hold", message))
    }

    /// Records what the look-up of the holds found, if there was anything to look up.
    fn record_holds_checked(&mut self, unprotected: Vec<String>, protected: Vec<String>) {
        let (asked, periods) = (self.cx.order.held_conversations.len() as u64, self.reachable_windows().count() as u64);
        if asked + periods > 0 {
            self.record(Event::HoldsChecked { asked, periods, unprotected, protected });
        }
    }

    /// Counts the records of one type in the window; `None` after the last type.
    pub(super) fn ask_count(&self, entity: usize) -> Option<HttpRequest> {
        let request = &self.cx.order.request;
        let entity = entities(&request.record_types).get(entity).copied()?;
        Some(analytics::count(request, self.run.chunk.window, self.limits().range_end, entity))
    }

    /// Adds the count of one type to the sum, and says whether it was the last.
    pub(super) fn read_count(&mut self, reply: Reply, entity: usize, sum: u64) -> Result<(u64, bool), Next> {
        let sum = self.read(reply, |answer| sum.checked_add(analytics::read_count(answer)?).filter(is_exact))?;
        let last = entity + 1 >= entities(&self.cx.order.request.record_types).len();
        Ok((sum, last))
    }

    /// Compares the count of the window with the limit, then submits.
    pub(super) fn on_count_before(&mut self, reply: Reply, entity: usize, sum: u64) -> Next {
        let sum = match self.read_count(reply, entity, sum) {
            Ok((sum, true)) => sum,
            Ok((sum, false)) => return self.enter(Phase::CountBefore { entity: entity + 1, sum }),
            Err(next) => return next,
        };
        // Keep the larger number: it includes what an earlier submit deleted, and the next one deletes only the rest.
        let earlier = self.run.before.filter(|_| self.run.submits > 0);
        self.run.before = Some(earlier.map_or(sum, |before| before.max(sum)));
        self.record(Event::Counted { records: sum });
        match self.over_limit(sum, "records") {
            Some(cause) => self.call_off(Outcome::Rejected, cause),
            None => self.enter(Phase::Submitted),
        }
    }

    /// Whether the deletion is about to leave although its guards were asked too long ago: more than [`CLEARED_FOR`] ago if the
    /// other side has put it off, otherwise more than [`CLEARED_AT_MOST`]. Our own waits for the request budget have the longer
    /// time, because the guards would have to wait for the budget as well, and so for ever.
    pub(super) fn are_guards_stale(&self) -> bool {
        let ago = self.run.cleared_at.map_or(Duration::ZERO, |at| self.cx.now.since(at));
        self.run.asks_for_deletion() && ago > if self.run.waits > 0 { CLEARED_FOR } else { CLEARED_AT_MOST }
    }

    /// Why the job must not be created, if its conversations have become older than five years since the plan was made. Those are
    /// selected in another way: a job for recent ones would find none of them and call that done.
    pub(super) fn aged_since_plan(&self) -> Option<Cause> {
        let aged_from = self.cx.now.minus_months(AGED_AFTER_MONTHS);
        let outlived = self.run.chunk.age == Age::Recent && self.run.chunk.window.start() < aged_from;
        outlived.then(|| {
            let message = "part of the chunk has become older than five years since planning, and jobs select such conversations differently: plan again";
            Cause::new("chunk.fiveYears", message)
        })
    }

    /// Why nothing may be deleted, if the count is over the limit.
    pub(super) fn over_limit(&self, count: u64, what: &str) -> Option<Cause> {
        let limit = self.limits().max_records.filter(|limit| count > *limit)?;
        let message = format!("the window holds {count} {what}, more than the limit of {limit} (`limits.maxRecords`)");
        Some(Cause::new("guard.max-records", message))
    }
}

fn touch(touched: &mut Touched, by: String, id: String) {
    touched.change(by, |ids| ids.push(id));
}

/// Removes these conversations, and holds that then keep none.
fn leave_out(touched: &mut Touched, which: impl Fn(&String) -> bool) {
    touched.values_mut().for_each(|ids| ids.retain(|id| !which(id)));
    touched.retain(|_, ids| !ids.is_empty());
}

/// Asks which conversations of a batch the platform protects.
pub(super) fn ask_protection(ids: &[String], from: usize, batch: usize) -> HttpRequest {
    let ids: Vec<_> = ids.iter().skip(from).take(batch).cloned().collect();
    protection::ask(&ids)
}

/// All ids, sorted, each once.
pub(super) fn all_ids(touched: &Touched) -> Vec<String> {
    let mut ids: Vec<_> = touched.iter().flat_map(|(_, ids)| ids.iter().cloned()).collect();
    sort(&mut ids);
    ids.dedup();
    ids
}

fn hold_name(hold: &str) -> String {
    format!("hold `{hold}`")
}

/// The name of what keeps a window, as a cause gives it.
fn keeper_name(held: &HeldWindow) -> String {
    if held.rule { held.hold.clone() } else { hold_name(&held.hold) }
}

/// Whether a conversation that has no end is taken to have been forgotten, because it began long before what a retention rule
/// keeps. It would reach into every such period for ever. A hold forgets none.
fn is_forgotten(start: Timestamp, held: &HeldWindow) -> bool {
    held.rule && start.plus(LONGEST) < held.window.start()
}

/// Whether the order of these conversations shows that the list is sorted by end, latest first.
///
/// If their starts rise or fall throughout, the list may just as well be sorted by start, which does not say how long the ones that follow
/// go on. The order has to be seen, because the documents name it in one place and leave it out in another.
fn is_sorted_by_end(conversations: &[Conversation]) -> bool {
    let (mut by_end, mut rises, mut falls) = (true, false, false);
    for (one, next) in conversations.iter().zip(conversations.iter().skip(1)) {
        by_end &= one.end.zip(next.end).is_some_and(|(one, next)| one >= next);
        rises |= one.start < next.start;
        falls |= one.start > next.start;
    }
    by_end && rises && falls
}

fn lasts_until(conversation: &Conversation, at: Timestamp) -> bool {
    conversation.end.is_none_or(|end| end >= at)
}

/// Reads a page that comes after `before` conversations. Beyond the last page the list is left out.
fn read_page_after(answer: &Value, before: u64) -> Option<Page> {
    let beyond = |total: &u64| *total <= before && answer.get("conversations").is_none();
    let total = answer.get("totalHits").and_then(whole).filter(beyond);
    total.map(|total| Page { conversations: Vec::new(), total: Some(total) }).or_else(|| analytics::read_page(answer))
}

/// Reads the answer to a look-up by id. One that finds nothing has an empty list or leaves the list out. Nothing else is taken for
/// that, nor a list that is shorter than it says: what it does not name would be deleted.
fn read_lookup(answer: &Value) -> Option<Vec<Conversation>> {
    let fields = answer.as_object()?;
    let found = match fields.get("conversations") {
        None | Some(Value::Null) => fields.values().all(|value| !value.is_string()).then(Vec::new)?,
        Some(_) => analytics::read_page(answer)?.conversations,
    };
    let total = fields.get("totalHits").map_or(Some(0), whole)?;
    (total <= found.len() as u64).then_some(found)
}
