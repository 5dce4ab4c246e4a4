//! Tests that every change to a log is detected.

use proptest::prelude::*;
use purge_core::audit::{AUDIT_VERSION, BadRecord, ChainHead, Event, Manifest, Verdict, Verifier, Why, seal};
use purge_core::json::digest;
use purge_core::run::Outcome;

use crate::support::{Log, PLAN, RUN, World, cancel_asked, retried};

fn check(lines: &[String], manifest: Option<&Manifest>) -> Verdict {
    let mut verifier = Verifier::new();
    for line in lines {
        verifier.line(line);
    }
    verifier.finish(manifest)
}

fn bad(lines: &[String], manifest: Option<&Manifest>) -> BadRecord {
    check(lines, manifest).bad.expect("the log is accepted")
}

/// A log of three interleaved chunks, one of them retried, and the manifest of their heads.
fn log() -> (Vec<String>, Manifest) {
    let world = World::of(3);
    let mut log = Log::default();
    log.add(2, 1, cancel_asked());
    log.attempt(&world, 1, 1, Outcome::Failed);
    log.attempt(&world, 3, 1, Outcome::Verified);
    log.attempt(&world, 1, 2, Outcome::Verified);
    log.add(2, 1, Event::Submitted);
    let manifest = Manifest {
        version: AUDIT_VERSION,
        run_id: RUN.to_owned(),
        plan_digest: PLAN.to_owned(),
        heads: log.heads.clone(),
    };
    (log.lines(), manifest)
}

#[test]
fn an_untouched_log_is_good_and_gives_its_manifest() {
    let (lines, manifest) = log();
    let verdict = check(&lines, Some(&manifest));
    assert!(verdict.is_good(), "{:?}", verdict.bad);
    assert_eq!(verdict.records, lines.len() as u64);
    assert_eq!(verdict.manifest, Some(manifest.clone()));
    let text = purge_core::json::canonical(&manifest);
    assert_eq!(serde_json::from_str::<Manifest>(&text).unwrap(), manifest);
}

#[test]
fn a_log_tells_in_brief_what_it_is_of() {
    let world = World::of(3);
    let mut log = Log::default();
    log.attempt(&world, 1, 1, Outcome::Failed).attempt(&world, 2, 1, Outcome::Failed);
    log.attempt(&world, 1, 2, Outcome::Verified).add(2, 2, retried());
    let (first, last) = (log.records[0].timestamp, log.records.last().unwrap().timestamp);
    let verdict = check(&log.lines(), None);
    assert!(verdict.told.simulated);
    assert_eq!(verdict.told.approved_by.iter().collect::<Vec<_>>(), ["grace"]);
    assert_eq!(verdict.told.span, Some((first, last)));
    // A chunk that was begun again has not ended.
    assert_eq!(verdict.told.ended.iter().collect::<Vec<_>>(), [(&1, &Outcome::Verified)]);
    assert!(!verdict.manifest_checked && check(&log.lines(), verdict.manifest.as_ref()).manifest_checked);
}

#[test]
fn one_record_line_and_its_hash() {
    let mut log = Log::default();
    log.add_measured(1, 1, Event::Counted { records: 144 }, None);
    insta::assert_snapshot!(log.lines()[0]);
    let again = seal(&mut ChainHead::origin(PLAN, 1), log.records[0].clone());
    assert_eq!(again, log.records[0], "the hash that it had before is no part of it");
    insta::assert_snapshot!(ChainHead::origin(PLAN, 1).hash, @"sha256:6ca5de5c060a8dce6baca972e995754050fdf99b309cd53a6c14ad1cabd9902f");
}

#[test]
fn the_first_bad_record_is_named_with_what_is_wrong() {
    let (lines, manifest) = log();
    let at_line = |line: u64| lines[line as usize - 1].clone();
    let changed = |line: usize, from: &str, to: &str| {
        let mut lines = lines.clone();
        assert!(lines[line - 1].contains(from), "{}", lines[line - 1]);
        lines[line - 1] = lines[line - 1].replacen(from, to, 1);
        lines
    };
    let with = |edit: &dyn Fn(&mut Vec<String>)| {
        let mut lines = lines.clone();
        edit(&mut lines);
        lines
    };
    let table: Vec<(&str, Vec<String>)> = vec![
        ("a number changed", changed(3, "\"records\":144", "\"records\":145")),
        ("a field added", changed(3, "\"v\":1", "\"v\":1,\"x\":1")),
        ("a later version with a field more", changed(3, "\"v\":1", "\"v\":2,\"x\":1")),
        ("a later version", changed(3, "\"v\":1", "\"v\":2")),
        ("a space added", changed(3, "\"v\":1", "\"v\": 1")),
        ("another run", changed(3, RUN, "run_0000")),
        ("an empty line", with(&|lines| lines.insert(4, String::new()))),
        ("a record dropped", with(&|lines| drop(lines.remove(3)))),
        ("two records swapped", with(&|lines| lines.swap(3, 4))),
        ("a record repeated", with(&|lines| lines.insert(5, at_line(4)))),
        ("the last record cut", with(&|lines| drop(lines.pop()))),
        ("a whole chunk cut", with(&|lines| lines.retain(|line| !line.contains("\"chunk\":3,\"")))),
        ("everything cut", Vec::new()),
    ];
    let said: Vec<_> = table.iter().map(|(what, lines)| format!("{what}: {}", bad(lines, Some(&manifest)))).collect();
    insta::assert_snapshot!(said.join("\n"));
}

/// A hash over bytes that nobody else would hash proves nothing.
#[test]
fn a_record_written_in_another_way_is_a_changed_one_even_with_a_hash_that_fits() {
    let (lines, _) = log();
    for (from, to) in [("{\"action\"", "{ \"action\""), ("data_purge", "data\\u005fpurge")] {
        let mut line = lines[0].replacen(from, to, 1);
        assert_ne!(line, lines[0]);
        let (before, rest) = line.split_once("\"hash\":\"").unwrap();
        let (hash, after) = rest.split_once("\",").unwrap();
        let (old, new) = (hash.to_owned(), digest(format!("{before}{after}").as_bytes()));
        line = line.replacen(&old, &new, 1);
        let bad = bad(&[line], None);
        assert_eq!((bad.why, bad.line), (Why::Changed, Some(1)), "{to}");
    }
}

#[test]
fn what_comes_after_the_first_bad_record_changes_nothing_but_where_a_missing_one_is() {
    let (lines, manifest) = log();
    let mut changed = lines.clone();
    changed[2] = changed[2].replacen("144", "145", 1);
    changed.insert(3, lines[2].clone());
    let bad = bad(&changed, Some(&manifest));
    assert_eq!((bad.why, bad.line, bad.seq), (Why::Changed, Some(3), Some(1)));
}

#[test]
fn a_log_resealed_by_somebody_else_is_foreign_unlinked_or_ends_otherwise() {
    let (lines, manifest) = log();
    let mut foreign = Log::default();
    foreign.add(2, 1, Event::Submitted);
    let resealed = foreign.lines();
    // A log that is forged as a whole is good in itself. That is why the manifest is kept elsewhere.
    assert!(check(&resealed, None).is_good());
    let only_chunk_two = Manifest {
        heads: [(2, ChainHead { length: 1, hash: manifest.heads[&2].hash.clone() })].into(),
        ..manifest.clone()
    };
    assert_eq!(bad(&resealed, Some(&only_chunk_two)).why, Why::OtherEnd);
    // If one record is forged in place, the next record does not follow from it.
    let mut lines = lines;
    lines[0].clone_from(&resealed[0]);
    let bad = bad(&lines, None);
    assert_eq!((bad.why, bad.chunk, bad.seq), (Why::Unlinked, Some(2), Some(1)));
}

#[test]
fn the_run_and_plan_may_be_given() {
    let (lines, manifest) = log();
    let mut other_run = Verifier::of("run_other", PLAN);
    let mut other_plan = Verifier::of(RUN, "sha256:other");
    for line in &lines {
        other_run.line(line);
        other_plan.line(line);
    }
    assert!(matches!(other_run.finish(None).bad.unwrap().why, Why::ForeignRun { .. }));
    assert!(matches!(other_plan.finish(None).bad.unwrap().why, Why::ForeignPlan { .. }));
    let other = Manifest { run_id: "run_other".to_owned(), ..manifest.clone() };
    assert!(matches!(bad(&lines, Some(&other)).why, Why::ForeignRun { .. }));
    let other = Manifest { plan_digest: "sha256:other".to_owned(), ..manifest.clone() };
    assert!(matches!(bad(&lines, Some(&other)).why, Why::ForeignPlan { .. }));
    let other = Manifest { version: AUDIT_VERSION + 1, ..manifest.clone() };
    assert_eq!(bad(&lines, Some(&other)).why, Why::UnknownVersion { version: AUDIT_VERSION + 1 });
    let mut shorter = manifest.clone();
    shorter.heads.get_mut(&3).unwrap().length -= 1;
    assert_eq!(bad(&lines, Some(&shorter)).why, Why::Appended);
    let mut fewer = manifest.clone();
    fewer.heads.remove(&3);
    assert_eq!(bad(&lines, Some(&fewer)).why, Why::UnknownChunk);
}

proptest! {
    #[test]
    fn a_changed_byte_shows(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let (lines, manifest) = log();
        let mut bytes = lines.join("\n").into_bytes();
        let place = place.index(bytes.len());
        prop_assume!(bytes[place] != byte);
        bytes[place] = byte;
        // The verifier takes text, so bytes that are not UTF-8 reach it through a lossy conversion, which must be detected as well.
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<_> = text.split('\n').map(str::to_owned).collect();
        prop_assert!(!check(&lines, None).is_good());
        prop_assert!(!check(&lines, Some(&manifest)).is_good());
    }

    #[test]
    fn dropping_doubling_moving_and_cutting_show(
        a in any::<prop::sample::Index>(),
        b in any::<prop::sample::Index>(),
        what in 0..5,
    ) {
        let (original, manifest) = log();
        let mut lines = original.clone();
        let (a, b) = (a.index(lines.len()), b.index(lines.len()));
        match what {
            0 => drop(lines.remove(a)),
            1 => lines.insert(b, original[a].clone()),
            2 => lines.swap(a, b),
            3 => lines.truncate(a),
            _ => {
                let mut more = Log { heads: manifest.heads.clone(), ..Log::default() };
                more.add(1 + u32::try_from(b % 4).unwrap(), 1, Event::Submitted);
                lines.extend(more.lines());
            }
        }
        // Chunks may be interleaved in any way, so only the order within a chunk counts.
        let by_chunk = |lines: &[String]| {
            let mut lines = lines.to_vec();
            lines.sort_by_key(|line| line.split("\"chunk\":").nth(1).and_then(|rest| rest.chars().next()));
            lines
        };
        prop_assume!(by_chunk(&lines) != by_chunk(&original));
        prop_assert!(!check(&lines, Some(&manifest)).is_good());
    }

    #[test]
    fn any_text_is_answered(lines in prop::collection::vec(".*", 0..4)) {
        prop_assert_eq!(check(&lines, None).is_good(), lines.is_empty());
    }
}
