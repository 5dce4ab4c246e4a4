//! Job slots of a tenant: a small set of holders.

use aws_sdk_dynamodb::types::AttributeValue;
use purge_driver::ledger::{LedgerError, Slot};

use super::DynamoLedger;
use super::error::{failed, held, past_conflicts};
use super::item::{number, text};
use super::keys;

/// Who holds a slot: a set of texts, not there while nobody does.
pub(super) const HOLDERS: &str = "holders";

impl DynamoLedger {
    pub(super) async fn take(&self, slot: Slot<'_>, limit: u32) -> Result<bool, LedgerError> {
        let taken = past_conflicts(|| {
            self.client
                .update_item()
                .table_name(&self.table)
                .set_key(Some(keys::slots(slot.tenant).item()))
                .update_expression("ADD #holders :one")
                .condition_expression(
                    "attribute_not_exists(#holders) OR contains(#holders, :holder) OR size(#holders) < :limit",
                )
                .expression_attribute_names("#holders", HOLDERS)
                .expression_attribute_values(":one", AttributeValue::Ss(vec![slot.holder.to_owned()]))
                .expression_attribute_values(":holder", text(slot.holder))
                .expression_attribute_values(":limit", number(limit))
                .send()
        });
        held(taken.await)
    }

    pub(super) async fn give_back(&self, slot: Slot<'_>) -> Result<(), LedgerError> {
        let given = past_conflicts(|| {
            self.client
                .update_item()
                .table_name(&self.table)
                .set_key(Some(keys::slots(slot.tenant).item()))
                .update_expression("DELETE #holders :one")
                .expression_attribute_names("#holders", HOLDERS)
                .expression_attribute_values(":one", AttributeValue::Ss(vec![slot.holder.to_owned()]))
                .send()
        });
        given.await.map(|_| ()).map_err(failed)
    }
}
