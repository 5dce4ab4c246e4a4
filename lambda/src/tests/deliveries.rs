//! Messages to the governance system, and couriers that cannot deliver them.

use std::time::Duration;

use purge_core::http::HttpResponse;
use purge_core::url::webhook_url;
use purge_core::wake::WakeUp;
use purge_driver::ledger::MessageState;
use purge_driver::{Clock as _, Ledger as _};
use serde_json::{Value, json};

use super::fakes::{FakeQueue, Sent, World, event, in_virtual_time, sent};
use crate::login::Webhook;
use crate::wake::{Errand, ErrandKind};

const TIME: Duration = Duration::from_secs(120);

/// A run whose first chunks have ended, each with a message that is not delivered yet.
async fn with_messages(world: &World, ended: u32, chunks: u32) -> String {
    let run_id = world.run(chunks).await;
    for chunk in 1..=ended {
        let dead = sent(WakeUp::new(&run_id, chunk).text());
        world.functions().bury(&event(&[dead]), &world.invocation(TIME)).await.unwrap();
    }
    world.for_couriers();
    run_id
}

fn errand(run_id: &str, kind: ErrandKind) -> Sent {
    sent(serde_json::to_string(&Errand::new(run_id, kind)).unwrap())
}

async fn deliveries(world: &World, run_id: &str) -> Vec<Sent> {
    let messages = world.ledger.outbox_pending(run_id, 9).await.unwrap();
    messages.into_iter().map(|message| errand(run_id, ErrandKind::Deliver { message: message.id })).collect()
}

#[test]
fn a_secret_that_cannot_be_read_stops_deliveries_alone() {
    in_virtual_time(async |world| {
        let run_id = with_messages(world, 1, 3).await;
        let unreadable = async || -> Result<Option<Webhook>, String> { Err("it is gone".to_owned()) };
        let mut errands = deliveries(world, &run_id).await;
        errands.push(errand(&run_id, ErrandKind::FanOut { after: 0 }));
        let answer: Value =
            world.functions().run_errands(&event(&errands), &unreadable, &world.invocation(TIME)).await.unwrap();
        assert_eq!(answer, json!({"batchItemFailures": [{"itemIdentifier": "m0"}]}), "the message comes again");
        assert_eq!(world.chunks.take().len(), 2, "and both open chunks are woken");
        assert_eq!(world.ledger.outbox(&run_id).await.unwrap()[0].attempts, 0);
    });
}

/// Runs every errand in an invocation of its own.
async fn run_each_errand(world: &World, errands: Vec<Sent>, address: &str) {
    let url = webhook_url(address).unwrap();
    let webhook = async || Ok(Some(Webhook { url: url.clone(), secrets: None }));
    for errand in errands {
        let answer = world.functions().run_errands(&event(&[errand]), &webhook, &world.invocation(TIME)).await.unwrap();
        assert_eq!(answer, json!({"batchItemFailures": []}));
    }
}

/// A receiver that does not answer occupies couriers. Nothing else may wait for these couriers.
#[test]
fn messages_have_a_queue_of_their_own_from_which_nothing_else_is_kept() {
    in_virtual_time(async |world| {
        let run_id = world.run(2).await;
        let kinds = |queue: &FakeQueue| -> Vec<_> {
            let sent = queue.take();
            sent.iter().map(|sent| serde_json::from_str::<Errand>(&sent.body).unwrap().errand).collect()
        };
        for (chunk, errands) in [(1, vec![]), (2, vec![ErrandKind::Evidence])] {
            let dead = sent(WakeUp::new(&run_id, chunk).text());
            world.functions().bury(&event(&[dead]), &world.invocation(TIME)).await.unwrap();
            assert_eq!(kinds(&world.errands), errands);
            assert!(matches!(kinds(&world.webhooks)[..], [ErrandKind::Deliver { .. }]));
        }
        // So do the next attempts, and the deliveries that `resume` or the sweep sends.
        run_each_errand(world, deliveries(world, &run_id).await, "https://governance.example.com/hook").await;
        assert!(world.errands.take().is_empty());
        assert_eq!(world.webhooks.take().len(), 2);
        let ask = async |event: &Value| world.functions().plan(event, &world.invocation(TIME)).await.unwrap();
        ask(&json!({"action": "resume", "runId": run_id})).await;
        assert_eq!((kinds(&world.errands), world.webhooks.take().len()), (vec![ErrandKind::Evidence], 2));
        world.clock.sleep(Duration::from_secs(86_400)).await;
        ask(&json!({"action": "sweep"})).await;
        run_each_errand(world, world.errands.take(), "https://governance.example.com/hook").await;
        assert!(world.errands.take().is_empty());
        assert_eq!(world.webhooks.take().len(), 2);
    });
}

#[test]
fn a_receiver_that_is_gone_for_good_is_left_alone_and_its_successor_is_not() {
    in_virtual_time(async |world| {
        let run_id = with_messages(world, 3, 4).await;
        *world.http.answer.borrow_mut() = HttpResponse::json(410, &json!({}));
        let (gone, other) = ("https://governance.example.com/hook", "https://governance.example.com/other");
        run_each_errand(world, deliveries(world, &run_id).await, gone).await;
        assert_eq!(world.http.called.take(), [gone], "nothing more may be sent there");
        let outbox = world.ledger.outbox(&run_id).await.unwrap();
        let why = outbox.iter().map(|row| match &row.state {
            MessageState::Dead { why, .. } => why.as_str(),
            MessageState::Pending { .. } | MessageState::Delivered { .. } => "",
        });
        let not_sent = "it was not sent: the receiver had answered 410";
        assert_eq!(why.collect::<Vec<_>>(), ["the receiver answered 410", not_sent, not_sent]);
        assert!(!format!("{:?}", world.ledger).contains("/hook"), "an address may be a secret");

        // A chunk ends after the secret has got another address.
        let dead = sent(WakeUp::new(&run_id, 4).text());
        world.functions().bury(&event(&[dead]), &world.invocation(TIME)).await.unwrap();
        *world.http.answer.borrow_mut() = HttpResponse::json(200, &json!({}));
        run_each_errand(world, deliveries(world, &run_id).await, other).await;
        assert_eq!(world.http.called.take(), [other]);
        assert!(world.ledger.outbox_pending(&run_id, 9).await.unwrap().is_empty());
    });
}
