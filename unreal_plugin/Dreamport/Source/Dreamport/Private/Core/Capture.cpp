#include "Capture.h"

namespace Dreamport::Core
{
	CaptureRing::~CaptureRing()
	{
		while (Oldest() != nullptr)
		{
			Cancel();
		}
	}

	CaptureSlot* CaptureRing::Open()
	{
		const uint32_t Next = Written.load(std::memory_order_relaxed);
		CaptureSlot& Slot = Ring[Next % Slots];
		// The recorder counts a refusal and leaves a gap in the numbers; a full ring is its refusal too.
		const int32_t Status = dp_recorder_acquire(Owner->Handle(), &Slot.Buffer);
		if (Status == DP_OK && OnTheirWay() == Slots)
		{
			dp_recorder_cancel(Owner->Handle(), Slot.Buffer.lease);
		}
		else if (Status == DP_OK)
		{
			Slot.Index = Next % Slots;
			Slot.Frame = Sized<dp_capture_frame>();
			Slot.Frame.lease = Slot.Buffer.lease;
			return &Slot;
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
