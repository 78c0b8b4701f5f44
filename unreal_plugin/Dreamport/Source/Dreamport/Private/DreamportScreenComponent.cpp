#include "DreamportScreenComponent.h"

#include "DreamportSettings.h"
#include "DreamportSubsystem.h"
#include "DreamportWorldComponent.h"
#include "Engine/StaticMesh.h"
#include "Engine/Texture2D.h"
#include "GameFramework/Actor.h"
#include "Materials/MaterialInstanceDynamic.h"
#include "Materials/MaterialInterface.h"
#include "UObject/ConstructorHelpers.h"

namespace
{
	const FName ColourParameter(TEXT("DreamportColour"));
	const FName DepthParameter(TEXT("DreamportDepth"));
	const FName PortalParameter(TEXT("DreamportPortal"));
	const FName RowU(TEXT("DreamportU"));
	const FName RowV(TEXT("DreamportV"));
	const FName RowW(TEXT("DreamportW"));
}

UDreamportScreenComponent::UDreamportScreenComponent(const FObjectInitializer& ObjectInitializer)
	: Super(ObjectInitializer)
{
	PrimaryComponentTick.bCanEverTick = true;
	PrimaryComponentTick.TickGroup = TG_PostUpdateWork;
	static ConstructorHelpers::FObjectFinder<UStaticMesh> Plane(TEXT("/Engine/BasicShapes/Plane.Plane"));
	if (Plane.Succeeded())
	{
		SetStaticMesh(Plane.Object);
	}
}

void UDreamportScreenComponent::BeginPlay()
{
	Super::BeginPlay();
	UMaterialInterface* Parent = GetDefault<UDreamportSettings>()->ScreenMaterial.LoadSynchronous();
	if (Parent == nullptr)
	{
		UE_LOG(LogDreamport, Error, TEXT("The screen's material %s is not there. Choose Tools > Dreamport > Make Screen Material once, or set another one in Project Settings > Plugins > Dreamport."),
			*GetDefault<UDreamportSettings>()->ScreenMaterial.ToString());
		return;
	}
	Material = UMaterialInstanceDynamic::Create(Parent, this);
	SetMaterial(MaterialSlot, Material);
	World = FindWorld();
	if (World != nullptr)
	{
		// Show this frame's frame, not the last one's.
		AddTickPrerequisiteComponent(World);
	}
}

UDreamportWorldComponent* UDreamportScreenComponent::FindWorld() const
{
	if (World != nullptr)
	{
		return World;
	}
	if (UDreamportWorldComponent* OnActor = GetOwner()->FindComponentByClass<UDreamportWorldComponent>())
	{
		return OnActor;
	}
	const UDreamportSubsystem* Subsystem = UDreamportSubsystem::Get(this);
	const TArray<UDreamportWorldComponent*> Playing = Subsystem != nullptr ? Subsystem->GetPlaying() : TArray<UDreamportWorldComponent*>();
	return Playing.Num() > 0 ? Playing[0] : nullptr;
}

void UDreamportScreenComponent::TickComponent(float DeltaTime, ELevelTick TickType, FActorComponentTickFunction* ThisTickFunction)
{
	Super::TickComponent(DeltaTime, TickType, ThisTickFunction);
	if (Material == nullptr)
	{
		return;
	}
	if (World == nullptr)
	{
		World = FindWorld();
	}
	FLinearColor U;
	FLinearColor V;
	FLinearColor W;
	if (World == nullptr || !World->GetPortalRows(U, V, W))
	{
		return;
	}
	Material->SetTextureParameterValue(ColourParameter, World->ColourTexture);
	if (World->DepthTexture != nullptr)
	{
		Material->SetTextureParameterValue(DepthParameter, World->DepthTexture);
	}
	Material->SetScalarParameterValue(PortalParameter, Mode == EDreamportScreenMode::Portal ? 1.0f : 0.0f);
	Material->SetVectorParameterValue(RowU, U);
	Material->SetVectorParameterValue(RowV, V);
	Material->SetVectorParameterValue(RowW, W);
}
