"""What travels between client and server, as typed dictionaries: fields have the wire's own names."""

# Generated from the schemas by scripts/gen-python-types.ts; changes here are lost.

from typing import Any, Dict, List, Literal, Optional, TypedDict, Union

__all__ = [
    "AssistantMessage",
    "AudioBufferAppend",
    "AudioBufferAppended",
    "AudioBufferClear",
    "AudioBufferCleared",
    "AudioBufferCommit",
    "AudioBufferCommitted",
    "AudioData",
    "AudioEvent",
    "AudioPart",
    "AudioPartInputAudio",
    "AvatarId",
    "AvatarInfo",
    "AvatarListResponse",
    "ChatChunk",
    "ChatChunkChoicesItem",
    "ChatChunkChoicesItemDelta",
    "ChatChunkChoicesItemDeltaToolCallsItem",
    "ChatChunkChoicesItemDeltaToolCallsItemFunction",
    "ChatEvent",
    "ChatMessage",
    "ChatRequest",
    "ChatResponse",
    "ChatResponseChoicesItem",
    "ChatResponseChoicesItemMessage",
    "ChatTool",
    "ChatToolFunction",
    "ChatUsage",
    "ClientEvent",
    "Cue",
    "CueEmotion",
    "CueGaze",
    "CueGazeValue",
    "CueNod",
    "Emotion",
    "ErrorBody",
    "ErrorBodyError",
    "ErrorCode",
    "ErrorEvent",
    "FilePart",
    "FinishReason",
    "FrameAck",
    "FrameEvent",
    "FramesDropped",
    "HealthResponse",
    "HealthResponseServices",
    "Histogram",
    "IceCandidate",
    "IceCandidateRequest",
    "IceCandidateRequestCandidate",
    "IceCandidateResponse",
    "IceServer",
    "ImagePart",
    "ImagePartImageUrl",
    "Interrupt",
    "InterruptResponse",
    "Interrupted",
    "KeepAlive",
    "KeepAliveResponse",
    "LevelEvent",
    "ListenMode",
    "MetricsResponse",
    "MetricsResponseOriginsItem",
    "ModelInfo",
    "ModelListResponse",
    "NewSessionRequest",
    "NewSessionResponse",
    "Ping",
    "Pong",
    "Quality",
    "RefusalPart",
    "ServerEvent",
    "ServerEventType",
    "SessionEndReason",
    "SessionEnded",
    "SessionExpiring",
    "SessionId",
    "SessionLimits",
    "SessionListResponse",
    "SessionRequest",
    "SessionStateEvent",
    "SessionStatus",
    "SessionSummary",
    "SocketOptions",
    "SpeakRequest",
    "SpeakResponse",
    "SpeechFinished",
    "SpeechPaused",
    "SpeechResumed",
    "SpeechStarted",
    "StartListening",
    "StartListeningData",
    "StartSessionRequest",
    "StartSessionRequestSdp",
    "StartSessionResponse",
    "StartSessionResponseSdp",
    "StatsEvent",
    "StatusEvent",
    "StopListening",
    "StopSessionResponse",
    "StreamOptions",
    "SystemMessage",
    "TaskId",
    "TaskMode",
    "TextPart",
    "ToolCall",
    "ToolCallEvent",
    "ToolCallFunction",
    "ToolChoice",
    "ToolChoiceAllowedTools",
    "ToolChoiceFunction",
    "ToolChoiceFunctionFunction",
    "ToolMessage",
    "TransportEvent",
    "TransportStats",
    "TurnDetection",
    "TurnLedger",
    "TurnMetricsEvent",
    "UserAudioAppend",
    "UserMessage",
    "UserSpeechDropped",
    "UserSpeechStarted",
    "UserSpeechStopped",
    "VoiceId",
    "VoiceInfo",
    "VoiceListResponse",
    "VoiceSettings",
    "WordEvent",
]

ErrorCode = Literal[
    "INVALID_JSON",
    "INVALID_REQUEST",
    "UNKNOWN_EVENT",
    "AUDIO_PROCESSING_ERROR",
    "AUDIO_BUFFER_FULL",
    "AUDIO_BUFFER_EMPTY",
    "UNAUTHORIZED",
    "HOST_NOT_ALLOWED",
    "ORIGIN_NOT_ALLOWED",
    "NOT_FOUND",
    "SESSION_NOT_FOUND",
    "AVATAR_NOT_FOUND",
    "METHOD_NOT_ALLOWED",
    "SLOW_CLIENT",
    "PAYLOAD_TOO_LARGE",
    "UPGRADE_REQUIRED",
    "RATE_LIMITED",
    "CONCURRENCY_LIMIT",
    "INTERNAL_ERROR",
    "WEBRTC_NOT_READY",
    "STT_UNAVAILABLE",
    "PROVIDER_FAILED",
    "ORIGIN_UNAVAILABLE",
    "CAPACITY_EXCEEDED",
]


ServerEventType = Literal[
    "frame",
    "audio",
    "chat",
    "status",
    "error",
    "session_state",
    "session_expiring",
    "session_ended",
    "audio_buffer_appended",
    "audio_buffer_committed",
    "audio_buffer_cleared",
    "speech_started",
    "speech_finished",
    "interrupted",
    "frames_dropped",
    "transport",
    "user_speech_started",
    "user_speech_stopped",
    "user_speech_dropped",
    "speech_paused",
    "speech_resumed",
    "tool_call",
    "turn_metrics",
    "word",
    "stats",
    "level",
    "pong",
]


FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "interrupted"]


TaskMode = Literal["queue", "interrupt"]
"""queue: after what is being said; interrupt: instead of it and of all that waits."""


ListenMode = Literal["vad", "manual"]
"""vad: pauses end a turn, hands free; manual: push to talk, stop_listening ends it."""


Emotion = Literal["neutral", "happy", "serious", "surprised", "thinking"]
"""What the face shows while it speaks; the mouth goes on speaking."""


Quality = Literal["low", "medium", "high"]
"""low 360x360, medium 512x512, high 720x720; 25 frames a second each."""


SessionStatus = Literal["created", "active", "reconnecting"]


SessionEndReason = Literal["client_stop", "idle_timeout", "max_duration", "join_timeout", "origin_lost", "capacity", "admin", "error"]


class TextPart(TypedDict):
    type: Literal["text"]
    text: str


class _SystemMessageRequired(TypedDict):
    role: Literal["system", "developer"]
    content: Union[str, List[TextPart]]


class SystemMessage(_SystemMessageRequired, total=False):
    name: str
    """Tells speakers of one role apart."""


class _ImagePartImageUrlRequired(TypedDict):
    url: str


class ImagePartImageUrl(_ImagePartImageUrlRequired, total=False):
    detail: str


class ImagePart(TypedDict):
    """For a model that sees; it goes on to the model as it is."""

    type: Literal["image_url"]
    image_url: ImagePartImageUrl


class AudioPartInputAudio(TypedDict):
    data: str
    format: str


class AudioPart(TypedDict):
    """For a model that hears; to speak to the avatar itself, send `user_audio_append` on the socket."""

    type: Literal["input_audio"]
    input_audio: AudioPartInputAudio


class FilePart(TypedDict):
    type: Literal["file"]
    file: Dict[str, Any]


class _UserMessageRequired(TypedDict):
    role: Literal["user"]
    content: Union[str, List[Union[TextPart, ImagePart, AudioPart, FilePart]]]


class UserMessage(_UserMessageRequired, total=False):
    name: str
    """Tells speakers of one role apart."""


class RefusalPart(TypedDict):
    type: Literal["refusal"]
    refusal: str


class ToolCallFunction(TypedDict):
    name: str
    arguments: str
    """JSON, as the model wrote it."""


class ToolCall(TypedDict):
    id: str
    type: Literal["function"]
    function: ToolCallFunction


class _AssistantMessageRequired(TypedDict):
    role: Literal["assistant"]


class AssistantMessage(_AssistantMessageRequired, total=False):
    content: Optional[Union[str, List[Union[TextPart, RefusalPart]]]]
    tool_calls: List[ToolCall]
    name: str
    """Tells speakers of one role apart."""
    refusal: str


class ToolMessage(TypedDict):
    """What a called function gave back."""

    role: Literal["tool"]
    content: Union[str, List[TextPart]]
    tool_call_id: str


ChatMessage = Union[SystemMessage, UserMessage, AssistantMessage, ToolMessage]


SessionId = str
"""Session identifier, a UUID."""


class StreamOptions(TypedDict, total=False):
    include_usage: bool
    """A last chunk without choices has the `usage`."""


class _ChatToolFunctionRequired(TypedDict):
    name: str


class ChatToolFunction(_ChatToolFunctionRequired, total=False):
    description: str
    parameters: Dict[str, Any]
    """JSON Schema of the arguments, at most 64 levels deep."""
    strict: Optional[bool]


class ChatTool(TypedDict):
    type: Literal["function"]
    function: ChatToolFunction


class ToolChoiceFunctionFunction(TypedDict):
    name: str


class ToolChoiceFunction(TypedDict):
    type: Literal["function"]
    function: ToolChoiceFunctionFunction


class ToolChoiceAllowedTools(TypedDict):
    type: Literal["allowed_tools"]
    allowed_tools: Dict[str, Any]


ToolChoice = Union[Literal["none", "auto", "required"], ToolChoiceFunction, ToolChoiceAllowedTools]


class _ChatRequestRequired(TypedDict):
    messages: List[ChatMessage]


class ChatRequest(_ChatRequestRequired, total=False):
    """Further fields of OpenAI or of the model’s server (`response_format`, `stop`, `seed`, `top_k`, ...) go on to it as they are."""

    session_id: SessionId
    """Who says the answer. Without one, text alone comes back."""
    stream: bool
    stream_options: StreamOptions
    model: str
    """Without one, or empty: the configured model."""
    temperature: float
    max_tokens: int
    max_completion_tokens: int
    tools: List[ChatTool]
    tool_choice: ToolChoice
    mode: TaskMode


class _IceCandidateRequestCandidateRequired(TypedDict):
    candidate: str


class IceCandidateRequestCandidate(_IceCandidateRequestCandidateRequired, total=False):
    """What RTCPeerConnection hands out as an icecandidate."""

    sdpMid: Optional[str]
    sdpMLineIndex: Optional[int]


class IceCandidateRequest(TypedDict):
    session_id: SessionId
    candidate: IceCandidateRequestCandidate
    """What RTCPeerConnection hands out as an icecandidate."""


class TurnDetection(TypedDict, total=False):
    mode: ListenMode
    threshold: float
    """Probability above which sound counts as speech."""
    prefix_ms: int
    """Sound before the start of speech that is transcribed too."""
    silence_ms: int
    """Silence that ends a turn."""
    barge_in: Literal["vad", "off"]
    """vad: speech of the user pauses the avatar, and words end its turn; off: what is said meanwhile is not heard."""
    barge_in_ms: int
    """Speech that pauses the avatar."""
    resume_ms: int
    """Without words by then, the avatar goes on where it paused."""
    backchannels: Literal["ignore", "interrupt"]
    """ignore: "mm-hm", "okay", "I see", said while the avatar speaks, neither end its turn nor are answered; interrupt: they do as all words."""
    backchannel_phrases: List[str]
    """What counts as a backchannel, instead of the built-in list of some twenty languages. Letter case, accents, punctuation and repetition do not count."""


class NewSessionRequest(TypedDict, total=False):
    quality: Quality
    avatar_id: str
    """Which person; see GET /v1/avatars."""
    voice_id: str
    """Which voice; see GET /v1/voices. One that the active provider does not know falls back to its default, with a warning."""
    system_prompt: str
    """Who the avatar is: leads every prompt that brings no system message of its own."""
    tools: List[ChatTool]
    """What the model may call in answers to speech."""
    language: str
    """Of the user, for the recogniser: BCP 47."""
    turn_detection: TurnDetection


class SessionRequest(TypedDict):
    session_id: SessionId


class VoiceSettings(TypedDict, total=False):
    stability: float
    similarity_boost: float
    style: float
    use_speaker_boost: bool
    speed: float


class _CueEmotionRequired(TypedDict):
    type: Literal["emotion"]
    value: Emotion


class CueEmotion(_CueEmotionRequired, total=False):
    at_ms: float
    word: str


class CueGazeValue(TypedDict):
    x: float
    """+ is to the right of the frame"""
    y: float
    """+ is up"""


class _CueGazeRequired(TypedDict):
    type: Literal["gaze"]
    value: CueGazeValue


class CueGaze(_CueGazeRequired, total=False):
    at_ms: float
    word: str
    duration_ms: float


class _CueNodRequired(TypedDict):
    type: Literal["nod"]


class CueNod(_CueNodRequired, total=False):
    at_ms: float
    word: str
    value: float
    """degrees; + is down"""
    duration_ms: float


Cue = Union[CueEmotion, CueGaze, CueNod]
"""Something the face does at a moment of its speech."""


class _SpeakRequestRequired(TypedDict):
    session_id: SessionId
    text: str


class SpeakRequest(_SpeakRequestRequired, total=False):
    voice_id: str
    """Which voice; see GET /v1/voices. One that the active provider does not know falls back to its default, with a warning."""
    voice_settings: VoiceSettings
    emotion: Emotion
    cues: List[Cue]
    mode: TaskMode


class StartSessionRequestSdp(TypedDict):
    type: Literal["offer"]
    sdp: str


class StartSessionRequest(TypedDict):
    session_id: SessionId
    sdp: StartSessionRequestSdp


class _AudioDataRequired(TypedDict):
    audio: str
    """base64 of a part of a file (WAV, MP3, Ogg, WebM, FLAC, AAC, MP4, AIFF), cut anywhere, or of raw samples as `format` says. Line ends, missing padding, the URL-safe alphabet and a `data:` prefix are taken."""


class AudioData(_AudioDataRequired, total=False):
    format: str
    """auto, pcm_s16le, pcm_s16be, pcm_s24le, pcm_s32le, pcm_f32le, pcm_u8, mulaw, alaw, wav, mp3, ogg, webm, flac, aac, mp4, aiff, or what vendors call them (g711_ulaw, ulaw_8000, pcm_16000, audio/x-mulaw, audio/webm;codecs=opus). auto: what the bytes say, else 16-bit little-endian PCM. A file in the bytes is read as such whatever this says."""
    sample_rate: int
    """Hz of raw samples. Default: what `format` says, else 24000, of mulaw and alaw 8000."""
    channels: int
    """Of raw samples, interleaved. Default 1."""


class AudioBufferAppend(TypedDict):
    """Adds sound that the avatar will speak."""

    type: Literal["audio_buffer_append"]
    data: AudioData


class AudioBufferCommit(TypedDict):
    """Speaks what was appended."""

    type: Literal["audio_buffer_commit"]


class AudioBufferClear(TypedDict):
    """Forgets what was appended and not committed."""

    type: Literal["audio_buffer_clear"]


class StartListeningData(TypedDict, total=False):
    mode: ListenMode


class _StartListeningRequired(TypedDict):
    type: Literal["start_listening"]


class StartListening(_StartListeningRequired, total=False):
    """Opens the user's ear; `mode` instead of the session's for this time."""

    data: StartListeningData


class StopListening(TypedDict):
    """Closes the user's ear."""

    type: Literal["stop_listening"]


class Interrupt(TypedDict):
    """Stops the speech at once. Valid in every state, also twice."""

    type: Literal["interrupt"]


class UserAudioAppend(TypedDict):
    """The user's own voice, while listening."""

    type: Literal["user_audio_append"]
    data: AudioData


class FrameAck(TypedDict):
    """Says that a frame was shown. From the first one on, at most 5 frames are outstanding."""

    type: Literal["frame_ack"]
    frame_id: int


class Ping(TypedDict):
    type: Literal["ping"]


class KeepAlive(TypedDict):
    """Starts the idle time anew."""

    type: Literal["keep_alive"]


ClientEvent = Union[
    AudioBufferAppend,
    AudioBufferCommit,
    AudioBufferClear,
    StartListening,
    StopListening,
    Interrupt,
    UserAudioAppend,
    FrameAck,
    Ping,
    KeepAlive,
]


class SocketOptions(TypedDict, total=False):
    media: Literal["json", "binary"]
    """binary: one binary message per frame or sound, see `binary-media` in shared/."""
    audio: Literal["clauses", "chunks", "off"]
    """clauses: a playable WAV of up to 2.5 s when it starts to sound; chunks: 100 ms of PCM with timestamps."""
    video: Literal["on", "off"]
    webrtc: Literal["instead", "beside"]
    """While WebRTC carries video and sound: instead, this socket has none of them; beside, it has them too."""
    events: str
    """Further events that this socket wants, with commas between: words, stats, levels."""
    resume_from: int
    """Last `seq` seen; later control events are sent again."""
    token: str
    """Session token, where no Authorization header can be set."""


TaskId = str
"""One thing the avatar was asked to say."""


class ChatChunkChoicesItemDeltaToolCallsItemFunction(TypedDict, total=False):
    name: str
    arguments: str


class _ChatChunkChoicesItemDeltaToolCallsItemRequired(TypedDict):
    index: int


class ChatChunkChoicesItemDeltaToolCallsItem(_ChatChunkChoicesItemDeltaToolCallsItemRequired, total=False):
    id: str
    type: Literal["function"]
    function: ChatChunkChoicesItemDeltaToolCallsItemFunction


class ChatChunkChoicesItemDelta(TypedDict, total=False):
    role: Literal["assistant"]
    content: str
    reasoning_content: str
    """What the model thinks; it is not said."""
    tool_calls: List[ChatChunkChoicesItemDeltaToolCallsItem]


class ChatChunkChoicesItem(TypedDict):
    index: int
    delta: ChatChunkChoicesItemDelta
    finish_reason: Optional[FinishReason]


class _ChatUsageRequired(TypedDict):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatUsage(_ChatUsageRequired, total=False):
    estimated: bool
    """The model’s server did not count: about four bytes of text to a token."""
    prompt_tokens_details: Dict[str, float]
    completion_tokens_details: Dict[str, float]


class _ChatChunkRequired(TypedDict):
    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    choices: List[ChatChunkChoicesItem]


class ChatChunk(_ChatChunkRequired, total=False):
    task_id: TaskId
    usage: Optional[ChatUsage]
    """With `stream_options.include_usage`: null, and in the last chunk what was used."""


class _ChatResponseChoicesItemMessageRequired(TypedDict):
    role: Literal["assistant"]
    content: Optional[str]
    refusal: None
    """What a model says when it refuses is its `content`, and is said."""


class ChatResponseChoicesItemMessage(_ChatResponseChoicesItemMessageRequired, total=False):
    reasoning_content: str
    """What the model thought; it is not said."""
    tool_calls: List[ToolCall]


class ChatResponseChoicesItem(TypedDict):
    index: int
    message: ChatResponseChoicesItemMessage
    logprobs: None
    finish_reason: FinishReason


class _ChatResponseRequired(TypedDict):
    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: List[ChatResponseChoicesItem]
    usage: ChatUsage


class ChatResponse(_ChatResponseRequired, total=False):
    task_id: TaskId


AvatarId = str
"""Which person; see GET /v1/avatars."""


class AvatarInfo(TypedDict):
    avatar_id: str
    name: str
    description: str
    licence: str
    qualities: List[Quality]


class AvatarListResponse(TypedDict):
    avatars: List[AvatarInfo]
    total: int


class ErrorBodyError(TypedDict):
    code: ErrorCode
    message: str
    details: Dict[str, Any]


class ErrorBody(TypedDict):
    error: ErrorBodyError


class HealthResponseServices(TypedDict):
    api: Literal["healthy", "degraded", "unavailable"]
    websocket: Literal["healthy", "degraded", "unavailable"]
    redis: Literal["healthy", "degraded", "unavailable"]
    """The session store (Durable Object storage); kept under this name for clients that read it."""
    store: Literal["healthy", "degraded", "unavailable"]
    gpu: Literal["available", "unavailable"]
    """What onnxruntime really runs on."""
    origin: Literal["healthy", "degraded", "unavailable"]


class HealthResponse(TypedDict):
    status: Literal["healthy", "degraded", "unavailable"]
    version: str
    uptime: float
    """Seconds since the longest-connected origin came up; 0 without one."""
    services: HealthResponseServices
    origins: int


class _IceCandidateRequired(TypedDict):
    candidate: str


class IceCandidate(_IceCandidateRequired, total=False):
    """What RTCPeerConnection hands out as an icecandidate."""

    sdpMid: Optional[str]
    sdpMLineIndex: Optional[int]


class IceCandidateResponse(TypedDict):
    status: Literal["accepted"]


class _IceServerRequired(TypedDict):
    urls: Union[str, List[str]]


class IceServer(_IceServerRequired, total=False):
    username: str
    credential: str


class InterruptResponse(TypedDict):
    status: Literal["interrupted", "nothing_to_interrupt"]
    task_id: Optional[TaskId]
    played_ms: float
    spoken_text: str
    dropped_ms: float


class KeepAliveResponse(TypedDict):
    status: Literal["ok"]
    expires_in_s: float
    """Seconds until the session ends if nothing else happens."""


class Histogram(TypedDict):
    bounds: List[float]
    counts: List[int]
    """counts[i] lies in (bounds[i-1], bounds[i]]; the last is beyond all bounds."""
    sum: float


class MetricsResponseOriginsItem(TypedDict):
    origin_id: str
    sessions: int
    capacity: int
    speaking: int
    device: str
    """onnxruntime execution provider, e.g. 'cpu' or 'cuda'."""
    cpu_usage: float
    memory_usage: float
    rss_bytes: int
    average_latency: Optional[float]
    draining: bool
    render: Dict[str, float]
    """ms and counts of the render stages."""
    turns: Dict[str, Histogram]
    """Steps of all turns since the start, ms, by the names of TurnLedger."""


class MetricsResponse(TypedDict):
    active_sessions: int
    total_sessions: int
    cpu_usage: float
    """Percent of the origins' cores, mean over origins."""
    memory_usage: float
    """Percent of the origins' memory in use by the host, mean over origins."""
    gpu_usage: Optional[float]
    """Percent; null where no origin has a GPU that can be measured."""
    websocket_connections: int
    redis_memory: str
    """Size of the session store; `store_bytes` is the exact figure."""
    store_bytes: int
    average_latency: Optional[float]
    """ms from a request to speak to its first sound, mean of the last 100; null before the first."""
    turns: Dict[str, Histogram]
    """Steps of all turns since the start, ms, by the names of TurnLedger."""
    origins: List[MetricsResponseOriginsItem]


class ModelInfo(TypedDict):
    id: str
    object: Literal["model"]
    created: int
    """Unix s; since when its origin is there."""
    owned_by: str
    """Who answers: 'openai' for every compatible server, 'demo' for the script without a key."""


class ModelListResponse(TypedDict):
    object: Literal["list"]
    data: List[ModelInfo]


class SessionLimits(TypedDict):
    join_timeout_s: float
    """The session ends when nobody has connected by then."""
    idle_timeout_s: float
    """The session ends after this long without a request, a message or speech."""
    max_duration_s: float
    resume_window_s: float
    """A client that comes back within this time finds its session."""


class _NewSessionResponseRequired(TypedDict):
    session_id: SessionId
    ice_servers: List[IceServer]
    access_token: str
    """HS256 JWT that opens and drives this session only."""
    ws_url: str
    """Where to open the socket."""
    limits: SessionLimits


class NewSessionResponse(_NewSessionResponseRequired, total=False):
    warnings: List[str]
    """What was adjusted in this call, in words."""


class SessionSummary(TypedDict):
    session_id: SessionId
    status: SessionStatus
    created_at: str
    duration: float
    avatar_id: str
    quality: Quality


class SessionListResponse(TypedDict):
    sessions: List[SessionSummary]
    total: int


class _SpeakResponseRequired(TypedDict):
    task_id: TaskId
    status: Literal["processing", "queued"]
    duration_estimate: float
    """Seconds of speech, within 25 %."""


class SpeakResponse(_SpeakResponseRequired, total=False):
    warnings: List[str]
    """What was adjusted in this call, in words."""


class StartSessionResponseSdp(TypedDict):
    type: Literal["answer"]
    sdp: str


class StartSessionResponse(TypedDict):
    status: Literal["started"]
    sdp: StartSessionResponseSdp


class StopSessionResponse(TypedDict):
    status: Literal["stopped"]
    duration: float
    """Seconds since the session was created."""


VoiceId = str
"""Which voice; see GET /v1/voices. One that the active provider does not know falls back to its default, with a warning."""


class VoiceInfo(TypedDict):
    voice_id: str
    name: str
    provider: str
    language: str
    default: bool


class VoiceListResponse(TypedDict):
    voices: List[VoiceInfo]
    total: int


class TransportStats(TypedDict):
    transport: Literal["webrtc", "socket"]
    video_codec: Optional[Literal["vp8", "h264"]]
    candidate: Optional[Literal["host", "srflx", "relay"]]
    """How the connection goes: direct, through NAT, or by TURN."""
    video_bps: float
    """bit/s sent; on sockets, of frames"""
    audio_bps: float
    target_bps: Optional[float]
    """bit/s that the encoder is set to"""
    fps: float
    """frames sent a second"""
    rtt_ms: Optional[float]
    jitter_ms: Optional[float]
    loss: Optional[float]
    """share of packets lost, by the receiver"""
    freezes: int
    """Gaps of over 150 ms between frames sent, since the start."""
    frames_dropped: int
    """Left out because encoder or line was behind, since the start."""
    encode_ms: Optional[float]
    """p50 of one frame"""


class TurnLedger(TypedDict):
    vad_end: Optional[float]
    """The detector has noticed that the user stopped."""
    stt_final: Optional[float]
    llm_first_token: Optional[float]
    tts_first_byte: Optional[float]
    first_sound: Optional[float]
    first_frame: Optional[float]
    """First frame of the moving mouth."""


class _AudioBufferAppendedRequired(TypedDict):
    type: Literal["audio_buffer_appended"]
    seq: int
    """Rises by one with every event of the session."""
    session_id: SessionId
    buffered_ms: float
    appended_ms: float


class AudioBufferAppended(_AudioBufferAppendedRequired, total=False):
    task_id: TaskId
    generation: int
    """Rises with every interrupt; older media is to be dropped."""


class _AudioBufferClearedRequired(TypedDict):
    type: Literal["audio_buffer_cleared"]
    seq: int
    """Rises by one with every event of the session."""
    session_id: SessionId
    cleared_ms: float


class AudioBufferCleared(_AudioBufferClearedRequired, total=False):
    task_id: TaskId
    generation: int
    """Rises with every interrupt; older media is to be dropped."""


class _AudioBufferCommittedRequired(TypedDict):
    type: Literal["audio_buffer_committed"]
    seq: int
    """Rises by one with every event of the session."""
    session_id: SessionId
    duration_ms: float


class AudioBufferCommitted(_AudioBufferCommittedRequired, total=False):
    task_id: TaskId
    generation: int
    """Rises with every interrupt; older media is to be dropped."""


class _AudioEventRequired(TypedDict):
    type: Literal["audio"]
    seq: int
    """Rises by one with every event of the session."""
    session_id: SessionId
    data: str
    """base64: a playable WAV, or with audio=chunks raw PCM 16 bit."""
    format: Literal["wav", "pcm_s16le"]
    duration: float
    """seconds"""
    sample_rate: int
    timestamp: float
    """Unix seconds at which its first sample is due."""
    pts_ms: float
    """ms from the first sample of its task."""


class AudioEvent(_AudioEventRequired, total=False):
    """Sound, sent when it starts to sound."""

    task_id: TaskId
    generation: int
    """Rises with every interrupt; older media is to be dropped."""


class _ChatEventRequired(TypedDict):
    type: Literal["chat"]
    seq: int
    """Rises by one with every event of the session."""
    session_id: SessionId
    role: Literal["user", "agent"]
    content: str


class ChatEvent(_ChatEventRequired, total=False):
    """What was said, by whom. The agent's sentence comes when it starts to sound."""

    task_id: TaskId
    generation: int
    """Rises with every interrupt; older media is to be dropped."""
    partial: bool


class _ErrorEventRequired(TypedDict):
    type: Literal["error"]
    seq: int
    """Rises by one with every event of the session."""
    session_id: SessionId
    code: ErrorCode
    message: str


class ErrorEvent(_ErrorEventRequired, total=False):
    """What went wrong; the session goes on unless session_ended follows."""

    task_id: TaskId
    generation: int
    """Rises with every interrupt; older media is to be dropped."""
    details: Dict[str, Any]


class _FrameEventRequired(TypedDict):
    type: Literal["frame"]
    seq: int
    """Rises by one with every event of the session."""
    session_id: SessionId
    data: str
    """base64 JPEG"""
    frame_id: int
    timestamp: float
    """Unix seconds at which this frame is due; the clock that sound has too."""


class FrameEvent(_FrameEventRequired, total=False):
    """One frame."""

    task_id: TaskId
    generation: int
    """Rises with every interrupt; older media is to be dropped."""


class _FramesDroppedRequired(TypedDict):
    type: Literal["frames_dropped"]
    seq: int
    """Rises by one with every event of the session."""
    session_id: SessionId
    dropped: int
    total: int


class FramesDropped(_FramesDroppedRequired, total=False):
    """Frames left out because this client was slow; at most one a second."""

    task_id: TaskId
    generation: int
    """Rises with every interrupt; older media is to be dropped."""


class _InterruptedRequired(TypedDict):
    type: Literal["interrupted"]
    seq: int
    """Rises by one with every event of the session."""
    session_id: SessionId
    task_id: Optional[TaskId]
    played_ms: float
    spoken_text: str
    dropped_ms: float


class Interrupted(_InterruptedRequired, total=False):
    """Exactly one per interrupt. Stop what you play."""

    generation: int
    """Rises with every interrupt; older media is to be dropped."""


class _LevelEventRequired(TypedDict):
    type: Literal["level"]
    seq: int
    """Rises by one with every event of the session."""
    session_id: SessionId
    level_db: float
    """RMS of the user’s sound, dB of full scale; -100 for silence"""
    speech: Optional[float]
    """Probability of speech; null without a detector"""


class LevelEvent(_LevelEventRequired, total=False):
    """The user’s microphone, ten times a second while listening, with events=levels."""

    task_id: TaskId
    generation: int
    """Rises with every interrupt; older media is to be dropped."""


class Pong(TypedDict):
    type: Literal["pong"]


class _StatusEventRequired(TypedDict):
    type: Literal["status"]
    seq: int
    """Rises by one with every event of the session."""
    session_id: SessionId
    status: Literal["idle", "listening", "thinking", "speaking"]
    message: str


class StatusEvent(_StatusEventRequired, total=False):
    """What the avatar does now."""

    task_id: TaskId
    generation: int
    """Rises with every interrupt; older media is to be dropped."""


class _SessionStateEventRequired(TypedDict):
    type: Literal["session_state"]
    seq: int
    """Rises by one with every event of the session."""
    session_id: SessionId
    state: Literal["live", "reconnecting"]
    resumed: bool
    missed: int
    """Control events that the replay ring no longer had."""


class SessionStateEvent(_SessionStateEventRequired, total=False):
    """First event on every socket, and whenever the origin is lost or found again."""

    task_id: TaskId
    generation: int
    """Rises with every interrupt; older media is to be dropped."""


class _SessionExpiringRequired(TypedDict):
    type: Literal["session_expiring"]
    seq: int
    """Rises by one with every event of the session."""
    session_id: SessionId
    in_s: float
    reason: Literal["idle_timeout", "max_duration"]


class SessionExpiring(_SessionExpiringRequired, total=False):
    task_id: TaskId
    generation: int
    """Rises with every interrupt; older media is to be dropped."""


class _SessionEndedRequired(TypedDict):
    type: Literal["session_ended"]
    seq: int
    """Rises by one with every event of the session."""
    session_id: SessionId
    reason: SessionEndReason
    duration: float


class SessionEnded(_SessionEndedRequired, total=False):
    task_id: TaskId
    generation: int
    """Rises with every interrupt; older media is to be dropped."""


class _SpeechStartedRequired(TypedDict):
    type: Literal["speech_started"]
    seq: int
    """Rises by one with every event of the session."""
    session_id: SessionId
    latency_ms: float
    """From the request to its first sound."""


class SpeechStarted(_SpeechStartedRequired, total=False):
    """The first sound of a task leaves."""

    task_id: TaskId
    generation: int
    """Rises with every interrupt; older media is to be dropped."""


class _SpeechFinishedRequired(TypedDict):
    type: Literal["speech_finished"]
    seq: int
    """Rises by one with every event of the session."""
    session_id: SessionId
    reason: Literal["completed", "interrupted", "failed"]
    played_ms: float


class SpeechFinished(_SpeechFinishedRequired, total=False):
    """Exactly once per task."""

    task_id: TaskId
    generation: int
    """Rises with every interrupt; older media is to be dropped."""


class _TransportEventRequired(TypedDict):
    type: Literal["transport"]
    seq: int
    """Rises by one with every event of the session."""
    session_id: SessionId
    active: Literal["webrtc", "socket"]
    """What carries video and sound from now on."""
    reason: Literal["connected", "not_connected", "lost", "failed"]
    """not_connected: not within 3 s, which is tried further; lost: the client is silent; failed: given up, start again."""


class TransportEvent(_TransportEventRequired, total=False):
    """WebRTC took over, or the socket did. The session goes on either way."""

    task_id: TaskId
    generation: int
    """Rises with every interrupt; older media is to be dropped."""
    video_codec: Literal["vp8", "h264"]


class _UserSpeechStartedRequired(TypedDict):
    type: Literal["user_speech_started"]
    seq: int
    """Rises by one with every event of the session."""
    session_id: SessionId


class UserSpeechStarted(_UserSpeechStartedRequired, total=False):
    """The detector hears the user."""

    task_id: TaskId
    generation: int
    """Rises with every interrupt; older media is to be dropped."""


class _UserSpeechStoppedRequired(TypedDict):
    type: Literal["user_speech_stopped"]
    seq: int
    """Rises by one with every event of the session."""
    session_id: SessionId
    duration_ms: float


class UserSpeechStopped(_UserSpeechStoppedRequired, total=False):
    """The user paused long enough: the turn is being transcribed. `chat`, `user_speech_dropped` or `error` follows."""

    task_id: TaskId
    generation: int
    """Rises with every interrupt; older media is to be dropped."""


class _UserSpeechDroppedRequired(TypedDict):
    type: Literal["user_speech_dropped"]
    seq: int
    """Rises by one with every event of the session."""
    session_id: SessionId
    reason: Literal["backchannel", "phantom", "no_words"]
    """backchannel: "mm-hm" and the like while the avatar spoke; phantom: the recogniser wrote words for a cough or noise; no_words: it wrote none."""
    content: str
    """What the recogniser wrote."""


class UserSpeechDropped(_UserSpeechDroppedRequired, total=False):
    """What the user said is no turn: it is not answered, not remembered, and the avatar goes on if it was paused."""

    task_id: TaskId
    generation: int
    """Rises with every interrupt; older media is to be dropped."""


class _SpeechPausedRequired(TypedDict):
    type: Literal["speech_paused"]
    seq: int
    """Rises by one with every event of the session."""
    session_id: SessionId
    played_ms: float


class SpeechPaused(_SpeechPausedRequired, total=False):
    """The user seems to speak: stop what you play. Either `interrupted` or `speech_resumed` follows."""

    task_id: TaskId
    generation: int
    """Rises with every interrupt; older media is to be dropped."""


class _SpeechResumedRequired(TypedDict):
    type: Literal["speech_resumed"]
    seq: int
    """Rises by one with every event of the session."""
    session_id: SessionId
    played_ms: float


class SpeechResumed(_SpeechResumedRequired, total=False):
    """It was no interruption: the speech goes on where it paused."""

    task_id: TaskId
    generation: int
    """Rises with every interrupt; older media is to be dropped."""


class _ToolCallEventRequired(TypedDict):
    type: Literal["tool_call"]
    seq: int
    """Rises by one with every event of the session."""
    session_id: SessionId
    tool_call: ToolCall


class ToolCallEvent(_ToolCallEventRequired, total=False):
    """The model wants a function called; answer with a chat whose messages hold the result."""

    task_id: TaskId
    generation: int
    """Rises with every interrupt; older media is to be dropped."""


class _TurnMetricsEventRequired(TypedDict):
    type: Literal["turn_metrics"]
    seq: int
    """Rises by one with every event of the session."""
    session_id: SessionId
    kind: Literal["speak", "chat", "audio", "voice"]
    metrics: TurnLedger


class TurnMetricsEvent(_TurnMetricsEventRequired, total=False):
    """What a turn took, once, when its first frame has left or it has ended without one."""

    task_id: TaskId
    generation: int
    """Rises with every interrupt; older media is to be dropped."""


class _WordEventRequired(TypedDict):
    type: Literal["word"]
    seq: int
    """Rises by one with every event of the session."""
    session_id: SessionId
    word: str
    """As it stands in the text, with its punctuation."""
    start_ms: float
    """ms from the first sample of its task"""
    end_ms: float
    timestamp: float
    """Unix seconds at which it sounds; the clock of video and sound."""


class WordEvent(_WordEventRequired, total=False):
    """A word, when it sounds; for subtitles. With events=words."""

    task_id: TaskId
    generation: int
    """Rises with every interrupt; older media is to be dropped."""


class _StatsEventRequired(TypedDict):
    type: Literal["stats"]
    seq: int
    """Rises by one with every event of the session."""
    session_id: SessionId
    stats: TransportStats


class StatsEvent(_StatsEventRequired, total=False):
    """How the media travels; every 5 s with events=stats."""

    task_id: TaskId
    generation: int
    """Rises with every interrupt; older media is to be dropped."""


ServerEvent = Union[
    FrameEvent,
    AudioEvent,
    ChatEvent,
    StatusEvent,
    ErrorEvent,
    SessionStateEvent,
    SessionExpiring,
    SessionEnded,
    AudioBufferAppended,
    AudioBufferCommitted,
    AudioBufferCleared,
    SpeechStarted,
    SpeechFinished,
    Interrupted,
    FramesDropped,
    TransportEvent,
    UserSpeechStarted,
    UserSpeechStopped,
    UserSpeechDropped,
    SpeechPaused,
    SpeechResumed,
    ToolCallEvent,
    TurnMetricsEvent,
    WordEvent,
    StatsEvent,
    LevelEvent,
    Pong,
]
