//! OpenAI Chat Completions.
//!
//! Fields of compatible servers that clients rely on (`reasoning_content`, `top_k`, `video_url`) are named as well.

use workjet_dlp::Shape::{
    self, Any, Constant, Either, Json, List, Name, Number, Object, Opaque, Signed, Tagged, Text, Url,
};

/// Words for how hard a model should think.
const EFFORT: Shape = Constant(&["none", "minimal", "low", "medium", "high", "xhigh", "max"]);
const LEVEL: Shape = Constant(&["low", "medium", "high"]);
const SERVICE_TIER: Shape = Constant(&[
    "auto", "default", "flex", "scale", "priority", "fast", "standard", "batch",
]);
/// True or false carry nothing. Anything else in their place is a surprise, and scanned.
const FLAG: Shape = Any;

pub(super) static REQUEST: Shape = Object(&[
    ("model", Name),
    ("messages", List(&MESSAGE)),
    ("tools", List(&TOOL)),
    ("functions", List(&FUNCTION)),
    (
        "tool_choice",
        Either {
            text: &Constant(&["none", "auto", "required"]),
            list: &Any,
            object: &TOOL_CHOICE,
        },
    ),
    (
        "function_call",
        Either {
            text: &Constant(&["none", "auto"]),
            list: &Any,
            object: &Object(&[("name", Name)]),
        },
    ),
    ("response_format", RESPONSE_FORMAT),
    ("stop", TEXTS),
    (
        "prediction",
        Object(&[("type", Constant(&["content"])), ("content", CONTENT)]),
    ),
    ("metadata", Any),
    ("user", Text),
    ("safety_identifier", Text),
    ("prompt_cache_key", Text),
    (
        "prompt_cache_retention",
        Constant(&["in-memory", "in_memory", "24h"]),
    ),
    ("web_search_options", WEB_SEARCH),
    ("audio", Object(&[("voice", Name), ("format", AUDIO_FORMAT)])),
    ("modalities", List(&Constant(&["text", "audio", "image"]))),
    ("reasoning_effort", EFFORT),
    (
        "reasoning",
        Object(&[
            ("effort", EFFORT),
            ("max_tokens", Number),
            ("exclude", FLAG),
            ("enabled", FLAG),
        ]),
    ),
    ("verbosity", LEVEL),
    ("service_tier", SERVICE_TIER),
    ("max_tokens", Number),
    ("max_completion_tokens", Number),
    ("temperature", Number),
    ("top_p", Number),
    ("top_k", Number),
    ("min_p", Number),
    ("n", Number),
    ("seed", Number),
    ("presence_penalty", Number),
    ("frequency_penalty", Number),
    ("repetition_penalty", Number),
    ("top_logprobs", Number),
    ("logprobs", FLAG),
    ("logit_bias", Any),
    ("parallel_tool_calls", FLAG),
    ("store", FLAG),
    ("stream", FLAG),
    (
        "stream_options",
        Object(&[("include_usage", FLAG), ("include_obfuscation", FLAG)]),
    ),
]);

const TEXTS: Shape = Either {
    text: &Text,
    list: &List(&Text),
    object: &Any,
};

static MESSAGE: Shape = Tagged {
    tag: "role",
    cases: &[
        ("system", &PROMPT),
        ("developer", &PROMPT),
        ("user", &PROMPT),
        ("assistant", &ASSISTANT),
        ("tool", &TOOL_RESULT),
        ("function", &FUNCTION_RESULT),
    ],
};

/// What people and programs say. `name` tells participants apart and matches nothing, so it may be rewritten.
static PROMPT: Shape = Object(&[
    ("role", Constant(&["system", "developer", "user"])),
    ("content", CONTENT),
    ("name", Text),
    // As Ollama's own dialect has them.
    ("images", List(&Opaque)),
]);

/// What the model said before, as the client repeats it.
static ASSISTANT: Shape = Object(&[
    ("role", Constant(&["assistant"])),
    ("content", CONTENT),
    ("name", Text),
    ("refusal", Text),
    ("reasoning_content", Text),
    ("reasoning", Text),
    ("reasoning_details", List(&REASONING_DETAIL)),
    ("tool_calls", List(&TOOL_CALL)),
    ("function_call", CALLED_FUNCTION),
    ("audio", AUDIO),
    ("annotations", List(&ANNOTATION)),
    ("images", List(&PART)),
]);

static TOOL_RESULT: Shape = Object(&[
    ("role", Constant(&["tool"])),
    ("content", CONTENT),
    ("tool_call_id", Name),
    ("name", Name),
]);

static FUNCTION_RESULT: Shape = Object(&[
    ("role", Constant(&["function"])),
    ("content", CONTENT),
    ("name", Name),
]);

const CONTENT: Shape = Either {
    text: &Text,
    list: &List(&PART),
    object: &Any,
};

static PART: Shape = Tagged {
    tag: "type",
    cases: &[
        ("text", &Object(&[("type", Constant(&["text"])), ("text", Text)])),
        (
            "refusal",
            &Object(&[("type", Constant(&["refusal"])), ("refusal", Text)]),
        ),
        (
            "image_url",
            &Object(&[
                ("type", Constant(&["image_url"])),
                ("index", Number),
                ("image_url", ADDRESS),
            ]),
        ),
        (
            "video_url",
            &Object(&[("type", Constant(&["video_url"])), ("video_url", ADDRESS)]),
        ),
        (
            "audio_url",
            &Object(&[("type", Constant(&["audio_url"])), ("audio_url", ADDRESS)]),
        ),
        (
            "input_audio",
            &Object(&[
                ("type", Constant(&["input_audio"])),
                (
                    "input_audio",
                    Object(&[("data", Opaque), ("format", AUDIO_FORMAT)]),
                ),
            ]),
        ),
        (
            "file",
            &Object(&[
                ("type", Constant(&["file"])),
                (
                    "file",
                    Object(&[("file_data", Opaque), ("file_id", Name), ("filename", Text)]),
                ),
            ]),
        ),
        // Not OpenAI's here, but servers that speak its dialect take them, and what they carry is as binary.
        (
            "input_image",
            &Object(&[
                ("type", Constant(&["input_image"])),
                ("image_url", ADDRESS),
                ("file_id", Name),
                ("detail", Constant(&["auto", "low", "high", "original"])),
            ]),
        ),
        (
            "input_file",
            &Object(&[
                ("type", Constant(&["input_file"])),
                ("file_data", Opaque),
                ("file_url", Url),
                ("file_id", Name),
                ("filename", Text),
            ]),
        ),
        (
            "image",
            &Object(&[
                ("type", Constant(&["image"])),
                ("image", Opaque),
                ("url", Url),
                (
                    "source",
                    Object(&[
                        ("type", Name),
                        ("media_type", Name),
                        ("data", Opaque),
                        ("url", Url),
                    ]),
                ),
            ]),
        ),
    ],
};

const ADDRESS: Shape = Either {
    text: &Url,
    list: &Any,
    object: &Object(&[
        ("url", Url),
        ("detail", Constant(&["auto", "low", "high", "original"])),
    ]),
};

const AUDIO_FORMAT: Shape = Constant(&["wav", "mp3", "aac", "flac", "opus", "pcm16"]);

static TOOL_CALL: Shape = Object(&[
    ("index", Number),
    ("id", Name),
    ("type", Constant(&["function", "custom"])),
    ("function", CALLED_FUNCTION),
    ("custom", Object(&[("name", Name), ("input", Text)])),
    ("extra_content", EXTRA_CONTENT),
]);

/// Where the signature of Google's thoughts travels through clients that know nothing of it.
const EXTRA_CONTENT: Shape = Object(&[
    ("workjet", Object(&[("thought_signature", Signed)])),
    ("google", Object(&[("thought_signature", Signed)])),
]);

const CALLED_FUNCTION: Shape = Object(&[("name", Name), ("arguments", Json)]);

static TOOL: Shape = Tagged {
    tag: "type",
    cases: &[
        (
            "function",
            &Object(&[("type", Constant(&["function"])), ("function", FUNCTION)]),
        ),
        (
            "custom",
            &Object(&[("type", Constant(&["custom"])), ("custom", CUSTOM_TOOL)]),
        ),
    ],
};

/// `parameters` is JSON Schema, and every word in it the caller's: property names are keys (a finding refuses),
/// descriptions, defaults, patterns and enumerations are values.
const FUNCTION: Shape = Object(&[
    ("name", Name),
    ("description", Text),
    ("parameters", Any),
    ("strict", FLAG),
]);

const CUSTOM_TOOL: Shape = Object(&[
    ("name", Name),
    ("description", Text),
    (
        "format",
        Object(&[
            ("type", Constant(&["text", "grammar"])),
            (
                "grammar",
                Object(&[("definition", Text), ("syntax", Constant(&["lark", "regex"]))]),
            ),
        ]),
    ),
]);

static TOOL_CHOICE: Shape = Object(&[
    ("type", Constant(&["function", "custom", "allowed_tools"])),
    ("function", Object(&[("name", Name)])),
    ("custom", Object(&[("name", Name)])),
    (
        "allowed_tools",
        Object(&[
            ("mode", Constant(&["auto", "required"])),
            ("tools", List(&ALLOWED_TOOL)),
        ]),
    ),
]);

const ALLOWED_TOOL: Shape = Object(&[
    ("type", Constant(&["function", "custom"])),
    ("function", Object(&[("name", Name)])),
    ("custom", Object(&[("name", Name)])),
]);

const RESPONSE_FORMAT: Shape = Object(&[
    ("type", Constant(&["text", "json_object", "json_schema"])),
    (
        "json_schema",
        Object(&[
            ("name", Name),
            ("description", Text),
            ("schema", Any),
            ("strict", FLAG),
        ]),
    ),
]);

const WEB_SEARCH: Shape = Object(&[
    ("search_context_size", LEVEL),
    (
        "user_location",
        Object(&[
            ("type", Constant(&["approximate"])),
            (
                "approximate",
                Object(&[
                    ("city", Text),
                    ("country", Text),
                    ("region", Text),
                    ("timezone", Text),
                ]),
            ),
        ]),
    ),
]);

pub(super) static REPLY: Shape = Object(&[
    ("id", Text),
    ("object", Constant(&["chat.completion"])),
    ("created", Number),
    ("model", Text),
    ("system_fingerprint", Text),
    ("service_tier", SERVICE_TIER),
    (
        "choices",
        List(&Object(&[
            ("index", Number),
            ("finish_reason", FINISH_REASON),
            ("message", ANSWER),
            ("logprobs", Any),
        ])),
    ),
    ("usage", USAGE),
]);

const FINISH_REASON: Shape = Constant(&[
    "stop",
    "length",
    "tool_calls",
    "content_filter",
    "function_call",
    "error",
]);

const ANSWER: Shape = Object(&[
    ("role", Constant(&["assistant"])),
    ("content", CONTENT),
    ("refusal", Text),
    ("reasoning_content", Text),
    ("reasoning", Text),
    ("reasoning_details", List(&REASONING_DETAIL)),
    ("tool_calls", List(&TOOL_CALL)),
    ("function_call", CALLED_FUNCTION),
    ("annotations", List(&ANNOTATION)),
    ("audio", AUDIO),
    ("images", List(&PART)),
]);

const REASONING_DETAIL: Shape = Object(&[
    (
        "type",
        Constant(&["reasoning.text", "reasoning.summary", "reasoning.encrypted"]),
    ),
    ("index", Number),
    ("id", Name),
    ("format", Name),
    ("text", Signed),
    ("summary", Text),
    ("data", Signed),
    ("signature", Signed),
]);

/// `id` names a spoken reply in the next request; `transcript` is what `data` says.
const AUDIO: Shape = Object(&[
    ("id", Name),
    ("data", Opaque),
    ("transcript", Text),
    ("expires_at", Number),
]);

const ANNOTATION: Shape = Object(&[
    ("type", Constant(&["url_citation"])),
    (
        "url_citation",
        Object(&[
            ("start_index", Number),
            ("end_index", Number),
            ("title", Text),
            ("url", Text),
            ("content", Text),
        ]),
    ),
]);

const USAGE: Shape = Object(&[
    ("prompt_tokens", Number),
    ("completion_tokens", Number),
    ("total_tokens", Number),
    (
        "prompt_tokens_details",
        Object(&[
            ("cached_tokens", Number),
            ("audio_tokens", Number),
            ("cache_write_tokens", Number),
        ]),
    ),
    (
        "completion_tokens_details",
        Object(&[
            ("reasoning_tokens", Number),
            ("audio_tokens", Number),
            ("accepted_prediction_tokens", Number),
            ("rejected_prediction_tokens", Number),
        ]),
    ),
]);

pub(super) static FRAME: Shape = Object(&[
    ("id", Text),
    ("object", Constant(&["chat.completion.chunk"])),
    ("created", Number),
    ("model", Text),
    ("system_fingerprint", Text),
    ("service_tier", SERVICE_TIER),
    (
        "choices",
        List(&Object(&[
            ("index", Number),
            ("finish_reason", FINISH_REASON),
            ("delta", DELTA),
            ("logprobs", Any),
        ])),
    ),
    ("usage", USAGE),
    ("obfuscation", Text),
]);

/// Fragments of an [`ANSWER`]. A fragment of tool arguments is no document, so it is text here.
const DELTA: Shape = Object(&[
    ("role", Constant(&["assistant"])),
    ("content", CONTENT),
    ("refusal", Text),
    ("reasoning_content", Text),
    ("reasoning", Text),
    ("reasoning_details", List(&REASONING_DETAIL)),
    ("tool_calls", List(&TOOL_CALL_DELTA)),
    ("function_call", FUNCTION_DELTA),
    ("annotations", List(&ANNOTATION)),
    ("audio", AUDIO),
    ("images", List(&PART)),
]);

const TOOL_CALL_DELTA: Shape = Object(&[
    ("index", Number),
    ("id", Name),
    ("type", Constant(&["function", "custom"])),
    ("function", FUNCTION_DELTA),
    ("custom", Object(&[("name", Name), ("input", Text)])),
    ("extra_content", EXTRA_CONTENT),
]);

const FUNCTION_DELTA: Shape = Object(&[("name", Name), ("arguments", Text)]);
