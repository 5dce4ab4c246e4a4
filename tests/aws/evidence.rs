//! Evidence in its bucket, checked by the command line as any user would.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{
    DefaultRetention, ObjectLockConfiguration, ObjectLockEnabled, ObjectLockRetentionMode, ObjectLockRule,
};
use purge_lambda::evidence::{LATEST, Latest};
use purge_lambda::undertaker::DEAD_LETTERS;
use serde_json::Value;

use crate::emulator::root;

/// The command line from the same build as this test. `cargo xtask aws-test` builds both.
#[must_use]
pub fn command_line() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let build = test.ancestors().find(|folder| folder.join("deps").is_dir()).unwrap();
    let binary = build.join("genesys-purge");
    assert!(binary.exists(), "{} is not there: run `cargo xtask aws-test`", binary.display());
    binary
}

/// The binary of the functions: `PURGE_FUNCTIONS`, or that of `cargo xtask aws-build`.
#[must_use]
pub fn functions() -> PathBuf {
    let binary = std::env::var_os("PURGE_FUNCTIONS").map(PathBuf::from);
    let binary = binary.unwrap_or_else(|| root().join("target/lambda/bootstrap/bootstrap"));
    assert!(binary.exists(), "{} is not there: run `cargo xtask aws-build`", binary.display());
    binary
}

/// The text under a key, if it exists.
pub async fn read(s3: &Client, bucket: &str, key: &str) -> Option<String> {
    let got = s3.get_object().bucket(bucket).key(key).send().await.ok()?;
    String::from_utf8(got.body.collect().await.ok()?.into_bytes().to_vec()).ok()
}

/// The keys with this prefix.
pub async fn keys(s3: &Client, bucket: &str, prefix: &str) -> Vec<String> {
    let listed = s3.list_objects_v2().bucket(bucket).prefix(prefix).send().await.unwrap();
    listed.contents().iter().map(|object| object.key().unwrap().to_owned()).collect()
}

/// Locks every object for a year, so that no one can delete it.
pub async fn lock(s3: &Client, bucket: &str) {
    let retention = DefaultRetention::builder().mode(ObjectLockRetentionMode::Compliance).years(1).build();
    let lock = ObjectLockConfiguration::builder()
        .object_lock_enabled(ObjectLockEnabled::Enabled)
        .rule(ObjectLockRule::builder().default_retention(retention).build());
    s3.put_object_lock_configuration().bucket(bucket).object_lock_configuration(lock.build()).send().await.unwrap();
}

/// The keys in a versioned bucket whose objects have ever had another content, except pointers and dead letters.
pub async fn overwritten(s3: &Client, bucket: &str) -> Vec<String> {
    let listed = s3.list_object_versions().bucket(bucket).send().await.unwrap();
    assert!(!listed.versions().is_empty() && listed.is_truncated() != Some(true), "{listed:?}");
    let mut contents = BTreeMap::<&str, BTreeSet<&str>>::new();
    for version in listed.versions() {
        contents.entry(version.key().unwrap()).or_default().insert(version.e_tag().unwrap());
    }
    let changed = contents.into_iter().filter(|(_, contents)| contents.len() > 1).map(|(key, _)| key.to_owned());
    changed.filter(|key| !key.ends_with(LATEST) && !key.starts_with(DEAD_LETTERS)).collect()
}

/// Where the newest evidence of a run is; `None` if there is none yet.
pub async fn latest(s3: &Client, bucket: &str, run_id: &str) -> Option<Latest> {
    let pointer = read(s3, bucket, &format!("{run_id}{LATEST}")).await?;
    Some(serde_json::from_str(&pointer).unwrap())
}

/// Downloads everything under a key into a new folder inside `into`, as `aws s3 cp --recursive` does. Returns that folder.
pub async fn download(s3: &Client, bucket: &str, under: &str, into: &Path) -> PathBuf {
    let folder = into.join(under);
    std::fs::create_dir_all(&folder).unwrap();
    for key in keys(s3, bucket, under).await {
        std::fs::write(into.join(&key), read(s3, bucket, &key).await.unwrap()).unwrap();
    }
    folder
}

/// The report of the newest evidence of a run; `None` if there is none yet. Evidence that is pointed to must be complete and hold.
pub async fn proved(s3: &Client, bucket: &str, run_id: &str, program: &Path, into: &Path) -> Option<Value> {
    let latest = latest(s3, bucket, run_id).await?;
    let folder = download(s3, bucket, &latest.folder, into).await;
    assert_eq!(wrong_with(program, &folder, &latest.manifest_digest), None, "{latest:?}");
    let report: Value = serde_json::from_str(&std::fs::read_to_string(folder.join("report.json")).unwrap()).unwrap();
    assert_eq!(report["outcome"], latest.outcome.as_str());
    Some(report)
}

/// What `genesys-purge verify` prints about a folder that does not hold, or whose manifest has another digest.
#[must_use]
pub fn wrong_with(program: &Path, folder: &Path, manifest_digest: &str) -> Option<String> {
    let verified =
        Command::new(program).arg("verify").arg(folder).args(["--manifest", manifest_digest]).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (!verified.status.success()).then(|| text(&verified.stdout) + &text(&verified.stderr))
}
