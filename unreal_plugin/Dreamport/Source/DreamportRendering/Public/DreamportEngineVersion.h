// Differences between the engine versions that the plugin supports, 5.5 to 5.7. No other file asks for a version.

#pragma once

#include "Misc/EngineVersionComparison.h"
#include "SceneViewExtension.h"

#if UE_VERSION_OLDER_THAN(5, 5, 0)
#error "Dreamport needs Unreal Engine 5.5 or newer."
#endif

// Callbacks of a post-processing pass. 5.6 renamed the types; what they do is the same.
#if UE_VERSION_OLDER_THAN(5, 6, 0)
using FDreamportPassDelegate = FAfterPassCallbackDelegate;
using FDreamportPassDelegateArray = FAfterPassCallbackDelegateArray;
#else
using FDreamportPassDelegate = FPostProcessingPassDelegate;
using FDreamportPassDelegateArray = FPostProcessingPassDelegateArray;
#endif
