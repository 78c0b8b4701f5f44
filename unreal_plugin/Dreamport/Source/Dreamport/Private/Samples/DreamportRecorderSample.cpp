#include "Samples/DreamportRecorderSample.h"

#include "Components/SceneComponent.h"
#include "DreamportRecorderComponent.h"

ADreamportRecorderSample::ADreamportRecorderSample(const FObjectInitializer& ObjectInitializer)
	: Super(ObjectInitializer)
{
	SetRootComponent(CreateDefaultSubobject<USceneComponent>(TEXT("Place")));
	Recorder = CreateDefaultSubobject<UDreamportRecorderComponent>(TEXT("Recorder"));
	Recorder->Camera = EDreamportRecordedCamera::Path;
}

void ADreamportRecorderSample::BeginPlay()
{
	Super::BeginPlay();
	Recorder->OnEpisodeFinished.AddDynamic(this, &ADreamportRecorderSample::Finished);
	Recorder->OnStateChanged.AddDynamic(this, &ADreamportRecorderSample::StateChanged);
	Recorder->StartRecording();
}

void ADreamportRecorderSample::Finished(const FString& Episode, int64 Frames)
{
	UE_LOG(LogDreamport, Display, TEXT("Episode %s: %lld frames are on disk."), *Episode, Frames);
}

void ADreamportRecorderSample::StateChanged(EDreamportState State, const FString& Message)
{
	if (State == EDreamportState::Failed || State == EDreamportState::Waiting)
	{
		UE_LOG(LogDreamport, Warning, TEXT("%s"), *Message);
	}
}
