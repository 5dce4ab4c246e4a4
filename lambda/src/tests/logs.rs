//! Log lines, which are JSON objects.

use std::path::{Path, PathBuf};

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
