// A game in the stub engine: one world, one player, a loop that ticks components in the engine's order.

#pragma once

#include <chrono>

#include "DreamportModule.h"
#include "DreamportSettings.h"
#include "DreamportSubsystem.h"
#include "allocations.h"
#include "stubs/Editor.h"

/** Begins like Play in the editor, ends like Stop. */
class FStubGame
{
public:
	FStubGame()
	{
		Instance = NewObject<UGameInstance>();
		World = NewObject<UWorld>();
		World->Game = Instance;
		Subsystem = NewObject<UDreamportSubsystem>(Instance);
		Instance->Subsystem = Subsystem;
		FSubsystemCollectionBase Collection;
		Subsystem->Initialize(Collection);
		Player = World->SpawnActor<APlayerController>();
		Player->PlayerCameraManager = World->SpawnActor<APlayerCameraManager>();
		Player->InputComponent = NewObject<UEnhancedInputComponent>(Player);
		Player->StubLocal = NewObject<ULocalPlayer>();
		Player->StubLocal->Input = NewObject<UEnhancedInputLocalPlayerSubsystem>();
		World->Player = Player;
	}

	~FStubGame() { End(); }

	/** EndPlay of every component, then of the game instance. */
	void End(bool bComponentsFirst = true)
	{
		if (Instance == nullptr)
		{
			return;
		}
		if (bComponentsFirst)
		{
			for (AActor* Actor : World->Actors)
			{
				for (UActorComponent* Component : Actor->Components)
				{
					Component->EndPlay(EEndPlayReason::EndPlayInEditor);
				}
			}
		}
		Subsystem->Deinitialize();
		Instance = nullptr;
	}

	/** BeginPlay of an actor and its components. */
	void Begin(AActor* Actor)
	{
		for (UActorComponent* Component : std::vector<UActorComponent*>(Actor->Components))
		{
			Component->BeginPlay();
		}
		Actor->BeginPlay();
	}

	/** One frame of the game. Returns the allocations that the components made on this thread. */
	long Tick(float DeltaSeconds = 1.0f / 120.0f)
	{
		std::vector<UActorComponent*>& Order = TickOrder;
		Order.clear();
		for (AActor* Actor : World->Actors)
		{
			Order.insert(Order.end(), Actor->Components.begin(), Actor->Components.end());
		}
		// A component ticks after those it waits for.
		std::stable_sort(Order.begin(), Order.end(), [](const UActorComponent* A, const UActorComponent* B) { return A->Before.size() < B->Before.size(); });
		auto Run = [&]
		{
			for (UActorComponent* Component : Order)
			{
				if (Component->bBegun && Component->PrimaryComponentTick.bCanEverTick)
				{
					Component->TickComponent(DeltaSeconds, LEVELTICK_All, &Component->PrimaryComponentTick);
				}
			}
		};
		const auto Before = std::chrono::steady_clock::now();
		const long Allocations = Stub::AllocationsOf(Run);
		const double Milliseconds = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - Before).count();
		WorstTickMs = std::max(WorstTickMs, Milliseconds);
		TickMs.push_back(Milliseconds);
		FTSTicker::GetCoreTicker().Tick(DeltaSeconds);
		Stub::RenderThread::Get().Enqueue([](FRHICommandListImmediate&) { ++Stub::GpuFrame; });
		return Allocations;
	}

	/** Ticks about 250 times a second until a condition holds; false after so many seconds. */
	template <typename Condition> bool TickUntil(Condition Holds, double Seconds)
	{
		const auto End = std::chrono::steady_clock::now() + std::chrono::duration<double>(Seconds);
		while (!Holds())
		{
			if (std::chrono::steady_clock::now() > End)
			{
				return false;
			}
			Tick(0.004f);
			std::this_thread::sleep_for(std::chrono::milliseconds(4));
		}
		return true;
	}

	UGameInstance* Instance;
	UWorld* World;
	UDreamportSubsystem* Subsystem;
	APlayerController* Player;
	/** Median time of a tick, milliseconds. */
	double MedianTickMs() const
	{
		std::vector<double> Sorted = TickMs;
		std::sort(Sorted.begin(), Sorted.end());
		return Sorted.empty() ? 0.0 : Sorted[Sorted.size() / 2];
	}

	double WorstTickMs = 0.0;

private:
	std::vector<UActorComponent*> TickOrder;
	std::vector<double> TickMs;
};
