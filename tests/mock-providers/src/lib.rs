//! AI providers for tests: they speak four dialects over real sockets and do as they are told.
//!
//! One server stands for all providers; the path says which one is meant, as it does in the world:
//!
//! | path | dialect |
//! |---|---|
//! | `/v1/chat/completions` | OpenAI |
//! | `/v1/messages`, `/v1/messages/count_tokens` | Anthropic |
//! | `/v1beta/models/{model}:generateContent`, `:streamGenerateContent?alt=sse` | Google |
//! | `/api/chat` | Ollama |
//!
//! What a model replies is a [`Script`], sent to a control endpoint beforehand, so tests in any language can use it.
//! Every request is kept as it came, so that a test can prove that something never arrived. Nothing waits unless a
//! script says so, and nothing is random.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! let mock = workjet_mock_providers::Mock::start("127.0.0.1:0").await?;
//! println!("OpenAI's base address is {}/v1", mock.url());
//! # Ok(())
//! # }
//! ```

mod dialect;
mod script;
mod server;
mod wire;

use std::io;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, ToSocketAddrs};
use tokio::task::JoinHandle;

pub use script::{Cut, Failure, Part, Raw, Reply, Script, Stop, Usage, Wire};

use server::Provider;

/// A running server; it stops when this is dropped.
#[derive(Debug)]
pub struct Mock {
    url: String,
    provider: Arc<Provider>,
    task: JoinHandle<()>,
}

impl Mock {
    /// Listens on `address`; port 0 picks a free one.
    ///
    /// # Errors
    /// If the address cannot be listened on.
    pub async fn start(address: impl ToSocketAddrs) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let provider = Arc::new(Provider::default());
        let shared = Arc::clone(&provider);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Small chunks must leave at once: tests count on what they have released.
                if stream.set_nodelay(true).is_err() {
                    continue;
                }
                let provider = Arc::clone(&shared);
                tokio::spawn(async move {
                    let service = service_fn(move |request| Arc::clone(&provider).answer(request));
                    // A connection that breaks off is what some scripts ask for.
                    drop(
                        http1::Builder::new()
                            .serve_connection(TokioIo::new(stream), service)
                            .await,
                    );
                });
            }
        });
        Ok(Self { url, provider, task })
    }

    /// Where it listens, such as `http://127.0.0.1:40123`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Tells how to answer the next requests for `model`: one script each, the last one for all that follow.
    pub fn script(&self, model: &str, scripts: impl IntoIterator<Item = Script>) {
        self.provider
            .assign(model.to_owned(), scripts.into_iter().collect());
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        self.task.abort();
    }
}
