// Worlds in the scene: components, the subsystem that owns connections, recording.

using UnrealBuildTool;

public class Dreamport : ModuleRules
{
	public Dreamport(ReadOnlyTargetRules Target) : base(Target)
	{
		PCHUsage = PCHUsageMode.UseExplicitOrSharedPCHs;
		// The engine-free layer in Private/Core has small functions of the same name in different files.
		bUseUnity = false;

		PublicDependencyModuleNames.AddRange(new string[]
		{
			"Core",
			"CoreUObject",
			"DeveloperSettings",
			"Engine",
		});
		PrivateDependencyModuleNames.AddRange(new string[]
		{
			"ApplicationCore",
			"DreamportCore",
			"DreamportRendering",
			"EnhancedInput",
			"InputCore",
			"NavigationSystem",
			"PhysicsCore",
			"Projects",
			"RenderCore",
			"RHI",
		});
	}
}
