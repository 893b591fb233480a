//! The formats themselves: vendor, prefix, alphabet, length, and what else must hold.

use super::vendor::*;

/// Formats as the vendors document them. At one place the first that matches wins, so longer prefixes stand first,
/// and of those with one prefix the one that asks for more.
#[rustfmt::skip]
pub(super) static FORMATS: &[Format] = &[
    at_least("github", "ghp_", base62, 36, github),
    at_least("github", "gho_", base62, 36, github),
    at_least("github", "ghu_", base62, 36, github),
    at_least("github", "ghs_", base62, 36, github),
    at_least("github", "ghr_", base62, 36, github),
    at_least("github", "github_pat_", |byte| base62(byte) || byte == b'_', 82, random),
    at_least("gitlab", "glpat-", dotted, 20, random),
    at_least("gitlab", "gldt-", url_safe, 20, random),
    at_least("gitlab", "glrt-", dotted, 20, random),
    at_least("gitlab", "glptt-", url_safe, 40, random),
    at_least("gitlab", "glcbt-", url_safe, 20, random),
    at_least("gitlab", "glft-", url_safe, 20, random),
    at_least("gitlab", "gloas-", url_safe, 64, random),
    at_least("gitlab", "glsoat-", url_safe, 20, random),
    at_least("gitlab", "glagent-", url_safe, 50, random),
    at_least("slack", "xoxb-", dashed, 24, random),
    at_least("slack", "xoxp-", dashed, 24, random),
    at_least("slack", "xoxa-", dashed, 24, random),
    at_least("slack", "xoxr-", dashed, 24, random),
    at_least("slack", "xoxs-", dashed, 24, random),
    at_least("slack", "xoxe-", dashed, 24, random),
    at_least("slack", "xoxo-", dashed, 24, random),
    at_least("slack", "xapp-", dashed, 32, mixed),
    at_least("stripe", "sk_live_", base62, 16, random),
    at_least("stripe", "sk_test_", base62, 16, random),
    at_least("stripe", "rk_live_", base62, 16, random),
    at_least("stripe", "rk_test_", base62, 16, random),
    at_least("stripe", "whsec_", base64, 32, mixed),
    at_least("anthropic", "sk-ant-", url_safe, 80, random),
    at_least("openrouter", "sk-or-v1-", hex, 64, random),
    exactly("langfuse", "sk-lf-", |byte| hex(byte) || byte == b'-', 36, random),
    at_least("openai", "sk-proj-", url_safe, 40, mixed),
    at_least("openai", "sk-svcacct-", url_safe, 40, mixed),
    at_least("openai", "sk-admin-", url_safe, 40, mixed),
    at_least("openai", "sk-", url_safe, 32, sk),
    // LiteLLM's are shorter: they need capitals, small letters and digits.
    at_least("litellm", "sk-", url_safe, 20, cased),
    exactly("google", "AIza", url_safe, 35, mixed),
    at_least("google", "GOCSPX-", url_safe, 28, random),
    at_least("google", "ya29.", url_safe, 30, random),
    exactly("npm", "npm_", base62, 36, random),
    at_least("pypi", "pypi-AgEIcHlwaS5vcmc", url_safe, 50, random),
    exactly("rubygems", "rubygems_", hex, 48, random),
    exactly("twilio", "SK", hex, 32, mixed),
    exactly("sendgrid", "SG.", dotted, 66, dot_at_22),
    exactly("huggingface", "hf_", base62, 34, random),
    exactly("huggingface", "api_org_", base62, 34, random),
    at_least("databricks", "dapi", |byte| hex(byte) || byte == b'-', 32, mixed_hex),
    exactly("digitalocean", "dop_v1_", hex, 64, random),
    exactly("digitalocean", "doo_v1_", hex, 64, random),
    exactly("digitalocean", "dor_v1_", hex, 64, random),
    exactly("shopify", "shpat_", hex, 32, random),
    exactly("shopify", "shpca_", hex, 32, random),
    exactly("shopify", "shppa_", hex, 32, random),
    exactly("shopify", "shpss_", hex, 32, random),
    at_least("groq", "gsk_", base62, 40, random),
    at_least("xai", "xai-", base62, 70, random),
    exactly("replicate", "r8_", base62, 37, random),
    at_least("perplexity", "pplx-", base62, 40, random),
    at_least("nvidia", "nvapi-", url_safe, 60, random),
    at_least("pinecone", "pcsk_", url_safe, 40, random),
    at_least("docker", "dckr_pat_", url_safe, 27, random),
    at_least("docker", "dckr_oat_", url_safe, 27, random),
    at_least("figma", "figd_", url_safe, 40, random),
    at_least("linear", "lin_api_", base62, 40, random),
    at_least("notion", "ntn_", base62, 40, random),
    exactly("notion", "secret_", base62, 43, mixed),
    at_least("sentry", "sntrys_", |byte| base64(byte) || url_safe(byte), 60, random),
    at_least("sentry", "sntryu_", hex, 64, random),
    at_least("grafana", "glsa_", |byte| base62(byte) || byte == b'_', 41, random),
    at_least("grafana", "glc_", base64, 32, random),
    at_least("doppler", "dp.pt.", base62, 40, random),
    at_least("doppler", "dp.st.", dotted, 40, random),
    at_least("vault", "hvs.", url_safe, 24, random),
    at_least("vault", "hvb.", url_safe, 90, random),
    at_least("dynatrace", "dt0c01.", |byte| upper(byte) || byte == b'.', 89, random),
    at_least("planetscale", "pscale_tkn_", padded, 32, random),
    at_least("planetscale", "pscale_pw_", padded, 32, random),
    at_least("planetscale", "pscale_oauth_", padded, 32, random),
    at_least("postman", "PMAK-", |byte| hex(byte) || byte == b'-', 59, random),
    at_least("circleci", "CCIPAT_", |byte| base62(byte) || byte == b'_', 40, random),
    at_least("buildkite", "bkua_", hex, 40, random),
    at_least("atlassian", "ATATT3", |byte| url_safe(byte) || byte == b'=', 180, random),
    at_least("atlassian", "ATCTT3", |byte| url_safe(byte) || byte == b'=', 180, random),
    at_least("1password", "ops_eyJ", |byte| base64(byte) || url_safe(byte), 200, random),
    exactly("age", "AGE-SECRET-KEY-1", upper, 58, random),
    at_least("newrelic", "NRAK-", upper, 27, random),
    exactly("mailgun", "key-", hex, 32, mixed),
    at_least("supabase", "sbp_", hex, 40, random),
    at_least("netlify", "nfp_", base62, 36, random),
    at_least("tailscale", "tskey-auth-", dashed, 24, random),
    at_least("tailscale", "tskey-api-", dashed, 24, random),
    at_least("tailscale", "tskey-client-", dashed, 24, random),
    at_least("tailscale", "tskey-", dashed, 30, mixed),
    at_least("langsmith", "lsv2_", |byte| hex(byte) || byte == b'_' || byte == b'p' || byte == b's' || byte == b't' || byte == b'k', 40, random),
    at_least("square", "sq0csp-", url_safe, 43, random),
    at_least("square", "sq0atp-", url_safe, 22, random),
    at_least("alibaba", "LTAI", base62, 16, mixed),
    at_least("gitlab", "GR1348941", url_safe, 20, random),
    at_least("gitlab", "glimt-", url_safe, 20, random),
    at_least("gitlab", "glffct-", url_safe, 20, random),
    at_least("slack", "xoxe.xox", |byte| dashed(byte) || byte == b'.', 60, random),
    at_least("slack", "xoxc-", dashed, 24, random),
    at_least("slack", "xoxd-", |byte| url_safe(byte) || matches!(byte, b'%' | b'+' | b'/' | b'='), 40, random),
    at_least("stripe", "sk_prod_", base62, 16, random),
    at_least("stripe", "rk_prod_", base62, 16, random),
    at_least("google", "1//0", url_safe, 40, mixed),
    at_least("pypi", "pypi-AgENdGVzdC5weXBpLm9yZw", url_safe, 50, random),
    exactly("crates_io", "cio", base62, 32, mixed),
    exactly("nuget", "oy2", lower, 43, mixed),
    exactly("clojars", "CLOJARS_", lower, 60, random),
    at_least("brevo", "xsmtpsib-", dashed, 81, random),
    at_least("cerebras", "csk-", base62, 40, mixed),
    at_least("tavily", "tvly-", url_safe, 32, mixed),
    exactly("firecrawl", "fc-", hex, 32, mixed),
    at_least("jina", "jina_", url_safe, 50, mixed),
    at_least("together", "tgp_v1_", url_safe, 40, random),
    exactly("fireworks", "fw_", base62, 24, mixed),
    at_least("checkout", "sk_sbox_", base62, 26, mixed),
    exactly("elevenlabs", "sk_", hex, 48, mixed),
    at_least("checkout", "sk_", base62, 26, sk),
    at_least("voyage", "pa-", url_safe, 43, mixed),
    at_least("wandb", "wandb_v1_", url_safe, 40, random),
    at_least("logfire", "pylf_v", |byte| base62(byte) || byte == b'_', 43, random),
    at_least("supabase", "sb_secret_", url_safe, 30, random),
    at_least("vercel", "vcp_", base62, 24, mixed),
    at_least("vercel", "vck_", base62, 24, mixed),
    at_least("vercel", "vci_", base62, 24, mixed),
    at_least("vercel", "vca_", base62, 24, mixed),
    at_least("vercel", "vcr_", base62, 24, mixed),
    at_least("netlify", "nfc_", base62, 36, random),
    at_least("netlify", "nfo_", base62, 36, random),
    at_least("netlify", "nfu_", base62, 36, random),
    at_least("heroku", "HRKU-", url_safe, 36, mixed),
    at_least("fly_io", "fm1r_", base64, 100, random),
    at_least("fly_io", "fm1a_", base64, 100, random),
    at_least("fly_io", "fm2_", base64, 100, random),
    at_least("fly_io", "fo1_", url_safe, 43, random),
    at_least("render", "rnd_", base62, 28, mixed),
    at_least("posthog", "phx_", url_safe, 40, random),
    at_least("sourcegraph", "sgp_", |byte| base62(byte) || byte == b'_', 40, mixed),
    exactly("sourcegraph", "slk_", hex, 64, random),
    exactly("sonarqube", "sqp_", hex, 40, random),
    exactly("sonarqube", "squ_", hex, 40, random),
    exactly("sonarqube", "sqa_", hex, 40, random),
    at_least("doppler", "dp.ct.", base62, 40, random),
    at_least("doppler", "dp.sa.", base62, 40, random),
    at_least("doppler", "dp.scim.", base62, 40, random),
    at_least("doppler", "dp.audit.", base62, 40, random),
    at_least("vault", "hvr.", url_safe, 24, random),
    exactly("pulumi", "pul-", hex, 40, random),
    exactly("prefect", "pnu_", base62, 36, random),
    exactly("prefect", "pnb_", base62, 36, random),
    exactly("readme", "rdme_", lower, 70, random),
    at_least("dropbox", "sl.", padded, 130, mixed),
    exactly("contentful", "CFPAT-", url_safe, 43, random),
    at_least("bitbucket", "ATBB", base62, 28, mixed),
    at_least("bitbucket", "BBDC-", base64, 40, mixed),
    exactly("square", "EAAA", url_safe, 60, mixed),
    at_least("facebook", "EAA", base62, 100, mixed),
    at_least("instagram", "IGQV", url_safe, 100, mixed),
    at_least("x", "AAAAAAAAAAAAAAAAAAAAA", |byte| base62(byte) || byte == b'%', 60, mixed),
    at_least("flutterwave", "FLWSECK_TEST-", dashed, 32, mixed),
    at_least("flutterwave", "FLWSECK-", dashed, 32, mixed),
    exactly("easypost", "EZAK", base62, 54, random),
    exactly("easypost", "EZTK", base62, 54, random),
    exactly("shippo", "shippo_live_", hex, 40, random),
    exactly("shippo", "shippo_test_", hex, 40, random),
    at_least("duffel", "duffel_live_", url_safe, 43, random),
    at_least("duffel", "duffel_test_", url_safe, 43, random),
    at_least("frame_io", "fio-u-", url_safe, 64, random),
    exactly("adafruit", "aio_", base62, 28, mixed),
    exactly("artifactory", "AKCp", base62, 69, mixed),
    exactly("artifactory", "cmVmdGtu", base62, 56, mixed),
    at_least("confluent", "cflt", base64, 60, mixed),
    at_least("aiven", "AVNS_", url_safe, 18, random),
    at_least("mongodb", "mdb_sa_sk_", url_safe, 40, random),
    at_least("neon", "napi_", base62, 48, random),
    at_least("cockroach", "CCDB1_", |byte| base62(byte) || byte == b'_', 60, random),
    at_least("yandex", "AQVN", url_safe, 35, mixed),
    at_least("yandex", "y0_", url_safe, 50, mixed),
    at_least("mapbox", "sk.eyJ", dotted, 80, random),
    exactly("openshift", "sha256~", url_safe, 43, random),
    exactly("octopus", "API-", upper, 26, mixed),
    exactly("infracost", "ico-", base62, 32, mixed),
    at_least("typeform", "tfp_", dotted, 59, random),
    at_least("scalingo", "tk-us-", url_safe, 48, random),
    exactly("settlemint", "sm_pat_", base62, 16, random),
    exactly("settlemint", "sm_aat_", base62, 16, random),
    exactly("settlemint", "sm_sat_", base62, 16, random),
    at_least("1password", "A3-", |byte| upper(byte) || byte == b'-', 36, secret_key),
    at_least("newrelic", "NRII-", url_safe, 32, random),
    at_least("honeycomb", "hcaik_", lower, 58, random),
    at_least("honeycomb", "hcbik_", lower, 58, random),
    exactly("nostr", "nsec1", lower, 58, random),
    exactly("adobe", "p8e-", lower, 32, mixed),
    at_least("aikido", "AIK_SECRET_", base62, 64, random),
    at_least("aikido", "AIK_CI_", base62, 20, random),
    at_least("anyscale", "esecret_", base62, 20, mixed),
    at_least("anyscale", "aph0_", base62, 24, mixed),
    at_least("apify", "apify_api_", base62, 34, random),
    at_least("authress", "authress_", of_authress, 60, access),
    at_least("authress", "scauth_", of_authress, 60, access),
    at_least("authress", "ext_", of_authress, 60, access),
    at_least("authress", "sc_", of_authress, 60, access),
    at_least("browserbase", "bb_live_", url_safe, 20, mixed),
    exactly("clickhouse", "4b1d", base62, 38, cased),
    at_least("configcat", "configcat-sdk-1/", |byte| url_safe(byte) || byte == b'/', 45, random),
    exactly("cursor", "key_", hex, 64, mixed),
    exactly("databento", "db-", base62, 29, cased),
    at_least("dbt", "dbtc_", url_safe, 40, random),
    at_least("dbt", "dbtu_", url_safe, 40, random),
    at_least("defined_networking", "dnkey-", url_safe, 79, random),
    exactly("deno", "ddp_", base62, 36, mixed),
    exactly("deno", "ddo_", base62, 36, mixed),
    exactly("deno", "ddw_", base62, 36, mixed),
    at_least("dynatrace", "dt0s01.", capital_dotted, 73, random),
    at_least("dynatrace", "dt0s02.", capital_dotted, 73, random),
    at_least("dynatrace", "dt0s08.", capital_dotted, 73, random),
    at_least("dynatrace", "dt0s16.", capital_dotted, 73, random),
    exactly("e2b", "e2b_", hex, 40, random),
    at_least("figma", "figo_", url_safe, 40, random),
    at_least("figma", "figor_", url_safe, 40, random),
    at_least("figma", "figoh_", url_safe, 40, random),
    at_least("figma", "figu_", url_safe, 40, random),
    at_least("figma", "figdh_", url_safe, 40, random),
    at_least("figma", "figuh_", url_safe, 40, random),
    at_least("fullstory", "na1.", base64, 60, mixed),
    at_least("fullstory", "eu1.", base64, 60, mixed),
    at_least("gocardless", "live_", url_safe, 40, cased),
    at_least("grafana", "eyJrIjoi", base64, 60, mixed),
    exactly("intercom", "dG9rO", base64, 55, mixed),
    exactly("intra42", "s-s4t2ud-", hex, 64, random),
    exactly("intra42", "s-s4t2af-", hex, 64, random),
    exactly("lichess", "lip_", base62, 20, mixed),
    exactly("linear", "lin_oauth_", hex, 64, random),
    exactly("lob", "live_", hex, 35, mixed),
    exactly("lob", "test_", hex, 35, mixed),
    exactly("modal", "ak-", base62, 22, cased),
    exactly("modal", "as-", base62, 22, cased),
    exactly("newrelic", "NRJS-", hex, 19, mixed),
    at_least("onfido", "api_live", dotted, 44, mixed),
    at_least("onfido", "api_sandbox", dotted, 44, mixed),
    at_least("packagist", "packagist_", |byte| lower(byte) || byte == b'_', 68, random),
    at_least("paddle", "pdl_live_apikey_", |byte| base62(byte) || byte == b'_', 50, random),
    at_least("paddle", "pdl_sdbx_apikey_", |byte| base62(byte) || byte == b'_', 50, random),
    at_least("polar", "polar_", |byte| base62(byte) || byte == b'_', 36, cased),
    exactly("postman", "PMAT-", upper, 26, mixed),
    exactly("rootly", "rootly_", hex, 64, random),
    at_least("runpod", "rpa_", base62, 40, mixed),
    at_least("samsara", "samsara_api_", base62, 28, random),
    exactly("shopify", "shptka_", hex, 32, random),
    at_least("snyk", "snyk_uat.", dotted, 60, random),
    at_least("snyk", "snyk_sat.", dotted, 60, random),
    exactly("telnyx", "KEY", |byte| base62(byte) || byte == b'_', 55, underscore_at_32),
    at_least("thunderstore", "tss_", base62, 32, mixed),
    exactly("ubidots", "BBFF-", base62, 30, mixed),
    exactly("ubidots", "BBUS-", base62, 30, mixed),
    at_least("unkey", "unkey_", base62, 20, mixed),
    at_least("val_town", "vtwn_", base62, 20, mixed),
    at_least("yandex", "t1.", padded, 100, cased),
    exactly("yandex", "YC", url_safe, 38, cased),
    at_least("zuplo", "zpka_", |byte| lower(byte) || byte == b'_', 40, mixed),
    // RFC 8959: the scheme says that what follows is secret.
    at_least("secret_token", "secret-token:", |byte| dotted(byte) || matches!(byte, b'~' | b'%'), 32, random),
];

#[cfg(test)]
mod tests {
    use super::super::structured::{Part, SHAPES, Shape};
    use super::*;
    use crate::checksum::base62_crc32;
    use crate::{Engine, Policy};

    /// Bytes of an alphabet in an order that looks random.
    fn body(alphabet: fn(u8) -> bool, length: usize, seed: usize) -> String {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() && alphabet(*byte);
        let letters: Vec<u8> = (33..127).filter(plain).collect();
        let mut state = seed as u64 + 1;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            char::from(letters[(state >> 33) as usize % letters.len()])
        };
        (0..length).map(|_| next()).collect()
    }

    fn token(format: &Format, seed: usize) -> String {
        let mut body = body(format.alphabet, format.body, seed);
        match format.vendor {
            "github" if format.body == 36 => {
                body.truncate(30);
                body += std::str::from_utf8(&base62_crc32(body.as_bytes())).expect("base62 is ASCII");
            }
            "sendgrid" => body.replace_range(22..23, "."),
            "authress" => body.replace_range(20..25, ".acc-"),
            "telnyx" => body.replace_range(32..33, "_"),
            "1password" if format.prefix == "A3-" => {
                for place in [6, 13, 19, 25, 31] {
                    body.replace_range(place..=place, "-");
                }
            }
            _ => {}
        }
        format!("{}{body}", format.prefix)
    }

    fn structured(shape: &Shape, seed: usize) -> String {
        let parts = shape.parts.iter().enumerate().map(|(index, part)| match *part {
            Part::Is(text) => text.to_owned(),
            Part::Of(least, _, alphabet) => body(alphabet, least, seed + index),
            Part::Uuid => "3f2b8c1d-94ae-4f07-b6d2-5e8c7a90b1f4".to_owned(),
        });
        parts.collect()
    }

    fn check(vendor: &str, make: impl Fn(usize) -> String) {
        let engine = Engine::standard();
        // One body in a few hundred looks like a name or a placeholder; nearly all must be found.
        let found = (0..20).filter(|seed| {
            let token = make(*seed);
            let text = format!("it is {token} indeed");
            let hits: Vec<_> = engine.find_iter(&text).collect();
            let redacted = engine.redact(&text, &Policy::redact_all()).text;
            hits.len() == 1
                && hits[0].subtype() == Some(vendor)
                && redacted == "it is [REDACTED:api_secret] indeed"
        });
        let found = found.count();
        assert!(found >= 19, "{vendor}: {found} of 20 like {}…", &make(0)[..8]);
    }

    #[test]
    fn every_format_is_found_alone_in_a_sentence() {
        for format in FORMATS {
            check(format.vendor, |seed| token(format, seed));
        }
        for shape in SHAPES {
            check(shape.vendor, |seed| structured(shape, seed));
        }
    }

    #[test]
    fn no_format_hides_behind_a_shorter_prefix() {
        for (index, format) in FORMATS.iter().enumerate() {
            let earlier = FORMATS[..index]
                .iter()
                .find(|earlier| format.prefix != earlier.prefix && format.prefix.starts_with(earlier.prefix));
            let same = earlier.filter(|earlier| earlier.vendor != format.vendor);
            assert!(
                same.is_none(),
                "{} stands after {}",
                format.prefix,
                same.map_or("", |same| same.prefix)
            );
        }
    }

    #[test]
    fn there_are_formats_of_at_least_sixty_vendors() {
        let vendors: std::collections::BTreeSet<&str> = FORMATS
            .iter()
            .map(|format| format.vendor)
            .chain(SHAPES.iter().map(|shape| shape.vendor))
            .collect();
        assert!(vendors.len() >= 60, "{}", vendors.len());
    }
}
