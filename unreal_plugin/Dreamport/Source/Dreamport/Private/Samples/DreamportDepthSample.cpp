#include "Samples/DreamportDepthSample.h"

#include "Camera/CameraActor.h"
#include "Camera/CameraComponent.h"
#include "Components/StaticMeshComponent.h"
#include "DreamportWorldComponent.h"
#include "Engine/StaticMesh.h"
#include "Engine/World.h"
#include "GameFramework/PlayerController.h"
#include "UObject/ConstructorHelpers.h"

ADreamportDepthSample::ADreamportDepthSample(const FObjectInitializer& ObjectInitializer)
	: Super(ObjectInitializer)
{
	World = CreateDefaultSubobject<UDreamportWorldComponent>(TEXT("World"));
	SetRootComponent(World);
	World->bAutoPlay = false;
	World->InputMode = EDreamportInputMode::Player;
	World->Composite = EDreamportCompositeMode::Depth;

	static ConstructorHelpers::FObjectFinder<UStaticMesh> Mesh(TEXT("/Engine/BasicShapes/Cube.Cube"));
	const TCHAR* Names[] = {TEXT("NearCube"), TEXT("MiddleCube"), TEXT("FarCube")};
	for (const TCHAR* Name : Names)
	{
		UStaticMeshComponent* Cube = CreateDefaultSubobject<UStaticMeshComponent>(Name);
		Cube->SetupAttachment(World);
		if (Mesh.Succeeded())
		{
			Cube->SetStaticMesh(Mesh.Object);
		}
		Cubes.Add(Cube);
	}
}

void ADreamportDepthSample::BeginPlay()
{
	Super::BeginPlay();
	World->OnFrame.AddDynamic(this, &ADreamportDepthSample::Follow);
	World->Play();
}

void ADreamportDepthSample::Follow(const FDreamportFrameInfo& Frame)
{
	if (!bPlaced)
	{
		// Two, five and fifteen metres ahead of the first view, side by side.
		bPlaced = true;
		const FVector Places[] = {FVector(200.0, -50.0, -20.0), FVector(500.0, 80.0, -20.0), FVector(1500.0, 0.0, -20.0)};
		for (int32 Index = 0; Index < Cubes.Num(); ++Index)
		{
			Cubes[Index]->SetWorldTransform(FTransform(Frame.Camera.GetRotation(), Frame.Camera.TransformPosition(Places[Index]), FVector(0.4, 0.4, 0.4)));
		}
	}
	// The world moves its own camera here; the engine's goes where the frame was made.
	APlayerController* Player = GetWorld()->GetFirstPlayerController();
	if (Player == nullptr)
	{
		return;
	}
	ACameraActor* Camera = Cast<ACameraActor>(Player->GetViewTarget());
	if (Camera == nullptr)
	{
		Camera = GetWorld()->SpawnActor<ACameraActor>();
		Camera->GetCameraComponent()->bConstrainAspectRatio = false;
		Player->SetViewTarget(Camera);
	}
	Camera->SetActorTransform(Frame.Camera);
	Camera->GetCameraComponent()->SetFieldOfView(static_cast<float>(Frame.FieldOfView));
}
