//! Folders that nobody but this user may look into: plans say what is deleted and why, and whoever may open a lock may hold it.

use std::fs::DirBuilder;
use std::io;
use std::path::Path;

/// Makes the folder, and those above it, where they are missing. One that is there keeps its permissions.
pub(crate) fn make(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}
