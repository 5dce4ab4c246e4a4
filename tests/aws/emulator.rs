//! MiniStack, the local AWS, and moto, a second opinion about SQS. Each test has processes of its own, and clients for them.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, LocalSecondaryIndex, Projection, ProjectionType,
    ScalarAttributeType,
};
use purge_driver::HttpsClient;
use purge_lambda::ledger::{BY_DUE, DUE, PARTITION, SORT};

/// How long a test waits for an answer. On a busy machine the first answer of an emulator takes seconds, and a repeated call may
/// find that the first was carried out: its table already exists.
const PATIENCE: Duration = Duration::from_secs(60);

/// The root folder of the repository.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A running emulator. It ends when this value is dropped.
#[derive(Debug)]
pub struct Emulator {
    process: Child,
    folder: PathBuf,
    pub url: String,
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Emulator {
    /// Starts an empty emulator on a free port. `cargo xtask aws-setup` installs it.
    #[must_use]
    pub fn start() -> Self {
        let port = free_port();
        let url = format!("http://127.0.0.1:{port}");
        let folder = std::env::temp_dir().join(format!("purge-emulator-{port}"));
        std::fs::create_dir_all(&folder).unwrap();
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let process = Command::new(tool("ministack"))
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .env("MINISTACK_HOST", "127.0.0.1")
            .env("AWS_ENDPOINT_URL", &url)
            .env("STATE_DIR", &folder)
            // Otherwise it would listen to the whole network.
            .env("IOT_MTLS_ENABLED", "0")
            .stdout(Stdio::from(log.try_clone().unwrap()))
            .stderr(Stdio::from(log))
            .spawn()
            .unwrap();
        let mut emulator = Self { process, folder, url };
        let log = emulator.folder.join("log");
        until_answering(port, &mut emulator.process, || std::fs::read_to_string(&log).unwrap_or_default());
        emulator
    }

    /// Everything that the emulator has printed.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// A folder that is removed with the emulator.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Runs the SAM command line against the emulator, and returns what it prints.
    #[must_use]
    pub fn sam(&self, arguments: &[&str]) -> String {
        let output = Command::new(root().join("target/venv-sam/bin/sam"))
            .args(arguments)
            .env("AWS_ENDPOINT_URL", &self.url)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("SAM_CLI_TELEMETRY", "0")
            .current_dir(&self.folder)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        text
    }

    /// The configuration for clients of the emulator.
    pub async fn config(&self) -> SdkConfig {
        config(&self.url).await
    }
}

/// A running moto. It ends when this value is dropped.
#[derive(Debug)]
pub struct Moto {
    process: Child,
    pub url: String,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Moto {
    /// Starts an empty one on a free port.
    #[must_use]
    pub fn start() -> Self {
        let port = free_port();
        let process = Command::new(tool("moto_server"))
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut moto = Self { process, url: format!("http://127.0.0.1:{port}") };
        until_answering(port, &mut moto.process, String::new);
        moto
    }
}

/// The path of a program that `cargo xtask aws-setup` installs.
fn tool(name: &str) -> PathBuf {
    let program = root().join("target/venv-aws/bin").join(name);
    assert!(program.exists(), "{} is not there: run `cargo xtask aws-setup`", program.display());
    program
}

/// A free port, from those that the system does not assign by itself. An emulator takes seconds until it listens; meanwhile any
/// other port could be given to a call or to the next emulator.
fn free_port() -> u16 {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    loop {
        let next = std::process::id().wrapping_mul(64).wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(10_000 + next % 20_000).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Waits until the process answers. It listens before it can do anything, and may do so more than once.
fn until_answering(port: u16, process: &mut Child, log: impl Fn() -> String) {
    let deadline = Instant::now() + PATIENCE;
    while !answers(port).unwrap_or(false) {
        assert!(process.try_wait().unwrap().is_none(), "the emulator has ended: {}", log());
        assert!(Instant::now() < deadline, "the emulator does not start: {}", log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Whether a process listens there that speaks HTTP.
fn answers(port: u16) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
    let mut begin = [0; 5];
    stream.read_exact(&mut begin)?;
    Ok(&begin == b"HTTP/")
}

/// The configuration for clients of an emulator at that address.
pub async fn config(url: &str) -> SdkConfig {
    let keys = aws_sdk_dynamodb::config::Credentials::new("test", "test", None, None, "test");
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(purge_lambda::connector::over(HttpsClient::new().unwrap()))
        .timeout_config(TimeoutConfig::builder().operation_timeout(PATIENCE).build())
        .credentials_provider(keys)
        .region(Region::new("us-east-1"))
        .endpoint_url(url)
        .load()
        .await
}

/// Creates a table like that of the template.
pub async fn create_table(client: &aws_sdk_dynamodb::Client, name: &str) {
    let attribute =
        |name: &str, kind| AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build().unwrap();
    let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
    let by_due = LocalSecondaryIndex::builder()
        .index_name(BY_DUE)
        .key_schema(key(PARTITION, KeyType::Hash))
        .key_schema(key(DUE, KeyType::Range))
        .projection(Projection::builder().projection_type(ProjectionType::All).build())
        .build()
        .unwrap();
    client
        .create_table()
        .table_name(name)
        .attribute_definitions(attribute(PARTITION, ScalarAttributeType::S))
        .attribute_definitions(attribute(SORT, ScalarAttributeType::S))
        .attribute_definitions(attribute(DUE, ScalarAttributeType::N))
        .key_schema(key(PARTITION, KeyType::Hash))
        .key_schema(key(SORT, KeyType::Range))
        .local_secondary_indexes(by_due)
        .billing_mode(BillingMode::PayPerRequest)
        .send()
        .await
        .unwrap();
}
