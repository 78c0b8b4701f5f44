#include "DreamportWorldComponent.h"

#include "Backend/DreamportBackend.h"
#include "Camera/PlayerCameraManager.h"
#include "Core/Geometry.h"
#include "Core/Session.h"
#include "DreamportComposite.h"
#include "DreamportFrameUpload.h"
#include "DreamportInput.h"
#include "DreamportModule.h"
#include "DreamportNative.h"
#include "DreamportSubsystem.h"
#include "Engine/Texture2D.h"
#include "Engine/World.h"
#include "GameFramework/PlayerController.h"
#include "SceneViewExtension.h"

using Dreamport::Core::Driver;
using Dreamport::Core::Session;

struct UDreamportWorldComponent::FState
{
	std::unique_ptr<Session> Play;
	TSharedPtr<FDreamportFrameUpload, ESPMode::ThreadSafe> Upload;
	TSharedPtr<FDreamportCompositeExtension, ESPMode::ThreadSafe> Extension;
	/** The frame in the textures; its pixels are gone. */
	dp_frame Shown{};
	bool bShown = false;
	uint32 WorldRevision = 0;
	bool bOwnCamera = false;
	FTransform Camera;
	float FieldOfView = 90.0f;
	EDreamportState LastState = EDreamportState::Closed;
	FString Problem;
	bool bComposited = false;
};

UDreamportWorldComponent::UDreamportWorldComponent(const FObjectInitializer& ObjectInitializer)
	: Super(ObjectInitializer)
	, State(MakePimpl<FState>())
{
	PrimaryComponentTick.bCanEverTick = true;
	// After the player's camera has moved, so that its pose is this frame's.
	PrimaryComponentTick.TickGroup = TG_PostUpdateWork;
}

UDreamportWorldComponent::~UDreamportWorldComponent() = default;

void UDreamportWorldComponent::BeginPlay()
{
	Super::BeginPlay();
	if (bAutoPlay)
	{
		Play();
	}
}

void UDreamportWorldComponent::EndPlay(const EEndPlayReason::Type EndPlayReason)
{
	Stop();
	Super::EndPlay(EndPlayReason);
}

void UDreamportWorldComponent::Play()
{
	UDreamportSubsystem* Subsystem = UDreamportSubsystem::Get(this);
	if (State->Play || Subsystem == nullptr)
	{
		return;
	}
	if (!FDreamportModule::Get().IsNativeReady())
	{
		State->Problem = FDreamportModule::Get().Why();
		State->LastState = EDreamportState::Failed;
		OnStateChanged.Broadcast(EDreamportState::Failed, State->Problem);
		return;
	}
	if (Composite == EDreamportCompositeMode::Depth && !bDepth)
	{
		UE_LOG(LogDreamport, Warning, TEXT("%s composes by depth but asks for none: switch Depth on, or nothing will be drawn."), *GetName());
	}
	FDreamportBackend::Get().Ensure();

	dp_client_options Options = Dreamport::Core::Sized<dp_client_options>();
	Options.endpoint = Dreamport::EndpointFromSettings();
	Options.transport = Transport == EDreamportTransport::Inline ? DP_TRANSPORT_INLINE
		: Transport == EDreamportTransport::SharedMemory		 ? DP_TRANSPORT_SHARED_MEMORY
																 : DP_TRANSPORT_AUTO;
	Dreamport::CopyText(Options.world, WorldName);
	Dreamport::CopyText(Options.start, Start);
	Options.seed = static_cast<uint64>(Seed);
	Options.has_seed = bUseSeed ? 1 : 0;
	Options.depth_format = bDepth ? DP_DEPTH_INVERSE_UINT16 : DP_DEPTH_NONE;
	Options.reconnect = 1;
	int32_t Status = DP_OK;
	State->Play = Session::Open(Options, Status);
	if (!State->Play)
	{
		State->Problem = UTF8_TO_TCHAR(dp_status_text(Status));
		State->LastState = EDreamportState::Failed;
		OnStateChanged.Broadcast(EDreamportState::Failed, State->Problem);
		return;
	}
	State->Problem.Reset();
	State->WorldRevision = 0;
	State->bShown = false;
	State->Upload = MakeShared<FDreamportFrameUpload, ESPMode::ThreadSafe>(State->Play->SharedClient());
	State->Extension = FSceneViewExtensions::NewExtension<FDreamportCompositeExtension>(GetWorld());
	Subsystem->Add(this);
}

void UDreamportWorldComponent::Stop()
{
	if (!State->Play)
	{
		return;
	}
	if (Keys != nullptr)
	{
		Keys->Unbind();
		Keys = nullptr;
	}
	State->Extension->SetFrame(FDreamportCompositeFrame(), nullptr, nullptr);
	State->Extension.Reset();
	// Frames on their way to the render thread keep the client alive until they are there.
	State->Upload.Reset();
	State->Play.reset();
	State->bShown = false;
	if (UDreamportSubsystem* Subsystem = UDreamportSubsystem::Get(this))
	{
		Subsystem->Remove(this);
	}
	State->LastState = EDreamportState::Closed;
	OnStateChanged.Broadcast(EDreamportState::Closed, FString());
}

void UDreamportWorldComponent::TickComponent(float DeltaTime, ELevelTick TickType, FActorComponentTickFunction* ThisTickFunction)
{
	Super::TickComponent(DeltaTime, TickType, ThisTickFunction);
	if (!State->Play)
	{
		return;
	}
	State->Play->Poll();
	if (State->Play->WorldRevision() != State->WorldRevision)
	{
		State->WorldRevision = State->Play->WorldRevision();
		WorldOpened();
	}
	PollEvents();
	// A listener may have called Stop.
	if (State->Play)
	{
		SendControl();
		ShowFrame();
	}
	// So may one of the frame.
	if (State->Play)
	{
		UpdateComposite();
	}
}

void UDreamportWorldComponent::WorldOpened()
{
	const FDreamportWorldInfo Info = GetWorldInfo();
	if (bBindKeys && InputMode != EDreamportInputMode::Camera)
	{
		if (Keys == nullptr)
		{
			Keys = NewObject<UDreamportInput>(this);
		}
		if (!Keys->Bind(this, Info, GetWorld()->GetFirstPlayerController()))
		{
			UE_LOG(LogDreamport, Warning, TEXT("Keys are not bound: the first player has no Enhanced Input component. Use SetButton and AddLook, or set Default Input Component Class to EnhancedInputComponent in Project Settings > Input."));
		}
	}
	OnWorldReady.Broadcast(Info);
}

void UDreamportWorldComponent::PollEvents()
{
	dp_event Event;
	while (State->Play && State->Play->NextEvent(Event))
	{
		switch (Event.kind)
		{
		case DP_EVENT_STATE:
			State->LastState = Dreamport::StateFrom(Event.state);
			if (Event.problem != DP_PROBLEM_NONE)
			{
				UE_LOG(LogDreamport, Warning, TEXT("%s"), UTF8_TO_TCHAR(Event.text));
			}
			if (Event.problem == DP_PROBLEM_CONNECTION_LOST)
			{
				// It worked and broke: perhaps the backend is gone. The session resumes when one is there again.
				FDreamportBackend::Get().Ensure();
			}
			OnStateChanged.Broadcast(State->LastState, UTF8_TO_TCHAR(Event.text));
			break;
		case DP_EVENT_NOTICE:
			UE_LOG(LogDreamport, Log, TEXT("%s"), UTF8_TO_TCHAR(Event.text));
			OnNotice.Broadcast(UTF8_TO_TCHAR(Event.text));
			break;
		case DP_EVENT_SAVED:
			OnSaved.Broadcast(UTF8_TO_TCHAR(Event.text), static_cast<int64>(Event.number));
			break;
		default:
			break;
		}
	}
}

void UDreamportWorldComponent::SendControl()
{
	Session& Play = *State->Play;
	const dp_frame_format* Format = Play.Format();
	if (Format == nullptr)
	{
		return;
	}
	dp_pose Pose{};
	dp_intrinsics Intrinsics{};
	bool bCamera = false;
	if (InputMode != EDreamportInputMode::Player)
	{
		FTransform Camera = State->Camera;
		float FieldOfView = State->FieldOfView;
		bCamera = State->bOwnCamera;
		if (!bCamera)
		{
			const APlayerController* Player = GetWorld()->GetFirstPlayerController();
			if (Player != nullptr && Player->PlayerCameraManager != nullptr)
			{
				Camera = FTransform(Player->PlayerCameraManager->GetCameraRotation().Quaternion(), Player->PlayerCameraManager->GetCameraLocation());
				FieldOfView = Player->PlayerCameraManager->GetFOVAngle();
				bCamera = true;
			}
		}
		if (bCamera)
		{
			const dp_engine_pose Anchor = Dreamport::EnginePose(GetAnchor());
			const dp_engine_pose Engine = Dreamport::EnginePose(Camera);
			bCamera = dp_pose_from_engine(DP_ENGINE_UNREAL, &Anchor, LevelScale, &Engine, &Pose) == DP_OK;
			dp_intrinsics_from_fov(Dreamport::Core::VerticalFov(FieldOfView, Format->width, Format->height), Format->width, Format->height, &Intrinsics);
		}
	}
	const Driver Drive = InputMode == EDreamportInputMode::Player ? Driver::Player : InputMode == EDreamportInputMode::Camera ? Driver::Camera : Driver::Both;
	Play.SendControl(Drive, bCamera ? &Pose : nullptr, bCamera && bSendFieldOfView ? &Intrinsics : nullptr, dp_now_ns());
}

bool UDreamportWorldComponent::MakeTextures(int32 Width, int32 Height, bool bWithDepth)
{
	if (ColourTexture == nullptr || ColourTexture->GetSizeX() != Width || ColourTexture->GetSizeY() != Height)
	{
		ColourTexture = UTexture2D::CreateTransient(Width, Height, PF_R8G8B8A8);
		ColourTexture->SRGB = true;
		ColourTexture->AddressX = TA_Clamp;
		ColourTexture->AddressY = TA_Clamp;
		ColourTexture->NeverStream = true;
		ColourTexture->UpdateResource();
		DepthTexture = nullptr;
	}
	if (bWithDepth && DepthTexture == nullptr)
	{
		DepthTexture = UTexture2D::CreateTransient(Width, Height, PF_G16);
		DepthTexture->SRGB = false;
		DepthTexture->Filter = TF_Nearest;
		DepthTexture->AddressX = TA_Clamp;
		DepthTexture->AddressY = TA_Clamp;
		DepthTexture->NeverStream = true;
		DepthTexture->UpdateResource();
	}
	return ColourTexture->GetResource() != nullptr;
}

void UDreamportWorldComponent::ShowFrame()
{
	Session& Play = *State->Play;
	const dp_frame_format* Format = Play.Format();
	if (Format == nullptr || !MakeTextures(static_cast<int32>(Format->width), static_cast<int32>(Format->height), Format->depth_stride != 0))
	{
		return;
	}
	UTexture2D* Depth = Format->depth_stride != 0 ? DepthTexture.Get() : nullptr;
	dp_frame Frame;
	if (Play.AcquireFrame(Frame, FDreamportFrameUpload::ReadersOf(Depth)) != DP_OK)
	{
		return;
	}
	State->Upload->Upload(Frame, ColourTexture, Depth);
	State->Shown = Frame;
	State->Shown.colour = nullptr;
	State->Shown.depth = nullptr;
	State->bShown = true;
	if (OnFrame.IsBound())
	{
		OnFrame.Broadcast(GetFrameInfo());
	}
}

void UDreamportWorldComponent::UpdateComposite()
{
	FDreamportCompositeFrame Frame;
	const bool bNow = State->bShown && Composite != EDreamportCompositeMode::Off;
	if (!bNow && !State->bComposited)
	{
		return;
	}
	State->bComposited = bNow;
	if (bNow)
	{
		const dp_frame& Shown = State->Shown;
		Frame.Pass = Composite == EDreamportCompositeMode::FullScreen ? EDreamportCompositePass::FullScreen : EDreamportCompositePass::Depth;
		Frame.Anchor = GetAnchor();
		Frame.Scale = LevelScale;
		Frame.Position = FVector3f(static_cast<float>(Shown.pose.position[0]), static_cast<float>(Shown.pose.position[1]), static_cast<float>(Shown.pose.position[2]));
		Frame.Orientation = FVector4f(static_cast<float>(Shown.pose.orientation[0]), static_cast<float>(Shown.pose.orientation[1]), static_cast<float>(Shown.pose.orientation[2]), static_cast<float>(Shown.pose.orientation[3]));
		Frame.Intrinsics = FVector4f(static_cast<float>(Shown.intrinsics.fx), static_cast<float>(Shown.intrinsics.fy), static_cast<float>(Shown.intrinsics.cx), static_cast<float>(Shown.intrinsics.cy));
		Frame.Size = FVector2f(static_cast<float>(Shown.width), static_cast<float>(Shown.height));
		Frame.DepthNear = static_cast<float>(Shown.depth_near_m);
		Frame.Opacity = Opacity;
		Frame.EdgeWidth = EdgeWidth;
	}
	State->Extension->SetFrame(Frame, bNow ? ColourTexture.Get() : nullptr, bNow ? DepthTexture.Get() : nullptr);
}

bool UDreamportWorldComponent::IsPlaying() const
{
	return State->Play != nullptr;
}

EDreamportState UDreamportWorldComponent::GetState() const
{
	return State->Play ? Dreamport::StateFrom(State->Play->Status().state) : State->LastState;
}

FString UDreamportWorldComponent::GetStatusText() const
{
	return State->Play ? FString(UTF8_TO_TCHAR(State->Play->Status().message)) : State->Problem;
}

FDreamportWorldInfo UDreamportWorldComponent::GetWorldInfo() const
{
	const dp_world* World = State->Play ? State->Play->World() : nullptr;
	return World != nullptr ? Dreamport::WorldInfoFrom(*World) : FDreamportWorldInfo();
}

FDreamportStatistics UDreamportWorldComponent::GetStatistics() const
{
	if (!State->Play)
	{
		return FDreamportStatistics();
	}
	dp_statistics Statistics{};
	State->Play->Statistics(Statistics);
	return Dreamport::StatisticsFrom(Statistics, State->Play->Format());
}

FDreamportFrameInfo UDreamportWorldComponent::GetFrameInfo() const
{
	FDreamportFrameInfo Info;
	if (State->bShown)
	{
		const dp_frame& Shown = State->Shown;
		const dp_engine_pose Anchor = Dreamport::EnginePose(GetAnchor());
		dp_engine_pose Camera{};
		dp_pose_to_engine(DP_ENGINE_UNREAL, &Anchor, LevelScale, &Shown.pose, &Camera);
		Info.Id = static_cast<int64>(Shown.id);
		Info.Index = static_cast<int64>(Shown.index);
		Info.Camera = Dreamport::TransformFrom(Camera);
		Info.FieldOfView = FMath::RadiansToDegrees(2.0 * FMath::Atan(0.5 * Shown.width / Shown.intrinsics.fx));
		Info.Width = static_cast<int32>(Shown.width);
		Info.Height = static_cast<int32>(Shown.height);
		Info.DepthNear = Shown.depth_near_m;
		Info.GenerationMs = Shown.generation_ms;
	}
	return Info;
}

FString UDreamportWorldComponent::GetDiagnostics() const
{
	if (!FDreamportModule::Get().IsNativeReady())
	{
		return FDreamportModule::Get().Why();
	}
	dp_statistics Statistics{};
	if (State->Play)
	{
		State->Play->Statistics(Statistics);
	}
	return Dreamport::DiagnosticsText(
		[this, &Statistics](Dreamport::Core::DiagnosticsInput& Input)
		{
			Input.Backend = &FDreamportBackend::Get().GetPlan();
			if (State->Play)
			{
				Input.Connection = &State->Play->Status();
				Input.World = State->Play->World();
				Input.Format = State->Play->Format();
				Input.Statistics = &Statistics;
			}
		});
}

void UDreamportWorldComponent::SetButton(FName Button, bool bHeld)
{
	if (State->Play && State->Play->World() != nullptr)
	{
		State->Play->Input.SetButton(Dreamport::Core::FindButton(*State->Play->World(), TCHAR_TO_UTF8(*Button.ToString())), bHeld);
	}
}

void UDreamportWorldComponent::PressButton(FName Button)
{
	if (State->Play && State->Play->World() != nullptr)
	{
		State->Play->Input.Press(Dreamport::Core::FindButton(*State->Play->World(), TCHAR_TO_UTF8(*Button.ToString())));
	}
}

void UDreamportWorldComponent::AddLook(float YawDegrees, float PitchDegrees)
{
	if (State->Play)
	{
		State->Play->Input.AddLook(YawDegrees, PitchDegrees);
	}
}

void UDreamportWorldComponent::SetCamera(const FTransform& Camera, float HorizontalFieldOfView)
{
	State->bOwnCamera = true;
	State->Camera = Camera;
	State->FieldOfView = HorizontalFieldOfView;
}

void UDreamportWorldComponent::ClearCamera()
{
	State->bOwnCamera = false;
}

void UDreamportWorldComponent::Reset(const FString& NewStart)
{
	if (State->Play)
	{
		State->Play->Input.Clear();
		dp_client_reset(State->Play->Handle(), nullptr, TCHAR_TO_UTF8(*NewStart));
	}
}

void UDreamportWorldComponent::SetPaused(bool bPaused)
{
	if (State->Play)
	{
		dp_client_pause(State->Play->Handle(), bPaused ? 1 : 0);
	}
}

void UDreamportWorldComponent::Save()
{
	if (State->Play)
	{
		dp_client_save(State->Play->Handle());
	}
}

void UDreamportWorldComponent::Load(const FString& Handle)
{
	if (State->Play)
	{
		dp_client_load(State->Play->Handle(), TCHAR_TO_UTF8(*Handle));
	}
}

void UDreamportWorldComponent::Prompt(const FString& Text)
{
	if (State->Play)
	{
		dp_client_prompt(State->Play->Handle(), TCHAR_TO_UTF8(*Text));
	}
}

void UDreamportWorldComponent::Event(const FString& Name)
{
	if (State->Play)
	{
		dp_client_event(State->Play->Handle(), TCHAR_TO_UTF8(*Name));
	}
}

FTransform UDreamportWorldComponent::GetAnchor() const
{
	return FTransform(GetComponentQuat(), GetComponentLocation());
}

FVector UDreamportWorldComponent::LevelToScene(const FVector& Point) const
{
	const dp_engine_pose Anchor = Dreamport::EnginePose(GetAnchor());
	const double Level[3] = {Point.X, Point.Y, Point.Z};
	double Scene[3] = {0.0, 0.0, 0.0};
	dp_vector_to_engine(DP_ENGINE_UNREAL, &Anchor, LevelScale, Level, 1.0, Scene);
	return FVector(Scene[0], Scene[1], Scene[2]);
}

FVector UDreamportWorldComponent::SceneToLevel(const FVector& Point) const
{
	const dp_engine_pose Anchor = Dreamport::EnginePose(GetAnchor());
	const double Scene[3] = {Point.X, Point.Y, Point.Z};
	double Level[3] = {0.0, 0.0, 0.0};
	dp_vector_from_engine(DP_ENGINE_UNREAL, &Anchor, LevelScale, Scene, 1.0, Level);
	return FVector(Level[0], Level[1], Level[2]);
}

bool UDreamportWorldComponent::GetPortalRows(FLinearColor& OutU, FLinearColor& OutV, FLinearColor& OutW) const
{
	if (!State->bShown)
	{
		return false;
	}
	float U[4];
	float V[4];
	float W[4];
	Dreamport::Core::PortalRows(Dreamport::EnginePose(GetAnchor()), State->Shown, U, V, W);
	OutU = FLinearColor(U[0], U[1], U[2], U[3]);
	OutV = FLinearColor(V[0], V[1], V[2], V[3]);
	OutW = FLinearColor(W[0], W[1], W[2], W[3]);
	return true;
}
