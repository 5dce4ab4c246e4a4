//! A ledger in memory, for virtual time and for tests. It is durable for as long as the process lives.

use std::cell::RefCell;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use purge_core::audit::AuditRecord;
use purge_core::rate::RateBudget;
use purge_core::run::{Asked, InForce, Order};
use purge_core::time::Timestamp;

use super::{
    ChunkRow, Claim, Claimed, Commit, Committed, Created, Ledger, LedgerError, MessageState, NewRun, OutboxMessage,
    OutboxRow, RecordRow, RunRow, Slot, StoredBudget, Swapped, Unfinished,
};

/// Keeps everything in maps. Clone it to look at what a crash would leave behind.
#[derive(Clone, Debug, Default)]
pub struct MemoryLedger {
    runs: RefCell<BTreeMap<String, Run>>,
    slots: RefCell<BTreeMap<String, BTreeSet<String>>>,
    budgets: RefCell<BTreeMap<String, StoredBudget>>,
    firings: RefCell<BTreeMap<(String, Timestamp), String>>,
}

#[derive(Clone, Debug)]
struct Run {
    order: Order,
    plan_file: String,
    cancel_asked: Option<Asked>,
    policies: BTreeMap<String, String>,
    created_at: Timestamp,
    updated_at: Timestamp,
    chunks: BTreeMap<u32, ChunkRow>,
    records: Vec<AuditRecord>,
    outbox: Outbox,
    unfinished: Option<Unfinished>,
    /// By chunk: the end of a wait, and the message that stands by for it.
    stand_bys: BTreeMap<u32, (Timestamp, String)>,
    gone_receiver: Option<String>,
}

/// Messages in the order in which they were added, with indexes by id and by due time.
#[derive(Clone, Debug, Default)]
struct Outbox {
    rows: Vec<OutboxRow>,
    places: BTreeMap<String, usize>,
    pending: BTreeSet<(Timestamp, usize)>,
}

impl Outbox {
    fn put(&mut self, message: &OutboxMessage) {
        if let Entry::Vacant(free) = self.places.entry(message.id.clone()) {
            free.insert(self.rows.len());
            self.pending.insert((message.due, self.rows.len()));
            self.rows.push(OutboxRow {
                id: message.id.clone(),
                body: message.body.clone(),
                attempts: 0,
                state: MessageState::Pending { due: message.due, why: None },
            });
        }
    }

    fn settle(&mut self, id: &str, attempts: u32, state: &MessageState) -> bool {
        let Some(&place) = self.places.get(id) else {
            return false;
        };
        let Some(row) = self.rows.get_mut(place).filter(|row| row.attempts == attempts) else {
            return false;
        };
        if let Some(due) = row.due() {
            self.pending.remove(&(due, place));
        }
        row.attempts += 1;
        row.state = state.clone();
        if let Some(due) = row.due() {
            self.pending.insert((due, place));
        }
        true
    }

    fn pending(&self, limit: usize) -> Vec<OutboxRow> {
        self.pending.iter().filter_map(|&(_, place)| self.rows.get(place)).take(limit).cloned().collect()
    }
}

impl Run {
    fn row(&self) -> RunRow {
        let open = self.chunks.values().filter(|c| c.run.outcome().is_none()).count();
        RunRow {
            order: self.order.clone(),
            plan_file: self.plan_file.clone(),
            open: u32::try_from(open).unwrap_or(u32::MAX),
            cancel_asked: self.cancel_asked.clone(),
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }

    fn note_opened(&mut self, since: Timestamp) {
        let (run_id, before) = (self.order.run_id.clone(), self.unfinished.take());
        let opened = before.as_ref().map_or(0, |before| before.opened) + 1;
        self.unfinished = Some(Unfinished { run_id, since, opened, woken: before.and_then(|before| before.woken) });
    }
}

impl MemoryLedger {
    /// An empty ledger.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads from one run; an unknown run gives the default.
    fn read_run<T: Default>(&self, run_id: &str, look: impl FnOnce(&Run) -> T) -> T {
        self.runs.borrow().get(run_id).map_or_else(T::default, look)
    }
}

fn to_usize(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

impl Ledger for MemoryLedger {
    async fn create(&self, run: &NewRun, now: Timestamp) -> Result<Created, LedgerError> {
        let mut runs = self.runs.borrow_mut();
        if let Some(there) = runs.get(&run.order.run_id) {
            return if there.order.plan_digest == run.order.plan_digest {
                Ok(Created::Existing)
            } else {
                Err(LedgerError::Conflict(format!("run `{}` has another plan", run.order.run_id)))
            };
        }
        let chunks = run.chunks.iter().map(|chunk| {
            let index = chunk.chunk().index;
            (index, ChunkRow { index, run: chunk.clone(), version: 0, lease: None })
        });
        let mut new = Run {
            order: run.order.clone(),
            plan_file: run.plan_file.clone(),
            cancel_asked: None,
            policies: BTreeMap::new(),
            created_at: now,
            updated_at: now,
            chunks: chunks.collect(),
            records: Vec::new(),
            outbox: Outbox::default(),
            unfinished: None,
            stand_bys: BTreeMap::new(),
            gone_receiver: None,
        };
        new.note_opened(now);
        runs.insert(run.order.run_id.clone(), new);
        Ok(Created::New)
    }

    async fn run(&self, run_id: &str) -> Result<Option<RunRow>, LedgerError> {
        Ok(self.read_run(run_id, |run| Some(run.row())))
    }

    async fn runs(&self) -> Result<Vec<RunRow>, LedgerError> {
        let mut rows: Vec<_> = self.runs.borrow().values().map(Run::row).collect();
        rows.sort_by(|a, b| b.created_at.cmp(&a.created_at).then_with(|| a.order.run_id.cmp(&b.order.run_id)));
        Ok(rows)
    }

    async fn ask_cancel(&self, run_id: &str, asked: &Asked) -> Result<bool, LedgerError> {
        let mut runs = self.runs.borrow_mut();
        let Some(run) = runs.get_mut(run_id) else {
            return Ok(false);
        };
        run.cancel_asked = Some(asked.clone());
        run.updated_at = asked.at;
        Ok(true)
    }

    async fn withdraw_cancel(&self, run_id: &str, asked_at: Timestamp, now: Timestamp) -> Result<bool, LedgerError> {
        let mut runs = self.runs.borrow_mut();
        let is_known = |run: &&mut Run| run.cancel_asked.as_ref().is_none_or(|asked| asked.at == asked_at);
        let Some(run) = runs.get_mut(run_id).filter(is_known) else {
            return Ok(false);
        };
        run.cancel_asked = None;
        run.updated_at = now;
        Ok(true)
    }

    async fn cancel_asked(&self, run_id: &str) -> Result<Option<Asked>, LedgerError> {
        Ok(self.read_run(run_id, |run| run.cancel_asked.clone()))
    }

    async fn keep_policy(&self, run_id: &str, policy: &InForce) -> Result<(), LedgerError> {
        if let Some(run) = self.runs.borrow_mut().get_mut(run_id) {
            run.policies.entry(policy.digest.clone()).or_insert_with(|| policy.text.clone());
        }
        Ok(())
    }

    async fn policies(&self, run_id: &str) -> Result<Vec<String>, LedgerError> {
        Ok(self.read_run(run_id, |run| run.policies.values().cloned().collect()))
    }

    async fn chunk(&self, run_id: &str, index: u32) -> Result<Option<ChunkRow>, LedgerError> {
        Ok(self.read_run(run_id, |run| run.chunks.get(&index).cloned()))
    }

    async fn chunks(&self, run_id: &str, after: u32, limit: u32) -> Result<Vec<ChunkRow>, LedgerError> {
        let later = after.saturating_add(1)..;
        Ok(self.read_run(run_id, |run| {
            run.chunks.range(later).take(to_usize(limit)).map(|(_, row)| row.clone()).collect()
        }))
    }

    async fn open_chunks(&self, run_id: &str, after: u32, limit: u32) -> Result<Vec<u32>, LedgerError> {
        let later = after.saturating_add(1)..;
        Ok(self.read_run(run_id, |run| {
            let open = run.chunks.range(later).filter(|(_, row)| row.run.outcome().is_none());
            open.take(to_usize(limit)).map(|(&index, _)| index).collect()
        }))
    }

    async fn claim(&self, claim: Claim<'_>) -> Result<Claimed, LedgerError> {
        let mut runs = self.runs.borrow_mut();
        let Some(row) = runs.get_mut(claim.run_id).and_then(|run| run.chunks.get_mut(&claim.index)) else {
            return Ok(Claimed::Absent);
        };
        if let Some(lease) = &row.lease {
            let free = claim.take_over || lease.owner == claim.lease.owner || lease.until <= claim.now;
            if !free {
                return Ok(Claimed::Busy { until: lease.until });
            }
        }
        row.version += 1;
        row.lease = Some(claim.lease);
        Ok(Claimed::Granted(Box::new(row.clone())))
    }

    async fn commit(&self, commit: Commit<'_>) -> Result<Committed, LedgerError> {
        let queues = commit.queues();
        let mut runs = self.runs.borrow_mut();
        let Some(run) = runs.get_mut(commit.run_id) else {
            return Ok(Committed::Lost);
        };
        let Some(row) = run.chunks.get_mut(&commit.index).filter(|row| row.version == commit.expected_version) else {
            return Ok(Committed::Lost);
        };
        row.version += 1;
        row.run = commit.run.clone();
        row.lease = commit.lease;
        let version = row.version;
        run.updated_at = commit.now;
        if queues {
            run.note_opened(commit.now);
        }
        run.records.extend_from_slice(commit.records);
        for message in commit.outbox {
            run.outbox.put(message);
        }
        if let Some(slot) = commit.release_slot {
            self.give_back(slot);
        }
        Ok(Committed::Version(version))
    }

    async fn records(&self, run_id: &str, after: u64, limit: u32) -> Result<Vec<RecordRow>, LedgerError> {
        Ok(self.read_run(run_id, |run| {
            let numbered = (1..).zip(&run.records).skip(usize::try_from(after).unwrap_or(usize::MAX));
            let rows = numbered.map(|(position, record)| RecordRow { position, record: record.clone() });
            rows.take(to_usize(limit)).collect()
        }))
    }

    async fn take_slot(&self, slot: Slot<'_>, limit: u32) -> Result<bool, LedgerError> {
        let mut slots = self.slots.borrow_mut();
        let holders = slots.entry(slot.tenant.to_owned()).or_default();
        if holders.contains(slot.holder) {
            return Ok(true);
        }
        if holders.len() >= to_usize(limit) {
            return Ok(false);
        }
        holders.insert(slot.holder.to_owned());
        Ok(true)
    }

    async fn release_slot(&self, slot: Slot<'_>) -> Result<(), LedgerError> {
        self.give_back(slot);
        Ok(())
    }

    async fn swap_budget(&self, tenant: &str, expected: u64, budget: &RateBudget) -> Result<Swapped, LedgerError> {
        let mut budgets = self.budgets.borrow_mut();
        if let Some(there) = budgets.get(tenant).filter(|there| there.version != expected) {
            return Ok(Swapped::Behind(there.clone()));
        }
        let version = expected.saturating_add(1);
        budgets.insert(tenant.to_owned(), StoredBudget { version, budget: budget.clone() });
        Ok(Swapped::Version(version))
    }

    async fn outbox(&self, run_id: &str) -> Result<Vec<OutboxRow>, LedgerError> {
        Ok(self.read_run(run_id, |run| run.outbox.rows.clone()))
    }

    async fn outbox_pending(&self, run_id: &str, limit: u32) -> Result<Vec<OutboxRow>, LedgerError> {
        Ok(self.read_run(run_id, |run| run.outbox.pending(to_usize(limit))))
    }

    async fn outbox_settle(
        &self,
        run_id: &str,
        id: &str,
        attempts: u32,
        state: &MessageState,
    ) -> Result<bool, LedgerError> {
        let mut runs = self.runs.borrow_mut();
        Ok(runs.get_mut(run_id).is_some_and(|run| run.outbox.settle(id, attempts, state)))
    }
}

/// What engines need that start runs by a schedule and look after them.
impl MemoryLedger {
    /// The run that a firing of a schedule started, found by what the schedule asks for (`key`) and its time.
    #[must_use]
    pub fn fired(&self, key: &str, at: Timestamp) -> Option<String> {
        self.firings.borrow().get(&(key.to_owned(), at)).cloned()
    }

    /// Notes which run a firing started, unless one is noted already.
    pub fn note_fired(&self, key: &str, at: Timestamp, run_id: &str) {
        self.firings.borrow_mut().entry((key.to_owned(), at)).or_insert_with(|| run_id.to_owned());
    }

    /// The runs that need looking after, ordered by id.
    #[must_use]
    pub fn unfinished(&self) -> Vec<Unfinished> {
        self.runs.borrow().values().filter_map(|run| run.unfinished.clone()).collect()
    }

    /// Notes that an existing run needs looking after.
    pub fn look_after(&self, run_id: &str, now: Timestamp) {
        if let Some(run) = self.runs.borrow_mut().get_mut(run_id) {
            run.note_opened(now);
        }
    }

    /// Notes that stalled chunks of the run were woken.
    pub fn note_woken(&self, run_id: &str, now: Timestamp) {
        if let Some(there) = self.runs.borrow_mut().get_mut(run_id).and_then(|run| run.unfinished.as_mut()) {
            there.woken = Some(now);
        }
    }

    /// Whether this message is the one that stands by for the chunk's wait that ends at this time. The first message that asks is,
    /// until one asks for another wait. No message stands by for a chunk that was never claimed.
    pub fn stands_by(&self, run_id: &str, index: u32, at: Timestamp, message: &str) -> bool {
        let mut runs = self.runs.borrow_mut();
        let Some(run) = runs.get_mut(run_id) else { return false };
        if run.chunks.get(&index).is_none_or(|row| row.version == 0) {
            return false;
        }
        let noted = run.stand_bys.entry(index).or_insert_with(|| (at, message.to_owned()));
        if noted.0 != at {
            *noted = (at, message.to_owned());
        }
        noted.1 == message
    }

    /// Notes that the receiver of the run's messages, named by `receiver`, is gone for good.
    pub fn note_gone(&self, run_id: &str, receiver: &str) {
        if let Some(run) = self.runs.borrow_mut().get_mut(run_id) {
            run.gone_receiver = Some(receiver.to_owned());
        }
    }

    /// The receiver of the run's messages that is gone for good, if one is.
    #[must_use]
    pub fn gone(&self, run_id: &str) -> Option<String> {
        self.read_run(run_id, |run| run.gone_receiver.clone())
    }

    /// Notes that the run no longer needs looking after, unless it was opened again since `seen` was read; then returns `false`.
    pub fn finish(&self, seen: &Unfinished) -> bool {
        let mut runs = self.runs.borrow_mut();
        let Some(run) = runs.get_mut(&seen.run_id) else { return false };
        let same = run.unfinished.as_ref().is_some_and(|now| now.is_still(seen));
        if same {
            run.unfinished = None;
        }
        same
    }
}

impl MemoryLedger {
    fn give_back(&self, slot: Slot<'_>) {
        if let Some(holders) = self.slots.borrow_mut().get_mut(slot.tenant) {
            holders.remove(slot.holder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::conformance;
    use crate::virtual_time::{VirtualClock, run};

    #[test]
    fn conforms() {
        let ledger = MemoryLedger::new();
        run(&VirtualClock::new(Timestamp::EPOCH), conformance::check(&ledger, &ledger)).unwrap().unwrap();
    }
}
