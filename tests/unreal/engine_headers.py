"""Where the engine's headers come from: include path -> (module that a Build.cs must list, stub that stands for it).

Modules and paths are those of the public API reference (docs/engines.md has the pages).
"""

from __future__ import annotations

CORE = (
    "CoreMinimal.h Containers/Ticker.h HAL/PlatformMisc.h HAL/PlatformProcess.h Misc/App.h Misc/CoreDelegates.h Misc/EngineVersion.h "
    "Misc/EngineVersionComparison.h Misc/FileHelper.h Misc/Paths.h Modules/ModuleInterface.h Modules/ModuleManager.h "
    "Templates/PimplPtr.h"
)
OBJECT = "UObject/ConstructorHelpers.h UObject/Object.h UObject/Package.h"
RENDERER = "PostProcess/PostProcessMaterialInputs.h ScreenPass.h"
RENDER_CORE = (
    "GlobalShader.h RenderGraphBuilder.h RenderingThread.h ShaderCore.h ShaderParameterStruct.h"
)
RHI = "RHI.h RHICommandList.h RHIGPUReadback.h RHIResources.h RHITypes.h"
ENGINE_RENDER = (
    "SceneInterface.h SceneTexturesConfig.h SceneView.h SceneViewExtension.h TextureResource.h Engine/Texture.h"
)
ENGINE = (
    "Camera/CameraActor.h Camera/CameraComponent.h Camera/PlayerCameraManager.h CollisionQueryParams.h "
    "Components/ActorComponent.h Components/SceneCaptureComponent2D.h Components/SceneComponent.h "
    "Components/StaticMeshComponent.h Engine/GameInstance.h Engine/HitResult.h Engine/LocalPlayer.h "
    "Engine/StaticMesh.h Engine/Texture2D.h Engine/TextureRenderTarget2D.h Engine/World.h GameFramework/Actor.h "
    "GameFramework/PlayerController.h Kismet/BlueprintAsyncActionBase.h Kismet/BlueprintFunctionLibrary.h "
    "Kismet/GameplayStatics.h Materials/MaterialInstanceDynamic.h Materials/MaterialInterface.h "
    "Subsystems/GameInstanceSubsystem.h"
)
MATERIALS = "Materials/Material.h " + " ".join(
    f"Materials/MaterialExpression{name}.h"
    for name in (
        "AppendVector CameraPositionWS Divide DotProduct LinearInterpolate ScalarParameter Subtract TextureCoordinate "
        "TextureSampleParameter2D VectorParameter WorldPosition"
    ).split()
)
SLATE = (
    "Framework/Docking/TabManager.h Widgets/Docking/SDockTab.h Widgets/Input/SButton.h Widgets/Text/STextBlock.h"
)
SLATE_CORE = (
    "Rendering/DrawElements.h Styling/SlateTypes.h Widgets/DeclarativeSyntaxSupport.h Widgets/SBoxPanel.h "
    "Widgets/SCompoundWidget.h Widgets/SLeafWidget.h"
)


def _all() -> dict[str, tuple[str, str]]:
    table: dict[str, tuple[str, str]] = {}
    for paths, module, stub in (
        (CORE, "Core", "Object.h"),
        ("HAL/PlatformApplicationMisc.h", "ApplicationCore", "Core.h"),
        ("Interfaces/IPluginManager.h", "Projects", "Core.h"),
        ("Misc/AutomationTest.h", "Core", "Engine.h"),
        (OBJECT, "CoreUObject", "Object.h"),
        (RENDERER, "Renderer", "Render.h"),
        (RENDER_CORE, "RenderCore", "Render.h"),
        (RHI, "RHI", "Render.h"),
        (ENGINE_RENDER, "Engine", "Engine.h"),
        (ENGINE, "Engine", "Engine.h"),
        (MATERIALS, "Engine", "Editor.h"),
        ("Engine/DeveloperSettings.h", "DeveloperSettings", "Engine.h"),
        ("InputCoreTypes.h", "InputCore", "Engine.h"),
        (
            "EnhancedInputComponent.h EnhancedInputSubsystems.h InputAction.h InputMappingContext.h",
            "EnhancedInput",
            "Engine.h",
        ),
        ("NavigationSystem.h", "NavigationSystem", "Engine.h"),
        ("CollisionShape.h", "PhysicsCore", "Engine.h"),
        (SLATE, "Slate", "Editor.h"),
        (SLATE_CORE, "SlateCore", "Editor.h"),
        ("ToolMenus.h", "ToolMenus", "Editor.h"),
        ("MaterialEditingLibrary.h", "MaterialEditor", "Editor.h"),
        ("AssetRegistry/AssetRegistryModule.h", "AssetRegistry", "Editor.h"),
        (
            "WorkspaceMenuStructure.h WorkspaceMenuStructureModule.h",
            "WorkspaceMenuStructure",
            "Editor.h",
        ),
    ):
        table |= {path: (module, stub) for path in paths.split()}
    return table


HEADERS = _all()
