//! Runs other programs, and prints which ones and how long they take.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::time::Instant;

/// The commands that were run, and how many seconds each took.
static TIMES: Mutex<Vec<(String, f64)>> = Mutex::new(Vec::new());

/// The root folder of the repository.
pub(crate) fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).map_or(here.clone(), PathBuf::from)
}

/// Runs a command line in the root folder of the repository. Words are separated by spaces.
///
/// # Errors
/// If it cannot be started or exits with a code other than 0.
pub(crate) fn run(line: &str) -> Result<(), String> {
    run_with(line, &[])
}

/// Like [`run`], with more environment variables.
pub(crate) fn run_with(line: &str, env: &[(&str, &str)]) -> Result<(), String> {
    let mut words = line.split_whitespace();
    let program = words.next().ok_or("nothing to run")?;
    println!("\n==> {line}");
    let start = Instant::now();
    let status = Command::new(program)
        .args(words)
        .envs(env.iter().copied())
        .current_dir(root())
        .status()
        .map_err(|why| format!("cannot start `{program}`: {why}"))?;
    let seconds = start.elapsed().as_secs_f64();
    println!("<== {seconds:.1} s");
    if let Ok(mut times) = TIMES.lock() {
        times.push((line.to_owned(), seconds));
    }
    if status.success() { Ok(()) } else { Err(format!("`{line}` failed: {status}")) }
}

/// Prints the commands that were run and their times, longest first.
pub(crate) fn print_times() {
    let Ok(mut times) = TIMES.lock() else { return };
    times.sort_by(|a, b| b.1.total_cmp(&a.1));
    println!();
    for (line, seconds) in times.iter() {
        println!("{seconds:>7.1} s  {line}");
    }
}

/// What a command prints, if it succeeds.
pub(crate) fn output(line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    let output = Command::new(words.next()?).args(words).current_dir(root()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
