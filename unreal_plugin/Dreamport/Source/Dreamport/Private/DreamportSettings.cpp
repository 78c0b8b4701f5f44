#include "DreamportSettings.h"

FName UDreamportSettings::GetCategoryName() const
{
	return FName(TEXT("Plugins"));
}
