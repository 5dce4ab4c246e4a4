//! The DynamoDB ledger passes the conformance suite of all ledgers.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

use aws_sdk_dynamodb::types::Select;
use purge_core::plan::{self, CheckContext};
use purge_core::run::{Approval, ChunkRun, Order};
use purge_core::time::Timestamp;
use purge_driver::ledger::{Created, Ledger as _, NewRun, conformance};
use purge_lambda::{DynamoLedger, store};
use purge_tests_aws::emulator::{Emulator, create_table};
use serde_json::json;

#[tokio::test(flavor = "current_thread")]
async fn the_ledger_conforms() {
    let emulator = Emulator::start();
    let config = emulator.config().await;
    let client = aws_sdk_dynamodb::Client::new(&config);
    create_table(&client, "ledger").await;
    let (a, b) = (DynamoLedger::new(client.clone(), "ledger"), DynamoLedger::new(client, "ledger"));
    conformance::check(&a, &b).await.unwrap();
    store::conformance::check(&a, &b).await.unwrap();
}

/// The order and the chunks of a run of a hundred thousand hours.
fn large_run() -> NewRun {
    let request = json!({
        "version": 1, "name": "large", "api": "dataDeletion", "recordTypes": ["conversation"],
        "range": {"start": "2010-01-01T00:00:00.000Z", "end": "2021-05-29T16:00:00.000Z"},
        "jurisdiction": "us-east-1", "query": null, "chunking": {"hours": 1}, "reason": "test",
        "requestedBy": "a@example.com"
    });
    let now = Timestamp::parse("2026-01-01T00:00:00.000Z").unwrap();
    let context = CheckContext::at(now);
    let plan = plan::check(&request.to_string(), None, &context).plan.unwrap();
    let digest = plan.digest().to_owned();
    let approval = Approval { digest, approved_by: "b@example.com".to_owned(), approved_at: now };
    let order = Order::new(&plan, &approval, "https://api.example.com", true).unwrap();
    let chunks = plan.chunks().iter().map(|chunk| ChunkRun::new(&order, *chunk)).collect();
    // The plan file is longer than an item may be.
    NewRun { order, plan_file: "é".repeat(300_000), chunks }
}

#[tokio::test(flavor = "current_thread")]
async fn a_hundred_thousand_chunks_are_a_few_hundred_items() {
    let emulator = Emulator::start();
    let config = emulator.config().await;
    let client = aws_sdk_dynamodb::Client::new(&config);
    create_table(&client, "ledger").await;
    let ledger = DynamoLedger::new(client.clone(), "ledger");
    let run = large_run();
    assert_eq!(run.chunks.len(), 100_000);
    let run_id = run.order.run_id.as_str();
    assert_eq!(ledger.create(&run, Timestamp::EPOCH).await.unwrap(), Created::New);
    assert_eq!(ledger.create(&run, Timestamp::EPOCH).await.unwrap(), Created::Existing);
    let row = ledger.run(run_id).await.unwrap().unwrap();
    assert_eq!((row.open, row.plan_file), (100_000, run.plan_file.clone()));
    let last = ledger.chunk(run_id, 100_000).await.unwrap().unwrap();
    assert_eq!((last.version, &last.run), (0, &run.chunks[99_999]));
    assert_eq!(ledger.open_chunks(run_id, 99_998, 9).await.unwrap(), [99_999, 100_000]);
    let items = client.scan().table_name("ledger").select(Select::Count).send().await.unwrap();
    assert!(items.count() < 500, "{} items", items.count());
}
