//! What the documentation shows is accepted as it stands.

use workjet_gateway::config::Config;

#[test]
fn documented_configuration_is_accepted() {
    let page = include_str!("../../../docs/configuration.md");
    let blocks: Vec<&str> = page
        .split("```toml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().expect("split yields at least one part"))
        .collect();
    assert!(!blocks.is_empty());
    for block in blocks {
        let config =
            Config::from_toml(block, "configuration.md").expect("a documented configuration is valid");
        assert_eq!(config.providers.len(), 2);
        assert_eq!(config.max_body_bytes, 32 << 20);
    }
}
