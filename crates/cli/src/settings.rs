//! Settings from the environment, read and checked as a whole before anything is sent.

use std::fs;

use purge_core::finding::{Finding, Severity};
use purge_core::order::tenant_name;
use purge_core::region::{REGIONS, Region, region};
use purge_core::url::{self, Url};
use purge_core::webhook::Secrets;
use purge_driver::{Credentials, OtherRegion, Proxy, Site};

use crate::exit::Exit;
use crate::failure::Failure;

/// Setting any of these means a real tenant.
const TENANT_SETTINGS: [&str; 6] = [
    "GENESYS_BASE_URL",
    "GENESYS_REGION",
    "GENESYS_LOGIN_URL",
    "GENESYS_CLIENT_ID",
    "GENESYS_CLIENT_SECRET",
    "GENESYS_CLIENT_SECRET_FILE",
];

/// Everything that the environment sets.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The real tenant; `None` for the simulated one.
    pub(crate) tenant: Option<RealTenant>,
    /// Where to report how chunks end.
    pub(crate) webhook: Option<Webhook>,
    /// The proxy between this machine and the network.
    pub(crate) proxy: Option<Proxy>,
    /// Jurisdiction of requests that name none.
    pub(crate) jurisdiction: Option<String>,
    /// What a person should know about the settings.
    pub(crate) remarks: Vec<Finding>,
}

/// A Genesys Cloud organisation, or a gateway that speaks for one.
#[derive(Clone, Debug)]
pub(crate) struct RealTenant {
    /// Its addresses and region.
    pub(crate) site: Site,
    /// Id and secret of the OAuth client.
    pub(crate) credentials: Credentials,
}

/// Where and how to tell the governance system.
#[derive(Clone, Debug)]
pub(crate) struct Webhook {
    /// Address.
    pub(crate) url: Url,
    /// Signing keys. Without them messages go out unsigned.
    pub(crate) secrets: Option<Secrets>,
}

impl RealTenant {
    /// The tenant's name in records.
    pub(crate) fn name(&self) -> String {
        tenant_name(&self.site.api.to_string(), self.credentials.client_id())
    }
}

/// Where settings come from: the environment of the process, or a table in tests.
pub(crate) trait Source {
    /// The setting's text if it is set, even to nothing. `Err` if it is not UTF-8.
    fn get(&self, name: &str) -> Option<Result<String, ()>>;
}

/// The environment of this process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Environment;

impl Source for Environment {
    fn get(&self, name: &str) -> Option<Result<String, ()>> {
        std::env::var_os(name).map(|text| text.into_string().map_err(|_| ()))
    }
}

impl Settings {
    /// Reads all settings and names everything that is wrong with them.
    pub(crate) fn read(source: &impl Source) -> Result<Self, Failure> {
        let mut reader = Reader { source, findings: Vec::new() };
        let tenant = reader.tenant();
        let (webhook, remarks) = reader.webhook();
        let proxy = reader.proxy();
        if tenant.is_some() || webhook.is_some() {
            reader.check_authorities();
        }
        let jurisdiction = reader.jurisdiction();
        if reader.findings.is_empty() {
            Ok(Self { tenant, webhook, proxy, jurisdiction, remarks })
        } else {
            Err(Failure { exit: Exit::BadInput, findings: reader.findings })
        }
    }
}

/// Reads settings one by one and collects what is wrong.
struct Reader<'a, S> {
    source: &'a S,
    findings: Vec<Finding>,
}

impl<S: Source> Reader<'_, S> {
    fn problem(&mut self, name: &str, code: &str, message: impl Into<String>, help: &str) {
        let pointer = format!("environment#{name}");
        self.findings.push(Finding::new(Severity::Error, &format!("settings.{code}"), pointer, message, help));
    }

    /// The text of a setting. An empty one is a problem, because it was probably meant to have a value.
    fn text(&mut self, name: &str) -> Option<String> {
        match self.source.get(name)? {
            Ok(text) if text.trim().is_empty() => {
                self.problem(name, "empty", format!("`{name}` is set but empty"), "give it a value or unset it");
                None
            }
            Ok(text) => Some(text.trim().to_owned()),
            Err(()) => {
                self.problem(name, "notText", format!("`{name}` is not UTF-8"), "set it again");
                None
            }
        }
    }

    /// Checks that the authorities in `SSL_CERT_FILE` can be read. Otherwise the program would silently trust its own list instead.
    fn check_authorities(&mut self) {
        let name = "SSL_CERT_FILE";
        let Some(path) = self.text(name) else { return };
        let help = "name a file of PEM certificates that you may read, or unset it";
        match std::fs::read(&path) {
            Ok(bytes) if String::from_utf8_lossy(&bytes).contains("-----BEGIN CERTIFICATE-----") => {}
            Ok(_) => self.problem(name, "noAuthority", format!("there is no certificate in `{path}`"), help),
            Err(why) => self.problem(name, "unreadable", format!("cannot read `{path}`: {why}"), help),
        }
    }

    /// A secret, from the setting itself or from the file that `{name}_FILE` names.
    fn secret(&mut self, name: &str) -> Option<String> {
        let file_setting = format!("{name}_FILE");
        let direct = self.text(name);
        let path = self.text(&file_setting);
        match (direct, path) {
            (Some(_), Some(_)) => {
                let message = format!("both `{name}` and `{file_setting}` are set");
                self.problem(name, "twice", message, "keep one of the two");
                None
            }
            (Some(secret), None) => Some(secret),
            (None, Some(path)) => match fs::read_to_string(&path) {
                Ok(content) if content.trim().is_empty() => {
                    self.problem(&file_setting, "empty", format!("`{path}` is empty"), "write the secret into it");
                    None
                }
                Ok(content) => Some(content.trim().to_owned()),
                Err(why) => {
                    let message = format!("cannot read `{path}`: {why}");
                    self.problem(&file_setting, "unreadable", message, "check the name and the permissions");
                    None
                }
            },
            (None, None) => None,
        }
    }

    fn address(&mut self, name: &str) -> Option<Url> {
        let text = self.text(name)?;
        match url::base_url(&text) {
            Ok(address) => Some(address),
            Err(why) => {
                // The message does not repeat the text, which may contain credentials.
                self.problem(
                    name,
                    "address",
                    format!("`{name}`: {why}"),
                    "write it like `https://api.mypurecloud.com`",
                );
                None
            }
        }
    }

    fn tenant(&mut self) -> Option<RealTenant> {
        if TENANT_SETTINGS.iter().all(|name| self.source.get(name).is_none()) {
            return None;
        }
        let before = self.findings.len();
        let base = self.address("GENESYS_BASE_URL");
        let region = self.region();
        let login = self.address("GENESYS_LOGIN_URL");
        let id = self.text("GENESYS_CLIENT_ID");
        let secret = self.secret("GENESYS_CLIENT_SECRET");
        self.check_login_text("GENESYS_CLIENT_ID", id.as_deref());
        self.check_login_text("GENESYS_CLIENT_SECRET", secret.as_deref());
        if self.findings.len() == before {
            self.require_complete(base.is_some() || region.is_some(), id.is_some(), secret.is_some());
        }
        let site = self.site(base, region, login)?;
        Some(RealTenant { site, credentials: Credentials::new(id?, secret?) })
    }

    fn region(&mut self) -> Option<Region> {
        let text = self.text("GENESYS_REGION")?;
        let found = region(&text);
        if found.is_none() {
            let help = format!("{}, or its domain such as `mypurecloud.com`", one_of_the_regions());
            self.problem("GENESYS_REGION", "region", format!("`{text}` is not a Genesys Cloud region"), &help);
        }
        found
    }

    /// Refuses control characters, which would get into a header, and a colon in the id, which would move the border to the secret
    /// (RFC 7617).
    fn check_login_text(&mut self, name: &str, text: Option<&str>) {
        let bad = |c: char| !c.is_ascii_graphic() || (name == "GENESYS_CLIENT_ID" && c == ':');
        if text.is_some_and(|text| text.contains(bad)) {
            let message = format!("`{name}` has a character that an OAuth client cannot have");
            self.problem(name, "credentials", message, "copy it again from the OAuth client's page");
        }
    }

    /// Requires all parts of a tenant. Half a tenant never counts as none, because a real one was meant.
    fn require_complete(&mut self, address: bool, id: bool, secret: bool) {
        let parts = [
            (address, "GENESYS_BASE_URL", "the address: `GENESYS_REGION` or `GENESYS_BASE_URL`"),
            (id, "GENESYS_CLIENT_ID", "`GENESYS_CLIENT_ID`"),
            (secret, "GENESYS_CLIENT_SECRET", "`GENESYS_CLIENT_SECRET` or `GENESYS_CLIENT_SECRET_FILE`"),
        ];
        for (present, name, what) in parts {
            if !present {
                let help = "set what is missing, or unset all GENESYS_ settings to use the simulated tenant";
                self.problem(name, "incomplete", format!("a tenant is set only in part: {what} is missing"), help);
            }
        }
    }

    fn site(&mut self, base: Option<Url>, region: Option<Region>, login: Option<Url>) -> Option<Site> {
        Site::new(base, region, login).unwrap_or_else(|OtherRegion { said, of_host }| {
            let message = format!("`GENESYS_REGION` is `{said}` but the host of `GENESYS_BASE_URL` is in `{of_host}`");
            self.problem("GENESYS_REGION", "region", message, "keep one of the two");
            None
        })
    }

    fn webhook(&mut self) -> (Option<Webhook>, Vec<Finding>) {
        const URL: &str = "GOVERNANCE_WEBHOOK_URL";
        const SECRET: &str = "GOVERNANCE_WEBHOOK_SECRET";
        let before = self.findings.len();
        let address = self.text(URL).and_then(|text| match url::webhook_url(&text) {
            Ok(address) => Some(address),
            Err(why) => {
                self.problem(
                    URL,
                    "address",
                    format!("`{URL}`: {why}"),
                    "write it like `https://governance.example.com/purge`",
                );
                None
            }
        });
        let secrets = self.secret(SECRET).and_then(|text| match Secrets::parse(&text) {
            Ok(secrets) => Some(secrets),
            Err(why) => {
                self.problem(
                    SECRET,
                    "webhookSecret",
                    why.to_string(),
                    "`whsec_` and the base64 of 24 to 64 random bytes",
                );
                None
            }
        });
        if address.is_none() && secrets.is_some() && self.findings.len() == before {
            self.problem(URL, "incomplete", format!("`{SECRET}` is set but `{URL}` is not"), "set both or none");
        }
        let mut remarks = Vec::new();
        if address.is_some() && secrets.is_none() {
            remarks.push(Finding::new(
                Severity::Warning,
                "settings.webhookUnsigned",
                format!("environment#{SECRET}"),
                "the governance webhook receives unsigned messages and cannot verify who sent them",
                format!("set `{SECRET}` to `whsec_` and the base64 of 24 to 64 random bytes"),
            ));
        }
        (address.map(|url| Webhook { url, secrets }), remarks)
    }

    /// The proxy, read as curl does: the lower-case name comes first, and empty means not set. These settings belong to the machine
    /// more than to this program, so an empty one is no problem here.
    fn proxy(&mut self) -> Option<Proxy> {
        let either_case = |name: &str| {
            let either = [name.to_ascii_lowercase(), name.to_owned()];
            let (name, text) = either.into_iter().find_map(|name| self.source.get(&name).map(|text| (name, text)))?;
            let text = text.unwrap_or_default();
            (!text.trim().is_empty()).then(|| (name, text.trim().to_owned()))
        };
        let (name, address) = either_case("HTTPS_PROXY")?;
        let except = either_case("NO_PROXY").map(|(_, text)| text).unwrap_or_default();
        match Proxy::new(&address, &except) {
            Ok(proxy) => Some(proxy),
            Err(why) => {
                self.problem(
                    &name,
                    "proxy",
                    format!("`{name}`: {why}"),
                    "write it like `http://proxy.example.com:3128`",
                );
                None
            }
        }
    }

    fn jurisdiction(&mut self) -> Option<String> {
        let text = self.text("DATA_JURISDICTION")?;
        if !REGIONS.iter().any(|r| r.name == text) {
            let message = format!("`{text}` is not a jurisdiction");
            self.problem("DATA_JURISDICTION", "jurisdiction", message, &one_of_the_regions());
        }
        Some(text)
    }
}

/// Lists the regions, for the help of a finding about another name.
pub(crate) fn one_of_the_regions() -> String {
    let names: Vec<&str> = REGIONS.iter().map(|r| r.name).collect();
    format!("one of {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use purge_core::request::DeletionApi;

    use super::*;

    struct Table(BTreeMap<&'static str, &'static str>);

    impl Source for Table {
        fn get(&self, name: &str) -> Option<Result<String, ()>> {
            self.0.get(name).map(|text| Ok((*text).to_owned()))
        }
    }

    fn read(settings: &[(&'static str, &'static str)]) -> Result<Settings, Vec<(String, String)>> {
        Settings::read(&Table(settings.iter().copied().collect())).map_err(|failure| {
            assert_eq!(failure.exit, Exit::BadInput);
            failure.findings.into_iter().map(|f| (f.code, f.pointer.replace("environment#", ""))).collect()
        })
    }

    const ID: (&str, &str) = ("GENESYS_CLIENT_ID", "id");
    const SECRET: (&str, &str) = ("GENESYS_CLIENT_SECRET", "secret");
    const BASE: (&str, &str) = ("GENESYS_BASE_URL", "http://127.0.0.1:9/");

    #[test]
    fn nothing_set_is_the_simulated_tenant_and_a_part_never_is() {
        assert!(read(&[]).is_ok_and(|s| s.tenant.is_none()));
        let incomplete = |name: &str| ("settings.incomplete".to_owned(), name.to_owned());
        assert_eq!(read(&[ID]).unwrap_err(), [incomplete("GENESYS_BASE_URL"), incomplete("GENESYS_CLIENT_SECRET")]);
        assert_eq!(read(&[BASE, ID]).unwrap_err(), [incomplete("GENESYS_CLIENT_SECRET")]);
        assert_eq!(read(&[("GENESYS_LOGIN_URL", "https://login.example.com")]).unwrap_err().len(), 3);
        assert_eq!(read(&[BASE, ("GENESYS_CLIENT_ID", ""), SECRET]).unwrap_err()[0].0, "settings.empty");
    }

    #[test]
    fn every_problem_is_named_at_once() {
        let problems = read(&[
            ("GENESYS_BASE_URL", "http://api.mypurecloud.com"),
            ("GENESYS_REGION", "mars"),
            ("GENESYS_CLIENT_ID", "a:b"),
            SECRET,
            ("GENESYS_CLIENT_SECRET_FILE", "/nowhere"),
            ("GOVERNANCE_WEBHOOK_URL", "https://hook.example.com/a\nb"),
            ("GOVERNANCE_WEBHOOK_SECRET", "whsec_short"),
            ("DATA_JURISDICTION", "mars"),
        ]);
        let codes: Vec<String> =
            problems.unwrap_err().into_iter().map(|(code, name)| format!("{name} {code}")).collect();
        assert_eq!(
            codes,
            [
                "GENESYS_BASE_URL settings.address",
                "GENESYS_REGION settings.region",
                "GENESYS_CLIENT_SECRET settings.twice",
                "GENESYS_CLIENT_ID settings.credentials",
                "GOVERNANCE_WEBHOOK_URL settings.address",
                "GOVERNANCE_WEBHOOK_SECRET settings.webhookSecret",
                "DATA_JURISDICTION settings.jurisdiction",
            ]
        );
    }

    #[test]
    fn authorities_that_are_none_are_not_passed_over() {
        for (file, code) in [("/dev/null", "settings.noAuthority"), ("/nowhere", "settings.unreadable")] {
            let problems = read(&[BASE, ID, SECRET, ("SSL_CERT_FILE", file)]).unwrap_err();
            assert_eq!(problems, [(code.to_owned(), "SSL_CERT_FILE".to_owned())]);
            assert!(read(&[("SSL_CERT_FILE", file)]).is_ok(), "the simulated tenant speaks no TLS");
        }
    }

    #[test]
    fn a_proxy_is_read_as_curl_reads_it() {
        let proxy = |settings: &[(&'static str, &'static str)]| read(settings).map(|s| s.proxy.is_some());
        assert_eq!(proxy(&[("HTTPS_PROXY", "http://u:p@proxy.example.com:3128")]), Ok(true));
        assert_eq!(proxy(&[("https_proxy", "proxy.example.com:3128"), ("NO_PROXY", "*")]), Ok(true));
        assert_eq!(proxy(&[("https_proxy", ""), ("HTTPS_PROXY", "http://proxy.example.com")]), Ok(false));
        for wrong in ["socks5://127.0.0.1:1080", "https://proxy.example.com", "http://", "/proxy", "\u{7f}"] {
            let problem = ("settings.proxy".to_owned(), "HTTPS_PROXY".to_owned());
            assert_eq!(proxy(&[("HTTPS_PROXY", wrong)]), Err(vec![problem]), "{wrong}");
        }
    }

    #[test]
    fn the_login_follows_the_api_and_the_region() {
        let login = |settings: &[(&'static str, &'static str)], api| {
            let settings: Vec<_> = settings.iter().copied().chain([ID, SECRET]).collect();
            read(&settings).unwrap().tenant.unwrap().site.tenant(api, Credentials::new("", "")).login.to_string()
        };
        let region = [("GENESYS_REGION", "eu-west-1")];
        assert_eq!(login(&region, DeletionApi::DataDeletion), "https://api.mypurecloud.ie");
        assert_eq!(login(&region, DeletionApi::RecordingJobs), "https://login.mypurecloud.ie");
        assert_eq!(login(&[BASE], DeletionApi::RecordingJobs), "http://127.0.0.1:9");
        let own = [BASE, ("GENESYS_LOGIN_URL", "https://login.example.com/")];
        assert_eq!(login(&own, DeletionApi::DataDeletion), "https://login.example.com");
    }

    #[test]
    fn the_address_says_the_region_and_a_contradiction_is_a_problem() {
        let jurisdiction = |settings: &[(&'static str, &'static str)]| {
            let settings: Vec<_> = settings.iter().copied().chain([ID, SECRET]).collect();
            read(&settings).map(|s| s.tenant.unwrap().site.jurisdiction)
        };
        assert_eq!(jurisdiction(&[("GENESYS_REGION", "mypurecloud.de")]), Ok(Some("eu-central-1")));
        assert_eq!(jurisdiction(&[("GENESYS_BASE_URL", "https://api.euw2.pure.cloud")]), Ok(Some("eu-west-2")));
        assert_eq!(jurisdiction(&[BASE]), Ok(None));
        assert_eq!(jurisdiction(&[BASE, ("GENESYS_REGION", "us-east-1")]), Ok(Some("us-east-1")));
        let both = [("GENESYS_BASE_URL", "https://api.euw2.pure.cloud"), ("GENESYS_REGION", "us-east-1")];
        assert_eq!(jurisdiction(&both).unwrap_err()[0].0, "settings.region");
    }

    #[test]
    fn a_webhook_without_a_secret_is_remarked_and_a_secret_without_a_webhook_refused() {
        let url = ("GOVERNANCE_WEBHOOK_URL", "https://hook.example.com/purge");
        let secret = ("GOVERNANCE_WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        assert_eq!(read(&[url]).unwrap().remarks[0].code, "settings.webhookUnsigned");
        assert!(read(&[url, secret]).unwrap().remarks.is_empty());
        assert_eq!(read(&[secret]).unwrap_err()[0].0, "settings.incomplete");
    }
}
