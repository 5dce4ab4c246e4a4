//! The requests that a simulated tenant has received, in order, so that a killed run goes on with the very same tenant.
//!
//! The tenant is a function of its scenario and its requests: the same requests make the same tenant. Every request is in the file
//! before it is answered. Writing therefore costs the same for the last request as for the first, and the file shows what really
//! arrived.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use purge_core::http::Method;
use purge_core::time::Timestamp;
use purge_sim::{Scenario, Tenant, TenantRequest};
use serde::{Deserialize, Serialize};

/// Version of the file format.
const VERSION: u32 = 1;

/// The first line: which tenant it is.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    v: u32,
    scenario: Scenario,
}

/// Every other line: one request.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    at: Timestamp,
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: String,
}

/// A journal that is open for writing.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
}

impl Journal {
    /// Opens the journal and rebuilds the tenant that it describes. Without a journal, starts one for a tenant with that scenario.
    pub(crate) fn open(path: &Path, scenario: Scenario) -> io::Result<(Self, Tenant)> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let (tenant, complete) = match File::open(path) {
            Ok(file) => replay(BufReader::new(file))?,
            Err(why) if why.kind() == io::ErrorKind::NotFound => (None, 0),
            Err(why) => return Err(why),
        };
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        // A last line without a line break was never answered.
        file.set_len(complete)?;
        let mut journal = Self { file };
        io::Seek::seek(&mut journal.file, io::SeekFrom::End(0))?;
        let tenant = match tenant {
            Some(tenant) => tenant,
            None => {
                journal.write(&Head { v: VERSION, scenario: scenario.clone() })?;
                Tenant::new(scenario)
            }
        };
        Ok((journal, tenant))
    }

    /// The scenario of the tenant that a journal describes.
    pub(crate) fn scenario(path: &Path) -> io::Result<Scenario> {
        let mut line = String::new();
        BufReader::new(File::open(path)?).read_line(&mut line)?;
        head(&line).map(|head| head.scenario)
    }

    /// Writes down a request that is about to be answered.
    pub(crate) fn note(&mut self, request: &TenantRequest, at: Timestamp) -> io::Result<()> {
        self.write(&Entry {
            at,
            method: request.method,
            path: request.path.clone(),
            headers: request.headers.clone(),
            body: request.body.clone(),
        })
    }

    /// Writes each line in one call, so that a killed process leaves at most one incomplete line.
    fn write(&mut self, line: &impl Serialize) -> io::Result<()> {
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        self.file.write_all(text.as_bytes())
    }
}

fn head(line: &str) -> io::Result<Head> {
    let head: Head = serde_json::from_str(line)?;
    if head.v == VERSION {
        Ok(head)
    } else {
        Err(io::Error::other(format!("the simulated tenant's journal is of version {}", head.v)))
    }
}

/// The tenant after all complete lines, and their length in bytes.
fn replay(mut from: impl BufRead) -> io::Result<(Option<Tenant>, u64)> {
    let (mut tenant, mut complete, mut line) = (None, 0, String::new());
    loop {
        line.clear();
        let length = from.read_line(&mut line)?;
        if !line.ends_with('\n') {
            return Ok((tenant, complete));
        }
        match &mut tenant {
            None => tenant = Some(Tenant::new(head(&line)?.scenario)),
            Some(tenant) => {
                let Entry { at, method, path, headers, body } = serde_json::from_str(&line)?;
                tenant.handle(&TenantRequest { method, path, headers, body }, at);
            }
        }
        complete += u64::try_from(length).unwrap_or(0);
    }
}
