#include "DreamportSubsystem.h"

#include "Backend/DreamportBackend.h"
#include "DreamportRecorderComponent.h"
#include "DreamportWorldComponent.h"
#include "Engine/GameInstance.h"
#include "Engine/World.h"
#include "Misc/CoreDelegates.h"

namespace
{
	TArray<TWeakObjectPtr<UDreamportSubsystem>> Living;
}

UDreamportSubsystem* UDreamportSubsystem::Get(const UObject* WorldContext)
{
	const UWorld* World = WorldContext != nullptr ? WorldContext->GetWorld() : nullptr;
	const UGameInstance* Game = World != nullptr ? World->GetGameInstance() : nullptr;
	return Game != nullptr ? Game->GetSubsystem<UDreamportSubsystem>() : nullptr;
}

void UDreamportSubsystem::Initialize(FSubsystemCollectionBase& Collection)
{
	Super::Initialize(Collection);
	PreExit = FCoreDelegates::OnPreExit.AddUObject(this, &UDreamportSubsystem::StopAll);
	Living.Add(this);
}

void UDreamportSubsystem::Deinitialize()
{
	FCoreDelegates::OnPreExit.Remove(PreExit);
	StopAll();
	Living.Remove(this);
	Super::Deinitialize();
}

void UDreamportSubsystem::StopAll()
{
	// Stop and Close remove the component from the list.
	while (Worlds.Num() > 0)
	{
		Worlds.Last()->Stop();
	}
	while (Recorders.Num() > 0)
	{
		Recorders.Last()->Close();
	}
}

EDreamportBackendState UDreamportSubsystem::GetBackendState() const
{
	return FDreamportBackend::Get().GetState();
}

FString UDreamportSubsystem::GetBackendStatus() const
{
	return FDreamportBackend::Get().GetStatusText();
}

TArray<UDreamportWorldComponent*> UDreamportSubsystem::GetPlaying() const
{
	TArray<UDreamportWorldComponent*> Playing;
	for (const TObjectPtr<UDreamportWorldComponent>& Component : Worlds)
	{
		Playing.Add(Component.Get());
	}
	return Playing;
}

void UDreamportSubsystem::Add(UDreamportWorldComponent* Component)
{
	Worlds.AddUnique(Component);
}

void UDreamportSubsystem::Remove(UDreamportWorldComponent* Component)
{
	Worlds.Remove(Component);
}

void UDreamportSubsystem::Add(UDreamportRecorderComponent* Component)
{
	Recorders.AddUnique(Component);
}

void UDreamportSubsystem::Remove(UDreamportRecorderComponent* Component)
{
	Recorders.Remove(Component);
}

const TArray<TWeakObjectPtr<UDreamportSubsystem>>& UDreamportSubsystem::All()
{
	return Living;
}
