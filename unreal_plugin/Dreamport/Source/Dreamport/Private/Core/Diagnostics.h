// What "Copy diagnostics" copies: one text that says everything a report needs, and no secret.

#pragma once

#include <string>

#include "Backend.h"
#include "Native.h"

namespace Dreamport::Core
{
	/** What is known; null for what is not. */
	struct DiagnosticsInput
	{
		const char* EngineVersion = "";
		const char* PluginVersion = "";
		const char* Platform = "";
		const char* RenderInterface = "";
		const BackendPlan* Backend = nullptr;
		const dp_connection_status* Connection = nullptr;
		const dp_world* World = nullptr;
		const dp_frame_format* Format = nullptr;
		const dp_statistics* Statistics = nullptr;
		const dp_recorder_stats* Recorder = nullptr;
	};

	/** Lines of "name: value". The token, the resume token and the shared memory's name never appear. */
	std::string Diagnostics(const DiagnosticsInput& Input);

	/** "Playing", "Waiting", ... */
	const char* StateName(int32_t State);
	const char* BackendStateName(BackendState State);
}
