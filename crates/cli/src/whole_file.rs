//! Writes files that appear whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Writes a temporary file beside `path`, makes it durable, and renames it to `path`.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = temporary_path(path);
    let written = File::create(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let moved = written.and_then(|()| fs::rename(&temporary, path));
    if moved.is_err() {
        // Ignored, because the first error is the one to report.
        let _ = fs::remove_file(&temporary);
    }
    moved.and_then(|()| sync_parent(path))
}

/// Makes durable that `path` has its name now, as far as the file system can. Otherwise a loss of power may undo a rename whose file
/// is already durable.
pub(crate) fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match File::open(parent).and_then(|folder| folder.sync_all()) {
        // A folder may be for writing only, and not every file system syncs folders. The file is there all the same.
        Err(why) if is_impossible(why.kind()) => Ok(()),
        synced => synced,
    }
}

fn is_impossible(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported)
}

/// A name in the same folder that no other process uses. It must be the same folder because a file can only be renamed within its
/// file system.
fn temporary_path(path: &Path) -> PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    path.with_file_name(format!(".{name}.{}.new", std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No folder of a test's own is on a file system that syncs none; this one is.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_folder_that_no_file_system_syncs_is_no_failure_and_one_that_is_missing_is() {
        assert!(File::open("/proc").unwrap().sync_all().is_err());
        assert!(sync_parent(Path::new("/proc/proof")).is_ok());
        assert_eq!(sync_parent(Path::new("/proc/nowhere/proof")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
