//! Tests of what the governance system is told.

use purge_core::run::{Cause, Outcome};
use purge_core::webhook::{ChunkEnd, WebhookEvent};

use crate::support::{World, at};

fn event(outcome: Outcome, records_deleted: Option<u64>, duration_ms: u64) -> WebhookEvent {
    let world = World::of(3);
    let end = ChunkEnd {
        chunk: world.chunks[1],
        attempt: 1,
        outcome,
        cause: (outcome != Outcome::Verified).then(|| Cause::new("verify.residual", "4 records are still there")),
        request_id: Some("req-2".to_owned()),
        records_deleted,
        duration_ms,
        at: at("2026-01-01T00:00:12.345Z"),
    };
    WebhookEvent::of(&world.order, end)
}

#[test]
fn a_verified_chunk_is_completed() {
    insta::assert_json_snapshot!(event(Outcome::Verified, Some(144), 12_345));
}

#[test]
fn what_was_not_measured_is_null() {
    insta::assert_snapshot!(event(Outcome::Residual, None, 0).body());
}

#[test]
fn only_a_verified_chunk_is_called_completed() {
    let named: Vec<_> = Outcome::ALL.into_iter().map(|outcome| event(outcome, None, 1)).collect();
    for (outcome, event) in Outcome::ALL.into_iter().zip(&named) {
        assert_eq!(event.status == "completed", outcome == Outcome::Verified);
        assert_eq!(event.event, format!("data.purge.chunk.{}", event.status));
        assert!(event.event.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.'), "{}", event.event);
    }
    assert_eq!(named[6].event, "data.purge.chunk.timed_out");
}

#[test]
fn the_id_is_that_of_the_attempt() {
    let first = event(Outcome::Verified, Some(1), 1);
    assert_eq!(first.id, event(Outcome::Unknown, None, 9).id);
    assert!(first.id.starts_with("msg_") && !first.id.contains('.'));
    let world = World::of(3);
    let mut end = ChunkEnd {
        chunk: world.chunks[1],
        attempt: 2,
        outcome: Outcome::Verified,
        cause: None,
        request_id: None,
        records_deleted: None,
        duration_ms: 1,
        at: at("2026-01-01T00:00:12Z"),
    };
    assert_ne!(first.id, WebhookEvent::of(&world.order, end.clone()).id);
    end.attempt = 1;
    assert_eq!(first.id, WebhookEvent::of(&world.order, end).id);
}

#[test]
fn a_receiver_reads_what_was_sent() {
    let sent = event(Outcome::Verified, Some(144), 12_345);
    assert_eq!(serde_json::from_str::<WebhookEvent>(&sent.body()).unwrap(), sent);
}
