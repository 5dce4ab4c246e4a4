//! Tests that the range is cut exactly: no gap, no overlap, and nothing that is kept inside a chunk.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail by panicking")]

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use purge_core::chunk::Age;
use purge_core::plan::{CheckContext, Checked, Disposition, check_parsed};
use purge_core::policy::{Hold, Policy, RetentionRule};
use purge_core::request::{Chunking, DeletionApi, PurgeRequest, RecordType};
use purge_core::time::{DAY_MS, Timestamp};
use purge_core::window::Window;

/// Fixed, so that the cases are the same on every machine.
const SEED: RngSeed = RngSeed::Fixed(20_261_123);

/// A case has on average one range, four holds and one retention rule: 100,000 windows in all.
const CASES: u32 = 100_000;

/// 2026-11-23T00:00:00Z.
const TODAY: i64 = 20_780 * DAY_MS;

fn context(offset: i64) -> CheckContext {
    CheckContext::at(Timestamp::from_millis(TODAY + offset))
}

fn window(start: i64, length: i64) -> Window {
    Window::new(Timestamp::from_millis(start), Timestamp::from_millis(start + length)).unwrap()
}

fn request(api: DeletionApi, range: Window, chunking: Chunking) -> PurgeRequest {
    PurgeRequest {
        version: 1,
        name: "property".to_owned(),
        api,
        record_types: vec![match api {
            DeletionApi::DataDeletion => RecordType::Message,
            DeletionApi::RecordingJobs => RecordType::Recording,
        }],
        range,
        jurisdiction: "us-east-1".to_owned(),
        query: None,
        chunking,
        reason: "property".to_owned(),
        requested_by: "test@example.com".to_owned(),
        retention_override: None,
        recordings: None,
    }
}

fn hold(id: usize, range: Option<Window>) -> Hold {
    Hold { id: format!("h{id}"), matter: None, range, record_types: None, conversation_ids: None, query: None }
}

/// Windows that begin in the seven years before today: at a day, at a second, or anywhere.
fn any_window(longest_days: i64) -> impl Strategy<Value = Window> {
    let grain = prop::sample::select(vec![DAY_MS, 1_000, 1]);
    let length = prop_oneof![1..1_000_i64, 1..longest_days * DAY_MS];
    (0..2_550 * DAY_MS, length, grain.clone(), grain).prop_map(|(before, length, start_grain, length_grain)| {
        let start = TODAY - 2_555 * DAY_MS + before;
        let length = (length / length_grain * length_grain).max(length_grain);
        let end = ((start / start_grain * start_grain) + length).min(TODAY + DAY_MS);
        let start = (start / start_grain * start_grain).min(end - 1);
        window(start, end - start)
    })
}

fn any_case() -> impl Strategy<Value = (PurgeRequest, Policy)> {
    let api = prop::sample::select(vec![DeletionApi::DataDeletion, DeletionApi::RecordingJobs]);
    let holds = prop::collection::vec(any_window(40), 0..9);
    let floors = prop::collection::vec(1_u32..2_600, 0..3);
    (api, any_window(200), 1_u32..=31, any::<bool>(), holds, floors).prop_map(
        |(api, range, length, hours, holds, floors)| {
            let chunking = if hours && api == DeletionApi::DataDeletion {
                Chunking::Hours(length * 7)
            } else {
                Chunking::Days(length)
            };
            let retention = floors.into_iter().map(|min_age_days| RetentionRule {
                record_types: vec![RecordType::Conversation],
                jurisdiction: None,
                min_age_days,
                basis: format!("{min_age_days}"),
            });
            let policy = Policy {
                holds: holds.into_iter().enumerate().map(|(id, range)| hold(id, Some(range))).collect(),
                retention: retention.collect(),
                ..Policy::default()
            };
            (request(api, range, chunking), policy)
        },
    )
}

fn verify(request: &PurgeRequest, policy: &Policy, checked: &Checked) {
    let parts = &checked.parts;
    // The parts are complete, in order and disjoint.
    assert_eq!(parts.first().map(|p| p.window.start()), Some(request.range.start()));
    assert_eq!(parts.last().map(|p| p.window.end()), Some(request.range.end()));
    for pair in parts.windows(2) {
        assert_eq!(pair[0].window.end(), pair[1].window.start());
        let same = pair[0].disposition == pair[1].disposition && pair[0].reason == pair[1].reason;
        assert!(!same, "{pair:?} should be one part");
    }
    // The chunks of the plan are the deleted parts, numbered from 1.
    let deleted: Vec<Window> = parts.iter().filter(|p| p.disposition == Disposition::Chunk).map(|p| p.window).collect();
    let chunks = checked.plan.as_ref().map(|p| p.chunks().to_vec()).unwrap_or_default();
    assert_eq!(chunks.iter().map(|c| c.window).collect::<Vec<_>>(), deleted);
    assert_eq!(checked.plan.is_none(), deleted.is_empty(), "{:?}", checked.findings);
    let today = Timestamp::from_millis(TODAY);
    let five_years = today.minus_months(60).millis();
    for (index, chunk) in (1..).zip(&chunks) {
        assert_eq!((chunk.index, chunk.total), (index, u32::try_from(chunks.len()).unwrap()));
        let longest = match request.chunking {
            Chunking::Days(n) => i64::from(n) * DAY_MS,
            Chunking::Hours(n) => i64::from(n) * 3_600_000,
        };
        assert!(chunk.window.millis() <= longest);
        // A chunk contains nothing that is kept.
        for hold in &policy.holds {
            assert!(!hold.range.unwrap().overlaps(chunk.window), "{hold:?} {chunk:?}");
        }
        for rule in &policy.retention {
            assert!(chunk.window.end().millis() <= TODAY - i64::from(rule.min_age_days) * DAY_MS);
        }
        assert!(chunk.window.end().millis() <= TODAY - 2 * DAY_MS);
        if request.api == DeletionApi::RecordingJobs {
            assert!(chunk.window.start().is_midnight() && chunk.window.end().is_midnight(), "{chunk:?}");
            match chunk.age {
                Age::Aged => assert!(chunk.window.end().millis() <= five_years - DAY_MS),
                Age::Recent => assert!(chunk.window.start().millis() >= five_years + DAY_MS),
            }
        } else {
            assert_eq!(chunk.age, Age::Recent);
        }
    }
    // Every kept part has a cause and is named by the strongest one.
    for part in parts.iter() {
        for at in [part.window.start(), part.window.last_millisecond()] {
            assert_eq!(part.disposition, expected(request, policy, at), "{at} in {part:?}");
        }
    }
}

/// What happens to one instant, found without sorting or sweeping.
fn expected(request: &PurgeRequest, policy: &Policy, at: Timestamp) -> Disposition {
    let whole_days = request.api == DeletionApi::RecordingJobs;
    let boundary = Timestamp::from_millis(TODAY).minus_months(60).millis();
    // Where a job selects conversations by activity, conversations of up to 31 days reach this far.
    let reach = if whole_days && at.millis() < boundary - DAY_MS { 31 * DAY_MS } else { 0 };
    let held = |hold: &Hold| {
        let range = hold.range.unwrap();
        let kept = if whole_days { range.widened_to_days() } else { range };
        (kept.start().millis() - reach..kept.end().millis() + reach).contains(&at.millis())
    };
    let day = at.start_of_day();
    let part_of_a_day = day < request.range.start() || day.plus_days(1) > request.range.end();
    let near_five_years = (boundary - DAY_MS..boundary + DAY_MS).contains(&at.millis());
    if policy.holds.iter().any(held) {
        Disposition::Held
    } else if policy.retention.iter().any(|r| at.millis() + reach >= TODAY - i64::from(r.min_age_days) * DAY_MS) {
        Disposition::Retained
    } else if at.millis() >= TODAY - 2 * DAY_MS {
        Disposition::TooRecent
    } else if whole_days && (part_of_a_day || near_five_years) {
        Disposition::Refused
    } else {
        Disposition::Chunk
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, rng_seed: SEED, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_range_is_cut_exactly((request, policy) in any_case(), offset in 0..DAY_MS) {
        let checked = check_parsed(&request, &policy, &context(0));
        verify(&request, &policy, &checked);
        if offset % 16 == 0 {
            prop_assert_eq!(check_parsed(&request, &policy, &context(offset)), checked);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, rng_seed: SEED, failure_persistence: None, ..ProptestConfig::default() })]

    /// The loop to compare with: `for current.Before(end) { next := current.AddDate(0, 0, n); if next.After(end) { next = end } …
    /// }`
    #[test]
    fn days_are_cut_as_a_calendar_loop_cuts_them(range in any_window(900), days in 1_u32..=31) {
        let safe = Window::new(range.start(), range.end().min(Timestamp::from_millis(TODAY - 2 * DAY_MS)));
        prop_assume!(safe.is_some());
        let range = safe.unwrap();
        let checked = check_parsed(&request(DeletionApi::DataDeletion, range, Chunking::Days(days)), &Policy::default(), &context(0));
        let mut naive = Vec::new();
        let mut current = range.start();
        while current < range.end() {
            let next = current.plus_days(days).min(range.end());
            naive.push(Window::new(current, next).unwrap());
            current = next;
        }
        let chunks: Vec<Window> = checked.plan.unwrap().chunks().iter().map(|c| c.window).collect();
        prop_assert_eq!(chunks, naive);
    }
}

#[test]
fn one_millisecond_on_either_side_of_a_hold_is_cut_exactly() {
    let start = TODAY - 1_000 * DAY_MS;
    let request = request(DeletionApi::DataDeletion, window(start, 3), Chunking::Days(1));
    let policy = Policy { holds: vec![hold(0, Some(window(start + 1, 1)))], ..Policy::default() };
    let checked = check_parsed(&request, &policy, &context(0));
    verify(&request, &policy, &checked);
    let lengths: Vec<i64> = checked.parts.iter().map(|p| p.window.millis()).collect();
    assert_eq!(lengths, [1, 1, 1]);
}
