#include "DreamportBlueprintLibrary.h"

#include "Backend/DreamportBackend.h"
#include "DreamportModule.h"
#include "DreamportWorldComponent.h"
#include "GameFramework/Actor.h"
#include "HAL/PlatformApplicationMisc.h"

UDreamportWorldComponent* UDreamportBlueprintLibrary::GetDreamportWorld(const AActor* Actor)
{
	return Actor != nullptr ? Actor->FindComponentByClass<UDreamportWorldComponent>() : nullptr;
}

void UDreamportBlueprintLibrary::EnsureBackend()
{
	FDreamportBackend::Get().Ensure();
}

double UDreamportBlueprintLibrary::DepthToMetres(double Sample, double DepthNear)
{
	return Sample > 0.0 ? DepthNear / Sample : 1.0e20;
}

void UDreamportBlueprintLibrary::CopyToClipboard(const FString& Text)
{
	FPlatformApplicationMisc::ClipboardCopy(*Text);
}

bool UDreamportBlueprintLibrary::IsDreamportAvailable(FString& Why)
{
	Why = FDreamportModule::Get().Why();
	return FDreamportModule::Get().IsNativeReady();
}
