// The Backend tab: what runs, what plays, how fast, and what to do.

#pragma once

#include "CoreMinimal.h"
#include "Widgets/DeclarativeSyntaxSupport.h"
#include "Widgets/SCompoundWidget.h"

class SDreamportPlot;
class UDreamportWorldComponent;

/** Window > Dreamport Backend. */
class SDreamportBackendTab : public SCompoundWidget
{
public:
	SLATE_BEGIN_ARGS(SDreamportBackendTab) {}
	SLATE_END_ARGS()

	void Construct(const FArguments& InArgs);

private:
	EActiveTimerReturnType Sample(double CurrentTime, float DeltaTime);
	FText BackendText() const;
	FText WorldsText() const;
	FText PlayText() const;
	FReply CopyDiagnostics() const;
	/** The first world component that plays in any game of this editor; null when none does. */
	static UDreamportWorldComponent* Playing();

	TSharedPtr<SDreamportPlot> Plot;
};
