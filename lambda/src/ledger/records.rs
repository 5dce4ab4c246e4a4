//! The audit log of a run.

use purge_core::audit::AuditRecord;
use purge_driver::ledger::{LedgerError, RecordRow};

use super::DynamoLedger;
use super::item::{Item, get_number, json, number, parse};
use super::keys;

const POSITION: &str = "position";
const RECORD: &str = "record";

impl DynamoLedger {
    pub(super) async fn record_item(
        &self,
        run_id: &str,
        position: u64,
        record: &AuditRecord,
    ) -> Result<Item, LedgerError> {
        let mut item = keys::record(run_id, position).item();
        item.extend([
            (POSITION.to_owned(), number(position)),
            (RECORD.to_owned(), self.store_text(&json(record)).await?),
        ]);
        Ok(item)
    }

    pub(super) async fn read_records(
        &self,
        run_id: &str,
        after: u64,
        limit: u32,
    ) -> Result<Vec<RecordRow>, LedgerError> {
        let (from, to) = (keys::record_sort(after.saturating_add(1)), keys::record_sort(u64::MAX));
        let mut rows = Vec::new();
        for item in self.query(&keys::records_partition(run_id), Some((&from, &to)), limit).await? {
            let record = parse("an audit record", &self.load_text(&item, RECORD).await?)?;
            rows.push(RecordRow { position: get_number(&item, POSITION)?, record });
        }
        Ok(rows)
    }
}
