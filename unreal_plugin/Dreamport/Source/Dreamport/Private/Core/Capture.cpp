#include "Capture.h"

#include <cstring>

namespace Dreamport::Core
{
	void CopyRows(uint8_t* To, uint32_t ToStride, const uint8_t* From, uint32_t FromStride, uint32_t Width, uint32_t Height, bool bSwapRedBlue)
	{
		for (uint32_t Row = 0; Row < Height; ++Row)
		{
			uint8_t* Target = To + static_cast<std::size_t>(Row) * ToStride;
			const uint8_t* Source = From + static_cast<std::size_t>(Row) * FromStride;
			if (!bSwapRedBlue)
			{
				std::memcpy(Target, Source, static_cast<std::size_t>(Width) * 4);
				continue;
			}
			for (uint32_t Pixel = 0; Pixel < Width; ++Pixel)
			{
				// Little-endian on every platform of the plugin: red is the third byte of B, G, R, A.
				uint32_t Value;
				std::memcpy(&Value, Source + Pixel * 4, 4);
				Value = (Value & 0xFF00FF00u) | (Value & 0x00FF0000u) >> 16 | (Value & 0x000000FFu) << 16;
				std::memcpy(Target + Pixel * 4, &Value, 4);
			}
		}
	}

	CaptureRing::~CaptureRing()
	{
		while (Oldest() != nullptr)
		{
			Cancel();
		}
	}

	CaptureSlot* CaptureRing::Open()
	{
		// The recorder counts a refusal and leaves a gap in the numbers; a full ring is its refusal too. In a full ring the next slot is the
		// oldest one, which the render thread still reads: it is not touched.
		dp_capture_buffer Buffer;
		const int32_t Status = dp_recorder_acquire(Owner->Handle(), &Buffer);
		if (Status == DP_OK && OnTheirWay() < Slots)
		{
			const uint32_t Next = Written.load(std::memory_order_relaxed);
			CaptureSlot& Slot = Ring[Next % Slots];
			Slot.Buffer = Buffer;
			Slot.Index = Next % Slots;
			Slot.Frame = Sized<dp_capture_frame>();
			Slot.Frame.lease = Buffer.lease;
			return &Slot;
		}
		if (Status == DP_OK)
		{
			dp_recorder_cancel(Owner->Handle(), Buffer.lease);
		}
		DroppedFrames.fetch_add(1, std::memory_order_relaxed);
		return nullptr;
	}

	void CaptureRing::Commit()
	{
		Written.fetch_add(1, std::memory_order_release);
	}

	void CaptureRing::Abandon()
	{
		dp_recorder_cancel(Owner->Handle(), Ring[Written.load(std::memory_order_relaxed) % Slots].Buffer.lease);
		DroppedFrames.fetch_add(1, std::memory_order_relaxed);
	}

	CaptureSlot* CaptureRing::Oldest()
	{
		return OnTheirWay() == 0 ? nullptr : &Ring[Read.load(std::memory_order_relaxed) % Slots];
	}

	int32_t CaptureRing::Submit()
	{
		const CaptureSlot& Slot = Ring[Read.load(std::memory_order_relaxed) % Slots];
		const int32_t Status = dp_recorder_submit(Owner->Handle(), &Slot.Frame);
		if (Status != DP_OK)
		{
			// Not taken (the recorder has failed, or the pose is none): its memory must come back.
			dp_recorder_cancel(Owner->Handle(), Slot.Buffer.lease);
			DroppedFrames.fetch_add(1, std::memory_order_relaxed);
		}
		Read.fetch_add(1, std::memory_order_release);
		return Status;
	}

	void CaptureRing::Cancel()
	{
		dp_recorder_cancel(Owner->Handle(), Ring[Read.load(std::memory_order_relaxed) % Slots].Buffer.lease);
		Read.fetch_add(1, std::memory_order_release);
		DroppedFrames.fetch_add(1, std::memory_order_relaxed);
	}
}
