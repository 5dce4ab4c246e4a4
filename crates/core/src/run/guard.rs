//! What is checked right before anything is deleted: legal holds, and the count.
//!
//! A check that cannot be made is not passed: the chunk ends without having deleted anything.

use std::time::Duration;

use serde_json::Value;

use super::machine::Machine;
use super::state::{Phase, Search, Touched};
use super::{Cause, Next, Outcome};
use crate::analytics::{self, Conversation, Listing, Page};
use crate::api::protection;
use crate::audit::Event;
use crate::bounds::{AGED_AFTER_MONTHS, IDS_PER_LOOKUP, LONGEST, QUERY_DAYS};
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

/// Conversations that are searched for some that reach into a held window, whatever the size of the pages.
const MAX_SEARCHED: u64 = 2_000;

impl Machine<'_> {
    /// Looks the holds up again, for they may have changed since the plan was made.
    pub(super) fn check_holds(&mut self) -> Next {
        let touched = Touched::default();
        if self.cx.order.held_conversations.is_empty() {
            self.check_straddlers(touched)
        } else {
            self.to(Phase::HeldConversations { from: 0, touched })
        }
    }

    pub(super) fn ask_held(&self, from: usize) -> HttpRequest {
        let held = self.cx.order.held_conversations.iter().skip(from).take(IDS_PER_LOOKUP);
        analytics::lookup(held.map(|held| held.id.as_str()))
    }

    pub(super) fn held_conversations(&mut self, reply: Reply, from: usize, mut touched: Touched) -> Next {
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
        let asked = || self.cx.order.held_conversations.iter().skip(from).take(IDS_PER_LOOKUP);
        let (window, jobs) = (self.run.chunk.window, self.run.api == DeletionApi::RecordingJobs);
        // A job finds conversations that analytics does not know: those of long ago, and those of divisions that the client does not see.
        // So one that is on hold and not known may be in there, and only the platform's own protection says that it stays.
        for held in asked().filter(|held| jobs && !found.iter().any(|c| c.id == held.id)) {
            touch(&mut touched, format!("{} (not known to analytics)", by_hold(&held.hold)), held.id.clone());
        }
        for conversation in found.into_iter().filter(|c| c.touches(window)) {
            let held = asked().find(|held| held.id == conversation.id);
            touch(&mut touched, held.map_or_else(|| "a hold".to_owned(), |held| by_hold(&held.hold)), conversation.id);
        }
        let from = from + IDS_PER_LOOKUP;
        if from < self.cx.order.held_conversations.len() {
            return self.to(Phase::HeldConversations { from, touched });
        }
        self.check_straddlers(touched)
    }

    /// Where whole conversations are deleted, one that starts in this window and goes on into a held one must not be touched:
    /// `recordingJobs` takes a conversation's recordings whenever they were made, `dataDeletion` takes conversations if asked to.
    fn check_straddlers(&mut self, touched: Touched) -> Next {
        if self.first_reachable().is_none() {
            return self.check_protection(touched);
        }
        self.to(Phase::Straddlers(Search { page: 1, touched, ..Search::default() }))
    }

    /// What conversations of the chunk may reach into.
    fn reachable(&self) -> impl Iterator<Item = &HeldWindow> {
        self.cx.order.reachable_from(self.run.chunk.window)
    }

    fn first_reachable(&self) -> Option<Window> {
        self.reachable().map(|held| held.window).next()
    }

    pub(super) fn ask_straddlers(&self, search: &Search) -> HttpRequest {
        let listing = if search.ongoing { Listing::Ongoing } else { Listing::LatestEndFirst };
        // There is a piece whenever there is a phase for it.
        let piece = self.queried(search.piece).unwrap_or(self.run.chunk.window);
        analytics::list(piece, listing, self.takes_only_messages(), self.page_size(), search.page)
    }

    /// A piece of the window, from 0, that is short enough for one query; none after the last.
    pub(super) fn queried(&self, piece: u32) -> Option<Window> {
        let window = self.run.chunk.window;
        let from = window.start().plus_days(QUERY_DAYS.saturating_mul(piece));
        window.from(from)?.before(from.plus_days(QUERY_DAYS))
    }

    pub(super) fn straddlers(&mut self, reply: Reply, mut search: Search) -> Next {
        if self.takes_smaller_pages(&reply) {
            // What it has found counts; what is listed is counted anew.
            let touched = search.touched;
            return self.to(Phase::Straddlers(Search { page: 1, touched, ..Search::default() }));
        }
        if let (Reply::Refused(cause), 400) = (&reply, self.http_status)
            && self.run.api == DeletionApi::RecordingJobs
            && !search.ongoing
        {
            self.note_answer(cause);
            return self.next_piece(Search { refused: true, ..search });
        }
        let size = u64::from(self.page_size());
        let before = size * u64::from(search.page.saturating_sub(1));
        let found = match self.read(reply, |answer| read_further(answer, before)) {
            Ok(found) => found,
            Err(next) => return next,
        };
        // A page may have fewer than it could, and how many there are is only about right: whichever says so, there may be more.
        let listed = found.conversations.len() as u64;
        let full = listed >= size || found.total.is_some_and(|total| total > before + listed);
        if search.page == 1 && !search.ongoing {
            search.listed = search.listed.saturating_add(found.total.unwrap_or(0).max(listed));
        }
        // Where they are sorted by end, latest first, all that follow one that ends before the held window do so, too.
        let sorted = are_sorted_by_end(&found.conversations);
        let reach = |held: Window| !sorted || found.conversations.last().is_none_or(|last| reaches(last, held.start()));
        let more = full && self.first_reachable().is_some_and(reach);
        for conversation in found.conversations {
            if let Some(held) = self.reaches_into(&conversation) {
                touch(&mut search.touched, words(held), conversation.id);
            }
        }
        let page = search.page;
        match (more, search.ongoing) {
            (true, _) if before + size >= MAX_SEARCHED => {
                let all: Vec<_> = self.reachable().map(words).collect();
                let message =
                    format!("too many conversations to look at may reach into what is kept by {}", all.join(", "));
                self.end_job(Outcome::Held, Cause::new("hold", message))
            }
            (true, _) => self.to(Phase::Straddlers(Search { page: page + 1, ..search })),
            // Where conversations without an end are sorted is not documented, so they are asked for by themselves.
            (false, false) if self.has_endless() => {
                self.to(Phase::Straddlers(Search { ongoing: true, page: 1, ..search }))
            }
            (false, _) => self.next_piece(search),
        }
    }

    fn next_piece(&mut self, search: Search) -> Next {
        let piece = search.piece + 1;
        if self.queried(piece).is_none() {
            return self.searched(search);
        }
        self.to(Phase::Straddlers(Search { piece, ongoing: false, page: 1, ..search }))
    }

    /// All that analytics lists has been looked at. It may list less than there is: conversations of long ago, or of divisions that the
    /// client does not see. The job finds them all the same, and has counted them.
    fn searched(&mut self, search: Search) -> Next {
        let Search { touched, listed, refused, .. } = search;
        if self.is_all(listed, refused) {
            return self.check_protection(touched);
        }
        let kept: Vec<_> = self.reachable_by_endless().map(words).collect();
        if !kept.is_empty() {
            let counted = self.run.conversations.map_or_else(|| "an unknown number of".to_owned(), |n| n.to_string());
            let message = format!(
                "the job counts {counted} conversations and analytics lists {listed}, so nobody can say which of them reach into what is kept by {}: the OAuth client must see all divisions, and what is older than about 18 months is listed only if Genesys allows it; or name the held conversations by id and protect them in Genesys Cloud; or plan without this part",
                kept.join(", ")
            );
            return self.end_job(Outcome::Held, Cause::new("hold.not-listed", message));
        }
        self.check_protection(touched)
    }

    /// Whether these are as many conversations as the deletion takes, as far as it says. Of more than five years ago analytics may list
    /// nothing; there the plan keeps a distance.
    fn is_all(&self, listed: u64, refused: bool) -> bool {
        let all = match self.run.conversations {
            Some(counted) => listed >= counted,
            None => listed > 0 || self.run.before == Some(0),
        };
        self.run.api == DeletionApi::DataDeletion || self.run.chunk.age == Age::Aged || (all && !refused)
    }

    /// The first of what is kept after the chunk that a conversation of it reaches into.
    fn reaches_into(&self, conversation: &Conversation) -> Option<&HeldWindow> {
        let endless = conversation.end.is_none();
        let of_the_chunk = self.run.chunk.window.contains(conversation.start);
        let into =
            |held: &&HeldWindow| conversation.touches(held.window) && !(endless && forgotten(conversation.start, held));
        self.reachable().filter(|_| of_the_chunk).find(into)
    }

    /// Those that one without a known end, wherever in the chunk it begins, can reach into.
    fn reachable_by_endless(&self) -> impl Iterator<Item = &HeldWindow> {
        let last = self.run.chunk.window.last_millisecond();
        self.reachable().filter(move |held| !forgotten(last, held))
    }

    fn has_endless(&self) -> bool {
        self.reachable_by_endless().next().is_some()
    }

    fn check_protection(&mut self, touched: Touched) -> Next {
        match self.run.api {
            _ if touched.is_empty() => self.holds_clear(Vec::new()),
            DeletionApi::DataDeletion => self.held(
                &touched,
                Vec::new(),
                "the window touches conversations that a hold or a retention rule keeps",
            ),
            DeletionApi::RecordingJobs => {
                let batch = protection::IDS_PER_QUESTION;
                self.to(Phase::Protection { from: 0, batch, touched, protected: Vec::new() })
            }
        }
    }

    /// Reads which conversations of a batch the platform protects, and goes on to the next. One that has no recording has the whole batch
    /// refused, so a smaller one is asked about, and at last each by itself. `None` is one that was asked about alone and has none: there
    /// is nothing that could be protected. No other 404 says that.
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

    pub(super) fn protection(
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
            // It loses no recording, so the deletion does not touch it.
            Ok(None) => {
                from -= 1;
                leave_out(&mut touched, |id| all.get(from) == Some(id));
                all = all_ids(&touched);
            }
            Err(next) => return next,
        }
        if from < all.len() {
            return self.to(Phase::Protection { from, batch, touched, protected });
        }
        sort(&mut protected);
        let is_protected = |id: &String| protected.binary_search(id).is_ok();
        leave_out(&mut touched, is_protected);
        let protected = all.into_iter().filter(is_protected).collect();
        if touched.is_empty() {
            self.holds_clear(protected)
        } else {
            self.held(&touched, protected, "the window touches conversations that a hold or a retention rule keeps and the platform does not protect")
        }
    }

    /// Nothing stands against it but what the platform protects, and leaves out.
    fn holds_clear(&mut self, protected: Vec<String>) -> Next {
        self.run.protected_ids.clone_from(&protected);
        self.holds_checked(Vec::new(), protected);
        self.run.cleared_at = Some(self.cx.now);
        match (self.run.api, self.limits().max_records) {
            (DeletionApi::DataDeletion, Some(_)) => self.to(Phase::CountBefore { entity: 0, sum: 0 }),
            (DeletionApi::DataDeletion, None) => self.to(Phase::Submitted),
            (DeletionApi::RecordingJobs, _) => self.to(Phase::Executed),
        }
    }

    /// Ends it because of these conversations, which nothing protects.
    fn held(&mut self, unprotected: &Touched, protected: Vec<String>, why: &str) -> Next {
        let mut ids = all_ids(unprotected);
        let names: Vec<_> = unprotected.iter().map(|(name, _)| name.as_str()).collect();
        let message = format!("{why}: {} of them, by {}", ids.len(), names.join(", "));
        ids.truncate(100);
        self.holds_checked(ids, protected);
        self.end_job(Outcome::Held, Cause::new("hold", message))
    }

    /// The look is on record whatever it found, if there was anything to look up.
    fn holds_checked(&mut self, unprotected: Vec<String>, protected: Vec<String>) {
        let (asked, periods) = (self.cx.order.held_conversations.len() as u64, self.reachable().count() as u64);
        if asked + periods > 0 {
            self.record(Event::HoldsChecked { asked, periods, unprotected, protected });
        }
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

fn touch(touched: &mut Touched, by: String, id: String) {
    touched.change(by, |ids| ids.push(id));
}

fn leave_out(touched: &mut Touched, which: impl Fn(&String) -> bool) {
    touched.values_mut().for_each(|ids| ids.retain(|id| !which(id)));
    touched.retain(|_, ids| !ids.is_empty());
}

/// Asks which of a batch of these the platform protects.
pub(super) fn ask_protection(ids: &[String], from: usize, batch: usize) -> HttpRequest {
    let ids: Vec<_> = ids.iter().skip(from).take(batch).cloned().collect();
    protection::ask(&ids)
}

/// All of them once, in order.
pub(super) fn all_ids(touched: &Touched) -> Vec<String> {
    let mut ids: Vec<_> = touched.iter().flat_map(|(_, ids)| ids.iter().cloned()).collect();
    sort(&mut ids);
    ids.dedup();
    ids
}

fn by_hold(hold: &str) -> String {
    format!("hold `{hold}`")
}

/// What keeps a window, as a cause says it.
fn words(held: &HeldWindow) -> String {
    if held.rule { held.hold.clone() } else { by_hold(&held.hold) }
}

/// Some conversations never end, and would for ever reach into what a retention rule keeps. One that began so long before is taken to
/// have been forgotten; not where a hold is concerned.
fn forgotten(start: Timestamp, held: &HeldWindow) -> bool {
    held.rule && start.plus(LONGEST) < held.window.start()
}

/// Whether these show that they are sorted by end, latest first. Where there are only short ones, one after the other, they might as well be
/// sorted by start, which says nothing of how long those go on that follow. The documents name the order in one place and leave it out in
/// another.
fn are_sorted_by_end(conversations: &[Conversation]) -> bool {
    let ends: Vec<_> = conversations.iter().filter_map(|conversation| conversation.end).collect();
    ends.is_sorted_by(|a, b| a >= b) && !conversations.is_sorted_by(|a, b| a.start >= b.start)
}

fn reaches(conversation: &Conversation, at: Timestamp) -> bool {
    conversation.end.is_none_or(|end| end >= at)
}

/// A page after so many conversations; beyond the last of them the list is left out.
fn read_further(answer: &Value, before: u64) -> Option<Page> {
    let beyond = |total: &u64| *total <= before && answer.get("conversations").is_none();
    let total = answer.get("totalHits").and_then(whole).filter(beyond);
    total.map(|total| Page { conversations: Vec::new(), total: Some(total) }).or_else(|| analytics::read_page(answer))
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
