//! The items of chunks, and how a chunk is claimed.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};
use purge_core::chunk::Chunk;
use purge_core::run::{ChunkRun, Order};
use purge_driver::ledger::{ChunkRow, Claim, Lease, LedgerError};

use super::DynamoLedger;
use super::attributes::{CHUNK, OWNER, STATE, UNTIL, VERSION};
use super::error::retry_conflicts;
use super::item::{Item, find_instant, get_number, get_text, json, number, parse, text};
use super::keys::{self, instant};

impl DynamoLedger {
    /// Claims a chunk that has an item, and returns that item. If the condition does not hold, the error contains the item, unless
    /// there is none.
    pub(super) async fn claim_touched(&self, claim: &Claim<'_>) -> Result<Option<Item>, SdkError<UpdateItemError>> {
        let free = if claim.take_over {
            "attribute_exists(pk)"
        } else {
            "attribute_exists(pk) AND (attribute_not_exists(#owner) OR #owner = :owner OR #until <= :now)"
        };
        let claimed = retry_conflicts(|| {
            let update = self
                .update_item(&keys::state(claim.run_id, claim.index))
                .update_expression("SET #owner = :owner, #until = :until ADD #version :one")
                .condition_expression(free)
                .expression_attribute_names("#owner", OWNER)
                .expression_attribute_names("#until", UNTIL)
                .expression_attribute_names("#version", VERSION)
                .expression_attribute_values(":owner", text(&claim.lease.owner))
                .expression_attribute_values(":until", instant(claim.lease.until))
                .expression_attribute_values(":one", number(1))
                .return_values(ReturnValue::AllNew)
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
            // DynamoDB refuses values that no expression uses.
            let update =
                if claim.take_over { update } else { update.expression_attribute_values(":now", instant(claim.now)) };
            update.send()
        });
        Ok(claimed.await?.attributes)
    }

    /// Claims a chunk that has no item yet; `None` if another worker was quicker.
    pub(super) async fn claim_untouched(
        &self,
        claim: &Claim<'_>,
        row: ChunkRow,
    ) -> Result<Option<ChunkRow>, LedgerError> {
        let row = ChunkRow { version: 1, lease: Some(claim.lease.clone()), ..row };
        let mut item = keys::state(claim.run_id, claim.index).item();
        item.extend([
            (CHUNK.to_owned(), number(row.index)),
            (STATE.to_owned(), text(json(&row.run))),
            (VERSION.to_owned(), number(row.version)),
            (OWNER.to_owned(), text(&claim.lease.owner)),
            (UNTIL.to_owned(), instant(claim.lease.until)),
        ]);
        Ok(self.put_new_item(item).await?.then_some(row))
    }

    pub(super) async fn chunk_row(&self, item: &Item) -> Result<ChunkRow, LedgerError> {
        let state = self.load_text(item, STATE).await?;
        let lease = match find_instant(item, UNTIL)? {
            Some(until) => Some(Lease { owner: get_text(item, OWNER)?.to_owned(), until }),
            None => None,
        };
        Ok(ChunkRow {
            index: get_number(item, CHUNK)?,
            run: parse("the state of a chunk", &state)?,
            version: get_number(item, VERSION)?,
            lease,
        })
    }
}

/// A chunk that no worker has touched.
pub(super) fn untouched(order: &Order, chunk: Chunk) -> ChunkRow {
    ChunkRow { index: chunk.index, run: ChunkRun::new(order, chunk), version: 0, lease: None }
}
