//! The policy port for a policy file.

use std::path::{Path, PathBuf};
use std::thread;

use futures_util::FutureExt as _;
use futures_util::future::{LocalBoxFuture, ready};
use purge_driver::PolicyInForce;
use tokio::sync::oneshot;

use crate::documents::read_text;
use crate::exit::Exit;
use crate::failure::Failure;

/// A policy file that is read again before each deletion.
#[derive(Clone, Debug)]
pub(crate) struct PolicyFile(PathBuf);

impl PolicyFile {
    /// Takes the path of a policy file. A missing file is reported when it is read.
    ///
    /// # Errors
    /// If the path can be read only once, as standard input or a pipe: later holds would go unnoticed.
    pub(crate) fn new(path: &Path) -> Result<Self, Failure> {
        if path == Path::new("-") || (path.exists() && !path.is_file()) {
            let name = path.display().to_string();
            let message =
                format!("`{name}` can be read only once, but the policy is read again right before each deletion");
            let help = "pass it as a file, and leave it in place while the run goes on";
            return Err(Failure::new(Exit::BadInput, "policy.readOnce", "--policy", message, help));
        }
        Ok(Self(path.to_owned()))
    }

    /// The path as it was given.
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
        // Reading may hang, on a network mount that is gone, and this thread has everything else to do. A thread of its own, since those
        // of the runtime are few and needed.
        let (path, (send, read)) = (self.0.clone(), oneshot::channel());
        let reading = thread::Builder::new().spawn(move || {
            // Opening a pipe would wait for a writer.
            let text = if path.exists() && !path.is_file() {
                Err(format!("`{}` is no file any more", path.display()))
            } else {
                read_text(&path).map_err(why)
            };
            // Whoever asked may have given up.
            let _ = send.send(text);
        });
        match reading {
            Ok(_) => read.map(|read| read.unwrap_or_else(|why| Err(why.to_string()))).boxed_local(),
            Err(why) => ready(Err(why.to_string())).boxed_local(),
        }
    }
}
