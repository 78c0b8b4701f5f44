// Start a backend, or attach to one that runs: the decision, apart from processes and sockets.

#pragma once

#include <cstdint>

#include "dreamport/core.h"

namespace Dreamport::Core
{
	enum class BackendState : uint8_t
	{
		Idle,     // nobody asked for one
		Probing,  // asking whether one listens at the address
		Attached, // one that somebody else started answers
		Starting, // our process runs and is not ready yet
		Running,  // our process is ready
		Failed    // see Message; Ensure tries again
	};

	enum class BackendAction : uint8_t
	{
		None,
		Probe, // send a world query to the address
		Start  // start the process
	};

	/** What a ready backend printed. Texts are cut to fit. */
	struct BackendReady
	{
		char Address[256];
		char Executor[32];
		char Device[64];
		char FallbackReason[256];
		int32_t ProcessId;
	};

	/** Reads the line of `dreamport serve --json`. False when it is another line. */
	bool ParseReadyLine(const char* Line, BackendReady& Out);

	/** Whether an address is this machine's own ("127.0.0.1:1", "localhost:1", "[::1]:1"). */
	bool IsLoopback(const char* Address);
	/** Port of "host:port"; -1 when there is none. */
	int32_t PortOf(const char* Address);

	/** Decides. Call Ensure when play begins, report what happened, do what Next says. For one thread. */
	class BackendPlan
	{
	public:
		/** Address that play will use; bMayStart: the settings allow to start a process. */
		void Ensure(const char* Address, bool bMayStart);
		/** What to do now; each action is given once. */
		BackendAction Next();

		/** Outcome of a probe: a dp_problem, DP_PROBLEM_NONE when worlds were listed. Message: what the library said. */
		void OnProbe(int32_t Problem, const char* Message);
		/** The process could not be started. */
		void OnStartFailed(const char* Command);
		/** A line of its standard output. */
		void OnLine(const char* Line);
		/** It ended. */
		void OnExit(int32_t Code);
		/** Somebody stopped it. */
		void OnStopped();

		BackendState State() const { return Now; }
		/** For people: what is going on and what to do. */
		const char* Message() const { return Text; }
		const BackendReady& Ready() const { return Said; }
		const char* Address() const { return Wanted; }
		/** Whether our own process should be alive. */
		bool OwnsProcess() const { return Now == BackendState::Starting || Now == BackendState::Running; }

	private:
		void Say(BackendState State, const char* Format, const char* Argument = "");

		BackendState Now = BackendState::Idle;
		BackendAction Due = BackendAction::None;
		bool bMayStart = false;
		char Wanted[256] = {};
		char Text[768] = {};
		char LastLine[256] = {};
		BackendReady Said{};
	};
}
