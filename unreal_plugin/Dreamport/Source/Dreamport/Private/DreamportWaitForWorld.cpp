#include "DreamportWaitForWorld.h"

#include "DreamportWorldComponent.h"

UDreamportWaitForWorld* UDreamportWaitForWorld::WaitForDreamportWorld(UDreamportWorldComponent* World)
{
	UDreamportWaitForWorld* Action = NewObject<UDreamportWaitForWorld>();
	Action->Target = World;
	Action->RegisterWithGameInstance(World);
	return Action;
}

void UDreamportWaitForWorld::Activate()
{
	if (Target == nullptr)
	{
		Failed.Broadcast(FDreamportWorldInfo(), TEXT("No world component was given."));
		SetReadyToDestroy();
		return;
	}
	Target->OnWorldReady.AddDynamic(this, &UDreamportWaitForWorld::HandleReady);
	Target->OnStateChanged.AddDynamic(this, &UDreamportWaitForWorld::HandleState);
	const FDreamportWorldInfo Open = Target->GetWorldInfo();
	if (!Open.Name.IsEmpty())
	{
		HandleReady(Open);
		return;
	}
	Target->Play();
}

void UDreamportWaitForWorld::HandleReady(const FDreamportWorldInfo& Info)
{
	Ready.Broadcast(Info, FString());
	Finish();
}

void UDreamportWaitForWorld::HandleState(EDreamportState State, const FString& Message)
{
	if (State == EDreamportState::Failed || State == EDreamportState::Closed)
	{
		Failed.Broadcast(FDreamportWorldInfo(), Message);
		Finish();
	}
}

void UDreamportWaitForWorld::Finish()
{
	if (Target != nullptr)
	{
		Target->OnWorldReady.RemoveDynamic(this, &UDreamportWaitForWorld::HandleReady);
		Target->OnStateChanged.RemoveDynamic(this, &UDreamportWaitForWorld::HandleState);
		Target = nullptr;
	}
	SetReadyToDestroy();
}
