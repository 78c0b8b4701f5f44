#include "Samples/DreamportPortalSample.h"

#include "Components/StaticMeshComponent.h"
#include "DreamportScreenComponent.h"
#include "DreamportWorldComponent.h"
#include "Engine/StaticMesh.h"
#include "UObject/ConstructorHelpers.h"

ADreamportPortalSample::ADreamportPortalSample(const FObjectInitializer& ObjectInitializer)
	: Super(ObjectInitializer)
{
	World = CreateDefaultSubobject<UDreamportWorldComponent>(TEXT("World"));
	SetRootComponent(World);
	World->bAutoPlay = false;
	World->InputMode = EDreamportInputMode::Camera;

	// The engine's plane lies on the floor, one metre wide: stand it up, facing the actor's back, two metres wide.
	Portal = CreateDefaultSubobject<UDreamportScreenComponent>(TEXT("Portal"));
	Portal->SetupAttachment(World);
	Portal->World = World;
	Portal->SetRelativeTransform(FTransform(FRotator(90.0, 0.0, 0.0), FVector(0.0, 0.0, 110.0), FVector(2.2, 2.0, 1.0)));

	Cube = CreateDefaultSubobject<UStaticMeshComponent>(TEXT("Cube"));
	Cube->SetupAttachment(World);
	static ConstructorHelpers::FObjectFinder<UStaticMesh> Mesh(TEXT("/Engine/BasicShapes/Cube.Cube"));
	if (Mesh.Succeeded())
	{
		Cube->SetStaticMesh(Mesh.Object);
	}
	Cube->SetRelativeTransform(FTransform(FRotator(20.0, 30.0, 0.0), FVector(-60.0, 30.0, 90.0), FVector(0.3, 0.3, 0.3)));
}

void ADreamportPortalSample::BeginPlay()
{
	Super::BeginPlay();
	World->OnFrame.AddDynamic(this, &ADreamportPortalSample::AlignLevel);
	World->Play();
}

void ADreamportPortalSample::AlignLevel(const FDreamportFrameInfo& Frame)
{
	// The first frame shows the level's start. Move the level so that its start looks through the doorway from one metre in front of it.
	if (bAligned || Frame.Index != 0)
	{
		return;
	}
	bAligned = true;
	World->OnFrame.RemoveDynamic(this, &ADreamportPortalSample::AlignLevel);
	const FTransform Wanted = FTransform(FVector(-100.0, 0.0, 160.0)) * FTransform(GetActorQuat(), GetActorLocation());
	const FTransform Moved = World->GetAnchor().GetRelativeTransform(Frame.Camera) * Wanted;
	// Children keep their places in the scene: they belong to the doorway, not to the level.
	const FTransform PortalPlace = Portal->GetComponentTransform();
	const FTransform CubePlace = Cube->GetComponentTransform();
	World->SetWorldLocationAndRotation(Moved.GetLocation(), Moved.GetRotation());
	Portal->SetWorldTransform(PortalPlace);
	Cube->SetWorldTransform(CubePlace);
}
