//! The transaction of a commit: one change of one chunk, and everything that must become durable with it.

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, CancellationReason, ReturnValue, TransactWriteItem};
use purge_core::audit::AuditRecord;
use purge_driver::ledger::{Commit, LedgerError, OutboxMessage, Slot};

use super::DynamoLedger;
use super::attributes::{CHANGED, ENDED, HOLDERS, LAST, OWNER, POSITION, RECORD, STATE, UNTIL, VERSION};
use super::error::{ledger_error, refused, retry_conflicts};
use super::item::{Item, get_number, json, number, text};
use super::keys::{self, instant};

/// The place of the chunk's write in the transaction, and so in the list of cancellation reasons.
const CHUNK_AT: usize = 0;

/// What came of one attempt at the transaction.
pub(super) enum Attempt {
    Done,
    Lost,
    /// Another transaction conflicts, or another worker has just put in one of the messages: worth another attempt.
    InTheWay(String),
}

impl DynamoLedger {
    /// Makes one attempt at the transaction, whose first write must be the chunk's.
    pub(super) async fn try_commit(&self, writes: Vec<TransactWriteItem>) -> Result<Attempt, LedgerError> {
        let answer = self.client.transact_write_items().set_transact_items(Some(writes)).send().await;
        let Err(error) = answer else { return Ok(Attempt::Done) };
        if let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error() {
            let reasons = cancelled.cancellation_reasons();
            if reasons.get(CHUNK_AT).is_some_and(is_condition) {
                return Ok(Attempt::Lost);
            }
            if reasons.iter().any(|reason| !is_nothing(reason) && !is_condition(reason) && !is_conflict(reason)) {
                return Err(refused(cancelled));
            }
            if reasons.iter().any(|reason| is_condition(reason) || is_conflict(reason)) {
                return Ok(Attempt::InTheWay(cancelled.to_string()));
            }
        }
        Err(ledger_error(error))
    }

    /// The writes of the transaction: the chunk's first. Reserves new positions for records and messages.
    pub(super) async fn commit_writes(
        &self,
        commit: &Commit<'_>,
        state: &AttributeValue,
        messages: &[&OutboxMessage],
    ) -> Result<Vec<TransactWriteItem>, LedgerError> {
        let mut writes = vec![self.chunk_write(commit, state)?, self.tally_write(commit)?];
        let mut position = self.reserve(commit.run_id, commit.records.len() + messages.len()).await?;
        for record in commit.records {
            let item = self.record_item(commit.run_id, position, record).await?;
            writes.push(self.transact_put_new(item)?);
            position += 1;
        }
        for message in messages {
            let item = self.message_item(commit.run_id, position, message).await?;
            writes.push(self.transact_put_new(item)?);
            position += 1;
        }
        if let Some(slot) = commit.release_slot {
            writes.push(self.slot_write(slot)?);
        }
        if commit.queues() {
            writes.push(self.opening(commit.run_id, commit.now)?);
        }
        Ok(writes)
    }

    fn chunk_write(&self, commit: &Commit<'_>, state: &AttributeValue) -> Result<TransactWriteItem, LedgerError> {
        self.transact_update(&keys::state(commit.run_id, commit.index), |update| {
            let update = update
                .condition_expression("#version = :expected")
                .expression_attribute_names("#version", VERSION)
                .expression_attribute_names("#state", STATE)
                .expression_attribute_names("#owner", OWNER)
                .expression_attribute_names("#until", UNTIL)
                .expression_attribute_values(":expected", number(commit.expected_version))
                .expression_attribute_values(":next", number(commit.expected_version.saturating_add(1)))
                .expression_attribute_values(":state", state.clone());
            match &commit.lease {
                Some(lease) => update
                    .update_expression("SET #state = :state, #version = :next, #owner = :owner, #until = :until")
                    .expression_attribute_values(":owner", text(&lease.owner))
                    .expression_attribute_values(":until", instant(lease.until)),
                None => update.update_expression("SET #state = :state, #version = :next REMOVE #owner, #until"),
            }
        })
    }

    /// Notes whether the chunk has ended. The tally is a set, so noting it twice changes nothing.
    fn tally_write(&self, commit: &Commit<'_>) -> Result<TransactWriteItem, LedgerError> {
        let change = if commit.run.outcome().is_some() { "ADD" } else { "DELETE" };
        self.transact_update(&keys::tally(commit.run_id, commit.index, commit.run.chunk().total), |update| {
            update
                .update_expression(format!("SET #changed = :now {change} #ended :chunk"))
                .expression_attribute_names("#changed", CHANGED)
                .expression_attribute_names("#ended", ENDED)
                .expression_attribute_values(":now", instant(commit.now))
                .expression_attribute_values(":chunk", AttributeValue::Ns(vec![commit.index.to_string()]))
        })
    }

    fn slot_write(&self, slot: Slot<'_>) -> Result<TransactWriteItem, LedgerError> {
        self.transact_update(&keys::slots(slot.tenant), |update| {
            update
                .update_expression("DELETE #holders :holder")
                .expression_attribute_names("#holders", HOLDERS)
                .expression_attribute_values(":holder", AttributeValue::Ss(vec![slot.holder.to_owned()]))
        })
    }

    async fn record_item(&self, run_id: &str, position: u64, record: &AuditRecord) -> Result<Item, LedgerError> {
        let mut item = keys::record(run_id, position).item();
        item.extend([
            (POSITION.to_owned(), number(position)),
            (RECORD.to_owned(), self.store_text(&json(record)).await?),
        ]);
        Ok(item)
    }

    /// Reserves `count` positions and returns the first. The positions of a commit that is then lost are never used.
    async fn reserve(&self, run_id: &str, count: usize) -> Result<u64, LedgerError> {
        if count == 0 {
            return Ok(0);
        }
        let reserved = retry_conflicts(|| {
            self.update_item(&keys::sequence(run_id))
                .update_expression("ADD #last :count")
                .expression_attribute_names("#last", LAST)
                .expression_attribute_values(":count", number(count))
                .return_values(ReturnValue::UpdatedNew)
                .send()
        });
        let after: Item = reserved.await.map_err(ledger_error)?.attributes.unwrap_or_default();
        let last: u64 = get_number(&after, LAST)?;
        Ok(last.saturating_sub(u64::try_from(count).unwrap_or(u64::MAX)).saturating_add(1))
    }
}

/// Whether this write is no reason for the cancellation.
fn is_nothing(reason: &CancellationReason) -> bool {
    matches!(reason.code(), None | Some("None"))
}

fn is_condition(reason: &CancellationReason) -> bool {
    reason.code() == Some("ConditionalCheckFailed")
}

/// Whether the reason passes by itself.
fn is_conflict(reason: &CancellationReason) -> bool {
    matches!(reason.code(), Some("TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded"))
}

#[cfg(test)]
mod tests {
    use purge_driver::ledger::LedgerError;

    use super::Attempt;
    use crate::ledger::canned::refusing;

    /// What becomes of a transaction that is cancelled for these reasons; the chunk's comes first.
    async fn cancelled_for(reasons: &[&str]) -> &'static str {
        let ledger = refusing(400, "TransactionCanceledException", reasons);
        match ledger.try_commit(Vec::new()).await {
            Ok(Attempt::Done) => "done",
            Ok(Attempt::Lost) => "lost",
            Ok(Attempt::InTheWay(_)) => "in the way",
            Err(LedgerError::Unavailable(_)) => "unavailable",
            Err(LedgerError::Refused(_)) => "refused",
            Err(LedgerError::Conflict(_)) => "conflict",
            Err(LedgerError::Corrupt(_)) => "corrupt",
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_transaction_that_can_never_be_done_is_no_wait() {
        for (reasons, comes_to) in [
            (&["ConditionalCheckFailed", "None"][..], "lost"),
            // The chunk has been changed meanwhile, so the next attempt would have other writes.
            (&["ConditionalCheckFailed", "ValidationError"], "lost"),
            (&["None", "ConditionalCheckFailed"], "in the way"),
            (&["TransactionConflict", "None"], "in the way"),
            (&["None", "ThrottlingError"], "in the way"),
            (&["None", "ItemCollectionSizeLimitExceeded"], "refused"),
            (&["TransactionConflict", "ItemCollectionSizeLimitExceeded"], "refused"),
            (&["None", "ValidationError"], "refused"),
            (&["None", "a code that nobody knows"], "refused"),
            (&["None", "None"], "unavailable"),
            (&[], "unavailable"),
        ] {
            assert_eq!(cancelled_for(reasons).await, comes_to, "{reasons:?}");
        }
    }
}
