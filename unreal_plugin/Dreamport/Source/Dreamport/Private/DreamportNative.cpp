#include "DreamportNative.h"

#include "Core/Input.h"
#include "DreamportSettings.h"
#include "Interfaces/IPluginManager.h"
#include "Kismet/GameplayStatics.h"
#include "Misc/EngineVersion.h"
#include "Misc/FileHelper.h"
#include "RHI.h"

namespace Dreamport
{
	dp_endpoint EndpointFromSettings()
	{
		const UDreamportSettings* Settings = GetDefault<UDreamportSettings>();
		dp_endpoint Endpoint = Core::Sized<dp_endpoint>();
		CopyText(Endpoint.address, Settings->Address);
		Endpoint.use_tls = Settings->bUseTls ? 1 : 0;
		CopyText(Endpoint.ca_file, Settings->CertificateFile);
		CopyText(Endpoint.server_name, Settings->ServerName);
		if (!Settings->TokenFile.IsEmpty())
		{
			FString Token;
			if (FFileHelper::LoadFileToString(Token, *Settings->TokenFile))
			{
				CopyText(Endpoint.token, Token.TrimStartAndEnd());
			}
			else
			{
				UE_LOG(LogDreamport, Error, TEXT("The token file %s cannot be read. Set another one in Project Settings > Plugins > Dreamport."), *Settings->TokenFile);
			}
		}
		return Endpoint;
	}

	dp_engine_pose EnginePose(const FTransform& Transform)
	{
		const FVector Location = Transform.GetLocation();
		const FQuat Rotation = Transform.GetRotation();
		return dp_engine_pose{{Location.X, Location.Y, Location.Z}, {Rotation.X, Rotation.Y, Rotation.Z, Rotation.W}};
	}

	FTransform TransformFrom(const dp_engine_pose& Pose)
	{
		return FTransform(FQuat(Pose.rotation[0], Pose.rotation[1], Pose.rotation[2], Pose.rotation[3]), FVector(Pose.position[0], Pose.position[1], Pose.position[2]));
	}

	EDreamportState StateFrom(int32 State)
	{
		switch (State)
		{
		case DP_STATE_CONNECTING: return EDreamportState::Connecting;
		case DP_STATE_OPENING: return EDreamportState::Opening;
		case DP_STATE_READY: return EDreamportState::Ready;
		case DP_STATE_WAITING: return EDreamportState::Waiting;
		case DP_STATE_FAILED: return EDreamportState::Failed;
		default: return EDreamportState::Closed;
		}
	}

	FDreamportWorldInfo WorldInfoFrom(const dp_world& World)
	{
		FDreamportWorldInfo Info;
		Info.Name = UTF8_TO_TCHAR(World.name);
		Info.Title = UTF8_TO_TCHAR(World.title);
		Info.Description = UTF8_TO_TCHAR(World.description);
		Info.Licence = UTF8_TO_TCHAR(World.licence);
		Info.Width = static_cast<int32>(World.width);
		Info.Height = static_cast<int32>(World.height);
		Info.FrameRate = World.frame_rate;
		Info.FieldOfView = World.intrinsics.fx > 0.0 ? FMath::RadiansToDegrees(2.0 * FMath::Atan(0.5 * World.width / World.intrinsics.fx)) : 0.0;
		Info.bTakesCamera = World.takes_pose != 0;
		Info.bTakesPrompts = World.takes_prompts != 0;
		for (uint32 Index = 0; Index < World.button_count && Index < DP_MAX_BUTTONS; ++Index)
		{
			FDreamportButton Button;
			Button.Name = FName(UTF8_TO_TCHAR(World.buttons[Index].name));
			Button.Label = UTF8_TO_TCHAR(World.buttons[Index].label);
			for (const char(&Code)[24] : World.buttons[Index].keys)
			{
				if (const char* Key = Core::KeyName(Code))
				{
					Button.Keys.Add(FName(UTF8_TO_TCHAR(Key)));
				}
			}
			Info.Buttons.Add(MoveTemp(Button));
		}
		for (uint32 Index = 0; Index < World.start_count && Index < DP_MAX_STARTS; ++Index)
		{
			Info.Starts.Add(UTF8_TO_TCHAR(World.starts[Index].name));
		}
		for (uint32 Index = 0; Index < World.event_count && Index < DP_MAX_EVENTS; ++Index)
		{
			Info.Events.Add(UTF8_TO_TCHAR(World.events[Index]));
		}
		return Info;
	}

	FDreamportStatistics StatisticsFrom(const dp_statistics& Statistics, const dp_frame_format* Format)
	{
		FDreamportStatistics Out;
		Out.FramesReceived = static_cast<int64>(Statistics.frames_received);
		Out.FramesShown = static_cast<int64>(Statistics.frames_acquired);
		Out.FramesReplaced = static_cast<int64>(Statistics.frames_replaced);
		Out.Fps = Statistics.fps;
		Out.JitterMs = Statistics.jitter_ms;
		Out.ControlToFrameMs = Statistics.control_to_frame_ms_p50;
		Out.ControlToFrameMs95 = Statistics.control_to_frame_ms_p95;
		Out.GenerationMs = Statistics.generation_ms_p50;
		Out.RoundTripMs = Statistics.round_trip_ms;
		if (Format != nullptr)
		{
			Out.Executor = FString::Printf(TEXT("%s on %s, %s"), UTF8_TO_TCHAR(Format->executor.name), UTF8_TO_TCHAR(Format->executor.device), UTF8_TO_TCHAR(Format->executor.precision));
			Out.FallbackReason = UTF8_TO_TCHAR(Format->executor.fallback_reason);
		}
		return Out;
	}

	FString PluginVersion()
	{
		const TSharedPtr<IPlugin> Plugin = IPluginManager::Get().FindPlugin(TEXT("Dreamport"));
		return Plugin.IsValid() ? Plugin->GetDescriptor().VersionName : FString(TEXT("unknown"));
	}

	FString DiagnosticsText(TFunctionRef<void(Core::DiagnosticsInput&)> Fill)
	{
		const FTCHARToUTF8 Engine(*FEngineVersion::Current().ToString());
		const FTCHARToUTF8 Plugin(*PluginVersion());
		const FTCHARToUTF8 Platform(*UGameplayStatics::GetPlatformName());
		const FTCHARToUTF8 RenderInterface(GDynamicRHI != nullptr ? GDynamicRHI->GetName() : TEXT("no RHI"));
		Core::DiagnosticsInput Input;
		Input.EngineVersion = Engine.Get();
		Input.PluginVersion = Plugin.Get();
		Input.Platform = Platform.Get();
		Input.RenderInterface = RenderInterface.Get();
		Fill(Input);
		return UTF8_TO_TCHAR(Core::Diagnostics(Input).c_str());
	}
}
