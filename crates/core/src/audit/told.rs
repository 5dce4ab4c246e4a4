//! What a log says about its run in brief, for a reader who has only the log.

use super::{AuditRecord, Event};
use crate::outcome::Outcome;
use crate::sorted::{SortedMap, SortedSet};
use crate::time::{Timestamp, extend_span};

/// What the good records have said so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Whether any record says that the tenant was a simulated one. Then nothing here is about real data.
    pub simulated: bool,
    /// The approvers that the starts of attempts name.
    pub approved_by: SortedSet<String>,
    /// The times of the earliest and the latest record.
    pub span: Option<(Timestamp, Timestamp)>,
    /// The outcomes of the chunks whose last attempt is over.
    pub ended: SortedMap<u32, Outcome>,
}

impl Told {
    pub(super) fn note(&mut self, record: &AuditRecord) {
        self.simulated |= record.simulated;
        self.span = Some(extend_span(self.span, record.timestamp));
        if let Event::Retried { .. } = &record.event {
            self.ended.remove(&record.chunk);
        } else if let Event::Started { approved_by, .. } = &record.event {
            if !self.approved_by.contains(approved_by) {
                self.approved_by.insert(approved_by.clone());
            }
        } else if let Event::Finished { outcome, .. } = &record.event {
            self.ended.insert(record.chunk, *outcome);
        }
    }
}
