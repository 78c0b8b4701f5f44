#include "CoreMinimal.h"
#include "DreamportScreenMaterial.h"
#include "DreamportSettings.h"
#include "DreamportTypes.h"
#include "Framework/Docking/TabManager.h"
#include "Materials/Material.h"
#include "Modules/ModuleManager.h"
#include "SDreamportBackendTab.h"
#include "Styling/SlateTypes.h"
#include "ToolMenus.h"
#include "Widgets/Docking/SDockTab.h"
#include "WorkspaceMenuStructure.h"
#include "WorkspaceMenuStructureModule.h"

#define LOCTEXT_NAMESPACE "DreamportEditor"

namespace
{
	const FName TabName(TEXT("DreamportBackend"));
}

/** The Backend tab, and the Dreamport section of the Tools menu. */
class FDreamportEditorModule : public IModuleInterface
{
public:
	virtual void StartupModule() override
	{
		FGlobalTabmanager::Get()
			->RegisterNomadTabSpawner(TabName, FOnSpawnTab::CreateRaw(this, &FDreamportEditorModule::SpawnTab))
			.SetDisplayName(LOCTEXT("TabTitle", "Dreamport Backend"))
			.SetTooltipText(LOCTEXT("TabTip", "The backend that plays neural levels: state, worlds, latency, diagnostics."))
			.SetGroup(WorkspaceMenu::GetMenuStructure().GetToolsCategory());
		UToolMenus::RegisterStartupCallback(FSimpleMulticastDelegate::FDelegate::CreateRaw(this, &FDreamportEditorModule::RegisterMenus));
	}

	virtual void ShutdownModule() override
	{
		UToolMenus::UnRegisterStartupCallback(this);
		UToolMenus::UnregisterOwner(this);
		FGlobalTabmanager::Get()->UnregisterNomadTabSpawner(TabName);
	}

private:
	TSharedRef<SDockTab> SpawnTab(const FSpawnTabArgs&)
	{
		return SNew(SDockTab).TabRole(ETabRole::NomadTab)[SNew(SDreamportBackendTab)];
	}

	void RegisterMenus()
	{
		const FToolMenuOwnerScoped Owner(this);
		UToolMenu* Menu = UToolMenus::Get()->ExtendMenu(TEXT("LevelEditor.MainMenu.Tools"));
		FToolMenuSection& Section = Menu->FindOrAddSection(TEXT("Dreamport"), LOCTEXT("Section", "Dreamport"));
		Section.AddMenuEntry(TEXT("DreamportBackend"), LOCTEXT("Backend", "Backend"), LOCTEXT("BackendTip", "Show the Backend tab."), FSlateIcon(),
			FUIAction(FExecuteAction::CreateLambda([] { FGlobalTabmanager::Get()->TryInvokeTab(FTabId(TabName)); })));
		Section.AddMenuEntry(TEXT("DreamportMaterial"), LOCTEXT("Material", "Make Screen Material"), LOCTEXT("MaterialTip", "Make the material of screens and portals in /Game/Dreamport."), FSlateIcon(),
			FUIAction(FExecuteAction::CreateRaw(this, &FDreamportEditorModule::MakeMaterial)));
	}

	void MakeMaterial()
	{
		const UMaterial* Material = DreamportEditor::MakeScreenMaterial();
		if (Material == nullptr)
		{
			UE_LOG(LogDreamport, Error, TEXT("The screen's material could not be made in /Game/Dreamport."));
			return;
		}
		GetMutableDefault<UDreamportSettings>()->ScreenMaterial = TSoftObjectPtr<UMaterialInterface>(FSoftObjectPath(Material));
		UE_LOG(LogDreamport, Display, TEXT("%s is there. Save it with File > Save All."), *Material->GetPathName());
	}
};

IMPLEMENT_MODULE(FDreamportEditorModule, DreamportEditor)

#undef LOCTEXT_NAMESPACE
