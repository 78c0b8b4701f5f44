// Frames on their way from the GPU to the recorder: a fixed ring between the game thread, which asks, and the render thread, which copies.

#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "Native.h"

namespace Dreamport::Core
{
	/** Input since the last recorded frame. Unlike play, nothing is taken before a frame is really on its way. For one thread. */
	class CapturedInput
	{
	public:
		void Hold(uint32_t Buttons) { Seen |= Buttons; }
		void AddLook(float YawDeg, float PitchDeg)
		{
			Yaw += YawDeg;
			Pitch += PitchDeg;
		}
		/** Writes it into a frame that is on its way, and begins anew. */
		void Take(dp_capture_frame& Out)
		{
			Out.buttons = Seen;
			Out.look_yaw_deg = Yaw;
			Out.look_pitch_deg = Pitch;
			*this = CapturedInput();
		}

	private:
		uint32_t Seen = 0;
		float Yaw = 0.0f;
		float Pitch = 0.0f;
	};

	/** One frame on its way. */
	struct CaptureSlot
	{
		dp_capture_buffer Buffer{};
		dp_capture_frame Frame{};
		/** Index of the engine's readback pair. */
		uint32_t Index = 0;
	};

	/** Copies rows of four-byte pixels; bSwapRedBlue turns B, G, R, A into R, G, B, A. Strides in bytes. */
	void CopyRows(uint8_t* To, uint32_t ToStride, const uint8_t* From, uint32_t FromStride, uint32_t Width, uint32_t Height, bool bSwapRedBlue);

	/**
	 * Slots in the order of capture. The game thread opens and commits, the render thread takes the oldest and finishes it; each side
	 * from one thread. The memory of a slot is the recorder's own, so that pixels are copied once.
	 */
	class CaptureRing
	{
	public:
		static constexpr uint32_t Slots = 4;

		explicit CaptureRing(std::shared_ptr<Recorder> InOwner) : Owner(std::move(InOwner)) {}
		/** Gives back what never came from the GPU. */
		~CaptureRing();
		CaptureRing(const CaptureRing&) = delete;
		CaptureRing& operator=(const CaptureRing&) = delete;

		/** Game thread: a slot with lent memory. Null when all are on their way or the recorder has no memory left: drop this frame. */
		CaptureSlot* Open();
		/** Game thread: the slot of the last Open is on its way. */
		void Commit();
		/** Game thread: the slot of the last Open is not used after all. */
		void Abandon();

		/** Render thread: the oldest on its way; null when there is none. */
		CaptureSlot* Oldest();
		/** Render thread: its pixels are in its buffer. Hands it to the recorder. */
		int32_t Submit();
		/** Render thread: its pixels never come. */
		void Cancel();

		uint32_t OnTheirWay() const { return Written.load(std::memory_order_acquire) - Read.load(std::memory_order_acquire); }
		/** Frames committed so far. */
	uint32_t Committed() const { return Written.load(std::memory_order_acquire); }
	uint64_t Dropped() const { return DroppedFrames.load(std::memory_order_relaxed); }
		dp_recorder* Handle() const { return Owner->Handle(); }

	private:
		std::shared_ptr<Recorder> Owner;
		std::array<CaptureSlot, Slots> Ring{};
		std::atomic<uint32_t> Written{0};
		std::atomic<uint32_t> Read{0};
		std::atomic<uint64_t> DroppedFrames{0};
	};
}
