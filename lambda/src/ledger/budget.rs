//! The request budget of a tenant: one item that whoever wants to send replaces.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use purge_core::rate::RateBudget;
use purge_driver::ledger::{LedgerError, StoredBudget, Swapped};

use super::DynamoLedger;
use super::error::{failed, past_conflicts};
use super::item::{Item, get_number, get_text, json, number, parse, text};
use super::keys;

const VERSION: &str = "version";
const BUDGET: &str = "budget";

impl DynamoLedger {
    pub(super) async fn swap(&self, tenant: &str, expected: u64, budget: &RateBudget) -> Result<Swapped, LedgerError> {
        let version = expected.saturating_add(1);
        let swapped = past_conflicts(|| {
            let update = self
                .client
                .update_item()
                .table_name(&self.table)
                .set_key(Some(keys::budget(tenant).item()))
                .update_expression("SET #budget = :budget, #version = :next")
                .expression_attribute_names("#budget", BUDGET)
                .expression_attribute_names("#version", VERSION)
                .expression_attribute_values(":budget", text(json(budget)))
                .expression_attribute_values(":next", number(version))
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
            let update = match expected {
                0 => update.condition_expression("attribute_not_exists(pk)"),
                _ => update
                    .condition_expression("#version = :expected")
                    .expression_attribute_values(":expected", number(expected)),
            };
            update.send()
        });
        let refused = match swapped.await {
            Ok(_) => return Ok(Swapped::Version(version)),
            Err(refused) => refused,
        };
        match refused.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(behind)) => {
                // No item: somebody has deleted it. What the caller knows to be spent still is.
                let gone = || Ok(StoredBudget { version: 0, budget: budget.clone() });
                behind.item.as_ref().map_or_else(gone, stored).map(Swapped::Behind)
            }
            Some(_) | None => Err(failed(refused)),
        }
    }
}

fn stored(item: &Item) -> Result<StoredBudget, LedgerError> {
    let budget = parse("the request budget", get_text(item, BUDGET)?)?;
    Ok(StoredBudget { version: get_number(item, VERSION)?, budget })
}
