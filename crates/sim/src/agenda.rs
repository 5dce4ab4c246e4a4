//! The agenda: what will happen by itself, in order of time.

use purge_core::sorted::SortedSet;

/// Something that happens when its time comes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Event {
    /// Somebody else protects what the scenario says.
    HoldPlaced,
    /// A deletion request has run for its time.
    DeletionEnds(String),
    /// A recording job knows what it matches.
    JobReady(String),
    /// A recording job has written its delete dates.
    JobEnds(String),
}

/// The events to come. Of two at the same instant, the one whose kind is declared first comes first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Agenda(SortedSet<(i64, Event)>);

impl Agenda {
    pub(crate) fn add(&mut self, at: i64, event: Event) {
        self.0.insert((at, event));
    }

    pub(crate) fn remove(&mut self, event: &Event) {
        self.0.retain(|(_, other)| other != event);
    }

    /// Removes and returns the first event, if it is due.
    pub(crate) fn pop_due(&mut self, now: i64) -> Option<(i64, Event)> {
        let due = self.0.first().is_some_and(|(at, _)| *at <= now);
        if due { self.0.pop_first() } else { None }
    }
}
