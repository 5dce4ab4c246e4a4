//! The operations that the driver needs. Their longer parts are in the modules beside this one.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use purge_core::rate::RateBudget;
use purge_core::run::{Asked, InForce};
use purge_core::time::Timestamp;
use purge_driver::ledger::{
    ChunkRow, Claim, Claimed, Commit, Committed, Created, Ledger, LedgerError, MessageState, NewRun, OutboxRow,
    RecordRow, RunRow, Slot, StoredBudget, Swapped,
};

use super::DynamoLedger;
use super::attributes::{
    ATTEMPTS, BODY, BUDGET, CANCEL, CANCEL_BY, CHANGED, CHUNKS, CREATED, ENDED, HOLDERS, PLAN_FILE, POSITION, RECORD,
    RUN_ID, STATE, UNTIL, VERSION,
};
use super::chunks::untouched;
use super::commit::Attempt;
use super::error::{condition_held, ledger_error, may_try_again, pause, retry_conflicts};
use super::item::{
    Item, corrupt, find_instant, find_numbers, get_instant, get_number, get_text, json, number, parse, text,
};
use super::keys::{self, BY_DUE, DUE, RUNS, instant};
use super::runs::{find_cancel, head_in, tallies_in};
use crate::store::Store as _;

impl Ledger for DynamoLedger {
    async fn create(&self, run: &NewRun, now: Timestamp) -> Result<Created, LedgerError> {
        self.create_run(run, now, None).await
    }

    async fn run(&self, run_id: &str) -> Result<Option<RunRow>, LedgerError> {
        let items = self.query_all(&keys::run_partition(run_id)).await?;
        let Some(head) = head_in(&items) else { return Ok(None) };
        let Some(order) = self.order(run_id).await? else { return Ok(None) };
        let (mut updated_at, mut ended) = (get_instant(head, CHANGED)?, 0);
        for tally in tallies_in(&items) {
            ended += find_numbers(tally, ENDED)?.len();
            updated_at = find_instant(tally, CHANGED)?.map_or(updated_at, |at| at.max(updated_at));
        }
        Ok(Some(RunRow {
            plan_file: self.load_text(head, PLAN_FILE).await?,
            open: order.chunks.saturating_sub(u32::try_from(ended).unwrap_or(u32::MAX)),
            cancel_asked: find_cancel(head)?,
            created_at: get_instant(head, CREATED)?,
            updated_at,
            order: Rc::unwrap_or_clone(order),
        }))
    }

    async fn runs(&self) -> Result<Vec<RunRow>, LedgerError> {
        let mut rows = Vec::new();
        for listed in self.query_all(RUNS).await?.iter().rev() {
            rows.extend(self.run(get_text(listed, RUN_ID)?).await?);
        }
        Ok(rows)
    }

    async fn ask_cancel(&self, run_id: &str, asked: &Asked) -> Result<bool, LedgerError> {
        let noted = retry_conflicts(|| {
            self.update_item(&keys::head(run_id))
                .update_expression("SET cancel = :at, cancelBy = :by")
                .condition_expression("attribute_exists(pk)")
                .expression_attribute_values(":at", instant(asked.at))
                .expression_attribute_values(":by", text(&asked.by))
                .send()
        });
        condition_held(noted.await)
    }

    async fn withdraw_cancel(&self, run_id: &str, asked_at: Timestamp, now: Timestamp) -> Result<bool, LedgerError> {
        let withdrawn = retry_conflicts(|| {
            self.update_item(&keys::head(run_id))
                .update_expression("SET changed = :now REMOVE cancel, cancelBy")
                .condition_expression("attribute_exists(pk) AND (attribute_not_exists(cancel) OR cancel = :asked)")
                .expression_attribute_values(":now", instant(now))
                .expression_attribute_values(":asked", instant(asked_at))
                .send()
        });
        condition_held(withdrawn.await)
    }

    async fn cancel_asked(&self, run_id: &str) -> Result<Option<Asked>, LedgerError> {
        let get = self.client.get_item().table_name(&self.table).set_key(Some(keys::head(run_id).item()));
        let wanted = format!("{CANCEL}, {CANCEL_BY}");
        let got = get.consistent_read(true).projection_expression(wanted).send().await.map_err(ledger_error)?;
        got.item.map_or(Ok(None), |item| find_cancel(&item))
    }

    async fn keep_policy(&self, run_id: &str, policy: &InForce) -> Result<(), LedgerError> {
        let key = keys::policy(run_id, &policy.digest);
        // Every deletion keeps the policy that it asks, and that is nearly always the same one: a read is cheaper than a write.
        if self.get_item(&key).await?.is_some() {
            return Ok(());
        }
        let mut item = key.item();
        item.insert(BODY.to_owned(), self.store_text(&policy.text).await?);
        self.put_item(item).await
    }

    async fn policies(&self, run_id: &str) -> Result<Vec<String>, LedgerError> {
        let mut texts = Vec::new();
        for item in self.query_all(&keys::policies_partition(run_id)).await? {
            texts.push(self.load_text(&item, BODY).await?);
        }
        Ok(texts)
    }

    async fn chunk(&self, run_id: &str, index: u32) -> Result<Option<ChunkRow>, LedgerError> {
        if let Some(item) = self.get_item(&keys::state(run_id, index)).await? {
            return self.chunk_row(&item).await.map(Some);
        }
        let Some(order) = self.order(run_id).await? else { return Ok(None) };
        let planned = self.planned(&order, index, index).await?;
        Ok(planned.get(&index).map(|chunk| untouched(&order, *chunk)))
    }

    async fn chunks(&self, run_id: &str, after: u32, limit: u32) -> Result<Vec<ChunkRow>, LedgerError> {
        let Some(order) = self.order(run_id).await? else { return Ok(Vec::new()) };
        let (first, last) = (after.saturating_add(1), after.saturating_add(limit));
        let planned = self.planned(&order, first, last).await?;
        if planned.is_empty() {
            return Ok(Vec::new());
        }
        let between = (keys::state_sort(first), keys::state_sort(last));
        let touched = self.query(&keys::state_partition(run_id), Some((&between.0, &between.1)), limit).await?;
        let mut rows: BTreeMap<_, _> =
            planned.into_iter().map(|(index, chunk)| (index, untouched(&order, chunk))).collect();
        for item in &touched {
            let row = self.chunk_row(item).await?;
            rows.insert(row.index, row);
        }
        Ok(rows.into_values().collect())
    }

    async fn open_chunks(&self, run_id: &str, after: u32, limit: u32) -> Result<Vec<u32>, LedgerError> {
        let items = self.query_all(&keys::run_partition(run_id)).await?;
        let Some(head) = head_in(&items) else { return Ok(Vec::new()) };
        let chunks: u32 = get_number(head, CHUNKS)?;
        let mut ended = BTreeSet::new();
        for tally in tallies_in(&items) {
            ended.extend(find_numbers(tally, ENDED)?);
        }
        let open = (after.saturating_add(1)..=chunks).filter(|index| !ended.contains(index));
        Ok(open.take(usize::try_from(limit).unwrap_or(usize::MAX)).collect())
    }

    async fn claim(&self, claim: Claim<'_>) -> Result<Claimed, LedgerError> {
        loop {
            let refused = match self.claim_touched(&claim).await {
                Ok(item) => {
                    let item = item.ok_or_else(|| corrupt("a claim", "it was answered without the chunk"))?;
                    return Ok(Claimed::Granted(Box::new(self.chunk_row(&item).await?)));
                }
                Err(refused) => refused,
            };
            let Some(UpdateItemError::ConditionalCheckFailedException(condition)) = refused.as_service_error() else {
                return Err(ledger_error(refused));
            };
            if let Some(item) = &condition.item {
                return Ok(Claimed::Busy { until: find_instant(item, UNTIL)?.unwrap_or(claim.now) });
            }
            let Some(row) = self.chunk(claim.run_id, claim.index).await? else { return Ok(Claimed::Absent) };
            if let Some(row) = self.claim_untouched(&claim, row).await? {
                return Ok(Claimed::Granted(Box::new(row)));
            }
            // Another worker touched the chunk in between: now there is an item, to be claimed or busy.
        }
    }

    async fn commit(&self, commit: Commit<'_>) -> Result<Committed, LedgerError> {
        let state = self.store_text(&json(commit.run)).await?;
        let mut tries = 0;
        loop {
            let messages = self.new_messages(&commit).await?;
            let writes = self.commit_writes(&commit, &state, &messages).await?;
            tries += 1;
            match self.try_commit(writes).await? {
                Attempt::Done => return Ok(Committed::Version(commit.expected_version.saturating_add(1))),
                Attempt::Lost => return Ok(Committed::Lost),
                Attempt::InTheWay(_) if may_try_again(tries) => pause(tries).await,
                Attempt::InTheWay(why) => return Err(LedgerError::Unavailable(why)),
            }
        }
    }

    async fn records(&self, run_id: &str, after: u64, limit: u32) -> Result<Vec<RecordRow>, LedgerError> {
        let (from, to) = (keys::record_sort(after.saturating_add(1)), keys::record_sort(u64::MAX));
        let mut rows = Vec::new();
        for item in self.query(&keys::records_partition(run_id), Some((&from, &to)), limit).await? {
            let record = parse("an audit record", &self.load_text(&item, RECORD).await?)?;
            rows.push(RecordRow { position: get_number(&item, POSITION)?, record });
        }
        Ok(rows)
    }

    async fn take_slot(&self, slot: Slot<'_>, limit: u32) -> Result<bool, LedgerError> {
        let taken = retry_conflicts(|| {
            self.update_item(&keys::slots(slot.tenant))
                .update_expression("ADD #holders :one")
                .condition_expression(
                    "attribute_not_exists(#holders) OR contains(#holders, :holder) OR size(#holders) < :limit",
                )
                .expression_attribute_names("#holders", HOLDERS)
                .expression_attribute_values(":one", AttributeValue::Ss(vec![slot.holder.to_owned()]))
                .expression_attribute_values(":holder", text(slot.holder))
                .expression_attribute_values(":limit", number(limit))
                .send()
        });
        condition_held(taken.await)
    }

    async fn release_slot(&self, slot: Slot<'_>) -> Result<(), LedgerError> {
        let released = retry_conflicts(|| {
            self.update_item(&keys::slots(slot.tenant))
                .update_expression("DELETE #holders :one")
                .expression_attribute_names("#holders", HOLDERS)
                .expression_attribute_values(":one", AttributeValue::Ss(vec![slot.holder.to_owned()]))
                .send()
        });
        released.await.map(|_| ()).map_err(ledger_error)
    }

    async fn swap_budget(&self, tenant: &str, expected: u64, budget: &RateBudget) -> Result<Swapped, LedgerError> {
        let version = expected.saturating_add(1);
        let swapped = retry_conflicts(|| {
            let update = self
                .update_item(&keys::budget(tenant))
                .update_expression("SET #budget = :budget, #version = :next")
                .expression_attribute_names("#budget", BUDGET)
                .expression_attribute_names("#version", VERSION)
                .expression_attribute_values(":budget", text(json(budget)))
                .expression_attribute_values(":next", number(version))
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
            let update = match expected {
                0 => update.condition_expression("attribute_not_exists(pk)"),
                _ => update
                    .condition_expression("#version = :expected")
                    .expression_attribute_values(":expected", number(expected)),
            };
            update.send()
        });
        let refused = match swapped.await {
            Ok(_) => return Ok(Swapped::Version(version)),
            Err(refused) => refused,
        };
        let Some(UpdateItemError::ConditionalCheckFailedException(condition)) = refused.as_service_error() else {
            return Err(ledger_error(refused));
        };
        Ok(Swapped::Behind(match &condition.item {
            Some(item) => stored_budget(item)?,
            // The item has been deleted. The requests that the caller knows of have been sent all the same.
            None => StoredBudget { version: 0, budget: budget.clone() },
        }))
    }

    async fn outbox(&self, run_id: &str) -> Result<Vec<OutboxRow>, LedgerError> {
        let mut rows = Vec::new();
        for item in self.query_all(&keys::outbox_partition(run_id)).await? {
            rows.push(self.message_row(&item).await?);
        }
        rows.sort_by_key(|(position, _)| *position);
        Ok(rows.into_iter().map(|(_, row)| row).collect())
    }

    async fn outbox_pending(&self, run_id: &str, limit: u32) -> Result<Vec<OutboxRow>, LedgerError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut rows = Vec::new();
        let mut start = None;
        while rows.len() < limit {
            let query = self
                .client
                .query()
                .table_name(&self.table)
                .index_name(BY_DUE)
                .consistent_read(true)
                .key_condition_expression("pk = :p")
                .expression_attribute_values(":p", text(keys::outbox_partition(run_id)))
                .set_limit(i32::try_from(limit - rows.len()).ok())
                .set_exclusive_start_key(start);
            let page = query.send().await.map_err(ledger_error)?;
            for item in page.items.unwrap_or_default() {
                rows.push(self.message_row(&item).await?);
            }
            start = page.last_evaluated_key;
            if start.is_none() {
                break;
            }
        }
        rows.sort_by_key(|(position, row)| (row.due(), *position));
        Ok(rows.into_iter().map(|(_, row)| row).collect())
    }

    async fn outbox_settle(
        &self,
        run_id: &str,
        id: &str,
        attempts: u32,
        state: &MessageState,
    ) -> Result<bool, LedgerError> {
        let settled = retry_conflicts(|| {
            let update = self
                .update_item(&keys::message(run_id, id))
                .condition_expression("#attempts = :before")
                .expression_attribute_names("#attempts", ATTEMPTS)
                .expression_attribute_names("#state", STATE)
                .expression_attribute_names("#due", DUE)
                .expression_attribute_values(":before", number(attempts))
                .expression_attribute_values(":after", number(attempts.saturating_add(1)))
                .expression_attribute_values(":state", text(json(state)));
            let update = match state {
                MessageState::Pending { due, .. } => update
                    .update_expression("SET #attempts = :after, #state = :state, #due = :due")
                    .expression_attribute_values(":due", instant(*due)),
                MessageState::Delivered { .. } | MessageState::Dead { .. } => {
                    update.update_expression("SET #attempts = :after, #state = :state REMOVE #due")
                }
            };
            update.send()
        });
        condition_held(settled.await)
    }
}

fn stored_budget(item: &Item) -> Result<StoredBudget, LedgerError> {
    let budget = parse("the request budget", get_text(item, BUDGET)?)?;
    Ok(StoredBudget { version: get_number(item, VERSION)?, budget })
}
