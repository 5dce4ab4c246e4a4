//! The page, read into memory at the start. A request can name a file that existed then, and nothing else on this machine.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use purge_core::json::digest;

use super::problem::Problem;
use crate::exit::Exit;
use crate::failure::Failure;

/// Limits that no build of the page reaches.
const MOST_FILES: usize = 2_000;
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// A file, and its compressed versions if the build made them.
#[derive(Debug)]
struct Entry {
    kind: &'static str,
    etag: HeaderValue,
    plain: Bytes,
    brotli: Option<Bytes>,
    gzip: Option<Bytes>,
}

/// Every file of the page by its path, `/assets/index-….js`.
#[derive(Debug)]
pub(crate) struct Page {
    entries: BTreeMap<String, Entry>,
}

impl Page {
    /// Reads the built page from that folder.
    pub(crate) fn read(folder: &Path) -> Result<Self, Failure> {
        let mut files = BTreeMap::new();
        let mut left = MOST_BYTES;
        if folder.is_dir() {
            collect(folder, "", &mut files, &mut left)?;
        }
        if !files.contains_key("/index.html") {
            let message = format!("there is no built page in `{}`", folder.display());
            let help = "in a checkout `cargo xtask console` builds it and starts this server, and `cargo xtask www` builds it \
                        into www/dist; elsewhere name its folder with `--www`";
            return Err(Failure::new(Exit::BadInput, "www.missing", folder.display().to_string(), message, help));
        }
        let mut entries = BTreeMap::new();
        for (path, plain) in &files {
            let Some(kind) = content_type(path) else { continue };
            let beside = |suffix: &str| files.get(&format!("{path}.{suffix}")).cloned();
            let etag = format!("\"{}\"", digest(plain).trim_start_matches("sha256:"));
            let etag = HeaderValue::try_from(etag).map_err(|why| Failure::machine("name a file's version", why))?;
            let entry = Entry { kind, etag, plain: plain.clone(), brotli: beside("br"), gzip: beside("gz") };
            entries.insert(path.clone(), entry);
        }
        Ok(Self { entries })
    }

    /// The answer to a request for that path.
    pub(crate) fn answer(&self, path: &str, headers: &HeaderMap) -> Response {
        let path = if path == "/" { "/index.html" } else { path };
        let Some(entry) = self.entries.get(path) else {
            return Problem::new(StatusCode::NOT_FOUND, "page.none", "there is nothing at this address", "")
                .into_response();
        };
        // The build puts a hash of the content into these names.
        let cache = if path.starts_with("/assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
        let mut answer = Response::new(Body::empty());
        let said = answer.headers_mut();
        said.insert(header::ETAG, entry.etag.clone());
        said.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
        said.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        // Needed even if nothing has changed: a browser applies the headers of this answer to the page it has kept, and the policy
        // depends on the type.
        said.insert(header::CONTENT_TYPE, HeaderValue::from_static(entry.kind));
        if headers.get(header::IF_NONE_MATCH) == Some(&entry.etag) {
            *answer.status_mut() = StatusCode::NOT_MODIFIED;
            return answer;
        }
        let body = match (&entry.brotli, &entry.gzip) {
            (Some(brotli), _) if accepts(headers, "br") => encoded(said, "br", brotli),
            (_, Some(gzip)) if accepts(headers, "gzip") => encoded(said, "gzip", gzip),
            (_, _) => entry.plain.clone(),
        };
        *answer.body_mut() = Body::from(body);
        answer
    }
}

fn encoded(said: &mut HeaderMap, encoding: &'static str, body: &Bytes) -> Bytes {
    said.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    body.clone()
}

/// Whether a browser accepts that encoding. `q=0` means that it does not.
fn accepts(headers: &HeaderMap, encoding: &str) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|item| {
        let mut parts = item.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(encoding));
        let never = parts.any(|p| p.strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()).is_some_and(|q| q <= 0.0));
        named && !never
    })
}

/// The content type of a file. Types that the page does not use are not served.
fn content_type(path: &str) -> Option<&'static str> {
    let (_, ending) = path.rsplit_once('.')?;
    let kinds = [
        ("html", "text/html; charset=utf-8"),
        ("js", "text/javascript; charset=utf-8"),
        ("css", "text/css; charset=utf-8"),
        ("svg", "image/svg+xml"),
        ("wasm", "application/wasm"),
        ("json", "application/json"),
        ("webmanifest", "application/manifest+json"),
        ("png", "image/png"),
        ("ico", "image/x-icon"),
        ("woff2", "font/woff2"),
        ("txt", "text/plain; charset=utf-8"),
    ];
    kinds.into_iter().find(|(known, _)| *known == ending).map(|(_, kind)| kind)
}

/// Collects regular files only. The target of a link is not part of the page.
fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Bytes>, left: &mut u64) -> Result<(), Failure> {
    let entries = fs::read_dir(folder).map_err(|why| Failure::unreadable(folder, why))?;
    for entry in entries {
        let entry = entry.map_err(|why| Failure::unreadable(folder, why))?;
        let path = entry.path();
        let unreadable = |why| Failure::unreadable(&path, why);
        let Ok(name) = entry.file_name().into_string() else { continue };
        let about = fs::symlink_metadata(&path).map_err(unreadable)?;
        let place = format!("{prefix}/{name}");
        if about.is_dir() {
            collect(&path, &place, files, left)?;
        } else if about.is_file() {
            let Some(rest) = left.checked_sub(about.len()).filter(|_| files.len() < MOST_FILES) else {
                let message = format!("`{}` holds more than a page", folder.display());
                let help = "name the folder of the built page with `--www`";
                return Err(Failure::new(Exit::BadInput, "www.tooLarge", path.display().to_string(), message, help));
            };
            *left = rest;
            files.insert(place, Bytes::from(fs::read(&path).map_err(unreadable)?));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> Page {
        let folder = tempfile::TempDir::new().unwrap();
        fs::create_dir(folder.path().join("assets")).unwrap();
        for (name, content) in [
            ("index.html", "<!doctype html>"),
            ("index.html.br", "BR"),
            ("index.html.gz", "GZ"),
            ("assets/app-1a2b.wasm", "\0asm"),
            ("assets/notes.pdf", "no"),
        ] {
            fs::write(folder.path().join(name), content).unwrap();
        }
        std::os::unix::fs::symlink("/etc/hostname", folder.path().join("link.txt")).unwrap();
        Page::read(folder.path()).unwrap()
    }

    fn ask(path: &str, name: header::HeaderName, value: &str) -> Response {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::try_from(value).unwrap());
        page().answer(path, &headers)
    }

    #[test]
    fn files_come_as_what_they_are_in_an_encoding_that_is_taken() {
        let encoding = |accepted: &str| {
            let answer = ask("/", header::ACCEPT_ENCODING, accepted);
            answer.headers().get(header::CONTENT_ENCODING).map(|v| v.to_str().unwrap().to_owned())
        };
        assert_eq!(encoding("gzip, br"), Some("br".to_owned()));
        assert_eq!(encoding("br;q=0, GZIP;q=0.5"), Some("gzip".to_owned()));
        assert_eq!(encoding("identity"), None);
        let wasm = ask("/assets/app-1a2b.wasm", header::ACCEPT_ENCODING, "br");
        assert_eq!(wasm.headers()[header::CONTENT_TYPE], "application/wasm");
        assert!(wasm.headers()[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"));
        let etag = ask("/", header::ACCEPT_ENCODING, "").headers()[header::ETAG].clone();
        assert_eq!(ask("/", header::IF_NONE_MATCH, etag.to_str().unwrap()).status(), StatusCode::NOT_MODIFIED);
    }

    #[test]
    fn nothing_else_is_there() {
        for path in
            ["/index.html.br", "/link.txt", "/assets/notes.pdf", "/../Cargo.toml", "/assets", "//index.html", ""]
        {
            assert_eq!(ask(path, header::ACCEPT, "*/*").status(), StatusCode::NOT_FOUND, "{path}");
        }
        let empty = tempfile::TempDir::new().unwrap();
        let refused = Page::read(empty.path()).unwrap_err();
        assert_eq!(refused.findings[0].code, "www.missing");
    }
}
