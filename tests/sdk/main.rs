//! Genesys's own client against the simulated tenant: the tenant accepts what the client sends, and the client can read what it
//! answers. Ignored, because the client may not be installed: `cargo xtask aws-setup` installs it, and `cargo xtask test` runs this
//! test.

#![cfg(test)]

#[path = "../program.rs"]
mod program;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use program::binary;

/// The tenant's process. It ends with the test.
struct Tenant(Child);

impl Drop for Tenant {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[ignore = "needs Genesys's client for Python: `cargo xtask aws-setup`"]
fn the_vendors_client_knows_the_tenant() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut served = Command::new(binary());
    let served = served.args(["tenant", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut tenant = Tenant(served);
    let (mut said, mut prints) = (String::new(), BufReader::new(tenant.0.stdout.take().unwrap()));
    prints.read_line(&mut said).unwrap();
    let address = said.split_whitespace().find(|word| word.starts_with("http://")).unwrap_or_else(|| panic!("{said}"));
    let story = Command::new(root.join("target/venv-genesys/bin/python"))
        .arg(root.join("tests/sdk/story.py"))
        .arg(address)
        .output()
        .unwrap();
    let (told, wrong) = (String::from_utf8_lossy(&story.stdout), String::from_utf8_lossy(&story.stderr));
    assert!(story.status.success() && told.contains("all as Genesys's own client reads it"), "{told}{wrong}");
}
