// Plain data that components and Blueprints share.

#pragma once

#include "CoreMinimal.h"
#include "DreamportTypes.generated.h"

DECLARE_LOG_CATEGORY_EXTERN(LogDreamport, Log, All);

/** Where a connection stands. */
UENUM(BlueprintType)
enum class EDreamportState : uint8
{
	/** First attempt under way. */
	Connecting,
	/** Connected; the world is being opened. */
	Opening,
	/** Playing, or recording. */
	Ready,
	/** Lost or refused for now; tries again by itself. */
	Waiting,
	/** Will not try again: something must be changed first, the message says what. */
	Failed,
	/** Closed on request, or not begun. */
	Closed,
};

/** What drives the camera of the world. */
UENUM(BlueprintType)
enum class EDreamportInputMode : uint8
{
	/** The player's buttons and look; the world moves its own camera. */
	Player,
	/** The engine's camera. */
	Camera,
	/** The engine's camera, and the player's buttons are heard too. */
	Both,
};

/** Where a frame's pixels travel. */
UENUM(BlueprintType)
enum class EDreamportTransport : uint8
{
	/** Shared memory on this machine, inside the stream elsewhere. */
	Auto,
	/** Inside the stream. */
	Inline,
	/** Shared memory, this machine only. */
	SharedMemory,
};

/** How the neural picture and the engine's become one on the player's screen. */
UENUM(BlueprintType)
enum class EDreamportCompositeMode : uint8
{
	/** Not at all: a screen or a portal shows the world, or a material of yours. */
	Off,
	/** The world over the whole screen. */
	FullScreen,
	/** The nearer of the two, pixel by pixel. */
	Depth,
};

/** State of the backend that plays worlds on this machine. */
UENUM(BlueprintType)
enum class EDreamportBackendState : uint8
{
	/** Nobody asked for one. */
	Idle,
	/** Asking whether one runs already. */
	Looking,
	/** One that was running before is used. */
	Attached,
	/** Ours has been started and is loading. */
	Starting,
	/** Ours is ready. */
	Running,
	/** See the message. */
	Failed,
};

/** One button of a world. */
USTRUCT(BlueprintType)
struct DREAMPORT_API FDreamportButton
{
	GENERATED_BODY()

	/** Name for SetButton and PressButton. */
	UPROPERTY(BlueprintReadOnly, Category = "Dreamport")
	FName Name;

	/** For people. */
	UPROPERTY(BlueprintReadOnly, Category = "Dreamport")
	FString Label;

	/** Names of the keys that the world suggests, as FKey knows them. */
	UPROPERTY(BlueprintReadOnly, Category = "Dreamport")
	TArray<FName> Keys;
};

/** What a world is. */
USTRUCT(BlueprintType)
struct DREAMPORT_API FDreamportWorldInfo
{
	GENERATED_BODY()

	UPROPERTY(BlueprintReadOnly, Category = "Dreamport")
	FString Name;

	UPROPERTY(BlueprintReadOnly, Category = "Dreamport")
	FString Title;

	UPROPERTY(BlueprintReadOnly, Category = "Dreamport")
	FString Description;

	UPROPERTY(BlueprintReadOnly, Category = "Dreamport")
	FString Licence;

	/** Pixels. */
	UPROPERTY(BlueprintReadOnly, Category = "Dreamport")
	int32 Width = 0;

	/** Pixels. */
	UPROPERTY(BlueprintReadOnly, Category = "Dreamport")
	int32 Height = 0;

	/** Frames a second. */
	UPROPERTY(BlueprintReadOnly, Category = "Dreamport")
	double FrameRate = 0.0;

	/** Horizontal field of view of the world's own camera, degrees. */
	UPROPERTY(BlueprintReadOnly, Category = "Dreamport")
	double FieldOfView = 0.0;

	/** Whether an engine camera may drive it. */
	UPROPERTY(BlueprintReadOnly, Category = "Dreamport")
	bool bTakesCamera = false;

	/** Whether it takes words. */
	UPROPERTY(BlueprintReadOnly, Category = "Dreamport")
	bool bTakesPrompts = false;

	UPROPERTY(BlueprintReadOnly, Category = "Dreamport")
	TArray<FDreamportButton> Buttons;

	/** The first is the default. */
	UPROPERTY(BlueprintReadOnly, Category = "Dreamport")
	TArray<FString> Starts;

	UPROPERTY(BlueprintReadOnly, Category = "Dreamport")
	TArray<FString> Events;
};

/** The frame that the textures show. */
USTRUCT(BlueprintType)
struct DREAMPORT_API FDreamportFrameInfo
{
	GENERATED_BODY()

	/** Grows with every frame; gaps were dropped. */
	UPROPERTY(BlueprintReadOnly, Category = "Dreamport")
	int64 Id = 0;

	/** Frames since the start. */
	UPROPERTY(BlueprintReadOnly, Category = "Dreamport")
	int64 Index = 0;

	/** Camera the frame was made for, in the scene. */
	UPROPERTY(BlueprintReadOnly, Category = "Dreamport")
	FTransform Camera;

	/** Horizontal field of view of that camera, degrees. */
	UPROPERTY(BlueprintReadOnly, Category = "Dreamport")
	double FieldOfView = 90.0;

	/** Pixels. */
	UPROPERTY(BlueprintReadOnly, Category = "Dreamport")
	int32 Width = 0;

	/** Pixels. */
	UPROPERTY(BlueprintReadOnly, Category = "Dreamport")
	int32 Height = 0;

	/** Metres of the largest depth value: metres = DepthNear / (sampled depth, 0 to 1). */
	UPROPERTY(BlueprintReadOnly, Category = "Dreamport")
	double DepthNear = 1.0;

	/** Time the world took to make it, milliseconds. */
	UPROPERTY(BlueprintReadOnly, Category = "Dreamport")
	float GenerationMs = 0.0f;
};

/** How a world plays. Latencies are milliseconds over the last ten seconds, 0 until there is a sample. */
USTRUCT(BlueprintType)
struct DREAMPORT_API FDreamportStatistics
{
	GENERATED_BODY()

	UPROPERTY(BlueprintReadOnly, Category = "Dreamport")
	int64 FramesReceived = 0;

	UPROPERTY(BlueprintReadOnly, Category = "Dreamport")
	int64 FramesShown = 0;

	/** A newer one came first. */
	UPROPERTY(BlueprintReadOnly, Category = "Dreamport")
	int64 FramesReplaced = 0;

	/** Frames received in the last second. */
	UPROPERTY(BlueprintReadOnly, Category = "Dreamport")
	float Fps = 0.0f;

	UPROPERTY(BlueprintReadOnly, Category = "Dreamport")
	float JitterMs = 0.0f;

	/** From an input to the arrival of the first frame that applied it, median. */
	UPROPERTY(BlueprintReadOnly, Category = "Dreamport")
	float ControlToFrameMs = 0.0f;

	/** 95th percentile of the same. */
	UPROPERTY(BlueprintReadOnly, Category = "Dreamport")
	float ControlToFrameMs95 = 0.0f;

	UPROPERTY(BlueprintReadOnly, Category = "Dreamport")
	float GenerationMs = 0.0f;

	UPROPERTY(BlueprintReadOnly, Category = "Dreamport")
	float RoundTripMs = 0.0f;

	/** What runs the world: "openvino on CPU, bf16". */
	UPROPERTY(BlueprintReadOnly, Category = "Dreamport")
	FString Executor;

	/** Why it is not the preferred one; empty when it is. */
	UPROPERTY(BlueprintReadOnly, Category = "Dreamport")
	FString FallbackReason;
};

/** How a recording does. */
USTRUCT(BlueprintType)
struct DREAMPORT_API FDreamportRecorderStatistics
{
	GENERATED_BODY()

	/** Frames handed over. */
	UPROPERTY(BlueprintReadOnly, Category = "Dreamport")
	int64 Submitted = 0;

	/** Frames safely on disk. */
	UPROPERTY(BlueprintReadOnly, Category = "Dreamport")
	int64 OnDisk = 0;

	/** Frames not taken because the link, the disk or the GPU was slower than the game. */
	UPROPERTY(BlueprintReadOnly, Category = "Dreamport")
	int64 Dropped = 0;

	/** Frames lost with a broken connection. */
	UPROPERTY(BlueprintReadOnly, Category = "Dreamport")
	int64 Lost = 0;

	/** How full the queue is, 0 to 1; above 0.7 record fewer or smaller frames. */
	UPROPERTY(BlueprintReadOnly, Category = "Dreamport")
	float Pressure = 0.0f;

	/** From hand-over to the disk, milliseconds, median. */
	UPROPERTY(BlueprintReadOnly, Category = "Dreamport")
	float ToDiskMs = 0.0f;
};
