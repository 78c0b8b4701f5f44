// Frames into textures, without a copy on the game thread.

#pragma once

#include "Core/Native.h"
#include "CoreMinimal.h"
#include "RHITypes.h"

class UTexture2D;

/**
 * Lends a frame's pixels to the render thread and gives the frame back when both textures have them. Shared with the render commands, so
 * that neither the session's end nor the component's leaves them with dangling memory.
 */
class FDreamportFrameUpload : public TSharedFromThis<FDreamportFrameUpload, ESPMode::ThreadSafe>
{
public:
	explicit FDreamportFrameUpload(std::shared_ptr<Dreamport::Core::Client> InClient) : Client(MoveTemp(InClient)) {}

	/** Depth may be null. Frame was acquired for ReadersOf(Depth) readers. */
	void Upload(const dp_frame& Frame, UTexture2D* Colour, UTexture2D* Depth);
	static uint32 ReadersOf(const UTexture2D* Depth) { return Depth != nullptr ? 2 : 1; }

private:
	void UploadPlane(uint32 Lease, const void* Pixels, uint32 Pitch, uint32 BytesPerPixel, UTexture2D* Texture);

	std::shared_ptr<Dreamport::Core::Client> Client;
	FUpdateTextureRegion2D Region{};
};
