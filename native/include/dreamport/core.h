/* dreamport_core: the client of Dreamport's wire contract that game engines load. C ABI, version 1.
 *
 * Rules that hold for every function:
 * - None blocks. Network, TLS, decoding and encoding run on the library's own threads; a call takes microseconds. The exceptions are
 *   named: dp_shutdown waits for those threads, and the pure computations take the time of their loop.
 * - Functions of one handle may be called from any thread; calls of one handle from two threads at once are safe.
 * - Nothing is allocated after the first frames of a session, neither here nor by the caller.
 * - No C++ type and no exception crosses the border. Strings are UTF-8, end with 0 and are cut, never overrun.
 * - Structs have a fixed size and no hidden padding. Those that the caller fills begin with struct_size = sizeof(the struct); fields
 *   are only ever added at the end, and a smaller struct_size means an older caller. dp_layout tells sizes and offsets.
 *
 * Axes: level coordinates are right-handed with y down, metres; cameras are OpenCV's (x right, y down, z forward); poses are
 * camera-to-world. Image coordinates put the centre of the first pixel at (0.5, 0.5); rows run from the top. Angles are degrees.
 * Times are nanoseconds of dp_now_ns, a monotonic clock of this process. */

#ifndef DREAMPORT_CORE_H
#define DREAMPORT_CORE_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#if defined(DREAMPORT_CORE_BUILD)
#define DP_API __declspec(dllexport)
#else
#define DP_API __declspec(dllimport)
#endif
#define DP_CALL __cdecl
#else
#define DP_API __attribute__((visibility("default")))
#define DP_CALL
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define DP_ABI_VERSION 1u
#define DP_PROTOCOL_VERSION 1u
#define DP_MAX_BUTTONS 32
#define DP_MAX_STARTS 32
#define DP_MAX_EVENTS 16
#define DP_MAX_KEYS 4
#define DP_MAX_TAGS 16

/* ---------------------------------------------------------------- library */

/* What a call answers. Negative: it was not done, and dp_status_text says why. */
typedef enum dp_status {
  DP_OK = 0,
  DP_NOTHING_NEW = 1,          /* no newer frame, no event, not ready yet: ask again later */
  DP_ERROR_ARGUMENT = -1,      /* a pointer is null or a value out of range */
  DP_ERROR_VERSION = -2,       /* struct_size is none that this library knows: header and library differ */
  DP_ERROR_STATE = -3,         /* not now: no session, no episode, nothing lent */
  DP_ERROR_FULL = -4,          /* a bounded queue or pool is full; counted in the statistics */
  DP_ERROR_MEMORY = -5,        /* the system gave no memory or thread */
  DP_ERROR_SHUT_DOWN = -6      /* after dp_shutdown */
} dp_status;

/* DP_ABI_VERSION of the library; the caller compares it with that of its header. */
DP_API uint32_t DP_CALL dp_abi_version(void);
/* Version of the library, "major.minor.patch". */
DP_API const char* DP_CALL dp_version(void);
/* Versions of what is linked in, for diagnostics: "BoringSSL ..., nghttp2 ..., libjpeg-turbo ..., nanopb ...". */
DP_API const char* DP_CALL dp_components(void);
/* A sentence for a dp_status. */
DP_API const char* DP_CALL dp_status_text(int32_t status);
/* The library's clock: nanoseconds, monotonic, the same for all threads. On Linux CLOCK_MONOTONIC. */
DP_API int64_t DP_CALL dp_now_ns(void);
/* Ends every client, query and recorder and waits for their threads, at most timeout_ms. For the end of the process or before the
 * library is unloaded; every handle is invalid afterwards, and every call answers DP_ERROR_SHUT_DOWN until dp_restart. DP_OK when all
 * threads ended in time. */
DP_API int32_t DP_CALL dp_shutdown(uint32_t timeout_ms);
/* After dp_shutdown: the library may be used again (an editor that reloads its scripts). */
DP_API int32_t DP_CALL dp_restart(void);

/* Layout of one field, so that other languages can check their copy of the structs. */
typedef struct dp_layout_entry {
  char struct_name[48];
  char field_name[48]; /* empty: the struct itself, with its size */
  uint32_t offset;     /* bytes */
  uint32_t size;       /* bytes */
} dp_layout_entry;
/* Number of entries. */
DP_API uint32_t DP_CALL dp_layout_count(void);
/* Entry `index`; DP_ERROR_ARGUMENT past the end. */
DP_API int32_t DP_CALL dp_layout(uint32_t index, dp_layout_entry* out);

/* ---------------------------------------------------------------- common data */

typedef struct dp_pose {
  double position[3];    /* metres */
  double orientation[4]; /* unit quaternion x, y, z, w: from camera axes to level axes */
} dp_pose;

typedef struct dp_intrinsics {
  double fx, fy, cx, cy; /* pixels of the frame they describe */
} dp_intrinsics;

enum { DP_COLOUR_DEFAULT = 0, DP_COLOUR_RAW_RGBA = 1, DP_COLOUR_JPEG = 2 };
enum { DP_DEPTH_NONE = 0, DP_DEPTH_INVERSE_UINT16 = 1 };
enum { DP_TRANSPORT_AUTO = 0, DP_TRANSPORT_INLINE = 1, DP_TRANSPORT_SHARED_MEMORY = 2 };

/* How to reach a backend. A loopback address needs neither TLS nor token. */
typedef struct dp_endpoint {
  uint32_t struct_size;
  uint32_t use_tls;          /* 0 or 1 */
  char address[256];         /* "127.0.0.1:50051", "host:port" or "[v6]:port" */
  char token[256];           /* sent as "authorization: Bearer <token>"; empty for none */
  char ca_file[1024];        /* PEM file of the certificates to trust; empty takes the system's */
  char server_name[256];     /* name the certificate must bear; empty takes the address's host */
  uint32_t connect_timeout_ms; /* one attempt; 0 takes 5000 */
  uint32_t reserved;
} dp_endpoint;

/* Where a client or recorder stands. */
typedef enum dp_state {
  DP_STATE_CONNECTING = 0, /* first attempt under way */
  DP_STATE_OPENING = 1,    /* connected; the world is being opened */
  DP_STATE_READY = 2,      /* playing, or recording */
  DP_STATE_WAITING = 3,    /* lost or refused for now; tries again at next_attempt_ns */
  DP_STATE_FAILED = 4,     /* will not try again: something must be changed first; problem and message say what */
  DP_STATE_CLOSED = 5      /* closed on request */
} dp_state;

/* What is wrong, for programs; dp_client_status.message says it for people. */
typedef enum dp_problem {
  DP_PROBLEM_NONE = 0,
  DP_PROBLEM_BACKEND_ABSENT = 1,    /* nothing listens at the address */
  DP_PROBLEM_ADDRESS = 2,           /* the address cannot be resolved or reached */
  DP_PROBLEM_TIMEOUT = 3,           /* no answer in time */
  DP_PROBLEM_CONNECTION_LOST = 4,   /* it worked and broke */
  DP_PROBLEM_TLS_CERTIFICATE_EXPIRED = 5,
  DP_PROBLEM_TLS_CERTIFICATE_UNTRUSTED = 6,
  DP_PROBLEM_TLS_CERTIFICATE_NAME = 7,
  DP_PROBLEM_TLS = 8,               /* any other failure of the handshake, for instance no TLS on the other side */
  DP_PROBLEM_TOKEN = 9,             /* UNAUTHENTICATED */
  DP_PROBLEM_VERSION = 10,          /* FAILED_PRECONDITION: this library and the backend speak different versions */
  DP_PROBLEM_NOT_FOUND = 11,        /* world or start; or the session to resume is gone (then a new one is opened) */
  DP_PROBLEM_SERVER_FULL = 12,      /* RESOURCE_EXHAUSTED: tries again when the server said */
  DP_PROBLEM_ARGUMENT = 13,         /* INVALID_ARGUMENT */
  DP_PROBLEM_UNSUPPORTED = 14,      /* UNIMPLEMENTED: the backend lacks the service */
  DP_PROBLEM_WORLD_FAILED = 15,     /* UNAVAILABLE: the session's model failed */
  DP_PROBLEM_SHUTTING_DOWN = 16,    /* the backend stops */
  DP_PROBLEM_TAKEN_OVER = 17,       /* ABORTED: another stream resumed this session */
  DP_PROBLEM_PROTOCOL = 18,         /* the other side does not speak gRPC, or breaks the contract */
  DP_PROBLEM_NO_SPACE = 19,         /* a recorder's disk is full */
  DP_PROBLEM_SERVER = 20            /* any other status */
} dp_problem;

typedef struct dp_executor_info {
  char name[32];             /* "openvino", "torch", ... */
  char device[64];
  char precision[16];
  char fallback_reason[256]; /* why it is not the preferred one; empty when it is */
} dp_executor_info;

typedef struct dp_connection_status {
  int32_t state;             /* dp_state */
  int32_t problem;           /* dp_problem: what is wrong now, or why it waits or failed */
  int32_t grpc_status;       /* last gRPC status code, -1 when none arrived */
  uint32_t attempts;         /* since it last worked */
  int64_t next_attempt_ns;   /* when DP_STATE_WAITING ends; 0 else */
  uint32_t resumed;          /* times a session (or episode) went on after a break */
  uint32_t restarted;        /* times a new session had to be opened after a break */
  uint32_t transport;        /* DP_TRANSPORT_INLINE or _SHARED_MEMORY in use; 0 before that is known */
  uint32_t reserved;
  char message[512];         /* for people: what happened and what to do */
  char server_message[512];  /* what the server said, unchanged; may be empty */
} dp_connection_status;

/* ---------------------------------------------------------------- worlds */

typedef struct dp_button {
  char name[48];
  char label[64];
  char keys[DP_MAX_KEYS][24]; /* suggested keys as KeyboardEvent.code values, "KeyW"; unused ones are empty */
} dp_button;

typedef struct dp_named {
  char name[64];
  char title[128];
} dp_named;

/* Everything an engine must know to drive a world. */
typedef struct dp_world {
  char name[128];
  char title[128];
  char description[1024];
  char licence[128];
  char digest[72];
  uint32_t width, height;      /* the world's own frame size, pixels */
  double frame_rate;           /* frames a second */
  dp_intrinsics intrinsics;    /* the world's own camera, for width x height */
  double depth_min_m, depth_max_m;
  double look_max_deg_per_frame;
  uint32_t look_yaw, look_pitch; /* whether the world hears them */
  uint32_t takes_pose;         /* whether a camera pose may drive it */
  uint32_t takes_prompts;
  uint32_t button_count, start_count, event_count;
  uint32_t chunk_frames;
  dp_button buttons[DP_MAX_BUTTONS];
  dp_named starts[DP_MAX_STARTS]; /* the first is the default */
  char events[DP_MAX_EVENTS][64];
} dp_world;

/* Asks a backend which worlds it has, once. */
typedef struct dp_query dp_query;
DP_API int32_t DP_CALL dp_query_create(const dp_endpoint* endpoint, dp_query** out);
/* DP_OK when the answer is there, DP_NOTHING_NEW while it is not, DP_ERROR_STATE when it failed. status may be null. */
DP_API int32_t DP_CALL dp_query_poll(dp_query* query, dp_connection_status* status);
/* Number of worlds; 0 before the answer. */
DP_API uint32_t DP_CALL dp_query_world_count(dp_query* query);
/* World `index`, in the server's order, only what a list shows: name, title, description, licence, size, frame rate. */
DP_API int32_t DP_CALL dp_query_world(dp_query* query, uint32_t index, dp_world* out);
DP_API void DP_CALL dp_query_destroy(dp_query* query);

/* ---------------------------------------------------------------- playing */

typedef struct dp_client dp_client;

typedef struct dp_client_options {
  uint32_t struct_size;
  uint32_t transport;          /* DP_TRANSPORT_*; AUTO: shared memory on a loopback address, inline elsewhere or when that fails */
  dp_endpoint endpoint;
  char world[128];             /* empty: the server's default */
  char start[64];              /* empty: the world's first */
  uint64_t seed;
  uint32_t has_seed;           /* 0: the server chooses */
  uint32_t width, height;      /* wanted frame size; 0: the world's own. Ask dp_client_frame_format for what came */
  uint32_t colour_format;      /* DP_COLOUR_*; DEFAULT: raw over shared memory, JPEG inline. Frames are always RGBA here */
  uint32_t jpeg_quality;       /* 1 to 100, 0 takes 85 */
  uint32_t depth_format;       /* DP_DEPTH_* */
  uint32_t max_frames_in_flight; /* 1 to 64; 0 takes 2 */
  uint32_t reconnect;          /* 0: a break is final; 1: try again with growing pauses and resume the session */
  uint32_t backoff_min_ms;     /* 0 takes 200 */
  uint32_t backoff_max_ms;     /* 0 takes 5000 */
} dp_client_options;

/* The format of the frames of the session that is open. */
typedef struct dp_frame_format {
  uint32_t width, height;      /* pixels */
  uint32_t colour_stride;      /* bytes from row to row of the RGBA picture */
  uint32_t depth_stride;       /* bytes from row to row; 0 without depth */
  double depth_near_m;         /* unit of inverse depth: metres = 65535 * depth_near_m / value; 0 is infinitely far */
  double frame_rate;
  int64_t frame_interval_ns;
  uint64_t seed;
  uint64_t session_number;     /* grows with every new (not resumed) session of this client, from 1 */
  char session_id[64];
  char start[64];
  dp_executor_info executor;
} dp_frame_format;

/* One sample of input. */
typedef struct dp_control {
  uint32_t struct_size;
  uint32_t buttons;            /* held now; the latest sample wins */
  uint32_t pressed;            /* went down since the last sample, even if up again; each is applied exactly once */
  uint32_t has_camera;         /* 0: the world moves its own camera; 1: `camera` gives it; 2: `camera` and `intrinsics` */
  float look_yaw_deg;          /* turned right since the last sample; added up, applied exactly once */
  float look_pitch_deg;        /* turned down since the last sample */
  int64_t client_time_ns;      /* dp_now_ns of the input; 0 takes now */
  dp_pose camera;              /* level coordinates */
  dp_intrinsics intrinsics;    /* pixels of dp_frame_format */
} dp_control;

/* A frame, lent until dp_client_release_frame. */
typedef struct dp_frame {
  const uint8_t* colour;       /* RGBA8, sRGB, rows from the top */
  const uint16_t* depth;       /* inverse depth, or null */
  uint64_t id;                 /* grows by one with every frame made; gaps were dropped */
  uint64_t index;              /* frames since the start; 0 is the start itself */
  uint64_t session_number;
  uint32_t epoch;              /* resets and loads so far */
  uint32_t lease;              /* hand this to dp_client_release_frame */
  uint32_t width, height;
  uint32_t colour_stride, depth_stride;
  double depth_near_m;
  dp_pose pose;                /* camera the frame was made for */
  dp_intrinsics intrinsics;
  uint64_t control_sequence;   /* of this library, counted from 1; 0 before the first control */
  int64_t control_time_ns;     /* that control's client_time_ns */
  uint32_t applied_buttons;
  uint32_t applied_camera;     /* 1: the pose came from the client */
  float applied_yaw_deg, applied_pitch_deg;
  int64_t server_generated_ns; /* server's clock: pixels ready */
  int64_t server_present_ns;   /* server's clock: when it is to be shown */
  int64_t arrived_ns;          /* dp_now_ns: the pixels are in client memory */
  float generation_ms;
  uint32_t reserved;
} dp_frame;

typedef enum dp_event_kind {
  DP_EVENT_NONE = 0,
  DP_EVENT_STATE = 1,          /* state or problem changed; `text` is dp_connection_status.message */
  DP_EVENT_OPENED = 2,         /* a new session: `number` is its session_number */
  DP_EVENT_RESUMED = 3,        /* the session went on after a break */
  DP_EVENT_NOTICE = 4,         /* `code` is the contract's NoticeCode (or CaptureNoticeCode), `text` its message */
  DP_EVENT_SAVED = 5,          /* `text` is the handle for dp_client_load, `number` the frame index */
  DP_EVENT_LOADED = 6,         /* `number` is the frame index */
  DP_EVENT_EPISODE_BEGUN = 7,  /* recorder: `text` is the episode id */
  DP_EVENT_EPISODE_FINISHED = 8 /* recorder: `number` is the episode's index, `code` its frames, `text` the episode id */
} dp_event_kind;

typedef struct dp_event {
  int32_t kind;
  int32_t code;
  int32_t state;               /* dp_state when it happened */
  int32_t problem;
  uint64_t number;
  int64_t time_ns;
  char text[512];
} dp_event;

/* Latencies are percentiles over the last 10 s, milliseconds; 0 until there is a sample. */
typedef struct dp_statistics {
  uint64_t frames_received, frames_acquired;
  uint64_t frames_replaced;      /* newer ones came before they were acquired */
  uint64_t frames_torn;          /* shared memory: written over while being read */
  uint64_t server_dropped;
  uint64_t bytes_received, bytes_sent;
  uint64_t controls_sent, controls_merged;
  float fps;                     /* frames received in the last second */
  float server_fps;
  float interval_ms_p50, interval_ms_p95, interval_ms_p99; /* between arrivals */
  float jitter_ms;               /* mean absolute difference of successive intervals */
  float control_to_frame_ms_p50, control_to_frame_ms_p95;  /* control's client_time to arrival of the first frame that applied it */
  float generated_to_arrived_ms_p50, generated_to_arrived_ms_p99; /* same machine only; 0 else */
  float generation_ms_p50, generation_ms_p95;
  float decode_ms_p50;           /* JPEG, or the copy out of shared memory */
  float round_trip_ms;           /* HTTP/2 ping */
  uint64_t server_rss_bytes;
  uint32_t server_sessions;
  uint32_t allocations;          /* of buffers since the session opened: constant after warm-up */
} dp_statistics;

/* Starts connecting in the background. */
DP_API int32_t DP_CALL dp_client_create(const dp_client_options* options, dp_client** out);
/* Ends the session (tells the server) and frees the client in the background. Frames still lent become invalid. Null is allowed. */
DP_API void DP_CALL dp_client_destroy(dp_client* client);
/* As destroy, but leaves the session resumable on the server for its grace time and writes its resume token, a secret (256 bytes are
 * enough), to out. DP_ERROR_STATE when no session was opened: then nothing is destroyed. */
DP_API int32_t DP_CALL dp_client_detach(dp_client* client, char* resume_token, uint32_t capacity);
/* Goes on with a detached session: before anything else, instead of the world in the options. */
DP_API int32_t DP_CALL dp_client_create_resumed(const dp_client_options* options, const char* resume_token, dp_client** out);
DP_API int32_t DP_CALL dp_client_status(dp_client* client, dp_connection_status* out);
/* Ends a pause between two attempts at once, and tries again after DP_STATE_FAILED. DP_ERROR_STATE when there is no pause. */
DP_API int32_t DP_CALL dp_client_retry_now(dp_client* client);
/* The world of the open session; DP_NOTHING_NEW before it opened. */
DP_API int32_t DP_CALL dp_client_world(dp_client* client, dp_world* out);
DP_API int32_t DP_CALL dp_client_frame_format(dp_client* client, dp_frame_format* out);
/* The oldest event not yet taken; DP_NOTHING_NEW when there is none. 64 are kept, then the oldest go. */
DP_API int32_t DP_CALL dp_client_poll_event(dp_client* client, dp_event* out);
/* One sample of input, sent at once; samples that wait (no connection) are merged by the rules of dp_control. After a break, deltas and
 * presses that the server did not hear are sent again, once. DP_ERROR_ARGUMENT for what the server would refuse: buttons the world does
 * not have, numbers that are none, a quaternion that is not of length 1. */
DP_API int32_t DP_CALL dp_client_control(dp_client* client, const dp_control* control);
DP_API int32_t DP_CALL dp_client_prompt(dp_client* client, const char* text);
DP_API int32_t DP_CALL dp_client_event(dp_client* client, const char* name);
/* start: null or empty keeps the present one; seed: null keeps the present one. */
DP_API int32_t DP_CALL dp_client_reset(dp_client* client, const uint64_t* seed, const char* start);
DP_API int32_t DP_CALL dp_client_save(dp_client* client);
DP_API int32_t DP_CALL dp_client_load(dp_client* client, const char* handle);
DP_API int32_t DP_CALL dp_client_pause(dp_client* client, uint32_t paused);
/* Lends the newest frame if it is newer than the last one lent. At most 4 may be lent at a time (DP_ERROR_FULL). */
DP_API int32_t DP_CALL dp_client_acquire_frame(dp_client* client, dp_frame* out);
/* Gives it back; its pixels may be overwritten from now on. */
DP_API int32_t DP_CALL dp_client_release_frame(dp_client* client, uint32_t lease);
/* The frame was shown at client_time_ns (0: now). Tells the server, which lets the next frames through. A client that never calls it
 * has it done by acquire_frame. */
DP_API int32_t DP_CALL dp_client_presented(dp_client* client, uint64_t frame_id, int64_t client_time_ns);
DP_API int32_t DP_CALL dp_client_statistics(dp_client* client, dp_statistics* out);

/* Unity: the callback for CommandBuffer.IssuePluginCustomTextureUpdateV2, and the value to pass as its userData: plane 0 is colour
 * (RGBA32 texture of the frame's size), plane 1 depth (R16). The value names the frame that dp_client_acquire_frame lent last: keep it
 * lent until the render thread has run (one engine frame), so that colour, depth and the pose you read belong together. When nothing is
 * lent it names the newest frame at the time of the copy. A value is good for the next 128 frames; 0 when the client is none. */
DP_API void* DP_CALL dp_unity_texture_update_callback(void);
DP_API uint32_t DP_CALL dp_client_texture_user_data(dp_client* client, uint32_t plane);

/* ---------------------------------------------------------------- recording */

typedef struct dp_recorder dp_recorder;

typedef struct dp_tag {
  char name[64];
  char value[256];
} dp_tag;

typedef struct dp_recorder_options {
  uint32_t struct_size;
  uint32_t width, height;      /* pixels, even */
  uint32_t colour_format;      /* DP_COLOUR_RAW_RGBA or DP_COLOUR_JPEG (encoded here, on a worker thread); DEFAULT takes JPEG */
  uint32_t jpeg_quality;       /* 0 takes 92 */
  uint32_t depth_format;       /* DP_DEPTH_* */
  double depth_near_m;         /* unit of inverse depth, > 0 with depth */
  double frame_rate;
  dp_intrinsics intrinsics;
  uint32_t queue_frames;       /* frames that may wait here, 2 to 64; 0 takes 8 */
  uint32_t button_count;
  char buttons[DP_MAX_BUTTONS][48];
  double look_max_deg;
  dp_endpoint endpoint;
  char dataset[65];
  char licence[63];
  char engine_name[64];
  char engine_version[64];
  char project[128];
  char plugin_version[32];
} dp_recorder_options;

typedef struct dp_episode_options {
  uint32_t struct_size;
  uint32_t tag_count;
  uint64_t seed;
  char split[16];              /* "train" (or empty) or "heldout" */
  char map_name[128];
  char map_digest[72];
  char source[120];
  dp_tag tags[DP_MAX_TAGS];
} dp_episode_options;

/* Memory lent for one frame: write colour and depth, then submit or cancel it. May be filled from any thread. */
typedef struct dp_capture_buffer {
  uint8_t* colour;             /* RGBA8, rows from the top, colour_stride = 4 * width */
  uint16_t* depth;             /* inverse depth as dp_recorder_options says, or null */
  uint32_t colour_stride, depth_stride;
  uint32_t lease;
  uint32_t reserved;
} dp_capture_buffer;

typedef struct dp_capture_frame {
  uint32_t struct_size;
  uint32_t lease;              /* of the dp_capture_buffer that holds the pixels */
  int64_t client_time_ns;      /* when it was rendered; 0 takes now */
  dp_pose pose;
  dp_intrinsics intrinsics;
  uint32_t has_intrinsics;     /* 0: those of the options */
  uint32_t buttons;            /* held or pressed since the frame before */
  float look_yaw_deg, look_pitch_deg; /* since the frame before */
  double velocity[3];          /* metres a second, level coordinates */
  uint32_t has_velocity;
  uint32_t engine_state_count; /* at most 8 */
  double engine_state[8];
  uint32_t flip_rows;          /* 1: the rows in the buffer run from the bottom; they are turned over here */
  uint32_t redacted;
} dp_capture_frame;

typedef struct dp_recorder_stats {
  uint64_t submitted, sent, acknowledged; /* frames of this recorder; acknowledged are safely on disk */
  uint64_t refused;            /* no free buffer: the engine was faster than the link or the disk */
  uint64_t lost;               /* submitted, then lost with a broken connection and not acknowledged */
  uint64_t bytes_sent;
  uint32_t queued;             /* frames waiting here now */
  uint32_t queue_frames;       /* capacity */
  float pressure;              /* queued / queue_frames: at 1 dp_recorder_acquire refuses. Slow down or drop above 0.7 */
  float encode_ms_p50, acknowledge_ms_p50, acknowledge_ms_p95; /* submit to acknowledged */
  uint32_t episode_open;
  uint32_t reserved;
  uint64_t episode_frames;     /* submitted in the open episode */
} dp_recorder_stats;

DP_API int32_t DP_CALL dp_recorder_create(const dp_recorder_options* options, dp_recorder** out);
/* Finishes the open episode, sends what is queued (at most 5 s) and frees the recorder, all in the background. */
DP_API void DP_CALL dp_recorder_destroy(dp_recorder* recorder);
DP_API int32_t DP_CALL dp_recorder_status(dp_recorder* recorder, dp_connection_status* out);
DP_API int32_t DP_CALL dp_recorder_poll_event(dp_recorder* recorder, dp_event* out);
/* Begins an episode; DP_ERROR_STATE when one is open. Frames may be submitted at once, they wait for the answer. */
DP_API int32_t DP_CALL dp_recorder_begin(dp_recorder* recorder, const dp_episode_options* episode);
/* Lends memory for the next frame; DP_ERROR_FULL when all is in use: the engine drops this frame (it is counted) or slows down. */
DP_API int32_t DP_CALL dp_recorder_acquire(dp_recorder* recorder, dp_capture_buffer* out);
/* Hands the frame over. Frames are numbered in the order of submission; a refused acquire leaves a gap in the numbers, and
 * so does a frame with values that the backend would refuse (DP_ERROR_ARGUMENT): its memory is given back. */
DP_API int32_t DP_CALL dp_recorder_submit(dp_recorder* recorder, const dp_capture_frame* frame);
/* Gives lent memory back without a frame; leaves a gap in the numbers. */
DP_API int32_t DP_CALL dp_recorder_cancel(dp_recorder* recorder, uint32_t lease);
DP_API int32_t DP_CALL dp_recorder_marker(dp_recorder* recorder, const char* name, const char* text);
/* Ends the episode after the frames submitted so far; the answer is DP_EVENT_EPISODE_FINISHED. */
DP_API int32_t DP_CALL dp_recorder_finish(dp_recorder* recorder, uint32_t discard);
DP_API int32_t DP_CALL dp_recorder_statistics(dp_recorder* recorder, dp_recorder_stats* out);

/* ---------------------------------------------------------------- conversions (pure) */

enum { DP_ENGINE_UNITY = 1, DP_ENGINE_UNREAL = 2, DP_ENGINE_GODOT = 3 };

/* A transform without scale in an engine's own axes and units.
 * Unity: left-handed, x right, y up, z forward, metres. Unreal: left-handed, x forward, y right, z up, centimetres.
 * Godot: right-handed, x right, y up, z backward, metres. The camera of each looks along its forward axis. */
typedef struct dp_engine_pose {
  double position[3];
  double rotation[4]; /* quaternion x, y, z, w in the engine's own axes */
} dp_engine_pose;

/* The camera's pose in level coordinates. `anchor` is the engine transform of the level's origin (a component's transform): at the
 * identity, the level's x is the engine's right, its z the engine's forward and its y the engine's down. Null means identity.
 * `scale`: engine lengths for one level metre beyond the engine's unit (1: a metre is a metre). */
DP_API int32_t DP_CALL dp_pose_from_engine(int32_t engine, const dp_engine_pose* anchor, double scale, const dp_engine_pose* camera, dp_pose* out);
/* The way back. */
DP_API int32_t DP_CALL dp_pose_to_engine(int32_t engine, const dp_engine_pose* anchor, double scale, const dp_pose* pose, dp_engine_pose* out);
/* A point or (with w = 0) a direction of the level in the engine's axes and units, and the way back. */
DP_API int32_t DP_CALL dp_vector_to_engine(int32_t engine, const dp_engine_pose* anchor, double scale, const double level[3], double w, double out[3]);
DP_API int32_t DP_CALL dp_vector_from_engine(int32_t engine, const dp_engine_pose* anchor, double scale, const double in[3], double w, double out[3]);
/* From a vertical field of view, degrees, with square pixels and a centred axis. */
DP_API int32_t DP_CALL dp_intrinsics_from_fov(double vertical_fov_deg, uint32_t width, uint32_t height, dp_intrinsics* out);
/* From the upper left of an OpenGL-style projection matrix, column-major [16] (Unity's Matrix4x4 before GL.GetGPUProjectionMatrix,
 * off-axis allowed; Unreal's FMatrix works on row vectors: pass its 16 numbers in memory order). */
DP_API int32_t DP_CALL dp_intrinsics_from_projection(const double m[16], uint32_t width, uint32_t height, dp_intrinsics* out);
/* An OpenGL-style projection matrix (clip z from -1 to 1), column-major, for near and far in metres. far_m <= near_m: infinite. */
DP_API int32_t DP_CALL dp_projection_from_intrinsics(const dp_intrinsics* in, uint32_t width, uint32_t height, double near_m, double far_m, double out[16]);
/* The same camera for another frame size. */
DP_API int32_t DP_CALL dp_intrinsics_scaled(const dp_intrinsics* in, uint32_t from_width, uint32_t from_height, uint32_t to_width, uint32_t to_height, dp_intrinsics* out);
/* Inverse 16-bit depth to metres along the axis (0 becomes infinity) and back. `count` values; strides are the caller's. */
DP_API int32_t DP_CALL dp_depth_to_metres(const uint16_t* in, uint64_t count, double near_m, float* out);
DP_API int32_t DP_CALL dp_depth_from_metres(const float* in, uint64_t count, double near_m, uint16_t* out);
/* Device depth 0..1 of a perspective camera to inverse 16-bit depth. reversed: 1 at the near plane (Unity on D3D, Metal, Vulkan;
 * Unreal). far_m <= near_m: infinite far plane. unit_m: metres of one engine unit (Unity 1, Unreal 0.01); camera_near and camera_far
 * are in engine units. The far plane's own value, which buffers are cleared to, becomes 0: nothing was drawn there. */
DP_API int32_t DP_CALL dp_depth_from_device(const float* in, uint64_t count, uint32_t reversed, double camera_near, double camera_far, double unit_m, double near_m, uint16_t* out);

/* ---------------------------------------------------------------- camera paths for capturing data (pure) */

enum {
  DP_PATH_RECTANGLE = 1, /* walks rectangles, turning at the corners */
  DP_PATH_TURN = 2,      /* stands and turns 360 degrees at an angular speed that varies */
  DP_PATH_WAYPOINTS = 3, /* walks through random points on a smooth curve, looking ahead and back now and then */
  DP_PATH_ORBIT = 4,     /* circles a landmark and looks at it */
  DP_PATH_MIX = 5        /* all of them, one after the other */
};

typedef struct dp_path_options {
  uint32_t struct_size;
  uint32_t kind;
  uint64_t seed;
  uint32_t frames;
  uint32_t reserved;
  double frame_rate;
  double speed_m_s;            /* walking */
  double turn_deg_s;           /* largest angular speed */
  double radius_m;             /* of the camera's body, kept from every wall */
  double minimum[3], maximum[3]; /* level coordinates: the box the camera may be in; heights are y, down */
  double eye_height_m;         /* above the ground that `ground` gives */
  double start[3];             /* a free point; without `ground`, on the floor: the camera begins eye_height_m above it */
  double landmark[3];          /* for DP_PATH_ORBIT */
  double look_back_probability; /* per waypoint, 0 to 1 */
} dp_path_options;

/* The engine's answers. `sweep`: how far a sphere of radius_m gets from a to b, 0..1 (1: all the way). `ground`: height (level y) of
 * the floor below the point, and 1, or 0 when there is none. Either may be null: nothing is in the way; the floor is at start. */
typedef struct dp_path_probe {
  double(DP_CALL* sweep)(void* user, const double from[3], const double to[3], double radius_m);
  int32_t(DP_CALL* ground)(void* user, const double at[3], double* out_y);
  void* user;
} dp_path_probe;

/* Writes options->frames poses, one a frame, the same to the last bit on every platform for the same seed and answers; between two
 * poses the probe's sweep was clear. A floor that changes by more than 0.45 m in one step is a wall or an edge.
 * Looks level (no pitch). `flags[i]` (may be null) has bit 0 at look-backs, bit 1 where the walk had to turn away from a wall.
 * DP_ERROR_STATE when the start is not free. */
DP_API int32_t DP_CALL dp_path_sample(const dp_path_options* options, const dp_path_probe* probe, dp_pose* out_poses, uint32_t* out_flags, uint32_t capacity);

#ifdef __cplusplus
}
#endif

#endif
