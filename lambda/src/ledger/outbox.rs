//! Messages to the governance system.

use aws_sdk_dynamodb::error::SdkError;
use purge_core::time::Timestamp;
use purge_driver::ledger::{Commit, LedgerError, MessageState, OutboxMessage, OutboxRow};

use super::DynamoLedger;
use super::error::{failed, held, past_conflicts};
use super::item::{Item, get_number, get_text, json, number, parse, text};
use super::keys::{self, BY_DUE, DUE, SORT, instant};

const BODY: &str = "body";
const ATTEMPTS: &str = "attempts";
const STATE: &str = "state";
const POSITION: &str = "position";
const RECEIVER: &str = "receiver";

impl DynamoLedger {
    /// Those messages of a commit that the outbox does not have.
    pub(super) async fn new_messages<'a>(&self, commit: &Commit<'a>) -> Result<Vec<&'a OutboxMessage>, LedgerError> {
        let mut new: Vec<&OutboxMessage> = Vec::new();
        for message in commit.outbox {
            let twice = new.iter().any(|other| other.id == message.id);
            if !twice && self.get_item(&keys::message(commit.run_id, &message.id)).await?.is_none() {
                new.push(message);
            }
        }
        Ok(new)
    }

    pub(super) async fn message_item(
        &self,
        run_id: &str,
        position: u64,
        message: &OutboxMessage,
    ) -> Result<Item, LedgerError> {
        let state = MessageState::Pending { due: message.due, why: None };
        let mut item = keys::message(run_id, &message.id).item();
        item.extend([
            (BODY.to_owned(), self.store_text(&message.body).await?),
            (ATTEMPTS.to_owned(), number(0)),
            (STATE.to_owned(), text(json(&state))),
            (POSITION.to_owned(), number(position)),
            (DUE.to_owned(), instant(message.due)),
        ]);
        Ok(item)
    }

    pub(super) async fn read_message(&self, run_id: &str, id: &str) -> Result<Option<OutboxRow>, LedgerError> {
        match self.get_item(&keys::message(run_id, id)).await? {
            Some(item) => self.message_row(&item).await.map(|(_, row)| Some(row)),
            None => Ok(None),
        }
    }

    pub(super) async fn list_messages(&self, run_id: &str) -> Result<Vec<OutboxRow>, LedgerError> {
        let mut rows = Vec::new();
        for item in self.query_all(&keys::outbox_partition(run_id)).await? {
            rows.push(self.message_row(&item).await?);
        }
        rows.sort_by_key(|(position, _)| *position);
        Ok(rows.into_iter().map(|(_, row)| row).collect())
    }

    pub(super) async fn list_pending(&self, run_id: &str, limit: u32) -> Result<Vec<OutboxRow>, LedgerError> {
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
            let page = query.send().await.map_err(failed)?;
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

    pub(super) async fn settle_message(
        &self,
        run_id: &str,
        id: &str,
        attempts: u32,
        state: &MessageState,
    ) -> Result<bool, LedgerError> {
        let due = match state {
            MessageState::Pending { due, .. } => Some(*due),
            MessageState::Delivered { .. } | MessageState::Dead { .. } => None,
        };
        held(past_conflicts(|| self.settle(run_id, id, attempts, state, due)).await)
    }

    async fn settle(
        &self,
        run_id: &str,
        id: &str,
        attempts: u32,
        state: &MessageState,
        due: Option<Timestamp>,
    ) -> Result<
        aws_sdk_dynamodb::operation::update_item::UpdateItemOutput,
        SdkError<aws_sdk_dynamodb::operation::update_item::UpdateItemError>,
    > {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(keys::message(run_id, id).item()))
            .condition_expression("#attempts = :before")
            .expression_attribute_names("#attempts", ATTEMPTS)
            .expression_attribute_names("#state", STATE)
            .expression_attribute_names("#due", DUE)
            .expression_attribute_values(":before", number(attempts))
            .expression_attribute_values(":after", number(attempts.saturating_add(1)))
            .expression_attribute_values(":state", text(json(state)));
        let update = match due {
            Some(due) => update
                .update_expression("SET #attempts = :after, #state = :state, #due = :due")
                .expression_attribute_values(":due", instant(due)),
            None => update.update_expression("SET #attempts = :after, #state = :state REMOVE #due"),
        };
        update.send().await
    }

    pub(super) async fn put_gone(&self, run_id: &str, receiver: &str) -> Result<(), LedgerError> {
        let mut item = keys::gone(run_id).item();
        item.insert(RECEIVER.to_owned(), text(receiver));
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        put.send().await.map(|_| ()).map_err(failed)
    }

    pub(super) async fn read_gone(&self, run_id: &str) -> Result<Option<String>, LedgerError> {
        let item = self.get_item(&keys::gone(run_id)).await?;
        item.map(|item| get_text(&item, RECEIVER).map(str::to_owned)).transpose()
    }

    async fn message_row(&self, item: &Item) -> Result<(u64, OutboxRow), LedgerError> {
        let row = OutboxRow {
            id: get_text(item, SORT)?.to_owned(),
            body: self.load_text(item, BODY).await?,
            attempts: get_number(item, ATTEMPTS)?,
            state: parse("the state of a message", get_text(item, STATE)?)?,
        };
        Ok((get_number(item, POSITION)?, row))
    }
}
