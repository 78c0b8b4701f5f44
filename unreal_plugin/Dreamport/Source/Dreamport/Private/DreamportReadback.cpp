#include "DreamportReadback.h"

#include "Engine/TextureRenderTarget2D.h"
#include "RHICommandList.h"
#include "RenderingThread.h"
#include "TextureResource.h"

using Dreamport::Core::CaptureSlot;

FDreamportReadback::FDreamportReadback(std::shared_ptr<Dreamport::Core::Recorder> Recorder, int32 InWidth, int32 InHeight, double InDepthNear)
	: Ring(MoveTemp(Recorder))
	, Width(InWidth)
	, Height(InHeight)
	, DepthNear(InDepthNear)
{
	for (FPair& Pair : Pool)
	{
		Pair.Colour = MakeUnique<FRHIGPUTextureReadback>(TEXT("Dreamport.Colour"));
		Pair.Depth = MakeUnique<FRHIGPUTextureReadback>(TEXT("Dreamport.Depth"));
	}
}

void FDreamportReadback::Enqueue(UTextureRenderTarget2D* Colour, UTextureRenderTarget2D* Depth)
{
	FTextureRenderTargetResource* ColourResource = Colour->GameThread_GetRenderTargetResource();
	FTextureRenderTargetResource* DepthResource = Depth != nullptr ? Depth->GameThread_GetRenderTargetResource() : nullptr;
	if (ColourResource == nullptr || (Depth != nullptr && DepthResource == nullptr))
	{
		Ring.Abandon();
		return;
	}
	Ring.Commit();
	ENQUEUE_RENDER_COMMAND(DreamportReadback)(
		[Self = AsShared(), ColourResource, DepthResource, bSwapRedBlue = Colour->GetFormat() == PF_B8G8R8A8, Index = (Ring.Committed() - 1) % Dreamport::Core::CaptureRing::Slots](FRHICommandListImmediate& RHICmdList)
		{
			FPair& Pair = Self->Pool[Index];
			Pair.bDepth = DepthResource != nullptr;
			Pair.bSwapRedBlue = bSwapRedBlue;
			Pair.Colour->EnqueueCopy(RHICmdList, ColourResource->GetRenderTargetTexture(), FIntVector(0, 0, 0), 0, FIntVector(Self->Width, Self->Height, 1));
			if (DepthResource != nullptr)
			{
				Pair.Depth->EnqueueCopy(RHICmdList, DepthResource->GetRenderTargetTexture(), FIntVector(0, 0, 0), 0, FIntVector(Self->Width, Self->Height, 1));
			}
		});
}

void FDreamportReadback::Pump()
{
	ENQUEUE_RENDER_COMMAND(DreamportReadbackPump)([Self = AsShared()](FRHICommandListImmediate&) { Self->Copy_RenderThread(false); });
}

void FDreamportReadback::Drain()
{
	ENQUEUE_RENDER_COMMAND(DreamportReadbackDrain)(
		[Self = AsShared()](FRHICommandListImmediate& RHICmdList)
		{
			RHICmdList.BlockUntilGPUIdle();
			Self->Copy_RenderThread(true);
		});
	FlushRenderingCommands();
}

void FDreamportReadback::Copy_RenderThread(bool bEvenIfNotReady)
{
	while (CaptureSlot* Slot = Ring.Oldest())
	{
		FPair& Pair = Pool[Slot->Index];
		if (!bEvenIfNotReady && (!Pair.Colour->IsReady() || (Pair.bDepth && !Pair.Depth->IsReady())))
		{
			return;
		}
		int32 Pitch = 0;
		const uint8* Colour = static_cast<const uint8*>(Pair.Colour->Lock(Pitch));
		if (Colour != nullptr)
		{
			Dreamport::Core::CopyRows(Slot->Buffer.colour, Slot->Buffer.colour_stride, Colour, static_cast<uint32>(Pitch) * 4, static_cast<uint32>(Width), static_cast<uint32>(Height), Pair.bSwapRedBlue);
			Pair.Colour->Unlock();
		}
		bool bWhole = Colour != nullptr;
		if (Pair.bDepth && Slot->Buffer.depth != nullptr)
		{
			const float* Depth = static_cast<const float*>(Pair.Depth->Lock(Pitch));
			bWhole = bWhole && Depth != nullptr;
			if (Depth != nullptr)
			{
				for (int32 Row = 0; Row < Height; ++Row)
				{
					// Scene depth is in centimetres, and so is the unit: the ratio is the same.
					uint16* To = reinterpret_cast<uint16*>(reinterpret_cast<uint8*>(Slot->Buffer.depth) + static_cast<SIZE_T>(Row) * Slot->Buffer.depth_stride);
					dp_depth_from_metres(Depth + static_cast<SIZE_T>(Row) * Pitch, static_cast<uint64_t>(Width), DepthNear * 100.0, To);
				}
				Pair.Depth->Unlock();
			}
		}
		if (bWhole)
		{
			Ring.Submit();
		}
		else
		{
			Ring.Cancel();
		}
	}
}
