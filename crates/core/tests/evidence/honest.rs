//! Tests that the records of every honest run keep every rule, whatever happens to the run. A rule that an honest run breaks is no
//! rule.

use proptest::prelude::*;
use purge_core::audit::Event;
use purge_core::report::Report;
use purge_core::request::{DeletionApi, RecordType, RecordingOptions};
use purge_core::run::{HeldConversation, HeldWindow, Order};
use purge_core::time::Timestamp;
use purge_core::window::Window;

use crate::support::World;
use crate::tenant::records;

/// A run of one chunk with this API; `change` adds the guards that may be asked before it.
pub(crate) fn world(api: DeletionApi, change: impl FnOnce(&mut Order)) -> World {
    let mut world = World::of(1);
    world.order.request.api = api;
    if api == DeletionApi::RecordingJobs {
        world.order.request.record_types = vec![RecordType::Recording];
    }
    change(&mut world.order);
    world
}

fn with(options: u8) -> impl FnOnce(&mut Order) {
    move |order| {
        let is = |bit: u8| options & (1 << bit) != 0;
        order.limits.max_records = if options & 7 == 7 { Some(5) } else { [None, Some(12)][usize::from(options & 1)] };
        order.limits.spanning_conversations = is(2);
        if is(3) {
            order.held_conversations = vec![HeldConversation { id: "c-2".to_owned(), hold: "H".to_owned() }];
        }
        if is(4) {
            let from = Timestamp::parse("2023-01-02T00:00:00Z").unwrap();
            let window = Window::new(from, from.plus_days(1)).unwrap();
            order.held_windows = vec![HeldWindow { window, hold: "W".to_owned(), rule: false }];
        }
        if is(5) {
            order.request.recordings = Some(RecordingOptions { cool_off_days: 2, ..RecordingOptions::default() });
        }
        order.limits.verify_conversations = if is(6) { 10 } else { 1 };
        order.limits.verify_seconds = 60;
    }
}

fn whims() -> impl Strategy<Value = Vec<u8>> {
    let one = |often| prop_oneof![often => Just(0_u8), 1 => any::<u8>()];
    (1_u32..20).prop_flat_map(move |often| prop::collection::vec(one(often), 0..400))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn every_run_keeps_every_rule(jobs in any::<bool>(), options in any::<u8>(), whims in whims()) {
        let api = if jobs { DeletionApi::RecordingJobs } else { DeletionApi::DataDeletion };
        let world = world(api, with(options));
        let records = records(&world.order, world.chunks[0], &whims);
        let report = Report::of(world.ordered(), &records);
        let story: Vec<_> = records.iter().map(|record| (record.attempt, &record.request_id, record.records_deleted, &record.event)).collect();
        prop_assert!(report.problems.is_empty(), "{:?}\n{:#?}", report.problems, story);
        let ended = records.last().is_some_and(|record| matches!(record.event, Event::Finished { .. }));
        prop_assert!(ended);
    }
}
