// Stub of Unreal's RHI, RenderCore, Renderer and of the parts of Engine that draw. There is one render thread, a real one; "GPU" work is
// done on it at once, and read-backs are ready only frames later, as with a GPU.

#pragma once

#include <condition_variable>
#include <thread>

#include "Object.h"

enum EPixelFormat { PF_Unknown, PF_B8G8R8A8, PF_R8G8B8A8, PF_G16, PF_R32_FLOAT };
enum EShaderFrequency { SF_Vertex, SF_Pixel };
enum ESamplerFilter { SF_Point, SF_Bilinear };
enum ESamplerAddressMode { AM_Wrap, AM_Clamp };
enum EShaderPlatform { SP_Stub };
namespace ERHIFeatureLevel { enum Type { ES3_1, SM5, SM6 }; }
inline bool IsFeatureLevelSupported(EShaderPlatform, ERHIFeatureLevel::Type) { return true; }

class FRHICommandList { public: void BlockUntilGPUIdle() { bIdle = true; } bool bIdle = false; };
class FRHICommandListImmediate : public FRHICommandList {};
struct FDynamicRHI { const TCHAR* GetName() const { return u"StubRHI"; } };
inline FDynamicRHI* GDynamicRHI = nullptr;

namespace Stub
{
	/** The render thread: a ring of commands of fixed size, so that enqueuing allocates nothing. */
	class RenderThread
	{
	public:
		static RenderThread& Get() { static RenderThread Thread; return Thread; }
		template <typename Callable> void Enqueue(Callable Command)
		{
			static_assert(sizeof(Callable) <= sizeof(Slot::Bytes), "a larger slot is needed");
			std::unique_lock Lock(Mutex);
			Change.wait(Lock, [this] { return Written - Read < Ring.size(); });
			Slot& To = Ring[Written % Ring.size()];
			new (To.Bytes) Callable(std::move(Command));
			To.Call = [](void* At, FRHICommandListImmediate& List) { Callable& C = *static_cast<Callable*>(At); C(List); C.~Callable(); };
			++Written;
			Change.notify_all();
		}
		void Flush() { std::unique_lock Lock(Mutex); const uint64 Until = Written; Change.wait(Lock, [&] { return Read >= Until; }); }
		/** While held, no command begins: a render thread that lags behind. */
		void Hold(bool bNow) { const std::lock_guard Lock(Mutex); bHeld = bNow; Change.notify_all(); }
		bool IsCurrent() const { return std::this_thread::get_id() == Thread.get_id(); }

	private:
		struct Slot { alignas(std::max_align_t) unsigned char Bytes[512]; void (*Call)(void*, FRHICommandListImmediate&); };
		RenderThread() : Ring(256), Thread([this] { Run(); }) {}
		~RenderThread() { { const std::lock_guard Lock(Mutex); bStop = true; bHeld = false; } Change.notify_all(); Thread.join(); }
		void Run()
		{
			FRHICommandListImmediate List;
			std::unique_lock Lock(Mutex);
			for (;;)
			{
				Change.wait(Lock, [this] { return (Read != Written && !bHeld) || (bStop && Read == Written); });
				if (Read == Written)
				{
					return;
				}
				Slot& At = Ring[Read % Ring.size()];
				Lock.unlock();
				At.Call(At.Bytes, List);
				Lock.lock();
				++Read;
				Change.notify_all();
			}
		}
		std::mutex Mutex;
		std::condition_variable Change;
		std::vector<Slot> Ring;
		uint64 Written = 0, Read = 0;
		bool bStop = false, bHeld = false;
		std::thread Thread;
	};
}
#define ENQUEUE_RENDER_COMMAND(Type) [](auto&& Command) { Stub::RenderThread::Get().Enqueue(std::move(Command)); }
inline void FlushRenderingCommands() { Stub::RenderThread::Get().Flush(); }
inline bool IsInGameThread() { return !Stub::RenderThread::Get().IsCurrent(); }
inline bool IsInRenderingThread() { return Stub::RenderThread::Get().IsCurrent(); }

struct FUpdateTextureRegion2D
{
	uint32 DestX = 0, DestY = 0;
	int32 SrcX = 0, SrcY = 0;
	uint32 Width = 0, Height = 0;
	FUpdateTextureRegion2D() = default;
	FUpdateTextureRegion2D(uint32 InDestX, uint32 InDestY, int32 InSrcX, int32 InSrcY, uint32 InWidth, uint32 InHeight) : DestX(InDestX), DestY(InDestY), SrcX(InSrcX), SrcY(InSrcY), Width(InWidth), Height(InHeight) {}
};

class FRHITexture
{
public:
	FRHITexture(int32 InWidth, int32 InHeight, uint32 InBytesPerPixel) : Width(InWidth), Height(InHeight), BytesPerPixel(InBytesPerPixel), Bytes(static_cast<std::size_t>(InWidth) * static_cast<std::size_t>(InHeight) * InBytesPerPixel) {}
	int32 Width, Height;
	uint32 BytesPerPixel;
	std::vector<uint8> Bytes;
};
template <typename T> class TRefCountPtr
{
public:
	TRefCountPtr() = default;
	TRefCountPtr(std::nullptr_t) {}
	TRefCountPtr(std::shared_ptr<T> From) : Value(std::move(From)) {}
	bool IsValid() const { return Value != nullptr; }
	operator T*() const { return Value.get(); }
	std::shared_ptr<T> Value;
};
using FTextureRHIRef = TRefCountPtr<FRHITexture>;
class FTextureResource { public: virtual ~FTextureResource() = default; FTextureRHIRef TextureRHI; };
class FTextureRenderTargetResource : public FTextureResource { public: FRHITexture* GetRenderTargetTexture() const { return TextureRHI; } };

namespace Stub
{
	/** Frames that the "GPU" has finished, and after how many a read-back is there. */
	inline std::atomic<long> GpuFrame{0};
	inline std::atomic<long> GpuLatency{2};
}
class FRHIGPUTextureReadback
{
public:
	explicit FRHIGPUTextureReadback(const TCHAR*) {}
	void EnqueueCopy(FRHICommandList&, FRHITexture* Source, const FIntVector&, uint32, const FIntVector& Size)
	{
		check(IsInRenderingThread());
		check(!bLocked && Size.X == Source->Width && Size.Y == Source->Height);
		// Rows are padded, as drivers do.
		Pitch = (Size.X + 63) / 64 * 64;
		Staging.resize(static_cast<std::size_t>(Pitch) * static_cast<std::size_t>(Size.Y) * Source->BytesPerPixel);
		const std::size_t Row = static_cast<std::size_t>(Size.X) * Source->BytesPerPixel;
		for (int32 Y = 0; Y < Size.Y; ++Y)
		{
			std::memcpy(Staging.data() + static_cast<std::size_t>(Y) * static_cast<std::size_t>(Pitch) * Source->BytesPerPixel, Source->Bytes.data() + static_cast<std::size_t>(Y) * Row, Row);
		}
		Begun = Stub::GpuFrame;
	}
	bool IsReady() { check(IsInRenderingThread()); return Stub::GpuFrame >= Begun + Stub::GpuLatency; }
	void* Lock(int32& OutRowPitchInPixels, int32* = nullptr) { check(IsInRenderingThread() && !bLocked); bLocked = true; OutRowPitchInPixels = Pitch; return Staging.data(); }
	void Unlock() { check(bLocked); bLocked = false; }

private:
	std::vector<uint8> Staging;
	int32 Pitch = 0;
	long Begun = 0;
	bool bLocked = false;
};

// ---- render graph and shaders

struct FRDGTexture { int32 Width = 0, Height = 0; };
using FRDGTextureRef = FRDGTexture*;
struct FRDGEventName {};
#define RDG_EVENT_NAME(Name) FRDGEventName()
class FRDGBuilder
{
public:
	template <typename T> T* AllocParameters() { auto Owned = std::make_shared<T>(); T* Made = Owned.get(); Kept.push_back(Owned); return Made; }
	std::vector<std::shared_ptr<void>> Kept;
};
enum class ERenderTargetLoadAction : uint8 { ENoAction, ELoad, EClear };
struct FRenderTargetBinding { FRDGTextureRef Texture = nullptr; };
struct FRHISamplerState {};
template <ESamplerFilter, ESamplerAddressMode, ESamplerAddressMode, ESamplerAddressMode> struct TStaticSamplerState { static FRHISamplerState* GetRHI() { static FRHISamplerState State; return &State; } };

struct FViewUniformShaderParameters {};
template <typename T> struct TUniformBufferRef { const T* Value = nullptr; };
struct FSceneTextureShaderParameters {};
struct FScreenPassTextureViewportParameters { FVector2f Extent; };
#define BEGIN_SHADER_PARAMETER_STRUCT(Name, Prefix) struct Name {
#define END_SHADER_PARAMETER_STRUCT() };
#define SHADER_PARAMETER(Type, Name) Type Name{};
#define SHADER_PARAMETER_STRUCT(Type, Name) Type Name{};
#define SHADER_PARAMETER_STRUCT_INCLUDE(Type, Name) Type Name{};
#define SHADER_PARAMETER_STRUCT_REF(Type, Name) TUniformBufferRef<Type> Name{};
#define SHADER_PARAMETER_RDG_TEXTURE(Type, Name) FRDGTextureRef Name = nullptr;
#define SHADER_PARAMETER_TEXTURE(Type, Name) FRHITexture* Name = nullptr;
#define SHADER_PARAMETER_SAMPLER(Type, Name) FRHISamplerState* Name = nullptr;
#define RENDER_TARGET_BINDING_SLOTS() FRenderTargetBinding RenderTargets[8];

struct FGlobalShaderPermutationParameters { EShaderPlatform Platform = SP_Stub; };
class FGlobalShader {};
struct FGlobalShaderMap {};
inline FGlobalShaderMap* GetGlobalShaderMap(ERHIFeatureLevel::Type) { static FGlobalShaderMap Map; return &Map; }
template <typename T> struct TShaderRef {};
template <typename T> struct TShaderMapRef : TShaderRef<T> { explicit TShaderMapRef(const FGlobalShaderMap*) {} };
namespace Stub { struct FShaderEntry { std::string File, Function; EShaderFrequency Frequency; }; inline std::vector<FShaderEntry>& Shaders() { static std::vector<FShaderEntry> All; return All; } inline std::map<std::string, std::string>& ShaderFolders() { static std::map<std::string, std::string> All; return All; } }
#define DECLARE_GLOBAL_SHADER(Class) static const bool bStubRegistered
#define SHADER_USE_PARAMETER_STRUCT(Class, Base) using FStubBase = Base
#define IMPLEMENT_GLOBAL_SHADER(Class, File, Function, Frequency) const bool Class::bStubRegistered = (Stub::Shaders().push_back({File, Function, Frequency}), Class::ShouldCompilePermutation(FGlobalShaderPermutationParameters()))
inline void AddShaderSourceDirectoryMapping(const FString& Virtual, const FString& Real) { Stub::ShaderFolders()[Stub::Narrow(*Virtual)] = Stub::Narrow(*Real); }

struct FScreenPassTexture;
struct FScreenPassTextureSlice { FRDGTextureRef Texture = nullptr; };
struct FScreenPassTexture
{
	FScreenPassTexture() = default;
	explicit FScreenPassTexture(FRDGTextureRef InTexture) : Texture(InTexture) {}
	static FScreenPassTexture CopyFromSlice(FRDGBuilder&, const FScreenPassTextureSlice& Slice) { return FScreenPassTexture(Slice.Texture); }
	bool IsValid() const { return Texture != nullptr; }
	FRDGTextureRef Texture = nullptr;
};
struct FScreenPassRenderTarget : FScreenPassTexture
{
	using FScreenPassTexture::FScreenPassTexture;
	static FScreenPassRenderTarget CreateFromInput(FRDGBuilder& GraphBuilder, FScreenPassTexture Input, ERenderTargetLoadAction, const TCHAR*) { FRDGTexture* Made = GraphBuilder.AllocParameters<FRDGTexture>(); *Made = *Input.Texture; return FScreenPassRenderTarget(Made); }
	FRenderTargetBinding GetRenderTargetBinding() const { return {Texture}; }
};
struct FScreenPassTextureViewport
{
	explicit FScreenPassTextureViewport(FScreenPassTexture InTexture) : Texture(InTexture) {}
	FScreenPassTexture Texture;
};
inline FScreenPassTextureViewportParameters GetScreenPassTextureViewportParameters(const FScreenPassTextureViewport& Viewport) { return {FVector2f(static_cast<float>(Viewport.Texture.Texture->Width), static_cast<float>(Viewport.Texture.Texture->Height))}; }

struct FViewMatrices
{
	FMatrix InvView, Projection;
	const FMatrix& GetInvViewMatrix() const { return InvView; }
	const FMatrix& GetProjectionMatrix() const { return Projection; }
};
class FSceneView
{
public:
	FViewMatrices ViewMatrices;
	TUniformBufferRef<FViewUniformShaderParameters> ViewUniformBuffer;
	bool bIsSceneCapture = false;
	bool bIsReflectionCapture = false;
	ERHIFeatureLevel::Type GetFeatureLevel() const { return ERHIFeatureLevel::SM6; }
};
class FSceneViewFamily {};
struct FScreenPassViewInfo { FScreenPassViewInfo(const FSceneView& InView) : View(InView) {} const FSceneView& View; };
enum class EScreenPassDrawFlags : uint8 { None };
namespace Stub { inline std::function<void(const void* Parameters)> OnDrawScreenPass; }
template <typename PixelShaderType>
void AddDrawScreenPass(FRDGBuilder&, FRDGEventName&&, FScreenPassViewInfo, const FScreenPassTextureViewport&, const FScreenPassTextureViewport&, const TShaderRef<PixelShaderType>&, typename PixelShaderType::FParameters* Parameters, EScreenPassDrawFlags = EScreenPassDrawFlags::None)
{
	if (Stub::OnDrawScreenPass)
	{
		Stub::OnDrawScreenPass(Parameters);
	}
}
enum class EPostProcessMaterialInput : uint32 { SceneColor = 0 };
struct FPostProcessMaterialInputs
{
	FScreenPassRenderTarget OverrideOutput;
	FSceneTextureShaderParameters SceneTextures;
	FScreenPassTextureSlice StubSceneColor;
	FScreenPassTextureSlice GetInput(EPostProcessMaterialInput) const { return StubSceneColor; }
	FScreenPassTexture ReturnUntouchedSceneColorForPostProcessing(FRDGBuilder&) const { return FScreenPassTexture(StubSceneColor.Texture); }
};

// ---- view extensions

using FStubPassDelegate = TDelegate<FScreenPassTexture(FRDGBuilder&, const FSceneView&, const FPostProcessMaterialInputs&)>;
#if STUB_ENGINE_MINOR < 6
using FAfterPassCallbackDelegate = FStubPassDelegate;
using FAfterPassCallbackDelegateArray = TArray<FAfterPassCallbackDelegate>;
using FStubPassDelegateArray = FAfterPassCallbackDelegateArray;
#else
using FPostProcessingPassDelegate = FStubPassDelegate;
using FPostProcessingPassDelegateArray = TArray<FPostProcessingPassDelegate>;
using FStubPassDelegateArray = FPostProcessingPassDelegateArray;
#endif
struct FSceneViewExtensionContext { UWorld* World = nullptr; UWorld* GetWorld() const { return World; } };
class ISceneViewExtension
{
public:
#if STUB_ENGINE_MINOR < 7
	enum class EPostProcessingPass : uint32 { BeforeDOF, AfterDOF, TranslucencyAfterDOF, SSRInput, ReplacingTonemapper, MotionBlur, Tonemap, FXAA, VisualizeDepthOfField, MAX };
#else
	enum class EPostProcessingPass : uint32 { BeforeDOF, AfterDOF, TranslucencyAfterDOF, SSRInput, ReplacingTonemapper, MotionBlur, Tonemap, FXAA, SMAA, VisualizeDepthOfField, MAX };
#endif
	virtual ~ISceneViewExtension() = default;
	virtual void SetupViewFamily(FSceneViewFamily&) = 0;
	virtual void SetupView(FSceneViewFamily&, FSceneView&) = 0;
	virtual void BeginRenderViewFamily(FSceneViewFamily&) = 0;
	virtual void SubscribeToPostProcessingPass(EPostProcessingPass, const FSceneView&, FStubPassDelegateArray&, bool) {}
	bool IsActiveThisFrame(const FSceneViewExtensionContext& Context) const { return IsActiveThisFrame_Internal(Context); }

protected:
	virtual bool IsActiveThisFrame_Internal(const FSceneViewExtensionContext&) const { return true; }
};
struct FAutoRegister {};
class FSceneViewExtensionBase : public ISceneViewExtension, public TSharedFromThis<FSceneViewExtensionBase, ESPMode::ThreadSafe>
{
public:
	explicit FSceneViewExtensionBase(const FAutoRegister&) {}
};
class FSceneViewExtensions
{
public:
	template <typename T, typename... Types> static TSharedRef<T, ESPMode::ThreadSafe> NewExtension(Types&&... Arguments)
	{
		TSharedRef<T, ESPMode::ThreadSafe> Made = MakeShared<T, ESPMode::ThreadSafe>(FAutoRegister(), std::forward<Types>(Arguments)...);
		Known().push_back(Made.Value);
		return Made;
	}
	static std::vector<std::weak_ptr<ISceneViewExtension>>& Known() { static std::vector<std::weak_ptr<ISceneViewExtension>> All; return All; }
};
