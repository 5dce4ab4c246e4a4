//! Commands that can be given next, ready to be typed.

use std::path::Path;

use crate::args::DEFAULT_LEDGER;
use crate::carry::run::Surroundings;

/// The command that retries the run, with the flags of the present command.
pub(crate) fn retry(around: &Surroundings, run_id: &str) -> String {
    // The policy and the evidence folder that were given now apply to the retry as well.
    let policy = flag_with_path("--policy", around.policy.as_ref().map(|policy| policy.path()));
    let evidence = flag_with_path("--evidence", around.evidence.as_deref());
    format!("genesys-purge retry {run_id}{}{policy}{evidence}", ledger(&around.folder))
}

/// The command that sends the run's undelivered messages and deletes nothing.
pub(crate) fn messages(around: &Surroundings, run_id: &str) -> String {
    let evidence = flag_with_path("--evidence", around.evidence.as_deref());
    format!("genesys-purge retry {run_id} --messages{}{evidence}", ledger(&around.folder))
}

/// The command that cancels the run.
pub(crate) fn cancel(folder: &Path, run_id: &str) -> String {
    format!("genesys-purge cancel {run_id}{}", ledger(folder))
}

fn flag_with_path(flag: &str, path: Option<&Path>) -> String {
    path.map(|path| format!(" {flag} {}", quoted(path))).unwrap_or_default()
}

fn ledger(folder: &Path) -> String {
    if folder == Path::new(DEFAULT_LEDGER) { String::new() } else { format!(" --ledger {}", quoted(folder)) }
}

/// The path as one word for a POSIX shell.
fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    if !path.is_empty() && path.chars().all(plain) { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_one_word() {
        for (path, typed) in [
            ("purges/2023.q1", "purges/2023.q1"),
            ("Retention 2023", "'Retention 2023'"),
            ("Müller's $HOME", r"'Müller'\''s $HOME'"),
        ] {
            assert_eq!(quoted(Path::new(path)), typed);
        }
    }
}
