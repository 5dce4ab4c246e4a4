//! The windows of a run's chunks, in pages: all that is stored of a chunk that was never claimed.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::{PutRequest, WriteRequest};
use purge_core::chunk::{Age, Chunk};
use purge_core::run::{ChunkRun, Order};
use purge_core::time::Timestamp;
use purge_core::window::Window;
use purge_driver::ledger::{LedgerError, NewRun};

use super::DynamoLedger;
use super::error::ledger_error;
use super::item::{corrupt, get_text, json, parse, text};
use super::keys;

/// Chunks per page: about 20 KB.
const PAGE: u32 = 500;
/// Items that one BatchWriteItem may put (limit of DynamoDB).
const BATCH: usize = 25;
/// Attempts at the items of a batch that DynamoDB leaves unprocessed.
const ROUNDS: u32 = 8;
const WINDOWS: &str = "windows";

/// The start and the end of a window in milliseconds, and whether its conversations are aged.
type Line = (i64, i64, bool);

/// The page with the window of this chunk; chunks count from 1.
fn page_of(index: u32) -> u32 {
    index.saturating_sub(1) / PAGE
}

impl DynamoLedger {
    /// Writes the windows of a new run. The same run of the same plan has the same pages, so writing them twice is harmless.
    pub(super) async fn store_windows(&self, run: &NewRun) -> Result<(), LedgerError> {
        let order = &run.order;
        let in_order = run.chunks.iter().zip(1..).all(|(chunk, index)| {
            let fresh = ChunkRun::new(order, chunk.chunk());
            chunk.chunk().index == index && chunk.chunk().total == order.chunks && *chunk == fresh
        });
        if !in_order || u32::try_from(run.chunks.len()) != Ok(order.chunks) {
            return Err(LedgerError::Conflict(format!(
                "the chunks of run `{}` are not those of its order",
                order.run_id
            )));
        }
        let pages: Vec<_> = run
            .chunks
            .chunks(usize::try_from(PAGE).unwrap_or(usize::MAX))
            .zip(0..)
            .map(|(chunks, page)| {
                let lines: Vec<Line> = chunks.iter().map(|run| line(run.chunk())).collect();
                let mut item = keys::windows(&order.run_id, &order.plan_digest, page).item();
                item.insert(WINDOWS.to_owned(), text(json(&lines)));
                item
            })
            .collect();
        for batch in pages.chunks(BATCH) {
            let puts = batch.iter().map(|item| {
                let put = PutRequest::builder().set_item(Some(item.clone())).build();
                put.map(|put| WriteRequest::builder().put_request(put).build())
            });
            let puts = puts.collect::<Result<Vec<_>, _>>().map_err(|why| corrupt("a page of windows", why))?;
            self.write_all(puts).await?;
        }
        Ok(())
    }

    /// Sends a batch, and again whatever DynamoDB leaves unprocessed of it.
    async fn write_all(&self, mut left: Vec<WriteRequest>) -> Result<(), LedgerError> {
        for round in 0..ROUNDS {
            let batch = self.client.batch_write_item().request_items(&self.table, left);
            let mut undone = batch.send().await.map_err(ledger_error)?.unprocessed_items.unwrap_or_default();
            left = undone.remove(&self.table).unwrap_or_default();
            if left.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50 << round)).await;
        }
        Err(LedgerError::Unavailable(format!("{} pages of windows were not taken", left.len())))
    }

    /// The chunks from `first` to `last` as planned; indexes beyond the run's last chunk are left out.
    pub(super) async fn planned(
        &self,
        order: &Order,
        first: u32,
        last: u32,
    ) -> Result<BTreeMap<u32, Chunk>, LedgerError> {
        let mut planned = BTreeMap::new();
        let last = last.min(order.chunks);
        if first == 0 || first > last {
            return Ok(planned);
        }
        for page in page_of(first)..=page_of(last) {
            let key = keys::windows(&order.run_id, &order.plan_digest, page);
            let item =
                self.get_item(&key).await?.ok_or_else(|| corrupt("the windows of a run", "a page is missing"))?;
            let lines: Vec<Line> = parse("the windows of a run", get_text(&item, WINDOWS)?)?;
            for (line, index) in lines.into_iter().zip(page * PAGE + 1..) {
                if (first..=last).contains(&index) {
                    planned.insert(index, chunk(line, index, order.chunks)?);
                }
            }
        }
        Ok(planned)
    }
}

fn line(chunk: Chunk) -> Line {
    let aged = match chunk.age {
        Age::Recent => false,
        Age::Aged => true,
    };
    (chunk.window.start().millis(), chunk.window.end().millis(), aged)
}

fn chunk((start, end, aged): Line, index: u32, total: u32) -> Result<Chunk, LedgerError> {
    let window = Window::new(Timestamp::from_millis(start), Timestamp::from_millis(end));
    let window = window.ok_or_else(|| corrupt("the windows of a run", format!("chunk {index} is empty")))?;
    Ok(Chunk { index, total, window, age: if aged { Age::Aged } else { Age::Recent } })
}
