//! Anthropic Messages.
//!
//! A reply's content blocks come back in the next request, so one [`BLOCK`] map serves both directions.

use workjet_dlp::Shape::{
    self, Any, Constant, Either, List, Name, Number, Object, Opaque, Signed, Tagged, Text, Url,
};

/// Text, or blocks.
macro_rules! content {
    () => {
        Either {
            text: &Text,
            list: &List(&BLOCK),
            object: &BLOCK,
        }
    };
}

/// An object whose shape is a static of its own. Blocks hold blocks, and only statics may refer to each other in a ring.
macro_rules! object {
    ($shape:ident) => {
        Either {
            text: &Text,
            list: &Any,
            object: &$shape,
        }
    };
}

/// True or false carry nothing. Anything else in their place is a surprise, and scanned.
const FLAG: Shape = Any;

pub(super) static REQUEST: Shape = Object(&[
    ("model", Name),
    ("messages", List(&MESSAGE)),
    ("system", content!()),
    ("tools", List(&TOOL)),
    (
        "tool_choice",
        Object(&[
            ("type", Constant(&["auto", "any", "tool", "none"])),
            ("name", Name),
            ("disable_parallel_tool_use", FLAG),
        ]),
    ),
    ("metadata", Object(&[("user_id", Text)])),
    ("stop_sequences", List(&Text)),
    (
        "thinking",
        Object(&[
            ("type", Constant(&["enabled", "disabled", "adaptive"])),
            ("budget_tokens", Number),
            ("display", Constant(&["summarized", "omitted"])),
        ]),
    ),
    (
        "output_config",
        Object(&[
            ("effort", Constant(&["low", "medium", "high", "xhigh", "max"])),
            ("format", OUTPUT_FORMAT),
        ]),
    ),
    ("output_format", OUTPUT_FORMAT),
    ("service_tier", Constant(&["auto", "standard_only"])),
    ("speed", Constant(&["standard", "fast"])),
    ("inference_geo", Name),
    ("container", CONTAINER),
    ("mcp_servers", List(&MCP_SERVER)),
    ("context_management", Object(&[("edits", List(&CONTEXT_EDIT))])),
    ("cache_control", CACHE_CONTROL),
    ("max_tokens", Number),
    ("temperature", Number),
    ("top_p", Number),
    ("top_k", Number),
    ("stream", FLAG),
]);

static MESSAGE: Shape = Object(&[
    ("role", Constant(&["user", "assistant", "system"])),
    ("content", content!()),
]);

/// A content block, in requests and in replies. Blocks that are not named are scanned whole.
static BLOCK: Shape = Tagged {
    tag: "type",
    cases: &[
        ("text", &TEXT),
        ("image", &IMAGE),
        ("document", &DOCUMENT),
        ("search_result", &SEARCH_RESULT),
        ("thinking", &THINKING),
        ("redacted_thinking", &REDACTED_THINKING),
        ("tool_use", &TOOL_USE),
        ("server_tool_use", &TOOL_USE),
        ("mcp_tool_use", &TOOL_USE),
        ("tool_result", &TOOL_RESULT),
        ("mcp_tool_result", &TOOL_RESULT),
        ("web_search_tool_result", &WEB_SEARCH_TOOL_RESULT),
        ("web_fetch_tool_result", &TOOL_RESULT),
        ("code_execution_tool_result", &TOOL_RESULT),
        ("bash_code_execution_tool_result", &TOOL_RESULT),
        ("text_editor_code_execution_tool_result", &TOOL_RESULT),
        ("tool_search_tool_result", &TOOL_RESULT),
        ("container_upload", &CONTAINER_UPLOAD),
        ("tool_reference", &TOOL_REFERENCE),
        ("web_fetch_result", &WEB_FETCH_RESULT),
        ("compaction", &COMPACTION),
    ],
};

static TEXT: Shape = Object(&[
    ("type", Constant(&["text"])),
    ("text", Text),
    ("citations", List(&CITATION)),
    ("cache_control", CACHE_CONTROL),
]);

static IMAGE: Shape = Object(&[
    ("type", Constant(&["image"])),
    ("source", object!(SOURCE)),
    ("cache_control", CACHE_CONTROL),
]);

static DOCUMENT: Shape = Object(&[
    ("type", Constant(&["document"])),
    ("source", object!(SOURCE)),
    ("title", Text),
    ("context", Text),
    ("citations", Object(&[("enabled", FLAG)])),
    ("cache_control", CACHE_CONTROL),
]);

static SEARCH_RESULT: Shape = Object(&[
    ("type", Constant(&["search_result"])),
    ("source", Text),
    ("title", Text),
    ("content", List(&BLOCK)),
    ("citations", Object(&[("enabled", FLAG)])),
    ("cache_control", CACHE_CONTROL),
]);

/// The provider refuses thinking whose text no longer fits its signature, and a rewritten block would fail the whole
/// conversation at the next turn.
static THINKING: Shape = Object(&[
    ("type", Constant(&["thinking"])),
    ("thinking", Signed),
    ("signature", Signed),
]);

static REDACTED_THINKING: Shape = Object(&[("type", Constant(&["redacted_thinking"])), ("data", Signed)]);

/// `input` is an object of the caller's making; its values are rewritten, its keys refuse.
static TOOL_USE: Shape = Object(&[
    ("type", Constant(&["tool_use", "server_tool_use", "mcp_tool_use"])),
    ("id", Name),
    ("name", Name),
    ("server_name", Name),
    ("input", Any),
    ("caller", CALLER),
    ("cache_control", CACHE_CONTROL),
]);

static TOOL_RESULT: Shape = Object(&[
    ("type", TOOL_RESULT_TYPE),
    ("tool_use_id", Name),
    ("content", content!()),
    ("is_error", FLAG),
    ("caller", CALLER),
    ("cache_control", CACHE_CONTROL),
]);

const TOOL_RESULT_TYPE: Shape = Constant(&[
    "tool_result",
    "mcp_tool_result",
    "web_fetch_tool_result",
    "code_execution_tool_result",
    "bash_code_execution_tool_result",
    "text_editor_code_execution_tool_result",
    "tool_search_tool_result",
]);

static WEB_SEARCH_TOOL_RESULT: Shape = Object(&[
    ("type", Constant(&["web_search_tool_result"])),
    ("tool_use_id", Name),
    (
        "content",
        Either {
            text: &Text,
            list: &List(&WEB_SEARCH_RESULT),
            object: &Any,
        },
    ),
    ("caller", CALLER),
    ("cache_control", CACHE_CONTROL),
]);

static WEB_SEARCH_RESULT: Shape = Object(&[
    ("type", Constant(&["web_search_result"])),
    ("title", Text),
    ("url", Text),
    ("page_age", Text),
    ("encrypted_content", Signed),
]);

static WEB_FETCH_RESULT: Shape = Object(&[
    ("type", Constant(&["web_fetch_result"])),
    ("url", Text),
    ("content", content!()),
    ("retrieved_at", Text),
]);

static CONTAINER_UPLOAD: Shape = Object(&[
    ("type", Constant(&["container_upload"])),
    ("file_id", Name),
    ("cache_control", CACHE_CONTROL),
]);

static TOOL_REFERENCE: Shape = Object(&[
    ("type", Constant(&["tool_reference"])),
    ("tool_name", Name),
    ("cache_control", CACHE_CONTROL),
]);

static COMPACTION: Shape = Object(&[
    ("type", Constant(&["compaction"])),
    ("content", Text),
    ("cache_control", CACHE_CONTROL),
]);

const CALLER: Shape = Object(&[("type", Name), ("tool_id", Name)]);

static SOURCE: Shape = Tagged {
    tag: "type",
    cases: &[
        (
            "base64",
            &Object(&[
                ("type", Constant(&["base64"])),
                ("media_type", MEDIA_TYPE),
                ("data", Opaque),
            ]),
        ),
        ("url", &Object(&[("type", Constant(&["url"])), ("url", Url)])),
        (
            "file",
            &Object(&[("type", Constant(&["file"])), ("file_id", Name)]),
        ),
        (
            "text",
            &Object(&[
                ("type", Constant(&["text"])),
                ("media_type", MEDIA_TYPE),
                ("data", Text),
            ]),
        ),
        (
            "content",
            &Object(&[("type", Constant(&["content"])), ("content", content!())]),
        ),
    ],
};

const MEDIA_TYPE: Shape = Constant(&[
    "image/jpeg",
    "image/png",
    "image/gif",
    "image/webp",
    "application/pdf",
    "text/plain",
]);

const CACHE_CONTROL: Shape = Object(&[
    ("type", Constant(&["ephemeral"])),
    ("ttl", Constant(&["5m", "1h"])),
]);

const CITATION: Shape = Object(&[
    (
        "type",
        Constant(&[
            "char_location",
            "page_location",
            "content_block_location",
            "web_search_result_location",
            "search_result_location",
        ]),
    ),
    ("cited_text", Text),
    ("title", Text),
    ("document_title", Text),
    ("url", Text),
    ("source", Text),
    ("file_id", Name),
    ("encrypted_index", Signed),
    ("document_index", Number),
    ("search_result_index", Number),
    ("start_char_index", Number),
    ("end_char_index", Number),
    ("start_page_number", Number),
    ("end_page_number", Number),
    ("start_block_index", Number),
    ("end_block_index", Number),
]);

/// A tool of the caller, or one of the provider's own (`web_search_20250305` and kin) with its settings.
static TOOL: Shape = Object(&[
    ("type", Name),
    ("name", Name),
    ("description", Text),
    ("input_schema", Any),
    ("input_examples", List(&Any)),
    ("strict", FLAG),
    ("defer_loading", FLAG),
    ("eager_input_streaming", FLAG),
    ("allowed_callers", List(&Name)),
    ("max_uses", Number),
    ("max_characters", Number),
    ("max_content_tokens", Number),
    ("display_width_px", Number),
    ("display_height_px", Number),
    ("display_number", Number),
    ("allowed_domains", List(&Text)),
    ("blocked_domains", List(&Text)),
    (
        "user_location",
        Object(&[
            ("type", Constant(&["approximate"])),
            ("city", Text),
            ("country", Text),
            ("region", Text),
            ("timezone", Text),
        ]),
    ),
    ("mcp_server_name", Name),
    ("cache_control", CACHE_CONTROL),
]);

const OUTPUT_FORMAT: Shape = Object(&[("type", Constant(&["json_schema"])), ("schema", Any)]);

/// A token meant for a third party is a secret on its way to the provider, and refused like any other: `Name`.
const MCP_SERVER: Shape = Object(&[
    ("type", Constant(&["url"])),
    ("url", Name),
    ("name", Name),
    ("authorization_token", Name),
    (
        "tool_configuration",
        Object(&[("enabled", FLAG), ("allowed_tools", List(&Name))]),
    ),
]);

const CONTAINER: Shape = Either {
    text: &Name,
    list: &Any,
    object: &Object(&[
        ("id", Name),
        ("expires_at", Text),
        (
            "skills",
            List(&Object(&[
                ("type", Constant(&["anthropic", "custom"])),
                ("skill_id", Name),
                ("version", Name),
            ])),
        ),
    ]),
};

const CONTEXT_EDIT: Shape = Object(&[("type", Name), ("exclude_tools", List(&Name))]);

pub(super) static REPLY: Shape = Object(&[
    ("id", Text),
    ("type", Constant(&["message"])),
    ("role", Constant(&["assistant"])),
    ("model", Text),
    ("content", content!()),
    ("stop_reason", STOP_REASON),
    ("stop_sequence", Text),
    ("usage", USAGE),
    ("container", CONTAINER),
]);

const STOP_REASON: Shape = Constant(&[
    "end_turn",
    "max_tokens",
    "stop_sequence",
    "tool_use",
    "pause_turn",
    "refusal",
    "model_context_window_exceeded",
    "compaction",
]);

const USAGE: Shape = Object(&[
    ("input_tokens", Number),
    ("output_tokens", Number),
    ("cache_creation_input_tokens", Number),
    ("cache_read_input_tokens", Number),
    (
        "cache_creation",
        Object(&[
            ("ephemeral_5m_input_tokens", Number),
            ("ephemeral_1h_input_tokens", Number),
        ]),
    ),
    ("output_tokens_details", Object(&[("thinking_tokens", Number)])),
    (
        "server_tool_use",
        Object(&[("web_search_requests", Number), ("web_fetch_requests", Number)]),
    ),
    ("service_tier", Constant(&["standard", "priority", "batch"])),
    ("inference_geo", Name),
    ("speed", Constant(&["standard", "fast"])),
]);

pub(super) static FRAME: Shape = Tagged {
    tag: "type",
    cases: &[
        (
            "message_start",
            &Object(&[
                ("type", Constant(&["message_start"])),
                ("message", object!(REPLY)),
            ]),
        ),
        ("content_block_start", &BLOCK_START),
        ("content_block_delta", &BLOCK_DELTA),
        (
            "content_block_stop",
            &Object(&[("type", Constant(&["content_block_stop"])), ("index", Number)]),
        ),
        ("message_delta", &MESSAGE_DELTA),
        ("message_stop", &Object(&[("type", Constant(&["message_stop"]))])),
        ("ping", &Object(&[("type", Constant(&["ping"]))])),
        (
            "error",
            &Object(&[
                ("type", Constant(&["error"])),
                ("error", Object(&[("type", Name), ("message", Text)])),
                ("request_id", Text),
            ]),
        ),
    ],
};

static BLOCK_START: Shape = Object(&[
    ("type", Constant(&["content_block_start"])),
    ("index", Number),
    ("content_block", object!(BLOCK)),
]);

static BLOCK_DELTA: Shape = Object(&[
    ("type", Constant(&["content_block_delta"])),
    ("index", Number),
    (
        "delta",
        Tagged {
            tag: "type",
            cases: &[
                (
                    "text_delta",
                    &Object(&[("type", Constant(&["text_delta"])), ("text", Text)]),
                ),
                (
                    "input_json_delta",
                    &Object(&[("type", Constant(&["input_json_delta"])), ("partial_json", Text)]),
                ),
                (
                    "thinking_delta",
                    &Object(&[("type", Constant(&["thinking_delta"])), ("thinking", Signed)]),
                ),
                (
                    "signature_delta",
                    &Object(&[("type", Constant(&["signature_delta"])), ("signature", Signed)]),
                ),
                (
                    "citations_delta",
                    &Object(&[("type", Constant(&["citations_delta"])), ("citation", CITATION)]),
                ),
            ],
        },
    ),
]);

static MESSAGE_DELTA: Shape = Object(&[
    ("type", Constant(&["message_delta"])),
    (
        "delta",
        Object(&[
            ("stop_reason", STOP_REASON),
            ("stop_sequence", Text),
            ("container", CONTAINER),
        ]),
    ),
    ("usage", USAGE),
]);
