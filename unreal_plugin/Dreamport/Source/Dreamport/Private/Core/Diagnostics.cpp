#include "Diagnostics.h"

#include <cstdarg>
#include <cstdio>

namespace Dreamport::Core
{
	namespace
	{
#if defined(__GNUC__)
		__attribute__((format(printf, 2, 3)))
#endif
		void Add(std::string& Text, const char* Format, ...)
		{
			char Line[1200];
			std::va_list Arguments;
			va_start(Arguments, Format);
			std::vsnprintf(Line, sizeof(Line), Format, Arguments);
			va_end(Arguments);
			Text += Line;
			Text += '\n';
		}

		const char* TransportName(uint32_t Transport)
		{
			switch (Transport)
			{
			case DP_TRANSPORT_INLINE: return "inline";
			case DP_TRANSPORT_SHARED_MEMORY: return "shared memory";
			default: return "not known yet";
			}
		}
	}

	const char* StateName(int32_t State)
	{
		switch (State)
		{
		case DP_STATE_CONNECTING: return "Connecting";
		case DP_STATE_OPENING: return "Opening the world";
		case DP_STATE_READY: return "Ready";
		case DP_STATE_WAITING: return "Waiting to try again";
		case DP_STATE_FAILED: return "Failed";
		case DP_STATE_CLOSED: return "Closed";
		default: return "Unknown";
		}
	}

	const char* BackendStateName(BackendState State)
	{
		switch (State)
		{
		case BackendState::Idle: return "Not needed yet";
		case BackendState::Probing: return "Looking";
		case BackendState::Attached: return "Attached";
		case BackendState::Starting: return "Starting";
		case BackendState::Running: return "Running";
		case BackendState::Failed: return "Failed";
		}
		return "Unknown";
	}

	std::string Diagnostics(const DiagnosticsInput& Input)
	{
		std::string Text;
		Add(Text, "Dreamport plugin: %s", Input.PluginVersion);
		Add(Text, "Engine: Unreal %s, %s, %s", Input.EngineVersion, Input.Platform, Input.RenderInterface);
		Add(Text, "Native core: %s, ABI %u (header %u), protocol %u", dp_version(), dp_abi_version(), DP_ABI_VERSION, DP_PROTOCOL_VERSION);
		Add(Text, "Components: %s", dp_components());
		if (Input.Backend != nullptr)
		{
			Add(Text, "Backend: %s. %s", BackendStateName(Input.Backend->State()), Input.Backend->Message());
		}
		if (Input.Connection != nullptr)
		{
			const dp_connection_status& Status = *Input.Connection;
			Add(Text, "Connection: %s, problem %d, gRPC status %d, attempts %u, resumed %u, restarted %u", StateName(Status.state),
				static_cast<int>(Status.problem), static_cast<int>(Status.grpc_status), Status.attempts, Status.resumed, Status.restarted);
			Add(Text, "Transport: %s", TransportName(Status.transport));
			if (Status.message[0] != 0)
			{
				Add(Text, "Message: %s", Status.message);
			}
			if (Status.server_message[0] != 0)
			{
				Add(Text, "The server said: %s", Status.server_message);
			}
		}
		if (Input.World != nullptr)
		{
			Add(Text, "World: %s (%s), %ux%u at %.3g fps, digest %s", Input.World->name, Input.World->title, Input.World->width,
				Input.World->height, Input.World->frame_rate, Input.World->digest);
		}
		if (Input.Format != nullptr)
		{
			const dp_frame_format& Format = *Input.Format;
			Add(Text, "Session: %s, start %s, seed %llu, frames %ux%u", Format.session_id, Format.start,
				static_cast<unsigned long long>(Format.seed), Format.width, Format.height);
			Add(Text, "Executor: %s on %s, %s", Format.executor.name, Format.executor.device, Format.executor.precision);
			Add(Text, "Fallback: %s", Format.executor.fallback_reason[0] != 0 ? Format.executor.fallback_reason : "none");
		}
		if (Input.Statistics != nullptr)
		{
			const dp_statistics& S = *Input.Statistics;
			Add(Text, "Frames: %llu received, %llu shown, %llu replaced, %llu torn, %llu dropped by the server",
				static_cast<unsigned long long>(S.frames_received), static_cast<unsigned long long>(S.frames_acquired),
				static_cast<unsigned long long>(S.frames_replaced), static_cast<unsigned long long>(S.frames_torn),
				static_cast<unsigned long long>(S.server_dropped));
			Add(Text, "Rate: %.1f fps here, %.1f fps on the server, jitter %.1f ms", S.fps, S.server_fps, S.jitter_ms);
			Add(Text, "Control to frame: p50 %.1f ms, p95 %.1f ms; generation p50 %.1f ms; round trip %.2f ms",
				S.control_to_frame_ms_p50, S.control_to_frame_ms_p95, S.generation_ms_p50, S.round_trip_ms);
		}
		if (Input.Recorder != nullptr)
		{
			const dp_recorder_stats& R = *Input.Recorder;
			Add(Text, "Recorder: %llu submitted, %llu on disk, %llu refused, %llu lost, pressure %.2f",
				static_cast<unsigned long long>(R.submitted), static_cast<unsigned long long>(R.acknowledged),
				static_cast<unsigned long long>(R.refused), static_cast<unsigned long long>(R.lost), R.pressure);
		}
		return Text;
	}
}
