// Playing against a real backend.

#include <cinttypes>

#include "Backend/DreamportBackend.h"
#include "Core/Input.h"
#include "DreamportScreenComponent.h"
#include "DreamportWorldComponent.h"
#include "Samples/DreamportDepthSample.h"
#include "Samples/DreamportPortalSample.h"
#include "Samples/DreamportRecorderSample.h"
#include "scenarios.h"

namespace
{
	void UseAddress(const std::string& Address)
	{
		UDreamportSettings* Settings = GetMutableDefault<UDreamportSettings>();
		Settings->Address = FString::Make(Stub::Widen(Address.c_str()));
		Settings->bStartBackend = false;
	}

	/** Bytes of a texture on the "GPU". */
	std::vector<uint8> Texels(const UTexture* Texture)
	{
		FlushRenderingCommands();
		return Texture->GetResource()->TextureRHI.Value->Bytes;
	}

	class AStubActor : public AActor
	{
	public:
		AStubActor() : AActor(FObjectInitializer::Get()) {}
		template <typename T> T* Add()
		{
			T* Made = CreateDefaultSubobject<T>(FName(u"Component"));
			return Made;
		}
	};

	/** How far a picture is from the stub world's stripes, mean of all values: blue is the phase, red and green follow from it. */
	double FarFromStripes(const std::vector<uint8>& Colour, int32 Width, int32 Height, int& OutPhase)
	{
		long Blue = 0;
		for (std::size_t At = 2; At < Colour.size(); At += 4)
		{
			Blue += Colour[At];
		}
		OutPhase = static_cast<int>(std::lround(static_cast<double>(Blue) / (Width * Height)));
		double Far = 0.0;
		for (int32 Y = 0; Y < Height; ++Y)
		{
			for (int32 X = 0; X < Width; ++X)
			{
				const uint8* At = &Colour[static_cast<std::size_t>(Y * Width + X) * 4];
				const int Expected[4] = {(X * 4 + OutPhase) % 256, (Y * 5 + OutPhase) % 256, OutPhase, 255};
				for (int Channel = 0; Channel < 4; ++Channel)
				{
					Far += std::abs(At[Channel] - Expected[Channel]);
				}
			}
		}
		return Far / (4.0 * Width * Height);
	}
}

void Scenario::Play(const Words& Arguments)
{
	UseAddress(Arguments.at(0));
	const int Wanted = std::stoi(Arguments.at(1));
	FStubGame Game;
	AStubActor* Actor = Game.World->SpawnActor<AStubActor>();
	UDreamportWorldComponent* World = Actor->Add<UDreamportWorldComponent>();
	World->bUseSeed = true;
	World->Seed = 5;
	World->Composite = EDreamportCompositeMode::Depth;
	World->Transport = Arguments.size() > 2 && Arguments[2] == "inline" ? EDreamportTransport::Inline : EDreamportTransport::Auto;
	Game.Begin(Actor);
	Expect(Game.TickUntil([World] { return World->GetState() == EDreamportState::Ready; }, 20.0), "the world opens");
	Expect(Game.TickUntil([World] { return World->GetFrameInfo().Width > 0; }, 10.0), "a frame comes");
	const FDreamportWorldInfo Info = World->GetWorldInfo();
	std::printf("{\"world\": \"%s\", \"buttons\": %d, \"tick_bound\": %d}\n", Stub::Narrow(*Info.Name).c_str(), Info.Buttons.Num(), static_cast<int>(Cast<UEnhancedInputComponent>(Game.Player->InputComponent)->Bound.size()));

	// Keys as the engine delivers them: the world's first button by its key.
	auto* Input = Cast<UEnhancedInputComponent>(Game.Player->InputComponent);
	const UInputMappingContext* Context = Game.Player->StubLocal->Input->Contexts.at(0);
	const UInputAction* Forward = Context->Mappings.at(0).Action;
	const UInputAction* Look = Context->Mappings.back().Action;

	int Shown = 0;
	int64 LastId = -1;
	int64 LastTap = 0;
	int Taps = 0;
	double Turned = 0.0;
	long Allocations = 0;
	const auto Start = std::chrono::steady_clock::now();
	while (Shown < Wanted && std::chrono::steady_clock::now() - Start < std::chrono::seconds(60))
	{
		// What happens between two frames of the game.
		const FDreamportFrameInfo Now = World->GetFrameInfo();
		if (Shown == 40)
		{
			Input->StubFire(Forward, ETriggerEvent::Started);
		}
		if (Shown == 80)
		{
			Input->StubFire(Forward, ETriggerEvent::Completed);
		}
		if (Now.Index >= LastTap + 4 && Taps < 10)
		{
			World->PressButton(FName(u"JUMP"));
			LastTap = Now.Index;
			++Taps;
		}
		if (Shown > 20 && Turned < 140.0)
		{
			Input->StubFire(Look, ETriggerEvent::Triggered, FVector2D(1.0 / World->LookSpeed, 0.0));
			Turned += 1.0;
		}
		const long Made = Game.Tick(0.004f);
		const FDreamportFrameInfo Frame = World->GetFrameInfo();
		if (Frame.Id != LastId)
		{
			LastId = Frame.Id;
			++Shown;
			// Events (state, notices) may allocate; a frame may not. The first frames make textures and queues.
			Allocations += Shown > 10 ? Made : 0;
			int Phase = 0;
			const std::vector<uint8> Colour = Texels(World->ColourTexture);
			const double Far = FarFromStripes(Colour, Frame.Width, Frame.Height, Phase);
			const std::vector<uint8> Depth = Texels(World->DepthTexture);
			uint16 Sky = 0;
			uint16 Wall = 0;
			std::memcpy(&Sky, Depth.data(), 2);
			std::memcpy(&Wall, Depth.data() + static_cast<std::size_t>(Frame.Width) * 2 * 3, 2);
			std::printf("{\"id\": %lld, \"index\": %lld, \"phase\": %d, \"far\": %.4f, \"sky\": %d, \"wall\": %d, \"near\": %.17g}\n", Frame.Id, Frame.Index, Phase, Far, Sky, Wall, Frame.DepthNear);
		}
		std::this_thread::sleep_for(std::chrono::milliseconds(2));
	}
	const FDreamportStatistics Statistics = World->GetStatistics();
	const std::string Text = Stub::Narrow(*World->GetDiagnostics());
	Expect(Text.find("Session: ") != std::string::npos && Text.find("Executor: stub on CPU") != std::string::npos, "diagnostics name session and executor");
	std::printf("{\"shown\": %d, \"taps\": %d, \"turned\": %g, \"allocations\": %ld, \"median_tick_ms\": %.4f, \"worst_tick_ms\": %.3f, \"received\": %lld, \"executor\": \"%s\"}\n", Shown, Taps, Turned, Allocations, Game.MedianTickMs(), Game.WorstTickMs, Statistics.FramesReceived, Stub::Narrow(*Statistics.Executor).c_str());

	// A listener may stop the world in which it is called.
	struct FStopper : UObject
	{
		UDreamportWorldComponent* World = nullptr;
		void Shown(const FDreamportFrameInfo&) { World->Stop(); }
	};
	FStopper* Stopper = NewObject<FStopper>();
	Stopper->World = World;
	World->OnFrame.AddDynamic(Stopper, &FStopper::Shown);
	Expect(Game.TickUntil([World] { return !World->IsPlaying(); }, 10.0), "a listener stops the world");
}

void Scenario::Camera(const Words& Arguments)
{
	UseAddress(Arguments.at(0));
	UMaterialInterface* Parent = NewObject<UMaterialInterface>(nullptr, FName(u"M_DreamportScreen"));
	Stub::Assets()["/Game/Dreamport/M_DreamportScreen.M_DreamportScreen"] = Parent;
	FStubGame Game;
	AStubActor* Actor = Game.World->SpawnActor<AStubActor>();
	UDreamportWorldComponent* World = Actor->Add<UDreamportWorldComponent>();
	UDreamportScreenComponent* Screen = Actor->Add<UDreamportScreenComponent>();
	const FTransform Anchor(FRotator(0.0, 30.0, 0.0), FVector(250.0, -100.0, 40.0));
	World->SetWorldTransform(Anchor);
	World->InputMode = EDreamportInputMode::Camera;
	Game.Begin(Actor);
	Expect(Game.TickUntil([World] { return World->GetFrameInfo().Width > 0; }, 20.0), "a frame comes");

	FTransform Wanted;
	for (int Step = 0; Step < 12; ++Step)
	{
		const FRotator Rotation(Step * 2.0 - 10.0, Step * 25.0, 0.0);
		Wanted = FTransform(Rotation, FVector(300.0 + 10.0 * Step, -90.0, 160.0 - Step));
		// First the player's camera, then one of the game's own.
		if (Step < 6)
		{
			Game.Player->PlayerCameraManager->StubCamera = Wanted;
			Game.Player->PlayerCameraManager->StubRotation = Rotation;
		}
		else
		{
			World->SetCamera(Wanted);
		}
		Expect(Game.TickUntil([&] { return World->GetFrameInfo().Camera.Equals(Wanted, 1.0e-3); }, 5.0), "the frame's camera is the engine's");
	}
	FVector Point(1.0, 2.0, 3.0);
	Expect(World->SceneToLevel(World->LevelToScene(Point)).Equals(Point, 1.0e-9), "points come back");

	// The portal: what lies ahead of the camera is in the middle of the frame, and its neighbours on the right sides of it.
	const auto* Material = Cast<UMaterialInstanceDynamic>(Screen->StubMaterial);
	const auto Uv = [&](const FVector& Local)
	{
		const FVector D = Wanted.TransformPosition(Local) - Wanted.GetLocation();
		const auto Dot = [&](const char* Row) { const FLinearColor& C = Material->Vectors.at(Row); return D.X * C.R + D.Y * C.G + D.Z * C.B; };
		return FVector2D(Dot("DreamportU") / Dot("DreamportW"), Dot("DreamportV") / Dot("DreamportW"));
	};
	const FVector2D Middle = Uv(FVector(300.0, 0.0, 0.0));
	const FVector2D Right = Uv(FVector(300.0, 300.0, 0.0));
	const FVector2D Up = Uv(FVector(300.0, 0.0, 300.0));
	const FDreamportFrameInfo Frame = World->GetFrameInfo();
	Expect(std::abs(Middle.X - 0.5) < 1e-5 && std::abs(Middle.Y - 0.5) < 1e-5, "ahead is the middle of the frame");
	// fx is half the width: 45 degrees are the edge; square pixels.
	Expect(std::abs(Right.X - 1.0) < 1e-5 && std::abs(Right.Y - 0.5) < 1e-5, "45 degrees to the right is the right edge");
	Expect(std::abs(Up.X - 0.5) < 1e-5 && std::abs(Up.Y - (0.5 - 0.5 * Frame.Width / Frame.Height)) < 1e-4, "up is up");
	Expect(Material->Textures.at("DreamportColour") == World->ColourTexture && Material->Scalars.at("DreamportPortal") == 1.0f, "the screen shows the world");
	std::printf("{\"world_component_ok\": true}\n");
}

void Scenario::Cycles(const Words& Arguments)
{
	UseAddress(Arguments.at(0));
	const int Count = std::stoi(Arguments.at(1));
	int Framed = 0;
	double WorstMs = 0.0;
	for (int Cycle = 0; Cycle < Count; ++Cycle)
	{
		FStubGame Game;
		AStubActor* Actor = Game.World->SpawnActor<AStubActor>();
		UDreamportWorldComponent* World = Actor->Add<UDreamportWorldComponent>();
		Game.Begin(Actor);
		// Every tenth waits for a picture; others stop while connecting, opening, or with a render thread that lags.
		if (Cycle % 10 == 0)
		{
			Framed += Game.TickUntil([World] { return World->GetFrameInfo().Width > 0; }, 20.0) ? 1 : 0;
		}
		else
		{
			for (int Tick = 0; Tick < Cycle % 7; ++Tick)
			{
				Game.Tick();
			}
		}
		Stub::RenderThread::Get().Hold(Cycle % 3 == 0);
		Game.Tick();
		const auto Before = std::chrono::steady_clock::now();
		// Play stops in more than one order: components first, or the game instance at once.
		Game.End(Cycle % 2 == 0);
		Expect(!World->IsPlaying(), "no session outlives its game");
		WorstMs = std::max(WorstMs, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - Before).count());
		Stub::RenderThread::Get().Hold(false);
		if (Cycle % 50 == 49)
		{
			// The editor reloads the module.
			FModuleManager::Unload("Dreamport");
		}
		FlushRenderingCommands();
		Stub::CollectGarbage();
	}
	std::printf("{\"cycles\": %d, \"framed\": %d, \"worst_stop_ms\": %.3f}\n", Count, Framed, WorstMs);
}

void Scenario::Backend(const Words& Arguments)
{
	UDreamportSettings* Settings = GetMutableDefault<UDreamportSettings>();
	Settings->Address = FString::Make(Stub::Widen(Arguments.at(0).c_str()));
	Settings->BackendCommand = FString::Make(Stub::Widen(Arguments.at(1).c_str()));
	Settings->bStartBackend = true;
	FStubGame Game;
	AStubActor* Actor = Game.World->SpawnActor<AStubActor>();
	UDreamportWorldComponent* World = Actor->Add<UDreamportWorldComponent>();
	Game.Begin(Actor);
	FDreamportBackend& Process = FDreamportBackend::Get();
	Expect(Game.TickUntil([&] { return Process.GetState() == EDreamportBackendState::Running; }, 60.0), "the backend is started");
	Expect(Game.TickUntil([&] { return World->GetFrameInfo().Width > 0; }, 30.0), "the world that waited for it plays");
	Expect(Game.TickUntil([&] { return Process.GetWorlds().Num() > 0; }, 10.0), "its worlds are listed");
	const std::string Executor = Stub::Narrow(*Process.GetExecutor());
	// Stop and Play again: the backend stays.
	World->Stop();
	World->Play();
	Expect(Game.TickUntil([&] { return World->GetFrameInfo().Width > 0; }, 30.0), "it plays again");
	Expect(Process.GetState() == EDreamportBackendState::Running, "with the same backend");
	Game.End();
	Process.Stop();
	Expect(Process.GetState() == EDreamportBackendState::Idle, "and is stopped");
	std::printf("{\"executor\": \"%s\", \"worlds\": %d}\n", Executor.c_str(), Process.GetWorlds().Num());
}

void Scenario::Samples(const Words& Arguments)
{
	UseAddress(Arguments.at(0));
	Stub::DrawScene = [](FRHITexture&, const FTransform&, float, ESceneCaptureSource) {};
	UMaterialInterface* Parent = NewObject<UMaterialInterface>(nullptr, FName(u"M_DreamportScreen"));
	Stub::Assets()["/Game/Dreamport/M_DreamportScreen.M_DreamportScreen"] = Parent;
	{
		FStubGame Game;
		ADreamportPortalSample* Portal = Game.World->SpawnActor<ADreamportPortalSample>();
		Game.Player->PlayerCameraManager->StubCamera = FTransform(FVector(-200.0, 0.0, 160.0));
		Game.Begin(Portal);
		Expect(Game.TickUntil([&] { return Portal->World->GetFrameInfo().Index > 2; }, 20.0), "the portal plays");
		Expect(Portal->Portal->GetComponentLocation().Equals(FVector(0.0, 0.0, 110.0), 1.0e-6), "the doorway stays where it was put");
	}
	{
		FStubGame Game;
		ADreamportDepthSample* Depth = Game.World->SpawnActor<ADreamportDepthSample>();
		Game.Begin(Depth);
		Expect(Game.TickUntil([&] { return Depth->World->GetFrameInfo().Index > 2; }, 20.0), "the depth sample plays");
		ACameraActor* Camera = Cast<ACameraActor>(Game.Player->GetViewTarget());
		Expect(Camera != nullptr && FTransform(Camera->GetActorQuat(), Camera->GetActorLocation()).Equals(Depth->World->GetFrameInfo().Camera, 1.0e-6), "the camera follows the frame");
		Expect(!Depth->Cubes[0]->GetComponentLocation().Equals(FVector::ZeroVector, 1.0), "cubes are placed");
	}
	std::printf("{\"samples\": true}\n");
}
