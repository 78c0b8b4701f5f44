#include "DreamportScreenMaterial.h"

#include "AssetRegistry/AssetRegistryModule.h"
#include "MaterialEditingLibrary.h"
#include "Materials/Material.h"
#include "Materials/MaterialExpressionAppendVector.h"
#include "Materials/MaterialExpressionCameraPositionWS.h"
#include "Materials/MaterialExpressionDivide.h"
#include "Materials/MaterialExpressionDotProduct.h"
#include "Materials/MaterialExpressionLinearInterpolate.h"
#include "Materials/MaterialExpressionScalarParameter.h"
#include "Materials/MaterialExpressionSubtract.h"
#include "Materials/MaterialExpressionTextureCoordinate.h"
#include "Materials/MaterialExpressionTextureSampleParameter2D.h"
#include "Materials/MaterialExpressionVectorParameter.h"
#include "Materials/MaterialExpressionWorldPosition.h"
#include "UObject/Package.h"

namespace
{
	template <typename Expression>
	Expression* Add(UMaterial* Material, int32 X, int32 Y)
	{
		return CastChecked<Expression>(UMaterialEditingLibrary::CreateMaterialExpression(Material, Expression::StaticClass(), X, Y));
	}

	void Connect(UMaterialExpression* From, UMaterialExpression* To, const TCHAR* Input)
	{
		UMaterialEditingLibrary::ConnectMaterialExpressions(From, FString(), To, Input);
	}
}

UMaterial* DreamportEditor::MakeScreenMaterial()
{
	const TCHAR* PackageName = TEXT("/Game/Dreamport/M_DreamportScreen");
	if (UMaterial* There = LoadObject<UMaterial>(nullptr, TEXT("/Game/Dreamport/M_DreamportScreen.M_DreamportScreen"), nullptr, LOAD_NoWarn | LOAD_Quiet))
	{
		return There;
	}
	UPackage* Package = CreatePackage(PackageName);
	UMaterial* Material = Package != nullptr ? NewObject<UMaterial>(Package, FName(TEXT("M_DreamportScreen")), RF_Public | RF_Standalone) : nullptr;
	if (Material == nullptr)
	{
		return nullptr;
	}
	Material->SetShadingModel(MSM_Unlit);
	Material->TwoSided = true;

	// D: from the viewer to the surface.
	UMaterialExpression* Surface = Add<UMaterialExpressionWorldPosition>(Material, -1400, 0);
	UMaterialExpression* Viewer = Add<UMaterialExpressionCameraPositionWS>(Material, -1400, 150);
	UMaterialExpression* Direction = Add<UMaterialExpressionSubtract>(Material, -1200, 60);
	Connect(Surface, Direction, TEXT("A"));
	Connect(Viewer, Direction, TEXT("B"));

	// dot(D, U), dot(D, V), dot(D, W).
	const TCHAR* Names[] = {TEXT("DreamportU"), TEXT("DreamportV"), TEXT("DreamportW")};
	UMaterialExpression* Dots[3];
	for (int32 Row = 0; Row < 3; ++Row)
	{
		UMaterialExpressionVectorParameter* Parameter = Add<UMaterialExpressionVectorParameter>(Material, -1200, 250 + 220 * Row);
		Parameter->ParameterName = FName(Names[Row]);
		Dots[Row] = Add<UMaterialExpressionDotProduct>(Material, -950, 200 + 220 * Row);
		Connect(Direction, Dots[Row], TEXT("A"));
		Connect(Parameter, Dots[Row], TEXT("B"));
	}
	UMaterialExpression* Both = Add<UMaterialExpressionAppendVector>(Material, -750, 250);
	Connect(Dots[0], Both, TEXT("A"));
	Connect(Dots[1], Both, TEXT("B"));
	UMaterialExpression* Portal = Add<UMaterialExpressionDivide>(Material, -600, 300);
	Connect(Both, Portal, TEXT("A"));
	Connect(Dots[2], Portal, TEXT("B"));

	// The mesh's own coordinates for a flat screen.
	UMaterialExpression* Flat = Add<UMaterialExpressionTextureCoordinate>(Material, -600, 100);
	UMaterialExpressionScalarParameter* Choice = Add<UMaterialExpressionScalarParameter>(Material, -600, 500);
	Choice->ParameterName = FName(TEXT("DreamportPortal"));
	Choice->DefaultValue = 1.0f;
	UMaterialExpression* Where = Add<UMaterialExpressionLinearInterpolate>(Material, -420, 250);
	Connect(Flat, Where, TEXT("A"));
	Connect(Portal, Where, TEXT("B"));
	Connect(Choice, Where, TEXT("Alpha"));

	UMaterialExpressionTextureSampleParameter2D* Colour = Add<UMaterialExpressionTextureSampleParameter2D>(Material, -220, 200);
	Colour->ParameterName = FName(TEXT("DreamportColour"));
	Connect(Where, Colour, TEXT("UVs"));
	UMaterialEditingLibrary::ConnectMaterialProperty(Colour, TEXT("RGB"), MP_EmissiveColor);

	UMaterialEditingLibrary::RecompileMaterial(Material);
	Package->MarkPackageDirty();
	FAssetRegistryModule::AssetCreated(Material);
	return Material;
}
