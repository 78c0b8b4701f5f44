// Recording into a real backend.

#include "Core/Geometry.h"
#include "DreamportRecorderComponent.h"
#include "scenarios.h"

namespace
{
	class AStubActor : public AActor
	{
	public:
		AStubActor() : AActor(FObjectInitializer::Get())
		{
			SetRootComponent(CreateDefaultSubobject<USceneComponent>(FName(u"Root")));
			Recorder = CreateDefaultSubobject<UDreamportRecorderComponent>(FName(u"Recorder"));
		}
		UDreamportRecorderComponent* Recorder;
	};

	/** A scene whose picture tells the camera: red is its yaw, green its forward position, blue a ramp over the rows; depth 1 m to the left, sky to the right. */
	void Draw(FRHITexture& To, const FTransform& Camera, float, ESceneCaptureSource Source)
	{
		const FVector Ahead = Camera.GetRotation().RotateVector(FVector(1.0, 0.0, 0.0));
		const uint8 Red = static_cast<uint8>(128.0 + 100.0 * Ahead.Y);
		const uint8 Green = static_cast<uint8>(static_cast<int>(Camera.GetLocation().X) & 255);
		for (int32 Y = 0; Y < To.Height; ++Y)
		{
			for (int32 X = 0; X < To.Width; ++X)
			{
				uint8* At = &To.Bytes[static_cast<std::size_t>(Y * To.Width + X) * 4];
				if (Source == SCS_SceneDepth)
				{
					const float Centimetres = X < To.Width / 2 ? 100.0f : 1.0e8f;
					std::memcpy(At, &Centimetres, 4);
				}
				else
				{
					const uint8 Pixel[4] = {static_cast<uint8>(Y), Green, Red, 255};
					std::memcpy(At, Pixel, 4);
				}
			}
		}
	}

	void UseAddress(const std::string& Address)
	{
		UDreamportSettings* Settings = GetMutableDefault<UDreamportSettings>();
		Settings->Address = FString::Make(Stub::Widen(Address.c_str()));
		Settings->bStartBackend = false;
	}

	/** Ticks until the recorder has closed its episode. */
	void Finish(FStubGame& Game, UDreamportRecorderComponent* Recorder, int64& OutFrames)
	{
		struct FListener : UObject
		{
			int64 Frames = -1;
			void Finished(const FString&, int64 InFrames) { Frames = InFrames; }
		};
		FListener* Listener = NewObject<FListener>();
		Recorder->OnEpisodeFinished.AddDynamic(Listener, &FListener::Finished);
		Recorder->StopRecording();
		Scenario::Expect(Game.TickUntil([&] { return Listener->Frames >= 0; }, 20.0), "the episode is finished");
		OutFrames = Listener->Frames;
	}
}

void Scenario::Record(const Words& Arguments)
{
	UseAddress(Arguments.at(0));
	const int Wanted = std::stoi(Arguments.at(2));
	Stub::GpuLatency = std::stoi(Arguments.at(3));
	Stub::DrawScene = Draw;
	FStubGame Game;
	AStubActor* Actor = Game.World->SpawnActor<AStubActor>();
	UDreamportRecorderComponent* Recorder = Actor->Recorder;
	Recorder->Dataset = FString::Make(Stub::Widen(Arguments.at(1).c_str()));
	Recorder->Width = 96;
	Recorder->Height = 64;
	Recorder->FrameRate = 50.0;
	Recorder->bRawColour = true;
	Game.Player->PlayerCameraManager->StubCamera = FTransform(FVector(0.0, 0.0, 160.0));
	Game.Begin(Actor);
	Recorder->StartRecording();
	Expect(Game.TickUntil([&] { return Recorder->GetState() == EDreamportState::Ready; }, 20.0), "the recorder is ready");

	long Allocations = 0;
	const FDreamportRecorderStatistics Before = Recorder->GetStatistics();
	int64 Frame = Before.Submitted;
	int Ticks = 0;
	const auto Start = std::chrono::steady_clock::now();
	while (Frame < Wanted && std::chrono::steady_clock::now() - Start < std::chrono::seconds(60))
	{
		// Walks forward, one centimetre a frame, and turns to the right, two degrees a frame; W is held from frame 20 to 40.
		const FRotator Rotation(0.0, 2.0 * static_cast<double>(Ticks), 0.0);
		Game.Player->PlayerCameraManager->StubRotation = Rotation;
		Game.Player->PlayerCameraManager->StubCamera = FTransform(Rotation, FVector(static_cast<double>(Ticks), 0.0, 160.0));
		Game.Player->StubDown.clear();
		if (Ticks >= 20 && Ticks < 40)
		{
			Game.Player->StubDown["W"] = true;
		}
		// A tick is a frame: the recorder's clock is the game's.
		const long Made = Game.Tick(0.02f);
		Allocations += Ticks > 10 ? Made : 0;
		++Ticks;
		FlushRenderingCommands();
		Frame = Recorder->GetStatistics().Submitted;
		std::this_thread::sleep_for(std::chrono::milliseconds(8));
	}
	Recorder->AddMarker(TEXT("note"), TEXT("the end"));
	const FDreamportRecorderStatistics Statistics = Recorder->GetStatistics();
	int64 OnDisk = 0;
	Finish(Game, Recorder, OnDisk);
	std::printf("{\"ticks\": %d, \"frames\": %lld, \"dropped\": %lld, \"allocations\": %ld, \"worst_tick_ms\": %.3f}\n", Ticks, OnDisk, Statistics.Dropped, Allocations, Game.WorstTickMs);
}

void Scenario::Path(const Words& Arguments)
{
	UseAddress(Arguments.at(0));
	Stub::DrawScene = Draw;
	FStubGame Game;
	// A room of 8 x 8 m around the origin: a sphere of radius R gets to the first wall.
	Game.World->StubSweep = [](const FVector& From, const FVector& To, double Radius)
	{
		const double Limit = 400.0 - Radius;
		double Time = 1.0;
		for (const auto& [A, B] : {std::pair(From.X, To.X), std::pair(From.Y, To.Y)})
		{
			for (const double Sign : {-1.0, 1.0})
			{
				if (Sign * A > Limit)
				{
					return 0.0;
				}
				if (Sign * B > Limit)
				{
					Time = std::min(Time, (Limit - Sign * A) / (Sign * B - Sign * A));
				}
			}
		}
		return Time;
	};
	AStubActor* Actor = Game.World->SpawnActor<AStubActor>();
	Actor->Root->SetWorldTransform(FTransform(FVector(50.0, 0.0, 100.0)));
	UDreamportRecorderComponent* Recorder = Actor->Recorder;
	Recorder->Dataset = FString::Make(Stub::Widen(Arguments.at(1).c_str()));
	Recorder->Camera = EDreamportRecordedCamera::Path;
	Recorder->Path.Frames = std::stoi(Arguments.at(2));
	Recorder->Path.Landmark = FVector(0.0, 0.0, 160.0);
	Recorder->Width = 96;
	Recorder->Height = 64;
	Game.Begin(Actor);
	struct FListener : UObject
	{
		int64 Frames = -1;
		void Finished(const FString&, int64 InFrames) { Frames = InFrames; }
	};
	FListener* Listener = NewObject<FListener>();
	Recorder->OnEpisodeFinished.AddDynamic(Listener, &FListener::Finished);
	Recorder->StartRecording();
	Expect(Recorder->IsRecording(), "a path begins");
	// It ends by itself.
	Expect(Game.TickUntil([&] { return Listener->Frames >= 0; }, 40.0), "the path is walked to its end");
	std::printf("{\"frames\": %lld}\n", Listener->Frames);
}
