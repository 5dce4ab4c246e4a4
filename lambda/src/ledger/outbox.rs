//! Messages to the governance system, and their items.

use purge_driver::ledger::{Commit, LedgerError, MessageState, OutboxMessage, OutboxRow};

use super::DynamoLedger;
use super::attributes::{ATTEMPTS, BODY, POSITION, STATE};
use super::item::{Item, get_number, get_text, json, number, parse, text};
use super::keys::{self, DUE, SORT, instant};

impl DynamoLedger {
    /// The messages of a commit that the outbox does not have yet.
    pub(super) async fn new_messages<'a>(&self, commit: &Commit<'a>) -> Result<Vec<&'a OutboxMessage>, LedgerError> {
        let mut new: Vec<&OutboxMessage> = Vec::new();
        for message in commit.outbox {
            let twice = new.iter().any(|other| other.id == message.id);
            if !twice && self.get_item(&keys::message(commit.run_id, &message.id)).await?.is_none() {
                new.push(message);
            }
        }
        Ok(new)
    }

    pub(super) async fn message_item(
        &self,
        run_id: &str,
        position: u64,
        message: &OutboxMessage,
    ) -> Result<Item, LedgerError> {
        let state = MessageState::Pending { due: message.due, why: None };
        let mut item = keys::message(run_id, &message.id).item();
        item.extend([
            (BODY.to_owned(), self.store_text(&message.body).await?),
            (ATTEMPTS.to_owned(), number(0)),
            (STATE.to_owned(), text(json(&state))),
            (POSITION.to_owned(), number(position)),
            (DUE.to_owned(), instant(message.due)),
        ]);
        Ok(item)
    }

    /// A message with its position, by which the outbox is in order.
    pub(super) async fn message_row(&self, item: &Item) -> Result<(u64, OutboxRow), LedgerError> {
        let row = OutboxRow {
            id: get_text(item, SORT)?.to_owned(),
            body: self.load_text(item, BODY).await?,
            attempts: get_number(item, ATTEMPTS)?,
            state: parse("the state of a message", get_text(item, STATE)?)?,
        };
        Ok((get_number(item, POSITION)?, row))
    }
}
