// The GPU's side of recording: a pool of read-backs, copied straight into the recorder's memory.

#pragma once

#include "Core/Capture.h"
#include "CoreMinimal.h"
#include "RHIGPUReadback.h"

class UTextureRenderTarget2D;

/**
 * One pair of read-backs a slot of the ring. Shared with render commands, so that it ends on the render thread after the last of them.
 * The game thread calls Enqueue and Pump once a frame; neither waits.
 */
class FDreamportReadback : public TSharedFromThis<FDreamportReadback, ESPMode::ThreadSafe>
{
public:
	FDreamportReadback(std::shared_ptr<Dreamport::Core::Recorder> Recorder, int32 InWidth, int32 InHeight, double InDepthNear);

	/** Game thread. */
	Dreamport::Core::CaptureRing Ring;

	/** Game thread, after the cameras have rendered into the targets: the slot opened last is on its way. Depth may be null. */
	void Enqueue(UTextureRenderTarget2D* Colour, UTextureRenderTarget2D* Depth);
	/** Game thread: the render thread hands over what has arrived. */
	void Pump();
	/** Game thread: the render thread waits for the GPU and hands everything over. */
	void Drain();

private:
	void Copy_RenderThread(bool bEvenIfNotReady);

	struct FPair
	{
		TUniquePtr<FRHIGPUTextureReadback> Colour;
		TUniquePtr<FRHIGPUTextureReadback> Depth;
		bool bDepth = false;
		/** Unreal's RGBA8 render targets hold B, G, R, A. */
		bool bSwapRedBlue = false;
	};

	TStaticArray<FPair, Dreamport::Core::CaptureRing::Slots> Pool;
	int32 Width;
	int32 Height;
	/** Metres. */
	double DepthNear;
};
