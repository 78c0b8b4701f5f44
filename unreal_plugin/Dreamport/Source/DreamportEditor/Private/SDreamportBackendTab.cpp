#include "SDreamportBackendTab.h"

#include "Backend/DreamportBackend.h"
#include "DreamportSubsystem.h"
#include "DreamportWorldComponent.h"
#include "HAL/PlatformApplicationMisc.h"
#include "SDreamportPlot.h"
#include "Widgets/Input/SButton.h"
#include "Widgets/SBoxPanel.h"
#include "Widgets/Text/STextBlock.h"

#define LOCTEXT_NAMESPACE "DreamportBackendTab"

namespace
{
	FString StateName(EDreamportBackendState State)
	{
		switch (State)
		{
		case EDreamportBackendState::Idle: return TEXT("Not started");
		case EDreamportBackendState::Looking: return TEXT("Looking");
		case EDreamportBackendState::Attached: return TEXT("Attached");
		case EDreamportBackendState::Starting: return TEXT("Starting");
		case EDreamportBackendState::Running: return TEXT("Running");
		case EDreamportBackendState::Failed: return TEXT("Failed");
		}
		return FString();
	}

	FString StateName(EDreamportState State)
	{
		switch (State)
		{
		case EDreamportState::Connecting: return TEXT("Connecting");
		case EDreamportState::Opening: return TEXT("Opening");
		case EDreamportState::Ready: return TEXT("Playing");
		case EDreamportState::Waiting: return TEXT("Waiting");
		case EDreamportState::Failed: return TEXT("Failed");
		case EDreamportState::Closed: return TEXT("Closed");
		}
		return FString();
	}
}

void SDreamportBackendTab::Construct(const FArguments&)
{
	// clang-format off
	ChildSlot
	[
		SNew(SVerticalBox)
		+ SVerticalBox::Slot().AutoHeight().Padding(6.0f)
		[
			SNew(STextBlock).AutoWrapText(true).Text(this, &SDreamportBackendTab::BackendText)
		]
		+ SVerticalBox::Slot().AutoHeight().Padding(6.0f)
		[
			SNew(SHorizontalBox)
			+ SHorizontalBox::Slot().AutoWidth()
			[
				SNew(SButton)
				.Text(LOCTEXT("Start", "Start or attach"))
				.OnClicked_Lambda([] { FDreamportBackend::Get().Ensure(); return FReply::Handled(); })
			]
			+ SHorizontalBox::Slot().AutoWidth()
			[
				SNew(SButton)
				.Text(LOCTEXT("Restart", "Restart"))
				.OnClicked_Lambda([] { FDreamportBackend::Get().Restart(); return FReply::Handled(); })
			]
			+ SHorizontalBox::Slot().AutoWidth()
			[
				SNew(SButton)
				.Text(LOCTEXT("Stop", "Stop"))
				.OnClicked_Lambda([] { FDreamportBackend::Get().Stop(); return FReply::Handled(); })
			]
			+ SHorizontalBox::Slot().AutoWidth()
			[
				SNew(SButton)
				.Text(LOCTEXT("Copy", "Copy diagnostics"))
				.OnClicked_Lambda([this] { return CopyDiagnostics(); })
			]
		]
		+ SVerticalBox::Slot().AutoHeight().Padding(6.0f)
		[
			SNew(STextBlock).AutoWrapText(true).Text(this, &SDreamportBackendTab::WorldsText)
		]
		+ SVerticalBox::Slot().AutoHeight().Padding(6.0f)
		[
			SNew(STextBlock).AutoWrapText(true).Text(this, &SDreamportBackendTab::PlayText)
		]
		+ SVerticalBox::Slot().AutoHeight().Padding(6.0f)
		[
			SAssignNew(Plot, SDreamportPlot).Maximum(150.0f)
		]
	];
	// clang-format on
	RegisterActiveTimer(0.25f, FWidgetActiveTimerDelegate::CreateSP(this, &SDreamportBackendTab::Sample));
}

EActiveTimerReturnType SDreamportBackendTab::Sample(double, float)
{
	const UDreamportWorldComponent* World = Playing();
	if (World != nullptr)
	{
		Plot->Add(World->GetStatistics().ControlToFrameMs);
	}
	return EActiveTimerReturnType::Continue;
}

UDreamportWorldComponent* SDreamportBackendTab::Playing()
{
	for (const TWeakObjectPtr<UDreamportSubsystem>& Weak : UDreamportSubsystem::All())
	{
		const UDreamportSubsystem* Subsystem = Weak.Get();
		const TArray<UDreamportWorldComponent*> Worlds = Subsystem != nullptr ? Subsystem->GetPlaying() : TArray<UDreamportWorldComponent*>();
		if (Worlds.Num() > 0)
		{
			return Worlds[0];
		}
	}
	return nullptr;
}

FText SDreamportBackendTab::BackendText() const
{
	const FDreamportBackend& Backend = FDreamportBackend::Get();
	FString Text = FString::Printf(TEXT("%s. %s"), *StateName(Backend.GetState()), *Backend.GetStatusText());
	if (!Backend.GetExecutor().IsEmpty())
	{
		Text += FString::Printf(TEXT("\nExecutor: %s"), *Backend.GetExecutor());
	}
	return FText::FromString(Text);
}

FText SDreamportBackendTab::WorldsText() const
{
	FString Text = TEXT("Worlds:");
	for (const FDreamportBackendWorld& World : FDreamportBackend::Get().GetWorlds())
	{
		Text += FString::Printf(TEXT("\n  %s  %s, %d x %d at %.0f fps, %s"), *World.Name, *World.Title, World.Width, World.Height, World.FrameRate, *World.Licence);
	}
	return FText::FromString(Text);
}

FText SDreamportBackendTab::PlayText() const
{
	const UDreamportWorldComponent* World = Playing();
	if (World == nullptr)
	{
		return LOCTEXT("Nothing", "Nothing plays. Press Play with a Dreamport World component in the level.");
	}
	const FDreamportStatistics Statistics = World->GetStatistics();
	FString Text = FString::Printf(TEXT("%s. %s\nExecutor: %s\n%.1f fps, key to frame %.0f ms (95 %%: %.0f ms), jitter %.1f ms"), *StateName(World->GetState()), *World->GetStatusText(),
		*Statistics.Executor, Statistics.Fps, Statistics.ControlToFrameMs, Statistics.ControlToFrameMs95, Statistics.JitterMs);
	if (!Statistics.FallbackReason.IsEmpty())
	{
		Text += FString::Printf(TEXT("\nNot the preferred executor, because %s"), *Statistics.FallbackReason);
	}
	return FText::FromString(Text);
}

FReply SDreamportBackendTab::CopyDiagnostics() const
{
	const UDreamportWorldComponent* World = Playing();
	const FString Text = World != nullptr ? World->GetDiagnostics() : FDreamportBackend::Get().GetDiagnostics();
	FPlatformApplicationMisc::ClipboardCopy(*Text);
	return FReply::Handled();
}

#undef LOCTEXT_NAMESPACE
