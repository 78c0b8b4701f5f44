// Shaders and the composite pass. Loaded before the shader compiler starts, so it knows nothing of worlds and sessions.

using UnrealBuildTool;

public class DreamportRendering : ModuleRules
{
	public DreamportRendering(ReadOnlyTargetRules Target) : base(Target)
	{
		PCHUsage = PCHUsageMode.UseExplicitOrSharedPCHs;

		PublicDependencyModuleNames.AddRange(new string[]
		{
			"Core",
			"CoreUObject",
			"Engine",
			"RenderCore",
			"RHI",
		});
		PrivateDependencyModuleNames.AddRange(new string[]
		{
			"Projects",
			"Renderer",
		});
	}
}
