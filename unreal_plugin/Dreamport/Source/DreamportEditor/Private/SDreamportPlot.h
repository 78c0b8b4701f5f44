// A line of numbers over time.

#pragma once

#include "CoreMinimal.h"
#include "Widgets/DeclarativeSyntaxSupport.h"
#include "Widgets/SLeafWidget.h"

/** The last values, newest at the right; the top is Maximum. */
class SDreamportPlot : public SLeafWidget
{
public:
	SLATE_BEGIN_ARGS(SDreamportPlot)
		: _Maximum(150.0f)
	{
	}
		/** Value at the upper edge. */
		SLATE_ARGUMENT(float, Maximum)
	SLATE_END_ARGS()

	void Construct(const FArguments& InArgs);

	/** Values that are kept. */
	static constexpr int32 Capacity = 240;
	void Add(float Value);

	//~ Begin SWidget
	virtual int32 OnPaint(const FPaintArgs& Args, const FGeometry& AllottedGeometry, const FSlateRect& MyCullingRect, FSlateWindowElementList& OutDrawElements, int32 LayerId, const FWidgetStyle& InWidgetStyle, bool bParentEnabled) const override;
	virtual FVector2D ComputeDesiredSize(float LayoutScaleMultiplier) const override;
	//~ End SWidget

	/** Points of the line in a box of that size; for tests too. */
	void Line(const FVector2D& Size, TArray<FVector2f>& Out) const;

private:
	float Maximum = 150.0f;
	TArray<float> Values;
};
