// One world being played: events in, controls out, frames through. The component above it only translates engine types.

#pragma once

#include <cstdint>
#include <memory>

#include "Input.h"
#include "Native.h"

namespace Dreamport::Core
{
	/** What drives the camera of the world. */
	enum class Driver : uint8_t
	{
		Player, // buttons and look
		Camera, // an engine camera's pose
		Both    // buttons and look are heard, the pose says where the camera is
	};

	/** A session. Methods are for the game thread; none blocks, and none allocates after the first frames. */
	class Session
	{
	public:
		/** Starts connecting. Null when the library refused the options; OutStatus says why. */
		static std::unique_ptr<Session> Open(const dp_client_options& Options, int32_t& OutStatus);

		/** Once a tick, first: reads the status, and the world and format when a session opened. */
		void Poll();
		/** The next event, oldest first; false when there is none. */
		bool NextEvent(dp_event& Out);

		const dp_connection_status& Status() const { return Connection; }
		/** Null until a world is open. */
		const dp_world* World() const { return bHasWorld ? &OpenWorld : nullptr; }
		const dp_frame_format* Format() const { return bHasWorld ? &FrameFormat : nullptr; }
		/** Grows when World() changed: a session was opened. */
		uint32_t WorldRevision() const { return Revision; }

		/** Input that SendControl will take. Buttons are given by name through FindButton. */
		InputSamples Input;

		/**
		 * Hands this tick's input over if there is anything new: a press, a turn, another set of held buttons, or a camera that moved; and
		 * once a frame of the world anyway. Camera: level coordinates, null in Driver::Player. Intrinsics: null for the world's own.
		 * DP_NOTHING_NEW when nothing was sent.
		 */
		int32_t SendControl(Driver Drive, const dp_pose* Camera, const dp_intrinsics* Intrinsics, int64_t NowNs);

		/** As Client::Acquire. */
		int32_t AcquireFrame(dp_frame& Out, uint32_t Readers) { return Shared->Acquire(Out, Readers); }
		const std::shared_ptr<Client>& SharedClient() const { return Shared; }
		dp_client* Handle() const { return Shared->Handle(); }
		void Statistics(dp_statistics& Out) const { dp_client_statistics(Shared->Handle(), &Out); }

	private:
		explicit Session(std::shared_ptr<Client> InShared) : Shared(std::move(InShared)) {}

		std::shared_ptr<Client> Shared;
		dp_connection_status Connection{};
		dp_world OpenWorld{};
		dp_frame_format FrameFormat{};
		bool bHasWorld = false;
		uint32_t Revision = 0;
		uint64_t SessionNumber = 0;
		dp_control Last{};
		int64_t LastSentNs = 0;
	};
}
