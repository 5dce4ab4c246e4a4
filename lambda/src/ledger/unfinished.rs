//! The runs that somebody has to look after: one small item for each, so that finding them costs nothing beside those that have ended.

use aws_sdk_dynamodb::types::{TransactWriteItem, Update};
use purge_core::time::Timestamp;
use purge_driver::ledger::{LedgerError, Unfinished};

use super::DynamoLedger;
use super::commit::transact;
use super::error::{failed, held, past_conflicts};
use super::item::{Item, corrupt, find_instant, get_number, get_text, number};
use super::keys::{self, SORT, UNFINISHED, instant};

const SINCE: &str = "since";
const OPENED: &str = "opened";
const WOKEN: &str = "woken";

impl DynamoLedger {
    /// Puts the run on the list, or notes that it was opened once more: part of the transaction that opens it.
    pub(super) fn opening(&self, run_id: &str, now: Timestamp) -> Result<TransactWriteItem, LedgerError> {
        transact(
            Update::builder()
                .table_name(&self.table)
                .set_key(Some(keys::unfinished(run_id).item()))
                .update_expression("SET #since = :now ADD #opened :one")
                .expression_attribute_names("#since", SINCE)
                .expression_attribute_names("#opened", OPENED)
                .expression_attribute_values(":now", instant(now))
                .expression_attribute_values(":one", number(1)),
        )
    }

    pub(super) async fn open_again(&self, run_id: &str, now: Timestamp) -> Result<(), LedgerError> {
        if self.read_head(run_id).await?.is_none() {
            return Ok(());
        }
        let opening = self.opening(run_id, now)?;
        let opened = past_conflicts(|| self.client.transact_write_items().transact_items(opening.clone()).send()).await;
        opened.map(|_| ()).map_err(failed)
    }

    pub(super) async fn list_unfinished(&self) -> Result<Vec<Unfinished>, LedgerError> {
        self.query_all(UNFINISHED).await?.iter().map(row).collect()
    }

    pub(super) async fn read_unfinished(&self, run_id: &str) -> Result<Option<Unfinished>, LedgerError> {
        self.get_item(&keys::unfinished(run_id)).await?.as_ref().map(row).transpose()
    }

    pub(super) async fn note_woken_at(&self, run_id: &str, now: Timestamp) -> Result<(), LedgerError> {
        let noted = past_conflicts(|| {
            let update = self.client.update_item().table_name(&self.table);
            update
                .set_key(Some(keys::unfinished(run_id).item()))
                .update_expression("SET #woken = :now")
                .condition_expression("attribute_exists(pk)")
                .expression_attribute_names("#woken", WOKEN)
                .expression_attribute_values(":now", instant(now))
                .send()
        });
        held(noted.await).map(|_| ())
    }

    pub(super) async fn take_off(&self, seen: &Unfinished) -> Result<bool, LedgerError> {
        let gone = past_conflicts(|| {
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
        held(gone.await)
    }
}

fn row(item: &Item) -> Result<Unfinished, LedgerError> {
    Ok(Unfinished {
        run_id: get_text(item, SORT)?.to_owned(),
        since: find_instant(item, SINCE)?.ok_or_else(|| corrupt(SINCE, "it is missing"))?,
        opened: get_number(item, OPENED)?,
        woken: find_instant(item, WOKEN)?,
    })
}
