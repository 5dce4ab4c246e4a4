//! Reads one request from each line of standard input, followed by a tab and its policy if it has one. Prints, a line each, the
//! digest of the plan or the codes of the findings, to be compared with what the same calls give in Node and in Chromium.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "that is what it is for")]

use std::io::BufRead as _;
use std::time::Instant;

use purge_core::plan::{CheckContext, Plan, check};
use purge_core::time::Timestamp;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let context = CheckContext {
        now: Timestamp::parse("2026-11-23T12:00:00Z")?,
        tenant_jurisdiction: None,
        default_jurisdiction: None,
    };
    let lines = std::io::stdin().lock().lines().collect::<Result<Vec<_>, _>>()?;
    let started = Instant::now();
    let mut answers = Vec::with_capacity(lines.len());
    for line in &lines {
        let (request, policy) =
            line.split_once('\t').map_or((line.as_str(), None), |(request, policy)| (request, Some(policy)));
        let checked = check(request, policy, &context);
        let codes = || checked.findings.iter().map(|f| f.code.as_str()).collect::<Vec<_>>().join(" ");
        answers.push(checked.plan.as_ref().map(Plan::digest).map_or_else(codes, str::to_owned));
    }
    eprintln!("{}", started.elapsed().as_secs_f64() * 1000.0);
    for answer in answers {
        println!("{answer}");
    }
    Ok(())
}
