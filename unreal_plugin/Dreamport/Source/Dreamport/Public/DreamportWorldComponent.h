// A neural level in the scene.

#pragma once

#include "Components/SceneComponent.h"
#include "CoreMinimal.h"
#include "DreamportTypes.h"
#include "Templates/PimplPtr.h"
#include "DreamportWorldComponent.generated.h"

class APlayerController;
class FDreamportCompositeExtension;
class UDreamportInput;
class UTexture2D;

DECLARE_DYNAMIC_MULTICAST_DELEGATE_TwoParams(FDreamportStateChanged, EDreamportState, State, const FString&, Message);
DECLARE_DYNAMIC_MULTICAST_DELEGATE_OneParam(FDreamportWorldReady, const FDreamportWorldInfo&, World);
DECLARE_DYNAMIC_MULTICAST_DELEGATE_OneParam(FDreamportFrameShown, const FDreamportFrameInfo&, Frame);
DECLARE_DYNAMIC_MULTICAST_DELEGATE_OneParam(FDreamportNotice, const FString&, Message);
DECLARE_DYNAMIC_MULTICAST_DELEGATE_TwoParams(FDreamportSaved, const FString&, Handle, int64, FrameIndex);

/**
 * Plays a world. The component's transform is the origin of the level's coordinates in the scene: at the identity the level's x is the
 * engine's right (+Y), its z the engine's forward (+X) and its y the engine's down; the scale of the transform is not used.
 */
UCLASS(ClassGroup = (Dreamport), meta = (BlueprintSpawnableComponent))
class DREAMPORT_API UDreamportWorldComponent : public USceneComponent
{
	GENERATED_BODY()

public:
	UDreamportWorldComponent(const FObjectInitializer& ObjectInitializer);
	virtual ~UDreamportWorldComponent() override;

	/** Name of the world; empty takes the backend's default. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport")
	FString WorldName;

	/** Name of the start; empty takes the world's first. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport")
	FString Start;

	/** Whether Seed is used; the backend chooses one otherwise. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport")
	bool bUseSeed = false;

	/** Seed of the world's noise: the same seed and input give the same frames on the same machine. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport", meta = (EditCondition = "bUseSeed"))
	int64 Seed = 0;

	/** Begin when the game begins. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport")
	bool bAutoPlay = true;

	/** What moves the world's camera. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport|Input")
	EDreamportInputMode InputMode = EDreamportInputMode::Player;

	/** Map the keys that the world suggests, and the mouse, through Enhanced Input for the first local player. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport|Input")
	bool bBindKeys = true;

	/** Degrees for one unit of mouse movement. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport|Input", meta = (ClampMin = "0"))
	float LookSpeed = 0.15f;

	/** With an engine camera: ask for frames with its field of view, not the world's own. Worlds were trained with their own. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport|Input")
	bool bSendFieldOfView = false;

	/** Engine metres for one level metre. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport", meta = (ClampMin = "0.001"))
	double LevelScale = 1.0;

	/** How pixels travel. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport|Picture")
	EDreamportTransport Transport = EDreamportTransport::Auto;

	/** Ask for depth; the depth composite needs it. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport|Picture")
	bool bDepth = true;

	/** How the world appears on the player's screen. May be changed at any time. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport|Picture")
	EDreamportCompositeMode Composite = EDreamportCompositeMode::Off;

	/** Of the world on the player's screen. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport|Picture", meta = (ClampMin = "0", ClampMax = "1"))
	float Opacity = 1.0f;

	/** Width of the soft edge where neural and engine surfaces meet, level metres. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport|Picture", meta = (ClampMin = "0"))
	float EdgeWidth = 0.05f;

	/** Colour of the newest frame, sRGB. Null before the first frame. */
	UPROPERTY(Transient, BlueprintReadOnly, Category = "Dreamport|Picture")
	TObjectPtr<UTexture2D> ColourTexture;

	/** Inverse depth of the newest frame, 16 bit: metres = DepthNear / value. Null without depth. */
	UPROPERTY(Transient, BlueprintReadOnly, Category = "Dreamport|Picture")
	TObjectPtr<UTexture2D> DepthTexture;

	/** The connection's state changed; Message says what to do. */
	UPROPERTY(BlueprintAssignable, Category = "Dreamport")
	FDreamportStateChanged OnStateChanged;

	/** A world is open; also after a break that could not be resumed. */
	UPROPERTY(BlueprintAssignable, Category = "Dreamport")
	FDreamportWorldReady OnWorldReady;

	/** The textures show a new frame. */
	UPROPERTY(BlueprintAssignable, Category = "Dreamport")
	FDreamportFrameShown OnFrame;

	/** Something to know that does not stop play. */
	UPROPERTY(BlueprintAssignable, Category = "Dreamport")
	FDreamportNotice OnNotice;

	/** The state was kept under this handle. */
	UPROPERTY(BlueprintAssignable, Category = "Dreamport")
	FDreamportSaved OnSaved;

	/** Connects and plays. Nothing happens when it plays already. */
	UFUNCTION(BlueprintCallable, Category = "Dreamport")
	void Play();

	/** Ends the session. */
	UFUNCTION(BlueprintCallable, Category = "Dreamport")
	void Stop();

	UFUNCTION(BlueprintPure, Category = "Dreamport")
	bool IsPlaying() const;

	UFUNCTION(BlueprintPure, Category = "Dreamport")
	EDreamportState GetState() const;

	/** What happened and what to do. */
	UFUNCTION(BlueprintPure, Category = "Dreamport")
	FString GetStatusText() const;

	/** The open world; all empty before. */
	UFUNCTION(BlueprintPure, Category = "Dreamport")
	FDreamportWorldInfo GetWorldInfo() const;

	UFUNCTION(BlueprintPure, Category = "Dreamport")
	FDreamportStatistics GetStatistics() const;

	/** The frame that the textures show. */
	UFUNCTION(BlueprintPure, Category = "Dreamport")
	FDreamportFrameInfo GetFrameInfo() const;

	/** Text for a report; holds no secret. */
	UFUNCTION(BlueprintPure, Category = "Dreamport")
	FString GetDiagnostics() const;

	/** A button goes down or up. Names that the world does not have are ignored. */
	UFUNCTION(BlueprintCallable, Category = "Dreamport|Input")
	void SetButton(FName Button, bool bHeld);

	/** A button goes down and up at once; it is applied in exactly one frame. */
	UFUNCTION(BlueprintCallable, Category = "Dreamport|Input")
	void PressButton(FName Button);

	/** Turns to the right and down, degrees; every degree is applied exactly once. */
	UFUNCTION(BlueprintCallable, Category = "Dreamport|Input")
	void AddLook(float YawDegrees, float PitchDegrees);

	/** This camera drives the world from now on in the modes Camera and Both, instead of the player's. */
	UFUNCTION(BlueprintCallable, Category = "Dreamport|Input")
	void SetCamera(const FTransform& Camera, float HorizontalFieldOfView = 90.0f);

	/** Back to the player's camera. */
	UFUNCTION(BlueprintCallable, Category = "Dreamport|Input")
	void ClearCamera();

	/** Begins again; an empty start keeps the present one. */
	UFUNCTION(BlueprintCallable, Category = "Dreamport")
	void Reset(const FString& NewStart);

	UFUNCTION(BlueprintCallable, Category = "Dreamport")
	void SetPaused(bool bPaused);

	/** Keeps the present state; OnSaved has its handle. */
	UFUNCTION(BlueprintCallable, Category = "Dreamport")
	void Save();

	UFUNCTION(BlueprintCallable, Category = "Dreamport")
	void Load(const FString& Handle);

	UFUNCTION(BlueprintCallable, Category = "Dreamport")
	void Prompt(const FString& Text);

	UFUNCTION(BlueprintCallable, Category = "Dreamport")
	void Event(const FString& Name);

	/** The level's origin in the scene: the component's transform without its scale. */
	UFUNCTION(BlueprintPure, Category = "Dreamport")
	FTransform GetAnchor() const;

	/** A point of the level, metres (x right, y down, z forward), in the scene. */
	UFUNCTION(BlueprintPure, Category = "Dreamport")
	FVector LevelToScene(const FVector& Point) const;

	/** A point of the scene in level coordinates. */
	UFUNCTION(BlueprintPure, Category = "Dreamport")
	FVector SceneToLevel(const FVector& Point) const;

	/** Rows of the portal's matrix; see UDreamportScreenComponent. False before the first frame. */
	bool GetPortalRows(FLinearColor& OutU, FLinearColor& OutV, FLinearColor& OutW) const;

	//~ Begin UActorComponent
	virtual void BeginPlay() override;
	virtual void EndPlay(const EEndPlayReason::Type EndPlayReason) override;
	virtual void TickComponent(float DeltaTime, ELevelTick TickType, FActorComponentTickFunction* ThisTickFunction) override;
	//~ End UActorComponent

private:
	struct FState;

	void PollEvents();
	void SendControl();
	void ShowFrame();
	bool MakeTextures(int32 Width, int32 Height, bool bWithDepth);
	void UpdateComposite();
	void WorldOpened();

	TPimplPtr<FState> State;

	UPROPERTY(Transient)
	TObjectPtr<UDreamportInput> Keys;
};
