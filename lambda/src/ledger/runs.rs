//! Runs: how one is created, and which items of its partition are what.

use std::rc::Rc;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::TransactWriteItem;
use purge_core::run::{Asked, Order};
use purge_core::time::Timestamp;
use purge_driver::ledger::{Created, LedgerError, NewRun};

use super::DynamoLedger;
use super::attributes::{CANCEL, CANCEL_BY, CHANGED, CHUNKS, CREATED, ORDER, PLAN_DIGEST, PLAN_FILE, RUN_ID};
use super::error::{ledger_error, retry_conflicts};
use super::item::{Item, find_instant, find_text, get_text, json, number, text};
use super::keys::{self, HEAD, SORT, TALLY, instant};

/// Who last asked to cancel the run, and when. Without a name it is still cancelled.
pub(super) fn find_cancel(head: &Item) -> Result<Option<Asked>, LedgerError> {
    let Some(at) = find_instant(head, CANCEL)? else { return Ok(None) };
    let by = find_text(head, CANCEL_BY)?;
    Ok(Some(by.map_or_else(|| Asked::by_unknown(at), |by| Asked { by: by.to_owned(), at })))
}

impl DynamoLedger {
    /// Creates the run, unless it is there, and makes the write `beside` in the same transaction.
    pub(super) async fn create_run(
        &self,
        run: &NewRun,
        now: Timestamp,
        beside: Option<TransactWriteItem>,
    ) -> Result<Created, LedgerError> {
        let order = &run.order;
        if let Some(head) = self.get_item(&keys::head(&order.run_id)).await? {
            return same_plan(&head, order);
        }
        self.store_windows(run).await?;
        let mut head = keys::head(&order.run_id).item();
        head.extend([
            (RUN_ID.to_owned(), text(&order.run_id)),
            (PLAN_DIGEST.to_owned(), text(&order.plan_digest)),
            (ORDER.to_owned(), self.store_text(&json(order)).await?),
            (PLAN_FILE.to_owned(), self.store_text(&run.plan_file).await?),
            (CHUNKS.to_owned(), number(order.chunks)),
            (CREATED.to_owned(), instant(now)),
            (CHANGED.to_owned(), instant(now)),
        ]);
        let mut listed = keys::listed(now.millis(), &order.run_id).item();
        listed.insert(RUN_ID.to_owned(), text(&order.run_id));
        // Last, and in one transaction: while there is no head, there is no run.
        let mut writes =
            vec![self.transact_put_new(head)?, self.transact_put_new(listed)?, self.opening(&order.run_id, now)?];
        writes.extend(beside);
        let written =
            retry_conflicts(|| self.client.transact_write_items().set_transact_items(Some(writes.clone())).send());
        match written.await {
            Ok(_) => {
                self.orders.borrow_mut().insert(order.run_id.clone(), Rc::new(order.clone()));
                Ok(Created::New)
            }
            Err(SdkError::ServiceError(error))
                if matches!(error.err(), TransactWriteItemsError::TransactionCanceledException(_)) =>
            {
                match self.get_item(&keys::head(&order.run_id)).await? {
                    Some(head) => same_plan(&head, order),
                    None => Err(LedgerError::Unavailable(format!("run `{}` was not taken", order.run_id))),
                }
            }
            Err(error) => Err(ledger_error(error)),
        }
    }
}

fn same_plan(head: &Item, order: &Order) -> Result<Created, LedgerError> {
    let existing = get_text(head, PLAN_DIGEST)?;
    if existing == order.plan_digest {
        Ok(Created::Existing)
    } else {
        Err(LedgerError::Conflict(format!("run `{}` is of plan `{existing}`", order.run_id)))
    }
}

/// The head among the items of a run's partition; without one, there is no such run.
pub(super) fn head_in(items: &[Item]) -> Option<&Item> {
    items.iter().find(|item| sort_key(item) == HEAD)
}

/// The tallies among the items of a run's partition.
pub(super) fn tallies_in(items: &[Item]) -> impl Iterator<Item = &Item> {
    items.iter().filter(|item| sort_key(item).starts_with(TALLY))
}

fn sort_key(item: &Item) -> &str {
    item.get(SORT).and_then(|value| value.as_s().ok()).map_or("", String::as_str)
}
