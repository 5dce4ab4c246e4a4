//! Evidence in its bucket. Every state has a folder of its own, which is whole before the pointer names it, and is never
//! overwritten.

use std::collections::BTreeMap;
use std::time::Duration;

use purge_core::audit::AuditRecord;
use purge_core::evidence::{FILES, MANIFEST};
use purge_core::json::digest;
use purge_core::wake::WakeUp;
use purge_driver::ledger::MessageState;
use purge_driver::{Clock as _, Ledger as _};
use serde_json::{Value, json};

use super::fakes::{World, ask, event, in_virtual_time, no_webhook, sent, take_metrics};
use crate::evidence::{Latest, Proof, records};
use crate::wake::{Errand, ErrandKind, Sweep};

const TIME: Duration = Duration::from_secs(120);

/// Ends the chunk, and notes its message as delivered.
async fn end_chunk(world: &World, run_id: &str, chunk: u32) {
    let attempt = world.ledger.chunk(run_id, chunk).await.unwrap().map(|row| row.run.attempt());
    let dead = sent(WakeUp { attempt, ..WakeUp::new(run_id, chunk) }.text());
    world.functions().bury(&event(&[dead]), &world.invocation(TIME)).await.unwrap();
    for message in world.ledger.outbox_pending(run_id, 9).await.unwrap() {
        let delivered = MessageState::Delivered { at: world.clock.now() };
        assert!(world.ledger.outbox_settle(run_id, &message.id, message.attempts, &delivered).await.unwrap());
    }
    world.for_couriers();
}

/// Has a courier write the evidence. Returns whether it could, and the keys that it wrote.
async fn write_evidence(world: &World, run_id: &str) -> (bool, Vec<String>) {
    let errand = sent(serde_json::to_string(&Errand::new(run_id, ErrandKind::Evidence)).unwrap());
    let answer = world.functions().run_errands(&event(&[errand]), &no_webhook, &world.invocation(TIME)).await.unwrap();
    let done = answer["batchItemFailures"] == json!([]);
    (done, world.evidence.written.take().into_iter().filter(|key| key.starts_with(run_id)).collect())
}

fn latest(world: &World, run_id: &str) -> Option<Latest> {
    let text = world.evidence.kept.borrow().get(&format!("{run_id}/latest.json")).cloned();
    text.map(|text| serde_json::from_str(&text).unwrap())
}

/// Checks that a folder contains what its manifest says, and has the name that follows from the manifest's digest.
fn assert_whole(world: &World, latest: &Latest) {
    let kept = world.evidence.kept.borrow();
    let text = |name: &str| kept.get(&format!("{}{name}", latest.folder)).unwrap();
    let manifest: Value = serde_json::from_str(text(MANIFEST)).unwrap();
    for name in FILES {
        assert_eq!(manifest["files"][name], digest(text(name).as_bytes()), "{name}");
    }
    assert_eq!(latest.manifest_digest, digest(text(MANIFEST).as_bytes()));
    let hex = latest.manifest_digest.strip_prefix("sha256:").unwrap();
    assert_eq!(latest.folder, format!("{}/{}/", latest.run_id, hex.get(..16).unwrap()));
}

#[test]
fn every_state_has_a_folder_of_its_own_and_the_pointer_names_the_newest() {
    in_virtual_time(async |world| {
        let run_id = world.run(2).await;
        assert_eq!(ask(world, "status", &run_id).await["evidence"], Value::Null, "there is none");
        for chunk in [1, 2] {
            end_chunk(world, &run_id, chunk).await;
        }
        let (done, written) = write_evidence(world, &run_id).await;
        let first = latest(world, &run_id).unwrap();
        assert!(done);
        let files = FILES.iter().map(|name| format!("{}{name}", first.folder));
        let ends_with = [format!("{}{MANIFEST}", first.folder), format!("{run_id}/latest.json")];
        assert_eq!(
            written,
            files.chain(ends_with).collect::<Vec<_>>(),
            "the manifest, and then where it is, come last"
        );
        assert_whole(world, &first);
        assert_eq!(ask(world, "status", &run_id).await["evidence"], serde_json::to_value(&first).unwrap());

        world.clock.sleep_until(world.clock.now().plus(TIME)).await;
        ask(world, "resume", &run_id).await;
        assert_eq!(write_evidence(world, &run_id).await, (true, vec![]), "the same state is not written twice");

        assert_eq!(ask(world, "retry", &run_id).await["queued"], 2);
        assert_eq!(write_evidence(world, &run_id).await, (true, vec![]), "nor is a run that goes on");
        for chunk in [1, 2] {
            end_chunk(world, &run_id, chunk).await;
        }
        let (done, written) = write_evidence(world, &run_id).await;
        let second = latest(world, &run_id).unwrap();
        assert!(done && second.folder != first.folder && second.written_at > first.written_at);
        assert!(written.iter().all(|key| key.starts_with(&second.folder) || key.ends_with("/latest.json")));
        assert_whole(world, &second);
        assert_whole(world, &first);
    });
}

#[test]
fn records_that_are_not_whole_are_no_evidence() {
    in_virtual_time(async |world| {
        let run_id = world.run(2).await;
        for chunk in [1, 2] {
            let wake = sent(WakeUp::new(&run_id, chunk).text());
            world.functions().work(&event(&[wake]), &world.invocation(TIME)).await.unwrap();
            // The first dead wake-up of a chunk that waits is only replaced.
            end_chunk(world, &run_id, chunk).await;
            let replacement = world.chunks.take().pop().unwrap();
            world.functions().bury(&event(&[replacement]), &world.invocation(TIME)).await.unwrap();
        }
        let row = world.ledger.run(&run_id).await.unwrap().unwrap();
        let records = records(&world.ledger, &run_id).await.unwrap();
        let proof = |records: &[AuditRecord]| Proof::of(&row, records, &[], &[], world.clock.now());
        assert!(proof(&records).is_ok() && records.len() > 4, "{records:?}");
        // The clock was ahead when the run was created, and has been corrected since.
        let before = row.created_at.minus(Duration::from_secs(2 * 86_400));
        assert!(Proof::of(&row, &records, &[], &[], before).is_ok());
        for missing in 0..records.len() {
            let mut seen = records.clone();
            let record = seen.remove(missing);
            assert!(proof(&seen).is_err(), "{record:?} had a position and was not there yet");
        }
    });
}

#[test]
fn a_run_that_is_tried_again_while_a_courier_looks_at_it_has_no_evidence_yet() {
    in_virtual_time(async |world| {
        let run_id = world.run(1).await;
        end_chunk(world, &run_id, 1).await;
        let row = world.ledger.run(&run_id).await.unwrap().unwrap();
        let outbox = world.ledger.outbox(&run_id).await.unwrap();
        assert_eq!(row.open, 0, "it had ended");
        ask(world, "retry", &run_id).await;
        let wake = sent(WakeUp::new(&run_id, 1).text());
        world.functions().work(&event(&[wake]), &world.invocation(TIME)).await.unwrap();
        let records = records(&world.ledger, &run_id).await.unwrap();
        let again = Proof::of(&row, &records, &outbox, &[], world.clock.now()).unwrap_err();
        assert!(again.to_string().contains("goes on"), "{again}");
    });
}

/// The contents of the bucket after a run has ended twice, with a retry in between. The first end is `later` after its start.
fn kept_of_two_ends(later: Duration) -> BTreeMap<String, String> {
    in_virtual_time(async |world| {
        let run_id = world.run(2).await;
        world.clock.sleep(later).await;
        for chunk in [1, 2] {
            end_chunk(world, &run_id, chunk).await;
        }
        assert!(write_evidence(world, &run_id).await.0);
        assert_eq!(ask(world, "retry", &run_id).await["queued"], 2);
        for chunk in [1, 2] {
            end_chunk(world, &run_id, chunk).await;
        }
        assert!(write_evidence(world, &run_id).await.0);
        world.evidence.kept.take()
    })
}

/// A table that was put back to an earlier time knows less than the evidence, or has a different story since.
#[test]
fn an_older_table_does_not_stand_before_evidence_that_knows_more() {
    for later in [Duration::ZERO, TIME] {
        let kept = kept_of_two_ends(later);
        in_virtual_time(async |world| {
            world.evidence.kept.replace(kept.clone());
            let run_id = world.run(2).await;
            let newest = latest(world, &run_id).unwrap();
            for chunk in [1, 2] {
                end_chunk(world, &run_id, chunk).await;
            }
            for _ in 0..2 {
                assert_eq!(
                    write_evidence(world, &run_id).await,
                    (false, vec![]),
                    "it comes again, until a person looks"
                );
                assert_eq!(latest(world, &run_id).unwrap(), newest);
                assert_eq!(world.evidence.kept.borrow().len(), kept.len(), "nor is anything beside it");
                assert_eq!(world.ledger.unfinished().len(), 1, "somebody still looks after it");
                assert_eq!(take_metrics("FailedDeliveries").len(), 1);
            }
            // A person has removed the pointer to the evidence that the table contradicts.
            world.evidence.kept.borrow_mut().remove(&format!("{run_id}/latest.json"));
            assert!(write_evidence(world, &run_id).await.0);
        });
    }
}

/// What is open in a table that was put back would be submitted again, although the evidence shows what became of it.
#[test]
fn a_run_about_which_the_evidence_knows_more_than_the_table_does_not_go_on() {
    let kept = kept_of_two_ends(TIME);
    in_virtual_time(async |world| {
        world.evidence.kept.replace(kept.clone());
        let run_id = world.run(2).await;
        for action in ["retry", "resume"] {
            let refused = ask(world, action, &run_id).await;
            assert_eq!(refused["findings"][0]["code"], "evidence.ahead", "{action}: {refused}");
        }
        assert_eq!(start(world).await["findings"][0]["code"], "evidence.ahead");
        let sweep = sent(serde_json::to_string(&Errand::new(&run_id, ErrandKind::Sweep(of_everything()))).unwrap());
        let swept = world.functions().run_errands(&event(&[sweep]), &no_webhook, &world.invocation(TIME)).await;
        assert_eq!(swept, Ok(json!({"batchItemFailures": [{"itemIdentifier": "m0"}]})));
        assert!(world.chunks.take().is_empty() && world.for_couriers().is_empty(), "nothing was set going");
        // A person can look, and can end it.
        assert_eq!(ask(world, "status", &run_id).await["open"], 2);
        assert_eq!(ask(world, "cancel", &run_id).await["open"], 2);
    });
    // The run was started after the time of which the table is.
    in_virtual_time(async |world| {
        world.evidence.kept.replace(kept.clone());
        let refused = start(world).await;
        assert_eq!(refused["findings"][0]["code"], "evidence.ahead", "{refused}");
        assert!(world.ledger.runs().await.unwrap().is_empty() && world.for_couriers().is_empty());
        world.evidence.kept.take();
        assert_eq!(start(world).await["new"], true, "the same run, without that evidence");
        assert!(kept.contains_key(&format!("{}/latest.json", world.ledger.runs().await.unwrap()[0].order.run_id)));
    });
}

/// A sweep for which everything is overdue.
fn of_everything() -> Sweep {
    Sweep { overdue_seconds: Some(0), ..Sweep::default() }
}

/// Starts the run of two chunks.
async fn start(world: &World) -> Value {
    let run = world.approved(2).await;
    world.functions().plan(&run, &world.invocation(TIME)).await.unwrap()
}

#[test]
fn evidence_that_cannot_be_read_or_is_gone_is_not_taken_for_less() {
    in_virtual_time(async |world| {
        let run_id = world.run(1).await;
        end_chunk(world, &run_id, 1).await;
        assert!(write_evidence(world, &run_id).await.0);
        let key = format!("{}{MANIFEST}", latest(world, &run_id).unwrap().folder);
        assert_eq!(ask(world, "retry", &run_id).await["queued"], 1);
        end_chunk(world, &run_id, 1).await;
        world.evidence.kept.borrow_mut().insert(key.clone(), "{}".to_owned());
        assert_eq!(write_evidence(world, &run_id).await, (false, vec![]));
        world.evidence.kept.borrow_mut().remove(&key);
        assert!(write_evidence(world, &run_id).await.0, "there is nothing to compare with");
    });
}

#[test]
fn a_courier_that_dies_at_any_write_leaves_nothing_that_points_to_a_part() {
    for writes in 0..FILES.len() + 2 {
        in_virtual_time(async |world| {
            let run_id = world.run(1).await;
            end_chunk(world, &run_id, 1).await;
            world.evidence.breaks_after.set(Some(writes));
            let (done, written) = write_evidence(world, &run_id).await;
            assert_eq!((done, written.len()), (false, writes));
            assert_eq!(latest(world, &run_id), None);
            assert_eq!(world.ledger.unfinished().len(), 1, "somebody still looks after it");
            world.evidence.breaks_after.set(None);
            assert!(write_evidence(world, &run_id).await.0);
            assert_whole(world, &latest(world, &run_id).unwrap());
            assert!(world.ledger.unfinished().is_empty());
        });
    }
}

#[test]
fn a_folder_that_holds_something_else_is_left_alone() {
    in_virtual_time(async |world| {
        let run_id = world.run(1).await;
        end_chunk(world, &run_id, 1).await;
        assert!(write_evidence(world, &run_id).await.0);
        let latest = latest(world, &run_id).unwrap();
        let key = format!("{}{MANIFEST}", latest.folder);
        world.evidence.kept.borrow_mut().insert(key.clone(), "{}".to_owned());
        ask(world, "resume", &run_id).await;
        assert_eq!(write_evidence(world, &run_id).await, (false, vec![]), "it comes again, until a person looks");
        assert_eq!(world.evidence.kept.borrow()[&key], "{}");
    });
}
