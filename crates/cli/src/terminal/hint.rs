//! Commands that somebody can give next, ready to be typed.

use std::path::Path;

use crate::args::DEFAULT_LEDGER;
use crate::carry::run::Surroundings;

/// What tries the run again, under what was said of it now.
pub(crate) fn retry(around: &Surroundings, run_id: &str) -> String {
    // Whoever said which policy applies now, or where the evidence goes, means it of the retry, too.
    let policy = said("--policy", around.policy.as_ref().map(|policy| policy.path()));
    let evidence = said("--evidence", around.evidence.as_deref());
    format!("genesys-purge retry {run_id}{}{policy}{evidence}", ledger(&around.folder))
}

/// What sends the messages of the run that are left over, and deletes nothing.
pub(crate) fn messages(around: &Surroundings, run_id: &str) -> String {
    let evidence = said("--evidence", around.evidence.as_deref());
    format!("genesys-purge retry {run_id} --messages{}{evidence}", ledger(&around.folder))
}

/// What stops the run.
pub(crate) fn cancel(folder: &Path, run_id: &str) -> String {
    format!("genesys-purge cancel {run_id}{}", ledger(folder))
}

fn said(flag: &str, path: Option<&Path>) -> String {
    path.map(|path| format!(" {flag} {}", quoted(path))).unwrap_or_default()
}

fn ledger(folder: &Path) -> String {
    if folder == Path::new(DEFAULT_LEDGER) { String::new() } else { format!(" --ledger {}", quoted(folder)) }
}

/// A path as a POSIX shell takes it for one word.
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
