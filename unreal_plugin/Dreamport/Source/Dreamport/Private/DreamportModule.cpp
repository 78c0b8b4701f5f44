#include "DreamportModule.h"

#include "Backend/DreamportBackend.h"
#include "DreamportTypes.h"
#include "HAL/PlatformProcess.h"
#include "Interfaces/IPluginManager.h"
#include "Misc/CoreDelegates.h"
#include "Misc/Paths.h"
#include "Modules/ModuleManager.h"
#include "RenderingThread.h"
#include "dreamport/core.h"

DEFINE_LOG_CATEGORY(LogDreamport);

namespace
{
#if PLATFORM_WINDOWS
	const TCHAR* LibraryName = TEXT("dreamport_core.dll");
#if PLATFORM_CPU_ARM_FAMILY
	const TCHAR* LibraryFolder = TEXT("windows-arm64");
#else
	const TCHAR* LibraryFolder = TEXT("windows-x64");
#endif
#elif PLATFORM_MAC
	const TCHAR* LibraryName = TEXT("libdreamport_core.dylib");
#if PLATFORM_CPU_ARM_FAMILY
	const TCHAR* LibraryFolder = TEXT("macos-arm64");
#else
	const TCHAR* LibraryFolder = TEXT("macos-x64");
#endif
#else
	const TCHAR* LibraryName = TEXT("libdreamport_core.so");
#if PLATFORM_CPU_ARM_FAMILY
	const TCHAR* LibraryFolder = TEXT("linux-arm64");
#else
	const TCHAR* LibraryFolder = TEXT("linux-x64");
#endif
#endif

	/** The library's threads may need this long to say goodbye to a server. */
	constexpr uint32 ShutdownMilliseconds = 3000;
}

FDreamportModule& FDreamportModule::Get()
{
	return FModuleManager::LoadModuleChecked<FDreamportModule>(TEXT("Dreamport"));
}

void FDreamportModule::StartupModule()
{
	LoadNative();
	if (bNativeReady)
	{
		// After a hot reload of this module the library may still be in memory, shut down.
		dp_restart();
	}
	else
	{
		UE_LOG(LogDreamport, Error, TEXT("%s"), *Reason);
	}
	PreExit = FCoreDelegates::OnPreExit.AddRaw(this, &FDreamportModule::OnPreExit);
}

void FDreamportModule::LoadNative()
{
	// Beside the executable in a packaged game, in ThirdParty in the editor.
	const TSharedPtr<IPlugin> Plugin = IPluginManager::Get().FindPlugin(TEXT("Dreamport"));
	if (Plugin.IsValid())
	{
		const FString Folder = FPaths::Combine(Plugin->GetBaseDir(), TEXT("Source/ThirdParty/DreamportCore"), LibraryFolder);
		FPlatformProcess::PushDllDirectory(*Folder);
		Library = FPlatformProcess::GetDllHandle(*FPaths::Combine(Folder, LibraryName));
		FPlatformProcess::PopDllDirectory(*Folder);
	}
	if (Library == nullptr)
	{
		Library = FPlatformProcess::GetDllHandle(LibraryName);
	}
	if (Library == nullptr)
	{
		Reason = FString::Printf(TEXT("Dreamport: %s was not found. Run `python native/build.py --install` in Dreamport's repository, or install the plugin's zip for this platform again."), LibraryName);
		return;
	}
	if (dp_abi_version() != DP_ABI_VERSION)
	{
		Reason = FString::Printf(TEXT("Dreamport: %s has interface version %u, this plugin needs %u. Install the library that came with the plugin."), LibraryName, dp_abi_version(), DP_ABI_VERSION);
		return;
	}
	bNativeReady = true;
}

void FDreamportModule::OnPreExit()
{
	FDreamportBackend::Get().Stop();
}

void FDreamportModule::ShutdownModule()
{
	FCoreDelegates::OnPreExit.Remove(PreExit);
	FDreamportBackend::Get().Stop();
	if (bNativeReady)
	{
		// Render commands still give frames back.
		FlushRenderingCommands();
		if (dp_shutdown(ShutdownMilliseconds) != DP_OK)
		{
			UE_LOG(LogDreamport, Warning, TEXT("Dreamport's native library did not stop in time; it stays loaded."));
			Library = nullptr;
		}
		bNativeReady = false;
	}
	if (Library != nullptr)
	{
		FPlatformProcess::FreeDllHandle(Library);
		Library = nullptr;
	}
}

IMPLEMENT_MODULE(FDreamportModule, Dreamport)
