//! The sweep: finds what is stalled, and sets it going. All that a run waits for is a message in a queue, so if a person deletes a
//! message, or a queue loses it, its run would wait for ever.
//!
//! A schedule asks the planner for a sweep. The planner sends an errand for every unfinished run, and a courier examines the run.
//! It sends the messages that `resume` would send, but only for what has been due for so long that no message about it can exist
//! any more.

use std::time::Duration;

use purge_core::run::WaitReason;
use purge_core::time::Timestamp;
use purge_driver::ledger::{ChunkRow, Unfinished};
use purge_driver::{Clock, Http};
use serde_json::{Value, json};

use crate::batch::Again;
use crate::bucket::Bucket;
use crate::evidence;
use crate::functions::Functions;
use crate::metrics;
use crate::queue::{Delayed, Queue};
use crate::store::Store;
use crate::wake::{Errand, ErrandKind, Sweep};
use crate::worker::longest_extra_delay;

/// The time from when a wake-up is due until its chunk has been looked at or the undertaker has it. The queue of chunks hides a
/// message for 720 seconds after each of 5 deliveries in vain, and the queue of dead letters for as long once more.
pub const WAKE_UP_MARGIN: Duration = Duration::from_secs((5 + 1) * 720);
/// The same for an errand: 1800 seconds after each of 5 deliveries in vain, and then the queue of dead letters.
pub const ERRAND_MARGIN: Duration = Duration::from_secs(5 * 1800 + 720);
/// Waiting wake-ups that are certainly delivered within their margin, even if only two workers run and each takes all of its 120
/// seconds for every batch of five.
pub const WAKE_UPS_IN_TIME: u64 = 2 * 5 * (WAKE_UP_MARGIN.as_secs() / 120);
/// Waiting errands of one queue that are certainly delivered within their margin, even if five couriers take all of their 300
/// seconds for each.
pub const ERRANDS_IN_TIME: u64 = 5 * (ERRAND_MARGIN.as_secs() / 300);

/// Length of the turn in which every sweep wakes a chunk in its cool-off; at least one sweep falls into it.
pub const COOL_OFF_TURN: Duration = Duration::from_secs(1_200);
/// Chunks take turns: each has one in this many, so one every four hours.
const COOL_OFF_TURNS: i64 = 12;

/// Unfinished runs that the answer names, at most: Lambda limits it to 6 MB, of which these take less than one.
const NAMED: usize = 10_000;
/// Open chunks that are examined between two looks at the clock.
const PAGE: u32 = 2_000;
/// Chunks that are read at a time.
const ROWS: u32 = 1_000;
/// Chunks that have ended are read as well if at most this many of them lie between two open ones: that is cheaper than another
/// request.
const GAP: u32 = 100;
/// Messages to the governance system whose errands one sweep of a run sends again, at most.
const MESSAGES: u32 = 10_000;

/// How long something must be overdue before it counts as stalled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Margins {
    /// For a chunk whose wake-up is due.
    wake_up: Duration,
    /// For an errand that is due.
    errand: Duration,
    /// For a chunk whose wake-up is sent by an errand that is due.
    fan_out: Duration,
    /// Whether a person has given the time, because messages are known to be gone.
    given: bool,
}

impl Margins {
    fn of(sweep: &Sweep) -> Self {
        let given = sweep.overdue_seconds.map(|seconds| Duration::from_secs(u64::from(seconds)));
        Self {
            wake_up: given.unwrap_or(WAKE_UP_MARGIN),
            errand: given.unwrap_or(ERRAND_MARGIN),
            fan_out: given.unwrap_or(ERRAND_MARGIN + WAKE_UP_MARGIN),
            given: given.is_some(),
        }
    }
}

impl<L: Store, H: Http, C: Clock, Q: Queue, B: Bucket> Functions<'_, L, H, C, Q, B> {
    /// Sends an errand for every unfinished run. While more messages wait than are certainly delivered in time it sends none: what
    /// seems to be overdue may be among them, and the alarm on the age of messages reports that. The answer names the unfinished
    /// runs in either case.
    pub(crate) async fn sweep(&self, overdue_seconds: Option<u32>, trace: Option<&str>) -> Result<Value, Again> {
        let runs = self.ledger.unfinished().await?;
        let unfinished: Vec<_> = runs.iter().take(NAMED).map(|run| &run.run_id).collect();
        let (wake_ups, errands) = (self.chunks.waiting().await?, self.errands.waiting().await?);
        let waiting = json!({"wakeUps": wake_ups, "errands": errands});
        if wake_ups > WAKE_UPS_IN_TIME || errands > ERRANDS_IN_TIME {
            tracing::warn!(wake_ups, errands, "so many messages wait that nothing can be said to stand still");
            metrics::write(&metrics::swept(self.clock.now(), runs.len()));
            return Ok(json!({"unfinished": unfinished, "lookedAt": null, "waiting": waiting}));
        }
        let messages = runs.iter().map(|run| {
            let sweep = Sweep { overdue_seconds, ..Sweep::default() };
            let errand = Errand::new(&run.run_id, ErrandKind::Sweep(sweep));
            Delayed { body: serde_json::to_string(&errand).unwrap_or_default(), delay_seconds: 0 }
        });
        self.errands.send(messages.collect(), trace).await?;
        metrics::write(&metrics::swept(self.clock.now(), runs.len()));
        Ok(json!({"unfinished": unfinished, "lookedAt": unfinished, "waiting": waiting}))
    }

    /// Examines one run, as far as there is time; the rest is for another errand. Writes the metric once all of the run is
    /// examined.
    pub(crate) async fn sweep_run(
        &self,
        run_id: &str,
        sweep: Sweep,
        deadline: Timestamp,
        trace: Option<&str>,
    ) -> Result<(), Again> {
        let Some(seen) = self.ledger.unfinished_run(run_id).await? else { return Ok(()) };
        let Some(order) = self.ledger.order(run_id).await? else {
            return Err(Again::Failed(format!("run `{run_id}` is gone")));
        };
        if let Some(why) = evidence::ahead(&self.evidence, self.ledger, run_id).await? {
            return Err(Again::Failed(format!("{why}; {}", evidence::PUT_BACK)));
        }
        let margins = Margins::of(&sweep);
        let Sweep { mut after, mut stalled, .. } = sweep;
        loop {
            let open = self.ledger.open_chunks(run_id, after, PAGE).await?;
            let Some(&last) = open.last() else { break };
            let ToWake { stalled: found, cooling } = self.find_chunks_to_wake(&seen, &open, margins).await?;
            self.wake_chunks(run_id, &found, trace).await?;
            self.wake_chunks(run_id, &cooling, trace).await?;
            stalled = stalled.saturating_add(u32::try_from(found.len()).unwrap_or(u32::MAX));
            after = last;
            if self.is_out_of_time(deadline) {
                let rest = ErrandKind::Sweep(Sweep { after, stalled, ..sweep });
                return self.errand_at(Errand::new(run_id, rest), self.clock.now(), trace).await;
            }
        }
        let late = self.late_errands(&seen, after == 0, margins).await?;
        let (now, late_errands) = (self.clock.now(), late.len());
        self.send_errands(late.into_iter().map(|errand| (errand, now)).collect(), trace).await?;
        let stood_still = stalled > 0 || late_errands > 0;
        if stood_still {
            // Last: if the courier dies before, everything is examined again, which is harmless.
            self.ledger.note_woken(run_id, self.clock.now()).await?;
            tracing::warn!(chunks = stalled, errands = late_errands, "stood still and was set going");
        }
        metrics::write(&metrics::looked_after(self.clock.now(), &order, stalled, stood_still));
        Ok(())
    }

    /// The chunks to be woken among these open ones.
    async fn find_chunks_to_wake(&self, seen: &Unfinished, open: &[u32], margins: Margins) -> Result<ToWake, Again> {
        let mut found = ToWake::default();
        for (first, last) in spans(open) {
            let mut after = first.saturating_sub(1);
            while after < last {
                let rows = self.ledger.chunks(&seen.run_id, after, ROWS.min(last - after)).await?;
                let Some(row) = rows.last() else { break };
                after = row.index;
                let now = self.clock.now();
                found
                    .stalled
                    .extend(rows.iter().filter(|row| is_stalled(row, seen, margins, now)).map(|row| row.index));
                found.cooling.extend(rows.iter().filter(|row| is_cooling(row, margins, now)).map(|row| row.index));
            }
        }
        Ok(found)
    }

    /// The errands that should have been run long ago: deliveries of messages to the governance system, and, once all chunks have
    /// ended and no message is pending, the evidence.
    async fn late_errands(&self, seen: &Unfinished, ended: bool, margins: Margins) -> Result<Vec<Errand>, Again> {
        let run_id = seen.run_id.as_str();
        let now = self.clock.now();
        let is_late = |since: Timestamp| since.max(last_set_going(seen)).plus(margins.errand) <= now;
        let pending =
            if self.sends_messages { self.ledger.outbox_pending(run_id, MESSAGES).await? } else { Vec::new() };
        if !pending.is_empty() && self.webhooks.waiting().await? > ERRANDS_IN_TIME {
            // What seems to be overdue may be among the waiting ones. Chunks are not affected.
            return Ok(Vec::new());
        }
        if pending.is_empty() && ended {
            let Some(row) = self.ledger.run(run_id).await? else { return Ok(Vec::new()) };
            let late = row.open == 0 && is_late(row.updated_at);
            return Ok(if late { vec![Errand::new(run_id, ErrandKind::Evidence)] } else { Vec::new() });
        }
        let late = pending.into_iter().filter(|message| message.due().is_some_and(is_late));
        Ok(late.map(|message| Errand::new(run_id, ErrandKind::Deliver { message: message.id })).collect())
    }
}

/// Open chunks to be woken.
#[derive(Debug, Default)]
struct ToWake {
    /// Chunks that nothing carries on.
    stalled: Vec<u32>,
    /// Chunks whose recordings wait for their date, in case the message that has the policy asked meanwhile was lost.
    cooling: Vec<u32>,
}

/// When everything of the run was last set going.
fn last_set_going(seen: &Unfinished) -> Timestamp {
    seen.woken.map_or(seen.since, |woken| woken.max(seen.since))
}

/// Whether nothing carries the chunk on: no message about it can exist any more, and no worker has it. For a chunk that waits, the
/// end of its wait counts, however long the wait is.
fn is_stalled(row: &ChunkRow, seen: &Unfinished, margins: Margins, now: Timestamp) -> bool {
    let (since, margin) = match (&row.lease, row.run.due()) {
        _ if row.run.outcome().is_some() => return false,
        // If its worker has died, the worker's message is delivered again.
        (Some(lease), _) => (lease.until, margins.wake_up),
        (None, Some((at, reason))) => (at.plus(longest_extra_delay(reason)), margins.wake_up),
        // It waits for its first wake-up, from a sweep that found it or from the errand that wakes all chunks.
        (None, None) if seen.woken.is_some_and(|woken| woken > seen.since) => (seen.since, margins.wake_up),
        (None, None) => (seen.since, margins.fan_out),
    };
    since.max(last_set_going(seen)).plus(margin) <= now
}

/// Whether the chunk is in its cool-off and it is its turn to be woken. Such a chunk is looked at every hour, but its state
/// contains only the date. So a lost wake-up would not show before the date, when it is too late to take the recordings' delete
/// dates back. Therefore each gets an additional wake-up every few hours, which does not count as a sign that anything is stalled.
/// If no wake-up was lost, one of the two stands by and the other ends.
fn is_cooling(row: &ChunkRow, margins: Margins, now: Timestamp) -> bool {
    let waits = row.run.due().is_some_and(|(at, reason)| reason == WaitReason::CoolOff && at > now);
    let turn = now.millis() / i64::try_from(COOL_OFF_TURN.as_millis()).unwrap_or(i64::MAX);
    let is_its_turn = (turn - i64::from(row.index)).rem_euclid(COOL_OFF_TURNS) == 0;
    waits && row.lease.is_none() && (margins.given || is_its_turn)
}

/// Covers the indexes, which are in order, with as few spans as possible that contain no wide gap.
fn spans(indexes: &[u32]) -> Vec<(u32, u32)> {
    let mut spans: Vec<(u32, u32)> = Vec::new();
    for &index in indexes {
        match spans.last_mut() {
            Some((_, last)) if index.saturating_sub(*last) <= GAP => *last = index,
            Some(_) | None => spans.push((index, index)),
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::{GAP, spans};

    #[test]
    fn spans_hold_every_index_and_no_wide_gap() {
        assert!(spans(&[]).is_empty());
        assert_eq!(spans(&[7]), [(7, 7)]);
        assert_eq!(spans(&[1, 2, 3, 3 + GAP, 4 + 2 * GAP, 5 + 2 * GAP]), [(1, 3 + GAP), (4 + 2 * GAP, 5 + 2 * GAP)]);
    }
}
