//! Tests of the metrics of a run with every kind of chunk.

use purge_core::audit::Event;
use purge_core::metrics::prometheus;
use purge_core::report::Report;
use purge_core::run::{Outcome, WaitReason};

use crate::support::{Log, World, at, begin};

#[test]
fn prometheus_text() {
    let world = World::of(4);
    let mut log = Log::default();
    let until = at("2026-01-01T00:01:00Z");
    log.attempt(&world, 1, 1, Outcome::Verified);
    log.attempt(&world, 2, 1, Outcome::Residual);
    log.add(3, 1, begin(world.chunks[2]));
    log.add(3, 1, Event::Waiting { reason: WaitReason::RateLimited { retry_after_seconds: Some(1) }, until });
    log.add(3, 1, Event::Waiting { reason: WaitReason::SlotBusy, until });
    insta::assert_snapshot!(prometheus(&Report::of(world.ordered(), &log.records)));
}

#[test]
fn what_was_not_measured_is_absent() {
    let world = World::of(1);
    let mut log = Log::default();
    log.attempt(&world, 1, 1, Outcome::Unknown);
    let report = Report::of(world.ordered(), &log.records);
    let text = prometheus(&report);
    assert!(!text.contains("records_deleted") && !text.contains("records_remaining"), "{text}");
}
