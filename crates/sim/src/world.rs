//! What exists now: the population, and what has happened to it.

use std::sync::Arc;

use purge_core::sorted::SortedSet;
use serde::Serialize;

use crate::population::{Conversation, Media, Population, Recording};
use crate::truth::Count;

/// The kind of a record, as analytics counts it and `dataDeletion` deletes it.
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

/// A closed range of instants, and what in it is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    /// The first millisecond.
    pub(crate) first: i64,
    /// The last millisecond.
    pub(crate) last: i64,
    pub(crate) kinds: SortedSet<RecordKind>,
    /// Only records of conversations of this kind.
    pub(crate) media: Option<Media>,
}

/// What a deletion has done.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Done {
    pub(crate) deleted: u64,
    /// Records left because they are protected.
    pub(crate) held: u64,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    at: i64,
    conversation: usize,
    gone_at: Option<i64>,
}

/// What has happened to a recording.
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
    /// Recordings that will be removed after their delete date: `(instant of removal, recording)`.
    removals: SortedSet<(i64, usize)>,
    removal_lag_ms: i64,
    /// Protected records and recordings that were deleted nevertheless.
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

    /// Every record that exists or existed: its kind, its instant, its conversation, and when it was deleted.
    pub(crate) fn every_record(&self) -> impl Iterator<Item = (RecordKind, i64, usize, Option<i64>)> {
        let kinds = RecordKind::ALL.into_iter().zip(&self.records);
        kinds.flat_map(|(kind, records)| records.iter().map(move |r| (kind, r.at, r.conversation, r.gone_at)))
    }

    /// How many records of a conversation are left, and how many are deleted.
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

    /// Removes recordings whose date has passed. Protection keeps them until it is lifted.
    pub(crate) fn advance(&mut self, now: i64) {
        for (at, recording) in self.removals.pop_while(|(at, _)| *at <= now) {
            let held = self.population.recordings.get(recording).is_some_and(|r| self.is_protected(r.conversation));
            if let (false, Some(fate)) = (held, self.fates.get_mut(recording)) {
                fate.gone_at.get_or_insert(at);
            }
        }
    }

    /// Protects conversations, or lifts their protection.
    pub(crate) fn protect(&mut self, at: i64, conversations: &[usize], on: bool) {
        self.advance(at);
        for &conversation in conversations {
            if on {
                self.protected.insert(conversation);
            } else if self.protected.remove(&conversation) {
                for recording in self.recordings_of(conversation).map(|(position, _)| position).collect::<Vec<_>>() {
                    let date = self.fates.get(recording).and_then(|fate| fate.delete_date);
                    self.set_delete_date(recording, date, at);
                }
            }
        }
    }

    /// Sets or removes a delete date. A date that has already passed counts from `at`.
    pub(crate) fn set_delete_date(&mut self, recording: usize, date: Option<i64>, at: i64) {
        let Some(fate) = self.fates.get_mut(recording) else { return };
        if fate.gone_at.is_some() {
            return;
        }
        if let Some(old) = fate.delete_date {
            // Protection may have put the removal off, so its instant cannot be derived from the date.
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

    /// Deletes the records of a scope, except for the first `leave` of them.
    pub(crate) fn delete(&mut self, at: i64, scope: &Scope, spare_held: bool, leave: u64) -> Done {
        self.advance(at);
        let mut done = Done::default();
        let mut to_leave = leave;
        for (kind, records) in RecordKind::ALL.into_iter().zip(&mut self.records) {
            if !scope.kinds.contains(&kind) {
                continue;
            }
            for record in between_mut(records, scope.first, scope.last) {
                if record.gone_at.is_some() || !is_in_scope(&self.population, scope, record.conversation) {
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

    /// How many records of the scope queries see, if they have noticed deletions up to `noticed_until`.
    pub(crate) fn count(&self, scope: &Scope, noticed_until: i64) -> u64 {
        self.count_if(scope, |record| record.gone_at.is_none_or(|gone| gone > noticed_until))
    }

    /// How many records of the scope are deleted.
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
        let found = records.filter(|r| counts(r) && is_in_scope(&self.population, scope, r.conversation)).count();
        u64::try_from(found).unwrap_or(u64::MAX)
    }

    /// Whether queries still see the conversation itself.
    pub(crate) fn is_visible(&self, position: usize, noticed_until: i64) -> bool {
        let Some(conversation) = self.population.conversations.get(position) else { return false };
        let [conversations, _, _] = &self.records;
        between(conversations, conversation.start, conversation.start)
            .iter()
            .any(|r| r.conversation == position && r.gone_at.is_none_or(|gone| gone > noticed_until))
    }

    /// The recordings of a conversation, with their positions.
    pub(crate) fn recordings_of(&self, position: usize) -> impl Iterator<Item = (usize, &Recording)> {
        let (first, count) =
            self.population.conversations.get(position).map_or((0, 0), |c| (c.first_recording, c.recordings));
        self.population.recordings.iter().enumerate().skip(first).take(count)
    }

    /// What has happened to a recording.
    pub(crate) fn fate(&self, recording: usize) -> Fate {
        self.fates.get(recording).copied().unwrap_or_default()
    }

    /// The conversations with their positions.
    pub(crate) fn conversations(&self) -> impl Iterator<Item = (usize, &Conversation)> {
        self.population.conversations.iter().enumerate()
    }
}

fn is_in_scope(population: &Population, scope: &Scope, conversation: usize) -> bool {
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
