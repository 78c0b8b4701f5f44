// A game's main thread, as tests/test_native_faults.py needs it: it loads the native core as an engine does, calls
// status, control, acquire, release, poll_event and statistics at an even rate, and measures every single call.
//
//   game_loop_program LIBRARY ADDRESS [name=value ...]     (names: see apply)
//
// It prints lines of JSON: every change of the connection's status, every event, how play goes four times a second,
// and, when its standard input ends, what the worst call of each kind cost. Linux only.

#if !defined(__linux__)
int main() {
    return 2;
}
#else

#include <dlfcn.h>
#include <poll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "dreamport/core.h"

namespace {

constexpr int64_t kSecond = 1000000000;
constexpr int64_t kMillisecond = 1000000;
constexpr int64_t kReportInterval = kSecond / 4;

int64_t clock_ns(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return int64_t{now.tv_sec} * kSecond + now.tv_nsec;
}

// Switches of this thread so far: `own` because it waited for something, `forced` because another took the processor.
struct Switches {
    long own, forced;
};

Switches switches() {
    rusage usage{};
    getrusage(RUSAGE_THREAD, &usage);
    return {usage.ru_nvcsw, usage.ru_nivcsw};
}

// What the calls of one kind cost.
class Cost {
  public:
    explicit Cost(const char* name) : name_(name) { walls_.reserve(1 << 18); }

    // Measures one call and gives its status.
    template <typename Call>
    int32_t operator()(Call call) {
        const Switches before = switches();
        const int64_t cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
        const int64_t begin = clock_ns(CLOCK_MONOTONIC);
        const int32_t status = call();
        const int64_t wall = clock_ns(CLOCK_MONOTONIC) - begin;
        const int64_t computed = clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
        worst_cpu_ = std::max(worst_cpu_, computed);
        const Switches after = switches();
        walls_.push_back(wall);
        const bool waited = after.own != before.own;
        if (waited) {
            ++waits_;
            worst_wait_ = std::max(worst_wait_, wall);
        }
        // A call that another process interrupted is late through no fault of its own. So is one that neither waited
        // nor computed for all that time: the machine beneath this one held it.
        const bool held = !waited && wall - computed > kMillisecond / 4;
        if (after.forced == before.forced && !held) {
            ++undisturbed_;
            worst_undisturbed_ = std::max(worst_undisturbed_, wall);
        } else if (computed >= kMillisecond) {
            ++slow_disturbed_;
        }
        return status;
    }

    void print(bool last) {
        std::sort(walls_.begin(), walls_.end());
        const size_t count = walls_.size();
        const int64_t worst = count ? walls_.back() : 0;
        const int64_t p999 = count ? walls_[(count - 1) * 999 / 1000] : 0;
        const int64_t p50 = count ? walls_[count / 2] : 0;
        std::printf(
            "\"%s\": {\"count\": %zu, \"undisturbed\": %zu, \"p50_ms\": %.4f, \"p999_ms\": %.4f, \"worst_ms\": %.4f, "
            "\"worst_undisturbed_ms\": %.4f, \"worst_cpu_ms\": %.4f, \"slow_disturbed\": %zu, \"waits\": %zu, "
            "\"worst_wait_ms\": %.4f}%s",
            name_, count, undisturbed_, ms(p50), ms(p999), ms(worst), ms(worst_undisturbed_), ms(worst_cpu_),
            slow_disturbed_, waits_, ms(worst_wait_), last ? "" : ", ");
    }

    static double ms(int64_t ns) { return static_cast<double>(ns) / kMillisecond; }

  private:
    const char* name_;
    std::vector<int64_t> walls_;
    int64_t worst_cpu_ = 0, worst_undisturbed_ = 0, worst_wait_ = 0;
    size_t waits_ = 0, undisturbed_ = 0, slow_disturbed_ = 0;
};

std::string quoted(const char* text) {
    std::string out = "\"";
    for (; *text != 0; ++text) {
        const auto byte = static_cast<unsigned char>(*text);
        if (byte == '"' || byte == '\\') out += '\\';
        if (byte < 0x20) {
            char escape[8];
            std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(byte));
            out += escape;
        } else {
            out += *text;
        }
    }
    return out + '"';
}

// The functions of the library, by name.
#define DREAMPORT_CALLS(X) \
    X(dp_status_text)      \
    X(dp_shutdown)         \
    X(dp_client_create)    \
    X(dp_client_destroy)   \
    X(dp_client_status)    \
    X(dp_client_control)   \
    X(dp_client_acquire_frame) X(dp_client_release_frame) X(dp_client_poll_event) X(dp_client_statistics)
struct Library {
#define DECLARE(name) decltype(&::name) name = nullptr;
    DREAMPORT_CALLS(DECLARE)
#undef DECLARE
    explicit Library(const char* path) {
        void* handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        if (handle == nullptr) {
            std::fprintf(stderr, "%s\n", dlerror());
            std::exit(2);
        }
#define FIND(name) find(handle, #name, &name);
        DREAMPORT_CALLS(FIND)
#undef FIND
    }

  private:
    template <typename Function>
    static void find(void* handle, const char* name, Function* function) {
        void* address = dlsym(handle, name);
        if (address == nullptr) {
            std::fprintf(stderr, "the library lacks %s\n", name);
            std::exit(2);
        }
        std::memcpy(function, &address, sizeof address);
    }
};

template <size_t Size>
void put(char (&out)[Size], const std::string& text) {
    std::snprintf(out, Size, "%s", text.c_str());
}

// One name=value of the command line.
void apply(const std::string& argument, dp_client_options* options, double* rate_hz) {
    const size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : argument.substr(equals + 1);
    const auto number = static_cast<uint32_t>(std::strtoul(value.c_str(), nullptr, 10));
    if (name == "tls")
        options->endpoint.use_tls = number;
    else if (name == "token")
        put(options->endpoint.token, value);
    else if (name == "ca_file")
        put(options->endpoint.ca_file, value);
    else if (name == "server_name")
        put(options->endpoint.server_name, value);
    else if (name == "connect_timeout_ms")
        options->endpoint.connect_timeout_ms = number;
    else if (name == "world")
        put(options->world, value);
    else if (name == "transport")
        options->transport = number;
    else if (name == "colour_format")
        options->colour_format = number;
    else if (name == "jpeg_quality")
        options->jpeg_quality = number;
    else if (name == "depth_format")
        options->depth_format = number;
    else if (name == "backoff_min_ms")
        options->backoff_min_ms = number;
    else if (name == "backoff_max_ms")
        options->backoff_max_ms = number;
    else if (name == "rate_hz")
        *rate_hz = number;
    else {
        std::fprintf(stderr, "no option is called %s\n", name.c_str());
        std::exit(2);
    }
}

// True once standard input has ended.
bool told_to_end() {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    char byte = 0;
    return poll(&input, 1, 0) > 0 && read(STDIN_FILENO, &byte, 1) <= 0;
}

double seconds_since(int64_t begin) {
    return static_cast<double>(clock_ns(CLOCK_MONOTONIC) - begin) / kSecond;
}

}  // namespace

int main(int count, char** arguments) {
    if (count < 3) {
        std::fprintf(stderr, "usage: %s LIBRARY ADDRESS [name=value ...]\n", arguments[0]);
        return 2;
    }
    dp_client_options options{};
    options.struct_size = sizeof options;
    options.endpoint.struct_size = sizeof options.endpoint;
    options.reconnect = 1;
    put(options.endpoint.address, arguments[2]);
    double rate_hz = 120;
    for (int i = 3; i < count; ++i)
        apply(arguments[i], &options, &rate_hz);

    const Library library(arguments[1]);
    Cost create("create"), status_cost("status"), control_cost("control"), acquire("acquire"), release("release"),
        poll_event("poll_event"), statistics_cost("statistics"), destroy("destroy");
    dp_client* client = nullptr;
    const int64_t begin = clock_ns(CLOCK_MONOTONIC);
    const int32_t created = create([&] { return library.dp_client_create(&options, &client); });
    if (created != DP_OK) {
        std::fprintf(stderr, "dp_client_create: %s\n", library.dp_status_text(created));
        return 2;
    }

    dp_connection_status status{}, told{};
    told.state = -1;
    dp_statistics statistics{};
    std::vector<int64_t> ages;
    uint64_t frames = 0, last_id = 0, session = 0;
    int64_t next_report = begin + kReportInterval, errors = 0;
    const auto interval = static_cast<int64_t>(kSecond / rate_hz);
    int64_t next = begin;
    for (uint64_t tick = 0; !told_to_end(); ++tick) {
        errors += status_cost([&] { return library.dp_client_status(client, &status); }) < 0;
        dp_control control{};
        control.struct_size = sizeof control;
        control.buttons = (tick / 60) & 1;
        control.look_yaw_deg = 0.25F;
        const int32_t sent = control_cost([&] { return library.dp_client_control(client, &control); });
        errors += sent < 0 && sent != DP_ERROR_STATE;
        dp_frame frame{};
        if (acquire([&] { return library.dp_client_acquire_frame(client, &frame); }) == DP_OK) {
            ages.push_back(clock_ns(CLOCK_MONOTONIC) - frame.server_generated_ns);
            ++frames;
            last_id = frame.id;
            session = frame.session_number;
            errors += release([&] { return library.dp_client_release_frame(client, frame.lease); }) < 0;
        }
        dp_event event{};
        while (poll_event([&] { return library.dp_client_poll_event(client, &event); }) == DP_OK) {
            std::printf(
                "{\"kind\": \"event\", \"at_s\": %.3f, \"event\": %d, \"code\": %d, \"problem\": %d, \"text\": %s}\n",
                seconds_since(begin), event.kind, event.code, event.problem, quoted(event.text).c_str());
        }
        errors += statistics_cost([&] { return library.dp_client_statistics(client, &statistics); }) < 0;

        if (status.state != told.state || status.problem != told.problem || status.resumed != told.resumed ||
            status.restarted != told.restarted || std::strcmp(status.message, told.message) != 0) {
            told = status;
            std::printf(
                "{\"kind\": \"status\", \"at_s\": %.3f, \"state\": %d, \"problem\": %d, \"grpc_status\": %d, "
                "\"attempts\": %u, \"resumed\": %u, \"restarted\": %u, \"transport\": %u, \"message\": %s, "
                "\"server_message\": %s}\n",
                seconds_since(begin), status.state, status.problem, status.grpc_status, status.attempts, status.resumed,
                status.restarted, status.transport, quoted(status.message).c_str(),
                quoted(status.server_message).c_str());
        }
        if (clock_ns(CLOCK_MONOTONIC) >= next_report) {
            next_report += kReportInterval;
            std::sort(ages.begin(), ages.end());
            const size_t n = ages.size();
            std::printf(
                "{\"kind\": \"play\", \"at_s\": %.3f, \"frames\": %llu, \"session\": %llu, \"last_id\": %llu, "
                "\"age_ms_p50\": %.3f, \"age_ms_max\": %.3f, \"round_trip_ms\": %.3f, "
                "\"control_to_frame_ms_p50\": %.3f, \"fps\": %.2f, \"replaced\": %llu, \"server_dropped\": %llu}\n",
                seconds_since(begin), static_cast<unsigned long long>(frames), static_cast<unsigned long long>(session),
                static_cast<unsigned long long>(last_id), n ? Cost::ms(ages[n / 2]) : 0.0,
                n ? Cost::ms(ages.back()) : 0.0, static_cast<double>(statistics.round_trip_ms),
                static_cast<double>(statistics.control_to_frame_ms_p50), static_cast<double>(statistics.fps),
                static_cast<unsigned long long>(statistics.frames_replaced),
                static_cast<unsigned long long>(statistics.server_dropped));
            ages.clear();
        }
        std::fflush(stdout);
        next += interval;
        timespec until{};
        until.tv_sec = next / kSecond;
        until.tv_nsec = next % kSecond;
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
    }
    destroy([&] {
        library.dp_client_destroy(client);
        return 0;
    });
    const int32_t ended = library.dp_shutdown(5000);
    std::printf("{\"kind\": \"summary\", \"seconds\": %.3f, \"errors\": %lld, \"shutdown\": %d, \"calls\": {",
                seconds_since(begin), static_cast<long long>(errors), ended);
    for (Cost* cost : {&create, &status_cost, &control_cost, &acquire, &release, &poll_event, &statistics_cost})
        cost->print(false);
    destroy.print(true);
    std::printf("}}\n");
    return 0;
}

#endif
