//! What really happened: the tenant's own knowledge, which no client sees. For tests.

use std::collections::{BTreeMap, BTreeSet};

use purge_core::sorted::SortedSet;
use purge_core::time::Timestamp;
use purge_core::window::Window;
use serde::Serialize;

use crate::data_deletion::DeletionEnd;
use crate::fault::Call;
use crate::population::{Conversation, Recording, RecordingKind, instant};
use crate::prng::uuid_text;
use crate::recording_jobs::JobState;
use crate::tenant::Tenant;
use crate::world::{RecordKind, Scope};

/// What really happened until an instant.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Truth {
    /// The records of the whole population, by kind.
    pub records: BTreeMap<RecordKind, Count>,
    /// Deletion requests that were carried out, in the order of their end.
    pub executed: Vec<ExecutedDeletion>,
    /// Records on hold that were deleted: 0 unless the tenant ignores holds.
    pub held_deleted: u64,
    /// Accepted deletion requests.
    pub submits_accepted: u64,
    /// Deletion requests that failed.
    pub deletions_failed: u64,
    /// The most deletion requests that ran at once.
    pub most_deletions_at_once: usize,
    /// Created recording jobs, in order.
    pub jobs: Vec<RecordingTruth>,
    /// The most recording jobs in `PENDING` or `PROCESSING` at once, including those of others.
    pub most_jobs_at_once: usize,
    /// The recordings of the whole population.
    pub recordings: Count,
    /// Recordings that are left and have a delete date.
    pub recordings_scheduled: u64,
    /// Tokens that were issued.
    pub tokens_issued: u64,
    /// Requests that arrived, by kind; `any` is the sum.
    pub calls: BTreeMap<Call, u64>,
}

/// How many are left, and how many are deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Count {
    /// Still there.
    pub left: u64,
    /// Deleted.
    pub deleted: u64,
}

/// A deletion request that was carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecutedDeletion {
    /// The id of the request.
    pub id: String,
    /// The first millisecond that it covered.
    pub first: Timestamp,
    /// The last millisecond that it covered.
    pub last: Timestamp,
    /// The kinds of records.
    pub kinds: BTreeSet<RecordKind>,
    /// When it was accepted.
    pub created: Timestamp,
    /// When it was carried out.
    pub at: Timestamp,
    /// Records that it deleted.
    pub deleted: u64,
    /// Records on hold that it left.
    pub held: u64,
}

/// A recording job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordingTruth {
    /// The id of the job.
    pub id: String,
    /// The client that created it.
    pub client: String,
    /// The interval of its query.
    pub interval: Window,
    /// The state, in the API's words.
    pub state: String,
    /// When it was created.
    pub created: Timestamp,
    /// When it was executed.
    pub executed: Option<Timestamp>,
    /// When it reached a final state.
    pub ended: Option<Timestamp>,
    /// Recordings that got a delete date.
    pub processed: u64,
    /// Recordings that it skipped.
    pub skipped: u64,
}

/// One thing that exists or existed: a record or a recording, with facts about its conversation.
#[derive(Debug)]
pub struct Item {
    /// `conversation`, `interaction` or `message` for a record; `recording`, `screenRecording` or `snippet`.
    pub kind: &'static str,
    /// When it was made.
    pub at: Timestamp,
    /// When it was deleted; `None` while it is there.
    pub gone: Option<Timestamp>,
    /// Whether it is a recording with a delete date, which may lie in the future.
    pub dated: bool,
    /// Whether it is a recording with sensitive data.
    pub sensitive: bool,
    /// Whether it is a recording that a media retention policy governs.
    pub by_policy: bool,
    /// The id of its conversation.
    pub conversation: String,
    /// The start of its conversation.
    pub start: Timestamp,
    /// The last activity of its conversation.
    pub last: Timestamp,
    /// Whether its conversation has ended.
    pub ended: bool,
    /// The medium of its conversation: `voice`, `chat`, `email` or `message`.
    pub media: &'static str,
    /// Whether the platform protects its conversation.
    pub protected: bool,
}

impl Tenant {
    /// Everything that exists or existed at `now`: records by kind and time, then recordings.
    #[must_use]
    pub fn inventory(&self, now: Timestamp) -> Vec<Item> {
        let mut then = self.clone();
        then.advance(now.millis());
        let world = &then.world;
        let records = world.every_record().filter_map(|(kind, at, conversation, gone)| {
            let kind = match kind {
                RecordKind::Conversation => "conversation",
                RecordKind::Interaction => "interaction",
                RecordKind::Message => "message",
            };
            then.item(kind, at, conversation, gone)
        });
        let recordings = world.population.recordings.iter().zip(&world.fates).filter_map(|(recording, fate)| {
            let kind = match recording.kind {
                RecordingKind::Plain => "recording",
                RecordingKind::Screen => "screenRecording",
                RecordingKind::Snippet => "snippet",
            };
            let item = then.item(kind, recording.created, recording.conversation, fate.gone_at)?;
            let dated = fate.delete_date.is_some();
            Some(Item { dated, sensitive: recording.sensitive, by_policy: recording.by_policy, ..item })
        });
        records.chain(recordings).collect()
    }

    fn item(&self, kind: &'static str, at: i64, position: usize, gone: Option<i64>) -> Option<Item> {
        let conversation = self.world.population.conversations.get(position)?;
        Some(Item {
            kind,
            at: instant(at),
            gone: gone.map(instant),
            dated: false,
            sensitive: false,
            by_policy: false,
            conversation: uuid_text(conversation.id),
            start: instant(conversation.start),
            last: instant(conversation.last),
            ended: conversation.ended,
            media: conversation.media.as_str(),
            protected: self.world.is_protected(position),
        })
    }

    /// What really happened until `now`.
    #[must_use]
    pub fn truth(&self, now: Timestamp) -> Truth {
        let mut then = self.clone();
        then.advance(now.millis());
        let everything =
            |kind| Scope { first: i64::MIN, last: i64::MAX, kinds: SortedSet::from_iter([kind]), media: None };
        let gone = then.world.fates.iter().filter(|fate| fate.gone_at.is_some()).count();
        let scheduled = then.world.fates.iter().filter(|f| f.gone_at.is_none() && f.delete_date.is_some()).count();
        Truth {
            records: RecordKind::ALL.into_iter().map(|kind| (kind, then.counted(&everything(kind)))).collect(),
            executed: then.executed(),
            held_deleted: then.world.held_deleted,
            submits_accepted: number(then.state.deletions.len()),
            deletions_failed: number(
                then.state.deletions.values().filter(|j| matches!(j.end, Some(DeletionEnd::Failed { .. }))).count(),
            ),
            most_deletions_at_once: then.most_deletions_at_once(),
            jobs: then.jobs(),
            most_jobs_at_once: then.state.most_active_jobs,
            recordings: Count { left: number(then.world.fates.len() - gone), deleted: number(gone) },
            recordings_scheduled: number(scheduled),
            tokens_issued: then.state.tokens.issued(),
            calls: then.state.tally.calls.iter().map(|(call, count)| (*call, *count)).collect(),
        }
    }

    /// Counts the records of these kinds in a window, at `now`.
    #[must_use]
    pub fn records_in(&self, window: Window, kinds: &[RecordKind], now: Timestamp) -> Count {
        let mut then = self.clone();
        then.advance(now.millis());
        then.counted(&Scope {
            first: window.start().millis(),
            last: window.last_millisecond().millis(),
            kinds: kinds.iter().copied().collect(),
            media: None,
        })
    }

    /// Counts the recordings that were made in a window, at `now`.
    #[must_use]
    pub fn recordings_in(&self, window: Window, now: Timestamp) -> Count {
        self.recordings_where(now, |recording, _| window.contains(Timestamp::from_millis(recording.created)))
    }

    /// Counts the recordings, whenever made, of conversations that started in a window, at `now`.
    #[must_use]
    pub fn recordings_of_started(&self, window: Window, now: Timestamp) -> Count {
        self.recordings_where(now, |_, conversation| window.contains(Timestamp::from_millis(conversation.start)))
    }

    fn recordings_where(&self, now: Timestamp, wanted: impl Fn(&Recording, &Conversation) -> bool) -> Count {
        let mut then = self.clone();
        then.advance(now.millis());
        let population = &then.world.population;
        let mut count = Count::default();
        for (recording, fate) in population.recordings.iter().zip(&then.world.fates) {
            let conversation = population.conversations.get(recording.conversation);
            if conversation.is_some_and(|conversation| wanted(recording, conversation)) {
                match fate.gone_at {
                    Some(_) => count.deleted += 1,
                    None => count.left += 1,
                }
            }
        }
        count
    }

    /// Counts the records and recordings of one conversation, at `now`. Both are 0 for an id that does not exist.
    #[must_use]
    pub fn of_conversation(&self, id: &str, now: Timestamp) -> Count {
        let mut then = self.clone();
        then.advance(now.millis());
        let Some(position) = then.world.population.find(id) else {
            return Count::default();
        };
        let records = then.world.records_of(position);
        let recordings = then.recordings_where(now, |recording, _| recording.conversation == position);
        Count { left: records.left + recordings.left, deleted: records.deleted + recordings.deleted }
    }

    /// The ids of the conversations that started in a window, in order.
    #[must_use]
    pub fn conversations_in(&self, window: Window) -> Vec<String> {
        let started = self.world.population.started(window.start().millis(), window.end().millis());
        let conversations = self.world.population.conversations.get(started).unwrap_or_default();
        conversations.iter().map(|c| uuid_text(c.id)).collect()
    }

    fn counted(&self, scope: &Scope) -> Count {
        Count { left: self.world.count(scope, i64::MAX), deleted: self.world.count_gone(scope) }
    }

    fn executed(&self) -> Vec<ExecutedDeletion> {
        let mut executed: Vec<ExecutedDeletion> = self
            .state
            .deletions
            .iter()
            .filter_map(|(id, job)| {
                let Some(DeletionEnd::Completed { deleted, held }) = job.end else { return None };
                Some(ExecutedDeletion {
                    id: id.clone(),
                    first: instant(job.scope.first),
                    last: instant(job.scope.last),
                    kinds: job.scope.kinds.iter().copied().collect(),
                    created: instant(job.created),
                    at: instant(job.ends),
                    deleted,
                    held,
                })
            })
            .collect();
        executed.sort_by_key(|e| (e.at, e.first));
        executed
    }

    fn most_deletions_at_once(&self) -> usize {
        let jobs = self.state.deletions.values();
        // At the same instant ends sort before starts: the place is free by then.
        let mut changes: Vec<(i64, bool)> = jobs.flat_map(|job| [(job.starts, true), (job.ends, false)]).collect();
        changes.sort_unstable();
        let mut running: usize = 0;
        let mut most = 0;
        for (_, starts) in changes {
            running = if starts { running + 1 } else { running.saturating_sub(1) };
            most = most.max(running);
        }
        most
    }

    fn jobs(&self) -> Vec<RecordingTruth> {
        let jobs = self.state.jobs.iter();
        jobs.map(|job| RecordingTruth {
            id: job.id.clone(),
            client: job.client.clone(),
            interval: job.selection.interval,
            state: JobState::as_str(job.state).to_owned(),
            created: instant(job.created),
            executed: job.started.map(instant),
            ended: job.ended.map(instant),
            processed: job.processed,
            skipped: job.skipped,
        })
        .collect()
    }
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
