//! What a log tells about its run, in brief, for whoever has the log and nothing else.

use super::{AuditRecord, Event};
use crate::outcome::Outcome;
use crate::sorted::{SortedMap, SortedSet};
use crate::time::{Timestamp, spanning};

/// What the good records have told so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Whether any record says that the tenant was a simulated one: then nothing here is about real data.
    pub simulated: bool,
    /// Who allowed it, as every attempt at a chunk says.
    pub approved_by: SortedSet<String>,
    /// Times of the earliest and the latest record.
    pub span: Option<(Timestamp, Timestamp)>,
    /// How chunks ended whose last attempt is over.
    pub ended: SortedMap<u32, Outcome>,
}

impl Told {
    pub(super) fn note(&mut self, record: &AuditRecord) {
        self.simulated |= record.simulated;
        self.span = Some(spanning(self.span, record.timestamp));
        if let Event::Started { approved_by, .. } = &record.event {
            self.ended.remove(&record.chunk);
            if !self.approved_by.contains(approved_by) {
                self.approved_by.insert(approved_by.clone());
            }
        } else if let Event::Finished { outcome, .. } = &record.event {
            self.ended.insert(record.chunk, *outcome);
        }
    }
}
