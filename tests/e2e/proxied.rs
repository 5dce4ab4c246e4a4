//! Runs from a network that can only be left through a proxy, over real TLS.

use crate::binary::{Place, Run, purge};
use crate::mock::{Knobs, Mock};
use crate::proxy::{Authority, NAMES, Proxy};
use crate::{one_day, three};

/// Base64 of `ada:p@ss`.
const ADA: &str = "YWRhOnBAc3M=";

/// The settings for the server and for the way to it.
fn settings(proxy: &Proxy, place: &Place, authority: &Authority) -> Vec<(&'static str, String)> {
    let trusted = place.write("authority.pem", &authority.pem());
    vec![
        ("GENESYS_BASE_URL", format!("https://{}", NAMES[0])),
        ("GOVERNANCE_WEBHOOK_URL", format!("https://{}/hook", NAMES[1])),
        ("HTTPS_PROXY", format!("http://ada:p%40ss@127.0.0.1:{}", proxy.port)),
        ("SSL_CERT_FILE", trusted.display().to_string()),
    ]
}

#[test]
fn everything_goes_through_the_proxy_and_nothing_is_said_to_it() {
    let (mock, authority) = (Mock::start(Knobs::default()), Authority::new());
    let proxy = Proxy::start(&mock, &authority, ADA);
    let place = Place::new(&three(), None);
    let mut command = purge(&mock, &place, &place.digest(&mock), &[]);
    command.envs(settings(&proxy, &place, &authority));
    let run = Run::finish(command, &place);
    run.all_verified(3);
    assert_eq!(mock.state.lock().unwrap().hooks.len(), 3);
    let asked = proxy.asked();
    for name in NAMES {
        assert!(asked.iter().any(|head| head.starts_with(&format!("CONNECT {name}:443 HTTP/1.1\r\n"))), "{asked:?}");
    }
    for head in asked {
        assert!(head.starts_with("CONNECT ") && !head.contains("Bearer") && !head.contains("Y2xpZW50"), "{head}");
    }
    for file in place.files() {
        let bytes = std::fs::read(&file).unwrap();
        let told = [&b"p@ss"[..], b"p%40ss", ADA.as_bytes()];
        assert!(
            !told.iter().any(|secret| bytes.windows(secret.len()).any(|part| part == *secret)),
            "{}",
            file.display()
        );
    }
}

#[test]
fn what_no_proxy_excepts_is_reached_without_it() {
    let (mock, authority) = (Mock::start(Knobs::default()), Authority::new());
    let proxy = Proxy::start(&mock, &authority, ADA);
    // Nor does the name resolve.
    let said = in_vain(&mock, |place| {
        let mut settings = settings(&proxy, place, &authority);
        settings.push(("NO_PROXY", "localhost,.purge.test".to_owned()));
        settings
    });
    assert!(said.contains("dns error"), "{said}");
    assert!(proxy.asked().is_empty());
}

#[test]
fn a_proxy_that_refuses_and_an_authority_that_is_not_trusted_let_nothing_out() {
    let (mock, authority) = (Mock::start(Knobs::default()), Authority::new());
    for (credentials, trusted, why) in [
        ("bm9ib2R5Og==", &authority, "proxy authorization required"),
        (ADA, &Authority::new(), "invalid peer certificate"),
    ] {
        let proxy = Proxy::start(&mock, &authority, credentials);
        let said = in_vain(&mock, |place| settings(&proxy, place, trusted));
        assert!(said.contains(why), "{said}");
        assert!(!proxy.asked().is_empty());
    }
}

/// What a run that reaches nothing prints on standard error.
fn in_vain(mock: &Mock, settings: impl Fn(&Place) -> Vec<(&'static str, String)>) -> String {
    let place = Place::new(&one_day(), None);
    let mut command = purge(mock, &place, &place.digest(mock), &["--chunk-deadline", "3"]);
    command.envs(settings(&place)).env_remove("GOVERNANCE_WEBHOOK_URL").env_remove("GOVERNANCE_WEBHOOK_SECRET");
    let run = Run::finish(command, &place);
    assert_eq!((run.code, run.chunk(0)["outcome"].as_str()), (4, Some("timedOut")));
    assert_eq!((mock.calls("token"), mock.calls("submit"), mock.calls("query")), (0, 0, 0));
    assert_eq!(run.stderr.matches("warning: not sent: ").count(), 1, "the same is not said again: {}", run.stderr);
    run.stderr
}
