//! Removes credentials from answers: a gateway that repeats what it was sent must not get them into records and logs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use purge_core::http::HttpResponse;

/// The shortest text that is replaced. A shorter one occurs in other texts by chance, and keeps no secret.
const SHORTEST: usize = 8;

/// The answer to a request that was sent with this `Authorization`, with `…` in place of every secret of it that the answer
/// repeats: the token, or the client's secret and the Base64 in which it was sent.
#[must_use]
pub fn without_credentials(mut answer: HttpResponse, authorization: &str) -> HttpResponse {
    for secret in secrets(authorization) {
        let texts = answer.headers.iter_mut().map(|(_, value)| value);
        for text in texts.chain([&mut answer.body]).filter(|text| text.contains(&secret)) {
            *text = text.replace(&secret, "…");
        }
    }
    answer
}

fn secrets(authorization: &str) -> Vec<String> {
    let Some((scheme, sent)) = authorization.split_once(' ') else { return Vec::new() };
    // Some JSON writers escape the `=` at the end, and some escape `/`.
    let unpadded = sent.trim_end_matches('=');
    let mut secrets = vec![sent.to_owned(), unpadded.to_owned(), unpadded.replace('/', "\\/")];
    if scheme == "Basic" {
        secrets.extend(client_secret(authorization));
    }
    secrets.retain(|secret| secret.len() >= SHORTEST);
    secrets
}

fn client_secret(basic: &str) -> Option<String> {
    let pair = STANDARD.decode(basic.strip_prefix("Basic ")?).ok()?;
    let (_, secret) = str::from_utf8(&pair).ok()?.split_once(':')?;
    Some(secret.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_secret_of_a_request_is_in_no_answer() {
        let basic = format!("Basic {}", STANDARD.encode("client-7:s3cret???of the client"));
        assert!(basic.contains('/') && basic.ends_with('='), "it has what is escaped: {basic}");
        let sent = basic.trim_start_matches("Basic ");
        for (authorization, echoes) in [
            ("Bearer tok3n_of-the-run", vec!["tok3n_of-the-run".to_owned()]),
            (
                basic.as_str(),
                vec![
                    sent.to_owned(),
                    sent.replace('/', "\\/"),
                    sent.replace('=', "\\u003d"),
                    "s3cret???of the client".to_owned(),
                ],
            ),
        ] {
            for echo in echoes {
                let answer = HttpResponse {
                    status: 400,
                    headers: vec![("inin-correlation-id".to_owned(), format!("for {echo}"))],
                    body: format!("{{\"message\":\"client-7 sent {echo} twice: {echo}\"}}"),
                };
                let answer = without_credentials(answer, authorization);
                let said = format!("{:?} {}", answer.headers, answer.body);
                for piece in ["tok3n", "s3cret", "Y2xpZW50"] {
                    assert!(!said.contains(piece), "{echo}: {said}");
                }
                assert!(said.contains("client-7 sent …"), "{said}");
            }
        }
    }

    #[test]
    fn what_repeats_nothing_stays_as_it_is() {
        let answer = HttpResponse::json(200, &json!({ "access_token": "sim-1", "id": "simulated" }));
        for authorization in ["", "Basic", "Basic c2ltOnNpbQ==", "Basic !", "Bearer sim", "Bearer another-token"] {
            assert_eq!(without_credentials(answer.clone(), authorization), answer, "{authorization}");
        }
    }
}
