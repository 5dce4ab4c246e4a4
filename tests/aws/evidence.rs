//! Evidence in its bucket, checked by the command line as anybody would.

use std::path::{Path, PathBuf};
use std::process::Command;

use aws_sdk_s3::Client;
use serde_json::Value;

use crate::emulator::root;

/// The command line of this project, of the same build as this test; `cargo xtask aws-test` builds both.
#[must_use]
pub fn command_line() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let build = test.ancestors().find(|folder| folder.join("deps").is_dir()).unwrap();
    let binary = build.join("genesys-purge");
    assert!(binary.exists(), "{} is not there: run `cargo xtask aws-test`", binary.display());
    binary
}

/// The binary of the functions: `PURGE_FUNCTIONS` names it, or it is that of `cargo xtask aws-build`.
#[must_use]
pub fn functions() -> PathBuf {
    let binary = std::env::var_os("PURGE_FUNCTIONS").map(PathBuf::from);
    let binary = binary.unwrap_or_else(|| root().join("target/lambda/bootstrap/bootstrap"));
    assert!(binary.exists(), "{} is not there: run `cargo xtask aws-build`", binary.display());
    binary
}

/// The text under a key, if there is any.
pub async fn read(s3: &Client, bucket: &str, key: &str) -> Option<String> {
    let got = s3.get_object().bucket(bucket).key(key).send().await.ok()?;
    String::from_utf8(got.body.collect().await.ok()?.into_bytes().to_vec()).ok()
}

/// The keys that begin with this.
pub async fn keys(s3: &Client, bucket: &str, prefix: &str) -> Vec<String> {
    let listed = s3.list_objects_v2().bucket(bucket).prefix(prefix).send().await.unwrap();
    listed.contents().iter().map(|object| object.key().unwrap().to_owned()).collect()
}

/// Puts the evidence of a run into a folder. `None` while it is not there, or is being replaced.
pub async fn download(s3: &Client, bucket: &str, run_id: &str, folder: &Path) -> Option<Value> {
    let manifest = read(s3, bucket, &format!("{run_id}/manifest.json")).await?;
    let names: Value = serde_json::from_str(&manifest).unwrap();
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("manifest.json"), &manifest).unwrap();
    for name in names["files"].as_object().unwrap().keys() {
        std::fs::write(folder.join(name), read(s3, bucket, &format!("{run_id}/{name}")).await?).unwrap();
    }
    serde_json::from_str(&std::fs::read_to_string(folder.join("report.json")).unwrap()).ok()
}

/// What `genesys-purge verify` says about a folder, if anything is wrong with it.
#[must_use]
pub fn wrong_with(program: &Path, folder: &Path) -> Option<String> {
    let verified = Command::new(program).arg("verify").arg(folder).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (!verified.status.success()).then(|| text(&verified.stdout) + &text(&verified.stderr))
}
