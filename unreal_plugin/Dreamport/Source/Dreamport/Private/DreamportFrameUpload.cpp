#include "DreamportFrameUpload.h"

#include "Engine/Texture2D.h"

void FDreamportFrameUpload::Upload(const dp_frame& Frame, UTexture2D* Colour, UTexture2D* Depth)
{
	Region = FUpdateTextureRegion2D(0, 0, 0, 0, Frame.width, Frame.height);
	UploadPlane(Frame.lease, Frame.colour, Frame.colour_stride, 4, Colour);
	if (Depth != nullptr)
	{
		UploadPlane(Frame.lease, Frame.depth, Frame.depth_stride, 2, Depth);
	}
}

void FDreamportFrameUpload::UploadPlane(uint32 Lease, const void* Pixels, uint32 Pitch, uint32 BytesPerPixel, UTexture2D* Texture)
{
	// Without a resource the engine would forget the clean-up, and the frame would stay lent for ever.
	if (Pixels == nullptr || Texture->GetResource() == nullptr)
	{
		Client->GiveBack(Lease);
		return;
	}
	uint8* Source = static_cast<uint8*>(const_cast<void*>(Pixels));
	Texture->UpdateTextureRegions(0, 1, &Region, Pitch, BytesPerPixel, Source,
		[Self = AsShared(), Lease](uint8*, const FUpdateTextureRegion2D*) { Self->Client->GiveBack(Lease); });
}
