//! Chunks: reading and claiming.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};
use purge_core::chunk::Chunk;
use purge_core::run::{ChunkRun, Order};
use purge_core::time::Timestamp;
use purge_driver::ledger::{ChunkRow, Claim, Claimed, Lease, LedgerError};

use super::DynamoLedger;
use super::error::{failed, held, past_conflicts};
use super::item::{Item, corrupt, find_instant, get_number, get_text, json, number, parse, text};
use super::keys::{self, instant};
use crate::store::Store as _;

pub(super) const STATE: &str = "state";
pub(super) const VERSION: &str = "version";
const CHUNK: &str = "chunk";
pub(super) const OWNER: &str = "owner";
pub(super) const UNTIL: &str = "until";
/// The wait, by its end, for which one more wake-up stands by …
const STANDS_BY: &str = "standsBy";
/// … and which message that is.
const STANDS_BY_MESSAGE: &str = "standsByMessage";

impl DynamoLedger {
    pub(super) async fn read_chunk(&self, run_id: &str, index: u32) -> Result<Option<ChunkRow>, LedgerError> {
        if let Some(item) = self.get_item(&keys::state(run_id, index)).await? {
            return self.row(&item).await.map(Some);
        }
        let Some(order) = self.order(run_id).await? else { return Ok(None) };
        let planned = self.planned(&order, index, index).await?;
        Ok(planned.get(&index).map(|chunk| untouched(&order, *chunk)))
    }

    pub(super) async fn read_chunks(&self, run_id: &str, after: u32, limit: u32) -> Result<Vec<ChunkRow>, LedgerError> {
        let Some(order) = self.order(run_id).await? else { return Ok(Vec::new()) };
        let (first, last) = (after.saturating_add(1), after.saturating_add(limit));
        let planned = self.planned(&order, first, last).await?;
        if planned.is_empty() {
            return Ok(Vec::new());
        }
        let between = (keys::state_sort(first), keys::state_sort(last));
        let begun = self.query(&keys::state_partition(run_id), Some((&between.0, &between.1)), limit).await?;
        let mut rows: BTreeMap<_, _> =
            planned.into_iter().map(|(index, chunk)| (index, untouched(&order, chunk))).collect();
        for item in &begun {
            let row = self.row(item).await?;
            rows.insert(row.index, row);
        }
        Ok(rows.into_values().collect())
    }

    pub(super) async fn claim_chunk(&self, claim: Claim<'_>) -> Result<Claimed, LedgerError> {
        loop {
            let refused = match self.claim_begun(&claim).await {
                Ok(granted) => return self.granted(granted).await,
                Err(error) => error,
            };
            if !refused.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception) {
                return Err(failed(refused));
            }
            if let Some(UpdateItemError::ConditionalCheckFailedException(refused)) = refused.as_service_error()
                && let Some(item) = &refused.item
            {
                let until = find_instant(item, UNTIL)?;
                return Ok(Claimed::Busy { until: until.unwrap_or(claim.now) });
            }
            let Some(row) = self.read_chunk(claim.run_id, claim.index).await? else { return Ok(Claimed::Absent) };
            if let Some(row) = self.claim_untouched(&claim, row).await? {
                return Ok(Claimed::Granted(Box::new(row)));
            }
            // Somebody touched it in between: now it is there to be claimed, or busy.
        }
    }

    async fn granted(&self, item: Option<Item>) -> Result<Claimed, LedgerError> {
        let item = item.ok_or_else(|| corrupt("a claim", "it was answered without the chunk"))?;
        Ok(Claimed::Granted(Box::new(self.row(&item).await?)))
    }

    /// Claims a chunk that is an item already.
    async fn claim_begun(&self, claim: &Claim<'_>) -> Result<Option<Item>, SdkError<UpdateItemError>> {
        let free = if claim.take_over {
            "attribute_exists(pk)"
        } else {
            "attribute_exists(pk) AND (attribute_not_exists(#owner) OR #owner = :owner OR #until <= :now)"
        };
        let claimed = past_conflicts(|| {
            let update = self
                .client
                .update_item()
                .table_name(&self.table)
                .set_key(Some(keys::state(claim.run_id, claim.index).item()))
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

    /// Claims a chunk that nobody has touched; `None` when somebody was quicker.
    async fn claim_untouched(&self, claim: &Claim<'_>, row: ChunkRow) -> Result<Option<ChunkRow>, LedgerError> {
        let row = ChunkRow { version: 1, lease: Some(claim.lease.clone()), ..row };
        let mut item = keys::state(claim.run_id, claim.index).item();
        item.extend([
            (CHUNK.to_owned(), number(row.index)),
            (STATE.to_owned(), text(json(&row.run))),
            (VERSION.to_owned(), number(row.version)),
            (OWNER.to_owned(), text(&claim.lease.owner)),
            (UNTIL.to_owned(), instant(claim.lease.until)),
        ]);
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        Ok(held(put.condition_expression("attribute_not_exists(pk)").send().await)?.then_some(row))
    }

    /// Beside the state, not part of it: whoever carries the chunk on is not disturbed.
    pub(super) async fn note_stand_by(
        &self,
        run_id: &str,
        index: u32,
        at: Timestamp,
        message: &str,
    ) -> Result<bool, LedgerError> {
        let noted = past_conflicts(|| {
            let update = self.client.update_item().table_name(&self.table);
            update
                .set_key(Some(keys::state(run_id, index).item()))
                .update_expression("SET #wait = :at, #message = :message")
                .condition_expression(
                    "attribute_exists(pk) AND (attribute_not_exists(#wait) OR #wait <> :at OR #message = :message)",
                )
                .expression_attribute_names("#wait", STANDS_BY)
                .expression_attribute_names("#message", STANDS_BY_MESSAGE)
                .expression_attribute_values(":at", instant(at))
                .expression_attribute_values(":message", text(message))
                .send()
        });
        held(noted.await)
    }

    async fn row(&self, item: &Item) -> Result<ChunkRow, LedgerError> {
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

fn untouched(order: &Order, chunk: Chunk) -> ChunkRow {
    ChunkRow { index: chunk.index, run: ChunkRun::new(order, chunk), version: 0, lease: None }
}
