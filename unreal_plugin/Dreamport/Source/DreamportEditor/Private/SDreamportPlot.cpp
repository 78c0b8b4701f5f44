#include "SDreamportPlot.h"

#include "Rendering/DrawElements.h"

void SDreamportPlot::Construct(const FArguments& InArgs)
{
	Maximum = InArgs._Maximum;
}

void SDreamportPlot::Add(float Value)
{
	if (Values.Num() == Capacity)
	{
		Values.RemoveAt(0);
	}
	Values.Add(Value);
	Invalidate(EInvalidateWidgetReason::Paint);
}

void SDreamportPlot::Line(const FVector2D& Size, TArray<FVector2f>& Out) const
{
	Out.Reset();
	for (int32 Index = 0; Index < Values.Num(); ++Index)
	{
		const double X = Size.X * (Capacity - Values.Num() + Index) / (Capacity - 1);
		const double Height = FMath::Clamp(static_cast<double>(Values[Index] / Maximum), 0.0, 1.0);
		Out.Add(FVector2f(static_cast<float>(X), static_cast<float>(Size.Y * (1.0 - Height))));
	}
}

int32 SDreamportPlot::OnPaint(const FPaintArgs&, const FGeometry& AllottedGeometry, const FSlateRect&, FSlateWindowElementList& OutDrawElements, int32 LayerId, const FWidgetStyle&, bool) const
{
	TArray<FVector2f> Points;
	Line(FVector2D(AllottedGeometry.GetLocalSize()), Points);
	if (Points.Num() > 1)
	{
		FSlateDrawElement::MakeLines(OutDrawElements, LayerId, AllottedGeometry.ToPaintGeometry(), Points, ESlateDrawEffect::None, FLinearColor(0.2f, 0.7f, 1.0f), true, 1.5f);
	}
	return LayerId;
}

FVector2D SDreamportPlot::ComputeDesiredSize(float) const
{
	return FVector2D(320.0, 80.0);
}
