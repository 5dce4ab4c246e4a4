//! The policies that were asked about the deletions of a run.

use purge_core::run::InForce;
use purge_driver::ledger::LedgerError;

use super::DynamoLedger;
use super::error::failed;
use super::keys;

const BODY: &str = "body";

impl DynamoLedger {
    pub(super) async fn put_policy(&self, run_id: &str, policy: &InForce) -> Result<(), LedgerError> {
        let key = keys::policy(run_id, &policy.digest);
        // Every deletion keeps the policy that it asks, nearly always the same one; to look is cheaper than to write.
        if self.get_item(&key).await?.is_some() {
            return Ok(());
        }
        let mut item = key.item();
        item.insert(BODY.to_owned(), self.store_text(&policy.text).await?);
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        put.send().await.map_err(failed)?;
        Ok(())
    }

    pub(super) async fn list_policies(&self, run_id: &str) -> Result<Vec<String>, LedgerError> {
        let mut texts = Vec::new();
        for item in self.query_all(&keys::policies_partition(run_id)).await? {
            texts.push(self.load_text(&item, BODY).await?);
        }
        Ok(texts)
    }
}
