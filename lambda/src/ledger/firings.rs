//! Which run each firing of a schedule was: written with the run, so that the same firing never becomes another one.

use purge_core::time::Timestamp;
use purge_driver::ledger::{Created, LedgerError, NewRun};

use super::DynamoLedger;
use super::error::held;
use super::item::{Item, corrupt, get_text, text};
use super::keys;
use crate::store::Firing;

const RUN_ID: &str = "runId";

impl DynamoLedger {
    pub(super) async fn read_firing(&self, firing: &Firing) -> Result<Option<String>, LedgerError> {
        let item = self.get_item(&keys::firing(&firing.request_key, firing.scheduled_at.millis())).await?;
        item.map(|item| get_text(&item, RUN_ID).map(str::to_owned)).transpose()
    }

    pub(super) async fn create_run_of(
        &self,
        firing: &Firing,
        run: &NewRun,
        now: Timestamp,
    ) -> Result<(String, Created), LedgerError> {
        let existing = |run_id| (run_id, Created::Existing);
        if let Some(run_id) = self.read_firing(firing).await? {
            return Ok(existing(run_id));
        }
        let item = firing_item(firing, &run.order.run_id);
        match self.create_run(run, now, Some(self.put_absent(item.clone())?)).await {
            Ok(Created::New) => return Ok((run.order.run_id.clone(), Created::New)),
            // Somebody else has started the same plan; perhaps for this firing, perhaps not.
            Ok(Created::Existing) => self.note_firing(item).await?,
            // Perhaps somebody else was quicker with another plan for this firing.
            Err(error) => return self.read_firing(firing).await?.map(existing).ok_or(error),
        }
        let noted = self.read_firing(firing).await?;
        noted.map(existing).ok_or_else(|| corrupt("a firing", "it was noted and is gone"))
    }

    /// Changes nothing that is there.
    async fn note_firing(&self, item: Item) -> Result<(), LedgerError> {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        held(put.condition_expression("attribute_not_exists(pk)").send().await).map(|_| ())
    }
}

fn firing_item(firing: &Firing, run_id: &str) -> Item {
    let mut item = keys::firing(&firing.request_key, firing.scheduled_at.millis()).item();
    item.insert(RUN_ID.to_owned(), text(run_id));
    item
}
