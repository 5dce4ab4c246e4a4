//! Runs: creating, finding, cancelling.

use std::collections::BTreeSet;
use std::rc::Rc;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use purge_core::run::Order;
use purge_core::time::Timestamp;
use purge_driver::ledger::{Created, LedgerError, NewRun, RunRow};

use super::DynamoLedger;
use super::error::{failed, held, past_conflicts};
use super::item::{Item, corrupt, find_instant, find_numbers, get_number, get_text, json, number, parse, text};
use super::keys::{self, HEAD, RUNS, SORT, TALLY, instant};
use crate::store::Store as _;

const RUN_ID: &str = "runId";
const PLAN_DIGEST: &str = "planDigest";
const ORDER: &str = "order";
const PLAN_FILE: &str = "planFile";
const CHUNKS: &str = "chunks";
const CREATED: &str = "created";
/// When the head was last changed, or, of a tally, one of its chunks.
pub(super) const CHANGED: &str = "changed";
const CANCEL: &str = "cancel";
/// Of a tally: the chunks that have ended.
pub(super) const ENDED: &str = "ended";
const ABSENT: &str = "attribute_not_exists(pk)";
const PRESENT: &str = "attribute_exists(pk)";

impl DynamoLedger {
    /// Creates the run, if it is not there, and writes `beside` in the same transaction.
    pub(super) async fn create_run(
        &self,
        run: &NewRun,
        now: Timestamp,
        beside: Option<TransactWriteItem>,
    ) -> Result<Created, LedgerError> {
        let order = &run.order;
        if let Some(head) = self.read_head(&order.run_id).await? {
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
        // The head last and all at once: before it is there, there is no run.
        let mut writes = vec![self.put_absent(head)?, self.put_absent(listed)?, self.opening(&order.run_id, now)?];
        writes.extend(beside);
        let written =
            past_conflicts(|| self.client.transact_write_items().set_transact_items(Some(writes.clone())).send());
        match written.await {
            Ok(_) => {
                self.orders.borrow_mut().insert(order.run_id.clone(), Rc::new(order.clone()));
                Ok(Created::New)
            }
            Err(SdkError::ServiceError(error))
                if matches!(error.err(), TransactWriteItemsError::TransactionCanceledException(_)) =>
            {
                match self.read_head(&order.run_id).await? {
                    Some(head) => same_plan(&head, order),
                    None => Err(LedgerError::Unavailable(format!("run `{}` was not taken", order.run_id))),
                }
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// A put that changes nothing that is there.
    pub(super) fn put_absent(&self, item: Item) -> Result<TransactWriteItem, LedgerError> {
        let put = Put::builder().table_name(&self.table).set_item(Some(item)).condition_expression(ABSENT).build();
        Ok(TransactWriteItem::builder().put(put.map_err(|why| corrupt("an item", why))?).build())
    }

    pub(super) async fn read_head(&self, run_id: &str) -> Result<Option<Item>, LedgerError> {
        self.get_item(&keys::head(run_id)).await
    }

    pub(super) async fn read_order(&self, head: &Item) -> Result<Order, LedgerError> {
        parse("the order of a run", &self.load_text(head, ORDER).await?)
    }

    pub(super) async fn read_run(&self, run_id: &str) -> Result<Option<RunRow>, LedgerError> {
        let items = self.query_all(&keys::run_partition(run_id)).await?;
        let Some(head) = items.iter().find(|item| is_head(item)) else { return Ok(None) };
        let order: Rc<Order> = match self.order(run_id).await? {
            Some(order) => order,
            None => return Ok(None),
        };
        let mut changed = find_instant(head, CHANGED)?.ok_or_else(|| corrupt(CHANGED, "it is missing"))?;
        let mut ended = 0;
        for tally in items.iter().filter(|item| is_tally(item)) {
            ended += find_numbers(tally, ENDED)?.len();
            changed = find_instant(tally, CHANGED)?.map_or(changed, |at| at.max(changed));
        }
        Ok(Some(RunRow {
            plan_file: self.load_text(head, PLAN_FILE).await?,
            open: order.chunks.saturating_sub(u32::try_from(ended).unwrap_or(u32::MAX)),
            cancel_asked: find_instant(head, CANCEL)?,
            created_at: find_instant(head, CREATED)?.ok_or_else(|| corrupt(CREATED, "it is missing"))?,
            updated_at: changed,
            order: Rc::unwrap_or_clone(order),
        }))
    }

    pub(super) async fn list_runs(&self) -> Result<Vec<RunRow>, LedgerError> {
        let mut rows = Vec::new();
        for listed in self.query_all(RUNS).await?.iter().rev() {
            rows.extend(self.read_run(get_text(listed, RUN_ID)?).await?);
        }
        Ok(rows)
    }

    pub(super) async fn note_cancel(&self, run_id: &str, now: Timestamp) -> Result<bool, LedgerError> {
        self.change_head(run_id, |head| {
            head.update_expression("SET cancel = :now")
                .condition_expression(PRESENT)
                .expression_attribute_values(":now", instant(now))
        })
        .await
    }

    pub(super) async fn forget_cancel(
        &self,
        run_id: &str,
        asked_at: Timestamp,
        now: Timestamp,
    ) -> Result<bool, LedgerError> {
        self.change_head(run_id, |head| {
            head.update_expression("SET changed = :now REMOVE cancel")
                .condition_expression("attribute_exists(pk) AND (attribute_not_exists(cancel) OR cancel = :asked)")
                .expression_attribute_values(":now", instant(now))
                .expression_attribute_values(":asked", instant(asked_at))
        })
        .await
    }

    /// Whether the head was changed: not if its condition does not hold.
    async fn change_head(
        &self,
        run_id: &str,
        change: impl Fn(UpdateItemFluentBuilder) -> UpdateItemFluentBuilder,
    ) -> Result<bool, LedgerError> {
        let changed = past_conflicts(|| {
            let head = self.client.update_item().table_name(&self.table).set_key(Some(keys::head(run_id).item()));
            change(head).send()
        });
        held(changed.await)
    }

    pub(super) async fn read_cancel(&self, run_id: &str) -> Result<Option<Timestamp>, LedgerError> {
        let get = self.client.get_item().table_name(&self.table).set_key(Some(keys::head(run_id).item()));
        let got = get.consistent_read(true).projection_expression(CANCEL).send().await.map_err(failed)?;
        got.item.map_or(Ok(None), |item| find_instant(&item, CANCEL))
    }

    pub(super) async fn list_open(&self, run_id: &str, after: u32, limit: u32) -> Result<Vec<u32>, LedgerError> {
        let items = self.query_all(&keys::run_partition(run_id)).await?;
        let Some(head) = items.iter().find(|item| is_head(item)) else { return Ok(Vec::new()) };
        let chunks: u32 = get_number(head, CHUNKS)?;
        let mut ended = BTreeSet::new();
        for tally in items.iter().filter(|item| is_tally(item)) {
            ended.extend(find_numbers(tally, ENDED)?);
        }
        let open = (after.saturating_add(1)..=chunks).filter(|index| !ended.contains(index));
        Ok(open.take(usize::try_from(limit).unwrap_or(usize::MAX)).collect())
    }

    /// One item, as it is now.
    pub(super) async fn get_item(&self, key: &keys::Key) -> Result<Option<Item>, LedgerError> {
        let get = self.client.get_item().table_name(&self.table).set_key(Some(key.item())).consistent_read(true);
        Ok(get.send().await.map_err(failed)?.item)
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
            let page = query.set_limit(wanted).set_exclusive_start_key(start).send().await.map_err(failed)?;
            items.extend(page.items.unwrap_or_default());
            start = page.last_evaluated_key;
            if start.is_none() {
                break;
            }
        }
        Ok(items)
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

fn sort_key(item: &Item) -> &str {
    item.get(SORT).and_then(|value| value.as_s().ok()).map_or("", String::as_str)
}

fn is_head(item: &Item) -> bool {
    sort_key(item) == HEAD
}

fn is_tally(item: &Item) -> bool {
    sort_key(item).starts_with(TALLY)
}
