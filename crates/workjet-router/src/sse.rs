//! Decoders for streams: Server-Sent Events and newline-delimited JSON.
//!
//! Both work on bytes, since a network chunk may end inside a character, between CR and LF, or anywhere else. What
//! comes out depends on the bytes alone and not on where they were cut. An event that outgrows its bound is an error:
//! memory stays bounded whatever a provider sends.

/// One event of a `text/event-stream`, as
/// [the HTML standard](https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation) has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SseEvent {
    /// The `event:` field; `None` where it is absent or empty.
    pub event: Option<String>,
    /// The `data:` lines, joined with line feeds.
    pub data: String,
}

/// An event, or a line, is larger than the decoder's bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event is larger than the stream decoder's bound")]
pub struct TooLarge;

/// Decodes Server-Sent Events.
///
/// Events without data are dropped, as browsers do; comments, `id:` and `retry:` are skipped.
#[derive(Debug)]
pub struct SseDecoder {
    lines: Lines,
    event: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
}

impl SseDecoder {
    /// A decoder that holds at most `max_event_bytes` of an event that is not complete.
    pub fn new(max_event_bytes: usize) -> Self {
        Self {
            lines: Lines::new(max_event_bytes),
            event: Vec::new(),
            data: Vec::new(),
            has_data: false,
        }
    }

    /// Takes the next bytes of the stream and returns the events that they complete.
    ///
    /// # Errors
    /// [`TooLarge`] if an event outgrows the bound. Events that the same bytes completed are lost; use
    /// [`feed`](Self::feed) to get them first.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<SseEvent>, TooLarge> {
        let mut events = Vec::new();
        self.feed(bytes, &mut |event| events.push(event))?;
        Ok(events)
    }

    /// Takes the next bytes of the stream and hands each event that they complete to `on_event`.
    ///
    /// # Errors
    /// [`TooLarge`] if an event outgrows the bound.
    pub fn feed(&mut self, bytes: &[u8], on_event: &mut dyn FnMut(SseEvent)) -> Result<(), TooLarge> {
        let Self {
            lines,
            event,
            data,
            has_data,
        } = self;
        let bound = lines.bound;
        lines.push(bytes, &mut |line| {
            if line.is_empty() {
                if let Some(event) = dispatch(event, data, has_data) {
                    on_event(event);
                }
                return Ok(());
            }
            let (field, value) = split_field(line);
            match field {
                b"event" => value.clone_into(event),
                b"data" => {
                    if *has_data {
                        data.push(b'\n');
                    }
                    *has_data = true;
                    data.extend_from_slice(value);
                }
                // `id`, `retry`, unknown fields, and comments, whose field is empty.
                _ => {}
            }
            if data.len() + event.len() > bound {
                Err(TooLarge)
            } else {
                Ok(())
            }
        })
    }

    /// The event that the end of the stream left without its blank line. The standard drops it; some providers end
    /// their last event so, hence the caller decides.
    pub fn finish(&mut self) -> Option<SseEvent> {
        // A last line without its line end, then the blank line that is missing.
        let mut events = self.push(b"\n\n").unwrap_or_default();
        events.pop()
    }
}

fn dispatch(event: &mut Vec<u8>, data: &mut Vec<u8>, has_data: &mut bool) -> Option<SseEvent> {
    let name = std::mem::take(event);
    let data = std::mem::take(data);
    std::mem::take(has_data).then(|| SseEvent {
        event: (!name.is_empty()).then(|| into_text(name)),
        data: into_text(data),
    })
}

fn split_field(line: &[u8]) -> (&[u8], &[u8]) {
    match line.iter().position(|&byte| byte == b':') {
        Some(colon) => {
            let value = &line[colon + 1..];
            (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
        }
        None => (line, b""),
    }
}

fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Decodes newline-delimited JSON into its lines; blank ones are skipped.
#[derive(Debug)]
pub struct NdjsonDecoder {
    lines: Lines,
}

impl NdjsonDecoder {
    /// A decoder that holds at most `max_line_bytes` of a line that is not complete.
    pub fn new(max_line_bytes: usize) -> Self {
        Self {
            lines: Lines::new(max_line_bytes),
        }
    }

    /// Takes the next bytes of the stream and returns the lines that they complete.
    ///
    /// # Errors
    /// [`TooLarge`] if a line outgrows the bound. Lines that the same bytes completed are lost; use
    /// [`feed`](Self::feed) to get them first.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<String>, TooLarge> {
        let mut found = Vec::new();
        self.feed(bytes, &mut |line| found.push(line))?;
        Ok(found)
    }

    /// Takes the next bytes of the stream and hands each line that they complete to `on_line`.
    ///
    /// # Errors
    /// [`TooLarge`] if a line outgrows the bound.
    pub fn feed(&mut self, bytes: &[u8], on_line: &mut dyn FnMut(String)) -> Result<(), TooLarge> {
        self.lines.push(bytes, &mut |line| {
            if !line.trim_ascii().is_empty() {
                on_line(into_text(line.to_vec()));
            }
            Ok(())
        })
    }

    /// The line that the end of the stream left without its line end.
    pub fn finish(&mut self) -> Option<String> {
        self.push(b"\n").unwrap_or_default().pop()
    }
}

/// Cuts bytes into lines that end in LF, CR LF or CR.
#[derive(Debug)]
struct Lines {
    bound: usize,
    line: Vec<u8>,
    // The line before ended in CR: an LF that comes next belongs to it.
    after_cr: bool,
    // Nothing came yet, so a byte order mark may.
    at_start: bool,
}

impl Lines {
    fn new(bound: usize) -> Self {
        Self {
            bound,
            line: Vec::new(),
            after_cr: false,
            at_start: true,
        }
    }

    fn push(
        &mut self,
        mut bytes: &[u8],
        on_line: &mut dyn FnMut(&[u8]) -> Result<(), TooLarge>,
    ) -> Result<(), TooLarge> {
        const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
        while !bytes.is_empty() {
            if std::mem::take(&mut self.after_cr) && bytes[0] == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let Some(end) = bytes.iter().position(|&byte| byte == b'\n' || byte == b'\r') else {
                self.line.extend_from_slice(bytes);
                return if self.line.len() > self.bound {
                    Err(TooLarge)
                } else {
                    Ok(())
                };
            };
            self.line.extend_from_slice(&bytes[..end]);
            self.after_cr = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            if self.line.len() > self.bound {
                return Err(TooLarge);
            }
            let line = std::mem::take(&mut self.line);
            let mark = std::mem::take(&mut self.at_start) && line.starts_with(BYTE_ORDER_MARK);
            on_line(if mark {
                &line[BYTE_ORDER_MARK.len()..]
            } else {
                &line
            })?;
            // Keep the allocation for the next line.
            self.line = line;
            self.line.clear();
        }
        Ok(())
    }
}
