// The material of screens and portals, made in C++ because a binary asset has no place in a source repository.

#pragma once

#include "CoreMinimal.h"

class UMaterial;

namespace DreamportEditor
{
	/** Makes /Game/Dreamport/M_DreamportScreen, unsaved, or returns the one that is there. Null when it cannot be made. */
	UMaterial* MakeScreenMaterial();
}
