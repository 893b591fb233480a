//! Runs the mock providers until standard input ends, and prints `{"url": …}` when they are ready.

use std::env;
use std::io;

use tokio::io::AsyncReadExt as _;
use workjet_mock_providers::Mock;

#[tokio::main]
async fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let mock = Mock::start(address).await?;
    println!("{}", serde_json::json!({ "url": mock.url() }));
    // Whoever started this holds the other end: when it is gone, so are the providers.
    let mut stdin = tokio::io::stdin();
    while stdin.read(&mut [0; 64]).await? > 0 {}
    Ok(())
}
