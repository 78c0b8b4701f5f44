#include "DreamportRecorderComponent.h"

#include "Backend/DreamportBackend.h"
#include "Camera/PlayerCameraManager.h"
#include "Components/SceneCaptureComponent2D.h"
#include "Core/Geometry.h"
#include "DreamportModule.h"
#include "DreamportNative.h"
#include "DreamportPathProbe.h"
#include "DreamportReadback.h"
#include "DreamportSubsystem.h"
#include "DreamportWorldComponent.h"
#include "Engine/TextureRenderTarget2D.h"
#include "Engine/World.h"
#include "GameFramework/Actor.h"
#include "GameFramework/PlayerController.h"
#include "Misc/App.h"
#include "Misc/EngineVersion.h"

using Dreamport::Core::CapturedInput;
using Dreamport::Core::CaptureSlot;

struct UDreamportRecorderComponent::FState
{
	enum class EPhase : uint8
	{
		Idle,
		Recording,
		/** No more frames are taken; some are on their way from the GPU. */
		Emptying,
		/** The episode's end was sent; its answer has not come. */
		Finishing,
	};

	EPhase Phase = EPhase::Idle;
	std::shared_ptr<Dreamport::Core::Recorder> Recorder;
	TSharedPtr<FDreamportReadback, ESPMode::ThreadSafe> Readback;
	CapturedInput Input;
	uint32 Held = 0;
	dp_connection_status Status{};
	dp_intrinsics Intrinsics{};
	/** Seconds since the last frame was due. */
	double Elapsed = 0.0;
	TArray<dp_pose> Path;
	int32 PathFrame = 0;
	double LastYaw = 0.0;
	double LastPitch = 0.0;
	bool bFirst = true;
	/** The backend has been ready once: an episode begins whole, not with what fitted into the queue while it started. */
	bool bReady = false;
	EDreamportState LastState = EDreamportState::Closed;
	FString Problem;
};

UDreamportRecorderComponent::UDreamportRecorderComponent(const FObjectInitializer& ObjectInitializer)
	: Super(ObjectInitializer)
	, State(MakePimpl<FState>())
{
	PrimaryComponentTick.bCanEverTick = true;
	PrimaryComponentTick.TickGroup = TG_PostUpdateWork;
	const auto AddButton = [this](const TCHAR* Name, const FKey& Key)
	{
		FDreamportRecordedButton Button;
		Button.Name = FName(Name);
		Button.Key = Key;
		Buttons.Add(Button);
	};
	AddButton(TEXT("forward"), EKeys::W);
	AddButton(TEXT("backward"), EKeys::S);
	AddButton(TEXT("left"), EKeys::A);
	AddButton(TEXT("right"), EKeys::D);
}

UDreamportRecorderComponent::~UDreamportRecorderComponent() = default;

void UDreamportRecorderComponent::BeginPlay()
{
	Super::BeginPlay();
	if (bAutoRecord)
	{
		StartRecording();
	}
}

void UDreamportRecorderComponent::EndPlay(const EEndPlayReason::Type EndPlayReason)
{
	Close();
	Super::EndPlay(EndPlayReason);
}

void UDreamportRecorderComponent::StartRecording()
{
	UDreamportSubsystem* Subsystem = UDreamportSubsystem::Get(this);
	if (State->Phase != FState::EPhase::Idle || Subsystem == nullptr)
	{
		return;
	}
	State->Problem.Reset();
	if (!FDreamportModule::Get().IsNativeReady())
	{
		State->Problem = FDreamportModule::Get().Why();
	}
	else if (Width % 2 != 0 || Height % 2 != 0)
	{
		State->Problem = FString::Printf(TEXT("The recorder's size %d x %d must be even."), Width, Height);
	}
	else if (Buttons.Num() > DP_MAX_BUTTONS)
	{
		State->Problem = TEXT("The recorder takes 32 buttons at most.");
	}
	else if (!MakeCameras())
	{
		State->Problem = TEXT("The recorder's cameras could not be made: it needs an actor in a world.");
	}
	else if (Camera == EDreamportRecordedCamera::Path && !MakePath())
	{
		State->Problem = TEXT("No path begins where the recorder stands: move its actor to a free place above a floor.");
	}
	if (State->Problem.IsEmpty())
	{
		FDreamportBackend::Get().Ensure();
		dp_recorder_options Options = Dreamport::Core::Sized<dp_recorder_options>();
		Options.width = static_cast<uint32>(Width);
		Options.height = static_cast<uint32>(Height);
		Options.colour_format = bRawColour ? DP_COLOUR_RAW_RGBA : DP_COLOUR_JPEG;
		Options.depth_format = bDepth ? DP_DEPTH_INVERSE_UINT16 : DP_DEPTH_NONE;
		Options.depth_near_m = bDepth ? DepthNear : 0.0;
		Options.frame_rate = FrameRate;
		dp_intrinsics_from_fov(Dreamport::Core::VerticalFov(FieldOfView, Width, Height), Options.width, Options.height, &State->Intrinsics);
		Options.intrinsics = State->Intrinsics;
		Options.queue_frames = 16;
		Options.button_count = static_cast<uint32>(Buttons.Num());
		for (int32 Index = 0; Index < Buttons.Num(); ++Index)
		{
			Dreamport::CopyText(Options.buttons[Index], Buttons[Index].Name.ToString());
		}
		Options.endpoint = Dreamport::EndpointFromSettings();
		Dreamport::CopyText(Options.dataset, Dataset);
		Dreamport::CopyText(Options.licence, Licence);
		Dreamport::CopyText(Options.engine_name, TEXT("Unreal Engine"));
		Dreamport::CopyText(Options.engine_version, FEngineVersion::Current().ToString());
		Dreamport::CopyText(Options.project, FApp::GetProjectName());
		Dreamport::CopyText(Options.plugin_version, Dreamport::PluginVersion());
		int32_t Status = DP_OK;
		State->Recorder = Dreamport::Core::Recorder::Create(Options, Status);
		if (State->Recorder)
		{
			Status = BeginEpisode();
		}
		if (Status != DP_OK)
		{
			State->Recorder.reset();
			State->Problem = UTF8_TO_TCHAR(dp_status_text(Status));
		}
	}
	if (!State->Problem.IsEmpty())
	{
		UE_LOG(LogDreamport, Error, TEXT("%s"), *State->Problem);
		State->LastState = EDreamportState::Failed;
		OnStateChanged.Broadcast(EDreamportState::Failed, State->Problem);
		return;
	}
	State->Readback = MakeShared<FDreamportReadback, ESPMode::ThreadSafe>(State->Recorder, Width, Height, DepthNear);
	State->Input = CapturedInput();
	State->Held = 0;
	State->Elapsed = 0.0;
	State->PathFrame = 0;
	State->bFirst = true;
	State->bReady = false;
	State->Phase = FState::EPhase::Recording;
	Subsystem->Add(this);
}

int32 UDreamportRecorderComponent::BeginEpisode()
{
	dp_episode_options Episode = Dreamport::Core::Sized<dp_episode_options>();
	Episode.seed = static_cast<uint64>(Camera == EDreamportRecordedCamera::Path ? Path.Seed : Seed);
	Dreamport::Core::CopyText(Episode.split, bHeldOut ? "heldout" : "train");
	Dreamport::CopyText(Episode.map_name, GetWorld()->GetMapName());
	Dreamport::Core::CopyText(Episode.source, Camera == EDreamportRecordedCamera::Path ? "path sampler" : "player");
	return dp_recorder_begin(State->Recorder->Handle(), &Episode);
}

bool UDreamportRecorderComponent::IsEpisodeOpen()
{
	dp_recorder_stats Statistics{};
	dp_recorder_statistics(State->Recorder->Handle(), &Statistics);
	if (Statistics.episode_open != 0)
	{
		return true;
	}
	State->bFirst = true;
	if (State->Status.state == DP_STATE_READY && BeginEpisode() == DP_OK)
	{
		UE_LOG(LogDreamport, Warning, TEXT("The connection to the backend broke. What was acknowledged is an episode; another one begins."));
	}
	return false;
}

void UDreamportRecorderComponent::StopRecording()
{
	if (State->Phase == FState::EPhase::Recording)
	{
		State->Phase = FState::EPhase::Emptying;
	}
}

void UDreamportRecorderComponent::Finish()
{
	dp_recorder_finish(State->Recorder->Handle(), 0);
	State->Phase = FState::EPhase::Finishing;
}

void UDreamportRecorderComponent::Close()
{
	if (State->Phase == FState::EPhase::Idle)
	{
		return;
	}
	if (State->Phase != FState::EPhase::Finishing)
	{
		State->Readback->Drain();
		Finish();
	}
	State->Phase = FState::EPhase::Idle;
	// The library sends what waits and ends the episode in the background.
	State->Readback.Reset();
	State->Recorder.reset();
	for (USceneCaptureComponent2D* Made : {ColourCamera.Get(), DepthCamera.Get()})
	{
		if (Made != nullptr)
		{
			Made->DestroyComponent();
		}
	}
	ColourCamera = nullptr;
	DepthCamera = nullptr;
	ColourTarget = nullptr;
	DepthTarget = nullptr;
	if (UDreamportSubsystem* Subsystem = UDreamportSubsystem::Get(this))
	{
		Subsystem->Remove(this);
	}
	State->LastState = EDreamportState::Closed;
	OnStateChanged.Broadcast(EDreamportState::Closed, FString());
}

bool UDreamportRecorderComponent::MakeCameras()
{
	AActor* Owner = GetOwner();
	if (Owner == nullptr || GetWorld() == nullptr)
	{
		return false;
	}
	const auto MakeTarget = [this](ETextureRenderTargetFormat Format)
	{
		UTextureRenderTarget2D* Target = NewObject<UTextureRenderTarget2D>(this);
		Target->RenderTargetFormat = Format;
		Target->ClearColor = FLinearColor::Black;
		Target->bAutoGenerateMips = false;
		Target->InitAutoFormat(static_cast<uint32>(Width), static_cast<uint32>(Height));
		Target->UpdateResourceImmediate(true);
		return Target;
	};
	const auto MakeCamera = [this, Owner](UTextureRenderTarget2D* Target, ESceneCaptureSource Source)
	{
		USceneCaptureComponent2D* Made = NewObject<USceneCaptureComponent2D>(Owner);
		Made->TextureTarget = Target;
		Made->CaptureSource = Source;
		Made->FOVAngle = FieldOfView;
		Made->bCaptureEveryFrame = false;
		Made->bCaptureOnMovement = false;
		Made->bAlwaysPersistRenderingState = true;
		Made->SetAbsolute(true, true, true);
		Made->RegisterComponent();
		return Made;
	};
	ColourTarget = MakeTarget(RTF_RGBA8_SRGB);
	ColourCamera = MakeCamera(ColourTarget, SCS_FinalColorLDR);
	if (bDepth)
	{
		DepthTarget = MakeTarget(RTF_R32f);
		DepthCamera = MakeCamera(DepthTarget, SCS_SceneDepth);
	}
	return true;
}

FTransform UDreamportRecorderComponent::GetLevelOrigin() const
{
	return Anchor != nullptr ? Anchor->GetAnchor() : FTransform::Identity;
}

bool UDreamportRecorderComponent::MakePath()
{
	FDreamportPathProbe Probe;
	Probe.World = GetWorld();
	Probe.Ignored = GetOwner();
	Probe.Anchor = Dreamport::EnginePose(GetLevelOrigin());
	Probe.bUseNavigation = Path.bUseNavigation;

	const auto ToLevel = [&Probe](const FVector& Scene, double Out[3])
	{
		const double At[3] = {Scene.X, Scene.Y, Scene.Z};
		dp_vector_from_engine(DP_ENGINE_UNREAL, &Probe.Anchor, 1.0, At, 1.0, Out);
	};
	dp_path_options Options = Dreamport::Core::Sized<dp_path_options>();
	Options.kind = static_cast<uint32>(Path.Kind);
	Options.seed = static_cast<uint64>(Path.Seed);
	Options.frames = static_cast<uint32>(Path.Frames);
	Options.frame_rate = FrameRate;
	Options.speed_m_s = Path.Speed;
	Options.turn_deg_s = Path.TurnSpeed;
	Options.radius_m = Path.Radius;
	Options.eye_height_m = Path.EyeHeight;
	Options.look_back_probability = Path.LookBack;
	ToLevel(GetOwner()->GetActorLocation(), Options.start);
	ToLevel(Path.Landmark, Options.landmark);
	for (int32 Axis = 0; Axis < 3; ++Axis)
	{
		Options.minimum[Axis] = Options.start[Axis] - Path.Range;
		Options.maximum[Axis] = Options.start[Axis] + Path.Range;
	}
	State->Path.SetNum(Path.Frames);
	const dp_path_probe Native = Probe.Native();
	return dp_path_sample(&Options, &Native, State->Path.GetData(), nullptr, static_cast<uint32>(Path.Frames)) == DP_OK;
}

void UDreamportRecorderComponent::TickComponent(float DeltaTime, ELevelTick TickType, FActorComponentTickFunction* ThisTickFunction)
{
	Super::TickComponent(DeltaTime, TickType, ThisTickFunction);
	if (State->Phase == FState::EPhase::Idle)
	{
		return;
	}
	PollEvents();
	FTransform View;
	if (State->Phase == FState::EPhase::Recording)
	{
		ReadInput();
		State->bReady = State->bReady || State->Status.state == DP_STATE_READY;
		if (IsEpisodeOpen() && State->bReady && NextCamera(DeltaTime, View))
		{
			Capture(View);
		}
		if (Camera == EDreamportRecordedCamera::Path && State->PathFrame >= State->Path.Num())
		{
			StopRecording();
		}
	}
	if (State->Phase == FState::EPhase::Recording || State->Phase == FState::EPhase::Emptying)
	{
		State->Readback->Pump();
		if (State->Phase == FState::EPhase::Emptying && State->Readback->Ring.OnTheirWay() == 0)
		{
			Finish();
			if (State->Status.state == DP_STATE_FAILED)
			{
				// No answer will come.
				Close();
			}
		}
	}
}

void UDreamportRecorderComponent::PollEvents()
{
	dp_recorder_status(State->Recorder->Handle(), &State->Status);
	dp_event Event;
	while (State->Recorder && dp_recorder_poll_event(State->Recorder->Handle(), &Event) == DP_OK)
	{
		if (Event.kind == DP_EVENT_STATE)
		{
			State->LastState = Dreamport::StateFrom(Event.state);
			OnStateChanged.Broadcast(State->LastState, UTF8_TO_TCHAR(Event.text));
			if (State->Phase == FState::EPhase::Finishing && Event.state == DP_STATE_FAILED)
			{
				Close();
			}
		}
		else if (Event.kind == DP_EVENT_NOTICE)
		{
			UE_LOG(LogDreamport, Warning, TEXT("%s"), UTF8_TO_TCHAR(Event.text));
		}
		else if (Event.kind == DP_EVENT_EPISODE_FINISHED)
		{
			OnEpisodeFinished.Broadcast(UTF8_TO_TCHAR(Event.text), static_cast<int64>(Event.code));
			if (State->Phase == FState::EPhase::Finishing)
			{
				Close();
			}
		}
	}
}

void UDreamportRecorderComponent::ReadInput()
{
	const APlayerController* Player = GetWorld()->GetFirstPlayerController();
	uint32 Now = State->Held;
	for (int32 Index = 0; Player != nullptr && Index < Buttons.Num(); ++Index)
	{
		const FKey& Key = Buttons[Index].Key;
		// A tap between two ticks is down and up again: WasInputKeyJustPressed tells.
		if (Key.IsValid() && (Player->IsInputKeyDown(Key) || Player->WasInputKeyJustPressed(Key)))
		{
			Now |= 1u << Index;
		}
	}
	State->Input.Hold(Now);
}

bool UDreamportRecorderComponent::NextCamera(float DeltaTime, FTransform& OutCamera)
{
	if (Camera == EDreamportRecordedCamera::Path)
	{
		// The path does not run away from a slow disk: its time is the recorded frames.
		if (State->PathFrame >= State->Path.Num() || State->Readback->Ring.OnTheirWay() >= Dreamport::Core::CaptureRing::Slots)
		{
			return false;
		}
		dp_recorder_stats Statistics{};
		dp_recorder_statistics(State->Recorder->Handle(), &Statistics);
		if (Statistics.pressure > 0.7f)
		{
			return false;
		}
		const dp_engine_pose Origin = Dreamport::EnginePose(GetLevelOrigin());
		dp_engine_pose Engine{};
		dp_pose_to_engine(DP_ENGINE_UNREAL, &Origin, 1.0, &State->Path[State->PathFrame], &Engine);
		OutCamera = Dreamport::TransformFrom(Engine);
		return true;
	}
	const double Interval = 1.0 / FrameRate;
	State->Elapsed += DeltaTime;
	// A game with a fixed time step of this very interval shall not miss one by rounding.
	if (!State->bFirst && State->Elapsed < Interval - 1.0e-4)
	{
		return false;
	}
	// A late frame does not make the next ones come in a burst.
	State->Elapsed = State->bFirst ? 0.0 : FMath::Clamp(State->Elapsed - Interval, 0.0, Interval);
	const APlayerController* Player = GetWorld()->GetFirstPlayerController();
	if (Player == nullptr || Player->PlayerCameraManager == nullptr)
	{
		return false;
	}
	OutCamera = FTransform(Player->PlayerCameraManager->GetCameraRotation().Quaternion(), Player->PlayerCameraManager->GetCameraLocation());
	return true;
}

void UDreamportRecorderComponent::Capture(const FTransform& View)
{
	FDreamportReadback& Readback = *State->Readback;
	CaptureSlot* Slot = Readback.Ring.Open();
	if (Slot == nullptr)
	{
		// Counted; the input stays due for the next frame.
		return;
	}
	const dp_engine_pose Origin = Dreamport::EnginePose(GetLevelOrigin());
	const dp_engine_pose Engine = Dreamport::EnginePose(View);
	dp_pose_from_engine(DP_ENGINE_UNREAL, &Origin, 1.0, &Engine, &Slot->Frame.pose);
	double Yaw = 0.0;
	double Pitch = 0.0;
	Dreamport::Core::LookAngles(Slot->Frame.pose, Yaw, Pitch);
	if (!State->bFirst)
	{
		State->Input.AddLook(static_cast<float>(Dreamport::Core::WrapDegrees(Yaw - State->LastYaw)), static_cast<float>(Pitch - State->LastPitch));
	}
	State->LastYaw = Yaw;
	State->LastPitch = Pitch;
	State->bFirst = false;
	State->Input.Take(Slot->Frame);
	Slot->Frame.client_time_ns = dp_now_ns();

	ColourCamera->SetWorldTransform(View);
	ColourCamera->CaptureScene();
	if (DepthCamera != nullptr)
	{
		DepthCamera->SetWorldTransform(View);
		DepthCamera->CaptureScene();
	}
	Readback.Enqueue(ColourTarget, DepthTarget);
	if (Camera == EDreamportRecordedCamera::Path)
	{
		++State->PathFrame;
	}
}

bool UDreamportRecorderComponent::IsRecording() const
{
	return State->Phase == FState::EPhase::Recording;
}

EDreamportState UDreamportRecorderComponent::GetState() const
{
	return State->Recorder ? Dreamport::StateFrom(State->Status.state) : State->LastState;
}

FString UDreamportRecorderComponent::GetStatusText() const
{
	return State->Recorder ? FString(UTF8_TO_TCHAR(State->Status.message)) : State->Problem;
}

FDreamportRecorderStatistics UDreamportRecorderComponent::GetStatistics() const
{
	FDreamportRecorderStatistics Out;
	if (State->Recorder)
	{
		dp_recorder_stats Statistics{};
		dp_recorder_statistics(State->Recorder->Handle(), &Statistics);
		Out.Submitted = static_cast<int64>(Statistics.submitted);
		Out.OnDisk = static_cast<int64>(Statistics.acknowledged);
		Out.Dropped = static_cast<int64>(State->Readback->Ring.Dropped());
		Out.Lost = static_cast<int64>(Statistics.lost);
		Out.Pressure = Statistics.pressure;
		Out.ToDiskMs = Statistics.acknowledge_ms_p50;
	}
	return Out;
}

void UDreamportRecorderComponent::SetButton(FName Button, bool bHeld)
{
	for (int32 Index = 0; Index < Buttons.Num(); ++Index)
	{
		if (Buttons[Index].Name == Button)
		{
			const uint32 Bit = 1u << Index;
			State->Held = bHeld ? State->Held | Bit : State->Held & ~Bit;
			State->Input.Hold(State->Held);
		}
	}
}

void UDreamportRecorderComponent::AddMarker(const FString& Name, const FString& Text)
{
	if (State->Recorder)
	{
		dp_recorder_marker(State->Recorder->Handle(), TCHAR_TO_UTF8(*Name), TCHAR_TO_UTF8(*Text));
	}
}
