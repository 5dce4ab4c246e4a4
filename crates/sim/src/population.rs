//! The interactions that exist at the beginning, generated from the seed.

use purge_core::sorted::sort;
use purge_core::time::{DAY_MS, Timestamp};
use serde::Serialize;

use crate::prng::{Prng, parse_uuid};
use crate::scenario::PopulationSpec;
use crate::world::RecordKind;

/// The purpose of the number stream, so that other streams of the same seed differ.
const PURPOSE: u64 = 0x706f_7075;

const MINUTE_MS: i64 = 60_000;

/// The kind of an interaction, in the words of analytics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Media {
    /// A telephone call.
    Voice,
    /// A web chat.
    Chat,
    /// An email thread.
    Email,
    /// A messaging thread, which may last for weeks.
    Message,
}

impl Media {
    /// `voice`, `chat`, `email` or `message`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Voice => "voice",
            Self::Chat => "chat",
            Self::Email => "email",
            Self::Message => "message",
        }
    }

    /// The kind with this name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        [Self::Voice, Self::Chat, Self::Email, Self::Message].into_iter().find(|m| m.as_str() == name)
    }
}

/// A conversation. Other parts refer to it by its position in the order of start.
#[derive(Clone, Debug)]
pub(crate) struct Conversation {
    pub(crate) id: u128,
    pub(crate) start: i64,
    /// The time of its last activity.
    pub(crate) last: i64,
    /// Whether it has ended. Some conversations never say so.
    pub(crate) ended: bool,
    pub(crate) media: Media,
    /// The position of its first recording.
    pub(crate) first_recording: usize,
    pub(crate) recordings: usize,
}

/// A recording as it was made.
#[derive(Clone, Debug)]
pub(crate) struct Recording {
    pub(crate) id: u128,
    pub(crate) conversation: usize,
    pub(crate) created: i64,
    pub(crate) kind: RecordingKind,
    /// Whether it contains payment-card or personal data.
    pub(crate) sensitive: bool,
    /// Whether a media retention policy governs it.
    pub(crate) by_policy: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordingKind {
    Plain,
    Screen,
    Snippet,
}

/// Everything that exists at the beginning.
#[derive(Clone, Debug)]
pub(crate) struct Population {
    /// In the order of start.
    pub(crate) conversations: Vec<Conversation>,
    /// In the order of their conversations.
    pub(crate) recordings: Vec<Recording>,
    /// `(instant, conversation)` of every record, in order of time, for each kind.
    pub(crate) records: [Vec<(i64, usize)>; 3],
    /// `(id, position)`, in the order of ids.
    by_id: Vec<(u128, usize)>,
}

impl Population {
    pub(crate) fn generate(seed: u64, spec: &PopulationSpec) -> Self {
        let mut prng = Prng::new(seed, PURPOSE);
        let mut made = Self {
            conversations: Vec::new(),
            recordings: Vec::new(),
            records: [Vec::new(), Vec::new(), Vec::new()],
            by_id: Vec::new(),
        };
        for start in starts(&mut prng, spec) {
            made.add_conversation(&mut prng, start);
        }
        for records in &mut made.records {
            sort(records);
        }
        made.by_id = made.conversations.iter().enumerate().map(|(at, c)| (c.id, at)).collect();
        sort(&mut made.by_id);
        made
    }

    /// The position of the conversation with this id.
    pub(crate) fn find(&self, id: &str) -> Option<usize> {
        let id = parse_uuid(id)?;
        let at = self.by_id.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        self.by_id.get(at).map(|(_, position)| *position)
    }

    /// The positions of the conversations that started from `first` to before `end`.
    pub(crate) fn started(&self, first: i64, end: i64) -> std::ops::Range<usize> {
        let from = self.conversations.partition_point(|c| c.start < first);
        from..self.conversations.partition_point(|c| c.start < end).max(from)
    }

    fn add_conversation(&mut self, prng: &mut Prng, start: i64) {
        let position = self.conversations.len();
        let id = prng.uuid();
        let media = match prng.below(10) {
            0..=4 => Media::Voice,
            5 => Media::Chat,
            6 | 7 => Media::Email,
            _ => Media::Message,
        };
        let length = random_length(prng, media);
        let mut last = start;
        let mut note = |kind: RecordKind, at: i64| {
            last = last.max(at);
            match kind {
                RecordKind::Conversation => self.records[0].push((at, position)),
                RecordKind::Interaction => self.records[1].push((at, position)),
                RecordKind::Message => self.records[2].push((at, position)),
            }
        };
        note(RecordKind::Conversation, start);
        // The first interaction falls on the start itself, so that the edges of days have more than one kind of record.
        note(RecordKind::Interaction, start);
        for _ in 0..prng.below(3) {
            note(RecordKind::Interaction, start + prng.millis(length));
        }
        let messages = if media == Media::Voice { 0 } else { prng.below(7) };
        for _ in 0..messages {
            note(RecordKind::Message, start + prng.millis(length));
        }
        let first_recording = self.recordings.len();
        for nth in 0..prng.below(3) {
            let kind = match prng.below(20) {
                0 => RecordingKind::Snippet,
                1..=4 if nth > 0 => RecordingKind::Screen,
                _ => RecordingKind::Plain,
            };
            self.recordings.push(Recording {
                id: prng.uuid(),
                conversation: position,
                created: start + prng.millis(length.min(10 * MINUTE_MS)),
                kind,
                sensitive: prng.one_in(10),
                by_policy: prng.one_in(2),
            });
        }
        let ended = !prng.one_in(200);
        self.conversations.push(Conversation {
            id,
            start,
            last: if ended { last.max(start + length) } else { last },
            ended,
            media,
            first_recording,
            recordings: self.recordings.len() - first_recording,
        });
    }
}

/// The times at which conversations start, in order.
fn starts(prng: &mut Prng, spec: &PopulationSpec) -> Vec<i64> {
    let step = i64::from(spec.every_seconds.get()) * 1000;
    let (from, to) = (spec.from.millis(), spec.to.millis());
    let mut starts = Vec::new();
    let mut slot = from;
    while slot < to {
        starts.push(slot + prng.millis(step));
        slot += step;
    }
    if spec.day_edges {
        let mut day = spec.from.start_of_day().millis();
        while day < to {
            starts.extend([day, day + DAY_MS - 500, day + DAY_MS - 1]);
            day += DAY_MS;
        }
    }
    starts.retain(|start| (from..to).contains(start));
    sort(&mut starts);
    starts
}

/// A random length of a conversation, in milliseconds.
fn random_length(prng: &mut Prng, media: Media) -> i64 {
    match media {
        Media::Voice => MINUTE_MS + prng.millis(20 * MINUTE_MS),
        Media::Chat => 2 * MINUTE_MS + prng.millis(40 * MINUTE_MS),
        Media::Email => 5 * MINUTE_MS + prng.millis(480 * MINUTE_MS),
        Media::Message if prng.one_in(8) => 2 * DAY_MS + prng.millis(23 * DAY_MS),
        Media::Message => 5 * MINUTE_MS + prng.millis(36 * 60 * MINUTE_MS),
    }
}

/// Milliseconds as an instant.
pub(crate) fn instant(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}
