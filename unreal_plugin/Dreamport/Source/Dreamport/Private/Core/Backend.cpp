#include "Backend.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "Native.h"

namespace Dreamport::Core
{
	namespace
	{
		const char* SkipSpace(const char* At)
		{
			while (*At == ' ' || *At == '\t' || *At == '\r' || *At == '\n')
			{
				++At;
			}
			return At;
		}

		/** One JSON string, from after its first quote; returns what follows the last one, or null. Escapes other than \" \\ \/ become '?'. */
		const char* ReadString(const char* At, char* Out, std::size_t Capacity)
		{
			std::size_t Length = 0;
			for (; *At != '"'; ++At)
			{
				char Character = *At;
				if (Character == 0)
				{
					return nullptr;
				}
				if (Character == '\\')
				{
					++At;
					if (*At == 0)
					{
						return nullptr;
					}
					Character = *At == '"' || *At == '\\' || *At == '/' ? *At : '?';
				}
				if (Length + 1 < Capacity)
				{
					Out[Length++] = Character;
				}
			}
			Out[Length] = 0;
			return At + 1;
		}

		/** Skips a value that is not wanted, nested ones too; null when it does not end. */
		const char* SkipValue(const char* At)
		{
			char Ignored[4];
			int Depth = 0;
			for (;;)
			{
				At = SkipSpace(At);
				if (*At == 0)
				{
					return nullptr;
				}
				if (*At == '"')
				{
					At = ReadString(At + 1, Ignored, sizeof(Ignored));
					if (At == nullptr)
					{
						return nullptr;
					}
				}
				else if (*At == '[' || *At == '{')
				{
					++Depth;
					++At;
					continue;
				}
				else if (*At == ']' || *At == '}')
				{
					if (Depth == 0)
					{
						return At;
					}
					--Depth;
					++At;
				}
				else
				{
					++At;
					if (Depth == 0 && (*At == ',' || *At == '}'))
					{
						return At;
					}
					continue;
				}
				if (Depth == 0)
				{
					return At;
				}
			}
		}
	}

	bool ParseReadyLine(const char* Line, BackendReady& Out)
	{
		Out = BackendReady{};
		const char* At = SkipSpace(Line);
		if (*At != '{')
		{
			return false;
		}
		At = SkipSpace(At + 1);
		while (*At == '"')
		{
			char Key[32];
			At = ReadString(At + 1, Key, sizeof(Key));
			if (At == nullptr || *(At = SkipSpace(At)) != ':')
			{
				return false;
			}
			At = SkipSpace(At + 1);
			char* To = nullptr;
			std::size_t Capacity = 0;
			if (std::strcmp(Key, "address") == 0)
			{
				To = Out.Address;
				Capacity = sizeof(Out.Address);
			}
			else if (std::strcmp(Key, "executor") == 0)
			{
				To = Out.Executor;
				Capacity = sizeof(Out.Executor);
			}
			else if (std::strcmp(Key, "device") == 0)
			{
				To = Out.Device;
				Capacity = sizeof(Out.Device);
			}
			else if (std::strcmp(Key, "fallback_reason") == 0)
			{
				To = Out.FallbackReason;
				Capacity = sizeof(Out.FallbackReason);
			}
			if (To != nullptr && *At == '"')
			{
				At = ReadString(At + 1, To, Capacity);
			}
			else
			{
				if (std::strcmp(Key, "pid") == 0)
				{
					Out.ProcessId = static_cast<int32_t>(std::strtol(At, nullptr, 10));
				}
				At = SkipValue(At);
			}
			if (At == nullptr)
			{
				return false;
			}
			At = SkipSpace(At);
			if (*At == ',')
			{
				At = SkipSpace(At + 1);
			}
		}
		return *At == '}' && Out.Address[0] != 0;
	}

	bool IsLoopback(const char* Address)
	{
		return std::strncmp(Address, "127.", 4) == 0 || std::strncmp(Address, "localhost:", 10) == 0 || std::strncmp(Address, "[::1]:", 6) == 0;
	}

	int32_t PortOf(const char* Address)
	{
		const char* Colon = std::strrchr(Address, ':');
		if (Colon == nullptr || Colon[1] == 0)
		{
			return -1;
		}
		char* End = nullptr;
		const long Port = std::strtol(Colon + 1, &End, 10);
		return *End == 0 && Port > 0 && Port < 65536 ? static_cast<int32_t>(Port) : -1;
	}

	void BackendPlan::Say(BackendState State, const char* Format, const char* Argument)
	{
		Now = State;
		char Filled[sizeof(Text)];
		std::snprintf(Filled, sizeof(Filled), Format, Argument);
		CopyText(Text, Filled);
	}

	void BackendPlan::Ensure(const char* InAddress, bool bInMayStart)
	{
		const bool bSame = std::strcmp(Wanted, InAddress) == 0;
		bMayStart = bInMayStart;
		if (bSame && (OwnsProcess() || Now == BackendState::Probing))
		{
			return;
		}
		CopyText(Wanted, InAddress);
		Say(BackendState::Probing, "Looking for a backend at %s.", Wanted);
		Due = BackendAction::Probe;
	}

	BackendAction BackendPlan::Next()
	{
		const BackendAction Action = Due;
		Due = BackendAction::None;
		return Action;
	}

	void BackendPlan::OnProbe(int32_t Problem, const char* InMessage)
	{
		if (Now != BackendState::Probing)
		{
			return;
		}
		if (Problem == DP_PROBLEM_NONE)
		{
			Say(BackendState::Attached, "Attached to the backend that already runs at %s.", Wanted);
		}
		else if (Problem != DP_PROBLEM_BACKEND_ABSENT && Problem != DP_PROBLEM_TIMEOUT && Problem != DP_PROBLEM_CONNECTION_LOST)
		{
			// Something answers there: starting a second one at the same port would only hide what is wrong.
			Say(BackendState::Failed, "%s", InMessage);
		}
		else if (!IsLoopback(Wanted))
		{
			Say(BackendState::Failed, "No backend answers at %s. It is another machine: start `dreamport serve` there.", Wanted);
		}
		else if (PortOf(Wanted) < 0)
		{
			Say(BackendState::Failed, "The address %s names no port. Write it as 127.0.0.1:50700 in Project Settings > Plugins > Dreamport.", Wanted);
		}
		else if (!bMayStart)
		{
			Say(BackendState::Failed, "No backend answers at %s, and starting one is switched off in Project Settings > Plugins > Dreamport. Run `dreamport serve` yourself.", Wanted);
		}
		else
		{
			Say(BackendState::Starting, "Starting a backend at %s.", Wanted);
			LastLine[0] = 0;
			Said = BackendReady{};
			Due = BackendAction::Start;
		}
	}

	void BackendPlan::OnStartFailed(const char* Command)
	{
		Say(BackendState::Failed, "Could not start %s. Install Dreamport (in a clone of it: pip install .) and set the command's full path in Project Settings > Plugins > Dreamport.", Command);
	}

	void BackendPlan::OnLine(const char* Line)
	{
		BackendReady Ready;
		if (Now == BackendState::Starting && ParseReadyLine(Line, Ready))
		{
			Said = Ready;
			Say(BackendState::Running, "The backend at %s is ready.", Ready.Address);
		}
		else if (*SkipSpace(Line) != 0)
		{
			CopyText(LastLine, Line);
		}
	}

	void BackendPlan::OnExit(int32_t Code)
	{
		if (!OwnsProcess())
		{
			return;
		}
		char Reason[320];
		std::snprintf(Reason, sizeof(Reason), "(exit code %d). It last said: %s", static_cast<int>(Code), LastLine[0] != 0 ? LastLine : "nothing");
		Say(BackendState::Failed, "The backend that this editor started has ended %s", Reason);
	}

	void BackendPlan::OnStopped()
	{
		Due = BackendAction::None;
		Say(BackendState::Idle, "The backend at %s was stopped.", Wanted);
	}
}
