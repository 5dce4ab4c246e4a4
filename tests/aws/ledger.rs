//! The ledger in DynamoDB keeps the promises that every ledger keeps.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use purge_driver::ledger::conformance;
use purge_lambda::DynamoLedger;
use purge_tests_aws::emulator::{Emulator, create_table};

#[tokio::test(flavor = "current_thread")]
async fn the_ledger_conforms() {
    let emulator = Emulator::start();
    let config = emulator.config().await;
    let client = aws_sdk_dynamodb::Client::new(&config);
    create_table(&client, "ledger").await;
    let (a, b) = (DynamoLedger::new(client.clone(), "ledger"), DynamoLedger::new(client, "ledger"));
    conformance::check(&a, &b).await.unwrap();
}
