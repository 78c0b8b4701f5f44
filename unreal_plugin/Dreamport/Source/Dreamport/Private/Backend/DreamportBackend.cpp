#include "Backend/DreamportBackend.h"

#include "Core/Backend.h"
#include "DreamportModule.h"
#include "DreamportNative.h"
#include "DreamportSettings.h"
#include "HAL/PlatformMisc.h"
#include "Misc/Paths.h"

using Dreamport::Core::BackendAction;
using Dreamport::Core::BackendPlan;
using Dreamport::Core::BackendState;

namespace
{
	/** Full path of a command that is looked for on the PATH: CreateProc does that on Windows only. Unchanged when it is not found. */
	FString FindCommand(const FString& Command)
	{
		if (Command.Contains(TEXT("/")) || Command.Contains(TEXT("\\")))
		{
			return Command;
		}
		FString Rest = FPlatformMisc::GetEnvironmentVariable(TEXT("PATH"));
		FString Folder;
		for (bool bMore = true; bMore;)
		{
			FString Tail;
			bMore = Rest.Split(FPlatformMisc::GetPathVarDelimiter(), &Folder, &Tail);
			if (!bMore)
			{
				Folder = Rest;
			}
			Rest = Tail;
			const FString Candidate = FPaths::Combine(Folder, Command);
			for (const TCHAR* Ending : {TEXT(""), TEXT(".exe")})
			{
				if (!Folder.IsEmpty() && FPaths::FileExists(Candidate + Ending))
				{
					return Candidate + Ending;
				}
			}
		}
		return Command;
	}
}

struct FDreamportBackend::FState
{
	BackendPlan Plan;
	TUniquePtr<Dreamport::Core::Query> Query;
};

FDreamportBackend& FDreamportBackend::Get()
{
	static FDreamportBackend Backend;
	return Backend;
}

FDreamportBackend::FDreamportBackend() : State(MakePimpl<FState>()) {}

FDreamportBackend::~FDreamportBackend() = default;

void FDreamportBackend::Ensure()
{
	if (!FDreamportModule::Get().IsNativeReady())
	{
		return;
	}
	const UDreamportSettings* Settings = GetDefault<UDreamportSettings>();
	State->Plan.Ensure(TCHAR_TO_UTF8(*Settings->Address), Settings->bStartBackend && !Settings->bUseTls);
	if (!Ticker.IsValid())
	{
		Ticker = FTSTicker::GetCoreTicker().AddTicker(FTickerDelegate::CreateRaw(this, &FDreamportBackend::Tick), 0.05f);
	}
	Tick(0.0f);
}

void FDreamportBackend::Stop()
{
	if (Ticker.IsValid())
	{
		FTSTicker::RemoveTicker(Ticker);
		Ticker.Reset();
	}
	State->Query.Reset();
	if (Process.IsValid())
	{
		FPlatformProcess::TerminateProc(Process, true);
		CloseProcess();
	}
	if (State->Plan.State() != BackendState::Idle)
	{
		State->Plan.OnStopped();
	}
}

void FDreamportBackend::Restart()
{
	Stop();
	Ensure();
}

bool FDreamportBackend::Tick(float)
{
	BackendPlan& Plan = State->Plan;
	if (State->Query.IsValid())
	{
		const int32 Status = State->Query->Poll();
		if (Status != DP_NOTHING_NEW)
		{
			if (Status == DP_OK)
			{
				Worlds.Reset();
				dp_world World;
				for (uint32 Index = 0; State->Query->World(Index, World); ++Index)
				{
					FDreamportBackendWorld& Listed = Worlds.AddDefaulted_GetRef();
					Listed.Name = UTF8_TO_TCHAR(World.name);
					Listed.Title = UTF8_TO_TCHAR(World.title);
					Listed.Licence = UTF8_TO_TCHAR(World.licence);
					Listed.Width = static_cast<int32>(World.width);
					Listed.Height = static_cast<int32>(World.height);
					Listed.FrameRate = World.frame_rate;
				}
			}
			Plan.OnProbe(Status == DP_OK ? DP_PROBLEM_NONE : State->Query->Status.problem, State->Query->Status.message);
			State->Query.Reset();
		}
	}
	if (Process.IsValid())
	{
		const bool bWasReady = Plan.State() == BackendState::Running;
		ReadOutput();
		if (!bWasReady && Plan.State() == BackendState::Running)
		{
			Probe();
		}
		if (!FPlatformProcess::IsProcRunning(Process))
		{
			int32 Code = -1;
			FPlatformProcess::GetProcReturnCode(Process, &Code);
			Plan.OnExit(Code);
			UE_LOG(LogDreamport, Error, TEXT("%s"), UTF8_TO_TCHAR(Plan.Message()));
			CloseProcess();
		}
	}
	switch (Plan.Next())
	{
	case BackendAction::Probe: Probe(); break;
	case BackendAction::Start: Start(); break;
	case BackendAction::None: break;
	}
	return true;
}

void FDreamportBackend::Probe()
{
	State->Query = MakeUnique<Dreamport::Core::Query>(Dreamport::EndpointFromSettings());
}

void FDreamportBackend::Start()
{
	const UDreamportSettings* Settings = GetDefault<UDreamportSettings>();
	const FString Arguments = FString::Printf(TEXT("serve --json --port %d --exit-with %u %s"),
		Dreamport::Core::PortOf(State->Plan.Address()), FPlatformProcess::GetCurrentProcessId(), *Settings->BackendArguments);
	FPlatformProcess::CreatePipe(ReadEnd, WriteEnd);
	UE_LOG(LogDreamport, Log, TEXT("Starting %s %s"), *Settings->BackendCommand, *Arguments);
	Process = FPlatformProcess::CreateProc(*FindCommand(Settings->BackendCommand), *Arguments, false, true, true, nullptr, 0, nullptr, WriteEnd);
	if (!Process.IsValid())
	{
		State->Plan.OnStartFailed(TCHAR_TO_UTF8(*Settings->BackendCommand));
		UE_LOG(LogDreamport, Error, TEXT("%s"), UTF8_TO_TCHAR(State->Plan.Message()));
		CloseProcess();
	}
}

void FDreamportBackend::ReadOutput()
{
	PartOfLine += FPlatformProcess::ReadPipe(ReadEnd);
	FString Line;
	FString Rest;
	while (PartOfLine.Split(TEXT("\n"), &Line, &Rest))
	{
		State->Plan.OnLine(TCHAR_TO_UTF8(*Line));
		PartOfLine = Rest;
	}
}

void FDreamportBackend::CloseProcess()
{
	FPlatformProcess::CloseProc(Process);
	Process.Reset();
	FPlatformProcess::ClosePipe(ReadEnd, WriteEnd);
	ReadEnd = nullptr;
	WriteEnd = nullptr;
	PartOfLine.Reset();
}

EDreamportBackendState FDreamportBackend::GetState() const
{
	switch (State->Plan.State())
	{
	case BackendState::Idle: return EDreamportBackendState::Idle;
	case BackendState::Probing: return EDreamportBackendState::Looking;
	case BackendState::Attached: return EDreamportBackendState::Attached;
	case BackendState::Starting: return EDreamportBackendState::Starting;
	case BackendState::Running: return EDreamportBackendState::Running;
	case BackendState::Failed: return EDreamportBackendState::Failed;
	}
	return EDreamportBackendState::Failed;
}

FString FDreamportBackend::GetStatusText() const
{
	if (!FDreamportModule::Get().IsNativeReady())
	{
		return FDreamportModule::Get().Why();
	}
	return UTF8_TO_TCHAR(State->Plan.Message());
}

FString FDreamportBackend::GetExecutor() const
{
	const Dreamport::Core::BackendReady& Ready = State->Plan.Ready();
	if (Ready.Executor[0] == 0)
	{
		return FString();
	}
	const FString Name = FString::Printf(TEXT("%s on %s"), UTF8_TO_TCHAR(Ready.Executor), UTF8_TO_TCHAR(Ready.Device));
	return Ready.FallbackReason[0] == 0 ? Name : FString::Printf(TEXT("%s, because %s"), *Name, UTF8_TO_TCHAR(Ready.FallbackReason));
}

FString FDreamportBackend::GetDiagnostics() const
{
	if (!FDreamportModule::Get().IsNativeReady())
	{
		return FDreamportModule::Get().Why();
	}
	return Dreamport::DiagnosticsText([this](Dreamport::Core::DiagnosticsInput& Input) { Input.Backend = &State->Plan; });
}

const BackendPlan& FDreamportBackend::GetPlan() const
{
	return State->Plan;
}
