//! Addresses of the API, the login and the webhook: a strict subset of URLs, `scheme://host[:port][/path][?query]`.
//!
//! What is refused here would cause surprises later: credentials in the address, plain HTTP to another machine, a number that some
//! clients read as an address. The address of a webhook may come from outsiders, so it must not lead to a private address, where
//! something unintended may answer. The API may have a private address, because gateways inside a company do.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How to speak to the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// TLS.
    Https,
    /// Plain text; only for this machine itself.
    Http,
}

/// The host of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// A DNS name, in lower case.
    Name(String),
    /// An IP address.
    Address(IpAddr),
}

impl Host {
    /// Whether the host is this machine itself.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self {
            Self::Name(name) => name == "localhost" || name.ends_with(".localhost"),
            Self::Address(address) => address.to_canonical().is_loopback(),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// A checked address. It is shown in its normal form: lower-case host, no default port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    scheme: Scheme,
    host: Host,
    port: Option<u16>,
    path: String,
}

/// Why this program does not use a text as an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Neither `https://` nor `http://`.
    #[error("the address does not start with `https://`")]
    Scheme,
    /// Spaces, control characters, quotes, or anything that is not ASCII.
    #[error("the address has a character that must be percent-encoded")]
    Character,
    /// A backslash, which some clients read as a slash.
    #[error("the address has a backslash")]
    Backslash,
    /// `user:password@`.
    #[error("the address holds credentials before an `@`")]
    Credentials,
    /// `#…`.
    #[error("the address has a fragment after `#`")]
    Fragment,
    /// A `?…` where none is allowed.
    #[error("the address has a query after `?`")]
    Query,
    /// The host is not a DNS name, an IPv4 address or an IPv6 address in brackets.
    #[error("`{0}` is not a host name or address")]
    Host(String),
    /// The port is not a number from 1 to 65535.
    #[error("`{0}` is not a port")]
    Port(String),
    /// A `%` without two hexadecimal digits after it.
    #[error("the address has a `%` that does not encode anything")]
    Percent,
    /// `http://` to another machine, which would show everything to everyone on the way.
    #[error("plain `http://` is for this machine only, and `{0}` is another")]
    PlainHttp(String),
    /// A private, link-local or otherwise special address.
    #[error("`{0}` is a private or special address")]
    Private(String),
}

/// Reads the address of a webhook. It must not be private or otherwise special, except this machine's own.
///
/// # Errors
/// The first reason why it is refused.
pub fn webhook_url(text: &str) -> Result<Url, UrlError> {
    let url = Url::parse(text)?;
    match url.host {
        Host::Address(address) if !url.host.is_loopback() && is_special(address.to_canonical()) => {
            Err(UrlError::Private(url.host.to_string()))
        }
        Host::Address(_) | Host::Name(_) => Ok(url),
    }
}

/// Reads the address of a request to any host.
///
/// # Errors
/// The first reason why it is refused.
pub fn request_url(text: &str) -> Result<Url, UrlError> {
    Url::parse(text)
}

/// Reads the base of an API's addresses. It has no query, and a slash at its end makes no difference. A private address is that of
/// a gateway.
///
/// # Errors
/// The first reason why it is refused.
pub fn base_url(text: &str) -> Result<Url, UrlError> {
    let mut url = Url::parse(text)?;
    if url.path.contains('?') {
        return Err(UrlError::Query);
    }
    url.path.truncate(url.path.trim_end_matches('/').len());
    Ok(url)
}

impl Url {
    /// The host.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Path and query, empty or starting with `/` (or `?`).
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Scheme, host and port: the part that may be shown of an address that is itself a secret, as that of a webhook often is.
    #[must_use]
    pub fn origin(&self) -> String {
        Self { path: String::new(), ..self.clone() }.to_string()
    }

    /// The address of a path below this one. `path` starts with `/`.
    #[must_use]
    pub fn join(&self, path: &str) -> String {
        format!("{self}{path}")
    }

    fn parse(text: &str) -> Result<Self, UrlError> {
        check_characters(text)?;
        let (scheme, rest) = scheme(text)?;
        let authority_end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(authority_end).unwrap_or((rest, ""));
        if authority.contains('@') {
            return Err(UrlError::Credentials);
        }
        let (host, port) = split_port(authority);
        // The beginning of a password with a slash in it looks like a port, and must not be shown.
        let shown = |why| if path.contains('@') { UrlError::Credentials } else { why };
        let host = self::host(host).map_err(shown)?;
        let port = port.map(self::port).transpose().map_err(shown)?.filter(|&port| port != default_port(scheme));
        require_https(scheme, &host)?;
        Ok(Self { scheme, host, port, path: path.to_owned() })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Https => "https",
            Scheme::Http => "http",
        };
        write!(f, "{scheme}://{}", self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(&self.path)
    }
}

fn default_port(scheme: Scheme) -> u16 {
    match scheme {
        Scheme::Https => 443,
        Scheme::Http => 80,
    }
}

fn check_characters(text: &str) -> Result<(), UrlError> {
    if text.contains('\\') {
        return Err(UrlError::Backslash);
    }
    if text.contains('#') {
        return Err(UrlError::Fragment);
    }
    if !text.bytes().all(|b| b.is_ascii_graphic() && !b"\"<>^`{|}".contains(&b)) {
        return Err(UrlError::Character);
    }
    let encodes = |after: &str| after.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
    if text.split('%').skip(1).all(encodes) { Ok(()) } else { Err(UrlError::Percent) }
}

fn scheme(text: &str) -> Result<(Scheme, &str), UrlError> {
    let (scheme, rest) = text.split_once("://").ok_or(UrlError::Scheme)?;
    if scheme.eq_ignore_ascii_case("https") {
        Ok((Scheme::Https, rest))
    } else if scheme.eq_ignore_ascii_case("http") {
        Ok((Scheme::Http, rest))
    } else {
        Err(UrlError::Scheme)
    }
}

/// Splits host and port at the first colon after the bracket of an IPv6 address.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    let bracket = if authority.starts_with('[') { authority.find(']').unwrap_or(authority.len()) } else { 0 };
    let colon = authority.char_indices().find(|&(at, c)| at >= bracket && c == ':');
    match colon.and_then(|(at, _)| authority.split_at_checked(at)) {
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => (authority, None),
    }
}

fn port(text: &str) -> Result<u16, UrlError> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let port = text.parse().ok().filter(|&port| digits && port > 0);
    port.ok_or_else(|| UrlError::Port(text.to_owned()))
}

fn host(text: &str) -> Result<Host, UrlError> {
    let refused = || UrlError::Host(text.to_owned());
    if let Some(inner) = text.strip_prefix('[') {
        let inner = inner.strip_suffix(']').ok_or_else(refused)?;
        return inner.parse::<Ipv6Addr>().map(|a| Host::Address(a.into())).map_err(|_| refused());
    }
    let last = text.rsplit('.').next().unwrap_or(text);
    // Every client takes a name that ends in a number for an address, and some even take `127.1` or `0x7f.1` for one.
    let numeric = last.bytes().all(|b| b.is_ascii_digit()) || last.to_ascii_lowercase().starts_with("0x");
    if numeric {
        return text.parse::<Ipv4Addr>().map(|a| Host::Address(a.into())).map_err(|_| refused());
    }
    let is_label = |label: &str| {
        let inner = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        inner && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
    };
    if text.len() <= 253 && text.split('.').all(is_label) {
        Ok(Host::Name(text.to_ascii_lowercase()))
    } else {
        Err(refused())
    }
}

/// Refuses plain HTTP to another machine.
fn require_https(scheme: Scheme, host: &Host) -> Result<(), UrlError> {
    if scheme == Scheme::Https || host.is_loopback() { Ok(()) } else { Err(UrlError::PlainHttp(host.to_string())) }
}

/// Whether the address is in an IANA special-purpose registry, where no public service has one.
fn is_special(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private()
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_documentation()
                || a == 0
                || a >= 240
                || (a == 100 && (64..128).contains(&b))
                || (a == 198 && (18..20).contains(&b))
        }
        IpAddr::V6(v6) => {
            let [first, second, ..] = v6.segments();
            v6.is_unspecified()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
                || v6.is_multicast()
                // 64:ff9b::/96 and 64:ff9b:1::/48 carry an IPv4 address inside, which may be a private one.
                || (first == 0x64 && second == 0xff9b)
                || (first == 0x2001 && second == 0xdb8)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_and_writes_the_normal_form() {
        for (text, written) in [
            ("https://Hooks.Example.com/a?b=c", "https://hooks.example.com/a?b=c"),
            ("HTTPS://example.com:443", "https://example.com"),
            ("https://example.com:8443/%2Fx", "https://example.com:8443/%2Fx"),
            ("http://localhost:8080/hook", "http://localhost:8080/hook"),
            ("http://127.0.0.1:80/", "http://127.0.0.1/"),
            ("http://[::1]:9", "http://[::1]:9"),
            ("http://[::ffff:127.0.0.1]:9", "http://[::ffff:127.0.0.1]:9"),
            ("https://203.0.114.7", "https://203.0.114.7"),
            ("https://[2606:4700::1]/", "https://[2606:4700::1]/"),
        ] {
            assert_eq!(webhook_url(text).map(|u| u.to_string()), Ok(written.to_owned()), "{text}");
        }
        let origin = |text: &str| webhook_url(text).map(|u| u.origin());
        assert_eq!(origin("https://example.com:8443/%2Fx?y"), Ok("https://example.com:8443".to_owned()));
        assert_eq!(origin("http://[::1]/hook"), Ok("http://[::1]".to_owned()));
    }

    #[test]
    fn refuses_with_the_reason() {
        let host = |text: &str| UrlError::Host(text.to_owned());
        let private = |text: &str| UrlError::Private(text.to_owned());
        for (text, why) in [
            ("", UrlError::Scheme),
            ("example.com", UrlError::Scheme),
            ("ftp://example.com", UrlError::Scheme),
            ("https://example.com/\u{1}", UrlError::Character),
            ("https://example.com/a b", UrlError::Character),
            ("https://exämple.com", UrlError::Character),
            ("https://example.com\\@evil.com", UrlError::Backslash),
            ("https://user:secret@example.com", UrlError::Credentials),
            ("https://user:sec/ret@example.com", UrlError::Credentials),
            ("https://us_er!/:secret@example.com", UrlError::Credentials),
            ("https://example.com/#top", UrlError::Fragment),
            ("https://example.com/%2", UrlError::Percent),
            ("https://", host("")),
            ("https:///path", host("")),
            ("https://-a.com", host("-a.com")),
            ("https://a..com", host("a..com")),
            ("https://example.com.", host("example.com.")),
            ("https://127.1", host("127.1")),
            ("https://0x7f.0.0.0x1", host("0x7f.0.0.0x1")),
            ("https://2130706433", host("2130706433")),
            ("https://010.0.0.1", host("010.0.0.1")),
            ("https://[::1", host("[::1")),
            ("https://[fe80::1%25eth0]", host("[fe80::1%25eth0]")),
            ("https://example.com:0", UrlError::Port("0".to_owned())),
            ("https://example.com:65536", UrlError::Port("65536".to_owned())),
            ("https://example.com:+80", UrlError::Port("+80".to_owned())),
            ("https://example.com::80", UrlError::Port(":80".to_owned())),
            ("https://example.com:", UrlError::Port(String::new())),
            ("http://example.com", UrlError::PlainHttp("example.com".to_owned())),
            ("http://localhost.example.com", UrlError::PlainHttp("localhost.example.com".to_owned())),
            ("https://10.1.2.3", private("10.1.2.3")),
            ("https://172.31.0.1", private("172.31.0.1")),
            ("https://192.168.0.1", private("192.168.0.1")),
            ("https://169.254.169.254/latest", private("169.254.169.254")),
            ("https://100.64.0.1", private("100.64.0.1")),
            ("https://0.0.0.0", private("0.0.0.0")),
            ("https://[fd00::1]", private("[fd00::1]")),
            ("https://[fe80::1]", private("[fe80::1]")),
            ("https://[::]", private("[::]")),
            ("https://[::ffff:10.0.0.1]", private("[::ffff:10.0.0.1]")),
            ("https://[64:ff9b::a00:1]", private("[64:ff9b::a00:1]")),
        ] {
            assert_eq!(webhook_url(text), Err(why), "{text}");
        }
    }

    #[test]
    fn a_gateway_may_have_a_private_address_but_not_without_tls() {
        for text in ["https://10.1.2.3", "https://192.168.0.1:8443/genesys", "https://[fd00::1]", "https://100.64.0.1"]
        {
            assert_eq!(base_url(text).map(|u| u.to_string()), Ok(text.to_owned()));
            let request = format!("{text}/a?b=c");
            assert_eq!(request_url(&request).map(|u| u.to_string()), Ok(request));
        }
        for text in ["http://10.1.2.3", "http://[fd00::1]"] {
            assert!(matches!(base_url(text), Err(UrlError::PlainHttp(_))), "{text}");
            assert!(matches!(request_url(text), Err(UrlError::PlainHttp(_))), "{text}");
        }
    }

    #[test]
    fn a_base_joins_with_exactly_one_slash() {
        for text in ["https://api.mypurecloud.ie", "https://api.mypurecloud.ie/"] {
            assert_eq!(base_url(text).unwrap().join("/api/v2/x"), "https://api.mypurecloud.ie/api/v2/x");
        }
        assert_eq!(
            base_url("https://gateway.example.com/genesys/").unwrap().join("/a"),
            "https://gateway.example.com/genesys/a"
        );
        assert_eq!(base_url("https://example.com/?a=b"), Err(UrlError::Query));
    }
}
