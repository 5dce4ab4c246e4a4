//! The requests that all operations are made of.

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{Put, Select, TransactWriteItem, Update};
use purge_driver::ledger::LedgerError;

use super::DynamoLedger;
use super::error::{condition_held, ledger_error};
use super::item::{Item, corrupt, text};
use super::keys::Key;

const ABSENT: &str = "attribute_not_exists(pk)";

impl DynamoLedger {
    /// One item, as it is now.
    pub(super) async fn get_item(&self, key: &Key) -> Result<Option<Item>, LedgerError> {
        let get = self.client.get_item().table_name(&self.table).set_key(Some(key.item())).consistent_read(true);
        Ok(get.send().await.map_err(ledger_error)?.item)
    }

    /// Puts an item, replacing the one with the same key.
    pub(super) async fn put_item(&self, item: Item) -> Result<(), LedgerError> {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        put.send().await.map(|_| ()).map_err(ledger_error)
    }

    /// Puts an item unless there is one with the same key; then `false`.
    pub(super) async fn put_new_item(&self, item: Item) -> Result<bool, LedgerError> {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        condition_held(put.condition_expression(ABSENT).send().await)
    }

    /// An update of one item, to be completed and sent.
    pub(super) fn update_item(&self, key: &Key) -> UpdateItemFluentBuilder {
        self.client.update_item().table_name(&self.table).set_key(Some(key.item()))
    }

    /// All items of a partition, in order.
    pub(super) async fn query_all(&self, partition: &str) -> Result<Vec<Item>, LedgerError> {
        self.query(partition, None, u32::MAX).await
    }

    /// At most `limit` items of a partition, in order; all, or those whose sort keys lie between two texts, both included.
    pub(super) async fn query(
        &self,
        partition: &str,
        between: Option<(&str, &str)>,
        limit: u32,
    ) -> Result<Vec<Item>, LedgerError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut items = Vec::new();
        let mut start = None;
        while items.len() < limit {
            let wanted = i32::try_from(limit - items.len()).ok();
            let mut query = self.client.query().table_name(&self.table).consistent_read(true);
            query = match between {
                None => query.key_condition_expression("pk = :p"),
                Some((from, to)) => query
                    .key_condition_expression("pk = :p AND sk BETWEEN :f AND :t")
                    .expression_attribute_values(":f", text(from))
                    .expression_attribute_values(":t", text(to)),
            };
            query = query.expression_attribute_values(":p", text(partition));
            let page = query.set_limit(wanted).set_exclusive_start_key(start).send().await.map_err(ledger_error)?;
            items.extend(page.items.unwrap_or_default());
            start = page.last_evaluated_key;
            if start.is_none() {
                break;
            }
        }
        Ok(items)
    }

    /// How many items a partition has, in the table or in an index.
    pub(super) async fn count(&self, partition: &str, index: Option<&str>) -> Result<u64, LedgerError> {
        let (mut count, mut start) = (0, None);
        loop {
            let query = self
                .client
                .query()
                .table_name(&self.table)
                .set_index_name(index.map(str::to_owned))
                .consistent_read(true)
                .select(Select::Count)
                .key_condition_expression("pk = :p")
                .expression_attribute_values(":p", text(partition))
                .set_exclusive_start_key(start);
            let page = query.send().await.map_err(ledger_error)?;
            count += u64::try_from(page.count).unwrap_or_default();
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(count);
            }
        }
    }

    /// The write of a transaction that puts an item; the transaction is cancelled if there is one with the same key.
    pub(super) fn transact_put_new(&self, item: Item) -> Result<TransactWriteItem, LedgerError> {
        let put = Put::builder().table_name(&self.table).set_item(Some(item)).condition_expression(ABSENT).build();
        Ok(TransactWriteItem::builder().put(put.map_err(|why| corrupt("an item", why))?).build())
    }

    /// The write of a transaction that makes this change to one item.
    pub(super) fn transact_update(
        &self,
        key: &Key,
        change: impl FnOnce(UpdateBuilder) -> UpdateBuilder,
    ) -> Result<TransactWriteItem, LedgerError> {
        let update = change(Update::builder().table_name(&self.table).set_key(Some(key.item())));
        let update = update.build().map_err(|why| corrupt("a change", why))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}
