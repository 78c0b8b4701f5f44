// Records the engine's own picture, depth, camera and input as training data.

#pragma once

#include "Components/ActorComponent.h"
#include "CoreMinimal.h"
#include "DreamportTypes.h"
#include "InputCoreTypes.h"
#include "Templates/PimplPtr.h"
#include "DreamportRecorderComponent.generated.h"

class UDreamportWorldComponent;
class USceneCaptureComponent2D;
class UTextureRenderTarget2D;

DECLARE_DYNAMIC_MULTICAST_DELEGATE_TwoParams(FDreamportRecorderStateChanged, EDreamportState, State, const FString&, Message);
DECLARE_DYNAMIC_MULTICAST_DELEGATE_TwoParams(FDreamportEpisodeFinished, const FString&, Episode, int64, Frames);

/** Which camera is recorded. */
UENUM(BlueprintType)
enum class EDreamportRecordedCamera : uint8
{
	/** The first local player's. */
	Player,
	/** One that walks by itself on collision-free paths: see FDreamportPath. */
	Path,
};

/** How a path moves. */
UENUM(BlueprintType)
enum class EDreamportPathKind : uint8
{
	/** Walks rectangles, turning at the corners. */
	Rectangle = 1,
	/** Stands and turns 360 degrees at varied speed. */
	Turn = 2,
	/** Walks through random points, looking ahead and back now and then. */
	Waypoints = 3,
	/** Circles a landmark and looks at it. */
	Orbit = 4,
	/** All of them, one after the other. */
	Mix = 5,
};

/** A button of the recording and the key that holds it. */
USTRUCT(BlueprintType)
struct DREAMPORT_API FDreamportRecordedButton
{
	GENERATED_BODY()

	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport")
	FName Name;

	/** Read from the player while recording; leave empty to call SetButton instead. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport")
	FKey Key;
};

/** A camera that walks by itself. Lengths are level metres. */
USTRUCT(BlueprintType)
struct DREAMPORT_API FDreamportPath
{
	GENERATED_BODY()

	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport")
	EDreamportPathKind Kind = EDreamportPathKind::Mix;

	/** The same seed gives the same path in the same level. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport")
	int64 Seed = 1;

	/** Frames of one episode. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport", meta = (ClampMin = "1", ClampMax = "36000"))
	int32 Frames = 1800;

	/** Metres a second. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport", meta = (ClampMin = "0"))
	double Speed = 1.5;

	/** Largest angular speed, degrees a second. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport", meta = (ClampMin = "0"))
	double TurnSpeed = 90.0;

	/** Distance kept from every wall, metres. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport", meta = (ClampMin = "0.01"))
	double Radius = 0.3;

	/** Height of the camera above the floor, metres. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport", meta = (ClampMin = "0"))
	double EyeHeight = 1.6;

	/** The camera stays this close to its first place, metres. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport", meta = (ClampMin = "0.1"))
	double Range = 20.0;

	/** What Orbit looks at, in the scene. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport")
	FVector Landmark = FVector::ZeroVector;

	/** Chance of a look back at each point, 0 to 1. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport", meta = (ClampMin = "0", ClampMax = "1"))
	double LookBack = 0.2;

	/** Stay on the navigation mesh, if the level has one; floors are found by a trace otherwise. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport")
	bool bUseNavigation = true;
};

/** Records episodes through the backend's capture service. */
UCLASS(ClassGroup = (Dreamport), meta = (BlueprintSpawnableComponent))
class DREAMPORT_API UDreamportRecorderComponent : public UActorComponent
{
	GENERATED_BODY()

public:
	UDreamportRecorderComponent(const FObjectInitializer& ObjectInitializer);
	virtual ~UDreamportRecorderComponent() override;

	/** Data set: a folder under the backend's captures folder. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport")
	FString Dataset = TEXT("unreal");

	/** SPDX expression, or "proprietary". */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport")
	FString Licence = TEXT("proprietary");

	/** Begin when the game begins. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport")
	bool bAutoRecord = false;

	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport|Camera")
	EDreamportRecordedCamera Camera = EDreamportRecordedCamera::Player;

	/** For Camera = Path. Every frame of the path is recorded; a full queue makes the camera wait. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport|Camera")
	FDreamportPath Path;

	/** Pixels, even. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport|Picture", meta = (ClampMin = "16", ClampMax = "4096"))
	int32 Width = 640;

	/** Pixels, even. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport|Picture", meta = (ClampMin = "16", ClampMax = "4096"))
	int32 Height = 384;

	/** Horizontal, degrees. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport|Picture", meta = (ClampMin = "10", ClampMax = "150"))
	float FieldOfView = 90.0f;

	/** Frames a second. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport|Picture", meta = (ClampMin = "1", ClampMax = "240"))
	double FrameRate = 30.0;

	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport|Picture")
	bool bDepth = true;

	/** Metres of the largest depth value: nothing nearer is told apart. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport|Picture", meta = (ClampMin = "0.01"))
	double DepthNear = 0.25;

	/** Send colour uncompressed: exact, and about ten times the bytes of JPEG at quality 92. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport|Picture")
	bool bRawColour = false;

	/** At most 32. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport|Input")
	TArray<FDreamportRecordedButton> Buttons;

	/** Seed of the run; names the split together with it. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport")
	int64 Seed = 0;

	/** Keep this episode out of training, for evaluation. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport")
	bool bHeldOut = false;

	/** Its transform is the origin of the recorded level; null takes the scene's origin. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport")
	TObjectPtr<UDreamportWorldComponent> Anchor;

	UPROPERTY(BlueprintAssignable, Category = "Dreamport")
	FDreamportRecorderStateChanged OnStateChanged;

	/** An episode is in the data set. */
	UPROPERTY(BlueprintAssignable, Category = "Dreamport")
	FDreamportEpisodeFinished OnEpisodeFinished;

	/** Connects and begins an episode. */
	UFUNCTION(BlueprintCallable, Category = "Dreamport")
	void StartRecording();

	/** Takes no more frames; what is on its way is still written, then OnEpisodeFinished comes. */
	UFUNCTION(BlueprintCallable, Category = "Dreamport")
	void StopRecording();

	/** Whether frames are taken. */
	UFUNCTION(BlueprintPure, Category = "Dreamport")
	bool IsRecording() const;

	/** Ends at once: waits for the GPU, hands everything over and lets the native library finish in the background. */
	void Close();

	UFUNCTION(BlueprintPure, Category = "Dreamport")
	EDreamportState GetState() const;

	UFUNCTION(BlueprintPure, Category = "Dreamport")
	FString GetStatusText() const;

	UFUNCTION(BlueprintPure, Category = "Dreamport")
	FDreamportRecorderStatistics GetStatistics() const;

	/** A button that no key holds. */
	UFUNCTION(BlueprintCallable, Category = "Dreamport")
	void SetButton(FName Button, bool bHeld);

	/** A mark at the last frame: "collision", "teleport", "note". */
	UFUNCTION(BlueprintCallable, Category = "Dreamport")
	void AddMarker(const FString& Name, const FString& Text);

	//~ Begin UActorComponent
	virtual void BeginPlay() override;
	virtual void EndPlay(const EEndPlayReason::Type EndPlayReason) override;
	virtual void TickComponent(float DeltaTime, ELevelTick TickType, FActorComponentTickFunction* ThisTickFunction) override;
	//~ End UActorComponent

private:
	struct FState;

	bool MakeCameras();
	bool MakePath();
	void PollEvents();
	void ReadInput();
	bool NextCamera(float DeltaTime, FTransform& OutCamera);
	void Capture(const FTransform& View);
	/** A dp_status. */
	int32 BeginEpisode();
	/** Whether frames can be taken. A connection that broke has ended the episode at its last acknowledged frame; another one begins as soon as
	 * the backend is back, and a path goes on in it. */
	bool IsEpisodeOpen();
	void Finish();
	FTransform GetLevelOrigin() const;

	TPimplPtr<FState> State;

	UPROPERTY(Transient)
	TObjectPtr<USceneCaptureComponent2D> ColourCamera;

	UPROPERTY(Transient)
	TObjectPtr<USceneCaptureComponent2D> DepthCamera;

	UPROPERTY(Transient)
	TObjectPtr<UTextureRenderTarget2D> ColourTarget;

	UPROPERTY(Transient)
	TObjectPtr<UTextureRenderTarget2D> DepthTarget;
};
