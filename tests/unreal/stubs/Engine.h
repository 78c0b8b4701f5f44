// Stub of Unreal's Engine, EnhancedInput, NavigationSystem, DeveloperSettings and InputCore modules: a world with actors that tick, textures
// with memory, a camera that "draws" what the test tells it to.

#pragma once

#include "Render.h"

// ---- textures

enum TextureAddress { TA_Wrap, TA_Clamp };
enum TextureFilter { TF_Nearest, TF_Bilinear };
class UTexture : public UObject
{
public:
	FTextureResource* GetResource() const { return Resource.get(); }
	bool SRGB = false;
	bool NeverStream = false;
	TextureFilter Filter = TF_Bilinear;
	virtual ~UTexture() override
	{
		// As the engine does: the resource goes when the render thread has come so far.
		Stub::RenderThread::Get().Enqueue([Kept = Resource](FRHICommandListImmediate&) {});
	}

protected:
	std::shared_ptr<FTextureResource> Resource;
};
class UTexture2D : public UTexture
{
public:
	static UTexture2D* CreateTransient(int32 Width, int32 Height, EPixelFormat Format)
	{
		UTexture2D* Made = NewObject<UTexture2D>();
		Made->Width = Width;
		Made->Height = Height;
		Made->Format = Format;
		return Made;
	}
	int32 GetSizeX() const { return Width; }
	int32 GetSizeY() const { return Height; }
	EPixelFormat GetPixelFormat() const { return Format; }
	void UpdateResource()
	{
		Resource = std::make_shared<FTextureResource>();
		Resource->TextureRHI = std::make_shared<FRHITexture>(Width, Height, Format == PF_G16 ? 2u : 4u);
	}
	void UpdateTextureRegions(int32 MipIndex, uint32 NumRegions, const FUpdateTextureRegion2D* Regions, uint32 SrcPitch, uint32 SrcBpp, uint8* SrcData, TFunction<void(uint8*, const FUpdateTextureRegion2D*)> DataCleanupFunc)
	{
		check(IsInGameThread() && MipIndex == 0 && NumRegions == 1 && Resource != nullptr);
		Stub::RenderThread::Get().Enqueue(
			[Kept = Resource, Regions, SrcPitch, SrcBpp, SrcData, Done = std::move(DataCleanupFunc)](FRHICommandListImmediate&) mutable
			{
				FRHITexture& To = *Kept->TextureRHI;
				check(To.BytesPerPixel == SrcBpp && static_cast<int32>(Regions->Width) == To.Width && static_cast<int32>(Regions->Height) == To.Height);
				for (uint32 Row = 0; Row < Regions->Height; ++Row)
				{
					std::memcpy(To.Bytes.data() + static_cast<std::size_t>(Row) * Regions->Width * SrcBpp, SrcData + static_cast<std::size_t>(Row) * SrcPitch, static_cast<std::size_t>(Regions->Width) * SrcBpp);
				}
				Done(SrcData, Regions);
			});
	}
	TextureAddress AddressX = TA_Wrap, AddressY = TA_Wrap;

private:
	int32 Width = 0, Height = 0;
	EPixelFormat Format = PF_Unknown;
};
enum ETextureRenderTargetFormat { RTF_RGBA8, RTF_RGBA8_SRGB, RTF_R32f };
class UTextureRenderTarget2D : public UTexture
{
public:
	ETextureRenderTargetFormat RenderTargetFormat = RTF_RGBA8;
	FLinearColor ClearColor;
	bool bAutoGenerateMips = false;
	void InitAutoFormat(uint32 InWidth, uint32 InHeight)
	{
		auto Made = std::make_shared<FTextureRenderTargetResource>();
		Made->TextureRHI = std::make_shared<FRHITexture>(static_cast<int32>(InWidth), static_cast<int32>(InHeight), 4u);
		Resource = Made;
	}
	void UpdateResourceImmediate(bool) {}
	EPixelFormat GetFormat() const { return RenderTargetFormat == RTF_R32f ? PF_R32_FLOAT : PF_B8G8R8A8; }
	FTextureRenderTargetResource* GameThread_GetRenderTargetResource() { return static_cast<FTextureRenderTargetResource*>(Resource.get()); }
};

// ---- input

struct FKey
{
	FKey() = default;
	explicit FKey(const FName InName) : Name(InName) {}
	bool IsValid() const { return !Name.IsNone(); }
	bool operator==(const FKey& Other) const { return Name == Other.Name; }
	FName GetFName() const { return Name; }

private:
	FName Name;
};
struct EKeys
{
	static inline const FKey W{FName(u"W")}, A{FName(u"A")}, S{FName(u"S")}, D{FName(u"D")}, Mouse2D{FName(u"Mouse2D")};
};
enum class EInputActionValueType : uint8 { Boolean, Axis1D, Axis2D, Axis3D };
class UInputAction : public UObject
{
public:
	EInputActionValueType ValueType = EInputActionValueType::Boolean;
	bool bConsumeInput = true;
};
struct FInputActionValue
{
	FVector2D Value;
	template <typename T> T Get() const { return Value; }
};
struct FInputActionInstance
{
	const UInputAction* Source = nullptr;
	FInputActionValue Value;
	const UInputAction* GetSourceAction() const { return Source; }
	FInputActionValue GetValue() const { return Value; }
};
enum class ETriggerEvent : uint8 { None = 0, Triggered = 1, Started = 2, Ongoing = 4, Canceled = 8, Completed = 16 };
struct FEnhancedActionKeyMapping { const UInputAction* Action = nullptr; FKey Key; };
class UInputMappingContext : public UObject
{
public:
	FEnhancedActionKeyMapping& MapKey(const UInputAction* Action, FKey ToKey) { Mappings.push_back({Action, ToKey}); return Mappings.back(); }
	std::vector<FEnhancedActionKeyMapping> Mappings;
};
class UInputComponent : public UObject {};
struct FEnhancedInputActionEventBinding { uint32 Handle = 0; uint32 GetHandle() const { return Handle; } };
class UEnhancedInputComponent : public UInputComponent
{
public:
	template <typename Object> FEnhancedInputActionEventBinding& BindAction(const UInputAction* Action, ETriggerEvent Event, Object* Self, void (Object::*Method)(const FInputActionInstance&))
	{
		Bound.push_back({{++Last}, Action, Event, [=](const FInputActionInstance& Instance) { (Self->*Method)(Instance); }});
		return Bound.back().Binding;
	}
	bool RemoveBindingByHandle(const uint32 Handle) { const auto Before = Bound.size(); Bound.erase(std::remove_if(Bound.begin(), Bound.end(), [=](const FEntry& E) { return E.Binding.Handle == Handle; }), Bound.end()); return Bound.size() != Before; }
	/** What the engine does when a key changes. */
	void StubFire(const UInputAction* Action, ETriggerEvent Event, FVector2D Value = FVector2D()) { const auto Now = Bound; for (const FEntry& E : Now) { if (E.Action == Action && E.Event == Event) { E.Call({Action, {Value}}); } } }
	struct FEntry { FEnhancedInputActionEventBinding Binding; const UInputAction* Action; ETriggerEvent Event; std::function<void(const FInputActionInstance&)> Call; };
	std::deque<FEntry> Bound;

private:
	uint32 Last = 0;
};

// ---- actors, components, the world

class AActor;
class APlayerController;
class UGameInstance;
enum ELevelTick { LEVELTICK_All };
enum ETickingGroup { TG_PrePhysics, TG_PostUpdateWork };
namespace EEndPlayReason { enum Type { Destroyed, EndPlayInEditor, Quit }; }
struct FActorComponentTickFunction { bool bCanEverTick = false; ETickingGroup TickGroup = TG_PrePhysics; };

class UActorComponent : public UObject
{
public:
	explicit UActorComponent(const FObjectInitializer& = FObjectInitializer::Get()) {}
	virtual void BeginPlay() { bBegun = true; }
	virtual void EndPlay(const EEndPlayReason::Type) { bBegun = false; }
	virtual void TickComponent(float, ELevelTick, FActorComponentTickFunction*) {}
	void RegisterComponent() {}
	void DestroyComponent(bool = false) {}
	AActor* GetOwner() const;
	void AddTickPrerequisiteComponent(UActorComponent* Component) { Before.push_back(Component); }
	FActorComponentTickFunction PrimaryComponentTick;
	bool bBegun = false;
	std::vector<UActorComponent*> Before;
};
class USceneComponent : public UActorComponent
{
public:
	explicit USceneComponent(const FObjectInitializer& Initializer = FObjectInitializer::Get()) : UActorComponent(Initializer) {}
	void SetupAttachment(USceneComponent* InParent) { Parent = InParent; }
	void SetRelativeTransform(const FTransform& To) { Relative = To; }
	void SetWorldTransform(const FTransform& To)
	{
		Relative = Parent == nullptr || bAbsolute ? To : FTransform(To.GetRelativeTransform(Parent->GetComponentTransform()));
	}
	void SetWorldLocationAndRotation(FVector Location, const FQuat& Rotation) { SetWorldTransform(FTransform(Rotation, Location, GetComponentTransform().GetScale3D())); }
	void SetAbsolute(bool bLocation, bool, bool) { bAbsolute = bLocation; }
	FTransform GetComponentTransform() const { return Parent == nullptr || bAbsolute ? Relative : Relative * Parent->GetComponentTransform(); }
	FVector GetComponentLocation() const { return GetComponentTransform().GetLocation(); }
	FQuat GetComponentQuat() const { return GetComponentTransform().GetRotation(); }

private:
	USceneComponent* Parent = nullptr;
	FTransform Relative;
	bool bAbsolute = false;
};
class UMaterialInterface : public UObject {};
class UMaterialInstanceDynamic : public UMaterialInterface
{
public:
	static UMaterialInstanceDynamic* Create(UMaterialInterface*, UObject* InOuter) { return NewObject<UMaterialInstanceDynamic>(InOuter); }
	void SetTextureParameterValue(FName Parameter, UTexture* Value) { Textures[Stub::Narrow(*Parameter.ToString())] = Value; }
	void SetScalarParameterValue(FName Parameter, float Value) { Scalars[Stub::Narrow(*Parameter.ToString())] = Value; }
	void SetVectorParameterValue(FName Parameter, FLinearColor Value) { Vectors[Stub::Narrow(*Parameter.ToString())] = Value; }
	std::map<std::string, UTexture*> Textures;
	std::map<std::string, float> Scalars;
	std::map<std::string, FLinearColor> Vectors;
};
class UStaticMesh : public UObject {};
class UStaticMeshComponent : public USceneComponent
{
public:
	using USceneComponent::USceneComponent;
	bool SetStaticMesh(UStaticMesh* To) { Mesh = To; return true; }
	void SetMaterial(int32, UMaterialInterface* To) { StubMaterial = To; }
	UStaticMesh* Mesh = nullptr;
	UMaterialInterface* StubMaterial = nullptr;
};

class AActor : public UObject
{
public:
	explicit AActor(const FObjectInitializer& = FObjectInitializer::Get()) {}
	virtual void BeginPlay() {}
	virtual UWorld* GetWorld() const override { return StubWorld; }
	bool SetRootComponent(USceneComponent* To) { Root = To; return true; }
	FVector GetActorLocation() const { return Root != nullptr ? Root->GetComponentLocation() : FVector(); }
	FQuat GetActorQuat() const { return Root != nullptr ? Root->GetComponentQuat() : FQuat(); }
	bool SetActorTransform(const FTransform& To) { Root->SetWorldTransform(To); return true; }
	template <typename T> T* FindComponentByClass() const { for (UActorComponent* Each : Components) { if (T* Found = Cast<T>(Each)) { return Found; } } return nullptr; }
	UWorld* StubWorld = nullptr;
	USceneComponent* Root = nullptr;
	std::vector<UActorComponent*> Components;
};
inline AActor* UActorComponent::GetOwner() const { return Cast<AActor>(GetOuter()); }
inline void Stub::OnSubobject(UObject* Owner, UObject* Made)
{
	AActor* Actor = Cast<AActor>(Owner);
	UActorComponent* Component = Cast<UActorComponent>(Made);
	if (Actor != nullptr && Component != nullptr)
	{
		Actor->Components.push_back(Component);
	}
}

class APlayerCameraManager : public AActor
{
public:
	FVector GetCameraLocation() const { return StubCamera.GetLocation(); }
	FRotator GetCameraRotation() const { return StubRotation; }
	float GetFOVAngle() const { return StubFieldOfView; }
	FTransform StubCamera;
	FRotator StubRotation;
	float StubFieldOfView = 90.0f;
};
class ULocalPlayer : public UObject
{
public:
	template <typename T> static T* GetSubsystem(const ULocalPlayer* Player);
	class UEnhancedInputLocalPlayerSubsystem* Input = nullptr;
};
class UEnhancedInputLocalPlayerSubsystem : public UObject
{
public:
	void AddMappingContext(const UInputMappingContext* Context, int32) { Contexts.push_back(Context); }
	void RemoveMappingContext(const UInputMappingContext* Context) { Contexts.erase(std::remove(Contexts.begin(), Contexts.end(), Context), Contexts.end()); }
	std::vector<const UInputMappingContext*> Contexts;
};
template <typename T> T* ULocalPlayer::GetSubsystem(const ULocalPlayer* Player) { return Player != nullptr ? Player->Input : nullptr; }
class APlayerController : public AActor
{
public:
	TObjectPtr<UInputComponent> InputComponent;
	TObjectPtr<APlayerCameraManager> PlayerCameraManager;
	ULocalPlayer* GetLocalPlayer() const { return StubLocal; }
	bool IsInputKeyDown(const FKey Key) const { return StubDown.count(Stub::Narrow(*Key.GetFName().ToString())) != 0; }
	bool WasInputKeyJustPressed(const FKey Key) const { return StubTapped.count(Stub::Narrow(*Key.GetFName().ToString())) != 0; }
	AActor* GetViewTarget() const { return StubTarget; }
	void SetViewTarget(AActor* To) { StubTarget = To; }
	ULocalPlayer* StubLocal = nullptr;
	AActor* StubTarget = nullptr;
	std::map<std::string, bool> StubDown, StubTapped;
};
class UCameraComponent : public USceneComponent
{
public:
	using USceneComponent::USceneComponent;
	bool bConstrainAspectRatio = true;
	void SetFieldOfView(float To) { StubFieldOfView = To; }
	float StubFieldOfView = 90.0f;
};
class ACameraActor : public AActor
{
public:
	explicit ACameraActor(const FObjectInitializer& Initializer = FObjectInitializer::Get()) : AActor(Initializer) { Camera = CreateDefaultSubobject<UCameraComponent>(FName(u"Camera")); SetRootComponent(Camera); }
	UCameraComponent* GetCameraComponent() const { return Camera; }
	UCameraComponent* Camera;
};

enum ECollisionChannel { ECC_Visibility };
struct FCollisionShape { float Radius = 0; static FCollisionShape MakeSphere(const float InRadius) { return {InRadius}; } };
struct FCollisionQueryParams { FCollisionQueryParams(FName, bool, const AActor*) {} };
struct FHitResult { float Time = 1.0f; bool bStartPenetrating = false; FVector ImpactPoint; };
class UWorld : public UObject
{
public:
	virtual UWorld* GetWorld() const override { return const_cast<UWorld*>(this); }
	UGameInstance* GetGameInstance() const { return Game; }
	APlayerController* GetFirstPlayerController() const { return Player; }
	FString GetMapName() const { return TEXT("StubMap"); }
	template <typename T> T* SpawnActor() { T* Made = NewObject<T>(this); Made->StubWorld = this; Actors.push_back(Made); return Made; }
	bool SweepSingleByChannel(FHitResult& OutHit, const FVector& Start, const FVector& End, const FQuat&, ECollisionChannel, const FCollisionShape& Shape, const FCollisionQueryParams&) const
	{
		OutHit.Time = static_cast<float>(StubSweep ? StubSweep(Start, End, Shape.Radius) : 1.0);
		OutHit.bStartPenetrating = OutHit.Time <= 0.0f;
		return OutHit.Time < 1.0f;
	}
	bool LineTraceSingleByChannel(FHitResult& OutHit, const FVector& Start, const FVector& End, ECollisionChannel, const FCollisionQueryParams&) const
	{
		OutHit.ImpactPoint = FVector(Start.X, Start.Y, 0.0);
		return Start.Z >= 0.0 && End.Z <= 0.0;
	}
	UGameInstance* Game = nullptr;
	APlayerController* Player = nullptr;
	std::vector<AActor*> Actors;
	/** How far a sphere gets from a to b, 0 to 1, centimetres. */
	std::function<double(const FVector&, const FVector&, double)> StubSweep;
};

// ---- subsystems

class FSubsystemCollectionBase {};
class USubsystem : public UObject
{
public:
	virtual void Initialize(FSubsystemCollectionBase&) {}
	virtual void Deinitialize() {}
};
class UGameInstanceSubsystem : public USubsystem {};
class UGameInstance : public UObject
{
public:
	template <typename T> T* GetSubsystem() const { return Cast<T>(Subsystem); }
	USubsystem* Subsystem = nullptr;
};
class UDeveloperSettings : public UObject { public: virtual FName GetCategoryName() const { return NAME_None; } };
class UBlueprintFunctionLibrary : public UObject {};
class UGameplayStatics : public UBlueprintFunctionLibrary { public: static FString GetPlatformName() { return TEXT("Stub"); } };
class UBlueprintAsyncActionBase : public UObject
{
public:
	virtual void Activate() {}
	void RegisterWithGameInstance(const UObject*) {}
	virtual void SetReadyToDestroy() { bStubDone = true; }
	bool bStubDone = false;
};

// ---- navigation: the stub level has none

struct FNavLocation { FVector Location; };
class UNavigationSystemV1 : public UObject
{
public:
	const UObject* GetDefaultNavDataInstance() const { return nullptr; }
	bool ProjectPointToNavigation(const FVector&, FNavLocation&, const FVector&) const { return false; }
};
struct FNavigationSystem { template <typename T> static T* GetCurrent(const UWorld*) { return nullptr; } };

// ---- scene capture

enum ESceneCaptureSource { SCS_FinalColorLDR, SCS_SceneDepth };
namespace Stub
{
	/** Draws a scene as a camera sees it: B, G, R, A bytes, or floats in centimetres. Called on the render thread. */
	inline std::function<void(FRHITexture& To, const FTransform& Camera, float FieldOfView, ESceneCaptureSource Source)> DrawScene;
}
class USceneCaptureComponent2D : public USceneComponent
{
public:
	using USceneComponent::USceneComponent;
	TObjectPtr<UTextureRenderTarget2D> TextureTarget;
	ESceneCaptureSource CaptureSource = SCS_FinalColorLDR;
	float FOVAngle = 90.0f;
	bool bCaptureEveryFrame = true, bCaptureOnMovement = true, bAlwaysPersistRenderingState = false;
	void CaptureScene()
	{
		check(IsInGameThread());
		Stub::RenderThread::Get().Enqueue([To = TextureTarget->GameThread_GetRenderTargetResource(), View = GetComponentTransform(), Fov = FOVAngle, Source = CaptureSource](FRHICommandListImmediate&) { Stub::DrawScene(*To->GetRenderTargetTexture(), View, Fov, Source); });
	}
};

// ---- automation tests

enum class EAutomationTestFlags : uint32 { None = 0, EditorContext = 1, ClientContext = 2, EngineFilter = 0x02000000 };
constexpr EAutomationTestFlags operator|(EAutomationTestFlags A, EAutomationTestFlags B) { return static_cast<EAutomationTestFlags>(static_cast<uint32>(A) | static_cast<uint32>(B)); }
class FAutomationTestBase
{
public:
	explicit FAutomationTestBase(const char* InName) : Name(InName) { All().push_back(this); }
	virtual ~FAutomationTestBase() = default;
	virtual bool RunTest(const FString& Parameters) = 0;
	bool TestTrue(const TCHAR* What, bool bValue) { if (!bValue) { Failures.push_back(Stub::Narrow(What)); } return bValue; }
	template <typename A, typename B> bool TestEqual(const TCHAR* What, const A& Actual, const B& Expected) { return TestTrue(What, Actual == Expected); }
	static std::vector<FAutomationTestBase*>& All() { static std::vector<FAutomationTestBase*> Tests; return Tests; }
	std::string Name;
	std::vector<std::string> Failures;
};
#define IMPLEMENT_SIMPLE_AUTOMATION_TEST(Class, PrettyName, Flags) \
	class Class : public FAutomationTestBase { public: Class() : FAutomationTestBase(PrettyName) { static_assert(static_cast<uint32>(Flags) != 0); } virtual bool RunTest(const FString& Parameters) override; }; \
	static Class StubInstanceOf##Class;
