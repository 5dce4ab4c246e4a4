//! Log lines, which are JSON objects.

use std::io::{Result, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use lambda_runtime::tracing::subscriber::fmt;
use lambda_runtime::tracing::subscriber::util::SubscriberInitExt as _;
use serde_json::Value;
use tracing::subscriber::DefaultGuard;

/// Everything that this thread logs, until it is dropped.
pub(super) struct Log {
    written: Written,
    _until_dropped: DefaultGuard,
}

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, text: &[u8]) -> Result<usize> {
        self.0.lock().unwrap().write(text)
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Log {
    pub(super) fn begin() -> Self {
        let written = Written::default();
        let writer = written.clone();
        let subscriber = fmt().json().with_writer(move || writer.clone());
        Self { written, _until_dropped: subscriber.set_default() }
    }

    /// The lines so far.
    pub(super) fn lines(&self) -> Vec<Value> {
        let text = String::from_utf8(self.written.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

/// The text of a line is its field `message`. Another field of that name would be a second key of the same name in the object.
#[test]
fn no_field_of_a_log_line_is_called_like_its_text() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files: Vec<_> = ["src", "../crates/driver/src"].iter().flat_map(|folder| sources(&here.join(folder))).collect();
    let mut lines = 0;
    for file in files {
        let code = std::fs::read_to_string(&file).unwrap();
        for call in code.split("tracing::").skip(1) {
            let Some((word, rest)) = call.split_once("!(") else { continue };
            if !word.chars().all(|c| c.is_ascii_alphabetic() || c == '_') {
                continue;
            }
            lines += 1;
            let fields = rest.split('"').next().unwrap_or_default();
            let named = fields.split(',').map(|field| field.split('=').next().unwrap_or_default().trim());
            for name in named {
                assert_ne!(name.trim_start_matches(['%', '?']), "message", "{}: {fields}", file.display());
            }
        }
    }
    assert!(lines > 10, "{lines} log lines were looked at");
}
