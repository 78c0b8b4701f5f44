// Between the engine's types and the native library's.

#pragma once

#include "Core/Diagnostics.h"
#include "Core/Native.h"
#include "CoreMinimal.h"
#include "DreamportTypes.h"

namespace Dreamport
{
	/** Where a backend is, from the project's settings. The token file is read now. */
	dp_endpoint EndpointFromSettings();

	/** Copies text as UTF-8, cut if it is too long. */
	template <std::size_t Capacity>
	void CopyText(char (&To)[Capacity], const FString& From)
	{
		Core::CopyText(To, Capacity, TCHAR_TO_UTF8(*From));
	}

	/** Position and rotation; the scale is not used. */
	dp_engine_pose EnginePose(const FTransform& Transform);
	FTransform TransformFrom(const dp_engine_pose& Pose);

	EDreamportState StateFrom(int32 State);
	FDreamportWorldInfo WorldInfoFrom(const dp_world& World);
	FDreamportStatistics StatisticsFrom(const dp_statistics& Statistics, const dp_frame_format* Format);

	/** Version of this plugin, from its descriptor. */
	FString PluginVersion();

	/** "Copy diagnostics": versions of engine, plugin and platform, and what Fill adds. */
	FString DiagnosticsText(TFunctionRef<void(Core::DiagnosticsInput&)> Fill);
}
