//! Finds the answer that ended a chunk's last attempt: the call and its status, which the cause alone does not contain.

use std::collections::BTreeMap;

use purge_core::audit::{AuditRecord, Event};
use purge_core::report::ChunkReport;

/// By chunk, the last answer recorded in its last attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answers(BTreeMap<u32, Answer>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    call: String,
    status: u16,
    code: String,
}

impl Answers {
    /// Collects the answers of a log in which each chunk's records are in order.
    pub(crate) fn from_records<'a>(records: impl IntoIterator<Item = &'a AuditRecord>) -> Self {
        let mut answers = BTreeMap::new();
        for record in records {
            if let Event::Retried { .. } = &record.event {
                answers.remove(&record.chunk);
            } else if let Event::Answered { call, http_status, cause } = &record.event {
                let answer = Answer { call: call.clone(), status: *http_status, code: cause.code.clone() };
                answers.insert(record.chunk, answer);
            }
        }
        Self(answers)
    }

    /// The answer as text (`POST /api/v2/… answered 403`) if the chunk ended because of it. An earlier problem that was overcome is
    /// no cause.
    pub(crate) fn explain(&self, chunk: &ChunkReport) -> Option<String> {
        let Answer { call, status, code } = self.0.get(&chunk.index)?;
        let cause = chunk.cause.as_ref()?;
        // The message of a cause names what went wrong last.
        let is_it = cause.code == *code || cause.message.contains(&format!("`{code}`"));
        is_it.then(|| format!("`{call}` answered {status}"))
    }
}
