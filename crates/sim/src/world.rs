//! What exists now: the population and what has become of it.

use std::sync::Arc;

use purge_core::sorted::SortedSet;
use serde::Serialize;

use crate::population::{Conversation, Media, Population, Recording};
use crate::truth::Count;

/// Kind of record, as counted by analytics and deleted by `dataDeletion`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum RecordKind {
    /// The conversation itself, at its start.
    Conversation,
    /// One interaction within it.
    Interaction,
    /// One message within it.
    Message,
}

impl RecordKind {
    /// All kinds: what the record type `conversation` covers.
    pub const ALL: [Self; 3] = [Self::Conversation, Self::Interaction, Self::Message];

    /// The kinds that a record type of the API covers.
    pub(crate) fn covered_by(record_type: &str) -> Option<Vec<Self>> {
        match record_type {
            "conversation" => Some(Self::ALL.to_vec()),
            "interaction" => Some(vec![Self::Interaction]),
            "message" => Some(vec![Self::Message]),
            _ => None,
        }
    }
}

/// A closed range of instants and what is meant within it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    /// The first millisecond.
    pub(crate) first: i64,
    /// The last millisecond.
    pub(crate) last: i64,
    pub(crate) kinds: SortedSet<RecordKind>,
    /// Only conversations of this kind.
    pub(crate) media: Option<Media>,
}

/// What a deletion has done.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Done {
    pub(crate) deleted: u64,
    /// Left because they were protected.
    pub(crate) held: u64,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    at: i64,
    conversation: usize,
    gone_at: Option<i64>,
}

/// What has become of a recording.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fate {
    pub(crate) delete_date: Option<i64>,
    pub(crate) gone_at: Option<i64>,
}

#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) population: Arc<Population>,
    /// In the order of time, for each kind.
    records: [Vec<Record>; 3],
    pub(crate) fates: Vec<Fate>,
    protected: SortedSet<usize>,
    /// Recordings whose delete date will have passed: `(instant of removal, recording)`.
    removals: SortedSet<(i64, usize)>,
    removal_lag_ms: i64,
    /// Protected records and recordings that were deleted all the same.
    pub(crate) held_deleted: u64,
}

impl World {
    pub(crate) fn new(population: Arc<Population>, protected: SortedSet<usize>, removal_lag_ms: i64) -> Self {
        let record = |&(at, conversation): &(i64, usize)| Record { at, conversation, gone_at: None };
        let records = population.records.each_ref().map(|list| list.iter().map(record).collect());
        let fates = vec![Fate::default(); population.recordings.len()];
        Self { population, records, fates, protected, removals: SortedSet::default(), removal_lag_ms, held_deleted: 0 }
    }

    pub(crate) fn is_protected(&self, conversation: usize) -> bool {
        self.protected.contains(&conversation)
    }

    /// Every record there is or was: its kind, its instant, its conversation, and when it went.
    pub(crate) fn every_record(&self) -> impl Iterator<Item = (RecordKind, i64, usize, Option<i64>)> {
        let kinds = RecordKind::ALL.into_iter().zip(&self.records);
        kinds.flat_map(|(kind, records)| records.iter().map(move |r| (kind, r.at, r.conversation, r.gone_at)))
    }

    /// How many records of a conversation are left and how many are gone.
    pub(crate) fn records_of(&self, conversation: usize) -> Count {
        let own = self.records.iter().flatten().filter(|record| record.conversation == conversation);
        own.fold(Count::default(), |count, record| match record.gone_at {
            Some(_) => Count { deleted: count.deleted + 1, ..count },
            None => Count { left: count.left + 1, ..count },
        })
    }

    pub(crate) fn protected(&self) -> usize {
        self.protected.len()
    }

    /// Lets recordings whose date has passed disappear. Protection keeps them until it is lifted.
    pub(crate) fn advance(&mut self, now: i64) {
        for (at, recording) in self.removals.pop_while(|(at, _)| *at <= now) {
            let held = self.population.recordings.get(recording).is_some_and(|r| self.is_protected(r.conversation));
            if let (false, Some(fate)) = (held, self.fates.get_mut(recording)) {
                fate.gone_at.get_or_insert(at);
            }
        }
    }

    /// Places protection on conversations, or takes it from them.
    pub(crate) fn protect(&mut self, at: i64, conversations: &[usize], on: bool) {
        self.advance(at);
        for &conversation in conversations {
            if on {
                self.protected.insert(conversation);
            } else if self.protected.remove(&conversation) {
                for recording in self.recordings_of(conversation).map(|(position, _)| position).collect::<Vec<_>>() {
                    let date = self.fates.get(recording).and_then(|fate| fate.delete_date);
                    self.date(recording, date, at);
                }
            }
        }
    }

    /// Writes a delete date, or takes it away; a date that has passed already counts from `at`.
    pub(crate) fn date(&mut self, recording: usize, date: Option<i64>, at: i64) {
        let Some(fate) = self.fates.get_mut(recording) else { return };
        if fate.gone_at.is_some() {
            return;
        }
        if let Some(old) = fate.delete_date {
            // The removal may have been put off by protection, so its instant is not known from the date.
            let lag = self.removal_lag_ms;
            if !self.removals.remove(&(old.saturating_add(lag), recording)) {
                self.removals.retain(|(_, other)| *other != recording);
            }
        }
        fate.delete_date = date;
        if let Some(date) = date {
            self.removals.insert((date.max(at).saturating_add(self.removal_lag_ms), recording));
        }
    }

    /// Deletes the records of a scope, but for as many of those that it comes to first as it is to leave.
    pub(crate) fn delete(&mut self, at: i64, scope: &Scope, spare_held: bool, leave: u64) -> Done {
        self.advance(at);
        let mut done = Done::default();
        let mut to_leave = leave;
        for (kind, records) in RecordKind::ALL.into_iter().zip(&mut self.records) {
            if !scope.kinds.contains(&kind) {
                continue;
            }
            for record in between_mut(records, scope.first, scope.last) {
                if record.gone_at.is_some() || !wanted(&self.population, scope, record.conversation) {
                    continue;
                }
                let held = self.protected.contains(&record.conversation);
                if held && spare_held {
                    done.held += 1;
                } else if to_leave > 0 {
                    to_leave -= 1;
                } else {
                    record.gone_at = Some(at);
                    done.deleted += 1;
                    self.held_deleted += u64::from(held);
                }
            }
        }
        done
    }

    /// How many records of the scope queries see, when deletions up to `noticed` have been noticed.
    pub(crate) fn count(&self, scope: &Scope, noticed: i64) -> u64 {
        self.count_if(scope, |record| record.gone_at.is_none_or(|gone| gone > noticed))
    }

    /// How many records of the scope are gone.
    pub(crate) fn count_gone(&self, scope: &Scope) -> u64 {
        self.count_if(scope, |record| record.gone_at.is_some())
    }

    /// How many protected records the scope still has.
    pub(crate) fn count_held(&self, scope: &Scope) -> u64 {
        self.count_if(scope, |record| record.gone_at.is_none() && self.is_protected(record.conversation))
    }

    fn count_if(&self, scope: &Scope, counts: impl Fn(&Record) -> bool) -> u64 {
        let kinds = RecordKind::ALL.into_iter().zip(&self.records).filter(|(kind, _)| scope.kinds.contains(kind));
        let records = kinds.flat_map(|(_, records)| between(records, scope.first, scope.last));
        let found = records.filter(|r| counts(r) && wanted(&self.population, scope, r.conversation)).count();
        u64::try_from(found).unwrap_or(u64::MAX)
    }

    /// Whether queries still see the conversation itself.
    pub(crate) fn is_visible(&self, position: usize, noticed: i64) -> bool {
        let Some(conversation) = self.population.conversations.get(position) else { return false };
        let [conversations, _, _] = &self.records;
        between(conversations, conversation.start, conversation.start)
            .iter()
            .any(|r| r.conversation == position && r.gone_at.is_none_or(|gone| gone > noticed))
    }

    /// The recordings of a conversation, with their positions.
    pub(crate) fn recordings_of(&self, position: usize) -> impl Iterator<Item = (usize, &Recording)> {
        let (first, count) =
            self.population.conversations.get(position).map_or((0, 0), |c| (c.first_recording, c.recordings));
        self.population.recordings.iter().enumerate().skip(first).take(count)
    }

    /// What has become of a recording.
    pub(crate) fn fate(&self, recording: usize) -> Fate {
        self.fates.get(recording).copied().unwrap_or_default()
    }

    /// The conversations with their positions.
    pub(crate) fn conversations(&self) -> impl Iterator<Item = (usize, &Conversation)> {
        self.population.conversations.iter().enumerate()
    }
}

fn wanted(population: &Population, scope: &Scope, conversation: usize) -> bool {
    scope.media.is_none_or(|media| population.conversations.get(conversation).is_some_and(|c| c.media == media))
}

fn bounds(records: &[Record], first: i64, last: i64) -> std::ops::Range<usize> {
    let from = records.partition_point(|r| r.at < first);
    from..records.partition_point(|r| r.at <= last).max(from)
}

fn between(records: &[Record], first: i64, last: i64) -> &[Record] {
    records.get(bounds(records, first, last)).unwrap_or_default()
}

fn between_mut(records: &mut [Record], first: i64, last: i64) -> &mut [Record] {
    let bounds = bounds(records, first, last);
    records.get_mut(bounds).unwrap_or_default()
}
