//! The policy that applies now, in its file.

use std::path::{Path, PathBuf};

use futures_util::FutureExt as _;
use futures_util::future::{LocalBoxFuture, ready};
use purge_driver::PolicyInForce;

use crate::documents::read_text;
use crate::exit::Exit;
use crate::failure::Failure;

/// A policy file that is read again before each deletion.
#[derive(Clone, Debug)]
pub(crate) struct PolicyFile(PathBuf);

impl PolicyFile {
    /// That file. What is not there is for whoever reads it to say.
    ///
    /// # Errors
    /// When it can be read only once, as standard input or a pipe: holds that come later would not count, and nobody would know.
    pub(crate) fn new(path: &Path) -> Result<Self, Failure> {
        if path == Path::new("-") || (path.exists() && !path.is_file()) {
            let name = path.display().to_string();
            let message =
                format!("`{name}` can be read only once, but the policy is read again right before each deletion");
            let help = "give it as a file, and leave it where it is while the run goes on";
            return Err(Failure::new(Exit::BadInput, "policy.readOnce", "--policy", message, help));
        }
        Ok(Self(path.to_owned()))
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
