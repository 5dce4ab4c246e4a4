//! Folders that only this user may look into: plans say what is deleted and why, and anybody who may open a lock may hold it.

use std::fs::DirBuilder;
use std::io;
use std::path::Path;

/// Makes the folder and its missing parents. An existing folder keeps its permissions.
pub(crate) fn create_dir_all(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}
