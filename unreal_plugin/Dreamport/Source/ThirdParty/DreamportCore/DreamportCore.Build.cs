// The native library: one shared library a platform, put here by `python native/build.py --install`, and its one header.

using System.IO;
using UnrealBuildTool;

public class DreamportCore : ModuleRules
{
	public DreamportCore(ReadOnlyTargetRules Target) : base(Target)
	{
		Type = ModuleType.External;
		PublicSystemIncludePaths.Add(Path.Combine(ModuleDirectory, "include"));

		if (Target.Platform == UnrealTargetPlatform.Win64)
		{
			string Folder = Target.Architecture == UnrealArch.Arm64 ? "windows-arm64" : "windows-x64";
			string Library = Path.Combine(ModuleDirectory, Folder, "dreamport_core.dll");
			PublicAdditionalLibraries.Add(Path.Combine(ModuleDirectory, Folder, "dreamport_core.lib"));
			PublicDelayLoadDLLs.Add("dreamport_core.dll");
			RuntimeDependencies.Add("$(TargetOutputDir)/dreamport_core.dll", Library);
		}
		else if (Target.Platform == UnrealTargetPlatform.Mac)
		{
			string Folder = Target.Architecture == UnrealArch.Arm64 ? "macos-arm64" : "macos-x64";
			string Library = Path.Combine(ModuleDirectory, Folder, "libdreamport_core.dylib");
			PublicDelayLoadDLLs.Add(Library);
			RuntimeDependencies.Add("$(TargetOutputDir)/libdreamport_core.dylib", Library);
		}
		else if (Target.Platform == UnrealTargetPlatform.Linux || Target.Platform == UnrealTargetPlatform.LinuxArm64)
		{
			string Folder = Target.Platform == UnrealTargetPlatform.LinuxArm64 ? "linux-arm64" : "linux-x64";
			string Library = Path.Combine(ModuleDirectory, Folder, "libdreamport_core.so");
			PublicAdditionalLibraries.Add(Library);
			PublicDelayLoadDLLs.Add("libdreamport_core.so");
			RuntimeDependencies.Add("$(TargetOutputDir)/libdreamport_core.so", Library);
		}
	}
}
