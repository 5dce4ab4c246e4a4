//! The policy that applies now, in its file.

use std::path::{Path, PathBuf};

use futures_util::FutureExt as _;
use futures_util::future::{LocalBoxFuture, ready};
use purge_driver::PolicyInForce;

use crate::documents::read_text;
use crate::failure::Failure;

/// A policy file that is read again before each deletion.
#[derive(Clone, Debug)]
pub(crate) struct PolicyFile(PathBuf);

impl PolicyFile {
    /// That file; `None` for what can be read only once, as standard input or a pipe.
    pub(crate) fn new(path: &Path) -> Option<Self> {
        path.is_file().then(|| Self(path.to_owned()))
    }

    /// Where it is, as it was named.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl PolicyInForce for PolicyFile {
    fn read(&self) -> LocalBoxFuture<'_, Result<String, String>> {
        let why = |failure: Failure| {
            let said: Vec<_> = failure.findings.into_iter().map(|finding| finding.message).collect();
            said.join("; ")
        };
        ready(read_text(&self.0).map_err(why)).boxed_local()
    }
}
