//! The operations that the functions need beyond those of the driver.

use std::rc::Rc;

use aws_sdk_dynamodb::types::TransactWriteItem;
use purge_core::run::Order;
use purge_core::time::Timestamp;
use purge_driver::ledger::{Created, LedgerError, NewRun, OutboxRow, Unfinished};

use super::DynamoLedger;
use super::attributes::{OPENED, ORDER, RECEIVER, RUN_ID, SINCE, STANDS_BY, STANDS_BY_MESSAGE, WOKEN};
use super::error::{condition_held, ledger_error, retry_conflicts};
use super::item::{Item, corrupt, find_instant, get_instant, get_number, get_text, number, parse, text};
use super::keys::{self, BY_DUE, SORT, UNFINISHED, instant};
use crate::store::{Firing, Messages, Store};

impl Store for DynamoLedger {
    async fn order(&self, run_id: &str) -> Result<Option<Rc<Order>>, LedgerError> {
        let known = self.orders.borrow().get(run_id).cloned();
        if known.is_some() {
            return Ok(known);
        }
        let Some(head) = self.get_item(&keys::head(run_id)).await? else { return Ok(None) };
        let order: Order = parse("the order of a run", &self.load_text(&head, ORDER).await?)?;
        let order = Rc::new(order);
        self.orders.borrow_mut().insert(run_id.to_owned(), Rc::clone(&order));
        Ok(Some(order))
    }

    async fn fired(&self, firing: &Firing) -> Result<Option<String>, LedgerError> {
        let item = self.get_item(&keys::firing(&firing.request_key, firing.scheduled_at.millis())).await?;
        item.map(|item| get_text(&item, RUN_ID).map(str::to_owned)).transpose()
    }

    async fn create_fired(
        &self,
        firing: &Firing,
        run: &NewRun,
        now: Timestamp,
    ) -> Result<(String, Created), LedgerError> {
        let existing = |run_id| (run_id, Created::Existing);
        if let Some(run_id) = self.fired(firing).await? {
            return Ok(existing(run_id));
        }
        let mut item = keys::firing(&firing.request_key, firing.scheduled_at.millis()).item();
        item.insert(RUN_ID.to_owned(), text(&run.order.run_id));
        match self.create_run(run, now, Some(self.transact_put_new(item.clone())?)).await {
            Ok(Created::New) => return Ok((run.order.run_id.clone(), Created::New)),
            // The same plan has been started already, for this firing or otherwise. A note that is there stays as it is.
            Ok(Created::Existing) => {
                self.put_new_item(item).await?;
            }
            // Another planner may have been quicker, with another plan for this firing.
            Err(error) => return self.fired(firing).await?.map(existing).ok_or(error),
        }
        let noted = self.fired(firing).await?;
        noted.map(existing).ok_or_else(|| corrupt("a firing", "it was noted and is gone"))
    }

    async fn message(&self, run_id: &str, id: &str) -> Result<Option<OutboxRow>, LedgerError> {
        match self.get_item(&keys::message(run_id, id)).await? {
            Some(item) => self.message_row(&item).await.map(|(_, row)| Some(row)),
            None => Ok(None),
        }
    }

    async fn count_messages(&self, run_id: &str) -> Result<Messages, LedgerError> {
        let partition = keys::outbox_partition(run_id);
        let (all, pending) = (self.count(&partition, None).await?, self.count(&partition, Some(BY_DUE)).await?);
        Ok(Messages { all, pending })
    }

    async fn note_gone(&self, run_id: &str, receiver: &str) -> Result<(), LedgerError> {
        let mut item = keys::gone(run_id).item();
        item.insert(RECEIVER.to_owned(), text(receiver));
        self.put_item(item).await
    }

    async fn gone(&self, run_id: &str) -> Result<Option<String>, LedgerError> {
        let item = self.get_item(&keys::gone(run_id)).await?;
        item.map(|item| get_text(&item, RECEIVER).map(str::to_owned)).transpose()
    }

    /// The note is an attribute of the chunk's item but no part of its state or version, so it does not disturb the chunk's worker.
    async fn stands_by(&self, run_id: &str, index: u32, at: Timestamp, message: &str) -> Result<bool, LedgerError> {
        let noted = retry_conflicts(|| {
            self.update_item(&keys::state(run_id, index))
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
        condition_held(noted.await)
    }

    async fn unfinished(&self) -> Result<Vec<Unfinished>, LedgerError> {
        self.query_all(UNFINISHED).await?.iter().map(unfinished_row).collect()
    }

    async fn unfinished_run(&self, run_id: &str) -> Result<Option<Unfinished>, LedgerError> {
        self.get_item(&keys::unfinished(run_id)).await?.as_ref().map(unfinished_row).transpose()
    }

    async fn look_after(&self, run_id: &str, now: Timestamp) -> Result<(), LedgerError> {
        if self.get_item(&keys::head(run_id)).await?.is_none() {
            return Ok(());
        }
        let opening = self.opening(run_id, now)?;
        let opened =
            retry_conflicts(|| self.client.transact_write_items().transact_items(opening.clone()).send()).await;
        opened.map(|_| ()).map_err(ledger_error)
    }

    async fn note_woken(&self, run_id: &str, now: Timestamp) -> Result<(), LedgerError> {
        let noted = retry_conflicts(|| {
            self.update_item(&keys::unfinished(run_id))
                .update_expression("SET #woken = :now")
                .condition_expression("attribute_exists(pk)")
                .expression_attribute_names("#woken", WOKEN)
                .expression_attribute_values(":now", instant(now))
                .send()
        });
        condition_held(noted.await).map(|_| ())
    }

    async fn finish(&self, seen: &Unfinished) -> Result<bool, LedgerError> {
        let deleted = retry_conflicts(|| {
            let delete = self.client.delete_item().table_name(&self.table);
            delete
                .set_key(Some(keys::unfinished(&seen.run_id).item()))
                .condition_expression("#since = :since AND #opened = :opened")
                .expression_attribute_names("#since", SINCE)
                .expression_attribute_names("#opened", OPENED)
                .expression_attribute_values(":since", instant(seen.since))
                .expression_attribute_values(":opened", number(seen.opened))
                .send()
        });
        condition_held(deleted.await)
    }
}

impl DynamoLedger {
    /// Puts the run on the list of unfinished runs, or counts one more opening if it is there: a write of the transaction that
    /// opens the run.
    pub(super) fn opening(&self, run_id: &str, now: Timestamp) -> Result<TransactWriteItem, LedgerError> {
        self.transact_update(&keys::unfinished(run_id), |update| {
            update
                .update_expression("SET #since = :now ADD #opened :one")
                .expression_attribute_names("#since", SINCE)
                .expression_attribute_names("#opened", OPENED)
                .expression_attribute_values(":now", instant(now))
                .expression_attribute_values(":one", number(1))
        })
    }
}

fn unfinished_row(item: &Item) -> Result<Unfinished, LedgerError> {
    Ok(Unfinished {
        run_id: get_text(item, SORT)?.to_owned(),
        since: get_instant(item, SINCE)?,
        opened: get_number(item, OPENED)?,
        woken: find_instant(item, WOKEN)?,
    })
}
